"""Attribute2Image: a conditional VAE that draws a figure and a ground from latent variables of their own.

Yan, Yang, Sohn, Lee: Attribute2Image: Conditional Image Generation from Visual Attributes, ECCV 2016.

Reading order: Attribute2ImageConfig, Inference (the knobs), Attribute2Image: its nets, the losses of both variants,
phase and step, the two ways to the latent variables of a picture (an encoder, then descent on an energy), sample. The
nets of both layers are in `blocks.layered`, the descent in `blocks.latent.descent`, attributes as numbers in
`blocks.attribute_codes`.

Letters: B pictures, S their side, A attributes, Y all their values, y (B, Y) what is asked for, m (B, 1, S, S) masks,
Z and Z_B numbers of the latent variables z_F and z_B, x_F figure, x_B ground, g gate, 1 where the ground is seen, x^
what is drawn.

What the paper claims
    Attributes and a latent variable draw pictures by a conditional VAE, p(x|y, z) p(z).
    disCVAE: a picture is a figure x_F, drawn from y and z_F, before a ground x_B, drawn from z_B alone, with a gate
    between. So attributes go where they belong, and each layer can be exchanged.
    The latent variables of a new picture are found by descent on an energy, E(z) = |x^ - x|^2 + lambda |z|^2: it can be
    drawn again, edited by its attributes, and completed where part of it is missing.

Deviations
    x^ = (1 - g) x_F + g x_B. The authors' code adds, x_F + g x_B, with a figure that is -1 outside its mask, so that
    grounds lie in [-2, 0]. Ours is compared with x inside the mask alone.
    The likelihood is Gaussian, as the paper writes it; the code of disCVAE has a smooth L1 loss. Its variance is .05;
    in the code of the CVAE it is learnt (`variance=none`). Losses are sums over pixels and means over the batch, where
    the code sums over both. The gate has one number a pixel, there three (`gates`).
    lambda is 1/2 with E in nats, so that E is -log p(x, z|y) but for a constant; the paper's is not known to us, nor
    how many steps it took. The best code so far is kept, so the energy never rises.
    Half of the pictures are given to the encoder of figures with their ground, since an uploaded picture has no mask.
    A head on the encoder names the attributes of a picture, for uploads. There all of y is always told; here one may
    ask for a few, and the rest comes from a training row by chance (`HotDeck`).
    Attributes of the ground may be left out (`left_out`): y does not reach x_B.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn

from limner.blocks.attribute_codes import AttributeCodes, HotDeck
from limner.blocks.export import example_condition, export_attributes, export_generator
from limner.blocks.given import Given, given_pictures, keep_known
from limner.blocks.latent.descent import Found, descend
from limner.blocks.latent.gaussian import Gaussian, kl_to_standard, pixel_nll
from limner.blocks.latent.knobs import Spread
from limner.blocks.layered import FigureDecoder, FigureEncoder, GroundDecoder, GroundEncoder, Layers, gate_loss
from limner.blocks.layers.convolutions import doublings
from limner.data.masked_views import MaskedLabelled
from limner.data.schema import Schema
from limner.data.views import Labelled
from limner.errors import UserError
from limner.noise import RowNoise
from limner.optimisers import adam_l2, constant, linear_to_zero
from limner.requests import Attributes, Picture, Request, asked
from limner.settings import Between
from limner.system import Clock, Draft, ExportPart, Paper, Phase, Player, System, Update, blend, no_grad

ALPHA = 0.3
"""Weight of the gate's cross-entropy."""
NAMING = 10.0
"""Weight of naming attributes: at 1 the encoder learns what redraws a picture and little of what is in it."""
WHOLE = 0.5
"""Share of the pictures that the encoder of figures sees with their ground."""
DESCENT = 0.05
"""Rate of Adam on latent variables."""


