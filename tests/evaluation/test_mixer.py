"""The judge of another kind: no batch norm, no convolutions, and otherwise a judge as any."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from limner import catalogue
from limner.errors import UserError
from limner.evaluation.judge import Config, Judge
from limner.evaluation.mixer import Mixer, Mixing
from limner.system import Clock
from toy import pairs, shapes, tales

SMALL = Config(arch="mixer", size=16, widths=(24, 24), features=32, code=24)


def test_it_sees_patches_of_an_eighth_and_has_neither_convolutions_nor_batch_norm() -> None:
    eye = Mixer(32, channels=24, depth=2, features=16)
    whole, places = eye(torch.zeros(3, 3, 32, 32))
    assert whole.shape == (3, 16) and places.shape == (3, 24, 8, 8) and eye.places == (24, 8)
    assert eye.embed.in_features == 3 * 4 * 4
    kinds = {type(module) for module in eye.modules()}
    assert not kinds & {nn.Conv2d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d} and nn.LayerNorm in kinds


def test_patches_lie_where_they_are_in_the_picture() -> None:
    eye = Mixer(16, channels=8, depth=0, features=4)
    dark = torch.zeros(1, 3, 16, 16)
    spot = dark.clone()
    spot[:, :, 4:6, 10:12] = 1  # row 2, column 5 of the patches
    differ = (eye(spot)[1] - eye(dark)[1]).abs().sum(dim=1)[0]
    assert differ.nonzero().tolist() == [[2, 5]]


def test_every_place_learns_of_every_other_in_one_mixing() -> None:
    x = torch.randn(1, 64, 8, requires_grad=True)
    Mixing(8)(x)[0, 3].sum().backward()
    assert x.grad is not None and (x.grad.abs().sum(dim=2) > 0).all()


def test_a_picture_is_seen_alike_alone_and_in_a_batch_while_it_learns() -> None:
    eye = Mixer(16, channels=8, depth=2, features=4).train()
    images = torch.randn(4, 3, 16, 16)
    assert torch.allclose(eye(images)[0][:1], eye(images[:1])[0], atol=1e-5)  # with batch norm it would not be


def test_it_judges_things_at_places_and_whole_pictures(tmp_path: Path) -> None:
    for data in (shapes(tmp_path / "shapes"), tales(tmp_path / "tales")):
        torch.manual_seed(0)
        judge = catalogue.build(Judge, SMALL, data.schema)
        assert isinstance(judge, Judge)
        batch = pairs(data)
        losses = []
        optimiser = torch.optim.Adam(judge.parameters(), 3e-3)
        for step in range(40):
            (update,) = judge.step(batch, Clock(8 * step, 320, step))
            optimiser.zero_grad()
            update.loss.backward()
            optimiser.step()
            losses.append(float(update.loss.detach()))
        assert losses[-1] < losses[0] / 3
        assert judge.predict(judge.features(batch.images)).shape == (8, len(judge.values))


def test_a_size_or_widths_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a multiple of 8, not 20"):
        Mixer(20, 8, 1, 4)
    with pytest.raises(UserError, match="have one width"):
        catalogue.build(Judge, Config(arch="mixer"), shapes(tmp_path / "shapes").schema)
