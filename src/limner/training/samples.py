"""What a training draws and measures on its way: grids, numbers of held-out rows, and the best checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from limner.system import Phase, sample_drafts
from limner.training.health import Measured, compared

if TYPE_CHECKING:
    from limner.training.trainer import Trainer

MEASURED = 64
"""Pictures that are compared with real ones; of a drawing in many steps only those of the grid are."""


def draw_samples(trainer: Trainer, phase: Phase) -> None:
    """Measure and draw what is worth it in a phase; the system is in the state that is published."""
    data, total = trainer.data, trainer.at.total
    held_out = min(phase.batch, data.length("test"))
    if phase.check is not None and held_out:
        view = phase.view.gather(data, range(held_out), np.random.default_rng(0), "test")
        with torch.no_grad():
            trainer.monitor.check(phase.name, total, phase.check(view.to(trainer.engine.device)))
    if not (phase.draws and trainer.grid_every):
        return
    drafts = list(sample_drafts(trainer.system, trainer.prompts, range(len(trainer.prompts))))
    trainer.monitor.grid(total, drafts[-1], trainer.system.schema)
    drawn = drafts[-1].images
    if drawn is None or not data.pictured or min(len(trainer.prompts), data.length("train")) < 2:
        return
    measured = _measured(trainer, phase, drawn.detach(), len(drafts) == 1)
    if trainer.monitor.judge(phase.name, measured):
        about = {"distance": round(measured.distance, 4), "variety": round(measured.variety, 4)}

        def publish(folder: Path) -> None:
            trainer.publish(folder, about)

        trainer.run.keep_best(publish)


def _measured(trainer: Trainer, phase: Phase, drawn: Tensor, quick: bool) -> Measured:
    """Compare what is drawn, and where that is quick some more, with real pictures."""
    data, split = trainer.data, "test" if trainer.data.length("test") > 1 else "train"
    if quick:
        prompts = data.requests(trainer.system.takes, MEASURED, split)
        for first in range(len(drawn), MEASURED, len(trainer.prompts)):
            rows = range(first, min(first + len(trainer.prompts), MEASURED))
            *_, more = sample_drafts(trainer.system, [prompts[row] for row in rows], rows)
            assert more.images is not None
            drawn = torch.cat([drawn, more.images.detach()])
    real = data.pictures(range(min(MEASURED, data.length(split))), split).to(drawn.device).float() / 127.5 - 1
    distance, variety = compared(drawn.flatten(0, -4), real)
    return Measured(trainer.at.total, trainer.at.seen / max(phase.images, 1), distance, variety)
