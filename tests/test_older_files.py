"""What people made with an older Limner still works: pictures, galleries, runs and checkpoints.

Everything in `older/` was made at commit 6c693f6, before modules moved into rooms, by the commands its tests repeat:

    limner draw (by avatars and by faces), limner story, a gallery of three favourites and its zip (from Python), and
    limner train dcgan --data shapes --preset tiny --run run --save-every 400 --images 1200 --grid-every 0
        --no-tensorboard --precision fp32 --set generator_width=2 --set discriminator_width=2
    of which the last checkpoint was taken away.
"""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fingerprint_facts
import limner
from fingerprints import RECORD
from limner import checkpoint, cli
from limner.studio.gallery import files
from limner.studio.gallery.gallery import Gallery
from toy import shapes_folder

OLDER = Path(__file__).parent / "older"
NOTE = "kept"
FINAL = "6adf2410709244f1f51498ab53947336d4fbaff44284d4cac1c225f68a4939e7"
"""SHA-256 of the weights that the run ended with, on the machine of the fingerprints."""


def far(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference of two pictures in levels of 255: 0 on one machine, next to nothing on another."""
    a, b = (np.asarray(image.convert("RGB"), dtype=float) for image in (one, other))
    assert a.shape == b.shape
    return float(np.abs(a - b).mean())


@pytest.mark.parametrize("name", ["face", "face-between"])
def test_a_picture_is_drawn_again_from_its_recipe(name: str, tmp_path: Path) -> None:
    assert cli.main(["draw", "--again", str(OLDER / f"{name}.png"), "-o", str(tmp_path), "--no-show"]) == 0
    (again,) = tmp_path.glob("*.png")
    assert far(Image.open(again), Image.open(OLDER / f"{name}.png")) < 0.5
    first, second = (limner.read(path) for path in (OLDER / f"{name}.png", again))
    assert first == second


@pytest.mark.parametrize("name", ["drawn", "between"])
def test_a_picture_of_weights_that_are_no_more_is_drawn_by_those_that_are(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`avatars` was trained anew since: the request and the seed are the same, and a note says what is not."""
    assert cli.main(["draw", "--again", str(OLDER / f"{name}.png"), "-o", str(tmp_path), "--no-show"]) == 0
    assert "the picture will differ" in capsys.readouterr().err
    (again,) = tmp_path.glob("*.png")
    first, second = (limner.read(path) for path in (OLDER / f"{name}.png", again))
    assert all(first[key] == second[key] for key in ("artist", "request", "seed", "knobs"))


def test_a_story_is_told_again_from_its_strip(tmp_path: Path) -> None:
    """`clevr-stories` was trained anew since: the strip is of the same lines and seed, and as large."""
    out = tmp_path / "again.png"
    assert cli.main(["story", "--from", str(OLDER / "story.png"), "-o", str(out), "--no-show"]) == 0
    first, second = (limner.read(path) for path in (OLDER / "story.png", out))
    assert all(first[key] == second[key] for key in ("artist", "request", "seed", "knobs"))
    assert Image.open(out).width == Image.open(OLDER / "story.png").width


def test_a_gallery_opens_and_its_zip_is_imported(tmp_path: Path) -> None:
    path = tmp_path / "gallery.sqlite"
    path.write_bytes(gzip.decompress((OLDER / "gallery.sqlite.gz").read_bytes()))
    old, new = Gallery(path), Gallery(tmp_path / "new.sqlite")
    pictures = old.page("kept").pictures
    assert len(pictures) == 3 and {picture.note for picture in pictures} == {NOTE}
    with (OLDER / "gallery.zip").open("rb") as file:
        assert files.read(new, file) == (3, 3)
    assert {one.id for one in new.page("kept").pictures} == {one.id for one in pictures}
    old.close()
    new.close()


def test_a_run_goes_on_and_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(OLDER / "run", "run")
    record = json.loads(Path("run/run.json").read_text())
    record["data"] = str(shapes_folder(Path("shapes")).resolve())  # where the data lay is no matter of the run
    Path("run/run.json").write_text(json.dumps(record))
    assert cli.main(["resume", "run"]) == 0
    last = Path("run") / "checkpoints" / "0000001200"
    assert len(limner.load("run").draw(n=2, seed=1)) == 2
    if fingerprint_facts.machine() == json.loads(RECORD.read_text())["machine"]:
        assert checkpoint.read(last)["sha256"][checkpoint.WEIGHTS] == FINAL, "a run that goes on ends otherwise now"
