"""The critics of a cascade: one for each size, all trained by one objective before the tree moves.

Letters: B pictures, S the side of the finished picture, s that of a stage, E width of a text's vector.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

import torch
from torch import Tensor, nn

from limner.blocks.discriminators.joint import Critic
from limner.blocks.layers.tree import Drawn, shrunk
from limner.blocks.losses.matching_aware import DiscriminatorScores, Objective
from limner.optimisers import OptimiserFactory
from limner.system import Draft, Player, Update

HALF_LIFE = 692
"""Steps in which an average with decay 0.999 a step forgets half: all of the family publish such weights."""


class Critics(nn.ModuleList):
    """A critic for each side, the coarsest first.

    Args:
        sides: sides of the pictures of each stage.
        width: channels of a critic's first map.
        text: E; 0 where there is no text.
        objective: what they are trained by; with `spectral` in its kit they have no batch norm.
        alone: whether pictures are judged alone, too.
    """

    def __init__(self, sides: Sequence[int], width: int, text: int, objective: Objective, alone: bool = True) -> None:
        norm = "spectral" not in objective.kit
        super().__init__(Critic(width, side, text, alone=alone, norm=norm) for side in sides)
        self.sides, self.objective = list(sides), objective

    def players(self, optimiser: OptimiserFactory) -> dict[str, Player]:
        """Return a player for each critic."""
        return {name: Player(modules=[critic], optimiser=optimiser) for name, critic in self._named()}

    def discriminator_updates(
        self, images: Tensor, drawn: Sequence[Tensor], text: Tensor | None, wrong: Tensor, step: int
    ) -> Generator[Update, None, list[DiscriminatorScores]]:
        """Let each critic move once, on drawings whose graph is left alone; return what the tree's move needs.

        Args:
            images: (B, 3, S, S) real pictures.
            drawn: (B, 3, s, s) of each stage.
            text: (B, E) of both.
            wrong: (B,) for each text the place of a picture that it does not fit.
            step: number of the step.
        """
        said: list[DiscriminatorScores] = []
        for (name, critic), real, fake in zip(self._named(), shrunk(images, self.sides), drawn, strict=True):
            views = self.objective.discriminator_loss(critic, real, fake, text, wrong, step)
            said.append(views)
            yield Update(name, views.loss, views.log)
        return said

    def generator_loss(
        self, drawn: Sequence[Tensor], text: Tensor | None, said: Sequence[DiscriminatorScores]
    ) -> Tensor:
        """Return the loss of drawings of all stages, summed over critics and their heads."""
        losses = [
            self.objective.generator_loss(critic, fake, text, views)
            for (_, critic), fake, views in zip(self._named(), drawn, said, strict=True)
        ]
        return torch.stack(losses).sum()

    def _named(self) -> list[tuple[str, Critic]]:
        return [(f"critic {side}", critic) for side, critic in zip(self.sides, self, strict=True)]  # type: ignore[misc]


def half_life(batch: int, budget: int) -> float:
    """Return the half-life, in pictures, of weights averaged with decay 0.999 a step; a twentieth of a small budget."""
    return min(HALF_LIFE * batch, budget / 20)


def drafts(drawn: Drawn) -> Iterator[Draft]:
    """Yield the picture of each stage with the attention it was drawn with."""
    maps = list(drawn.attention) or [None] * len(drawn.images)
    for number, (image, attention) in enumerate(zip(drawn.images, maps, strict=True), start=1):
        side, progress = image.shape[-1], number / len(drawn.images)
        yield Draft(images=image, attention=attention, note=f"{side} x {side}", progress=progress)
