"""Hard negatives are wrong and nearly right; a drawing that fits its own caption best is not mistaken."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from limner.blocks.losses import hard_negatives
from limner.blocks.losses.differentiable_augmentation import hazy
from limner.blocks.losses.hard_negatives import Candidates, HardNegatives

CODES = torch.eye(6)


class Seen(nn.Module):
    """Sees in a picture the number that is painted in it, as a code."""

    sharpness = torch.tensor(math.log(10.0))

    def forward(self, images: Tensor) -> Tensor:
        return CODES[images.mean(dim=(1, 2, 3)).round().clamp(0, 5).long()] + 0.001


def painted(*numbers: float) -> Tensor:
    return torch.tensor(numbers).float()[:, None, None, None].expand(-1, 3, 16, 16).contiguous()


@pytest.fixture
def known() -> HardNegatives:
    """Six captions, one a row, whose codes are the axes."""
    made = HardNegatives()
    made.table.vectors = CODES * 2
    made.table.places, made.table.starts = torch.arange(6), torch.arange(6)
    made.table.counts = torch.ones(6, dtype=torch.long)
    made.codes = CODES
    return made


def test_what_fits_as_well_as_the_own_caption_is_left_out(known: HardNegatives) -> None:
    torch.manual_seed(0)
    candidates = known.candidates(Seen()(painted(2, 5)), torch.tensor([2, 5]))
    assert candidates.own.tolist() == [2, 5]
    for row, own in enumerate((2, 5)):
        assert torch.equal(candidates.similarity[row].isinf(), candidates.places == own)


def test_a_hard_negative_is_wrong_and_fits_best(known: HardNegatives, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hard_negatives, "HARD", 2)
    similarity = torch.tensor([[0.1, -torch.inf, 0.7, 0.6], [-torch.inf] * 4])
    candidates = Candidates(torch.tensor([0, 1]), torch.tensor([3, 0, 4, 5]), similarity)
    chosen = {known.sample_hard(candidates)[0][0].item() for _ in range(40)}
    assert chosen == {4, 5}
    assert known.sample_hard(candidates)[1].tolist() == [True, False]


def test_a_drawing_pays_for_fitting_others_better(known: HardNegatives) -> None:
    similarity = torch.zeros(2, 6)
    similarity[0, 1] = similarity[1, 1] = -torch.inf
    candidates = Candidates(torch.tensor([1, 1]), torch.arange(6), similarity)
    right, wrong = known.retrieval_loss(Seen()(painted(1, 4)), candidates, Seen.sharpness).tolist()
    e = math.e**10
    assert right == pytest.approx(-math.log(e / (e + 5)), abs=0.05)
    assert wrong == pytest.approx(-math.log(1 / (1 + e + 4)), abs=0.05)


def test_one_more_rival_counts_where_there_is_one(known: HardNegatives) -> None:
    """Codes on the axes, cosines of 1 and 0 times 1: two rows alike, and the first has itself for a rival."""
    similarity = torch.full((2, 6), -torch.inf)
    similarity[:, 2] = 0
    candidates = Candidates(torch.tensor([1, 1]), torch.arange(6), similarity)
    rivals = torch.stack([CODES[1], torch.zeros(6)])
    with_rival, without = known.retrieval_loss(CODES[[1, 1]], candidates, torch.tensor(0.0), rivals).tolist()
    assert with_rival == pytest.approx(-math.log(math.e / (2 * math.e + 1)), abs=1e-5)
    assert without == pytest.approx(-math.log(math.e / (math.e + 1)), abs=1e-5)


def test_a_chequered_pattern_earns_nothing(known: HardNegatives) -> None:
    """No gradient of the finest pattern comes through the blur."""
    drawn = painted(1).clone().requires_grad_()

    class Linear(nn.Module):
        sharpness = torch.tensor(0.0)

        def forward(self, images: Tensor) -> Tensor:
            chequers = torch.ones(16, 16)
            chequers[::2, ::2] = chequers[1::2, 1::2] = -1
            inner = (images * chequers)[:, :, 2:-2, 2:-2].sum(dim=(1, 2, 3))
            return torch.stack([inner, torch.ones_like(inner)] + [torch.zeros_like(inner)] * 4, dim=1)

    noise = torch.randn_like
    try:
        torch.randn_like = lambda x: torch.zeros_like(x)  # type: ignore[assignment]
        candidates = Candidates(torch.tensor([0]), torch.arange(6), torch.zeros(1, 6))
        known.retrieval_loss(Linear()(hazy(drawn)), candidates, Linear.sharpness).sum().backward()
    finally:
        torch.randn_like = noise
    assert drawn.grad is not None and drawn.grad[:, :, 6:-6, 6:-6].abs().max() < 1e-6
