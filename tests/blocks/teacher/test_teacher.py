"""The teacher learns to name and to match, and its gate tells what it is blind to."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from limner.blocks.losses.joint_embedding import SHARPEST
from limner.blocks.teacher import teacher as module
from limner.blocks.teacher.gate import gate
from limner.blocks.teacher.teacher import Teacher, contrast_with_edits, decay_late, hazed
from limner.data.dataset import Dataset
from limner.data.views import Described
from limner.errors import UserError
from limner.system import Clock

COLOURS = {"red": (230, 40, 40), "blue": (40, 60, 230), "green": (40, 200, 60)}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two hundred pictures: a square above, a square below, each of a colour of its own; in captions both."""
    folder = tmp_path_factory.mktemp("squares") / "data"
    folder.mkdir()
    rng, lines = np.random.default_rng(0), []
    for number in range(300):
        hat, coat = rng.choice(list(COLOURS), 2)
        picture = Image.new("RGB", (16, 16), (int(rng.integers(256)), 128, 128))
        ImageDraw.Draw(picture).rectangle((4, 1, 11, 6), COLOURS[hat])
        ImageDraw.Draw(picture).rectangle((4, 9, 11, 14), COLOURS[coat])
        picture.save(folder / f"{number}.png")
        texts = [f"a {hat} hat and a {coat} coat", f"a {coat} coat with a {hat} hat"]
        line = {"file_name": f"{number}.png", "text": texts, "attributes": {"hat": hat, "coat": coat}}
        lines.append(line | {"said": [["hat", "coat"]] * 2})
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Dataset.open(folder, size=16, held_out=0.3)


def made(data: Dataset, **options: bool) -> Teacher:
    torch.manual_seed(0)
    teacher = Teacher(data.schema, 16, code=16, width=0.25, **options)
    teacher.count(data)
    teacher.find_edits(data)
    return teacher


def learn(teacher: Teacher, data: Dataset, steps: int) -> Teacher:
    """Take some steps, without the trainer."""
    optimiser = torch.optim.Adam(teacher.parameters(), 5e-3)
    rng = np.random.default_rng(0)
    for step in range(steps):
        rows = rng.choice(data.length(), 24, replace=False)
        batch = Described.gather(data, rows, rng).to("cpu")
        (update,) = teacher.step(batch, Clock(seen=0, total=1, step=step))
        optimiser.zero_grad()
        update.loss.backward()
        optimiser.step()
    return teacher.eval()


@pytest.fixture(scope="module")
def taught(data: Dataset) -> Teacher:
    return learn(made(data), data, 80)


def test_contrast_by_hand() -> None:
    """Codes all alike: log 3 among two texts and an edit, log 2 among two pictures; log 2 where there is no edit."""
    code = torch.ones(2, 1)
    same, none = torch.eye(2, dtype=torch.bool), torch.tensor([False, False])
    zero = torch.tensor(0.0)
    both = contrast_with_edits(code, code, code, ~none, same, zero).item()
    assert both == pytest.approx((math.log(3) + math.log(2)) / 2)
    assert contrast_with_edits(code, code, code, none, same, zero).item() == pytest.approx(math.log(2))


def test_an_edit_is_a_rival_of_its_own_picture_alone() -> None:
    """Texts fit their pictures; the edit of the first fits the second picture perfectly, and costs nothing."""
    v, edited = torch.eye(2), torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    has, same, sharp = torch.tensor([True, False]), torch.eye(2, dtype=torch.bool), torch.tensor(SHARPEST)
    assert contrast_with_edits(v, v, edited, has, same, sharp).item() == pytest.approx(0, abs=1e-6)
    assert contrast_with_edits(v, v, v, has, same, sharp).item() == pytest.approx(math.log(2) / 4, abs=1e-3)


def test_it_names_what_it_sees_and_reads(taught: Teacher, data: Dataset) -> None:
    batch = Described.gather(data, range(60), np.random.default_rng(0), "test").to("cpu")
    found = taught.check(batch)
    assert found["named"] > 0.9 and found["read"] > 0.95


def test_wording_and_order_move_the_condition_less_than_meaning(taught: Teacher) -> None:
    texts = ["a red hat and a blue coat", "a blue coat with a red hat", "a red hat and a green coat"]
    with torch.no_grad():
        first, reworded, changed = taught.condition(taught.text.pooled(texts))
    assert (first - reworded).norm() < 0.3 * (first - changed).norm()


def test_the_gate_opens_for_one_that_sees(taught: Teacher, data: Dataset) -> None:
    found = gate(taught, data)
    assert found["prefers hat"] > 0.9 and found["prefers coat"] > 0.9 and found["reads"] > 0.95
    assert found["rewording"] < 0.5 * found["one change"]
    assert gate(taught, data) == found  # and changes nothing


def test_the_gate_shuts_for_one_that_is_blind_to_a_thing(taught: Teacher, data: Dataset) -> None:
    """Cover the lower half of what the image encoder is shown: coats are guessed, hats are still seen."""
    blind = made(data)
    blind.load_state_dict(taught.state_dict())
    blind.eval()
    see = blind.features
    blind.features = lambda images: see(torch.cat([images[:, :, :8], images[:, :, :8] * 0], dim=2))  # type: ignore[method-assign]
    assert gate(blind, data)["prefers coat"] < 0.85 < gate(blind, data)["prefers hat"]
    with pytest.raises(UserError, match=r"coat 0\.\d+, and 0.97 is wanted .*--set gate=0"):
        blind.gate(data, 0.97)
    assert blind.gate(data, 0.0)["prefers coat"] < 0.85  # asked to go on, it does, and says so


def test_edits_are_rivals_while_it_learns(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    teacher = made(data)
    batch = Described.gather(data, range(24), np.random.default_rng(0)).to("cpu")

    monkeypatch.setattr(module, "hazed", lambda images: images)
    teacher.text.dropout = 0.0

    def contrast(edits: list[str | None]) -> float:
        monkeypatch.setattr(Teacher, "edit", lambda self, texts: edits)
        (update,) = teacher.step(batch, Clock(seen=0, total=1, step=0))
        return update.log["contrast"].item()

    edits = teacher.edit(batch.texts)
    assert sum(one is not None and one != text for one, text in zip(edits, batch.texts, strict=True)) > 12
    assert contrast([*batch.texts]) > contrast([None] * 24) + 0.01  # a rival takes its share of the probability


def test_pictures_are_hazed_while_it_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    images = torch.zeros(200, 3, 16, 16)
    images[:, :, ::2] = 1.0
    strengths = (hazed(images) - images).flatten(1).std(dim=1)
    assert strengths.min() < 0.05 and strengths.max() > 0.3
    monkeypatch.setattr(module, "NOISE", 0.0)
    blurred = (hazed(images)[:, :, 4:-4] - 0.5).abs().flatten(1).amax(dim=1) < 1e-6
    assert 0.3 < blurred.float().mean() < 0.7  # half of the pictures lose their finest stripes


def test_the_rate_falls_late() -> None:
    assert [decay_late(x) for x in (0.0, 0.7, 0.85, 1.0)] == pytest.approx([1.0, 1.0, 0.51, 0.02])


def test_a_data_set_without_attributes_is_named_by_phrases(data: Dataset) -> None:
    teacher = learn(made(data, by_phrases=True), data, 120)
    found = gate(teacher, data)
    assert found["prefers"] > 0.9 and any("hat" in name for name in found)
