"""A run folder that others had their hands in: what is damaged is one line, what is foreign is left alone."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from limner.errors import UserError
from limner.training.run_folder import RunFolder, state_of

RECORD = {
    "system": "dcgan", "preset": "tiny", "config": {"size": 8}, "data": "shapes", "from": None, "parts": [], "seed": 0,
    "precision": "auto", "skip_bad": False, "grid_every": 0, "save_every": None, "tensorboard": True, "mine": {"a": 1},
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", **RECORD)


def test_a_sound_record_is_opened(run: RunFolder) -> None:
    assert RunFolder.open(run.path).record == run.record


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("config", value) for value in (None, 5, [], "x")),
        *(("data", value) for value in (None, 5, [], {})),
        *(("seed", value) for value in (None, "x", -1, 2**63, 1.5, True)),
        *(("system", value) for value in (None, 5, [])),
        *(("precision", value) for value in ([], 5)),
        *(("save_every", value) for value in ("x", -1, [])),
        *(("grid_every", value) for value in ("x", 10**30)),
        ("skip_bad", 1), ("from", 5), ("parts", [1]), ("parts", "text"),
    ],
)  # fmt: skip
def test_a_record_with_a_value_of_another_kind_is_one_line(run: RunFolder, name: str, value: Any) -> None:
    (run.path / "run.json").write_text(json.dumps(run.record | {name: value}))
    with pytest.raises(UserError, match=rf"run.json is damaged \({name}\)"):
        RunFolder.open(run.path)


@pytest.mark.parametrize("text", ["[]", "null", "5", "", '{"a":' * 100_000, "{", b"\xff\xfe"])
def test_a_record_that_is_none_is_one_line(run: RunFolder, text: str | bytes) -> None:
    (run.path / "run.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=r"run\.json") as caught:
        RunFolder.open(run.path)
    assert "\n" not in str(caught.value)


def test_what_others_wrote_into_log_and_grids_stays(run: RunFolder) -> None:
    for total in (4, 8):
        run.log({"total": total})
        run.grid(total, Image.new("RGB", (8, 8)))
    foreign = b"hello\n\0\0\n\xff\xfe\n[1]\n" + b'{"total": "x"}\n' + b"[" * 5000 + b"\n"
    log = run.path / "log.jsonl"
    log.write_bytes(log.read_bytes() + foreign + b'{"total": 8, "cut off')
    (run.path / "grids" / "mine.png").write_bytes(b"a picture of mine")
    (run.path / "grids" / "0000000002.png").write_bytes(b"no picture")
    run.rewind(4)
    assert log.read_bytes() == b'{"total": 4}\n' + foreign
    assert [path.name for path in run.grids()] == ["0000000002.png", "0000000004.png"]
    run.grid(8, Image.new("RGB", (8, 8)))
    film = run.timelapse()
    assert film is not None and getattr(Image.open(film), "n_frames", 1) <= 2
    assert (run.path / "grids" / "mine.png").exists()


def test_what_a_killed_training_left_half_written_is_removed(run: RunFolder) -> None:
    checkpoints = run.path / "checkpoints"
    (checkpoints / ".0000000008.partial").mkdir()
    (checkpoints / "..0000000008.partial.77.part").mkdir()
    (checkpoints / ".0000000004.old").mkdir()  # of a checkpoint that was being replaced: it is put back
    (checkpoints / "..0000000008.partial.77.part" / "weights").write_text("half")
    (run.path / ".log.jsonl.77.part").write_text("half")
    (run.path / "notes.part").write_text("mine")
    run.hold()
    assert {path.name for path in checkpoints.iterdir()} == {".0000000004.old"}
    assert {path.name for path in run.path.glob("*.part")} == {"notes.part"}


def test_folders_that_are_gone_are_made_and_files_in_their_place_are_one_line(run: RunFolder) -> None:
    shutil.rmtree(run.path / "grids")
    run.grid(4, Image.new("RGB", (8, 8)))
    shutil.rmtree(run.path / "grids")
    (run.path / "grids").write_text("")
    (run.path / "log.jsonl").mkdir()
    for act in (lambda: run.grid(4, Image.new("RGB", (8, 8))), lambda: run.log({}), lambda: run.rewind(0)):
        with pytest.raises(UserError, match="cannot write"):
            act()


@pytest.mark.parametrize("content", [pickle.dumps({"a": 1}), b"", b"PK\x03\x04", pickle.dumps(Image.new)])
def test_a_state_that_is_none_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state.pt").write_bytes(content)
    with pytest.raises(UserError, match="cannot be resumed from"):
        state_of(tmp_path / "state.pt", torch.device("cpu"))
