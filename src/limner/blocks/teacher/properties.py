"""What a teacher names in texts and pictures: attributes where the data has them, else the commonest phrases.

A property has values, of which a text says one or none ("unsaid"). Of data with attributes each is a property. Of data
without them each of the commonest phrases of one or two words is a property with one value; a picture has it where one
of its captions holds the phrase.

Letters: B texts or pictures, A properties, V most values of one property, unsaid included, N numbers of all properties
together, T words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain, pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from limner.data.schema import UNKNOWN, Schema

if TYPE_CHECKING:
    from limner.data.dataset import Dataset
    from limner.data.views import Described

PHRASES = 128
"""Phrases that are named where the data has no attributes."""
FEWEST, MOST = 0.002, 0.9
"""A phrase that stands in fewer or more of the pictures, as shares, is not named."""
SURE = 0.9
"""A text says a value where its posterior is larger."""
SHOWN = 0.95
"""A drawing shows what its text says well enough where its posterior is larger: no more loss."""


class Properties(nn.Module):
    """The properties of a data set, and the places of their values in a row of N numbers.

    Args:
        schema: whose attributes are named.
        by_phrases: name phrases even where there are attributes.
    """

    places: Tensor
    real: Tensor
    flat: Tensor
    unsaid: Tensor
    phrases: Tensor

    def __init__(self, schema: Schema, by_phrases: bool = False) -> None:
        super().__init__()
        self.lexicon = schema.lexicon
        attributes = {} if by_phrases else schema.attributes
        self.by_phrases = not attributes
        counts = [len(values) + 1 for values in attributes.values()] or [2] * PHRASES
        self.names = [*attributes]
        self.total = sum(counts)
        """N."""
        places, start = torch.zeros(len(counts), max(counts), dtype=torch.long), 0
        for row, count in zip(places, counts, strict=True):
            row[:count] = torch.arange(start, start + count)
            start += count
        real = torch.arange(max(counts)) < torch.tensor(counts)[:, None]
        self.register_buffer("places", places, persistent=False)  # (A, V)
        self.register_buffer("real", real, persistent=False)  # (A, V)
        self.register_buffer("flat", real.flatten().nonzero().flatten(), persistent=False)  # (N,)
        self.register_buffer("unsaid", torch.tensor(counts) - 1, persistent=False)  # (A,)
        if self.by_phrases:
            self.register_buffer(
                "phrases", torch.full((PHRASES, 2), -1)
            )  # numbers of words; -1: no second word, unused

    def log_posteriors(self, logits: Tensor) -> Tensor:
        """Return log-probabilities of each property's values: (B, N) to (B, A, V), minus infinity where none is."""
        padded = logits.float()[:, self.places.flatten()].unflatten(1, self.places.shape)
        return padded.masked_fill(~self.real, -torch.inf).log_softmax(dim=2)

    def flatten(self, padded: Tensor) -> Tensor:
        """Return the numbers of all properties side by side: (B, A, V) to (B, N)."""
        return padded.flatten(1)[:, self.flat]

    # What texts and pictures are taught to say

    def count(self, data: Dataset) -> dict[str, float]:
        """Choose the commonest phrases of the captions; a phrase counts once a picture."""
        counts: Counter[tuple[int, int]] = Counter()
        rows = data.length()
        for row in range(rows):
            counts.update(set(chain.from_iterable(map(self._phrases_of, data.captions(row)))))
        good = [phrase for phrase, n in counts.most_common() if FEWEST * rows <= n <= MOST * rows and n > 1]
        chosen = torch.tensor(good[:PHRASES] + [(-1, -1)] * (PHRASES - len(good)))
        self.phrases.copy_(chosen[:PHRASES])
        return {"phrases": float(min(len(good), PHRASES))}

    def _phrases_of(self, text: str) -> list[tuple[int, int]]:
        numbers = [number for number in self.lexicon.ids(text) if number != UNKNOWN]
        return [(number, -1) for number in numbers] + list(pairwise(numbers))

    def of_texts(self, texts: Sequence[str], attributes: Tensor, mentioned: Tensor) -> Tensor:
        """Return which value each of B texts says: int64 (B, A), the number of "unsaid" where none; -1 if no property.

        Args:
            texts: B of them.
            attributes: (B, A) numbers of the values that are true of their pictures, -1 where not known.
            mentioned: bool (B, A), what each text speaks of.
        """
        if not self.by_phrases:
            return torch.where(mentioned & (attributes >= 0), attributes, self.unsaid)
        return (~self._hold(texts)).long().masked_fill(self.phrases[:, 0] < 0, -1)

    def of_pictures(self, batch: Described) -> Tensor:
        """Return the value of each property in each picture: int64 (B, A), -1 where not known."""
        if not self.by_phrases:
            return batch.attributes
        each = self._hold([*chain.from_iterable(batch.captions)]).split([*map(len, batch.captions)])
        held = torch.stack([captions.any(dim=0) for captions in each])
        return (~held).long().masked_fill(self.phrases[:, 0] < 0, -1)

    def _hold(self, texts: Sequence[str]) -> Tensor:
        """Return which phrases stand in each text: bool (B, A)."""
        known = {tuple(phrase): k for k, phrase in enumerate(self.phrases.tolist()) if phrase[0] >= 0}
        found = torch.zeros(len(texts), len(self.phrases), dtype=torch.bool)
        for row, text in zip(found, texts, strict=True):
            row[[known[phrase] for phrase in self._phrases_of(text) if phrase in known]] = True
        return found.to(self.phrases.device)

    def name_of(self, number: int) -> str:
        """Return the name of a property: of an attribute, or a phrase."""
        if not self.by_phrases:
            return self.names[number]
        words = [self.lexicon.words[k - UNKNOWN - 1] for k in self.phrases[number].tolist() if k > UNKNOWN]
        return " ".join(words)


