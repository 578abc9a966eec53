"""Another eye: MLP-Mixer (Tolstikhin et al., NeurIPS 2021), which has neither convolutions nor batch norm.

A judge of this kind shares nothing with a teacher of convolutions and batch norm but the pictures. What such a teacher
lets a generator get away with, this judge need not.

Letters: B pictures, S their side, C channels, T patches (8 by 8), F features.
"""

from __future__ import annotations

from torch import Tensor, nn

from limner.errors import UserError

GRID = 8
"""Patches in a row and in a column."""
WIDER = 3
"""Hidden units of the mixing of channels, for each channel."""
HIDDEN = 128
"""Hidden units of the mixing of places."""


class Mixing(nn.Module):
    """x + mixing of places, then x + mixing of channels, each a perceptron behind a layer norm: (B, T, C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(2))
        self.places = _perceptron(GRID * GRID, HIDDEN)
        self.channels = _perceptron(channels, WIDER * channels)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.places(self.norms[0](x).transpose(1, 2)).transpose(1, 2)
        return x + self.channels(self.norms[1](x))


class Mixer(nn.Module):
    """Pictures (B, 3, S, S) to features (B, F), the mean over patches, and to the map of patches (B, C, 8, 8).

    Args:
        size: S, a multiple of 8.
        channels: C.
        depth: mixings.
        features: F.

    Raises:
        UserError: where S is no multiple of 8.
    """

    def __init__(self, size: int, channels: int, depth: int, features: int) -> None:
        super().__init__()
        if size % GRID:
            raise UserError(f"a judge that mixes patches needs a size that is a multiple of {GRID}, not {size}")
        self.fold = nn.PixelUnshuffle(size // GRID)
        self.embed = nn.Linear(3 * (size // GRID) ** 2, channels)
        self.layers = nn.Sequential(*(Mixing(channels) for _ in range(depth)), nn.LayerNorm(channels))
        self.head = nn.Linear(channels, features)
        self.places = (channels, GRID)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Encode pictures whole, (B, F), and as a map of 8 by 8 places, (B, C, 8, 8)."""
        x = self.layers(self.embed(self.fold(images).flatten(2).transpose(1, 2)))  # (B, T, C)
        return self.head(x.mean(dim=1)), x.transpose(1, 2).unflatten(2, (GRID, GRID))


def _perceptron(width: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
