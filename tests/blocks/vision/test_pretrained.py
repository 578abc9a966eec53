"""Networks with weights of ImageNet: what is frozen, what is trained, where weights come from, what is missing."""

from __future__ import annotations

import sys
import types
import urllib.error
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from limner.blocks.vision import pretrained
from limner.blocks.vision.pretrained import InceptionRegions, Pretrained, ResNetFeatures
from limner.errors import UserError

FILE, OLD = "net-new.pth", "net-old.pth"


def real() -> Any:
    try:
        from torchvision import models
    except (ImportError, RuntimeError) as error:  # RuntimeError: built for another torch
        pytest.skip(f"no torchvision that fits: {str(error).splitlines()[0]}")
    return models


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> types.ModuleType:
    """A torchvision whose network is a layer and a batch norm, and which has no network to fetch anything from."""

    class Weights:
        url = "https://example.org/net-new.pth"

        def get_state_dict(self, progress: bool, check_hash: bool) -> dict[str, Tensor]:
            assert check_hash
            raise urllib.error.URLError("no route to host")

    package, models = types.ModuleType("torchvision"), types.ModuleType("torchvision.models")
    models.get_weight = lambda name: Weights()  # type: ignore[attr-defined]
    package.models = models  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(pretrained.VARIABLE, raising=False)
    return models


class Small(Pretrained):
    def __init__(self) -> None:
        super().__init__(lambda models: trunk(), "Small_Weights.V1", (FILE, OLD))
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.trunk(x))


def trunk() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))


