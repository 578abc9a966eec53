"""AttnGAN: each place of the picture attends to the words that concern it.

Xu, Zhang, Huang, Zhang, Gan, Huang, He: AttnGAN: Fine-Grained Text to Image Generation with Attentional Generative
Adversarial Networks, CVPR 2018.

Reading order: AttnGanConfig; Branch and Generator (eq. 1); AttnGan: phases, step, the losses L_D (eq. 6) and L (eqs. 4,
5 and 14), sampling. Attention to words, eqs. 2 and 3, is `blocks.text.attention`; the adversarial losses of a stage
are `blocks.losses.stages`; DAMSM, the encoders' own training with its equations 7 to 13, is in `blocks.losses.damsm`;
the generator's layers are in `blocks.layers.tree`.

Letters: B pictures, S their side, s that of a stage, E width of sentences and words, T words, Z = 100 numbers of noise,
c = 100 numbers of a text's code, N the width of the generator, h side of a map, h_i the hidden map of stage i.

What the paper claims
    Attention (section 3.1): a branch is conditioned on no sentence, but at each place of its map on the words that fit.
    `variant=attndcgan` is the authors' second net: one picture, of full size, and one discriminator, of pairs alone.
    DAMSM (section 3.2): encoders that learnt to find words in pictures score what is drawn, with weight lambda (eq. 4),
    by words and by sentences; `match=0` leaves that out.

Deviations
    Padding is masked in its own row; in the authors' code a row may get the mask of another.
    R(Q, D) of eq. 10 is taken with its power 1 / gamma_2, which the authors' code leaves out, and gamma_1 is the
    paper's 5, in their code 4.
    Captions without a class are masked by their text: two rows are not negatives of each other where the text of one is
    a caption of the other's picture.
    A mismatched pair is a real picture of the batch with a text that does not fit it, never by chance one that does;
    the authors' code shifts the batch by one.
    The image encoder is small and trained here, unless `vision=inception`.
    DAMSM learns from whole captions, whatever `words` says of the generator's; the authors' code cuts them to 18 words
    (COCO: 15) there, too. It sees pictures at S pixels and scales them to the 299 of an Inception; in their code it
    learns from windows of 299 of pictures that were read at 355, and only what is drawn is scaled, from 256.
    An unknown word is replaced by the nearest known one.
    The first stage is S / 2^(stages - 1) pixels large, 64 in the paper.
    `kit` adds what the field has learnt since (see `blocks.losses.matching_aware`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from limner.blocks.cascade import CascadeConfig, random_window, read_size
from limner.blocks.discriminators.joint import JointDiscriminator
from limner.blocks.discriminators.pyramid import Discriminators, drafts, half_life
from limner.blocks.export import CONDITION, example_words, export_encoder, export_generator
from limner.blocks.latent.knobs import TwoSpreads
from limner.blocks.latent.noise import normal
from limner.blocks.layers.conditioning_augmentation import (
    ConditioningAugmentation,
    kl_to_standard_normal,
    reparameterise,
)
from limner.blocks.layers.initialisation import orthogonal
from limner.blocks.layers.tree import Drawn, Head, Residual, Root, Up, shrunk, sides
from limner.blocks.losses.damsm import SmallRegions, damsm, matching_losses
from limner.blocks.losses.joint_embedding import same_meaning
from limner.blocks.losses.matching_aware import AdversarialLoss, DiscriminatorScores
from limner.blocks.losses.stages import adversarial_loss, stage_loss
from limner.blocks.text.attention import WordAttention
from limner.blocks.text.encoders import BiLstmEncoder, Text, TextCodes, blended, texts_of, unknown_words
from limner.blocks.text.subsample import subsample_words
from limner.blocks.vision.pretrained import InceptionRegions, load_imagenet
from limner.data.schema import Schema
from limner.data.views import Pairs
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import Caption, Request
from limner.system import Clock, Draft, ExportPart, Paper, Phase, Player, System, Update, no_grad

Z, CODE = 100, 100


@dataclass(frozen=True, kw_only=True)
class AttnGanConfig(CascadeConfig):
    """What people change."""

    vision: Literal["small", "inception"] = "small"
    """Image encoder of DAMSM: convolutions trained here, or an Inception v3 with weights of ImageNet."""
    text_width: int = 256
    """Width of the vectors of sentences and words, E."""
    text_images: int = 200 * 8_855
    """Budget of the encoders, in pictures."""
    text_batch: int = 48
    """Pictures in a step of the encoders."""
    words: int = 18
    """Words of a caption that are learnt from at most; of a longer one so many are chosen at random, in their order."""
    size: int = 256
    """Side of the finished pictures in pixels."""
    stages: int = 3
    """Stages of the generator; each doubles the side."""
    images: int = 600 * 8_855
    """Budget of the generator, in pictures."""
    batch: int = 20
    """Pictures in a step."""
    generator_width: int = 32
    """Channels of the maps from which pictures are made, N; four doublings earlier there are 16 times as many."""
    discriminator_width: int = 64
    """Channels of the first map of a discriminator."""
    residuals: int = 2
    """Residual blocks of a branch."""
    match: float = 5.0
    """Lambda: weight of the encoders finding the words and the sentence in what is drawn."""
    variant: Literal["attngan", "attndcgan"] = "attngan"
    """The paper's system, or its variant with a picture and a discriminator at the last stage alone."""

    def __post_init__(self) -> None:
        if len(sides(self.size, self.stages)) < 2:
            raise ValueError("stages=1: words are attended to from the second stage on, so there are two or more")


