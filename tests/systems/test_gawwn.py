"""GAWWN: losses by hand, what places do, what passes through, what is asked, and defects that are not copied."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from limner import checkpoint, settings
from limner.blocks.layout.maps import heat
from limner.data.dataset import Dataset
from limner.data.located import Located, located
from limner.drawing.artist import Artist
from limner.errors import UserError
from limner.noise import RowNoise
from limner.requests import Blend, Caption, Layout, between
from limner.system import Clock, Draft
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
from limner.training.engine import Engine
from limner.training.run_folder import RunFolder
from limner.training.trainer import Trainer
from toy import shapes

START = Clock(seen=0, total=1, step=1)
NAMES = ("left end", "right end", "middle")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("gawwn") / "shapes", 32)


def make(data: Dataset, preset: str = "tiny", **changes: Any) -> Gawwn:
    torch.manual_seed(0)
    system = Gawwn(dataclasses.replace(Gawwn.presets[preset], **changes), data.schema)
    system.text.eval().requires_grad_(False)
    system.captions.fill_table(data)
    return system


def batch(data: Dataset, by: str = "box", count: int = 4) -> Located:
    view = located("boxes" if by == "box" else "keypoints")
    return view.gather(data, range(count), np.random.default_rng(0)).to("cpu")


def drafts(system: Gawwn, requests: list[Any], seeds: list[Any], **knobs: float) -> list[Draft]:
    system.eval()
    return list(system.sample(requests, system.Knobs(**knobs), RowNoise(seeds)))


def picture(system: Gawwn, request: Any, seed: Any = 1, **knobs: float) -> Tensor:
    images = drafts(system, [request], [seed], **knobs)[-1].images
    assert images is not None
    return images[0]


def boxed(*box: float, caption: str = "a red circle", label: str = "red circle") -> Layout:
    return Layout(((label, *box),), caption)  # type: ignore[arg-type]


def pointed(caption: str = "a red circle", **points: tuple[float, float]) -> Layout:
    return Layout((), caption, tuple((name.replace("_", " "), x, y) for name, (x, y) in points.items()))


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


# Drawing


def test_a_given_box_is_the_layout_and_moving_it_moves_the_drawing(data: Dataset) -> None:
    system = make(data)
    first, last = drafts(system, [boxed(0.1, 0.2, 0.5, 0.25)], [3])
    assert first.images is None and first.progress == 0.5 and first.layout is not None and last.layout is not None
    assert_close(first.layout["boxes"][0, 0], torch.tensor([0.1, 0.2, 0.5, 0.25]))
    assert data.schema.things[int(first.layout["labels"][0, 0])] == "red circle"
    assert not torch.equal(picture(system, boxed(0, 0, 0.4, 0.4)), picture(system, boxed(0.6, 0.6, 0.4, 0.4)))


def test_a_fixed_seed_is_the_same_noise_wherever_it_stands(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    system, seen = make(data), list[Tensor]()
    system.generator.register_forward_hook(lambda _, given, out: seen.append(given[0]))
    for request in (boxed(0, 0, 0.4, 0.4), boxed(0.5, 0.5, 0.4, 0.4), Caption("a red circle")):
        picture(system, request, 7)
    assert torch.equal(seen[0], seen[1]) and torch.equal(seen[0], seen[2])


def test_without_a_place_a_likely_box_is_drawn(data: Dataset) -> None:
    system = make(data)
    system.fit_boxes(data)
    system.deviation.copy_(0.1 * torch.eye(4))
    boxes = [drafts(system, [Caption("a red circle")], [seed])[0].layout["boxes"][0, 0] for seed in (1, 2)]  # type: ignore[index]
    assert not torch.equal(*boxes)
    calm = [drafts(system, [Caption("a red circle")], [s], wander=0.0)[0].layout["boxes"] for s in (1, 2)]  # type: ignore[index]
    assert torch.equal(*calm)


@pytest.mark.parametrize("kept", [(), ("left_end",), ("left_end", "middle"), ("left_end", "right_end", "middle")])
def test_given_points_pass_through_unchanged_whichever_they_are(kept: tuple[str, ...], data: Dataset) -> None:
    system = make(data, by="points")
    places = {"left_end": (0.123, 0.456), "right_end": (0.8, 0.45), "middle": (0.5, 0.5)}
    request = pointed(**{name: places[name] for name in kept})
    first, _ = drafts(system, [request, Caption("a red circle")], [3, 4])
    assert first.layout is not None
    found = first.layout["points"][0]
    for k, name in enumerate(NAMES):
        given = name.replace(" ", "_") in kept
        place = torch.tensor([*places[name.replace(" ", "_")], 1.0])
        assert torch.equal(found[k], place) is given
    assert ((found >= 0) & (found <= 1)).all()


def test_the_completer_reads_what_is_given(data: Dataset) -> None:
    system = make(data, by="points").eval()
    with torch.no_grad():
        z, h = torch.randn(1, Z), torch.randn(1, 32)
        one, other = torch.zeros(2, 1, 3, 3)
        other[0, 0] = torch.tensor([0.9, 0.1, 1.0])
        drawn = system.completer(z, h, one), system.completer(z, h, other)
    assert not torch.equal(drawn[0][0, 1:], drawn[1][0, 1:])


@pytest.mark.parametrize("by", ["box", "points"])
def test_moving_is_a_blend_of_two_layouts(by: str, data: Dataset) -> None:
    system = make(data, by=by)
    if by == "box":
        ends = boxed(0, 0, 0.4, 0.2), boxed(0.5, 0.5, 0.5, 0.4)
        middle = boxed(0.25, 0.25, 0.45, 0.3)
    else:
        ends = pointed(left_end=(0.1, 0.2)), pointed(left_end=(0.5, 0.6))
        middle = pointed(left_end=(0.3, 0.4))
    blended = between(*ends, 0.5)
    assert isinstance(blended, Blend)
    assert_close(picture(system, blended, 5), picture(system, middle, 5), atol=1e-4, rtol=0)
    name = "boxes" if by == "box" else "points"
    found = drafts(system, [blended, Blend(ends[0], ends[1], 0.75), ends[1]], [5, 5, 5])[0].layout
    assert found is not None
    assert found[name][0, 0, 0] < found[name][1, 0, 0] < found[name][2, 0, 0]


def test_points_of_other_names_do_not_mix() -> None:
    with pytest.raises(UserError, match="nothing lies between"):
        between(pointed(left_end=(0.1, 0.2)), pointed(middle=(0.1, 0.2)), 0.5)


@pytest.mark.parametrize("by", ["box", "points"])
def test_a_row_alone_is_the_row_among_others(by: str, data: Dataset) -> None:
    system = make(data, by=by)
    requests = [boxed(0.1, 0.1, 0.3, 0.3), Caption("a blue bar"), pointed(middle=(0.2, 0.2))]
    together = drafts(system, requests, [1, 2, 3])[-1].images
    for row, request in enumerate(requests):
        assert_close(picture(system, request, row + 1), together[row], atol=1e-4, rtol=0)  # type: ignore[index]


def test_what_is_not_looked_at_is_said(data: Dataset) -> None:
    by_box, by_points = make(data), make(data, by="points")
    two = Layout((("red circle", 0, 0, 0.5, 0.5), ("black", 0, 0, 1, 1)), "a red circle")
    assert "the largest that was given" in by_box.remarks([two])[0] and not by_box.remarks([boxed(0, 0, 1, 1)])
    assert "told where by a box" in by_box.remarks([pointed(middle=(0.5, 0.5))])[0]
    assert "told where by key points" in by_points.remarks([boxed(0, 0, 1, 1)])[0]
    assert_close(drafts(by_box, [two], [1])[0].layout["boxes"][0, 0], torch.tensor([0.0, 0, 1, 1]))  # type: ignore[index]


# Asking, from a text to a recipe


@pytest.fixture(scope="module")
def artist(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Artist:
    from limner.drawing.artist import load

    folder = tmp_path_factory.mktemp("artist") / "points"
    checkpoint.save(make(data, by="points").eval(), folder)
    return load(str(folder))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a red circle; middle 1.2 .5", "'middle' at 1.2 0.5 lies outside the picture"),
        ("a red circle; middle nan .5", "has what is no number"),
        ("a red circle; midle .2 .5", "unknown point 'midle': did you mean 'middle'?"),
        ("a red circle; middle .2 .5; middle .3 .5", "stands there twice"),
        ("a red circle; red circle .2 .5 0 .1", "has no size"),
        ("middle .2 .5", "give it a caption, too"),
        (Layout((), "a red circle"), "the request has no boxes: place some, or some key points"),
    ],
)
def test_what_is_refused_in_one_line(text: Any, says: str, artist: Artist) -> None:
    with pytest.raises(UserError) as caught:
        artist.draw(text, seed=1)
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_a_line_says_what_and_where_and_the_recipe_draws_it_again(artist: Artist) -> None:
    (request,) = artist.requests("a red circle; middle .2 .5; left end .1 .5; red circle 0 .4 .4 .2")
    assert request == Layout(
        (("red circle", 0.0, 0.4, 0.4, 0.2),), "a red circle", (("middle", 0.2, 0.5), ("left end", 0.1, 0.5))
    )
    assert artist.requests("a red circle on 3 4") == [Caption("a red circle on 3 4")]
    (image,) = artist.draw(request, seed=3)
    answer = image.info["answer"]
    assert ["middle", 0.2, 0.5] in [[name, round(x, 3), round(y, 3)] for name, x, y in answer["points"]]
    row = artist.row_of(json.loads(image.info["limner"]))
    assert row[0] == request


@pytest.mark.parametrize("by", ["points"])
def test_every_phase_resumes_bitwise(by: str, data: Dataset, tmp_path: Path) -> None:
    def trainer(folder: Path) -> Trainer:
        torch.manual_seed(0)
        changes = {"by": by, "text_images": 16, "point_images": 24, "images": 24, "batch": 8}
        system = Gawwn(dataclasses.replace(Gawwn.presets["tiny"], **changes), data.schema)
        run = RunFolder.open(folder) if (folder / "run.json").exists() else RunFolder.create(folder)
        return Trainer(system, data, run, engine=Engine("fp32", quiet=True), grid_every=0)

    whole = trainer(tmp_path / "whole")
    whole.fit()
    trainer(tmp_path / "cut").fit(stop_after=32)  # within the points
    trainer(tmp_path / "cut").resume(stop_after=48)  # within the GAN
    last = trainer(tmp_path / "cut")
    last.resume()
    mine = last.system.state_dict()
    assert all(torch.equal(value, mine[key]) for key, value in whole.system.state_dict().items())


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["birds", "birds-points", "avatars-points"])
def test_presets_of_the_paper_are_built_and_stepped_once(preset: str, data: Dataset) -> None:
    config = Gawwn.presets[preset]
    system = make(data, preset)
    side = Gawwn.data_size(config)
    read = batch(data, config.by)
    read = dataclasses.replace(read, images=nn.functional.interpolate(read.images, side))
    moves = [*system.step(read, START), *(system.complete(read, START) if config.by == "points" else ())]
    for update in moves:
        assert torch.isfinite(update.loss)
        update.loss.backward()


def test_points_need_data_that_has_some(data: Dataset) -> None:
    with pytest.raises(UserError, match="takes data with key points"):
        Gawwn(dataclasses.replace(Gawwn.presets["tiny"], by="points"), dataclasses.replace(data.schema, points=()))


def test_settings_are_read_from_words() -> None:
    assert settings.change(Gawwn.presets["tiny"], {"by": "points"}, "").by == "points"
