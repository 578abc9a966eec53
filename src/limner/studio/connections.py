"""Connections: how many there may be at once, in all and of one address, and how long one may be silent.

uvicorn itself waits for the head of a request for ever, and answers 503 to everybody once it has enough connections.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
import ipaddress
from collections.abc import Sequence
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from limner.studio.errors import error_response
from limner.studio.limits import client_of, parse_address

MAX_CONNECTIONS = 1_000
"""Connections at once; more are answered 503, where none of them is silent."""
ADDRESS_SHARE = 8
"""One address may have the eighth part of all connections, 125 of 1,000."""
FEWEST_OF_ADDRESS = 16
"""What one address may have, however few there are in all: a browser opens six."""
MACHINE = ("127.0.0.0/8", "::1")
"""Addresses of this machine, which share no limit."""
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


def is_among(networks: Sequence[str], address: str) -> bool:
    """Tell whether an address is one of addresses and networks, as FORWARDED_ALLOW_IPS lists them; "*" is all."""
    parsed = parse_address(address)
    return (
        "*" in networks
        or address in networks
        or (parsed is not None and any(parsed in network for network in _parsed(tuple(networks))))
    )


@functools.cache
def _parsed(networks: tuple[str, ...]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    found = []
    for network in networks:
        with contextlib.suppress(ValueError):  # what is no address trusts nobody
            found.append(ipaddress.ip_network(network, strict=False))
    return found


_TOO_MANY = "too many connections from your address: use fewer at a time"
_Protocol: Any = AutoHTTPProtocol


class Connection(_Protocol):
    """A connection, with deadlines; `connection_class` makes the class of one server.

    It is silent from its beginning, or from the end of a response, until all of the next head has arrived.
    """

    most: int
    most_of_address: int
    unlimited: Sequence[str]
    head_timeout: float
    send_timeout: float
    silent: collections.OrderedDict[Connection, None]
    """Those of the server, the one that has been silent longest first."""
    of_address: collections.Counter[str]
    """How many each address has; an address without a limit is not counted."""
    address: str | None = None
    _deadline: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a head; where there are too many, let the one that has been silent longest make room."""
        super().connection_made(transport)
        self.silent[self] = None
        self._start_clock()
        self._count()
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
        self._forget()
        super().connection_lost(exc)

    def abort(self) -> None:
        """Close it, whatever waits to be sent."""
        self._forget()
        self.connections.discard(self)  # at once: `connection_lost` comes in another turn of the loop
        self.transport.abort()

    def _count(self) -> None:
        """Count the connection of an address; where it has too many, one of its own makes room, or this is refused."""
        address = self.client[0] if self.client else ""
        if not address or is_among(self.unlimited, address):
            return
        self.address = client_of(address)
        self.of_address[self.address] += 1
        if self.of_address[self.address] > self.most_of_address:
            first = next(one for one in self.silent if one.address == self.address)
            if first is self:  # all the others are being answered
                self.app = error_response(429, _TOO_MANY, headers={"Connection": "close", "Retry-After": "1"})
            else:
                first.abort()

    def _forget(self) -> None:
        self.silent.pop(self, None)
        if self.address is not None:
            self.of_address[self.address] -= 1
            if not self.of_address[self.address]:
                del self.of_address[self.address]
            self.address = None

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
    most: int,
    head_timeout: float = HEAD_TIMEOUT,
    send_timeout: float = SEND_TIMEOUT,
    most_of_address: int | None = None,
    unlimited: Sequence[str] = MACHINE,
) -> type[asyncio.Protocol]:
    """Return uvicorn's class of a connection, with limits and deadlines, for one server.

    A connection that has sent part of a head, or nothing at all yet, is closed after `head_timeout`; one between two
    requests after the time that uvicorn keeps it. Those who say nothing never keep out those who speak: where there are
    more than `most`, one of them makes room. Where one address has more than its share, one of its own makes room;
    where all of its own are being answered, the new one is answered 429.

    Args:
        most: connections at once.
        head_timeout: in seconds.
        send_timeout: seconds after which a client that takes nothing of a long response is left.
        most_of_address: connections of one address, or of one /64 network of IPv6; a share of `most` where None.
        unlimited: addresses and networks without such a limit: this machine, and proxies, which bring many clients.
    """
    if most_of_address is None:
        most_of_address = max(most // ADDRESS_SHARE, FEWEST_OF_ADDRESS)
    settings = {"most": most, "head_timeout": head_timeout, "send_timeout": send_timeout}
    of_address = {
        "most_of_address": most_of_address,
        "unlimited": tuple(unlimited),
        "of_address": collections.Counter(),
    }
    return type("Connection", (Connection,), {**settings, **of_address, "silent": collections.OrderedDict()})
