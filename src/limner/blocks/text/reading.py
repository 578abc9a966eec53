"""What systems share that learn to read sentences first, and then draw from sentence vectors that change no more.

A subclass's `Config` is a `Reader` with a `size`.

Letters: B pictures, S their side, E width of a sentence vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from limner.blocks.export import export_encoder
from limner.blocks.losses.joint_embedding import contrastive, structured_joint_embedding
from limner.blocks.text.caption_table import CaptionTable
from limner.blocks.text.char_cnn_rnn import CharCnnRnn
from limner.blocks.text.encoders import TextEncoder, WordEncoder, mend, texts_of, unknown_words
from limner.blocks.text.standardise import Standardise
from limner.blocks.vision.encoders import ImageEncoder
from limner.data.schema import Schema
from limner.data.views import Pairs
from limner.requests import Caption, Request
from limner.system import ExportPart, Phase, System

if TYPE_CHECKING:
    from limner.data.dataset import Dataset


@dataclass(frozen=True, kw_only=True)
class Reader:
    """What people change of it."""

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


class ReadsFirst(System):
    """A text encoder learnt beside an image encoder, then at rest; vectors of all captions, of mean 0 and spread 1.

    Where `text` is "none" there is nothing to read, and none of this is there.
    """

    def __init__(self, config: Any, schema: Schema) -> None:
        super().__init__(config, schema)
        c = config
        if c.text == "none":
            return
        self.text: TextEncoder = {
            "char": lambda: CharCnnRnn.cvpr(c.text_width),
            "char-gru": lambda: CharCnnRnn.icml_birds(c.text_width),
            "word": lambda: WordEncoder(schema.lexicon, c.text_width),
        }[c.text]()
        self.vision = ImageEncoder(self.data_size(c), c.text_width)
        self.standard = Standardise(c.text_width)
        self.sentences = CaptionTable()

    def reading(self) -> list[Phase]:
        """Learn to read; then read all there is."""
        c = self.config
        learn = contrastive if c.text_loss == "contrastive" else structured_joint_embedding
        return [
            learn(self.text, self.vision, images=c.text_images, batch=c.text_batch),
            Phase(name="read", view=Pairs, images=0, batch=c.text_batch, once=self.measure),
        ]

    def measure(self, data: Dataset) -> None:
        """Read every caption of the training set once, and learn how the vectors spread."""
        self.sentences.fill(self.text, data)
        self.standard.measure(self.sentences.vectors)

    def remember(self, data: Dataset) -> None:
        """Read them again where the table was lost, as in a run that goes on."""
        if not len(self.sentences.vectors):
            self.sentences.fill(self.text, data)

    def said(self, rows: Tensor, captions: int = 1) -> Tensor:
        """Return the mean of so many captions' vectors of each row (B,) of the training set: (B, E)."""
        return self.standard(self.sentences.draw(rows, captions))

    def read(self, requests: Sequence[Request]) -> Tensor:
        """Encode captions, misspelt words mended: (B, E)."""
        return self.standard(self.text.sentence([mend(self.schema.lexicon, text) for text in texts_of(requests)]))

    def exported_encoder(self) -> ExportPart:
        """Return the part that reads a caption elsewhere."""
        rule = {**self.text.rule, "mended": True}
        return export_encoder(
            lambda numbers: self.standard(self.text.numbered(numbers)), [self.text, self.standard], rule
        )

    @torch.no_grad()
    def embed_pairs(self, images: Tensor, requests: Sequence[Request]) -> tuple[Tensor, Tensor] | None:
        if self.config.text == "none":
            return None
        return torch.cat([self.vision(part) for part in images.split(100)]), self.text.sentence(texts_of(requests))

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words that no caption of the training set had, each with the nearest that one had."""
        return unknown_words(self.schema.lexicon, requests)


def told_by(batch: Pairs) -> list[Request]:
    """Return the captions of a batch as requests."""
    return [Caption(text) for text in batch.texts]
