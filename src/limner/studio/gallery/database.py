"""The studio's database: SQLite in a file by default, PostgreSQL by URL; migrated when it is opened."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import platformdirs
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.orm import Session

from limner.errors import UserError
from limner.files import make_folder

MIGRATIONS = Path(__file__).parent / "_migrations"
LOCK_TIMEOUT = 10
"""Seconds that a writer waits for another before it gives up."""
_LOCK = 0x11A3E5  # any number that every Limner agrees on: one server at a time migrates
_DEADLOCK = "40P01"
"""PostgreSQL's code: two transactions waited for each other, and this one was ended."""
_TRIES = 5
_WRITES = "limner_writes"
_LIBPQ = re.compile(r"\s*(?:host|hostaddr|port|dbname|user|password|passfile|service|sslmode|options)\s*=")
_LASTING = (None, "SQLITE_ERROR")
"""Operational errors that no retry helps against: a text that is not UTF-8, a missing table."""

T = TypeVar("T")


class Missing(UserError):
    """The record that was asked for does not exist."""


class Conflict(UserError):
    """A change contradicts what is stored."""


class Unavailable(UserError):
    """The database does not respond or cannot write now; a retry may succeed."""


class Damaged(Unavailable):
    """The database holds what it cannot hold; a retry helps only after it was repaired."""


def default_location() -> Path | str:
    """Return the studio's gallery: what LIMNER_GALLERY names, a file or a server, else a file in the user's data."""
    data = platformdirs.user_data_path("limner", appauthor=False)
    named = os.environ.get("LIMNER_GALLERY") or ""
    return named if is_server(named) else Path(named or data / "gallery.sqlite")


def now() -> int:
    """Return microseconds since 1970."""
    return time.time_ns() // 1000


