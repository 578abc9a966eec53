"""What stands in the place of chance: seeds and styles, checked, read from recipes, found in pictures."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from limner import pictures
from limner.errors import UserError
from limner.noise import Seed, Style, ends_of
from limner.requests import MOST_PARTS, TOO_MIXED
from limner.system import System

StyleSource = str | Path | Image.Image | Style
"""What a style is taken from: a file, an image, or a style found earlier."""
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


def first_seed(seed: int | None) -> int:
    """Return the seed to begin with: by chance for None; raise as `check_seed`."""
    return random.SystemRandom().randrange(2**31) if seed is None else check_seed(seed)


MOST = 100_000
"""Things that are in memory at once: rows of a batch, words of a sheet."""


def check_count(count: int, what: str, least: int = 1, most: int = MOST) -> None:
    """Make sure that a number of things is one.

    Raises:
        UserError: where it is no whole number, or smaller than `least`, or larger than `most`; `what` names it.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < least:
        raise UserError(f"{what} must be {least} or more, not {count!r:.40}")
    if count > most:
        raise UserError(f"{what} may be {most:,} at most, not {count!r:.40}: draw several times, with other seeds")


def check_parts(seed: Seed) -> Seed:
    """Return `seed`.

    Raises:
        UserError: it is a mixture of more than `limner.requests.MOST_PARTS` seeds and styles.
    """
    if len(ends_of(seed)) > MOST_PARTS:
        raise UserError(TOO_MIXED)
    return seed


def seed_from_json(body: Any) -> Seed:
    """Return the seed that a recipe holds: a number, {"noise", "of"} or [seed, seed, t]; a `Seed` stays what it is.

    Raises:
        UserError: it is not a seed, or a mixture of more than `limner.requests.MOST_PARTS`.
    """
    return check_parts(_seed(body, MOST_PARTS))


def _seed(body: Any, deep: int) -> Seed:
    if not isinstance(body, list | tuple):
        return _end(body)
    if len(body) != 3 or type(body[2]) not in (int, float) or not 0 <= body[2] <= 1:
        raise UserError(f"the seed is damaged: expected [seed, seed, t] with t from 0 to 1, got {body!r:.60}")
    if deep < 1:
        raise UserError(TOO_MIXED)
    return _seed(body[0], deep - 1), _seed(body[1], deep - 1), float(body[2])


def _end(body: Any) -> int | Style:
    if isinstance(body, Style):
        return body
    if not isinstance(body, Mapping):
        return check_seed(body)
    noise, of = body.get("noise"), body.get("of", "")
    numbers = isinstance(noise, list | tuple) and all(type(x) is float and abs(x) < _FAR for x in noise)
    if not numbers or not isinstance(of, str):
        raise UserError("the style in the recipe is damaged")
    return Style(tuple(noise or ()), of)


def seeds_of(
    system: System, n: int, seed: int | None, style: StyleSource | Sequence[StyleSource] | None = None
) -> Sequence[Seed]:
    """Return the seeds of `n` pictures of a prompt, as a range, or a style for each picture that `style` names.

    Raises:
        UserError: for n < 1, a seed out of bounds, a style beside n or seed, and as `style_of`.
    """
    if style is None:
        check_count(n, "n, the number of pictures,", most=LARGEST_SEED)
        begin = first_seed(seed)
        check_seed(begin + n - 1)
        return range(begin, begin + n)
    if n != 1 or seed is not None:
        raise UserError("a style leaves nothing to chance: leave n and seed out, or name more prompts or styles")
    some = list(style) if isinstance(style, Sequence) and not isinstance(style, str) else [style]
    if not some:
        raise UserError("there is no style: name a picture")
    return [one if isinstance(one, Style) else style_of(one, system) for one in some]


def seeds_of_each(
    system: System,
    prompts: int,
    n: int,
    seed: int | Sequence[int] | None,
    style: StyleSource | Sequence[StyleSource] | None = None,
) -> list[Sequence[Seed]]:
    """Return the seeds of the pictures of each of `prompts` prompts; `seed` is one for all, or one for each of them.

    Raises:
        UserError: as `seeds_of`, and for another number of seeds than of prompts.
    """
    if not isinstance(seed, Sequence) or isinstance(seed, str):
        return [seeds_of(system, n, seed, style)] * prompts  # it refuses what is no number
    if len(seed) != prompts:
        raise UserError(
            f"got {len(seed)} seeds, and prompts are {prompts}: give one seed for each prompt, or one for all "
            "(n= draws several pictures of a prompt)"
        )
    return [seeds_of(system, n, one, style) for one in seed]


def style_of(picture: str | Path | Image.Image, system: System) -> Style:
    """Find the style of a picture, its middle square, rounded so that a recipe holds just what is drawn from.

    Raises:
        UserError: where it is no picture, or the system has not learnt to find styles.
    """
    with torch.no_grad():
        (found,) = system.style(pixels([picture], system)).tolist()
    return Style(tuple(round(x, 4) for x in found), "" if isinstance(picture, Image.Image) else Path(picture).name)


def pixels(some: Sequence[str | Path | Image.Image], system: System) -> Tensor:
    """Read pictures of any size as training reads them, their middle squares: (B, 3, R, R) in [-1, 1].

    Raises:
        UserError: where one is no picture.
    """
    side = system.data_size(system.config)
    squares = np.stack([np.array(_square(picture, side)) for picture in some])
    return torch.from_numpy(squares).permute(0, 3, 1, 2).to(system.device).float().div(127.5).sub(1)


def _square(picture: str | Path | Image.Image, side: int) -> Image.Image:
    try:
        image = picture if isinstance(picture, Image.Image) else pictures.load(pictures.read(Path(picture)), side)
    except pictures.BadPicture as error:
        raise UserError(f"the picture {picture} {error}") from None
    return pictures.square(pictures.rgb(image), side)
