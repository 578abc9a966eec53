"""ControlGAN: one word can be changed while the rest of the picture stays.

Li, Qi, Lukasiewicz, Torr: Controllable Text-to-Image Generation, NeurIPS 2019.

Reading order: ControlGanConfig; ChannelAttention, Branch and Generator; WordCritic; ControlGan: phases, step, losses,
sampling. Attention of places to words and the adversarial losses of a stage are AttnGAN's (`blocks.text.attention`,
`blocks.losses.stages`), the encoders' training DAMSM (`blocks.losses.damsm`), the perceptual loss
`blocks.losses.perceptual`.

Letters: B pictures, S their side, s that of a stage, E width of sentences and words, T words, Z = 100 numbers of noise,
c = 100 numbers of a text's code, N the width of the generator, h side of a map, g side of the grid on which channels
and words meet, e_t the words of a text, r how well a picture fits the words of a text.

What the paper claims
    Channel attention (section 3.2): beside the place, each channel of the map attends to the words; channels hold
    parts, such as a wing, and so a word changes its part alone.
    A word-level discriminator (section 3.3): tells each word's region, not only the whole, and its verdict is in the
    generator's loss.
    A perceptual loss (section 3.4): what is drawn is held to the real picture of its text, so that little else varies.
    Each is left out by `without`: channel, words, perceptual.

Deviations
    In the authors' code the word-level discriminator cannot learn: its correlations are gathered as plain numbers over
    frozen encoders, it is missing from the generator's loss, and its verdict, a sigmoid of the log of a sum of
    exponentials, is above 1/2 for practically any picture. Here it has an image encoder of its own that learns with the
    discriminators, words weighed to a sum of 1, a scale and a threshold that are learnt, and a term in the generator's
    loss.
    Channel attention maps words to all places of a map, so that half of all parameters belong to two sizes of it. By
    default words are mapped to a grid of 16 x 16 on which the map is averaged; `channel="places"` is the published
    size. Padding gets no attention.
    The perceptual features are those of DAMSM's image encoder, frozen; `vision=inception` takes relu2_2 of a VGG-16
    with weights of ImageNet, as the authors do.
    Weights of the word-level and the perceptual terms are 1: the paper's were not at hand.
    The deviations of AttnGAN that concern padding, masks, mismatched pairs and DAMSM hold here, too.
    The preset `mca-gan` is a reconstruction: of "MCA-GAN, text-to-image GAN based on multi-channel attention" nothing
    was found but its title and, in a survey, the names of this paper's authors; it is AttnGAN with channel attention.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

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
from limner.blocks.layers.initialisation import orthogonal
from limner.blocks.layers.tree import Drawn, Head, Residual, Root, Up, shrunk, sides
from limner.blocks.losses.adversarial import bce_fake, bce_real
from limner.blocks.losses.damsm import GAMMA_1, GAMMA_2, SmallRegions, damsm, matching_losses
from limner.blocks.losses.joint_embedding import same_meaning
from limner.blocks.losses.matching_aware import AdversarialLoss, DiscriminatorScores
from limner.blocks.losses.perceptual import perceptual_loss
from limner.blocks.losses.stages import adversarial_loss, stage_loss
from limner.blocks.modes import evaluating, full_precision
from limner.blocks.text.attention import WordAttention
from limner.blocks.text.encoders import BiLstmEncoder, Text, TextCodes, blended, texts_of, unknown_words
from limner.blocks.text.subsample import subsample_words
from limner.blocks.vision.pretrained import InceptionRegions, VggFeatures, load_imagenet
from limner.data.schema import Schema
from limner.data.views import Pairs
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import Caption, Request
from limner.system import Clock, Draft, ExportPart, Paper, Phase, Player, System, Update, no_grad

Z, CODE = 100, 100
GRID = 16
INGREDIENTS = frozenset({"channel", "words", "perceptual"})


@dataclass(frozen=True, kw_only=True)
class ControlGanConfig(CascadeConfig):
    """What people change."""

    vision: Literal["small", "inception"] = "small"
    """Nets that look: convolutions trained here, or an Inception v3 (DAMSM) and a VGG-16 (perceptual) of ImageNet."""
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
    batch: int = 8
    """Pictures in a step."""
    generator_width: int = 32
    """Channels of the maps from which pictures are made, N; four doublings earlier there are 16 times as many."""
    discriminator_width: int = 64
    """Channels of the first map of a discriminator."""
    residuals: int = 2
    """Residual blocks of a branch."""
    channel: Literal["grid", "places"] = "grid"
    """Where channels and words meet: a grid of 16 x 16, or every place of a map, the published size."""
    match: float = 5.0
    """Weight of the encoders finding the words and the sentence in what is drawn."""
    without: tuple[str, ...] = ()
    """Ideas left out, to see what each gives: channel, words (the word-level discriminator), perceptual."""

    def __post_init__(self) -> None:
        if len(sides(self.size, self.stages)) < 2:
            raise ValueError("stages=1: words are attended to from the second stage on, so there are two or more")
        if unknown := set(self.without) - INGREDIENTS:
            raise ValueError(f"without={min(unknown)}: what can be left out is {', '.join(sorted(INGREDIENTS))}")


class ChannelAttention(nn.Module):
    """Section 3.2: for each channel of a map the sum of the words, weighed by how well they fit the channel.

    Args:
        text: E.
        grid: g, side of the grid on which words and channels are compared.
    """

    def __init__(self, text: int, grid: int) -> None:
        super().__init__()
        self.grid = grid
        self.project = nn.Linear(text, grid * grid, bias=False)

    def forward(self, h: Tensor, text: TextCodes) -> tuple[Tensor, Tensor]:
        """Return the context of a map (B, N, h, h), as large, and the attention of channels to words, (B, N, T)."""
        words = self.project(text.words)  # (B, T, gg)
        places = F.adaptive_avg_pool2d(h, self.grid).flatten(2)  # (B, N, gg)
        scores = (places @ words.transpose(1, 2)).float() + text.weight[:, None]  # (B, N, T), masked by -inf
        alpha = scores.softmax(dim=2).to(words.dtype)
        context = (alpha @ words).unflatten(2, (self.grid, self.grid))  # (B, N, g, g)
        return F.interpolate(context, h.shape[2:], mode="nearest"), alpha.float()


class Branch(nn.Module):
    """A map, its context of words by place and, of that, its context by channel, to a map twice as large.

    Args:
        config: of the system.
        side: h.
    """

    def __init__(self, config: ControlGanConfig, side: int) -> None:
        super().__init__()
        width, parts = config.generator_width, 2 if "channel" in config.without else 3
        self.attend = WordAttention(config.text_width, width)
        grid = side if config.channel == "places" else min(side, GRID)
        self.channels = ChannelAttention(config.text_width, grid) if parts == 3 else None
        self.grow = nn.Sequential(*(Residual(parts * width) for _ in range(config.residuals)), Up(parts * width, width))

    def forward(self, h: Tensor, text: TextCodes) -> tuple[Tensor, Tensor]:
        by_place, attention = self.attend(h, text)  # (B, N, h, h), (B, T, h, h)
        joined = [h, by_place]
        if self.channels is not None:
            by_channel, _ = self.channels(by_place, text)  # (B, N, h, h)
            joined.append(by_channel)
        return self.grow(torch.cat(joined, dim=1)), attention  # (B, N, 2h, 2h)


class Generator(nn.Module):
    """G: noise (B, Z), epsilon (B, c) and a text's codes to pictures of each stage."""

    def __init__(self, config: ControlGanConfig) -> None:
        super().__init__()
        width, stages = config.generator_width, sides(config.size, config.stages)
        self.augment = ConditioningAugmentation(config.text_width, CODE)
        self.root = Root(CODE + Z, width, stages[0])
        self.branches = nn.ModuleList(Branch(config, side) for side in stages[:-1])
        self.heads = nn.ModuleList(Head(width) for _ in stages)

    def forward(self, z: Tensor, epsilon: Tensor, text: TextCodes) -> Drawn:
        gaussian = self.augment(text.sentence)  # mean and log-variance, (B, c) each
        h = self.root(torch.cat([reparameterise(gaussian, epsilon), z], dim=1))
        images, maps = [self.heads[0](h)], list[Tensor | None]([None])
        for branch, head in zip(self.branches, self.heads[1:], strict=True):
            h, attention = branch(h, text)
            images.append(head(h))
            maps.append(attention)
        return Drawn(images, [gaussian], maps)


