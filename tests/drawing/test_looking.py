"""Sheets of drafts and attention show what was drawn; a changed word is the only change; pictures are described."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from artists import TEXTS, cascade, published
from fake_cascade import STAGES, attention
from limner.data.schema import words_of
from limner.drawing import artist as artists
from limner.drawing import looking
from limner.drawing.artist import Artist
from limner.drawing.looking import Watched, wordings
from limner.errors import UserError
from limner.imaging.attention import DIM, most_looked_at, spotlit
from limner.imaging.sheets import sheet, to_pil
from limner.requests import Story
from limner.system import Draft

BALL = "a red ball on sand"


@pytest.fixture(scope="module")
def painter(tmp_path_factory: pytest.TempPathFactory) -> Artist:
    return artists.load(cascade(tmp_path_factory.mktemp("looking") / "cascade"))


@pytest.fixture(scope="module")
def watched(painter: Artist) -> list[Watched]:
    return list(painter.watch(painter.plan([BALL, "a blue ball"], n=2, seed=5), batch=3))


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB")).astype(int)


class TestDrafts:
    def test_each_picture_keeps_its_own_drafts(self, painter: Artist, watched: list[Watched]) -> None:
        drawn = painter.draw([BALL, "a blue ball"], n=2, seed=5)
        for one, image in zip(watched, drawn, strict=True):
            assert one.image.tobytes() == image.tobytes()
            assert [draft.images.shape for draft in one.drafts] == [(1, 3, side, side) for side in STAGES]
            assert [draft.attention is None for draft in one.drafts] == [True, False, False]

    def test_the_sheet_holds_every_draft_enlarged_without_a_blur(self, watched: list[Watched]) -> None:
        page, side, gap = watched[0].stages(), 160, 2
        for place, draft in enumerate(watched[0].drafts):
            left = gap + place * (side + gap)
            shown = pixels(page.crop((left, gap, left + side, gap + side)))
            times = side // STAGES[place]
            small = ((draft.images[0].permute(1, 2, 0) + 1) * 127.5).round().int().numpy()
            assert (shown == small.repeat(times, 0).repeat(times, 1)).all()
        assert page.width == 3 * (side + gap) + gap

    def test_the_sheet_holds_the_recipe_of_its_picture(self, painter: Artist, watched: list[Watched]) -> None:
        made = json.loads(watched[1].stages().info["limner"])
        assert (made["request"]["text"], made["seed"]) == (BALL, 6)
        assert painter.redraw(made).tobytes() == watched[1].image.tobytes()

    def test_a_system_of_one_stage_has_drafts_too(self, tmp_path: Path) -> None:
        hats = artists.load(published(tmp_path / "hats"))
        (one,) = hats.watch(hats.plan(TEXTS[0], seed=1))
        assert len(one.drafts) == 2 and one.stages().width == 2 * 162 + 2
        with pytest.raises(UserError, match="does not look at single words"):
            one.attention()

    def test_a_story_grows_frame_by_frame(self) -> None:
        strip = torch.rand(1, 3, 3, 8, 8) * 2 - 1
        image = to_pil(strip)[0]
        image.info["limner"] = "{}"
        page = Watched(image, Story(("a", "b", "c")), [Draft(strip[:, :1]), Draft(strip)]).stages()
        first, last = (page.crop((left, 2, left + 168, 58)) for left in (2, 172))
        assert first.crop((0, 0, 56, 56)).tobytes() == last.crop((0, 0, 56, 56)).tobytes()
        assert pixels(first)[:, 56:].min() == 255 and pixels(last)[:, 56:].min() < 255


class TestAttention:
    def test_a_row_for_each_draft_that_looks_and_a_column_for_each_word(self, watched: list[Watched]) -> None:
        page = watched[0].attention()
        assert page.width == 6 * 162 + 2 and 2 * 162 < page.height < 2 * 162 + 80
        assert watched[0].attention(words=2).width == 3 * 162 + 2
        assert json.loads(page.info["limner"]) == json.loads(watched[0].image.info["limner"])

    def test_bright_where_it_looks_and_dim_elsewhere(self, watched: list[Watched]) -> None:
        page = watched[0].attention()
        top = page.height - 160 - 20  # of the lower row: a line of letters is below it
        ball, sand = (page.crop((2 + 162 * column, top, 162 * (column + 1), top + 160)) for column in (3, 5))
        middle, corner = (slice(70, 90), slice(70, 90)), (slice(4, 24), slice(4, 24))
        assert pixels(ball)[middle].max() > 200 and pixels(ball)[corner].max() < 255 * DIM + 1
        assert pixels(sand)[middle].max() < 255 * DIM + 1 and pixels(sand)[corner].max() > 150

    def test_an_even_map_is_dark(self) -> None:
        picture = Image.new("RGB", (20, 20), (250, 40, 40))
        assert pixels(spotlit(picture, torch.full((4, 4), 0.25))).max() < 255 * DIM + 1

    def test_words_that_stand_out_are_chosen_in_their_order(self) -> None:
        words = words_of("a sand of the finest and a ball of it")
        (maps,) = attention([" ".join(words)], 8)
        assert [words[t] for t in most_looked_at(maps, words, 2)] == ["sand", "ball"]
        assert len(most_looked_at(maps, words, 99)) == len(words)
        assert [words[t] for t in most_looked_at(maps[:4], words, 1)] == ["sand"], "only the first four were read"
        padded = torch.cat([maps, torch.ones(3, 8, 8)])
        assert most_looked_at(padded, words, 2) == most_looked_at(maps, words, 2)

    def test_an_artist_shows_it_in_one_call(self, painter: Artist, watched: list[Watched]) -> None:
        assert painter.attention(BALL, seed=5).tobytes() == watched[0].attention().tobytes()
        with pytest.raises(UserError, match="words, the number of words, must be 1 or more"):
            painter.attention(BALL, words=0)
        with pytest.warns(artists.UnknownWords), pytest.raises(UserError, match="no word in the prompt"):
            painter.attention("?!")


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
    def test_the_same_seed_in_a_row_and_the_caption_first(self, painter: Artist) -> None:
        page = looking.reword(painter, BALL, {"red": ["blue", "green"]}, n=2, seed=8)
        assert page.tobytes() == looking.reword(painter, BALL, {"red": ["blue", "green"]}, n=2, seed=8).tobytes()
        made = json.loads(page.info["limner"])
        assert made["captions"] == [BALL, "a blue ball on sand", "a green ball on sand"]
        assert (made["request"]["text"], made["seed"], made["n"]) == (BALL, 8, 2)
        below = (page.height - 6) // 2
        for row in range(2):
            for column, text in enumerate(made["captions"]):
                (image,) = painter.draw(text, seed=8 + row)
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

    def test_who_draws_from_no_captions_is_refused(self, painter: Artist, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(painter.system, "takes", Story)
        with pytest.raises(UserError, match="there is no caption to reword"):
            looking.reword(painter, BALL, {"red": ["blue"]})


class TestDescribe:
    def test_pictures_of_any_size_are_told_in_order(self, painter: Artist, tmp_path: Path) -> None:
        texts = ["a red ball", "a blue ball", "a green ball"]
        images = painter.draw(texts, seed=1)
        images[1] = images[1].resize((70, 70)).crop((-20, 0, 90, 70))
        images[2].convert("P").save(tmp_path / "green.gif")
        assert list(looking.describe(painter, [*images[:2], tmp_path / "green.gif"], batch=2)) == texts

    def test_without_a_captioner_it_says_so(self, painter: Artist, tmp_path: Path) -> None:
        hats = artists.load(published(tmp_path / "hats"))
        with pytest.raises(UserError, match="Fake cannot say what is in a picture: it has no captioner"):
            list(looking.describe(hats, hats.draw(TEXTS[0])))
        mute = Artist(painter.system, {**painter.record, "omitted": ["captioner"]}, "mute", painter.folder)
        with pytest.raises(UserError, match="mute was published without its captioner"):
            list(looking.describe(mute, painter.draw(BALL)))
