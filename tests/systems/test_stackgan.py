"""StackGAN: its sizes, a sketcher at rest while the refiner learns, and clouds of codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.testing import assert_close

from limner.blocks.layers.conditioning_augmentation import (
    ConditioningAugmentation,
    kl_to_standard_normal,
    reparameterise,
)
from limner.blocks.losses.matching_aware import DiscriminatorScores
from limner.blocks.two_stages import CODE, Refiner, Sketcher, Stacked, Z
from limner.data.dataset import Dataset
from limner.errors import UserError
from limner.noise import RowNoise
from limner.settings import change
from limner.system import Clock
from limner.systems.stackgan import StackGan, StackGanConfig
from scored import Scored, colours, softplus
from toy import pairs, shapes

START = Clock(seen=0, total=1, step=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("stackgan") / "shapes", 32)


def make(data: Dataset, **changes: Any) -> StackGan:
    torch.manual_seed(0)
    system = StackGan(change(StackGan.presets["tiny"], changes), data.schema)
    system.eval().requires_grad_(False)
    system.captions.fill_table(data)
    return system


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_has_the_published_size() -> None:
    assert count(Sketcher(128, 64, 1024)) == 14_264_192
    assert count(Refiner(128, 64, 256, 1024, 4)) == 26_290_080


def test_a_picture_is_larger_than_its_sketch(data: Dataset) -> None:
    system = make(data)
    drafts = list(system.sample(data.requests(system.takes, 2, "test"), system.Knobs(), RowNoise([1, 2])))
    assert [draft.images.shape[-1] for draft in drafts if draft.images is not None] == [16, 32]
    with pytest.raises(UserError, match="first=64: a sketch is no larger than the picture, which has size=32"):
        change(StackGanConfig(), {"first": 64, "size": 32})


def test_the_sketcher_rests_while_the_refiner_learns(data: Dataset) -> None:
    system = make(data)
    *_, first, second = system.phases()
    assert set(first.players["generator"].modules) == {system.generator.sketcher}
    assert set(second.players["generator"].modules) == {system.generator.refiner}
    system.requires_grad_(True)
    *_, last = system.step_ii(pairs(data), START)
    last.loss.backward()
    assert all(p.grad is None for p in system.generator.sketcher.parameters())
    assert all(p.grad is not None for p in system.generator.refiner.parameters())


def test_the_first_stage_draws_from_noise_and_text(data: Dataset) -> None:
    sketcher = make(data).generator.sketcher
    torch.manual_seed(0)
    z, epsilon, phi = torch.randn(2, Z), torch.randn(1, CODE), torch.randn(2, 32)
    sketch, _ = sketcher(z[:1], epsilon, phi[:1])
    assert not torch.equal(sketch, sketcher(z[1:], epsilon, phi[:1])[0])
    assert not torch.equal(sketch, sketcher(z[:1], epsilon, phi[1:])[0])


def test_the_second_stage_sees_the_sketch_and_reads_the_text(data: Dataset) -> None:
    """It gets no noise of its own but epsilon: what is drawn lies in the sketch and in the text."""
    refiner = make(data).generator.refiner
    torch.manual_seed(0)
    sketch, epsilon, phi = torch.rand(2, 3, 16, 16), torch.randn(1, CODE), torch.randn(2, 32)
    picture, _ = refiner(sketch[:1], epsilon, phi[:1])
    assert not torch.equal(picture, refiner(sketch[1:], epsilon, phi[:1])[0])
    assert not torch.equal(picture, refiner(sketch[:1], epsilon, phi[1:])[0])


def test_a_sketch_and_its_picture_are_of_one_text(data: Dataset) -> None:
    system, told = make(data), dict[str, Any]()
    stages = system.generator
    stages.sketcher.register_forward_hook(lambda net, given, gives: told.update(sketch=gives[0], first=given[2]))
    stages.refiner.register_forward_hook(lambda net, given, gives: told.update(over=given[0], second=given[2]))
    next(iter(system.step_ii(pairs(data), START)))
    assert torch.equal(told["sketch"], told["over"]) and torch.equal(told["first"], told["second"])


@pytest.mark.parametrize("stage", ["critic_i", "critic_ii"])
def test_each_stage_has_its_own_discriminator(data: Dataset, stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of real pictures at the size of the stage, and of one generated batch, which serves both updates."""
    system, seen = make(data), dict[str, list[Tensor]](critic_i=[], critic_ii=[])
    for name, pictures in seen.items():
        features = getattr(system, name).features
        monkeypatch.setattr(
            getattr(system, name), "features", lambda x, to=pictures, of=features: to.append(x) or of(x)
        )
    batch = pairs(data)
    list((system.step_i if stage == "critic_i" else system.step_ii)(batch, START))
    other = "critic_ii" if stage == "critic_i" else "critic_i"
    assert len(seen[stage]) == 3 and not seen[other]
    real, drawn, again = seen[stage]
    assert torch.equal(drawn, again)
    side = 16 if stage == "critic_i" else 32
    assert_close(real, torch.nn.functional.adaptive_avg_pool2d(batch.images, side))


