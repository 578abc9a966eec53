"""The clevr world: path-traced stories of four pictures, after CLEVR-SV (Li et al., StoryGAN, CVPR 2019).

Each picture of a story shows one object more, in the same scene. `story(seed, index)` chooses the objects, `row`
renders a picture with its exact ground truth, `build` writes any number of them as a Parquet data set. All are
functions of their arguments alone. Objects never touch, never leave the picture, and stay visible enough to be named.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from limner.worlds.build import WHOLE, Job, Part, build_world, png
from limner.worlds.clevr import render
from limner.worlds.clevr.dialogue import dialogue
from limner.worlds.clevr.scenes import (
    FRAMES,
    VERSION,
    Thing,
    accepts,
    attributes,
    description,
    mentioned,
    propose,
    sentences,
    vector,
)

__all__ = ["VERSION", "accepts", "build", "features", "row", "story"]

NAME = "clevr"
GROUP = FRAMES
"""Pictures that belong together: they lie in one split."""
HELD_OUT = (3 / 13, 12_000)
"""Share of the pictures held out, and the most: 3,000 of 13,000 stories, as in CLEVR-SV."""
LOOK, VISIBLE, PIXELS = 96, 0.5, 24
"""Side at which is looked whether things can be seen; least visible share of each, and least pixels of it."""
CARD = """# The clevr world of Limner

{images} path-traced pictures of {size} x {size} pixels (seed {seed}, version {version} of the world): stories of four,
each picture with one object more. Built by

    limner data build clevr --images {images} --size {size} --seed {seed} -o FOLDER

| column | holds |
|---|---|
| `image` | the picture |
| `text` | what has come in this frame, in four wordings; the first is always put the same way |
| `said` | for each wording, the attributes it speaks of |
| `story`, `frame` | the number of the story as text, and of the picture in it, 1 to 4 |
| `attributes` | colour, material, shape and size of what stands at each of fifteen places, or "nothing" |
| `boxes` | label and [left, top, width, height] of what can be seen of each object, in pixels |
| `masks` | label and coverage of each pixel, 0 to 255, of what can be seen of each object |
| `vector` | the 75 numbers of CLEVR-SV: four blocks of shape, colour, material, size, coordinates; direction right |
| `description` | the whole scene in one sentence |
| `dialogue` | ten questions about the scene, with their answers |
| `index` | the number of the picture: with the seed it determines the row |

Shapes, colours, materials and sizes are CLEVR's (Johnson et al. 2017); the scenes are Limner's own, rendered by
[Mitsuba 3](https://www.mitsuba-renderer.org). Camera and light do not move, so that a word of place means the same
place in every picture.
"""
"""The data set card, formatted with the fields of the build's `Job`."""


@functools.lru_cache(maxsize=64)
def story(seed: int, index: int) -> tuple[Thing, ...]:
    """Choose the four objects of story `index`, in the order in which they come.

    Raises:
        UserError: Mitsuba, which tells what can be seen, is not installed.
    """
    proposals = (propose(seed, index, attempt) for attempt in itertools.count())
    return next(things for things in proposals if visible(things))


def visible(things: tuple[Thing, ...]) -> bool:
    """Tell whether each object lies whole in the picture, and what others leave of it is enough to name it by."""
    whole = np.concatenate([render.seen([thing], LOOK) for thing in things])  # (K, S, S)
    if whole[:, [0, -1]].any() or whole[:, :, [0, -1]].any():
        return False
    left = render.seen(things, LOOK).sum(axis=(1, 2))
    return bool((left >= VISIBLE * whole.sum(axis=(1, 2))).all() and (left >= PIXELS).all())


def row(seed: int, index: int, size: int) -> dict[str, Any]:
    """Return picture ``index`` as a row of the data set: the columns of `features`."""
    number, frame = divmod(index, FRAMES)
    things = story(seed, number)[: frame + 1]
    chance = random.Random(f"clevr words:{VERSION}:{seed}:{index}")
    texts = sentences(things[-1], chance)
    masks = _coverage(render.seen(things, 4 * size))
    return {
        "image": {"bytes": png(render.render(things, size, index)), "path": None},
        "text": texts,
        "said": [mentioned(things[-1])] * len(texts),
        "story": f"{number:06d}",
        "frame": frame + 1,
        "attributes": attributes(things),
        "boxes": [{"label": thing.name, "box": _box(mask)} for thing, mask in zip(things, masks, strict=True)],
        "masks": [
            {"label": thing.name, "mask": {"bytes": png(mask), "path": None}}
            for thing, mask in zip(things, masks, strict=True)
        ],
        "vector": vector(things),
        "description": description(things),
        "dialogue": [{"question": question, "answer": answer} for question, answer in dialogue(things, chance)],
        "index": index,
    }


def _coverage(seen: np.ndarray) -> np.ndarray:
    """Turn pixels of a picture four times as large, bool (K, 4S, 4S), into shares of pixels: uint8 (K, S, S)."""
    count, side, _ = seen.shape
    shares = seen.reshape(count, side // 4, 4, side // 4, 4).mean(axis=(2, 4))
    return (shares * 255 + 0.5).astype(np.uint8)


def _box(mask: np.ndarray) -> list[float]:
    """Return left, top, width and height of what a mask covers, in pixels."""
    across, down = (np.flatnonzero(mask.any(axis=axis)) for axis in (0, 1))
    left, top = int(across[0]), int(down[0])
    return [float(left), float(top), float(across[-1] - left + 1), float(down[-1] - top + 1)]


def features() -> dict[str, Any]:
    """Return the columns in the notation of Hugging Face ``datasets``."""
    text, number = {"dtype": "string", "_type": "Value"}, {"dtype": "float32", "_type": "Value"}
    whole = {"dtype": "int64", "_type": "Value"}
    return {
        "image": {"_type": "Image"},
        "text": [text],
        "said": [[text]],
        "story": text,
        "frame": whole,
        "attributes": dict.fromkeys(attributes(()), text),
        "boxes": [{"label": text, "box": [number]}],
        "masks": [{"label": text, "mask": {"_type": "Image"}}],
        "vector": [number],
        "description": text,
        "dialogue": [{"question": text, "answer": text}],
        "index": whole,
    }


def build(
    out: str | Path,
    *,
    images: int,
    size: int = 64,
    seed: int = 0,
    workers: int | None = None,
    part: Part = WHOLE,
    progress: Callable[[int, int], None] | None = None,
) -> Path | str:
    """Write ``images`` pictures of ``size`` x ``size`` pixels, in stories of four, to ``out`` as Parquet; return it.

    A build that was stopped goes on where it was. ``workers`` processes (every core by default) change its
    speed, never its bytes; of several machines each writes its ``part``, into one folder or an address that all reach.
    ``progress`` is called with (pictures done, pictures in all). UserError for numbers that
    make no sense, a folder that holds something else, and missing packages.
    """
    render.mitsuba()
    return build_world(out, Job(NAME, VERSION, images, size, seed), workers=workers, part=part, progress=progress)
