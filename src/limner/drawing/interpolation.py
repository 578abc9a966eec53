"""What lies between two requests and between two seeds; rows of a morph, a walk, a grid of children; batches of rows.

Artists, the command line and the studio take their rows from here, so the same call has the same recipes everywhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from limner.drawing.seeds import check_count, check_parts, seed_from_json
from limner.errors import UserError
from limner.noise import Seed
from limner.requests import Request, between

Row = tuple[Request, Seed]
"""What one picture is drawn from."""


def seed_between(a: Seed, b: Seed, t: float) -> Seed:
    """Return the seed at share t of the way from `a` to `b`; the ends, and equal seeds, stay plain.

    Raises:
        UserError: it is a mixture of more than `limner.requests.MOST_PARTS`.
    """
    if a == b or t in (0, 1):
        return b if t == 1 else a
    return check_parts((a, b, t))


def morph_rows(first: Request, second: Request, frames: int, seed: Seed) -> list[Row]:
    """Return `frames` rows from one request to another with one seed; the ends are the requests themselves.

    Raises:
        UserError: fewer than two frames, a bad seed, and as `limner.requests.between`.
    """
    check_count(frames, "frames", least=2)
    seed = seed_from_json(seed)
    return [(between(first, second, i / (frames - 1)), seed) for i in range(frames)]


def walk_rows(request: Request, seeds: Sequence[Seed], frames: int) -> list[Row]:
    """Return rows of one request whose seed moves from each of `seeds` to the next in `frames` steps.

    Returns:
        `frames * (len(seeds) - 1) + 1` rows; row `k * frames` has seed number k itself.

    Raises:
        UserError: fewer than two seeds, no frames, a bad seed, and as `seed_between`.
    """
    if len(seeds) < 2:
        raise UserError("a walk needs two seeds or more")
    check_count(frames, "frames")
    ends = [seed_from_json(seed) for seed in seeds]
    path = [seed_between(a, b, i / frames) for a, b in itertools.pairwise(ends) for i in range(frames)]
    return [(request, seed) for seed in [*path, ends[-1]]]


def mix_rows(first: Row, second: Row, rows: int, columns: int) -> list[Row]:
    """Return a grid, row by row: the request changes from row to row, the seed from column to column.

    Returns:
        `rows * columns` rows; the first is `first` and the last is `second`.

    Raises:
        UserError: fewer than two rows or columns, a bad seed, and as `limner.requests.between` and `seed_between`.
    """
    (a, c), (b, d) = first, second
    check_count(rows, "rows", least=2)
    check_count(columns, "columns", least=2)
    c, d = seed_from_json(c), seed_from_json(d)
    down, across = ([i / (count - 1) for i in range(count)] for count in (rows, columns))
    return [(between(a, b, t), seed_between(c, d, u)) for t in down for u in across]


def batches(rows: Sequence[Row], size: int) -> Iterator[list[Row]]:
    """Part rows into batches, each of one kind of request; the stories of one batch have equally many lines."""
    for _, alike in itertools.groupby(rows, key=lambda row: (type(row[0].ends()[0]), row[0].pictures())):
        some = list(alike)
        for start in range(0, len(some), size):
            yield some[start : start + size]
