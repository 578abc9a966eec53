"""Figures that only stories have: what a line asks for must be there in its frame and in all later ones.

Letters: N stories, T frames of each, A attributes, F features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from limner import metrics
from limner.evaluation.protocol import HeldOut
from limner.evaluation.report import OF_REAL, Figure

YES, NO = ("yes", "true"), ("no", "false")
"""Values of attributes that mean whether a character is in the picture."""


def strips(rows: Tensor, held_out: HeldOut) -> Tensor:
    """Put the frames of each story together: (N T, ...) to (N, T, ...)."""
    return rows.unflatten(0, (-1, held_out.frames))


def story_figures(held_out: HeldOut, features: Tensor, details: dict[str, Any]) -> dict[str, Figure]:
    """Return accuracy and consistency of drawn stories, of real ones, and of real ones that answer other requests.

    Args:
        held_out: held-out stories.
        features: (N T, F), the judge's features of the drawn frames.
        details: gets the shares of each property and of each frame.
    """
    network = held_out.judge.network
    things = metrics.Things.of(network.values)
    truth, mentioned = strips(held_out.truth(), held_out), strips(held_out.mentioned(), held_out)
    drawn, real = (strips(network.predict(rows), held_out) for rows in (features, held_out.real_features))
    wanted = metrics.required_so_far(truth, mentioned)
    three = [metrics.story_accuracy(named, truth, mentioned, things) for named in (drawn, real, real.roll(1, 0))]
    of_drawn, of_real, _ = three
    for named, accuracy, suffix in ((drawn, of_drawn, ""), (real, of_real, OF_REAL)):
        details["attributes" + suffix] = metrics.by_property(named, wanted, list(network.values), things)
        details["attributes by frame" + suffix] = {
            f"frame {t}": share for t, share in enumerate(accuracy.by_frame, start=1)
        }
    count = len(truth)  # frames of one story are not independent
    figures = {
        "attributes": _figure([one.attributes for one in three], note="of all that was told until then"),
        "whole frames": _figure([one.frames for one in three], count, "all that was told until then is there"),
        "whole stories": _figure([one.stories for one in three], count),
    }
    if things.columns:
        figures["objects"] = _figure([one.objects for one in three], note="with all that was told of them")
        figures["nothing added"] = _figure([one.nothing_added for one in three], note="empty places that stay empty")
        figures |= _consistency(drawn, real, truth, mentioned, things)
    return figures | _characters(network.values, drawn, real, truth)


def _figure(three: Sequence[float], count: int = 0, note: str = "") -> Figure:
    """Make a figure of what drawn, real and shuffled stories get, with an interval where it was counted on `count`."""
    drawn, real, shuffled = three
    low, high = metrics.interval(drawn, count) if count else (None, None)
    return Figure(drawn, real, shuffled, low, high, note=note)


def _consistency(
    drawn: Tensor, real: Tensor, truth: Tensor, mentioned: Tensor, things: metrics.Things
) -> dict[str, Figure]:
    """Return whether things stay as they were; the floor is of stories whose last frame is another story's."""
    shuffled = torch.cat([real[:, :-1], real[:, -1:].roll(1, 0)], dim=1)
    three = [metrics.consistency(named, truth, mentioned, things) for named in (drawn, real, shuffled)]
    note = f"of {three[0].count:,} things that appear, in the last frame"
    figures = {"appear": _figure([one.appeared for one in three], note="things seen in the frame that tells of them")}
    if things.colours:
        figures["keep colour"] = _figure([one.colour for one in three], note=note)
    figures["keep all"] = _figure([one.same for one in three], note=note)
    return figures


def _characters(values: Mapping[str, Sequence[str]], drawn: Tensor, real: Tensor, truth: Tensor) -> dict[str, Figure]:
    """Return F1 of the answer yes over the attributes whose values are yes and no; nothing where there are none."""
    yes = {
        place: next(number for number, value in enumerate(known) if value in YES)
        for place, known in enumerate(values.values())
        if set(known) <= {*YES, *NO} and set(known) & {*YES}
    }
    if not yes:
        return {}
    columns, numbers = list(yes), torch.tensor(list(yes.values()))
    three = [metrics.f1(named[..., columns], truth[..., columns], numbers) for named in (drawn, real, real.roll(1, 0))]
    return {"F1 of yes": _figure(three)}
