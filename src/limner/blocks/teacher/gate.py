"""The gate of a teacher: can it tell a true caption from the same with one thing changed, thing by thing?

A generator cannot learn a part that its teacher is blind to, so this is measured before the game begins, on held-out
pictures, through the blur and noise in which drawings are scored:

    prefers X     share of one-word edits that change what the text says of X, for which the picture agrees more with
                  the true caption than with the changed one
    reads X       share of captions speaking of X in which the text encoder names the right value (data with attributes)
    rewording     distance of the conditions of two captions of one picture that say the same
    one change    distance of the conditions of a caption and its edit, the smallest of all things' means

The first two should be nearly 1, the third much smaller than the fourth.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from limner.blocks.losses.differentiable_augmentation import hazy
from limner.blocks.modes import evaluating
from limner.blocks.teacher.properties import agreement, contradicts
from limner.data.views import joined

if TYPE_CHECKING:
    from limner.blocks.teacher.teacher import Teacher
    from limner.data.dataset import Dataset

PICTURES = 1_000
"""Held-out pictures that are looked at."""
FEWEST = 20
"""A thing with fewer cases than this is not judged."""
A_TIME = 100
"""Pictures that are encoded at once."""


@torch.no_grad()
def gate(teacher: Teacher, data: Dataset) -> dict[str, float]:
    """Measure a teacher, whose edits were found, on the first 1,000 held-out pictures (of few data: training ones).

    Returns:
        shares and distances by name, see above; things with fewer than 20 cases are left out, and `prefers` and
        `reads` are the means over things.
    """
    split = "test" if data.length("test") >= FEWEST else "train"
    preferred: dict[str, list[bool]] = defaultdict(list)
    right: dict[str, list[bool]] = defaultdict(list)
    moved: dict[str, list[float]] = defaultdict(list)
    reworded: list[float] = []
    device = teacher.sharpness.device
    with evaluating(teacher), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        count = min(PICTURES, data.length(split))
        for start in range(0, count, A_TIME):
            rows = range(start, min(start + A_TIME, count))
            images = data.pictures(rows, split).to(device).float().div(127.5).sub(1)
            pictures = teacher.named(teacher.features(hazy(images)))
            captions = [data.captions(row, split) for row in rows]
            _edits(teacher, pictures, captions, preferred, moved)
            if not teacher.properties.by_phrases:
                _reading(teacher, data, rows, split, right)
                reworded += _rewordings(teacher, captions, data.mentions(rows, split))
    found = _shares("prefers", preferred) | _shares("reads", right)
    if len(reworded) >= FEWEST:
        found["rewording"] = sum(reworded) / len(reworded)
    if changes := [sum(some) / len(some) for some in moved.values() if len(some) >= FEWEST]:
        found["one change"] = min(changes)
    return found


def _shares(what: str, cases: dict[str, list[bool]]) -> dict[str, float]:
    shares = {f"{what} {name}": sum(some) / len(some) for name, some in sorted(cases.items()) if len(some) >= FEWEST}
    return ({what: sum(shares.values()) / len(shares)} if shares else {}) | shares


def _edits(
    teacher: Teacher,
    pictures: Tensor,
    captions: list[tuple[str, ...]],
    preferred: dict[str, list[bool]],
    moved: dict[str, list[float]],
) -> None:
    """Add the cases of one edit of each caption of each picture."""
    pairs = [(place, text) for place, texts in enumerate(captions) for text in texts]
    edited = teacher.edit([text for _, text in pairs])
    cases = [(place, text, other) for (place, text), other in zip(pairs, edited, strict=True) if other is not None]
    if not cases:
        return
    places, texts, others = zip(*cases, strict=True)
    unsaid, at = teacher.properties.unsaid, torch.tensor(places)
    pooled = teacher.text.pooled(texts), teacher.text.pooled(others)
    true, false = (teacher.read(states) for states in pooled)
    better = agreement(true, pictures[at], unsaid) > agreement(false, pictures[at], unsaid)
    far = rms(teacher.condition(pooled[0]) - teacher.condition(pooled[1]))
    for case, thing in contradicts(false, true, teacher.properties).nonzero().tolist():
        name = teacher.properties.name_of(thing)
        preferred[name].append(bool(better[case]))
        moved[name].append(float(far[case]))


def _reading(teacher: Teacher, data: Dataset, rows: range, split: str, right: dict[str, list[bool]]) -> None:
    """Add, for each attribute that a picture's joined captions speak of, whether it is read rightly."""
    texts = [joined(data.captions(row, split)) for row in rows]
    mentioned = torch.stack([spoken.any(dim=0) for spoken in data.mentions(rows, split)])
    true = data.attributes(rows, split)
    read = teacher.read(teacher.text.pooled(texts)).argmax(dim=2).cpu()
    for row, thing in (mentioned & (true >= 0)).nonzero().tolist():
        right[teacher.properties.name_of(thing)].append(bool(read[row, thing] == true[row, thing]))


def _rewordings(teacher: Teacher, captions: list[tuple[str, ...]], mentions: list[Tensor]) -> list[float]:
    """Return the distances of conditions of two captions of one picture that speak of the same attributes."""
    pairs = [
        (texts[i], texts[j])
        for texts, spoken in zip(captions, mentions, strict=True)
        for i, j in itertools.combinations(range(len(texts)), 2)
        if texts[i] != texts[j] and bool((spoken[i] == spoken[j]).all())
    ]
    if not pairs:
        return []
    first, second = (teacher.condition(teacher.text.pooled(side)) for side in zip(*pairs, strict=True))
    return rms(first - second).tolist()


def rms(x: Tensor) -> Tensor:
    """Return the root mean square of each row of (B, N): (B,)."""
    return x.square().mean(dim=1).sqrt()
