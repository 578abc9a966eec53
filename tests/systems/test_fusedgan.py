"""FusedGAN: two games over one structure prior, and captions that are never read."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from limner.data.dataset import Dataset
from limner.data.views import Halves, Pairs, halves, paired
from limner.errors import UserError
from limner.noise import RowNoise, Style
from limner.requests import Caption, Nothing
from limner.system import Clock, Draft, Update
from limner.systems.fusedgan import CODE, FusedGan, FusedGanConfig, Structure, Stylist, Z
from limner.training.engine import Engine
from limner.training.run_folder import RunFolder
from limner.training.trainer import Trainer
from toy import shapes

START = Clock(seen=0, total=1, step=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("fused") / "shapes", 16)


def make(data: Dataset, **changes: Any) -> FusedGan:
    torch.manual_seed(0)
    config = dataclasses.replace(FusedGan.presets["tiny"], **changes)
    system = FusedGan(config, data.schema)
    system.text.eval().requires_grad_(False)
    system.captions.fill_table(data)
    return system


def batch(data: Dataset, share: float = 1.0, count: int = 8) -> Halves:
    import numpy as np

    return halves(share).gather(data, range(count), np.random.default_rng(0)).to("cpu")


def log1p_exp(x: float) -> float:
    return math.log(1 + math.exp(x))


def drawn(system: FusedGan, requests: list[Any], seeds: list[Any], **knobs: float) -> list[Draft]:
    system.eval()
    return list(system.sample(requests, system.Knobs(**knobs), RowNoise(seeds)))


# The view


def test_captions_of_the_others_are_never_read(data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not while encoders learn, not for the table, not by the GAN, not for the style encoder, not when resumed."""
    system, own = (
        make(data, paired=0.5, text_images=16, images=16, batch=4, text_batch=4, style_images=4),
        data.paired(0.5),
    )
    assert 4 <= len(own) < data.length("train")
    read: set[int] = set()
    captions = Dataset.captions

    def noted(self: Dataset, row: int, split: str = "train") -> tuple[str, ...]:
        if split == "train":
            read.add(int(row))
        return captions(self, row, split)

    monkeypatch.setattr(Dataset, "captions", noted)
    for stop_after in (24, None):
        folder = tmp_path / "run"
        run = RunFolder.open(folder) if (folder / "run.json").exists() else RunFolder.create(folder)
        again = make(
            data,
            **{
                f: getattr(system.config, f)
                for f in ("paired", "text_images", "images", "batch", "text_batch", "style_images")
            },
        )
        read.clear()
        trainer = Trainer(again, data, run, engine=Engine("fp32", quiet=True), grid_every=0)
        trainer.resume(stop_after=stop_after) if run.newest() else trainer.fit(stop_after=stop_after)
        assert read and read <= set(own.tolist())


def test_half_of_a_batch_is_pictures_of_any_row(data: Dataset) -> None:
    own = data.paired(0.3).tolist()
    read = batch(data, 0.3, 8)
    assert torch.equal(read.unpaired, data.pictures(range(4)).float().div(127.5).sub(1))
    assert read.rows.tolist() == [own[k % len(own)] for k in range(4, 8)]
    assert len(read.texts) == len(read.images) == 4


def test_a_larger_share_holds_the_smaller_and_all_is_all(data: Dataset) -> None:
    some, more = (set(data.paired(share).tolist()) for share in (0.3, 0.6))
    assert some < more
    assert paired(1.0) is Pairs
    assert data.paired(1.0).tolist() == list(range(data.length("train")))
    assert len(data.paired(1e-9)) == 1


