"""MirrorGAN: what was drawn is described again, and the description should be the text that was asked for.

Qiao, Zhang, Xu, Tao: MirrorGAN: Learning Text-to-image Generation by Redescription, CVPR 2019.

Reading order: MirrorGanConfig; GLAM: Branch and Generator; MirrorGan: phases, step, its losses,
sampling, captions. Attention to words and sentence is `blocks.text.attention`; the adversarial losses of a stage are
`blocks.losses.stages`. The encoders (STEM) are trained by `blocks.losses.damsm`, the captioner (STREAM) is
`blocks.vision.captioner`; the generator's layers are in `blocks.layers.tree`.

Letters: B pictures, S their side, s that of a stage, E width of sentences and words, T words, Z = 100 numbers of noise,
c = 100 numbers of a text's code, N the width of the generator, h side of a map, h_i the hidden map of stage i, F
features of a picture for the captioner.

What the paper claims
    GLAM (section 3.2): each branch is conditioned on the words, place by place, and on the sentence.
    STREAM (section 3.3): a captioner that was trained before and is frozen gives, with weight lambda, the cross-entropy
    of the text given the picture that was drawn from it; `retell=0` leaves that out. It replaces DAMSM's losses.

Deviations
    The sentence's attention is a softmax over channels in the authors' code, and so here; `sentence_over=places` takes
    it over the places of the map.
    Captions end: their end is one more word that the captioner learns; in the authors' code it shares its number with
    padding, too, and is not learnt. The captioner learns whole captions, and what is drawn is to say the whole of its
    text, whatever `words` says of the generator's; the authors' code cuts them to 18 words there, too.
    The image encoder is small and trained here, and its code of the whole picture is what the captioner gets;
    `vision=inception` and `eye=resnet` take nets with weights of ImageNet, as the paper does. The picture's features
    are added to every word, not given before the first alone (`picture_at=first`): with the picture given once, a small
    captioner learns to write long before it learns to look.
    The deviations of AttnGAN that concern padding, masks and mismatched pairs hold here, too.
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
from limner.blocks.gradients import recurrent_gradients
from limner.blocks.latent.knobs import TwoSpreads
from limner.blocks.latent.noise import normal
from limner.blocks.layers.conditioning_augmentation import (
    ConditioningAugmentation,
    kl_to_standard_normal,
    reparameterise,
)
from limner.blocks.layers.initialisation import orthogonal
from limner.blocks.layers.tree import Drawn, Head, Residual, Root, Up, shrunk, sides
from limner.blocks.losses.damsm import SmallRegions, damsm
from limner.blocks.losses.differentiable_augmentation import middle
from limner.blocks.losses.matching_aware import AdversarialLoss, DiscriminatorScores
from limner.blocks.losses.stages import adversarial_loss, stage_loss
from limner.blocks.text.attention import SentenceAttention, WordAttention, share_of_places
from limner.blocks.text.encoders import BiLstmEncoder, Text, TextCodes, blended, texts_of, unknown_words
from limner.blocks.text.subsample import subsample_words
from limner.blocks.vision.captioner import Captioner, captioning
from limner.blocks.vision.pretrained import InceptionRegions, ResNetFeatures, load_imagenet
from limner.data.schema import Schema
from limner.data.views import Pairs
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import Caption, Request
from limner.system import Clock, Draft, ExportPart, Paper, Phase, Player, System, Update, no_grad

Z, CODE = 100, 100


@dataclass(frozen=True, kw_only=True)
class MirrorGanConfig(CascadeConfig):
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
    eye: Literal["encoder", "resnet"] = "encoder"
    """Features for the captioner: of the image encoder trained beside the text, or of a ResNet-152 of ImageNet's."""
    caption_images: int = 50 * 8_855
    """Budget of the captioner, in pictures."""
    retell: float = 20.0
    """Lambda: weight of what is drawn being described by its own text."""
    sentence_over: Literal["channels", "places", "none"] = "channels"
    """What the sentence's attention adds up to one over; `none` leaves that attention out, the paper's global one."""
    picture_at: Literal["every word", "first"] = "every word"
    """When the captioner gets the picture: with every word, or before the first alone, as in the paper."""

    def __post_init__(self) -> None:
        if len(sides(self.size, self.stages)) < 2:
            raise ValueError("stages=1: words are attended to from the second stage on, so there are two or more")


