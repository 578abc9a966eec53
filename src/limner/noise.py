"""Seeds, styles, and the noise of each row of a batch."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from limner.errors import UserError


@dataclass(frozen=True)
class Style:
    """Noise in place of a seed: what `System.style` inferred from a picture."""

    noise: tuple[float, ...]
    """Z numbers."""
    of: str = ""
    """Name of the picture."""


Seed = int | Style | tuple["Seed", "Seed", float]
"""A whole number, a style, or the point between two seeds at t in [0, 1]."""


class RowNoise:
    """Noise for a batch with an independent stream for each row: a row gets the same noise alone as among others.

    A seed is a whole number, or a `Style`, or `(a, b, t)`: the spherical interpolation of the noise of seeds `a` and
    `b`, which may be interpolations themselves. So a walk moves through noise. Numbers are drawn on the CPU, so that a
    seed means the same on every machine.

    Args:
        seeds: one for each of B rows.
        to: the device of the noise.
    """

    def __init__(self, seeds: Sequence[Seed], to: torch.device | str = "cpu") -> None:
        self.seeds, self.to = list(seeds), to
        ends = {end for seed in self.seeds for end in ends_of(seed)}
        self._streams = {end: torch.Generator().manual_seed(end) for end in ends if not isinstance(end, Style)}
        self._styles = {end: torch.tensor(end.noise) for end in ends if isinstance(end, Style)}
        self._drew = False
        self._further = 0

    def __len__(self) -> int:
        return len(self.seeds)

    def normal(self, *shape: int) -> Tensor:
        """Draw from N(0, 1): (B, *shape).

        Raises:
            UserError: where a row has a `Style` of another size, or noise was drawn before: a style is one draw.
        """
        drawn: dict[int | Style, Tensor] = {
            end: torch.randn(shape, generator=stream) for end, stream in self._streams.items()
        }
        for end, noise in self._styles.items():
            if self._drew or len(noise) != math.prod(shape):
                why = "draws noise several times" if self._drew else f"draws {math.prod(shape)} numbers of noise"
                raise UserError(f"a style of {len(noise)} numbers does not fit: this system {why}")
            drawn[end] = noise.view(shape)
        self._drew = True

        def row(seed: Seed) -> Tensor:
            return slerp(row(seed[0]), row(seed[1]), seed[2]) if isinstance(seed, tuple) else drawn[seed]

        return torch.stack([row(seed) for seed in self.seeds]).to(self.to)

    def more(self) -> RowNoise:
        """Return noise for draws after the first, with a stream of its own for each row.

        Each call returns other noise: the k-th call for a seed always the same. It begins from what a seed is, a number
        or the numbers of a style, so a system whose first draw is `normal` and all others come from here draws in a
        style, too, and its noise moves smoothly where a seed lies between two others. What `normal` draws is not
        changed by it.
        """
        self._further += 1
        return RowNoise([_further(seed, self._further) for seed in self.seeds], self.to)


def _further(seed: Seed, k: int) -> Seed:
    """Return the seed of the k-th further stream of a seed."""
    if isinstance(seed, tuple):
        return _further(seed[0], k), _further(seed[1], k), seed[2]
    content = struct.pack(f"<{len(seed.noise)}d", *seed.noise) if isinstance(seed, Style) else str(seed).encode()
    content = type(seed).__name__.encode() + b" %d " % k + content
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little") >> 1


def ends_of(seed: Seed) -> list[int | Style]:
    """Return the whole numbers and styles that a seed is interpolated from: itself where it is one."""
    return [*ends_of(seed[0]), *ends_of(seed[1])] if isinstance(seed, tuple) else [seed]


def slerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """Interpolate two Gaussian draws of one shape along the sphere, so that all points are as likely as the ends."""
    cosine = (a.flatten() @ b.flatten() / (a.norm() * b.norm()).clamp_min(1e-12)).clamp(-1, 1)
    angle = torch.acos(cosine)
    if angle < 1e-4:
        return a.lerp(b, t)
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)
