"""Attribute2Image: both losses by hand, layers of their own, what is found in a picture, and what of it stays."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.testing import assert_close

from limner import settings
from limner.data.dataset import Dataset
from limner.data.masked_views import MaskedLabelled
from limner.data.views import Labelled
from limner.errors import UserError
from limner.imaging.sheets import to_pil
from limner.noise import RowNoise, Style
from limner.requests import Attributes, Blend, Picture
from limner.system import Clock, Draft
from limner.systems.attribute2image import Attribute2Image, Attribute2ImageConfig
from limner.training.engine import Engine
from limner.training.run_folder import RunFolder
from limner.training.trainer import Trainer
from toy import shapes, shapes_folder

START = Clock(seen=0, total=1, step=0)
VARIANCE = 0.05
RED = {"colour": "red", "shape": "circle", "ground": "black"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("layers") / "shapes", 16)


def make(data: Dataset, **changes: Any) -> Attribute2Image:
    torch.manual_seed(0)
    return Attribute2Image(dataclasses.replace(Attribute2Image.presets["tiny"], **changes), data.schema)


def batch(data: Dataset, count: int = 8) -> MaskedLabelled:
    return MaskedLabelled.gather(data, range(count), np.random.default_rng(0)).to("cpu")


@pytest.fixture(scope="module")
def learnt(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Attribute2Image:
    """A system that was trained for a moment: figures are there, and the encoders are of use."""
    system = make(data, images=4_000)
    run = RunFolder.create(tmp_path_factory.mktemp("run") / "run")
    Trainer(system, data, run, engine=Engine("fp32", quiet=True), grid_every=0).fit()
    return system.eval()


def drawn(system: Attribute2Image, requests: list[Any], seeds: list[Any], **knobs: Any) -> list[Draft]:
    system.eval()
    return list(system.sample(requests, system.Knobs(**knobs), RowNoise(seeds)))


def by_note(drafts: list[Draft]) -> dict[str, Tensor]:
    return {draft.note.partition(":")[0]: draft.images for draft in drafts if draft.images is not None}


# What the paper claims


def test_attributes_reach_the_figure_and_its_gate_and_never_the_ground(data: Dataset) -> None:
    system = make(data)
    layers = by_note(drawn(system, [Attributes(RED), Attributes(RED | {"colour": "blue"})], [3, 3]))
    assert list(layers) == ["figure", "gate", "ground", "picture"]
    assert torch.equal(*layers["ground"])
    assert not torch.equal(*layers["figure"])


def test_another_z_b_changes_the_ground_alone(data: Dataset) -> None:
    system = make(data)
    noise = torch.randn(16).tolist()
    swapped = [Style(tuple(noise)), Style((*noise[:12], *torch.randn(4).tolist()))]
    one, two = (by_note(drawn(system, [Attributes(RED)], [seed])) for seed in swapped)
    assert torch.equal(one["figure"], two["figure"]) and torch.equal(one["gate"], two["gate"])
    assert not torch.equal(one["ground"], two["ground"])
    own = by_note(drawn(system, [Attributes(RED)], [4]))
    first, second, again = (by_note(drawn(system, [Attributes(RED)], [4], ground=k)) for k in (1, 2, 1))
    assert torch.equal(own["figure"], second["figure"]) and torch.equal(first["ground"], again["ground"])
    assert not torch.equal(own["ground"], first["ground"]) and not torch.equal(first["ground"], second["ground"])
    style = Style(tuple(noise))
    assert not torch.equal(*(drawn(system, [Attributes(RED)], [style], ground=k)[-1].images for k in (0, 1)))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="draws in one layer"):
        drawn(make(data, variant="cvae"), [Attributes(RED)], [4], ground=1)


def test_the_mean_of_the_posterior_hears_of_the_attributes_and_its_variance_does_not(data: Dataset) -> None:
    system = make(data)
    nn.init.normal_(system.encoder.log_variance.weight)
    seen, y = torch.randn(1, system.encoder.features), torch.eye(9)[:2]
    one, two = (system.encoder.posterior(seen, row[None]) for row in y)
    assert torch.equal(one.log_variance, two.log_variance)
    assert not torch.equal(one.mean, two.mean)


def test_the_figures_encoder_sees_no_ground_of_some_and_the_whole_of_others(data: Dataset) -> None:
    system = make(data)
    x, masks = torch.ones(400, 3, 4, 4), torch.zeros(400, 1, 4, 4)
    masks[:, :, :2] = 1
    torch.manual_seed(0)
    known = torch.arange(400) < 200
    whole = (system.cut_out(x, masks, known) == x).flatten(1).all(dim=1)
    assert 60 < int((~whole[:200]).sum()) < 140
    assert whole[200:].all()  # of no mask nothing is cut out


# What is asked for


def test_what_is_not_told_is_zeros(data: Dataset) -> None:
    system = make(data, left_out=("ground", "no such attribute"))
    assert system.codes.width == 4 + 3
    y = system.codes.encode([Attributes({"shape": "bar", "ground": "black"}), Attributes()], torch.device("cpu"))
    assert y.tolist() == [[0, 0, 0, 0, 1, 0, 0], [0] * 7]
    grounds = [drawn(system, [Attributes(RED | {"ground": one})], [3])[-1].images for one in ("black", "white")]
    assert torch.equal(*grounds)  # type: ignore[arg-type]
    (remark,) = system.remarks([Attributes(RED)])
    assert remark == "ground is the ground's, which this artist draws by chance: choose it by the seed"
    assert not system.remarks([Attributes({"colour": "red"})])


def test_what_is_left_open_comes_from_a_training_row_by_the_seed(
    data: Dataset, learnt: Attribute2Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Tensor] = []
    forward = learnt.decoder.forward
    monkeypatch.setattr(learnt.decoder, "forward", lambda z, y: told.append(y) or forward(z, y))
    drawn(learnt, [Attributes({"colour": "red"})] * 60, list(range(60)))
    drawn(learnt, [Attributes({"colour": "red"})], [7])
    found = learnt.codes.named(learnt.codes.likeliest(told[0]))
    rows = [data.named_attributes(row) for row in range(data.length())]
    assert all(one in rows and one["colour"] == "red" for one in found)
    assert len({tuple(one.items()) for one in found}) > 3
    assert_close(told[1], told[0][7:8])
    named = [{"colour": "red", "shape": "circle", "ground": "black"}]
    drawn(learnt, [Attributes(named[0])], [7])
    assert learnt.codes.named(learnt.codes.likeliest(told[2])) == named


def test_between_two_requests_lie_mixtures_of_their_values(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    system, seen = make(data), []
    monkeypatch.setattr(system, "draw", lambda noise, y: seen.append(y) or iter([]))
    drawn(system, [Blend(Attributes({"colour": "red"}), Attributes({"colour": "blue"}), 0.25)], [0])
    at = {name: k for k, name in enumerate(system.codes.values["colour"])}
    assert seen[0][0, at["red"]] == 0.75 and seen[0][0, at["blue"]] == 0.25


# From a picture to latent variables


def real(data: Dataset, rows: list[int]) -> Tensor:
    return data.pictures(rows).float().div(127.5).sub(1)


def test_the_energy_by_hand(data: Dataset) -> None:
    system = make(data).eval()
    y, z = torch.zeros(1, 9), torch.linspace(-1, 1, 16)[None]
    x = system.picture(z, y).detach() + 0.1
    whole = 3 * 256 * 0.01 / (2 * VARIANCE) + float(z.square().sum()) / 2
    assert system.energy(x, y)(z).item() == pytest.approx(whole, rel=1e-4)
    known = torch.zeros(1, 1, 16, 16)
    known[:, :, :4] = 1
    part = 3 * 64 * 0.01 / (2 * VARIANCE) + float(z.square().sum()) / 2
    assert system.energy(x, y, known)(z).item() == pytest.approx(part, rel=1e-4)


def test_the_descent_begins_with_the_encoders_and_never_rises(data: Dataset, learnt: Attribute2Image) -> None:
    x = real(data, [0, 5, 9])
    y = learnt.read(x)
    found = list(learnt.infer(x, y, 40))
    assert len(found) == 41
    assert torch.equal(found[0].z, learnt.guess(x, y).mean)
    energies = torch.stack([one.energy for one in found])
    assert (energies.diff(dim=0) <= 0).all()
    assert (energies[-1] < energies[0]).all()
    assert_close(energies[-1], learnt.energy(x, y)(found[-1].z).detach())
    errors = [float((one - x).square().mean()) for one in learnt.reconstructions(x, 40)]
    assert errors[-1] < errors[0]


def test_the_style_of_a_picture_draws_it_again(data: Dataset, learnt: Attribute2Image) -> None:
    x = real(data, [3])
    style = Style(tuple(learnt.style(x)[0].tolist()))
    (named,) = learnt.attributes_of(x)
    again = drawn(learnt, [Attributes(named)], [style])[-1].images
    other = drawn(learnt, [Attributes(named)], [11])[-1].images
    assert again is not None and other is not None
    assert float((again - x).square().mean()) < float((other - x).square().mean())


def test_it_tells_how_sure_it_is_of_each_attribute(data: Dataset, learnt: Attribute2Image) -> None:
    logits, (sure,) = learnt.names(learnt.encoder.look(real(data, [3]))), learnt.attribute_certainty(real(data, [3]))
    shares = [part.softmax(dim=1).amax() for part in learnt.codes.split(logits)]
    assert sure == pytest.approx({name: float(one) for name, one in zip(learnt.codes.values, shares, strict=True)})


def test_the_attributes_of_a_picture_are_those_it_was_taught(data: Dataset, learnt: Attribute2Image) -> None:
    rows = list(range(data.length()))
    named = learnt.attributes_of(real(data, rows))
    true = [data.named_attributes(row) for row in rows]
    right = [one[name] == other[name] for one, other in zip(named, true, strict=True) for name in one]
    assert set(named[0]) == {"colour", "shape", "ground"}
    assert sum(right) / len(right) > 0.75  # by chance 0.36


def test_an_untrained_one_does_not_look_at_pictures(data: Dataset) -> None:
    system, x = make(data), torch.zeros(1, 3, 16, 16)
    for look in (system.style, system.attributes_of):
        with pytest.raises(UserError, match="was not trained"):
            look(x)
    with pytest.raises(UserError, match="was not trained"):
        drawn(system, [Picture.of(Image.new("RGB", (16, 16)))], [0])


# Completion and editing


def given(x: Tensor, mask: Tensor | None = None, asked: Attributes | None = None) -> Picture:
    (image,) = to_pil(x[None])
    known = None if mask is None else Image.fromarray((mask.numpy() * 255).astype(np.uint8))
    return Picture.of(image, known, asked)


@pytest.fixture()
def upper() -> Tensor:
    mask = torch.zeros(16, 16)
    mask[:8] = 1
    return mask


def test_every_known_pixel_stays_and_the_hole_is_drawn(data: Dataset, learnt: Attribute2Image, upper: Tensor) -> None:
    x = real(data, [2])[0]
    drafts = drawn(learnt, [given(x, upper)], [5], steps=6)
    progress = [draft.progress for draft in drafts]
    assert progress == sorted(progress) and progress[-1] == 1 and len(drafts) == 7 + 4
    for draft in (*drafts[:7], drafts[-1]):
        assert draft.images is not None
        assert torch.equal(draft.images[0, :, :8], x[:, :8])
        assert not torch.equal(draft.images[0, :, 8:], x[:, 8:])


def test_what_is_in_the_hole_is_never_looked_at(data: Dataset, learnt: Attribute2Image, upper: Tensor) -> None:
    x, other = real(data, [2, 7])
    forged = torch.where(upper.bool(), x, other)
    one, two = (drawn(learnt, [given(some, upper)], [5], steps=6)[-1].images for some in (x, forged))
    assert torch.equal(one, two)  # type: ignore[arg-type]


def test_what_is_asked_is_drawn_in_the_hole(data: Dataset, learnt: Attribute2Image, upper: Tensor) -> None:
    x = real(data, [2])[0]
    red, blue = (given(x, upper, Attributes({"colour": colour})) for colour in ("red", "blue"))
    one, two = (drawn(learnt, [request], [5], steps=6)[-1].images for request in (red, blue))
    assert not torch.equal(one, two)  # type: ignore[arg-type]


def test_a_whole_picture_is_edited_by_what_is_asked_and_read_for_the_rest(
    data: Dataset, learnt: Attribute2Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, told = real(data, [2])[0], []
    draw = learnt.draw
    monkeypatch.setattr(learnt, "draw", lambda noise, y: told.append((noise, y)) or draw(noise, y))
    drawn(learnt, [given(x, None, Attributes({"colour": "blue"}))], [5], steps=6)
    (seen,) = learnt.attributes_of(x[None])
    noise, y = told[-1]
    assert learnt.codes.named(learnt.codes.likeliest(y)) == [seen | {"colour": "blue"}]
    drawn(learnt, [given(x)], [5], steps=6)
    assert torch.equal(told[-1][0], noise)  # an edit is drawn from what the picture itself was found to be


def test_an_edit_leaves_out_what_never_stands_beside_it(
    data: Dataset, learnt: Attribute2Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here nothing blue has a shape, as hair has no style under a hat."""
    names = list(learnt.codes.values)
    rows = learnt.deck.rows.clone()
    blue = rows[:, names.index("colour")] == learnt.codes.values["colour"].index("blue")
    rows[blue, names.index("shape")] = -1
    monkeypatch.setitem(learnt.deck._buffers, "rows", rows)
    told: list[Tensor] = []
    forward = learnt.decoder.forward
    monkeypatch.setattr(learnt.decoder, "forward", lambda z, y: told.append(y) or forward(z, y))
    for colour, has in (("blue", 0), ("red", 1)):
        drawn(learnt, [given(real(data, [2])[0], None, Attributes({"colour": colour}))], [5], steps=2)
        by_edit = dict(zip(names, learnt.codes.split(told[-1]), strict=True))["shape"]
        both = Attributes({"colour": colour, "shape": "bar"})
        drawn(learnt, [both], [5])
        by_name = dict(zip(names, learnt.codes.split(told[-1]), strict=True))["shape"]
        assert by_edit.sum() == by_name.sum() == has
        left_out = "shape: bar is left out: no picture it learnt from has it beside the rest"
        assert list(learnt.remarks([both])) == ([] if has else [left_out])
    every = real(data, list(range(data.length())))
    seen = learnt.attributes_of(every)
    photo = every[next(k for k, one in enumerate(seen) if one["colour"] == "blue")]
    drawn(learnt, [given(photo, None, Attributes({"shape": "bar"}))], [5], steps=2)
    (wanted,) = learnt.codes.named(learnt.codes.numbers(told[-1]))
    assert wanted.get("shape") == "bar" and wanted["colour"] != "blue"  # what keeps it away goes
    assert all(("shape" in one) == (one["colour"] != "blue") for one in seen)
    assert {one["colour"] for one in seen} > {"blue"}


