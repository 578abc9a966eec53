"""Obj-GAN: every loss worked by hand, what each claim changes, and mistakes of the published code that are absent."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from limner.blocks.layout.maps import planes
from limner.data.dataset import Dataset
from limner.data.schema import Lexicon
from limner.errors import UserError
from limner.evaluation.phrases import share_on_phrases
from limner.requests import Caption
from limner.systems.objgan import ObjGan
from limner.systems.objgan.critics import (
    WITH_TEXT,
    ObjectCritic,
    PatchCritic,
    Seen,
    ShapeCritic,
    object_loss,
    object_wish,
    patch_loss,
    patch_wish,
    relabelled,
    shape_loss,
)
from limner.systems.objgan.painter import CODE, Painted, Z, spread_over
from limner.systems.objgan.words import Said, bags_of, in_words, lexicon, object_attention
from objgans import BAR, CIRCLE, START, batch, emptied, laid, make
from toy import shapes


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("objgan") / "shapes", 32)


def f(s: float) -> float:
    return math.log(1 + math.exp(s))


# Object-driven attention


def said(keys: Tensor, weight: Tensor | None = None) -> Said:
    weight = torch.zeros(keys.shape[:2]) if weight is None else weight
    return Said(torch.zeros(len(keys), 1), torch.zeros(*keys.shape[:2], 1), weight, keys)


def test_the_attention_of_a_label_by_hand() -> None:
    """Cosine, times ten, over words that are there; a label no word of which is known attends to all alike."""
    keys = torch.tensor([[[2.0, 0.0], [0.0, 3.0], [1.0, 1.0], [9.0, 0.0]]])
    weight = torch.tensor([[0.0, 0.0, 0.0, -math.inf]])  # the last one is padding
    labels = torch.tensor([[[5.0, 0.0], [0.0, 0.0]]])
    found = object_attention(said(keys, weight), labels)[0]
    e = [math.exp(10.0), 1.0, math.exp(10 / math.sqrt(2))]
    assert_close(found[0], torch.tensor([*(one / sum(e) for one in e), 0.0]))
    assert_close(found[1], torch.tensor([1 / 3, 1 / 3, 1 / 3, 0.0]))


def test_labels_find_their_own_phrase(data: Dataset) -> None:
    """The first claim: a box asks by its label, and the words of its own phrase answer."""
    system = make(data).eval()
    texts = ["a red circle on black", "a blue bar on white with a red circle"]
    labels = [["red circle", "black"], ["blue bar", "red circle"]]
    found = system.attend(texts, labels)
    assert_close(found.sum(dim=2), torch.ones(2, 2))
    share = share_on_phrases(texts, labels, found)
    assert share.things == 4 and share.attention > 0.8 > 0.5 > share.even


def test_words_of_labels_are_read_as_they_are_spelt(data: Dataset) -> None:
    known = Lexicon(("hat", "blue", "cloth"))
    bags = bags_of(known, ["blue hat", "clothing", "face", "hat"])
    assert bags[:, 2:].tolist() == [[0.5, 0.5, 0.0], [0, 0, 0], [0, 0, 0], [1, 0, 0]]  # clothing is not cloth
    assert not bags[:, :2].any()
    system = make(data)
    assert not system.vectors(torch.tensor([[-1, len(data.schema.things)]])).any()


def test_words_of_descriptions_are_known(data: Dataset) -> None:
    captions = set(data.schema.lexicon.words)
    assert "the" not in captions and {"the", "is"} <= set(lexicon(data.schema).words)
    assert not make(data).unknown_words([Caption("There is a red circle. The ground is black.")])


def hooked(stage: Any) -> list[Tensor]:
    """Return a list to which the joined maps of a stage, (B, 4N, h, h), are added as they come."""
    seen: list[Tensor] = []
    stage.body.register_forward_hook(lambda _, given, out: seen.append(given[0].detach()))
    return seen


@pytest.mark.parametrize("without", ["nothing", "object attention"])
def test_what_words_say_of_a_thing_is_painted_into_its_shape_alone(without: str, data: Dataset) -> None:
    system = make(data, without=without).eval()
    read = batch(data, system)
    masks = torch.zeros(4, 4, 32, 32)
    masks[:, 0, :8, :8] = 1
    things = system.things(torch.tensor([[0, -1, -1, -1]] * 4), masks)
    heard = system.read(read.texts)
    maps = [hooked(stage) for stage in system.painter.stages]
    system.painter(torch.randn(4, Z), torch.randn(4, CODE), heard, things)
    for (joined,), side in zip(maps, (8, 16), strict=True):
        context, label = joined[:, 24:36], joined[:, 36:]
        inside = side // 4
        assert label[..., :inside, :inside].any() and not label[..., inside:, :].any() and not label[..., inside:].any()
        assert bool(context.any()) is (without == "nothing")
        assert not context[..., inside:, :].any() and not context[..., inside:].any()
    assert any("value" in name for name, _ in system.painter.named_parameters()) is (without == "nothing")


def test_shown_attention_is_that_of_things_where_they_stand_and_even_elsewhere() -> None:
    objects = torch.tensor([[[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]]])
    shapes_ = torch.tensor([[[[1.0, 1.0, 0.0]], [[0.0, 1.0, 0.5]]]])
    weight = torch.tensor([[0.0, 0.0, -math.inf]])
    found = spread_over(objects, shapes_, weight)[0, :, 0]
    assert_close(found[:, 0], torch.tensor([0.9, 0.1, 0.0]))
    assert_close(found[:, 1], torch.tensor([0.55, 0.45, 0.0]))
    assert_close(found[:, 2], torch.tensor([0.1 + 0.25, 0.4 + 0.25, 0.0]))


# The losses


class Patches(nn.Module):
    """Scores by hand: alone 1 for real pictures and 3 for drawn ones (all -1); with the text 2 more, mismatched 7."""

    def features(self, x: Tensor) -> Tensor:
        return x

    def judge_alone(self, x: Tensor) -> Tensor:
        return torch.full((len(x), 2), 3.0 if x.min() == x.max() == -1 else 1.0)

    def judge(self, x: Tensor, s: Tensor) -> Tensor:
        if torch.equal(x[:, 0, 0, 0], -s[:, 0]):
            return torch.full((len(x), 2), 7.0)
        return self.judge_alone(x) + 2


def test_the_loss_of_patches_by_hand() -> None:
    real = torch.tensor([0.5, -0.5])[:, None, None, None].expand(-1, 3, 4, 4)
    fake, sentence = -torch.ones(2, 3, 4, 4), torch.tensor([[0.5], [-0.5]])
    d: Any = Patches()
    loss = patch_loss(d, real, fake, sentence, torch.tensor([1, 0])).loss
    wanted = (f(-1) + 0.1 * f(-3)) / 2 + (f(3) + 0.1 * (f(5) + f(7))) / 3
    assert loss.item() == pytest.approx(wanted) and WITH_TEXT == 0.1
    assert patch_wish(d, fake, sentence).item() == pytest.approx(f(-3) + 0.1 * f(-5))


def test_the_loss_of_shapes_by_hand_and_pictures_without_things_have_no_wrong_shape() -> None:
    def d(x: Tensor, heat: Tensor) -> Tensor:
        drawn = (x.flatten(1) == -1).all(dim=1)
        return torch.where(drawn, 3.0, 1.0 + 4 * heat[:, 1].flatten(1).amax(dim=1))[:, None].expand(-1, 2)

    real, fake = torch.zeros(2, 3, 4, 4), -torch.ones(2, 3, 4, 4)
    heat = torch.zeros(2, 2, 4, 4)
    heat[0, 0, :2] = 1  # the second picture shows nothing
    net: Any = d
    loss = shape_loss(net, real, fake, heat, relabelled(heat, 1)).loss
    assert loss.item() == pytest.approx(f(-1) + (f(3) + f(5)) / 2)
    nothing = torch.zeros_like(heat)
    assert shape_loss(net, real, fake, nothing, nothing).loss.item() == pytest.approx(f(-1) + f(3) / 2)


class Objects(nn.Module):
    """Scores by hand: what is drawn (all -1) 3, else 1; with a condition, the condition's number more."""

    def features(self, x: Tensor, heat: Tensor, boxes: Tensor, rows: Tensor) -> Tensor:
        drawn, misshapen = bool((x == -1).all()), bool(heat[:, 1].any())
        return torch.full((len(rows), 1), 3.0 if drawn else 4.0 if misshapen else 1.0)

    def judge_alone(self, x: Tensor) -> Tensor:
        return x[:, 0]

    def judge(self, x: Tensor, y: Tensor) -> Tensor:
        return x[:, 0] + y[:, 0]


