"""Initial weights."""

from __future__ import annotations

from torch import nn


def dcgan_init(module: nn.Module) -> None:
    """Draw convolutions from N(0, 0.02), batch-norm scales from N(1, 0.02); biases 0 (Radford et al. 2016, sec. 4).

    For `Module.apply`. Before spectral norm is put on, which hides the weight it is to be given.
    """
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def uniform_init(module: nn.Module, bound: float = 0.08) -> None:
    """Draw every parameter of `module` from U(-bound, bound) (Reed et al. 2016, their text encoder's code)."""
    for parameter in module.parameters():
        nn.init.uniform_(parameter, -bound, bound)


def orthogonal(module: nn.Module) -> None:
    """Begin convolutions and linear maps orthogonal, batch-norm scales N(1, 0.02), biases 0; for `Module.apply`."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.orthogonal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