def naming_loss(log_posteriors: Tensor, truth: Tensor) -> Tensor:
    """Return the mean of -log p of the true values over all rows and properties whose truth is known; 0 for none.

    Args:
        log_posteriors: (B, A, V).
        truth: int64 (B, A), -1 where not known.
    """
    known = truth >= 0
    picked = log_posteriors.gather(2, truth.clamp_min(0)[..., None])[..., 0]
    return -(picked * known).sum() / known.sum().clamp_min(1)


def said_by(log_posteriors: Tensor, unsaid: Tensor) -> tuple[Tensor, Tensor]:
    """Return the likeliest value of each property in each text, and whether the text says it: (B, A) each.

    Args:
        log_posteriors: (B, A, V) of texts.
        unsaid: (A,) number of "unsaid" of each property.
    """
    largest, value = log_posteriors.max(dim=2)
    return value, (largest.exp() > SURE) & (value != unsaid)


def contradicts(edited: Tensor, text: Tensor, properties: Properties) -> Tensor:
    """Return whether an edit of a text says another value of a property than the text does, for sure: bool (B, A).

    A phrase of one value has no other: there it counts that the edit says what the text, for sure, does not. An
    attribute of which the text says nothing may have any value.

    Args:
        edited: (B, A, V) log-posteriors of edits.
        text: the same of the texts they were made of.
        properties: which they are.
    """
    (other, says), (value, said) = said_by(edited, properties.unsaid), said_by(text, properties.unsaid)
    if properties.by_phrases:
        said = text.amax(dim=2).exp() > SURE
    return says & said & (value != other)


def obedience_loss(drawn: Tensor, value: Tensor, said: Tensor) -> Tensor:
    """Return, of each drawing, the mean of -log p over what its text says and it does not yet show: (B,).

    Args:
        drawn: (B, A, V) log-posteriors of drawings.
        value: int64 (B, A), what the texts say.
        said: bool (B, A), whether they say it.
    """
    picked = drawn.gather(2, value[..., None])[..., 0]  # (B, A)
    counts = said & (picked < torch.tensor(SHOWN).log())
    return -(picked * counts).sum(dim=1) / counts.sum(dim=1).clamp_min(1)


def agreement(text: Tensor, picture: Tensor, unsaid: Tensor) -> Tensor:
    """Return sum over properties of p_text(a) log p_picture(a), over said values alone: how well a picture fits, (B,).

    Args:
        text: (B, A, V) log-posteriors of texts.
        picture: (B, A, V) of pictures.
        unsaid: (A,) number of "unsaid" of each property.
    """
    is_value = torch.arange(text.shape[2], device=text.device) < unsaid[:, None]  # (A, V)
    return (text.exp() * picture.clamp_min(-20.0)).masked_fill(~is_value, 0.0).sum(dim=(1, 2))
