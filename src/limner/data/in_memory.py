"""Data sets that a program holds in memory: of Hugging Face `datasets`, or as a pandas DataFrame."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from limner.data.choose import Choice
from limner.data.problems import Problem
from limner.errors import UserError

if TYPE_CHECKING:
    import datasets

SPLIT = "split"
"""Its column that says what each row is for: train, test or validation."""


def tables_of(held: Any, choice: Choice) -> tuple[str, Any]:
    """Return what a data set in memory is called in messages, and it as `datasets` holds it: a table, or splits.

    Args:
        held: a `datasets.Dataset` or `DatasetDict`, or a pandas DataFrame. Pictures of a DataFrame are files, encoded
            bytes, PIL images or uint8 arrays (H, W, 3), in a column `image` or `file_name`; a column `split` says
            which rows are held out.
        choice: which columns are pictures and captions, where their names do not say.

    Raises:
        UserError: it is something else, streams, is empty, or holds what is no picture.
    """
    import datasets

    if isinstance(held, datasets.IterableDataset | datasets.IterableDatasetDict):
        raise UserError(
            "a data set that streams has no rows to go back to: load it without streaming=True, or save it to a folder"
        )
    if isinstance(held, datasets.Dataset | datasets.DatasetDict):
        rows = held.num_rows if isinstance(held, datasets.Dataset) else sum(held.num_rows.values())
        if not rows:
            raise UserError(f"the {type(held).__name__} holds no rows")
        return f"a {type(held).__name__} of {rows:,} rows", held
    if type(held).__name__ == "DataFrame" and hasattr(held, "to_dict"):
        name = f"a DataFrame of {len(held):,} rows"
        return name, _splits_of({str(column): list(held[column]) for column in held.columns}, name, choice)
    raise UserError(
        f"a {type(held).__name__} is not a data set: give a folder, a file, a Hub id, a data set of Hugging Face, or a "
        "DataFrame"
    )


def _splits_of(columns: dict[str, list[Any]], name: str, choice: Choice) -> datasets.DatasetDict:
    """Return the columns of a DataFrame as splits, with encoded pictures."""
    import datasets

    picture = "image" if choice.image is None and "image" in columns else choice.file_column(columns)
    said = columns.pop(SPLIT, None)
    if not columns or not len(next(iter(columns.values()))):
        raise UserError(f"{name} holds nothing: give it a column of pictures and one of captions")
    if picture in columns:
        columns[picture] = [_encoded(cell, name, row) for row, cell in enumerate(columns[picture], start=1)]
    columns = {column: [_plain(cell) for cell in cells] for column, cells in columns.items()}
    splits = ["train" if said is None or _missing(said[row]) else str(said[row]) for row in range(len(_first(columns)))]
    tables = datasets.DatasetDict()
    for split in dict.fromkeys(splits):
        chosen = {
            column: [cell for cell, one in zip(cells, splits, strict=True) if one == split]
            for column, cells in columns.items()
        }
        table = datasets.Dataset.from_dict(chosen)
        tables[split] = table.cast_column(picture, datasets.Image(decode=False)) if picture in chosen else table
    return tables


def _first(columns: Mapping[str, list[Any]]) -> list[Any]:
    return next(iter(columns.values()))


def _missing(cell: Any) -> bool:
    """Tell whether a cell is empty: None, or what pandas puts in its place."""
    return cell is None or (isinstance(cell, float) and cell != cell) or type(cell).__name__ in ("NAType", "NaTType")


def _plain(cell: Any) -> Any:
    """Return a cell as plain values: pandas and NumPy have their own None, lists and numbers."""
    if isinstance(cell, np.ndarray | np.generic):
        return cell.tolist()
    if isinstance(cell, Mapping):
        return {str(key): _plain(value) for key, value in cell.items()}
    if isinstance(cell, Iterable) and not isinstance(cell, str | bytes):
        return [_plain(one) for one in cell]
    return None if _missing(cell) else cell


def _encoded(cell: Any, name: str, row: int) -> dict[str, Any]:
    """Return a picture as `datasets` holds one: {"bytes", "path"}."""
    if isinstance(cell, np.ndarray) and cell.dtype == np.uint8 and cell.ndim in (2, 3):
        cell = Image.fromarray(cell)
    if isinstance(cell, Image.Image):
        buffer = io.BytesIO()
        cell.save(buffer, "PNG")
        cell = buffer.getvalue()
    if isinstance(cell, bytes | bytearray):
        return {"bytes": bytes(cell), "path": None}
    if isinstance(cell, str | os.PathLike):
        return {"bytes": None, "path": os.fspath(cell)}
    if isinstance(cell, Mapping) and {"bytes", "path"} >= cell.keys():
        return {"bytes": cell.get("bytes"), "path": cell.get("path")}
    if _missing(cell):
        return {"bytes": None, "path": None}
    what = f"a {type(cell).__name__} is no picture: give a file, encoded bytes, a PIL image or a uint8 array"
    raise UserError(f"{Problem(name, row, 'no picture', what)}")
