"""A judge: a small network that is trained on real pictures of one data set, and by which drawn ones are measured.

It is trained like any system, on real pictures alone, and shares nothing with the systems it judges: it never sees a
drawn picture, and no system ever sees its weights. One trunk, three uses: it classifies attributes and labels, it
scores how well a picture fits a sentence (for an independent R-precision), and its features take the place of
Inception's in FID, KID, precision and recall.

    limner judge data/avatars -o judges/avatars

Attributes of things that stand at places of their own ("far left colour", "far left shape") are classified by heads
that all things share (`blocks.vision.placed_heads`). Where the data has key points, the judge also learns where they
are (`blocks.vision.point_heads`); the features that distances are measured in stay those of the trunk.

Letters: B pictures, S their side, F features, E width of a code, A attributes, K things, P key points.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.blocks.losses.joint_embedding import contrast, same_meaning
from limner.blocks.modes import evaluating, full_precision
from limner.blocks.text.encoders import WordEncoder
from limner.blocks.vision.placed_heads import PlacedHeads, attribute_loss, placed_attributes
from limner.blocks.vision.point_heads import PointHeads, pointing_error
from limner.data.located import POINTS, Located, LocatedLabels, located
from limner.data.schema import Schema
from limner.data.views import Labelled, Pairs, View
from limner.errors import UserError
from limner.evaluation.mixer import Mixer
from limner.metrics import correct_key_points
from limner.noise import RowNoise
from limner.optimisers import adam, linear_decay_after_half
from limner.requests import Attributes, Request
from limner.system import Clock, Draft, Paper, Phase, Player, System, Update

if TYPE_CHECKING:
    from limner.data.dataset import Dataset

LABEL = "label"
"""Name of the label among the attributes."""
FINE = 16
"""Largest side of the map in which things have places."""
POINTING = 10.0
"""Weight of the distances of key points, which are shares of the picture."""
NOISE = 0.1
"""Largest standard deviation of the noise that is added to pixels in [-1, 1] in training."""


@dataclass(frozen=True)
class Config:
    """What people change."""

    size: int = 64
    """Side of the pictures in pixels."""
    arch: Literal["residual", "mixer"] = "residual"
    """What sees: residual convolutions with batch norm, or a mixer of patches, which has neither."""
    widths: tuple[int, ...] = (32, 64, 128, 160)
    """Channels from half the picture's side downwards; of a mixer those of each layer, all alike."""
    features: int = 256
    """Features of a picture, F."""
    code: int = 128
    """Width of the codes of pictures and sentences that are compared, E."""
    images: int = 150_000
    """Training budget in pictures."""
    batch: int = 96
    """Pictures in a step."""
    rate: float = 1e-3
    """Learning rate."""


