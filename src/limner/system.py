"""The contract: what a system says, and nothing of how it is run.

A paper of this lineage is a list of training phases in which some players move in turn, and a way of drawing that
passes through drafts. So a `System` says exactly two things: `phases()`, whose steps are Python generators that
yield `Update`s, and `sample()`, a generator that yields `Draft`s. The trainer, the command line, the evaluator and
the studio serve every system through these two and know no system by name.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from limner.errors import UserError
from limner.noise import RowNoise
from limner.optimisers import OptimiserFactory, constant
from limner.requests import Blend, Nothing, Request, shares

if TYPE_CHECKING:
    from limner.data.dataset import Dataset
    from limner.data.schema import Schema
    from limner.data.views import View


class Update(NamedTuple):
    """One move of the game: the trainer takes `player`'s optimiser step down the gradient of `loss`.

    The step that yielded it goes on from there, after the step. `log` holds scalars worth a line in the log.
    """

    player: str
    loss: Tensor
    log: Mapping[str, Tensor] = {}


@dataclass(frozen=True, kw_only=True)
class Player:
    """Who learns, and how."""

    modules: Sequence[nn.Module]
    """The modules whose parameters move together."""
    optimiser: OptimiserFactory
    """Made afresh at the start of each phase, over the parameters of `modules`."""
    schedule: Callable[[float], float] = constant
    """Progress of the phase in [0, 1] to a factor on the learning rate."""
    clip: float | None = None
    """Largest norm of the whole gradient; longer ones are scaled down to it."""
    ema: float | None = None
    """Half-life, in images, of the shadow weights that `sample` uses and checkpoints publish."""


@dataclass(frozen=True)
class Clock:
    """Where a phase stands, counted in images."""

    seen: int
    total: int
    step: int

    @property
    def progress(self) -> float:
        """Share of the phase that is done, in [0, 1]."""
        return min(self.seen / max(self.total, 1), 1.0)

    def every(self, n: int) -> bool:
        """Tell whether this step is one of every `n` (lazy penalties, several critic steps)."""
        return self.step % n == 0


Step = Callable[[Any, Clock], Iterator[Update]]


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One chapter of a training: who plays, on which view of the data, for how many images."""

    name: str
    view: type[View]
    """The noun of data a step reads: `Pairs`, `Stories`, ..."""
    images: int
    """Budget in images, so that batch size and number of processes may change."""
    batch: int
    """Images in one step, over all processes together."""
    players: Mapping[str, Player] = field(default_factory=dict)
    step: Step | None = None
    """A generator of `Update`s; it reads like the paper's algorithm.

    Which players move, and in what order, may depend on the clock but never on the data: processes wait for each other.
    """
    once: Callable[[Dataset], None] | None = None
    """Work that is no gradient descent; what it stores in buffers is saved (count tables, feature statistics)."""
    on_start: Callable[[], None] | None = None
    """Runs at a fresh start of the phase only, never on resume (weight initialisation)."""
    on_enter: Callable[[Dataset], None] | None = None
    """Runs whenever the phase is entered, fresh or resumed: makes again what is derived and not saved (text tables)."""
    check: Callable[[Any], Mapping[str, float]] | None = None
    """Numbers on a held-out batch, for the log."""
    draws: bool = True
    """Whether what is drawn changes in it, so that sample grids are worth making."""

    def __post_init__(self) -> None:
        assert (self.step is None) != (self.once is None), f"phase {self.name}: exactly one of step= and once="
        assert bool(self.players) == (self.step is not None), f"phase {self.name}: players go with step="


@dataclass(frozen=True)
class Draft:
    """One state of a work in progress; the last one drawn is the answer.

    Letters: B rows, T words or frames, K boxes. Every field has a row for each request.
    """

    images: Tensor | None = None
    """(B, 3, H, W), or (B, T, 3, H, W) for a story, in [-1, 1]."""
    attention: Tensor | None = None
    """(B, T, h, w): share of attention of each word over the picture."""
    layout: Mapping[str, Tensor] | None = None
    """`boxes` (B, K, 4) as x, y, w, h in [0, 1], `labels` (B, K), -1 where empty, `masks` (B, K, h, w) where known."""
    text: Sequence[str] | None = None
    note: str = ""
    progress: float = 1.0


@dataclass(frozen=True)
class ExportPart:
    """A net that draws elsewhere, such as in a browser, and what it is given there."""

    net: nn.Module
    given: Mapping[str, Tensor]
    """An example of each input by name, in order."""
    gives: tuple[str, ...]
    """Names of what comes out, in order."""
    noise: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """The inputs that are noise, each one draw, in their order; how many of its numbers each knob scales."""
    rule: Mapping[str, Any] = field(default_factory=dict)
    """Of a reader: how a text becomes numbers."""
    notes: tuple[str, ...] = ()
    """Of a painter: the notes of its drafts."""


