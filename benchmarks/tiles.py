"""What stays of a picture when a tile of the studio's tray is pressed: all but what was pressed is to be as it was.

    python benchmarks/tiles.py avatars --judge avatars -n 100

Short texts speak of a few attributes. Each is drawn, the judge reads the picture, and some tiles are pressed: any other
value of any attribute that can be seen. What then is asked is made by the page's files, run by node (on the path, or
LIMNER_NODE), in three ways: with all that the judge read written into the words (`draw/groups.js`), but without what
hides what was pressed, as eyes hide sunglasses (`words/fitting.js`), as the page does; with all of it; and with the
words alone; each with the seed of the picture, and the words alone with another, too. A share is of all other
attributes that can be seen and that the judge names as before. One line is appended to results/tiles.jsonl.

    python benchmarks/tiles.py avatars -n 20 --press glasses=sunglasses --text "a man with wide eyes"

presses that tile alone, of the pictures of one text by as many chances; nothing is recorded.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from chips import by_chance, say
from independent import record

import limner
from limner import metrics
from limner.evaluation.draw import draw
from limner.evaluation.protocol import NamedJudge, resized
from limner.processes import Processes
from limner.requests import Caption

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from nodes import node

PRESS = """
const { Phrases } = await import(`${page}/words/phrases.js`);
const { visible } = await import(`${page}/words/held.js`);
const { saidWith } = await import(`${page}/draw/groups.js`);
const { attributes, words, examples, kind, pictures, tiles } = given;
const phrases = new Phrases(attributes, words, examples);
const press = ({ of, name, value }, seen) =>
  saidWith(kind, phrases, { said: { text: pictures[of].text }, asked: null }, { name, value }, seen).text;
return {
  visible: pictures.map(({ seen }) => Object.keys(visible(phrases, seen))),
  held: tiles.map((tile) => press(tile, pictures[tile.of].settled)),
  alone: tiles.map((tile) => press(tile, null)),
};
"""
SETTLE = """
const { Phrases } = await import(`${page}/words/phrases.js`);
const { settled } = await import(`${page}/words/settled.js`);
const { attributes, words, examples, pictures } = given;
const phrases = new Phrases(attributes, words, examples);
return pictures.map(({ text, seen, looked }) => {
  const steps = settled(phrases, text, seen);
  let step = steps.next();
  for (const found of looked) if (!step.done) step = steps.next(found);
  return step.done ? { values: step.value, texts: [] } : { values: null, texts: step.value };
});
"""
FIT = """
const { Phrases } = await import(`${page}/words/phrases.js`);
const { fitting } = await import(`${page}/words/fitting.js`);
const { arePaints } = await import(`${page}/words/paints.js`);
const { attributes, words, examples, pictures } = given;
const phrases = new Phrases(attributes, words, examples);
return pictures.map(({ text, option, looked }) => {
  if (arePaints(option.name, attributes[option.name])) return { values: text, texts: [] };
  const steps = fitting(phrases, text, option);
  let step = steps.next();
  for (const found of looked) if (!step.done) step = steps.next(found);
  return step.done ? { values: step.value, texts: [] } : { values: null, texts: step.value };
});
"""
MENTIONED = 3
"""Attributes that a short text speaks of."""
ELSEWHERE = 100_000
"""Added to the seed for pictures that have nothing in common with those before the press."""
NOTHING = "none"


class Tile(NamedTuple):
    """A tile that is pressed: of which picture, an attribute, and its new value."""

    of: int
    name: str
    value: str


def pressed(artist: limner.Artist, pictures: Sequence[Mapping[str, Any]], tiles: Sequence[Tile]) -> dict[str, Any]:
    """Return what the page asks once each tile is pressed, `held` and `alone`, and what can be seen in each picture."""
    given = known(artist) | {"pictures": pictures, "kind": artist.system.kinds[0].describe(artist.system.schema)}
    found: dict[str, Any] = node(PRESS, given | {"tiles": [tile._asdict() for tile in tiles]})
    return found


def settled(artist: limner.Artist, judge: NamedJudge, texts: Sequence[str], seen: Sequence[Mapping[str, str]]) -> Any:
    """Return what the page writes down of each picture: what it would write is drawn and looked at."""
    pictures = [{"text": text, "seen": one} for text, one in zip(texts, seen, strict=True)]
    return tried(SETTLE, artist, judge, pictures, range(len(texts)))


def fitted(artist: limner.Artist, judge: NamedJudge, texts: Sequence[str], tiles: Sequence[Tile]) -> list[str]:
    """Return what the page asks so that what was pressed is seen, of texts in which it is written."""
    pictures = [
        {"text": text, "option": {"name": tile.name, "value": tile.value}}
        for text, tile in zip(texts, tiles, strict=True)
    ]
    found: list[str] = tried(FIT, artist, judge, pictures, [tile.of for tile in tiles])
    return found


def tried(
    program: str, artist: limner.Artist, judge: NamedJudge, pictures: Sequence[dict[str, Any]], seeds: Sequence[int]
) -> Any:
    """Run generators of the page: what each yields is drawn with the seed of its picture, and looked at."""
    for picture in pictures:
        picture["looked"] = []
    while True:
        steps = node(program, known(artist) | {"pictures": pictures})
        asked = [(text, place) for place, step in enumerate(steps) for text in step["texts"]]
        if not asked:
            return [step["values"] for step in steps]
        drawn = judged(artist, judge, [text for text, _ in asked], [seeds[place] for _, place in asked])
        found = in_words(judge, drawn)
        for place, step in enumerate(steps):
            if step["texts"]:
                pictures[place]["looked"].append([found.pop(0) for _ in step["texts"]])


def known(artist: limner.Artist) -> dict[str, Any]:
    """Return what the page's phrases are made of."""
    schema = artist.system.schema
    return {"attributes": schema.attributes, "words": schema.lexicon.words, "examples": schema.examples}


