"""Semantic layouts: losses by hand, stages given or drawn, what comes out with a picture, and what cannot be drawn."""

from __future__ import annotations

import dataclasses
import importlib.util
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from limner import checkpoint, cli
from limner.blocks.layout.asked import asked_things
from limner.data.dataset import Dataset
from limner.data.descriptions import WholePairs
from limner.data.schema import Lexicon, Schema
from limner.data.views import Scenes, scenes
from limner.drawing.artist import load
from limner.errors import UserError
from limner.imaging.answers import layouts
from limner.noise import RowNoise
from limner.requests import Blend, Caption, Layout
from limner.requests import shapes as shapes_of_requests
from limner.system import Clock, Draft
from limner.systems.semantic_layout import Painter, SemanticLayout, mismatched, own_noise, resized
from toy import shapes, shapes_folder

START = Clock(seen=0, total=1, step=0)
TINY = SemanticLayout.presets["tiny"]
CIRCLE, GROUND = ("red circle", 0.25, 0.25, 0.5, 0.5), ("black", 0.0, 0.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("layouts") / "shapes", 16)


def make(data: Dataset, **changes: Any) -> SemanticLayout:
    torch.manual_seed(0)
    return SemanticLayout(dataclasses.replace(TINY, **changes), data.schema).eval()


def batch(data: Dataset, rows: int = 4) -> Scenes:
    return scenes(TINY.most, TINY.mask_size).gather(data, range(rows), np.random.default_rng(0)).to("cpu")


def drafts(system: SemanticLayout, request: Any, seed: Any = 1, **knobs: Any) -> list[Draft]:
    return list(system.sample([request], system.Knobs(**knobs), RowNoise([seed])))


def f(s: float) -> float:
    return math.log(1 + math.exp(s))


class Scores(nn.Module):
    """A critic that knows what it is shown: 1 right, 2 another text, 3 another layout, 4 drawn (all -1)."""

    def __init__(self, right: Tensor, s: Tensor) -> None:
        super().__init__()
        self.right, self.s = right, s

    def features(self, seen: Tensor) -> Tensor:
        return seen

    def judge(self, seen: Tensor, s: Tensor) -> Tensor:
        drawn, text = bool((seen[:, :3] == -1).all()), torch.equal(s, self.s)
        layout = torch.equal(seen[:, 3:], self.right[:, 3:])
        score = 4.0 if drawn else 2.0 if not text else 3.0 if not layout else 1.0
        return torch.full((len(seen),), score)

    def forward(self, seen: Tensor, s: Tensor) -> Tensor:
        return self.judge(seen, s)


