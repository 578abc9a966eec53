"""Stacking VAE and GAN: a VAE sketches figure and ground, a GAN draws the picture over the sketch. A reconstruction.

Zhang, Peng: Stacking VAE and GAN for Context-aware Text-to-Image Generation, BigMM 2018. Neither the paper's pages nor
any code of it were at hand: what is known to us is its abstract. So this is a system in its spirit, made of parts that
others published, and no figure of it may be read as one of theirs.

Reading order: LayerConfig, StackingVaeGanConfig, OtherGround (the knobs), Sketches (stage I), StackingVaeGan: losses,
phases, both steps, sample. The nets of stage I are those of Attribute2Image in `blocks.layered`, those of stage II and
its discriminator StackGAN's, in `blocks.two_stages` and `blocks.discriminators.joint`, the text encoder is in
`blocks.pretrained_text`.

Letters: B pictures, S their side, f that of a sketch, E width of a sentence vector phi, c = 128 numbers of a text's
code, Z and Z_B numbers of z_F and z_B, m (B, 1, f, f) masks, x_F figure, x_B ground, g gate, x^ sketch, D a logit.

What is known of the paper
    A conditional VAE that separates figure and ground gets layout and colours of a sentence; a GAN refines what it
    draws and adds what the VAE has lost. Measured on CUB and Oxford-102.

What is ours
    Stage I is Attribute2Image's gated VAE, of the same years, whose title this one echoes, with the code of the text in
    the place of attributes: x_F and g from c and z_F, x_B from z_B alone. sigma^2 = .05, sums over pixels, all terms in
    nats with weight 1, the gate's cross-entropy .3. Where the data has no masks the mean of a gate is kept in [.2, .8].
    Stage II is StackGAN's second stage with its loss, lambda 2. It sees sketches from the prior alone, as in use: with
    reconstructions it would learn from what it never gets.
    `first` equal to `size` leaves stage II out; `layers` with split=no has one layer in the place of two.
    The text encoder is trained here from scratch (see `blocks.pretrained_text`). `kit` adds what the field has learnt
    since (see `blocks.losses.matching_aware`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn

from limner.blocks.cascade import CascadeConfig, random_window, read_size
from limner.blocks.discriminators.joint import JointDiscriminator
from limner.blocks.export import example_condition, export_generator
from limner.blocks.latent.gaussian import kl_to_standard, pixel_nll
from limner.blocks.latent.knobs import TwoSpreads
from limner.blocks.latent.noise import normal
from limner.blocks.layered import (
    FigureDecoder,
    FigureEncoder,
    GroundDecoder,
    GroundEncoder,
    Layers,
    area_loss,
    gate_loss,
)
from limner.blocks.layers.conditioning_augmentation import (
    ConditioningAugmentation,
    GaussianCode,
    kl_to_standard_normal,
    reparameterise,
)
from limner.blocks.layers.convolutions import doublings
from limner.blocks.layers.initialisation import orthogonal
from limner.blocks.layers.tree import shrunk
from limner.blocks.losses.matching_aware import AdversarialLoss, DiscriminatorScores
from limner.blocks.pretrained_text import PretrainedText, TextConfig, build_text_encoder
from limner.blocks.text.caption_table import CaptionTable
from limner.blocks.text.standardise import Standardise
from limner.blocks.two_stages import CODE, Refiner
from limner.blocks.vision.encoders import ImageEncoder
from limner.data.masked_views import Masked
from limner.data.schema import Schema
from limner.data.views import Pairs
from limner.errors import UserError
from limner.noise import RowNoise
from limner.optimisers import adam, step_halving
from limner.requests import Caption, Request
from limner.settings import Between
from limner.system import Clock, Draft, ExportPart, Paper, Phase, Player, System, Update, blend, no_grad

ALPHA, LAMBDA = 0.3, 2.0  # weights of the gate's cross-entropy, and of stage II's KL term, a mean over the code
SPREAD = math.log(0.05)  # of the variance of the likelihood
AREA = (0.2, 0.8)  # share of a picture that is ground, where no mask says


@dataclass(frozen=True)
class LayerConfig:
    """Settings of stage I."""

    width: int = 64
    """Channels at 64 pixels, n, in all its nets."""
    latent: int = 128
    """Numbers of z_F."""
    ground_latent: int = 128
    """Numbers of z_B."""
    rate: float = 3e-4
    """Its learning rate."""
    split: bool = True
    """Whether figure and ground are drawn apart; otherwise one decoder draws all from both latent variables."""


@dataclass(frozen=True, kw_only=True)
class StackingVaeGanConfig(TextConfig, CascadeConfig):
    """Settings of the system."""

    text: Literal["char", "char-gru", "word"] = "char-gru"
    """How sentences are read: by letters, with the net of Reed et al. (CVPR) or its gated sibling (ICML), or words."""
    size: int = 256
    """Side of the finished pictures in pixels."""
    first: int = 64
    """Side of the sketches; equal to `size`: the sketch is the picture, and there is no stage II."""
    images: int = 600 * 8_855
    """Budget of stage I in pictures."""
    second_images: int = 600 * 8_855
    """Budget of stage II."""
    batch: int = 64
    """Pictures in a step."""
    layers: LayerConfig = LayerConfig()
    """Stage I: width, latent, ground_latent, rate and split."""
    generator_width: int = 128
    """Channels of stage II's maps, g."""
    discriminator_width: int = 64
    """Channels of the first map of the discriminator."""
    residuals: int = 4
    """Residual blocks of stage II."""
    captions: int = 4
    """Captions of each picture, drawn with replacement, whose vectors are averaged."""

    def __post_init__(self) -> None:
        doublings(self.first)
        doublings(self.size)
        if self.first > self.size:
            raise ValueError(f"first={self.first}: a sketch is no larger than the picture, which has size={self.size}")
        if self.paired != 1:
            raise ValueError(f"paired={self.paired}: this system learns from pairs alone, so paired=1")


