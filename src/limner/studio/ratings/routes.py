"""Blind rating over HTTP: studies, the next comparison, answers and results."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from limner.studio.gallery.recipe import HEADER_BYTES, MOST_BYTES, Name, Note, decode, header_size
from limner.studio.gallery.routes import IMMUTABLE, binary_response, decoder, from_base64, http_errors
from limner.studio.ratings.ratings import MOST_SYSTEMS, MOST_TASKS, QUESTIONS, Ratings, Sheet, check_pixels

PREFIX = "/v1/ratings"
JSON_LINES = binary_response("application/jsonl")
Token = Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")]
Rater = Annotated[str, StringConstraints(pattern="^[0-9A-Za-z_-]{8,64}$")]
Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
_Png = Annotated[str, Field(max_length=MOST_BYTES * 4 // 3 + 4)]
_Tiers = Annotated[list[Annotated[list[Token], Field(max_length=MOST_SYSTEMS)]], Field(max_length=MOST_SYSTEMS)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TaskBody(_Body):
    """One text and the picture of each system for it, PNG in base64."""

    text: Note
    pictures: Annotated[dict[Name, _Png], Field(min_length=2, max_length=MOST_SYSTEMS)]


class StudyBody(_Body):
    """A new study: pairs, or rankings of all systems; `story` also asks about consistency."""

    name: Name
    pairs: bool = True
    story: bool = False
    tasks: Annotated[list[TaskBody], Field(min_length=1, max_length=MOST_TASKS)]


class RaterBody(_Body):
    """A person, by any name that the page remembers for them."""

    rater: Rater


class AnswerBody(RaterBody):
    """For each question the pictures in order, best first; those in one inner list are tied."""

    answers: Annotated[dict[str, _Tiers], Field(max_length=len(QUESTIONS))]


class StudyResponse(BaseModel):
    """A study in the list."""

    id: str
    name: str
    questions: dict[str, str]
    together: int
    answers: int


class ImageResponse(BaseModel):
    """A picture; neither field reveals the system."""

    id: str
    url: str


class ComparisonResponse(BaseModel):
    """What to compare; `comparison` is null when this person has answered everything."""

    comparison: str | None
    text: str = ""
    questions: dict[str, str] = {}
    images: list[ImageResponse] = []
    answered: int = 0
    left: int = 0


def router(ratings: Ratings, decoding: CapacityLimiter | None = None) -> APIRouter:
    """Make the routes of blind ratings; `decoding` limits how many pictures are decoded at once."""
    decoding = decoder() if decoding is None else decoding
    routes = APIRouter(prefix=PREFIX, tags=["ratings"])

    @routes.post("/studies/{study}/next")
    def next_comparison(study: Id, body: RaterBody) -> ComparisonResponse:
        """Return what this person shall compare next."""
        with http_errors():
            found = ratings.next(study, body.rater)
        if found is None:
            return ComparisonResponse(comparison=None)
        return ComparisonResponse(
            comparison=found.comparison,
            text=found.text,
            questions=_with_wording(found.questions),
            images=[ImageResponse(id=entry, url=f"{PREFIX}/images/{entry}.png") for entry in found.entries],
            answered=found.answered,
            left=found.left,
        )

    @routes.post("/comparisons/{comparison}/answer", status_code=204)
    def answer(comparison: Id, body: AnswerBody) -> None:
        """Store an answer; sending the same one again changes nothing."""
        with http_errors():
            ratings.answer(comparison, body.rater, body.answers)

    @routes.get("/images/{entry}.png", response_class=Response, responses=binary_response("image/png"))
    def image(entry: Id) -> Response:
        """Return a picture as PNG without metadata."""
        with http_errors():
            return Response(ratings.png(entry), media_type="image/png", headers=IMMUTABLE)

    _add_studies(routes, ratings, decoding)
    _add_results(routes, ratings)
    return routes


def _add_studies(routes: APIRouter, ratings: Ratings, decoding: CapacityLimiter) -> None:
    @routes.get("/studies")
    def studies() -> list[StudyResponse]:
        """List studies, newest first."""
        with http_errors():
            found = ratings.studies()
        return [
            StudyResponse(
                id=s.id, name=s.name, questions=_with_wording(s.questions), together=s.together, answers=answers
            )
            for s, answers in found
        ]

    @routes.post("/studies", status_code=201)
    async def create(body: StudyBody) -> dict[str, str]:
        """Make a study of pictures by several systems for the same texts."""

        def work() -> str:
            check_pixels([[_size(png) for png in task.pictures.values()] for task in body.tasks])
            return ratings.create(body.name, _sheets(body), pairs=body.pairs, story=body.story)

        with http_errors():
            return {"id": await to_thread.run_sync(work, limiter=decoding)}

    @routes.delete("/studies/{study}", status_code=204)
    def delete(study: Id) -> None:
        """Delete a study with its pictures and answers, for good."""
        with http_errors():
            ratings.delete(study)


def _add_results(routes: APIRouter, ratings: Ratings) -> None:
    @routes.get("/studies/{study}/results")
    def results(study: Id) -> dict[str, list[dict[str, Any]]]:
        """Return the standings of the systems for each question, the strongest first."""
        with http_errors():
            found = ratings.results(study)
        return {question: [dataclasses.asdict(one) for one in rows] for question, rows in found.items()}

    @routes.get("/studies/{study}/results.jsonl", response_class=Response, responses=JSON_LINES)
    def result_lines(study: Id) -> Response:
        """Return the same as JSON lines, one for each question and system."""
        with http_errors():
            return _jsonl(ratings.result_lines(study), "results.jsonl")

    @routes.get("/studies/{study}/answers.jsonl", response_class=Response, responses=JSON_LINES)
    def answers(study: Id) -> Response:
        """Return every answer as a JSON line, systems by name."""
        with http_errors():
            return _jsonl(ratings.lines(study), "answers.jsonl")


def _sheets(body: StudyBody) -> Iterator[Sheet]:
    """Decode the pictures of one text after the other."""
    for task in body.tasks:
        yield Sheet(task.text, {name: decode(from_base64(png)) for name, png in task.pictures.items()})


def _size(png: str) -> tuple[int, int]:
    """Return the width and height of a PNG in base64, by its header alone."""
    return header_size(from_base64(png[: HEADER_BYTES // 3 * 4]))


def _with_wording(questions: Iterable[str]) -> dict[str, str]:
    return {question: QUESTIONS[question] for question in questions}


def _jsonl(lines: Iterable[Mapping[str, Any]], name: str) -> Response:
    text = "".join(json.dumps(line) + "\n" for line in lines)
    return Response(
        text, media_type="application/jsonl", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
