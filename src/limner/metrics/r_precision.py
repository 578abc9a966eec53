"""R-precision: is a picture's own text the one it fits best, among a hundred?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor
from torch.nn import functional as F


def r_precision(
    pictures: Tensor, texts: Tensor, captions: Sequence[str], candidates: int = 100, seed: int = 0
) -> float:
    """Return the share of pictures whose own text has the largest cosine among `candidates` (Xu et al. 2018, 4).

    The others are drawn from the same texts, leaving out those that say the same; a tie is a miss. By chance it is
    1 / candidates.

    Args:
        pictures: (N, E) codes.
        texts: (N, E) codes of the captions.
        captions: N texts.
        candidates: texts to choose among.
        seed: which others are drawn.
    """
    scores = F.normalize(pictures.double(), dim=1) @ F.normalize(texts.double(), dim=1).T  # (N pictures, N texts)
    rng, hits = np.random.default_rng(seed), 0
    for row, own in enumerate(captions):
        others = [i for i in rng.permutation(len(captions)).tolist() if captions[i] != own][: candidates - 1]
        hits += bool(not others or scores[row, row] > scores[row, others].max())
    return hits / len(captions)
