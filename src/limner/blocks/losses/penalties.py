"""Gradient penalties on a discriminator.

Letters: B pictures, S their side, E width of a text's vector.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor

from limner.blocks.modes import full_precision


def gradient_penalty(
    discriminator: Callable[..., Tensor], images: Tensor, *condition: Tensor, autocast: bool = False
) -> Tensor:
    """Return E ||d D(x, *condition) / d x||^2 over pictures (B, 3, S, S): R1 on real ones, R2 on fakes.

    Mescheder et al. 2018, eq. 9, without its factor gamma / 2. It costs a second backward pass, so take it at every
    n-th step and n times as strong (StyleGAN2's lazy regularisation).

    Args:
        discriminator: D.
        images: x.
        condition: what else D takes.
        autocast: compute in the precision of the training (bf16 where the trainer computes in it) and not in full
            precision. Quicker; pictures, scores and the squared norm stay float32.
    """
    with nullcontext() if autocast else full_precision(images):
        images = images.detach().float().requires_grad_()
        score = discriminator(images, *(one.float() for one in condition)).float().sum()
        (gradient,) = torch.autograd.grad(score, images, create_graph=True)
        return gradient.square().flatten(1).sum(dim=1).mean()


def matching_penalty(
    judge: Callable[[Tensor, Tensor], Tensor], images: Tensor, text: Tensor, weight: float = 2.0, power: float = 6.0
) -> Tensor:
    """Return k E (||dD / dx|| + ||dD / de||)^p at real pictures x (B, 3, S, S) with their texts e (B, E).

    The matching-aware gradient penalty (Tao et al., DF-GAN, CVPR 2022), with its k = 2 and p = 6; in full precision.
    """
    with full_precision(images):
        images, text = (one.detach().float().requires_grad_() for one in (images, text))
        gradients = torch.autograd.grad(judge(images, text).sum(), (images, text), create_graph=True)
        norms = sum(gradient.flatten(1).norm(dim=1) for gradient in gradients)
        return weight * torch.pow(norms, power).mean()
