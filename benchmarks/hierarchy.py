"""The ladder of Hong et al.: no layout, a predicted one, true boxes, true boxes and shapes; and what a layout is worth.

    limner data build layouts --images 21000 --size 64 --seed 3 -o data/layouts64
    python benchmarks/hierarchy.py --data data/layouts64

`semantic-layout` is trained once; `predicted` draws boxes, shapes and picture from the caption, `boxes` is given the
true boxes, `both` the true shapes, too. `text` is GAN-INT-CLS with the same text encoder, as wide, on as many pictures:
it has no layout. Each row draws the first caption of the same held-out pictures, which names all counts. A judge that
saw real pictures alone counts the things; with `--captioner` a system that learnt to describe real pictures describes
what was drawn, and BLEU compares that with the captions, as in the paper.

Of `predicted` the layouts are measured, too, beside layouts that the rules of the world draw for the same counts; and
how likely true layouts are, in nats a box, beside the rules. Of `boxes`, one box is taken away, and one is moved: what
the judge counts then, how many pixels change outside the box, and where the thing stands.

A run that was stopped goes on with the same command. A line for each row and seed is appended to
results/hierarchy.jsonl, unless one of the same budget is there.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from independent import is_recorded, record
from layers import finished, train
from torch import Tensor

import limner
from limner import metrics
from limner.blocks.layout.asked import asked_things
from limner.data.dataset import Dataset
from limner.drawing.artist import Artist
from limner.evaluation.layouts import Rules, rules_of
from limner.evaluation.protocol import HeldOut, NamedJudge
from limner.evaluation.redescription import redescribed
from limner.imaging.answers import layouts
from limner.imaging.sheets import sheet, to_pil
from limner.metrics.layouts import Box
from limner.noise import RowNoise
from limner.requests import Caption, Layout, Request
from limner.system import System

ROWS = ("text", "predicted", "boxes", "both")
BATCH, CANDIDATES = 50, 100
TENTH = 0.1
"""The share of the pixels outside a box of which fewer should change when it goes."""
TRIES = 300
"""Layouts of the rules that are drawn until one has the counts of a caption."""
SHARED = ("rows", "out", "seeds", "scratch")
"""Options that do not tell one measurement from another."""


def trained(row: str, options: argparse.Namespace) -> Artist:
    """Return the artist of a row; all rows but `text` have the same."""
    place = options.out / f"layout-s{options.seed}"
    width = {"generator_width": options.width, "discriminator_width": options.width, "size": options.size}
    changes = width | {"text_images": options.text_images, "box_images": options.box_images}
    changes |= {"shape_images": options.shape_images, "images": options.images}
    artist = finished(train("semantic-layout", place, options, changes, preset="layouts"))
    if row != "text":
        return artist
    changes = width | {"text": "word", "text_loss": "contrastive", "text_images": 0, "style_images": 0, "captions": 1}
    changes |= {"text_width": artist.system.config.text_width, "images": options.images}
    parts = ("--from", place, "--part", "text", "--part", "vision")
    return finished(train("gan-int-cls", options.out / f"text-s{options.seed}", options, changes, *parts))


def draw(system: System, requests: Sequence[Request], knobs: Any, start: int = 0) -> tuple[Tensor, list[list[Box]]]:
    """Draw request i with seed start + i: pictures (N, 3, S, S), and their layouts where there are any."""
    images, found = [], list[list[Box]]()
    for k in range(0, len(requests), BATCH):
        some = requests[k : k + BATCH]
        *_, last = system.sample(some, knobs, RowNoise(range(start + k, start + k + len(some))))
        assert last.images is not None
        images.append(last.images.float().clamp(-1, 1))
        found += layouts(last, system.schema) if last.layout is not None else []
    return torch.cat(images), found


@contextmanager
def true_shapes(system: Any, data: Dataset, rows: Sequence[int]) -> Iterator[None]:
    """Have a system paint with the true shapes of these rows, which are drawn in their order with their boxes alone."""
    own, config, at = system.shapes.forward, system.config, [0]

    def given(labels: Tensor, boxes: Tensor, noise: Tensor) -> Tensor:
        some = rows[at[0] : at[0] + len(labels)]
        at[0] += len(labels)
        known, places, masks, _ = data.scenes(some, "test", config.most, config.mask_size)
        assert torch.equal(known, labels) and torch.allclose(places, boxes), "boxes and shapes are of other rows"
        return masks.float().div(255)

    system.shapes.forward = given
    try:
        yield
    finally:
        system.shapes.forward = own


def true_layouts(data: Dataset, rows: Sequence[int], most: int) -> list[Layout]:
    """Return the largest boxes of held-out rows, with their first captions."""
    found = []
    for row in rows:
        boxes = sorted(data.boxes(row, "test"), key=lambda box: -box[3] * box[4])[:most]
        found.append(Layout(tuple(boxes), data.captions(row, "test")[0]))
    return found


def obeyed(held_out: HeldOut, drawn: Tensor, captioner: Artist | None) -> dict[str, list[float]]:
    """Return figures of pictures, each beside those of real pictures and of real ones shuffled among the captions."""
    network, real = held_out.judge.network, held_out.real_features
    features, names, wanted = held_out.judge.features(drawn), list(network.values), held_out.wanted()
    captions = [held_out.data.captions(int(row), "test")[0] for row in held_out.rows]
    found = dict[str, list[float]]()
    for key, some in (("drawn", features), ("real", real), ("shuffled", real.roll(1, 0))):
        accuracy = metrics.attribute_accuracy(network.predict(some), wanted, names)
        codes = network.embed_images(some), network.embed_captions(captions)
        shares = {"attributes": accuracy.mean, "all asked": accuracy.all_at_once}
        shares["R-precision"] = metrics.r_precision(*codes, captions, CANDIDATES)
        for name, value in shares.items():
            found.setdefault(name, []).append(round(float(value), 4))
        if key == "drawn":
            found |= {f"right {name}": [round(float(share), 4)] for name, share in accuracy.each.items()}
    known, own, best = (rows / held_out.scale for rows in (held_out.known_features, features, real))
    found["fid"] = [round(metrics.frechet_distance(known, some), 3) for some in (own, best)]
    found["recall"] = [round(metrics.precision_recall(known, some)[1], 4) for some in (own, best)]
    if captioner is not None:
        for name, one in redescribed(held_out, captioner, drawn).items():
            found[name] = [round(float(value), 4) for value in (one.value, one.real, one.floor) if value is not None]
    return found


def proposals(
    drawn: Sequence[Sequence[Box]], real: Sequence[Sequence[Box]], rules: Rules | None, seed: int
) -> dict[str, list[float]]:
    """Return figures of layouts that were drawn from captions, each beside that of the rules where they are known."""
    chance, ideal = random.Random(seed), list[Sequence[Box]]()
    for boxes in real if rules else ():
        assert rules is not None
        counts = sorted(box[0] for box in boxes)
        for _ in range(TRIES):
            made = rules.draw(chance, sorted(set(counts)))
            if sorted(box[0] for box in made) == counts:
                break
        ideal.append(made)
    others = [*real[1:], real[0]]

    def mean(score: Any, floor: bool) -> list[float]:
        pairs = [drawn, *([ideal] if rules else []), *([others] if floor else [])]
        return [round(sum(map(score, some, real)) / len(real), 4) for some in pairs]

    found = {
        "counts right": mean(lambda one, other: metrics.counts_within(one, other, 0), True),
        "layout IoU": mean(metrics.matched_iou, True),
    }
    if rules:
        boxes = [(sum(map(rules.violations, some)), sum(map(len, some))) for some in (drawn, ideal)]
        found["boxes that break a rule"] = [round(wrong / max(count, 1), 4) for wrong, count in boxes]
    return found


def likelihood(system: Any, requests: Sequence[Layout], rules: Rules | None) -> dict[str, list[float]]:
    """Return the negative log-likelihood of true layouts given their captions, in nats a box, beside the rules'."""
    sums, count = torch.zeros(4), sum(len(request.boxes) for request in requests)
    for k in range(0, len(requests), BATCH):
        some = requests[k : k + BATCH]
        asked = asked_things(some, system.schema.things, system.config.most, system.config.mask_size)
        with torch.no_grad():
            terms = system.boxes.terms(system.read([one.caption for one in some]), asked.labels, asked.boxes)
        parts = (terms.nats, terms.label, terms.middle, terms.sides)
        sums += torch.stack([part.double().sum() for part in parts]).float()
    exact = sum(rules.log_likelihood(request.boxes)[1] for request in requests) if rules else 0.0
    names = ("nats a box", "labels, nats a box", "middles, nats a box", "sides, nats a box")
    found = {name: [round(float(value) / count, 4)] for name, value in zip(names, sums, strict=True)}
    if rules:
        found["nats a box"].append(round(-exact / count, 4))
    return found


