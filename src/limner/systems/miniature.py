"""Miniature: a small one-stage system of our own, for makers and for drawing while a person types.

No paper of the lineage, but each part has a source:
    Huang et al., "The GAN is dead; long live the GAN! A Modern GAN Baseline" (R3GAN), NeurIPS 2024: the relativistic
        pairing loss, R1 and R2 together, no normalisation layers;
    Tao et al., "DF-GAN", CVPR 2022: one stage, the text fused into each block by scale and shift;
    Reed et al., "Generative Adversarial Text to Image Synthesis", ICML 2016: real pictures with wrong texts;
    Miyato and Koyama, "cGANs with Projection Discriminator", ICLR 2018: one of the discriminator's three heads;
    Karras et al., "StyleGAN2", CVPR 2020: lazy regularisation; Shi et al., CVPR 2016: the pixel shuffle;
    Chen et al., "SimCLR", ICML 2020: condition on what lies before the contrastive projection, which keeps more;
    Xu et al., "AttnGAN", CVPR 2018: encoders pre-trained to match pictures with texts score what is drawn (DAMSM);
    Karras et al., "StyleGAN", CVPR 2019: a mapping network between noise and the blocks; here it mixes in the text;
    Mao et al., "Mode Seeking GANs", CVPR 2019: two drawings of one text should differ; Ho and Salimans,
        "Classifier-free guidance", 2021: the text of some rows is dropped, so that the noise learns to decide.

Reading order: Config -> losses -> Miniature: phases, step, sample. The nets, which the second recipe shares, are in
`blocks.layers.fusion` and `blocks.discriminators.three_heads`.
Letters: B pictures, S side of the picture, C channels, E width of a text code, Z numbers of noise, W width of the
condition; x real picture, t its text, w a wrong text, z and z' noise, G generator, D discriminator, f softplus.

What makes it quick on a CPU: no 3x3 convolution works at full size. The discriminator begins by folding 2x2 pixels
into channels, the generator ends by unfolding them; one drawn batch serves the discriminator's update and then the
generator's.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from limner.blocks.discriminators.three_heads import ThreeHeads
from limner.blocks.export import example_condition, export_encoder, export_generator
from limner.blocks.latent.knobs import Spread
from limner.blocks.layers.fusion import FusionGenerator, rms_norm
from limner.blocks.losses.differentiable_augmentation import hazy
from limner.blocks.losses.hard_negatives import HardNegatives
from limner.blocks.losses.joint_embedding import contrastive
from limner.blocks.losses.penalties import gradient_penalty
from limner.blocks.text.encoders import WordEncoder, texts_of, unknown_words
from limner.blocks.text.standardise import Standardise
from limner.blocks.vision.encoders import ImageEncoder
from limner.data.schema import Schema
from limner.data.views import Pairs
from limner.errors import UserError
from limner.noise import RowNoise
from limner.optimisers import adam, linear_decay_after_half
from limner.requests import Caption, Request
from limner.system import Clock, Draft, ExportPart, Paper, Phase, Player, System, Update, blend, no_grad

if TYPE_CHECKING:
    from limner.data.dataset import Dataset

LAZY = 8
"""Steps from one gradient penalty to the next; each is weighted this much more (lazy regularisation)."""
MISMATCH = 0.5
"""Weight of real pictures with wrong texts in the discriminator's loss."""
TEXT_DROPOUT = 0.1
"""Share of rows whose text is replaced by zeros for both players (classifier-free guidance)."""
TWINS = 4
"""One in so many rows is drawn twice, with other noise."""
VARIETY_UNTIL = 2 / 3
"""Progress of the phase after which the variety term counts a tenth, so that texts are obeyed in details, too."""
VARIETY_ENOUGH = 0.2
"""Largest variety that is rewarded: mean difference of two drawings' pixels over that of their noise."""


