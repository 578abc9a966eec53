"""Figure and ground: Attribute2Image beside one layer and the nearest training picture.

    python benchmarks/layers.py discvae cvae nearest --data data/avatars21k

Each row is trained on the same pictures at 32 pixels, or goes on where it was stopped, and is measured on held-out
ones by a judge that saw real pictures alone: what is asked for, distances, what changes when z_B comes from another
seed, the error of posterior inference by step, the completion of the lower half, and seconds on this machine. A line
for each row and seed is appended to results/layers.jsonl, unless one of the same budget is there.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from independent import RESULTS, record
from torch import Tensor

import limner
from limner import cli, metrics
from limner.data.dataset import Dataset
from limner.evaluation.attributes import cosine
from limner.evaluation.evaluate import evaluate
from limner.evaluation.posterior import PICTURES
from limner.evaluation.protocol import HeldOut, NamedJudge
from limner.imaging.sheets import sheet, to_pil
from limner.noise import RowNoise, Style
from limner.requests import Attributes, Picture, Request
from limner.system import System

GROUND = "background"
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "discvae": ("attribute2image", {}),
    "cvae": ("attribute2image", {"variant": "cvae"}),
    "nearest": ("", {}),
}
"""Rows: a system, and changes to its preset `avatars`."""
SHARED = ("rows", "out", "seeds", "scratch")
"""Options that do not tell one measurement from another."""


def run(*words: object) -> None:
    """Run a command of `limner`; stop where it fails."""
    if code := cli.main([str(word) for word in words]):
        raise SystemExit(code)


def trained(row: str, options: argparse.Namespace) -> Path:
    """Train a row, or go on with its training; return its run."""
    name, changes = ROWS[row]
    place = options.out / f"{row}-s{options.seed}"
    changes = {"size": options.size, "width": options.width, "forget": options.forget} | changes
    told = [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]
    run("train", name, "--data", options.data, "--preset", "avatars", *told, "--images", options.images,
        "--seed", options.seed, "--run", place, "--grid-every", 0, "--continue")  # fmt: skip
    return place


def draw(system: System, requests: Sequence[Request], noise: Tensor, knobs: Any = None) -> Tensor:
    """Draw requests from this noise, (N, Z): (N, 3, S, S)."""
    seeds = [Style(tuple(row.tolist())) for row in noise]
    parts = []
    for k in range(0, len(requests), 50):
        rng = RowNoise(seeds[k : k + 50])
        *_, last = system.sample(requests[k : k + 50], knobs or system.Knobs(), rng)
        assert last.images is not None
        parts.append(last.images.float().clamp(-1, 1))
    return torch.cat(parts)


def swapped(system: System, requests: Sequence[Request], held_out: HeldOut) -> dict[str, float]:
    """Return what follows z_B of another seed: shares of pictures, as the judge names them."""
    c, network = system.config, held_out.judge.network
    both = torch.randn(2, len(requests), noise_of(system), generator=torch.Generator().manual_seed(1))
    mixed = both[0].clone()
    mixed[:, c.latent : c.latent + c.ground_latent] = both[1][:, c.latent : c.latent + c.ground_latent]
    own, other, now = (
        network.predict(held_out.judge.features(draw(system, requests, one))) for one in (both[0], both[1], mixed)
    )
    names = list(network.values)
    kept = torch.tensor([name != GROUND for name in names])
    ground = names.index(GROUND)
    differ = own[:, ground] != other[:, ground]
    return {
        "ground follows z_B": share(now[differ, ground] == other[differ, ground]),
        "figure stays": share(now[:, kept] == own[:, kept]),
    }


def noise_of(system: System) -> int:
    """Return how many numbers of noise a system draws."""
    return int(system.config.latent + system.config.ground_latent)


def share(right: Tensor) -> float:
    """Return the share of what is true."""
    return round(float(right.float().mean()), 4)


def completed(system: System, held_out: HeldOut, requests: Sequence[Request]) -> dict[str, float]:
    """Complete the lower half of held-out pictures; return errors in the hole, of pixels in [-1, 1]."""
    real = held_out.real[:PICTURES]
    side = real.shape[-1]
    mask = torch.zeros(1, 1, side, side)
    mask[:, :, : side // 2] = 1
    (known,) = to_pil((2 * mask - 1).expand(1, 3, side, side))
    asked = [Picture.of(image, known.convert("L"), one) for image, one in zip(to_pil(real), requests, strict=False)]
    noise = torch.randn(len(real), noise_of(system), generator=torch.Generator().manual_seed(2))
    hole = (1 - mask).expand_as(real).bool()
    began = time.perf_counter()
    found = draw(system, asked, noise)
    seconds = time.perf_counter() - began
    guessed = draw(system, asked, noise, dataclasses.replace(system.Knobs(), steps=0))
    drawn = draw(system, requests[:PICTURES], noise)
    errors = {"found": found, "by the encoders alone": guessed, "drawn of the attributes alone": drawn}
    assert torch.equal(found[~hole], real[~hole]), "a known pixel was changed"
    about = {f"completion, {name}": error(one[hole], real[hole]) for name, one in errors.items()}
    return about | {"seconds a completion": round(seconds / len(real), 3)}


def error(a: Tensor, b: Tensor) -> float:
    """Return the mean square of the difference."""
    return round(float((a - b).square().mean()), 5)


def nearest(data: Dataset, requests: Sequence[Request]) -> Tensor:
    """Return for each request the first training picture that has the most of its attributes, but for the ground's."""
    known = data.attributes(range(data.length()))
    names = list(data.schema.attributes)
    rows = []
    for request in requests:
        wanted = {name: value for name, value in request.named().items() if name != GROUND}
        numbers = torch.tensor([data.schema.attributes[name].index(value) for name, value in wanted.items()])
        places = [names.index(name) for name in wanted]
        rows.append(int((known[:, places] == numbers).sum(dim=1).argmax()))
    return data.pictures(np.array(rows)).float().div(127.5).sub(1)


