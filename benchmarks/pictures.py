"""Draw the pictures of README and docs with the checkpoint that comes with the package.

    python benchmarks/pictures.py --data data/avatars64

writes into docs/images: the demo's sheets, and held-out.png: the first 64 held-out captions, not chosen ones, drawn on
the left and rendered on the right. Their captions go to docs/held-out.md.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import torch
from independent import drawn, held_out
from PIL import Image

import limner
from limner import demo
from limner.data.dataset import Dataset
from limner.imaging.sheets import plain_sheet

IMAGES = Path(__file__).parent.parent / "docs" / "images"
COUNT, GAP = 64, 16
HEAD = """# The first 64 held-out captions

Not chosen: the first caption of each of the first 64 pictures that training never saw, each drawn once (picture k with
seed k). Drawings on the left, the renders that the captions were written for on the right; what a caption leaves open
may differ. Eight captions a row.

![Drawings beside real pictures](images/held-out.png)

"""


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artist", default="avatars")
    parser.add_argument("--data", required=True)
    options = parser.parse_args()
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        demo.main(Path(folder), options.artist)
        for name in ("sentences.png", "morph.png", "seeds.png"):
            shutil.copy(Path(folder) / name, IMAGES / name)
    artist = limner.load(options.artist, device="cpu")
    data = Dataset.open(options.data, size=artist.system.config.size)
    captions, real = held_out(data, COUNT)
    with torch.no_grad():
        left, right = plain_sheet(drawn(artist.system, captions)), plain_sheet(real)
    sheet = Image.new("RGB", (left.width + GAP + right.width, left.height), "white")
    sheet.paste(left, (0, 0))
    sheet.paste(right, (left.width + GAP, 0))
    sheet.save(IMAGES / "held-out.png", optimize=True)
    page = HEAD + "\n".join(f"{i + 1}. {caption}" for i, caption in enumerate(captions)) + "\n"
    (IMAGES.parent / "held-out.md").write_text(page)


if __name__ == "__main__":
    main()
