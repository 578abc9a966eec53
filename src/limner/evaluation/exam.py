"""What artists are measured on, by what they give: pictures by a judge, layouts and sentences without one."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from limner.errors import UserError
from limner.evaluation.evaluate import evaluate
from limner.evaluation.layouts import HeldOutLayouts, evaluate_layouts
from limner.evaluation.protocol import HeldOut
from limner.evaluation.report import Report
from limner.evaluation.sentences import HeldOutSentences, evaluate_sentences

if TYPE_CHECKING:
    from limner.drawing.artist import Artist

Exam = HeldOut | HeldOutLayouts | HeldOutSentences
KINDS = {"images": "pictures", "layout": "layouts", "text": "sentences"}
"""What is measured of an artist, by the first of these fields of a draft that it gives."""
WITHOUT_JUDGE: dict[str, type[HeldOutLayouts | HeldOutSentences]] = {
    "layouts": HeldOutLayouts,
    "sentences": HeldOutSentences,
}


def kind_of(name: str, gives: Collection[str]) -> str:
    """Return what is measured of an artist, or a system, called `name`: pictures, layouts or sentences.

    Raises:
        UserError: it gives nothing that can be measured.
    """
    for field, kind in KINDS.items():
        if field in gives:
            return kind
    raise UserError(f"{name} gives {' and '.join(sorted(gives))}: {', '.join(KINDS.values())} can be measured")


def common_kind(gives: dict[str, Collection[str]]) -> str:
    """Return what is measured of all of these, by name.

    Raises:
        UserError: they are of several kinds, or one cannot be measured.
    """
    kinds = {kind_of(name, given): name for name, given in gives.items()}
    if len(kinds) > 1:
        named = " and ".join(f"{kind} ({name})" for kind, name in kinds.items())
        raise UserError(f"{named} are measured by figures of their own and share no table: give each kind its own")
    return next(iter(kinds))


def measure(artist: Artist, exam: Exam) -> Report:
    """Let an artist answer the held-out requests, measure its answers and report.

    Raises:
        UserError: the data has no requests of the kind it takes, or it does not give what is measured.
    """
    if isinstance(exam, HeldOutLayouts):
        return evaluate_layouts(artist, exam)
    return evaluate_sentences(artist, exam) if isinstance(exam, HeldOutSentences) else evaluate(artist, exam)
