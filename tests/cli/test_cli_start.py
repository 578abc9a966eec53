"""`limner draw --start --keep`, and a drawing that Ctrl-C stops: what is kept, how it is drawn again and goes on."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artists import FAKE, climber, published
from limner import catalogue
from limner.drawing import artist, recipe
from limner.errors import UserError
from limner.pictures import square
from limner.requests import to_json

Run = Callable[..., tuple[int, str, str]]
OUT = ("--artist", "climber", "-o", "out")


def paint(path: str, side: tuple[int, int] = (40, 30)) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*side[::-1], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def mask(path: str, side: tuple[int, int] = (40, 30), white: tuple[int, int, int, int] = (0, 0, 40, 15)) -> None:
    image = Image.new("L", side, 0)
    image.paste(255, white)
    image.save(path)


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C stops this process even where the suite runs in the background, which shells have ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Run) -> Run:
    """Run a command in a folder with a climber, an artist that takes no picture, a photo and a mask of it."""
    climber(tmp_path / "climber")
    published(tmp_path / "hats")
    monkeypatch.chdir(tmp_path)
    paint("face.png")
    mask("mask.png")
    return command


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    """Press Ctrl-C before step number `at` of each drawing from now on; None: never."""

    def press(at: int | None) -> None:
        left = [0]

        def step() -> None:
            left[0] += 1
            if left[0] == at:
                signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(catalogue.load_class(str(FAKE.with_name("fake_climber.py"))), "on_step", staticmethod(step))

    return press


def same(one: str | Path, other: str | Path) -> bool:
    return Image.open(one).tobytes() == Image.open(other).tobytes()


def test_known_pixels_are_those_of_the_file(run: Run) -> None:
    """Read at the artist's side; the rest is drawn, another with each seed."""
    code, out, err = run("draw", "a hat", "--start", "face.png", "--keep", "mask.png", "-n", "2", "--seed", "5", *OUT)
    assert (code, err) == (0, "") and out.splitlines() == ["out/a-hat-5.png", "out/a-hat-6.png"]
    first, second = (np.asarray(Image.open(name)) for name in out.splitlines())
    assert np.array_equal(first[:4], np.asarray(square(Image.open("face.png"), 8))[:4])
    assert np.array_equal(first[:4], second[:4]) and not np.array_equal(first[4:], second[4:])


def test_again_needs_no_picture(run: Run) -> None:
    """The recipe holds the picture, as small as the artist reads it."""
    paint("large.png", (1200, 900))
    assert run("draw", "a hat", "--start", "large.png", "--seed", "5", *OUT)[0] == 0
    Path("large.png").unlink()
    assert run("draw", "--again", "out/a-hat-5.png", "-o", "second") == (0, "second/a-hat-5.png\n", "")
    assert same("out/a-hat-5.png", "second/a-hat-5.png")
    made = recipe.read("out/a-hat-5.png")
    assert made == recipe.read("second/a-hat-5.png") and len(json.dumps(made)) < 1000


def test_files_of_other_formats_are_read(run: Run) -> None:
    """What is sent on is a PNG then: it is drawn from as the same pixels in a PNG are."""
    Image.open("face.png").save("face.bmp")
    Image.open("mask.png").save("mask.tiff")
    for start, keep, out in (("face.png", "mask.png", "one"), ("face.bmp", "mask.tiff", "other")):
        arguments = ("--start", start, "--keep", keep, "--seed", "5", "--artist", "climber", "-o", out)
        assert run("draw", "a hat", *arguments)[0] == 0
    assert same("one/a-hat-5.png", "other/a-hat-5.png")


def test_a_start_needs_no_prompt(run: Run) -> None:
    assert run("draw", "--start", "face.png", "--seed", "5", *OUT) == (0, "out/picture-5.png\n", "")


def test_python_begins_from_a_picture_likewise(run: Run) -> None:
    run("draw", "a hat", "--start", "face.png", "--keep", "mask.png", "--seed", "5", *OUT)
    drawer = artist.load("climber")
    request = drawer.start(Image.open("face.png"), "a hat", keep="mask.png")
    assert drawer.draw(request, seed=5)[0].tobytes() == Image.open("out/a-hat-5.png").tobytes()
    other = drawer.start("face.png", "two", keep="mask.png")
    assert len({image.tobytes() for image in drawer.morph(request, other)}) > 2


