"""A toy data set with every column a view may ask for, drawn in a moment: coloured shapes on coloured grounds."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from limner.data.dataset import Dataset
from limner.data.views import Pairs

COLOURS = {"red": (220, 40, 40), "green": (40, 180, 70), "blue": (50, 80, 220), "yellow": (230, 210, 60)}
SHAPES = ("circle", "square", "bar")
PLACES = {"upper left": (0, 0), "upper right": (1, 0), "lower left": (0, 1), "lower right": (1, 1)}
GROUNDS = {"black": (10, 10, 10), "white": (245, 245, 245)}


def shapes_folder(folder: Path, size: int = 16, count: int = 24, apart: bool = False) -> Path:
    """Write up to 24 pictures, each colour, shape and ground once, with everything that is known of a picture.

    Pictures of one shape have one label, and so none is a mismatch of another of them; `apart` labels each by itself.
    """
    (folder / "masks").mkdir(parents=True)
    lines = []
    kinds = list(itertools.product(COLOURS, SHAPES, GROUNDS))
    for number, (colour, shape, ground) in enumerate(kinds[:: len(kinds) // count][:count]):
        picture = Image.new("RGB", (size, size), GROUNDS[ground])
        draw = ImageDraw.Draw(picture)
        box = (size // 4, size // 4, 3 * size // 4, 3 * size // 4)
        if shape == "circle":
            draw.ellipse(box, fill=COLOURS[colour])
        else:
            draw.rectangle(box if shape == "square" else (1, size // 3, size - 2, 2 * size // 3), fill=COLOURS[colour])
        picture.save(folder / f"{number:02d}.png")
        texts = [f"a {colour} {shape} on {ground}", f"{ground} ground with a {colour} {shape}", f"{colour} {shape}"]
        attributes = {"colour": colour, "shape": shape, "ground": ground}
        label = texts[0] if apart else shape
        line = {"file_name": f"{number:02d}.png", "text": texts, "attributes": attributes, "label": label}
        around = box if shape != "bar" else (1, size // 3, size - 2, 2 * size // 3)
        placed = [around[0], around[1], around[2] - around[0] + 1, around[3] - around[1] + 1]
        boxes = [{"label": f"{colour} {shape}", "box": placed}, {"label": ground, "box": [0, 0, size, size]}]
        mask = f"masks/{number:02d}.png"
        Image.fromarray(np.all(np.asarray(picture) == COLOURS[colour], axis=2)).convert("L").save(folder / mask)
        left, top, wide, high = placed
        ends = {"left end": left, "right end": left + wide}
        points = [{"label": name, "x": x, "y": top + high / 2, "visible": True} for name, x in ends.items()]
        line |= {
            "boxes": boxes,
            "masks": [{"label": f"{colour} {shape}", "mask": mask}],
            "keypoints": [*points, {"label": "middle", "x": size / 2, "y": size / 2, "visible": shape != "bar"}],
            "description": f"There is a {colour} {shape}. The ground is {ground}.",
            "dialogue": [
                {"question": "what colour is it?", "answer": colour},
                {"question": "what shape is it?", "answer": f"a {shape}"},
                {"question": f"is the ground {ground}?", "answer": "yes"},
            ][number % 3 :],
        }
        lines.append(line)
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def shapes(folder: Path, size: int = 16, count: int = 24, held_out: float = 0.2, apart: bool = False) -> Dataset:
    """Open the toy data set, drawn into `folder` first where it is not there."""
    if not folder.exists():
        shapes_folder(folder, size, count, apart)
    return Dataset.open(folder, size=size, held_out=held_out)


def tales_folder(folder: Path, size: int = 16, count: int = 12) -> Path:
    """Write stories of three pictures: a picture is quartered, and each line colours one more quarter."""
    folder.mkdir(parents=True)
    lines = []
    colours = list(itertools.islice(itertools.cycle(itertools.permutations(COLOURS, 3)), count))
    for story, chosen in enumerate(colours):
        picture, attributes = Image.new("RGB", (size, size), GROUNDS["black"]), dict.fromkeys(PLACES, "nothing")
        order = list(itertools.islice(itertools.cycle(PLACES), story % 4, story % 4 + 3))
        for frame, (colour, place) in enumerate(zip(chosen, order, strict=True), start=1):
            x, y = PLACES[place]
            half = size // 2
            ImageDraw.Draw(picture).rectangle(
                (x * half, y * half, x * half + half - 1, y * half + half - 1), COLOURS[colour]
            )
            attributes[place] = colour
            name = f"{story}-{frame}.png"
            picture.save(folder / name)
            texts = [f"a {colour} {place} corner", f"{place} corner in {colour}"]
            line = {
                "file_name": name,
                "text": texts,
                "story": f"tale {story}",
                "frame": frame,
                "said": [[f"{place} colour"]] * 2,
            }
            lines.append(line | {"attributes": {f"{key} colour": value for key, value in attributes.items()}})
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def tales(folder: Path, size: int = 16, count: int = 12, held_out: float = 0.3) -> Dataset:
    """Open the toy stories, drawn into `folder` first where they are not there."""
    if not folder.exists():
        tales_folder(folder, size, count)
    return Dataset.open(folder, size=size, held_out=held_out)


def pairs(data: Dataset, count: int = 8) -> Pairs:
    """Return the first pictures of a set with their captions, as a step gets them."""
    return Pairs.gather(data, range(count), np.random.default_rng(0)).to("cpu")
