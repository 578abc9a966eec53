"""StackGAN++: a tree of generators, trained together, each branch with a discriminator of its own. Also StackGAN-v2.

Zhang, Xu, Li, Zhang, Wang, Huang, Metaxas: StackGAN++: Realistic Image Synthesis with Stacked Generative Adversarial
Networks, TPAMI 2018.

Reading order: StackGanV2Config, Branch, Tree, colour_consistency, StackGanV2: its losses, its phases, its step, sample.
The layers of the tree are in `blocks.layers.tree`, the discriminators in `blocks.discriminators.pyramid`, the text
encoder in `blocks.pretrained_text`.

Letters: B pictures, S their side, s that of a stage, E width of a sentence vector, c = 128 numbers of a text's code, Z
= 100 numbers of noise, N the width of the tree, h_i the hidden map of stage i. D_i a discriminator's logit, s_i what
stage i draws.

What the paper claims
    All stages learn at once, each from a discriminator at its own size (section 4.1).
    Joint loss (section 4.2): each discriminator also scores pictures alone; `joint=False` leaves that out.
    Colour consistency (section 4.3): pictures of neighbouring stages have similar colours. It helps where there is
    no text, and with text it is not needed: `colour=50` and 0 in the authors' settings.
    Without a text (`text=none`) the noise itself is the condition of each branch.

Deviations
    The wrong pictures of a text are other pictures of the batch. The head that scores pictures alone would see each of
    them once more as real: real pictures count twice there instead.
    Averaged weights are published and never go back into training, as the authors' code lets them.
    The text encoder is trained here from scratch (see `blocks.pretrained_text`); its vectors are standardised.
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
from limner.blocks.discriminators.joint import JointDiscriminator
from limner.blocks.discriminators.pyramid import Discriminators, drafts, half_life
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
from limner.blocks.layers.tree import Drawn, Head, Residual, Root, Same, Up, shrunk, sides
from limner.blocks.losses.matching_aware import AdversarialLoss, DiscriminatorScores
from limner.blocks.pretrained_text import PretrainedText, TextConfig, pretrained_text
from limner.data.schema import Schema
from limner.data.views import Pairs, Pictures, paired
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import Caption, Embedded, Nothing, Request
from limner.system import Clock, Draft, ExportPart, Paper, Phase, Player, System, Update, blend, no_grad

Z, CODE = 100, 128
LAMBDA = 2.0  # weight of the KL term of Conditioning Augmentation, a mean over the code's components
MEANS, COVARIANCES = 1.0, 5.0  # lambda_1 and lambda_2 of section 4.3


@dataclass(frozen=True, kw_only=True)
class StackGanV2Config(TextConfig, CascadeConfig):
    """Settings of the system."""

    text: Literal["char", "char-gru", "char-flowers", "char-coco", "word", "embedding", "none"] = "char-gru"
    """How sentences are read: by letters, with the net of Reed et al. (CVPR), its gated sibling (ICML, birds), a
    wider one (ICML, flowers) or the gated one's mean (ICML, COCO); by words; `embedding`: not at all, as their vectors
    came with the data; `none`:
    pictures are drawn without a text."""
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
    """Channels of the first map of a discriminator."""
    residuals: int = 2
    """Residual blocks of a branch."""
    joint: bool = True
    """Discriminators score pictures alone, too."""
    colour: float = 0.0
    """Weight of colour consistency."""

    def __post_init__(self) -> None:
        sides(self.size, self.stages)


class Branch(nn.Module):
    """F_i of section 4.1: a hidden map and the condition to a map twice as large: (B, C, h, h) to (B, C/2, 2h, 2h)."""

    def __init__(self, width: int, condition: int, residuals: int) -> None:
        super().__init__()
        self.join = Same(width + condition, width)
        self.grow = nn.Sequential(*(Residual(width) for _ in range(residuals)), Up(width, width // 2))

    def forward(self, h: Tensor, condition: Tensor) -> Tensor:
        return self.grow(self.join(tile(condition, h)))


class Tree(nn.Module):
    """Noise (B, Z) and, where there is a text, epsilon (B, c) and its vector (B, E) to the pictures of each stage."""

    def __init__(self, config: StackGanV2Config, sentence: int) -> None:
        super().__init__()
        c, first = config, sides(config.size, config.stages)[0]
        text = c.text != "none"
        condition, widths = CODE if text else Z, [c.generator_width >> stage for stage in range(c.stages)]
        self.augment = ConditioningAugmentation(sentence, CODE) if text else None
        self.root = Root(CODE + Z if text else Z, c.generator_width, first)
        self.branches = nn.ModuleList(Branch(width, condition, c.residuals) for width in widths[:-1])
        self.heads = nn.ModuleList(Head(width) for width in widths)

    def forward(self, z: Tensor, epsilon: Tensor | None = None, sentence: Tensor | None = None) -> Drawn:
        condition, inputs, gaussians = z, [z], list[GaussianCode]()
        if self.augment is not None:
            assert epsilon is not None and sentence is not None
            gaussians.append(self.augment(sentence))
            condition = reparameterise(gaussians[0], epsilon)
            inputs = [condition, z]
        h = self.root(torch.cat(inputs, dim=1))  # h_0
        images = [self.heads[0](h)]
        for branch, head in zip(self.branches, self.heads[1:], strict=True):
            h = branch(h, condition)
            images.append(head(h))
        return Drawn(images, gaussians)


def colour_consistency(fine: Tensor, coarse: Tensor) -> Tensor:
    """Return L_C of two stages: squared distances of mean colours and of covariances of colours (section 4.3).

    Pictures (B, 3, s, s) and (B, 3, s', s'); the coarse ones are detached.
    """
    (mu, sigma), (mu_coarse, sigma_coarse) = statistics(fine), statistics(coarse.detach())
    return MEANS * F.mse_loss(mu, mu_coarse) + COVARIANCES * F.mse_loss(sigma, sigma_coarse)


def statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean colour (B, 3) and the covariance of colours (B, 3, 3) over the pixels of each picture."""
    pixels = images.float().flatten(2)
    mean = pixels.mean(dim=2)
    centred = pixels - mean[:, :, None]
    return mean, centred @ centred.transpose(1, 2) / pixels.shape[2]


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
    default_preset = "avatars"
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
        "flowers": Config(text="char-flowers", text_images=40 * 82 * 200, images=600 * 7_034, crop=True),
        "coco": Config(text="char-coco", text_images=20 * 82_783, images=120 * 82_783),
        # Rounds are the authors'; how many pictures their sets of ImageNet and LSUN have, is recalled.
        "unconditional": Config(text="none", colour=50.0, crop=True, images=100 * 147_873),
        "cats": Config(text="none", colour=50.0, crop=True, images=800 * 6_500),
        "bedrooms": Config(text="none", colour=50.0, crop=True, images=5 * 3_030_000),
        "churches": Config(text="none", colour=50.0, crop=True, images=50 * 126_000),
    }  # fmt: skip
    config: StackGanV2Config

    def __init__(self, config: StackGanV2Config, schema: Schema) -> None:
        super().__init__(config, schema)
        c = config
        self.captions: PretrainedText | None = None
        if c.text != "none":
            self.captions, modules = pretrained_text(c, schema, self.data_size(c))
            self.text, self.vision, self.standard, self.sentences = modules  # phi first
        self.adversarial = AdversarialLoss(c.kit)
        self.generator = Tree(c, self.captions.width if self.captions else 0).apply(orthogonal)
        self.critics = Discriminators(
            sides(c.size, c.stages), c.discriminator_width, 0 if c.text == "none" else CODE, alone=c.joint,
            norm="spectral" not in c.kit,
        )  # fmt: skip

    @classmethod
    def data_size(cls, config: StackGanV2Config) -> int:
        """304 for 256 where windows are cropped."""
        return read_size(config.size, config.crop)

    def crop(self, images: Tensor) -> Tensor:
        """Return the windows of real pictures (B, 3, R, R) that are learnt from: (B, 3, S, S)."""
        return random_window(images, self.config.size, self.config.crop)

    @classmethod
    def request_type(cls, config: StackGanV2Config) -> type[Request]:
        """Nothing where there is no text; captions with their vectors where these come with the data."""
        return {"none": Nothing, "embedding": Embedded}.get(config.text, Caption)

    def discriminator_loss(
        self, d: JointDiscriminator, real: Tensor, fake: Tensor, condition: Tensor | None, wrong: Tensor, step: int
    ) -> DiscriminatorScores:
        """Return L_Di: the conditional loss plus the unconditional one (section 4.2), as far as `d` has these heads.

        With f = log(1 + exp), c the condition, x real and s generated pictures:
            joint          f(-D(x, c)) + f(D(s, c)) + f(D(x_wrong, c))  +  2 f(-D(x)) + f(D(s))
            joint=False    f(-D(x, c)) + 1/2 f(D(s, c)) + 1/2 f(D(x_wrong, c))
            text=none      f(-D(x)) + f(D(s))

        Args:
            d: D_i.
            real, fake: pictures (B, 3, s, s), of which the generated ones are detached here.
            condition: (B, c) mean of the code of each text; None without a text.
            wrong: (B,) for each text the index of a real picture that it does not fit.
            step: number of the step, for penalties of the kit.
        """
        gan, log, right, alone = self.adversarial, dict[str, Tensor](), None, None
        x, s = d.features(gan.augment(real)), d.features(gan.augment(fake.detach()))
        loss = x.new_zeros(())
        if condition is not None:
            right, drawn, mismatched = d.judge(x, condition), d.judge(s, condition), d.judge(x[wrong], condition)
            weight = 1 if self.config.joint else 1 / 2
            loss = gan.real(right) + weight * gan.fake(drawn, right) + weight * gan.fake(mismatched, right)
            log |= {"right": right, "wrong": mismatched, "drawn": drawn}
        if d.alone is not None:
            alone, drawn = d.judge_alone(x), d.judge_alone(s)
            weight = 1 if condition is None else 2
            loss = loss + (weight * gan.real(alone) + gan.fake(drawn, alone))
            log |= {"real": alone, "drawn alone": drawn}
        loss = sum(gan.penalties(d, real, condition, step), start=loss)
        right, alone = (None if score is None else score.detach() for score in (right, alone))
        return DiscriminatorScores(loss, log, right, alone)

    def generator_loss(self, drawn: Drawn, scores: Sequence[DiscriminatorScores]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return L_G, the sum of L_Gi over stages, plus KL and colour terms, and its parts for the log.

        L_Gi = f(-D_i(s_i, c)) + f(-D_i(s_i)), as far as D_i has these heads.

        Args:
            drawn: pictures of all stages, and the Gaussian of the texts' codes where there are texts.
            scores: what each discriminator gave real pictures, for relativistic losses.
        """
        gan, l_g = self.adversarial, list[Tensor]()
        mean, kl = None, drawn.images[0].new_zeros(())
        if drawn.codes:
            mean, logvar = drawn.codes[0]
            kl = kl_to_standard_normal(mean, logvar) / CODE
        for (_, d), fake, its in zip(self.critics.named(), drawn.images, scores, strict=True):
            s = d.features(gan.augment(fake))
            conditional = [] if mean is None else [gan.generator(d.judge(s, mean), its.right)]
            alone = [] if d.alone is None else [gan.generator(d.judge_alone(s), its.real)]
            l_g.append(torch.stack([*conditional, *alone]).sum())
        loss, log = torch.stack(l_g).sum() + LAMBDA * kl, {"divergence": kl}
        if self.config.colour:
            stages = zip(drawn.images[1:], drawn.images, strict=False)
            log["colours"] = torch.stack([colour_consistency(fine, coarse) for fine, coarse in stages]).sum()
            loss = loss + self.config.colour * log["colours"]
        return loss, log

    def phases(self) -> list[Phase]:
        """Train the text encoder, where there is one; with it frozen, train all stages at once."""
        c = self.config
        optimiser = adam(c.rate, betas=(0.5, 0.999))
        tree = Player(modules=[self.generator], optimiser=optimiser, ema=half_life(c.batch, c.images))
        players = self.critics.players(optimiser) | {"tree": tree}
        if self.captions is None:
            return [Phase(name="tree", view=Pictures, images=c.images, batch=c.batch, players=players, step=self.step)]
        gan = Phase(
            name="tree", view=paired(c.paired), images=c.images, batch=c.batch, players=players,
            on_enter=self.captions.restore_table, step=self.step,
        )  # fmt: skip
        return [*self.captions.phases(c), gan]

    def step(self, batch: Pairs | Pictures, clock: Clock) -> Iterator[Update]:
        """Update each discriminator once, then the tree."""
        x = self.crop(batch.images)
        z, condition, wrong = normal(x, Z), None, torch.arange(len(x))
        if self.captions is not None:
            assert isinstance(batch, Pairs)
            drawn = self.generator(z, normal(x, CODE), self.captions.draw(batch.rows))
            condition, wrong = drawn.codes[0][0].detach(), batch.wrong  # the mean code
        else:
            drawn = self.generator(z)
        pyramid, scores = shrunk(x, self.critics.sides), list[DiscriminatorScores]()
        for (name, d), real, fake in zip(self.critics.named(), pyramid, drawn.images, strict=True):
            scores.append(self.discriminator_loss(d, real, fake, condition, wrong, clock.step))
            yield Update(name, scores[-1].loss, scores[-1].log)
        yield Update("tree", *self.generator_loss(drawn, scores))

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: TwoSpreads, rng: RowNoise) -> Iterator[Draft]:
        """Draw all stages; the earlier ones are drafts."""
        if self.captions is None:
            yield from self.draw(knobs.spread * rng.normal(Z))
            return
        z, epsilon = rng.normal(Z + CODE).split([Z, CODE], dim=1)
        noise = torch.cat([knobs.spread * z, knobs.reading * epsilon], dim=1)
        yield from self.draw(noise, blend(self.captions.encode, requests))

    def draw(self, noise: Tensor, *sentence: Tensor) -> Iterator[Draft]:
        """Draw from noise (B, Z) or, with a text, from noise and epsilon (B, Z + c) and sentence vectors (B, E)."""
        return drafts(self.generator(*noise.tensor_split([Z][: len(sentence)], dim=1), *sentence))

    def embed_pairs(self, images: Tensor, requests: Sequence[Request]) -> tuple[Tensor, Tensor] | None:
        """Return codes of pictures and captions by the pre-trained encoders, two of (B, E); None without a text."""
        return self.captions.embed_pairs(images, requests) if self.captions else None

    def check_request(self, request: Request) -> None:
        """Make sure that there is a vector, or what encodes the sentence."""
        if self.captions is not None:
            self.captions.check(request)

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words that no caption of the training set has, each with the nearest that one has."""
        return self.captions.unknown_words(requests) if self.captions else {}

    def exports(self) -> Mapping[str, ExportPart]:
        """Return the tree, from what `draw` takes to pictures, and the text encoder where there is one."""
        if self.captions is None:
            return {"painter": export_generator(self.draw, [self.generator], {"spread": Z})}
        noise = {"spread": Z, "reading": CODE}
        return {
            "reader": self.captions.export(),
            "painter": export_generator(self.draw, [self.generator], noise, example_condition(self.captions.width)),
        }
