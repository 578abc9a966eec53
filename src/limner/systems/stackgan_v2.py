"""StackGAN++: a tree of generators, trained together, each branch with a critic of its own. Also StackGAN-v2.

Zhang, Xu, Li, Zhang, Wang, Huang, Metaxas: StackGAN++: Realistic Image Synthesis with Stacked Generative Adversarial
Networks, TPAMI 2018.

Reading order: Config, Branch, Tree, colour_gap, StackGanV2: its phases, its step, drawing. What trees are built of is
in `blocks.layers.tree`; the critics are `blocks.discriminators.pyramid`, their loss `blocks.losses.matching_aware`.

Letters: B pictures, S their side, s that of a stage, E width of a sentence vector, c = 128 numbers of a text's code, Z
= 100 numbers of noise, N the width of the tree, h_i the hidden map of stage i.

What the paper claims
    All stages learn at once, each from a critic at its own size (section 4.1).
    Joint loss (section 4.2): each critic also judges pictures alone; `joint=False` leaves that out.
    Colour consistency (section 4.3): pictures of neighbouring stages have like colours. It helps where there is
    no text, and with text it is not needed: `colour=50` and 0 in the authors' settings.
    Without a text (`text=none`) the noise itself is what each branch is told.

Deviations
    The wrong pictures of a text are other pictures of the batch. The head that judges alone would see each of them once
    more as real: real pictures count twice there instead.
    Averaged weights are published and never go back into training, as the authors' code lets them; their statistics are
    averaged with them.
    Text is pre-trained here from scratch (see `blocks.text.reading`); its vectors have mean 0 and spread 1.
    The first stage is S / 2^(stages - 1) pixels large, 64 in the paper.
    `kit` adds what the field has learnt since (see `blocks.losses.matching_aware`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.cascade import CascadeConfig, random_window, read_size
from limner.blocks.discriminators.pyramid import DiscriminatorPyramid, drafts, half_life
from limner.blocks.export import example_condition, export_generator
from limner.blocks.latent.knobs import TwoSpreads
from limner.blocks.latent.noise import normal
from limner.blocks.layers.conditioning_augmentation import (
    ConditioningAugmentation,
    GaussianCode,
    kl_to_standard_normal,
    reparameterise,
)
from limner.blocks.layers.convolutions import tile
from limner.blocks.layers.initialisation import orthogonal
from limner.blocks.layers.tree import Drawn, Head, Residual, Root, Same, Up, sides
from limner.blocks.losses.matching_aware import Objective, Weights
from limner.blocks.pretrained_text import PretrainedText, TextConfig, build_text_encoder
from limner.blocks.text.caption_table import CaptionTable
from limner.blocks.text.standardise import Standardise
from limner.blocks.vision.encoders import ImageEncoder
from limner.data.schema import Schema
from limner.data.views import Pairs, Pictures
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import Caption, Nothing, Request
from limner.system import Clock, Draft, ExportPart, Paper, Phase, Player, System, Update, blend, no_grad

Z, CODE = 100, 128
DIVERGENCE = 2.0  # weight of the clouds' mean divergence from N(0, 1)
MEANS, COVARIANCES = 1.0, 5.0  # lambda_1 and lambda_2 of section 4.3
JOINT = Weights(right=1.0, wrong=1.0, drawn=1.0, real_alone=2.0, drawn_alone=1.0)
TEXT_ALONE = Weights(right=1.0, wrong=0.5, drawn=0.5)
NO_TEXT = Weights(real_alone=1.0, drawn_alone=1.0)


@dataclass(frozen=True, kw_only=True)
class StackGanV2Config(TextConfig, CascadeConfig):
    """Settings of the system."""

    text: Literal["char", "char-gru", "word", "none"] = "char-gru"
    """What reads: the paper's by letters, or a small one by words; none: pictures are drawn without being told what."""
    size: int = 256
    """Side of the finished pictures in pixels."""
    stages: int = 3
    """Branches of the tree; each doubles the side."""
    images: int = 600 * 8_855
    """Budget of the tree in pictures."""
    batch: int = 24
    """Pictures in a step."""
    generator_width: int = 64
    """Channels of the map from which the first picture is painted, N; each branch halves them."""
    discriminator_width: int = 64
    """Channels of the first map of a critic."""
    residuals: int = 2
    """Residual blocks of a branch."""
    joint: bool = True
    """Critics judge pictures alone, too."""
    colour: float = 0.0
    """Weight of colour consistency."""

    def __post_init__(self) -> None:
        sides(self.size, self.stages)


