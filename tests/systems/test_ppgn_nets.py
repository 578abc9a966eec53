"""PPGN's nets: two AlexNets, the preset of the paper, settings that do not fit together."""

from __future__ import annotations

import dataclasses
import sys
import types
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from limner.blocks.vision.pretrained import AlexNetCodes
from limner.data.dataset import Dataset
from limner.data.views import Pictures
from limner.errors import UserError
from limner.noise import RowNoise
from limner.requests import Caption
from limner.settings import change
from limner.system import Clock
from limner.systems.ppgn import Ppgn
from toy import pairs, shapes

START = Clock(seen=0, total=1, step=0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("ppgn") / "shapes", 16)


def alexnet(weights: None) -> nn.Module:
    """AlexNet as torchvision builds it: 61,100,840 numbers."""
    net, act = nn.Module(), nn.ReLU(inplace=True)
    pool = nn.MaxPool2d(3, 2)
    net.features = nn.Sequential(
        nn.Conv2d(3, 64, 11, 4, 2), act, pool, nn.Conv2d(64, 192, 5, padding=2), act, pool,
        nn.Conv2d(192, 384, 3, padding=1), act, nn.Conv2d(384, 256, 3, padding=1), act,
        nn.Conv2d(256, 256, 3, padding=1), act, pool,
    )  # fmt: skip
    net.avgpool = nn.AdaptiveAvgPool2d((6, 6))
    net.classifier = nn.Sequential(
        nn.Dropout(), nn.Linear(9216, 4096), act, nn.Dropout(), nn.Linear(4096, 4096), act, nn.Linear(4096, 1000)
    )
    return net


@pytest.fixture
def torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    """A torchvision that has an AlexNet: the real one is not everywhere."""
    package, models = types.ModuleType("torchvision"), types.ModuleType("torchvision.models")
    models.alexnet, package.models = alexnet, models  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.models", models)


def test_two_alexnets_make_codes_and_see(torchvision: None) -> None:
    with torch.device("meta"):
        codes, eye = AlexNetCodes(), AlexNetCodes(whole=True)
        assert sum(p.numel() for p in codes.parameters()) == 2_469_696 + 9216 * 4096 + 4096
        assert sum(p.numel() for p in eye.parameters()) == 61_100_840
        assert codes(torch.empty(2, 3, 227, 227)).shape == (2, 4096)
        assert eye(torch.empty(2, 3, 227, 227)).shape == (2, 1000)
    small = AlexNetCodes().train()
    x = torch.randn(1, 3, 227, 227)
    assert torch.equal(small(x), small(x)), "dropout is on"
    assert small(x).min() == 0 and codes.trainable() == []


@pytest.mark.slow
def test_the_preset_of_the_paper_is_built_and_stepped_once(data: Dataset, torchvision: None) -> None:
    torch.manual_seed(0)
    system = Ppgn(Ppgn.presets["coco"], data.schema)
    assert sum(p.numel() for p in system.generator.parameters()) == 56_097_891
    batch = pairs(data, 2)
    large = F.interpolate(batch.images, 256)
    captioner, _, generator = system.phases()
    for phase, view in ((captioner, dataclasses.replace(batch, images=large)), (generator, Pictures(large))):
        assert phase.step is not None
        for update in phase.step(view, START):
            assert torch.isfinite(update.loss)
            update.loss.backward()
    assert all(p.grad is None for net in (system.encoder, system.eye) for p in net.parameters())
    system.zero_grad()
    *_, last = system.eval().sample([Caption("red")], change(system.Knobs(), {"steps": 1}), RowNoise([1]))
    assert last.images is not None and last.images.shape == (1, 3, 256, 256)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"vision": "alexnet", "code": 64}, "an AlexNet makes codes of 4096 numbers"),
        ({"nets": "published"}, "nets=published draws 256 pixels from 256 maps"),
        ({"vision": "alexnet", "code": 4096}, "an AlexNet sees 227 pixels"),
        ({"size": 24}, "16, 32, 64"),
    ],
)
def test_what_does_not_fit_together(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        change(Ppgn.presets["tiny"], changes)
