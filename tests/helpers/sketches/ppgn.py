"""PPGN, conditioned on a caption (Nguyen et al., CVPR 2017), in miniature, to see that the contract holds it.

Letters: B pictures, H width of the code h, T words of a caption, V words known.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.data.schema import Schema
from limner.data.views import Pairs
from limner.noise import RowNoise
from limner.optimisers import adam
from limner.requests import Caption
from limner.system import Clock, Draft, Paper, Phase, Player, System, Update

LONGEST = 12  # T


@dataclass(frozen=True)
class PpgnConfig:
    """What people change."""

    size: int = 16
    """Side of a picture in pixels."""
    images: int = 64
    """Budget of each phase."""
    batch: int = 8
    """Pictures in a step."""
    width: int = 32
    """H (4096 in the paper)."""


@dataclass(frozen=True)
class PpgnKnobs:
    """Names and defaults of the paper's caption sampler."""

    steps: int = 12
    """Iterations (200 in the paper)."""
    every: int = 4
    """Iterations between two drafts."""
    prior: float = 1e-3
    """epsilon_1, the pull towards codes that the encoder gives."""
    condition: float = 1.0
    """epsilon_2, the pull towards codes whose picture the captioner would describe so."""
    noise: float = 1e-17
    """epsilon_3."""


class Captioner(nn.Module):
    """log p(y|x): a recurrent net that starts from a picture's code and predicts word after word."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.embed, self.recur, self.out = nn.Embedding(words, width), nn.GRUCell(width, width), nn.Linear(width, words)

    def forward(self, code: Tensor, words: Tensor) -> Tensor:
        """Log-likelihood (B,) of words (B, T) given codes (B, H); 0 is padding, and the start."""
        state, before, total = code, torch.zeros_like(words[:, 0]), code.new_zeros(len(code))
        for word in words.unbind(1):
            state = self.recur(self.embed(before), state)
            likely = F.log_softmax(self.out(state), dim=1).gather(1, word[:, None]).squeeze(1)
            total, before = total + likely * (word > 0), word
        return total


class Ppgn(System):
    """Draws by climbing, in the code space of a picture net, towards what a captioner would describe so."""

    paper = Paper("Plug & Play Generative Networks", "Nguyen et al.", 2017, "CVPR", "1612.00005")
    takes = Caption
    Config, Knobs = PpgnConfig, PpgnKnobs
    presets: ClassVar = {"tiny": PpgnConfig()}

    def __init__(self, config: PpgnConfig, schema: Schema) -> None:
        super().__init__(config, schema)
        width = config.width
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 16, 4, 4), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 16, width), nn.ReLU()
        )  # E: the picture net up to fc6
        self.captioner = Captioner(len(schema.lexicon), width)
        self.generator = nn.Sequential(
            nn.Linear(width, 16 * 16), nn.Unflatten(1, (16, 4, 4)), nn.LeakyReLU(0.3), nn.Upsample(scale_factor=4),
            nn.Conv2d(16, 3, 3, padding=1), nn.Tanh(),
        )  # fmt: skip
        self.critic = nn.Sequential(nn.Conv2d(3, 16, 4, 4), nn.LeakyReLU(0.3), nn.Flatten(), nn.Linear(16 * 16, 1))

    def words(self, texts: Sequence[str]) -> Tensor:
        """Numbers of the words: (B, T), padded with 0."""
        rows = [(self.schema.lexicon.ids(text) + [0] * LONGEST)[:LONGEST] for text in texts]
        return self.captioner.out.weight.new_tensor(rows, dtype=torch.long)

    # --8<-- [start:contract]
    def phases(self) -> list[Phase]:
        learns, plays, config = adam(1e-3), adam(2e-4, betas=(0.9, 0.999)), self.config
        reader = {"reader": Player(modules=[self.encoder, self.captioner], optimiser=learns)}
        game = {  # the reader is no player any more: it is frozen
            "critic": Player(modules=[self.critic], optimiser=plays),
            "generator": Player(modules=[self.generator], optimiser=plays),
        }
        return [
            Phase(name="captioner", view=Pairs, images=config.images, batch=config.batch, players=reader,
                  step=self.describe, draws=False),
            Phase(name="generator", view=Pairs, images=config.images, batch=config.batch, players=game,
                  step=self.invert),
        ]  # fmt: skip

    def describe(self, batch: Pairs, clock: Clock) -> Iterator[Update]:
        yield Update("reader", -self.captioner(self.encoder(batch.images), self.words(batch.texts)).mean())

    def invert(self, batch: Pairs, clock: Clock) -> Iterator[Update]:
        code = self.encoder(batch.images)
        fake = self.generator(code)
        judged = F.softplus(-self.critic(batch.images)).mean() + F.softplus(self.critic(fake.detach())).mean()
        yield Update("critic", judged)
        picture, again = F.mse_loss(fake, batch.images), F.mse_loss(self.encoder(fake), code)
        yield Update("generator", picture + again + 0.01 * F.softplus(-self.critic(fake)).mean())

    def sample(self, requests: Sequence[Caption], knobs: PpgnKnobs, rng: RowNoise) -> Iterator[Draft]:
        words, h = self.words([request.text for request in requests]), rng.normal(self.config.width)
        for i in range(knobs.steps):
            h = self.climb(h, words, rng, knobs, rate=1 - i / knobs.steps)
            done = (i + 1) / knobs.steps
            if (i + 1) % knobs.every == 0 or done == 1:
                with torch.no_grad():
                    picture = self.generator(h)
                yield Draft(images=picture, note=f"iteration {i + 1}", progress=done)

    def climb(self, h: Tensor, words: Tensor, rng: RowNoise, knobs: PpgnKnobs, rate: float) -> Tensor:
        with torch.enable_grad():  # needs gradients, whoever calls
            h = h.detach().requires_grad_()
            code = self.encoder(self.generator(h))
            towards = torch.autograd.grad(self.captioner(code, words).sum(), h)[0]
        noise = rng.normal(self.config.width)
        move = knobs.prior * (code - h) + knobs.condition * towards + knobs.noise * noise
        move = move / move.abs().mean(dim=1, keepdim=True).clamp_min(1e-12)  # by row: alone as in company
        return (h + rate * move).clamp(0, 30).detach()

    # --8<-- [end:contract]
