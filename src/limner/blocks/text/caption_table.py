"""Every caption's vector, computed once: a frozen encoder need not encode the same sentences at every step.

Letters: B rows of the data, K captions drawn of each, M distinct captions, N captions of all rows together, E width of
a vector.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from limner.blocks.modes import evaluating, full_precision
from limner.blocks.text.encoders import TextEncoder

if TYPE_CHECKING:
    from limner.data.dataset import Dataset

CHUNK = 256  # sentences encoded together: always the same, so that a resumed run finds the same bits


class CaptionTable:
    """The vectors of all captions of a split, filled by `Phase.once` or `on_enter`: derived, and so not saved."""

    def __init__(self) -> None:
        self.sentences: list[str] = []  # M distinct captions
        self.vectors = torch.empty(0)  # (M, E), one for each of them
        self.places = torch.empty(0)  # (N,) index into the vectors of each caption, row by row
        self.starts = torch.empty(0)  # of each row: index of its first caption in `places`
        self.counts = torch.empty(0)  # of each row: number of its captions

    @torch.no_grad()
    def fill(
        self,
        encoder: TextEncoder,
        data: Dataset,
        split: str = "train",
        encode: Callable[[Sequence[str]], Tensor] | None = None,
        share: float = 1.0,
    ) -> None:
        """Encode each distinct caption of `split` once, on the encoder's device.

        Args:
            encoder: put into eval mode while it encodes.
            data: whose captions.
            split: which of them.
            encode: sentences to vectors (B, E); without it the encoder's sentence vectors are taken.
            share: of the rows, whose captions are read; the others have none (see `limner.data.views.Paired`).
        """
        encode = encode or encoder.sentence
        number: dict[str, int] = {}
        places: list[int] = []
        counts: list[int] = []
        read = range(data.length(split)) if share == 1 else set(data.paired(share, split).tolist())
        for row in range(data.length(split)):
            captions = data.captions(row, split) if row in read else ()
            places += [number.setdefault(caption, len(number)) for caption in captions]
            counts.append(len(captions))
        self.sentences = list(number)
        with evaluating(encoder), full_precision(next(encoder.parameters())):
            chunks = [encode(self.sentences[start : start + CHUNK]) for start in range(0, len(number), CHUNK)]
        self.vectors = torch.cat(chunks)
        self.places = torch.tensor(places).to(self.vectors.device)
        self.counts = torch.tensor(counts).to(self.vectors.device)
        self.starts = self.counts.cumsum(0) - self.counts

    def fill_given(self, data: Dataset, device: torch.device, split: str = "train", share: float = 1.0) -> None:
        """Take the vectors that came with the captions of `split`, those of a share of the rows.

        Raises:
            UserError: none came, or those of a row cannot be used.
        """
        read = sorted(data.paired(share, split).tolist())
        given = [torch.from_numpy(some) for some in data.embeddings(read, split)]
        counts = torch.zeros(data.length(split), dtype=torch.long)
        counts[read] = torch.tensor([len(some) for some in given])
        self.sentences = [caption for row in read for caption in data.captions(row, split)]
        self.vectors = torch.cat(given).to(device)
        self.places = torch.arange(len(self.vectors), device=device)
        self.counts = counts.to(device)
        self.starts = self.counts.cumsum(0) - self.counts

    def draw(self, rows: Tensor, captions: int = 1) -> Tensor:
        """Return the mean vector of K captions of each row, drawn with replacement: (B,) rows to (B, E)."""
        return self.vectors[self.choose(rows, captions)].mean(dim=1)

    def choose(self, rows: Tensor, captions: int = 1) -> Tensor:
        """Draw K captions of each row, with replacement: (B,) rows to (B, K) indices into the vectors."""
        counts = self.counts[rows][:, None]
        chance = torch.rand(len(rows), captions, device=self.vectors.device, dtype=torch.float64)
        return self.places[self.starts[rows][:, None] + (chance * counts).long()]
