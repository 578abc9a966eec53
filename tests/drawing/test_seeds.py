"""A style stands where a seed can: dice that were not thrown."""

from __future__ import annotations

import pytest
import torch

from limner.drawing.seeds import seed_from_json
from limner.errors import UserError
from limner.noise import RowNoise, Style, slerp

FOUND = Style(tuple(number / 4 for number in range(6)), "a.png")


def test_a_style_is_its_row_of_noise_in_any_shape_of_its_size() -> None:
    together = RowNoise([3, FOUND, 9]).normal(6)
    assert together[1].tolist() == list(FOUND.noise)
    assert torch.equal(together[::2], RowNoise([3, 9]).normal(6))
    assert torch.equal(RowNoise([FOUND]).normal(2, 3), together[1].view(1, 2, 3))


def test_between_a_style_and_a_seed_lies_the_sphere() -> None:
    dice = RowNoise([(FOUND, 9, 0.0), (FOUND, 9, 0.3), (FOUND, 9, 1.0)]).normal(6)
    ends = RowNoise([FOUND, 9]).normal(6)
    assert torch.allclose(dice, torch.stack([slerp(*ends, t) for t in (0.0, 0.3, 1.0)]))
    assert torch.allclose(dice[::2], ends, atol=1e-6)


def test_what_lies_between_seeds_mixes_again() -> None:
    (mixed,) = RowNoise([((1, FOUND, 0.5), 2, 0.25)]).normal(6)
    one, style, two = RowNoise([1, FOUND, 2]).normal(6)
    assert torch.allclose(mixed, slerp(slerp(one, style, 0.5), two, 0.25))
    assert seed_from_json([[1, 2, 0.5], 3, 0]) == ((1, 2, 0.5), 3, 0.0)
    many, deep = 1, 1
    for _ in range(7):
        many = [many, many, 0.5]
    for _ in range(100_000):
        deep = [deep, 1, 0.5]
    for body in (many, deep):
        with pytest.raises(UserError, match="mixed of more than 64"):
            seed_from_json(body)


def test_a_style_is_one_draw_of_one_size() -> None:
    with pytest.raises(UserError, match="a style of 6 numbers does not fit: this system draws 7 numbers of noise"):
        RowNoise([1, FOUND]).normal(7)
    dice = RowNoise([1, FOUND])
    dice.normal(6)
    with pytest.raises(UserError, match="draws noise several times"):
        dice.normal(6)
    assert len({*RowNoise([1]).normal(6)[0].tolist()}) == 6


def test_recipes_hold_every_kind_of_seed() -> None:
    style = {"noise": list(FOUND.noise), "of": "a.png"}
    assert seed_from_json(7) == 7
    assert seed_from_json(style) == FOUND
    assert seed_from_json([1, 2, 0.5]) == (1, 2, 0.5)
    assert seed_from_json([style, 2, 0.5]) == (FOUND, 2, 0.5)
