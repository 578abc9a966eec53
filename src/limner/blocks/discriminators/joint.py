"""The discriminator of the cascades: a picture halved to a 4x4 map, scored as real and as fitting a text.

StackGAN (Zhang et al. 2017), and with two heads StackGAN++ (2018) and all that grew on it.

Letters: B pictures, S their side, E width of the text's vector, d the discriminator's width, F channels of its 4x4 map:
8d from 64 pixels on.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from limner.blocks.layers.convolutions import LEAK, Bottleneck, doublings, down, spectrally_normed, tile
from limner.blocks.layers.initialisation import dcgan_init, orthogonal

HALVINGS = 4
"""From 64 pixels to 4; a discriminator of larger pictures goes on halving and then narrows again."""


class JointDiscriminator(nn.Module):
    """One trunk of features, two cheap heads: one that sees the text beside every place, one that sees pictures alone.

    Args:
        width: d.
        size: S.
        text: E; 0 where there is no text, and then only pictures are scored.
        alone: whether pictures are scored alone, too.
        read: width to which the discriminator first maps the text itself (StackGAN); 0: the vector is used as it is.
        residual: StackGAN's convolutions after the trunk, 1x1 and a bottleneck residual; else 3x3, as since StackGAN++.
        norm: batch norm; without it convolutions have biases and are held to spectral norm 1.
        beside: channels of what lies beside the picture, place by place, such as a layout.
    """

    def __init__(
        self, width: int, size: int, text: int, *, alone: bool = True, read: int = 0, residual: bool = False,
        norm: bool = True, beside: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.norm, kernel, leaky = norm, 1 if residual else 3, nn.LeakyReLU(LEAK)
        widths = [width << i for i in range(doublings(size))]
        last = widths[min(len(widths), HALVINGS) - 1]
        layers: list[nn.Module] = [down(3 + beside, width, norm=False, bias=not norm)]
        for inside, outside in pairwise(widths):
            layers += [leaky, down(inside, outside, norm=norm, bias=not norm)]
        for inside, outside in pairwise(widths[: HALVINGS - 2 : -1]):  # narrowing, for more than 64 pixels
            layers += [leaky, self._convolution(inside, outside, kernel)]
        layers.append(Bottleneck(last, last // 4, leaky, norm=norm, bias=not norm) if residual else leaky)
        self.trunk = nn.Sequential(*layers)
        self.read = nn.Sequential(nn.Linear(text, read), leaky) if read else nn.Identity()
        # Built even without a text, so that every configuration draws the same random numbers.
        joint = [self._convolution(last + (read or text), last, kernel), leaky]
        joint.append(nn.Conv2d(last, 1, 4, bias=not residual))
        self.joint = nn.Sequential(*joint) if text else None
        self.alone = nn.Conv2d(last, 1, 4) if alone or not text else None
        self.apply(dcgan_init if residual else orthogonal)
        if not norm:
            spectrally_normed(self)

    def _convolution(self, inside: int, outside: int, kernel: int) -> nn.Sequential:
        layer = nn.Conv2d(inside, outside, kernel, padding=kernel // 2, bias=not self.norm)
        return nn.Sequential(layer, *([nn.BatchNorm2d(outside)] if self.norm else []))

    def features(self, images: Tensor) -> Tensor:
        """Return the feature maps of pictures: (B, 3, S, S) to (B, F, 4, 4)."""
        return self.trunk(images)

    def judge(self, features: Tensor, text: Tensor) -> Tensor:
        """Return a logit for each pair of features (B, F, 4, 4) and a text (B, E): (B,)."""
        assert self.joint is not None
        return self.joint(tile(self.read(text), features)).flatten()

    def judge_alone(self, features: Tensor) -> Tensor:
        """Return a logit for each picture alone, from its features (B, F, 4, 4): (B,)."""
        assert self.alone is not None
        return self.alone(features).flatten()

    def forward(self, images: Tensor, *text: Tensor) -> Tensor:
        """Return the sum of the heads' logits: (B,)."""
        h = self.features(images)
        scores = [self.judge(h, one) for one in text]
        if self.alone is not None:
            scores.append(self.judge_alone(h))
        return torch.stack(scores).sum(dim=0)
