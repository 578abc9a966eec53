"""GAN-INT-CLS: the first GAN that draws from a sentence.

Reed, Akata, Yan, Logeswaran, Schiele, Lee: Generative Adversarial Text to Image Synthesis, ICML 2016.

Reading order: GanIntClsConfig, Generator, Discriminator, StyleEncoder (S), GanIntCls: its phases, its step, which is
algorithm 1, the step of the style encoder (eq. 6), sample. The text encoder and its training are in
`blocks.pretrained_text`.

Letters: B pictures, S their side, E width of a sentence vector, Z = 100 numbers of noise, N = 128 numbers to which a
net maps a sentence, n the width of a net. x real pictures, x_hat generated ones, h a sentence vector (phi(t) in the
paper). s_r, s_w, s_f: logits of (real picture, right text), (another real picture, same text), (generated picture, its
text).

Two claims, each switched by `variant`
    CLS, section 4.2: the discriminator also learns to reject real pictures that do not fit the text.
    INT, section 4.3: the generator also learns from vectors halfway between those of two captions.

Deviations
    Convolutions have no bias: the authors' code sets them to zero at every step. Linear layers keep theirs.
    The discriminator's residual branch is what the code meant: at the published commit its name is not defined. A leaky
    ReLU stands after its third halving, too, as in their code for COCO; their code for birds has none there.
    (real, right) and (real, wrong) share the pictures of one batch, so the trunk runs once on each real picture; and
    the wrong picture has another label or, where there are no labels, other captions.
    Batches are drawn from all pictures alike, not class by class.
    The text encoder is trained here from scratch beside a small image encoder (see `blocks.losses.joint_embedding`); as
    the scale of its output is arbitrary, sentence vectors are standardised: mean 0, deviation 1. Those that came with
    the data are taken as they are.
    Sides other than 64 add or leave out doublings at the fine end.
    The style encoder (section 4.4) is not in the authors' code, and we have no source for its layers and its budget:
    here it is the discriminator's trunk, with batch norm in either recipe, and a linear layer. `style_images=0` leaves
    it out, and then nothing else changes.
    `recipe="modern"` keeps both claims and the generator, and adds what the field has learnt since: spectral norm in
    place of batch norm in the discriminator (Miyato et al. 2018), lazy R1 (Mescheder et al. 2018; Karras et al.
    2020), DiffAugment (Zhao et al. 2020), two time scales (Heusel et al. 2017), averaged generator weights. The loss
    stays logistic: R1 is made for it, and the comparison then shows the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.export import example_condition, export_generator
from limner.blocks.latent.knobs import Spread
from limner.blocks.latent.noise import normal
from limner.blocks.layers.convolutions import LEAK, Bottleneck, doublings, spectrally_normed, tile, up
from limner.blocks.layers.initialisation import dcgan_init
from limner.blocks.losses.adversarial import bce_fake, bce_real
from limner.blocks.losses.differentiable_augmentation import diff_augment, middle, window
from limner.blocks.losses.penalties import gradient_penalty
from limner.blocks.pretrained_text import TextConfig, pretrained_text
from limner.blocks.vision.style_encoder import StyleEncoder, trunk
from limner.data.schema import Schema
from limner.data.views import Pairs, paired
from limner.errors import UserError
from limner.noise import RowNoise
from limner.optimisers import adam, step_halving
from limner.requests import Caption, Embedded, Request
from limner.system import Clock, Draft, ExportPart, Paper, Phase, Player, System, Update, blend, no_grad

Z, N = 100, 128
LAZY, GAMMA = 16, 0.2  # modern: steps between two penalties, weight of R1


@dataclass(frozen=True, kw_only=True)
class GanIntClsConfig(TextConfig):
    """Settings of the system."""

    variant: Literal["gan", "gan-cls", "gan-int", "gan-int-cls"] = "gan-int-cls"
    """Which of the paper's two claims are in: the rows of its comparison."""
    recipe: Literal["paper", "modern"] = "paper"
    """The published losses and nets, or what the field has learnt since around the same two claims."""
    text: Literal["char", "char-gru", "char-flowers", "char-coco", "word", "embedding"] = "char"
    """How sentences are read: by letters, with the net of Reed et al. (CVPR), its gated sibling (ICML, birds), a
    wider one (ICML, flowers) or the gated one's mean (ICML, COCO); by words; or `embedding`: not at all, their
    vectors came with the data."""
    size: int = 64
    """Side of the drawn pictures in pixels: 16, 32, 64, ..."""
    images: int = 600 * 8_855
    """Budget of the GAN in pictures; the paper's is 600 rounds over 8,855 birds."""
    batch: int = 64
    """Pictures in a step of the GAN."""
    generator_width: int = 128
    """Channels of the finest map of a 64-pixel generator."""
    discriminator_width: int = 64
    """Channels of the first map of a 64-pixel discriminator."""
    captions: int = 4
    """Captions of each picture, drawn with replacement, whose vectors are averaged."""
    text_norm: bool = True
    """Batch norm of the text in the discriminator; the authors' code for COCO has none."""
    halvings: int = 5
    """How often the learning rate is halved, at equal intervals: every 100 of 600 rounds, for COCO every 40 of 200."""
    crop: bool = False
    """Read pictures at 76/64 of the size and show a random window, mirrored half of the time (so no "left")."""
    style_images: int = 0
    """Budget of learning, after the GAN, to find the noise a picture was drawn from, for `--style`; 0: not at all."""
    rate: float = 2e-4
    """Learning rate of all players; by the modern recipe half of it for the generator, twice for the discriminator."""

    def __post_init__(self) -> None:
        doublings(self.size)


