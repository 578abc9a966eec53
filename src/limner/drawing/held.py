"""Pictures that are in memory together, in a list or on a sheet: too many are refused before one is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from limner.drawing.interpolation import Row
from limner.drawing.notebook import Pictures
from limner.errors import UserError

if TYPE_CHECKING:
    from limner.drawing.artist import Artist

MOST_PIXELS = 2**29
"""Of all pictures together; Pillow keeps four bytes of each, so 2 GiB."""
R = TypeVar("R", bound=Sequence[Row])


def check(rows: R, side: int) -> R:
    """Return rows whose pictures, of `side` pixels a side, can be in memory together.

    Raises:
        UserError: they are too many.
    """
    most = MOST_PIXELS // side**2
    count = len(rows) if len(rows) > most else sum(request.pictures() for request, _ in rows)
    if count > most:
        raise UserError(
            f"{count:,} pictures of {side} x {side} pixels are too many to keep in memory, {most:,} are the limit: "
            "ask for fewer, or take them one by one (`each`; from a shell a folder for -o)"
        )
    return rows


def pictures(
    artist: Artist,
    rows: Sequence[Row],
    batch: int = 16,
    knobs: Mapping[str, Any] | None = None,
    *,
    side: int = 0,
) -> Pictures:
    """Return the pictures of all rows in a list; `side` is that of the sheet they are put on, if it is larger.

    Raises:
        UserError: as `check`, and as `Artist.rows`.
    """
    return Pictures(artist.rows(check(rows, max(artist.size, side)), batch=batch, knobs=knobs))
