"""`limner story`: from lines and files to strips, films and pages; what is no story is one line and leaves nothing."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from artists import LINES, storyteller
from limner import cli
from limner.drawing import recipe

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Run) -> Run:
    """Run `limner story` in a folder of its own with a teller of stories."""
    monkeypatch.chdir(tmp_path)
    storyteller(Path("teller"))
    return lambda *arguments: command("story", *arguments, "--no-show")


def test_lines_to_a_strip(run: Run) -> None:
    code, out, err = run(*LINES, "-a", "teller", "--seed", "7")
    assert (code, err) == (0, "") and out.split() == ["drawings/a-red-cube-a-blue-ball-a-green-cube-7.png"]
    with Image.open(out.strip()) as image:
        assert image.width > 3 * 160
    assert recipe.read(out.strip())["request"]["lines"] == list(LINES)


def test_a_file_with_blank_lines_and_remarks(run: Run) -> None:
    Path("tale.txt").write_text("# a tale\n\na red cube\n   a blue ball  \n\n")
    code, out, _ = run("tale.txt", "-a", "teller", "--json", "--gif", "--html", "-n", "2", "--seed", "1")
    told = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and [one["seed"] for one in told] == [1, 2]
    assert told[0]["lines"] == ["a red cube", "a blue ball"]
    assert [Path(file).suffix for file in told[0]["files"]] == [".png", ".gif", ".html"]
    assert all(Path(file).is_file() for one in told for file in one["files"])


def test_stdin_and_a_named_file(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfa red cube\n")))
    assert run("-", "-a", "teller", "-o", "tales/one.html")[:2] == (0, "tales/one.html\n")
    assert "<title>a red cube</title>" in Path("tales/one.html").read_text()  # the byte order mark is no part of it
    assert run(LINES[0], "-a", "teller", "-o", "tales/one.html")[1] == "tales/one-2.html\n"  # nothing is overwritten


def test_told_again_with_a_line_changed(run: Run) -> None:
    run(*LINES, "-a", "teller", "--seed", "7", "-o", "first.png")
    code, out, _ = run("--from", "first.png", "--change", "3=a blue cube", "-o", "second.png", "--json")
    assert code == 0 and json.loads(out)["lines"] == [*LINES[:2], "a blue cube"]
    made = recipe.read("second.png")
    assert made["request"]["setting"] == list(LINES) and made["seed"] == 7
    first, second = (Image.open(f"{name}.png") for name in ("first", "second"))
    cut = 2 * first.width // 3 - 4
    assert first.crop((0, 0, cut, 160)).tobytes() == second.crop((0, 0, cut, 160)).tobytes()
    assert first.tobytes() != second.tobytes()


def test_told_again_with_new_lines(run: Run) -> None:
    run(*LINES, "-a", "teller", "--seed", "7", "-o", "first.png")
    code, out, _ = run("a red cube", "a green ball", "--from", "first.png", "--json")
    assert code == 0 and json.loads(out)["lines"] == ["a red cube", "a green ball"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "the story is empty"),
        (("", "  "), "the story is empty"),
        (("empty.txt",), "the story is empty"),
        (("none.txt",), "cannot read the story none.txt: No such file"),
        (("folder/none",), "cannot read the story folder/none: No such file"),
        (("binary.txt",), "binary.txt is no text"),
        (("zeros.txt",), "zeros.txt is no text"),
        (("-",), "what came by stdin is no text"),
        (("long.txt",), "500 is the limit"),
        (("a cube", "-o", "tale.jpg"), "name it tale.png or tale.gif or tale.html, or name a folder"),
        (("a cube", "-n", "0"), "must be 1 or more"),
        (("a cube", "--change", "1=x"), "--change goes with --from"),
        (("--from", "none.png"), "no picture at none.png"),
        (("--from", "first.png", "--change", "4=x"), "there is no line 4: the story has 3"),
        (("--from", "first.png", "--change", "x"), "write it as NUMBER=TEXT"),
        (("--from", "first.png", "--seed", "3"), "--from keeps seed and knobs"),
        (("a cube", "--seed", "-1"), "the seed is a whole number"),
    ],
)
def test_what_is_no_story(run: Run, arguments: tuple[str, ...], says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe\xff")))
    Path("zeros.txt").write_bytes(bytes(300))
    Path("empty.txt").write_text("\n# nothing\n")
    Path("binary.txt").write_bytes(bytes(range(128, 256)))
    Path("long.txt").write_text("a red cube\n" * 501)
    run(*LINES, "-a", "teller", "--seed", "7", "-o", "first.png")
    before = sorted(Path().rglob("*"))
    code, out, err = run(*arguments, *(() if "--from" in arguments else ("-a", "teller")))
    assert code == 2 and out == "" and says in err and err.count("\n") == 1
    assert sorted(Path().rglob("*")) == before


def test_lines_that_name_nothing_known_are_noted(run: Run) -> None:
    code, _, err = run("a red cube", "xyzzy", "-a", "teller", "--seed", "1")
    assert code == 0 and "line 2, 'xyzzy', names nothing that teller knows" in err


def test_one_line_too_long_for_a_file_name(run: Run) -> None:
    code, out, _ = run("\u7acb" * 250, "-a", "teller", "--json", "--seed", "1")
    assert code == 0 and json.loads(out)["lines"] == ["\u7acb" * 250]


def test_draw_tells_stories_too(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["draw", "\n".join(LINES), "-a", "teller", "--seed", "7", "--json", "--no-show"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["prompt"] == "\n".join(LINES) and told["width"] == 3 * 16
    assert cli.main(["draw", "--again", told["file"], "--no-show"]) == 0
    again = capsys.readouterr().out.strip()
    assert again != told["file"] and Path(again).read_bytes() == Path(told["file"]).read_bytes()
