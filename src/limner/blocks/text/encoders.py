"""From sentences to vectors, word by word: a recurrent encoder that any sentence can be given to.

Letters: B sentences, T words of the longest, E width of a sentence vector, H width of a direction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from limner.data.schema import PAD, UNKNOWN, Lexicon
from limner.requests import Blend, Caption, Request, Story, shares

LONGEST = 128  # words of a sentence that are read; captions are far shorter, a pasted novel must not stall a server
LETTERS = 16 * LONGEST  # of a text that are looked at, so that the search for near words ends too
REMEMBERED = 200_000  # sentences whose words stay looked up


class Text(NamedTuple):
    """A batch of sentences as an encoder reads it."""

    sentence: Tensor
    """(B, E)."""
    words: Tensor
    """(B, T, 2H); zero where a sentence has ended."""
    mask: Tensor
    """(B, T) true where there is a word."""


class TextEncoder(nn.Module):
    """What every encoder of sentences offers, whatever it reads them by."""

    width: int
    """E."""

    rule: ClassVar[Mapping[str, Any]]
    """How a text becomes numbers: `by` is "word" or "letter", `longest` the most that are read."""

    def sentence(self, texts: Sequence[str]) -> Tensor:
        """Encode B sentences to (B, E); alone, a sentence gets the vector it gets among others (in eval mode)."""
        raise NotImplementedError

    def numbered(self, numbers: Tensor) -> Tensor:
        """Encode one sentence, told by the numbers of its words or letters (1, T), to (1, E)."""
        raise NotImplementedError


class ByWord(TextEncoder):
    """What encoders that read word by word share: numbers of words and their embedding.

    A word the lexicon does not know is read as the nearest it does know, or as "unknown". In training each word
    is unknown with probability `dropout`, so that the number for "unknown" comes to mean something, and each number of
    an embedded word is left out with probability `thinned`.
    """

    rule: ClassVar = {"by": "word", "longest": LONGEST}

    def __init__(self, lexicon: Lexicon, embedding: int, dropout: float = 0.1, thinned: float = 0.0) -> None:
        super().__init__()
        self.lexicon, self.dropout, self.thinned = lexicon, dropout, thinned
        self.embed = nn.Embedding(len(lexicon), embedding, padding_idx=PAD)
        self._looked_up: dict[str, list[int]] = {}

    def embedded(self, texts: Sequence[str]) -> tuple[PackedSequence, Tensor]:
        """Return embedded words, packed so that nothing reads past a sentence's end, and (B, T) true for words.

        A sentence without a single word is read as one unknown word.
        """
        ids, lengths = self.tokens(texts)  # (B, T)
        real = ids != PAD
        if self.training and self.dropout:
            lost = torch.rand(ids.shape, device=ids.device) < self.dropout
            ids = ids.masked_fill(lost & real, UNKNOWN)
        words = F.dropout(self.embed(ids), self.thinned, self.training)
        return pack_padded_sequence(words, lengths, batch_first=True, enforce_sorted=False), real

    def tokens(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Look words up: (B, T) numbers, padded, where the encoder is, and (B,) lengths on the CPU."""
        rows = [self._look_up(text) for text in texts]
        longest = max(map(len, rows))
        padded = torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])
        return padded.to(self.embed.weight.device), torch.tensor([len(row) for row in rows])

    def _look_up(self, text: str) -> list[int]:
        if text not in self._looked_up:
            if len(self._looked_up) >= REMEMBERED:
                self._looked_up.clear()
            self._looked_up[text] = self.lexicon.ids(text[:LETTERS])[:LONGEST] or [UNKNOWN]
        return self._looked_up[text]


def bag_of_words(lexicon: Lexicon, texts: Sequence[str]) -> Tensor:
    """Tell which words of the lexicon stand in each text: (B, V) of 0 and 1; words it does not know leave no trace."""
    bags = torch.zeros(len(texts), len(lexicon))
    for bag, text in zip(bags, texts, strict=True):
        bag[lexicon.ids(text)] = 1
    bags[:, [PAD, UNKNOWN]] = 0
    return bags


def numbered_bag(numbers: Tensor, known: int) -> Tensor:
    """Tell the same of one text by the numbers of its words: (1, T) to (1, V)."""
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
        packed, real = self.embedded(texts)
        words, _ = pad_packed_sequence(self.recur(packed)[0], batch_first=True)  # (B, T, 2H)
        pooled = words.masked_fill(~real[..., None], -torch.inf).amax(dim=1)
        return Text(self.project(pooled), words, real)

    def sentence(self, texts: Sequence[str]) -> Tensor:
        """Encode B sentences to (B, E)."""
        return self(texts).sentence

    def states(self, numbers: Tensor) -> Tensor:
        """Return the states over the words of one sentence, (1, T) to (1, T, 2H)."""
        return self.recur(self.embed(numbers))[0]

    def numbered(self, numbers: Tensor) -> Tensor:
        """Encode one sentence by the numbers of its words: (1, T) to (1, E)."""
        return self.project(self.states(numbers).amax(dim=1))


