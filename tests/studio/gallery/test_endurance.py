"""What a stranger's zip, a wrong clock, a damaged or missing file and many pictures at once may not do to a gallery."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from galleries import picture, png, recipe_json
from limner.errors import UserError
from limner.studio.gallery import files, routes
from limner.studio.gallery import gallery as galleries
from limner.studio.gallery.database import Damaged, Unavailable
from limner.studio.gallery.gallery import DAY, Gallery
from limner.studio.gallery.recipe import checked, decode, identity

FUTURE = 4_000_000_000 * 10**6  # the year 2096


def zipped(*pictures: dict[str, Any]) -> io.BytesIO:
    """Pack pictures, of each its seed, and what its line says."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        lines = []
        for fields in pictures:
            line = {"recipe": recipe_json(seed=fields["seed"]), "drawn_at": 5} | fields
            line["id"] = identity(checked(line["recipe"]))
            packed.writestr(f"pictures/{line['id']}.png", line.pop("png", png(seed=line.pop("seed"))))
            lines.append(json.dumps(line))
        packed.writestr(files.INDEX, "\n".join(lines))
    return file


def seeds(gallery: Gallery, shelf: Any = "drawn") -> list[int]:
    return sorted(one.recipe["seed"] for one in gallery.page(shelf, limit=200).pictures)


# Strangers' zips


def test_a_zip_pushes_nothing_out(location: str) -> None:
    """Pictures of the future took all of the history's room, and everything drawn after them was forgotten at once."""
    gallery = Gallery(location, history=5)
    for seed in range(5):
        gallery.add(picture(seed=seed))
    theirs = [{"seed": 100 + i, "drawn_at": FUTURE} for i in range(110)]
    assert files.read(gallery, zipped(*theirs, {"seed": 300, "kept_at": FUTURE})) == (111, 1)
    gallery.trim()
    assert seeds(gallery) == [0, 1, 2, 3, 4, 300]
    assert gallery.page("kept").pictures[0].kept_at < FUTURE
    gallery.add(picture(seed=5))
    gallery.trim()
    assert seeds(gallery) == [1, 2, 3, 4, 5, 300]
    gallery.close()


def test_history_that_there_is_room_for_is_taken_the_newest_first(location: str) -> None:
    gallery = Gallery(location, history=4)
    gallery.add(picture(seed=0))
    gallery.add(picture(seed=1))
    theirs = [{"seed": 1}, *({"seed": 10 + i, "drawn_at": 10 + i} for i in range(5))]
    assert files.read(gallery, zipped(*theirs)) == (6, 2)
    assert seeds(gallery) == [0, 1, 13, 14]
    assert gallery.page("drawn").pictures[-1].drawn_at == 13
    gallery.close()


def test_an_older_backup_takes_no_newer_note_and_no_pixels(gallery: Gallery) -> None:
    gallery.add(picture(seed=0), note="newer")
    gallery.add(picture(seed=1))
    before = gallery.png(identity(checked(recipe_json(seed=0))))
    forged = encoded((9, 9, 9), recipe_json(seed=0))
    assert files.read(gallery, zipped({"seed": 0, "note": "older", "png": forged}, {"seed": 1, "note": "first"})) == (
        2,
        0,
    )
    assert {one.recipe["seed"]: one.note for one in gallery.page("drawn").pictures} == {0: "newer", 1: "first"}
    assert gallery.png(identity(checked(recipe_json(seed=0)))) == before


def encoded(colour: tuple[int, int, int], recipe: dict[str, Any]) -> bytes:
    from PIL import Image

    from limner.studio.gallery.recipe import encode

    return encode(Image.new("RGB", (8, 8), colour), recipe)


