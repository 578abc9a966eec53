"""Artists that are told where things lie, with weights of chance: the systems themselves, as small as they get."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from limner import catalogue, checkpoint
from limner.data.dataset import Dataset
from limner.drawing.artist import Artist, load

PLACING = ("semantic-layout", "objgan", "gawwn", "layout-vae")


def tiny(name: str, data: Dataset, folder: Path, changes: dict[str, str] | None = None) -> Artist:
    """Save a system that nobody trained, and open it under its name."""
    torch.manual_seed(0)
    cls = catalogue.load_class(name)
    system: Any = catalogue.build(cls, catalogue.configure(cls, "tiny", changes or {}), data.schema)
    if name == "gawwn":
        system.fit_boxes(data)  # where things lie where nobody says it
    artist = load(checkpoint.save(system.eval(), folder / name, trained={"data": "tests", "images": 0}))
    artist.name = name
    return artist
