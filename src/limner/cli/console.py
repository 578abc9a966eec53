"""What commands share in speaking to a person: results on stdout, all else on stderr, pictures in the terminal."""

from __future__ import annotations

import contextlib
import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per line, and nothing else, on stdout.")]


def emit(facts: Mapping[str, Any], as_json: bool, text: str) -> None:
    """Print one result: the facts as a line of JSON, or the text."""
    print(json.dumps(facts) if as_json else text, flush=True)


def note(text: str) -> None:
    """Tell the person something beside the results."""
    print(f"limner: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def notes() -> Iterator[None]:
    """Print warnings about a prompt as notes; other warnings go their usual way."""
    from limner.artist import UnknownWords

    with warnings.catch_warnings():
        warnings.simplefilter("always", UnknownWords)
        usual = warnings.showwarning

        def show(message: Any, category: type[Warning], *place: Any) -> None:
            if issubclass(category, UnknownWords):
                note(f"note: {message}")
            else:
                usual(message, category, *place)

        warnings.showwarning = show  # type: ignore[assignment]
        yield


@contextlib.contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on stderr while a person looks at it; call what is yielded with (done, all)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    hidden = not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
