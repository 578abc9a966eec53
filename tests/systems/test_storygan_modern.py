"""StoryGAN's modern recipe: each ingredient does what it says, and is gone where it is left out."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import limner
from artists import LINES as CUBES
from limner import checkpoint, cli
from limner.data.dataset import Dataset
from limner.data.schema import Lexicon, Schema
from limner.data.views import Stories
from limner.errors import Remark, UserError
from limner.noise import RowNoise
from limner.requests import Story
from limner.system import Clock
from limner.systems.storygan import StoryGan
from limner.systems.storygan.critics import GlobalCritic, LineCritic, Maps, matching_aware_loss
from limner.systems.storygan.generator import LINE, E, LineAttention
from toy import COLOURS, tales

TINY = StoryGan.presets["tiny"]
LINES = ("a red upper left corner", "a blue lower right corner", "a green lower left corner")
YELLOW = "a yellow upper right corner"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return tales(tmp_path_factory.mktemp("tales") / "data")


@pytest.fixture(scope="module")
def make(data: Dataset) -> Callable[..., StoryGan]:
    def made(**changes: Any) -> StoryGan:
        torch.manual_seed(0)
        return StoryGan(dataclasses.replace(TINY, **changes), data.schema)

    return made


def batch_of(system: StoryGan, data: Dataset, seed: int = 0) -> Stories:
    (phase,) = system.phases()
    batch = phase.view.gather(data, range(14), np.random.default_rng(seed)).to("cpu")
    assert isinstance(batch, Stories)
    return batch


def draw(system: StoryGan, *lines: str, **knobs: Any) -> Tensor:
    *_, final = system.eval().sample([Story(lines)], system.Knobs(**knobs), RowNoise([0]))
    assert final.images is not None
    return final.images[0]


def losses(system: StoryGan, data: Dataset, progress: float = 0.0) -> dict[str, tuple[float, dict[str, Tensor]]]:
    """Return the loss and the log of each player's first move; nothing is learnt."""
    torch.manual_seed(1)
    updates = system.step(batch_of(system, data), Clock(int(100 * progress), 100, 1))
    return {update.player: (update.loss.item(), dict(update.log)) for update in updates}


class TestPlaces:
    def test_a_line_sees_the_places_it_looks_at_and_no_other(self, make: Callable[..., StoryGan]) -> None:
        critic = make().frame_critic.eval()
        assert isinstance(critic, LineCritic)
        words = critic.query.in_features
        lines = torch.eye(words)[None, :2]  # (1, 2, V)
        with torch.no_grad():
            critic.query.weight.zero_()[:2, :2] = torch.eye(2)
            critic.place.zero_()[0, 3], critic.place[1, 40] = 200, 200
        finer = torch.randn(1, 1, 8, 8, 8)
        other = finer.clone()
        other[..., 5, 0] += 1  # place 40
        before, after = critic.line_scores(finer, lines)[0], critic.line_scores(other, lines)[0]
        assert before[0] == after[0] and before[1] != after[1]

    def test_two_colours_that_change_places_change_the_score(self, make: Callable[..., StoryGan]) -> None:
        """A text that multiplies the whole map alike gives both the same score, where its last layer looks alike."""
        critic = make().frame_critic.eval()
        assert isinstance(critic, LineCritic)
        lines, mask = torch.eye(critic.query.in_features)[None, :2], torch.ones(1, 2)
        with torch.no_grad():
            critic.query.weight.zero_()[:2, :2] = torch.eye(2)
            critic.place.zero_()[0, 9], critic.place[1, 54] = 200, 200
        finer, last = torch.zeros(1, 1, 8, 8, 8), torch.zeros(1, 1, critic.look.widths[-1], 4, 4)
        finer[0, 0, 0, 1, 1], finer[0, 0, 1, 6, 6] = 1, 1
        one = critic.scores(Maps(finer, last), lines, mask)
        assert not torch.allclose(one, critic.scores(Maps(finer.flip(3, 4), last), lines, mask))

    def test_lines_that_do_not_count_do_not(self, make: Callable[..., StoryGan]) -> None:
        for changes in ({}, {"without": ("places",)}):
            critic = make(**changes).frame_critic
            assert isinstance(critic, LineCritic | GlobalCritic)
            maps = critic.eval().maps(torch.randn(2, 1, 3, 16, 16))
            lines, mask = torch.randn(2, 3, 25)[:, :, : make().read.width], torch.tensor([[1.0, 0, 0], [1, 1, 0]])
            changed = lines.clone()
            changed[:, 2] += 1
            assert torch.equal(critic.scores(maps, lines, mask), critic.scores(maps, changed, mask))
            assert not torch.equal(critic.scores(maps, lines, mask), critic.scores(maps, changed, mask * 0 + 1))

    def test_matching_worked_by_hand(self) -> None:
        """Right pairs at 1, drawn ones at 0, wrong ones at -1: f(-1) + (f(0) + f(-1)) / 2, f(x) = log(1 + e^x)."""

        class Fixed:
            def maps(self, images: Tensor) -> Maps:
                return Maps(images, torch.zeros(1))

            def scores(self, maps: Maps, lines: Tensor, mask: Tensor) -> Tensor:
                return lines.flatten() if maps.last.sum() else torch.zeros(1)

        right, wrong = torch.ones(1, 1, 1), -torch.ones(1, 1, 1)
        maps, fake = Maps(torch.zeros(1), torch.ones(1)), torch.zeros(1)
        loss, log = matching_aware_loss(Fixed(), maps, fake, right, wrong, torch.ones(1, 1))
        f = math.log1p(math.exp(-1))
        assert loss.item() == pytest.approx(f + (math.log(2) + f) / 2)
        assert {name: one.item() for name, one in log.items()} == {"right": 1, "drawn": 0, "wrong": -1}

    def test_left_out_the_text_multiplies_the_map(self, make: Callable[..., StoryGan]) -> None:
        system = make(without=("places",))
        assert isinstance(system.frame_critic, GlobalCritic) and isinstance(system.story_critic, GlobalCritic)


