"""What several test processes need and none changes is made by the first that asks for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder of a name, which all processes of this run share; the first to ask fills it.

    Args:
        factory: of temporary folders, pytest's.
        name: of the folder, another for everything that is made.
        make: fills an empty folder.
    """
    own = factory.getbasetemp()
    root = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder = root / name
    with FileLock(root / f"{name}.lock"):
        if not folder.exists():
            partial = root / f"{name}.part"
            partial.mkdir()
            make(partial)
            partial.rename(folder)
    return folder
