"""StoryGAN: a picture for every sentence of a story, each knowing what the others show.

Li, Gan, Shen, Liu, Cheng, Wu, Carin, Carlson, Gao: StoryGAN: A Sequential Conditional GAN for Story Visualization,
CVPR 2019.

Reading order: Config, StoryEncoder, the context encoder from the inside out (Text2Gist, DynamicFilter, ContextEncoder),
StoryGenerator, which is both with an image generator, the paper's theta, the two discriminators, StoryGan (phases,
step, which is algorithm 1, and sample).

Letters: B single frames, N stories, R of either, T frames of a story, S their side, V width of a sentence vector s_t, C
width of the story code h_0 and of all states, Z = 100 numbers of noise, n the width of a player.

What the paper claims, and the baselines that leave it out, by `variant`
    storygan    i_t = GRU([s_t; e_t], i_{t-1});  (o_t, h_t) = Text2Gist(i_t, h_{t-1});  a discriminator of stories
    svfn        no recurrence: i_t is made of s_t and e_t alone, and filtered with h_0
    svc         no filter either: i_t and h_0 side by side
    imagegan    as svc, without the discriminator of stories

Deviations
    A sentence vector marks which words of the lexicon occur in the sentence, in the clevr world the content of the
    attribute vectors of CLEVR-SV, and two layers embed it; for free text, `text="read"` trains a text encoder first.
    The authors' code for CLEVR-SV leaves the story encoder out, so that its KL divergence is a constant; here it is the
    paper's. Their filter multiplies a box blur place by place; here it is a convolution, one filter for each story.
    The image generator is given i_t, the mean of h_0 and o_t side by side, as in the code for Pororo-SV: the paper's
    G(o_t) alone would have to press the sentence through the filter.
    A single frame, too, is drawn after the lines before it have been encoded: it shows what they named.
    Heads return logits; the label head classifies every attribute the data has, not a union over objects, and those of
    things with a place of their own by features of that place (`blocks.vision.placed_heads`).
    A quarter of the stories are cut short before they are encoded, so that the system knows stories of fewer lines. A
    longer one is drawn in chapters of T lines.
    `recipe="modern"` adds what the field has learnt since: spectral norm in place of batch norm in the discriminators
    (Miyato et al. 2018), lazy R1 (Mescheder et al. 2018; Karras et al. 2020), averaged weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.export import Runs, export_encoder
from limner.blocks.layers.conditioning_augmentation import kl_to_standard_normal, reparameterise
from limner.blocks.layers.convolutions import LEAK, StridedEncoder, doublings, spectrally_normed
from limner.blocks.layers.initialisation import dcgan_init
from limner.blocks.layers.upsampling import UpsamplingGenerator
from limner.blocks.losses.adversarial import bce_fake, bce_real
from limner.blocks.losses.joint_embedding import contrastive
from limner.blocks.losses.penalties import gradient_penalty
from limner.blocks.text.encoders import WordEncoder, unknown_words
from limner.blocks.text.lines import LineEncoder, cut_short, repeat_earlier, select_frames
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
ATTRIBUTES = 0.4  # weight of the attribute loss in the generator's, as in the authors' code
LABELS = 15  # of CLEVR-SV, over which its loss is averaged: so each attribute weighs what one of them does there
LAZY, GAMMA = 16, 0.2  # modern: steps between two penalties, weight of R1


@dataclass(frozen=True, kw_only=True)
class Config:
    """What people change."""

    variant: Literal["storygan", "svfn", "svc", "imagegan"] = "storygan"
    """The paper's system, or one of the baselines it is compared with."""
    filter_from: Literal["sentence", "context"] = "sentence"
    """What becomes the filter: in the paper the line, which filters the context; in the authors' code the context."""
    recipe: Literal["paper", "modern"] = "paper"
    """The published losses and nets, or what the field has learnt since around the same claims."""
    text: Literal["words", "read"] = "words"
    """A sentence vector marks which words occur, or (`read`) comes from a text encoder that is trained first."""
    text_width: int = 256
    """Width of a sentence vector of the text encoder."""
    text_images: int = 1_000_000
    """Budget of the text encoder, in pictures; unused where `text` is words."""
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
    """Moves of the generator after each one of the discriminators, as in the authors' code."""
    code: int = 128
    """C, width of the story code and of the states."""
    teller_width: int = 96
    """Channels of the generator's finest map."""
    critic_width: int = 96
    """Channels of a discriminator's first map."""
    rate: float = 2e-4
    """Learning rate of all players."""

    def __post_init__(self) -> None:
        doublings(self.size)


