"""Face2Text (Gatt et al. 2018): faces of Labelled Faces in the Wild, one to four descriptions each.

Read from the file of cleaned descriptions and the folder of pictures:

    face2text_v0.1/clean.json    [{"img_id": 1, "image": "A_Name/A_Name_0001.bmp",
                                   "descriptions": [{"desc_id": 582, "text": "..."}, ...]}, ...]
    lfw/A_Name/A_Name_0001.jpg   from lfw.tgz

The file speaks of .bmp, the download has .jpg: a map of suffixes sets that right. Only the shape of the file is relied
on, so later versions over other pictures are read as well. No split was published, and the data set may not be passed
on: ask its authors for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from limner.data.importers.reading import stay_inside
from limner.data.importers.writing import Entry, Plan
from limner.errors import UserError

SUFFIXES = {".bmp": ".jpg"}
_DOWNLOAD = "the pictures (lfw.tgz for version 0.1)"


def plan(path: Path, images: Path, *, suffixes: Mapping[str, str] = SUFFIXES) -> Plan:
    """Return what an import will write: a row for each picture, with all its descriptions.

    Args:
        path: the .json of descriptions, clean.json.
        images: the folder that the names of pictures begin in.
        suffixes: what the suffix of a name in the file is on the disk.

    Raises:
        UserError: the file is not of this shape, or a picture is missing.
    """
    if not images.is_dir():
        raise UserError(f"there is no folder {images}: unpack {_DOWNLOAD}")
    described, silent = {}, 0
    for number, item in enumerate(_items(path), start=1):
        name, texts = _item(path, number, item)
        if name in described:
            raise UserError(f"{path} describes {name} twice")
        described[name] = texts
        silent += not texts
    stay_inside(path, described)
    entries = [
        Entry("train", str(name.with_suffix("")), _picture(path, images, name, suffixes), texts)
        for name, texts in ((PurePosixPath(name), texts) for name, texts in described.items())
        if texts
    ]
    if not entries:
        raise UserError(f"{path} describes no picture")
    notes = [f"{silent} pictures without any description are left out"] if silent else []
    return Plan("Face2Text", _DOWNLOAD, entries, "none", notes=notes)


def _items(path: Path) -> list[Any]:
    try:
        items = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON: {str(error).splitlines()[0]}") from None
    if not isinstance(items, list):
        raise UserError(f"{path} must hold a list of pictures, and holds {type(items).__name__}: give clean.json")
    return items


def _item(path: Path, number: int, item: Any) -> tuple[str, tuple[str, ...]]:
    """Return the name and the descriptions of one picture."""
    match item:
        case {"image": str() as name, "descriptions": list() as descriptions} if name:
            texts = [one["text"] for one in descriptions if isinstance(one, dict) and isinstance(one.get("text"), str)]
            if len(texts) == len(descriptions):
                return name, tuple(text for one in texts if (text := " ".join(one.split())))
    raise UserError(f'{path}: picture {number} has no "image" and "descriptions", each with a "text": give clean.json')


def _picture(path: Path, images: Path, name: PurePosixPath, suffixes: Mapping[str, str]) -> Path:
    found = images / name.with_suffix(suffixes.get(name.suffix, name.suffix))
    if found.is_file():
        return found
    raise UserError(
        f"{found} is missing, which {path.name} calls {name}: is {images} the folder that its names begin in,"
        f" and is the suffix right (--suffix {name.suffix}=.png)?"
    )
