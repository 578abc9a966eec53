"""Galleries for tests: in SQLite, and in PostgreSQL where LIMNER_TEST_DATABASE has the URL of a server."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from sqlalchemy import create_engine, make_url, text

from limner.drawing import recipe
from limner.studio.gallery.recipe import encode

SERVER = os.environ.get("LIMNER_TEST_DATABASE", "")
KINDS = ("sqlite", "postgresql") if SERVER else ("sqlite",)


@contextlib.contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """Yield the location of an empty database; on a server a schema of its own, dropped afterwards."""
    if kind == "sqlite":
        yield str(folder / "gallery.sqlite")
        return
    url = make_url(SERVER).set(drivername="postgresql+psycopg")
    schema = f"limner_test_{secrets.token_hex(6)}"
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
        yield url.update_query_dict({"options": f"-csearch_path={schema}"}).render_as_string(hide_password=False)
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    server.dispose()


def recipe_json(words: str = "a red hat", seed: int = 0, **more: Any) -> dict[str, Any]:
    """Write a recipe as an artist would."""
    body = {
        "artist": "tester",
        "checkpoint": "ab" * 32,
        "system": "painter",
        "request": {"kind": "caption", "text": words},
        "knobs": {"truncation": 1.0},
        "seed": seed,
        "limner": "0.1.0",
    }
    return body | more


def picture(words: str = "a red hat", seed: int = 0, side: int = 8, **more: Any) -> Image.Image:
    """Make a picture of one colour, another for each seed, with its recipe."""
    image = Image.new("RGB", (side, side), (seed % 256, seed // 256 % 256, 77))
    image.info[recipe.KEY] = recipe.to_text(recipe_json(words, seed, **more))
    return image


def png(words: str = "a red hat", seed: int = 0, side: int = 8, **more: Any) -> bytes:
    """Return `picture` as the studio would send it."""
    return encode(picture(words, seed, side, **more), recipe_json(words, seed, **more))


def recipe_of(content: bytes) -> str:
    """Return the text of a PNG's recipe chunk."""
    with Image.open(io.BytesIO(content)) as image:
        return str(image.info.get(recipe.KEY, ""))
