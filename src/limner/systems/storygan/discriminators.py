"""The discriminators of StoryGAN by the paper: features of pictures and of words are multiplied.

Letters: R frames or stories, T frames of a story (1 for single frames), S their side, V' width of the words of all
lines, A attributes, n the width of the net.
"""

from __future__ import annotations

from torch import Tensor, nn

from limner.blocks.layers.convolutions import LEAK, StridedEncoder
from limner.blocks.losses.adversarial import bce_fake, bce_real
from limner.blocks.vision.placed_heads import PlacedHeads, attribute_loss, placed_attributes
from limner.data.schema import Schema
from limner.systems.storygan.config import Config

LABELS = 15  # of CLEVR-SV, over which its loss is averaged: so each attribute weighs what one of them does there


class Discriminator(nn.Module):
    """D(X, S) of one frame, or of T: (R, T, 3, S, S) and (R, V') to logits (R,); features of both are multiplied."""

    def __init__(self, frames: int, words: int, config: Config) -> None:
        super().__init__()
        norm, leaky = config.recipe == "paper", nn.LeakyReLU(LEAK)
        self.look = StridedEncoder(config.critic_width, config.size, norm)
        last = self.look.widths[-1]
        join = nn.Conv2d(frames * last, last, 3, padding=1, bias=not norm)
        self.join = nn.Sequential(join, *[nn.BatchNorm2d(last)] * norm, leaky)
        deeper = [nn.Linear(last, last), *[nn.BatchNorm1d(last)] * norm]
        self.read = nn.Sequential(nn.Linear(words, last), leaky, *deeper, leaky)
        self.head = nn.Conv2d(last, 1, 4)

    def features(self, images: Tensor) -> Tensor:
        """Encode pictures, without words: (R, T, 3, S, S) to (R, T 8n, 4, 4)."""
        return self.look(images.flatten(0, 1)).unflatten(0, images.shape[:2]).flatten(1, 2)

    def scores(self, features: Tensor, words: Tensor) -> Tensor:
        """Return the logit of each pair of features (R, T 8n, 4, 4) and words (R, V'): (R,)."""
        return self.head(self.join(features) * self.read(words)[:, :, None, None]).flatten()

    def forward(self, images: Tensor, words: Tensor) -> Tensor:
        return self.scores(self.features(images), words)

    def matching_aware_loss(
        self, features: Tensor, fake: Tensor, words: Tensor, wrong: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Right pairs of real features and words against drawn and mismatched pairs, which weigh one half each.

        Drawn pictures are (R, T, 3, S, S), words (R, V'); `wrong` (R,) is for each row one whose words do not fit it.
        """
        on_right, on_wrong = self.scores(features, words), self.scores(features, words[wrong])
        on_fake = self(fake.detach(), words)
        loss = bce_real(on_right) + 0.5 * (bce_fake(on_fake) + bce_fake(on_wrong))
        return loss, {"right": on_right, "drawn": on_fake, "wrong": on_wrong}


class NamesAttributes(nn.Module):
    """A discriminator that also classifies attributes: things by features of their places, the rest whole."""

    def add_heads(self, widths: list[int], schema: Schema) -> None:
        """Build the classifiers over the last two maps of an encoder of these `widths`."""
        self.attributes, placed = schema.attributes, placed_attributes(schema.attributes)
        self.unplaced = [name for name in self.attributes if name not in placed]
        sizes = (len(schema.attributes[name]) for name in self.unplaced)
        self.heads = nn.ModuleList(nn.Conv2d(widths[-1], size, 4) for size in sizes)
        self.regard = PlacedHeads(widths[-2], 8, placed) if placed else None

    def attribute_logits(self, finer: Tensor, features: Tensor) -> list[Tensor]:
        """Return the logits (R, values) of each attribute by maps (R, 4n, 8, 8) and (R, 8n, 4, 4)."""
        logits = {name: head(features).flatten(1) for name, head in zip(self.unplaced, self.heads, strict=True)}
        if self.regard is not None:
            logits |= self.regard.attribute_logits(self.regard(finer).relu())
        return [logits[name] for name in self.attributes]


class FrameDiscriminator(Discriminator, NamesAttributes):
    """The discriminator of single frames, which also classifies attributes."""

    def __init__(self, words: int, config: Config, schema: Schema) -> None:
        super().__init__(1, words, config)
        self.add_heads(self.look.widths, schema)

    def attribute_loss(self, images: Tensor, attributes: Tensor) -> tuple[Tensor, Tensor]:
        """Return features of pictures (R, 1, 3, S, S) and the loss of classifying their attributes (R, A) by them."""
        finer, features = self.look.last_two(images.squeeze(1))  # (R, 4n, 8, 8), (R, 8n, 4, 4)
        return features, attribute_loss(self.attribute_logits(finer, features), attributes).sum() / LABELS
