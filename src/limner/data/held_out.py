"""Which rows are held out: those that the source says, or a share that follows from their content."""

from __future__ import annotations

import hashlib

import numpy as np

from limner.data.source import Source

_PAIRED = 1  # of the numbers by which rows are paired: not those by which they are held out


def divide(source: Source, digests: np.ndarray, bad: np.ndarray, held_out: float, seed: int) -> dict[str, np.ndarray]:
    """Return the rows of "train" and "test", but for `bad` ones: the source's own split, or else a share held out."""
    good = np.setdiff1d(np.arange(len(source.table)), bad)
    train, test = good[good < source.train], good[good >= source.train]
    if source.train == len(source.table) and len(train):
        ids = digests[train]
        if "story" in source.table.column_names:  # pictures of one story stay together
            stories = source.table.select_columns(["story"])[train.tolist()]["story"]
            ids = np.array([content_of(str(story)) for story in stories], dtype=np.uint64)
        chosen = held_out_rows(_shares(ids, seed), held_out)
        train, test = train[~chosen], train[chosen]
    return {"train": train, "test": test}


def paired_rows(digests: np.ndarray, share: float) -> np.ndarray:
    """Choose a share of rows by the content of their pictures: int64 (P,), at least one; of a larger share more."""
    chosen = _shares(digests, _PAIRED) < share
    return np.flatnonzero(chosen) if chosen.any() else np.arange(min(len(digests), 1))


def content_of(text: str) -> int:
    """Return 64 bits that stand for a text."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _shares(ids: np.ndarray, seed: int) -> np.ndarray:
    """Spread content numbers over [0, 1), in another way for each seed (the finaliser of SplitMix64)."""
    with np.errstate(over="ignore"):
        x = ids + np.uint64((seed * 0x9E3779B97F4A7C15) % 2**64)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (x ^ (x >> np.uint64(31))).astype(np.float64) / 2.0**64


def held_out_rows(shares: np.ndarray, held_out: float) -> np.ndarray:
    """Choose what is held out by content: bool (N,) from `shares` (N,) in [0, 1); at least one, never all.

    Rows of one content have one share and so stay on one side.
    """
    chosen = shares < held_out
    if held_out > 0 and not chosen.any():
        chosen = shares == shares.min()
    return np.zeros_like(chosen) if chosen.all() else chosen
