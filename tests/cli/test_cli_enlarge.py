"""`limner enlarge`, and `--size` wherever one draws: scripts rely on the names, people on the one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from artists import TEXTS, published, storyteller
from enlargers import with_enlarger
from limner.cli import enlarge
from limner.drawing import recipe
from toy import shapes_folder

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Run) -> Run:
    """Run a command in a folder of its own with the artists `hats` (8 pixels) and `large` (to 32)."""
    with_enlarger(published(tmp_path / "hats"), tmp_path / "large")
    monkeypatch.chdir(tmp_path)
    return command


def test_from_data_to_a_large_picture_and_again(run: Run, tmp_path: Path) -> None:
    shapes_folder(tmp_path / "shapes", size=32)
    options = ["--images", "64", "--set", "batch=8", "--set", "patch=8", "--set", "width=4", "--json"]
    code, out, err = run("enlarge", "hats", "--data", "shapes", "-o", "new/hats", *options)
    assert code == 0 and "held-out originals" in err
    told = json.loads(out.splitlines()[-1])
    assert told["artist"] == "new/hats" and told["size"] == 32 and told["trained"]["images"] == 64
    assert run("draw", TEXTS[0], "-a", "new/hats", "--seed", "7", "--size", "32", "-o", "first")[0] == 0
    assert run("draw", "--again", "first/a-red-hat-7.png", "-o", "second")[0] == 0
    first, second = (Path(folder, "a-red-hat-7.png").read_bytes() for folder in ("first", "second"))
    assert first == second and Image.open("first/a-red-hat-7.png").size == (32, 32)


def test_a_world_is_built_to_learn_from(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enlarge, "WORLD_PICTURES", 8)
    options = ["--images", "4", "--set", "batch=2", "--set", "patch=8", "--set", "width=4", "--json"]
    code, out, err = run("enlarge", "hats", "--world", "avatars", "-o", "new/hats", *options)
    assert code == 0 and "8 pictures of 32 pixels lie in new/avatars-32" in err
    assert json.loads(out.splitlines()[-1])["trained"]["data"] == "avatars-32"
    assert Path("new/avatars-32/world.json").exists()


def test_an_enlarger_is_given_on(run: Run) -> None:
    assert run("enlarge", "hats", "--from", "large", "-o", "other")[0] == 0
    assert run("draw", TEXTS[0], "-a", "other", "--seed", "7", "--size", "32", "-o", "out")[0] == 0
    assert run("enlarge", "hats", "--from", "large", "-o", "hats")[0] == 0, "in its own place"


def test_another_enlarger_is_told_of(run: Run, tmp_path: Path) -> None:
    run("draw", TEXTS[0], "-a", "large", "--seed", "7", "--size", "32", "-o", "out")
    with_enlarger(tmp_path / "hats", tmp_path / "large", seed=3)
    code, _, err = run("draw", "--again", "out/a-red-hat-7.png", "-o", "again")
    assert code == 0 and "the enlarger of large is not the one that enlarged" in err and "checkpoint" not in err


def test_a_file_of_prompts_is_drawn_at_one_size(run: Run, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("\n".join(TEXTS))
    asked = ["draw", "--prompts", "prompts.txt", "-a", "large", "--seed", "3", "-o", "many"]
    assert run(*asked, "--size", "32")[0] == 0
    assert Image.open("many/000001.png").size == (32, 32) and recipe.read("many/000001.png")["size"] == 32
    code, _, err = run(*asked)
    assert code == 2 and "holds other drawings (other size)" in err


def test_stories_morphs_and_sheets_take_a_size(run: Run, tmp_path: Path) -> None:
    with_enlarger(storyteller(tmp_path / "plain"), tmp_path / "teller", factor=2)
    assert (
        run("story", "a red cube", "a blue ball", "-a", "teller", "--seed", "1", "--size", "32", "-o", "t.png")[0] == 0
    )
    assert recipe.read("t.png")["size"] == 32
    assert run("story", "--from", "t.png", "--change", "2=a green cube", "-a", "teller", "-o", "u.png")[0] == 0
    assert recipe.read("u.png")["size"] == 32
    assert run("morph", *TEXTS, "-a", "large", "--frames", "2", "--size", "32", "-o", "frames")[0] == 0
    assert Image.open("frames/0001.png").size == (32, 32)
    assert run("draw", TEXTS[0], "-a", "large", "--seed", "1", "--size", "32", "--drafts", "-o", "d")[0] == 0
    assert Image.open("d/a-red-hat-1.png").size == (32, 32)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["enlarge", "hats", "-o", "new"], "say what it learns from"),
        (["enlarge", "hats", "--data", "x", "--from", "large", "-o", "new"], "say what it learns from"),
        (["enlarge", "hats", "--data", "x", "-o", "large"], "large exists: choose another folder"),
        (["enlarge", "hats", "--data", "x", "-o", "new", "--factor", "3"], "--factor is a power of two"),
        (["enlarge", "hats", "--data", "nowhere", "-o", "new"], "nowhere"),
        (["enlarge", "hats", "--world", "avatar", "-o", "new"], "did you mean 'avatars'?"),
        (["enlarge", "hats", "--from", "hats", "-o", "new"], "carries no enlarger"),
        (["draw", "a red hat", "-a", "hats", "--size", "32"], "of 8 pixels, not of 32; `limner enlarge`"),
        (["draw", "a red hat", "-a", "large", "--size", "31"], "of 8 or 32 pixels, not of 31"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(run: Run, arguments: list[str], line: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "") and line in err and err.count("\n") == 1
    assert not Path("new").exists()
