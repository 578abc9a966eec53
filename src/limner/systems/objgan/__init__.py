"""Obj-GAN: boxes from a sentence, shapes into the boxes, and a picture in which each thing has looked for its words.

Li, Zhang, Zhang, Huang, He, Lyu, Gao: Object-driven Text-to-Image Synthesis via Adversarial Training, CVPR 2019.

Reading order: ObjGanConfig; `words`: texts, labels, object-driven attention; `painter`: its stages; `critics`: of
patches, of shapes, of things, and their losses; then ObjGan here: its four phases and their steps, the painter's loss,
sampling. What other papers have as well are blocks: `losses.damsm`, `layout.box_generator`, `layout.shape_generator`,
`layout.regions`.

Letters: B pictures, S their side, s that of a stage, K boxes of a picture at most, L labels, T words, E width of
sentences and words, D numbers of an embedded word, N the painter's width, d the critics', Z = 100 numbers of noise,
c = 100 numbers of a text's code, h side of a map. x real pictures, x_hat drawn ones, f(a) = log(1 + exp a).

What the paper claims
    Object-driven attention (section 3.2): the label of each box asks the words which of them concern it, and what they
    say is painted into its shape; `without="object attention"` leaves that out.
    The object-wise critic (section 3.3): it looks into each box, and tells whether what is there is real and is what
    its label and its words say; `without="object critic"` leaves that out.

The painter's loss, with weights of the authors' code
    L = sum over stages of [f(-u(x_hat)) + .1 f(-c(x_hat, s)) + f(-shape(x_hat, m))]
        + .1 [f(-u_k(x_hat)) + f(-c_k(x_hat, y_k))], of small and of large things k
        + KL / c + lambda (words + sentences of DAMSM)

Deviations
    What the authors' code does by mistake is not done. Boxes of things are read in shares of the picture; theirs, in
    cells already, were scaled by 1/16 once more. Every thing is small or large; theirs between a quarter and a half of
    the picture were neither. A thing's wrong label is never its own; a size that a batch lacks weighs nothing, and the
    same players move in the same order whatever the data.
    Labels and words are compared by their embeddings of DAMSM, frozen, in the place of GloVe; by cosine, as their
    published weights do, times 10: as it is, a word that is the label's own has e times the weight of any other.
    A label's vector has N channels in the body, theirs 50. A wrong shape is the right one under another label, drawn at
    random among all; theirs exchanges labels that are in the picture. Heads of the critics of things have no batch
    norm, which would mix things of all pictures, and read a condition by a linear map; pictures are not enlarged for
    them, but halved less often.
    The first map is doubled from 8x8 to half the side of the first stage, S / 2^stages.
    DAMSM learns from the same texts as all else: descriptions where there are any. Two rows with one text are no
    negatives of each other. A layout without a caption is drawn of its labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.discriminators.pyramid import half_life
from limner.blocks.latent.noise import normal
from limner.blocks.layers.conditioning_augmentation import kl_to_standard_normal
from limner.blocks.layers.initialisation import orthogonal
from limner.blocks.layers.tree import shrunk, sides
from limner.blocks.layout.asked import asked_things, check_most
from limner.blocks.layout.box_generator import NOISE, BoxGenerator, box_update, boxes_player
from limner.blocks.layout.maps import planes
from limner.blocks.layout.regions import by_size
from limner.blocks.layout.shape_generator import MaskCritic, ShapeGame, ShapeGenerator
from limner.blocks.losses.adversarial import bce_real
from limner.blocks.losses.damsm import SmallRegions, damsm, matching_losses
from limner.blocks.losses.joint_embedding import same_text
from limner.blocks.text.encoders import BiLstmEncoder, Text, unknown_words
from limner.blocks.text.subsample import subsample_words
from limner.blocks.vision.pretrained import InceptionRegions, load_imagenet
from limner.data.schema import Schema
from limner.data.views import Scenes, partners, scenes
from limner.errors import UserError
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import Caption, Layout, Request
from limner.system import Clock, Draft, Paper, Phase, Player, System, Update, no_grad
from limner.systems.objgan.critics import (
    ObjectCritic,
    PatchCritic,
    Seen,
    ShapeCritic,
    object_loss,
    object_wish,
    patch_loss,
    patch_wish,
    relabelled,
    shape_loss,
)
from limner.systems.objgan.painter import CODE, Painted, Painter, Stage, Things, Z, spread_over
from limner.systems.objgan.words import Said, bags_of, lexicon, object_attention, say

OBJECTS = 0.1
"""Weight of the critics of things in the painter's loss."""
BOX_UNITS = 256
"""Of the net that draws boxes."""
SHAPE_NOISE = 16
"""Numbers of noise of a shape."""


