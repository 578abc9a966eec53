"""Augmentation: windows and mirrors of real pictures, and DiffAugment for real and generated ones alike.

Letters: B pictures, S their side.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

HAZE = 0.1  # standard deviation of the noise in `hazy`; pixels lie in [-1, 1]


class Window(NamedTuple):
    """What is cut from each of B pictures."""

    top: Tensor
    """(B, 1), in pixels."""
    left: Tensor
    """(B, 1), in pixels."""
    mirrored: Tensor
    """bool (B, 1)."""
    size: int
    """Its side in pixels."""


def draw_window(images: Tensor, size: int) -> Window:
    """Draw a window of `size` pixels for each picture (B, 3, S, S), mirrored half of the time."""
    count, _, height, width = images.shape
    top = torch.randint(height - size + 1, (count, 1), device=images.device)
    left = torch.randint(width - size + 1, (count, 1), device=images.device)
    return Window(top, left, torch.rand(count, 1, device=images.device) < 0.5, size)


def cut(images: Tensor, window: Window) -> Tensor:
    """Cut its window from each picture (B, 3, S, S): (B, 3, size, size)."""
    along = torch.arange(window.size, device=images.device)
    across = torch.where(window.mirrored, along.flip(0), along)
    return _gather(images, window.top + along, window.left + across)


def window(images: Tensor, size: int) -> Tensor:
    """Cut one window of `size` pixels at random from each picture (B, 3, S, S) and mirror it half of the time."""
    return cut(images, draw_window(images, size))


def middle(images: Tensor, size: int) -> Tensor:
    """Cut the middle window of `size` pixels from each picture (B, 3, S, S)."""
    edge = (images.shape[-1] - size) // 2
    return images[..., edge : edge + size, edge : edge + size]


def diff_augment(images: Tensor, colour: bool = True) -> Tensor:
    """Augment pictures (B, 3, S, S) at random by differentiable operations (Zhao et al. 2020).

    Colour (brightness, saturation, contrast), a shift of up to an eighth and a blank square of half the side, as in
    the authors' code. Leave `colour` out where captions name colours: a discriminator that sees them changed
    cannot tell whether the words are right.
    """
    if colour:
        images = _recolour(images)
    return _cut_out(_shift(images))


def hazy(images: Tensor) -> Tensor:
    """Blur pictures (B, 3, S, S) and add noise.

    Frozen encoders that score generated pictures see them so, and a faint pattern cannot fool them.
    """
    return blurred(images) + HAZE * torch.randn_like(images)


def blurred(images: Tensor) -> Tensor:
    """Blur pictures (B, 3, S, S) by the kernel 1 2 1, which removes a chequered pattern."""
    return F.pad(F.avg_pool2d(F.avg_pool2d(images, 2, stride=1), 2, stride=1), (1, 1, 1, 1), mode="replicate")


def enlarged(images: Tensor, size: int) -> Tensor:
    """Bring pictures (B, 3, R, R) to the side S, `size`, by bilinear interpolation; those of that side stay."""
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, size=(size, size), mode="bilinear", align_corners=False)


def coarsened(images: Tensor, least: int) -> Tensor:
    """Reduce each picture (B, 3, S, S) to a side drawn from S, S/2, ..., `least`, and bring it back to S."""
    size, count = images.shape[-1], len(images)
    times = [2**i for i in range(size.bit_length()) if size >= least * 2**i]
    chosen = torch.randint(len(times), (count, 1, 1, 1), device=images.device)
    for number, by in enumerate(times[1:], start=1):
        images = torch.where(chosen == number, enlarged(F.avg_pool2d(images, by), size), images)
    return images


def _recolour(x: Tensor) -> Tensor:
    def factor() -> Tensor:
        return torch.rand(len(x), 1, 1, 1, device=x.device, dtype=x.dtype)

    x = x + (factor() - 0.5)
    grey = x.mean(dim=1, keepdim=True)
    x = grey + (x - grey) * (2 * factor())
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (x - mean) * (factor() + 0.5)


def _shift(x: Tensor) -> Tensor:
    count, _, height, width = x.shape
    reach = height // 8
    down, right = torch.randint(-reach, reach + 1, (2, count, 1), device=x.device)
    rows, columns = torch.arange(height, device=x.device) + down, torch.arange(width, device=x.device) + right
    shifted = _gather(x, rows.clamp(0, height - 1), columns.clamp(0, width - 1))
    inside = _within(rows, height)[:, :, None] & _within(columns, width)[:, None, :]  # (B, S, S)
    return shifted * inside[:, None]


def _cut_out(x: Tensor) -> Tensor:
    count, _, height, width = x.shape
    side = height // 2
    middle = torch.randint(0, height + 1, (2, count, 1), device=x.device)
    rows = (torch.arange(height, device=x.device) - middle[0]).abs() <= side // 2
    columns = (torch.arange(width, device=x.device) - middle[1]).abs() <= side // 2
    return x * ~(rows[:, :, None] & columns[:, None, :])[:, None]


def _within(place: Tensor, end: int) -> Tensor:
    return (place >= 0) & (place < end)


def _gather(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Read pixel (rows[b, i], columns[b, j]) of each picture: (B, 3, h, w)."""
    picture = torch.arange(len(x), device=x.device)[:, None, None]
    return x.permute(0, 2, 3, 1)[picture, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
