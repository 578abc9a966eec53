"""GAWWN draws: what passes through, what moves, what is asked and refused, what a run resumes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from gawwns import NAMES, START, batch, boxed, drafts, make, picture, pointed
from limner import checkpoint, settings
from limner.data.dataset import Dataset
from limner.drawing.artist import Artist
from limner.errors import UserError
from limner.requests import Blend, Caption, Layout, between
from limner.systems.gawwn import Gawwn
from limner.systems.gawwn.nets import Z
from limner.training.engine import Engine
from limner.training.run_folder import RunFolder
from limner.training.trainer import Trainer
from toy import shapes


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("gawwn") / "shapes", 32)


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
    shaped = Layout((("red circle", 0, 0, 1, 1),), "a red circle", masks=("A",))
    assert "knows no shapes" in by_box.remarks([shaped])[0]
    silent = Layout((("red circle", 0, 0, 1, 1),))
    assert "nothing says what to draw" in by_box.remarks([silent])[0]
    assert_close(by_box.encode([silent, Caption("a red circle")])[0], torch.zeros(32))
    assert picture(by_box, silent).shape == (3, 32, 32)
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
        (Layout((), "a red circle"), "the request has no boxes: place some boxes, or key points"),
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