@pytest.mark.parametrize("there", [[[1, 0], [1, 1]], [[0, 0], [0, 0]]])
def test_the_loss_of_things_by_hand_and_where_there_are_none(there: list[list[int]]) -> None:
    """Do not copy: of a batch without a thing of a size an undefined variable was read; here each term is 0."""
    heat = torch.zeros(2, 2, 4, 4)
    heat[:, 0] = 1
    condition, other = torch.full((2, 2, 1), 0.5), torch.full((2, 2, 1), -2.0)
    seen = Seen.of(torch.rand(2, 2, 4), torch.tensor(there), heat, condition)
    assert len(seen.rows) == (3 if any(map(any, there)) else 1)
    d: Any = Objects()
    real, fake = torch.zeros(2, 3, 4, 4), -torch.ones(2, 3, 4, 4)
    loss = object_loss(d, real, fake, seen, other, relabelled(heat, 1)).loss
    some = float(any(map(any, there)))
    wanted = (f(-1) + f(-1.5)) / 2 + (f(3) + f(3.5) + f(1 - 2) + f(4.5)) / 4
    assert loss.item() == pytest.approx(some * wanted)
    assert object_wish(d, fake, seen).item() == pytest.approx(some * (f(-3) + f(-3.5)))


@pytest.mark.parametrize("without", ["nothing", "object critic"])
def test_the_painters_loss_has_every_term(without: str, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    system = make(data, without=without, match=5.0)
    monkeypatch.setattr("limner.systems.objgan.patch_wish", lambda d, x, s: torch.tensor(2.0))
    monkeypatch.setattr("limner.systems.objgan.object_wish", lambda d, x, seen: torch.tensor(7.0))
    monkeypatch.setattr("limner.systems.objgan.matching_losses", lambda *_: (torch.tensor(1.5), torch.tensor(0.25)))
    for critic in system.shape.values():
        monkeypatch.setattr(critic, "forward", lambda x, heat: torch.zeros(4, 1))
    read = batch(data, system)
    things = system.things(read.labels, read.masks)
    code = torch.full((4, CODE), 3.0), torch.zeros(4, CODE)  # KL / c is 3^2 / 2
    images = [torch.zeros(4, 3, side, side) for side in (16, 32)]
    painted = Painted(images, code, [], torch.zeros(4, 4, 5), torch.zeros(4, 4, 12))
    seen = system.looked_at(read, things, system.heats(things)[-1], painted.context)
    assert list(seen) == (["small", "large"] if without == "nothing" else [])
    loss, log = system.painter_loss(painted, system.read(read.texts), system.heats(things), seen, torch.eye(4).bool())
    objects = 0.1 * 2 * 7 if without == "nothing" else 0
    assert loss.item() == pytest.approx(2 * (2 + math.log(2)) + objects + 4.5 + 5 * (1.5 + 0.25))
    assert log["divergence"].item() == pytest.approx(4.5)


def players(system: ObjGan, read: Any) -> list[str]:
    moves = list(system.paint(read, START))
    assert all(torch.isfinite(one.loss) for one in moves)
    return [one.player for one in moves]


def test_the_twelve_players_move_in_one_order_whatever_the_data(data: Dataset) -> None:
    """A batch without things moves the same players; the published code left the critic out, or broke off."""
    system = make(data)
    read = batch(data, system)
    order = ["patch 16", "patch 32", "shape 16", "shape 32", "object small", "object large", "painter"]
    assert players(system, read) == players(system, emptied(read)) == order
    names = [name for phase in system.phases() for name in phase.players]
    assert [phase.name for phase in system.phases()] == ["damsm", "boxes", "shapes", "pictures"]
    assert names == ["encoders", "boxes", "instance critic", "global critic", "shapes", *order]
    for step in (system.place, system.cut):
        one, other = list(step(read, START)), list(step(emptied(read), START))
        assert [u.player for u in one] == [u.player for u in other]
        assert all(torch.isfinite(u.loss) for u in [*one, *other])
    assert "object small" not in players(make(data, without="object critic"), read)


def test_critics_do_not_teach_the_painter_in_their_own_moves(data: Dataset) -> None:
    system = make(data)
    *critics, painter = system.paint(batch(data, system), START)
    torch.stack([one.loss for one in critics]).sum().backward()
    assert all(p.grad is None for p in system.painter.parameters())
    painter.loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in system.painter.parameters())