class Branch(nn.Module):
    """A branch of GLAM: a map, its context of words and its context of the sentence to a map twice as large."""

    def __init__(self, config: MirrorGanConfig) -> None:
        super().__init__()
        width = config.generator_width
        self.attend = WordAttention(config.text_width, width)
        self.sentence, self.join = None, None
        if config.sentence_over != "none":
            self.sentence = SentenceAttention(CODE, width, config.sentence_over)
            self.join = nn.Conv2d(3 * width, 2 * width, 1, bias=False)
        self.grow = nn.Sequential(*(Residual(2 * width) for _ in range(config.residuals)), Up(2 * width, width))

    def forward(self, h: Tensor, code: Tensor, text: TextCodes) -> tuple[Tensor, Tensor, Tensor | None]:
        words, attention = self.attend(h, text)  # (B, N, h, h), (B, T, h, h)
        if self.sentence is None or self.join is None:
            return self.grow(torch.cat([h, words], dim=1)), attention, None
        whole = self.sentence(h, code)  # (B, N, h, h)
        return self.grow(self.join(torch.cat([h, words, whole], dim=1))), attention, share_of_places(whole)


class Generator(nn.Module):
    """G: noise (B, Z), epsilon (B, c) and a text's codes to pictures of each stage."""

    def __init__(self, config: MirrorGanConfig) -> None:
        super().__init__()
        width, stages = config.generator_width, sides(config.size, config.stages)
        self.augment = ConditioningAugmentation(config.text_width, CODE)
        self.root = Root(CODE + Z, width, stages[0])
        self.branches = nn.ModuleList(Branch(config) for _ in stages[1:])
        self.heads = nn.ModuleList(Head(width) for _ in stages)

    def forward(self, z: Tensor, epsilon: Tensor, text: TextCodes) -> Drawn:
        gaussian = self.augment(text.sentence)  # mean and log-variance, (B, c) each
        code = reparameterise(gaussian, epsilon)
        h = self.root(torch.cat([code, z], dim=1))  # h_0
        images, maps, sentence = [self.heads[0](h)], list[Tensor | None]([None]), list[Tensor | None]([None])
        for branch, head in zip(self.branches, self.heads[1:], strict=True):
            h, attention, whole = branch(h, code, text)  # h_i
            images.append(head(h))
            maps.append(attention)
            sentence.append(whole)
        return Drawn(images, [gaussian], maps, sentence)