@dataclass(frozen=True, kw_only=True)
class Attribute2ImageConfig:
    """Settings of the system."""

    variant: Literal["cvae", "discvae"] = "discvae"
    """One layer, or a figure and a ground, which need masks."""
    size: int = 64
    """Side of the pictures in pixels: 16, 32, 64, ..."""
    width: int = 64
    """Channels at 64 pixels, n, in all nets."""
    latent: int = 192
    """Numbers of z_F."""
    ground_latent: int = 64
    """Numbers of z_B; the CVAE has all in one z."""
    gates: Literal[1, 3] = 1
    """Numbers of the gate for each pixel: one, or one for each colour."""
    variance: float | None = 0.05
    """Of the Gaussian likelihood; none: learnt for each number of a picture (cvae)."""
    left_out: tuple[str, ...] = ()
    """Attributes that are not asked for, where the data has them: the ground's, so that z_B has something to say."""
    images: int = 80 * 8_518
    """Budget in pictures."""
    batch: int = 32
    """Pictures in a step."""
    rate: float = 3e-4
    """Learning rate."""
    decay: bool = False
    """Whether the rate falls to 0 in the course of the training."""
    l2: float = 4e-3
    """Times the weights it is added to their gradient."""

    def __post_init__(self) -> None:
        doublings(self.size)
        if self.variance is None and self.variant == "discvae":
            raise ValueError("variance=none: the layers of discvae need a fixed variance, for example 0.05")
        if self.variance is not None and self.variance <= 0:
            raise ValueError(f"variance={self.variance}: it must be above 0")


@dataclass(frozen=True)
class Inference(Spread):
    """What may change from one drawing to the next."""

    ground: Annotated[int, Between(0, 1_000)] = 0
    """Which ground: 0 the seed's own, or the given picture's; 1, 2, ... others behind the same figure."""
    steps: Annotated[int, Between(0, 2_000)] = 100
    """Steps of the descent to the latent variables of a given picture; 0: what the encoder says."""
    restarts: Annotated[int, Between(0, 20)] = 0
    """Further descents to a given picture, from noise; of all the best is taken."""


