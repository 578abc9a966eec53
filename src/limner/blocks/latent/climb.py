"""Climbing in a code space: the sampler of Plug and Play Generative Networks (Nguyen et al., CVPR 2017, section 2).

A step of an approximate Langevin sampler (MALA-approx), in codes h, with G(h) a picture and E(G(h)) its code:

    delta = epsilon_1 (E(G(h)) - h) + epsilon_2 d log p(y | G(h)) / dh + epsilon_3 N(0, 1) - epsilon_4 d C(G(h)) / dh
    h <- clip(h + eta_t delta / mean |delta|, 0, 30)

The first term pulls towards codes that pictures have (the prior: E after G is a denoising autoencoder), the second
towards what is asked for, the last one, where a part of the picture is known, towards that part. The mean is over the
numbers of a row's own code, so that a row climbs alone as it does among others.

Many steps in a row make much of the last bit of a sum, and how a sum is ordered depends on how many rows are computed
at once. So rows climb in groups of four, always four: a group that has fewer is filled up with copies. Then a row's
codes are the same bits alone and among any others.

Letters: B rows, N = 4 rows of a group, H width of a code, S side of a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch
from torch import Tensor

from limner.blocks.given import Given, keep_known
from limner.blocks.latent.inverter import LARGEST
from limner.settings import Between

GROUP = 4
"""Rows that are computed at once, N."""
SMALLEST = 1e-20
"""Least length of a step before it is normalised: a row that nothing pulls stays where it is."""


@dataclass(frozen=True)
class ClimbKnobs:
    """How to climb; defaults are those of the paper's caption sampler."""

    steps: Annotated[int, Between(1, 2000)] = 200
    """Steps of the climb."""
    every: Annotated[int, Between(1, 2000)] = 20
    """Steps between two drafts."""
    prior: Annotated[float, Between(0, 1e6)] = 1e-3
    """Epsilon 1: the pull towards codes that the encoder gives to pictures."""
    condition: Annotated[float, Between(0, 1e6)] = 1.0
    """Epsilon 2: the pull towards codes whose picture the condition finds likely to be what is asked for."""
    noise: Annotated[float, Between(0, 1e6)] = 1e-17
    """Epsilon 3: the scale of the noise that is added in each step."""
    context: Annotated[float, Between(0, 1e6)] = 1e-3
    """Epsilon 4: the pull towards what is known of a picture that is given in part."""
    rate: Annotated[float, Between(0, 30)] = 1.0
    """Mean change of a code's numbers, which lie in [0, 30], in the first step; it falls linearly to nothing."""
    restart: Annotated[int, Between(0, 2000)] = 0
    """Steps after which the climb starts anew from another code; the likeliest end is kept. 0: one climb."""
    done: Annotated[int, Between(0, 1999)] = 0
    """Steps that count as done: a climb that starts from a style or a picture goes on with steps as small as then."""

    def __post_init__(self) -> None:
        if self.done >= self.steps:
            raise ValueError(f"done={self.done}: of {self.steps} steps, 0 to {self.steps - 1} can be done already")


@dataclass(frozen=True)
class Hill:
    """What a group of rows climbs: a generator, an encoder, and a likelihood that is any net's."""

    rows: tuple[int, ...]
    """N rows of the batch; a row that is there again only fills up."""
    generate: Callable[[Tensor], Tensor]
    """G: codes (N, H) to pictures (N, 3, S, S)."""
    encode: Callable[[Tensor], Tensor]
    """E: pictures to codes."""
    likelihood: Callable[[Tensor], Tensor]
    """log p(y | x) of what is asked for: pictures (N, 3, S, S) to (N,)."""
    given: Given | None = None
    """The pictures of these rows that something is known of."""

    def pasted(self, images: Tensor) -> Tensor:
        """Return pictures (N, 3, S, S) with what is known in its place."""
        return images if self.given is None else keep_known(images, self.given)

    def gap(self, images: Tensor) -> Tensor:
        """Return half of the squared distance of pictures from what is known of them: (N,)."""
        assert self.given is not None
        return ((images - self.given.pixels) * self.given.known).square().flatten(1).sum(dim=1) / 2

    def picture(self, h: Tensor) -> Tensor:
        """Return the pictures of codes (N, H), with what is known in its place."""
        with torch.no_grad():
            return self.pasted(self.generate(h))

    def value(self, h: Tensor) -> Tensor:
        """Return log p(y | G(h)) of codes (N, H): (N,)."""
        with torch.no_grad():
            return self.likelihood(self.picture(h))


