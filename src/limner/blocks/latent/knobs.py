"""Knobs of systems that draw from noise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """One knob: the scale of the noise."""

    spread: float = 1.0
    """Factor on the noise: below 1 pictures are safer and more alike, above 1 wilder."""


@dataclass(frozen=True)
class TwoSpreads(Spread):
    """Two knobs: the scale of the noise and that of epsilon (Conditioning Augmentation)."""

    reading: float = 1.0
    """Factor on epsilon, the deviation of a text's code from its mean: at 0 a text has one code."""
