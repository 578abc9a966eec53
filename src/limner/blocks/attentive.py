"""What AttnGAN and those after it share: encoders of words and places, a tree whose branches look at words, drawing.

Letters: B pictures, S their side, s that of a stage, E width of sentences and words, T words, Z = 100 numbers of noise,
c = 100 numbers of a text's code, N the width of the tree, h_i the hidden map of stage i.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from limner.blocks.cascade import CascadeConfig, random_window, read_size
from limner.blocks.discriminators.pyramid import Critics, drafts, half_life
from limner.blocks.export import TOLD, example_words, export_encoder, export_generator
from limner.blocks.latent.knobs import TwoSpreads
from limner.blocks.latent.noise import normal
from limner.blocks.layers.conditioning_augmentation import (
    ConditioningAugmentation,
    kl_to_standard_normal,
    reparameterise,
)
from limner.blocks.layers.initialisation import orthogonal
from limner.blocks.layers.tree import Drawn, Head, Root, sides
from limner.blocks.losses.damsm import SmallRegions, damsm
from limner.blocks.losses.matching_aware import Objective, Weights
from limner.blocks.text.encoders import BiLstmEncoder, Text, TextCodes, blended, texts_of, unknown_words
from limner.blocks.vision.pretrained import InceptionRegions, Pretrained
from limner.data.schema import Schema, words_of
from limner.data.views import Pairs
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import Request
from limner.system import Draft, ExportPart, Phase, Player, System, no_grad

Z, CODE = 100, 100
NOISE = {"spread": Z, "reading": CODE}
WEIGHTS = Weights(right=1 / 2, wrong=1 / 3, drawn=1 / 3, real_alone=1 / 2, drawn_alone=1 / 3)
"""Of AttnGAN's critics; the authors' code means over each kind of pair."""


@dataclass(frozen=True, kw_only=True)
class Attending(CascadeConfig):
    """What people change of such a system."""

    vision: Literal["small", "inception"] = "small"
    """What sees pictures beside the text encoder: convolutions trained here, or an Inception v3 that knows ImageNet."""
    text_width: int = 256
    """Width of the vectors of sentences and words, E."""
    text_images: int = 200 * 8_855
    """Budget of the encoders, in pictures."""
    text_batch: int = 48
    """Pictures in a step of theirs."""
    words: int = 18
    """Words of a caption that are learnt from at most; of a longer one so many are chosen, in their order."""
    size: int = 256
    """Side of the finished pictures in pixels."""
    stages: int = 3
    """Stages of the tree; each doubles the side."""
    images: int = 600 * 8_855
    """Budget of the tree in pictures."""
    batch: int = 20
    """Pictures in a step."""
    generator_width: int = 32
    """Channels of the tree's maps from which pictures are painted, N; four doublings earlier it is 16 times as wide."""
    discriminator_width: int = 64
    """Channels of the first map of a critic."""
    residuals: int = 2
    """Residual blocks of a branch."""

    def __post_init__(self) -> None:
        if len(sides(self.size, self.stages)) < 2:
            raise ValueError("stages=1: words are looked at from the second stage on, so there are two or more")


class AttentiveTree(nn.Module):
    """Noise (B, Z), the stray of the text's code (B, c) and what was read to pictures of each stage.

    Args:
        config: the system's.
        branch: makes one, of (B, N, h, h), the text's code (B, c) and what was read to (B, N, 2h, 2h) and (B, T, h, h).
    """

    def __init__(self, config: Attending, branch: Callable[[], nn.Module]) -> None:
        super().__init__()
        width, stages = config.generator_width, sides(config.size, config.stages)
        self.augment = ConditioningAugmentation(config.text_width, CODE)
        self.root = Root(CODE + Z, width, stages[0])  # F_0
        self.branches = nn.ModuleList(branch() for _ in stages[1:])
        self.heads = nn.ModuleList(Head(width) for _ in stages)

    def forward(self, z: Tensor, epsilon: Tensor, sentence: Tensor, words: Tensor, weight: Tensor) -> Drawn:
        """Draw; the last three are those of a `TextCodes`."""
        told, cloud = TextCodes(sentence, words, weight), self.augment(sentence)
        code = reparameterise(cloud, epsilon)
        h = self.root(torch.cat([code, z], dim=1))  # h_0
        images, attention = [self.heads[0](h)], list[Tensor | None]([None])
        for branch, head in zip(self.branches, self.heads[1:], strict=True):
            h, looked = branch(h, code, told)
            images.append(head(h))
            attention.append(looked)
        return Drawn(images, [cloud], attention)


