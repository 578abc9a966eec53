"""ProGAN: its nets and their fade, its schedule, its two moves, and runs that stop while a resolution fades in."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from limner import catalogue, checkpoint
from limner.blocks.growing import Stage, doubled
from limner.data.dataset import Dataset
from limner.data.schema import Schema
from limner.data.views import Pictures
from limner.errors import UserError
from limner.noise import RowNoise
from limner.settings import change
from limner.system import Clock, Draft, System
from limner.systems.progan import DRIFT, Config, Discriminator, Generator, ProGAN, critic_loss
from limner.training.engine import Engine
from limner.training.run_folder import RunFolder
from limner.training.trainer import Trainer
from toy import shapes

FADING = {"stages": (Stage(4, 1, 8, 0.5), Stage(8, 4, 8, 0.75), Stage(16, 1, 8, 0.5)), "images": 6 * 8}


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("growing") / "shapes", 16)


def made(name: str, data: Dataset) -> System:
    """Return a tiny system of six steps: one at 4 pixels, four at 8, of which three fade, one at 16."""
    torch.manual_seed(0)
    return catalogue.create(name, "tiny", data.schema, FADING)


def trainer(system: System, data: Dataset, folder: Path, grid_every: int = 0) -> Trainer:
    run = RunFolder.open(folder) if (folder / "run.json").exists() else RunFolder.create(folder)
    return Trainer(system, data, run, engine=Engine("fp32", quiet=True), grid_every=grid_every)


def drawn(system: System, data: Dataset) -> list[Draft]:
    requests = data.requests(system.takes, 2, "test")
    return list(system.eval().sample(requests, system.Knobs(), RowNoise([1, 2])))


@pytest.mark.parametrize("name", ["progan", "t2f"])
def test_a_run_that_stops_within_a_fade_goes_on_bitwise(name: str, data: Dataset, tmp_path: Path) -> None:
    whole = made(name, data)
    trainer(whole, data, tmp_path / "whole").fit()
    cut = made(name, data)
    trainer(cut, data, tmp_path / "cut").fit(stop_after=3 * 8)
    assert int(cut.depth) == 1 and 0 < float(cut.alpha) < 1  # type: ignore[operator, arg-type]
    again = made(name, data)
    trainer(again, data, tmp_path / "cut").resume()
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in whole.state_dict().items())
    assert int(again.depth) == 2  # type: ignore[operator]


@pytest.mark.parametrize("name", ["progan", "t2f"])
def test_what_is_saved_within_a_fade_draws_as_far_as_it_has_grown_at_full_size(
    name: str, data: Dataset, tmp_path: Path
) -> None:
    system = made(name, data)
    trainer(system, data, tmp_path / "run").fit(stop_after=3 * 8)
    newest = RunFolder.open(tmp_path / "run").newest()
    assert newest is not None
    opened = checkpoint.open(newest)
    assert (int(opened.depth), float(opened.alpha)) == (1, float(system.alpha))  # type: ignore[operator, arg-type]
    drafts = drawn(opened, data)
    assert [draft.images.shape[-1] for draft in drafts if draft.images is not None] == [4, 16]
    final = drafts[-1].images
    assert final is not None and torch.equal(final[..., ::2, ::2], final[..., 1::2, 1::2])  # 8 pixels, doubled
    part = opened.exports()["painter"]
    assert [image.shape[-1] for image in part.net(*part.given.values())] == [4, 16]


@pytest.mark.parametrize("name", ["progan", "t2f"])
def test_coarse_pictures_are_drafts_of_the_last(name: str, data: Dataset) -> None:
    drafts = drawn(made(name, data), data)
    assert [draft.note for draft in drafts] == ["4 x 4", "8 x 8", "16 x 16"]
    assert [draft.images.shape[-1] for draft in drafts if draft.images is not None] == [4, 8, 16]


@pytest.mark.parametrize("name", ["progan", "t2f"])
def test_the_film_of_a_run_spans_all_resolutions(name: str, data: Dataset, tmp_path: Path) -> None:
    trainer(made(name, data), data, tmp_path / "run", grid_every=8).fit()
    grids = [Image.open(path).size for path in RunFolder.open(tmp_path / "run").grids()]
    assert len(grids) == 6 and len(set(grids)) == 1
    with Image.open(tmp_path / "run" / "timelapse.gif") as film:
        assert film.size == grids[0] and film.n_frames > 1  # type: ignore[attr-defined]


def test_the_schedule_is_data() -> None:
    changes = {"stages": "4:1:8:0, 8:3:4:0.5", "size": "8", "images": "4000"}
    config = catalogue.configure(ProGAN, "tiny", changes)
    assert config.stages == (Stage(4, 1.0, 8, 0.0), Stage(8, 3.0, 4, 0.5))
    phases = ProGAN(config, Schema(size=8)).phases()
    assert [(phase.name, phase.images, phase.batch) for phase in phases] == [("4px", 1_000, 8), ("8px", 3_000, 4)]


def test_a_budget_of_images_scales_every_stage() -> None:
    budgets = [
        [phase.images for phase in ProGAN(catalogue.configure(ProGAN, "avatars", {"images": n}), Schema(64)).phases()]
        for n in (148_000, 14_800)
    ]
    assert budgets[0] == [10 * images for images in budgets[1]]


@pytest.mark.parametrize("text", ["4:1:8", "4:1:8:0:1", "4:1:8:much"])
def test_a_stage_is_written_whole(text: str) -> None:
    with pytest.raises(UserError, match="resolution:share:batch:fade"):
        catalogue.configure(ProGAN, "tiny", {"stages": text})


def test_too_few_widths_are_refused() -> None:
    with pytest.raises(UserError, match="3 stages need 3 widths, not 2"):
        ProGAN(Config(size=16, widths=(8, 8)), Schema(size=16))


def test_the_players_move_by_adam_without_momentum() -> None:
    (players, *_) = [phase.players for phase in ProGAN(ProGAN.presets["tiny"], Schema(size=16)).phases()]
    group = players["critic"].optimiser(torch.nn.Linear(1, 1).parameters()).param_groups[0]
    assert (group["betas"], group["eps"]) == ((0.0, 0.99), 1e-8)
    assert players["generator"].ema and players["critic"].ema is None


def test_the_critics_loss_is_the_papers() -> None:
    system = ProGAN(ProGAN.presets["tiny"], Schema(size=16))
    batch = Pictures(images=torch.rand(8, 3, 16, 16) * 2 - 1)
    moves = system.phases()[1].step(batch, Clock(seen=1, total=4, step=0))  # type: ignore[misc]
    update = next(moves)
    assert float(system.alpha) == 0.5
    real, fake, penalty = (update.log[key] for key in ("real", "drawn", "penalty"))
    expected = fake.mean() - real.mean() + DRIFT * real.square().mean() + penalty
    assert (update.player, update.loss.item()) == ("critic", pytest.approx(expected.item()))
    assert next(moves).player == "generator"
    assert next(moves, None) is None


def test_the_papers_preset_reaches_a_thousand_pixels() -> None:
    with torch.device("meta"):
        system = ProGAN(ProGAN.presets["paper"], Schema(size=1024))
    assert system.generator(torch.empty(1, 512, device="meta"), 8).shape == (1, 3, 1024, 1024)
    assert [phase.name for phase in system.phases()][-1] == "1024px"


def test_noise_is_normed_so_that_its_length_does_not_matter() -> None:
    torch.manual_seed(0)
    system, z = ProGAN(ProGAN.presets["tiny"], Schema(size=16)), torch.randn(2, 16)
    torch.nn.init.normal_(system.generator.seed.bias)  # without it the norm after the layer does the same
    assert torch.allclose(system.generator(z, 2), system.generator(2 * z, 2), atol=1e-4)


WIDTHS = (8, 6, 4)


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(0)
    return Generator(5, WIDTHS)


@pytest.fixture
def discriminator() -> Discriminator:
    torch.manual_seed(1)
    return Discriminator(WIDTHS)


def test_gains_are_less_at_the_ends(generator: Generator, discriminator: Discriminator) -> None:
    assert generator.seed.scale == pytest.approx(math.sqrt(2) / 4 / math.sqrt(5))
    assert generator.colours[0].scale == pytest.approx(1 / math.sqrt(8))
    assert discriminator.score.scale == pytest.approx(1 / math.sqrt(8))
    assert generator.first.scale == pytest.approx(math.sqrt(2) / math.sqrt(8 * 9))


@pytest.mark.parametrize("depth", [1, 2])
def test_a_fade_goes_from_the_stage_before_to_the_new_one(generator: Generator, depth: int) -> None:
    z = torch.randn(3, 5)
    before, after = generator(z, depth - 1), generator(z, depth)
    assert after.shape == (3, 3, 4 * 2**depth, 4 * 2**depth)
    assert torch.equal(generator(z, depth, 0.0), doubled(before))
    assert torch.equal(generator(z, depth, 1.0), after)
    assert torch.allclose(generator(z, depth, 0.25), 0.75 * doubled(before) + 0.25 * after, atol=1e-6)


@pytest.mark.parametrize("depth", [1, 2])
def test_the_discriminator_fades_alike(discriminator: Discriminator, depth: int) -> None:
    x = torch.randn(4, 3, 4 * 2**depth, 4 * 2**depth)
    before, after = discriminator.features(F.avg_pool2d(x, 2), depth - 1, 1.0), discriminator.features(x, depth, 1.0)
    assert torch.allclose(discriminator.features(x, depth, 0.0), before, atol=1e-6)
    assert not torch.allclose(after, before, atol=1e-2)
    assert discriminator(x, depth, 0.5).shape == (4,)


def test_a_new_stage_begins_with_weight_zero(generator: Generator, discriminator: Discriminator) -> None:
    z = torch.randn(4, 5)
    old = discriminator(generator(z, 0), 0, 1.0)
    assert torch.allclose(discriminator(generator(z, 1, 0.0), 1, 0.0), old, atol=1e-5)


def test_features_are_of_each_row_alone_and_only_scores_depend_on_the_others(discriminator: Discriminator) -> None:
    x = torch.randn(4, 3, 8, 8)
    features = discriminator.features(x, 1, 1.0)
    assert torch.allclose(discriminator.features(x[:1], 1, 1.0), features[:1], atol=1e-5)
    assert not torch.allclose(discriminator.scores(features[:1]), discriminator.scores(features)[:1], atol=1e-3)


def test_the_discriminator_is_linear_at_its_end(discriminator: Discriminator) -> None:
    x = torch.randn(2, 3, 4, 4)
    score = discriminator(x, 0, 1.0)
    with torch.no_grad():
        discriminator.score.weight.neg_()
    assert torch.allclose(discriminator(x, 0, 1.0), -score, atol=1e-6)  # a leaky ReLU would shrink one of the two


def test_the_loss_by_hand() -> None:
    real, fake = torch.tensor([2.0, 4.0]), torch.tensor([1.0, 1.0])
    assert critic_loss(real, fake).item() == pytest.approx(1 - 3 + 0.001 * (4 + 16) / 2)


def test_the_generators_loss_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """-E D(G(z)): a score is twice the mean colour, and drawn pictures are of 0.5 at first and then of 0.75."""
    system, shades = ProGAN(ProGAN.presets["tiny"], Schema(size=16)), iter((0.5, 0.75))
    monkeypatch.setattr(
        system.generator, "forward", lambda z, depth, alpha: torch.full((len(z), 3, 8, 8), next(shades))
    )
    monkeypatch.setattr(system.critic, "forward", lambda x, depth, alpha: 2 * x.mean(dim=(1, 2, 3)))
    batch = Pictures(images=torch.rand(8, 3, 16, 16))
    _, generator = system.phases()[1].step(batch, Clock(seen=1, total=4, step=0))  # type: ignore[misc]
    assert (generator.player, generator.loss.item()) == ("generator", pytest.approx(-1.5))


@pytest.mark.parametrize(("progress", "alpha"), [(0, 0.0), (1, 0.5), (3, 1.0)])
def test_real_pictures_fade_in_as_drawn_ones_do(progress: int, alpha: float, monkeypatch: pytest.MonkeyPatch) -> None:
    system, seen = ProGAN(ProGAN.presets["tiny"], Schema(size=16)), list[torch.Tensor]()
    features = system.critic.features
    monkeypatch.setattr(system.critic, "features", lambda x, *more: seen.append(x) or features(x, *more))
    batch = Pictures(images=torch.rand(8, 3, 16, 16))
    next(system.phases()[1].step(batch, Clock(seen=progress, total=4, step=0)))  # type: ignore[misc]
    whole = F.avg_pool2d(batch.images, 2)
    assert torch.allclose(seen[0][:8], alpha * whole + (1 - alpha) * doubled(F.avg_pool2d(whole, 2)), atol=1e-6)


def test_both_players_grow_and_fade_together() -> None:
    system, drawn, judged = ProGAN(ProGAN.presets["tiny"], Schema(size=16)), list[Any](), list[Any]()
    system.generator.register_forward_hook(lambda net, given, gives: drawn.append(given))
    system.critic.register_forward_hook(lambda net, given, gives: judged.append(given))
    list(system.phases()[1].step(Pictures(images=torch.rand(8, 3, 16, 16)), Clock(seen=1, total=4, step=0)))  # type: ignore[misc]
    assert [given[1:] for given in drawn] == [(1, 0.5)] * 2
    assert [given[1:] for given in judged] == [(1, 0.5)] * 2  # in the penalty, and in the generator's move
    (first, *_), (second, *_) = drawn
    assert not torch.equal(first, second) and first.std().item() == pytest.approx(1, abs=0.3)


def test_every_map_of_the_generator_has_pixel_norm(generator: Generator) -> None:
    x = torch.randn(2, 8, 4, 4)
    for block in generator.blocks:
        x = block(x)
        assert torch.allclose(x.square().mean(dim=1), torch.ones_like(x[:, 0]), atol=1e-3)


def test_weights_are_scaled_when_used(generator: Generator, discriminator: Discriminator) -> None:
    """By sqrt(2) / sqrt(fan-in): of 8 * 9 numbers and, with a gain of 1, of 8."""
    x = torch.randn(2, 8, 4, 4)
    expected = F.conv2d(x, generator.first.weight * math.sqrt(2) / math.sqrt(72), generator.first.bias, padding=1)
    assert torch.allclose(generator.first(x), expected, atol=1e-5)
    h = torch.randn(2, 8)
    expected = F.linear(h, discriminator.score.weight / math.sqrt(8), discriminator.score.bias)
    assert torch.allclose(discriminator.score(h), expected, atol=1e-5)


def without(*ideas: str, **changes: Any) -> ProGAN:
    torch.manual_seed(0)
    return ProGAN(change(ProGAN.presets["tiny"], {"without": ideas, **changes}), Schema(size=16))


def test_without_growing_there_is_one_phase_at_the_full_side() -> None:
    (phase,) = without("growing").phases()
    assert (phase.name, phase.images) == ("16px", 6_400)
    system = without("growing")
    update, *_ = system.step(2, Pictures(images=torch.rand(8, 3, 16, 16)), Clock(seen=0, total=4, step=0))
    update.loss.backward()
    assert all(p.grad is not None for p in system.critic.blocks.parameters())  # all layers from the first step on
    assert float(system.alpha) == 1.0
    assert len(without().phases()) == 3


def test_without_pixel_norm_maps_keep_their_length() -> None:
    def lengths(system: ProGAN) -> Tensor:
        found = list[Tensor]()
        hook = system.generator.blocks[1].register_forward_hook(lambda *of: found.append(of[-1]))
        system.generator(torch.randn(4, 16), 2)
        hook.remove()
        return found[0].square().mean(dim=1)

    assert torch.allclose(lengths(without()), torch.ones(()), atol=1e-3)
    assert lengths(without("pixel-norm")).max() < 0.9


def test_without_the_equalised_rate_the_same_net_moves_by_its_own_weights() -> None:
    equal, plain = without(), without("equalised")
    z = torch.randn(3, 16)
    assert torch.allclose(equal.generator(z, 2), plain.generator(z, 2), atol=1e-5)  # they begin the same
    x = torch.rand(4, 3, 16, 16)
    assert torch.allclose(equal.critic(x, 2, 1.0), plain.critic(x, 2, 1.0), atol=1e-5)
    scale = equal.generator.first.scale
    assert torch.allclose(plain.generator.first.weight, equal.generator.first.weight * scale) and scale < 0.2
    for system in (equal, plain):
        system.generator(z, 2).sum().backward()
    assert equal.generator.first.weight.grad is not None and plain.generator.first.weight.grad is not None
    assert torch.allclose(equal.generator.first.weight.grad, plain.generator.first.weight.grad * scale, atol=1e-5)


def test_without_the_minibatch_deviation_a_score_depends_on_its_own_picture_alone() -> None:
    x, other = torch.rand(4, 3, 16, 16), torch.rand(4, 3, 16, 16)
    mixed = torch.cat([x[:1], other[1:]])
    for system, alone in ((without("minibatch"), True), (without(), False)):
        scores = [system.critic(batch, 2, 1.0)[0] for batch in (x, mixed)]
        assert torch.allclose(*scores, atol=1e-6) == alone
    assert without(group=2).critic.group == 2


def test_without_smoothing_the_live_weights_are_published() -> None:
    assert without("smoothing").phases()[0].players["generator"].ema is None
    assert without().phases()[0].players["generator"].ema == 50
    with pytest.raises(UserError, match="without=noise: what can be left out is equalised, growing, minibatch"):
        without("noise")
