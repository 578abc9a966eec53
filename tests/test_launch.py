"""Training called from Python: the same as typed, with data in memory, and with what a program does meanwhile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

import limner
from artists import FAKE
from limner import checkpoint, cli
from limner.data.dataset import Dataset
from limner.errors import UserError
from limner.training.trainer import Trainer
from toy import shapes_folder

ROWS = 20
TINY: Mapping[str, Any] = {"preset": "tiny", "quiet": True, "grid_every": 0}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shapes_folder(tmp_path / "shapes", size=8, count=24)
    monkeypatch.setenv("LIMNER_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def weights(folder: Path) -> str:
    return str(checkpoint.read(folder)["sha256"]["weights.safetensors"])


def frame() -> pd.DataFrame:
    lines = [json.loads(line) for line in Path("shapes/metadata.jsonl").read_text().splitlines()]
    return pd.DataFrame([{"image": f"shapes/{line['file_name']}", "text": line["text"]} for line in lines])


class Told(limner.Callback):
    """Writes down what it is called with, and may stop."""

    def __init__(self, stop_at: int = 10**9) -> None:
        self.calls: list[str] = []
        self.steps: list[int] = []
        self.saved: list[Path] = []
        self.logged: list[Mapping[str, Any]] = []
        self.sides: list[tuple[int, int]] = []
        self.stop_at = stop_at

    def on_start(self, trainer: Trainer) -> None:
        self.calls.append("start")

    def on_phase(self, trainer: Trainer, name: str) -> None:
        self.calls.append(f"phase {name}")

    def on_step(self, trainer: Trainer) -> None:
        torch.randn(1000)  # what a callback draws at random is its own business
        self.steps.append(trainer.at.total)
        if trainer.at.total >= self.stop_at:
            trainer.stop()

    def on_log(self, trainer: Trainer, entry: Mapping[str, Any]) -> None:
        self.logged.append(entry)

    on_check = on_log

    def on_grid(self, trainer: Trainer, image: Any) -> None:
        self.sides.append(image.size)

    def on_save(self, trainer: Trainer, folder: Path) -> None:
        self.saved.append(folder)
        assert checkpoint.open(folder), "it is there, and whole"

    def on_end(self, trainer: Trainer) -> None:
        self.calls.append("end")


def test_what_is_called_trains_what_is_typed(here: Path) -> None:
    options = ("--preset", "tiny", "--set", "rate=0.01", "--images", "24", "--seed", "3", "--grid-every", "0")
    assert cli.main(["train", str(FAKE), "--data", "shapes", *options, "--run", "typed", "--no-tensorboard"]) == 0
    found = limner.train(str(FAKE), "shapes", settings={"rate": 0.01}, images=24, seed=3, run="called", **TINY)
    assert weights(found.checkpoint) == weights(next(Path("typed/checkpoints").glob("*24")))
    records = [json.loads(Path(run, "run.json").read_text()) for run in ("typed", "called")]
    assert {key for key in records[0] if records[0][key] != records[1][key]} <= {"started", "command"}
    assert (found.images, found.budget, found.finished) == (24, 24, True)
    assert found.artist.draw("a red square", seed=1)[0].size == (8, 8)


def test_callbacks_are_called_in_order_and_change_nothing(here: Path) -> None:
    plain = limner.train(str(FAKE), "shapes", run="plain", **TINY)
    watched = Told()
    found = limner.train(str(FAKE), "shapes", run="watched", callbacks=[watched], **(TINY | {"grid_every": 8}))
    assert weights(found.checkpoint) == weights(plain.checkpoint), "though a callback drew at random in every step"
    assert watched.calls == ["start", "phase fit", "end"]
    assert watched.steps == [4, 8, 12, 16]
    assert watched.saved[-1] == found.checkpoint and len(watched.saved) >= 2
    assert watched.logged[-1]["total"] == 16 and any("body.loss" in entry for entry in watched.logged)
    assert any("pictures.distance" in entry for entry in watched.logged), "also what is told of drawn pictures"
    assert found.history == watched.logged, "what is logged is what a program is handed"
    assert len(watched.sides) == 2 and min(watched.sides[0]) > 8
    assert "16 of 16" in found._repr_html_() and "data:image/png" in found._repr_html_()


def test_a_callback_stops_the_training_which_goes_on(here: Path) -> None:
    whole = limner.train(str(FAKE), "shapes", run="whole", **TINY)
    cut = limner.train(str(FAKE), "shapes", run="cut", callbacks=[Told(stop_at=8)], **TINY)
    assert (cut.images, cut.finished) == (8, False) and "limner.resume(run)" in cut._repr_html_()
    watched = Told()
    rest = limner.resume("cut", callbacks=[watched], quiet=True)
    assert rest.finished and watched.steps == [12, 16]
    assert weights(rest.checkpoint) == weights(whole.checkpoint)


def test_any_object_with_such_a_method_is_a_callback_and_nothing_else(here: Path) -> None:
    class Mine:
        seen = 0

        def on_step(self, trainer: Trainer) -> None:
            self.seen += 1

    mine = Mine()
    limner.train(str(FAKE), "shapes", callbacks=[mine], **TINY)
    assert mine.seen == 4
    for wrong in (object(), limner.Callback, print):
        with pytest.raises(UserError, match="is no callback"):
            limner.train(str(FAKE), "shapes", run="wrong", callbacks=[wrong], **TINY)
    assert not Path("wrong").exists(), "of a training that could not begin nothing is left"


def test_a_fault_in_a_callback_leaves_the_last_checkpoint(here: Path) -> None:
    class Breaks(limner.Callback):
        def on_step(self, trainer: Trainer) -> None:
            if trainer.at.total == 12:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        limner.train(str(FAKE), "shapes", run="broken", save_every=8, callbacks=[Breaks()], **TINY)
    assert limner.resume("broken", quiet=True).finished


def test_data_in_memory_is_trained_on_and_handed_over_again(here: Path) -> None:
    cut = limner.train(str(FAKE), frame(), run="cut", callbacks=[Told(stop_at=8)], **TINY)
    assert not cut.finished
    with pytest.raises(UserError, match=r"limner\.resume\(run, data=\.\.\.\)"):
        limner.resume("cut")
    assert cli.main(["resume", "cut"]) == 2
    with pytest.raises(UserError, match="has changed"):
        limner.resume("cut", data=frame().iloc[:16], quiet=True)
    rest = limner.resume("cut", data=frame(), quiet=True)
    whole = limner.train(str(FAKE), frame(), run="whole", **TINY)
    assert weights(rest.checkpoint) == weights(whole.checkpoint)
    assert checkpoint.read(whole.checkpoint)["trained"]["data"] == "a DataFrame"


def test_an_opened_data_set_is_taken_at_its_size(here: Path) -> None:
    by_name = limner.train(str(FAKE), "shapes", run="by-name", **TINY)
    found = limner.train(str(FAKE), Dataset.open("shapes", size=8), run="opened", **TINY)
    assert weights(found.checkpoint) == weights(by_name.checkpoint)
    with pytest.raises(UserError, match="opened at 16 pixels and is read at 8"):
        limner.train(str(FAKE), Dataset.open("shapes", size=16), **TINY)


def test_a_checkpoint_says_its_data_by_name_alone(here: Path) -> None:
    found = limner.train(str(FAKE), "shapes", run="run", **TINY)
    assert checkpoint.read(found.checkpoint)["trained"]["data"] == "shapes", "and no folder of this machine"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"system": "gan-in-cls"}, "unknown system"),
        ({"preset": "tiney"}, "did you mean 'tiny'"),
        ({"settings": {"batches": 3}}, "did you mean 'batch'"),
        ({"seed": -1}, "from 0"),
        ({"data": "nowhere"}, "nowhere"),
        ({"data": 7}, "int is not a data set"),
        ({"from_": "nobody"}, "nobody"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_no_run(here: Path, given: dict[str, Any], says: str) -> None:
    options = {"system": str(FAKE), "data": "shapes", "run": "r", **TINY} | given
    with pytest.raises(UserError, match=says) as caught:
        limner.train(**options)
    assert "\n" not in str(caught.value) and not Path("r").exists()
