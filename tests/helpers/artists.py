"""A published checkpoint of the fake system, made in a moment, for tests of everything that draws."""

from __future__ import annotations

from pathlib import Path

import torch

from limner import catalogue, checkpoint
from limner.data.dataset import Dataset
from limner.data.schema import Lexicon, Schema
from limner.system import System
from limner.systems.storygan import StoryGan

FAKE = Path(__file__).parent / "fake_system.py"
TEXTS = ("a red hat", "a blue hat on a cat")
LINES = ("a red cube", "a blue ball", "a green cube")


def fake(preset: str = "tiny", changes: dict[str, str] | None = None, seed: int = 0) -> System:
    """Build the fake system, its weights from `seed`."""
    torch.manual_seed(seed)
    schema = Schema(size=8, lexicon=Lexicon.of(TEXTS), captions=1, longest=6, examples=TEXTS)
    return catalogue.create(str(FAKE), preset, schema, changes).eval()


def published(folder: Path, seed: int = 0) -> Path:
    """Save one."""
    return checkpoint.save(fake(seed=seed), folder, trained={"data": "tests", "images": 16})


def cascade(folder: Path) -> Path:
    """Save an artist that draws in three stages, looks at words and names colours."""
    texts = ("a red ball on sand", "a green and a blue ball")
    schema = Schema(size=32, lexicon=Lexicon.of(texts), captions=1, longest=6, examples=texts)
    system = catalogue.create(str(FAKE.with_name("fake_cascade.py")), "tiny", schema)
    return checkpoint.save(system.eval(), folder, trained={"data": "tests", "images": 16})


def writer(folder: Path, data: Dataset) -> Path:
    """Save an artist that answers in text, and was never trained."""
    return _saved("fake_writer.py", data.schema, folder)


def arranger(folder: Path, data: Dataset) -> Path:
    """Save an artist that answers in boxes, and was never trained."""
    return _saved("fake_arranger.py", data.schema, folder)


def painter(folder: Path) -> Path:
    """Save an artist that takes a kind of request of its own."""
    return _saved("fake_kind.py", Schema(size=8), folder)


def sketcher(folder: Path) -> Path:
    """Save an artist that takes boxes or a dialogue."""
    return _saved("fake_sketcher.py", Schema(size=8, things=("cup", "table"), points=("nose", "chin")), folder)


def scenes(folder: Path) -> Path:
    """Save an artist that paints layouts, and gives the layout beside the picture."""
    return _saved("fake_scenes.py", Schema(size=32, things=("cup", "table"), points=("nose",)), folder)


def climber(folder: Path, preset: str = "tiny") -> Path:
    """Save an artist that climbs and begins from pictures."""
    return _saved("fake_climber.py", Schema(size=8, lexicon=Lexicon.of(TEXTS), examples=TEXTS), folder, preset)


def _saved(file: str, schema: Schema, folder: Path, preset: str = "tiny") -> Path:
    torch.manual_seed(0)
    system = catalogue.create(str(FAKE.with_name(file)), preset, schema)
    return checkpoint.save(system.eval(), folder, trained={"data": "tests", "images": 16})


def storyteller(folder: Path) -> Path:
    """Save a StoryGAN that was never trained, but is not deaf."""
    torch.manual_seed(0)
    schema = Schema(size=16, lexicon=Lexicon.of(LINES), captions=1, longest=4, story=3, examples=LINES)
    system = StoryGan(StoryGan.presets["tiny"], schema).eval()
    return checkpoint.save(system, folder)