@dataclass(frozen=True)
class Paper:
    """What is published."""

    title: str
    authors: str
    year: int
    venue: str
    arxiv: str = ""


@dataclass(frozen=True)
class NoKnobs:
    """Nothing to turn while drawing."""


class System(nn.Module):
    """A published system. Subclass once a paper; the name of the file or package is the system's name."""

    paper: ClassVar[Paper]
    takes: type[Request] = Nothing
    """What it draws from; of an instance, what its configuration does."""
    gives: ClassVar[frozenset[str]] = frozenset({"images"})
    Config: ClassVar[type]
    presets: ClassVar[Mapping[str, Any]]
    default_preset: ClassVar[str] = ""
    """The preset that training takes where none is chosen.

    Empty: the only one there is; where there are several, one has to be chosen.
    """
    Knobs: ClassVar[type] = NoKnobs

    def __init__(self, config: Any, schema: Schema) -> None:
        """Keep both; a subclass then builds ALL its modules: phases only choose which ones learn."""
        super().__init__()
        self.config, self.schema, self.takes = config, schema, self.request_type(config)

    @classmethod
    def request_type(cls, config: Any) -> type[Request]:
        """Return what it draws from when so configured."""
        return cls.takes

    @classmethod
    def data_size(cls, config: Any) -> int:
        """Side, in pixels, of the pictures it wants from the data (larger than drawn where it crops)."""
        return int(config.size)

    @property
    def device(self) -> torch.device:
        """Where its weights are; the CPU where it has none."""
        return next((p.device for p in self.parameters()), torch.device("cpu"))

    def phases(self) -> list[Phase]:
        """Return the chapters of the training, in order."""
        raise NotImplementedError

    def sample(self, requests: Sequence[Request], knobs: Any, rng: RowNoise) -> Iterator[Draft]:
        """Draw a row for each request with that row's own dice; yield drafts, the last one with progress 1."""
        raise NotImplementedError

    def exports(self) -> Mapping[str, ExportPart]:
        """Return the parts to draw with elsewhere; empty where drawing is no chain of forward passes.

        `painter` draws; `reader`, where there is one, makes what the painter is told of a text; `setting`, of a system
        that tells stories, what its painter is told of a whole chapter.
        """
        return {}

    def embed_pairs(self, images: Tensor, requests: Sequence[Request]) -> tuple[Tensor, Tensor] | None:
        """Return codes of pictures (B, 3, S, S) and of requests, two of (B, E), by its own encoders, where it has some.

        Their cosine says how well they fit: R-precision as the papers count it.
        """
        return None

    def describe(self, images: Tensor) -> list[str]:
        """Return a sentence for each picture, (B, 3, R, R) in [-1, 1] with R as `data_size` says.

        Raises:
            UserError: where it has no captioner.
        """
        raise UserError(f"{type(self).__name__} cannot say what is in a picture: it has no captioner")

    def caption_log_likelihood(self, images: Tensor, requests: Sequence[Request]) -> Tensor | None:
        """Return how well pictures (B, 3, S, S) tell what was asked, by its own captioner, where it has one: (B,).

        That is the log-probability of each request's text given its picture, a word, in nats.
        """
        return None

    def style(self, images: Tensor) -> Tensor:
        """Return noise (B, Z) that would draw pictures like these, (B, 3, R, R) in [-1, 1] with R as `data_size` says.

        Raises:
            UserError: where it never learnt to.
        """
        raise UserError(f"{type(self).__name__} cannot take a style from a picture: it has no style encoder")

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words of the requests it does not know, each with the nearest it does know (read in its place)."""
        return {}


def no_grad(sample: Callable[..., Iterator[Draft]]) -> Callable[..., Iterator[Draft]]:
    """Decorate `sample` of a system that needs no gradients while it draws.

    The caller never wraps `sample` in inference mode: PPGN and MMVR need gradients inside it.
    """

    @functools.wraps(sample)
    def guarded(*arguments: Any) -> Iterator[Draft]:
        drafts = sample(*arguments)
        while True:
            with torch.no_grad():
                draft = next(drafts, None)
            if draft is None:
                return
            yield draft

    return guarded


def blend(encode: Callable[[Sequence[Request]], Tensor], requests: Sequence[Request]) -> Tensor:
    """Encode requests to (B, E); a `Blend` gets the point between the codes of its two ends."""
    codes: Iterator[Tensor] = iter(encode([part for request in requests for part, _ in shares(request)]))

    def code(request: Request) -> Tensor:
        if isinstance(request, Blend):
            return code(request.first).lerp(code(request.second), request.t)
        return next(codes)

    return torch.stack([code(request) for request in requests])
