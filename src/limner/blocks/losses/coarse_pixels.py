"""What stands roughly where, in which colour: the difference of pictures after pooling.

Letters: B pictures, S their side.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

SIDE = 16


def coarse_l1(drawn: Tensor, real: Tensor, side: int = SIDE) -> Tensor:
    """Return the mean absolute difference of pictures (B, 3, S, S) averaged over squares, `side` x `side` of them."""
    return (F.adaptive_avg_pool2d(drawn.float(), side) - F.adaptive_avg_pool2d(real.float(), side)).abs().mean()


def rising(progress: float, start: float, stop: float) -> float:
    """Return a weight that is 0 until `start`, rises linearly and is 1 from `stop` on."""
    return min(max((progress - start) / (stop - start), 0.0), 1.0)


def falling(progress: float, first: float, last: float, until: float = 0.5) -> float:
    """Return a weight that falls linearly from `first` to `last` while progress goes from 0 to `until`, then stays."""
    return first + (last - first) * min(progress / until, 1.0)
