"""Gradients while drawing: a system at rest that climbs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch import nn


@contextlib.contextmanager
def recurrent_gradients(net: nn.Module) -> Iterator[None]:
    """Let gradients flow back through the recurrent layers of a net in evaluation mode, on every device.

    cuDNN goes backward only through what it ran forward as in training. Run the forward pass within this block: its
    recurrent layers then run so, without dropout, and the rest of the net stays at rest. The backward pass may come
    later.
    """
    layers = [layer for layer in net.modules() if isinstance(layer, nn.RNNBase)]
    before = [(layer.training, layer.dropout) for layer in layers]
    for layer in layers:
        layer.training, layer.dropout = True, 0.0
    try:
        yield
    finally:
        for layer, (training, dropout) in zip(layers, before, strict=True):
            layer.training, layer.dropout = training, dropout
