"""What people change of T2F."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from limner.blocks.growing import Stage

INGREDIENTS = frozenset({"matching", "kl", "fade"})
"""What `without` can leave out."""
KIT = ("teacher", "edits", "match", "naming", "energy", "pairing")
"""What `kit` can put in."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What people change."""

    size: int = 64
    """Side of the finished picture in pixels; stages above it are left out."""
    images: int = 148_000
    """Budget over all stages, in pictures."""
    stages: tuple[Stage, ...] = (
        Stage(4, 8, 64, 0.85),
        Stage(8, 16, 64, 0.85),
        Stage(16, 40, 32, 0.85),
        Stage(32, 42, 16, 0.85),
        Stage(64, 42, 16, 0.85),
    )
    """The schedule, resolution:share:batch:fade of each stage: its share of the budget, and the part it fades in."""
    widths: tuple[int, ...] = (128, 128, 128, 64, 32)
    """Channels at 4, 8, 16, ... pixels, of both nets."""
    code: int = 64
    """Numbers of a text's code, c."""
    noise: int = 64
    """Numbers of noise, Z: what a text leaves open."""
    hidden: int = 192
    """Width of the LSTM, E."""
    embedding: int = 96
    """Width of a word."""
    layers: int = 1
    """Layers of the LSTM."""
    rate: float = 1e-3
    """Learning rate of both players."""
    ema: float = 5_000
    """Half-life of the published weights, in pictures."""
    kl: float = 0.01
    """Weight of the KL divergence of codes from N(0, 1), summed over their numbers."""
    negatives: float = 0.5
    """Weight of each of the two negatives, drawn pictures and wrong texts; the program's is 1."""
    critic_reads: Literal["own", "shared"] = "own"
    """Whose LSTM encodes texts for the discriminator: its own, or the generator's, held still."""
    squeeze: int = 0
    """Numbers to which the discriminator squeezes a text before it lays them beside the picture's 4x4 maps, as the
    program's second version does; 0: text and picture meet in an inner product."""
    without: tuple[str, ...] = ()
    """Ingredients left out, to see what each gives: matching, kl, fade."""
    kit: tuple[str, ...] = ()
    """Modern ingredients put in, by name: teacher, edits, match, naming, energy, pairing."""
    gamma: float = 1.0
    """With pairing: weight of the penalty of gradients at real pictures and at drawn ones."""
    teacher_images: int = 150_000
    """With a teacher: pictures it is shown before."""
    teacher_width: float = 1.0
    """With a teacher: factor on the channels of its encoders."""
    gate: float = 0.97
    """With a teacher: share of changed captions it must refuse, of each thing, before stages begin; 0: go on."""
