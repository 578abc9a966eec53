"""A system still to come that is hard to fit, run by the real trainer: the contract holds it as it is.

The same file is shown on docs/contract-sketches.md. It is a toy in size only; its phases, steps and sampler are those
of the paper.
"""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from limner.data.dataset import Dataset
from limner.data.views import scenes
from limner.noise import RowNoise
from limner.requests import Layout, Request
from limner.system import Draft, System
from limner.training.engine import Engine
from limner.training.run_folder import RunFolder
from limner.training.trainer import Trainer
from sketches.objgan import BOXES, ObjGan

COLOURS = {"red": (220, 40, 40), "green": (40, 180, 70), "blue": (50, 80, 220)}
SIDES = ("left", "right")

ASKED: dict[type[System], list[Request]] = {
    ObjGan: [Layout((), "a red left"), Layout((("right", 0.5, 0.0, 0.5, 1.0),), "a blue right")],
}
every = pytest.mark.parametrize("cls", ASKED, ids=lambda cls: cls.__name__)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Thirty-two pictures: one half in a colour, in every other picture a white spot in the other half."""
    folder, lines = tmp_path_factory.mktemp("scenes"), []
    (folder / "masks").mkdir()
    looks = itertools.cycle(itertools.product(COLOURS, (0, 1)))
    for number, (colour, side) in zip(range(32), looks, strict=False):
        picture = Image.new("RGB", (16, 16), (16 * (number % 4), 4 * number, 0))
        ImageDraw.Draw(picture).rectangle((8 * side, 0, 8 * side + 7, 15), fill=COLOURS[colour])
        boxes = [{"label": SIDES[side], "box": [8.0 * side, 0.0, 8.0, 16.0]}]
        if number % 2:
            ImageDraw.Draw(picture).rectangle((10 - 8 * side, 6, 13 - 8 * side, 9), fill=(255, 255, 255))
            boxes.insert(0, {"label": SIDES[1 - side], "box": [10.0 - 8 * side, 6.0, 4.0, 4.0]})
        picture.save(folder / f"{number}.png")
        masks = [{"label": one["label"], "mask": f"masks/{number}-{one['label']}.png"} for one in boxes]
        for one, mask in zip(boxes, masks, strict=True):
            left, top, width, height = one["box"]
            shape = Image.new("L", picture.size)
            ImageDraw.Draw(shape).rectangle((left, top, left + width - 1, top + height - 1), fill=255)
            shape.save(folder / mask["mask"])
        line = {"file_name": f"{number}.png", "text": f"a {colour} {SIDES[side]}"}
        lines.append(line | {"boxes": boxes, "masks": masks})
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Dataset.open(folder, size=16, held_out=0, cache=tmp_path_factory.mktemp("cache"))


def made(cls: type[System], data: Dataset) -> System:
    torch.manual_seed(0)
    return cls(cls.presets["tiny"], data.schema)


def trainer(system: System, data: Dataset, run: RunFolder) -> Trainer:
    return Trainer(system, data, run, engine=Engine("fp32", quiet=True), prompts=ASKED[type(system)])


def trained(cls: type[System], data: Dataset, folder: Path) -> System:
    system = made(cls, data)
    trainer(system, data, RunFolder.create(folder)).fit()
    return system


@pytest.fixture(scope="module")
def systems(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[type[System], System]:
    return {cls: trained(cls, data, tmp_path_factory.mktemp("run") / cls.__name__) for cls in ASKED}


@every
def test_every_player_of_every_phase_moves_and_nobody_else(cls: type[System], data: Dataset, tmp_path: Path) -> None:
    system = made(cls, data)
    run = RunFolder.create(tmp_path / "run")
    before, total = {name: value.clone() for name, value in system.named_parameters()}, 0
    for phase in system.phases():
        total += phase.images
        fresh = made(cls, data)
        work = trainer(fresh, data, run)
        (work.resume if run.checkpoints() else work.fit)(stop_after=total)
        now = dict(fresh.named_parameters())
        moved = {name for name, value in now.items() if not torch.equal(value, before[name])}
        own = {who: [prefix(system, module) for module in player.modules] for who, player in phase.players.items()}
        for who, starts in own.items():
            assert any(name.startswith(tuple(starts)) for name in moved), f"{who} of {phase.name} did not move"
        starts = tuple(start for many in own.values() for start in many)
        assert all(name.startswith(starts) for name in moved), f"{phase.name} moved what it does not play"
        before = {name: value.clone() for name, value in now.items()}


def prefix(system: System, module: torch.nn.Module) -> str:
    return next(name for name, found in system.named_modules() if found is module) + "."


@every
def test_cut_anywhere_it_resumes_bitwise_equal(
    cls: type[System], data: Dataset, systems: dict[type[System], System], tmp_path: Path
) -> None:
    folder, phases = tmp_path / "run", made(cls, data).phases()
    budget = sum(phase.images for phase in phases)
    first = made(cls, data)
    trainer(first, data, RunFolder.create(folder)).fit(stop_after=budget // 5)
    for cut in (budget // 2, 4 * budget // 5, budget):
        last = made(cls, data)
        trainer(last, data, RunFolder.open(folder)).resume(stop_after=cut)
    whole, pieces = systems[cls].state_dict(), last.state_dict()
    assert [name for name in whole if not torch.equal(whole[name], pieces[name])] == []


def drafts(system: System, requests: list[Request], seeds: list[int]) -> list[Draft]:
    return list(system.sample(requests, system.Knobs(), RowNoise(seeds)))


@every
def test_drafts_advance_and_a_row_is_the_same_alone(cls: type[System], systems: dict[type[System], System]) -> None:
    system, asked = systems[cls], ASKED[cls]
    both, alone = drafts(system, asked, [3, 4]), drafts(system, asked[1:], [4])
    progress = [draft.progress for draft in both]
    assert progress == sorted(progress) and progress[-1] == 1.0 and len(both) > 1
    assert torch.allclose(both[-1].images[1:], alone[-1].images, atol=1e-5)
    assert not torch.equal(both[-1].images, drafts(system, asked, [5, 6])[-1].images)


def test_objgan_draws_boxes_then_shapes_then_pictures(systems: dict[type[System], System], data: Dataset) -> None:
    found = drafts(systems[ObjGan], ASKED[ObjGan], [1, 2])
    assert [draft.note for draft in found[:3]] == ["box 1", "box 2", "shapes"]
    assert all(draft.images is None for draft in found[:3]) and "masks" in found[2].layout
    assert [draft.images.shape[-1] for draft in found[3:]] == [8, 16]
    given = ASKED[ObjGan][1].boxes[0]
    assert found[-1].layout["boxes"][1, 0].tolist() == list(given[1:])  # a layout that was brought along is kept
    batch = scenes(BOXES).gather(data, range(8), np.random.default_rng(0))
    assert batch.masks.sum(dim=(2, 3)).tolist() == [[128.0, 0.0], [128.0, 16.0]] * 4