class Residual(nn.Module):
    """x + two 3x3 convolutions with batch norm, ReLU before each (He et al. 2016b)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers = ((nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1)) for _ in range(2))
        self.branch = nn.Sequential(*itertools.chain(*layers))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class Trunk(nn.Module):
    """Pictures (B, 3, S, S) to features (B, F): pixels folded 2x2, residual blocks, halved down to at most 4x4."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.PixelUnshuffle(2), nn.Conv2d(12, config.widths[0], 3, padding=1)]
        side, width = config.size // 2, config.widths[0]
        self.fine = -1
        for inside, width in itertools.pairwise((*config.widths, config.widths[-1])):
            layers.append(Residual(inside))
            if side <= FINE and self.fine < 0:
                self.fine, self.places = len(layers) - 1, (inside, side)  # the layer whose output has the places
            if side <= 4:  # small pictures need fewer widths
                width = inside
                break
            layers.append(nn.Conv2d(inside, width, 4, 2, 1))
            side //= 2
        while side > 4:
            layers += [nn.ReLU(), nn.Conv2d(width, width, 4, 2, 1)]
            side //= 2
        layers += [nn.BatchNorm2d(width), nn.ReLU(), nn.Flatten(), nn.Linear(width * side * side, config.features)]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Encode pictures whole, (B, F), and as a map of at most 16 by 16 places, (B, C, h, h)."""
        x = images.contiguous(memory_format=torch.channels_last)
        for layer in list(self.layers)[: self.fine + 1]:
            x = layer(x)
        return self.layers[self.fine + 1 :](x), x


def trunk(config: Config) -> Trunk | Mixer:
    """Build what sees.

    Raises:
        UserError: where a mixer's layers are to have different widths.
    """
    if config.arch == "residual":
        return Trunk(config)
    if len({*config.widths}) != 1:
        raise UserError(f"the layers of a mixer have one width, not {config.widths}: widths=160,160,160,160")
    return Mixer(config.size, config.widths[0], len(config.widths), config.features)


class Judge(System):
    """Trunk, a head for each attribute and the label, and a joint embedding of pictures and sentences."""

    paper = Paper("A judge of drawn pictures", "The Limner authors", 2026, "this project")
    gives = frozenset()
    recognises = (Attributes,)
    config: Config
    Config = Config
    presets: ClassVar[Mapping[str, Any]] = {
        "small": Config(),
        "mixer": Config(arch="mixer", widths=(160, 160, 160, 160), images=120_000),
    }

    def __init__(self, config: Any, schema: Schema) -> None:
        super().__init__(config, schema)
        self.values = values_of(schema)
        if not self.values and not schema.captions:
            raise UserError("a judge needs data with attributes, labels or captions: it has nothing to judge by")
        self.trunk = trunk(config)
        self.trunk.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        things = placed_attributes(self.values)
        whole = {name: known for name, known in self.values.items() if name not in things}
        self.heads = nn.ModuleList(nn.Linear(config.features, len(known)) for known in whole.values())
        self.regard = PlacedHeads(*self.trunk.places, things) if things else None
        if schema.captions:
            self.text = WordEncoder(schema.lexicon, width=config.code, embedding=64, hidden=64)
            self.project = nn.Linear(config.features, config.code)
            self.sharpness = nn.Parameter(torch.tensor(2.66))  # log of CLIP's first factor, 1 / 0.07
        self.points = PointHeads(self.trunk.places[0], len(schema.points)) if schema.points else None

    def phases(self) -> list[Phase]:
        """Return one phase, in which everything is trained together."""
        c = self.config
        player = Player(modules=[self], optimiser=adam(c.rate), schedule=linear_decay_after_half)
        return [
            Phase(
                name="judge", view=self.view(), images=c.images, batch=c.batch,
                players={"judge": player}, step=self.step, check=self.check, draws=False,
            )
        ]  # fmt: skip

    def view(self) -> type[View]:
        """Return what it reads of the data: captions and key points where there are any."""
        if self.schema.points:
            return located(POINTS) if self.schema.captions else LocatedLabels
        return Pairs if self.schema.captions else Labelled

    def step(self, batch: Pairs | Labelled, clock: Clock) -> Iterator[Update]:
        """Classify attributes, match sentences and find key points, under noise such as drawn pictures may have."""
        noise = torch.rand(len(batch.images), 1, 1, 1, device=batch.images.device) * NOISE
        whole, fine = self.trunk(batch.images + noise * torch.randn_like(batch.images))
        features = self.joined(whole, fine)  # (B, F + K * LOOK)
        with full_precision(features):
            features, loss, log = features.float(), features.new_zeros((), dtype=torch.float32), {}
            if self.values:
                truth = with_label(batch.attributes, batch.labels, self.schema)  # (B, A)
                log["naming"] = attribute_loss(self.attribute_logits(features.relu()), truth).mean()
                loss = loss + log["naming"]
            if isinstance(batch, Pairs):
                v, t = self.project(self.whole(features.relu())), self.text.sentence(batch.texts).float()
                log["matching"] = contrast(v, t, same_meaning(batch), self.sharpness)
                loss = loss + 0.3 * log["matching"]
            if self.points is not None and isinstance(batch, Located | LocatedLabels):
                log["pointing"] = pointing_error(self.points(fine.float()), batch.points)
                loss = loss + POINTING * log["pointing"]
        yield Update("judge", loss, log)

    def encode(self, images: Tensor) -> Tensor:
        """Encode pictures (B, 3, S, S) whole and, where there are things, each of these: (B, F + K * LOOK)."""
        return self.joined(*self.trunk(images))

    def joined(self, whole: Tensor, fine: Tensor) -> Tensor:
        """Return features of whole pictures (B, F) and, where there are things, each of these beside them."""
        return whole if self.regard is None else torch.cat([whole, self.regard(fine)], dim=1)

    def whole(self, features: Tensor) -> Tensor:
        """Return the features of whole pictures alone: (B, F + K * LOOK) to (B, F)."""
        return features[:, : self.config.features]

    def attribute_logits(self, features: Tensor) -> list[Tensor]:
        """Return the logits of each attribute's values, in order, from (B, F + K * LOOK): A of (B, values)."""
        whole, things = features.split([self.config.features, features.shape[1] - self.config.features], dim=1)
        placed = {} if self.regard is None else self.regard.attribute_logits(things)
        heads = iter(self.heads)
        return [placed[name] if name in placed else next(heads)(whole) for name in self.values]

    @torch.no_grad()
    def check(self, batch: Pairs | Labelled) -> Mapping[str, float]:
        """Return the shares of attributes named rightly and of key points found on held-out pictures."""
        shares = {}
        with evaluating(self):
            if self.values:
                predicted = self.predict(self.features(batch.images)).cpu()
                truth = with_label(batch.attributes, batch.labels, self.schema).cpu()
                shares["named"] = (predicted == truth)[truth >= 0].float().mean().item()
            if self.points is not None and isinstance(batch, Located | LocatedLabels):
                shares["found"] = correct_key_points(self.locate(batch.images), batch.points.cpu())
        return shares

    @torch.no_grad()
    def locate(self, images: Tensor, batch: int = 100) -> Tensor:
        """Return where the key points of pictures (N, 3, S, S) in [-1, 1] are, in shares: (N, P, 2), on the CPU."""
        assert self.points is not None, "this judge was trained on data without key points"
        device = next(self.trunk.parameters()).device
        return torch.cat([self.points(self.trunk(part.to(device))[1].float()).cpu() for part in images.split(batch)])

    @torch.no_grad()
    def features(self, images: Tensor, batch: int = 100) -> Tensor:
        """Return the features of pictures (N, 3, S, S) in [-1, 1]: (N, F + K * LOOK) in float32, on the CPU."""
        device = next(self.trunk.parameters()).device
        return torch.cat([self.encode(part.to(device)).relu().float().cpu() for part in images.split(batch)])

    @torch.no_grad()
    def predict(self, features: Tensor) -> Tensor:
        """Return the most likely value of each attribute (and label) by its number, from `features`: (N, A)."""
        device = next(self.trunk.parameters()).device
        return torch.stack([one.argmax(dim=1).cpu() for one in self.attribute_logits(features.to(device))], dim=1)

    def request_log_likelihood(self, images: Tensor, requests: Sequence[Request]) -> Tensor:
        """Return the log-probability of the values that each of B `Attributes` names, given its picture: (B,)."""
        logits = self.attribute_logits(self.encode(images).relu())
        logs = dict(zip(self.values, (one.float().log_softmax(dim=1) for one in logits), strict=True))
        rows = []
        for row, request in enumerate(requests):
            named = cast(Attributes, request).values
            if unknown := {name for name, value in named.items() if value not in self.values.get(name, ())}:
                raise UserError(f"the judge knows no {min(unknown)}: {named[min(unknown)]!r:.60}")
            rows.append(sum((logs[n][row, self.values[n].index(v)] for n, v in named.items()), images.new_zeros(())))
        return torch.stack(rows)

    @torch.no_grad()
    def embed_images(self, features: Tensor) -> Tensor:
        """Return the codes of pictures from their `features`, of length 1: (N, E)."""
        return F.normalize(self.project(self.whole(features).to(self.sharpness.device)), dim=1).cpu()

    @torch.no_grad()
    def embed_captions(self, captions: Sequence[str], batch: int = 100) -> Tensor:
        """Return the codes of sentences, of length 1: (N, E)."""
        parts = [self.text.sentence(captions[i : i + batch]) for i in range(0, len(captions), batch)]
        return F.normalize(torch.cat(parts).float(), dim=1).cpu()

    def sample(self, requests: Sequence[Request], knobs: Any, rng: RowNoise) -> Iterator[Draft]:
        """Refuse: a judge does not draw."""
        raise UserError("a judge does not draw: give it to `limner eval --judge`")


def values_of(schema: Schema) -> dict[str, tuple[str, ...]]:
    """Return the values of every attribute, and of the label under its name."""
    return dict(schema.attributes) | ({LABEL: schema.labels} if schema.labels else {})


def with_label(attributes: Tensor, labels: Tensor, schema: Schema) -> Tensor:
    """Append labels (B,) to attributes (B, A) where the data has any: the columns are those of `values_of`."""
    return torch.cat([attributes, labels[:, None]], dim=1) if schema.labels else attributes


def truth(data: Dataset, rows: Sequence[int], split: str = "test") -> Tensor:
    """Return the true attributes (and label) of real pictures: (N, A) numbers of values, -1 where not known."""
    labels = torch.tensor([data.label(row, split) for row in rows])
    return with_label(data.attributes(rows, split), labels, data.schema)