def obeyed(held_out: HeldOut, drawn: Tensor, requests: Sequence[Request]) -> dict[str, float]:
    """Return what pictures show of what was asked for, the ground left out, and how far they are from real ones."""
    network, features = held_out.judge.network, held_out.judge.features(drawn)
    names = list(network.values)
    wanted = held_out.truth()[: len(requests)].clone()
    wanted[:, names.index(GROUND)] = -1
    found = metrics.attribute_accuracy(network.predict(features), wanted, names)
    known, real, own = (rows / held_out.scale for rows in (held_out.known_features, held_out.real_features, features))
    return {
        "attributes": round(found.mean, 4),
        "all asked": round(found.all_at_once, 4),
        "attribute cosine": round(cosine(held_out, features, wanted), 4),
        "pixel error": error(drawn, held_out.real),
        "fid": round(metrics.frechet_distance(known, own), 3),
        "fid of real": round(metrics.frechet_distance(known, real), 3),
        "recall": round(metrics.precision_recall(known, own)[1], 4),
    }


def seconds(system: System, request: Request) -> dict[str, float]:
    """Return what one picture takes, drawn and found, in milliseconds."""
    times: list[float] = []
    picture = torch.zeros(1, 3, system.config.size, system.config.size)
    for _ in range(5):
        began = time.perf_counter()
        for _ in system.sample([request], system.Knobs(), RowNoise([0])):
            pass
        times.append(time.perf_counter() - began)
    began, steps = time.perf_counter(), 50
    for _ in system.reconstructions(picture, steps) or ():
        pass
    each = (time.perf_counter() - began) / steps
    return {"ms a picture": round(1000 * min(times), 1), "ms a step of the descent": round(1000 * each, 2)}


def measure(row: str, options: argparse.Namespace) -> dict[str, Any]:
    """Train and measure one row of one seed."""
    data = Dataset.open(options.data, size=options.size)
    held_out = HeldOut(Path(options.data).name, data, NamedJudge.load(options.judge), options.pictures)
    requests = data.requests(Attributes, held_out.requests, "test")
    if row == "nearest":
        return {"figures": obeyed(held_out, nearest(data, requests), requests)}
    began = time.perf_counter()
    artist = limner.load(trained(row, options), device="cpu")
    took = time.perf_counter() - began
    report = evaluate(artist, held_out)
    generator = torch.Generator().manual_seed(0)
    drawn = draw(artist.system, requests, torch.randn(len(requests), noise_of(artist.system), generator=generator))
    figures = obeyed(held_out, drawn, requests) | swapped(artist.system, requests, held_out)
    figures |= completed(artist.system, held_out, requests) | seconds(artist.system, requests[0])
    sheet(to_pil(torch.cat([held_out.real[:12], drawn[:12]])), 12).save(options.out / f"{row}-s{options.seed}.png")
    return {
        "figures": figures,
        "posterior": report.details["posterior error by step"],
        "report": report.to_json(),
        "seconds": round(took, 1),
    }


def is_done(row: str, options: dict[str, Any]) -> bool:
    """Tell whether a line of the same row, seed and budget is there."""
    path, same = RESULTS / "layers.jsonl", options | {"row": row}
    found = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
    return any(all(line.get(name) == value for name, value in same.items()) for line in found)


def main() -> None:
    """Train and measure rows; print and keep their figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="+", choices=list(ROWS))
    parser.add_argument("--data", required=True)
    parser.add_argument("-o", "--out", type=Path, default=Path("bench/layers"))
    parser.add_argument("--judge", default="avatars32")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--forget", type=float, default=0.0, help="the rows are asked for all attributes, so 0")
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--pictures", type=int, default=1_000, help="held-out pictures")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--scratch", action="store_true", help="leave results/ alone")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for seed in options.seeds:
        one = argparse.Namespace(**vars(options), seed=seed)
        about = {name: value for name, value in vars(one).items() if name not in SHARED}
        about["data"] = Path(options.data).name
        for row in options.rows:
            if not options.scratch and is_done(row, about):
                continue
            found = about | {"row": row} | measure(row, one)
            print(json.dumps({name: found[name] for name in ("row", "seed", "figures")}, indent=1), flush=True)
            if not options.scratch:
                record("layers", **found)


if __name__ == "__main__":
    main()
