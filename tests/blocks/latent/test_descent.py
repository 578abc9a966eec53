"""Descent on an energy: Adam's first steps by hand, the best is kept, rows are their own."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.testing import assert_close

from limner.blocks.latent.descent import descend


def bowl(z: Tensor) -> Tensor:
    return (z - 1).square().sum(dim=1)


def test_the_first_steps_are_adams() -> None:
    """Its first step is its rate, against the slope, whatever the slope's size."""
    found = list(descend(bowl, [torch.tensor([[3.0, 1.5]])], 1, 0.1))
    assert_close(found[0].z, torch.tensor([[3.0, 1.5]]))
    assert_close(found[1].z, torch.tensor([[2.9, 1.4]]))
    optimised = torch.nn.Parameter(torch.tensor([[3.0, 1.5]]))
    adam = torch.optim.Adam([optimised], lr=0.1)
    for _ in range(5):
        adam.zero_grad()
        bowl(optimised).sum().backward()
        adam.step()
    *_, last = descend(bowl, [torch.tensor([[3.0, 1.5]])], 5, 0.1)
    assert_close(last.z, optimised.detach())


def test_the_best_is_kept_where_steps_lead_away() -> None:
    found = list(descend(bowl, [torch.tensor([[1.05]])], 20, 0.5))
    energies = [float(one.energy) for one in found]
    assert energies == sorted(energies, reverse=True)
    assert_close(found[-1].energy, bowl(found[-1].z))
    assert float(bowl(found[1].z)) <= float(bowl(torch.tensor([[1.05]])))


def test_each_row_takes_the_better_of_its_starts() -> None:
    starts = [torch.tensor([[1.0], [9.0]]), torch.tensor([[9.0], [1.0]])]
    found = list(descend(bowl, starts, 2, 0.01))
    assert len(found) == 2 * 3
    assert_close(found[-1].z, torch.tensor([[1.0], [1.0]]))


def test_a_row_is_found_as_it_is_alone_and_without_gradients_around() -> None:
    starts = torch.tensor([[3.0, 0.0], [-2.0, 5.0]])
    with torch.no_grad():
        *_, both = descend(bowl, [starts], 7, 0.1)
        *_, one = descend(bowl, [starts[1:]], 7, 0.1)
    assert torch.equal(both.z[1:], one.z)
    assert not both.z.requires_grad
