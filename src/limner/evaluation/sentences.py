"""Measure what a system that gives texts writes, against held-out sentences, without a judge.

Sentences are compared without case and punctuation, and real ones as the artist would write them at best (cut to its
length). Held-out rows are dealt out: the sentences of every other row are what texts are compared with, those of the
rows between stand beside the artist's figures as what a perfect one would get. The floor is theirs with the words of
each in random order.
"""

from __future__ import annotations

import dataclasses
import hashlib
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from limner import metrics
from limner.data.dataset import Dataset
from limner.data.schema import words_of
from limner.errors import UserError
from limner.evaluation.report import Figure, Protocol, Report
from limner.imaging.answers import card
from limner.processes import Processes
from limner.requests import Takes
from limner.system import System, sample_drafts
from limner.worlds.build import world_of

if TYPE_CHECKING:
    from PIL.Image import Image

    from limner.drawing.artist import Artist

BATCH = 50
"""Texts at once."""
RUNS = (1, 2, 3, 4)
"""Units of the n-grams whose distributions are compared."""
Accepts = Callable[[str], bool]


@dataclass
class HeldOutSentences:
    """Held-out sentences, the same for every artist that gives texts."""

    name: str
    data: Dataset
    requests: int = 1000
    """Texts that are written, and real ones beside them."""
    seed: int = 0
    """Text i is written with seed + i."""
    processes: Processes = field(default_factory=Processes)
    accepts: Accepts | None = None
    """Tells whether a text is a sentence of the world that made the data; None where that is not known."""

    @classmethod
    def open(cls, data: str, size: int, requests: int, seed: int) -> HeldOutSentences:
        """Open a data set, whose pictures are decoded at `size` and not looked at.

        Raises:
            UserError: it has no captions, or too few held-out ones; or the seed is negative.
        """
        world = world_of(data)
        opened = Dataset.open(data, size=size)
        return cls(Path(data).stem, opened, requests, seed, accepts=getattr(world, "accepts", None))

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UserError(f"the seed is a whole number from 0, not {self.seed}")
        if not self.data.schema.captions:
            raise UserError(f"{self.name} has no captions: there is nothing that texts can be measured against")
        rows = range(self.data.length("test"))
        self.reference = [text for row in rows[::2] for text in self.data.captions(row, "test")]
        """What texts are compared with."""
        others = [text for row in rows[1::2] for text in self.data.captions(row, "test")]
        self.requests = min(self.requests, len(others))
        if self.requests < 2:
            raise UserError(f"{self.name} holds out {len(rows)} rows with captions: too few to measure texts on")
        self.real = random.Random(0).sample(others, self.requests)
        """What a perfect artist might write: as many as are written."""

    @property
    def protocol(self) -> Protocol:
        """The protocol of reports measured on this, before it is known how an artist cuts sentences."""
        return Protocol(
            data=self.name, fingerprint=self.data.fingerprint, size=self.data.schema.size, pictures=self.requests,
            reference=len(self.reference), prompts=0, seeds=0, seed=self.seed, judge="", kind="sentences",
        )  # fmt: skip

    def protocol_of(self, system: System) -> Protocol:
        """Return the protocol of a report on an artist: the sentences that its texts are compared with are part of it.

        Artists that cut sentences at different lengths share no table.
        """
        text = "\n".join(plain(system, self.reference))
        return dataclasses.replace(self.protocol, sentences=hashlib.sha256(text.encode()).hexdigest()[:12])

    def of(self, takes: Takes) -> Self:
        """Return what systems of this kind of request are measured on: the same for all."""
        return self

    def real_answers(self, count: int) -> list[Image]:
        """Return the first real sentences as pictures."""
        return [card(text) for text in self.real[:count]]


def plain(system: System, texts: Sequence[str]) -> list[str]:
    """Return texts as a system would write them, as words in lower case with spaces between."""
    return [" ".join(words_of(text)) for text in system.as_written(texts)]


def evaluate_sentences(artist: Artist, held_out: HeldOutSentences) -> Report:
    """Let an artist write as many texts as there are real ones beside them, and measure them."""
    system, data = artist.system, held_out.data
    began = time.perf_counter()
    drawn = [" ".join(words_of(text)) for text in write(system, held_out)]
    seconds = time.perf_counter() - began
    reference, real = plain(system, held_out.reference), plain(system, held_out.real)
    rows = range(data.length())
    known = set(plain(system, [text for row in rows for text in data.captions(row)]))
    figures = sentence_figures(drawn, real, reference, known, held_out.accepts)
    figures["ms a sentence"] = Figure(1000 * seconds / len(drawn), better=0)
    whole = sum(" ".join(words_of(text)) == cut for text, cut in zip(held_out.real, real, strict=True))
    flags = [] if whole == len(real) else [
        f"{1 - whole / len(real):.1%} of the real sentences are longer than this artist writes, and were cut."
    ]  # fmt: skip
    trained: Mapping[str, Any] = artist.record.get("trained", {})
    return Report(artist.name, artist.record["system"], held_out.protocol_of(system), figures, {}, trained, flags)


def write(system: System, held_out: HeldOutSentences) -> list[str]:
    """Write a text for each held-out request, with its own seed.

    Raises:
        UserError: the system gives no texts.
    """
    found: list[str] = []
    requests = held_out.data.requests(system.takes, held_out.requests, "test", most_things=system.most_things)
    for start in range(0, len(requests), BATCH):
        some = requests[start : start + BATCH]
        *_, final = sample_drafts(system, some, range(held_out.seed + start, held_out.seed + start + len(some)))
        if final.text is None:
            raise UserError("this artist writes no texts")
        found += final.text
    return found


def sentence_figures(
    drawn: Sequence[str], real: Sequence[str], reference: Sequence[str], known: set[str], accepts: Accepts | None = None
) -> dict[str, Figure]:
    """Return all figures of written sentences; words in lower case, with spaces between.

    Args:
        drawn: N sentences.
        real: N held-out ones.
        reference: other held-out ones.
        known: those of the training set.
        accepts: tells whether a sentence is one of the world that made the data.
    """
    chance = random.Random(0)
    mixed = [" ".join(chance.sample(words, len(words))) for words in (one.split() for one in real)]
    three = drawn, real, mixed
    found: dict[str, Figure] = {}
    for unit, split in (("words", str.split), ("letters", list)):
        theirs = [split(one) for one in reference]
        for n in RUNS:
            value, best, floor = (metrics.jensen_shannon([split(one) for one in some], theirs, n) for some in three)
            note = "of n-grams: 0 equal, 1 nothing in common"
            found[f"JSD-{n}[{unit}]"] = Figure(value, best, floor, better=-1, note=note)
    for n in RUNS[1:]:
        value, best, floor = (metrics.bleu_against(some, reference, n) for some in three)
        found[f"BLEU-{n}"] = Figure(value, best, floor)
    found["self-BLEU-4"] = Figure(
        metrics.self_bleu(drawn), metrics.self_bleu(real), better=0, note="more is more alike; read it beside the real"
    )
    found["novel"] = Figure(
        metrics.novelty(drawn, known), metrics.novelty(real, known), better=0, note="share not in the training set"
    )
    if accepts is not None:
        value, best, floor = (sum(map(accepts, some)) / len(some) for some in three)
        low, high = metrics.interval(value, len(drawn))
        found["grammatical"] = Figure(value, best, floor, low, high, note="sentences of the world that made the data")
    return found
