"""The clevr world: what is said is so, nothing touches or hides, stories grow by one thing a picture."""

from __future__ import annotations

import io
import itertools
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from limner.data.dataset import Dataset
from limner.data.schema import words_of
from limner.errors import UserError
from limner.requests import Story
from limner.worlds import clevr
from limner.worlds.build import Job, shards
from limner.worlds.clevr import render
from limner.worlds.clevr.dialogue import TURNS, dialogue
from limner.worlds.clevr.scenes import COLOURS, COLUMNS, FRAMES, GAP, PROPERTIES, Thing, gap_between, propose, vector

SMALL = Path(__file__).parent / "clevr_small"
"""24 stories at 32 pixels: limner data build clevr --images 96 --size 32 --seed 7 -o tests/worlds/clevr/clevr_small"""
SEED, SIDE = 7, 32


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    found = [row for path in sorted(SMALL.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    return sorted(found, key=lambda row: row["index"])


def pixels(image: dict[str, Any]) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(image["bytes"]))).astype(float)


def test_things_never_touch_and_stand_where_they_are_said_to() -> None:
    for story in range(300):
        things = propose(1, story, 0)
        assert len({thing.place for thing in things}) == len(things) == FRAMES
        assert all(gap_between(one, other) >= GAP for one, other in itertools.combinations(things, 2))
        for thing, other in itertools.permutations(things, 2):
            if thing.row == other.row and COLUMNS.index(thing.column) < COLUMNS.index(other.column):
                assert thing.x < other.x
        depth = {thing.row: thing.y for thing in things}
        assert sorted(depth, key=lambda row: depth[row]) == [r for r in ("front", "middle", "back") if r in depth]


def test_all_kinds_come_about_equally_often() -> None:
    things = [thing for story in range(500) for thing in propose(2, story, 0)]
    for kind, count in {"colour": 8, "material": 2, "shape": 3, "size": 2, "column": 5, "row": 3}.items():
        shares = [sum(getattr(thing, kind) == value for thing in things) / len(things) for value in values(kind)]
        assert len(shares) == count and max(shares) < 1.3 / count, kind


def values(kind: str) -> set[str]:
    return {getattr(thing, kind) for story in range(60) for thing in propose(0, story, 0)}


def test_everything_can_be_seen_and_nothing_leaves_the_picture() -> None:
    for story in range(6):
        things = clevr.story(SEED, story)
        alone = [render.seen([thing], 256)[0] for thing in things]
        together = render.seen(things, 256)
        for whole, left in zip(alone, together, strict=True):
            assert not (whole[0].any() or whole[-1].any() or whole[:, 0].any() or whole[:, -1].any())
            assert left.sum() >= 0.45 * whole.sum() and (left <= whole).all()  # 0.5 at another resolution


def test_a_hidden_or_cut_off_thing_is_refused() -> None:
    front = Thing("cube", "red", "rubber", "large", "centre", "middle", 0, -1.0, 0)
    behind = Thing("sphere", "blue", "metal", "small", "centre", "back", 0, 0.3, 0)
    assert clevr.visible((behind,)) and not clevr.visible((front, behind))
    assert not clevr.visible((Thing("cube", "red", "rubber", "large", "far right", "front", 5.0, -2.4, 0),))


def test_a_picture_is_its_seed_and_index_whoever_draws_it(rows: list[dict[str, Any]]) -> None:
    again = clevr.row(SEED, 5, SIDE)
    assert np.abs(pixels(again["image"]) - pixels(rows[5]["image"])).mean() < 0.5  # of 255: libraries may round
    for key in set(again) - {"image", "masks", "vector"}:
        assert again[key] == rows[5][key], key
    assert again["vector"] == pytest.approx(rows[5]["vector"], abs=1e-6)  # kept in 32 bits


def test_each_picture_shows_one_thing_more_and_the_others_stay(rows: list[dict[str, Any]]) -> None:
    for tale in (rows[i : i + FRAMES] for i in range(0, len(rows), FRAMES)):
        assert [row["frame"] for row in tale] == [1, 2, 3, 4] and len({row["story"] for row in tale}) == 1
        for before, after in itertools.pairwise(tale):
            labels = [[box["label"] for box in row["boxes"]] for row in (before, after)]
            assert labels[1][:-1] == labels[0]
            taken = {k: v for k, v in before["attributes"].items() if v != "nothing"}
            assert taken.items() <= after["attributes"].items()
            new = {k for k, v in after["attributes"].items() if v != "nothing"} - set(taken)
            assert new == set(after["said"][0]) and len(new) == len(PROPERTIES)
            changed = np.abs(pixels(before["image"]) - pixels(after["image"])).max(axis=2) > 60
            cover = pixels(after["masks"][-1]["mask"]) > 0
            assert changed[cover].mean() > 0.2 and (changed & ~_wider(cover)).mean() < 0.05


