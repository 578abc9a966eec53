"""The shape generator: its game worked by hand, what each shape knows, and boxes of all sorts."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from limner.blocks.layout.maps import interior
from limner.blocks.layout.shape_generator import MaskCritic, ShapeGame, ShapeGenerator, as_pictures, box_planes, joined

LABELS, SIDE, Z = 3, 16, 4
BOXES = torch.tensor([[[0.0, 0.0, 0.5, 0.5], [0.5, 0.25, 0.25, 0.5], [0.0, 0.75, 0.25, 0.25]]] * 2)
KINDS = torch.tensor([[0, 1, 2], [1, -1, -1]])


def f(s: float) -> float:
    return math.log(1 + math.exp(s))


def make(width: int = 8) -> ShapeGenerator:
    torch.manual_seed(0)
    return ShapeGenerator(LABELS, SIDE, width, Z)


def game(**changes: Any) -> ShapeGame:
    generator = make()
    critics = MaskCritic(LABELS, SIDE, 8), MaskCritic(LABELS, SIDE, 8)
    return ShapeGame(generator, *critics, features=lambda images: images, **changes)


def test_masks_lie_in_their_boxes_and_nowhere_else() -> None:
    one = make()
    masks = one(KINDS, BOXES, torch.randn(2, 3, Z))
    assert masks.shape == (2, 3, SIDE, SIDE) and masks.min() >= 0 and masks.max() <= 1
    there = interior(BOXES, SIDE)
    assert not masks[there == 0].any() and not masks[KINDS < 0].any()
    assert (masks[0] * there[0]).flatten(1).sum(dim=1).min() > 0


def test_a_shape_knows_those_before_and_behind_it_and_the_noise() -> None:
    one, noise = make().eval(), torch.randn(2, 3, Z)
    plain = one(KINDS, BOXES, noise)
    other = KINDS.clone()
    other[0, 2] = 0  # the last one is another thing: the first one looks otherwise
    assert not torch.allclose(one(other, BOXES, noise)[0, 0], plain[0, 0])
    other = KINDS.clone()
    other[0, 0] = 1
    assert not torch.allclose(one(other, BOXES, noise)[0, 2], plain[0, 2])
    changed = noise.clone()
    changed[0, 1] += 1
    again = one(KINDS, BOXES, changed)
    assert not torch.allclose(again[0, 1], plain[0, 1])
    assert_close(again[0, 0], plain[0, 0])


def test_a_picture_has_the_same_shapes_alone_and_among_others() -> None:
    one, noise = make(), torch.randn(2, 3, Z)
    whole = one(KINDS, BOXES, noise)
    assert_close(one(KINDS[1:, :1], BOXES[1:, :1], noise[1:, :1])[0, 0], whole[1, 0])
    gap = torch.tensor([[-1, 1, -1]])
    assert_close(one(gap, BOXES[1:].roll(1, 1), noise[1:].roll(1, 1))[0, 1], whole[1, 0])


@pytest.mark.parametrize("box", [[0.5, 0.5, 0.01, 0.01], [0.0, 0.0, 1.0, 1.0], [0.99, 0.0, 0.01, 1.0]])
def test_tiny_and_huge_boxes_have_shapes_and_finite_gradients(box: list[float]) -> None:
    one = make()
    masks = one(torch.tensor([[0]]), torch.tensor([[box]]), torch.zeros(1, 1, Z))
    assert masks.sum() > 0
    masks.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in one.parameters() if p.grad is not None)
    assert one.recur.onward.gates.weight.grad is not None


class Constant(nn.Module):
    """Scores `real` where a mask is all ones, else `drawn`."""

    def __init__(self, real: float, drawn: float) -> None:
        super().__init__()
        self.real, self.drawn, self.seen = real, drawn, list[tuple[Tensor, Tensor]]()

    def forward(self, masks: Tensor, planes: Tensor) -> Tensor:
        self.seen.append((masks, planes))
        return torch.where(masks.flatten(1).amin(dim=1) == 1, self.real, self.drawn)


def constant(**changes: Any) -> ShapeGame:
    critics = Constant(1.0, 2.0), Constant(3.0, 4.0)
    one = ShapeGame(make(), *critics, features=lambda images: images, **changes)  # type: ignore[arg-type]
    one.generator.forward = lambda labels, boxes, noise: torch.zeros(*labels.shape, SIDE, SIDE)  # type: ignore
    return one


def test_all_three_losses_worked_by_hand() -> None:
    one = constant()
    real, shaped = torch.ones(2, 3, SIDE, SIDE), torch.ones(2, 3, dtype=torch.bool)
    cell, whole, shapes = one.step(KINDS, BOXES, real, shaped)
    assert [update.player for update in (cell, whole, shapes)] == ["instance critic", "global critic", "shapes"]
    assert cell.loss.item() == pytest.approx(f(-1) + f(2))
    assert whole.loss.item() == pytest.approx(f(-3) + f(4))
    # grey pictures of masks are 1 and -1: their squared distance is 4
    assert shapes.loss.item() == pytest.approx(1 * f(-2) + 1 * f(-4) + 10 * 4)
    other = list(constant(instance=2.0, whole=3.0, perceptual=0.5).step(KINDS, BOXES, real, shaped))[-1]
    assert other.loss.item() == pytest.approx(2 * f(-2) + 3 * f(-4) + 0.5 * 4)


def test_things_without_a_mask_are_judged_by_no_one() -> None:
    one = constant()
    real, shaped = torch.ones(2, 3, SIDE, SIDE), torch.zeros(2, 3, dtype=torch.bool)
    shaped[0, 1] = True
    list(one.step(KINDS, BOXES, real, shaped))
    seen, together = one.instance_critic.seen, one.global_critic.seen  # type: ignore[attr-defined]
    assert len(seen[0][0]) == 1 and torch.equal(seen[0][1][0], box_planes(KINDS[0], BOXES[0], LABELS, SIDE)[1])
    assert together[1][0][1].all()  # the second picture stands as it is
    none = constant()
    moves = list(none.step(torch.full((2, 1), -1), BOXES[:, :1], real[:, :1] * 0, shaped[:, :1]))
    assert len(moves) == 3 and moves[0].loss.item() == 0


def test_a_batch_without_things_moves_the_same_players() -> None:
    one = game()
    nothing = torch.full((2, 3), -1), torch.zeros(2, 3, 4), torch.zeros(2, 3, SIDE, SIDE)
    for update in one.step(*nothing, torch.zeros(2, 3, dtype=torch.bool)):
        assert torch.isfinite(update.loss)
        update.loss.backward()
    assert list(one.players()) == ["instance critic", "global critic", "shapes"]


def test_shapes_are_joined_by_the_largest_or_by_their_sum() -> None:
    masks = torch.tensor([[[0.25, 0.5]], [[0.5, 0.75]]])[None, :, None]  # two things on two places
    assert_close(joined(masks)[0, 0, 0], torch.tensor([0.5, 0.75]))
    assert_close(joined(masks, "sum")[0, 0, 0], torch.tensor([0.75, 1.0]))
    assert game(aggregate="sum").together(torch.full((1, 2, 2, 2), 0.3)).flatten()[0].item() == pytest.approx(0.6)
    assert as_pictures(torch.ones(1, 2, 2)).shape == (1, 3, 2, 2)


@pytest.mark.slow
def test_it_learns_that_one_thing_is_round_and_another_fills_its_box() -> None:
    torch.manual_seed(0)
    one = game()
    players = one.players(rate=1e-3)
    optimisers = {name: player.optimiser(player.modules[0].parameters()) for name, player in players.items()}
    middle = (torch.arange(SIDE) + 0.5) / SIDE
    for _ in range(200):
        corner, side = torch.rand(8, 2, 2) * 0.4, 0.3 + torch.rand(8, 2, 2) * 0.3
        boxes, labels = torch.cat([corner, side], dim=2), torch.tensor([[0, 1]] * 8)
        x, y, w, h = boxes[..., None].unbind(2)
        across, down = (2 * (middle - x) / w - 1) ** 2, (2 * (middle - y) / h - 1) ** 2
        masks = interior(boxes, SIDE)
        masks[:, 0] = (across[:, 0, None, :] + down[:, 0, :, None] <= 1).float()
        for update in one.step(labels, boxes, masks, labels >= 0):
            optimisers[update.player].zero_grad()
            update.loss.backward()
            optimisers[update.player].step()
    drawn = one.generator(labels, boxes, torch.randn(8, 2, Z))
    alike = torch.minimum(drawn, masks).flatten(2).sum(dim=2) / torch.maximum(drawn, masks).flatten(2).sum(dim=2)
    filled = drawn.flatten(2).sum(dim=2) / interior(boxes, SIDE).flatten(2).sum(dim=2)
    assert alike[:, 0].mean() > 0.75 and alike[:, 1].mean() > 0.85
    assert filled[:, 0].mean() < 0.88 < filled[:, 1].mean()
