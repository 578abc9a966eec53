"""DAMSM: a text encoder and an image encoder, trained so that each word finds its region of the picture.

Xu et al., AttnGAN, CVPR 2018, section 3.2: the deep attentional multimodal similarity model. Frozen, it scores what is
drawn.

Letters: B pictures (J, counted j) and as many texts (I, counted i), T words, R regions of a picture, E width of a code,
e_t the words of a text, v_r the regions of a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.blocks.layers.convolutions import LEAK, doublings, down
from limner.blocks.losses.joint_embedding import retrieval_accuracy, same_meaning
from limner.blocks.modes import evaluating, full_precision
from limner.data.views import Pairs, View
from limner.optimisers import adam
from limner.system import Clock, Phase, Player, Update

if TYPE_CHECKING:
    from limner.blocks.text.encoders import BiLstmEncoder
    from limner.blocks.vision.pretrained import InceptionRegions

GAMMA_1, GAMMA_2, GAMMA_3 = (
    5.0,
    5.0,
    10.0,
)  # as in the paper: sharpness of attention (eq. 9), of R(Q, D) (eq. 10), of matching (eqs. 11-13)


class SmallRegions(nn.Module):
    """Image encoder: strided convolutions to 8x8 regions (16x16 from 128 pixels on), and on to one code of the whole.

    It maps pictures (B, 3, S, S) to regions (B, E, h, h) and the whole (B, E).

    Args:
        size: S.
        width: E.
        base: channels of the first map.
    """

    def __init__(self, size: int, width: int = 256, base: int = 48) -> None:
        super().__init__()
        self.width, times = width, doublings(size)
        fine = times - 1 if size < 128 else times - 2
        widths = [3, *(min(base << i, 4 * base) for i in range(fine))]
        layers: list[nn.Module] = []
        for inside, outside in pairwise(widths):
            layers += [down(inside, outside), nn.LeakyReLU(LEAK, inplace=True)]
        self.trunk = nn.Sequential(*layers)
        self.places = nn.Conv2d(widths[-1], width, 1, bias=False)
        rest: list[nn.Module] = []
        for _ in range(times - fine):
            rest += [down(widths[-1], widths[-1]), nn.LeakyReLU(LEAK, inplace=True)]
        self.whole = nn.Sequential(*rest, nn.Flatten(), nn.Linear(widths[-1] * 16, width))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.trunk(images)
        return self.places(features), self.whole(features)

    def trainable(self) -> list[nn.Module]:
        """Return the modules that a player may train: all of it."""
        return [self]


def word_region_score(regions: Tensor, words: Tensor, mask: Tensor) -> Tensor:
    """Return R(Q_j, D_i) of eq. 10 for each picture and text: (J, I).

    Each word of a text attends to the regions of a picture (eqs. 7 to 9), and its context vector is compared with it.

    Args:
        regions: (J, E, h, h).
        words: (I, T, E).
        mask: (I, T) true for words; padding neither attends nor counts.
    """
    v = regions.flatten(2)  # (J, E, R)
    s = torch.einsum("ite,jer->jitr", words, v)  # eq. 7
    s = s.masked_fill(~mask[None, :, :, None], -torch.inf).softmax(dim=2)  # over the words, eq. 8
    c = torch.einsum("jitr,jer->jite", (GAMMA_1 * s).softmax(dim=3), v)  # c_t, eq. 9
    relevance = F.cosine_similarity(c, words[None], dim=3)  # R(c_t, e_t): (J, I, T)
    return (GAMMA_2 * relevance).masked_fill(~mask, -torch.inf).logsumexp(dim=2) / GAMMA_2


def cosine(whole: Tensor, sentences: Tensor) -> Tensor:
    """Return the cosine of each picture's code (J, E) and each sentence's (I, E): (J, I)."""
    return F.normalize(whole, dim=1) @ F.normalize(sentences, dim=1).T


def matching_cross_entropy(scores: Tensor, same: Tensor) -> Tensor:
    """Return the cross-entropies of each picture's own text, and of each text's own picture, summed (eqs. 11 to 13).

    Args:
        scores: (B, B), pictures down, texts across.
        same: (B, B) true for rows of one meaning, which are no negatives of each other.
    """
    own = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    logits = (GAMMA_3 * scores).masked_fill(same & ~own, -torch.inf)
    places = torch.arange(len(logits), device=logits.device)
    return F.cross_entropy(logits, places) + F.cross_entropy(logits.T, places)


def matching_losses(
    features: tuple[Tensor, Tensor], text: tuple[Tensor, Tensor, Tensor], same: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the losses of words, L_1^w + L_2^w, and of sentences, L_1^s + L_2^s, in full precision.

    Args:
        features: regions (B, E, h, h) and whole (B, E) of the pictures.
        text: sentence (B, E), words (B, T, E) and mask (B, T), true for words of their texts.
        same: (B, B) true for rows of one meaning.
    """
    regions, whole = (part.float() for part in features)
    sentence, words, mask = text
    with full_precision(regions):
        return (
            matching_cross_entropy(word_region_score(regions, words.float(), mask), same),
            matching_cross_entropy(cosine(whole, sentence.float()), same),
        )