class Attentive(System):
    """Encoders that learn first and then rest, an attentive tree, a critic for each stage; `Config` is `Attending`."""

    gives = frozenset({"images", "attention"})
    Knobs = TwoSpreads

    def __init__(self, config: Any, schema: Schema, branch: Callable[[], nn.Module]) -> None:
        super().__init__(config, schema)
        c = config
        self.text = BiLstmEncoder(schema.lexicon, c.text_width)
        self.vision: nn.Module = (
            InceptionRegions(c.text_width) if c.vision == "inception" else SmallRegions(c.size, c.text_width)
        )
        self.generator = AttentiveTree(c, branch).apply(orthogonal)
        stages = sides(c.size, c.stages)
        self.critics = Critics(stages, c.discriminator_width, c.text_width, Objective(WEIGHTS, c.kit))

    @classmethod
    def data_size(cls, config: Any) -> int:
        """304 for 256 where windows are cropped."""
        return read_size(config.size, config.crop)

    def show(self, images: Tensor) -> Tensor:
        """Return real pictures (B, 3, R, R) as they are learnt from: (B, 3, S, S)."""
        return random_window(images, self.config.size, self.config.crop)

    def reading(self) -> Phase:
        """Return the phase in which the encoders learn."""
        c = self.config
        learning = damsm(self.text, self.vision, images=c.text_images, batch=c.text_batch, show=self.show)
        return dataclasses.replace(learning, on_start=self.load_imagenet)

    def load_imagenet(self) -> None:
        """Bring the weights of nets that know ImageNet, all of them before the first learns: a long training may wait.

        Raises:
            UserError: where they are not to be had.
        """
        for part in self.modules():
            if isinstance(part, Pretrained):
                part.load_imagenet()

    def players(self) -> dict[str, Player]:
        """A critic for each stage, and the tree."""
        c = self.config
        optimiser = adam(c.rate, betas=(0.5, 0.999))
        tree = Player(modules=[self.generator], optimiser=optimiser, ema=half_life(c.batch, c.images))
        return self.critics.players(optimiser) | {"tree": tree}

    @torch.no_grad()
    def heard(self, batch: Pairs) -> Text:
        """Read a batch's captions, of each at most so many words."""
        return self.text([some_words(text, self.config.words) for text in batch.texts])

    def draw(self, text: Text) -> tuple[Drawn, Tensor]:
        """Draw what was heard with fresh noise; return also how far its clouds are from N(0, 1), a number's mean."""
        told = TextCodes.of(text)
        drawn = self.generator(normal(told.sentence, Z), normal(told.sentence, CODE), *told)
        return drawn, kl_to_standard_normal(*drawn.clouds[0]) / CODE

    def scored(self, drawn: Drawn) -> Tensor:
        """Return the finished pictures as nets at rest see them that score them: (B, 3, S, S)."""
        return self.critics.objective.blur(drawn.images[-1])

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: Any, rng: RowNoise) -> Iterator[Draft]:
        """Draw all stages; the earlier ones are drafts."""
        z, epsilon = rng.normal(Z + CODE).split([Z, CODE], dim=1)
        noise = torch.cat([knobs.spread * z, knobs.reading * epsilon], dim=1)
        yield from self.paint(noise, *blended(self.text, requests))

    def paint(self, noise: Tensor, *told: Tensor) -> Iterator[Draft]:
        """Draw the three of a `TextCodes` with noise and strays (B, Z + c)."""
        return drafts(self.generator(*noise.split([Z, CODE], dim=1), *told))

    @torch.no_grad()
    def embed_pairs(self, images: Tensor, requests: Sequence[Request]) -> tuple[Tensor, Tensor]:
        """Return codes of pictures and sentences, two of (B, E), by the encoders at rest."""
        return torch.cat([self.vision(part)[1] for part in images.split(100)]), self.text.sentence(texts_of(requests))

    def exports(self) -> Mapping[str, ExportPart]:
        """Return the text encoder, and the tree: noise and epsilon (B, Z + c), and `TextCodes`, to pictures."""
        return {
            "reader": export_encoder(self.text.both, [self.text], self.text.rule, TOLD[:2]),
            "painter": export_generator(self.paint, [self.generator], NOISE, *example_words(self.config.text_width)),
        }

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words it does not know, each with the nearest it does."""
        return unknown_words(self.schema.lexicon, requests)


def some_words(text: str, most: int) -> str:
    """Choose words of a text that has too many, in their order."""
    words = words_of(text)
    if len(words) <= most:
        return text
    return " ".join(words[place] for place in torch.randperm(len(words))[:most].sort().values.tolist())
