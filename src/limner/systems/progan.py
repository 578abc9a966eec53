"""ProGAN: nets that grow with the pictures they draw.

Karras, Aila, Laine, Lehtinen: Progressive Growing of GANs for Improved Quality, Stability, and Variation, ICLR 2018.

Reading order: Config, Generator, Discriminator, critic_loss, ProGAN (phases, step, sample). Layers with equalised
learning rate, pixel norm and minibatch deviation are in `blocks.layers.equalised`, the layers of one resolution and the
schedule in `blocks.growing`.

Letters: B pictures, S side of the finished picture, R side of the newest stage, depth the number of doublings since 4x4
(R = 4 * 2^depth), alpha the weight of the newest stage while it fades in, L numbers of noise, C channels.

Deviations
    The first layer has a bias for each number, not for each channel.
    In the discriminator a map is halved before the leaky ReLU, not after: convolution and mean are one, as in the
    authors' code, which fuses them at all resolutions, and in the generator doubling and convolution.
    There is no knob for the spread of the noise: it is scaled to one length before the first layer.
    The half-life of the averaged generator is counted in pictures and not in steps.
    Gains of layers are those of the authors' code: sqrt(2) within, 1 to colours and to the score, sqrt(2) / 4 at the
    first layer.
    The preset `paper` has the authors' settings for the paper's results: 800,000 pictures while a side fades in and as
    many after, 19 million in all, of which what is left goes to the last side; groups of 16; mirrored pictures.

`without` leaves out what the paper's table adds one after another: growing (all layers learn from the first step, at
the full side), the minibatch deviation, the equalised rate (weights then begin at the size at which they are used),
pixel norm (the noise stays scaled to one length), and smoothing, the average of weights that is published. The rows of
that table differ in more: it begins at another system's layers and losses, which are not here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.export import export_generator
from limner.blocks.growing import Doubling, GrowthSchedule, Halving, Stage, coarse_to_fine, doubled, real_at
from limner.blocks.latent.noise import normal
from limner.blocks.layers.equalised import (
    GAIN,
    EqualConv,
    EqualLinear,
    append_minibatch_deviation,
    leaky,
    pixel_norm,
    without_equalising,
)
from limner.blocks.losses.differentiable_augmentation import window
from limner.blocks.losses.wasserstein import wasserstein_gradient_penalty
from limner.data.schema import Schema
from limner.data.views import Pictures
from limner.errors import UserError
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import Nothing, Request
from limner.system import Clock, Draft, ExportPart, NoKnobs, Paper, Phase, Player, System, Update, no_grad

IDEAS = frozenset({"growing", "pixel-norm", "equalised", "minibatch", "smoothing"})
"""What `without` can leave out."""
DRIFT = 0.001  # weight of the squared scores of real pictures


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
    group: int = 4
    """Pictures whose differences the minibatch deviation measures."""
    mirror: bool = False
    """Real pictures are mirrored half of the time."""
    without: tuple[str, ...] = ()
    """What is left out, as in the paper's table of ablations: growing, pixel-norm, equalised, minibatch, smoothing."""

    def __post_init__(self) -> None:
        if unknown := set(self.without) - IDEAS:
            raise UserError(f"without={min(unknown)}: what can be left out is {', '.join(sorted(IDEAS))}")


class Generator(nn.Module):
    """Noise to pictures, with layers of its own and a 1x1 convolution to colours for each resolution.

    Args:
        latent: numbers of noise, L.
        widths: channels at 4, 8, 16, ... pixels.
        normed: pixel norm after each layer.
    """

    def __init__(self, latent: int, widths: Sequence[int], normed: bool = True) -> None:
        super().__init__()
        self.normed = normed
        self.seed = EqualLinear(latent, widths[0] * 4 * 4, gain=GAIN / 4)
        self.first = EqualConv(widths[0], widths[0], 3)
        self.blocks = nn.ModuleList(Doubling(inside, outside, normed) for inside, outside in pairwise(widths))
        self.colours = nn.ModuleList(EqualConv(width, 3, 1, gain=1) for width in widths)

    def forward(self, noise: Tensor, depth: int, alpha: float = 1.0) -> Tensor:
        """Draw (B, L) at `depth`: (B, 3, R, R). Below alpha = 1 the stage before, doubled, makes up the rest."""
        x = self.seed(pixel_norm(noise)).unflatten(1, (-1, 4, 4)).contiguous(memory_format=torch.channels_last)
        norm = pixel_norm if self.normed else nn.Identity()
        x = norm(leaky(self.first(norm(leaky(x)))))  # (B, C, 4, 4)
        coarser = x
        for block in self.blocks[:depth]:
            coarser, x = x, block(x)  # (B, C, R / 2, R / 2), (B, C', R, R)
        images = self.colours[depth](x).float()
        if depth == 0 or alpha == 1:
            return images
        return torch.lerp(doubled(self.colours[depth - 1](coarser).float()), images, alpha)


