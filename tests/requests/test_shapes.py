"""Shapes of boxes: small, kept as they are, carried with their box by every edit, and refused where they are none."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from limner.data.schema import Schema
from limner.errors import UserError
from limner.requests import Blend, Layout, between, from_json, shapes, texts, to_json

SCHEMA = Schema(8, things=("cup", "table"), points=("nose", "chin"))
CUP, TABLE = ("cup", 0.1, 0.2, 0.3, 0.4), ("table", 0.0, 0.5, 1.0, 0.5)


def encoded(image: Image.Image, kind: str = "PNG") -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return base64.b64encode(buffer.getvalue()).decode()


def left_half(width: int = 40, height: int = 30, mode: str = "L") -> Image.Image:
    image = Image.new(mode, (width, height), 0)
    image.paste(1 if mode == "1" else 255, (0, 0, width // 2, height))
    return image


def test_a_mask_of_any_size_is_kept_as_a_small_one_and_then_stays_to_the_letter() -> None:
    for image, kind in (
        (left_half(), "PNG"),
        (left_half(999, 100).convert("RGB"), "JPEG"),
        (left_half(6, 4, "1"), "GIF"),
    ):
        read = Layout((CUP,), masks=(encoded(image, kind),)).read_at(16)
        assert len(read.masks[0]) < 800 and read.read_at(64) is not read and read.read_at(64) == read
        found = shapes.array(read.masks[0])
        assert found.shape == (64, 64) and found[:, :31].all() and not found[:, 33:].any()


def test_trailing_open_shapes_are_left_out_of_recipes_and_none_at_all_is_not_written() -> None:
    mask = encoded(left_half())
    read = Layout((CUP, TABLE), masks=("", "")).read_at(16)
    assert read.masks == () and "masks" not in to_json(read)
    shaped = Layout((CUP, TABLE), masks=(mask, "")).read_at(16)
    assert len(shaped.masks) == 1
    assert from_json(json.loads(json.dumps(to_json(shaped)))) == shaped
    assert list(texts(shaped)) == ["cup", "table"] and shaped.is_encoded() and not read.is_encoded()
    assert Blend(read, shaped, 0.5).is_encoded()


def test_a_mask_of_the_picture_is_cut_to_the_box() -> None:
    whole = np.zeros((32, 32), dtype=np.float32)
    whole[8:16, 4:12] = 1  # rows, columns
    assert shapes.array(shapes.encode(whole, (0.125, 0.25, 0.25, 0.25))).all()
    half = shapes.array(shapes.encode(whole, (0.125, 0.25, 0.5, 0.25)))
    assert half[:, :30].all() and not half[:, 34:].any(), "the box is twice as wide as the thing"
    assert shapes.encode(whole, (0.6, 0.6, 0.2, 0.2)) == "" == shapes.encode(whole, (1.0, 0.2, 0.3, 0.3))


def test_every_edit_leaves_the_rest_alone_and_shapes_go_with_their_boxes() -> None:
    layout = Layout((CUP, TABLE, CUP), "cups", (("nose", 0.5, 0.5),), ("A", "", "C"))
    moved = layout.moved(0, 0.2, -0.1)
    assert moved.boxes == (("cup", 0.3, 0.1, 0.3, 0.4), TABLE, CUP) and moved.masks == layout.masks
    assert layout.resized(0, 0.1, 0.2).boxes[0] == ("cup", 0.2, 0.3, 0.1, 0.2), "its middle stays"
    assert layout.placed(1, 0.1, 0.1, 0.2, 0.2).boxes == (CUP, ("table", 0.1, 0.1, 0.2, 0.2), CUP)
    gone = layout.without_boxes([0])
    assert gone.boxes == (TABLE, CUP) and gone.masks == ("", "C") and gone.points == layout.points
    named = layout.relabelled(2, "table")
    assert named.boxes[2] == ("table", *CUP[1:]) and named.masks == ("A", "", ""), "a table is not shaped like a cup"
    added = Layout((CUP,)).with_box("table", 0, 0, 1, 1, "T")
    assert added.boxes == (CUP, ("table", 0, 0, 1, 1)) and added.masks == ("", "T")
    assert layout.with_box("cup", 0, 0, 1, 1).masks == layout.masks
    pointed = layout.with_point("chin", 0.5, 0.75).moved_point("nose", 0.1, 0)
    assert pointed.points == (("nose", 0.6, 0.5), ("chin", 0.5, 0.75)) and pointed.boxes == layout.boxes
    assert pointed.without_point("nose").points == (("chin", 0.5, 0.75),)
    assert layout.with_point("nose", 0, 0).points == (("nose", 0, 0),)


def test_what_is_not_there_is_not_edited() -> None:
    layout = Layout((CUP, TABLE), points=(("nose", 0.5, 0.5),))
    for edit, says in (
        (lambda: layout.moved(2, 0, 0), "there is no box 3: the layout has boxes 1 to 2"),
        (lambda: layout.relabelled(-1, "cup"), "there is no box 0"),
        (lambda: layout.without_boxes([0, 7]), "there is no box 8"),
        (lambda: Layout().resized(0, 1, 1), "there is no box 1: the layout has no boxes"),
        (lambda: layout.moved_point("nase", 0, 0), "there is no point 'nase': did you mean 'nose'?"),
        (lambda: layout.without_point("chin"), "there is no point 'chin'"),
    ):
        with pytest.raises(UserError, match=says.replace("?", r"\?")):
            edit()
    with pytest.raises(UserError, match="lies outside the picture"):
        layout.moved(0, 0.7, 0).check(SCHEMA)


def test_boxes_with_shapes_mix_with_such_alone() -> None:
    plain, shaped = Layout((CUP,)), Layout((CUP,), masks=("A",))
    assert between(shaped, Layout((("cup", 0, 0, 1, 1),), masks=("B",)), 0.5)
    with pytest.raises(UserError, match="nothing lies between"):
        between(plain, shaped, 0.5)
