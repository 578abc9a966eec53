"""The characters world: one function of (seed, index), ground truth that fits the picture, builds in any language."""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("resvg_py")
pytest.importorskip("pyarrow")

import pyarrow.parquet as pq

from limner import cli
from limner.data.check import check
from limner.data.dataset import Dataset
from limner.errors import UserError
from limner.worlds import characters, layouts
from limner.worlds.build import RECORD, Job
from limner.worlds.characters import ATTRIBUTES, Character, Pose, drawing, palette, pen, places
from limner.worlds.characters.hair import STYLES
from limner.worlds.characters.sampler import OPEN_EYES

MANY = 4000
PEOPLE = [characters.sample(3, index) for index in range(MANY)]
STANDING = Pose(0.9, 0.0, 0.0, 0.0, False)


def changed(one: Character, pose: Pose | None = None, **values: str) -> Character:
    """Return a character with other values, drawn and known."""
    seen = {**one.attributes, **values}
    return replace(one, drawn={**one.drawn, **values}, attributes=seen, pose=pose or one.pose)


def pixels(cell: dict[str, Any]) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(cell["bytes"])))


def test_a_character_depends_on_seed_and_index_alone() -> None:
    assert characters.sample(0, 7) == characters.sample(0, 7)
    assert characters.sample(0, 7) not in (characters.sample(0, 8), characters.sample(1, 7))
    assert characters.row(0, 7, 32) == characters.row(0, 7, 32)


def test_every_value_is_known_and_seen_often() -> None:
    for name, values in ATTRIBUTES.items():
        counts = Counter(one.attributes[name] for one in PEOPLE)
        assert set(counts) - {None} == set(values), name
        rarest = min(counts[value] for value in values) / (MANY - counts[None])
        assert rarest > 0.25 / len(values), (name, counts)
    assert len(STYLES) >= 20 and len(palette.HAIR) >= 12


def test_what_cannot_be_seen_has_no_value() -> None:
    for one in PEOPLE:
        seen = one.attributes
        assert (seen["eyes"] is None) == (seen["glasses"] == "sunglasses")
        assert (seen["eye_colour"] is None) == (seen["eyes"] in (None, "closed", "happy"))
        assert (seen["eye_shape"] is None) == (seen["eyes"] not in OPEN_EYES)
        assert (seen["hair_colour"] is None) == (seen["hair_style"] == "bald")
        assert (seen["fringe"] is None) == (not STYLES[str(seen["hair_style"])].fringe)
        assert (seen["second_hair_colour"] is None) == (seen["hair_dye"] in (None, "none"))
        assert (seen["headwear_colour"] is None) == (seen["headwear"] in ("none", "horns", "crown", "halo"))
        assert (seen["scarf_colour"] is None) == (seen["neckwear"] != "scarf")
        assert not (seen["glasses"] == "eyepatch" and seen["eyes"] == "winking")


def test_nothing_of_eyes_shows_beside_sunglasses() -> None:
    for one in [p for p in PEOPLE if p.attributes["glasses"] == "sunglasses"][:40]:
        for name, value in (("eye_colour", "red"), ("eye_shape", "sharp")):
            assert (characters.render(one, 64).rgb == characters.render(changed(one, **{name: value}), 64).rgb).all()
        assert "eyes" not in characters.render(one, 64).boxes


def test_colours_side_by_side_can_be_told_apart() -> None:
    for one in PEOPLE[:1000]:
        seen = {name: str(value) for name, value in one.drawn.items()}
        skin, ground = palette.SKIN[seen["skin_tone"]], palette.GROUND[seen["background"]]
        hair, cloth = palette.HAIR[seen["hair_colour"]], palette.CLOTH[seen["clothing_colour"]]
        pairs = [(skin, ground), (skin, hair), (hair, ground), (cloth, ground), (cloth, skin)]
        if one.attributes["headwear_colour"]:
            pairs.append((palette.CLOTH[seen["headwear_colour"]], ground))
        for a, b in pairs:
            assert np.linalg.norm(np.subtract(palette.rgb(a), palette.rgb(b))) >= 60, (a, b, seen)


@pytest.mark.parametrize("name", sorted(ATTRIBUTES))
def test_every_value_of_an_attribute_looks_different_at_64_pixels(name: str) -> None:
    plain = {key: values[0] for key, values in ATTRIBUTES.items()} | {"fringe": "parted", "headwear": "none"}
    plain |= {"skin_tone": "light", "second_hair_colour": "pink", "background": "blue"}
    plain |= {"second_hair_colour": {"hair_dye": "tips"}, "headwear_colour": {"headwear": "bow"},
              "scarf_colour": {"neckwear": "scarf"}}.get(name, {})  # fmt: skip
    one = Character(plain, plain, STANDING)
    pictures = [characters.render(changed(one, **{name: value}), 64).rgb.astype(int) for value in ATTRIBUTES[name]]
    for place, a in enumerate(pictures):
        for b in pictures[:place]:
            assert int((np.abs(a - b).max(axis=2) > 24).sum()) >= 10, name


