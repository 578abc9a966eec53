"""Connections: how many there may be at once, and how long one may be silent before its first request is complete.

uvicorn itself waits for the head of a request for ever, and answers 503 to everybody once it has enough connections.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

MAX_CONNECTIONS = 1_000
"""Connections at once; more are answered 503, where none of them is silent."""
HEAD_TIMEOUT = 20.0
"""Seconds in which the head of a request must have arrived."""
SEND_TIMEOUT = 60.0
"""Seconds in which a client must take some of a response that waits for it."""
BACKLOG = 64
"""Connections that wait to be accepted. asyncio accepts as many at a time, and each takes a file descriptor."""
_OTHER_FILES = 64
"""File descriptors for all else: the database, the page, temporary files."""
_FEWEST = 16


def max_connections() -> int:
    """Return how many connections this process may hold; its limit of open files is raised for them where it can be."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return MAX_CONNECTIONS
    spare = 2 * BACKLOG + _OTHER_FILES  # what was accepted before the first of it was counted, and all else
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + spare
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MAX_CONNECTIONS
    raised = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with contextlib.suppress(ValueError, OSError):  # macOS promises more than it gives
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    return max(min(MAX_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - spare), _FEWEST)


_Protocol: Any = AutoHTTPProtocol


class Connection(_Protocol):
    """A connection, with deadlines; `connection_class` makes the class of one server.

    It is silent from its beginning, or from the end of a response, until all of the next head has arrived.
    """

    most: int
    head_timeout: float
    send_timeout: float
    silent: collections.OrderedDict[Connection, None]
    """Those of the server, the one that has been silent longest first."""
    _deadline: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a head; where there are too many, let the one that has been silent longest make room."""
        super().connection_made(transport)
        self.silent[self] = None
        self._start_clock()
        if len(self.connections) > self.most:
            next(iter(self.silent)).abort()

    def data_received(self, data: bytes) -> None:
        """Take part of a request."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_clock()
            self.silent.pop(self, None)
        elif self._deadline is None and not self.transport.is_closing():
            self._start_clock()

    def on_response_complete(self) -> None:
        """Be silent again, where no request was pipelined behind."""
        super().on_response_complete()
        if self.cycle.response_complete:
            self.silent[self] = None

    def pause_writing(self) -> None:
        """Watch whether the client takes something of what waits for it."""
        super().pause_writing()
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Watch no longer."""
        super().resume_writing()
        self._unwatch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._stop_clock()
        self._unwatch()
        self.silent.pop(self, None)
        super().connection_lost(exc)

    def abort(self) -> None:
        """Close it, whatever waits to be sent."""
        self.silent.pop(self, None)
        self.connections.discard(self)  # at once: `connection_lost` comes in another turn of the loop
        self.transport.abort()

    def _start_clock(self) -> None:
        self._deadline = self.loop.call_later(self.head_timeout, self.abort)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _watch(self, waiting: int) -> None:
        self._stall = self.loop.call_later(self.send_timeout, self._check, waiting)

    def _check(self, before: int) -> None:
        waiting = self.transport.get_write_buffer_size()
        if waiting >= before:
            self.abort()
        else:
            self._watch(waiting)

    def _unwatch(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None


def connection_class(
    most: int, head_timeout: float = HEAD_TIMEOUT, send_timeout: float = SEND_TIMEOUT
) -> type[asyncio.Protocol]:
    """Return uvicorn's class of a connection, with deadlines, for one server.

    A connection that has sent part of a head, or nothing at all yet, is closed after `head_timeout`; one between two
    requests after the time that uvicorn keeps it. Those who say nothing never keep out those who speak: where there are
    more than `most`, one of them makes room.

    Args:
        most: connections at once.
        head_timeout: in seconds.
        send_timeout: seconds after which a client that takes nothing of a long response is left.
    """
    settings = {"most": most, "head_timeout": head_timeout, "send_timeout": send_timeout}
    return type("Connection", (Connection,), {**settings, "silent": collections.OrderedDict()})
