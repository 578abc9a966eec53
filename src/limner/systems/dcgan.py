"""DCGAN: pictures from noise by transposed convolutions, the base of every system after it.

Radford, Metz, Chintala: Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks,
ICLR 2016; and the first GAN, of fully connected layers: Goodfellow et al., Generative Adversarial Nets, NIPS 2014
(`architecture="mlp"`).

Reading order: DCGANConfig, the nets of DCGAN (Generator, Discriminator), the nets of the first GAN (MlpGenerator,
Maxout, MlpDiscriminator), DCGAN: its phase, its step, which is algorithm 1 of Goodfellow et al., sample.

Letters: B pictures, S their side, Z = 100 numbers of noise, n the width of a net. x real pictures, G(z) generated ones.

Deviations
    z is drawn from N(0, 1), as in the authors' released code; the paper's is uniform.
    Real and generated pictures go through the discriminator separately, so that batch statistics do not mix them.
    Losses work on logits: the sigmoid is in the loss, where it cannot saturate.
    Sides other than 64 add or leave out doublings at the fine end.
    The fully connected pair is trained by DCGAN's Adam, not by momentum (recalled), and the hidden units of its
    generator are all rectified, where the paper mixes in sigmoid ones (recalled).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.export import export_generator
from limner.blocks.latent.knobs import Spread
from limner.blocks.latent.noise import normal
from limner.blocks.layers.convolutions import LEAK, doublings, down, up
from limner.blocks.layers.initialisation import dcgan_init
from limner.blocks.losses.adversarial import bce_fake, bce_real
from limner.blocks.losses.differentiable_augmentation import window
from limner.data.schema import Schema
from limner.data.views import Pictures
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import Nothing, Request
from limner.system import Clock, Draft, ExportPart, Paper, Phase, Player, System, Update, no_grad

Z = 100


@dataclass(frozen=True, kw_only=True)
class DCGANConfig:
    """Settings of the system."""

    architecture: Literal["convolutional", "mlp"] = "convolutional"
    """DCGAN's, or the fully connected one of the first GAN."""
    size: int = 64
    """Side of the pictures in pixels: 16, 32, 64, ..."""
    images: int = 25 * 350_000
    """Budget in pictures; 25 rounds, as the authors' code has it, over the paper's 350,000 faces (recalled)."""
    batch: int = 128
    """Pictures in a step."""
    generator_width: int = 128
    """Channels of the finest map of a 64-pixel generator; hidden units of the MLP."""
    discriminator_width: int = 128
    """Channels of the first map of a 64-pixel discriminator; maxout units of the MLP."""
    crop: bool = False
    """Read pictures half as large again and show a random window, mirrored half of the time."""
    rate: float = 2e-4
    """Learning rate of both players."""

    def __post_init__(self) -> None:
        doublings(self.size)


# The nets of Radford et al. 2016: convolutional


class Generator(nn.Module):
    """Noise to a 4x4 map, doubled until it is a picture: (B, Z) to (B, 3, S, S). Paper, fig. 1."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        widths = [8 * width >> i for i in range(doublings(size))]  # 8n, 4n, 2n, n at 64 pixels
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(Z, widths[0], 4),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        ]
        for inside, outside in pairwise(widths):
            layers += [up(inside, outside, bias=True), nn.ReLU(inplace=True)]
        self.draw = nn.Sequential(*layers, up(widths[-1], 3, norm=False, bias=True), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        return self.draw(z[:, :, None, None])


class Discriminator(nn.Module):
    """A picture halved to a 4x4 map and to one logit, no batch norm at the first layer: (B, 3, S, S) to (B,)."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        widths = [8 * width >> i for i in range(doublings(size))][::-1]  # n, 2n, 4n, 8n at 64 pixels
        layers: list[nn.Module] = [down(3, widths[0], norm=False, bias=True), nn.LeakyReLU(LEAK, inplace=True)]
        for inside, outside in pairwise(widths):
            layers += [down(inside, outside, bias=True), nn.LeakyReLU(LEAK, inplace=True)]
        self.judge = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.judge(x).flatten()

    def features(self, x: Tensor) -> Tensor:
        """Return the maps of all layers, the largest of each of 4x4 parts, side by side: (B, 3, S, S) to (B, F).

        Section 5.1: what a linear classifier is given, to see what was learnt without labels.
        """
        found = list[Tensor]()
        for layer in list(self.judge.children())[:-1]:  # all but the logit
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                found.append(F.adaptive_max_pool2d(x, 4).flatten(1))
        return torch.cat(found, dim=1)


