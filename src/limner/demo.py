"""`python -m limner.demo`: a dozen sentences, a morph and sixty-four seeds, drawn by the bundled artist into demo/."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

from limner.errors import UserError

ARTIST = "avatars"
SENTENCES = (
    "a smiling woman with curly red hair and round glasses, wearing a blue hoodie",
    "a bald man with a thick grey beard and a black t-shirt against a yellow background",
    "a woman with long wavy blond hair, wide open eyes and a pink sweater",
    "a sad man with short black hair and an eyepatch in front of a white wall",
    "a serious woman with a blue pixie cut, wearing a suit and a red tie",
    "a laughing person with brown skin, braided pink hair and a green shirt",
    "a man with a curled orange moustache, dark skin and a white shirt on a purple background",
    "a person with a green beanie and round spectacles against a pink background",
    "a woman with straight black hair, closed eyes and a blue jacket",
    "a grinning guy with blue hair, sunglasses and an orange hoodie",
    "a man with balding grey hair, raised eyebrows and a light grey beard",
    "a lady with brown pixie hair, pale skin and a white sweater against a black background",
)
MORPH = ("a bald man with a thick grey beard and a black t-shirt", SENTENCES[0])

OPEN = "a smiling woman with long hair and a suit"
"""Leaves much open: the noise decides."""


def main(folder: Path, artist: str = ARTIST) -> None:
    """Draw the demo into `folder` and print where it lies and how long a picture took.

    Raises:
        UserError: where the artist cannot be loaded or the folder cannot be written.
    """
    import torch

    from limner.drawing import artist as artists
    from limner.drawing import recipe
    from limner.imaging.sheets import enlarged, film, sheet

    began = time.perf_counter()
    torch.set_num_threads(1)  # a few small pictures are done before a second thread has woken up
    loaded = artists.load(artist)
    loaded.draw(SENTENCES[0], seed=0)  # the first picture pays for waking up
    print(f"{loaded.name} woke up in {time.perf_counter() - began:.1f} s")
    times = []

    pictures = []
    for i, sentence in enumerate(SENTENCES):
        (picture,) = loaded.draw(sentence, seed=i)
        times.append(picture.info["milliseconds"])
        pictures.append(picture)
        recipe.write(picture, folder / f"{i + 1:02d}.png")
    recipe.write(sheet([enlarged(p, 2) for p in pictures], 4, SENTENCES), folder / "sentences.png")

    steps = loaded.morph(*MORPH, frames=10, seed=3)
    recipe.write(sheet(steps, len(steps)), folder / "morph.png")
    film([enlarged(p, 3) for p in loaded.morph(*MORPH, frames=32, seed=3)], folder / "morph.gif", 80)

    seeds = loaded.draw(OPEN, n=64, seed=0, batch=16)
    recipe.write(sheet(seeds, 8), folder / "seeds.png")

    middle = sorted(times)[len(times) // 2]
    print(f"a picture drawn alone took {middle:.1f} ms, in a batch of 16 {seeds[-1].info['milliseconds']:.1f} ms")
    print(f"they lie in {folder.resolve()}:")
    for name, what in {
        "01.png ... 12.png": "a picture for each sentence, its recipe inside",
        "sentences.png": "the same on one sheet, with the sentences",
        "morph.png, morph.gif": f"from {MORPH[0]!r} to {MORPH[1]!r}",
        "seeds.png": f"64 seeds of {OPEN!r}",
    }.items():
        print(f"{name:24} {what}")
    print(f'\nnow your own words: {_program()} draw "a bald man with a grey beard" -o {folder}')


def _program() -> str:
    """Return how `limner` is called from here: by its name where a shell finds it, else by where it lies."""
    beside = Path(sys.executable).with_name("limner")
    if shutil.which("limner") == str(beside) or not beside.exists():
        return "limner"
    return os.path.relpath(beside) if beside.is_relative_to(Path.cwd()) else str(beside)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m limner.demo", description=__doc__)
    parser.add_argument("--artist", default=ARTIST, help="who draws (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("demo"), help="where to (default: %(default)s)")
    asked = parser.parse_args()
    try:
        main(asked.out, asked.artist)
    except UserError as error:
        print(f"limner: error: {error}", file=sys.stderr)
        sys.exit(2)
