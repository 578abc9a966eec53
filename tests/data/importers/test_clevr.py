"""CLEVR and CLEVR-SV in their published layouts: scenes, questions, vectors, and refusals in one line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from downloads import saved
from downloads import write as put
from limner import cli
from limner.data.dataset import Dataset
from limner.data.importers import clevr as import_clevr
from limner.data.importers import clevr_sv as import_clevr_sv
from limner.data.importers.writing import write
from limner.errors import UserError
from picture_sets import encoded, picture

SIZE = (48, 32)
RIGHT = np.array([0.6563, 0.7545, 0.0])  # as CLEVR's camera stands, turned by a half right angle
COLOURS = ("gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow")


def thing(number: int) -> dict[str, Any]:
    """An object as CLEVR's scenes tell it; higher numbers stand further to the left."""
    return {
        "shape": ("cube", "sphere", "cylinder")[number % 3],
        "color": COLOURS[number % 8],
        "material": ("rubber", "metal")[number % 2],
        "size": ("large", "small")[number % 2],
        "3d_coords": [1.0 - number, 0.5, 0.7],
        "pixel_coords": [300 - 40 * number, 120, 11.2],
        "rotation": 12.5,
    }


def clevr(folder: Path, parts: tuple[str, ...] = ("train", "val")) -> Path:
    """scenes/, images/ and questions/ of CLEVR_v1.0: three pictures of each part, with two, three and four things."""
    for part in parts:
        names = [f"CLEVR_{part}_{k:06d}.png" for k in range(3)]
        scenes = [
            {
                "image_index": k, "image_filename": name, "split": part,
                "objects": [thing(n) for n in range(k + 2)],
                "relationships": {"left": [[] for _ in range(k + 2)]}, "directions": {"right": RIGHT.tolist()},
            }
            for k, name in enumerate(names)
        ]  # fmt: skip
        asked = [
            {
                "image_filename": names[k // 2],
                "split": part,
                "question": f"What is {k}?",
                "answer": str(k),
                "program": [],
            }
            for k in range(4)
        ]
        put(folder / "scenes" / f"CLEVR_{part}_scenes.json", json.dumps({"info": {"split": part}, "scenes": scenes}))
        put(folder / "questions" / f"CLEVR_{part}_questions.json", json.dumps({"info": {}, "questions": asked}))
        for k, name in enumerate(names):
            put(folder / "images" / part / name, encoded(picture(k, SIZE)))
    return folder


def block(number: int) -> np.ndarray:
    """Eighteen numbers for one thing."""
    ones = np.zeros(15)
    ones[[number % 3, 3 + number % 8, 11 + number % 2, 13 + number % 2]] = 1
    return np.concatenate([ones, [0.0, 0.0, 0.7]])


def clevr_sv(folder: Path, stories: int = 3) -> Path:
    """CLEVR_dict.npy and images/ as StoryGAN reads them: stories from number 100 on, frames 1 to 4."""
    vectors = {}
    for story in range(stories):
        for frame in range(1, 5):
            name = f"CLEVR_new_{100 + story:06d}_{frame}.png"
            blocks = [block(story + n) if n < frame else np.zeros(18) for n in range(4)]
            vectors[name] = np.concatenate([*blocks, RIGHT])
            put(folder / "images" / name, encoded(picture(10 * story + frame, SIZE).convert("RGBA")))
    saved(folder / "CLEVR_dict.npy", vectors)
    return folder


def test_scenes_become_sentences_counts_and_dialogues(tmp_path: Path) -> None:
    source = clevr(tmp_path / "CLEVR_v1.0")
    plan = import_clevr.plan(source / "scenes", source / "images", questions=source / "questions")
    assert plan.counts() == {"train": 3, "validation": 3} and plan.way == "scenes"
    first = plan.entries[0]
    assert first.texts == ("from left to right, a small red metal sphere and a large gray rubber cube",)
    counts = {name.removeprefix("number of "): int(count) for name, count in first.attributes.items()}
    assert {word for word, count in counts.items() if count} == {
        *("small", "red", "metal", "sphere", "large", "gray", "rubber", "cube")
    }
    assert len(counts) == 3 + 8 + 2 + 2
    assert first.dialogue == [("What is 0?", "0"), ("What is 1?", "1")] and not plan.entries[2].dialogue
    rows = pq.read_table(write(plan, tmp_path / "out") / "train-00000-of-00001.parquet").to_pylist()
    assert rows[0]["dialogue"] == [{"question": f"What is {k}?", "answer": str(k)} for k in range(2)]
    assert rows[0]["image"]["bytes"] == (source / "images" / "train" / "CLEVR_train_000000.png").read_bytes()
    assert Dataset.open(str(tmp_path / "out"), size=8).schema.attributes["number of red"]


def test_one_file_of_scenes_and_its_folder_of_pictures_do(tmp_path: Path) -> None:
    source = clevr(tmp_path, ("val",))
    plan = import_clevr.plan(source / "scenes" / "CLEVR_val_scenes.json", source / "images" / "val")
    assert plan.counts() == {"train": 3} and plan.way == "none" and not any(one.dialogue for one in plan.entries)


def test_questions_about_other_pictures_are_told(tmp_path: Path) -> None:
    source = clevr(tmp_path)
    plan = import_clevr.plan(source / "scenes/CLEVR_val_scenes.json", source / "images", questions=source / "questions")
    assert plan.notes == ["the questions about 2 pictures that no scene tells of are left out"]


def changed(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content["scenes"][1]["objects"][0][key] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed("color", "orange"), "scene 1: the color of an object is 'orange', not gray, red"),
        (changed("shape", None), "scene 1: the shape of an object is None, not cube"),
        (changed("material", ["metal"]), "scene 1: the material of an object is"),
        (changed("pixel_coords", "left"), "pixel_coords of an object are not its place"),
        (lambda content: content["scenes"][0].update(objects=[]), "scene 0: it has no objects"),
        (lambda content: content["scenes"][2].update(objects=[3]), "scene 2: an object is not a table"),
        (lambda content: content["scenes"][2].pop("image_filename"), "scene 2: it has no image_filename"),
        (lambda content: content["scenes"][2].update(image_filename="../x.png"), "outside its folder"),
        (lambda content: content["scenes"][2].update(image_filename="gone.png"), "has no gone.png"),
        (lambda content: content["scenes"][2].update(split=["val"]), "its split is"),
        (lambda content: content["scenes"].append(content["scenes"][0]), "a second time"),
        (lambda content: content.update(scenes={}), "no list of scenes"),
        (lambda content: content.update(scenes=[]), "holds no scene"),
    ],
    ids=[
        "colour",
        "shape",
        "material",
        "place",
        "empty",
        "object",
        "name",
        "outside",
        "gone",
        "split",
        "twice",
        "table",
        "none",
    ],
)
def test_scenes_that_are_wrong_are_refused_in_one_line(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    source = clevr(tmp_path, ("train",))
    file = source / "scenes" / "CLEVR_train_scenes.json"
    content = json.loads(file.read_bytes())
    change(content)
    file.write_text(json.dumps(content))
    refused(lambda: import_clevr.plan(file, source / "images"), message)


def test_files_that_are_missing_or_others_are_refused_in_one_line(tmp_path: Path) -> None:
    source = clevr(tmp_path / "set")
    scenes, images = source / "scenes", source / "images"
    refused(lambda: import_clevr.plan(source / "nothing", images), "there is no")
    refused(lambda: import_clevr.plan(scenes, source / "nothing"), "there is no folder")
    refused(lambda: import_clevr.plan(images, images), r"has no file \*_scenes.json")
    refused(lambda: import_clevr.plan(images / "train" / "CLEVR_train_000000.png", images), "no JSON")
    questions = source / "questions" / "CLEVR_val_questions.json"
    refused(lambda: import_clevr.plan(questions, images), "no list of scenes")
    put(questions, json.dumps({"questions": [{"image_filename": "x.png", "answer": "red"}]}))
    refused(lambda: import_clevr.plan(scenes, images, questions=questions), "question 0: it has no")


def refused(action: Callable[[], object], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        action()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_stories_are_told_from_their_vectors(tmp_path: Path) -> None:
    plan = import_clevr_sv.plan(clevr_sv(tmp_path / "clevr_dataset"))
    assert plan.counts() == {"train": 12} and not plan.notes
    tale = plan.entries[4:8]
    assert [(one.story, one.frame) for one in tale] == [("CLEVR_new_000101", frame) for frame in (1, 2, 3, 4)]
    assert tale[0].texts == ("a small red metal sphere, centre in the middle",)
    assert tale[1].texts == ("a large blue rubber cylinder, centre in the middle",)
    assert tale[1].attributes["first colour"] == "red" and tale[1].attributes["second shape"] == "cylinder"
    assert tale[1].attributes["third size"] == "nothing" and len(tale[1].attributes) == 16
    assert tale[1].embedding is not None and tale[1].embedding.shape == (1, 75)
    assert (tale[1].embedding[0, 18:36] == block(2).astype(np.float32)).all()
    data = Dataset.open(str(write(plan, tmp_path / "out")), size=8)
    assert data.schema.story == 4 and len(data.stories("train")) + len(data.stories("test")) == 3


def test_places_follow_the_camera() -> None:
    behind = np.array([-RIGHT[1], RIGHT[0], 0.0])
    named = {
        "far left in the middle": -2.8 * RIGHT, "left in the middle": -1.2 * RIGHT,
        "far right in the middle": 2.8 * RIGHT,
        "centre at the back": 2.0 * behind, "centre in front": -2.0 * behind,
        "far right at the back": 9.0 * (RIGHT + behind), "far left in front": -9.0 * (RIGHT + behind),
    }  # fmt: skip
    assert {words: import_clevr_sv.place(spot, RIGHT) for words, spot in named.items()} == {
        word: word for word in named
    }


def test_stories_that_are_not_whole_are_left_out_and_told(tmp_path: Path) -> None:
    source = clevr_sv(tmp_path, 4)
    (source / "images" / "CLEVR_new_000101_3.png").unlink()
    put(source / "images" / "CLEVR_new_000196_1.png", encoded(picture(1, SIZE)))  # as in the public sample
    plan = import_clevr_sv.plan(source)
    assert sorted({one.story for one in plan.entries}) == [f"CLEVR_new_{k:06d}" for k in (100, 102, 103)]
    assert "first CLEVR_new_000101_3.png" in plan.notes[0] and "first CLEVR_new_000196" in plan.notes[1]


def test_vectors_that_are_wrong_are_refused_in_one_line(tmp_path: Path) -> None:
    source, name = clevr_sv(tmp_path / "a", 1), "CLEVR_new_000100_1.png"
    vectors = {f"CLEVR_new_000100_{k}.png": np.concatenate([*map(block, range(4)), RIGHT]) for k in range(1, 5)}
    cases: list[tuple[object, str]] = [
        ({}, "no dict of vectors"),
        (np.zeros(75), "no dict of vectors"),
        ({name: np.zeros(74)}, "not the name of a picture with 75 numbers"),
        ({name: np.full(75, np.nan)}, "not the name of a picture with 75 numbers"),
        ({3: np.zeros(75)}, "not the name of a picture with 75 numbers"),
        (vectors | {name: np.zeros(75)}, "does not name the shape of one of its things"),
        (vectors | {name: np.ones(75)}, "does not name the shape of one of its things"),
        ({"other.png": np.zeros(75)}, "no story of .* is whole"),
    ]
    for content, message in cases:
        saved(source / "CLEVR_dict.npy", content)
        refused(lambda: import_clevr_sv.plan(source), message)
    refused(lambda: import_clevr_sv.plan(tmp_path / "b"), "there is no folder")
    (source / "CLEVR_dict.npy").unlink()
    refused(lambda: import_clevr_sv.plan(source), "has no CLEVR_dict.npy")


def test_a_pickle_that_runs_something_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "ran"),)

    source = clevr_sv(tmp_path / "set", 1)
    saved(source / "CLEVR_dict.npy", {"CLEVR_new_000100_1.png": Evil()})
    refused(lambda: import_clevr_sv.plan(source), "nothing in it was run")
    assert not (tmp_path / "ran").exists()


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, tales = clevr(tmp_path / "set"), clevr_sv(tmp_path / "tales")
    command = ["data", "import", "clevr", str(source / "scenes"), str(source / "images")]
    assert cli.main([*command, "--questions", str(source / "questions"), "-o", str(tmp_path / "out")]) == 0
    assert "3 in train, 3 in validation" in capsys.readouterr().out
    assert cli.main(["data", "import", "clevr-sv", str(tales), "-o", str(tmp_path / "tales-out")]) == 0
    assert "12 in train" in capsys.readouterr().out
    assert cli.main(["data", "import", "clevr-sv", str(source), "-o", str(tmp_path / "no")]) == 2
    assert "CLEVR_dict.npy" in capsys.readouterr().err and not (tmp_path / "no").exists()
