"""GAWWN: told what to draw by a sentence, and where by a box or by key points.

Reed, Akata, Mohan, Tenka, Schiele, Lee: Learning What and Where to Draw, NIPS 2016.

Reading order: GawwnConfig; `nets`: BoxGenerator and BoxDiscriminator, PointsGenerator and PointsDiscriminator,
PointCompleter (G_k) and PointCritic (D_k); then Gawwn here: its step, the step of the key points, sample. What lies in
a box and what a box is put into are warps of `blocks.layout.warps`; key points are cells of `blocks.layout.maps`. The
text encoder is `blocks.pretrained_text`.

Letters: B pictures, S their side, E width of a sentence vector h, Z = 100 numbers of noise z, P key points, n width of
the generators, m of the discriminators. x real pictures, x_hat generated ones, l a place: a box (B, 4), or points
(B, P, 3) with x, y and 1 where a point can be seen. f(s) = log(1 + exp s).

Claims, by `by`
    box: text and noise make a small picture that is put into the box, and D looks into the box with the text beside it,
        so that what was asked for stands where it was asked for.
    points: a map for each key point tells where its part is; and G_k draws the points that are not given from the text
        and those that are, so that any of them may be given, or none.
    The same noise at another place is the same thing elsewhere: moved, stretched, shrunk.

The game, equation 3 with half weights:
    L_D = f(-D(x, l, h)) + 1/2 f(D(x, l, h_wrong)) + 1/2 f(D(x_hat, l, h)),     L_G = f(-D(x_hat, l, h))

Deviations
    What the authors' code does by mistake is not done: the generator's loss asks the discriminator afresh after its
    update; a mirrored picture exchanges left and right key points; points outside the picture are absent, not moved to
    its border; the discriminator's whole view has the text put into the box (warped by the box's own transform it was
    the same wherever the box is); widths of D_k are the discriminators'; no player's turn depends on the data.
    Warps and cells treat a map as areas, where the old sampler took corner points; a point at x lies in cell 16 x.
    Of several boxes of a picture the largest is the place, whatever its label; without one it is the whole picture.
    A request without a place gets a likely box: a normal law of middles and sides, fitted before the game. The paper
    always gives a box. A place without a sentence is drawn with the mean of all sentences.
    `recipe="modern"` keeps the claims and the generator, and adds what the field has learnt since: spectral norm in
    place of batch norm in the discriminator (Miyato et al. 2018), lazy R1 (Mescheder et al. 2018; Karras et al. 2020),
    two time scales (Heusel et al. 2017), averaged generator weights. DiffAugment, which moves pictures about, is not.
    Captions are averaged with replacement; the encoder is trained here and its vectors are standardised.
    Sides other than 128 add or leave out doublings at the fine end; the grid of places stays 16 by 16.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from limner.blocks.latent.knobs import Spread
from limner.blocks.latent.noise import normal
from limner.blocks.layers.convolutions import doublings, spectrally_normed
from limner.blocks.layers.initialisation import dcgan_init
from limner.blocks.layout.boxes import inside, largest
from limner.blocks.layout.windows import boxes_in, points_in
from limner.blocks.losses.adversarial import bce_fake, bce_real
from limner.blocks.losses.differentiable_augmentation import cut, draw_window
from limner.blocks.losses.penalties import gradient_penalty
from limner.blocks.pretrained_text import PretrainedText, TextConfig, build_text_encoder
from limner.blocks.text.caption_table import CaptionTable
from limner.blocks.text.standardise import Standardise
from limner.blocks.vision.encoders import ImageEncoder
from limner.data.located import BOXES, POINTS, Located, located
from limner.data.schema import Schema
from limner.errors import UserError
from limner.noise import RowNoise
from limner.optimisers import adam, step_halving
from limner.requests import Caption, Layout, Request, shares
from limner.system import Clock, Draft, Paper, Phase, Player, System, Update, blend, no_grad
from limner.systems.gawwn.nets import (
    GRID,
    BoxDiscriminator,
    BoxGenerator,
    PointCompleter,
    PointCritic,
    PointsDiscriminator,
    PointsGenerator,
    Z,
)

if TYPE_CHECKING:
    from limner.data.dataset import Dataset

LAZY, GAMMA = 16, 0.2  # modern: steps between two penalties, weight of R1
KEPT = 0.1
"""Chance of a key point to be given while G_k learns."""


@dataclass(frozen=True, kw_only=True)
class GawwnConfig(TextConfig):
    """Settings of the system."""

    by: Literal["box", "points"] = "box"
    """How it is told where: by a box, or by key points, of which any may be left out."""
    recipe: Literal["paper", "modern"] = "paper"
    """The published discriminator and its training, or what the field has learnt since around the same claims."""
    text: Literal["char", "char-gru", "word"] = "char-gru"
    """How sentences are read: by letters, with the net of Reed et al. (CVPR) or its gated sibling (ICML), or words."""
    size: int = 128
    """Side of the drawn pictures in pixels: 32, 64, 128, ..."""
    images: int = 600 * 8_855
    """Budget of the GAN in pictures; the paper's is 600 rounds over 8,855 birds."""
    batch: int = 16
    """Pictures in a step of the GAN."""
    point_images: int = 200 * 8_855
    """Budget of drawing key points, in pictures, where it is told by points."""
    point_batch: int = 64
    """Pictures in a step of drawing key points."""
    generator_width: int = 128
    """Channels that the generators' widths are multiples of, n; also those of G_k."""
    discriminator_width: int = 128
    """Channels that the discriminators' widths are multiples of, m; also those of D_k."""
    captions: int = 4
    """Captions of each picture, drawn with replacement, whose vectors are averaged."""
    crop: bool = False
    """Read pictures at 76/64 of the size and show a random window, mirrored half of the time, with what is where."""
    rate: float = 2e-4
    """Learning rate of all players; by the modern recipe half of it for the generator, twice for the discriminator."""

    def __post_init__(self) -> None:
        doublings(self.size)
        if self.size < 2 * GRID:
            raise UserError(f"size={self.size}: places lie on a grid of {GRID} cells, so 32 pixels are the least")


