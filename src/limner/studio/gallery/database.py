"""The studio's database: SQLite in a file by default, PostgreSQL by URL; brought up to date when it is opened."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from limner.errors import UserError
from limner.files import make_folder

MIGRATIONS = Path(__file__).parent / "_migrations"
WAIT = 10
"""Seconds that a writer waits for another before it gives up."""
_LOCK = 0x11A3E5  # any number that every Limner agrees on: one server at a time migrates
_WRITES = "limner_writes"

T = TypeVar("T")


class Missing(UserError):
    """What was asked for is not there."""


class Conflict(UserError):
    """What was asked for does not go together with what is there."""


class Unavailable(UserError):
    """The database does not answer or cannot write now; later it may."""


def default_place() -> Path:
    """Return where the studio keeps its gallery: LIMNER_GALLERY, else the user's data folder."""
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return Path(os.environ.get("LIMNER_GALLERY") or data / "limner" / "gallery.sqlite")


def now() -> int:
    """Return microseconds since 1970."""
    return time.time_ns() // 1000


class Database:
    """An open database with today's tables; safe to use from many threads.

    A write that has returned survives the death of the process, and with SQLite, too, the loss of power
    (write-ahead log, synchronous=FULL).

    Args:
        where: a file, or a URL such as `postgresql://user@host/name`.

    Raises:
        UserError: where it cannot be reached, is no database, or a newer Limner's.
    """

    def __init__(self, where: str | Path) -> None:
        url = _url(where)
        self.shown = url.render_as_string(hide_password=True)
        try:
            self._engine = _engine(url)
            self._writing = self._engine.execution_options(**{_WRITES: True})
            with self._writing.begin() as connection:
                _migrate(connection, self.shown)
        except DBAPIError as error:
            raise UserError(f"cannot use the database {self.shown}: {_first_line(error.orig)}") from None

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that sees one state of the database and changes nothing.

        Raises:
            Unavailable: where the database does not answer.
        """
        with self._answering(), Session(self._engine) as session:
            yield session

    def write(self, work: Callable[[Session], T]) -> T:
        """Do `work` in one transaction, all or nothing, and return what it returns once that is safe on disk.

        It is done once more where another writer put in the same key meanwhile, so it may be called twice.

        Raises:
            Unavailable: where the database does not answer, is busy for long, or its disk is full.
        """
        try:
            return self._write(work)
        except IntegrityError:
            return self._write(work)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _write(self, work: Callable[[Session], T]) -> T:
        with self._answering(), Session(self._writing, expire_on_commit=False) as session, session.begin():
            return work(session)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            raise Unavailable(f"the database does not do it now: {_first_line(error.orig)}") from error


def migrate(connection: Connection, revision: str = "head") -> None:
    """Bring the tables behind `connection` to a revision, within its transaction."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _migrate(connection: Connection, shown: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    try:
        migrate(connection)
    except CommandError as error:
        why = f"{shown} is not this Limner's ({error}): update with pip install -U limner, or choose another"
        raise UserError(f"the database {why}") from None


def _url(where: str | Path) -> URL:
    if isinstance(where, Path) or "://" not in where:
        place = Path(where).absolute()
        make_folder(place.parent)
        return URL.create("sqlite", database=str(place))
    try:
        url = make_url(where)
    except (ArgumentError, ValueError):
        raise UserError("the database's URL cannot be read: write it as postgresql://user@host/name") from None
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    return url


def _engine(url: URL) -> Engine:
    sqlite = url.get_backend_name() == "sqlite"
    try:
        engine = create_engine(url, pool_pre_ping=not sqlite, connect_args={"timeout": WAIT} if sqlite else {})
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
    """Leave transactions to `_begin_sqlite`: Python's driver would begin them too late."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    """Take the lock at once to write: a reader that turns writer midway could only fail."""
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _first_line(error: BaseException | None) -> str:
    return next(iter(str(error).strip().splitlines()), "no reason given")
