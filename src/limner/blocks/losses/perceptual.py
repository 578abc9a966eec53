"""The perceptual loss: pictures are compared by what a frozen net sees in them (Johnson, Alahi, Fei-Fei, ECCV 2016).

Letters: B pictures, s side of a stage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def perceptual_loss(features: Callable[[Tensor], Tensor], real: Sequence[Tensor], drawn: Sequence[Tensor]) -> Tensor:
    """Return the mean over stages of the mean squared difference of features of real and drawn pictures.

    Args:
        features: of pictures (B, 3, s, s); its net is frozen, and gradients flow to what is drawn.
        real, drawn: pictures (B, 3, s, s) of each stage, of the same texts.
    """
    distances = []
    for x, x_hat in zip(real, drawn, strict=True):
        with torch.no_grad():
            wanted = features(x)
        distances.append(F.mse_loss(features(x_hat).float(), wanted.float()))
    return torch.stack(distances).mean()
