"""How much drawings differ: over seeds, beside what real pictures do, and over wordings; and whether they are copies.

Letters: P prompts, K drawings of each, T frames of a story (1 of a picture), S side, F features.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from limner import metrics
from limner.evaluation.draw import draw
from limner.evaluation.protocol import HeldOut, floats, resized
from limner.evaluation.report import Figure
from limner.evaluation.stories import strips
from limner.requests import Caption
from limner.system import System


def variety(held_out: HeldOut, drawn: Tensor, repeats: Tensor | None) -> dict[str, Figure]:
    """Return how much drawings of a request differ over seeds, where there are `repeats`, and how many are copies.

    Args:
        held_out: what is measured on.
        drawn: (N T, 3, S, S), a drawing for each request.
        repeats: (P K T, 3, S, S), K drawings of each of the first P requests.
    """
    near = metrics.nearest(drawn, held_out.data.pictures(range(held_out.data.length())), held_out.real)
    note = "share nearer a training picture than 99 % of real ones"
    memorised = {"memorised": Figure(near.share, 0.01, better=-1, note=note)}
    return (_over_repeats(held_out, repeats) if repeats is not None else {}) | memorised


def _over_repeats(held_out: HeldOut, repeats: Tensor) -> dict[str, Figure]:
    grouped = strips(repeats, held_out).unflatten(0, (held_out.prompts, held_out.seeds))  # (P, K, T, 3, S, S)
    features = (
        strips(held_out.judge.features(repeats), held_out).flatten(1).unflatten(0, (held_out.prompts, held_out.seeds))
    )
    unit = held_out.scale * held_out.frames**0.5  # so that distances do not grow with the number of frames
    spread = metrics.diversity(grouped.flatten(2, 3), features / unit)
    real_distance = _mean_distance(strips(held_out.real_features, held_out).flatten(1) / unit)
    return {
        "diversity, pixels": Figure(
            spread["pixels"], float(strips(held_out.real, held_out).std(dim=0).mean()), note="real: all requests"
        ),
        "diversity, judge": Figure(spread["features"], real_distance, note="real: all requests"),
    }


def within_captions(held_out: HeldOut, system: System) -> dict[str, Figure]:
    """Return how much drawings of captions differ, beside real pictures of which these captions are true.

    That is the ceiling of an honest system: it may differ in what a caption leaves open, and in nothing else. The
    captions are others than those of `variety`: only such as fit K real pictures or more. Nothing where there are none.
    """
    if not held_out.open_captions:
        return {}
    texts, shape = [one.caption for one in held_out.open_captions], (len(held_out.open_captions), held_out.seeds)
    drawn = _over_seeds(held_out, system, texts)
    data = held_out.data
    parts = [(data.pictures(one.train), data.pictures(one.test, "test")) for one in held_out.open_captions]
    real = floats(torch.cat([picture for pair in parts for picture in pair]))
    found = [
        metrics.diversity(images.unflatten(0, shape), held_out.judge.features(images).unflatten(0, shape) / unit)
        for images, unit in ((drawn, held_out.scale), (real, held_out.scale))
    ]
    note = f"real: of {held_out.seeds} real pictures for which the caption is true; {len(texts)} such captions"
    return {
        "diversity within captions, pixels": Figure(found[0]["pixels"], found[1]["pixels"], note=note),
        "diversity within captions, judge": Figure(found[0]["features"], found[1]["features"], note=note),
    }


def rewording(held_out: HeldOut, system: System) -> dict[str, Figure]:
    """Return how much wording changes beside what the seed changes; nothing where the data tells of no wordings."""
    groups = held_out.wordings
    if not groups:
        return {}
    shape = (len(groups), held_out.seeds)
    requests = [Caption(text) for group in groups for text in group]
    same = draw(system, requests, [held_out.seed] * len(requests), held_out.processes)
    worded = resized(same, held_out.data.schema.size).unflatten(0, shape)
    seeded = _over_seeds(held_out, system, [group[0] for group in groups]).unflatten(0, shape)
    ratio = metrics.rewording_ratio(worded, seeded)
    note = f"deviation over {held_out.seeds} wordings by that over {held_out.seeds} seeds; {len(groups)} descriptions"
    return {"rewording": Figure(ratio, floor=1.0, better=-1, note=note)} if ratio == ratio else {}


def _over_seeds(held_out: HeldOut, system: System, texts: Sequence[str]) -> Tensor:
    """Draw each caption with K seeds: (P K, 3, S, S)."""
    seeds = list(range(held_out.seed, held_out.seed + held_out.seeds))
    requests = [Caption(text) for text in texts for _ in seeds]
    return resized(draw(system, requests, seeds * len(texts), held_out.processes), held_out.data.schema.size)


def _mean_distance(features: Tensor) -> float:
    """Return the mean distance of pairs of different rows of (N, F), of 500 at most."""
    return float(torch.pdist(features[:500]).mean())