def test_a_hole_is_first_seen_as_a_row_like_what_is_around_it(
    data: Dataset, learnt: Attribute2Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = torch.ones(16, 16)
    known[14:] = 0
    rows = data.attributes(range(data.length()))
    unlike = next((i, k) for i in range(9) for k in range(18) if (rows[i] != rows[k]).all())
    monkeypatch.setitem(learnt.deck._buffers, "rows", rows[list(unlike)].to(torch.int16))
    monkeypatch.setitem(learnt.deck._buffers, "directions", torch.zeros(12, 2))
    told: list[Tensor] = []
    picture = learnt.picture
    monkeypatch.setattr(learnt, "picture", lambda z, y: told.append(y) or picture(z, y))
    for row in unlike:
        told.clear()
        drawn(learnt, [given(real(data, [row])[0], known)], [5], steps=1)
        assert torch.equal(told[0], learnt.codes.one_hot(rows[[row]]))


def test_a_row_is_completed_as_it_is_alone_and_leaves_others_alone(
    data: Dataset, learnt: Attribute2Image, upper: Tensor
) -> None:
    x = real(data, [2])[0]
    request = given(x, upper)
    among = drawn(learnt, [Attributes(RED), request], [4, 5], steps=6, restarts=1)[-1].images
    alone = drawn(learnt, [request], [5], steps=6, restarts=1)[-1].images
    plain = drawn(learnt, [Attributes(RED)], [4])[-1].images
    assert among is not None and alone is not None and plain is not None
    assert_close(among[1], alone[0], atol=1e-3, rtol=0)
    assert_close(among[0], plain[0])


def test_restarts_keep_the_best(data: Dataset, learnt: Attribute2Image) -> None:
    x = real(data, [2])
    y = learnt.read(x)
    once = drawn(learnt, [given(x[0])], [5], steps=5)
    more = drawn(learnt, [given(x[0])], [5], steps=5, restarts=2)
    assert len(more) == len(once) + 2 * 6
    errors = [learnt.energy(x, y)(z).item() for z in (torch.zeros(1, 16), learnt.style(x))]
    assert errors[1] < errors[0]


def test_no_endless_descent() -> None:
    for wrong in ({"steps": "1000000"}, {"steps": "-1"}, {"restarts": "100"}):
        with pytest.raises(UserError, match="is a number from"):
            settings.change(Attribute2Image.Knobs(), wrong, "knob")
    assert settings.change(Attribute2Image.Knobs(), {"steps": "0"}, "knob").steps == 0


def test_no_step_is_what_the_encoders_say(data: Dataset, learnt: Attribute2Image) -> None:
    drafts = drawn(learnt, [given(real(data, [2])[0])], [5], steps=0)
    assert len(drafts) == 1 + 4


# Data and settings


def test_two_layers_need_masks_and_one_does_not(tmp_path: Path) -> None:
    folder = shapes_folder(tmp_path / "plain")
    lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    bare = [{key: line[key] for key in ("file_name", "attributes")} for line in lines]
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in bare))
    plain = Dataset.open(folder, size=16)
    for variant in ("discvae", "cvae"):
        system = make(plain, variant=variant, images=16)
        run = RunFolder.create(tmp_path / variant)
        if variant == "discvae":
            with pytest.raises(UserError, match="has no column masks, which the view MaskedLabelled needs"):
                Trainer(system, plain, run, engine=Engine("fp32", quiet=True), grid_every=0).fit()
        else:
            Trainer(system, plain, run, engine=Engine("fp32", quiet=True), grid_every=0).fit()
            assert system.phases()[0].view is Labelled


