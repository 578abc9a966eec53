"""TextKD-GAN: a GAN writes sentences, and what its critic takes for real is softened by an autoencoder.

Haidar, Rezagholizadeh: TextKD-GAN: Text Generation Using Knowledge Distillation and Generative Adversarial Networks,
Canadian AI 2019. A critic tells written sentences, which are probabilities, from real ones, which are one-hot, by that
alone. Their claim: where it is shown an autoencoder's soft reconstruction of real sentences instead, a GAN learns to
write without any pre-training, and better than the improved Wasserstein GAN (IWGAN, Gulrajani et al. 2017).

Reading order: TextKDConfig, Script (sentences as numbers), Residual, Generator, Critic, Teacher (the autoencoder),
TextKDGAN: its phases and steps, sample.

Letters: B sentences, T places of a sentence, V units (letters or words; 0 ends a sentence), W width, Z numbers of
noise. x one-hot sentences (B, T, V), x~ their soft reconstructions.

Deviations
    How autoencoder and critic are coupled is not known to us for certain: three readings are settings, see `teacher`.
    The autoencoder's loss is the cross-entropy.
    The generator moves at every k-th step of the critic, each on a new batch; a step of the autoencoder goes with each.
    Weights begin as PyTorch begins them.
    A sentence is written up to its first end, which is unit 0; sentences longer than T units are cut.
    Words are those of the data's lexicon, without case and punctuation; 9 of 10 captions of avatars have 24 or fewer.
    The defaults (3 blocks of 64 channels, Adam's rate 1e-3, 32 sentences in a step) are for minutes on a processor; the
    preset `paper` has IWGAN's 5 blocks of 512, 1e-4 and 64.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.blocks.latent.knobs import Spread
from limner.blocks.losses.wasserstein import wasserstein_gradient_penalty
from limner.data.schema import PAD, Lexicon, Schema, words_of
from limner.data.views import Sentences
from limner.errors import UserError
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import Nothing, Request
from limner.system import Clock, Draft, Paper, Phase, Player, System, Update, no_grad

MARKS = " ,.;:'!?-"
"""What letters are written with, beside those of the lexicon's words."""


@dataclass(frozen=True, kw_only=True)
class TextKDConfig:
    """Settings of the system."""

    size: int = 16
    """Side of the pictures it takes from the data, in pixels; it reads none of them."""
    images: int = 400_000
    """Budget of the adversarial phase, in sentences."""
    teacher_images: int = 100_000
    """Budget of the autoencoder's own phase, in sentences, where it is frozen afterwards."""
    batch: int = 32
    """Sentences in a step."""
    unit: Literal["letter", "word"] = "word"
    """What a sentence is made of."""
    length: int = 24
    """Units of a sentence at most, T."""
    width: int = 64
    """Channels of generator and critic, W."""
    blocks: int = 3
    """Residual blocks of either."""
    noise: int = 128
    """Numbers of noise, Z."""
    teacher: Literal["none", "own loss", "with critic", "frozen"] = "own loss"
    """Whom the autoencoder learns from: its own loss alone; the critic's loss, too; its own loss, before and not during
    the adversarial phase; or there is none, real sentences are one-hot, and this is IWGAN."""
    teacher_width: int = 128
    """Units of the autoencoder's LSTMs."""
    critic_steps: int = 5
    """Steps of the critic for one of the generator, k."""
    rate: float = 1e-3
    """Learning rate of generator and critic."""
    teacher_rate: float = 1e-3
    """Learning rate of the autoencoder."""


class Script:
    """How sentences become numbers of V units and back; 0 ends a sentence, and unknown units are left out."""

    def __init__(self, unit: str, length: int, lexicon: Lexicon) -> None:
        self.unit, self.length, self.lexicon = unit, length, lexicon
        letters = sorted({letter for word in lexicon.words for letter in word} - set(MARKS))
        self.units = ["", *MARKS, *letters] if unit == "letter" else ["", "", *lexicon.words]
        self.number = {one: number for number, one in enumerate(self.units) if one}

    def __len__(self) -> int:
        return len(self.units)

    def cut(self, text: str) -> str:
        """Return a sentence as it is written here: its first T units, those that are known."""
        parts = text.lower() if self.unit == "letter" else words_of(text)
        known = [part for part in parts if part in self.number][: self.length]
        return self.joined(known)

    def joined(self, units: Sequence[str]) -> str:
        """Return units as a sentence."""
        return "".join(units).strip() if self.unit == "letter" else " ".join(units)

    def one_hot(self, texts: Sequence[str], device: torch.device) -> Tensor:
        """Return x: (B, T, V)."""
        numbers = torch.full((len(texts), self.length), PAD)
        for row, text in enumerate(map(self.cut, texts)):
            parts = list(text) if self.unit == "letter" else text.split()
            numbers[row, : len(parts)] = torch.tensor([self.number[part] for part in parts], dtype=torch.long)
        return F.one_hot(numbers.to(device), len(self)).float()

    def written(self, soft: Tensor) -> list[str]:
        """Return the likeliest unit of each place, up to the first end: (B, T, V) to B sentences."""
        rows = soft.argmax(dim=-1).tolist()
        ended = [row[: row.index(PAD)] if PAD in row else row for row in rows]
        return [self.joined([self.units[number] for number in row if self.units[number]]) for row in ended]


class Residual(nn.Module):
    """x + .3 conv5(relu(conv5(relu x))), on (B, W, T)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv1d(width, width, 5, padding=2) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.3 * self.second(F.relu(self.first(F.relu(x))))


def residuals(config: TextKDConfig) -> nn.Sequential:
    """Return the blocks of generator or critic."""
    return nn.Sequential(*(Residual(config.width) for _ in range(config.blocks)))


class Generator(nn.Module):
    """Noise to soft sentences: (B, Z) to (B, T, V), sums over V are 1."""

    def __init__(self, units: int, config: TextKDConfig) -> None:
        super().__init__()
        self.shape = (config.width, config.length)
        self.start = nn.Linear(config.noise, config.width * config.length)
        self.body, self.end = residuals(config), nn.Conv1d(config.width, units, 1)

    def forward(self, z: Tensor) -> Tensor:
        return self.end(self.body(self.start(z).unflatten(1, self.shape))).transpose(1, 2).softmax(dim=-1)


class Critic(nn.Module):
    """The generator mirrored: sentences to scores, (B, T, V) to (B,); large where they look real."""

    def __init__(self, units: int, config: TextKDConfig) -> None:
        super().__init__()
        self.start, self.body = nn.Conv1d(units, config.width, 1), residuals(config)
        self.end = nn.Linear(config.width * config.length, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.body(self.start(x.transpose(1, 2))).flatten(1))[:, 0]


class Teacher(nn.Module):
    """The autoencoder: one LSTM reads a sentence, and another writes it from the last state, repeated at each place."""

    def __init__(self, units: int, config: TextKDConfig) -> None:
        super().__init__()
        self.read = nn.LSTM(units, config.teacher_width, batch_first=True)
        self.write = nn.LSTM(config.teacher_width, config.teacher_width, batch_first=True)
        self.end = nn.Linear(config.teacher_width, units)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of x~: (B, T, V)."""
        _, (last, _) = self.read(x)  # (1, B, W)
        return self.end(self.write(last[0, :, None].expand(-1, x.shape[1], -1))[0])