def edited(artist: Artist, held_out: HeldOut, requests: Sequence[Layout], seed: int) -> dict[str, list[float]]:
    """Take a box away, and move one; return what the judge counts, what changes, and where the thing stands."""
    system, network = artist.system, held_out.judge.network
    chance, chosen = random.Random(seed), list[int]()
    whole, less, moved = list[Layout](), list[Layout](), list[Layout]()
    for request in requests:
        if len(request.boxes) < 2:
            continue
        k = chance.randrange(len(request.boxes))
        _, x, y, width, height = request.boxes[k]
        there = max(((x + step) % 1 * (1 - width) for step in (0.35, 0.5, 0.65)), key=lambda to: abs(to - x))
        whole.append(request)
        less.append(request.without_boxes([k]))
        moved.append(request.placed(k, there, y, width, height))
        chosen.append(k)
    knobs = system.Knobs()
    before, without, after = (draw(system, some, knobs)[0] for some in (whole, less, moved))
    old, new = (
        torch.tensor([one.boxes[k][1:] for one, k in zip(some, chosen, strict=True)]) for some in (whole, moved)
    )
    removed, went = metrics.removal(before, without, old), metrics.move(before, after, without, old, new)
    within_bounds = (metrics.changed_outside(before, without, old) < TENTH).float().mean()
    names, lower = list(network.values), list[bool]()
    counts = [network.predict(held_out.judge.features(some)) for some in (before, without)]
    for row, (request, k) in enumerate(zip(whole, chosen, strict=True)):
        if (name := f"count of {request.boxes[k][0]}s") in names:
            at, values = names.index(name), network.values[name]
            was, now = (int(values[int(some[row, at])]) for some in counts)
            lower.append(now == was - 1)
    found = {
        "removed: pixels changed outside the box": [round(removed.outside, 4)],
        "removed: under a tenth outside": [round(float(within_bounds), 4)],
        "removed: pixels changed in the box": [round(removed.inside, 4)],
        "moved: IoU with its new box": [round(went.arrived, 4), round(went.stayed, 4)],
    }
    return found | ({"removed: counted one fewer": [round(sum(lower) / len(lower), 4)]} if lower else {})


