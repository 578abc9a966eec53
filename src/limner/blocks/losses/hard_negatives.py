"""Captions that are nearly right: hard negatives for a critic, and rivals among which a drawing must find its own text.

A pair of frozen encoders that learnt by contrast knows of every caption of the training set how well it fits a picture.
A caption of another picture may be true of this one too; the real picture tells: what fits it almost as well as its own
caption is left out. The score of drawings is the sentence part of AttnGAN's DAMSM (Xu et al., CVPR 2018) over many more
texts; choosing negatives by how hard they are follows Robinson et al. (ICLR 2021).

Letters: B pictures, M captions offered, E width of a code, P width of what was pooled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from limner.blocks.losses.differentiable_augmentation import hazy
from limner.blocks.losses.joint_embedding import SHARPEST
from limner.blocks.modes import full_precision
from limner.blocks.text.caption_table import CaptionTable
from limner.blocks.text.encoders import WordEncoder
from limner.blocks.vision.encoders import ImageEncoder

if TYPE_CHECKING:
    from limner.data.dataset import Dataset

OFFERED = 4096
"""Captions, of all there are, that are looked at in a step."""
MARGIN = 0.2
"""How much less than its own text a real picture must fit another (in cosine) before that counts as wrong for it."""
HARD = 32
"""A hard negative is one of so many that fit a real picture best."""


class Candidates(NamedTuple):
    """Captions set before the real pictures of a batch."""

    own: Tensor
    """(B,) place of each picture's own caption in the table."""
    places: Tensor
    """(M,) places of the captions offered."""
    fits: Tensor
    """(B, M) cosine of picture and caption, minus infinity where the caption may be true of the picture."""


class HardNegatives:
    """All captions of a training set, read once by frozen encoders; derived, so filled when a phase begins."""

    def __init__(self) -> None:
        self.table = CaptionTable()
        self.codes = torch.empty(0)

    @torch.no_grad()
    def fill(self, text: WordEncoder, data: Dataset, pool: Callable[[Sequence[str]], Tensor]) -> None:
        """Keep what `pool` makes of each caption (B, P), and its code by the encoder's projection (B, E)."""
        self.table.fill(text, data, read=pool)
        self.codes = F.normalize(text.project(self.table.vectors), dim=1)

    def pooled(self, places: Tensor) -> Tensor:
        """Return what was pooled of captions: (B,) places to (B, P)."""
        return self.table.vectors[places]

    @torch.no_grad()
    def offer(self, vision: ImageEncoder, real: Tensor, rows: Tensor) -> Candidates:
        """Draw a caption of each real picture (B, 3, S, S), rows (B,) of the data, and others to set beside it."""
        own = self.table.choose(rows).flatten()
        places = torch.randint(len(self.codes), (OFFERED,), device=own.device)
        seen = F.normalize(vision(real).float(), dim=1)
        with full_precision(seen):
            fits = seen @ self.codes[places].T
            known = (seen * self.codes[own]).sum(dim=1, keepdim=True)
        return Candidates(own, places, fits.masked_fill(fits > known - MARGIN, -torch.inf))

    def sample_hard(self, offer: Candidates) -> tuple[Tensor, Tensor]:
        """Choose a wrong caption for each real picture: (B,) places, and (B,) false where all offered may be true."""
        hard = offer.fits.topk(min(HARD, offer.fits.shape[1]), dim=1).indices  # (B, 32)
        chosen = hard.gather(1, torch.randint_like(offer.own, hard.shape[1])[:, None])  # (B, 1)
        return offer.places[chosen.flatten()], offer.fits.gather(1, chosen).flatten().isfinite()

    def retrieval_loss(self, vision: ImageEncoder, drawn: Tensor, offer: Candidates) -> Tensor:
        """Return the cross-entropy of finding each drawing's own caption among those wrong for its picture: (B,).

        The encoders see drawings (B, 3, S, S) through a haze.
        """
        seen = F.normalize(vision(hazy(drawn)).float(), dim=1)
        with full_precision(seen):
            right = (seen * self.codes[offer.own]).sum(dim=1, keepdim=True)
            wrong = (seen @ self.codes[offer.places].T).masked_fill(offer.fits.isinf(), -torch.inf)
            sharpness = vision.sharpness.clamp_max(SHARPEST).exp()
            return -(torch.cat([right, wrong], dim=1) * sharpness).log_softmax(dim=1)[:, 0]
