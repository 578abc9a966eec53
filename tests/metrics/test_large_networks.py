"""Inception and CLIP through stand-ins with the interface of their packages: what they see, what is made of it."""

from __future__ import annotations

import math
import sys
import types
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from limner import metrics
from limner.errors import UserError


@pytest.fixture
def fidelity(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A torch-fidelity whose network notes how it was made and what it saw."""
    seen: list[Any] = []

    class Network:
        def __init__(self, name: str, features_list: list[str], feature_extractor_weights_path: str) -> None:
            seen.append((name, features_list, feature_extractor_weights_path))

        def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
            seen.append(x)
            return x.float().mean(dim=(2, 3)), torch.zeros(len(x), 1008)

    package, module = (
        types.ModuleType("torch_fidelity"),
        types.ModuleType("torch_fidelity.feature_extractor_inceptionv3"),
    )
    module.FeatureExtractorInceptionV3 = Network  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch_fidelity", package)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return seen


def test_inception_is_shown_bytes_and_gives_probabilities(fidelity: list[Any], tmp_path: Path) -> None:
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"")
    network = metrics.Inception(weights)
    assert fidelity[0][1:] == (["2048", "logits_unbiased"], str(weights))
    features = network.features(torch.tensor([-1.0, 0.0, 2.0])[:, None, None, None].expand(3, 3, 8, 8))
    assert fidelity[1].dtype is torch.uint8
    assert features[:, 0].tolist() == [0, 128, 255]
    found = network.probabilities(torch.zeros(2, 3, 8, 8))
    assert found.shape == (2, 1008) and torch.allclose(found.sum(dim=1), torch.ones(2))


def test_inception_is_found_by_the_environment(fidelity: list[Any], monkeypatch: Any, tmp_path: Path) -> None:
    weights = tmp_path / "mine.pth"
    weights.write_bytes(b"")
    monkeypatch.setenv("LIMNER_INCEPTION", str(weights))
    metrics.Inception()
    assert fidelity[0][2] == str(weights)


def test_inception_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"")
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", None)
    with pytest.raises(UserError, match=r"pip install 'limner\[inception\]'"):
        metrics.Inception(weights)


class Clip:
    """Sees in a picture its brightness, in a text its length."""

    known: ClassVar[set[str]] = {"here"}

    @classmethod
    def from_pretrained(cls, name: str, local_files_only: bool) -> Clip:
        assert local_files_only, "nothing is downloaded"
        if name not in cls.known:
            raise OSError("not there")
        return cls()

    def eval(self) -> Clip:
        return self

    def __call__(self, text: Any = None, images: Any = None, angle: Tensor | None = None, **_: Any) -> Any:
        if angle is not None:
            one = torch.tensor([1.0, 0.0]).expand(len(angle), -1)
            other = torch.stack([angle.cos(), angle.sin()], dim=1)
            return types.SimpleNamespace(image_embeds=one, text_embeds=other)
        assert all(image.dtype is torch.uint8 for image in images)
        return {"angle": torch.tensor([float(word) for word in text])}


def test_clip_score_is_the_mean_cosine_never_below_0(monkeypatch: pytest.MonkeyPatch) -> None:
    package = types.ModuleType("transformers")
    package.CLIPModel = package.CLIPProcessor = Clip  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "transformers", package)
    angles = [0.0, math.pi / 3, math.pi]  # cosines 1, 1/2, -1
    score = metrics.clip_score(torch.zeros(3, 3, 8, 8), [str(angle) for angle in angles], "here", batch=2)
    assert score == pytest.approx(50, abs=1e-3)
    with pytest.raises(UserError, match="hf download elsewhere"):
        metrics.clip_score(torch.zeros(1, 3, 8, 8), ["0"], "elsewhere")


def test_clip_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match=r"pip install 'limner\[clip\]'"):
        metrics.clip_score(torch.zeros(1, 3, 8, 8), ["a cat"])
