"""Classifying the attributes of things that stand at places of their own ("far left colour", "far left shape").

All things share the classifiers, one for each kind of attribute, and each has its own attention over the picture: what
is learnt at one place so holds for all. With a layer of its own for each of fifteen places, a judge of the clevr world
got 65 % of colours right after 5,000 pictures, with shared ones all of them.

Letters: B pictures, C channels, h side of a map, A attributes, K things.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.data.schema import NOTHING

LOOK, SHARP = 64, 30.0
"""Features of each thing; sharpness of the attention, which makes it settle on a place quickly."""


def placed_attributes(attributes: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Return the attributes of things that may be absent: of two words or more, "nothing" among their values."""
    return {name: known for name, known in attributes.items() if " " in name and NOTHING in known}


def attribute_loss(logits: Sequence[Tensor], truth: Tensor) -> Tensor:
    """Return the cross-entropy of each attribute over the pictures where it is known: A of (B, values), (B, A): (A,).

    The number of an unknown value is -1; the loss of an attribute that is known nowhere is 0.
    """
    losses = [
        F.cross_entropy(one.float(), values, ignore_index=-1, reduction="sum") / (values >= 0).sum().clamp_min(1)
        for one, values in zip(logits, truth.T, strict=True)
    ]
    return torch.stack(losses) if losses else truth.new_zeros(0, dtype=torch.float32)


def present_attribute_loss(logits: Sequence[Tensor], truth: Tensor, values: Mapping[str, Sequence[str]]) -> Tensor:
    """Return the cross-entropy of what is there, summed over the attributes of a thing and averaged over things.

    A picture of a few things at fifteen places is "nothing" at nine attributes of ten; averaged over all of them, as in
    `attribute_loss`, what is drawn hardly weighs. Pictures count alike, however many things they have; an attribute
    that belongs to no placed thing is a thing of its own; a picture in which nothing is known counts as 0.

    Args:
        logits: of each attribute, (B, values).
        truth: (B, A) numbers of the values, -1 where not known.
        values: of each attribute, in that order.
    """
    if not logits:
        return truth.new_zeros((), dtype=torch.float32)
    placed, losses, things = placed_attributes(values), list[Tensor](), dict[str, Tensor]()
    for (name, known), one, numbers in zip(values.items(), logits, truth.T, strict=True):
        nothing = known.index(NOTHING) if name in placed else -1
        there = (numbers >= 0) & (numbers != nothing)
        losses.append(F.cross_entropy(one.float(), numbers.clamp_min(0), reduction="none") * there)
        thing = name.rpartition(" ")[0] if name in placed else name
        things[thing] = things.get(thing, torch.zeros_like(there)) | there
    count = torch.stack(list(things.values())).sum(dim=0).clamp_min(1)
    return (torch.stack(losses).sum(dim=0) / count).mean()


class PlacedHeads(nn.Module):
    """Features of each of K things at the place where it may stand, and logits of its attributes.

    Args:
        channels: of the map.
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
        """Return the features of all things in a map (B, C, h, h): (B, K * LOOK)."""
        attention = (SHARP * self.where).softmax(dim=1).to(fine.dtype)  # (K, h * h)
        return self.look(torch.einsum("bcp,kp->bkc", fine.flatten(2), attention)).flatten(1)

    def attribute_logits(self, features: Tensor) -> dict[str, Tensor]:
        """Return the logits of each attribute's values, (B, values), from features (B, K * LOOK)."""
        features = features.unflatten(1, (len(self.things), LOOK))
        by_kind = {
            kind: head(features) for kind, head in zip(self.kinds, self.heads.values(), strict=True)
        }  # (B, K, values)
        logits = {}
        for name, columns in self.columns.items():
            thing, _, kind = name.rpartition(" ")
            logits[name] = by_kind[kind][:, self.things.index(thing), columns]
        return logits
