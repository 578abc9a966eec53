"""Many clients' pictures in one forward pass: a bounded queue for each artist.

The queue lives on the event loop, so it needs no lock; each artist draws in a thread of its own. Requests that arrive
while a batch is drawn are collected and make up the next one. No request waits for a batch to fill.

A picture is bitwise the same whatever is drawn beside it. The order in which a product sums depends on the size of the
batch, so a batch is filled up with copies of its first row, until passes with fewer rows have proved to be the same
bits (`batch_invariance`): a single person does not wait for rows that nobody asked for. At another size of the full
batch a value may differ by rounding. A system that sees to this itself (`System.row_invariant`) draws only what is
asked for.
"""

from __future__ import annotations

import asyncio
import collections
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from PIL import Image

from limner.drawing import recipe, stopping
from limner.drawing.artist import Artist
from limner.drawing.drafts import ROWS, draft_row
from limner.drawing.interpolation import Row
from limner.drawing.stopping import TO_THE_END, Stop
from limner.imaging import answers
from limner.studio.drawing.batch_invariance import EvenPasses, ProvenRows, warm_up
from limner.studio.errors import QueueFull, StudioClosing
from limner.studio.info.metrics import Metrics
from limner.system import Draft

OnDraft = Callable[[Draft], None]
T = TypeVar("T")

CLIMB = 16
"""Drafts above which a drawing is a climb, which is not drawn a second time for a proof."""
MAX_RETRY_AFTER = 60
"""Seconds that a client is told to wait, at most, where the queue is full."""


@dataclass(frozen=True)
class DrawnPicture:
    """A picture, the recipe that draws it again, and the words of its request that the artist does not know."""

    image: Image.Image
    recipe: Mapping[str, Any]
    unknown_words: Mapping[str, str | None]
    answer: Mapping[str, Any] = field(default_factory=dict)
    """What it says beside its pixels: {"text": ...} of a card, {"boxes": ...} of what is placed (`answers.said`)."""


@dataclass(eq=False)
class Job:
    """The rows that one request asks for, with the same knobs."""

    rows: Sequence[Row]
    knobs: Any
    on_draft: OnDraft | None
    """Called with every draft of the first row, in the artist's thread."""
    future: asyncio.Future[list[DrawnPicture]]
    size: int | None = None
    """Side of its pictures in pixels, as `Artist.at` takes it; jobs of several sizes may share a batch."""
    stop: Stop = TO_THE_END
    """Where its drawings end before they are done."""
    aside: bool = False
    """Whether it waits for all jobs that are not: it is drawn in rows of a batch that these leave free, or later."""
    drawn: dict[int, DrawnPicture] = field(default_factory=dict)
    started: int = 0
    """Rows that are drawn or being drawn."""

    @property
    def batch_key(self) -> tuple[Any, type, int, Stop]:
        """Return what must be equal for two jobs to share a batch: knobs, kind of request, lines of a story, end."""
        request = self.rows[0][0]
        return self.knobs, type(request.ends()[0]), request.pictures(), self.stop

    def finish_row(self, index: int, picture: DrawnPicture) -> None:
        """Store the picture of one row; the last one completes the job."""
        self.drawn[index] = picture
        if len(self.drawn) == len(self.rows) and not self.future.done():
            self.future.set_result([self.drawn[i] for i in range(len(self.rows))])

    def fail(self, error: Exception) -> None:
        """Raise an error where the job is awaited."""
        if not self.future.done():
            self.future.set_exception(error)


Slot = tuple[Job, int]
"""A row of a batch: its job, and which of the job's rows it is."""


