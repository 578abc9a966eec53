"""The discriminators of a cascade: one for each size, all updated before the generator.

Letters: B pictures, S the side of the finished picture, s that of a stage, E width of a text's vector.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import nn

from limner.blocks.discriminators.joint import JointDiscriminator
from limner.blocks.layers.tree import Drawn
from limner.optimisers import OptimiserFactory
from limner.system import Draft, Player

HALF_LIFE = 692
"""Steps after which an average with decay 0.999 a step keeps half: all of the family publish such weights."""


class Discriminators(nn.ModuleList):
    """A discriminator for each side, the coarsest first.

    Args:
        sides: sides of the pictures of each stage.
        width: channels of a discriminator's first map.
        text: E; 0 where there is no text.
        alone: whether pictures are scored alone, too.
        norm: batch norm; without it convolutions are held to spectral norm 1.
    """

    def __init__(self, sides: Sequence[int], width: int, text: int, *, alone: bool = True, norm: bool = True) -> None:
        super().__init__(JointDiscriminator(width, side, text, alone=alone, norm=norm) for side in sides)
        self.sides = list(sides)

    def named(self) -> list[tuple[str, JointDiscriminator]]:
        """Return each discriminator with the name of its player: "critic 64"."""
        return [(f"critic {side}", one) for side, one in zip(self.sides, self, strict=True)]  # type: ignore[misc]

    def players(self, optimiser: OptimiserFactory) -> dict[str, Player]:
        """Return a player for each discriminator."""
        return {name: Player(modules=[one], optimiser=optimiser) for name, one in self.named()}


def half_life(batch: int, budget: int) -> float:
    """Return the half-life, in pictures, of weights averaged with decay 0.999 a step; a twentieth of a small budget."""
    return min(HALF_LIFE * batch, budget / 20)


def drafts(drawn: Drawn) -> Iterator[Draft]:
    """Yield the picture of each stage with the attention it was drawn with."""
    count = len(drawn.images)
    words, sentence = (list(maps) or [None] * count for maps in (drawn.attention, drawn.sentence_attention))
    for number, (image, maps, whole) in enumerate(zip(drawn.images, words, sentence, strict=True), start=1):
        note = f"{image.shape[-1]} x {image.shape[-1]}"
        yield Draft(image, maps, note=note, progress=number / count, sentence_attention=whole)
