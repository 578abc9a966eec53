"""MS-COCO (Lin et al. 2014): photographs of everyday scenes, five captions each, and boxes around things of 80 kinds.

Read from the published layout of 2014 or 2017, of which one part may be missing:

    annotations/captions_train2014.json       images (id, file_name, width, height), annotations (image_id, caption)
    annotations/instances_train2014.json      optional: annotations (image_id, category_id, bbox, segmentation,
                                              iscrowd), categories (id, name)
    train2014/COCO_train2014_000000000009.jpg
    the same with val2014; for 2017 train2017/000000000009.jpg and so on

train becomes training, val test, as the papers on text to pictures do: COCO's own test has no captions. Boxes around
crowds (iscrowd 1) are left out, because they are around many things at once; those that stick out of their picture are
cut off at its border. The files of annotations are read an element at a time, and a mask when its picture is written.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, overload

from PIL import Image

from limner.data.importers.coco_masks import draw
from limner.data.importers.json_lists import element_at, elements
from limner.data.importers.reading import find, look, stay_inside
from limner.data.importers.writing import Entry, Mark, Plan
from limner.errors import UserError

YEARS = ("2014", "2017")
_SPLITS = {"train": "train", "val": "test"}
_CROWD, _NOWHERE = "boxes around crowds (iscrowd) are left out", "boxes outside their picture, or empty, are left out"
_SILENT, _BARE = "pictures without captions are left out", "pictures have no boxes"
_NUMBERS = 6
"""What is inside of a box: its category, left, top, width, height, and the byte where its annotation begins."""


class _Picture(NamedTuple):
    file: str
    width: int
    height: int


def plan(folder: Path, *, year: str | None = None, masks: bool = False) -> Plan:
    """Return what an import of MS-COCO in `folder` will write.

    Args:
        folder: holds annotations/ and the folders of pictures.
        year: "2014" or "2017"; None takes the first that is there.
        masks: draw a mask for each box too.

    Raises:
        UserError: a file is missing, or is not what its name says.
    """
    year, files = _files(folder, year)
    alone = len(files) == 1
    left_out: Counter[str] = Counter()
    entries = [
        entry
        for part, path in files.items()
        for entry in _entries(path, part + year, "train" if alone else _SPLITS[part], masks, left_out)
    ]
    if not entries:
        raise UserError(f"{next(iter(files.values()))} has no caption of any picture: fetch it again")
    notes = [f"{count} {what}" for what, count in left_out.items() if count]
    bare = [path.name for path in map(_instances, files.values()) if not path.is_file()]
    notes += [f"there is no {name}: its pictures have no boxes" for name in bare]
    if alone:
        notes.append(f"there are captions of {next(iter(files))}{year} alone: all of it is for training")
    download = f"train{year}.zip and val{year}.zip"
    return Plan(f"MS-COCO {year}", download, entries, "none" if alone else "annotations", notes=notes)


def _files(folder: Path, year: str | None) -> tuple[str, dict[str, Path]]:
    """Return the year, and the file of captions of each part that is there."""
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    if year is not None and year not in YEARS:
        raise UserError(f"there is no COCO of {year!r:.20}: choose {' or '.join(YEARS)}")
    for one in YEARS if year is None else [year]:
        found = {part: look(folder, f"annotations/captions_{part}{one}.json") for part in _SPLITS}
        if files := {part: path for part, path in found.items() if path}:
            return one, files
    wanted = year or YEARS[0]
    raise UserError(
        f"{folder} has no annotations/captions_train{wanted}.json, nor has a folder in it: it is part of"
        f" annotations_trainval{wanted}.zip, unpack that there"
    )


def _instances(captions: Path) -> Path:
    return captions.with_name(captions.name.replace("captions", "instances"))


def _entries(captions: Path, part: str, split: str, masks: bool, left_out: Counter[str]) -> list[Entry]:
    """Return the pictures of one part; count in `left_out` what is left out."""
    folder = find(captions.parent.parent, part, f"{part}.zip")
    pictures, texts = _captions(captions)
    left_out[_SILENT] += len(pictures) - len(texts)
    marks: Mapping[int, Sequence[Mark]] = {}
    if (path := _instances(captions)).is_file():
        marks = _marks(path, pictures, masks, left_out)
        left_out[_BARE] += sum(number not in marks for number in texts)
    return [
        Entry(
            split,
            f"{part}/{one.file.rpartition('.')[0] or one.file}",
            folder / one.file,
            tuple(texts[number]),
            marks=marks.get(number, ()),
            size=(one.width, one.height) if number in marks else None,
        )
        for number, one in pictures.items()
        if number in texts
    ]


def _captions(path: Path) -> tuple[dict[int, _Picture], dict[int, list[str]]]:
    """Return the pictures that a file of captions lists, and the captions of each, by their numbers."""
    pictures: dict[int, _Picture] = {}
    texts: dict[int, list[str]] = defaultdict(list)
    for name, found, place in elements(path, _archive(path)):
        match name, found:
            case "images", {"id": int(number), "file_name": str(file), "width": int(width), "height": int(height)}:
                if number in pictures:
                    raise UserError(f"{path} lists picture {number} twice")
                pictures[number] = _Picture(file, width, height)
            case "annotations", {"image_id": int(number), "caption": str(caption)}:
                if text := " ".join(caption.split()):
                    texts[number].append(text)
            case (("images" | "annotations"), _):
                raise _odd(path, name, place, "captions")
    stay_inside(path, (one.file for one in pictures.values()))
    _known(path, texts, pictures)
    return pictures, texts


def _marks(
    path: Path, pictures: Mapping[int, _Picture], masks: bool, left_out: Counter[str]
) -> dict[int, Sequence[Mark]]:
    """Return the things that a file of instances marks in each picture."""
    names: dict[int, str] = {}
    boxes: dict[int, array[float]] = defaultdict(lambda: array("d"))
    for name, found, place in elements(path, _archive(path)):
        match name, found:
            case "categories", {"id": int(number), "name": str(label)}:
                names[number] = label
            case "annotations", {"image_id": int(), "category_id": int(), "iscrowd": 1}:
                left_out[_CROWD] += 1
            case "annotations", {"image_id": int(number), "category_id": int(kind), "bbox": [_, _, _, _] as box}:
                if not all(type(one) in (int, float) and math.isfinite(one) for one in box):
                    raise _odd(path, name, place, "instances")
                boxes[number].extend((kind, *box, place))
            case (("categories" | "annotations"), _):
                raise _odd(path, name, place, "instances")
    _known(path, boxes, pictures)
    inside = {number: _inside(flat, pictures[number]) for number, flat in boxes.items()}
    left_out[_NOWHERE] += sum(len(boxes[number]) - len(flat) for number, flat in inside.items()) // _NUMBERS
    if lost := {int(kind) for flat in inside.values() for kind in flat[::_NUMBERS]} - names.keys():
        raise UserError(f"{path} has boxes of category {min(lost)}, which its categories do not name: fetch it again")
    return {number: _Marks(path, flat, names, masks) for number, flat in inside.items() if flat}


def _inside(flat: array[float], picture: _Picture) -> array[float]:
    """Return the boxes of which something lies in the picture."""
    inside = array("d")
    for start in range(0, len(flat), _NUMBERS):
        _, left, top, width, height, _ = one = flat[start : start + _NUMBERS]
        across = min(left + width, picture.width) - max(left, 0)
        down = min(top + height, picture.height) - max(top, 0)
        if across > 0 and down > 0:
            inside.extend(one)
    return inside


class _Marks(Sequence[Mark]):
    """The things in one picture, made when they are asked for: all those of COCO would fill the memory."""

    def __init__(self, path: Path, flat: array[float], names: Mapping[int, str], masks: bool) -> None:
        self._path, self._flat, self._names, self._masks = path, flat, names, masks

    def __len__(self) -> int:
        return len(self._flat) // _NUMBERS

    @overload
    def __getitem__(self, index: int) -> Mark: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Mark]: ...
    def __getitem__(self, index: int | slice) -> Mark | Sequence[Mark]:
        if isinstance(index, slice):
            return [self[k] for k in range(len(self))[index]]
        start = range(len(self))[index] * _NUMBERS
        kind, left, top, width, height, place = self._flat[start : start + _NUMBERS]
        mask = partial(_mask, self._path, int(place)) if self._masks else None
        return Mark(self._names[int(kind)], (left, top, width, height), mask)


def _mask(path: Path, place: int, size: tuple[int, int]) -> Image.Image:
    """Draw the mask of the annotation at byte `place`."""
    found = element_at(path, place)
    try:
        return draw(found.get("segmentation") if isinstance(found, dict) else None, size)
    except ValueError as error:
        raise UserError(f"{path}: the mask of the annotation at byte {place} cannot be drawn: {error}") from None


def _known(path: Path, numbers: Mapping[int, Any], pictures: Mapping[int, _Picture]) -> None:
    if lost := numbers.keys() - pictures.keys():
        raise UserError(
            f"{path} is about picture {min(lost)}, and the images of the captions do not list it:"
            " the files are not of one download"
        )


def _odd(path: Path, name: str, place: int, what: str) -> UserError:
    return UserError(f"{path}: the element of {name} at byte {place} is none of COCO's {what}: fetch the file again")


def _archive(path: Path) -> str:
    return f"annotations_trainval{path.stem[-4:]}.zip"
