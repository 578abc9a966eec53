"""From a sentence to labelled boxes, one after the other: an LSTM with mixtures of normal laws.

Hong, Yang, Choi, Lee: Inferring Semantic Layout for Hierarchical Text-to-Image Synthesis, CVPR 2018, and Li et al.:
Object-driven Text-to-Image Synthesis via Adversarial Training (Obj-GAN), CVPR 2019, whose boxes come in the same way.
Each step gives the label of the next box or the end, then its middle (x, y), then its sides (w, h) given its middle.

A system holds a `BoxGenerator` as a module, trains it by `box_update` and `boxes_player`, and draws by `draw`. Boxes
are x, y, width and height in shares of the picture, as in all layouts; inside, middles take the place of corners, which
changes no density.

Letters: B layouts, K boxes at most, L labels, E width of a sentence and of its words, T words, H width of the LSTM,
M components of a mixture, G boxes that are given.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.latent.mixture import EPSILONS, NUMBERS, Mixture, chosen
from limner.blocks.layout.boxes import inside
from limner.blocks.text.encoders import TextCodes
from limner.optimisers import adam
from limner.system import Player, Update

LABEL_WEIGHT, CLIP = 4.0, 5.0
NOISE = 1 + 2 * EPSILONS
"""Numbers of normal noise that a box takes: one for its label, three for its middle, three for its sides."""
State = tuple[Tensor, Tensor]


class Terms(NamedTuple):
    """What layouts cost a box generator: negative log-likelihoods summed over the boxes of each row, in nats, (B,)."""

    label: Tensor
    """Of labels and of the end."""
    middle: Tensor
    """Of (x, y) given labels."""
    sides: Tensor
    """Of (w, h) given labels and middles."""
    choices: Tensor
    """How many labels were chosen, the end among them."""
    boxes: Tensor
    """How many boxes there are."""

    @property
    def nats(self) -> Tensor:
        """The negative log-likelihood of each layout, as a set of labelled boxes: (B,)."""
        return self.label + self.middle + self.sides


def by_area(labels: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Sort the boxes of each row from the largest on; where there is none, last: (B, K) and (B, K, 4)."""
    return _sorted(labels, boxes, -boxes[..., 2] * boxes[..., 3])


