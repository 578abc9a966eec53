"""What discriminators are built of and trained by: convolutions, losses, penalties, augmentation, modes."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from limner.blocks.layers.convolutions import Bottleneck, doublings, down, spectrally_normed, tile, up
from limner.blocks.layers.initialisation import dcgan_init
from limner.blocks.losses.adversarial import bce_fake, bce_real
from limner.blocks.losses.differentiable_augmentation import diff_augment, window
from limner.blocks.losses.penalties import gradient_penalty
from limner.blocks.modes import evaluating, full_precision
from limner.errors import UserError


def test_doublings() -> None:
    assert [doublings(size) for size in (16, 32, 64, 256)] == [2, 3, 4, 6]
    for size in (0, 1, 8, 48, 65):
        with pytest.raises(UserError, match=f"size={size}"):
            doublings(size)


def test_up_doubles_and_down_halves() -> None:
    x = torch.zeros(2, 3, 8, 8)
    assert up(3, 5)(x).shape == (2, 5, 16, 16)
    assert down(3, 5)(x).shape == (2, 5, 4, 4)
    assert len(up(3, 5, norm=False)) == 1


def test_bottleneck_is_residual() -> None:
    block = Bottleneck(4, 2, nn.ReLU(), norm=False)
    nn.init.zeros_(block.branch[-1].weight)
    x = torch.randn(2, 4, 3, 3)
    assert_close(block(x), x.relu())


def test_tile_puts_the_condition_at_every_place() -> None:
    both = tile(torch.tensor([[1.0, 2.0]]), torch.zeros(1, 3, 4, 4))
    assert both.shape == (1, 5, 4, 4)
    assert (both[0, 3] == 1).all() and (both[0, 4] == 2).all()


def test_spectral_norm_is_one() -> None:
    torch.manual_seed(0)
    net = spectrally_normed(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8, 4)))
    for _ in range(60):
        net(torch.zeros(1, 3, 3, 3))
    for place in (0, 2):
        weight = net[place].weight.flatten(1)  # type: ignore[index]
        assert_close(torch.linalg.matrix_norm(weight, 2), torch.tensor(1.0), atol=2e-2, rtol=0)


def test_initial_weights() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(64, 64, 4), nn.BatchNorm2d(4096), nn.ConvTranspose2d(64, 64, 4))
    net.apply(dcgan_init)
    for place, mean in ((0, 0.0), (1, 1.0), (2, 0.0)):
        assert net[place].weight.mean().item() == pytest.approx(mean, abs=2e-3)
        assert net[place].weight.std().item() == pytest.approx(0.02, rel=0.05)
        assert not net[place].bias.any()


def test_losses_at_one_half_and_at_extremes() -> None:
    assert bce_real(torch.zeros(3)).item() == pytest.approx(math.log(2))
    assert bce_fake(torch.zeros(3)).item() == pytest.approx(math.log(2))
    assert bce_real(torch.tensor([200.0])).item() == 0
    assert bce_fake(torch.tensor([200.0])).item() == 200
    logits = torch.randn(5)
    bce = nn.functional.binary_cross_entropy_with_logits
    assert_close(bce_real(logits), bce(logits, torch.ones(5)))
    assert_close(bce_fake(logits), bce(logits, torch.zeros(5)))


def test_penalty_by_hand_and_in_full_precision() -> None:
    calls = []

    def discriminator(x: Tensor, t: Tensor) -> Tensor:
        calls.append((torch.is_autocast_enabled("cpu"), x.dtype, t.dtype))
        return (x.flatten(1) * weight).sum(1) * t.flatten()

    weight = torch.tensor([3.0, 4.0], requires_grad=True)
    x, t = torch.zeros(2, 1, 1, 2), torch.tensor([[1.0], [2.0]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        penalty = gradient_penalty(discriminator, x.bfloat16(), t.bfloat16())
    assert penalty.item() == pytest.approx((25 + 4 * 25) / 2)
    assert calls == [(False, torch.float32, torch.float32)]
    penalty.backward()
    assert_close(weight.grad, 2 * torch.tensor([3.0, 4.0]) * (1 + 4) / 2)  # it can be trained on


def test_windows_are_cut_and_mirrored() -> None:
    torch.manual_seed(0)
    picture = torch.arange(36.0).view(1, 1, 6, 6)
    cut = window(picture.expand(64, 3, 6, 6), 4)
    assert cut.shape == (64, 3, 4, 4)
    steps = cut[:, 0].diff(dim=2)
    assert (steps.abs() == 1).all() and (cut[:, 0].diff(dim=1) == 6).all()
    assert 10 < (steps[:, 0, 0] < 0).sum() < 54
    assert len({tuple(sorted(row.flatten().tolist())) for row in cut[:, 0]}) == 9  # every place


def test_augmentation_lets_gradients_through_and_keeps_colours_where_asked() -> None:
    torch.manual_seed(0)
    x = torch.full((32, 3, 16, 16), 0.5)
    x[:, 1] = -0.25
    x.requires_grad_()
    augmented = diff_augment(x, colour=False)
    assert augmented.shape == x.shape
    for channel, value in ((0, 0.5), (1, -0.25)):
        assert set(augmented[:, channel].unique().tolist()) == {0.0, value}
    visible = (augmented[:, 0] != 0).float().mean(dim=(1, 2))
    assert 0.3 < visible.mean() < 0.95 and len(visible.unique()) > 5
    augmented.sum().backward()
    assert x.grad is not None and set(x.grad.unique().tolist()) == {0.0, 1.0}
    assert len(diff_augment(x.detach())[:, 0].unique()) > 20


def test_eval_mode_for_a_while() -> None:
    net = nn.Sequential(nn.Dropout(), nn.Linear(1, 1))
    net[1].eval()
    with pytest.raises(RuntimeError), evaluating(net):
        assert not any(part.training for part in net.modules())
        raise RuntimeError
    assert [net.training, net[0].training, net[1].training] == [True, True, False]


def test_full_precision() -> None:
    a = torch.ones(2, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (a @ a).dtype is torch.bfloat16
        with full_precision(a):
            assert (a @ a).dtype is torch.float32
