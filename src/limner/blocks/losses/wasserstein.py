"""WGAN-GP: the Wasserstein loss of a critic and its gradient penalty (Gulrajani et al. 2017).

Letters: B pictures, S their side.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

PENALTY = 10.0
"""Lambda, weight of the gradient penalty."""


def wasserstein_gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    """10 E (||d critic(x) / d x|| - 1)^2 with x between a real and a drawn picture (Gulrajani et al. 2017, eq. 3).

    Args:
        critic: pictures (B, 3, S, S) to scores (B,).
        real: (B, 3, S, S).
        fake: (B, 3, S, S); no gradient goes back into it.

    Returns:
        A scalar; the norm is over all numbers of one picture.
    """
    position = torch.rand_like(real[:, :1, :1, :1])  # on the line from real to fake, one for each picture
    between = torch.lerp(real, fake.detach(), position).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).float().sum(), between, create_graph=True)
    norm = (gradient.float().square().flatten(1).sum(dim=1) + 1e-12).sqrt()
    return PENALTY * (norm - 1).square().mean()
