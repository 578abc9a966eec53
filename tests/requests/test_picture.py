"""A request that begins from a picture: what it holds, what it refuses, and what of the picture stays as it is."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from limner.blocks.given import given_pictures, keep_known
from limner.data.schema import Schema
from limner.errors import UserError
from limner.imaging.sheets import to_pil
from limner.pictures import decode
from limner.requests import (
    Attributes,
    Blend,
    Caption,
    Nothing,
    Picture,
    Request,
    asked,
    between,
    from_json,
    texts,
    to_json,
)
from picture_sets import png_header
from toy import shapes

SCHEMA = Schema(8)


def photo(width: int = 40, height: int = 30, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def mask(width: int = 40, height: int = 30) -> Image.Image:
    """White on the left half."""
    white = Image.new("L", (width, height), 0)
    white.paste(255, (0, 0, width // 2, height))
    return white


def encoded(image: Image.Image, kind: str = "PNG") -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return base64.b64encode(buffer.getvalue()).decode()


def test_there_and_back_with_what_is_asked_beside_it() -> None:
    for beside in (None, Caption("a hat"), Blend(Caption("a"), Caption("b"), 0.5)):
        request = Picture.of(photo(), mask(), beside)
        request.check(SCHEMA)
        assert from_json(json.loads(json.dumps(to_json(request)))) == request
        assert asked([request]) == [beside or Nothing()]


def test_other_requests_ask_what_they_are() -> None:
    assert asked([Caption("a"), Nothing()]) == [Caption("a"), Nothing()]


def test_texts_and_captions_are_those_of_what_is_asked() -> None:
    request = Picture.of(photo(), None, Caption("a hat"))
    assert request.captions() == ("a hat",) and request.sentence() == "a hat" and list(texts(request)) == ["a hat"]
    assert list(texts(Picture.of(photo()))) == []


def test_it_is_read_as_training_reads_pictures() -> None:
    """Bytes of the middle square, resized in one step, and what is small already stays as it is."""
    request = Picture(encoded(photo()))
    small = request.read_at(8)
    pixels, known = request.arrays(8)
    assert np.array_equal(pixels, decode(base64.b64decode(request.pixels), 8)) and not known.any()
    assert small.read_at(8) == small and np.array_equal(small.arrays(8)[0], pixels)
    assert len(small.pixels) < 1000


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF"])
def test_other_formats_are_read(kind: str) -> None:
    request = Picture(encoded(photo(), kind), encoded(mask()))
    request.check(SCHEMA)
    assert request.read_at(8).arrays(8)[0].shape == (3, 8, 8)


def test_a_turned_jpeg_and_its_mask() -> None:
    """Its mask is painted over the picture as one sees it, upright, though its file lies on its side."""
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    photo(800, 600).save(buffer, "JPEG", exif=exif)
    request = Picture(base64.b64encode(buffer.getvalue()).decode(), encoded(mask(600, 800)))
    _, known = request.arrays(8)
    assert known[:, :4].all() and not known[:, 4:].any()


def test_a_pixel_is_known_only_where_all_of_it_is() -> None:
    """At 3 pixels a side the middle column is half known: it is drawn."""
    _, known = Picture(encoded(photo(30, 30)), encoded(mask(30, 30))).arrays(3)
    assert known.tolist() == [[True, False, False]] * 3


def test_every_known_pixel_is_put_back_to_the_last_bit() -> None:
    """All 256 values, through [-1, 1] and back to bytes."""
    every = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = Image.fromarray(np.stack([every] * 3, axis=-1))
    given = given_pictures([Picture.of(image, mask(16, 16)), Caption("a")], 16, "cpu")
    assert given.is_given.tolist() == [True, False] and not given.pixels[1].any() and not given.known[1].any()
    drawn = torch.rand(2, 3, 16, 16) * 2 - 1
    kept = keep_known(drawn, given)
    assert torch.equal(kept[0, :, :, :8], given.pixels[0, :, :, :8]) and torch.equal(
        kept[0, :, :, 8:], drawn[0, :, :, 8:]
    )
    assert torch.equal(kept[1], drawn[1])
    shown = np.asarray(to_pil(kept)[0])
    assert np.array_equal(shown[:, :8], np.asarray(image)[:, :8])


def test_one_picture_with_two_wordings_mixes() -> None:
    first, second = (Picture.of(photo(), mask(), Caption(text)) for text in ("red", "blue"))
    middle = between(first, second, 0.25)
    middle.check(SCHEMA)
    assert asked([middle]) == [Blend(Caption("red"), Caption("blue"), 0.25)]
    assert torch.equal(given_pictures([middle], 8, "cpu").pixels, given_pictures([first], 8, "cpu").pixels)
    assert middle.read_at(8).picture() == first.read_at(8)
    for other in (Picture.of(photo(seed=1), mask(), Caption("blue")), Caption("blue"), Picture.of(photo(), mask())):
        with pytest.raises(UserError, match="nothing lies between"):
            between(first, other, 0.5)


def refusal(request: Request, side: int = 8) -> str:
    with pytest.raises(UserError) as caught:
        request.check(SCHEMA)
        request.read_at(side)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250
    return str(caught.value)


BOMB = base64.b64encode(png_header(30_000, 30_000)).decode()


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (Picture(""), "pixels is empty: give a picture in base64"),
        (Picture("not base64!"), "pixels must be a picture in base64"),
        (Picture(base64.b64encode(b"hello").decode()), "pixels is not a picture"),
        (Picture(encoded(photo())[:400]), "pixels|broken"),
        (Picture("A" * (12 * 2**20 + 4)), "12,582,916 characters, and 12,582,912 is the limit"),
        (Picture(BOMB), "more than the 50 megapixels allowed"),
        (Picture(encoded(photo()), BOMB), "more than the 50 megapixels allowed"),
        (Picture(encoded(photo()), encoded(mask(30, 40))), "has 30 x 40 pixels, and its picture has 40 x 30"),
        (Picture.of(photo(), Image.new("L", (40, 30), 0)), "the mask keeps nothing of the picture"),
        (Picture.of(photo(), Image.new("L", (40, 30), 255)), "the mask keeps the whole picture"),
        (Picture.of(photo(), None, Picture.of(photo())), "a picture holds no picture"),
        (
            Picture.of(photo(), None, Blend(Caption("a"), Picture.of(photo()), 0.5)),
            "a picture holds no picture",
        ),
        (Picture.of(photo(), None, Caption(" ")), "the prompt is empty"),
        (Picture.of(photo(), None, "a hat"), "asked must be a request, or none"),  # type: ignore[arg-type]
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_used_is_refused_in_a_line(request_: Request, says: str) -> None:
    assert any(part in refusal(request_) for part in says.split("|"))


def test_a_mask_that_keeps_nothing_once_it_is_small() -> None:
    """One white pixel of 40 x 30 is less than a pixel of 8 x 8."""
    dot = Image.new("L", (40, 30), 0)
    dot.putpixel((20, 15), 255)
    assert "keeps nothing of the picture at 8 x 8 pixels" in refusal(Picture.of(photo(), dot))


def test_a_file_that_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "words.png").write_text("hello")
    for name, says in (("none.png", "cannot be read: No such file"), ("words.png", "is not a picture")):
        with pytest.raises(UserError, match=says):
            Picture.of(tmp_path / name)


def test_what_strangers_send_is_of_four_formats() -> None:
    """A TIFF is a picture, and yet no decoder but those of four formats is ever called for a request."""
    assert "pixels is not a picture: send a PNG, JPEG, WebP or GIF in base64" in refusal(
        Picture(encoded(photo(), "TIFF"))
    )


def test_a_text_is_none() -> None:
    with pytest.raises(UserError, match="give a file with --start"):
        Picture.parse("face.png", SCHEMA)


def test_too_much_within_is_refused() -> None:
    inner = {"kind": "nothing"}
    body = {"kind": "picture", "pixels": "", "asked": inner}
    for _ in range(70):
        body = {"kind": "picture", "pixels": "", "asked": body}
    with pytest.raises(UserError, match="more than 64"):
        from_json(body)
    wide: Request = Caption("0")
    for i in range(40):
        wide = Blend(wide, Caption(str(i + 1)), 0.5)
    both = Blend(Picture(encoded(photo()), "", wide), Picture(encoded(photo()), "", wide), 0.5)
    with pytest.raises(UserError, match="more than 64"):
        from_json(to_json(both))


def test_rows_of_a_data_set_with_holes_of_their_own(tmp_path: Path) -> None:
    """The hole follows from the picture: the same wherever and however often the row stands."""
    data = shapes(tmp_path / "toy")
    length = data.length("test")
    made = data.requests((Picture, Caption), length + 1, "test")
    assert made[0] == made[length] and all(isinstance(one, Picture) for one in made)
    holes = set()
    for row, request in enumerate(made[:length]):
        pixels, known = request.read_at(16).arrays(16)  # type: ignore[attr-defined]
        assert np.array_equal(pixels, data.pictures([row], "test")[0].numpy())
        assert 0 < known.sum() < known.size
        assert asked([request]) == [Caption(data.captions(row, "test")[0])]
        holes.add(known.tobytes())
    assert len(holes) > 1
    (plain,) = data.requests((Picture,), 1, "test")
    assert asked([plain]) == [Nothing()] and asked(data.requests((Picture, Attributes), 1))[0] != Nothing()


def test_its_fields_as_a_form_shows_them() -> None:
    fields = {field["name"]: field for field in Picture.describe(SCHEMA)["fields"]}
    assert [field["type"] for field in fields.values()] == ["picture", "mask", "request"]
    assert [field["required"] for field in fields.values()] == [True, False, False]
