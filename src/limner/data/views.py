"""Views: the nouns of data that a training step reads. Each is one small frozen dataclass with a row a picture."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import torch
from torch import Tensor

from limner.data.schema import Schema
from limner.requests.dialogue import Turns

Rows = Sequence[int] | np.ndarray


class Readable(Protocol):
    """What views ask of a data set; `limner.data.dataset.Dataset` is one."""

    def length(self, split: str = "train") -> int:
        """Return the number of rows of a split."""

    def paired(self, share: float, split: str = "train") -> np.ndarray:
        """Return the rows whose captions are read where only a share of them is: int64 (P,)."""

    def pictures(self, rows: Rows, split: str = "train") -> Tensor:
        """Return pictures as bytes: uint8 (B, 3, S, S)."""

    def captions(self, row: int, split: str = "train") -> tuple[str, ...]:
        """Return all captions of one row."""

    def label(self, row: int, split: str = "train") -> int:
        """Return the number of the label of one row, -1 where it has none."""

    def attributes(self, rows: Rows, split: str = "train") -> Tensor:
        """Return numbers of attribute values, -1 where not known: int64 (B, A)."""

    def mentions(self, rows: Rows, split: str = "train") -> list[Tensor]:
        """Return which attributes each caption of each row mentions: bool (K, A) of each row."""

    def stories(self, split: str = "train") -> np.ndarray:
        """Return the rows of each story in the order of its frames: int64 (N, T)."""

    def embeddings(self, rows: Rows, split: str = "train") -> list[np.ndarray]:
        """Return the sentence vectors that came with the captions of rows: float32 (K, D) of each."""

    def layouts(self, rows: Rows, split: str = "train") -> tuple[tuple[str, ...], Tensor, Tensor]:
        """Return what labels are called, labels (B, K), -1 where there is no box, and boxes (B, K, 4)."""

    def foreground(self, rows: Rows, split: str = "train") -> tuple[Tensor, Tensor]:
        """Return masks of what stands before the ground, uint8 (B, 1, S, S), and whether they are known: bool (B,)."""

    def scenes(self, rows: Rows, split: str = "train", most: int = 0, side: int = 0) -> tuple[Tensor, ...]:
        """Return labels (B, K), boxes (B, K, 4), masks uint8 (B, K, s, s), and whose masks are their own: (B, K)."""

    def descriptions(self, rows: Rows, split: str = "train") -> list[str | None]:
        """Return what the column `description` says of each row, None where it says nothing."""

    @property
    def schema(self) -> Schema:
        """Return what the data set holds."""

    def dialogues(self, rows: Rows, split: str = "train") -> tuple[Turns, ...]:
        """Return the turns of the dialogue about each row."""


@dataclass(frozen=True)
class View:
    """Base of all views: gathered from rows of a data set on the CPU, then moved as a whole to a device."""

    needs: ClassVar[frozenset[str]] = frozenset()
    """Columns that the view reads."""
    masks_side: ClassVar[int] = 0
    """Side of the masks that it reads; 0 for that of the pictures."""

    @classmethod
    def gather(cls, data: Readable, rows: Rows, rng: np.random.Generator, split: str = "train") -> Self:
        """Read `rows` of `split`; what is random (which caption, which partner) comes from `rng` alone."""
        raise NotImplementedError

    @classmethod
    def available(cls, data: Readable) -> int:
        """Return how many rows of the training split there are for a batch of this view."""
        return data.length("train")

    def to(self, device: torch.device | str) -> Self:
        """Move every tensor; pictures become floats in [-1, 1] there, so that bytes travel."""
        moved = {
            f.name: _moved(value, device)
            for f in dataclasses.fields(self)
            if isinstance(value := getattr(self, f.name), Tensor)
        }
        return dataclasses.replace(self, **moved)


def fields_of(view: View) -> dict[str, Any]:
    """Return what a view holds by name, for a view that holds it and more."""
    return {field.name: getattr(view, field.name) for field in dataclasses.fields(view)}


def _moved(value: Tensor, device: torch.device | str) -> Tensor:
    value = value.to(device, non_blocking=True)
    return value.float().div_(127.5).sub_(1) if value.dtype is torch.uint8 else value


@dataclass(frozen=True)
class Pictures(View):
    """Pictures without anything else."""

    needs: ClassVar[frozenset[str]] = frozenset({"image"})
    images: Tensor
    """(B, 3, S, S); bytes when gathered, floats in [-1, 1] in a step."""

    @classmethod
    def gather(cls, data: Readable, rows: Rows, rng: np.random.Generator, split: str = "train") -> Self:
        """Read the pictures of `rows`."""
        return cls(images=data.pictures(rows, split))


@dataclass(frozen=True)
class Labelled(View):
    """Pictures with labels and attributes, with captions or without."""

    needs: ClassVar[frozenset[str]] = frozenset({"image"})
    images: Tensor
    """(B, 3, S, S); bytes when gathered, floats in [-1, 1] in a step."""
    labels: Tensor
    """(B,) number of each picture's label, -1 where it has none."""
    attributes: Tensor
    """(B, A) number of each attribute's value, -1 where not known or not visible."""

    @classmethod
    def gather(cls, data: Readable, rows: Rows, rng: np.random.Generator, split: str = "train") -> Self:
        """Read `rows`."""
        labels = torch.tensor([data.label(row, split) for row in rows])
        return cls(images=data.pictures(rows, split), labels=labels, attributes=data.attributes(rows, split))


