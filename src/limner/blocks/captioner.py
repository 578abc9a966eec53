"""A captioner: what a picture says, word by word (Vinyals et al. 2015, as MirrorGAN's STREAM).

Letters: B pictures, S their side, F numbers that the eye sees, L words of a caption and its end, E width of a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from limner.blocks.modes import evaluating
from limner.blocks.stackgan import Encoder
from limner.blocks.text import LONGEST
from limner.data.schema import PAD, UNKNOWN, Lexicon
from limner.data.views import Pairs
from limner.system import Clock, Phase, Player, Update, adam, linear

END = PAD
"""Ends a caption: as in AttnGAN's vocabulary it shares the number of padding."""
SAID = 40
"""Words after which a caption that does not end is cut."""


class SmallEye(nn.Sequential):
    """A picture halved to a 4x4 map, trained here: (B, 3, S, S) to (B, F)."""

    def __init__(self, size: int, base: int = 32) -> None:
        trunk = Encoder(base, size)
        super().__init__(trunk, nn.Flatten())
        self.width = trunk.widths[-1] * 16

    def learns(self) -> list[nn.Module]:
        """Return the parts that learn: all of it."""
        return [self]


class Captioner(nn.Module):
    """An eye, and an LSTM that tells what it sees.

    Args:
        lexicon: known words.
        eye: pictures (B, 3, S, S) to (B, F), with `width` F and `learns()`.
        embedding: E.
        hidden: width of the LSTM.
    """

    def __init__(self, lexicon: Lexicon, eye: nn.Module, embedding: int = 256, hidden: int = 512) -> None:
        super().__init__()
        self.lexicon, self.eye = lexicon, eye
        self.see = nn.Sequential(nn.Linear(eye.width, embedding), nn.BatchNorm1d(embedding, momentum=0.01))  # type: ignore[arg-type]
        self.embed = nn.Embedding(len(lexicon), embedding)
        self.recur = nn.LSTM(embedding, hidden, batch_first=True)
        self.say = nn.Linear(hidden, len(lexicon))

    def forward(self, images: Tensor, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return the log-probability of each word of each text, each text's end included, and where there is one.

        Returns:
            (B, L), 0 beyond the end, and (B, L) true up to it.
        """
        rows = [self.lexicon.ids(text)[:LONGEST] for text in texts]
        longest = max(map(len, rows)) + 1
        ids = torch.tensor([[*row, *[END] * (longest - len(row))] for row in rows], device=images.device)  # (B, L)
        lengths = torch.tensor([len(row) + 1 for row in rows], device=images.device)
        real = torch.arange(longest, device=images.device) < lengths[:, None]
        given = torch.cat([self.see(self.eye(images))[:, None], self.embed(ids[:, :-1])], dim=1)  # (B, L, E)
        states, _ = self.recur(given)
        logs = self.say(states).float().log_softmax(dim=2).gather(2, ids[..., None]).squeeze(2)
        return logs.masked_fill(~real, 0.0), real

    def surprise(self, images: Tensor, texts: Sequence[str]) -> Tensor:
        """Return the cross-entropy of the texts given their pictures, in nats a word."""
        logs, real = self(images, texts)
        return -logs.sum() / real.sum()

    def likelihood(self, images: Tensor, texts: Sequence[str]) -> Tensor:
        """Return the log-probability of each text given its picture, in nats a word: (B,)."""
        logs, real = self(images, texts)
        return logs.sum(dim=1) / real.sum(dim=1)

    @torch.no_grad()
    def describe(self, images: Tensor) -> list[str]:
        """Say the most likely word, and then the next, until the end."""
        given, held, said = self.see(self.eye(images))[:, None], None, []
        for _ in range(SAID):
            states, held = self.recur(given, held)
            logits = self.say(states[:, 0])
            logits[:, UNKNOWN] = -torch.inf
            said.append(logits.argmax(dim=1))
            given = self.embed(said[-1])[:, None]
        return [self._words(row) for row in torch.stack(said, dim=1).tolist()]

    def _words(self, ids: list[int]) -> str:
        ended = ids[: ids.index(END)] if END in ids else ids
        return " ".join(self.lexicon.words[number - 2] for number in ended)


def captioning(
    captioner: Captioner, *, images: int, batch: int, show: Callable[[Tensor], Tensor], lr: float = 1e-3
) -> Phase:
    """Train it to say a caption of each picture: Adam, falling in a straight line.

    Args:
        captioner: who learns.
        images: budget in pictures.
        batch: pictures in a step.
        show: makes of a batch of pictures what it sees of them.
        lr: learning rate.
    """

    def step(batch: Pairs, clock: Clock) -> Iterator[Update]:
        yield Update("captioner", captioner.surprise(show(batch.images), batch.texts))

    @torch.no_grad()
    def check(batch: Pairs) -> Mapping[str, float]:
        with evaluating(captioner):
            images = show(batch.images)
            told, other = (captioner.surprise(shown, batch.texts) for shown in (images, images.roll(1, 0)))
        return {"surprise": float(told), "surprise by another": float(other)}

    modules = [captioner.see, captioner.embed, captioner.recur, captioner.say, *captioner.eye.learns()]  # type: ignore[operator]
    player = Player(modules=modules, optimiser=adam(lr), schedule=linear)
    return Phase(
        name="captioner", view=Pairs, images=images, batch=batch, players={"captioner": player}, step=step,
        check=check, draws=False,
    )  # fmt: skip
