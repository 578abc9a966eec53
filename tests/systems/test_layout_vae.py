"""LayoutVAE: its losses on numbers worked by hand, what it is asked for, and the paper's claims in the small."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter

import pytest
import torch

from limner import checkpoint
from limner.blocks.layout.boxes import in_order, inside
from limner.data.schema import Schema
from limner.data.views import Layouts
from limner.drawing.artist import load
from limner.errors import UserError
from limner.noise import RowNoise
from limner.requests import Blend, LabelSet, Layout
from limner.system import Clock
from limner.systems.layout_vae import LayoutVAE, LayoutVAEConfig

NAMES = ("cup", "table", "lamp")
TINY = LayoutVAE.presets["tiny"]


def system(**changes: object) -> LayoutVAE:
    torch.manual_seed(0)
    return LayoutVAE(dataclasses.replace(TINY, **changes), Schema(size=16, things=NAMES)).eval()


def batch(*rows: list[tuple[str, float, float, float, float]]) -> Layouts:
    most = max(map(len, rows))
    labels = [[NAMES.index(box[0]) for box in row] + [-1] * (most - len(row)) for row in rows]
    boxes = [[box[1:] for box in row] + [(0.0,) * 4] * (most - len(row)) for row in rows]
    return Layouts(torch.tensor(labels), torch.tensor(boxes), NAMES)


def learn(one: LayoutVAE, made: Layouts, steps: int, rate: float = 5e-3) -> None:
    """Take steps of both phases on one batch."""
    one.train()
    for phase in one.phases():
        optimiser = torch.optim.Adam([p for p in next(iter(phase.players.values())).modules[0].parameters()], lr=rate)
        for step in range(steps):
            for update in phase.step(made, Clock(step, steps, step)):
                optimiser.zero_grad()
                update.loss.backward()
                optimiser.step()
    one.eval()


def silent(one: LayoutVAE) -> LayoutVAE:
    """Make every output of every net 0."""
    for part in (one.counts.step, one.boxes.step):
        for net in (part.decode, part.posterior, part.prior):
            torch.nn.init.zeros_(net[-1].weight)
            torch.nn.init.zeros_(net[-1].bias)
    return one


def test_both_losses_worked_by_hand() -> None:
    one = silent(system())
    made = batch([("cup", 0.1, 0.0, 0.05, 0.05), ("cup", 0.2, 0, 0, 0), ("cup", 0.3, 0, 0, 0), ("lamp", 0, 0, 0, 0)])
    (counted,) = one.count_step(made, Clock(1, 1, 0))
    # rate 1: 3 cups are x = 2 with log(e^-1 / 2!), 1 lamp is x = 0 with log e^-1; KL is 0
    assert float(counted.loss) == pytest.approx(1 + math.log(2) + 1)
    (placed,) = one.box_step(made, Clock(1, 1, 0))
    squares = 0.1**2 + 2 * 0.05**2 + 0.2**2 + 0.3**2
    constant = 16 * (math.log(0.05) + math.log(2 * math.pi) / 2)
    assert float(placed.loss) == pytest.approx(squares / (2 * 0.05**2) + constant, rel=1e-5)
    assert float(placed.log["kl"]) == 0
    torch.nn.init.constant_(one.boxes.step.posterior[-1].bias[:4], 1.0)  # its mean is 1: KL is 4 / 2 a box
    (placed,) = one.box_step(made, Clock(1, 1, 0))
    assert float(placed.log["kl"]) == pytest.approx(8.0)
    (warm,) = one.box_step(made, Clock(1, 20, 0))  # half of the warm-up of .1
    assert float(warm.loss - warm.log["nll"]) == pytest.approx(4.0)


def test_the_likelihood_is_exact_without_latent_and_bounded_with_it() -> None:
    made = batch([("cup", 0.1, 0.0, 0.05, 0.05), ("lamp", 0.2, 0.1, 0.3, 0.2)])
    plain = silent(system(latent=False))
    counts, boxes = plain.layout_log_likelihood(made.labels, made.boxes, 3, RowNoise([1]))
    (placed,) = plain.box_step(made, Clock(1, 1, 0))
    assert float(counts) == pytest.approx(-2.0) and float(-boxes) == pytest.approx(float(placed.loss), rel=1e-5)
    full = system()
    (bound,) = full.box_step(made, Clock(1, 1, 0))
    _, few = full.layout_log_likelihood(made.labels, made.boxes, 2, RowNoise([1]))
    _, many = full.layout_log_likelihood(made.labels, made.boxes, 2000, RowNoise([1]))
    assert float(many) >= float(few) - 0.5 and float(many) >= -float(bound.loss) - 1.0
    again = full.layout_log_likelihood(made.labels, made.boxes, 2, RowNoise([1]))[1]
    assert torch.equal(few, again)


def test_boxes_come_by_label_and_from_left_to_right_and_padding_changes_nothing() -> None:
    made = batch([("lamp", 0.1, 0, 0.1, 0.1), ("cup", 0.6, 0, 0.1, 0.1), ("cup", 0.2, 0, 0.1, 0.1)])
    labels, boxes = in_order(made.labels, made.boxes)
    assert labels.tolist() == [[0, 0, 2]] and boxes[0, :, 0].tolist() == pytest.approx([0.2, 0.6, 0.1])
    one = system()
    padded = batch(
        [("lamp", 0.1, 0, 0.1, 0.1), ("cup", 0.6, 0, 0.1, 0.1), ("cup", 0.2, 0, 0.1, 0.1)], [("cup", 0, 0, 1, 1)] * 5
    )
    own = one.read(made.labels, made.boxes, NAMES)
    wide = one.read(padded.labels, padded.boxes, NAMES)
    assert torch.equal(own[0][0], wide[0][0]) and wide[1][0, 3:].sum() == 0
    for part in (one.counts.terms, one.boxes.terms):
        assert part(*(own if part == one.boxes.terms else own[:1])).kl.shape[0] == 1
    terms = one.boxes.terms(*wide)
    assert (terms.nll[0, 3:] == 0).all() and (terms.kl[0, 3:] == 0).all()
    other = dataclasses.replace(made, names=("cup", "table", "dog"))  # numbers of other data
    assert one.read(other.labels, other.boxes, other.names)[0].tolist() == [[2, 0, 0]]
    assert inside(torch.tensor([[0.9, -0.2, 0.3, 2.0]]))[0].tolist() == pytest.approx([0.7, 0.0, 0.3, 1.0])


def drawn(one: LayoutVAE, request: object, seed: int = 1, **knobs: bool) -> list[tuple[str, tuple[float, ...]]]:
    *_, last = one.sample([request], one.Knobs(**knobs), RowNoise([seed]))
    pairs = zip(last.layout["labels"][0].tolist(), last.layout["boxes"][0].tolist(), strict=True)
    return [(NAMES[label], tuple(box)) for label, box in pairs if label >= 0]


def test_repeated_labels_are_counts_and_a_set_draws_them() -> None:
    one = system()
    fixed = LabelSet(("cup", "cup", "table"))
    assert Counter(label for label, _ in drawn(one, fixed)) == {"cup": 2, "table": 1}
    plain = LabelSet(("cup", "table"))
    sizes = {len(drawn(one, plain, seed)) for seed in range(12)}
    assert len(sizes) > 1 and max(sizes) <= TINY.most
    assert Counter(label for label, _ in drawn(one, plain, exact=True)) == {"cup": 1, "table": 1}
    assert drawn(one, plain, 1, likely=True) == drawn(one, plain, 2, likely=True)
    notes = [draft.note for draft in one.sample([fixed], one.Knobs(), RowNoise([1]))]
    assert notes == ["2 cup, 1 table", "", "", ""]
    assert all(x >= 0 and x + w <= 1.0001 and y >= 0 and y + h <= 1.0001 for _, (x, y, w, h) in drawn(one, fixed))


def test_boxes_that_are_given_stay_and_the_caption_adds_labels() -> None:
    one, cup, other = system(), ("cup", 0.5, 0.5, 0.1, 0.2), ("cup", 0.1, 0.5, 0.1, 0.2)
    assert drawn(one, Layout((cup, other))) == [("cup", pytest.approx(other[1:])), ("cup", pytest.approx(cup[1:]))]
    more = drawn(one, Layout((cup,), "2 lamps"))
    assert more[0] == ("cup", pytest.approx(cup[1:])) and [label for label, _ in more] == ["cup", "lamp", "lamp"]
    moved = drawn(one, Layout((other,), "2 lamps"))
    assert moved[1] != more[1]  # what is drawn depends on what is given
    half = Blend(Layout((cup,)), Layout((other,)), 0.5)
    assert drawn(one, half) == [("cup", pytest.approx((0.3, 0.5, 0.1, 0.2)))]


def test_what_cannot_be_drawn_is_said_in_a_line(tmp_path) -> None:
    checkpoint.save(system(), tmp_path / "artist", trained={"data": "tests", "images": 16})
    artist = load(tmp_path / "artist")
    cup = ("cup", 0.5, 0.5, 0.1, 0.2)
    for request, said in (
        (LabelSet(("cpu",)), "unknown label 'cpu': did you mean 'cup'"),
        (LabelSet(("cup",) * 9), "asks for 9 boxes, and this artist places 8 at most"),
        (LabelSet(("cup",) * 201), "201 labels, and 200 is the limit"),
        (Layout((cup,) * 200), "200 boxes, and 100 is the limit"),
        (Layout((("cup", 0.5, 0.5, 0.6, 0.2),)), "lies outside the picture"),
        (Layout((("cup", math.nan, 0.5, 0.6, 0.2),)), "what is no number"),
        (Layout((("mug", 0, 0, 1, 1),)), "unknown label 'mug'"),
        (Layout((cup,), "a red cup on a table"), "the caption of a layout names labels to add"),
    ):
        with pytest.raises(UserError, match=said) as caught:
            artist.draw(request)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="column boxes"):
        LayoutVAE(TINY, Schema(size=16))


def two_sided(count: int = 64) -> Layouts:
    """A cup lies left or right, a lamp above it: bimodal, and a relation."""
    left = [[("cup", 0.1, 0.7, 0.1, 0.1), ("lamp", 0.1, 0.1, 0.1, 0.2)]]
    right = [[("cup", 0.8, 0.7, 0.1, 0.1), ("lamp", 0.8, 0.1, 0.1, 0.2)]]
    return batch(*(left + right) * (count // 2))


@pytest.mark.slow
def test_a_latent_variable_finds_two_sides_and_boxes_look_at_those_before() -> None:
    made, likelihood = two_sided(), {}
    for name, changes in (("latent", {}), ("none", {"latent": False}), ("bag", {"condition": "label"})):
        one = system(**changes)
        learn(one, made, 500)
        likelihood[name] = float(one.layout_log_likelihood(made.labels, made.boxes, 50, RowNoise(range(64)))[1].mean())
        if name == "latent":
            pairs = [dict(drawn(one, LabelSet(("cup", "lamp")), seed, exact=True)) for seed in range(24)]
            sides = [pair["cup"][0] for pair in pairs]
            near = [abs(pair["cup"][0] - pair["lamp"][0]) < 0.25 for pair in pairs]
            between = sum(0.25 < side < 0.65 for side in sides)
    assert likelihood["latent"] > likelihood["none"] + 5
    assert likelihood["latent"] > likelihood["bag"]  # it knows where the lamp is
    assert between <= 4 and min(sides) < 0.25 and max(sides) > 0.65 and sum(near) >= 20


def test_the_prior_is_learned_or_standard() -> None:
    c = torch.randn(3, TINY.width)
    standard, learned = (system(prior=prior).boxes.step.p(c) for prior in ("standard", "learned"))
    assert not standard.mean.any() and not standard.log_variance.any()
    assert learned.mean.std() > 0
    assert isinstance(LayoutVAE.presets["bag"], LayoutVAEConfig) and not LayoutVAE.presets["bag"].latent
