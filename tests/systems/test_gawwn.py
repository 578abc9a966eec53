"""GAWWN: losses by hand, what places do, what passes through, what is asked, and defects that are not copied."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from gawwns import START, batch, make
from limner.blocks.layout.maps import heat
from limner.data.dataset import Dataset
from limner.data.located import located
from limner.errors import UserError
from limner.systems.gawwn import Gawwn
from limner.systems.gawwn.nets import (
    GRID,
    BoxDiscriminator,
    BoxGenerator,
    PointCompleter,
    PointCritic,
    PointsDiscriminator,
    PointsGenerator,
    Z,
)
from toy import shapes


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("gawwn") / "shapes", 32)


def f(s: float) -> float:
    return math.log(1 + math.exp(s))


# The nets


def parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.mark.slow
def test_parameters_are_those_of_the_published_nets() -> None:
    assert parameters(BoxGenerator(128, 128, 1024)) == 73_545_699
    assert parameters(BoxDiscriminator(128, 128, 1024)) == 16_763_137
    assert parameters(PointsGenerator(128, 128, 1024, 15)) == 26_471_043
    assert parameters(PointsDiscriminator(128, 128, 1024, 15)) == 14_667_905
    assert parameters(PointCompleter(128, 1024, 15)) == 2_715_949
    assert parameters(PointCritic(128, 1024, 15)) == 946_177


@pytest.mark.parametrize("size", [32, 64, 128, 256])
def test_sides(size: int) -> None:
    z, h, box, points = (
        torch.randn(2, Z),
        torch.randn(2, 24),
        torch.tensor([[0.1, 0.2, 0.5, 0.6]] * 2),
        torch.rand(2, 3, 3),
    )
    for g, d, place in (
        (BoxGenerator(8, size, 24), BoxDiscriminator(8, size, 24), box),
        (PointsGenerator(8, size, 24, 3), PointsDiscriminator(8, size, 24, 3), points),
    ):
        x = g(z, h, place)
        assert x.shape == (2, 3, size, size)
        assert d.features(x).shape == (2, 16, GRID, GRID)
        assert d(x, h, place).shape == (2,)


def test_a_side_without_room_for_the_grid_is_refused() -> None:
    with pytest.raises(UserError, match="32 pixels are the least"):
        dataclasses.replace(Gawwn.presets["tiny"], size=16)


@torch.no_grad()
def test_the_local_path_draws_in_the_box_alone() -> None:
    """With the global path silent, nothing differs from an empty canvas further from the box than filters reach."""
    torch.manual_seed(0)
    g = BoxGenerator(8, 32, 16).eval()
    box = torch.tensor([[0.0, 0.0, 0.25, 0.25]])
    g.global_path.forward = lambda x: x.new_zeros(len(x), 16, GRID, GRID)  # type: ignore[method-assign]
    one, other = (g(torch.randn(1, Z), torch.randn(1, 16), box) for _ in range(2))
    assert torch.equal(one[..., 16:, :], other[..., 16:, :]) and torch.equal(one[..., 16:], other[..., 16:])
    assert not torch.equal(one[..., :8, :8], other[..., :8, :8])


@torch.no_grad()
def test_the_region_head_looks_into_the_box_alone() -> None:
    torch.manual_seed(0)
    d = BoxDiscriminator(8, 32, 16).eval()
    seen: list[Tensor] = []
    d.region.register_forward_hook(lambda _, given, out: seen.append(given[0]))
    features, h, box = torch.randn(1, 16, GRID, GRID), torch.randn(1, 16), torch.tensor([[0.0, 0.0, 0.25, 0.25]])
    changed = features.clone()
    changed[..., 8:, 8:] += 5
    d.judge(features, h, box), d.judge(changed, h, box)
    assert torch.equal(*seen)


@torch.no_grad()
def test_the_whole_view_knows_where_the_box_is() -> None:
    """Do not copy: cropped by the box's own transform, a sentence repeated at all cells is the same everywhere."""
    torch.manual_seed(0)
    d = BoxDiscriminator(8, 32, 16).eval()
    seen: list[Tensor] = []
    d.text_in_box.register_forward_hook(lambda _, given, out: seen.append(out))
    features, h = torch.randn(1, 16, GRID, GRID), torch.randn(1, 16)
    for box in ([0.0, 0, 0.4, 0.4], [0.6, 0.6, 0.4, 0.4]):
        d.judge(features, h, torch.tensor([box]))
    assert not torch.allclose(*seen)


