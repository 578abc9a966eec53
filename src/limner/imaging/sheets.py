"""Tensors to PIL images, and contact sheets of images with captions."""

from __future__ import annotations

import io
import math
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from limner.errors import UserError
from limner.files import make_folder, write_file

RED = (200, 20, 20)


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
    letters: int = 10,
    marked: Sequence[Container[int]] | None = None,
) -> Image.Image:
    """Make a contact sheet of images of one size, near square by default, each with its caption below it.

    Args:
        images: of one size.
        columns: pictures in a row.
        captions: one a picture.
        gap: pixels between pictures.
        letters: font size of the captions, in pixels.
        marked: for each caption the indices of the words that are printed in red.

    Raises:
        UserError: where there is no image, or the numbers of captions and images differ.
    """
    if not images:
        raise UserError("a contact sheet needs at least one picture")
    if captions is not None and len(captions) != len(images):
        raise UserError(f"{len(images)} pictures and {len(captions)} captions: give each picture its own")
    columns = math.ceil(math.sqrt(len(images))) if columns is None else columns
    if columns < 1:
        raise UserError(f"columns must be 1 or more, not {columns}")
    width, height = images[0].size
    font = ImageFont.load_default(letters)
    below = [wrapped(text, font, width) for text in captions or [""] * len(images)]
    line = letters + 2
    foot = line * max(len(lines) for lines in below) + (4 if captions else 0)
    rows = math.ceil(len(images) / columns)
    page = Image.new("RGB", (columns * (width + gap) + gap, rows * (height + foot + gap) + gap), "white")
    pen = ImageDraw.Draw(page)
    for place, (image, lines) in enumerate(zip(images, below, strict=True)):
        x, y = gap + place % columns * (width + gap), gap + place // columns * (height + foot + gap)
        page.paste(image, (x, y))
        for i, text in enumerate(lines):
            pen.text((x, y + height + 1 + line * i), text, fill="black", font=font)
        if marked is not None:
            _mark(pen, (x, y + height + 1), line, lines, marked[place], font)
    return page


def titled(page: Image.Image, text: str, letters: int = 16) -> Image.Image:
    """Put a line of text, wrapped where needed, above a sheet; its `info` is copied."""
    font, line, edge = ImageFont.load_default(letters), letters + 6, letters // 2
    lines = wrapped(text, font, page.width - 2 * edge)
    whole = Image.new("RGB", (page.width, page.height + line * len(lines) + edge), "white")
    whole.paste(page, (0, whole.height - page.height))
    pen = ImageDraw.Draw(whole)
    for i, part in enumerate(lines):
        pen.text((edge, edge // 2 + line * i), part, fill="black", font=font)
    whole.info = dict(page.info)
    return whole


def plain_sheet(images: Tensor) -> Image.Image:
    """Make a sheet without gaps of pictures (B, 3, H, W), near square, or of strips (B, T, 3, H, W), one per line."""
    return sheet(to_pil(images), 1 if images.ndim == 5 else None, gap=0)


def enlarged(image: Image.Image, times: int) -> Image.Image:
    """Enlarge a small image smoothly; its `info` is copied."""
    large = image.resize((image.width * times, image.height * times), Image.Resampling.LANCZOS)
    large.info = dict(image.info)
    return large


def film(images: Sequence[Image.Image], path: str | Path, milliseconds: int = 120, *, back: bool = True) -> Path:
    """Save images of one size as an endless GIF, forwards and `back`wards; atomically.

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


def _mark(
    pen: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    line: int,
    lines: Sequence[str],
    marked: Container[int],
    font: Any,
) -> None:
    """Print the marked words of a caption again, in red."""
    place = 0
    for i, text in enumerate(lines):
        words, y = text.split(), corner[1] + line * i
        for k, word in enumerate(words):
            x = corner[0] + round(font.getlength("".join(f"{before} " for before in words[:k])))
            if place in marked:
                left, top, right, bottom = pen.textbbox((x, y), word, font=font)
                pen.rectangle((left, top, right, bottom), fill="white")
                pen.text((x, y), word, fill=RED, font=font)
            place += 1


def wrapped(text: str, font: Any, width: int) -> list[str]:
    """Part a text into lines of a width in pixels; a longer word has a line of its own."""
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines
