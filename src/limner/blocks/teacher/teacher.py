"""The teacher: two encoders that learn what texts say and pictures show, and then, frozen, score what is drawn.

A text encoder and an image encoder learn together: to find each other's codes (CLIP, Radford et al. 2021) among the
batch and beside captions with one word changed, and to name properties, each on its own side. A generator that is
conditioned on the text's posteriors of these names knows what a text means and not how it is put; one that is scored by
the picture's posteriors is asked for every part by name.

The image encoder learns under the blur and noise through which it will look at drawings. It learns without shifts:
where parts have fixed places they were measured to harm.

Letters: B pictures and texts, S side of a picture, E width of a code, A properties, V most values of one, N numbers of
all properties together, P width of the text encoder's pooled state.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.losses.differentiable_augmentation import blurred, coarsened
from limner.blocks.losses.joint_embedding import SHARPEST, same_meaning
from limner.blocks.modes import evaluating, full_precision
from limner.blocks.teacher.gate import gate
from limner.blocks.teacher.properties import Properties, naming_loss
from limner.blocks.text.readers import ConvolutionalEncoder
from limner.blocks.vision.residual import Features, ResidualEncoder
from limner.data.edits import OneWordEdits
from limner.data.schema import Schema
from limner.data.views import Described
from limner.errors import UserError
from limner.optimisers import adam
from limner.system import Clock, Phase, Player, Update

if TYPE_CHECKING:
    from limner.data.dataset import Dataset

BLUR = 0.5
"""Share of pictures that are blurred while the image encoder learns."""
NOISE = 0.2
"""Largest standard deviation of the noise that is added to pixels in [-1, 1] meanwhile."""
NAMING = 2.0
"""Weight of each side's naming beside the contrast of codes."""
TEMPERATURE = 3.0
"""Factor on posteriors that condition a generator."""
DECAY_FROM, DECAY_TO = 0.7, 0.02
"""Progress from which the learning rate falls linearly, and the factor it falls to."""
AVERAGED = 3_000
"""Half-life of the averaged weights, in pictures."""


