"""Requests that nobody can draw, of every kind, for tests of the command line, of Python and of the API.

Each has the artist that is asked (of `ask`), what a person types (None where no text says it), the fields of the
request (None where only a text can be wrong so), and a part of the one line that refuses it.
"""

from __future__ import annotations

import base64
import io
import math
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image

from artists import painter, sketcher, writer
from limner import catalogue, checkpoint
from limner.data.dataset import Dataset
from limner.data.schema import Schema
from limner.drawing.artist import Artist, load

CUP = ["cup", 0.1, 0.1, 0.2, 0.2]
LONG = "x" * 3000


class Bad(NamedTuple):
    """One of them."""

    artist: str
    text: str | None
    body: dict[str, Any] | None
    says: str


def dialogue(turns: Any, caption: Any = "a cat") -> dict[str, Any]:
    return {"kind": "dialogue", "caption": caption, "turns": turns}


def boxes(*given: Any, **more: Any) -> dict[str, Any]:
    return {"kind": "layout", "boxes": list(given)} | more


def labels(given: Any) -> dict[str, Any]:
    return {"kind": "labelset", "labels": given}


def values(given: Any) -> dict[str, Any]:
    return {"kind": "attributes", "values": given}


def paint(**given: Any) -> dict[str, Any]:
    return {"kind": "paint", "colour": "red"} | given


def cup(*box: Any) -> dict[str, Any]:
    return boxes(["cup", *box])


def points(*given: Any) -> dict[str, Any]:
    return boxes(points=list(given))


def square(side: int, value: int = 255) -> str:
    """Return a mask of one value in base64."""
    buffer = io.BytesIO()
    Image.new("L", (side, side), value).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