def damsm(
    text: BiLstmEncoder,
    vision: SmallRegions | InceptionRegions,
    *,
    images: int,
    batch: int,
    crop: Callable[[Tensor], Tensor],
    on_start: Callable[[], None] | None = None,
    view: type[View] = Pairs,
    same: Callable[[Any], Tensor] = same_meaning,
) -> Phase:
    """Train both encoders: Adam at 2e-3, times 0.98 after each two-hundredth of the budget, down to a tenth.

    The authors' code clips the gradient of the text encoder at a norm of 0.25; here that of both together is. Adam
    divides the scale out again, so only the proportions between steps matter.

    Args:
        text: the text encoder.
        vision: pictures to regions and whole; what of it learns, its `trainable` returns.
        images: budget in pictures.
        batch: pictures in a step.
        crop: makes of a batch of pictures the windows that `vision` sees.
        on_start: runs at a fresh start of the phase.
        view: of `images` and `texts`.
        same: tells of a batch of it which rows are no negatives of each other, (B, B).
    """

    def step(batch: Any, clock: Clock) -> Iterator[Update]:
        words, sentences = matching_losses(vision(crop(batch.images)), text(batch.texts), same(batch))
        yield Update("encoders", words + sentences, {"words": words, "sentences": sentences})

    def check(batch: Any) -> Mapping[str, float]:
        return matched(text, vision, crop(batch.images), batch, same)

    return Phase(
        name="damsm", view=view, images=images, batch=batch, step=step, check=check, on_start=on_start, draws=False,
        players={"encoders": encoders_player([text, *vision.trainable()])},
    )  # fmt: skip


def encoders_player(modules: list[nn.Module]) -> Player:
    """Return the player of both encoders: Adam at 2e-3, times 0.98 after each two-hundredth of the budget; clipped."""
    return Player(modules=modules, optimiser=adam(2e-3, betas=(0.5, 0.999)), schedule=_decay, clip=0.25)


@torch.no_grad()
def matched(
    text: BiLstmEncoder,
    vision: SmallRegions | InceptionRegions,
    shown: Tensor,
    batch: Any,
    same: Callable[[Any], Tensor] = same_meaning,
) -> Mapping[str, float]:
    """Return the share of a batch's texts whose own picture comes first, by sentences and by words.

    Args:
        text, vision: the encoders, put into eval mode.
        shown: what `vision` sees of each row, (B, 3, S, S).
        batch: the texts.
        same: tells of it which rows are no negatives of each other, (B, B).
    """
    with evaluating(text, vision):
        regions, whole = vision(shown)
        sentences, words, mask = text(batch.texts)
    same_rows = same(batch)
    codes = F.normalize(whole.float(), dim=1), F.normalize(sentences.float(), dim=1)
    best = word_region_score(regions.float(), words.float(), mask).argmax(dim=0)
    hits = same_rows[torch.arange(len(best), device=best.device), best].float().mean()
    return {"matched": retrieval_accuracy(*codes, same_rows), "matched by words": float(hits)}


def _decay(progress: float) -> float:
    return float(max(0.98 ** int(200 * progress), 0.1))