def test_the_artists_own_pixels_replace_forged_ones(gallery: Gallery) -> None:
    name = identity(checked(recipe_json(seed=3)))
    parent = gallery.add(picture(seed=9)).id
    files.read(
        gallery, zipped({"seed": 3, "png": encoded((255, 0, 0), checked(recipe_json(seed=3, parents=[parent])))})
    )
    assert decode(gallery.png(name)).getpixel((0, 0)) == (255, 0, 0)
    gallery.add(picture(seed=3), keep=True)
    true = decode(gallery.png(name))
    assert true.tobytes() == picture(seed=3).tobytes() and seeds(gallery, "kept") == [3]
    assert json.loads(true.info["limner"]) == gallery.get(name).recipe, "the picture says what the gallery says"


def test_a_zip_of_one_picture_may_not_have_an_index_of_many_lines(tmp_path: Path) -> None:
    """67 KB of a zip took 2 GB: all lines were objects of Python's before they were counted."""
    nested = json.dumps({"id": "0" * 64, "drawn_at": 1, "recipe": {"x": [[]] * 200_000}})
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(f"pictures/{'0' * 64}.png", png())
        packed.writestr(files.INDEX, "\n".join([nested] * 20))
    code = """if True:
        import resource, sys
        from limner.studio.gallery import files
        from limner.studio.gallery.gallery import Gallery
        gallery = Gallery(sys.argv[1] + "/gallery.sqlite")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            files.read(gallery, open(sys.argv[1] + "/bomb.zip", "rb"))
        except ValueError as error:
            print(error)
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    """
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    says, megabytes = run.stdout.splitlines()
    assert "cannot be imported" in says and int(megabytes) < 100, run.stdout


