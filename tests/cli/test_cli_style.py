"""`limner draw --style`: prompts in the style of a picture, the recipe that repeats it, and what is no style."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from artists import TEXTS, published
from limner import checkpoint
from limner.data.schema import Lexicon, Schema
from limner.drawing import artist, recipe
from limner.errors import UserError
from limner.noise import Style
from limner.systems.gan_int_cls import GanIntCls

Run = Callable[..., tuple[int, str, str]]
REED = ("--artist", "reed", "-o", "out")


def reed(folder: Path) -> None:
    """Save a system with a style encoder: untrained, but neither it nor the generator is deaf."""
    torch.manual_seed(0)
    system = GanIntCls(GanIntCls.presets["tiny"], Schema(size=16, lexicon=Lexicon.of(TEXTS), captions=1, longest=6))
    assert system.style_encoder is not None
    for _ in range(20):
        drawn = system.generator.train()(torch.randn(8, 100), torch.randn(8, 32))
        system.style_encoder.train()(drawn)
    torch.nn.init.normal_(system.style_encoder.find.weight, 0.0, 0.1)
    checkpoint.save(system.eval(), folder)


def paint(path: Path, side: tuple[int, int] = (40, 30), mode: str = "RGB", seed: int = 0) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (*side[::-1], 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Run) -> Run:
    """Run a command in a folder of its own with two artists and two pictures; return code, stdout, stderr."""
    reed(tmp_path / "reed")
    published(tmp_path / "hats")
    paint(tmp_path / "photo one.png")
    paint(tmp_path / "two.jpg", seed=1)
    monkeypatch.chdir(tmp_path)
    return command


def test_each_prompt_is_drawn_in_each_style(run: Run) -> None:
    code, out, err = run("draw", *TEXTS, "--style", "photo one.png", "--style", "two.jpg", *REED, "--json")
    assert (code, err) == (0, "")
    told = [json.loads(line) for line in out.splitlines()]
    assert [(one["prompt"], one["style"], one["seed"]) for one in told] == [
        (text, style, None) for text in TEXTS for style in ("photo one.png", "two.jpg")
    ]
    assert [Path(one["file"]).name for one in told[:2]] == ["a-red-hat-as-photo-one.png", "a-red-hat-as-two.png"]
    assert len({Image.open(one["file"]).tobytes() for one in told}) == 4
    assert recipe.read(told[0]["file"])["seed"].keys() == {"noise", "of"}


def test_again_needs_no_style_picture(run: Run) -> None:
    assert run("draw", TEXTS[0], "--style", "two.jpg", *REED, "--knob", "spread=0.9")[0] == 0
    Path("two.jpg").unlink()
    assert run("draw", "--again", "out/a-red-hat-as-two.png", "-o", "second") == (
        0,
        "second/a-red-hat-as-two.png\n",
        "",
    )
    first, second = "out/a-red-hat-as-two.png", "second/a-red-hat-as-two.png"
    assert Image.open(first).tobytes() == Image.open(second).tobytes()
    assert recipe.read(first) == recipe.read(second)


@pytest.mark.parametrize(
    ("name", "mode", "side"),
    [
        ("a.png", "RGBA", (40, 30)),
        ("a.webp", "RGB", (7, 7)),
        ("a.png", "L", (200, 90)),
        ("a.gif", "P", (16, 16)),
        ("a.png", "RGB", (5_000, 1)),
        ("noname", "RGB", (16, 16)),
    ],
)
def test_any_picture_has_a_style(run: Run, name: str, mode: str, side: tuple[int, int]) -> None:
    paint(Path("a.png"), side, mode).rename(name) if name == "noname" else paint(Path(name), side, mode)
    code, out, err = run("draw", TEXTS[0], "--style", name, *REED, "--json")
    assert (code, err) == (0, "") and json.loads(out)["style"] == name


def bomb() -> None:
    """A header that promises 10 gigapixels."""
    paint(Path("bomb.png"), (4, 4))
    content = bytearray(Path("bomb.png").read_bytes())
    content[16:24] = (100_000).to_bytes(4, "big") * 2
    Path("bomb.png").write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--style", "nowhere.png", *REED), "nowhere.png cannot be read: No such file"),
        (("--style", "reed", *REED), "reed cannot be read: Is a directory"),
        (("--style", "reed/system.json", *REED), "system.json is not a picture"),
        (("--style", "empty.png", *REED), "empty.png is empty"),
        (("--style", "cut.png", *REED), "cut.png is broken"),
        (("--style", "bomb.png", *REED), "bomb.png"),
        (("--style", "", *REED), "cannot be read"),
        (("--style", "two.jpg", "--style", "nowhere.png", *REED), "nowhere.png cannot be read"),
        (("--style", "two.jpg", "--artist", "hats", "-o", "out"), "Fake cannot take a style from a picture"),
        (("--style", "two.jpg", "-n", "4", *REED), "leave n and seed out"),
        (("--style", "two.jpg", "--seed", "4", *REED), "leave n and seed out"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, tuple) else "",
)
def test_what_is_no_style_is_refused_in_one_line(run: Run, arguments: tuple[str, ...], says: str) -> None:
    Path("empty.png").touch()
    Path("cut.png").write_bytes(Path("photo one.png").read_bytes()[:300])
    bomb()
    code, out, err = run("draw", TEXTS[0], *arguments)
    assert (code, out) == (2, "") and says in err
    assert err.startswith("limner: error: ") and len(err.splitlines()) == 1
    assert not Path("out").exists()


def test_styles_go_with_prompts_only(run: Run) -> None:
    for other in (("--again", "two.jpg"), ("--prompts", "file.txt")):
        code, _, err = run("draw", *other, "--style", "two.jpg", *REED)
        assert code == 2 and "--style goes with prompts" in err
    code, _, err = run("draw", "--style", "two.jpg", *REED)
    assert code == 2 and "needs a prompt: say what to draw" in err


def test_a_checkpoint_that_learnt_no_style_says_how_it_could(run: Run) -> None:
    about = GanIntCls.presets["tiny"]
    torch.manual_seed(0)
    fresh = GanIntCls(about, Schema(size=16, lexicon=Lexicon.of(TEXTS), captions=1, longest=6))
    checkpoint.save(fresh.eval(), "early")
    code, out, err = run("draw", TEXTS[0], "--style", "two.jpg", "--artist", "early", "-o", "out")
    assert (code, out) == (2, "") and "--set style_images" in err and len(err.splitlines()) == 1


def test_in_python_a_style_stands_wherever_a_seed_can(run: Run) -> None:
    reed = artist.load("reed")
    one, two = (reed.style(name) for name in ("photo one.png", Image.open("two.jpg")))
    assert one == reed.style(Path("photo one.png")) and (one.of, two.of) == ("photo one.png", "")
    assert one.noise != two.noise and len(one.noise) == 100
    a, b = reed.draw(TEXTS[0], style=[one, two])
    frames = reed.walk(TEXTS[0], (one, 7, two), frames=2)
    assert [frames[0].tobytes(), frames[-1].tobytes()] == [a.tobytes(), b.tobytes()]
    assert frames[2].tobytes() == reed.draw(TEXTS[0], seed=7)[0].tobytes()
    between = json.loads(frames[1].info["limner"])
    assert reed.redraw(between).tobytes() == frames[1].tobytes()
    strip = reed.morph(*TEXTS, frames=3, seed=one)
    assert strip[0].tobytes() == a.tobytes() and strip[-1].tobytes() == reed.draw(TEXTS[1], style=one)[0].tobytes()
    with pytest.raises(UserError, match="there is no style"):
        reed.draw(TEXTS[0], style=[])


def test_a_style_of_another_system_or_a_damaged_one_is_refused(run: Run) -> None:
    reed, hats = artist.load("reed"), artist.load("hats")
    (image,) = reed.draw(TEXTS[0], style="two.jpg")
    made = json.loads(image.info["limner"])
    with pytest.raises(UserError, match="a style of 100 numbers does not fit: this system draws 8 numbers"):
        hats.redraw(made | {"knobs": {}})
    for seed in (
        {"noise": "x"},
        {"noise": [float("nan")] * 100},
        {"noise": [1e300] * 100},
        {"noise": [None] * 100},
        {"noise": [0.0] * 100, "of": 3},
        {},
        [1, 2],
        [1, {}, 0.5],
        [1, 2, "x"],
        [1, 2, float("nan")],
        [[1, 2], 3, 0.5],
        None,
        "7",
    ):
        with pytest.raises(UserError) as caught:
            reed.redraw(made | {"seed": seed})
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="a style of 3 numbers does not fit"):
        reed.draw(TEXTS[0], style=Style((0.0,) * 3))
