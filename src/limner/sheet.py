"""From tensors to pictures one can look at: PIL images, and sheets of many with captions."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from limner.checkpoint import make_folder, write_file
from limner.errors import UserError


def to_pil(images: Tensor) -> list[Image.Image]:
    """Turn pictures (B, 3, H, W), or strips (B, T, 3, H, W) laid side by side, in [-1, 1], into PIL images."""
    if images.ndim == 5:
        images = torch.cat(images.detach().unbind(1), dim=-1)
    whole = (images.detach().float().clamp(-1, 1) + 1).mul(127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return [Image.fromarray(picture) for picture in whole]


def sheet(
    images: Sequence[Image.Image],
    columns: int | None = None,
    captions: Sequence[str] | None = None,
    *,
    gap: int = 2,
) -> Image.Image:
    """Lay pictures of one size out as a contact sheet, near square by default, each with its caption below it.

    Raises:
        UserError: where there is no picture, or there are not as many captions as pictures.
    """
    if not images:
        raise UserError("a contact sheet needs at least one picture")
    if captions is not None and len(captions) != len(images):
        raise UserError(f"{len(images)} pictures and {len(captions)} captions: give each picture its own")
    columns = math.ceil(math.sqrt(len(images))) if columns is None else columns
    if columns < 1:
        raise UserError(f"columns must be 1 or more, not {columns}")
    width, height = images[0].size
    font = ImageFont.load_default(10)
    below = [_wrapped(text, font, width) for text in captions or [""] * len(images)]
    line = 12
    foot = line * max(len(lines) for lines in below) + (4 if captions else 0)
    rows = math.ceil(len(images) / columns)
    page = Image.new("RGB", (columns * (width + gap) + gap, rows * (height + foot + gap) + gap), "white")
    pen = ImageDraw.Draw(page)
    for place, (image, lines) in enumerate(zip(images, below, strict=True)):
        x, y = gap + place % columns * (width + gap), gap + place // columns * (height + foot + gap)
        page.paste(image, (x, y))
        for i, text in enumerate(lines):
            pen.text((x, y + height + 1 + line * i), text, fill="black", font=font)
    return page


def plain_sheet(images: Tensor) -> Image.Image:
    """Lay pictures (B, 3, H, W) out near square, or strips (B, T, 3, H, W) one below the other, without gaps."""
    return sheet(to_pil(images), 1 if images.ndim == 5 else None, gap=0)


def enlarged(image: Image.Image, times: int) -> Image.Image:
    """Enlarge a small picture for the eye, smoothly; its `info` comes along."""
    large = image.resize((image.width * times, image.height * times), Image.Resampling.LANCZOS)
    large.info = dict(image.info)
    return large


def film(images: Sequence[Image.Image], path: str | Path, milliseconds: int = 120, *, back: bool = True) -> Path:
    """Save pictures of one size as an endless GIF, there and `back` again; the whole file or none.

    Raises:
        UserError: where it cannot be written.
    """
    path = Path(path)
    frames = [*images, *(images[-2:0:-1] if back else ())]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0)
    make_folder(path.parent)
    write_file(path, buffer.getvalue())
    return path


def _wrapped(text: str, font: Any, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines
