"""Figure and ground: Attribute2Image, Stacking VAE and GAN, and what each is compared with.

    python benchmarks/layers.py discvae cvae nearest --data data/avatars21k
    python benchmarks/layers.py stackgan vae-gan no-split vae --data data/avatars21k --images 40000

The first draw from attributes, beside one layer and the nearest training picture. The others draw from sentences:
StackGAN beside the reconstruction, beside one layer in its first stage, and beside its first stage alone at full size,
which is shown as many pictures as both stages of the others; all begin with one text encoder, frozen.

Each row is trained on the same pictures at 32 pixels, or goes on where it was stopped, and is measured on held-out
ones by a judge that saw real pictures alone: what is asked for, distances, what changes when z_B comes from another
seed, the error of posterior inference by step, the completion of the lower half, and seconds on this machine. A line
for each row and seed is appended to results/layers.jsonl or results/stacking.jsonl, unless one of the same budget is
there.
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
from independent import is_recorded, record, run
from torch import Tensor

import limner
from limner import metrics
from limner.data.dataset import Dataset
from limner.drawing.artist import Artist
from limner.evaluation.attributes import cosine
from limner.evaluation.evaluate import evaluate
from limner.evaluation.posterior import PICTURES
from limner.evaluation.protocol import HeldOut, NamedJudge
from limner.imaging.sheets import sheet, to_pil
from limner.noise import RowNoise, Style
from limner.requests import Attributes, Picture, Request
from limner.system import System

GROUND = "background"
ROWS: dict[str, dict[str, Any]] = {"discvae": {}, "cvae": {"variant": "cvae"}, "nearest": {}}
"""Rows that draw from attributes: changes to the preset `avatars` of Attribute2Image."""
STACKED: dict[str, tuple[str, dict[str, Any]]] = {
    "stackgan": ("stackgan", {}),
    "vae-gan": ("stacking-vae-gan", {}),
    "no-split": ("stacking-vae-gan", {"split": "no"}),
    "vae": ("stacking-vae-gan", {}),
}
"""Rows that draw from sentences: a system, and changes to its preset `avatars`."""
SHARED = ("rows", "out", "seeds", "scratch")
"""Options that do not tell one measurement from another."""


def train(
    name: str, place: Path, options: argparse.Namespace, changes: dict[str, Any], *more: object, preset: str = "avatars"
) -> Path:
    """Train a system, or go on with its training; return its run."""
    if (place / "run.json").exists():
        run("resume", place)
        return place
    settings = [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]
    run("train", name, "--data", options.data, "--preset", preset, *settings, "--seed", options.seed,
        "--run", place, "--grid-every", 0, *more)  # fmt: skip
    return place


def finished(place: Path) -> Artist:
    """Load what a training made; stop where that was stopped before it was done."""
    artist = limner.load(place, device="cpu")
    if artist.record["trained"]["images"] < sum(phase.images for phase in artist.system.phases()):
        raise SystemExit(f"{place} was stopped before its training was done: the same command goes on")
    return artist


def trained(row: str, options: argparse.Namespace) -> Path:
    """Train a row, or go on with its training; return its run."""
    place, size, width = options.out / f"{row}-s{options.seed}", options.size, options.width
    if row in ROWS:
        changes = {"size": size, "width": width, "images": options.images}
        return train("attribute2image", place, options, changes | ROWS[row])
    text = {"size": size, "first": size // 2, "text_images": options.text_images}
    reader = train("stackgan", options.out / f"reader-s{options.seed}", options,
                   text | {"images": 32, "second_images": 32})  # fmt: skip
    name, own = STACKED[row]
    changes = {"size": size, "first": size // 2, "text_images": 0, "images": options.images}
    changes |= {"second_images": options.images, "generator_width": width, "discriminator_width": width}
    if name != "stackgan":
        changes["layers"] = f"{width}:64:8:0.001:{own.get('split', 'yes')}"
    if row == "vae":
        changes |= {"first": size, "images": 2 * options.images}
    return train(name, place, options, changes, "--from", reader, "--part", "text", "--part", "vision")


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
    layers, network = getattr(system.config, "layers", system.config), held_out.judge.network
    if not hasattr(layers, "ground_latent"):
        return {}
    both = torch.randn(2, len(requests), noise_of(system), generator=torch.Generator().manual_seed(1))
    mixed, ground_part = both[0].clone(), slice(layers.latent, layers.latent + layers.ground_latent)
    mixed[:, ground_part] = both[1][:, ground_part]
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
    noise = getattr(system, "noise", None)
    return sum(noise.values()) if noise else int(system.config.latent + system.config.ground_latent)


def share(right: Tensor) -> float:
    """Return the share of what is true, 0 of nothing."""
    return round(float(right.float().mean()), 4) if right.numel() else 0.0


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
    took = round(time.perf_counter() - began, 1)
    if artist.record["trained"]["images"] < sum(phase.images for phase in artist.system.phases()):
        raise SystemExit(f"{row} was stopped before its training was done: the same command goes on")
    report = evaluate(artist, held_out)
    if row in STACKED:
        captions = data.requests(artist.system.takes, held_out.requests, "test")
        figures = {name: round(figure.value, 4) for name, figure in report.figures.items()}
        figures |= swapped(artist.system, captions, held_out)
        *_, last = artist.sample([(caption, k) for k, caption in enumerate(captions[:12])], artist.knobs())
        assert last.images is not None
        sheet(to_pil(torch.cat([held_out.real[:12], last.images])), 12).save(options.out / f"{row}-s{options.seed}.png")
        return {"figures": figures, "report": report.to_json(), "seconds": took}
    generator = torch.Generator().manual_seed(0)
    drawn = draw(artist.system, requests, torch.randn(len(requests), noise_of(artist.system), generator=generator))
    figures = obeyed(held_out, drawn, requests) | swapped(artist.system, requests, held_out)
    figures |= completed(artist.system, held_out, requests) | seconds(artist.system, requests[0])
    sheet(to_pil(torch.cat([held_out.real[:12], drawn[:12]])), 12).save(options.out / f"{row}-s{options.seed}.png")
    return {
        "figures": figures,
        "posterior": report.details["posterior error by step"],
        "report": report.to_json(),
        "seconds": took,
    }


def results(row: str) -> str:
    """Return the name of the file in results/ that a row's lines are in."""
    return "layers" if row in ROWS else "stacking"


def main() -> None:
    """Train and measure rows; print and keep their figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="+", choices=[*ROWS, *STACKED])
    parser.add_argument("--data", required=True)
    parser.add_argument("-o", "--out", type=Path, default=Path("bench/layers"))
    parser.add_argument("--judge", default="avatars32")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--images", type=int, default=100_000, help="of sentences: in each stage")
    parser.add_argument("--text-images", type=int, default=60_000)
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
            if not options.scratch and is_recorded(results(row), about | {"row": row}):
                continue
            found = about | {"row": row} | measure(row, one)
            print(json.dumps({name: found[name] for name in ("row", "seed", "figures")}, indent=1), flush=True)
            if not options.scratch:
                record(results(row), **found)


if __name__ == "__main__":
    main()
