from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from limner.data.shuffle import order, rows_at

lengths, seeds = st.integers(1, 50), st.integers(0, 2**63)


@given(lengths, seeds, st.integers(0, 200), st.lists(st.integers(0, 40), max_size=6))
def test_batches_do_not_matter(length: int, seed: int, position: int, batches: list[int]) -> None:
    whole = rows_at(length, seed, position, sum(batches))
    pieces, at = [], position
    for count in batches:
        pieces.append(rows_at(length, seed, at, count))
        at += count
    assert np.array_equal(np.concatenate([*pieces, np.empty(0, np.int64)]), whole)
    assert whole.dtype == np.int64 and len(whole) == sum(batches)


@given(lengths, seeds, st.integers(0, 5))
def test_every_epoch_reads_every_row_once(length: int, seed: int, epoch: int) -> None:
    assert sorted(rows_at(length, seed, epoch * length, length)) == list(range(length))


def test_epochs_and_seeds_differ_and_nothing_is_remembered() -> None:
    first = order(100, 7, 0).copy()
    assert not np.array_equal(first, order(100, 7, 1)) and not np.array_equal(first, order(100, 8, 0))
    order.cache_clear()
    assert np.array_equal(first, order(100, 7, 0))


def test_rows_handed_out_do_not_change_the_order() -> None:
    rows = rows_at(10, 0, 0, 10)
    wanted = rows.copy()
    rows[:] = -1
    assert np.array_equal(rows_at(10, 0, 0, 10), wanted)
