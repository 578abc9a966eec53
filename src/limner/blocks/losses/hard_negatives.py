"""Hard negatives: captions that almost fit a picture, for a discriminator and for a loss of matching.

A pair of frozen encoders, pre-trained by contrast, scores how well every caption of the training set fits a picture. A
caption of another picture may be true of this one, too; the real picture decides: a caption that fits it almost as well
as its own is left out. The retrieval loss of drawings is the sentence part of AttnGAN's DAMSM (Xu et al., CVPR 2018)
over many more texts; choosing negatives by how hard they are follows Robinson et al. (ICLR 2021).

Letters: B pictures, M candidate captions, E width of a code, P width of pooled states.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from limner.blocks.losses.joint_embedding import SHARPEST
from limner.blocks.modes import full_precision
from limner.blocks.text.caption_table import CaptionTable
from limner.blocks.text.encoders import TextEncoder

if TYPE_CHECKING:
    from limner.data.dataset import Dataset

CANDIDATES = 4096
"""Captions, of all there are, that are compared with the pictures of a step."""
MARGIN = 0.2
"""How much less than its own caption, in cosine, another must fit a real picture to count as wrong for it."""
HARD = 32
"""A hard negative is one of so many that fit a real picture best."""


class Candidates(NamedTuple):
    """Captions compared with the real pictures of a batch."""

    own: Tensor
    """(B,) place of each picture's own caption in the table."""
    places: Tensor
    """(M,) places of the other captions."""
    similarity: Tensor
    """(B, M) cosine of picture and caption, minus infinity where the caption may be true of the picture."""


class HardNegatives:
    """Pooled states and codes of all captions of a training set by frozen encoders.

    They are derived, so they are not saved: `fill` is called whenever a phase is entered.
    """

    def __init__(self) -> None:
        self.table = CaptionTable()
        self.codes = torch.empty(0)

    @torch.no_grad()
    def fill(
        self,
        text: TextEncoder,
        data: Dataset,
        pool: Callable[[Sequence[str]], Tensor],
        project: Callable[[Tensor], Tensor],
    ) -> None:
        """Compute of each caption what `pool` returns, (B, P), and what `project` makes of it, its code (B, E)."""
        self.table.fill(text, data, encode=pool)
        self.codes = F.normalize(project(self.table.vectors), dim=1)

    def pooled(self, places: Tensor) -> Tensor:
        """Return the pooled states of captions by their places in the table, (B,): (B, P)."""
        return self.table.vectors[places]

    @torch.no_grad()
    def candidates(self, codes: Tensor, rows: Tensor) -> Candidates:
        """Choose a caption of each real picture, by its code (B, E) and its row (B,) of the data, and rivals of it."""
        own = self.table.choose(rows).flatten()
        places = torch.randint(len(self.codes), (CANDIDATES,), device=own.device)
        codes = F.normalize(codes.float(), dim=1)
        with full_precision(codes):
            similarity = codes @ self.codes[places].T
            with_own = (codes * self.codes[own]).sum(dim=1, keepdim=True)
        return Candidates(own, places, similarity.masked_fill(similarity > with_own - MARGIN, -torch.inf))

    def sample_hard(self, candidates: Candidates) -> tuple[Tensor, Tensor]:
        """Choose a wrong caption of each real picture: (B,) places, and (B,) false where all candidates may be true."""
        own, places, similarity = candidates
        hard = similarity.topk(min(HARD, similarity.shape[1]), dim=1).indices  # (B, 32)
        chosen = hard.gather(1, torch.randint_like(own, hard.shape[1])[:, None])  # (B, 1)
        return places[chosen.flatten()], similarity.gather(1, chosen).flatten().isfinite()

    def retrieval_loss(
        self, codes: Tensor, candidates: Candidates, sharpness: Tensor, rivals: Tensor | None = None
    ) -> Tensor:
        """Return the cross-entropy of finding each drawing's own caption among those wrong for its picture: (B,).

        Args:
            codes: (B, E) of the drawings, which were blurred and given noise before they were encoded.
            candidates: of their real pictures.
            sharpness: the log of the inverse temperature.
            rivals: (B, E) codes of length 1 of one more wrong text of each, zero where there is none.
        """
        own, places, similarity = candidates
        codes = F.normalize(codes.float(), dim=1)
        with full_precision(codes):
            scores = [(codes * self.codes[own]).sum(dim=1, keepdim=True)]
            scores.append((codes @ self.codes[places].T).masked_fill(similarity.isinf(), -torch.inf))
            if rivals is not None:
                none = (rivals == 0).all(dim=1, keepdim=True)
                scores.append((codes * rivals).sum(dim=1, keepdim=True).masked_fill(none, -torch.inf))
            logits = torch.cat(scores, dim=1) * sharpness.clamp_max(SHARPEST).exp()
            return -logits.log_softmax(dim=1)[:, 0]
