"""MirrorGAN: what was drawn is described again, and the description should be what was asked for.

Qiao, Zhang, Xu, Tao: MirrorGAN: Learning Text-to-image Generation by Redescription, CVPR 2019.

Reading order: Config, SentenceAttention, Branch (both GLAM), MirrorGan: its phases, its step, and what its captioner
says. The tree, its encoders (STEM) and drawing are in `blocks.attentive`, the captioner (STREAM) in
`blocks.vision.captioner`, the critics in `blocks.discriminators.pyramid`.

Letters: B pictures, E width of sentences and words, T words, c = 100 numbers of a text's code, N the width of the tree,
h side of a map.

What the paper claims
    GLAM (section 3.2): each branch is told words, place by place, and the sentence.
    STREAM (section 3.3): a captioner that was trained before, and rests, says with weight lambda how far what is drawn
    is from being described by its own text; `retell=0` leaves that out. It takes the place of DAMSM's losses.

Deviations
    The sentence's attention is a softmax over channels in the authors' code, and so here; `sentence_over=places` takes
    it over the places of the map.
    Captions end: their end is one more word that the captioner learns; in the authors' code it shares its number with
    padding, too, and is not learnt.
    The image encoder is small and trained here, and the captioner sees with it; `vision=inception` and `eye=resnet`
    take nets that know ImageNet, as the paper does. What is seen stands beside every word, not before the first alone:
    with the picture given once, a small captioner learns to write long before it learns to look.
    The deviations of AttnGAN that concern padding, masks and mismatched pairs hold here, too.
    `kit` adds what the field has learnt since (see `blocks.losses.matching_aware`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from limner.blocks.attentive import CODE, Attending, Attentive
from limner.blocks.layers.tree import Residual, Up
from limner.blocks.layers.word_attention import WordAttention
from limner.blocks.losses.differentiable_augmentation import middle
from limner.blocks.text.encoders import TextCodes, texts_of
from limner.blocks.vision.captioner import Captioner, captioning
from limner.blocks.vision.pretrained import ResNetFeatures
from limner.data.schema import Schema
from limner.data.views import Pairs
from limner.requests import Caption, Request
from limner.system import Clock, Paper, Phase, Update


@dataclass(frozen=True, kw_only=True)
class Config(Attending):
    """What people change."""

    eye: Literal["encoder", "resnet"] = "encoder"
    """What the captioner sees with: the image encoder that learnt beside the text, or a ResNet-152 of ImageNet's."""
    caption_images: int = 50 * 8_855
    """Budget of the captioner, in pictures."""
    retell: float = 20.0
    """Lambda: weight of what is drawn being described by its own text."""
    sentence_over: Literal["channels", "places"] = "channels"
    """What the sentence's attention adds up to one over."""


class SentenceAttention(nn.Module):
    """The text's code, projected, beside each place, and weighed by how it agrees with the map there."""

    def __init__(self, width: int, over: str) -> None:
        super().__init__()
        self.over = 1 if over == "channels" else (2, 3)
        self.project = nn.Linear(CODE, width)
        self.agree = nn.Conv2d(width, width, 1, bias=False)

    def forward(self, h: Tensor, code: Tensor) -> Tensor:
        told = self.project(code)[:, :, None, None]  # (B, N, 1, 1)
        logits = self.agree(h * told).float()
        weights = logits.softmax(1) if self.over == 1 else logits.flatten(2).softmax(2).view_as(logits)
        return told * weights.to(h.dtype)  # (B, N, h, h)


class Branch(nn.Module):
    """A branch of GLAM: a map, what its places gather of the words, and of the sentence, to one twice as large."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.generator_width
        self.attend = WordAttention(config.text_width, width)
        self.sentence = SentenceAttention(width, config.sentence_over)
        self.join = nn.Conv2d(3 * width, 2 * width, 1, bias=False)
        self.grow = nn.Sequential(*(Residual(2 * width) for _ in range(config.residuals)), Up(2 * width, width))

    def forward(self, h: Tensor, code: Tensor, told: TextCodes) -> tuple[Tensor, Tensor]:
        words, looked = self.attend(h, told)  # (B, N, h, h), (B, T, h, h)
        return self.grow(self.join(torch.cat([h, words, self.sentence(h, code)], dim=1))), looked


class MirrorGan(Attentive):
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
    Config = Config
    default_preset = "avatars"
    presets: ClassVar[Mapping[str, Any]] = {
        "tiny": Config(
            text_width=32, text_images=320, text_batch=8, size=32, stages=2, images=1_600, batch=8, generator_width=12,
            discriminator_width=8, residuals=1, caption_images=320, rate=2e-3,
        ),
        "avatars": Config(
            text_width=128, text_images=200_000, text_batch=48, words=24, size=128, stages=2, images=200_000, batch=20,
            generator_width=24, discriminator_width=24, caption_images=100_000,
        ),
        "birds": Config(vision="inception", eye="resnet", batch=12, images=650 * 8_855, crop=True),
        "coco": Config(
            vision="inception", eye="resnet", text_images=100 * 82_783, words=12, images=120 * 82_783, batch=12,
            generator_width=48, discriminator_width=96, residuals=3, caption_images=5 * 82_783, crop=True,
        ),
    }  # fmt: skip

    def __init__(self, config: Any, schema: Schema) -> None:
        super().__init__(config, schema, lambda: Branch(config))
        self.resnet = ResNetFeatures() if config.eye == "resnet" else None
        self.captioner = Captioner(schema.lexicon, self.resnet.width if self.resnet else config.text_width)

    def phases(self) -> list[Phase]:
        """The encoders learn, and the captioner; then, these at rest, the tree."""
        c = self.config
        describing = captioning(
            self.captioner, lambda x: self.eye(self.show(x)), images=c.caption_images, batch=c.text_batch
        )
        gan = Phase(name="gan", view=Pairs, images=c.images, batch=c.batch, players=self.players(), step=self.step)
        return [self.reading(), describing, gan]

    def eye(self, images: Tensor) -> Tensor:
        """Return what the captioner sees of pictures: (B, F)."""
        return self.vision(images)[1] if self.resnet is None else self.resnet(images)

    def step(self, batch: Pairs, clock: Clock) -> Iterator[Update]:
        """One move of each critic, then one of the tree."""
        text = self.heard(batch)
        drawn, kl = self.draw(text)
        said = yield from self.critics.discriminator_updates(
            self.show(batch.images), drawn.images, text.sentence, batch.wrong, clock.step
        )
        retold = self.captioner.surprise(self.eye(self.scored(drawn)), batch.texts)
        loss = self.critics.generator_loss(drawn.images, text.sentence, said) + kl + self.config.retell * retold
        yield Update("tree", loss, {"divergence": kl, "retold": retold})

    @torch.no_grad()
    def describe(self, images: Tensor) -> list[str]:
        """Say what the captioner sees in pictures (B, 3, R, R)."""
        return self.captioner.describe(self.eye(middle(images, self.config.size)))

    @torch.no_grad()
    def caption_log_likelihood(self, images: Tensor, requests: Sequence[Request]) -> Tensor:
        """Return the log-probability of each request's text given its picture, in nats a word: (B,)."""
        return self.captioner.likelihood(self.eye(images), texts_of(requests))