class MirrorGan(System):
    """Qiao et al. 2019."""

    paper = Paper(
        title="MirrorGAN: Learning Text-to-image Generation by Redescription",
        authors="Tingting Qiao, Jing Zhang, Duanqing Xu, Dacheng Tao",
        year=2019,
        venue="CVPR",
        arxiv="1903.05854",
    )
    takes = Caption
    gives = frozenset({"images", "attention"})
    recognises = (Caption,)
    Config = MirrorGanConfig
    Knobs = TwoSpreads
    default_preset = "avatars"
    presets: ClassVar[Mapping[str, MirrorGanConfig]] = {
        "tiny": Config(
            text_width=32, text_images=320, text_batch=8, size=32, stages=2, images=1_600, batch=8, generator_width=12,
            discriminator_width=8, residuals=1, caption_images=320, rate=2e-3,
        ),
        "avatars": Config(
            text_width=128, text_images=200_000, text_batch=48, words=24, size=128, stages=2, images=200_000, batch=20,
            generator_width=24, discriminator_width=24, caption_images=100_000,
        ),
        "birds": Config(
            vision="inception", eye="resnet", batch=12, images=650 * 8_855, picture_at="first", crop=True
        ),
        "coco": Config(
            vision="inception", eye="resnet", text_images=100 * 82_783, words=12, images=120 * 82_783, batch=12,
            generator_width=48, discriminator_width=96, residuals=3, caption_images=5 * 82_783, picture_at="first",
            crop=True,
        ),
    }  # fmt: skip
    config: MirrorGanConfig

    def __init__(self, config: MirrorGanConfig, schema: Schema) -> None:
        super().__init__(config, schema)
        c = config
        self.adversarial = AdversarialLoss(c.kit)
        self.text = BiLstmEncoder(schema.lexicon, c.text_width)
        self.vision: SmallRegions | InceptionRegions = (
            InceptionRegions(c.text_width) if c.vision == "inception" else SmallRegions(c.size, c.text_width)
        )
        self.generator = Generator(c).apply(orthogonal)
        self.critics = Discriminators(
            sides(c.size, c.stages), c.discriminator_width, c.text_width, norm="spectral" not in c.kit
        )
        self.resnet = ResNetFeatures() if c.eye == "resnet" else None
        seen = self.resnet.width if self.resnet else c.text_width
        self.captioner = Captioner(schema.lexicon, seen, first=c.picture_at == "first")

    @classmethod
    def data_size(cls, config: MirrorGanConfig) -> int:
        """304 for 256 where windows are cropped."""
        return read_size(config.size, config.crop)

    def crop(self, images: Tensor) -> Tensor:
        """Return the windows of real pictures (B, 3, R, R) that are learnt from: (B, 3, S, S)."""
        return random_window(images, self.config.size, self.config.crop)

    def phases(self) -> list[Phase]:
        """DAMSM trains both encoders (STEM); the captioner learns (STREAM); then, these frozen, the GAN."""
        c, optimiser = self.config, adam(self.config.rate, betas=(0.5, 0.999))
        tree = Player(modules=[self.generator], optimiser=optimiser, ema=half_life(c.batch, c.images))
        players = self.critics.players(optimiser) | {"tree": tree}
        return [
            damsm(
                self.text, self.vision, images=c.text_images, batch=c.text_batch, crop=self.crop,
                on_start=lambda: load_imagenet(self),
            ),
            captioning(
                self.captioner, lambda x: self.features(self.crop(x)), images=c.caption_images, batch=c.text_batch
            ),
            Phase(name="gan", view=Pairs, images=c.images, batch=c.batch, players=players, step=self.step),
        ]  # fmt: skip

    def features(self, images: Tensor) -> Tensor:
        """Return what the captioner gets of pictures (B, 3, S, S): (B, F)."""
        return self.vision(images)[1] if self.resnet is None else self.resnet(images)

    def step(self, batch: Pairs, clock: Clock) -> Iterator[Update]:
        """Update each discriminator once, then the generator."""
        text = self.encode(batch.texts)
        z, epsilon = normal(text.sentence, Z), normal(text.sentence, CODE)
        drawn = self.generator(z, epsilon, TextCodes.of(text))
        pyramid, scores = shrunk(self.crop(batch.images), self.critics.sides), list[DiscriminatorScores]()
        for (name, discriminator), real, fake in zip(self.critics.named(), pyramid, drawn.images, strict=True):
            scores.append(self.discriminator_loss(discriminator, real, fake, text.sentence, batch.wrong, clock.step))
            yield Update(name, scores[-1].loss, scores[-1].log)
        yield Update("tree", *self.generator_loss(drawn, text.sentence, batch.texts, scores))

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Text:
        """Encode captions, of each at most so many words: sentence (B, E), words (B, T, E), mask (B, T)."""
        return self.text([subsample_words(text, self.config.words) for text in texts])

    def discriminator_loss(
        self, discriminator: JointDiscriminator, real: Tensor, fake: Tensor, sentence: Tensor, wrong: Tensor, step: int
    ) -> DiscriminatorScores:
        """Return L_D of a stage; the terms weigh as in the authors' code, a mean over each kind of pair.

        Args:
            discriminator: D_i.
            real, fake: pictures (B, 3, s, s), real ones and the generator's, which are detached here.
            sentence: (B, E) of both.
            wrong: (B,) for each text the place of a real picture that it does not fit.
            step: number of the step, for penalties of the kit.
        """
        return stage_loss(self.adversarial, discriminator, real, fake, sentence, wrong, step)

    def generator_loss(
        self, drawn: Drawn, sentence: Tensor, texts: Sequence[str], scores: Sequence[DiscriminatorScores]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the sum of L_Gi over stages, KL / c and lambda L_stream, and its parts for the log.

        Args:
            drawn: the generator's pictures of all stages.
            sentence: (B, E) of the texts.
            texts: whole, as the captioner is to repeat them.
            scores: what each discriminator gave real pictures, for relativistic losses.
        """
        gan = self.adversarial
        kl = kl_to_standard_normal(*drawn.codes[0]) / CODE  # of the text's code
        retold = self.captioner.cross_entropy(self.features(gan.blur(drawn.images[-1])), texts)  # L_stream
        l_g = adversarial_loss(gan, self.critics, drawn.images, sentence, scores)  # the sum of L_Gi
        loss = l_g + kl + self.config.retell * retold
        return loss, {"divergence": kl, "retold": retold}

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

    @torch.no_grad()
    def describe(self, images: Tensor) -> list[str]:
        """Return the captioner's sentence for each picture (B, 3, R, R)."""
        return self.captioner.describe(self.features(middle(images, self.config.size)))

    @torch.no_grad()
    def caption_log_likelihood(self, images: Tensor, requests: Sequence[Request]) -> Tensor:
        """Return the log-probability of each request's text given its picture, in nats a word: (B,)."""
        return self.captioner.log_likelihood(self.features(images), texts_of(requests))

    def request_log_likelihood(self, images: Tensor, requests: Sequence[Request]) -> Tensor:
        """Return the log-probability of each request's text given its picture, of all its words together: (B,)."""
        with recurrent_gradients(self.captioner):
            return self.captioner(self.features(images), texts_of(requests))[0].sum(dim=1)
