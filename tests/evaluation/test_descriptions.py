"""What captions say, and figures of it, on a world of two attributes, a judge that sees exactly, artists of faults."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from limner.data.dataset import Dataset
from limner.data.schema import words_of
from limner.evaluation.descriptions import edits, open_captions, wordings
from limner.evaluation.identity import identity, part_boxes, twins
from limner.evaluation.protocol import HeldOut, NamedJudge
from limner.evaluation.variety import rewording, within_captions
from limner.requests import Caption, Nothing
from limner.system import Draft
from painters import EYES, HATS, Eye, Painter, faces


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Dataset.open(faces(tmp_path_factory.mktemp("faces") / "faces"), size=16, held_out=0.2)


@pytest.fixture(scope="module")
def held_out(data: Dataset) -> HeldOut:
    judge = NamedJudge("eye", Eye(data), "0" * 64)  # type: ignore[arg-type]
    return HeldOut("faces", data, judge, requests=60, prompts=5, seeds=40)


def test_real_pictures_are_found_of_which_a_caption_is_true(data: Dataset) -> None:
    found = open_captions(data, range(20), 5, each=30)
    assert len(found) == 5
    for one in found:
        assert "eyes" in one.caption and len(one.train) + len(one.test) == 30 and one.train and one.test
        hat, eyes = (word for word in words_of(one.caption) if word in {*HATS, *EYES})
        pictures = torch.cat([data.pictures(one.train), data.pictures(one.test, "test")])
        assert (pictures[:, :, 8, 4] == torch.tensor(HATS[hat])).all()
        assert (pictures[:, :, 8, 12] == torch.tensor(EYES[eyes])).all()
    shorter = open_captions(data, range(20), 5, each=90)  # 60 have both, 120 the hat
    assert all(one.caption.endswith("hat") for one in shorter) and len(shorter) == 5
    assert open_captions(data, range(20), 5, each=200) == []


def test_wordings_say_the_same(data: Dataset) -> None:
    found = wordings(data, range(20), 5, each=3)
    assert {tuple(sorted(group)) for group in found} == {
        tuple(sorted((f"a {hat} hat", f"her {hat} hat", f"his {hat} hat"))) for hat in HATS
    }
    assert all(group[0].startswith("a ") for group in found)  # the held-out caption itself
    assert wordings(data, range(20), 5, each=4) == []


def test_edits_change_one_attribute_that_the_caption_speaks_of(data: Dataset) -> None:
    found = edits(data, range(40), 30)
    assert len(found) == 30
    names = list(data.schema.attributes)
    for edit in found:
        before, after = words_of(edit.before), words_of(edit.after)
        assert sum(a != b for a, b in zip(before, after, strict=True)) == 1
        value = data.schema.attributes[names[edit.attribute]][edit.value]
        assert value in after and value not in before
        assert edit.counted.tolist() == [k != edit.attribute for k in range(2)]
        assert edit.said.tolist() == ["eyes" in before, True]
    changed = [edit.attribute for edit in found]
    assert changed.count(0) >= 8 and changed.count(1) >= 8  # though eyes are spoken of in one caption of three


def test_data_that_does_not_tell_what_captions_say_gives_no_wordings(tmp_path: Path) -> None:
    silent = Dataset.open(faces(tmp_path / "silent", with_said=False), size=16, held_out=0.2)
    assert wordings(silent, range(20), 5, each=2) == []
    assert len(open_captions(silent, range(20), 5, each=30)) == 5  # every attribute counts as spoken of


def test_data_without_attributes_gives_nothing(tmp_path: Path) -> None:
    folder = faces(tmp_path / "plain", with_said=False)
    lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    plain = [{key: line[key] for key in ("file_name", "text")} for line in lines]
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in plain))
    data = Dataset.open(folder, size=16, held_out=0.2)
    assert open_captions(data, range(20), 5, each=2) == wordings(data, range(20), 5, 2) == []
    assert edits(data, range(20), 5) == []


def test_one_word_changed_with_one_seed_keeps_the_rest(held_out: HeldOut) -> None:
    kept = {}
    for by in ("seed", "wording"):
        details: dict[str, Any] = {}
        found = identity(held_out, Painter(held_out.data, by), details)
        kept[by] = found["identity"]
        assert found["edits obeyed"].value == 1 and found["edits obeyed"].floor == 0
        assert details["identity"]["what the caption speaks of"] == 1
    assert kept["seed"].value == 1 and kept["seed"].real == 1
    assert kept["seed"].floor is not None and kept["seed"].floor < 0.95  # with another seed what is open changes
    assert kept["wording"].value < 0.9


def test_what_changes_outside_of_the_part(held_out: HeldOut, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hats fill the left half and eyes the right one, so a hat that changes leaves the right half alone."""
    halves = {1: (0.0, 0.0, 0.5, 1.0), 0: (0.5, 0.0, 0.5, 1.0)}
    assert "change outside" not in identity(held_out, Painter(held_out.data, "seed"), {})  # without boxes
    monkeypatch.setattr("limner.evaluation.identity.part_boxes", lambda held_out: halves)
    found = identity(held_out, Painter(held_out.data, "seed"), {})["change outside"]
    assert found.value == pytest.approx(0, abs=0.02) and found.better == -1
    assert found.floor is not None and found.floor > 0.1


