"""What the ladder of layouts measures with: boxes by hand, true shapes in the place of drawn ones, likelihoods."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from limner import catalogue
from limner.blocks.layout.asked import asked_things
from limner.data.dataset import Dataset
from limner.worlds import layouts as world
from toy import shapes


@pytest.fixture(scope="module")
def bench() -> Any:
    sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
    try:
        importlib.import_module("hierarchy_tables")
        return importlib.import_module("hierarchy")
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("ladder") / "shapes", 16)


def artist(data: Dataset) -> Any:
    torch.manual_seed(0)
    return catalogue.create("semantic-layout", "tiny", data.schema).eval()


def test_true_shapes_take_the_place_of_drawn_ones_and_only_their_own(bench: Any, data: Dataset) -> None:
    system, rows = artist(data), list(range(data.length("test")))
    asked = bench.true_layouts(data, rows, system.config.most)
    knobs = system.Knobs(missing=False)
    drawn, found = bench.draw(system, asked, knobs)
    assert [sorted(boxes) for boxes in found] == [sorted(request.boxes) for request in asked]
    painted: list[Any] = []
    hook = system.painter.register_forward_hook(lambda _, given, out: painted.append(given[0]))
    with bench.true_shapes(system, data, rows):
        true, _ = bench.draw(system, asked, knobs)
    hook.remove()
    labels, _, masks, _ = data.scenes(rows, "test", system.config.most, system.config.mask_size)
    assert torch.equal(painted[0], system.layout(labels, masks.float() / 255))
    assert not torch.equal(true, drawn) and torch.equal(bench.draw(system, asked, knobs)[0], drawn)
    with pytest.raises(AssertionError, match="other rows"), bench.true_shapes(system, data, rows[::-1]):
        bench.draw(system, asked, knobs)


def test_proposals_stand_between_the_rules_and_other_pictures(bench: Any) -> None:
    real = [world.layout(3, index) for index in range(40)]
    found = bench.proposals(real, real, SimpleNamespace(**vars(world)), seed=0)
    assert found["counts right"][:2] == [1.0, 1.0] and found["counts right"][2] < 0.9
    own, rules, others = found["layout IoU"]
    assert own == 1.0 and 1 > rules > others
    assert found["boxes that break a rule"] == [0.0, 0.0]


def test_likelihoods_are_nats_a_box(bench: Any, data: Dataset) -> None:
    system, rows = artist(data), [0, 1, 2]
    asked = bench.true_layouts(data, rows, system.config.most)
    found = bench.likelihood(system, asked, None)
    labels, boxes = asked_things(asked, system.schema.things, system.config.most, system.config.mask_size)[:2]
    terms = system.boxes.terms(system.read([one.caption for one in asked]), labels, boxes)
    assert found["nats a box"] == [pytest.approx(float(terms.nats.sum().detach()) / 6, abs=1e-3)]  # two boxes each
    parts = sum(found[f"{name}, nats a box"][0] for name in ("labels", "middles", "sides"))
    assert found["nats a box"][0] == pytest.approx(parts, abs=1e-3)


def test_the_table_shows_rows_layouts_and_edits(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = sys.modules["hierarchy_tables"]
    same = dict.fromkeys(("data", "size", "width", "text_images", "box_images", "shape_images", "images"), 32)
    same |= {
        "pictures": 9,
        "judge": "layouts",
        "seed": 0,
        "command": "python",
        "commit": "0" * 9,
        "threads": 1,
        "torch": 2,
    }
    figures = {"attributes": [0.5, 0.9, 0.2], "fid": [3.0, 1.0]}
    laid = {"layout IoU": [0.3, 0.4, 0.1], "nats a box": [-3.0, -5.0]}
    edits = {"removed: under a tenth outside": [0.75], "moved: IoU with its new box": [0.6, 0.05]}
    found = [same | {"row": row, "figures": figures | more} for row, more in
             (("text", {}), ("predicted", laid), ("boxes", edits), ("boxes", edits))]  # fmt: skip
    monkeypatch.setattr(tables, "lines", lambda name: found)
    text = tables.hierarchy()
    assert "| text | 0.500 | 3.00 |" in text and "| real pictures | 0.900 | 1.00 |" in text
    assert "| layout IoU | 0.300 | 0.400 (the rules, same counts) | 0.100 (other pictures) |" in text
    assert "| nats a box | -3.00 | -5.00 (the rules) |  |" in text
    assert "| moved: IoU with its new box | 0.600 |" in text and "by 0.050" in text
    monkeypatch.setattr(tables, "lines", lambda name: [])
    assert "Not measured yet." in tables.hierarchy()
