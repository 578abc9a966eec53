"""T2F: a face from a description, by ProGAN with Conditioning Augmentation and a reader that learns along.

Karnewar: T2F, text to face generation using deep learning, 2018. A program and a description of it, no paper.

Reading order: Config, Critic, T2F: its phases, its step, drawing. The growing nets are in `blocks.growing`; what
systems that grow share is in `blocks.grower`.

Letters: B pictures, R their side, E width of a sentence vector, code what Conditioning Augmentation makes of a text,
alpha the share of the newest resolution.

Three ingredients, each of which `without` leaves out
    matching: the critic also scores real pictures with texts that do not fit them, and they are to score low.
    kl: codes are held near N(0, 1), so that there is a face wherever they may fall.
    fade: a new resolution fades in over most of its stage.

Deviations, from what the program does (its first version)
    The LSTM is read after the last word of each caption, not at position 100, after dozens of steps of padding.
    Adam's beta2 is 0.99 and not 0; the gradient penalty takes its norm over a whole picture; the critic's last layer
    is linear; variances are exponentials; real pictures fade in as drawn ones do.
    A mismatched text is never by chance the right one, and both negatives together weigh as much as the positive.
    In the program the text enters in the critic's last layer. As that is linear now, picture and text would be two
    separate terms, and the matching term would cancel: they meet in an inner product instead, as in the author's own
    conditional ProGAN.
    The critic reads with an LSTM of its own, which learns from matching. One that reads with the generator's, held
    still (`critic_reads="shared"`), can only ask for what that one happens to say.
    Learning rates are equalised, latent numbers and sentence vectors brought to mean square 1, colours are linear, and
    the minibatch deviation is taken over groups of 4, all as ProGAN has it.
    Codes begin with a small variance, so that at first words are heard above the noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from limner.blocks.export import example_condition, export_encoder, export_generator
from limner.blocks.grower import Grower
from limner.blocks.growing import GrowingCritic, GrowingGenerator, Stage, faded, slope_penalty, wasserstein
from limner.blocks.latent.knobs import TwoSpreads
from limner.blocks.latent.noise import normal
from limner.blocks.layers.conditioning_augmentation import EqualAugmentation, kl_to_standard_normal, reparameterise
from limner.blocks.layers.equalised import EqualLinear, pixel_norm
from limner.blocks.text.encoders import LstmEncoder, texts_of, unknown_words
from limner.data.schema import Schema
from limner.data.views import Pairs
from limner.errors import UserError
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import Caption, Request
from limner.system import Draft, ExportPart, Paper, Phase, Player, Update, blend, no_grad

INGREDIENTS = frozenset({"matching", "kl", "fade"})


@dataclass(frozen=True, kw_only=True)
class Config:
    """What people change."""

    size: int = 64
    """Side of the finished picture in pixels; stages above it are left out."""
    images: int = 148_000
    """Budget over all stages, in pictures."""
    stages: tuple[Stage, ...] = (
        Stage(4, 8, 64, 0.85),
        Stage(8, 16, 64, 0.85),
        Stage(16, 40, 32, 0.85),
        Stage(32, 42, 16, 0.85),
        Stage(64, 42, 16, 0.85),
    )
    """The schedule, resolution:share:batch:fade of each stage: its share of the budget, and the part it fades in."""
    widths: tuple[int, ...] = (128, 128, 128, 64, 32)
    """Channels at 4, 8, 16, ... pixels, of both nets."""
    code: int = 64
    """Numbers of a text's code."""
    noise: int = 64
    """Numbers of noise: what a text leaves open."""
    hidden: int = 192
    """Width of the LSTM, E."""
    embedding: int = 96
    """Width of a word."""
    layers: int = 1
    """Layers of the LSTM."""
    rate: float = 1e-3
    """Learning rate of both players."""
    ema: float = 5_000
    """Half-life of the published weights, in pictures."""
    kl: float = 0.01
    """Weight of the divergence of codes from N(0, 1), summed over their numbers."""
    negatives: float = 0.5
    """Weight of each of the two negatives, drawn pictures and wrong texts; the program's is 1."""
    critic_reads: Literal["own", "shared"] = "own"
    """With whose LSTM the critic reads: one of its own, or the generator's, held still."""
    without: tuple[str, ...] = ()
    """Ingredients left out, to see what each gives: matching, kl, fade."""


class Critic(GrowingCritic):
    """Scores how real a picture is, and adds how well what is seen in it agrees with what is said."""

    def __init__(self, widths: Sequence[int], text: int, reader: LstmEncoder | None) -> None:
        super().__init__(widths)
        self.reader = reader
        self.ask = EqualLinear(text, widths[0], gain=1)

    def match(self, seen: Tensor, text: Tensor) -> Tensor:
        """Score what was seen (B, C) against sentence vectors (B, E): (B,)."""
        agreement = (seen * self.ask(pixel_norm(text))).sum(dim=1) / seen.shape[1] ** 0.5
        return self.score(seen).flatten() + agreement


