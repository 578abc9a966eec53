"""Figures of what drawings show of the attributes that were asked for, by name or in a caption.

Letters: N requests, F features, A attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from limner import metrics
from limner.evaluation.protocol import HeldOut
from limner.evaluation.report import OF_REAL, Figure
from limner.requests import Request


def attribute_figures(
    held_out: HeldOut, requests: Sequence[Request], features: Tensor, details: dict[str, Any]
) -> dict[str, Figure]:
    """Return `attributes` and `all asked`, and `attribute cosine` where attributes are asked for by name.

    Args:
        held_out: what is measured on.
        requests: N of them.
        features: (N, F), the judge's features of what was drawn of them.
        details: gets the accuracy of each attribute.
    """
    network, real_features = held_out.judge.network, held_out.real_features
    names, by_name = list(network.values), any(request.named() for request in requests)
    wanted = named_values(held_out, requests) if by_name else held_out.wanted()
    drawn = metrics.attribute_accuracy(network.predict(features), wanted, names)
    real = metrics.attribute_accuracy(network.predict(real_features), wanted, names)
    floor = metrics.attribute_accuracy(network.predict(real_features).roll(1, 0), wanted, names)
    details["attributes"], details["attributes" + OF_REAL] = dict(drawn.each), dict(real.each)
    count = int((wanted >= 0).any(dim=1).sum())  # requests that ask for something
    low, high = metrics.interval(drawn.all_at_once, count)
    found = {
        "attributes": Figure(drawn.mean, real.mean, floor.mean, note="mean over attributes that were asked for"),
        "all asked": Figure(drawn.all_at_once, real.all_at_once, floor.all_at_once, low, high),
    }
    if by_name:
        mine, best, least = (
            cosine(held_out, some, wanted) for some in (features, real_features, real_features.roll(1, 0))
        )
        found["attribute cosine"] = Figure(
            mine, best, least, note="of the judge's probabilities and what was asked for"
        )
    return found


def named_values(held_out: HeldOut, requests: Sequence[Request]) -> Tensor:
    """Return the numbers of the values that requests name, -1 where they name none: (N, A)."""
    values = held_out.judge.network.values
    rows = [
        [known.index(one[name]) if one.get(name) in known else -1 for name, known in values.items()]
        for one in (request.named() for request in requests)
    ]
    return torch.tensor(rows)


def cosine(held_out: HeldOut, features: Tensor, wanted: Tensor) -> float:
    """Return the attribute cosine of pictures by their features (N, F) and what is wanted of them (N, A)."""
    with torch.no_grad():
        logits = held_out.judge.network.attribute_logits(features.to(held_out.judge.network.device))
    return metrics.attribute_cosine([one.float().softmax(dim=1).cpu() for one in logits], wanted)
