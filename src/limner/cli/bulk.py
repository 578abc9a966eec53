"""`limner draw --prompts FILE`: pictures of every prompt in a file, by one process or by many."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from limner.cli.console import FEW, bar, emit, leads, loaded, notes


def draw_file(
    file: Path, artist: str, out: Path, options: dict[str, Any], device: str, size: int | None, as_json: bool
) -> None:
    """Draw a file of prompts and report; `options` are those of `limner.drawing.bulk.draw_all`."""
    from limner.drawing import bulk
    from limner.processes import Processes

    began = time.perf_counter()
    ranks = Processes()  # before the artist is loaded, so that each process finds its own GPU
    drawer = ranks.in_turn(lambda: loaded(artist, device, FEW + 1).at(size))
    with notes(), bar("drawing") as progress:
        job = bulk.draw_all(drawer, file, out, progress=progress, **options)
    if leads():
        result = {"folder": str(out), "prompts": len(job.prompts), "pictures": len(job), "seed": job.seed}
        result["seconds"] = round(time.perf_counter() - began, 3)
        emit(result, as_json, f"{len(job)} pictures of {len(job.prompts)} prompts lie in {out}")
