"""A convolution and the doubling before it, or the halving after it, as one: the same sums with 4/9 of the products.

Nearest doubling before a 3x3 convolution has each weight multiply the same number several times. Weights added up first
do that once: a transposed 4x4 convolution with stride 2, each of whose weights is the sum of up to four of the 3x3
(Karras et al., "Progressive growing of GANs", ICLR 2018, in their code as "fused scale"). The mean of 2x2 places after
one is likewise a 4x4 convolution with stride 2.

Letters: B pictures, C and O channels, h the side of the small map.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WORTH_IT = 8
"""Smallest side of the map that comes in from which one convolution is the quicker way on a CPU."""


def doubled(x: Tensor, convolution: nn.Conv2d) -> Tensor:
    """Double to the nearest, then convolve 3x3: (B, C, h, h) to (B, O, 2h, 2h).

    In use, without gradients, it is done as said: for a picture or two, adding up weights costs more than it saves.
    """
    if not torch.is_grad_enabled() or x.shape[-1] < WORTH_IT:
        twice = F.interpolate(x, scale_factor=2.0, mode="nearest")
        return F.conv2d(twice, convolution.weight, convolution.bias, padding=1)
    assert convolution.kernel_size == (3, 3) and convolution.padding == (1, 1) and convolution.groups == 1
    kernel = spread(convolution.weight).flip(2, 3).transpose(0, 1)
    return F.conv_transpose2d(x, kernel, convolution.bias, stride=2, padding=1)


def halved(x: Tensor, convolution: nn.Conv2d) -> Tensor:
    """Convolve 3x3, then take the mean of each 2x2 places: (B, C, 2h, 2h) to (B, O, h, h)."""
    if x.shape[-1] < WORTH_IT:
        return F.avg_pool2d(F.conv2d(x, convolution.weight, convolution.bias, padding=1), 2)
    assert convolution.kernel_size == (3, 3) and convolution.padding == (1, 1) and convolution.groups == 1
    return F.conv2d(x, spread(convolution.weight) / 4, convolution.bias, stride=2, padding=1)


def spread(weight: Tensor) -> Tensor:
    """Add up neighbours among the weights of a 3x3 convolution: (O, C, 3, 3) to (O, C, 4, 4)."""
    return 4 * F.avg_pool2d(weight, 2, stride=1, padding=1)  # ONNX has no divisor_override
