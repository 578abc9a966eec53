"""Stories told in pictures: what is kept when a line changes, and the three forms they are saved in."""

from __future__ import annotations

import base64
import io
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from artists import LINES, published, storyteller
from limner import checkpoint
from limner.drawing import artist, recipe
from limner.drawing.artist import Artist
from limner.drawing.story import changed
from limner.errors import UnknownWords, UserError
from limner.requests import MOST_LINES
from limner.systems.storygan import StoryGan


@pytest.fixture(scope="module")
def teller(tmp_path_factory: pytest.TempPathFactory) -> Artist:
    return artist.load(storyteller(tmp_path_factory.mktemp("artists") / "teller"))


@pytest.fixture
def painted(teller: Artist, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures were painted at a time."""
    counts: list[int] = []
    paint = teller.system.teller.paint.forward
    monkeypatch.setattr(
        teller.system.teller.paint, "forward", lambda x, *more: (counts.append(len(x)), paint(x, *more))[1]
    )
    return counts


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.tobytes() == other.tobytes()


class TestTelling:
    def test_a_picture_for_each_line_and_the_same_again(self, teller: Artist) -> None:
        strip, again = teller.story(LINES, seed=4), teller.story("\n".join(LINES), seed=4)
        assert [frame.size for frame in strip.frames] == [(16, 16)] * 3 and strip.lines == LINES
        assert all(same(a, b) for a, b in zip(strip.frames, again.frames, strict=True))
        assert not same(strip.frames[0], teller.story(LINES, seed=5).frames[0])

    def test_without_a_seed_each_telling_is_its_own(self, teller: Artist) -> None:
        assert teller.story(LINES).recipe["seed"] != teller.story(LINES).recipe["seed"]

    def test_a_changed_line_repaints_only_what_depends_on_it(self, teller: Artist, painted: list[int]) -> None:
        strip = teller.story(LINES, seed=4)
        assert len(painted) == 3
        new = teller.retell(strip, changed(LINES, 2, "a green ball"))
        assert len(painted) == 5 and new.frames[0] is strip.frames[0]
        assert not same(new.frames[1], strip.frames[1]) and not same(new.frames[2], strip.frames[2])
        whole = teller.draw(new.request, seed=4)[0]
        side_by_side = [whole.crop((16 * t, 0, 16 * t + 16, 16)) for t in range(3)]
        assert all(same(a, b) for a, b in zip(new.frames, side_by_side, strict=True))

    def test_changed_twice_the_first_telling_is_still_the_setting(self, teller: Artist) -> None:
        strip = teller.story(LINES, seed=4)
        twice = teller.retell(teller.retell(strip, changed(LINES, 2, "a green ball")), LINES)
        assert twice.request.setting == LINES
        assert all(same(a, b) for a, b in zip(twice.frames, strip.frames, strict=True))

    def test_lines_may_come_and_go_at_the_end(self, teller: Artist, painted: list[int]) -> None:
        strip = teller.story(LINES, seed=4)
        shorter, longer = teller.retell(strip, LINES[:2]), teller.retell(strip, (*LINES, "a blue cube"))
        assert shorter.frames == strip.frames[:2] and longer.frames[:3] == strip.frames
        assert len(longer.frames) == 4 and len(painted) == 4

    def test_lines_added_later_are_drawn_as_their_recipe_says(self, teller: Artist) -> None:
        strip = teller.story(LINES[:2], seed=4)
        longer = teller.retell(strip, (*LINES, "a blue cube", "a red ball"))
        last = teller.retell(longer, (*LINES, "a blue cube", "a green ball"))
        whole = teller.redraw(last.recipe)
        assert last.frames[:2] == strip.frames
        assert all(same(whole.crop((16 * t, 0, 16 * t + 16, 16)), last.frames[t]) for t in range(5))

    def test_another_artist_does_not_retell(self, teller: Artist, tmp_path: Path) -> None:
        strip = teller.story(LINES, seed=4)
        checkpoint.save(StoryGan(StoryGan.presets["tiny"], teller.system.schema), tmp_path / "other")
        with pytest.raises(UserError, match="has other weights"):
            artist.load(tmp_path / "other").retell(strip, LINES)

    @pytest.mark.parametrize("count", [1, 200])
    def test_any_length(self, teller: Artist, count: int) -> None:
        strip = teller.story([LINES[i % 3] for i in range(count)], seed=1)
        assert len(strip.frames) == count and strip.image().height > 0

    def test_what_is_no_story(self, teller: Artist, tmp_path: Path) -> None:
        for empty in ("", " \n ", [], ["", " "]):
            with pytest.raises(UserError, match="the story is empty"):
                teller.story(empty)
        with pytest.raises(UserError, match=f"{MOST_LINES} is the limit"):
            teller.story(["a red cube"] * (MOST_LINES + 1))
        with pytest.raises(UserError, match="2,000 is the limit"):
            teller.story(["a red cube", "x" * 2_001])
        with pytest.raises(UserError, match="there is no line 4: the story has 3"):
            changed(LINES, 4, "a cube")
        with pytest.raises(UserError, match="tells no stories, it draws from a Caption"):
            artist.load(published(tmp_path / "painter")).story(LINES)

    def test_a_line_that_names_nothing_known_is_pointed_out(self, teller: Artist) -> None:
        with pytest.warns(UnknownWords) as warned:
            teller.story((LINES[0], "xyzzy plugh", "..."), seed=1)
        told = " ".join(str(warning.message) for warning in warned)
        assert "line 2, 'xyzzy plugh', names nothing" in told and "line 3, '...', names nothing" in told

    def test_stories_of_different_lengths_are_drawn_together(self, teller: Artist) -> None:
        three, one = "\n".join(LINES), LINES[0]
        assert [image.width for image in teller.draw([three, one, three], seed=0)] == [48, 16, 48]


class TestForms:
    def test_a_strip_holds_its_recipe(self, teller: Artist, tmp_path: Path) -> None:
        strip = teller.story(LINES, seed=4)
        path = recipe.write(strip.image(), tmp_path / "strip.png")
        made = recipe.read(path)
        assert made == json.loads(json.dumps(strip.recipe)) and made["request"]["lines"] == list(LINES)
        again = teller.redraw(made)
        assert all(same(again.crop((16 * t, 0, 16 * t + 16, 16)), strip.frames[t]) for t in range(3))

    def test_long_strips_wrap(self, teller: Artist) -> None:
        short, long = (teller.story([LINES[0]] * count, seed=0).image(captions=False) for count in (4, 9))
        assert long.width == short.width and long.height > 2 * short.height

    def test_film(self, teller: Artist, tmp_path: Path) -> None:
        path = teller.story((*LINES, "a red cube " * 12), seed=4).gif(tmp_path / "deep" / "tale.gif")
        with Image.open(path) as film:
            assert film.n_frames == 4 and film.width >= 160 and film.height > film.width

    def test_page_is_one_file_that_needs_nothing(self, teller: Artist, tmp_path: Path) -> None:
        lines = ("a red cube", '<script>alert("1")</script> & "a blue ball"', "a {green} cube")
        with pytest.warns(UnknownWords):
            strip = teller.story(lines, seed=4)
        text = strip.html(tmp_path / "tale.html").read_text(encoding="utf-8")
        page = Page()
        page.feed(text)
        assert not page.outside and "script" not in page.tags
        assert page.captions == list(lines) and page.alternatives == list(lines)
        found = [Image.open(io.BytesIO(base64.b64decode(data))) for data in page.pictures]
        assert all(same(a, b) for a, b in zip(found, strip.frames, strict=True))


class Page(HTMLParser):
    """What a browser would find."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.outside: list[str] = []
        self.captions: list[str] = []
        self.alternatives: list[str] = []
        self.pictures: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, Any]]) -> None:
        self.tags.add(tag)
        found = dict(attributes)
        if tag == "img":
            self.alternatives.append(found["alt"])
            self.pictures.append(found["src"].removeprefix("data:image/png;base64,"))
        self.outside += [v for k, v in attributes if k in ("src", "href") and not v.startswith("data:")]
        self._inside = tag == "figcaption"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.captions.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._inside = False
