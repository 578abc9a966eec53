import pytest
import torch
from torch import Tensor, nn

from limner.data.schema import Schema
from limner.data.views import Pictures
from limner.errors import UserError
from limner.noise import RowNoise
from limner.requests import Nothing
from limner.system import Clock, Phase
from limner.systems.dcgan import DCGAN, DCGANConfig, Discriminator, Generator, Maxout, MlpDiscriminator, Z
from scored import softplus

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


def test_the_first_discriminator_drops_half_of_its_units() -> None:
    assert [part.p for part in MlpDiscriminator(4, 16).modules() if isinstance(part, nn.Dropout)] == [0.5, 0.5]


def test_losses_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Algorithm 1 at logits of 1 for real pictures, of 2 and, in the generator's own move, of 3 for drawn ones."""
    system, drawn = make(), iter((2.0, 3.0))
    monkeypatch.setattr(system.generator, "forward", lambda z: torch.full((len(z), 3, 16, 16), next(drawn)))
    monkeypatch.setattr(system.discriminator, "forward", lambda x: x.mean(dim=(1, 2, 3)))
    first, second = system.step(Pictures(images=torch.ones(8, 3, 16, 16)), START)
    assert (first.player, second.player) == ("discriminator", "generator")
    assert first.loss.item() == pytest.approx(softplus(-1) + softplus(2))
    assert second.loss.item() == pytest.approx(softplus(-3))


def test_real_and_drawn_pictures_are_judged_apart() -> None:
    system, judged = make(), list[int]()
    system.discriminator.register_forward_pre_hook(lambda module, inputs: judged.append(len(inputs[0])))
    list(system.step(Pictures(images=torch.zeros(8, 3, 16, 16)), START))
    assert judged == [8, 8, 8]  # in one batch of 16 their statistics would mix


def test_noise_is_normal() -> None:
    torch.manual_seed(0)
    z = make().noise(torch.zeros(200, 1))
    assert z.shape == (200, Z)
    assert z.std().item() == pytest.approx(1, abs=0.02) and z.abs().max() > 3


def test_weights_begin_as_the_paper_says() -> None:
    system = make(generator_width=16, discriminator_width=16)
    layers = [part for part in system.modules() if isinstance(part, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(layers) == 6
    for layer in layers:
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.2)
        assert layer.bias is not None and not layer.bias.any()


def test_both_players_move_by_adam_with_half_the_momentum() -> None:
    (phase,) = make().phases()
    for player in phase.players.values():
        group = player.optimiser([nn.Parameter(torch.zeros(1))]).param_groups[0]
        assert (group["lr"], group["betas"]) == (2e-4, (0.5, 0.999))


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


def test_windows_are_cut_at_random_and_mirrored() -> None:
    system, seen = make(crop=True), list[Tensor]()
    system.discriminator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    across = torch.arange(24.0).expand(64, 3, 24, 24)  # a pixel's value is its column
    torch.manual_seed(0)
    list(system.step(Pictures(images=across), START))
    first, last = seen[0][:, 0, 0, 0], seen[0][:, 0, 0, -1]
    assert set((last - first).tolist()) == {15.0, -15.0}
    assert len(set(first.tolist())) > 5


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
