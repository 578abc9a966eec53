"""Figures that single papers gave of their own systems, beside those of the protocol."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from limner import metrics
from limner.errors import UserError
from limner.evaluation.protocol import HeldOut, floats, resized
from limner.evaluation.report import OF_REAL, Figure
from limner.metrics.ms_ssim import scales
from limner.metrics.sliced_wasserstein import COARSEST
from limner.system import System

MOST = 500
"""Pictures of either side of a sliced Wasserstein distance, and of a style verification."""
CLUSTERS = 10
"""Of grounds, and of poses."""
TOPS = (1, 2, 3, 5)
"""A picture's own text may be so far down: MirrorGAN and LeicaGAN give more than the first."""
FOLDS = 10


def progan_figures(held_out: HeldOut, drawn: Tensor, details: dict[str, dict[str, float]]) -> dict[str, Figure]:
    """Return the sliced Wasserstein distance and the MS-SSIM of pairs (Karras et al. 2018, section 5)."""
    side, found = drawn.shape[-1], dict[str, Figure]()
    if scales(side):
        one, real = metrics.ms_ssim_of_pairs(drawn, seed=held_out.seed), held_out.real_pairs
        found["MS-SSIM of pairs"] = Figure(one, real, better=0, note=f"of two drawings; {scales(side)} scales")
    if side >= 2 * COARSEST:
        count = min(len(drawn), MOST, len(held_out.known))
        known = floats(held_out.data.pictures(held_out.known[:count]))
        got, best = (metrics.sliced_wasserstein(some[:count], known, held_out.seed) for some in (drawn, held_out.real))
        details["SWD by side"], details["SWD by side" + OF_REAL] = (
            {f"{level} pixels": value for level, value in some.items()} for some in (got, best)
        )
        mean, ideal = (float(np.mean(list(some.values()))) for some in (got, best))
        found["SWD"] = Figure(mean, ideal, better=-1, note=f"x 1000, of {count} pictures, mean over sides")
    return found


def rank_details(name: str, ranks: np.ndarray, real: np.ndarray, details: dict[str, dict[str, float]]) -> None:
    """Put the shares of the first so many, and the spread of the first over folds, among the details."""
    for key, some in ((name, ranks), (name + OF_REAL, real)):
        shares = {f"among the first {top}": float((some <= top).mean()) for top in TOPS}
        if len(some) >= FOLDS:
            shares[f"deviation over {FOLDS} folds"] = metrics.in_folds(some, 1, FOLDS)[1]
        details[f"{key}"] = shares


def style_figures(held_out: HeldOut, system: System) -> dict[str, Figure]:
    """Return how well styles found in real held-out pictures verify grounds and poses (Reed et al. 2016, section 5.1).

    Pictures are clustered by the mean colour of their ground and by the places of their key points; pairs of one
    cluster should have styles more alike than pairs of two. Nothing of systems that find no styles.
    """
    if type(system).style is System.style or held_out.stories:
        return {}
    rows = held_out.rows[:MOST]
    images = floats(held_out.data.pictures(rows, "test"))
    read = resized(images, type(system).data_size(system.config))
    try:
        with torch.no_grad():
            styles = torch.cat([system.style(part.to(system.device)).cpu() for part in read.split(100)])
    except UserError:  # it has not learnt to
        return {}
    found = {}
    for name, points in (("ground", _grounds(held_out, rows, images)), ("pose", _poses(held_out, rows))):
        if points is None or len(points.unique(dim=0)) <= 1:
            continue
        clusters = metrics.k_means(points, min(CLUSTERS, len(points) // 2), held_out.seed)
        if len(set(clusters.tolist())) > 1:
            value = metrics.verification(styles, clusters)
            found[f"style, {name}"] = Figure(
                value, floor=0.5, note="area under the curve of pairs, by cosines of styles"
            )
    return found


def _grounds(held_out: HeldOut, rows: np.ndarray, images: Tensor) -> Tensor:
    """Return the mean colour outside the foreground, or of the border where no masks are known: (N, 3)."""
    weight = torch.zeros_like(images[:, :1])
    weight[..., :2, :] = weight[..., -2:, :] = 1
    weight[..., :2] = weight[..., -2:] = 1
    if held_out.data.schema.masks:
        masks, known = held_out.data.foreground(rows, "test")
        outside = 1 - masks.float() / 255
        weight = torch.where(
            known[:, None, None, None] & (outside.flatten(1).sum(1) > 1)[:, None, None, None], outside, weight
        )
    return (images * weight).sum(dim=(2, 3)) / weight.sum(dim=(2, 3))


def _poses(held_out: HeldOut, rows: np.ndarray) -> Tensor | None:
    """Return the places of key points, side by side: (N, 3P); None where there are none."""
    return held_out.data.points(rows, "test").flatten(1) if held_out.data.schema.points else None
