"""What a Python session does with an artist: move it, give each prompt its seed, look at what it drew."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import pytest
import torch
from PIL import Image

import limner
from artists import LINES, TEXTS, published, storyteller
from limner.drawing.notebook import SHOWN, Pictures
from limner.errors import UserError


@pytest.fixture
def artist(tmp_path: Path) -> limner.Artist:
    return limner.load(published(tmp_path / "mine"))


def pictures_in(html: str) -> list[Image.Image]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    return [Image.open(io.BytesIO(base64.b64decode(one))) for one in found]


def test_a_star_import_hides_nothing_of_pythons() -> None:
    names: dict[str, object] = {}
    exec("from limner import *", names)
    assert "load" in names and "open" not in names
    assert callable(limner.open) and "open" in dir(limner)


def test_each_prompt_has_its_own_seed(artist: limner.Artist) -> None:
    both = artist.draw(TEXTS, seed=[5, 3])
    apart = [artist.draw(text, seed=seed)[0] for text, seed in zip(TEXTS, (5, 3), strict=True)]
    assert [one.tobytes() for one in both] == [one.tobytes() for one in apart]
    several = artist.draw(TEXTS, n=2, seed=(5, 3))
    assert [limner.drawing.recipe.from_text(one.info["limner"])["seed"] for one in several] == [5, 6, 3, 4]
    for wrong in ([1], [1, 2, 3]):
        with pytest.raises(UserError, match="one seed for each prompt"):
            artist.draw(TEXTS, seed=wrong)
    for number in ([1, -2], [1, "2"]):
        with pytest.raises(UserError, match="the seed is a whole number"):
            artist.draw(TEXTS, seed=number)  # type: ignore[arg-type]


def test_from_pretrained_and_to(artist: limner.Artist, tmp_path: Path) -> None:
    again = limner.Artist.from_pretrained(tmp_path / "mine", device="cpu", dtype=torch.float32)
    assert again.sha256 == artist.sha256 and again.device == torch.device("cpu") and again.dtype is torch.float32
    assert again.to("cpu") is again and again.to(torch.device("cpu"), torch.float32) is again
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        with pytest.raises(UserError, match=r"draws in torch\.float32.*not in torch\."):
            again.to(dtype)
        with pytest.raises(UserError, match=r"torch\.float32"):
            limner.Artist.from_pretrained(tmp_path / "mine", dtype=dtype)
    with pytest.raises(UserError, match="no GPU") as caught:
        again.to("cuda:77")
    assert "\n" not in str(caught.value)
    assert again.draw(TEXTS[0], seed=1)[0].tobytes() == artist.draw(TEXTS[0], seed=1)[0].tobytes()


def test_to_moves_everything_that_draws(artist: limner.Artist) -> None:
    artist.to("meta")
    assert artist.device.type == "meta"


def test_pictures_show_themselves_above_their_prompts(artist: limner.Artist) -> None:
    drawn = artist.draw(['<b>"hats"</b>'], n=3, seed=4)
    html = drawn._repr_html_()
    assert len(pictures_in(html)) == 3 and "seed 6" in html
    assert "<b>" not in html and "&lt;b&gt;" in html, "what was typed is text, never HTML"
    sheet = drawn._repr_png_()
    assert sheet is not None and Image.open(io.BytesIO(sheet)).size > drawn[0].size
    assert isinstance(drawn[1:], Pictures) and len(drawn[1:]) == 2 and drawn[1:][0] is drawn[1]
    assert drawn == list(drawn), "it is a list like any other"


def test_an_empty_list_and_a_very_long_one(artist: limner.Artist) -> None:
    assert Pictures()._repr_png_() is None and not pictures_in(Pictures()._repr_html_())
    many = Pictures([Image.new("RGB", (4, 4))] * (SHOWN + 7))
    assert len(pictures_in(many._repr_html_())) == SHOWN and "7 more" in many._repr_html_()


def test_an_artist_shows_what_it_is(tmp_path: Path) -> None:
    folder = published(tmp_path / "mine")
    Image.new("RGB", (20, 20), "red").save(folder / "grid.png")
    html = limner.load(folder)._repr_html_()
    assert "A Fake System" in html and TEXTS[0] in html and "on cpu" in html
    assert len(pictures_in(html)) == 1, "its samples, where it has some"


def test_a_story_shows_itself(tmp_path: Path) -> None:
    strip = limner.load(storyteller(tmp_path / "stories")).story(LINES, seed=1)
    assert len(pictures_in(strip._repr_html_())) == 3 and LINES[1] in strip._repr_html_()
    assert Image.open(io.BytesIO(strip._repr_png_())).size == strip.image().size


def test_a_picture_with_drafts_shows_the_picture(artist: limner.Artist) -> None:
    one = next(artist.watch(artist.plan(TEXTS[0], seed=2)))
    assert Image.open(io.BytesIO(one._repr_png_())).tobytes() == one.image.tobytes()
