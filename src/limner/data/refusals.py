"""When a data set is not opened: something is wrong with it, or nothing is left."""

from __future__ import annotations

from collections.abc import Sequence

from limner.data.problems import Problem
from limner.data.source import Source
from limner.errors import UserError


def refuse(problems: Sequence[Problem], source: Source, skip_bad: bool, left_out: str = "such rows") -> None:
    """Refuse a data set that has problems, in one line that names the first.

    Raises:
        UserError: there are problems, and `skip_bad` does not leave `left_out` out.
    """
    if not problems or skip_bad:
        return
    more = f", the first of {len(problems):,} problems" if len(problems) > 1 else ""
    advice = f"`limner data check {source.name}` lists every problem, --skip-bad leaves {left_out} out"
    raise UserError(f"{problems[0]}{more} ({advice})")


def refuse_empty(count: int, source: Source, problems: Sequence[Problem]) -> None:
    """Refuse a data set of which no row is left.

    Raises:
        UserError: `count`, that of the rows that are left, is 0.
    """
    if count:
        return
    first = f": the first of {len(problems)} problems is {problems[0]}" if problems else ""
    raise UserError(f"{source.name} holds no rows that can be used{first}")