def test_the_discriminators_read_the_text(data: Dataset) -> None:
    system, phi = make(data), torch.randn(2, 32)
    for d, side in ((system.critic_i, 16), (system.critic_ii, 32)):
        one, other = d.judge(d.features(torch.ones(2, 3, side, side)), phi)
        assert one != other


def test_the_kl_reaches_the_codes(data: Dataset) -> None:
    """Of a deaf discriminator nothing is to be learnt: what moves Conditioning Augmentation is its KL alone."""
    system = make(data, kit=())
    for p in (*system.critic_i.parameters(), *system.critic_ii.parameters()):
        p.zero_()
    system.requires_grad_(True)
    for step, net in ((system.step_i, system.generator.sketcher), (system.step_ii, system.generator.refiner)):
        *_, last = step(pairs(data), START)
        last.loss.backward()
        gradient = net.augment.map.weight.grad
        assert gradient is not None and gradient.abs().max() > 0


def test_each_stage_reads_the_text_itself(data: Dataset) -> None:
    stages = make(data).generator
    assert stages.sketcher.augment is not stages.refiner.augment
    torch.manual_seed(0)
    z, epsilon, sentence = torch.randn(1, Z), torch.randn(1, 2 * CODE), torch.randn(1, 32)
    moved = epsilon.clone()
    moved[:, CODE:] += 1  # of the second stage
    (sketch, picture), (same, other) = stages(z, epsilon, sentence).images, stages(z, moved, sentence).images
    assert torch.equal(sketch, same) and not torch.equal(picture, other)


def test_a_mismatch_weighs_half(data: Dataset) -> None:
    system = make(data, kit=())
    for p in system.critic_i.parameters():
        p.zero_()
    update = next(iter(system.step_i(pairs(data), START)))
    assert update.player == "critic"
    assert update.loss.item() == pytest.approx(2 * torch.tensor(2.0).log().item(), abs=1e-5)


@pytest.mark.parametrize("gated", [True, False])
def test_codes_of_a_cloud_spread_as_it_says(gated: bool) -> None:
    torch.manual_seed(0)
    cloud = ConditioningAugmentation(6, 3, gated)(torch.randn(1, 6))
    mean, logvar = cloud
    codes = reparameterise((mean.expand(20_000, 3), logvar.expand(20_000, 3)), torch.randn(20_000, 3))
    assert_close(codes.mean(dim=0), mean[0], atol=0.05, rtol=0)
    assert_close(codes.var(dim=0).log(), logvar[0], atol=0.05, rtol=0)
    expected = kl_divergence(Normal(mean, (logvar / 2).exp()), Normal(0.0, 1.0)).sum()
    assert_close(kl_to_standard_normal(*cloud), expected)


def test_a_deviation_may_be_smaller_than_one() -> None:
    """In the authors' PyTorch code a ReLU keeps it above (erratum 1)."""
    torch.manual_seed(0)
    for gated in (True, False):
        _, logvar = ConditioningAugmentation(6, 50, gated)(torch.randn(20, 6))
        assert (logvar < 0).any() and (logvar > 0).any()


def test_without_stray_and_noise_a_text_has_one_picture(data: Dataset) -> None:
    system, knobs = make(data), StackGan.Knobs(spread=0.0, reading=0.0)

    def draw(seed: int) -> Tensor:
        *_, final = system.sample(data.requests(system.takes, 1, "test"), knobs, RowNoise([seed]))
        assert final.images is not None
        return final.images

    assert torch.equal(draw(1), draw(2))


def test_windows_are_cut_and_sketches_shown_small(data: Dataset, tmp_path: Path) -> None:
    larger = shapes(tmp_path / "shapes", 38)
    system = make(larger, crop=True)
    assert StackGan.data_size(system.config) == 38
    updates = list(system.step_i(pairs(larger), START))
    assert [update.player for update in updates] == ["critic", "generator"]