class WordCritic(nn.Module):
    """The word-level discriminator, section 3.3: a logit of whether a picture shows each word of a text.

    Regions of the picture come from an encoder of its own. Each word attends to them as in DAMSM; c_t is what it finds,
    w_t its importance in the text, and r = log sum_t w_t exp(gamma_2 cos(e_t, c_t)), so between -gamma_2 and gamma_2.

    Args:
        size: S.
        text: E.
    """

    def __init__(self, size: int, text: int) -> None:
        super().__init__()
        self.regions = SmallRegions(size, text)
        self.project = nn.Linear(text, text, bias=False)
        self.scale, self.threshold = nn.Parameter(torch.tensor(1.0)), nn.Parameter(torch.tensor(0.0))  # a, b

    def features(self, images: Tensor) -> Tensor:
        """Return the regions of pictures (B, 3, S, S): (B, E, h, h)."""
        return self.regions.places(self.regions.trunk(images))

    def judge(self, regions: Tensor, text: Text) -> Tensor:
        """Return a logit a r + b for each pair of regions (B, E, h, h) and a text: (B,)."""
        with full_precision(regions):
            e = self.project(text.words.float())  # (B, T, E)
            return self.scale * correlation(regions.float(), e, text.mask) + self.threshold


def correlation(regions: Tensor, words: Tensor, mask: Tensor) -> Tensor:
    """Return r, how well each picture fits the words of its text: (B,).

    Args:
        regions: (B, E, h, h).
        words: e_t, (B, T, E).
        mask: bool (B, T), true for words.
    """
    v = regions.flatten(2)  # (B, E, R)
    s = (words @ v).masked_fill(~mask[:, :, None], -torch.inf).softmax(dim=1)  # over the words: (B, T, R)
    c = (GAMMA_1 * s).softmax(dim=2) @ v.transpose(1, 2)  # over the regions: c_t, (B, T, E)
    count = mask.sum(dim=1, keepdim=True)
    mean = (words * mask[:, :, None]).sum(dim=1) / count  # (B, E)
    importance = (words @ mean[:, :, None]).squeeze(2).masked_fill(~mask, -torch.inf).log_softmax(dim=1)  # log w_t
    cosine = F.cosine_similarity(c, words, dim=2)
    return (importance + GAMMA_2 * cosine).logsumexp(dim=1)