class Branch(nn.Module):
    """F_i of eq. 1: h_i = F_i(h_(i-1), F^attn(e, h_(i-1))), a map twice as large."""

    def __init__(self, width: int, text: int, residuals: int) -> None:
        super().__init__()
        self.attend = WordAttention(text, width)
        self.grow = nn.Sequential(*(Residual(2 * width) for _ in range(residuals)), Up(2 * width, width))

    def forward(self, h: Tensor, text: TextCodes) -> tuple[Tensor, Tensor]:
        context, attention = self.attend(h, text)  # (B, N, h, h), (B, T, h, h)
        return self.grow(torch.cat([h, context], dim=1)), attention  # (B, N, 2h, 2h)


class Generator(nn.Module):
    """G: noise (B, Z), epsilon (B, c) and a text's codes to pictures of each stage."""

    def __init__(self, config: AttnGanConfig) -> None:
        super().__init__()
        width, stages = config.generator_width, sides(config.size, config.stages)
        self.augment = ConditioningAugmentation(config.text_width, CODE)  # F^ca
        self.root = Root(CODE + Z, width, stages[0])  # F_0
        self.branches = nn.ModuleList(Branch(width, config.text_width, config.residuals) for _ in stages[1:])  # F_i
        painted = stages if config.variant == "attngan" else stages[-1:]
        self.heads = nn.ModuleList(Head(width) for _ in painted)  # G_i

    def forward(self, z: Tensor, epsilon: Tensor, text: TextCodes) -> Drawn:
        gaussian = self.augment(text.sentence)  # mean and log-variance, (B, c) each
        h = self.root(torch.cat([reparameterise(gaussian, epsilon), z], dim=1))  # h_0 = F_0(z, F^ca(s)), eq. 1
        hidden, maps = [h], list[Tensor | None]([None])
        for branch in self.branches:
            h, attention = branch(h, text)  # h_i
            hidden.append(h)
            maps.append(attention)
        count = len(self.heads)
        images = [head(h) for head, h in zip(self.heads, hidden[-count:], strict=True)]
        return Drawn(images, [gaussian], maps[-count:])


