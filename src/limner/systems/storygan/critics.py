"""The discriminators of the modern recipe: each line looks at places of the pictures.

Features of a text that multiply those of a picture everywhere alike cannot say which colour is where, and a critic that
knows only where things stand finds every mismatch of another story. Here each line has a query of its own, reads what
stands at the places it attends to, and is scored by that alone.

Letters: R frames or stories, T frames of a story (1 for single frames), S their side, L lines, V width of a line's
vector, A attributes, n the width of the net, F = 4n channels of its 8x8 map at 64 pixels.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from limner.blocks.layers.convolutions import LEAK, StridedEncoder, spectrally_normed
from limner.blocks.layers.initialisation import dcgan_init
from limner.blocks.losses.adversarial import bce_fake, bce_real
from limner.data.schema import Schema
from limner.systems.storygan.config import Config
from limner.systems.storygan.discriminators import Discriminator, NamesAttributes

QUERY = 64
"""Width of the query of a line and of the key of a place."""


class Maps(NamedTuple):
    """What a discriminator sees in pictures, before it reads."""

    finer: Tensor
    """(R, T, F, 8, 8)."""
    last: Tensor
    """(R, T, 2F, 4, 4)."""


class Critic(Protocol):
    """D(X, S): what the modern recipe asks of a discriminator."""

    def maps(self, images: Tensor) -> Maps:
        """Encode pictures (R, T, 3, S, S)."""

    def scores(self, maps: Maps, lines: Tensor, mask: Tensor) -> Tensor:
        """Return the logits (R,) of lines (R, L, V), of which those count where `mask` (R, L) is 1."""


class LineCritic(NamesAttributes):
    """The logit of the pictures alone, plus those of all lines that count, each at the places it looks at.

    A line of a story looks at the same places in all T frames: it sees when its thing comes, and whether it stays.

    Args:
        frames: T.
        words: V.
        config: the system's.
        schema: whose attributes are classified; none are without one.
    """

    def __init__(self, frames: int, words: int, config: Config, schema: Schema | None = None) -> None:
        super().__init__()
        leaky = nn.LeakyReLU(LEAK)
        self.look = StridedEncoder(config.critic_width, config.size, norm=False)
        finer, last = self.look.widths[-2:]
        self.whole = nn.Sequential(nn.Conv2d(frames * last, last, 3, padding=1), leaky, nn.Conv2d(last, 1, 4))
        self.see = nn.Linear(frames * finer, finer)
        for part in (self.look, self.whole, self.see):
            spectrally_normed(part.apply(dcgan_init))
        self.query = nn.Linear(words, QUERY, bias=False)
        self.place = nn.Parameter(0.1 * torch.randn(QUERY, 8 * 8))
        self.read = nn.Linear(words, finer)
        self.fit = nn.Sequential(leaky, nn.Linear(finer, finer), leaky, nn.Linear(finer, 1))
        if schema is not None:
            self.add_heads(self.look.widths, schema)

    def maps(self, images: Tensor) -> Maps:
        """Encode pictures, without words: (R, T, 3, S, S)."""
        return Maps(*(one.unflatten(0, images.shape[:2]) for one in self.look.last_two(images.flatten(0, 1))))

    def line_scores(self, finer: Tensor, lines: Tensor) -> Tensor:
        """Return how well each line (R, L, V) fits the places it looks at in maps (R, T, F, 8, 8): (R, L)."""
        attention = (self.query(lines) @ self.place).softmax(dim=2)  # (R, L, 64)
        there = torch.einsum("rlp,rtcp->rltc", attention, finer.flatten(3)).flatten(2)  # (R, L, T F)
        return self.fit(self.see(there) * self.read(lines)).squeeze(2)

    def scores(self, maps: Maps, lines: Tensor, mask: Tensor) -> Tensor:
        """Return the logits (R,) of lines (R, L, V), of which those count where `mask` (R, L) is 1."""
        whole = self.whole(maps.last.flatten(1, 2)).flatten()
        return whole + (self.line_scores(maps.finer, lines) * mask).sum(dim=1)


class GlobalCritic(Discriminator, NamesAttributes):
    """The paper's discriminator in the same game: its text multiplies a 4x4 map. For `without=places`."""

    def __init__(self, frames: int, words: int, length: int, config: Config, schema: Schema | None = None) -> None:
        super().__init__(frames, length * words, config)
        self.apply(dcgan_init)
        for part in (self.look, self.join, self.read, self.head):  # not the attribute heads: they may be confident
            spectrally_normed(part)
        if schema is not None:
            self.add_heads(self.look.widths, schema)

    def maps(self, images: Tensor) -> Maps:
        """Encode pictures, without words: (R, T, 3, S, S)."""
        return Maps(*(one.unflatten(0, images.shape[:2]) for one in self.look.last_two(images.flatten(0, 1))))

    def scores(self, maps: Maps, lines: Tensor, mask: Tensor) -> Tensor:  # type: ignore[override]
        """Return the logits (R,) of lines (R, L, V), of which those count where `mask` (R, L) is 1."""
        return super().scores(maps.last.flatten(1, 2), (lines * mask[:, :, None]).flatten(1))


def matching_aware_loss(
    critic: Critic, maps: Maps, fake: Tensor, lines: Tensor, wrong: Tensor, mask: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """Right pairs of real pictures and lines against drawn and mismatched pairs, which weigh one half each.

    Args:
        critic: the discriminator.
        maps: of real pictures.
        fake: (R, T, 3, S, S), drawn for `lines`.
        lines: (R, L, V).
        wrong: (R, L, V), which do not fit the real pictures.
        mask: (R, L), 1 for the lines that count.
    """
    on_right, on_wrong = critic.scores(maps, lines, mask), critic.scores(maps, wrong, mask)
    on_fake = critic.scores(critic.maps(fake.detach()), lines, mask)
    loss = bce_real(on_right) + 0.5 * (bce_fake(on_fake) + bce_fake(on_wrong))
    return loss, {"right": on_right, "drawn": on_fake, "wrong": on_wrong}
