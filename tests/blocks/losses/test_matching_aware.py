"""The losses of the cascades: the papers' weights at constant discriminators, and each ingredient of the kit."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from limner.blocks.discriminators.joint import JointDiscriminator
from limner.blocks.discriminators.pyramid import Discriminators, half_life
from limner.blocks.losses.matching_aware import GAMMA, KIT, LAZY, AdversarialLoss
from limner.blocks.losses.penalties import gradient_penalty, matching_penalty
from limner.errors import UserError
from scored import softplus

LOG2 = math.log(2)
WRONG = torch.tensor([1, 2, 0])


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def pictures() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(3, 3, 16, 16), torch.randn(3, 3, 16, 16, requires_grad=True), torch.randn(3, 6)


RIGHT, DRAWN = torch.tensor([2.0, 2.0]), torch.tensor([0.5, 0.5])


def values(*kit: str) -> tuple[float, float, float]:
    """Return the losses of right pairs, of fakes against them, and of the generator, for scores of 2 and 0.5."""
    gan = AdversarialLoss(kit)
    return gan.real(RIGHT).item(), gan.fake(DRAWN, RIGHT).item(), gan.generator(DRAWN, RIGHT).item()


def test_cross_entropy_by_hand() -> None:
    assert values() == pytest.approx((softplus(-2), softplus(0.5), softplus(-0.5)))
    zero = torch.zeros(3)
    gan = AdversarialLoss()
    assert gan.real(zero).item() == gan.fake(zero, zero).item() == pytest.approx(LOG2)


def test_hinge_by_hand() -> None:
    assert values("hinge") == pytest.approx((0, 1.5, -0.5))


def test_relativistic_sets_each_fake_against_the_real_one() -> None:
    assert values("relativistic") == pytest.approx((0, softplus(0.5 - 2), softplus(2 - 0.5)))


def test_r1_is_taken_every_sixteenth_step_and_weighs_as_much_more() -> None:
    real, _, text = pictures()
    discriminator = JointDiscriminator(4, 16, 6, norm=False).eval()
    assert list(AdversarialLoss().penalties(discriminator, real, text, LAZY)) == []
    assert list(AdversarialLoss(("r1",)).penalties(discriminator, real, text, 1)) == []
    (penalty,) = AdversarialLoss(("r1",)).penalties(discriminator, real, text, LAZY)
    assert_close(penalty, LAZY * GAMMA / 2 * gradient_penalty(discriminator, real, text))
    assert penalty.item() > 0


def test_matching_penalty_by_hand() -> None:
    torch.manual_seed(0)
    w, u = torch.randn(3, 4, 4), torch.randn(6)
    images, text = torch.randn(2, 3, 4, 4), torch.randn(2, 6)
    found = matching_penalty(lambda x, t: (x * w).flatten(1).sum(dim=1) + t @ u, images, text)
    assert_close(found, 2 * (w.norm() + u.norm()) ** 6)


def test_matching_penalty_reaches_the_discriminator() -> None:
    real, _, text = pictures()
    discriminator = JointDiscriminator(4, 16, 6)
    (penalty,) = AdversarialLoss(("magp",)).penalties(discriminator, real, text, 1)
    penalty.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in discriminator.trunk.parameters())


def test_augment_changes_what_the_discriminator_sees_but_not_colours() -> None:
    ones = torch.ones(2, 3, 16, 16)
    torch.manual_seed(0)
    augmented = AdversarialLoss(("augment",)).augment(ones)
    assert not torch.equal(augmented, ones) and set(augmented.unique().tolist()) == {0.0, 1.0}
    assert AdversarialLoss().augment(ones) is ones


def test_spectral_takes_the_place_of_batch_norm() -> None:
    def norms(*kit: str) -> int:
        critics = Discriminators([16, 32], 4, 6, norm="spectral" not in kit)
        return sum(isinstance(m, nn.BatchNorm2d) for m in critics.modules())

    assert norms() > 0 and norms("spectral") == 0


def test_a_wrong_kit_is_refused() -> None:
    with pytest.raises(UserError, match=r"kit=spektral: what there is are hinge, relativistic"):
        AdversarialLoss(("spektral",))
    with pytest.raises(UserError, match="two losses, choose one"):
        AdversarialLoss(("hinge", "relativistic"))
    assert len(set(KIT)) == 7


def test_discriminators_have_the_published_sizes() -> None:
    assert [count(JointDiscriminator(64, side, 128)) for side in (64, 128)] == [5_723_906, 18_834_178]
    assert [count(JointDiscriminator(64, side, 256)) for side in (64, 128)] == [6_313_730, 19_424_002]
    assert count(JointDiscriminator(64, 64, 1024, alone=False, read=128, residual=True)) == 4_029_824


@pytest.mark.slow
def test_large_discriminators_have_the_published_sizes() -> None:
    with torch.device("meta"):
        assert count(JointDiscriminator(64, 256, 128)) == 71_269_122
        assert [count(JointDiscriminator(96, side, 256)) for side in (64, 128, 256)] == [
            13_304_450,
            42_800_258,
            160_774_274,
        ]
        assert count(JointDiscriminator(64, 256, 1024, alone=False, read=128, residual=True)) == 48_603_520


def test_half_life_is_that_of_a_decay_of_a_thousandth() -> None:
    assert 0.999 ** (half_life(20, 10**9) / 20) == pytest.approx(0.5, abs=1e-3)
    assert half_life(20, 1000) == 50


def test_haze_hides_a_chequered_pattern_from_frozen_nets() -> None:
    chequered = torch.ones(1, 3, 16, 16)
    chequered[..., ::2, 1::2] = chequered[..., 1::2, ::2] = -1
    torch.manual_seed(0)
    blurred = AdversarialLoss(("haze",)).blur(chequered)
    assert blurred[..., 1:-1, 1:-1].abs().mean() < 0.15
    assert AdversarialLoss().blur(chequered) is chequered
