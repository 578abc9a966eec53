"""Pre-training of a text encoder beside an image encoder: codes of matching pairs are drawn together, others apart.

Two losses, each as a ready `Phase`: the structured joint embedding of Reed et al. (CVPR 2016, eqs. 1-4), and the
symmetric contrastive loss of CLIP (Radford et al. 2021, fig. 3). A third phase needs no pictures: an encoder learns to
give the vectors that another one made of the same sentences.

Letters: B rows, E width of a code, v and t codes (B, E) of pictures and texts, s_ij = v_i . t_j.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from limner.blocks.modes import evaluating, full_precision
from limner.blocks.text.encoders import TextEncoder
from limner.blocks.vision.encoders import ImageEncoder
from limner.data.embedded_views import EmbeddedPairs, embedded_pairs
from limner.data.views import Pairs, Scenes
from limner.optimisers import OptimiserFactory, adam, constant, linear_to_zero, rmsprop
from limner.system import Clock, Phase, Player, Update

SHARPEST = 4.6  # log of 100, at which CLIP clips its inverse temperature


def same_meaning(batch: Pairs) -> Tensor:
    """Return (B, B), true for rows that are no negatives of each other.

    They are where one's text is among the captions of the other's picture, where both have the same label, and on the
    diagonal.
    """
    captions = [frozenset(all_of_row) for all_of_row in batch.captions]
    shared = torch.tensor([[text in of_row for text in batch.texts] for of_row in captions])
    shared = (shared | shared.T).to(batch.labels.device)
    same_label = (batch.labels[:, None] == batch.labels) & (batch.labels >= 0)
    return shared | same_label | torch.eye(len(captions), dtype=torch.bool, device=shared.device)


def same_text(batch: Scenes) -> Tensor:
    """Return (B, B), true for rows that are told the same words, where no more is known of what a row's meaning is."""
    own = torch.tensor([[text == other for other in batch.texts] for text in batch.texts])
    return own.to(batch.images.device)


def structured_hinge(v: Tensor, t: Tensor, same: Tensor) -> Tensor:
    """Return the symmetric hinge with margin 1 (Reed et al. 2016, eqs. 2 and 3) of codes that are not normalised.

    1/B^2 sum of max(0, 1 + s_ij - s_ii) + max(0, 1 + s_ji - s_ii) over i and j that are not `same` (B, B). With all
    codes zero it is 2 (B - 1) / B.
    """
    s = v @ t.T  # (B, B)
    own = s.diagonal()[:, None]
    hinges = (1 + s - own).relu() + (1 + s.T - own).relu()
    return hinges.masked_fill(same, 0.0).sum() / len(s) ** 2


def contrast(v: Tensor, t: Tensor, same: Tensor, sharpness: Tensor) -> Tensor:
    """Return the mean of two cross-entropies: each picture's own text among the batch's, and each text's own picture.

    Rows that are `same` (B, B) are left out of each other's denominators. `sharpness` is the log of the inverse
    temperature. With all codes equal the loss is log B.
    """
    logits = F.normalize(v, dim=1) @ F.normalize(t, dim=1).T * sharpness.clamp_max(SHARPEST).exp()
    own = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    logits = logits.masked_fill(same & ~own, -torch.inf)
    places = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, places) + F.cross_entropy(logits.T, places)) / 2


def retrieval_accuracy(v: Tensor, t: Tensor, same: Tensor) -> float:
    """Return the share of texts whose nearest picture in the batch (by inner product) is their own or `same`."""
    nearest = (t @ v.T).argmax(dim=1)
    return same[torch.arange(len(t), device=t.device), nearest].float().mean().item()


def structured_joint_embedding(text: TextEncoder, vision: ImageEncoder, *, images: int, batch: int = 40) -> Phase:
    """Return a phase that trains both by the paper's hinge: RMSprop at 7e-4, times 0.98 after each of 200 epochs.

    The paper's pictures are GoogLeNet features and its batch holds one picture of each of 40 classes. Here the image
    encoder is small and trained as well, and rows of one class, or one text, do not count as mismatched.
    """

    def loss(batch: Pairs, v: Tensor, t: Tensor) -> Tensor:
        return structured_hinge(v, t, same_meaning(batch))

    return _phase(text, vision, loss, images, batch, rmsprop(7e-4), lambda progress: 0.98 ** int(200 * progress))


def contrastive(text: TextEncoder, vision: ImageEncoder, *, images: int, batch: int = 96, lr: float = 1e-3) -> Phase:
    """Return a phase that trains both by CLIP's loss, in minutes: Adam, its rate decaying linearly to 0."""

    def loss(batch: Pairs, v: Tensor, t: Tensor) -> Tensor:
        return contrast(v, t, same_meaning(batch), vision.sharpness)

    return _phase(text, vision, loss, images, batch, adam(lr), linear_to_zero, cosine=True)


def imitation(text: TextEncoder, *, images: int, batch: int = 64, share: float = 1.0, lr: float = 1e-3) -> Phase:
    """Return a phase that trains an encoder to give the vectors that came with captions: Adam, its rate falling to 0.

    Args:
        text: learns.
        images: budget, one caption a picture.
        batch: pictures in a step.
        share: of the pictures, whose captions are read.
        lr: the rate at first.
    """

    def step(batch: EmbeddedPairs, clock: Clock) -> Iterator[Update]:
        yield Update("embedding", unlike(text.sentence(batch.texts), batch.vectors))

    @torch.no_grad()
    def check(batch: EmbeddedPairs) -> Mapping[str, float]:
        with evaluating(text):
            return {"explained": 1 - unlike(text.sentence(batch.texts), batch.vectors).item()}

    return Phase(
        name="text", view=embedded_pairs(share), images=images, batch=batch, step=step, check=check, draws=False,
        players={"embedding": Player(modules=[text], optimiser=adam(lr), schedule=linear_to_zero)},
    )  # fmt: skip


def unlike(codes: Tensor, vectors: Tensor) -> Tensor:
    """Return the squared distance of codes to their vectors, as a share of the vectors' variance, two of (B, E).

    0 where they are equal, 1 where each code is the mean of the vectors.
    """
    with full_precision(codes):
        vectors = vectors.float()
        variance = (vectors - vectors.mean(dim=0)).square().sum().clamp_min(1e-12)
        return (codes.float() - vectors).square().sum() / variance


def _phase(
    text: TextEncoder,
    vision: ImageEncoder,
    loss: Callable[[Pairs, Tensor, Tensor], Tensor],
    images: int,
    size: int,
    optimiser: OptimiserFactory,
    schedule: Callable[[float], float] = constant,
    cosine: bool = False,
) -> Phase:
    def step(batch: Pairs, clock: Clock) -> Iterator[Update]:
        v, t = vision(batch.images), text.sentence(batch.texts)  # (B, E) each
        with full_precision(v):
            yield Update("embedding", loss(batch, v.float(), t.float()))

    @torch.no_grad()
    def check(batch: Pairs) -> Mapping[str, float]:
        with evaluating(text, vision):
            v, t = vision(batch.images).float(), text.sentence(batch.texts).float()
        if cosine:
            v, t = F.normalize(v, dim=1), F.normalize(t, dim=1)
        return {"matched": retrieval_accuracy(v, t, same_meaning(batch))}

    embedding = Player(modules=[text, vision], optimiser=optimiser, schedule=schedule)
    return Phase(
        name="text",
        view=Pairs,
        images=images,
        batch=size,
        players={"embedding": embedding},
        step=step,
        check=check,
        draws=False,
    )
