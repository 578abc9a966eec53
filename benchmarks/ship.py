"""Publish a run's newest checkpoint: half precision, without what drawing does not need.

An enlarger that the checkpoint in its place carries is kept, where it fits.

    python benchmarks/ship.py runs/avatars src/limner/checkpoints/avatars --omit critic \
        --data "limner data build avatars --images 20000 --size 64 --seed 0" --examples data/avatars64 --judge avatars

With --examples, the captions or stories that the artist opens with, and its sheet, are chosen by a judge: held-out ones
of that data of which all is drawn rightly by 8 of 10 seeds. A checkpoint may be shipped in its own place.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import limner
from limner import checkpoint
from limner.cli.judge import examination
from limner.drawing.artist import Artist
from limner.drawing.resolve import find
from limner.enlarging.attached import NAME, AttachedEnlarger
from limner.evaluation import examples
from limner.imaging.sheets import sheet
from limner.requests import Story


def main() -> None:
    """Publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--omit", action="append", default=[], help="a module that only training needs")
    parser.add_argument("--data", required=True, help="how anyone gets the data, in words or as a command")
    parser.add_argument("--examples", metavar="DATA", help="data whose held-out captions the examples are chosen from")
    parser.add_argument("--judge", default="avatars", help="who chooses")
    parser.add_argument("-n", type=int, default=300, help="how many held-out captions, or stories, to choose from")
    options = parser.parse_args()
    source = find(options.run)
    system, about = limner.open(source), checkpoint.read(source)
    if options.examples:
        chosen = examples.choose(system, examination(options.examples, options.judge, options.n, 0, inception=False))
        system.schema = dataclasses.replace(system.schema, examples=chosen.texts)
        print(chosen)
    artist = Artist(system, about, options.folder.name, source)
    asked, told = system.schema.examples, system.takes is Story
    length = system.schema.story
    prompts = ["\n".join(asked[i : i + length]) for i in range(0, len(asked), length)] if told else list(asked[:8])
    grid = sheet(artist.draw(prompts, n=2, seed=0), 1 if told else 8)
    trained = {"data": options.data} | about["trained"]
    kept = AttachedEnlarger.open(options.folder) if (options.folder / checkpoint.RECORD).exists() else None
    carried = checkpoint.read(options.folder)[NAME] if kept else {}
    omit = list(dict.fromkeys([*about["omitted"], *options.omit]))  # what is not there cannot be published
    limner.save(system, options.folder, trained=trained, half=True, omit=omit, grid=grid)
    if kept and kept.small == artist.side:
        checkpoint.attach(options.folder, options.folder, NAME, kept.net.state_dict(), carried)
    size = sum(path.stat().st_size for path in options.folder.iterdir())
    print(f"{options.folder}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
