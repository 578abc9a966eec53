"""What Obj-GAN knows of words: its lexicon, encoded texts, labels in words, and object-driven attention between them.

Letters: B texts, T words of each, K boxes, L labels, V words of the lexicon, E width of a word and of the sentence, D
numbers of an embedded word or label.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from limner.blocks.text.encoders import BiLstmEncoder, Text, TextCodes, bag_of_words, blended
from limner.data.schema import Lexicon, Schema, words_of
from limner.requests import Request

SHARPNESS = 10.0
"""What a cosine is multiplied by before the softmax of object-driven attention."""


class Said(NamedTuple):
    """An encoded text: what `TextCodes` holds, and the embedding of each word before its neighbours are known."""

    sentence: Tensor
    """(B, E)."""
    words: Tensor
    """(B, T, E), e_t."""
    weight: Tensor
    """(B, T), the log of each word's weight: 0 for weight 1, minus infinity where there is no word."""
    keys: Tensor
    """(B, T, D), w_t."""

    @property
    def codes(self) -> TextCodes:
        """What attention of places takes."""
        return TextCodes(self.sentence, self.words, self.weight)


def say(encoder: BiLstmEncoder, requests: Sequence[Request]) -> Said:
    """Encode what requests say; a `Blend` has the words of both its ends."""

    def both(texts: Sequence[str]) -> Text:
        text, (numbers, _) = encoder(texts), encoder.tokens(texts)
        return text._replace(words=torch.cat([text.words, encoder.embed(numbers)], dim=2))

    codes = blended(both, requests, in_words)
    words, keys = codes.words.split([encoder.width, encoder.embed.embedding_dim], dim=2)
    return Said(codes.sentence, words, codes.weight, keys)


def object_attention(said: Said, vectors: Tensor) -> Tensor:
    """Return how much the label of each box attends to each word: (B, K, T), which sums to 1 over words.

    The label asks and the words answer by their embeddings, compared by cosine: a word that is the label's own is found
    wherever it stands. A label no word of which is known has a vector of zeros, and attends to all words alike.

    Args:
        said: the text.
        vectors: (B, K, D) of labels.
    """
    cosine = F.normalize(vectors.float(), dim=-1) @ F.normalize(said.keys.float(), dim=-1).transpose(1, 2)
    return (SHARPNESS * cosine + said.weight[:, None]).softmax(dim=-1)


def lexicon(schema: Schema) -> Lexicon:
    """Return the words of captions and then those of descriptions and dialogues that no caption has."""
    known = set(schema.lexicon.words)
    return Lexicon((*schema.lexicon.words, *(word for word in schema.spoken.words if word not in known)))


def bags_of(known: Lexicon, labels: Sequence[str]) -> Tensor:
    """Return the words of each label that are known, spelt as they are, in equal shares: (L, V)."""
    spelt = [" ".join(word for word in words_of(label) if word not in known.unknown(word)) for label in labels]
    bags = bag_of_words(known, spelt)
    return bags / bags.sum(dim=1, keepdim=True).clamp(min=1)


def in_words(requests: Sequence[Request]) -> list[str]:
    """Return the sentence of each plain request; where a layout has none, its labels are the sentence."""
    return [
        request.sentence() or ", ".join(label for label, *_ in getattr(request, "boxes", ())) for request in requests
    ]
