"""Conditioning Augmentation (Zhang et al., StackGAN, ICCV 2017): a text is not one code but a small cloud of them.

Letters: B texts, E width of a sentence vector, c numbers of a code.
"""

from __future__ import annotations

from torch import Tensor, nn

from limner.blocks.layers.convolutions import LEAK
from limner.blocks.layers.equalised import EqualLinear, pixel_norm

SURE = -2.0
"""Log-variance at the start: a cloud as wide as codes lie apart would hide what was read."""


class ConditioningAugmentation(nn.Module):
    """Sentence vectors (B, E) to mean and log-variance of the codes of each, two of (B, c).

    Args:
        text: E.
        code: c.
        gated: as StackGAN++ has it, a gated linear unit that leaves any variance open; else as StackGAN, a leaky ReLU
            on means and on the logarithms of deviations.
    """

    def __init__(self, text: int, code: int, gated: bool = True) -> None:
        super().__init__()
        self.gated = gated
        self.map = nn.Linear(text, code * (4 if gated else 2))
        self.act = nn.GLU(dim=1) if gated else nn.LeakyReLU(LEAK)

    def forward(self, text: Tensor) -> tuple[Tensor, Tensor]:
        mean, spread = self.act(self.map(text)).float().chunk(2, dim=1)
        return mean, spread if self.gated else 2 * spread


class EqualAugmentation(nn.Module):
    """The same for nets whose learning rates are equalised; it begins with small clouds."""

    def __init__(self, text: int, code: int) -> None:
        super().__init__()
        self.map = EqualLinear(text, 2 * code, gain=1)
        nn.init.constant_(self.map.bias[code:], SURE)

    def forward(self, text: Tensor) -> tuple[Tensor, Tensor]:
        mean, logvar = self.map(pixel_norm(text)).float().chunk(2, dim=1)
        return mean, logvar


GaussianCode = tuple[Tensor, Tensor]
"""Mean and log-variance of the codes of each text, two of (B, c)."""


def reparameterise(cloud: GaussianCode, epsilon: Tensor) -> Tensor:
    """Return a code of each cloud, (B, c), where N(0, 1) has drawn `epsilon` (B, c)."""
    mean, logvar = cloud
    return mean + (logvar / 2).exp() * epsilon


def kl_to_standard_normal(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mean, exp(logvar)) || N(0, 1)), summed over the numbers of a code, mean over the batch."""
    return 0.5 * (mean.square() + logvar.exp() - logvar - 1).sum(dim=1).mean()
