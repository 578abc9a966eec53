"""StackGAN: a sketch first, then a picture four times as large drawn over it, with the text as condition of both.

Zhang, Xu, Li, Zhang, Wang, Huang, Metaxas: StackGAN: Text to Photo-realistic Image Synthesis with Stacked Generative
Adversarial Networks, ICCV 2017.

Reading order: StackGanConfig, StackGan: its losses, phases, two steps, sample. The nets of both stages, Sketcher and
Refiner, are in `blocks.two_stages`, Conditioning Augmentation in `blocks.layers.conditioning_augmentation`, the
discriminator of both stages in `blocks.discriminators.joint`, the text encoder in `blocks.pretrained_text`.

Letters: B pictures, S their side, f that of a sketch, E width of a sentence vector phi, c = 128 numbers of a text's
code, Z = 100 numbers of noise, g the width of the generators. D a discriminator's logit, G what a stage draws.

What the paper claims
    Two stages, each trained alone: the second gets the sketch and the text again, but no new noise, and corrects what
    the first got wrong.
    Conditioning Augmentation (section 3.2, eq. 2): a text is a Gaussian of codes, regularised towards N(0, 1), so that
    a few thousand captions fill the space between them.

Deviations
    Widths and the bottleneck residuals are those of the authors' TensorFlow code, in which convolutions have no bias.
    One generated batch serves the discriminator's update and the generator's, as in their PyTorch code.
    A mismatched pair is a real picture of the batch with a text that does not fit it, never by chance one that does.
    Epsilon is normal, not cut at two deviations. Generators begin orthogonal, as in the authors' next system: with
    weights from N(0, 0.02) narrow ones begin grey. Conditioning Augmentation alone begins as in their code, since an
    orthogonal map of standardised vectors gives clouds so wide that they hide the text: with N(0, 0.02), and for
    texts of fewer than 1024 numbers so much more that codes vary as much.
    The text encoder is trained here from scratch (see `blocks.pretrained_text`); its vectors are standardised.
    Sides other than 64 and 256 add or leave out doublings at the fine end.
    `kit` adds what the field has learnt since (see `blocks.losses.matching_aware`).

The paper's ablations: `augmentation=False` takes the mean of a cloud in place of a code of it, and leaves out the KL,
as the authors' code does (recalled); `first` as large as `size` draws in one stage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from limner.blocks.cascade import CascadeConfig, random_window, read_size
from limner.blocks.discriminators.joint import JointDiscriminator
from limner.blocks.discriminators.pyramid import drafts
from limner.blocks.export import example_condition, export_generator
from limner.blocks.latent.knobs import TwoSpreads
from limner.blocks.latent.noise import normal
from limner.blocks.layers.conditioning_augmentation import (
    ConditioningAugmentation,
    GaussianCode,
    kl_to_standard_normal,
)
from limner.blocks.layers.convolutions import doublings
from limner.blocks.layers.initialisation import orthogonal
from limner.blocks.layers.tree import shrunk
from limner.blocks.losses.matching_aware import AdversarialLoss, DiscriminatorScores
from limner.blocks.pretrained_text import TextConfig, pretrained_text
from limner.blocks.two_stages import CODE, OneStage, Refiner, Sketcher, Stacked, Z
from limner.data.schema import Schema
from limner.data.views import Pairs, paired
from limner.noise import RowNoise
from limner.optimisers import adam, step_halving
from limner.requests import Caption, Embedded, Request
from limner.system import Clock, Draft, ExportPart, Paper, Phase, Player, System, Update, blend, no_grad

CLOUDS = 0.02  # deviation of the first weights of Conditioning Augmentation, for sentence vectors of 1024 numbers
LAMBDA = 2.0  # weight of the KL term, a mean over the code's components, in all of the authors' settings


@dataclass(frozen=True, kw_only=True)
class StackGanConfig(TextConfig, CascadeConfig):
    """Settings of the system."""

    text: Literal["char", "char-gru", "char-flowers", "char-coco", "word", "embedding"] = "char-gru"
    """How sentences are read: by letters, with the net of Reed et al. (CVPR), its gated sibling (ICML, birds), a
    wider one (ICML, flowers) or the gated one's mean (ICML, COCO); by words; or `embedding`: not at all, their
    vectors came with the data."""
    size: int = 256
    """Side of the finished pictures in pixels."""
    first: int = 64
    """Side of the sketches; the paper's is a quarter of the finished one. As large: stage I alone, no stage II."""
    images: int = 600 * 8_855
    """Budget of stage I in pictures."""
    second_images: int = 600 * 8_855
    """Budget of stage II."""
    batch: int = 64
    """Pictures in a step."""
    generator_width: int = 128
    """Channels of both generators' maps at 32 pixels of 64, g."""
    discriminator_width: int = 64
    """Channels of the first map of a discriminator."""
    residuals: int = 4
    """Residual blocks of stage II."""
    captions: int = 4
    """Captions of each picture, drawn with replacement, whose vectors are averaged."""
    halvings: tuple[int, int] = (11, 5)
    """How often the learning rate is halved in stage I and II: every 50 and every 100 of 600 rounds."""
    augmentation: bool = True
    """Conditioning Augmentation; without it a text is one code, the mean of its cloud."""

    def __post_init__(self) -> None:
        doublings(self.first)
        doublings(self.size)
        if self.first > self.size:
            raise ValueError(f"first={self.first}: a sketch is no larger than the picture, which has size={self.size}")


