"""FusedGAN: two generators grow from one structure prior, one of them without any text.

Bodla, Hua, Chellappa: Semi-supervised FusedGAN for Conditional Image Generation, ECCV 2018.

Reading order: FusedGanConfig, Structure (G_s), Stylist (G_u and G_c), FusedGan: its step, in which both games meet in
the structure prior, the step of the style encoder, sample. The text encoder is `blocks.pretrained_text`, Conditioning
Augmentation `blocks.layers.conditioning_augmentation`, both discriminators `blocks.discriminators.joint`.

Letters: U pictures without captions and P pairs of a batch, S the side of a picture, E width of a sentence vector h,
c = 128 numbers of a text's code, Z = 100 numbers of noise, d the width of the nets, M_s the structure prior
(8d, 8, 8). D_u, D_c logits of pictures alone and of pictures with a text.

What the paper claims
    Posture and layout need no text: G_s makes M_s of noise, and both G_u, which is told nothing, and G_c, which is told
    the text, draw from the same M_s. Gradients of both games meet in G_s.
    So pictures without captions help: D_u learns from any picture, D_c from pairs, of which there may be few.
    Control: the same noise with another text keeps the structure; epsilon changes the detail; and each picture has a
    twin, what G_u makes of its structure.

Deviations
    The paper was read in its abstract only; sizes are those of a re-implementation for faces at 128 pixels, and
    weights of 1 are ours where it gives none. Sides other than 128 add or leave out doublings at the fine end.
    Its discriminator of pairs sees the condition at 8x8; here both are those of StackGAN, where a text is read to 128
    numbers and joined at 4x4. Its loss has no mismatched pairs; the paper's is said to have them, and so has this.
    Both drawings of a step share their noise, so one pass of G_s serves both games and batch norm sees one stream.
    The KL divergence is a mean over the numbers of a code.
    The style encoder finds the noise of a picture (Reed et al. 2016, section 4.4), so that a structure can be taken
    from a photograph; it is not the paper's. `style_images=0` leaves it out.
    `without` takes out one idea; `kit` adds what the field has learnt since (see `blocks.losses.matching_aware`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.cascade import CascadeConfig, random_window, read_size
from limner.blocks.discriminators.joint import JointDiscriminator
from limner.blocks.export import example_condition, export_generator
from limner.blocks.latent.knobs import TwoSpreads
from limner.blocks.latent.noise import normal
from limner.blocks.layers.conditioning_augmentation import (
    ConditioningAugmentation,
    kl_to_standard_normal,
    reparameterise,
)
from limner.blocks.layers.convolutions import doublings, tile, up
from limner.blocks.layers.initialisation import dcgan_init
from limner.blocks.losses.differentiable_augmentation import middle
from limner.blocks.losses.matching_aware import AdversarialLoss
from limner.blocks.pretrained_text import PretrainedText, TextConfig, build_text_encoder
from limner.blocks.text.caption_table import CaptionTable
from limner.blocks.text.standardise import Standardise
from limner.blocks.vision.encoders import ImageEncoder
from limner.blocks.vision.style_encoder import StyleEncoder
from limner.data.schema import Schema
from limner.data.views import Halves, Pairs, halves, paired
from limner.errors import UserError
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import Caption, Nothing, Request, Takes
from limner.system import Clock, Draft, ExportPart, Paper, Phase, Player, System, Update, blend, no_grad

Z, CODE = 100, 128
INGREDIENTS = frozenset({"unpaired", "matching", "kl"})


@dataclass(frozen=True, kw_only=True)
class FusedGanConfig(TextConfig, CascadeConfig):
    """Settings of the system."""

    text: Literal["char", "char-gru", "word"] = "char-gru"
    """How sentences are read: by letters, with the net of Reed et al. (CVPR) or its gated sibling (ICML), or words."""
    size: int = 128
    """Side of the drawn pictures in pixels: 16, 32, 64, ..."""
    images: int = 2 * 100 * 8_855
    """Budget of the GAN in pictures, half of them without captions."""
    batch: int = 200
    """Pictures in a step, half of them without captions."""
    width: int = 64
    """Channels that widths are multiples of, d, in all nets."""
    captions: int = 4
    """Captions of each pair, drawn with replacement, whose vectors are averaged."""
    kl: float = 1.0
    """Weight of the KL divergence of codes from N(0, 1)."""
    style_images: int = 0
    """Budget of learning, after the GAN, to find the noise a picture was drawn from, for `--style`; 0: not at all."""
    without: tuple[str, ...] = ()
    """Ideas left out, to see what each gives: unpaired (G_u, D_u and pictures without captions), matching, kl."""

    def __post_init__(self) -> None:
        doublings(self.size)
        if unknown := set(self.without) - INGREDIENTS:
            raise ValueError(f"without={min(unknown)}: what can be left out is {', '.join(sorted(INGREDIENTS))}")


class Structure(nn.Sequential):
    """G_s: noise to the structure prior, which knows no text: (B, Z) to M_s, (B, 8d, 8, 8)."""

    def __init__(self, width: int) -> None:
        first = 16 * width
        super().__init__(
            nn.Linear(Z, first * 16, bias=False), nn.BatchNorm1d(first * 16), nn.ReLU(), nn.Unflatten(1, (first, 4, 4)),
            up(first, 8 * width), nn.ReLU(),
        )  # fmt: skip


class Stylist(nn.Module):
    """G_u and G_c: M_s, for G_c with a text's code beside every place, doubled to a picture.

    Args:
        width: d.
        size: S.
        code: c; 0 for G_u.
    """

    def __init__(self, width: int, size: int, code: int) -> None:
        super().__init__()
        times = doublings(size) - 1
        widths = [8 * width + code, *(max(4 * width >> i, 4) for i in range(times - 1))]  # 4d, 2d at 64 pixels
        layers: list[nn.Module] = []
        for inside, outside in pairwise(widths):
            layers += [up(inside, outside), nn.ReLU(inplace=True)]
        self.draw = nn.Sequential(*layers, up(widths[-1], 3, norm=False), nn.Tanh())

    def forward(self, structure: Tensor, code: Tensor | None = None) -> Tensor:
        """Return pictures (B, 3, S, S) of M_s and, for G_c, codes (B, c)."""
        return self.draw(structure if code is None else tile(code, structure))


class FusedGan(System):
    """Bodla et al. 2018."""

    paper = Paper(
        title="Semi-supervised FusedGAN for Conditional Image Generation",
        authors="Navaneeth Bodla, Gang Hua, Rama Chellappa",
        year=2018,
        venue="ECCV",
        arxiv="1801.05551",
    )
    takes = (Caption, Nothing)
    Config = FusedGanConfig
    Knobs = TwoSpreads
    default_preset = "avatars"
    presets: ClassVar[Mapping[str, FusedGanConfig]] = {
        "tiny": Config(
            text="word", text_loss="contrastive", text_width=32, text_images=160, text_batch=8, size=16,
            images=2_400, batch=8, width=8, captions=1, rate=1e-3, kit=("spectral",), style_images=400,
        ),
        "avatars": Config(
            text="word", text_loss="contrastive", text_width=256, text_images=200_000, text_batch=64, size=64,
            images=300_000, batch=64, width=32, captions=1, paired=0.1, style_images=100_000,
        ),
        "birds": Config(crop=True, size=64, style_images=100 * 8_855),
        "paper": Config(),
    }  # fmt: skip
    config: FusedGanConfig

    def __init__(self, config: FusedGanConfig, schema: Schema) -> None:
        super().__init__(config, schema)
        c = config
        self.text = build_text_encoder(c, schema.lexicon)
        self.vision = ImageEncoder(self.data_size(c), c.text_width)
        self.standard, self.sentences = Standardise(c.text_width), CaptionTable()
        self.captions = PretrainedText(self.text, self.vision, self.standard, self.sentences, schema.lexicon, c.paired)
        self.adversarial = AdversarialLoss(c.kit)
        self.augment = ConditioningAugmentation(c.text_width, CODE, gated=False)
        self.structure = Structure(c.width).apply(dcgan_init)  # G_s
        self.conditional = Stylist(c.width, c.size, CODE).apply(dcgan_init)  # G_c
        self.critic = self._discriminator(c.text_width)  # D_c
        self.unconditional, self.unpaired_critic = None, None  # G_u, D_u
        if self.uses("unpaired"):
            self.unconditional = Stylist(c.width, c.size, 0).apply(dcgan_init)
            self.unpaired_critic = self._discriminator(0)
        self.style_encoder = StyleEncoder(c.width, c.size, Z).apply(dcgan_init) if c.style_images else None

    def _discriminator(self, text: int) -> JointDiscriminator:
        c = self.config
        return JointDiscriminator(
            c.width, c.size, text, alone=not text, read=CODE if text else 0, residual=True, norm="spectral" not in c.kit
        )

    def uses(self, ingredient: str) -> bool:
        """Tell whether an idea is in."""
        return ingredient not in self.config.without

    @classmethod
    def data_size(cls, config: FusedGanConfig) -> int:
        """76/64 of the size where windows are cropped."""
        return read_size(config.size, config.crop)

    def phases(self) -> list[Phase]:
        """Train the text encoder on the pairs; with it frozen the GAN, on both streams; then the style encoder."""
        c = self.config
        view = halves(c.paired) if self.uses("unpaired") else paired(c.paired)
        style = Phase(
            name="style", view=paired(c.paired), images=c.style_images, batch=c.batch // 2, step=self.invert,
            on_enter=self.captions.restore_table, check=self.inversion_score, draws=False, players=self.finder(),
        ) if self.style_encoder else None  # fmt: skip
        gan = Phase(
            name="gan", view=view, images=c.images, batch=c.batch, step=self.step, players=self.players(),
            on_enter=self.captions.restore_table,
        )  # fmt: skip
        return [*self.captions.phases(c), gan, *([style] if style else [])]

    @classmethod
    def request_type(cls, config: FusedGanConfig) -> Takes:
        """Captions, and nothing where there is a twin to draw from it."""
        return Caption if "unpaired" in config.without else cls.takes

    def players(self) -> Mapping[str, Player]:
        """Both discriminators, and the generators with what they share: G_s and the codes of texts."""
        optimiser = adam(self.config.rate, betas=(0.5, 0.999))
        generator: list[nn.Module] = [self.structure, self.augment, self.conditional]
        players = {"critic": Player(modules=[self.critic], optimiser=optimiser)}
        if self.unconditional is not None and self.unpaired_critic is not None:
            generator.append(self.unconditional)
            players = {"unpaired critic": Player(modules=[self.unpaired_critic], optimiser=optimiser)} | players
        return players | {"generator": Player(modules=generator, optimiser=optimiser)}

    def finder(self) -> Mapping[str, Player]:
        """The style encoder, which learns alone."""
        assert self.style_encoder is not None
        return {"style": Player(modules=[self.style_encoder], optimiser=adam(self.config.rate, betas=(0.5, 0.999)))}

    def step(self, batch: Pairs, clock: Clock) -> Iterator[Update]:
        """Update D_u, then D_c, then G_s, G_u and G_c on the sum of both games."""
        c, gan, d_u, d_c, g_u = self.config, self.adversarial, self.unpaired_critic, self.critic, self.unconditional
        h = self.captions.draw(batch.rows, c.captions)  # (P, E)
        m = self.structure(normal(h, Z))  # M_s (P, 8d, 8, 8)
        gaussian = self.augment(h)
        x_c = self.conditional(m, reparameterise(gaussian, normal(h, CODE)))  # (P, 3, S, S)

        if isinstance(batch, Halves) and d_u is not None and g_u is not None:
            real = random_window(batch.unpaired, c.size, c.crop)
            x_u = g_u(m[: len(real)])  # (U, 3, S, S)
            alone, drawn = d_u(gan.augment(real)), d_u(gan.augment(x_u.detach()))
            loss = gan.real(alone) + gan.fake(drawn, alone)
            loss = sum(gan.penalties(d_u, real, None, clock.step), start=loss)
            yield Update("unpaired critic", loss, {"real": alone, "drawn": drawn})

        real = random_window(batch.images, c.size, c.crop)  # (P, 3, S, S)
        x, x_hat = d_c.features(gan.augment(real)), d_c.features(gan.augment(x_c.detach()))
        right, drawn = d_c.judge(x, h), d_c.judge(x_hat, h)
        loss, log = gan.real(right) + gan.fake(drawn, right), {"right": right, "drawn": drawn}
        if self.uses("matching"):
            wrong = d_c.judge(x[batch.wrong], h)  # a real picture that the text does not fit
            loss, log = loss + gan.fake(wrong, right), log | {"wrong": wrong}
        loss = sum(gan.penalties(d_c, real, h, clock.step), start=loss)
        yield Update("critic", loss, log)

        loss = gan.generator(d_c.judge(d_c.features(gan.augment(x_c)), h), right.detach())
        if isinstance(batch, Halves) and d_u is not None:
            loss = loss + gan.generator(d_u(gan.augment(x_u)), alone.detach())
        kl = kl_to_standard_normal(*gaussian) / CODE
        yield Update("generator", loss + self.uses("kl") * c.kl * kl, {"kl": kl})

    def invert(self, batch: Pairs, clock: Clock) -> Iterator[Update]:
        """Update the style encoder on pictures of the frozen generators."""
        yield Update("style", self.inversion_error(self.captions.draw(batch.rows, self.config.captions)))

    def inversion_error(self, h: Tensor) -> Tensor:
        """Return E (z - S(G(z, h)))^2 over fresh noise, sentences (P, E) and both generators (Reed et al., eq. 6)."""
        assert self.style_encoder is not None
        z, epsilon = normal(h, Z), normal(h, CODE)
        with torch.no_grad():
            drawn = [image for image in self.twins(z, epsilon, h) if image is not None]
        return F.mse_loss(self.style_encoder(torch.cat(drawn)).float(), z.repeat(len(drawn), 1))

    def inversion_score(self, batch: Pairs) -> Mapping[str, float]:
        """Return the share of the noise's variance recovered for unseen captions: 1 is all, 0 is guessing zero."""
        h = self.captions.encode([Caption(text) for text in batch.texts])
        return {"found": 1 - float(self.inversion_error(h))}

    def twins(self, z: Tensor, epsilon: Tensor, h: Tensor) -> tuple[Tensor | None, Tensor]:
        """Return what G_u and G_c make of one structure: z (B, Z), epsilon (B, c), h (B, E) to two (B, 3, S, S)."""
        m = self.structure(z)
        picture = self.conditional(m, reparameterise(self.augment(h), epsilon))
        return self.unconditional(m) if self.unconditional is not None else None, picture

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: TwoSpreads, rng: RowNoise) -> Iterator[Draft]:
        """Draw the twin that is told nothing, then the picture; where nothing is asked for, the twin is the answer."""
        z, epsilon = rng.normal(Z + CODE).split([Z, CODE], dim=1)
        noise = torch.cat([knobs.spread * z, knobs.reading * epsilon], dim=1)
        asked = torch.tensor([request.asks for request in requests], device=noise.device)
        sentence = noise.new_zeros(len(requests), self.config.text_width)
        if asked.any():
            sentence[asked] = blend(self.captions.encode, [request for request in requests if request.asks])
        *twin, last = self.draw(noise, sentence)
        yield from twin
        if twin and not asked.all():
            assert last.images is not None and twin[0].images is not None
            images = torch.where(asked[:, None, None, None], last.images, twin[0].images)
            last = Draft(images=images, note=last.note)
        yield last

    def draw(self, noise: Tensor, sentence: Tensor) -> Iterator[Draft]:
        """Draw from noise and epsilon, (B, Z + c), and sentence vectors (B, E): the twin, where there is one, first."""
        z, epsilon = noise.split([Z, CODE], dim=1)
        twin, picture = self.twins(z, epsilon, sentence)
        if twin is not None:
            yield Draft(images=twin, note="its twin, told nothing", progress=0.5)
        yield Draft(images=picture, note="told the text")

    @torch.no_grad()
    def style(self, images: Tensor) -> Tensor:
        """Return the noise whose structure pictures (B, 3, R, R) have, with no epsilon: (B, Z + c)."""
        if self.style_encoder is None or not self.style_encoder.learnt:
            raise UserError("this checkpoint has not learnt to find a style: train with --set style_images=100000")
        z = self.style_encoder(middle(images, self.config.size))
        return torch.cat([z, z.new_zeros(len(z), CODE)], dim=1)

    def embed_pairs(self, images: Tensor, requests: Sequence[Request]) -> tuple[Tensor, Tensor] | None:
        """Return codes of pictures and captions by the pre-trained encoders, two of (B, E)."""
        return self.captions.embed_pairs(images, requests)

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words that no caption of the training set has, each with the nearest that one has."""
        return self.captions.unknown_words(requests)

    def exports(self) -> Mapping[str, ExportPart]:
        """Return the text encoder, and the generators: noise and epsilon (B, Z + c) and sentence vectors (B, E)."""
        noise, condition = {"spread": Z, "reading": CODE}, example_condition(self.config.text_width)
        modules = [self.structure, self.augment, self.conditional]
        modules += [self.unconditional] if self.unconditional is not None else []
        return {"reader": self.captions.export(), "painter": export_generator(self.draw, modules, noise, condition)}
