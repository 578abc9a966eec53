"""From codes back to pictures: DeePSiM's generator and critic, and the phases that measure codes and learn to invert.

Dosovitskiy, Brox: Generating Images with Perceptual Similarity Metrics based on Deep Networks, NIPS 2016. PPGN draws by
its generator.

Letters: B pictures, S their side, x real and x^ inverted ones, H width of a code h, w the generator's width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.layers.convolutions import doublings
from limner.blocks.losses.adversarial import bce_fake, bce_real
from limner.blocks.losses.differentiable_augmentation import middle
from limner.blocks.losses.perceptual import perceptual_loss
from limner.data.views import Pictures
from limner.optimisers import OptimiserFactory, step_halving
from limner.system import Clock, Phase, Player, Update

if TYPE_CHECKING:
    from limner.data.dataset import Dataset

LEAK = 0.3
LARGEST = 30.0
"""The largest number of a code, once codes are brought to one range: that of CaffeNet's fc6, as PPGN clips it."""
MEASURED, CHUNK = 4000, 100
"""Pictures whose codes are measured, and how many of them at once."""
SEEN = 227
"""Side of the middle window that the published critic sees."""
PUBLISHED = ((256, 512), (256, 256), (128, 128), (64, 0), (32, 0), (3, 0))
"""Channels that each doubling of the published generator makes, and those of the 3x3 convolution behind; 0: none."""


class MakesCodes(Protocol):
    """What looks at pictures and makes codes of them, in two steps."""

    def maps(self, images: Tensor) -> Tensor:
        """Return maps of pictures, by which they are compared: pool5."""

    def of_maps(self, maps: Tensor) -> Tensor:
        """Return codes (B, H) of maps, none below 0: fc6."""


class CodeScale(nn.Module):
    """The range of an encoder's codes, measured once: after it numbers of a code lie in [0, 30], as CaffeNet's.

    So step sizes and weights of a climb mean the same whatever the encoder.
    """

    unit: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("unit", torch.ones(()))
        self.register_buffer("deviation", torch.ones(()))

    def fit(self, codes: Tensor) -> dict[str, float]:
        """Measure codes (M, H) as they come: the 0.9999 quantile of their numbers is to be 30."""
        numbers = codes.float().flatten().sort().values
        top = numbers[round(0.9999 * (len(numbers) - 1))].clamp_min(1e-6)
        self.unit.copy_(top / LARGEST)
        self.deviation.copy_((codes / self.unit).square().mean().sqrt())
        return {"largest": float(top), "at 0": float((numbers == 0).float().mean())}

    def forward(self, codes: Tensor) -> Tensor:
        """Bring codes (B, H) to the range."""
        return codes / self.unit


class Inverter(nn.Module):
    """G: codes (B, H) in [0, 30] to pictures (B, 3, S, S).

    Args:
        code: H.
        width: w, channels at 4x4, halved by each doubling from 8x8 on.
        size: S.
        published: DeePSiM's layers for fc6, of 256 pixels.
    """

    def __init__(self, code: int, width: int, size: int, published: bool = False) -> None:
        super().__init__()
        leaky = nn.LeakyReLU(LEAK)
        plan = [(max(width >> i, 8),) * 2 for i in range(doublings(size))]
        plan = list(PUBLISHED) if published else plan
        layers: list[nn.Module] = [nn.Linear(code, code), leaky, nn.Linear(code, code), leaky]
        layers += [nn.Linear(code, 16 * width), leaky, nn.Unflatten(1, (width, 4, 4))]
        inside = width
        for doubled, refined in plan:
            layers += [nn.ConvTranspose2d(inside, doubled, 4, 2, 1), leaky]
            layers += [nn.Conv2d(doubled, refined, 3, padding=1), leaky] if refined else []
            inside = refined or doubled
        layers = layers[:-1] if published else [*layers, nn.Conv2d(inside, 3, 3, padding=1)]
        self.layers = nn.Sequential(*layers, nn.Tanh())
        self.apply(_he)

    def forward(self, codes: Tensor) -> Tensor:
        return self.layers(codes)


class CodeCritic(nn.Module):
    """D: pictures (B, 3, S, S) and codes (B, H) to logits (B,), high where the picture is real and the code its own.

    Args:
        code: H.
        width: channels of the first map; of the last eight times as many.
        published: DeePSiM's layers, of which the picture's middle 227 pixels are seen.
    """

    def __init__(self, code: int, width: int, size: int, published: bool = False) -> None:
        super().__init__()
        self.published, leaky = published, nn.LeakyReLU(LEAK)
        if published:
            sides = ((3, 32, 7, 4), (32, 64, 5, 1), (64, 128, 3, 2), (128, 256, 3, 1), (256, 256, 3, 2))
            convolutions = [nn.Conv2d(inside, outside, kernel, stride) for inside, outside, kernel, stride in sides]
            reading = (code, 1024, 512)
        else:
            widths = [3, *(min(width << i, 8 * width) for i in range(doublings(size)))]
            convolutions = [nn.Conv2d(inside, outside, 4, 2, 1) for inside, outside in pairwise(widths)]
            reading = (code, 256, 128)
        joined, last = (512, convolutions[-1].out_channels) if published else (128, convolutions[-1].out_channels)
        act: nn.Module = nn.ReLU() if published else leaky
        self.look = nn.Sequential(*(layer for one in convolutions for layer in (one, act)))
        self.read = nn.Sequential(*(layer for pair in pairwise(reading) for layer in (nn.Linear(*pair), act)))
        drop = nn.Dropout(0.5 if published else 0.0)
        self.judge = nn.Sequential(drop, nn.Linear(last + reading[-1], joined), act, drop, nn.Linear(joined, 1))
        self.apply(_he)

    def forward(self, images: Tensor, codes: Tensor) -> Tensor:
        picture = self.look(middle(images, SEEN) if self.published else images).mean(dim=(2, 3))
        return self.judge(torch.cat([picture, self.read(codes)], dim=1)).flatten()


