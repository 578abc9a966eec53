"""Sheets of drafts and attention show what was drawn."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from artists import TEXTS, cascade, published
from fake_cascade import STAGES, attention
from limner.data.schema import Schema, words_of
from limner.drawing import artist as artists
from limner.drawing.artist import Artist
from limner.drawing.drafts import PictureWithDrafts
from limner.errors import UnknownWords, UserError
from limner.imaging.attention import DIM, most_looked_at, spotlit
from limner.imaging.sheets import to_pil
from limner.requests import Story
from limner.system import Draft

BALL = "a red ball on sand"


@pytest.fixture(scope="module")
def artist(tmp_path_factory: pytest.TempPathFactory) -> Artist:
    return artists.load(cascade(tmp_path_factory.mktemp("drafts") / "cascade"))


@pytest.fixture(scope="module")
def watched(artist: Artist) -> list[PictureWithDrafts]:
    return list(artist.watch(artist.plan([BALL, "a blue ball"], n=2, seed=5), batch=3))


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB")).astype(int)


class TestDrafts:
    def test_each_picture_keeps_its_own_drafts(self, artist: Artist, watched: list[PictureWithDrafts]) -> None:
        drawn = artist.draw([BALL, "a blue ball"], n=2, seed=5)
        for one, image in zip(watched, drawn, strict=True):
            assert one.image.tobytes() == image.tobytes()
            assert [draft.images.shape for draft in one.drafts] == [(1, 3, side, side) for side in STAGES]
            assert [draft.attention is None for draft in one.drafts] == [True, False, False]

    def test_the_sheet_holds_every_draft_enlarged_without_a_blur(self, watched: list[PictureWithDrafts]) -> None:
        page, side, gap = watched[0].stages(), 160, 2
        for place, draft in enumerate(watched[0].drafts):
            left = gap + place * (side + gap)
            shown = pixels(page.crop((left, gap, left + side, gap + side)))
            times = side // STAGES[place]
            small = ((draft.images[0].permute(1, 2, 0) + 1) * 127.5).round().int().numpy()
            assert (shown == small.repeat(times, 0).repeat(times, 1)).all()
        assert page.width == 3 * (side + gap) + gap

    def test_the_sheet_holds_the_recipe_of_its_picture(self, artist: Artist, watched: list[PictureWithDrafts]) -> None:
        made = json.loads(watched[1].stages().info["limner"])
        assert (made["request"]["text"], made["seed"]) == (BALL, 6)
        assert artist.redraw(made).tobytes() == watched[1].image.tobytes()

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
        page = PictureWithDrafts(image, Story(("a", "b", "c")), [Draft(strip[:, :1]), Draft(strip)], Schema(8)).stages()
        first, last = (page.crop((left, 2, left + 168, 58)) for left in (2, 172))
        assert first.crop((0, 0, 56, 56)).tobytes() == last.crop((0, 0, 56, 56)).tobytes()
        assert pixels(first)[:, 56:].min() == 255 and pixels(last)[:, 56:].min() < 255


class TestAttention:
    def test_a_row_for_each_draft_that_looks_and_a_column_for_each_word(self, watched: list[PictureWithDrafts]) -> None:
        page = watched[0].attention()
        assert page.width == 6 * 162 + 2 and 2 * 162 < page.height < 2 * 162 + 80
        assert watched[0].attention(words=2).width == 3 * 162 + 2
        assert json.loads(page.info["limner"]) == json.loads(watched[0].image.info["limner"])

    def test_the_map_of_the_whole_sentence_is_the_last(self, watched: list[PictureWithDrafts]) -> None:
        corner = torch.zeros(1, 8, 8)
        corner[:, :4, :4] = 1 / 16
        first, *looking = watched[0].drafts
        drafts = [first, *(dataclasses.replace(draft, sentence_attention=corner) for draft in looking)]
        page = dataclasses.replace(watched[0], drafts=drafts).attention()
        assert page.width == 7 * 162 + 2
        last = page.crop((2 + 162 * 6, 2, 2 + 162 * 6 + 160, 162))
        assert pixels(last)[4:24, 4:24].max() > 150 and pixels(last)[120:, 120:].max() < 255 * DIM + 1

    def test_bright_where_it_looks_and_dim_elsewhere(self, watched: list[PictureWithDrafts]) -> None:
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

    def test_an_artist_shows_it_in_one_call(self, artist: Artist, watched: list[PictureWithDrafts]) -> None:
        assert artist.attention(BALL, seed=5).tobytes() == watched[0].attention().tobytes()
        with pytest.raises(UserError, match="words, the number of words, must be 1 or more"):
            artist.attention(BALL, words=0)
        with pytest.warns(UnknownWords), pytest.raises(UserError, match="no word in the prompt"):
            artist.attention("?!")
