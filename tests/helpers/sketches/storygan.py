"""StoryGAN (Li et al., CVPR 2019) in miniature, to see that the contract holds it.

Letters: B single frames in a batch, N stories, T frames of a story, V words known, C width of a code.
"""

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.data.dataset import Dataset
from limner.data.schema import Schema
from limner.data.views import View
from limner.noise import RowNoise
from limner.optimisers import adam, step_halving
from limner.requests import Story
from limner.system import Clock, Draft, Paper, Phase, Player, System, Update, no_grad


@dataclass(frozen=True)
class StoryConfig:
    """The published batch sizes are 24 and 24 (CLEVR-SV), 20 and 12 (Pororo-SV)."""

    size: int = 16
    """Side of a frame in pixels."""
    images: int = 64
    """Budget."""
    frames: int = 8
    """Single frames in a step."""
    stories: int = 4
    """Whole stories in a step."""
    width: int = 16
    """C."""


# --8<-- [start:view]
@dataclass(frozen=True)
class Tellings(View):
    """Single frames, and whole stories beside them: two streams, each of its own length, in one batch."""

    needs: ClassVar[frozenset[str]] = frozenset({"image", "text", "story", "frame"})
    images: Tensor
    """(B, 3, S, S)."""
    texts: tuple[str, ...]
    """The sentence of each single frame."""
    context: tuple[tuple[str, ...], ...]
    """The T sentences of the story that each single frame is taken from."""
    strips: Tensor
    """(N, T, 3, S, S)."""
    lines: tuple[tuple[str, ...], ...]
    """The T sentences of each whole story."""
    share: ClassVar[float] = 0.5
    """N / B."""

    @classmethod
    def gather(cls, data: Dataset, rows: Sequence[int], rng: np.random.Generator, split: str = "train") -> Self:
        """Take the pictures of `rows` alone, and the stories around the first `share` of them whole."""
        tales = [stories(data, split)[row] for row in rows]
        whole = tales[: round(len(rows) * cls.share)]
        told = tuple(tuple(data.captions(row, split)[0] for row in tale) for tale in tales)
        strips = torch.stack([data.pictures(tale, split) for tale in whole])
        texts = tuple(data.captions(row, split)[0] for row in rows)
        return cls(data.pictures(rows, split), texts, told, strips, told[: len(whole)])


# --8<-- [end:view]
LENGTH = 4  # T


@functools.cache
def stories(data: Dataset, split: str) -> dict[int, list[int]]:
    """For each row, the rows of its story in the order of their frames."""
    rows = range(data.length(split))
    told = sorted(zip(data.column("story", rows, split), data.column("frame", rows, split), rows, strict=True))
    tales = [[row for _, _, row in group] for _, group in itertools.groupby(told, key=lambda item: item[0])]
    return {row: tale for tale in tales for row in tale}


class Teller(nn.Module):
    """Story encoder, context encoder (GRU, then Text2Gist) and image generator: `theta` of the paper."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.encode = nn.Linear(LENGTH * words, 2 * width)  # S -> mu, log sigma^2
        self.sentence = nn.GRUCell(words + width, width)
        self.gist = nn.GRUCell(width, width)
        self.filter = nn.Linear(width, width * width)
        self.paint = nn.Sequential(
            nn.Linear(width, 16 * 16), nn.Unflatten(1, (16, 4, 4)), nn.ReLU(), nn.Upsample(scale_factor=4),
            nn.Conv2d(16, 3, 3, padding=1), nn.Tanh(),
        )  # fmt: skip

    def begin(self, story: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Encode (N, T, V) to the story code h_0 (N, C), and its divergence from N(0, I)."""
        mu, log_var = self.encode(story.flatten(1)).chunk(2, dim=1)
        return mu + (log_var / 2).exp() * noise, 0.5 * (mu**2 + log_var.exp() - 1 - log_var).mean()

    def tell(self, sentence: Tensor, noise: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple]:
        """Draw the next frame (N, 3, S, S): i_t = GRU([s_t; e_t]), (o_t, h_t) = Text2Gist(i_t, h_{t-1})."""
        i = self.sentence(torch.cat([sentence, noise], dim=1), state[0])
        h = self.gist(i, state[1])
        kernels = self.filter(i).view(len(i), -1, h.shape[1])  # one for each channel, as long as h
        o = (kernels @ h.unsqueeze(2)).squeeze(2)
        return self.paint(o), (i, h)


class Critic(nn.Module):
    """D = w^T (E_img(X) * E_txt(S)) + b, over one frame or over the frames of a story side by side."""

    def __init__(self, frames: int, words: int, width: int) -> None:
        super().__init__()
        self.look = nn.Sequential(nn.Conv2d(3, 16, 4, 4), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(16 * 16, width))
        self.read, self.judge = nn.Linear(words, frames * width), nn.Linear(frames * width, 1)

    def forward(self, pictures: Tensor, words: Tensor) -> Tensor:
        """Judge (N, T, 3, S, S) against (N, V'): logits (N,)."""
        seen = self.look(pictures.flatten(0, 1)).view(len(pictures), -1)
        return self.judge(seen * self.read(words)).squeeze(1)