class LstmEncoder(ByWord):
    """Word embedding and LSTM; a sentence is what the LSTM holds after its last word: (B, width)."""

    def __init__(self, lexicon: Lexicon, width: int, embedding: int, layers: int = 1, dropout: float = 0.1) -> None:
        super().__init__(lexicon, embedding, dropout)
        self.width = width
        self.recur = nn.LSTM(embedding, width, layers, batch_first=True)

    def sentence(self, texts: Sequence[str]) -> Tensor:
        """Encode B sentences to (B, E)."""
        packed, _ = self.embedded(texts)
        _, (held, _) = self.recur(packed)
        return held[-1]  # of the last layer, after each row's own last word

    def numbered(self, numbers: Tensor) -> Tensor:
        """Encode one sentence by the numbers of its words: (1, T) to (1, E)."""
        return self.recur(self.embed(numbers))[1][0][-1]


class BiLstmEncoder(ByWord):
    """Word embedding and bidirectional LSTM: words are its states, a sentence is its last state of each direction.

    The text encoder of AttnGAN (Xu et al. 2018, section 3.2).
    """

    def __init__(self, lexicon: Lexicon, width: int = 256, embedding: int = 300) -> None:
        super().__init__(lexicon, embedding, thinned=0.5)
        self.width = width
        self.recur = nn.LSTM(embedding, width // 2, batch_first=True, bidirectional=True)
        nn.init.uniform_(self.embed.weight, -0.1, 0.1)

    def forward(self, texts: Sequence[str]) -> Text:
        """Encode B sentences; words and sentences are equally wide."""
        packed, real = self.embedded(texts)
        states, (held, _) = self.recur(packed)
        words, _ = pad_packed_sequence(states, batch_first=True)  # (B, T, E)
        return Text(torch.cat([*held], dim=1), words, real)

    def sentence(self, texts: Sequence[str]) -> Tensor:
        """Encode B sentences to (B, E)."""
        return self(texts).sentence

    def both(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Encode one sentence, (1, T), to the sentence (1, E) and its words (1, T, E)."""
        states, (held, _) = self.recur(self.embed(numbers))
        return torch.cat([*held], dim=1), states

    def numbered(self, numbers: Tensor) -> Tensor:
        """Encode one sentence by the numbers of its words: (1, T) to (1, E)."""
        return self.both(numbers)[0]


class TextCodes(NamedTuple):
    """What a net that looks at words is told."""

    sentence: Tensor
    """(B, E)."""
    words: Tensor
    """(B, T, E)."""
    weight: Tensor
    """(B, T) log of how much each word counts: 0, or minus infinity where there is none."""

    @classmethod
    def of(cls, text: Text) -> TextCodes:
        """Let all words there are count alike."""
        return cls(text.sentence, text.words, text.mask.float().log())


def blended(encoder: Callable[[Sequence[str]], Text], requests: Sequence[Request]) -> TextCodes:
    """Read captions; a `Blend` has the words of all it lies between, which count as much as it is near to each."""
    if not any(isinstance(request, Blend) for request in requests):
        return TextCodes.of(encoder(texts_of(requests)))
    rows = [shares(request) for request in requests]
    most = max(map(len, rows))
    rows = [row + [(row[0][0], 0.0)] * (most - len(row)) for row in rows]
    parts = [TextCodes.of(encoder(texts_of([part for part, _ in column]))) for column in zip(*rows, strict=True)]
    share = torch.tensor([[share for _, share in row] for row in rows], device=parts[0].sentence.device)  # (B, parts)
    counts = share.T[..., None]
    sentence = sum((part.sentence * count for part, count in zip(parts, counts, strict=True)), torch.tensor(0.0))
    words = torch.cat([part.words for part in parts], dim=1)
    weight = torch.cat([part.weight + count.log() for part, count in zip(parts, counts, strict=True)], dim=1)
    return TextCodes(sentence, words, weight)


def texts_of(requests: Sequence[Request]) -> list[str]:
    """Return the sentence of each `Caption`."""
    texts = []
    for request in requests:
        assert isinstance(request, Caption), f"a caption is asked for, not {type(request).__name__}"
        texts.append(request.text)
    return texts


def unknown_words(lexicon: Lexicon, requests: Sequence[Request]) -> Mapping[str, str | None]:
    """Return words of captions, stories and both ends of blends that `lexicon` lacks, each with the nearest it has."""
    found: dict[str, str | None] = {}
    for request in requests:
        if isinstance(request, Blend):
            found |= unknown_words(lexicon, (request.first, request.second))
        elif isinstance(request, Caption | Story):
            for text in (request.text,) if isinstance(request, Caption) else request.lines:
                found |= lexicon.unknown(text[:LETTERS])
    return found


def mend(lexicon: Lexicon, text: str) -> str:
    """Put the nearest known word in place of each misspelt one, for encoders that read letters."""
    for word, near in lexicon.unknown(text[:LETTERS]).items():
        if near is not None:
            text = re.sub(rf"\b{re.escape(word)}\b", near, text, flags=re.IGNORECASE)
    return text
