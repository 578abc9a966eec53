"""CUB-200-2011 with Reed's captions: every file of the layout, every way to split, and what is missing, in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from downloads import (
    PARTS,
    SIZE,
    SPECIES,
    bird_box,
    bird_names,
    bird_part,
    bird_parts,
    birds,
    opened,
    pickled_splits,
    reeds_lists,
    sentence,
)
from limner import cli
from limner.data.check import check
from limner.data.dataset import Dataset
from limner.data.importers import cub
from limner.data.importers.writing import crop_window, write
from limner.errors import UserError
from picture_sets import picture


def rows(folder: Path, split: str) -> list[dict[str, Any]]:
    return [row for path in sorted(folder.glob(f"{split}-*.parquet")) for row in pq.read_table(path).to_pylist()]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = birds(tmp_path / "downloads")
    reeds_lists(folder, SPECIES[:2], SPECIES[2:])
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "birds"


def test_the_crop_is_stackgans() -> None:
    # The worked example of CUB's first picture: a box of 325 x 304 in a picture of 500 x 335.
    assert crop_window((60, 27, 325, 304), 500, 335) == (0, 0, 465, 335)
    assert crop_window((10.9, 8.9, 20.9, 16.0), 50, 40) == (5, 1, 35, 31)


def test_everything_of_a_row_is_there(source: Path, out: Path) -> None:
    plan = cub.plan(source)
    write(plan, out)
    assert plan.counts() == {"train": 4, "test": 2} and plan.way == "classes"
    train, test = rows(out, "train"), rows(out, "test")
    assert [row["file_name"] for row in [*train, *test]] == bird_names()
    assert [row["label"] for row in train] == ["Black footed Albatross"] * 2 + ["Laysan Albatross"] * 2
    assert train[1]["text"] == [sentence(bird_names()[1], k) for k in range(10)]
    for number, row in enumerate([*train, *test], 1):
        x, y, width, height = bird_box(number)
        left, top, right, bottom = crop_window((x, y, width, height), *SIZE)
        found = opened(row["image"]["bytes"])
        assert (found.format, found.size) == ("JPEG", (right - left, bottom - top))
        assert row["boxes"] == [{"label": "bird", "box": [x - left, y - top, width, height]}]
        whole = opened((source / "CUB_200_2011/images" / f"{row['file_name']}.jpg").read_bytes())
        wanted = np.asarray(whole.crop((left, top, right, bottom)), np.float32)
        assert np.abs(np.asarray(found, np.float32) - wanted).mean() < 4  # noise, the hardest thing for JPEG


def test_without_cropping_the_pictures_are_kept_to_the_byte(source: Path, out: Path) -> None:
    write(cub.plan(source, crop=False), out)
    for row in rows(out, "train"):
        assert row["image"]["bytes"] == (source / "CUB_200_2011/images" / f"{row['file_name']}.jpg").read_bytes()
        assert row["boxes"][0]["box"][:2] == [10, 8]


def test_it_opens_and_nothing_is_wrong_with_it(source: Path, out: Path) -> None:
    write(cub.plan(source), out)
    data = Dataset.open(out, size=8)
    assert (data.length("train"), data.length("test")) == (4, 2)
    assert data.schema.labels == ("Black footed Albatross", "Laysan Albatross", "Sooty Albatross")
    assert data.schema.captions == 10 and not data.schema.attributes
    assert list(data.captions(0, "test")) == rows(out, "test")[0]["text"]
    assert data.pictures([0, 1], "test").shape == (2, 3, 8, 8)
    assert check(out) == []


def test_the_official_split_is_by_picture(source: Path) -> None:
    plan = cub.plan(source, split="official")
    assert [entry.split for entry in plan.entries] == ["train", "test"] * 3 and plan.way == "official"


def test_without_lists_of_classes_the_pickles_divide_and_without_those_the_official_split(source: Path) -> None:
    (source / "testclasses.txt").unlink()
    assert cub.plan(source).way == "official"
    pickled_splits(source, bird_names()[:3], bird_names()[3:])
    plan = cub.plan(source)
    assert plan.way == "pickles" and [entry.split for entry in plan.entries] == ["train"] * 3 + ["test"] * 3


@pytest.mark.parametrize(
    "files",
    [
        {"trainvalids.txt": "1\n2\n", "testids.txt": "3\n"},
        {"trainclasses.txt": SPECIES[0], "valclasses.txt": SPECIES[1], "testclasses.txt": SPECIES[2]},
        {"trainids.txt": "1", "valids.txt": "2", "testclasses.txt": SPECIES[2]},
    ],
)
def test_reeds_lists_are_read_in_every_form(source: Path, files: dict[str, str]) -> None:
    for path in source.glob("*classes.txt"):
        path.unlink()
    for name, text in files.items():
        (source / "cvpr2016_cub").mkdir(exist_ok=True)
        (source / "cvpr2016_cub" / name).write_text(text)
    plan = cub.plan(source)
    assert plan.way == "classes" and [entry.split for entry in plan.entries] == ["train"] * 4 + ["test"] * 2


def test_captions_may_lie_in_text_and_everything_one_folder_deeper(tmp_path: Path) -> None:
    birds(tmp_path / "a", texts="metadata/text")
    assert cub.plan(tmp_path / "a").counts() == {"train": 3, "test": 3}
    birds(tmp_path / "b")
    assert cub.plan(tmp_path / "b").entries[0].texts == cub.plan(tmp_path / "a").entries[0].texts


def test_captions_that_lost_a_blank_and_empty_lines(source: Path) -> None:
    (source / "text_c10" / f"{bird_names()[0]}.txt").write_bytes(
        b"a\xef\xbf\xbd\xef\xbf\xbdbird\n\n  \n \xff bad byte\r\n"
    )
    assert cub.plan(source).entries[0].texts == ("a bird", "\ufffd bad byte")


def test_attributes_are_kinds_with_one_sure_answer(source: Path, out: Path) -> None:
    folder = source / "CUB_200_2011" / "attributes"
    folder.mkdir()
    questions = [
        "has_bill_shape::hooked_seabird",
        "has_bill_shape::cone",
        "has_wing_color::blue",
        "has_size::large_(16_-_32_in)",
    ]
    # attributes.txt lies beside CUB_200_2011/ in the download
    (source / "attributes.txt").write_text("".join(f"{k} {name}\n" for k, name in enumerate(questions, 1)))
    answers = ["1 1 1 3 5.5", "1 2 0 4 5.5", "1 3 1 2 5.5", "1 4 1 4 0 1.2", "2 1 1 4 1", "2 2 1 4 1", "2 3 1 4 1"]
    (folder / "image_attribute_labels.txt").write_text("\n".join(answers) + "\n")
    first, second, third, *_ = cub.plan(source).entries
    assert first.attributes == {"bill shape": "hooked seabird", "size": "large (16 - 32 in)"}
    assert second.attributes == {"wing color": "blue"} and third.attributes == {}
    write(cub.plan(source), out)
    assert rows(out, "train")[1]["attributes"] == {"bill shape": None, "wing color": "blue", "size": None}
    assert set(Dataset.open(out, size=8).schema.attributes) == {"bill shape", "wing color", "size"}


def test_a_box_that_sticks_out_is_cut_off(source: Path, out: Path) -> None:
    path = source / "CUB_200_2011/bounding_boxes.txt"
    path.write_text(path.read_text().replace("1 10.0 8.0 21.0 16.0", "1 30.0 20.0 30.0 21.0"))
    write(cub.plan(source, crop=False), out)
    assert rows(out, "train")[0]["boxes"][0]["box"] == [30, 20, 20, 20]
    assert check(out) == []


def test_parts_become_key_points_in_the_pixels_of_the_cut_picture(source: Path, out: Path) -> None:
    bird_parts(source)
    write(cub.plan(source), out)
    for number, row in enumerate([*rows(out, "train"), *rows(out, "test")], 1):
        left, top, _, _ = crop_window(bird_box(number), *SIZE)
        for part, point in enumerate(row["keypoints"], 1):
            x, y, visible = bird_part(number, part)
            assert point["label"] == PARTS[part - 1] and point["visible"] == bool(visible)
            assert not visible or (point["x"], point["y"]) == (x - left, y - top)
    data = Dataset.open(out, size=8)
    assert data.schema.points == PARTS and check(out) == []
    assert [(a + 1, b + 1) for a, b in data.schema.mirrored] == [(7, 11), (8, 12), (9, 13)]
    points = data.points([0])[0]
    assert points.shape == (15, 3) and points[:, 2].tolist() == [float(part % 7 > 0) for part in range(1, 16)]
    width, height = opened(rows(out, "train")[0]["image"]["bytes"]).size
    side, x = min(width, height), rows(out, "train")[0]["keypoints"][0]["x"]
    assert points[0, 0].item() == pytest.approx((x - (width - side) / 2) / side)


def test_a_part_outside_the_cut_picture_cannot_be_seen(source: Path, out: Path) -> None:
    path = bird_parts(source) / "part_locs.txt"
    path.write_text(path.read_text().replace("1 1 12.0 10.0 1", "1 1 49.0 39.0 1"))
    write(cub.plan(source), out)
    assert [point["visible"] for point in rows(out, "train")[0]["keypoints"][:2]] == [False, True]
    assert check(out) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1 1 12.0 10.0 1\n", "1 1 12.0 10.0 2\n"),
        ("1 1 12.0 10.0 1\n", "1 99 12.0 10.0 1\n"),
        ("1 1 12.0 10.0 1\n", "1 1 nan 10.0 1\n"),
        ("1 1 12.0 10.0 1\n", "1 1 12.0 10.0\n"),
        ("1 1 12.0 10.0 1\n", "1 2 12.0 10.0 1\n"),
    ],
    ids=map(str, range(5)),
)
def test_a_line_of_parts_that_is_wrong(source: Path, old: str, new: str) -> None:
    path = bird_parts(source) / "part_locs.txt"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=r"part_locs.txt is not CUB's: '1 .*' is not image, part of parts.txt, x, y"):
        cub.plan(source)


def test_a_part_that_is_missing(source: Path) -> None:
    path = bird_parts(source) / "part_locs.txt"
    path.write_text(path.read_text().replace("3 5 16.0 12.0 1\n", ""))
    with pytest.raises(UserError, match=r"part_locs.txt lacks part 5 of image 3: CUB_200_2011.tgz .*is damaged"):
        cub.plan(source)


CUB = "CUB_200_2011"


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda s: shutil.rmtree(s / CUB), "has no images.txt.*CUB_200_2011.tgz"),
        (lambda s: shutil.rmtree(s / "text_c10"), "has no text.*captions of Reed"),
        (lambda s: (s / CUB / "bounding_boxes.txt").unlink(), "bounding_boxes.txt is missing.*CUB_200_2011.tgz"),
        (lambda s: (s / CUB / "bounding_boxes.txt").write_text("1 a b c d\n"), "no line for image 2"),
        (lambda s: (s / CUB / "image_class_labels.txt").unlink(), "image_class_labels.txt is missing"),
        (lambda s: (s / CUB / "classes.txt").write_text("1 001.A\n"), "classes.txt has no line for class 2"),
        (lambda s: (s / CUB / "images.txt").write_text("no table"), "images.txt is not the file of that name"),
        (lambda s: (s / CUB / "images.txt").write_text("1 ../../x.jpg"), "outside its folder"),
        (lambda s: (s / "text_c10" / f"{bird_names()[1]}.txt").unlink(), "Albatross_0001_1.txt is missing"),
        (lambda s: (s / "text_c10" / f"{bird_names()[1]}.txt").write_text("\n"), "holds no caption"),
        (lambda s: (s / "testclasses.txt").write_text(SPECIES[0]), "class 1 is both in the training and in the test"),
        (lambda s: (s / "testclasses.txt").write_text("009.X"), "003.Sooty_Albatross.* is in no split"),
    ],
)
def test_what_is_missing_or_wrong_is_one_line(source: Path, out: Path, spoil: Any, told: str) -> None:
    spoil(source)
    with pytest.raises(UserError, match=told) as caught:
        write(cub.plan(source), out)
    assert "\n" not in str(caught.value) and not out.exists()


@pytest.mark.parametrize("box", ["a b c d", "nan 1 2 3", "1 2 inf 3"])
def test_a_box_that_is_no_box(source: Path, box: str) -> None:
    path = source / CUB / "bounding_boxes.txt"
    path.write_text(path.read_text().replace("1 10.0 8.0 21.0 16.0", f"1 {box}"))
    with pytest.raises(UserError, match="the box of image 1 is not four numbers"):
        cub.plan(source)


def test_a_box_outside_its_picture(source: Path, out: Path) -> None:
    path = source / CUB / "bounding_boxes.txt"
    path.write_text(path.read_text().replace("1 10.0 8.0 21.0 16.0", "1 900 8 20 20"))
    with pytest.raises(UserError, match="lies outside its picture"):
        write(cub.plan(source), out)


def test_a_broken_or_missing_picture(source: Path, out: Path) -> None:
    path = source / CUB / "images" / f"{bird_names()[2]}.jpg"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(UserError, match=r"Laysan_Albatross_0000_0\.jpg is broken.*CUB_200_2011\.tgz"):
        write(cub.plan(source), out)
    path.unlink()
    with pytest.raises(UserError, match=r"Laysan_Albatross_0000_0\.jpg is missing"):
        write(cub.plan(source), out)
    assert not out.exists()


@pytest.mark.parametrize("suffix", [".t7", ".h5"])
def test_torch_and_hdf5_captions_are_named_as_not_read(source: Path, suffix: str) -> None:
    shutil.rmtree(source / "text_c10")
    (source / "text_c10").mkdir()
    (source / "text_c10" / f"{SPECIES[0]}{suffix}").write_bytes(b"x")
    with pytest.raises(UserError, match=rf"\{suffix} files are not read: take the captions as text"):
        cub.plan(source)


def test_an_unknown_split_and_one_whose_files_are_missing(source: Path) -> None:
    with pytest.raises(UserError, match="choose classes, pickles, official"):
        cub.plan(source, split="zero-shot")
    with pytest.raises(UserError, match=r"has no train/ and test/filenames\.pickle"):
        cub.plan(source, split="pickles")


def test_grey_pictures_are_cropped_too(source: Path, out: Path) -> None:
    picture(1, SIZE).convert("L").save(source / CUB / "images" / f"{bird_names()[0]}.jpg")
    write(cub.plan(source), out)
    assert opened(rows(out, "train")[0]["image"]["bytes"]).mode == "RGB"


def test_the_command(source: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "import", "cub", str(source), "-o", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["pictures"] == {"train": 4, "test": 2} and told["split"] == "classes" and told["crop"] is True
    assert cli.main(["data", "import", "cub", str(source / "text_c10"), "-o", str(out)]) == 2
    err = capsys.readouterr().err
    assert err.startswith("limner: error: ") and err.count("\n") == 1 and "CUB_200_2011.tgz" in err
    assert cli.main(["data", "import", "cub", "--help"]) == 0
    assert "limner data import cub downloads/birds -o data/birds" in " ".join(capsys.readouterr().out.split())


def test_what_was_imported_trains(source: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from artists import FAKE

    write(cub.plan(source), out)
    options = ["--preset", "tiny", "--no-tensorboard", "--images", "8", "--run", str(tmp_path / "run"), "--json"]
    assert cli.main(["train", str(FAKE), "--data", str(out), *options]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["images"] == 8


def test_a_picture_that_its_box_fills_is_kept_to_the_byte(source: Path, out: Path) -> None:
    path = source / CUB / "images" / f"{bird_names()[0]}.jpg"
    Image.new("RGB", (20, 20), "red").save(path)
    boxes = source / CUB / "bounding_boxes.txt"
    boxes.write_text(boxes.read_text().replace("1 10.0 8.0 21.0 16.0", "1 0 0 20 20"))
    write(cub.plan(source), out)
    assert rows(out, "train")[0]["image"]["bytes"] == path.read_bytes()