class Generator(nn.Module):
    """G: noise and sentence to a 4x4 map, doubled until it is a picture: (B, Z), (B, E) to (B, 3, S, S). Fig. 2."""

    def __init__(self, width: int, size: int, text_width: int) -> None:
        super().__init__()
        widths = [8 * width >> i for i in range(doublings(size))]  # 8n, 4n, 2n, n at 64 pixels
        self.read = nn.Sequential(nn.Linear(text_width, N), nn.LeakyReLU(LEAK, inplace=True))
        layers: list[nn.Module] = [nn.ConvTranspose2d(Z + N, widths[0], 4, bias=False), nn.BatchNorm2d(widths[0])]
        layers += [Bottleneck(widths[0], widths[0] // 4, nn.ReLU())]  # at 4x4
        for place, (inside, outside) in enumerate(pairwise(widths)):
            act = Bottleneck(outside, outside // 4, nn.ReLU()) if place == 0 else nn.ReLU(inplace=True)  # at 8x8
            layers += [up(inside, outside), act]
        self.draw = nn.Sequential(*layers, up(widths[-1], 3, norm=False), nn.Tanh())

    def forward(self, z: Tensor, sentence: Tensor) -> Tensor:
        return self.draw(torch.cat([z, self.read(sentence)], dim=1)[:, :, None, None])


class Discriminator(nn.Module):
    """D: a picture halved to a 4x4 map, the sentence beside it at every place, one logit. Fig. 2, right."""

    def __init__(self, width: int, size: int, text_width: int, modern: bool, text_norm: bool = True) -> None:
        super().__init__()
        norm, bias = not modern, modern
        last, leaky = 8 * width, nn.LeakyReLU(LEAK)
        self.trunk = trunk(width, size, norm)
        self.read = nn.Sequential(nn.Linear(text_width, N), *([nn.BatchNorm1d(N)] if norm and text_norm else []), leaky)
        self.head = nn.Sequential(
            nn.Conv2d(last + N, last, 1, bias=bias),
            *([nn.BatchNorm2d(last)] if norm else []),
            leaky,
            nn.Conv2d(last, 1, 4, bias=bias),
        )

    def features(self, x: Tensor) -> Tensor:
        """Return the map of pictures (B, 3, S, S), in which no text has a part yet: (B, 8n, 4, 4)."""
        return self.trunk(x)

    def judge(self, features: Tensor, sentence: Tensor) -> Tensor:
        """Return a logit for each pair of a map (B, 8n, 4, 4) and a sentence (B, E): (B,)."""
        return self.head(tile(self.read(sentence), features)).flatten()

    def forward(self, x: Tensor, sentence: Tensor) -> Tensor:
        return self.judge(self.features(x), sentence)


class GanIntCls(System):
    """Reed et al. 2016 in its four variants, as published and by today's recipe."""

    paper = Paper(
        title="Generative Adversarial Text to Image Synthesis",
        authors="Scott Reed, Zeynep Akata, Xinchen Yan, Lajanugen Logeswaran, Bernt Schiele, Honglak Lee",
        year=2016,
        venue="ICML",
        arxiv="1605.05396",
    )
    takes = Caption
    Config = GanIntClsConfig
    Knobs = Spread
    default_preset = "avatars"
    presets: ClassVar[Mapping[str, GanIntClsConfig]] = {
        "tiny": Config(
            text="word", text_loss="contrastive", text_width=32, text_images=160, text_batch=8,
            size=16, images=1_200, batch=8, generator_width=8, discriminator_width=8, captions=1, rate=1e-3,
            recipe="modern", style_images=400,
        ),
        "avatars": Config(
            text_width=256, text_images=400_000, text_batch=64, images=300_000,
            generator_width=64, discriminator_width=32, style_images=100_000,
        ),
        "avatars-modern": Config(
            text_width=256, text_images=400_000, text_batch=64, images=300_000,
            generator_width=64, discriminator_width=32, style_images=100_000,
            recipe="modern",
        ),
        "anime": Config(
            text="word", text_loss="contrastive", text_width=128, text_images=100_000, text_batch=64, captions=1,
            images=600_000, generator_width=64, discriminator_width=32, recipe="modern", style_images=100_000,
        ),
        "birds": Config(text="char-gru", crop=True, style_images=100 * 8_855),
        "paper": Config(text="char-gru", crop=True, style_images=100 * 8_855),
        "modern": Config(text="char-gru", crop=True, style_images=100 * 8_855, recipe="modern"),
        "flowers": Config(
            text="char-flowers", text_images=40 * 82 * 200, images=600 * 7_034, crop=True, style_images=100 * 7_034
        ),
        "coco": Config(
            text="char-coco", text_images=200 * 82_783, text_batch=64, variant="gan-cls", images=200 * 82_783,
            text_norm=False, generator_width=196, discriminator_width=196, captions=3, halvings=4, crop=True,
        ),
    }  # fmt: skip
    config: GanIntClsConfig

    def __init__(self, config: GanIntClsConfig, schema: Schema) -> None:
        super().__init__(config, schema)
        c = config
        self.captions, modules = pretrained_text(c, schema, self.data_size(c))
        self.text, self.vision, self.standard, self.sentences = modules  # phi first
        width = self.captions.width
        self.generator = Generator(c.generator_width, c.size, width)
        self.discriminator = Discriminator(c.discriminator_width, c.size, width, c.recipe == "modern", c.text_norm)
        self.generator.apply(dcgan_init)
        self.discriminator.apply(dcgan_init)
        if c.recipe == "modern":
            spectrally_normed(self.discriminator)
        self.style_encoder = (
            StyleEncoder(c.discriminator_width, c.size, Z).apply(dcgan_init) if c.style_images else None
        )

    @classmethod
    def data_size(cls, config: GanIntClsConfig) -> int:
        """76 for 64 where windows are cropped."""
        return config.size * 76 // 64 if config.crop else config.size

    @classmethod
    def request_type(cls, config: GanIntClsConfig) -> type[Request]:
        """Captions with their vectors where these come with the data."""
        return Embedded if config.text == "embedding" else Caption

    def phases(self) -> list[Phase]:
        """Train the text encoder; encode all captions; with it frozen, train the GAN, and then the style encoder."""
        c = self.config
        phases = [
            *self.captions.phases(c),
            Phase(
                name="gan",
                view=paired(c.paired),
                images=c.images,
                batch=c.batch,
                players=self.players(),
                on_enter=self.captions.restore_table,
                step=self.step,
            ),
        ]
        if self.style_encoder is not None:
            optimiser = adam(c.rate, betas=(0.5, 0.999))
            style = Phase(
                name="style",
                view=paired(c.paired),
                images=c.style_images,
                batch=c.batch,
                players={"style": Player(modules=[self.style_encoder], optimiser=optimiser, schedule=step_halving(5))},
                on_enter=self.captions.restore_table,
                step=self.invert,
                check=self.inversion_score,
                draws=False,
            )
            phases.append(style)
        return phases

    def players(self) -> Mapping[str, Player]:
        """The two nets of the GAN; the text encoder is frozen."""
        rate = self.config.rate
        if self.config.recipe == "modern":
            slow, fast = adam(rate / 2, betas=(0.0, 0.99)), adam(rate * 2, betas=(0.0, 0.99))
            half_life = min(10_000.0, self.config.images / 20)
            return {
                "discriminator": Player(modules=[self.discriminator], optimiser=fast),
                "generator": Player(modules=[self.generator], optimiser=slow, ema=half_life),
            }
        optimiser, schedule = adam(rate, betas=(0.5, 0.999)), step_halving(self.config.halvings)
        return {
            "discriminator": Player(modules=[self.discriminator], optimiser=optimiser, schedule=schedule),
            "generator": Player(modules=[self.generator], optimiser=optimiser, schedule=schedule),
        }

    def step(self, batch: Pairs, clock: Clock) -> Iterator[Update]:
        """Algorithm 1: update the discriminator, then the generator with fresh noise."""
        c, d = self.config, self.discriminator
        x = window(batch.images, c.size) if c.crop else batch.images  # (B, 3, S, S)
        h = self.captions.draw(batch.rows, c.captions)  # (B, E)
        mismatch = 0.5 if c.variant.endswith("cls") else 0.0

        with torch.no_grad():
            x_hat = self.generator(self.noise(h), h)
        features = d.features(self.augment(x))
        s_r = d.judge(features, h)  # real picture, right text
        s_f = d(self.augment(x_hat), h)  # generated picture, right text
        loss, log = bce_real(s_r) + (1 - mismatch) * bce_fake(s_f), {"right": s_r, "drawn": s_f}
        if mismatch:
            s_w = d.judge(features[batch.wrong], h)  # wrong picture, right text
            loss, log = loss + mismatch * bce_fake(s_w), log | {"wrong": s_w}
        if c.recipe == "modern" and clock.every(LAZY):
            loss = loss + LAZY * GAMMA / 2 * gradient_penalty(d, x, h)
        yield Update("discriminator", loss, log)

        if "int" in c.variant:
            h = torch.cat([h, self.interpolate(h)])  # (3B/2, E)
        x_hat = self.generator(self.noise(h), h)
        yield Update("generator", bce_real(d(self.augment(x_hat), h)))

    def invert(self, batch: Pairs, clock: Clock) -> Iterator[Update]:
        """Equation 6: update the style encoder on pictures of the frozen generator."""
        yield Update("style", self.inversion_error(self.captions.draw(batch.rows, self.config.captions)))

    def inversion_error(self, h: Tensor) -> Tensor:
        """Return E (z - S(G(z, h)))^2 over fresh noise and sentences (B, E), a mean over z's components (eq. 6)."""
        assert self.style_encoder is not None
        z = self.noise(h)
        with torch.no_grad():
            x_hat = self.generator(z, h)
        return F.mse_loss(self.style_encoder(x_hat).float(), z)

    def inversion_score(self, batch: Pairs) -> Mapping[str, float]:
        """Return the share of the noise's variance recovered for unseen captions: 1 is all, 0 is guessing zero."""
        h = self.captions.encode([Caption(text) for text in batch.texts])
        return {"found": 1 - float(self.inversion_error(h))}

    def noise(self, like: Tensor) -> Tensor:
        """Draw z for each row of `like`: (B, Z)."""
        return normal(like, Z)

    def augment(self, images: Tensor) -> Tensor:
        """Return pictures as the discriminator sees them: by the modern recipe shifted and in part covered.

        Colours stay, as captions name colours.
        """
        return diff_augment(images, colour=False) if self.config.recipe == "modern" else images

    @staticmethod
    def interpolate(h: Tensor) -> Tensor:
        """Return beta h_1 + (1 - beta) h_2 of eq. 5, beta = 1/2, over the two halves of a batch: (B, E) to (B/2, E)."""
        half = len(h) // 2
        return (h[:half] + h[half : 2 * half]) / 2

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: Spread, rng: RowNoise) -> Iterator[Draft]:
        """Draw once; the only draft is the picture."""
        yield Draft(images=self.generator(rng.normal(Z) * knobs.spread, blend(self.captions.encode, requests)))

    @torch.no_grad()
    def style(self, images: Tensor) -> Tensor:
        """Return the noise that would draw pictures like these, (B, 3, R, R): (B, Z)."""
        if self.style_encoder is None or not self.style_encoder.learnt:
            raise UserError("this checkpoint has not learnt to find a style: train with --set style_images=100000")
        return self.style_encoder(middle(images, self.config.size))

    def embed_pairs(self, images: Tensor, requests: Sequence[Request]) -> tuple[Tensor, Tensor] | None:
        """Return codes of pictures and captions by the pre-trained encoders, two of (B, E)."""
        return self.captions.embed_pairs(images, requests)

    def check_request(self, request: Request) -> None:
        """Make sure that there is a vector, or what encodes the sentence."""
        self.captions.check(request)

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words that no caption of the training set has, each with the nearest that one has."""
        return self.captions.unknown_words(requests)

    def exports(self) -> Mapping[str, ExportPart]:
        """Return the text encoder, and the generator: noise (B, Z) and sentence vectors (B, E) to pictures."""
        generator = export_generator(
            lambda z, h: [Draft(images=self.generator(z, h))],
            [self.generator],
            {"spread": Z},
            example_condition(self.captions.width),
        )
        return {"reader": self.captions.export(), "painter": generator}