class Branch(nn.Module):
    """F_i of section 4.1: a hidden map and what it is told to one twice as large: (B, C, h, h) to (B, C/2, 2h, 2h)."""

    def __init__(self, width: int, condition: int, residuals: int) -> None:
        super().__init__()
        self.join = Same(width + condition, width)
        self.grow = nn.Sequential(*(Residual(width) for _ in range(residuals)), Up(width, width // 2))

    def forward(self, h: Tensor, condition: Tensor) -> Tensor:
        return self.grow(self.join(tile(condition, h)))


class Tree(nn.Module):
    """Noise (B, Z) and, where there is a text, its stray (B, c) and its vector (B, E) to pictures of each stage."""

    def __init__(self, config: StackGanV2Config) -> None:
        super().__init__()
        c, first = config, sides(config.size, config.stages)[0]
        text = c.text != "none"
        condition, widths = CODE if text else Z, [c.generator_width >> stage for stage in range(c.stages)]
        self.augment = ConditioningAugmentation(c.text_width, CODE) if text else None
        self.root = Root(CODE + Z if text else Z, c.generator_width, first)
        self.branches = nn.ModuleList(Branch(width, condition, c.residuals) for width in widths[:-1])
        self.heads = nn.ModuleList(Head(width) for width in widths)

    def forward(self, z: Tensor, epsilon: Tensor | None = None, sentence: Tensor | None = None) -> Drawn:
        given, clouds = [z], list[GaussianCode]()
        if self.augment is not None:
            assert epsilon is not None and sentence is not None
            clouds.append(self.augment(sentence))
            given.insert(0, reparameterise(clouds[0], epsilon))
        h = self.root(torch.cat(given, dim=1))  # h_0
        images = [self.heads[0](h)]
        for branch, head in zip(self.branches, self.heads[1:], strict=True):
            h = branch(h, given[0])
            images.append(head(h))
        return Drawn(images, clouds)


def colour_gap(fine: Tensor, coarse: Tensor) -> Tensor:
    """Return how far the mean colour and the covariance of colours of two pictures are apart, squared (section 4.3).

    Pictures (B, 3, s, s) and (B, 3, s', s'); the coarse one is at rest.
    """
    (mean, spread), (mean_then, spread_then) = statistics(fine), statistics(coarse.detach())
    return MEANS * F.mse_loss(mean, mean_then) + COVARIANCES * F.mse_loss(spread, spread_then)


def statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean colour (B, 3) and the covariance of colours (B, 3, 3) over the pixels of each picture."""
    pixels = images.float().flatten(2)
    mean = pixels.mean(dim=2)
    apart = pixels - mean[:, :, None]
    return mean, apart @ apart.transpose(1, 2) / pixels.shape[2]


class StackGanV2(System):
    """Zhang et al. 2018."""

    paper = Paper(
        title="StackGAN++: Realistic Image Synthesis with Stacked Generative Adversarial Networks",
        authors="Han Zhang, Tao Xu, Hongsheng Li, Shaoting Zhang, Xiaogang Wang, Xiaolei Huang, Dimitris Metaxas",
        year=2018,
        venue="TPAMI",
        arxiv="1710.10916",
    )
    takes = Caption
    Config = StackGanV2Config
    Knobs = TwoSpreads
    presets: ClassVar[Mapping[str, StackGanV2Config]] = {
        "tiny": Config(
            text="word", text_loss="contrastive", text_width=32, text_images=160, text_batch=8, size=32, stages=2,
            images=1_600, batch=8, generator_width=16, discriminator_width=8, residuals=1, rate=2e-3,
        ),
        "avatars": Config(
            text="word", text_loss="contrastive", text_width=256, text_images=200_000, text_batch=64, size=128,
            stages=2, images=200_000, batch=24, generator_width=32, discriminator_width=32,
        ),
        "birds": Config(crop=True),
        "coco": Config(text_images=20 * 82_783, images=120 * 82_783),
        "unconditional": Config(text="none", colour=50.0, crop=True),
    }  # fmt: skip
    config: StackGanV2Config

    def __init__(self, config: StackGanV2Config, schema: Schema) -> None:
        super().__init__(config, schema)
        c = config
        self.captions: PretrainedText | None = None
        if c.text != "none":
            self.text = build_text_encoder(c, schema.lexicon)  # phi
            self.vision = ImageEncoder(self.data_size(c), c.text_width)
            self.standard, self.sentences = Standardise(c.text_width), CaptionTable()
            self.captions = PretrainedText(self.text, self.vision, self.standard, self.sentences, schema.lexicon)
        weights = NO_TEXT if c.text == "none" else JOINT if c.joint else TEXT_ALONE
        self.generator = Tree(c).apply(orthogonal)
        self.critics = DiscriminatorPyramid(
            sides(c.size, c.stages), c.discriminator_width, 0 if c.text == "none" else CODE,
            Objective(weights, c.kit), alone=c.joint,
        )  # fmt: skip

    @classmethod
    def data_size(cls, config: StackGanV2Config) -> int:
        """304 for 256 where windows are cropped."""
        return read_size(config.size, config.crop)

    def show(self, images: Tensor) -> Tensor:
        """Return real pictures (B, 3, R, R) as they are learnt from: (B, 3, S, S)."""
        return random_window(images, self.config.size, self.config.crop)

    @classmethod
    def request_type(cls, config: StackGanV2Config) -> type[Request]:
        """Nothing where there is no text."""
        return Nothing if config.text == "none" else Caption

    def phases(self) -> list[Phase]:
        """Learn to read, where there is something to read; then all stages at once."""
        c = self.config
        optimiser = adam(c.rate, betas=(0.5, 0.999))
        tree = Player(modules=[self.generator], optimiser=optimiser, ema=half_life(c.batch, c.images))
        players = self.critics.players(optimiser) | {"tree": tree}
        if self.captions is None:
            return [Phase(name="tree", view=Pictures, images=c.images, batch=c.batch, players=players, step=self.step)]
        gan = Phase(
            name="tree", view=Pairs, images=c.images, batch=c.batch, players=players,
            on_enter=self.captions.restore_table, step=self.step,
        )  # fmt: skip
        return [*self.captions.phases(c), gan]

    def step(self, batch: Pairs | Pictures, clock: Clock) -> Iterator[Update]:
        """One move of each critic, then one of the tree."""
        x = self.show(batch.images)
        z, mean, kl = normal(x, Z), None, x.new_zeros(())
        if self.captions is not None:
            assert isinstance(batch, Pairs)
            drawn = self.generator(z, normal(x, CODE), self.captions.draw(batch.rows))
            ((mean, logvar),), wrong = drawn.codes, batch.wrong
            kl = kl_to_standard_normal(mean, logvar) / CODE
        else:
            drawn, wrong = self.generator(z), torch.arange(len(x))
        condition = None if mean is None else mean.detach()
        said = yield from self.critics.discriminator_updates(x, drawn.images, condition, wrong, clock.step)

        loss, log = self.critics.generator_loss(drawn.images, mean, said) + DIVERGENCE * kl, {"divergence": kl}
        if self.config.colour:
            stages = zip(drawn.images[1:], drawn.images, strict=False)
            log["colours"] = torch.stack([colour_gap(fine, coarse) for fine, coarse in stages]).sum()
            loss = loss + self.config.colour * log["colours"]
        yield Update("tree", loss, log)

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: TwoSpreads, rng: RowNoise) -> Iterator[Draft]:
        """Draw all stages; the earlier ones are drafts."""
        if self.captions is None:
            yield from self.paint(knobs.spread * rng.normal(Z))
            return
        z, epsilon = rng.normal(Z + CODE).split([Z, CODE], dim=1)
        noise = torch.cat([knobs.spread * z, knobs.reading * epsilon], dim=1)
        yield from self.paint(noise, blend(self.captions.encode, requests))

    def paint(self, noise: Tensor, *sentence: Tensor) -> Iterator[Draft]:
        """Draw with noise (B, Z); sentence vectors (B, E), where there is text, with noise and strays (B, Z + c)."""
        return drafts(self.generator(*noise.tensor_split([Z][: len(sentence)], dim=1), *sentence))

    def embed_pairs(self, images: Tensor, requests: Sequence[Request]) -> tuple[Tensor, Tensor] | None:
        """Return codes of pictures and captions by the pre-trained encoders, two of (B, E); None without a text."""
        return self.captions.embed_pairs(images, requests) if self.captions else None

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words that no caption of the training set has, each with the nearest that one has."""
        return self.captions.unknown_words(requests) if self.captions else {}

    def exports(self) -> Mapping[str, ExportPart]:
        """Return the tree: noise (B, Z) and, with text, strays (B, c) and sentence vectors (B, E), and what reads."""
        if self.captions is None:
            return {"painter": export_generator(self.paint, [self.generator], {"spread": Z})}
        noise = {"spread": Z, "reading": CODE}
        return {
            "reader": self.captions.export(),
            "painter": export_generator(self.paint, [self.generator], noise, example_condition(self.config.text_width)),
        }
