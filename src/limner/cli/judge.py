"""`limner judge` and `limner eval`: make a judge for a data set, and let it look at what artists draw."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limner.cli.console import Device, Json, bar, emit, note
from limner.errors import UserError

if TYPE_CHECKING:
    from limner.evaluation.exam import Exam
    from limner.evaluation.protocol import HeldOut
    from limner.evaluation.report import Report

PRESETS = {"residual": "small", "mixer": "mixer"}
"""Of a judge, by what it sees with."""
Data = Annotated[str, typer.Option(help="The data set whose held-out rows are measured on.")]
JudgeName = Annotated[
    str, typer.Option("--judge", help="Who judges: `avatars` ships with Limner; a folder of `limner judge`.")
]
SecondJudge = Annotated[
    str | None, typer.Option("--second-judge", help="Another judge, best of another kind, scores beside the first.")
]
Pictures = Annotated[int, typer.Option("--pictures", "-n", help="Held-out requests: one picture each, or one story.")]
Seed = Annotated[int, typer.Option(help="Picture i is drawn with seed + i.")]
Inception = Annotated[
    bool, typer.Option("--inception", help="Also FID, KID and IS by the Inception network, if its weights are here.")
]


def judge(
    data: Annotated[str, typer.Argument(help="Pictures with attributes, labels or captions.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the judge.")],
    size: Annotated[int, typer.Option(help="Side of the pictures in pixels.")] = 64,
    arch: Annotated[str, typer.Option(help="What sees: residual convolutions, or a mixer of patches.")] = "residual",
    images: Annotated[int | None, typer.Option(help="Pictures it is shown.", show_default="the preset's")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Change one setting, name=value; may be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option(help="All randomness follows from it.")] = 12_345,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Make a judge: a small network that knows this data's real pictures, for `limner eval` and `limner bench`.

    limner judge data/avatars -o judges/avatars

    limner judge birds.parquet -o judges/birds --size 128

    limner judge birds.parquet -o judges/birds-mixer --arch mixer

    A judge that was stopped goes on when the same command is given again.
    """
    from limner import catalogue, settings
    from limner.devices import choose
    from limner.evaluation.evaluate import publish_judge

    choose(device)
    if arch not in PRESETS:
        raise UserError(f"--arch {arch}: {settings.hint(arch, PRESETS)}")
    cls = catalogue.load_class(catalogue.JUDGE)
    changes = settings.pairs(set_ or []) | {"size": str(size)} | ({} if images is None else {"images": str(images)})
    config = catalogue.configure(cls, PRESETS[arch], changes)
    with bar("reading pictures") as progress:
        accuracy, folder = publish_judge(data, out, config, seed, progress)
    shares = ", ".join(f"{name} {share:.1%}" for name, share in accuracy.items())
    emit({"judge": str(folder), "held out": accuracy}, as_json, str(folder))
    note(f"right on real held-out pictures: {shares}")


def evaluate(
    data: Data,
    artists: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ARTIST...", help="Bundled names, folders, runs, Hub ids; folders of pictures of any program."
        ),
    ] = None,
    judge: JudgeName = "avatars",
    second_judge: SecondJudge = None,
    pictures: Pictures = 1000,
    seed: Seed = 0,
    inception: Inception = False,
    results: Annotated[Path | None, typer.Option(help="Append a line for each artist to this JSONL file.")] = None,
    requests: Annotated[
        Path | None, typer.Option(help="Write what another program has to draw, as a metadata.jsonl, and do no more.")
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Measure artists on held-out requests: accuracy of attributes, R-precision, distances, variety, memorising.

    limner eval avatars --data data/avatars

    limner eval runs/mine runs/yours --data birds --judge judges/birds --results results/birds.jsonl

    torchrun --nproc-per-node 2 -m limner eval avatars --data data/avatars

    Beside each figure stand what real pictures get and what shuffled ones get.

    Another program's pictures: write down what to draw, draw it beside that file, and measure the folder.

    limner eval --data birds --judge judges/birds --requests theirs/metadata.jsonl

    limner eval theirs runs/mine --data birds --judge judges/birds
    """
    from limner.evaluation.exam import examinees, measure
    from limner.evaluation.report import side_by_side

    if requests is not None:
        return _write_requests(requests, data, judge, pictures, seed, as_json)
    if not artists:
        raise UserError("name who is measured: an artist, or a folder of pictures")
    kind, size, found = examinees(artists, device)
    exam = exam_of(kind, data, size, judge, pictures, seed, inception, second_judge)
    reports = {}
    for name, one in found.items():
        report = measure(one, exam)
        reports[name] = [report]
        if not exam.processes.leads:
            continue
        parts = [f"\n{name}, {pictures_of(report)}", report.markdown(), report.breakdown()]
        emit(report.to_json(), as_json, "\n\n".join(parts))
        if results is not None:
            append(results, report)
    if len(reports) > 1 and exam.processes.leads and not as_json:
        print("\n" + side_by_side(reports))
    exam.processes.close()


def _write_requests(path: Path, data: str, judge: str, pictures: int, seed: int, as_json: bool) -> None:
    from limner.evaluation.others import write_requests

    if path.exists():
        raise UserError(f"{path} exists: name another file, or remove it")
    lines = write_requests(examination(data, judge, pictures, seed, inception=False), path)
    emit({"requests": str(path), "pictures": lines}, as_json, str(path))
    note(f"{lines:,} pictures to draw, each as its file_name beside that file")
    note(f"then: limner eval {path.parent} --data {data} --judge {judge} -n {pictures} --seed {seed}")


def exam_of(
    kind: str, data: str, size: int | None, judge: str, count: int, seed: int, inception: bool, second: str | None
) -> Exam:
    """Open what artists of a kind are measured on: pictures by a judge at its size, others at theirs.

    Raises:
        UserError: as `limner.evaluation.exam.open_exam`.
    """
    from limner.evaluation.exam import WITHOUT_JUDGE, open_exam

    with bar("reading pictures") as progress:
        return open_exam(
            kind, data, size=size if kind in WITHOUT_JUDGE else None, judge=judge, pictures=count, seed=seed,
            inception=inception, second_judge=second, progress=progress,
        )  # fmt: skip


def examination(data: str, judge: str, pictures: int, seed: int, inception: bool) -> HeldOut:
    """Open data and judge for measuring pictures.

    Raises:
        UserError: they cannot be had, or do not fit.
    """
    from limner.evaluation.protocol import HeldOut

    exam = exam_of("pictures", data, None, judge, pictures, seed, inception, None)
    assert isinstance(exam, HeldOut)
    return exam


def pictures_of(report: Report) -> str:
    """Say on what it was measured."""
    p = report.protocol
    requests = f"{p.stories:,} held-out stories of {p.pictures // p.stories} pictures" if p.stories else ""
    requests = requests or f"{p.pictures:,} held-out {'requests' if p.kind == 'pictures' else p.kind}"
    judge = f", judge {p.judge}" if p.judge else ""
    return f"{requests} of {p.data} at {p.size} pixels, seed {p.seed}{judge}"


def append(path: Path, report: Report, **more: Any) -> None:
    """Append a report to a results file, with the command and commit that made it.

    Raises:
        UserError: where it cannot be written.
    """
    from limner.files import make_folder, write_file
    from limner.training.run_folder import commit, typed, versions

    make_folder(path.parent)
    about = {"command": typed(sys.argv), "commit": commit(), "versions": versions()}
    before = path.read_bytes() if path.exists() else b""
    line = json.dumps(report.to_json() | more | about, ensure_ascii=False)
    write_file(path, before + line.encode() + b"\n")
