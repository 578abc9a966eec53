"""Pictures that other programs drew, measured as an artist's are, so that both stand in one table.

The held-out requests are written as a metadata.jsonl; whoever draws them puts the pictures beside it. A folder whose
pictures have captions is matched to the requests by these. One without is measured as an artist without prompts is.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import torch

from limner.data.dataset import Dataset
from limner.data.folder import files_in
from limner.errors import UserError
from limner.evaluation.evaluate import Answers, measured
from limner.evaluation.protocol import HeldOut, floats
from limner.evaluation.report import Report
from limner.files import make_folder, write_file
from limner.requests import Caption, Nothing, Request

SYSTEM = "pictures"
"""What stands for the system in a report."""


def is_folder_of_pictures(name: str | Path) -> bool:
    """Tell whether a name is a folder of pictures, and no checkpoint or run."""
    path = Path(name)
    if not path.is_dir() or (path / "system.json").exists() or (path / "run.json").exists():
        return False
    return next(files_in(path), None) is not None


def write_requests(held_out: HeldOut, path: Path) -> int:
    """Write the held-out captions that have to be drawn, a line each: `file_name`, `text`, and the `seed` of artists.

    The first lines are the requests, a picture each; the rest are some of them again, whose pictures tell how much
    drawings of a caption differ.

    Returns:
        the number of lines.

    Raises:
        UserError: the data has no captions, or the file cannot be written.
    """
    lines = [
        {"file_name": f"{row:06d}.png", "text": request.sentence(), "seed": held_out.seed + row}
        for row, request in enumerate(_asked(held_out))
    ]
    lines += [
        {"file_name": f"{row:06d}-{again}.png", "text": lines[row]["text"], "seed": held_out.seed + again}
        for row in range(held_out.prompts)
        for again in range(held_out.seeds)
    ]
    make_folder(path.parent)
    write_file(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode())
    return len(lines)


def evaluate_pictures(folder: str | Path, held_out: HeldOut) -> Report:
    """Measure the pictures in a folder and report.

    They are cut and resized as the real ones are. Figures that take an artist, which draws more or answers for itself,
    are left out.

    Raises:
        UserError: the folder cannot be read, or has not got a picture for each request.
    """
    size = held_out.data.schema.size
    others = held_out.processes.in_turn(lambda: Dataset.open(folder, size=size, held_out=0))
    captioned = "text" in others.columns
    requests: Sequence[Request] = _asked(held_out) if captioned else [Nothing()] * held_out.requests
    chosen, again = (
        _by_caption(folder, others, held_out, requests) if captioned else _in_order(folder, others, held_out)
    )
    repeats = floats(others.pictures(again)) if again else None
    figures, details, flags = measured(held_out, Answers(requests, floats(others.pictures(chosen)), repeats))
    flags.append(_left_out(captioned, repeats))
    return Report(Path(folder).name, SYSTEM, held_out.protocol, figures, details, {}, flags)


def _asked(held_out: HeldOut) -> list[Request]:
    return held_out.data.requests(Caption, held_out.requests, "test")


def _by_caption(
    folder: str | Path, others: Dataset, held_out: HeldOut, requests: Sequence[Request]
) -> tuple[list[int], list[int]]:
    """Return the rows that answer the requests, and those that answer the first of them again; each is taken once.

    Raises:
        UserError: a request has no picture.
    """
    rows: dict[str, deque[int]] = {}
    for row in range(len(others)):
        for text in others.captions(row):
            rows.setdefault(_spaced(text), deque()).append(row)
    taken: set[int] = set()

    def take(request: Request) -> int | None:
        waiting = rows.get(_spaced(request.sentence()), deque())
        while waiting:
            if (row := waiting.popleft()) not in taken:
                taken.add(row)
                return row
        return None

    chosen = [take(request) for request in requests]
    missing = [request for request, row in zip(requests, chosen, strict=True) if row is None]
    if missing:
        raise UserError(
            f"{folder} has no picture for {len(missing):,} of the {len(requests):,} held-out captions, such as "
            f"{missing[0].sentence()!r:.100}: `limner eval --data ... --requests FILE` writes down what to draw"
        )
    again = [take(request) for request in requests[: held_out.prompts] for _ in range(held_out.seeds)]
    found = [row for row in again if row is not None]
    return [row for row in chosen if row is not None], found if len(found) == len(again) else []


def _in_order(folder: str | Path, others: Dataset, held_out: HeldOut) -> tuple[list[int], list[int]]:
    """Return the first rows, as many as there are requests, and so many more as tell of variety, if there are.

    Raises:
        UserError: there are fewer.
    """
    asked, more = held_out.requests, held_out.prompts * held_out.seeds
    if len(others) < asked:
        raise UserError(
            f"{folder} holds {len(others):,} pictures and {asked:,} are measured: draw more, or measure fewer of all "
            f"with -n {len(others)}"
        )
    return list(range(asked)), list(range(asked, asked + more)) if len(others) >= asked + more else []


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _left_out(captioned: bool, repeats: torch.Tensor | None) -> str:
    """Say what could not be measured."""
    what = ["what takes an artist (parameters, speed, further drawings, its own encoders)"]
    what += ["how drawings of a caption differ"] if repeats is None else []
    what += [] if captioned else ["whether captions are obeyed, as the pictures have none"]
    return f"Pictures from a folder; not measured: {', '.join(what)}."