# Defects that are not copied


def critic(**changes: Any) -> ObjectCritic:
    torch.manual_seed(0)
    return ObjectCritic(8, 64, 2, 3, large=False, **changes).eval()


@torch.no_grad()
def test_the_critic_of_things_looks_into_the_box_and_nowhere_else() -> None:
    """Do not copy: scaled by 1/16 once more, every box was read from the top left corner of the map."""
    net, picture, heat = critic(), torch.rand(1, 3, 64, 64), torch.zeros(1, 2, 64, 64)
    boxes, rows = torch.tensor([[[0.7, 0.7, 0.2, 0.2], [0.1, 0.1, 0.2, 0.2]]]), torch.tensor([0, 1])
    before = net.features(picture, heat, boxes, rows)
    for corner, moved in ((slice(0, 24), [False, True]), (slice(44, 64), [True, False])):
        other = picture.clone()
        other[..., corner, corner] = 0
        after = net.features(other, heat, boxes, rows)
        assert [not torch.equal(a, b) for a, b in zip(before, after, strict=True)] == moved


def test_no_box_is_lost_between_small_and_large(data: Dataset) -> None:
    """Do not copy: sides of a quarter to a half of the picture reached neither critic."""
    system = make(data, small=0.25)
    read = batch(data, system)
    sides = torch.tensor([0.1, 0.24, 0.3, 0.9])
    boxes = torch.stack([torch.zeros(4), torch.zeros(4), sides, sides], dim=1).expand(4, -1, -1)
    read = dataclasses.replace(read, boxes=boxes, labels=torch.zeros(4, 4, dtype=torch.long))
    things = system.things(read.labels, read.masks)
    seen = system.looked_at(read, things, system.heats(things)[-1], torch.zeros(4, 4, 12))
    assert sorted([*seen["small"].rows.tolist(), *seen["large"].rows.tolist()]) == list(range(16))
    assert seen["small"].rows.tolist() == [k for k in range(16) if k % 4 < 2]


