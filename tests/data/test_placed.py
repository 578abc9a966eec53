"""Boxes, key points and masks are where they belong after a picture was resized and cut."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from limner.data import masks as mask_reader
from limner.data.dataset import Dataset
from limner.data.masked_views import Masked
from limner.data.views import Layouts, Scenes, View, scenes
from limner.errors import UserError
from limner.pictures import decode_mask
from picture_sets import encoded, write_lines

WIDE = (24, 12)
"""Width and height of the pictures: the middle square begins at 6 and is 12 pixels wide."""
BOXES = {"cut away": (0, 0, 5, 6), "at the edge": (3, 3, 6, 6), "in the middle": (9, 2, 4, 8)}
Make = Callable[..., Path]


def drawn(box: tuple[int, ...], size: tuple[int, int] = WIDE) -> np.ndarray:
    """A mask, 255 in the box."""
    left, top, width, height = box
    page = np.zeros((size[1], size[0]), np.uint8)
    page[top : top + height, left : left + width] = 255
    return page


def spot(label: str, x: float, y: float, visible: bool | None = True) -> dict[str, Any]:
    return {"label": label, "x": float(x), "y": float(y), "visible": visible}


@pytest.fixture
def wide(tmp_path: Path) -> Make:
    """Make two pictures of 24 x 12 pixels: one of three things with masks and points, one of which nothing is known."""

    def make(name: str = "wide", **changes: Any) -> Path:
        folder = tmp_path / name
        (folder / "shapes").mkdir(parents=True)
        shapes = {label: drawn(box) for label, box in BOXES.items()}
        for label, shape in shapes.items():
            (folder / "shapes" / f"{label}.png").write_bytes(encoded(Image.fromarray(shape)))
        page = np.maximum.reduce(list(shapes.values()))
        for number in range(2):
            (folder / f"{number}.png").write_bytes(encoded(Image.fromarray(page // (number + 1))))
        points = [
            spot("left eye", 12, 6),
            spot("right eye", 2, 6),
            spot("nose", 9, 3, False),
            spot("chin", 18, 12, None),
        ]
        first: dict[str, Any] = {
            "boxes": [{"label": label, "box": [float(v) for v in box]} for label, box in BOXES.items()],
            "masks": [{"label": label, "mask": f"shapes/{label}.png"} for label in BOXES],
            "keypoints": points,
        }
        lines = [{"file_name": "0.png", "text": "things"} | first | changes, {"file_name": "1.png", "text": "dark"}]
        write_lines(folder, lines)
        return folder

    return make


def opened(folder: Path, size: int = 6, **options: Any) -> Dataset:
    return Dataset.open(folder, size=size, held_out=0, **options)


@pytest.mark.parametrize("size", [3, 12, 40])
def test_boxes_and_points_are_shares_of_the_picture_as_it_was_cut(wide: Make, size: int) -> None:
    """Whatever the size at which the set is read."""
    data = opened(wide(), size)
    names, labels, boxes = data.layouts([0, 1])
    assert [names[k] for k in labels[0]] == ["at the edge", "in the middle"] and labels[1].tolist() == [-1, -1]
    expected = [[0, 3 / 12, 3 / 12, 6 / 12], [3 / 12, 2 / 12, 4 / 12, 8 / 12]]
    assert torch.allclose(boxes[0], torch.tensor(expected)) and not boxes[1].any()
    assert data.boxes(0)[0] == ("at the edge", *expected[0])
    points = data.points([1, 0])
    assert points.dtype == torch.float32 and not points[0].any()
    # in the middle, cut away, not to be seen, on the border
    assert points[1].tolist() == [[0.5, 0.5, 1], [0, 0, 0], [0, 0, 0], [1, 1, 1]]


def test_a_picture_that_is_stored_on_its_side_is_measured_upright(wide: Make, caches: Path) -> None:
    folder = wide()
    lying = Image.open(folder / "0.png").convert("RGB").transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter
    (folder / "0.png").write_bytes(encoded(lying, "JPEG", exif=exif))
    label, *place = opened(folder).boxes(0)[1]
    assert label == "in the middle" and place == pytest.approx([3 / 12, 2 / 12, 4 / 12, 8 / 12])
    (sizes,) = (caches / "sizes").iterdir()
    assert np.fromfile(sizes, "<u4").tolist() == [*WIDE, *WIDE]


def test_masks_are_cut_and_resized_as_their_pictures(wide: Make) -> None:
    data = opened(wide())
    labels, masks = data.masks([0, 1])
    assert [data.schema.masks[k] for k in labels[0]] == list(BOXES) and labels[1].tolist() == [-1] * 3
    for box, mask in zip(BOXES.values(), masks[0].numpy(), strict=True):
        exact = drawn(box)[:, 6:18].reshape(6, 2, 6, 2).mean(axis=(1, 3))  # the share of each pixel that is covered
        assert np.abs(mask - exact).max() <= 1
    assert not masks[1].any()
    # The picture is what all masks show together; it is resized by another filter, which rings a little.
    shown = data.pictures([0])[0, 0].float()
    assert (masks[0].float().sum(dim=0) - shown).abs().max() < 64 < (masks[0].float().sum(dim=0).roll(1) - shown).max()


def test_coverage_stays_coverage_when_a_mask_is_enlarged() -> None:
    small = encoded(Image.fromarray(np.array([[0, 255], [100, 0]], np.uint8)))
    assert decode_mask(small, 4, (2, 2)).tolist() == [[[0, 0, 255, 255]] * 2 + [[100, 100, 0, 0]] * 2]
    deep = encoded(Image.fromarray(np.array([[0, 65535], [0, 0]], np.uint16)))
    assert decode_mask(deep, 2, (2, 2)).tolist() == [[[0, 255], [0, 0]]]


def test_masks_are_decoded_once_and_only_when_a_view_needs_them(
    wide: Make, caches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = wide()
    data = opened(folder)
    data.require(Layouts)
    assert not (caches / "masks").exists()
    seen: list[tuple[int, int]] = []
    data.require(Scenes, lambda done, total: seen.append((done, total)))
    assert seen == [(3, 3)] and len(list((caches / "masks").iterdir())) == 1
    first = data.masks([0])[1]

    def never(*_: Any) -> np.ndarray:
        raise AssertionError("decoded again")

    monkeypatch.setattr(mask_reader, "decode_mask", never)
    assert torch.equal(opened(folder).masks([0])[1], first)
    monkeypatch.undo()
    monkeypatch.setenv("LIMNER_CACHE", str(caches))
    (folder / "shapes" / "at the edge.png").write_bytes(encoded(Image.fromarray(drawn((0, 0, 24, 12)))))
    assert opened(folder).masks([0])[1][0, 1].min() == 255  # a file that was changed is decoded anew


def test_masked_pictures_know_where_nothing_is_known(wide: Make) -> None:
    data = opened(wide())
    batch = Masked.gather(data, [1, 0], np.random.default_rng(0)).to("cpu")
    assert batch.known.tolist() == [False, True] and batch.texts == ("dark", "things")
    assert batch.masks.shape == (2, 1, 6, 6) and batch.masks.max() == 1 and not batch.masks[0].any()
    assert torch.equal(
        batch.masks[1, 0], (data.masks([0])[1][0].float().sum(dim=0) / 255).clamp(max=1)
    )  # all things together
    whole = [{"label": "foreground", "mask": "shapes/at the edge.png"}, {"label": "x", "mask": "shapes/cut away.png"}]
    named = opened(wide("named", masks=whole))
    assert torch.equal(named.foreground([0])[0][0, 0], data.masks([0])[1][0, 1])


def test_scenes_give_each_box_its_own_mask(wide: Make, caches: Path) -> None:
    """Also where an earlier box was cut away, two things have one label, and one has no mask."""
    twins = [{"label": "cup", "box": [float(v) for v in box]} for box in BOXES.values()]
    shapes = [{"label": "cup", "mask": f"shapes/{label}.png"} for label in BOXES]
    table = {"label": "table", "box": [6.0, 6.0, 12.0, 6.0]}
    changes = {"boxes": [*twins, table], "masks": shapes, "description": "two cups on a table"}
    data = opened(wide(**changes))
    batch = Scenes.gather(data, [0, 1], np.random.default_rng(0))
    assert [batch.names[k] for k in batch.labels[0]] == ["cup", "cup", "table"] and batch.labels[1].tolist() == [-1] * 3
    assert batch.shaped.tolist() == [[True, True, False], [False] * 3]
    assert torch.equal(batch.masks[0, :2], data.masks([0])[1][0, 1:] / 255)
    assert batch.masks[0, 2].tolist() == [[0.0] * 6] * 3 + [[1.0] * 6] * 3 and not batch.masks[1].any()
    assert batch.texts == ("two cups on a table", "dark")  # a caption where there is no description
    assert torch.equal(batch.boxes, data.layouts([0, 1])[2])
    few = scenes(2, side=3).gather(data, [0, 1], np.random.default_rng(0))
    assert [few.names[k] for k in few.labels[0]] == ["table", "cup"] and few.masks.shape == (2, 2, 3, 3)
    assert few.shaped[0].tolist() == [False, True] and few.images.shape[-1] == 6
    fresh = opened(wide("fresh", **changes))
    fresh.require(scenes(2, side=3))
    kept = sorted(path.name.rpartition("-")[2] for path in (caches / "masks").iterdir())
    assert kept == ["3", "3", "6"]  # of the fresh set at that side alone


def test_mirror_pairs_follow_from_names(wide: Make) -> None:
    schema = opened(wide()).schema
    assert schema.points == ("left eye", "right eye", "nose", "chin") and schema.mirrored == ((0, 1),)


class Pointed(View):
    """A view that needs key points."""

    needs = frozenset({"keypoints"})


@pytest.mark.parametrize(
    ("view", "changes", "says"),
    [
        (Layouts, {"boxes": [{"label": "hat", "box": [20.0, 0.0, 9.0, 9.0]}]}, "lies outside its picture of 24 x 12"),
        (Layouts, {"boxes": [{"label": "hat", "box": [2.0, 0.0, float("nan"), 9.0]}]}, "what is no number: mend it"),
        (Layouts, {"boxes": [{"label": "hat", "box": [2.0, 0.0, 9.0]}]}, "must be four numbers"),
        (Pointed, {"keypoints": [spot("nose", 30, 3)]}, r"'nose' at \(30, 3\) lies outside its picture of 24 x 12"),
        (Masked, {"masks": [{"label": "hat", "mask": "0.txt"}]}, r"the mask 1 \(hat\) cannot be read: No such file"),
        (Masked, {"masks": [{"label": "hat", "mask": "../0.png"}]}, r"mask 1 \(hat\) lies outside the folder"),
        (Masked, {"masks": [{"label": "hat", "mask": "metadata.jsonl"}]}, r"mask 1 \(hat\) is not a picture"),
    ],
    ids=map(str, range(7)),
)
def test_what_cannot_be_used_is_refused_by_views_that_need_it_or_left_out(
    view: type[View], changes: Any, says: str, wide: Make, caplog: pytest.LogCaptureFixture
) -> None:
    folder = wide(**changes)
    data = opened(folder)
    with pytest.raises(UserError, match=rf"metadata.jsonl:1: .*{says}.*--skip-bad leaves what is wrong out") as caught:
        data.require(view)
    assert "\n" not in str(caught.value)
    data.require(next(other for other in (Layouts, Pointed, Masked) if other is not view))  # others are not held up
    lenient = opened(folder, skip_bad=True)
    with caplog.at_level(logging.WARNING):
        lenient.require(view)
    assert "left out 1 wrong" in caplog.text and lenient.length() == 2
    readers = {Layouts: lambda: lenient.layouts([0])[1] + 1, Pointed: lambda: lenient.points([0]),
               Masked: lambda: lenient.foreground([0])[1]}  # fmt: skip
    nothing = not readers[view]().any()
    assert nothing or "24 x 12" in says  # of a box that sticks out the rest stays


def test_a_mask_of_another_size_is_refused(wide: Make) -> None:
    folder = wide()
    (folder / "shapes" / "at the edge.png").write_bytes(encoded(Image.new("L", (12, 12), 255)))
    with pytest.raises(UserError, match=r"the mask 2 \(at the edge\) has 12 x 12 pixels, and its picture has 24 x 12"):
        opened(folder).require(Masked)
    lenient = opened(folder, skip_bad=True)
    lenient.require(Masked)
    assert lenient.masks([0])[0][0].tolist()[1] == -1 and not lenient.masks([0])[1][0, 1].any()


def test_a_column_that_holds_something_else_is_refused(wide: Make) -> None:
    data = opened(wide(masks=["0.png"]))
    with pytest.raises(UserError, match=r"the column masks of .* must hold such as \[\{\"label\": \"hat\", \"mask\""):
        data.require(Masked)
    with pytest.raises(UserError, match="no column masks, which a mask needs"):
        data.masks([0])
    with pytest.raises(UserError, match="no column keypoints, which a key point needs"):
        opened(wide("bare", keypoints=None)).points([0])
