"""StackGAN++: its sizes, colour consistency, the joint loss, and a tree that is told nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from limner.blocks.layers.tree import Drawn, shrunk, sides
from limner.blocks.losses.matching_aware import DiscriminatorScores
from limner.data.dataset import Dataset
from limner.data.views import Pairs, Pictures
from limner.errors import UserError
from limner.noise import RowNoise
from limner.requests import Nothing
from limner.settings import change
from limner.system import Clock
from limner.systems.stackgan_v2 import CODE, StackGanV2, StackGanV2Config, Tree, colour_consistency, statistics
from scored import Scored, colours, softplus
from toy import shapes

START = Clock(seen=0, total=1, step=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("stackgan_v2") / "shapes", 32)


def make(data: Dataset, **changes: Any) -> StackGanV2:
    torch.manual_seed(0)
    system = StackGanV2(change(StackGanV2.presets["tiny"], changes), data.schema)
    if system.captions is not None:
        system.captions.fill_table(data)
    return system


def test_has_the_published_size() -> None:
    assert sum(p.numel() for p in Tree(StackGanV2Config(), 1024).parameters()) == 21_239_696


def test_sides() -> None:
    assert sides(256, 3) == [64, 128, 256] and sides(32, 1) == [32]
    with pytest.raises(UserError, match="stages=3: a picture of 32 pixels is drawn in 1 to 2 stages"):
        sides(32, 3)


def test_real_pictures_are_shown_small_by_the_mean_of_their_pixels() -> None:
    images = torch.arange(16.0).view(1, 1, 4, 4).expand(1, 3, 4, 4)
    small, same = shrunk(images, [2, 4])
    assert_close(small[0, 0], torch.tensor([[2.5, 4.5], [10.5, 12.5]]))
    assert same is images


def test_colours_of_a_resized_copy_are_like() -> None:
    torch.manual_seed(0)
    coarse = torch.rand(2, 3, 8, 8)
    fine = coarse.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert colour_consistency(fine, coarse).item() == pytest.approx(0, abs=1e-10)


def test_colours_that_are_shifted_are_as_far_apart_as_the_shift_squared() -> None:
    torch.manual_seed(0)
    coarse = torch.rand(2, 3, 8, 8)
    assert colour_consistency(coarse + 0.3, coarse).item() == pytest.approx(0.3**2, rel=1e-4)


def test_statistics_are_those_of_numpy() -> None:
    image = np.random.default_rng(0).random((3, 5, 5)).astype(np.float32)
    mean, spread = statistics(torch.from_numpy(image)[None])
    assert_close(mean[0].numpy(), image.reshape(3, -1).mean(1))
    assert_close(spread[0].double().numpy(), np.cov(image.reshape(3, -1), bias=True), rtol=1e-4, atol=1e-6)


def test_the_coarse_picture_is_at_rest() -> None:
    fine, coarse = torch.rand(1, 3, 8, 8, requires_grad=True), torch.rand(1, 3, 4, 4, requires_grad=True)
    colour_consistency(fine, coarse).backward()
    assert fine.grad is not None and coarse.grad is None


@pytest.mark.parametrize(("joint", "terms"), [(True, 6), (False, 2)])
def test_a_critic_that_knows_nothing(data: Dataset, joint: bool, terms: int) -> None:
    system = make(data, joint=joint)
    for p in system.critics.parameters():
        nn.init.zeros_(p)
    update = next(iter(system.step(batch(data, Pairs), START)))
    assert update.player == "critic 16"
    assert update.loss.item() == pytest.approx(terms * math.log(2), abs=1e-5)


def batch(data: Dataset, view: type[Pairs] | type[Pictures]) -> Any:
    return view.gather(data, range(8), np.random.default_rng(0)).to("cpu")


def test_critics_move_first_and_the_tree_learns_what_codes_they_like(data: Dataset) -> None:
    system = make(data)
    players, last = [], None
    for update in system.step(batch(data, Pairs), START):
        players.append(update.player)
        last = update
    assert players == ["critic 16", "critic 32", "tree"] and last is not None
    assert system.generator.augment is not None
    last.loss.backward()
    assert system.generator.augment.map.weight.grad.abs().sum() > 0  # type: ignore[union-attr]


def test_told_nothing_it_needs_no_text(data: Dataset) -> None:
    system = make(data, text="none", colour=50.0)
    assert system.takes is Nothing and StackGanV2.request_type(system.config) is Nothing
    assert system.embed_pairs(torch.zeros(2, 3, 32, 32), [Nothing(), Nothing()]) is None
    (phase,) = system.phases()
    assert phase.view is Pictures
    *_, last = system.step(batch(data, Pictures), START)
    assert "colours" in last.log and last.loss.isfinite()
    drafts = list(system.eval().sample([Nothing(), Nothing()], system.Knobs(), RowNoise([1, 2])))
    assert [draft.images.shape for draft in drafts if draft.images is not None] == [(2, 3, 16, 16), (2, 3, 32, 32)]
    (part,) = system.exports().values()
    assert [image.shape for image in part.net(*part.given.values())] == [(2, 3, 16, 16), (2, 3, 32, 32)]


def test_colour_consistency_by_hand() -> None:
    """Means differ by 0.5, whose square weighs 1; each covariance of a chequered grey is 1, and weighs 5."""
    chequered = torch.ones(1, 3, 4, 4)
    chequered[..., ::2] = -1
    assert colour_consistency(chequered, torch.full((1, 3, 2, 2), 0.5)).item() == pytest.approx(0.25 + 5 * 1)


def test_each_discriminator_judges_its_own_stage_with_the_mean_code(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, drawn, judged = make(data).eval(), list[Drawn](), list[tuple[Any, ...]]()
    system.generator.register_forward_hook(lambda net, given, gives: drawn.append(gives))
    loss = system.discriminator_loss
    monkeypatch.setattr(system, "discriminator_loss", lambda *given: judged.append(given) or loss(*given))
    given = batch(data, Pairs)
    list(system.step(given, START))
    ((images, codes, *_),) = drawn
    pyramid = shrunk(given.images, [16, 32])
    for number, (d, real, fake, condition, wrong, _) in enumerate(judged):
        assert d is system.critics[number] and torch.equal(real, pyramid[number])
        assert torch.equal(fake, images[number]) and torch.equal(condition, codes[0][0])
        assert torch.equal(wrong, given.wrong) and not condition.requires_grad
    assert len(judged) == 2


def test_all_stages_learn_at_once(data: Dataset) -> None:
    system = make(data)
    *_, last = system.step(batch(data, Pairs), START)
    last.loss.backward()
    for part in (system.generator.root, *system.generator.branches, *system.generator.heads):
        gradients = [p.grad for p in part.parameters()]
        assert all(gradient is not None and gradient.abs().max() > 0 for gradient in gradients)


def test_the_discriminators_read_the_code(data: Dataset) -> None:
    codes = torch.randn(2, CODE)
    for d, side in zip(make(data).eval().critics, (16, 32), strict=True):
        one, other = d.judge(d.features(torch.ones(2, 3, side, side)), codes)  # type: ignore[operator]
        assert one != other


def test_a_branch_goes_on_from_the_map_before_it(data: Dataset) -> None:
    """By the noise, which the condition does not hold where there is a text."""
    tree, z, one = make(data).eval().generator, torch.randn(2, 100), torch.randn(1, 128)
    epsilon, sentence = one.expand(2, -1), torch.randn(1, 32).expand(2, -1)
    assert not torch.equal(*tree(z, epsilon, sentence).images[1])


def test_codes_are_drawn_from_the_gaussian(data: Dataset) -> None:
    tree, told = make(data).eval().generator, list[Any]()
    tree.branches[0].register_forward_hook(lambda net, given, gives: told.append(given[1]))
    epsilon = torch.randn(2, 128)
    drawn = tree(torch.randn(2, 100), epsilon, torch.randn(2, 32))
    mean, logvar = drawn.codes[0]
    assert_close(told[0], mean + (logvar / 2).exp() * epsilon)


def test_without_a_text_the_noise_is_the_condition_of_each_branch(data: Dataset) -> None:
    tree, told = make(data, text="none").eval().generator, list[Any]()
    tree.branches[0].register_forward_hook(lambda net, given, gives: told.append(given[1]))
    z = torch.randn(2, 100)
    tree(z)
    assert torch.equal(told[0], z)


def test_the_tree_is_published_as_an_average(data: Dataset) -> None:
    players = make(data).phases()[-1].players
    assert players["tree"].ema == 80  # a twentieth of a small budget
    assert players["critic 16"].ema is None


def test_each_branch_is_told_the_code(data: Dataset) -> None:
    tree = make(data).eval().generator
    h = torch.randn(2, 16, 16, 16)
    a, b = (tree.branches[0](h, code) for code in (torch.zeros(2, 128), torch.ones(2, 128)))
    assert a.shape == (2, 8, 32, 32) and not torch.equal(a, b)


@pytest.mark.parametrize("joint", [True, False])
def test_the_discriminators_loss_by_hand(data: Dataset, joint: bool) -> None:
    """L_D of section 4.2; without the unconditional head its two kinds of fakes weigh 1/2."""
    condition, wrong = torch.tensor([[1.0], [-2.0]]), torch.tensor([1, 0])
    discriminator = Scored()
    discriminator.alone = discriminator.alone if joint else None
    system = make(data, joint=joint)
    found = system.discriminator_loss(discriminator, colours(2, 3), colours(-1, 0.5), condition, wrong, step=1)
    right, mismatched, drawn = (3.0, 1.0), (4.0, 0.0), (0.0, -1.5)
    fakes = sum(softplus(s) for s in (*mismatched, *drawn))
    expected = sum(softplus(-s) for s in right) + (fakes if joint else fakes / 2)
    if joint:  # real pictures alone count twice
        expected += 2 * (softplus(-2) + softplus(-3)) + softplus(-1) + softplus(0.5)
    assert found.loss.item() == pytest.approx(expected / 2)


def test_the_generators_loss_by_hand(data: Dataset) -> None:
    """Both heads of each discriminator, 2 times the mean KL, and 50 times the colours of neighbouring stages."""
    system = make(data, colour=50.0)
    system.critics[0], system.critics[1] = Scored(), Scored()
    mean = torch.full((2, CODE), 0.5)
    drawn = Drawn([colours(-1, 0.5), colours(2, 0)], [(mean, torch.zeros(2, CODE))])
    none = DiscriminatorScores(torch.zeros(()), {}, None, None)
    loss, log = system.generator_loss(drawn, [none, none])
    alone, both = (-1.0, 0.5, 2.0, 0.0), (-0.5, 1.0, 2.5, 0.5)  # a logit is colour, plus the code's first number
    adversarial = sum(softplus(-s) for s in (*alone, *both)) / 2
    colour = ((2 + 1) ** 2 + 0.5**2) / 2  # mean colours differ by 3 and 0.5, their covariances are 0
    assert log["colours"].item() == pytest.approx(colour)
    assert loss.item() == pytest.approx(adversarial + 2 * 0.125 + 50 * colour)
