"""Attribute2Image: both losses by hand."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from limner.blocks.latent.gaussian import Gaussian
from limner.blocks.layered import Doubled
from limner.data.dataset import Dataset
from limner.data.masked_views import MaskedLabelled
from limner.system import Clock
from limner.systems.attribute2image import ALPHA, NAMING, Attribute2Image
from toy import shapes

START = Clock(seen=0, total=1, step=0)
VARIANCE = 0.05


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("losses") / "shapes", 16)


def make(data: Dataset, **changes: Any) -> Attribute2Image:
    torch.manual_seed(0)
    return Attribute2Image(dataclasses.replace(Attribute2Image.presets["tiny"], **changes), data.schema)


def batch(data: Dataset, count: int = 8) -> MaskedLabelled:
    return MaskedLabelled.gather(data, range(count), np.random.default_rng(0)).to("cpu")


def nll(difference: float, variance: float = VARIANCE) -> float:
    return 0.5 * (math.log(2 * math.pi * variance) + difference**2 / variance)


def kl(mean: float, variance: float, count: int) -> float:
    return 0.5 * count * (variance + mean**2 - 1 - math.log(variance))


def constant(system: Attribute2Image, monkeypatch: pytest.MonkeyPatch, second: float) -> None:
    """Nets that say the same of everything: q = N(1, 2) of z_F and N(-1, 3) of z_B, x_F = .5, x_B = -.25."""

    def gaussian(mean: float, variance: float, n: int, width: int) -> Gaussian:
        return Gaussian(torch.full((n, width), mean), torch.full((n, width), math.log(variance)))

    width = system.decoder.mix[0].in_features // 3
    monkeypatch.setattr(system.encoder, "posterior", lambda seen, y: gaussian(1.0, 2, len(y), width))
    monkeypatch.setattr(
        system.decoder,
        "forward",
        lambda z, y: Doubled(torch.full((len(z), 3, 16, 16), 0.5), torch.full((len(z), 1, 16, 16), second)),
    )
    if system.ground_encoder is not None and system.ground_decoder is not None:
        monkeypatch.setattr(system.ground_encoder, "forward", lambda x, known: gaussian(-1.0, 3, len(x), 4))
        monkeypatch.setattr(system.ground_decoder, "forward", lambda z: torch.full((len(z), 3, 16, 16), -0.25))


def test_the_loss_of_one_layer_by_hand(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = torch.full((2, 3, 16, 16), 0.75), torch.zeros(2, 9)
    for variance, used in ((VARIANCE, VARIANCE), (None, math.exp(0.3))):
        system = make(data, variant="cvae", variance=variance)
        constant(system, monkeypatch, second=0.3)
        loss, log = system.cvae_loss(x, y, torch.zeros(2, 128))
        assert loss.tolist() == pytest.approx([3 * 256 * nll(0.25, used) + kl(1, 2, 16)] * 2, rel=1e-5)
        assert log["kl"].tolist() == pytest.approx([kl(1, 2, 16)] * 2, rel=1e-5)


def test_the_loss_of_two_layers_by_hand(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """g = 1/4, so x^ = .75 * .5 - .25 * .25; the mask covers a quarter of the first; the second's is unknown."""
    system = make(data)
    constant(system, monkeypatch, second=-math.log(3))
    x, masks = torch.full((2, 3, 16, 16), 0.75), torch.zeros(2, 1, 16, 16)
    masks[:, :, :8, :8] = 1
    loss, _ = system.discvae_loss(x, torch.zeros(2, 9), torch.zeros(2, 128), masks, torch.tensor([True, False]))
    both = 3 * 256 * nll(0.75 - (0.75 * 0.5 - 0.25 * 0.25)) + kl(1, 2, 12) + kl(-1, 3, 4)
    figure, gate = 3 * 64 * nll(0.25), -(64 * math.log(0.75) + 192 * math.log(0.25))
    assert loss.tolist() == pytest.approx([both + figure + ALPHA * gate, both], rel=1e-5)


def test_a_step_is_the_mean_of_the_bound_and_of_naming(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    system, read = make(data), batch(data)
    monkeypatch.setattr(system, "discvae_loss", lambda x, *rest: (torch.arange(len(x)).float(), {}))
    nn.init.zeros_(system.names.weight)
    nn.init.zeros_(system.names.bias)
    (update,) = system.step(read, START)
    assert update.player == "vae"
    assert update.loss.item() == pytest.approx(3.5 + NAMING * (math.log(4) + math.log(3) + math.log(2)))


def test_the_figure_is_not_compared_off_its_mask(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    system = make(data)
    constant(system, monkeypatch, second=40.0)  # the ground covers all, so that only the figure's own term moves it
    figure = torch.full((1, 3, 16, 16), 0.5, requires_grad=True)
    monkeypatch.setattr(system.decoder, "forward", lambda z, y: Doubled(figure, torch.full((1, 1, 16, 16), 40.0)))
    masks = torch.zeros(1, 1, 16, 16)
    masks[:, :, 4:12, 4:12] = 1
    x = torch.full((1, 3, 16, 16), 0.75)
    loss, _ = system.discvae_loss(x, torch.zeros(1, 9), torch.zeros(1, 128), masks, torch.ones(1, dtype=torch.bool))
    loss.sum().backward()
    assert figure.grad is not None
    assert_close(figure.grad, masks.expand_as(x) * (0.5 - 0.75) / VARIANCE)
