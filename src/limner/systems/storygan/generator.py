"""The generator of StoryGAN: story encoder, context encoder and image generator, the paper's theta.

Letters: R stories or frames, T frames of a story, L lines, S side of a picture, V width of a sentence vector s_t, C
width of the story code h_0 and of all states, Z = 100 numbers of noise, n the width of the net, h side of a map, E
width of what a place reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.layers.convolutions import doublings
from limner.blocks.layers.upsampling import Upsample, UpsamplingGenerator
from limner.blocks.text.lines import forget_earlier, repeat_earlier
from limner.systems.storygan.config import Config

States = tuple[Tensor, Tensor]
Z, LINE = 100, 64
TAPS, CHANNELS = 21, 3  # of the dynamic filter
READS = (8, 16)  # sides of the maps whose places attend to lines
E = 64
FORGOTTEN = 0.25  # share of stories whose sentence vectors lack earlier lines, as those past line T do


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


class LineAttention(nn.Module):
    """What each place of a map reads of the lines of its scene: (R, F, h, h) and (R, L, LINE) to (R, E, h, h).

    The attention of AttnGAN over lines in place of words. A place may also attend to nothing, whose key and value are
    zero, so that ground stays ground. Lines have no order here, and there may be any number of them.
    """

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, E, 1, bias=False)
        self.place = nn.Parameter(torch.randn(E, side, side) * 0.1)
        self.key, self.value = nn.Linear(LINE, E, bias=False), nn.Linear(LINE, E, bias=False)

    def forward(self, x: Tensor, lines: Tensor, mask: Tensor) -> Tensor:
        query = (self.query(x) + self.place).flatten(2)  # (R, E, h * h)
        scores = (self.key(lines) @ query).masked_fill(mask[:, :, None] == 0, -1e4)  # (R, L, h * h)
        attention = torch.cat([torch.zeros_like(scores[:, :1]), scores], dim=1).softmax(dim=1)[:, 1:]
        return (self.value(lines).transpose(1, 2) @ attention).unflatten(2, x.shape[2:])


class AttentiveGenerator(nn.Module):
    """As `UpsamplingGenerator`, with what the places of two maps read of the lines beside these maps' channels."""

    def __init__(self, inputs: int, width: int, size: int) -> None:
        super().__init__()
        widths = [width << i for i in reversed(range(doublings(size) + 1))]  # 16n, 8n, 4n, 2n, n at 64 pixels
        sides = [4 << i for i in range(len(widths))]
        more = [E if side in READS else 0 for side in sides]
        start = nn.Linear(inputs, widths[0] * 16, bias=False)
        self.start = nn.Sequential(start, nn.BatchNorm1d(widths[0] * 16), nn.ReLU(), nn.Unflatten(1, (widths[0], 4, 4)))
        self.grow = nn.ModuleList(Upsample(a + e, b) for (a, b), e in zip(pairwise(widths), more, strict=False))
        self.attend = nn.ModuleDict(
            {
                str(side): LineAttention(channels, side)
                for side, channels in zip(sides, widths, strict=True)
                if side in READS
            }
        )
        self.paint = nn.Sequential(nn.Conv2d(width + more[-1], 3, 3, padding=1), nn.Tanh())

    def forward(self, codes: Tensor, lines: Tensor, mask: Tensor) -> Tensor:
        """Paint codes (R, 3C) of frames whose scene is `lines` (R, L, LINE) where `mask` (R, L) is not 0."""
        x = self.start(codes)
        for grow in self.grow:
            x = grow(self._with_lines(x, lines, mask))
        return self.paint(self._with_lines(x, lines, mask))

    def _with_lines(self, x: Tensor, lines: Tensor, mask: Tensor) -> Tensor:
        side = str(x.shape[2])
        return torch.cat([x, self.attend[side](x, lines, mask)], dim=1) if side in self.attend else x


class StoryGenerator(nn.Module):
    """Story encoder, context encoder and image generator, the paper's theta; before them an embedding of lines."""

    def __init__(self, words: int, length: int, config: Config) -> None:
        super().__init__()
        self.code, self.repeats = config.code, config.repeats
        widen, narrow = nn.Linear(words, config.code, bias=False), nn.Linear(config.code, LINE, bias=False)
        self.join = nn.Sequential(widen, nn.ReLU(), narrow)  # without biases, so that no line is zero
        self.encode = StoryEncoder(LINE, length, config.code)
        self.context = ContextEncoder(LINE * (length if config.repeats else 1), config)
        paint = AttentiveGenerator if config.attention else UpsamplingGenerator
        self.attends = config.attention
        self.paint = paint(3 * config.code, config.teller_width, config.size)

    def sentences(self, lines: Tensor) -> Tensor:
        """Return the sentence vectors s_t of lines (R, T, V), with or without the lines before them."""
        return repeat_earlier(lines) if self.repeats else lines

    def scenes(self, lines: Tensor) -> Tensor:
        """Return which of T lines (R, T, V) each frame shows, 1 or 0: (T, T), the same for all stories."""
        square = torch.ones(lines.shape[1], lines.shape[1], device=lines.device, dtype=lines.dtype)
        return square.tril() if self.repeats else square.tril().triu()

    def frames(self, codes: Tensor, lines: Tensor, mask: Tensor) -> Tensor:
        """Paint codes (R, 3C) of frames that show the embedded lines (R, L, LINE) where `mask` (R, L) is not 0."""
        return self.paint(codes, lines, mask) if self.attends else self.paint(codes)

    def window(self, t: int, length: int) -> int:
        """Return the first line that sentence vectors of frame t, from 0, hold: with attention the last T, else those
        of its chapter."""
        return max(0, t - length + 1) if self.attends else t - t % length

    def frame(self, codes: Tensor, lines: Tensor) -> Tensor:
        """Paint the frame of the last of embedded lines (R, L, LINE), given its codes (R, 3C)."""
        scene = lines if self.repeats else lines[:, -1:]
        return self.frames(codes, scene, torch.ones_like(scene[:, :, 0]))

    def unroll(self, lines: Tensor, h: Tensor, mu: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """Encode embedded lines (R, T, LINE) one after another to codes of frames, (R, T, 3C).

        `h` are the story codes h_0 and `mu` their means, (R, C) each; `noise` is i_0 (R, C), then e_1 to e_T, (R, Z).
        """
        states, codes = (noise[0], h), []
        sentences = self.sentences(lines)
        if self.attends and self.repeats:
            sentences = forget_earlier(sentences, FORGOTTEN)
        for sentence, e in zip(sentences.unbind(1), noise[1:], strict=True):
            code, states = self.context(sentence, e, states, mu)
            codes.append(code)
        return torch.stack(codes, dim=1)
