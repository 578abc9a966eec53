"""How a picture was drawn, kept in the picture: a PNG text chunk named "limner" that holds JSON.

{"artist", "checkpoint" (SHA-256 of the weights), "system", "request", "knobs", "seed", "limner"}
"""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from limner.errors import UserError
from limner.files import make_folder, write_file

KEY = "limner"


def write(image: Image.Image, path: str | Path) -> Path:
    """Save a picture as PNG with the recipe in its `info`, if it has one: the whole file or none.

    Raises:
        UserError: where the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise UserError(f"{path}: pictures are kept as PNG, which holds their recipe; name it {path.stem}.png")
    chunks = PngInfo()
    if KEY in image.info:
        chunks.add_text(KEY, str(image.info[KEY]))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=chunks)
    make_folder(path.parent)
    write_file(path, buffer.getvalue())
    return path


def sign(image: Image.Image, made: Mapping[str, Any]) -> dict[str, Any]:
    """Put a recipe into a picture's `info`, where `write` finds it; return it as plain JSON values."""
    image.info[KEY] = text(made)
    return dict(json.loads(image.info[KEY]))


def text(made: Mapping[str, Any]) -> str:
    """Return a recipe as it stands in a picture's `info`; a style is all in it that is not plain."""
    return json.dumps(made, default=dataclasses.asdict)


def read(path: str | Path) -> dict[str, Any]:
    """Return the recipe in a picture that `write` saved.

    Raises:
        UserError: where the file is no picture or holds no recipe.
    """
    path = Path(path)
    try:
        with Image.open(path, formats=("PNG",)) as image:
            found = image.info.get(KEY)
    except FileNotFoundError:
        raise UserError(f"no picture at {path}") from None
    except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise UserError(f"{path} is no picture that can be read: {error}") from None
    if not isinstance(found, str):
        raise UserError(f"{path} holds no recipe: it was not drawn by Limner, or another program saved it again")
    try:
        recipe = json.loads(found)
        complete = isinstance(recipe["artist"], str) and isinstance(recipe["request"], dict)
        complete = complete and "seed" in recipe and isinstance(recipe.get("knobs", {}), dict)
    except (ValueError, TypeError, KeyError):
        complete = False
    if not complete:
        raise UserError(f"{path}: its recipe is damaged")
    return dict(recipe)
