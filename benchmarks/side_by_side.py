"""The first held-out captions drawn by many artists, a row each, below the real pictures.

python benchmarks/side_by_side.py RUN RUN --data data/avatars64 --size 32 -o docs/images/cascades-bench.png
"""

from __future__ import annotations

import argparse

import torch

import limner
from limner.data.dataset import Dataset
from limner.evaluation.draw import draw
from limner.evaluation.protocol import floats, resized
from limner.imaging.sheets import enlarged, sheet, to_pil
from limner.processes import Processes


def main() -> None:
    """Draw and save the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artists", nargs="+", help="bundled names, folders or runs, from the top down")
    parser.add_argument("--data", required=True, help="the data set whose held-out captions are drawn")
    parser.add_argument("--size", type=int, default=64, help="side of the pictures on the sheet")
    parser.add_argument("--count", type=int, default=10, help="captions")
    parser.add_argument("--times", type=int, default=2, help="how much each picture is enlarged")
    parser.add_argument("--out", "-o", required=True, help="where the sheet goes")
    options = parser.parse_args()
    data = Dataset.open(options.data, size=options.size)
    rows = [floats(data.pictures(range(options.count), "test"))]
    for name in options.artists:
        system = limner.load(name, device="cpu").system
        requests = data.requests(system.takes, options.count, "test")
        rows.append(resized(draw(system, requests, range(options.count), Processes()), options.size))
    pictures = [enlarged(picture, options.times) for picture in to_pil(torch.cat(rows))]
    sheet(pictures, options.count).save(options.out)


if __name__ == "__main__":
    main()