def test_both_losses_of_pictures_worked_by_hand(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    system, read = make(data), batch(data)
    s, m = system.read(read.texts).sentence, system.layout(read.labels, read.masks)
    monkeypatch.setattr(system, "critic", Scores(torch.cat([read.images, m], dim=1), s))
    monkeypatch.setattr(system.painter, "forward", lambda layout, s, z: -torch.ones(4, 3, 16, 16))
    monkeypatch.setattr(SemanticLayout, "features", lambda self, images: images)
    critic, painter = system.paint(read, START)
    assert (critic.player, painter.player) == ("critic", "painter")
    assert critic.loss.item() == pytest.approx(f(-1) + f(4) + f(2) / 2 + f(3) / 2)
    alike = float((read.images + 1).square().mean())
    assert painter.loss.item() == pytest.approx(f(-4) + 10 * alike, rel=1e-5)


def test_the_critic_is_asked_afresh_and_each_stage_sees_true_layouts(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, read = make(data), batch(data)
    given: list[Tensor] = []
    system.painter.register_forward_hook(lambda _, inputs, out: given.append(inputs[0]))
    monkeypatch.setattr(system.shapes, "forward", None)  # no stage draws what the next one learns from
    moves = system.paint(read, START)
    first = next(moves).log["drawn"].detach().mean()
    assert torch.equal(given[0], system.layout(read.labels, read.masks))
    with torch.no_grad():
        system.critic.joint[-1].bias.add_(5.0)  # type: ignore[index]  the update that the trainer makes
    second = next(moves).log["fooling"]
    assert second.item() < f(-float(first)) - 0.1
    assert system.boxes.loss(system.read(read.texts), read.labels, read.boxes)[0].item() == pytest.approx(
        next(system.place(read, START)).loss.item()
    )


def test_shapes_play_with_their_weights(data: Dataset) -> None:
    game = make(data, aggregate="sum", perceptual=3.0).game
    assert (game.instance, game.whole, game.perceptual, game.aggregate) == (1.0, 1.0, 3.0, "sum")
    names = [phase.name for phase in make(data).phases()]
    assert names == ["text", "read", "boxes", "shapes", "pictures"]
    assert [update.player for update in make(data).shape(batch(data), START)] == [
        "instance critic", "global critic", "shapes",
    ]  # fmt: skip


def test_another_text_and_another_layout_are_others() -> None:
    assert mismatched(["a", "a", "b"]) == [2, 2, 0] and mismatched(["a", "a"]) == [1, 0]


def test_a_layout_is_a_plane_a_label_and_one_for_all(data: Dataset) -> None:
    system = make(data)
    count = len(data.schema.things)
    masks = torch.zeros(1, 3, 16, 16)
    masks[0, 0, :8], masks[0, 1, 4:], masks[0, 2] = 1.0, 0.5, 1.0
    planes = system.layout(torch.tensor([[2, 2, -1]]), masks)
    assert planes.shape == (1, count + 1, 16, 16)
    assert_close(planes[0, 2, :, 0], torch.tensor([1.0] * 8 + [0.5] * 8))
    assert torch.equal(planes[0, 2], planes[0, count]) and planes.sum() == 2 * planes[0, 2].sum()


@torch.no_grad()
def test_the_painter_follows_the_layout_and_the_sentence_opens_a_gate() -> None:
    torch.manual_seed(0)
    for size in (16, 32, 64):
        one = Painter(3, 8, 4, 8, size).eval()
        m, s, z = torch.zeros(2, 4, 16, 16), torch.randn(2, 8), torch.randn(2, 4)
        m[:, 0, 4:8, 4:8] = m[:, 3, 4:8, 4:8] = 1
        plain = one(m, s, z)
        assert plain.shape == (2, 3, size, size)
        assert not torch.allclose(one(m.roll(4, 3), s, z), plain)
        assert not torch.allclose(one(m, s.roll(1, 0), z), plain)
        gates: list[Tensor] = []
        one.gate.register_forward_hook(lambda _, given, out, gates=gates: gates.append(out))
        one(m, s, z)
        assert gates[0].shape == (2, one.gate.out_features)
    finest = one.colour[0].weight  # at full size it looks at the layout itself
    assert finest.shape[1] == 8 + 4
    assert resized(m, 16) is m and resized(m, 4).shape[-1] == 4 and resized(m, 64).shape[-1] == 64


def test_boxes_that_are_given_are_kept_and_missing_ones_drawn(data: Dataset) -> None:
    system = make(data)
    whole = drafts(system, Layout((CIRCLE, GROUND), "a red circle on black"))[-1]
    assert layouts(whole, system.schema)[0] == [GROUND, CIRCLE]  # from the largest on
    assert set(whole.layout or ()) == {"boxes", "labels", "masks"}
    alone = drafts(system, Layout((CIRCLE,), "a red circle on black"))
    assert layouts(alone[-1], system.schema)[0] == [CIRCLE]
    more = drafts(system, Layout((CIRCLE,), "a red circle on black"), missing=True)
    assert CIRCLE in layouts(more[-1], system.schema)[0] and len(layouts(more[-1], system.schema)[0]) > 1
    quiet = drafts(system, Layout((CIRCLE,)), missing=True)  # nothing says what else there is
    assert layouts(quiet[-1], system.schema)[0] == [CIRCLE]
    assert [draft.note for draft in alone][-2:] == ["shapes", "picture"]
    assert alone[0].images is None and alone[-1].images is not None


def test_masks_lie_in_the_boxes_that_come_with_the_picture(data: Dataset) -> None:
    layout = drafts(make(data), Caption("a red circle on black"), temperature=1.0)[-1].layout
    assert layout is not None
    shown = layout["masks"][0].amax(dim=(1, 2)) > 0
    assert torch.equal(shown, layout["labels"][0] >= 0)


def test_a_shape_that_is_given_is_kept_wherever_its_box_went(data: Dataset) -> None:
    system, shape = make(data), shapes_of_requests.encode(np.eye(32) > 0)
    asked = Layout((CIRCLE, GROUND), "a red circle on black", masks=(shape,))
    last = drafts(system, asked)[-1].layout
    assert last is not None and last["labels"][0, 1] == system.numbers["red circle"]  # the ground is larger: first
    given = asked_things([asked], system.schema.things, TINY.most, TINY.mask_size)
    assert_close(last["masks"][0, 1], given.masks[0, 0])
    free = drafts(system, Layout((CIRCLE, GROUND), "a red circle on black"))[-1].layout
    assert free is not None and not torch.equal(free["masks"][0, 1], last["masks"][0, 1])
    assert torch.equal(free["masks"][0, 0], last["masks"][0, 0])  # that of the ground is drawn as before


def test_noise_stays_with_a_thing_when_another_goes() -> None:
    noise = torch.arange(24.0).view(1, 3, 4, 2)  # three labels, four turns
    before = own_noise(torch.tensor([[2, 0, 2, 1]]), noise)
    after = own_noise(torch.tensor([[2, 2, 1, -1]]), noise)
    assert torch.equal(after[0, :3], before[0, [0, 2, 3]])
    assert not torch.equal(before[0, 0], before[0, 2])


def test_seeds_and_knobs(data: Dataset) -> None:
    system, asked = make(data), Caption("a red circle on black")
    cold = [drafts(system, asked, seed, temperature=0.0)[-1].layout for seed in (1, 2)]
    assert torch.equal(cold[0]["boxes"], cold[1]["boxes"])  # type: ignore[index]
    free = [drafts(system, asked, seed, temperature=1.0)[-1].layout for seed in (1, 2)]
    assert not torch.equal(free[0]["boxes"], free[1]["boxes"])  # type: ignore[index]
    request = Layout((CIRCLE,), "a red circle")
    one, two = (drafts(system, request, seed, spread=0.0)[-1].images for seed in (1, 1))
    assert torch.equal(one, two)  # type: ignore[arg-type]


def test_half_way_between_two_layouts_boxes_are_half_way(data: Dataset) -> None:
    system, other = make(data), ("red circle", 0.0, 0.5, 0.25, 0.25)
    half = Blend(Layout((CIRCLE,), "a red circle"), Layout((other,), "a red circle on black"), 0.5)
    (found,) = layouts(drafts(system, half)[-1], system.schema)
    assert found == [("red circle", 0.125, 0.375, 0.375, 0.375)]


def test_descriptions_are_read_where_there_are_any(data: Dataset, tmp_path: Path) -> None:
    pairs = WholePairs.gather(data, range(3), np.random.default_rng(0))
    assert pairs.texts[0].startswith("There is a") and pairs.captions[0] == (pairs.texts[0],)
    system = make(data)
    assert not system.unknown_words([Caption("There is a red circle")])  # "There" is no word of a caption
    assert system.unknown_words([Caption("a zeppelin")]) == {"zeppelin": None}
    folder = shapes_folder(tmp_path / "plain")
    lines = (folder / "metadata.jsonl").read_text().replace('"description"', '"other"')
    (folder / "metadata.jsonl").write_text(lines)
    plain = Dataset.open(folder, size=16)
    assert WholePairs.gather(plain, [0], np.random.default_rng(0)).captions[0] == plain.captions(0)


def test_pictures_are_compared_by_a_net_at_rest(data: Dataset) -> None:
    system = make(data).requires_grad_(False)
    images = torch.zeros(2, 3, 16, 16, requires_grad=True)
    system.features(images).sum().backward()
    assert images.grad is not None and images.grad.abs().sum() > 0
    assert system.features(images).shape[1] == 32 * 8 * 8 + 64 * 4 * 4


def test_what_cannot_be_drawn_is_said_in_a_line(data: Dataset, tmp_path: Path) -> None:
    checkpoint.save(make(data), tmp_path / "artist", trained={"data": "tests", "images": 16})
    artist = load(tmp_path / "artist")
    box = (0.25, 0.25, 0.5, 0.5)
    for request, said in (
        (Layout((CIRCLE,) * 4), "has 4 boxes, and this artist places 3 at most"),
        (Layout((CIRCLE,) * 200), "200 boxes, and 100 is the limit"),
        (Layout((("red circle", 0.25, 0.25, 7.0, 0.5),)), "lies outside the picture"),
        (Layout((("red circle", -0.25, 0.25, 0.5, 0.5),)), "lies outside the picture"),
        (Layout((("red circle", 0.25, 0.25, 0.0, 0.5),)), "has no size"),
        (Layout((("red circle", 0.25, 0.25, math.inf, 0.5),)), "what is no number"),
        (Layout((("zeppelin", *box),)), "unknown label 'zeppelin'"),
        (Layout((("", *box),)), "the label is empty"),
        (Layout((), "a red circle", (("middle", 0.5, 0.5),)), None),
        (Layout((), "", (("middle", 0.5, 0.5),)), "give it a caption, or some boxes"),
        (Layout(()), "the request has no boxes"),
        (Caption(""), "the prompt is empty"),
    ):
        if said is None:
            assert "key points are not looked at" in " ".join(artist.system.remarks([request]))
            continue
        with pytest.raises(UserError, match=said) as caught:
            artist.draw(request)
        assert "\n" not in str(caught.value)
    overlapping = artist.draw(Layout((CIRCLE, CIRCLE, GROUND)), seed=1)
    assert overlapping


@pytest.mark.parametrize("column", ["boxes", "masks"])
def test_data_without_boxes_or_masks_is_refused_in_a_line(
    column: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shapes_folder(tmp_path / "lacking")
    lines = (folder / "metadata.jsonl").read_text().replace(f'"{column}"', '"other"')
    (folder / "metadata.jsonl").write_text(lines)
    words = ["train", "semantic-layout", "--data", folder, "--preset", "tiny", "--run", tmp_path / "run"]
    assert cli.main([*map(str, words)]) == 2
    error = capsys.readouterr().err
    assert f"column {column}" in error and "Traceback" not in error


def test_a_mask_without_its_box_and_a_box_without_its_mask(tmp_path: Path) -> None:
    """A mask whose label no box has is not looked at; a box without a mask stands filled, and is judged by no one."""
    folder = shapes_folder(tmp_path / "lonely", 16)
    text = (folder / "metadata.jsonl").read_text().splitlines(keepends=True)
    text[0] = text[0].replace('"masks": [{"label": "', '"masks": [{"label": "other ')
    (folder / "metadata.jsonl").write_text("".join(text))
    data = Dataset.open(folder, size=16, held_out=0)
    read = batch(data, 24)
    row = next(k for k in range(24) if not read.shaped[k].any())
    assert_close(read.masks[row, 0], torch.ones(16, 16))  # the ground's box is the largest
    for update in make(data).game.step(read.labels, read.boxes, read.masks, read.shaped):
        assert torch.isfinite(update.loss)


def test_settings_that_cannot_be_are_said() -> None:
    for wrong, said in (({"size": 48}, "size=48"), ({"mask_size": 8}, "size=8"), ({"most": 0}, "1 to 100 boxes")):
        with pytest.raises(UserError, match=said):
            dataclasses.replace(TINY, **wrong)
    with pytest.raises(UserError, match="column boxes"):
        SemanticLayout(TINY, Schema(size=16))


@pytest.mark.slow
def test_the_preset_of_the_papers_scale_is_built_and_stepped() -> None:
    config = SemanticLayout.presets["coco"]
    if importlib.util.find_spec("torchvision") is None:  # then with its own image encoder in the place of VGG
        config = dataclasses.replace(config, vision="small")
    names = tuple(f"thing {k}" for k in range(80))
    system = SemanticLayout(config, Schema(size=128, lexicon=Lexicon(("a", "cat")), things=names))
    boxes = torch.rand(2, config.most, 4) * 0.5 + 0.01
    labels = torch.randint(0, 80, (2, config.most))
    labels[1, 5:] = -1
    masks = torch.rand(2, config.most, config.mask_size, config.mask_size)
    read = Scenes(labels, boxes, names, torch.rand(2, 3, 128, 128) * 2 - 1, ("a cat", "cat"), masks, labels >= 0)
    system.eval()
    for step in (system.place, system.shape, system.paint):
        for update in step(read, START):
            update.loss.backward()
            assert torch.isfinite(update.loss)
    *_, last = system.sample([Caption("a cat")], system.Knobs(), RowNoise([1]))
    assert last.images is not None and last.images.shape == (1, 3, 128, 128)
