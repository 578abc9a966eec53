"""`limner draw`, `morph` and `walk`: the names that scripts rely on, and every way to ask for what cannot be."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from artists import TEXTS, published
from limner.drawing import recipe

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Run) -> Run:
    """Run a command in a folder of its own that holds the artist `hats`; return code, stdout, stderr."""
    published(tmp_path / "hats")
    monkeypatch.chdir(tmp_path)
    return command


def lines(out: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.splitlines()]


def test_json_tells_each_picture(run: Run) -> None:
    code, out, _ = run("draw", *TEXTS, "-a", "hats", "-n", "2", "--seed", "7", "-o", "out", "--json")
    assert code == 0
    told = lines(out)
    assert [(one["prompt"], one["seed"]) for one in told] == [(text, seed) for text in TEXTS for seed in (7, 8)]
    for one in told:
        assert {"file", "prompt", "seed", "width", "height", "milliseconds"} <= set(one)
        with Image.open(str(one["file"])) as image:
            assert image.size == (one["width"], one["height"]) == (8, 8)
        assert one["milliseconds"] > 0  # type: ignore[operator]


def test_plain_output_is_one_path_a_line_and_nothing_is_overwritten(run: Run) -> None:
    for name in ("a-red-hat-7.png", "a-red-hat-7-2.png"):
        assert run("draw", "a red hat!", "--artist", "hats", "--seed", "7") == (0, f"drawings/{name}\n", "")
    pictures = [Image.open(f"drawings/{name}").tobytes() for name in ("a-red-hat-7.png", "a-red-hat-7-2.png")]
    assert pictures[0] == pictures[1]


def test_again_repeats_a_picture_and_says_when_the_checkpoint_differs(run: Run, tmp_path: Path) -> None:
    run("draw", TEXTS[0], "--artist", "hats", "--seed", "7", "-o", "first.d", "--knob", "strength=0.5")
    code, out, err = run("draw", "--again", "first.d/a-red-hat-7.png", "-o", "second", "--json")
    assert (code, err) == (0, "")
    first, second = "first.d/a-red-hat-7.png", str(lines(out)[0]["file"])
    assert Image.open(first).tobytes() == Image.open(second).tobytes()
    assert recipe.read(first) == recipe.read(second)
    published(tmp_path / "hats", seed=5)
    code, out, err = run("draw", "--again", first, "-o", "third", "--json")
    assert code == 0 and "not the checkpoint that drew" in err
    assert Image.open(first).tobytes() != Image.open(str(lines(out)[0]["file"])).tobytes()


def test_unknown_words_are_a_note_on_stderr(run: Run) -> None:
    code, out, err = run("draw", "a redd zebra 🙂", "--artist", "hats", "--seed", "1")
    assert code == 0 and out == "drawings/a-redd-zebra-1.png\n"
    assert err == "limner: note: words that hats does not know: 'redd' (read as 'red'), 'zebra'\n"


@pytest.mark.parametrize("prompt", ["قبعة حمراء", "🙂", "../../etc/passwd", "a" * 300, "帽子" * 100, "-", "a/b\\c\n"])
def test_any_prompt_makes_a_plain_file_name(run: Run, prompt: str) -> None:
    code, out, _ = run("draw", "--artist", "hats", "--seed", "1", "-o", "out", "--json", "--", prompt)
    assert code == 0
    path = Path(str(lines(out)[0]["file"]))
    assert path.parent == Path("out") and path.is_file() and lines(out)[0]["prompt"] == prompt


def test_morph_and_walk_make_strips_films_and_folders(run: Run) -> None:
    code, out, _ = run("morph", *TEXTS, "--artist", "hats", "--frames", "5", "-o", "m.png", "--json")
    told = lines(out)[0]
    assert code == 0 and (told["frames"], told["width"], told["prompt"], told["to"]) == (5, 8, *TEXTS)
    assert Image.open("m.png").size == (5 * 10 + 2, 12)
    assert run("morph", *TEXTS, "--artist", "hats", "-o", "m.gif")[:2] == (0, "m.gif\n")
    assert Image.open("m.gif").n_frames == 14  # type: ignore[attr-defined]
    assert run("walk", TEXTS[0], "--artist", "hats", "--seeds", "1, 2,3", "--frames", "2", "-o", "w")[0] == 0
    assert sorted(path.name for path in Path("w").iterdir()) == [f"{i:04d}.png" for i in range(5)]
    assert recipe.read("w/0001.png")["seed"] == [1, 2, 0.5]
    assert run("draw", "--again", "w/0001.png", "-o", "again")[:2] == (0, "again/a-red-hat-1-2-0.5.png\n")
    code, out, _ = run("walk", TEXTS[0], "--artist", "hats")
    assert (code, out) == (0, "drawings/walk-a-red-hat.png\n")


HATS = ("--artist", "hats")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("draw", "", *HATS), "prompt is empty"),
        (("draw", *HATS), "needs a prompt"),
        (("draw", "x" * 100_000, *HATS), "100,000 characters"),
        (("draw", "a hat", "-n", "0", *HATS), "must be 1 or more, not 0"),
        (("draw", "a hat", "-n", "9" * 200, *HATS), "at most, not 999"),
        (("draw", "a hat", "-n", "2", "--seed", str(2**53 - 1), *HATS), "the seed is a whole number from 0 to"),
        (("morph", "a hat", "a hat", "--frames", "9" * 200, *HATS), "at most, not 999"),
        (("morph", "a hat", "a hat", "--frames", "1000000000", "-o", "way.gif", *HATS), "too many to keep in memory"),
        (("walk", "a hat", "--frames", "1000000000", "-o", "way.png", *HATS), "too many to keep in memory"),
        (("reword", "a hat", "hat=cap", "-n", "1000000000", *HATS), "too many to keep in memory"),
        (("draw", "a hat", "-n", "many", *HATS), "-n"),
        (("draw", "a hat", "--seed", "-1", *HATS), "from 0 to"),
        (("draw", "a hat", "--seed=-1", *HATS), "from 0 to"),
        (("draw", "a hat", "--batch", "0", *HATS), "batch must be 1"),
        (("draw", "a hat", "--knob", "strenght=2", *HATS), "did you mean 'strength'"),
        (("draw", "a hat", "--knob", "strength", *HATS), "name=value"),
        (("draw", "a hat", "--artist", "hatz"), "no artist 'hatz'"),
        (("draw", "a hat", "--artist", "./nowhere"), "no such folder"),
        (("draw", "a hat", "--artist", "."), "no system.json"),
        (("draw", "a hat", "--device", "toaster", *HATS), "unknown device"),
        (("draw", "a hat", "--again", "x.png", *HATS), "leave the prompt out"),
        (("draw", "--again", "x.png", *HATS), "no picture at"),
        (("draw", "a hat", "--colour", "red", *HATS), "--colour"),
        (("draw", "a hat", "-o", "hats/system.json", *HATS), "name it system.png"),
        (("morph", "a hat", *HATS), "second"),
        (("morph", "a hat", "", *HATS), "prompt is empty"),
        (("morph", "a hat", "a cat", "--frames", "1", *HATS), "frames must be 2"),
        (("walk", "a hat", "--seeds", "1,x", *HATS), "whole numbers"),
        (("walk", "a hat", "--seeds", "1", *HATS), "two seeds"),
        (("daw", "a hat"), "daw"),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(value)[:40],
)
def test_a_mistake_is_one_line_and_exit_code_2(run: Run, arguments: tuple[str, ...], says: str) -> None:
    before = sorted(Path(".").rglob("*"))
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    told = [line for line in err.splitlines() if not line.startswith("limner: note:")]
    assert len(told) == 1 and told[0].startswith("limner: error: ") and says in told[0]
    assert sorted(Path(".").rglob("*")) == before, "something was left half-written"


def test_a_terminal_is_told_nothing_by_a_stranger(run: Run) -> None:
    """Escapes and turned directions of a checkpoint's record are shown, not obeyed."""
    path = Path("hats") / "system.json"
    record = json.loads(path.read_text())
    evil = "\x1b[2J\x1b]0;title\x07\u202eback\x9b31m"
    trained = record["trained"] | {"command": evil, evil: "x"}
    path.write_text(json.dumps(record | {"trained": trained, "config": record["config"] | {evil: evil}}))
    for arguments in (("show", "hats"), ("draw", "a hat", *HATS)):
        _, out, err = run(*arguments)
        assert "[2J" in out + err
        assert not set(out + err) & set("\x1b\x07\u202e\x9b")


