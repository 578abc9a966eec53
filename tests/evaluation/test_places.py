"""A judge finds key points, and what is drawn is measured by where it stands, told the place or not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("python_avatars")
pytest.importorskip("resvg_py")

from limner import catalogue, checkpoint
from limner.blocks.vision.point_heads import PointHeads, pointing_error
from limner.data.dataset import Dataset
from limner.data.located import Located, LocatedLabels
from limner.data.views import Pairs
from limner.evaluation.judge import POINTING, Judge
from limner.evaluation.places import place_figures
from limner.evaluation.protocol import HeldOut, NamedJudge, floats
from limner.system import Clock
from limner.worlds import placed

TINY = dataclasses.replace(Judge.presets["small"], size=32, widths=(16, 24), features=32, code=16, batch=16)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("placed")
    return Dataset.open(placed.build(folder / "world", images=200, size=32, workers=1), size=32, cache=folder / "cache")


def judge(data: Dataset) -> Judge:
    torch.manual_seed(0)
    network = catalogue.build(Judge, TINY, data.schema)
    assert isinstance(network, Judge)
    return network


def test_pointing_by_hand() -> None:
    points = torch.tensor([[[0.5, 0.5, 1], [0.1, 0.1, 0]], [[0.2, 0.4, 1], [0.6, 0.6, 1]]])
    found = torch.tensor([[[0.5, 0.7], [0.9, 0.9]], [[0.2, 0.4], [0.4, 0.6]]])
    assert float(pointing_error(found, points)) == pytest.approx((0.1 + 0 + 0.1) / 3)
    assert float(pointing_error(found, points * torch.tensor([1, 1, 0]))) == 0


def test_heads_read_the_place_of_what_is_bright() -> None:
    heads = PointHeads(4, 2)
    heads.scores = torch.nn.Sequential(torch.nn.Conv2d(4, 2, 1, bias=False))  # what is left of them: scores to places
    torch.nn.init.constant_(heads.scores[0].weight, 50.0)
    fine = torch.zeros(1, 4, 8, 8)
    fine[..., 6, 1] = 1
    assert torch.allclose(heads(fine), torch.tensor([1.5 / 8, 6.5 / 8]).expand(1, 2, 2), atol=1e-4)


def test_every_judge_of_data_with_key_points_learns_them(data: Dataset, tmp_path: Path) -> None:
    network = judge(data)
    (phase,) = network.phases()
    assert issubclass(phase.view, Located) and "keypoints" in phase.view.needs
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    losses = []
    for step in range(60):
        rows = [(16 * step + k) % data.length() for k in range(16)]
        batch = phase.view.gather(data, rows, np.random.default_rng(step)).to("cpu")
        (update,) = network.step(batch, Clock(seen=0, total=1, step=step))
        optimiser.zero_grad()
        update.loss.backward()
        optimiser.step()
        losses.append(float(update.log["pointing"].detach()))
    assert np.mean(losses[-10:]) < 0.6 * losses[0]
    assert float(update.loss.detach()) > POINTING * losses[-1]  # it is one term beside others
    assert network.check(batch)["found"] > 0.4
    checkpoint.save(network.eval(), tmp_path / "judge")
    images = floats(data.pictures(range(5), "test"))
    found = network.locate(images)
    assert found.shape == (5, 5, 2) and torch.equal(found, NamedJudge.load(tmp_path / "judge").locate(images))


def test_without_key_points_a_judge_is_what_it_was(data: Dataset) -> None:
    schema = dataclasses.replace(data.schema, points=())
    torch.manual_seed(0)
    plain = catalogue.build(Judge, TINY, schema)
    both = judge(data)
    assert isinstance(plain, Judge) and plain.points is None and plain.view() is Pairs
    mine = both.state_dict()
    assert all(torch.equal(value, mine[key]) for key, value in plain.state_dict().items())
    silent = dataclasses.replace(data.schema, captions=0)
    assert catalogue.build(Judge, TINY, silent).view() is LocatedLabels  # type: ignore[attr-defined]
    batch = LocatedLabels.gather(data, range(4), np.random.default_rng(0))
    assert batch.points.shape == (4, 5, 3)


def test_places_of_real_pictures_shuffled_ones_and_a_grey_one(data: Dataset) -> None:
    held_out = HeldOut(
        "placed", data, NamedJudge("tiny", judge(data).eval(), "0" * 64), requests=10, prompts=1, seeds=2
    )
    figures = place_figures(held_out, held_out.real)
    place = figures["place IoU"]
    assert place.value == place.real and place.real is not None and place.real > 0.85
    assert place.floor is not None and place.floor < 0.5
    assert place_figures(held_out, held_out.real.roll(1, 0))["place IoU"].value == pytest.approx(place.floor)
    assert place_figures(held_out, torch.zeros_like(held_out.real))["place IoU"].value < 0.5
    assert set(figures) == {"place IoU", "key points"}
    assert figures["key points"].value == figures["key points"].real


def test_boxes_that_are_no_extent_on_a_flat_ground_are_not_measured(data: Dataset) -> None:
    held_out = HeldOut(
        "placed", data, NamedJudge("tiny", judge(data).eval(), "0" * 64), requests=10, prompts=1, seeds=2
    )
    held_out.real = noisy = held_out.real + torch.rand(10, 1, 32, 32)  # no flat ground
    assert set(place_figures(held_out, noisy)) == {"key points"}
