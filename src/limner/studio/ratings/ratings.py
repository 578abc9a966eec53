"""Blind rating: people compare pictures of several systems for one text without knowing which system drew which.

Li et al. 2019 (StoryGAN) ask which of two is better in visual quality, in consistency and in relevance, and let people
rank all methods. Here the answer to each of these questions is an order, best first, ties allowed.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from PIL import Image
from sqlalchemy import Text, cast, delete, func, select
from sqlalchemy.orm import Session

from limner.errors import UserError
from limner.studio.gallery.database import Conflict, Database, Missing, now
from limner.studio.gallery.recipe import encode
from limner.studio.gallery.tables import Comparison, Entry, Study, Task
from limner.studio.ratings.results import Standing, standings

if TYPE_CHECKING:
    from limner.drawing.artist import Artist

QUESTIONS = {
    "quality": "Which looks better?",
    "consistency": "In which do the pictures belong together better?",
    "relevance": "Which fits the text better?",
    "ranking": "Which do you like better, all in all?",
}
FOR_PICTURES = ("quality", "relevance", "ranking")
FOR_STORIES = tuple(QUESTIONS)
MOST_TASKS, MOST_SYSTEMS = 500, 10
MOST_SHEET_PIXELS = 2**24
"""Of the pictures for one text, each counted as large as the largest; they are in memory at once."""
MOST_PIXELS = 2**26
"""Of all pictures of a study, so counted: 500 texts, two systems, 256 x 256 pixels."""
MOST_OPEN = 1_000
"""Comparisons of a study that were shown and not answered; the oldest make room."""
MOST_ANSWERS = 20_000
"""Of a study."""
T = TypeVar("T", Study, Task, Entry)
Orders = Mapping[str, Sequence[Sequence[str]]]
"""Question to tiers of names, best first; names in one tier are tied."""


@dataclass(frozen=True)
class Sheet:
    """The pictures that several systems drew for one text."""

    text: str
    pictures: Mapping[str, Image.Image]
    """System to picture, or to the strip of a story."""


@dataclass(frozen=True)
class NextComparison:
    """The pictures that a person compares next; nothing in it reveals the systems."""

    comparison: str
    text: str
    questions: tuple[str, ...]
    entries: tuple[str, ...]
    """Ids of pictures, in shuffled order; `Ratings.png` returns them."""
    answered: int
    """Comparisons that this person has answered."""
    left: int
    """Comparisons that remain for this person, this one included."""


def draw_sheets(artists: Mapping[str, Artist], texts: Sequence[str], seed: int = 0) -> list[Sheet]:
    """Let artists draw the same texts with the same seeds; for an artist of stories a text has a line a picture.

    Args:
        artists: by the names that results use.
        texts: one a task; task i has seed `seed + i`.
        seed: of the first task.
    """
    return [
        Sheet(text, {name: _draw(artist, text, seed + i) for name, artist in artists.items()})
        for i, text in enumerate(texts)
    ]


def _draw(artist: Artist, text: str, seed: int) -> Image.Image:
    if artist.system.kinds[0].several:
        return artist.story(text, seed).image(captions=False)
    return artist.draw(text, 1, seed)[0]


class Ratings:
    """Studies in a database; safe to use from many threads, and from many processes at once."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def create(self, name: str, sheets: Iterable[Sheet], *, pairs: bool = True, story: bool = False) -> str:
        """Store a study and return its id.

        Smaller pictures of a sheet are enlarged to its largest, and recipes removed: either could reveal the system.

        Args:
            name: what people see.
            sheets: one a task, of the same systems.
            pairs: compare two pictures at a time; otherwise rank all of them.
            story: also ask about consistency, for strips of stories.

        Raises:
            UserError: for no sheets, too many, fewer than two systems, or sheets of different systems or proportions.
        """
        study, tasks, entries = Study(id=_token(), name=name, made_at=now()), list[Task](), list[Entry]()
        systems: set[str] = set()
        pixels = 0
        for sheet in sheets:  # one at a time: each may be as large as all may
            systems = systems or set(sheet.pictures)
            if len(tasks) == MOST_TASKS:
                raise UserError(f"a study has from 1 to {MOST_TASKS} texts, not more")
            if set(sheet.pictures) != systems:
                raise UserError("every text of a study needs a picture by each system")
            if not 2 <= len(systems) <= MOST_SYSTEMS:
                raise UserError(f"a study compares from 2 to {MOST_SYSTEMS} systems, not {len(systems)}")
            pixels = check_pixels([[image.size for image in sheet.pictures.values()]], pixels)
            task = Task(id=_token(), study_id=study.id, place=len(tasks), text=sheet.text)
            tasks.append(task)
            for system, png in _uniform_pngs(sheet).items():
                entries.append(Entry(id=_token(), task_id=task.id, system=system, png=png))
        if not tasks:
            raise UserError(f"a study has from 1 to {MOST_TASKS} texts, not 0")
        study.together = 2 if pairs else len(systems)
        study.questions = list(FOR_STORIES if story else FOR_PICTURES)

        def work(session: Session) -> None:
            for some in ([study], tasks, entries):
                session.add_all(some)
                session.flush()

        self.database.write(work)
        return study.id

    def delete(self, study: str) -> None:
        """Delete a study with its pictures and answers, for good.

        Raises:
            Missing: where there is none.
        """

        def work(session: Session) -> None:
            _get(session, Study, study, alone=True)
            tasks = select(Task.id).where(Task.study_id == study)
            for table in (Comparison, Entry):
                session.execute(delete(table).where(table.task_id.in_(tasks)))
            session.execute(delete(Task).where(Task.study_id == study))
            session.execute(delete(Study).where(Study.id == study))

        self.database.write(work)

    def studies(self) -> list[tuple[Study, int]]:
        """Return all studies, newest first, and how many answers each has."""
        count = select(func.count(Comparison.answered_at)).join(Task).where(Task.study_id == Study.id).scalar_subquery()
        with self.database.reading() as session:
            rows = session.execute(select(Study, count).order_by(Study.made_at.desc(), Study.id))
            return [(study, int(answers)) for study, answers in rows]

    def png(self, entry: str) -> bytes:
        """Return the picture of an entry as PNG without metadata.

        Raises:
            Missing: where there is none.
        """
        with self.database.reading() as session:
            return _get(session, Entry, entry).png

    def next(self, study: str, rater: str) -> NextComparison | None:
        """Return what a person shall compare next, or None where they have answered all.

        A comparison that they did not answer comes again; else a random one of those that were shown least. None, too,
        where the study has as many answers as it takes.

        Args:
            study: its id.
            rater: any name that identifies the person.

        Raises:
            Missing: where there is no such study.
        """
        return self.database.write(lambda session: _next(session, _get(session, Study, study, alone=True), rater))

    def answer(self, comparison: str, rater: str, orders: Orders) -> None:
        """Store an answer; sending the same answer again changes nothing.

        Args:
            comparison: its id, from `next`.
            rater: the person that `next` returned it for.
            orders: for each question of the study, tiers of entry ids, best first.

        Raises:
            Missing: where that person has no such comparison.
            Conflict: where it was answered differently before.
            UserError: where an order is not of the pictures that were shown.
        """
        given = {question: [sorted(tier) for tier in tiers] for question, tiers in orders.items()}

        def work(session: Session) -> None:
            found = session.get(Comparison, comparison, with_for_update=True)
            if found is None or found.rater != rater:
                raise Missing("there is no such comparison for this person")
            _check_orders(given, _study_of(session, found).questions, found.shown)
            if found.answered_at is not None and found.answer != given:
                raise Conflict("this was answered already, and differently")
            if found.answered_at is None:
                found.answer, found.answered_at = given, now()

        self.database.write(work)

    def lines(self, study: str) -> Iterator[dict[str, Any]]:
        """Yield a line of JSON values for each answer, oldest first, systems by name.

        Raises:
            Missing: where there is no such study.
        """
        with self.database.reading() as session:
            _get(session, Study, study)
            system = _systems(session, study)
            rows = session.execute(
                select(Comparison, Task)
                .join(Task)
                .where(Task.study_id == study, Comparison.answered_at.is_not(None))
                .order_by(Comparison.answered_at, Comparison.id)
            ).all()
        for comparison, task in rows:
            answers = {
                question: [[system[entry] for entry in tier] for tier in tiers]
                for question, tiers in (comparison.answer or {}).items()
            }
            yield {
                "study": study,
                "comparison": comparison.id,
                "task": task.place,
                "text": task.text,
                "rater": comparison.rater,
                "shown": [system[entry] for entry in comparison.shown],
                "answers": answers,
                "shown_at": _iso_time(comparison.shown_at),
                "answered_at": _iso_time(comparison.answered_at or 0),
            }

    def results(self, study: str) -> dict[str, list[Standing]]:
        """Return the standings of the systems for each question, the strongest first.

        Raises:
            Missing: where there is no such study.
        """
        with self.database.reading() as session:
            questions = _get(session, Study, study).questions
            systems = sorted(set(_systems(session, study).values()))
        answers = [line["answers"] for line in self.lines(study)]
        return {question: standings([one[question] for one in answers], systems) for question in questions}

    def result_lines(self, study: str) -> Iterator[dict[str, Any]]:
        """Yield `results` as a line of JSON values for each question and system; raise as `results`."""
        for question, found in self.results(study).items():
            for place, standing in enumerate(found, start=1):
                yield {"study": study, "question": question, "place": place, **dataclasses.asdict(standing)}


