"""What artists say of pictures: captions, by a captioner of their own, and attributes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from PIL import Image

from limner.drawing.seeds import pixels
from limner.errors import UserError

if TYPE_CHECKING:
    from limner.drawing.artist import Artist

CAPTIONER = ("captioner", "vision", "resnet", "eye")
"""Modules that captioning needs, where a system has them."""


def lacks_captioner(artist: Artist) -> bool:
    """Tell whether the checkpoint was saved without its captioner, whose weights are then untrained."""
    return any(name.split(".")[0] in CAPTIONER for name in artist.record.get("omitted", ()))


def describe(artist: Artist, pictures: Sequence[str | Path | Image.Image], batch: int = 16) -> Iterator[str]:
    """Caption pictures of any size by the artist's own captioner, which sees the middle square of each.

    Args:
        artist: one that has learnt to caption.
        pictures: files or images.
        batch: pictures captioned at once.

    Yields:
        A caption for each picture.

    Raises:
        UserError: a file is not a picture, or the artist has no captioner.
    """
    if lacks_captioner(artist):
        raise UserError(f"{artist.name} was published without its captioner")
    for start in range(0, len(pictures), batch):
        with torch.no_grad():
            captions = artist.system.describe(pixels(pictures[start : start + batch], artist.system))
        yield from captions


def attributes_of(
    artist: Artist, pictures: Sequence[str | Path | Image.Image], batch: int = 16
) -> Iterator[dict[str, str]]:
    """Name the attributes of pictures of any size by an artist that has learnt to; it sees the middle square of each.

    Args:
        artist: one that names attributes; what it gives may be asked of it as `limner.requests.Attributes`.
        pictures: files or images.
        batch: pictures looked at at once.

    Yields:
        The values of each picture by name.

    Raises:
        UserError: a file is not a picture, or the artist names none.
    """
    yield from (named for named, _ in attributes_with_certainty(artist, pictures, batch))


def attributes_with_certainty(
    artist: Artist, pictures: Sequence[str | Path | Image.Image], batch: int = 16
) -> Iterator[tuple[dict[str, str], dict[str, float]]]:
    """Name attributes as `attributes_of` does, each with how sure the artist is: a probability, where it tells one."""
    for start in range(0, len(pictures), batch):
        seen = pixels(pictures[start : start + batch], artist.system)
        with torch.no_grad():
            named, sure = artist.system.attributes_of(seen), artist.system.attribute_certainty(seen)
        for values, certainty in zip(named, sure, strict=True):
            yield values, {name: share for name, share in certainty.items() if name in values}