@dataclass(frozen=True)
class StoryKnobs:
    """What can be turned while drawing."""

    spread: float = 1.0
    """Factor on the noise: below 1 drawings of a story are more alike, above 1 more varied."""
    first: int = 1
    """The first frame to draw; those before it are only encoded, and stay blank."""


class StoryEncoder(nn.Module):
    """Whole stories S to h_0 ~ N(mu(S), sigma^2(S)), eq. 1: (R, T, V) to mean and log-variance, (R, C) each."""

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
    """s_t (R, V), e_t (R, Z), the states (i, h) and mu to the codes of frames, (R, 3C), and the new states."""

    def __init__(self, sentence: int, config: Config) -> None:
        super().__init__()
        inputs, code = sentence + Z, config.code
        self.recurrent, self.filters = config.variant == "storygan", config.variant in ("storygan", "svfn")
        self.by_sentence = config.filter_from == "sentence"
        self.sentence = nn.GRUCell(inputs, code) if self.recurrent else nn.Linear(inputs, code)
        if self.recurrent:
            self.gist = Text2Gist(code)
        if self.filters:
            self.filter = DynamicFilter(code)

    def forward(self, sentence: Tensor, noise: Tensor, states: States, mu: Tensor) -> tuple[Tensor, States]:
        previous, h = states
        inputs = torch.cat([sentence, noise], dim=1)  # [s_t; e_t]
        i = self.sentence(inputs, previous) if self.recurrent else self.sentence(inputs).tanh()
        if self.recurrent:
            h = self.gist(i, h)
        o = h
        if self.filters:
            o = self.filter(i, h) if self.by_sentence else self.filter(h, i)
        return torch.cat([i, mu, o], dim=1), (i, h)


