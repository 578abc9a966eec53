"""Whether drawings can be described again: what the artist's own captioner makes of them (MirrorGAN's question).

Beside each figure stands what the same captioner makes of the real pictures, and of the drawings of other requests. It
is the captioner the generator may have been trained against, so read the figures as `R-precision, own` is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from limner import metrics
from limner.data.schema import words_of
from limner.drawing.looking import lacks_captioner
from limner.errors import UserError
from limner.evaluation.protocol import Exam, resized
from limner.evaluation.report import Figure
from limner.requests import Caption
from limner.system import System

if TYPE_CHECKING:
    from limner.drawing.artist import Artist

BATCH = 50


def redescribed(exam: Exam, artist: Artist, drawn: Tensor) -> dict[str, Figure]:
    """Return the figures of an artist with a captioner, nothing of others.

    Args:
        exam: of single pictures with captions.
        artist: who drew.
        drawn: (N, 3, S, S) in [-1, 1], a drawing for each first caption of the exam's rows.
    """
    if lacks_captioner(artist):
        return {}
    return _nats(exam, artist.system, drawn) | _bleu(exam, artist.system, drawn)


def _nats(exam: Exam, system: System, drawn: Tensor) -> dict[str, Figure]:
    requests = [Caption(texts[0]) for texts in _captions(exam)]

    def surprise(images: Tensor) -> float | None:
        found = _batches(system, resized(images, system.config.size), system.caption_log_likelihood, requests)
        return None if found[0] is None else -float(torch.cat(found).float().mean())

    mine = surprise(drawn)
    if mine is None:
        return {}
    note = "nats a word of the caption that was asked for, by its own captioner"
    return {"re-described": Figure(mine, surprise(exam.real), surprise(drawn.roll(1, 0)), better=-1, note=note)}


def _bleu(exam: Exam, system: System, drawn: Tensor) -> dict[str, Figure]:
    def told(images: Tensor) -> list[str]:
        parts = _batches(system, resized(images, system.data_size(system.config)), system.describe)
        return [_plain(text) for part in parts for text in part]

    try:
        mine, ideal = told(drawn), told(exam.real)
    except UserError:  # it has no captioner
        return {}
    right = [[_plain(text) for text in texts] for texts in _captions(exam)]
    three = metrics.bleu(mine, right), metrics.bleu(ideal, right), metrics.bleu([*mine[-1:], *mine[:-1]], right)
    return {"re-described, BLEU-4": Figure(*three, note="of what its own captioner says, by all captions")}


def _batches(system: System, images: Tensor, look: Callable[..., Any], *rows: Sequence[Any]) -> list[Any]:
    """Call `look` with some pictures at a time, where the system is, and with their rows; bring tensors back."""
    where = system.device
    found = []
    with torch.no_grad():
        for start in range(0, len(images), BATCH):
            some = slice(start, start + BATCH)
            seen = look(images[some].to(where), *(row[some] for row in rows))
            found.append(seen.cpu() if isinstance(seen, Tensor) else seen)
    return found


def _captions(exam: Exam) -> list[tuple[str, ...]]:
    return [exam.data.captions(int(row), "test") for row in exam.rows]


def _plain(text: str) -> str:
    return " ".join(words_of(text))
