"""Each thing that can be wrong with a data set: refused in one clear line, or left out by an explicit flag."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limner.data.check import check
from limner.data.dataset import Dataset
from limner.errors import UserError
from picture_sets import encoded, picture, png_header, write_lines


def refusal(path: Path | str, **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        Dataset.open(path, size=8, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def good(*numbers: int) -> list[Any]:
    return [{"file_name": f"{k}.png", "text": f"picture {k}"} for k in numbers]


def test_nothing_there(tmp_path: Path) -> None:
    assert "no such folder or file" in refusal(tmp_path / "missing")
    assert "no such folder or file" in refusal(tmp_path / "missing.parquet")
    (tmp_path / "empty").mkdir()
    assert "holds no pictures" in refusal(tmp_path / "empty")
    (tmp_path / "notes.md").write_text("hello")
    assert "is not a data set" in refusal(tmp_path / "notes.md")
    with pytest.raises(UserError, match="holds no pictures"):
        check(tmp_path / "empty")


def test_a_metadata_file_without_lines(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").write_text("\n")
    assert "holds no pictures" in refusal(tmp_path)


def truncated_jpeg(path: Path) -> None:
    (path / "1.png").write_bytes(encoded(picture(1, (64, 64)), "JPEG")[:900])


def text_named_png(path: Path) -> None:
    (path / "1.png").write_text("this is no picture")


def bomb(path: Path) -> None:
    (path / "1.png").write_bytes(png_header(30_000, 30_000))


def empty_file(path: Path) -> None:
    (path / "1.png").write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "kind", "says"),
    [
        (truncated_jpeg, "unreadable", "the picture 1.png is broken"),
        (text_named_png, "unreadable", "the picture 1.png is not a picture"),
        (bomb, "too large", "the picture 1.png has"),
        (empty_file, "unreadable", "the picture 1.png is empty"),
    ],
)
def test_bad_pictures(
    spoil: Callable[[Path], None], kind: str, says: str, folder: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = folder(good(0, 1, 2))
    spoil(path)
    message = refusal(path)
    assert message.startswith(f"{path}/metadata.jsonl:2: ") and says in message
    assert f"limner data check {path}" in message
    assert [(one.line, one.kind) for one in check(path)] == [(2, kind)]
    with caplog.at_level(logging.WARNING):
        data = Dataset.open(path, size=8, skip_bad=True, held_out=0)
    assert [data.captions(k)[0] for k in range(data.length())] == ["picture 0", "picture 2"]
    assert [(one.line, one.kind) for one in data.skipped] == [(2, kind)] and "left out 1 of 3 rows" in caplog.text
    assert says in refusal(path)  # what was decoded for `skip_bad` does not make the folder good


@pytest.mark.parametrize("head", [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"\x00" * 9])
def test_no_other_program_is_started_for_a_picture(
    head: bytes, tmp_path: Path, folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow knows PostScript by its first bytes, whatever the file is called, and starts Ghostscript for it."""
    started = tmp_path / "started"
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {started}\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None)
    path = folder(good(0, 1, 2))
    (path / "1.png").write_bytes(head + b"showpage\n")
    assert "is not a picture" in refusal(path)
    assert [one.kind for one in check(path)] == ["unreadable"]
    assert not started.exists()


OUTSIDE = "../outside.png"


