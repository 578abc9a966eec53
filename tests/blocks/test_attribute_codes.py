"""Attributes as numbers, and what completes them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from limner.blocks.attribute_codes import AttributeCodes, HotDeck
from limner.data.schema import Lexicon, Schema

VALUES = {
    "hat": ("cap", "none"), "colour": ("blue", "red"), "face": ("grim", "shy"), "skin": ("dark", "pale"),
    "hair": ("long",),
}  # fmt: skip
CAP, NONE, BLUE, RED, GRIM, SHY, DARK, PALE, LONG = range(9)
ROWS = [[0, 0, 0, 0, -1], [0, 1, 1, 1, -1], [1, -1, 1, 0, 0], [1, -1, 0, 0, 0], [1, -1, 0, 1, 0]]
"""A blue cap on a grim dark face and a red one on a shy pale one; three times no hat, but hair."""


@pytest.fixture
def deck() -> HotDeck:
    codes = AttributeCodes(Schema(size=8, lexicon=Lexicon.of(["a"]), attributes=VALUES))
    deck = HotDeck(codes, latent=3, rows=5)
    deck.rows.copy_(torch.tensor(ROWS))
    return deck


def asked(*values: int) -> Tensor:
    return torch.nn.functional.one_hot(torch.tensor(values, dtype=torch.long), 9).sum(dim=0)[None].float()


def completed(deck: HotDeck, y: Tensor) -> list[list[int]]:
    """Return the values that are drawn by any of many latent variables."""
    z = torch.randn(200, 3, generator=torch.Generator().manual_seed(1))
    return sorted({tuple(row.nonzero().flatten().tolist()) for row in deck(z, y.expand(200, -1))})  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("y", "found"),
    [
        ([CAP], [(CAP, BLUE, GRIM, DARK), (CAP, RED, SHY, PALE)]),
        ([RED], [(CAP, RED, SHY, PALE)]),  # what goes with it, and nothing else
        ([CAP, SHY], [(CAP, RED, SHY, PALE)]),  # the row that has both, before those of one
        (
            [BLUE, SHY],
            [(CAP, BLUE, SHY, DARK), (CAP, BLUE, SHY, PALE), (BLUE, SHY, DARK)],
        ),  # of one, but not its no hat
        ([NONE], [(NONE, GRIM, DARK, LONG), (NONE, GRIM, PALE, LONG), (NONE, SHY, DARK, LONG)]),
        ([NONE, SHY, PALE], [(NONE, SHY, PALE), (NONE, SHY, PALE, LONG)]),  # and not the colour of the red cap
        ([CAP, RED, GRIM, PALE], [(CAP, RED, GRIM, PALE)]),
        ([NONE, RED, SHY, DARK], [(NONE, SHY, DARK, LONG)]),  # no hat has no colour, even where it is asked,
        ([NONE, RED, SHY, PALE, LONG], [(NONE, SHY, PALE, LONG)]),  # and then that keeps no hair away
    ],
)
def test_what_is_left_open_goes_with_what_is_asked(deck: HotDeck, y: list[int], found: list[tuple[int, ...]]) -> None:
    assert completed(deck, asked(*y)) == found


def test_between_two_requests_a_row_has_the_rest(deck: HotDeck) -> None:
    (half,) = deck(torch.zeros(1, 3), 0.25 * asked(RED))
    assert half.tolist() == [1, 0, 0, 1, 0, 1, 0, 1, 0]
    (both,) = deck(torch.zeros(1, 3), 0.25 * asked(RED, SHY) + 0.75 * asked(BLUE, SHY))
    assert both.tolist() == pytest.approx([1, 0, 0.75, 0.25, 0, 1, 0, 1, 0])


def test_between_two_requests_what_one_excludes_goes_by_and_by(deck: HotDeck) -> None:
    red, none = asked(CAP, RED, SHY, PALE), asked(NONE, SHY, PALE)
    shares = [float(deck(torch.zeros(1, 3), (1 - t) * red + t * none)[0, RED]) for t in (0.0, 0.25, 0.5, 1.0)]
    assert shares[0] == 1 and shares[3] == 0 and shares[0] > shares[1] > shares[2] > 0


def test_the_latent_variable_chooses_and_nothing_else(deck: HotDeck) -> None:
    z = torch.randn(50, 3)
    assert torch.equal(deck(z, torch.zeros(50, 9)), deck(z, torch.zeros(50, 9)))
    alone = torch.cat([deck(row[None], torch.zeros(1, 9)) for row in z])
    assert torch.equal(alone, deck(z, torch.zeros(50, 9)))


def test_before_it_was_filled_nothing_is_added() -> None:
    deck = HotDeck(AttributeCodes(Schema(size=8, lexicon=Lexicon.of(["a"]), attributes=VALUES)), latent=3)
    assert torch.equal(deck(torch.randn(1, 3), asked(RED)), asked(RED))


def test_rows_that_come_later_count(deck: HotDeck) -> None:
    assert (CAP, RED, SHY, PALE) in completed(deck, asked())
    deck.rows.copy_(deck.rows[2].clone())
    assert completed(deck, asked()) == [(NONE, SHY, DARK, LONG)]
