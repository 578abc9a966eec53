"""`limner data import`: published data sets, as they were downloaded, become a folder that Limner trains on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.console import Json, bar, emit

if TYPE_CHECKING:
    from limner.data.import_write import Plan

app = typer.Typer(help="Turn a published data set, as it was downloaded, into one to train on.", no_args_is_help=True)
Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Where the downloads were unpacked.", show_default=False)
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder to make.", show_default=False)]
Crop = Annotated[bool, typer.Option("--crop/--no-crop", help="Cut pictures to 1.5 times the box, as StackGAN does.")]
Split = Annotated[
    str | None,
    typer.Option(
        help="classes: no class on both sides, by Reed's lists. pickles: by train/ and test/filenames.pickle. "
        "official: the set's own. The first that is there by default.",
        show_default=False,
    ),
]


@app.command()
def cub(folder: Folder, out: Out, crop: Crop = True, split: Split = None, as_json: Json = False) -> None:
    """Import CUB-200-2011, the birds, with Reed's captions.

    FOLDER holds CUB_200_2011/ (from CUB_200_2011.tgz), text_c10/ or text/ with a .txt of captions for each picture,
    and, for the split of the papers, Reed's trainvalclasses.txt and testclasses.txt.

    limner data import cub downloads/birds -o data/birds

    limner data import cub downloads/birds --no-crop --split official -o data/whole-birds

    limner train gan-int-cls --data data/birds
    """
    from limner.data import import_cub

    _write(import_cub.plan(folder, crop=crop, split=split), out, as_json)


@app.command()
def oxford(folder: Folder, out: Out, split: Split = None, as_json: Json = False) -> None:
    """Import Oxford-102, the flowers, with Reed's captions.

    FOLDER holds jpg/ (from 102flowers.tgz), text_c10/ with a .txt of captions for each picture, and Reed's
    trainvalclasses.txt and testclasses.txt, or Oxford's setid.mat.

    limner data import oxford downloads/flowers -o data/flowers

    limner data import oxford downloads/flowers --split official -o data/flowers-official
    """
    from limner.data import import_oxford

    _write(import_oxford.plan(folder, split=split), out, as_json)


@app.command()
def legacy(folder: Folder, out: Out, crop: Crop = True, as_json: Json = False) -> None:
    """Import the pickled layout of StackGAN, AttnGAN and those after them: birds, flowers or COCO.

    FOLDER holds train/filenames.pickle and test/filenames.pickle, the pictures (CUB_200_2011/, jpg/ or images/),
    and captions: text/, text_c10/ or captions.pickle. Embeddings are kept where they are there. No pickle is run:
    they are read by a reader that knows lists, strings, numbers and arrays only.

    limner data import legacy AttnGAN/data/birds -o data/birds
    """
    from limner.data import import_legacy

    _write(import_legacy.plan(folder, crop=crop), out, as_json)


def _write(plan: Plan, out: Path, as_json: bool) -> None:
    from limner.data.import_read import WAYS
    from limner.data.import_write import write

    with bar(f"importing {plan.what}") as progress:
        folder = write(plan, out, progress=progress)
    counts = plan.counts()
    facts = {"folder": str(folder), "what": plan.what, "split": plan.way, "crop": plan.crop, "pictures": counts}
    shown = ", ".join(f"{count} in {split}" for split, count in counts.items())
    emit(facts, as_json, f"{plan.what} lies in {folder}: {shown}; split: {WAYS[plan.way]}")