@dataclass(frozen=True)
class Pairs(View):
    """Pictures and their captions."""

    needs: ClassVar[frozenset[str]] = frozenset({"image", "text"})
    images: Tensor
    """(B, 3, S, S); bytes when gathered, floats in [-1, 1] in a step."""
    captions: tuple[tuple[str, ...], ...]
    """All captions of each picture."""
    texts: tuple[str, ...]
    """One caption of each picture, drawn at random."""
    rows: Tensor
    """(B,) row of each picture in its split, for tables made by `Phase.on_enter`."""
    wrong: Tensor
    """(B,) for each picture, the place in this batch of one that its text does not fit (another label, other words)."""
    labels: Tensor
    """(B,) number of each picture's label, -1 where it has none."""
    attributes: Tensor
    """(B, A) number of each attribute's value, -1 where not known or not visible."""

    @classmethod
    def gather(cls, data: Readable, rows: Rows, rng: np.random.Generator, split: str = "train") -> Self:
        """Read `rows`, draw a caption for each and choose each one's mismatched partner."""
        captions = tuple(data.captions(row, split) for row in rows)
        labels = torch.tensor([data.label(row, split) for row in rows])
        return cls(
            images=data.pictures(rows, split),
            captions=captions,
            texts=tuple(_one(many, rng) for many in captions),
            rows=torch.as_tensor(np.asarray(rows, dtype=np.int64)),
            wrong=torch.tensor(partners(captions, labels.tolist())),
            labels=labels,
            attributes=data.attributes(rows, split),
        )


JOINED = 3
"""Most captions of one picture that are joined to one text."""


@dataclass(frozen=True)
class Described(Pairs):
    """Pictures and texts of them; half of the texts are two or three captions of the picture joined.

    Captions alone hardly ever speak of many things at once; people do.
    """

    mentioned: Tensor
    """bool (B, A), which attributes each of `texts` speaks of."""

    @classmethod
    def gather(cls, data: Readable, rows: Rows, rng: np.random.Generator, split: str = "train") -> Self:
        """Read `rows` and join captions of half of them."""
        pairs = Pairs.gather(data, rows, rng, split)
        mentions = data.mentions(rows, split)
        texts, mentioned = [], []
        for captions, spoken in zip(pairs.captions, mentions, strict=True):
            most = min(JOINED, len(captions))
            count = int(rng.integers(2, most + 1)) if most > 1 and rng.random() < 0.5 else 1
            chosen = rng.choice(len(captions), size=count, replace=False)
            texts.append(joined([captions[k] for k in chosen]))
            mentioned.append(spoken[chosen].any(dim=0))
        return cls(**(fields_of(pairs) | {"texts": tuple(texts), "mentioned": torch.stack(mentioned)}))


def joined(captions: Sequence[str]) -> str:
    """Join captions to one text of several sentences."""
    return ". ".join(caption.rstrip(" .") for caption in captions) if len(captions) > 1 else captions[0]


