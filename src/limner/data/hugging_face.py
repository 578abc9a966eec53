"""Hugging Face `datasets`, the library that reads tables: where it is missing, and where it fails."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from limner.errors import UserError, one_line


@contextlib.contextmanager
def explained(path: object, root: Path) -> Iterator[None]:
    """Turn what `datasets` raises for a broken file or a full disk into one line; keep its bars to itself."""
    datasets = datasets_library()
    quiet, verbosity = datasets.utils.are_progress_bars_disabled(), datasets.logging.get_verbosity()
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)  # it logs errors that it also raises
    try:
        yield
    except (ConnectionError, FileNotFoundError):
        raise
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        causes: list[BaseException] = [error]
        while cause := causes[-1].__cause__ or causes[-1].__context__:
            causes.append(cause)
        for one in causes:
            if isinstance(one, OSError) and one.errno in (errno.ENOSPC, errno.EDQUOT):
                raise UserError(f"cannot keep the table of {path} in {root}: {os.strerror(one.errno)}") from None
        raise UserError(f"{path} cannot be read as a data set: {one_line(causes[-1])}") from None
    finally:
        datasets.logging.set_verbosity(verbosity)
        if not quiet:
            datasets.enable_progress_bars()


def datasets_library() -> Any:
    """Return the library that reads data sets; UserError where it is not installed."""
    try:
        import datasets
    except ModuleNotFoundError:
        raise UserError('reading data sets needs Hugging Face datasets: pip install "limner[train]"') from None
    return datasets
