"""LeicaGAN: two priors of a text, what it looks like and what shape it has, are learnt first and then drawn from.

Qiao, Zhang, Xu, Tao: Learn, Imagine and Create: Text-to-Image Generation from Prior Knowledge, NeurIPS 2019.

Reading order: LeicaGanConfig; TwoReaders; Branch and Generator; the game over modalities (DomainCritic); triplet_loss;
LeicaGan: its three phases, their steps and losses, sampling. Both priors are trained by DAMSM's losses
(`blocks.losses.damsm`); attention is `blocks.text.attention`, the adversarial losses of a stage are
`blocks.losses.stages`.

Letters: B pictures, S their side, s that of a stage, E width of sentences and words of a prior, T words, Z = 100
numbers of noise, c = 100 numbers of a text's code, N the width of the generator, h side of a map. TI is the text
encoder that learnt beside pictures, TM the one that learnt beside masks; beta is the weight of TM's words.

What the paper claims
    Learn (section 3.1): a text encoder that learns to find pictures knows colour and texture; one that learns to find
    segmentation masks knows shape and layout. The second also plays a game: nobody may tell whether a code is one of a
    text or of a mask.
    Imagine (3.2): both are joined, sentences for the first map and words, after attention, with weights 1 - beta and
    beta.
    Create (3.3): a cascade, as MirrorGAN's, draws from both.

Deviations
    In the authors' code the encoder of masks is never called: both priors are one. Here both are used, each with a
    projection of its own; `prior=legacy` is what the code does, `image` and `mask` know one prior alone.
    The game is played by a critic, a player of its own; in the code labels of the modality are neither one-hot nor
    true, and swapped in front of a gradient that is reversed already.
    The triplet loss (TI) and the loss of classes (TM) need labels; of data without them they are left out, as is a row
    of a batch without another of its class. The classifier's logits are not squashed before their cross-entropy.
    Encoders are checked on held-out pictures, the code checks them on those it trains on.
    The deviations of AttnGAN that concern padding, masks of words, mismatched pairs and DAMSM hold here, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.cascade import CascadeConfig, random_window, read_size
from limner.blocks.discriminators.pyramid import Discriminators, drafts, half_life
from limner.blocks.export import CONDITION, example_words, export_encoder, export_generator
from limner.blocks.latent.knobs import TwoSpreads
from limner.blocks.latent.noise import normal
from limner.blocks.layers.conditioning_augmentation import (
    ConditioningAugmentation,
    kl_to_standard_normal,
    reparameterise,
)
from limner.blocks.layers.convolutions import LEAK
from limner.blocks.layers.initialisation import orthogonal
from limner.blocks.layers.tree import Drawn, Head, Residual, Root, Up, shrunk, sides
from limner.blocks.losses.adversarial import bce_fake, bce_real
from limner.blocks.losses.damsm import SmallRegions, encoders_player, matched, matching_losses
from limner.blocks.losses.joint_embedding import same_meaning
from limner.blocks.losses.matching_aware import AdversarialLoss, DiscriminatorScores
from limner.blocks.losses.stages import adversarial_loss, stage_loss
from limner.blocks.text.attention import SentenceAttention, WordAttention
from limner.blocks.text.encoders import BiLstmEncoder, Text, TextCodes, blended, texts_of, unknown_words
from limner.blocks.text.subsample import subsample_words
from limner.blocks.vision.pretrained import InceptionRegions, load_imagenet
from limner.data.masked_views import Masked
from limner.data.schema import Lexicon, Schema
from limner.data.views import Pairs
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import Caption, Request
from limner.system import Clock, Draft, ExportPart, Paper, Phase, Player, System, Update, no_grad

Z, CODE = 100, 100
BETA = 0.2
MARGIN = 1.0


@dataclass(frozen=True)
class LeicaKnobs(TwoSpreads):
    """Two scales of noise, and the balance of both priors."""

    beta: float = BETA
    """Weight of the words that learnt shapes from masks, from 0 to 1; 1 less it is that of those that saw pictures."""


@dataclass(frozen=True, kw_only=True)
class LeicaGanConfig(CascadeConfig):
    """What people change."""

    prior: Literal["both", "image", "mask", "legacy"] = "both"
    """Which priors draw: both; that of pictures, or of masks, alone; or that of pictures twice, the code's mistake."""
    vision: Literal["small", "inception"] = "small"
    """Image encoders of both priors: convolutions trained here, or Inception v3 with weights of ImageNet."""
    text_width: int = 256
    """Width of the vectors of sentences and words of a prior, E."""
    text_images: int = 210 * 8_855
    """Budget of either prior, in pictures."""
    text_batch: int = 88
    """Pictures in a step of the priors."""
    words: int = 18
    """Words of a caption that are learnt from at most; of a longer one so many are chosen at random, in their order."""
    size: int = 256
    """Side of the finished pictures in pixels."""
    stages: int = 3
    """Stages of the generator; each doubles the side."""
    images: int = 700 * 8_855
    """Budget of the generator, in pictures."""
    batch: int = 24
    """Pictures in a step."""
    generator_width: int = 32
    """Channels of the maps from which pictures are made, N; four doublings earlier there are 16 times as many."""
    discriminator_width: int = 64
    """Channels of the first map of a discriminator."""
    residuals: int = 2
    """Residual blocks of a branch."""
    match: float = 5.0
    """Weight of the encoders of pictures finding the words and the sentence in what is drawn."""
    domain: float = 1.0
    """Weight of the game over modalities; 0 leaves it out."""
    triplet: float = 1.0
    """Weight of the triplet loss, where the data has labels."""
    classes: float = 0.5
    """Weight of the loss of classes, where the data has labels."""

    def __post_init__(self) -> None:
        if len(sides(self.size, self.stages)) < 2:
            raise ValueError("stages=1: words are attended to from the second stage on, so there are two or more")