class ArtistQueue:
    """The queue and the thread of one artist.

    Args:
        artist: who draws.
        batch_size: rows of a forward pass.
        capacity: pictures that may wait, of all requests together.
        threads: cores to draw with; None leaves that to torch.
        metrics: where batches and refusals are counted.
    """

    def __init__(self, artist: Artist, batch_size: int, capacity: int, threads: int | None, metrics: Metrics) -> None:
        self.artist, self.batch_size, self.capacity, self.metrics = artist, batch_size, capacity, metrics
        self._jobs: collections.deque[Job] = collections.deque()
        self._tasks = 0
        self._seconds_per_picture = 0.05
        self._closing = False
        self._proven = ProvenRows(batch_size)
        self._even = EvenPasses(artist.system, batch_size)
        self._wake = asyncio.Event()
        initializer = (torch.set_num_threads, (threads,)) if threads else (None, ())
        self._thread = ThreadPoolExecutor(1, f"artist {artist.name}", *initializer)
        self._worker: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Start to draw; call it on the event loop."""
        self._thread.submit(warm_up)
        self._worker = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Take no more jobs, finish those in the queue, and end the thread."""
        self._closing = True
        self._wake.set()
        if self._worker is not None:
            await self._worker
        await asyncio.to_thread(self._thread.shutdown)

    @property
    def waiting(self) -> int:
        """Return how many pictures wait."""
        return sum(request.pictures() for job in self._jobs for request, _ in job.rows[job.started :])

    async def draw(
        self,
        rows: Sequence[Row],
        knobs: Any,
        on_draft: OnDraft | None = None,
        size: int | None = None,
        stop: Stop = TO_THE_END,
        aside: bool = False,
    ) -> list[DrawnPicture]:
        """Draw a picture of each row, `size` pixels a side, one of the artist's sizes, its own where None.

        What is drawn `aside` waits for all that is not.

        Cancelling it removes from the queue what is not being drawn yet, and ends after its next draft what is being
        drawn for nobody else.

        Raises:
            QueueFull: there is no room for so many.
            StudioClosing: the studio is shutting down.
            UserError: the system cannot draw the request, or the artist not at this size.
        """
        self.artist.at(size)
        self._check_open()
        if self.waiting + sum(request.pictures() for request, _ in rows) > self.capacity:
            raise self._refuse()
        job = Job(rows, knobs, on_draft, asyncio.get_running_loop().create_future(), size, stop, aside)
        self._jobs.append(job)
        self._update_waiting()
        self._wake.set()
        try:
            return await job.future
        finally:
            if job in self._jobs:
                self._jobs.remove(job)
                self.metrics.dropped.labels(self.artist.name).inc()
            self._update_waiting()

    async def call(self, task: Callable[[], T]) -> T:
        """Run another task in the artist's thread, after the batch that is being drawn.

        Raises:
            QueueFull, StudioClosing: as `draw`; and whatever `task` raises.
        """
        self._check_open()
        if self._tasks >= self.batch_size:
            raise self._refuse()
        self._tasks += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, task)
        finally:
            self._tasks -= 1

    def _check_open(self) -> None:
        if self._closing:
            raise StudioClosing

    def _refuse(self) -> QueueFull:
        """Count a refusal; return the error that says when the queue will be drawn, at the present speed."""
        self.metrics.refused.labels(self.artist.name).inc()
        return QueueFull(min(max(math.ceil(self._seconds_per_picture * self.waiting), 1), MAX_RETRY_AFTER))

    def _update_waiting(self) -> None:
        self.metrics.waiting.labels(self.artist.name).set(self.waiting)

    async def _work(self) -> None:
        while True:
            if slots := self._next_batch():
                await self._draw(slots)
            elif self._closing:
                return
            else:
                self._wake.clear()
                await self._wake.wait()

    def _next_batch(self) -> list[Slot]:
        """Fill the next batch: the job that waits longest sets its key, and all jobs of that key take turns by row.

        So a large job does not hold up small ones. Jobs with rows left go to the end of the queue. What is drawn aside
        has its turn after all that is not.
        """
        if not self._jobs:
            return []
        first = min(self._jobs, key=lambda job: job.aside)  # of those alike the first
        fitting = [job for job in self._jobs if job.batch_key == first.batch_key]
        slots: list[Slot] = []
        for aside in (False, True):
            slots += _by_turns([job for job in fitting if job.aside is aside], self.batch_size - len(slots))
        for job in dict.fromkeys(job for job, _ in slots):
            self._jobs.remove(job)
            if job.started < len(job.rows):
                self._jobs.append(job)
        self._update_waiting()
        return slots

    async def _draw(self, slots: list[Slot]) -> None:
        """Draw a batch. If it fails, draw each job by itself, so that one job's error does not fail the others."""
        began = time.perf_counter()
        try:
            pictures = await asyncio.get_running_loop().run_in_executor(self._thread, self._draw_batch, slots)
        except Exception as error:
            jobs = [job for job in dict.fromkeys(job for job, _ in slots) if not job.future.done()]
            if isinstance(error, _Abandoned):
                self.metrics.dropped.labels(self.artist.name).inc()
            elif len(jobs) == 1 and all(job is jobs[0] for job, _ in slots):
                self._fail(jobs[0], error)
                return
            for job in jobs:
                await self._draw([slot for slot in slots if slot[0] is job])
            return
        for (job, index), picture in zip(slots, pictures, strict=True):
            job.finish_row(index, picture)
        seconds = time.perf_counter() - began
        count = sum(job.rows[index][0].pictures() for job, index in slots)
        self._seconds_per_picture += 0.2 * (seconds / count - self._seconds_per_picture)
        self.metrics.record_batch(self.artist.name, count, len(slots), seconds)

    def _fail(self, job: Job, error: Exception) -> None:
        if job in self._jobs:
            self._jobs.remove(job)
        job.fail(error)

    def _draw_batch(self, slots: Sequence[Slot]) -> list[DrawnPicture]:
        """Run one forward pass, in the artist's thread."""
        rows, knobs = [job.rows[index] for job, index in slots], slots[0][0].knobs
        callbacks = [(i, job.on_draft) for i, (job, index) in enumerate(slots) if job.on_draft and index == 0]
        stop, kind = slots[0][0].stop, slots[0][0].batch_key[1:3]
        if self.artist.system.row_invariant:
            padded = rows
            drawn = stopping.drawn(_watched(self.artist.sample(rows, knobs), callbacks, slots), 1, stop)
        else:
            padded = _filled(rows, self._proven(kind, len(rows)))
            with self._even():
                drafts = _Counted(self.artist.sample(padded, knobs))
                drawn = stopping.drawn(_watched(drafts, callbacks, slots), 1, stop)
                is_climb = drafts.count > CLIMB
                if len(padded) == self.batch_size and drawn.stopped is None and not callbacks and not is_climb:
                    self._prove(kind, rows, knobs, drawn.drafts[-1])
        last, schema = drawn.drafts[-1], self.artist.system.schema
        images = answers.pictures(last, schema)[: len(rows)]
        said = answers.said(last, schema, [request for request, _ in padded])
        made = zip([job for job, _ in slots], rows, images, said[: len(rows)], strict=True)
        sizes = {job: None if drawn.stopped else job.size for job, _ in slots}  # a draft is as its system drew it
        return [
            _signed(self.artist.at(sizes[job]), row, image, (knobs, drawn.stopped), answer)
            for job, row, image, answer in made
        ]

    def _prove(self, kind: Any, rows: list[Row], knobs: Any, full: Draft) -> None:
        """Draw a full pass again with fewer rows, where it is not known yet whether these are the same bits."""
        if fewer := self._proven.to_prove(kind, len(rows)):
            *_, again = self.artist.sample(_filled(rows, fewer), knobs)
            alike = (_alike(draft_row(full, k), draft_row(again, k)) for k in range(len(rows)))
            self._proven.learn(kind, fewer, all(alike))


