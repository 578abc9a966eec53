"""Attributes as numbers of a net: one-hot vectors joined, zeros where a value is not known.

Letters: B rows, A attributes, Y all their values together, Z numbers of a latent variable, R training rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.data.dataset import Dataset
from limner.data.schema import Schema
from limner.requests import Request

TIE = 1e-3
"""Of a shared value, the most that chance counts where rows of a `HotDeck` are chosen."""


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

    def shares(self, logits: Tensor) -> Tensor:
        """Return the probability of each value: (B, Y) to (B, Y)."""
        return torch.cat([part.softmax(dim=1) for part in self.split(logits)], dim=1)

    def likeliest(self, logits: Tensor) -> Tensor:
        """Return the number of the likeliest value of each attribute: (B, Y) to (B, A)."""
        return torch.stack([part.argmax(dim=1) for part in self.split(logits)], dim=1)

    def numbers(self, y: Tensor) -> Tensor:
        """Return the number of the likeliest value of each attribute, -1 where it is open: (B, Y) to (B, A)."""
        parts = self.split(y)
        return torch.stack([torch.where(part.any(dim=1), part.argmax(dim=1), -1) for part in parts], dim=1)

    def named(self, numbers: Tensor) -> list[dict[str, str]]:
        """Return values by name, what is not known left out."""
        return [
            {name: known[k] for (name, known), k in zip(self.values.items(), row, strict=True) if k >= 0}
            for row in numbers.tolist()
        ]


class HotDeck(nn.Module):
    """What a request leaves open, drawn by chance: hot-deck imputation (surveyed by Andridge and Little, 2010).

    The values of a training row take the places that are open. It is one of those of R that share most values with what
    is asked, and which of them depends on the latent variable: so values that go together stay together, and a seed
    always means the same. What no row has beside a value that is asked is left open, even where it is asked, as the
    colour of a hat without hat.

    Args:
        codes: the attributes.
        latent: Z.
        rows: R.
    """

    rows: Tensor
    directions: Tensor
    owners: Tensor

    def __init__(self, codes: AttributeCodes, latent: int, rows: int = 2048) -> None:
        super().__init__()
        self.codes = codes
        directions = torch.randn(latent, rows, generator=torch.Generator().manual_seed(0)) / latent**0.5
        parts = [torch.ones(1, size) for size in codes.sizes]
        self.register_buffer("rows", torch.full((rows, len(parts)), -1, dtype=torch.int16))
        self.register_buffer("directions", directions, persistent=False)
        self.register_buffer("owners", torch.block_diag(*parts), persistent=False)  # (A, Y)
        self._made: tuple[Tensor, Tensor, int, Imputation] | None = None

    def fill(self, data: Dataset) -> None:
        """Take R training rows, evenly spaced."""
        places = torch.arange(len(self.rows)) * (data.length() - 1) // (len(self.rows) - 1)
        self.rows.copy_(self.codes.of_all(data.attributes(places.tolist())))

    def imputation(self) -> Imputation:
        """Return what completes requests by the rows that it has now; an export takes it, without what leads there."""
        if self._made is not None:
            rows, directions, version, made = self._made
            if rows is self.rows and directions is self.directions and version == self.rows._version:
                return made
        rows = self.codes.one_hot(self.rows.long())
        beside = rows.T @ (self.rows >= 0).float()  # (Y, A) in how many rows of a value an attribute is known
        never = (beside == 0).float() * (beside.amax(dim=1, keepdim=True) > 0)
        made = Imputation(rows, never, self.directions, self.owners)
        self._made = self.rows, self.directions, self.rows._version, made
        return made

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Return y (B, Y) with what it leaves open taken from a row, by z (B, Z): (B, Y).

        Between two requests, where a part of an attribute is asked, the row has the rest.
        """
        return self.imputation()(z, y)


class Imputation(nn.Module):
    """Completes requests as a `HotDeck` does.

    Args:
        rows: (R, Y) one-hots of training rows.
        never: (Y, A) 1 where no row of a value has an attribute at all.
        directions: (Z, R) what of z speaks for each row.
        owners: (A, Y) which values are of which attribute.
    """

    def __init__(self, rows: Tensor, never: Tensor, directions: Tensor, owners: Tensor) -> None:
        super().__init__()
        self.rows, self.never = nn.Buffer(rows), nn.Buffer(never)
        self.directions, self.owners = nn.Buffer(directions), nn.Buffer(owners)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """As `HotDeck.forward`."""
        is_open = (1 - y @ self.owners.T) @ self.owners
        return self.fitting(y) * y + is_open * self.beside(self.like(z, y), y)

    def like(self, z: Tensor, y: Tensor, weight: float = TIE) -> Tensor:
        """Return of each y (B, Y), values or their shares, a row that has most of it, chosen by z (B, Z): (B, Y).

        `weight` is the most that chance counts, in values.
        """
        chance = torch.sigmoid(z.float() @ self.directions)
        return self.rows[(y @ self.rows.T + weight * chance).argmax(dim=1)]

    def fitting(self, y: Tensor) -> Tensor:
        """Return 1 for values of attributes that some row has beside what is asked, y (B, Y), else 0: (B, Y).

        What keeps another thing away, and is not kept away by it, is believed first: no hat has no colour, so that its
        colour does not keep the hair away. Between two requests that is a share, too.
        """
        by = (y[:, None] * self.owners) @ self.never  # (B, A, A) whether a value of the first keeps the second away
        first = (by * (1 - by.transpose(1, 2))).amax(dim=1) * (y @ self.owners.T)
        believed = y * ((1 - first).clamp(min=0) @ self.owners)
        return (1 - torch.maximum(first, believed @ self.never)).clamp(min=0) @ self.owners

    def beside(self, seen: Tensor, y: Tensor) -> Tensor:
        """Return what of what is seen, (B, Y), may stand beside what is asked, y (B, Y): (B, Y).

        Neither what never stands there nor what keeps something away that is asked.
        """
        fitting = self.fitting(y)
        asked = (fitting * y @ self.owners.T > 0).float()
        return seen * fitting * (asked @ self.never.T == 0)
