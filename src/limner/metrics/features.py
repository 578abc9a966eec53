"""Networks whose features stand for pictures; figures are named after the network."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from limner.errors import UserError

FILES = ("weights-inception-2015-12-05-6726825d.pth", "pt_inception-2015-12-05-6726825d.pth")
"""The weights of FID's Inception as torch-fidelity and pytorch-fid publish them: two names of the same bytes."""
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
VARIABLE = "LIMNER_INCEPTION"
"""Environment variable with the path of that file."""


class Extractor(Protocol):
    """A network that computes features of pictures and probabilities of classes."""

    name: str

    def features(self, images: Tensor) -> Tensor:
        """Return the features of pictures (N, 3, H, W) in [-1, 1]: (N, F)."""
        ...

    def probabilities(self, images: Tensor) -> Tensor:
        """Return the probability of each class for pictures (N, 3, H, W) in [-1, 1]: (N, C)."""
        ...


def collect(extractor: Extractor, images: Tensor, batch: int = 100) -> Tensor:
    """Return the features of many pictures (N, 3, H, W), computed in batches: (N, F) on the CPU."""
    return torch.cat([extractor.features(part).cpu() for part in images.split(batch)])


class Inception:
    """The Inception network of the papers' FID, KID and IS: TensorFlow's of 2015, as torch-fidelity ported it.

    Its `name` is "inception" for the weights of the papers alone; other weights carry the start of their SHA-256.

    Args:
        path: its weights; by default what LIMNER_INCEPTION names, or where torch.hub keeps them.

    Raises:
        UserError: where the package or the weights are missing or unfit: nothing is downloaded.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        found = _weights(path)
        digest = hashlib.sha256(found.read_bytes()).hexdigest()
        self.name = "inception" if digest == SHA256 else f"inception:{digest[:8]}"
        network = _package()
        try:
            # The package unpickles whatever it is given; what passes here holds tensors alone and can run nothing.
            torch.load(found, map_location="cpu", weights_only=True)
            self._network = network(
                "inception-v3-compat", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(found)
            )
        except Exception:  # loading a damaged file may raise almost anything
            raise UserError(f"{found} holds no weights of this Inception: fetch {FILES[0]} again") from None

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """Return the features of pictures (N, 3, H, W) in [-1, 1], of any size: (N, 2048)."""
        return self._network(_bytes(images))[0]

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> Tensor:
        """Return the probability of each of 1,008 classes: (N, 1008)."""
        return self._network(_bytes(images))[1].softmax(dim=1)


def _weights(path: str | Path | None) -> Path:
    chosen = path or os.environ.get(VARIABLE)
    hub = Path(torch.hub.get_dir()) / "checkpoints"
    places = [Path(chosen)] if chosen else [hub / file for file in FILES]
    for place in places:
        if place.is_file():
            return place
    raise UserError(
        f"no Inception weights at {places[0]}: fetch {FILES[0]} (torch-fidelity's release) and set {VARIABLE}"
    )


def _package() -> Any:
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision that was built for another torch
        why = str(error).partition("\n")[0]
        raise UserError(
            f"Inception needs torch-fidelity and a torchvision that fits this torch ({why}): "
            "pip install 'limner[inception]'"
        ) from None
    return FeatureExtractorInceptionV3


def _bytes(images: Tensor) -> Tensor:
    """Turn pictures in [-1, 1] into bytes, which the network scales to its own size and range."""
    return (images.clamp(-1, 1) + 1).mul(127.5).round().byte()
