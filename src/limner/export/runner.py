"""What runs exported parts does this around them: words and values to numbers, blends, noise, knobs, stories.

`page/browser/` computes the same in JavaScript. Here it serves the check that parts draw what the artist draws,
whatever runs them.

Letters: T words of a text, E width of a sentence vector, L numbers of noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from limner.blocks.text.encoders import LETTERS, mend
from limner.data.schema import UNKNOWN, Lexicon
from limner.noise import RowNoise, Seed
from limner.requests import Request, shares
from limner.system import ExportPart

Run = Callable[[str, Mapping[str, Tensor]], Mapping[str, Tensor]]
"""Runs a part: takes its name and named inputs, returns named outputs."""


def numbers(rule: Mapping[str, Any], lexicon: Lexicon, text: str) -> Tensor:
    """Return the numbers of the words or letters of a text, as a reader's rule says: (1, T)."""
    if rule.get("mended"):
        text = mend(lexicon, text)
    longest = rule["longest"]
    if rule["by"] == "letter":
        places = {letter: place for place, letter in enumerate(rule["alphabet"])}
        none = len(rule["alphabet"])
        found = [places.get(letter, none) for letter in text[:longest].lower()[:longest]]
        return torch.tensor([found + [none] * (longest - len(found))])
    readable = text[:LETTERS] if longest else text
    return torch.tensor([lexicon.ids(readable)[:longest] or [UNKNOWN]])


def asked(rule: Mapping[str, Any], lexicon: Lexicon, request: Request) -> Tensor:
    """Return the numbers that a reader is given of a plain request: (1, T), or (1, A) one for each of A attributes."""
    if rule["by"] != "attribute":
        return numbers(rule, lexicon, request.sentence())
    named = request.named()
    return torch.tensor(
        [[1 + known.index(named[name]) if name in named else 0 for name, known in rule["values"].items()]]
    )


def draw(
    parts: Mapping[str, ExportPart], run: Run, lexicon: Lexicon, request: Request, seed: Seed, knobs: Mapping[str, Any]
) -> Iterator[dict[str, Tensor]]:
    """Draw one request: yield the generator's outputs, for a story once a line."""
    row_noise = RowNoise([seed])
    if request.several:
        yield from _story(parts, run, lexicon, request, row_noise, knobs)
        return
    condition = {} if not request.asks else _condition(parts, run, lexicon, request)
    yield dict(run("painter", {**_noise(parts["painter"], row_noise, knobs), **condition}))


def _condition(parts: Mapping[str, ExportPart], run: Run, lexicon: Lexicon, request: Request) -> dict[str, Tensor]:
    """Encode what a request lies between: sentences are averaged, words are concatenated, each with its log share."""
    given = parts["painter"].given
    sentence, words, weight = torch.zeros(()), list[Tensor](), list[Tensor]()
    for end, share in shares(request):
        codes = run("reader", {"numbers": asked(parts["reader"].rule, lexicon, end)})
        sentence = sentence + codes["sentence"] * share
        if "words" in given:
            words.append(codes["words"])
            weight.append(torch.full(codes["words"].shape[:2], share).log())
    return {"sentence": sentence} | ({"words": torch.cat(words, 1), "weight": torch.cat(weight, 1)} if words else {})


def _noise(part: ExportPart, row_noise: RowNoise, knobs: Mapping[str, Any]) -> dict[str, Tensor]:
    """Draw all the noise that a part is given, in its order, each piece scaled by its knob."""
    found = {}
    for name, pieces in part.noise.items():
        drawn = row_noise.normal(sum(pieces.values())).split(list(pieces.values()), dim=1)
        scaled = [piece * knobs.get(knob, 1.0) for piece, knob in zip(drawn, pieces, strict=True)]
        found[name] = torch.cat(scaled, dim=1)
    return found


def _story(
    parts: Mapping[str, ExportPart],
    run: Run,
    lexicon: Lexicon,
    story: Request,
    row_noise: RowNoise,
    knobs: Mapping[str, Any],
) -> Iterator[dict[str, Tensor]]:
    length, rule = parts["setting"].given["lines"].shape[1], parts["reader"].rule
    captions, setting_lines = story.captions(), getattr(story, "setting", ())
    keeps = "scene" in parts["painter"].given
    states: Mapping[str, Tensor] = {}

    def encode(some: Sequence[str]) -> Tensor:
        codes = [run("reader", {"numbers": numbers(rule, lexicon, line)})["sentence"] for line in some]
        return padded(torch.stack(codes, dim=1))

    def padded(lines: Tensor) -> Tensor:
        return torch.cat([lines, lines.new_zeros(1, length - lines.shape[1], lines.shape[2])], dim=1)

    lines = torch.cat([encode([line])[:, :1] for line in captions], dim=1)
    for t in range(len(captions)):
        first = max(0, t - length + 1) if keeps else t - t % length
        if t == 0 or (t == first and not keeps):
            setting = {"lines": encode(setting_lines[t : t + length] or captions[t : t + length])}
            states = run("setting", {**setting, **_noise(parts["setting"], row_noise, knobs)})
        noise, place = _noise(parts["painter"], row_noise, knobs), torch.tensor([t - first])
        given = {**noise, "lines": padded(lines[:, first : first + length]), "place": place, **states}
        given |= {"scene": lines[:, : t + 1]} if keeps else {}
        painted = dict(run("painter", given))
        states = {**states, "i": painted["next_i"], "h": painted["next_h"]}
        yield {"image_0": painted["image_0"]}