@dataclass(frozen=True)
class Stories(View):
    """Two streams of one size each: single frames with the story around them, and other stories whole.

    Letters: B frames, N stories, T frames of a story, S the side, A attributes.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"image", "text", "story", "frame"})
    whole: ClassVar[float] = 0.5
    """Share of all pictures that come as whole stories; `streams` sets it."""
    images: Tensor
    """(B, 3, S, S) single frames; bytes when gathered, floats in [-1, 1] in a step."""
    strips: Tensor
    """(N, T, 3, S, S) whole stories."""
    lines: tuple[tuple[str, ...], ...]
    """The T sentences of the story of each single frame, then those of each whole story: B + N; one wording each."""
    frames: Tensor
    """(B,) place of each single frame in its story, from 0."""
    wrong: Tensor
    """(B + N,) for each, the place in its own stream of a frame, or story, that its text does not fit."""
    attributes: Tensor
    """(B, A) number of each attribute's value in the single frames, -1 where not known."""

    @classmethod
    def gather(cls, data: Readable, rows: Rows, rng: np.random.Generator, split: str = "train") -> Self:
        """Take whole stories for the first rows and one frame of the story for each of the others.

        `len(rows)` is the number of pictures, B + N T.
        """
        chosen, count = cls.chosen(data, rows, split)
        length = len(chosen[0])
        places = rng.integers(length, size=len(chosen) - count)
        pairs = zip(chosen[count:], places, strict=True)
        single = np.array([story[place] for story, place in pairs], dtype=np.int64)
        lines = [tuple(_one(data.captions(row, split), rng) for row in story) for story in chosen]
        frame_lines = [(lines[count + i][place],) for i, place in enumerate(places)]
        none = [-1] * len(chosen)
        wrong = partners(frame_lines, none[count:]) + partners(lines[:count], none[:count])
        strips = data.pictures(np.concatenate(chosen[:count]), split)
        return cls(
            images=data.pictures(single, split),
            strips=strips.unflatten(0, (count, length)),
            lines=tuple(lines[count:] + lines[:count]),
            frames=torch.from_numpy(places),
            wrong=torch.tensor(wrong),
            attributes=data.attributes(single, split),
        )

    @classmethod
    def chosen(cls, data: Readable, rows: Rows, split: str) -> tuple[list[np.ndarray], int]:
        """Return the rows of each story, N whole ones first and then those of B single frames, and N."""
        stories = data.stories(split)
        length = stories.shape[1]
        count = max(round(len(rows) * cls.whole / length), 1)
        picked = np.asarray(rows)[: len(rows) - count * (length - 1)]  # of N stories one row each, and B more
        return [stories[row % len(stories)] for row in picked], count


@dataclass(frozen=True)
class Layouts(View):
    """Labelled boxes without their pictures, of which none is read. K is the most boxes of a row."""

    needs: ClassVar[frozenset[str]] = frozenset({"boxes"})
    labels: Tensor
    """(B, K) numbers of labels in `names`, -1 where there is no box."""
    boxes: Tensor
    """(B, K, 4) x, y, width and height in shares of the picture; zeros where there is no box."""
    names: tuple[str, ...]
    """What labels are called."""

    @classmethod
    def gather(cls, data: Readable, rows: Rows, rng: np.random.Generator, split: str = "train") -> Self:
        """Read the boxes of `rows`, in the order of the data."""
        names, labels, boxes = data.layouts(rows, split)
        return cls(labels=labels, boxes=boxes, names=names)


