"""Published sets as people have them: questions without answers, generated scenes, broken and turned pictures."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageOps
from typer.testing import CliRunner

from brought import coco, turned
from limner.cli import app
from limner.data.importers import clevr
from limner.data.importers import coco as import_coco
from limner.data.importers.reading import filenames
from limner.data.importers.turning import turned_box, turned_mask
from limner.data.importers.writing import write
from limner.errors import UserError
from picture_sets import encoded, picture

THING = {"shape": "cube", "color": "red", "material": "rubber", "size": "large", "pixel_coords": [100, 120, 9.1]}


def scenes(path: Path, part: str, count: int = 2) -> list[str]:
    names = [f"CLEVR_{part}_{k:06d}.png" for k in range(count)]
    (path / "scenes").mkdir(parents=True, exist_ok=True)
    (path / "images" / part).mkdir(parents=True)
    for k, name in enumerate(names):
        (path / "images" / part / name).write_bytes(encoded(picture(k)))
    found = [{"image_filename": name, "split": part, "objects": [THING]} for name in names]
    (path / "scenes" / f"CLEVR_{part}_scenes.json").write_text(json.dumps({"scenes": found}))
    return names


def questions(path: Path, part: str, asked: list[dict[str, Any]]) -> None:
    (path / "questions").mkdir(exist_ok=True)
    (path / "questions" / f"CLEVR_{part}_questions.json").write_text(json.dumps({"questions": asked}))


def test_questions_without_answers_are_passed_over_and_counted(tmp_path: Path) -> None:
    (name, _), one = scenes(tmp_path, "train"), {"question": "what?", "answer": "a cube"}
    questions(tmp_path, "train", [{"image_filename": name, **one}, {"image_filename": name, "question": "why?"}])
    questions(tmp_path, "test", [{"image_filename": "CLEVR_test_000000.png", "question": "what?"}])
    plan = clevr.plan(tmp_path / "scenes", tmp_path / "images", questions=tmp_path / "questions")
    assert plan.notes == ["2 questions without answers are passed over, as those of test are"]
    assert plan.entries[0].dialogue == [("what?", "a cube")]
    questions(tmp_path, "test", [{"image_filename": name, "answer": "a cube"}])
    with pytest.raises(UserError, match="question 0: it has no image_filename, question and answer"):
        clevr.plan(tmp_path / "scenes", tmp_path / "images", questions=tmp_path / "questions")


def test_generated_scenes_are_for_training_and_other_words_are_refused(tmp_path: Path) -> None:
    scenes(tmp_path, "new")
    assert [one.split for one in clevr.plan(tmp_path / "scenes", tmp_path / "images").entries] == ["train"] * 2
    scenes(tmp_path, "val")
    found = {one.split for one in clevr.plan(tmp_path / "scenes", tmp_path / "images").entries}
    assert found == {"train", "validation"}
    scenes(tmp_path, "odd")
    with pytest.raises(UserError, match="its split is 'odd'"):
        clevr.plan(tmp_path / "scenes", tmp_path / "images")


def test_broken_and_missing_pictures_are_named_and_left_out_with_skip_bad(tmp_path: Path) -> None:
    good = turned(0, 1, (64, 32))
    path = coco(tmp_path / "coco", {k: (good if k != 2 else good[:300], (64, 32)) for k in range(1, 6)}, [2, 2, 10, 10])
    (path / "train2017" / "000000000004.jpg").unlink()
    call = ["data", "import", "coco", str(path), "-o", str(tmp_path / "out")]
    run = CliRunner().invoke(app, call)
    assert isinstance(run.exception, UserError) and "000000000004.jpg is missing" in str(run.exception)
    assert "--skip-bad" in str(run.exception)
    (path / "train2017" / "000000000004.jpg").write_bytes(turned(0, 1, (32, 48)))  # of another size than it says
    for wrong in ("000000000002.jpg is broken", "000000000004.jpg is of 32 x 48 pixels"):
        with pytest.raises(UserError, match=wrong) as error:
            write(import_coco.plan(path), tmp_path / "out")
        assert "--skip-bad" in str(error.value)
        (path / "train2017" / "000000000002.jpg").write_bytes(good)
    (path / "train2017" / "000000000002.jpg").write_bytes(good[:300])
    run = CliRunner().invoke(app, [*call, "--skip-bad", "--json"])
    assert run.exit_code == 0 and json.loads(run.stdout)["pictures"] == {"train": 3}
    assert json.loads(run.stdout)["left_out"] == 2 and run.stderr.count("left out: ") == 2


def boxes(plan: Any, out: Path) -> list[list[float]]:
    write(plan, out)
    rows = pq.read_table(next(out.glob("*.parquet")))["boxes"].to_pylist()
    return [row[0]["box"] for row in rows]


BOX = [2.0, 2.0, 10.0, 10.0]


def test_boxes_are_turned_with_pictures_that_exif_turns(tmp_path: Path) -> None:
    upright = (turned(0, 1, (64, 32)), (64, 32))
    stored = coco(tmp_path / "stored", {1: upright, 2: (turned(1, 6, (64, 32)), (64, 32))}, BOX)
    shown = coco(tmp_path / "shown", {1: upright, 2: (turned(1, 6, (64, 32)), (32, 64))}, BOX)
    assert boxes(import_coco.plan(stored), tmp_path / "a") == [BOX, [20, 2, 10, 10]]
    assert boxes(import_coco.plan(shown), tmp_path / "b") == [BOX, BOX]


def test_square_and_half_turned_pictures_go_with_those_that_tell(tmp_path: Path) -> None:
    unsure = {2: (turned(1, 6, (64, 64)), (64, 64)), 3: (turned(2, 3, (64, 32)), (64, 32))}
    stored = coco(tmp_path / "stored", {1: (turned(0, 8, (64, 32)), (64, 32)), **unsure}, BOX)
    shown = coco(tmp_path / "shown", {1: (turned(0, 8, (64, 32)), (32, 64)), **unsure}, BOX)
    alone = coco(tmp_path / "alone", unsure, BOX)
    assert boxes(import_coco.plan(stored), tmp_path / "a") == [[2, 52, 10, 10], [52, 2, 10, 10], [52, 20, 10, 10]]
    assert boxes(import_coco.plan(shown), tmp_path / "b") == [BOX] * 3
    assert boxes(import_coco.plan(alone), tmp_path / "c") == [[52, 2, 10, 10], [52, 20, 10, 10]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_box_is_where_the_turned_picture_has_it(orientation: int) -> None:
    box, size = (3, 1, 5, 2), (16, 9)
    mask = Image.new("L", size)
    mask.paste(255, (3, 1, 8, 3))
    exif = Image.Exif()
    exif[274] = orientation
    mask.info["exif"] = exif.tobytes()
    upright = turned_mask(mask, orientation)
    left, top, wide, high = turned_box(box, orientation, size)
    assert upright.getbbox() == (left, top, left + wide, top + high)
    path_free = ImageOps.exif_transpose(_with_exif(mask, orientation))
    assert np.array_equal(np.asarray(path_free), np.asarray(upright))


def _with_exif(mask: Image.Image, orientation: int) -> Image.Image:
    import io

    exif, buffer = Image.Exif(), io.BytesIO()
    exif[274] = orientation
    mask.save(buffer, "PNG", exif=exif)
    return Image.open(buffer)


@pytest.mark.parametrize("listed", [("a/1", "b/2"), np.array(["a/1", "b/2"]), np.array([b"a/1", b"b/2"])])
def test_lists_in_pickles_may_be_tuples_or_arrays(listed: Any, tmp_path: Path) -> None:
    (tmp_path / "filenames.pickle").write_bytes(pickle.dumps(listed, protocol=2))
    assert filenames(tmp_path / "filenames.pickle") == ["a/1", "b/2"]
