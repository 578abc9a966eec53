"""LayoutVAE: from a set of labels, how many of each there are, and then where each box lies.

Jyothi, Durand, He, Sigal, Mori: LayoutVAE: Stochastic Scene Layout Generation from a Label Set, ICCV 2019. Their claim:
two conditional VAEs, one of counts and one of boxes, each autoregressive and with a learned prior, draw layouts that
differ, say how likely a layout is, and so point out odd ones.

Reading order: LayoutVAEConfig, Condition, Step (one step of a conditional VAE, the same for a count and for a box),
Counts, Boxes, LayoutVAE: its phases and steps, its likelihood, sample.

Letters: B layouts, L labels, K boxes of a layout, C = 128 numbers of a condition, Z = 32 of a latent variable, M draws
of it. c condition, z latent variable, x a count less one or a box, q the posterior, p the prior.

Deviations
    The weight of KL rises from 0 to 1 over the first tenth of each phase; the paper's schedule is not known to us.
    The likelihood is in nats with the true sigma and KL has weight 1 from then on; public re-implementations weigh a
    squared error without sigma against KL, which is another trade.
    Labels come in the order of the schema (the most frequent first), the boxes of a label from left to right.
    Adam's rate is 1e-3 where re-implementations have 1e-4, since we train for minutes.
    A layout has at most `most` boxes, so that a row of a batch is drawn as it is alone.
    A box that is given and comes later in that order than one to be drawn is not looked at for it.
    `prior`, `latent`, `condition` and `sigma` are for comparison: N(0, I) as prior, no latent variable, a bag of boxes
    in which each box depends on its own label alone, and a deviation of boxes that is learned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from limner.blocks.latent.gaussian import Gaussian, importance_weighted, kl_divergence
from limner.blocks.latent.poisson import poisson_draw, poisson_log_probability, poisson_mode
from limner.blocks.layout.boxes import counts_of, in_order, inside, one_hot, renumbered
from limner.data.schema import Schema
from limner.data.views import Layouts
from limner.errors import UserError
from limner.noise import RowNoise
from limner.optimisers import adam, linear_to_zero
from limner.requests import LabelSet, Layout, Request, shares
from limner.system import Clock, Draft, Paper, Phase, Player, System, Update, no_grad

LEAST_DEVIATION = 0.005
"""Of a box where deviations are learned, so that no box has an endless density."""


@dataclass(frozen=True, kw_only=True)
class LayoutVAEConfig:
    """Settings of the system."""

    size: int = 16
    """Side of the pictures it takes from the data, in pixels; it reads none of them."""
    count_images: int = 600_000
    """Budget of the phase of counts, in layouts."""
    images: int = 600_000
    """Budget of the phase of boxes, in layouts."""
    batch: int = 128
    """Layouts in a step; re-implementations have 32."""
    rate: float = 1e-3
    """Learning rate, which falls to 0 in the course of each phase."""
    width: int = 128
    """Units of each layer, and C."""
    latent_width: int = 32
    """Numbers of each latent variable, Z."""
    most: int = 24
    """Boxes that a layout has at most when it is drawn."""
    sigma: float | None = 0.02
    """Deviation of a box from its mean, in shares of the picture; none: learned, from the condition."""
    prior: Literal["learned", "standard"] = "learned"
    """Whether p(z|c) is learned, or N(0, I)."""
    latent: bool = True
    """Whether there is a latent variable at all."""
    condition: Literal["all", "label"] = "all"
    """Whether a step is conditioned on all that came before, or on its own label alone (a bag of boxes)."""
    warm_up: float = 0.1
    """Share of each phase in which the weight of KL rises to 1."""


@dataclass(frozen=True)
class Likely:
    """What may change from one drawing to the next."""

    likely: bool = False
    """Draw what is likely: the mean of the prior, the mode of the Poisson law, the mean of the box."""
    exact: bool = False
    """Draw each label as often as it is written, also where none is repeated."""


def mlp(inside: int, width: int) -> nn.Sequential:
    """Return the net that reads each part of a condition: two layers of `width` units."""
    return nn.Sequential(nn.Linear(inside, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())


class Condition(nn.Module):
    """The labels, the present label, and what came before, joined to c: (..., C)."""

    def __init__(self, labels: int, before: int, config: LayoutVAEConfig) -> None:
        super().__init__()
        self.only_label = config.condition == "label"
        self.whole, self.current = mlp(labels, config.width), mlp(labels, config.width)
        self.before = mlp(before, config.width)
        self.join = nn.Linear(3 * config.width, config.width)

    def forward(self, whole: Tensor, current: Tensor, before: Tensor) -> Tensor:
        parts = [self.whole(whole), self.current(current), self.before(before)]  # each (..., C)
        if self.only_label:
            parts = [torch.zeros_like(parts[0]), parts[1], torch.zeros_like(parts[2])]
        return self.join(torch.cat(torch.broadcast_tensors(*parts), dim=-1))


class Terms(NamedTuple):
    """The two terms of the bound of one step, in nats."""

    kl: Tensor
    nll: Tensor


class Step(nn.Module):
    """One step of a conditional VAE: x of `inside` numbers, given c; `outside` parameters of the law of x."""

    def __init__(self, inside: int, outside: int, config: LayoutVAEConfig) -> None:
        super().__init__()
        width, z = config.width, config.latent_width
        self.latent, self.learned, self.z = config.latent, config.prior == "learned", z
        self.read = nn.Sequential(nn.Linear(inside, width), nn.ReLU(), nn.Linear(width, width))
        self.posterior = nn.Sequential(nn.Linear(2 * width, 32), nn.ReLU(), nn.Linear(32, 2 * z))
        self.prior = nn.Sequential(nn.Linear(width, 32), nn.ReLU(), nn.Linear(32, 2 * z))
        self.decode = nn.Sequential(
            nn.Linear(width + z, width), nn.ReLU(), nn.Linear(width, width // 2), nn.ReLU(),
            nn.Linear(width // 2, outside),
        )  # fmt: skip

    def q(self, x: Tensor, c: Tensor) -> Gaussian:
        """Return the posterior q(z|x, c)."""
        return Gaussian(*self.posterior(torch.cat([self.read(x), c], dim=-1)).chunk(2, dim=-1))

    def p(self, c: Tensor) -> Gaussian:
        """Return the prior p(z|c)."""
        if self.learned:
            return Gaussian(*self.prior(c).chunk(2, dim=-1))
        nought = c.new_zeros(*c.shape[:-1], self.z)
        return Gaussian(nought, nought)

    def law(self, c: Tensor, z: Tensor | None) -> Tensor:
        """Return the parameters of the law of x given c and z."""
        z = c.new_zeros(*c.shape[:-1], self.z) if z is None else z
        return self.decode(torch.cat([c.expand(*z.shape[:-1], c.shape[-1]), z], dim=-1))

    def bound(self, x: Tensor, c: Tensor, log_likelihood: Callable[[Tensor], Tensor]) -> Terms:
        """Return both terms of the negative bound; `log_likelihood` maps parameters of the law to log p(x|z, c)."""
        if not self.latent:
            nll = -log_likelihood(self.law(c, None))
            return Terms(torch.zeros_like(nll), nll)
        q, p = self.q(x, c), self.p(c)
        z = q.draw(torch.randn_like(q.mean))
        return Terms(kl_divergence(q, p), -log_likelihood(self.law(c, z)))

    def evidence(self, x: Tensor, c: Tensor, log_likelihood: Callable[[Tensor], Tensor], epsilon: Tensor) -> Tensor:
        """Estimate log p(x|c) by importance-weighted draws, epsilon (M, ..., Z); exact without latent variable."""
        if not self.latent:
            return log_likelihood(self.law(c, None))
        q, p = self.q(x, c), self.p(c)
        z = q.draw(epsilon)
        return importance_weighted(log_likelihood(self.law(c, z)), q, p, z)

    def draw(self, c: Tensor, epsilon: Tensor, likely: bool) -> Tensor:
        """Return the parameters of the law of x with z drawn from the prior, or at its mean."""
        if not self.latent:
            return self.law(c, None)
        p = self.p(c)
        return self.law(c, p.mean if likely else p.draw(epsilon))


class Counts(nn.Module):
    """How many of each label: a step a label, in the order of their numbers; Poisson on the count less one."""

    each: Tensor
    before: Tensor

    def __init__(self, labels: int, config: LayoutVAEConfig) -> None:
        super().__init__()
        self.condition, self.step = Condition(labels, labels, config), Step(1, 1, config)
        self.register_buffer("each", torch.eye(labels), persistent=False)
        self.register_buffer("before", torch.ones(labels, labels).tril(-1), persistent=False)

    def conditions(self, present: Tensor, counts: Tensor) -> Tensor:
        """Return c of each step, given all counts before it: (B, L, C)."""
        so_far = counts[:, None] * self.before  # (B, L, L)
        return self.condition(present[:, None], self.each[None], so_far)

    def terms(self, counts: Tensor) -> Terms:
        """Return the terms of each step, zeros where a label is absent: two of (B, L)."""
        present, x = (counts > 0).float(), (counts - 1).clamp(min=0)
        terms = self.step.bound(x[..., None], self.conditions(present, counts), self.likelihood_of(x))
        return Terms(terms.kl * present, terms.nll * present)

    def evidence(self, counts: Tensor, epsilon: Tensor) -> Tensor:
        """Estimate the log-probability of counts (B, L) with noise (M, B, L, Z): (B,)."""
        present, x = (counts > 0).float(), (counts - 1).clamp(min=0)
        conditions = self.conditions(present, counts)
        return (self.step.evidence(x[..., None], conditions, self.likelihood_of(x), epsilon) * present).sum(dim=1)

    @staticmethod
    def likelihood_of(x: Tensor) -> Callable[[Tensor], Tensor]:
        """Return what maps log-rates (..., 1) to the log-probability of x."""
        return lambda log_rate: poisson_log_probability(x, log_rate[..., 0])


class Boxes(nn.Module):
    """Where each box lies: a step a box; Gaussian about a mean, conditioned on an LSTM over the boxes before."""

    def __init__(self, labels: int, config: LayoutVAEConfig) -> None:
        super().__init__()
        self.sigma, self.width = config.sigma, config.width
        self.condition = Condition(labels, config.width, config)
        self.history = nn.LSTM(labels + 4, config.width, batch_first=True)
        self.step = Step(4, 4 if config.sigma else 8, config)

    def conditions(self, counts: Tensor, kinds: Tensor, boxes: Tensor) -> Tensor:
        """Return c of each step, given all boxes before it: (B, L), (B, K, L), (B, K, 4) to (B, K, C)."""
        read, _ = self.history(torch.cat([kinds, boxes], dim=-1))
        before = torch.cat([torch.zeros_like(read[:, :1]), read[:, :-1]], dim=1)  # (B, K, C)
        return self.condition(counts[:, None], kinds, before)

    def terms(self, counts: Tensor, kinds: Tensor, boxes: Tensor) -> Terms:
        """Return the terms of each step, zeros where there is no box: two of (B, K)."""
        there = kinds.sum(dim=-1)
        terms = self.step.bound(boxes, self.conditions(counts, kinds, boxes), self.likelihood_of(boxes))
        return Terms(terms.kl * there, terms.nll * there)

    def evidence(self, counts: Tensor, kinds: Tensor, boxes: Tensor, epsilon: Tensor) -> Tensor:
        """Estimate the log-density of boxes with noise (M, B, K, Z): (B,)."""
        conditions = self.conditions(counts, kinds, boxes)
        each = self.step.evidence(boxes, conditions, self.likelihood_of(boxes), epsilon)
        return (each * kinds.sum(dim=-1)).sum(dim=1)

    def law_of(self, parameters: Tensor) -> Gaussian:
        """Return the law of a box from the output of the decoder."""
        if self.sigma:
            mean, fixed = parameters, 2 * parameters.new_tensor(self.sigma).log()
            return Gaussian(mean, fixed.expand_as(mean))
        mean, free = parameters.chunk(2, dim=-1)
        return Gaussian(mean, 2 * (nn.functional.softplus(free) + LEAST_DEVIATION).log())

    def likelihood_of(self, boxes: Tensor) -> Callable[[Tensor], Tensor]:
        """Return what maps parameters of the law of a box to the log-density of `boxes`."""
        return lambda parameters: self.law_of(parameters).log_density(boxes)


class Asked(NamedTuple):
    """What one request asks for: boxes that are given, and of each other label a number, or None to draw one."""

    given: list[tuple[int, list[float]]]
    wanted: dict[int, int | None]


class LayoutVAE(System):
    """Draw labelled boxes from labels, or add boxes to a layout."""

    paper = Paper(
        title="LayoutVAE: Stochastic Scene Layout Generation from a Label Set",
        authors="Akash Abdu Jyothi, Thibaut Durand, Jiawei He, Leonid Sigal, Greg Mori",
        year=2019,
        venue="ICCV",
        arxiv="1907.10719",
    )
    takes = (LabelSet, Layout)
    gives = frozenset({"layout"})
    Config = LayoutVAEConfig
    Knobs = Likely
    default_preset = "layouts"
    presets: ClassVar = {
        "tiny": LayoutVAEConfig(
            count_images=2400, images=4800, batch=8, width=32, latent_width=4, most=8, rate=5e-3, sigma=0.05
        ),
        "layouts": LayoutVAEConfig(),
        "paper": LayoutVAEConfig(batch=32, rate=1e-4, count_images=3_000_000, images=3_000_000),
        "bag": LayoutVAEConfig(condition="label", latent=False, sigma=None),
    }

    def __init__(self, config: LayoutVAEConfig, schema: Schema) -> None:
        super().__init__(config, schema)
        self.config: LayoutVAEConfig = config
        self.most_things = config.most
        if not schema.things:
            raise UserError("this system learns from labelled boxes: train it on data with a column boxes")
        self.numbers = {label: number for number, label in enumerate(schema.things)}
        self.counts, self.boxes = Counts(len(self.numbers), config), Boxes(len(self.numbers), config)

    def phases(self) -> list[Phase]:
        c = self.config
        parts = (
            ("counts", self.counts, c.count_images, self.count_step),
            ("boxes", self.boxes, c.images, self.box_step),
        )
        return [
            Phase(
                name=name, view=Layouts, images=images, batch=c.batch, step=step,
                players={name: Player(modules=[part], optimiser=adam(c.rate), schedule=linear_to_zero, clip=1e4)},
                draws=part is self.boxes,
            )
            for name, part, images, step in parts
        ]  # fmt: skip

    def read(self, labels: Tensor, boxes: Tensor, names: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
        """Return counts (B, L), one-hot labels (B, K, L) and boxes (B, K, 4) in the order in which they are drawn."""
        labels, boxes = in_order(renumbered(labels, names, self.numbers), boxes)
        kinds = one_hot(labels, len(self.numbers))
        return counts_of(labels, len(self.numbers)), kinds, boxes * kinds.sum(dim=-1, keepdim=True)

    def count_step(self, batch: Layouts, clock: Clock) -> Iterator[Update]:
        """Learn how many there are of each label, given which are there."""
        counts, _, _ = self.read(batch.labels, batch.boxes, batch.names)
        yield self.update("counts", self.counts.terms(counts), clock)

    def box_step(self, batch: Layouts, clock: Clock) -> Iterator[Update]:
        """Learn where boxes lie, given all counts and the true boxes before each."""
        yield self.update("boxes", self.boxes.terms(*self.read(batch.labels, batch.boxes, batch.names)), clock)

    def update(self, player: str, terms: Terms, clock: Clock) -> Update:
        """Return the update of the negative bound: summed over steps, mean over layouts."""
        kl, nll = terms.kl.sum(dim=1).mean(), terms.nll.sum(dim=1).mean()
        weight = min(clock.progress / self.config.warm_up, 1.0) if self.config.warm_up else 1.0
        return Update(player, weight * kl + nll, {"kl": kl, "nll": nll})

    @torch.no_grad()
    def layout_log_likelihood(self, labels: Tensor, boxes: Tensor, draws: int, rng: RowNoise) -> tuple[Tensor, Tensor]:
        counts, kinds, boxes = self.read(labels, boxes, self.schema.things)
        z = self.config.latent_width
        count_noise = rng.normal(draws, len(self.numbers), z).transpose(0, 1)  # (M, B, L, Z)
        box_noise = rng.normal(draws, labels.shape[1], z).transpose(0, 1)  # (M, B, K, Z)
        return self.counts.evidence(counts, count_noise), self.boxes.evidence(counts, kinds, boxes, box_noise)

    def asked(self, request: Request, exact: bool = False) -> Asked:
        """Return what a request asks for.

        Labels that are repeated have the numbers that are written; of a set without repetition the numbers are drawn,
        unless it is `exact`. Boxes of a `Layout` stay, and its caption names labels to add, written like a label set.

        Raises:
            UserError: that is more than `most` boxes, or the caption names no labels.
        """
        parts = shares(request)
        plain: Any = parts[0][0]
        boxes = [
            (
                self.numbers[one[0][0]],
                [sum(w * box[k] for (_, w), box in zip(parts, one, strict=True)) for k in range(1, 5)],
            )
            for one in zip(*(getattr(part, "boxes", ()) for part, _ in parts), strict=True)
        ]
        labels = getattr(plain, "labels", ())
        if caption := getattr(plain, "caption", ""):
            more = LabelSet.parse(caption, self.schema)
            try:
                more.check(self.schema)
            except UserError as error:
                raise UserError(f"the caption of a layout names labels to add, like `2 cups, lamp`: {error}") from None
            labels = more.labels
        written = Counter(self.numbers[label] for label in labels)
        fixed = exact or len(labels) > len(written)
        count, most = len(boxes) + len(labels), self.config.most
        if count > most:
            raise UserError(f"the request asks for {count} boxes, and this artist places {most} at most: ask for fewer")
        return Asked(boxes, {label: count if fixed else None for label, count in sorted(written.items())})

    def check_request(self, request: Request) -> None:
        self.asked(request)

    def draw_counts(self, asked: Sequence[Asked], noise: Tensor, likely: bool) -> Tensor:
        """Return how many boxes there are of each label, those that are given among them: (B, L).

        Args:
            asked: of B requests.
            noise: (B, L, Z + 1).
            likely: whether to take the mode.
        """
        given = torch.zeros(len(asked), len(self.numbers), device=noise.device)
        wanted, free = given.clone(), given.clone()
        for row, one in enumerate(asked):
            for label, _ in one.given:
                given[row, label] += 1
            for label, count in one.wanted.items():
                wanted[row, label], free[row, label] = count or 1, count is None
        least = given + wanted
        present, counts = (least > 0).float(), least.clone()
        for label in range(len(self.numbers)):
            c = self.counts.conditions(present, counts)[:, label]
            log_rate = self.counts.step.draw(c, noise[:, label, :-1], likely)[:, 0]
            drawn = poisson_mode(log_rate) if likely else poisson_draw(log_rate, noise[:, label, -1], self.config.most)
            room = self.config.most - counts.sum(dim=1) + counts[:, label]
            drawn = torch.maximum(torch.minimum(drawn + 1, room), least[:, label])
            counts[:, label] = torch.where(free[:, label] > 0, drawn, counts[:, label])
        return counts

    def places(self, asked: Sequence[Asked], counts: Tensor) -> tuple[Tensor, Tensor]:
        """Return labels (B, most), -1 where there is no box, and boxes (B, most, 4), NaN where one is to be drawn."""
        labels = torch.full((len(asked), self.config.most), -1, device=counts.device)
        boxes = torch.full((*labels.shape, 4), torch.nan, device=counts.device)
        for row, one in enumerate(asked):
            place = 0
            for label, count in enumerate(counts[row].int().tolist()):
                own = sorted((box for number, box in one.given if number == label), key=lambda box: box[0])
                labels[row, place : place + count] = label
                for k, box in enumerate(own):
                    boxes[row, place + k] = torch.tensor(box)
                place += count
        return labels, boxes

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: Likely, rng: RowNoise) -> Iterator[Draft]:
        asked, z = [self.asked(request, knobs.exact) for request in requests], self.config.latent_width
        noise = rng.normal(self.config.most, z + 4)
        counts = self.draw_counts(asked, rng.normal(len(self.numbers), z + 1), knobs.likely)
        labels, given = self.places(asked, counts)
        kinds, boxes = one_hot(labels, len(self.numbers)), given.nan_to_num(0)
        last = int((labels >= 0).sum(dim=1).max())
        note = self.counted(counts[0]) if len(requests) == 1 else "counts"
        yield self.draft(labels, boxes, 0, last, note)
        state, before = None, torch.zeros_like(counts[:, :1]).expand(-1, self.config.width)
        for place in range(last):
            c = self.boxes.condition(counts, kinds[:, place], before)
            law = self.boxes.law_of(self.boxes.step.draw(c, noise[:, place, :z], knobs.likely))
            drawn = inside(law.mean if knobs.likely else law.draw(noise[:, place, z:]))
            drawn = torch.where(given[:, place].isnan(), drawn, given[:, place])
            boxes[:, place] = torch.where(labels[:, place, None] >= 0, drawn, 0.0)
            read, state = self.boxes.history(torch.cat([kinds[:, place], boxes[:, place]], dim=-1)[:, None], state)
            before = read[:, 0]
            yield self.draft(labels, boxes, place + 1, last, "")

    def draft(self, labels: Tensor, boxes: Tensor, done: int, last: int, note: str) -> Draft:
        """Return a draft of the first `done` boxes."""
        shown = torch.where(torch.arange(labels.shape[1], device=labels.device) < done, labels, -1)
        return Draft(layout={"boxes": boxes.clone(), "labels": shown}, note=note, progress=(1 + done) / (1 + last))

    def counted(self, counts: Tensor) -> str:
        """Say counts in words: `2 cup, 1 table`."""
        return ", ".join(f"{int(n)} {label}" for label, n in zip(self.schema.things, counts, strict=True) if n)
