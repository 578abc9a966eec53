"""Figures that only stories have: what each line told must be there in its frame and in all later ones.

Letters: N stories, T frames of each, A attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from limner import metrics
from limner.evaluation.protocol import Exam
from limner.evaluation.report import OF_REAL, Figure

YES, NO = ("yes", "true"), ("no", "false")
"""Values of attributes that say whether a character is in the picture."""


def strips(rows: Tensor, exam: Exam) -> Tensor:
    """Put the frames of each story together: (N T, ...) to (N, T, ...)."""
    return rows.unflatten(0, (-1, exam.frames))


def story_figures(exam: Exam, features: Tensor, details: dict[str, Any]) -> dict[str, Figure]:
    """Return accuracy and consistency of drawn stories, of real ones, and of real ones that answer other requests.

    Args:
        exam: of stories.
        features: (N T, F) what the judge sees in the drawn frames.
        details: gets the shares of each property and of each frame.
    """
    network = exam.referee.network
    things = metrics.Things.of(network.values)
    truth, said = strips(exam.truth(), exam), strips(exam.said(), exam)
    drawn, real = (strips(network.named(seen), exam) for seen in (features, exam.real_features))
    wanted = metrics.told_so_far(truth, said)
    three = [metrics.story_accuracy(named, truth, said, things) for named in (drawn, real, real.roll(1, 0))]
    got, best, _ = three
    for named, accuracy, which in ((drawn, got, ""), (real, best, OF_REAL)):
        details["attributes" + which] = metrics.by_property(named, wanted, list(network.values), things)
        details["attributes by frame" + which] = {
            f"frame {t}": share for t, share in enumerate(accuracy.by_frame, start=1)
        }
    count = len(truth)  # what the frames of one story show is no independent evidence
    figures = {
        "attributes": _figure([one.attributes for one in three], note="of all that was told until then"),
        "whole frames": _figure([one.frames for one in three], count, "all that was told until then is there"),
        "whole stories": _figure([one.stories for one in three], count),
    }
    if things.columns:
        figures["objects"] = _figure([one.objects for one in three], note="with all that was told of them")
        figures["nothing added"] = _figure([one.nothing_added for one in three], note="empty places that stay empty")
        figures |= _consistency(drawn, real, truth, said, things)
    return figures | _characters(network.values, drawn, real, truth)


def _figure(three: Sequence[float], count: int = 0, note: str = "") -> Figure:
    """Make a figure of what drawn, real and shuffled stories get, with an interval where it was counted on `count`."""
    drawn, real, shuffled = three
    low, high = metrics.interval(drawn, count) if count else (None, None)
    return Figure(drawn, real, shuffled, low, high, note=note)


def _consistency(drawn: Tensor, real: Tensor, truth: Tensor, said: Tensor, things: metrics.Things) -> dict[str, Figure]:
    """Say what becomes of things; not to care is to have the last frame of another story."""
    torn = torch.cat([real[:, :-1], real[:, -1:].roll(1, 0)], dim=1)
    three = [metrics.consistency(named, truth, said, things) for named in (drawn, real, torn)]
    note = f"of {three[0].count:,} things that appear, in the last frame"
    figures = {"appear": _figure([one.appeared for one in three], note="things seen in the frame that tells of them")}
    if things.colours:
        figures["keep colour"] = _figure([one.colour for one in three], note=note)
    figures["keep all"] = _figure([one.same for one in three], note=note)
    return figures


def _characters(values: Mapping[str, Sequence[str]], drawn: Tensor, real: Tensor, truth: Tensor) -> dict[str, Figure]:
    """F1 of yes, over the attributes that are questions of yes and no, where there are any."""
    yes = {
        place: next(number for number, value in enumerate(known) if value in YES)
        for place, known in enumerate(values.values())
        if set(known) <= {*YES, *NO} and set(known) & {*YES}
    }
    if not yes:
        return {}
    asked, numbers = list(yes), torch.tensor(list(yes.values()))
    three = [metrics.f1(named[..., asked], truth[..., asked], numbers) for named in (drawn, real, real.roll(1, 0))]
    return {"F1 of yes": _figure(three)}
