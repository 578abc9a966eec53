"""Sentences without pictures: SNLI in its published layout, plain lines, and that the result opens."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from artists import FAKE
from downloads import snli
from limner import cli
from limner.data.check import check
from limner.data.dataset import Dataset
from limner.data.importers import sentences
from limner.data.views import Pairs, Pictures
from limner.errors import UserError
from limner.requests import Caption, Nothing

WRITER = FAKE.with_name("fake_writer.py")


def said(data: Dataset, split: str) -> list[str]:
    return [data.captions(row, split)[0] for row in range(data.length(split))]


def test_each_sentence_of_snli_is_taken_once_and_not_on_both_sides(tmp_path: Path) -> None:
    plan = sentences.plan(snli(tmp_path / "snli_1.0"))
    assert plan.way == "files" and plan.counts() == {"train": 8, "validation": 4, "test": 4}
    assert plan.texts["train"][:4] == ["A man eats.", "A man eats outside.", "A man eats today.", "A man eats at home."]
    assert plan.texts["test"][0] == "Rain falls."  # what is said of the man is trained on
    assert plan.notes == [
        "10 sentences that stand there again are left out",
        "4 held-out sentences that are also trained on, or held out elsewhere, are left out",
    ]


def test_a_set_of_sentences_opens_for_what_reads_no_pictures(tmp_path: Path) -> None:
    out = sentences.write(sentences.plan(snli(tmp_path / "snli_1.0")), tmp_path / "out")
    assert check(out) == []
    data = Dataset.open(out, size=16)
    assert data.columns == {"text"} and (data.length("train"), data.length("test")) == (8, 4)
    assert said(data, "test") == ["Rain falls.", "Rain falls outside.", "Rain falls today.", "Rain falls at home."]
    assert data.schema.longest == 5 and "eats" in data.schema.lexicon.words and "rain" not in data.schema.lexicon.words
    assert data.requests(Nothing, 2, "test") == [Nothing()] * 2
    assert data.requests(Caption, 1, "test") == [Caption("Rain falls.")]
    for view in (Pictures, Pairs):
        with pytest.raises(UserError, match=f"has no column image, which the view {view.__name__} needs; it has: text"):
            data.require(view)
    for read in (lambda: data.pictures([0]), data.original_sides):
        with pytest.raises(UserError, match="has no column image, which what reads pictures needs"):
            read()


def test_what_reads_no_pictures_trains_without_any(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the command line to drawn texts; a system that reads pictures is refused before it begins."""
    rows = [{"text": [f"a {colour} hat"], "attributes": {"hat": colour}} for colour in ("red", "blue")] * 10
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "said.parquet")
    monkeypatch.chdir(tmp_path)
    options = ["--data", str(tmp_path / "said.parquet"), "--preset", "tiny", "--no-tensorboard", "--images", "16"]
    run = ["--run", str(tmp_path / "run")]
    assert cli.main(["train", str(WRITER), *options, *run, "--grid-every", "8"]) == 0
    assert cli.main(["draw", "--artist", str(tmp_path / "run"), "hat: red", "--seed", "1"]) == 0
    assert "hat" in capsys.readouterr().out
    assert cli.main(["train", str(FAKE), *options, "--run", str(tmp_path / "other")]) == 2
    assert "said.parquet has no column image" in capsys.readouterr().err


def test_plain_lines_are_divided_by_what_they_say(tmp_path: Path) -> None:
    path = tmp_path / "captions.txt"
    path.write_text("\ufeffone hat\n\n  two \t hats\none hat\n" + "".join(f"{k} hats\n" for k in range(3, 40)))
    plan = sentences.plan(path)
    assert plan.way == "none" and plan.texts["train"][:3] == ["one hat", "two hats", "3 hats"]
    assert plan.counts() == {"train": 39}
    data = Dataset.open(sentences.write(plan, tmp_path / "out"), size=16, held_out=0.2)
    path.write_text("\n".join(reversed(plan.texts["train"])))
    other = Dataset.open(sentences.write(sentences.plan(path), tmp_path / "other"), size=16, held_out=0.2)
    assert set(said(data, "test")) == set(said(other, "test")) and 2 <= data.length("test") <= 20
    assert data.fingerprint != other.fingerprint


def test_many_sentences_become_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentences, "_ROWS_PER_SHARD", 3)
    plan = sentences.plan(snli(tmp_path / "snli_1.0"))
    seen: list[tuple[int, int]] = []
    out = sentences.write(plan, tmp_path / "out", progress=lambda done, total: seen.append((done, total)))
    names = [path.name for path in sorted(out.glob("train-*.parquet"))]
    assert names == [f"train-{k:05d}-of-00003.parquet" for k in range(3)] and seen[-1] == (16, 16)
    assert said(Dataset.open(out, size=16), "train") == plan.texts["train"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", '{"sentence1": "a"}\n', r"a.jsonl:1: a line must be such as"),
        ("a.jsonl", '{"text": "a"}\n{"text": 3}\n', r"a.jsonl:2: a line must be such as"),
        ("a.jsonl", '{"caption": "a"}\n', r"a.jsonl:1: a line must be such as"),
        ("a.jsonl", "{", r"a.jsonl:1: is not JSON"),
        ("a.txt", "\n \n", "has no sentence to train on"),
        ("a.txt", b"\xff\xfe", "is not UTF-8 text"),
        ("a.csv", "a", "is neither .jsonl nor .txt"),
    ],
    ids=map(str, range(7)),
)
def test_what_is_wrong_is_one_line(name: str, content: str | bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=says) as caught:
        sentences.plan(path)
    assert "\n" not in str(caught.value)


def test_folders_that_tell_too_little(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no .jsonl or .txt file"):
        sentences.plan(tmp_path)
    with pytest.raises(UserError, match="there is no file or folder"):
        sentences.plan(tmp_path / "gone")
    snli(tmp_path)
    (tmp_path / "more.jsonl").write_text('{"text": "a"}\n')
    with pytest.raises(UserError, match=r"more.jsonl tells no split: call the files train, dev and test"):
        sentences.plan(tmp_path)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = snli(tmp_path / "snli_1.0"), tmp_path / "out"
    command = ["data", "import", "sentences", str(source), "-o", str(out)]
    assert cli.main([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sentences"] == {"train": 8, "validation": 4, "test": 4} and told["split"] == "files"
    assert cli.main(command) == 0  # what was imported is left as it is
    assert "8 in train, 4 in validation, 4 in test; split: by the names of the files" in capsys.readouterr().out
    (source / "snli_1.0_dev.jsonl").unlink()
    assert cli.main(command) == 2
    assert "holds something else than this import" in capsys.readouterr().err
