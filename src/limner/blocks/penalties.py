"""Gradient penalties on a critic."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from limner.blocks.modes import full_precision


def gradient_penalty(critic: Callable[..., Tensor], images: Tensor, *condition: Tensor) -> Tensor:
    """E ||d critic(x, *condition) / d x||^2 over a batch, in full precision: R1 on real pictures, R2 on fakes.

    Mescheder et al. 2018, eq. 9, without its factor gamma / 2. Its cost is a second backward pass, so take it every
    n-th step and n times (StyleGAN2's lazy regularisation).
    """
    with full_precision(images):
        images = images.detach().float().requires_grad_()
        score = critic(images, *(given.float() for given in condition)).sum()
        (slope,) = torch.autograd.grad(score, images, create_graph=True)
        return slope.square().flatten(1).sum(dim=1).mean()
