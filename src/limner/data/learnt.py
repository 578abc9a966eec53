"""What opening a data set learns from it: the schema, and what stands for all that training reads."""

from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np

from limner.data.annotations import Annotations
from limner.data.embeddings import width_of
from limner.data.schema import Lexicon, Schema, words_of
from limner.data.source import Source

_EXAMPLES = 12


def schema_of(size: int, source: Source, annotations: Annotations, train: np.ndarray) -> Schema:
    """Return what the training rows of a data set teach, but for its dialogues."""
    described = {"attributes": annotations.attributes, "labels": annotations.label_names, "story": annotations.story}
    described |= {"things": annotations.things, "points": annotations.points, "masks": annotations.masks}
    described |= {"embedding": width_of(source)}
    if annotations.texts is None:
        return Schema(size, **described)  # type: ignore[arg-type]
    counts: Counter[str] = Counter()
    longest = 0
    for text in annotations.texts.each(train):  # in one pass: this is the slow part of opening many captions
        words = words_of(text)
        counts.update(words)
        longest = max(longest, len(words))
    firsts = dict.fromkeys(annotations.texts.row(int(row))[0] for row in train[: 16 * _EXAMPLES])
    return Schema(
        size,
        Lexicon.counted(counts),
        captions=annotations.texts.most(train),
        longest=longest,
        examples=tuple(firsts)[:_EXAMPLES],
        **described,  # type: ignore[arg-type]
    )


def fingerprint_of(size: int, digests: np.ndarray, splits: dict[str, np.ndarray], annotations: Annotations) -> str:
    """Return what stands for pictures, captions, splits and size."""
    hashed = hashlib.blake2b(
        f"{size} {sorted(annotations.attributes.items())} {annotations.label_names}".encode(), digest_size=16
    )
    for rows in splits.values():
        for part in (digests[rows], annotations.labels[rows], annotations.numbers[rows]):
            hashed.update(np.ascontiguousarray(part).tobytes() + b"|")
        if annotations.stories is not None:
            hashed.update(annotations.stories.story_of[rows].tobytes() + annotations.stories.frames[rows].tobytes())
        hashed.update(annotations.texts.digest(rows) if annotations.texts else b"")
    return hashed.hexdigest()
