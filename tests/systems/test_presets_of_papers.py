"""Presets that are called after a paper's data set have its authors' nets and budgets, counted here by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import nn

from limner import catalogue
from limner.blocks.growing import GrowthSchedule
from limner.blocks.text.char_cnn_rnn import CharCnnRnn, ReedGru, ReluRnn
from limner.data.schema import Schema
from limner.systems.gan_int_cls import GanIntCls
from limner.systems.progan import ProGAN
from limner.systems.t2f import Discriminator

BIRDS, FLOWERS, COCO = 8_855, 7_034, 82_783


def preset(system: str, name: str) -> Any:
    return catalogue.load_class(system).presets[name]


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def biases_left_out(module: nn.Module) -> int:
    """Biases that the authors' convolutions have and zero at every step."""
    convolutions = [one for one in module.modules() if isinstance(one, nn.Conv2d | nn.ConvTranspose2d)]
    return sum(one.out_channels for one in convolutions if one.bias is None)


@pytest.mark.parametrize(
    ("system", "name", "rounds"),
    [
        ("gan-int-cls", "birds", 600 * BIRDS),
        ("gan-int-cls", "flowers", 600 * FLOWERS),
        ("gan-int-cls", "coco", 200 * COCO),
        ("stackgan", "birds", 600 * BIRDS),
        ("stackgan", "flowers", 600 * FLOWERS),
        ("stackgan", "coco", 120 * COCO),
        ("stackgan-v2", "birds", 600 * BIRDS),
        ("stackgan-v2", "flowers", 600 * FLOWERS),
        ("stackgan-v2", "unconditional", 100 * 147_873),
        ("stackgan-v2", "cats", 800 * 6_500),
        ("attngan", "birds", 600 * BIRDS),
        ("attngan", "coco", 120 * COCO),
        ("mirrorgan", "birds", 650 * BIRDS),
        ("leicagan", "birds", 700 * BIRDS),
        ("leicagan", "flowers", 700 * FLOWERS),
        ("controlgan", "birds", 600 * BIRDS),
        ("controlgan", "coco", 120 * COCO),
        ("progan", "paper", 19_000_000),
    ],
)
def test_budgets_are_rounds_over_the_papers_data(system: str, name: str, rounds: int) -> None:
    assert preset(system, name).images == rounds


@pytest.mark.parametrize(
    ("system", "name", "batch"),
    [
        ("gan-int-cls", "birds", 64), ("gan-int-cls", "coco", 64), ("stackgan", "birds", 64), ("stackgan", "coco", 128),
        ("stackgan-v2", "birds", 24), ("attngan", "birds", 20), ("attngan", "coco", 14), ("mirrorgan", "birds", 12),
        ("controlgan", "birds", 8), ("controlgan", "coco", 8), ("leicagan", "birds", 24), ("leicagan", "flowers", 32),
        ("dcgan", "paper", 128),
    ],
)  # fmt: skip
def test_batches(system: str, name: str, batch: int) -> None:
    assert preset(system, name).batch == batch


@pytest.mark.parametrize(
    ("system", "name", "generator", "discriminator"),
    [
        ("gan-int-cls", "birds", 128, 64), ("gan-int-cls", "flowers", 128, 64), ("gan-int-cls", "coco", 196, 196),
        ("stackgan", "birds", 128, 64), ("stackgan", "coco", 192, 96), ("stackgan-v2", "birds", 64, 64),
        ("attngan", "birds", 32, 64), ("attngan", "coco", 48, 96), ("mirrorgan", "birds", 32, 64),
        ("controlgan", "coco", 48, 96), ("leicagan", "birds", 32, 64), ("dcgan", "paper", 128, 128),
        ("gawwn", "birds", 128, 128),
    ],
)  # fmt: skip
def test_widths(system: str, name: str, generator: int, discriminator: int) -> None:
    config = preset(system, name)
    assert (config.generator_width, config.discriminator_width) == (generator, discriminator)


def test_stackgan_for_coco_has_its_own_second_stage() -> None:
    """Of 100 rounds, the learning rate halved every 20: 5 times in the 120 rounds of stage I, 4 times after."""
    config = preset("stackgan", "coco")
    assert (config.second_images, config.halvings, config.residuals) == (100 * COCO, (5, 4), 2)
    assert preset("stackgan", "birds").halvings == (11, 5)


