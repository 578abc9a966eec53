"""Inception and CLIP through stand-ins with the interface of their packages: what they see, what is made of it."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import pickle
import sys
import types
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from limner import metrics
from limner.errors import UserError
from limner.metrics.features import FILES


@pytest.fixture
def fidelity(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A torch-fidelity whose network notes how it was made and what it saw."""
    seen: list[Any] = []

    class Network:
        def __init__(self, name: str, features_list: list[str], feature_extractor_weights_path: str) -> None:
            seen.append((name, features_list, feature_extractor_weights_path))
            self.scale = torch.load(feature_extractor_weights_path, weights_only=False)["scale"]

        def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
            seen.append(x)
            return x.float().mean(dim=(2, 3)) * self.scale, torch.zeros(len(x), 1008)

    package, module = (
        types.ModuleType("torch_fidelity"),
        types.ModuleType("torch_fidelity.feature_extractor_inceptionv3"),
    )
    module.FeatureExtractorInceptionV3 = Network  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch_fidelity", package)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return seen


def save_weights(path: Path) -> Path:
    torch.save({"scale": torch.tensor(2.0)}, path)
    return path


def test_inception_is_shown_bytes_and_gives_probabilities(fidelity: list[Any], tmp_path: Path) -> None:
    weights = save_weights(tmp_path / "weights.pth")
    network = metrics.Inception(weights)
    assert fidelity[0][1:] == (["2048", "logits_unbiased"], str(weights))
    features = network.features(torch.tensor([-1.0, 0.0, 2.0])[:, None, None, None].expand(3, 3, 8, 8))
    assert fidelity[1].dtype is torch.uint8
    assert features[:, 0].tolist() == [0, 256, 510]
    found = network.probabilities(torch.zeros(2, 3, 8, 8))
    assert found.shape == (2, 1008) and torch.allclose(found.sum(dim=1), torch.ones(2))


def test_only_the_papers_weights_may_bear_the_papers_name(
    fidelity: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    weights = save_weights(tmp_path / "weights.pth")
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert metrics.Inception(weights).name == f"inception:{digest[:8]}"
    monkeypatch.setattr("limner.metrics.features.SHA256", digest)
    assert metrics.Inception(weights).name == "inception"


def test_inception_is_found_by_the_environment(fidelity: list[Any], monkeypatch: Any, tmp_path: Path) -> None:
    weights = save_weights(tmp_path / "mine.pth")
    monkeypatch.setenv("LIMNER_INCEPTION", str(weights))
    metrics.Inception()
    assert fidelity[0][2] == str(weights)


@pytest.mark.parametrize("file", FILES)
def test_inception_is_found_where_torch_hub_keeps_it(
    fidelity: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str
) -> None:
    monkeypatch.delenv("LIMNER_INCEPTION", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    weights = save_weights(tmp_path / "hub" / "checkpoints" / file)
    metrics.Inception()
    assert fidelity[0][2] == str(weights)


class Boom:
    def __reduce__(self) -> Any:
        return pytest.fail, ("code from a file of weights was run",)


def damaged() -> dict[str, bytes]:
    return {
        "empty": b"",
        "a pointer": b"version https://git-lfs.github.com/spec/v1\n",
        "code": pickle.dumps(Boom(), protocol=2),
        "text": "ärger".encode() * 20,
        "no weights": pickle.dumps([1, 2], protocol=2),
    }


@pytest.mark.parametrize("kind", damaged())
def test_inception_refuses_what_are_no_weights_and_runs_no_code(fidelity: list[Any], tmp_path: Path, kind: str) -> None:
    (tmp_path / "weights.pth").write_bytes(damaged()[kind])
    with pytest.raises(UserError, match=r"weights\.pth holds no weights of this Inception"):
        metrics.Inception(tmp_path / "weights.pth")
    assert not any(isinstance(made, tuple) for made in fidelity), "the package was given the file"


def test_inception_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    weights = save_weights(tmp_path / "weights.pth")
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", None)
    with pytest.raises(UserError, match=r"pip install 'limner\[inception\]'"):
        metrics.Inception(weights)


def test_inception_with_a_torchvision_of_another_torch_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "torch_fidelity").mkdir()
    (tmp_path / "torch_fidelity" / "__init__.py").write_text("raise RuntimeError('operator nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"a torchvision that fits this torch \(operator nms does not exist\)"):
        metrics.Inception(save_weights(tmp_path / "weights.pth"))


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


@pytest.mark.skipif(importlib.util.find_spec("transformers") is None, reason="needs the extra `clip`")
def test_clip_score_of_a_real_though_tiny_clip(tmp_path: Path) -> None:
    from transformers import CLIPConfig, CLIPModel

    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(letter + "</w>" for letter in letters)]
    side = {"height": 32, "width": 32}
    for name, content in {
        "vocab.json": {word: number for number, word in enumerate(words)},
        "tokenizer_config.json": {"tokenizer_class": "CLIPTokenizer", "model_max_length": 16},
        "preprocessor_config.json": {
            "image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 32}, "crop_size": side,
        },
    }.items():  # fmt: skip
        (tmp_path / name).write_text(json.dumps(content))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    tower = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1}
    torch.manual_seed(0)
    network = CLIPModel(
        CLIPConfig(
            text_config=tower | {"vocab_size": len(words), "max_position_embeddings": 16, "eos_token_id": 1},
            vision_config=tower | {"image_size": 32, "patch_size": 16},
            projection_dim=8,
        )
    ).eval()
    network.save_pretrained(tmp_path)

    images, ids = torch.rand(2, 3, 32, 32).mul(255).round() / 127.5 - 1, torch.tensor([[0, 2 + 26, 1], [0, 3 + 26, 1]])
    mean, deviation = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])  # OpenAI's
    pixels = ((images + 1) / 2 - torch.tensor(mean)[:, None, None]) / torch.tensor(deviation)[:, None, None]
    with torch.no_grad():
        told = network(input_ids=ids, pixel_values=pixels)
    cosines = (told.image_embeds * told.text_embeds).sum(dim=1)
    assert metrics.clip_score(images, ["a", "b"], str(tmp_path)) == pytest.approx(
        float(100 * cosines.clamp_min(0).mean()), abs=1e-2
    )
