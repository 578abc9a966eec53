"""Decoded pictures, and masks of them, kept once per resolution, so that no epoch but the first decodes anything.

A finished cache is one folder: `pixels.u8` (N, C, S, S), `digests.u64` (N,) and `header.json`, C 3 for pictures and 1
for masks. It is written under a temporary name, synced, then renamed: what lies under the final name is complete.
Beside it lie the sizes of the original pictures, `sizes/KEY.u32` (N, 2), where something asked for them.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import platformdirs
from PIL import Image

from limner.errors import UserError
from limner.files import make_folder, write_file
from limner.pictures import BadPicture, Encoded, decode, digest, read, size_of

VERSION = 2
"""Raise when the same picture would decode to other bytes."""

Fetch = Callable[[int, int], Sequence[Encoded]]
Progress = Callable[[int, int], None]
_CHUNK_BYTES = 32 << 20
_PICTURES_A_TASK = 8
_ABANDONED_SECONDS = 24 * 3600
_HEADERS = 1000
"""Pictures of which the sizes are read at once."""


def location(cache: str | Path | None = None) -> Path:
    """Return where caches lie: `cache`, else LIMNER_CACHE, else where this system keeps them (~/.cache/limner)."""
    chosen = cache or os.environ.get("LIMNER_CACHE") or platformdirs.user_cache_path("limner", appauthor=False)
    return Path(chosen).expanduser()


def key_of(parts: Iterable[object]) -> str:
    """Return a short name for what identifies a content (names, sizes, times of change)."""
    hashed = hashlib.blake2b(digest_size=16)
    for part in parts:
        hashed.update(f"{part}\0".encode(errors="surrogateescape"))
    return hashed.hexdigest()


def _picture(encoded: bytes, side: int, row: int) -> np.ndarray:
    return decode(encoded, side)


@dataclass(frozen=True)
class Kind:
    """What is kept, and how one of it is decoded: pictures, where nothing else is said."""

    name: str = "pictures"
    """Of the folder that it lies in."""
    channels: int = 3
    decode: Callable[[bytes, int, int], np.ndarray] = _picture
    """From encoded bytes, a side S and a row to uint8 (channels, S, S); BadPicture where that cannot be done."""


@dataclass(frozen=True)
class Decoded:
    """Decoded pictures of a data set, on disk."""

    pixels: np.ndarray
    """uint8 (N, C, S, S), memory-mapped."""
    digests: np.ndarray
    """uint64 (N,): stands for the encoded content of each picture, whatever the resolution."""
    bad: tuple[tuple[int, str, str], ...]
    """(row, kind, message) of every picture that could not be decoded; its pixels are zeros."""


def decoded(
    key: str,
    count: int,
    side: int,
    fetch: Fetch,
    *,
    root: Path,
    keep_bad: bool = False,
    progress: Progress | None = None,
    kind: Kind = Kind(),
) -> Decoded:
    """Open the decoded pictures (or what else `kind` says) of content `key`, decoding them first where need be.

    `fetch(start, stop)` gives the encoded pictures of these rows, as bytes or as files. With `keep_bad` a picture
    that cannot be decoded is recorded, otherwise the first one ends the work. `progress` is called with (done, all).

    Raises:
        BadPicture: a picture cannot be decoded; its `row` says which.
        UserError: the cache cannot be written (full disk, no permission); nothing half-written stays.
    """
    folder, shape = root / kind.name / f"{key}-{side}", (count, kind.channels, side, side)
    found = _open(folder, shape)
    if found is None:
        try:
            _build(folder, shape, fetch, kind.decode, keep_bad, progress)
        except OSError as error:
            raise _unwritable(root, error, math.prod(shape), kind.name) from error
        found = _open(folder, shape)
        assert found is not None, f"{folder} was just written"
    if found.bad and not keep_bad:
        row, fault, message = found.bad[0]
        raise BadPicture(fault, message, row)
    return found


def sizes_of(key: str, count: int, fetch: Fetch, *, root: Path) -> np.ndarray:
    """Return width and height of the original pictures of content `key`, upright: int32 (N, 2); zeros where broken.

    They are read from the headers once, and kept.

    Raises:
        UserError: they cannot be kept.
    """
    path = root / "sizes" / f"{key}.u32"
    with contextlib.suppress(OSError):
        kept = np.fromfile(path, dtype="<u4")
        if len(kept) == 2 * count:
            return kept.reshape(-1, 2).astype(np.int32)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = [list(pool.map(_size, fetch(at, min(at + _HEADERS, count)))) for at in range(0, count, _HEADERS)]
    sizes = np.array(list(chain.from_iterable(parts)), dtype="<u4").reshape(-1, 2)
    make_folder(path.parent)
    write_file(path, sizes.tobytes())
    return sizes.astype(np.int32)


def _size(source: Encoded) -> tuple[int, int]:
    try:
        return size_of(source)
    except BadPicture:
        return 0, 0


def _open(folder: Path, shape: tuple[int, ...]) -> Decoded | None:
    pixels, count = folder / "pixels.u8", shape[0]
    try:
        header = json.loads((folder / "header.json").read_text(encoding="utf-8"))
        digests = np.fromfile(folder / "digests.u64", dtype="<u8")
        complete = header["version"] == VERSION and header["shape"] == list(shape) and len(digests) == count
        if not complete or pixels.stat().st_size != math.prod(shape):
            return None
        bad = tuple((int(row), str(kind), str(message)) for row, kind, message in header["bad"])
        return Decoded(np.memmap(pixels, np.uint8, "r", shape=shape), digests, bad)
    except (OSError, ValueError, KeyError, TypeError):
        return None


Decode = Callable[[bytes, int, int], np.ndarray]


def _build(
    folder: Path, shape: tuple[int, ...], fetch: Fetch, decode_one: Decode, keep_bad: bool, progress: Progress | None
) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(folder.parent)
    needed = math.prod(shape) + 8 * shape[0]
    if shutil.disk_usage(folder.parent).free < needed:  # known before, so that nobody waits an hour for the failure
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".part", dir=folder.parent))
    try:
        digests, bad = _write_pixels(partial / "pixels.u8", shape, fetch, decode_one, keep_bad, progress)
        _write(partial / "digests.u64", digests.astype("<u8").tobytes())
        header = {"version": VERSION, "shape": list(shape), "bad": bad}
        _write(partial / "header.json", json.dumps(header).encode())
        if folder.exists() and _open(folder, shape) is None:
            shutil.rmtree(folder)  # damaged, or of an older version
        with contextlib.suppress(OSError):  # another process was faster: its folder has the same content
            partial.rename(folder)
        if not folder.is_dir():
            raise OSError(errno.EIO, f"{folder.name} could not be put in place")
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_pixels(
    path: Path, shape: tuple[int, ...], fetch: Fetch, decode_one: Decode, keep_bad: bool, progress: Progress | None
) -> tuple[np.ndarray, list[tuple[int, str, str]]]:
    count, side = shape[0], shape[-1]
    digests = np.zeros(count, dtype=np.uint64)
    bad: list[tuple[int, str, str]] = []
    chunk = min(1024, max(16, _CHUNK_BYTES // math.prod(shape[1:])))

    def one(source: Encoded, row: int) -> tuple[np.ndarray | None, int, BadPicture | None]:
        encoded = b""
        try:
            encoded = read(source)
            return decode_one(encoded, side, row), digest(encoded), None
        except BadPicture as error:
            return None, digest(encoded), error

    def some(sources: Sequence[Encoded], first: int) -> list[tuple[np.ndarray | None, int, BadPicture | None]]:
        return [one(source, row) for row, source in enumerate(sources, start=first)]

    def block(start: int, stop: int, pool: ThreadPoolExecutor) -> np.ndarray:
        pixels = np.zeros((stop - start, *shape[1:]), dtype=np.uint8)
        sources = fetch(start, stop)
        at = range(0, len(sources), _PICTURES_A_TASK)
        tasks = pool.map(some, (sources[k : k + _PICTURES_A_TASK] for k in at), (start + k for k in at))
        for place, (found, content, error) in enumerate(chain.from_iterable(tasks)):
            digests[start + place] = content
            if found is not None:
                pixels[place] = found
            if error is not None:
                bad.append((start + place, error.kind, str(error)))
                if not keep_bad:
                    raise BadPicture(error.kind, str(error), start + place)
        return pixels

    with path.open("wb") as file, ThreadPoolExecutor(os.cpu_count()) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # `load` judges size by its own limit
        for start in range(0, count, chunk):
            stop = min(start + chunk, count)
            file.write(block(start, stop, pool).data)
            if progress:
                progress(stop, count)
        file.flush()
        os.fsync(file.fileno())
    return digests, bad


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _remove_abandoned(folder: Path) -> None:
    """Delete what killed builds left; recent ones may still be at work, here or on another machine."""
    for partial in folder.glob("*.part"):
        with contextlib.suppress(OSError):
            newest = max(path.stat().st_mtime for path in (partial, *partial.iterdir()))
            if time.time() - newest > _ABANDONED_SECONDS:
                shutil.rmtree(partial, ignore_errors=True)


def _unwritable(root: Path, error: OSError, size: int, what: str = "pictures") -> UserError:
    reason = error.strerror or str(error)
    advice = f"free {size / 1e9:.2g} GB there or point LIMNER_CACHE at another disk"
    return UserError(f"cannot keep decoded {what} in {root}: {reason}; {advice}")
