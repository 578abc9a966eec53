"""`limner data import`: published data sets, as they were downloaded, become a folder that Limner trains on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.commands import Command
from limner.cli.console import Json, bar, emit, note
from limner.errors import UserError

if TYPE_CHECKING:
    from limner.data.importers.writing import Plan

app = typer.Typer(help="Turn a published data set, as it was downloaded, into one to train on.", no_args_is_help=True)
Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Where the downloads were unpacked.", show_default=False)
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder to make.", show_default=False)]
Crop = Annotated[bool, typer.Option("--crop/--no-crop", help="Cut pictures to 1.5 times the box, as StackGAN does.")]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Leave out pictures that are broken or missing, and name them.")
]
Split = Annotated[
    str | None,
    typer.Option(
        help="classes: no class on both sides, by Reed's lists. pickles: by train/ and test/filenames.pickle. "
        "official: the set's own. The first that is there by default.",
        show_default=False,
    ),
]


@app.command(cls=Command)
def cub(
    folder: Folder, out: Out, crop: Crop = True, split: Split = None, skip_bad: SkipBad = False, as_json: Json = False
) -> None:
    """Import CUB-200-2011, the birds, with Reed's captions.

    FOLDER holds CUB_200_2011/ (from CUB_200_2011.tgz), text_c10/ or text/ with a .txt of captions for each picture,
    and, for the split of the papers, Reed's trainvalclasses.txt and testclasses.txt. Boxes, key points and attributes
    are taken where their files are there.

    limner data import cub downloads/birds -o data/birds

    limner data import cub downloads/birds --no-crop --split official -o data/whole-birds

    limner train gan-int-cls --data data/birds --preset birds
    """
    from limner.data.importers import cub as import_cub

    _write(import_cub.plan(folder, crop=crop, split=split), out, as_json, skip_bad)


@app.command(cls=Command)
def oxford(folder: Folder, out: Out, split: Split = None, skip_bad: SkipBad = False, as_json: Json = False) -> None:
    """Import Oxford-102, the flowers, with Reed's captions.

    FOLDER holds jpg/ (from 102flowers.tgz), text_c10/ with a .txt of captions for each picture, and Reed's
    trainvalclasses.txt and testclasses.txt, or Oxford's setid.mat.

    limner data import oxford downloads/flowers -o data/flowers

    limner data import oxford downloads/flowers --split official -o data/flowers-official
    """
    from limner.data.importers import oxford as import_oxford

    _write(import_oxford.plan(folder, split=split), out, as_json, skip_bad)


@app.command(cls=Command)
def legacy(folder: Folder, out: Out, crop: Crop = True, skip_bad: SkipBad = False, as_json: Json = False) -> None:
    """Import the pickled layout of StackGAN, AttnGAN and those after them: birds, flowers or COCO.

    FOLDER holds train/filenames.pickle and test/filenames.pickle, the pictures (CUB_200_2011/, jpg/ or images/),
    and captions: text/, text_c10/ or captions.pickle. Embeddings are kept where they are there. No pickle is run:
    they are read by a reader that knows lists, strings, numbers and arrays only.

    limner data import legacy AttnGAN/data/birds -o data/birds
    """
    from limner.data.importers import legacy as import_legacy

    _write(import_legacy.plan(folder, crop=crop), out, as_json, skip_bad)


@app.command(cls=Command)
def coco(
    folder: Folder,
    out: Out,
    year: Annotated[
        str | None, typer.Option(help="2014 or 2017. The first that is there by default.", show_default=False)
    ] = None,
    masks: Annotated[bool, typer.Option("--masks", help="Draw the mask of each thing too; takes long.")] = False,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Import MS-COCO, photographs with five captions and boxes around things.

    FOLDER holds annotations/ (from annotations_trainval2014.zip), train2014/ and val2014/, or those of 2017. Training
    pictures are those of train, test pictures those of val. Boxes around crowds are left out. The boxes are layouts to
    train on.

    limner data import coco downloads/coco -o data/coco

    limner train layout-vae --data data/coco

    limner data import coco downloads/coco --year 2017 --masks -o data/coco-2017
    """
    from limner.data.importers import coco as import_coco

    _write(import_coco.plan(folder, year=year, masks=masks), out, as_json, skip_bad)


