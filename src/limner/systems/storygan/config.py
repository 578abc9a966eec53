"""What people change of StoryGAN, and its knobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from limner.blocks.layers.convolutions import doublings
from limner.errors import UserError

INGREDIENTS = frozenset({"naming", "pixels", "edits", "places", "schedule"})
"""What `without` can leave out of the modern recipe."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What people change."""

    variant: Literal["storygan", "svfn", "svc", "imagegan"] = "storygan"
    """The paper's system, or one of the baselines it is compared with."""
    filter_from: Literal["sentence", "context"] = "sentence"
    """What becomes the filter: in the paper the line, which filters the context; in the authors' code the context."""
    recipe: Literal["paper", "modern"] = "paper"
    """The published losses and nets, or what the field has learnt since around the same claims."""
    text: Literal["words", "read", "embedding"] = "words"
    """A sentence vector marks which words occur, or (`read`) comes from a text encoder that is trained first, or
    (`embedding`) came with the data, such as the 75 numbers of CLEVR-SV."""
    text_width: int = 256
    """Width of a sentence vector of the text encoder."""
    text_images: int = 1_000_000
    """Budget of the text encoder, in pictures; unused where `text` is words."""
    size: int = 64
    """Side of the drawn pictures in pixels: 16, 32, 64, ..."""
    images: int = 120 * 40_000
    """Budget in pictures, single ones and those in stories; the authors' code takes 120 rounds."""
    frames: int = 24
    """B, single frames in a step."""
    stories: int = 24
    """N, whole stories in a step."""
    repeats: bool = True
    """Sentence vectors repeat those before them, as the published ones of CLEVR-SV do; else each is its line alone."""
    moves: int = 2
    """Moves of the generator after each one of the discriminators, as in the authors' code."""
    code: int = 128
    """C, width of the story code and of the states."""
    teller_width: int = 96
    """Channels of the generator's finest map."""
    critic_width: int = 96
    """Channels of a discriminator's first map."""
    rate: float = 2e-4
    """Learning rate of all players."""
    attention: bool = False
    """Places of the generator's maps attend to the lines so far; then a story longer than T keeps its scene."""
    without: tuple[str, ...] = ()
    """What of the modern recipe is left out (naming, pixels, edits, places, schedule), to measure what it gives."""

    def __post_init__(self) -> None:
        doublings(self.size)
        if unknown := set(self.without) - INGREDIENTS:
            raise UserError(f"without={min(unknown)}: what can be left out is {', '.join(sorted(INGREDIENTS))}")
        if self.text == "embedding" and self.has("edits"):
            raise UserError(
                "text=embedding: the modern recipe edits words, and vectors that came with the data have none to edit;"
                " set recipe=paper or without=edits"
            )
        if self.without and self.recipe == "paper":
            raise UserError("without= leaves something out of the modern recipe: set recipe=modern, or leave it away")

    def has(self, ingredient: str) -> bool:
        """Tell whether an ingredient of the modern recipe is used."""
        return self.recipe == "modern" and ingredient not in self.without


@dataclass(frozen=True)
class StoryKnobs:
    """What can be turned while drawing."""

    spread: float = 1.0
    """Factor on the noise: below 1 drawings of a story are more alike, above 1 more varied."""
    first: int = 1
    """The first frame to draw; those before it are only encoded, and stay blank."""
