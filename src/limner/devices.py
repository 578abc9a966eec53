"""Where something computes: what was asked for, what the program was started with, what the environment says, or auto.

Everything that draws, measures or trains asks here, so that `--device` means the same to all commands.
"""

from __future__ import annotations

import contextlib
import os

import torch

from limner.errors import UserError

_chosen = "auto"


def choose(asked: str) -> None:
    """Compute on `asked` from now on, wherever "auto" is asked for.

    Raises:
        UserError: there is no such device here.
    """
    global _chosen
    device_of(asked)
    _chosen = asked


def wanted(asked: str = "auto") -> str:
    """Return the name of what is asked for: for "auto" what was chosen, else LIMNER_DEVICE; "auto" where neither is."""
    if asked == "auto":
        asked = _chosen
    return os.environ.get("LIMNER_DEVICE", "auto") if asked == "auto" else asked


def device_of(asked: str = "auto") -> torch.device:
    """Return the device that is asked for by name.

    "auto" is the one that was chosen, else that of LIMNER_DEVICE, else the GPU where there is one.

    Raises:
        UserError: there is none of this name here.
    """
    asked = wanted(asked)
    if asked == "auto":
        asked = "cuda" if torch.cuda.is_available() else "cpu"
    device = None
    with contextlib.suppress(RuntimeError):
        device = torch.device(asked)
    if device is None:
        raise UserError(f"unknown device {asked!r}: use auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        there = f"there are {torch.cuda.device_count()}" if torch.cuda.is_available() else "torch sees none"
        raise UserError(f"no GPU {asked!r} here ({there}): use --device cpu, or auto")
    return device
