"""Climbing: PPGN with and without prior and condition, another condition, in-painting; MMVR; seconds a picture.

    python benchmarks/climbing.py train ppgn mmvr speed --data data/avatars64

`train` teaches a PPGN (its captioner, and G to invert E) and a second captioner with an eye of its own, of another
seed and width. `ppgn`, `mmvr` and `speed` then measure rows: each draws the same held-out requests with the same
seeds, and a judge that no net has seen says what is in the drawings. A line for each row is appended to
results/climbing.jsonl; what is there is skipped, and a training that was stopped goes on, so the same command goes on
after a stop.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from independent import is_recorded, record, run
from torch import Tensor

import limner
from limner import metrics
from limner.data.dataset import Dataset
from limner.data.schema import words_of
from limner.evaluation.protocol import HeldOut, NamedJudge
from limner.imaging.sheets import sheet, to_pil
from limner.requests import Attributes, Caption, Picture, Request
from limner.system import System, sample_drafts

PPGN: dict[str, dict[str, float]] = {
    "epsilon2=0": {"condition": 0.0},
    "epsilon1=0": {"prior": 0.0},
    "default": {},
    "epsilon1=0.01": {"prior": 0.01},
    "epsilon1=0.1": {"prior": 0.1},
    "epsilon1=1": {"prior": 1.0},
}
"""Rows by the knobs that are changed."""
OTHERS = ("another captioner", "classes of another judge")
"""Rows whose condition was not trained with E and G."""
MMVR: dict[str, tuple[int, int]] = {
    "PPGN": (0, 1), "BLEU-1": (1, 1), "BLEU-4": (4, 1), "5 captions": (0, 5), "5 captions, BLEU-1": (1, 5),
}  # fmt: skip
"""Rows by the n-gram that weighs, 0 for none, and the number of captions."""
SECOND_JUDGE = "avatars-mixer"
"""The condition of the row of classes; it is not the judge that measures."""
WIDTH = 24
"""Channels of the first maps of encoder and eye: twice those of the preset, since pictures are half as large."""
NETS = ("text", "encoder", "scale", "eye", "captioner", "generator", "critic")


class Options(argparse.Namespace):
    """What was asked for; its hash is that of one object, since a script has one."""

    __hash__ = object.__hash__


def trained(options: Options, name: str, system: str, changes: Mapping[str, object], *more: object) -> Path:
    """Train a run, or go on with it; return its folder."""
    place = options.out / name
    if (place / "run.json").exists():
        run("resume", place)
        return place
    settings = [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]
    run("train", system, "--data", options.data, "--preset", options.preset, *settings, "--run", place,
        "--grid-every", 0, *more)  # fmt: skip
    return place


@functools.cache
def nets(options: Options) -> Path:
    """Train the PPGN whose rows are measured."""
    changes = {
        "size": options.size, "encoder_width": WIDTH, "eye_width": WIDTH, "text_images": options.text_images,
        "caption_images": options.caption_images, "images": options.images,
    }  # fmt: skip
    return trained(options, "ppgn", "ppgn", changes, "--seed", options.seed)


@functools.cache
def other_captioner(options: Options) -> Path:
    """Train a captioner of another seed and width; what else a PPGN has is not used."""
    changes = {
        "size": options.size, "hidden": 160, "eye_width": 16, "text_images": 64, "images": 64,
        "caption_images": options.caption_images,
    }  # fmt: skip
    return trained(options, "other-captioner", "ppgn", changes, "--seed", options.seed + 1)


@functools.cache
def mmvr(options: Options) -> Path:
    """Return an MMVR with the nets of the PPGN; nothing is trained."""
    ppgn = nets(options)
    changes = {
        "size": options.size,
        "encoder_width": WIDTH,
        "eye_width": WIDTH,
        "text_images": 0,
        "caption_images": 0,
        "images": 0,
    }
    return trained(
        options, "mmvr", "mmvr", changes, "--from", ppgn, *(word for net in NETS for word in ("--part", net))
    )


class Exam:
    """What is measured, on which requests."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.data = Dataset.open(options.data, size=options.size)
        judge = NamedJudge.load(options.judge)
        self.held_out = HeldOut(Path(options.data).name, self.data, judge, options.requests)
        self.rows = range(self.held_out.requests)
        self.names = list(judge.network.values)

    def captions(self, count: int) -> list[Sequence[str]]:
        """Return the first captions of each held-out row, at most `count`."""
        return [self.data.captions(row, "test")[:count] for row in self.rows]

    def mentioned(self, count: int) -> Tensor:
        """Return what is asked for by any of the first captions of each row: (N, A) values, -1 where it is open."""
        said = torch.stack([
            self.data.mentioned(self.held_out.rows, k, "test") for k in range(count)
        ]).any(dim=0)  # fmt: skip
        return torch.where(said, self.held_out.truth(), -1)

    def draw(self, system: System, requests: Sequence[Request], knobs: Any) -> Iterator[tuple[int, Tensor]]:
        """Draw requests in batches; yield the step and (N, 3, S, S) of each draft."""
        parts: dict[int, list[Tensor]] = {}
        for start in range(0, len(requests), self.options.batch):
            some = requests[start : start + self.options.batch]
            seeds = range(start, start + len(some))
            for draft in sample_drafts(system, some, seeds, knobs):
                if draft.images is not None:
                    parts.setdefault(round(draft.progress * knobs.steps), []).append(draft.images.float().clamp(-1, 1))
        for step, images in parts.items():
            yield step, torch.cat(images)

    def figures(self, images: Tensor, wanted: Tensor) -> dict[str, float]:
        """Return what the judge says of drawings of the requests."""
        held_out = self.held_out
        features = held_out.judge.features(images)
        found = metrics.attribute_accuracy(held_out.judge.network.predict(features), wanted, self.names)
        fid = metrics.frechet_distance(held_out.known_features / held_out.scale, features / held_out.scale)
        return {"attributes": found.mean, "all asked": found.all_at_once, "fid": fid}

    def likelihood(self, system: System, images: Tensor) -> float:
        """Return the mean log-likelihood of the first captions by a system's own captioner, in nats a word."""
        texts = [Caption(texts[0]) for texts in self.captions(1)]
        parts = []
        for start in range(0, len(texts), 50):
            some = slice(start, start + 50)
            found = system.caption_log_likelihood(images[some], texts[some])
            assert found is not None
            parts.append(found)
        return float(torch.cat(parts).mean())

    def redescribed(self, system: System, images: Tensor, n_gram: int) -> float:
        """Return BLEU of what the own captioner says of drawings, by all captions of each row."""
        said = [text for part in images.split(50) for text in system.describe(part)]
        plain = [[" ".join(words_of(text)) for text in texts] for texts in self.captions(100)]
        return metrics.bleu(said, plain, n_gram)


