"""ProGAN: nets that grow with the pictures they draw.

Karras, Aila, Laine, Lehtinen: Progressive Growing of GANs for Improved Quality, Stability, and Variation, ICLR 2018.

Reading order: Config, ProGAN: its phases, its step, drawing. The growing nets are in `blocks.growing`, their layers in
`blocks.layers.equalised`; what systems that grow share is in `blocks.grower`.

Letters: B pictures, R their side, L numbers of noise, alpha the share of the newest resolution.

Deviations
    The first layer has a bias for each number, not for each channel.
    In the critic a map is halved before the leaky ReLU, not after: convolution and mean are one, as in the authors'
    code at its large resolutions (recalled).
    There is no knob for how far the noise goes: it is brought to one length before the first layer.
    The half-life of the averaged generator is counted in pictures and not in steps.
    The preset `paper` has the paper's channels, budgets and batches as we recall them; they were not read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from limner.blocks.grower import Grower
from limner.blocks.growing import GrowingCritic, GrowingGenerator, Stage, faded, slope_penalty, wasserstein
from limner.blocks.latent.noise import normal
from limner.data.schema import Schema
from limner.data.views import Pictures
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import Nothing, Request
from limner.system import Draft, Paper, Phase, Player, Update, no_grad


@dataclass(frozen=True, kw_only=True)
class Config:
    """What people change."""

    size: int = 64
    """Side of the finished picture in pixels; stages above it are left out."""
    images: int = 148_000
    """Budget over all stages, in pictures."""
    stages: tuple[Stage, ...] = (
        Stage(4, 8, 64, 0.5),
        Stage(8, 16, 64, 0.5),
        Stage(16, 40, 32, 0.5),
        Stage(32, 42, 16, 0.5),
        Stage(64, 42, 16, 0.5),
    )
    """The schedule, resolution:share:batch:fade of each stage: its share of the budget, and the part it fades in."""
    widths: tuple[int, ...] = (128, 128, 128, 64, 32)
    """Channels at 4, 8, 16, ... pixels, of both nets."""
    latent: int = 128
    """Numbers of noise, L."""
    rate: float = 1e-3
    """Learning rate of both players."""
    ema: float = 5_000
    """Half-life of the published weights, in pictures."""


class ProGAN(Grower):
    """Karras et al. 2018."""

    paper = Paper(
        title="Progressive Growing of GANs for Improved Quality, Stability, and Variation",
        authors="Tero Karras, Timo Aila, Samuli Laine, Jaakko Lehtinen",
        year=2018,
        venue="ICLR",
        arxiv="1710.10196",
    )
    takes = Nothing
    Config = Config
    default_preset = "avatars"
    presets: ClassVar[Mapping[str, Any]] = {
        "tiny": Config(
            size=16, images=6_400, widths=(16, 16, 8), latent=16, rate=3e-3, ema=50,
            stages=(Stage(4, 1, 8, 0.5), Stage(8, 1, 8, 0.5), Stage(16, 3, 8, 0.5)),
        ),
        "avatars": Config(rate=3e-3),
        "paper": Config(
            size=1024, images=10_200_000, widths=(512, 512, 512, 512, 256, 128, 64, 32, 16), latent=512, ema=10_000,
            stages=(
                Stage(4, 1, 16, 0), Stage(8, 2, 16, 0.5), Stage(16, 2, 16, 0.5), Stage(32, 2, 16, 0.5),
                Stage(64, 2, 16, 0.5), Stage(128, 2, 16, 0.5), Stage(256, 2, 14, 0.5), Stage(512, 2, 6, 0.5),
                Stage(1024, 2, 3, 0.5),
            ),
        ),
    }  # fmt: skip

    def __init__(self, config: Any, schema: Schema) -> None:
        super().__init__(config, schema)
        self.generator = GrowingGenerator(config.latent, self.widths)
        self.critic = GrowingCritic(self.widths)
        for net in (self.generator, self.critic):
            net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # quicker on CPUs in bf16

    def phases(self) -> list[Phase]:
        """One phase a resolution."""
        optimiser = adam(self.config.rate, betas=(0.0, 0.99))
        players = {
            "critic": Player(modules=[self.critic], optimiser=optimiser),
            "generator": Player(modules=[self.generator], optimiser=optimiser, ema=self.config.ema),
        }
        return self.stages(Pictures, players, self.step)

    def step(self, depth: int, alpha: float, batch: Pictures) -> Iterator[Update]:
        """The critic's move, then the generator's with fresh noise."""
        real = faded(batch.images, depth, alpha)  # (B, 3, R, R)
        with torch.no_grad():
            drawn = self.generator(self.noise(real), depth, alpha)
        seen, drawn_seen = self.critic.features(torch.cat([real, drawn]), depth, alpha).chunk(2)
        on_real, on_drawn = self.critic.judge(seen), self.critic.judge(drawn_seen)
        penalty = slope_penalty(lambda x: self.critic(x, depth, alpha), real, drawn)
        log = {"real": on_real, "drawn": on_drawn, "penalty": penalty}
        yield Update("critic", wasserstein(on_real, on_drawn) + penalty, log)

        drawn = self.generator(self.noise(real), depth, alpha)
        yield Update("generator", -self.critic(drawn, depth, alpha).float().mean())

    def noise(self, like: Tensor) -> Tensor:
        """Draw noise for each row of `like`: (B, L)."""
        return normal(like, self.config.latent)

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: Any, rng: RowNoise) -> Iterator[Draft]:
        """Draw each resolution in turn."""
        yield from self.drafts(rng.normal(self.config.latent))
