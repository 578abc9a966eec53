"""Does attention fall on the right part? Share of a word's attention inside the part that it names.

    python benchmarks/attention.py CHECKPOINT --data data/avatars64 -n 1000

For held-out captions of the avatars world: of all the attention that a word such as "glasses" gets over the drawing
(its map of `Draft.attention`, at the last draft that has one), how much lies inside the box of that part. Beside it
stand the share that attention spread evenly would have there, box area over picture area, and that of the other words
of the same captions: what lies in the middle anyway, whatever the word. The ratio to the even share has a bootstrap
interval over captions.

Boxes are those of the real held-out picture of the caption, while attention is over another one, which the system drew.
That is fair as far as avatars go: all stand in one frame with their parts in nearly the same places, and a part that a
caption names has the same kind in both. But a part that is drawn elsewhere, or not at all, counts as missed. Boxes are
wide (hair, a box around hanging hair, takes most of the picture), so a ratio is bounded by one over the even share.
One line is appended to results/attention.jsonl.
"""

from __future__ import annotations

import argparse
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from independent import record
from PIL import Image
from tables import attention_table
from torch import Tensor

import limner
from limner.data.dataset import Dataset
from limner.data.schema import words_of
from limner.noise import RowNoise
from limner.requests import Caption
from limner.system import System

NAMED = {
    "glasses": "glasses spectacles sunglasses shades eyepatch",
    "hair": "hair afro bob bun dreadlocks dreads braids mohawk quiff pixie",
    "hat": "hat beanie turban hijab headscarf",
    "facial hair": "beard moustache mustache",
    "eyes": "eyes",
    "mouth": "mouth smile smiling grin grinning tongue",
    "clothing": "hoodie sweatshirt shirt tee sweater jumper blazer jacket suit tie",
    "face": "skin",
}
"""Parts, by the labels of their boxes, and the words that name them."""
PART_OF = {word: part for part, words in NAMED.items() for word in words.split()}
FEWEST = 20
"""Captions without which a word has no row."""
Box = Sequence[float]


class Seen(NamedTuple):
    """What one word of one caption shows."""

    word: str
    inside: float
    even: float
    others: float


def covered(box: Box, side: float, height: int, width: int) -> Tensor:
    """Return how much of each place of a map a box takes: (height, width) in [0, 1].

    `box` is left, top, width, height in pixels of a picture of `side` pixels; what lies outside the picture is cut off.
    """
    left, top, wide, high = (number / side for number in box)

    def along(start: float, length: float, cells: int) -> Tensor:
        edges = torch.linspace(0, 1, cells + 1, dtype=torch.float64)
        return (edges[1:].clamp_max(start + length) - edges[:-1].clamp_min(start)).clamp_min(0) * cells

    return torch.outer(along(top, high, height), along(left, wide, width))


def inside(attention: Tensor, box: Box, side: float) -> tuple[float, float]:
    """Return the share of a map (h, w) that lies in a box, and the share that an even map would have there."""
    cover = covered(box, side, *attention.shape)
    attention = attention.double()
    return float((attention * cover).sum() / attention.sum()), float(cover.mean())


def judged(text: str, attention: Tensor, boxes: Mapping[str, Box], side: float) -> Iterator[Seen]:
    """Judge the maps (T, h, w) of a caption's words by boxes, named by their parts."""
    words = words_of(text)[: len(attention)]
    for word in dict.fromkeys(words):
        part = PART_OF.get(word)
        if part is None or part not in boxes:
            continue
        own = attention[[t for t, other in enumerate(words) if other == word]].sum(0)
        rest = [t for t, other in enumerate(words) if PART_OF.get(other) != part]
        share, even = inside(own, boxes[part], side)
        others = [inside(attention[t], boxes[part], side)[0] for t in rest]
        yield Seen(word, share, even, float(np.mean(others)) if others else even)


def drawn(system: System, captions: Sequence[str], batch: int = 16) -> Iterator[Tensor]:
    """Draw caption i with seed i and yield the attention of each, (T, h, w), of the last draft that has one."""
    for start in range(0, len(captions), batch):
        some = [Caption(text) for text in captions[start : start + batch]]
        drafts = system.sample(some, system.Knobs(), RowNoise(range(start, start + len(some))))
        maps = [draft.attention for draft in drafts if draft.attention is not None]
        yield from maps[-1].float().cpu()


def side_of(data: Dataset) -> int:
    """Return the side of the pictures that boxes are told in, in pixels."""
    cell = data.column("image", [0], "test")[0]
    return int(Image.open(io.BytesIO(cell["bytes"])).width)


def interval(seen: Sequence[Seen], draws: int = 2000) -> list[float]:
    """Return the 95 % bootstrap interval, over captions, of the ratio to the even share."""
    rng = np.random.default_rng(0)
    shares, even = np.array([one.inside for one in seen]), np.array([one.even for one in seen])
    picked = rng.integers(len(seen), size=(draws, len(seen)))
    return np.quantile(shares[picked].mean(1) / even[picked].mean(1), [0.025, 0.975]).round(3).tolist()


def summed_up(found: Sequence[Seen]) -> dict[str, dict[str, Any]]:
    """Return the figures of each word that enough captions have, words of one part together."""
    of: dict[str, list[Seen]] = defaultdict(list)
    for one in found:
        of[one.word].append(one)
    figures = {}
    for word, seen in ((word, of[word]) for word in PART_OF if len(of[word]) >= FEWEST):
        share, even, others = (float(np.mean(column)) for column in list(zip(*seen, strict=True))[1:])
        figures[word] = {
            "part": PART_OF[word],
            "captions": len(seen),
            "inside": round(share, 4),
            "even": round(even, 4),
            "others": round(others, 4),
            "ratio": round(share / even, 3),
            "interval": interval(seen),
        }
    return figures


def main() -> None:
    """Measure one checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", help="a bundled name, a folder or a run")
    parser.add_argument("--data", required=True, help="avatars, with the boxes of their parts")
    parser.add_argument("-n", type=int, default=1000, help="held-out captions, at most")
    parser.add_argument("--results", default="attention", help="file in results/ that gets the line")
    options = parser.parse_args()
    artist = limner.load(options.checkpoint, device="cpu")
    if "attention" not in artist.system.gives:
        parser.error(f"{artist.record['system']} gives no attention")
    data = Dataset.open(options.data, size=artist.system.config.size)
    rows = range(min(options.n, data.length("test")))
    captions, side = [data.captions(row, "test")[0] for row in rows], side_of(data)
    found: list[Seen] = []
    for text, attention, parts in zip(
        captions, drawn(artist.system, captions), data.column("boxes", rows, "test"), strict=True
    ):
        found += judged(text, attention, {part["label"]: part["box"] for part in parts}, side)
    numbers: dict[str, Any] = {
        "system": artist.record["system"],
        "artist": options.checkpoint,
        "trained": artist.record["trained"],
        "captions": len(captions),
        "words": summed_up(found),
    }
    record(options.results, **numbers)
    print(attention_table(numbers))


if __name__ == "__main__":
    main()