class TwoReaders(nn.Module):
    """The text encoders of both priors as one: sentences (B, 2E) and words (B, T, 2E), the prior of pictures first."""

    def __init__(self, lexicon: Lexicon, width: int) -> None:
        super().__init__()
        self.image, self.mask = BiLstmEncoder(lexicon, width), BiLstmEncoder(lexicon, width)  # TI, TM

    def chosen(self, prior: str) -> tuple[BiLstmEncoder, BiLstmEncoder]:
        """Return whom each half comes from: TI and TM, or one of them twice."""
        return self.mask if prior == "mask" else self.image, self.mask if prior in {"both", "mask"} else self.image

    def read(self, texts: Sequence[str], prior: str) -> tuple[Text, Text]:
        """Encode B sentences by either half's encoder, once where that is the same."""
        encoders = self.chosen(prior)
        read = {encoder: encoder(texts) for encoder in dict.fromkeys(encoders)}
        return read[encoders[0]], read[encoders[1]]

    @staticmethod
    def joined(first: Text, second: Text) -> Text:
        """Return both halves of B sentences as one."""
        words = torch.cat([first.words, second.words], dim=2)
        return Text(torch.cat([first.sentence, second.sentence], dim=1), words, first.mask)

    def both(self, numbers: Tensor, prior: str) -> tuple[Tensor, Tensor]:
        """Encode one sentence, given the numbers of its words (1, T), to (1, 2E) and its words to (1, T, 2E)."""
        first, second = (encoder.both(numbers) for encoder in self.chosen(prior))
        return torch.cat([first[0], second[0]], dim=1), torch.cat([first[1], second[1]], dim=2)


