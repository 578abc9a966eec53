"""Attention of the places of a map to words, and to the sentence.

Xu et al., AttnGAN, CVPR 2018, section 3.1; Qiao et al., MirrorGAN, CVPR 2019, section 3.2.

Letters: B pictures, N channels and h side of a map, T words, E width of a word, c numbers of a text's code.
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


class SentenceAttention(nn.Module):
    """Sentence-level attention of MirrorGAN: with u = U code at every place, softmax(V (h * u)) * u, by number.

    Args:
        code: c.
        width: N.
        over: "channels" or "places", what the softmax is taken over.
    """

    def __init__(self, code: int, width: int, over: str) -> None:
        super().__init__()
        self.over = 1 if over == "channels" else (2, 3)
        self.project = nn.Linear(code, width)  # U
        self.agree = nn.Conv2d(width, width, 1, bias=False)  # V

    def forward(self, h: Tensor, code: Tensor) -> Tensor:
        """Return the context of a map (B, N, h, h) and the text's code (B, c), as large as the map."""
        u = self.project(code)[:, :, None, None]  # (B, N, 1, 1)
        logits = self.agree(h * u).float()
        weights = logits.softmax(1) if self.over == 1 else logits.flatten(2).softmax(2).view_as(logits)
        return u * weights.to(h.dtype)


def share_of_places(context: Tensor) -> Tensor:
    """Return how a context (B, N, h, h) is shared by places, as its norm: (B, h, h), 1 in all; without gradients."""
    norm = context.detach().float().norm(dim=1)
    return norm / norm.sum(dim=(1, 2), keepdim=True).clamp_min(1e-12)
