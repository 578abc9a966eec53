"""StoryGAN's losses by hand, every term of every player, and the paper's equations from the line to the code."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from limner.data.dataset import Dataset
from limner.data.views import Stories
from limner.system import Clock
from limner.systems import storygan
from limner.systems.storygan import Config, StoryGan
from limner.systems.storygan.critics import Maps
from limner.systems.storygan.generator import ContextEncoder, Z
from scored import softplus
from toy import tales

TINY = StoryGan.presets["tiny"]
TOLD = (0.5, -0.5, 1.0, -1.0)  # the first number of each line of two single frames and of two stories
WRONG = torch.tensor([1, 1, 0, 0])  # a mean over rows would not notice an exchange
END = Clock(100, 100, 1)  # where all that rises has risen, at a step without penalties


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return tales(tmp_path_factory.mktemp("tales") / "data")


@pytest.fixture(scope="module")
def make(data: Dataset) -> Callable[..., StoryGan]:
    def made(**changes: Any) -> StoryGan:
        torch.manual_seed(0)
        return StoryGan(dataclasses.replace(TINY, **changes), data.schema)

    return made


def batch_of(system: StoryGan, data: Dataset) -> Stories:
    """Two single frames, painted 1, and two stories, painted 2."""
    (phase,) = system.phases()
    batch = phase.view.gather(data, range(2 + 2 * 3), np.random.default_rng(0)).to("cpu")
    return dataclasses.replace(
        batch,
        images=torch.ones_like(batch.images),
        strips=torch.full_like(batch.strips, 2.0),
        frames=torch.zeros_like(batch.frames),
        wrong=WRONG,
    )


def mean(losses: Iterable[float]) -> float:
    return float(np.mean(list(losses)))


def pairs(colour: float, told: Iterable[float], weight: float = 1.0) -> float:
    """-log of calling these pictures fakes (1) or real (-1): a logit is the colour plus what the line says."""
    return mean(softplus(weight * (colour + line)) for line in told)


def colour(images: Tensor) -> Tensor:
    return images.flatten(1).mean(dim=1)


def drawn(system: StoryGan, code: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Frames painted -1 and stories painted -2, story codes of zeros, and a KL of 0.25."""
    return -torch.ones(2, 1, 3, 16, 16), -2 * torch.ones(2, 3, 3, 16, 16), torch.zeros(4, code), torch.tensor(0.25)


def naming_of(images: Tensor) -> Tensor:
    return torch.tensor(0.3 if images.mean() > 0 else 0.7)


def expected_critic(real: float, fake: float, told: tuple[float, float], wrong: tuple[float, float]) -> float:
    return pairs(real, told, -1) + 0.5 * (pairs(fake, told) + pairs(real, wrong))


