"""What StackGAN (Zhang et al. 2017) is built of, and after it the story and cascade systems.

Letters: B pictures, S their side, n the width of a net: channels of its finest map.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from limner.blocks.layers.convolutions import LEAK, doublings, down
from limner.blocks.layers.doubling import doubled


class Up(nn.Sequential):
    """Double the side: nearest neighbour, 3x3 convolution, batch norm, ReLU: (B, C, h, h) to (B, O, 2h, 2h).

    The up-sampling block of StackGAN (Zhang et al. 2017), of which the story and cascade systems are built.
    """

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__(Doubled(inside, outside), nn.BatchNorm2d(outside), nn.ReLU(inplace=True))


class Doubled(nn.Conv2d):
    """A 3x3 convolution of the doubled map, without bias."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__(inside, outside, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return doubled(x, self)


class Painter(nn.Sequential):
    """Numbers to a 4x4 map, doubled until it is a picture: (B, C) to (B, 3, S, S)."""

    def __init__(self, given: int, width: int, size: int) -> None:
        widths = [width << i for i in reversed(range(doublings(size) + 1))]  # 16n, 8n, 4n, 2n, n at 64 pixels
        start = nn.Linear(given, widths[0] * 16, bias=False)
        layers = [start, nn.BatchNorm1d(widths[0] * 16), nn.ReLU(), nn.Unflatten(1, (widths[0], 4, 4))]
        layers += [Up(inside, outside) for inside, outside in pairwise(widths)]
        super().__init__(*layers, nn.Conv2d(width, 3, 3, padding=1), nn.Tanh())


class Encoder(nn.Sequential):
    """A picture halved to a 4x4 map: (B, 3, S, S) to (B, 8n, 4, 4) at 64 pixels; biases where no batch norm is."""

    def __init__(self, width: int, size: int, norm: bool = True) -> None:
        widths = [width << i for i in range(doublings(size))]  # n, 2n, 4n, 8n at 64 pixels
        layers: list[nn.Module] = [down(3, width, norm=False, bias=not norm), nn.LeakyReLU(LEAK)]
        for inside, outside in pairwise(widths):
            layers += [down(inside, outside, norm=norm, bias=not norm), nn.LeakyReLU(LEAK)]
        super().__init__(*layers)
        self.widths = widths

    def twice(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the map before the last halving, too: (B, 4n, 8, 8) and (B, 8n, 4, 4) at 64 pixels."""
        *layers, last, act = self
        for layer in layers:
            x = layer(x)
        return x, act(last(x))
