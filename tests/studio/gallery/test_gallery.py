"""The gallery keeps what it is given, finds it again, gives it back, and lets it be drawn again bit for bit."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import artists
import galleries
from galleries import picture, png, recipe_json
from limner.drawing.artist import load
from limner.errors import UserError
from limner.studio.gallery.database import Missing
from limner.studio.gallery.gallery import Gallery
from limner.studio.gallery.recipe import MOST_BYTES, checked, decode, identity


def ids(gallery: Gallery, shelf: str = "kept", **how: object) -> list[str]:
    return [one.id for one in gallery.page(shelf, **how).pictures]  # type: ignore[arg-type]


# Drawing again


@pytest.mark.parametrize("name", ["fake", "avatars"])
def test_a_favourite_is_drawn_again_bit_for_bit(gallery: Gallery, location: str, tmp_path: Path, name: str) -> None:
    artist = load(artists.published(tmp_path / "artist") if name == "fake" else name)
    drawn = [artist.draw("a red hat", seed=seed)[0] for seed in (3, 2**40)]
    kept = [gallery.add(image, keep=True).id for image in drawn]
    gallery.close()

    later = Gallery(location)
    for image, one in zip(drawn, kept, strict=True):
        found = later.get(one)
        assert artist.redraw(found.recipe).tobytes() == image.tobytes()
        assert decode(later.png(one)).tobytes() == image.tobytes()
        assert found.checkpoint == artist.sha256
    assert len(set(kept)) == 2
    later.close()


def test_what_lies_between_two_prompts_or_two_seeds_is_drawn_again(gallery: Gallery, tmp_path: Path) -> None:
    artist = load(artists.published(tmp_path / "artist"))
    for image in (artist.morph("a red hat", "a blue hat", 3)[1], artist.walk("a red hat", (0, 1), 2)[1]):
        again = artist.redraw(gallery.get(gallery.add(image).id).recipe)
        assert np.abs(np.asarray(again, int) - np.asarray(image, int)).max() <= 1  # alone now, among others before


def test_the_recipe_inside_a_kept_png_says_all_with_parents(gallery: Gallery) -> None:
    mother, father = (gallery.add(picture(seed=i)).id for i in (1, 2))
    child = gallery.add(png(seed=3), parents=[mother, father], keep=True)
    inside = json.loads(galleries.recipe_of(gallery.png(child.id)))
    assert inside == child.recipe == recipe_json(seed=3) | {"parents": [mother, father]}
    assert gallery.get(child.id).parents == [mother, father]


# Favourites and history


def test_history_holds_everything_and_favourites_what_is_kept(gallery: Gallery) -> None:
    drawn = [gallery.add(picture(seed=i), keep=i == 1).id for i in range(3)]
    assert ids(gallery, "drawn") == drawn[::-1]
    assert ids(gallery) == [drawn[1]]
    gallery.change(drawn[2], keep=True)
    assert ids(gallery) == [drawn[2], drawn[1]]
    gallery.change(drawn[1], keep=False)
    assert ids(gallery) == [drawn[2]]
    assert len(ids(gallery, "drawn")) == 3


def test_adding_twice_doubles_nothing_and_takes_no_heart_away(gallery: Gallery) -> None:
    one = gallery.add(picture(), keep=True, note="mine")
    kept_at = one.kept_at
    again = gallery.add(picture())
    assert again.id == one.id
    assert (again.kept_at, again.note) == (kept_at, "mine")
    assert gallery.page("drawn").total == 1


def test_a_seed_a_word_a_knob_or_a_checkpoint_makes_another_picture_and_a_name_does_not() -> None:
    one = checked(recipe_json())
    others = [
        recipe_json(seed=1),
        recipe_json("a red hat."),
        recipe_json(knobs={"truncation": 0.5}),
        recipe_json(checkpoint="cd" * 32),
    ]
    assert len({identity(checked(other)) for other in [one, *others]}) == 5
    renamed = [recipe_json(artist="copy"), recipe_json(parents=["ab" * 32]), recipe_json(knobs={"truncation": 1})]
    assert {identity(checked(other)) for other in renamed} == {identity(one)}


def test_old_history_is_forgotten_and_favourites_are_not(location: str) -> None:
    gallery = Gallery(location, history=5)
    drawn = [gallery.add(picture(seed=i), keep=i == 0).id for i in range(12)]
    gallery.trim()
    assert ids(gallery, "drawn") == [*drawn[:-6:-1], drawn[0]]
    gallery.close()


def test_history_is_trimmed_by_itself(location: str) -> None:
    gallery = Gallery(location, history=5)
    for i in range(100):
        gallery.add(picture(seed=i, side=1))
    assert gallery.page("drawn").total == 5
    gallery.close()


# Delete and undo


def test_what_is_deleted_comes_back_with_its_heart(gallery: Gallery) -> None:
    a, b, c = (gallery.add(picture(seed=i), keep=i < 2, note=f"n{i}").id for i in range(3))
    before = gallery.page("kept").pictures[0].kept_at
    undo, gone = gallery.delete([a, b])
    assert gone == 2
    assert (ids(gallery), ids(gallery, "drawn"), set(ids(gallery, "deleted"))) == ([], [c], {a, b})
    assert gallery.undo(undo) == 2
    assert ids(gallery) == [b, a]
    assert gallery.page("kept").pictures[0].kept_at == before
    assert gallery.undo(undo) == 0


def test_an_undo_brings_back_its_own_deletion_only(gallery: Gallery) -> None:
    a, b = (gallery.add(picture(seed=i), keep=True).id for i in range(2))
    first, _ = gallery.delete([a])
    _, gone = gallery.delete([a, b])
    assert gone == 1
    assert gallery.undo(first) == 1
    assert ids(gallery) == [a]


def test_drawing_a_deleted_picture_again_brings_it_back(gallery: Gallery) -> None:
    one = gallery.add(picture(), keep=True).id
    undo, _ = gallery.delete([one])
    gallery.add(picture(), keep=True)
    assert ids(gallery) == [one]
    assert gallery.undo(undo) == 0


def test_the_bin_is_emptied_in_time(location: str) -> None:
    gallery = Gallery(location, days=0)
    one = gallery.add(picture(), keep=True).id
    undo, _ = gallery.delete([one])
    gallery.trim()
    assert gallery.undo(undo) == 0
    with pytest.raises(Missing):
        gallery.get(one)
    gallery.close()


# Pages and search


def test_pages_hold_each_picture_once_while_others_are_added(gallery: Gallery) -> None:
    drawn = [gallery.add(picture(seed=i)).id for i in range(11)]
    found, after, pages = [], None, 0
    while pages == 0 or after:
        page = gallery.page("drawn", limit=4, after=after)
        found += [one.id for one in page.pictures]
        after, pages = page.next, pages + 1
        gallery.add(picture(seed=100 + pages))
    assert found == drawn[::-1]
    assert pages == 3


@pytest.mark.parametrize("after", ["", "-", "5", "x-y", "9" * 30 + "-a", "-1-a", "\u0661-a"])
def test_a_place_that_is_none_is_refused(gallery: Gallery, after: str) -> None:
    with pytest.raises(UserError, match="not a cursor"):
        gallery.page(after=after)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("red", {0, 1}),
        ("RED hat", {0}),
        ("hat red", {0}),
        ("ha", {0, 1, 2}),
        ("hat", {0, 2}),
        ("at", set()),
        ("straße", {3}),
        ("STRASSE", {3}),
        ("帽子", {4}),
        ("holiday", {1}),
        ("%", {0, 1, 2, 3, 4}),
        ("_at", set()),
        ("tester", {0, 1, 2, 3, 4}),
        ("'; drop table pictures; --", set()),
        ("", {0, 1, 2, 3, 4}),
    ],
)
def test_search_finds_beginnings_of_words_in_any_order(gallery: Gallery, search: str, found: set[int]) -> None:
    words = ["a Red hat", "hair, red", "a blue hat", "eine Straße", "帽子 をかぶる"]
    drawn = [gallery.add(picture(text, i), note="holiday" if i == 1 else "").id for i, text in enumerate(words)]
    assert set(ids(gallery, "drawn", search=search)) == {drawn[i] for i in found}


def test_a_list_may_be_of_one_artist(gallery: Gallery) -> None:
    gallery.add(picture(seed=1))
    other = gallery.add(picture(seed=2, artist="other")).id
    assert ids(gallery, "drawn", artist="other") == [other]
    assert gallery.page("drawn", artist="oth").total == 0


def test_a_list_may_be_of_the_children_of_one(gallery: Gallery) -> None:
    first, second = (gallery.add(picture(seed=seed)).id for seed in (1, 2))
    child = gallery.add(picture(seed=3), parents=[first, second], keep=True).id
    other = gallery.add(picture(seed=4), parents=[second]).id
    assert ids(gallery, "drawn", parent=first) == [child] == ids(gallery, "kept", parent=second)
    assert ids(gallery, "drawn", parent=second) == [other, child]
    assert ids(gallery, "drawn", parent=child) == []


def test_a_note_can_be_changed_and_is_found(gallery: Gallery) -> None:
    one = gallery.add(picture(), note="first").id
    gallery.change(one, note="a birthday")
    assert ids(gallery, "drawn", search="birth hat") == [one]
    assert ids(gallery, "drawn", search="first") == []
    with pytest.raises(Missing):
        gallery.change("0" * 64, note="x")


# What is not taken


def test_a_picture_without_a_recipe_is_refused(gallery: Gallery) -> None:
    with pytest.raises(UserError, match="holds no recipe"):
        gallery.add(Image.new("RGB", (4, 4)))
    assert gallery.page("drawn").total == 0


BAD = {
    "no recipe": [],
    "a path for a checkpoint": recipe_json(checkpoint="../../etc/passwd"),
    "no checkpoint": {k: v for k, v in recipe_json().items() if k != "checkpoint"},
    "a stranger field": recipe_json(run="rm"),
    "seed below 0": recipe_json(seed=-1),
    "seed true": recipe_json(seed=True),
    "seed too large": recipe_json(seed=2**53),
    "seed text": recipe_json(seed="1"),
    "way past its end": recipe_json(seed=[1, 2, 1.5]),
    "noise of text": recipe_json(seed={"noise": ["x"]}),
    "noise of nothing finite": recipe_json(seed={"noise": [float("inf")]}),
    "knob nan": recipe_json(knobs={"truncation": float("nan")}),
    "knob list": recipe_json(knobs={"truncation": [1]}),
    "unknown request": recipe_json(request={"kind": "spell"}),
    "caption of number": recipe_json(request={"kind": "caption", "text": 5}),
    "caption with more": recipe_json(request={"kind": "caption", "text": "a", "\ud800": 1}),
    "layout nan": recipe_json(request={"kind": "layout", "boxes": [["cat", float("nan"), 0, 1, 1]]}),
    "blend of text": recipe_json(request={"kind": "blend", "first": "a", "second": "b", "t": 0.5}),
    "blend half": recipe_json(request={"kind": "blend", "first": {"kind": "nothing"}, "t": 0.5}),
    "blend of far": recipe_json(
        request={"kind": "blend", "first": {"kind": "nothing"}, "second": {"kind": "nothing"}, "t": 9}
    ),
    "surrogate": recipe_json(request={"kind": "caption", "text": "\ud800"}),
    "name with nul": recipe_json(artist="a\x00b"),
    "parents of words": recipe_json(parents=["mother"]),
    "too long": recipe_json("x" * 600_000),
}


@pytest.mark.parametrize("name", BAD)
def test_a_recipe_that_draws_nothing_is_refused(gallery: Gallery, name: str) -> None:
    image = picture()
    image.info["limner"] = json.dumps(BAD[name])
    with pytest.raises(UserError, match="recipe") as caught:
        gallery.add(image)
    assert "\n" not in str(caught.value)
    assert gallery.page("drawn").total == 0


def test_a_request_nested_without_end_is_refused() -> None:
    body: dict[str, object] = {"kind": "nothing"}
    for _ in range(5_000):
        body = {"kind": "blend", "first": body, "second": {"kind": "nothing"}, "t": 0.5}
    with pytest.raises(UserError, match="request is damaged"):
        checked(recipe_json(request=body))


def bomb() -> bytes:
    """Write a PNG whose header promises 100,000 pixels a side."""
    content = bytearray(png())
    content[16:24] = (100_000).to_bytes(4, "big") * 2
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no PNG"),
        (b"GIF89a", "no PNG"),
        (png()[:60], "picture"),
        (bomb(), "100000 x 100000"),
        (b"\x89PNG" + b"0" * MOST_BYTES, "limit"),
        (png()[:40] + b"\x00" * 50, "picture"),
    ],
    ids=["empty", "gif", "cut", "bomb", "huge", "broken"],
)
def test_a_file_that_is_no_sound_png_is_refused(gallery: Gallery, content: bytes, says: str) -> None:
    with pytest.raises(UserError, match=says):
        gallery.add(content)
    assert gallery.page("drawn").total == 0


def test_every_kind_of_request_and_seed_is_kept(gallery: Gallery) -> None:
    requests = [
        {"kind": "nothing"},
        {"kind": "story", "lines": ["a", "b"], "setting": []},
        {"kind": "dialogue", "caption": "a", "turns": [["q", "a"]]},
        {"kind": "attributes", "values": {"hair": "red"}},
        {"kind": "labelset", "labels": ["cat", "cat"]},
        {"kind": "layout", "boxes": [["cat", 0.1, 0, 1, 1]], "caption": ""},
    ]
    seeds = [2**53 - 1, {"noise": [0.5, 1.0], "of": "me.png"}, [1, {"noise": [2.0], "of": ""}, 0.25]]
    for request in requests:
        for seed in seeds:
            image = picture()
            image.info["limner"] = json.dumps(recipe_json(request=request) | {"seed": seed})
            found = gallery.get(gallery.add(image).id).recipe
            assert (found["request"], found["seed"]) == (request, seed)
    assert gallery.page("drawn").total == len(requests) * len(seeds)


# Many at once


def test_many_threads_write_at_once(gallery: Gallery) -> None:
    faults: list[BaseException] = []

    def write(first: int) -> None:
        try:
            for i in range(10):
                gallery.add(picture(seed=first + i), keep=True)
                gallery.add(picture(seed=10_000 + i), keep=True)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=write, args=(100 * n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert gallery.page("kept").total == 6 * 10 + 10
