"""What Limner writes and reads, where the system refuses what Windows refuses; and without what only Linux has."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
import torch

import windows
from artists import TEXTS, published
from house_rules import PACKAGE
from limner import catalogue, checkpoint, cli
from limner.data.dataset import Dataset
from limner.data.schema import Schema
from limner.drawing.artist import load
from limner.export import web
from limner.studio.gallery.gallery import Gallery
from limner.training import engine
from runtimes import hollow
from studio_live import live
from toy import shapes, shapes_folder
from toy_training import trainer


@pytest.fixture(autouse=True)
def nameable(monkeypatch: pytest.MonkeyPatch) -> None:
    named = catalogue.name_of
    monkeypatch.setattr(catalogue, "name_of", lambda cls: "toy" if cls.__name__ == "Toy" else named(cls))


def test_the_simulation_refuses_what_windows_refuses(tmp_path: Path) -> None:
    with windows.simulated():
        windows.check(tmp_path)


def test_a_training_begins_stops_and_goes_on(tmp_path: Path) -> None:
    with windows.simulated():
        data = shapes(tmp_path / "data")
        trainer(data, tmp_path / "run", grid_every=8).fit(stop_after=44)
        second = trainer(data, tmp_path / "run", grid_every=8)
        second.resume()
    assert second.finished and (tmp_path / "run" / "timelapse.gif").exists()
    assert not list((tmp_path / "run" / "checkpoints").glob(".*")), "nothing is left that could not be removed"


def test_a_checkpoint_is_published_replaced_and_enlarged_upon(tmp_path: Path) -> None:
    with windows.simulated():
        published(tmp_path / "mine")
        artist = load(tmp_path / "mine")
        published(tmp_path / "mine", seed=1)
        checkpoint.attach(tmp_path / "mine", tmp_path / "mine", "enlarger", {"w": torch.ones(2)}, {"config": {}})
    assert load_sha(tmp_path / "mine") != artist.sha256
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def load_sha(folder: Path) -> str:
    return str(checkpoint.read(folder)["sha256"][checkpoint.WEIGHTS])


def test_pictures_are_decoded_once_and_again_where_the_cache_is_damaged(tmp_path: Path) -> None:
    shapes_folder(tmp_path / "set", size=8, count=4)
    cache = tmp_path / "cache"
    with windows.simulated():
        first = Dataset.open(tmp_path / "set", size=8, cache=cache, held_out=0).pictures([0, 1])
        (pixels,) = cache.rglob("pixels.u8")
        (header,) = cache.rglob("header.json")
        header.write_text("{")
        again = Dataset.open(tmp_path / "set", size=8, cache=cache, held_out=0).pictures([0, 1])
    assert torch.equal(first, again) and pixels.exists()


def test_pictures_stories_and_exports_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    artist = str(published(tmp_path / "mine"))
    with windows.simulated():
        for _ in range(2):  # the second time beside, or over, what is there
            assert cli.main(["draw", TEXTS[0], "--artist", artist, "-o", "out", "--no-show"]) == 0
        assert cli.main(["morph", *TEXTS, "--artist", artist, "-o", "way", "--no-show"]) == 0
    assert list((tmp_path / "out").iterdir())


def test_exports_are_written_and_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artist = str(checkpoint.save(catalogue.create("dcgan", "tiny", Schema(16)).eval(), tmp_path / "mine"))
    monkeypatch.setattr(web, "_artist", lambda artist, name: ({"artist.json": b"{}", "painter.onnx": b"onnx"}, 0))
    page = ["--web", str(tmp_path / "public"), "--runtime", str(hollow(tmp_path / "ort"))]
    with windows.simulated():
        for more in ([], ["--force"]):  # the second in the place of the first
            assert cli.main(["export", artist, "--onnx", str(tmp_path / "mine.onnx"), *more]) == 0
            assert cli.main(["export", artist, *page, *more]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "mine.onnx", "ort", "public"]
    assert (tmp_path / "public" / "index.html").exists()


def test_a_studio_draws_keeps_and_ends(tmp_path: Path) -> None:
    artist = load(published(tmp_path / "mine"))
    with windows.simulated():
        for _ in range(2):  # the second finds the gallery of the first
            gallery = Gallery(tmp_path / "gallery.sqlite")
            with live([artist], gallery=gallery) as address:
                drawn = httpx.post(f"{address}/v1/images/generations", json={"prompt": TEXTS[0], "seed": 3}).json()
                picture = {"png": drawn["data"][0]["b64_json"], "keep": True}
                assert httpx.post(f"{address}/v1/gallery/pictures", json=picture).is_success
                kept = httpx.get(f"{address}/v1/gallery/pictures").json()["data"]
            gallery.close()
    assert [one["recipe"]["seed"] for one in kept] == [3]


def test_no_module_begins_with_what_only_unix_has() -> None:
    """What is imported at the head of a file must be there on Windows, or the file cannot be imported."""
    head = re.compile(rf"^(?:import|from) ({'|'.join(windows.ONLY_UNIX)})\b", re.MULTILINE)
    found = {str(path): head.findall(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")}
    assert len(found) > 300 and not [file for file, names in found.items() if names]
    assert head.findall("import os\nimport fcntl\n\ndef f():\n    import resource\n") == ["fcntl"]


def test_a_processor_that_nobody_asked_about_computes_in_full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apple's: torch is built without oneDNN there, and without the operator that tells."""
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", raising=False)
    assert engine.Engine("auto", quiet=True).number_format == "fp32"
