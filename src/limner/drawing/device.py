"""Where an artist computes."""

from __future__ import annotations

import contextlib
import os

import torch

from limner.errors import UserError


def device_of(asked: str) -> torch.device:
    """Return the device that is asked for by name; for "auto" that of the environment, or the GPU where there is one.

    Raises:
        UserError: there is none of this name.
    """
    if asked == "auto":
        asked = os.environ.get("LIMNER_DEVICE", "auto")
    if asked == "auto":
        asked = "cuda" if torch.cuda.is_available() else "cpu"
    with contextlib.suppress(RuntimeError):
        return torch.device(asked)
    raise UserError(f"unknown device {asked!r}: use auto, cpu, cuda or cuda:N")