def in_words(judge: NamedJudge, named: torch.Tensor) -> list[dict[str, str]]:
    """Return numbers of values, (N, A), as {attribute: value}."""
    values = judge.network.values.items()
    return [{name: of[at] for (name, of), at in zip(values, row, strict=True)} for row in named.tolist()]


def by_chance_pressed(artist: limner.Artist, seen: Sequence[Mapping[str, str]], each: int, seed: int) -> list[Tile]:
    """Press tiles of each picture: another value of an attribute of something that is there, or of something new."""
    dice, tiles = random.Random(seed), []
    for number, named in enumerate(seen):
        free = [name for name in artist.system.schema.attributes if named.get(f"{name.rpartition('_')[0]}") != NOTHING]
        for name in dice.sample(free, each):
            others = [one for one in artist.system.schema.attributes[name] if one not in (named[name], NOTHING)]
            tiles.append(Tile(number, name, dice.choice(others)))
    return tiles


def judged(artist: limner.Artist, judge: NamedJudge, texts: Sequence[str], seeds: Sequence[int]) -> torch.Tensor:
    """Draw texts and return the numbers of the values that the judge names, (N, A)."""
    drawn = draw(artist.system, [Caption(text) for text in texts], seeds, Processes())
    return judge.network.predict(judge.features(resized(drawn, judge.network.config.size)))


def measured(
    artist: limner.Artist, judge: NamedJudge, texts: Sequence[str], press: Callable[[list[dict[str, str]]], list[Tile]]
) -> tuple[int, dict[str, dict[str, float]]]:
    """Draw texts and press tiles of what is seen; return how many, and of each way what stays and what is obeyed."""
    values = judge.network.values
    named = judged(artist, judge, texts, range(len(texts)))
    seen = in_words(judge, named)
    written = settled(artist, judge, texts, seen)
    tiles = press(seen)
    pictures = [
        {"text": text, "seen": one, "settled": kept} for text, one, kept in zip(texts, seen, written, strict=True)
    ]
    asked = pressed(artist, pictures, tiles)
    before = named[[tile.of for tile in tiles]]
    counted = torch.tensor([[name in asked["visible"][tile.of] for name in values] for tile in tiles])
    changed = torch.tensor([list(values).index(tile.name) for tile in tiles])
    value = torch.tensor([values[tile.name].index(tile.value) for tile in tiles])
    ways = {
        "what is seen is written down, what hides the pressed left out": (
            fitted(artist, judge, asked["held"], tiles),
            0,
        ),
        "all that is seen is written down": (asked["held"], 0),
        "the words alone": (asked["alone"], 0),
        "the words alone, another chance": (asked["alone"], ELSEWHERE),
    }
    rows = {}
    for way, (texts_asked, shift) in ways.items():
        after = judged(artist, judge, texts_asked, [tile.of + shift for tile in tiles])
        found = metrics.identity(before, after, changed, value, counted)
        rows[way] = {"stays": round(found.kept, 4), "pressed": round(found.obeyed, 4)}
        print(f"{way:62} stays {found.kept:.3f}, shows what was pressed {found.obeyed:.3f}")
        print("   ", ", ".join(f"{name} {share:.2f}" for name, share in zip(values, found.each, strict=True)))
    return len(tiles), rows


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artist", nargs="?", default="avatars")
    parser.add_argument("--judge", default="avatars")
    parser.add_argument("-n", type=int, default=100, help="texts")
    parser.add_argument("--each", type=int, default=3, help="tiles that are pressed of each picture")
    parser.add_argument("--seed", type=int, default=990_001)
    parser.add_argument("--text", help="the one text of all pictures")
    parser.add_argument("--press", metavar="ATTRIBUTE=VALUE", help="the one tile that is pressed")
    options = parser.parse_args()
    artist, judge = limner.load(options.artist), NamedJudge.load(options.judge)
    choices = [
        {name: value for name, value in one.items() if value != NOTHING}
        for one in by_chance(artist, options.n, options.seed, MENTIONED)
    ]
    texts = [options.text] * options.n if options.text else say(artist, choices)
    name, _, value = (options.press or "").partition("=")

    def press(seen: list[dict[str, str]]) -> list[Tile]:
        if options.press:
            return [Tile(of, name, value) for of in range(len(seen))]
        return by_chance_pressed(artist, seen, options.each, options.seed)

    count, rows = measured(artist, judge, texts, press)
    if not options.press and not options.text:
        record("tiles", artist=artist.name, judge=judge.name, texts=options.n, tiles=count, ways=rows)


if __name__ == "__main__":
    main()