class Database:
    """An open database, migrated to the current tables; safe to use from many threads.

    A write that has returned survives a crash of the process, and with SQLite a loss of power, too
    (write-ahead log, synchronous=FULL).

    Args:
        location: a file, a URL such as `postgresql://user@host/name`, or libpq's `host=... dbname=...`.

    Raises:
        UserError: where it cannot be reached, is not a database, cannot hold every prompt (a PostgreSQL that is not in
            UTF-8), or was migrated by a newer Limner.
    """

    def __init__(self, location: str | Path) -> None:
        url = _url(location)
        self.display_url = url.render_as_string(hide_password=True)
        self._file = Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
        try:
            self._engine = self._reading = _engine(url)
            self._writing = self._engine.execution_options(**{_WRITES: True})
            if url.get_backend_name() == "postgresql":  # whose transactions see what others commit meanwhile
                self._reading = self._engine.execution_options(isolation_level="REPEATABLE READ")
            with self._writing.begin() as connection:
                _check_encoding(connection, self.display_url)
                _migrate(connection, self.display_url)
        except DBAPIError as error:
            raise UserError(f"cannot use the database {self.display_url}: {_first_line(error.orig)}") from None
        except OSError as error:  # no file can be opened: too many are
            raise UserError(f"cannot use the database {self.display_url}: {error.strerror}") from None
        self._file_id = self._find_file()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a read-only session on one snapshot of the database.

        Raises:
            Unavailable: where the database does not respond.
        """
        with self._unavailable_errors(), Session(self._reading) as session:
            yield session

    def write(self, work: Callable[[Session], T]) -> T:
        """Run `work` in one transaction and return its result once that is committed to disk.

        It is run again where another writer inserted the same key meanwhile, or waited for this one and was waited for
        by it; so `work` may be called several times.

        Raises:
            Unavailable: where the database does not respond, is locked for long, or its disk is full.
        """
        for _ in range(_TRIES):
            try:
                return self._write(work)
            except IntegrityError:
                break
            except Unavailable as error:
                if getattr(getattr(error.__cause__, "orig", None), "sqlstate", None) != _DEADLOCK:
                    raise
        try:
            return self._write(work)
        except IntegrityError as error:
            raise self._damaged(error.orig) from None

    def close(self) -> None:
        """Close all connections; SQLite's one file then holds everything, whoever else has it open."""
        if self._file is not None and self._find_file() == self._file_id:
            with (
                contextlib.suppress(DBAPIError, sqlite3.Error),
                contextlib.closing(self._engine.raw_connection()) as raw,
            ):
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._engine.dispose()

    def _write(self, work: Callable[[Session], T]) -> T:
        if self._find_file() != self._file_id:
            raise Unavailable(
                f"{self._file} was moved or deleted while it was open, and what is added now would be lost: put it back"
                " or start again"
            )
        with self._unavailable_errors(), Session(self._writing, expire_on_commit=False) as session, session.begin():
            return work(session)

    @contextmanager
    def _unavailable_errors(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            if self._file is not None and getattr(error.orig, "sqlite_errorname", None) in _LASTING:
                raise self._damaged(error.orig) from None
            raise Unavailable(f"the database is not available now: {_first_line(error.orig)}") from error
        except IntegrityError:
            raise
        except DatabaseError as error:
            raise self._damaged(error.orig) from None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:  # of a recipe
            raise self._damaged(error) from None

    def _find_file(self) -> tuple[int, int] | None:
        """Return what identifies SQLite's file; None where there is none."""
        if self._file is None:
            return None
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _damaged(self, error: BaseException | None) -> Damaged:
        if self._file is None:
            return Damaged(f"the database {self.display_url} is damaged: {_first_line(error)}")
        return Damaged(
            f"the database {self._file} is damaged ({_first_line(error)}): close the studio, keep a copy, and save "
            f"what can be read with: sqlite3 {self._file.name} .recover | sqlite3 saved.sqlite"
        )


def migrate(connection: Connection, revision: str = "head") -> None:
    """Migrate the tables of a connection to a revision, within its transaction."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _check_encoding(connection: Connection, display_url: str) -> None:
    """Refuse a server whose database cannot hold every prompt, before anything is made in it."""
    if connection.dialect.name != "postgresql":
        return
    encoding = connection.scalar(text("SELECT current_setting('server_encoding')"))
    if encoding != "UTF8":
        raise UserError(
            f"the database {display_url} is in {encoding}, which cannot hold every prompt: make one in UTF-8 "
            "(createdb -T template0 -E UTF8 NAME) and name that"
        )


def _migrate(connection: Connection, display_url: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    try:
        migrate(connection)
    except CommandError as error:
        reason = f"{display_url} is not of this version of Limner ({error}): pip install -U limner, or name another"
        raise UserError(f"the database {reason}") from None


def _url(location: str | Path) -> URL:
    if isinstance(location, Path) or not is_server(location):
        file = Path(location).absolute()
        make_folder(file.parent)
        return URL.create("sqlite", database=str(file))
    if _LIBPQ.match(location):
        return _url_of_keywords(location)
    try:
        url = make_url(location)
    except (ArgumentError, ValueError):
        raise UserError("the database's URL cannot be read: write it as postgresql://user@host/name") from None
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    return url


def is_server(location: str) -> bool:
    """Tell whether text names a database by a URL, or in the words of libpq (`host=... dbname=...`), not a file."""
    return "://" in location or _LIBPQ.match(location) is not None


def _url_of_keywords(text: str) -> URL:
    """Return the URL of what libpq reads: `host=db.example dbname=limner user=anna`."""
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        raise UserError("PostgreSQL needs a driver that is not here: pip install 'limner[postgres]'") from None
    try:
        found = {name: str(value) for name, value in conninfo_to_dict(text).items() if value is not None}
    except ProgrammingError:  # its message may hold the password
        raise UserError(
            "the database's connection string cannot be read: write it as 'host=NAME dbname=NAME user=NAME', or as "
            "postgresql://user@host/name"
        ) from None
    user, password, name = (found.pop(key, None) for key in ("user", "password", "dbname"))
    return URL.create("postgresql+psycopg", user, password, database=name, query=found)


def _engine(url: URL) -> Engine:
    sqlite = url.get_backend_name() == "sqlite"
    arguments: dict[str, Any] = {"timeout": LOCK_TIMEOUT} if sqlite else {}
    if "psycopg" in url.drivername:  # whatever the environment's PGCLIENTENCODING says
        arguments["client_encoding"] = "utf8"
    try:
        engine = create_engine(url, pool_pre_ping=not sqlite, connect_args=arguments)
    except NoSuchModuleError:
        raise UserError(
            f"no database of the kind {url.drivername!r}: use a file, or postgresql://user@host/name"
        ) from None
    except ImportError as error:
        hint = "pip install 'limner[postgres]'" if "psycopg" in str(error) else "install it"
        raise UserError(f"{url.drivername} needs a driver that is not here ({error}): {hint}") from None
    if sqlite:
        event.listen(engine, "connect", _open_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _open_sqlite(connection: Any, record: Any) -> None:
    """Leave transactions to `_begin_sqlite`: Python's sqlite3 module would begin them too late."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at the beginning: a reader that starts to write later could only fail."""
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _first_line(error: BaseException | None) -> str:
    return next(iter(str(error).strip().splitlines()), "no reason given")[:200]
