"""Figures of pictures drawn from dialogues: does the picture answer the dialogue's questions as the dialogue does?

The judge names the scene that it sees in a picture, and the questions are answered from that scene by the rules of the
world that asked them. Such figures are there where requests hold turns and the judge's attributes are those of a world
whose questions can be answered: the clevr world.

Letters: N requests, F features, A attributes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from limner import metrics
from limner.evaluation.draw import draw
from limner.evaluation.protocol import HeldOut, resized
from limner.evaluation.report import OF_REAL, Figure
from limner.requests import Request
from limner.requests.dialogue import Turns
from limner.system import System
from limner.worlds.clevr.answers import ATTRIBUTES, Scene, answer, scene_of

LEVELS = (0, 1, 2, 5)
"""So many turns are said, beside all of them, to see what each is worth."""


def dialogue_figures(
    held_out: HeldOut, system: System, requests: Sequence[Request], features: Tensor, details: dict[str, Any]
) -> dict[str, Figure]:
    """Return `answered`, `objects` and `nothing added`; nothing where there are no questions that can be answered.

    Args:
        held_out: what is measured on.
        system: what drew.
        requests: N of them.
        features: (N, F), the judge's features of what was drawn of them.
        details: gets the shares of questions answered rightly by how many turns were said.
    """
    network, dialogues = held_out.judge.network, [turns_of_request(request) for request in requests]
    if not any(dialogues) or held_out.stories or not set(ATTRIBUTES) <= set(network.values):
        return {}
    real_features = _real_features(held_out, system.config.size)
    drawn, real = scenes(held_out, features), scenes(held_out, real_features)
    three = [share(some, dialogues) for some in (drawn, real, [*real[1:], real[0]])]
    low, high = metrics.interval(three[0], len(requests))  # questions about one picture are not independent
    details |= _by_turns(held_out, system, requests, dialogues, drawn)
    details["answered by turns said" + OF_REAL] = dict.fromkeys(details["answered by turns said"], three[1])
    things = metrics.Things.of(network.values)
    truth, everything = held_out.truth()[:, None], torch.ones(len(requests), 1, len(network.values), dtype=torch.bool)
    named = [network.predict(some)[:, None] for some in (features, real_features)]
    shown = [metrics.story_accuracy(some, truth, everything, things) for some in (*named, named[1].roll(1, 0))]
    mine, ideal, floor = shown
    return {
        "answered": Figure(
            three[0], three[1], three[2], low, high, note="questions that the scene in the drawing answers rightly"
        ),
        "objects": Figure(mine.objects, ideal.objects, floor.objects, note="of the whole scene, right in all"),
        "nothing added": Figure(
            mine.nothing_added, ideal.nothing_added, floor.nothing_added, note="empty places that stay empty"
        ),
    }


def _real_features(held_out: HeldOut, side: int) -> Tensor:
    """Return the features of real pictures as sharp as drawings of `side` pixels: what a perfect system gets."""
    size = held_out.data.schema.size
    if side >= size:
        return held_out.real_features
    return held_out.judge.features(resized(resized(held_out.real, side), size))


def turns_of_request(request: Request) -> Turns:
    """Return the turns of a request; none where its kind has none."""
    return getattr(request, "turns", ())


def scenes(held_out: HeldOut, features: Tensor) -> list[Scene]:
    """Return the scene that the judge sees in each picture, by its features (N, F)."""
    network = held_out.judge.network
    known = list(network.values.items())
    return [
        scene_of({name: values[number] for (name, values), number in zip(known, row, strict=True)})
        for row in network.predict(features).tolist()
    ]


def share(some: Sequence[Scene], dialogues: Sequence[Turns]) -> float:
    """Return the share of the questions of N dialogues that N scenes answer rightly."""
    found = [[answer(question, scene) for question, _ in turns] for scene, turns in zip(some, dialogues, strict=True)]
    return metrics.answered(found, [[reply for _, reply in turns] for turns in dialogues])


def _by_turns(
    held_out: HeldOut, system: System, requests: Sequence[Request], dialogues: Sequence[Turns], drawn: list[Scene]
) -> dict[str, dict[str, float]]:
    """Draw each request with its first turns alone: what share of all questions, of those said, of others is right?"""
    most = max(map(len, dialogues))
    found: dict[str, list[Scene]] = {}
    seeds = range(held_out.seed, held_out.seed + len(requests))
    for level in LEVELS:
        if level < most:
            few = [
                dataclasses.replace(request, turns=turns[:level]) if turns else request  # type: ignore[call-arg]
                for request, turns in zip(requests, dialogues, strict=True)
            ]
            images = resized(draw(system, few, seeds, held_out.processes), held_out.data.schema.size)
            found[f"{level}"] = scenes(held_out, held_out.judge.features(images))
    found[f"{most}"] = drawn
    said = {level: [turns[: int(level)] for turns in dialogues] for level in found}
    withheld = {level: [turns[int(level) :] for turns in dialogues] for level in found}
    return {
        "answered by turns said": {level: share(some, dialogues) for level, some in found.items()},
        "answered of what is said": _shares(found, said),
        "answered of what is withheld": _shares(found, withheld),
        "the same by the caption alone": _shares(dict.fromkeys(found, next(iter(found.values()))), withheld),
    }


def _shares(found: dict[str, list[Scene]], dialogues: dict[str, list[Turns]]) -> dict[str, float]:
    """Return the share of each level that asks anything."""
    return {level: share(some, dialogues[level]) for level, some in found.items() if any(dialogues[level])}
