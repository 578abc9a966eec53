"""Artists that carry an enlarger, made in a moment."""

from __future__ import annotations

from pathlib import Path

import torch

from limner import checkpoint, settings
from limner.blocks.vision.enlarger import Enlarger
from limner.enlarging.attached import NAME
from limner.enlarging.enlarger import Config


def with_enlarger(source: Path, folder: Path, factor: int = 4, seed: int = 0) -> Path:
    """Publish a checkpoint again with an enlarger that was never trained, but sees edges."""
    config = Config(size=int(checkpoint.read(source)["config"]["size"]) * factor, factor=factor, width=4, blocks=1)
    torch.manual_seed(seed)
    net = Enlarger(factor, config.width, config.blocks)
    with torch.no_grad():
        net.tail.weight.normal_(0, 0.3)
    about = {"config": settings.to_json(config), "trained": {"data": "tests"}}
    return checkpoint.attach(source, folder, NAME, net.state_dict(), about)
