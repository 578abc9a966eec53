"""The avatars world: one function of (seed, index), captions that are true, ground truth that fits the picture."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("python_avatars")
pytest.importorskip("resvg_py")

from limner.worlds import avatars
from limner.worlds.avatars import parts as avatar_parts
from limner.worlds.avatars.captions import CAPTIONS
from limner.worlds.avatars.sampler import rgb

MANY = 3000
PEOPLE = [avatars.sample(3, index) for index in range(MANY)]
CAPTIONED = [
    (avatar.attributes, caption.lower())
    for index, avatar in enumerate(PEOPLE)
    for caption in avatars.describe(avatar.attributes, random.Random(index))
]
SAME = {"gray": "grey", "orange": "ginger", "blond": "blonde", "golden": "blonde", "violet": "purple"}
HAIR = r"hair|afro|bob|bun|pixie|dreads|dreadlocks|braids|braided|buzz cut|quiff|mohawk|curls|waves|bald|balding"
BEARD = r"beard|moustache|mustache"
CLOTHES = r"hoodie|hooded sweatshirt|t-shirt|tee|crew neck shirt|v-neck|scoop neck|sweater|jumper|shirt|tie|suit|blazer"
HATS = r"hat|beanie|turban|hijab|headscarf"
GLASSES = r"glasses|spectacles|sunglasses|shades|eyepatch|eye patch"


def said(words: str, caption: str) -> bool:
    """Whether one of the words, alone, is in the caption."""
    return re.search(rf"\b({words})\b", caption) is not None


def test_sample_depends_on_seed_and_index_alone():
    assert avatars.sample(0, 7) == avatars.sample(0, 7)
    assert avatars.sample(0, 7) != avatars.sample(0, 8)
    assert avatars.sample(0, 7) != avatars.sample(1, 7)
    assert avatars.row(0, 7, 32) == avatars.row(0, 7, 32)


def test_every_value_is_known_and_seen_often():
    for name, values in avatars.ATTRIBUTES.items():
        counts = Counter(avatar.attributes[name] for avatar in PEOPLE)
        assert set(counts) - {None} == set(values), name
        rarest = min(counts[value] for value in values) / MANY
        assert rarest > 0.015, (name, counts)  # 2 % are meant; three standard deviations are allowed
    assert len(avatars.ATTRIBUTES) >= 10


def test_what_is_hidden_has_no_value():
    for avatar in PEOPLE:
        seen = avatar.attributes
        assert (seen["hair_style"] is None) == (seen["hat"] != "none")
        assert (seen["hair_colour"] is None) == (seen["hair_style"] in (None, "bald"))
        assert (seen["facial_hair_colour"] is None) == (seen["facial_hair"] == "none")
        assert (seen["hat_colour"] is None) == (seen["hat"] == "none")
        assert (seen["clothing"] is None) == (seen["hat"] == "hijab")
        covered = seen["glasses"] in ("sunglasses", "white sunglasses", "eyepatch")
        assert (seen["eyes"] is None) == covered == (seen["eyebrows"] is None)
        if seen["facial_hair"] != "none":
            assert seen["presentation"] == "man"


def test_captions_are_five_and_never_empty():
    captions = avatars.describe(PEOPLE[0].attributes, random.Random(0))
    assert len(captions) == CAPTIONS == 5
    assert all(len(caption.split()) >= 3 and "{" not in caption and "  " not in caption for _, caption in CAPTIONED)


def test_captions_never_mention_what_is_hidden():
    for seen, caption in CAPTIONED:
        if seen["hair_style"] is None:
            assert not said(HAIR, caption), caption
        if seen["facial_hair"] == "none":
            assert not said(BEARD, caption), caption
        if seen["hat"] == "none":
            assert not said(HATS, caption), caption
        if seen["clothing"] is None:
            assert not said(CLOTHES, caption), caption
        if seen["glasses"] == "none":
            assert not said(GLASSES, caption), caption
        if seen["eyes"] is None:
            assert not said("eyes|wink|winking|glance|eyebrow|eyebrows|brows", caption), caption
        if seen["presentation"] != "woman":
            assert not said("woman|lady|she", caption), caption
        if seen["presentation"] != "man":
            assert not said("man|guy|he|clean-shaven", caption), caption


def test_captions_name_the_right_values():
    """Every word that belongs to one value alone occurs only with that value."""
    words = {
        "mouth": {
            "smiling": "smiling|smile|happy(?! eyes)",
            "grinning": "grinning|laughing|grin",
            "sad": "sad|sad-looking|frowning",
            "grimacing": "grimacing|grimace|gritted",
            "tongue out": "tongue",
        },
        "hair_style": {
            "curly": "curly|curls",
            "afro": "afro",
            "bun": "bun",
            "mohawk": "mohawk",
            "bald": "bald|no hair",
        },
        "glasses": {"round": "round", "square": "square|rectangular", "eyepatch": "eyepatch|eye patch"},
        "clothing": {"hoodie": "hoodie|hooded", "suit": "suit|tie", "sweater": "sweater|jumper"},
        "hat": {"turban": "turban", "hijab": "hijab|headscarf", "earflap hat": "earflap|earflaps"},
        "eyes": {"hearts": "heart|heart-shaped", "closed": "closed|shut"},
        "skin_tone": {"dark": "dark skin", "pale": "pale"},
    }
    for name, values in words.items():
        for value, pattern in values.items():
            spoken = [seen[name] for seen, caption in CAPTIONED if said(pattern, caption)]
            assert spoken, (name, value)
            assert set(spoken) == {value}, (name, value, Counter(spoken))


@pytest.mark.parametrize(
    ("attribute", "nouns"),
    [
        ("hair_colour", "hair|afro|bob|bun|dreads|dreadlocks|braids|quiff|mohawk|curls"),
        ("facial_hair_colour", BEARD),
        ("hat_colour", "beanie|turban|hijab|headscarf"),
        ("clothing_colour", "hoodie|sweater|jumper|tie|tee|t-shirt|shirt"),
        ("background", "background|backdrop|wall"),
    ],
)
def test_colour_words_are_those_of_their_noun(attribute, nouns):
    colours = set(avatars.ATTRIBUTES[attribute])
    found = 0
    for seen, caption in CAPTIONED:
        for word in re.findall(rf"(\w+) (?:{nouns})\b", caption):
            colour = word if word in colours else SAME.get(word)
            if colour in colours:
                found += 1
                assert colour == seen[attribute], caption
            elif word == "orange":
                assert seen[attribute] == "orange", caption
    assert found > 1000


def test_the_words_of_the_demonstration_are_spoken():
    text = " ".join(caption for _, caption in CAPTIONED)
    for phrase in ("a smiling woman", "curly red hair", "round glasses", "a blue hoodie"):
        assert phrase in text


def test_articles_agree():
    for _, caption in CAPTIONED:
        assert not re.search(r"\ba [aeio]", caption), caption
        assert not re.search(r"\ban [^aeio]", caption), caption


def test_mask_is_exactly_the_foreground():
    """Change the background alone: what the mask calls foreground stays, what it calls background follows."""
    for avatar in PEOPLE[:40]:
        elsewhere = replace(avatar, colours={**avatar.colours, "background": "#FF00FF"})
        one, two = avatars.render(avatar, 64), avatars.render(elsewhere, 64)
        assert one.rgb.shape == (64, 64, 3) and one.mask.shape == (64, 64)
        assert (one.mask == two.mask).all()
        assert (one.rgb[one.mask == 255] == two.rgb[one.mask == 255]).all()
        assert (one.rgb[one.mask == 0] == rgb(avatar.colours["background"])).all()
        assert (two.rgb[one.mask == 0] == (255, 0, 255)).all()
        edge = (one.mask > 8) & (one.mask < 247)
        assert (one.rgb[edge] != two.rgb[edge]).any(-1).all()
        assert 0.3 < (one.mask > 127).mean() < 0.95


def test_boxes_and_keypoints_lie_in_the_picture_and_hold_what_they_say():
    size = 96
    for avatar in PEOPLE[:150]:
        picture = avatars.render(avatar, size)
        for x, y, width, height in picture.boxes.values():
            assert min(x, y) >= 0 and min(width, height) > 0
            assert x + width <= size and y + height <= size
        for x, y, _ in picture.keypoints.values():
            assert 0 <= x < size and 0 <= y < size
        for label, colour in (
            ("hair", "hair"),
            ("hat", "hat"),
            ("facial hair", "facial_hair"),
            ("clothing", "clothing"),
        ):
            if label in picture.boxes and avatar.attributes["clothing"]:
                wanted = np.array(rgb(avatar.colours[colour]))
                inside = _crop(picture.rgb, picture.boxes[label]).astype(int)
                assert (np.abs(inside - wanted).max(-1) < 24).mean() > 0.02, (label, avatar.parts)
        assert set(picture.boxes) >= {"face", "mouth"}
        assert ("hair" in picture.boxes) == (avatar.attributes["hair_colour"] is not None)
        assert ("glasses" in picture.boxes) == (avatar.attributes["glasses"] != "none")


def _crop(array, box):
    x, y, width, height = (round(value) for value in box)
    return array[y : y + height, x : x + width]


@pytest.mark.parametrize("kind", ["eyes", "mouth", "eyebrows", "glasses", "facial_hair"])
def test_a_part_changes_pixels_in_its_box_only(kind):
    """Swap one part for another: the change is seen (so the caption is about something) and lies in the boxes."""
    size, tried = 240, 0
    swap = {
        "eyes": "surprised",
        "mouth": "serious",
        "eyebrows": "unibrow_natural",
        "glasses": None,
        "facial_hair": None,
    }
    for avatar in PEOPLE[:60]:
        if avatar.attributes[kind] in (None, "none") or avatar.parts[kind] == swap[kind]:
            continue
        other = {**avatar.parts, kind: swap[kind]}
        one, two = (
            avatar_parts.rasterise(avatar_parts.assemble(parts, avatar.colours), size).astype(int)
            for parts in (avatar.parts, other)
        )
        rows, columns = np.nonzero(np.abs(one - two).max(-1) > 16)
        assert len(rows) > 60, (kind, avatar.parts)
        extents = [found for parts in (avatar.parts, other) if (found := avatar_parts.extent(kind, parts))]
        left, top, _ = avatar_parts.VIEW
        margin = 4  # soft shadows reach a little beyond what is opaque
        assert columns.min() + left >= min(found[0] for found in extents) - margin
        assert columns.max() + left <= max(found[2] for found in extents) + margin
        assert rows.min() + top >= min(found[1] for found in extents) - margin
        assert rows.max() + top <= max(found[3] for found in extents) + margin
        tried += 1
    assert tried > 5
