"""What is particular to StoryGAN: its equations, its baselines, and the defects of the authors' code shown absent."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from limner.blocks.layers.conditioning_augmentation import kl_to_standard_normal
from limner.blocks.layers.doubling import doubled
from limner.blocks.layers.upsampling import UpsampleConv
from limner.blocks.text.lines import cut_short, repeat_earlier
from limner.data.dataset import Dataset
from limner.data.views import Stories, streams
from limner.errors import UserError
from limner.noise import RowNoise
from limner.requests import Story
from limner.system import Clock
from limner.systems.storygan import CHANNELS, TAPS, Config, DynamicFilter, StoryGan, Text2Gist
from toy import shapes, tales

TINY = StoryGan.presets["tiny"]
LINES = ("a red upper left corner", "a blue lower right corner", "a green lower left corner")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return tales(tmp_path_factory.mktemp("tales") / "data")


@pytest.fixture(scope="module")
def make(data: Dataset) -> Callable[..., StoryGan]:
    def made(**changes: Any) -> StoryGan:
        torch.manual_seed(0)
        system = StoryGan(dataclasses.replace(TINY, **changes), data.schema)
        batch = batch_of(system, data)
        for _ in system.step(batch, Clock(0, 1, 0)):  # batch norm has seen something
            pass
        return system.eval()

    return made


def batch_of(system: StoryGan, data: Dataset, rows: Sequence[int] = range(14)) -> Stories:
    (phase,) = system.phases()
    batch = phase.view.gather(data, rows, np.random.default_rng(0)).to("cpu")
    assert isinstance(batch, Stories)
    return batch


def draw(system: StoryGan, *stories: Story, seed: int = 0, **knobs: Any) -> torch.Tensor:
    *_, final = system.sample(stories, system.Knobs(**knobs), RowNoise([seed + i for i in range(len(stories))]))
    assert final.images is not None
    return final.images


class TestEquations:
    def test_gist_worked_by_hand(self) -> None:
        gist = Text2Gist(1)
        for layer, (a, b, c) in zip(
            (gist.update, gist.reset, gist.gist), ((1, 2, 0.5), (-1, 1, 0), (2, 3, 1)), strict=True
        ):
            layer.weight.data, layer.bias.data = torch.tensor([[float(a), float(b)]]), torch.tensor([float(c)])
        i, h = torch.tensor([[0.5]]), torch.tensor([[-0.25]])
        z = 1 / (1 + np.exp(-(0.5 + 2 * -0.25 + 0.5)))
        r = 1 / (1 + np.exp(-(-0.5 - 0.25)))
        assert gist(i, h).item() == pytest.approx((1 - z) * -0.25 + z * np.tanh(1 + 3 * r * -0.25 + 1), abs=1e-6)

    def test_the_filter_is_a_convolution_of_each_row_with_its_own_kernel(self) -> None:
        torch.manual_seed(0)
        layer = DynamicFilter(32).eval()
        a, b = torch.randn(3, 32), torch.randn(3, 32)
        kernels = layer.kernel(a).view(3, 1, CHANNELS, TAPS)
        signals = layer.signal(b).view(3, 1, CHANNELS, 32)
        rows = [
            F.conv1d(signal, kernel, padding=TAPS // 2)[0, 0] for signal, kernel in zip(signals, kernels, strict=True)
        ]
        assert torch.allclose(layer(a, b), torch.stack(rows), atol=1e-5)

    def test_a_move_of_the_signal_moves_what_is_filtered(self) -> None:
        """The authors' filter multiplies a box blur place by place: there a moved signal does more than move."""
        layer = DynamicFilter(64).eval()
        signal = torch.zeros(1, CHANNELS, 64)
        signal[:, :, 30] = 1
        layer.signal = torch.nn.Identity()  # type: ignore[assignment]
        still, moved = (layer(torch.ones(1, 64), x.flatten(1)) for x in (signal, signal.roll(5, 2)))
        assert torch.allclose(still.roll(5, 1), moved, atol=1e-6) and still.abs().max() > 0

    def test_kl_is_that_of_the_story_encoder_and_moves_it(self, make: Callable[..., StoryGan]) -> None:
        assert kl_to_standard_normal(torch.zeros(2, 3), torch.zeros(2, 3)) == 0
        system = make()
        mu, log_var = system.teller.encode(system.teller.join(system.read([LINES, LINES[::-1]])))
        kl_to_standard_normal(mu, log_var).backward()
        gradient = system.teller.encode.read.weight.grad
        assert gradient is not None and gradient.abs().sum() > 0

    def test_doubling_fused_with_the_convolution_is_the_same_sum(self) -> None:
        layer, x = UpsampleConv(4, 6), torch.randn(2, 4, 8, 8)
        plain = F.conv2d(F.interpolate(x, scale_factor=2), layer.weight, padding=1)
        assert torch.allclose(doubled(x, layer), plain, atol=1e-5)
        with torch.no_grad():
            assert torch.allclose(layer(x), plain, atol=1e-6)


