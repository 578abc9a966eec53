"""The layouts world: flat icons placed by a published table of rules, so that the likelihood of a layout is known.

In the manner of the set that Jyothi et al. built for LayoutVAE (ICCV 2019), with rules of our own: `rules` samples
layouts and says how likely any layout is. `row` draws one with its exact ground truth, `build` writes any number of
them as a Parquet data set. All are functions of their arguments alone.
"""

from __future__ import annotations

import io
import random
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from limner.worlds.build import WHOLE, Job, Part, build_world
from limner.worlds.layouts.icons import render
from limner.worlds.layouts.rules import KINDS, MOST, VERSION, Box, counts_of, draw, layout, log_likelihood, violations

__all__ = [
    "KINDS",
    "VERSION",
    "Box",
    "accepts",
    "build",
    "draw",
    "features",
    "layout",
    "log_likelihood",
    "row",
    "violations",
]

NAME = "layouts"
NUMBERS = ("no", "one", "two", "three", "four")
CARD = """# The layouts world of Limner

{images} pictures of {size} x {size} pixels (seed {seed}, version {version} of the world): flat icons placed by a table
of rules. Built by

    limner data build layouts --images {images} --size {size} --seed {seed} -o FOLDER

| column | holds |
|---|---|
| `image` | the picture |
| `text` | three true captions: all counts, no counts, some counts |
| `said` | for each caption, the attributes it speaks of |
| `attributes` | how many there are of each kind, from 0: `count of cups` and so on |
| `boxes` | label and [left, top, width, height] of each icon, in pixels; kind by kind, from left to right |
| `masks` | label and coverage of each pixel, 0 to 255, of what can be seen of each icon |
| `index` | the number of the picture: with the seed it determines the row |

The rules are published in `limner.worlds.layouts.rules`; `log_likelihood` there is the exact likelihood of counts and
boxes. Boxes are not rounded to pixels; icons are.
"""
"""The data set card, formatted with the fields of the build's `Job`."""
COUNTS = {kind: f"count of {kind}s" for kind in KINDS}
"""Name of the attribute that counts each kind."""


def captions(counts: Mapping[str, int], chance: random.Random) -> list[tuple[str, list[str]]]:
    """Return three captions, each with the attributes it speaks of: all counts, none, and some counts."""
    present = [kind for kind in KINDS if counts[kind]]
    counted = [_counted(kind, counts[kind]) for kind in present]
    named = [f"some {kind}s" if counts[kind] > 1 else _counted(kind, 1) for kind in present]
    chosen = chance.sample(range(len(present)), chance.randint(1, len(present)))
    some = [counted[place] for place in chosen]
    speaks = [COUNTS[kind] for kind in present]
    single = [COUNTS[kind] for kind in present if counts[kind] == 1]
    return [
        (_listed(counted), speaks),
        (_listed(named), single),
        ("a picture with " + _listed(some), [COUNTS[present[place]] for place in chosen]),
    ]


def accepts(text: str) -> bool:
    """Tell whether a text is a caption of some picture of this world, case and punctuation aside."""
    words = re.findall(r"[^\W_]+", text.lower())
    free = words[:3] == ["a", "picture", "with"]  # then kinds stand in any order
    words = words[3:] if free else words
    if len(words) > 2 and words.pop(-3) != "and":
        return False
    parts = list(zip(words[::2], words[1::2], strict=False))
    counted = {tuple(_counted(kind, n).split()): kind for kind in KINDS for n in range(1, MOST[kind] + 1)}
    named = {("some", f"{kind}s") if n > 1 else ("a", kind): kind for kind in KINDS for n in range(1, MOST[kind] + 1)}
    for table in (counted, named):
        kinds = [table.get(part) for part in parts]
        whole = bool(kinds) and None not in kinds and len(set(kinds)) == len(kinds) and 2 * len(kinds) == len(words)
        if whole and (table is counted if free else kinds == [kind for kind in KINDS if kind in kinds]):
            return True
    return False


def _counted(kind: str, count: int) -> str:
    return f"a {kind}" if count == 1 else f"{NUMBERS[count]} {kind}s"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([*([", ".join(parts[:-1])] if len(parts) > 1 else []), parts[-1]])


def row(seed: int, index: int, size: int) -> dict[str, Any]:
    """Return picture ``index`` as a row of the data set: the columns of `features`."""
    boxes = layout(seed, index)
    picture, masks = render(boxes, size)
    texts = captions(counts_of(boxes), random.Random(f"layouts words:{VERSION}:{seed}:{index}"))
    return {
        "image": {"bytes": _png(picture), "path": None},
        "text": [text for text, _ in texts],
        "said": [speaks for _, speaks in texts],
        "attributes": {COUNTS[kind]: str(count) for kind, count in counts_of(boxes).items()},
        "boxes": [{"label": label, "box": [size * share for share in box]} for label, *box in boxes],
        "masks": [
            {"label": box[0], "mask": {"bytes": _png(mask), "path": None}}
            for box, mask in zip(boxes, masks, strict=True)
        ],
        "index": index,
    }


def _png(array: np.ndarray) -> bytes:
    """Encode flat pictures quickly: they are as small at the first level of compression."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def features() -> dict[str, Any]:
    """Return the columns in the notation of Hugging Face ``datasets``."""
    text, number = {"dtype": "string", "_type": "Value"}, {"dtype": "float32", "_type": "Value"}
    return {
        "image": {"_type": "Image"},
        "text": [text],
        "said": [[text]],
        "attributes": {name: text for name in COUNTS.values()},
        "boxes": [{"label": text, "box": [number]}],
        "masks": [{"label": text, "mask": {"_type": "Image"}}],
        "index": {"dtype": "int64", "_type": "Value"},
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
    """Write ``images`` pictures of ``size`` x ``size`` pixels to ``out`` as Parquet; return ``out``.

    A build that was stopped goes on where it was. ``workers`` processes (every core by default) change its
    speed, never its bytes; of several machines each writes its ``part``, into one folder or an address that all reach.
    ``progress`` is called with (pictures done, pictures in all). UserError for numbers that
    make no sense, and for a folder that holds something else.
    """
    return build_world(out, Job(NAME, VERSION, images, size, seed), workers=workers, part=part, progress=progress)