class Teacher(nn.Module):
    """A text encoder, an image encoder, and the heads by which both name properties.

    Args:
        schema: of the data.
        size: S, a power of two from 16 on.
        code: E.
        width: factor on the channels of the image encoder; text states are 256 times as wide.
        by_phrases: name the commonest phrases of captions even where the data has attributes.
        coarsest: smallest side at which it is to see drawings, brought to S, for nets that grow; by default S.
    """

    def __init__(
        self, schema: Schema, size: int, code: int = 128, width: float = 1.0, by_phrases: bool = False,
        coarsest: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.size, self.coarsest = size, coarsest or size
        self.properties = Properties(schema, by_phrases)
        hidden = max(16, round(256 * width))
        self.text = ConvolutionalEncoder(schema.lexicon, width=code, embedding=min(96, hidden), hidden=hidden)
        self.vision = ResidualEncoder(size, hidden, width)
        self.vision.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # quicker on CPUs in bf16
        self.named_by_text = nn.Sequential(
            nn.Linear(hidden, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, self.properties.total)
        )
        self.named_by_picture = nn.Linear(hidden, self.properties.total)
        self.project = nn.Linear(hidden, code)
        self.sharpness = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        """Log of the factor on cosines between its codes and those of texts (CLIP's learnt temperature)."""
        self.edits = OneWordEdits.of([])

    # Texts

    def read(self, pooled: Tensor) -> Tensor:
        """Return log-posteriors of the properties of texts: pooled states (B, P) to (B, A, V)."""
        return self.properties.log_posteriors(self.named_by_text(pooled))

    def condition(self, pooled: Tensor) -> Tensor:
        """Return what a generator is conditioned on: pooled states (B, P) to three times the posteriors, (B, N)."""
        return TEMPERATURE * self.properties.flatten(self.read(pooled).exp())

    def text_codes(self, pooled: Tensor) -> Tensor:
        """Return codes of length 1 of texts: pooled states (B, P) to (B, E)."""
        return F.normalize(self.text.project(pooled).float(), dim=1)

    # Pictures

    def features(self, images: Tensor) -> Features:
        """Return maps and features of pictures (B, 3, S, S), which the caller has blurred and given noise."""
        return self.vision(images)

    def named(self, features: Features) -> Tensor:
        """Return log-posteriors of the properties of pictures: (B, A, V)."""
        return self.properties.log_posteriors(self.named_by_picture(features.whole))

    def image_codes(self, features: Features) -> Tensor:
        """Return codes of length 1 of pictures: (B, E)."""
        return F.normalize(self.project(features.whole).float(), dim=1)

    # Its training

    def phases(self, images: int, batch: int, wanted: float, rate: float = 1e-3) -> list[Phase]:
        """Return its phases: count phrases and edits; learn; measure the gate.

        Args:
            images: budget of learning, in pictures.
            batch: pictures in a step; more make telling them apart harder.
            wanted: the gate, see `gate`; 0 goes on without it.
            rate: learning rate.
        """
        player = Player(modules=[self], optimiser=adam(rate), schedule=decay_late, ema=AVERAGED)
        return [
            Phase(name="words", view=Described, images=0, batch=batch, once=self.count),
            Phase(
                name="teacher", view=Described, images=images, batch=batch, players={"teacher": player},
                step=self.step, check=self.check, on_enter=self.find_edits, draws=False,
            ),
            Phase(name="gate", view=Described, images=0, batch=batch, once=lambda data: self.gate(data, wanted)),
        ]  # fmt: skip

    def count(self, data: Dataset) -> Mapping[str, float] | None:
        """Choose the phrases that are named, where the data has no attributes."""
        return self.properties.count(data) if self.properties.by_phrases else None

    def find_edits(self, data: Dataset) -> None:
        """Find the one-word edits of the captions: derived, so not saved."""
        self.edits = OneWordEdits.of(data)

    def gate(self, data: Dataset, wanted: float) -> Mapping[str, float]:
        """Measure on held-out pictures what this teacher can tell apart, see `limner.blocks.teacher.gate`.

        Raises:
            UserError: where it is less than wanted.
        """
        self.find_edits(data)
        found = gate(self, data)
        short = {name: share for name, share in found.items() if name.startswith("prefers") and share < wanted}
        if short:
            worst = min(short, key=short.__getitem__)
            raise UserError(
                f"the teacher tells true captions from changed ones too rarely: {worst.removeprefix('prefers ')} "
                f"{short[worst]:.3f}, and {wanted:g} is wanted of each; train it longer (--set teacher_images=...), or "
                "go on all the same: --set gate=0"
            )
        return found

    def step(self, batch: Described, clock: Clock) -> Iterator[Update]:
        """One update of both encoders."""
        edited = self.edit(batch.texts)
        images = coarsened(batch.images, self.coarsest) if self.coarsest < self.size else batch.images
        features = self.features(hazed(images))
        pooled = self.text.pooled([*batch.texts, *(text for text in edited if text is not None)])
        with full_precision(pooled):
            names = self.named(features), self.read(pooled[: len(batch.texts)].float())
            picture = naming_loss(names[0], self.properties.of_pictures(batch))
            said = self.properties.of_texts(batch.texts, batch.attributes, batch.mentioned)
            text = naming_loss(names[1], said)
            own, others = self.text_codes(pooled.float()).split([len(edited), len(pooled) - len(edited)])
            rivals = own.new_zeros(own.shape)
            has = torch.tensor([one is not None for one in edited], device=own.device)
            rivals[has] = others
            contrast = contrast_with_edits(
                self.image_codes(features), own, rivals, has, same_meaning(batch), self.sharpness
            )
        loss = contrast + NAMING * (picture + text)
        yield Update("teacher", loss, {"contrast": contrast, "names pictures": picture, "names texts": text})

    def edit(self, texts: Sequence[str]) -> list[str | None]:
        """Change one word of each text, None where none can be changed; random by torch's own generator."""
        return self.edits.edit_each(texts, int(torch.randint(2**62, ())))

    @torch.no_grad()
    def check(self, batch: Described) -> Mapping[str, float]:
        """Return, on held-out pictures, the share of properties that each side names rightly."""
        with evaluating(self):
            named = self.named(self.features(hazed(batch.images))).argmax(dim=2)
            read = self.read(self.text.pooled(batch.texts)).argmax(dim=2)
        true = self.properties.of_pictures(batch)
        said = self.properties.of_texts(batch.texts, batch.attributes, batch.mentioned)
        return {
            "named": (named == true)[true >= 0].float().mean().item(),
            "read": (read == said)[(said >= 0) & (said < self.properties.unsaid)].float().mean().item(),
        }


def decay_late(progress: float) -> float:
    """Keep the learning rate for the first 70 % of the phase, then let it fall linearly to a fiftieth."""
    return 1 - (1 - DECAY_TO) * max(0.0, progress - DECAY_FROM) / (1 - DECAY_FROM)


def hazed(images: Tensor) -> Tensor:
    """Blur half of the pictures (B, 3, S, S) and add noise of any strength up to `NOISE`."""
    count = len(images)
    blur = torch.rand(count, 1, 1, 1, device=images.device) < BLUR
    noise = torch.rand(count, 1, 1, 1, device=images.device) * NOISE
    return torch.where(blur, blurred(images), images) + noise * torch.randn_like(images)


def contrast_with_edits(
    v: Tensor, t: Tensor, edited: Tensor, has_edit: Tensor, same: Tensor, sharpness: Tensor
) -> Tensor:
    """Return CLIP's loss with one more text in each picture's row: its own, one word of which was changed.

    The mean of two cross-entropies: each picture's own text among the batch's and its own edit, and each text's own
    picture among the batch's. With all codes equal it is (log (B + 1) + log B) / 2.

    Args:
        v: codes of pictures, of length 1: (B, E).
        t: codes of their texts.
        edited: codes of the edits.
        has_edit: bool (B,), whether there is one.
        same: bool (B, B), rows that are no negatives of each other.
        sharpness: the log of the inverse temperature.
    """
    scale = sharpness.clamp_max(SHARPEST).exp()
    own = torch.eye(len(v), dtype=torch.bool, device=v.device)
    logits = (v @ t.T * scale).masked_fill(same & ~own, -torch.inf)
    rival = ((v * edited).sum(dim=1, keepdim=True) * scale).masked_fill(~has_edit[:, None], -torch.inf)
    places = torch.arange(len(v), device=v.device)
    found = F.cross_entropy(torch.cat([logits, rival], dim=1), places)
    return (found + F.cross_entropy(logits.T, places)) / 2
