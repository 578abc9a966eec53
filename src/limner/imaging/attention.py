"""Maps of attention over pictures: bright and in colour where a word is looked at, dim and grey elsewhere.

Letters: T words, h and w the sides of a map.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter, ImageOps
from torch import Tensor

DIM = 0.3
"""Light that is left where a word is not looked at."""
GLOW = 0.25
"""Share of warm light where it is looked at most: dark things must be seen to be looked at, too."""
WARM = (255, 226, 120)


def spotlit(image: Image.Image, share: Tensor) -> Image.Image:
    """Lay a map over a picture, after the figures of Xu et al. 2018 (AttnGAN): scaled from its least to its most.

    Args:
        image: RGB, of any size.
        share: (h, w), how much a word is looked at in each place; a map that is even all over stays dark.
    """
    light = np.asarray(_smooth(share, image.size), dtype=np.float32)[..., None] / 255
    colour = np.asarray(image.convert("RGB"), dtype=np.float32)
    grey = np.asarray(ImageOps.grayscale(image), dtype=np.float32)[..., None]
    bright = (1 - GLOW) * colour + GLOW * np.array(WARM, dtype=np.float32)
    return Image.fromarray((DIM * grey * (1 - light) + bright * light).round().astype(np.uint8))


def _smooth(share: Tensor, size: tuple[int, int]) -> Image.Image:
    """Scale a map to 0..255 and enlarge it without steps."""
    least, most = float(share.min()), float(share.max())
    scaled = (share - least) / (most - least) * 255 if most - least > 1e-6 else share * 0
    small = Image.fromarray(scaled.float().cpu().numpy().round().astype(np.uint8))
    large = small.resize(size, Image.Resampling.BICUBIC)
    return large.filter(ImageFilter.GaussianBlur(size[0] / small.width / 3))


def most_looked_at(maps: Tensor, words: Sequence[str], count: int) -> list[int]:
    """Return the places of the `count` words that stand out most in the maps (T, h, w), in the order of the sentence.

    A word stands out by the attention it gets above twice its even share, 2 / T: words like "a" get a little of it
    everywhere and the most of it nowhere.
    """
    maps = maps[: len(words)].float()  # a system may read fewer words than there are, and others in a batch have more
    above = (maps - 2 / len(maps)).clamp_min(0).mean(dim=(1, 2)).tolist()
    highest = maps.amax(dim=(1, 2)).tolist()
    ranked = sorted(range(len(maps)), key=lambda t: (above[t], highest[t]), reverse=True)
    return sorted(ranked[:count])
