"""Initial weights, for `Module.apply`."""

from __future__ import annotations

from torch import Tensor, nn


def dcgan_init(module: nn.Module) -> None:
    """Draw convolutions from N(0, 0.02), batch-norm scales from N(1, 0.02); biases 0 (Radford et al. 2016, sec. 4).

    Apply it before spectral norm, which replaces the weight by a parametrisation.
    """
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def orthogonal(module: nn.Module) -> None:
    """Make convolutions and linear maps orthogonal, draw batch-norm scales from N(1, 0.02); biases 0."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.orthogonal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def icnr(weight: Tensor, factor: int) -> Tensor:
    """Return weights (C r^2, ...) of a sub-pixel convolution that gives the r^2 pixels of a place one value each.

    The first of each r^2 rows stands for all of them, so that training begins without a chequered grid (Aitken et
    al. 2017, "Checkerboard artifact free sub-pixel convolution").
    """
    return weight[:: factor**2].repeat_interleave(factor**2, dim=0)
