"""A zip carries a gallery to another, merges without doubling, and what is no such zip is refused in one line."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from galleries import picture, png, recipe_json
from limner.drawing import recipe
from limner.errors import UserError
from limner.studio.gallery import files
from limner.studio.gallery.gallery import Gallery
from limner.studio.gallery.recipe import checked, identity


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Gallery]:
    found = Gallery(tmp_path / "other.sqlite")
    yield found
    found.close()


def exported(gallery: Gallery, shelf: str = "kept") -> io.BytesIO:
    file = io.BytesIO()
    files.write(gallery, file, shelf)  # type: ignore[arg-type]
    return file


def listed(gallery: Gallery) -> list[tuple[object, ...]]:
    return [
        (one.id, one.recipe, one.parents, one.note, one.drawn_at, one.kept_at, gallery.png(one.id))
        for one in gallery.page("drawn", limit=200).pictures
    ]


def test_a_gallery_comes_through_a_zip_as_it_was(gallery: Gallery, other: Gallery) -> None:
    first = gallery.add(picture(seed=0), keep=True, note="a note").id
    for i in range(1, 25):
        gallery.add(picture(f"hat {i}", i), keep=i % 2 == 0, parents=[first])
    assert files.read(other, exported(gallery, "drawn")) == (25, 25)
    assert listed(other) == listed(gallery)


def test_a_zip_of_favourites_holds_them_alone_and_any_program_can_read_it(gallery: Gallery, tmp_path: Path) -> None:
    kept = gallery.add(picture(seed=1), keep=True).id
    gallery.add(picture(seed=2))
    with zipfile.ZipFile(exported(gallery)) as packed:
        assert packed.namelist() == [f"pictures/{kept}.png", "gallery.jsonl"]
        packed.extractall(tmp_path)
        (line,) = map(json.loads, packed.read("gallery.jsonl").splitlines())
    assert line["file"] == f"pictures/{kept}.png"
    assert recipe.read(tmp_path / line["file"]) == line["recipe"]


def test_importing_merges_and_doubles_nothing(gallery: Gallery, other: Gallery) -> None:
    for i in range(4):
        gallery.add(picture(seed=i), keep=True)
    for i in (2, 3, 4):
        other.add(picture(seed=i), note="theirs" if i == 3 else "")
    file = exported(gallery)
    assert files.read(other, file) == (4, 2)
    assert files.read(other, file) == (4, 0)
    assert other.page("drawn").total == 5
    assert other.page("kept").total == 4
    assert other.page("drawn", search="theirs").total == 1
    assert files.read(gallery, exported(other, "drawn")) == (5, 1)


def test_an_empty_gallery_makes_an_empty_zip(gallery: Gallery, other: Gallery) -> None:
    assert files.read(other, exported(gallery)) == (0, 0)


# Hostile and damaged zips


def zipped(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as packed:
        for name, content in entries.items():
            packed.writestr(name, content)
    return file.getvalue()


ONE = png()
ID = identity(checked(recipe_json()))
GOOD = {"id": ID, "recipe": recipe_json(), "drawn_at": 5}


def gallery_of(content: bytes = ONE, name: str = f"pictures/{ID}.png", **line: object) -> dict[str, bytes]:
    return {name: content, "gallery.jsonl": json.dumps(GOOD | line).encode()}


def flat(side: int) -> bytes:
    """Write a sound PNG that unpacks to far more than it weighs."""
    buffer = io.BytesIO()
    Image.new("L", (side, side)).save(buffer, "PNG")
    return buffer.getvalue()


def encrypted() -> bytes:
    content = bytearray(zipped(gallery_of()))
    content[6] |= 1
    start = content.index(b"PK\x01\x02")
    content[start + 8] |= 1
    return bytes(content)


def doubled() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed, pytest.warns(UserWarning, match="Duplicate"):
        for name, content in [*gallery_of().items(), (f"pictures/{ID}.png", b"another")]:
            packed.writestr(name, content)
    return file.getvalue()


def long_directory() -> bytes:
    """Promise a directory of 3 GB."""
    content = bytearray(zipped(gallery_of()))
    content[-10:-6] = (3 * 10**9).to_bytes(4, "little")
    return bytes(content)


def zip64() -> bytes:
    content = zipped(gallery_of())
    return content[:-22] + b"PK\x06\x07" + bytes(16) + content[-22:]


def truncated_inside() -> bytes:
    content = bytearray(zipped(gallery_of(), zipfile.ZIP_STORED))
    place = content.index(b"IDAT")
    content[place : place + 4] = b"XXXX"
    return bytes(content)


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "zip file"),
    "text": (lambda: b"hello " * 100, "zip file"),
    "cut off": (lambda: zipped(gallery_of())[:-30], "zip file"),
    "begins in the middle": (lambda: zipped(gallery_of())[50:], "zip"),
    "path traversal": (lambda: zipped(gallery_of(name=f"../../pictures/{ID}.png")), "it holds '../../pictures"),
    "absolute path": (lambda: zipped(gallery_of(name="/etc/passwd")), "it holds '/etc/passwd'"),
    "backslashes": (lambda: zipped(gallery_of(name=f"pictures\\..\\{ID}.png")), "not a gallery of Limner"),
    "a stranger beside": (lambda: zipped(gallery_of() | {"run.sh": b"rm"}), "it holds 'run.sh'"),
    "no index": (lambda: zipped({f"pictures/{ID}.png": ONE}), "must hold gallery.jsonl once"),
    "a picture too few": (lambda: zipped({"gallery.jsonl": json.dumps(GOOD).encode()}), "are not those"),
    "a picture too many": (lambda: zipped(gallery_of() | {f"pictures/{'0' * 64}.png": ONE}), "are not those"),
    "a picture twice": (doubled, "each picture once"),
    "encrypted": (encrypted, "cannot be read"),
    "lzma": (lambda: zipped(gallery_of(), zipfile.ZIP_LZMA), "another kind of compression"),
    "long directory": (long_directory, "too many files"),
    "zip64": (zip64, "too many files"),
    "bomb": (lambda: zipped(gallery_of(bytes(20 * 2**20))), "more than the"),
    "bomb in the index": (lambda: zipped(gallery_of() | {"gallery.jsonl": b" " * 2**21}), "line 1 is too long"),
    "picture bomb": (lambda: zipped(gallery_of(flat(5_000))), "5000 x 5000"),
    "damaged": (truncated_inside, "cannot be read"),
    "no picture": (lambda: zipped(gallery_of(b"<script>alert(1)</script>")), "no PNG"),
    "picture without recipe": (lambda: zipped(gallery_of(flat(8))), "holds no recipe"),
    "another's recipe": (lambda: zipped(gallery_of(png(seed=1))), "not the one"),
    "wrong id": (lambda: zipped(gallery_of(id="0" * 64, name=f"pictures/{'0' * 64}.png")), "not the one"),
    "no json": (lambda: zipped(gallery_of() | {"gallery.jsonl": b"{"}), "line 1 is damaged"),
    "json of another shape": (lambda: zipped(gallery_of() | {"gallery.jsonl": b"[]"}), "line 1 is damaged"),
    "time of text": (lambda: zipped(gallery_of(drawn_at="now")), "drawn_at"),
    "time without end": (lambda: zipped(gallery_of(kept_at=10**30)), "kept_at"),
    "note with nul": (lambda: zipped(gallery_of(note="\x00")), "note"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_zip_that_is_none_of_ours_is_refused_in_a_line(gallery: Gallery, name: str) -> None:
    make, says = HOSTILE[name]
    with pytest.raises(UserError, match=says) as caught:
        files.read(gallery, io.BytesIO(make()))
    assert "\n" not in str(caught.value)
    assert gallery.page("drawn").total == 0


def test_a_zip_of_too_many_files_is_refused(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_PICTURES", 3)
    with pytest.raises(UserError, match="holds 5 files"):
        files.read(gallery, io.BytesIO(zipped({f"{i}": b"" for i in range(5)})))


def test_more_pictures_than_a_zip_may_hold_are_not_exported(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_PICTURES", 1)
    for i in range(2):
        gallery.add(picture(seed=i), keep=True)
    with pytest.raises(UserError, match="2 pictures, and a zip holds 1"):
        exported(gallery)


def test_one_damaged_picture_keeps_all_others_out(gallery: Gallery, other: Gallery) -> None:
    for i in range(5):
        gallery.add(picture(seed=i), keep=True)
    with zipfile.ZipFile(exported(gallery)) as packed:
        entries = {name: packed.read(name) for name in packed.namelist()}
    entries[list(entries)[3]] = b"no picture"
    with pytest.raises(UserError, match="cannot be imported"):
        files.read(other, io.BytesIO(zipped(entries)))
    assert other.page("drawn").total == 0


def test_the_good_zip_of_these_tests_is_taken(gallery: Gallery) -> None:
    assert files.read(gallery, io.BytesIO(zipped(gallery_of()))) == (1, 1)
