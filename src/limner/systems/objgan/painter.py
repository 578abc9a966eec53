"""The painter of Obj-GAN: from a sentence, labelled boxes and their shapes to pictures, stage by stage.

Sections 3.2 and 3.3 of the paper, layers of the authors' code (jamesli1618/Obj-GAN), written anew.

Letters: B pictures, K boxes, L labels, T words, D numbers of an embedded word or label, E width of a word and of the
sentence, N width of the painter, s side of a stage's pictures and h = s / 2 that of its maps, c numbers of a text's
code, Z numbers of noise. e_t the words, w_t their embeddings, y_k the label of a box.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.layers.conditioning_augmentation import ConditioningAugmentation, GaussianCode, reparameterise
from limner.blocks.layers.convolutions import LEAK
from limner.blocks.layers.tree import Head, Up
from limner.blocks.layout.maps import planes, strongest
from limner.blocks.text.attention import WordAttention
from limner.systems.objgan.words import Said, object_attention

Z, CODE = 100, 100
FIRST = 8
"""Side of the map that noise and sentence are made to at first."""


class Things(NamedTuple):
    """What is where: the layout that is painted over."""

    labels: Tensor
    """(B, K), -1 where there is no box."""
    vectors: Tensor
    """(B, K, D), y_k as a word vector; zeros where there is no box."""
    masks: Tensor
    """(B, K, S, S)."""

    def shapes(self, side: int) -> Tensor:
        """Return the masks at this side; a cell is covered as far as its fullest pixel is: (B, K, side, side)."""
        return self.masks if side == self.masks.shape[-1] else F.adaptive_max_pool2d(self.masks, side)


class Painted(NamedTuple):
    """What the painter draws, and what its losses and drafts need."""

    images: list[Tensor]
    """(B, 3, s, s) of each stage."""
    code: GaussianCode
    """Mean and log-variance (B, c) of Conditioning Augmentation."""
    grid: list[Tensor | None]
    """(B, T, h, h) of each stage: the attention of places to words; None for the first."""
    objects: Tensor
    """(B, K, T) the attention of things to words."""
    context: Tensor
    """(B, K, N) what the words say of each thing, in the last stage."""


def framed(inside: int, outside: int) -> list[nn.Module]:
    """Return a 3x3 convolution that sees the picture mirrored beyond its edge, with instance norm."""
    convolution = nn.Conv2d(inside, outside, 3, bias=False)
    return [nn.ReflectionPad2d(1), convolution, nn.InstanceNorm2d(outside)]


class HeatPath(nn.Sequential):
    """A map for each label, as large as the picture, to a map of half its side: (B, L, s, s) to (B, N, h, h)."""

    def __init__(self, labels: int, width: int) -> None:
        leaky = nn.LeakyReLU(LEAK)
        halve = nn.Conv2d(width // 2, width, 3, 2, 1, bias=False)
        super().__init__(*framed(labels, width // 2), leaky, halve, leaky)


class HmapRes(nn.Module):
    """x + f(x), f a gated convolution and one more, with instance norm: (B, C, h, h) to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(*framed(width, 2 * width), nn.GLU(dim=1), *framed(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class SentencePath(nn.Sequential):
    """Code and noise to a map: (B, c + Z) to (B, N, h, h), doubled from 8x8."""

    def __init__(self, width: int, side: int) -> None:
        widths = [width << i for i in reversed(range((side // FIRST).bit_length()))]
        start = 2 * widths[0] * FIRST * FIRST
        layers = [nn.Linear(CODE + Z, start, bias=False), nn.BatchNorm1d(start), nn.GLU(dim=1)]
        doubled = [Up(inside, outside) for inside, outside in pairwise(widths)]
        super().__init__(*layers, nn.Unflatten(1, (widths[0], FIRST, FIRST)), *doubled)


class Stage(nn.Module):
    """One stage: four maps of N channels are joined, worked over, and doubled to the map of a picture.

    They are the heat map's, the sentence's (in later stages: what the words say of each place), what the words say of
    each thing, painted into its shape, and the label of each thing, painted likewise.

    Args:
        labels, word, text, width: L, D, E, N.
        residuals: how many `HmapRes` there are.
        attends: whether things attend to words (object-driven attention).
        first: whether it is the first stage.
    """

    def __init__(
        self, labels: int, word: int, text: int, width: int, residuals: int, *, attends: bool, first: bool
    ) -> None:
        super().__init__()
        self.labels = labels
        self.heat = HeatPath(labels, width)
        self.attend = None if first else WordAttention(text, width)  # of places: AttnGAN's
        self.value = nn.Linear(text, width, bias=False) if attends else None
        self.label = nn.Linear(word, width, bias=False)
        self.body = nn.Sequential(*(HmapRes(4 * width) for _ in range(residuals)), Up(4 * width, width))
        self.head = Head(width)

    def context(self, said: Said, objects: Tensor) -> Tensor:
        """Return what the words say of each thing that attends to them (B, K, T): (B, K, N); zeros where none may."""
        if self.value is None:
            return objects.new_zeros(*objects.shape[:2], self.label.out_features)
        return objects.to(said.words.dtype) @ self.value(said.words)

    def forward(self, h: Tensor, said: Said, things: Things, objects: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        """Return the next map (B, N, s, s), the attention of places (B, T, h, h), and the context of things (B, K, N).

        Args:
            h: (B, N, h, h), the map of the sentence, or the one before.
            said: the text.
            things: the layout.
            objects: (B, K, T), the attention of things to words.
        """
        side = h.shape[-1]
        heat = self.heat(planes(things.labels, things.shapes(2 * side), self.labels))
        there = (things.labels >= 0)[..., None]
        context = self.context(said, objects) * there
        shapes = things.shapes(side)
        painted = [strongest(context, shapes), strongest(self.label(things.vectors), shapes)]
        if self.attend is None:
            maps, attention = [heat, h], None
        else:
            words, attention = self.attend(h, said.codes)
            maps = [h + heat, words]
        return self.body(torch.cat([*maps, *painted], dim=1)), attention, context


class Painter(nn.Module):
    """All stages.

    Args:
        labels, word, text, width: L, D, E, N.
        sides: of the pictures of each stage.
        residuals: of each stage.
        attends: whether things attend to words.
    """

    def __init__(
        self, labels: int, word: int, text: int, width: int, sides: Sequence[int], residuals: Sequence[int],
        *, attends: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.augment = ConditioningAugmentation(text, CODE)  # F^ca
        self.sentence = SentencePath(width, sides[0] // 2)
        self.stages = nn.ModuleList(
            Stage(labels, word, text, width, count, attends=attends, first=k == 0) for k, count in enumerate(residuals)
        )

    def forward(self, z: Tensor, epsilon: Tensor, said: Said, things: Things) -> Painted:
        """Draw from noise (B, Z), epsilon (B, c), a text and a layout."""
        code = self.augment(said.sentence)
        h = self.sentence(torch.cat([reparameterise(code, epsilon), z], dim=1))
        objects = object_attention(said, things.vectors)
        images, grid = list[Tensor](), list[Tensor | None]()
        context = h
        for stage in self.stages:
            h, attention, context = stage(h, said, things, objects)
            images.append(stage.head(h))  # type: ignore[operator]
            grid.append(attention)
        return Painted(images, code, grid, objects, context)


def spread_over(objects: Tensor, shapes: Tensor, weight: Tensor) -> Tensor:
    """Return the attention of things at the places they cover; elsewhere it is even: (B, T, h, h), 1 over the words.

    Args:
        objects: (B, K, T), the attention of each thing.
        shapes: (B, K, h, h).
        weight: (B, T), the log of each word's weight.
    """
    share = shapes / shapes.sum(dim=1, keepdim=True).clamp(min=1)
    rest = (1 - share.sum(dim=1)).clamp(min=0)
    return torch.einsum("bkt,bkhw->bthw", objects, share) + weight.softmax(dim=1)[..., None, None] * rest[:, None]