def test_fewer_pairs_than_a_batch_is_one_clear_line(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least one batch of 8 pictures and the data set has 1 for it"):
        Trainer(make(data, paired=0.05), data, RunFolder.create(tmp_path), engine=Engine("fp32", quiet=True))


# The losses


class Constant(nn.Module):
    """Scores pictures by hand: real ones `right`, or `wrong` where rows were exchanged, drawn ones (all -1) `drawn`."""

    def __init__(self, real: Tensor, right: float, wrong: float, drawn: float) -> None:
        super().__init__()
        self.real, self.right, self.wrong, self.drawn = real, right, wrong, drawn

    def features(self, images: Tensor) -> Tensor:
        return images

    def judge(self, images: Tensor, text: Tensor | None = None) -> Tensor:
        if images.min() == images.max() == -1:
            score = self.drawn
        else:
            score = self.right if torch.equal(images, self.real) else self.wrong
        return torch.full((len(images),), score)

    forward = judge


def by_hand(data: Dataset, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> list[Update]:
    system, read = make(data, kit=(), **changes), batch(data)
    monkeypatch.setattr(system, "critic", Constant(read.images, 1.0, 2.0, 3.0))
    if system.unpaired_critic is not None:
        monkeypatch.setattr(system, "unpaired_critic", Constant(read.unpaired, 0.5, math.nan, -0.5))
    for net in (system.conditional, system.unconditional):
        if net is not None:
            monkeypatch.setattr(net, "forward", lambda m, code=None: -torch.ones(len(m), 3, 16, 16))
    mean, log_var = torch.full((4, CODE), 2.0), torch.full((4, CODE), math.log(3.0))
    monkeypatch.setattr(system.augment, "forward", lambda text: (mean, log_var))
    view: Pairs = read
    if "unpaired" in system.config.without:
        view = Pairs(**{field.name: getattr(read, field.name) for field in dataclasses.fields(Pairs)})
    return list(system.step(view, START))


KL = 0.5 * (4 + 3 - math.log(3) - 1)  # of N(2, 3) from N(0, 1), of each number


def test_every_loss_by_hand(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    unpaired, pairs, generator = by_hand(data, monkeypatch, kl=0.7)
    assert [update.player for update in (unpaired, pairs, generator)] == ["unpaired critic", "critic", "generator"]
    assert unpaired.loss.item() == pytest.approx(log1p_exp(-0.5) + log1p_exp(-0.5))
    assert pairs.loss.item() == pytest.approx(log1p_exp(-1) + log1p_exp(2) + log1p_exp(3))
    assert generator.loss.item() == pytest.approx(log1p_exp(-3) + log1p_exp(0.5) + 0.7 * KL)


@pytest.mark.parametrize(
    ("left_out", "pairs", "generator"),
    [
        ("matching", log1p_exp(-1) + log1p_exp(3), log1p_exp(-3) + log1p_exp(0.5) + KL),
        ("kl", log1p_exp(-1) + log1p_exp(2) + log1p_exp(3), log1p_exp(-3) + log1p_exp(0.5)),
        ("unpaired", log1p_exp(-1) + log1p_exp(2) + log1p_exp(3), log1p_exp(-3) + KL),
    ],
)
def test_what_without_leaves_out(
    left_out: str, pairs: float, generator: float, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    *_, second, third = updates = by_hand(data, monkeypatch, without=(left_out,))
    assert len(updates) == (2 if left_out == "unpaired" else 3)
    assert second.loss.item() == pytest.approx(pairs)
    assert third.loss.item() == pytest.approx(generator)


def test_gradients_of_both_games_meet_in_the_structure_prior(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fusion: with either discriminator deaf, the other one still teaches G_s."""
    for deaf, learning in (("critic", "unconditional"), ("unpaired_critic", "conditional")):
        system = make(data, kit=(), kl=0.0)
        net = getattr(system, deaf)
        for parameter in net.parameters():
            nn.init.zeros_(parameter)
        *_, last = system.step(batch(data), START)
        system.zero_grad()
        last.loss.backward()

        def moved(module: nn.Module) -> float:
            return sum(float(p.grad.abs().sum()) for p in module.parameters() if p.grad is not None)

        assert moved(system.structure) > 0
        assert moved(getattr(system, learning)) > 0
        assert moved(system.conditional if deaf == "critic" else system.unconditional) == 0  # type: ignore[arg-type]


def test_discriminators_do_not_teach_the_generators_in_their_own_moves(data: Dataset) -> None:
    system = make(data, kit=())
    unpaired, pairs, _ = system.step(batch(data), START)
    system.zero_grad()
    (unpaired.loss + pairs.loss).backward()
    parts = (system.structure, system.conditional, system.unconditional, system.augment)
    assert all(p.grad is None for part in parts for p in part.parameters())  # type: ignore[union-attr]


# Control


def test_another_text_keeps_the_structure_and_the_twin(data: Dataset) -> None:
    system = make(data)
    requests = [Caption("a red circle on black"), Caption("a blue bar on white")]
    twin, picture = drawn(system, requests, [5, 5])
    assert twin.images is not None and picture.images is not None
    assert torch.equal(twin.images[0], twin.images[1])
    assert not torch.equal(picture.images[0], picture.images[1])
    structures: list[Tensor] = []
    system.structure.register_forward_hook(lambda *seen: structures.append(seen[-1]))
    drawn(system, requests, [5, 5])
    assert torch.equal(*structures[0])


def test_epsilon_is_detail_and_not_structure(data: Dataset) -> None:
    system = make(data).eval()
    with torch.no_grad():
        z, h = torch.randn(1, Z), system.captions.encode([Caption("a red circle")])
        (twin, one), (same, two) = (
            system.twins(z, epsilon, h) for epsilon in (torch.zeros(1, CODE), torch.ones(1, CODE))
        )
    assert torch.equal(twin, same)  # type: ignore[arg-type]
    assert not torch.equal(one, two)
    still = [drawn(system, [Caption("a red circle")], [seed], reading=0.0, spread=0.0)[-1].images for seed in (1, 2)]
    assert torch.equal(*still)  # type: ignore[arg-type]  # no knob is left over


def test_nothing_is_answered_by_the_twin_alone_or_among_captions(data: Dataset) -> None:
    system = make(data)
    twin, picture = drawn(system, [Caption("a red circle"), Nothing()], [3, 4])
    assert twin.images is not None and picture.images is not None
    assert torch.equal(picture.images[1], twin.images[1])
    assert not torch.equal(picture.images[0], twin.images[0])
    alone = drawn(system, [Nothing()], [4])[-1].images
    assert_close(alone[0], twin.images[1])  # type: ignore[index]


def test_without_pictures_of_no_caption_there_is_no_twin(data: Dataset) -> None:
    system = make(data, without=("unpaired",))
    assert [draft.note for draft in drawn(system, [Caption("a red circle")], [3])] == ["told the text"]
    assert all(phase.view is Pairs for phase in system.phases())
    assert system.kinds == (Caption,) and make(data).kinds == (Caption, Nothing)


def test_the_style_of_a_picture_is_its_structure_without_detail(data: Dataset) -> None:
    system = make(data)
    with pytest.raises(UserError, match="has not learnt to find a style"):
        system.style(torch.zeros(1, 3, 16, 16))
    assert system.style_encoder is not None
    system.style_encoder(torch.randn(4, 3, 16, 16))  # batch norm has seen a batch
    system.eval()
    noise = system.style(torch.randn(1, 3, 16, 16))
    assert noise.shape == (1, Z + CODE)
    assert noise[:, Z:].abs().max() == 0
    drawn(system, [Caption("a red circle")], [Style(tuple(noise[0].tolist()))])


def test_the_style_encoder_looks_at_both_drawings(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mean of (z - 0)^2 over both: with z of ones it is 1; and both drawings are of one structure."""
    system, seen = make(data), []
    monkeypatch.setattr("limner.systems.fusedgan.normal", lambda like, n: torch.ones(len(like), n))
    monkeypatch.setattr(
        system.style_encoder, "forward", lambda images: (seen.append(images), torch.zeros(len(images), Z))[1]
    )
    h = system.captions.encode([Caption("a red circle"), Caption("a blue bar")])
    assert float(system.inversion_error(h)) == pytest.approx(1.0)
    twin, picture = seen[0].chunk(2)
    assert len(seen[0]) == 4
    assert not torch.equal(twin, picture)


# The nets


def test_shapes_and_sizes() -> None:
    assert Structure(8)(torch.randn(3, Z)).shape == (3, 64, 8, 8)
    for size in (16, 32, 64, 128):
        assert Stylist(8, size, CODE)(torch.randn(2, 64, 8, 8), torch.randn(2, CODE)).shape == (2, 3, size, size)
        assert Stylist(8, size, 0)(torch.randn(2, 64, 8, 8)).shape == (2, 3, size, size)


def test_the_published_layers_at_128_pixels() -> None:
    """Of the re-implementation: 1024 x 4 x 4, 512 x 8 x 8, then 256, 128, 64 and 3 channels, four by four."""
    prior = sum(p.numel() for p in Structure(64).parameters())
    assert prior == Z * 16_384 + 2 * 16_384 + 1024 * 512 * 16 + 2 * 512
    head = sum(p.numel() for p in Stylist(64, 128, 0).parameters())
    assert head == 16 * (512 * 256 + 256 * 128 + 128 * 64 + 64 * 3) + 2 * (256 + 128 + 64)
    told = sum(p.numel() for p in Stylist(64, 128, CODE).parameters())
    assert told - head == 16 * CODE * 256


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["paper", "birds"])
def test_presets_of_the_paper_are_built_and_stepped_once(preset: str, data: Dataset) -> None:
    torch.manual_seed(0)
    config: FusedGanConfig = FusedGan.presets[preset]
    system = FusedGan(config, data.schema)
    read = batch(data, count=4)
    side = FusedGan.data_size(config)
    enlarged = {name: nn.functional.interpolate(getattr(read, name), side) for name in ("images", "unpaired")}
    system.captions.sentences.fill(system.text, data)
    system.standard.fit(system.captions.sentences.vectors)
    for update in system.step(dataclasses.replace(read, **enlarged), START):
        assert torch.isfinite(update.loss)
        update.loss.backward()


@pytest.mark.parametrize("share", [0.0, 1.5, -0.1])
def test_no_share_of_pairs(share: float, data: Dataset) -> None:
    with pytest.raises(UserError, match="above 0 and at most 1"):
        make(data, paired=share)


def test_only_what_is_there_can_be_left_out() -> None:
    with pytest.raises(ValueError, match="left out is kl, matching, unpaired"):
        FusedGanConfig(without=("style",))
