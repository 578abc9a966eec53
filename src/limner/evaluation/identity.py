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
    network, named = held_out.judge.network, []
    for requests, shift in ((before, 0), (after, 0), (after, ELSEWHERE)):
        images = draw(system, requests, [seed + shift for seed in seeds], held_out.processes)
        named.append(network.predict(held_out.judge.features(resized(images, held_out.data.schema.size))))
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
    return {
        "identity": Figure(same.kept, 1.0, other.kept, note=f"other attributes that stay, over {len(edits)} edits"),
        "edits obeyed": Figure(same.obeyed, None, untouched, low, high, note="drawings that show the changed word"),
    }
