"""Parts as ONNX, and one file for programs: every system at preset `tiny` draws by onnxruntime what it draws itself."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx as onnx_format
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

import limner
from artists import published
from limner import catalogue, checkpoint
from limner.data.dataset import Dataset
from limner.drawing.artist import Artist
from limner.errors import UserError
from limner.export import onnx, single_file
from limner.requests import Story
from toy import shapes, tales

WAYS = [(name, {}) for name in catalogue.names()]
WAYS += [("gan-int-cls", {"text": "char"}), ("stackgan-v2", {"text": "char-gru"}), ("stackgan-v2", {"text": "none"})]
WAYS += [("storygan", {"text": "read", "variant": "svfn"}), ("storygan", {"attention": False})]
WAYS += [("storygan", {"repeats": False})]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    folder = tmp_path_factory.mktemp("toys")
    return {"captions": shapes(folder / "shapes", 32), "stories": tales(folder / "tales", 16)}


BY_PYTHON = {"chatpainter", "gawwn", "mmvr", "objgan", "ppgn", "semantic-layout"}
"""Systems of pictures that say on their pages why they draw by Python alone."""


def artist(folder: Path, name: str, changes: dict[str, str], data: dict[str, Dataset]) -> Artist:
    """Publish a tiny system whose weights mean nothing, and load it."""
    cls = catalogue.load_class(name)
    schema = data["stories" if cls.takes is Story else "captions"].schema
    torch.manual_seed(0)
    config = dataclasses.replace(cls.presets["tiny"], **changes)
    return limner.load(checkpoint.save(cls(config, schema).eval(), folder / name), device="cpu")


@pytest.mark.parametrize(
    ("name", "changes"), WAYS, ids=["-".join([name, *map(str, more.values())]) for name, more in WAYS]
)
def test_every_system_draws_by_onnx_what_it_draws(
    name: str, changes: dict[str, str], data: dict[str, Dataset], tmp_path: Path
) -> None:
    drawer = artist(tmp_path, name, changes, data)
    if "images" not in drawer.system.gives or name in BY_PYTHON:  # what runs outside Python draws pictures
        with pytest.raises(UserError, match="draws by no chain of forward passes"):
            onnx.parts_of(drawer.system, name)
        return
    parts = onnx.parts_of(drawer.system, name)
    models = {part: onnx.convert(parts[part]) for part in parts}
    assert onnx.check(drawer, parts, onnx.sessions(models)) <= onnx.SHADES
    for model in models.values():
        assert b"limner" not in model and b"site-packages" not in model, "it tells where it was made"


def test_a_reader_is_exported_as_often_as_one_likes(data: dict[str, Dataset], tmp_path: Path) -> None:
    reader = artist(tmp_path, "miniature", {}, data).system.exports()["reader"]
    first, second = onnx.convert(reader), onnx.convert(reader)
    assert first == second
    numbers = {"numbers": torch.tensor([[2, 3, 4, 5, 6]])}
    told = onnx.sessions({"reader": second})("reader", numbers)["sentence"]
    assert torch.allclose(told, reader.net(numbers["numbers"]), atol=1e-5)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "faces.onnx"
    assert single_file.write(limner.load("faces", device="cpu"), path) <= onnx.SHADES
    return path


def test_a_program_needs_onnxruntime_alone(faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
    program = page.split("```python\n")[1].split("```")[0]
    assert "limner" not in program.replace('["limner"]', "") and "torch" not in program
    lines = [line for line in program.splitlines() if line and not line.startswith(("import", "from"))]
    assert len(lines) <= 10
    monkeypatch.chdir(tmp_path)
    (tmp_path / "avatars.onnx").write_bytes(faces.read_bytes())
    told: dict[str, Any] = {}
    exec(program, told)
    assert told["pictures"].shape == (4, 64, 64, 3) and told["pictures"].dtype == np.uint8
    assert len({picture.tobytes() for picture in told["pictures"]}) == 4
    assert told["pictures"].std() > 30, "faces on a ground, not grey"


def test_the_file_says_what_it_is_given(faces: Path) -> None:
    session = onnxruntime.InferenceSession(faces)
    about = json.loads(session.get_modelmeta().custom_metadata_map["limner"])
    assert set(about["inputs"]) == {one.name for one in session.get_inputs()} == {"numbers", "noise"}
    assert session.get_inputs()[1].shape == ["B", about["noise"]]
    assert about["checkpoint"] == limner.load("faces", device="cpu").sha256
    assert {"woman", "hair"} <= set(about["words"]) and about["rule"]["longest"] == 128


def test_a_story_is_told_by_a_file_chapter_by_chapter(data: dict[str, Dataset], tmp_path: Path) -> None:
    teller = artist(tmp_path, "storygan", {}, data)
    assert single_file.write(teller, tmp_path / "teller.onnx") <= onnx.SHADES
    session = onnxruntime.InferenceSession(tmp_path / "teller.onnx")
    assert [one.name for one in session.get_inputs()] == ["line_1", "line_2", "line_3", "noise"]


def test_weights_that_half_the_digits_can_hold_are_kept_in_half_the_bytes(faces: Path) -> None:
    stored = onnx_format.load(faces).graph.initializer
    sizes: dict[type, int] = {}
    for one in stored:
        array = numpy_helper.to_array(one)
        sizes[array.dtype.type] = sizes.get(array.dtype.type, 0) + array.size
    assert sizes[np.float16] > 20 * sizes[np.float32], "the checkpoint holds float16"


def test_what_draws_otherwise_is_refused_and_leaves_no_file(
    data: dict[str, Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawer = artist(tmp_path, "dcgan", {}, data)
    convert = onnx.convert

    def wrongly(part: Any, about: Any = None) -> bytes:
        model = onnx_format.load_from_string(convert(part, about))
        bent = max(model.graph.initializer, key=lambda one: int(np.prod(one.dims)))
        bent.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bent) * np.float32(1.5), bent.name))
        return bytes(model.SerializeToString())

    monkeypatch.setattr(onnx, "convert", wrongly)
    with pytest.raises(UserError, match=r"differs from its own pictures by up to \d+ of 255"):
        single_file.write(drawer, tmp_path / "bent.onnx")
    assert not list(tmp_path.glob("*.onnx")) and not list(tmp_path.glob(".*"))


def test_what_cannot_be_exported_says_so_in_a_line(tmp_path: Path) -> None:
    hats = limner.load(published(tmp_path / "hats"))
    with pytest.raises(UserError, match="cannot draw without Limner"):
        single_file.write(hats, tmp_path / "hats.onnx")
    with pytest.raises(UserError, match=r"name the file hats\.onnx"):
        single_file.write(hats, tmp_path / "hats.pt")