@torch.no_grad()
def test_points_switch_the_local_path_on_and_give_each_part_its_map() -> None:
    torch.manual_seed(0)
    g = PointsGenerator(8, 32, 16, 3).eval()
    seen: list[Tensor] = []
    g.join.register_forward_hook(lambda _, given, out: seen.append(given[0]))
    lit: list[Tensor] = []
    g.local_path.register_forward_hook(lambda _, given, out: lit.append(given[0]))
    points = torch.tensor([[[0.1, 0.1, 1.0], [0.12, 0.1, 1.0], [0.9, 0.9, 0.0]]])
    g(torch.randn(1, Z), torch.randn(1, 16), points)
    maps = heat(points, GRID)
    assert torch.equal(seen[0][:, -3:], maps)
    on = lit[0].abs().sum(dim=1) > 0
    assert torch.equal(on, maps.amax(dim=1) > 0) and on.sum() == 1  # two points in a cell are one place


# The losses


class Constant(nn.Module):
    """Scores by hand: real pictures `right` with their text, `wrong` with another, drawn ones (all -1) `drawn`."""

    def __init__(self, h: Tensor) -> None:
        super().__init__()
        self.h, self.places = h, list[Tensor]()

    def features(self, x: Tensor) -> Tensor:
        return x

    def judge(self, x: Tensor, h: Tensor, place: Tensor) -> Tensor:
        self.places.append(place)
        score = 3.0 if x.min() == x.max() == -1 else 1.0 if torch.equal(h, self.h) else 2.0
        return torch.full((len(x),), score)

    forward = judge


