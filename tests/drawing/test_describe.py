"""Pictures of any size get captions from an artist that has a captioner; others are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from artists import TEXTS, cascade, published
from limner.drawing import artist as artists
from limner.drawing.artist import Artist
from limner.drawing.describe import describe
from limner.errors import UserError


@pytest.fixture(scope="module")
def artist(tmp_path_factory: pytest.TempPathFactory) -> Artist:
    return artists.load(cascade(tmp_path_factory.mktemp("describe") / "cascade"))


class TestDescribe:
    def test_pictures_of_any_size_are_told_in_order(self, artist: Artist, tmp_path: Path) -> None:
        texts = ["a red ball", "a blue ball", "a green ball"]
        images = artist.draw(texts, seed=1)
        images[1] = images[1].resize((70, 70)).crop((-20, 0, 90, 70))
        images[2].convert("P").save(tmp_path / "green.gif")
        assert list(describe(artist, [*images[:2], tmp_path / "green.gif"], batch=2)) == texts

    def test_without_a_captioner_it_says_so(self, artist: Artist, tmp_path: Path) -> None:
        hats = artists.load(published(tmp_path / "hats"))
        with pytest.raises(UserError, match="Fake cannot say what is in a picture: it has no captioner"):
            list(describe(hats, hats.draw(TEXTS[0])))
        mute = Artist(artist.system, {**artist.record, "omitted": ["captioner"]}, "mute", artist.folder)
        with pytest.raises(UserError, match="mute was published without its captioner"):
            list(describe(mute, artist.draw("a red ball on sand")))
