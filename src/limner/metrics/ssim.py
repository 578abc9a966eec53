"""Structural similarity to the real picture of the same request."""

from __future__ import annotations

from torch import Tensor


def ssim(drawn: Tensor, real: Tensor) -> float:
    """Return the mean SSIM of pairs of pictures (N, 3, H, W) in [-1, 1] (Wang et al. 2004), at most 1.

    As in StoryGAN's table 1; a range of 2, a Gaussian window of 11 and sigma 1.5. It rewards the very picture that
    was held out, so where a caption leaves much open nobody can come near 1.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure

    total = 0.0
    for a, b in zip(drawn.split(100), real.split(100), strict=True):
        total += float(structural_similarity_index_measure(a, b, data_range=2.0, reduction="sum"))  # type: ignore[arg-type]
    return total / len(drawn)