class TestMismatches:
    def edited(self, system: StoryGan, batch: Stories, seed: int) -> list[tuple[int, int]]:
        """Return row and line of the mismatches that are their own story with a line edited: one colour for another."""
        torch.manual_seed(seed)
        found = []
        for row, (lines, wrong) in enumerate(zip(batch.lines, system.mismatches(batch), strict=True)):
            changed = [t for t in range(3) if lines[t] != wrong[t]]
            if len(changed) == 1:
                before, after = (one[changed[0]].split() for one in (lines, wrong))
                pairs = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
                if len(pairs) == 1:  # else the line stands in the other story in another wording
                    assert {*pairs[0]} <= {*COLOURS}
                    found.append((row, changed[0]))
        return found

    def test_half_differ_in_one_word_of_a_line_that_is_shown(
        self, make: Callable[..., StoryGan], data: Dataset
    ) -> None:
        system, count = make(), 0
        for seed in range(40):
            batch = batch_of(system, data, seed)
            rows = self.edited(system, batch, seed)
            assert all(row >= len(batch.frames) or line <= batch.frames[row] for row, line in rows)
            count += len(rows)
        assert 0.4 < count / (40 * 10) < 0.6

    def test_alone_the_line_of_the_frame_is_changed(self, make: Callable[..., StoryGan], data: Dataset) -> None:
        system = make(repeats=False)
        batch = batch_of(system, data)
        rows = [one for seed in range(10) for one in self.edited(system, batch, seed)]
        assert rows and all(line == batch.frames[row] for row, line in rows if row < len(batch.frames))

    def test_left_out_all_are_of_other_stories(self, make: Callable[..., StoryGan], data: Dataset) -> None:
        system = make(without=("edits",))
        batch = batch_of(system, data)
        assert system.mismatches(batch)[:8] == [batch.lines[int(i)] for i in batch.wrong[:8]]
        assert system.mismatches(batch)[8:] == [batch.lines[8 + int(i)] for i in batch.wrong[8:]]


class TestLosses:
    def test_coarse_pixels_come_first_and_the_game_rises(self, make: Callable[..., StoryGan], data: Dataset) -> None:
        for progress, weight, game in ((0.1, 44.0, 0.0), (0.45, 23.0, 0.5), (0.75, 20.0, 1.0)):
            loss, log = losses(make(), data, progress)["teller"]
            without, same = losses(make(without=("pixels",)), data, progress)["teller"]
            assert log["pixels"] == same["pixels"] > 0.1
            others = log["divergence"].item() + (progress > 0.4) * log["misnamed"].item()
            expected = others + game * (without - others) + weight * log["pixels"].item()
            assert loss == pytest.approx(expected, rel=1e-3)

    def test_only_what_is_there_is_named_and_with_weight_one(
        self, make: Callable[..., StoryGan], data: Dataset
    ) -> None:
        for progress, rising in ((0.1, 0.0), (0.25, 0.5), (0.5, 1.0)):
            loss, log = losses(make(), data, progress)["teller"]
            without, as_paper = losses(make(without=("naming",)), data, progress)["teller"]
            more = rising * (log["misnamed"] - 0.4 * as_paper["misnamed"]).item()
            assert loss - without == pytest.approx(more, rel=1e-3, abs=1e-5)
        system = make()
        maps = system.frame_critic.maps(torch.randn(1, 1, 3, 16, 16))  # type: ignore[union-attr]
        nothing = torch.tensor([[values.index("nothing") for values in data.schema.attributes.values()]])
        assert system.naming_loss(maps, nothing) == 0

    def test_the_rate_does_not_dry_up(self, make: Callable[..., StoryGan]) -> None:
        rates = [make(without=gone).phases()[0].players["teller"].schedule(0.75) for gone in ((), ("schedule",))]
        assert rates == pytest.approx([0.55, 0.5**4])

    def test_a_recipe_is_not_left_out_of_the_papers(self) -> None:
        with pytest.raises(UserError, match="set recipe=modern"):
            dataclasses.replace(TINY, recipe="paper", without=("edits",))
        with pytest.raises(UserError, match="without=colour: what can be left out is edits, naming, pixels, places"):
            dataclasses.replace(TINY, without=("colour",))