def _next(session: Session, study: Study, rater: str) -> NextComparison | None:
    tasks = {task.id: task for task in session.scalars(select(Task).where(Task.study_id == study.id))}
    entries: dict[str, list[str]] = {task: [] for task in tasks}
    system = _systems(session, study.id)
    for entry, task in session.execute(select(Entry.id, Entry.task_id).where(Entry.task_id.in_(tasks))):
        entries[task].append(entry)
    of_study = Comparison.task_id.in_(select(Task.id).where(Task.study_id == study.id))
    own = session.scalars(select(Comparison).where(of_study, Comparison.rater == rater)).all()
    answered = {frozenset(comparison.shown) for comparison in own if comparison.answered_at is not None}
    possible = [(task, some) for task in tasks for some in itertools.combinations(entries[task], study.together)]
    left = [(task, some) for task, some in possible if frozenset(some) not in answered]
    if not left or (session.scalar(select(func.count(Comparison.answered_at)).where(of_study)) or 0) >= MOST_ANSWERS:
        return None
    chosen = next((comparison for comparison in own if comparison.answered_at is None), None)
    if chosen is None:
        times_shown, times_met = Counter[frozenset[str]](), Counter[frozenset[str]]()
        shown = cast(Comparison.shown, Text)  # few orders, however many people saw them
        for order, count in session.execute(select(shown, func.count()).where(of_study).group_by(shown)):
            times_shown[frozenset(json.loads(order))] += count
            times_met[frozenset(system[entry] for entry in json.loads(order))] += count
        random_source = random.SystemRandom()

        def priority(candidate: tuple[str, tuple[str, ...]]) -> tuple[int, int, float]:
            """Least shown first, then systems that were compared least, then at random."""
            ids = frozenset(candidate[1])
            return times_shown[ids], times_met[frozenset(system[entry] for entry in ids)], random_source.random()

        task, some = min(left, key=priority)
        unanswered = select(Comparison.id).where(of_study, Comparison.answered_at.is_(None))
        too_many = unanswered.order_by(Comparison.shown_at.desc()).offset(MOST_OPEN - 1)
        session.execute(delete(Comparison).where(Comparison.id.in_(too_many)))
        placed = random_source.sample(some, len(some))
        chosen = Comparison(id=_token(), task_id=task, rater=rater, shown=placed, answer=None, shown_at=now())
        session.add(chosen)
    text = tasks[chosen.task_id].text
    return NextComparison(
        chosen.id, text, tuple(study.questions), tuple(chosen.shown), answered=len(answered), left=len(left)
    )