@dataclass(frozen=True, kw_only=True)
class ObjGanConfig:
    """Settings of the system."""

    vision: Literal["small", "inception"] = "small"
    """Image encoder of DAMSM: convolutions trained here, or an Inception v3 with weights of ImageNet."""
    text_width: int = 256
    """Width of the vectors of sentences and words, E."""
    words: int = 12
    """Words of a text that are learnt from at most; of a longer one so many are chosen at random, in their order."""
    size: int = 256
    """Side of the finished pictures in pixels."""
    residuals: tuple[int, ...] = (7, 3, 3)
    """Residual blocks of each stage of the painter; each stage doubles the side of the one before."""
    most: int = 10
    """Boxes of a picture at most, K: the largest are learnt from."""
    attentive: bool = True
    """Whether each box attends to the words, as in the paper; in the authors' code that is off."""
    without: Literal["nothing", "object attention", "object critic"] = "nothing"
    """What is left out, for comparison: things attend to no words, or no critic looks at single things."""
    generator_width: int = 48
    """Channels of the painter's maps, N."""
    discriminator_width: int = 96
    """Channels of the first map of a critic, d."""
    small: float = 0.25
    """Side below which a thing is small, in shares of the picture: small and large things have a critic each."""
    shape_width: int = 80
    """Channels of the net that draws shapes; as many as there are labels in the authors' code."""
    match: float = 100.0
    """Lambda: weight of the encoders finding the words and the sentence in what is drawn."""
    text_images: int = 100 * 82_783
    """Budget of DAMSM, in pictures."""
    box_images: int = 10 * 82_783
    """Budget of boxes, in pictures."""
    shape_images: int = 60 * 82_783
    """Budget of shapes, in pictures."""
    images: int = 120 * 82_783
    """Budget of the painter, in pictures."""
    first_batch: int = 48
    """Pictures in a step of DAMSM, boxes and shapes."""
    batch: int = 16
    """Pictures in a step of the painter."""
    rate: float = 2e-4
    """Learning rate of all players that draw or judge shapes and pictures."""

    def __post_init__(self) -> None:
        if len(sides(self.size, len(self.residuals))) < 2:
            raise UserError(
                "residuals: words are attended to from the second stage on, so there are two numbers or more"
            )


def critics(named: dict[str, nn.Module]) -> Any:
    """Return critics by name, their weights orthogonal at the start."""
    return nn.ModuleDict(named).apply(orthogonal)


@dataclass(frozen=True)
class ObjKnobs:
    """What may change from one drawing to the next."""

    spread: float = 1.0
    """Factor on the noise z of the picture."""
    reading: float = 1.0
    """Factor on epsilon, by which the code of a text strays from its mean."""
    temperature: float = 0.4
    """How far boxes that nobody asked for stray from the likeliest: at 0 they are these, at 1 as they were learnt."""


