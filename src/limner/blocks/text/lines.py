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


class LineReader(nn.Module):
    """Stories of T lines, or fewer, to (R, T, V), zero where there is no line.

    Args:
        lexicon: known words.
        length: T.
        encoder: what reads a line, at rest; without one its vector says which words of the lexicon stand in it.
    """

    def __init__(self, lexicon: Lexicon, length: int, encoder: TextEncoder | None = None) -> None:
        super().__init__()
        self.lexicon, self.length, self.encoder = lexicon, length, encoder
        self.width = encoder.width if encoder else len(lexicon)
        self.register_buffer("place", torch.empty(0), persistent=False)  # moves with the system, so says where it is

    @property
    def rule(self) -> Mapping[str, Any]:
        """How a line becomes numbers, for `numbered`."""
        return self.encoder.rule if self.encoder else {"by": "word", "longest": None}

    def numbered(self, numbers: Tensor) -> Tensor:
        """Return the vector of one line, told by the numbers of its words: (1, T) to (1, V)."""
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
        told = vectors.new_zeros(len(stories), self.length, self.width)
        for story, mine in zip(told, vectors.split([len(story) for story in stories]), strict=True):
            story[: len(mine)] = mine
        return told


def shortened(told: Tensor, share: float) -> Tensor:
    """Leave out the last lines of a `share` of stories (R, T, V): each of those keeps its first 1 to T."""
    count, length = told.shape[:2]
    kept = torch.randint(1, length + 1, (count, 1), device=told.device)
    kept = torch.where(torch.rand(count, 1, device=told.device) < share, kept, length)
    return told * (torch.arange(length, device=told.device) < kept)[:, :, None]


def so_far(told: Tensor) -> Tensor:
    """Put beside each line's vector those of all before it, in blocks, zero for those to come: to (R, T, TV)."""
    length = told.shape[1]
    past = torch.ones(length, length, device=told.device, dtype=told.dtype).tril()
    return (told[:, None] * past[:, :, None]).flatten(2)


def at(told: Tensor, frames: Tensor) -> Tensor:
    """Return what is told at these frames (B,) of the first B of (R, T, V): (B, V)."""
    return told[: len(frames)].take_along_dim(frames[:, None, None], dim=1).squeeze(1)