class Attribute2Image(System):
    """Yan et al. 2016."""

    paper = Paper(
        title="Attribute2Image: Conditional Image Generation from Visual Attributes",
        authors="Xinchen Yan, Jimei Yang, Kihyuk Sohn, Honglak Lee",
        year=2016,
        venue="ECCV",
        arxiv="1512.00570",
    )
    takes = (Attributes, Picture)
    Config = Attribute2ImageConfig
    Knobs = Inference
    default_preset = "avatars"
    presets: ClassVar[Mapping[str, Attribute2ImageConfig]] = {
        "tiny": Config(size=16, width=8, latent=12, ground_latent=4, images=4_000, batch=8, rate=3e-3, decay=True),
        "avatars": Config(
            width=32, latent=64, ground_latent=8, left_out=("background",), images=300_000, rate=1e-3, decay=True,
        ),
        "lfw": Config(gates=3),
        "lfw-cvae": Config(variant="cvae", variance=None, images=100 * 8_518),
        "cub": Config(gates=3, latent=128, ground_latent=128, images=160 * 5_994),
        "celeba": Config(variant="cvae", variance=None, images=100 * 162_770),
    }  # fmt: skip
    config: Attribute2ImageConfig

    def __init__(self, config: Attribute2ImageConfig, schema: Schema) -> None:
        super().__init__(config, schema)
        c = config
        self.codes = AttributeCodes(schema, c.left_out)
        if not self.codes.width:
            raise UserError("this system draws from attributes: train it on data with a column attributes")
        self.deck = HotDeck(self.codes, c.latent)
        y, self.layered = self.codes.width, c.variant == "discvae"
        z = c.latent if self.layered else c.latent + c.ground_latent
        self.encoder = FigureEncoder(c.size, y, c.width, z)
        second = c.gates if self.layered else 3 if c.variance is None else 0
        self.decoder = FigureDecoder(c.size, y, c.width, z, second)
        self.names = nn.Linear(self.encoder.features, y)
        self.ground_encoder, self.ground_decoder = None, None
        if self.layered:
            self.ground_encoder = GroundEncoder(c.size, y + z, c.width, c.ground_latent)
            self.ground_decoder = GroundDecoder(c.size, c.width, c.ground_latent)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # quicker on CPUs in bf16

    @property
    def nets(self) -> list[nn.Module]:
        """All that learns."""
        parts = [self.encoder, self.decoder, self.names, self.ground_encoder, self.ground_decoder]
        return [part for part in parts if part is not None]

    # Losses

    def cvae_loss(self, x: Tensor, y: Tensor, seen: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return -log p(x|y, z) + KL( q(z|x, y) || N(0, 1) ), and both terms: (B,) in nats.

        Args:
            x: (B, 3, S, S).
            y: (B, Y).
            seen: (B, 16n) what the encoder saw in x.
        """
        q = self.encoder.posterior(seen, y)
        drawn = self.decoder(q.draw(torch.randn_like(q.mean)), y)
        log_variance = drawn.second if self.config.variance is None else math.log(self.config.variance)
        nll = pixel_nll(x, drawn.picture, log_variance).sum(dim=(1, 2, 3))
        kl = kl_to_standard(q)
        return nll + kl, {"nll": nll, "kl": kl}

    def discvae_loss(
        self, x: Tensor, y: Tensor, seen: Tensor, masks: Tensor, known: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return -log p(x_F) - log p(x^) + KL_F + KL_B + alpha BCE(g, 1 - m), and its terms: (B,).

        The figure counts where m says that it is seen; where no mask is known neither it nor the gate counts.

        Args:
            x, y: as `cvae_loss`.
            seen: (B, 16n) what the encoder of figures saw, of most pictures with their ground cut out.
            masks: (B, 1, S, S) m.
            known: bool (B,) whether m is known.
        """
        assert self.ground_encoder is not None and self.config.variance is not None
        spread = math.log(self.config.variance)
        q = self.encoder.posterior(seen, y)
        z = q.draw(torch.randn_like(q.mean))
        q_ground = self.ground_encoder(x, torch.cat([y, z], dim=1))
        layers = self.layers(z, q_ground.draw(torch.randn_like(q_ground.mean)), y)
        figure = (masks * pixel_nll(x, layers.figure, spread)).sum(dim=(1, 2, 3)) * known
        nll = pixel_nll(x, layers.compose(), spread).sum(dim=(1, 2, 3))
        kl, kl_ground, gate = kl_to_standard(q), kl_to_standard(q_ground), gate_loss(layers.logits, masks, known)
        log = {"figure": figure, "nll": nll, "kl": kl, "kl ground": kl_ground, "gate": gate}
        return figure + nll + kl + kl_ground + ALPHA * gate, log

    def phases(self) -> list[Phase]:
        """Return one phase, in which all nets learn together."""
        c = self.config
        vae = Player(
            modules=self.nets, optimiser=adam_l2(c.rate, c.l2), schedule=linear_to_zero if c.decay else constant
        )
        view = MaskedLabelled if self.layered else Labelled
        return [
            Phase(
                name="vae", view=view, images=c.images, batch=c.batch, step=self.step, players={"vae": vae},
                on_enter=self.deck.fill,
            )
        ]  # fmt: skip

    def step(self, batch: Labelled, clock: Clock) -> Iterator[Update]:
        """Update all nets on the bound, and the head that names attributes."""
        x, values = batch.images, self.codes.of_all(batch.attributes)
        y = self.codes.one_hot(values)
        if isinstance(batch, MaskedLabelled):
            shown = self.cut_out(x, batch.masks, batch.known)
            seen = self.encoder.look(shown)
            loss, log = self.discvae_loss(x, y, seen, batch.masks, batch.known)
        else:
            seen = self.encoder.look(x)
            loss, log = self.cvae_loss(x, y, seen)
        naming = self.codes.cross_entropy(self.names(seen), values)
        yield Update("vae", (loss + NAMING * naming).mean(), log | {"naming": naming})

    def cut_out(self, x: Tensor, masks: Tensor, known: Tensor) -> Tensor:
        """Return pictures with their ground grey, but for those of no mask and for `WHOLE` of the others."""
        whole = (torch.rand(len(x), device=x.device) < WHOLE) | ~known
        return torch.where(whole[:, None, None, None], x, x * masks)

    # From latent variables to pictures, and back

    def layers(self, z: Tensor, z_ground: Tensor, y: Tensor) -> Layers:
        """Return the layers that z_F (B, Z), z_B (B, Z_B) and y (B, Y) draw."""
        assert self.ground_decoder is not None
        figure = self.decoder(z, y)
        return Layers(figure.picture, figure.second, self.ground_decoder(z_ground).float())

    def draw(self, noise: Tensor, y: Tensor, complete: nn.Module | None = None) -> Iterator[Draft]:
        """Draw z_F and z_B, (B, Z + Z_B), and y (B, Y): figure, gate, ground and picture, or the picture alone.

        What y leaves open is completed, by chance that lies in z: by the deck, unless something else is given.
        """
        y = (complete or self.deck)(noise[:, : self.config.latent], y)
        if not self.layered:
            yield Draft(images=self.decoder(noise, y).picture)
            return
        c = self.config
        z, z_ground = noise.split([c.latent, c.ground_latent], dim=1)
        layers = self.layers(z, z_ground, y)
        gate = layers.gate.expand_as(layers.figure)
        yield Draft(images=(1 - gate) * layers.figure, note="figure", progress=0.25)
        yield Draft(images=1 - 2 * gate, note="gate: black where the ground is seen", progress=0.5)
        yield Draft(images=layers.ground, note="ground", progress=0.75)
        yield Draft(images=layers.compose(), note="picture")

    def picture(self, noise: Tensor, y: Tensor) -> Tensor:
        """Return the pictures alone of what `draw` takes."""
        *_, last = self.draw(noise, y)
        assert last.images is not None
        return last.images

    def guess(self, x: Tensor, y: Tensor) -> Gaussian:
        """Return what the encoders say of the latent variables of pictures: Gaussians of (B, Z + Z_B)."""
        q = self.encoder.posterior(self.encoder.look(x), y)
        if self.ground_encoder is None:
            return q
        q_ground = self.ground_encoder(x, torch.cat([y, q.mean], dim=1))
        return Gaussian(*(torch.cat(pair, dim=1) for pair in zip(q, q_ground, strict=True)))

    def energy(self, x: Tensor, y: Tensor, known: Tensor | float = 1.0) -> Callable[[Tensor], Tensor]:
        """Return E(z) = |x^ - x|^2 / (2 variance) + |z|^2 / 2 over the pixels that are known: (B, Z + Z_B) to (B,).

        Args:
            x: (B, 3, S, S).
            y: (B, Y).
            known: (B, 1, S, S) 1 where a pixel is known, else 0.
        """
        variance = self.config.variance or 0.05

        def value(z: Tensor) -> Tensor:
            wrong = (known * (self.picture(z, y) - x).square()).sum(dim=(1, 2, 3))
            return wrong / (2 * variance) + z.square().sum(dim=1) / 2

        return value

    def infer(self, x: Tensor, y: Tensor, steps: int) -> Iterator[Found]:
        """Yield ever better latent variables of whole pictures: the encoder's mean, then what each step comes to."""
        with torch.no_grad():
            start = self.guess(x, y).mean
        return descend(self.energy(x, y), [start], steps, DESCENT)

    @torch.no_grad()
    def read(self, images: Tensor) -> Tensor:
        """Return the likeliest value of each attribute of pictures, as one-hots: (B, Y).

        What never stands beside another value that is seen is left open.
        """
        seen = self.codes.one_hot(self.codes.likeliest(self.names(self.encoder.look(images))))
        return seen * self.deck.imputation().fitting(seen)

    def style(self, images: Tensor) -> Tensor:
        """Return the latent variables of pictures, of the attributes that it sees in them: (B, Z + Z_B)."""
        self.check_learnt()
        *_, last = self.infer(images, self.read(images), self.Knobs().steps)
        return last.z

    def attributes_of(self, images: Tensor) -> list[dict[str, str]]:
        """Return the attributes that it sees in pictures (B, 3, S, S), but for those of the ground."""
        self.check_learnt()
        return self.codes.named(self.codes.numbers(self.read(images)))

    @torch.no_grad()
    def attribute_certainty(self, images: Tensor) -> list[dict[str, float]]:
        """Return the probability of the likeliest value of each attribute."""
        shares = self.codes.split(self.codes.shares(self.names(self.encoder.look(images))))
        sure = torch.stack([part.amax(dim=1) for part in shares], dim=1)
        return [dict(zip(self.codes.values, row, strict=True)) for row in sure.tolist()]

    def check_learnt(self) -> None:
        """Make sure that it was trained: batch norm counts its batches."""
        if not any(int(count) for name, count in self.named_buffers() if name.endswith("num_batches_tracked")):
            raise UserError("this checkpoint was not trained, so it cannot look at pictures: train it first")

    def reconstructions(self, images: Tensor, steps: int) -> Iterator[Tensor]:
        """Yield pictures (B, 3, S, S) drawn again, the encoder's guess first, then after each step of the descent."""
        y = self.read(images)
        for found in self.infer(images, y, steps):
            with torch.no_grad():
                yield self.picture(found.z, y)

    def find(
        self, given: Given, y: Tensor, noise: Tensor, further: Sequence[Tensor], steps: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield latent variables (N, Z + Z_B) of given pictures, step by step, and what is to be drawn from them.

        What is not asked for is read from the picture, but for what never stands beside what is asked, as hair under a
        hat or a hat on hair. Where it has no hole its latent variables are those under all that is read, and what is
        asked is an edit. A hole is seen at first as what would be drawn of a training row that shares most of what is
        seen around it, as sure as it is seen, and of what is asked.

        Args:
            given: N pictures.
            y: (N, Y) what is asked of them.
            noise: (N, Z + Z_B), by which the first start differs from the encoders' mean.
            further: starts of further descents, each (N, Z + Z_B).
            steps: from each start.
        """
        hole = given.known.amax(dim=(1, 2, 3), keepdim=True) > 0
        counts = torch.where(hole, given.known, 1.0)
        deck = self.deck.imputation()
        around = self.codes.shares(self.names(self.encoder.look(counts * given.pixels)))
        row = deck.like(noise[:, : self.config.latent], self.codes.completed(y, around), weight=1)
        likely = self.codes.completed(y, row)
        x = torch.where(counts > 0, given.pixels, self.picture(torch.zeros_like(noise), likely))
        seen = self.read(x)
        wanted = self.codes.completed(y, deck.beside(seen, y))
        condition = torch.where(hole[:, 0, 0], wanted, seen)
        starts = [self.guess(x, condition).draw(noise), *further]
        for found in descend(self.energy(given.pixels, condition, counts), starts, steps, DESCENT):
            yield found.z, wanted

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: Inference, rng: RowNoise) -> Iterator[Draft]:
        """Draw in one forward pass; between two requests lie the mixtures of their values.

        What is not asked for comes from a training row, which the seed chooses among those that share most of it.
        Of a request with a picture the latent variables are found first; what it asks beside it is drawn from them, and
        every pixel that is known is put back.
        """
        c, given, found = self.config, given_pictures(requests, self.config.size, self.device), 0.0
        noise = knobs.spread * rng.normal(c.latent + c.ground_latent)
        y = blend(lambda ends: self.codes.encode(ends, self.device), asked(requests))
        further, grounds = rng.more(), rng.more()
        if given.is_given.any():
            self.check_learnt()
            rows, found = given.is_given, 0.8
            starts = [further.normal(noise.shape[1])[rows] for _ in range(knobs.restarts)]
            own, all_steps = Given(*(part[rows] for part in given)), (1 + knobs.steps) * (1 + knobs.restarts)
            finding = self.find(own, y[rows], noise[rows], starts, knobs.steps)
            for step, (z, condition) in enumerate(finding, start=1):
                noise[rows], y[rows] = z, condition
                images = keep_known(self.picture(noise, y), given)
                yield Draft(images=images, note=f"step {step} of {all_steps}", progress=found * step / all_steps)
        if knobs.ground:
            noise[:, c.latent :] = knobs.spread * self.other_ground(grounds, knobs.ground)
        for draft in self.draw(noise, y):
            assert draft.images is not None
            images = keep_known(draft.images, given) if draft.progress == 1 else draft.images
            yield Draft(images=images, note=draft.note, progress=found + (1 - found) * draft.progress)

    def other_ground(self, grounds: RowNoise, number: int) -> Tensor:
        """Return z_B of the n-th other ground of each seed: (B, Z_B)."""
        if not self.layered:
            raise UserError(
                "this artist draws in one layer and has no ground to exchange: train it with variant=discvae"
            )
        *_, last = (grounds.normal(self.config.ground_latent) for _ in range(number))
        return last

    def exports(self) -> Mapping[str, ExportPart]:
        """Return attributes as y (B, Y), and the decoders: z_F and z_B, (B, Z + Z_B), and y to figure, gate, ground.

        What begins from a picture is found by descent, and other grounds draw anew: both are Python's.
        """
        complete = self.deck.imputation()
        uses = [net for net in (complete, self.decoder, self.ground_decoder) if net is not None]
        noise = {"spread": self.config.latent + self.config.ground_latent}
        painter = export_generator(
            partial(self.draw, complete=complete), uses, noise, example_condition(self.codes.width)
        )
        return {"reader": export_attributes(self.codes.values), "painter": painter}

    def remarks(self, requests: Sequence[Request]) -> Sequence[str]:
        """Say which attributes it is not told, and which it leaves out beside others."""
        ends = [end for request in asked(requests) for end in request.ends()]
        grounds = [
            f"{name} is the ground's, which this artist draws by chance: choose it by the seed"
            for name in sorted(self.codes.unheard & {name for end in ends for name in end.named()})
        ]
        y = self.codes.encode(ends, self.device)
        left = self.codes.named(self.codes.numbers(y * (self.deck.imputation().fitting(y) == 0)))
        dropped = sorted({f"{name}: {value}" for one in left for name, value in one.items()})
        return grounds + [f"{one} is left out: no picture it learnt from has it beside the rest" for one in dropped]
