"""StoryGAN: a picture for every sentence of a story, each knowing what the others show.

Li, Gan, Shen, Liu, Cheng, Wu, Carin, Carlson, Gao: StoryGAN: A Sequential Conditional GAN for Story Visualization,
CVPR 2019.

Reading order: `config`; `generator`: StoryEncoder, the context encoder from the inside out (Text2Gist, DynamicFilter,
ContextEncoder), StoryGenerator, which is both with an image generator, the paper's theta; the two `discriminators`;
StoryGan here (phases, step, which is algorithm 1, and sample). Then the modern recipe: `critics`, `modern_step`.

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
    With `text="embedding"` it is what came with the data: of CLEVR-SV 75 numbers that hold those of all lines so far.
    The authors' code for CLEVR-SV leaves the story encoder out, so that its KL divergence is a constant; here it is the
    paper's. Their filter multiplies a box blur place by place; here it is a convolution, one filter for each story.
    The paper (recalled) convolves h_t itself with kernels as long as h_t, C_out x 1 x 1 x len(h_t), so that with the
    same padding each number of o_t sees the whole of it. Here, as in the code for Pororo-SV, a kernel has 21 taps over
    three projections of the signal, batch-normed, and gives one channel: o_t is as wide as h_t.
    In a second move of the generator stories are told anew, and frames are judged by the mean that belongs to them.
    The image generator is given i_t, the mean of h_0 and o_t side by side, as in the code for Pororo-SV: the paper's
    G(o_t) alone would have to press the sentence through the filter.
    A single frame, too, is drawn after the lines before it have been encoded: it shows what they named.
    The words of a discriminator go through two linear layers; the authors' code convolves the tiled vector.
    Heads return logits; the label head classifies every attribute the data has, not a union over objects, and those of
    things with a place of their own by features of that place (`blocks.vision.placed_heads`).
    A quarter of the stories are cut short before they are encoded, so that the system knows stories of fewer lines. A
    longer one is drawn in chapters of T lines, and the scene is empty where one begins.

`recipe="modern"` adds what the field has learnt since, and what `without` takes out again, ingredient by ingredient
    naming: only attributes of what is there are classified, summed over a thing, averaged over things, with weight 1.
        The weight rises from 0 at .15 of the budget to 1 at .35: heads that know nothing yet have nothing to say.
    pixels: the L1 of pictures averaged to 16x16 says from the first step where which colour belongs, with weight 50
        falling to 20; the discriminators have their say from three tenths of the budget on, fully from six. Played
        from the first step the game keeps lines from finding their places.
    edits: half of the mismatches differ from the truth in one word of one line, such as the colour of one thing.
    places: in the discriminators each line attends to places of an 8x8 map; its logit is that of what stands there.
    schedule: the rate falls linearly after half of the budget, in place of five halvings, after which little is left.
Always with it: spectral norm in place of batch norm in the discriminators (Miyato et al. 2018), lazy R1 (Mescheder et
al. 2018; Karras et al. 2020), averaged weights; the discriminator of frames is not given h_0, by which it would find
edited lines without a look at the picture. With `attention`, beside either recipe, places of the generator's maps
attend to the lines so far, as AttnGAN's do to words (Xu et al. 2018). Such a system keeps the scene of a story of more
than T lines: sentence vectors then hold its last T lines, places attend to all of them, and h_0 stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from limner.blocks.layers.conditioning_augmentation import kl_to_standard_normal, reparameterise
from limner.blocks.layers.initialisation import dcgan_init
from limner.blocks.losses.adversarial import bce_real
from limner.blocks.losses.coarse_pixels import coarse_l1, falling, rising
from limner.blocks.losses.joint_embedding import contrastive
from limner.blocks.losses.penalties import gradient_penalty
from limner.blocks.pretrained_text import embedding_width
from limner.blocks.text.encoders import WordEncoder, unknown_words
from limner.blocks.text.lines import LineEncoder, cut_short, select_frames
from limner.blocks.text.value_edits import ValueEdits
from limner.blocks.vision.encoders import ImageEncoder
from limner.blocks.vision.placed_heads import attribute_loss, present_attribute_loss
from limner.data.embedded_views import EmbeddedStories, embedded_streams
from limner.data.schema import Schema
from limner.data.views import Stories, streams
from limner.errors import UserError
from limner.noise import RowNoise
from limner.optimisers import adam, linear_decay_after_half, step_halving
from limner.requests import EmbeddedStory, Request, Story
from limner.requests.embedded import check_vectors
from limner.system import Clock, Draft, ExportPart, Paper, Phase, Player, System, Update, no_grad
from limner.systems.storygan.config import Config, StoryKnobs
from limner.systems.storygan.critics import Critic, GlobalCritic, LineCritic, Maps, matching_aware_loss
from limner.systems.storygan.discriminators import LABELS, Discriminator, FrameDiscriminator
from limner.systems.storygan.generator import CHANNELS, TAPS, DynamicFilter, StoryGenerator, Text2Gist, Z
from limner.systems.storygan.parts import export_story_parts

__all__ = ["CHANNELS", "TAPS", "Config", "DynamicFilter", "StoryGan", "StoryKnobs", "Text2Gist"]

CUT = 0.25  # share of stories that are encoded without their last lines
ATTRIBUTES = 0.4  # weight of the attribute loss in the generator's, as in the authors' code
LAZY, GAMMA = 16, 0.2  # modern: steps between two penalties, weight of R1
EDITED = 0.5  # modern: share of mismatches that differ in one word
PIXELS = (50.0, 20.0)  # modern: weight of coarse pixels, at first and from half of the budget on
NAMED, PLAYED = (0.15, 0.35), (0.3, 0.6)  # modern: shares of the budget in which naming, and the game, rise to 1
SELDOM = 4  # modern: the discriminator of stories moves so seldom while it has no say


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
            recipe="modern", attention=True,
        ),
        "clevr": Config(),
        "clevr-sv": Config(text="embedding", repeats=False),
        "clevr-small": Config(
            images=120_000, frames=8, stories=4, moves=1, teller_width=32, critic_width=32, rate=5e-4,
            recipe="modern", attention=True,
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
        given = embedding_width(schema) if c.text == "embedding" else 0
        self.read = LineEncoder(schema.lexicon, schema.story, self.text, given)
        words, length = self.read.width, schema.story
        self.teller = StoryGenerator(words, length, c)
        self.frame_critic: FrameDiscriminator | LineCritic | GlobalCritic
        self.story_critic: Discriminator | LineCritic | GlobalCritic | None
        if c.recipe == "paper":
            self.frame_critic = FrameDiscriminator(words * (length if c.repeats else 1) + c.code, c, schema)
            self.story_critic = Discriminator(length, length * words, c) if c.variant != "imagegan" else None
        elif c.has("places"):
            self.frame_critic = LineCritic(1, words, c, schema)
            self.story_critic = LineCritic(length, words, c) if c.variant != "imagegan" else None
        else:
            self.frame_critic = GlobalCritic(1, words, length, c, schema)
            self.story_critic = GlobalCritic(length, words, length, c) if c.variant != "imagegan" else None
        for net in (self.teller.paint, self.frame_critic, self.story_critic):
            if net is not None and (net is self.teller.paint or c.recipe == "paper"):
                net.apply(dcgan_init)
        self.edits = ValueEdits(schema)

    def phases(self) -> list[Phase]:
        """Train the text encoder, where there is one; then the generator against both discriminators at once."""
        c, modern = self.config, self.config.recipe == "modern"
        optimiser = adam(c.rate, betas=(0.5, 0.99) if modern else (0.5, 0.999))
        schedule = linear_decay_after_half if c.has("schedule") else step_halving(5)
        half_lives = {"teller": min(10_000.0, c.images / 20)} if modern else {}
        nets = {"frame critic": self.frame_critic, "teller": self.teller, "story critic": self.story_critic}
        players = {
            name: Player(modules=[net], optimiser=optimiser, schedule=schedule, ema=half_lives.get(name))
            for name, net in nets.items()
            if net is not None
        }
        pictures = c.stories * self.schema.story
        story = Phase(
            name="stories", view=self.view(c.frames, pictures), images=c.images, batch=c.frames + pictures,
            players=players, step=self.step,
        )  # fmt: skip
        if self.text is None or self.vision is None:
            return [story]
        return [contrastive(self.text, self.vision, images=c.text_images), story]

    def view(self, frames: int, pictures: int) -> type[Stories]:
        """Return the view of both streams, with the vectors of lines where these come with the data."""
        return (embedded_streams if self.config.text == "embedding" else streams)(frames, pictures)

    def lines(self, batch: Stories) -> Tensor:
        """Return the vectors of the lines of a batch: (B + N, T, V), the stories of single frames first."""
        return batch.vectors if isinstance(batch, EmbeddedStories) else self.read(batch.lines)

    def step(self, batch: Stories, clock: Clock) -> Iterator[Update]:
        """One step of the recipe."""
        return self.modern_step(batch, clock) if self.config.recipe == "modern" else self.paper_step(batch)

    def paper_step(self, batch: Stories) -> Iterator[Update]:
        """Algorithm 1: both discriminators from their own streams, then the generator against both."""
        c, single = self.config, len(batch.images)
        assert isinstance(self.frame_critic, FrameDiscriminator)
        assert self.story_critic is None or isinstance(self.story_critic, Discriminator)
        lines = self.lines(batch)  # (B + N, T, V)
        real, strips = batch.images.unsqueeze(1), batch.strips
        sentences = select_frames(self.teller.sentences(lines), batch.frames)  # of the single frames
        story = lines[single:].flatten(1)
        wrong, wrong_story = batch.wrong[:single], batch.wrong[single:]

        frame, strip, mu, kl = self.generate(lines, batch.frames)
        words = torch.cat([sentences, mu[:single].detach()], dim=1)
        features, naming = self.frame_critic.attribute_loss(real, batch.attributes)
        loss, log = self.frame_critic.matching_aware_loss(features, frame, words, wrong)
        yield Update("frame critic", loss + naming, log | {"misnamed": naming})

        if self.story_critic is not None:
            features = self.story_critic.features(strips)
            loss, log = self.story_critic.matching_aware_loss(features, strip, story, wrong_story)
            yield Update("story critic", loss, log)

        for move in range(c.moves):
            if move:
                frame, strip, mu, kl = self.generate(lines, batch.frames)
                words = torch.cat([sentences, mu[:single].detach()], dim=1)
            features, naming = self.frame_critic.attribute_loss(frame, batch.attributes)
            loss = bce_real(self.frame_critic.scores(features, words)) + ATTRIBUTES * naming + kl
            if self.story_critic is not None:
                loss = loss + bce_real(self.story_critic(strip, story))
            yield Update("teller", loss, {"divergence": kl, "misnamed": naming})

    def modern_step(self, batch: Stories, clock: Clock) -> Iterator[Update]:
        """The modern recipe: the same game, of lines that look at places; naming, edits and coarse pixels with it."""
        c, single = self.config, len(batch.images)
        assert not isinstance(self.frame_critic, FrameDiscriminator)
        lines = self.lines(batch)  # (B + N, T, V)
        wrong = self.read(self.mismatches(batch)) if c.text != "embedding" else lines[self.others(batch)]
        real, strips = batch.images.unsqueeze(1), batch.strips
        played = rising(clock.progress, *PLAYED) if c.has("pixels") else 1.0
        shown = self.teller.scenes(lines)  # (T, T)
        mask, whole = shown[batch.frames], lines.new_ones(len(strips), lines.shape[1])  # (B, T), (N, T)

        frame, strip, _, kl = self.generate(lines, batch.frames)
        maps = self.frame_critic.maps(real)
        naming = self.naming_loss(maps, batch.attributes)
        loss, log = matching_aware_loss(self.frame_critic, maps, frame, lines[:single], wrong[:single], mask)
        if clock.every(LAZY):
            loss = loss + self.penalty(self.frame_critic, real, lines[:single], mask)
        yield Update("frame critic", loss + naming, log | {"misnamed": naming})

        if self.story_critic is not None and (played or clock.every(SELDOM)):
            assert isinstance(self.story_critic, LineCritic | GlobalCritic)
            maps = self.story_critic.maps(strips)
            loss, log = matching_aware_loss(self.story_critic, maps, strip, lines[single:], wrong[single:], whole)
            if clock.every(LAZY):
                loss = loss + self.penalty(self.story_critic, strips, lines[single:], whole)
            yield Update("story critic", loss, log)

        for move in range(c.moves):
            if move:
                frame, strip, _, kl = self.generate(lines, batch.frames)
            maps = self.frame_critic.maps(frame)
            naming = self.naming_loss(maps, batch.attributes)
            weight = 1.0 if c.has("naming") else ATTRIBUTES
            loss = rising(clock.progress, *NAMED) * weight * naming + kl
            if played:
                loss = loss + played * bce_real(self.frame_critic.scores(maps, lines[:single], mask))
            if played and isinstance(self.story_critic, LineCritic | GlobalCritic):
                scores = self.story_critic.scores(self.story_critic.maps(strip), lines[single:], whole)
                loss = loss + played * bce_real(scores)
            pixels = coarse_l1(torch.cat([frame[:, 0], strip.flatten(0, 1)]), torch.cat([batch.images, *strips]))
            if c.has("pixels"):
                loss = loss + falling(clock.progress, *PIXELS) * pixels
            yield Update("teller", loss, {"divergence": kl, "misnamed": naming, "pixels": pixels})

    def mismatches(self, batch: Stories) -> list[tuple[str, ...]]:
        """Return for B + N stories T lines that do not fit: another's, or its own with one word of one line changed.

        Of a single frame a line is changed that it shows.
        """
        single, count = len(batch.frames), len(batch.lines)
        chosen = [batch.lines[int(other)] for other in self.others(batch)]
        for row in torch.rand(count).lt(EDITED).nonzero().flatten().tolist() if self.config.has("edits") else ():
            lines = batch.lines[row]
            last = int(batch.frames[row]) + 1 if row < single else len(lines)
            first = 0 if self.config.repeats or row >= single else last - 1
            edited = self.edits.edit_one(lines[first:last])
            if edited is not None:
                chosen[row] = (*lines[:first], *edited, *lines[last:])
        return chosen

    @staticmethod
    def others(batch: Stories) -> Tensor:
        """Return for B + N stories the place among them of one whose lines do not fit: (B + N,)."""
        wrong, single = batch.wrong.clone(), len(batch.frames)
        wrong[single:] += single
        return wrong

    def naming_loss(self, maps: Maps, attributes: Tensor) -> Tensor:
        """Return the loss of classifying the attributes (B, A) of single frames by their maps."""
        assert isinstance(self.frame_critic, LineCritic | GlobalCritic)
        logits = self.frame_critic.attribute_logits(maps.finer.squeeze(1), maps.last.squeeze(1))
        if self.config.has("naming"):
            return present_attribute_loss(logits, attributes, self.schema.attributes)
        return attribute_loss(logits, attributes).sum() / LABELS

    def penalty(self, critic: Critic, images: Tensor, lines: Tensor, mask: Tensor) -> Tensor:
        """Return the lazy R1 penalty of a discriminator at real pictures (R, T, 3, S, S) with their lines."""
        r1 = gradient_penalty(lambda x, text: critic.scores(critic.maps(x), text, mask), images, lines)
        return LAZY * GAMMA / 2 * r1

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
        shown = net.scenes(lines)  # (T, T)
        images = net.frames(
            torch.cat([select_frames(codes, frames), codes[single:].flatten(0, 1)]),
            torch.cat([lines[:single], lines[single:].repeat_interleave(length, dim=0)]),
            torch.cat([shown[frames], shown.repeat(count - single, 1)]),
        )
        strips = images[single:].unflatten(0, (-1, length))
        return images[:single, None], strips, mu, kl_to_standard_normal(mu, log_var) / net.code

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: StoryKnobs, rng: RowNoise) -> Iterator[Draft]:
        """Draw frame after frame; without `attention` every T lines begin a chapter with a story code of its own."""
        stories = [request for request in requests if isinstance(request, Story)]
        (count,) = {len(story.lines) for story in stories}  # the caller groups stories by their number of lines
        length, net, strip = self.schema.story, self.teller, []
        starts = range(0, count, length)
        lines = torch.cat([net.join(self.part(stories, t)) for t in starts], dim=1)
        for t in range(count):
            first = net.window(t, length)
            if t == 0 or (t == first and not net.attends):
                mu, log_var = net.encode(net.join(self.part(stories, t, setting=True)))
                h = mu + (log_var / 2).exp() * rng.normal(net.code) * knobs.spread
                states = (rng.normal(net.code) * knobs.spread, h)
            sentences = net.sentences(lines[:, first : first + length])
            code, states = net.context(sentences[:, t - first], rng.normal(Z) * knobs.spread, states, mu)
            blank = code.new_zeros(len(code), 3, self.config.size, self.config.size)
            strip.append(net.frame(code, lines[:, : t + 1]) if t + 1 >= knobs.first else blank)
            yield Draft(images=torch.stack(strip, dim=1), note=f"frame {t + 1}", progress=(t + 1) / count)

    def part(self, stories: Sequence[Story], t: int, setting: bool = False) -> Tensor:
        """Return the vectors of T lines of stories, or fewer, from line t on, as told now or as first told: (R, T, V).

        Stories that bring vectors were told once only.
        """
        part = slice(t, t + self.schema.story)
        if self.config.text == "embedding":
            return self.read.given([story.vectors[part] for story in stories if isinstance(story, EmbeddedStory)])
        return self.read([(setting and story.setting[part]) or story.lines[part] for story in stories])

    @classmethod
    def request_type(cls, config: Any) -> type[Request]:
        """Stories with their vectors where these come with the data."""
        return EmbeddedStory if config.text == "embedding" else Story

    def check_request(self, request: Request) -> None:
        """Make sure that there are vectors where lines are not encoded."""
        for end in request.ends():
            if isinstance(end, EmbeddedStory):
                check_vectors(end, self.read.width, reads=False)

    def remarks(self, requests: Sequence[Request]) -> Sequence[str]:
        """Say where a story's scene cannot be kept."""
        length = self.schema.story
        longest = max((request.pictures() for request in requests), default=0)
        if self.teller.attends or longest <= length:
            return ()
        return (f"{length} lines make a scene here: it is empty again from line {length + 1} on",)

    def exports(self) -> Mapping[str, ExportPart]:
        """Return the encoder of a line, what begins a chapter (story code and first states), and what draws a frame."""
        if self.config.text == "embedding":
            raise UserError("it has no encoder of lines, only their vectors, so it cannot draw without Limner")
        return export_story_parts(self.read, self.teller, self.schema.story)

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words that no line of the training set had, each with the nearest that one had."""
        return {} if self.config.text == "embedding" else unknown_words(self.schema.lexicon, requests)
