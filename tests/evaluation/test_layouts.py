"""Layouts are measured without a judge, beside the rules that made them."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest
import torch

pytest.importorskip("pyarrow")

from limner import catalogue, checkpoint
from limner.cli import main
from limner.data.dataset import Dataset
from limner.errors import UserError
from limner.evaluation.layouts import broken, rules_of
from limner.evaluation.report import read
from limner.training.engine import Engine
from limner.training.run_folder import RunFolder
from limner.training.trainer import Trainer
from limner.worlds import layouts
from toy import shapes


def test_broken_layouts_keep_sizes_and_break_a_rule() -> None:
    boxes = layouts.layout(0, 3)
    moved = broken(boxes, random.Random(0), layouts)
    assert layouts.violations(boxes) == 0 < layouts.violations(moved)
    assert [box[:1] + box[3:] for box in moved] == [box[:1] + box[3:] for box in boxes]
    changed = {one[0] for one, other in zip(moved, boxes, strict=True) if one != other}
    assert len(changed) == 1  # of one label, all


def test_eval_measures_an_artist_that_draws_layouts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIMNER_CACHE", str(tmp_path / "cache"))
    world = layouts.build(tmp_path / "world", images=120, size=16, workers=1)
    data = Dataset.open(world, size=16)
    names, labels, boxes = data.layouts([0, 1])
    assert names == data.schema.things and labels.shape[0] == 2
    own = [(names[k], *box) for k, box in zip(labels[1].tolist(), boxes[1].tolist(), strict=True) if k >= 0]
    assert [box[0] for box in own] == [box[0] for box in data.boxes(1)]
    assert own[0][1:] == pytest.approx(data.boxes(1)[0][1:], abs=1e-6)
    torch.manual_seed(0)
    cls = catalogue.load_class("layout-vae")
    config = dataclasses.replace(cls.presets["tiny"], most=2)  # fewer than there are in most rows
    checkpoint.save(cls(config, data.schema).eval(), tmp_path / "artist", trained={"images": 0})
    asked = ["eval", str(tmp_path / "artist"), "--data", str(world), "--results", str(tmp_path / "r.jsonl")]
    assert main(asked) == 0
    assert "held-out layouts of world" in capsys.readouterr().out
    (report,) = read(tmp_path / "r.jsonl")
    real = [data.boxes(row, "test") for row in range(data.length("test"))]
    exact = [layouts.log_likelihood(row) for row in real]
    figures = report.figures
    assert figures["box nats"].real == pytest.approx(-sum(one[1] for one in exact) / len(exact))
    assert figures["count nats"].real == pytest.approx(-sum(one[0] for one in exact) / len(exact))
    assert figures["box nats"].value > figures["box nats"].real  # it was never trained
    assert figures["rule violations"].real == 0 < figures["rule violations"].value
    assert {"IoU", "counts within 1", "odd layouts, AUC"} <= figures.keys() and report.protocol.judge == ""
    assert rules_of(str(tmp_path)) is None and rules_of(str(world)) is layouts
    checkpoint.save(
        cls(cls.presets["tiny"], type(data.schema)(size=16, things=("dog",))).eval(), tmp_path / "dogs", trained={}
    )
    asked[1] = str(tmp_path / "dogs")
    assert main(asked) == 2
    assert "does not know the label" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["layout-vae", "semantic-layout", "objgan"])
def test_grids_and_eval_ask_for_no_more_things_than_an_artist_draws(name: str, tmp_path: Path) -> None:
    data = shapes(tmp_path / "data", 16)
    cls = catalogue.load_class(name)
    system = cls(dataclasses.replace(cls.presets["tiny"], most=1), data.schema)
    full = data.requests(system.takes, 16, "test")
    with pytest.raises(UserError, match="1 at most"):
        system.check_request(full[0])
    trainer = Trainer(system, data, RunFolder.create(tmp_path / "run"), engine=Engine("fp32", quiet=True))
    for request in trainer.prompts:
        system.check_request(request)
    assert len(trainer.prompts) == 16 and trainer.prompts[0] == full[0].with_most(1) != full[0]
