"""How near an artist comes to a real picture that it draws again, from what it finds in it step by step."""

from __future__ import annotations

from typing import Any

from limner.evaluation.protocol import HeldOut, resized
from limner.evaluation.report import Figure
from limner.system import System

PICTURES = 32
"""Held-out pictures that are drawn again."""
STEPS = 100
SHOWN = (0, 1, 2, 5, 10, 20, 50, STEPS)
"""Steps whose error is reported."""


def posterior_figures(held_out: HeldOut, system: System, details: dict[str, Any]) -> dict[str, Figure]:
    """Return `posterior error`; nothing of systems that find nothing in a picture step by step.

    Args:
        held_out: what is measured on.
        system: what draws.
        details: gets the error by step.
    """
    if held_out.stories:
        return {}
    real = held_out.real[:PICTURES].to(system.device)
    drawings = system.reconstructions(resized(real, system.data_size(system.config)), STEPS)
    if drawings is None:
        return {}
    goal, errors = resized(real, system.config.size), []
    for drawn in drawings:
        errors.append(float((drawn - goal).square().mean()))
    details["posterior error by step"] = {f"step {step}": errors[step] for step in SHOWN if step < len(errors)}
    mean = float((goal - goal.mean(dim=0)).square().mean())
    note = f"mean square of pixels in [-1, 1] after {STEPS} steps; by the encoder alone {errors[0]:.4f}"
    return {"posterior error": Figure(errors[-1], 0.0, mean, better=-1, note=note)}