def test_hair_colour_and_eye_colour_are_drawn_apart() -> None:
    """Eye colours change nothing but the eyes, and what is drawn there is that colour."""
    one = next(p for p in PEOPLE if p.attributes["eyes"] == "open" and p.attributes["glasses"] == "none")
    left, top, width, height = (round(v) for v in characters.render(one, 128).boxes["eyes"])
    for colour, paint in palette.EYES.items():
        base = characters.render(changed(one, eye_colour="grey" if colour != "grey" else "red"), 128).rgb.astype(int)
        picture = characters.render(changed(one, eye_colour=colour), 128).rgb.astype(int)
        rows, columns = np.nonzero(np.abs(picture - base).max(axis=2) > 8)
        assert len(rows) > 60
        assert rows.min() >= top - 1 and rows.max() <= top + height and columns.min() >= left - 1
        assert columns.max() <= left + width
        near = np.abs(picture - np.array(palette.rgb(paint))).max(axis=2) < 24
        assert near[top : top + height, left : left + width].sum() > 20, colour


def test_the_mask_is_what_stands_before_the_ground() -> None:
    for one in PEOPLE[:30]:
        plain = changed(one, background="white", pattern="plain")
        other = changed(one, background="blue", pattern="plain")
        first, second = characters.render(plain, 64), characters.render(other, 64)
        assert (first.mask == second.mask).all() and 0.25 < (first.mask > 127).mean() < 0.95
        assert (first.rgb[first.mask == 255] == second.rgb[first.mask == 255]).all()
        assert (first.rgb[first.mask == 0] == palette.rgb(palette.GROUND["white"])).all()


def test_boxes_are_those_of_the_parts_drawn_alone() -> None:
    for one in PEOPLE[:40]:
        picture, masks = characters.render(one, 256), places.masks(one, 256)
        assert list(picture.boxes) == [places.PERSON, *masks]
        for part, mask in masks.items():
            rows, columns = np.flatnonzero((mask > 127).any(1)), np.flatnonzero((mask > 127).any(0))
            tight = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
            x, y, width, height = picture.boxes[part]
            # The hull is kept at two units of the sheet, and turned about its corners.
            assert np.abs(np.array([x, y, x + width, y + height]) - tight).max() <= 5, (part, one.drawn)
        assert all(x >= 0 and y >= 0 and x + w <= 256 and y + h <= 256 for x, y, w, h in picture.boxes.values())


def test_parts_that_are_not_there_have_no_box() -> None:
    for one in PEOPLE[:200]:
        found = places.parts_of(one)
        for part in ("headwear", "glasses", "earrings", "neckwear"):
            assert (part in found) == (one.attributes[part] != "none")
        assert ("eyes" in found) == (one.attributes["eyes"] is not None)
        assert {"face", "mouth", "clothing"} <= set(found)


def test_key_points_move_and_lie_where_they_say() -> None:
    left = []
    for one in PEOPLE[:300]:
        points = places.keypoints(one, 64)
        assert points["left eye"][0] < points["right eye"][0]
        assert all(0 <= x < 64 and 0 <= y < 64 for x, y, _ in points.values())
        if one.attributes["glasses"] == "eyepatch":
            covered = "left eye" if one.pose.flipped else "right eye"
            assert not points[covered][2] and points["left eye"][2] != points["right eye"][2]
        else:
            assert points["left eye"][2] == points["right eye"][2] == (one.attributes["eyes"] is not None)
        left.append(points["left eye"][:2])
    assert np.std(left, axis=0).min() > 2


def test_an_eye_is_where_its_point_is() -> None:
    """Give open eyes another colour: the middle of what changes on each side is that side's key point."""
    for one in [p for p in PEOPLE if p.attributes["eyes"] == "open" and p.attributes["glasses"] == "none"][:12]:
        a, b = (characters.render(changed(one, eye_colour=c), 256) for c in ("red", "turquoise"))
        rows, columns = np.nonzero(np.abs(a.rgb.astype(int) - b.rgb).max(axis=2) > 60)
        middle = (a.keypoints["left eye"][0] + a.keypoints["right eye"][0]) / 2
        for side, which in (("left eye", columns < middle), ("right eye", columns > middle)):
            x, y, _ = a.keypoints[side]
            assert abs(columns[which].mean() - x) < 10 and abs(rows[which].mean() - y) < 14


