"""A recipe is found wherever other programs put it, and a damaged one is refused in a line."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from limner.drawing import recipe
from limner.errors import UserError
from limner.studio.gallery.recipe import checked, decode, recipe_in
from png_recipes import CASES, RECIPE, chunk, plain, text_chunk, with_chunks


@pytest.mark.parametrize("name", CASES)
def test_a_recipe_is_found_or_refused(name: str, tmp_path: Path) -> None:
    png, expected = CASES[name]
    file = tmp_path / "a.png"
    file.write_bytes(png)
    if isinstance(expected, dict):
        assert recipe.read(file) == expected
        assert recipe_in(decode(png)) == checked(expected), "the gallery answers otherwise"
        return
    with pytest.raises(UserError, match=expected or "holds no recipe") as caught:
        recipe.read(file)
    assert "\n" not in str(caught.value) and str(file) in str(caught.value)
    with pytest.raises(UserError):
        recipe_in(decode(png))


def test_what_the_file_holds_is_read_within_bounds() -> None:
    long = text_chunk(b"tEXt", RECIPE | {"limner": "x" * 1000})
    with pytest.raises(UserError, match="more than 1,000 bytes"):
        recipe.find(io.BytesIO(with_chunks(long)), 1000)
    other = chunk(b"tEXt", b"comment\0" + b"x" * 5000)
    text = recipe.find(io.BytesIO(with_chunks(other, text_chunk(b"zTXt"))), 1000)
    assert text is not None and json.loads(text) == RECIPE
    endless = plain()[:8] + b"\xff\xff\xff\xfftEXtcomment\0"
    assert recipe.find(io.BytesIO(endless)) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"artist": 5}, "its artist is missing or of another type"),
        ({"artist": "a\0"}, "its artist is not a name"),
        ({"request": "a hat"}, "its request is missing or of another type"),
        ({"knobs": []}, "its knobs is missing or of another type"),
    ],
)
def test_a_recipe_that_lacks_something_is_refused(change: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=re.escape(says)):
        recipe.from_text(json.dumps(RECIPE | change))
    with pytest.raises(UserError, match="seed is missing"):
        recipe.from_text(json.dumps({name: value for name, value in RECIPE.items() if name != "seed"}))
    with pytest.raises(UserError, match="not JSON"):
        recipe.from_text("[" * 100_000)


def test_a_picture_saved_is_the_picture_read(tmp_path: Path) -> None:
    image = Image.new("RGB", (4, 4))
    assert recipe.sign(image, RECIPE) == RECIPE
    assert recipe.read(recipe.write(image, tmp_path / "a.png")) == RECIPE
