"""StoryGAN: a picture for every sentence of a story, each knowing what the others show.

Li, Gan, Shen, Liu, Cheng, Wu, Carin, Carlson, Gao: StoryGAN: A Sequential Conditional GAN for Story Visualization,
CVPR 2019.

Reading order: Config, StoryEncoder, the context encoder from the inside out (Text2Gist, DynamicFilter, ContextEncoder),
Teller, which is both with an image generator, the paper's theta, the two critics, StoryGan (its phases, its step,
which is algorithm 1, and drawing).

Letters: B single frames, N stories, R of either, T frames of a story, S their side, V width of a sentence vector s_t, C
width of the story code h_0 and of all states, Z = 100 numbers of noise, n the width of a player.

What the paper claims, and the baselines that leave it out, by `variant`
    storygan    i_t = GRU([s_t; e_t], i_{t-1});  (o_t, h_t) = Text2Gist(i_t, h_{t-1});  a critic of whole stories
    svfn        no recurrence: i_t is made of s_t and e_t alone, and filtered with h_0
    svc         no filter either: i_t and h_0 side by side
    imagegan    as svc, without the critic of whole stories

Deviations
    A sentence vector says which words of the lexicon stand in the sentence, in the clevr world what the attribute
    vectors of CLEVR-SV say, and two layers join them; for free text `text="read"` learns to read first.
    The authors' code for CLEVR-SV leaves the story encoder out, so that its divergence is a constant; here it is the
    paper's. Their filter multiplies a box blur place by place; here it is a convolution, one filter for each story.
    What is painted is i_t, the mean of h_0 and o_t side by side, as in the code for Pororo-SV: the paper's G(o_t) alone
    would have to press the sentence through the filter.
    A single frame, too, is painted after the lines before it have been read: it shows what they named.
    Heads return logits; the label head names every attribute the data has, not a union over objects, and what stands at
    places of its own by looks at these (`blocks.vision.placed_heads`).
    A quarter of the stories are cut short before they are encoded, so that a story of fewer lines is nothing new. A
    longer one is told in chapters.
    `recipe="modern"` changes what the field has learnt since: spectral norm in place of batch norm in the critics
    (Miyato et al. 2018), lazy R1 (Mescheder et al. 2018; Karras et al. 2020), averaged weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.export import telling
from limner.blocks.layers.conditioning_augmentation import kl_to_standard_normal, reparameterise
from limner.blocks.layers.convolutions import LEAK, StridedEncoder, doublings, spectrally_normed
from limner.blocks.layers.initialisation import dcgan_init
from limner.blocks.layers.upsampling import UpsamplingGenerator
from limner.blocks.losses.adversarial import bce_fake, bce_real
from limner.blocks.losses.joint_embedding import contrastive
from limner.blocks.losses.penalties import gradient_penalty
from limner.blocks.text.encoders import WordEncoder, unknown_words
from limner.blocks.text.lines import LineReader, at, shortened, so_far
from limner.blocks.vision.encoders import ImageEncoder
from limner.blocks.vision.placed_heads import PlacedHeads, attribute_loss, placed_attributes
from limner.data.schema import Schema
from limner.data.views import Stories, streams
from limner.errors import UserError
from limner.noise import RowNoise
from limner.optimisers import adam, step_halving
from limner.requests import Request, Story
from limner.system import Clock, Draft, ExportPart, Paper, Phase, Player, System, Update, no_grad

States = tuple[Tensor, Tensor]
Z, LINE = 100, 64
TAPS, CHANNELS = 21, 3  # of the dynamic filter
CUT = 0.25  # share of stories that are encoded without their last lines
NAMING = 0.4  # weight of naming attributes in the teller's loss, as in the authors' code
LABELS = 15  # of CLEVR-SV, over which its mean goes: so each attribute counts what one of them does there
LAZY, GAMMA = 16, 0.2  # modern: steps between two penalties, weight of R1


@dataclass(frozen=True, kw_only=True)
class Config:
    """What people change."""

    variant: Literal["storygan", "svfn", "svc", "imagegan"] = "storygan"
    """The paper's system, or one of the baselines it is compared with."""
    filter_from: Literal["sentence", "context"] = "sentence"
    """What becomes the filter and what it is laid over: the paper filters the context, the authors' code the line."""
    recipe: Literal["paper", "modern"] = "paper"
    """The published losses and nets, or what the field has learnt since around the same claims."""
    text: Literal["words", "read"] = "words"
    """A sentence vector says which words stand in it, or is read by an encoder that learns to read first."""
    text_width: int = 256
    """Width of a sentence vector that is read."""
    text_images: int = 1_000_000
    """Budget of learning to read, in pictures; nothing where `text` is words."""
    size: int = 64
    """Side of the drawn pictures in pixels: 16, 32, 64, ..."""
    images: int = 120 * 40_000
    """Budget in pictures, single ones and those in stories; the authors' code takes 120 rounds."""
    frames: int = 24
    """B, single frames in a step."""
    stories: int = 24
    """N, whole stories in a step."""
    repeats: bool = True
    """Sentence vectors repeat those before them, as the published ones of CLEVR-SV do; else each is its line alone."""
    moves: int = 2
    """Moves of the teller after each one of the critics, as in the authors' code."""
    code: int = 128
    """C, width of the story code and of the states."""
    teller_width: int = 96
    """Channels of the finest map."""
    critic_width: int = 96
    """Channels of a critic's first map."""
    rate: float = 2e-4
    """Learning rate of all players."""

    def __post_init__(self) -> None:
        doublings(self.size)


