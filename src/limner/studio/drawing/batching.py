"""Many people's pictures in one forward pass: a desk for each artist, with a queue that has an end.

The queue lives on the event loop, so it needs no lock; drawing has one thread an artist. While a pass is drawn, what
is asked meanwhile gathers, and makes up the next pass. Nobody waits for a pass to fill.

A pass always has the same number of rows; places that nobody asked for are filled with a row that somebody did. The
order in which a product sums depends on the size of the batch, so at one size (and with `batch_invariance`, for what
reads the texts) a picture is the same to the bit whatever is drawn beside it. At another size a value may round to its
neighbour.
"""

from __future__ import annotations

import asyncio
import collections
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from PIL import Image

from limner.drawing.artist import Artist
from limner.drawing.drafts import draft_row
from limner.drawing.interpolation import Row
from limner.errors import UserError
from limner.imaging.sheets import to_pil
from limner.requests import Blend, Request, Story
from limner.studio.drawing.batch_invariance import Recurrent, Rows, warm
from limner.studio.info.metrics import Meters
from limner.system import Draft

Heard = Callable[[Draft], None]
T = TypeVar("T")

LONGEST_WAIT = 60
"""Seconds after which one who was sent away is told to come back, at most."""


class Full(Exception):
    """The queue has no room; `seconds` is when to come back."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many pictures are asked for at once: try again in {seconds} s")
        self.seconds = seconds


class Closed(Exception):
    """The studio closes and takes nothing more."""


@dataclass(frozen=True)
class Drawn:
    """A picture, the recipe that draws it again, and the words of its request that the artist does not know."""

    image: Image.Image
    made: Mapping[str, Any]
    unknown: Mapping[str, str | None]


@dataclass(eq=False)
class Job:
    """What one request wants drawn, with the same knobs."""

    rows: Sequence[Row]
    knobs: Any
    heard: Heard | None
    """Is told every draft of its first row, in the artist's thread."""
    done: asyncio.Future[list[Drawn]]
    drawn: dict[int, Drawn] = field(default_factory=dict)
    taken: int = 0

    @property
    def alike(self) -> tuple[Any, int]:
        """Return what must be equal for two jobs to be drawn in one pass: the knobs, and the lines of a story."""
        return self.knobs, weight(self.rows[0])

    def finish(self, place: int, drawn: Drawn) -> None:
        """Keep the picture of one row; with the last one the job is done."""
        self.drawn[place] = drawn
        if len(self.drawn) == len(self.rows) and not self.done.done():
            self.done.set_result([self.drawn[i] for i in range(len(self.rows))])

    def fail(self, error: Exception) -> None:
        """Tell the one who waits what went wrong."""
        if not self.done.done():
            self.done.set_exception(error)


PlayerState = tuple[Job, int]
"""A row in a pass: whose, and which of its rows."""


def weight(row: Row) -> int:
    """Return how many pictures a row is: the lines of a story, or one."""
    return _pictures(row[0])


def _pictures(request: Request) -> int:
    if isinstance(request, Blend):
        return max(_pictures(request.first), _pictures(request.second))
    return len(request.lines) if isinstance(request, Story) else 1


