"""Rows of morphs, walks and grids: ends stay plain, what lies between is mixed, nonsense is refused."""

from __future__ import annotations

import pytest

from limner.drawing.interpolation import mix_rows, morph_rows, seed_between, walk_rows
from limner.errors import UserError
from limner.noise import Style
from limner.requests import MOST_PARTS, Blend, Caption, Request, between

A, B = Caption("a red hat"), Caption("a blue hat")


def test_the_ends_of_a_morph_are_the_requests_themselves() -> None:
    assert list(morph_rows(A, B, 3, 7)) == [(A, 7), (Blend(A, B, 0.5), 7), (B, 7)]
    assert list(morph_rows(A, A, 3, 7)) == [(A, 7)] * 3, "between equal requests lies nothing else"
    style = Style((0.5, -1.0), "a.png")
    assert list(morph_rows(A, B, 2, style)) == [(A, style), (B, style)]


def test_a_walk_has_each_seed_once() -> None:
    assert list(walk_rows(A, [3, 9, 4], 2)) == [(A, seed) for seed in (3, (3, 9, 0.5), 9, (9, 4, 0.5), 4)]
    assert list(walk_rows(A, [3, 3], 2)) == [(A, 3)] * 3
    assert list(walk_rows(A, [(1, 2, 0.5), 3], 1)) == [(A, (1, 2, 0.5)), (A, 3)]


def test_a_grid_begins_and_ends_with_the_parents() -> None:
    rows = mix_rows((A, 1), (B, 2), 2, 3)
    assert rows[0] == (A, 1) and rows[-1] == (B, 2)
    assert rows == [(request, seed) for request in (A, B) for seed in (1, (1, 2, 0.5), 2)]


def test_nonsense_is_refused() -> None:
    for frames in (1, 0, 2.5, True):
        with pytest.raises(UserError, match="frames must be 2 or more"):
            morph_rows(A, B, frames, 0)  # type: ignore[arg-type]
    for seed in (-1, 0.5, "1", None, (1, 2), (1, 2, 3.0), (1, -2, 0.5)):
        with pytest.raises(UserError, match="seed is"):
            morph_rows(A, B, 2, seed)  # type: ignore[arg-type]
        with pytest.raises(UserError, match="seed is"):
            walk_rows(A, [1, seed], 2)  # type: ignore[list-item]
    with pytest.raises(UserError, match="two seeds or more"):
        walk_rows(A, [1], 2)
    with pytest.raises(UserError, match="frames must be 1 or more"):
        walk_rows(A, [1, 2], 0)
    with pytest.raises(UserError, match="columns must be 2 or more"):
        mix_rows((A, 1), (B, 2), 2, 1)


def test_a_mixture_has_a_limit() -> None:
    request: Request = A
    seed: int | tuple = 0
    for number in range(1, MOST_PARTS):
        request = between(request, Caption(str(number)), 0.5)
        seed = seed_between(seed, number, 0.5)
    with pytest.raises(UserError, match="mixed of more than"):
        between(request, B, 0.5)
    with pytest.raises(UserError, match="mixed of more than"):
        seed_between(seed, 999, 0.5)
