"""The annotation of drawn pictures as COCO writes it: what was placed where, beside the pictures themselves.

`categories` are the labels, `annotations` the boxes in pixels, with run lengths of the shape where one is known; a
picture's key points are one more annotation, over all of it, of the category "key points".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

import numpy as np

from limner.requests import Layout, shapes

POINTS = "key points"


def annotated(drawn: Iterable[tuple[str, tuple[int, int], Layout]]) -> dict[str, Any]:
    """Return COCO's JSON of pictures.

    Args:
        drawn: of each picture the name of its file, width and height in pixels, and its layout.
    """
    some = list(drawn)
    labels = sorted({label for _, _, layout in some for label, *_ in layout.boxes})
    names = list(dict.fromkeys(name for _, _, layout in some for name, _, _ in layout.points))
    numbers = {label: number for number, label in enumerate(labels, start=1)}
    categories: list[dict[str, Any]] = [{"id": number, "name": label} for label, number in numbers.items()]
    if names:
        categories.append({"id": len(labels) + 1, "name": POINTS, "keypoints": names, "skeleton": []})
    images, found = [], list[dict[str, Any]]()
    for image, (file, (width, height), layout) in enumerate(some, start=1):
        images.append({"id": image, "file_name": file, "width": width, "height": height})
        own = _boxes(layout, (width, height), numbers)
        if layout.points:
            own.append({"category_id": len(labels) + 1, **_points(layout, (width, height), names)})
        found += [{"id": len(found) + at, "image_id": image, **one} for at, one in enumerate(own, start=1)]
    return {"images": images, "annotations": found, "categories": categories}


def _boxes(layout: Layout, size: tuple[int, int], numbers: Mapping[str, int]) -> list[dict[str, Any]]:
    width, height = size
    found = []
    for at, (label, *box) in enumerate(layout.boxes):
        sides = [round(share * side, 2) for share, side in zip(box, (width, height, width, height), strict=True)]
        one: dict[str, Any] = {"category_id": numbers[label], "bbox": sides, "iscrowd": 0}
        mask = layout.masks[at] if at < len(layout.masks) else ""
        if mask:
            pixels = _over_picture(mask, sides, size)
            one |= {"segmentation": _runs(pixels), "area": int(pixels.sum())}
        else:
            one |= {"segmentation": [], "area": round(sides[2] * sides[3], 2)}
        found.append(one)
    return found


def _points(layout: Layout, size: tuple[int, int], names: list[str]) -> dict[str, Any]:
    places = {name: (round(x * size[0], 2), round(y * size[1], 2), 2) for name, x, y in layout.points}
    flat = [number for name in names for number in places.get(name, (0, 0, 0))]
    whole = {"bbox": [0, 0, *size], "area": size[0] * size[1], "iscrowd": 0, "segmentation": []}
    return whole | {"keypoints": flat, "num_keypoints": len(places)}


def _over_picture(mask: str, box: list[float], size: tuple[int, int]) -> np.ndarray:
    """Return which pixels of a picture a shape covers, each by its middle: bool (height, width)."""
    shape = shapes.array(mask)
    across, down = (
        np.floor((np.arange(side) + 0.5 - start) / length * shapes.SIDE).astype(int)
        for side, start, length in zip(size, box[:2], box[2:], strict=True)
    )
    columns, rows = ((one >= 0) & (one < shapes.SIDE) for one in (across, down))
    found = np.zeros((size[1], size[0]), dtype=bool)
    found[np.ix_(rows, columns)] = shape[np.ix_(down[rows], across[columns])]
    return found


def _runs(pixels: np.ndarray) -> dict[str, Any]:
    """Return run lengths as COCO has them: how many are out, in, out, ... by turns, down each column."""
    runs = [(value, len(list(some))) for value, some in groupby(pixels.T.ravel().tolist())]
    counts = [count for _, count in runs]
    return {"counts": [0, *counts] if runs[0][0] else counts, "size": list(pixels.shape)}