# The nets of Goodfellow et al. 2014: fully connected, `architecture="mlp"`


class MlpGenerator(nn.Module):
    """The generator of the first GAN: two hidden layers, (B, Z) to (B, 3, S, S)."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.draw = nn.Sequential(
            nn.Linear(Z, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, 3 * size * size),
            nn.Tanh(),
            nn.Unflatten(1, (3, size, size)),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.draw(z)


class Maxout(nn.Module):
    """The largest of five linear maps, unit by unit (Goodfellow et al. 2013)."""

    PIECES = 5

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.map = nn.Linear(inside, outside * self.PIECES)

    def forward(self, x: Tensor) -> Tensor:
        return self.map(x).unflatten(1, (-1, self.PIECES)).amax(dim=2)


class MlpDiscriminator(nn.Module):
    """The discriminator of the first GAN: two maxout layers with dropout, (B, 3, S, S) to (B,)."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.judge = nn.Sequential(
            nn.Flatten(),
            Maxout(3 * size * size, width),
            nn.Dropout(0.5),
            Maxout(width, width),
            nn.Dropout(0.5),
            nn.Linear(width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.judge(x).flatten()


class DCGAN(System):
    """Radford et al. 2016, and Goodfellow et al. 2014 as its fully connected configuration."""

    paper = Paper(
        title="Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks",
        authors="Alec Radford, Luke Metz, Soumith Chintala",
        year=2016,
        venue="ICLR",
        arxiv="1511.06434",
    )
    takes = Nothing
    Config = DCGANConfig
    Knobs = Spread
    default_preset = "avatars"
    presets: ClassVar[Mapping[str, DCGANConfig]] = {
        "tiny": Config(size=16, images=3_200, batch=8, generator_width=8, discriminator_width=8, rate=1e-3),
        "avatars": Config(images=300_000, batch=64, generator_width=64, discriminator_width=32),
        "anime": Config(images=600_000, batch=64, generator_width=64, discriminator_width=32),
        "gan": Config(architecture="mlp", size=32, images=2_000_000, generator_width=1200, discriminator_width=240),
        "paper": Config(crop=True),
    }
    config: DCGANConfig

    def __init__(self, config: DCGANConfig, schema: Schema) -> None:
        super().__init__(config, schema)
        mlp = config.architecture == "mlp"
        self.generator = (MlpGenerator if mlp else Generator)(config.generator_width, config.size)
        self.discriminator = (MlpDiscriminator if mlp else Discriminator)(config.discriminator_width, config.size)
        self.apply(dcgan_init)

    @classmethod
    def data_size(cls, config: DCGANConfig) -> int:
        """Half as large again where windows are cropped (96 for 64, as in the authors' code)."""
        return config.size * 3 // 2 if config.crop else config.size

    def phases(self) -> list[Phase]:
        """One phase, in which discriminator and generator are updated in turn."""
        c = self.config
        optimiser = adam(c.rate, betas=(0.5, 0.999))
        return [
            Phase(
                name="gan",
                view=Pictures,
                images=c.images,
                batch=c.batch,
                players={
                    "discriminator": Player(modules=[self.discriminator], optimiser=optimiser),
                    "generator": Player(modules=[self.generator], optimiser=optimiser),
                },
                step=self.step,
            )
        ]

    def step(self, batch: Pictures, clock: Clock) -> Iterator[Update]:
        """Goodfellow et al. 2014, algorithm 1 with k = 1, and the generator's non-saturating loss (their section 3)."""
        x = window(batch.images, self.config.size) if self.config.crop else batch.images  # (B, 3, S, S)
        with torch.no_grad():
            x_hat = self.generator(self.noise(x))  # G(z)
        real, fake = self.discriminator(x), self.discriminator(x_hat)
        yield Update("discriminator", bce_real(real) + bce_fake(fake), {"real": real, "fake": fake})

        yield Update("generator", bce_real(self.discriminator(self.generator(self.noise(x)))))

    def noise(self, like: Tensor) -> Tensor:
        """Draw z for each row of `like`: (B, Z)."""
        return normal(like, Z)

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: Spread, rng: RowNoise) -> Iterator[Draft]:
        """Draw once; the only draft is the picture."""
        yield Draft(images=self.generator(rng.normal(Z) * knobs.spread))

    def exports(self) -> Mapping[str, ExportPart]:
        """Return the generator: noise (B, Z) to pictures."""
        return {
            "painter": export_generator(lambda z: [Draft(images=self.generator(z))], [self.generator], {"spread": Z})
        }
