"""Recurrent encoders of sentences, word by word; they take any sentence, with unknown and misspelt words.

Letters: B sentences, T words of the longest, E width of a sentence vector, H width of one direction, D width of an
embedded word, V words of the lexicon.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from limner.data.schema import PAD, UNKNOWN, Lexicon
from limner.data.words import replaced
from limner.requests import Request, shares

LONGEST = 128
"""Words of a sentence that are encoded; captions are far shorter, and a pasted novel must not stall a server."""
LETTERS = 16 * LONGEST
"""Characters of a text that are searched for words, so that the search for near words is bounded, too."""
REMEMBERED = 200_000
"""Sentences whose numbers of words are cached."""


class Text(NamedTuple):
    """A batch of encoded sentences."""

    sentence: Tensor
    """(B, E)."""
    words: Tensor
    """(B, T, 2H); zero after the end of a sentence."""
    mask: Tensor
    """bool (B, T), true where there is a word."""


class TextEncoder(nn.Module):
    """The interface of encoders of sentences, by words or by letters."""

    width: int
    """E."""

    rule: ClassVar[Mapping[str, Any]]
    """How a text becomes numbers: `by` is "word" or "letter", `longest` the most that are encoded."""

    def sentence(self, texts: Sequence[str]) -> Tensor:
        """Encode B sentences to (B, E); in evaluation mode each row depends on its own sentence alone."""
        raise NotImplementedError

    def numbered(self, numbers: Tensor) -> Tensor:
        """Encode one sentence, given the numbers of its words or letters (1, T), to (1, E)."""
        raise NotImplementedError


class ByWord(TextEncoder):
    """What encoders by words share: numbers of words and their embedding.

    A word that the lexicon lacks is replaced by the nearest it has, or by "unknown".

    Args:
        lexicon: V known words.
        embedding: D.
        dropout: in training, probability that a word is replaced by "unknown", so that its embedding is trained.
        embedding_dropout: in training, probability that a number of an embedded word is zero.
    """

    rule: ClassVar = {"by": "word", "longest": LONGEST}

    def __init__(self, lexicon: Lexicon, embedding: int, dropout: float = 0.1, embedding_dropout: float = 0.0) -> None:
        super().__init__()
        self.lexicon, self.dropout, self.embedding_dropout = lexicon, dropout, embedding_dropout
        self.embed = nn.Embedding(len(lexicon), embedding, padding_idx=PAD)
        self._cache: dict[str, list[int]] = {}

    def embedded(self, texts: Sequence[str]) -> tuple[PackedSequence, Tensor]:
        """Embed B sentences; one without any word counts as one unknown word.

        Returns:
            embedded words (B, T, D), packed, so that a recurrent net stops at the end of each sentence, and their mask,
            bool (B, T), true where there is a word.
        """
        ids, lengths = self.tokens(texts)  # (B, T)
        mask = ids != PAD
        if self.training and self.dropout:
            dropped = torch.rand(ids.shape, device=ids.device) < self.dropout
            ids = ids.masked_fill(dropped & mask, UNKNOWN)
        words = F.dropout(self.embed(ids), self.embedding_dropout, self.training)
        return pack_padded_sequence(words, lengths, batch_first=True, enforce_sorted=False), mask

    def tokens(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return numbers of words (B, T), padded, on the encoder's device, and lengths (B,) on the CPU."""
        rows = [self._ids(text) for text in texts]
        longest = max(map(len, rows))
        padded = torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])
        return padded.to(self.embed.weight.device), torch.tensor([len(row) for row in rows])

    def _ids(self, text: str) -> list[int]:
        if text not in self._cache:
            if len(self._cache) >= REMEMBERED:
                self._cache.clear()
            self._cache[text] = self.lexicon.ids(text[:LETTERS])[:LONGEST] or [UNKNOWN]
        return self._cache[text]


def bag_of_words(lexicon: Lexicon, texts: Sequence[str]) -> Tensor:
    """Return which words of the lexicon each text contains: (B, V) of 0 and 1; unknown words are ignored."""
    bags = torch.zeros(len(texts), len(lexicon))
    for bag, text in zip(bags, texts, strict=True):
        bag[lexicon.ids(text)] = 1
    bags[:, [PAD, UNKNOWN]] = 0
    return bags


def numbered_bag(numbers: Tensor, known: int) -> Tensor:
    """Return the same of one text, given the numbers of its words (1, T): (1, V), V being `known`."""
    bag = torch.zeros(1, known).scatter(1, numbers, 1.0)
    return torch.cat([torch.zeros(1, UNKNOWN + 1), bag[:, UNKNOWN + 1 :]], dim=1)


class WordEncoder(ByWord):
    """Word embedding, bidirectional GRU, maximum over the words, linear (as InferSent, Conneau et al. 2017)."""

    def __init__(
        self, lexicon: Lexicon, width: int = 128, embedding: int = 96, hidden: int = 128, dropout: float = 0.1
    ) -> None:
        super().__init__(lexicon, embedding, dropout)
        self.width = width
        self.recur = nn.GRU(embedding, hidden, batch_first=True, bidirectional=True)
        self.project = nn.Linear(2 * hidden, width)

    def forward(self, texts: Sequence[str]) -> Text:
        """Encode B sentences."""
        packed, mask = self.embedded(texts)
        words, _ = pad_packed_sequence(self.recur(packed)[0], batch_first=True)  # (B, T, 2H)
        pooled = words.masked_fill(~mask[..., None], -torch.inf).amax(dim=1)
        return Text(self.project(pooled), words, mask)

    def sentence(self, texts: Sequence[str]) -> Tensor:
        """Encode B sentences to (B, E)."""
        return self(texts).sentence

    def states(self, numbers: Tensor) -> Tensor:
        """Return the GRU's states at the words of one sentence, given their numbers (1, T): (1, T, 2H)."""
        return self.recur(self.embed(numbers))[0]

    def numbered(self, numbers: Tensor) -> Tensor:
        """Encode one sentence, given the numbers of its words (1, T), to (1, E)."""
        return self.project(self.states(numbers).amax(dim=1))