class StoryGenerator(nn.Module):
    """Story encoder, context encoder and image generator, the paper's theta; before them an embedding of lines."""

    def __init__(self, words: int, length: int, config: Config) -> None:
        super().__init__()
        self.code, self.repeats = config.code, config.repeats
        widen, narrow = nn.Linear(words, config.code, bias=False), nn.Linear(config.code, LINE, bias=False)
        self.join = nn.Sequential(widen, nn.ReLU(), narrow)  # without biases, so that no line is zero
        self.encode = StoryEncoder(LINE, length, config.code)
        self.context = ContextEncoder(LINE * (length if config.repeats else 1), config)
        self.paint = UpsamplingGenerator(3 * config.code, config.teller_width, config.size)

    def sentences(self, lines: Tensor) -> Tensor:
        """Return the sentence vectors s_t of lines (R, T, V), with or without the lines before them."""
        return repeat_earlier(lines) if self.repeats else lines

    def unroll(self, lines: Tensor, h: Tensor, mu: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """Encode embedded lines (R, T, LINE) one after another to codes of frames, (R, T, 3C).

        `h` are the story codes h_0 and `mu` their means, (R, C) each; `noise` is i_0 (R, C), then e_1 to e_T, (R, Z).
        """
        states, codes = (noise[0], h), []
        for sentence, e in zip(self.sentences(lines).unbind(1), noise[1:], strict=True):
            code, states = self.context(sentence, e, states, mu)
            codes.append(code)
        return torch.stack(codes, dim=1)


class Discriminator(nn.Module):
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

    def features(self, images: Tensor) -> Tensor:
        """Encode pictures, without words: (R, T, 3, S, S) to (R, T 8n, 4, 4)."""
        return self.look(images.flatten(0, 1)).unflatten(0, images.shape[:2]).flatten(1, 2)

    def scores(self, features: Tensor, words: Tensor) -> Tensor:
        """Return the logit of each pair of features (R, T 8n, 4, 4) and words (R, V'): (R,)."""
        return self.head(self.join(features) * self.read(words)[:, :, None, None]).flatten()

    def forward(self, images: Tensor, words: Tensor) -> Tensor:
        return self.scores(self.features(images), words)

    def matching_aware_loss(
        self, features: Tensor, fake: Tensor, words: Tensor, wrong: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Right pairs of real features and words against drawn and mismatched pairs, which weigh one half each.

        Drawn pictures are (R, T, 3, S, S), words (R, V'); `wrong` (R,) is for each row one whose words do not fit it.
        """
        on_right, on_wrong = self.scores(features, words), self.scores(features, words[wrong])
        on_fake = self(fake.detach(), words)
        loss = bce_real(on_right) + 0.5 * (bce_fake(on_fake) + bce_fake(on_wrong))
        return loss, {"right": on_right, "drawn": on_fake, "wrong": on_wrong}


class FrameDiscriminator(Discriminator):
    """The discriminator of single frames, which also classifies attributes: things by their places, the rest whole."""

    def __init__(self, words: int, config: Config, schema: Schema) -> None:
        super().__init__(1, words, config)
        self.attributes, placed = list(schema.attributes), placed_attributes(schema.attributes)
        self.unplaced = [name for name in self.attributes if name not in placed]
        sizes = (len(schema.attributes[name]) for name in self.unplaced)
        self.heads = nn.ModuleList(nn.Conv2d(self.look.widths[-1], size, 4) for size in sizes)
        self.regard = PlacedHeads(self.look.widths[-2], 8, placed) if placed else None

    def attribute_loss(self, images: Tensor, attributes: Tensor) -> tuple[Tensor, Tensor]:
        """Return features of pictures (R, 1, 3, S, S) and the loss of classifying their attributes (R, A) by them."""
        finer, features = self.look.last_two(images.squeeze(1))  # (R, 4n, 8, 8), (R, 8n, 4, 4)
        logits = {name: head(features).flatten(1) for name, head in zip(self.unplaced, self.heads, strict=True)}
        if self.regard is not None:
            logits |= self.regard.attribute_logits(self.regard(finer).relu())
        loss = attribute_loss([logits[name] for name in self.attributes], attributes).sum() / LABELS
        return features, loss


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
    config: Config
    Config = Config
    Knobs = StoryKnobs
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
        c = self.config
        if schema.story < 2:
            raise UserError("StoryGAN learns from stories: the data needs the columns story and frame")
        self.text = WordEncoder(schema.lexicon, c.text_width) if c.text == "read" else None
        self.vision = ImageEncoder(c.size, c.text_width) if c.text == "read" else None
        self.read = LineEncoder(schema.lexicon, schema.story, self.text)
        words = self.read.width
        self.teller = StoryGenerator(words, schema.story, c)
        self.frame_critic = FrameDiscriminator(words * (schema.story if c.repeats else 1) + c.code, c, schema)
        self.story_critic = Discriminator(schema.story, schema.story * words, c) if c.variant != "imagegan" else None
        critics = [net for net in (self.frame_critic, self.story_critic) if net is not None]
        for net in (self.teller.paint, *critics):
            net.apply(dcgan_init)
        for net in critics if c.recipe == "modern" else ():
            for part in (net.look, net.join, net.read, net.head):  # not the attribute heads: they may be confident
                spectrally_normed(part)

    def phases(self) -> list[Phase]:
        """Train the text encoder, where there is one; then the generator against both discriminators at once."""
        c, modern = self.config, self.config.recipe == "modern"
        optimiser, schedule = adam(c.rate, betas=(0.0, 0.99) if modern else (0.5, 0.999)), step_halving(5)
        half_lives = {"teller": min(10_000.0, c.images / 20)} if modern else {}
        nets = {"frame critic": self.frame_critic, "teller": self.teller, "story critic": self.story_critic}
        players = {
            name: Player(modules=[net], optimiser=optimiser, schedule=schedule, ema=half_lives.get(name))
            for name, net in nets.items()
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
        """Algorithm 1: both discriminators from their own streams, then the generator against both."""
        c, single = self.config, len(batch.images)
        lines = self.read(batch.lines)  # (B + N, T, V), the stories of single frames first
        real, strips = batch.images.unsqueeze(1), batch.strips
        sentences = select_frames(self.teller.sentences(lines), batch.frames)  # of the single frames
        story = lines[single:].flatten(1)
        wrong, wrong_story = batch.wrong[:single], batch.wrong[single:]
        lazy = c.recipe == "modern" and clock.every(LAZY)

        frame, strip, mu, kl = self.generate(lines, batch.frames)
        words = torch.cat([sentences, mu[:single].detach()], dim=1)
        features, naming = self.frame_critic.attribute_loss(real, batch.attributes)
        loss, log = self.frame_critic.matching_aware_loss(features, frame, words, wrong)
        if lazy:
            loss = loss + LAZY * GAMMA / 2 * gradient_penalty(self.frame_critic, real, words)
        yield Update("frame critic", loss + naming, log | {"misnamed": naming})

        if self.story_critic is not None:
            features = self.story_critic.features(strips)
            loss, log = self.story_critic.matching_aware_loss(features, strip, story, wrong_story)
            if lazy:
                loss = loss + LAZY * GAMMA / 2 * gradient_penalty(self.story_critic, strips, story)
            yield Update("story critic", loss, log)

        for move in range(c.moves):
            if move:
                frame, strip, mu, kl = self.generate(lines, batch.frames)
            features, naming = self.frame_critic.attribute_loss(frame, batch.attributes)
            loss = bce_real(self.frame_critic.scores(features, words)) + ATTRIBUTES * naming + kl
            if self.story_critic is not None:
                loss = loss + bce_real(self.story_critic(strip, story))
            yield Update("teller", loss, {"divergence": kl, "misnamed": naming})

    def generate(self, lines: Tensor, frames: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Draw stories (B + N, T, V) with fresh noise: of the first B one frame each, `frames` (B,), the others whole.

        Returns:
            (B, 1, 3, S, S), (N, T, 3, S, S), the means of the story codes (B + N, C), and their KL to N(0, 1).
        """
        net, (count, length), single = self.teller, lines.shape[:2], len(frames)
        noise = [lines.new_empty(count, width).normal_() for width in (net.code, net.code, *[Z] * length)]
        lines = net.join(lines)  # (B + N, T, LINE)
        mu, log_var = net.encode(cut_short(lines, CUT))
        codes = net.unroll(lines, reparameterise((mu, log_var), noise[0]), mu, noise[1:])  # (B + N, T, 3C)
        images = net.paint(torch.cat([select_frames(codes, frames), codes[single:].flatten(0, 1)]))
        strips = images[single:].unflatten(0, (-1, length))
        return images[:single, None], strips, mu, kl_to_standard_normal(mu, log_var) / net.code

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: StoryKnobs, rng: RowNoise) -> Iterator[Draft]:
        """Draw frame after frame; every T lines a new chapter begins, with a story code of its own."""
        stories = [request for request in requests if isinstance(request, Story)]
        (count,) = {len(story.lines) for story in stories}  # the caller groups stories by their number of lines
        length, net, strip = self.schema.story, self.teller, []
        for t in range(count):
            if t % length == 0:
                lines = net.join(self.read([story.lines[t : t + length] for story in stories]))
                settings = [story.setting[t : t + length] or story.lines[t : t + length] for story in stories]
                mu, log_var = net.encode(net.join(self.read(settings)))
                h = mu + (log_var / 2).exp() * rng.normal(net.code) * knobs.spread
                states = (rng.normal(net.code) * knobs.spread, h)
                sentences = net.sentences(lines)
            code, states = net.context(sentences[:, t % length], rng.normal(Z) * knobs.spread, states, mu)
            blank = code.new_zeros(len(code), 3, self.config.size, self.config.size)
            strip.append(net.paint(code) if t + 1 >= knobs.first else blank)
            yield Draft(images=torch.stack(strip, dim=1), note=f"frame {t + 1}", progress=(t + 1) / count)

    def exports(self) -> Mapping[str, ExportPart]:
        """Return the encoder of a line, what begins a chapter (story code and first states), and what draws a frame."""
        return export_story_parts(self.read, self.teller, self.schema.story)

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words that no line of the training set had, each with the nearest that one had."""
        return unknown_words(self.schema.lexicon, requests)


def export_story_parts(encoder: LineEncoder, generator: StoryGenerator, length: int) -> dict[str, ExportPart]:
    """Make the parts that draw a story of chapters of `length` lines, one frame at a time."""

    def encode(numbers: Tensor) -> Tensor:
        return generator.join(encoder.numbered(numbers))

    def begin(lines: Tensor, epsilon: Tensor, before: Tensor) -> tuple[Tensor, ...]:
        mu, log_var = generator.encode(lines)
        return mu, before.clone(), mu + (log_var / 2).exp() * epsilon

    def draw(noise: Tensor, lines: Tensor, place: Tensor, mu: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        sentence = generator.sentences(lines).index_select(1, place).squeeze(1)
        code, (i, h) = generator.context(sentence, noise, states, mu)
        return generator.paint(code), i.clone(), h.clone()  # an output that is an input as it came would lose its name

    spread, story = {"spread": generator.code}, torch.zeros(1, length, LINE)
    some = torch.zeros(5, 1, generator.code)  # an exporter takes one tensor given twice to be one input
    first = {"lines": story, "chance": some[0], "before": some[1]}
    frame = {"noise": torch.zeros(1, Z), "lines": story, "place": torch.zeros(1).long()}
    states = {"mu": some[2], "i": some[3], "h": some[4]}
    noise = {"noise": {"spread": Z}}
    return {
        "reader": export_encoder(encode, [generator.join, encoder], encoder.rule),
        "setting": ExportPart(
            Runs(begin, [generator.encode]), first, tuple(states), {"chance": spread, "before": spread}
        ),
        "painter": ExportPart(Runs(draw, [generator]), frame | states, ("image_0", "next_i", "next_h"), noise),
    }
