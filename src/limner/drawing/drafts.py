"""A picture with the drafts it was drawn in, and two sheets made of them: the drafts, and the attention to words.

The sheets are pictures with the recipe of the drawn picture in their `info`, like the picture itself.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageOps
from torch import Tensor

from limner.data.schema import Schema, words_of
from limner.drawing import notebook, recipe
from limner.drawing.seeds import check_count
from limner.errors import UserError
from limner.imaging import answers
from limner.imaging.attention import most_looked_at, spotlit
from limner.imaging.sheets import sheet, titled, to_pil
from limner.requests import Request
from limner.system import Draft

WORDS = 8
"""Words on a sheet of attention."""
READABLE = 160
"""Least width, in pixels, of a picture that has text below it."""
PAGE = 1800
"""Width, in pixels, after which drafts go on in another row."""
LINGERS = 8
"""Frames for which a film stays at its last draft."""
LETTERS = 13
"""Height, in pixels, of the text below the pictures of a sheet."""


@dataclass(frozen=True)
class PictureWithDrafts:
    """A drawn picture, its request, and the drafts that led to it."""

    image: Image.Image
    request: Request
    drafts: Sequence[Draft]
    """One row each, in the order of drawing; the last one is the picture."""
    schema: Schema
    """Of the system that drew; it names the labels of boxes."""

    def _repr_png_(self) -> bytes:
        return notebook.png(self.image)

    def stages(self) -> Image.Image:
        """Return a sheet of the drafts side by side, enlarged to the size of the picture without interpolation.

        A draft of another shape, such as the first frames of a story, is padded with white.
        """
        shown = (draft for draft in self.drafts if answers.is_shown(draft))
        pictures = [(draft, answers.pictures(draft, self.schema)[0]) for draft in shown]
        size, nearest = readable_size(self.image), Image.Resampling.NEAREST
        large = [ImageOps.pad(picture, size, nearest, color="white", centering=(0, 0)) for _, picture in pictures]
        captions = [says(draft) or f"{picture.width} x {picture.height}" for draft, picture in pictures]
        return self._signed(sheet(large, max(min(PAGE // large[0].width, len(large)), 1), captions, letters=LETTERS))

    def frames(self) -> list[Image.Image]:
        """Return the pictures of the drafts, enlarged as in `stages`, for a film; the last one stays for a while."""
        pictures = [answers.pictures(draft, self.schema)[0] for draft in self.drafts if answers.is_shown(draft)]
        size, nearest = readable_size(self.image), Image.Resampling.NEAREST
        large = [ImageOps.pad(picture, size, nearest, color="white", centering=(0, 0)) for picture in pictures]
        return large + large[-1:] * LINGERS

    def attention(self, words: int = WORDS) -> Image.Image:
        """Return a sheet of the attention to words: a row for each draft with attention, its picture and word maps.

        Below each map are the word and the largest value of its attention. Of a system that attends to the sentence as
        a whole, too, that map is the last, and below it how many times the mean its largest value is.

        Args:
            words: how many words; those with the most attention in the last draft are chosen.

        Raises:
            UserError: no draft has attention to words, or the prompt has no words.
        """
        check_count(words, "words, the number of words,")
        attentive = [draft for draft in self.drafts if draft.attention is not None]
        text = self.request.sentence()
        spelt = words_of(text)
        if not attentive:
            system = json.loads(self.image.info[recipe.KEY])["system"]
            raise UserError(f"{system} does not look at single words, so there is no attention to show")
        if not spelt:
            raise UserError("there is no word in the prompt, so there is no attention to show")
        places = most_looked_at(_maps(attentive[-1]), spelt, words)
        tiles, below = [], []
        for draft in attentive:
            picture = to_pil(draft.images)[0] if draft.images is not None else self.image
            picture = picture.resize(readable_size(self.image), Image.Resampling.LANCZOS)
            maps = _maps(draft)
            tiles += [picture, *(spotlit(picture, maps[t]) for t in places)]
            below += [draft.note or "picture", *(f"{spelt[t]} {float(maps[t].max()):.0%}" for t in places)]
            if draft.sentence_attention is not None:
                whole = draft.sentence_attention[0].detach().float().cpu()
                tiles.append(spotlit(picture, whole))
                below.append(f"sentence {float(whole.max() / whole.mean()):.1f} x")
        page = sheet(tiles, len(tiles) // len(attentive), below, letters=LETTERS)
        return self._signed(titled(page, text))

    def _signed(self, page: Image.Image) -> Image.Image:
        page.info[recipe.KEY] = self.image.info[recipe.KEY]
        return page


ROWS = ("images", "attention", "sentence_attention", "layout", "text")
"""Fields of a draft that have a row for each request."""


def draft_row(draft: Draft, row: int) -> Draft:
    """Return one row of a draft, as a draft of a single row."""

    def cut(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: cut(inner) for name, inner in value.items()}
        return value if value is None else value[row : row + 1]

    rows = {name: cut(getattr(draft, name)) for name in ROWS}
    return dataclasses.replace(draft, **rows)


def says(draft: Draft) -> str:
    """Return what stands below a draft: its note and, of a picture that says something, that."""
    text = draft.text[0] if draft.images is not None and draft.text is not None else ""
    return ": ".join(filter(None, (draft.note, text)))


def _maps(draft: Draft) -> Tensor:
    assert draft.attention is not None
    return draft.attention[0].detach().float().cpu()


def readable_size(image: Image.Image) -> tuple[int, int]:
    """Return the width and height of a picture on a sheet: the least whole multiple that is `READABLE` wide."""
    times = -(-READABLE // image.width)
    return image.width * times, image.height * times
