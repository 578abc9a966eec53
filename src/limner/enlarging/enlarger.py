"""An enlarger: a small net that learns from large originals what the small pictures of a data set leave out.

It is trained like any system, and draws nothing by itself: an artist carries it (`limner.enlarging.attached`) and
enlarges with it what it has drawn.

    limner enlarge avatars --data data/avatars-256 -o artists/avatars

What it is given in training is the original made small as the data's cache makes it, and then a little blurred and
noisy, as drawn pictures are. The loss is a smooth L1 alone: beside it a loss of edges (L1 of the differences of
neighbours, equal weight) made them softer, not crisper.

Letters: B pictures, S the side of an original, r the factor, P the side of a patch of a small picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from limner.blocks.losses.pixels import charbonnier
from limner.blocks.modes import evaluating, full_precision
from limner.blocks.vision.enlarger import Enlarger
from limner.data.scales import Scales, scales
from limner.data.schema import Schema
from limner.errors import UserError
from limner.noise import RowNoise
from limner.optimisers import adam, linear_to_zero
from limner.requests import Request
from limner.system import Clock, Draft, Paper, Phase, Player, System, Update


@dataclass(frozen=True)
class Config:
    """What people change."""

    size: int = 256
    """Side of the enlarged pictures in pixels, S."""
    factor: int = 4
    """How many times as large as what it is given, r: a power of two."""
    width: int = 32
    """Channels of its convolutions."""
    blocks: int = 2
    """Residual blocks."""
    images: int = 120_000
    """Training budget in patches."""
    batch: int = 16
    """Patches in a step."""
    patch: int = 32
    """Side of a patch of the small picture in pixels, P; a picture that is smaller is taken whole."""
    rate: float = 1e-3
    """Learning rate, which falls to 0."""
    haze: float = 0.5
    """Largest share of its blurred self in what it is given."""
    noise: float = 0.05
    """Largest standard deviation of the noise in what it is given; pixels lie in [-1, 1]."""


class Enlarging(System):
    """The net, taught by originals."""

    paper = Paper(
        "Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural network",
        "Wenzhe Shi, Jose Caballero, Ferenc Huszár, Johannes Totz, Andrew P. Aitken, Rob Bishop, Daniel Rueckert, "
        "Zehan Wang",
        2016,
        "CVPR",
        "1609.05158",
    )
    gives = frozenset()
    config: Config
    Config = Config
    presets: ClassVar[Mapping[str, Any]] = {"small": Config()}

    def __init__(self, config: Any, schema: Schema) -> None:
        super().__init__(config, schema)
        if config.size % config.factor:
            raise UserError(f"pictures of {config.size} pixels are not {config.factor} times as large as others")
        self.net = Enlarger(config.factor, config.width, config.blocks)

    def phases(self) -> list[Phase]:
        """Return one phase."""
        c = self.config
        player = Player(modules=[self.net], optimiser=adam(c.rate), schedule=linear_to_zero, ema=1000 * c.batch / 16)
        view = scales(c.factor, min(c.patch, c.size // c.factor))
        return [
            Phase(
                name="enlarger", view=view, images=c.images, batch=c.batch,
                players={"enlarger": player}, step=self.step, check=self.check, draws=False,
            )
        ]  # fmt: skip

    def step(self, batch: Scales, clock: Clock) -> Iterator[Update]:
        """Enlarge small patches with the flaws of drawn ones, to be as near the originals as can be."""
        made = self.net(flawed(batch.small, self.config.haze, self.config.noise))
        with full_precision(made):
            loss = charbonnier(made.float(), batch.images)
        yield Update("enlarger", loss)

    @torch.no_grad()
    def check(self, batch: Scales) -> Mapping[str, float]:
        """Return the peak signal-to-noise ratio on held-out patches, and that of bilinear enlargement, in dB."""
        with evaluating(self):
            made = self.net(batch.small)
        smooth = F.interpolate(batch.small, scale_factor=float(self.config.factor), mode="bilinear")
        return {"PSNR": psnr(made, batch.images), "PSNR, bilinear": psnr(smooth, batch.images)}

    def sample(self, requests: Sequence[Request], knobs: Any, rng: RowNoise) -> Iterator[Draft]:
        """Refuse: an enlarger draws nothing by itself."""
        raise UserError("an enlarger draws nothing by itself: `limner enlarge ARTIST --from` gives it to an artist")


def flawed(images: Tensor, haze: float, noise: float) -> Tensor:
    """Blur pictures (B, 3, P, P) and add noise, each as much as chance says, from not at all to the most."""
    some = torch.rand(2, len(images), 1, 1, 1, device=images.device)
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    blurred = F.avg_pool2d(F.avg_pool2d(padded, 2, stride=1), 2, stride=1)  # the kernel 1 2 1
    return images.lerp(blurred, haze * some[0]) + noise * some[1] * torch.randn_like(images)


def psnr(a: Tensor, b: Tensor) -> float:
    """Return the peak signal-to-noise ratio of pictures in [-1, 1], the mean over pictures, in dB."""
    error = (a.clamp(-1, 1) - b).square().flatten(1).mean(dim=1).clamp_min(1e-10)
    return float((10 * (4 / error).log10()).mean())
