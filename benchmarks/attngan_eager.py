"""The baseline: one training step of AttnGAN at paper scale as one writes it in one sitting, in eager PyTorch.

Xu et al. 2018 on birds: 64, 128 and 256 pixels, three discriminators with a conditional and an unconditional head each,
DAMSM's losses of words and sentences on the largest pictures. fp32, plain Adam, every caption read in every step, a
loop over captions in the loss of words, `zero_grad` and `backward` for each player, so that the generator's step also
fills gradients of the discriminators, losses brought to Python. It shares no code with Limner, which it is measured
against (benchmarks/attngan.py). Letters: B pictures, T words, E = 256 numbers of a word, S the side.

    python benchmarks/attngan_eager.py     # counts the parameters of its nets
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDES = (64, 128, 256)
E = 256
PUBLISHED = {
    "generator": 7_084_592,
    "discriminator 64": 6_313_730,
    "discriminator 128": 19_424_002,
    "discriminator 256": 71_858_946,
    "text encoder": 2_075_320,
}
"""Parameters that the paper's birds have, with its 5,450 words."""


@dataclass(frozen=True)
class Settings:
    """The paper's birds."""

    noise: int = 100
    condition: int = 100
    generator: int = 32
    discriminator: int = 64
    residuals: int = 2
    gammas: tuple[float, float, float] = (5.0, 5.0, 10.0)
    matching: float = 5.0
    kl: float = 1.0
    rate: float = 2e-4
    average: float = 0.999


class GLU(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        half = x.shape[1] // 2
        return x[:, :half] * torch.sigmoid(x[:, half:])


def conv3(inside: int, outside: int) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, 3, 1, 1, bias=False)


def up_block(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="nearest"),
        conv3(inside, 2 * outside),
        nn.BatchNorm2d(2 * outside),
        GLU(),
    )


class ResBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            conv3(width, 2 * width),
            nn.BatchNorm2d(2 * width),
            GLU(),
            conv3(width, width),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x)


class TextEncoder(nn.Module):
    """Numbers of words to a vector for each word, (B, E, T), and for the sentence, (B, E)."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, 300)
        self.drop = nn.Dropout(0.5)
        self.rnn = nn.LSTM(300, E // 2, batch_first=True, bidirectional=True)

    def forward(self, tokens: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        embedded = self.drop(self.embedding(tokens))
        packed = nn.utils.rnn.pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        states, (last, _) = self.rnn(packed)
        words, _ = nn.utils.rnn.pad_packed_sequence(states, batch_first=True)
        return words.transpose(1, 2), torch.cat([last[0], last[1]], 1)


class Augmentation(nn.Module):
    """A sentence to a draw around what it means, with the mean and the logarithm of the variance."""

    def __init__(self, condition: int) -> None:
        super().__init__()
        self.condition = condition
        self.fc = nn.Linear(E, 4 * condition)
        self.glu = GLU()

    def forward(self, sentence: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.glu(self.fc(sentence))
        mean, logvar = x[:, : self.condition], x[:, self.condition :]
        return mean + torch.exp(0.5 * logvar) * torch.randn_like(mean), mean, logvar


class First(nn.Module):
    """Condition and noise to features (B, N, 64, 64)."""

    def __init__(self, inside: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.fc = nn.Sequential(
            nn.Linear(inside, 16 * width * 16 * 2, bias=False), nn.BatchNorm1d(16 * width * 16 * 2), GLU()
        )
        self.ups = nn.Sequential(*(up_block(k * width, k * width // 2) for k in (16, 8, 4, 2)))

    def forward(self, condition: Tensor, noise: Tensor) -> Tensor:
        x = self.fc(torch.cat([condition, noise], 1)).view(-1, 16 * self.width, 4, 4)
        return self.ups(x)


class Attention(nn.Module):
    """What the words say to each place, (B, N, h, w), and how much each says, (B, T, h, w)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Conv1d(E, width, 1, bias=False)

    def forward(self, h: Tensor, words: Tensor, padded: Tensor) -> tuple[Tensor, Tensor]:
        B, N, height, wide = h.shape
        source = self.project(words)  # (B, N, T)
        scores = torch.bmm(h.view(B, N, -1).transpose(1, 2), source)  # (B, hw, T)
        scores = scores.masked_fill(padded[:, None, :], float("-inf"))
        shares = F.softmax(scores, dim=2)
        context = torch.bmm(source, shares.transpose(1, 2))
        return context.view(B, N, height, wide), shares.transpose(1, 2).view(B, -1, height, wide)


