"""A text encoder that is trained first, beside an image encoder, and then frozen while a GAN learns.

GAN-INT-CLS, StackGAN and StackGAN++ condition their generators on its sentence vectors. Such a system owns the modules,
makes them in this order under these names, and holds a `PretrainedText` of them:

    self.text = build_text_encoder(config, schema.lexicon)
    self.vision = ImageEncoder(self.data_size(config), config.text_width)
    self.standard, self.sentences = Standardise(config.text_width), CaptionTable()
    self.captions = PretrainedText(self.text, self.vision, self.standard, self.sentences, schema.lexicon, config.paired)

or, where it can also learn from vectors that came with the data, as the papers' systems did (`text=embedding`),

    self.captions, modules = pretrained_text(config, schema, self.data_size(config))
    self.text, self.vision, self.standard, self.sentences = modules

Such vectors are taken as they are. An encoder of words may learn to give them, so that one can draw from any sentence;
where there is none (`text_images=0`) requests bring their vectors, as those of a data set do.

Letters: B pictures, S their side, E width of a sentence vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from limner.blocks.export import export_encoder
from limner.blocks.losses.joint_embedding import contrastive, imitation, structured_joint_embedding
from limner.blocks.text.caption_table import CaptionTable
from limner.blocks.text.char_cnn_rnn import CharCnnRnn
from limner.blocks.text.encoders import TextEncoder, WordEncoder, mend, texts_of, unknown_words
from limner.blocks.text.standardise import Standardise
from limner.blocks.vision.encoders import ImageEncoder
from limner.data.schema import Lexicon, Schema
from limner.data.views import paired
from limner.errors import UserError
from limner.requests import Embedded, Request
from limner.requests.embedded import check_vectors
from limner.system import ExportPart, Phase

if TYPE_CHECKING:
    from limner.data.dataset import Dataset


@dataclass(frozen=True, kw_only=True)
class TextConfig:
    """Settings of the text encoder and of its training."""

    text: Literal["char", "char-gru", "char-flowers", "char-coco", "word", "embedding", "none"] = "char-gru"
    """How sentences are read: by letters, with the net of Reed et al. (CVPR), its gated sibling (ICML, birds), a
    wider one (ICML, flowers) or the gated one's mean (ICML, COCO); by words; or `embedding`: not at all, their
    vectors came with the data."""
    text_loss: Literal["structured", "contrastive"] = "structured"
    """How reading is learnt: by the paper's structured joint embedding, or by the contrastive loss of CLIP."""
    text_width: int = 1024
    """Width of a sentence vector; all layers that read letters shrink with it."""
    text_images: int = 40 * 150 * 200
    """Budget of learning to read; Reed et al. take 200 rounds of 150 classes, 40 pictures a step. With text=embedding
    that of an encoder of words that learns to give the vectors, 0: without one."""
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
    if config.text == "char-flowers":
        return CharCnnRnn.icml_flowers(config.text_width)
    if config.text == "char-coco":
        return CharCnnRnn.icml_coco(config.text_width)
    assert config.text == "char-gru", f"text={config.text} is no encoder"
    return CharCnnRnn.icml_birds(config.text_width)


Modules = tuple[TextEncoder | None, ImageEncoder | None, Standardise, CaptionTable]


def pretrained_text(config: TextConfig, schema: Schema, side: int) -> tuple[PretrainedText, Modules]:
    """Return what reads captions as `config.text` says, and the modules that the system owns, in their order.

    Args:
        config: of the text.
        schema: of the data.
        side: of the pictures that the image encoder sees.

    Raises:
        UserError: text=embedding, and the data came without vectors.
    """
    width = config.text_width
    text: TextEncoder | None
    vision: ImageEncoder | None
    if config.text == "embedding":
        width = embedding_width(schema)
        text, vision = WordEncoder(schema.lexicon, width) if config.text_images else None, None
    else:
        text, vision = build_text_encoder(config, schema.lexicon), ImageEncoder(side, width)
    modules = text, vision, Standardise(width), CaptionTable()
    return PretrainedText(*modules, schema.lexicon, config.paired, config.text == "embedding"), modules


def embedding_width(schema: Schema) -> int:
    """Return the numbers of the sentence vectors that came with the data.

    Raises:
        UserError: none came.
    """
    if not schema.embedding:
        raise UserError(
            "text=embedding learns from sentence vectors that came with the data, and this has no column embedding:"
            " import it with `limner data import legacy` or `clevr-sv`, or choose another text="
        )
    return schema.embedding


