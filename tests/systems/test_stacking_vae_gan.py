"""Stacking VAE and GAN, a reconstruction: its losses by hand, what stage II sees, what reaches the ground."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from limner.blocks.latent.gaussian import Gaussian
from limner.blocks.layered import Doubled
from limner.data.dataset import Dataset
from limner.data.masked_views import Masked
from limner.data.views import Pairs
from limner.errors import UserError
from limner.noise import RowNoise
from limner.requests import Caption
from limner.system import Clock, Draft
from limner.systems.stacking_vae_gan import ALPHA, LAMBDA, LayerConfig, StackingVaeGan, StackingVaeGanConfig
from toy import shapes

START = Clock(seen=0, total=1, step=1)
RED = Caption("a red circle on black")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("stacking") / "shapes", 32)


def make(data: Dataset, split: bool = True, **changes: Any) -> StackingVaeGan:
    torch.manual_seed(0)
    config = dataclasses.replace(StackingVaeGan.presets["tiny"], **changes)
    config = dataclasses.replace(config, layers=dataclasses.replace(config.layers, split=split))
    system = StackingVaeGan(config, data.schema)
    system.text.eval().requires_grad_(False)
    system.captions.fill_table(data)
    return system


def batch(data: Dataset, count: int = 4) -> Masked:
    return Masked.gather(data, range(count), np.random.default_rng(0)).to("cpu")


def drawn(system: StackingVaeGan, requests: list[Any], seeds: list[Any], **knobs: Any) -> dict[str, Draft]:
    system.eval()
    drafts = system.sample(requests, system.Knobs(**knobs), RowNoise(seeds))
    return {draft.note.partition(":")[0]: draft for draft in drafts}


def nll(difference: float) -> float:
    return 0.5 * (math.log(2 * math.pi * 0.05) + difference**2 / 0.05)


def kl(mean: float, variance: float, count: int) -> float:
    return 0.5 * count * (variance + mean**2 - 1 - math.log(variance))


# Stage I


@pytest.mark.parametrize("split", [True, False])
def test_the_loss_of_stage_i_by_hand(split: bool, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """g = 1/4, x_F = .5, x_B = -.25; of the first picture a quarter is masked, the second's mask is not known."""
    stage = make(data, split).sketches

    def gaussian(mean: float, variance: float, n: int, width: int) -> Gaussian:
        return Gaussian(torch.full((n, width), mean), torch.full((n, width), math.log(variance)))

    width = 12 if split else 16
    monkeypatch.setattr(stage.encoder, "posterior", lambda seen, y: gaussian(1.0, 2, len(y), width))
    monkeypatch.setattr(stage.augment, "forward", lambda text: tuple(gaussian(2.0, 3, len(text), 128)))
    logits = torch.full((2, 1, 16, 16), -math.log(3))
    monkeypatch.setattr(stage.decoder, "forward", lambda z, y: Doubled(torch.full((len(z), 3, 16, 16), 0.5), logits))
    if stage.ground_encoder is not None and stage.ground_decoder is not None:
        monkeypatch.setattr(stage.ground_encoder, "forward", lambda x, known: gaussian(-1.0, 3, len(x), 4))
        monkeypatch.setattr(stage.ground_decoder, "forward", lambda z: torch.full((len(z), 3, 16, 16), -0.25))
    masks = torch.zeros(2, 1, 16, 16)
    masks[:, :, :8, :8] = 1
    x, known = torch.full((2, 3, 16, 16), 0.75), torch.tensor([True, False])
    loss, _ = stage.loss(x, torch.zeros(2, 32), masks, known, torch.zeros(2, 128))
    text = kl(2, 3, 128)
    if not split:
        assert loss.item() == pytest.approx(768 * nll(0.25) + kl(1, 2, 16) + text, rel=1e-5)
        return
    gate = -ALPHA * (64 * math.log(0.75) + 192 * math.log(0.25))
    shown = 768 * nll(0.75 - (0.75 * 0.5 - 0.25 * 0.25)) + kl(1, 2, 12) + kl(-1, 3, 4) + text
    assert loss.item() == pytest.approx(shown + gate / 2, rel=1e-5)  # a gate of 1/4 lies within [.2, .8]


