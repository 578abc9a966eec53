"""The critics of Obj-GAN: of patches with the text, of shapes, and of single things; and the losses of each.

Section 3.3 of the paper, layers and weights of the authors' code, written anew. Each loss is a sum of means, -log D of
what should pass and -log(1 - D) of what should not; softplus of logits stands for both.

Letters: B pictures, s their side, L labels, K boxes, P patches, d the width, E width of a sentence, C numbers of a
thing's condition: its label's vector and what the words say of it. x real pictures, x_hat drawn ones.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.layers.convolutions import LEAK, doublings, down, tile
from limner.blocks.layout.regions import regions
from limner.blocks.losses.adversarial import bce_fake, bce_real

MOST_HALVINGS, WIDEST = 4, 8
"""Of the critics of patches and shapes; and how many times d a map has at most."""
REGION = 5
"""Side of what is read of a box."""
MAP = 64
"""Side of the map on which small things are looked for, where the picture is twice as large or more."""
WITH_TEXT = 0.1
"""Weight of a pair of picture and text; that of a picture alone is 1."""


class Judged(NamedTuple):
    """The loss of a critic, and scores for the log."""

    loss: Tensor
    log: dict[str, Tensor]


def trunk(inside: int, width: int, halvings: int) -> nn.Sequential:
    """Halve a picture so often, to d, 2d, ... 8d channels; batch norm after the first."""
    widths = [inside, *(width * min(1 << i, WIDEST) for i in range(halvings))]
    layers: list[nn.Module] = []
    for number, (before, after) in enumerate(pairwise(widths)):
        layers += [down(before, after, norm=number > 0), nn.LeakyReLU(LEAK)]
    return nn.Sequential(*layers)


def wide(width: int, halvings: int) -> int:
    """Return how many channels `trunk` ends with."""
    return width * min(1 << (halvings - 1), WIDEST)


def last(channels: int) -> nn.Conv2d:
    """Return the layer that makes a logit of each patch of 4x4: a map of side m has ((m - 4) / 2 + 1)^2 of them."""
    return nn.Conv2d(channels, 1, 4, 2)


class PatchCritic(nn.Module):
    """Whether the patches of a picture are real, and whether they fit the text.

    Args:
        width: d.
        size: s.
        text: E.
    """

    def __init__(self, width: int, size: int, text: int) -> None:
        super().__init__()
        halvings = min(MOST_HALVINGS, doublings(size))
        channels = wide(width, halvings)
        self.trunk = trunk(3, width, halvings)
        joint = nn.Conv2d(channels + text, channels, 3, padding=1, bias=False)
        self.joint = nn.Sequential(joint, nn.BatchNorm2d(channels), nn.LeakyReLU(LEAK), last(channels))
        self.alone = last(channels)

    def features(self, images: Tensor) -> Tensor:
        """Return the map of pictures (B, 3, s, s): (B, 8d, m, m)."""
        return self.trunk(images)

    def judge(self, features: Tensor, sentence: Tensor) -> Tensor:
        """Return a logit for each patch, given a sentence (B, E): (B, P)."""
        return self.joint(tile(sentence, features)).flatten(1)

    def judge_alone(self, features: Tensor) -> Tensor:
        """Return a logit for each patch alone: (B, P)."""
        return self.alone(features).flatten(1)


class ShapeCode(nn.Sequential):
    """A map for each label to a few channels that a picture is joined with: (B, L, s, s) to (B, d/8, s, s)."""

    def __init__(self, labels: int, width: int) -> None:
        convolution = nn.Conv2d(labels, width, 3, bias=False)
        super().__init__(nn.ReflectionPad2d(1), convolution, nn.InstanceNorm2d(width), nn.LeakyReLU(LEAK))


class ShapeCritic(nn.Module):
    """Whether a picture shows things in their shapes: pictures beside the shapes of all labels.

    Args:
        width: d.
        size: s.
        labels: L.
    """

    def __init__(self, width: int, size: int, labels: int) -> None:
        super().__init__()
        halvings, code = min(MOST_HALVINGS, doublings(size)), max(width // 8, 1)
        self.code = ShapeCode(labels, code)
        self.trunk = trunk(3 + code, width, halvings)
        self.alone = last(wide(width, halvings))

    def forward(self, images: Tensor, heat: Tensor) -> Tensor:
        """Return a logit for each patch of pictures (B, 3, s, s) with shapes (B, L, s, s): (B, P)."""
        return self.alone(self.trunk(torch.cat([images, self.code(heat)], dim=1))).flatten(1)


class ObjectCritic(nn.Module):
    """Whether each thing is real, alone and given its label and what the words say of it.

    The picture passes once; what lies in each box is read of its map (as Fast R-CNN does, Girshick 2015).

    Args:
        width: d.
        size: s.
        labels: L.
        condition: C.
        large: whether it looks at large things, on a map half as fine.
    """

    def __init__(self, width: int, size: int, labels: int, condition: int, *, large: bool) -> None:
        super().__init__()
        halvings = max(1, (size // MAP).bit_length() - 1) + large
        code, channels = max(width // 8, 1), 4 * width
        self.code = ShapeCode(labels, code)
        self.trunk = trunk(3 + code, width, halvings)
        self.region = nn.Sequential(nn.Conv2d(wide(width, halvings), channels, 4, 1, 1), nn.LeakyReLU(LEAK))  # 5 to 4
        self.read = nn.Sequential(nn.Linear(condition, width), nn.LeakyReLU(LEAK))
        joint = nn.Conv2d(channels + width, channels, 3, padding=1)
        self.joint = nn.Sequential(joint, nn.LeakyReLU(LEAK), last(channels))
        self.alone = last(channels)

    def features(self, images: Tensor, heat: Tensor, boxes: Tensor, rows: Tensor) -> Tensor:
        """Return what some of the boxes hold.

        Args:
            images: (B, 3, s, s).
            heat: (B, L, s, s), the shapes of each label.
            boxes: (B, K, 4).
            rows: (M,) which of the B K boxes.

        Returns:
            (M, 4d, 4, 4).
        """
        maps = self.trunk(torch.cat([images, self.code(heat)], dim=1))
        return self.region(regions(maps, boxes, REGION).flatten(0, 1)[rows])

    def judge(self, features: Tensor, condition: Tensor) -> Tensor:
        """Return a logit for each thing, (M, 4d, 4, 4), given its condition (M, C): (M,)."""
        return self.joint(tile(self.read(condition), features)).flatten()

    def judge_alone(self, features: Tensor) -> Tensor:
        """Return a logit for each thing alone: (M,)."""
        return self.alone(features).flatten()


def relabelled(heat: Tensor, shift: int) -> Tensor:
    """Return the same shapes under other labels, one of which is no label: (B, L, s, s).

    Args:
        heat: (B, L, s, s), the shapes of each label.
        shift: from 1 to L, how many labels further.
    """
    return F.pad(heat, (0, 0, 0, 0, 0, 1)).roll(shift, dims=1)[:, :-1]


def mean_real(logits: Tensor, weight: Tensor) -> Tensor:
    """Return the mean of -log D of weight 1; 0 where there is none."""
    return (F.softplus(-logits.float()) * weight).sum() / weight.sum().clamp(min=1)


def mean_fake(logits: Tensor, weight: Tensor) -> Tensor:
    """Return the mean of -log(1 - D) of weight 1; 0 where there is none."""
    return (F.softplus(logits.float()) * weight).sum() / weight.sum().clamp(min=1)


def patch_loss(d: PatchCritic, real: Tensor, fake: Tensor, sentence: Tensor, wrong: Tensor) -> Judged:
    """Return 1/2 [f(-u(x)) + .1 f(-c(x, s))] + 1/3 [f(u(x_hat)) + .1 f(c(x_hat, s)) + .1 f(c(x_wrong, s))].

    Args:
        d: the critic; u its head without the text, c the one with it.
        real, fake: pictures (B, 3, s, s); fakes are detached here.
        sentence: (B, E) of both, s.
        wrong: (B,) for each text the place of a real picture that it does not fit.
    """
    x, x_hat = d.features(real), d.features(fake.detach())
    alone, drawn_alone = d.judge_alone(x), d.judge_alone(x_hat)
    right, drawn, mismatched = d.judge(x, sentence), d.judge(x_hat, sentence), d.judge(x[wrong], sentence)
    loss = (bce_real(alone) + WITH_TEXT * bce_real(right)) / 2
    loss = loss + (bce_fake(drawn_alone) + WITH_TEXT * (bce_fake(drawn) + bce_fake(mismatched))) / 3
    log = {"right": right, "wrong": mismatched, "drawn": drawn, "real": alone, "drawn alone": drawn_alone}
    return Judged(loss, log)


def patch_wish(d: PatchCritic, fake: Tensor, sentence: Tensor) -> Tensor:
    """Return what the painter wants of it: f(-u(x_hat)) + .1 f(-c(x_hat, s))."""
    x_hat = d.features(fake)
    return bce_real(d.judge_alone(x_hat)) + WITH_TEXT * bce_real(d.judge(x_hat, sentence))


def shape_loss(d: ShapeCritic, real: Tensor, fake: Tensor, heat: Tensor, other: Tensor) -> Judged:
    """Return f(-D(x, m)) + 1/2 [f(D(x_hat, m)) + f(D(x, m'))].

    A picture without things has no wrong shapes, and no part in the last term.

    Args:
        d: the critic.
        real, fake: pictures (B, 3, s, s); fakes are detached here.
        heat: (B, L, s, s), m.
        other: (B, L, s, s), m', the same shapes under other labels.
    """
    right, drawn, wrong = d(real, heat), d(fake.detach(), heat), d(real, other)
    has_things = (heat.flatten(1).amax(dim=1) > 0).float()[:, None].expand_as(wrong)
    loss = bce_real(right) + (bce_fake(drawn) + mean_fake(wrong, has_things)) / 2
    return Judged(loss, {"right": right, "wrong": wrong, "drawn": drawn})


class Seen(NamedTuple):
    """What a critic of things is shown beside a picture: M things of its size in the whole batch, one at least."""

    boxes: Tensor
    """(B, K, 4)."""
    rows: Tensor
    """(M,) which of the B K boxes are looked at."""
    weight: Tensor
    """(M,) 1, or 0 for the one that is looked at where a batch has no thing of this size."""
    heat: Tensor
    """(B, L, s, s), the shapes of each label."""
    condition: Tensor
    """(M, C)."""

    @classmethod
    def of(cls, boxes: Tensor, there: Tensor, heat: Tensor, condition: Tensor) -> Seen:
        """Look at the boxes that are `there`, (B, K), given their conditions (B, K, C)."""
        rows = there.flatten().nonzero()[:, 0]
        weight = torch.ones(len(rows), device=rows.device)
        if not len(rows):
            rows, weight = rows.new_zeros(1), torch.zeros(1, device=rows.device)
        return cls(boxes, rows, weight, heat, condition.flatten(0, 1)[rows])


def object_loss(d: ObjectCritic, real: Tensor, fake: Tensor, seen: Seen, other: Tensor, others: Tensor) -> Judged:
    """Return 1/2 [f(-u(x)) + f(-c(x, y))] + 1/4 [f(u(x_hat)) + f(c(x_hat, y)) + f(c(x, y')) + f(c(x, y; m'))].

    Each term is a mean over the things of this size in the whole batch; it is 0 where there are none.

    Args:
        d: the critic; u its head without the condition, c the one with it.
        real, fake: pictures (B, 3, s, s); fakes are detached here.
        seen: boxes, whose they are, shapes m, and conditions y, which are detached here.
        other: (B, K, C), y', the conditions of other labels.
        others: (B, L, s, s), m', the same shapes under other labels.
    """
    y, w = seen.condition.detach(), seen.weight
    x = d.features(real, seen.heat, seen.boxes, seen.rows)
    x_hat = d.features(fake.detach(), seen.heat, seen.boxes, seen.rows)
    misshapen = d.features(real, others, seen.boxes, seen.rows)
    right, drawn, mislabelled = d.judge(x, y), d.judge(x_hat, y), d.judge(x, other.flatten(0, 1)[seen.rows])
    fakes = [d.judge_alone(x_hat), drawn, mislabelled, d.judge(misshapen, y)]
    loss = (mean_real(d.judge_alone(x), w) + mean_real(right, w)) / 2
    loss = loss + torch.stack([mean_fake(logits, w) for logits in fakes]).sum() / 4
    return Judged(loss, {"right": right * w, "wrong": mislabelled * w, "drawn": drawn * w})


def object_wish(d: ObjectCritic, fake: Tensor, seen: Seen) -> Tensor:
    """Return what the painter wants of it: f(-u(x_hat)) + f(-c(x_hat, y))."""
    x_hat = d.features(fake, seen.heat, seen.boxes, seen.rows)
    return mean_real(d.judge_alone(x_hat), seen.weight) + mean_real(d.judge(x_hat, seen.condition), seen.weight)
