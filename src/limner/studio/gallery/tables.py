"""The tables of the studio's database: pictures, and the studies, answers and pictures of blind ratings.

Times are whole microseconds since 1970, UTC: every database stores and orders them alike. A change here needs a new
file in `_migrations/versions`; a test compares the two.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, LargeBinary, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012 (declared by SQLAlchemy)


class Picture(Table):
    """A picture with its recipe: part of the history, and a favourite where `kept_at` is set."""

    __tablename__ = "pictures"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of what determines the picture (see `limner.studio.gallery.recipe.identity`)."""
    artist: Mapped[str] = mapped_column(String(200))
    checkpoint: Mapped[str] = mapped_column(String(64))
    recipe: Mapped[dict[str, Any]]
    parents: Mapped[list[Any]]
    note: Mapped[str] = mapped_column(Text)
    words: Mapped[str] = mapped_column(Text)
    """The words of request, artist and note, case-folded, a space before each, for the search."""
    width: Mapped[int]
    height: Mapped[int]
    png: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    drawn_at: Mapped[int] = mapped_column(BigInteger, index=True)
    kept_at: Mapped[int | None] = mapped_column(BigInteger, index=True)
    deleted_at: Mapped[int | None] = mapped_column(BigInteger, index=True)
    deletion: Mapped[str | None] = mapped_column(String(32), index=True)
    """Id of the deletion that it belongs to: `Gallery.undo` restores all pictures of one."""


class Study(Table):
    """A blind rating: which questions people are asked about which pictures."""

    __tablename__ = "studies"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    questions: Mapped[list[Any]]
    together: Mapped[int]
    """Pictures that a person compares at a time."""
    made_at: Mapped[int] = mapped_column(BigInteger)


class Task(Table):
    """One text of a study."""

    __tablename__ = "tasks"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id", ondelete="CASCADE"), index=True)
    place: Mapped[int]
    text: Mapped[str] = mapped_column(Text)


class Entry(Table):
    """What one system drew for a task. Its id is random and reveals nothing of the system."""

    __tablename__ = "entries"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    task_id: Mapped[str] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), index=True)
    system: Mapped[str] = mapped_column(String(200))
    png: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)


class Comparison(Table):
    """The pictures that one person was shown, and their answer."""

    __tablename__ = "comparisons"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    task_id: Mapped[str] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), index=True)
    rater: Mapped[str] = mapped_column(String(64), index=True)
    shown: Mapped[list[Any]]
    """Ids of entries, in the order on the page."""
    answer: Mapped[dict[str, Any] | None]
    """Question to tiers of entry ids, best first; ids in one tier are tied."""
    shown_at: Mapped[int] = mapped_column(BigInteger)
    answered_at: Mapped[int | None] = mapped_column(BigInteger)
