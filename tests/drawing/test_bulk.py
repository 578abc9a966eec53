"""Drawing a file of prompts: what is read, what comes out, what happens after a kill, and what is refused."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from artists import TEXTS, fake, published
from limner import cli
from limner.data.check import check
from limner.data.dataset import Dataset
from limner.drawing import bulk, recipe
from limner.drawing.artist import Artist, load
from limner.errors import UserError
from limner.requests import Attributes, Caption, Request

ROWS = [{"text": TEXTS[i % 2], "mood": "glad" if i % 3 else "sad", "place": i} for i in range(7)]


@pytest.fixture(scope="module")
def artist(tmp_path_factory: pytest.TempPathFactory) -> Artist:
    return load(published(tmp_path_factory.mktemp("artist") / "hats"), device="cpu")


def prompts(path: Path, rows: Sequence[dict[str, Any]] = ROWS) -> Path:
    """Write a file of prompts in the format that its name says."""
    match path.suffix:
        case ".txt":
            path.write_text("".join(f"{row['text']}\n\n" for row in rows))
        case ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        case ".csv":
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        case ".parquet":
            pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def pictures(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def metadata(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("kind", bulk.KINDS)
def test_the_folder_opens_as_a_data_set(artist: Artist, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    bulk.draw_all(artist, prompts(tmp_path / f"prompts{kind}"), out, n=2, seed=5, batch=4)
    told = metadata(out)
    assert [one["file_name"] for one in told] == [f"{k:06d}.png" for k in range(14)] == list(pictures(out))
    assert [one["seed"] for one in told] == list(range(5, 19))
    assert [one["text"] for one in told] == [row["text"] for row in ROWS for _ in range(2)]
    if kind != ".txt":
        assert [str(one["place"]) for one in told] == [str(row["place"]) for row in ROWS for _ in range(2)]
    assert not check(out)
    data = Dataset.open(out, size=8, cache=tmp_path / "cache", held_out=0.0)
    assert data.length() == 14 and data.captions(0) == (TEXTS[0],)
    assert ("mood" in data.schema.attributes) == (kind != ".txt")


def test_pictures_are_those_that_draw_makes(artist: Artist, tmp_path: Path) -> None:
    out = tmp_path / "out"
    bulk.draw_all(artist, prompts(tmp_path / "p.txt"), out, seed=5, batch=3, knobs={"strength": "0.5"})
    alone = artist.draw(ROWS[4]["text"], seed=9, knobs={"strength": 0.5})[0]
    assert recipe.read(out / "000004.png") == json.loads(alone.info[recipe.KEY])
    again = artist.redraw(recipe.read(out / "000004.png"))
    assert again.tobytes() == alone.tobytes()


def test_a_killed_job_goes_on_and_ends_the_same(
    artist: Artist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = prompts(tmp_path / "p.jsonl")
    bulk.draw_all(artist, file, tmp_path / "whole", n=3, seed=1, batch=4)
    write, written = recipe.write, []

    def dies(image: Any, path: Path) -> Path:
        if len(written) == 10:
            raise KeyboardInterrupt
        written.append(path)
        return write(image, path)

    monkeypatch.setattr(recipe, "write", dies)
    with pytest.raises(KeyboardInterrupt):
        bulk.draw_all(artist, file, tmp_path / "cut", n=3, seed=1, batch=4)
    assert len(pictures(tmp_path / "cut")) == 10 and not (tmp_path / "cut" / "metadata.jsonl").exists()
    (tmp_path / "cut" / ".000010.png.99.part").write_bytes(b"half")
    monkeypatch.setattr(recipe, "write", lambda image, path: written.append(path) or write(image, path))
    bulk.draw_all(artist, file, tmp_path / "cut", n=3, batch=4)  # the seed is the folder's
    assert len(written) == 10 + 13, "two batches were whole; the third, begun, is drawn again"
    assert pictures(tmp_path / "cut") == pictures(tmp_path / "whole")
    assert metadata(tmp_path / "cut") == metadata(tmp_path / "whole")
    assert not list((tmp_path / "cut").glob(".*"))


def test_a_folder_goes_on_with_its_own_job_alone(artist: Artist, tmp_path: Path) -> None:
    file, out = prompts(tmp_path / "p.txt"), tmp_path / "out"
    bulk.draw_all(artist, file, out, seed=1)
    before = pictures(out)
    for options in ({"seed": 2}, {"n": 2}, {"batch": 2}, {"knobs": {"strength": "2"}}):
        with pytest.raises(UserError, match=rf"other {next(iter(options))}.*choose another folder"):
            bulk.draw_all(artist, file, out, **options)
    prompts(file, ROWS[:3])
    with pytest.raises(UserError, match="other prompts"):
        bulk.draw_all(artist, file, out)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="holds something else"):
        bulk.draw_all(artist, file, tmp_path / "mine")
    assert pictures(out) == before and len(list((tmp_path / "mine").iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("p.txt", "\n \n", "holds no prompts"),
        ("p.txt", "a red hat\n" + "a" * 3000, "p.txt:2: the prompt has 3,000 characters"),
        ("p.txt", b"a hat\n\xff\xfe", "cannot be read"),
        ("p.doc", "a red hat", "ending in"),
        ("p.jsonl", '{"text": "a hat"}\n\n{"text": ""}', "p.jsonl:3: the caption is empty"),
        ("p.jsonl", '{"text": "a hat"}\n{"text": 5}', "p.jsonl:2: the caption is not text"),
        ("p.jsonl", '{"prompt": "a hat"}', "p.jsonl:1: there is no column text; there are: prompt"),
        ("p.jsonl", '{"text": "a hat"', "p.jsonl:1: is not JSON"),
        ("p.jsonl", '{"request": {"kind": "sonnet"}}', "p.jsonl:1: unknown kind of request 'sonnet'"),
        ("p.jsonl", '{"request": {"kind": "labelset", "labels": ["cup"]}}', "draws from a Caption, not from LabelSet"),
        ("p.jsonl", '{"request": {"kind": "caption", "text": 5}}', "p.jsonl:1: text must be a text, not 5"),
        ("p.jsonl", '{"request": [1]}', "p.jsonl:1: "),
        ("p.csv", "text,mood\na hat,glad,5\n", "p.csv:2: has more cells"),
        ("p.csv", "text,request\na hat,{half\n", "p.csv:2: the column request holds no JSON"),
        ("p.parquet", "a red hat", "is not a Parquet file"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_line_is_named_and_nothing_is_drawn(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: Any,
    says: str,
) -> None:
    published(tmp_path / "hats")
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert cli.main(["draw", "--prompts", name, "--artist", "hats", "-o", "out"]) == 2
    told = capsys.readouterr()
    assert told.out == "" and len(told.err.splitlines()) == 1 and says in told.err
    assert not Path("out").exists()


def test_what_cannot_be_asked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    published(tmp_path / "hats")
    monkeypatch.chdir(tmp_path)
    prompts(Path("p.txt"))
    command = ["draw", "--prompts", "p.txt", "--artist", "hats", "-o", "out"]
    for more in (
        ["a red hat"],
        ["--again", "x.png"],
        ["-n", "0"],
        ["--batch", "0"],
        ["--seed", "-1"],
        ["--prompts", "q.txt"],
    ):
        assert cli.main([*command, *more]) == 2, more
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert not Path("out").exists()
    assert cli.main([*command, "--seed", "3", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["folder"], told["prompts"], told["pictures"], told["seed"]) == ("out", 7, 7, 3)
    assert cli.main(command) == 0 and capsys.readouterr().out == "7 pictures of 7 prompts lie in out\n"


def test_requests_of_other_kinds(artist: Artist, tmp_path: Path) -> None:
    """An artist of attributes draws from the column of that name, any artist from requests written out."""
    fakes = type(fake())

    class Dresser(fakes):  # type: ignore[misc, valid-type]
        takes = Attributes

        def encode(self, requests: Sequence[Request]) -> Any:
            return super().encode([Caption(" ".join(request.values.values())) for request in requests])  # type: ignore[attr-defined]

        def unknown_words(self, requests: Sequence[Request]) -> dict[str, str | None]:
            return {}

    system = Dresser(fake().config, fake().schema).eval()
    dresser = Artist(system, artist.record, "dresser", artist.folder)
    rows = [{"attributes": {"hat": "red", "coat": None}, "text": "somebody"}, {"attributes": {"hat": "blue"}}]
    bulk.draw_all(dresser, prompts(tmp_path / "p.jsonl", rows), tmp_path / "one", seed=1)
    assert recipe.read(tmp_path / "one" / "000000.png")["request"] == {"kind": "attributes", "values": {"hat": "red"}}
    assert metadata(tmp_path / "one")[0] == {
        "file_name": "000000.png", "seed": 1, "text": "somebody", "attributes": {"hat": "red", "coat": None}
    }  # fmt: skip
    written = [{"request": json.dumps({"kind": "attributes", "values": row["attributes"]})} for row in rows[1:]]
    bulk.draw_all(dresser, prompts(tmp_path / "p.csv", written), tmp_path / "two", seed=2)
    second = recipe.read(tmp_path / "one" / "000001.png")
    assert recipe.read(tmp_path / "two" / "000000.png") == second and second["request"]["values"] == {"hat": "blue"}
    assert pictures(tmp_path / "two")["000000.png"] == pictures(tmp_path / "one")["000001.png"]
    with pytest.raises(UserError, match=r"p.txt:1: dresser draws from attributes"):
        bulk.draw_all(dresser, prompts(tmp_path / "p.txt"), tmp_path / "three")


def test_drawing_needs_nothing_of_training(tmp_path: Path) -> None:
    prompts(tmp_path / "p.jsonl")
    script = (
        "import sys; sys.modules |= dict.fromkeys(['accelerate', 'datasets', 'pyarrow', 'tensorboard'])\n"
        "from limner.cli import main\n"
        "sys.exit(main(['draw', '--prompts', 'p.jsonl', '--seed', '1', '-o', 'out']))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "7 pictures of 7 prompts lie in out\n"), done.stderr


def test_words_that_are_not_known_are_told_once(artist: Artist, tmp_path: Path) -> None:
    file = prompts(tmp_path / "p.txt", [{"text": f"a zebra {i}"} for i in range(40)])
    with pytest.warns(UserWarning) as told:
        bulk.draw_all(artist, file, tmp_path / "out", seed=1, batch=2)
    assert len(told) == 1 and "zebra" in str(told[0].message)
