"""One small PNG with its recipe stored in every way that programs store it, and damaged in a few."""

from __future__ import annotations

import io
import json
import zlib
from typing import Any

from PIL import Image

RECIPE: dict[str, Any] = {
    "artist": "a", "checkpoint": "0" * 64, "system": "s", "request": {"kind": "caption", "text": "é 🙂"}, "knobs": {},
    "seed": 7, "limner": "",
}  # fmt: skip
OTHER = RECIPE | {"seed": 8}


def plain() -> bytes:
    """Return a PNG of one colour without a recipe."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, "PNG")
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk with its length and checksum."""
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def with_chunks(before: bytes = b"", behind: bytes = b"") -> bytes:
    """Return the PNG with chunks before and behind its pixels."""
    png = plain()
    start, end = png.index(b"IDAT") - 4, png.index(b"IEND") - 4
    return png[:start] + before + png[start:end] + behind + png[end:]


def text_chunk(kind: bytes, recipe: Any = RECIPE, *, packed: bool = False, method: int = 0) -> bytes:
    """Return a recipe as tEXt, zTXt or iTXt."""
    text = recipe if isinstance(recipe, bytes) else json.dumps(recipe, ensure_ascii=kind != b"iTXt").encode()
    if kind == b"zTXt":
        return chunk(kind, b"limner\0" + bytes([method]) + zlib.compress(text))
    if kind == b"iTXt":
        body = zlib.compress(text) if packed else text
        return chunk(kind, b"limner\0" + bytes([packed, method]) + b"en\0key\0" + body)
    return chunk(kind, b"limner\0" + text)


def _flipped(png: bytes, kind: bytes) -> bytes:
    """Return the PNG with the last byte of the recipe's checksum changed."""
    place = png.index(kind + b"limner")
    end = place + 4 + int.from_bytes(png[place - 4 : place], "big") + 3
    return png[:end] + bytes([png[end] ^ 1]) + png[end + 1 :]


def _cases() -> dict[str, tuple[bytes, dict[str, Any] | str | None]]:
    found: dict[str, tuple[bytes, dict[str, Any] | str | None]] = {
        "none": (plain(), None),
        "another keyword": (with_chunks(chunk(b"tEXt", b"limners\0{}") + chunk(b"zTXt", b"Limner\0\0x")), None),
    }
    for name, one in {
        "tEXt": text_chunk(b"tEXt"),
        "zTXt": text_chunk(b"zTXt"),
        "iTXt": text_chunk(b"iTXt"),
        "iTXt, compressed": text_chunk(b"iTXt", packed=True),
    }.items():
        found |= {f"{name} before": (with_chunks(one), RECIPE), f"{name} behind": (with_chunks(b"", one), RECIPE)}
    other = text_chunk(b"tEXt", OTHER)
    damaged = {
        "checksum, before": _flipped(with_chunks(text_chunk(b"tEXt")), b"tEXt"),
        "checksum, behind": _flipped(with_chunks(b"", text_chunk(b"zTXt")), b"zTXt"),
        "cut off": with_chunks(b"", text_chunk(b"tEXt"))[:-30],
        "not zlib": with_chunks(chunk(b"zTXt", b"limner\0\0no zlib")),
        "zlib cut off": with_chunks(chunk(b"zTXt", b"limner\0\0" + zlib.compress(json.dumps(RECIPE).encode())[:-20])),
        "empty zlib": with_chunks(chunk(b"zTXt", b"limner\0\0")),
        "method of zTXt": with_chunks(text_chunk(b"zTXt", method=1)),
        "method of iTXt": with_chunks(text_chunk(b"iTXt", packed=True, method=1)),
        "iTXt without text": with_chunks(chunk(b"iTXt", b"limner\0\0\0en")),
        "not UTF-8": with_chunks(text_chunk(b"iTXt", b'{"a": "\xff"}')),
        "not JSON": with_chunks(text_chunk(b"tEXt", b"{")),
        "a list": with_chunks(text_chunk(b"tEXt", b"[]")),
        "a bomb": with_chunks(b"", text_chunk(b"zTXt", b" " * 64 * 2**20)),
    }
    return found | {
        "two, the last counts": (with_chunks(text_chunk(b"tEXt"), other), OTHER),
        "two before": (with_chunks(text_chunk(b"iTXt") + other), OTHER),
        "behind the end": (plain() + text_chunk(b"tEXt"), None),
        **{name: (png, "damaged") for name, png in damaged.items()},
        "no PNG": (b"GIF89a" + plain(), "not a PNG"),
        "empty": (b"", "not a PNG"),
    }


CASES = _cases()
"""By name: a PNG, and the recipe in it, None, or a part of the error."""
