"""What stands in the place of chance: seeds and styles, checked, read from recipes, found in pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from limner.data import pictures
from limner.errors import UserError
from limner.system import Seed, Style, System

Picture = str | Path | Image.Image | Style
"""Whence a style comes: a file, an image, or where it was found before."""
LARGEST_SEED = 2**53 - 1
"""So that a seed survives a browser, whose numbers are doubles."""
_FAR = 1e6
"""No number of noise is as large."""


def check_seed(seed: int) -> int:
    """Return `seed`.

    Raises:
        UserError: where it is no whole number, or out of bounds.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
        raise UserError(f"the seed is a whole number from 0 to {LARGEST_SEED}, not {seed!r:.60}")
    return seed


def check_end(end: int | Style) -> int | Style:
    """Return one end of a way, which is a seed or a style; raise as `check_seed`."""
    return end if isinstance(end, Style) else check_seed(end)


def seed_from_json(body: Any) -> Seed:
    """Return the seed that a recipe holds: a number, {"noise", "of"}, or [end, end, t].

    Raises:
        UserError: where it is none.
    """
    if not isinstance(body, list | tuple):
        return _end(body)
    if len(body) != 3 or type(body[2]) not in (int, float) or not 0 <= body[2] <= 1:
        raise UserError(f"the recipe's seed is damaged: {body!r:.60}")
    return _end(body[0]), _end(body[1]), float(body[2])


def _end(body: Any) -> int | Style:
    if not isinstance(body, Mapping):
        return check_seed(body)
    noise, of = body.get("noise"), body.get("of", "")
    numbers = isinstance(noise, list | tuple) and all(type(x) is float and abs(x) < _FAR for x in noise)
    if not numbers or not isinstance(of, str):
        raise UserError("the style in the recipe is damaged")
    return Style(tuple(noise or ()), of)


def style_of(picture: str | Path | Image.Image, system: System) -> Style:
    """Find the style of a picture, its middle square, rounded so that a recipe holds just what is drawn from.

    Raises:
        UserError: where it is no picture, or the system has not learnt to find styles.
    """
    where = next((p.device for p in system.parameters()), torch.device("cpu"))
    x = _pixels(picture, system.reads(system.config)).to(where).float().div(127.5).sub(1)
    with torch.no_grad():
        (found,) = system.style(x).tolist()
    return Style(tuple(round(x, 4) for x in found), "" if isinstance(picture, Image.Image) else Path(picture).name)


def _pixels(picture: str | Path | Image.Image, side: int) -> Tensor:
    """Read a picture as training reads it: uint8 (1, 3, side, side)."""
    try:
        image = picture if isinstance(picture, Image.Image) else pictures.load(pictures.read(Path(picture)), side)
    except pictures.BadPicture as error:
        raise UserError(f"the style {picture} {error}") from None
    square = pictures.square(pictures.rgb(image), side)
    return torch.from_numpy(np.array(square)).permute(2, 0, 1)[None]