class Discriminator(nn.Module):
    """The generator mirrored: pictures to scores, any number each, higher where real.

    Args:
        widths: channels at 4, 8, 16, ... pixels.
        group: pictures of a group of the minibatch deviation; 0: without it.
    """

    def __init__(self, widths: Sequence[int], group: int = 4) -> None:
        super().__init__()
        self.group = group
        self.colours = nn.ModuleList(EqualConv(3, width, 1) for width in widths)
        self.blocks = nn.ModuleList(Halving(outside, inside) for inside, outside in pairwise(widths))
        self.last = EqualConv(widths[0] + bool(group), widths[0], 3)
        self.gather = EqualConv(widths[0], widths[0], 4, padding=0)
        self.score = EqualLinear(widths[0], 1, gain=1)

    def features(self, images: Tensor, depth: int, alpha: float) -> Tensor:
        """Halve pictures (B, 3, R, R) to 4x4 maps, each row by itself: (B, C, 4, 4)."""
        images = images.contiguous(memory_format=torch.channels_last)
        x = leaky(self.colours[depth](images))
        for level in reversed(range(depth)):
            x = self.blocks[level](x)
            if level == depth - 1 and alpha < 1:
                x = torch.lerp(leaky(self.colours[level](F.avg_pool2d(images, 2))), x, alpha)
        return x

    def scores(self, features: Tensor) -> Tensor:
        """Score features (B, C, 4, 4): (B,). The minibatch deviation makes a score depend on the rows beside it."""
        x = append_minibatch_deviation(features, self.group) if self.group else features
        x = leaky(self.last(x))
        return self.score(leaky(self.gather(x)).flatten(1)).flatten()

    def forward(self, images: Tensor, depth: int, alpha: float) -> Tensor:
        return self.scores(self.features(images, depth, alpha))


def critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """E D(fake) - E D(real) + 0.001 E D(real)^2 of scores (B,); the last term keeps the scores of real ones near 0."""
    real = real.float()
    return fake.float().mean() - real.mean() + DRIFT * real.square().mean()


