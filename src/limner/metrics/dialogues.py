"""Does a picture answer the questions of a dialogue as its answers say?"""

from __future__ import annotations

from collections.abc import Sequence


def answered(found: Sequence[Sequence[str | None]], true: Sequence[Sequence[str]]) -> float:
    """Return the share of all questions that are answered rightly, each counting alike; 0 where there are none.

    Args:
        found: what each picture answers to each question about it; None where it has no answer.
        true: the answers of each dialogue.
    """
    right = [
        one == other for some, others in zip(found, true, strict=True) for one, other in zip(some, others, strict=True)
    ]
    return sum(right) / max(len(right), 1)
