"""The nets of Plug and Play Generative Networks, their settings and their training: what PPGN and MMVR share.

Such a system makes the modules in this order under these names, and holds a `PlugAndPlay` of them:

    c, lexicon = config, schema.lexicon
    self.text, self.encoder, self.scale = build_text(c, lexicon), build_encoder(c), CodeScale()
    self.eye, self.captioner = build_eye(c), build_captioner(c, lexicon)
    self.generator, self.critic = build_generator(c), build_critic(c)
    self.nets = PlugAndPlay(
        c, self.text, self.encoder, self.scale, self.eye, self.captioner, self.generator, self.critic
    )

Letters: B pictures, S their side, H width of a code, F features that the captioner is given, N = 4
rows of a group.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from limner.blocks.given import Given
from limner.blocks.gradients import recurrent_gradients
from limner.blocks.latent.climb import Hill
from limner.blocks.latent.inverter import SEEN, CodeCritic, CodeScale, Inversion, Inverter, inverting
from limner.blocks.layers.convolutions import doublings
from limner.blocks.losses.differentiable_augmentation import middle
from limner.blocks.losses.joint_embedding import contrastive
from limner.blocks.text.encoders import WordEncoder, texts_of
from limner.blocks.vision.captioner import Captioner, captioning
from limner.blocks.vision.encoders import ImageEncoder
from limner.blocks.vision.pretrained import AlexNetCodes, load_imagenet
from limner.data.schema import Lexicon
from limner.errors import UserError
from limner.optimisers import adam
from limner.requests import Picture, Request, Takes, shares
from limner.system import Phase, System

PLACES = 16
"""Words of the longest sentence of a group, at least: products of fewer rows are summed in another order."""


@dataclass(frozen=True, kw_only=True)
class PlugAndPlayConfig:
    """What people change."""

    size: int = 256
    """Side of the drawn pictures in pixels: 16, 32, 64, ..."""
    vision: Literal["small", "alexnet"] = "alexnet"
    """What makes codes and what the captioner sees with: convolutions trained here, or two AlexNets of ImageNet."""
    nets: Literal["small", "published"] = "published"
    """Layers of generator and critic: narrow ones for any size, or DeePSiM's, for 256 pixels."""
    code: int = 4096
    """Numbers of a code, H; an AlexNet makes 4096."""
    encoder_width: int = 32
    """Channels of the first map of the small encoder; of the last eight times as many."""
    eye_width: int = 32
    """The same of what the captioner sees with."""
    width: int = 256
    """Channels of the generator's first map, at 4x4."""
    critic_width: int = 32
    """Channels of the first map of the small critic."""
    hidden: int = 1000
    """Width of the captioner's recurrent net; its words are half as wide."""
    text_images: int = 0
    """Budget of the small encoder, which learns beside a text encoder, in pictures."""
    caption_images: int = 50 * 82_783
    """Budget of the captioner, in pictures."""
    text_batch: int = 64
    """Pictures in a step of encoder and captioner."""
    images: int = 64 * 1_300_000
    """Budget of the generator, in pictures."""
    batch: int = 64
    """Pictures in a step of the generator."""
    rate: float = 2e-4
    """Learning rate of generator and critic."""
    feature: float = 0.0144
    """Weight of the feature loss beside 1 for that of pixels."""
    adversarial: float = 0.0313
    """Weight of the adversarial loss."""

    def __post_init__(self) -> None:
        doublings(self.size)
        if self.vision == "alexnet" and self.code != 4096:
            raise ValueError(f"code={self.code}: an AlexNet makes codes of 4096 numbers")
        if self.nets == "published" and (self.size != 256 or self.width != 256):
            raise ValueError("nets=published draws 256 pixels from 256 maps: set nets=small")
        if self.vision == "alexnet" and self.size < SEEN:
            raise ValueError(f"size={self.size}: an AlexNet sees {SEEN} pixels; set vision=small")


def build_text(config: PlugAndPlayConfig, lexicon: Lexicon) -> WordEncoder | None:
    """Return what the small encoder learns beside."""
    return WordEncoder(lexicon, config.code) if config.vision == "small" else None


class RectifiedEncoder(ImageEncoder):
    """E, the small one: strided convolutions, a linear layer and a rectifier: (B, 3, S, S) to (B, H), none below 0."""

    def maps(self, images: Tensor) -> Tensor:
        """Return its last maps of pictures."""
        return self.trunk(images)

    def of_maps(self, maps: Tensor) -> Tensor:
        """Return codes of maps: (B, H)."""
        return self.project(maps.flatten(1)).relu()

    def forward(self, images: Tensor) -> Tensor:
        return self.of_maps(self.maps(images))


def build_encoder(config: PlugAndPlayConfig) -> RectifiedEncoder | AlexNetCodes:
    """Return E."""
    if config.vision == "alexnet":
        return AlexNetCodes()
    return RectifiedEncoder(config.size, config.code, config.encoder_width)


def build_eye(config: PlugAndPlayConfig) -> ImageEncoder | AlexNetCodes:
    """Return what the captioner sees with, which is no part of E."""
    if config.vision == "alexnet":
        return AlexNetCodes(whole=True)
    return ImageEncoder(config.size, config.hidden, config.eye_width)