def test_a_file_of_prompts_says_it_in_its_column_request(run: Run) -> None:
    """As JSON, and again where it lies beside what was drawn."""
    request = to_json(artist.load("climber").start("face.png", "a hat", keep="mask.png"))
    Path("some.jsonl").write_text(json.dumps({"request": request}) + "\n")
    assert run("draw", "--prompts", "some.jsonl", "--seed", "1", *OUT)[0] == 0
    (line,) = Path("out/metadata.jsonl").read_text().splitlines()
    assert json.loads(json.loads(line)["request"]) == request
    assert np.array_equal(
        np.asarray(Image.open("out/000000.png"))[:4], np.asarray(square(Image.open("face.png"), 8))[:4]
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--start", "none.png"), "the picture none.png cannot be read: No such file"),
        (("--start", "climber"), "climber cannot be read: Is a directory"),
        (("--start", "climber/system.json"), "the picture climber/system.json is not a picture"),
        (("--start", "face.png", "--keep", "small.png"), "the mask has 20 x 15 pixels, and its picture has 40 x 30"),
        (("--start", "face.png", "--keep", "black.png"), "the mask keeps nothing of the picture"),
        (("--start", "face.png", "--keep", "white.png"), "the mask keeps the whole picture"),
        (("--keep", "mask.png"), "name the picture with --start"),
        (("--start", "face.png", "--again", "out.png"), "leave"),
        (("--start", "face.png", "--prompts", "some.txt"), "--start goes with prompts"),
        (("--finish",), "name it with --again"),
        (("--start", "face.png", "--knob", "steps=0"), "steps is a number from 1 to 1,000, not 0"),
        (("--start", "face.png", "--knob", "steps=1000000"), "steps is a number from 1 to 1,000, not 1,000,000"),
        (("--start", "face.png", "--knob", "steps=nan"), "steps expects a whole number"),
        (("--start", "face.png", "--artist", "hats"), "begins from no picture: it draws from a Caption"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_begun_from(run: Run, arguments: tuple[str, ...], says: str) -> None:
    mask("small.png", (20, 15), (0, 0, 20, 7))
    mask("black.png", white=(0, 0, 0, 0))
    mask("white.png", white=(0, 0, 40, 30))
    code, out, err = run("draw", "a hat", *OUT, *arguments)
    assert (code, out) == (2, "") and says in err and err.count("\n") == 1 and not Path("out").exists()


def test_ctrl_c_keeps_the_last_draft(run: Run, steps: Callable[[int | None], None]) -> None:
    """One line says so; the recipe says where it was stopped, and is drawn again as far, or to its end."""
    steps(None)
    run("draw", "a hat", "--seed", "5", "--artist", "climber", "-o", "whole")
    steps(4)
    code, out, err = run("draw", "a hat", "a cat", "--seed", "5", *OUT)
    assert code == 130 and out.splitlines() == ["out/a-hat-5.png", "out/a-cat-5.png"]
    assert "stopped at step 3, 50% of the way: what was drawn so far is kept" in err and len(err.splitlines()) == 1
    assert recipe.read("out/a-hat-5.png")["stopped"] == 3 and not same("out/a-hat-5.png", "whole/a-hat-5.png")
    steps(None)
    assert run("draw", "--again", "out/a-hat-5.png", "-o", "again")[0] == 0
    assert same("out/a-hat-5.png", "again/a-hat-5.png")
    assert recipe.read("out/a-hat-5.png") == recipe.read("again/a-hat-5.png")
    assert run("draw", "--again", "out/a-hat-5.png", "--finish", "-o", "done")[0] == 0
    assert same("done/a-hat-5.png", "whole/a-hat-5.png")
    assert recipe.read("done/a-hat-5.png") == recipe.read("whole/a-hat-5.png")
    assert run("draw", "a hat", "--start", "out/a-hat-5.png", "--seed", "6", *OUT)[0] == 0


def test_ctrl_c_between_two_drafts_keeps_the_one_before(run: Run, steps: Callable[[int | None], None]) -> None:
    steps(6)
    code, _, err = run("draw", "a hat", "--seed", "5", "--knob", "every=3", *OUT)
    assert code == 130 and "stopped at step 3" in err and recipe.read("out/a-hat-5.png")["stopped"] == 3
    steps(None)
    assert run("draw", "--again", "out/a-hat-5.png", "-o", "again")[0] == 0 and same(
        "out/a-hat-5.png", "again/a-hat-5.png"
    )


def test_ctrl_c_in_a_later_batch_keeps_the_batches_before(run: Run, steps: Callable[[int | None], None]) -> None:
    steps(6 + 3)
    code, _, err = run("draw", "a hat", "-n", "4", "--batch", "2", "--seed", "1", "--drafts", *OUT)
    assert code == 130 and "stopped at step 2" in err
    made = [recipe.read(f"out/a-hat-{seed}.png").get("stopped") for seed in (1, 2, 3, 4)]
    assert made == [None, None, 2, 2] and Path("out/a-hat-4-drafts.png").is_file()


def test_ctrl_c_before_the_first_draft_leaves_nothing(run: Run, steps: Callable[[int | None], None]) -> None:
    steps(1)
    code, out, err = run("draw", "a hat", "--seed", "5", *OUT)
    assert (code, out) == (130, "") and "kept" not in err and not Path("out").exists()


def test_ctrl_c_in_a_file_of_prompts_leaves_no_half_drawn_picture(
    run: Run, steps: Callable[[int | None], None]
) -> None:
    """What lies in such a folder counts as drawn: it would never be drawn to its end."""
    Path("some.txt").write_text("a hat\na cat\n")
    steps(6 + 3)
    assert run("draw", "--prompts", "some.txt", "--batch", "1", "--seed", "1", *OUT)[0] == 130
    assert sorted(path.name for path in Path("out").glob("*.png")) == ["000000.png"]


def test_a_damaged_stop_is_refused(run: Run) -> None:
    run("draw", "a hat", "--seed", "5", *OUT)
    made = recipe.read("out/a-hat-5.png")
    for wrong in (0, -1, 1.5, "3", True):
        with pytest.raises(UserError, match="the recipe is damaged: a drawing is stopped after some drafts"):
            artist.load("climber").redraw(made | {"stopped": wrong})
    whole = artist.load("climber").redraw(made | {"stopped": 500})
    assert whole.tobytes() == Image.open("out/a-hat-5.png").tobytes() and "stopped" not in json.loads(
        whole.info["limner"]
    )
