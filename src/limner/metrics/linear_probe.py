"""What features know of labels: the accuracy of a linear classifier on them (Radford et al. 2016, section 5.1)."""

from __future__ import annotations

import torch
from torch import Tensor

STEPS = 100


def linear_probe(train: Tensor, labels: Tensor, test: Tensor, test_labels: Tensor, penalty: float = 1e-4) -> float:
    """Return the share of test rows that a linear L2-SVM names rightly, one class against the others.

    Features are centred and scaled by those to train on; the squared hinge loss and `penalty` times the square of the
    weights are minimised by L-BFGS.

    Args:
        train, test: features (N, F) and (M, F).
        labels, test_labels: classes from 0, (N,) and (M,).
        penalty: weight of the squared weights.
    """
    train, test = train.double(), test.double()
    mean, deviation = train.mean(dim=0), train.std(dim=0, correction=0).clamp_min(1e-8)
    train, test = (train - mean) / deviation, (test - mean) / deviation
    count = int(max(labels.max(), test_labels.max())) + 1
    targets = torch.where(labels[:, None] == torch.arange(count), 1.0, -1.0).double()
    weight = torch.zeros(train.shape[1], count, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(count, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        hinge = (1 - targets * (train @ weight + bias)).relu().square().sum(dim=1).mean()
        total = hinge + penalty * weight.square().sum()
        total.backward()
        return total

    with torch.enable_grad():
        optimiser.step(loss)
    with torch.no_grad():
        return float(((test @ weight + bias).argmax(dim=1) == test_labels).double().mean())
