"""Pictures in the terminal."""

from __future__ import annotations

import base64
import io
import re

import pytest
from PIL import Image

from limner.cli import picture


@pytest.mark.parametrize(
    ("environment", "is_terminal", "expected"),
    [
        ({"TERM": "xterm-256color"}, True, "blocks"),
        ({"TERM": "xterm-256color"}, False, None),
        ({"TERM": "dumb"}, True, None),
        ({}, True, None),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, True, None),
        ({"TERM": "xterm-kitty"}, True, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, True, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, True, "iterm"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, True, "iterm"),
        ({"TERM": "screen-256color", "TERM_PROGRAM": "iTerm.app"}, True, "blocks"),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux"}, True, "blocks"),
    ],
)
def test_the_terminal_is_asked_only_for_what_it_can(
    environment: dict[str, str], is_terminal: bool, expected: str | None
) -> None:
    assert picture.protocol(environment, is_terminal) == expected


def noise(side: int) -> Image.Image:
    return Image.effect_noise((side, side), 90).convert("RGB")


def test_kitty_gets_the_whole_png_in_pieces() -> None:
    image = noise(64)
    pieces = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", picture.kitty(image))
    assert len(pieces) > 1 and pieces[0][0] == "a=T,f=100,m=1"
    assert [keys for keys, _ in pieces[1:]] == ["m=1"] * (len(pieces) - 2) + ["m=0"]
    assert all(len(piece) <= picture.CHUNK for _, piece in pieces)
    with Image.open(io.BytesIO(base64.b64decode("".join(piece for _, piece in pieces)))) as shown:
        assert shown.tobytes() == image.tobytes()


def test_iterm_gets_the_whole_png() -> None:
    image = noise(16)
    shown = picture.iterm(image)
    assert shown.startswith("\x1b]1337;File=inline=1;") and shown.endswith("\a")
    with Image.open(io.BytesIO(base64.b64decode(shown.split(":", 1)[1][:-1]))) as png:
        assert png.tobytes() == image.tobytes()


def test_half_blocks_carry_two_pixels_each() -> None:
    image = Image.new("RGB", (2, 2))
    image.putdata([(1, 2, 3), (4, 5, 6), (7, 8, 9), (10, 11, 12)])
    cell = "\x1b[38;2;{}m\x1b[48;2;{}m▀"
    assert picture.blocks(image, 80) == cell.format("1;2;3", "7;8;9") + cell.format("4;5;6", "10;11;12") + "\x1b[0m"


def test_half_blocks_fit_the_terminal() -> None:
    lines = picture.blocks(noise(64), 20).splitlines()
    assert len(lines) == 10 and all(line.count("▀") == 20 for line in lines)


def test_nothing_is_shown_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    picture.show(noise(4))
    assert capsys.readouterr().out == ""
