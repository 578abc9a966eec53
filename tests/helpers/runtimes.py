"""onnxruntime-web for tests: the npm package, cached from run to run; or three small files in its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lacking import lacking
from limner.errors import UserError
from limner.export import runtime


def real(monkeypatch: pytest.MonkeyPatch) -> Path | None:
    """Return the folder in LIMNER_TEST_RUNTIME; else None, with the package in the user's own cache."""
    if named := os.environ.get("LIMNER_TEST_RUNTIME"):
        return Path(named)
    monkeypatch.delenv("LIMNER_CACHE")
    try:
        runtime.files()
    except UserError as error:
        lacking(f"{error}; or name it in LIMNER_TEST_RUNTIME")
    return None


def hollow(folder: Path) -> Path:
    """Write placeholder files, for exports that nobody opens."""
    folder.mkdir()
    for name in runtime.FILES:
        (folder / name).write_text(f"/*!\n * ONNX Runtime Web v{runtime.VERSION}\n */")
    return folder
