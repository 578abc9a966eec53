"""CUB-200-2011 (Wah et al. 2011) with the captions of Reed et al. 2016: 11,788 birds of 200 species, ten captions each.

Read from one folder that holds what two downloads unpack to:

    CUB_200_2011/                             CUB_200_2011.tgz (Caltech)
      images.txt image_class_labels.txt classes.txt bounding_boxes.txt train_test_split.txt
      images/<class>/<name>.jpg
      parts/parts.txt parts/part_locs.txt     optional: 15 key points of each bird
      attributes/image_attribute_labels.txt   optional, with attributes.txt here, in attributes/ or one folder up
    text_c10/<class>/<name>.txt               or text/...: one caption a line (Reed's cvpr2016, AttnGAN's text.zip)
    trainvalclasses.txt testclasses.txt       Reed's lists of classes, where there

The captions also exist as .t7 (Torch) and .h5 files; those are not read. How the set is split: `reading.divide`.
Pictures are cut to 1.5 times the bird's box, as all papers since StackGAN do, because a bird fills little of a
picture otherwise. What StackGAN then squeezed into a square, where the border had cut the square off, is here left
as it is: training keeps the middle square.

Of the key points six are pairs, left and right of the bird: eye, leg and wing.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path

from limner.data.importers.reading import captions, class_number, divide, find, lines, look, stay_inside, table
from limner.data.importers.writing import Box, Entry, Plan, Point
from limner.errors import UserError

_BIRDS = "CUB_200_2011.tgz (Caltech)"
_CAPTIONS = "the captions of Reed et al. (text_c10 of cvpr2016, or AttnGAN's text.zip)"
_SURE = 3
"""Of an attribute: 1 not visible, 2 guessing, 3 probably, 4 definitely."""


def plan(folder: Path, *, crop: bool = True, split: str | None = None) -> Plan:
    """Return what an import of CUB in `folder` will write; `split` is one of `reading.WAYS`.

    Raises:
        UserError: a file is missing, or is not what its name says.
    """
    birds = find(folder, "images.txt", _BIRDS).parent
    names = {number: fields[0].removesuffix(".jpg") for number, fields in table(birds / "images.txt", 1).items()}
    stay_inside(birds / "images.txt", names.values())
    labels = _same(birds / "image_class_labels.txt", names)
    numbers = {name: class_number(labels[number][0]) or 0 for number, name in names.items()}
    classes = _same(birds / "classes.txt", set(numbers.values()), of="class")
    boxes = boxes_of(birds)

    def official() -> dict[str, str]:
        training = _same(birds / "train_test_split.txt", names)
        return {name: "train" if training[number][0] == "1" else "test" for number, name in names.items()}

    way, splits = divide(folder, numbers, official, split)
    texts = look(folder, "text_c10") or find(folder, "text", _CAPTIONS)
    attributes, points = _attributes(birds), _parts(birds, names)
    entries = [
        Entry(
            splits[name],
            name,
            birds / "images" / f"{name}.jpg",
            captions(texts / f"{name}.txt"),
            label=species(classes[numbers[name]][0]),
            box=boxes[name],
            attributes=attributes.get(number, {}),
            points=points.get(number, ()),
        )
        for number, name in names.items()
    ]
    return Plan("CUB-200-2011", _BIRDS, entries, way, crop=crop, thing="bird")


def species(name: str) -> str:
    """Return the name that a class's folder has: "Black footed Albatross" for "001.Black_footed_Albatross"."""
    return name.partition(".")[2].replace("_", " ") or name


def boxes_of(birds: Path) -> dict[str, Box]:
    """Return the box of each picture of a CUB_200_2011 folder by its name, in pixels.

    Raises:
        UserError: a line is missing, or a box is not four numbers.
    """
    names = table(birds / "images.txt", 1)
    rows = _same(birds / "bounding_boxes.txt", names, fields=4)
    return {fields[0].removesuffix(".jpg"): _box(birds, number, rows[number]) for number, fields in names.items()}


def _box(birds: Path, number: int, fields: Sequence[str]) -> Box:
    try:
        x, y, width, height = (float(value) for value in fields[:4])
        if math.isfinite(x + y + width + height):
            return x, y, width, height
    except ValueError:
        pass
    raise UserError(f"{birds / 'bounding_boxes.txt'}: the box of image {number} is not four numbers")


def _same(path: Path, numbers: Collection[int], fields: int = 1, of: str = "image") -> dict[int, list[str]]:
    """Read a table that must have a line for each of `numbers`."""
    if not path.is_file():
        raise UserError(f"{path} is missing: it is part of {_BIRDS}, unpack all of that")
    rows = table(path, fields)
    if missing := set(numbers) - set(rows):
        raise UserError(f"{path} has no line for {of} {min(missing)}: the files are not of one download")
    return rows


def _attributes(birds: Path) -> dict[int, dict[str, str]]:
    """Return for each picture the attributes that people gave it, of 28 kinds ("wing color": "blue").

    CUB asks 312 questions of yes and no, several for each kind. A kind has a value where exactly one was answered
    yes by somebody at least rather sure.
    """
    answers = birds / "attributes" / "image_attribute_labels.txt"
    questions = (place / "attributes.txt" for place in (birds / "attributes", birds, birds.parent))
    listed = next((path for path in questions if path.is_file()), None)
    if listed is None or not answers.is_file():
        return {}
    kinds = {}
    for number, fields in table(listed, 1).items():
        kind, _, value = fields[0].partition("::")
        kinds[str(number)] = kind.removeprefix("has_").replace("_", " "), value.replace("_", " ")
    values: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for line in lines(answers):
        fields = line.split()  # a few lines have too many
        if len(fields) < 4 or not fields[0].isdecimal() or not fields[3].isdecimal():
            raise UserError(f"{answers} is not CUB's: {line[:60]!r} is not image, attribute, answer and certainty")
        if fields[2] == "1" and int(fields[3]) >= _SURE and fields[1] in kinds:
            kind, value = kinds[fields[1]]
            values[int(fields[0])][kind].append(value)
    return {image: {kind: one[0] for kind, one in all_.items() if len(one) == 1} for image, all_ in values.items()}


def _parts(birds: Path, images: Collection[int]) -> dict[int, tuple[Point, ...]]:
    """Return the key points of each picture, in the order of `parts.txt`; none where the files are not there.

    Raises:
        UserError: a line is not of the form that it should have, or a picture lacks a part.
    """
    listed, places = birds / "parts" / "parts.txt", birds / "parts" / "part_locs.txt"
    if not listed.is_file() or not places.is_file():
        return {}
    names = {number: " ".join(fields) for number, fields in table(listed, 1).items()}
    found: dict[int, dict[int, Point]] = defaultdict(dict)
    for line in lines(places):
        try:
            image, part, x, y, visible = line.split()
            point = Point(names[int(part)], float(x), float(y), {"0": False, "1": True}[visible])
            if int(part) in found[int(image)] or not math.isfinite(point.x + point.y):
                raise ValueError
        except (ValueError, LookupError):
            raise UserError(
                f"{places} is not CUB's: {line[:60]!r} is not image, part of parts.txt, x, y and 0 or 1, once each"
            ) from None
        found[int(image)][int(part)] = point
    if lost := [(image, part) for image in images for part in names if part not in found[image]]:
        raise UserError(f"{places} lacks part {lost[0][1]} of image {lost[0][0]}: {_BIRDS} is damaged, unpack it anew")
    return {image: tuple(has[part] for part in sorted(names)) for image, has in found.items()}