class StackGan(System):
    """Zhang et al. 2017."""

    paper = Paper(
        title="StackGAN: Text to Photo-realistic Image Synthesis with Stacked Generative Adversarial Networks",
        authors="Han Zhang, Tao Xu, Hongsheng Li, Shaoting Zhang, Xiaogang Wang, Xiaolei Huang, Dimitris Metaxas",
        year=2017,
        venue="ICCV",
        arxiv="1612.03242",
    )
    takes = Caption
    Config = StackGanConfig
    Knobs = TwoSpreads
    default_preset = "avatars"
    presets: ClassVar[Mapping[str, StackGanConfig]] = {
        "tiny": Config(
            text="word", text_loss="contrastive", text_width=32, text_images=160, text_batch=8, size=32, first=16,
            images=1_200, second_images=1_600, batch=8, generator_width=8, discriminator_width=8, residuals=1,
            captions=1, rate=2e-3, kit=("spectral",),
        ),
        "avatars": Config(
            text="word", text_loss="contrastive", text_width=256, text_images=200_000, text_batch=64, size=128,
            images=200_000, second_images=100_000, batch=32, generator_width=32, discriminator_width=32, residuals=2,
        ),
        "birds": Config(crop=True),
        "coco": Config(
            text="char-coco", text_images=20 * 82_783, images=120 * 82_783, second_images=100 * 82_783, batch=128,
            generator_width=192, discriminator_width=96, residuals=2, captions=1, halvings=(5, 4),
        ),
        "flowers": Config(
            text="char-flowers", text_images=40 * 82 * 200, images=600 * 7_034, second_images=600 * 7_034, crop=True
        ),
    }  # fmt: skip
    config: StackGanConfig

    def __init__(self, config: StackGanConfig, schema: Schema) -> None:
        super().__init__(config, schema)
        c = config
        self.captions, modules = pretrained_text(c, schema, self.data_size(c))
        self.text, self.vision, self.standard, self.sentences = modules  # phi first
        self.adversarial = AdversarialLoss(c.kit)
        width = self.captions.width
        sketcher = Sketcher(c.generator_width, c.first, width)
        self.generator: Stacked | OneStage = OneStage(sketcher)
        if c.first < c.size:
            self.generator = Stacked(sketcher, Refiner(c.generator_width, c.first, c.size, width, c.residuals))
        self.generator.apply(orthogonal)
        for module in self.generator.modules():
            if isinstance(module, ConditioningAugmentation):
                nn.init.normal_(module.map.weight, 0.0, CLOUDS * (1024 / width) ** 0.5)
        self.critic_i = self._discriminator(c.first)  # D_0
        self.critic_ii = self._discriminator(c.size) if c.first < c.size else None  # D

    def _discriminator(self, side: int) -> JointDiscriminator:
        c = self.config
        return JointDiscriminator(
            c.discriminator_width,
            side,
            self.captions.width,
            alone=False,
            read=CODE,
            residual=True,
            norm="spectral" not in c.kit,
        )

    @classmethod
    def data_size(cls, config: StackGanConfig) -> int:
        """304 for 256 where windows are cropped."""
        return read_size(config.size, config.crop)

    def crop(self, images: Tensor) -> Tensor:
        """Return the windows of real pictures (B, 3, R, R) that are learnt from: (B, 3, S, S)."""
        return random_window(images, self.config.size, self.config.crop)

    def discriminator_loss(
        self, d: JointDiscriminator, real: Tensor, fake: Tensor, phi: Tensor, wrong: Tensor, step: int
    ) -> DiscriminatorScores:
        """Return L_D0 (eq. 3) or L_D (eq. 5), negated: both are maximised in the paper.

        -log D(I, phi) - 1/2 log(1 - D(G, phi)) - 1/2 log(1 - D(I_wrong, phi)): the last term, of real pictures with
        texts that do not fit them, is that of the authors' code.

        Args:
            d: the discriminator of the stage.
            real, fake: pictures (B, 3, s, s) I and G; G is detached here.
            phi: (B, E) sentence vectors of both.
            wrong: (B,) for each text the index of a real picture that it does not fit.
            step: number of the step, for penalties of the kit.
        """
        gan = self.adversarial
        x, x_hat = d.features(gan.augment(real)), d.features(gan.augment(fake.detach()))
        right, drawn, mismatched = d.judge(x, phi), d.judge(x_hat, phi), d.judge(x[wrong], phi)
        loss = gan.real(right) + 1 / 2 * gan.fake(drawn, right) + 1 / 2 * gan.fake(mismatched, right)
        loss = sum(gan.penalties(d, real, phi, step), start=loss)
        log = {"right": right, "wrong": mismatched, "drawn": drawn}
        return DiscriminatorScores(loss, log, right.detach(), None)

    def generator_loss(
        self, d: JointDiscriminator, fake: Tensor, gaussian: GaussianCode, phi: Tensor, scores: DiscriminatorScores
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return L_G0 (eq. 4) or L_G (eq. 6), and its KL term for the log.

        -log D(G, phi) + lambda KL(N(mu, Sigma) || N(0, 1)), of which the latter is eq. 2. The logarithm is that of the
        non-saturating loss, as in the authors' code.

        Args:
            d: the discriminator of the stage.
            fake: (B, 3, s, s) G.
            gaussian: mean and log-variance (B, c) of the codes that G was drawn from.
            phi: (B, E).
            scores: what `d` gave real pictures, for relativistic losses.
        """
        gan = self.adversarial
        kl = kl_to_standard_normal(*gaussian) / CODE * self.config.augmentation
        adversarial = gan.generator(d.judge(d.features(gan.augment(fake)), phi), scores.right)
        return adversarial + LAMBDA * kl, {"divergence": kl}

    @classmethod
    def request_type(cls, config: StackGanConfig) -> type[Request]:
        """Captions with their vectors where these come with the data."""
        return Embedded if config.text == "embedding" else Caption

    def phases(self) -> list[Phase]:
        """Train the text encoder; with it frozen, stage I; with stage I frozen, stage II, if there is one."""
        c, stages = self.config, self.generator
        phases = [
            *self.captions.phases(c),
            Phase(
                name="stage I", view=paired(c.paired), images=c.images, batch=c.batch,
                on_enter=self.captions.restore_table,
                players=self.players(self.critic_i, stages.sketcher, c.halvings[0]),
                step=self.step_i,
            ),
        ]  # fmt: skip
        if self.critic_ii is not None and isinstance(stages, Stacked):
            second = Phase(
                name="stage II", view=paired(c.paired), images=c.second_images, batch=c.batch,
                on_enter=self.captions.restore_table,
                players=self.players(self.critic_ii, stages.refiner, c.halvings[1]),
                step=self.step_ii,
            )  # fmt: skip
            phases.append(second)
        return phases

    def players(self, discriminator: nn.Module, generator: nn.Module, halvings: int) -> Mapping[str, Player]:
        """The discriminator and the generator of a stage."""
        optimiser, schedule = adam(self.config.rate, betas=(0.5, 0.999)), step_halving(halvings)
        return {
            "critic": Player(modules=[discriminator], optimiser=optimiser, schedule=schedule),
            "generator": Player(modules=[generator], optimiser=optimiser, schedule=schedule),
        }

    def step_i(self, batch: Pairs, clock: Clock) -> Iterator[Update]:
        """Update D_0 (eq. 3) and then G_0 (eq. 4): stage I."""
        phi = self.captions.draw(batch.rows, self.config.captions)  # (B, E)
        sketch, gaussian = self.generator.sketcher(normal(phi, Z), self.epsilon(phi), phi)
        yield from self.updates(self.critic_i, batch, sketch, gaussian, phi, clock)

    def step_ii(self, batch: Pairs, clock: Clock) -> Iterator[Update]:
        """Update D (eq. 5) and then G (eq. 6): stage II, on sketches of the frozen stage I."""
        phi = self.captions.draw(batch.rows, self.config.captions)
        assert isinstance(self.generator, Stacked) and self.critic_ii is not None
        with torch.no_grad():
            sketch, _ = self.generator.sketcher(normal(phi, Z), self.epsilon(phi), phi)  # s_0
        picture, gaussian = self.generator.refiner(sketch, self.epsilon(phi), phi)
        yield from self.updates(self.critic_ii, batch, picture, gaussian, phi, clock)

    def epsilon(self, phi: Tensor) -> Tensor:
        """Return where in their clouds the codes of texts (B, E) lie, (B, c): at the mean without augmentation."""
        return normal(phi, CODE) * self.config.augmentation

    def updates(
        self, d: JointDiscriminator, batch: Pairs, fake: Tensor, gaussian: GaussianCode, phi: Tensor, clock: Clock
    ) -> Iterator[Update]:
        """Update the discriminator of a stage, then its generator, on the same generated pictures."""
        (real,) = shrunk(self.crop(batch.images), [fake.shape[-1]])
        scores = self.discriminator_loss(d, real, fake, phi, batch.wrong, clock.step)
        yield Update("critic", scores.loss, scores.log)
        yield Update("generator", *self.generator_loss(d, fake, gaussian, phi, scores))

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: TwoSpreads, rng: RowNoise) -> Iterator[Draft]:
        """Draw with stage I, then with stage II; the sketch is a draft."""
        z, epsilon = rng.normal(Z + 2 * CODE).split([Z, 2 * CODE], dim=1)
        noise = torch.cat([knobs.spread * z, knobs.reading * self.config.augmentation * epsilon], dim=1)
        yield from self.draw(noise, blend(self.captions.encode, requests))

    def draw(self, noise: Tensor, sentence: Tensor) -> Iterator[Draft]:
        """Draw from noise and the epsilon of both codes, (B, Z + 2c), and sentence vectors (B, E)."""
        return drafts(self.generator(*noise.split([Z, 2 * CODE], dim=1), sentence))

    def embed_pairs(self, images: Tensor, requests: Sequence[Request]) -> tuple[Tensor, Tensor] | None:
        """Return codes of pictures and captions by the pre-trained encoders, two of (B, E)."""
        return self.captions.embed_pairs(images, requests)

    def check_request(self, request: Request) -> None:
        """Make sure that there is a vector, or what encodes the sentence."""
        self.captions.check(request)

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words that no caption of the training set has, each with the nearest that one has."""
        return self.captions.unknown_words(requests)

    def exports(self) -> Mapping[str, ExportPart]:
        """Return the text encoder, and both stages, from what `draw` takes to pictures."""
        noise, condition = {"spread": Z, "reading": 2 * CODE}, example_condition(self.captions.width)
        return {
            "reader": self.captions.export(),
            "painter": export_generator(self.draw, [self.generator], noise, condition),
        }