class Branch(nn.Module):
    """A map, its contexts of both priors' words and of the sentence to a map twice as large."""

    def __init__(self, config: LeicaGanConfig) -> None:
        super().__init__()
        width = config.generator_width
        self.attend = nn.ModuleList(WordAttention(config.text_width, width) for _ in range(2))  # to TI's words, to TM's
        self.sentence = SentenceAttention(CODE, width, "channels")
        self.join = nn.Conv2d(3 * width, 2 * width, 1, bias=False)
        self.grow = nn.Sequential(*(Residual(2 * width) for _ in range(config.residuals)), Up(2 * width, width))

    def forward(self, h: Tensor, code: Tensor, text: TextCodes, beta: float) -> tuple[Tensor, list[Tensor]]:
        """Return the next map (B, N, 2h, 2h) and the attention to the words of both priors, (B, T, h, h) each."""
        halves = (text._replace(words=words) for words in text.words.chunk(2, dim=2))
        (seen, first), (shaped, second) = (attend(h, half) for attend, half in zip(self.attend, halves, strict=True))
        words = (1 - beta) * seen + beta * shaped
        return self.grow(self.join(torch.cat([h, words, self.sentence(h, code)], dim=1))), [first, second]


class Generator(nn.Module):
    """G: noise (B, Z), epsilon (B, c) and both priors' codes of a text to pictures of each stage."""

    def __init__(self, config: LeicaGanConfig) -> None:
        super().__init__()
        width, stages = config.generator_width, sides(config.size, config.stages)
        self.augment = ConditioningAugmentation(2 * config.text_width, CODE)
        self.root = Root(CODE + Z, width, stages[0])
        self.branches = nn.ModuleList(Branch(config) for _ in stages[1:])
        self.heads = nn.ModuleList(Head(width) for _ in stages)

    def forward(self, z: Tensor, epsilon: Tensor, text: TextCodes, beta: float) -> tuple[Drawn, list[Tensor]]:
        """Return pictures with the attention to TI's words, and of each branch that to TM's."""
        gaussian = self.augment(text.sentence)  # mean and log-variance, (B, c) each
        code = reparameterise(gaussian, epsilon)
        h = self.root(torch.cat([code, z], dim=1))
        images, maps, shapes = [self.heads[0](h)], list[Tensor | None]([None]), list[Tensor]()
        for branch, head in zip(self.branches, self.heads[1:], strict=True):
            h, (first, second) = branch(h, code, text, beta)
            images.append(head(h))
            maps.append(first)
            shapes.append(second)
        return Drawn(images, [gaussian], maps), shapes


class DomainCritic(nn.Sequential):
    """Tells codes of masks from codes of texts: (B, E) to logits (B,), large for masks."""

    def __init__(self, width: int) -> None:
        half, quarter = width // 2, width // 4
        super().__init__(
            nn.Linear(width, half), nn.LeakyReLU(LEAK), nn.Linear(half, quarter), nn.LeakyReLU(LEAK),
            nn.Linear(quarter, 1), nn.Flatten(0),
        )  # fmt: skip

    def loss(self, masks: Tensor, texts: Tensor) -> Tensor:
        """Return -1/2 [E log D(masks) + E log(1 - D(texts))] of codes, two of (B, E): log 2 where nobody can tell."""
        return (bce_real(self(masks)) + bce_fake(self(texts))) / 2


def triplet_loss(codes: Tensor, labels: Tensor) -> Tensor:
    """Return the mean of max(0, 1 + |a - p| - |a - n|): a row, the next of its class, the next of another class.

    Rows without a class, or without another row of their class or one of another, are left out; 0 where all are.

    Args:
        codes: of pictures, (B, ...).
        labels: (B,) classes, -1 where unknown.
    """
    flat, rows = codes.float().flatten(1), len(labels)
    order = (torch.arange(rows)[:, None] + torch.arange(1, rows)) % rows  # the others of each row, the next one first
    order = order.to(labels.device)
    same = (labels[order] == labels[:, None]) & (labels[:, None] >= 0)  # (B, B - 1)
    other = (labels[order] != labels[:, None]) & (labels[order] >= 0) & (labels[:, None] >= 0)
    usable = same.any(dim=1) & other.any(dim=1)
    if not usable.any():
        return flat.sum() * 0
    anchor = flat[usable]
    positive, negative = (
        flat[order.gather(1, kind.int().argmax(dim=1, keepdim=True)).squeeze(1)[usable]] for kind in (same, other)
    )
    return F.triplet_margin_loss(anchor, positive, negative, margin=MARGIN)


