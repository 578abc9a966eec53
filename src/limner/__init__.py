"""Limner draws what you write.

The public API in a screenful. Names are resolved when they are first used, so `import limner` needs no torch:

    artist = limner.load("avatars")              # a bundled name, a folder, a run or a Hub id
    pictures = artist.draw("a man with glasses", n=4, seed=7)
    limner.write(pictures[0], "portrait.png")    # with its recipe inside
    limner.train("miniature", "my-pictures", preset="ten-minutes").artist.draw("a red hat")
    system = limner.open("runs/mine/checkpoints/200000")
    limner.save(system, "published")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limner.catalogue import create, names
    from limner.checkpoint import open, save  # noqa: F401 (not in __all__)
    from limner.drawing.artist import Artist, load
    from limner.drawing.recipe import read, write
    from limner.errors import UnknownWords, UserError
    from limner.evaluation.exam import evaluate
    from limner.launch import resume, train
    from limner.training.callbacks import Callback

# Without `open`: `from limner import *` must not hide Python's own.
__all__ = [
    "Artist", "Callback", "UnknownWords", "UserError", "create", "evaluate", "load", "names", "read", "resume", "save",
    "train", "write",
]  # fmt: skip

_MODULES = {
    "Artist": "drawing.artist",
    "Callback": "training.callbacks",
    "UnknownWords": "errors",
    "UserError": "errors",
    "create": "catalogue",
    "evaluate": "evaluation.exam",
    "load": "drawing.artist",
    "names": "catalogue",
    "open": "checkpoint",
    "read": "drawing.recipe",
    "resume": "launch",
    "save": "checkpoint",
    "train": "launch",
    "write": "drawing.recipe",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("limner")
    if name not in _MODULES:
        raise AttributeError(f"module 'limner' has no attribute {name!r}")
    return getattr(importlib.import_module(f"limner.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return [*_MODULES, "__version__"]
