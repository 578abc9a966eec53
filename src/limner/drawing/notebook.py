"""What notebooks show of artists, pictures and stories: HTML that stands alone, all text in it escaped."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from PIL import Image

from limner import checkpoint
from limner.drawing import recipe
from limner.imaging.sheets import enlarged, sheet
from limner.requests import from_json

if TYPE_CHECKING:
    import torch

    from limner.data.schema import Schema

SHOWN = 100
"""Pictures of a list that are shown; of more the first ones."""
LEAST = 128
"""Side in pixels, at least, at which a picture is shown."""
_ROW = "display:flex;flex-wrap:wrap;gap:8px"
_BELOW = "margin:4px 0 0;font-size:12px;line-height:1.3"


class Pictures(list[Image.Image]):
    """A list of pictures that a notebook shows: each above its prompt and seed; a part of it is one, too."""

    def _repr_html_(self) -> str:
        return figures(self[:SHOWN], [_asked(picture) for picture in self[:SHOWN]], len(self))

    def _repr_png_(self) -> bytes | None:
        """Return a contact sheet, for front ends that show no HTML; None of an empty list."""
        return png(sheet(self[:SHOWN])) if self and len({picture.size for picture in self[:SHOWN]}) == 1 else None

    @overload
    def __getitem__(self, place: SupportsIndex) -> Image.Image: ...
    @overload
    def __getitem__(self, place: slice) -> Pictures: ...
    def __getitem__(self, place: SupportsIndex | slice) -> Image.Image | Pictures:
        found: Any = super().__getitem__(place)
        return Pictures(found) if isinstance(place, slice) else found


def png(picture: Image.Image) -> bytes:
    """Return a picture as PNG, without its recipe."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def figures(pictures: Sequence[Image.Image], below: Sequence[str], of: int = 0) -> str:
    """Return pictures side by side, each above its text; small ones enlarged.

    Args:
        pictures: to be shown.
        below: the text of each.
        of: how many there are in all, where some are left out.
    """
    shown = [
        f'<figure style="margin:0;width:{max(picture.width, LEAST)}px"><img alt="{html.escape(text)}" '
        f'src="data:image/png;base64,{base64.b64encode(png(_large(picture))).decode()}">'
        f'<figcaption style="{_BELOW}">{html.escape(text)}</figcaption></figure>'
        for picture, text in zip(pictures, below, strict=True)
    ]
    more = f"<p>{of - len(pictures):,} more are not shown.</p>" if of > len(pictures) else ""
    return f'<div style="{_ROW}">{"".join(shown)}</div>{more}'


def of_artist(name: str, record: Mapping[str, Any], folder: Path, schema: Schema, device: torch.device) -> str:
    """Return what is shown of an artist: its paper, how large it is, its samples, and what one can ask."""
    paper, grid = record.get("paper", {}), folder / checkpoint.GRID
    lines = [
        f"<b>{html.escape(name)}</b>, a {html.escape(str(record['system']))}"
        + (f" ({html.escape(_cited(paper))})" if paper else ""),
        f"{record.get('parameters', 0):,} numbers, pictures of {schema.size} pixels, on {html.escape(str(device))}",
    ]
    asked = "".join(f"<li>{html.escape(text)}</li>" for text in schema.examples[:3])
    samples = ""
    if grid.is_file():
        with Image.open(grid, formats=("PNG",)) as opened:
            samples = figures([opened.convert("RGB")], ["samples"])
    return "<br>".join(lines) + (f"<p>One can ask:</p><ul>{asked}</ul>" if asked else "") + samples


def table(rows: Iterable[tuple[str, str]]) -> str:
    """Return a table of names and values."""
    cells = (f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in rows)
    return f"<table>{''.join(cells)}</table>"


def _cited(paper: Mapping[str, Any]) -> str:
    return f"{paper.get('title', '')}, {paper.get('authors', '')}, {paper.get('year', '')}"


def _large(picture: Image.Image) -> Image.Image:
    return enlarged(picture, -(-LEAST // picture.width)) if picture.width < LEAST else picture


def _asked(picture: Image.Image) -> str:
    """Return what a picture's recipe says was asked for, and the seed; nothing of a picture without one."""
    text = picture.info.get(recipe.KEY)
    if text is None:
        return ""
    found = json.loads(str(text))
    said, seed = from_json(found["request"]).sentence() or found["request"]["kind"], found["seed"]
    return f"{said:.200}, seed {seed}" if isinstance(seed, int) else f"{said:.200}"
