"""Enlargers are trained on originals, go on where they were stopped, and pass from one artist to another."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

import limner
from artists import TEXTS, fake, published
from enlargers import with_enlarger
from limner import catalogue, checkpoint
from limner.enlarging import publish
from limner.enlarging.enlarger import Config, flawed
from limner.errors import UserError
from limner.training.trainer import Trainer
from toy import shapes_folder

SMALL = Config(size=32, factor=4, width=8, blocks=1, images=1600, batch=8, patch=8, rate=1e-2, haze=0.0, noise=0.0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(shapes_folder(tmp_path_factory.mktemp("data") / "shapes", size=32))


def test_a_trained_one_comes_nearer_to_originals_than_bilinear_enlargement(data: str, tmp_path: Path) -> None:
    trained = publish.train(published(tmp_path / "hats"), data, tmp_path / "large", SMALL)
    assert trained["PSNR"] > trained["PSNR, bilinear"] + 0.5
    artist = limner.load(tmp_path / "large")
    assert artist.sizes == (8, 32) and artist.draw(TEXTS[0], size=32)[0].size == (32, 32)
    assert checkpoint.read(tmp_path / "large")["enlarger"]["trained"] == trained
    assert {path.name for path in tmp_path.iterdir()} == {"hats", "large"}, "nothing is left of the training"


def test_a_training_that_was_stopped_goes_on(data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, config = published(tmp_path / "hats"), dataclasses.replace(SMALL, images=320, haze=0.5, noise=0.1)
    publish.train(source, data, tmp_path / "whole", config)
    fit = Trainer.fit
    monkeypatch.setattr(Trainer, "fit", lambda self: fit(self, stop_after=100))
    with pytest.raises(KeyboardInterrupt):
        publish.train(source, data, tmp_path / "parts", config)
    assert not (tmp_path / "parts").exists()
    monkeypatch.undo()
    with pytest.raises(UserError, match="holds a training with other settings or data"):
        publish.train(source, data, tmp_path / "parts", dataclasses.replace(config, width=4))
    publish.train(source, data, tmp_path / "parts", config)
    files = [(tmp_path / name / "enlarger.safetensors").read_bytes() for name in ("whole", "parts")]
    assert files[0] == files[1]


def test_an_artist_takes_the_enlarger_of_another_of_its_size(tmp_path: Path) -> None:
    first, second = published(tmp_path / "first"), published(tmp_path / "second", seed=1)
    giver = with_enlarger(first, tmp_path / "giver")
    assert publish.give(second, giver, tmp_path / "taker", 8) == {"data": "tests"}
    a, b = (limner.load(folder) for folder in (giver, tmp_path / "taker"))
    assert a.enlarger and b.enlarger and a.enlarger.sha256 == b.enlarger.sha256
    assert a.sha256 != b.sha256 == limner.load(second).sha256
    with pytest.raises(UserError, match="takes pictures of 8 pixels, and these have 16"):
        publish.give(second, giver, tmp_path / "other", 16)
    with pytest.raises(UserError, match="carries no enlarger: train one with --data"):
        publish.give(second, first, tmp_path / "other", 8)


def test_an_enlarger_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    folder = with_enlarger(published(tmp_path / "hats"), tmp_path / "large")
    before = limner.load(folder)
    again = with_enlarger(folder, folder, factor=2, seed=1)
    after = limner.load(again)
    assert (before.sizes, after.sizes) == ((8, 32), (8, 16)) and before.sha256 == after.sha256


def test_small_originals_are_refused_in_one_line(data: str, tmp_path: Path) -> None:
    small = dataclasses.replace(SMALL, size=64, factor=8)
    with pytest.raises(
        UserError, match=r"^24 of 24 pictures looked at in .* are smaller than 64 pixels \(one has 32\)"
    ):
        publish.train(published(tmp_path / "hats"), data, tmp_path / "large", small)
    assert not (tmp_path / "large").exists()


def test_what_cannot_be_enlarged_is_refused_in_one_line() -> None:
    hats = fake()
    assert publish.check(hats, "hats", 4) == 32
    for factor in (0, 1, 3, -2):
        with pytest.raises(UserError, match=f"a power of two .* not {factor}"):
            publish.check(hats, "hats", factor)
    judge = catalogue.build(
        catalogue.load_class(catalogue.JUDGE), catalogue.configure(catalogue.load_class(catalogue.JUDGE), "small"),
        hats.schema,
    )  # fmt: skip
    with pytest.raises(UserError, match="a-judge draws no pictures"):
        publish.check(judge, "a-judge", 4)


def test_drawn_pictures_flaws_are_of_every_strength_and_leave_flat_ground_flat() -> None:
    torch.manual_seed(0)
    ground = torch.full((50, 3, 6, 6), 0.3)
    assert torch.allclose(flawed(ground, 1.0, 0.0), ground)
    noisy = (flawed(ground, 0.0, 0.2) - ground).flatten(1).std(dim=1)
    assert noisy.min() < 0.03 and 0.15 < noisy.max() < 0.25
    point = torch.zeros(1, 1, 5, 5)
    point[0, 0, 2, 2] = 1
    torch.manual_seed(1)
    share = torch.rand(2, 1, 1, 1, 1)[0].item()
    torch.manual_seed(1)
    middle = flawed(point, 1.0, 0.0)[0, 0, 2]
    assert torch.allclose(middle[[1, 2]], torch.tensor([share / 8, 1 - share * 3 / 4])), "towards the kernel 1 2 1"