class ControlGan(System):
    """Li et al. 2019."""

    paper = Paper(
        title="Controllable Text-to-Image Generation",
        authors="Bowen Li, Xiaojuan Qi, Thomas Lukasiewicz, Philip H. S. Torr",
        year=2019,
        venue="NeurIPS",
        arxiv="1909.07083",
    )
    takes = Caption
    gives = frozenset({"images", "attention"})
    Config = ControlGanConfig
    Knobs = TwoSpreads
    default_preset = "avatars"
    presets: ClassVar[Mapping[str, ControlGanConfig]] = {
        "tiny": Config(
            text_width=32, text_images=320, text_batch=8, size=32, stages=2, images=2_400, batch=8, generator_width=12,
            discriminator_width=8, residuals=1, rate=2e-3,
        ),
        "avatars": Config(
            text_width=128, text_images=200_000, text_batch=48, words=24, size=64, stages=2, images=200_000, batch=20,
            generator_width=24, discriminator_width=24,
        ),
        "mca-gan": Config(
            text_width=128, text_images=200_000, text_batch=48, words=24, size=64, stages=2, images=200_000, batch=20,
            generator_width=24, discriminator_width=24, without=("words", "perceptual"),
        ),
        "birds": Config(vision="inception", channel="places", crop=True),
        "coco": Config(
            vision="inception", channel="places", text_images=100 * 82_783, words=12, images=120 * 82_783,
            generator_width=48, discriminator_width=96, residuals=3, match=50.0, crop=True,
        ),
    }  # fmt: skip
    config: ControlGanConfig

    def __init__(self, config: ControlGanConfig, schema: Schema) -> None:
        super().__init__(config, schema)
        c = config
        self.adversarial = AdversarialLoss(c.kit)
        self.text = BiLstmEncoder(schema.lexicon, c.text_width)
        inception = c.vision == "inception"
        self.vision: SmallRegions | InceptionRegions = (
            InceptionRegions(c.text_width) if inception else SmallRegions(c.size, c.text_width)
        )
        self.vgg = VggFeatures() if inception and self.uses("perceptual") else None
        self.generator = Generator(c).apply(orthogonal)
        self.critics = Discriminators(
            sides(c.size, c.stages), c.discriminator_width, c.text_width, norm="spectral" not in c.kit
        )
        self.word_critic = WordCritic(c.size, c.text_width) if self.uses("words") else None

    def uses(self, ingredient: str) -> bool:
        """Tell whether an idea is in."""
        return ingredient not in self.config.without

    @classmethod
    def data_size(cls, config: ControlGanConfig) -> int:
        """304 for 256 where windows are cropped."""
        return read_size(config.size, config.crop)

    def crop(self, images: Tensor) -> Tensor:
        """Return the windows of real pictures (B, 3, R, R) that are learnt from: (B, 3, S, S)."""
        return random_window(images, self.config.size, self.config.crop)

    def phases(self) -> list[Phase]:
        """DAMSM trains both encoders; then, with these frozen, the discriminators and the generator."""
        c, optimiser = self.config, adam(self.config.rate, betas=(0.5, 0.999))
        players = self.critics.players(optimiser)
        if self.word_critic is not None:
            players["word critic"] = Player(modules=[self.word_critic], optimiser=optimiser)
        players["tree"] = Player(modules=[self.generator], optimiser=optimiser, ema=half_life(c.batch, c.images))
        return [
            damsm(
                self.text, self.vision, images=c.text_images, batch=c.text_batch, crop=self.crop,
                on_start=lambda: load_imagenet(self),
            ),
            Phase(
                name="gan", view=Pairs, images=c.images, batch=c.batch, players=players, step=self.step,
                check=self.words_found if self.uses("words") else None,
            ),
        ]  # fmt: skip

    def step(self, batch: Pairs, clock: Clock) -> Iterator[Update]:
        """Update each discriminator once, the word-level one, then the generator."""
        text, whole = self.encode(batch.texts), self.crop(batch.images)
        z, epsilon = normal(text.sentence, Z), normal(text.sentence, CODE)
        drawn = self.generator(z, epsilon, TextCodes.of(text))
        pyramid, scores = shrunk(whole, self.critics.sides), list[DiscriminatorScores]()
        for (name, discriminator), real, fake in zip(self.critics.named(), pyramid, drawn.images, strict=True):
            scores.append(
                stage_loss(self.adversarial, discriminator, real, fake, text.sentence, batch.wrong, clock.step)
            )
            yield Update(name, scores[-1].loss, scores[-1].log)
        if self.word_critic is not None:
            yield Update("word critic", *self.word_loss(whole, text, batch.wrong))
        yield Update("tree", *self.generator_loss(drawn, pyramid, text, scores, same_meaning(batch)))

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Text:
        """Encode captions, of each at most so many words: sentence (B, E), words (B, T, E), mask (B, T)."""
        return self.text([subsample_words(text, self.config.words) for text in texts])

    def word_loss(self, real: Tensor, text: Text, wrong: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return 1/2 [-log D(x, t) - log(1 - D(x_wrong, t))] of the word-level discriminator, and its scores.

        Args:
            real: pictures (B, 3, S, S).
            text: of each.
            wrong: (B,) for each text the place of a real picture that it does not fit.
        """
        assert self.word_critic is not None
        regions = self.word_critic.features(self.adversarial.augment(real))
        right, mismatched = self.word_critic.judge(regions, text), self.word_critic.judge(regions[wrong], text)
        return (bce_real(right) + bce_fake(mismatched)) / 2, {"right": right, "wrong": mismatched}

    def generator_loss(
        self, drawn: Drawn, real: Sequence[Tensor], text: Text, scores: Sequence[DiscriminatorScores], same: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return L_G, and its parts for the log.

        AttnGAN's (the sum of L_Gi, KL / c and lambda L_DAMSM), -log D(x_hat, t) of the word-level discriminator, and
        the perceptual distance from the real pictures.

        Args:
            drawn: the generator's pictures of all stages.
            real: the real pictures at the same sides.
            text: of both.
            scores: what each discriminator gave real pictures, for relativistic losses.
            same: (B, B) true for rows of one meaning, which are no negatives of each other.
        """
        gan = self.adversarial
        kl = kl_to_standard_normal(*drawn.codes[0]) / CODE
        words, sentences = matching_losses(self.vision(gan.blur(drawn.images[-1])), text, same)
        loss = adversarial_loss(gan, self.critics, drawn.images, text.sentence, scores)
        loss = loss + kl + self.config.match * (words + sentences)
        log = {"divergence": kl, "words": words, "sentences": sentences}
        if self.word_critic is not None:
            shown = self.word_critic.judge(self.word_critic.features(gan.augment(drawn.images[-1])), text)
            log["each word"] = bce_real(shown)
            loss = loss + log["each word"]
        if self.uses("perceptual"):
            log["perceptual"] = perceptual_loss(self.looks, real, drawn.images)
            loss = loss + log["perceptual"]
        return loss, log

    def looks(self, images: Tensor) -> Tensor:
        """Return what the perceptual loss compares of pictures (B, 3, s, s)."""
        if self.vgg is not None:
            return self.vgg(images)
        assert isinstance(self.vision, SmallRegions)
        return self.vision.trunk(images)

    @torch.no_grad()
    def words_found(self, batch: Pairs) -> Mapping[str, float]:
        """Return for how many held-out pairs the word-level discriminator prefers the right picture to the wrong."""
        assert self.word_critic is not None
        with evaluating(self.text, self.word_critic):
            _, scores = self.word_loss(self.crop(batch.images), self.encode(batch.texts), batch.wrong)
        return {"words found": float((scores["right"] > scores["wrong"]).float().mean())}

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