def test_an_attribute_speaks_of_the_boxes_that_its_name_begins_with() -> None:
    names = ("hair", "facial hair", "hat")
    labels = torch.tensor([[0, 1, -1], [0, 2, 1]])
    boxes = torch.tensor([
        [[0.1, 0.1, 0.5, 0.5], [0.4, 0.6, 0.2, 0.1], [0.0, 0.0, 0.0, 0.0]],
        [[0.2, 0.0, 0.5, 0.5], [0.0, 0.0, 1.0, 0.2], [0.3, 0.7, 0.2, 0.2]],
    ])  # fmt: skip
    values = dict.fromkeys(("hair_colour", "facial_hair", "hat", "hatred", "skin"), ())
    about: Any = SimpleNamespace(
        data=SimpleNamespace(schema=SimpleNamespace(things=names), layouts=lambda rows, split: (names, labels, boxes)),
        judge=SimpleNamespace(network=SimpleNamespace(values=values)), rows=[0, 1],
    )  # fmt: skip
    found = part_boxes(about)
    assert list(found) == [0, 1, 2]
    assert found[0] == pytest.approx((0.1, 0.0, 0.6, 0.6))
    assert found[1] == pytest.approx((0.3, 0.6, 0.3, 0.3))
    assert found[2] == pytest.approx((0.0, 0.0, 1.0, 0.2))


class Twin(Painter):
    """Draws a block whose place is the seed's, told or not; `told` shifts it where there is a caption."""

    takes = (Caption, Nothing)

    def __init__(self, data: Dataset, shift: int) -> None:
        super().__init__(data, "seed")
        self.shift = shift

    def sample(self, requests: Any, knobs: Any, rng: Any) -> Any:
        images = torch.zeros(len(requests), 3, 16, 16)
        for image, request, seed in zip(images, requests, rng.seeds, strict=True):
            left = 2 + seed % 7 + (self.shift if request.asks else 0)
            image[:, 4:8, left : left + 4] = 1.0 if request.asks else -1.0
        yield Draft(images=images)


def test_structure_kept_between_twins(held_out: HeldOut) -> None:
    same, shifted = (twins(held_out, Twin(held_out.data, shift))["structure kept"] for shift in (0, 2))
    assert same.value == 1 and same.floor is not None and same.floor < 0.5
    assert shifted.value == pytest.approx(2 / 6)
    assert twins(held_out, Painter(held_out.data, "seed")) == {}  # it takes captions alone


def test_wording_beside_seeds(held_out: HeldOut, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_out, "seeds", 3)
    held_out.__dict__.pop("wordings", None)
    assert rewording(held_out, Painter(held_out.data, "seed"))["rewording"].value == 0
    assert rewording(held_out, Painter(held_out.data, "nothing")) == {}  # seeds change nothing: there is no ratio
    held_out.__dict__.pop("wordings", None)


def test_who_varies_what_a_caption_leaves_open_reaches_the_ceiling(held_out: HeldOut, data: Dataset) -> None:
    alike = within_captions(held_out, Painter(data, "nothing"))
    # Captions that 40 pictures fit speak of both attributes: real pictures of one caption hardly differ, though all do.
    assert alike["diversity within captions, pixels"].real == pytest.approx(0, abs=0.01)
    held_out.__dict__["open_captions"] = open_captions(data, range(60), 5, each=120)
    held_out.seeds = 120
    try:
        lively = within_captions(held_out, Painter(data, "seed"))
        alike = within_captions(held_out, Painter(data, "nothing"))
    finally:
        held_out.seeds = 40
        del held_out.__dict__["open_captions"]
    # Of "a red hat" half the pictures have open eyes, 1, and half closed ones, -1, on half their pixels: 0.5.
    for name in ("pixels", "judge"):
        figure = lively[f"diversity within captions, {name}"]
        assert figure.value == pytest.approx(figure.real, rel=0.1), name
        assert alike[f"diversity within captions, {name}"].value == 0
    assert lively["diversity within captions, pixels"].real == pytest.approx(0.5, abs=0.03)


def test_the_same_edits_again(data: Dataset) -> None:
    first, again = (edits(data, range(40), 10) for _ in range(2))
    assert [edit.after for edit in first] == [edit.after for edit in again]
    assert np.unique([edit.before for edit in first]).size > 1