def test_the_head_tilts_about_the_neck_and_the_body_does_not() -> None:
    straight, tilted = STANDING, STANDING._replace(tilt=10.0)
    for pose in (straight, tilted):
        a, b, c, d, e, f = drawing.head(pose)
        x, y = drawing._TURNS_AT
        moved = (a * x + c * y + e, b * x + d * y + f)
        s, _, _, _, e, f = drawing.figure(pose)
        assert moved == pytest.approx((s * x + e, s * y + f))
    assert drawing.figure(straight) == drawing.figure(tilted)
    a, b, *_ = drawing.head(tilted)
    assert np.degrees(np.arctan2(b, a)) == pytest.approx(10.0)
    assert drawing.head(tilted._replace(flipped=True))[0] < 0


def test_outlines_run_through_their_points_and_mirror() -> None:
    path = pen.closed("0,0 !10,0 10,10")
    assert path.startswith("M0 0C") and " 10 0C10.0 0.0 " in path and path.endswith("Z")  # no tangent at a sharp point
    assert pen.symmetric("128,0 138,10 128,20") == pen.closed("128,0 138,10 128,20 118,10")


def test_same_bytes_on_any_number_of_workers_and_languages_apart(tmp_path: Path) -> None:
    for workers in (1, 2):
        characters.build(tmp_path / str(workers), images=12, size=16, workers=workers)
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / str(n)).iterdir()} for n in (1, 2))
    assert one == two
    characters.build(tmp_path / "all", images=12, size=16, workers=1, languages=("en", "zh", "ru"))
    english = pq.read_table(tmp_path / "1" / "test-00000-of-00001.parquet").to_pylist()
    every = pq.read_table(tmp_path / "all" / "test-00000-of-00001.parquet").to_pylist()
    for a, b in zip(english, every, strict=True):
        assert a["image"] == b["image"] and a["text"] == b["text"][:5] and a["said"] == b["said"][:5]
        assert a["language"] == ["en"] * 5 and b["language"] == ["en"] * 5 + ["zh"] * 5 + ["ru"] * 5
        assert len(b["text"]) == len(b["said"]) == 15
    record = json.loads((tmp_path / "all" / RECORD).read_text())
    assert (
        record["languages"] == ["en", "zh", "ru"] and "--languages en,zh,ru" in (tmp_path / "all/README.md").read_text()
    )
    assert "languages" not in json.loads((tmp_path / "1" / RECORD).read_text())
    with pytest.raises(UserError, match="holds another build"):
        characters.build(tmp_path / "all", images=12, size=16, workers=1)
    characters.build(tmp_path / "all", images=12, size=16, workers=1, languages=("en", "zh", "ru"))  # known again


def test_the_folder_is_a_data_set_that_a_judge_can_learn_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMNER_CACHE", str(tmp_path / "cache"))
    folder = characters.build(
        tmp_path / "world", images=80, size=32, workers=1, part_masks=True, languages=("en", "ru")
    )
    assert not [problem for problem in check(str(folder)) if problem.is_error]
    data = Dataset.open(str(folder), size=32)
    assert {"eye_colour", "hair_colour", "headwear"} <= set(data.schema.attributes)
    assert set(data.schema.attributes) <= set(ATTRIBUTES)  # `language` is of captions, and no attribute
    assert data.schema.captions == 10 and data.schema.points == ("left eye", "right eye", "nose", "mouth", "chin")
    assert {places.PERSON, "hair", "eyes"} <= set(data.schema.things) and "foreground" in data.schema.masks
    row = pq.read_table(folder / "test-00000-of-00001.parquet").to_pylist()[0]
    assert [one["label"] for one in row["masks"]][1:] == [one["label"] for one in row["boxes"]][1:]
    assert (pixels(row["masks"][0]["mask"]) == characters.render(characters.sample(0, 0), 32).mask).all()


@pytest.mark.parametrize(
    ("languages", "message"),
    [(("en", "tlh"), "choose from en, zh, ru"), (("en", "en"), "named twice"), (("",), "choose from")],
)
def test_languages_that_are_not_known_are_refused(tmp_path: Path, languages: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        characters.build(tmp_path / "x", images=4, size=16, languages=languages)
    assert not (tmp_path / "x").exists()


def test_other_worlds_have_no_languages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="drop --languages"):
        Job(layouts.NAME, 1, 4, 16, 0, languages=("en",))
    assert cli.main(["data", "build", "layouts", "--languages", "en,zh", "-o", str(tmp_path / "x")]) == 2
    assert "--languages is for characters" in capsys.readouterr().err
    assert cli.main(["data", "build", "characters", "--languages", "en,xx", "-o", str(tmp_path / "x")]) == 2
    assert "choose from en, zh, ru" in capsys.readouterr().err and not (tmp_path / "x").exists()