def test_the_loss_of_labels_is_a_logarithm_and_sides_are_told_their_own_middle(data: Dataset) -> None:
    """Do not copy: -w p in the place of -w log p; and sides given the next x and the previous y."""
    system = make(data)
    read = batch(data, system)
    with torch.no_grad():
        system.boxes.label.weight.zero_()
        system.boxes.label.bias.zero_()
    given: list[Tensor] = []
    system.boxes.sides.register_forward_hook(lambda _, inputs, out: given.append(inputs[0]))
    (update,) = system.place(read, START)
    assert update.log["label"].item() == pytest.approx(math.log(1 + len(data.schema.things)), abs=1e-5)
    middles = read.boxes[..., :2] + read.boxes[..., 2:] / 2
    steps = given[0].shape[1]
    there = (read.labels >= 0)[:, :steps]
    assert_close(given[0][..., -2:][there], middles[:, :steps][there])


def test_a_wrong_label_is_never_the_own(data: Dataset) -> None:
    """Do not copy: conditions were shifted by one thing, which often has the same label."""
    system, count = make(data), len(data.schema.things)
    labels = torch.arange(count)[None]
    own = system.vectors(labels)
    heard = system.say([Caption("a red circle on black")])
    for shift in range(1, count + 1):
        wrong = system.mislabelled(heard, labels, shift)[..., : own.shape[-1]]
        assert (wrong - own).abs().amax(dim=2).min() > 0
        heat = planes(labels, torch.ones(1, count, 2, 2), count) * torch.arange(1, count + 1)[None, :, None, None]
        assert (relabelled(heat, shift) - heat).abs().amax(dim=(2, 3)).min() > 0


