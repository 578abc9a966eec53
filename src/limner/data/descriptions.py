"""Pictures with what is said of them as a whole: the description where there is one, else captions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from limner.data.views import Pairs, Readable, Rows, fields_of, partners


@dataclass(frozen=True)
class WholePairs(Pairs):
    """Pictures and texts as `Scenes` has them: a row with a description has that one text, any other its captions."""

    @classmethod
    def gather(cls, data: Readable, rows: Rows, rng: np.random.Generator, split: str = "train") -> Self:
        """Read `rows`, as `Pairs`, and their descriptions."""
        pairs = Pairs.gather(data, rows, rng, split)
        said = list(zip(data.descriptions(rows, split), pairs.captions, pairs.texts, strict=True))
        captions = tuple((text,) if text else own for text, own, _ in said)
        texts = tuple(text or own for text, _, own in said)
        wrong = torch.tensor(partners(captions, pairs.labels.tolist()))
        return cls(**(fields_of(pairs) | {"captions": captions, "texts": texts, "wrong": wrong}))