def test_gan_int_cls_for_birds_and_what_is_called_paper_are_the_authors() -> None:
    birds = preset("gan-int-cls", "birds")
    assert (birds.text, birds.crop, birds.captions, birds.variant, birds.halvings) == (
        "char-gru", True, 4, "gan-int-cls", 5,
    )  # fmt: skip
    assert birds == preset("gan-int-cls", "paper")
    assert {k for k, v in vars(preset("gan-int-cls", "modern")).items() if v != vars(birds)[k]} == {"recipe"}


def test_gan_cls_for_coco_has_the_authors_nets() -> None:
    with torch.device("meta"):
        system = GanIntCls(preset("gan-int-cls", "coco"), Schema(size=64))
    assert count(system.generator) + biases_left_out(system.generator) == 41_107_551
    assert count(system.discriminator) + biases_left_out(system.discriminator) == 36_190_301
    assert (system.config.variant, system.config.captions, system.config.halvings) == ("gan-cls", 3, 4)
    with torch.device("meta"):
        birds = GanIntCls(preset("gan-int-cls", "birds"), Schema(size=64))
    assert (count(birds.generator), count(birds.discriminator)) == (18_905_472, 4_030_080)


@pytest.mark.parametrize(
    ("name", "parameters", "recurrent", "average"),
    [
        ("birds", 4_045_184, ReedGru, False),
        ("flowers", 2_994_560, ReluRnn, True),
        ("coco", 4_045_184, ReedGru, True),
    ],
)
def test_each_data_set_has_its_own_text_encoder(name: str, parameters: int, recurrent: type, average: bool) -> None:
    with torch.device("meta"):
        encoder = GanIntCls(preset("gan-int-cls", name), Schema(size=64)).text
    assert isinstance(encoder, CharCnnRnn) and isinstance(encoder.recur, recurrent)
    assert (count(encoder), encoder.average) == (parameters, average)


def test_progan_shows_as_many_pictures_as_the_authors() -> None:
    config = preset("progan", "paper")
    schedule = GrowthSchedule.of(config.stages, config.widths, config.size, config.images)
    assert schedule.budgets == (800_000, *[1_600_000] * 7, 7_000_000)
    faded = [round(stage.fade * images) for stage, images in zip(schedule.stages, schedule.budgets, strict=True)]
    assert faded == [0, *[800_000] * 8]
    assert [stage.batch for stage in schedule.stages] == [16] * 6 + [14, 6, 3]
    assert (config.group, config.mirror) == (16, True)


def test_t2fs_second_version_has_as_many_rounds_at_every_side() -> None:
    config = preset("t2f", "face2text-2")
    schedule = GrowthSchedule.of(config.stages, config.widths, config.size, config.images)
    assert schedule.budgets == (120 * 1_237,) * 5
    assert [(stage.batch, stage.fade) for stage in schedule.stages] == [(64, 0.0), *[(64, 0.5)] * 3, (32, 0.5)]
    assert (config.code, config.noise, config.hidden, config.squeeze) == (128, 128, 512, 32)


def test_t2fs_second_version_at_256_pixels_has_its_own_rounds() -> None:
    config = preset("t2f", "face2text-2-256")
    schedule = GrowthSchedule.of(config.stages, config.widths, config.size, config.images)
    assert schedule.budgets == (20 * 1_237, *[40 * 1_237] * 6)
    assert [(stage.batch, stage.fade) for stage in schedule.stages] == [(16, 0.0), *[(16, 0.5)] * 5, (14, 0.5)]
    assert (config.code, config.noise, config.hidden, config.squeeze) == (256, 256, 512, 128)
    with torch.device("meta"):
        critic = Discriminator(config.widths, config.hidden, None, config.squeeze)
    assert [colour.out_channels for colour in critic.colours] == [512, 512, 512, 512, 256, 128, 64]
    assert critic.join is not None and critic.join.weight.shape == (512, 512 + 128, 1, 1)


def test_progan_mirrors_half_of_the_real_pictures() -> None:
    torch.manual_seed(0)
    system = ProGAN(ProGAN.presets["tiny"], Schema(size=16))
    assert not system.config.mirror
    images = torch.arange(16.0).expand(200, 3, 16, 16)
    mirrored = ProGAN(dataclasses.replace(system.config, mirror=True), Schema(size=16)).shown(images)
    flipped = (mirrored[:, 0, 0, 0] == 15).float().mean().item()
    assert 0.35 < flipped < 0.65 and torch.equal(system.shown(images), images)
