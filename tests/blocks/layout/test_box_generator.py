"""The box generator: its loss worked by hand, what it learns, and boxes that are given."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from limner.blocks.latent.mixture import LEAST_DEVIATION
from limner.blocks.layout.box_generator import NOISE, BoxGenerator, box_update, boxes_player, by_area, from_left
from limner.blocks.text.encoders import TextCodes

LABELS, E = 3, 6
CUP, TABLE, LAMP = range(LABELS)
Row = list[tuple[int, float, float, float, float]]


def layouts(*rows: Row, most: int = 5) -> tuple[Tensor, Tensor]:
    labels = torch.tensor([[box[0] for box in row] + [-1] * (most - len(row)) for row in rows])
    boxes = torch.tensor([[box[1:] for box in row] + [(0.0,) * 4] * (most - len(row)) for row in rows])
    return labels, boxes


def sentences(count: int, words: int = 4) -> TextCodes:
    shade = torch.Generator().manual_seed(7)
    codes = torch.randn(count, words, E, generator=shade)
    return TextCodes(torch.randn(count, E, generator=shade), codes, torch.zeros(count, words))


def make(**changes: Any) -> BoxGenerator:
    torch.manual_seed(0)
    return BoxGenerator(LABELS, E, width=32, components=3, **changes)


def silent(one: BoxGenerator) -> BoxGenerator:
    """Give all labels the same chance, and every law one place: the middle of the picture, deviation .1."""
    torch.nn.init.zeros_(one.label.weight)
    torch.nn.init.zeros_(one.label.bias)
    for law in (one.middle, one.sides):
        torch.nn.init.zeros_(law[-1].weight)
        with torch.no_grad():
            law[-1].bias.copy_(torch.tensor([0, 0.5, 0.5, *[math.log(0.1 - LEAST_DEVIATION)] * 2, 0] * 3))
    return one


def test_the_loss_worked_by_hand() -> None:
    one = silent(make())
    labels, boxes = layouts([(CUP, 0.5, 0.4, 0.2, 0.2), (TABLE, 0.2, 0.3, 0.6, 0.4)], [(LAMP, 0.25, 0.25, 0.5, 0.5)])
    update = box_update(one, sentences(2), labels, boxes)
    constant = math.log(2 * math.pi * 0.01)
    # middles: the cup's (.6, .5), the table's (.5, .5), the lamp's (.5, .5); sides less .5: (-.3, -.3), (.1, -.1), 0
    middle = ((0.01 / 0.02 + 0) / 2 + 0) / 2 + constant
    sides = ((0.18 / 0.02 + 0.02 / 0.02) / 2 + 0) / 2 + constant
    assert update.player == "boxes"
    assert update.log["label"].item() == pytest.approx(math.log(4))  # three labels and the end
    assert update.log["middle"].item() == pytest.approx(middle, abs=1e-4)
    assert update.log["sides"].item() == pytest.approx(sides, abs=1e-3)
    assert update.loss.item() == pytest.approx(4 * math.log(4) + middle + sides, abs=1e-3)
    terms = one.terms(sentences(2), labels, boxes)
    assert terms.choices.tolist() == [3, 2] and terms.boxes.tolist() == [2, 1]
    nats = 2 * math.log(4) + 2 * constant
    assert terms.nats[1].item() == pytest.approx(nats, abs=1e-3)


def test_a_layout_that_fills_all_places_is_not_said_to_end() -> None:
    one = silent(make())
    labels, boxes = layouts([(CUP, 0.4, 0.4, 0.2, 0.2)] * 2, most=2)
    assert one.terms(sentences(1), labels, boxes).choices.tolist() == [2]
    empty = layouts([], most=2)
    update = box_update(one, sentences(1), *empty)
    assert update.loss.item() == pytest.approx(4 * math.log(4))


def test_orders() -> None:
    labels, boxes = layouts([(CUP, 0.5, 0.4, 0.1, 0.1), (TABLE, 0.2, 0.3, 0.6, 0.4), (LAMP, 0.1, 0.2, 0.1, 0.3)])
    assert by_area(labels, boxes)[0].tolist() == [[TABLE, LAMP, CUP, -1, -1]]
    assert from_left(labels, boxes)[0].tolist() == [[LAMP, TABLE, CUP, -1, -1]]
    rows = torch.tensor([[2, 0, 1, 3, 4]])
    mixed = labels.gather(1, rows), boxes.gather(1, rows[..., None].expand(-1, -1, 4))
    for order in ("area", "left"):
        one = make(order=order)
        assert_close(one.terms(sentences(1), *mixed).nats, one.terms(sentences(1), labels, boxes).nats)
    assert not torch.allclose(make(order="left").terms(sentences(1), labels, boxes).nats,
                              make(order="area").terms(sentences(1), labels, boxes).nats)  # fmt: skip


@pytest.mark.parametrize("attentive", [False, True])
def test_a_row_costs_and_draws_the_same_alone_and_among_others(attentive: bool) -> None:
    one, text = make(attentive=attentive, hidden=16), sentences(3)
    rows: list[Row] = [[(CUP, 0.5, 0.4, 0.1, 0.1)] * 4, [(TABLE, 0.2, 0.3, 0.6, 0.4)], []]
    labels, boxes = layouts(*rows)
    whole = one.terms(text, labels, boxes).nats
    noise = torch.randn(3, 5, NOISE)
    *_, drawn = one.draw(text, noise, labels[:, :1], boxes[:, :1])
    for row in range(3):
        own = TextCodes(*(part[row : row + 1] for part in text))
        assert_close(one.terms(own, labels[row : row + 1], boxes[row : row + 1]).nats, whole[row : row + 1])
        *_, alone = one.draw(own, noise[row : row + 1], labels[row : row + 1, :1], boxes[row : row + 1, :1])
        assert torch.equal(alone[0][0], drawn[0][row])
        assert_close(alone[1][0], drawn[1][row])


def learnt(one: BoxGenerator, text: TextCodes, labels: Tensor, boxes: Tensor, steps: int = 400) -> BoxGenerator:
    player = boxes_player(one, rate=1e-2)
    optimiser = player.optimiser(one.parameters())
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = 1e-2 * (1 - step / steps)
        optimiser.zero_grad()
        box_update(one, text, labels, boxes).loss.backward()
        torch.nn.utils.clip_grad_norm_(one.parameters(), player.clip or 0)
        optimiser.step()
    return one


TWO: list[Row] = [
    [(TABLE, 0.2, 0.5, 0.6, 0.4), (CUP, 0.3, 0.4, 0.1, 0.1), (CUP, 0.6, 0.4, 0.1, 0.09)],
    [(LAMP, 0.4, 0.0, 0.2, 0.3)],
]


def test_sentences_say_which_boxes_there_are_and_where() -> None:
    labels, boxes = layouts(*TWO)
    text = sentences(2)
    one = learnt(make(hidden=32), text, labels, boxes)
    *_, (found, places) = one.draw(text, torch.zeros(2, 5, NOISE), labels[:, :0], boxes[:, :0], temperature=0)
    assert torch.equal(found, labels)
    assert_close(places, boxes, atol=0.03, rtol=0)
    assert not places[labels < 0].any()


def test_sides_are_drawn_given_middles() -> None:
    """Wide on the left, narrow on the right: what a law without the middle cannot say."""
    left: Row = [(CUP, 0.0, 0.4, 0.4, 0.2)]
    right: Row = [(CUP, 0.75, 0.4, 0.1, 0.2)]
    labels, boxes = layouts(*[left, right] * 8)
    text = TextCodes(*(part[:1].expand(16, *part.shape[1:]) for part in sentences(1)))
    one = learnt(make(hidden=32), text, labels, boxes)
    *_, (found, places) = one.draw(text, torch.randn(16, 5, NOISE), labels[:, :0], boxes[:, :0])
    middle, width = (places[:, 0, 0] + places[:, 0, 2] / 2)[found[:, 0] == CUP], places[:, 0, 2][found[:, 0] == CUP]
    assert (middle < 0.5).any() and (middle > 0.5).any()
    assert width[middle < 0.5].min() > 0.25 > width[middle > 0.5].max()


def test_a_box_that_is_given_stays_and_takes_the_turn_of_its_label() -> None:
    labels, boxes = layouts(*TWO)
    text = sentences(2)
    one = learnt(make(hidden=32), text, labels, boxes)
    given = layouts([(CUP, 0.01, 0.02, 0.05, 0.06)], [(TABLE, 0.1, 0.1, 0.5, 0.5), (CUP, 0.3, 0.3, 0.1, 0.1)], most=2)
    *_, (found, places) = one.draw(text, torch.zeros(2, 5, NOISE), *given, temperature=0)
    assert sorted(found[0].tolist()) == [-1, -1, CUP, CUP, TABLE]  # as many cups as the text says, not one more
    kept = places[0][found[0] == CUP]
    assert any(torch.equal(place, given[1][0, 0]) for place in kept)
    assert set(found[1].tolist()) == {-1, LAMP, TABLE, CUP}  # what the text does not name is there, too
    assert all(any(torch.equal(place, box) for place in places[1]) for box in given[1][1])
    *_, (found, places) = one.draw(text, torch.zeros(2, 5, NOISE), *given, temperature=0, missing=False)
    assert found.tolist() == [[CUP, -1, -1, -1, -1], [TABLE, CUP, -1, -1, -1]]
    assert torch.equal(places[1, :2], given[1][1])
    none = torch.full((2, 1), -1), torch.zeros(2, 1, 4)
    *_, (found, _) = one.draw(text, torch.zeros(2, 5, NOISE), *none, temperature=0, missing=False)
    assert torch.equal(found, labels)  # where nothing is given all is drawn


def test_all_that_is_given_finds_its_place_and_what_is_drawn_lies_in_the_picture() -> None:
    one, text = make(), sentences(1)
    given = layouts([(LAMP, 0.1 * k, 0.1, 0.1, 0.1) for k in range(5)])
    *_, (found, places) = one.draw(text, torch.randn(1, 5, NOISE), *given)
    assert found.tolist() == [[LAMP] * 5]
    assert_close(places[0].sort(dim=0).values, given[1][0].sort(dim=0).values)
    for seed in range(20):
        noise = 3 * torch.randn(4, 5, NOISE, generator=torch.Generator().manual_seed(seed))
        *_, (found, places) = one.draw(
            sentences(4), noise, given[0][:, :0].expand(4, 0), given[1][:, :0].expand(4, 0, 4)
        )
        ends = places[..., :2] + places[..., 2:]
        assert places.min() >= 0 and ends.max() <= 1 + 1e-5 and (places[found >= 0][:, 2:] > 0).all()


def test_an_attentive_one_looks_at_words_and_a_plain_one_does_not() -> None:
    labels, boxes = layouts(*TWO)
    text = sentences(2)
    other = text._replace(words=text.words.roll(1, 1) * 2)
    plain, attentive = make(), make(attentive=True)
    assert torch.equal(plain.terms(text, labels, boxes).nats, plain.terms(other, labels, boxes).nats)
    assert not torch.allclose(attentive.terms(text, labels, boxes).nats, attentive.terms(other, labels, boxes).nats)
    masked = text._replace(weight=torch.tensor([[0, -torch.inf, 0, 0]] * 2))
    before = torch.zeros(2, LABELS + 1 + 4)
    _, attention = attentive.step(before, attentive.begin(masked), masked)
    assert attention is not None and not attention[:, 1].any()
    assert_close(attention.sum(dim=1), torch.ones(2))
    assert plain.step(before, plain.begin(text), text)[1] is None
