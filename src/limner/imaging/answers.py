"""What a system answers, as pictures and as plain values: pictures, layouts drawn as labelled boxes, texts on cards.

Letters: B rows of a draft, K boxes, P key points.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from limner.data.schema import Schema
from limner.imaging.sheets import to_pil, wrapped
from limner.requests.shapes import array, encode
from limner.system import Draft, System

SIDE = 256
"""Pixels of a side of a card, and of a layout that is drawn."""
LARGEST, SMALLEST = 28, 8
"""Pixels of the letters on a card: as large as its text allows."""
PAPER, INK, EDGE = (250, 248, 242), (30, 30, 34), (205, 200, 188)
TAG = 12
"""Pixels of the letters of a label."""
DOT = 3
"""Pixels from the middle of a key point to its edge."""
SEEN = 0.5
"""How sure a key point must be that it is shown."""


def side_of(system: System) -> int:
    """Return the side, in pixels, of the pictures of its answers."""
    return int(getattr(system.config, "size", system.schema.size)) if "images" in system.gives else SIDE


def is_shown(draft: Draft) -> bool:
    """Tell whether a draft has anything that can be shown as a picture."""
    return draft.images is not None or draft.layout is not None or draft.text is not None


def pictures(draft: Draft, schema: Schema) -> list[Image.Image]:
    """Return B pictures of a draft: its own, or its layouts as labelled boxes, or its texts on cards.

    Args:
        draft: one that `is_shown`.
        schema: of the system; it names the labels of boxes.
    """
    if draft.images is not None:
        return to_pil(draft.images)
    if draft.layout is not None:
        rows = zip(layouts(draft, schema), points(draft, schema), shapes(draft, schema), strict=True)
        names = schema.things or schema.labels
        return [boxes_drawn(boxes, names, points=some, masks=masks) for boxes, some, masks in rows]
    assert draft.text is not None, "this draft shows nothing"
    return [card(text) for text in draft.text]


def said(draft: Draft, schema: Schema) -> list[dict[str, Any]]:
    """Return B answers as plain values, where they are more than pictures.

    `text` is a text that was asked for, `says` what a picture says beside it; `boxes` are (label, x, y, width, height)
    and `points`, where there are any, (name, x, y) in shares of the picture; `masks`, where there are any, the shape of
    each box as a request holds it (`limner.requests.Layout`): a layout that was drawn can be asked for as it is.
    """
    found: list[dict[str, Any]] = [{} for _ in draft.images] if draft.images is not None else []
    if draft.layout is not None:
        boxes = [{"boxes": [list(box) for box in some]} for some in layouts(draft, schema)]
        if "points" in draft.layout:
            named = points(draft, schema)
            boxes = [one | {"points": [list(p) for p in some]} for one, some in zip(boxes, named, strict=True)]
        if "masks" in draft.layout:
            boxes = [one | {"masks": some} for one, some in zip(boxes, shapes(draft, schema), strict=True)]
        found = [one | more for one, more in zip(found or [{}] * len(boxes), boxes, strict=True)]
    if draft.text is not None:
        name = "text" if draft.images is None else "says"
        found = [one | {name: text} for one, text in zip(found or [{}] * len(draft.text), draft.text, strict=True)]
    return found


def layouts(draft: Draft, schema: Schema) -> list[list[tuple[str, float, float, float, float]]]:
    """Return the boxes of each row of a draft with a layout, those with a label, by its name."""
    assert draft.layout is not None, "this draft has no layout"
    boxes, labels = (_plain(draft.layout[name]) for name in ("boxes", "labels"))
    names = schema.things or schema.labels

    def name(label: int) -> str:
        return names[label] if label < len(names) else str(label)

    return [
        [(name(label), *box) for box, label in zip(some, own, strict=True) if label >= 0]  # type: ignore[misc]
        for some, own in zip(boxes, labels, strict=True)
    ]


def points(draft: Draft, schema: Schema) -> list[list[tuple[str, float, float]]]:
    """Return the key points of each row of a draft with a layout that can be seen, by name; none where it has none."""
    assert draft.layout is not None, "this draft has no layout"
    if "points" not in draft.layout:
        return [[] for _ in draft.layout["boxes"]]
    rows = _plain(draft.layout["points"])
    return [
        [(name, x, y) for name, (x, y, seen) in zip(schema.points, row, strict=True) if seen > SEEN] for row in rows
    ]


def shapes(draft: Draft, schema: Schema) -> list[list[str]]:
    """Return the shape of each box that `layouts` returns, as a request holds it; empty where there is none."""
    assert draft.layout is not None, "this draft has no layout"
    placed = layouts(draft, schema)
    if "masks" not in draft.layout:
        return [[""] * len(some) for some in placed]
    masks, there = draft.layout["masks"].detach().float().cpu(), draft.layout["labels"].cpu() >= 0
    return [
        [encode(mask.numpy(), box[1:]) for mask, box in zip(own[where], some, strict=True)]
        for own, where, some in zip(masks, there, placed, strict=True)
    ]


def boxes_drawn(
    boxes: Sequence[tuple[str, float, float, float, float]],
    names: Sequence[str] = (),
    side: int = SIDE,
    points: Sequence[tuple[str, float, float]] = (),
    masks: Sequence[str] = (),
) -> Image.Image:
    """Draw labelled boxes, (label, x, y, width, height) in shares of the picture, and key points, (name, x, y).

    Equal labels have one colour.

    Args:
        boxes: what is drawn, the largest first.
        names: all labels there are: the colours of neighbours in this list are far apart.
        side: of the picture, in pixels.
        points: what is drawn above the boxes.
        masks: the shapes of boxes, as requests hold them: they are painted in their place; boxes at the end may have
            none.
    """
    page = Image.new("RGB", (side, side), PAPER)
    pen, font = ImageDraw.Draw(page, "RGBA"), ImageFont.load_default(TAG)
    corners = []
    shaped = zip(boxes, [*masks, *[""] * (len(boxes) - len(masks))], strict=True)
    for (label, x, y, width, height), mask in sorted(shaped, key=lambda one: -one[0][3] * one[0][4]):
        colour = _colour(label, names)
        left, top = (round(min(max(v, 0), 1) * (side - 1)) for v in (x, y))
        right, bottom = (round(min(max(v, 0), 1) * (side - 1)) for v in (x + width, y + height))
        right, bottom = max(left, right), max(top, bottom)
        fill = None if mask else (*colour, 48)
        if mask:
            shape = Image.fromarray(array(mask)).resize((right - left + 1, bottom - top + 1))
            page.paste(colour, (left, top), shape.convert("L").point(lambda value: value * 3 // 5))
        pen.rectangle((left, top, right, bottom), fill=fill, outline=(*colour, 255), width=2)
        corners.append((left, top, label, colour))
    for name, x, y in points:
        across, down = (round(min(max(v, 0), 1) * (side - 1)) for v in (x, y))
        pen.ellipse(
            (across - DOT, down - DOT, across + DOT, down + DOT),
            fill=(*_colour(name, [one for one, _, _ in points]), 255),
        )
        pen.text((across + DOT + 2, down - TAG // 2), name, fill=INK, font=font)
    for left, top, label, colour in corners:  # above all boxes, so that each can be read
        wide = round(font.getlength(label)) + 6
        x, y = max(min(left, side - wide), 0), min(top, side - TAG - 4)
        pen.rectangle((x, y, x + wide, y + TAG + 3), fill=(*colour, 255))
        pen.text((x + 3, y + 1), label, fill="white", font=font)
    return page


def card(text: str, side: int = SIDE) -> Image.Image:
    """Write a text on a card, as large as it fits; what does not fit is cut off at the foot."""
    page = Image.new("RGB", (side, side), PAPER)
    pen = ImageDraw.Draw(page)
    pen.rectangle((4, 4, side - 5, side - 5), outline=EDGE)
    edge = 16
    for letters in range(LARGEST, SMALLEST - 1, -2):
        font, line = ImageFont.load_default(letters), letters + letters // 3
        lines = wrapped(text, font, side - 2 * edge)
        fits = line * len(lines) <= side - 2 * edge and all(font.getlength(one) <= side - 2 * edge for one in lines)
        if fits:
            break
    lines = lines[: (side - 2 * edge) // line]
    top = max((side - line * len(lines)) // 2, edge)
    for place, one in enumerate(lines):
        pen.text((edge, top + line * place), one, fill=INK, font=font)
    return page


def _plain(values: Tensor) -> Any:
    """Return a tensor as lists of the shortest numbers that mean the same: 0.1, not 0.10000000149."""
    if values.is_floating_point():
        return values.detach().float().cpu().numpy().astype(str).astype(np.float64).tolist()
    return values.detach().cpu().tolist()


def _colour(label: str, names: Sequence[str]) -> tuple[int, int, int]:
    """Return a colour that is always that of this label: by its place among all of them, or by its letters."""
    among = names.index(label) if label in names else sum(ord(one) * 31**at for at, one in enumerate(label[:12]))
    hue, dark = among * 0.618033988749895 % 1, among // 8 % 2
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.7, 0.42 if dark else 0.62)  # dark enough for white letters
    return round(255 * red), round(255 * green), round(255 * blue)
