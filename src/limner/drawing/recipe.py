"""How a picture was drawn, stored in the picture: a PNG text chunk named "limner" that holds JSON.

{"artist", "checkpoint" (SHA-256 of the weights), "system", "request", "knobs", "seed", "limner"}, and of a picture that
was enlarged {"size" (pixels a side), "enlarger" (SHA-256 of its weights)}, of one that was stopped {"stopped" (after
how many drafts, see `limner.drawing.stopping`)}

Artists, the command line and the gallery write and find recipes here; `page/browser/png.js` gives the same answers in
JavaScript. Other programs move and compress text chunks (ImageMagick writes them behind the pixels, as zTXt), so all
chunks are looked at.
"""

from __future__ import annotations

import dataclasses
import io
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from limner.errors import UserError
from limner.files import make_folder, write_file

KEY = "limner"
ANSWER = "answer"
"""In `info` of a picture of a text or a layout: what it says, as plain values."""
ANSWER_CHUNK = "limner-answer"
"""Keyword of the text chunk that holds it in a PNG."""
MOST_BYTES = 32 * 2**20
"""Of a recipe in a file; the longest story, with every letter escaped, takes 24 MB."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LONGEST_KEYWORD = 79
"""Bytes of a text chunk's keyword, by the PNG specification."""


def write(image: Image.Image, path: str | Path) -> Path:
    """Save a picture as PNG with the recipe in its `info`, if it has one: the whole file or none.

    Raises:
        UserError: the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise UserError(f"{path}: pictures are kept as PNG, which holds their recipe; name it {path.stem}.png")
    text = image.info.get(KEY)
    make_folder(path.parent)
    write_file(path, encode(image, None if text is None else str(text)))
    return path


def encode(image: Image.Image, text: str | None) -> bytes:
    """Return a picture as PNG, with the JSON of a recipe where `text` is one."""
    chunks = PngInfo()
    if text is not None:
        chunks.add_text(KEY, text)
    if image.info.get(ANSWER):
        chunks.add_text(ANSWER_CHUNK, json.dumps(image.info[ANSWER]))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=chunks)
    return buffer.getvalue()


def sign(image: Image.Image, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Put a recipe into a picture's `info`, where `write` finds it; return it as plain JSON values."""
    image.info[KEY] = to_text(recipe)
    return dict(json.loads(image.info[KEY]))


def to_text(recipe: Mapping[str, Any]) -> str:
    """Return a recipe as JSON; a `Style` in its seed is written as {"noise", "of"}."""
    return json.dumps(recipe, default=dataclasses.asdict)


def read(path: str | Path) -> dict[str, Any]:
    """Return the recipe in a PNG file that Limner drew.

    Raises:
        UserError: the file is not a PNG, or holds no recipe or a damaged one.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            text = find(file)
    except FileNotFoundError:
        raise UserError(f"no picture at {path}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    if text is None:
        raise UserError(f"{path} holds no recipe: it was not drawn by Limner, or another program saved it again")
    try:
        return from_text(text)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def answer_in(path: Path) -> dict[str, Any]:
    """Return what a picture that `write` saved says beside its pixels: a text, or boxes; nothing of other pictures."""
    with Image.open(path, formats=("PNG",)) as image:
        return answer_of(image)


def answer_of(image: Image.Image) -> dict[str, Any]:
    """Return what an opened PNG says beside its pixels as `answer_in` does; nothing where it says nothing sound."""
    found = getattr(image, "text", {}).get(ANSWER_CHUNK)
    try:
        said = {} if found is None else json.loads(found)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def from_text(text: str) -> dict[str, Any]:
    """Return the recipe that is written as JSON; request, seed and knobs are checked when something draws from them.

    Raises:
        UserError: it is not JSON, or lacks what it takes to draw again.
    """
    try:
        recipe = json.loads(text)
    except (ValueError, RecursionError):
        raise _damaged("it is not JSON") from None
    if not isinstance(recipe, dict):
        raise _damaged("it is not an object")
    kinds = {"artist": str, "request": dict, "knobs": dict}
    complete: dict[str, Any] = {"knobs": {}} | recipe
    for name, kind in kinds.items():
        if not isinstance(complete.get(name), kind):
            raise _damaged(f"its {name} is missing or of another type")
    if "seed" not in recipe:
        raise _damaged("its seed is missing")
    if not recipe["artist"] or "\0" in recipe["artist"]:
        raise _damaged("its artist is not a name")
    return recipe


def find(file: IO[bytes], most: int = MOST_BYTES, key: str = KEY) -> str | None:
    """Return the JSON of the recipe in a PNG, None where it holds none; no pixel is decoded.

    Text chunks of every kind (tEXt, zTXt, iTXt) count, before and behind the pixels; of several recipes the last one.

    Args:
        file: the PNG, from its beginning.
        most: bytes that a recipe may have, compressed or not; no more are kept in memory.
        key: keyword of its chunk, where it is not the recipe that is looked for.

    Raises:
        UserError: the file is not a PNG, or its recipe is cut off, too long, or fails its checksum.
    """
    if file.read(len(_SIGNATURE)) != _SIGNATURE:
        raise UserError("the picture is not a PNG")
    found = None
    while len(head := file.read(8)) == 8 and (kind := head[4:]) != b"IEND":
        length = int.from_bytes(head[:4], "big")
        start = file.read(min(length, _LONGEST_KEYWORD + 1)) if kind in (b"tEXt", b"zTXt", b"iTXt") else b""
        if start.startswith(key.encode() + b"\0"):
            if length > most:
                raise _damaged(f"it has more than {most:,} bytes")
            body = start + file.read(length - len(start))
            if file.read(4) != zlib.crc32(kind + body).to_bytes(4, "big"):
                raise _damaged("its checksum does not fit")
            found = _text(kind, body[len(key) + 1 :], most)
        else:
            file.seek(length - len(start) + 4, io.SEEK_CUR)
    return found


def _text(kind: bytes, body: bytes, most: int) -> str:
    """Return the text of a chunk, of which `body` is what follows the keyword."""
    packed, encoding = kind == b"zTXt", "latin-1"
    if kind == b"zTXt":
        method, body = body[:1], body[1:]
    elif kind == b"iTXt":  # packed or not, method, language, translated keyword, text
        packed, method, encoding = body[:1] != b"\0", body[1:2], "utf-8"
        parts = body[2:].split(b"\0", 2)
        if len(parts) < 3:
            raise _damaged("its chunk is cut off")
        body = parts[2]
    if packed:
        if method != b"\0":
            raise _damaged("it is compressed by an unknown method")
        body = _inflated(body, most)
    try:
        return body.decode(encoding)
    except UnicodeDecodeError:
        raise _damaged("it is not UTF-8") from None


def _inflated(packed: bytes, most: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        body = stream.decompress(packed, most + 1)
    except zlib.error:
        raise _damaged("it cannot be decompressed") from None
    if len(body) > most:
        raise _damaged(f"it has more than {most:,} bytes")
    if not stream.eof:
        raise _damaged("it cannot be decompressed")
    return body


def _damaged(why: str) -> UserError:
    return UserError(f"the picture's recipe is damaged: {why}")
