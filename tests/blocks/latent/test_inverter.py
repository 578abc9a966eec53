"""The inverter: published sizes, its losses by hand, the range of codes."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from limner.blocks.latent.inverter import CodeCritic, CodeScale, Inversion, Inverter
from limner.data.views import Pictures
from limner.system import Clock

START = Clock(seen=0, total=1, step=0)


def softplus(x: float) -> float:
    return math.log(1 + math.exp(x))


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def test_the_published_generator_and_critic() -> None:
    """DeePSiM's for fc6: 56,097,891 numbers; the critic by the layers of the published script, with one logit."""
    with torch.device("meta"):
        generator, critic = Inverter(4096, 256, 256, True), CodeCritic(4096, 32, 256, True)
        assert count(generator) == 56_097_891
        convolutions = sum(
            outside * (inside * kernel**2 + 1)
            for inside, outside, kernel in ((3, 32, 7), (32, 64, 5), (64, 128, 3), (128, 256, 3), (256, 256, 3))
        )
        reading = 4096 * 1024 + 1024 + 1024 * 512 + 512
        assert count(critic) == convolutions + reading + (256 + 512) * 512 + 512 + 512 + 1
        assert generator(torch.empty(2, 4096)).shape == (2, 3, 256, 256)
        assert critic(torch.empty(2, 3, 256, 256), torch.empty(2, 4096)).shape == (2,)
    assert [layer.p for layer in critic.modules() if isinstance(layer, nn.Dropout)] == [0.5]  # one module, used twice


@pytest.mark.parametrize("size", [16, 32, 64])
def test_small_nets_draw_any_size(size: int) -> None:
    images = Inverter(8, 32, size)(torch.rand(2, 8))
    assert images.shape == (2, 3, size, size)
    assert images.abs().max() <= 1
    assert CodeCritic(8, 4, size)(images, torch.rand(2, 8)).shape == (2,)


class Encoder(nn.Module):
    """Maps are the picture's mean per channel; a code is the maps above 0."""

    def maps(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3), keepdim=True)

    def of_maps(self, maps: Tensor) -> Tensor:
        return maps.flatten(1).relu()


class Scored(nn.Module):
    """Real pictures (0.5) are scored 2, others -1."""

    def forward(self, images: Tensor, codes: Tensor) -> Tensor:
        return torch.where(images.mean(dim=(1, 2, 3)) == 0.5, 2.0, -1.0) + 0 * images.sum() + 0 * codes.sum()


class Grey(nn.Module):
    """Draws -0.5 everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.tensor(-0.5))

    def forward(self, codes: Tensor) -> Tensor:
        return self.level.expand(len(codes), 3, 4, 4)


def nets(**weights: float) -> Inversion:
    parts: Any = (Encoder(), CodeScale(), Grey(), Scored())
    return Inversion(*parts, **weights)


def test_losses_by_hand() -> None:
    """x is .5 and x^ -.5: the image term is 1, the feature term 1, and D gives real 2 and drawn -1."""
    batch = Pictures(torch.full((2, 3, 4, 4), 0.5))
    critic, generator = nets(feature=0.7, adversarial=0.3).step(batch, START)
    assert (critic.player, generator.player) == ("critic", "generator")
    assert critic.loss.item() == pytest.approx(softplus(-2) + softplus(-1))
    assert generator.loss.item() == pytest.approx(1 + 0.7 * 1 + 0.3 * softplus(1))
    assert {name: value.item() for name, value in generator.log.items()} == pytest.approx(
        {"image": 1.0, "feature": 1.0, "fooling": softplus(1)}
    )


@pytest.mark.parametrize(("left_out", "loss"), [("feature", 1 + 0.3 * softplus(1)), ("adversarial", 1.7)])
def test_a_weight_of_0_leaves_a_loss_out(left_out: str, loss: float) -> None:
    weights = {"feature": 0.7, "adversarial": 0.3} | {left_out: 0.0}
    _, generator = nets(**weights).step(Pictures(torch.full((2, 3, 4, 4), 0.5)), START)
    assert generator.loss.item() == pytest.approx(loss)


def test_the_critic_does_not_teach_the_generator_in_its_own_move() -> None:
    inversion = nets()
    critic, generator = inversion.step(Pictures(torch.full((2, 3, 4, 4), 0.5)), START)
    generator.loss.backward(retain_graph=True)
    level: Any = inversion.generator
    assert level.level.grad is not None
    level.level.grad = None
    with pytest.raises(RuntimeError, match="does not require grad"):
        critic.loss.backward()


def test_codes_are_brought_to_the_range_of_the_paper() -> None:
    scale = CodeScale()
    codes = torch.linspace(0, 6, 20_001)[:, None]
    said = scale.fit(codes)
    assert said["largest"] == pytest.approx(6, rel=1e-3)
    assert float(scale(codes).max()) == pytest.approx(30, rel=1e-3)
    assert float(scale.deviation) == pytest.approx(float(scale(codes).square().mean().sqrt()))
    assert set(scale.state_dict()) == {"unit", "deviation"}  # saved, since a climb is in these units


def test_measuring_asks_the_encoder_about_pictures_of_the_training_set() -> None:
    inversion = nets()
    pictures = torch.arange(0, 250, dtype=torch.uint8).view(250, 1, 1, 1).expand(250, 3, 4, 4)
    data: Any = SimpleNamespace(length=lambda: 250, pictures=lambda rows: pictures[list(rows)])
    said = inversion.measure(data)
    assert said["largest"] == pytest.approx(249 / 127.5 - 1, abs=1e-4)
    assert said["at 0"] == pytest.approx(128 / 250, abs=0.01)
    codes = inversion.encode(torch.full((1, 3, 4, 4), 249 / 127.5 - 1))
    assert_close(codes, torch.full((1, 3), 30.0), atol=0.1, rtol=0)
