"""The studio under load: many clients at once on loopback, with batching and without, in turns.

    python benchmarks/studio.py avatars --clients 32 --seconds 60

A server is a process of its own, and so are the clients. Each client asks for one picture after another, another
sentence and seed every time, and checks that a picture comes. One line is appended to results/studio.jsonl.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import collections
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

import httpx
from independent import record

SENTENCES = (
    "a smiling woman with curly red hair",
    "a bald man with a hat and round glasses",
    "a woman with long black hair and a blue sweater",
    "a man with a long white beard",
)


@dataclass
class Tally:
    """What the clients saw."""

    statuses: collections.Counter[int] = field(default_factory=collections.Counter)
    milliseconds: list[float] = field(default_factory=list)
    lost: int = 0
    seconds: float = 0.0

    @property
    def pictures_a_second(self) -> float:
        return self.statuses[200] / self.seconds

    def summary(self) -> dict[str, object]:
        """Return the numbers that are recorded."""
        cuts = statistics.quantiles(self.milliseconds, n=100)
        return {
            "pictures_a_second": round(self.pictures_a_second, 2),
            "p50_milliseconds": round(cuts[49], 1),
            "p95_milliseconds": round(cuts[94], 1),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "lost": self.lost,
        }


def memory(pid: int) -> float:
    """Return the megabytes a process holds in memory."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def client(url: str, number: int, until: float, tally: Tally) -> None:
    """Ask for pictures, one after another."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        turn = 0
        while time.perf_counter() < until:
            seed = number * 1_000_000 + turn
            body = {"prompt": SENTENCES[seed % len(SENTENCES)], "seed": seed, "response_format": "b64_json"}
            began = time.perf_counter()
            try:
                answer = await http.post("/v1/images/generations", json=body)
            except httpx.HTTPError:
                tally.lost += 1
                continue
            tally.milliseconds.append(1000 * (time.perf_counter() - began))
            tally.statuses[answer.status_code] += 1
            if answer.status_code == 200:
                assert base64.b64decode(answer.json()["data"][0]["b64_json"]).startswith(b"\x89PNG")
            turn += 1


async def load(url: str, clients: int, seconds: float) -> Tally:
    """Let so many clients ask for so long."""
    tally, began = Tally(), time.perf_counter()
    await asyncio.gather(*(client(url, i, began + seconds, tally) for i in range(clients)))
    tally.seconds = time.perf_counter() - began
    return tally


def measured(options: argparse.Namespace, batch: int) -> dict[str, object]:
    """Start a studio with passes of `batch` rows, and load it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "limner.cli", "studio", options.artist, "--port", "0", "--batch", str(batch)]
        command += ["--database", os.path.join(folder, "gallery.sqlite")]
        server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            assert server.stderr is not None
            url = server.stderr.readline().split()[1]
            asyncio.run(load(url, options.clients, 2))  # warm
            before = memory(server.pid)
            tally = asyncio.run(load(url, options.clients, options.seconds))
            grown = memory(server.pid) - before
        finally:
            server.terminate()
            server.wait(60)
    assert not [status for status in tally.statuses if status >= 500], f"server errors: {tally.statuses}"
    return tally.summary() | {"memory_megabytes": round(before), "memory_grown_megabytes": round(grown, 1)}


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artist", nargs="?", default="avatars")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--batch", type=int, default=4)
    options = parser.parse_args()
    together, alone = measured(options, options.batch), measured(options, 1)
    numbers = {
        **vars(options),
        "batched": together,
        "one_by_one": alone,
        "throughput_ratio": round(
            float(str(together["pictures_a_second"])) / float(str(alone["pictures_a_second"])), 3
        ),
        "cores": os.cpu_count(),
    }
    record("studio", **numbers)
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