class TestTelling:
    def test_a_frame_depends_on_lines_before_it_and_on_none_after(self, make: Callable[..., StoryGan]) -> None:
        system = make()
        told = draw(system, Story(LINES))
        early = draw(system, Story(("a blue upper left corner", *LINES[1:]), LINES))
        late = draw(system, Story((*LINES[:2], "a yellow upper right corner"), LINES))
        assert all(not torch.equal(told[0, t], early[0, t]) for t in range(3))
        assert torch.equal(told[0, :2], late[0, :2]) and not torch.equal(told[0, 2], late[0, 2])

    def test_alone_or_repeated_sentences_know_no_later_line(self, make: Callable[..., StoryGan]) -> None:
        for repeats in (False, True):
            system, late = make(repeats=repeats), (*LINES[:2], "a yellow upper right corner")
            assert torch.equal(draw(system, Story(LINES))[0, :2], draw(system, Story(late, LINES))[0, :2])

    @pytest.mark.parametrize("variant", ["svc", "svfn", "imagegan"])
    def test_the_baselines_know_the_story_and_the_line_alone(self, make: Callable[..., StoryGan], variant: str) -> None:
        system = make(variant=variant, repeats=False)
        told = draw(system, Story(LINES))
        early = draw(system, Story(("a blue upper left corner", *LINES[1:]), LINES))
        assert not torch.equal(told[0, 0], early[0, 0]) and torch.equal(told[0, 1:], early[0, 1:])

    def test_without_its_setting_a_change_is_another_story(self, make: Callable[..., StoryGan]) -> None:
        system, changed = make(), (*LINES[:2], "a yellow upper right corner")
        assert not torch.equal(draw(system, Story(LINES))[0, 0], draw(system, Story(changed))[0, 0])

    def test_frames_before_the_first_stay_blank_and_the_others_are_the_same(
        self, make: Callable[..., StoryGan]
    ) -> None:
        system = make()
        whole, part = draw(system, Story(LINES)), draw(system, Story(LINES), first=3)
        assert torch.equal(whole[:, 2], part[:, 2]) and part[:, :2].abs().max() == 0

    @pytest.mark.parametrize("count", [1, 2, 7])
    def test_stories_of_any_length(self, make: Callable[..., StoryGan], count: int) -> None:
        lines = tuple(LINES[i % 3] for i in range(count))
        assert draw(make(), Story(lines)).shape == (1, count, 3, 16, 16)

    def test_chapters_do_not_know_each_other(self, make: Callable[..., StoryGan]) -> None:
        system = make(attention=False)
        both = draw(system, Story(LINES * 2))
        other = draw(system, Story((*LINES, "a yellow upper right corner", *LINES[1:])))
        assert torch.equal(both[:, :3], other[:, :3]) and not torch.equal(both[:, 3], other[:, 3])

    def test_chance_moves_every_frame(self, make: Callable[..., StoryGan]) -> None:
        """In the authors' code the state of the sentences begins as the first of them, not at random."""
        system = make()
        one, other = draw(system, Story(LINES)), draw(system, Story(LINES), seed=9)
        assert all(not torch.equal(one[0, t], other[0, t]) for t in range(3))

    def test_a_word_it_does_not_know_leaves_no_trace(self, make: Callable[..., StoryGan]) -> None:
        system = make()
        odd = (f"{LINES[0]} xylophone", *LINES[1:])
        assert torch.equal(draw(system, Story(odd)), draw(system, Story(LINES)))
        assert system.unknown_words([Story(odd)]) == {"xylophone": None}


