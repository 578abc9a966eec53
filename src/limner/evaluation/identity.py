"""One word of a caption is changed, the seed is not: does the rest of the drawing stay as it was?

Letters: E edits, A attributes.
"""

from __future__ import annotations

from typing import Any

import torch

from limner import metrics
from limner.evaluation.draw import draw
from limner.evaluation.protocol import HeldOut, resized
from limner.evaluation.report import Figure
from limner.requests import Caption
from limner.system import System

ELSEWHERE = 100_000
"""Added to the seed for drawings that have nothing in common with those before the change."""
TWINS = 500
"""Captions, at most, whose drawings are compared with drawings of nothing."""


def identity(held_out: HeldOut, system: System, details: dict[str, Any]) -> dict[str, Figure]:
    """Return what stays of a drawing when one word of its caption is changed, and whether that word is obeyed.

    Shuffled: the changed caption drawn with another seed; of obeying, drawings of the caption before the change.
    Nothing where the data has no such edits.

    Args:
        held_out: what is measured on.
        system: that draws captions.
        details: gets the share of each attribute, and of what the caption speaks of and leaves open.
    """
    edits = held_out.edits
    if not edits:
        return {}
    seeds = list(range(held_out.seed, held_out.seed + len(edits)))
    before, after = ([Caption(getattr(edit, when)) for edit in edits] for when in ("before", "after"))
    network, named, drawings = held_out.judge.network, [], []
    for requests, shift in ((before, 0), (after, 0), (after, ELSEWHERE)):
        images = draw(system, requests, [seed + shift for seed in seeds], held_out.processes)
        drawings.append(resized(images, held_out.data.schema.size))
        named.append(network.predict(held_out.judge.features(drawings[-1])))
    changed, value = (torch.tensor([getattr(edit, what) for edit in edits]) for what in ("attribute", "value"))
    counted, said = (torch.stack([getattr(edit, what) for edit in edits]) for what in ("counted", "said"))
    same, other = (metrics.identity(named[0], then, changed, value, counted) for then in named[1:])
    untouched = metrics.identity(named[0], named[0], changed, value, counted).obeyed
    parts = {
        "what the caption speaks of": metrics.identity(named[0], named[1], changed, value, counted & said).kept,
        "what it leaves open": metrics.identity(named[0], named[1], changed, value, counted & ~said).kept,
    }
    details["identity"] = parts | {
        name: kept for name, kept in zip(network.values, same.each, strict=True) if kept == kept
    }
    low, high = metrics.interval(same.obeyed, len(edits))
    regions = part_boxes(held_out)
    boxes = torch.tensor([regions.get(edit.attribute, (float("nan"),) * 4) for edit in edits])
    outside, elsewhere = (metrics.change_outside(drawings[0], then, boxes) for then in drawings[1:])
    places = {} if outside != outside else {
        "change outside": Figure(outside, None, elsewhere, better=-1, note="of the part that was changed, to inside it")
    }  # fmt: skip
    return places | {
        "identity": Figure(same.kept, 1.0, other.kept, note=f"other attributes that stay, over {len(edits)} edits"),
        "edits obeyed": Figure(same.obeyed, None, untouched, low, high, note="drawings that show the changed word"),
    }


def part_boxes(held_out: HeldOut) -> dict[int, tuple[float, ...]]:
    """Return where the part lies that each attribute speaks of, as x, y, width and height in shares.

    An attribute speaks of the boxes whose label its name begins with: `hat_colour` of "hat". The smallest box that
    holds all of these in the held-out pictures is taken. Attributes of no part are not in it.
    """
    data = held_out.data
    if not data.schema.things:
        return {}
    names, labels, boxes = data.layouts(held_out.rows, "test")
    found: dict[int, tuple[float, ...]] = {}
    for number, attribute in enumerate(held_out.judge.network.values):
        own = [k for k, name in enumerate(names) if f"{attribute}_".startswith(f"{name.replace(' ', '_')}_")]
        if own and (of := boxes[labels == max(own, key=lambda k: len(names[k]))]).numel():
            low, high = of[:, :2].amin(dim=0), (of[:, :2] + of[:, 2:]).amax(dim=0)
            found[number] = tuple(torch.cat([low, high - low]).tolist())
    return found


def twins(held_out: HeldOut, system: System) -> dict[str, Figure]:
    """Return how alike drawings of one seed are in shape with a caption and without any; shuffled: of another seed.

    Nothing for systems that do not draw both from captions and from nothing.
    """
    silent = [kind for kind in system.kinds if not kind.asks]
    if not silent or not system.kinds[0].asks:
        return {}
    requests = held_out.data.requests(
        system.takes, min(held_out.requests, TWINS), "test", most_things=system.most_things
    )
    seeds = list(range(held_out.seed, held_out.seed + len(requests)))
    conditional, unconditional, other = (
        metrics.silhouette(draw(system, wanted, [seed + shift for seed in seeds], held_out.processes))
        for wanted, shift in (
            (requests, 0),
            ([silent[0]()] * len(requests), 0),
            ([silent[0]()] * len(requests), ELSEWHERE),
        )
    )
    note = "silhouettes of one seed, told the caption and told nothing"
    return {
        "structure kept": Figure(
            metrics.overlap(conditional, unconditional), None, metrics.overlap(conditional, other), note=note
        )
    }
