"""A captioner: what a picture says, word by word (Vinyals et al. 2015, as MirrorGAN's STREAM).

What is seen stands beside every word, not before the first alone: with the picture given once, a small captioner learns
to write long before it learns to look.

Letters: B pictures, F numbers that an eye makes of each, L words of a caption and its end, E width of a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from limner.blocks.modes import evaluating
from limner.blocks.text.encoders import LONGEST
from limner.data.schema import PAD, UNKNOWN, Lexicon
from limner.data.views import Pairs
from limner.optimisers import adam, linear_to_zero
from limner.system import Clock, Phase, Player, Update

END = PAD
"""Ends a caption: as in AttnGAN's vocabulary it shares the number of padding."""
SAID = 40
"""Words after which a caption that does not end is cut."""


class Captioner(nn.Module):
    """An LSTM that tells what an eye has seen.

    Args:
        lexicon: known words.
        seen: F.
        embedding: E.
        hidden: width of the LSTM.
    """

    def __init__(self, lexicon: Lexicon, seen: int, embedding: int = 256, hidden: int = 512) -> None:
        super().__init__()
        self.lexicon = lexicon
        self.see = nn.Sequential(nn.Linear(seen, embedding), nn.BatchNorm1d(embedding, momentum=0.01))
        self.embed = nn.Embedding(len(lexicon), embedding)
        self.recur = nn.LSTM(embedding, hidden, batch_first=True)
        self.say = nn.Linear(hidden, len(lexicon))

    def forward(self, seen: Tensor, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return the log-probability of each word of each text, each text's end included, and where there is one.

        Args:
            seen: (B, F) of each text's picture.
            texts: B of them.

        Returns:
            (B, L), 0 beyond the end, and (B, L) true up to it.
        """
        rows = [[*self.lexicon.ids(text)[:LONGEST], END] for text in texts]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [END] * (longest - len(row)) for row in rows], device=seen.device)  # (B, L)
        lengths = torch.tensor([len(row) for row in rows], device=seen.device)
        real = torch.arange(longest, device=seen.device) < lengths[:, None]
        picture = self.see(seen)[:, None]  # (B, 1, E)
        before = torch.cat([torch.zeros_like(picture), self.embed(ids[:, :-1])], dim=1)  # each word's predecessor
        states, _ = self.recur(picture + before)
        logs = self.say(states).float().log_softmax(dim=2).gather(2, ids[..., None]).squeeze(2)
        return logs.masked_fill(~real, 0.0), real

    def surprise(self, seen: Tensor, texts: Sequence[str]) -> Tensor:
        """Return the cross-entropy of the texts given their pictures, in nats a word."""
        logs, real = self(seen, texts)
        return -logs.sum() / real.sum()

    def likelihood(self, seen: Tensor, texts: Sequence[str]) -> Tensor:
        """Return the log-probability of each text given its picture, in nats a word: (B,)."""
        logs, real = self(seen, texts)
        return logs.sum(dim=1) / real.sum(dim=1)

    @torch.no_grad()
    def describe(self, seen: Tensor) -> list[str]:
        """Say the most likely word, and then the next, until the end, of what was seen (B, F)."""
        picture, held, said = self.see(seen)[:, None], None, list[Tensor]()
        before = torch.zeros_like(picture)
        for _ in range(SAID):
            states, held = self.recur(picture + before, held)
            logits = self.say(states[:, 0])
            logits[:, UNKNOWN] = -torch.inf
            said.append(logits.argmax(dim=1))
            before = self.embed(said[-1])[:, None]
        return [self._words(row) for row in torch.stack(said, dim=1).tolist()]

    def _words(self, ids: list[int]) -> str:
        ended = ids[: ids.index(END)] if END in ids else ids
        return " ".join(self.lexicon.words[number - 2] for number in ended)


def captioning(
    captioner: Captioner, eye: Callable[[Tensor], Tensor], *, images: int, batch: int, lr: float = 1e-3
) -> Phase:
    """Train it to say a caption of each picture: Adam, falling in a straight line.

    Args:
        captioner: who learns.
        eye: makes (B, F) of a batch of pictures; it rests.
        images: budget in pictures.
        batch: pictures in a step.
        lr: learning rate.
    """

    def step(batch: Pairs, clock: Clock) -> Iterator[Update]:
        with torch.no_grad():
            seen = eye(batch.images)
        yield Update("captioner", captioner.surprise(seen, batch.texts))

    @torch.no_grad()
    def check(batch: Pairs) -> Mapping[str, float]:
        seen = eye(batch.images)
        with evaluating(captioner):
            told, other = (captioner.surprise(one, batch.texts) for one in (seen, seen.roll(1, 0)))
        return {"surprise": float(told), "surprise by another": float(other)}

    player = Player(modules=[captioner], optimiser=adam(lr), schedule=linear_to_zero)
    return Phase(
        name="captioner", view=Pairs, images=images, batch=batch, players={"captioner": player}, step=step,
        check=check, draws=False,
    )  # fmt: skip
