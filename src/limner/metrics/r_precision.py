"""R-precision: is a picture's own text the one it fits best, among a hundred? And the first two, three, five?"""

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

    By chance it is 1 / candidates. See `text_ranks`.
    """
    ranks = text_ranks(pictures, texts, captions, candidates, seed)
    return int((ranks == 1).sum()) / len(captions)


def in_folds(ranks: np.ndarray, top: int = 1, folds: int = 10) -> tuple[float, float]:
    """Return the mean and the deviation over folds of the share of ranks that are `top` or less.

    AttnGAN and those after it give such a pair, of 30,000 pictures in ten folds (recalled), MirrorGAN and LeicaGAN the
    shares of the first two, three or five, too.

    Args:
        ranks: (N,) of each picture's own text; N is at least `folds`.
        top: the last rank that counts.
        folds: parts of about the same size, of pictures that follow one another.
    """
    shares = [float((part <= top).mean()) for part in np.array_split(ranks, folds)]
    return float(np.mean(shares)), float(np.std(shares))


def text_ranks(
    pictures: Tensor, texts: Tensor, captions: Sequence[object], candidates: int = 100, seed: int = 0
) -> np.ndarray:
    """Return the rank of each picture's own text among `candidates` by their cosines with the picture, from 1: (N,).

    The others are drawn from the same texts, leaving out those that say the same; one that ties comes first.

    Args:
        pictures: (N, E) codes.
        texts: (N, E) codes of the captions.
        captions: N texts, or tuples of texts; equal ones say the same.
        candidates: texts to choose among.
        seed: which others are drawn.
    """
    of_pictures, of_texts = F.normalize(pictures.double(), dim=1), F.normalize(texts.double(), dim=1)
    rng, ranks = np.random.default_rng(seed), []
    for row, own in enumerate(captions):
        scores = of_texts @ of_pictures[row]  # (N,)
        different = (int(i) for i in rng.permutation(len(captions)) if captions[i] != own)
        others = list(islice(different, candidates - 1))
        ranks.append(1 + int((scores[others] >= scores[row] - TIE).sum()))
    return np.array(ranks)