def published(path: Path, value: float) -> Path:
    """A file as it is published: the trunk and a head that the trunk has not; no count of batches, as in old files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {name: torch.full_like(one, value) for name, one in trunk().state_dict().items() if one.dim()}
    torch.save(state | {"fc.weight": torch.zeros(5)}, path)
    return path


def test_the_trunk_never_learns_and_its_statistics_stand_still(fake: Any) -> None:
    net = Small().train()
    assert net.head.training and not any(module.training for module in net.trunk.modules())
    assert not any(parameter.requires_grad for parameter in net.trunk.parameters())
    assert net.trainable() == [net.head]
    before = {name: value.clone() for name, value in net.trunk.state_dict().items()}
    images = torch.randn(5, 4, requires_grad=True)
    net(images).square().sum().backward()
    assert images.grad is not None and images.grad.abs().sum() > 0
    assert all(torch.equal(value, before[name]) for name, value in net.trunk.state_dict().items())


def test_weights_are_searched_in_the_folder_named_then_in_torch_hubs(
    fake: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hub = tmp_path / "home" / "hub" / "checkpoints"
    net = Small()

    def loaded(path: Path | None = None) -> float:
        net.load_imagenet(path)
        return float(net.trunk.state_dict()["1.running_var"][0])

    published(hub / OLD, 1.0)
    assert loaded() == 1
    published(hub / FILE, 2.0)
    assert loaded() == 2
    monkeypatch.setenv(pretrained.VARIABLE, str(tmp_path / "mine"))
    assert loaded() == 2
    published(tmp_path / "mine" / OLD, 3.0)
    assert loaded() == 3
    assert loaded(published(tmp_path / "other.pth", 4.0)) == 4


def test_weights_that_can_be_fetched_are(fake: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    state = torch.load(published(tmp_path / "net.pth", 7.0), weights_only=True)
    names: list[str] = []

    def weight(name: str) -> Any:
        names.append(name)
        return types.SimpleNamespace(get_state_dict=lambda progress, check_hash: state)

    monkeypatch.setattr(fake, "get_weight", weight)
    net = Small()
    net.load_imagenet()
    assert names == ["Small_Weights.V1"] and float(net.trunk.state_dict()["0.bias"][0]) == 7


def test_weights_that_cannot_be_had_are_asked_for_in_one_line(fake: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be fetched \(.*no route.*\): put net-new\.pth from https") as caught:
        Small().load_imagenet()
    message = str(caught.value)
    assert (
        str(tmp_path / "home" / "hub" / "checkpoints") in message
        and pretrained.VARIABLE in message
        and "\n" not in message
    )
    with pytest.raises(UserError, match=r"no file of weights at .*gone\.pth"):
        Small().load_imagenet(tmp_path / "gone.pth")


@pytest.mark.parametrize("kind", ["text", "another network", "list"])
def test_files_that_are_no_weights_of_it_are_refused(fake: Any, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "weights.pth"
    if kind == "text":
        path.write_bytes("ärger".encode() * 20)
    else:
        torch.save([1, 2] if kind == "list" else {"0.weight": torch.zeros(9)}, path)
    with pytest.raises(UserError, match=r"weights\.pth holds no weights") as caught:
        Small().load_imagenet(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("network", [InceptionRegions, ResNetFeatures], ids=["inception", "resnet"])
def test_without_torchvision_one_line_says_what_to_install(network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(UserError, match=r"needs a torchvision .*pip install 'limner\[pretrained\]'") as caught:
        network()
    assert "\n" not in str(caught.value)


def test_a_torchvision_of_another_torch_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text("raise RuntimeError('operator nms does not exist')")
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"fits torch .* \(operator nms does not exist\)"):
        InceptionRegions()


@pytest.fixture(scope="module")
def inception() -> InceptionRegions:
    real()
    torch.manual_seed(0)
    return InceptionRegions()


def test_what_learns_of_inception_has_the_papers_number_of_weights(inception: InceptionRegions) -> None:
    learnt = [parameter for module in inception.trainable() for parameter in module.parameters()]
    assert sum(parameter.numel() for parameter in learnt) == 721_152
    assert sum(parameter.numel() for parameter in inception.parameters() if parameter.requires_grad) == 721_152
    for layer in inception.trainable():
        assert 0.099 < float(layer.weight.detach().abs().max()) <= 0.1


def test_inception_sees_regions_and_the_whole_and_passes_gradients_on(inception: InceptionRegions) -> None:
    images = torch.rand(1, 3, 64, 64).mul(2).sub(1).requires_grad_()
    regions, whole = inception.train()(images)
    assert regions.shape == (1, 256, 17, 17) and whole.shape == (1, 256)
    (regions.square().mean() + whole.square().mean()).backward()
    assert images.grad is not None and images.grad.abs().amax(dim=1).gt(0).float().mean() > 0.9
    assert all(module.weight.grad is not None for module in inception.trainable())
    assert all(parameter.grad is None for parameter in inception.trunk.parameters())


def test_inception_sees_what_torchvision_sees_in_the_range_of_its_weights(
    inception: InceptionRegions, tmp_path: Path
) -> None:
    """Torchvision turns pictures of ImageNet's statistics into the range [-1, 1]; here they come in it."""
    whole = real().inception_v3(weights=None, init_weights=False, transform_input=True).eval()
    torch.save(whole.state_dict(), tmp_path / "weights.pth")  # with the heads, as published
    inception.load_imagenet(tmp_path / "weights.pth")
    images = torch.rand(1, 3, 299, 299)
    mean, deviation = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    usual = (images - torch.tensor(mean)[:, None, None]) / torch.tensor(deviation)[:, None, None]
    whole.fc = nn.Identity()
    with torch.no_grad():
        expected = inception.whole(whole(usual))
        found = inception(images * 2 - 1)[1]
    assert expected.std() > 0 and torch.allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_resnet_152_gives_2048_features() -> None:
    real()
    with torch.device("meta"):  # shapes alone, no numbers
        net = ResNetFeatures()
        assert net(torch.zeros(2, 3, 64, 64)).shape == (2, 2048) and net.width == 2048
    assert net.trainable() == [] and not net.train().trunk.training
    assert sum(parameter.numel() for parameter in net.parameters()) == 58_143_808


def test_resnet_gives_the_features_under_its_last_layer_and_passes_gradients_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = real()
    monkeypatch.setattr(models, "resnet152", models.resnet18)  # the same in small
    whole = models.resnet18(weights=None).eval()
    torch.save(whole.state_dict(), tmp_path / "weights.pth")
    net, usual = ResNetFeatures(), ResNetFeatures(imagenet_norm=True)
    net.load_imagenet(tmp_path / "weights.pth")
    usual.load_imagenet(tmp_path / "weights.pth")
    whole.fc = nn.Identity()
    images = torch.rand(1, 3, 224, 224)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        expected = whole((images - mean[:, None, None]) / deviation[:, None, None])
        assert torch.allclose(usual(images * 2 - 1), expected, rtol=1e-3, atol=1e-4)
        assert torch.allclose(net(images), whole(images), rtol=1e-3, atol=1e-4)
    small = torch.rand(1, 3, 64, 64).requires_grad_()
    net(small).sum().backward()
    assert small.grad is not None and small.grad.abs().sum() > 0
