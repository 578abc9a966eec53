"""The nets of GAWWN: pictures from a sentence and a box, pictures from a sentence and key points, and key points.

Sections 3.2 to 3.4 of the paper, layers of the authors' code (reedscot/nips2016), written anew. Convolutions have
biases, as theirs. All that is placed lies on a grid of 16 by 16 cells; sides other than 128 add or leave out doublings
at the fine end, and halvings in front of the grid.

Letters: B pictures, S their side, E width of a sentence vector h, Z = 100 numbers of noise z, P key points, n width of
the generators, m of the discriminators. Maps are (B, channels, 16, 16) where no other side is named.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from limner.blocks.layers.convolutions import LEAK, Bottleneck, doublings, down, tile, up
from limner.blocks.layout.maps import heat
from limner.blocks.layout.warps import cropped, placed

Z, GRID, TEXT = 100, 16, 128
"""Numbers of noise; side of the grid; numbers that the discriminators read a sentence to."""


def steps(size: int) -> int:
    """Return how often the grid is doubled to reach `size` pixels, which are 32 or more."""
    return doublings(size) - 2


def leaky(*layers: nn.Module) -> list[nn.Module]:
    """Return layers with the discriminators' activation after them."""
    return [*layers, nn.LeakyReLU(LEAK)]


def grown(inside: int, outside: int) -> nn.Sequential:
    """Double the side, batch norm, ReLU."""
    return nn.Sequential(up(inside, outside, bias=True), nn.ReLU())


def normed(layer: nn.Module, width: int, norm: bool = True) -> nn.Sequential:
    """Return a layer with batch norm after it."""
    batch_norm = nn.BatchNorm1d(width) if isinstance(layer, nn.Linear) else nn.BatchNorm2d(width)
    return nn.Sequential(layer, *([batch_norm] if norm else []))


def same(inside: int, outside: int) -> nn.Sequential:
    """Keep the side: a transposed 3x3 convolution with batch norm."""
    return normed(nn.ConvTranspose2d(inside, outside, 3, 1, 1), outside)


def opened(inside: int, outside: int) -> nn.Sequential:
    """Make a map of 4x4 of one place, with batch norm."""
    return normed(nn.ConvTranspose2d(inside, outside, 4), outside)


def closed(inside: int, outside: int, norm: bool = True) -> nn.Sequential:
    """Make one place of a map of 4x4, with batch norm."""
    return normed(nn.Conv2d(inside, outside, 4), outside, norm)


def fine_end(widths: list[int]) -> nn.Sequential:
    """Double a map of the grid to a picture, through maps of these widths, of which the first is that of the grid."""
    *inner, last = widths
    grow = [grown(inside, outside) for inside, outside in pairwise([*inner, last])]
    return nn.Sequential(*grow, up(last, 3, norm=False, bias=True), nn.Tanh())


def everywhere(values: Tensor) -> Tensor:
    """Repeat numbers (B, C) at every cell of the grid: (B, C, 16, 16)."""
    return values[:, :, None, None].expand(-1, -1, GRID, GRID)


