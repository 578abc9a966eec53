"""Pictures and captions wherever people keep them, and a summary of what was not read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

from brought import captions, chunk, folder_of, grey, lines, numbered
from limner.cli import app
from limner.data.check import check, examine
from limner.data.choose import Choice
from limner.data.dataset import Dataset
from limner.errors import UserError
from limner.pictures import BadPicture, decode, size_of
from picture_sets import encoded, picture


@pytest.mark.parametrize("name", ["{}.caption", "{}.TXT", "{}.png.txt", "{}.Captions"])
def test_captions_beside_pictures(name: str, tmp_path: Path) -> None:
    path = folder_of(tmp_path / "set", numbered(3))
    for k in range(3):
        (path / name.format(k)).write_text(f"a ball {k}\n")
    assert captions(path) == [(f"a ball {k}",) for k in range(3)]
    assert examine(path)[1].passed_over == {}


@pytest.mark.parametrize(
    ("columns", "source"),
    [
        ({"prompt": "a"}, ("prompt",)),
        ({"title": "a"}, ("title",)),
        ({"Caption": "a", "title": "no"}, ("Caption",)),
        ({"caption_1": "b", "caption_0": "a", "prompt": "no"}, ("caption_0", "caption_1")),
        ({"comment_number": "3", "sentences": ["a", "b"]}, ("sentences",)),
    ],
)
def test_captions_by_the_names_of_columns(columns: dict[str, Any], source: tuple[str, ...], tmp_path: Path) -> None:
    path = folder_of(tmp_path / "set", numbered(2))
    lines(path, [{"file_name": f"{k}.png", **columns} for k in range(2)])
    wanted = ("a", "b") if len(source) > 1 or "sentences" in source else ("a",)
    assert captions(path) == [wanted] * 2
    assert Dataset.open(path, size=8).summary().text == source
    table = {"image": [encoded(picture(k)) for k in range(2)]} | {name: [cell] * 2 for name, cell in columns.items()}
    pq.write_table(pa.table(table), tmp_path / "set.parquet")
    assert captions(tmp_path / "set.parquet") == [wanted] * 2


def test_captions_of_numbered_columns_may_be_missing_and_the_column_split_agrees(tmp_path: Path) -> None:
    names = [*numbered(3, "train/"), *numbered(2, "dev/"), *numbered(2, "test/")]
    path = folder_of(tmp_path / "set", names, **{"missing_image_rows_dot_csv": "file_name\n", "README_dot_md": "x"})
    for split, count in (("train", 3), ("dev", 2), ("test", 2)):
        rows = [f'{k}.png,{split},"a child , smiling .",two dogs,\n' for k in range(count)]
        (path / split / "metadata.csv").write_text("file_name,split,caption_0,caption_1,caption_2\n" + "".join(rows))
    summary = examine(path)[1]
    assert summary.rows == {"train": 3, "test": 2, "validation": 2} and summary.passed_over == {".csv": 1}
    assert captions(path) == [("a child , smiling .", "two dogs")] * 5


def test_columns_are_chosen_where_their_names_do_not_tell(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "set", numbered(2))
    lines(path, [{"pic": f"{k}.png", "says": f"a hat {k}", "id": k} for k in range(2)])
    with pytest.raises(UserError, match="no column file_name; its columns are: pic, says, id"):
        Dataset.open(path, size=8)
    assert captions(path, choice=Choice("pic", ("says",))) == [("a hat 0",), ("a hat 1",)]
    with pytest.raises(UserError, match=r"--text-column nope: .* has no such column; it has: "):
        Dataset.open(path, size=8, choice=Choice("pic", ("nope",)))
    run = CliRunner().invoke(
        app, ["data", "check", str(path), "--image-column", "pic", "--text-column", "says", "--json"]
    )
    told = [json.loads(line) for line in run.output.splitlines()]
    assert run.exit_code == 0 and told[-1]["kind"] == "summary"
    assert told[-1]["summary"]["text"] == ["says"] and told[-1]["summary"]["ignored"] == ["id"]


def test_without_captions_the_columns_that_are_there_are_named(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "set", numbered(2))
    lines(path, [{"file_name": f"{k}.png", "explanation": f"a hat {k}"} for k in range(2)])
    (problem,) = check(path)
    assert problem.message.endswith("its columns are: explanation: name one with --text-column")


def test_pictures_that_cannot_be_read_and_files_that_nothing_reads_are_counted(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "set", ["4.JPG", "5.JPG"], **{"9_dot_json": "{}", ".hidden": "x"})
    for k in range(4):
        (path / f"{k}.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    for k in range(6):
        (path / f"{k}.txt").write_text(f"a ball {k}\n")
    problems, summary = examine(path)
    assert summary.rows == {"train": 2} and summary.passed_over == {".heic": 4, ".txt": 4, ".json": 1}
    assert {one.kind for one in problems} == {"passed over"} and not any(one.is_error for one in problems)
    assert "4 files end in .heic, this one first: convert them" in problems[0].message
    assert "files passed over: 4 .heic, 4 .txt, 1 .json" in summary.lines()


@pytest.mark.parametrize("suffix", [".jfif", ".pbm", ".jp2", ".apng"])
def test_every_suffix_of_a_format_that_is_read_counts(suffix: str, tmp_path: Path) -> None:
    kinds = {".jfif": "JPEG", ".pbm": "PPM", ".jp2": "JPEG2000", ".apng": "PNG"}
    (tmp_path / "set").mkdir()
    picture(1).convert("1" if suffix == ".pbm" else "RGB").save(tmp_path / "set" / f"1{suffix}", kinds[suffix])
    assert Dataset.open(tmp_path / "set", size=8, held_out=0).length() == 1


def test_a_linked_folder_is_named_and_links_inside_are_not_read_twice(tmp_path: Path) -> None:
    folder_of(tmp_path / "elsewhere", numbered(2))
    path = folder_of(tmp_path / "set", ["a/0.png"])
    os.symlink(path / "a", path / "again")
    assert [one for one in check(path) if one.is_error and one.kind != "missing caption"] == []
    os.symlink(tmp_path / "elsewhere", path / "more")
    assert "more: is a link to a folder outside" in str(next(one for one in check(path) if one.kind == "outside"))
    with pytest.raises(UserError, match="is a link to a folder outside"):
        Dataset.open(path, size=8)


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_metadata_may_be_a_folder_of_parts(kind: str, tmp_path: Path) -> None:
    path = folder_of(tmp_path / "set", numbered(4))
    (path / f"metadata.{kind}").mkdir()
    for part in range(2):
        file = path / f"metadata.{kind}" / f"part-0000{part}.{kind}"
        rows = [{"file_name": f"{k}.png", "text": f"a hat {k}"} for k in range(2 * part, 2 * part + 2)]
        if kind == "parquet":
            pq.write_table(pa.Table.from_pylist(rows), file)
        elif kind == "csv":
            file.write_text("file_name,text\n" + "".join(f"{row['file_name']},{row['text']}\n" for row in rows))
        else:
            file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert captions(path) == [(f"a hat {k}",) for k in range(4)] and examine(path)[1].passed_over == {}


def test_tables_beside_pictures_are_not_the_set(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "set", numbered(3))
    for k in range(3):
        (path / f"{k}.txt").write_text(f"a ball {k}\n")
    pq.write_table(pa.table({"key": ["0"], "caption": ["a ball 0"]}), path / "00000.parquet")  # as img2dataset has it
    assert captions(path) == [(f"a ball {k}",) for k in range(3)]
    assert examine(path)[1].passed_over == {".parquet": 1}
    pq.write_table(pa.table({"image": [encoded(picture(9))], "caption": ["nine"]}), path / "00000.parquet")
    assert captions(path) == [("nine",)] and examine(path)[1].passed_over == {".png": 3, ".txt": 3}


def test_archives_and_snapshots_of_the_hub(tmp_path: Path) -> None:
    (tmp_path / "birds.zip").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"birds.zip cannot be read as an archive"):
        Dataset.open(tmp_path / "birds.zip", size=8)
    (tmp_path / "birds.tar.gz").write_bytes(b"")
    with pytest.raises(UserError, match=r"birds.tar.gz is an archive: mkdir .*birds, then unpack it .*tar -xf "):
        Dataset.open(tmp_path / "birds.tar.gz", size=8)
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "00000.tar.gz").write_bytes(b"")
    with pytest.raises(UserError, match=r"holds no pictures, and 00000.tar.gz is an archive: unpack it first, each"):
        Dataset.open(tmp_path / "shards", size=8)
    hub = tmp_path / "datasets--someone--birds"
    snapshot = hub / "snapshots" / "abc" / "data"
    snapshot.mkdir(parents=True)
    (hub / "blobs").mkdir()
    for name, content in {
        "0.png": encoded(picture(0)),
        "metadata.jsonl": b'{"file_name": "0.png", "text": "a"}\n',
    }.items():
        (hub / "blobs" / f"sha-{name}").write_bytes(content)
        os.symlink(hub / "blobs" / f"sha-{name}", snapshot / name)
    assert captions(snapshot) == [("a",)]
    os.symlink(tmp_path / "birds.zip", snapshot / "1.png")
    assert next(one for one in check(snapshot) if one.file.endswith("1.png")).kind == "unreferenced"
    with pytest.raises(UserError, match="did you mean datasets--someone--birds"):
        Dataset.open(tmp_path / "datasets--someone--brids", size=8)


def test_a_missing_picture_is_answered_with_the_nearest_name(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "set", ["one.PNG", "Images/two.png", "three.jpg"])
    lines(path, [{"file_name": name, "text": "t"} for name in ("one.png", "two.png", "three.png", "nothing.gif")])
    told = [one.message for one in check(path) if one.kind == "missing file"]
    assert [message.partition(": did you mean ")[2] for message in told] == [
        "'one.PNG'?",
        "'Images/two.png'?",
        "'three.jpg'?",
        "",
    ]


def test_the_summary_counts_what_is_cropped_and_advises_on_few_rows(tmp_path: Path) -> None:
    path = tmp_path / "set"
    path.mkdir()
    for k in range(40):
        Image.new("RGB", (60, 30), (k, 2 * k, 90)).save(path / f"{k}.png")
        (path / f"{k}.txt").write_text(f"a ball {k}")
    summary = Dataset.open(path, size=32).summary()
    assert summary.sides == (30, 30, 30) and summary.cropped == pytest.approx(0.5)
    assert sum(summary.used.values()) == 40 and summary.used["held out"] >= 1
    said = "\n".join(summary.lines())
    for part in ("40 rows are few", "held-out rows say little", "crop beforehand", "smaller than 32 pixels"):
        assert part in said
    assert "captions: 40, of 42 distinct words" in "\n".join(examine(path)[1].lines())


def test_greys_are_read_by_the_range_of_their_type() -> None:
    ramp = np.linspace(0, 1, 64).reshape(8, 8)
    eight = np.asarray(Image.fromarray(np.rint(ramp * 255).astype(np.uint8)))
    for scale, kind, dtype in ((65535, "PNG", np.uint16), (65535, "TIFF", np.uint16), (1, "TIFF", np.float32)):
        assert np.abs(decode(grey((ramp * scale).astype(dtype), kind), 8)[0].astype(int) - eight).max() <= 1
    twelve = decode(grey((ramp * 4095).astype(np.uint16)), 8)
    dark = decode(grey((ramp * 200).astype(np.uint16)), 8)
    assert twelve.max() == 15 and dark.max() == 0  # never by what one picture holds


@pytest.mark.parametrize("values", [[0, 255], [-1, 1], [0, float("nan")]])
def test_numbers_of_which_nobody_knows_the_white_are_refused(values: list[float], tmp_path: Path) -> None:
    file = grey(np.array([values] * 2, np.float32), "TIFF")
    with pytest.raises(BadPicture, match="only those from 0 to 1 have a white"):
        decode(file, 2)
    with pytest.raises(BadPicture, match="signed or 32-bit"):
        decode(grey(np.full((2, 2), 70000, np.int32), "TIFF"), 2)
    path = folder_of(tmp_path / "set", numbered(1), **{"1_dot_tif": file})
    assert "only those from 0 to 1" in next(one.message for one in check(path) if one.kind == "unreadable")


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_sound_png_with_much_text_is_read(kind: bytes, behind: bool) -> None:
    import zlib

    plain = encoded(picture(3))
    much = zlib.compress(b"x" * (3 << 20))
    content = b"k\0\x01\0\0\0" + much if kind == b"iTXt" else b"k\0\0" + much
    at = len(plain) - 12 if behind else 33
    stuffed = plain[:at] + chunk(kind, content) + plain[at:]
    assert np.array_equal(decode(stuffed, 12), decode(plain, 12)) and size_of(stuffed) == size_of(plain)