def test_the_discriminators_loss_by_hand(data: Dataset) -> None:
    """L_D (eqs. 3 and 5): a right pair weighs 1, a generated and a mismatched one 1/2; a logit is colour plus text."""
    phi, wrong = torch.tensor([[1.0], [-2.0]]), torch.tensor([1, 0])
    found = make(data).discriminator_loss(Scored(), colours(2, 3), colours(-1, 0.5), phi, wrong, step=1)
    right, mismatched, drawn = (3.0, 1.0), (4.0, 0.0), (0.0, -1.5)
    fakes = sum(softplus(s) for s in (*mismatched, *drawn)) / 2
    assert found.loss.item() == pytest.approx((sum(softplus(-s) for s in right) + fakes) / 2)


def test_the_generators_loss_by_hand(data: Dataset) -> None:
    """L_G (eqs. 4 and 6): -log D plus 2 times the mean KL of a code's numbers, 0.5^2 / 2 each."""
    phi, gaussian = torch.tensor([[1.0], [-2.0]]), (torch.full((2, CODE), 0.5), torch.zeros(2, CODE))
    scores = DiscriminatorScores(torch.zeros(()), {}, None, None)
    loss, log = make(data).generator_loss(Scored(), colours(-1, 0.5), gaussian, phi, scores)
    assert loss.item() == pytest.approx((softplus(0.0) + softplus(1.5)) / 2 + 2 * 0.125)
    assert log["divergence"].item() == pytest.approx(0.125)


@pytest.mark.parametrize("width", [256, 1024])
def test_clouds_begin_narrow_enough_to_tell_texts_apart(data: Dataset, width: int) -> None:
    """As in the authors' code: with an orthogonal map of standardised vectors the divergence is five times as large."""
    torch.manual_seed(0)
    system = StackGan(change(StackGan.presets["tiny"], {"text_width": width}), data.schema)
    vectors = torch.randn(500, width)
    assert isinstance(system.generator, Stacked)
    for augment in (system.generator.sketcher.augment, system.generator.refiner.augment):
        assert augment.map.weight.std().item() == pytest.approx(0.02 * (1024 / width) ** 0.5, rel=0.05)
        assert kl_to_standard_normal(*augment(vectors)).item() / CODE == pytest.approx(0.63, abs=0.1)
        nn.init.orthogonal_(augment.map.weight)
        assert kl_to_standard_normal(*augment(vectors)).item() / CODE == pytest.approx(3.3, abs=0.3)


def test_without_augmentation_a_text_is_one_code(data: Dataset) -> None:
    torch.manual_seed(0)
    with_it, without = make(data), make(data, augmentation=False)
    phi = torch.randn(3, 32)
    assert with_it.epsilon(phi).abs().sum() > 0 and not without.epsilon(phi).any()
    (request,) = data.requests(without.takes, 1, "test")
    spread = StackGan.Knobs(spread=0.0)

    def draw(system: StackGan, seed: int) -> Tensor:
        *_, final = system.sample([request], spread, RowNoise([seed]))
        assert final.images is not None
        return final.images

    assert torch.equal(draw(without, 1), draw(without, 2)) and not torch.equal(draw(with_it, 1), draw(with_it, 2))
    gaussian = (torch.full((2, CODE), 3.0), torch.zeros(2, CODE))
    scores = DiscriminatorScores(torch.zeros(()), {}, torch.zeros(2), None)
    fake = torch.zeros(2, 3, 16, 16)
    losses = [
        system.generator_loss(system.critic_i, fake, gaussian, torch.zeros(2, 32), scores)[0].item()
        for system in (with_it, without)
    ]
    assert losses[0] - losses[1] == pytest.approx(2 * 4.5, abs=1e-4)  # the KL of a mean of 3: 9 / 2, twice


def test_in_one_stage_there_is_no_refiner(data: Dataset) -> None:
    system = make(data, first=32)
    assert [phase.name for phase in system.phases()] == ["text", "read", "stage I"]
    assert not any(key.startswith(("critic_ii", "generator.refiner")) for key in system.state_dict())
    (draft,) = system.sample(data.requests(system.takes, 2, "test"), system.Knobs(), RowNoise([1, 2]))
    assert draft.images is not None and draft.images.shape == (2, 3, 32, 32)
    assert [update.player for update in system.step_i(pairs(data), START)] == ["critic", "generator"]