@pytest.mark.parametrize(
    ("line", "kind", "says"),
    [
        ({"file_name": "1.png"}, "missing caption", "the caption is missing"),
        ({"file_name": "1.png", "text": None}, "missing caption", "the caption is missing"),
        ({"file_name": "1.png", "text": []}, "missing caption", "the caption is missing"),
        ({"file_name": "1.png", "text": " \n"}, "empty caption", "the caption is empty"),
        ({"file_name": "1.png", "text": ["fine", ""]}, "empty caption", "the caption is empty"),
        ({"file_name": "1.png", "text": 7}, "caption is not text", "the caption is not text but 7"),
        ({"file_name": "1.png", "text": ["fine", {"a": 1}]}, "caption is not text", "is not text but {'a': 1}"),
        ({"file_name": "9.png", "text": "t"}, "missing file", "the picture '9.png' does not exist"),
        ({"file_name": "", "text": "t"}, "no file_name", "has no file_name"),
        ({"file_name": 3, "text": "t"}, "no file_name", "has no file_name"),
        ({"file_name": ".", "text": "t"}, "missing file", "the picture '.' is not a file"),
        ({"file_name": OUTSIDE, "text": "t"}, "outside", f"the file_name '{OUTSIDE}' points outside the folder"),
        ({"file_name": "/etc/passwd", "text": "t"}, "outside", "points outside the folder"),
        ({"file_name": "a/../../outside.png", "text": "t"}, "outside", "points outside the folder"),
        ({"file_name": "nul\0.png", "text": "t"}, "outside", "points outside the folder"),
        ({"file_name": "0.png", "text": "t"}, "duplicate name", "names '0.png' again (first in line 1)"),
        ({"file_name": "./0.png", "text": "t"}, "duplicate name", "names './0.png' again"),
        ({"file_name": "1.png", "text": "t", "attributes": "red"}, "wrong attributes", "must be a mapping"),
        ({"file_name": "1.png", "text": "t", "attributes": {"a": [1]}}, "wrong attributes", "'a' must have one plain"),
        ('{"file_name": "1.png", "text": "t"', "bad line", "is not JSON"),
        ('["1.png", "t"]', "bad line", "is not a JSON object"),
        ({"file_name": "1.png", "text": "t", "label": ["cat"]}, "wrong label", "the label is one text or number"),
        ({"file_name": "1.png", "text": "t", "label": {"a": 1}}, "wrong label", "the label is one text or number"),
        ('{"file_name": "1.png", "text": "t", "x": ' + "[" * 60 + "]" * 60 + "}", "bad line", "nested more than 12"),
    ],
)
def test_bad_lines(line: Any, kind: str, says: str, folder: Callable[..., Path]) -> None:
    path = folder([*good(0), line, *good(2)])
    (path.parent / "outside.png").write_bytes(encoded(picture(99)))
    message = refusal(path)
    assert message.startswith(f"{path}/metadata.jsonl:2: ") and says in message and "limner data check" in message
    found = [one for one in check(path) if one.is_error]
    assert [(one.file, one.line, one.kind) for one in found] == [(f"{path}/metadata.jsonl", 2, kind)]
    data = Dataset.open(path, size=8, skip_bad=True, held_out=0)
    assert data.length() == 2 and [one.kind for one in data.skipped] == [kind]


def test_a_link_out_of_the_folder(folder: Callable[..., Path]) -> None:
    path = folder(good(0, 1), pictures=1)
    (path.parent / "secret.png").write_bytes(encoded(picture(5)))
    (path / "1.png").symlink_to(path.parent / "secret.png")
    assert "points outside the folder, through a link" in refusal(path)
    (path / "1.png").unlink()
    (path / "within.png").write_bytes(encoded(picture(5)))
    (path / "1.png").symlink_to("within.png")
    assert Dataset.open(path, size=8, held_out=0).length() == 2


def test_a_linked_subfolder_out_of_the_folder(folder: Callable[..., Path]) -> None:
    path = folder([{"file_name": "sub/1.png", "text": "t"}], pictures=0)
    (path.parent / "elsewhere").mkdir()
    (path.parent / "elsewhere" / "1.png").write_bytes(encoded(picture(5)))
    (path / "sub").symlink_to(path.parent / "elsewhere")
    assert "points outside the folder, through a link" in refusal(path)