def begin(hill: Hill, noise: Tensor) -> Tensor:
    """Return the codes to climb from: noise (N, H); of a picture that is given its code, what is unknown left to noise.

    Where something of it has to stay, what lies in the hole of the picture is not looked at.
    """
    if hill.given is None:
        return noise
    with torch.no_grad():
        pictures = hill.picture(noise)
        whole = hill.given.known.flatten(1).sum(dim=1) == 0
        codes = hill.encode(torch.where(whole[:, None, None, None], hill.given.pixels, pictures))
        return torch.where(hill.given.is_given[:, None], codes, noise)


def groups(count: int) -> list[tuple[int, ...]]:
    """Return the rows of each group; the last row fills up the last group."""
    return [tuple(min(start + k, count - 1) for k in range(GROUP)) for start in range(0, count, GROUP)]


def together(hills: Sequence[Hill], of: Callable[[Hill, Tensor], Tensor], h: Tensor) -> Tensor:
    """Return what `of` makes of the codes of each group, without what only fills up: (B, ...) of (B, H)."""
    return torch.cat([of(hill, h[list(hill.rows)])[: len(set(hill.rows))] for hill in hills])


def delta(hill: Hill, h: Tensor, knobs: ClimbKnobs) -> Tensor:
    """Return the direction of a step from codes (N, H), without noise and before it is normalised.

    The condition sees what is known in its place, so that its gradient is zero outside the hole.
    """
    with torch.enable_grad():  # whoever draws may have disabled gradients
        h = h.detach().requires_grad_()
        images = hill.generate(h)
        pasted = hill.pasted(images)
        height = h.new_zeros(())
        if knobs.condition:
            height = height + knobs.condition * hill.likelihood(pasted).sum()
        if hill.given is not None:
            height = height - knobs.context * hill.gap(images).sum()
        uphill = torch.autograd.grad(height, h)[0] if height.requires_grad else torch.zeros_like(h)
    with torch.no_grad():
        return knobs.prior * (hill.encode(pasted.detach()) - h) + uphill


def moved(h: Tensor, step: Tensor, rate: float) -> Tensor:
    """Return codes (B, H) after a step whose numbers have changed by `rate` in the mean of each row, clipped."""
    length = step.abs().mean(dim=1, keepdim=True)
    return (h + rate * step / length.clamp_min(SMALLEST)).clamp(0, LARGEST)


class Reached(NamedTuple):
    """Where a climb is."""

    h: Tensor
    """(B, H)."""
    step: int
    """Steps that are done."""


def on_grid(h: Tensor) -> Tensor:
    """Return codes rounded to 64ths, so that the last bits of noise that was interpolated do not decide a climb."""
    return (h * 64).round() / 64


def climb(hills: Sequence[Hill], knobs: ClimbKnobs, start: Tensor, noise: Callable[[], Tensor]) -> Iterator[Reached]:
    """Climb and yield each code that is reached, the last one being the answer.

    A climb that was stopped goes on where `start` is the code that was reached and `knobs.done` the steps done.

    Args:
        hills: what each group of rows climbs.
        knobs: how.
        start: codes (B, H) to begin from.
        noise: draws (B, H) from N(0, 1): for a step, where its knob is not 0, and for where to begin anew.
    """
    chain = min(knobs.restart or knobs.steps, knobs.steps)
    h, ends = start if knobs.done else on_grid(start), Ends()
    for step in range(knobs.done, knobs.steps):
        if step > knobs.done and step % chain == 0:
            ends.keep(h, together(hills, Hill.value, h))
            h = on_grid(noise())
        direction = together(hills, lambda hill, own: delta(hill, own, knobs), h)
        if knobs.noise:
            direction = direction + knobs.noise * noise()
        h = moved(h, direction, knobs.rate * (1 - step % chain / chain))
        if step + 1 == knobs.steps and ends.h is not None:
            ends.keep(h, together(hills, Hill.value, h))
            h = ends.h
        yield Reached(h, step + 1)


class Ends:
    """The likeliest end of several climbs of each row."""

    def __init__(self) -> None:
        self.h: Tensor | None = None
        self.likelihood = torch.empty(0)

    def keep(self, h: Tensor, likelihood: Tensor) -> None:
        """Keep the codes (B, H) of rows that are likelier, (B,), than those kept."""
        if self.h is None:
            self.h, self.likelihood = h, likelihood
            return
        better = likelihood > self.likelihood
        self.h = torch.where(better[:, None], h, self.h)
        self.likelihood = torch.where(better, likelihood, self.likelihood)
