"""A text encoder that is trained first, beside an image encoder, and then frozen while a GAN learns.

GAN-INT-CLS, StackGAN and StackGAN++ condition their generators on its sentence vectors. Such a system owns the modules,
makes them in this order under these names, and holds a `PretrainedText` of them:

    self.text = build_text_encoder(config, schema.lexicon)
    self.vision = ImageEncoder(self.data_size(config), config.text_width)
    self.standard, self.sentences = Standardise(config.text_width), CaptionTable()
    self.captions = PretrainedText(self.text, self.vision, self.standard, self.sentences, schema.lexicon, config.paired)

Letters: B pictures, S their side, E width of a sentence vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from limner.blocks.export import export_encoder
from limner.blocks.losses.joint_embedding import contrastive, structured_joint_embedding
from limner.blocks.text.caption_table import CaptionTable
from limner.blocks.text.char_cnn_rnn import CharCnnRnn
from limner.blocks.text.encoders import TextEncoder, WordEncoder, mend, texts_of, unknown_words
from limner.blocks.text.standardise import Standardise
from limner.blocks.vision.encoders import ImageEncoder
from limner.data.schema import Lexicon
from limner.data.views import paired
from limner.errors import UserError
from limner.requests import Request
from limner.system import ExportPart, Phase

if TYPE_CHECKING:
    from limner.data.dataset import Dataset


@dataclass(frozen=True, kw_only=True)
class TextConfig:
    """Settings of the text encoder and of its training."""

    text: Literal["char", "char-gru", "word", "none"] = "char-gru"
    """How sentences are read: by letters, with the net of Reed et al. (CVPR) or its gated sibling (ICML), or words."""
    text_loss: Literal["structured", "contrastive"] = "structured"
    """How reading is learnt: by the paper's structured joint embedding, or by the contrastive loss of CLIP."""
    text_width: int = 1024
    """Width of a sentence vector; all layers that read letters shrink with it."""
    text_images: int = 40 * 150 * 200
    """Budget of learning to read; Reed et al. take 200 rounds of 150 classes, 40 pictures a step."""
    text_batch: int = 40
    """Pictures in a step of learning to read."""
    paired: float = 1.0
    """Share of the pictures whose captions are read, above 0; FusedGAN learns from the others without theirs."""


def build_text_encoder(config: TextConfig, lexicon: Lexicon) -> TextEncoder:
    """Return the untrained encoder that `config.text` names; only `word` uses the lexicon."""
    if config.text == "word":
        return WordEncoder(lexicon, config.text_width)
    if config.text == "char":
        return CharCnnRnn.cvpr(config.text_width)
    assert config.text == "char-gru", f"text={config.text} is no encoder"
    return CharCnnRnn.icml_birds(config.text_width)


@dataclass(frozen=True)
class PretrainedText:
    """The encoders of a system and the vectors they give its captions; no module itself, so it adds no weights."""

    text: TextEncoder
    vision: ImageEncoder
    """Trained beside `text`; afterwards only `embed_pairs` uses it."""
    standard: Standardise
    sentences: CaptionTable
    lexicon: Lexicon
    share: float = 1.0
    """Of the rows whose captions are read at all: see `limner.data.views.Paired`."""

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise UserError(f"paired={self.share}: it is the share of pictures with captions, above 0 and at most 1")

    def phases(self, config: TextConfig) -> list[Phase]:
        """Train both encoders; then encode every caption of the training set."""
        pretrain = contrastive if config.text_loss == "contrastive" else structured_joint_embedding
        learning = pretrain(self.text, self.vision, images=config.text_images, batch=config.text_batch)
        view = paired(self.share)
        return [
            replace(learning, view=view),
            Phase(name="read", view=view, images=0, batch=config.text_batch, once=self.fill_table),
        ]

    def fill_table(self, data: Dataset) -> None:
        """Encode every caption of the training set, and measure mean and deviation of the vectors."""
        self.sentences.fill(self.text, data, share=self.share)
        self.standard.fit(self.sentences.vectors)

    def restore_table(self, data: Dataset) -> None:
        """Encode the captions again where the table is empty, as in a resumed run: for `Phase.on_enter`."""
        if not len(self.sentences.vectors):
            self.sentences.fill(self.text, data, share=self.share)

    def draw(self, rows: Tensor, captions: int = 1) -> Tensor:
        """Return the mean vector of so many random captions of each row (B,) of the training set: (B, E)."""
        return self.standard(self.sentences.draw(rows, captions))

    def encode(self, requests: Sequence[Request]) -> Tensor:
        """Encode captions, misspelt words corrected: (B, E)."""
        return self.standard(self.text.sentence([mend(self.lexicon, text) for text in texts_of(requests)]))

    @torch.no_grad()
    def embed_pairs(self, images: Tensor, requests: Sequence[Request]) -> tuple[Tensor, Tensor]:
        """Return codes of pictures (B, 3, S, S) and of captions, two of (B, E), before standardisation."""
        return torch.cat([self.vision(part) for part in images.split(100)]), self.text.sentence(texts_of(requests))

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words that no caption of the training set has, each with the nearest that one has."""
        return unknown_words(self.lexicon, requests)

    def export(self) -> ExportPart:
        """Return the part that encodes a caption elsewhere."""
        rule = {**self.text.rule, "mended": True}
        return export_encoder(
            lambda numbers: self.standard(self.text.numbered(numbers)), [self.text, self.standard], rule
        )
