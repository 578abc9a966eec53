"""Networks whose features stand for pictures; the network's name stands in the figure's name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from limner.errors import UserError

FILE = "pt_inception-2015-12-05-6726825d.pth"
"""The weights of FID's Inception as the package torch-fidelity publishes them."""
WHERE = "LIMNER_INCEPTION"
"""Environment variable with the path of that file."""


class Extractor(Protocol):
    """A network that sees pictures as features and as probabilities of classes."""

    name: str

    def features(self, images: Tensor) -> Tensor:
        """See pictures (N, 3, H, W) in [-1, 1] as (N, F)."""
        ...

    def probabilities(self, images: Tensor) -> Tensor:
        """Return the probability of each class: (N, C)."""
        ...


def collect(extractor: Extractor, images: Tensor, batch: int = 100) -> Tensor:
    """See many pictures, a batch at a time: (N, F) on the CPU."""
    return torch.cat([extractor.features(part).cpu() for part in images.split(batch)])


class Inception:
    """The Inception network of the papers' FID, KID and IS: TensorFlow's of 2015, as torch-fidelity ported it.

    Args:
        path: its weights; by default what LIMNER_INCEPTION names, or where torch.hub keeps them.

    Raises:
        UserError: where the package or the weights are missing: nothing is downloaded.
    """

    name = "inception"

    def __init__(self, path: str | Path | None = None) -> None:
        kept = Path(torch.hub.get_dir()) / "checkpoints" / FILE
        found = Path(path or os.environ.get(WHERE) or kept)
        if not found.is_file():
            raise UserError(f"no Inception weights at {found}: fetch {FILE} (torch-fidelity's release) and set {WHERE}")
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except ModuleNotFoundError:
            raise UserError("Inception needs the package torch-fidelity: pip install 'limner[inception]'") from None
        self._network = FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(found)
        )

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """See pictures (N, 3, H, W) in [-1, 1] of any size as (N, 2048)."""
        return self._network(_bytes(images))[0]

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> Tensor:
        """Return the probability of each of 1,008 classes: (N, 1008)."""
        return self._network(_bytes(images))[1].softmax(dim=1)


def _bytes(images: Tensor) -> Tensor:
    """The network scales bytes to its own size and range itself."""
    return (images.clamp(-1, 1) + 1).mul(127.5).round().byte()
