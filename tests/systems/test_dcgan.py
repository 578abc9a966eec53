import math

import pytest
import torch
from torch import Tensor, nn

from limner.data.schema import Schema
from limner.data.views import Pictures
from limner.errors import UserError
from limner.noise import RowNoise
from limner.requests import Nothing
from limner.system import Clock, Phase
from limner.systems.dcgan import DCGAN, DCGANConfig, Discriminator, Generator, Maxout, Z

START = Clock(seen=0, total=1, step=0)


def make(**changes: object) -> DCGAN:
    torch.manual_seed(0)
    fields = {"size": 16, "batch": 8, "generator_width": 4, "discriminator_width": 4} | changes
    return DCGAN(DCGANConfig(**fields), Schema(size=16))  # type: ignore[arg-type]


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_has_the_published_size() -> None:
    assert count(Generator(128, 64)) == 12_660_355
    assert count(Discriminator(128, 64)) == 11_038_081


@pytest.mark.parametrize("architecture", ["convolutional", "mlp"])
@pytest.mark.parametrize("size", [16, 32, 64])
def test_shapes(architecture: str, size: int) -> None:
    system = make(architecture=architecture, size=size)
    pictures = system.generator(torch.randn(2, Z))
    assert pictures.shape == (2, 3, size, size)
    assert pictures.abs().max() <= 1
    assert system.discriminator(pictures).shape == (2,)


def test_no_batch_norm_where_pictures_go_in_and_come_out() -> None:
    norms = [isinstance(part, nn.BatchNorm2d) for part in Discriminator(4, 64).modules() if not list(part.children())]
    layers = [part for part in Discriminator(4, 64).modules() if not list(part.children())]
    assert isinstance(layers[0], nn.Conv2d) and isinstance(layers[1], nn.LeakyReLU)
    assert sum(norms) == 3
    layers = [part for part in Generator(4, 64).modules() if not list(part.children())]
    assert isinstance(layers[-2], nn.ConvTranspose2d) and isinstance(layers[-1], nn.Tanh)


def test_a_side_that_no_doubling_reaches_is_refused() -> None:
    with pytest.raises(UserError, match="size=48"):
        DCGANConfig(size=48)


def test_maxout_takes_the_largest_of_five() -> None:
    layer = Maxout(1, 1)
    nn.init.zeros_(layer.map.weight)
    layer.map.bias.data.copy_(torch.tensor([1.0, 5.0, 2.0, -3.0, 4.0]))
    assert layer(torch.zeros(1, 1)).item() == 5


def test_losses_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    system = make()
    monkeypatch.setattr(system.discriminator, "forward", lambda x: torch.zeros(len(x)))
    first, second = system.step(Pictures(images=torch.zeros(8, 3, 16, 16)), START)
    assert (first.player, second.player) == ("discriminator", "generator")
    assert first.loss.item() == pytest.approx(2 * math.log(2))
    assert second.loss.item() == pytest.approx(math.log(2))


def test_the_generator_draws_afresh_for_its_own_move(monkeypatch: pytest.MonkeyPatch) -> None:
    system = make()
    drawn: list[Tensor] = []
    draw = system.generator.forward
    monkeypatch.setattr(system.generator, "forward", lambda z: drawn.append(z) or draw(z))
    first, second = system.step(Pictures(images=torch.zeros(8, 3, 16, 16)), START)
    assert not torch.equal(*drawn)
    first.loss.backward()
    assert all(p.grad is None for p in system.generator.parameters())
    second.loss.backward()
    assert all(p.grad is not None for p in system.generator.parameters())


def test_windows_are_read_larger() -> None:
    assert DCGAN.data_size(DCGAN.presets["paper"]) == 96
    system = make(crop=True)
    assert DCGAN.data_size(system.config) == 24
    list(system.step(Pictures(images=torch.zeros(8, 3, 24, 24)), START))


@pytest.mark.parametrize(("architecture", "width", "steps"), [("convolutional", 8, 80), ("mlp", 32, 200)])
def test_the_game_is_learnt(architecture: str, width: int, steps: int) -> None:
    system = make(architecture=architecture, generator_width=width, discriminator_width=width // 2, rate=1e-3)
    (phase,) = system.phases()
    assert isinstance(phase, Phase) and phase.step is not None
    optimisers = {who: p.optimiser([q for m in p.modules for q in m.parameters()]) for who, p in phase.players.items()}
    pictures = torch.tensor([0.9, -0.9, 0.2])[:, None, None].expand(8, 3, 16, 16)
    for number in range(steps):
        for update in phase.step(Pictures(images=pictures), Clock(seen=8 * number, total=8 * steps, step=number)):
            optimisers[update.player].zero_grad()
            update.loss.backward()
            optimisers[update.player].step()
    *_, draft = system.eval().sample([Nothing()] * 4, system.Knobs(), RowNoise([1, 2, 3, 4]))
    assert draft.images is not None
    assert (draft.images - pictures[:4]).abs().mean() < 0.4


def test_no_spread_draws_one_picture() -> None:
    system = make().eval()
    *_, draft = system.sample([Nothing(), Nothing()], system.Knobs(spread=0.0), RowNoise([1, 2]))
    assert draft.images is not None
    assert torch.allclose(draft.images[0], draft.images[1])
