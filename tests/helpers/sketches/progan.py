"""Progressive growing (Karras et al., ICLR 2018) in miniature, to see that the contract holds it.

Letters: B pictures, C channels, R resolution, a (alpha) share of the newest resolution.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.data.schema import Schema
from limner.data.views import Pictures
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import Nothing
from limner.system import Clock, Draft, Paper, Phase, Player, System, Update, no_grad


@dataclass(frozen=True)
class GrowingConfig:
    """The paper shows each resolution 1.2 million pictures."""

    size: int = 16
    """Side of the finished picture: 4 times a power of two."""
    images: int = 48
    """Budget of one resolution."""
    batches: tuple[int, ...] = (8, 8, 4)
    """Pictures in a step at each resolution; they shrink as pictures grow (16, ..., 14, 6, 3 in the paper)."""
    width: int = 8
    """C."""


class Generator(nn.Module):
    """A block and a way to colours for each resolution."""

    def __init__(self, depths: int, width: int) -> None:
        super().__init__()
        self.start = nn.Sequential(nn.Linear(width, width * 16), nn.Unflatten(1, (width, 4, 4)))
        self.blocks = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(depths))
        self.colours = nn.ModuleList(nn.Conv2d(width, 3, 1) for _ in range(depths))

    def forward(self, z: Tensor, depth: int, alpha: float) -> Tensor:
        """Draw (B, 3, R, R) with R = 4 * 2^depth; the newest resolution counts `alpha`."""
        x = F.leaky_relu(self.blocks[0](self.start(z)), 0.2)
        for block in self.blocks[1:depth]:
            x = F.leaky_relu(block(F.interpolate(x, scale_factor=2)), 0.2)
        if depth == 0:
            return self.colours[0](x)
        up = F.interpolate(x, scale_factor=2)
        new = self.colours[depth](F.leaky_relu(self.blocks[depth](up), 0.2))
        return torch.lerp(self.colours[depth - 1](up), new, alpha)


class Critic(nn.Module):
    """The mirror of the generator."""

    def __init__(self, depths: int, width: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(depths))
        self.colours = nn.ModuleList(nn.Conv2d(3, width, 1) for _ in range(depths))
        self.judge = nn.Linear(width * 16, 1)

    def forward(self, x: Tensor, depth: int, alpha: float) -> Tensor:
        """Judge (B, 3, R, R): (B,)."""
        features = F.leaky_relu(self.blocks[depth](self.colours[depth](x)), 0.2)
        if depth:
            before = self.colours[depth - 1](F.avg_pool2d(x, 2))
            features = torch.lerp(before, F.avg_pool2d(features, 2), alpha)
            for block in reversed(self.blocks[:depth]):
                features = F.leaky_relu(block(features), 0.2)
                features = F.adaptive_avg_pool2d(features, max(features.shape[-1] // 2, 4))
        return self.judge(features.flatten(1)).squeeze(1)


def faded(pictures: Tensor, size: int, alpha: float) -> Tensor:
    """Real pictures at (size, size), their finest detail faded in as that of the drawn ones is."""
    real = F.adaptive_avg_pool2d(pictures, size)
    coarse = F.interpolate(F.avg_pool2d(real, 2), scale_factor=2) if size > 4 else real
    return torch.lerp(coarse, real, alpha)


class ProGan(System):
    """Draws what it likes, each resolution learnt upon the one before."""

    paper = Paper("Progressive Growing of GANs", "Karras, Aila, Laine, Lehtinen", 2018, "ICLR", "1710.10196")
    takes = Nothing
    Config = GrowingConfig
    presets: ClassVar = {"tiny": GrowingConfig()}

    def __init__(self, config: GrowingConfig, schema: Schema) -> None:
        super().__init__(config, schema)
        depths = len(config.batches)
        self.generator, self.critic = Generator(depths, config.width), Critic(depths, config.width)
        self.register_buffer("depth", torch.tensor(0))
        self.register_buffer("alpha", torch.tensor(1.0))

    # --8<-- [start:contract]
    def phases(self) -> list[Phase]:
        optimiser = adam(1e-3, betas=(0.0, 0.99))
        players = {
            "critic": Player(modules=[self.critic], optimiser=optimiser),
            "generator": Player(modules=[self.generator], optimiser=optimiser, ema=10_000),
        }
        return [
            Phase(
                name=f"{4 * 2**depth}px", view=Pictures, images=self.config.images, batch=batch,
                players=players, on_start=partial(self.grow, depth), step=partial(self.step, depth),
            )
            for depth, batch in enumerate(self.config.batches)
        ]  # fmt: skip

    def grow(self, depth: int) -> None:
        """Note how far the net has grown, for `sample`; buffers are saved, so a resumed run knows it too."""
        self.depth.fill_(depth)

    def step(self, depth: int, batch: Pictures, clock: Clock) -> Iterator[Update]:
        alpha = min(1.0, 2 * clock.progress) if depth else 1.0  # fades in over the first half of the phase
        self.alpha.fill_(alpha)
        real = faded(batch.images, 4 * 2**depth, alpha)

        fake = self.generator(self.noise(real), depth, alpha).detach()
        on_real, on_fake = self.critic(real, depth, alpha), self.critic(fake, depth, alpha)
        between = torch.lerp(real, fake, torch.rand_like(real[:, :1, :1, :1])).requires_grad_()
        slope = torch.autograd.grad(self.critic(between, depth, alpha).sum(), between, create_graph=True)[0]
        penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
        drift = on_real.square().mean()
        yield Update("critic", on_fake.mean() - on_real.mean() + 10 * penalty + 1e-3 * drift)

        yield Update("generator", -self.critic(self.generator(self.noise(real), depth, alpha), depth, alpha).mean())

    @no_grad
    def sample(self, requests: Sequence[Nothing], knobs: object, rng: RowNoise) -> Iterator[Draft]:
        depth, z = int(self.depth), F.normalize(rng.normal(self.config.width)) * self.config.width**0.5
        for shallow in range(depth):  # the coarser pictures are drafts of the last
            yield Draft(images=self.generator(z, shallow, 1.0), progress=(shallow + 1) / (depth + 1))
        yield Draft(images=self.generator(z, depth, float(self.alpha)), note=f"{4 * 2**depth}px")

    # --8<-- [end:contract]
    def noise(self, real: Tensor) -> Tensor:
        """Points on the sphere: (B, C)."""
        z = torch.randn_like(real[:, 0, 0, :1].expand(-1, self.config.width))
        return F.normalize(z) * self.config.width**0.5
