"""Overlays of attention maps: bright and in colour where attention to a word is high, dim and grey elsewhere.

Letters: T words, h and w the sides of a map.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter, ImageOps
from torch import Tensor

DIM = 0.3
"""Brightness where attention is lowest."""
GLOW = 0.25
"""Share of a warm colour where attention is highest, so that it shows on dark things, too."""
WARM = (255, 226, 120)


def spotlit(image: Image.Image, share: Tensor) -> Image.Image:
    """Overlay a map on a picture, after the figures of Xu et al. 2018 (AttnGAN), scaled to its range.

    Args:
        image: RGB, of any size.
        share: (h, w), the attention to a word at each place; a constant map stays dark.
    """
    light = np.asarray(_smooth(share, image.size), dtype=np.float32)[..., None] / 255
    colour = np.asarray(image.convert("RGB"), dtype=np.float32)
    grey = np.asarray(ImageOps.grayscale(image), dtype=np.float32)[..., None]
    bright = (1 - GLOW) * colour + GLOW * np.array(WARM, dtype=np.float32)
    return Image.fromarray((DIM * grey * (1 - light) + bright * light).round().astype(np.uint8))


def _smooth(share: Tensor, size: tuple[int, int]) -> Image.Image:
    """Scale a map to 0..255 and enlarge it smoothly."""
    least, most = float(share.min()), float(share.max())
    scaled = (share - least) / (most - least) * 255 if most - least > 1e-6 else share * 0
    small = Image.fromarray(scaled.float().cpu().numpy().round().astype(np.uint8))
    large = small.resize(size, Image.Resampling.BICUBIC)
    return large.filter(ImageFilter.GaussianBlur(size[0] / small.width / 3))


def most_looked_at(maps: Tensor, words: Sequence[str], count: int) -> list[int]:
    """Return the places of the `count` words that stand out most in the maps (T, h, w), in the order of the sentence.

    A word stands out by its attention above 2 / T, twice its share if attention were uniform: words like "a" have a
    little everywhere and never the most.
    """
    maps = maps[: len(words)].float()  # a system may encode fewer words, and a longer text of the batch has more
    above = (maps - 2 / len(maps)).clamp_min(0).mean(dim=(1, 2)).tolist()
    highest = maps.amax(dim=(1, 2)).tolist()
    ranked = sorted(range(len(maps)), key=lambda t: (above[t], highest[t]), reverse=True)
    return sorted(ranked[:count])
