"""Obj-GAN beside AttnGAN and beside itself without object-driven attention or without its critic of things.

    limner data build avatars --images 21000 --size 64 --seed 3 --part-masks -o data/parts64
    python benchmarks/object_driven.py attngan no-attention no-critic full --data data/parts64 --judge avatars32
    limner data build clevr --images 20000 --size 64 --seed 0 -o data/clevr64
    python benchmarks/object_driven.py attngan no-attention no-critic full --data data/clevr64 --judge clevr

DAMSM, boxes and shapes learn first, once, and all rows begin with them, frozen; then each is shown the same number of
pictures in the same order. A row of Obj-GAN is measured three times: with boxes and shapes that it draws, with the
boxes of the real pictures, and with their shapes as well. Where the data has descriptions these are the captions of a
copy of it that all rows learn from.

Measured are the figures of `limner eval`; of data with things at places of their own (clevr) the share of things that
are right in all; and how much of the attention of things lies on the phrase that names them, beside even attention. A
line for each row, layout and seed is appended to results/object_driven.jsonl, unless one of the same budget is there;
a run that was stopped goes on with the same command.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from independent import is_recorded, record
from layers import finished, train
from torch import Tensor

from limner import metrics
from limner.data.dataset import Dataset
from limner.drawing.artist import Artist
from limner.evaluation.draw import draw
from limner.evaluation.evaluate import evaluate
from limner.evaluation.phrases import share_on_phrases
from limner.evaluation.protocol import HeldOut, NamedJudge
from limner.requests import Caption, Layout, Request, shapes
from limner.requests.request import Answered

NAME = "object_driven"
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "attngan": ("attngan", {}),
    "no-attention": ("objgan", {"without": "object attention"}),
    "no-critic": ("objgan", {"without": "object critic"}),
    "full": ("objgan", {}),
}
"""Rows: a system, and changes to its preset `avatars`."""
ATTENDING = ("no-critic", "full")
"""Rows in which things attend to words."""
SHARED = ("text", "vision", "boxes", "shapes", "instance_critic", "global_critic")
"""Parts that the rows begin with."""
APART = ("rows", "layouts", "out", "seeds", "scratch")
"""Options that do not tell one measurement from another."""
NOTHING = "nothing"


class Shaped(Layout):
    """Boxes with their shapes, as the real pictures have them."""

    @classmethod
    def held_out(cls, data: Answered, split: str, count: int) -> Sequence[Request]:
        """Return the boxes of each row, with its caption and the shapes that have a mask of their own."""
        assert isinstance(data, Dataset)
        rows = data.first_rows(count, "boxes", "shapes", split)
        labels, boxes, masks, own = data.scenes(rows, split, most=0)
        found = []
        for row, *parts in zip(rows, labels, boxes, masks, own, strict=True):
            there = [(at, box) for at, (label, box) in enumerate(zip(*parts[:2], strict=True)) if label >= 0]
            placed = tuple((data.schema.things[parts[0][at]], *box.tolist()) for at, box in there)
            drawn = tuple(shapes.encode(parts[2][at].numpy() / 255, box) if parts[3][at] else "" for at, box in there)
            found.append(Layout(placed, data.captions(row, split)[0], masks=drawn))  # type: ignore[arg-type]
        return found


LAYOUTS: dict[str, Any] = {"predicted": Caption, "true boxes": Layout, "true boxes and shapes": Shaped}
"""What is told of a layout, by the kind of request."""


def described(folder: Path, out: Path) -> Path:
    """Return a copy of a data set whose captions are its descriptions; itself, where it has none."""
    shards = sorted(folder.glob("*.parquet"))
    if not shards or "description" not in pq.read_schema(shards[0]).names:
        return folder
    out.mkdir(parents=True, exist_ok=True)
    for shard in shards:
        place = out / shard.name
        if place.exists():
            continue
        table = pq.read_table(shard)
        facts = table.column("attributes").to_pylist()
        spoken = [[[name for name, value in one.items() if value not in {None, NOTHING}]] for one in facts]
        texts = [[text] for text in table.column("description").to_pylist()]
        kept = table.drop_columns(["description", "dialogue"])
        for name, values in (("text", texts), ("said", spoken)):
            kept = kept.set_column(kept.column_names.index(name), name, pa.array(values))
        about = json.loads(kept.schema.metadata[b"huggingface"])
        for name in ("description", "dialogue"):
            about["info"]["features"].pop(name, None)
        kept = kept.replace_schema_metadata({b"huggingface": json.dumps(about).encode()})
        pq.write_table(kept, place.with_suffix(".part"))
        place.with_suffix(".part").rename(place)
    return out


def trained(row: str, options: argparse.Namespace) -> Path:
    """Train what all rows begin with and then the row, or go on with either; return its run."""
    size, width = options.size, options.width
    common = {"size": size, "generator_width": width, "discriminator_width": width, "words": options.words}
    residuals = ",".join([str(options.residuals)] * 2)
    layout = {"residuals": residuals, "most": options.most, "small": options.small}
    budgets = {"text_images": options.text_images, "box_images": options.box_images}
    budgets |= {"shape_images": options.shape_images, "images": 16}
    start = train("objgan", options.out / f"start-s{options.seed}", options, common | layout | budgets)
    name, own = ROWS[row]
    changes = common | {"text_images": 0, "images": options.images, "batch": options.batch} | own
    parts: tuple[str, ...] = SHARED
    if name == "objgan":
        changes |= layout | {"box_images": 0, "shape_images": 0}
    else:
        changes |= {"stages": 2, "residuals": options.residuals}
        parts = SHARED[:2]
    begin = [word for part in parts for word in ("--part", part)]
    return train(name, options.out / f"{row}-s{options.seed}", options, changes, "--from", start, *begin)


def things_right(held_out: HeldOut, drawn: Tensor) -> dict[str, float]:
    """Return the share of things with all their attributes; nothing where things have no places of their own."""
    network = held_out.judge.network
    known = metrics.Things.of(network.values)
    if not known.columns:
        return {}
    real, mentioned = held_out.truth()[:, None], held_out.mentioned()[:, None]
    found = {}
    for name, features in (("things", held_out.judge.features(drawn)), ("things of real", held_out.real_features)):
        found[name] = metrics.story_accuracy(network.predict(features)[:, None], real, mentioned, known).objects
    return found


def attended(artist: Artist, held_out: HeldOut) -> dict[str, float]:
    """Return how much of the attention of things lies on their own phrases, and how much even attention would."""
    data = held_out.data
    texts = [data.captions(row, "test")[0] for row in held_out.rows]
    labels = [[box[0] for box in data.boxes(row, "test")] for row in held_out.rows]
    system: Any = artist.system
    found = share_on_phrases(texts, labels, system.attend(texts, labels))
    return {"own phrase": found.attention, "own phrase, even": found.even, "things with a phrase": found.things}


def drawn_for(artist: Artist, held_out: HeldOut) -> Tensor:
    """Draw the held-out requests, as `evaluate` does: (N, 3, S, S)."""
    requests = held_out.data.requests(artist.system.takes, held_out.requests, "test")
    return draw(artist.system, requests, range(len(requests)), held_out.processes)


def measure(row: str, layout: str, options: argparse.Namespace) -> dict[str, Any]:
    """Train a row, unless that is done, and measure it with one kind of layout."""
    data = Dataset.open(options.data, size=options.size)
    held_out = HeldOut(Path(options.data).name, data, NamedJudge.load(options.judge), options.pictures)
    began = time.perf_counter()
    artist = finished(trained(row, options))
    took = round(time.perf_counter() - began, 1)
    figures: dict[str, float] = {}
    if layout:
        artist.system.takes = LAYOUTS[layout]
    if row in ATTENDING:
        figures |= attended(artist, held_out)
    figures |= things_right(held_out, drawn_for(artist, held_out))
    report = evaluate(artist, held_out)
    figures |= {name: figure.value for name, figure in report.figures.items()}
    return {
        "figures": {name: round(value, 4) for name, value in figures.items()}, "report": report.to_json(),
        "seconds": took,
    }  # fmt: skip


def main() -> None:
    """Train and measure rows; print and keep their figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", default=list(ROWS), help=f"of {', '.join(ROWS)}; all by default")
    parser.add_argument("--layouts", nargs="+", choices=list(LAYOUTS), default=list(LAYOUTS))
    parser.add_argument("--data", required=True)
    parser.add_argument("-o", "--out", type=Path, default=Path("bench/object_driven"))
    parser.add_argument("--judge", default="avatars32")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--width", type=int, default=16, help="of painter and critics")
    parser.add_argument("--residuals", type=int, default=2, help="blocks of each of the two stages")
    parser.add_argument("--words", type=int, default=48)
    parser.add_argument("--most", type=int, default=8, help="boxes of a picture")
    parser.add_argument("--small", type=float, default=0.25, help="side below which a thing is small")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--text-images", type=int, default=60_000)
    parser.add_argument("--box-images", type=int, default=60_000)
    parser.add_argument("--shape-images", type=int, default=20_000)
    parser.add_argument("--images", type=int, default=80_000)
    parser.add_argument("--pictures", type=int, default=1_000, help="held-out pictures")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--scratch", action="store_true", help="leave results/ alone")
    options = parser.parse_args()
    if wrong := set(options.rows) - set(ROWS):
        parser.error(f"no row {min(wrong)}: there are {', '.join(ROWS)}")
    name = Path(options.data).name
    options.out = options.out / name
    options.data = str(described(Path(options.data), options.out / f"{name}-described"))
    for seed in options.seeds:
        for row in options.rows:
            one = argparse.Namespace(**vars(options), seed=seed)
            about = {key: value for key, value in vars(one).items() if key not in APART}
            for layout in options.layouts if ROWS[row][0] == "objgan" else [""]:
                line = about | {"data": name, "row": row, "layout": layout}
                if not options.scratch and is_recorded(NAME, line):
                    continue
                found = line | measure(row, layout, one)
                print(
                    json.dumps({key: found[key] for key in ("row", "layout", "seed", "figures")}, indent=1), flush=True
                )
                if not options.scratch:
                    record(NAME, **found)


if __name__ == "__main__":
    main()
