"""The contract between a system and whatever trains it or draws with it.

A paper of this lineage is a list of training phases in which some players move in turn, and a way of drawing that
passes through drafts. So a `System` implements two methods: `phases()`, whose steps are Python generators that yield
`Update`s, and `sample()`, a generator that yields `Draft`s. The trainer, the command line, the evaluator and the studio
serve every system through these two and know no system by name.

Letters: B rows of a batch, H and W sides of a picture, S the side a system draws, R the side it takes from the data
(`data_size`), T words or frames, K boxes, E width of a code, Z numbers of noise.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from limner.errors import UserError
from limner.noise import RowNoise, Seed
from limner.optimisers import OptimiserFactory, constant
from limner.requests import Blend, Nothing, Request, Takes, kinds_of, shares

if TYPE_CHECKING:
    from limner.data.dataset import Dataset
    from limner.data.schema import Schema
    from limner.data.views import View


class Update(NamedTuple):
    """One move of the game: the trainer takes one optimiser step of `player` down the gradient of `loss`.

    The generator that yielded it is resumed after that step, so that what it computes next uses the new weights.
    """

    player: str
    """Its name in `Phase.players`."""
    loss: Tensor
    """A scalar."""
    log: Mapping[str, Tensor] = {}
    """Tensors whose means are logged; scores of a critic, `real` or `right` and `drawn` or `fake`, also apart."""


@dataclass(frozen=True, kw_only=True)
class Player:
    """Who learns, and how."""

    modules: Sequence[nn.Module]
    """The modules whose parameters move together."""
    optimiser: OptimiserFactory
    """Makes a new optimiser over the parameters of `modules` at the start of each phase."""
    schedule: Callable[[float], float] = constant
    """Maps progress of the phase in [0, 1] to a factor on the learning rate."""
    clip: float | None = None
    """Largest norm of the whole gradient; larger gradients are scaled down to it."""
    ema: float | None = None
    """Half-life, in images, of the averaged weights (EMA) that sample grids use and checkpoints publish."""


@dataclass(frozen=True)
class Clock:
    """How far a phase has come, counted in images."""

    seen: int
    """Images of this phase so far."""
    total: int
    """Images of the whole phase."""
    step: int
    """Number of the present step, from 0."""

    @property
    def progress(self) -> float:
        """Share of the phase that is done, in [0, 1]."""
        return min(self.seen / max(self.total, 1), 1.0)

    def every(self, n: int) -> bool:
        """Return whether this step is one of every `n` (lazy penalties, several discriminator steps)."""
        return self.step % n == 0


Step = Callable[[Any, Clock], Iterator[Update]]
"""A batch of the phase's `view`, and where the phase stands, to the updates of one training step."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One stage of a training: which players learn, from which view of the data, for how many images."""

    name: str
    view: type[View]
    """The kind of batch a step takes: `Pairs`, `Stories`, ..."""
    images: int
    """Budget in images, so that batch size and number of processes may change."""
    batch: int
    """Images in one step, over all processes together."""
    players: Mapping[str, Player] = field(default_factory=dict)
    step: Step | None = None
    """A generator of `Update`s that reads like the paper's algorithm.

    Which players move, and in what order, may depend on the clock but never on the data: processes wait for each other.
    """
    once: Callable[[Dataset], Mapping[str, float] | None] | None = None
    """Work without gradient descent, in place of `step`; results in buffers are saved (tables, statistics).

    Numbers that it returns are printed, logged and kept in the record of run and checkpoint, by the phase's name.
    """
    on_start: Callable[[], None] | None = None
    """Runs when the phase starts, never when it is resumed (weight initialisation)."""
    on_enter: Callable[[Dataset], None] | None = None
    """Runs whenever the phase is started or resumed: recomputes what is derived and not saved (caption tables)."""
    check: Callable[[Any], Mapping[str, float]] | None = None
    """Computes numbers on a held-out batch, for the log."""
    draws: bool = True
    """Whether this phase changes what is drawn, so that sample grids are worth making."""

    def __post_init__(self) -> None:
        assert (self.step is None) != (self.once is None), f"phase {self.name}: exactly one of step= and once="
        assert bool(self.players) == (self.step is not None), f"phase {self.name}: players go with step="


