"""The characters world: flat, big-eyed characters, drawn by us, whose every visible attribute is known.

``sample(seed, index)`` chooses a character, ``render`` draws it with a mask, boxes and key points, ``describe`` writes
captions in English, Chinese or Russian, and ``build`` writes any number of them as a Parquet data set. All are
functions of their arguments alone. What cannot be seen (the colour of closed eyes, what sunglasses hide) has the
attribute None and is never mentioned. Every part is a vector drawing of this package; nobody is depicted.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from limner.worlds.build import WHOLE, Job, Part, build_world, png
from limner.worlds.characters import drawing, places
from limner.worlds.characters.captions import GRAMMARS, describe
from limner.worlds.characters.sampler import ATTRIBUTES, VERSION, Character, Pose, sample
from limner.worlds.vector import need_rasteriser, rasterise

__all__ = [
    "ATTRIBUTES",
    "LANGUAGES",
    "VERSION",
    "Character",
    "Picture",
    "Pose",
    "build",
    "describe",
    "render",
    "row",
    "sample",
]

NAME = "characters"
LANGUAGES = tuple(GRAMMARS)
"""Languages that captions can be in; the first alone where none is chosen."""
PART_MASKS = True
"""``row`` takes ``part_masks``."""
CARD = """# The characters world of Limner

{images} big-eyed characters of {size} x {size} pixels (seed {seed}, version {version} of the world), each with five
captions in each language and its exact ground truth. Built by

    limner data build characters --images {images} --size {size} --seed {seed} -o FOLDER{options}

| column | holds |
|---|---|
| `image` | the character |
| `text` | true captions in several styles, five in each language; what is hidden is not mentioned |
| `said` | for each caption, the attributes it speaks of |
| `language` | for each caption, its language: en, zh, ru |
| `attributes` | one value per attribute, null where it cannot be seen |
| `masks` | the foreground, as the coverage of each pixel from 0 to 255{masks} |
| `boxes` | label and [left, top, width, height] of the person and of each part, in pixels |
| `keypoints` | label, x, y in pixels, and whether it can be seen; left and right are the picture's |
| `index` | the number of the picture: with the seed it determines the row |

The characters are drawn, and nobody is depicted. The words girl and boy follow the drawing's conventions (lashes, brows,
shoulders) and are left open where it has none.

Provenance: every part was drawn for Limner and is under its licence (MIT); rasterised by
[resvg](https://github.com/linebender/resvg).
"""
"""The data set card, formatted with `Job.on_card`."""


@dataclass(frozen=True)
class Picture:
    """A drawn character of side S with its exact ground truth.

    ``rgb`` uint8 (S, S, 3); ``mask`` uint8 (S, S), the coverage of the foreground from 0 to 255; ``boxes`` label to
    (left, top, width, height) in pixels; ``keypoints`` label to (x, y, visible). Left and right are the picture's.
    """

    rgb: np.ndarray
    mask: np.ndarray
    boxes: Mapping[str, tuple[float, float, float, float]]
    keypoints: Mapping[str, tuple[float, float, bool]]


@lru_cache(maxsize=256)
def _ground(svg: str, size: int) -> np.ndarray:
    return rasterise(svg, size)[..., :3].astype(np.uint16)


def render(character: Character, size: int) -> Picture:
    """Draw a character at ``size`` x ``size`` pixels."""
    drawn = rasterise(drawing.document(drawing.person(character)), size)
    alpha = drawn[..., 3:].astype(np.uint16)
    ground = _ground(drawing.document(drawing.background(character)), size)
    picture = ((drawn[..., :3] * alpha + ground * (255 - alpha) + 127) // 255).astype(np.uint8)
    return Picture(picture, drawn[..., 3].copy(), places.boxes(character, size), places.keypoints(character, size))


def row(
    seed: int, index: int, size: int, *, part_masks: bool = False, languages: Sequence[str] = LANGUAGES[:1]
) -> dict[str, Any]:
    """Return picture ``index`` as a row of the data set: the columns of `features`.

    With ``part_masks`` the column ``masks`` holds a mask of each part, too. Captions in one language do not depend on
    which others are there.
    """
    character = sample(seed, index)
    picture = render(character, size)
    more = places.masks(character, size) if part_masks else {}
    written = [
        (language, text, said)
        for language in languages
        for text, said in describe(
            character.attributes, random.Random(f"captions:{VERSION}:{language}:{seed}:{index}"), language
        )
    ]
    return {
        "image": {"bytes": png(picture.rgb, 1), "path": None},
        "text": [text for _, text, _ in written],
        "said": [said for _, _, said in written],
        "language": [language for language, _, _ in written],
        "attributes": dict(character.attributes),
        "masks": [
            {"label": label, "mask": {"bytes": png(mask, 1), "path": None}}
            for label, mask in {"foreground": picture.mask, **more}.items()
        ],
        "boxes": [{"label": label, "box": list(box)} for label, box in picture.boxes.items()],
        "keypoints": [
            {"label": label, "x": x, "y": y, "visible": seen} for label, (x, y, seen) in picture.keypoints.items()
        ],
        "index": index,
    }


def features() -> dict[str, Any]:
    """Return the columns in the notation of Hugging Face ``datasets``."""
    text, number = {"dtype": "string", "_type": "Value"}, {"dtype": "float32", "_type": "Value"}
    return {
        "image": {"_type": "Image"},
        "text": [text],
        "said": [[text]],
        "language": [text],
        "attributes": {name: text for name in ATTRIBUTES},
        "masks": [{"label": text, "mask": {"_type": "Image"}}],
        "boxes": [{"label": text, "box": [number]}],
        "keypoints": [{"label": text, "x": number, "y": number, "visible": {"dtype": "bool", "_type": "Value"}}],
        "index": {"dtype": "int64", "_type": "Value"},
    }


def build(
    out: str | Path,
    *,
    images: int,
    size: int = 64,
    seed: int = 0,
    part_masks: bool = False,
    languages: Sequence[str] = (),
    workers: int | None = None,
    part: Part = WHOLE,
    progress: Callable[[int, int], None] | None = None,
) -> Path | str:
    """Write ``images`` characters of ``size`` x ``size`` pixels to ``out`` as Parquet; return ``out``.

    With ``part_masks`` there is a mask of each part beside that of the foreground; ``languages`` are those of captions,
    English where none is named.

    A build that was stopped goes on where it was. ``workers`` processes (every core by default) change its
    speed, never its bytes; of several machines each writes its ``part``, into one folder or an address that all reach.
    ``progress`` is called with (pictures done, pictures in all). UserError for numbers that
    make no sense, a language that is not known, a folder that holds something else, and missing packages.
    """
    need_rasteriser()
    job = Job(NAME, VERSION, images, size, seed, part_masks, tuple(languages))
    return build_world(out, job, workers=workers, part=part, progress=progress)
