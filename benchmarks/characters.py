"""How fast the characters world is built, and sheets of what it draws.

    python benchmarks/characters.py --images 1000 --repeats 2
    python benchmarks/characters.py --sheets docs/images

The first builds whole worlds (drawing, captions, encoding, Parquet) in this process, in turns with avatars, so
that a busy machine is as busy for both, and prints pictures a second of processor time and bytes a picture; a line goes
to results/characters.jsonl. The second draws 64 characters, and every value of every attribute, 64 pixels enlarged
twice, as WebP.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from avatars import Kinds, speeds
from independent import record
from PIL import Image

from limner.worlds import avatars, characters
from limner.worlds.characters import ATTRIBUTES, Character, Pose

KINDS: Kinds = {
    "avatars": (avatars.build, {}),
    "characters": (characters.build, {}),
    "characters in three languages": (characters.build, {"languages": characters.LANGUAGES}),
    "characters with masks of parts": (characters.build, {"part_masks": True}),
}
PLAIN = {
    "presentation": "girl", "face": "round", "skin_tone": "light", "eye_colour": "blue", "eye_shape": "round",
    "eyes": "open", "eyebrows": "relaxed", "mouth": "smiling", "cheeks": "none", "hair_style": "long straight",
    "fringe": "parted", "hair_colour": "brown", "hair_dye": "none", "second_hair_colour": "pink", "clothing": "t-shirt",
    "clothing_colour": "red", "headwear": "none", "headwear_colour": "purple", "glasses": "none", "earrings": "none",
    "neckwear": "none", "scarf_colour": "green", "background": "blue", "pattern": "plain",
}  # fmt: skip
SHOWN_BY = {
    "second_hair_colour": {"hair_dye": "tips"}, "headwear_colour": {"headwear": "bow"},
    "scarf_colour": {"neckwear": "scarf"},
}  # fmt: skip
"""What must be drawn for an attribute to be seen."""


def sheet(cells: list[Image.Image | None], columns: int) -> Image.Image:
    """Lay pictures of one side out in rows; None leaves a place empty."""
    side = next(cell for cell in cells if cell).width
    page = Image.new("RGB", (columns * side, -(-len(cells) // columns) * side), "white")
    for place, cell in enumerate(cells):
        if cell:
            page.paste(cell, (place % columns * side, place // columns * side))
    return page


def drawn(character: Character, size: int, zoom: int = 1) -> Image.Image:
    """Draw one picture, each pixel `zoom` wide."""
    picture = Image.fromarray(characters.render(character, size).rgb)
    return picture.resize((size * zoom, size * zoom), Image.Resampling.NEAREST)


def values(columns: int = 14) -> Image.Image:
    """Draw every value of every attribute, one attribute after another, each from a new row on."""
    plain = Character(PLAIN, PLAIN, Pose(1.0, 0.0, 4.0, 0.0, False))
    cells: list[Image.Image | None] = []
    for name, choices in ATTRIBUTES.items():
        for value in choices:
            one = PLAIN | SHOWN_BY.get(name, {}) | {name: value}
            cells.append(drawn(replace(plain, attributes=one, drawn=one), 64))
        cells += [None] * (-len(cells) % columns)
    return sheet(cells, columns)


def main() -> None:
    """Measure, or draw sheets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--sheets", type=Path, help="folder for sheets; nothing is measured")
    options = parser.parse_args()
    if options.sheets is None:
        found = speeds(KINDS, options.images, options.size, options.repeats)
        record("characters", images=options.images, size=options.size, repeats=options.repeats, kinds=found)
        print(json.dumps(found))
        return
    people = [characters.sample(0, index) for index in range(64)]
    for size in (64, 128, 256):
        shown = people if size < 256 else people[:24]
        page = sheet([drawn(one, size) for one in shown], 8)
        page.save(options.sheets / f"characters-{size}.webp", quality=82, method=6)
    values().save(options.sheets / "characters-values.webp", quality=88, method=6)


if __name__ == "__main__":
    main()
