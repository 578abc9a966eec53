"""What commands share in speaking to a person: results on stdout, all else on stderr, pictures in the terminal."""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from limner.errors import Remark, UnknownWords, plain

if TYPE_CHECKING:
    from limner.drawing.artist import Artist

FEW = 8
"""Pictures that one thread draws."""
QUIET, PLAIN, VERBOSE = -1, 0, 1
_volume = PLAIN
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per line, and nothing else, on stdout.")]
ImageColumn = Annotated[
    str | None,
    typer.Option(
        help="The column of pictures, or of their file names, where its name does not tell.", show_default=False
    ),
]
Device = Annotated[str, typer.Option(help="Where to compute: auto, cpu, cuda, cuda:1, ...")]
TextColumn = Annotated[
    list[str] | None,
    typer.Option(help="The column of captions, where its name does not tell; may be repeated.", show_default=False),
]


def leads() -> bool:
    """Tell whether this process is the one that speaks: the first, where torchrun started several."""
    return os.environ.get("RANK", "0") == "0" or os.environ.get("WORLD_SIZE", "1") == "1"


def leave(code: int) -> NoReturn:
    """End the program.

    Among several processes the interpreter's own end is skipped, after all that was put off until then is done: while
    it is taken down, a thread of torch now and then aborts a process that has done its work, and with it the whole job.
    """
    if os.environ.get("WORLD_SIZE", "1") == "1":
        sys.exit(code)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def emit(result: Mapping[str, Any], as_json: bool, text: str) -> None:
    """Print one result, as a line of JSON or as text."""
    print(json.dumps(result) if as_json else plain(text), flush=True)


def note(text: str) -> None:
    """Tell the person something beside the results, unless only results are wanted."""
    if _volume == QUIET:
        return
    print(f"limner: {plain(text)}", file=sys.stderr, flush=True)


def loaded(name: str, device: str, pictures: int, *, hub_ids: bool = True) -> Artist:
    """Load an artist for so many pictures: a few are drawn by one thread; `hub_ids` as `limner.load` has it.

    Starting threads takes longer than a few small pictures do, and far longer while another program has the cores.
    """
    import torch

    from limner.drawing.artist import load

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    artist = load(name, device=device, hub_ids=hub_ids)
    torch.set_num_threads(1 if pictures <= FEW else threads)
    return artist


def volume() -> int:
    """Return how much this command says: QUIET, PLAIN or VERBOSE."""
    return _volume


@contextlib.contextmanager
def at_volume() -> Iterator[None]:
    """Run one command: plain at first; where it was told to be verbose, say what it took."""
    global _volume
    _volume, began = PLAIN, time.perf_counter()
    try:
        yield
    finally:
        if _volume == VERBOSE and leads():
            note(f"{time.perf_counter() - began:.2f} s{_memory()}")


def set_volume(wanted: int) -> None:
    """Be quiet, plain or verbose for the rest of this command."""
    global _volume
    _volume = wanted
    if wanted == VERBOSE:
        logging.basicConfig(level=logging.INFO, format="limner: %(name)s: %(message)s", stream=sys.stderr)


def _memory() -> str:
    try:
        import resource
    except ModuleNotFoundError:  # not on Windows
        return ""
    unit = 1 if sys.platform == "darwin" else 1024
    return f", {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20:,.0f} MB of memory at most"


@contextlib.contextmanager
def notes() -> Iterator[None]:
    """Print warnings about a prompt as notes; other warnings go their usual way."""
    with warnings.catch_warnings():
        for kind in (Remark, UnknownWords):
            warnings.simplefilter("always", kind)
        usual = warnings.showwarning

        def show(message: Any, category: type[Warning], *place: Any) -> None:
            if issubclass(category, Remark | UnknownWords):
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
    hidden = _volume == QUIET or not (sys.stderr.isatty() and leads())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