def test_without_masks_the_area_of_the_gate_is_kept(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = make(data).sketches
    forward = stage.decoder.forward
    none = torch.zeros(2, 1, 16, 16), torch.zeros(2, dtype=torch.bool)
    losses = []
    for share in (0.05, 0.5):
        logits = torch.full((2, 1, 16, 16), math.log(share / (1 - share)))
        monkeypatch.setattr(
            stage.decoder, "forward", lambda z, y, logits=logits: Doubled(forward(z, y).picture, logits)
        )
        losses.append(stage.loss(torch.zeros(2, 3, 16, 16), torch.zeros(2, 32), *none, torch.zeros(2, 128))[1]["gate"])
    assert losses[0].item() == pytest.approx(256 * 0.15, rel=1e-4)
    assert losses[1].item() == 0


def test_data_with_masks_is_read_with_them_and_other_data_without(data: Dataset) -> None:
    system = make(data)
    assert [phase.view for phase in system.phases() if phase.name in ("vae", "gan")] == [Masked, Pairs]
    bare = StackingVaeGan(system.config, dataclasses.replace(data.schema, masks=()))
    assert [phase.view for phase in bare.phases() if phase.name == "vae"] == [Pairs]


def test_a_picture_and_its_mask_are_cut_and_mirrored_as_one(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code of Attribute2Image mirrors the picture alone when it validates."""
    system = make(data, crop=True)
    seen: list[tuple[Tensor, Tensor]] = []
    monkeypatch.setattr(
        system.sketches, "loss", lambda x, phi, masks, known, e: (seen.append((x, masks)), (x.sum(), {}))[1]
    )
    read = batch(data, 8)
    ramp = torch.linspace(0, 1, 38)[None, None, None].expand(8, 1, 38, 38)
    read = dataclasses.replace(read, images=ramp.expand(-1, 3, -1, -1), masks=ramp)
    list(system.sketch_step(read, START))
    x, masks = seen[0]
    assert torch.equal(x[:, :1], masks)
    assert len({bool(row[0, 0, 0] < row[0, 0, -1]) for row in masks}) == 2  # some were mirrored


# The ground


def test_the_sentence_reaches_the_figure_and_never_the_ground_of_the_sketch(data: Dataset) -> None:
    system = make(data)
    one, two = (drawn(system, [Caption(text)], [5]) for text in ("a red circle on black", "a blue bar on white"))
    assert list(one) == ["figure", "gate", "ground", "sketch", "picture"]
    assert torch.equal(one["ground"].images, two["ground"].images)  # type: ignore[arg-type]
    assert not torch.equal(one["figure"].images, two["figure"].images)  # type: ignore[arg-type]


def test_figure_and_ground_may_come_from_different_seeds(data: Dataset) -> None:
    system = make(data)
    own, other = (drawn(system, [RED], [5], ground=ground) for ground in (0, 1))
    for name in ("figure", "gate"):
        assert torch.equal(own[name].images, other[name].images)  # type: ignore[arg-type]
    for name in ("ground", "sketch", "picture"):
        assert not torch.equal(own[name].images, other[name].images)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="draws in one layer"):
        drawn(make(data, split=False), [RED], [5], ground=1)


# Stage II


class Constant(nn.Module):
    """A discriminator that scores real pictures with their texts 1, with others 2, and drawings 3."""

    def __init__(self, real: Tensor) -> None:
        super().__init__()
        self.real = real

    def features(self, images: Tensor) -> Tensor:
        return images

    def judge(self, images: Tensor, text: Tensor) -> Tensor:
        score = 3.0 if images.min() == images.max() == -1 else 1.0 if torch.equal(images, self.real) else 2.0
        return torch.full((len(images),), score)


def log1p_exp(x: float) -> float:
    return math.log(1 + math.exp(x))


def test_the_losses_of_stage_ii_by_hand(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    system, read = make(data, kit=()), batch(data)
    monkeypatch.setattr(system, "critic", Constant(read.images))
    code = torch.full((4, 128), 2.0), torch.full((4, 128), math.log(3))
    monkeypatch.setattr(system.refiner, "forward", lambda sketch, e, phi: (-torch.ones(4, 3, 32, 32), code))
    critic, generator = system.step(read, START)
    assert [critic.player, generator.player] == ["critic", "generator"]
    assert critic.loss.item() == pytest.approx(log1p_exp(-1) + log1p_exp(3) / 2 + log1p_exp(2) / 2)
    assert generator.loss.item() == pytest.approx(log1p_exp(-3) + LAMBDA * kl(2, 3, 1))


def test_stage_ii_sees_the_prior_alone(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """No encoder of stage I is asked, and stage I stays as it is."""
    system, seen = make(data), []
    for encoder in (system.sketches.encoder.look, system.sketches.ground_encoder):
        assert encoder is not None
        encoder.register_forward_hook(lambda *call: seen.append(call))
    for update in system.step(batch(data), START):
        update.loss.backward()
    assert not seen
    assert all(parameter.grad is None for parameter in system.sketches.parameters())
    gan = next(phase for phase in system.phases() if phase.name == "gan")
    assert not any(system.sketches in player.modules for player in gan.players.values())


def test_the_vae_alone_has_no_stage_ii(data: Dataset) -> None:
    system = make(data, first=32)
    assert [phase.name for phase in system.phases()][-1] == "vae"
    assert list(drawn(system, [RED], [5])) == ["figure", "gate", "ground", "sketch"]
    assert system.refiner is None and system.critic is None
    one = make(data, split=False, first=32)
    assert list(drawn(one, [RED], [5])) == ["sketch"]


# Settings


@pytest.mark.parametrize(
    ("wrong", "says"), [({"first": 64}, "no larger than the picture"), ({"paired": 0.5}, "pairs alone")]
)
def test_settings_that_cannot_be(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        StackingVaeGanConfig(size=32, **({"first": 16} | wrong))


@pytest.mark.slow
def test_the_preset_of_birds_is_built_and_stepped_once(data: Dataset) -> None:
    torch.manual_seed(0)
    config = StackingVaeGan.presets["birds"]
    system = StackingVaeGan(config, data.schema)
    assert config.layers == LayerConfig()
    read, side = batch(data, 2), StackingVaeGan.data_size(config)
    larger = {name: nn.functional.interpolate(getattr(read, name), side) for name in ("images", "masks")}
    read = dataclasses.replace(read, **larger)
    system.captions.fill_table(data)
    for step in (system.sketch_step, system.step):
        for update in step(read, START):
            assert torch.isfinite(update.loss)
            update.loss.backward()
