"""onnxruntime-web for tests: as npm has it, kept from run to run; or three small files in its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lacking import lacking
from limner.errors import UserError
from limner.export import runtime


def real(monkeypatch: pytest.MonkeyPatch) -> Path | None:
    """Return where LIMNER_TEST_RUNTIME says it lies; else see that it is in the user's own cache: None."""
    if named := os.environ.get("LIMNER_TEST_RUNTIME"):
        return Path(named)
    monkeypatch.delenv("LIMNER_CACHE")
    try:
        runtime.files()
    except UserError as error:
        lacking(f"{error}; or name it in LIMNER_TEST_RUNTIME")
    return None


def hollow(folder: Path) -> Path:
    """Write files that look like it from afar, for exports that nobody opens."""
    folder.mkdir()
    for name in runtime.FILES:
        (folder / name).write_text(f"/*!\n * ONNX Runtime Web v{runtime.VERSION}\n */")
    return folder
