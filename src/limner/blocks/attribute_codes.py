"""Attributes as numbers of a net: one-hot vectors joined, zeros where a value is not known.

Letters: B rows, A attributes, Y all their values together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from limner.data.schema import Schema
from limner.requests import Request


class AttributeCodes:
    """The attributes that a net is told, in the order of the schema.

    Args:
        schema: what the data knows.
        left_out: attributes that it is not told, where the data has them.
    """

    def __init__(self, schema: Schema, left_out: Collection[str] = ()) -> None:
        self.places = [place for place, name in enumerate(schema.attributes) if name not in left_out]
        self.values = {name: known for name, known in schema.attributes.items() if name not in left_out}
        self.sizes = [len(known) for known in self.values.values()]
        self.width = sum(self.sizes)
        """Y."""
        self.unheard = frozenset(schema.attributes) - frozenset(self.values)

    def one_hot(self, numbers: Tensor) -> Tensor:
        """Turn numbers of the values that are told, (B, A), -1 where not known, into (B, Y)."""
        parts = [
            F.one_hot(column.clamp(min=0), size) * (column >= 0)[:, None]
            for column, size in zip(numbers.unbind(1), self.sizes, strict=True)
        ]
        return torch.cat(parts, dim=1).float()

    def of_all(self, attributes: Tensor) -> Tensor:
        """Return the columns that are told, of all attributes of the schema."""
        return attributes[:, self.places]

    def numbered(self, values: Sequence[Mapping[str, str]], device: torch.device) -> Tensor:
        """Return the number of each value that is told, -1 where none is given: (B, A)."""
        rows = [
            [known.index(one[name]) if name in one else -1 for name, known in self.values.items()] for one in values
        ]
        return torch.tensor(rows, dtype=torch.long, device=device).view(len(rows), len(self.values))

    def encode(self, requests: Sequence[Request], device: torch.device) -> Tensor:
        """Return what requests name as (B, Y)."""
        return self.one_hot(self.numbered([request.named() for request in requests], device))

    def split(self, logits: Tensor) -> tuple[Tensor, ...]:
        """Split (B, Y) by attribute."""
        return logits.split(self.sizes, dim=1)

    def completed(self, y: Tensor, other: Tensor) -> Tensor:
        """Return what y (B, Y) asks for, and of attributes of which it asks nothing what another one does."""
        pairs = zip(self.split(y), self.split(other), strict=True)
        return torch.cat([torch.where(own.sum(dim=1, keepdim=True) > 0, own, more) for own, more in pairs], dim=1)

    def cross_entropy(self, logits: Tensor, numbers: Tensor) -> Tensor:
        """Return -log p of the values that are known, (B, Y) and (B, A), summed over attributes: (B,)."""
        each = zip(self.split(logits.float()), numbers.unbind(1), strict=True)
        parts = [F.cross_entropy(part, column, ignore_index=-1, reduction="none") for part, column in each]
        return torch.stack(parts).sum(dim=0)

    def likeliest(self, logits: Tensor) -> Tensor:
        """Return the number of the likeliest value of each attribute: (B, Y) to (B, A)."""
        return torch.stack([part.argmax(dim=1) for part in self.split(logits)], dim=1)

    def named(self, numbers: Tensor) -> list[dict[str, str]]:
        """Return values by name, what is not known left out."""
        return [
            {name: known[k] for (name, known), k in zip(self.values.items(), row, strict=True) if k >= 0}
            for row in numbers.tolist()
        ]
