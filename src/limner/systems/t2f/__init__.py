"""T2F: a face from a description, by ProGAN with Conditioning Augmentation and a text encoder that learns along.

Karnewar: T2F, text to face generation using deep learning, 2018. A program and a description of it, no paper.

Reading order: `config`; Generator, Discriminator, critic_loss, T2F (phases, step, sample). The nets grow as ProGAN's do
and are written out here with the text in them; the layers of one resolution and the schedule are in `blocks.growing`,
Conditioning Augmentation is in `blocks.layers.conditioning_augmentation`.

Letters: B pictures, S side of the finished picture, R side of the newest stage, depth the number of doublings since 4x4
(R = 4 * 2^depth), alpha the weight of the newest stage while it fades in, E width of a sentence vector, c numbers of
the code that Conditioning Augmentation makes of it, Z numbers of noise, C channels.

The kit (`kit=teacher,edits,match,naming,energy,pairing`, none of it the program's), by what was learnt since
    teacher: two encoders read and look first, and are frozen (`blocks.teacher`); codes are made of what the text says.
    edits: half of the wrong texts are the picture's own with one word changed.
    match, naming: a drawing's own text is to be found by it; it is to show what the text says (from 16 pixels on).
    energy: two drawings of each text are scored beside the real picture (`blocks.losses.energy_score`).
    pairing: real and drawn pictures of one text are compared (Huang et al., R3GAN, NeurIPS 2024), and gradients are
        penalised at every 16th step, in bf16 (Karras et al., StyleGAN2, 2020), in place of WGAN-GP.
    Stages may begin at 16 pixels: what is below says little.

Three ingredients, each of which `without` leaves out
    matching: the discriminator also scores real pictures with texts that do not fit them, and learns to score them low.
    kl: codes are held near N(0, 1), so that there is a face wherever they may fall.
    fade: a new resolution fades in over most of its stage.

Deviations, from what the program does (its first version)
    The LSTM is read after the last word of each caption, not at position 100, after dozens of steps of padding.
    Adam's beta2 is 0.99 and not 0; the gradient penalty takes its norm over a whole picture; the discriminator's last
    layer is linear; variances are exponentials; real pictures fade in as drawn ones do.
    A mismatched text is never by chance the right one, and both negatives together weigh as much as the positive.
    In the program the text enters in the discriminator's last layer. As that is linear now, picture and text would be
    two separate terms, and the matching term would cancel: they meet in an inner product instead, as in the author's
    own conditional ProGAN.
    The discriminator has an LSTM of its own, which learns from matching. With the generator's, held still
    (`critic_reads="shared"`), it can only ask for what that one happens to encode.
    Learning rates are equalised, latent numbers and sentence vectors scaled to mean square 1, colours are linear, and
    the minibatch deviation is taken over groups of 4, all as ProGAN has it.
    Codes begin with a small variance, so that at first the noise does not drown the words.
    The second version's `face2text-2` and `face2text-2-256`: there `squeeze` lays a few numbers of the text beside the
    picture's 4x4 maps, from which one score is made. What else it changed holds here for both versions: equalised
    rates, averaged weights, real pictures that fade in, Adam's beta2. Its pictures of 64 pixels are drawn from frozen
    vectors of InferSent, which is not here: that preset reads by the LSTM of the other. Nor does the generator draw
    its noise again between the discriminator's move and its own. A "T2F 2.0" with MSG-GAN in ProGAN's place was
    announced, and its program is not public.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.export import example_condition, export_encoder, export_generator
from limner.blocks.growing import Doubling, GrowthSchedule, Halving, Stage, coarse_to_fine, doubled, real_at
from limner.blocks.latent.knobs import TwoSpreads
from limner.blocks.latent.noise import normal
from limner.blocks.layers.conditioning_augmentation import EqualAugmentation, kl_to_standard_normal, reparameterise
from limner.blocks.layers.convolutions import tile
from limner.blocks.layers.equalised import (
    GAIN,
    EqualConv,
    EqualLinear,
    append_minibatch_deviation,
    leaky,
    pixel_norm,
)
from limner.blocks.losses.penalties import gradient_penalty
from limner.blocks.losses.wasserstein import wasserstein_gradient_penalty
from limner.blocks.modes import full_precision
from limner.blocks.teacher.lessons import Lesson, Lessons
from limner.blocks.teacher.teacher import Teacher
from limner.blocks.text.encoders import LstmEncoder, texts_of, unknown_words
from limner.data.schema import Schema
from limner.data.views import Pairs
from limner.errors import UserError
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import Caption, Request
from limner.system import Clock, Draft, ExportPart, Paper, Phase, Player, System, Update, blend, no_grad
from limner.systems.t2f.config import INGREDIENTS, KIT, Config

LAZY = 16  # pairing: steps from one penalty to the next, each weighted this much more
RAMP = 0.5  # share of the first stage in which the weight of naming rises to 1
ENERGY = 2.0  # weight of the energy score, as in Miniature's second recipe
SMALLEST = 16  # side from which the teacher looks at drawings
TEACHER_BATCH = 96  # pictures in a step of the teacher
DRIFT = 0.001  # weight of the squared scores of real pictures


class Generator(nn.Module):
    """Codes and noise to pictures, with layers of its own and a 1x1 convolution to colours for each resolution.

    Args:
        latent: numbers of code and noise together, c + Z.
        widths: channels at 4, 8, 16, ... pixels.
    """

    def __init__(self, latent: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.seed = EqualLinear(latent, widths[0] * 4 * 4, gain=GAIN / 4)
        self.first = EqualConv(widths[0], widths[0], 3)
        self.blocks = nn.ModuleList(Doubling(inside, outside) for inside, outside in pairwise(widths))
        self.colours = nn.ModuleList(EqualConv(width, 3, 1, gain=1) for width in widths)

    def forward(self, latent: Tensor, depth: int, alpha: float = 1.0) -> Tensor:
        """Draw (B, c + Z) at `depth`: (B, 3, R, R). Below alpha = 1 the stage before, doubled, makes up the rest."""
        x = self.seed(pixel_norm(latent)).unflatten(1, (-1, 4, 4)).contiguous(memory_format=torch.channels_last)
        x = pixel_norm(leaky(self.first(pixel_norm(leaky(x)))))  # (B, C, 4, 4)
        coarser = x
        for block in self.blocks[:depth]:
            coarser, x = x, block(x)  # (B, C, R / 2, R / 2), (B, C', R, R)
        images = self.colours[depth](x).float()
        if depth == 0 or alpha == 1:
            return images
        return torch.lerp(doubled(self.colours[depth - 1](coarser).float()), images, alpha)


class Discriminator(nn.Module):
    """Scores how real a picture is, plus how well it fits a text: the inner product of picture and text features.

    As in the program's second version, with `squeeze`: one score, of maps beside which a few numbers of the text lie.

    Args:
        widths: channels at 4, 8, 16, ... pixels.
        text_width: E.
        encoder: its own encoder of texts; None where it is given the generator's sentence vectors.
        squeeze: numbers of a text that lie beside the picture's 4x4 maps; 0: both meet in an inner product.
    """

    def __init__(self, widths: Sequence[int], text_width: int, encoder: LstmEncoder | None, squeeze: int = 0) -> None:
        super().__init__()
        self.colours = nn.ModuleList(EqualConv(3, width, 1) for width in widths)
        self.blocks = nn.ModuleList(Halving(outside, inside) for inside, outside in pairwise(widths))
        self.last = EqualConv(widths[0] + 1, widths[0], 3)
        self.gather = EqualConv(widths[0], widths[0], 4, padding=0)
        self.score = EqualLinear(widths[0], 1, gain=1)
        self.reader = encoder
        self.ask = EqualLinear(text_width, squeeze or widths[0], gain=1)
        self.join = EqualConv(widths[0] + squeeze, widths[0], 1) if squeeze else None

    def maps(self, images: Tensor, depth: int, alpha: float) -> Tensor:
        """Halve pictures (B, 3, R, R) to 4x4 maps, each row by itself: (B, C, 4, 4)."""
        images = images.contiguous(memory_format=torch.channels_last)
        x = leaky(self.colours[depth](images))
        for level in reversed(range(depth)):
            x = self.blocks[level](x)
            if level == depth - 1 and alpha < 1:
                x = torch.lerp(leaky(self.colours[level](F.avg_pool2d(images, 2))), x, alpha)
        return x

    def features(self, maps: Tensor) -> Tensor:
        """Return the features of each picture, (B, C, 4, 4) to (B, C), among them how much the rows differ.

        With `squeeze` they are (B, C, 4, 4) still, as the text is yet to come.
        """
        x = leaky(self.last(append_minibatch_deviation(maps)))
        return self.whole(x) if self.join is None else x

    def whole(self, x: Tensor) -> Tensor:
        """Gather maps (B, C, 4, 4) to (B, C)."""
        return leaky(self.gather(x)).flatten(1)

    def match(self, features: Tensor, text: Tensor) -> Tensor:
        """Score features of pictures with sentence vectors (B, E): (B,)."""
        asked = self.ask(pixel_norm(text))
        if self.join is not None:
            return self.score(self.whole(leaky(self.join(tile(asked, features))))).flatten()
        agreement = (features * asked).sum(dim=1) / features.shape[1] ** 0.5
        return self.score(features).flatten() + agreement

    def forward(self, images: Tensor, text: Tensor, depth: int, alpha: float) -> Tensor:
        return self.match(self.features(self.maps(images, depth, alpha)), text)


def critic_loss(right: Tensor, fake: Tensor, wrong: Tensor | None = None, weight: float = 1.0) -> Tensor:
    """Weigh E D(fake, t) + E D(wrong, t), less E D(right, t); plus 0.001 E D(right, t)^2, which keeps it near 0.

    Args:
        right: scores of real pictures with their texts, (B,).
        fake: scores of drawn pictures, (B,).
        wrong: scores of real pictures with texts that do not fit, (B,), where they are taken.
        weight: of each of the negatives.
    """
    right, negatives = right.float(), fake.float().mean()
    if wrong is not None:
        negatives = negatives + wrong.float().mean()
    return weight * negatives - right.mean() + DRIFT * right.square().mean()


def pairing_loss(right: Tensor, fake: Tensor, wrong: Tensor | None = None, weight: float = 1.0) -> Tensor:
    """Return E f(D(fake, t) - D(right, t)) + weight E f(D(wrong, t) - D(right, t)), f softplus (Huang et al. 2024).

    Args:
        right: scores of real pictures with their texts, (B,).
        fake: scores of pictures drawn from the same texts, (B,), or of several of each, (2B,).
        wrong: scores of the same real pictures with texts that do not fit, (B,), where they are taken.
        weight: of the second term.
    """
    loss = F.softplus(fake.float().unflatten(0, (-1, len(right))) - right.float()).mean()
    return loss if wrong is None else loss + weight * F.softplus(wrong.float() - right.float()).mean()


class T2F(System):
    """Karnewar 2018, its first version mended.

    How far the nets have grown, `depth` and `alpha`, are buffers: they are saved, so that a checkpoint from the middle
    of a fade draws as the nets did then.
    """

    paper = Paper("T2F: text to face generation using deep learning", "Animesh Karnewar", 2018, "GitHub")
    takes = Caption
    config: Config
    Config = Config
    Knobs = TwoSpreads
    default_preset = "avatars"
    presets: ClassVar[Mapping[str, Any]] = {
        "tiny": Config(
            size=16, images=2_400, widths=(16, 16, 8), code=8, noise=8, hidden=16, embedding=16, ema=50,
            stages=(Stage(4, 1, 8, 0.5), Stage(8, 1, 8, 0.5), Stage(16, 1, 8, 0.5)),
        ),
        "avatars": Config(rate=3e-3),
        "faces-kit": Config(
            kit=KIT, rate=2e-3, ema=10_000, images=400_000,
            stages=(Stage(16, 30, 32, 0.3), Stage(32, 40, 32, 0.3), Stage(64, 60, 32, 0.3)),
        ),
        "face2text": Config(
            images=310 * 1_237, widths=(256, 256, 256, 256, 128), code=178, noise=78, hidden=256, embedding=128,
            layers=3, kl=1.0,
            stages=(
                Stage(4, 160, 16, 0.85), Stage(8, 80, 16, 0.85), Stage(16, 40, 16, 0.85), Stage(32, 20, 16, 0.85),
                Stage(64, 10, 16, 0.85),
            ),
        ),
        "face2text-2": Config(
            images=600 * 1_237, widths=(256, 256, 256, 256, 128), code=128, noise=128, hidden=512, embedding=128,
            layers=3, kl=1.0, squeeze=32, ema=692 * 32,  # decay 0.999 in steps of the last stage
            stages=(
                Stage(4, 120, 64, 0.5), Stage(8, 120, 64, 0.5), Stage(16, 120, 64, 0.5), Stage(32, 120, 64, 0.5),
                Stage(64, 120, 32, 0.5),
            ),
        ),
        "face2text-2-256": Config(
            size=256, images=260 * 1_237, widths=(512, 512, 512, 512, 256, 128, 64), code=256, noise=256, hidden=512,
            embedding=128, layers=3, kl=1.0, squeeze=128, ema=692 * 14,
            stages=(
                Stage(4, 20, 16, 0.5), Stage(8, 40, 16, 0.5), Stage(16, 40, 16, 0.5), Stage(32, 40, 16, 0.5),
                Stage(64, 40, 16, 0.5), Stage(128, 40, 16, 0.5), Stage(256, 40, 14, 0.5),
            ),
        ),
    }  # fmt: skip

    depth: Tensor
    alpha: Tensor

    def __init__(self, config: Any, schema: Schema) -> None:
        super().__init__(config, schema)
        c = self.config
        if unknown := set(c.without) - INGREDIENTS:
            raise UserError(f"without={min(unknown)}: what can be left out is {', '.join(sorted(INGREDIENTS))}")
        if unknown := set(c.kit) - set(KIT):
            raise UserError(f"kit={min(unknown)}: what there is are {', '.join(KIT)}")
        if "teacher" not in c.kit and (needy := {"edits", "match", "naming", "energy"} & set(c.kit)):
            raise UserError(f"kit={min(needy)} needs a teacher: kit=teacher,{','.join(sorted(needy))}")
        stages = c.stages if self.uses("fade") else [replace(stage, fade=0.0) for stage in c.stages]
        self.schedule = GrowthSchedule.of(stages, c.widths, c.size, c.images)
        self.register_buffer("depth", torch.tensor(self.schedule.last))
        self.register_buffer("alpha", torch.tensor(1.0))
        self.teacher: Teacher | None = None
        self.width, own = c.hidden, None
        if "teacher" in c.kit:
            self.teacher = Teacher(schema, c.size, width=c.teacher_width, coarsest=min(SMALLEST, c.size))
            self.lessons, self.width = Lessons(self.teacher, "edits" in c.kit), self.teacher.properties.total
        else:
            own = LstmEncoder(schema.lexicon, c.hidden, c.embedding, c.layers) if c.critic_reads == "own" else None
            self.text = LstmEncoder(schema.lexicon, c.hidden, c.embedding, c.layers)
        self.augment = EqualAugmentation(self.width, c.code)
        self.generator = Generator(c.code + c.noise, self.schedule.widths)
        self.critic = Discriminator(self.schedule.widths, self.width, own, c.squeeze)
        for net in (self.generator, self.critic):
            net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # quicker on CPUs in bf16

    def uses(self, ingredient: str) -> bool:
        """Tell whether an ingredient is in."""
        return ingredient not in self.config.without

    def phases(self) -> list[Phase]:
        """Return a phase for each resolution; the text encoder learns in all of them, through the generator.

        With a teacher its own phases come first, and no text encoder learns after them.
        """
        c, optimiser = self.config, adam(self.config.rate, betas=(0.0, 0.99))
        drawing = [self.augment, self.generator] if self.teacher else [self.text, self.augment, self.generator]
        first = self.teacher.phases(c.teacher_images, TEACHER_BATCH, c.gate) if self.teacher else []
        players = {
            "critic": Player(modules=[self.critic], optimiser=optimiser),
            "generator": Player(modules=drawing, optimiser=optimiser, ema=self.config.ema),
        }
        return first + [
            Phase(
                name=f"{stage.resolution}px", view=Pairs, images=images, batch=stage.batch, players=players,
                on_start=partial(self.grow, depth), on_enter=self.lessons.enter if self.teacher else None,
                step=partial(self.step, depth),
            )
            for depth, stage, images in self.schedule.parts()
        ]  # fmt: skip

    def grow(self, depth: int) -> None:
        """Note that the stage of this depth begins."""
        self.depth.fill_(depth)
        self.alpha.fill_(self.schedule.at(depth).alpha(0.0))

    def step(self, depth: int, batch: Pairs, clock: Clock) -> Iterator[Update]:
        """One move each: the discriminator's, then the generator's, on one batch of drawings."""
        c, alpha = self.config, self.schedule.at(depth).alpha(clock.progress)
        self.alpha.fill_(alpha)
        real = real_at(batch.images, depth, alpha)  # (B, 3, R, R)
        lesson = self.lessons.prepare(real, batch.rows) if self.teacher else None
        sentence = self.condition(lesson.pooled) if lesson else self.text.sentence(batch.texts)  # (B, E)
        mean, log_var = self.augment(sentence)
        times = 2 if "energy" in c.kit else 1  # drawings of each text; n is B times so many
        gaussian = mean.repeat(times, 1), log_var.repeat(times, 1)
        code = reparameterise(gaussian, torch.randn_like(gaussian[0]))  # (n, c)
        fake = self.generator(torch.cat([code, normal(code, c.noise)], dim=1), depth, alpha)

        text = sentence.detach() if self.critic.reader is None else self.critic.reader.sentence(batch.texts)
        maps = self.critic.maps(torch.cat([real, fake.detach()]), depth, alpha)
        real_maps, fake_maps = maps.split([len(real), len(fake)])
        real_features, fake_features = self.critic.features(real_maps), self.critic.features(fake_maps)
        on_right, on_fake = (
            self.critic.match(real_features, text),
            self.critic.match(fake_features, text.repeat(times, 1)),
        )
        loss_of = pairing_loss if "pairing" in c.kit else critic_loss
        loss, log = loss_of(on_right, on_fake), {"right": on_right, "drawn": on_fake}
        if self.uses("matching"):
            if lesson:  # right picture, wrong text
                wrong = torch.where(lesson.is_wrong[:, None], self.condition(lesson.wrong), text[batch.wrong])
                on_wrong = self.critic.match(real_features, wrong)
            else:
                on_wrong = self.critic.match(real_features[batch.wrong], text)  # wrong picture, right text
            loss = loss_of(on_right, on_fake, on_wrong, weight=c.negatives)
            log["wrong"] = on_wrong
        penalty = self.penalty(depth, alpha, clock, real, fake[: len(real)], text)
        yield Update("critic", loss + penalty, log | {"penalty": penalty})

        score = self.critic(fake, text.detach().repeat(times, 1), depth, alpha).float().unflatten(0, (times, -1))
        loss = F.softplus(on_right.detach().float() - score).mean() if "pairing" in c.kit else -score.mean()
        kl = kl_to_standard_normal(mean, log_var)
        log = {"kl": kl}
        if lesson and fake.shape[-1] >= SMALLEST:
            asked = self.asked(lesson, real, fake)
            raised = min(clock.progress / RAMP, 1.0) if depth == self.schedule.first else 1.0
            loss = loss + sum(raised * term if name == "naming" else term for name, term in asked.items())
            log |= asked
        yield Update("generator", loss + self.uses("kl") * c.kl * kl, log)

    def penalty(self, depth: int, alpha: float, clock: Clock, real: Tensor, fake: Tensor, text: Tensor) -> Tensor:
        """Return the gradient penalty: WGAN-GP's at each step; with pairing R1 + R2 at every 16th, else zero."""
        if "pairing" not in self.config.kit:
            return wasserstein_gradient_penalty(lambda x: self.critic(x, text, depth, alpha), real, fake)
        if not clock.every(LAZY):
            return real.new_zeros(())
        critic, both = partial(self.critic, depth=depth, alpha=alpha), torch.cat([real, fake])
        squares = 2 * gradient_penalty(critic, both, text.detach().repeat(2, 1), autocast=True)  # the sum of two means
        return LAZY * 0.5 * self.config.gamma * squares

    def asked(self, lesson: Lesson, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Return what the teacher asks of drawings (n, 3, R, R), as far as the kit has it."""
        kit, mine = self.config.kit, self.lessons
        each = lesson if len(fake) == len(real) else lesson.twice()
        drawn = mine.features(fake, each.haze)
        asks = {
            "match": lambda: mine.match(drawn, each),
            "naming": lambda: mine.naming(drawn, each),
            "energy": lambda: ENERGY * mine.energy(fake, drawn, real, lesson),
        }
        return {name: ask().mean() for name, ask in asks.items() if name in kit}

    @torch.no_grad()
    def condition(self, pooled: Tensor) -> Tensor:
        """Return what the teacher reads in texts, given their pooled states (B, P): (B, E)."""
        assert self.teacher is not None
        with full_precision(pooled):
            return self.teacher.condition(pooled)

    def sentences(self, texts: Sequence[str]) -> Tensor:
        """Return the sentence vectors of B texts, or what a teacher reads in them: (B, E)."""
        return self.condition(self.teacher.text.pooled(texts)) if self.teacher else self.text.sentence(texts)

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: TwoSpreads, rng: RowNoise) -> Iterator[Draft]:
        """Draw each resolution in turn, as far as the nets have grown."""
        epsilon, noise = self.split(rng.normal(self.config.code + self.config.noise))
        sentence = blend(lambda ends: self.sentences(texts_of(ends)), requests)
        yield from self.drawing()(torch.cat([knobs.reading * epsilon, knobs.spread * noise], dim=1), sentence)

    def split(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Split (B, c + Z) into epsilon (B, c), which draws a code, and noise (B, Z)."""
        epsilon, noise = noise.split([self.config.code, self.config.noise], dim=1)
        return epsilon, noise

    def drawing(self) -> Callable[[Tensor, Tensor], Iterator[Draft]]:
        """Return what draws (B, c + Z) and sentence vectors (B, E) with nets grown as far as they are now."""
        depth, alpha = int(self.depth), float(self.alpha)

        def draw(noise: Tensor, sentence: Tensor) -> Iterator[Draft]:
            epsilon, noise = self.split(noise)
            latent = torch.cat([reparameterise(self.augment(sentence), epsilon), noise], dim=1)
            return coarse_to_fine(self.generator, latent, depth, alpha, self.config.size, self.schedule.first)

        return draw

    def exports(self) -> Mapping[str, ExportPart]:
        """Return the text encoder, and what draws epsilon and noise (B, c + Z) and sentence vectors (B, E)."""
        c = self.config
        noise, modules = {"reading": c.code, "spread": c.noise}, [self.augment, self.generator]
        if teacher := self.teacher:
            reader = export_encoder(
                lambda words: teacher.condition(teacher.text.states(words)), [teacher], teacher.text.rule
            )
        else:
            reader = export_encoder(self.text.numbered, [self.text], self.text.rule)
        painter = export_generator(self.drawing(), modules, noise, example_condition(self.width))
        return {"reader": reader, "painter": painter}

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words it does not know, each with the nearest it does."""
        return unknown_words(self.schema.lexicon, requests)
