"""A published checkpoint of the fake system, made in a moment, for tests of everything that draws."""

from __future__ import annotations

from pathlib import Path

import torch

from limner import catalogue, checkpoint
from limner.data.schema import Lexicon, Schema
from limner.system import System

FAKE = Path(__file__).parent / "fake_system.py"
TEXTS = ("a red hat", "a blue hat on a cat")


def fake(preset: str = "tiny", changes: dict[str, str] | None = None, seed: int = 0) -> System:
    """Build the fake system, its weights from `seed`."""
    torch.manual_seed(seed)
    schema = Schema(size=8, lexicon=Lexicon.of(TEXTS), captions=1, longest=6, examples=TEXTS)
    return catalogue.create(str(FAKE), preset, schema, changes).eval()


def published(folder: Path, seed: int = 0) -> Path:
    """Save one."""
    return checkpoint.save(fake(seed=seed), folder, trained={"data": "tests", "images": 16})
