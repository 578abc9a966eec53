"""What systems that grow have in common: a phase for each resolution, how far they have grown, and drawing.

Letters: B pictures, S the side of the finished picture, L numbers that a picture is drawn from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from limner.blocks.export import export_generator
from limner.blocks.growing import GrowingGenerator, doubled, schedule
from limner.data.schema import Schema
from limner.data.views import View
from limner.errors import UserError
from limner.system import Clock, Draft, ExportPart, Phase, Player, System, Update


class Grower(System):
    """A system of one growing generator; its `Config` has `size`, `images`, `stages` and `widths`.

    A subclass has `generator`, and a step that is given the depth and alpha it works at before the batch. How far the
    net has grown are buffers: they are saved, so that a checkpoint from the middle of a fade draws as it should.
    """

    generator: GrowingGenerator
    depth: Tensor
    alpha: Tensor

    def __init__(self, config: Any, schema: Schema) -> None:
        super().__init__(config, schema)
        self.plan = schedule(config.stages, config.size, config.images)
        if len(config.widths) < len(self.plan):
            raise UserError(f"{len(self.plan)} stages need {len(self.plan)} widths, not {len(config.widths)}")
        self.widths = config.widths[: len(self.plan)]
        self.register_buffer("depth", torch.tensor(len(self.plan) - 1))
        self.register_buffer("alpha", torch.tensor(1.0))

    def stages(
        self, view: type[View], players: Mapping[str, Player], step: Callable[[int, float, Any], Iterator[Update]]
    ) -> list[Phase]:
        """Return a phase for each resolution; the learning rate and the optimiser's memory begin anew with each."""
        return [
            Phase(
                name=f"{stage.resolution}px",
                view=view,
                images=images,
                batch=stage.batch,
                players=players,
                on_start=partial(self.grow, depth),
                step=partial(self._step, step, depth),
            )
            for depth, (stage, images) in enumerate(self.plan)
        ]

    def grow(self, depth: int) -> None:
        """Note that a resolution begins."""
        self.depth.fill_(depth)
        self.alpha.fill_(self.share(depth, 0.0))

    def share(self, depth: int, progress: float) -> float:
        """Return alpha at `progress` of a stage."""
        return self.plan[depth][0].alpha(progress)

    def _step(self, step: Callable[..., Iterator[Update]], depth: int, batch: Any, clock: Clock) -> Iterator[Update]:
        alpha = self.share(depth, clock.progress)
        self.alpha.fill_(alpha)
        return step(depth, alpha, batch)

    def drafts(self, latent: Tensor) -> Iterator[Draft]:
        """Draw from coarse to fine; the last one comes at full size, whatever was reached."""
        return self.paint(int(self.depth), float(self.alpha), latent)

    def paint(self, depth: int, alpha: float, latent: Tensor) -> Iterator[Draft]:
        """Draw the same for a net that has grown so far."""
        for shallow in range(depth):
            images = self.generator(latent, shallow).clamp(-1, 1)
            yield Draft(images=images, note=self._told(shallow), progress=(shallow + 1) / (depth + 1))
        images = self.generator(latent, depth, alpha).clamp(-1, 1)
        for _ in range(depth, len(self.plan) - 1):
            images = doubled(images)
        yield Draft(images=images, note=self._told(depth))

    def _told(self, depth: int) -> str:
        side = self.plan[depth][0].resolution
        return f"{side} x {side}"

    def exports(self) -> Mapping[str, ExportPart]:
        """Return the generator as far as it has grown: noise (B, L) to pictures."""
        paint = partial(self.paint, int(self.depth), float(self.alpha))
        return {"painter": export_generator(paint, [self.generator], {"": self.generator.latent})}
