"""Miniature's second recipe: its game on numbers worked by hand, and what each ingredient does."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from limner.blocks.losses import hard_negatives
from limner.blocks.teacher.lessons import changed
from limner.blocks.teacher.teacher import TEMPERATURE
from limner.data.dataset import Dataset
from limner.data.edits import OneWordEdits
from limner.data.views import Pairs
from limner.errors import UserError
from limner.noise import RowNoise
from limner.requests import Blend, Caption
from limner.system import Clock
from limner.systems import miniature_v2
from limner.systems.miniature_v2 import LAZY, RAMP, MiniatureV2, adversarial_loss, discriminator_loss
from toy import shapes

LOG2 = math.log(2)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("toy") / "data")


@pytest.fixture(autouse=True)
def no_text_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(miniature_v2, "TEXT_DROPOUT", 0.0)


def make(data: Dataset, **changes: Any) -> MiniatureV2:
    """A system whose teacher, untrained, has encoded the captions; what is not asked for weighs nothing."""
    torch.manual_seed(0)
    weights = {"match": 0.0, "naming": 0.0, "energy": 0.0, "size": 32, "widths": (32, 24, 16)}
    weights |= {"critic_widths": (16, 16, 32)}
    system = MiniatureV2(dataclasses.replace(MiniatureV2.presets["tiny"], **(weights | changes)), data.schema)
    system.eval()
    for net in (system.generator, system.critic):
        net.train()
    system.lessons.enter(data)
    return system


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("toy32") / "data", size=32)


def batch_of(data: Dataset, count: int = 6) -> Pairs:
    return Pairs.gather(data, range(count), np.random.default_rng(0)).to("cpu")


def losses(system: MiniatureV2, data: Dataset, step: int = 1, seen: int = 100) -> dict[str, Any]:
    torch.manual_seed(1)
    moves = system.step(batch_of(data), Clock(seen=seen, total=100, step=step))
    return {update.player: update for update in moves}


def indifferent(system: MiniatureV2) -> None:
    """Make the critic give every pair the same score."""
    for layer in (system.critic.joint[-1], system.critic.project, system.critic.alone):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)


def test_losses_by_hand() -> None:
    """D(x, t) = 1 and 0; drawings 0, 0 and then 2, 0; the wrong text of the first alone counts, at score 3."""
    real, fake, wrong = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 0.0, 2.0, 0.0]), torch.tensor([3.0, 9.0])

    def f(x: float) -> float:
        return math.log1p(math.exp(x))

    is_wrong = torch.tensor([True, False])
    drawn = (f(-1) + f(0) + f(1) + f(0)) / 4
    assert discriminator_loss(real, fake, wrong, is_wrong).item() == pytest.approx(drawn + 0.5 * f(2) / 2)
    assert discriminator_loss(real, fake, wrong, is_wrong, ["mismatch"]).item() == pytest.approx(drawn)
    alone = (f(0) + f(0) + f(2) + f(0)) / 4 + 0.5 * f(3) / 2 + (f(-1) + f(0)) / 2
    assert discriminator_loss(real, fake, wrong, is_wrong, ["pairing"]).item() == pytest.approx(alone)
    assert adversarial_loss(real, fake).item() == pytest.approx((f(1) + f(0) + f(-1) + f(0)) / 4)
    assert adversarial_loss(real, fake, ["pairing"]).item() == pytest.approx((f(0) + f(0) + f(-2) + f(0)) / 4)


def test_the_game_at_equal_scores(large: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """f(0) = log 2: the critic pays log 2 for the pair and half of it for the wrong text, the generator log 2."""
    monkeypatch.setattr(hard_negatives, "MARGIN", -3.0)  # nothing fits so well that it may be true: all count as wrong
    system = make(large)
    indifferent(system)
    found = losses(system, large)
    assert found["critic"].loss.item() == pytest.approx(1.5 * LOG2, abs=1e-5)
    assert found["generator"].loss.item() == pytest.approx(LOG2, abs=1e-5)


def test_the_generator_pays_for_each_term_by_its_weight(large: Dataset) -> None:
    """Each weight adds so many times its term, and naming only by the time it is fully raised."""
    bare = losses(make(large), large)["generator"].loss.item()
    for name in ("match", "naming", "energy"):
        update = losses(make(large, **{name: 3.0}), large)["generator"]
        assert update.loss.item() - bare == pytest.approx(3 * update.log[name].item(), rel=1e-3, abs=1e-4), name
    early = losses(make(large, naming=3.0), large, seen=round(50 * RAMP))["generator"]
    assert early.loss.item() - bare == pytest.approx(1.5 * early.log["naming"].item(), rel=1e-3, abs=1e-4)


def sure(system: MiniatureV2) -> None:
    """Let the teacher read "red" as the colour red and "blue" as blue, for sure, and say nothing of the rest."""
    properties, schema = system.teacher.properties, system.schema

    def read(pooled: Tensor) -> Tensor:
        logits = torch.zeros(len(pooled), properties.total)
        logits[:, properties.places[torch.arange(len(properties.unsaid)), properties.unsaid]] = 9.0
        for word in ("red", "blue"):
            place = properties.places[0, schema.attributes["colour"].index(word)]
            logits[:, place] = 30.0 * pooled[:, schema.lexicon.words.index(word)]
        return properties.log_posteriors(logits)

    def pooled(texts: Any) -> Tensor:
        words = schema.lexicon.words
        return torch.tensor([[float(word in text.split()) for word in words] for text in texts])

    system.teacher.read = read  # type: ignore[method-assign]
    system.teacher.text.pooled = pooled  # type: ignore[method-assign]
    system.teacher.text_codes = lambda states: torch.ones(len(states), 128) / 128**0.5  # type: ignore[method-assign]


def test_an_edit_counts_where_it_is_read_as_saying_something_else(
    large: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = make(large)
    sure(system)
    swap = {"red": "blue", "blue": "red"}
    monkeypatch.setattr(
        OneWordEdits, "edit", lambda self, text, rng: " ".join(swap.get(word, word) for word in text.split())
    )
    texts = ["a red circle on black", "a green circle on black"]
    other, differs = changed(system.teacher, texts, system.teacher.text.pooled(texts))
    assert differs.tolist() == [True, False]  # an edit that changes nothing said is none
    assert torch.equal(other[0], system.teacher.text.pooled(["a blue circle on black"])[0])
    assert system.lessons.edits and not make(large, without=("edits",)).lessons.edits


def test_what_a_text_says_is_asked_for_by_name_and_nothing_else(large: Dataset) -> None:
    """The teacher reads red or blue: the naming loss falls where drawings are named so, and asks nothing of others."""
    system = make(large, naming=1.0)
    table = system.lessons.negatives.table
    sure(system)
    table.vectors = system.teacher.text.pooled(table.sentences)
    says = [bool({"red", "blue"} & set(text.split())) for text in table.sentences]
    places = system.teacher.properties.places

    def named(colour: str) -> float:
        def posteriors(features: Any) -> Tensor:
            logits = torch.zeros(len(features.whole), system.teacher.properties.total)
            shown = "red" if len(features.whole) == 6 else colour  # real pictures, or drawings
            logits[:, places[0, large.schema.attributes["colour"].index(shown)]] = 9.0
            return system.teacher.properties.log_posteriors(logits)

        system.teacher.named = posteriors  # type: ignore[method-assign]
        return float(losses(system, large)["generator"].log["naming"])

    assert any(says) and not all(says)
    assert named("green") > 5 and named("red") == 0  # of these eight, all that say a colour say red
    table.vectors = table.vectors * 0  # texts that say nothing
    assert named("green") == 0


def test_the_condition_is_what_the_teacher_reads(large: Dataset) -> None:
    system = make(large)
    pooled = system.teacher.text.pooled(["a red circle on black"])
    condition = system.condition(pooled)
    properties = system.teacher.properties
    assert condition.shape == (1, properties.total)
    assert condition.sum().item() == pytest.approx(TEMPERATURE * len(properties.unsaid), rel=1e-4)
    raw = make(large, without=("posteriors",))
    assert torch.equal(raw.condition(pooled), pooled)


def test_two_drawings_of_a_text_take_part(large: Dataset) -> None:
    """One real picture, two drawings, of different noise; one batch of drawings serves both moves."""
    system, drawn = make(large, energy=1.0), []
    system.generator.register_forward_hook(lambda module, inputs, output: drawn.append((inputs, output)))
    losses(system, large)
    ((noise, text), pictures) = drawn[0]
    assert len(drawn) == 1 and len(pictures) == 12
    assert torch.equal(text[:6], text[6:]) and not torch.equal(noise[:6], noise[6:])


def test_the_energy_score_looks_at_both_under_the_same_haze(large: Dataset) -> None:
    """A generator that draws the real pictures themselves scores nearly nothing."""
    system, batch = make(large), batch_of(large)
    haze = 0.1 * torch.randn_like(batch.images)
    lesson = system.lessons.prepare(batch.images, batch.rows)._replace(haze=haze)
    lesson = lesson._replace(of_real=system.lessons.features(batch.images, haze))
    twice = batch.images.repeat(2, 1, 1, 1)
    features = system.lessons.features(twice, haze.repeat(2, 1, 1, 1))
    alike = system.lessons.energy(twice, features, batch.images, lesson)
    others = system.lessons.energy(twice.flip(0), features, batch.images, lesson)
    assert alike.max() < 0.1 < others.max()


def test_a_chequered_grid_costs(large: Dataset) -> None:
    """The teacher, who sees drawings blurred, does not notice it, and neither do pooled pixels."""
    system, batch = make(large), batch_of(large)
    lesson = system.lessons.prepare(batch.images, batch.rows)
    grid = torch.ones(32, 32)
    grid[::2, ::2] = grid[1::2, 1::2] = -1
    scores = []
    for images in (batch.images, batch.images + 0.2 * grid):
        twice = images.repeat(2, 1, 1, 1)
        features = system.lessons.features(twice, lesson.haze.repeat(2, 1, 1, 1))
        scores.append(system.lessons.energy(twice, features, batch.images, lesson).mean().item())
    assert scores[1] > scores[0] + 0.1


def test_penalties_come_lazily_and_on_both_sides(large: Dataset) -> None:
    def loss(gamma: float, step: int, **changes: Any) -> float:
        return losses(make(large, gamma=gamma, **changes), large, step)["critic"].loss.item()

    assert loss(1.0, 1) == loss(0.0, 1)
    penalty = loss(1.0, LAZY) - loss(0.0, LAZY)
    assert penalty > 0
    assert loss(2.0, LAZY) - loss(0.0, LAZY) == pytest.approx(2 * penalty, rel=1e-3)


def test_a_penalty_weighs_as_the_steps_it_stands_for(large: Dataset) -> None:
    found = []
    for step in (1, LAZY):
        system = make(large, gamma=0.5)
        system.slope_penalty = lambda *_: torch.tensor(3.0)  # type: ignore[method-assign]
        found.append(losses(system, large, step)["critic"].loss.item())
    assert found[1] - found[0] == pytest.approx(LAZY * 0.5 * 0.5 * 3, rel=1e-4)


def test_the_penalty_is_the_squared_slope(large: Dataset) -> None:
    system = make(large)

    def linear(images: Tensor, text: Tensor) -> Tensor:
        return 3 * images.sum(dim=(1, 2, 3))  # its slope is 3 in every number of a picture

    system.critic.forward = linear  # type: ignore[method-assign]
    found = system.slope_penalty(torch.zeros(2, 3, 32, 32), torch.zeros(4, 3, 32, 32), torch.zeros(2, 4)).item()
    assert found == pytest.approx(2 * 9 * 3 * 32 * 32, rel=1e-4)


@pytest.mark.parametrize("ingredient", sorted(miniature_v2.INGREDIENTS))
def test_each_ingredient_can_be_left_out(large: Dataset, ingredient: str) -> None:
    found = losses(make(large, without=(ingredient,), match=1.0, naming=1.0, energy=1.0), large, LAZY)
    assert all(torch.isfinite(update.loss) for update in found.values())


def test_an_unknown_ingredient_is_told(data: Dataset) -> None:
    with pytest.raises(UserError, match="what can be left out is"):
        make(data, without=("salt",))


def test_the_teacher_rests_while_the_game_is_played(data: Dataset) -> None:
    system = make(data)
    *_, game = system.phases()
    playing = {id(p) for player in game.players.values() for m in player.modules for p in m.parameters()}
    assert not playing & {id(p) for p in system.teacher.parameters()}


def test_a_morph_meets_its_ends(data: Dataset) -> None:
    system = make(data).eval()
    a, b = Caption("a red circle on black"), Caption("a blue bar on white")

    def draw(request: Any) -> Tensor:
        *_, draft = system.sample([request], system.Knobs(), RowNoise([1]))
        assert draft.images is not None
        return draft.images

    assert torch.allclose(draw(Blend(a, b, 0.0)), draw(a), atol=1e-5)
    assert torch.allclose(draw(Blend(a, b, 1.0)), draw(b), atol=1e-5)


@pytest.mark.parametrize("changes", [{"size": 64}, {"widths": (32,)}, {"critic_widths": (8, 8)}, {"size": 40}])
def test_widths_that_do_not_reach_the_size_are_one_clear_line(data: Dataset, changes: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"need|size=40"):
        make(data, **changes)
