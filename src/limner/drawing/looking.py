"""To look closer: a picture's drafts, where words were looked at, what one word changes, what a picture shows in words.

The sheets are pictures with the recipe of what was drawn in their `info`, like the pictures themselves.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image, ImageOps
from torch import Tensor

from limner.data.schema import words_of
from limner.drawing import recipe
from limner.drawing.seeds import check_count, pixels
from limner.errors import UserError
from limner.imaging.attention import most_looked_at, spotlit
from limner.imaging.sheets import sheet, titled, to_pil
from limner.requests import Caption, Request
from limner.system import Draft

if TYPE_CHECKING:
    from limner.drawing.artist import Artist

WORDS = 8
"""Words on a sheet of attention."""
READABLE = 160
"""Least width, in pixels, of a picture on a sheet."""
PAGE = 1800
"""Width, in pixels, after which drafts go on in another row."""
LETTERS = 13
CAPTIONER = ("captioner", "vision", "resnet")
"""Modules that describing needs, where a system has them."""


@dataclass(frozen=True)
class Watched:
    """A picture, what was asked, and how it came to be."""

    image: Image.Image
    request: Request
    drafts: Sequence[Draft]
    """Of one row each."""

    def stages(self) -> Image.Image:
        """Lay the drafts side by side, all as large as the picture, pixels left as they are.

        A draft of another shape, such as the first frames of a story, leaves white what it has not got.
        """
        pictures = [(draft, to_pil(draft.images)[0]) for draft in self.drafts if draft.images is not None]
        size, plain = _readable(self.image), Image.Resampling.NEAREST
        large = [ImageOps.pad(picture, size, plain, color="white", centering=(0, 0)) for _, picture in pictures]
        captions = [draft.note or f"{picture.width} x {picture.height}" for draft, picture in pictures]
        return self._signed(sheet(large, max(min(PAGE // large[0].width, len(large)), 1), captions, letters=LETTERS))

    def attention(self, words: int = WORDS) -> Image.Image:
        """Show where words are looked at: a row for each draft that looks, its picture and the words' maps over it.

        Below each map stands the word, and the share of attention that it gets where it is brightest.

        Args:
            words: how many, those that stand out most in the last such draft.

        Raises:
            UserError: where no draft looks at single words, or there are none.
        """
        check_count(words, "words, the number of words,")
        looks = [draft for draft in self.drafts if draft.attention is not None]
        text = self.request.text if isinstance(self.request, Caption) else ""
        told = words_of(text)
        if not looks:
            system = json.loads(self.image.info[recipe.KEY])["system"]
            raise UserError(f"{system} does not look at single words, so there is no attention to show")
        if not told:
            raise UserError("there is no word in the prompt, so there is no attention to show")
        places = most_looked_at(_maps(looks[-1]), told, words)
        tiles, below = [], []
        for draft in looks:
            picture = to_pil(draft.images)[0] if draft.images is not None else self.image
            picture = picture.resize(_readable(self.image), Image.Resampling.LANCZOS)
            maps = _maps(draft)
            tiles += [picture, *(spotlit(picture, maps[t]) for t in places)]
            below += [draft.note or "picture", *(f"{told[t]} {float(maps[t].max()):.0%}" for t in places)]
        page = sheet(tiles, 1 + len(places), below, letters=LETTERS)
        return self._signed(titled(page, text))

    def _signed(self, page: Image.Image) -> Image.Image:
        page.info[recipe.KEY] = self.image.info[recipe.KEY]
        return page


def one_row(draft: Draft, row: int) -> Draft:
    """Return one row of a draft, as a draft of a single row."""

    def cut(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: cut(inner) for name, inner in value.items()}
        return value if value is None else value[row : row + 1]

    rows = {name: cut(getattr(draft, name)) for name in ("images", "attention", "layout", "text")}
    return dataclasses.replace(draft, **rows)


def _maps(draft: Draft) -> Tensor:
    assert draft.attention is not None
    return draft.attention[0].detach().float().cpu()


def _readable(image: Image.Image) -> tuple[int, int]:
    """Return the size at which a picture stands on a sheet: a whole multiple of its own."""
    times = -(-READABLE // image.width)
    return image.width * times, image.height * times


@dataclass(frozen=True)
class Wording:
    """A caption, and which of its words were changed, or are to be changed."""

    text: str
    marked: frozenset[int]
    """Places from 0, words parted at spaces."""


def wordings(caption: str, swaps: Mapping[str, Sequence[str]]) -> list[Wording]:
    """Return the caption, then the caption with one word or phrase swapped at a time, wherever it stands.

    Raises:
        UserError: where a word is not in the caption.
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
        artist: who draws from captions.
        caption: what to begin with.
        swaps: for each word or phrase of it what to put in its place, one after another.
        n: rows, each with a seed of its own; what is in a row has the same seed.
        seed: of the first row; by chance where None.
        knobs: as `Artist.draw`.

    Returns:
        A sheet: the caption's picture, then one for each change, its caption below with the change in red. The recipe
        in its `info` is that of the first picture, with all captions ("captions") and the number of rows ("n").

    Raises:
        UserError: where a word is not in the caption, the artist draws from no captions, and as `Artist.draw`.
    """
    if artist.system.takes is not Caption:
        raise UserError(f"{artist.name} draws from a {artist.system.takes.__name__}: there is no caption to reword")
    worded = wordings(caption, swaps)
    rows = artist.plan([one.text for one in worded], n, seed)
    in_rows = [rows[column * n + row] for row in range(n) for column in range(len(worded))]
    images = list(artist.rows(in_rows, knobs=knobs))
    large = [image.resize(_readable(image), Image.Resampling.LANCZOS) for image in images]
    captions, marked = [one.text for one in worded] * n, [one.marked for one in worded] * n
    page = sheet(large, len(worded), captions, gap=6, letters=LETTERS, marked=marked)
    made = json.loads(images[0].info[recipe.KEY]) | {"captions": [one.text for one in worded], "n": n}
    page.info[recipe.KEY] = recipe.text(made)
    return page


def lacks_captioner(artist: Artist) -> bool:
    """Tell whether its checkpoint left the captioner out, so that what stands in its place never learnt a word."""
    return any(name.split(".")[0] in CAPTIONER for name in artist.record.get("omitted", ()))


def describe(artist: Artist, pictures: Sequence[str | Path | Image.Image], batch: int = 16) -> Iterator[str]:
    """Say what is in each picture, by the artist's own captioner: pictures of any size, their middle squares.

    Raises:
        UserError: where one is no picture, or the artist has no captioner.
    """
    if lacks_captioner(artist):
        raise UserError(f"{artist.name} was published without its captioner")
    for start in range(0, len(pictures), batch):
        with torch.no_grad():
            told = artist.system.describe(pixels(pictures[start : start + batch], artist.system))
        yield from told