class BoxGenerator(nn.Module):
    """G with a box, figure 2: a global path told where the text belongs, and a local path drawn into the box."""

    def __init__(self, width: int, size: int, text_width: int) -> None:
        super().__init__()
        n, relu = width, nn.ReLU()
        self.read = nn.Linear(text_width, 4 * n)
        self.global_noise, self.local_noise = nn.Linear(Z, 4 * n), nn.Linear(Z, 4 * n)
        self.reduce = nn.Sequential(
            down(4 * n, 4 * n, bias=True), relu, down(4 * n, 4 * n, bias=True), relu, closed(4 * n, 4 * n), relu
        )
        self.global_path = nn.Sequential(opened(8 * n, 8 * n), relu, grown(8 * n, 4 * n), grown(4 * n, 2 * n))
        self.local_path = nn.Sequential(
            opened(8 * n, 8 * n), Bottleneck(8 * n, 2 * n, relu, bias=True),
            up(8 * n, 4 * n, bias=True), Bottleneck(4 * n, n, relu, bias=True), up(4 * n, 2 * n, bias=True),
        )  # fmt: skip
        self.join = nn.Sequential(same(4 * n, 2 * n), relu)
        self.draw = fine_end([2 * n, *(max(w, 4) for w in (n, *(n // 4 >> i for i in range(8))))][: steps(size)])

    def forward(self, z: Tensor, h: Tensor, boxes: Tensor) -> Tensor:
        """Draw pictures (B, 3, S, S) from noise (B, Z), sentences (B, E) and boxes (B, 4)."""
        text = self.read(h)
        where = self.reduce(placed(everywhere(text), boxes))[:, :, 0, 0]  # text where the box is, then (B, 4n)
        whole = self.global_path(torch.cat([self.global_noise(z).relu(), where], dim=1)[:, :, None, None])
        thing = self.local_path(torch.cat([self.local_noise(z), text], dim=1).relu()[:, :, None, None])
        return self.draw(self.join(torch.cat([whole, placed(thing, boxes).relu()], dim=1)))


class Discriminator(nn.Module):
    """What both discriminators share: the trunk, the reading of a sentence, and how two codes become a logit.

    Args:
        width: m.
        size: S.
        text_width: E.
        norm: whether there is batch norm.
    """

    def __init__(self, width: int, size: int, text_width: int, norm: bool = True) -> None:
        super().__init__()
        m, times = width, steps(size)
        self.norm = norm
        widths = [3, *([m] * (times - 1)), 2 * m]  # at 128 pixels m, m, 2m; batch norm at the grid alone
        halved = [
            layer
            for k, (inside, outside) in enumerate(pairwise(widths), start=1)
            for layer in leaky(down(inside, outside, norm=norm and 1 < k == times, bias=True))
        ]
        self.trunk = nn.Sequential(*halved, *self.layer(nn.Conv2d(2 * m, 2 * m, 3, padding=1), 2 * m))
        self.read = nn.Sequential(nn.Linear(text_width, TEXT), nn.LeakyReLU(LEAK))
        self.look = nn.Sequential(*self.layer(nn.Conv2d(2 * m + TEXT, 2 * m, 3, padding=1), 2 * m))
        self.whole = nn.Sequential(
            *self.layer(nn.Conv2d(2 * m, 4 * m, 4, 2, 1), 4 * m), *self.layer(nn.Conv2d(4 * m, 8 * m, 4, 2, 1), 8 * m)
        )  # (B, 8m, 4, 4)
        self.score = nn.Sequential(*self.layer(nn.Linear(2 * m, m), m), nn.Linear(m, 1))

    def layer(self, layer: nn.Module, width: int) -> list[nn.Module]:
        """Return a layer with batch norm, where there is any, and the discriminators' activation."""
        return leaky(normed(layer, width, self.norm))

    def region_code(self, inside: int, m: int) -> nn.Sequential:
        """Return two 1x1 convolutions, to 2m and to m channels."""
        return nn.Sequential(*self.layer(nn.Conv2d(inside, 2 * m, 1), 2 * m), nn.Conv2d(2 * m, m, 1))

    def global_code(self, inside: int, m: int) -> nn.Sequential:
        """Return the layers that make a code (B, m) of a map of 4x4."""
        first = self.layer(nn.Conv2d(inside, 4 * m, 1), 4 * m)
        return nn.Sequential(*first, *self.layer(nn.Conv2d(4 * m, m, 4), m), nn.Flatten())

    def features(self, x: Tensor) -> Tensor:
        """Return the map of pictures (B, 3, S, S), in which neither text nor place has a part yet: (B, 2m, 16, 16)."""
        return self.trunk(x)

    def judge(self, features: Tensor, h: Tensor, place: Tensor) -> Tensor:
        """Return a logit for each map (B, 2m, 16, 16) with a sentence (B, E) and a place: (B,)."""
        raise NotImplementedError

    def forward(self, x: Tensor, h: Tensor, place: Tensor) -> Tensor:
        return self.judge(self.features(x), h, place)


class BoxDiscriminator(Discriminator):
    """D with a box: what lies in the box with the text beside it, and the whole with the text where the box is."""

    def __init__(self, width: int, size: int, text_width: int, norm: bool = True) -> None:
        super().__init__(width, size, text_width, norm)
        m, relu = width, nn.ReLU()
        self.region, self.globe = self.region_code(2 * m, m), self.global_code(9 * m, m)
        self.text_in_box = nn.Sequential(
            down(TEXT, 4 * m, norm=norm, bias=True), relu, down(4 * m, m, norm=norm, bias=True), relu
        )

    def judge(self, features: Tensor, h: Tensor, place: Tensor) -> Tensor:
        text = self.read(h)
        inside = cropped(self.look(tile(text, features)), place)
        region = nn.functional.leaky_relu(self.region(inside).mean(dim=(2, 3)), LEAK)
        where = self.text_in_box(placed(everywhere(text), place))  # (B, m, 4, 4): it sees where the box is
        whole = self.globe(torch.cat([self.whole(features), where], dim=1))
        return self.score(torch.cat([region, whole], dim=1))[:, 0]


class PointsGenerator(nn.Module):
    """G with key points, figure 3: maps of the points tell a global path, and switch a local path on at their cells."""

    def __init__(self, width: int, size: int, text_width: int, points: int) -> None:
        super().__init__()
        n, relu = width, nn.ReLU()
        self.noise, self.read = nn.Linear(Z, 4 * n), nn.Linear(text_width, 4 * n)
        self.maps = nn.Sequential(
            down(points, n, bias=True), relu, down(n, 2 * n, bias=True), relu, closed(2 * n, 4 * n), relu
        )
        self.whole, self.local = (nn.Sequential(nn.Linear(8 * n, 4 * n), nn.BatchNorm1d(4 * n), relu) for _ in range(2))
        self.global_path = nn.Sequential(opened(8 * n, 4 * n), relu, grown(4 * n, 2 * n), grown(2 * n, n))
        self.local_path = nn.Sequential(same(4 * n, 4 * n), relu)
        self.join = nn.Sequential(
            same(5 * n + points, 4 * n), relu, same(4 * n, 4 * n),
            Bottleneck(4 * n, n, relu, bias=True),
        )  # fmt: skip
        self.draw = fine_end([max(4 * n >> i, 4) for i in range(steps(size))])

    def forward(self, z: Tensor, h: Tensor, points: Tensor) -> Tensor:
        """Draw pictures (B, 3, S, S) from noise (B, Z), sentences (B, E) and points (B, P, 3)."""
        maps = heat(points, GRID)  # (B, P, 16, 16)
        somewhere = maps.sum(dim=1, keepdim=True).clamp(0, 1)  # M: two points in a cell are one
        condition = torch.cat([self.noise(z), self.read(h)], dim=1).relu()
        where = self.maps(maps)[:, :, 0, 0]
        whole = self.global_path(torch.cat([self.whole(condition), where], dim=1)[:, :, None, None])
        local = self.local_path(everywhere(self.local(condition)) * somewhere)
        return self.draw(self.join(torch.cat([whole, local, maps], dim=1)))


class PointsDiscriminator(Discriminator):
    """D with key points: what lies at the points, each with its own map beside it, and the whole with the text."""

    def __init__(self, width: int, size: int, text_width: int, points: int, norm: bool = True) -> None:
        super().__init__(width, size, text_width, norm)
        self.region = self.region_code(2 * width + points, width)
        self.globe = self.global_code(8 * width + TEXT, width)

    def judge(self, features: Tensor, h: Tensor, place: Tensor) -> Tensor:
        text, maps = self.read(h), heat(place, GRID)
        at_points = self.look(tile(text, features)) * maps.sum(dim=1, keepdim=True).clamp(0, 1)
        region = self.region(torch.cat([at_points, maps], dim=1)).mean(dim=(2, 3))
        region = nn.functional.leaky_relu(region, LEAK)
        return self.score(torch.cat([region, self.globe(tile(text, self.whole(features)))], dim=1))[:, 0]


def dense(inside: int, outside: int, activation: nn.Module) -> list[nn.Module]:
    """A linear layer with batch norm."""
    return [nn.Linear(inside, outside), nn.BatchNorm1d(outside), activation]


class PointCompleter(nn.Module):
    """G_k, section 3.4: draws the points that are not given, and hands on those that are."""

    def __init__(self, width: int, text_width: int, points: int) -> None:
        super().__init__()
        n, relu = width, nn.ReLU()
        self.noise, self.read = nn.Linear(Z, 4 * n), nn.Linear(text_width, 4 * n)
        self.given = nn.Sequential(*dense(3 * points, 4 * n, relu), *dense(4 * n, 2 * n, relu))
        self.draw = nn.Sequential(
            *dense(10 * n, 8 * n, relu), *dense(8 * n, 4 * n, relu), *dense(4 * n, 2 * n, relu),
            nn.Linear(2 * n, 3 * points), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, z: Tensor, h: Tensor, given: Tensor) -> Tensor:
        """Return all points (B, P, 3) of noise (B, Z), sentences (B, E) and given points (B, P, 3), else zeros."""
        condition = [self.noise(z).relu(), self.read(h).relu(), self.given(given.flatten(1))]
        drawn = self.draw(torch.cat(condition, dim=1)).view_as(given)
        is_given = given[..., 2:] > 0
        return torch.where(is_given, given, drawn)


class PointCritic(nn.Module):
    """D_k: tells the points of a picture from drawn ones, given the text."""

    def __init__(self, width: int, text_width: int, points: int) -> None:
        super().__init__()
        m, leak = width, nn.LeakyReLU(LEAK)
        self.look = nn.Sequential(*dense(3 * points, 4 * m, leak), *dense(4 * m, 2 * m, leak))
        self.read = nn.Sequential(*dense(text_width, 4 * m, leak), *dense(4 * m, 2 * m, leak))
        self.score = nn.Sequential(*dense(4 * m, 2 * m, leak), nn.Linear(2 * m, 1))

    def forward(self, points: Tensor, h: Tensor) -> Tensor:
        """Return a logit for points (B, P, 3) with sentences (B, E): (B,)."""
        return self.score(torch.cat([self.look(points.flatten(1)), self.read(h)], dim=1))[:, 0]
