"""The enlarger of an artist as a net of its own, and the check that it enlarges as in Python.

Letters: B pictures, S the side of a drawn picture, r the factor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from limner.blocks.export import B, Runs
from limner.drawing.artist import Artist
from limner.export import onnx, runner
from limner.imaging.sheets import to_pil
from limner.noise import Seed
from limner.requests import Request
from limner.system import ExportPart

PART, SMALL, LARGE = "enlarger", "small", "large"


def part(artist: Artist) -> dict[str, ExportPart]:
    """Return the part `enlarger`: pictures (B, 3, S, S) to (B, 3, r S, r S); nothing where the artist has none."""
    if artist.enlarger is None:
        return {}
    side = artist.enlarger.small
    net = Runs(artist.enlarger.net, [artist.enlarger.net])
    return {PART: ExportPart(net, {SMALL: torch.zeros(B, 3, side, side)}, (LARGE,))}


def by_floats(run: runner.Run) -> Callable[[Tensor], np.ndarray]:
    """Return what enlarges bytes (S, S, 3) with the part as `part` has it, to bytes (r S, r S, 3)."""

    def enlarge(frame: Tensor) -> np.ndarray:
        small = frame.permute(2, 0, 1)[None].float().div(127.5).sub(1)
        return np.asarray(to_pil(run(PART, {SMALL: small})[LARGE])[0])

    return enlarge


def check(artist: Artist, enlarge: Callable[[Tensor], np.ndarray]) -> int:
    """Enlarge a few of the artist's pictures, bytes (S, S, 3), in another way; return the largest difference, of 255.

    Raises:
        UserError: it is more than `onnx.SHADES`.
    """
    if artist.enlarger is None:
        return 0
    return onnx.compared(artist.at(artist.enlarger.size), _enlarged(artist, enlarge))


def _enlarged(
    artist: Artist, enlarge: Callable[[Tensor], np.ndarray]
) -> Iterator[tuple[tuple[Request, Seed], np.ndarray]]:
    for row in onnx.trials(artist, blends=False):
        (picture,) = artist.rows([row])
        frames = torch.from_numpy(np.array(picture)).split(picture.height, dim=1)
        yield row, np.concatenate([enlarge(frame) for frame in frames], axis=1)