@dataclass(frozen=True)
class PretrainedText:
    """The encoders of a system and the vectors they give its captions; no module itself, so it adds no weights."""

    text: TextEncoder | None
    """None where vectors came with the data and nothing learns to give them."""
    vision: ImageEncoder | None
    """Trained beside `text`; afterwards only `embed_pairs` uses it. None where vectors came with the data."""
    standard: Standardise
    sentences: CaptionTable
    lexicon: Lexicon
    share: float = 1.0
    """Of the rows whose captions are read at all: see `limner.data.views.Paired`."""
    given: bool = False
    """Whether sentence vectors come with the data; they are taken as they are."""

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise UserError(f"paired={self.share}: it is the share of pictures with captions, above 0 and at most 1")

    def phases(self, config: TextConfig) -> list[Phase]:
        """Train both encoders; then encode every caption of the training set.

        Where vectors came with the data they are read, and then the encoder learns to give them, if there is one.
        """
        if self.given:
            read = Phase(name="read", view=paired(self.share), images=0, batch=config.text_batch, once=self.fill_table)
            if self.text is None:
                return [read]
            return [read, imitation(self.text, images=config.text_images, batch=config.text_batch, share=self.share)]
        assert self.text is not None and self.vision is not None
        pretrain = contrastive if config.text_loss == "contrastive" else structured_joint_embedding
        learning = pretrain(self.text, self.vision, images=config.text_images, batch=config.text_batch)
        view = paired(self.share)
        return [
            replace(learning, view=view),
            Phase(name="read", view=view, images=0, batch=config.text_batch, once=self.fill_table),
        ]

    def fill_table(self, data: Dataset) -> None:
        """Encode every caption of the training set, and measure mean and deviation of the vectors."""
        if self.given:
            self.sentences.fill_given(data, self.standard.centre.device, share=self.share)
            return
        assert self.text is not None
        self.sentences.fill(self.text, data, share=self.share)
        self.standard.fit(self.sentences.vectors)

    def restore_table(self, data: Dataset) -> None:
        """Encode the captions again where the table is empty, as in a resumed run: for `Phase.on_enter`."""
        if self.given and not len(self.sentences.vectors):
            self.fill_table(data)
        elif not len(self.sentences.vectors):
            assert self.text is not None
            self.sentences.fill(self.text, data, share=self.share)

    def draw(self, rows: Tensor, captions: int = 1) -> Tensor:
        """Return the mean vector of so many random captions of each row (B,) of the training set: (B, E)."""
        return self.standard(self.sentences.draw(rows, captions))

    def encode(self, requests: Sequence[Request]) -> Tensor:
        """Encode captions, misspelt words corrected: (B, E); one that brings its vector is that."""
        if not self.given:
            return self.standard(self.read(texts_of(requests)))
        brought = {k: r.vectors[0] for k, r in enumerate(requests) if isinstance(r, Embedded) and r.vectors}
        texts = [text for k, text in enumerate(texts_of(requests)) if k not in brought]
        read = iter(self.read(texts) if texts else ())
        like = self.standard.centre
        return torch.stack([like.new_tensor(brought[k]) if k in brought else next(read) for k in range(len(requests))])

    def read(self, texts: Sequence[str]) -> Tensor:
        """Encode sentences, misspelt words corrected, before standardisation: (B, E)."""
        assert self.text is not None, "check_request lets no sentence pass that nothing reads"
        return self.text.sentence([mend(self.lexicon, text) for text in texts])

    def check(self, request: Request) -> None:
        """Make sure that a request can be drawn, for `System.check_request`: by its vector, or by an encoder.

        Raises:
            UserError: see `limner.requests.embedded.check_vectors`.
        """
        for end in request.ends():
            if isinstance(end, Embedded):
                check_vectors(end, self.width, self.reads)

    @property
    def width(self) -> int:
        """Return E."""
        return len(self.standard.centre)

    @property
    def reads(self) -> bool:
        """Tell whether any sentence can be drawn, and not only those that bring their vectors."""
        return self.text is not None

    @torch.no_grad()
    def embed_pairs(self, images: Tensor, requests: Sequence[Request]) -> tuple[Tensor, Tensor] | None:
        """Return codes of pictures (B, 3, S, S) and of captions, two of (B, E), before standardisation.

        None where vectors came with the data: no encoder of pictures was trained beside them.
        """
        if self.vision is None or self.text is None:
            return None
        return torch.cat([self.vision(part) for part in images.split(100)]), self.text.sentence(texts_of(requests))

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words that no caption of the training set has, each with the nearest that one has."""
        return unknown_words(self.lexicon, requests) if self.reads else {}

    def export(self) -> ExportPart:
        """Return the part that encodes a caption elsewhere.

        Raises:
            UserError: nothing reads captions.
        """
        if (text := self.text) is None:
            raise UserError("it has no encoder of sentences, only their vectors, so it cannot draw without Limner")
        rule = {**text.rule, "mended": True}
        return export_encoder(lambda numbers: self.standard(text.numbered(numbers)), [text, self.standard], rule)