def _wider(cover: np.ndarray, by: int = 5) -> np.ndarray:
    """A thing's surroundings: where its shadow and its light fall."""
    around = [np.roll(cover, (dy, dx), (0, 1)) for dy in range(-by, by + 1) for dx in range(-by, by + 1)]
    return np.any(around, axis=0)


def test_what_is_said_is_so(rows: list[dict[str, Any]]) -> None:
    synonyms = {
        "big": "large", "tiny": "small", "little": "small", "shiny": "metal", "metallic": "metal", "matte": "rubber",
        "ball": "sphere", "block": "cube", "tube": "cylinder", "grey": "gray",
    }  # fmt: skip
    for row in rows:
        new = {key.rsplit(" ", 1)[1]: row["attributes"][key] for key in row["said"][0]}
        (place,) = {key.rsplit(" ", 1)[0] for key in row["said"][0]}
        assert len(row["text"]) == len(row["said"]) == 4
        for text in row["text"]:
            words = {synonyms.get(word, word) for word in words_of(text)}
            assert set(new.values()) <= words and set(place.split()) <= words | {"middle", "back", "front"}
            assert not words & set(COLOURS) - {new["colour"]}


def test_colours_are_where_the_masks_say(rows: list[dict[str, Any]]) -> None:
    """Of each pair of things of very different colours, each looks more like its own."""
    right = total = 0
    for row in rows[3::4]:
        picture = pixels(row["image"])
        for mask in row["masks"]:
            colour = mask["label"].split()[1]
            if colour == "gray":
                continue
            seen = picture[pixels(mask["mask"]) > 200].mean(axis=0)
            chroma = seen - seen.mean()
            best = max(COLOURS, key=lambda name: _cosine(np.array(COLOURS[name]), chroma))
            right, total = right + (best in (colour, *_near(colour))), total + 1
    assert total > 40 and right / total > 0.9


def _cosine(colour: np.ndarray, chroma: np.ndarray) -> float:
    own = colour - colour.mean()
    return float(own @ chroma / (np.linalg.norm(own) * np.linalg.norm(chroma) + 1e-9))


def _near(colour: str) -> tuple[str, ...]:
    """Colours that differ in lightness or a little in hue only."""
    return {"brown": ("red", "yellow"), "red": ("brown",), "yellow": ("brown",)}.get(colour, ("gray",))


def test_boxes_frame_the_masks(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        for box, mask in zip(row["boxes"], row["masks"], strict=True):
            left, top, width, height = (int(x) for x in box["box"])
            cover = pixels(mask["mask"]) > 0
            inside = np.zeros_like(cover)
            inside[top : top + height, left : left + width] = True
            assert cover[inside].any() and not cover[~inside].any() and box["label"] == mask["label"]


def test_answers_are_true(rows: list[dict[str, Any]]) -> None:
    """Count and look up in the attributes, independently of how the questions were made."""
    numbers, asked = {"none": 0, "one": 1, "two": 2, "three": 3, "four": 4}, 0
    for row in rows:
        assert len(row["dialogue"]) == TURNS == len({turn["question"] for turn in row["dialogue"]})
        things = [
            dict(zip(("size", "colour", "material", "shape"), box["label"].split(), strict=True))
            for box in row["boxes"]
        ]
        for turn in row["dialogue"]:
            words, answer = turn["question"].split(), turn["answer"]
            if words[:2] == ["how", "many"]:
                wanted = {word.rstrip("s") if word != "things" else "" for word in words[2:]} - {""}
                kinds = {"cube", "sphere", "cylinder", "rubber", "metal", *COLOURS} & wanted
                count = sum(kinds <= set(thing.values()) for thing in things)
                assert numbers[answer] == count, turn
                asked += 1
            elif words[:3] == ["is", "there", "a"]:
                assert (answer == "yes") == any(set(words[3:]) <= set(thing.values()) for thing in things), turn
                asked += 1
            elif words[:2] == ["is", "anything"]:
                assert (answer == "yes") == any(thing["size"] == words[2] for thing in things), turn
                asked += 1
            elif words[:2] == ["what", "colour"] and words[2:4] == ["is", "the"] and len(words) == 5:
                (found,) = [thing for thing in things if thing["shape"] == words[4]]
                assert answer == found["colour"], turn
                asked += 1
    assert asked > 400


def test_relations_follow_the_coordinates() -> None:
    left = Thing("cube", "red", "rubber", "large", "far left", "back", -3.0, 2.4, 0)
    right = Thing("sphere", "blue", "metal", "small", "right", "front", 1.1, -2.4, 0)
    told: dict[str, str] = {}
    for seed in range(60):
        told |= dialogue((left, right), random.Random(seed))
    a, b = left.name, right.name
    assert told[f"is the {a} to the left of the {b}"] == "yes" and told[f"is the {b} to the left of the {a}"] == "no"
    assert told[f"is the {a} behind the {b}"] == "yes" and told[f"is the {a} in front of the {b}"] == "no"
    assert told[f"does the {a} have the same colour as the {b}"] == "no"


def test_questions_do_not_depend_on_the_process() -> None:
    """Python puts the words of a set in another order in each process."""
    code = "import random; from limner.worlds.clevr.dialogue import dialogue; "
    code += "from limner.worlds.clevr import scenes as s; "
    code += "print([dialogue(s.propose(3, n, 0), random.Random(n)) for n in range(20)])"
    told = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": seed}
        told.add(subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True).stdout)
    assert len(told) == 1


