"""What the load figures are counted by: every answer is counted once, for what it is."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import limner
from artists import published
from house_rules import ROOT
from limner.studio.server import Settings
from studio_live import Gate, live


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    """Import the script; `studio` itself is what pytest calls this folder."""
    spec = importlib.util.spec_from_file_location("studio_benchmark", ROOT / "benchmarks" / "studio.py")
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules["studio_benchmark"] = found  # dataclasses look their module up
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        spec.loader.exec_module(found)
    finally:
        sys.path.pop(0)
    return found


def test_percentiles_by_hand(bench: ModuleType) -> None:
    found = bench.percentiles("server_", [float(i) for i in range(1, 102)])
    assert found == {"server_p50_milliseconds": 51.0, "server_p95_milliseconds": 96.0}


def test_pictures_refusals_and_losses_are_counted(bench: ModuleType, tmp_path: Path) -> None:
    artist = limner.load(published(tmp_path / "hats"))
    with live([artist]) as url:
        tally = asyncio.run(bench.asked(url, clients=3, seconds=0.3, pictures=2))
    assert tally.statuses[200] >= 3 and tally.pictures == 2 * tally.statuses[200] == 2 * len(tally.milliseconds)
    assert (tally.lost, set(tally.statuses)) == (0, {200}) and tally.summary()["statuses"].keys() == {"200"}

    gate = Gate(artist)
    with live([artist], Settings(queue=64)) as url:

        async def crowd(tally: Any) -> None:
            until = time.perf_counter() + 2
            asking = [asyncio.create_task(bench.client(url, i, until, tally, 16)) for i in range(8)]
            while not tally.statuses[429]:
                await asyncio.sleep(0.005)
            gate.open()
            await asyncio.gather(*asking)

        full = bench.Tally()
        asyncio.run(crowd(full))
    assert full.statuses[200] >= 4 and not full.lost and set(full.statuses) == {200, 429}


def test_requests_without_an_answer_are_lost(bench: ModuleType, tmp_path: Path) -> None:
    with live([limner.load(published(tmp_path / "hats"))]) as url:
        pass
    tally = bench.Tally()
    asyncio.run(bench.client(url, 0, time.perf_counter() + 0.1, tally, 1))
    assert tally.lost >= 1 and not tally.statuses
