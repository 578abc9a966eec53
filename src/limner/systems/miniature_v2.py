"""Miniature, second recipe: conditioned on what a text means, asked for every part by name, free in all the rest.

No paper of the lineage, but each part has a source:
    Huang et al., "The GAN is dead; long live the GAN! A Modern GAN Baseline" (R3GAN), NeurIPS 2024: the relativistic
        pairing loss, R1 and R2 together, no normalisation layers;
    Tao et al., "DF-GAN", CVPR 2022: one stage, the text fused into each block by scale and shift;
    Reed et al., "Generative Adversarial Text to Image Synthesis", ICML 2016: real pictures with wrong texts;
    Xu et al., "AttnGAN", CVPR 2018: encoders pre-trained to match pictures with texts score what is drawn (DAMSM);
    Odena et al., "AC-GAN", ICML 2017: a drawing is asked to be recognised as what was asked for; here by a frozen
        classifier, so that nobody can agree with the generator on a private sign;
    Gritsenko et al., "A Spectral Energy Distance for Parallel Speech Synthesis", NeurIPS 2020: two drawings of one
        condition beside one real sample, a proper scoring rule (Gneiting and Raftery 2007);
    Karras et al., "StyleGAN2", CVPR 2020: lazy regularisation; Ho and Salimans, "Classifier-free guidance", 2021: the
        text of some rows is dropped.

Reading order: Config -> losses -> MiniatureV2: phases, step, sample. The teacher is `blocks.teacher`, the nets are
those of the first recipe (`blocks.layers.fusion`, `blocks.discriminators.three_heads`).
Letters: B texts, each with its real picture and two drawings; S side of the picture, P width of a text's pooled state,
N numbers of a condition, Z numbers of noise; x real picture, t its text, w a wrong text, z and z' noise, G generator, D
discriminator, f softplus.

What changed from the first recipe, and why (docs/systems/miniature_v2.md):
    the condition is what the teacher reads in a text, three times the posteriors of all named values: how a text is put
        leaves it where it is, so that wording no longer serves as noise;
    the drawing's parts are asked for by name, and its own text is to be found beside itself with one word changed;
    two drawings of each text take part in an energy score, in place of a reward for being unlike;
    penalties are computed in bf16, every sixteenth step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from limner.blocks.discriminators.three_heads import ThreeHeads
from limner.blocks.export import example_condition, export_encoder, export_generator
from limner.blocks.latent.knobs import Spread
from limner.blocks.layers.convolutions import doublings
from limner.blocks.layers.fusion import FusionGenerator
from limner.blocks.losses.differentiable_augmentation import blurred
from limner.blocks.losses.penalties import gradient_penalty
from limner.blocks.modes import full_precision
from limner.blocks.teacher.lessons import Lessons
from limner.blocks.teacher.teacher import Teacher
from limner.blocks.text.encoders import texts_of, unknown_words
from limner.data.schema import Schema
from limner.data.views import Pairs
from limner.errors import UserError
from limner.noise import RowNoise
from limner.optimisers import adam, linear_decay_after_half
from limner.requests import Caption, Request
from limner.system import Clock, Draft, ExportPart, Paper, Phase, Player, System, Update, blend, no_grad

if TYPE_CHECKING:
    pass

LAZY = 16
"""Steps from one gradient penalty to the next; each is weighted this much more (lazy regularisation)."""
MISMATCH = 0.5
"""Weight of real pictures with wrong texts in the discriminator's loss."""
TEXT_DROPOUT = 0.1
"""Share of texts that are replaced by zeros for both players (classifier-free guidance)."""
RAMP = 0.2
"""Progress by which the loss of naming has its full weight: at first it muddies drawings."""


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
    hidden: int = 256
    """Width of what text and noise are mixed to, the condition of every block."""
    teacher_width: float = 1.0
    """Factor on the channels of the teacher's encoders."""
    phrases: bool = False
    """Name the commonest phrases of captions even where the data has attributes; without attributes always so."""
    images: int = 500_000
    """Pictures the GAN is shown; it draws twice as many."""
    teacher_images: int = 150_000
    """Pictures the teacher is shown before."""
    batch: int = 16
    """Texts in a step; each is drawn twice."""
    teacher_batch: int = 96
    """Pictures in a step of the teacher: more make telling them apart harder."""
    gate: float = 0.97
    """Share of changed captions that the teacher must refuse, of each thing, before the game begins; 0: go on."""
    rate: float = 4e-4
    """Learning rate of both players."""
    gamma: float = 1.0
    """Weight of R1 and R2."""
    match: float = 1.0
    """Weight, for the generator, of its drawing's own text being found among 4,096 and its own edit."""
    naming: float = 1.0
    """Weight, for the generator, of the teacher naming in its drawing what the text says."""
    energy: float = 2.0
    """Weight of the energy score of two drawings of a text."""
    ema: float = 15_000
    """Half-life of the published weights, in pictures."""
    without: tuple[str, ...] = ()
    """Ingredients left out, to see what each gives: posteriors, edits, r2, pairing, mismatch, shuffle, projection."""


