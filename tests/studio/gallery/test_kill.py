"""`kill -9` of the server in the midst of writes, again and again: what it had answered is there, nothing is broken.

Several people keep, give up and delete pictures over HTTP. What a person was answered is what the gallery must show
when the next server opens it; what was on the way when the server died may be there or not, but whole.
"""

from __future__ import annotations

import base64
import contextlib
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import galleries
from galleries import png
from house_rules import ROOT
from limner.studio.gallery.gallery import Gallery

pytestmark = pytest.mark.slow
PICTURES = "/v1/gallery/pictures"
PEOPLE, KILLS = 4, 4
SERVER = """
import socket, sys, uvicorn
from fastapi import FastAPI
from limner.studio.gallery.gallery import Gallery
from limner.studio.gallery.routes import router

app = FastAPI()
app.include_router(router(Gallery(sys.argv[1])))
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listening])
"""


class Person(threading.Thread):
    """Keeps pictures, and now and then gives one up or deletes it, until the server is gone.

    `acknowledged` has for each picture the shelf that the last answer put it on; what was on its way then is in `open`.
    """

    def __init__(self, url: str, number: int) -> None:
        super().__init__()
        self.url, self.number = url, number
        self.acknowledged: dict[str, str] = {}
        self.open: str | None = None
        self._chance = random.Random(number)

    def run(self) -> None:
        with httpx.Client(base_url=self.url, timeout=300) as http, contextlib.suppress(httpx.TransportError):
            for turn in range(10**6):
                self.open = "new"
                sent = base64.b64encode(png(seed=self.number * 10**6 + turn, side=64)).decode()
                one = http.post(PICTURES, json={"png": sent, "keep": True}).raise_for_status().json()["id"]
                self.acknowledged[one], self.open = "kept", None
                if self._chance.random() < 0.3:
                    self.open = self._chance.choice(list(self.acknowledged))
                    self._turn(http, self.open)
                    self.open = None

    def _turn(self, http: httpx.Client, one: str) -> None:
        if self.acknowledged[one] == "kept" and self._chance.random() < 0.5:
            http.patch(f"{PICTURES}/{one}", json={"keep": False}).raise_for_status()
            self.acknowledged[one] = "drawn"
        elif self.acknowledged[one] != "deleted":
            http.delete(f"{PICTURES}/{one}").raise_for_status()
            self.acknowledged[one] = "deleted"


@contextlib.contextmanager
def serving(location: str) -> Iterator[str]:
    """Run a server of a gallery as a process of its own; at the end kill it without warning."""
    environment = {"PYTHONPATH": "tests:src", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SERVER, location]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def shelf_of(gallery: Gallery, one: str) -> str:
    found = gallery.get(one)
    return "deleted" if found.deleted_at else "kept" if found.kept_at else "drawn"


@pytest.mark.parametrize("kind", galleries.KINDS)
def test_what_was_answered_survives_the_servers_death(kind: str, tmp_path: Path) -> None:
    chance, acknowledged, open_ones = random.Random(0), {}, set()
    with galleries.database(kind, tmp_path) as location:
        for kill in range(KILLS):
            with serving(location) as url:
                people = [Person(url, kill * PEOPLE + i) for i in range(PEOPLE)]
                for person in people:
                    person.start()
                enough = chance.randrange(15, 35)
                while all(map(Person.is_alive, people)) and sum(len(one.acknowledged) for one in people) < enough:
                    time.sleep(0.003)
            for person in people:
                person.join()
                acknowledged |= person.acknowledged
                open_ones |= {person.open}
            gallery = Gallery(location)
            wrong = {
                one: shelf
                for one, shelf in acknowledged.items()
                if one not in open_ones and shelf_of(gallery, one) != shelf
            }
            assert not wrong, f"after kill {kill + 1} of {len(acknowledged)} pictures"
            assert all(galleries.recipe_of(content) for _, content in gallery.each("drawn"))
            gallery.close()
    assert set(acknowledged.values()) == {"kept", "drawn", "deleted"}
    if kind == "sqlite":
        with sqlite3.connect(location) as raw:
            assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
