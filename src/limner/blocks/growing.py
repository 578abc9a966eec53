"""Parts of systems whose nets grow from 4x4 pixels or more, each doubling fading in (Karras et al., ICLR 2018).

Reading order: Stage and GrowthSchedule (what is trained when), Doubling and Halving (the layers of one resolution),
real_at (real pictures as small as the drawn ones), coarse_to_fine (drawing). The nets themselves stand in the files of
their systems.

Letters: B pictures, S side of the finished picture, R side of the newest stage, depth the number of doublings since 4x4
(R = 4 * 2^depth), alpha the weight of the newest stage while it fades in, L numbers that a picture is drawn from, C
channels, h side of a map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.layers.equalised import EqualConv, EqualDown, EqualUp, leaky, pixel_norm
from limner.errors import UserError
from limner.system import Draft


@dataclass(frozen=True)
class Stage:
    """One resolution of a schedule; on the command line `resolution:share:batch:fade`."""

    resolution: int
    """Side of the pictures in pixels."""
    share: float
    """Its part of the whole budget; only the ratios of shares matter."""
    batch: int
    """Pictures in a step."""
    fade: float
    """Part of the stage during which it fades in; the first stage never fades."""

    def alpha(self, progress: float) -> float:
        """Return the weight of this stage in the picture when `progress` of it, in [0, 1], is done."""
        return min(1.0, progress / self.fade) if self.fade and self.resolution > 4 else 1.0


@dataclass(frozen=True)
class GrowthSchedule:
    """The stages from the first side, 4 pixels or more, to the finished one, and the widths of nets that grow."""

    stages: tuple[Stage, ...]
    """One for each resolution."""
    budgets: tuple[int, ...]
    """Pictures of each stage."""
    widths: tuple[int, ...]
    """Channels at each resolution from 4 pixels on."""
    first: int = 0
    """Depth of the first stage: nets begin with the layers up to there."""

    @classmethod
    def of(cls, stages: Sequence[Stage], widths: Sequence[int], size: int, images: int) -> GrowthSchedule:
        """Take the stages up to `size` pixels and divide a budget of `images` among them.

        Raises:
            UserError: where stages do not double from 4, 8, ... pixels to `size`, a value is out of range, or widths
                are missing.
        """
        used = [stage for stage in stages if stage.resolution <= size]
        sides = [4 * 2**depth for depth in range(10) if 4 * 2**depth <= size]
        first = len(sides) - len(used)
        if not used or sides[-1:] != [size] or [stage.resolution for stage in used] != sides[first:]:
            named = ", ".join(str(stage.resolution) for stage in stages)
            raise UserError(f"stages have to double from 4, 8, ... to size={size}; they are {named or 'none'}")
        for stage in used:
            if stage.share <= 0 or stage.batch < 1 or not 0 <= stage.fade <= 1:
                raise UserError(f"stage of {stage.resolution} pixels: share above 0, batch from 1, fade from 0 to 1")
        if len(widths) < len(sides):
            raise UserError(f"{len(sides)} stages need {len(sides)} widths, not {len(widths)}")
        used[0] = replace(used[0], fade=0.0)
        total = sum(stage.share for stage in used)
        budgets = (round(images * stage.share / total) for stage in used)
        return cls(tuple(used), tuple(budgets), tuple(widths[: len(sides)]), first)

    @property
    def last(self) -> int:
        """The depth of a net that is fully grown."""
        return self.first + len(self.stages) - 1

    def at(self, depth: int) -> Stage:
        """Return the stage of a depth."""
        return self.stages[depth - self.first]

    def parts(self) -> Iterator[tuple[int, Stage, int]]:
        """Yield depth, stage and budget of each stage."""
        yield from zip(range(self.first, self.last + 1), self.stages, self.budgets, strict=True)


class Doubling(nn.ModuleList):
    """Generator layers of one resolution: (B, C, h, h) to (B, C', 2h, 2h).

    A 3x3 convolution of the doubled map and another 3x3, each with leaky ReLU and pixel norm, or without (`normed`).
    """

    def __init__(self, inside: int, outside: int, normed: bool = True) -> None:
        super().__init__([EqualUp(inside, outside), EqualConv(outside, outside, 3)])
        self.normed = normed

    def forward(self, x: Tensor) -> Tensor:
        for layer in self:
            x = leaky(layer(x))
            x = pixel_norm(x) if self.normed else x
        return x


class Halving(nn.ModuleList):
    """Discriminator layers of one resolution: (B, C, 2h, 2h) to (B, C', h, h).

    A 3x3 convolution, then another 3x3 and the mean of each 2x2 places, each with leaky ReLU.
    """

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__([EqualConv(inside, inside, 3), EqualDown(inside, outside)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self:
            x = leaky(layer(x))
        return x


def doubled(x: Tensor) -> Tensor:
    """Double the side by repeating each place: (B, C, h, h) to (B, C, 2h, 2h)."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def real_at(images: Tensor, depth: int, alpha: float) -> Tensor:
    """Scale real pictures (B, 3, S, S) down to those of `depth`, their finest detail faded in: (B, 3, R, R)."""
    x = F.avg_pool2d(images, images.shape[-1] // (4 * 2**depth))
    return torch.lerp(doubled(F.avg_pool2d(x, 2)), x, alpha) if depth and alpha < 1 else x


def coarse_to_fine(
    generator: Callable[[Tensor, int, float], Tensor],
    latent: Tensor,
    depth: int,
    alpha: float,
    size: int,
    first: int = 0,
) -> Iterator[Draft]:
    """Draw from (B, L) at each depth in turn; the last draft is doubled to `size` pixels, whatever depth was reached.

    Args:
        generator: numbers (B, L), depth and alpha to pictures (B, 3, R, R).
        latent: what each picture is drawn from, (B, L).
        depth: how far the net has grown.
        alpha: weight of its newest stage.
        size: side of the finished picture, S.
        first: depth that the net began with.
    """
    for shallow in range(first, depth):
        images = generator(latent, shallow, 1.0).clamp(-1, 1)
        yield Draft(images=images, note=_sides(images), progress=(shallow - first + 1) / (depth - first + 1))
    images = generator(latent, depth, alpha).clamp(-1, 1)
    note = _sides(images)
    while images.shape[-1] < size:
        images = doubled(images)
    yield Draft(images=images, note=note)


def _sides(images: Tensor) -> str:
    return f"{images.shape[-2]} x {images.shape[-1]}"