def test_data_without_attributes_is_refused(data: Dataset) -> None:
    with pytest.raises(UserError, match="column attributes"):
        Attribute2Image(Attribute2Image.presets["tiny"], dataclasses.replace(data.schema, attributes={}))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"variance": None}, "need a fixed variance"),
        ({"variance": 0.0}, "must be above 0"),
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Attribute2ImageConfig(**wrong)


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["lfw", "lfw-cvae", "cub", "celeba", "avatars"])
def test_presets_of_the_paper_are_built_and_stepped_once(preset: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    data = shapes(tmp_path / "shapes", 64)
    system = Attribute2Image(Attribute2Image.presets[preset], data.schema)
    one_layer = Labelled.gather(data, [0, 1], np.random.default_rng(0)).to("cpu")
    (update,) = system.step(batch(data, 2) if system.layered else one_layer, START)
    assert torch.isfinite(update.loss)
    update.loss.backward()


@pytest.mark.slow
def test_figures_are_learnt_by_heart(data: Dataset, tmp_path: Path) -> None:
    """In two layers only the figure follows the request: where masks are, drawings come near to their pictures."""
    few = shapes(tmp_path / "few", 16, count=8, held_out=0)
    torch.manual_seed(0)
    system = Attribute2Image(Attribute2Image.presets["tiny"], few.schema).eval()
    read = MaskedLabelled.gather(few, range(8), np.random.default_rng(0)).to("cpu")

    def distance() -> float:
        last = drawn(system, list(few.requests(Attributes, 8, "train")), list(range(8)))[-1].images
        assert last is not None
        return float(((last - read.images).abs() * read.masks).sum() / read.masks.sum())

    before = distance()
    Trainer(system, few, RunFolder.create(tmp_path / "run"), engine=Engine("fp32", quiet=True), grid_every=0).fit()
    assert distance() < 0.4 * before
