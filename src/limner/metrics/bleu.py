"""BLEU-4: how many runs of one to four words a sentence shares with reference sentences."""

from __future__ import annotations

from collections.abc import Sequence


def bleu(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Return BLEU-4 of a corpus (Papineni et al. 2002), from 0 to 1, without smoothing, by torchmetrics.

    Words are separated by spaces, so both sides must agree in case and punctuation.

    Args:
        candidates: N sentences.
        references: for each, one or more sentences that are right.
    """
    from torchmetrics.functional.text import bleu_score

    return float(bleu_score(list(candidates), [list(some) for some in references], n_gram=4))