def test_a_zip_of_many_large_pictures_is_added_in_parts(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    parts: list[int] = []
    add_all = gallery.add_all
    monkeypatch.setattr(gallery, "add_all", lambda some: parts.append(len(some)) or add_all(some))
    monkeypatch.setattr(files, "_TRANSACTION_BYTES", 3 * len(png()) - 1)
    assert files.read(gallery, zipped(*({"seed": i} for i in range(7)))) == (7, 7)
    assert max(parts) == 3 and sum(parts) == 7


# Clocks


def test_a_clock_set_back_forgets_nothing_new(location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = Gallery(location, history=5)
    for seed in range(5):
        gallery.add(picture(seed=seed))
    clock = galleries.now
    monkeypatch.setattr(galleries, "now", lambda: clock() - 365 * DAY)
    for seed in (5, 6):
        gallery.add(picture(seed=seed))
    gallery.trim()
    assert seeds(gallery) == [2, 3, 4, 5, 6]
    gallery.close()


def test_one_start_with_the_clock_ahead_empties_no_bin(location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = Gallery(location)
    gallery.delete([gallery.add(picture(seed=1)).id])
    clock = galleries.now
    monkeypatch.setattr(galleries, "now", lambda: clock() + 31 * DAY)
    for _ in range(2):
        gallery.close()
        gallery = Gallery(location)
        gallery.trim()
        assert gallery.page("deleted").total == 1
    gallery.add(picture(seed=2))  # a month later it is used again, so a month has passed
    gallery.close()
    gallery = Gallery(location)
    assert gallery.page("deleted").total == 0
    gallery.close()


# Files


def read_all(file: Path) -> None:
    with contextlib.closing(Gallery(file)) as gallery:
        for shelf in ("kept", "drawn", "deleted"):
            for one in gallery.page(shelf, limit=200).pictures:  # type: ignore[arg-type]
                gallery.png(one.id)


def test_a_damaged_gallery_is_told_in_a_line(tmp_path: Path) -> None:
    file, raised = tmp_path / "gallery.sqlite", 0
    with contextlib.closing(Gallery(file)) as gallery:
        for seed in range(30):
            gallery.add(picture(seed=seed), keep=True)
    sound = file.read_bytes()
    for place in range(0, len(sound), len(sound) // 40):
        damaged = bytearray(sound)
        damaged[place : place + 256] = b"\xff" * len(damaged[place : place + 256])
        for other in tmp_path.glob("gallery.sqlite*"):
            other.unlink()
        file.write_bytes(damaged)
        try:
            read_all(file)
        except UserError as error:
            raised += 1
            assert "\n" not in str(error) and "gallery.sqlite" in str(error), str(error)
    assert raised > 10


def test_a_damaged_recipe_is_told_in_a_line(tmp_path: Path) -> None:
    file = tmp_path / "gallery.sqlite"
    with contextlib.closing(Gallery(file)) as gallery:
        gallery.add(picture(), keep=True)
        with contextlib.closing(sqlite3.connect(file)) as raw:
            raw.execute("UPDATE pictures SET recipe = '{'")
            raw.commit()
        with pytest.raises(Damaged, match=r"sqlite3 gallery\.sqlite \.recover"):
            gallery.page("kept")
        with TestClient(app(gallery)) as client:
            assert client.get(f"{routes.PREFIX}/pictures").status_code == 503


@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_nothing_is_written_to_a_gallery_whose_file_is_gone(tmp_path: Path, how: str) -> None:
    file = tmp_path / "gallery.sqlite"
    gallery = Gallery(file)
    gallery.add(picture(seed=1), keep=True)
    for one in tmp_path.glob("gallery.sqlite*"):
        one.rename(tmp_path / f"moved-{one.name}")
    if how == "replaced":
        Gallery(file).close()
    with pytest.raises(Unavailable, match="moved or deleted"):
        gallery.add(picture(seed=2), keep=True)
    gallery.close()
    assert file.exists() == (how == "replaced")


def test_a_closed_gallery_is_whole_while_another_has_it_open(tmp_path: Path) -> None:
    first, second = Gallery(tmp_path / "gallery.sqlite"), Gallery(tmp_path / "gallery.sqlite")
    assert second.page().total == 0
    first.add(picture(), keep=True)
    first.close()
    (tmp_path / "copy.sqlite").write_bytes((tmp_path / "gallery.sqlite").read_bytes())
    copy = Gallery(tmp_path / "copy.sqlite")
    assert copy.page().total == 1
    copy.close()
    second.close()


# Over HTTP


def app(gallery: Gallery) -> FastAPI:
    made = FastAPI()
    made.include_router(routes.router(gallery))
    return made


@pytest.fixture
def client(gallery: Gallery) -> Iterator[TestClient]:
    with TestClient(app(gallery)) as found:
        yield found


def test_few_pictures_are_decoded_at_once(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """24 pictures of 87 KB took 3 GB."""
    now, most, lock = 0, 0, threading.Lock()

    def slow(content: bytes) -> Any:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.05)
        with lock:
            now -= 1
        return decode(content)

    monkeypatch.setattr(galleries, "decode", slow)
    bodies = [{"png": base64.b64encode(png(seed=seed)).decode()} for seed in range(12)]
    answers: list[int] = []
    ask = [
        threading.Thread(
            target=lambda body=body: answers.append(client.post(f"{routes.PREFIX}/pictures", json=body).status_code)
        )
        for body in bodies
    ]
    for one in ask:
        one.start()
    for one in ask:
        one.join()
    assert answers == [201] * 12 and most == routes.MAX_DECODING


def test_an_export_is_streamed_one_at_a_time_and_leaves_nothing(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(6):
        gallery.add(picture(seed=seed), keep=True)
    turn = routes.Turn("another")
    with turn, pytest.raises(routes.HTTPException) as refused, turn:
        pass
    assert refused.value.status_code == 503
    with turn:
        pass
    pieces = files.stream(gallery)
    assert next(pieces)[:2] == b"PK"
    pieces.close()  # type: ignore[attr-defined]
    whole = b"".join(files.stream(gallery))
    assert zipfile.ZipFile(io.BytesIO(whole)).testzip() is None
    assert max(map(len, files.stream(gallery))) < len(whole) / 2


def test_a_zip_for_which_there_is_no_room_is_told(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(tempfile.SpooledTemporaryFile):  # type: ignore[type-arg]
        def write(self, content: Any) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(routes.tempfile, "SpooledTemporaryFile", Full)
    answer = client.post(f"{routes.PREFIX}/import", content=b"x" * 100)
    assert answer.status_code == 507 and "TMPDIR" in answer.text
