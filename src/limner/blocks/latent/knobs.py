"""What can be turned while drawing from noise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """One knob: how far the noise goes."""

    spread: float = 1.0
    """Factor on the noise: below 1 pictures are safer and more alike, above 1 wilder."""


@dataclass(frozen=True)
class TwoSpreads(Spread):
    """Two knobs, for what is drawn from noise and from a cloud of codes (Conditioning Augmentation)."""

    reading: float = 1.0
    """Factor on how far codes stray from what was read: at 0 a text has one code."""
