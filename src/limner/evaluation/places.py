"""Whether what is drawn stands where the real picture of its request has it, told or not.

A system that is not told the place is measured all the same: what it gets is what a place is worth.

Letters: N pictures, S their side, P key points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from limner.evaluation.report import Figure
from limner.metrics import box_overlap, correct_key_points, standing_boxes

if TYPE_CHECKING:
    from limner.evaluation.protocol import HeldOut

SHOWN = 0.8
"""Real pictures overlap their boxes by more than this where a box is what stands on a flat ground."""


def place_figures(held_out: HeldOut, drawn: Tensor) -> dict[str, Figure]:
    """Return `place IoU` and `key points` (PCK at .1) of drawn pictures (N, 3, S, S), as far as the data has them.

    The first needs boxes that are the extent of what stands before a flat ground, which real pictures show; the second
    a judge that was trained on the same key points. The floor is that of real pictures shuffled among the requests.
    """
    if held_out.stories:
        return {}
    figures, real = dict[str, Figure](), held_out.real
    boxes = _largest(held_out)
    if boxes is not None:
        standing = standing_boxes(real)
        value, best, floor = (
            float(box_overlap(found, boxes).mean()) for found in (standing_boxes(drawn), standing, standing.roll(1, 0))
        )
        if best > SHOWN:
            note = "overlap of what stands on the ground with the box of the real picture"
            figures["place IoU"] = Figure(value, best, floor, note=note)
        else:
            boxes = None
    points = held_out.data.schema.points
    if points and held_out.judge.network.schema.points == points:
        asked = held_out.data.points(held_out.rows, "test")
        scale = 1.0 if boxes is None else boxes[:, 2:].amax(dim=1)
        found = held_out.judge.locate(real)
        value, best, floor = (
            correct_key_points(places, asked, scale)
            for places in (held_out.judge.locate(drawn), found, found.roll(1, 0))
        )
        figures["key points"] = Figure(value, best, floor, note="PCK at .1 of the thing's longer side, by the judge")
    return figures


def _largest(held_out: HeldOut) -> Tensor | None:
    """Return the largest box of each real picture, (N, 4); None where there are no boxes."""
    data = held_out.data
    if "boxes" not in data.columns or not data.schema.things:
        return None
    _, labels, boxes = data.layouts(held_out.rows, "test")
    areas = torch.where(labels >= 0, boxes[..., 2] * boxes[..., 3], -1.0)
    return boxes[torch.from_numpy(np.arange(len(boxes))), areas.argmax(dim=1)]
