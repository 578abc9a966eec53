"""An enlarger as ONNX: a part of its own that enlarges as Python does, beside a file and in a page."""

from __future__ import annotations

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
from artists import TEXTS
from enlargers import with_enlarger
from limner import checkpoint
from limner.data.schema import Lexicon, Schema
from limner.drawing.artist import Artist
from limner.errors import UserError
from limner.export import enlarger, onnx, single_file, web
from limner.systems.dcgan import DCGAN
from limner.systems.storygan import StoryGan


@pytest.fixture(scope="module")
def artist(tmp_path_factory: pytest.TempPathFactory) -> Artist:
    folder = tmp_path_factory.mktemp("artist")
    torch.manual_seed(0)
    schema = Schema(size=32, lexicon=Lexicon.of(TEXTS), captions=1, longest=6, examples=TEXTS)
    system = DCGAN(DCGAN.presets["tiny"], schema).eval()
    return limner.load(with_enlarger(checkpoint.save(system, folder / "plain"), folder / "large"), device="cpu")


def test_a_page_gets_it_as_a_part(artist: Artist) -> None:
    files, worst = web._artist(artist, "large")
    assert worst <= onnx.SHADES and set(files) == {
        "artist.json",
        "faces.webp",
        "faces.json",
        "painter.onnx",
        "enlarger.onnx",
    }
    told = json.loads(files["artist.json"])
    assert artist.enlarger is not None
    assert told["enlarger"] == {"size": artist.enlarger.size, "sha256": artist.enlarger.sha256}
    assert told["parts"]["enlarger"]["given"] == {"small": ["B", 3, artist.side, artist.side]}
    assert b"site-packages" not in files["enlarger.onnx"]


def test_a_program_gets_it_beside_the_artist(artist: Artist, tmp_path: Path) -> None:
    assert single_file.write(artist, tmp_path / "a.onnx") <= onnx.SHADES
    large = onnxruntime.InferenceSession(tmp_path / "a-enlarger.onnx")
    pictures = [np.asarray(image) for image in artist.draw(n=3, seed=5)]
    (made,) = large.run(None, {"small": np.stack(pictures)})
    own = [np.asarray(image) for image in artist.draw(n=3, seed=5, size=artist.sizes[1])]
    assert made.dtype == np.uint8 and np.abs(made.astype(int) - np.stack(own).astype(int)).max() <= 1
    about = json.loads(large.get_modelmeta().custom_metadata_map["limner"])
    assert artist.enlarger is not None and about["enlarger"] == artist.enlarger.sha256


def test_frames_of_a_story_are_enlarged(tmp_path: Path) -> None:
    lines = ("a red cube", "a blue ball", "a green cube")
    schema = Schema(size=16, lexicon=Lexicon.of(lines), captions=1, longest=4, story=3, examples=lines)
    torch.manual_seed(0)
    folder = checkpoint.save(StoryGan(StoryGan.presets["tiny"], schema).eval(), tmp_path / "plain")
    teller = limner.load(with_enlarger(folder, tmp_path / "teller", factor=2), device="cpu")
    models = {name: onnx.convert(part) for name, part in enlarger.part(teller).items()}
    assert enlarger.check(teller, enlarger.by_floats(onnx.sessions(models))) <= onnx.SHADES


def test_one_that_enlarges_otherwise_is_refused_and_leaves_no_file(
    artist: Artist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert = onnx.convert

    def wrongly(part: Any, about: Any = None) -> bytes:
        model = onnx_format.load_from_string(convert(part, about))
        if "small" in part.given:
            bent = max(model.graph.initializer, key=lambda one: int(np.prod(one.dims)))
            bent.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bent) * 1.5, bent.name))
        return bytes(model.SerializeToString())

    monkeypatch.setattr(onnx, "convert", wrongly)
    with pytest.raises(UserError, match=r"differs from its own pictures by up to \d+ of 255"):
        single_file.write(artist, tmp_path / "bent.onnx")
    assert not list(tmp_path.iterdir())
