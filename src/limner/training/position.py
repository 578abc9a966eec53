"""How far a run has come."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Position:
    """How far a run has come."""

    phase: int = 0
    seen: int = 0
    """Images in this phase."""
    step: int = 0
    total: int = 0
    """Images over all phases."""
    attempt: int = 0
    """How often the run went back to a checkpoint."""
