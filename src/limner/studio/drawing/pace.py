"""How fast drafts go to a client: a climb has hundreds a second, and nobody sees so many."""

from __future__ import annotations

import asyncio
import collections
from collections.abc import AsyncIterator
from typing import TypeVar

T = TypeVar("T")
MOST = 10
"""Drafts in any second."""
AT_ONCE = 5
"""Drafts that go out as they come; those after them in the same second have a gap between, so that a film is even."""
GAP = 1 / MOST
"""Seconds."""


class Pace:
    """When the next draft may be sent."""

    def __init__(self) -> None:
        self._times: collections.deque[float] = collections.deque()
        """Of the drafts sent in the last second."""

    def wait(self, now: float) -> float:
        """Return in how many seconds the next one may be sent; 0 for now."""
        while self._times and now - self._times[0] >= 1:
            self._times.popleft()
        if len(self._times) >= MOST:
            return self._times[0] + 1 - now
        if len(self._times) >= AT_ONCE:
            return max(self._times[-1] + GAP - now, 0.0)
        return 0.0

    def sent(self, now: float) -> None:
        """Note that one was sent."""
        self._times.append(now)


async def paced(items: asyncio.Queue[T | None]) -> AsyncIterator[T]:
    """Yield what comes in a queue until None, at most `MOST` a second; what has to wait gives way to what is newer.

    What still waits at the end is left out: what follows is newer.
    """
    pace, now = Pace(), asyncio.get_running_loop().time
    coming = asyncio.ensure_future(items.get())
    try:
        while (item := await coming) is not None:
            coming = asyncio.ensure_future(items.get())
            while item is not None and (seconds := pace.wait(now())) > 0:
                await asyncio.wait({coming}, timeout=seconds)
                if coming.done():
                    item, coming = coming.result(), asyncio.ensure_future(items.get())
            if item is None:
                return
            pace.sent(now())
            yield item
    finally:
        coming.cancel()