class AttnGan(System):
    """Xu et al. 2018."""

    paper = Paper(
        title="AttnGAN: Fine-Grained Text to Image Generation with Attentional Generative Adversarial Networks",
        authors="Tao Xu, Pengchuan Zhang, Qiuyuan Huang, Han Zhang, Zhe Gan, Xiaolei Huang, Xiaodong He",
        year=2018,
        venue="CVPR",
        arxiv="1711.10485",
    )
    takes = Caption
    gives = frozenset({"images", "attention"})
    Config = AttnGanConfig
    Knobs = TwoSpreads
    default_preset = "avatars"
    presets: ClassVar[Mapping[str, AttnGanConfig]] = {
        "tiny": Config(
            text_width=32, text_images=320, text_batch=8, size=32, stages=2, images=2_400, batch=8, generator_width=12,
            discriminator_width=8, residuals=1, rate=2e-3,
        ),
        "avatars": Config(
            text_width=128, text_images=200_000, text_batch=48, words=24, size=128, stages=2, images=200_000, batch=20,
            generator_width=24, discriminator_width=24,
        ),
        "birds": Config(vision="inception", crop=True),
        "coco": Config(
            vision="inception", text_images=100 * 82_783, words=12, images=120 * 82_783, batch=14, generator_width=48,
            discriminator_width=96, residuals=3, match=50.0, crop=True,
        ),
        "birds-attndcgan": Config(
            vision="inception", variant="attndcgan", images=400 * 8_855, batch=30, residuals=0, match=1.0, crop=True
        ),
    }  # fmt: skip
    config: AttnGanConfig

    def __init__(self, config: AttnGanConfig, schema: Schema) -> None:
        super().__init__(config, schema)
        c = config
        self.adversarial = AdversarialLoss(c.kit)
        self.text = BiLstmEncoder(schema.lexicon, c.text_width)
        self.vision: SmallRegions | InceptionRegions = (
            InceptionRegions(c.text_width) if c.vision == "inception" else SmallRegions(c.size, c.text_width)
        )
        self.generator = Generator(c).apply(orthogonal)
        judged = sides(c.size, c.stages)[-len(self.generator.heads) :]
        self.critics = Discriminators(
            judged, c.discriminator_width, c.text_width, alone=c.variant == "attngan", norm="spectral" not in c.kit
        )

    @classmethod
    def data_size(cls, config: AttnGanConfig) -> int:
        """304 for 256 where windows are cropped."""
        return read_size(config.size, config.crop)

    def crop(self, images: Tensor) -> Tensor:
        """Return the windows of real pictures (B, 3, R, R) that are learnt from: (B, 3, S, S)."""
        return random_window(images, self.config.size, self.config.crop)

    def phases(self) -> list[Phase]:
        """DAMSM trains both encoders (eqs. 7 to 13); then, with these frozen, the discriminators and the generator."""
        c, optimiser = self.config, adam(self.config.rate, betas=(0.5, 0.999))
        tree = Player(modules=[self.generator], optimiser=optimiser, ema=half_life(c.batch, c.images))
        players = self.critics.players(optimiser) | {"tree": tree}
        return [
            damsm(
                self.text, self.vision, images=c.text_images, batch=c.text_batch, crop=self.crop,
                on_start=lambda: load_imagenet(self),
            ),
            Phase(name="gan", view=Pairs, images=c.images, batch=c.batch, players=players, step=self.step),
        ]  # fmt: skip

    def step(self, batch: Pairs, clock: Clock) -> Iterator[Update]:
        """Update each discriminator once (eq. 6), then the generator (eqs. 4, 5 and 14)."""
        text = self.encode(batch.texts)
        z, epsilon = normal(text.sentence, Z), normal(text.sentence, CODE)
        drawn = self.generator(z, epsilon, TextCodes.of(text))
        pyramid, scores = shrunk(self.crop(batch.images), self.critics.sides), list[DiscriminatorScores]()
        for (name, discriminator), real, fake in zip(self.critics.named(), pyramid, drawn.images, strict=True):
            scores.append(self.discriminator_loss(discriminator, real, fake, text.sentence, batch.wrong, clock.step))
            yield Update(name, scores[-1].loss, scores[-1].log)
        yield Update("tree", *self.generator_loss(drawn, text, scores, same_meaning(batch)))

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Text:
        """Encode captions, of each at most so many words: sentence (B, E), words (B, T, E), mask (B, T)."""
        return self.text([subsample_words(text, self.config.words) for text in texts])

    def discriminator_loss(
        self, discriminator: JointDiscriminator, real: Tensor, fake: Tensor, sentence: Tensor, wrong: Tensor, step: int
    ) -> DiscriminatorScores:
        """Return L_D of a stage (eq. 6); the terms weigh as in the authors' code, a mean over each kind of pair.

        Args:
            discriminator: D_i.
            real, fake: pictures (B, 3, s, s), real ones and the generator's, which are detached here.
            sentence: (B, E) of both.
            wrong: (B,) for each text the place of a real picture that it does not fit.
            step: number of the step, for penalties of the kit.
        """
        return stage_loss(self.adversarial, discriminator, real, fake, sentence, wrong, step)

    def generator_loss(
        self, drawn: Drawn, text: Text, scores: Sequence[DiscriminatorScores], same: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return L = L_G + KL / c + lambda L_DAMSM (eqs. 4 and 14), and its parts for the log.

        Args:
            drawn: the generator's pictures of all stages.
            text: what they were drawn from.
            scores: what each discriminator gave real pictures, for relativistic losses.
            same: (B, B) true for rows of one meaning, which are no negatives of each other.
        """
        gan = self.adversarial
        kl = kl_to_standard_normal(*drawn.codes[0]) / CODE  # of F^ca
        words, sentences = matching_losses(self.vision(gan.blur(drawn.images[-1])), text, same)  # L^w, L^s
        l_g = adversarial_loss(gan, self.critics, drawn.images, text.sentence, scores)  # the sum of L_Gi, eq. 5
        loss = l_g + kl + self.config.match * (words + sentences)
        return loss, {"divergence": kl, "words": words, "sentences": sentences}

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: TwoSpreads, rng: RowNoise) -> Iterator[Draft]:
        """Draw all stages; the earlier ones are drafts."""
        z, epsilon = rng.normal(Z + CODE).split([Z, CODE], dim=1)
        noise = torch.cat([knobs.spread * z, knobs.reading * epsilon], dim=1)
        yield from self.draw(noise, *blended(self.text, requests))

    def draw(self, noise: Tensor, *codes: Tensor) -> Iterator[Draft]:
        """Draw from noise and epsilon, (B, Z + c), and the three tensors of a `TextCodes`."""
        return drafts(self.generator(*noise.split([Z, CODE], dim=1), TextCodes(*codes)))

    @torch.no_grad()
    def embed_pairs(self, images: Tensor, requests: Sequence[Request]) -> tuple[Tensor, Tensor]:
        """Return codes of pictures and sentences, two of (B, E), by the encoders of DAMSM."""
        return torch.cat([self.vision(part)[1] for part in images.split(100)]), self.text.sentence(texts_of(requests))

    def exports(self) -> Mapping[str, ExportPart]:
        """Return the text encoder, and the generator: noise and epsilon (B, Z + c), and `TextCodes`, to pictures."""
        noise, condition = {"spread": Z, "reading": CODE}, example_words(self.config.text_width)
        return {
            "reader": export_encoder(self.text.both, [self.text], self.text.rule, CONDITION[:2]),
            "painter": export_generator(self.draw, [self.generator], noise, *condition),
        }

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words that the text encoder does not know, each with the nearest it does."""
        return unknown_words(self.schema.lexicon, requests)