@dataclass(frozen=True)
class Knobs:
    """What can be turned while drawing."""

    spread: float = 1.0
    """Factor on the noise: below 1 stories are told more alike, above 1 more wildly."""
    first: int = 1
    """The first frame to paint; those before it are only read, and stay blank."""


class StoryEncoder(nn.Module):
    """All sentences at once to h_0 ~ N(mu(S), sigma^2(S)): (R, T, V) to mean and log variance, (R, C) each. Eq. 1."""

    def __init__(self, sentence: int, length: int, code: int) -> None:
        super().__init__()
        self.read = nn.Linear(length * sentence, 2 * code)

    def forward(self, story: Tensor) -> tuple[Tensor, Tensor]:
        mu, log_var = self.read(story.flatten(1)).chunk(2, dim=1)
        return mu, log_var.clamp(-10, 10)


class Text2Gist(nn.Module):
    """h_t from i_t and h_{t-1}, (R, C) each. Eqs. 3 to 5, a GRU whose reset gate works before U_h."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.update, self.reset, self.gist = (nn.Linear(2 * code, code) for _ in range(3))

    def forward(self, i: Tensor, h: Tensor) -> Tensor:
        both = torch.cat([i, h], dim=1)
        z, r = self.update(both).sigmoid(), self.reset(both).sigmoid()
        return (1 - z) * h + z * self.gist(torch.cat([i, r * h], dim=1)).tanh()


class DynamicFilter(nn.Module):
    """o_t = Filter(a) * b, a convolution whose kernel is made of `a`: (R, C) and (R, C) to (R, C). Eq. 6."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.kernel = nn.Sequential(nn.Linear(code, CHANNELS * TAPS), nn.BatchNorm1d(CHANNELS * TAPS))
        self.signal = nn.Sequential(nn.Linear(code, CHANNELS * code), nn.BatchNorm1d(CHANNELS * code), nn.Tanh())

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        kernel = self.kernel(a).unflatten(1, (CHANNELS, TAPS))  # (R, 3, 21)
        signal = F.pad(self.signal(b).unflatten(1, (CHANNELS, -1)), (TAPS // 2, TAPS // 2))  # (R, 3, C + 20)
        return torch.einsum("rkcw,rkw->rc", signal.unfold(2, TAPS, 1), kernel)


class ContextEncoder(nn.Module):
    """A sentence in its context: s_t (R, V), e_t (R, Z) and the states (i, h) to what is painted of it, (R, 3C)."""

    def __init__(self, sentence: int, config: Config) -> None:
        super().__init__()
        given, code = sentence + Z, config.code
        self.recurrent, self.filters = config.variant == "storygan", config.variant in ("storygan", "svfn")
        self.by_sentence = config.filter_from == "sentence"
        self.sentence = nn.GRUCell(given, code) if self.recurrent else nn.Linear(given, code)
        if self.recurrent:
            self.gist = Text2Gist(code)
        if self.filters:
            self.filter = DynamicFilter(code)

    def forward(self, sentence: Tensor, noise: Tensor, states: States, mu: Tensor) -> tuple[Tensor, States]:
        before, h = states
        given = torch.cat([sentence, noise], dim=1)
        i = self.sentence(given, before) if self.recurrent else self.sentence(given).tanh()
        if self.recurrent:
            h = self.gist(i, h)
        o = h
        if self.filters:
            o = self.filter(i, h) if self.by_sentence else self.filter(h, i)
        return torch.cat([i, mu, o], dim=1), (i, h)


class Teller(nn.Module):
    """Story encoder, context encoder and image generator: theta; and two layers that see which words stand together."""

    def __init__(self, words: int, length: int, config: Config) -> None:
        super().__init__()
        self.code, self.sentences = config.code, so_far if config.repeats else nn.Identity()
        widen, narrow = nn.Linear(words, config.code, bias=False), nn.Linear(config.code, LINE, bias=False)
        self.join = nn.Sequential(widen, nn.ReLU(), narrow)  # no line, no trace
        self.encode = StoryEncoder(LINE, length, config.code)
        self.context = ContextEncoder(LINE * (length if config.repeats else 1), config)
        self.paint = UpsamplingGenerator(3 * config.code, config.teller_width, config.size)

    def follow(self, told: Tensor, h: Tensor, mu: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """Read lines (R, T, LINE) one by one, from noise (R, C) and T of (R, Z): what is painted, (R, T, 3C)."""
        states, seen = (noise[0], h), []
        for sentence, e in zip(self.sentences(told).unbind(1), noise[1:], strict=True):
            o, states = self.context(sentence, e, states, mu)
            seen.append(o)
        return torch.stack(seen, dim=1)


class Critic(nn.Module):
    """D(X, S) of one frame, or of T: (R, T, 3, S, S) and (R, V') to logits (R,); features of both are multiplied."""

    def __init__(self, frames: int, words: int, config: Config) -> None:
        super().__init__()
        norm, leaky = config.recipe == "paper", nn.LeakyReLU(LEAK)
        self.look = StridedEncoder(config.critic_width, config.size, norm)
        last = self.look.widths[-1]
        join = nn.Conv2d(frames * last, last, 3, padding=1, bias=not norm)
        self.join = nn.Sequential(join, *[nn.BatchNorm2d(last)] * norm, leaky)
        deeper = [nn.Linear(last, last), *[nn.BatchNorm1d(last)] * norm]
        self.read = nn.Sequential(nn.Linear(words, last), leaky, *deeper, leaky)
        self.head = nn.Conv2d(last, 1, 4)

    def see(self, pictures: Tensor) -> Tensor:
        """See pictures without words: (R, T, 3, S, S) to (R, T 8n, 4, 4)."""
        return self.look(pictures.flatten(0, 1)).unflatten(0, pictures.shape[:2]).flatten(1, 2)

    def judge(self, seen: Tensor, words: Tensor) -> Tensor:
        """Return a logit for each pair of what was seen and words: (R,)."""
        return self.head(self.join(seen) * self.read(words)[:, :, None, None]).flatten()

    def forward(self, pictures: Tensor, words: Tensor) -> Tensor:
        return self.judge(self.see(pictures), words)

    def contest(self, seen: Tensor, drawn: Tensor, words: Tensor, wrong: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Matching-aware loss: right pairs of what was seen of real pictures against drawn, mismatched, half each."""
        right, mismatch, fake = self.judge(seen, words), self.judge(seen, words[wrong]), self(drawn.detach(), words)
        loss = bce_real(right) + 0.5 * (bce_fake(fake) + bce_fake(mismatch))
        return loss, {"right": right, "drawn": fake, "wrong": mismatch}


class FrameCritic(Critic):
    """The critic of single frames also names what it sees: things by looks at their places, the rest from the whole."""

    def __init__(self, words: int, config: Config, schema: Schema) -> None:
        super().__init__(1, words, config)
        self.attributes, things = list(schema.attributes), placed_attributes(schema.attributes)
        self.plain = [name for name in self.attributes if name not in things]
        sizes = (len(schema.attributes[name]) for name in self.plain)
        self.heads = nn.ModuleList(nn.Conv2d(self.look.widths[-1], many, 4) for many in sizes)
        self.regard = PlacedHeads(self.look.widths[-2], 8, things) if things else None

    def attribute_loss(self, pictures: Tensor, attributes: Tensor) -> tuple[Tensor, Tensor]:
        """See pictures (R, 1, 3, S, S), and return also the loss of naming their attributes (R, A)."""
        finer, seen = self.look.last_two(pictures.squeeze(1))  # (R, 4n, 8, 8), (R, 8n, 4, 4)
        named = {name: head(seen).flatten(1) for name, head in zip(self.plain, self.heads, strict=True)}
        if self.regard is not None:
            named |= self.regard.named(self.regard(finer).relu())
        loss = attribute_loss([named[name] for name in self.attributes], attributes).sum() / LABELS
        return seen, loss


class StoryGan(System):
    """Li et al. 2019 and its three baselines."""

    paper = Paper(
        title="StoryGAN: A Sequential Conditional GAN for Story Visualization",
        authors="Yitong Li, Zhe Gan, Yelong Shen, Jingjing Liu, Yu Cheng, Yuexin Wu, Lawrence Carin, David Carlson, "
        "Jianfeng Gao",
        year=2019,
        venue="CVPR",
        arxiv="1812.02784",
    )
    takes = Story
    Config = Config
    Knobs = Knobs
    default_preset = "clevr-small"
    presets: ClassVar[Mapping[str, Any]] = {
        "tiny": Config(
            size=16, images=6_000, frames=8, stories=2, code=16, teller_width=8, critic_width=8, rate=2e-3,
            recipe="modern",
        ),
        "clevr": Config(),
        "clevr-small": Config(
            images=120_000, frames=8, stories=4, teller_width=16, critic_width=32, rate=5e-4, recipe="modern",
        ),
        "pororo": Config(text="read", text_width=356, frames=20, stories=12, code=124, teller_width=128),
    }  # fmt: skip

    def __init__(self, config: Any, schema: Schema) -> None:
        super().__init__(config, schema)
        c = config
        if schema.story < 2:
            raise UserError("StoryGAN learns from stories: the data needs the columns story and frame")
        self.text = WordEncoder(schema.lexicon, c.text_width) if c.text == "read" else None
        self.vision = ImageEncoder(c.size, c.text_width) if c.text == "read" else None
        self.read = LineReader(schema.lexicon, schema.story, self.text)
        words = self.read.width
        self.teller = Teller(words, schema.story, c)
        self.frame_critic = FrameCritic(words * (schema.story if c.repeats else 1) + c.code, c, schema)
        self.story_critic = Critic(schema.story, schema.story * words, c) if c.variant != "imagegan" else None
        critics = [net for net in (self.frame_critic, self.story_critic) if net is not None]
        for net in (self.teller.paint, *critics):
            net.apply(dcgan_init)
        for net in critics if c.recipe == "modern" else ():
            for part in (net.look, net.join, net.read, net.head):  # what names is to be sure
                spectrally_normed(part)

    def phases(self) -> list[Phase]:
        """Learn to read, where words alone will not do; then the two games at once."""
        c, modern = self.config, self.config.recipe == "modern"
        optimiser, schedule = adam(c.rate, betas=(0.0, 0.99) if modern else (0.5, 0.999)), step_halving(5)
        half_lives = {"teller": min(10_000.0, c.images / 20)} if modern else {}
        sides = {"frame critic": self.frame_critic, "teller": self.teller, "story critic": self.story_critic}
        players = {
            who: Player(modules=[net], optimiser=optimiser, schedule=schedule, ema=half_lives.get(who))
            for who, net in sides.items()
            if net is not None
        }
        pictures = c.stories * self.schema.story
        story = Phase(
            name="stories", view=streams(c.frames, pictures), images=c.images, batch=c.frames + pictures,
            players=players, step=self.step,
        )  # fmt: skip
        if self.text is None or self.vision is None:
            return [story]
        return [contrastive(self.text, self.vision, images=c.text_images), story]

    def step(self, batch: Stories, clock: Clock) -> Iterator[Update]:
        """Algorithm 1: both critics from their own streams, then the teller against both."""
        c, single = self.config, len(batch.images)
        told = self.read(batch.lines)  # (B + N, T, V), the stories of single frames first
        real, strips = batch.images.unsqueeze(1), batch.strips
        lines = at(self.teller.sentences(told), batch.frames)  # what each critic reads
        story = told[single:].flatten(1)
        wrong, other = batch.wrong[:single], batch.wrong[single:]
        lazy = c.recipe == "modern" and clock.every(LAZY)

        frame, strip, mu, kl = self.tell(told, batch.frames)
        words = torch.cat([lines, mu[:single].detach()], dim=1)
        seen, naming = self.frame_critic.attribute_loss(real, batch.attributes)
        loss, log = self.frame_critic.contest(seen, frame, words, wrong)
        if lazy:
            loss = loss + LAZY * GAMMA / 2 * gradient_penalty(self.frame_critic, real, words)
        yield Update("frame critic", loss + naming, log | {"misnamed": naming})

        if self.story_critic is not None:
            loss, log = self.story_critic.contest(self.story_critic.see(strips), strip, story, other)
            if lazy:
                loss = loss + LAZY * GAMMA / 2 * gradient_penalty(self.story_critic, strips, story)
            yield Update("story critic", loss, log)

        for move in range(c.moves):
            if move:
                frame, strip, mu, kl = self.tell(told, batch.frames)
            seen, naming = self.frame_critic.attribute_loss(frame, batch.attributes)
            loss = bce_real(self.frame_critic.judge(seen, words)) + NAMING * naming + kl
            if self.story_critic is not None:
                loss = loss + bce_real(self.story_critic(strip, story))
            yield Update("teller", loss, {"divergence": kl, "misnamed": naming})

    def tell(self, told: Tensor, frames: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Tell stories (B + N, T, V) with fresh noise: of the first B the frames of these numbers, the others whole.

        Returns:
            (B, 1, 3, S, S), (N, T, 3, S, S), the means of the story codes (B + N, C), and their divergence.
        """
        teller, (count, length), single = self.teller, told.shape[:2], len(frames)
        noise = [told.new_empty(count, width).normal_() for width in (teller.code, teller.code, *[Z] * length)]
        told = teller.join(told)  # (B + N, T, LINE)
        mu, log_var = teller.encode(shortened(told, CUT))
        seen = teller.follow(told, reparameterise((mu, log_var), noise[0]), mu, noise[1:])  # (B + N, T, 3C)
        painted = teller.paint(torch.cat([at(seen, frames), seen[single:].flatten(0, 1)]))
        strips = painted[single:].unflatten(0, (-1, length))
        return painted[:single, None], strips, mu, kl_to_standard_normal(mu, log_var) / teller.code

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: Any, rng: RowNoise) -> Iterator[Draft]:
        """Paint frame after frame; every T lines a new chapter begins, with a story code of its own."""
        stories = [request for request in requests if isinstance(request, Story)]
        (count,) = {len(story.lines) for story in stories}  # all of as many lines
        length, teller, strip = self.schema.story, self.teller, []
        for t in range(count):
            if t % length == 0:
                lines = teller.sentences(teller.join(self.read([story.lines[t : t + length] for story in stories])))
                told = [story.setting[t : t + length] or story.lines[t : t + length] for story in stories]
                mu, log_var = teller.encode(teller.join(self.read(told)))
                h = mu + (log_var / 2).exp() * rng.normal(teller.code) * knobs.spread
                states = (rng.normal(teller.code) * knobs.spread, h)
            o, states = teller.context(lines[:, t % length], rng.normal(Z) * knobs.spread, states, mu)
            blank = o.new_zeros(len(o), 3, self.config.size, self.config.size)
            strip.append(teller.paint(o) if t + 1 >= knobs.first else blank)
            yield Draft(images=torch.stack(strip, dim=1), note=f"frame {t + 1}", progress=(t + 1) / count)

    def exports(self) -> Mapping[str, ExportPart]:
        """Return what reads a line, what begins a chapter, and what paints one of its lines."""
        return telling(self.read, self.teller, torch.zeros(1, self.schema.story, LINE), self.config.code, Z)

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words that no line of the training set had, each with the nearest that one had."""
        return unknown_words(self.schema.lexicon, requests)