class Next(nn.Module):
    """Features to features of twice the side, with an eye on the words."""

    def __init__(self, width: int, residuals: int) -> None:
        super().__init__()
        self.attention = Attention(width)
        self.residuals = nn.Sequential(*(ResBlock(2 * width) for _ in range(residuals)))
        self.up = up_block(2 * width, width)

    def forward(self, h: Tensor, words: Tensor, padded: Tensor) -> tuple[Tensor, Tensor]:
        context, shares = self.attention(h, words, padded)
        return self.up(self.residuals(torch.cat([h, context], 1))), shares


class Generator(nn.Module):
    def __init__(self, s: Settings) -> None:
        super().__init__()
        N = s.generator
        self.ca = Augmentation(s.condition)
        self.first = First(s.condition + s.noise, N)
        self.nexts = nn.ModuleList(Next(N, s.residuals) for _ in SIDES[1:])
        self.heads = nn.ModuleList(nn.Sequential(conv3(N, 3), nn.Tanh()) for _ in SIDES)

    def forward(
        self, noise: Tensor, sentence: Tensor, words: Tensor, padded: Tensor
    ) -> tuple[list[Tensor], list[Tensor], Tensor, Tensor]:
        condition, mean, logvar = self.ca(sentence)
        h = self.first(condition, noise)
        images, maps = [self.heads[0](h)], []
        for stage, head in zip(self.nexts, list(self.heads)[1:], strict=True):
            h, shares = stage(h, words, padded)
            images.append(head(h))
            maps.append(shares)
        return images, maps, mean, logvar


def leaky_block(inside: int, outside: int, kernel: int) -> nn.Sequential:
    stride = 2 if kernel == 4 else 1
    return nn.Sequential(
        nn.Conv2d(inside, outside, kernel, stride, 1, bias=False), nn.BatchNorm2d(outside), nn.LeakyReLU(0.2)
    )


