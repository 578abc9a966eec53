"""Conditioning Augmentation (Zhang et al., StackGAN, ICCV 2017): a text is not one code but a small cloud of them.

Letters: B texts, E width of a sentence vector, c numbers of a code.
"""

from __future__ import annotations

from torch import Tensor, nn

from limner.blocks.equalised import EqualLinear, pixel_norm

SURE = -2.0
"""Log-variance at the start: a cloud as wide as codes lie apart would hide what was read."""


class ConditioningAugmentation(nn.Module):
    """Sentence vectors (B, E) to mean and log-variance of the codes of each, two of (B, c)."""

    def __init__(self, text: int, code: int) -> None:
        super().__init__()
        self.map = EqualLinear(text, 2 * code, gain=1)
        nn.init.constant_(self.map.bias[code:], SURE)

    def forward(self, text: Tensor) -> tuple[Tensor, Tensor]:
        mean, logvar = self.map(pixel_norm(text)).float().chunk(2, dim=1)
        return mean, logvar


def divergence(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mean, exp(logvar)) || N(0, 1)), summed over the numbers of a code, mean over the batch."""
    return 0.5 * (mean.square() + logvar.exp() - logvar - 1).sum(dim=1).mean()
