"""A sentence becomes boxes, boxes become shapes, shapes become a picture; each stage learns alone.

Hong, Yang, Choi, Lee: Inferring Semantic Layout for Hierarchical Text-to-Image Synthesis, CVPR 2018.

Reading order: SemanticLayoutConfig; Painter, which draws over a layout; SemanticLayout: the stages, their steps and
losses, sample. Boxes are `blocks.layout.box_generator`, shapes with their two critics `blocks.layout.shape_generator`.

Letters: B pictures, S their side, E width of a sentence s, K boxes at most, L labels, M a layout: a plane for each
label and one for all things, (B, L + 1, h, h), Z numbers of noise z, n width of the painter. x real pictures, x_hat
drawn ones; f(a) = log(1 + exp a).

What the paper claims
    A layout between a sentence and a picture, first boxes, then the shape of each thing in its box, makes pictures of
    several things recognisable, and the nearer the layout is to the truth, the better they are.
    Each stage learns from the true output of the one before, so each can be given instead of drawn: boxes are moved,
    added, taken away, and the rest is drawn again.
    The layout comes out with the picture: it is annotated.

The three games
    boxes       4 CE(label) - log p(x, y | label) - log p(w, h | x, y, label), mixtures of bivariate normal laws
    shapes      L_instance + L_global + 10 L_perceptual
    pictures    L_D = f(-D(x, M, s)) + f(D(x_hat, M, s)) + 1/2 f(D(x, M, s_wrong)) + 1/2 f(D(x, M_wrong, s)),
                L_G = f(-D(x_hat, M, s)) + 10 L_perceptual

Deviations
    There is no code by the authors. Layers and widths are ours, and those of the shapes come from Obj-GAN's public
    code, which draws shapes in the same way; what is published and what is ours stands on the page of this system.
    Sentences are read by a word encoder that learns beside an image encoder, by CLIP's loss. That image encoder, at
    rest, is what pictures and shapes are compared by; `vision=vgg` takes VGG-16 with weights of ImageNet.
    Laws of places have a hidden layer; without it a label shifts what the state says and cannot change what it means.
    A box that is given takes the turn of the first box of its label, so that what the text asks for is not drawn twice.
    Critics of pictures have spectral norm in place of batch norm, and the painter's weights are averaged.
    A shape has the noise of its label and its turn among that label: a box that goes leaves the noise of others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.discriminators.joint import JointDiscriminator
from limner.blocks.latent.knobs import Spread
from limner.blocks.latent.noise import normal
from limner.blocks.layers.convolutions import LEAK, doublings, down, tile
from limner.blocks.layers.initialisation import orthogonal
from limner.blocks.layers.tree import Residual, Same, Up
from limner.blocks.layout.asked import asked_things, check_most
from limner.blocks.layout.box_generator import NOISE, BoxGenerator, box_update, boxes_player
from limner.blocks.layout.boxes import one_hot
from limner.blocks.layout.maps import painted
from limner.blocks.layout.shape_generator import MaskCritic, ShapeGame, ShapeGenerator
from limner.blocks.losses.adversarial import bce_fake, bce_real
from limner.blocks.losses.joint_embedding import contrastive
from limner.blocks.losses.perceptual import perceptual_loss
from limner.blocks.text.encoders import TextCodes, WordEncoder, texts_of, unknown_words
from limner.blocks.text.standardise import Standardise
from limner.blocks.vision.encoders import ImageEncoder
from limner.blocks.vision.pretrained import VggFeatures, load_imagenet
from limner.data.descriptions import WholePairs
from limner.data.schema import Schema
from limner.data.views import Scenes, partners, scenes
from limner.errors import UserError
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import Caption, Layout, Request
from limner.settings import Between
from limner.system import Clock, Draft, Paper, Phase, Player, System, Update, blend, no_grad

if TYPE_CHECKING:
    from limner.data.dataset import Dataset

GRID, SHAPE_NOISE, READ = 8, 16, 128
"""Side of the map on which text and noise join a layout; numbers of noise of a shape; what D reads a sentence to."""
MEASURED = 4_000
"""Texts by which vectors of sentences are standardised."""


@dataclass(frozen=True, kw_only=True)
class SemanticLayoutConfig:
    """Settings of the system."""

    text_width: int = 256
    """Width of a sentence vector, E."""
    text_images: int = 200_000
    """Budget of learning to read, in pictures."""
    text_batch: int = 64
    """Pictures in a step of learning to read, and layouts in one of the boxes."""
    size: int = 64
    """Side of the drawn pictures in pixels: 16, 32, 64, 128, ..."""
    box_images: int = 200_000
    """Budget of the boxes, in layouts."""
    shape_images: int = 100_000
    """Budget of the shapes, in pictures."""
    images: int = 300_000
    """Budget of the pictures."""
    batch: int = 32
    """Pictures in a step of the shapes and of the pictures."""
    most: int = 8
    """Boxes of a picture at most, K; of more the largest are taken."""
    order: Literal["area", "left"] = "area"
    """In which order boxes are drawn: from the largest on, or from left to right."""
    components: int = 5
    """Components of the mixtures of places."""
    box_width: int = 256
    """Units of the LSTM of boxes, and of the layer before its laws."""
    mask_size: int = 32
    """Side of shapes in pixels."""
    shape_width: int = 32
    """Channels of the shapes' maps at half of that side."""
    aggregate: Literal["max", "sum"] = "max"
    """How the global critic sees the shapes of a picture: the largest at each place, or their sum."""
    generator_width: int = 32
    """Channels of the painter's maps at full size, n."""
    discriminator_width: int = 32
    """Channels of the first map of the critic of pictures."""
    vision: Literal["small", "vgg"] = "small"
    """What compares pictures: the image encoder that was trained here, or VGG-16 with weights of ImageNet."""
    perceptual: float = 10.0
    """Weight of the perceptual loss in shapes and pictures."""
    rate: float = 2e-4
    """Learning rate of shapes, painter and critics; that of boxes is five times as much."""

    def __post_init__(self) -> None:
        doublings(self.size), doublings(self.mask_size)
        if not 1 <= self.most <= 100:
            raise UserError(f"most={self.most}: a picture has 1 to 100 boxes")