class Discriminator(nn.Module):
    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
        now, side = width, side // 2
        while side > 4:
            layers.append(leaky_block(now, 2 * now, 4))
            now, side = 2 * now, side // 2
        while now > 8 * width:
            layers.append(leaky_block(now, now // 2, 3))
            now //= 2
        self.trunk = nn.Sequential(*layers)
        self.joint = leaky_block(now + E, now, 3)
        self.conditional = nn.Conv2d(now, 1, 4, 4)
        self.unconditional = nn.Conv2d(now, 1, 4, 4)

    def forward(self, images: Tensor) -> Tensor:
        return self.trunk(images)

    def cond(self, features: Tensor, sentence: Tensor) -> Tensor:
        tiled = sentence[:, :, None, None].expand(-1, -1, 4, 4)
        return self.conditional(self.joint(torch.cat([features, tiled], 1))).view(-1)

    def uncond(self, features: Tensor) -> Tensor:
        return self.unconditional(features).view(-1)


def bce(logits: Tensor, label: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def discriminator_loss(
    D: Discriminator, real: Tensor, fake: Tensor, sentence: Tensor, unfit: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """Real, drawn, and real beside a sentence that does not fit: the next one's, or by numbers of both."""
    seen, drawn = D(real), D(fake.detach())
    real_loss = (bce(D.uncond(seen), 1) + bce(D.cond(seen, sentence), 1)) / 2
    pictures, texts = unfit or (slice(None, -1), slice(1, None))
    wrong = bce(D.cond(seen[pictures], sentence[texts]), 0)
    return real_loss + (bce(D.uncond(drawn), 0) + bce(D.cond(drawn, sentence), 0) + wrong) / 3


def kl_loss(mean: Tensor, logvar: Tensor) -> Tensor:
    return -0.5 * (1 + logvar - mean.pow(2) - logvar.exp()).mean()


def same_class(classes: Tensor) -> Tensor:
    """Tell which pairs are of one class without being the same picture: bool (B, B)."""
    return (classes[:, None] == classes[None, :]) & ~torch.eye(len(classes), dtype=torch.bool)


def both_ways(scores: Tensor, barred: Tensor) -> Tensor:
    """Cross entropy over captions of each picture and over pictures of each caption: scores (B, B)."""
    scores = scores.masked_fill(barred, float("-inf"))
    own = torch.arange(len(scores))
    return F.cross_entropy(scores, own) + F.cross_entropy(scores.t(), own)


def words_loss(
    regions: Tensor, words: Tensor, lengths: Tensor, barred: Tensor, gammas: tuple[float, float, float]
) -> Tensor:
    """Match regions (B, E, h, w) with the words (B, E, T) of each caption, caption by caption (the paper's eq. 10)."""
    one, two, three = gammas
    B, places = len(regions), regions.flatten(2)  # (B, E, hw)
    columns = []
    for i in range(B):
        T = int(lengths[i])
        word = words[i, :, :T].unsqueeze(0).expand(B, -1, -1)  # (B, E, T)
        shares = F.softmax(torch.bmm(places.transpose(1, 2), word), dim=2)  # (B, hw, T), over words
        shares = F.softmax(one * shares.transpose(1, 2), dim=2)  # (B, T, hw), over places
        context = torch.bmm(places, shares.transpose(1, 2))  # (B, E, T)
        similar = F.cosine_similarity(word, context, dim=1)  # (B, T)
        columns.append(torch.log(torch.exp(two * similar).sum(1)) / two)
    return both_ways(three * torch.stack(columns, 1), barred)


def sentence_loss(whole: Tensor, sentence: Tensor, barred: Tensor, gamma: float) -> Tensor:
    """Match pictures (B, E) with sentences (B, E)."""
    return both_ways(gamma * F.cosine_similarity(whole[:, None], sentence[None], dim=2), barred)


class Losses(NamedTuple):
    """Of one step."""

    discriminators: list[float]
    adversarial: float
    words: float
    sentence: float
    kl: float


class Training:
    """Everything that a step needs; the encoders rest."""

    def __init__(self, words: int, image_encoder: nn.Module, settings: Settings | None = None) -> None:
        self.settings = s = settings or Settings()
        self.text = TextEncoder(words).eval().requires_grad_(False)
        self.vision = image_encoder.eval().requires_grad_(False)
        self.G = Generator(s)
        self.Ds = [Discriminator(s.discriminator, side) for side in SIDES]
        self.averaged = [p.detach().clone() for p in self.G.parameters()]
        betas = (0.5, 0.999)
        self.optimiser_G = torch.optim.Adam(self.G.parameters(), lr=s.rate, betas=betas)
        self.optimisers_D = [torch.optim.Adam(D.parameters(), lr=s.rate, betas=betas) for D in self.Ds]

    def generator_loss(
        self, fakes: list[Tensor], words: Tensor, sentence: Tensor, lengths: Tensor, classes: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the adversarial loss, and those of words and sentences before their factor."""
        adversarial = torch.zeros(())
        for D, fake in zip(self.Ds, fakes, strict=True):
            seen = D(fake)
            adversarial = adversarial + bce(D.cond(seen, sentence), 1) + bce(D.uncond(seen), 1)
        regions, whole = self.vision(fakes[-1])
        barred = same_class(classes)
        gammas = self.settings.gammas
        return (
            adversarial,
            words_loss(regions, words, lengths, barred, gammas),
            sentence_loss(whole, sentence, barred, gammas[2]),
        )

    def step(
        self,
        images: Tensor,
        tokens: Tensor,
        lengths: Tensor,
        classes: Tensor,
        unfit: tuple[Tensor, Tensor] | None = None,
    ) -> Losses:
        """Train on pictures (B, 3, 256, 256), numbers of words (B, T) padded with 0, and classes (B,)."""
        s = self.settings
        reals = [F.interpolate(images, size=side, mode="area") for side in SIDES[:-1]] + [images]
        with torch.no_grad():
            words, sentence = self.text(tokens, lengths)
        padded = (tokens == 0)[:, : words.shape[2]]
        fakes, _, mean, logvar = self.G(torch.randn(len(images), s.noise), sentence, words, padded)

        losses = []
        for D, optimiser, real, fake in zip(self.Ds, self.optimisers_D, reals, fakes, strict=True):
            optimiser.zero_grad()
            loss = discriminator_loss(D, real, fake, sentence, unfit)
            loss.backward()
            optimiser.step()
            losses.append(loss.item())

        self.optimiser_G.zero_grad()
        adversarial, by_words, by_sentence = self.generator_loss(fakes, words, sentence, lengths, classes)
        kl = kl_loss(mean, logvar)
        (adversarial + s.matching * (by_words + by_sentence) + s.kl * kl).backward()
        self.optimiser_G.step()
        for average, p in zip(self.averaged, self.G.parameters(), strict=True):
            average.mul_(s.average).add_(p.data, alpha=1 - s.average)
        return Losses(losses, adversarial.item(), by_words.item(), by_sentence.item(), kl.item())


def counts(words: int = 5_450) -> dict[str, int]:
    """Count the parameters of each net."""
    with torch.device("meta"):
        s = Settings()
        nets: dict[str, nn.Module] = {"generator": Generator(s), "text encoder": TextEncoder(words)}
        nets |= {f"discriminator {side}": Discriminator(s.discriminator, side) for side in SIDES}
    return {name: sum(p.numel() for p in net.parameters()) for name, net in nets.items()}


def as_published() -> None:
    """Make sure that the nets are as large as the paper's."""
    found = counts()
    assert found == PUBLISHED, f"other nets than the paper's: {found}, not {PUBLISHED}"


if __name__ == "__main__":
    as_published()
    print(counts())
