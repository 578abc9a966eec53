"""The adversarial loss of the early papers, on logits: binary cross-entropy against "real" or "fake".

-log D(x) and -log(1 - D(x)) with D = sigmoid(logit) are softplus(-logit) and softplus(logit), which neither overflow
nor saturate. At D = 1/2 each is log 2 = 0.6931.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def bce_real(logits: Tensor) -> Tensor:
    """Return -E log D of logits (B,): for real pictures in D's loss, and for fakes in G's (non-saturating)."""
    return F.softplus(-logits.float()).mean()


def bce_fake(logits: Tensor) -> Tensor:
    """Return -E log(1 - D) of logits (B,): for fakes in D's loss."""
    return F.softplus(logits.float()).mean()