class LeicaGan(System):
    """Qiao et al. 2019."""

    paper = Paper(
        title="Learn, Imagine and Create: Text-to-Image Generation from Prior Knowledge",
        authors="Tingting Qiao, Jing Zhang, Duanqing Xu, Dacheng Tao",
        year=2019,
        venue="NeurIPS",
    )
    takes = Caption
    gives = frozenset({"images", "attention"})
    Config = LeicaGanConfig
    Knobs = LeicaKnobs
    default_preset = "avatars"
    presets: ClassVar[Mapping[str, LeicaGanConfig]] = {
        "tiny": Config(
            text_width=32, text_images=320, text_batch=8, size=32, stages=2, images=2_400, batch=8, generator_width=12,
            discriminator_width=8, residuals=1, rate=2e-3, match=1.0,
        ),
        "avatars": Config(
            text_width=128, text_images=150_000, text_batch=48, words=24, size=64, stages=2, images=200_000, batch=20,
            generator_width=24, discriminator_width=24,
        ),
        "birds": Config(vision="inception", crop=True),
        "flowers": Config(
            vision="inception", crop=True, text_images=210 * 7_034, images=700 * 7_034, text_batch=80, batch=32
        ),
    }  # fmt: skip
    config: LeicaGanConfig

    def __init__(self, config: LeicaGanConfig, schema: Schema) -> None:
        super().__init__(config, schema)
        c, labels = config, len(schema.labels)
        self.adversarial = AdversarialLoss(c.kit)
        self.text = TwoReaders(schema.lexicon, c.text_width)
        self.vision, self.mask_vision = self._look(), self._look()
        self.classify = nn.Linear(c.text_width, labels) if labels and c.classes else None
        self.domain_critic = DomainCritic(c.text_width) if c.domain else None
        self.generator = Generator(c).apply(orthogonal)
        self.critics = Discriminators(
            sides(c.size, c.stages), c.discriminator_width, c.text_width, norm="spectral" not in c.kit
        )

    def _look(self) -> SmallRegions | InceptionRegions:
        c = self.config
        return InceptionRegions(c.text_width) if c.vision == "inception" else SmallRegions(c.size, c.text_width)

    @property
    def beta(self) -> float:
        """Weight of the second half of the words while the GAN learns."""
        return {"image": 0.0, "mask": 1.0}.get(self.config.prior, BETA)

    @classmethod
    def data_size(cls, config: LeicaGanConfig) -> int:
        """304 for 256 where windows are cropped."""
        return read_size(config.size, config.crop)

    def crop(self, images: Tensor) -> Tensor:
        """Return the windows of real pictures, or masks, (B, C, R, R) that are learnt from: (B, C, S, S)."""
        return random_window(images, self.config.size, self.config.crop)

    def phases(self) -> list[Phase]:
        """Learn the prior of pictures; that of masks, where it draws; with both frozen, create."""
        c, optimiser = self.config, adam(self.config.rate, betas=(0.5, 0.999))
        readers: list[nn.Module] = [self.text.mask, *self.mask_vision.trainable()]
        masks = {"encoders": encoders_player(readers + ([self.classify] if self.classify is not None else []))}
        if self.domain_critic is not None:
            masks = {"domain critic": Player(modules=[self.domain_critic], optimiser=adam(2e-3, (0.5, 0.999)))} | masks
        tree = Player(modules=[self.generator], optimiser=optimiser, ema=half_life(c.batch, c.images))
        pictures = Phase(
            name="image prior", view=Pairs, images=c.text_images, batch=c.text_batch, step=self.learn_pictures,
            players={"encoders": encoders_player([self.text.image, *self.vision.trainable()])},
            on_start=lambda: load_imagenet(self), draws=False,
            check=lambda batch: matched(self.text.image, self.vision, self.crop(batch.images), batch),
        )  # fmt: skip
        shapes = Phase(
            name="mask prior", view=Masked, images=c.text_images, batch=c.text_batch, step=self.learn_masks,
            players=masks, draws=False,
            check=lambda batch: matched(self.text.mask, self.mask_vision, self.shapes(batch), batch),
        )  # fmt: skip
        gan = Phase(
            name="gan", view=Pairs, images=c.images, batch=c.batch, step=self.create,
            players=self.critics.players(optimiser) | {"tree": tree},
        )  # fmt: skip
        return [pictures, shapes, gan] if c.prior in {"both", "mask"} else [pictures, gan]

    def shapes(self, batch: Masked) -> Tensor:
        """Return the masks of a batch as pictures in [-1, 1], of the same windows for all rows: (B, 3, S, S)."""
        return self.crop(2 * batch.masks - 1).expand(-1, 3, -1, -1)

    def learn_pictures(self, batch: Pairs, clock: Clock) -> Iterator[Update]:
        """L_w + L_s + lambda_4 (triplets of regions and of the whole), of pictures and TI."""
        regions, whole = self.vision(self.crop(batch.images))
        words, sentences = matching_losses((regions, whole), self.text.image(batch.texts), same_meaning(batch))
        triplets = triplet_loss(regions, batch.labels) + triplet_loss(whole, batch.labels)
        log = {"words": words, "sentences": sentences, "triplets": triplets}
        yield Update("encoders", words + sentences + self.config.triplet * triplets, log)

    def learn_masks(self, batch: Masked, clock: Clock) -> Iterator[Update]:
        """The critic of modalities, then L_w + L_s - lambda_2 L_domain + lambda_3 L_class, of masks and TM."""
        c, rows = self.config, batch.known.nonzero().flatten()
        weight = float(len(rows) > 1)  # a batch of unknown masks teaches nothing
        rows = rows if weight else torch.arange(len(batch.texts), device=rows.device)
        features, text = self.mask_vision(self.shapes(batch)), self.text.mask(batch.texts)
        if self.domain_critic is not None:
            guessed = self.domain_critic.loss(features[1][rows].detach(), text.sentence.detach())
            yield Update("domain critic", weight * guessed)
        same = same_meaning(batch)
        of_masks = (features[0][rows], features[1][rows])
        of_texts = Text(text.sentence[rows], text.words[rows], text.mask[rows])
        words, sentences = matching_losses(of_masks, of_texts, same[rows][:, rows])
        loss, log = words + sentences, {"words": words, "sentences": sentences}
        if self.domain_critic is not None:
            log["domain"] = self.domain_critic.loss(of_masks[1], text.sentence)
            loss = loss - c.domain * log["domain"]
        labelled = batch.labels[rows] >= 0
        if self.classify is not None and labelled.any():
            log["classes"] = sum(
                (F.cross_entropy(self.classify(code[labelled]).float(), batch.labels[rows][labelled])
                 for code in (of_masks[1], of_texts.sentence)), start=loss.new_zeros(()),
            )  # fmt: skip
            loss = loss + c.classes * log["classes"]
        yield Update("encoders", weight * loss, log)

    def create(self, batch: Pairs, clock: Clock) -> Iterator[Update]:
        """Update each discriminator once, then the generator; all are scored by the prior of pictures."""
        cut = [subsample_words(text, self.config.words) for text in batch.texts]
        with torch.no_grad():
            halves = self.text.read(cut, self.config.prior)
            text, seen = self.text.joined(*halves), self.text.image(cut) if self.config.prior == "mask" else halves[0]
        z, epsilon = normal(text.sentence, Z), normal(text.sentence, CODE)
        drawn, _ = self.generator(z, epsilon, TextCodes.of(text), self.beta)
        pyramid, scores = shrunk(self.crop(batch.images), self.critics.sides), list[DiscriminatorScores]()
        for (name, d), real, fake in zip(self.critics.named(), pyramid, drawn.images, strict=True):
            scores.append(stage_loss(self.adversarial, d, real, fake, seen.sentence, batch.wrong, clock.step))
            yield Update(name, scores[-1].loss, scores[-1].log)
        yield Update("tree", *self.generator_loss(drawn, seen, scores, same_meaning(batch)))

    def generator_loss(
        self, drawn: Drawn, text: Text, scores: Sequence[DiscriminatorScores], same: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the sum of L_Gi over stages, KL / c and lambda (L_w + L_s) by the prior of pictures, and its parts.

        Args:
            drawn: the generator's pictures of all stages.
            text: TI's of the texts.
            scores: what each discriminator gave real pictures, for relativistic losses.
            same: (B, B) true for rows of one meaning, which are no negatives of each other.
        """
        gan = self.adversarial
        kl = kl_to_standard_normal(*drawn.codes[0]) / CODE
        words, sentences = matching_losses(self.vision(gan.blur(drawn.images[-1])), text, same)
        loss = adversarial_loss(gan, self.critics, drawn.images, text.sentence, scores)
        loss = loss + kl + self.config.match * (words + sentences)
        return loss, {"divergence": kl, "words": words, "sentences": sentences}

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: LeicaKnobs, rng: RowNoise) -> Iterator[Draft]:
        """Draw all stages; before each that attends to words comes a draft with the attention of the prior of masks.

        `knobs.beta` is heeded where both priors draw; otherwise there is nothing to weigh.
        """
        z, epsilon = rng.normal(Z + CODE).split([Z, CODE], dim=1)
        noise = torch.cat([knobs.spread * z, knobs.reading * epsilon], dim=1)
        beta = knobs.beta if self.config.prior == "both" else self.beta
        codes = blended(lambda texts: self.text.joined(*self.text.read(texts, self.config.prior)), requests)
        yield from self.stages(noise, codes, beta)

    def stages(self, noise: Tensor, text: TextCodes, beta: float) -> Iterator[Draft]:
        """Draw from noise and epsilon, (B, Z + c), and both priors' codes of texts."""
        z, epsilon = noise.split([Z, CODE], dim=1)
        drawn, shapes = self.generator(z, epsilon, text, beta)
        first, *others = drafts(drawn)
        yield first
        for draft, attention in zip(others, shapes, strict=True):
            if self.config.prior == "both":
                note = f"{draft.note}, words of the mask prior"
                yield Draft(images=draft.images, attention=attention, note=note, progress=draft.progress * 0.99)
            yield draft

    def draw(self, noise: Tensor, *codes: Tensor) -> Iterator[Draft]:
        """Draw from noise and epsilon, (B, Z + c), and the three tensors of a `TextCodes`, with the training's beta."""
        return self.stages(noise, TextCodes(*codes), self.beta)

    @torch.no_grad()
    def embed_pairs(self, images: Tensor, requests: Sequence[Request]) -> tuple[Tensor, Tensor]:
        """Return codes of pictures and sentences, two of (B, E), by the prior of pictures."""
        codes = torch.cat([self.vision(part)[1] for part in images.split(100)])
        return codes, self.text.image.sentence(texts_of(requests))

    def exports(self) -> Mapping[str, ExportPart]:
        """Return both text encoders as one, and the generator: noise and epsilon (B, Z + c), `TextCodes`, to pictures.

        Beta is then that of the training.
        """
        noise, condition = {"spread": Z, "reading": CODE}, example_words(2 * self.config.text_width)

        def read(numbers: Tensor) -> Any:
            return self.text.both(numbers, self.config.prior)

        return {
            "reader": export_encoder(read, [self.text], self.text.image.rule, CONDITION[:2]),
            "painter": export_generator(self.draw, [self.generator], noise, *condition),
        }

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words that the text encoders do not know, each with the nearest they do."""
        return unknown_words(self.schema.lexicon, requests)
