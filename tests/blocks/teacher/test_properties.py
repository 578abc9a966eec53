"""What is named in texts and pictures, and the losses of naming on numbers worked by hand."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from limner.blocks.teacher.properties import Properties, agreement, contradicts, naming_loss, obedience_loss, said_by
from limner.data.dataset import Dataset
from limner.data.schema import Lexicon, Schema
from limner.data.views import Described

HATS = Schema(16, Lexicon(("red", "blue", "hat")), {"hat": ("blue", "red"), "size": ("big", "huge", "small")})


def logs(*rows: tuple[float, ...]) -> Tensor:
    """Log-probabilities of one property in each of B texts: (B, 1, V)."""
    return torch.tensor(rows).log()[:, None]


def test_each_property_has_a_place_for_each_value_and_for_unsaid() -> None:
    properties = Properties(HATS)
    assert properties.total == 3 + 4
    posteriors = properties.log_posteriors(torch.zeros(1, 7)).exp()
    assert posteriors[0, 0].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])
    assert posteriors[0, 1].tolist() == pytest.approx([1 / 4] * 4)
    flat = properties.flatten(properties.log_posteriors(torch.arange(7.0)[None]).exp())[0]
    assert torch.allclose(flat, torch.cat([torch.arange(3.0).softmax(0), torch.arange(3.0, 7.0).softmax(0)]))


def test_a_text_says_what_it_mentions_alone() -> None:
    found = Properties(HATS).of_texts(["", ""], torch.tensor([[1, 2], [0, -1]]), torch.tensor([[True, False]] * 2))
    assert found.tolist() == [[1, 3], [0, 3]]  # 3: unsaid; a value that is not known is not said


def test_naming_by_hand() -> None:
    """-log 0.5 and -log 0.25; the third is not known."""
    posteriors = logs((0.5, 0.5), (0.25, 0.75), (0.9, 0.1))
    truth = torch.tensor([[1], [0], [-1]])
    assert naming_loss(posteriors, truth).item() == pytest.approx((math.log(2) + math.log(4)) / 2)
    assert naming_loss(posteriors, torch.full((3, 1), -1)).item() == 0


def test_a_text_says_a_value_that_is_sure_and_not_unsaid() -> None:
    posteriors = logs((0.95, 0.03, 0.02), (0.8, 0.1, 0.1), (0.01, 0.01, 0.98))
    value, said = said_by(posteriors, torch.tensor([2]))
    assert value.flatten().tolist() == [0, 0, 2] and said.flatten().tolist() == [True, False, False]


def test_an_edit_contradicts_where_it_surely_says_another_value() -> None:
    text = logs((0.95, 0.03, 0.02), (0.95, 0.03, 0.02), (0.01, 0.01, 0.98), (0.5, 0.4, 0.1), (0.95, 0.03, 0.02))
    edited = logs((0.03, 0.95, 0.02), (0.95, 0.03, 0.02), (0.95, 0.03, 0.02), (0.95, 0.03, 0.02), (0.01, 0.01, 0.98))
    properties = Properties(dataclasses.replace(HATS, attributes={"hat": ("blue", "red")}))
    found = contradicts(edited, text, properties).flatten().tolist()
    assert found == [True, False, False, False, False]  # another, the same, from nothing, of the unsure, to nothing
    properties.by_phrases = True
    assert contradicts(edited, text, properties).flatten().tolist() == [True, False, True, False, False]


def test_obedience_by_hand() -> None:
    """Of two said things one is shown to 0.5 and one to 0.96, which is enough; of the unsaid nothing is asked."""
    drawn = torch.tensor([[[0.5, 0.5], [0.96, 0.04], [0.1, 0.9]]]).log()
    value, said = torch.zeros(1, 3, dtype=torch.long), torch.tensor([[True, True, False]])
    assert obedience_loss(drawn, value, said).tolist() == pytest.approx([math.log(2)])
    assert obedience_loss(drawn, value, torch.zeros_like(said)).tolist() == [0]


def test_what_is_never_shown_still_has_a_gradient() -> None:
    logits = torch.tensor([[[-60.0, 0.0]]], requires_grad=True)
    obedience_loss(logits.log_softmax(2), torch.tensor([[0]]), torch.tensor([[True]])).sum().backward()
    assert logits.grad is not None and logits.grad[0, 0, 0].item() == pytest.approx(-1.0)


def test_agreement_by_hand() -> None:
    """0.6 log 0.5 + 0.3 log 0.2; the share of unsaid adds nothing."""
    text, picture = logs((0.6, 0.3, 0.1)), logs((0.5, 0.2, 0.3))
    expected = 0.6 * math.log(0.5) + 0.3 * math.log(0.2)
    assert agreement(text, picture, torch.tensor([2])).tolist() == pytest.approx([expected])


@pytest.fixture
def hairs(tmp_path: Path) -> Dataset:
    """Forty pictures of hair in two colours, with captions and nothing else."""
    folder = tmp_path / "hairs"
    folder.mkdir()
    lines = []
    for number in range(40):
        hair, eyes = ("red", "aqua")[number % 2], ("green", "black")[number // 2 % 2]
        Image.new("RGB", (16, 16), (number, 0, 0)).save(folder / f"{number}.png")
        lines.append({"file_name": f"{number}.png", "text": [f"{hair} hair", f"a girl, {eyes} eyes"]})
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Dataset.open(folder, size=16, held_out=0.0, cache=tmp_path / "cache")


def test_phrases_are_named_where_there_are_no_attributes(hairs: Dataset) -> None:
    properties = Properties(hairs.schema)
    counted = properties.count(hairs)
    names = {properties.name_of(k) for k in range(int(counted["phrases"]))}
    assert {"red", "red hair", "aqua hair", "green eyes"} <= names
    assert not names & {"hair", "eyes", "a", "a girl"}  # they stand in each picture and say nothing
    batch = Described.gather(hairs, range(4), np.random.default_rng(0)).to("cpu")
    place = next(k for k in range(len(names)) if properties.name_of(k) == "green eyes")
    unused = properties.of_pictures(batch)[:, len(names) :]
    assert properties.of_pictures(batch)[:, place].tolist() == [0, 0, 1, 1]  # by any of a picture's captions
    assert (unused == -1).all()
    texts = properties.of_texts(["green eyes", "red hair"], batch.attributes[:2], batch.mentioned[:2])
    assert texts[:, place].tolist() == [0, 1]


def test_chosen_phrases_travel_with_the_weights(hairs: Dataset) -> None:
    properties, other = Properties(hairs.schema), Properties(hairs.schema)
    properties.count(hairs)
    other.load_state_dict(properties.state_dict())
    assert other.name_of(0) == properties.name_of(0)


def test_phrases_may_be_named_beside_attributes() -> None:
    assert Properties(HATS, by_phrases=True).by_phrases
    assert not Properties(HATS).by_phrases
    assert Properties(dataclasses.replace(HATS, attributes={})).by_phrases
