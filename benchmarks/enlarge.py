"""What an artist's enlarger takes and gives: milliseconds of one thread, and how near held-out originals it comes.

    python benchmarks/enlarge.py avatars --data data/avatars256 --sheet docs/images/enlarged.png

Held-out originals are made small as the data's cache makes them, and enlarged by the enlarger and by what everyone
has: bilinear, bicubic, Lanczos. Milliseconds are processor time, the median of many, so that what else the machine
does counts little. PSNR and SSIM are against the originals (SSIM as `limner eval` has it); `edges` is the
mean squared difference of neighbours, as a share of the originals' (1: as crisp). One line is appended to
results/enlarge.jsonl. The sheet has pictures of the artist: as drawn, enlarged bilinearly, and by the enlarger.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from independent import record
from PIL import Image

import limner
from limner import metrics
from limner.data.dataset import Dataset
from limner.data.scales import shrunk
from limner.drawing.artist import Artist
from limner.enlarging.enlarger import psnr
from limner.imaging.sheets import sheet, titled

FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def milliseconds(artist: Artist, repeats: int) -> dict[str, float]:
    """Return the median processor time of the net alone, and of a whole picture with it and without."""
    assert artist.enlarger is not None
    torch.set_num_threads(1)
    (picture,) = artist.draw(artist.examples[0], seed=0)
    tensor, large = torch.zeros(1, 3, artist.side, artist.side), artist.at(artist.enlarger.size)

    def median(run: Callable[[], object]) -> float:
        taken = []
        for _ in range(repeats + 5):
            began = time.process_time()
            run()
            taken.append(time.process_time() - began)
        return round(1000 * statistics.median(taken[5:]), 2)

    net, enlarge = artist.enlarger.net, artist.enlarger.enlarge
    with torch.no_grad():
        return {
            "net": median(lambda: net(tensor)),
            "picture to picture": median(lambda: enlarge(picture)),
            "draw": median(lambda: artist.draw(artist.examples[0], seed=0)),
            "draw enlarged": median(lambda: large.draw(artist.examples[0], seed=0)),
        }


def quality(artist: Artist, data: Dataset, count: int) -> dict[str, dict[str, float]]:
    """Return PSNR, SSIM and the energy of edges for each way of enlarging held-out originals."""
    assert artist.enlarger is not None
    size, enlarge = artist.enlarger.size, artist.enlarger.enlarge
    originals = data.pictures(range(min(count, data.length("test"))), "test").numpy()
    small = [Image.fromarray(shrunk(one, size // artist.side).transpose(1, 2, 0)) for one in originals]
    ways: dict[str, Callable[[Image.Image], Image.Image]] = {
        name: lambda image, way=way: image.resize((size, size), way)  # type: ignore[misc]
        for name, way in FILTERS.items()
    }
    real = floats(originals)
    found = {}
    for name, way in (ways | {"enlarger": enlarge}).items():
        made = floats(np.stack([np.asarray(way(image)).transpose(2, 0, 1) for image in small]))
        found[name] = {
            "PSNR": round(psnr(made, real), 2),
            "SSIM": round(metrics.ssim(made, real), 4),
            "edges": round(energy(made) / energy(real), 3),
        }
    return found


def floats(pictures: np.ndarray) -> torch.Tensor:
    """Turn bytes into floats in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).float() / 127.5 - 1


def energy(images: torch.Tensor) -> float:
    """Return the mean squared difference of neighbours, along both axes."""
    return float(sum(torch.diff(images, dim=dim).square().mean() for dim in (-1, -2)))


def beside_bilinear(artist: Artist, count: int) -> Image.Image:
    """Return a sheet of pictures that the artist draws: resized bilinearly, and below by the enlarger."""
    assert artist.enlarger is not None
    size = artist.enlarger.size
    prompts = list(artist.examples[:count])
    drawn = [artist.draw(prompt, seed=place)[0] for place, prompt in enumerate(prompts)]
    smooth = [image.resize((size, size), Image.Resampling.BILINEAR) for image in drawn]
    large = [artist.enlarger.enlarge(image) for image in drawn]
    page = sheet(smooth + large, len(drawn), ["bilinear"] * len(drawn) + ["enlarger"] * len(drawn), letters=16)
    return titled(page, f"{artist.name}: drawings of {artist.side} pixels at {size}")


def main() -> None:
    """Measure, record, and make the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artist", nargs="?", default="avatars")
    parser.add_argument("--data", required=True, help="originals at least as large as the enlarged pictures")
    parser.add_argument("--pictures", type=int, default=150)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--sheet", type=Path, help="where the sheet goes")
    options = parser.parse_args()
    artist = limner.load(options.artist, device="cpu")
    if artist.enlarger is None:
        parser.error(f"{options.artist} carries no enlarger: limner enlarge {options.artist} --data ... -o ...")
    data = Dataset.open(options.data, size=artist.enlarger.size)
    stored = artist.folder / "enlarger.safetensors"
    numbers = {
        "artist": options.artist,
        "sizes": artist.sizes,
        "parameters": sum(p.numel() for p in artist.enlarger.net.parameters()),
        "bytes": stored.stat().st_size,
        "milliseconds": milliseconds(artist, options.repeats),
        "pictures": min(options.pictures, data.length("test")),
        "held out": quality(artist, data, options.pictures),
        "cores": os.cpu_count(),
        "threads": 1,
    }
    record("enlarge", **numbers)
    print(json.dumps(numbers, indent=1))
    if options.sheet:
        options.sheet.parent.mkdir(parents=True, exist_ok=True)
        beside_bilinear(artist, 6).save(options.sheet)


if __name__ == "__main__":
    main()
