"""Two nets that grow: they begin at 4x4 pixels, and each doubling of the side fades in (Karras et al., ICLR 2018).

Reading order: Stage, schedule, GrowingGenerator, GrowingCritic, faded, wasserstein, slope_penalty.

Letters: B pictures, R the side of the newest stage, depth the number of doublings since 4x4 (R = 4 * 2^depth), alpha
the share of the newest stage in what is drawn and judged, L numbers that a picture is drawn from, C channels.

Gains of layers are those of the authors' code (recalled, not read again): sqrt(2) within, 1 to colours and to the
score, sqrt(2) / 4 at the first layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.layers.equalised import (
    GAIN,
    EqualConv,
    EqualDown,
    EqualLinear,
    EqualUp,
    leaky,
    pixel_norm,
    with_deviation,
)
from limner.errors import UserError

STEEP, DRIFT = 10.0, 0.001
"""Weights of the gradient penalty and of the square of the scores of real pictures."""


@dataclass(frozen=True)
class Stage:
    """One resolution of a schedule; on the command line `resolution:share:batch:fade`."""

    resolution: int
    """Side of the pictures in pixels."""
    share: float
    """Its part of the whole budget; only what shares are to each other counts."""
    batch: int
    """Pictures in a step."""
    fade: float
    """Part of the stage in which it fades in; the first has nothing to fade from."""

    def alpha(self, progress: float) -> float:
        """Return the share of this stage in what is drawn when `progress` of it is done."""
        return min(1.0, progress / self.fade) if self.fade and self.resolution > 4 else 1.0


def schedule(stages: Sequence[Stage], size: int, images: int) -> list[tuple[Stage, int]]:
    """Return the stages up to `size` pixels, each with its part of a budget of `images`.

    Raises:
        UserError: where they do not double from 4 to `size`, or one has numbers that make no sense.
    """
    kept = [stage for stage in stages if stage.resolution <= size]
    if [stage.resolution for stage in kept] != [4 * 2**i for i in range(len(kept))] or 4 * 2 ** len(kept) != 2 * size:
        told = ", ".join(str(stage.resolution) for stage in stages)
        raise UserError(f"stages have to double from 4 to size={size}; they are {told or 'none'}")
    for stage in kept:
        if stage.share <= 0 or stage.batch < 1 or not 0 <= stage.fade <= 1:
            raise UserError(f"stage of {stage.resolution} pixels: share above 0, batch from 1, fade from 0 to 1")
    whole = sum(stage.share for stage in kept)
    return [(stage, round(images * stage.share / whole)) for stage in kept]


class Doubling(nn.ModuleList):
    """Twice the side: 3x3 convolution of the doubled map, another 3x3, each with leaky ReLU and pixel norm."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__([EqualUp(inside, outside), EqualConv(outside, outside, 3)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self:
            x = pixel_norm(leaky(layer(x)))
        return x


