"""From labelled boxes to the shapes of their things, all shapes of a picture together, and the game they are learnt by.

Hong, Yang, Choi, Lee: Inferring Semantic Layout for Hierarchical Text-to-Image Synthesis, CVPR 2018, and Li et al.
(Obj-GAN), CVPR 2019, whose shapes are drawn in the same way. A convolutional LSTM goes over the boxes of a picture in
both directions, so that each shape knows the others; two critics judge each shape in its box, and all shapes together.

A system holds the three nets as modules, and plays by a `ShapeGame` of them: `players`, `step`; it draws by the
generator alone.

Letters: B pictures, K boxes at most, N boxes that are there, L labels, s side of a mask, h side of the small map,
C channels, Z numbers of noise of a shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.layers.convolutions import LEAK, doublings
from limner.blocks.layers.upsampling import UpsampleConv
from limner.blocks.layout.boxes import one_hot
from limner.blocks.layout.maps import interior
from limner.blocks.losses.perceptual import perceptual_loss
from limner.optimisers import adam
from limner.system import Player, Update


def box_planes(labels: Tensor, boxes: Tensor, count: int, side: int) -> Tensor:
    """Return a plane for each label, filled inside the box: (N,), (N, 4) to (N, count, side, side); zeros for -1."""
    kinds = one_hot(labels, count).to(boxes)
    return kinds[:, :, None, None] * interior(boxes, side)[:, None]


def joined(values: Tensor, how: Literal["max", "sum"] = "max") -> Tensor:
    """Join what each box has of a picture, (B, K, C, s, s), to (B, C, s, s), place by place."""
    return values.amax(dim=1) if how == "max" else values.sum(dim=1).clamp(max=1)


class ConvLstmCell(nn.Module):
    """An LSTM whose state is a map (Shi et al., NIPS 2015): (B, C, h, h) to a state of `width` channels."""

    def __init__(self, inside: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.gates = nn.Conv2d(inside + width, 4 * width, 3, padding=1)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Go on by a map; the state is (h, c), two of (B, width, h, h)."""
        h, c = state
        i, f, o, g = self.gates(torch.cat([x, h], dim=1)).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class BothWays(nn.Module):
    """A convolutional LSTM over the boxes of a picture in both directions: (B, K, C, h, h) to (B, K, 2 width, h, h)."""

    def __init__(self, inside: int, width: int) -> None:
        super().__init__()
        self.onward, self.back = ConvLstmCell(inside, width), ConvLstmCell(inside, width)

    def forward(self, maps: Tensor, there: Tensor) -> Tensor:
        """Return states; what is not `there`, bool (B, K), changes none."""
        count = maps.shape[1]
        found = []
        for cell, order in ((self.onward, range(count)), (self.back, reversed(range(count)))):
            h = c = maps.new_zeros(len(maps), cell.width, *maps.shape[3:])
            states = [h] * count
            for k in order:
                rows = there[:, k].nonzero()[:, 0]  # the others keep their state
                if len(rows):
                    new_h, new_c = cell(maps[rows, k], (h[rows], c[rows]))
                    h, c = h.index_copy(0, rows, new_h.to(h.dtype)), c.index_copy(0, rows, new_c.to(c.dtype))
                states[k] = h
            found.append(torch.stack(states, dim=1))
        return torch.cat(found, dim=2)


class _Gated(nn.Sequential):
    """A 3x3 convolution, also after doubling, with instance norm and a gated linear unit."""

    def __init__(self, inside: int, outside: int, double: bool = False) -> None:
        first: nn.Module = nn.Conv2d(inside, 2 * outside, 3, padding=1, bias=False)
        if double:
            first = UpsampleConv(inside, 2 * outside)
        super().__init__(first, nn.InstanceNorm2d(2 * outside), nn.GLU(dim=1))