@dataclass(frozen=True)
class Config:
    """What people change."""

    size: int = 64
    """Side of the picture in pixels."""
    widths: tuple[int, ...] = (256, 192, 144, 96)
    """The generator's channels from 4x4 up to half the picture's side, doubling each time."""
    critic_widths: tuple[int, ...] = (64, 128, 192, 256)
    """The critic's channels from half the picture's side down to 4x4."""
    noise: int = 64
    """Numbers of noise: what a text leaves open."""
    hidden: int = 128
    """Width of each direction of the text encoder; a text's code is twice as wide."""
    images: int = 180_000
    """Pictures the GAN is shown."""
    text_images: int = 200_000
    """Pictures the text encoder is shown before."""
    batch: int = 32
    """Pictures in a step."""
    text_batch: int = 96
    """Pictures in a step of the text encoder: more make telling them apart harder."""
    rate: float = 4e-4
    """Learning rate of both players."""
    gamma: float = 1.0
    """Weight of R1 and R2."""
    match: float = 1.0
    """Weight, for the generator, of the encoders finding a drawing's own text among the batch's."""
    variety: float = 1.0
    """Weight of two drawings of one text being unlike."""
    ema: float = 10_000
    """Half-life of the published weights, in pictures."""
    without: tuple[str, ...] = ()
    """Ingredients left out, to see what each gives: r2, pairing, mismatch, shuffle, projection."""


INGREDIENTS = frozenset({"r2", "pairing", "mismatch", "shuffle", "projection"})


# The losses. Scores are (B,); `without` names the ingredients that are left out.


def discriminator_loss(
    real: Tensor, fake: Tensor, wrong: Tensor, is_wrong: Tensor, without: Collection[str] = ()
) -> Tensor:
    """L_D without its penalties: f(D(G(z, t), t) - D(x, t)) + 1/2 f(D(x, w) - D(x, t)), the mean over rows.

    The first term is the relativistic pairing loss (Huang et al. 2024), the second its form for the wrong
    texts of Reed et al. 2016. Without "pairing" scores are not compared: f(D(G(z, t), t)) + 1/2 f(D(x, w)) +
    f(-D(x, t)).

    Args:
        real: D(x, t).
        fake: D(G(z, t), t).
        wrong: D(x, w).
        is_wrong: bool (B,), false in rows whose w may be true of x: they have no second term.
        without: ingredients that are left out.
    """
    paired = "pairing" not in without
    reference = real if paired else torch.zeros_like(real)
    mismatch = ("mismatch" not in without) * MISMATCH * is_wrong * F.softplus(wrong - reference)
    loss = F.softplus(fake - reference) + mismatch
    return (loss if paired else loss + F.softplus(-real)).mean()


def adversarial_loss(real: Tensor, fake: Tensor, without: Collection[str] = ()) -> Tensor:
    """Return f(D(x, t) - D(G(z, t), t)), the generator's side of the pairing loss; no gradient flows through D(x, t).

    Without "pairing" it is f(-D(G(z, t), t)), the non-saturating loss.
    """
    reference = torch.zeros_like(real) if "pairing" in without else real.detach()
    return F.softplus(reference - fake).mean()


def slope_penalty(
    discriminator: ThreeHeads, real: Tensor, fake: Tensor, text: Tensor, without: Collection[str] = ()
) -> Tensor:
    """R1 + R2: the squared norm of D's gradient on real pictures, and on drawn ones, each the mean over rows."""
    if "r2" in without:
        return gradient_penalty(discriminator, real, text)
    return 2 * gradient_penalty(discriminator, torch.cat([real, fake]), text.repeat(2, 1))


def variety_of(pictures: Tensor, twins: Tensor, noise: Tensor, other: Tensor) -> Tensor:
    """Return |G(z, t) - G(z', t)| / |z - z'| of pictures (N, 3, S, S) and noise (N, Z): (N,) (Mao et al. 2019)."""
    return mean_difference(pictures, twins) / mean_difference(noise, other)


