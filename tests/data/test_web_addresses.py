"""Data sets on the web: tables and folders of a server that lists them, read in parts over HTTP."""

from __future__ import annotations

import functools
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from limner.data.check import examine
from limner.data.remote import open_set
from limner.errors import UserError

SIDE = 256
ROWS = {"train-00000-of-00001.parquet": 6, "test-00000-of-00001.parquet": 2}


class Plain(http.server.SimpleHTTPRequestHandler):
    """Lists folders, and gives whole files only."""

    sent: list[tuple[str, int]]

    def log_message(self, *_: Any) -> None:
        pass


class Ranged(Plain):
    """Gives the part of a file that is asked for, too."""

    def do_GET(self) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        file = Path(self.translate_path(self.path))
        if asked is None or not file.is_file():
            return super().do_GET()
        content = file.read_bytes()
        part = content[int(asked[1]) : int(asked[2]) + 1]
        self.sent.append((file.name, len(part)))
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {asked[1]}-{int(asked[1]) + len(part) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def end_headers(self) -> None:
        self.send_header("Accept-Ranges", "bytes")
        super().end_headers()


class Served:
    """A folder at an address, and what parts of files were asked for."""

    def __init__(self, folder: Path, kind: type[Plain]) -> None:
        self.folder, self.parts = folder, list[tuple[str, int]]()
        folder.mkdir()
        handler = functools.partial(type("Handler", (kind,), {"sent": self.parts}), directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path / "served", getattr(request, "param", Ranged))
    yield made
    made.close()


def noise(number: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), np.uint8))


def tables(folder: Path) -> int:
    """Write two tables of noise, which nothing makes smaller, and return their bytes."""
    folder.mkdir()
    total = 0
    for name, count in ROWS.items():
        pictures = []
        for number in range(count):
            noise(number).save(folder / "one.png")
            pictures.append((folder / "one.png").read_bytes())
        (folder / "one.png").unlink()
        table = pa.table({"image": pictures, "text": [f"noise {number}" for number in range(count)]})
        pq.write_table(table, folder / name, row_group_size=1, compression="none")
        total += (folder / name).stat().st_size
    return total


@pytest.mark.parametrize("ending", ["", "/"])
def test_a_folder_of_tables_is_read_in_parts(served: Served, ending: str, tmp_path: Path) -> None:
    whole = tables(served.folder / "set")
    source = open_set(f"{served.address}/set{ending}", split="train", root=tmp_path / "cache")
    assert (source.train, len(source.table)) == (6, 8)
    assert 0 < sum(size for _, size in served.parts) < whole / 4  # footers and captions, but no picture


@pytest.mark.parametrize("name", ROWS)
def test_one_table_is_a_set(served: Served, name: str, tmp_path: Path) -> None:
    tables(served.folder / "set")
    source = open_set(f"{served.address}/set/{name}", split=None, root=tmp_path / "cache")
    assert len(source.table) == ROWS[name]


@pytest.mark.parametrize("served", [Plain], indirect=True)
@pytest.mark.parametrize("asked", ["set", "set/train-00000-of-00001.parquet"])
def test_a_server_of_whole_files_is_told_from_one_that_fails(served: Served, asked: str, tmp_path: Path) -> None:
    tables(served.folder / "set")
    with pytest.raises(UserError, match=r"no parts of a file \(HTTP ranges\): fetch its files, and name their folder"):
        open_set(f"{served.address}/{asked}", split=None, root=tmp_path / "cache")


@pytest.mark.parametrize("served", [Plain, Ranged], indirect=True)
def test_a_folder_of_pictures_that_a_server_lists(served: Served) -> None:
    (served.folder / "mine").mkdir()
    for number in range(5):
        noise(number).save(served.folder / "mine" / f"{number}.png")
        (served.folder / "mine" / f"{number}.txt").write_text(f"a thing of {number}\n")
    problems, summary = examine(f"{served.address}/mine")
    assert not problems
    assert summary.rows == {"train": 5}
    assert summary.captions == 5


def test_a_page_that_lists_nothing_is_no_set(served: Served, tmp_path: Path) -> None:
    (served.folder / "page.html").write_text("nothing is listed here")
    with pytest.raises(UserError, match=r"page.html is not a data set: give the address of a folder or of a .parquet"):
        open_set(f"{served.address}/page.html", split=None, root=tmp_path / "cache")
    with pytest.raises(UserError, match=r"there is no data set at .*nowhere"):
        open_set(f"{served.address}/nowhere", split=None, root=tmp_path / "cache")