class Desk:
    """One artist at work.

    Args:
        artist: who draws.
        batch: rows of a pass.
        queue: pictures that may wait, those of all requests together.
        threads: cores that draw; None leaves that to torch.
        meters: what is counted.
    """

    def __init__(self, artist: Artist, batch: int, queue: int, threads: int | None, meters: Meters) -> None:
        self.artist, self.batch, self.queue, self.meters = artist, batch, queue, meters
        self._jobs: collections.deque[Job] = collections.deque()
        self._errands = 0
        self._pace = 0.05
        self._closing = False
        self._wake = asyncio.Event()
        start = (torch.set_num_threads, (threads,)) if threads else (None, ())
        self._thread = ThreadPoolExecutor(1, f"artist {artist.name}", *start)
        self._worker: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to draw; call it on the event loop."""
        self._thread.submit(warm)
        self._worker = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Take nothing more, draw what was taken, and end the thread."""
        self._closing = True
        self._wake.set()
        if self._worker is not None:
            await self._worker
        await asyncio.to_thread(self._thread.shutdown)

    @property
    def waiting(self) -> int:
        """Return how many pictures wait."""
        return sum(weight(row) for job in self._jobs for row in job.rows[job.taken :])

    async def draw(self, rows: Sequence[Row], knobs: Any, heard: Heard | None = None) -> list[Drawn]:
        """Draw a picture of each row; whoever stops waiting gives their place in the queue up.

        Raises:
            Full: there is no room for so many.
            Closed: the studio closes.
            UserError: the system cannot draw what is asked.
        """
        self._check_open()
        if self.waiting + sum(map(weight, rows)) > self.queue:
            raise self._full()
        job = Job(rows, knobs, heard, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self._count()
        self._wake.set()
        try:
            return await job.done
        finally:
            if job in self._jobs:
                self._jobs.remove(job)
                self.meters.dropped.labels(self.artist.name).inc()
            self._count()

    async def call(self, errand: Callable[[], T]) -> T:
        """Do something else in the artist's thread, after the pass that is being drawn.

        Raises:
            Full, Closed: as `draw`; and what `errand` raises.
        """
        self._check_open()
        if self._errands >= self.batch:
            raise self._full()
        self._errands += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, errand)
        finally:
            self._errands -= 1

    def _check_open(self) -> None:
        if self._closing:
            raise Closed("the studio is closing")

    def _full(self) -> Full:
        self.meters.refused.labels(self.artist.name).inc()
        return Full(min(max(math.ceil(self._pace * self.waiting), 1), LONGEST_WAIT))

    def _count(self) -> None:
        self.meters.waiting.labels(self.artist.name).set(self.waiting)

    async def _work(self) -> None:
        while True:
            if seats := self._seats():
                await self._draw(seats)
            elif self._closing:
                return
            else:
                self._wake.clear()
                await self._wake.wait()

    def _seats(self) -> list[PlayerState]:
        """Fill the next pass: the job that waits longest says of which kind, and all such jobs take turns, row by row.

        So a large job does not keep small ones waiting. What has rows left goes to the queue's end.
        """
        if not self._jobs:
            return []
        alike = [job for job in self._jobs if job.alike == self._jobs[0].alike]
        seats: list[PlayerState] = []
        while len(seats) < self.batch and (alike := [job for job in alike if job.taken < len(job.rows)]):
            for job in alike[: self.batch - len(seats)]:
                seats.append((job, job.taken))
                job.taken += 1
        for job in dict.fromkeys(job for job, _ in seats):
            self._jobs.remove(job)
            if job.taken < len(job.rows):
                self._jobs.append(job)
        self._count()
        return seats

    async def _draw(self, seats: list[PlayerState]) -> None:
        """Draw a pass. Where it fails, each job is drawn by itself, so that one cannot spoil the others."""
        began = time.perf_counter()
        try:
            drawn = await asyncio.get_running_loop().run_in_executor(self._thread, self._pass, seats)
        except Exception as error:
            jobs = list(dict.fromkeys(job for job, _ in seats))
            if len(jobs) == 1:
                self._fail(jobs[0], error)
                return
            for job in jobs:
                await self._draw([seat for seat in seats if seat[0] is job])
            return
        for (job, place), one in zip(seats, drawn, strict=True):
            job.finish(place, one)
        took = time.perf_counter() - began
        pictures = sum(weight(job.rows[place]) for job, place in seats)
        self._pace += 0.2 * (took / pictures - self._pace)
        self.meters.drew(self.artist.name, pictures, len(seats), took)

    def _fail(self, job: Job, error: Exception) -> None:
        if job in self._jobs:
            self._jobs.remove(job)
        job.fail(error)

    def _pass(self, seats: Sequence[PlayerState]) -> list[Drawn]:
        """Draw, in the artist's thread."""
        rows, knobs = [job.rows[place] for job, place in seats], seats[0][0].knobs
        heard = [(number, job.heard) for number, (job, place) in enumerate(seats) if job.heard and place == 0]
        filled = rows + rows[:1] * (self.batch - len(rows))
        last: Draft | None = None
        with Rows(), Recurrent():
            for last in self.artist.sample(filled, knobs):
                for number, tell in heard:
                    tell(draft_row(last, number))
        if last is None or last.images is None:
            raise UserError(f"{self.artist.name} draws no pictures")
        images = to_pil(last.images[: len(rows)])
        return [self._signed(row, image, knobs) for row, image in zip(rows, images, strict=True)]

    def _signed(self, row: Row, image: Image.Image, knobs: Any) -> Drawn:
        made = self.artist.sign(image, *row, knobs)
        return Drawn(image, made, dict(self.artist.system.unknown_words([row[0]])))