def mean_difference(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean absolute difference of each row of (N, ...): (N,)."""
    return (a - b).abs().flatten(1).mean(dim=1)


class Miniature(System):
    """A text encoder trained by contrast, then frozen; then one generator against one discriminator."""

    paper = Paper("Miniature", "The Limner authors", 2026, "this project")
    takes = Caption
    gives = frozenset({"images"})
    Config = Config
    Knobs = Spread
    default_preset = "avatars"
    presets: ClassVar = {
        "tiny": Config(
            size=16, widths=(32, 24), critic_widths=(16, 32), noise=8, hidden=16,
            images=4_000, text_images=640, batch=8, text_batch=8, rate=2e-3, ema=50,
        ),
        "avatars": Config(),
        "avatars-32": Config(size=32, widths=(256, 192, 96), critic_widths=(64, 128, 256)),
        "avatars-128": Config(
            size=128, widths=(256, 192, 144, 96, 64), critic_widths=(48, 64, 128, 192, 256), gamma=0.5,
        ),
        "anime": Config(),
        "ten-minutes": Config(images=25_000, text_images=60_000, ema=5_000),
    }  # fmt: skip

    def __init__(self, config: Any, schema: Schema) -> None:
        super().__init__(config, schema)
        self.config: Config = config
        doublings = len(config.widths)
        if 4 * 2**doublings != config.size or len(config.critic_widths) != doublings:
            raise UserError(
                f"pictures of {config.size} pixels need {int(math.log2(config.size)) - 2} widths and critic_widths, "
                f"not {doublings} and {len(config.critic_widths)}"
            )
        unknown = set(config.without) - INGREDIENTS
        if unknown:
            raise UserError(f"without={min(unknown)}: what can be left out is {', '.join(sorted(INGREDIENTS))}")
        code = 2 * config.hidden
        self.text = WordEncoder(schema.lexicon, width=config.hidden, hidden=config.hidden)
        self.vision = ImageEncoder(config.size, config.hidden)
        shuffle = "shuffle" not in config.without
        self.generator = FusionGenerator(config.widths, config.noise, code, 2 * config.hidden, shuffle)
        self.critic = ThreeHeads(config.critic_widths, code, shuffle, "projection" not in config.without)
        for net in (self.generator, self.critic):
            net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # quicker on CPUs in bf16
        self.standard = Standardise(code)
        self.negatives = HardNegatives()

    def phases(self) -> list[Phase]:
        """Pre-training of the text encoder; mean and deviation of its codes; the adversarial game."""
        c = self.config
        optimiser, decay = adam(c.rate, betas=(0.0, 0.99)), linear_decay_after_half
        return [
            contrastive(self.text, self.vision, images=c.text_images, batch=c.text_batch),
            Phase(name="spread", view=Pairs, images=0, batch=c.text_batch, once=self.measure),
            Phase(
                name="gan", view=Pairs, images=c.images, batch=c.batch, step=self.step, on_enter=self.encode_captions,
                players={
                    "critic": Player(modules=[self.critic], optimiser=optimiser, schedule=decay),
                    "generator": Player(modules=[self.generator], optimiser=optimiser, schedule=decay, ema=c.ema),
                },
            ),
        ]  # fmt: skip

    def encode_captions(self, data: Dataset) -> None:
        """Encode all captions of the training set once: the text encoder is frozen, so a table will do."""
        self.negatives.fill(self.text, data, self.pool, self.text.project)

    @torch.no_grad()
    def measure(self, data: Dataset) -> None:
        """Measure mean and deviation of the pooled states over one caption of each training picture."""
        texts = [data.captions(row)[row % len(data.captions(row))] for row in range(data.length())]
        self.standard.fit(torch.cat([self.pool(texts[i : i + 256]) for i in range(0, len(texts), 256)]))

    def pool(self, texts: Sequence[str]) -> Tensor:
        """Return the maximum of the GRU's states over the words, before the contrastive projection: (B, E)."""
        _, words, mask = self.text(texts)
        return words.float().masked_fill(~mask[..., None], -torch.inf).amax(dim=1)

    def code(self, pooled: Tensor) -> Tensor:
        """Standardise pooled states (B, E) and scale each row to mean square 1; zeros stand for no text."""
        return rms_norm(self.standard(pooled))

    def step(self, batch: Pairs, clock: Clock) -> Iterator[Update]:
        """One update of the discriminator and one of the generator, on one batch of drawings."""
        c, real, twins = self.config, batch.images, len(batch.images) // TWINS
        candidates = self.negatives.candidates(self.vision(real), batch.rows)
        wrong_caption, is_wrong = self.negatives.sample_hard(candidates)
        dropped = real.new_empty(len(real), 1).bernoulli_(TEXT_DROPOUT).bool()
        text = self.code(self.negatives.pooled(candidates.own)).masked_fill(dropped, 0.0)  # t
        wrong_text = self.code(self.negatives.pooled(wrong_caption))  # w
        noise = real.new_empty(len(real) + twins, c.noise).normal_()  # z, then z' of the first rows
        fake, twin = self.generator(noise, torch.cat([text, text[:twins]])).split([len(real), twins])

        of_real, of_fake = self.critic.features(torch.cat([real, fake.detach()])).chunk(2)
        right = self.critic.score(of_real, text)
        wrong = self.critic.score(of_real, wrong_text)
        drawn = self.critic.score(of_fake, text)
        loss = discriminator_loss(right, drawn, wrong, is_wrong, c.without)
        if clock.every(LAZY):
            loss = loss + LAZY * 0.5 * c.gamma * slope_penalty(self.critic, real, fake, text, c.without)
        yield Update("critic", loss, {"right": right, "wrong": wrong, "drawn": drawn})

        unlike = variety_of(fake[:twins], twin, noise[:twins], noise[len(real) :])
        variety = c.variety if clock.progress < VARIETY_UNTIL else 0.1 * c.variety
        loss = adversarial_loss(right, self.critic(fake, text), c.without)
        loss = loss - variety * unlike.clamp(max=VARIETY_ENOUGH).mean()
        log = {"unlike": unlike}
        if c.match:
            # AttnGAN's DAMSM, of many texts
            found = self.negatives.retrieval_loss(self.vision(hazy(fake)), candidates, self.vision.sharpness)
            log["match"] = found[~dropped.flatten()].mean()
            loss = loss + c.match * log["match"]
        yield Update("generator", loss, log)

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: Spread, rng: RowNoise) -> Iterator[Draft]:
        """Draw in one forward pass; between two captions lie the interpolations of their codes."""
        text = blend(lambda ends: self.code(self.pool(texts_of(ends))), requests)
        yield from self.drafts(knobs.spread * rng.normal(self.config.noise), text)

    def drafts(self, noise: Tensor, text: Tensor) -> Iterator[Draft]:
        """Draw text codes (B, E) with noise (B, Z)."""
        yield Draft(images=self.generator(noise, text).clamp(-1, 1))

    @torch.no_grad()
    def embed_pairs(self, images: Tensor, requests: Sequence[Request]) -> tuple[Tensor, Tensor]:
        """Return codes of pictures (B, 3, S, S) and of captions by the contrastive encoders, two of (B, E / 2)."""
        return torch.cat([self.vision(part) for part in images.split(100)]), self.text.sentence(texts_of(requests))

    def exports(self) -> dict[str, ExportPart]:
        """Return the text encoder, and the generator: noise (B, Z) and text codes (B, E) to pictures."""
        c, text = self.config, self.text
        return {
            "reader": export_encoder(
                lambda words: self.code(text.states(words).amax(dim=1)), [text, self.standard], text.rule
            ),
            "painter": export_generator(
                self.drafts, [self.generator], {"spread": c.noise}, example_condition(2 * c.hidden)
            ),
        }

    def unknown_words(self, requests: Sequence[Request]) -> dict[str, str | None]:
        """Return the words of captions that the lexicon lacks, each with the nearest it has."""
        return dict(unknown_words(self.schema.lexicon, requests))
