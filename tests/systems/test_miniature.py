"""What is particular to Miniature: its game on numbers worked by hand, and where its time does not go."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from limner.blocks.layers.fusion import Fusion
from limner.blocks.losses import hard_negatives
from limner.data.dataset import Dataset
from limner.data.views import Pairs
from limner.errors import UserError
from limner.noise import RowNoise
from limner.requests import Blend, Caption
from limner.system import Clock
from limner.systems import miniature
from limner.systems.miniature import (
    LAZY,
    VARIETY_ENOUGH,
    Miniature,
    adversarial_loss,
    discriminator_loss,
    mean_difference,
    rms_norm,
    slope_penalty,
    variety_of,
)
from scored import softplus
from toy import shapes


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("toy") / "data")


def make(data: Dataset, **changes: Any) -> Miniature:
    """A system whose encoders, untrained, have encoded the captions; no text is dropped."""
    torch.manual_seed(0)
    system = Miniature(dataclasses.replace(Miniature.presets["tiny"], **({"match": 0.0} | changes)), data.schema)
    system.encode_captions(data)
    return system


@pytest.fixture(autouse=True)
def no_text_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(miniature, "TEXT_DROPOUT", 0.0)


def batch_of(data: Dataset, count: int = 8) -> Pairs:
    import numpy as np

    return Pairs.gather(data, range(count), np.random.default_rng(0)).to("cpu")


def losses(system: Miniature, batch: Pairs, step: int = 1) -> dict[str, Any]:
    moves = system.step(batch, Clock(seen=0, total=100, step=step))
    return {update.player: update for update in moves}


def indifferent(system: Miniature) -> None:
    """Make the critic give every pair the same score."""
    for layer in (system.critic.joint[-1], system.critic.project, system.critic.alone):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)


def test_the_game_at_equal_scores(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """f(0) = log 2: the critic pays log 2 for the pair and half of it for the wrong text, the generator log 2."""
    monkeypatch.setattr(hard_negatives, "MARGIN", -3.0)  # nothing fits so well that it may be true: all count as wrong
    system = make(data, variety=0.0)
    indifferent(system)
    found = losses(system, batch_of(data))
    assert found["critic"].loss.item() == pytest.approx(1.5 * 0.693147, abs=1e-5)
    assert found["generator"].loss.item() == pytest.approx(0.693147, abs=1e-5)


def test_the_losses_by_hand() -> None:
    """f(G - x), and half of f(w - x) where w is wrong; for the generator f(x - G). Apart without pairing."""
    real, fake, wrong = torch.tensor([2.0, 4.0]), torch.tensor([1.0, 1.5]), torch.tensor([0.0, 3.0])
    is_wrong = torch.tensor([True, False])
    paired = (softplus(1 - 2) + 0.5 * softplus(0 - 2) + softplus(1.5 - 4)) / 2
    assert discriminator_loss(real, fake, wrong, is_wrong).item() == pytest.approx(paired)
    assert adversarial_loss(real, fake).item() == pytest.approx((softplus(2 - 1) + softplus(4 - 1.5)) / 2)
    apart = (softplus(1) + 0.5 * softplus(0) + softplus(-2) + softplus(1.5) + softplus(-4)) / 2
    assert discriminator_loss(real, fake, wrong, is_wrong, ("pairing",)).item() == pytest.approx(apart)
    assert adversarial_loss(real, fake, ("pairing",)).item() == pytest.approx((softplus(-1) + softplus(-1.5)) / 2)


def test_no_gradient_flows_through_the_score_of_a_real_picture() -> None:
    real, fake = torch.zeros(2, requires_grad=True), torch.zeros(2, requires_grad=True)
    adversarial_loss(real, fake).backward()
    assert real.grad is None and fake.grad is not None


def test_the_penalty_is_of_real_and_of_drawn_pictures() -> None:
    """Half the squared norm of a picture has the picture as its slope: 48 numbers of 1, and 48 of 2."""

    def critic(images: Tensor, text: Tensor) -> Tensor:
        return images.square().flatten(1).sum(dim=1) / 2

    real, fake, text = torch.ones(2, 3, 4, 4), 2 * torch.ones(2, 3, 4, 4), torch.zeros(2, 1)
    assert slope_penalty(critic, real, fake, text).item() == pytest.approx(48 + 4 * 48)  # type: ignore[arg-type]
    assert slope_penalty(critic, real, fake, text, ("r2",)).item() == pytest.approx(48)  # type: ignore[arg-type]


def test_the_scores_of_a_step_are_what_the_losses_are_of(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """A score is the mean of a picture plus the first number of its text."""
    monkeypatch.setattr(hard_negatives, "MARGIN", -3.0)
    system, texts, drawn = make(data, variety=0.0), list[Tensor](), list[Tensor]()
    monkeypatch.setattr(system.critic, "features", lambda images: images.mean(dim=(1, 2, 3)))
    monkeypatch.setattr(system.critic, "score", lambda seen, text: texts.append(text) or seen + text[:, 0])
    system.generator.register_forward_hook(lambda net, given, gives: drawn.append(gives[:8].mean(dim=(1, 2, 3))))
    batch = batch_of(data)
    found = losses(system, batch)
    own, wrong, again, last = texts
    assert torch.equal(own, again) and torch.equal(own, last) and not (own == wrong).all(dim=1).any()
    x, g, everywhere = batch.images.mean(dim=(1, 2, 3)), drawn[0], torch.ones(8, dtype=torch.bool)
    expected = discriminator_loss(x + own[:, 0], g + own[:, 0], x + wrong[:, 0], everywhere)
    assert torch.allclose(found["critic"].loss, expected)
    assert torch.allclose(found["generator"].loss, adversarial_loss(x + own[:, 0], g + own[:, 0]))


def test_variety_by_hand(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures differ by 0.5, their noise by 2; of 0.5 and 0.1 a fifth and a tenth are rewarded."""
    pictures, noise = torch.zeros(2, 3, 4, 4), torch.zeros(2, 6)
    assert torch.allclose(variety_of(pictures, pictures + 0.5, noise, noise - 2), torch.tensor([0.25, 0.25]))
    monkeypatch.setattr(miniature, "variety_of", lambda *_: torch.tensor([0.5, 0.1]))
    found = []
    for weight in (0.0, 1.0):
        system = make(data, variety=weight)
        torch.manual_seed(1)
        found.append(losses(system, batch_of(data))["generator"].loss.item())
    assert found[0] - found[1] == pytest.approx(0.15, abs=1e-5)


