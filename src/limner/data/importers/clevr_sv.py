"""CLEVR-SV (Li et al. 2019, StoryGAN): stories of four pictures, in each a thing more than in the one before.

Read from the layout that StoryGAN's code loads:

    CLEVR_dict.npy                            a dict: "CLEVR_new_000100_1.png" -> 75 numbers
    images/CLEVR_new_<story>_<frame>.png      320 x 240, frames 1 to 4

The 75 numbers are four blocks of 18, of which frame t has t and zeros: shape (cube, sphere, cylinder), colour (gray,
red, blue, green, brown, purple, cyan, yellow), material (rubber, metal), size (large, small), each as a one among
zeros, and three coordinates; then the direction that is to the right in the picture. There are no sentences: the one
of each frame is written here from its newest block, in the words of Limner's own clevr world. Places are thirds and
fifths of CLEVR's field, from -3 to 3 along the picture's right and depth.

The pickle inside the .npy file is read by `unpickle`, which calls nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from limner.data.importers.reading import find
from limner.data.importers.unpickle import load_npy
from limner.data.importers.writing import Entry, Plan
from limner.errors import UserError
from limner.worlds.clevr.scenes import COLOURS, COLUMNS, FRAMES, MATERIALS, NOTHING, ROW_PHRASES, SHAPES, SIZES

_DOWNLOAD = "CLEVR-SV in StoryGAN's layout"
_NAME = re.compile(r"(CLEVR_new_(\d{6}))_([1-4])\.png")
_KINDS = {"shape": SHAPES, "colour": tuple(COLOURS), "material": MATERIALS, "size": tuple(SIZES)}
_BLOCK, _LENGTH = 18, 75
_ORDER = ("first", "second", "third", "fourth")
_HALF = 3.0
"""CLEVR puts things from -3 to 3 along either axis."""


def plan(folder: Path) -> Plan:
    """Return what an import of CLEVR-SV in `folder` will write; each vector is kept as its sentence's embedding.

    Raises:
        UserError: a file is missing, or is not what its name says, or no story is whole.
    """
    path = find(folder, "CLEVR_dict.npy", _DOWNLOAD)
    images = find(folder, "images", _DOWNLOAD)
    vectors = _vectors(path)
    stories: dict[str, dict[int, str]] = {}
    for name in vectors:
        if found := _NAME.fullmatch(name):
            stories.setdefault(found[1], {})[int(found[3])] = name
    entries, gaps = [], []
    for story, names in sorted(stories.items()):
        lost = [frame for frame in range(1, FRAMES + 1) if frame not in names or not (images / names[frame]).is_file()]
        if lost:
            gaps.append(f"{story}_{lost[0]}.png")
            continue
        entries += [_entry(path, images / names[t], story, t, vectors[names[t]]) for t in range(1, FRAMES + 1)]
    if not entries:
        raise UserError(f"no story of {path.parent} is whole: each needs {FRAMES} vectors and {FRAMES} pictures")
    notes = []
    if gaps:
        notes.append(f"{len(gaps)} stories are left out, a vector or picture of them is missing: first {gaps[0]}")
    pictures = {one[1] for file in images.iterdir() if (one := _NAME.fullmatch(file.name))}
    if unknown := sorted(pictures - stories.keys()):
        notes.append(f"{len(unknown)} stories have pictures and no vectors, and are left out: first {unknown[0]}")
    return Plan("CLEVR-SV", _DOWNLOAD, entries, "none", notes=notes)


def _entry(path: Path, picture: Path, story: str, frame: int, vector: np.ndarray) -> Entry:
    things = [_thing(f"{path}: {picture.name}", block) for block in vector[:-3].reshape(FRAMES, _BLOCK)[:frame]]
    newest = things[-1]
    position = place(vector[_BLOCK * frame - 3 : _BLOCK * frame], vector[-3:])
    text = f"a {newest['size']} {newest['colour']} {newest['material']} {newest['shape']}, {position}"
    return Entry(
        "train",
        picture.stem,
        picture,
        (text,),
        attributes=_attributes(things),
        embedding=vector[None].astype(np.float32),
        story=story,
        frame=frame,
    )


def place(coordinates: np.ndarray, right: np.ndarray) -> str:
    """Say where a thing at `coordinates` stands, "far left at the back", in a picture whose right is `right`."""
    across = float(coordinates[:2] @ right[:2])
    away = float(coordinates[1] * right[0] - coordinates[0] * right[1])  # a quarter turn to the left of right
    column = int(np.clip((across + _HALF) / (2 * _HALF) * len(COLUMNS), 0, len(COLUMNS) - 1))
    row = int(np.clip((_HALF - away) / (2 * _HALF) * len(ROW_PHRASES), 0, len(ROW_PHRASES) - 1))
    return f"{COLUMNS[column]} {list(ROW_PHRASES.values())[row]}"


def _attributes(things: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return "first colour": "red" and so on for each thing in the order in which they come."""
    found = {f"{order} {kind}": NOTHING for order in _ORDER for kind in _KINDS}
    for order, thing in zip(_ORDER, things, strict=False):
        found |= {f"{order} {kind}": word for kind, word in thing.items()}
    return found


def _thing(where: str, block: np.ndarray) -> dict[str, str]:
    thing, start = {}, 0
    for kind, words in _KINDS.items():
        part = block[start : start + len(words)]
        if not (np.isin(part, (0, 1)).all() and part.sum() == 1):
            raise UserError(f"{where} does not name the {kind} of one of its things by a one among zeros")
        thing[kind] = words[int(part.argmax())]
        start += len(words)
    return thing


def _vectors(path: Path) -> dict[str, np.ndarray]:
    """Return the vectors by the picture's file name."""
    found: Any = load_npy(path)
    if not isinstance(found, dict) or not found:
        raise UserError(f"{path} holds no dict of vectors: it is part of {_DOWNLOAD}")
    for name, vector in found.items():
        numbers = isinstance(vector, np.ndarray) and vector.dtype.kind in "fiu" and vector.shape == (_LENGTH,)
        if not isinstance(name, str) or not numbers or not np.isfinite(vector).all():
            raise UserError(f"{path}: {name!r:.60} is not the name of a picture with {_LENGTH} numbers")
    return {name: vector.astype(np.float64) for name, vector in found.items()}
