"""Obj-GANs that were never trained, and what they are asked."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch
from torch import Tensor

from limner.data.dataset import Dataset
from limner.data.views import Scenes, scenes
from limner.noise import RowNoise
from limner.requests import Layout
from limner.system import Clock, Draft
from limner.systems.objgan import ObjGan

START = Clock(seen=0, total=1, step=1)
CIRCLE, BAR = ("red circle", 0.25, 0.25, 0.5, 0.5), ("blue bar", 0.0, 0.6, 0.9, 0.3)


def make(data: Dataset, preset: str = "tiny", **changes: Any) -> ObjGan:
    torch.manual_seed(0)
    system = ObjGan(dataclasses.replace(ObjGan.presets[preset], **changes), data.schema)
    for frozen in (system.text, system.vision):
        frozen.eval().requires_grad_(False)
    return system


def batch(data: Dataset, system: ObjGan, count: int = 4) -> Scenes:
    view = scenes(system.config.most, system.config.size)
    return view.gather(data, range(count), np.random.default_rng(0)).to("cpu")


def emptied(read: Scenes) -> Scenes:
    """Return a batch without any thing."""
    return dataclasses.replace(
        read, labels=torch.full_like(read.labels, -1), boxes=torch.zeros_like(read.boxes),
        masks=torch.zeros_like(read.masks), shaped=torch.zeros_like(read.shaped),
    )  # fmt: skip


def drafts(system: ObjGan, requests: list[Any], seeds: list[Any], **knobs: float) -> list[Draft]:
    system.eval()
    return list(system.sample(requests, system.Knobs(**knobs), RowNoise(seeds)))


def picture(system: ObjGan, request: Any, seed: Any = 1) -> Tensor:
    images = drafts(system, [request], [seed])[-1].images
    assert images is not None
    return images[0]


def laid(*boxes: Any, caption: str = "a red circle on black", masks: tuple[str, ...] = ()) -> Layout:
    return Layout(boxes, caption, masks=masks)