class _Residual(nn.Module):
    """x + f(x), f a gated convolution and one more."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            _Gated(width, width), nn.Conv2d(width, width, 3, padding=1, bias=False), nn.InstanceNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class ShapeGenerator(nn.Module):
    """Boxes and noise to masks, each inside its box.

    Args:
        labels: L.
        size: s, a power of two from 16 on.
        width: channels at half the side; published ones are L, ours do not hang on it.
        noise: Z.
        residuals: residual blocks at a quarter of the side.
    """

    def __init__(self, labels: int, size: int = 32, width: int = 32, noise: int = 16, residuals: int = 1) -> None:
        super().__init__()
        doublings(size)
        self.labels, self.size, self.noise = labels, size, noise
        self.down = nn.Sequential(
            nn.Conv2d(labels, width, 3, 2, 1), nn.InstanceNorm2d(width), nn.LeakyReLU(LEAK),
            nn.Conv2d(width, 2 * width, 3, 2, 1), nn.InstanceNorm2d(2 * width), nn.LeakyReLU(LEAK),
        )  # fmt: skip
        self.recur = BothWays(2 * width, width)
        self.join = _Gated(2 * width + noise, 2 * width)
        self.refine = nn.Sequential(*(_Residual(2 * width) for _ in range(residuals)))
        self.grow = nn.Sequential(_Gated(2 * width, width, True), _Gated(width, max(width // 2, 1), True))
        self.mask = nn.Conv2d(max(width // 2, 1), 1, 1)

    def forward(self, labels: Tensor, boxes: Tensor, noise: Tensor) -> Tensor:
        """Draw masks (B, K, s, s) of labels (B, K), boxes (B, K, 4) and noise (B, K, Z); zeros where there is no box.

        They are in [0, 1], the share of each cell; a cell that a box covers in part is covered by no more than that.
        """
        there = labels >= 0
        masks = boxes.new_zeros(*labels.shape, self.size, self.size)
        if not there.any():
            return masks
        laid, small = boxes[there], self.size // 4  # (N, 4), h
        seen = self.down(box_planes(labels[there], laid, self.labels, self.size))  # (N, 2w, h, h)
        maps = seen.new_zeros(*labels.shape, *seen.shape[1:])
        maps[there] = seen
        states = self.recur(maps, there)[there]
        z = noise[there][:, :, None, None].expand(-1, -1, small, small).to(states.dtype)
        touched = (interior(laid, small) > 0)[:, None]  # never none: a box of one cell must not vanish
        x = self.refine(self.join(torch.cat([states, z], dim=1)) * touched)
        drawn = self.mask(self.grow(x))[:, 0].float().sigmoid() * interior(laid, self.size)
        masks[there] = drawn.to(masks.dtype)
        return masks


class MaskCritic(nn.Module):
    """Masks with the planes of their boxes, (N, 1 + L, s, s), to logits (N,)."""

    def __init__(self, labels: int, size: int = 32, width: int = 16) -> None:
        super().__init__()
        widths = [1 + labels, *(width << min(i, 3) for i in range(doublings(size)))]
        layers: list[nn.Module] = []
        for number, (inside, outside) in enumerate(pairwise(widths)):
            norm = [nn.InstanceNorm2d(outside)] if number else []
            layers += [nn.Conv2d(inside, outside, 4, 2, 1), *norm, nn.LeakyReLU(LEAK)]
        self.judge = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4), nn.Flatten(0))

    def forward(self, masks: Tensor, planes: Tensor) -> Tensor:
        """Judge masks (N, s, s) with planes (N, L, s, s)."""
        return self.judge(torch.cat([masks[:, None], planes], dim=1))


@dataclass(frozen=True)
class ShapeGame:
    """The generator of shapes and its two critics; no module itself, so that it adds no weights."""

    generator: ShapeGenerator
    instance_critic: MaskCritic
    global_critic: MaskCritic
    features: Callable[[Tensor], Tensor]
    """Of a frozen net, by which all shapes together are compared: of pictures (B, 3, s, s) in [-1, 1]."""
    aggregate: Literal["max", "sum"] = "max"
    """How the shapes of a picture are joined: the largest (Obj-GAN's code), or their sum."""
    instance: float = 1.0
    """Weight of the instance critic."""
    whole: float = 1.0
    """Weight of the global critic."""
    perceptual: float = 10.0
    """Weight of the perceptual loss."""

    def players(self, rate: float = 2e-4) -> dict[str, Player]:
        """Return the three players: Adam with betas .5 and .999."""
        nets = {
            "instance critic": self.instance_critic, "global critic": self.global_critic, "shapes": self.generator,
        }  # fmt: skip
        return {name: Player(modules=[net], optimiser=adam(rate, betas=(0.5, 0.999))) for name, net in nets.items()}

    def step(self, labels: Tensor, boxes: Tensor, masks: Tensor, shaped: Tensor) -> Iterator[Update]:
        """Update both critics, then the generator, on true boxes.

        Things without a mask of their own are judged by no one; among all shapes of a picture they stand as they are.
        A batch without any thing moves the same players, by nothing.

        Args:
            labels: (B, K), -1 where there is no box.
            boxes: (B, K, 4).
            masks: (B, K, s, s), true ones.
            shaped: bool (B, K), whether a thing has a mask of its own.
        """
        g, count = self.generator, self.generator.labels
        drawn = g(labels, boxes, torch.randn(*labels.shape, g.noise, device=boxes.device))
        planes = box_planes(labels.flatten(), boxes.flatten(0, 1), count, g.size)  # (B K, L, s, s)
        rows, weight = _own((labels >= 0) & shaped)
        each, cell = planes[rows], self.instance_critic
        real, fake = masks.flatten(0, 1)[rows], drawn.flatten(0, 1)[rows]
        s_r, s_f = cell(real, each), cell(fake.detach(), each)
        loss = _mean(F.softplus(-s_r), weight) + _mean(F.softplus(s_f), weight)
        yield Update("instance critic", loss, {"real": s_r, "drawn": s_f})
        everything = joined(planes.unflatten(0, labels.shape), self.aggregate)
        all_real = self.together(masks)
        all_drawn = self.together(torch.where(shaped[..., None, None], drawn, masks))
        g_r, g_f = self.global_critic(all_real, everything), self.global_critic(all_drawn.detach(), everything)
        loss = F.softplus(-g_r.float()).mean() + F.softplus(g_f.float()).mean()
        yield Update("global critic", loss, {"real": g_r, "drawn": g_f})
        one = _mean(F.softplus(-cell(fake, each)), weight)
        whole = F.softplus(-self.global_critic(all_drawn, everything).float()).mean()
        alike = perceptual_loss(self.features, [as_pictures(all_real)], [as_pictures(all_drawn)])
        loss = self.instance * one + self.whole * whole + self.perceptual * alike
        yield Update("shapes", loss, {"instance": one, "global": whole, "perceptual": alike})

    def together(self, masks: Tensor) -> Tensor:
        """Join the shapes of a picture: (B, K, s, s) to (B, s, s)."""
        return joined(masks[:, :, None], self.aggregate)[:, 0]


def as_pictures(masks: Tensor) -> Tensor:
    """Return masks (B, s, s) as grey pictures (B, 3, s, s) in [-1, 1]."""
    return (2 * masks - 1)[:, None].expand(-1, 3, -1, -1)


def _own(there: Tensor) -> tuple[Tensor, Tensor]:
    """Return the places of a batch, flattened, that have something, with weights: if none, one place of weight 0."""
    rows = there.flatten().nonzero()[:, 0]
    if len(rows):
        return rows, torch.ones(len(rows), device=rows.device)
    return rows.new_zeros(1), torch.zeros(1, device=rows.device)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values.float() * weight).sum() / weight.sum().clamp(min=1)
