"""What artists are measured on, by what they give: pictures by a judge, layouts and sentences without one.

`limner eval` and `limner.evaluate` both go this way, so that they cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from limner.data.cache import Progress
from limner.data.dataset import Dataset
from limner.drawing.artist import Artist, load
from limner.errors import UserError
from limner.evaluation.evaluate import evaluate as evaluate_artist
from limner.evaluation.layouts import HeldOutLayouts, evaluate_layouts
from limner.evaluation.others import evaluate_pictures, is_folder_of_pictures
from limner.evaluation.protocol import HeldOut, NamedJudge
from limner.evaluation.report import Report
from limner.evaluation.sentences import HeldOutSentences, evaluate_sentences
from limner.metrics import Inception
from limner.processes import Processes
from limner.training.callbacks import Callbacks

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


def open_exam(
    kind: str,
    data: Any,
    *,
    size: int | None = None,
    judge: str | Path = "avatars",
    pictures: int = 1000,
    seed: int = 0,
    inception: bool = False,
    second_judge: str | Path | None = None,
    progress: Progress | None = None,
) -> Exam:
    """Open what artists of a kind are measured on: pictures by a judge, others without one.

    Args:
        kind: as `kind_of` says.
        data: the data set, by name, in memory, or opened at the side that is read.
        size: side at which pictures are compared: the judge's where None; of layouts and sentences, the artist's.
        judge: a name or folder; of pictures alone.
        pictures: held-out requests, a picture or a story each.
        seed: request i is drawn with seed + i.
        inception: whether to measure by the Inception network, too.
        second_judge: whose figures stand beside those of the first.
        progress: called with (done, all) while pictures are decoded.

    Raises:
        UserError: it cannot be had, or does not fit.
    """
    if seed < 0:
        raise UserError(f"the seed is a whole number from 0, not {seed}")
    if kind in WITHOUT_JUDGE:
        if not isinstance(data, str | Path):
            raise UserError(f"{kind} are measured on a data set by its name: save it to a folder first")
        return WITHOUT_JUDGE[kind].open(str(data), size or 0, pictures, seed)
    named, processes = NamedJudge.load(judge), Processes()
    other = None if second_judge is None else NamedJudge.load(second_judge)
    side = size or named.network.config.size
    if isinstance(data, Dataset) and data.schema.size != side:
        raise UserError(f"the data set was opened at {data.schema.size} pixels, and is measured at {side}: open it so")
    opened = data if isinstance(data, Dataset) else processes.in_turn(
        lambda: Dataset.open(data, size=side, progress=progress)
    )  # fmt: skip
    name = Path(data).stem if isinstance(data, str | Path) else type(data).__name__
    network = Inception() if inception else None
    return HeldOut(name, opened, named, pictures, seed=seed, inception=network, processes=processes, second=other)


def examinees(names: Sequence[Any], device: str = "auto") -> tuple[str, int | None, dict[str, Artist | Path]]:
    """Load those who are to be measured: artists, by their names, and folders of pictures.

    Returns:
        the kind that all of them are measured as; the side at which the first artist reads pictures, None where there
        is none; and the artists and folders by name.

    Raises:
        UserError: one cannot be loaded, or they share no table.
    """
    found: dict[str, Artist | Path] = {}
    for one in names:
        if isinstance(one, Artist):
            found[one.name] = one
        else:
            found[str(one)] = Path(one) if is_folder_of_pictures(one) else load(one, device=device)
    artists = {name: one for name, one in found.items() if isinstance(one, Artist)}
    gives: dict[str, Collection[str]] = {name: {"images"} for name in found}
    gives |= {name: one.system.gives for name, one in artists.items()}
    first = next(iter(artists.values()), None)
    return common_kind(gives), None if first is None else first.system.data_size(first.system.config), found


def evaluate(
    artist: Artist | str | Path,
    data: Any,
    *,
    judge: str | Path = "avatars",
    pictures: int = 1000,
    seed: int = 0,
    inception: bool = False,
    second_judge: str | Path | None = None,
    device: str = "auto",
    callbacks: Sequence[Any] = (),
) -> Report:
    """Measure an artist, or a folder of pictures, on held-out requests, as `limner eval` does.

    Args:
        artist: a loaded one, its name, or a folder of pictures of any program (see `limner.evaluation.others`).
        data: the data set whose held-out rows are measured on: a name, or one in memory.
        judge: who judges: "avatars" ships with Limner; a folder of `limner judge`.
        pictures: held-out requests: one picture each, or one story.
        seed: picture i is drawn with seed + i.
        inception: also FID, KID and IS by the Inception network, if its weights are here.
        second_judge: another judge, whose scores stand beside those of the first.
        device: where to draw, of an artist that is not loaded yet.
        callbacks: objects with methods `on_draw` or `on_report` of `limner.Callback`.

    Returns:
        the report: `.figures` by name, `.markdown()`, and a table in a notebook.

    Raises:
        UserError: the data has no requests of the kind it takes, it does not give what is measured, or the judge does
            not know this data.
    """
    kind, size, found = examinees([artist], device)
    (one,) = found.values()
    exam = open_exam(
        kind, data, size=size if kind in WITHOUT_JUDGE else None, judge=judge, pictures=pictures, seed=seed,
        inception=inception, second_judge=second_judge,
    )  # fmt: skip
    return measure(one, exam, Callbacks(callbacks, leads=Processes().leads))


def measure(artist: Artist | Path, exam: Exam, call: Callable[..., None] = lambda *given: None) -> Report:
    """Let an artist answer the held-out requests, or take the pictures in a folder; measure and report.

    `call("on_draw", drawn, all)` and `call("on_report", report)` tell how far it has come.

    Raises:
        UserError: the data has no requests of the kind it takes, or it does not give what is measured.
    """
    if isinstance(artist, Path):
        if not isinstance(exam, HeldOut):
            raise UserError(f"{artist} holds pictures, and layouts and sentences have figures of their own")
        report = evaluate_pictures(artist, exam)
    elif isinstance(exam, HeldOutLayouts):
        report = evaluate_layouts(artist, exam)
    elif isinstance(exam, HeldOutSentences):
        report = evaluate_sentences(artist, exam)
    else:
        report = evaluate_artist(artist, exam, lambda done, total: call("on_draw", done, total))
    call("on_report", report)
    return report
