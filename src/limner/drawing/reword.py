"""What one word does: a caption drawn again with one word or phrase changed at a time, all with the same seed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image

from limner.data.schema import words_of
from limner.drawing import held, recipe
from limner.drawing.drafts import LETTERS, READABLE, readable_size
from limner.drawing.interpolation import Rows
from limner.errors import UserError
from limner.imaging.sheets import sheet

if TYPE_CHECKING:
    from limner.drawing.artist import Artist


@dataclass(frozen=True)
class Wording:
    """A caption and the words of it to print in red: those that were changed, or are going to be."""

    text: str
    marked: frozenset[int]
    """Indices from 0 of words separated by spaces."""


def wordings(caption: str, swaps: Mapping[str, Sequence[str]]) -> list[Wording]:
    """Return the caption, then the caption with one word or phrase replaced at a time, at every occurrence.

    Args:
        caption: what to begin with.
        swaps: for each word or phrase of the caption its replacements.

    Raises:
        UserError: a word is not in the caption.
    """
    spans, others = [], []
    for old, news in swaps.items():
        phrase = r"\s+".join(map(re.escape, old.split()))
        found = [m.span() for m in re.finditer(rf"(?<!\w){phrase}(?!\w)", caption, re.IGNORECASE)] if phrase else []
        if not found:
            raise UserError(f"{old!r} is not in the caption; its words are: {', '.join(words_of(caption))}")
        spans += found
        others += [_swapped(caption, found, new) for new in news]
    return [Wording(caption, _marked(caption, spans)), *others]


def _swapped(caption: str, spans: Sequence[tuple[int, int]], new: str) -> Wording:
    text, changed, end = "", [], 0
    for start, stop in spans:
        text += caption[end:start] + new
        changed.append((len(text) - len(new), len(text)))
        end = stop
    text += caption[end:]
    return Wording(text, _marked(text, changed))


def _marked(text: str, spans: Sequence[tuple[int, int]]) -> frozenset[int]:
    words = enumerate(re.finditer(r"\S+", text))
    return frozenset(i for i, m in words if any(m.start() < stop and start < m.end() for start, stop in spans))


def reword(
    artist: Artist,
    caption: str,
    swaps: Mapping[str, Sequence[str]],
    n: int = 1,
    seed: int | None = None,
    *,
    knobs: Mapping[str, Any] | None = None,
) -> Image.Image:
    """Draw a caption, and again with one word changed, as Qiao et al. 2019 (MirrorGAN) do: what else changes, too?

    Args:
        artist: one that draws from captions.
        caption: what to begin with.
        swaps: for each word or phrase of the caption its replacements, one after another.
        n: number of rows; all pictures of row i have seed `seed + i`.
        seed: of the first row; None chooses one by chance.
        knobs: as `Artist.draw`.

    Returns:
        A sheet: the caption's picture, then one for each change, its caption below with the change in red. The recipe
        in its `info` is that of the first picture plus all captions ("captions") and the number of rows ("n").

    Raises:
        UserError: a word is not in the caption, the artist does not draw from captions, and as `Artist.draw`.
    """
    if not any(request.sentence() for request in artist.requests(caption)):
        raise UserError(f"{artist.name} draws from a {artist.takes}: there is no caption to reword")
    worded = wordings(caption, swaps)
    rows = artist.plan([one.text for one in worded], n, seed)
    across = len(worded)
    in_rows = Rows(len(rows), lambda i: rows[i % across * n + i // across])
    images = held.pictures(artist, in_rows, knobs=knobs, side=READABLE)
    large = [image.resize(readable_size(image), Image.Resampling.LANCZOS) for image in images]
    captions, marked = [one.text for one in worded] * n, [one.marked for one in worded] * n
    page = sheet(large, len(worded), captions, gap=6, letters=LETTERS, marked=marked)
    first = json.loads(images[0].info[recipe.KEY]) | {"captions": [one.text for one in worded], "n": n}
    recipe.sign(page, first)
    return page
