"""The gallery: every picture with the recipe that draws it again; favourites, history, and a bin to restore from.

The id of a picture is a hash of what determines it (checkpoint, request, knobs, seed), so adding one twice, or
importing a gallery into itself, makes no duplicates.
"""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from sqlalchemy import ColumnElement, Text, and_, cast, delete, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, undefer

from limner.errors import UserError
from limner.studio.gallery.database import Database, Missing, now
from limner.studio.gallery.recipe import checked, decode, encode, folded, identity, recipe_in, searched
from limner.studio.gallery.tables import Picture

Shelf = Literal["kept", "drawn", "deleted"]
"""Favourites; everything that was drawn, favourites included; the bin."""
MAX_PAGE = 200
MAX_AT_ONCE = 1_000
MAX_WORDS = 20
TRIM_EVERY = 100
"""Pictures that are added between two calls of `Gallery.trim`."""
DAY = 86_400 * 10**6
"""In microseconds."""
_ORDER: dict[str, InstrumentedAttribute[Any]] = {
    "kept": Picture.kept_at,
    "drawn": Picture.drawn_at,
    "deleted": Picture.deleted_at,
}
_HISTORY = Picture.kept_at.is_(None), Picture.deleted_at.is_(None)


@dataclass(frozen=True)
class Page:
    """Some pictures of a shelf, newest first."""

    pictures: Sequence[Picture]
    next: str | None
    """Cursor of the following page, which `Gallery.page` takes as `after`; None at the end."""
    total: int
    """Pictures on the shelf that match the search, on all pages."""


@dataclass(frozen=True)
class NewPicture:
    """A picture to add, its recipe checked."""

    png: bytes
    recipe: dict[str, Any]
    size: tuple[int, int]
    note: str = ""
    drawn_at: int = 0
    kept_at: int | None = None

    @classmethod
    def of(
        cls, image: Image.Image, parents: Sequence[str] | None = None, note: str = "", *, keep: bool = False
    ) -> NewPicture:
        """Read a picture and the recipe it carries; raise as `Gallery.add`."""
        recipe = recipe_in(image)
        if parents is not None:
            recipe = checked(recipe | {"parents": list(parents)})
        at = now()
        return cls(encode(image, recipe), recipe, image.size, note, at, at if keep else None)


