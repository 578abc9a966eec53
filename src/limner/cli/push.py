"""`limner push`: a checkpoint on the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from limner.cli.console import Json, emit, note
from limner.errors import UserError


def push(
    artist: Annotated[
        str, typer.Argument(help="What to publish: a run, a checkpoint folder, a judge, a bundled name.")
    ],
    hub_id: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="Where to, on the Hub.")],
    private: Annotated[bool, typer.Option(help="Show it to nobody else.")] = False,
    licence: Annotated[
        str, typer.Option(help="Of the weights, as the Hub spells it: mit, cc-by-4.0, ...", show_default=False)
    ] = "",
    figures: Annotated[
        Path | None, typer.Option(help="A results file of `limner eval`, whose figures go into the card.")
    ] = None,
    full_precision: Annotated[bool, typer.Option("--full-precision", help="Twice the bytes.")] = False,
    whole: Annotated[
        bool, typer.Option("--whole", help="Also what drawing does not need: discriminators, to train on with.")
    ] = False,
    folder: Annotated[
        Path | None, typer.Option(help="Write what would be published here, and publish nothing.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Publish an artist on the Hugging Face Hub: half precision, without what drawing does not need, with a card.

    limner push runs/mine me/my-hats --licence cc-by-4.0

    limner push runs/mine me/my-hats --figures results/hats.jsonl --folder look-first

    Log in once with `hf auth login`, or set HF_TOKEN. Then anybody draws: limner draw "..." --artist me/my-hats
    """
    from limner.drawing import hub
    from limner.drawing.artist import load
    from limner.drawing.publish import Terms, report_in, stage

    if not hub.is_id(hub_id):
        raise UserError(f"{hub_id!r} is no Hub id: write it as owner/name")
    loaded = load(artist, device="cpu")
    report = None if figures is None else report_in(figures, [artist, Path(artist).name, hub_id])
    terms = Terms(half=not full_precision, whole=whole, licence=licence, figures=report)
    if not licence:
        note("the card names no licence of the weights: say one with --licence")
    if folder is not None:
        where = str(stage(loaded, folder, hub_id, terms))
    else:
        where = loaded.push(hub_id, private=private, terms=terms)
    emit({"published" if folder is None else "folder": where, "hub_id": hub_id}, as_json, where)