class Halving(nn.ModuleList):
    """Half the side: 3x3 convolution, another 3x3 and the mean of 2x2 places, each with leaky ReLU."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__([EqualConv(inside, inside, 3), EqualDown(inside, outside)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self:
            x = leaky(layer(x))
        return x


class GrowingGenerator(nn.Module):
    """Numbers (B, L) to pictures (B, 3, R, R), one block and one way to colours for each resolution.

    Args:
        latent: L.
        widths: channels at 4, 8, 16, ... pixels.
    """

    def __init__(self, latent: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.latent, self.deepest = latent, len(widths) - 1
        self.seed = EqualLinear(latent, widths[0] * 4 * 4, gain=GAIN / 4)
        self.first = EqualConv(widths[0], widths[0], 3)
        self.blocks = nn.ModuleList(Doubling(inside, outside) for inside, outside in pairwise(widths))
        self.colours = nn.ModuleList(EqualConv(width, 3, 1, gain=1) for width in widths)

    def forward(self, latent: Tensor, depth: int | None = None, alpha: float = 1.0) -> Tensor:
        """Draw at `depth`, by default the deepest; below `alpha` = 1 the stage before, doubled, shines through."""
        depth = self.deepest if depth is None else depth
        x = self.seed(pixel_norm(latent)).unflatten(1, (-1, 4, 4)).contiguous(memory_format=torch.channels_last)
        x = pixel_norm(leaky(self.first(pixel_norm(leaky(x)))))
        before = x
        for block in self.blocks[:depth]:
            before, x = x, block(x)  # (B, C, h, h), (B, C', 2h, 2h)
        drawn = self.colours[depth](x).float()
        if depth == 0 or alpha == 1:
            return drawn
        return torch.lerp(doubled(self.colours[depth - 1](before).float()), drawn, alpha)


class GrowingCritic(nn.Module):
    """The mirror: pictures (B, 3, R, R) to 4x4 maps, and these to what is seen in each picture.

    Args:
        widths: channels at 4, 8, 16, ... pixels.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.colours = nn.ModuleList(EqualConv(3, width, 1) for width in widths)
        self.blocks = nn.ModuleList(Halving(outside, inside) for inside, outside in pairwise(widths))
        self.last = EqualConv(widths[0] + 1, widths[0], 3)
        self.gather = EqualConv(widths[0], widths[0], 4, padding=0)
        self.score = EqualLinear(widths[0], 1, gain=1)

    def features(self, x: Tensor, depth: int, alpha: float) -> Tensor:
        """Halve pictures to 4x4 maps, row by row: (B, C, 4, 4)."""
        x = x.contiguous(memory_format=torch.channels_last)
        h = leaky(self.colours[depth](x))
        for place in reversed(range(depth)):
            h = self.blocks[place](h)
            if place == depth - 1 and alpha < 1:
                h = torch.lerp(leaky(self.colours[place](F.avg_pool2d(x, 2))), h, alpha)
        return h

    def sum_up(self, features: Tensor) -> Tensor:
        """Return what is seen in each picture (B, C), how unlike the others of its group it is included."""
        return leaky(self.gather(leaky(self.last(with_deviation(features))))).flatten(1)

    def judge(self, features: Tensor) -> Tensor:
        """Score what was seen: (B,), any number, higher where real."""
        return self.score(self.sum_up(features)).flatten()

    def forward(self, x: Tensor, depth: int, alpha: float) -> Tensor:
        return self.judge(self.features(x, depth, alpha))


def doubled(x: Tensor) -> Tensor:
    """Double the side by repeating each place."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def faded(pictures: Tensor, depth: int, alpha: float) -> Tensor:
    """Show real pictures (B, 3, S, S) at `depth`, their finest detail faded in as that of the drawn ones is."""
    resolution = 4 * 2**depth
    x = F.avg_pool2d(pictures, pictures.shape[-1] // resolution)
    return torch.lerp(doubled(F.avg_pool2d(x, 2)), x, alpha) if depth and alpha < 1 else x


def wasserstein(real: Tensor, *negatives: Tensor, weight: float = 1.0) -> Tensor:
    """Each E D(negative) times `weight`, less E D(real); and the square of real scores, which holds them near 0."""
    real = real.float()
    below = sum(negative.float().mean() for negative in negatives)
    return weight * below - real.mean() + DRIFT * real.square().mean()


def slope_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, drawn: Tensor) -> Tensor:
    """10 E (||d critic(x) / d x|| - 1)^2 with x between a real and a drawn picture (Gulrajani et al. 2017, eq. 3).

    The norm is over all numbers of one picture.
    """
    share = torch.rand_like(real[:, :1, :1, :1])
    between = torch.lerp(real, drawn.detach(), share).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).float().sum(), between, create_graph=True)
    norm = (slope.float().square().flatten(1).sum(dim=1) + 1e-12).sqrt()
    return STEEP * (norm - 1).square().mean()
