"""Confidence intervals of shares that are counted on few cases."""

from __future__ import annotations

import math

Z = 1.959964
"""Standard normal quantile of 95 %, two-sided."""


def interval(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share that was counted on `count` independent cases (Wilson 1927)."""
    if count < 1:
        return 0.0, 1.0
    middle = share + Z**2 / (2 * count)
    reach = Z * math.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    scale = 1 + Z**2 / count
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)
