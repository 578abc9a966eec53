"""The layouts world: its densities are exact, its rules are kept, its rows agree with one another."""

from __future__ import annotations

import io
import math
import random

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("pyarrow")

from limner.data.check import check
from limner.data.dataset import Dataset
from limner.errors import UserError
from limner.worlds import layouts
from limner.worlds.layouts import rules
from limner.worlds.layouts.rules import KINDS, Normal, Uniform, count_law, draw, layout, log_likelihood, violations

CUP = ("cup", 0.45, 0.77, 0.1, 0.13)
"""A cup with every quantity at the mean of its law; without a table its middle is uniform over .7."""
NORMAL = -math.log(0.02 * math.sqrt(2 * math.pi)) - math.log(0.98758067)
"""Log-density at the mean of a normal law of deviation .02 that ends at 2.5 deviations."""


def test_the_likelihood_of_one_cup_worked_by_hand() -> None:
    counts, boxes = log_likelihood([CUP])
    assert counts == pytest.approx(math.log(0.4))
    assert boxes == pytest.approx(3 * NORMAL - math.log(0.7), abs=1e-6)


def test_two_alike_count_in_either_order_and_relations_count_by_what_is_there() -> None:
    other = ("cup", 0.25, 0.77, 0.1, 0.13)
    counts, boxes = log_likelihood([CUP, other])
    assert (counts, boxes) == log_likelihood([other, CUP])
    assert counts == pytest.approx(math.log(0.3))
    assert boxes == pytest.approx(math.log(2) + 2 * (3 * NORMAL - math.log(0.7)), abs=1e-6)
    table = ("table", 0.28, 0.68, 0.44, 0.24)
    assert log_likelihood([table, CUP])[1] == -math.inf  # it floats below the table's edge
    standing = ("cup", 0.45, 0.57, 0.1, 0.13)
    own = log_likelihood([table])[1]
    assert log_likelihood([standing, table])[1] == pytest.approx(own + 3 * NORMAL - math.log(0.8 * 0.44), abs=1e-6)
    assert violations([table, standing]) == 0 and violations([table, CUP]) == 1
    assert log_likelihood([standing, table, ("plate", 0.4, 0.66, 0.16, 0.08), ("plate", 0.5, 0.66, 0.16, 0.08)])[0] == (
        -math.inf
    )  # one cup, two plates


def test_every_law_is_a_density() -> None:
    at = np.linspace(-1, 2, 30_001)
    for law in (Normal((0.5,), 0.04), Normal(rules.TWO_SIDES, 0.02), Uniform(0.15, 0.85)):
        mass = sum(math.exp(law.log_density(value)) for value in at) * (at[1] - at[0])
        assert mass == pytest.approx(1, abs=1e-3)
        drawn = [law.sample(random.Random(seed)) for seed in range(200)]
        assert all(law.outside(value) <= rules.SLACK for value in drawn)
    for kind in KINDS:
        for cups in range(5):
            assert sum(count_law(kind, {"cup": cups} if cups else {}).values()) == pytest.approx(1)


def test_what_is_sampled_keeps_the_rules_and_lies_in_the_picture() -> None:
    sampled = [layout(3, index) for index in range(2000)]
    for boxes in sampled:
        assert violations(boxes) == 0 and all(map(math.isfinite, log_likelihood(boxes)))
        assert all(min(x, y) >= 0 and max(x + w, y + h) <= 1 for _, x, y, w, h in boxes)
        numbers = rules.counts_of(boxes)
        assert all(count <= rules.MOST[kind] for kind, count in numbers.items())
        assert not (numbers["cup"] and numbers["plate"]) or numbers["cup"] == numbers["plate"]
        assert not (numbers["cup"] and numbers["ball"]) or numbers["cup"] + numbers["ball"] == 5
    middles = [x + w / 2 for boxes in sampled for label, x, _, w, _ in boxes if label == "ball"]
    assert 0.45 < np.mean(np.array(middles) < 0.5) < 0.55
    assert not [m for m in middles if 0.25 < m < 0.75]
    assert draw(random.Random(0), {"cup"}, {"cup": 3}) and len(draw(random.Random(0), {"cup"}, {"cup": 3})) == 3


def test_moving_one_label_breaks_its_rule() -> None:
    boxes = layout(0, 6)
    label, x, _, w, h = boxes[0]
    moved = [(label, x, 0.0, w, h) if label != "lamp" else (label, x, 1 - h, w, h), *boxes[1:]]
    assert violations(moved) >= 1 and log_likelihood(moved)[1] == -math.inf
    with pytest.raises(UserError, match="the rule table knows no 'dog': it has table, cup"):
        log_likelihood([("dog", 0, 0, 0.1, 0.1)])


def test_a_row_is_true_of_itself() -> None:
    for index in range(30):
        row, boxes = layouts.row(1, index, 48), layout(1, index)
        assert [one["label"] for one in row["boxes"]] == [box[0] for box in boxes]
        assert row["boxes"][0]["box"] == pytest.approx([48 * share for share in boxes[0][1:]])
        assert {kind: int(row["attributes"][f"count of {kind}s"]) for kind in KINDS} == rules.counts_of(boxes)
        assert all(set(said) <= set(row["attributes"]) for said in row["said"]) and len(set(row["said"][0])) >= 1
        masks = [np.asarray(Image.open(io.BytesIO(one["mask"]["bytes"]))) for one in row["masks"]]
        assert np.stack(masks).astype(int).sum(0).max() <= 260  # each pixel shows one thing
        picture = np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])))
        assert picture.shape == (48, 48, 3)
        last, mask = row["boxes"][-1]["box"], masks[-1]
        rows, columns = np.nonzero(mask > 127)
        assert columns.min() >= last[0] - 1 and columns.max() <= last[0] + last[2] + 1  # the last is whole
        assert rows.min() >= last[1] - 1 and rows.max() <= last[1] + last[3] + 1
    assert layouts.row(1, 7, 48) == layouts.row(1, 7, 48) != layouts.row(2, 7, 48)


def test_things_behind_others_are_seen_in_part() -> None:
    table, cup = ("table", 0.2, 0.5, 0.6, 0.4), ("cup", 0.4, 0.4, 0.2, 0.2)
    _, (alone,) = layouts.render([table], 64)
    _, (behind, front) = layouts.render([table, cup], 64)
    assert behind.sum() < alone.sum() and (behind[front == 255] == 0).all()


def test_a_build_opens_checks_and_keeps_its_likelihood(tmp_path) -> None:
    layouts.build(tmp_path / "a", images=60, size=32, seed=4, workers=1)
    layouts.build(tmp_path / "b", images=60, size=32, seed=4, workers=2)
    for name in ("train-00000-of-00001.parquet", "test-00000-of-00001.parquet", "README.md"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert check(tmp_path / "a", cache=tmp_path / "cache") == []
    data = Dataset.open(tmp_path / "a", size=16, cache=tmp_path / "cache")  # at another size than it was drawn
    assert set(data.schema.things) == set(KINDS) and len(data.schema.attributes) == 6
    for place in range(data.length("test")):
        exact = log_likelihood(layout(4, place))
        assert log_likelihood(data.boxes(place, "test")) == pytest.approx(exact, abs=1e-3)