@dataclass(frozen=True)
class Drawing(Spread):
    """What may change from one drawing to the next."""

    temperature: Annotated[float, Between(0, 2)] = 0.4
    """How freely boxes are drawn: at 1 as they were learnt, below 1 likelier and more alike, at 0 the likeliest."""
    missing: bool = False
    """Boxes that are given are the whole layout, unless what the text asks for beside them is drawn, too."""


def resized(maps: Tensor, side: int) -> Tensor:
    """Return maps (B, C, h, h) at another side: means of cells, or linear between them."""
    if side < maps.shape[-1]:
        return F.adaptive_avg_pool2d(maps, side)
    return F.interpolate(maps, size=(side, side), mode="bilinear") if side > maps.shape[-1] else maps


class Painter(nn.Module):
    """G: a layout M, a sentence (B, E) and noise (B, Z) to pictures (B, 3, S, S), by cascaded refinement.

    The layout is halved to a map A of 8 by 8; the sentence opens a gate over its channels, A sigma(W s), which says
    what of the layout it speaks of; then A, what came through the gate, and the noise are doubled up to the picture,
    and before every doubling the layout is looked at again, at that side.
    """

    def __init__(self, labels: int, text: int, noise: int, width: int, size: int) -> None:
        super().__init__()
        self.size, planes, n = size, labels + 1, width
        times = doublings(size) - 1  # from 8x8 to S
        down_widths = [n, *(min(n << i, 4 * n) for i in range(1, times + 1))]
        layers: list[nn.Module] = [nn.Conv2d(planes, n, 3, padding=1), nn.LeakyReLU(LEAK)]
        for inside, outside in pairwise(down_widths):
            layers += [down(inside, outside), nn.LeakyReLU(LEAK)]
        self.encode = nn.Sequential(*layers)
        self.gate = nn.Linear(text, down_widths[-1])
        self.join = Same(2 * down_widths[-1] + noise, 4 * n)
        self.refine = nn.Sequential(*(Residual(4 * n) for _ in range(3)))
        up_widths = [4 * n, *(max(4 * n >> i, n) for i in range(1, times)), n]
        self.grow = nn.ModuleList(Up(inside + planes, outside) for inside, outside in pairwise(up_widths))
        self.colour = nn.Sequential(nn.Conv2d(n + planes, 3, 3, padding=1), nn.Tanh())

    def forward(self, layout: Tensor, s: Tensor, z: Tensor) -> Tensor:
        a = self.encode(resized(layout, self.size))  # (B, 4n, 8, 8)
        through = a * self.gate(s).sigmoid()[:, :, None, None]
        h = self.refine(self.join(tile(z, torch.cat([a, through], dim=1))))
        for up in self.grow:
            h = up(torch.cat([h, resized(layout, h.shape[-1]).to(h.dtype)], dim=1))
        return self.colour(torch.cat([h, resized(layout, self.size).to(h.dtype)], dim=1))


