"""Blind rating over HTTP: what to compare next, the answer, and what answers come to."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from limner.studio.gallery.recipe import MOST_BYTES, Name, Note, decode
from limner.studio.gallery.routes import FOREVER, answering, from_base64, sends
from limner.studio.ratings.ratings import MOST_SYSTEMS, MOST_TASKS, QUESTIONS, Ratings, Sheet

PREFIX = "/v1/ratings"
LINES = sends("application/jsonl")
Token = Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")]
Rater = Annotated[str, StringConstraints(pattern="^[0-9A-Za-z_-]{8,64}$")]
Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
_Png = Annotated[str, Field(max_length=MOST_BYTES * 4 // 3 + 4)]
_Tiers = Annotated[list[Annotated[list[Token], Field(max_length=MOST_SYSTEMS)]], Field(max_length=MOST_SYSTEMS)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewTask(_Body):
    """One text and what each system drew for it, PNG in base64."""

    text: Note
    pictures: Annotated[dict[Name, _Png], Field(min_length=2, max_length=MOST_SYSTEMS)]


class NewStudy(_Body):
    """A study to make: pairs, or rankings of all systems; `story` also asks for consistency."""

    name: Name
    pairs: bool = True
    story: bool = False
    tasks: Annotated[list[NewTask], Field(min_length=1, max_length=MOST_TASKS)]


class Who(_Body):
    """A person, by any name that the page keeps for them."""

    rater: Rater


class Answer(Who):
    """For each question the pictures in order, best first; those in one inner list are equal."""

    answers: Annotated[dict[str, _Tiers], Field(max_length=len(QUESTIONS))]


class StudyShown(BaseModel):
    """A study as the list tells of it."""

    id: str
    name: str
    questions: dict[str, str]
    together: int
    answers: int


class Image(BaseModel):
    """A picture that says nothing of who drew it."""

    id: str
    url: str


class AskedShown(BaseModel):
    """What to compare; `comparison` is null when this person has seen everything."""

    comparison: str | None
    text: str = ""
    questions: dict[str, str] = {}
    images: list[Image] = []
    answered: int = 0
    left: int = 0


def router(ratings: Ratings) -> APIRouter:
    """Make the routes of blind ratings."""
    routes = APIRouter(prefix=PREFIX, tags=["ratings"])

    @routes.get("/studies")
    def studies() -> list[StudyShown]:
        """List studies, newest first."""
        with answering():
            found = ratings.studies()
        return [
            StudyShown(id=s.id, name=s.name, questions=_asked(s.questions), together=s.together, answers=answers)
            for s, answers in found
        ]

    @routes.post("/studies", status_code=201)
    def create(body: NewStudy) -> dict[str, str]:
        """Make a study of pictures that several systems drew for the same texts."""
        with answering():
            sheets = [
                Sheet(task.text, {name: decode(from_base64(png)) for name, png in task.pictures.items()})
                for task in body.tasks
            ]
            return {"id": ratings.create(body.name, sheets, pairs=body.pairs, story=body.story)}

    @routes.post("/studies/{study}/next")
    def following(study: Id, body: Who) -> AskedShown:
        """Return what this person shall compare next."""
        with answering():
            asked = ratings.next(study, body.rater)
        if asked is None:
            return AskedShown(comparison=None)
        return AskedShown(
            comparison=asked.comparison,
            text=asked.text,
            questions=_asked(asked.questions),
            images=[Image(id=one, url=f"{PREFIX}/images/{one}.png") for one in asked.entries],
            answered=asked.answered,
            left=asked.left,
        )

    @routes.post("/comparisons/{comparison}/answer", status_code=204)
    def answer(comparison: Id, body: Answer) -> None:
        """Keep an answer; sending the same one again changes nothing."""
        with answering():
            ratings.answer(comparison, body.rater, body.answers)

    @routes.get("/images/{entry}.png", response_class=Response, responses=sends("image/png"))
    def image(entry: Id) -> Response:
        """Return a picture, nothing but its pixels."""
        with answering():
            return Response(ratings.png(entry), media_type="image/png", headers=FOREVER)

    _results(routes, ratings)
    return routes


def _results(routes: APIRouter, ratings: Ratings) -> None:
    @routes.get("/studies/{study}/results")
    def results(study: Id) -> dict[str, list[dict[str, Any]]]:
        """Return for each question how the systems stand, the strongest first."""
        with answering():
            found = ratings.results(study)
        return {question: [dataclasses.asdict(one) for one in rows] for question, rows in found.items()}

    @routes.get("/studies/{study}/results.jsonl", response_class=Response, responses=LINES)
    def result_lines(study: Id) -> Response:
        """Return the same as JSON lines, one for each question and system."""
        with answering():
            return _jsonl(ratings.result_lines(study), "results.jsonl")

    @routes.get("/studies/{study}/answers.jsonl", response_class=Response, responses=LINES)
    def answers(study: Id) -> Response:
        """Return every answer as a JSON line, systems by name."""
        with answering():
            return _jsonl(ratings.lines(study), "answers.jsonl")


def _asked(questions: Iterable[str]) -> dict[str, str]:
    return {question: QUESTIONS[question] for question in questions}


def _jsonl(lines: Iterable[Mapping[str, Any]], name: str) -> Response:
    text = "".join(json.dumps(line) + "\n" for line in lines)
    return Response(
        text, media_type="application/jsonl", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