def test_twins_are_of_one_text_and_of_other_noise(data: Dataset) -> None:
    system, told = make(data), list[Any]()
    system.generator.register_forward_hook(lambda net, given, gives: told.append(given))
    losses(system, batch_of(data))
    ((noise, text),) = told
    assert torch.equal(text[8:], text[:2]) and not torch.equal(text[8:], text[6:8])
    assert not torch.equal(noise[8:], noise[:2])


def test_a_drawing_is_to_be_found_by_its_own_text(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """By codes of 1 and 0 for its own caption and another's: log(1 + 1/e), which is added and reaches the generator."""
    negatives = hard_negatives.HardNegatives()
    negatives.codes = torch.eye(2)
    candidates = hard_negatives.Candidates(torch.tensor([0]), torch.tensor([1]), torch.tensor([[0.0]]))
    found = negatives.retrieval_loss(torch.tensor([[3.0, 0.0]]), candidates, torch.tensor(0.0))
    assert found.item() == pytest.approx(softplus(-1))
    generators = []
    for match in (0.0, 2.0):
        system = make(data, match=match)
        monkeypatch.setattr(system.negatives, "retrieval_loss", lambda codes, *_: codes.square().sum(dim=1))
        torch.manual_seed(1)
        generators.append(losses(system, batch_of(data))["generator"])
    log = generators[1].log["match"]
    assert generators[1].loss.item() - generators[0].loss.item() == pytest.approx(2 * log.item(), rel=1e-3)
    (gradient,) = torch.autograd.grad(log, [system.generator.refine.weight], allow_unused=True)
    assert gradient is not None and gradient.abs().max() > 0


def test_the_text_of_some_rows_is_dropped(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    for share in (0.0, 1.0):
        monkeypatch.setattr(miniature, "TEXT_DROPOUT", share)
        system, told = make(data), list[Tensor]()
        system.generator.register_forward_hook(lambda net, given, gives, told=told: told.append(given[1]))
        losses(system, batch_of(data))
        assert (told[0] == 0).all() == bool(share)


def test_each_block_is_scaled_and_shifted_by_the_condition() -> None:
    """A condition of 0.5, weights of 2 and 3: x = 4 becomes 4 (1 + 1) + 1.5."""
    block = Fusion(1, 1, 1)
    with torch.no_grad():
        block.affine[0].weight.copy_(torch.tensor([[2.0], [3.0]]))
    found = block.modulate(torch.full((1, 1, 1, 1), 4.0), torch.tensor([[0.5]]), 0)
    assert found.item() == pytest.approx(9.5)


def test_noise_and_text_are_mixed_before_the_blocks(data: Dataset) -> None:
    mixer, z, text = make(data).generator.mixer, torch.randn(2, 8), torch.randn(2, 32)
    by_noise, by_text = mixer(z, text[:1].expand(2, -1)), mixer(z[:1].expand(2, -1), text)
    assert not torch.equal(*by_noise) and not torch.equal(*by_text)


def test_three_heads_make_a_score(data: Dataset) -> None:
    """Each alone: a bias of the joint one, a bias of the picture's, a text of ones in the inner product."""
    system, seen, text = make(data), torch.full((1, 32, 4, 4), 2.0), torch.zeros(1, 32)
    critic = system.critic
    joint, project, alone = critic.joint[-1], critic.project, critic.alone
    assert project is not None
    for head, score in ((joint, 1.0), (alone, 1.0), (project, 32 * 2 / 32**0.5)):
        indifferent(system)
        nn.init.ones_(head.bias)
        assert critic.score(seen, text).item() == pytest.approx(score)


def test_padding_has_no_part_in_a_texts_code(data: Dataset) -> None:
    system = make(data).eval()
    alone, among = system.pool(["red bar"]), system.pool(["red bar", "a red circle on black ground"])
    assert torch.allclose(alone[0], among[0], atol=1e-6)


def test_what_may_be_true_is_never_wrong(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hard_negatives, "MARGIN", 3.0)  # no caption fits so badly
    system = make(data, variety=0.0)
    indifferent(system)
    assert losses(system, batch_of(data))["critic"].loss.item() == pytest.approx(0.693147, abs=1e-5)


def test_penalties_come_lazily_and_on_both_sides(data: Dataset) -> None:
    """With an indifferent critic R1 and R2 are zero; with any other they add LAZY * gamma / 2 * (R1 + R2)."""
    batch = batch_of(data)

    def loss(gamma: float, step: int) -> float:
        system = make(data, gamma=gamma)
        torch.manual_seed(1)
        return losses(system, batch, step)["critic"].loss.item()

    assert loss(1.0, 1) == loss(0.0, 1)
    assert loss(1.0, LAZY) > loss(0.0, LAZY)
    assert loss(2.0, LAZY) - loss(0.0, LAZY) == pytest.approx(2 * (loss(1.0, LAZY) - loss(0.0, LAZY)), rel=1e-3)


def test_the_penalty_is_the_squared_slope(data: Dataset) -> None:
    system = make(data, gamma=1.0)
    batch = batch_of(data)

    def linear(images: Tensor, text: Tensor) -> Tensor:
        return 3 * images.sum(dim=(1, 2, 3))  # its slope is 3 in every number of a picture

    system.critic.forward = linear  # type: ignore[method-assign]
    torch.manual_seed(1)
    with_penalty = losses(system, batch, LAZY)["critic"].loss.item()
    torch.manual_seed(1)
    without = losses(system, batch, 1)["critic"].loss.item()
    slope = 9 * 3 * 16 * 16
    assert with_penalty - without == pytest.approx(LAZY * 0.5 * (slope + slope), rel=1e-4)


def test_variety_is_rewarded_until_there_is_enough(data: Dataset) -> None:
    a, b = torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), 0.5)
    assert torch.allclose(mean_difference(a, b), torch.tensor([0.5, 0.5]))
    batch = batch_of(data)
    found = {}
    for weight in (0.0, 4.0):
        system = make(data, variety=weight)
        torch.manual_seed(1)
        found[weight] = losses(system, batch)["generator"]
    unlike = found[4.0].log["unlike"].clamp(max=VARIETY_ENOUGH).mean().item()
    assert found[0.0].loss.item() - found[4.0].loss.item() == pytest.approx(4 * unlike, rel=1e-4)
    system = make(data, variety=4.0)
    torch.manual_seed(1)
    _, late = system.step(batch, Clock(seen=70, total=100, step=1))
    assert found[0.0].loss.item() - late.loss.item() == pytest.approx(0.4 * unlike, rel=1e-3)


