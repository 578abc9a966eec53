"""Each place of a map looks at the words (Xu et al., AttnGAN, CVPR 2018, section 3.1).

Letters: B pictures, T words, E their width, N channels of the map, h its side.
"""

from __future__ import annotations

from torch import Tensor, nn

from limner.blocks.text.encoders import TextCodes


class WordAttention(nn.Module):
    """Words projected into the map's space (e' = U e) and weighed by their inner product with each place, eqs. 2 and 3.

    Padding gets no weight whatever, in every row.
    """

    def __init__(self, text: int, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(text, width, bias=False)

    def forward(self, h: Tensor, told: TextCodes) -> tuple[Tensor, Tensor]:
        """Return what each place of (B, N, h, h) gathers, as large, and its weights for the words, (B, T, h, h)."""
        words = self.project(told.words)  # (B, T, N)
        scores = h.flatten(2).transpose(1, 2) @ words.transpose(1, 2)  # (B, hh, T)
        weights = (scores.float() + told.weight[:, None]).softmax(dim=2).to(words.dtype)
        gathered = (weights @ words).transpose(1, 2)  # (B, N, hh)
        side = h.shape[2:]
        return gathered.unflatten(2, side), weights.float().transpose(1, 2).unflatten(2, side)
