"""The gallery: every picture with the recipe that draws it again; favourites, history, and a bin to take things from.

A picture is known by what decides it (checkpoint, request, knobs, seed), so adding one twice, or importing a gallery
into itself, doubles nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, undefer

from limner.errors import UserError
from limner.studio.gallery.database import Database, Missing, now
from limner.studio.gallery.recipe import checked, decode, encode, folded, identity, recipe_in, searched
from limner.studio.gallery.tables import Picture

Shelf = Literal["kept", "drawn", "deleted"]
"""Favourites; everything that was drawn, favourites too; the bin."""
LONGEST_PAGE = 200
MOST_AT_ONCE = 1_000
MOST_WORDS = 20
TRIM_EVERY = 100
"""Pictures added between two looks at what is too old."""
DAY = 86_400 * 10**6
"""In microseconds."""
_ORDER: dict[str, InstrumentedAttribute[Any]] = {
    "kept": Picture.kept_at,
    "drawn": Picture.drawn_at,
    "deleted": Picture.deleted_at,
}


@dataclass(frozen=True)
class Page:
    """Some pictures of a shelf, newest first."""

    pictures: Sequence[Picture]
    next: str | None
    """What `Gallery.page` takes as `after` to go on; None at the end."""
    total: int
    """Pictures on the shelf that were looked for, on all pages."""


@dataclass(frozen=True)
class New:
    """A picture to add: what `Gallery.add` makes of its arguments."""

    png: bytes
    made: dict[str, Any]
    size: tuple[int, int]
    note: str = ""
    drawn_at: int = 0
    kept_at: int | None = None

    @classmethod
    def of(cls, image: Image.Image, parents: Sequence[str] | None = None, note: str = "", *, keep: bool = False) -> New:
        """Read a picture and the recipe it carries; raise as `Gallery.add`."""
        made = recipe_in(image)
        if parents is not None:
            made = checked(made | {"parents": list(parents)})
        at = now()
        return cls(encode(image, made), made, image.size, note, at, at if keep else None)


class Gallery:
    """Pictures in a database; safe to use from many threads, and from many processes at once.

    Args:
        where: a file (SQLite), a URL such as `postgresql://user@host/name`, or an open database.
        history: pictures that are remembered without being kept; older ones are forgotten.
        days: how long what was deleted can be taken back.

    Raises:
        UserError: as `Database`.
    """

    def __init__(self, where: str | Path | Database, *, history: int = 10_000, days: float = 30) -> None:
        self.database = where if isinstance(where, Database) else Database(where)
        self._history, self._days, self._added = history, days, 0
        self.trim()

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def add(
        self, picture: Image.Image | bytes, *, keep: bool = False, parents: Sequence[str] | None = None, note: str = ""
    ) -> Picture:
        """Put a picture in, or its note and heart on the one that is there; when this returns it is safe on disk.

        Args:
            picture: as an artist drew it, or its PNG; it carries its recipe.
            keep: as a favourite, not only as history. What is kept stays so.
            parents: ids of the pictures it was made from (morph, mix); those in its recipe where None.
            note: what a person says of it.

        Raises:
            UserError: where it is no PNG within limits, or carries no sound recipe.
        """
        image = decode(picture) if isinstance(picture, bytes) else picture
        new = New.of(image, parents, note, keep=keep)
        found, _ = self.database.write(lambda session: _put(session, new))
        self._count_added(1)
        return found

    def add_all(self, some: Sequence[New]) -> int:
        """Add all of them, and bring back those that are in the bin; return how many were not there before."""
        fresh = self.database.write(lambda session: sum(_put(session, new)[1] for new in some))
        self._count_added(len(some))
        return fresh

    def get(self, picture: str) -> Picture:
        """Return a picture by its id.

        Raises:
            Missing: where there is none.
        """
        with self.database.reading() as session:
            return _one(session, picture)

    def png(self, picture: str) -> bytes:
        """Return the PNG of a picture, its recipe inside; raise as `get`."""
        with self.database.reading() as session:
            return _one(session, picture).png

    def page(
        self, shelf: Shelf = "kept", *, search: str = "", artist: str = "", limit: int = 50, after: str | None = None
    ) -> Page:
        """Return a page of a shelf, newest first.

        Args:
            shelf: which.
            search: words, or beginnings of words, that request, artist or note have, all of them.
            artist: only what it drew.
            limit: pictures on a page, 200 at most.
            after: where the page before ended (its `next`); pictures added since do not shift what follows.

        Raises:
            UserError: where `after` is no such place, or `limit` is out of bounds.
        """
        if not 1 <= limit <= LONGEST_PAGE:
            raise UserError(f"limit, the pictures of a page, is from 1 to {LONGEST_PAGE}, not {limit}")
        column = _ORDER[shelf]
        wanted = and_(*_on(shelf), *_saying(search), *([Picture.artist == artist] if artist else []))
        rows = select(Picture).where(wanted).order_by(column.desc(), Picture.id.desc()).limit(limit + 1)
        if after is not None:
            at, last = _cursor(after)
            rows = rows.where(or_(column < at, and_(column == at, Picture.id < last)))
        with self.database.reading() as session:
            found = list(session.scalars(rows))
            total = session.scalar(select(func.count()).select_from(Picture).where(wanted)) or 0
        more = f"{getattr(found[limit - 1], column.key)}-{found[limit - 1].id}" if len(found) > limit else None
        return Page(found[:limit], more, total)

    def change(self, picture: str, *, keep: bool | None = None, note: str | None = None) -> Picture:
        """Set or take the heart of a picture, and its note, where not None.

        Raises:
            Missing: where there is none.
        """

        def work(session: Session) -> Picture:
            found = _one(session, picture)
            if keep is not None:
                found.kept_at = (found.kept_at or now()) if keep else None
            if note is not None:
                found.note, found.words = note, searched(found.recipe, note)
            return found

        return self.database.write(work)

    def delete(self, some: Sequence[str]) -> tuple[str, int]:
        """Put pictures in the bin; return what `undo` takes to bring them back, and how many went."""
        if len(some) > MOST_AT_ONCE:
            raise UserError(f"{MOST_AT_ONCE:,} pictures can be deleted at once, not {len(some):,}")
        deletion = secrets.token_hex(16)
        rows = update(Picture).where(Picture.id.in_(some), Picture.deleted_at.is_(None))
        gone = self.database.write(lambda s: _count(s, rows.values(deleted_at=now(), deletion=deletion)))
        return deletion, gone

    def undo(self, deletion: str) -> int:
        """Bring back what one deletion took, hearts and all; return how many pictures came back."""
        rows = update(Picture).where(Picture.deletion == deletion)
        return self.database.write(lambda s: _count(s, rows.values(deleted_at=None, deletion=None)))

    def each(self, shelf: Shelf = "kept") -> Iterator[tuple[Picture, bytes]]:
        """Yield all pictures of a shelf, oldest first, with their PNGs; a few are in memory at a time."""
        column, last = _ORDER[shelf], (-1, "")
        rows = select(Picture).options(undefer(Picture.png)).where(*_on(shelf)).order_by(column, Picture.id).limit(20)
        while True:
            at, name = last
            with self.database.reading() as session:
                later = rows.where(or_(column > at, and_(column == at, Picture.id > name)))
                found = list(session.scalars(later))
            yield from ((one, one.png) for one in found)
            if not found:
                return
            last = getattr(found[-1], column.key), found[-1].id

    def _count_added(self, number: int) -> None:
        self._added += number
        if self._added >= TRIM_EVERY:
            self._added = 0
            self.trim()

    def trim(self) -> None:
        """Forget history beyond what is remembered, and empty the bin of what lies in it for too long."""
        past = Picture.kept_at.is_(None), Picture.deleted_at.is_(None)
        oldest = select(Picture.drawn_at).where(*past).order_by(Picture.drawn_at.desc()).offset(self._history).limit(1)

        def work(session: Session) -> None:
            session.execute(delete(Picture).where(Picture.deleted_at < now() - int(self._days * DAY)))
            if (at := session.scalar(oldest)) is not None:
                session.execute(delete(Picture).where(*past, Picture.drawn_at <= at))

        self.database.write(work)


def _put(session: Session, new: New) -> tuple[Picture, bool]:
    """Return the picture, and whether it was not there before."""
    name = identity(new.made)
    found = session.get(Picture, name)
    fresh = found is None
    if found is None:
        found = Picture(
            id=name, artist=new.made["artist"], checkpoint=new.made["checkpoint"], recipe=new.made, png=new.png
        )
        found.parents, found.note = new.made["parents"], ""
        found.width, found.height = new.size
        found.drawn_at, found.kept_at = new.drawn_at, None
        session.add(found)
    found.kept_at = found.kept_at or new.kept_at
    found.note = new.note or found.note
    found.words = searched(found.recipe, found.note)
    found.drawn_at = max(found.drawn_at, new.drawn_at)
    found.deleted_at = found.deletion = None
    session.flush()
    return found, fresh


def _one(session: Session, picture: str) -> Picture:
    found = session.get(Picture, picture)
    if found is None:
        raise Missing("there is no such picture in the gallery")
    return found


def _count(session: Session, statement: Any) -> int:
    return int(session.execute(statement).rowcount)  # type: ignore[attr-defined]


def _on(shelf: Shelf) -> list[ColumnElement[bool]]:
    """Return what tells that a picture is on a shelf."""
    if shelf == "deleted":
        return [Picture.deleted_at.is_not(None)]
    there: list[ColumnElement[bool]] = [Picture.deleted_at.is_(None)]
    return [*there, Picture.kept_at.is_not(None)] if shelf == "kept" else there


def _saying(search: str) -> list[ColumnElement[bool]]:
    return [Picture.words.contains(f" {word}", autoescape=True) for word in folded(search)[:MOST_WORDS]]


def _cursor(after: str) -> tuple[int, str]:
    at, _, last = after.partition("-")
    if not (at.isascii() and at.isdigit() and len(at) < 19 and last):
        raise UserError("after is no place in the list: take it from `next` of the page before")
    return int(at), last
