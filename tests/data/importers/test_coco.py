"""MS-COCO in its published layout: captions, boxes, masks of every spelling, what is left out, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from downloads import SIZE, coco_thing, ms_coco, opened
from limner import cli
from limner.data.check import check
from limner.data.dataset import Dataset
from limner.data.importers import coco, json_lists
from limner.data.importers.coco_masks import draw
from limner.data.importers.writing import write
from limner.data.views import Scenes
from limner.errors import UserError

Change = Callable[[dict[str, Any]], object]
CAPTIONS, INSTANCES = "captions_train2014", "instances_train2014"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return ms_coco(tmp_path / "downloads")


def edit(source: Path, name: str, change: Change) -> None:
    path = source / "annotations" / f"{name}.json"
    content = json.loads(path.read_bytes())
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def rows(out: Path, split: str = "train") -> list[dict[str, Any]]:
    return pq.read_table(out / f"{split}-00000-of-00001.parquet").to_pylist()


@pytest.mark.parametrize("year", ["2014", "2017"])
def test_pictures_captions_and_boxes(tmp_path: Path, year: str) -> None:
    source = ms_coco(tmp_path / "downloads" / "coco", year)
    plan = coco.plan(source.parent)
    assert plan.counts() == {"train": 2, "test": 2} and plan.way == "annotations" and plan.what == f"MS-COCO {year}"
    assert plan.notes == ["2 pictures without captions are left out"]
    out = write(plan, tmp_path / "out")
    first, second = rows(out)
    file = "COCO_train2014_000000000009" if year == "2014" else "000000000009"
    assert first["file_name"] == f"train{year}/{file}"
    assert first["image"]["bytes"] == (source / f"train{year}" / f"{file}.jpg").read_bytes()
    assert first["text"] == [f"Thing 9 said {k}." for k in range(5)]
    assert first["boxes"] == [
        {"label": "dog", "box": [4.0, 6.0, 11.0, 20.0]},
        {"label": "person", "box": [4.0, 6.0, 13.0, 20.0]},
    ]
    assert second["boxes"] == [{"label": "person", "box": [4.0, 6.0, 12.0, 20.0]}] and "masks" not in first
    data = Dataset.open(out, size=8)
    assert (data.length("train"), data.length("test"), data.schema.captions) == (2, 2, 5)
    assert check(out) == []


def test_its_boxes_are_layouts_and_with_masks_scenes(source: Path, tmp_path: Path) -> None:
    out = write(coco.plan(source, masks=True), tmp_path / "out")
    data = Dataset.open(out, size=8)
    assert data.schema.things == ("person", "dog") == data.schema.asked_labels and data.schema.masks == (
        "person",
        "dog",
    )
    batch = Scenes.gather(data, [0, 1], np.random.default_rng(0))
    width, height = SIZE
    left, side = (width - height) / 2, height
    expected = [[max(4 - left, 0) / side, 6 / side, (4 + 11 - left) / side - max(4 - left, 0) / side, 20 / side]]
    assert batch.labels.tolist() == [[1, 0], [0, -1]] and batch.shaped.tolist() == [[True, True], [True, False]]
    assert batch.boxes[0, :1].tolist() == [pytest.approx(expected[0])]
    inside = batch.masks.sum(dim=(2, 3)) / 64  # the share of the picture that a thing covers is that of its box
    assert torch.allclose(inside, batch.boxes[..., 2] * batch.boxes[..., 3], atol=0.02)


def test_masks_of_polygons_and_of_run_lengths_are_pictures(source: Path, tmp_path: Path) -> None:
    width, height = SIZE
    runs = [4 * height + 6, 20, *[20, 20] * 10]  # down each column: the rectangle of thing 1, as run lengths
    runs.append(width * height - sum(runs))

    def spell(content: dict[str, Any]) -> None:
        content["annotations"][2]["segmentation"] = {"counts": runs, "size": [height, width]}

    edit(source, INSTANCES, spell)
    out = write(coco.plan(source, masks=True), tmp_path / "out")
    polygon, counted = rows(out)[0]["masks"]
    assert (polygon["label"], counted["label"]) == ("dog", "person")
    expected = np.zeros((height, width), bool)
    expected[6:26, 4:15] = True
    exact = np.array(opened(counted["mask"]["bytes"]))
    assert exact.dtype == np.uint8 and np.array_equal(exact, expected * 255)
    drawn = np.array(opened(polygon["mask"]["bytes"]))
    assert drawn.shape == (height, width) and np.array_equal(drawn > 127, expected)


def test_the_spelling_of_cocos_own_tools_is_read() -> None:
    """The texts are what pycocotools 2.0.11 wrote for these masks."""
    small = np.zeros((5, 6), np.uint8)
    small[1:4, 2:5] = small[0, 5] = 255
    found = draw({"size": [5, 6], "counts": ";32000ON3"}, (6, 5))
    assert np.array_equal(np.array(found), small)
    large = np.zeros((200, 30), np.uint8)
    large[20:150, 3:6] = large[199, 28] = large[5, 9] = 255
    text = r"\c0R4V2000Yb0oKZX30_YL"
    assert np.array_equal(np.array(draw({"size": [200, 30], "counts": text}, (30, 200))), large)


def test_polygons_cover_what_lies_between_their_corners() -> None:
    half = np.array(draw([[0, 0, 8, 0, 0, 8]], (8, 8)), float) / 255
    assert half.sum() == pytest.approx(32, abs=2) and half[0, 0] == 1 and half[7, 7] == 0 and 0.3 < half[3, 4] < 0.8
    two = np.array(draw([[0, 0, 2, 0, 2, 2, 0, 2], [6, 6, 20, 6, 20, 20, 6, 20]], (8, 8)))
    assert two[1, 1] == two[7, 7] == two[6, 6] == 255 and two[4, 4] == 0
    assert not np.array(draw([[20, 20, 30, 20, 30, 30]], (8, 8))).any()


def test_crowds_and_boxes_outside_their_picture_are_left_out_and_counted(source: Path, tmp_path: Path) -> None:
    width, height = SIZE

    def change(content: dict[str, Any]) -> None:
        boxes = [[width + 1, 0, 5, 5], [3, 3, 0, 5], [-10, 3, 9, 9], [width - 5, -2, 20, 10]]
        new = [coco_thing(10 + k, 9, 18) | {"bbox": box} for k, box in enumerate(boxes)]
        crowd = {"counts": "051", "size": [height, width]}
        new.append(coco_thing(20, 25, 1) | {"iscrowd": 1, "segmentation": crowd})
        new.append(coco_thing(21, 25, 1) | {"bbox": [0, 0, 0, 0]})
        content["annotations"][1:2] = new

    edit(source, INSTANCES, change)
    plan = coco.plan(source, masks=True)
    assert set(plan.notes) == {
        "1 boxes around crowds (iscrowd) are left out",
        "4 boxes outside their picture, or empty, are left out",
        "1 pictures have no boxes",
        "2 pictures without captions are left out",
    }
    out = write(plan, tmp_path / "out")
    first, second = rows(out)
    assert [box["box"] for box in first["boxes"]] == [[4, 6, 11, 20], [width - 5, 0, 5, 8], [4, 6, 13, 20]]
    assert second["boxes"] == [] and second["masks"] == [] and len(first["masks"]) == 3
    assert check(out) == []


def test_one_part_alone_and_captions_alone(source: Path) -> None:
    for kind in ("captions", "instances"):
        (source / "annotations" / f"{kind}_train2014.json").unlink()
    plan = coco.plan(source, year="2014")
    assert plan.counts() == {"train": 2} and plan.way == "none"
    assert plan.notes[-1] == "there are captions of val2014 alone: all of it is for training"
    (source / "annotations" / "instances_val2014.json").unlink()
    plan = coco.plan(source, masks=True)
    assert "there is no instances_val2014.json: its pictures have no boxes" in plan.notes
    assert not any(entry.marks for entry in plan.entries)


def test_files_are_read_in_parts_and_elements_found_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = write(coco.plan(source, masks=True), tmp_path / "whole")
    monkeypatch.setattr(json_lists, "_CHUNK", 7)
    monkeypatch.setattr(json_lists, "_SMALL_CHUNK", 5)
    assert rows(write(coco.plan(source, masks=True), tmp_path / "parts")) == rows(whole)
    path = source / "annotations" / f"{INSTANCES}.json"
    found = [(value, place) for _, value, place in json_lists.elements(path, "it")]
    assert len(found) == 3 + 1 + 3 + 2
    assert all(json_lists.element_at(path, place) == value for value, place in found)


BROKEN = {
    "empty": "",
    "cut off": '{"things": [{"id": 1}',
    "list": "[1, 2]",
    "no comma": '{"things": [{"id": 1} {"id": 2}]}',
    "no colon": '{"things" 3}',
    "deep": '{"a": ' + "[" * 100_000,
    "bytes": "\udcff",
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("name", [CAPTIONS, INSTANCES])
def test_what_is_no_json_is_refused_in_one_line(source: Path, kind: str, name: str) -> None:
    path = source / "annotations" / f"{name}.json"
    path.write_bytes(BROKEN[kind].encode("utf-8", "surrogateescape"))
    refused(lambda: coco.plan(source), f"{name}.json is damaged or no JSON: unpack annotations_trainval2014.zip")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (CAPTIONS, lambda it: it["images"][0].pop("width"), "element of images at byte .* none of COCO's captions"),
        (CAPTIONS, lambda it: it["images"].append(it["images"][0]), "lists picture 9 twice"),
        (CAPTIONS, lambda it: it["images"][0].update(file_name="../x.jpg"), "outside its folder"),
        (CAPTIONS, lambda it: it["annotations"][0].update(caption=3), "element of annotations at byte"),
        (CAPTIONS, lambda it: it["annotations"][0].update(image_id=7), "is about picture 7, and the images"),
        (INSTANCES, lambda it: it["annotations"][0].update(image_id=7), "is about picture 7, and the images"),
        (INSTANCES, lambda it: it["annotations"][0].update(category_id=5), "boxes of category 5, which its categories"),
        (INSTANCES, lambda it: it["annotations"][0].update(bbox=[1, 2, 3]), "none of COCO's instances"),
        (INSTANCES, lambda it: it["annotations"][0].update(bbox=[1, 2, 3, float("nan")]), "none of COCO's instances"),
        (INSTANCES, lambda it: it["annotations"].append(3), "none of COCO's instances"),
        (INSTANCES, lambda it: it["categories"][0].pop("name"), "element of categories at byte"),
    ],
    ids=map(str, range(11)),
)
def test_annotations_that_are_wrong_are_refused_in_one_line(
    source: Path, name: str, change: Change, message: str
) -> None:
    edit(source, name, change)
    refused(lambda: coco.plan(source), message)


@pytest.mark.parametrize(
    "segmentation",
    [
        None,
        [],
        [[1, 2, 3, 4]],
        [[1, 2, 3, 4, 5, "x"]],
        {"counts": [1, 2], "size": [SIZE[1], SIZE[0]]},
        {"counts": [1, 2], "size": [3, 1]},
        {"counts": [-1, 2001], "size": [SIZE[1], SIZE[0]]},
        {"counts": "5 ", "size": [SIZE[1], SIZE[0]]},
        {"counts": "P", "size": [SIZE[1], SIZE[0]]},
        {"counts": "o" * 40, "size": [SIZE[1], SIZE[0]]},
    ],
    ids=map(str, range(10)),
)
def test_masks_that_are_wrong_are_refused_and_nothing_is_left(
    source: Path, tmp_path: Path, segmentation: object
) -> None:
    edit(source, INSTANCES, lambda it: it["annotations"][0].update(segmentation=segmentation))
    refused(
        lambda: write(coco.plan(source, masks=True), tmp_path / "out"),
        r"the mask of the annotation at byte \d+ cannot be drawn: ",
    )
    assert not (tmp_path / "out").exists()
    write(coco.plan(source), tmp_path / "out")  # who asks for no masks is not held up


def test_pictures_that_are_missing_or_others(source: Path, tmp_path: Path) -> None:
    file = source / "val2014" / "COCO_val2014_000000000042.jpg"
    file.write_bytes((source / "train2014" / "COCO_train2014_000000000009.jpg").read_bytes())
    edit(source, "captions_val2014", lambda it: it["images"][0].update(width=99))
    refused(lambda: write(coco.plan(source), tmp_path / "out"), "is of 50 x 40 pixels, and its boxes are for 99")
    file.unlink()
    refused(lambda: write(coco.plan(source), tmp_path / "out"), r"000042.jpg is missing: .* train2014\.zip and")
    (source / "val2014").rename(tmp_path / "elsewhere")
    refused(lambda: coco.plan(source), "has no val2014, .* part of val2014.zip")
    refused(lambda: coco.plan(source, year="2017"), "has no annotations/captions_train2017.json")
    refused(lambda: coco.plan(source, year="2015"), "no COCO of '2015': choose 2014 or 2017")
    refused(lambda: coco.plan(source / "train2014"), "has no annotations/captions_train2014.json")
    refused(lambda: coco.plan(source / "gone"), "there is no folder")


def test_a_set_of_which_nothing_is_said(source: Path) -> None:
    for part in ("train", "val"):
        edit(source, f"captions_{part}2014", lambda it: it.update(annotations=[]))
    refused(lambda: coco.plan(source), "captions_train2014.json has no caption of any picture")


def refused(action: Callable[[], object], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        action()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_the_command(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["data", "import", "coco", str(source), "-o", str(tmp_path / "out")]
    assert cli.main([*command, "--masks", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["pictures"] == {"train": 2, "test": 2} and told["split"] == "annotations" and told["notes"]
    assert cli.main(command) == 2
    assert "holds something else than this import" in capsys.readouterr().err
    assert cli.main([*command, "--masks"]) == 0
    assert "split: by the files of annotations, COCO's val as test" in capsys.readouterr().out
