"""The avatars world: procedural portraits whose every visible attribute is known.

``sample(seed, index)`` chooses a person, ``render`` draws it with a mask, part boxes and keypoints,
``describe`` writes captions, and ``build`` writes any number of them as a Parquet data set. All are functions
of their arguments alone. What cannot be seen (hair under a hat, eyes behind sunglasses) has the attribute
None and is never mentioned. The artwork is that of ``python-avatars`` (MIT; avatars by Pablo Stanley).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from limner.worlds.avatars import parts as avatar_parts
from limner.worlds.avatars.captions import describe
from limner.worlds.avatars.grammar import accepts
from limner.worlds.avatars.mentioned import mentioned
from limner.worlds.avatars.sampler import ATTRIBUTES, VERSION, Avatar, rgb, sample
from limner.worlds.build import WHOLE, Job, Part, build_world, png

__all__ = ["ATTRIBUTES", "VERSION", "Avatar", "Picture", "accepts", "build", "describe", "render", "row", "sample"]

NAME = "avatars"
CARD = """# The avatars world of Limner

{images} procedural portraits of {size} x {size} pixels (seed {seed}, version {version} of the world), each
with five captions and its exact ground truth. Built by

    limner data build avatars --images {images} --size {size} --seed {seed} -o FOLDER{options}

| column | holds |
|---|---|
| `image` | the portrait |
| `text` | five true captions in several styles; what is hidden is not mentioned |
| `said` | for each caption, the attributes it speaks of |
| `attributes` | one value per attribute, null where it cannot be seen |
| `masks` | the foreground, as the coverage of each pixel from 0 to 255{masks} |
| `boxes` | label and [left, top, width, height] of each part, in pixels |
| `keypoints` | label, x, y in pixels, and whether it can be seen; left and right are the picture's |
| `index` | the number of the picture: with the seed it determines the row |

The people are drawn, not photographed: nobody is depicted. The words woman and man follow the drawing's
conventions (facial hair, hair style) and are left open where it has none.