class TestPainter:
    def test_attention_worked_by_hand(self) -> None:
        """Two lines that every place likes alike, and nothing, which it likes as much: a third of each value."""
        attend = LineAttention(4, 8)
        for part in (attend.query.weight, attend.place):
            torch.nn.init.zeros_(part)
        lines, x = torch.randn(1, 2, LINE), torch.randn(1, 4, 8, 8)
        values = attend.value(lines)[0]
        for mask, expected in (((1, 1), values.sum(dim=0) / 3), ((1, 0), values[0] / 2), ((0, 0), 0 * values[0])):
            read = attend(x, lines, torch.tensor([mask]))
            assert read.shape == (1, E, 8, 8)
            assert torch.allclose(read, expected[None, :, None, None].expand_as(read), atol=1e-6)

    def test_what_places_read_of_the_lines_reaches_the_picture(self, make: Callable[..., StoryGan]) -> None:
        paint = make().teller.eval().paint
        codes, lines = torch.randn(1, 3 * TINY.code).expand(2, -1), torch.randn(2, 3, LINE)
        assert not torch.equal(*paint(codes, lines, torch.ones(2, 3)))

    def test_a_frame_attends_to_its_line_and_those_before(self, make: Callable[..., StoryGan]) -> None:
        shown = make().teller.scenes(torch.zeros(1, 3, 2))
        assert shown.tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
        assert make(repeats=False).teller.scenes(torch.zeros(1, 3, 2)).tolist() == torch.eye(3).tolist()

    def test_the_old_painter_keeps_its_weights_names(self, make: Callable[..., StoryGan]) -> None:
        old = {name for name in make(attention=False).state_dict() if name.startswith("teller.paint.")}
        assert "teller.paint.0.weight" in old and not any("attend" in name for name in old)
        shipped = limner.load("clevr-stories", device="cpu").system
        assert isinstance(shipped, StoryGan) and shipped.config.recipe == "modern"


class TestLongStories:
    def test_a_scene_is_kept_beyond_the_lines_it_learnt_from(self, make: Callable[..., StoryGan]) -> None:
        """The first line still shows in the seventh picture; in chapters it is gone with the fourth."""
        for attention in (True, False):
            system = make(attention=attention)
            kept = draw(system, *LINES, *LINES, LINES[0])
            other = draw(system, YELLOW, *LINES[1:], *LINES, LINES[0])
            assert not torch.equal(kept[2], other[2])
            assert [torch.equal(kept[t], other[t]) for t in range(3, 7)] == [not attention] * 4

    def test_up_to_t_lines_a_story_is_drawn_as_it_was_learnt(self, make: Callable[..., StoryGan]) -> None:
        system = make()
        assert torch.equal(draw(system, *LINES), draw(system, *LINES, YELLOW)[:3])

    def test_its_sentence_vectors_hold_the_last_lines(self, make: Callable[..., StoryGan]) -> None:
        assert [make().teller.window(t, 3) for t in range(6)] == [0, 0, 0, 1, 2, 3]
        assert [make(attention=False).teller.window(t, 3) for t in range(6)] == [0, 0, 0, 3, 3, 3]

    def test_who_cannot_keep_it_says_so(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        schema = Schema(size=16, lexicon=Lexicon.of(CUBES), captions=1, longest=4, story=3, examples=CUBES)
        for attention in (True, False):
            config = dataclasses.replace(TINY, attention=attention)
            folder = checkpoint.save(StoryGan(config, schema).eval(), tmp_path / str(attention))
            artist = limner.load(folder, device="cpu")
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                artist.story(CUBES, seed=0)
                if attention:
                    artist.story(CUBES * 2, seed=0)
            if not attention:
                with pytest.warns(Remark, match="3 lines make a scene here: it is empty again from line 4 on"):
                    artist.story(CUBES * 2, seed=0)
                with pytest.warns(Remark, match="from line 4 on"):
                    artist.draw("\n".join(CUBES * 2), seed=0)
                out = str(tmp_path / "out")
                assert cli.main(["story", *CUBES, *CUBES, "-a", str(folder), "-o", out, "--seed", "1"]) == 0
                assert "note: 3 lines make a scene here" in capsys.readouterr().err
