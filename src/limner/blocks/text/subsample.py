"""Long captions cut down to a number of words, at random, for training."""

from __future__ import annotations

import torch

from limner.data.schema import words_of


def subsample_words(text: str, most: int) -> str:
    """Choose at most so many words of a text at random, in their order (AttnGAN and those after it)."""
    words = words_of(text)
    if len(words) <= most:
        return text
    return " ".join(words[place] for place in torch.randperm(len(words))[:most].sort().values.tolist())
