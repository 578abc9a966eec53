"""Conditioning Augmentation (Zhang et al., StackGAN, ICCV 2017): a text gives a Gaussian over codes, not one code.

Letters: B texts, E width of a sentence vector, c numbers of a code.
"""

from __future__ import annotations

from torch import Tensor, nn

from limner.blocks.layers.convolutions import LEAK
from limner.blocks.layers.equalised import EqualLinear, pixel_norm

INITIAL_LOGVAR = -2.0
"""At the start: a deviation as large as the distances between texts' codes would hide the text."""

GaussianCode = tuple[Tensor, Tensor]
"""Mean and log-variance of the codes of each text, two of (B, c)."""


class ConditioningAugmentation(nn.Module):
    """Sentence vectors (B, E) to the mean and log-variance of their codes, two of (B, c).

    Args:
        text: E.
        code: c.
        gated: as in StackGAN++, a gated linear unit, which allows any variance; otherwise as in StackGAN, a leaky ReLU
            on means and on logarithms of standard deviations.
    """

    def __init__(self, text: int, code: int, gated: bool = True) -> None:
        super().__init__()
        self.gated = gated
        self.map = nn.Linear(text, code * (4 if gated else 2))
        self.act = nn.GLU(dim=1) if gated else nn.LeakyReLU(LEAK)

    def forward(self, text: Tensor) -> GaussianCode:
        mean, logs = self.act(self.map(text)).float().chunk(2, dim=1)
        return mean, logs if self.gated else 2 * logs


class EqualAugmentation(nn.Module):
    """The same with an equalised learning rate; it begins with small variances."""

    def __init__(self, text: int, code: int) -> None:
        super().__init__()
        self.map = EqualLinear(text, 2 * code, gain=1)
        nn.init.constant_(self.map.bias[code:], INITIAL_LOGVAR)

    def forward(self, text: Tensor) -> GaussianCode:
        mean, logvar = self.map(pixel_norm(text)).float().chunk(2, dim=1)
        return mean, logvar


def reparameterise(gaussian: GaussianCode, epsilon: Tensor) -> Tensor:
    """Return a sample of each Gaussian, (B, c), given `epsilon` (B, c) drawn from N(0, 1)."""
    mean, logvar = gaussian
    return mean + (logvar / 2).exp() * epsilon


def kl_to_standard_normal(mean: Tensor, logvar: Tensor) -> Tensor:
    """Return KL(N(mean, exp(logvar)) || N(0, 1)), summed over the numbers of a code, averaged over the batch."""
    return 0.5 * (mean.square() + logvar.exp() - logvar - 1).sum(dim=1).mean()
