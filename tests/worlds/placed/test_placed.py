"""The placed world: the people of the avatars world somewhere else, and all that is known of them there, too."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("python_avatars")
pytest.importorskip("resvg_py")
pytest.importorskip("pyarrow")

import pyarrow.parquet as pq

from limner import cli
from limner.data.check import check
from limner.data.dataset import Dataset
from limner.errors import UserError
from limner.metrics import iou
from limner.worlds import avatars, layouts, placed
from limner.worlds.build import RECORD, Job

SIZE = 64


def pixels(cell: dict[str, Any]) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(cell["bytes"])))


def tight(mask: np.ndarray) -> tuple[float, float, float, float]:
    """Return the box of the pixels of a mask of which half is covered."""
    rows, columns = (np.flatnonzero((mask > 127).any(axis)) for axis in (1, 0))
    return columns[0], rows[0], columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0]


def test_people_and_captions_are_those_of_avatars_and_the_same_each_time() -> None:
    for index in range(20):
        mine, theirs = placed.row(3, index, SIZE), avatars.row(3, index, SIZE)
        assert all(mine[column] == theirs[column] for column in ("text", "said", "attributes", "index"))
    assert placed.row(3, 7, SIZE) == placed.row(3, 7, SIZE) != placed.row(4, 7, SIZE)


def test_places_are_free_and_inside() -> None:
    places = [placed.place(0, index, 100) for index in range(400)]
    sides = np.array([where.side for where in places])
    assert sides.min() >= 45 and sides.max() <= 90 and sides.std() > 10
    assert all(min(where[:2]) >= 0 and max(where[:2]) + where.side <= 100 for where in places)
    free = np.array([(where.left, where.top) for where in places]) / (100 - sides[:, None])
    assert (free.min(0) < 0.05).all() and (free.max(0) > 0.95).all()
    assert abs(np.corrcoef([*free.T, sides])[np.triu_indices(3, 1)]).max() < 0.15  # none tells of another


def test_eyes_move_as_they_never_do_in_avatars() -> None:
    def eyes(world: Any) -> np.ndarray:
        rows = [world.row(0, index, SIZE)["keypoints"][0] for index in range(60)]
        return np.std([(point["x"], point["y"]) for point in rows], axis=0)

    assert eyes(avatars).max() < 1e-9 and eyes(placed).min() > 5


def test_boxes_masks_and_points_are_where_the_person_is_drawn() -> None:
    for index in range(25):
        row = placed.row(1, index, SIZE)
        picture = pixels(row["image"])
        masks = {one["label"]: pixels(one["mask"]) for one in row["masks"]}
        boxes = {one["label"]: one["box"] for one in row["boxes"]}
        ground = picture[0, 0] if masks["foreground"][0, 0] == 0 else picture[0, -1]
        stands = np.abs(picture.astype(int) - ground).max(axis=2) > 0
        assert not (stands & (masks["foreground"] == 0)).any()  # nothing is drawn where the mask is empty
        assert next(iter(boxes)) == "person" and boxes["person"] == list(tight(masks["foreground"]))
        assert set(masks) == {"foreground", *boxes} and (masks["person"] == masks["foreground"]).all()
        for label in ("face", "clothing", "hair", "hat", "glasses"):
            if label in boxes:
                assert iou(boxes[label], tight(masks[label])) > 0.75, (index, label)
        where = placed.place(1, index, SIZE)
        alone = {one["label"]: one for one in avatars.row(1, index, where.side)["keypoints"]}
        for point in row["keypoints"]:
            assert point["x"] == alone[point["label"]]["x"] + where.left
            assert point["y"] == alone[point["label"]]["y"] + where.top


def test_same_bytes_whatever_the_workers_and_clean(tmp_path: Path) -> None:
    for workers in (1, 2):
        placed.build(tmp_path / str(workers), images=60, size=32, seed=5, workers=workers)
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in "12")
    assert one == two
    assert not [problem for problem in check(tmp_path / "1", cache=tmp_path / "cache") if problem.is_error]
    data = Dataset.open(tmp_path / "1", size=32, cache=tmp_path / "cache")
    labels, _, _, shaped = data.scenes(range(8))
    assert shaped[labels >= 0].all()  # each box has a mask of its own
    assert data.schema.points == ("left eye", "right eye", "nose", "mouth", "chin")
    assert data.schema.mirrored == ((0, 1),)


def test_masks_of_parts_change_nothing_else_of_avatars(tmp_path: Path) -> None:
    for index in range(10):
        plain, more = avatars.row(2, index, 32), avatars.row(2, index, 32, part_masks=True)
        assert [one["label"] for one in more["masks"]][1:] == [one["label"] for one in more["boxes"]]
        assert more.pop("masks")[:1] == plain.pop("masks") and more == plain
    avatars.build(tmp_path / "plain", images=4, size=16, workers=1)
    avatars.build(tmp_path / "parts", images=4, size=16, part_masks=True, workers=1)
    records = [json.loads((tmp_path / name / RECORD).read_text()) for name in ("plain", "parts")]
    assert "part_masks" not in records[0] and records[1].pop("part_masks") and records[0] == records[1]
    with pytest.raises(UserError, match="holds another build"):
        avatars.build(tmp_path / "parts", images=4, size=16, workers=1)
    first = pq.read_table(tmp_path / "parts" / "test-00000-of-00001.parquet").to_pylist()[0]
    assert len(first["masks"]) == 1 + len(first["boxes"])


def test_a_world_without_masks_of_parts_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="drop --part-masks"):
        Job(layouts.NAME, 1, 4, 16, 0, part_masks=True)
    assert cli.main(["data", "build", "placed", "--part-masks", "-o", str(tmp_path / "x")]) == 2
    assert "--part-masks is for avatars" in capsys.readouterr().err
