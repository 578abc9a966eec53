"""The database survives what happens to databases: kill -9, old tables, newer tables, files that are none."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, make_url, text

import galleries
from galleries import picture
from house_rules import ROOT
from lacking import lacking
from limner.errors import UserError
from limner.studio.gallery.database import Database, Unavailable, default_location, migrate
from limner.studio.gallery.gallery import Gallery
from limner.studio.gallery.tables import Table

# Two threads keep favourites for ever, and name each one when the gallery has acknowledged it.
WRITER = """
import sys, threading
from galleries import picture
from limner.studio.gallery.gallery import Gallery

gallery, first = Gallery(sys.argv[1]), int(sys.argv[2])
lock = threading.Lock()

def write(start):
    for seed in range(start, start + 10**5):
        one = gallery.add(picture(seed=seed, side=64), keep=True)
        with lock:
            print(one.id, flush=True)

for start in (first, first + 10**6):
    threading.Thread(target=write, args=(start,)).start()
"""


def test_galleries_are_tested_with_postgresql_too() -> None:
    if not galleries.SERVER:
        lacking("no PostgreSQL server, galleries were tested with SQLite alone: tests/programs.sh .venv/bin/pytest")


def acknowledged_until_killed(location: str, first: int, after: int) -> list[str]:
    """Start a writer, kill it without warning after some writes, and return what it had acknowledged."""
    command = [sys.executable, "-c", WRITER, location, str(first)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": "tests/helpers:src", "OMP_NUM_THREADS": "1"},
    ) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(after)]
        writer.kill()
        said += writer.stdout.readlines()
    return [line.strip() for line in said if len(line) == 65]


def test_kill_during_writes_loses_no_acknowledged_favourite(location: str) -> None:
    known: list[str] = []
    for first, after in ((0, 7), (2 * 10**6, 23)):
        known += acknowledged_until_killed(location, first, after)
        gallery = Gallery(location)
        found = {one.id: png for one, png in gallery.each("kept")}
        assert set(known) <= set(found)
        assert all(galleries.recipe_of(png) for png in found.values())
        assert gallery.add(picture(seed=5 * 10**6 + first), keep=True).kept_at
        gallery.close()
    assert len(known) >= 30
    if "://" not in location:
        with sqlite3.connect(location) as raw:
            assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def engine_of(location: str):  # type: ignore[no-untyped-def]
    return create_engine(make_url(location) if "://" in location else f"sqlite:///{location}")


def test_an_old_database_is_brought_up_with_its_rows(location: str) -> None:
    engine = engine_of(location)
    row = {
        "id": "cd" * 32, "artist": "old", "checkpoint": "ab" * 32, "recipe": '{"seed": 7}', "parents": "[]", "note": "",
        "words": " a red hat", "width": 8, "height": 8, "png": b"PNG", "drawn_at": 5, "kept_at": 6,
    }  # fmt: skip
    with engine.begin() as connection:
        migrate(connection, "1")
        names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
        connection.execute(text(f"INSERT INTO pictures ({names}) VALUES ({values})"), row)
    engine.dispose()

    gallery = Gallery(location)
    (found,) = gallery.page("kept", search="hat").pictures
    assert (found.artist, found.recipe, found.kept_at) == ("old", {"seed": 7}, 6)
    assert gallery.png(found.id) == b"PNG"
    gallery.close()


def test_migrations_make_the_tables_that_the_code_has(location: str) -> None:
    Database(location).close()
    engine = engine_of(location)
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Table.metadata)
    engine.dispose()
    assert found == []


def test_two_servers_may_start_at_once(location: str) -> None:
    faults: list[BaseException] = []

    def start() -> None:
        try:
            Database(location).close()
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_a_newer_database_is_left_alone(location: str) -> None:
    Database(location).close()
    engine = engine_of(location)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '99'"))
    with pytest.raises(UserError, match="pip install -U limner"):
        Database(location)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "99"
    engine.dispose()


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("my notes, and no database\n" * 100)
    with pytest.raises(UserError, match="cannot use the database"):
        Database(file)
    assert file.read_text().startswith("my notes")


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("delphi://user@host/name", "no database of the kind"),
        ("://", "cannot be read"),
        ("host=127.0.0.1 port=1 user=anna password=sesame dbname=none", "cannot use the database|needs a driver"),
        ("host=127.0.0.1 password='sesame", "cannot be read|needs a driver"),
        ("postgresql://anna:sesame@127.0.0.1:1/none", "cannot use the database|needs a driver"),
    ],
)
def test_a_database_that_is_not_there_is_told_in_a_line_without_the_password(location: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        Database(location)
    assert "sesame" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_database_that_is_busy_for_long_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limner.studio.gallery.database.LOCK_TIMEOUT", 0.1)
    gallery = Gallery(tmp_path / "gallery.sqlite")
    other = sqlite3.connect(tmp_path / "gallery.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked"):
        gallery.add(picture())
    assert gallery.page("drawn").total == 0  # who reads does not wait for who writes
    other.execute("ROLLBACK")
    assert gallery.add(picture())
    other.close()
    gallery.close()


def test_a_copy_of_the_files_is_a_gallery(tmp_path: Path) -> None:
    gallery = Gallery(tmp_path / "gallery.sqlite")
    one = gallery.add(picture(), keep=True).id
    gallery.close()
    shutil.copy(tmp_path / "gallery.sqlite", tmp_path / "copy.sqlite")
    copy = Gallery(tmp_path / "copy.sqlite")
    assert copy.get(one).id == one
    copy.close()


def test_the_default_location_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("LIMNER_GALLERY", raising=False)
    assert default_location() == tmp_path / "limner" / "gallery.sqlite"
    monkeypatch.setenv("LIMNER_GALLERY", str(tmp_path / "mine"))
    assert default_location() == tmp_path / "mine"
    for server in ("postgresql://anna@host/name", "host=db.example dbname=limner"):
        monkeypatch.setenv("LIMNER_GALLERY", server)
        assert default_location() == server, "a server is taken for the name of a file"


@pytest.mark.skipif(not galleries.SERVER, reason="no PostgreSQL server")
def test_what_libpq_reads_names_a_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    url = make_url(galleries.SERVER)
    words = f"host={url.host} port={url.port} user={url.username} dbname={url.database} application_name='a b'"
    Database(words).close()
    assert not list(tmp_path.iterdir()), "it was taken for the name of a file"


@pytest.mark.skipif(not galleries.SERVER, reason="no PostgreSQL server")
@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_hold_every_prompt_is_refused_at_the_start(encoding: str) -> None:
    name, server = (
        f"limner_{encoding.lower()}",
        create_engine(make_url(galleries.SERVER).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"),
    )
    try:
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}'"))
        location = server.url.set(database=name)
        with pytest.raises(UserError, match=f"is in {encoding}.*-E UTF8"):
            Database(location.render_as_string(hide_password=False))
        other = create_engine(location, connect_args={"client_encoding": "utf8"})
        with other.connect() as connection:
            assert not connection.scalar(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"))
        other.dispose()
    finally:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        server.dispose()