@dataclass(frozen=True)
class Draft:
    """One state of what is drawn, with a row for each request; the last one that `sample` yields is the answer."""

    images: Tensor | None = None
    """(B, 3, H, W), or (B, T, 3, H, W) for a story, in [-1, 1]."""
    attention: Tensor | None = None
    """(B, T, h, w), the attention that each place of the picture pays to each word; it sums to 1 over words."""
    layout: Mapping[str, Tensor] | None = None
    """`boxes` (B, K, 4) as x, y, w, h in [0, 1], `labels` (B, K), -1 where empty; where known `masks` (B, K, h, w) over
    the picture, in [0, 1], and `points` (B, P, 3) as x, y in [0, 1] and how sure they are seen.
    """
    text: Sequence[str] | None = None
    """B texts."""
    note: str = ""
    """What this draft shows, for captions of drafts."""
    progress: float = 1.0
    """Share of the drawing that is done, in (0, 1]."""
    sentence_attention: Tensor | None = None
    """(B, h, w), the share that each place has of the attention to the whole sentence; it sums to 1 over places."""


@dataclass(frozen=True)
class ExportPart:
    """A net to run outside Python, such as in a browser, and its inputs and outputs there."""

    net: nn.Module
    given: Mapping[str, Tensor]
    """An example of each input by name, in order."""
    gives: tuple[str, ...]
    """Names of the outputs, in order."""
    noise: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Of each input that is noise, in the order they are drawn: how many of its numbers each knob scales."""
    rule: Mapping[str, Any] = field(default_factory=dict)
    """For the part `reader`: how a text becomes numbers (see `limner.blocks.text.encoders.TextEncoder.rule`)."""
    notes: tuple[str, ...] = ()
    """For the part `painter`: the notes of its drafts."""


@dataclass(frozen=True)
class Paper:
    """The publication that a system implements."""

    title: str
    authors: str
    year: int
    venue: str
    arxiv: str = ""


@dataclass(frozen=True)
class NoKnobs:
    """The knobs of a system that has none."""


class System(nn.Module):
    """A published system: one subclass per paper, in a file or package named as the system.

    A subclass sets the class attributes below and implements `phases` and `sample`; the other methods are optional. It
    has its own `Config` and `Knobs`, so it annotates them as what they are: `self.config: Config = config` in
    `__init__`, and `knobs: Spread` (its Knobs) in `sample`.
    """

    paper: ClassVar[Paper]
    takes: Takes = Nothing
    """The kind of request it draws, or several; on an instance, what `request_type` returns for its configuration."""
    most_things: int | None = None
    """The most boxes or labels of a request that it draws: held-out ones are cut to them. None: no limit of its own."""
    gives: ClassVar[frozenset[str]] = frozenset({"images"})
    """Fields of `Draft` that its last draft sets."""
    recognises: ClassVar[tuple[type[Request], ...]] = ()
    """The kinds of request of which `request_log_likelihood` says how likely they are, given pictures."""
    row_invariant: ClassVar[bool] = False
    """Whether `sample` itself sees to it that a row is the same bits in any batch; others are served in full ones."""
    Config: ClassVar[type]
    """Frozen dataclass of what is fixed when a system is built; `size`, in pixels, is one of its fields."""
    presets: ClassVar[Mapping[str, Any]]
    """Instances of `Config` by name."""
    default_preset: ClassVar[str] = ""
    """The preset that training takes where none is chosen. Empty: the only one; one of several has to be chosen."""
    Knobs: ClassVar[type] = NoKnobs
    """Frozen dataclass of what may change from one drawing to the next; every field has a default."""

    def __init__(self, config: Any, schema: Schema) -> None:
        """Store both. A subclass then builds ALL its modules: phases only choose which of them learn.

        Args:
            config: an instance of `Config`.
            schema: words, attributes and sizes of the data that it is trained on.

        Raises:
            UserError: where modules cannot be built as configured.
        """
        super().__init__()
        self.config, self.schema, self.takes = config, schema, self.request_type(config)

    @classmethod
    def request_type(cls, config: Any) -> Takes:
        """Return the kind of request, or the kinds, that a system of this configuration draws."""
        return cls.takes

    @property
    def kinds(self) -> tuple[type[Request], ...]:
        """Return the kinds of request that it draws, the one that a plain text means first."""
        return kinds_of(self.takes)

    @classmethod
    def data_size(cls, config: Any) -> int:
        """Return R, the side in pixels of the pictures it takes from the data (more than S where it crops)."""
        return int(config.size)

    @property
    def device(self) -> torch.device:
        """The device of its parameters; the CPU where it has none."""
        return next((p.device for p in self.parameters()), torch.device("cpu"))

    def phases(self) -> list[Phase]:
        """Return the stages of the training, in order."""
        raise NotImplementedError

    def sample(self, requests: Sequence[Request], knobs: Any, rng: RowNoise) -> Iterator[Draft]:
        """Draw a row for each request and yield drafts, the last one with progress 1.

        A row depends on its own request and noise alone: it is drawn the same alone as among others. The system is in
        evaluation mode. Callers use `sample_drafts`. They never disable gradients: a system that needs none decorates
        this with `no_grad`, and one that climbs has them, with `torch.enable_grad()` around what needs them and
        `limner.blocks.gradients.recurrent_gradients` around a recurrent net. A climb is a drawing of many drafts: the
        caller may stop after any of them, so each is a picture that can be kept, or one that shows nothing
        (`Draft(progress=...)`) where it is only a place to stop at.

        Args:
            requests: B of them, of the kinds it `takes`, or `Blend`s of such. Where it takes `Picture`,
                `limner.blocks.given` reads the pictures and `limner.requests.asked` says what is asked beside them.
            knobs: an instance of `Knobs`.
            rng: the noise of B rows, on the system's device.
        """
        raise NotImplementedError

    def exports(self) -> Mapping[str, ExportPart]:
        """Return the nets to draw with outside Python; empty where drawing is not a chain of forward passes.

        `painter` is the generator; `reader`, where there is one, the text encoder, whose outputs are inputs of
        `painter`; `setting`, of a system that draws stories, encodes its first T lines for `painter`, which then
        draws frame by frame. A painter that is given `scene`, all lines so far, draws a story of any length as one.
        """
        return {}

    def embed_pairs(self, images: Tensor, requests: Sequence[Request]) -> tuple[Tensor, Tensor] | None:
        """Return codes of pictures and of requests by its own encoders, None where it has none.

        Their cosine scores how well a picture fits a request: R-precision as the papers measure it.

        Args:
            images: (B, 3, S, S) in [-1, 1].
            requests: B of them.

        Returns:
            two of (B, E).
        """
        return None

    def describe(self, images: Tensor) -> list[str]:
        """Return a sentence for each picture, (B, 3, R, R) in [-1, 1]; raise UserError where it has no captioner."""
        raise UserError(f"{type(self).__name__} cannot say what is in a picture: it has no captioner")

    def attributes_of(self, images: Tensor) -> list[dict[str, str]]:
        """Return the attributes of pictures, (B, 3, R, R) in [-1, 1], by name, those that it can tell.

        Raises:
            UserError: where it names none, or is untrained.
        """
        raise UserError(f"{type(self).__name__} cannot name the attributes of a picture: it has not learnt to")

    def attribute_certainty(self, images: Tensor) -> list[dict[str, float]]:
        """Return the probability of each attribute that it names in pictures (B, 3, R, R), where it tells one."""
        return [{} for _ in images]

    def reconstructions(self, images: Tensor, steps: int) -> Iterator[Tensor] | None:
        """Draw pictures again, from what it finds in them step by step; None where it finds nothing so.

        Args:
            images: (B, 3, R, R) in [-1, 1].
            steps: how many.

        Returns:
            (B, 3, S, S) before the first step and after each.
        """
        return None

    def caption_log_likelihood(self, images: Tensor, requests: Sequence[Request]) -> Tensor | None:
        """Return the log-likelihood of each request's text given its picture by its own captioner, None without one.

        Args:
            images: (B, 3, S, S) in [-1, 1].
            requests: B of them.

        Returns:
            (B,), in nats per word.
        """
        return None

    def request_log_likelihood(self, images: Tensor, requests: Sequence[Request]) -> Tensor:
        """Return how likely each request is, given its picture, by its own captioner or classifier, in nats: (B,).

        Gradients flow to the pictures, on every device, so another system may climb by it (`climb_by`).

        Args:
            images: (B, 3, S, S) in [-1, 1].
            requests: B of the kinds that it `recognises`.

        Raises:
            UserError: where it recognises nothing, or not what a request says.
        """
        raise UserError(f"{type(self).__name__} cannot say what is in a picture, so nothing climbs by it")

    def climb_by(self, condition: System) -> None:
        """Draw from now on what another system recognises: it takes the place of the own condition, untrained.

        Args:
            condition: in evaluation mode, on the same device; it is no part of what a checkpoint holds.

        Raises:
            UserError: where it does not climb, or the other one recognises nothing.
        """
        raise UserError(f"{type(self).__name__} does not climb, so no other condition can be put into it")

    def layout_log_likelihood(
        self, labels: Tensor, boxes: Tensor, draws: int, rng: RowNoise
    ) -> tuple[Tensor, Tensor] | None:
        """Return how likely layouts are by its own model, None where it has none.

        Args:
            labels: (B, K) numbers in `schema.things`, -1 where there is no box.
            boxes: (B, K, 4) x, y, width and height in shares of the picture.
            draws: how many draws of latent variables estimate it.
            rng: the noise of B rows.

        Returns:
            the log-probability of counts given which labels are there, and the log-density of boxes given the counts,
            those of a label in order from left to right: two of (B,), in nats.
        """
        return None

    def as_written(self, texts: Sequence[str]) -> list[str]:
        """Return texts as it would write them at best, where it gives texts: cut to its length, in its letters.

        What it writes is measured against texts that were treated so. What it has written stays as it is.
        """
        return list(texts)

    def style(self, images: Tensor) -> Tensor:
        """Return noise (B, Z) from which pictures like these, (B, 3, R, R) in [-1, 1], would be drawn.

        Callers disable gradients around it, since most need none: one that climbs to it enables them inside, with
        `torch.enable_grad()`.

        Raises:
            UserError: where it has no style encoder, or an untrained one.
        """
        raise UserError(f"{type(self).__name__} cannot take a style from a picture: it has no style encoder")

    def check_request(self, request: Request) -> None:
        """Make sure that it can draw a request, beyond what the request checks itself; before anything is drawn.

        Raises:
            UserError: in one line that says what is wrong and what to do.
        """

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return the words of the requests that it does not know, each with the nearest known word it reads instead."""
        return {}

    def remarks(self, requests: Sequence[Request]) -> Sequence[str]:
        """Return a line for each way in which its drawings will fall short of the requests, for who asked."""
        return ()


def sample_drafts(
    system: System, requests: Sequence[Request], seeds: Sequence[Seed], knobs: Any | None = None
) -> Iterator[Draft]:
    """Draw a row for each request with its own seed, on the system's device; the last draft is the answer.

    Args:
        system: in evaluation mode.
        requests: B of them.
        seeds: one for each request.
        knobs: an instance of `system.Knobs`; its defaults where None.
    """
    return system.sample(requests, system.Knobs() if knobs is None else knobs, RowNoise(seeds, system.device))


def no_grad(sample: Callable[..., Iterator[Draft]]) -> Callable[..., Iterator[Draft]]:
    """Decorate `sample` of a system that needs no gradients while it draws.

    Callers never disable gradients around `sample`, since PPGN and MMVR need them inside it.
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
    """Encode B requests to (B, E); a `Blend` gets the linear interpolation of the codes of its two ends.

    Args:
        encode: N requests without blends to (N, E); called once.
        requests: B of them.
    """
    codes: Iterator[Tensor] = iter(encode([part for request in requests for part, _ in shares(request)]))

    def code(request: Request) -> Tensor:
        if isinstance(request, Blend):
            return code(request.first).lerp(code(request.second), request.t)
        return next(codes)

    return torch.stack([code(request) for request in requests])