INGREDIENTS = frozenset({"posteriors", "edits", "r2", "pairing", "mismatch", "shuffle", "projection"})


def discriminator_loss(
    real: Tensor, fake: Tensor, wrong: Tensor, is_wrong: Tensor, without: Collection[str] = ()
) -> Tensor:
    """L_D without its penalties: f(D(G(z, t), t) - D(x, t)) + 1/2 f(D(x, w) - D(x, t)), the means over their rows.

    Without "pairing" scores are not compared: f(D(G(z, t), t)) + 1/2 f(D(x, w)) + f(-D(x, t)).

    Args:
        real: D(x, t), (B,).
        fake: D(G(z, t), t) of the first drawings, then of the second: (2B,).
        wrong: D(x, w), (B,).
        is_wrong: bool (B,), false in rows whose w may be true of x: they have no second term.
        without: ingredients that are left out.
    """
    paired = "pairing" not in without
    reference = real if paired else torch.zeros_like(real)
    loss = F.softplus(fake - reference.repeat(2)).mean()
    if "mismatch" not in without:
        loss = loss + MISMATCH * (is_wrong * F.softplus(wrong - reference)).mean()
    return loss if paired else loss + F.softplus(-real).mean()


def adversarial_loss(real: Tensor, fake: Tensor, without: Collection[str] = ()) -> Tensor:
    """Return f(D(x, t) - D(G(z, t), t)), the mean over both drawings; no gradient flows through D(x, t).

    Without "pairing" it is f(-D(G(z, t), t)), the non-saturating loss.
    """
    reference = torch.zeros_like(real) if "pairing" in without else real.detach()
    return F.softplus(reference.repeat(2) - fake).mean()


def mean_over(x: Tensor, rows: Tensor) -> Tensor:
    """Return the mean of x (B,) over the rows that are true in bool (B,), 0 where none is."""
    return (x * rows).sum() / rows.sum().clamp_min(1)