def test_a_full_disk_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    code, out, err = run("draw", "a hat", *HATS, "-o", "out")
    assert (code, out) == (2, "") and "disk is full" in err.splitlines()[-1]
    assert list(Path("out").iterdir()) == []


def unmapped() -> None:
    """What the system's loader says of torch under `ulimit -v 300000`."""
    raise ImportError("libtorch_cpu.so: failed to map segment from shared object")


MUCH = [lambda: torch.empty(1 << 50), lambda: np.empty(1 << 50), lambda: bytearray(1 << 60), unmapped]


@pytest.mark.parametrize("much", MUCH)
def test_too_little_memory_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch, much: Callable[[], object]) -> None:
    from limner.drawing.artist import Artist

    monkeypatch.setattr(Artist, "rows", lambda *arguments, **named: much())
    code, out, err = run("draw", "a hat", *HATS)
    assert (code, out) == (2, "") and "use a smaller batch" in err.splitlines()[-1]


def test_control_c_is_no_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from limner.drawing.artist import Artist

    def interrupted(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Artist, "rows", interrupted)
    code, out, err = run("draw", "a hat", *HATS)
    assert (code, out) == (130, "") and "Traceback" not in err


def test_a_whole_process_draws(run: Run, tmp_path: Path) -> None:
    """The real entry point, with a stdout that can say nothing but ASCII."""
    command = [sys.executable, "-m", "limner.cli", "draw", "قبعة", "--artist", "hats", "--seed", "3"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    code = "import sys; from limner import catalogue, cli; catalogue.load_class(sys.argv.pop(1)); sys.exit(cli.main())"
    command[1:3] = ["-c", code, str(Path(__file__).parents[1] / "helpers" / "fake_system.py")]
    told = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=600, check=False)
    assert told.returncode == 0, told.stderr
    assert told.stdout == rb"drawings/\u0642\u0628\u0639\u0629-3.png" + b"\n"
    assert b"note:" in told.stderr
