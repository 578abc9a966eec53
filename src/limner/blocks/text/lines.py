"""The lines of stories as vectors.

Letters: R stories, T lines of a story, V width of a line's vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.text.encoders import TextEncoder, bag_of_words, numbered_bag
from limner.data.schema import Lexicon


class LineEncoder(nn.Module):
    """Stories of T lines, or fewer, to (R, T, V), zero where there is no line; no gradient goes through it.

    Args:
        lexicon: known words.
        length: T.
        encoder: encodes a line; without one its vector marks which words of the lexicon occur in it.
        given: V where vectors of lines come with the data and are only put side by side; 0 where lines are encoded.
    """

    def __init__(self, lexicon: Lexicon, length: int, encoder: TextEncoder | None = None, given: int = 0) -> None:
        super().__init__()
        self.lexicon, self.length, self.encoder = lexicon, length, encoder
        self.width = given or (encoder.width if encoder else len(lexicon))
        self.register_buffer("place", torch.empty(0), persistent=False)  # moves with the system, so knows its device

    @property
    def rule(self) -> Mapping[str, Any]:
        """How a line becomes numbers, for `numbered`."""
        return self.encoder.rule if self.encoder else {"by": "word", "longest": None}

    def numbered(self, numbers: Tensor) -> Tensor:
        """Encode one line, given by the numbers of its words: (1, T) to (1, V)."""
        if self.encoder is None:
            return numbered_bag(numbers, self.width)
        vector = self.encoder.numbered(numbers)
        return F.layer_norm(vector, vector.shape[1:])

    @torch.no_grad()
    def forward(self, stories: Sequence[Sequence[str]]) -> Tensor:
        lines = [line for story in stories for line in story]
        if self.encoder is not None:
            vectors = self.encoder.sentence(lines).float()
            vectors = F.layer_norm(vectors, vectors.shape[1:])
        else:
            vectors = bag_of_words(self.lexicon, lines).to(self.get_buffer("place").device)
        return self.padded(vectors.split([len(story) for story in stories]))

    def padded(self, stories: Sequence[Tensor]) -> Tensor:
        """Return the vectors (t, V) of the lines of R stories, t of each and T at most, side by side: (R, T, V)."""
        padded = stories[0].new_zeros(len(stories), self.length, self.width)
        for row, some in zip(padded, stories, strict=True):
            row[: len(some)] = some
        return padded

    def given(self, stories: Sequence[Sequence[Sequence[float]]]) -> Tensor:
        """Return vectors of lines that requests bring, as numbers, side by side: (R, T, V)."""
        like = self.get_buffer("place")
        return self.padded([like.new_tensor(story) for story in stories])


def cut_short(lines: Tensor, share: float) -> Tensor:
    """Zero the last lines of a `share` of stories (R, T, V): each of those keeps its first 1 to T."""
    count, length = lines.shape[:2]
    remaining = torch.randint(1, length + 1, (count, 1), device=lines.device)
    remaining = torch.where(torch.rand(count, 1, device=lines.device) < share, remaining, length)
    return lines * (torch.arange(length, device=lines.device) < remaining)[:, :, None]


def repeat_earlier(lines: Tensor) -> Tensor:
    """Put each line's vector beside those of all before it, in blocks, zero for later ones: (R, T, V) to (R, T, TV)."""
    length = lines.shape[1]
    past = torch.ones(length, length, device=lines.device, dtype=lines.dtype).tril()
    return (lines[:, None] * past[:, :, None]).flatten(2)


def forget_earlier(sentences: Tensor, share: float) -> Tensor:
    """Zero earlier lines in a `share` of what `repeat_earlier` returns, (R, T, TV): each keeps its last 1 to T."""
    count, length = sentences.shape[:2]
    newest = torch.randint(1, length + 1, (count, 1, 1), device=sentences.device)
    newest = torch.where(torch.rand(count, 1, 1, device=sentences.device) < share, newest, length)
    place = torch.arange(length, device=sentences.device)
    kept = place > place[:, None] - newest  # (R, T, T): line k in the sentence vector of frame t
    return (sentences.unflatten(2, (length, -1)) * kept[:, :, :, None]).flatten(2)


def select_frames(codes: Tensor, frames: Tensor) -> Tensor:
    """Take one frame each, `frames` (B,), of the first B rows of (R, T, V): (B, V)."""
    return codes[: len(frames)].take_along_dim(frames[:, None, None], dim=1).squeeze(1)