class MiniatureV2(System):
    """A teacher, then frozen; then one generator against one discriminator."""

    paper = Paper("Miniature, second recipe", "The Limner authors", 2026, "this project")
    takes = Caption
    gives = frozenset({"images"})
    Config = Config
    Knobs = Spread
    default_preset = "avatars"
    presets: ClassVar = {
        "tiny": Config(
            size=16, widths=(32, 24), critic_widths=(16, 32), noise=8, hidden=32, teacher_width=0.25,
            images=2_000, teacher_images=640, batch=4, teacher_batch=8, gate=0, rate=2e-3, ema=50,
        ),
        "avatars": Config(),
        "avatars-32": Config(
            size=32, widths=(256, 192, 96), critic_widths=(64, 128, 256), images=120_000, teacher_images=100_000,
        ),
        "avatars-128": Config(
            size=128, widths=(256, 192, 144, 96, 64), critic_widths=(48, 64, 128, 192, 256), gamma=4.0,
        ),
        "ten-minutes": Config(images=12_000, teacher_images=60_000, gate=0, ema=5_000),
    }  # fmt: skip

    def __init__(self, config: Any, schema: Schema) -> None:
        super().__init__(config, schema)
        self.config: Config = config
        count = doublings(config.size)
        if len(config.widths) != count or len(config.critic_widths) != count:
            raise UserError(
                f"pictures of {config.size} pixels need {count} widths and critic_widths, "
                f"not {len(config.widths)} and {len(config.critic_widths)}"
            )
        if unknown := set(config.without) - INGREDIENTS:
            raise UserError(f"without={min(unknown)}: what can be left out is {', '.join(sorted(INGREDIENTS))}")
        self.teacher = Teacher(schema, config.size, width=config.teacher_width, by_phrases=config.phrases)
        shuffle = "shuffle" not in config.without
        posteriors = "posteriors" not in config.without
        self.condition_width = self.teacher.properties.total if posteriors else self.teacher.text.hidden
        self.generator = FusionGenerator(config.widths, config.noise, self.condition_width, config.hidden, shuffle)
        self.critic = ThreeHeads(
            config.critic_widths, self.condition_width, shuffle, "projection" not in config.without
        )
        for net in (self.generator, self.critic):
            net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # quicker on CPUs in bf16
        self.lessons = Lessons(self.teacher, edits="edits" not in config.without)

    def phases(self) -> list[Phase]:
        """The teacher and its gate; the adversarial game."""
        c = self.config
        optimiser, decay = adam(c.rate, betas=(0.0, 0.99)), linear_decay_after_half
        return [
            *self.teacher.phases(c.teacher_images, c.teacher_batch, c.gate),
            Phase(
                name="gan", view=Pairs, images=c.images, batch=c.batch, step=self.step, on_enter=self.lessons.enter,
                players={
                    "critic": Player(modules=[self.critic], optimiser=optimiser, schedule=decay),
                    "generator": Player(modules=[self.generator], optimiser=optimiser, schedule=decay, ema=c.ema),
                },
            ),
        ]  # fmt: skip

    def condition(self, pooled: Tensor) -> Tensor:
        """Return the condition of pooled states of texts, (B, P): three times the teacher's posteriors, (B, N)."""
        return pooled if "posteriors" in self.config.without else self.teacher.condition(pooled)

    def step(self, batch: Pairs, clock: Clock) -> Iterator[Update]:
        """One update of the discriminator and one of the generator, on one batch of drawings, two of each text."""
        c, real = self.config, batch.images
        lesson = self.lessons.prepare(real, batch.rows)
        dropped = real.new_empty(len(real)).bernoulli_(TEXT_DROPOUT).bool()
        with torch.no_grad(), full_precision(real):
            text = self.condition(lesson.pooled).masked_fill(dropped[:, None], 0.0)  # t
            wrong_text = self.condition(lesson.wrong)  # w
        noise = real.new_empty(2 * len(real), c.noise).normal_()  # z, then z'
        fake = self.generator(noise, text.repeat(2, 1))

        of_real, of_fake = self.critic.features(torch.cat([real, fake.detach()])).split([len(real), len(fake)])
        right, wrong = self.critic.score(of_real, text), self.critic.score(of_real, wrong_text)
        drawn = self.critic.score(of_fake, text.repeat(2, 1))
        loss = discriminator_loss(right, drawn, wrong, lesson.is_wrong, c.without)
        if clock.every(LAZY):
            loss = loss + LAZY * 0.5 * c.gamma * self.slope_penalty(real, fake, text)
        yield Update("critic", loss, {"right": right, "wrong": wrong, "drawn": drawn})

        loss = adversarial_loss(right, self.critic(fake, text.repeat(2, 1)), c.without)
        asked = lesson.without(dropped).twice()
        features = self.lessons.features(fake, asked.haze)
        raised = min(clock.progress / RAMP, 1.0)
        terms = {
            "match": (c.match, lambda: mean_over(self.lessons.match(features, asked), ~dropped.repeat(2))),
            "naming": (c.naming * raised, lambda: self.lessons.naming(features, asked).mean()),
            "energy": (c.energy, lambda: self.lessons.energy(fake, features, real, lesson).mean()),
        }
        log = {name: term() for name, (weight, term) in terms.items() if weight}
        yield Update("generator", loss + sum(terms[name][0] * value for name, value in log.items()), log)

    def slope_penalty(self, real: Tensor, fake: Tensor, text: Tensor) -> Tensor:
        """R1 + R2: the squared norm of D's gradient on real pictures, and on the first drawings, each the mean."""
        if "r2" in self.config.without:
            return gradient_penalty(self.critic, real, text, autocast=True)
        both = torch.cat([real, fake[: len(real)]])
        return 2 * gradient_penalty(self.critic, both, text.repeat(2, 1), autocast=True)

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: Spread, rng: RowNoise) -> Iterator[Draft]:
        """Draw in one forward pass; between two captions lie the interpolations of their conditions."""
        text = blend(lambda ends: self.condition(self.teacher.text.pooled(texts_of(ends))), requests)
        yield from self.drafts(knobs.spread * rng.normal(self.config.noise), text)

    def drafts(self, noise: Tensor, text: Tensor) -> Iterator[Draft]:
        """Draw conditions (B, N) with noise (B, Z)."""
        yield Draft(images=self.generator(noise, text).clamp(-1, 1))

    @torch.no_grad()
    def embed_pairs(self, images: Tensor, requests: Sequence[Request]) -> tuple[Tensor, Tensor]:
        """Return codes of pictures (B, 3, S, S) and of captions by the teacher, two of (B, E)."""
        teacher = self.teacher
        codes = [teacher.image_codes(teacher.features(blurred(part))) for part in images.split(100)]
        return torch.cat(codes), teacher.text_codes(teacher.text.pooled(texts_of(requests)))

    def exports(self) -> dict[str, ExportPart]:
        """Return the text encoder, and the generator: noise (B, Z) and conditions (B, N) to pictures."""
        c, teacher = self.config, self.teacher
        return {
            "reader": export_encoder(
                lambda words: self.condition(teacher.text.states(words)), [teacher], teacher.text.rule
            ),
            "painter": export_generator(
                self.drafts, [self.generator], {"spread": c.noise}, example_condition(self.condition_width)
            ),
        }

    def unknown_words(self, requests: Sequence[Request]) -> dict[str, str | None]:
        """Return the words of captions that the lexicon lacks, each with the nearest it has."""
        return dict(unknown_words(self.schema.lexicon, requests))
