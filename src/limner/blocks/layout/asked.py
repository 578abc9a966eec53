"""The boxes that requests ask for, and their shapes, as tensors.

Letters: B requests, K boxes, h the side of a map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from limner.blocks.layout.warps import placed
from limner.errors import UserError
from limner.requests import Request, shares

FINER = 4
"""Times as fine as its map a shape is put into its box, so that cells hold the share that is covered."""


class Asked(NamedTuple):
    """The things of B requests in the order of their boxes."""

    labels: Tensor
    """(B, K) numbers in the schema's `things`, -1 where there is no box, or one of another label."""
    boxes: Tensor
    """(B, K, 4) x, y, width and height in shares of the picture; zeros where there is no box."""
    masks: Tensor
    """(B, K, h, h) shares of cells over the whole picture, 0 outside of boxes; zeros where no shape is given."""
    is_shaped: Tensor
    """(B, K) bool: whether a shape is given."""


def check_most(request: Request, most: int) -> None:
    """Make sure that a request has no more boxes than a system places.

    Raises:
        UserError: it has more.
    """
    for part, _ in shares(request):
        count = len(getattr(part, "boxes", ()))
        if count > most:
            raise UserError(f"the request has {count} boxes, and this artist places {most} at most: ask for fewer")


def asked_things(
    requests: Sequence[Request], things: Sequence[str], most: int, side: int, device: torch.device | str = "cpu"
) -> Asked:
    """Read the boxes of B requests and their shapes; of a `Blend`, what lies between those of its ends.

    Requests of other kinds have none. Boxes beyond the first K are left out (`check_most` refuses them before).

    Args:
        requests: B of them.
        things: `schema.things`.
        most: K.
        side: h.
        device: where the tensors are.
    """
    number = {label: at for at, label in enumerate(things)}
    labels, boxes = torch.full((len(requests), most), -1), torch.zeros(len(requests), most, 4)
    masks, is_shaped = torch.zeros(len(requests), most, side, side), torch.zeros(len(requests), most, dtype=torch.bool)
    for row, request in enumerate(requests):
        parts: list[tuple[Any, float]] = [(part.without_picture(), share) for part, share in shares(request)]
        for at, (label, *_) in enumerate(getattr(parts[0][0], "boxes", ())[:most]):
            labels[row, at] = number.get(label, -1)
            boxes[row, at] = sum(share * torch.tensor(part.boxes[at][1:]) for part, share in parts)
            given = [part.masks[at] if at < len(part.masks) else "" for part, _ in parts]
            if all(given):
                is_shaped[row, at] = True
                shape = sum(share * _shape(one) for one, (_, share) in zip(given, parts, strict=True))
                fine = placed(shape[None, None], boxes[row, at, None], FINER * side)  # type: ignore[index]
                masks[row, at] = avg_pool2d(fine, FINER)[0, 0]
    return Asked(*(one.to(device) for one in (labels, boxes, masks, is_shaped)))


def _shape(encoded: str) -> Tensor:
    from limner.requests import shapes

    return torch.tensor(shapes.array(encoded), dtype=torch.float32)
