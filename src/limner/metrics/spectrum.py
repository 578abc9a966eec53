"""High-frequency power: the chequered grids and mosaics of generators, by which their pictures betray themselves.

Generators that upsample leave traces at the highest spatial frequencies (Odena et al., "Deconvolution and checkerboard
artifacts", Distill 2016; Durall et al., CVPR 2020).
"""

from __future__ import annotations

import torch
from torch import Tensor

HIGHEST = 7 / 8
"""The band begins at this share of the highest frequency that pixels can carry, along either axis."""
_AT_ONCE = 500


def high_frequency_power(images: Tensor) -> float:
    """Return the mean power at the highest frequencies, in squared units of the pixels' range.

    It is that of a component which alternates from pixel to pixel: a chequerboard, or stripes one pixel wide, of
    amplitude A in all channels has A squared. A Hann window hides the borders, which are no edges of what is drawn.

    Args:
        images: (N, C, H, W), H and W of 16 or more.
    """
    height, width = images.shape[-2:]
    window = torch.hann_window(height)[:, None] * torch.hann_window(width)
    y, x = (torch.fft.fftfreq(side).abs() * 2 for side in (height, width))  # 1 is the highest
    band = torch.maximum(y[:, None], x[None, :]) >= HIGHEST
    total = torch.zeros((), dtype=torch.float64)
    for some in images.split(_AT_ONCE):
        spectrum = torch.fft.fft2(some.float() * window, norm="ortho")[..., band]
        total += spectrum.abs().square().double().sum()
    return float(total / (len(images) * images.shape[1] * window.square().sum()))