def is_done(part: str, row: str, options: Options) -> bool:
    """Tell whether a line of this row is there, with the same options."""
    same = {"part": part, "row": row} | about(options)
    return is_recorded(options.results, same)


def about(options: Options) -> dict[str, Any]:
    """Return the options that a row depends on."""
    names = ("size", "text_images", "caption_images", "images", "requests", "steps", "batch", "seed", "judge", "preset")
    return {name: getattr(options, name) for name in names}


def keep(options: Options, part: str, row: str, **numbers: Any) -> None:
    """Print and append a line."""
    record(options.results, part=part, row=row, **about(options), **numbers)
    print(json.dumps({"part": part, "row": row} | numbers), flush=True)


def measure_ppgn(options: Options) -> None:
    """Measure PPGN: the epsilons, other conditions, and in-painting."""
    exam = Exam(options)
    if not is_done("ppgn", "real pictures", options):
        system = limner.load(nets(options)).system
        real = exam.held_out.real
        chances = {"shuffled": exam.figures(real.roll(1, 0), exam.mentioned(1))["attributes"]}
        keep(options, "ppgn", "real pictures", figures=exam.figures(real, exam.mentioned(1)) | chances,
             own=[[0, exam.likelihood(system, real)]])  # fmt: skip
    for row in (*PPGN, *OTHERS, "in-painting"):
        if not is_done("ppgn", row, options):
            one_of_ppgn(options, exam, row)