def test_captions_and_metadata_are_not_read_through_a_link(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the word of passage")
    (folder := tmp_path / "set").mkdir()
    for k in range(2):
        (folder / f"{k}.png").write_bytes(encoded(picture(k)))
    (folder / "0.txt").write_text("a hat")
    (folder / "1.txt").symlink_to(secret)
    assert "points outside the folder, through a link" in refusal(folder)
    assert [one.kind for one in check(folder)] == ["outside"]
    secret.write_text('{"file_name": "0.png", "text": "the word of passage"}')
    for name in ("metadata.jsonl", "captions.csv"):
        (folder / name).symlink_to(secret)
        assert refusal(folder).endswith("is a link to a file outside the folder: copy that file into the folder")
        (folder / name).unlink()
    (folder / "1.txt").unlink()
    (folder / "words").write_text("a cat")
    (folder / "1.txt").symlink_to("words")
    assert Dataset.open(folder, size=8, held_out=0).captions(1) == ("a cat",)


@pytest.mark.parametrize("cell", [7, 1.5, True, "x", [1], ["a"], {"a": 1}])
@pytest.mark.parametrize("name", ["image", "boxes", "masks", "keypoints", "dialogue", "description", "story", "split"])
def test_a_cell_of_any_kind_is_an_answer_or_one_line(name: str, cell: Any, folder: Callable[..., Path]) -> None:
    path = folder([good(0)[0], *(row | {name: cell} for row in good(1, 2))])
    for open_it in (lambda: check(path), lambda: Dataset.open(path, size=8, skip_bad=True)):
        try:
            open_it()
        except UserError as error:
            assert "\n" not in str(error)


def test_a_folder_reached_through_a_link_is_fine(folder: Callable[..., Path]) -> None:
    path = folder(good(0, 1))
    link = path.parent / "link"
    link.symlink_to(path)
    assert Dataset.open(link, size=8, held_out=0).length() == 2


def test_a_table_that_names_a_picture_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(encoded(picture(0)))
    (tmp_path / "set").mkdir()
    images = pa.array(
        [{"bytes": None, "path": str(tmp_path / "secret.png")}],
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    )
    pq.write_table(pa.table({"image": images, "text": ["t"]}), tmp_path / "set" / "t.parquet")
    assert "t.parquet:1: the picture lies outside the folder" in refusal(tmp_path / "set")
    assert [one.kind for one in check(tmp_path / "set")] == ["outside"]


def test_wrong_columns(tmp_path: Path, folder: Callable[..., Path]) -> None:
    path = folder([{"photo": "0.png", "text": "t"}])
    assert "has no column file_name; its columns are: photo, text: name the one" in refusal(path)
    (csv := tmp_path / "csv").mkdir()
    (csv / "0.png").write_bytes(encoded(picture(0)))
    (csv / "captions.csv").write_text("file_name,words\n0.png,a hat\n")
    assert "has no column text (or caption); its columns are: file_name, words" in refusal(csv)
    (csv / "captions.csv").write_text("name,text\n0.png,a hat\n")
    assert "has no column file_name; its columns are: name, text: name the one" in refusal(csv)
    (csv / "captions.csv").write_text("file_name,text\n0.png,a hat, red\n")
    assert "captions.csv:2: has more cells than the first line" in refusal(csv)
    file = tmp_path / "t.parquet"
    pq.write_table(pa.table({"picture": [1], "text": ["t"]}), file)
    assert refusal(file).endswith("has no column image; its columns are: picture, text: name one with --image-column")
    pq.write_table(pa.table({"image": [1], "text": ["t"]}), file)
    assert "the column image" in refusal(file)
    pq.write_table(pa.table({"image": [encoded(picture(0))], "text": [5]}), file)
    assert "the column text of" in refusal(file) and "holds int64" in refusal(file)
    pq.write_table(pa.table({"image": pa.array([], pa.binary()), "text": pa.array([], pa.string())}), file)
    assert refusal(file) == f"{file} holds no rows"
    images = [encoded(picture(0))] * 2
    pq.write_table(pa.table({"image": images, "text": ["a", "b"], "label": [["x"], ["y"]]}), file)
    assert "the column label of" in refusal(file) and "one text or number" in refusal(file)
    pq.write_table(pa.table({"image": images, "text": ["a", "b"], "attributes": [{"hat": ["red"]}] * 2}), file)
    assert "the attribute hat of" in refusal(file) and "one text or number" in refusal(file)
    file.write_text("no parquet at all")
    assert "cannot be read as a data set" in refusal(file)


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["a", None, "c"], "missing caption"),
        (["a", "  ", "c"], "empty caption"),
        ([["a"], [], ["c", "d"]], "missing caption"),
        ([["a"], None, ["c"]], "missing caption"),
        ([["a"], ["b", None], ["c"]], "empty caption"),
        ([["a"], ["", "b"], ["c"]], "empty caption"),
    ],
)
def test_bad_captions_in_a_table(texts: list[Any], kind: str, tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    pq.write_table(pa.table({"image": [encoded(picture(k)) for k in range(3)], "text": texts}), file)
    assert refusal(file).startswith(f"{file}:2: the caption is ")
    assert [(one.file, one.line, one.kind) for one in check(file)] == [(str(file), 2, kind)]
    data = Dataset.open(file, size=8, skip_bad=True, held_out=0)
    assert [data.captions(k)[0] for k in range(2)] == ["a", "c"] and data.length() == 2


def test_bad_pictures_in_shards_are_named_by_shard(tmp_path: Path) -> None:
    path = tmp_path / "set"
    path.mkdir()
    for shard, contents in enumerate([[encoded(picture(0))], [encoded(picture(1)), b"junk", None]]):
        table = pa.table({"image": pa.array(contents, pa.binary()), "text": ["t"] * len(contents)})
        pq.write_table(table, path / f"train-{shard}.parquet")
    assert refusal(path).startswith(f"{path}/train-1.parquet:2: the picture is not a picture")
    assert [(one.file, one.line) for one in check(path)] == [
        (f"{path}/train-1.parquet", 2),
        (f"{path}/train-1.parquet", 3),
    ]
    assert Dataset.open(path, size=8, skip_bad=True, held_out=0).length() == 2


def test_text_files_that_are_missing_empty_or_no_text(tmp_path: Path) -> None:
    for k in range(4):
        (tmp_path / f"{k}.png").write_bytes(encoded(picture(k)))
    (tmp_path / "0.txt").write_text("a hat")
    (tmp_path / "1.txt").write_text("\n")
    (tmp_path / "2.txt").write_bytes(b"\xff\xfe\x00")
    assert "1.png: the caption is empty: 1.txt holds no text" in refusal(tmp_path)
    kinds = {Path(one.file).name: one.kind for one in check(tmp_path)}
    assert kinds == {"1.png": "empty caption", "2.png": "caption is not text", "3.png": "missing caption"}


def test_columns_of_mixed_kinds(folder: Callable[..., Path]) -> None:
    rows = [row | {"label": label} for row, label in zip(good(0, 1), ["cat", 3], strict=True)]
    assert "the column 'label' of" in refusal(folder(rows)) and "mixes kinds of values" in refusal(
        folder(rows, name="b")
    )


def test_nothing_usable_at_all(folder: Callable[..., Path]) -> None:
    path = folder([{"file_name": "0.png", "text": ""}])
    assert "holds no rows that can be used" in refusal(path, skip_bad=True)
    path = folder(good(0), name="other")
    text_named_png(path)
    os.replace(path / "1.png", path / "0.png")
    assert "holds no rows that can be used" in refusal(path, skip_bad=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_picture_that_may_not_be_read(folder: Callable[..., Path]) -> None:
    path = folder(good(0, 1))
    (path / "1.png").chmod(0)
    assert "cannot be read: Permission denied" in refusal(path)


def test_right_to_left_and_emoji_captions_are_kept(folder: Callable[..., Path]) -> None:
    texts = ["قبعة حمراء", "🎩 hat", "ein Bär", "帽子"]
    data = Dataset.open(folder([{"file_name": f"{k}.png", "text": t} for k, t in enumerate(texts)]), size=8, held_out=0)
    assert [data.captions(k)[0] for k in range(4)] == texts


def test_half_an_emoji_is_no_text(folder: Callable[..., Path]) -> None:
    path = folder([*good(0), '{"file_name": "1.png", "text": "half \\ud83d an emoji"}'], pictures=2)
    assert "metadata.jsonl:2: is not JSON" in refusal(path)


def test_a_set_that_changes_is_read_anew(folder: Callable[..., Path]) -> None:
    path = folder(good(0, 1))
    before = Dataset.open(path, size=8, held_out=0).pictures([0, 1])
    (path / "1.png").write_bytes(encoded(picture(7)))
    write_lines(path, [{"file_name": "1.png", "text": "another"}])
    after = Dataset.open(path, size=8, held_out=0)
    assert after.captions(0) == ("another",) and not (after.pictures([0])[0] == before[1]).all()
    shutil.rmtree(path)
    assert "no such folder" in refusal(path)


def test_a_file_name_that_is_not_utf8(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/caf\xe9.png", "wb") as file:
        file.write(encoded(picture(0)))
    (tmp_path / "b.png").write_text("junk")
    assert Dataset.open(tmp_path, size=8, held_out=0, skip_bad=True).length() == 1
