"""How well chips are drawn: values of attributes, put into words by the studio's page, drawn, and judged.

    python benchmarks/chips.py avatars --judge avatars -n 200

Two kinds of choices: by chance, as a person might press (five attributes, any value of each); and what captions of the
avatars world speak of, drawn twice with the same seeds: from the caption and from the chips. The page's
`words/phrases.js` says them, run by node (on the path, or LIMNER_NODE). One line is appended to results/chips.jsonl.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from independent import record

import limner
from limner import metrics
from limner.evaluation.draw import draw
from limner.evaluation.protocol import NamedJudge, resized
from limner.processes import Processes
from limner.requests import Caption
from limner.worlds.avatars import captions as avatar_captions
from limner.worlds.avatars import sampler
from limner.worlds.avatars.mentioned import mentioned

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from nodes import node

SAY = """
const { Phrases } = await import(`${page}/words/phrases.js`);
const { attributes, words, examples, choices } = given;
const phrases = new Phrases(attributes, words, examples);
return choices.map((chosen) => phrases.say(chosen));
"""
Choices = Sequence[Mapping[str, str]]


def say(artist: limner.Artist, choices: Choices) -> list[str]:
    """Put choices into words as the page does."""
    schema = artist.system.schema
    known = {"attributes": schema.attributes, "words": schema.lexicon.words, "examples": schema.examples}
    found: list[str] = node(SAY, known | {"choices": choices})
    return found


def by_chance(artist: limner.Artist, count: int, seed: int, many: int = 5) -> Choices:
    """Choose some attributes and any of their values."""
    dice, attributes = random.Random(seed), artist.system.schema.attributes
    return [
        {
            name: dice.choice(attributes[name])
            for name in sorted(dice.sample(sorted(attributes), min(many, len(attributes))))
        }
        for _ in range(count)
    ]


def of_captions(count: int, seed: int) -> tuple[list[str], Choices]:
    """Return captions of avatars that nobody was trained on, and what they speak of."""
    captions, choices = [], []
    for index in range(count):
        attributes = sampler.sample(seed, index).attributes
        caption = avatar_captions.describe(attributes, random.Random(index))[index % avatar_captions.CAPTIONS]
        captions.append(caption)
        choices.append({name: str(attributes[name]) for name in mentioned(caption, attributes)})
    return captions, choices


def judged(artist: limner.Artist, judge: NamedJudge, texts: Sequence[str], choices: Choices) -> metrics.Accuracy:
    """Draw texts with the seeds 0, 1, ...; return how much of the choices the judge sees."""
    drawn = draw(artist.system, [Caption(text) for text in texts], range(len(texts)), Processes())
    named = judge.network.predict(judge.features(resized(drawn, judge.network.config.size)))
    values = judge.network.values
    wanted = torch.tensor(
        [[known.index(c[name]) if name in c else -1 for name, known in values.items()] for c in choices]
    )
    return metrics.attribute_accuracy(named, wanted, list(values))


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artist", nargs="?", default="avatars")
    parser.add_argument("--judge", default="avatars")
    parser.add_argument("-n", type=int, default=200)
    parser.add_argument("--seed", type=int, default=990_001)
    options = parser.parse_args()
    artist, judge = limner.load(options.artist), NamedJudge.load(options.judge)
    captions, spoken = of_captions(options.n, options.seed)
    chance = by_chance(artist, options.n, options.seed)
    rows = {
        "captions": judged(artist, judge, captions, spoken),
        "chips of captions": judged(artist, judge, say(artist, spoken), spoken),
        "chips by chance": judged(artist, judge, say(artist, chance), chance),
    }
    for name in artist.system.schema.attributes:
        print(f"{name:20}", *(f"{row.each.get(name, float('nan')):7.3f}" for row in rows.values()))
    print(f"{'mean':20}", *(f"{row.mean:7.3f}" for row in rows.values()), " ", " | ".join(rows))
    record("chips", artist=artist.name, n=options.n, means={name: round(row.mean, 4) for name, row in rows.items()})


if __name__ == "__main__":
    main()