@pytest.mark.parametrize("by", ["box", "points"])
def test_both_losses_by_hand_and_the_place_is_kept(by: str, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    system, read = make(data, by=by, recipe="paper"), batch(data, by)
    h = torch.randn(4, 32)
    monkeypatch.setattr(system.captions.__class__, "draw", lambda *_: h)
    monkeypatch.setattr(system, "discriminator", Constant(h))
    monkeypatch.setattr(system.generator, "forward", lambda z, h, place: -torch.ones(4, 3, 32, 32))
    d, g = system.step(read, START)
    assert (d.player, g.player) == ("discriminator", "generator")
    assert d.loss.item() == pytest.approx(f(-1) + 0.5 * f(2) + 0.5 * f(3))
    assert g.loss.item() == pytest.approx(f(-3))
    place = system.seen(read)[1]
    assert len(system.discriminator.places) == 4  # type: ignore[arg-type]
    assert all(torch.equal(one, place) for one in system.discriminator.places)  # type: ignore[union-attr]


def test_the_generator_asks_the_discriminator_afresh(data: Dataset) -> None:
    """Do not copy: the reference's generator step uses what the discriminator said before its update."""
    system = make(data, recipe="paper")
    moves = system.step(batch(data), START)
    next(moves)
    with torch.no_grad():
        for parameter in system.discriminator.score.parameters():
            parameter.zero_()
        system.discriminator.score[-1].bias.fill_(2.0)  # the update that the trainer makes
    assert next(moves).loss.item() == pytest.approx(f(-2.0))


def test_discriminators_do_not_teach_generators_in_their_own_moves(data: Dataset) -> None:
    system = make(data, by="points")
    first, second = next(system.step(batch(data, "points"), START)), next(system.complete(batch(data, "points"), START))
    (first.loss + second.loss).backward()
    assert all(p.grad is None for net in (system.generator, system.completer) for p in net.parameters())


def test_the_game_of_points_by_hand(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    system, read = make(data, by="points"), batch(data, "points")
    monkeypatch.setattr(
        system.point_critic,
        "forward",
        lambda points, h: torch.full((4,), 1.0 if torch.equal(points, read.points) else 2.0),
    )
    critic, points = system.complete(read, START)
    assert (critic.player, points.player) == ("critic", "points")
    assert critic.loss.item() == pytest.approx(f(-1) + f(2))
    assert points.loss.item() == pytest.approx(f(-2))


def test_a_tenth_of_the_points_is_given_while_they_are_learnt(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    system, read, shares = make(data, by="points"), batch(data, "points"), []
    forward = system.completer.forward

    def watched(z: Tensor, h: Tensor, given: Tensor) -> Tensor:
        kept = given[..., 2] > 0
        assert torch.equal(given[kept], read.points[kept]) and not given[~kept].any()
        shares.append(kept.float().sum() / (read.points[..., 2] > 0).sum())
        return forward(z, h, given)

    monkeypatch.setattr(system.completer, "forward", watched)
    for _ in range(150):
        next(system.complete(read, START))
    assert 0.07 < float(torch.stack(shares).mean()) < 0.13


def test_widths_of_the_point_critic_are_the_discriminators(data: Dataset) -> None:
    """Do not copy: the reference's D_k takes its first width from the generator's."""
    system = make(data, by="points", generator_width=8, discriminator_width=16)
    assert system.point_critic.look[0].out_features == 64
    critic, _ = system.complete(batch(data, "points"), START)
    assert torch.isfinite(critic.loss)


def test_who_moves_depends_on_no_data(data: Dataset) -> None:
    """Do not copy: for people the reference updates D only where fakes scored above a threshold."""
    system, read = make(data), batch(data)
    for bias in (-50.0, 50.0):
        with torch.no_grad():
            system.discriminator.score[-1].bias.fill_(bias)
        assert [update.player for update in system.step(read, START)] == ["discriminator", "generator"]


# What is read


def test_views_hold_what_they_need(data: Dataset) -> None:
    boxes, points, both = batch(data), batch(data, "points"), located("boxes", "keypoints")
    assert boxes.points.shape == (4, 0, 3) and points.boxes.shape == (4, 0, 4)
    assert {"boxes", "keypoints"} <= both.needs and located("boxes") is located("boxes")
    assert torch.equal(points.points, data.points(range(4)))
    _, labels, places = data.layouts(range(4))
    assert torch.equal(boxes.things, labels) and torch.equal(boxes.boxes, places)


def test_a_mirrored_picture_exchanges_left_and_right(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not copy: the reference mirrors pictures and leaves left and right parts where they were in the list."""
    system = make(data, by="points", crop=True)
    read = located("keypoints").gather(shapes_of(data, 38), range(4), np.random.default_rng(0)).to("cpu")
    assert data.schema.mirrored == ((0, 1),)
    for mirrored in (False, True):
        monkeypatch.setattr(torch, "rand", lambda *size, m=mirrored, **_: torch.full(size, 0.0 if m else 0.9))
        x, points = system.seen(read)
        assert x.shape == (4, 3, 32, 32)
        there = points[..., 2].bool()
        ends = (there[:, 0] & there[:, 1]).nonzero()[:, 0]
        assert len(ends) and (points[ends, 0, 0] < points[ends, 1, 0]).all()  # left stays left, mirrored or not


def shapes_of(data: Dataset, side: int) -> Dataset:
    return Dataset.open(data._source.name, size=side, held_out=0.2)


def test_boxes_are_fitted_and_likely_ones_are_like_them(data: Dataset) -> None:
    system = make(data)
    numbers = system.fit_boxes(data)
    assert numbers["width mean"] == pytest.approx(float(system.mean[2])) and numbers["x mean"] == pytest.approx(0.5)
    system.mean.copy_(torch.tensor([0.4, 0.6, 0.3, 0.2]))
    system.deviation.copy_(torch.diag(torch.tensor([0.1, 0.05, 0.02, 0.03])))
    drawn = system.likely_boxes(torch.randn(4000, 4))
    laid = torch.cat([drawn[:, :2] + drawn[:, 2:] / 2, drawn[:, 2:]], dim=1)
    assert_close(laid.mean(dim=0), system.mean, atol=0.01, rtol=0)
    assert_close(laid.std(dim=0), torch.tensor([0.1, 0.05, 0.02, 0.03]), atol=0.01, rtol=0)
    assert drawn.min() >= 0 and (drawn[:, :2] + drawn[:, 2:]).max() <= 1 + 1e-6
    assert_close(system.likely_boxes(torch.zeros(1, 4))[0], torch.tensor([0.25, 0.5, 0.3, 0.2]))