class Gallery:
    """Pictures in a database; safe to use from many threads, and from many processes at once.

    Args:
        location: a file (SQLite), a URL such as `postgresql://user@host/name`, or an open database.
        history: how many pictures that are not favourites are stored; older ones are deleted.
        days: how long deleted pictures can be restored.

    Raises:
        UserError: as `Database`.
    """

    def __init__(self, location: str | Path | Database, *, history: int = 10_000, days: float = 30) -> None:
        self.database = location if isinstance(location, Database) else Database(location)
        self._history, self._days, self._added = history, days, 0
        self._opened_at, self._last_known = time.monotonic(), self._newest_time()
        self.trim()

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def add(
        self, picture: Image.Image | bytes, *, keep: bool = False, parents: Sequence[str] | None = None, note: str = ""
    ) -> Picture:
        """Add a picture, or update the heart and note of one that exists; on return it is committed to disk.

        Where one of the same recipe has other pixels, these take their place: it may have come from anywhere.

        Args:
            picture: as an artist drew it, or its PNG; it carries its recipe.
            keep: as a favourite, not only as history. False does not unmark a favourite.
            parents: ids of the pictures it was made from (morph, mix); those in its recipe where None.
            note: a person's comment.

        Raises:
            UserError: where it is not a PNG within the limits, or carries no valid recipe.
        """
        image = decode(picture) if isinstance(picture, bytes) else picture
        new = NewPicture.of(image, parents, note, keep=keep)
        with self.database.reading() as session:
            stored_recipe = session.scalar(select(Picture.recipe).where(Picture.id == identity(new.recipe)))
        if stored_recipe is not None and stored_recipe != new.recipe:
            new = dataclasses.replace(new, png=encode(image, stored_recipe))
        stored, _ = self.database.write(lambda session: _upsert(session, new, own=True))
        self._count_added(1)
        return stored

    def add_all(self, pictures: Sequence[NewPicture]) -> int:
        """Add pictures of another gallery, and restore those that are in the bin; return how many did not exist before.

        Of pictures that exist, notes and pixels stay as they are here. No time lies in the future.
        """
        latest = now()

        def work(session: Session) -> int:
            added = 0
            for new in pictures:
                kept_at = None if new.kept_at is None else min(new.kept_at, latest)
                new = dataclasses.replace(new, drawn_at=min(new.drawn_at, latest), kept_at=kept_at)
                added += _upsert(session, new, own=False)[1]
            return added

        return self.database.write(work)

    def beyond_room(self, pictures: Iterable[tuple[int, str]]) -> set[str]:
        """Return which of some pictures of another gallery's history there is no room for, so that none here is lost.

        Args:
            pictures: time and id of each.

        Returns:
            The ids of the oldest of those that are not here.
        """
        newest_first = sorted(pictures, reverse=True)
        new: list[str] = []
        with self.database.reading() as session:
            count = session.scalar(select(func.count()).select_from(Picture).where(*_HISTORY)) or 0
            for start in range(0, len(newest_first), MAX_AT_ONCE):
                some = [name for _, name in newest_first[start : start + MAX_AT_ONCE]]
                rows = select(Picture.id).where(Picture.id.in_(some), Picture.deleted_at.is_(None))
                here = set(session.scalars(rows))
                new += [name for name in some if name not in here]
        return set(new[max(self._history - count, 0) :])

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
        self,
        shelf: Shelf = "kept",
        *,
        search: str = "",
        artist: str = "",
        parent: str = "",
        limit: int = 50,
        after: str | None = None,
    ) -> Page:
        """Return a page of a shelf, newest first.

        Args:
            shelf: which.
            search: words, or beginnings of words; request, artist and note must contain all of them.
            artist: only pictures that it drew.
            parent: only pictures that were made from the one of this id.
            limit: pictures on a page, 200 at most.
            after: cursor, the `next` of the page before; pictures added since do not shift the pages.

        Raises:
            UserError: where `after` is not a cursor, or `limit` is out of bounds.
        """
        if not 1 <= limit <= MAX_PAGE:
            raise UserError(f"limit, the pictures of a page, is from 1 to {MAX_PAGE}, not {limit}")
        column = _ORDER[shelf]
        of = [Picture.artist == artist] if artist else []
        born = [cast(Picture.parents, Text).contains(parent, autoescape=True)] if parent else []
        matches = and_(*_on_shelf(shelf), *_contains_words(search), *of, *born)
        rows = select(Picture).where(matches).order_by(column.desc(), Picture.id.desc()).limit(limit + 1)
        if after is not None:
            at, last_id = _parse_cursor(after)
            rows = rows.where(or_(column < at, and_(column == at, Picture.id < last_id)))
        with self.database.reading() as session:
            found = list(session.scalars(rows))
            total = session.scalar(select(func.count()).select_from(Picture).where(matches)) or 0
        cursor = f"{getattr(found[limit - 1], column.key)}-{found[limit - 1].id}" if len(found) > limit else None
        return Page(found[:limit], cursor, total)

    def change(self, picture: str, *, keep: bool | None = None, note: str | None = None) -> Picture:
        """Mark or unmark a picture as a favourite, and set its note, where not None.

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

    def delete(self, ids: Sequence[str]) -> tuple[str, int]:
        """Put pictures in the bin; return the id of the deletion, which `undo` takes, and how many were deleted."""
        if len(ids) > MAX_AT_ONCE:
            raise UserError(f"{MAX_AT_ONCE:,} pictures can be deleted at once, not {len(ids):,}")
        deletion = secrets.token_hex(16)
        rows = update(Picture).where(Picture.id.in_(ids), Picture.deleted_at.is_(None))
        count = self.database.write(lambda s: _count(s, rows.values(deleted_at=now(), deletion=deletion)))
        return deletion, count

    def undo(self, deletion: str) -> int:
        """Restore the pictures of one deletion, favourites as such; return how many."""
        rows = update(Picture).where(Picture.deletion == deletion)
        return self.database.write(lambda s: _count(s, rows.values(deleted_at=None, deletion=None)))

    def each(self, shelf: Shelf = "kept") -> Iterator[tuple[Picture, bytes]]:
        """Yield all pictures of a shelf, oldest first, with their PNGs; a few are in memory at a time."""
        column, at, last_id = _ORDER[shelf], -1, ""
        rows = (
            select(Picture)
            .options(undefer(Picture.png))
            .where(*_on_shelf(shelf))
            .order_by(column, Picture.id)
            .limit(20)
        )
        while True:
            with self.database.reading() as session:
                later = rows.where(or_(column > at, and_(column == at, Picture.id > last_id)))
                found = list(session.scalars(later))
            yield from ((picture, picture.png) for picture in found)
            if not found:
                return
            at, last_id = getattr(found[-1], column.key), found[-1].id

    def _count_added(self, number: int) -> None:
        self._added += number
        if self._added >= TRIM_EVERY:
            self._added = 0
            self.trim()

    def trim(self) -> None:
        """Delete history beyond its limit, and pictures that were in the bin for too long.

        Of history the oldest go, and before them those that a wrong clock dated in the future.
        """
        newest_first = select(Picture.id).where(*_HISTORY).order_by(Picture.drawn_at > now(), Picture.drawn_at.desc())
        emptied = self._certain_time() - int(self._days * DAY)

        def work(session: Session) -> None:
            session.execute(delete(Picture).where(Picture.deleted_at < emptied))
            # A heart that another server gives meanwhile counts: the row itself is looked at when it is its turn.
            session.execute(delete(Picture).where(Picture.id.in_(newest_first.offset(self._history)), *_HISTORY))

        self.database.write(work)

    def _newest_time(self) -> int:
        """Return the latest time that is recorded, the present where there is none."""
        with self.database.reading() as session:
            found = session.execute(select(func.max(Picture.drawn_at), func.max(Picture.deleted_at))).one()
        return max((at for at in found if at is not None), default=now())

    def _certain_time(self) -> int:
        """Return a time that is not later than the present, even where the clock has been set forward by mistake.

        It is the latest that was recorded when the gallery was opened, and how long it has been open since.
        """
        return min(now(), self._last_known + int((time.monotonic() - self._opened_at) * 10**6))


def _upsert(session: Session, new: NewPicture, *, own: bool) -> tuple[Picture, bool]:
    """Add or update a picture; return it, and whether it is new.

    Of one that exists, note and pixels are replaced only by one's `own`: what another gallery says is less certain.
    """
    name = identity(new.recipe)
    found = session.get(Picture, name)
    is_new = found is None
    if found is None:
        found = Picture(
            id=name, artist=new.recipe["artist"], checkpoint=new.recipe["checkpoint"], recipe=new.recipe, png=new.png
        )
        found.parents, found.note = new.recipe["parents"], ""
        found.width, found.height = new.size
        found.drawn_at, found.kept_at = new.drawn_at, None
        session.add(found)
    elif own:
        found.png, (found.width, found.height) = new.png, new.size
        found.drawn_at = max(found.drawn_at, new.drawn_at)
    found.kept_at = found.kept_at or new.kept_at
    found.note = (new.note or found.note) if own else (found.note or new.note)
    found.words = searched(found.recipe, found.note)
    found.deleted_at = found.deletion = None
    session.flush()
    return found, is_new


def _one(session: Session, picture: str) -> Picture:
    found = session.get(Picture, picture)
    if found is None:
        raise Missing("there is no such picture in the gallery")
    return found


def _count(session: Session, statement: Any) -> int:
    return int(session.execute(statement).rowcount)  # type: ignore[attr-defined]


def _on_shelf(shelf: Shelf) -> list[ColumnElement[bool]]:
    """Return the conditions for a picture to be on a shelf."""
    if shelf == "deleted":
        return [Picture.deleted_at.is_not(None)]
    stored: list[ColumnElement[bool]] = [Picture.deleted_at.is_(None)]
    return [*stored, Picture.kept_at.is_not(None)] if shelf == "kept" else stored


def _contains_words(search: str) -> list[ColumnElement[bool]]:
    return [Picture.words.contains(f" {word}", autoescape=True) for word in folded(search)[:MAX_WORDS]]


def _parse_cursor(after: str) -> tuple[int, str]:
    time, _, last_id = after.partition("-")
    if not (time.isascii() and time.isdigit() and len(time) < 19 and last_id):
        raise UserError("after is not a cursor: take it from `next` of the page before")
    return int(time), last_id