OUTSIDE, NO_NUMBER, SHAPE = "lies outside the picture: x, y, width and height", "has what is no number: give x", "not "
TURN, BOX = "turns must be a list of [question, answer]", "boxes must be a list of [label, x, y, width, height]"
BAD = {
    "a dialogue without answers": Bad("sketcher", "a cat. Q: how many?", dialogue([["how many?"]]), "answer"),
    "an empty answer": Bad("sketcher", "a cat. Q: how many? A: ", dialogue([["how many?", ""]]), "turn 1 of the dia"),
    "an answer without question": Bad("sketcher", "a cat. A: two", dialogue([["", "two"]]), "question"),
    "two questions at once": Bad("sketcher", "a cat. Q: Q: a? A: b", None, "an answer after each question"),
    "a dialogue of nothing": Bad("sketcher", "Q: how many? A: two", dialogue([["how many?", "2"]], ""), "no caption"),
    "1,000 turns": Bad(
        "sketcher", "a cat. " + "Q: how many? A: two " * 1000, dialogue([["how many?", "two"]] * 1000),
        "1,000 turns, and 50 is the limit: ask for fewer",
    ),
    "a long question": Bad("sketcher", f"a cat. Q: {LONG} A: two", dialogue([[LONG, "two"]]), "2,000 is the limit"),
    "turns that are text": Bad("sketcher", None, dialogue("how many?"), TURN),
    "a turn of three": Bad("sketcher", None, dialogue([["a", "b", "c"]]), TURN),
    "an answer that is a number": Bad("sketcher", None, dialogue([["how many?", 2]]), TURN),
    "no turns but null": Bad("sketcher", None, dialogue(None), TURN),
    "a caption that is no text": Bad("sketcher", None, dialogue([], 5), "caption must be a text, not 5"),
    "an unknown label": Bad("layouts", "tabel", labels(["tabel"]), "unknown label 'tabel': did you mean 'table'?"),
    "an unknown label of a box": Bad(
        "sketcher", "cop .1 .1 .1 .1", boxes(["cop", 0.1, 0.1, 0.1, 0.1]), "unknown label 'cop': did you mean 'cup'?"
    ),
    "an unknown plural": Bad("layouts", "2 tabels", None, "unknown label 'tabels': did you mean 'table'?"),
    "an unknown label in a caption": Bad("layouts", None, boxes(CUP, caption="a hat"), "names labels to add"),
    "an empty label": Bad("layouts", None, labels([""]), "the label is empty: there are: cup, table, glass"),
    "an empty label of a box": Bad("sketcher", None, boxes(["", 0.1, 0.1, 0.1, 0.1]), "the label is empty"),
    "a huge label": Bad("layouts", LONG, labels([LONG]), "3,000 characters, and 100 is the limit"),
    "a label in another script": Bad("layouts", "🐈", labels(["🐈"]), "unknown label '🐈': there are: cup"),
    "no labels": Bad("layouts", " , ", labels([]), "the request has no labels: choose some labels"),
    "none of a label": Bad("layouts", "0 cups", None, "the request has no labels: choose some labels"),
    "labels that are one text": Bad("layouts", None, labels("cup"), "labels must be a list of labels, not 'cup'"),
    "a label that is a number": Bad("layouts", None, labels(["cup", 5]), "labels must be a list of labels"),
    "300 labels": Bad("layouts", ",".join(["cup"] * 300), labels(["cup"] * 300), "200 is the limit: ask for fewer"),
    "99,999 cups": Bad("layouts", "99999 cups", None, "99,999 labels, and 200 is the limit"),
    "more than it places": Bad("layouts", "20 cups", labels(["cup"] * 20), "places 8 at most: ask for fewer"),
    "200 boxes": Bad(
        "sketcher", ";".join(["cup .1 .1 .2 .2"] * 200), boxes(*[CUP] * 200), "200 boxes, and 100 is the limit"
    ),
    "more boxes than it places": Bad(
        "layouts", ";".join(["cup .1 .1 .2 .2"] * 20), boxes(*[CUP] * 20), "places 8 at most: ask for fewer"
    ),
    "no boxes": Bad("sketcher", ";", boxes(), "the request has no boxes: place some boxes"),
    "a box beyond the right": Bad("sketcher", "cup .9 .1 .2 .1", cup(0.9, 0.1, 0.2, 0.1), OUTSIDE),
    "a box left of the picture": Bad("sketcher", "cup -.1 .1 .2 .1", cup(-0.1, 0.1, 0.2, 0.1), OUTSIDE),
    "a box in pixels": Bad("sketcher", "cup 1 2 30 40", cup(1, 2, 30, 40), OUTSIDE),
    "a box without width": Bad("sketcher", "cup .1 .1 0 .1", cup(0.1, 0.1, 0, 0.1), "give a width and a height above"),
    "a negative height": Bad("sketcher", "cup .1 .1 .1 -.1", cup(0.1, 0.1, 0.1, -0.1), "give a width and a height"),
    "NaN in a box": Bad("sketcher", "cup nan .1 .1 .1", cup(math.nan, 0.1, 0.1, 0.1), NO_NUMBER),
    "NaN at the end": Bad("layouts", "cup .1 .1 .1 nan", cup(0.1, 0.1, 0.1, math.nan), NO_NUMBER),
    "an infinite box": Bad("sketcher", "cup .1 .1 inf .1", cup(0.1, 0.1, math.inf, 0.1), NO_NUMBER),
    "a box beyond all numbers": Bad("sketcher", None, cup(10**400, 0.1, 0.1, 0.1), BOX),
    "a box of texts": Bad("sketcher", None, cup("0.1", "0.1", "0.1", "0.1"), BOX),
    "a box of truth": Bad("sketcher", None, cup(True, 0.1, 0.1, 0.1), BOX),
    "a box of nothing": Bad("sketcher", None, cup(None, 0.1, 0.1, 0.1), BOX),
    "a box of three numbers": Bad("sketcher", "cup .1 .1 .1", cup(0.1, 0.1, 0.1), "x, y, width, height"),
    "numbers without a label": Bad("sketcher", ".1 .1 .1 .1", boxes([0.1, 0.1, 0.1, 0.1]), "x, y, width, height"),
    "text where boxes belong": Bad("sketcher", None, boxes() | {"boxes": "a red cup"}, BOX),
    "text among boxes": Bad("sketcher", None, boxes(CUP, "cup"), BOX),
    "masks that are lists": Bad("sketcher", None, boxes(CUP, masks=[[[1, 0], [0, 1]]]), "masks must be a list of"),
    "a mask that is text": Bad("sketcher", None, boxes(CUP, masks=["a cup"]), "mask 1 must be a picture in base64"),
    "a mask that is no picture": Bad("sketcher", None, boxes(CUP, masks=["YWJj"]), "mask 1 is not a picture: send a"),
    "a mask without its box": Bad("sketcher", None, boxes(CUP, masks=["", square(9)]), "mask 2 has no box: 2 masks"),
    "a black mask": Bad("sketcher", None, boxes(CUP, masks=[square(9, 0)]), "mask of box 1, 'cup', is black all over"),
    "a vast mask": Bad("sketcher", None, boxes(CUP, masks=[square(1025)]), "1024 a side are the limit, so shrink it"),
    "a mask of a point": Bad("sketcher", None, points(["nose", 0.5, 0.5]) | {"masks": [square(9)]}, "1 has no box"),
    "200 masks": Bad("sketcher", None, boxes(CUP, masks=[""] * 200), "200 masks, and 100 is the limit"),
    "a point outside": Bad("sketcher", "nose 1.2 .5", points(["nose", 1.2, 0.5]), "'nose' at 1.2 0.5 lies outside the"),
    "NaN in a point": Bad("sketcher", "nose nan .5", points(["nose", math.nan, 0.5]), "nan 0.5 has what is no number"),
    "an unknown point": Bad("sketcher", "noze .2 .5", points(["noze", 0.2, 0.5]), "unknown point 'noze': did you mean"),
    "a point twice": Bad("sketcher", "nose .2 .5; nose .3 .5", points(*[["nose", 0.2, 0.5]] * 2), "there twice"),
    "a point of texts": Bad("sketcher", None, points(["nose", "0.2", "0.5"]), "points must be a list of [name, x, y]"),
    "text where points belong": Bad("sketcher", None, boxes(points="nose"), "points must be a list of [name, x, y]"),
    "an unknown value": Bad("writer", "colour: rde", values({"colour": "rde"}), "did you mean 'red'?"),
    "an unknown attribute": Bad("writer", "colur: red", values({"colur": "red"}), "did you mean 'colour'?"),
    "no attribute at all": Bad("writer", "a red bar", None, "write them like `hair: red, hat: none`"),
    "an attribute without value": Bad("writer", "colour:", values({"colour": ""}), "e"),
    "two values of one": Bad("writer", "colour: red, colour: blue", None, "colour is both red and blue: give it one"),
    "a value that is a number": Bad("writer", None, values({"colour": 5}), "values must be a text for each"),
    "values that are a list": Bad("writer", None, values([["colour", "red"]]), "values must be a text for each"),
    "300 values": Bad(
        "writer", ",".join(f"a{k}: b" for k in range(300)), values({f"a{k}": "b" for k in range(300)}), "200 is the"
    ),
    "an unknown choice": Bad("painter", "rad", paint(colour="rad"), "unknown colour 'rad': did you mean 'red'?"),
    "a number out of reach": Bad("painter", "red 2", paint(light=2), "light must be a number from 0 to 1, not 2"),
    "a number that is none": Bad("painter", "red nan", paint(light=math.nan), "light must be a number from 0 to 1"),
    "a number in quotes": Bad("painter", None, paint(light="1"), "light must be a number, not '1'"),
    "another kind": Bad("layouts", None, {"kind": "caption", "text": "a cup"}, "draws from a LabelSet or Layout, not"),
}  # fmt: skip
"""By what is wrong."""


def ask(folder: Path, data: Dataset) -> dict[str, Artist]:
    """Make the artists that are asked: small ones that were never trained."""
    torch.manual_seed(0)
    schema = Schema(size=16, things=("cup", "table", "glass"))
    system = catalogue.create("layout-vae", "tiny", schema)
    made = {"layouts": checkpoint.save(system.eval(), folder / "layouts", trained={"data": "tests", "images": 16})}
    made |= {"sketcher": sketcher(folder / "sketcher"), "painter": painter(folder / "painter")}
    made["writer"] = writer(folder / "writer", data)
    found = {name: load(path) for name, path in made.items()}
    for name, artist in found.items():
        artist.name = name
    return found