Provenance: parts of the package [python-avatars](https://pypi.org/project/python-avatars/) (MIT licence),
whose avatars were designed by Pablo Stanley ([avataaars.com](https://avataaars.com)); recoloured and composed by
Limner, rasterised by [resvg](https://github.com/linebender/resvg).
"""
"""The data set card, formatted with `Job.on_card`."""
PART_MASKS = True
"""``row`` takes ``part_masks``."""


@dataclass(frozen=True)
class Picture:
    """A drawn avatar of side S with its exact ground truth.

    ``rgb`` uint8 (S, S, 3); ``mask`` uint8 (S, S), the coverage of the foreground from 0 to 255; ``boxes``
    label to (left, top, width, height) in pixels; ``keypoints`` label to (x, y, visible). Left and right are
    the picture's.
    """

    rgb: np.ndarray
    mask: np.ndarray
    boxes: Mapping[str, tuple[float, float, float, float]]
    keypoints: Mapping[str, tuple[float, float, bool]]


def render(avatar: Avatar, size: int) -> Picture:
    """Draw an avatar at ``size`` x ``size`` pixels; UserError when the drawing packages are missing."""
    drawn = avatar_parts.rasterise(avatar_parts.assemble(avatar.parts, avatar.colours), size)
    alpha = drawn[..., 3:].astype(np.uint16)
    background = np.array(rgb(avatar.colours["background"]), dtype=np.uint16)
    picture = ((drawn[..., :3] * alpha + background * (255 - alpha) + 127) // 255).astype(np.uint8)
    return Picture(picture, drawn[..., 3].copy(), _boxes(avatar, size), _keypoints(avatar, size))


def masks_of_parts(avatar: Avatar, size: int) -> dict[str, np.ndarray]:
    """Return what each part with a box covers, drawn alone, also where another lies over it: uint8 (size, size)."""
    labels = _boxes(avatar, size)
    return {label: avatar_parts.coverage(label.replace(" ", "_"), avatar.parts, size) for label in labels}


_HEAD = (66.0, 36.0, 198.0, 186.0)
"""Left, top, right and bottom of the bare head with its ears, in artwork units; its bottom is the chin."""
_PUPILS = ((106.0, 112.0), (158.0, 112.0))


def _boxes(avatar: Avatar, size: int) -> dict[str, tuple[float, float, float, float]]:
    seen, parts = avatar.attributes, avatar.parts
    kinds = ["mouth", "glasses", "hat", "facial_hair"]
    kinds += ["hair"] if seen["hair_colour"] else []
    kinds += ["eyes"] if seen["eyes"] else []
    kinds += ["clothing"] if seen["clothing"] else []
    extents = {kind: avatar_parts.extent(kind, parts) for kind in kinds}
    left, top, side = avatar_parts.VIEW
    scale = size / side
    boxes = {}
    for label, found in {"face": _HEAD, **extents}.items():
        if found is not None:
            # 64ths of a pixel are exact in 32 bits, so no box reaches over the edge by a rounding error.
            x0, x1 = (round((x - left) * scale * 64) / 64 for x in (found[0], found[2]))
            y0, y1 = (round((y - top) * scale * 64) / 64 for y in (found[1], found[3]))
            boxes[label.replace("_", " ")] = (x0, y0, x1 - x0, y1 - y0)
    return boxes


def _keypoints(avatar: Avatar, size: int) -> dict[str, tuple[float, float, bool]]:
    left, top, side = avatar_parts.VIEW
    scale = size / side
    eyes, beard = avatar.attributes["eyes"] is not None, avatar.attributes["facial_hair"]
    patched = avatar.attributes["glasses"] == "eyepatch"  # covers the left eye alone
    points = {"left eye": (*_PUPILS[0], eyes), "right eye": (*_PUPILS[1], eyes or patched)}
    for kind in ("nose", "mouth"):
        found = avatar_parts.extent(kind, avatar.parts)
        assert found is not None, f"every avatar has a {kind}"
        points[kind] = ((found[0] + found[2]) / 2, (found[1] + found[3]) / 2, True)
    shaven = beard not in ("light beard", "full beard", "long beard")
    points["chin"] = ((_HEAD[0] + _HEAD[2]) / 2, _HEAD[3], shaven)
    return {label: ((x - left) * scale, (y - top) * scale, seen) for label, (x, y, seen) in points.items()}


def row(seed: int, index: int, size: int, *, part_masks: bool = False) -> dict[str, Any]:
    """Return picture ``index`` as a row of the data set: the columns of `features`.

    With ``part_masks`` the column ``masks`` holds a mask of each part, too; nothing else changes.
    """
    avatar = sample(seed, index)
    picture = render(avatar, size)
    masks = masks_of_parts(avatar, size) if part_masks else {}
    return record(avatar, picture, masks, seed=seed, index=index)


def record(
    avatar: Avatar, picture: Picture, masks: Mapping[str, np.ndarray], *, seed: int, index: int
) -> dict[str, Any]:
    """Return a drawn avatar as a row of a data set; ``masks`` are those of parts beside that of the foreground."""
    captions = describe(avatar.attributes, random.Random(f"captions:{VERSION}:{seed}:{index}"))
    return {
        "image": {"bytes": png(picture.rgb), "path": None},
        "text": list(captions),
        "said": [mentioned(caption, avatar.attributes) for caption in captions],
        "attributes": dict(avatar.attributes),
        "masks": [
            {"label": label, "mask": {"bytes": png(mask), "path": None}}
            for label, mask in {"foreground": picture.mask, **masks}.items()
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
    workers: int | None = None,
    part: Part = WHOLE,
    progress: Callable[[int, int], None] | None = None,
) -> Path | str:
    """Write ``images`` avatars of ``size`` x ``size`` pixels to ``out`` as Parquet; return ``out``.

    With ``part_masks`` there is a mask of each part beside that of the foreground, and nothing else changes.

    A build that was stopped goes on where it was. ``workers`` processes (every core by default) change its
    speed, never its bytes; of several machines each writes its ``part``, into one folder or an address that all reach.
    ``progress`` is called with (pictures done, pictures in all). UserError for numbers that
    make no sense, a folder that holds something else, and missing packages.
    """
    avatar_parts.artwork()
    job = Job(NAME, VERSION, images, size, seed, part_masks)
    return build_world(out, job, workers=workers, part=part, progress=progress)
