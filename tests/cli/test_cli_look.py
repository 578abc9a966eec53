"""`limner draw --drafts` and `--attention`, `reword` and `caption`: files, lines of JSON, and refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from artists import cascade, published
from limner.drawing import recipe

Run = Callable[..., tuple[int, str, str]]
BALL = "a red ball on sand"
SHEETS = ("--drafts", "--attention")
TO = ("--artist", "stages", "-o", "out")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Run) -> Run:
    """Run a command in a folder of its own that holds the artists `stages` and `hats`; return code, stdout, stderr."""
    cascade(tmp_path / "stages")
    published(tmp_path / "hats")
    monkeypatch.chdir(tmp_path)
    return command


def test_sheets_lie_beside_the_picture_and_hold_its_recipe(run: Run) -> None:
    names = [f"out/a-red-ball-on-sand-3{end}.png" for end in ("", "-drafts", "-attention")]
    assert run("draw", BALL, "--seed", "3", *SHEETS, *TO) == (0, "\n".join(names) + "\n", "")
    assert recipe.read(names[0]) == recipe.read(names[1]) == recipe.read(names[2])
    plain = run("draw", BALL, "--seed", "3", *TO)[1].strip()
    assert Image.open(plain).tobytes() == Image.open(names[0]).tobytes()


def test_json_names_the_sheets(run: Run) -> None:
    code, out, _ = run("draw", BALL, "a blue ball", "-n", "2", "--seed", "3", "--attention", "--json", *TO)
    told = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and len(told) == 4
    for one in told:
        assert one["width"] == 32 and "drafts" not in one
        assert one["attention"] == one["file"].replace(".png", "-attention.png")
        assert Image.open(one["attention"]).width > 2 * 160


def test_a_picture_of_before_shows_its_drafts(run: Run) -> None:
    run("draw", BALL, "--seed", "3", *TO)
    code, out, err = run("draw", "--again", "out/a-red-ball-on-sand-3.png", "--drafts", "-o", "again")
    assert (code, err) == (0, "") and out.split()[1] == "again/a-red-ball-on-sand-3-drafts.png"


def test_in_a_terminal_the_sheets_are_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[int] = []
    monkeypatch.setattr("limner.cli.picture.show", lambda image: shown.append(image.width))
    run("draw", BALL, "--drafts", *TO)
    assert shown == [3 * 162 + 2]


def test_what_cannot_be_looked_at_is_one_line_and_leaves_nothing(run: Run) -> None:
    Path("lines.txt").write_text(BALL)
    for arguments, says in (
        (("draw", "a red hat", "--attention", "-a", "hats", "-o", "out"), "does not look at single words"),
        (("draw", BALL, "--attention", "--words", "0", *TO), "must be 1 or more"),
        (("draw", "--prompts", "lines.txt", "--drafts", *TO), "leave other prompts, --drafts and --attention out"),
        (("reword", BALL, "hat=cat", *TO), "'hat' is not in the caption; its words are: a, red, ball, on, sand"),
        (("reword", BALL, "red", *TO), "WORD=OTHER"),
        (("reword", BALL, "red=,", *TO), "WORD=OTHER"),
        (("reword", BALL, "=blue", *TO), "WORD=OTHER"),
        (("reword", BALL, "red=blue", "-n", "0", *TO), "must be 1 or more"),
        (("caption", "nowhere.png", "-a", "stages"), "nowhere.png cannot be read"),
        (("caption", "lines.txt", "-a", "stages"), "lines.txt is not a picture"),
    ):
        code, out, err = run(*arguments)
        assert (code, out) == (2, "") and says in err and len(err.splitlines()) == 1, arguments
        assert not Path("out").exists()


def test_reword_makes_one_sheet(run: Run) -> None:
    code, out, err = run("reword", BALL, "red=blue, green", "on sand=in a box", "-n", "2", "--seed", "5", *TO)
    assert (code, out) == (0, "out/a-red-ball-on-sand-reworded-5.png\n") and "'box'" in err
    made = recipe.read(out.strip())
    assert made["captions"][1:] == ["a blue ball on sand", "a green ball on sand", "a red ball in a box"]
    to = ("-a", "stages", "-o", "my/sheet.png", "--json", "--seed", "5")
    files = [json.loads(run("reword", BALL, "red=blue", "red=green", *to)[1]) for _ in range(2)]
    assert [one["file"] for one in files] == ["my/sheet.png", "my/sheet-2.png"]
    assert files[0]["captions"] == made["captions"][:3] and files[0]["seeds"] == [5]


def test_caption_says_what_pictures_show(run: Run) -> None:
    run("draw", BALL, "a blue ball", "--seed", "3", *TO)
    red, blue = "out/a-red-ball-on-sand-3.png", "out/a-blue-ball-3.png"
    assert run("caption", red, "-a", "stages") == (0, "a red ball\n", "")
    assert run("caption", red, blue, "-a", "stages") == (0, f"{red}: a red ball\n{blue}: a blue ball\n", "")
    assert json.loads(run("caption", blue, "-a", "stages", "--json")[1]) == {"file": blue, "caption": "a blue ball"}


def test_caption_needs_an_artist_that_can(run: Run) -> None:
    run("draw", BALL, "--seed", "3", *TO)
    picture = "out/a-red-ball-on-sand-3.png"
    assert run("caption", picture, "-a", "hats") == (
        2,
        "",
        "limner: error: Fake cannot say what is in a picture: it has no captioner\n",
    )
    code, _, err = run("caption", picture)
    assert code == 2 and "--artist" in err


def test_attributes_are_written_as_they_are_asked_for(run: Run) -> None:
    Image.new("RGB", (40, 30), "blue").save("sea.png")
    Image.new("RGB", (8, 8), "red").save("fire.png")
    assert run("attributes", "sea.png", "--artist", "stages") == (0, "ball: blue\n", "")
    code, out, _ = run("attributes", "sea.png", "fire.png", "--artist", "stages", "--json")
    told = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and told[1] == {"file": "fire.png", "attributes": {"ball": "red"}}
    assert "fire.png: ball: red" in run("attributes", "sea.png", "fire.png", "--artist", "stages")[1]


def test_who_names_no_attributes_says_so_and_no_picture_is_one_line(run: Run) -> None:
    Image.new("RGB", (8, 8), "red").save("fire.png")
    Path("text.png").write_text("no picture")
    for words, says in (
        (("fire.png", "--artist", "hats"), "cannot name the attributes"),
        (("text.png", "--artist", "stages"), "text.png"),
        (("none.png", "--artist", "stages"), "none.png"),
    ):
        code, out, err = run("attributes", *words)
        assert (code, out) == (2, "") and says in err and len(err.splitlines()) == 1
