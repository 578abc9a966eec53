"""Inception score: is each picture clear, and are all of them diverse, by a classifier?"""

from __future__ import annotations

import torch
from torch import Tensor


def inception_score(probabilities: Tensor, splits: int = 10) -> tuple[float, float]:
    """Return exp(mean KL(p(y|x) || p(y))), mean and deviation over splits (Salimans et al. 2016, section 4).

    It depends on neither real pictures nor captions. Its range is from 1 to the number of classes.

    Args:
        probabilities: (N, C) of each class for each picture, in random order.
        splits: parts that are scored separately.
    """
    scores = []
    for part in probabilities.double().chunk(splits):
        logs = part.clamp_min(1e-300).log() - part.mean(dim=0, keepdim=True).clamp_min(1e-300).log()
        scores.append((part * logs).sum(dim=1).mean().exp())
    found = torch.stack(scores)
    return float(found.mean()), float(found.std(correction=0))
