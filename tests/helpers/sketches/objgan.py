"""Obj-GAN (Li et al., CVPR 2019) in miniature, to see that the contract holds it.

Letters: B pictures, K boxes at most, L labels, V words known, C width of a code, M mixture components.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.data.schema import Lexicon, Schema
from limner.data.views import Scenes, scenes
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import Layout
from limner.system import Clock, Draft, Paper, Phase, Player, Step, System, Update, no_grad

BOXES, MIXTURE, SCALES = 2, 3, (8, 16)  # K, M, sides of the pictures


@dataclass(frozen=True)
class ObjConfig:
    """What people change."""

    size: int = 16
    """Side of the finished picture."""
    images: int = 32
    """Budget of each phase."""
    batch: int = 8
    """Pictures in a step."""
    width: int = 16
    """C."""


def inside(boxes: Tensor, side: int) -> Tensor:
    """Fill boxes (B, K, 4): (B, K, side, side) in {0, 1}."""
    grid = (torch.arange(side) + 0.5).to(boxes) / side
    x, y, w, h = boxes[..., None, None].unbind(2)
    across, down = grid.expand(side, side), grid[:, None].expand(side, side)
    return ((across >= x) & (across < x + w) & (down >= y) & (down < y + h)).float()


def painted(codes: Tensor, masks: Tensor, side: int) -> Tensor:
    """Spread the code of each object (B, K, C) over its mask; the strongest wins: (B, C, side, side)."""
    small = F.adaptive_max_pool2d(masks, side)
    return (codes[..., None, None] * small.unsqueeze(2)).amax(dim=1)


class BoxNet(nn.Module):
    """Label and place of each box in turn, the place a mixture of normals."""

    def __init__(self, width: int, labels: int) -> None:
        super().__init__()
        self.recur = nn.GRUCell(labels + 1 + 4, width)
        self.label = nn.Linear(width, labels + 1)  # the last one says: no more
        self.place = nn.Linear(width + labels + 1, MIXTURE * 9)  # weight, 4 means, 4 log deviations

    def mixture(self, state: Tensor, label: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log weights (B, M), means and log deviations (B, M, 4) of the place of a `label`, one-hot."""
        raw = self.place(torch.cat([state, label], dim=1)).unflatten(1, (MIXTURE, 9))
        return raw[..., 0].log_softmax(dim=1), raw[..., 1:5], raw[..., 5:].clamp(-4, 2)

    def loss(self, code: Tensor, labels: Tensor, boxes: Tensor) -> Tensor:
        """Negative log-likelihood of the true boxes, each told the ones before it."""
        kinds = self.label.out_features
        state, before, total = code, code.new_zeros(len(code), kinds + 4), code.new_zeros(())
        for k in range(BOXES):
            state = self.recur(before, state)
            truth = labels[:, k].where(labels[:, k] >= 0, kinds - 1)
            label = F.one_hot(truth, kinds).float()
            weight, mean, deviation = self.mixture(state, label)
            z = (boxes[:, k, None] - mean) / deviation.exp()
            place = (weight - (0.5 * z.square() + deviation).sum(dim=2)).logsumexp(dim=1)
            total = total + F.cross_entropy(self.label(state), truth) - (place * (labels[:, k] >= 0)).mean()
            before = torch.cat([label, boxes[:, k]], dim=1)
        return total

    def draw(self, code: Tensor, rng: RowNoise) -> Iterator[tuple[Tensor, Tensor]]:
        """Draw one box after another: labels (B,), -1 where there is none, and places (B, 4)."""
        kinds = self.label.out_features
        state, before = code, code.new_zeros(len(code), kinds + 4)
        for _ in range(BOXES):
            state = self.recur(before, state)
            label = F.one_hot(self.label(state).argmax(dim=1), kinds).float()
            weight, mean, deviation = self.mixture(state, label)
            chance = torch.special.ndtr(rng.normal(1))  # uniform, from the normal that dice give
            component = (weight.exp().cumsum(dim=1) < chance).sum(dim=1).clamp(max=MIXTURE - 1)
            here = torch.arange(len(code)), component
            place = (mean[here] + deviation[here].exp() * 0.4**0.5 * rng.normal(4)).clamp(0, 1)
            number = label.argmax(dim=1)
            yield number.where(number < kinds - 1, -1), place
            before = torch.cat([label, place], dim=1)


