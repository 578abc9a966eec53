"""What lies between two requests and between two seeds; rows of a morph, a walk, a grid of children; batches of rows.

Artists, the command line and the studio take their rows from here, so the same call has the same recipes everywhere.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, overload

from limner.drawing.seeds import LARGEST_SEED, check_count, check_parts, seed_from_json
from limner.errors import UserError
from limner.noise import Seed
from limner.requests import Request, between

if TYPE_CHECKING:
    from limner.drawing.artist import Artist

Row = tuple[Request, Seed]
"""What one picture is drawn from."""


class Rows(Sequence[Row]):
    """Rows that are made when they are drawn, and not kept: a thousand million take no more memory than one.

    Args:
        count: how many.
        row: gives row number i, from 0.

    Raises:
        UserError: there are more than seeds.
    """

    def __init__(self, count: int, row: Callable[[int], Row]) -> None:
        if count > LARGEST_SEED + 1:
            raise UserError(f"{count:,} pictures are more than there are seeds: ask for fewer")
        self._count, self._row = count, row

    @classmethod
    def of(cls, requests: Sequence[Request], seeds: Sequence[Seed]) -> Rows:
        """Return the rows of the first request, one for each seed, then of the next."""
        each = len(seeds)
        return cls(len(requests) * each, lambda i: (requests[i // each], seeds[i % each]))

    @classmethod
    def joined(cls, parts: Sequence[Sequence[Row]]) -> Rows:
        """Return the rows of several, one after another."""
        ends = list(itertools.accumulate(map(len, parts)))

        def row(i: int) -> Row:
            part = bisect.bisect_right(ends, i)
            return parts[part][i - (ends[part - 1] if part else 0)]

        return cls(ends[-1] if ends else 0, row)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, i: int) -> Row: ...
    @overload
    def __getitem__(self, i: slice) -> Rows: ...
    def __getitem__(self, i: int | slice) -> Row | Rows:
        places = range(self._count)[i]
        return self._row(places) if isinstance(places, int) else Rows(len(places), lambda k: self._row(places[k]))

    def __iter__(self) -> Iterator[Row]:
        return map(self._row, range(self._count))


def seed_between(a: Seed, b: Seed, t: float) -> Seed:
    """Return the seed at share t of the way from `a` to `b`; the ends, and equal seeds, stay plain.

    Raises:
        UserError: it is a mixture of more than `limner.requests.MOST_PARTS`.
    """
    if a == b or t in (0, 1):
        return b if t == 1 else a
    return check_parts((a, b, t))


def morph_rows(first: Request, second: Request, frames: int, seed: Seed) -> Rows:
    """Return `frames` rows from one request to another with one seed; the ends are the requests themselves.

    Raises:
        UserError: fewer than two frames, a bad seed, and as `limner.requests.between`.
    """
    check_count(frames, "frames", least=2, most=LARGEST_SEED)
    begins, last = seed_from_json(seed), frames - 1
    between(first, second, 1 / last)  # what cannot be mixed is refused before anything is drawn
    return Rows(frames, lambda i: (between(first, second, i / last), begins))


def walk_rows(request: Request, seeds: Sequence[Seed], frames: int) -> Rows:
    """Return rows of one request whose seed moves from each of `seeds` to the next in `frames` steps.

    Returns:
        `frames * (len(seeds) - 1) + 1` rows; row `k * frames` has seed number k itself.

    Raises:
        UserError: fewer than two seeds, no frames, a bad seed, and as `seed_between`.
    """
    if len(seeds) < 2:
        raise UserError("a walk needs two seeds or more")
    check_count(frames, "frames", most=LARGEST_SEED)
    ends = [seed_from_json(seed) for seed in seeds]
    for pair in itertools.pairwise(ends):  # too much of a mixture is refused before anything is drawn
        seed_between(*pair, 1 / (frames + 1))

    def row(i: int) -> Row:
        part, step = divmod(i, frames)
        return request, seed_between(ends[part], ends[part + 1], step / frames) if step else ends[part]

    return Rows(frames * (len(ends) - 1) + 1, row)


def morph_of(artist: Artist, first: str | Request, second: str | Request, frames: int, seed: Seed) -> Rows:
    """Return the rows of a morph by an artist, which warns of what it will not draw as asked.

    Raises:
        UserError: as `morph_rows`, for a prompt that cannot be drawn, and where nothing lies between two requests.
    """
    artist.check_morphs()
    a, b = (artist.requests(end)[0] for end in (first, second))
    rows = morph_rows(a, b, frames, seed)
    artist.warn((a, b))
    return rows


def walk_of(artist: Artist, prompt: str | Request | None, seeds: Sequence[Seed], frames: int) -> Rows:
    """Return the rows of a walk by an artist, which warns of what it will not draw as asked.

    Raises:
        UserError: as `walk_rows`, and for a prompt that cannot be drawn.
    """
    (request,) = artist.requests(prompt)
    rows = walk_rows(request, seeds, frames)
    artist.warn((request,))
    return rows


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


def batches(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """Part rows into batches, each of one kind of request; the stories of one batch have equally many lines.

    One batch is in memory at a time.
    """
    for _, alike in itertools.groupby(rows, key=lambda row: (type(row[0].ends()[0]), row[0].pictures())):
        while some := list(itertools.islice(alike, size)):
            yield some
