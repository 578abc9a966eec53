"""Processes that are killed without warning at random moments, again and again, and what is found afterwards.

Tests do a few rounds; `benchmarks/kills.py` does as many as fit into some minutes.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import torch

import galleries
from galleries import png
from house_rules import ROOT
from limner import catalogue
from limner.studio.gallery.gallery import Gallery
from toy import shapes
from toy_training import LONG, trainer, weights

PICTURES = "/v1/gallery/pictures"
PEOPLE = 4
SERVER = """
import socket, sys, uvicorn
from fastapi import FastAPI
from limner.studio.gallery.gallery import Gallery
from limner.studio.gallery.routes import router
from limner.studio.ratings import routes as ratings
from limner.studio.ratings.ratings import Ratings

app, gallery = FastAPI(), Gallery(sys.argv[1])
app.include_router(router(gallery))
app.include_router(ratings.router(Ratings(gallery.database)))
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


@dataclass
class Survived:
    """What was counted in a gallery whose server was killed."""

    kills: int = 0
    acknowledged: dict[str, str] = field(default_factory=dict)
    """Each picture, and the shelf that the last answer put it on."""
    lost: dict[str, str] = field(default_factory=dict)
    """Those that are not where the answer said; there must be none."""
    open: set[str | None] = field(default_factory=set)
    """Those of which no answer had come when the server died."""


def kill_server(location: str, chance: random.Random, survived: Survived) -> None:
    """Let people keep and delete pictures, kill the server at a random moment, and look what the next one finds."""
    with serving(location) as url:
        people = [Person(url, survived.kills * PEOPLE + i) for i in range(PEOPLE)]
        for person in people:
            person.start()
        enough = chance.randrange(15, 35)
        while all(map(Person.is_alive, people)) and sum(len(one.acknowledged) for one in people) < enough:
            time.sleep(0.003)
    survived.kills += 1
    for person in people:
        person.join()
        survived.acknowledged |= person.acknowledged
        survived.open |= {person.open}
    gallery = Gallery(location)
    for one, shelf in survived.acknowledged.items():
        if one not in survived.open and shelf_of(gallery, one) != shelf:
            survived.lost[one] = shelf
    assert all(galleries.recipe_of(content) for _, content in gallery.each("drawn"))
    gallery.close()
    if "://" not in location:
        with contextlib.closing(sqlite3.connect(location)) as raw:
            assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def train_on(folder: Path) -> None:
    """Train the toy, from the last checkpoint where there is one, with grids; at the end save the weights."""
    catalogue.name_of = lambda cls: cls.__name__.lower()
    run = trainer(shapes(folder / "data"), folder / "run", LONG, save_every=40, grid_every=40)
    (run.resume if run.run.checkpoints() else run.fit)()
    torch.save(weights(run), folder / "final.pt")


def kill_trainings(folder: Path, chance: random.Random, longest: float) -> int:
    """Train to the end through kills after up to `longest` seconds each; return how many there were.

    The process is a fork of this one, which must have imported what training needs.
    """
    kills = 0
    while True:
        child = os.fork()
        if not child:
            code = 1
            try:
                train_on(folder)
                code = 0
            finally:
                os._exit(code)
        deadline = time.monotonic() + chance.uniform(0.0, longest)
        while True:
            found, status = os.waitpid(child, os.WNOHANG)
            if found:
                assert os.waitstatus_to_exitcode(status) == 0, "it ended by itself, and not at the end"
                return kills
            if time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                kills += 1
                break
            time.sleep(0.001)


def facts(folder: Path) -> dict[str, Any]:
    """Return what a training left: its weights, its grids, and the counts of pictures in its log."""
    final = torch.load(folder / "final.pt", weights_only=True)
    log = [json.loads(line) for line in (folder / "run" / "log.jsonl").read_text().splitlines()]
    grids = {path.name: path.read_bytes() for path in (folder / "run" / "grids").glob("*.png")}
    return {
        "weights": {name: value.numpy().tobytes() for name, value in final.items()},
        "grids": grids,
        "log": [{name: value for name, value in line.items() if "second" not in name} for line in log],
    }