def test_a_single_label_has_a_wrong_one_too(data: Dataset) -> None:
    heat = torch.ones(1, 1, 2, 2)
    assert not relabelled(heat, 1).any()
    system = ObjGan(ObjGan.presets["tiny"], dataclasses.replace(data.schema, things=("thing",)))
    read = dataclasses.replace(batch(data, system), labels=torch.tensor([[0, 0, -1, -1]] * 4))
    assert "object large" in players(system, read)


# What is built


def test_sides_and_settings_that_cannot_be_are_refused(data: Dataset) -> None:
    with pytest.raises(UserError, match="two numbers or more"):
        dataclasses.replace(ObjGan.presets["tiny"], residuals=(3,))
    with pytest.raises(UserError, match="32 pixels is drawn in 1 to 2 stages"):
        dataclasses.replace(ObjGan.presets["tiny"], size=32, residuals=(1, 1, 1))
    with pytest.raises(UserError, match="train it on data with a column boxes"):
        ObjGan(ObjGan.presets["tiny"], dataclasses.replace(data.schema, things=()))


@pytest.mark.parametrize("size", [16, 32, 64, 128])
def test_critics_take_every_side(size: int) -> None:
    x, heat = torch.rand(2, 3, size, size), torch.rand(2, 3, size, size)
    patch, shape = PatchCritic(8, size, 6), ShapeCritic(8, size, 3)
    patches = 1 if size < 128 else 9
    assert patch.judge(patch.features(x), torch.rand(2, 6)).shape == shape(x, heat).shape == (2, patches)
    for large in (False, True):
        one = ObjectCritic(8, size, 3, 5, large=large)
        features = one.features(x, heat, torch.rand(2, 4, 4), torch.tensor([1, 6, 7]))
        assert features.shape == (3, 32, 4, 4) and one.judge(features, torch.rand(3, 5)).shape == (3,)


def test_a_layout_without_a_caption_says_its_labels() -> None:
    said_by = in_words([laid(CIRCLE, BAR, caption=""), laid(CIRCLE, caption="a thing")])
    assert said_by == ["red circle, blue bar", "a thing"]


@pytest.mark.slow
def test_the_preset_of_the_paper_is_built_and_stepped_once(tmp_path: Path) -> None:
    data = shapes(tmp_path / "large", 256, count=4, held_out=0)
    system = make(data, "coco", vision="small")  # ImageNet weights are not needed to step
    read = batch(data, system, 2)
    assert [len(stage.body) - 1 for stage in system.painter.stages] == [7, 3, 3]  # type: ignore[arg-type]
    updates = [*system.place(read, START), *system.cut(read, START), *system.paint(read, START)]
    assert [u.player for u in updates][-1] == "painter" and len(updates) == 4 + 3 + 3 + 2 + 1
    for update in updates[-3:]:
        assert torch.isfinite(update.loss)
    updates[-1].loss.backward()