class T2F(Grower):
    """Karnewar 2018, its first version mended."""

    paper = Paper("T2F: text to face generation using deep learning", "Animesh Karnewar", 2018, "GitHub")
    takes = Caption
    Config = Config
    Knobs = TwoSpreads
    default_preset = "avatars"
    presets: ClassVar[Mapping[str, Any]] = {
        "tiny": Config(
            size=16, images=2_400, widths=(16, 16, 8), code=8, noise=8, hidden=16, embedding=16, ema=50,
            stages=(Stage(4, 1, 8, 0.5), Stage(8, 1, 8, 0.5), Stage(16, 1, 8, 0.5)),
        ),
        "avatars": Config(rate=3e-3),
        "face2text": Config(
            images=310 * 1_237, widths=(256, 256, 256, 256, 128), code=178, noise=78, hidden=256, embedding=128,
            layers=3, kl=1.0,
            stages=(
                Stage(4, 160, 16, 0.85), Stage(8, 80, 16, 0.85), Stage(16, 40, 16, 0.85), Stage(32, 20, 16, 0.85),
                Stage(64, 10, 16, 0.85),
            ),
        ),
    }  # fmt: skip

    def __init__(self, config: Any, schema: Schema) -> None:
        super().__init__(config, schema)
        c = config
        if unknown := set(c.without) - INGREDIENTS:
            raise UserError(f"without={min(unknown)}: what can be left out is {', '.join(sorted(INGREDIENTS))}")
        own = LstmEncoder(schema.lexicon, c.hidden, c.embedding, c.layers) if c.critic_reads == "own" else None
        self.text = LstmEncoder(schema.lexicon, c.hidden, c.embedding, c.layers)
        self.augment = EqualAugmentation(c.hidden, c.code)
        self.generator = GrowingGenerator(c.code + c.noise, self.widths)
        self.critic = Critic(self.widths, c.hidden, own)
        for net in (self.generator, self.critic):
            net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # quicker on CPUs in bf16

    def phases(self) -> list[Phase]:
        """One phase a resolution; the reader learns in all of them, through the generator."""
        optimiser = adam(self.config.rate, betas=(0.0, 0.99))
        drawing = [self.text, self.augment, self.generator]
        players = {
            "critic": Player(modules=[self.critic], optimiser=optimiser),
            "generator": Player(modules=drawing, optimiser=optimiser, ema=self.config.ema),
        }
        return self.stages(Pairs, players, self.step)

    def asks(self, ingredient: str) -> bool:
        """Tell whether an ingredient is in."""
        return ingredient not in self.config.without

    def share(self, depth: int, progress: float) -> float:
        """Return alpha: 1 at once where nothing fades."""
        return super().share(depth, progress) if self.asks("fade") else 1.0

    def step(self, depth: int, alpha: float, batch: Pairs) -> Iterator[Update]:
        """The critic's move, then the generator's, on one batch of drawings."""
        real = faded(batch.images, depth, alpha)  # (B, 3, R, R)
        read = self.text.sentence(batch.texts)
        mean, logvar = self.augment(read)
        code = reparameterise((mean, logvar), torch.randn_like(mean))
        noise = normal(code, self.config.noise)
        drawn = self.generator(torch.cat([code, noise], dim=1), depth, alpha)

        condition = read.detach() if self.critic.reader is None else self.critic.reader.sentence(batch.texts)
        seen, drawn_seen = self.critic.features(torch.cat([real, drawn.detach()]), depth, alpha).chunk(2)
        seen, drawn_seen = self.critic.sum_up(seen), self.critic.sum_up(drawn_seen)
        right, fake = self.critic.match(seen, condition), self.critic.match(drawn_seen, condition)
        loss, log = wasserstein(right, fake), {"right": right, "drawn": fake}
        if self.asks("matching"):
            wrong = self.critic.match(seen[batch.wrong], condition)  # wrong picture, right text
            loss, log = wasserstein(right, fake, wrong, weight=self.config.negatives), log | {"wrong": wrong}
        penalty = slope_penalty(lambda x: self.look(x, condition, depth, alpha), real, drawn)
        yield Update("critic", loss + penalty, log | {"penalty": penalty})

        loss = -self.look(drawn, condition.detach(), depth, alpha).float().mean()
        kl = kl_to_standard_normal(mean, logvar)
        yield Update("generator", loss + self.asks("kl") * self.config.kl * kl, {"kl": kl})

    def look(self, images: Tensor, condition: Tensor, depth: int, alpha: float) -> Tensor:
        """Score pictures with sentence vectors: (B,)."""
        return self.critic.match(self.critic.sum_up(self.critic.features(images, depth, alpha)), condition)

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: Any, rng: RowNoise) -> Iterator[Draft]:
        """Draw each resolution in turn."""
        epsilon, noise = rng.normal(self.config.code + self.config.noise).split(
            [self.config.code, self.config.noise], 1
        )
        noise = torch.cat([knobs.reading * epsilon, knobs.spread * noise], dim=1)
        sentence = blend(lambda ends: self.text.sentence(texts_of(ends)), requests)
        yield from self.drafts(self.latent(noise, sentence))

    def latent(self, noise: Tensor, sentence: Tensor) -> Tensor:
        """Return what the generator draws from, of strays and noise (B, c + Z) and sentence vectors (B, E)."""
        epsilon, noise = noise.split([self.config.code, self.config.noise], dim=1)
        return torch.cat([reparameterise(self.augment(sentence), epsilon), noise], dim=1)

    def exports(self) -> Mapping[str, ExportPart]:
        """Return the reader, and what makes strays and noise (B, c + Z) and sentence vectors (B, E) pictures."""
        c, grown = self.config, (int(self.depth), float(self.alpha))

        def paint(noise: Tensor, sentence: Tensor) -> Iterator[Draft]:
            return self.paint(*grown, self.latent(noise, sentence))

        noise, uses = {"reading": c.code, "spread": c.noise}, [self.augment, self.generator]
        return {
            "reader": export_encoder(self.text.numbered, [self.text], self.text.rule),
            "painter": export_generator(paint, uses, noise, example_condition(c.hidden)),
        }

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words it does not know, each with the nearest it does."""
        return unknown_words(self.schema.lexicon, requests)
