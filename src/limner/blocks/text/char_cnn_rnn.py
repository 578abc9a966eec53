"""The character-level text encoder of Reed et al.: convolutions over letters, then a recurrent net over their maps.

Reed, Akata, Schiele, Lee: Learning Deep Representations of Fine-Grained Visual Descriptions, CVPR 2016 (section 4), and
the two variants of the code of GAN-INT-CLS (ICML 2016).

Letters: B texts, L = 201 characters, A = 70 places of the alphabet, D width of the recurrent net, T its steps,
E width of the code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.text.encoders import TextEncoder

# "-" has two places. As in the authors' table the later one counts; the first is always zero.
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789-,;.!?:'\"/\\|_@#$%^&*~`+-=<>()[]{} "
LENGTH = 201
_PLACE = {letter: place for place, letter in enumerate(ALPHABET)}
_NONE = len(ALPHABET)


class CharCnnRnn(TextEncoder):
    """Three convolutions of 4 letters, pooled, then a recurrent net whose last or mean state gives the code.

    Letters outside the alphabet, and places after the end, are all-zero columns. Text is lower-cased first: the
    authors' later code left that out, so that capitals became zeros.
    """

    one_hot: Tensor
    rule: ClassVar = {"by": "letter", "longest": LENGTH, "alphabet": ALPHABET}

    def __init__(
        self,
        channels: tuple[int, int, int] = (384, 512, 256),
        width: int = 1024,
        recurrent: Literal["rnn", "gru"] = "rnn",
        pool: bool = True,
        average: bool = True,
    ) -> None:
        super().__init__()
        first, second, third = channels
        self.width = width
        self.convolve = nn.Sequential(  # L = 201
            nn.Conv1d(len(ALPHABET), first, 4),  # 198
            nn.Threshold(1e-6, 0.0),
            nn.MaxPool1d(3, 3),  # 66
            nn.Conv1d(first, second, 4),  # 63
            nn.Threshold(1e-6, 0.0),
            nn.MaxPool1d(3, 3),  # 21
            nn.Conv1d(second, third, 4),  # 18
            nn.Threshold(1e-6, 0.0),
            *([nn.MaxPool1d(3, 2)] if pool else []),  # 8
        )
        self.recur: ReluRnn | ReedGru = ReluRnn(third) if recurrent == "rnn" else ReedGru(third)
        self.average = average
        self.project = nn.Linear(third, width)
        self.register_buffer("one_hot", torch.eye(_NONE + 1, _NONE), persistent=False)
        uniform_init(self, 0.08 * (1024 / width) ** 0.5)  # outputs vary as much as those of the published width

    @classmethod
    def cvpr(cls, width: int = 1024) -> CharCnnRnn:
        """Return the encoder of the CVPR paper; every layer shrinks in proportion to `width`."""
        return cls((384 * width // 1024, 512 * width // 1024, 256 * width // 1024), width)

    @classmethod
    def icml_flowers(cls, width: int = 1024) -> CharCnnRnn:
        """Return the encoder that GAN-INT-CLS used for flowers; every layer shrinks in proportion to `width`."""
        return cls((384 * width // 1024, 512 * width // 1024, 512 * width // 1024), width)

    @classmethod
    def icml_birds(cls, width: int = 1024) -> CharCnnRnn:
        """Return the encoder that GAN-INT-CLS used for birds; every layer shrinks in proportion to `width`."""
        channels = (384 * width // 1024, 512 * width // 1024, 512 * width // 1024)
        return cls(channels, width, recurrent="gru", pool=False, average=False)

    @classmethod
    def icml_coco(cls, width: int = 1024) -> CharCnnRnn:
        """Return the encoder that GAN-INT-CLS used for COCO: that of birds, but the mean of its states."""
        encoder = cls.icml_birds(width)
        encoder.average = True
        return encoder

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Encode B texts: (B, E)."""
        return self.numbered(self.letters(texts))

    def numbered(self, numbers: Tensor) -> Tensor:
        """Encode texts from the indices of their letters: (B, L) to (B, E)."""
        letters = F.embedding(numbers, self.one_hot)  # (B, L, A)
        states = self.recur(self.convolve(letters.mT).mT)  # (B, T, D)
        return self.project(states.mean(dim=1) if self.average else states[:, -1])

    def sentence(self, texts: Sequence[str]) -> Tensor:
        return self(texts)

    def letters(self, texts: Sequence[str]) -> Tensor:
        """Return the index of each letter in the alphabet, A where it is not in it: (B, L)."""
        rows = [[_PLACE.get(letter, _NONE) for letter in text[:LENGTH].lower()[:LENGTH]] for text in texts]
        padded = torch.tensor([row + [_NONE] * (LENGTH - len(row)) for row in rows])
        return padded.to(self.project.weight.device)


class ReluRnn(nn.Module):
    """h_1 = relu(W x_1 + b), h_t = relu(W x_t + b + U h_(t-1) + b'): (B, T, D) to (B, T, D)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.read, self.keep = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        inputs = self.read(x)  # (B, T, D)
        states = [inputs[:, 0].relu()]
        for t in range(1, x.shape[1]):
            states.append((inputs[:, t] + self.keep(states[-1])).relu())
        return torch.stack(states, dim=1)


class ReedGru(nn.Module):
    """The gated recurrent net of the authors' code: (B, T, D) to (B, T, D).

    It is not `nn.GRU`: the first step has no gates, h_1 = tanh(W x_1 + b), and z multiplies the candidate,
    h_t = z * tanh(W x_t + U (r * h_(t-1))) + (1 - z) * h_(t-1).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.read_z, self.keep_z = nn.Linear(width, width), nn.Linear(width, width)
        self.read_r, self.keep_r = nn.Linear(width, width), nn.Linear(width, width)
        self.read, self.keep = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        to_z, to_r, inputs = self.read_z(x), self.read_r(x), self.read(x)  # (B, T, D)
        h = inputs[:, 0].tanh()
        states = [h]
        for t in range(1, x.shape[1]):
            z = (to_z[:, t] + self.keep_z(h)).sigmoid()
            r = (to_r[:, t] + self.keep_r(h)).sigmoid()
            h = z * (inputs[:, t] + self.keep(r * h)).tanh() + (1 - z) * h
            states.append(h)
        return torch.stack(states, dim=1)


def uniform_init(module: nn.Module, bound: float = 0.08) -> None:
    """Draw every parameter of `module` from U(-bound, bound), as the authors' code of the text encoder does."""
    for parameter in module.parameters():
        nn.init.uniform_(parameter, -bound, bound)