def _systems(session: Session, study: str) -> dict[str, str]:
    """Return the system of each entry of a study."""
    rows = session.execute(select(Entry.id, Entry.system).join(Task).where(Task.study_id == study))
    return {entry: system for entry, system in rows}


def _study_of(session: Session, comparison: Comparison) -> Study:
    return _get(session, Study, _get(session, Task, comparison.task_id).study_id)


def _check_orders(given: Mapping[str, Sequence[Sequence[str]]], questions: Sequence[str], shown: Sequence[str]) -> None:
    if set(given) != set(questions):
        raise UserError(f"answer each of these questions: {', '.join(questions)}")
    for question, tiers in given.items():
        if sorted(itertools.chain.from_iterable(tiers)) != sorted(shown) or not all(tiers):
            raise UserError(f"the answer to {question!r} must name each picture that was shown once, best first")


def check_pixels(sheets: Iterable[Iterable[tuple[int, int]]], before: int = 0) -> int:
    """Count the pixels of sheets, given the width and height of each picture, in addition to `before`.

    Raises:
        UserError: where one sheet, or all of them, have too many.
    """
    total = before
    for sizes in sheets:
        widths, heights = zip(*sizes, strict=True)
        pixels = max(widths) * max(heights) * len(widths)
        total += pixels
        if pixels > MOST_SHEET_PIXELS:
            raise UserError(
                f"the pictures for one text have {pixels:,} pixels, and {MOST_SHEET_PIXELS:,} are the limit"
            )
    if total > MOST_PIXELS:
        raise UserError(f"the pictures of the study have {total:,} pixels, and {MOST_PIXELS:,} are the limit")
    return total


def _uniform_pngs(sheet: Sheet) -> dict[str, bytes]:
    """Return the pictures of a sheet as PNG, of one size and without recipes."""
    width = max(image.width for image in sheet.pictures.values())
    height = max(image.height for image in sheet.pictures.values())
    if any(image.width * height != image.height * width for image in sheet.pictures.values()):
        raise UserError(
            f"the pictures for {sheet.text[:40]!r} have different proportions, which would reveal the system"
        )
    return {
        name: encode(
            image if image.size == (width, height) else image.resize((width, height), Image.Resampling.LANCZOS)
        )
        for name, image in sheet.pictures.items()
    }


def _get(session: Session, table: type[T], key: str, *, alone: bool = False) -> T:
    """Return a row; `alone`: nobody else, on no other server, changes what belongs to it before this is committed."""
    found = session.get(table, key, with_for_update=alone)
    if found is None:
        raise Missing(f"there is no such {table.__name__.lower()}")
    return found


def _token() -> str:
    return secrets.token_hex(16)


def _iso_time(time: int) -> str:
    return datetime.fromtimestamp(time / 1e6, UTC).isoformat()
