"""Archives are read as the folders that they hold, member by member, and no member is trusted."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from limner.data import archives
from limner.data.check import check
from limner.data.dataset import Dataset
from limner.errors import UserError
from picture_sets import encoded, picture

LINES = [{"file_name": f"{i}.png", "text": f"picture {i}"} for i in range(6)]
FILES = {f"{i}.png": encoded(picture(i)) for i in range(6)} | {
    "metadata.jsonl": "\n".join(map(json.dumps, LINES)).encode()
}


def zipped(path: Path, files: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", how) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


def tarred(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w") as packed:
        for name, content in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            packed.addfile(about, io.BytesIO(content))
    return path


def opened(path: Path, cache: Path) -> Dataset:
    return Dataset.open(path, size=8, cache=cache, held_out=0.0)


def test_an_archive_is_the_folder_that_it_holds(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    for name, content in FILES.items():
        (here / name).write_bytes(content)
    one = opened(here, tmp_path / "cache")
    packed = [
        zipped(tmp_path / "plain.zip", FILES),
        zipped(tmp_path / "in-a-folder.zip", {f"birds/{name}": content for name, content in FILES.items()}),
        tarred(tmp_path / "plain.tar", FILES),
    ]
    for path in packed:
        other = opened(path, tmp_path / "cache")
        assert other.fingerprint == one.fingerprint and other.captions(3) == ("picture 3",)
        assert not check(path, cache=tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").rglob("*.png") if any(path.read_bytes())], "it was unpacked"
    zipped(packed[0], FILES | {"0.png": encoded(picture(9))})
    assert opened(packed[0], tmp_path / "cache").fingerprint != one.fingerprint, "a changed archive is not seen"


def test_shards_of_webdataset_have_the_splits_of_their_names(tmp_path: Path) -> None:
    for number, shard in enumerate(("train-00000", "train-00001", "test-00000")):
        members = {f"00{k}.png": encoded(picture(2 * number + k)) for k in range(2)}
        texts = {f"00{k}.txt": f"{shard} {k}".encode() for k in range(2)}
        tarred(tmp_path / "shards" / f"{shard}.tar", members | texts | {"000.json": b"{}"})
    data = opened(tmp_path / "shards", tmp_path / "cache")
    found = [data.captions(row) for row in range(data.length())]
    assert found == [(f"train-0000{number} {k}",) for number in range(2) for k in range(2)]
    assert data.length("test") == 2 and data.captions(0, "test") == ("test-00000 0",)
    assert not data.schema.labels, "the name of a shard is no label"


def test_no_member_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tarred(tmp_path / "evil.tar", {"a.png": encoded(picture(0)), "../b.png": encoded(picture(1))})
    with tarfile.open(path, "a") as packed:
        link = tarfile.TarInfo("c.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        packed.addfile(link)
    assert opened(path, tmp_path / "cache").length() == 1
    assert not list(tmp_path.rglob("b.png"))
    monkeypatch.setattr(archives, "LARGEST", 10)
    large = zipped(tmp_path / "large.zip", {"a.png": encoded(picture(0)), "b.png": encoded(picture(1))})
    with pytest.raises(UserError, match="allowed in an archive"):
        opened(large, tmp_path / "other")


@pytest.mark.parametrize("content", [b"PK\x03\x04torn", b"", b"x" * 5000])
def test_a_broken_archive_is_told_in_a_line(tmp_path: Path, content: bytes) -> None:
    for name in ("torn.zip", "torn.tar"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=f"{name} cannot be read as an archive") as caught:
            opened(tmp_path / name, tmp_path / "cache")
        assert "\n" not in str(caught.value)
