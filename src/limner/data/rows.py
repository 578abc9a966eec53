"""One row of a data set as a person looks at it: a picture, and by name what is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from limner.data.dataset import Dataset


def item(data: Dataset, row: int | slice) -> Any:
    """Return a row for training, see `row_of`, or a list of those of a slice."""
    if isinstance(row, slice):
        return [row_of(data, one) for one in range(data.length())[row]]
    return row_of(data, row)


def row_of(data: Dataset, row: int, split: str = "train") -> dict[str, Any]:
    """Return a row of a split: `image`, `text`, `label`, `attributes`, those that the data set has.

    Returns:
        `image` as training reads it, S x S pixels; `text` a tuple of captions; `label` a name, None where it has none;
        `attributes` values by name, those that are known.

    Raises:
        IndexError: there is no such row.
    """
    length = data.length(split)
    if not -length <= row < length:
        raise IndexError(f"there is no row {row}: the split {split!r} has {length}")
    row %= length
    found: dict[str, Any] = {}
    if "image" in data.columns:
        found["image"] = Image.fromarray(data.pictures([row], split)[0].permute(1, 2, 0).numpy())
    if "text" in data.columns:
        found["text"] = data.captions(row, split)
    if data.schema.labels:
        found["label"] = data.named_label(row, split)
    if data.schema.attributes:
        found["attributes"] = data.named_attributes(row, split)
    return found
