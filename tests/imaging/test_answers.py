"""A layout is drawn as labelled boxes, a text as a card; what they say is there as plain values, too."""

from __future__ import annotations

import numpy as np
import torch

from limner.blocks.layout.asked import asked_things
from limner.data.schema import Schema
from limner.imaging import answers
from limner.requests import Layout
from limner.system import Draft

SCHEMA = Schema(16, things=("cup", "table"))
BOXES = torch.tensor([[[0.0, 0.5, 1.0, 0.5], [0.25, 0.25, 0.5, 0.25], [0, 0, 0, 0]], [[0.0, 0.0, 1.0, 1.0]] * 3])
LAYOUT = {"boxes": BOXES, "labels": torch.tensor([[1, 0, -1], [0, -1, -1]])}


def test_boxes_stand_where_they_are_and_empty_ones_are_left_out() -> None:
    first, second = (np.asarray(page).astype(int) for page in answers.pictures(Draft(layout=LAYOUT), SCHEMA))
    paper, rows, columns = np.array(answers.PAPER), slice(160, 250), slice(20, 236)
    assert (first[:40] == paper).all(), "nothing is placed above"
    inside = first[rows, columns]
    assert (inside == inside[0, 0]).all() and (inside[0, 0] != paper).any(), "the table is one plain colour"
    assert (second[40:60, 40:60] != first[rows, columns][:20, :20]).any(), "another label has another colour"
    said = answers.said(Draft(layout=LAYOUT), SCHEMA)
    assert said == [
        {"boxes": [["table", 0, 0.5, 1, 0.5], ["cup", 0.25, 0.25, 0.5, 0.25]]}, {"boxes": [["cup", 0, 0, 1, 1]]}
    ]  # fmt: skip


def test_labels_of_one_set_are_told_apart_by_colour() -> None:
    names = ("bottle", "cup", "lamp", "plate", "spoon", "table", "vase", "window", "chair", "clock", "book", "shelf")
    whole = [answers.boxes_drawn([(name, 0, 0, 1, 1)], names) for name in names]
    colours = np.array([page.getpixel((0, 128)) for page in whole]).astype(int)
    apart = np.abs(colours[:, None] - colours[None]).sum(axis=2)[~np.eye(len(names), dtype=bool)]
    assert apart.min() > 50, "levels of 255, added over red, green and blue"
    assert (np.asarray(whole[1]) == np.asarray(answers.boxes_drawn([("cup", 0, 0, 1, 1)], names))).all()


def test_a_text_is_readable_on_its_card_and_a_long_one_still_fits() -> None:
    draft = Draft(text=["a red cup", "word " * 400, "", "x" * 500])
    pages = answers.pictures(draft, SCHEMA)
    assert [page.size for page in pages] == [(answers.SIDE, answers.SIDE)] * 4
    few, many, none, wide = ((np.asarray(page).min(axis=2) < 120).sum() for page in pages)
    assert 0 == none < few < many and wide > 0
    frame = np.asarray(pages[1])[:4]
    assert (frame == np.array(answers.PAPER)).all(), "nothing is written beyond the edge"
    assert answers.said(draft, SCHEMA)[0] == {"text": "a red cup"}


def test_pictures_are_shown_as_they_are() -> None:
    draft = Draft(images=torch.zeros(2, 3, 4, 4), layout=LAYOUT)
    assert [page.size for page in answers.pictures(draft, SCHEMA)] == [(4, 4)] * 2
    assert [list(one) for one in answers.said(draft, SCHEMA)] == [["boxes"], ["boxes"]]
    assert answers.said(Draft(images=torch.zeros(2, 3, 4, 4)), SCHEMA) == [{}, {}]


def test_shapes_are_painted_and_a_drawn_layout_is_a_request_as_it_is() -> None:
    masks = torch.zeros(2, 3, 16, 16)
    masks[0, 1, 4:8, 4:8] = 1  # of the cup, whose box is columns 4 to 12, rows 4 to 8
    draft = Draft(layout=LAYOUT | {"masks": masks})
    said, other = answers.said(draft, SCHEMA)
    assert [bool(one) for one in said["masks"]] == [False, True] and other["masks"] == [""]
    request = Layout(tuple(map(tuple, said["boxes"])), masks=tuple(said["masks"]))
    request.check(SCHEMA)
    assert request.read_at(16) == request, "it stays as it is, to the letter"
    asked = asked_things([request], SCHEMA.things, 3, 16)
    assert torch.equal(asked.masks[0, 1] > 0.5, masks[0, 1] > 0.5)
    page, plain = (np.asarray(answers.pictures(one, SCHEMA)[0]).astype(int) for one in (draft, Draft(layout=LAYOUT)))
    painted, open_ = (slice(90, 100), slice(80, 120)), (slice(90, 100), slice(140, 180))
    assert (page[painted] != plain[painted]).any() and (page[open_] == answers.PAPER).all()
    assert (page[200:250] == plain[200:250]).all(), "a box without a shape is filled as before"


def test_numbers_are_as_short_as_they_can_be() -> None:
    layout = {"boxes": torch.tensor([[[0.1, 0.2, 0.3, 0.4]]]), "labels": torch.tensor([[0]])}
    assert answers.said(Draft(layout=layout), SCHEMA) == [{"boxes": [["cup", 0.1, 0.2, 0.3, 0.4]]}]