class TestGame:
    def test_the_variants_differ_in_context_and_in_one_critic(self, make: Callable[..., StoryGan]) -> None:
        parts = {}
        for variant in ("storygan", "svfn", "svc", "imagegan"):
            system = make(variant=variant)
            context = {name for name, _ in system.teller.context.named_children()}
            parts[variant] = (context, "story critic" in system.phases()[0].players)
        assert parts == {
            "storygan": ({"sentence", "gist", "filter"}, True),
            "svfn": ({"sentence", "filter"}, True),
            "svc": ({"sentence"}, True),
            "imagegan": ({"sentence"}, False),
        }

    def test_both_directions_of_the_filter(self, make: Callable[..., StoryGan]) -> None:
        a, b = (draw(make(filter_from=which), Story(LINES)) for which in ("sentence", "context"))
        assert a.shape == b.shape and not torch.equal(a, b)

    @pytest.mark.parametrize("recipe", ["paper", "modern"])
    def test_order_of_moves(self, recipe: str, make: Callable[..., StoryGan], data: Dataset) -> None:
        system = make(moves=2, recipe=recipe).train()
        moves = [update.player for update in system.step(batch_of(system, data), Clock(0, 1, 0))]
        assert moves == ["frame critic", "story critic", "teller", "teller"]

    def test_each_telling_is_judged_by_its_own_mean(
        self, make: Callable[..., StoryGan], data: Dataset, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        system = make(recipe="paper", moves=2).train()
        told, judged = list[torch.Tensor](), list[torch.Tensor]()
        generate, scores = system.generate, system.frame_critic.scores

        def telling(*given: Any) -> Any:
            found = generate(*given)
            told.append(found[2][:8].detach())
            return found

        def judging(features: Any, words: torch.Tensor) -> torch.Tensor:
            judged.append(words[:, -system.config.code :])
            return scores(features, words)

        monkeypatch.setattr(system, "generate", telling)
        monkeypatch.setattr(system.frame_critic, "scores", judging)
        for _ in system.step(batch_of(system, data), Clock(0, 1, 0)):
            pass
        first, second = told
        assert not torch.equal(first, second)  # other lines were cut
        assert torch.equal(judged[-1], second) and torch.equal(judged[-2], first)

    def test_the_single_stream_reaches_the_story_encoder(self, make: Callable[..., StoryGan], data: Dataset) -> None:
        system = make().train()
        batch = batch_of(system, data)
        frame, _, _, _ = system.generate(system.read(batch.lines), batch.frames)
        (gradient,) = torch.autograd.grad(frame.sum(), [system.teller.encode.read.weight])
        assert gradient.abs().sum() > 0

    def test_critics_return_logits(self, make: Callable[..., StoryGan]) -> None:
        system = make(recipe="paper")
        words = torch.randn(4, 3 * system.read.width + TINY.code) * 30
        logits = system.frame_critic(torch.randn(4, 1, 3, 16, 16) * 30, words)
        assert logits.shape == (4,) and (logits.min() < 0 or logits.max() > 1)

    def test_one_story_of_one_frame_each_is_a_batch(self, make: Callable[..., StoryGan], data: Dataset) -> None:
        """The authors' code squeezes the batch away where it holds one."""
        system = make(frames=1, stories=1)
        batch = batch_of(system, data, range(4))
        assert all(torch.isfinite(update.loss) for update in system.step(batch, Clock(0, 1, 0)))

    def test_read_learns_to_read_first(self, data: Dataset) -> None:
        system = StoryGan(dataclasses.replace(TINY, text="read", text_width=16), data.schema)
        assert [phase.name for phase in system.phases()] == ["text", "stories"]
        told = system.read([LINES, LINES[:1]])
        assert told.shape == (2, 3, 16) and told[1, 1:].abs().max() == 0

    def test_presets_have_the_published_sizes(self) -> None:
        """CLEVR-SV and Pororo-SV in the authors' code and its descendant: widths, streams, moves, rate."""
        clevr, pororo = StoryGan.presets["clevr"], StoryGan.presets["pororo"]
        assert (clevr.frames, clevr.stories, clevr.moves, clevr.rate) == (24, 24, 2, 2e-4)
        assert (16 * clevr.teller_width, clevr.critic_width) == (1536, 96)
        assert (pororo.frames, pororo.stories, pororo.code, 16 * pororo.teller_width) == (20, 12, 124, 2048)

    def test_needs_stories(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="the columns story and frame"):
            StoryGan(Config(), shapes(tmp_path / "shapes").schema)


class TestStream:
    def test_two_streams_of_their_own_sizes(self, data: Dataset) -> None:
        batch = streams(8, 6).gather(data, range(14), np.random.default_rng(0))
        assert batch.images.shape == (8, 3, 16, 16) and batch.strips.shape == (2, 3, 3, 16, 16)
        assert len(batch.lines) == 10 and len(batch.frames) == 8 and batch.attributes.shape == (8, 4)

    def test_a_single_frame_is_the_one_that_is_said(self, data: Dataset) -> None:
        batch = streams(8, 6).gather(data, range(14), np.random.default_rng(1))
        said = [(data.captions(row), data.pictures([row])[0]) for row in range(data.length())]
        shown = [
            [picture for texts, picture in said if lines[int(frame)] in texts]
            for lines, frame in zip(batch.lines, batch.frames, strict=False)
        ]
        assert all(any(torch.equal(image, p) for p in many) for image, many in zip(batch.images, shown, strict=True))

    def test_attributes_are_those_of_the_very_frame(self, data: Dataset) -> None:
        """The authors' single frames get the labels of the whole story."""
        batch = streams(8, 6).gather(data, range(14), np.random.default_rng(2))
        nothing = torch.tensor([values.index("nothing") for values in data.schema.attributes.values()])
        assert ((batch.attributes != nothing).sum(dim=1) == batch.frames + 1).all()

    def test_what_does_not_fit_is_another_line_and_another_story(self, data: Dataset) -> None:
        batch = streams(8, 6).gather(data, range(14), np.random.default_rng(0))
        lines = [lines[int(frame)] for lines, frame in zip(batch.lines, batch.frames, strict=False)]
        assert all(lines[i] != lines[int(j)] for i, j in enumerate(batch.wrong[:8]))
        whole = batch.lines[8:]
        assert all(whole[i] != whole[int(j)] for i, j in enumerate(batch.wrong[8:]))

    def test_no_story_is_in_both_splits(self, data: Dataset) -> None:
        """In the authors' code one story is."""
        told = [set(data.column("story", range(data.length(split)), split)) for split in ("train", "test")]
        assert told[0] and told[1] and not told[0] & told[1]
        assert len(data.stories("train")) + len(data.stories("test")) == 12

    def test_order_is_by_number_whatever_the_order_of_rows(self, tmp_path: Path) -> None:
        folder = tmp_path / "tales"
        before = tales(folder, held_out=0)
        lines = (folder / "metadata.jsonl").read_text().splitlines(keepends=True)
        (folder / "metadata.jsonl").write_text("".join(lines[::-1]))
        after = Dataset.open(folder, size=16, held_out=0)
        told = {story.lines for story in before.requests(Story, 12, "train")}  # type: ignore[attr-defined]
        assert told == {story.lines for story in after.requests(Story, 12, "train")}  # type: ignore[attr-defined]

    def test_sentences_repeat_what_was_told_before(self) -> None:
        """The 75 numbers of a frame of CLEVR-SV hold a block for each object so far."""
        lines = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
        assert repeat_earlier(lines)[0].tolist() == [[1, 2, 0, 0, 0, 0], [1, 2, 3, 4, 0, 0], [1, 2, 3, 4, 5, 6]]

    def test_a_cut_story_keeps_its_first_lines(self) -> None:
        torch.manual_seed(0)
        told = cut_short(torch.ones(400, 4, 2), 0.5)[:, :, 0]
        kept = told.sum(dim=1)
        assert torch.equal(told, (torch.arange(4) < kept[:, None]).float())
        assert kept.min() == 1 and 0.5 < (kept == 4).float().mean() < 0.75