def critic_loss(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """E D(G(z)) - E D(x~) + 10 E (||d D(x) / d x|| - 1)^2, x between x~ and G(z), the norm that of one sentence."""
    drawn, shown = critic(torch.cat([fake, real])).chunk(2)
    return drawn.mean() - shown.mean() + wasserstein_gradient_penalty(critic, real, fake)


class TextKDGAN(System):
    """Write sentences like those of the data."""

    paper = Paper(
        title="TextKD-GAN: Text Generation Using Knowledge Distillation and Generative Adversarial Networks",
        authors="Md. Akmal Haidar, Mehdi Rezagholizadeh",
        year=2019,
        venue="Canadian AI",
        arxiv="1905.01976",
    )
    takes = Nothing
    gives = frozenset({"text"})
    Config = TextKDConfig
    Knobs = Spread
    default_preset = "avatars"
    presets: ClassVar = {
        "tiny": TextKDConfig(
            images=16_000, teacher_images=4_000, batch=8, length=8, width=32, blocks=1, noise=16, teacher_width=32,
            critic_steps=2, rate=2e-3, teacher_rate=1e-2,
        ),
        "avatars": TextKDConfig(),
        "paper": TextKDConfig(
            images=12_800_000, teacher_images=1_280_000, batch=64, unit="letter", length=32, width=512, blocks=5,
            teacher_width=512, critic_steps=10, rate=1e-4,
        ),
    }  # fmt: skip

    def __init__(self, config: TextKDConfig, schema: Schema) -> None:
        super().__init__(config, schema)
        self.config: TextKDConfig = config
        if not schema.lexicon.words:
            raise UserError("this system learns from sentences: train it on data with captions")
        self.script = Script(config.unit, config.length, schema.lexicon)
        self.generator = Generator(len(self.script), config)
        self.critic = Critic(len(self.script), config)
        self.teacher = None if config.teacher == "none" else Teacher(len(self.script), config)

    def phases(self) -> list[Phase]:
        c = self.config
        slow = adam(c.rate, (0.5, 0.9))
        players = {
            "critic": Player(modules=[self.critic], optimiser=slow),
            "generator": Player(modules=[self.generator], optimiser=slow),
        }
        phases = []
        if self.teacher is not None:
            teacher = {"teacher": Player(modules=[self.teacher], optimiser=adam(c.teacher_rate, (0.9, 0.9)))}
            if c.teacher == "frozen":
                phases.append(
                    Phase(
                        name="teacher", view=Sentences, images=c.teacher_images, batch=c.batch, players=teacher,
                        step=self.teacher_step, draws=False,
                    )
                )  # fmt: skip
            else:
                players = teacher | players
        phases.append(
            Phase(name="write", view=Sentences, images=c.images, batch=c.batch, players=players, step=self.step)
        )
        return phases

    def teacher_step(self, batch: Sentences, clock: Clock) -> Iterator[Update]:
        """Learn to write what was read."""
        yield self.teacher_update(self.script.one_hot(batch.texts, self.device), joined=False)

    def teacher_update(self, x: Tensor, joined: bool) -> Update:
        """Return the autoencoder's update: L_AE, or L_AE - E D(x~) where it learns from the critic's loss, too.

        How sure it is, the mean of the largest probability of each place, is logged: at 1 its sentences are one-hot
        again.
        """
        assert self.teacher is not None
        logits = self.teacher(x)
        soft = logits.softmax(dim=-1)
        reconstruction = F.cross_entropy(logits.flatten(0, 1), x.flatten(0, 1).argmax(dim=-1))
        loss = reconstruction - self.critic(soft).mean() if joined else reconstruction
        return Update("teacher", loss, {"reconstruction": reconstruction, "sureness": soft.amax(dim=-1).mean()})

    @torch.no_grad()
    def real(self, x: Tensor) -> Tensor:
        """Return what the critic takes for real: x~, or x where there is no autoencoder."""
        return x if self.teacher is None else self.teacher(x).softmax(dim=-1)

    def step(self, batch: Sentences, clock: Clock) -> Iterator[Update]:
        """Move the autoencoder, unless it is frozen, then the critic, and at every k-th step the generator."""
        x = self.script.one_hot(batch.texts, self.device)
        if self.config.teacher in ("own loss", "with critic"):
            yield self.teacher_update(x, self.config.teacher == "with critic")
        z = torch.randn(len(x), self.config.noise, device=x.device)
        with torch.no_grad():
            fake = self.generator(z)
        real = self.real(x)
        loss = critic_loss(self.critic, real, fake)
        yield Update("critic", loss, {} if self.teacher is None else {"sureness": real.amax(dim=-1).mean()})
        if clock.every(self.config.critic_steps):
            yield Update("generator", -self.critic(self.generator(torch.randn_like(z))).mean())

    def as_written(self, texts: Sequence[str]) -> list[str]:
        return [self.script.cut(text) for text in texts]

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: Spread, rng: RowNoise) -> Iterator[Draft]:
        yield Draft(text=self.script.written(self.generator(knobs.spread * rng.normal(self.config.noise))))
