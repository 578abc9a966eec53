"""The pictures that requests begin from, as tensors, and what of a drawing has to stay as it was.

Letters: B requests, S the side of the pictures in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from limner.requests import Request


class Given(NamedTuple):
    """The pictures of B requests; zeros for those that begin from none."""

    pixels: Tensor
    """(B, 3, S, S) in [-1, 1]."""
    known: Tensor
    """(B, 1, S, S): 1 where the picture stays as it is, 0 in the hole; 0 everywhere where nothing has to stay."""
    is_given: Tensor
    """(B,) bool: whether there is a picture."""


def given_pictures(requests: Sequence[Request], size: int, device: torch.device | str) -> Given:
    """Read the pictures that B requests begin from, at `size` pixels a side; what they ask is `requests.asked`.

    Raises:
        UserError: a picture cannot be used (artists find that before they draw).
    """
    pixels, known = torch.zeros(len(requests), 3, size, size), torch.zeros(len(requests), 1, size, size)
    is_given = torch.zeros(len(requests), dtype=torch.bool)
    for row, request in enumerate(requests):
        picture = request.picture()
        if picture is not None:
            values, kept = map(torch.tensor, picture.arrays(size))
            pixels[row], known[row, 0] = values.float().div(127.5).sub(1), kept  # as training reads them
            is_given[row] = True
    return Given(pixels.to(device), known.to(device), is_given.to(device))


def keep_known(images: Tensor, given: Given) -> Tensor:
    """Return pictures (B, 3, S, S) with every known pixel put back as it was given, to the last bit."""
    return torch.where(given.known.bool(), given.pixels.to(images), images)
