"""From a drawn picture back to its noise, which holds what the text leaves open (Reed et al., ICML 2016, section 4.4).

Letters: B pictures, S their side, Z numbers of noise, n the width of a net.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from limner.blocks.layers.convolutions import LEAK, Bottleneck, doublings, down


def trunk(width: int, size: int, norm: bool) -> nn.Sequential:
    """Halve a picture to a 4x4 map: (B, 3, S, S) to (B, 8n, 4, 4). Biases where there is no batch norm."""
    widths = [8 * width >> i for i in range(doublings(size))][::-1]  # n, 2n, 4n, 8n at 64 pixels
    last, leaky = widths[-1], nn.LeakyReLU(LEAK)
    layers: list[nn.Module] = [down(3, widths[0], norm=False, bias=not norm)]
    for inside, outside in pairwise(widths):
        layers += [leaky, down(inside, outside, norm=norm, bias=not norm)]
    return nn.Sequential(*layers, Bottleneck(last, last // 4, leaky, norm=norm, bias=not norm))


class StyleEncoder(nn.Module):
    """S of section 4.4: from a picture back to the noise it was drawn from: (B, 3, S, S) to (B, Z).

    Args:
        width: n.
        size: S.
        noise: Z.
    """

    def __init__(self, width: int, size: int, noise: int) -> None:
        super().__init__()
        self.trunk = trunk(width, size, norm=True)
        self.find = nn.Linear(8 * width * 4 * 4, noise)

    @property
    def learnt(self) -> bool:
        """Whether it was ever trained: batch norm counts its batches."""
        return any(int(count) for name, count in self.named_buffers() if name.endswith("num_batches_tracked"))

    def forward(self, x: Tensor) -> Tensor:
        return self.find(self.trunk(x).flatten(1))
