"""AttnGAN: each place of the picture looks at the words that concern it.

Xu, Zhang, Huang, Zhang, Gan, Huang, He: AttnGAN: Fine-Grained Text to Image Generation with Attentional Generative
Adversarial Networks, CVPR 2018.

Reading order: Config, Branch, AttnGan: its phases and its step. Encoders of words and places, and their losses, are in
`blocks.losses.damsm`, the tree and drawing in `blocks.attentive`, the critics in `blocks.discriminators.pyramid`.

Letters: B pictures, E width of sentences and words, T words, c numbers of a text's code, N the width of the tree, h
side of a map.

What the paper claims
    Attention (section 3.1): each branch is told no sentence, but at each place of its map the words that fit the place.
    DAMSM (section 3.2): encoders that learnt to find words in pictures score what is drawn, with weight lambda (eq. 4),
    by words and by sentences; `match=0` leaves that out.

Deviations
    Padding is masked in its own row; in the authors' code a row may get the mask of another.
    R(Q, D) of eq. 10 is taken with its power 1 / gamma_2, which the authors' code leaves out, and gamma_1 is the
    paper's 5, in their code 4.
    Captions without a class are masked by what they say: rows of which one's text is said of the other's picture are no
    proof against each other.
    A mismatched pair is a real picture of the batch with a text that does not fit it, never by chance one that does;
    the authors' code shifts the batch by one.
    The image encoder is small and trained here, unless `vision=inception`.
    A word that is not known is read as the nearest that is. Averaged weights have averaged statistics, too.
    The first stage is S / 2^(stages - 1) pixels large, 64 in the paper.
    `kit` adds what the field has learnt since (see `blocks.losses.matching_aware`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from limner.blocks.attentive import Attending, Attentive
from limner.blocks.layers.tree import Residual, Up
from limner.blocks.layers.word_attention import WordAttention
from limner.blocks.losses.damsm import matching_losses
from limner.blocks.losses.joint_embedding import same_meaning
from limner.blocks.text.encoders import TextCodes
from limner.data.schema import Schema
from limner.data.views import Pairs
from limner.requests import Caption
from limner.system import Clock, Paper, Phase, Update


@dataclass(frozen=True, kw_only=True)
class Config(Attending):
    """What people change."""

    match: float = 5.0
    """Lambda: weight of the encoders finding the words and the sentence in what is drawn."""


class Branch(nn.Module):
    """F_i of eq. 1: a map and what its places gather of the words to one twice as large."""

    def __init__(self, width: int, text: int, residuals: int) -> None:
        super().__init__()
        self.attend = WordAttention(text, width)
        self.grow = nn.Sequential(*(Residual(2 * width) for _ in range(residuals)), Up(2 * width, width))

    def forward(self, h: Tensor, code: Tensor, told: TextCodes) -> tuple[Tensor, Tensor]:
        context, looked = self.attend(h, told)  # (B, N, h, h), (B, T, h, h)
        return self.grow(torch.cat([h, context], dim=1)), looked


class AttnGan(Attentive):
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
    Config = Config
    default_preset = "avatars"
    presets: ClassVar[Mapping[str, Any]] = {
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
    }  # fmt: skip

    def __init__(self, config: Any, schema: Schema) -> None:
        super().__init__(config, schema, lambda: Branch(config.generator_width, config.text_width, config.residuals))

    def phases(self) -> list[Phase]:
        """The encoders learn; then, these at rest, the tree."""
        c = self.config
        gan = Phase(name="gan", view=Pairs, images=c.images, batch=c.batch, players=self.players(), step=self.step)
        return [self.reading(), gan]

    def step(self, batch: Pairs, clock: Clock) -> Iterator[Update]:
        """One move of each critic (eq. 6), then one of the tree (eqs. 4, 5 and 14)."""
        text = self.heard(batch)
        drawn, kl = self.draw(text)
        said = yield from self.critics.discriminator_updates(
            self.show(batch.images), drawn.images, text.sentence, batch.wrong, clock.step
        )
        words, sentences = matching_losses(self.vision(self.scored(drawn)), text, same_meaning(batch))
        loss = (
            self.critics.generator_loss(drawn.images, text.sentence, said)
            + kl
            + self.config.match * (words + sentences)
        )
        yield Update("tree", loss, {"divergence": kl, "words": words, "sentences": sentences})
