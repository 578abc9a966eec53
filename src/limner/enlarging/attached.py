"""The enlarger that travels with a checkpoint: it takes pictures as they are drawn and kept, one at a time.

So an enlarged picture follows from the drawn one alone, whoever drew it beside how many others.

Letters: S the side of a drawn picture, r the factor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from limner import catalogue, checkpoint, settings
from limner.blocks.vision.enlarger import Enlarger
from limner.enlarging.enlarger import Config
from limner.errors import UserError
from limner.imaging.sheets import to_pil

NAME = catalogue.ENLARGER
"""Under which a checkpoint holds it."""


@dataclass(frozen=True)
class AttachedEnlarger:
    """An enlarger as an artist uses it."""

    net: Enlarger
    """In evaluation mode."""
    config: Config
    sha256: str
    """SHA-256 of the file of its weights, which says for good which one enlarged a picture."""

    @classmethod
    def open(cls, folder: Path) -> AttachedEnlarger | None:
        """Open the enlarger of a checkpoint, on the CPU; None where it has none.

        Raises:
            UserError: it is damaged.
        """
        record = checkpoint.read(folder)
        if NAME not in record:
            return None
        config = _config(record[NAME], folder)
        weights, size = checkpoint.attached(folder, NAME), (folder / f"{NAME}.safetensors").stat().st_size
        net = checkpoint.built(folder, lambda: Enlarger(config.factor, config.width, config.blocks), size)
        try:
            net.load_state_dict(weights)
        except RuntimeError:
            raise UserError(f"{folder}: its enlarger is not as {checkpoint.RECORD} says; fetch it again") from None
        return cls(net.eval().requires_grad_(False), config, str(record["sha256"].get(f"{NAME}.safetensors")))

    @property
    def size(self) -> int:
        """Return the side of an enlarged picture, r S."""
        return self.config.size

    @property
    def small(self) -> int:
        """Return the side of a drawn picture, S."""
        return self.config.size // self.config.factor

    @torch.no_grad()
    def enlarge(self, image: Image.Image) -> Image.Image:
        """Return a picture of S x S pixels, or a strip of several side by side, r times as large; `info` is copied.

        Raises:
            UserError: it is of another size, as of an artist that has not grown up yet.
        """
        if image.height != self.small or image.width % self.small:
            size = f"{image.width} x {image.height}"
            raise UserError(f"the enlarger takes pictures of {self.small} x {self.small} pixels, and this has {size}")
        large = Image.new("RGB", (image.width * self.config.factor, self.size))
        for left in range(0, image.width, self.small):
            frame = image.crop((left, 0, left + self.small, self.small))
            large.paste(to_pil(self.net(self._tensor(frame)))[0], (left * self.config.factor, 0))
        large.info = dict(image.info)
        return large

    def _tensor(self, image: Image.Image) -> torch.Tensor:
        pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None]
        return pixels.to(self.net.head.weight.device).float().div(127.5).sub(1)


def _config(about: Any, folder: Path) -> Config:
    where = f"{folder / checkpoint.RECORD}, {NAME}"
    if not isinstance(about, Mapping) or not isinstance(about.get("config"), Mapping):
        raise UserError(f"{where} is damaged: no 'config' in it; fetch the checkpoint again")
    return settings.from_json(Config, dict(about["config"]), where)
