"""What the test of memorising asks of each system: settings, a share of drawings, how far texts and layouts are."""

from __future__ import annotations

import torch

from limner.data.dataset import Dataset
from limner.data.schema import Schema, words_of
from limner.imaging.answers import layouts
from limner.system import Draft

QUICKER = {
    "storygan": {"rate": 5e-3},
    "attribute2image": {"variant": "cvae"},
    "objgan": {"rate": 4e-3, "match": 20.0, "text_images": 640},
    "gan-int-cls": {"text_images": 320, "style_images": 0},
    "stackgan": {"text_images": 320},
    "stackgan-v2": {"text_images": 320},
    "fusedgan": {"text_images": 320, "style_images": 0},
    "t2f": {"rate": 4e-3},
}
"""Changes to `tiny` by which a system memorises in seconds rather than a minute.

In two layers Attribute2Image draws the ground by chance, whatever is asked: its own test looks at figures alone.
"""
OWN = {
    "gan-int-cls": 0.4,
    "stackgan": 0.3,
    "stackgan-v2": 0.3,
    "chatpainter": 0.25,
    "gawwn": 0.25,
    "fusedgan": 0.25,
    "t2f": 0.25,
    "stacking-vae-gan": 0.25,
    "objgan": 0.0,
    "semantic-layout": 0.0,
}
"""Share of drawings nearest to their own of eight pictures, where in this time it is less than three of four.

These learn by the discriminator alone what a text says: the ground first, which half of the pictures share. They are
asked for 64 drawings, of which by chance an eighth are nearest to their own, and a quarter in one of 200 looks. Those
of Obj-GAN and of the inferred layout stand in boxes drawn by chance: pixels do not tell which picture is meant.
"""


def other_distance(draft: Draft, few: Dataset, schema: Schema, asked: bool) -> float:
    """Return how far texts or layouts (sides, by label) are from the data.

    Of texts it is the share that is not written, word by word, as the request asks; where nothing is asked, the share
    that is none of the sentences, and 1 where all are the same.
    """
    if draft.text is not None:
        own = [" ".join(words_of(few.captions(row)[0])) for row in range(8)]
        if asked:  # each its own
            return sum(one != text for one, text in zip(own, draft.text, strict=True)) / 8
        known = {" ".join(words_of(text)) for row in range(8) for text in few.captions(row)}
        return max(sum(text not in known for text in draft.text) / len(draft.text), len(set(draft.text)) == 1)
    assert draft.layout is not None
    gaps = []
    for row, placed in enumerate(layouts(draft, schema)):
        drawn = {label: torch.tensor(box) for label, *box in placed}
        gaps += [(drawn[label] - torch.tensor(box)).abs().mean() for label, *box in few.boxes(row)]
    return float(torch.stack(gaps).mean())
