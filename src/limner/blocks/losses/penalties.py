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


def matching_penalty(
    judge: Callable[[Tensor, Tensor], Tensor], images: Tensor, text: Tensor, weight: float = 2.0, power: float = 6.0
) -> Tensor:
    """k E (||d judge / d x|| + ||d judge / d e||)^p at real pictures x with their texts e, in full precision.

    The matching-aware gradient penalty (Tao et al., DF-GAN, CVPR 2022), with its k = 2 and p = 6.
    """
    with full_precision(images):
        images, text = (given.detach().float().requires_grad_() for given in (images, text))
        slopes = torch.autograd.grad(judge(images, text).sum(), (images, text), create_graph=True)
        steep = sum(slope.flatten(1).norm(dim=1) for slope in slopes)
        return weight * torch.pow(steep, power).mean()