def measure(row: str, options: argparse.Namespace) -> dict[str, Any]:
    """Train and measure one row of one seed."""
    data = Dataset.open(options.data, size=options.size)
    held_out = HeldOut(Path(options.data).name, data, NamedJudge.load(options.judge), options.pictures)
    began = time.perf_counter()
    artist = trained(row, options)
    took = round(time.perf_counter() - began, 1)
    captioner = limner.load(options.captioner, device="cpu") if options.captioner else None
    system, rows, rules = artist.system, held_out.rows.tolist(), rules_of(options.data)
    knobs, figures = system.Knobs(), dict[str, list[float]]()
    captions = [Caption(data.captions(one, "test")[0]) for one in rows]
    if row in ("text", "predicted"):
        drawn, found = draw(system, captions, knobs)
    else:
        asked = true_layouts(data, rows, system.config.most)
        knobs = system.Knobs()
        if row == "both":
            with true_shapes(system, data, rows):
                drawn, found = draw(system, asked, knobs)
        else:
            drawn, found = draw(system, asked, knobs)
    if row == "predicted":
        real = [data.boxes(one, "test") for one in rows]
        figures |= proposals(found, real, rules, options.seed)
        figures |= likelihood(system, true_layouts(data, rows, system.config.most), rules)
    if row == "boxes":
        figures |= edited(artist, held_out, asked, options.seed)
    sheet(to_pil(torch.cat([held_out.real[:12], drawn[:12]])), 12).save(options.out / f"{row}-s{options.seed}.png")
    return {"figures": obeyed(held_out, drawn, captioner) | figures, "seconds": took}


def main() -> None:
    """Train and measure rows; print and keep their figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", default=list(ROWS), help=f"of {', '.join(ROWS)}; all by default")
    parser.add_argument("--data", required=True)
    parser.add_argument("-o", "--out", type=Path, default=Path("bench/hierarchy"))
    parser.add_argument("--judge", default="layouts")
    parser.add_argument("--captioner", default="", help="an artist that describes pictures, trained on such data")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--width", type=int, default=32, help="of painters and critics")
    parser.add_argument("--text-images", type=int, default=40_000)
    parser.add_argument("--box-images", type=int, default=120_000)
    parser.add_argument("--shape-images", type=int, default=20_000)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--pictures", type=int, default=1_000, help="held-out pictures")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--scratch", action="store_true", help="leave results/ alone")
    options = parser.parse_args()
    if wrong := set(options.rows) - set(ROWS):
        parser.error(f"no row {min(wrong)}: there are {', '.join(ROWS)}")
    options.out.mkdir(parents=True, exist_ok=True)
    for seed in options.seeds:
        one = argparse.Namespace(**vars(options), seed=seed)
        about = {name: value for name, value in vars(one).items() if name not in SHARED}
        about["data"] = Path(options.data).name
        for row in options.rows:
            if not options.scratch and is_recorded("hierarchy", about | {"row": row}):
                continue
            found = about | {"row": row} | measure(row, one)
            print(json.dumps({name: found[name] for name in ("row", "seed", "seconds", "figures")}), flush=True)
            if not options.scratch:
                record("hierarchy", **found)


if __name__ == "__main__":
    main()