def build_captioner(config: PlugAndPlayConfig, lexicon: Lexicon) -> Captioner:
    """Return the condition network."""
    features = 1000 if config.vision == "alexnet" else config.hidden
    return Captioner(lexicon, features, config.hidden // 2, config.hidden)


def build_generator(config: PlugAndPlayConfig) -> Inverter:
    """Return G."""
    return Inverter(config.code, config.width, config.size, config.nets == "published")


def build_critic(config: PlugAndPlayConfig) -> CodeCritic:
    """Return the critic that G learns against."""
    return CodeCritic(config.code, config.critic_width, config.size, config.nets == "published")


Parts = list[tuple[Request, float]]
"""The plain requests that a row asks, each with its share in what the row asks."""


def parts_of(request: Request) -> Parts:
    """Return what a request asks: itself or, of a `Blend`, each of its parts once with its share; of `Nothing` none."""
    found: Parts = []
    for part, share in shares(request):
        same = next((k for k, (other, _) in enumerate(found) if other == part), None)
        if same is not None:
            found[same] = part, found[same][1] + share
        elif part.asks:
            found.append((part, share))
    return found


def weighed(
    rows: Sequence[Parts], likelihood: Callable[[Tensor, Sequence[Request]], Tensor]
) -> Callable[[Tensor], Tensor]:
    """Return the sum of share times log p(part | x) over the parts of each row, as a function of N pictures.

    Parts are computed column by column, always N at once, so that no row's sums depend on how many parts others have.

    Args:
        rows: N of them.
        likelihood: of N pictures and as many requests.
    """
    asked = [part for parts in rows for part in parts]

    def of(images: Tensor) -> Tensor:
        total = images.new_zeros(len(images))
        for k in range(max(map(len, rows))):
            column = [parts[k] if k < len(parts) else (asked[0][0], 0.0) for parts in rows]
            share = torch.tensor([share for _, share in column], device=images.device)
            total = total + share * likelihood(images, [part for part, _ in column])
        return total

    return of


def plugged(system: System, condition: System) -> tuple[tuple[System, ...], Takes]:
    """Return another condition for a system that climbs, and the kinds of request that it then takes.

    Raises:
        UserError: the condition recognises nothing.
    """
    if not condition.recognises:
        raise UserError(
            f"{type(condition).__name__} recognises nothing, so nothing climbs by it: plug in a captioner "
            "(ppgn, mirrorgan) or a judge"
        )
    return (condition,), (*condition.recognises, Picture)


def resized(images: Tensor, size: int) -> Tensor:
    """Return pictures (B, 3, S, S) at the side that a condition sees; itself where it is theirs."""
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True, align_corners=False)


@dataclass(frozen=True)
class PlugAndPlay:
    """The nets of a system and how they learn; no module itself, so it adds no weights."""

    config: PlugAndPlayConfig
    text: WordEncoder | None
    encoder: RectifiedEncoder | AlexNetCodes
    scale: CodeScale
    eye: ImageEncoder | AlexNetCodes
    captioner: Captioner
    generator: Inverter
    critic: CodeCritic

    @property
    def crop(self) -> int:
        """Side of the middle window that an AlexNet sees; 0: all of the picture."""
        return SEEN if self.config.vision == "alexnet" else 0

    @property
    def inversion(self) -> Inversion:
        """E and G with their scale, and the loss of G."""
        c = self.config
        return Inversion(self.encoder, self.scale, self.generator, self.critic, self.crop, c.feature, c.adversarial)

    def features(self, images: Tensor) -> Tensor:
        """Return what the captioner is given of pictures (B, 3, S, S): (B, F)."""
        return self.eye(middle(images, self.crop) if self.crop else images)

    def phases(self, system: System) -> list[Phase]:
        """E learns beside a text encoder, then the captioner with its eye, then, all these at rest, G against D."""
        c = self.config
        learns = [] if isinstance(self.eye, AlexNetCodes) else [self.eye]
        reading = captioning(self.captioner, self.features, images=c.caption_images, batch=c.text_batch, learns=learns)
        first = []
        if self.text is not None and isinstance(self.encoder, RectifiedEncoder):
            first = [contrastive(self.text, self.encoder, images=c.text_images, batch=c.text_batch)]
        return [
            *first,
            replace(reading, on_start=lambda: load_imagenet(system)),
            *inverting(self.inversion, adam(c.rate, betas=(0.9, 0.999)), images=c.images, batch=c.batch),
        ]

    def log_probability(self, images: Tensor, texts: Sequence[str]) -> Tensor:
        """Return log p(y | x) of sentences, all words and the end of each together, given their pictures: (B,).

        A whole sentence is one graph: the gradient of a late word reaches the picture through all earlier states, too.
        """
        with recurrent_gradients(self.captioner):
            return self.captioner(self.features(images), texts, PLACES)[0].sum(dim=1)

    def scored(self, images: Tensor, texts: Sequence[str]) -> tuple[Tensor, list[str], list[str]]:
        """Return log p(y | x), the captioner's likeliest word at each place of y, and y as it reads it."""
        with recurrent_gradients(self.captioner):
            return self.captioner.scored(self.features(images), texts, PLACES)

    def hill(self, rows: tuple[int, ...], given: Given, likelihood: Callable[[Tensor], Tensor]) -> Hill:
        """Return what a group of rows climbs, some of whose pictures may be given in part."""
        some = Given(*(value[list(rows)] for value in given))
        nets = self.inversion
        return Hill(rows, nets.generate, nets.encode, likelihood, some if some.is_given.any() else None)

    @torch.no_grad()
    def embed_pairs(self, images: Tensor, requests: Sequence[Request]) -> tuple[Tensor, Tensor] | None:
        """Return codes of pictures by E and of captions by what it learnt beside, None where it learnt alone."""
        if self.text is None:
            return None
        codes = torch.cat([self.encoder(part) for part in images.split(100)])
        return codes, self.text.sentence(texts_of(requests))