def critic(channels: int, width: int) -> nn.Sequential:
    """A small patch critic over any size of picture: (B, channels, s, s) to logits (B,)."""
    return nn.Sequential(
        nn.Conv2d(channels, width, 4, 4), nn.LeakyReLU(0.2),
        nn.Conv2d(width, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(0),
    )  # fmt: skip


def mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """Mean of (B,), weighted; 0 where nothing has weight."""
    return values.mean() if weight is None else (values * weight).sum() / weight.sum().clamp_min(1)


def judged(net: nn.Module, real: Tensor, *false: Tensor, weight: Tensor | None = None) -> Tensor:
    """Real against the mean of what is false."""
    wrong = sum(mean(F.softplus(net(x)), weight) for x in false) / len(false)
    return mean(F.softplus(-net(real)), weight) + wrong


def fooled(net: nn.Module, fake: Tensor, weight: Tensor | None = None) -> Tensor:
    """What the other side wants of it."""
    return mean(F.softplus(-net(fake)), weight)


def joined(pictures: Tensor, code: Tensor) -> Tensor:
    """Pictures (B, 3, s, s) with a code (B, C) at every place: (B, 3 + C, s, s)."""
    return torch.cat([pictures, code[..., None, None].expand(-1, -1, *pictures.shape[2:])], dim=1)


def objects(pictures: Tensor, boxes: Tensor, side: int = 8) -> Tensor:
    """Crop every box out of its picture: (B K, 3, side, side)."""
    x, y, w, h = boxes.flatten(0, 1).unbind(1)
    theta = torch.stack([torch.stack([w, w * 0, 2 * x + w - 1], 1), torch.stack([h * 0, h, 2 * y + h - 1], 1)], 1)
    grid = F.affine_grid(theta, [len(theta), 3, side, side], align_corners=False)
    return F.grid_sample(pictures.repeat_interleave(boxes.shape[1], dim=0), grid, align_corners=False)


class Painter(nn.Module):
    """Stage 1 draws from the sentence and the painted objects, stage 2 refines: one picture for each scale."""

    def __init__(self, width: int, labels: int) -> None:
        super().__init__()
        self.start, self.names = nn.Linear(2 * width, width), nn.Embedding(labels + 1, width, padding_idx=0)
        self.bodies = nn.ModuleList(nn.Conv2d(2 * width, width, 3, padding=1) for _ in SCALES)
        self.colours = nn.ModuleList(nn.Conv2d(width, 3, 3, padding=1) for _ in SCALES)

    def forward(self, sentence: Tensor, noise: Tensor, labels: Tensor, masks: Tensor) -> Iterator[Tensor]:
        """Yield (B, 3, s, s) for each scale s, from labels (B, K) and masks (B, K, S, S)."""
        codes = self.names(labels + 1)
        start = self.start(torch.cat([sentence, noise], dim=1))
        x = start[..., None, None].expand(-1, -1, SCALES[0], SCALES[0])
        for side, body, colours in zip(SCALES, self.bodies, self.colours, strict=True):
            x = F.interpolate(x, size=side)
            x = F.leaky_relu(body(torch.cat([x, painted(codes, masks, side)], dim=1)), 0.2)
            yield colours(x).tanh()


class Matcher(nn.Module):
    """DAMSM's place: sentences and pictures in one space."""

    def __init__(self, lexicon: Lexicon, width: int) -> None:
        super().__init__()
        self.lexicon, self.text = lexicon, nn.Linear(len(lexicon), width)
        self.see = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, width))

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Sentence codes (B, C) from the words each text has."""
        words = self.text.weight.new_zeros(len(texts), self.text.in_features)
        for row, text in zip(words, texts, strict=True):
            row[self.lexicon.ids(text)] = 1
        return self.text(words)

    def compare(self, sentence: Tensor, pictures: Tensor) -> Tensor:
        """Cosine of every sentence with every picture: (B, B)."""
        return F.normalize(sentence) @ F.normalize(self.see(pictures)).T


class ObjGan(System):
    """Draws boxes from a caption, shapes into the boxes, and a picture over the shapes."""

    paper = Paper("Object-driven Text-to-Image Synthesis via Adversarial Training", "Li et al.", 2019, "CVPR")
    takes = Layout
    gives = frozenset({"images", "layout"})
    Config = ObjConfig
    presets: ClassVar = {"tiny": ObjConfig()}

    def __init__(self, config: ObjConfig, schema: Schema) -> None:
        super().__init__(config, schema)
        width, kinds = config.width, len(schema.things)
        self.matcher = Matcher(schema.lexicon, width)
        self.boxes = BoxNet(width, kinds)
        self.shapes = nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 1, 1), nn.Sigmoid())
        self.painter = Painter(width, kinds)
        self.shape_critic = critic(2, width)
        self.patch = nn.ModuleDict({str(s): critic(3 + width, width) for s in SCALES})
        self.shape = nn.ModuleDict({str(s): critic(4, width) for s in SCALES})
        self.object = nn.ModuleDict({"small": critic(3, width), "large": critic(3, width)})

    # --8<-- [start:contract]
    def phases(self) -> list[Phase]:
        optimiser, config = adam(2e-4, betas=(0.5, 0.999)), self.config

        def phase(name: str, step: Step, draws: bool = True, **nets: nn.Module) -> Phase:
            players = {who: Player(modules=[net], optimiser=optimiser, clip=5.0) for who, net in nets.items()}
            return Phase(name=name, view=scenes(BOXES), images=config.images, batch=config.batch, players=players,
                         step=step, draws=draws)  # fmt: skip

        critics = {f"patch {side}": net for side, net in self.patch.items()}
        critics |= {f"shape {side}": net for side, net in self.shape.items()}
        critics |= {f"object {size}": net for size, net in self.object.items()}
        return [
            phase("damsm", self.match, draws=False, matcher=self.matcher),  # in blocks/ once several papers share it
            phase("boxes", self.place, boxes=self.boxes),
            phase("shapes", self.cut, critic=self.shape_critic, shapes=self.shapes),
            phase("pictures", self.paint, **critics, painter=self.painter),  # on true boxes and masks, as published
        ]

    def match(self, batch: Scenes, clock: Clock) -> Iterator[Update]:
        likeness = 10 * self.matcher.compare(self.matcher(batch.texts), batch.images)  # (B, B)
        truth = torch.arange(len(likeness)).to(batch.labels)
        yield Update("matcher", F.cross_entropy(likeness, truth) + F.cross_entropy(likeness.T, truth))

    def place(self, batch: Scenes, clock: Clock) -> Iterator[Update]:
        yield Update("boxes", self.boxes.loss(self.matcher(batch.texts), batch.labels, batch.boxes))

    def cut(self, batch: Scenes, clock: Clock) -> Iterator[Update]:
        rooms = inside(batch.boxes, batch.masks.shape[-1]).flatten(0, 1).unsqueeze(1)  # (B K, 1, S, S)
        real = torch.cat([batch.masks.flatten(0, 1).unsqueeze(1), rooms], dim=1)
        fake = torch.cat([self.shapes(rooms), rooms], dim=1)
        yield Update("critic", judged(self.shape_critic, real, fake.detach()))
        yield Update("shapes", fooled(self.shape_critic, fake))

    def paint(self, batch: Scenes, clock: Clock) -> Iterator[Update]:
        sentence, scene = self.matcher(batch.texts), (batch.labels, batch.masks)
        fakes = list(self.painter(sentence, torch.randn_like(sentence), *scene))
        for side, fake in zip(SCALES, fakes, strict=True):
            real, drawn = F.adaptive_avg_pool2d(batch.images, side), fake.detach()
            heat = F.adaptive_max_pool2d(batch.masks, side).amax(dim=1, keepdim=True)
            told = joined(real, sentence), joined(drawn, sentence), joined(real, sentence.roll(1, 0))
            yield Update(f"patch {side}", judged(self.patch[str(side)], *told))
            shaped = torch.cat([real, heat], dim=1), torch.cat([drawn, heat], dim=1)
            yield Update(f"shape {side}", judged(self.shape[str(side)], *shaped))
        real, drawn = objects(batch.images, batch.boxes), objects(fakes[-1].detach(), batch.boxes)
        sizes = self.sizes(batch)
        for size, net in self.object.items():  # a size that no object has weighs nothing; a branch on data would
            yield Update(f"object {size}", judged(net, real, drawn, weight=sizes[size]))  # part the processes
        yield Update("painter", self.pleased(batch, fakes, sentence, sizes))

    @no_grad
    def sample(self, requests: Sequence[Layout], knobs: object, rng: RowNoise) -> Iterator[Draft]:
        sentence = self.matcher([request.caption for request in requests])
        labels, boxes = self.asked(requests)
        open_rows = (labels < 0).all(dim=1)  # these leave the layout to us
        for k, (label, box) in enumerate(self.boxes.draw(sentence, rng)):
            labels[:, k] = label.where(open_rows, labels[:, k])
            boxes[:, k] = box.where(open_rows[:, None], boxes[:, k])
            layout = {"boxes": boxes.clone(), "labels": labels.clone()}
            yield Draft(layout=layout, note=f"box {k + 1}", progress=0.1 * (k + 1))
        rooms = inside(boxes, SCALES[-1])
        masks = self.shapes(rooms.flatten(0, 1).unsqueeze(1)).view_as(rooms)
        layout["masks"] = masks
        yield Draft(layout=layout, note="shapes", progress=0.5)
        pictures = self.painter(sentence, rng.normal(self.config.width), labels, masks)
        for number, picture in enumerate(pictures, start=1):
            yield Draft(images=picture, layout=layout, progress=0.5 + 0.5 * number / len(SCALES))

    # --8<-- [end:contract]
    def asked(self, requests: Sequence[Layout]) -> tuple[Tensor, Tensor]:
        """Labels (B, K), -1 where none, and boxes (B, K, 4) that the requests bring along."""
        labels = torch.full((len(requests), BOXES), -1)
        boxes = torch.zeros(len(requests), BOXES, 4)
        for row, request in enumerate(requests):
            for k, (name, *place) in enumerate(request.boxes[:BOXES]):
                labels[row, k], boxes[row, k] = self.schema.things.index(name), torch.tensor(place)
        anchor = self.shapes[0].weight
        return labels.to(anchor).long(), boxes.to(anchor)

    def sizes(self, batch: Scenes) -> dict[str, Tensor]:
        """Weight (B K,) of each object for the critic of small and for that of large ones."""
        large, there = batch.boxes[..., 2:].amax(dim=2) > 0.4, batch.labels >= 0
        return {"small": (there & ~large).flatten().float(), "large": (there & large).flatten().float()}

    def pleased(self, batch: Scenes, fakes: list[Tensor], sentence: Tensor, sizes: dict[str, Tensor]) -> Tensor:
        """What the painter wants: every critic fooled, the sentence recognised."""
        total = 5 * (1 - F.cosine_similarity(self.matcher.see(fakes[-1]), sentence)).mean()
        for side, fake in zip(SCALES, fakes, strict=True):
            heat = F.adaptive_max_pool2d(batch.masks, side).amax(dim=1, keepdim=True)
            total = total + fooled(self.patch[str(side)], joined(fake, sentence))
            total = total + fooled(self.shape[str(side)], torch.cat([fake, heat], dim=1))
        cut_out = objects(fakes[-1], batch.boxes)
        return total + 0.1 * sum(fooled(net, cut_out, sizes[size]) for size, net in self.object.items())