def test_relations_are_plain_to_see(rows: list[dict[str, Any]]) -> None:
    """What is said to be left or right, behind or in front, is so in the picture: by the middles of the masks."""
    asked = 0
    for row in rows:
        middles = {mask["label"]: _middle(pixels(mask["mask"])) for mask in row["masks"]}
        for turn in row["dialogue"]:
            for words, (axis, way) in _RELATIONS.items():
                one, _, other = turn["question"].removeprefix("is the ").partition(f" {words} the ")
                if turn["question"].startswith("is the ") and other:
                    apart_by = (middles[one][axis] - middles[other][axis]) * way
                    assert (turn["answer"] == "yes") == (apart_by > 0), turn
                    asked += 1
    assert asked > 30


_RELATIONS = {"to the left of": (0, -1), "to the right of": (0, 1), "behind": (1, -1), "in front of": (1, 1)}


def _middle(cover: np.ndarray) -> tuple[float, float]:
    down, across = np.nonzero(cover > 127)
    return float(across.mean()), float(down.mean())


def test_vector_is_the_published_layout() -> None:
    """Four blocks of 18: shape, colour, material, size, coordinates; then the direction to the right."""
    thing = Thing("sphere", "green", "metal", "small", "left", "middle", -1.25, 0.125, 0)
    numbers = vector((thing,))
    assert len(numbers) == 75 and numbers[72:] == [1, 0, 0] and not any(numbers[18:72])
    assert [i for i, x in enumerate(numbers[:15]) if x] == [1, 3 + 3, 11 + 1, 13 + 1]
    assert numbers[15:18] == [-1.25, 0.125, 0.42]


def test_the_full_size_has_the_papers_split_and_no_story_in_both() -> None:
    job = Job("clevr", 1, 52_000, 64, 0)
    assert job.held_out == 12_000 and len(list(shards(job))) == 104
    assert all(shard.start % FRAMES == 0 == shard.stop % FRAMES for shard in shards(job))
    assert Job("clevr", 1, 8, 64, 0).held_out == 4
    with pytest.raises(UserError, match="groups of 4, and 10 is not a whole number of groups: ask for 8"):
        Job("clevr", 1, 10, 64, 0)
    assert Job("avatars", 1, 20_000, 64, 0).held_out == 1000  # as ever


def test_opens_as_stories() -> None:
    data = Dataset.open(str(SMALL), size=16)
    assert data.schema.story == 4 and len(data.schema.attributes) == 60
    assert (len(data.stories("train")), len(data.stories("test"))) == (19, 5)
    (first,) = data.requests(Story, 1, "test")
    assert isinstance(first, Story) and len(first.lines) == 4 and first.lines[0].startswith("a ")


def test_without_mitsuba_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    render.mitsuba.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "mitsuba", None)
    with pytest.raises(UserError, match=r'pip install "limner\[worlds\]"'):
        clevr.build(tmp_path / "out", images=4)
    assert not (tmp_path / "out").exists()
    monkeypatch.undo()
    render.mitsuba.cache_clear()