class LstmEncoder(ByWord):
    """Word embedding and LSTM; a sentence is the last layer's state after its last word: (B, E)."""

    def __init__(self, lexicon: Lexicon, width: int, embedding: int, layers: int = 1, dropout: float = 0.1) -> None:
        super().__init__(lexicon, embedding, dropout)
        self.width = width
        self.recur = nn.LSTM(embedding, width, layers, batch_first=True)

    def sentence(self, texts: Sequence[str]) -> Tensor:
        """Encode B sentences to (B, E)."""
        packed, _ = self.embedded(texts)
        _, (last, _) = self.recur(packed)
        return last[-1]  # of the last layer, after each row's own last word

    def numbered(self, numbers: Tensor) -> Tensor:
        """Encode one sentence, given the numbers of its words (1, T), to (1, E)."""
        return self.recur(self.embed(numbers))[1][0][-1]


class BiLstmEncoder(ByWord):
    """Word embedding and bidirectional LSTM: words are its states, a sentence is its last state of each direction.

    The text encoder of AttnGAN (Xu et al. 2018, section 3.2).
    """

    def __init__(self, lexicon: Lexicon, width: int = 256, embedding: int = 300) -> None:
        super().__init__(lexicon, embedding, embedding_dropout=0.5)
        self.width = width
        self.recur = nn.LSTM(embedding, width // 2, batch_first=True, bidirectional=True)
        nn.init.uniform_(self.embed.weight, -0.1, 0.1)

    def forward(self, texts: Sequence[str]) -> Text:
        """Encode B sentences; words and sentences are equally wide."""
        packed, mask = self.embedded(texts)
        states, (last, _) = self.recur(packed)
        words, _ = pad_packed_sequence(states, batch_first=True)  # (B, T, E)
        return Text(torch.cat([*last], dim=1), words, mask)

    def sentence(self, texts: Sequence[str]) -> Tensor:
        """Encode B sentences to (B, E)."""
        return self(texts).sentence

    def both(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Encode one sentence, given the numbers of its words (1, T), to (1, E) and its words to (1, T, E)."""
        states, (last, _) = self.recur(self.embed(numbers))
        return torch.cat([*last], dim=1), states

    def numbered(self, numbers: Tensor) -> Tensor:
        """Encode one sentence, given the numbers of its words (1, T), to (1, E)."""
        return self.both(numbers)[0]


class TextCodes(NamedTuple):
    """The condition of a net with attention to words."""

    sentence: Tensor
    """(B, E)."""
    words: Tensor
    """(B, T, E)."""
    weight: Tensor
    """(B, T), the log of each word's weight: 0 for weight 1, minus infinity where there is no word."""

    @classmethod
    def of(cls, text: Text) -> TextCodes:
        """Return codes in which all words have weight 1."""
        return cls(text.sentence, text.words, text.mask.float().log())


def blended(
    encoder: Callable[[Sequence[str]], Text],
    requests: Sequence[Request],
    texts: Callable[[Sequence[Request]], Sequence[str]] | None = None,
) -> TextCodes:
    """Encode B captions; a `Blend` has the words of both its ends, weighted by how near it is to each.

    Args:
        encoder: of sentences.
        requests: B of them.
        texts: tells what plain requests say; by default their sentences.
    """
    texts = texts or texts_of
    if not any(len(request.ends()) > 1 for request in requests):
        return TextCodes.of(encoder(texts(requests)))
    rows = [shares(request) for request in requests]
    most = max(map(len, rows))
    rows = [row + [(row[0][0], 0.0)] * (most - len(row)) for row in rows]
    parts = [TextCodes.of(encoder(texts([part for part, _ in column]))) for column in zip(*rows, strict=True)]
    share = torch.tensor([[share for _, share in row] for row in rows], device=parts[0].sentence.device)  # (B, parts)
    counts = share.T[..., None]
    sentence = sum((part.sentence * count for part, count in zip(parts, counts, strict=True)), torch.tensor(0.0))
    words = torch.cat([part.words for part in parts], dim=1)
    weight = torch.cat([part.weight + count.log() for part, count in zip(parts, counts, strict=True)], dim=1)
    return TextCodes(sentence, words, weight)


def texts_of(requests: Sequence[Request]) -> list[str]:
    """Return the sentence of each request that has one, such as a `Caption`."""
    texts = [request.sentence() for request in requests]
    assert all(texts), f"expected sentences, got {', '.join({type(request).__name__ for request in requests})}"
    return texts


def unknown_words(lexicon: Lexicon, requests: Sequence[Request]) -> Mapping[str, str | None]:
    """Return the words of requests (both ends of blends) that `lexicon` lacks, each with the nearest it has."""
    found: dict[str, str | None] = {}
    for text in (text for request in requests for end in request.ends() for text in end.captions()):
        found |= lexicon.unknown(text[:LETTERS])
    return found


def mend(lexicon: Lexicon, text: str) -> str:
    """Replace each misspelt word by the nearest known one, for encoders by letters."""
    near = lexicon.unknown(text[:LETTERS])
    return replaced(text, near.get) if any(near.values()) else text
