"""Naming what stands at places of its own: all things share what names them, each has its own look at the picture.

What is learnt of one place so holds for all: with a layer of its own for each of fifteen places, a judge of the clevr
world named 65 % of colours after 5,000 pictures, with shared ones all of them.

Letters: B pictures, C channels, h side of a map, A attributes, K things.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NOTHING = "nothing"
"""The value of every attribute of a thing where it is not there."""
LOOK, SHARP = 64, 30.0
"""Numbers seen of each thing; how quickly looks settle on a place."""


def placed_attributes(attributes: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Return the attributes of things that may be missing: of two words or more, "nothing" among their values."""
    return {name: known for name, known in attributes.items() if " " in name and NOTHING in known}


def attribute_loss(named: Sequence[Tensor], truth: Tensor) -> Tensor:
    """Return the cross-entropy of each attribute over those pictures where it is known: A of (B, values), (B, A): (A,).

    The number of an unknown value is -1; an attribute that is known nowhere counts 0.
    """
    losses = [
        F.cross_entropy(logits.float(), wanted, ignore_index=-1, reduction="sum") / (wanted >= 0).sum().clamp_min(1)
        for logits, wanted in zip(named, truth.T, strict=True)
    ]
    return torch.stack(losses) if losses else truth.new_zeros(0, dtype=torch.float32)


class PlacedHeads(nn.Module):
    """A look at each of K things where it may stand, and names for what is seen there.

    Args:
        channels: of the map it looks at.
        side: of that map.
        values: the values of each attribute of a thing, by the attribute's name.
    """

    def __init__(self, channels: int, side: int, values: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        self.names = list(values)
        self.things = list(dict.fromkeys(name.rpartition(" ")[0] for name in values))
        kinds: dict[str, list[str]] = {}
        for name, known in values.items():
            kinds.setdefault(name.rpartition(" ")[2], []).extend(known)
        self.kinds = {kind: sorted(set(known)) for kind, known in kinds.items()}
        self.where = nn.Parameter(torch.zeros(len(self.things), side * side))
        self.look = nn.Sequential(nn.Linear(channels, LOOK), nn.ReLU(), nn.Linear(LOOK, LOOK))
        heads = {kind.replace(".", "_"): nn.Linear(LOOK, len(known)) for kind, known in self.kinds.items()}
        self.heads = nn.ModuleDict(heads)
        self.columns = {
            name: [self.kinds[name.rpartition(" ")[2]].index(value) for value in known]
            for name, known in values.items()
        }

    def forward(self, fine: Tensor) -> Tensor:
        """Look at every place of a map (B, C, h, h): (B, K * LOOK)."""
        shares = (SHARP * self.where).softmax(dim=1).to(fine.dtype)  # (K, h * h)
        return self.look(torch.einsum("bcp,kp->bkc", fine.flatten(2), shares)).flatten(1)

    def named(self, seen: Tensor) -> dict[str, Tensor]:
        """Return the logits of the values of each attribute from what was seen, (B, K * LOOK)."""
        seen = seen.unflatten(1, (len(self.things), LOOK))
        logits = {
            kind: head(seen) for kind, head in zip(self.kinds, self.heads.values(), strict=True)
        }  # (B, K, values)
        found = {}
        for name, columns in self.columns.items():
            thing, _, kind = name.rpartition(" ")
            found[name] = logits[kind][:, self.things.index(thing), columns]
        return found
