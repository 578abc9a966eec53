"""Re-description: how well the artist's own captioner finds the caption again in the drawing (MirrorGAN's question).

Beside each figure stand the same of real pictures, and of drawings of other requests. The generator may have been
trained against this captioner, so the figures are to be read with the same care as `R-precision, own`.

Letters: N pictures, S their side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from limner import metrics
from limner.data.schema import words_of
from limner.drawing.describe import lacks_captioner
from limner.errors import UserError
from limner.evaluation.protocol import HeldOut, resized
from limner.evaluation.report import Figure
from limner.requests import Caption
from limner.system import System

if TYPE_CHECKING:
    from limner.drawing.artist import Artist

BATCH = 50
NOTE = "of what its own captioner says, by all captions"


def redescribed(held_out: HeldOut, artist: Artist, drawn: Tensor) -> dict[str, Figure]:
    """Return the figures of an artist that has a captioner, nothing of others.

    Args:
        held_out: single pictures with captions.
        artist: the artist that drew them.
        drawn: (N, 3, S, S) in [-1, 1], a drawing for the first caption of each held-out row.
    """
    if lacks_captioner(artist):
        return {}
    return _negative_log_likelihood(held_out, artist.system, drawn) | _bleu(held_out, artist.system, drawn)


def _negative_log_likelihood(held_out: HeldOut, system: System, drawn: Tensor) -> dict[str, Figure]:
    requests = [Caption(texts[0]) for texts in _captions(held_out)]

    def mean_of(images: Tensor) -> float | None:
        parts = _in_batches(system, system.caption_log_likelihood, resized(images, system.config.size), requests)
        return None if parts[0] is None else -float(torch.cat(parts).float().mean())

    of_drawn = mean_of(drawn)
    if of_drawn is None:
        return {}
    note = "nats a word of the caption that was asked for, by its own captioner"
    return {"re-described": Figure(of_drawn, mean_of(held_out.real), mean_of(drawn.roll(1, 0)), better=-1, note=note)}


def _bleu(held_out: HeldOut, system: System, drawn: Tensor) -> dict[str, Figure]:
    def sentences(images: Tensor) -> list[str]:
        parts = _in_batches(system, system.describe, resized(images, system.data_size(system.config)))
        return [_plain(text) for part in parts for text in part]

    try:
        of_drawn, of_real = sentences(drawn), sentences(held_out.real)
    except UserError:  # it has no captioner
        return {}
    references = [[_plain(text) for text in texts] for texts in _captions(held_out)]
    shuffled = [*of_drawn[-1:], *of_drawn[:-1]]
    found = dict[str, Figure]()
    for n in (4, 3, 2, 1):
        value, real, floor = (metrics.bleu(candidates, references, n) for candidates in (of_drawn, of_real, shuffled))
        found[f"re-described, BLEU-{n}"] = Figure(value, real, floor, note=NOTE)
        value, real, floor = (sentence_mean(candidates, references, n) for candidates in (of_drawn, of_real, shuffled))
        found[f"re-described, mean BLEU-{n}"] = Figure(
            value, real, floor, note=f"{NOTE}, sentence by sentence, smoothed"
        )
    return found


def sentence_mean(candidates: Sequence[str], references: Sequence[Sequence[str]], n_gram: int) -> float:
    """Return the mean of the smoothed BLEU-n of sentences, each by its own references."""
    pairs = zip(candidates, references, strict=True)
    return sum(metrics.sentence_bleu(one, some, n_gram) for one, some in pairs) / len(candidates)


def _in_batches(system: System, run: Callable[..., Any], images: Tensor, *rows: Sequence[Any]) -> list[Any]:
    """Call `run` with batches of pictures, on the system's device, and of `rows`; return its results, on the CPU."""
    results = []
    with torch.no_grad():
        for start in range(0, len(images), BATCH):
            some = slice(start, start + BATCH)
            result = run(images[some].to(system.device), *(row[some] for row in rows))
            results.append(result.cpu() if isinstance(result, Tensor) else result)
    return results


def _captions(held_out: HeldOut) -> list[tuple[str, ...]]:
    return [held_out.data.captions(int(row), "test") for row in held_out.rows]


def _plain(text: str) -> str:
    return " ".join(words_of(text))
