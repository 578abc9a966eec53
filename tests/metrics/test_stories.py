"""Figures of stories on cases counted by hand: two places, left and right, with a colour and a shape each."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from limner.metrics import Things, by_property, consistency, f1, required_so_far, story_accuracy

VALUES = {
    "left colour": ("blue", "nothing", "red"),
    "left shape": ("cube", "nothing", "sphere"),
    "right colour": ("blue", "nothing", "red"),
    "right shape": ("cube", "nothing", "sphere"),
}
NAMES = list(VALUES)
THINGS = Things.of(VALUES)


def frames(*pictures: str) -> Tensor:
    """One story from frames like "blue cube, nothing nothing": (1, T, 4)."""
    words = [picture.replace(",", "").split() for picture in pictures]
    known = list(VALUES.values())
    return torch.tensor([[[known[a].index(word) for a, word in enumerate(one)] for one in words]])


def speaking(*lines: str) -> Tensor:
    """Which attributes each line speaks of: bool (1, T, 4)."""
    return torch.tensor([[[any(word in name for word in line.split()) for name in NAMES] for line in lines]])


TRUTH = frames("blue cube, nothing nothing", "blue cube, red sphere", "blue cube, red sphere")
MENTIONED = speaking("left", "right", "")


def test_attributes_of_one_name_are_one_thing() -> None:
    assert dict(THINGS.columns) == {"left": (0, 1), "right": (2, 3)}
    assert THINGS.colours == (0, 2)
    assert THINGS.nothing.tolist() == [1, 1, 1, 1]
    far = Things.of(
        {"far left colour": ("nothing", "red"), "far left size": ("big", "nothing"), "Pororo": ("no", "yes")}
    )
    assert dict(far.columns) == {"far left": (0, 1)}
    assert not Things.of({"hair colour": ("red",), "nose": ("nothing", "small")}).columns


def test_a_thing_is_there_by_most_of_its_attributes() -> None:
    half = frames("blue nothing, red sphere")
    assert THINGS.present(half).tolist() == [[[False, True]]]
    assert THINGS.present(torch.empty(2, 3, 4, dtype=torch.int64)).shape == (2, 3, 2)
    assert Things.of({"Pororo": ("no", "yes")}).present(torch.zeros(5, 1)).shape == (5, 0)


def test_what_is_mentioned_holds_on() -> None:
    wanted = required_so_far(TRUTH, MENTIONED)[0]
    assert wanted.tolist() == [[0, 0, -1, -1], [0, 0, 2, 2], [0, 0, 2, 2]]


def test_the_truth_is_all_right() -> None:
    got = story_accuracy(TRUTH, TRUTH, MENTIONED, THINGS)
    assert (got.attributes, got.frames, got.stories, got.objects, got.nothing_added) == (1, 1, 1, 1, 1)
    assert got.by_frame == (1, 1, 1)


def test_each_share_is_counted_by_hand() -> None:
    # Told: 2, 4 and 4 attributes; 1, 2 and 2 things. One colour is wrong in frame 2, one thing is missing in frame 3.
    drawn = frames("blue cube, nothing nothing", "red cube, red sphere", "nothing nothing, red sphere")
    got = story_accuracy(drawn, TRUTH, MENTIONED, THINGS)
    assert got.attributes == pytest.approx(7 / 10)
    assert got.by_frame == pytest.approx((1, 3 / 4, 2 / 4))
    assert got.objects == pytest.approx(3 / 5)
    assert got.frames == pytest.approx(1 / 3)
    assert got.stories == 0
    assert got.nothing_added == 1  # the right place of frame 1


def test_drawing_everything_everywhere_adds_things() -> None:
    crowded = frames(*["blue cube, red sphere"] * 3)
    got = story_accuracy(crowded, TRUTH, MENTIONED, THINGS)
    assert got.attributes == 1 and got.stories == 1
    assert got.nothing_added == 0


def test_only_what_is_mentioned_counts() -> None:
    mentioned = MENTIONED & speaking("colour", "colour", "")
    drawn = frames("blue sphere, nothing nothing", "blue sphere, red cube", "red sphere, red cube")
    got = story_accuracy(drawn, TRUTH, mentioned, THINGS)
    assert got.attributes == pytest.approx(4 / 5)
    assert got.objects == pytest.approx(4 / 5)
    nothing = story_accuracy(drawn, TRUTH, torch.zeros_like(mentioned), THINGS)
    assert (nothing.attributes, nothing.frames, nothing.stories) == (0, 0, 0)


def test_stories_are_counted_apart() -> None:
    wrong = frames(*["nothing nothing, nothing nothing"] * 3)
    pair = torch.cat([TRUTH, wrong])
    got = story_accuracy(pair, TRUTH.expand(2, -1, -1), MENTIONED.expand(2, -1, -1), THINGS)
    assert (got.stories, got.frames, got.attributes, got.objects) == (0.5, 0.5, 0.5, 0.5)


def test_consistency_of_the_truth() -> None:
    got = consistency(TRUTH, TRUTH, MENTIONED, THINGS)
    assert (got.appeared, got.colour, got.same, got.count) == (1, 1, 1, 2)


def test_a_thing_may_be_wrong_and_yet_stay_what_it_is() -> None:
    drawn = frames("red sphere, nothing nothing", *["red sphere, blue cube"] * 2)
    got = consistency(drawn, TRUTH, MENTIONED, THINGS)
    assert (got.appeared, got.colour, got.same) == (1, 1, 1)


def test_things_that_change_or_go() -> None:
    # Left: told in frame 1, its shape has changed in the last. Right: told in frame 2, gone in the last.
    drawn = frames("blue cube, nothing nothing", "blue cube, red sphere", "blue sphere, nothing nothing")
    got = consistency(drawn, TRUTH, MENTIONED, THINGS)
    assert (got.appeared, got.colour, got.same, got.count) == (1, 0.5, 0, 2)


def test_gone_is_not_kept_though_nothing_is_one_colour() -> None:
    drawn = frames("nothing cube, nothing nothing", *["nothing nothing, nothing nothing"] * 2)
    got = consistency(drawn, TRUTH, MENTIONED, THINGS)
    assert (got.appeared, got.colour, got.same, got.count) == (0, 0, 0, 0)


def test_what_is_drawn_too_late_did_not_appear() -> None:
    drawn = frames("nothing nothing, nothing nothing", *["blue cube, red sphere"] * 2)
    got = consistency(drawn, TRUTH, MENTIONED, THINGS)
    assert (got.appeared, got.same, got.count) == (0.5, 1, 1)


def test_what_the_last_line_tells_is_no_evidence() -> None:
    mentioned = speaking("left", "", "right")
    assert consistency(TRUTH, TRUTH, mentioned, THINGS).count == 1


def test_properties_are_pooled_over_things() -> None:
    drawn = frames("blue cube, nothing nothing", "red cube, red sphere", "nothing nothing, red sphere")
    found = by_property(drawn, TRUTH, NAMES, THINGS)
    assert found == pytest.approx({"colour": 3 / 5, "shape": 4 / 5, "empty": 1})
    plain = by_property(torch.tensor([[0], [1]]), torch.tensor([[0], [0]]), ["hair colour"], Things.of({"a": ("b",)}))
    assert plain == {"hair colour": 0.5}
    # What is not known is not empty, where nothing can be missing.
    known = by_property(torch.tensor([[0], [1]]), torch.tensor([[0], [-1]]), ["hair"], Things.of({"hair": ("b", "c")}))
    assert known == {"hair": 1}


def test_f1_of_characters_by_hand() -> None:
    # Yes is 1 for the first and 0 for the second. Found 2, of them 1 rightly; there are 2, and one is not known.
    truth = torch.tensor([[1, 1], [0, 0], [-1, 1]])
    named = torch.tensor([[1, 0], [0, 1], [1, 1]])
    assert f1(named, truth, torch.tensor([1, 0])) == pytest.approx(0.5)
    assert f1(truth, truth, torch.tensor([1, 0])) == 1
    assert f1(torch.tensor([[0, 1]]), torch.tensor([[0, 1]]), torch.tensor([1, 0])) == 0