def matching(critic: Critic, real: Tensor, fake: Tensor, words: Tensor) -> Tensor:
    """Matching-aware loss: real and right against the mean of fake and right, real and wrong (shifted by one)."""
    right, drawn, wrong = critic(real, words), critic(fake, words), critic(real, words.roll(1, 0))
    return F.softplus(-right).mean() + (F.softplus(drawn).mean() + F.softplus(wrong).mean()) / 2


class StoryGan(System):
    """Draws a story frame by frame."""

    paper = Paper("StoryGAN: A Sequential Conditional GAN for Story Visualization", "Li et al.", 2019, "CVPR")
    takes = Story
    Config = StoryConfig
    presets: ClassVar = {"tiny": StoryConfig()}

    def __init__(self, config: StoryConfig, schema: Schema) -> None:
        super().__init__(config, schema)
        words = len(schema.lexicon)
        self.teller = Teller(words, config.width)
        self.frame_critic = Critic(1, words, config.width)
        self.story_critic = Critic(LENGTH, LENGTH * words, config.width)

    def read(self, texts: Sequence[str]) -> Tensor:
        """The sentence vectors of CLEVR-SV are attributes; here they are the words a sentence has: (N, V)."""
        codes = self.teller.encode.weight.new_zeros(len(texts), len(self.schema.lexicon))
        for code, text in zip(codes, texts, strict=True):
            code[self.schema.lexicon.ids(text)] = 1
        return codes

    # --8<-- [start:contract]
    def phases(self) -> list[Phase]:
        optimiser, half = adam(2e-4, betas=(0.5, 0.999)), step_halving(5)
        players = {
            "frame critic": Player(modules=[self.frame_critic], optimiser=optimiser, schedule=half),
            "story critic": Player(modules=[self.story_critic], optimiser=optimiser, schedule=half),
            "teller": Player(modules=[self.teller], optimiser=optimiser, schedule=half),
        }
        config = self.config
        view = type("Tellings", (Tellings,), {"share": config.stories / config.frames})
        return [
            Phase(name="stories", view=view, images=config.images, batch=config.frames, players=players, step=self.step)
        ]

    def step(self, batch: Tellings, clock: Clock) -> Iterator[Update]:
        frames = batch.images.unsqueeze(1)  # (B, 1, 3, S, S)
        sentences, context = self.read(batch.texts).unsqueeze(1), self.read_all(batch.context)
        stories = self.read_all(batch.lines)  # (N, T, V)

        with torch.no_grad():
            one, _ = self.draw(sentences, context)
            strip, _ = self.draw(stories, stories)
        yield Update("frame critic", matching(self.frame_critic, frames, one, sentences.flatten(1)))
        yield Update("story critic", matching(self.story_critic, batch.strips, strip, stories.flatten(1)))

        for _ in range(2):  # the teller moves twice, on fresh noise
            one, kl_one = self.draw(sentences, context)
            strip, kl_strip = self.draw(stories, stories)
            fooled_frame = F.softplus(-self.frame_critic(one, sentences.flatten(1))).mean()
            fooled_story = F.softplus(-self.story_critic(strip, stories.flatten(1))).mean()
            yield Update("teller", fooled_frame + fooled_story + kl_one + kl_strip, {"kl": kl_strip.detach()})

    @no_grad
    def sample(self, requests: Sequence[Story], knobs: object, rng: RowNoise) -> Iterator[Draft]:
        story = self.read_all([request.lines for request in requests])
        width, strip = self.config.width, []
        h, _ = self.teller.begin(story, rng.normal(width))
        state = (rng.normal(width), h)
        for t in range(LENGTH):
            frame, state = self.teller.tell(story[:, t], rng.normal(width), state)
            strip.append(frame)
            yield Draft(images=torch.stack(strip, dim=1), note=f"frame {t + 1}", progress=(t + 1) / LENGTH)

    # --8<-- [end:contract]
    def read_all(self, stories: Sequence[Sequence[str]]) -> Tensor:
        """Read N stories: (N, T, V)."""
        return self.read([line for lines in stories for line in lines]).unflatten(0, (len(stories), LENGTH))

    def draw(self, sentences: Tensor, story: Tensor) -> tuple[Tensor, Tensor]:
        """Draw (N, t, 3, S, S) for sentences (N, t, V) of stories (N, T, V); t = 1 is the paper's image mode."""

        def noise() -> Tensor:
            return torch.randn_like(self.teller.gist.bias_hh[: self.config.width].expand(len(story), -1))

        h, kl = self.teller.begin(story, noise())
        state, frames = (noise(), h), []
        for sentence in sentences.unbind(1):
            frame, state = self.teller.tell(sentence, noise(), state)
            frames.append(frame)
        return torch.stack(frames, dim=1), kl
