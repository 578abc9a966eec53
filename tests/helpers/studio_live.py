"""A studio on a free port of this machine, for tests over HTTP; and a gate that holds up an artist's forward passes."""

from __future__ import annotations

import base64
import contextlib
import io
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from PIL import Image

from limner.drawing.artist import Artist
from limner.studio import server
from limner.studio.gallery.gallery import Gallery

PATIENCE = 300
"""Seconds that anything is waited for: a machine may do much else."""


@contextlib.contextmanager
def live(
    artists: Sequence[Artist], settings: server.Settings | None = None, gallery: Gallery | None = None
) -> Iterator[str]:
    """Serve, and yield the address."""
    settings = replace(settings or server.Settings(), port=0)
    listening = server.listen(settings)
    running = server.server(server.build(artists, settings, gallery))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not running.started:
            time.sleep(0.005)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join(PATIENCE)
        listening.close()
        assert not thread.is_alive(), "the server did not end"


class Gate:
    """Wraps `sample` of an artist's system: records forward passes, and blocks them until it is opened.

    A pass that is drawn again with fewer of its rows, to see whether these are the same bits, is a proof.
    """

    def __init__(self, artist: Artist) -> None:
        self.passes: list[list[Any]] = []
        self.proofs: list[list[Any]] = []
        self.began = threading.Semaphore(0)
        self._open = threading.Event()
        self._sample = artist.system.sample
        artist.system.sample = self._gated  # type: ignore[method-assign]

    def open(self) -> None:
        self._open.set()

    def _gated(self, requests: Sequence[Any], knobs: Any, rng: Any) -> Iterator[Any]:
        rows = list(zip(requests, rng.seeds, strict=True))
        again = bool(self.passes) and len(rows) < len(self.passes[-1]) and rows == self.passes[-1][: len(rows)]
        (self.proofs if again else self.passes).append(rows)
        if not again:
            self.began.release()
        assert self._open.wait(PATIENCE), "nobody opened the gate"
        yield from self._sample(requests, knobs, rng)


def decoded(png: str | bytes) -> Image.Image:
    """Read a picture, from base64 or bytes."""
    return Image.open(io.BytesIO(base64.b64decode(png) if isinstance(png, str) else png))
