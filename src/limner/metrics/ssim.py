"""Structural similarity to the real picture of the same request."""

from __future__ import annotations

from torch import Tensor


def ssim(drawn: Tensor, real: Tensor) -> float:
    """Return the mean SSIM of pairs of pictures (N, 3, H, W) in [-1, 1] (Wang et al. 2004), at most 1.

    In colour, over light from 0 to 1, in a Gaussian window of 11 with sigma 1.5. It rewards the very picture that was
    held out, so where a caption leaves much open no system can come near 1.

    Li et al. 2019 (StoryGAN, table 1) compare each drawn frame with the real one of the same story. Which window and
    range they took, whether of grey or coloured pictures and at which size is not known here, and each moves the
    figure: theirs and these cannot stand side by side.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure

    total = 0.0
    for a, b in zip(drawn.split(100), real.split(100), strict=True):
        # It compares means by their ratio, so values must be amounts of light: around 0, two greys would be opposites.
        light = a / 2 + 0.5, b / 2 + 0.5
        total += float(structural_similarity_index_measure(*light, data_range=1.0, reduction="sum"))  # type: ignore[arg-type]
    return total / len(drawn)
