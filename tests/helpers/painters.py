"""A world of two attributes, a judge that sees exactly, and painters of known faults.

A picture's left half is the colour of the hat, its right half that of the eyes. All are equally often.
"""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import torch
from PIL import Image
from torch import Tensor

from limner.data.dataset import Dataset
from limner.data.schema import words_of
from limner.noise import RowNoise
from limner.requests import Caption, Request
from limner.system import Draft, Paper, System, no_grad

HATS = {"blue": (0, 0, 255), "green": (0, 255, 0), "red": (255, 0, 0)}
EYES = {"closed": (0, 0, 0), "open": (255, 255, 255)}
COUNT = 360


def faces(folder: Path, with_said: bool = True) -> Path:
    """Write captions in three wordings of the hat, one of both, all true."""
    folder.mkdir(parents=True)
    lines = []
    for number, (hat, eyes) in enumerate(itertools.islice(itertools.cycle(itertools.product(HATS, EYES)), COUNT)):
        picture = Image.new("RGB", (16, 16), HATS[hat])
        picture.paste(EYES[eyes], (8, 0, 16, 16))
        picture.putpixel((0, 0), (number % 256, number // 256, 0))  # no two are equal
        picture.save(folder / f"{number:03d}.png")
        texts = [f"a {hat} hat and {eyes} eyes", f"a {hat} hat", f"{('her', 'his')[number % 2]} {hat} hat"]
        line = {"file_name": f"{number:03d}.png", "text": texts, "attributes": {"eyes": eyes, "hat": hat}}
        said = {"said": [["eyes", "hat"], ["hat"], ["hat"]]} if with_said else {}
        lines.append(line | said)
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


class Eye:
    """A judge that reads the two colours, exactly."""

    def __init__(self, data: Dataset) -> None:
        self.schema, self.values, self.config = data.schema, dict(data.schema.attributes), SimpleNamespace(size=16)

    def features(self, images: Tensor) -> Tensor:
        return torch.cat([images[:, :, 8, 4], images[:, :, 8, 12]], dim=1)

    def predict(self, features: Tensor) -> Tensor:
        def nearest(rgb: Tensor, colours: dict[str, tuple[int, int, int]]) -> Tensor:
            return torch.cdist(rgb, torch.tensor([*colours.values()]) / 127.5 - 1).argmin(dim=1)

        return torch.stack([nearest(features[:, 3:], EYES), nearest(features[:, :3], HATS)], dim=1)


@dataclass(frozen=True)
class Config:
    """What people change."""

    size: int = 16
    """Side of the picture."""


class Painter(System):
    """Paints what it is told; what it is not told comes from the seed, from the wording, or is always alike."""

    paper = Paper("A painter of known faults", "Nobody", 2026, "tests")
    takes = Caption
    Config = Config
    presets: ClassVar = {"tiny": Config()}

    def __init__(self, data: Dataset, by: str) -> None:
        super().__init__(Config(), data.schema)
        self.by = by

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: Any, rng: RowNoise) -> Iterator[Draft]:
        noise, images = rng.normal(2), torch.zeros(len(requests), 3, 16, 16)
        for image, request, mine in zip(images, requests, noise, strict=True):
            assert isinstance(request, Caption)
            if self.by == "wording":
                mine = torch.tensor([zlib.crc32(request.text.encode()) / 2**31 - 1, 0])
            if self.by == "nothing":
                mine = torch.zeros(2)
            mine = (1000 * mine).floor() % 2  # of neighbouring seeds, too, some have 0 and some 1
            spoken = words_of(request.text)
            eyes = next((word for word in spoken if word in EYES), "open" if mine[0] > 0 else "closed")
            hat = next((word for word in spoken if word in HATS), "red" if mine[1] > 0 else "blue")
            if (self.by == "no green" and hat == "green") or (self.by == "half" and mine.any()):
                hat = "red" if hat == "blue" else "blue"
            image[:, :, :8] = torch.tensor(HATS[hat]).view(3, 1, 1) / 127.5 - 1
            image[:, :, 8:] = torch.tensor(EYES[eyes]).view(3, 1, 1) / 127.5 - 1
        yield Draft(images=images)
