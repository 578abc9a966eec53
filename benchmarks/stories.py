"""Draw the stories of README and docs with the checkpoints that come with the package.

    python benchmarks/stories.py --data data/clevr64 --faces data/avatars64 --grown runs/t2f

writes into docs/images: stories.png, the first 16 test stories, not chosen ones, drawn on the left and rendered on the
right; story.png, the first of them with its lines; faces.png, the first 64 held-out captions drawn by `faces` beside
the real pictures; growing.gif, the grids of a training from its smallest pictures to its largest. Their lines go to
docs/stories.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from independent import drawn, held_out
from PIL import Image

import limner
from limner.data.dataset import Dataset
from limner.imaging.sheets import plain_sheet
from limner.noise import RowNoise
from limner.requests import Story
from limner.system import System
from limner.training.run_folder import RunFolder

IMAGES = Path(__file__).parent.parent / "docs" / "images"
COUNT, GAP, FRAMES, SIDE = 16, 16, 40, 384
HEAD = """# The first 16 test stories

Not chosen: the first stories that training never saw, each told once (story k with seed k). Drawn on the left, rendered
on the right.

![Stories drawn beside the rendered ones](images/stories.png)

"""


def beside(left: Image.Image, right: Image.Image) -> Image.Image:
    """Lay two sheets of one height side by side."""
    sheet = Image.new("RGB", (left.width + GAP + right.width, left.height), "white")
    sheet.paste(left, (0, 0))
    sheet.paste(right, (left.width + GAP, 0))
    return sheet


def strips(system: System, stories: list[Story]) -> torch.Tensor:
    """Tell each story with its number as seed: (N, T, 3, S, S)."""
    *_, final = system.sample(stories, system.Knobs(), RowNoise(range(len(stories))))
    assert final.images is not None
    return final.images


def tell(data: Dataset, name: str) -> None:
    """Draw the stories."""
    artist = limner.load(name, device="cpu")
    stories = [story for story in data.requests(Story, COUNT, "test") if isinstance(story, Story)]
    rows = data.stories("test")[:COUNT]
    real = data.pictures(rows.flatten(), "test").unflatten(0, rows.shape).float().div(127.5).sub(1)
    with torch.no_grad():
        left, right = plain_sheet(strips(artist.system, stories)), plain_sheet(real)
    beside(left, right).save(IMAGES / "stories.png", optimize=True)
    artist.story(stories[0].lines, seed=0).image().save(IMAGES / "story.png", optimize=True)
    page = HEAD + "\n".join(f"{i + 1}. {'; '.join(story.lines)}" for i, story in enumerate(stories)) + "\n"
    (IMAGES.parent / "stories.md").write_text(page)


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data")
    parser.add_argument("--artist", default="clevr-stories")
    parser.add_argument("--faces")
    parser.add_argument("--face-artist", default="faces")
    parser.add_argument("--grown", type=Path)
    options = parser.parse_args()
    if options.data:
        tell(Dataset.open(options.data, size=64), options.artist)
    if options.faces:
        system = limner.load(options.face_artist, device="cpu").system
        captions, real = held_out(Dataset.open(options.faces, size=system.config.size), 64)
        with torch.no_grad():
            beside(plain_sheet(drawn(system, captions)), plain_sheet(real)).save(IMAGES / "faces.png", optimize=True)
    if options.grown:
        grids = sorted((RunFolder.open(options.grown).path / "grids").glob("*.png"))
        frames = [Image.open(path).resize((SIDE, SIDE), Image.Resampling.NEAREST) for path in grids][-FRAMES:]
        frames[0].save(IMAGES / "growing.gif", save_all=True, append_images=frames[1:], duration=200, loop=0)


if __name__ == "__main__":
    main()
