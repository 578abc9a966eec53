"""WGAN-GP: the Wasserstein loss of a critic and its gradient penalty (Gulrajani et al. 2017).

Letters: B pictures, or whatever else a critic scores.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

PENALTY = 10.0
"""Lambda, weight of the gradient penalty."""


def wasserstein_gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    """10 E (||d critic(x) / d x|| - 1)^2 with x between a real and a drawn one (Gulrajani et al. 2017, eq. 3).

    Args:
        critic: pictures, sentences, ... (B, ...) to scores (B,).
        real: (B, ...).
        fake: (B, ...); no gradient goes back into it.

    Returns:
        A scalar; the norm is over all numbers of one row.
    """
    real, fake = real.float(), fake.detach().float()  # either may be bfloat16
    one = (slice(None), *[slice(1)] * (real.ndim - 1))
    position = torch.rand_like(real[one])  # on the line from real to fake, one for each row
    between = torch.lerp(real, fake, position).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).float().sum(), between, create_graph=True)
    norm = (gradient.float().square().flatten(1).sum(dim=1) + 1e-12).sqrt()
    return PENALTY * (norm - 1).square().mean()