@app.command(cls=Command)
def pororo(
    folder: Folder,
    out: Out,
    split: Annotated[
        str | None,
        typer.Option(
            help="seen-unseen: by train_seen_unseen_ids.npy. train-test: by train_test_ids.npy. The first that is "
            "there by default.",
            show_default=False,
        ),
    ] = None,
    apart: Annotated[
        bool, typer.Option("--apart", help="Leave out training stories that share a picture with held-out ones.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Decides which square of each strip is taken.")] = 0,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Import Pororo-SV, stories of five pictures from a cartoon.

    FOLDER is pororo_png/: strips <season_episode>/<clip>/<k>.png, descriptions.csv, labels.npy, img_cache4.npy,
    following_cache4.npy, and train_seen_unseen_ids.npy or train_test_ids.npy. No pickle in them is run.

    limner data import pororo downloads/pororo_png -o data/pororo

    limner data import pororo downloads/pororo_png --apart -o data/pororo-apart
    """
    from limner.data.importers import pororo as import_pororo

    _write(import_pororo.plan(folder, split=split, apart=apart, seed=seed), out, as_json, skip_bad)


@app.command(cls=Command)
def face2text(
    descriptions: Annotated[
        Path, typer.Argument(metavar="CLEAN.JSON", help="The file of descriptions.", show_default=False)
    ],
    images: Annotated[
        Path, typer.Argument(metavar="IMAGES", help="The folder its names of pictures begin in.", show_default=False)
    ],
    out: Out,
    suffix: Annotated[
        list[str],
        typer.Option(metavar="OLD=NEW", help="What a suffix in the file is on the disk; may be given again."),
    ] = [".bmp=.jpg"],  # noqa: B006 typer reads it and never changes it
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Import Face2Text, faces and their descriptions.

    CLEAN.JSON is the file of cleaned descriptions, IMAGES the folder lfw/ (from lfw.tgz).

    limner data import face2text face2text_v0.1/clean.json downloads/lfw -o data/faces

    limner data import face2text clean.json celeba/ --suffix .bmp=.png -o data/faces
    """
    from limner.data.importers import face2text as import_face2text

    _write(import_face2text.plan(descriptions, images, suffixes=_suffixes(suffix)), out, as_json, skip_bad)


@app.command(cls=Command)
def clevr(
    scenes: Annotated[
        Path, typer.Argument(metavar="SCENES.JSON", help="File of scenes, or the folder scenes/.", show_default=False)
    ],
    images: Annotated[
        Path, typer.Argument(metavar="IMAGES", help="Folder of the pictures, or images/.", show_default=False)
    ],
    out: Out,
    questions: Annotated[
        Path | None, typer.Option(help="File of questions, or the folder questions/.", show_default=False)
    ] = None,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Import CLEVR, pictures of things on a plane; what is said of them is written from the scenes.

    limner data import clevr CLEVR_v1.0/scenes CLEVR_v1.0/images --questions CLEVR_v1.0/questions -o data/real-clevr

    limner data import clevr CLEVR_val_scenes.json CLEVR_v1.0/images/val -o data/clevr-val
    """
    from limner.data.importers import clevr as import_clevr

    _write(import_clevr.plan(scenes, images, questions=questions), out, as_json, skip_bad)


@app.command(cls=Command)
def visdial(
    folder: Folder,
    out: Out,
    version: Annotated[
        str | None, typer.Option(help="0.9 or 1.0. The first that is there by default.", show_default=False)
    ] = None,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Import VisDial, photographs of COCO with a caption and ten questions and answers each.

    FOLDER holds visdial_0.9_train.json and visdial_0.9_val.json, and COCO's train2014/ and val2014/. Training pictures
    are those of train, test pictures those of val.

    limner data import visdial downloads/visdial -o data/visdial

    limner train chatpainter --data data/visdial --preset paper
    """
    from limner.data.importers import visdial as import_visdial

    _write(import_visdial.plan(folder, version=version), out, as_json, skip_bad)


@app.command(cls=Command)
def clevr_sv(folder: Folder, out: Out, skip_bad: SkipBad = False, as_json: Json = False) -> None:
    """Import CLEVR-SV, stories of four pictures, from StoryGAN's layout.

    FOLDER holds CLEVR_dict.npy and images/. No pickle in it is run.

    limner data import clevr-sv downloads/clevr_dataset -o data/clevr-sv
    """
    from limner.data.importers import clevr_sv as import_clevr_sv

    _write(import_clevr_sv.plan(folder), out, as_json, skip_bad)


@app.command(cls=Command)
def sentences(
    path: Annotated[
        Path, typer.Argument(metavar="FILE|FOLDER", help="A .jsonl or .txt file, or the folder.", show_default=False)
    ],
    out: Out,
    as_json: Json = False,
) -> None:
    """Import sentences without pictures, for systems that write: SNLI and its like, or one sentence a line.

    A .jsonl file has lines {"sentence1": ..., "sentence2": ...} or {"text": ...}. Of a folder such as snli_1.0/ the
    names of the files tell the split. Each distinct sentence is taken once.

    limner data import sentences downloads/snli_1.0 -o data/snli

    limner data import sentences captions.txt -o data/captions
    """
    from limner.data.importers import sentences as import_sentences
    from limner.data.importers.reading import WAYS

    plan = import_sentences.plan(path)
    with bar("importing sentences") as progress:
        folder = import_sentences.write(plan, out, progress=progress)
    counts = plan.counts()
    result = {"folder": str(folder), "what": "sentences", "split": plan.way, "sentences": counts}
    result["notes"] = list(plan.notes)
    for one in () if as_json else plan.notes:
        note(f"note: {one}")
    totals = ", ".join(f"{count} in {split}" for split, count in counts.items())
    emit(result, as_json, f"the sentences lie in {folder}: {totals}; split: {WAYS[plan.way]}")


def _suffixes(pairs: list[str]) -> dict[str, str]:
    found = dict(pair.partition("=")[::2] for pair in pairs)
    if wrong := next((old for old, new in found.items() if not (old.startswith(".") and new.startswith("."))), None):
        raise UserError(f"--suffix {wrong}={found[wrong]} is no pair of suffixes: give one such as .bmp=.jpg")
    return found


def _write(plan: Plan, out: Path, as_json: bool, skip_bad: bool) -> None:
    from limner.data.importers.reading import WAYS
    from limner.data.importers.writing import counted, write

    lost: list[str] | None = [] if skip_bad else None
    with bar(f"importing {plan.what}") as progress:
        folder = write(plan, out, lost=lost, progress=progress)
    for one in lost or ():
        note(f"left out: {one}")
    counts = counted(folder) if skip_bad else plan.counts()
    result = {"folder": str(folder), "what": plan.what, "split": plan.way, "crop": plan.crop, "pictures": counts}
    result["notes"] = list(plan.notes)
    if skip_bad:
        result["left_out"] = sum(plan.counts().values()) - sum(counts.values())
    if not as_json:
        for one in plan.notes:
            note(f"note: {one}")
    totals = ", ".join(f"{count} in {split}" for split, count in counts.items())
    emit(result, as_json, f"{plan.what} lies in {folder}: {totals}; split: {WAYS[plan.way]}")