class ProGAN(System):
    """Karras et al. 2018.

    How far the nets have grown, `depth` and `alpha`, are buffers: they are saved, so that a checkpoint from the middle
    of a fade draws as the nets did then.
    """

    paper = Paper(
        title="Progressive Growing of GANs for Improved Quality, Stability, and Variation",
        authors="Tero Karras, Timo Aila, Samuli Laine, Jaakko Lehtinen",
        year=2018,
        venue="ICLR",
        arxiv="1710.10196",
    )
    takes = Nothing
    config: Config
    Config = Config
    Knobs = NoKnobs
    default_preset = "avatars"
    presets: ClassVar[Mapping[str, Any]] = {
        "tiny": Config(
            size=16, images=6_400, widths=(16, 16, 8), latent=16, rate=3e-3, ema=50,
            stages=(Stage(4, 1, 8, 0.5), Stage(8, 1, 8, 0.5), Stage(16, 3, 8, 0.5)),
        ),
        "avatars": Config(rate=3e-3),
        "paper": Config(
            size=1024, images=19_000_000, widths=(512, 512, 512, 512, 256, 128, 64, 32, 16), latent=512, ema=10_000,
            group=16, mirror=True,
            stages=(  # shares in 100,000 pictures: 8 while a side fades in, 8 after, and the rest at the last side
                Stage(4, 8, 16, 0), Stage(8, 16, 16, 0.5), Stage(16, 16, 16, 0.5), Stage(32, 16, 16, 0.5),
                Stage(64, 16, 16, 0.5), Stage(128, 16, 16, 0.5), Stage(256, 16, 14, 0.5), Stage(512, 16, 6, 0.5),
                Stage(1024, 70, 3, 8 / 70),
            ),
        ),
    }  # fmt: skip
    depth: Tensor
    alpha: Tensor

    def __init__(self, config: Any, schema: Schema) -> None:
        super().__init__(config, schema)
        c = self.config
        grows = "growing" not in c.without
        stages = c.stages if grows else [stage for stage in c.stages if stage.resolution == c.size]
        self.schedule = GrowthSchedule.of(stages, c.widths, c.size, c.images)
        self.register_buffer("depth", torch.tensor(self.schedule.last))
        self.register_buffer("alpha", torch.tensor(1.0))
        self.generator = Generator(c.latent, self.schedule.widths, "pixel-norm" not in c.without)
        self.critic = Discriminator(self.schedule.widths, 0 if "minibatch" in c.without else c.group)
        for net in (self.generator, self.critic):
            net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # quicker on CPUs in bf16
            if "equalised" in c.without:
                net.apply(without_equalising)

    def phases(self) -> list[Phase]:
        """Return a phase for each resolution; learning rate and optimiser state begin anew with each."""
        optimiser = adam(self.config.rate, betas=(0.0, 0.99))
        ema = None if "smoothing" in self.config.without else self.config.ema
        players = {
            "critic": Player(modules=[self.critic], optimiser=optimiser),
            "generator": Player(modules=[self.generator], optimiser=optimiser, ema=ema),
        }
        return [
            Phase(
                name=f"{stage.resolution}px", view=Pictures, images=images, batch=stage.batch, players=players,
                on_start=partial(self.grow, depth), step=partial(self.step, depth),
            )
            for depth, stage, images in self.schedule.parts()
        ]  # fmt: skip

    def grow(self, depth: int) -> None:
        """Note that the stage of this depth begins."""
        self.depth.fill_(depth)
        self.alpha.fill_(self.schedule.at(depth).alpha(0.0))

    def step(self, depth: int, batch: Pictures, clock: Clock) -> Iterator[Update]:
        """WGAN-GP, one move each: the discriminator's, then the generator's with fresh noise."""
        alpha = self.schedule.at(depth).alpha(clock.progress)
        self.alpha.fill_(alpha)
        real = real_at(self.shown(batch.images), depth, alpha)  # (B, 3, R, R)
        with torch.no_grad():
            fake = self.generator(self.noise(real), depth, alpha)
        on_real, on_fake = self.critic.features(torch.cat([real, fake]), depth, alpha).chunk(2)
        on_real, on_fake = self.critic.scores(on_real), self.critic.scores(on_fake)
        penalty = wasserstein_gradient_penalty(lambda x: self.critic(x, depth, alpha), real, fake)
        log = {"real": on_real, "drawn": on_fake, "penalty": penalty}
        yield Update("critic", critic_loss(on_real, on_fake) + penalty, log)

        fake = self.generator(self.noise(real), depth, alpha)
        yield Update("generator", -self.critic(fake, depth, alpha).float().mean())

    def shown(self, images: Tensor) -> Tensor:
        """Return real pictures (B, 3, S, S) as they are learnt from: by `mirror` half of them mirrored."""
        return window(images, images.shape[-1]) if self.config.mirror else images

    def noise(self, like: Tensor) -> Tensor:
        """Draw noise for each row of `like`: (B, L)."""
        return normal(like, self.config.latent)

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: NoKnobs, rng: RowNoise) -> Iterator[Draft]:
        """Draw each resolution in turn, as far as the nets have grown."""
        yield from self.drawing()(rng.normal(self.config.latent))

    def drawing(self) -> Callable[[Tensor], Iterator[Draft]]:
        """Return what draws noise (B, L) from coarse to fine with nets grown as far as they are now."""
        depth, alpha = int(self.depth), float(self.alpha)
        return partial(
            coarse_to_fine, self.generator, depth=depth, alpha=alpha, size=self.config.size, first=self.schedule.first
        )

    def exports(self) -> Mapping[str, ExportPart]:
        """Return the generator as far as it has grown: noise (B, L) to pictures."""
        return {"painter": export_generator(self.drawing(), [self.generator], {"": self.config.latent})}