def test_one_drawn_batch_serves_both_moves(data: Dataset) -> None:
    system, drawn = make(data), []
    system.generator.register_forward_hook(lambda module, inputs, output: drawn.append(len(output)))
    losses(system, batch_of(data))
    assert drawn == [8 + 8 // 4]


def test_no_3x3_convolution_works_at_full_size_but_the_last(data: Dataset) -> None:
    system, sides = make(data), {}
    for name, module in system.named_modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3) and not name.startswith("vision"):
            module.register_forward_hook(lambda m, i, o, name=name: sides.update({name: o.shape[-1]}))
    losses(system, batch_of(data))
    assert [name for name, side in sides.items() if side == 16] == ["generator.refine"]
    assert system.generator.refine.in_channels == 12


def test_without_pairing_each_score_stands_alone(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """At scores of 0 the critic pays log 2 for real, drawn and half of it for wrong."""
    monkeypatch.setattr(hard_negatives, "MARGIN", -3.0)
    system = make(data, variety=0.0, without=("pairing",))
    indifferent(system)
    found = losses(system, batch_of(data))
    assert found["critic"].loss.item() == pytest.approx(2.5 * 0.693147, abs=1e-5)
    assert found["generator"].loss.item() == pytest.approx(0.693147, abs=1e-5)


@pytest.mark.parametrize("ingredient", sorted(miniature.INGREDIENTS))
def test_each_ingredient_can_be_left_out(data: Dataset, ingredient: str) -> None:
    system, whole = make(data, without=(ingredient,)), make(data)
    for made in (system, whole):
        torch.manual_seed(1)
        made.found = losses(made, batch_of(data), LAZY)
    assert all(torch.isfinite(update.loss) for update in system.found.values())
    assert system.found["critic"].loss.item() != whole.found["critic"].loss.item()


def test_an_unknown_ingredient_is_told(data: Dataset) -> None:
    with pytest.raises(UserError, match="what can be left out is"):
        make(data, without=("salt",))


def test_every_text_counts_alike(data: Dataset) -> None:
    system = make(data).eval()
    codes = system.code(system.pool(["red", "a red circle on black with a blue ground and a square bar"]))
    assert torch.allclose(codes.square().mean(dim=1), torch.ones(2), atol=1e-4)
    assert torch.equal(rms_norm(torch.zeros(1, 4)), torch.zeros(1, 4))


def test_the_text_encoder_rests_while_the_game_is_played(data: Dataset) -> None:
    system = make(data)
    *_, game = system.phases()
    playing = {id(p) for player in game.players.values() for m in player.modules for p in m.parameters()}
    assert not playing & {id(p) for p in [*system.text.parameters(), *system.vision.parameters()]}


def test_a_morph_meets_its_ends(data: Dataset) -> None:
    system = make(data).eval()
    a, b = Caption("a red circle on black"), Caption("a blue bar on white")

    def draw(request: Any) -> Tensor:
        *_, draft = system.sample([request], system.Knobs(), RowNoise([1]))
        assert draft.images is not None
        return draft.images

    assert torch.allclose(draw(Blend(a, b, 0.0)), draw(a), atol=1e-5)
    assert torch.allclose(draw(Blend(a, b, 1.0)), draw(b), atol=1e-5)


@pytest.mark.parametrize("changes", [{"size": 32}, {"widths": (32,)}, {"critic_widths": (8, 8, 8)}])
def test_widths_that_do_not_reach_the_size_are_one_clear_line(data: Dataset, changes: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="need"):
        make(data, **changes)


def test_parameters_of_the_shipped_preset(data: Dataset) -> None:
    with torch.device("meta"):
        system = Miniature(Miniature.presets["avatars"], data.schema)
    count = {name: sum(p.numel() for p in getattr(system, name).parameters()) for name in ("generator", "critic")}
    assert count == {"generator": 3_278_563, "critic": 2_659_074}
