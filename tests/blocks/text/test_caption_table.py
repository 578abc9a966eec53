from collections.abc import Sequence

import torch
from torch import Tensor
from torch.testing import assert_close

from limner.blocks.text.caption_table import CHUNK, CaptionTable
from limner.blocks.text.encoders import WordEncoder
from limner.data.schema import Lexicon


class Said:
    """As much of a data set as the table reads."""

    def __init__(self, captions: Sequence[tuple[str, ...]]) -> None:
        self._captions = captions

    def length(self, split: str) -> int:
        return len(self._captions)

    def captions(self, row: int, split: str) -> tuple[str, ...]:
        return self._captions[row]


CAPTIONS = [("red hair", "hair"), ("blue hat",), ("hair", "a hat", "red hat")]


def encoder() -> WordEncoder:
    torch.manual_seed(0)
    return WordEncoder(Lexicon.of(text for many in CAPTIONS for text in many), 6, embedding=4, hidden=4)


def gap(drawn: Tensor, allowed: Tensor) -> Tensor:
    """Distance of each row from each of the allowed ones."""
    return (drawn[:, None] - allowed).norm(dim=2)


def test_draws_what_the_encoder_says() -> None:
    reader, table = encoder(), CaptionTable()
    table.fill(reader, Said(CAPTIONS))  # type: ignore[arg-type]
    assert reader.training  # put back
    assert len(table.vectors) == 5  # "hair" is read once
    reader.eval()
    assert_close(table.draw(torch.tensor([1, 1]), 3), reader.sentence(["blue hat", "blue hat"]))
    for row, captions in enumerate(CAPTIONS):
        allowed = reader.sentence(captions)
        drawn = torch.cat([table.draw(torch.tensor([row])) for _ in range(40)])
        nearest = gap(drawn, allowed)
        assert nearest.amin(dim=1).max() < 1e-5
        assert set(nearest.argmin(dim=1).tolist()) == set(range(len(captions)))


def test_the_mean_of_several_lies_between() -> None:
    reader, table = encoder().eval(), CaptionTable()
    table.fill(reader, Said(CAPTIONS))  # type: ignore[arg-type]
    first, second = reader.sentence(CAPTIONS[0])
    drawn = torch.cat([table.draw(torch.tensor([0]), 2) for _ in range(40)])
    gaps = gap(drawn, torch.stack([first, second, (first + second) / 2]))
    assert gaps.amin(dim=1).max() < 1e-5
    assert set(gaps.argmin(dim=1).tolist()) == {0, 1, 2}  # with replacement


def test_filled_twice_it_holds_the_same_bits() -> None:
    many = [(f"red hat {number}",) for number in range(CHUNK + 3)]
    reader, first, second = encoder(), CaptionTable(), CaptionTable()
    first.fill(reader, Said(many))  # type: ignore[arg-type]
    torch.rand(3)
    second.fill(reader, Said(many))  # type: ignore[arg-type]
    assert first.vectors.shape == (CHUNK + 3, 6)
    assert torch.equal(first.vectors, second.vectors)
    assert not first.vectors.requires_grad
