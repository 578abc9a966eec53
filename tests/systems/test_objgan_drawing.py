"""Obj-GAN draws: what is given stays, what is missing is drawn, drafts, attention, edits, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from limner import checkpoint
from limner.data.dataset import Dataset
from limner.data.schema import words_of
from limner.drawing.artist import Artist, load
from limner.errors import UserError
from limner.imaging import answers
from limner.requests import Blend, Caption, Layout
from objgans import BAR, CIRCLE, drafts, laid, make, picture
from toy import shapes

SAYS = "a red circle on black"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("objgan") / "shapes", 32)


def test_boxes_come_one_by_one_then_shapes_then_pictures_from_coarse_to_fine(data: Dataset) -> None:
    system = make(data)
    with torch.no_grad():
        system.boxes.label.bias[-1] = -50  # it never ends by itself
    found = drafts(system, [Caption(SAYS)], [3])
    notes = [draft.note for draft in found]
    assert notes[:5] == ["box 1", "box 2", "box 3", "box 4", "shapes"] and len(notes) == 7
    assert [draft.images if draft.images is None else draft.images.shape[-1] for draft in found] == [None] * 5 + [
        16,
        32,
    ]
    assert [int((draft.layout["labels"] >= 0).sum()) for draft in found] == [1, 2, 3, 4, 4, 4, 4]  # type: ignore[index]
    progress = [draft.progress for draft in found]
    assert progress == sorted(progress) and progress[-1] == 1


def test_a_given_layout_is_the_layout_in_its_order(data: Dataset) -> None:
    system = make(data)
    found = drafts(system, [laid(BAR, CIRCLE), Caption(SAYS)], [3, 4])
    for draft in found:
        assert draft.layout is not None
        assert_close(draft.layout["boxes"][0, :2], torch.tensor([BAR[1:], CIRCLE[1:]]))
        names = [data.schema.things[label] for label in draft.layout["labels"][0, :2]]
        assert names == ["blue bar", "red circle"] and (draft.layout["labels"][0, 2:] == -1).all()
    alone = drafts(system, [laid(BAR, CIRCLE)], [3])
    assert alone[0].note == "shapes"  # no box is drawn where all rows bring theirs


def test_shapes_lie_in_their_boxes_and_given_ones_stay(data: Dataset) -> None:
    system = make(data)
    first = drafts(system, [laid(CIRCLE, BAR)], [3])[-1]
    assert first.layout is not None
    masks = first.layout["masks"][0]
    assert masks[0].any() and not masks[0, :7].any() and not masks[0, :, 25:].any() and not masks[2:].any()
    (said,) = answers.said(first, data.schema)
    own = Layout(tuple(map(tuple, said["boxes"])), SAYS, masks=tuple(said["masks"]))  # type: ignore[arg-type]
    (one,), (other,) = ([drafts(system, [own], [seed])[-1].layout["masks"]] for seed in (5, 6))  # type: ignore[index]
    assert torch.equal(one, other)  # an answer is a request: its shapes are drawn by no chance
    half = Layout(own.boxes, SAYS, masks=(own.masks[0],))
    (one,), (other,) = ([drafts(system, [half], [seed])[-1].layout["masks"]] for seed in (5, 6))  # type: ignore[index]
    assert torch.equal(one[:, 0], other[:, 0]) and not torch.equal(one[:, 1], other[:, 1])


def test_the_first_picture_shows_the_attention_of_things_the_last_that_of_places(data: Dataset) -> None:
    system = make(data)
    *_, first, last = drafts(system, [laid(CIRCLE)], [3])
    count = len(words_of(SAYS))
    assert first.attention is not None and last.attention is not None
    assert first.attention.shape == (1, count, 8, 8) and last.attention.shape == (1, count, 16, 16)
    for draft in (first, last):
        assert draft.attention is not None
        assert_close(draft.attention.sum(dim=1), torch.ones_like(draft.attention[:, 0]))
    assert first.note == "16 x 16, words of things" and last.note == "32 x 32, words of places"
    even = first.attention[0, :, 0, 0]  # nothing stands in the corner
    assert_close(even, torch.full((count,), 1 / count))
    assert first.attention[0, 1:3, 4, 4].sum() > first.attention[0, [0, 3, 4], 4, 4].sum()  # `red circle`


def test_a_seed_keeps_the_noise_whatever_is_asked(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    system, seen = make(data), list[Tensor]()
    system.painter.register_forward_hook(lambda _, given, out: seen.append(given[0]))
    for request in (laid(CIRCLE), laid(CIRCLE, BAR), Caption(SAYS)):
        picture(system, request, 7)
    assert torch.equal(seen[0], seen[1]) and torch.equal(seen[0], seen[2])
    one = drafts(system, [laid(CIRCLE)], [7])[-1].layout
    two = drafts(system, [laid(CIRCLE, BAR)], [7])[-1].layout
    assert one is not None and two is not None
    assert (one["masks"][0, 0] > 0).sum() == (two["masks"][0, 0] > 0).sum()


def test_knobs(data: Dataset) -> None:
    system = make(data)
    with torch.no_grad():
        system.boxes.label.bias[-1] = -50
    calm = [drafts(system, [Caption(SAYS)], [seed], temperature=0.0)[3].layout["boxes"] for seed in (1, 2)]  # type: ignore[index]
    wild = [drafts(system, [Caption(SAYS)], [seed], temperature=1.0)[3].layout["boxes"] for seed in (1, 2)]  # type: ignore[index]
    assert torch.equal(*calm) and not torch.equal(*wild)


def test_moving_a_box_moves_what_is_painted(data: Dataset) -> None:
    system = make(data)
    one, other = (picture(system, laid(("red circle", x, 0.1, 0.3, 0.3))) for x in (0.1, 0.6))
    assert not torch.equal(one, other)


def test_a_row_alone_is_the_row_among_others(data: Dataset) -> None:
    system = make(data)
    requests = [laid(CIRCLE), Caption("a blue bar on white"), laid(BAR, CIRCLE, caption=""), laid(CIRCLE)]
    together = drafts(system, requests, [1, 2, 3, 1])[-1].images
    assert together is not None and torch.equal(together[0], together[3])
    for row, request in enumerate(requests[:3]):
        assert_close(picture(system, request, row + 1), together[row], atol=1e-4, rtol=0)


def test_between_two_layouts_boxes_lie_between(data: Dataset) -> None:
    system = make(data)
    ends = laid(("red circle", 0, 0, 0.4, 0.2)), laid(("red circle", 0.5, 0.5, 0.5, 0.4))
    layout = drafts(system, [Blend(*ends, 0.5)], [5])[-1].layout
    assert layout is not None
    assert_close(layout["boxes"][0, 0], torch.tensor([0.25, 0.25, 0.45, 0.3]))


def test_what_is_not_said_is_remarked(data: Dataset) -> None:
    system = make(data)
    assert "nothing says" in system.remarks([laid(CIRCLE, caption="")])[0] and not system.remarks([laid(CIRCLE)])
    assert list(system.unknown_words([Caption("a purple circle")])) == ["purple"]


@pytest.fixture(scope="module")
def artist(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Artist:
    folder = tmp_path_factory.mktemp("artist") / "scenes"
    checkpoint.save(make(data).eval(), folder)
    return load(str(folder))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (laid(*[CIRCLE] * 5), "has 5 boxes, and this artist places 4 at most"),
        (laid(*[CIRCLE] * 200), "100"),
        (laid(("purple circle", 0, 0, 0.5, 0.5)), "unknown"),
        (laid(("red circle", 0.5, 0.5, -0.2, 0.2)), "has no size"),
        (laid(("red circle", 0.5, 0.5, 0.0, 0.2)), "has no size"),
        (laid(("red circle", 0.5, 0.5, 0.9, 0.2)), "outside the picture"),
        (laid(("red circle", math.nan, 0.5, 0.2, 0.2)), "no number"),
        (laid(CIRCLE, masks=("", "")), "mask"),
        (Layout((), SAYS), "no boxes"),
    ],
)
def test_what_is_refused_in_one_line(asked: Any, says: str, artist: Artist) -> None:
    with pytest.raises(UserError) as caught:
        artist.draw(asked, seed=1)
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_overlapping_boxes_and_one_twice_are_drawn(artist: Artist) -> None:
    tiny = ("blue bar", 0.5, 0.5, 0.011, 0.011)
    (image,) = artist.draw(laid(CIRCLE, CIRCLE, ("black", 0.0, 0.0, 1.0, 1.0), tiny), seed=1)
    assert len(image.info["answer"]["boxes"]) == 4


def test_the_answer_is_the_layout_and_the_recipe_draws_it_again(artist: Artist, tmp_path: Path) -> None:
    (request,) = artist.requests(f"{SAYS}; red circle .25 .25 .5 .5")
    assert request == laid(CIRCLE)
    (image,) = artist.draw(request, seed=3)
    assert image.info["answer"]["boxes"] == [["red circle", 0.25, 0.25, 0.5, 0.5]]
    (again,) = artist.draw(request, seed=3)
    assert image.tobytes() == again.tobytes()
    sheet = artist.attention(SAYS, seed=3)
    assert sheet.width > 0
