"""GAWWNs that were never trained, and what they are asked."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch
from torch import Tensor

from limner.data.dataset import Dataset
from limner.data.located import Located, located
from limner.noise import RowNoise
from limner.requests import Layout
from limner.system import Clock, Draft
from limner.systems.gawwn import Gawwn

START = Clock(seen=0, total=1, step=1)
NAMES = ("left end", "right end", "middle")


def make(data: Dataset, preset: str = "tiny", **changes: Any) -> Gawwn:
    torch.manual_seed(0)
    system = Gawwn(dataclasses.replace(Gawwn.presets[preset], **changes), data.schema)
    system.text.eval().requires_grad_(False)
    system.captions.fill_table(data)
    return system


def batch(data: Dataset, by: str = "box", count: int = 4) -> Located:
    view = located("boxes" if by == "box" else "keypoints")
    return view.gather(data, range(count), np.random.default_rng(0)).to("cpu")


def drafts(system: Gawwn, requests: list[Any], seeds: list[Any], **knobs: float) -> list[Draft]:
    system.eval()
    return list(system.sample(requests, system.Knobs(**knobs), RowNoise(seeds)))


def picture(system: Gawwn, request: Any, seed: Any = 1, **knobs: float) -> Tensor:
    images = drafts(system, [request], [seed], **knobs)[-1].images
    assert images is not None
    return images[0]


def boxed(*box: float, caption: str = "a red circle", label: str = "red circle") -> Layout:
    return Layout(((label, *box),), caption)  # type: ignore[arg-type]


def pointed(caption: str = "a red circle", **points: tuple[float, float]) -> Layout:
    return Layout((), caption, tuple((name.replace("_", " "), x, y) for name, (x, y) in points.items()))