def _filled(rows: list[Row], count: int) -> list[Row]:
    """Fill a pass up with copies of its first row."""
    return rows + rows[:1] * (count - len(rows))


def _alike(one: Draft, other: Draft) -> bool:
    """Say whether two drafts are the same bits."""

    def numbers(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: numbers(inner) for name, inner in value.items()}
        return value.contiguous().cpu().numpy().tobytes() if isinstance(value, torch.Tensor) else value

    return all(numbers(getattr(one, name)) == numbers(getattr(other, name)) for name in ROWS)


def _by_turns(jobs: Sequence[Job], most: int) -> list[Slot]:
    """Start `most` rows of jobs, or all that are left: each job's next row, turn after turn."""
    slots: list[Slot] = []
    while len(slots) < most and (jobs := [job for job in jobs if job.started < len(job.rows)]):
        for job in jobs[: most - len(slots)]:
            slots.append((job, job.started))
            job.started += 1
    return slots


class _Counted:
    """Drafts, and how many there were."""

    def __init__(self, drafts: Iterator[Draft]) -> None:
        self._drafts, self.count = drafts, 0

    def __iter__(self) -> Iterator[Draft]:
        return self

    def __next__(self) -> Draft:
        draft = next(self._drafts)
        self.count += 1
        return draft


class _Abandoned(Exception):
    """All clients of a batch disconnected while it was drawn."""


def _watched(
    drafts: Iterator[Draft], callbacks: Sequence[tuple[int, OnDraft]], slots: Sequence[Slot]
) -> Iterator[Draft]:
    """Pass drafts on, each row's to its callback, and stop between two of them where nobody waits any more.

    Raises:
        _Abandoned: nobody does.
    """
    for draft in drafts:
        for row, on_draft in callbacks:
            on_draft(draft_row(draft, row))
        if draft.progress < 1 and all(job.future.done() for job, _ in slots):
            raise _Abandoned
        yield draft


def _signed(
    artist: Artist, row: Row, image: Image.Image, how: tuple[Any, int | None], answer: Mapping[str, Any]
) -> DrawnPicture:
    """Enlarge a picture where that is asked for and write the recipe into it, as `Artist.rows` does.

    `how` are the knobs, and after how many drafts it was stopped.
    """
    image = artist.enlarged(image)
    if answer:
        image.info[recipe.ANSWER] = dict(answer)
    made = artist.sign(image, *row, *how)
    return DrawnPicture(image, made, dict(artist.system.unknown_words([row[0]])), answer)