def _he(module: nn.Module) -> None:
    """Draw weights so that leaky rectifiers keep the size of what passes; biases 0."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, a=LEAK)
        if isinstance(module, nn.ConvTranspose2d):  # a place gets a quarter of the kernel
            nn.init.normal_(module.weight, 0.0, (2 / (1 + LEAK**2) / (module.in_channels * 4)) ** 0.5)
        nn.init.zeros_(module.bias) if module.bias is not None else None


@dataclass(frozen=True)
class Inversion:
    """An encoder E at rest, the generator G that learns to invert it, and the critic D of both."""

    encoder: MakesCodes
    scale: CodeScale
    generator: Inverter
    critic: CodeCritic
    crop: int = 0
    """Side of the middle window that the encoder sees; 0: all of the picture."""
    feature: float = 1.0
    """Weight of the feature loss."""
    adversarial: float = 0.01
    """Weight of the adversarial loss."""

    def seen(self, images: Tensor) -> Tensor:
        """Return what the encoder sees of pictures (B, 3, S, S)."""
        return middle(images, self.crop) if self.crop else images

    def encode(self, images: Tensor) -> Tensor:
        """Return E: pictures (B, 3, S, S) to codes (B, H), most of whose numbers lie in [0, 30]."""
        return self.scale(self.encoder.of_maps(self.encoder.maps(self.seen(images))))

    def generate(self, codes: Tensor) -> Tensor:
        """Return G: codes (B, H) to pictures (B, 3, S, S)."""
        return self.generator(codes / self.scale.deviation)

    def judged(self, images: Tensor, codes: Tensor) -> Tensor:
        """Return the logits of D for pictures (B, 3, S, S) and codes (B, H): (B,)."""
        return self.critic(images, codes / self.scale.deviation)

    def generator_loss(self, x: Tensor, inverted: Tensor, codes: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return |x^ - x|^2 + f |phi(x^) - phi(x)|^2 - a log D(x^, h), all means, and its parts."""
        image = F.mse_loss(inverted.float(), x)
        feature = perceptual_loss(lambda images: self.encoder.maps(self.seen(images)), [x], [inverted])
        fooling = bce_real(self.judged(inverted, codes))
        loss = image + self.feature * feature + self.adversarial * fooling
        return loss, {"image": image, "feature": feature, "fooling": fooling}

    def step(self, batch: Pictures, clock: Clock) -> Iterator[Update]:
        """Update D on real and inverted pictures with their codes, then G."""
        x = batch.images
        with torch.no_grad():
            codes = self.encode(x).float()
        inverted = self.generate(codes)
        real, drawn = self.judged(x, codes), self.judged(inverted.detach(), codes)
        yield Update("critic", bce_real(real) + bce_fake(drawn), {"real": real, "drawn": drawn})
        yield Update("generator", *self.generator_loss(x, inverted, codes))

    @torch.no_grad()
    def check(self, batch: Pictures) -> Mapping[str, float]:
        """Return how far held-out pictures and their codes are from what comes back of them."""
        codes = self.encode(batch.images)
        back = self.generate(codes)
        return {
            "pixels": float(F.l1_loss(back, batch.images)),
            "codes": float(F.mse_loss(self.encode(back), codes) / codes.var(dim=0).mean().clamp_min(1e-12)),
        }

    @torch.no_grad()
    def measure(self, data: Dataset) -> Mapping[str, float]:
        """Measure the range of codes over pictures of the training set."""
        rows = torch.linspace(0, data.length() - 1, min(MEASURED, data.length())).long().tolist()
        device = self.scale.unit.device
        codes = []
        for start in range(0, len(rows), CHUNK):
            images = data.pictures(rows[start : start + CHUNK]).to(device).float().div(127.5).sub(1)
            codes.append(self.encoder.of_maps(self.encoder.maps(self.seen(images))))
        return self.scale.fit(torch.cat(codes))


def inverting(nets: Inversion, optimiser: OptimiserFactory, *, images: int, batch: int) -> list[Phase]:
    """Return two phases: codes are measured; then G learns to make pictures of codes, against D.

    Args:
        nets: of which generator and critic learn.
        optimiser: of both.
        images: budget in pictures.
        batch: pictures in a step.
    """
    halved = step_halving(4)  # published: halved several times between 300,000 and 1.1 million of 1.3 million steps
    players = {
        "critic": Player(modules=[nets.critic], optimiser=optimiser, schedule=halved),
        "generator": Player(modules=[nets.generator], optimiser=optimiser, schedule=halved),
    }
    return [
        Phase(name="codes", view=Pictures, images=0, batch=batch, once=nets.measure),
        Phase(
            name="generator", view=Pictures, images=images, batch=batch, players=players, step=nets.step,
            check=nets.check,
        ),
    ]  # fmt: skip
