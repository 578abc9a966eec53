"""The losses of the cascades: the papers' weights at constant discriminators, and each ingredient of the kit."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from limner.blocks.discriminators.joint import JointDiscriminator
from limner.blocks.discriminators.pyramid import Discriminators, half_life
from limner.blocks.losses.matching_aware import KIT, LAZY, Objective, Weights
from limner.blocks.losses.penalties import matching_penalty
from limner.errors import UserError

LOG2 = math.log(2)
STACKGAN = Weights(right=1.0, wrong=0.5, drawn=0.5)
JOINT = Weights(right=1.0, wrong=1.0, drawn=1.0, real_alone=2.0, drawn_alone=1.0)
NO_TEXT = Weights(real_alone=1.0, drawn_alone=1.0)
ATTNGAN = Weights(right=1 / 2, wrong=1 / 3, drawn=1 / 3, real_alone=1 / 2, drawn_alone=1 / 3)
WRONG = torch.tensor([1, 2, 0])


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def pictures() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(3, 3, 16, 16), torch.randn(3, 3, 16, 16, requires_grad=True), torch.randn(3, 6)


class Fixed(JointDiscriminator):
    """A discriminator whose scores are given: right 2, wrong -1, drawn 0.5, real alone 3, drawn alone -2."""

    def __init__(self) -> None:
        super().__init__(4, 16, 6)
        self.calls = 0

    def features(self, images: Tensor) -> Tensor:
        self.calls += 1
        mark = torch.arange(3.0) if self.calls == 1 else torch.full((3,), 9.0)
        return mark[:, None, None, None].expand(3, 8, 4, 4) + 0 * images.mean()

    def judge(self, features: Tensor, text: Tensor) -> Tensor:
        mark = features[:, 0, 0, 0]
        return torch.where(mark == 9, 0.5, torch.where(mark == torch.arange(3.0), 2.0, -1.0)) + 0 * mark


def losses(kit: tuple[str, ...], weights: Weights) -> tuple[float, float]:
    """Return the losses of a discriminator with given scores and of the generator that it scores."""
    real, drawn, text = pictures()
    discriminator, objective = Fixed(), Objective(weights, kit)
    discriminator.alone = nn.Flatten()  # scores features by a mean of their own below
    discriminator.alone.forward = lambda x: torch.where(x[:, 0, 0, 0] == 9, -2.0, 3.0) + 0 * x[:, 0, 0, 0]  # type: ignore
    scores = objective.discriminator_loss(discriminator, real, drawn, text, WRONG, step=1)
    return scores.loss.item(), objective.generator_loss(discriminator, drawn, text, scores).item()


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_the_weights_of_the_papers() -> None:
    real, fake = softplus(-2) / 2 + softplus(-3) / 2, (softplus(0.5) + softplus(-2) + softplus(-1)) / 3
    assert losses((), ATTNGAN) == pytest.approx((real + fake, softplus(-0.5) + softplus(2)))


def test_hinge() -> None:
    expected = 0.5 * 0 + 0.5 * 0 + (1.5 + 0 + 0) / 3
    assert losses(("hinge",), ATTNGAN) == pytest.approx((expected, -0.5 + 2))


def test_relativistic_sets_each_negative_against_the_right_pair() -> None:
    discriminator = (softplus(0.5 - 2) + softplus(-1 - 2) + softplus(-2 - 3)) / 3
    assert losses(("relativistic",), ATTNGAN) == pytest.approx((discriminator, softplus(2 - 0.5) + softplus(3 + 2)))


@pytest.mark.parametrize(
    ("weights", "alone", "expected"),
    [(STACKGAN, False, 2 * LOG2), (JOINT, True, 6 * LOG2), (ATTNGAN, True, 2 * LOG2)],
    ids=["stackgan", "stackgan++", "attngan"],
)
def test_a_discriminator_that_knows_nothing(weights: Weights, alone: bool, expected: float) -> None:
    real, drawn, text = pictures()
    discriminator = JointDiscriminator(4, 16, 6, alone=alone)
    for p in discriminator.parameters():
        nn.init.zeros_(p)
    objective = Objective(weights)
    scores = objective.discriminator_loss(discriminator, real, drawn, text, WRONG, step=1)
    assert scores.loss.item() == pytest.approx(expected, abs=1e-5)
    assert objective.generator_loss(discriminator, drawn, text, scores).item() == pytest.approx(
        (1 + alone) * LOG2, abs=1e-5
    )


def test_without_text_only_pictures_are_scored() -> None:
    real, drawn, _ = pictures()
    discriminator = JointDiscriminator(4, 16, 0)
    scores = Objective(NO_TEXT).discriminator_loss(discriminator, real, drawn, None, WRONG, step=1)
    assert set(scores.log) == {"real", "drawn alone"} and scores.right is None


def test_the_discriminators_gradient_stops_at_the_pictures_and_the_generators_reaches_them() -> None:
    real, drawn, text = pictures()
    discriminator, objective = JointDiscriminator(4, 16, 6), Objective(ATTNGAN)
    scores = objective.discriminator_loss(discriminator, real, drawn, text, WRONG, step=1)
    scores.loss.backward()
    assert drawn.grad is None
    objective.generator_loss(discriminator, drawn, text, scores).backward()
    assert drawn.grad is not None and drawn.grad.abs().sum() > 0


def test_r1_is_taken_every_sixteenth_step_and_weighs_as_much_more() -> None:
    real, drawn, text = pictures()
    discriminator = JointDiscriminator(4, 16, 6, norm=False).eval()
    losses = {
        (kit, step): Objective(ATTNGAN, kit)
        .discriminator_loss(discriminator, real, drawn, text, WRONG, step)
        .loss.item()
        for kit in ((), ("r1",))
        for step in (1, LAZY)
    }
    assert losses[("r1",), 1] == losses[(), 1]
    assert losses[("r1",), LAZY] > losses[(), LAZY]


def test_matching_penalty_by_hand() -> None:
    torch.manual_seed(0)
    w, u = torch.randn(3, 4, 4), torch.randn(6)
    images, text = torch.randn(2, 3, 4, 4), torch.randn(2, 6)
    found = matching_penalty(lambda x, t: (x * w).flatten(1).sum(dim=1) + t @ u, images, text)
    assert_close(found, 2 * (w.norm() + u.norm()) ** 6)


def test_matching_penalty_reaches_the_discriminator() -> None:
    real, drawn, text = pictures()
    discriminator = JointDiscriminator(4, 16, 6)
    plain, steep = (
        Objective(ATTNGAN, kit).discriminator_loss(discriminator, real, drawn, text, WRONG, step=1).loss
        for kit in ((), ("magp",))
    )
    assert steep.item() > plain.item()
    steep.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in discriminator.trunk.parameters())


def test_augment_changes_what_the_discriminator_sees_but_not_colours() -> None:
    ones = torch.ones(2, 3, 16, 16)
    torch.manual_seed(0)
    augmented = Objective(ATTNGAN, ("augment",)).augment(ones)
    assert not torch.equal(augmented, ones) and set(augmented.unique().tolist()) == {0.0, 1.0}
    assert Objective(ATTNGAN).augment(ones) is ones


def test_spectral_takes_the_place_of_batch_norm() -> None:
    def norms(*kit: str) -> int:
        critics = Discriminators([16, 32], 4, 6, norm="spectral" not in kit)
        return sum(isinstance(m, nn.BatchNorm2d) for m in critics.modules())

    assert norms() > 0 and norms("spectral") == 0


def test_a_wrong_kit_is_refused() -> None:
    with pytest.raises(UserError, match=r"kit=spektral: what there is are hinge, relativistic"):
        Objective(ATTNGAN, ("spektral",))
    with pytest.raises(UserError, match="two losses, choose one"):
        Objective(ATTNGAN, ("hinge", "relativistic"))
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
    blurred = Objective(ATTNGAN, ("haze",)).blur(chequered)
    assert blurred[..., 1:-1, 1:-1].abs().mean() < 0.15
    assert Objective(ATTNGAN).blur(chequered) is chequered
