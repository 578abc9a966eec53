"""Frechet distance between two clouds of features: FID where the features are Inception's."""

from __future__ import annotations

import torch
from torch import Tensor

from limner.errors import UserError


def frechet_distance(real: Tensor, drawn: Tensor) -> float:
    """Return |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) (Heusel et al. 2017, eq. 6), 0 or more.

    It is biased upwards, the more the fewer pictures: compare only what was measured on equally many.

    Args:
        real: (N, F) features of real pictures, N > 1.
        drawn: (M, F) features of drawn ones, M > 1.

    Raises:
        UserError: where a side has fewer than two pictures, or features that are no numbers.
    """
    for rows in (real, drawn):
        if len(rows) < 2 or not rows.isfinite().all():  # the solver of eigenvalues would end the whole process
            raise UserError(
                "a Frechet distance takes 2 pictures or more a side, and features without NaN: look at what is drawn"
            )
    a, b = real.double(), drawn.double()
    apart = (a.mean(dim=0) - b.mean(dim=0)).square().sum()
    c_1, c_2 = a.T.cov(), b.T.cov()
    root = torch.linalg.eigvals(c_1 @ c_2).sqrt().real.sum()  # the trace of a root: the sum of roots of eigenvalues
    return max(float(apart + c_1.trace() + c_2.trace() - 2 * root), 0.0)
