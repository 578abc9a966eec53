"""R-precision: is a picture's own text the one it fits best, among a hundred?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
from torch import Tensor
from torch.nn import functional as F

TIE = 1e-9
"""Cosines nearer than this are equal: the same code may score differently in its last digits in another column."""


def r_precision(
    pictures: Tensor, texts: Tensor, captions: Sequence[object], candidates: int = 100, seed: int = 0
) -> float:
    """Return the share of pictures whose own text has the largest cosine among `candidates` (Xu et al. 2018, 4).

    The others are drawn from the same texts, leaving out those that say the same; a tie is a miss. By chance it is
    1 / candidates.

    Args:
        pictures: (N, E) codes.
        texts: (N, E) codes of the captions.
        captions: N texts, or tuples of texts; equal ones say the same.
        candidates: texts to choose among.
        seed: which others are drawn.
    """
    of_pictures, of_texts = F.normalize(pictures.double(), dim=1), F.normalize(texts.double(), dim=1)
    rng, hits = np.random.default_rng(seed), 0
    for row, own in enumerate(captions):
        scores = of_texts @ of_pictures[row]  # (N,)
        different = (int(i) for i in rng.permutation(len(captions)) if captions[i] != own)
        others = list(islice(different, candidates - 1))
        hits += bool(not others or scores[row] > scores[others].max() + TIE)
    return hits / len(captions)
