"""What benchmarks measure with: shares of attention worked out by hand, and a baseline that is the same mathematics."""

from __future__ import annotations

import importlib
import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from limner.blocks.losses.damsm import matching_losses


def script(name: str) -> Any:
    """Import a script, which imports its neighbours by their bare names."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def bench() -> Any:
    return script("attention")


@pytest.fixture(scope="module")
def eager() -> Any:
    return script("attngan_eager")


def test_share_inside_a_box_by_hand(bench: Any) -> None:
    attention = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert bench.inside(attention, (4, 0, 4, 4), side=8) == pytest.approx((0.2, 0.25))  # the upper right quarter
    assert bench.inside(attention, (0, 4, 8, 4), side=8) == pytest.approx((0.7, 0.5))  # the lower half
    # Half of the width of both places on the left, all of their height: (1 + 3) / 2 of 10.
    assert bench.inside(attention, (2, 0, 2, 8), side=8) == pytest.approx((0.2, 0.25))


def test_a_box_over_the_border_is_cut_off(bench: Any) -> None:
    assert bench.inside(torch.ones(4, 4), (6, -2, 8, 4), side=8) == pytest.approx((1 / 16, 1 / 16))


def test_even_attention_falls_by_area_whatever_the_side_of_the_map(bench: Any) -> None:
    for side in (3, 16, 64):
        share, even = bench.inside(torch.full((side, side), 0.1), (5, 11, 30.5, 7.25), side=64)
        assert share == pytest.approx(even) == pytest.approx(30.5 * 7.25 / 64**2)


def test_words_are_judged_by_the_part_they_name(bench: Any) -> None:
    text = "A woman with glasses, and round glasses in black hair"
    attention = torch.zeros(10, 2, 2)
    attention[:] = 1.0
    attention[3] = torch.tensor([[1.0, 0.0], [0.0, 0.0]])  # "glasses", and again
    attention[6] = torch.tensor([[0.0, 3.0], [0.0, 0.0]])
    seen = list(bench.judged(text, attention, {"glasses": (32, 0, 32, 32)}, side=64))
    assert [one.word for one in seen] == ["glasses"]  # there is no box of hair
    assert (seen[0].inside, seen[0].even, seen[0].others) == pytest.approx((0.75, 0.25, 0.25))


def test_a_word_behind_the_last_that_is_read_is_left_out(bench: Any) -> None:
    assert not list(bench.judged("with glasses", torch.ones(1, 2, 2), {"glasses": (0, 0, 1, 1)}, side=64))


def test_ratio_and_interval_of_a_word(bench: Any) -> None:
    found = [bench.Seen("hair", 0.8 if i % 2 else 0.4, 0.3, 0.3) for i in range(40)]
    found += [bench.Seen("hat", 0.5, 0.1, 0.1)] * (bench.FEWEST - 1)
    figures = bench.summed_up(found)
    assert list(figures) == ["hair"]  # too few hats
    assert (figures["hair"]["captions"], figures["hair"]["ratio"]) == (40, 2.0)
    low, high = figures["hair"]["interval"]
    # The mean of 40 such shares deviates by 0.2 / sqrt(40), its ratio to the even share by 0.105.
    assert low == pytest.approx(2 - 1.96 * 0.105, abs=0.04) and high == pytest.approx(2 + 1.96 * 0.105, abs=0.04)


def test_the_baseline_is_as_large_as_the_paper(eager: Any) -> None:
    eager.as_published()


def test_the_baseline_loses_what_limner_loses(eager: Any) -> None:
    torch.manual_seed(0)
    lengths, classes = torch.tensor([7, 4, 5, 2]), torch.tensor([0, 1, 0, 2])
    real = torch.arange(7) < lengths[:, None]
    places, whole, sentence = torch.randn(4, 6, 3, 3), torch.randn(4, 6), torch.randn(4, 6)
    words = torch.randn(4, 7, 6) * real[:, :, None]
    barred = eager.same_class(classes)
    theirs = (
        eager.words_loss(places, words.transpose(1, 2), lengths, barred, (5.0, 5.0, 10.0)),
        eager.sentence_loss(whole, sentence, barred, 10.0),
    )
    ours = matching_losses((places, whole), (sentence, words, real), classes[:, None] == classes)
    torch.testing.assert_close(theirs, tuple(ours), rtol=1e-5, atol=1e-5)


class Undecided(torch.nn.Module):
    """A critic that says 0 of everything."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)

    def cond(self, features: torch.Tensor, sentence: torch.Tensor) -> torch.Tensor:
        return 0 * features[:, 0]

    def uncond(self, features: torch.Tensor) -> torch.Tensor:
        return 0 * features[:, 0]


def test_losses_of_the_baseline_by_hand(eager: Any) -> None:
    images, sentence = torch.ones(3, 3, 4, 4), torch.ones(3, 5)
    loss = eager.discriminator_loss(Undecided(), images, images, sentence)
    assert float(loss) == pytest.approx(2 * math.log(2))
    assert float(eager.kl_loss(torch.ones(2, 4), torch.zeros(2, 4))) == pytest.approx(0.5)
    same = torch.ones(4, 6)
    assert float(eager.sentence_loss(same, same, eager.same_class(torch.arange(4)), 10.0)) == pytest.approx(
        2 * math.log(4)
    )


def test_switches_turn_on_and_off_what_they_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Penalties, merged convolutions and the allocator, inside the block alone."""
    loops, system = script("eager"), type("Some", (), {})()
    said: list[str] = []
    monkeypatch.setattr(loops.allocator, "keep_freed_memory", lambda: said.append("kept"))
    monkeypatch.setattr(loops.allocator, "usual", lambda: said.append("usual"))
    monkeypatch.setattr(loops, "gradient_penalty", lambda *_, autocast: autocast)
    module = sys.modules[type(system).__module__]
    monkeypatch.setattr(module, "gradient_penalty", "the system's own", raising=False)
    monkeypatch.setattr(module, "LAZY", 8, raising=False)
    found = []
    for on in (loops.Switches(), loops.Switches(merged=True, lazier=True, allocator=True), loops.Switches()):
        with on.applied(system):
            asked = module.gradient_penalty(None, torch.zeros(1), autocast=True)
            found.append((module.LAZY, asked, loops.doubling.WORTH_IT))
    assert found == [(8, False, sys.maxsize), (16, True, 8), (8, False, sys.maxsize)]
    assert said == ["kept", "usual"]
    assert (module.LAZY, module.gradient_penalty) == (8, "the system's own")