@dataclass(frozen=True)
class Scenes(Layouts):
    """Pictures, what is said of them, and what is where: labelled boxes with their masks.

    Letters: B pictures, S the side, K boxes at most, s `masks_side`, or S where that is 0.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"image", "text", "boxes", "masks"})
    most: ClassVar[int] = 0
    """K, the largest boxes first; 0 for all boxes, as they come. `scenes` sets it."""
    images: Tensor
    """(B, 3, S, S); bytes when gathered, floats in [-1, 1] in a step."""
    texts: tuple[str, ...]
    """The description of each picture; one caption, drawn at random, where there is none."""
    masks: Tensor
    """(B, K, s, s) the share of each pixel that a thing covers, in [0, 1]; zeros where there is no box."""
    shaped: Tensor
    """bool (B, K) whether a thing has a mask of its own; otherwise its box is filled."""

    @classmethod
    def gather(cls, data: Readable, rows: Rows, rng: np.random.Generator, split: str = "train") -> Self:
        """Read `rows`."""
        labels, boxes, masks, shaped = data.scenes(rows, split, cls.most, cls.masks_side)
        said = zip(rows, data.descriptions(rows, split), strict=True)
        return cls(
            labels=labels,
            boxes=boxes,
            names=data.schema.things,
            images=data.pictures(rows, split),
            texts=tuple(text or _one(data.captions(row, split), rng) for row, text in said),
            masks=masks.float().div_(255),
            shaped=shaped,
        )


@functools.cache
def scenes(most: int, side: int = 0) -> type[Scenes]:
    """Return the view of the `most` largest things of a picture, with masks of `side` pixels (0: as the pictures)."""
    return type("Scenes", (Scenes,), {"most": most, "masks_side": side, "__doc__": Scenes.__doc__})


@functools.cache
def streams(frames: int, pictures: int) -> type[Stories]:
    """Return the view that gives single frames and whole stories as `frames` to `pictures` pictures."""
    return type("Stories", (Stories,), {"whole": pictures / (frames + pictures), "__doc__": Stories.__doc__})


@dataclass(frozen=True)
class Paired(Pairs):
    """Pictures and captions of a share of the rows; the captions of the others are never read.

    `rows` count among those that are paired: any number is one of them, cyclically. `paired` sets the share.
    """

    share: ClassVar[float] = 1.0
    """Share of the rows that come with their captions, chosen by the content of their pictures."""

    @classmethod
    def gather(cls, data: Readable, rows: Rows, rng: np.random.Generator, split: str = "train") -> Self:
        """Read the paired rows that `rows` stand for."""
        own = data.paired(cls.share, split)
        return super().gather(data, own[np.asarray(rows, dtype=np.int64) % len(own)], rng, split)

    @classmethod
    def available(cls, data: Readable) -> int:
        """Return how many rows are paired."""
        return len(data.paired(cls.share))


@functools.cache
def paired(share: float) -> type[Pairs]:
    """Return the view of the pairs of a share of the rows; of all rows it is `Pairs`."""
    return Pairs if share == 1 else type("Paired", (Paired,), {"share": share, "__doc__": Paired.__doc__})


@dataclass(frozen=True)
class Halves(Paired):
    """Half of the rows as pictures without captions, the other half as pairs, of which there may be few."""

    unpaired: Tensor
    """(U, 3, S, S) pictures of any rows; bytes when gathered, floats in [-1, 1] in a step."""

    @classmethod
    def gather(cls, data: Readable, rows: Rows, rng: np.random.Generator, split: str = "train") -> Self:
        """Read the pictures of the first half of `rows`, and pairs for the other."""
        half = len(rows) // 2
        pairs = paired(cls.share).gather(data, rows[half:], rng, split)
        return cls(**fields_of(pairs), unpaired=data.pictures(rows[:half], split))

    @classmethod
    def available(cls, data: Readable) -> int:
        """Return twice the number of rows that are paired: as many pictures come without."""
        return min(data.length("train"), 2 * len(data.paired(cls.share)))


@functools.cache
def halves(share: float) -> type[Halves]:
    """Return the view of pictures without captions and of the pairs of a share of the rows."""
    return type("Halves", (Halves,), {"share": share, "__doc__": Halves.__doc__})


def _one(captions: tuple[str, ...], rng: np.random.Generator) -> str:
    return captions[rng.integers(len(captions))]


def partners(captions: Sequence[tuple[str, ...]], labels: Sequence[int], dialogues: Sequence[Turns] = ()) -> list[int]:
    """Choose for each place the next one in the batch, cyclically, whose label or, without labels, captions differ.

    Where there are dialogues these differ, too.
    """
    count = len(captions)

    def differs(i: int, j: int) -> bool:
        if labels[i] >= 0 <= labels[j]:
            return labels[i] != labels[j]
        return captions[i] != captions[j] and (not dialogues or not dialogues[i] or dialogues[i] != dialogues[j])

    return [
        next((j for k in range(1, count) if differs(i, j := (i + k) % count)), (i + 1) % count) for i in range(count)
    ]


@dataclass(frozen=True)
class Sentences(View):
    """Captions without their pictures, of which none is read."""

    needs: ClassVar[frozenset[str]] = frozenset({"text"})
    texts: tuple[str, ...]
    """One caption of each of B rows, drawn at random."""

    @classmethod
    def gather(cls, data: Readable, rows: Rows, rng: np.random.Generator, split: str = "train") -> Self:
        """Draw a caption for each of `rows`."""
        return cls(texts=tuple(_one(data.captions(int(row), split), rng) for row in rows))


@dataclass(frozen=True)
class Dialogues(Pairs):
    """Pictures, their captions, and the dialogues about them; `wrong` is a picture that neither fits."""

    needs: ClassVar[frozenset[str]] = frozenset({"image", "text", "dialogue"})
    turns: tuple[Turns, ...]
    """The questions about each picture with their answers, in their order."""

    @classmethod
    def gather(cls, data: Readable, rows: Rows, rng: np.random.Generator, split: str = "train") -> Self:
        """Read `rows`, draw a caption for each and choose each one's mismatched partner."""
        pairs, turns = Pairs.gather(data, rows, rng, split), data.dialogues(rows, split)
        wrong = torch.tensor(partners(pairs.captions, pairs.labels.tolist(), turns))
        return cls(**(fields_of(pairs) | {"wrong": wrong, "turns": turns}))
