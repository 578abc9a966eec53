"""The studio under load, and under the fingers of one person who types.

    python benchmarks/studio.py avatars --clients 32 --seconds 60

Three parts, each with a server that is a process of its own, and a line each in results/studio.jsonl:

- load: many clients at once, each asking for one picture after another, with batching and without, in turns. Every
  answer must be a picture; requests without an answer are lost; the server's memory is read as time goes on.
- queue: they ask for more than fits into the queue. Who does not fit must be told so (429) and when to come back.
- keystrokes: one client types sentences letter by letter and asks for the picture of what stands there, as the page
  does, the next letter when the picture is there. Beside the client's time stands the server's part of it
  (Server-Timing). benchmarks/keystrokes.py does the same in a browser.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import collections
import contextlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from independent import record

SENTENCES = (
    "a smiling woman with curly red hair",
    "a bald man with a hat and round glasses",
    "a woman with long black hair and a blue sweater",
    "a man with a long white beard",
)
PARTS = ("load", "queue", "keystrokes")


@dataclass
class Studio:
    """A server that runs: where, and as which process."""

    url: str
    pid: int

    @property
    def megabytes(self) -> int:
        """Return what the process holds in memory."""
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return round(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20)


@contextlib.contextmanager
def studio(*options: str) -> Iterator[Studio]:
    """Run `limner studio` with options as a process of its own, with a gallery of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "limner.cli", "studio", *options, "--port", "0"]
        command += ["--database", os.path.join(folder, "gallery.sqlite")]
        server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            assert server.stderr is not None
            yield Studio(server.stderr.readline().split()[1], server.pid)
        finally:
            server.terminate()
            server.wait(60)


@dataclass
class Tally:
    """What the clients saw."""

    statuses: collections.Counter[int] = field(default_factory=collections.Counter)
    milliseconds: list[float] = field(default_factory=list)
    pictures: int = 0
    lost: int = 0
    seconds: float = 0.0

    def summary(self) -> dict[str, Any]:
        """Return the numbers that are recorded."""
        return {
            "pictures_a_second": round(self.pictures / self.seconds, 2),
            **percentiles("", self.milliseconds),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "lost": self.lost,
        }


def percentiles(name: str, milliseconds: Sequence[float]) -> dict[str, float]:
    """Return the median and the 95th percentile."""
    cuts = statistics.quantiles(milliseconds, n=100, method="inclusive")
    return {f"{name}p50_milliseconds": round(cuts[49], 1), f"{name}p95_milliseconds": round(cuts[94], 1)}


async def client(url: str, number: int, until: float, tally: Tally, pictures: int) -> None:
    """Ask for pictures, so many at once, one request after another; another sentence and seed every time.

    It asks at least once, however late it is.
    """
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        for turn in itertools.takewhile(lambda turn: not turn or time.perf_counter() < until, itertools.count()):
            seed = number * 1_000_000 + turn * pictures
            body = {"prompt": SENTENCES[turn % len(SENTENCES)], "seed": seed, "n": pictures}
            began = time.perf_counter()
            try:
                answer = await http.post("/v1/images/generations", json=body | {"response_format": "b64_json"})
            except httpx.HTTPError:
                tally.lost += 1
                continue
            tally.statuses[answer.status_code] += 1
            if answer.status_code == 200:
                tally.milliseconds.append(1000 * (time.perf_counter() - began))
                pngs = [base64.b64decode(one["b64_json"]) for one in answer.json()["data"]]
                assert len(pngs) == pictures and all(png.startswith(b"\x89PNG") for png in pngs)
                tally.pictures += pictures
            elif answer.status_code == 429:
                assert int(answer.headers["Retry-After"]) >= 1
                await asyncio.sleep(0.05)  # it does not keep to that, so that the queue stays full


async def asked(url: str, clients: int, seconds: float, pictures: int = 1) -> Tally:
    """Let so many clients ask for so long."""
    tally, began = Tally(), time.perf_counter()
    await asyncio.gather(*(client(url, i, began + seconds, tally, pictures) for i in range(clients)))
    tally.seconds = time.perf_counter() - began
    assert max(tally.statuses) < 500, f"server errors: {tally.statuses}"
    return tally


def loaded(options: argparse.Namespace, batch: int) -> dict[str, Any]:
    """Load a studio whose passes have `batch` rows; memory at the start, in the middle and at the end."""
    with studio(options.artist, "--batch", str(batch), "--threads", str(options.threads)) as server:
        asyncio.run(asked(server.url, options.clients, min(options.seconds, 5)))  # warm
        memory, tally = [server.megabytes], Tally()
        for _ in range(2):
            half = asyncio.run(asked(server.url, options.clients, options.seconds / 2))
            memory.append(server.megabytes)
            tally.statuses += half.statuses
            tally.milliseconds += half.milliseconds
            tally.pictures, tally.lost = tally.pictures + half.pictures, tally.lost + half.lost
            tally.seconds += half.seconds
    return tally.summary() | {"memory_megabytes": memory}


def load(options: argparse.Namespace) -> dict[str, Any]:
    """Measure with batching and without."""
    together, alone = loaded(options, options.batch), loaded(options, 1)
    ratio = together["pictures_a_second"] / alone["pictures_a_second"]
    return {"batched": together, "one_by_one": alone, "throughput_ratio": round(ratio, 3)}


def queue(options: argparse.Namespace) -> dict[str, Any]:
    """Ask for more than the queue holds."""
    with studio(options.artist, "--queue", "64", "--threads", str(options.threads)) as server:
        tally = asyncio.run(asked(server.url, options.clients, min(options.seconds, 15), pictures=16))
    assert tally.statuses[429], "the queue was never full: ask by more --clients"
    return tally.summary()


def keystrokes(options: argparse.Namespace) -> dict[str, Any]:
    """Type sentences, a request a letter."""
    whole, server_part = [], []
    with studio(options.artist, "--threads", str(options.threads)) as server, httpx.Client(base_url=server.url) as http:
        for turn, sentence in itertools.product(range(-1, options.rounds), SENTENCES):  # the first round warms
            for end in range(1, len(sentence) + 1):
                row = {"request": {"kind": "caption", "text": sentence[:end]}, "seed": max(turn, 0)}
                began = time.perf_counter()
                answer = http.post("/v1/images/batch", json={"rows": [row], "response_format": "b64_json"})
                png = base64.b64decode(answer.raise_for_status().json()["data"][0]["b64_json"])
                if turn >= 0:
                    whole.append(1000 * (time.perf_counter() - began))
                    server_part.append(float(answer.headers["Server-Timing"].rpartition("dur=")[2]))
    assert png.startswith(b"\x89PNG")
    return {"keystrokes": len(whole), **percentiles("", whole), **percentiles("server_", server_part)}


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artist", nargs="?", default="avatars")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1, help="cores that the artist draws with")
    parser.add_argument("--rounds", type=int, default=5, help="times that each sentence is typed")
    parser.add_argument("--part", choices=PARTS, action="append", help="only this; may be given again")
    options = parser.parse_args()
    about = {name: value for name, value in vars(options).items() if name != "part"} | {"cores": os.cpu_count()}
    for part in options.part or PARTS:
        numbers = {"load": load, "queue": queue, "keystrokes": keystrokes}[part](options)
        record("studio", part=part, **about, **numbers)
        print(json.dumps({"part": part} | numbers))


if __name__ == "__main__":
    main()
