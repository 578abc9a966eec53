"""The pickled layout that StackGAN (2017) made and AttnGAN, MirrorGAN, ControlGAN and many others took over.

    train/ and test/
      filenames.pickle                 names of pictures, without extension; their order is that of the other files
      class_info.pickle                optional: the number of each one's class
      char-CNN-RNN-embeddings.pickle   optional: float32 (captions, 1024) for each picture
    CUB_200_2011/                      birds: images/, images.txt, bounding_boxes.txt
    jpg/ (flowers) or images/ (COCO)   otherwise
    text/<name>.txt                    captions, one a line; or text_c10/<name>.txt, or for flowers
                                       text_c10/class_00001/image_06734.txt
    captions.pickle                    AttnGAN's: [captions to train, to test, words by number, numbers by word]

Captions are taken from the text files, as they were written. Where there are none, from `captions.pickle`, in lower
case and without punctuation. The pickles are read by `unpickle`, which can build nothing but plain values and arrays;
`76images.pickle` and `304images.pickle` (the pictures again, small) are not read. Pictures with boxes are cut as in
`cub`. Embedding k of a picture belongs to its caption k.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from limner.data.importers.cub import boxes_of, species
from limner.data.importers.reading import by_pickles, captions, find, listed, no_captions
from limner.data.importers.unpickle import unpickle
from limner.data.importers.writing import Entry, Plan
from limner.errors import UserError

_METADATA = "the metadata of StackGAN or AttnGAN (birds.zip, flowers.zip, coco.zip)"
_PICTURES = ("CUB_200_2011/images", ".", "images")
_SPECIES = re.compile(r"\d{3}\.")


def plan(folder: Path, *, crop: bool = True) -> Plan:
    """Return what an import of the pickled layout in `folder` will write.

    Raises:
        UserError: a file is missing, holds what it must not, or does not fit the others.
    """
    root = find(folder, "train/filenames.pickle", _METADATA).parent.parent
    find(root, "test/filenames.pickle", _METADATA)
    splits = by_pickles(root) or {}
    pictures = _pictures(root, next(iter(splits)))
    birds = root / "CUB_200_2011"
    boxes = boxes_of(birds) if pictures == birds / "images" else {}
    named = {side: [name for name, split in splits.items() if split == side] for side in ("train", "test")}
    numbered = {split: _classes(root / split / "class_info.pickle", len(names)) for split, names in named.items()}
    # COCO has no classes: there each picture got a number of its own.
    with_classes = len(set(numbered["train"])) < len(named["train"])
    entries = []
    for split, names in named.items():
        vectors = _embeddings(root / split / "char-CNN-RNN-embeddings.pickle", len(names))
        texts = _texts(root, split, names, numbered[split])
        for name, number, vector, found in zip(names, numbered[split], vectors, texts, strict=True):
            if boxes and name not in boxes:
                raise UserError(f"{birds / 'images.txt'} does not list {name}: the files are not of one download")
            given = number if with_classes else None
            label = species(name.split("/")[0]) if _SPECIES.match(name) else given
            picture = pictures / f"{name}.jpg"
            entries.append(Entry(split, name, picture, found, label, boxes.get(name), embedding=vector))
    what = f"{root.resolve().name} in the layout of StackGAN and AttnGAN"
    return Plan(what, "the pictures' own download", entries, "pickles", crop=crop and bool(boxes), thing="bird")


def _pictures(root: Path, first: str) -> Path:
    """Return the folder that the names of pictures begin in."""
    for place in _PICTURES:
        if (root / place / f"{first}.jpg").is_file():
            return root / place
    raise UserError(
        f"{root} has no {first}.jpg: unpack CUB_200_2011.tgz there for birds, 102flowers.tgz for flowers (jpg/),"
        " and for COCO all its pictures into images/"
    )


def _classes(path: Path, count: int) -> Sequence[str | None]:
    """Return the class of each picture as Reed names the folders of classes; None where not known."""
    if not path.is_file():
        return [None] * count
    numbers = listed(unpickle(path))
    if numbers is None or not all(type(number) is int for number in numbers):
        raise UserError(f"{path} holds no list of the numbers of classes")
    _fit(path, len(numbers), count)
    return [f"class_{number:05d}" for number in numbers]


def _embeddings(path: Path, count: int) -> Sequence[np.ndarray | None]:
    """Return the sentence vectors of each picture: float32 (captions, D)."""
    if not path.is_file():
        return [None] * count
    vectors = unpickle(path)
    if not isinstance(vectors, list | tuple | np.ndarray) or not all(_is_matrix(one) for one in vectors):
        raise UserError(f"{path} holds no list of arrays (captions, 1024), one for each picture")
    _fit(path, len(vectors), count)
    return [np.asarray(one, np.float32) for one in vectors]


def _is_matrix(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim == 2 and value.dtype.kind == "f"


def _fit(path: Path, found: int, count: int) -> None:
    if found != count:
        raise UserError(f"{path} is about {found} pictures, but filenames.pickle beside it names {count}")


def _texts(root: Path, split: str, names: Sequence[str], classes: Sequence[str | None]) -> Sequence[tuple[str, ...]]:
    """Return the captions of each picture: from text files if the first picture has one, else from AttnGAN's pickle."""
    places = [_text_files(root, name, number) for name, number in zip(names, classes, strict=True)]
    for kind, place in enumerate(places[0]):
        if place.is_file():
            return [captions(files[kind]) for files in places]
    if not (root / "captions.pickle").is_file():
        raise no_captions(places[0][0])
    return _pickled(root / "captions.pickle", split, len(names))


def _text_files(root: Path, name: str, number: str | None) -> list[Path]:
    folders = [root / "text", root / "text_c10"]
    by_class = [folder / f"{number}/{Path(name).name}.txt" for folder in folders]
    return [*(folder / f"{name}.txt" for folder in folders), *by_class]


def _pickled(path: Path, split: str, count: int) -> Sequence[tuple[str, ...]]:
    """Return the captions that AttnGAN keeps as numbers of words, those of all pictures in one list.

    Word 0 ends a sentence and fills up a short one, so it is left out.
    """
    whole = unpickle(path)
    whole = whole if isinstance(whole, list | tuple) and len(whole) == 4 else (None, None, None, None)
    numbered, words = listed(whole[("train", "test").index(split)]), whole[2]
    if numbered is None or not isinstance(words, dict) or not numbered or len(numbered) % count:
        raise UserError(f"{path} is not AttnGAN's, or is about other pictures than {split}/filenames.pickle")
    try:
        texts = [" ".join(str(words[number]) for number in numbers if number) for numbers in numbered]
    except (TypeError, KeyError):
        raise UserError(f"{path} holds words that its own list of words does not have") from None
    each = len(numbered) // count
    found = [tuple(filter(None, texts[each * k : each * (k + 1)])) for k in range(count)]
    if () in found:
        raise UserError(f"{path} has no words for picture {found.index(()) + 1} of {split}/filenames.pickle")
    return found