@dataclass(frozen=True)
class OtherGround(TwoSpreads):
    """What may change from one drawing to the next."""

    ground: Annotated[int, Between(0, 1_000)] = 0
    """Which ground: 0 the seed's own; 1, 2, ... others behind the same figure."""


class Sketches(nn.Module):
    """Stage I: the text's code and latent variables to the layers of a sketch.

    Args:
        size: f.
        text: E.
        config: its settings.
    """

    def __init__(self, size: int, text: int, config: LayerConfig) -> None:
        super().__init__()
        self.split, self.sizes = config.split, [config.latent, config.ground_latent]
        latent = config.latent if config.split else sum(self.sizes)
        self.augment = ConditioningAugmentation(text, CODE)
        self.encoder = FigureEncoder(size, CODE, config.width, latent)
        self.decoder = FigureDecoder(size, CODE, config.width, latent, second=1 if config.split else 0)
        self.ground_encoder, self.ground_decoder = None, None
        if config.split:
            self.ground_encoder = GroundEncoder(size, CODE + latent, config.width, config.ground_latent)
            self.ground_decoder = GroundDecoder(size, config.width, config.ground_latent)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # quicker on CPUs in bf16

    def draw(self, code: Tensor, z: Tensor) -> tuple[Tensor, Layers | None]:
        """Return sketches (B, 3, f, f) of codes (B, c) and latent variables (B, Z + Z_B), and their layers."""
        if self.ground_decoder is None:
            return self.decoder(z, code).picture, None
        z_figure, z_ground = z.split(self.sizes, dim=1)
        figure = self.decoder(z_figure, code)
        layers = Layers(figure.picture, figure.second, self.ground_decoder(z_ground).float())
        return layers.compose(), layers

    def posterior(self, x: Tensor, shown: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
        """Return latent variables (B, Z + Z_B) drawn from q(z_F|x, c) q(z_B|x, c, z_F), and their KL term: (B,).

        Args:
            x: (B, 3, f, f).
            shown: the same as the encoder of figures sees them, their ground cut out where a mask is known.
            code: (B, c).
        """
        q = self.encoder.posterior(self.encoder.look(shown), code)
        z, kl = q.draw(torch.randn_like(q.mean)), kl_to_standard(q)
        if self.ground_encoder is None:
            return z, kl
        q_ground = self.ground_encoder(x, torch.cat([code, z], dim=1))
        z_ground = q_ground.draw(torch.randn_like(q_ground.mean))
        return torch.cat([z, z_ground], dim=1), kl + kl_to_standard(q_ground)

    def loss(
        self, x: Tensor, phi: Tensor, masks: Tensor, known: Tensor, epsilon: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return L_I = -log p(x|z, c) + KL_z + KL_c + alpha BCE(g, 1 - m), a mean over the batch, and its terms.

        Where no mask is known the gate's term is how far its mean lies outside [.2, .8], times its pixels.

        Args:
            x: (B, 3, f, f).
            phi: (B, E) sentence vectors.
            masks: (B, 1, f, f) m.
            known: bool (B,) whether m is known.
            epsilon: (B, c) noise of the text's code.
        """
        gaussian = self.augment(phi)
        code = reparameterise(gaussian, epsilon)
        shown = torch.where(known[:, None, None, None], x * masks, x)
        z, kl = self.posterior(x, shown if self.split else x, code)
        sketch, layers = self.draw(code, z)
        log = {"nll": pixel_nll(x, sketch, SPREAD).sum(dim=(1, 2, 3)).mean(), "kl": kl.mean()}
        log["kl of the text"] = kl_to_standard_normal(*gaussian)
        loss = log["nll"] + log["kl"] + log["kl of the text"]
        if layers is not None:
            gate = ALPHA * gate_loss(layers.logits, masks, known) + area_loss(layers.logits, known, *AREA)
            log["gate"] = gate.mean()
            loss = loss + log["gate"]
        return loss, log


class StackingVaeGan(System):
    """After Zhang and Peng 2018: a reconstruction."""

    paper = Paper(
        title="Stacking VAE and GAN for Context-aware Text-to-Image Generation",
        authors="Chenrui Zhang, Yuxin Peng",
        year=2018,
        venue="IEEE BigMM",
    )
    takes = Caption
    Config = StackingVaeGanConfig
    Knobs = OtherGround
    default_preset = "avatars"
    presets: ClassVar[Mapping[str, StackingVaeGanConfig]] = {
        "tiny": Config(
            text="word", text_loss="contrastive", text_width=32, text_images=160, text_batch=8, size=32, first=16,
            images=2_400, second_images=2_400, batch=8, layers=LayerConfig(8, 12, 4, rate=3e-3), generator_width=8,
            discriminator_width=8, residuals=1, captions=1, rate=2e-3, kit=("spectral",),
        ),
        "avatars": Config(
            text="word", text_loss="contrastive", text_width=256, text_images=200_000, text_batch=64, size=128,
            images=200_000, second_images=100_000, batch=32, layers=LayerConfig(32, 64, 8, rate=1e-3),
            generator_width=32, discriminator_width=32, residuals=2,
        ),
        "birds": Config(crop=True),
    }  # fmt: skip
    config: StackingVaeGanConfig

    def __init__(self, config: StackingVaeGanConfig, schema: Schema) -> None:
        super().__init__(config, schema)
        c = config
        self.text = build_text_encoder(c, schema.lexicon)  # phi
        self.vision = ImageEncoder(self.data_size(c), c.text_width)
        self.standard, self.sentences = Standardise(c.text_width), CaptionTable()
        self.captions = PretrainedText(self.text, self.vision, self.standard, self.sentences, schema.lexicon)
        self.adversarial = AdversarialLoss(c.kit)
        self.sketches = Sketches(c.first, c.text_width, c.layers)
        self.refiner, self.critic = None, None
        if c.first < c.size:
            self.refiner = Refiner(c.generator_width, c.first, c.size, c.text_width, c.residuals).apply(orthogonal)
            self.critic = JointDiscriminator(
                c.discriminator_width, c.size, c.text_width, alone=False, read=CODE, residual=True,
                norm="spectral" not in c.kit,
            )  # fmt: skip
        self.noise = {"spread": c.layers.latent + c.layers.ground_latent, "reading": 2 * CODE}

    @classmethod
    def data_size(cls, config: StackingVaeGanConfig) -> int:
        """304 for 256 where windows are cropped."""
        return read_size(config.size, config.crop)

    def phases(self) -> list[Phase]:
        """Train the text encoder; with it frozen, stage I; with stage I frozen, stage II on its sketches."""
        c = self.config
        vae = Player(modules=[self.sketches], optimiser=adam(c.layers.rate), schedule=step_halving(5))
        first = Phase(
            name="vae", view=Masked if self.schema.masks else Pairs, images=c.images, batch=c.batch,
            on_enter=self.captions.restore_table, players={"vae": vae}, step=self.sketch_step,
        )  # fmt: skip
        if self.refiner is None or self.critic is None:
            return [*self.captions.phases(c), first]
        optimiser, schedule = adam(c.rate, betas=(0.5, 0.999)), step_halving(5)
        players = {
            "critic": Player(modules=[self.critic], optimiser=optimiser, schedule=schedule),
            "generator": Player(modules=[self.refiner], optimiser=optimiser, schedule=schedule),
        }
        second = Phase(
            name="gan", view=Pairs, images=c.second_images, batch=c.batch, on_enter=self.captions.restore_table,
            players=players, step=self.step,
        )  # fmt: skip
        return [*self.captions.phases(c), first, second]

    def sketch_step(self, batch: Pairs, clock: Clock) -> Iterator[Update]:
        """Update stage I on L_I. A window is cut, and mirrored, from a picture and its mask as one."""
        c = self.config
        x, phi = batch.images, self.captions.draw(batch.rows, c.captions)
        masks, known = torch.zeros_like(x[:, :1]), torch.zeros(len(x), dtype=torch.bool, device=x.device)
        if isinstance(batch, Masked):
            masks, known = batch.masks, batch.known
        both = random_window(torch.cat([x, masks], dim=1), c.size, c.crop)
        (both,) = shrunk(both, [c.first])
        yield Update("vae", *self.sketches.loss(both[:, :3], phi, both[:, 3:], known, normal(phi, CODE)))

    def discriminator_loss(
        self, real: Tensor, fake: Tensor, phi: Tensor, wrong: Tensor, step: int
    ) -> DiscriminatorScores:
        """Return StackGAN's L_D: -log D(x, phi) - 1/2 log(1 - D(G, phi)) - 1/2 log(1 - D(x_wrong, phi)).

        Args:
            real, fake: pictures (B, 3, S, S) x and G; G is detached here.
            phi: (B, E) sentence vectors of both.
            wrong: (B,) for each text the index of a real picture that it does not fit.
            step: number of the step, for penalties of the kit.
        """
        assert self.critic is not None
        gan, d = self.adversarial, self.critic
        x, x_hat = d.features(gan.augment(real)), d.features(gan.augment(fake.detach()))
        right, drawn, mismatched = d.judge(x, phi), d.judge(x_hat, phi), d.judge(x[wrong], phi)
        loss = gan.real(right) + 1 / 2 * gan.fake(drawn, right) + 1 / 2 * gan.fake(mismatched, right)
        loss = sum(gan.penalties(d, real, phi, step), start=loss)
        log = {"right": right, "wrong": mismatched, "drawn": drawn}
        return DiscriminatorScores(loss, log, right.detach(), None)

    def generator_loss(
        self, fake: Tensor, gaussian: GaussianCode, phi: Tensor, scores: DiscriminatorScores
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return StackGAN's L_G: -log D(G, phi) + lambda KL( N(mu, Sigma) || N(0, 1) ), and its KL term."""
        assert self.critic is not None
        gan, kl = self.adversarial, kl_to_standard_normal(*gaussian) / CODE
        adversarial = gan.generator(self.critic.judge(self.critic.features(gan.augment(fake)), phi), scores.right)
        return adversarial + LAMBDA * kl, {"divergence": kl}

    def step(self, batch: Pairs, clock: Clock) -> Iterator[Update]:
        """Update D and then G of stage II, on sketches that the frozen stage I draws from its prior."""
        assert self.refiner is not None
        c = self.config
        phi = self.captions.draw(batch.rows, c.captions)
        with torch.no_grad():
            sketch = self.sketch(normal(phi, self.noise["spread"]), normal(phi, CODE), phi)[0]
        picture, gaussian = self.refiner(sketch, normal(phi, CODE), phi)
        real = random_window(batch.images, c.size, c.crop)
        scores = self.discriminator_loss(real, picture, phi, batch.wrong, clock.step)
        yield Update("critic", scores.loss, scores.log)
        yield Update("generator", *self.generator_loss(picture, gaussian, phi, scores))

    def sketch(self, z: Tensor, epsilon: Tensor, phi: Tensor) -> tuple[Tensor, Layers | None]:
        """Return the sketch (B, 3, f, f) of z (B, Z + Z_B), the code's noise (B, c) and a sentence (B, E)."""
        return self.sketches.draw(reparameterise(self.sketches.augment(phi), epsilon), z)

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: OtherGround, rng: RowNoise) -> Iterator[Draft]:
        """Draw figure, gate, ground and sketch, then the picture over it."""
        layers = self.config.layers
        z, epsilon = rng.normal(sum(self.noise.values())).split([*self.noise.values()], dim=1)
        if knobs.ground:
            if not layers.split:
                raise UserError("this artist draws in one layer and has no ground to exchange")
            grounds = rng.more()
            *_, ground = (grounds.normal(layers.ground_latent) for _ in range(knobs.ground))
            z = torch.cat([z[:, : layers.latent], ground], dim=1)
        noise = torch.cat([knobs.spread * z, knobs.reading * epsilon], dim=1)
        yield from self.draw(noise, blend(self.captions.encode, requests))

    def draw(self, noise: Tensor, phi: Tensor) -> Iterator[Draft]:
        """Draw from z and the epsilon of both codes, (B, Z + Z_B + 2c), and sentence vectors (B, E)."""
        z, first, second = noise.split([self.noise["spread"], CODE, CODE], dim=1)
        sketch, layers = self.sketch(z, first, phi)
        count = (3 if layers is not None else 0) + (2 if self.refiner is not None else 1)
        if layers is not None:
            gate = layers.gate.expand_as(layers.figure)
            yield Draft(images=(1 - gate) * layers.figure, note="figure", progress=1 / count)
            yield Draft(images=1 - 2 * gate, note="gate: black where the ground is seen", progress=2 / count)
            yield Draft(images=layers.ground, note="ground", progress=3 / count)
        if self.refiner is None:
            yield Draft(images=sketch, note="sketch")
            return
        yield Draft(images=sketch, note="sketch", progress=(count - 1) / count)
        yield Draft(images=self.refiner(sketch, second, phi)[0], note="picture")

    def embed_pairs(self, images: Tensor, requests: Sequence[Request]) -> tuple[Tensor, Tensor] | None:
        """Return codes of pictures and captions by the pre-trained encoders, two of (B, E)."""
        return self.captions.embed_pairs(images, requests)

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words that no caption of the training set has, each with the nearest that one has."""
        return self.captions.unknown_words(requests)

    def exports(self) -> Mapping[str, ExportPart]:
        """Return the text encoder, and both stages, from what `draw` takes to pictures."""
        modules: list[nn.Module] = [self.sketches, *([self.refiner] if self.refiner is not None else [])]
        condition = example_condition(self.config.text_width)
        painter = export_generator(self.draw, modules, self.noise, condition)
        return {"reader": self.captions.export(), "painter": painter}