def one_of_ppgn(options: Options, exam: Exam, row: str) -> None:
    """Measure a row of PPGN."""
    system = limner.load(nets(options)).system
    knobs = dataclasses.replace(
        system.Knobs(), steps=options.steps, every=max(options.steps // 10, 1), **PPGN.get(row, {})
    )
    requests: list[Request] = [Caption(texts[0]) for texts in exam.captions(1)]
    if row == OTHERS[0]:
        system.climb_by(limner.load(other_captioner(options)).system)
    elif row == OTHERS[1]:
        system.climb_by(NamedJudge.load(SECOND_JUDGE).network)
        requests = asked_values(exam)
    elif row == "in-painting":
        holes = Picture.held_out(exam.data, "test", len(requests))
        requests = [hole.beside(request) for hole, request in zip(holes, requests, strict=True)]
    began, own, last = time.perf_counter(), [], torch.empty(0)
    for step, last in exam.draw(system, requests, knobs):
        own.append([step, exam.likelihood(system, last)])
    numbers: dict[str, Any] = {"figures": exam.figures(last, exam.mentioned(1)), "own": own}
    numbers["seconds"] = round(time.perf_counter() - began, 1)
    if row == "in-painting":
        numbers |= outside(requests, last, exam.held_out.real)
    keep(options, "ppgn", row, **numbers)
    keep_sheet(options, exam, f"ppgn-{row}", last)


def asked_values(exam: Exam) -> list[Request]:
    """Return what each caption says as values of attributes."""
    known, wanted = exam.held_out.judge.network.values, exam.mentioned(1).tolist()
    return [
        Attributes({name: values[k] for (name, values), k in zip(known.items(), row, strict=True) if k >= 0})
        for row in wanted
    ]


def outside(requests: Sequence[Request], images: Tensor, real: Tensor) -> dict[str, float]:
    """Return the greatest difference of a known pixel, the share of known ones, the mean difference in the hole."""
    known = torch.stack([
        torch.tensor(picture.arrays(images.shape[-1])[1]) for one in requests if (picture := one.picture())
    ])[:, None]  # fmt: skip
    gaps = (images - real).abs()
    hole = (~known).expand_as(gaps)
    return {
        "outside": float(gaps.masked_fill(hole, 0).max()),
        "known": float(known.float().mean()),
        "hole": float(gaps[hole].mean()),
    }


def keep_sheet(options: Options, exam: Exam, name: str, images: Tensor) -> None:
    """Save the first drawings beneath the real pictures of their captions."""
    count = min(10, len(images))
    folder = options.out / "sheets"
    folder.mkdir(parents=True, exist_ok=True)
    page = sheet(to_pil(torch.cat([exam.held_out.real[:count], images[:count].cpu()])), count)
    page.save(folder / f"{name.replace(' ', '-')}.png")


def measure_mmvr(options: Options) -> None:
    """Measure MMVR: a weight by n-grams, several captions, and both; and a picture there and back."""
    exam = Exam(options)
    texts = exam.captions(5)
    for row, (ngram, count) in MMVR.items():
        if is_done("mmvr", row, options):
            continue
        system = limner.load(mmvr(options)).system
        knobs = dataclasses.replace(system.Knobs(), steps=options.steps, every=options.steps, ngram=ngram)
        requests = [Caption("\n".join(some[:count])) for some in texts]
        *_, (_, last) = exam.draw(system, requests, knobs)
        bleu = {f"re-described, BLEU-{n}": exam.redescribed(system, last, n) for n in (1, 4)}
        keep(options, "mmvr", row, figures=exam.figures(last, exam.mentioned(5)) | bleu,
             own=[[options.steps, exam.likelihood(system, last)]])  # fmt: skip
        keep_sheet(options, exam, f"mmvr-{row}", last)
    if not is_done("mmvr", "there and back", options):
        system = limner.load(mmvr(options)).system
        said = [text for part in exam.held_out.real.split(50) for text in system.describe(part)]
        knobs = dataclasses.replace(system.Knobs(), steps=options.steps, every=options.steps)
        *_, (_, last) = exam.draw(system, [Caption(text) for text in said], knobs)
        kept = exam.figures(last, exam.held_out.truth())
        kept["of real pictures, shuffled"] = exam.figures(exam.held_out.real.roll(1, 0), exam.held_out.truth())[
            "attributes"
        ]
        keep(options, "mmvr", "there and back", figures=kept, said=said[:5])


def measure_speed(options: Options) -> None:
    """Measure seconds a picture, for a step and whole, on one core."""
    torch.set_num_threads(1)
    system = limner.load(nets(options)).system
    requests = [Caption(texts[0]) for texts in Exam(options).captions(1)]
    for count in (1, 16):
        if is_done("speed", f"{count} at once", options):
            continue
        knobs = dataclasses.replace(system.Knobs(), every=system.Knobs().steps)
        seconds = []
        for _ in range(3):
            began = time.process_time()
            list(sample_drafts(system, requests[:count], range(count), knobs))
            seconds.append(time.process_time() - began)
        whole = min(seconds) / count
        keep(options, "speed", f"{count} at once", milliseconds_a_step=round(1000 * whole / knobs.steps, 2),
             seconds_a_picture=round(whole, 2), steps_of_a_picture=knobs.steps)  # fmt: skip


PARTS = {"ppgn": measure_ppgn, "mmvr": measure_mmvr, "speed": measure_speed}


def main() -> None:
    """Train, then measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=["train", *PARTS])
    parser.add_argument("--data", required=True)
    parser.add_argument("-o", "--out", type=Path, default=Path("bench/climbing"))
    parser.add_argument("--preset", default="avatars")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--judge", default="avatars32")
    parser.add_argument("--text-images", type=int, default=60_000, help="of the encoder, beside a text encoder")
    parser.add_argument("--caption-images", type=int, default=40_000)
    parser.add_argument("--images", type=int, default=80_000, help="of the generator that inverts the encoder")
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", default="climbing", help="file in results/ that gets the lines")
    options = parser.parse_args(namespace=Options())
    if "train" in options.parts:
        nets(options)
        other_captioner(options)
    for part, measure in PARTS.items():
        if part in options.parts:
            measure(options)


if __name__ == "__main__":
    main()
