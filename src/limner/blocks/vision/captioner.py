"""A captioner: describes a picture, word by word (Vinyals et al. 2015, as MirrorGAN's STREAM).

The picture's features are added to every word, not given before the first alone: with the picture given once, a small
captioner learns to write long before it learns to look. With `first` it is given so all the same, as in the paper.

Letters: B pictures, F features of each, L words of a caption and its end, E width of a word.
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
CUT = 40
"""Words after which a caption that does not end is cut."""


class Captioner(nn.Module):
    """An LSTM that describes a picture from its features.

    Args:
        lexicon: known words.
        features: F.
        embedding: E.
        hidden: width of the LSTM.
        first: whether the picture is given before the first word alone.
    """

    def __init__(
        self, lexicon: Lexicon, features: int, embedding: int = 256, hidden: int = 512, first: bool = False
    ) -> None:
        super().__init__()
        self.lexicon, self.first = lexicon, first
        self.see = nn.Sequential(nn.Linear(features, embedding), nn.BatchNorm1d(embedding, momentum=0.01))
        self.embed = nn.Embedding(len(lexicon), embedding)
        self.recur = nn.LSTM(embedding, hidden, batch_first=True)
        self.say = nn.Linear(hidden, len(lexicon))

    def forward(self, features: Tensor, texts: Sequence[str], least: int = 1) -> tuple[Tensor, Tensor]:
        """Return the log-probability of each word of each text, the text's end included, and their mask.

        Args:
            features: (B, F) of each text's picture.
            texts: B of them.
            least: places L at least, so that sums are ordered alike however short the texts are.

        Returns:
            (B, L), 0 beyond the end, and (B, L) true up to it.
        """
        logits, ids, mask = self._logits(features, texts, least)
        logs = logits.log_softmax(dim=2).gather(2, ids[..., None]).squeeze(2)
        return logs.masked_fill(~mask, 0.0), mask

    def _logits(self, features: Tensor, texts: Sequence[str], least: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the logits of each place of each text (B, L, V), the words there (B, L), and their mask (B, L)."""
        rows = [[*self.lexicon.ids(text)[:LONGEST], END] for text in texts]
        longest = max(least, *map(len, rows))
        ids = torch.tensor([row + [END] * (longest - len(row)) for row in rows], device=features.device)  # (B, L)
        lengths = torch.tensor([len(row) for row in rows], device=features.device)
        mask = torch.arange(longest, device=features.device) < lengths[:, None]
        picture = self.see(features)[:, None]  # (B, 1, E)
        words = self.embed(ids[:, :-1])  # the word before each place but the first
        if self.first:
            given = torch.cat([picture, words], dim=1)
        else:
            given = picture + torch.cat([torch.zeros_like(picture), words], dim=1)
        states, _ = self.recur(given)
        return self.say(states).float(), ids, mask

    def scored(self, features: Tensor, texts: Sequence[str], least: int = 1) -> tuple[Tensor, list[str], list[str]]:
        """Return log p of each text, the likeliest word at each of its places, and the text as it is read.

        A place is guessed after the true words before it; the end of a text is a place, too, and guesses stop with it.

        Args:
            features: (B, F) of each text's picture.
            texts: B of them.
            least: as above.

        Returns:
            (B,) in nats, all words and the end together; B sentences; B sentences.
        """
        logits, ids, mask = self._logits(features, texts, least)
        logs = logits.log_softmax(dim=2).gather(2, ids[..., None]).squeeze(2).masked_fill(~mask, 0.0)
        guessed = logits.detach().argmax(dim=2).masked_fill(~mask, END)
        said, read = ([self._words(row) for row in some.tolist()] for some in (guessed, ids))
        return logs.sum(dim=1), said, read

    def cross_entropy(self, features: Tensor, texts: Sequence[str]) -> Tensor:
        """Return the cross-entropy of the texts given their pictures' features (B, F), in nats a word."""
        logs, mask = self(features, texts)
        return -logs.sum() / mask.sum()

    def log_likelihood(self, features: Tensor, texts: Sequence[str]) -> Tensor:
        """Return the log-probability of each text given its picture's features (B, F), in nats a word: (B,)."""
        logs, mask = self(features, texts)
        return logs.sum(dim=1) / mask.sum(dim=1)

    @torch.no_grad()
    def describe(self, features: Tensor) -> list[str]:
        """Return a caption for each row of features (B, F): the most likely word, and then the next, until the end."""
        picture, state, chosen = self.see(features)[:, None], None, list[Tensor]()
        given = picture
        for _ in range(CUT):
            states, state = self.recur(given, state)
            logits = self.say(states[:, 0])
            logits[:, UNKNOWN] = -torch.inf
            chosen.append(logits.argmax(dim=1))
            word = self.embed(chosen[-1])[:, None]
            given = word if self.first else picture + word
        return [self._words(row) for row in torch.stack(chosen, dim=1).tolist()]

    def _words(self, ids: list[int]) -> str:
        ended = ids[: ids.index(END)] if END in ids else ids
        return " ".join(self.lexicon.words[number - 2] if number != UNKNOWN else "?" for number in ended)


def captioning(
    captioner: Captioner,
    features: Callable[[Tensor], Tensor],
    *,
    images: int,
    batch: int,
    lr: float = 1e-3,
    learns: Sequence[nn.Module] = (),
) -> Phase:
    """Train it on the captions of real pictures: Adam, the rate falling linearly to 0.

    Args:
        captioner: the net that is trained.
        features: makes (B, F) of a batch of pictures.
        images: budget in pictures.
        batch: pictures in a step.
        lr: learning rate.
        learns: the modules behind `features` that learn with it; without any, what looks is frozen.
    """

    def step(batch: Pairs, clock: Clock) -> Iterator[Update]:
        with torch.set_grad_enabled(bool(learns)):
            own = features(batch.images)
        yield Update("captioner", captioner.cross_entropy(own, batch.texts))

    @torch.no_grad()
    def check(batch: Pairs) -> Mapping[str, float]:
        with evaluating(captioner, *learns):
            own = features(batch.images)
            right, wrong = (captioner.cross_entropy(one, batch.texts) for one in (own, own.roll(1, 0)))
        return {"surprise": float(right), "surprise by another": float(wrong)}

    player = Player(modules=[captioner, *learns], optimiser=adam(lr), schedule=linear_to_zero)
    return Phase(
        name="captioner", view=Pairs, images=images, batch=batch, players={"captioner": player}, step=step,
        check=check, draws=False,
    )  # fmt: skip
