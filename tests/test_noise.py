"""What a seed draws, first and further: by row, in a style too, and never otherwise than before."""

from __future__ import annotations

import torch

from limner.noise import RowNoise, Style

STYLE = Style((0.5, -1.0, 2.0), "a.png")


def test_further_noise_leaves_the_first_as_it_was() -> None:
    """Bitwise: old recipes mean what they meant."""
    fresh, used = RowNoise([7, 8]), RowNoise([7, 8])
    used.more().normal(5)
    first = used.normal(3)
    used.more().normal(2)
    assert torch.equal(first, fresh.normal(3)) and torch.equal(used.normal(3), fresh.normal(3))
    assert torch.equal(first[0], torch.randn(3, generator=torch.Generator().manual_seed(7)))


def test_further_noise_of_a_row_is_its_own() -> None:
    seeds = [3, STYLE, (3, STYLE, 0.25), ((3, 4, 0.5), STYLE, 0.5)]
    among = RowNoise(seeds).more().normal(2, 3)
    for row, seed in enumerate(seeds):
        assert torch.equal(among[row], RowNoise([seed]).more().normal(2, 3)[0])


def test_a_style_has_as_many_further_draws_as_one_likes() -> None:
    """A style itself is one draw of one size; further noise has any, and each call has other noise."""
    noise = RowNoise([STYLE])
    assert noise.normal(3)[0].tolist() == list(STYLE.noise)
    steps = noise.more()
    draws = [steps.normal(4), steps.normal(4), steps.normal(4, 4)[:, 0], noise.more().normal(4)]
    assert len({tuple(draw.flatten().tolist()) for draw in draws}) == 4


def test_further_noise_comes_from_the_numbers_of_a_style() -> None:
    def further(style: Style) -> list[float]:
        return RowNoise([style]).more().normal(3)[0].tolist()

    assert further(STYLE) == further(Style(STYLE.noise, "of another name"))
    assert further(STYLE) != further(Style((0.5, -1.0, 2.5), "a.png"))


def test_further_noise_moves_smoothly_between_two_seeds() -> None:
    ends = RowNoise([3, 9]).more().normal(6)
    way = RowNoise([(3, 9, 0.0), (3, 9, 1e-3), (3, 9, 1.0)]).more().normal(6)
    assert torch.allclose(way[0], ends[0]) and torch.allclose(way[2], ends[1])
    assert (way[1] - way[0]).abs().max() < 0.02


def test_further_noise_is_pinned() -> None:
    """A seed means the same in every version: recipes are drawn again for good."""
    assert RowNoise([7]).more().normal(2)[0].tolist() == torch.tensor(PINNED_SEED).tolist()
    assert RowNoise([STYLE]).more().normal(2)[0].tolist() == torch.tensor(PINNED_STYLE).tolist()


PINNED_SEED = [-0.32473868131637573, 0.47476547956466675]
PINNED_STYLE = [-0.035960353910923004, 1.0018055438995361]
