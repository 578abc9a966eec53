"""Stateless shuffling: which rows a step reads follows from (seed, position) alone, so a run resumes anywhere."""

from __future__ import annotations

import functools

import numpy as np


@functools.lru_cache(maxsize=2)  # a batch may straddle two epochs
def order(length: int, seed: int, epoch: int) -> np.ndarray:
    """Return the permutation of `length` rows that epoch `epoch` reads them in: int64 (length,), read-only."""
    rows = np.random.default_rng((seed, epoch)).permutation(length)
    rows.setflags(write=False)
    return rows


def rows_at(length: int, seed: int, position: int, count: int) -> np.ndarray:
    """Return the rows of global sample positions [position, position + count): int64 (count,).

    Every epoch reads each of `length` rows once, in an order of its own. The rows do not depend on how positions are
    cut into batches, so batch size and number of processes may change without changing what is read.
    """
    assert length > 0 and seed >= 0 and position >= 0 and count >= 0, (length, seed, position, count)
    pieces, end = [], position + count
    while position < end:
        epoch, start = divmod(position, length)
        taken = min(length - start, end - position)
        pieces.append(order(length, seed, epoch)[start : start + taken])
        position += taken
    return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int64)