@dataclass(frozen=True)
class Wander(Spread):
    """What may change from one drawing to the next."""

    wander: float = 1.0
    """Factor on how far a box that nobody asked for lies from the mean of all boxes: at 0 it is the mean."""


class Gawwn(System):
    """Reed et al. 2016b."""

    paper = Paper(
        title="Learning What and Where to Draw",
        authors="Scott Reed, Zeynep Akata, Santosh Mohan, Samuel Tenka, Bernt Schiele, Honglak Lee",
        year=2016,
        venue="NIPS",
        arxiv="1610.02454",
    )
    takes = (Layout, Caption)
    gives = frozenset({"images", "layout"})
    Config = GawwnConfig
    Knobs = Wander
    default_preset = "avatars"
    presets: ClassVar[Mapping[str, GawwnConfig]] = {
        "tiny": Config(
            text="word", text_loss="contrastive", text_width=32, text_images=160, text_batch=8, size=32,
            images=2_400, batch=8, point_images=160, point_batch=8, generator_width=8, discriminator_width=8,
            captions=1, rate=1e-3, recipe="modern",
        ),
        "avatars": Config(
            text="word", text_loss="contrastive", text_width=256, text_images=200_000, text_batch=64, size=64,
            images=300_000, batch=32, generator_width=32, discriminator_width=32, captions=1, recipe="modern",
        ),
        "avatars-points": Config(
            by="points", text="word", text_loss="contrastive", text_width=256, text_images=200_000, text_batch=64,
            size=64, images=300_000, batch=32, point_images=100_000, generator_width=32, discriminator_width=32,
            captions=1, recipe="modern",
        ),
        "birds": Config(crop=True),
        "birds-points": Config(by="points", crop=True),
    }  # fmt: skip
    config: GawwnConfig
    mean: Tensor
    deviation: Tensor
    label: Tensor

    def __init__(self, config: GawwnConfig, schema: Schema) -> None:
        super().__init__(config, schema)
        c, count = config, len(schema.points)
        self.text = build_text_encoder(c, schema.lexicon)  # phi
        self.vision = ImageEncoder(self.data_size(c), c.text_width)
        self.standard, self.sentences = Standardise(c.text_width), CaptionTable()
        self.captions = PretrainedText(self.text, self.vision, self.standard, self.sentences, schema.lexicon, c.paired)
        sizes, modern = (c.size, c.text_width), c.recipe == "modern"
        self.generator: BoxGenerator | PointsGenerator
        self.discriminator: BoxDiscriminator | PointsDiscriminator
        if c.by == "points":
            if not count:
                raise UserError("by=points takes data with key points (a column keypoints), and this has none: by=box")
            self.generator = PointsGenerator(c.generator_width, *sizes, count)
            self.discriminator = PointsDiscriminator(c.discriminator_width, *sizes, count, norm=not modern)
            self.completer = PointCompleter(c.generator_width, c.text_width, count)  # G_k
            self.point_critic = PointCritic(c.discriminator_width, c.text_width, count)  # D_k
        else:
            self.generator = BoxGenerator(c.generator_width, *sizes)
            self.discriminator = BoxDiscriminator(c.discriminator_width, *sizes, norm=not modern)
        self.generator.apply(dcgan_init)
        self.discriminator.apply(dcgan_init)
        if modern:
            spectrally_normed(self.discriminator)
        self.register_buffer("mean", torch.tensor([0.5, 0.5, 1.0, 1.0]))  # of boxes: middle and sides
        self.register_buffer("deviation", torch.zeros(4, 4))  # times its transpose it is their covariance
        self.register_buffer("label", torch.tensor(-1))  # of the box that is the largest most often

    @classmethod
    def data_size(cls, config: GawwnConfig) -> int:
        """76/64 of the size where windows are cropped."""
        return config.size * 76 // 64 if config.crop else config.size

    def phases(self) -> list[Phase]:
        """Train the text encoder; fit the law of boxes, or train G_k; then the GAN, with all of them frozen."""
        c, players = self.config, self.players
        if c.by == "box":
            view = located(BOXES)
            before = Phase(name="boxes", view=view, images=0, batch=c.batch, once=self.fit_boxes)
        else:
            view = located(POINTS)
            before = Phase(
                name="points", view=view, images=c.point_images, batch=c.point_batch, step=self.complete, draws=False,
                players=players(critic=self.point_critic, points=self.completer), on_enter=self.captions.restore_table,
            )  # fmt: skip
        gan = Phase(
            name="gan", view=view, images=c.images, batch=c.batch, step=self.step, on_enter=self.captions.restore_table,
            players=self.opponents(),
        )  # fmt: skip
        return [*self.captions.phases(c), before, gan]

    def players(self, **modules: nn.Module) -> Mapping[str, Player]:
        """Return a player for each net, all with the same optimiser."""
        optimiser, schedule = adam(self.config.rate, betas=(0.5, 0.999)), step_halving(5)  # every 100 of 600 rounds
        return {
            name: Player(modules=[module], optimiser=optimiser, schedule=schedule) for name, module in modules.items()
        }

    def opponents(self) -> Mapping[str, Player]:
        """Return the two nets of the GAN."""
        if self.config.recipe == "paper":
            return self.players(discriminator=self.discriminator, generator=self.generator)
        rate, half_life = self.config.rate, min(10_000.0, self.config.images / 20)
        slow, fast = adam(rate / 2, betas=(0.0, 0.99)), adam(rate * 2, betas=(0.0, 0.99))
        return {
            "discriminator": Player(modules=[self.discriminator], optimiser=fast),
            "generator": Player(modules=[self.generator], optimiser=slow, ema=half_life),
        }

    def fit_boxes(self, data: Dataset) -> Mapping[str, float]:
        """Fit mean and covariance of the middles and sides of the places of all training pictures."""
        _, labels, boxes = data.layouts(range(data.length()))
        label, place = largest(labels, boxes)
        laid = torch.cat([place[:, :2] + place[:, 2:] / 2, place[:, 2:]], dim=1)  # (N, 4)
        covariance = torch.cov(laid.T, correction=0) + 1e-8 * torch.eye(4)
        self.mean.copy_(laid.mean(dim=0))
        self.deviation.copy_(torch.linalg.cholesky(covariance.double()).float())
        self.label.copy_(label.mode().values)
        spread = covariance.diagonal().sqrt()
        names = ("x", "y", "width", "height")
        return {f"{name} {what}": float(v[k]) for k, name in enumerate(names) for what, v in
                (("mean", self.mean), ("deviation", spread))}  # fmt: skip

    def seen(self, batch: Located) -> tuple[Tensor, Tensor]:
        """Return pictures (B, 3, S, S) and their places l as the nets see them: in windows where these are cropped."""
        by_box, side = self.config.by == "box", self.data_size(self.config)
        place = largest(batch.things, batch.boxes)[1] if by_box else batch.points
        if not self.config.crop:
            return batch.images, place
        window = draw_window(batch.images, self.config.size)
        shown = boxes_in(place, window, side) if by_box else points_in(place, window, side, self.schema.mirrored)
        return cut(batch.images, window), shown

    def complete(self, batch: Located, clock: Clock) -> Iterator[Update]:
        """Section 3.4: update D_k, then G_k, which is given each point with a chance of a tenth."""
        h = self.captions.draw(batch.rows)  # (B, E)
        _, real = self.seen(batch)  # (B, P, 3)
        given = real * (torch.rand_like(real[..., :1]) < KEPT)
        drawn = self.completer(normal(h, Z), h, given)
        s_r, s_f = self.point_critic(real, h), self.point_critic(drawn.detach(), h)
        yield Update("critic", bce_real(s_r) + bce_fake(s_f), {"real": s_r, "drawn": s_f})
        yield Update("points", bce_real(self.point_critic(drawn, h)))

    def step(self, batch: Located, clock: Clock) -> Iterator[Update]:
        """Update D on right pairs, on texts of other pictures and on drawn ones, all at their places; then G."""
        d = self.discriminator
        x, place = self.seen(batch)
        h = self.captions.draw(batch.rows, self.config.captions)  # (B, E)
        x_hat = self.generator(normal(h, Z), h, place)
        features = d.features(x)
        s_r = d.judge(features, h, place)
        s_w = d.judge(features, h[batch.wrong], place)  # another text, the place kept
        s_f = d(x_hat.detach(), h, place)
        loss = bce_real(s_r) + 0.5 * bce_fake(s_w) + 0.5 * bce_fake(s_f)
        if self.config.recipe == "modern" and clock.every(LAZY):
            loss = loss + LAZY * GAMMA / 2 * gradient_penalty(d, x, h, place)
        yield Update("discriminator", loss, {"right": s_r, "wrong": s_w, "drawn": s_f})
        yield Update("generator", bce_real(d(x_hat, h, place)))  # D is asked again: its weights have changed

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: Wander, rng: RowNoise) -> Iterator[Draft]:
        """Draw what was not told of the place, then the picture."""
        h = blend(self.encode, requests)
        noise = rng.normal(Z + 4)
        z = noise[:, :Z] * knobs.spread
        if self.config.by == "box":
            labels, given = self.asked_boxes(requests)
            place = torch.where(given.isnan(), self.likely_boxes(noise[:, Z:] * knobs.wander), given)
            layout = {"boxes": place[:, None], "labels": labels[:, None]}
        else:
            place = self.completer(z, h, self.asked_points(requests))
            nothing = torch.full((len(z), 1), -1, device=z.device)
            layout = {"boxes": z.new_zeros(len(z), 1, 4), "labels": nothing, "points": place}
        yield Draft(layout=layout, note="where", progress=0.5)
        yield Draft(images=self.generator(z, h, place), layout=layout, note="what")

    def encode(self, requests: Sequence[Request]) -> Tensor:
        """Encode the captions of requests: (B, E); zeros, the mean of all captions, where a layout says nothing."""
        says = [request for request in requests if request.sentence()]
        codes = iter(self.captions.encode(says) if says else ())
        nothing = torch.zeros(self.config.text_width, device=self.device)
        return torch.stack([next(codes) if request.sentence() else nothing for request in requests])

    def likely_boxes(self, epsilon: Tensor) -> Tensor:
        """Return boxes of the law of places for noise (B, 4), kept inside the picture: (B, 4)."""
        middles, sides = (self.mean + epsilon @ self.deviation.T).split(2, dim=1)
        sides = sides.clamp(0.05, 1)
        return inside(torch.cat([middles - sides / 2, sides], dim=1))

    def asked_boxes(self, requests: Sequence[Request]) -> tuple[Tensor, Tensor]:
        """Return the label and the box that each request gives, the largest of several.

        Returns:
            labels (B,); boxes (B, 4), NaN where there is none.
        """
        labels, found = [], []
        for request in requests:
            parts = [(getattr(one, "boxes", ()), share) for one, share in shares(request)]
            boxes = parts[0][0]
            if not boxes:
                labels.append(int(self.label))
                found.append([torch.nan] * 4)
                continue
            best = max(range(len(boxes)), key=lambda k: boxes[k][3] * boxes[k][4])
            known = self.schema.things
            labels.append(known.index(boxes[best][0]) if boxes[best][0] in known else -1)
            found.append([sum(share * one[best][k] for one, share in parts) for k in range(1, 5)])
        return torch.tensor(labels, device=self.device), torch.tensor(found, device=self.device)

    def asked_points(self, requests: Sequence[Request]) -> Tensor:
        """Return the points that each request gives, zeros for the others: (B, P, 3)."""
        number = {name: k for k, name in enumerate(self.schema.points)}
        found = torch.zeros(len(requests), len(number), 3)
        for row, request in enumerate(requests):
            for one, share in shares(request):
                for name, x, y in getattr(one, "points", ()):
                    found[row, number[name]] += share * torch.tensor([x, y, 1.0])
        return found.to(self.device)

    def remarks(self, requests: Sequence[Request]) -> Sequence[str]:
        """Say what of a place is not looked at."""
        wanted, other, names = (
            (BOXES, "points", "a box") if self.config.by == "box" else ("points", BOXES, "key points")
        )
        asked: list[Any] = [end for request in requests for end in request.ends()]
        said = []
        if not all(end.sentence() for end in asked):
            said.append("nothing says what to draw there: give the layout a caption, too, such as `a smiling woman`")
        if any(getattr(end, other, ()) and not getattr(end, wanted, ()) for end in asked):
            said.append(f"it is told where by {names}: what else was given is not looked at")
        if self.config.by == "box" and any(len(getattr(end, BOXES, ())) > 1 for end in asked):
            said.append("it is told one box, the largest that was given: the others are not looked at")
        if any(any(getattr(end, "masks", ())) for end in asked):
            said.append("it knows no shapes: the masks are not looked at")
        return said

    def embed_pairs(self, images: Tensor, requests: Sequence[Request]) -> tuple[Tensor, Tensor] | None:
        """Return codes of pictures and captions by the pre-trained encoders, two of (B, E)."""
        return self.captions.embed_pairs(images, requests)

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words that no caption of the training set has, each with the nearest that one has."""
        return self.captions.unknown_words(requests)