class ObjGan(System):
    """Li et al. 2019."""

    paper = Paper(
        title="Object-driven Text-to-Image Synthesis via Adversarial Training",
        authors="Wenbo Li, Pengchuan Zhang, Lei Zhang, Qiuyuan Huang, Xiaodong He, Siwei Lyu, Jianfeng Gao",
        year=2019,
        venue="CVPR",
        arxiv="1902.10740",
    )
    takes = (Layout, Caption)
    gives = frozenset({"images", "layout", "attention"})
    Config = ObjGanConfig
    Knobs = ObjKnobs
    default_preset = "avatars"
    presets: ClassVar[Mapping[str, ObjGanConfig]] = {
        "tiny": Config(
            text_width=32, size=32, residuals=(1, 1), most=4, small=0.6, generator_width=12, discriminator_width=8,
            shape_width=8, match=5.0, text_images=320, box_images=320, shape_images=640, images=4_800, first_batch=8,
            batch=8, rate=2e-3,
        ),
        "avatars": Config(
            text_width=128, words=24, size=64, residuals=(3, 3), most=8, generator_width=24, discriminator_width=24,
            shape_width=32, match=5.0, text_images=200_000, box_images=100_000, shape_images=60_000, images=200_000,
        ),
        "clevr": Config(
            text_width=128, words=48, size=64, residuals=(3, 3), most=4, generator_width=24, discriminator_width=24,
            shape_width=32, match=5.0, text_images=200_000, box_images=100_000, shape_images=60_000, images=200_000,
        ),
        "coco": Config(vision="inception"),
    }  # fmt: skip
    config: ObjGanConfig
    bags: Tensor
    patch: Mapping[str, PatchCritic]
    shape: Mapping[str, ShapeCritic]
    object: Mapping[str, ObjectCritic]

    def __init__(self, config: ObjGanConfig, schema: Schema) -> None:
        super().__init__(config, schema)
        if not schema.things:
            raise UserError("this system learns from labelled boxes: train it on data with a column boxes")
        self.most_things = config.most
        c, labels, known = config, len(schema.things), lexicon(schema)
        self.text = BiLstmEncoder(known, c.text_width)
        self.vision: SmallRegions | InceptionRegions = (
            InceptionRegions(c.text_width) if c.vision == "inception" else SmallRegions(c.size, c.text_width)
        )
        self.register_buffer("bags", bags_of(known, schema.things), persistent=False)
        self.boxes = BoxGenerator(labels, c.text_width, width=BOX_UNITS, attentive=c.attentive, order="area")
        side = self.shape_side
        self.shapes = ShapeGenerator(labels, side, c.shape_width, SHAPE_NOISE)
        self.instance_critic, self.global_critic = (MaskCritic(labels, side, c.shape_width // 2) for _ in range(2))
        word, stages, d = self.text.embed.embedding_dim, sides(c.size, len(c.residuals)), c.discriminator_width
        self.painter = Painter(
            labels, word, c.text_width, c.generator_width, stages, c.residuals,
            attends=c.without != "object attention",
        ).apply(orthogonal)  # fmt: skip
        condition = word + c.generator_width
        large = {} if c.without == "object critic" else {"small": False, "large": True}
        self.patch = critics({str(side): PatchCritic(d, side, c.text_width) for side in stages})
        self.shape = critics({str(side): ShapeCritic(d, side, labels) for side in stages})
        self.object = critics(
            {name: ObjectCritic(d, c.size, labels, condition, large=one) for name, one in large.items()}
        )

    @property
    def shape_side(self) -> int:
        """Side of the shapes as they are drawn; they are enlarged to S for the painter."""
        return 64 if self.config.size >= 128 else 32

    def phases(self) -> list[Phase]:
        """DAMSM; boxes; shapes in true boxes; and, with all of that frozen, pictures of true boxes and shapes."""
        c, optimiser = self.config, adam(self.config.rate, betas=(0.5, 0.999))
        view = scenes(c.most, c.size)
        players = {
            f"{what} {which}": Player(modules=[critic], optimiser=optimiser)
            for what, some in (("patch", self.patch), ("shape", self.shape), ("object", self.object))
            for which, critic in some.items()
        }
        players["painter"] = Player(modules=[self.painter], optimiser=optimiser, ema=half_life(c.batch, c.images))
        return [
            damsm(
                self.text, self.vision, images=c.text_images, batch=c.first_batch, crop=lambda images: images,
                on_start=lambda: load_imagenet(self), view=view, same=same_text,
            ),
            Phase(
                name="boxes", view=view, images=c.box_images, batch=c.first_batch, step=self.place,
                players={"boxes": boxes_player(self.boxes)},
            ),
            Phase(
                name="shapes", view=view, images=c.shape_images, batch=c.first_batch, step=self.cut,
                players=self.game().players(c.rate),
            ),
            Phase(name="pictures", view=view, images=c.images, batch=c.batch, step=self.paint, players=players),
        ]  # fmt: skip

    def read(self, texts: Sequence[str]) -> Said:
        """Encode texts, of each at most so many words while it learns."""
        return self.say([Caption(subsample_words(text, self.config.words)) for text in texts])

    @torch.no_grad()
    def say(self, requests: Sequence[Request]) -> Said:
        """Encode what requests say."""
        return say(self.text, requests)

    @torch.no_grad()
    def vectors(self, labels: Tensor) -> Tensor:
        """Return labels (B, K) as word vectors, each the mean of its words': (B, K, D); zeros for -1, and for L."""
        table = F.pad(self.bags @ self.text.embed.weight, (0, 0, 0, 1))
        return table[labels]

    def things(self, labels: Tensor, masks: Tensor) -> Things:
        """Return the layout of labels (B, K) and masks (B, K, S, S) as it is painted over."""
        return Things(labels, self.vectors(labels), masks)

    def heats(self, things: Things) -> list[Tensor]:
        """Return the shapes of each label at the side of each stage: (B, L, s, s)."""
        count = len(self.schema.things)
        return [planes(things.labels, things.shapes(int(side)), count) for side in self.patch]

    def game(self) -> ShapeGame:
        """Return how shapes are learnt: the frozen image encoder compares all shapes of a picture."""

        def features(pictures: Tensor) -> Tensor:
            return self.vision(F.interpolate(pictures, size=self.config.size))[0]

        return ShapeGame(self.shapes, self.instance_critic, self.global_critic, features)

    def place(self, batch: Scenes, clock: Clock) -> Iterator[Update]:
        """Learn which boxes follow from a text, each given the true ones before it."""
        yield box_update(self.boxes, self.read(batch.texts).codes, batch.labels, batch.boxes)

    def cut(self, batch: Scenes, clock: Clock) -> Iterator[Update]:
        """Learn shapes in true boxes; a box without a mask is filled, for shapes as for the painter."""
        masks = F.adaptive_avg_pool2d(batch.masks, self.shape_side)
        yield from self.game().step(batch.labels, batch.boxes, masks, batch.labels >= 0)

    def paint(self, batch: Scenes, clock: Clock) -> Iterator[Update]:
        """Update the critics of patches, of shapes and of things, then the painter, on true boxes and shapes."""
        said, things = self.read(batch.texts), self.things(batch.labels, batch.masks)
        painted = self.painter(normal(said.sentence, Z), normal(said.sentence, CODE), said, things)
        wrong = torch.tensor(partners([(text,) for text in batch.texts], [-1] * len(batch.texts)))
        heats, shift = self.heats(things), 1 + int(torch.randint(len(self.schema.things), ()))
        reals = shrunk(batch.images, [int(side) for side in self.patch])
        for (side, critic), x, x_hat in zip(self.patch.items(), reals, painted.images, strict=True):
            yield Update(f"patch {side}", *patch_loss(critic, x, x_hat, said.sentence, wrong))
        for (side, judge), x, x_hat, heat in zip(self.shape.items(), reals, painted.images, heats, strict=True):
            yield Update(f"shape {side}", *shape_loss(judge, x, x_hat, heat, relabelled(heat, shift)))
        seen = self.looked_at(batch, things, heats[-1], painted.context)
        other = self.mislabelled(said, things.labels, shift)
        for size, one in seen.items():
            yield Update(
                f"object {size}",
                *object_loss(
                    self.object[size], batch.images, painted.images[-1], one, other, relabelled(one.heat, shift)
                ),
            )
        yield Update("painter", *self.painter_loss(painted, said, heats, seen, same_text(batch)))

    def looked_at(self, batch: Scenes, things: Things, heat: Tensor, context: Tensor) -> dict[str, Seen]:
        """Return what the critics of small and of large things look at, given contexts (B, K, N) of the last stage."""
        sizes = dict(zip(("small", "large"), by_size(batch.labels, batch.boxes, self.config.small), strict=True))
        condition = torch.cat([things.vectors, context], dim=2)
        return {size: Seen.of(batch.boxes, sizes[size], heat, condition) for size in self.object}

    @torch.no_grad()
    def mislabelled(self, said: Said, labels: Tensor, shift: int) -> Tensor:
        """Return the conditions that things would have under other labels, one of which is no label: (B, K, D + N)."""
        vectors = self.vectors(torch.where(labels >= 0, (labels + shift) % (len(self.schema.things) + 1), -1))
        last: Stage = self.painter.stages[-1]  # type: ignore[assignment]
        return torch.cat([vectors, last.context(said, object_attention(said, vectors))], dim=2)

    def painter_loss(
        self, painted: Painted, said: Said, heats: Sequence[Tensor], seen: Mapping[str, Seen], same: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the painter's loss, see above, and its parts for the log.

        Args:
            painted: what it drew.
            said: of what texts.
            heats: (B, L, s, s) the shapes of each label, of each stage.
            seen: what the critics of things look at.
            same: (B, B) true for rows of one text, which are no negatives of each other.
        """
        images, s = painted.images, said.sentence
        patches = [patch_wish(critic, x, s) for critic, x in zip(self.patch.values(), images, strict=True)]
        shown = zip(self.shape.values(), images, heats, strict=True)
        shapes = [bce_real(critic(x, heat)) for critic, x, heat in shown]
        objects = [object_wish(self.object[size], images[-1], one) for size, one in seen.items()]
        kl = kl_to_standard_normal(*painted.code) / CODE
        text = Text(s, said.words, said.weight == 0)
        words, sentences = matching_losses(self.vision(images[-1]), text, same)
        loss = torch.stack([*patches, *shapes, *(OBJECTS * one for one in objects)]).sum() + kl
        log = {"divergence": kl, "words": words, "sentences": sentences}
        return loss + self.config.match * (words + sentences), log

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: ObjKnobs, rng: RowNoise) -> Iterator[Draft]:
        """Draw boxes where none are given, one after the other; then shapes where none are given; then each stage."""
        most, side = self.config.most, self.config.size
        z, epsilon = rng.normal(Z + CODE).split([Z, CODE], dim=1)
        for_boxes, for_shapes = rng.more().normal(most, NOISE + SHAPE_NOISE).split([NOISE, SHAPE_NOISE], dim=2)
        said, asked = self.say(requests), asked_things(requests, self.schema.things, most, side, self.device)
        labels, boxes, given = asked.labels, asked.boxes, (asked.labels >= 0).any(dim=1)
        drawn = self.boxes.draw(
            said.codes, for_boxes, labels, boxes, missing=False, temperature=knobs.temperature, label_temperature=0
        )
        for number, (some, places) in enumerate(() if given.all() else drawn, start=1):
            labels = torch.where(given[:, None], asked.labels, some)
            boxes = torch.where(given[:, None, None], asked.boxes, places)
            yield Draft(layout={"boxes": boxes, "labels": labels}, note=f"box {number}", progress=0.4 * number / most)
        shapes = F.interpolate(self.shapes(labels, boxes, for_shapes), size=side, mode="bilinear")
        masks = torch.where(asked.is_shaped[..., None, None], asked.masks, shapes)
        layout = {"boxes": boxes, "labels": labels, "masks": masks}
        yield Draft(layout=layout, note="shapes", progress=0.5)
        things = self.things(labels, masks)
        painted = self.painter(knobs.spread * z, knobs.reading * epsilon, said, things)
        yield from self.drafts(painted, said, things, layout)

    def drafts(self, painted: Painted, said: Said, things: Things, layout: Mapping[str, Tensor]) -> Iterator[Draft]:
        """Yield the picture of each stage: the first with the attention of things, the others with that of places."""
        count = len(painted.images)
        for number, (image, grid) in enumerate(zip(painted.images, painted.grid, strict=True), start=1):
            side = image.shape[-1]
            attention = spread_over(painted.objects, things.shapes(side // 2), said.weight) if grid is None else grid
            note = f"{side} x {side}, {'words of things' if grid is None else 'words of places'}"
            yield Draft(image, attention, layout, note=note, progress=0.5 + 0.5 * number / count)

    def check_request(self, request: Request) -> None:
        """Make sure that it has no more boxes than are drawn."""
        check_most(request, self.config.most)

    @torch.no_grad()
    def attend(self, texts: Sequence[str], labels: Sequence[Sequence[str]]) -> Tensor:
        """Return how much things attend to the words of their texts: (N, K, T), zeros where a text has fewer things.

        Args:
            texts: N of them.
            labels: of the things of each, which are in `schema.things`.
        """
        number = {label: k for k, label in enumerate(self.schema.things)}
        most = max(map(len, labels))
        known = torch.tensor([[number[one] for one in row] + [-1] * (most - len(row)) for row in labels])
        known = known.to(self.device)
        return (
            object_attention(self.say([Caption(text) for text in texts]), self.vectors(known)) * (known >= 0)[..., None]
        )

    @torch.no_grad()
    def embed_pairs(self, images: Tensor, requests: Sequence[Request]) -> tuple[Tensor, Tensor]:
        """Return codes of pictures and sentences, two of (B, E), by the encoders of DAMSM."""
        return torch.cat([self.vision(part)[1] for part in images.split(100)]), self.say(requests).sentence

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words that the text encoder does not know, each with the nearest it does."""
        return unknown_words(self.text.lexicon, requests)

    def remarks(self, requests: Sequence[Request]) -> Sequence[str]:
        """Say where nothing is said of what to draw."""
        silent = any(not end.sentence() for request in requests for end in request.ends())
        return ["nothing says what the things look like: give the layout a caption, too"] if silent else []
