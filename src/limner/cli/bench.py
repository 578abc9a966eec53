"""`limner bench`: systems side by side."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from limner.cli.console import Device, Json, emit, note
from limner.cli.judge import Data, Inception, JudgeName, Pictures, SecondJudge, exam_of
from limner.errors import UserError


def bench(
    rows: Annotated[list[str], typer.Argument(metavar="ROW...", help="SYSTEM[:PRESET[:name=value,name=value]].")],
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for runs, results, table and sheet.")],
    judge: JudgeName = "avatars",
    second_judge: SecondJudge = None,
    images: Annotated[
        int | None, typer.Option(help="Budget of the main phase, for every row.", show_default="each preset's")
    ] = None,
    text_images: Annotated[
        int | None, typer.Option(help="Budget of learning to read, likewise.", show_default="each preset's")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Trainings of each row, with seeds 0, 1, ...")] = 1,
    from_: Annotated[
        str | None, typer.Option("--from", help="Begin every row with weights of this checkpoint.", show_default=False)
    ] = None,
    part: Annotated[
        list[str] | None, typer.Option(help="With --from: a module to take (default: all); may be repeated.")
    ] = None,
    pictures: Pictures = 1000,
    inception: Inception = False,
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Train and measure systems side by side: same data, same budget, same seeds, one table.

    A row without a preset takes its system's default, as `limner train` does.

    limner bench miniature:ten-minutes gan-int-cls:avatars-modern --data data/avatars -o bench/first --images 20000

    limner bench gan-int-cls:avatars:variant=gan gan-int-cls:avatars:variant=gan-cls --data birds --judge judges/birds \
        -o bench/variants --seeds 3

    Rows that draw layouts, or write texts, are measured without a judge, and share a table with their like only.

    A bench that was stopped goes on when the same command is given again.
    """
    from limner.devices import choose
    from limner.evaluation.bench import Bench, Entry
    from limner.evaluation.exam import common_kind
    from limner.training.run_folder import commit, typed, versions

    choose(device)
    if seeds < 1:
        raise UserError(f"the number of seeds is 1 or more, not {seeds}")
    if len(set(rows)) < len(rows):
        raise UserError("a row stands there twice: give each row once")
    budget = {name: n for name, n in (("images", images), ("text_images", text_images)) if n is not None}
    entries = [Entry.read(row, budget) for row in rows]
    kind, first = common_kind({entry.spec: entry.cls.gives for entry in entries}), entries[0]
    size = first.cls.data_size(first.config)
    exam = exam_of(kind, data, size, judge, pictures, 0, inception, second_judge)
    environment = {"commit": commit(), "versions": versions()}
    plan = Bench(out, entries, exam, data, seeds, from_, part or [], precision, typed(sys.argv), note, environment)
    table = plan.run()
    if exam.processes.leads:
        emit({"table": str(out / "table.md"), "results": str(out / "results.jsonl")}, as_json, table)
        note(f"{out / 'results.jsonl'}, {out / 'sheet.png'}")
    exam.processes.close()
