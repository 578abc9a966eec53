"""A changed word is the only change between pictures of one row."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from artists import cascade
from limner.drawing import artist as artists
from limner.drawing.artist import Artist
from limner.drawing.reword import reword, wordings
from limner.errors import UserError
from limner.imaging.sheets import sheet
from limner.requests import Story

BALL = "a red ball on sand"


@pytest.fixture(scope="module")
def artist(tmp_path_factory: pytest.TempPathFactory) -> Artist:
    return artists.load(cascade(tmp_path_factory.mktemp("reword") / "cascade"))


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB")).astype(int)


class TestWordings:
    def test_one_change_at_a_time_wherever_it_stands(self) -> None:
        found = wordings("A red hat, a Red-haired cat", {"red": ["dark blue", "green"], "a  red hat": ["nothing"]})
        assert [one.text for one in found] == [
            "A red hat, a Red-haired cat",
            "A dark blue hat, a dark blue-haired cat",
            "A green hat, a green-haired cat",
            "nothing, a Red-haired cat",
        ]
        marked = [[one.text.split()[i] for i in sorted(one.marked)] for one in found]
        assert marked[1:] == [["dark", "blue", "dark", "blue-haired"], ["green", "green-haired"], ["nothing,"]]
        assert marked[0] == ["A", "red", "hat,", "Red-haired"]

    @pytest.mark.parametrize("word", ["re", "hats", "ed hat", "", "a.c"])
    def test_a_word_that_is_not_there_is_refused_with_those_that_are(self, word: str) -> None:
        with pytest.raises(UserError, match="is not in the caption; its words are: a, red, hat"):
            wordings("a red hat", {word: ["blue"]})


class TestReword:
    def test_the_same_seed_in_a_row_and_the_caption_first(self, artist: Artist) -> None:
        page = reword(artist, BALL, {"red": ["blue", "green"]}, n=2, seed=8)
        assert page.tobytes() == reword(artist, BALL, {"red": ["blue", "green"]}, n=2, seed=8).tobytes()
        made = json.loads(page.info["limner"])
        assert made["captions"] == [BALL, "a blue ball on sand", "a green ball on sand"]
        assert (made["request"]["text"], made["seed"], made["n"]) == (BALL, 8, 2)
        below = (page.height - 6) // 2
        for row in range(2):
            for column, text in enumerate(made["captions"]):
                (image,) = artist.draw(text, seed=8 + row)
                shown = page.crop((6 + 166 * column, 6 + below * row, 166 * (column + 1), 166 + below * row))
                assert shown.tobytes() == image.resize((160, 160), Image.Resampling.LANCZOS).tobytes()

    def test_the_changed_word_is_red(self) -> None:
        plain, marked = (
            pixels(sheet([Image.new("RGB", (90, 4))], captions=["a red hat"], letters=13, marked=places))
            for places in (None, [{1}])
        )
        changed = (plain != marked).any(axis=(0, 2)).nonzero()[0]
        start = len("a ") * 5
        assert changed.min() >= start - 4 and changed.max() < 45, "only the middle word"
        assert (marked[..., 0] - marked[..., 1] > 100).any() and not (plain[..., 0] - plain[..., 1] > 100).any()

    def test_who_draws_from_no_captions_is_refused(self, artist: Artist, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(artist.system, "takes", Story)
        with pytest.raises(UserError, match="there is no caption to reword"):
            reword(artist, BALL, {"red": ["blue"]})