def test_the_papers_losses_by_hand(
    make: Callable[..., StoryGan], data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Algorithm 1: a right pair weighs 1, a drawn and a mismatched one 1/2; naming 1 and 0.4; the KL 1."""
    system = make(recipe="paper", attention=False, repeats=False, moves=1, frames=2)
    batch, lines = batch_of(system, data), torch.zeros(4, 3, system.read.width)
    lines[..., 0] = torch.tensor(TOLD)[:, None]
    monkeypatch.setattr(system.read, "forward", lambda stories: lines)
    monkeypatch.setattr(system, "generate", lambda *_: drawn(system, TINY.code))
    for critic in (system.frame_critic, system.story_critic):
        monkeypatch.setattr(critic, "features", colour)
        monkeypatch.setattr(critic, "scores", lambda features, words: features + words[:, 0])
    monkeypatch.setattr(
        system.frame_critic, "attribute_loss", lambda images, attributes: (colour(images), naming_of(images))
    )
    frames, stories, teller = system.step(batch, END)
    assert [one.player for one in (frames, stories, teller)] == ["frame critic", "story critic", "teller"]
    (a, b, c, d), kl = TOLD, 0.25
    assert frames.loss.item() == pytest.approx(expected_critic(1, -1, (a, b), (b, b)) + 0.3)
    assert stories.loss.item() == pytest.approx(expected_critic(2, -2, (c, d), (c, c)))
    adversarial = pairs(-1, (a, b), -1) + pairs(-2, (c, d), -1)
    assert teller.loss.item() == pytest.approx(adversarial + 0.4 * 0.7 + kl)


@pytest.fixture
def modern(make: Callable[..., StoryGan], data: Dataset, monkeypatch: pytest.MonkeyPatch) -> tuple[StoryGan, Stories]:
    """The modern recipe with logits as above; a mismatched line says 0.25 more than its story's."""
    system = make(moves=1, frames=2)
    batch, lines = batch_of(system, data), torch.zeros(4, 3, system.read.width)
    lines[..., 0] = torch.tensor(TOLD)[:, None]
    monkeypatch.setattr(system, "mismatches", lambda batch: "wrong")
    monkeypatch.setattr(system.read, "forward", lambda stories: lines + 0.25 * (stories == "wrong"))
    monkeypatch.setattr(system, "generate", lambda *_: drawn(system, TINY.code))
    monkeypatch.setattr(system, "naming_loss", lambda maps, attributes: naming_of(maps.last))
    for critic in (system.frame_critic, system.story_critic):
        monkeypatch.setattr(critic, "maps", lambda images: Maps(images, colour(images)))
        monkeypatch.setattr(critic, "scores", lambda maps, lines, mask: maps.last + lines[:, 0, 0])
    return system, batch


def test_the_modern_losses_by_hand(modern: tuple[StoryGan, Stories]) -> None:
    """At the end of training: the game and naming in full, coarse pixels with weight 20."""
    system, batch = modern
    frames, stories, teller = system.step(batch, END)
    a, b, c, d = TOLD
    assert frames.loss.item() == pytest.approx(expected_critic(1, -1, (a, b), (a + 0.25, b + 0.25)) + 0.3)
    assert stories.loss.item() == pytest.approx(expected_critic(2, -2, (c, d), (c + 0.25, d + 0.25)))
    adversarial = pairs(-1, (a, b), -1) + pairs(-2, (c, d), -1)
    pixels = (2 * 2 + 6 * 4) / 8  # of two frames that are 2 away, and of six that are 4 away
    assert teller.log["pixels"].item() == pytest.approx(pixels)
    assert teller.loss.item() == pytest.approx(adversarial + 0.7 + 0.25 + 20 * pixels, rel=1e-5)


def test_r1_is_lazy_and_of_both_discriminators(
    modern: tuple[StoryGan, Stories], monkeypatch: pytest.MonkeyPatch
) -> None:
    system, batch = modern
    monkeypatch.setattr(storygan, "gradient_penalty", lambda judge, images, text: torch.tensor(3.0))
    *plain, _ = (update.loss.item() for update in system.step(batch, END))
    *penalised, _ = (update.loss.item() for update in system.step(batch, Clock(100, 100, 16)))
    assert np.subtract(penalised, plain) == pytest.approx([16 * 0.2 / 2 * 3] * 2, rel=1e-4)


def test_the_papers_discriminators_read_and_look(make: Callable[..., StoryGan]) -> None:
    system = make(recipe="paper", attention=False).eval()
    for critic, length in ((system.frame_critic, 1), (system.story_critic, 3)):
        width = critic.read[0].in_features  # type: ignore[union-attr,index]
        words, images = torch.randn(2, width), torch.randn(2, length, 3, 16, 16)
        by_words, by_pictures = critic(images[:1].expand_as(images), words), critic(images, words[:1].expand_as(words))  # type: ignore[misc]
        assert by_words[0] != by_words[1] and by_pictures[0] != by_pictures[1]


def test_the_papers_discriminator_of_frames_knows_the_story(
    make: Callable[..., StoryGan], data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the line stands the mean of h_0, which no gradient of the discriminator reaches."""
    system, told, drawings = make(recipe="paper", attention=False, frames=2), list[Tensor](), list[Any]()
    generate, loss = system.generate, system.frame_critic.matching_aware_loss  # type: ignore[union-attr]
    monkeypatch.setattr(system, "generate", lambda *given: drawings.append(generate(*given)) or drawings[-1])
    monkeypatch.setattr(
        system.frame_critic, "matching_aware_loss", lambda *given: told.append(given[2]) or loss(*given)
    )
    next(iter(system.step(batch_of(system, data), END)))
    words, mu = told[0], drawings[0][2]
    assert torch.equal(words[:, -TINY.code :], mu[:2]) and mu.abs().max() > 0 and not words.requires_grad


def test_the_context_encoder_is_the_papers_equations() -> None:
    """i_t = GRU([s_t; e_t], i_{t-1}), h_t = Text2Gist(i_t, h_{t-1}), o_t = Filter(i_t) * h_t."""
    torch.manual_seed(0)
    encoder = ContextEncoder(5, Config(code=12)).eval()
    (s, e), (i, h, mu) = (torch.randn(2, width) for width in (5, Z)), torch.randn(3, 2, 12)
    code, states = encoder(s, e, (i, h), mu)
    new_i = encoder.sentence(torch.cat([s, e], dim=1), i)
    new_h = encoder.gist(new_i, h)
    assert_close(states, (new_i, new_h))
    assert_close(code, torch.cat([new_i, mu, encoder.filter(new_i, new_h)], dim=1))


def test_both_states_reach_the_next_frame(make: Callable[..., StoryGan]) -> None:
    teller = make(attention=False, repeats=False).teller.eval()
    torch.manual_seed(0)
    lines, h, mu = torch.randn(2, 3, 64), torch.randn(2, TINY.code), torch.randn(2, TINY.code)
    noise = [torch.randn(2, TINY.code), *torch.randn(3, 2, Z)]
    codes, states = teller.unroll(lines, h, mu, noise), (noise[0], h)
    for t in range(3):
        code, states = teller.context(lines[:, t], noise[t + 1], states, mu)
        assert_close(codes[:, t], code)


def test_the_story_code_is_drawn_from_its_gaussian(
    make: Callable[..., StoryGan], data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, told = make(frames=2), list[tuple[Any, ...]]()
    unroll = system.teller.unroll
    gaussian = torch.full((4, TINY.code), 5.0), torch.full((4, TINY.code), 2 * np.log(3.0))
    monkeypatch.setattr(system.teller.encode, "forward", lambda story: gaussian)
    monkeypatch.setattr(system.teller, "unroll", lambda *given: told.append(given) or unroll(*given))
    batch = batch_of(system, data)
    system.generate(system.read(batch.lines), batch.frames)
    ((_, h, mu, _),) = told
    assert h.mean().item() == pytest.approx(5, abs=1.2) and h.std().item() == pytest.approx(3, rel=0.25)
    assert (mu == 5).all()


def test_some_stories_are_cut_before_they_are_encoded(
    make: Callable[..., StoryGan], data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, told, shares = make(frames=2), list[Tensor](), list[float]()
    encode = system.teller.encode.forward
    monkeypatch.setattr(storygan, "cut_short", lambda lines, share: shares.append(share) or 0 * lines)
    monkeypatch.setattr(system.teller.encode, "forward", lambda story: told.append(story) or encode(story))
    batch = batch_of(system, data)
    system.generate(system.read(batch.lines), batch.frames)
    assert shares == [0.25] and not told[0].any()
