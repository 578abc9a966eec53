"""Attention of the places of a map to words (Xu et al., AttnGAN, CVPR 2018, section 3.1).

Letters: B pictures, N channels and h side of a map, T words, E width of a word.
"""

from __future__ import annotations

from torch import Tensor, nn

from limner.blocks.text.encoders import TextCodes


class WordAttention(nn.Module):
    """F^attn of AttnGAN: for each place of a map the sum of the words, weighed by how well they fit the place.

    Padding gets no weight whatever, in every row.

    Args:
        text: E.
        width: N.
    """

    def __init__(self, text: int, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(text, width, bias=False)  # U

    def forward(self, h: Tensor, text: TextCodes) -> tuple[Tensor, Tensor]:
        """Return context vectors for the places of a map (B, N, h, h), as large, and the attention, (B, T, h, h)."""
        e = self.project(text.words)  # e'_t = U e_t: (B, T, N)
        s = h.flatten(2).transpose(1, 2) @ e.transpose(1, 2)  # s_jt = h_j . e'_t: (B, hh, T)
        beta = (s.float() + text.weight[:, None]).softmax(dim=2).to(e.dtype)  # over the words, masked by -inf
        context = (beta @ e).transpose(1, 2)  # c_j, the sum of beta_jt e'_t, eqs. 2 and 3: (B, N, hh)
        side = h.shape[2:]
        return context.unflatten(2, side), beta.float().transpose(1, 2).unflatten(2, side)