class SemanticLayout(System):
    """Hong et al. 2018."""

    paper = Paper(
        title="Inferring Semantic Layout for Hierarchical Text-to-Image Synthesis",
        authors="Seunghoon Hong, Dingdong Yang, Jongwook Choi, Honglak Lee",
        year=2018,
        venue="CVPR",
        arxiv="1801.05091",
    )
    takes = (Layout, Caption)
    gives = frozenset({"images", "layout"})
    Config = SemanticLayoutConfig
    Knobs = Drawing
    default_preset = "layouts"
    presets: ClassVar[Mapping[str, SemanticLayoutConfig]] = {
        "tiny": Config(
            text_width=32, text_images=160, text_batch=8, size=16, box_images=320, shape_images=160, images=2_400,
            batch=8, most=3, components=2, box_width=32, mask_size=16, shape_width=8, generator_width=8,
            discriminator_width=8, rate=1e-3,
        ),
        "layouts": Config(
            text_images=40_000, box_images=120_000, shape_images=20_000, images=60_000, size=32, most=16,
            shape_width=16,
        ),
        "avatars": Config(),
        "clevr": Config(most=4, text_images=60_000, box_images=100_000, shape_images=40_000, images=120_000),
        "coco": Config(
            text_width=1024, text_images=60 * 82_783, size=128, box_images=60 * 82_783, shape_images=60 * 82_783,
            images=120 * 82_783, order="left", components=20, aggregate="sum", generator_width=64,
            discriminator_width=64, shape_width=80, vision="vgg",
        ),
    }  # fmt: skip
    config: SemanticLayoutConfig

    def __init__(self, config: SemanticLayoutConfig, schema: Schema) -> None:
        super().__init__(config, schema)
        c, count, self.most_things = config, len(schema.things), config.most
        if not count:
            raise UserError("this system learns from labelled boxes: train it on data with a column boxes")
        self.numbers = {label: number for number, label in enumerate(schema.things)}
        self.lexicon = schema.lexicon.with_words_of(schema.spoken)
        self.text, self.vision = WordEncoder(self.lexicon, c.text_width), ImageEncoder(c.size, c.text_width)
        self.standard = Standardise(c.text_width)
        self.boxes = BoxGenerator(
            count, c.text_width, width=c.box_width, components=c.components, hidden=c.box_width, order=c.order
        )
        self.shapes = ShapeGenerator(count, c.mask_size, c.shape_width, SHAPE_NOISE)
        self.instance_critic = MaskCritic(count, c.mask_size, max(c.shape_width // 2, 4))
        self.global_critic = MaskCritic(count, c.mask_size, max(c.shape_width // 2, 4))
        self.painter = Painter(count, c.text_width, self.noise, c.generator_width, c.size).apply(orthogonal)
        self.critic = JointDiscriminator(
            c.discriminator_width, c.size, c.text_width, alone=False, read=READ, norm=False, beside=count + 1
        )
        self.vgg = VggFeatures() if c.vision == "vgg" else None
        self.game = ShapeGame(
            self.shapes, self.instance_critic, self.global_critic, self.features, c.aggregate, perceptual=c.perceptual
        )

    @property
    def noise(self) -> int:
        """Z."""
        return 2 * self.config.generator_width

    def phases(self) -> list[Phase]:
        """Learn to read; then each stage alone, on the true output of the one before."""
        c = self.config
        view, half_life = scenes(c.most, c.mask_size), min(10_000.0, c.images / 20)
        optimiser = adam(c.rate, betas=(0.5, 0.999))
        opponents = {
            "critic": Player(modules=[self.critic], optimiser=optimiser),
            "painter": Player(modules=[self.painter], optimiser=optimiser, ema=half_life),
        }
        reading = contrastive(self.text, self.vision, images=c.text_images, batch=c.text_batch)
        return [
            dataclasses.replace(reading, view=WholePairs, on_start=lambda: load_imagenet(self)),
            Phase(name="read", view=WholePairs, images=0, batch=c.text_batch, once=self.measure),
            Phase(
                name="boxes", view=view, images=c.box_images, batch=c.text_batch, step=self.place, draws=False,
                players={"boxes": boxes_player(self.boxes, rate=5 * c.rate)},
            ),
            Phase(
                name="shapes", view=view, images=c.shape_images, batch=c.batch, step=self.shape, draws=False,
                players=self.game.players(c.rate),
            ),
            Phase(name="pictures", view=view, images=c.images, batch=c.batch, step=self.paint, players=opponents),
        ]  # fmt: skip

    @torch.no_grad()
    def measure(self, data: Dataset) -> None:
        """Measure mean and deviation of the vectors of sentences, on texts of the training set."""
        rows = torch.linspace(0, data.length() - 1, min(MEASURED, data.length())).long().tolist()
        said = zip(data.descriptions(rows), (data.captions(row) for row in rows), strict=True)
        texts = [text or captions[0] for text, captions in said]
        parts = [self.text.sentence(texts[start : start + 100]) for start in range(0, len(texts), 100)]
        self.standard.fit(torch.cat(parts))

    def read(self, texts: Sequence[str]) -> TextCodes:
        """Encode B sentences, with the text encoder at rest."""
        with torch.no_grad():
            return self.codes(self.standard(self.text.sentence(texts)))

    @staticmethod
    def codes(s: Tensor) -> TextCodes:
        """Return sentences (B, E) as the box generator takes them: none of ours looks at single words."""
        return TextCodes(s, s[:, None], s.new_zeros(len(s), 1))

    def features(self, images: Tensor) -> Tensor:
        """Return what pictures (B, 3, h, h) are compared by: all maps of the frozen encoder, (B, F)."""
        if self.vgg is not None:
            return self.vgg(images).flatten(1)
        found = []
        for layer in self.vision.trunk:
            images = layer(images)
            if isinstance(layer, nn.LeakyReLU):
                found.append(images.flatten(1))
        return torch.cat(found, dim=1)

    def layout(self, labels: Tensor, masks: Tensor) -> Tensor:
        """Return M of labels (B, K) and masks (B, K, h, h): a plane for each label, and one for all things."""
        kinds = one_hot(labels, len(self.numbers))
        values = torch.cat([kinds, (labels >= 0)[..., None].to(kinds)], dim=2)  # (B, K, L + 1)
        return painted(values, masks.to(kinds)).clamp(max=1)

    def place(self, batch: Scenes, clock: Clock) -> Iterator[Update]:
        """Learn the boxes of true layouts, each given those before it."""
        yield box_update(self.boxes, self.read(batch.texts), batch.labels, batch.boxes)

    def shape(self, batch: Scenes, clock: Clock) -> Iterator[Update]:
        """Learn the shapes in true boxes."""
        yield from self.game.step(batch.labels, batch.boxes, batch.masks, batch.shaped)

    def paint(self, batch: Scenes, clock: Clock) -> Iterator[Update]:
        """Update D on right triples, another text, another layout and drawn pictures; then G, on true layouts."""
        d, x = self.critic, batch.images
        s, m = self.read(batch.texts).sentence, self.layout(batch.labels, batch.masks)
        seen = resized(m, self.config.size)
        other_text, other_layout = mismatched(batch.texts), mismatched(layouts_as_keys(batch))
        x_hat = self.painter(m, s, normal(s, self.noise))
        features = d.features(torch.cat([x, seen], dim=1))
        s_r, s_t = d.judge(features, s), d.judge(features, s[other_text])
        s_l = d(torch.cat([x, seen[other_layout]], dim=1), s)
        s_f = d(torch.cat([x_hat.detach(), seen], dim=1), s)
        loss = bce_real(s_r) + bce_fake(s_f) + 0.5 * bce_fake(s_t) + 0.5 * bce_fake(s_l)
        yield Update("critic", loss, {"right": s_r, "wrong text": s_t, "wrong layout": s_l, "drawn": s_f})
        fooling = bce_real(d(torch.cat([x_hat, seen], dim=1), s))
        alike = perceptual_loss(self.features, [x], [x_hat])
        yield Update("painter", fooling + self.config.perceptual * alike, {"fooling": fooling, "perceptual": alike})

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: Drawing, rng: RowNoise) -> Iterator[Draft]:
        """Draw box after box, then all shapes, then the picture."""
        c, s = self.config, blend(self.encode, requests)
        asked = asked_things(requests, self.schema.things, c.most, c.mask_size, s.device)
        z = rng.normal(self.noise) * knobs.spread
        box_noise, shape_noise = rng.more().normal(c.most, NOISE), rng.more()
        speaks = torch.tensor([all(end.sentence() for end in one.ends()) for one in requests], device=s.device)
        found, places = torch.full_like(asked.labels, -1), torch.zeros_like(asked.boxes)
        drawn = self.boxes.draw(
            self.codes(s), box_noise, asked.labels, asked.boxes, missing=speaks & knobs.missing,
            temperature=knobs.temperature,
        )  # fmt: skip
        for k, (found, places) in enumerate(drawn, start=1):
            layout = {"boxes": places, "labels": found}
            yield Draft(layout=layout, note=f"box {k}" if k > 1 else "boxes", progress=k / (c.most + 3))
        masks = self.shapes(found, places, own_noise(found, shape_noise.normal(len(self.numbers), c.most, SHAPE_NOISE)))
        masks = asked.shapes_kept(found, places, masks)
        layout = {"boxes": places, "labels": found, "masks": masks}
        yield Draft(layout=layout, note="shapes", progress=(c.most + 1) / (c.most + 3))
        yield Draft(images=self.painter(self.layout(found, masks), s, z), layout=layout, note="picture")

    def encode(self, requests: Sequence[Request]) -> Tensor:
        """Encode the captions of requests: (B, E); zeros, the mean of all texts, where a layout says nothing."""
        says = [request for request in requests if request.sentence()]
        codes = iter(self.standard(self.text.sentence(texts_of(says))) if says else ())
        nothing = torch.zeros(self.config.text_width, device=self.device)
        return torch.stack([next(codes) if request.sentence() else nothing for request in requests])

    def check_request(self, request: Request) -> None:
        check_most(request, self.config.most)
        for end in request.ends():
            if not getattr(end, "boxes", ()) and not end.sentence():
                raise UserError("the request says nothing that this artist can draw: give it a caption, or some boxes")

    def remarks(self, requests: Sequence[Request]) -> Sequence[str]:
        """Say what of a layout is not looked at."""
        asked: list[Any] = [end for request in requests for end in request.ends()]
        said = []
        if any(not end.sentence() for end in asked):
            said.append("nothing says what to draw beside the boxes: give the layout a caption, too")
        if any(getattr(end, "points", ()) for end in asked):
            said.append("it is told where by boxes: key points are not looked at")
        return said

    @torch.no_grad()
    def embed_pairs(self, images: Tensor, requests: Sequence[Request]) -> tuple[Tensor, Tensor]:
        """Return codes of pictures and captions by the encoders that learnt beside each other, two of (B, E)."""
        return torch.cat([self.vision(part) for part in images.split(100)]), self.text.sentence(texts_of(requests))

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words that no text of the training set has, each with the nearest that one has."""
        return unknown_words(self.lexicon, requests)


def mismatched(texts: Sequence[str]) -> list[int]:
    """Return for each place the next one, cyclically, that says something else."""
    return partners([(text,) for text in texts], [-1] * len(texts))


def layouts_as_keys(batch: Scenes) -> list[str]:
    """Return a text for each layout of a batch, the same for layouts that are alike."""
    rows = zip(batch.labels.tolist(), batch.boxes.mul(100).round().int().tolist(), strict=True)
    return [str(row) for row in rows]


def own_noise(labels: Tensor, noise: Tensor) -> Tensor:
    """Return for each thing the noise of its label and of its turn among that label: (B, K) to (B, K, N).

    Args:
        labels: -1 where there is no thing.
        noise: (B, L, K, N).
    """
    same = (labels[:, :, None] == labels[:, None]).long()  # (B, K, K)
    turn = same.tril(-1).sum(dim=2)
    rows = torch.arange(len(labels), device=labels.device)[:, None]
    return noise[rows, labels.clamp(min=0), turn]
