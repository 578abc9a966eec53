from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limner.data import cache
from limner.data.cache import decoded, key_of, location
from limner.data.dataset import Dataset
from limner.errors import UserError
from limner.pictures import BadPicture, decode, digest
from picture_sets import encoded, picture

CONTENT = [encoded(picture(k)) for k in range(5)]


def fetch(start: int, stop: int) -> Sequence[bytes | Path]:
    return CONTENT[start:stop]


def never(start: int, stop: int) -> Sequence[bytes | Path]:
    raise AssertionError("decoded again")


def leftovers(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "pictures").iterdir()) if (root / "pictures").exists() else []


def test_decodes_once(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    found = decoded("k", 5, 6, fetch, root=tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(5, 5)] and found.bad == ()
    assert np.array_equal(found.pixels, np.stack([decode(one, 6) for one in CONTENT]))
    assert found.digests.tolist() == [digest(one) for one in CONTENT]
    again = decoded("k", 5, 6, never, root=tmp_path)
    assert np.array_equal(again.pixels, found.pixels) and leftovers(tmp_path) == ["k-6"]
    assert decoded("k", 5, 8, fetch, root=tmp_path).pixels.shape == (5, 3, 8, 8)


def test_many_chunks_are_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_CHUNK_BYTES", 1)
    many = [encoded(picture(k, (3, 3))) for k in range(50)]
    seen: list[int] = []
    found = decoded("k", 50, 3, lambda a, b: many[a:b], root=tmp_path, progress=lambda done, _: seen.append(done))
    assert seen == [16, 32, 48, 50]
    assert np.array_equal(found.pixels, np.stack([decode(one, 3) for one in many]))


def test_a_bad_picture_leaves_nothing_behind(tmp_path: Path) -> None:
    content = [CONTENT[0], b"junk", CONTENT[2]]
    with pytest.raises(BadPicture) as caught:
        decoded("k", 3, 6, lambda a, b: content[a:b], root=tmp_path)
    assert caught.value.row == 1 and leftovers(tmp_path) == []
    found = decoded("k", 3, 6, lambda a, b: content[a:b], root=tmp_path, keep_bad=True)
    assert [row for row, *_ in found.bad] == [1] and not found.pixels[1].any() and found.pixels[2].any()
    with pytest.raises(BadPicture):
        decoded("k", 3, 6, never, root=tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "pixels.u8").write_bytes(b"short"),
        lambda folder: (folder / "header.json").write_text('{"version": 1'),
        lambda folder: (folder / "header.json").write_text("[]"),
        lambda folder: (folder / "header.json").write_text(
            json.dumps(json.loads((folder / "header.json").read_text()) | {"version": 0})
        ),
        lambda folder: (folder / "digests.u64").unlink(),
    ],
)
def test_a_damaged_cache_is_made_again(damage: Any, tmp_path: Path) -> None:
    wanted = np.array(decoded("k", 5, 6, fetch, root=tmp_path).pixels)
    damage(tmp_path / "pictures" / "k-6")
    assert np.array_equal(decoded("k", 5, 6, fetch, root=tmp_path).pixels, wanted) and leftovers(tmp_path) == ["k-6"]
    decoded("k", 5, 6, never, root=tmp_path)


def test_a_killed_build_is_not_used(tmp_path: Path) -> None:
    """Kill a build while it writes: the next one starts afresh and is right."""
    program = f"""
import sys, time
sys.path[:0] = {sys.path!r}
from pathlib import Path
from limner.data import cache
from limner.data.cache import decoded
cache._CHUNK_BYTES = 1
content = Path({str(tmp_path)!r}, "picture").read_bytes()
def progress(done, total):
    print(done, flush=True)
    time.sleep(0.02)
decoded("k", 5000, 6, lambda a, b: [content] * (b - a), root=Path({str(tmp_path)!r}), progress=progress)
"""
    (tmp_path / "picture").write_bytes(CONTENT[0])
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as build:
        assert build.stdout is not None
        while int(build.stdout.readline()) < 64:
            pass
        build.send_signal(signal.SIGKILL)
    (partial,) = leftovers(tmp_path)
    assert partial.endswith(".part")
    found = decoded("k", 5, 6, fetch, root=tmp_path)
    assert np.array_equal(found.pixels, np.stack([decode(one, 6) for one in CONTENT]))
    assert partial in leftovers(tmp_path)  # it might still be at work on another machine
    long_ago = time.time() - 3 * 24 * 3600
    for path in [*(tmp_path / "pictures" / partial).iterdir(), tmp_path / "pictures" / partial]:
        os.utime(path, (long_ago, long_ago))
    decoded("other", 5, 6, fetch, root=tmp_path)
    assert leftovers(tmp_path) == ["k-6", "other-6"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_line_and_leaves_nothing(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=rf"{os.strerror(code)}; free .* LIMNER_CACHE") as caught:
        decoded("k", 5, 6, fetch, root=tmp_path)
    assert "\n" not in str(caught.value) and leftovers(tmp_path) == []


def test_a_disk_too_small_is_known_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 100}))
    with pytest.raises(UserError, match="No space left on device"):
        decoded("k", 5, 6, never, root=tmp_path)
    assert leftovers(tmp_path) == []


def test_a_real_limit_on_file_size(tmp_path: Path) -> None:
    """The kernel refuses to write past a limit, as it does on a full disk."""
    program = f"""
import resource, signal, sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from limner.data.cache import decoded
from limner.errors import UserError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
content = Path({str(tmp_path)!r}, "picture").read_bytes()
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    decoded("k", 2000, 6, lambda a, b: [content] * (b - a), root=Path({str(tmp_path)!r}))
except UserError as error:
    print(error)
"""
    (tmp_path / "picture").write_bytes(CONTENT[0])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "cannot keep decoded pictures" in done.stdout and leftovers(tmp_path) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot keep decoded pictures"):
        decoded("k", 5, 6, fetch, root=tmp_path / "file")


def test_two_builds_at_once(tmp_path: Path) -> None:
    """The second finds the first's folder when it wants to put its own in place."""

    def slow(start: int, stop: int) -> Sequence[bytes | Path]:
        decoded("k", 5, 6, fetch, root=tmp_path)
        return fetch(start, stop)

    assert len(decoded("k", 5, 6, slow, root=tmp_path).pixels) == 5 and leftovers(tmp_path) == ["k-6"]


def test_where_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMNER_CACHE", "/elsewhere")
    assert location() == Path("/elsewhere") and location("/here") == Path("/here")
    monkeypatch.delenv("LIMNER_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME")  # which keeps what tests cache out of the person's own
    assert location() == Path.home() / ".cache" / "limner"


def test_keys_tell_parts_apart() -> None:
    assert key_of(["ab", "c"]) != key_of(["a", "bc"]) and key_of(["ab"]) == key_of(["ab"])


def test_a_data_set_decodes_once(captioned: Path, caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Dataset.open(captioned, size=8)
    monkeypatch.setattr(cache, "decode", never)
    assert (Dataset.open(captioned, size=8).pictures([0, 1]) == first.pictures([0, 1])).all()
    assert len(leftovers(caches)) == 1
