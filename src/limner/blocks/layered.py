"""A picture as a figure, a gate and a ground: the nets of a variational autoencoder that draws in two layers.

Those of Attribute2Image (Yan et al. 2016), as its authors' code has them; "Stacking VAE and GAN" (Zhang and Peng 2018)
builds on the same idea. What is asked for, y, reaches the figure alone; the ground is drawn from a latent variable of
its own, so that it can be exchanged.

Sizes are for 64 pixels and n = 64. Each halving or doubling of the picture adds or leaves out the finest level.

Letters: B pictures, S their side, Y numbers of what is asked for, n the width of a net, Z and Z_B numbers of latent
variables, x_F figure, x_B ground, g gate (1 where the ground is seen).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from limner.blocks.latent.gaussian import Gaussian
from limner.blocks.layers.convolutions import doublings

LARGE = 32
"""Sides from which kernels are 5x5 while a picture is halved; 16 while it is doubled. Smaller maps have 3x3."""


def width_at(side: int, width: int) -> int:
    """Return the channels at maps of `side` pixels: n at 64, 2n at 32, 4n below, at least 4."""
    return max(min(64 * width // side, 4 * width), 4)


def convolution(inside: int, outside: int, kernel: int, stride: int = 1, norm: bool = True) -> list[nn.Module]:
    """Return a convolution with biases, batch norm and ReLU."""
    layer = nn.Conv2d(inside, outside, kernel, stride, kernel // 2)
    return [layer, *([nn.BatchNorm2d(outside)] if norm else []), nn.ReLU(inplace=True)]


def trunk(size: int, width: int, ground: bool, last: int) -> nn.Sequential:
    """Return the convolutions of an encoder: (B, 3, S, S) to (B, last): max pooling to 8x8, then strides."""
    doublings(size)
    layers: list[nn.Module] = []
    inside, side = 3, size
    while side > 4:
        outside = width if ground else width_at(side, width)
        kernel, pooled = 5 if side >= LARGE else 3, side > 8
        layers += convolution(inside, outside, kernel, 1 if pooled else 2, norm=side < size)
        layers += [nn.MaxPool2d(2)] if pooled else []
        inside, side = outside, side // 2
    return nn.Sequential(*layers, nn.Conv2d(inside, last, 4), nn.ReLU(), nn.Flatten())


class FigureEncoder(nn.Module):
    """q(z|x, y): the mean hears of y, the variance of the picture alone. The published encoder of both variants.

    Args:
        size: S.
        asked: Y.
        width: n.
        latent: Z.
    """

    def __init__(self, size: int, asked: int, width: int, latent: int) -> None:
        super().__init__()
        self.features = 16 * width
        self.look = nn.Sequential(
            trunk(size, width, ground=False, last=self.features),
            nn.Linear(self.features, self.features), nn.ReLU(), nn.Dropout(0.5),
        )  # fmt: skip
        self.hear = nn.Sequential(nn.Linear(asked, latent), nn.ReLU())
        self.mean = nn.Linear(self.features + latent, latent)
        self.log_variance = nn.Linear(self.features, latent)
        nn.init.zeros_(self.log_variance.weight)
        nn.init.zeros_(self.log_variance.bias)

    def posterior(self, seen: Tensor, y: Tensor) -> Gaussian:
        """Return q of what was seen, (B, 16n) of `look`, and what is asked for, (B, Y)."""
        mean = self.mean(torch.cat([seen, self.hear(y)], dim=1))
        return Gaussian(mean.float(), self.log_variance(seen).float())


class GroundEncoder(nn.Module):
    """q(z_B|x, y, z_F): the picture (B, 3, S, S), what is asked for and the figure's code, joined late.

    Args:
        size: S.
        known: Y + Z.
        width: n.
        latent: Z_B.
    """

    def __init__(self, size: int, known: int, width: int, latent: int) -> None:
        super().__init__()
        wide = 4 * width
        self.look = nn.Sequential(trunk(size, width, ground=True, last=wide), nn.Linear(wide, wide), nn.ReLU())
        self.join = nn.Sequential(nn.Linear(wide + known, wide), nn.ReLU())
        self.mean, self.log_variance = nn.Linear(wide, latent), nn.Linear(wide, latent)
        nn.init.zeros_(self.log_variance.weight)
        nn.init.zeros_(self.log_variance.bias)

    def forward(self, x: Tensor, known: Tensor) -> Gaussian:
        joined = self.join(torch.cat([self.look(x), known], dim=1))
        return Gaussian(self.mean(joined).float(), self.log_variance(joined).float())


class Doubled(NamedTuple):
    """What the decoder of figures gives."""

    picture: Tensor
    """(B, 3, S, S) in [-1, 1]."""
    second: Tensor
    """(B, C, S, S), unbounded: logits of the gate, or logarithms of variances."""


class FigureDecoder(nn.Module):
    """p(x_F, g|z_F, y), or p(x|z, y) with a variance in the place of the gate: (B, Z), (B, Y) to two maps.

    Args:
        size: S.
        asked: Y.
        width: n.
        latent: Z.
        second: channels of the second map; 0 for none.
    """

    def __init__(self, size: int, asked: int, width: int, latent: int, second: int) -> None:
        super().__init__()
        doublings(size)
        wide = 4 * width
        self.hear = nn.Sequential(nn.Linear(asked, 2 * latent), nn.ReLU())
        self.mix = nn.Sequential(nn.Linear(3 * latent, wide), nn.ReLU(), nn.Linear(wide, wide * 64), nn.ReLU())
        layers: list[nn.Module] = [nn.Unflatten(1, (wide, 8, 8)), *convolution(wide, wide, 3)]
        inside, side = wide, 8
        while side < size:
            side *= 2
            outside = width_at(side, width)
            layers += [nn.Upsample(scale_factor=2), *convolution(inside, outside, 5)]
            inside = outside
        self.draw = nn.Sequential(*layers)
        self.picture = nn.Sequential(nn.Conv2d(inside, 3, 5, padding=2), nn.Tanh())
        self.second = nn.Conv2d(inside, second, 5, padding=2) if second else None

    def forward(self, z: Tensor, y: Tensor) -> Doubled:
        drawn = self.draw(self.mix(torch.cat([z, self.hear(y)], dim=1)))
        second = drawn[:, :0] if self.second is None else self.second(drawn)
        return Doubled(self.picture(drawn).float(), second.float())


class GroundDecoder(nn.Sequential):
    """p(x_B|z_B): (B, Z_B) to (B, 3, S, S); of what is asked for it hears nothing.

    Args:
        size: S.
        width: n.
        latent: Z_B.
    """

    def __init__(self, size: int, width: int, latent: int) -> None:
        doublings(size)
        inside = 4 * width
        layers: list[nn.Module] = [nn.Linear(latent, inside * 4), nn.ReLU(), nn.Unflatten(1, (inside, 2, 2))]
        side = 2
        while side < size:
            side *= 2
            outside = max(2 * width if side < 16 else width if side <= LARGE else LARGE * width // side, 4)
            layers += [nn.Upsample(scale_factor=2), *convolution(inside, outside, 5 if side > LARGE else 3)]
            layers += convolution(outside, outside, 3) if 16 <= side <= LARGE else []
            inside = outside
        super().__init__(*layers, nn.Conv2d(inside, 3, 5, padding=2), nn.Tanh())


class Layers(NamedTuple):
    """The layers of pictures."""

    figure: Tensor
    """x_F, (B, 3, S, S)."""
    logits: Tensor
    """Of the gate, (B, 1, S, S), or three for each pixel: one for each colour."""
    ground: Tensor
    """x_B, (B, 3, S, S)."""

    @property
    def gate(self) -> Tensor:
        """Return g in [0, 1], as `logits`."""
        return self.logits.sigmoid()

    def compose(self) -> Tensor:
        """Return (1 - g) x_F + g x_B, (B, 3, S, S): in [-1, 1] where both are."""
        return self.figure + self.gate * (self.ground - self.figure)


def gate_loss(logits: Tensor, masks: Tensor, known: Tensor) -> Tensor:
    """Return the cross-entropy of gates with 1 - m, summed over the gate's numbers, 0 where no mask is known: (B,).

    Args:
        logits: (B, C, S, S) of g.
        masks: (B, 1, S, S) m, the share of each pixel that the figure covers.
        known: bool (B,).
    """
    wanted = (1 - masks).expand_as(logits)
    entropy = nn.functional.binary_cross_entropy_with_logits(logits.float(), wanted, reduction="none")
    return entropy.sum(dim=(1, 2, 3)) * known


def area_loss(logits: Tensor, known: Tensor, least: float, most: float) -> Tensor:
    """Return how far the mean of each gate lies outside [least, most], times its pixels, where no mask is known: (B,).

    So that neither layer draws everything where nothing says what is in front.
    """
    share = logits.float().sigmoid().mean(dim=(1, 2, 3))
    outside = (least - share).clamp(min=0) + (share - most).clamp(min=0)
    return outside * logits.shape[-1] * logits.shape[-2] * ~known