def from_left(labels: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Sort the boxes of each row from left to right; where there is none, last: (B, K) and (B, K, 4)."""
    return _sorted(labels, boxes, boxes[..., 0])


def _sorted(labels: Tensor, boxes: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
    rank = torch.where(labels < 0, torch.inf, key).argsort(dim=1, stable=True)
    return labels.gather(1, rank), boxes.gather(1, rank[..., None].expand_as(boxes))


class ConcatAttention(nn.Module):
    """Attention of a state to words, v . tanh(W [h, e_t]) (Bahdanau et al. 2015): (B, H) to a context (B, E)."""

    def __init__(self, state: int, word: int) -> None:
        super().__init__()
        self.map, self.score = nn.Linear(state + word, state), nn.Linear(state, 1, bias=False)

    def forward(self, h: Tensor, text: TextCodes) -> tuple[Tensor, Tensor]:
        """Return the context and the attention, (B, T)."""
        pairs = torch.cat([h[:, None].expand(-1, text.words.shape[1], -1), text.words], dim=2)
        weights = (self.score(self.map(pairs).tanh())[..., 0] + text.weight).softmax(dim=1)
        return (weights[..., None] * text.words).sum(dim=1), weights


class BoxGenerator(nn.Module):
    """p(l_t | ...) p(x_t, y_t | l_t, ...) p(w_t, h_t | x_t, y_t, l_t, ...), each given a sentence and the boxes before.

    Args:
        labels: L.
        text: E.
        width: H.
        components: M.
        hidden: units of a layer between the state and the laws of middles and sides; 0: none, as in Obj-GAN's code,
            and then labels shift what the state says and cannot change what it means.
        attentive: whether each step attends to the words, as Obj-GAN's paper has it.
        order: that of the boxes, "area" from the largest on or "left" from left to right.
    """

    def __init__(
        self, labels: int, text: int, *, width: int = 256, components: int = 5, hidden: int = 0,
        attentive: bool = False, order: Literal["area", "left"] = "area",
    ) -> None:  # fmt: skip
        super().__init__()
        self.labels, self.order = labels, order
        kinds = labels + 1  # the last one is the end
        self.start = nn.Linear(text, width)
        self.attend = ConcatAttention(width, text) if attentive else None
        self.recur = nn.LSTMCell(kinds + 4 + text * attentive, width)
        self.label = nn.Linear(width, kinds)
        self.middle = _law(width + kinds, hidden, components)
        self.sides = _law(width + kinds + 2, hidden, components)

    def begin(self, text: TextCodes) -> State:
        """Return the state before the first box, from sentences."""
        state = self.start(text.sentence).tanh()
        return state, torch.zeros_like(state)

    def step(self, before: Tensor, state: State, text: TextCodes) -> tuple[State, Tensor | None]:
        """Go on by a box, given the last one (B, L + 1 + 4); return the state, and the attention to words (B, T)."""
        attention = None
        if self.attend is not None:
            context, attention = self.attend(state[0], text)
            before = torch.cat([before, context], dim=1)
        return self.recur(before, state), attention

    def read(self, kinds: Tensor, boxes: Tensor) -> Tensor:
        """Return what a step is given of one-hot labels (..., L + 1) and boxes (..., 4): numbers about 0."""
        return torch.cat([kinds, 2 * _middles(boxes) - 1], dim=-1)

    def terms(self, text: TextCodes, labels: Tensor, boxes: Tensor) -> Terms:
        """Return what layouts cost, each box given the true ones before it.

        Where a row has boxes in all K places, nothing is said of its end: it may have been cut there.

        Args:
            text: of B sentences.
            labels: (B, K), -1 where there is no box.
            boxes: (B, K, 4).
        """
        labels, boxes = (by_area if self.order == "area" else from_left)(labels, boxes)
        there = labels >= 0
        steps = min(int(there.sum(dim=1).max()) + 1, labels.shape[1])
        labels, boxes, there = labels[:, :steps], boxes[:, :steps], there[:, :steps]
        truth = torch.where(there, labels, self.labels)
        kinds = F.one_hot(truth, self.labels + 1).to(boxes)
        inputs, state, states = self.read(kinds, boxes), self.begin(text), []
        for k in range(steps):
            state, _ = self.step(inputs[:, k - 1] if k else torch.zeros_like(inputs[:, 0]), state, text)
            states.append(state[0])
        h, laid = torch.stack(states, dim=1), _middles(boxes)  # (B, K, H), (B, K, 4)
        asked = torch.cat([torch.ones_like(there[:, :1]), there[:, :-1]], dim=1)  # after each box, and once after all
        label = F.cross_entropy(self.label(h).float().flatten(0, 1), truth.flatten(), reduction="none").view_as(truth)
        middle = -Mixture.of(self.middle(torch.cat([h, kinds], dim=2))).log_density(laid[..., :2])
        sides = -Mixture.of(self.sides(torch.cat([h, kinds, laid[..., :2]], dim=2))).log_density(laid[..., 2:])
        return Terms(
            (label * asked).sum(dim=1), (middle * there).sum(dim=1), (sides * there).sum(dim=1),
            asked.sum(dim=1), there.sum(dim=1),
        )  # fmt: skip

    def loss(self, text: TextCodes, labels: Tensor, boxes: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return 4 CE - log p(x, y) - log p(w, h), each averaged over the boxes of a row, and its parts."""
        terms = self.terms(text, labels, boxes)
        label = (terms.label / terms.choices).mean()
        middle, sides = ((part / terms.boxes.clamp(min=1)).mean() for part in (terms.middle, terms.sides))
        return LABEL_WEIGHT * label + middle + sides, {"label": label, "middle": middle, "sides": sides}

    def draw(
        self, text: TextCodes, noise: Tensor, labels: Tensor, boxes: Tensor, *, missing: bool = True,
        temperature: float = 1.0, label_temperature: float | None = None,
    ) -> Iterator[tuple[Tensor, Tensor]]:  # fmt: skip
        """Draw box after box; yield labels (B, K), -1 where there is none, and boxes (B, K, 4) after each step.

        A box that is given takes the turn of the first box of its label, as it is; what is given and was not drawn is
        put at the end. So what the text asks for is not drawn twice. A row depends on its own text and noise alone.

        Args:
            text: of B sentences.
            noise: (B, K, 7) from N(0, 1); K is how many boxes there are at most.
            labels: (B, G) of boxes that are given, -1 where there is none; G is K at most.
            boxes: (B, G, 4) of those.
            missing: whether what the text asks for beside them is drawn; else they are the whole layout of a row that
                has any.
            temperature: of middles and sides: see `Mixture.draw`.
            label_temperature: of labels, the same where None; at 0 the likeliest.
        """
        labels, boxes = F.pad(labels, (0, 1), value=-1), F.pad(boxes, (0, 0, 0, 1))  # so that there is one to choose
        labels, boxes = (by_area if self.order == "area" else from_left)(labels, boxes)
        most, end = noise.shape[1], self.labels
        warmth = temperature if label_temperature is None else label_temperature
        found = torch.full((len(noise), most), -1, device=noise.device)
        places = torch.zeros(len(noise), most, 4, device=noise.device)
        left, closed = labels >= 0, (labels >= 0).any(dim=1) & (not missing)  # (B, G), (B,)
        going, state = torch.ones_like(closed), self.begin(text)
        before = noise.new_zeros(len(noise), end + 1 + 4)
        for k in range(most):
            state, _ = self.step(before, state, text)
            label = self._label(state[0], noise[:, k, 0], warmth)
            forced = closed | (label == end) | (left.sum(dim=1) >= most - k)
            fits = left & ((labels == label[:, None]) | forced[:, None])
            kept, chosen_one = fits.any(dim=1), fits.int().argmax(dim=1, keepdim=True)
            label = torch.where(kept, labels.gather(1, chosen_one)[:, 0], torch.where(closed, end, label))
            going = going & (label != end)
            own = boxes.gather(1, chosen_one[..., None].expand(-1, 1, 4))[:, 0]
            place = torch.where(kept[:, None], own, self._place(state[0], label, noise[:, k, 1:], temperature))
            left = left.scatter(1, chosen_one, left.gather(1, chosen_one) & ~kept[:, None])
            found[:, k] = torch.where(going, label, -1)
            places[:, k] = torch.where(going[:, None], place, 0.0)
            before = self.read(F.one_hot(torch.where(going, label, end), end + 1).to(place), places[:, k])
            yield found.clone(), places.clone()
            if not going.any():
                return

    def _label(self, h: Tensor, epsilon: Tensor, temperature: float) -> Tensor:
        logits = self.label(h).float()
        return logits.argmax(dim=1) if temperature <= 0 else chosen(logits / temperature, epsilon)

    def _place(self, h: Tensor, label: Tensor, epsilon: Tensor, temperature: float) -> Tensor:
        """Draw a box of a label, kept inside the picture: (B, 4)."""
        given = torch.cat([h, F.one_hot(label, self.labels + 1).to(h)], dim=1)
        middle = Mixture.of(self.middle(given)).draw(epsilon[:, :EPSILONS], temperature).clamp(0, 1)
        sides = Mixture.of(self.sides(torch.cat([given, middle], dim=1))).draw(epsilon[:, EPSILONS:], temperature)
        sides = sides.clamp(min=0)
        return inside(torch.cat([middle - sides / 2, sides], dim=1))


def box_update(generator: BoxGenerator, text: TextCodes, labels: Tensor, boxes: Tensor) -> Update:
    """Return the update of the player `boxes` on true layouts, labels (B, K) and boxes (B, K, 4)."""
    return Update("boxes", *generator.loss(text, labels, boxes))


def boxes_player(*modules: nn.Module, rate: float = 1e-3) -> Player:
    """Return the player of a box generator, with what learns beside it: Adam, gradients clipped at norm 5."""
    return Player(modules=modules, optimiser=adam(rate), clip=CLIP)


def _middles(boxes: Tensor) -> Tensor:
    """Return the middles and sides of boxes, (..., 4)."""
    return torch.cat([boxes[..., :2] + boxes[..., 2:] / 2, boxes[..., 2:]], dim=-1)


def _law(inside: int, hidden: int, components: int) -> nn.Sequential:
    """Return what gives the numbers of a mixture, at the start components all over the picture."""
    layers: list[nn.Module] = [nn.Linear(inside, hidden), nn.ReLU()] if hidden else []
    last = nn.Linear(hidden or inside, NUMBERS * components)
    with torch.no_grad():
        bias = last.bias.view(components, NUMBERS)
        bias.zero_()
        bias[:, 1:3].uniform_(0, 1)
        bias[:, 3:5] = -1.5
    return nn.Sequential(*layers, last)
