"""BLEU-4: how many runs of one to four words a sentence shares with others that say the same."""

from __future__ import annotations

from collections.abc import Sequence


def bleu(told: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Return BLEU-4 of a corpus (Papineni et al. 2002), from 0 to 1, without smoothing, by torchmetrics.

    Words are what stands between spaces, so both sides must be written alike (case, punctuation).

    Args:
        told: N sentences.
        references: for each, one or more sentences that would be right.
    """
    from torchmetrics.functional.text import bleu_score

    return float(bleu_score(list(told), [list(some) for some in references], n_gram=4))
