from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from limner.pictures import BadPicture, decode, digest, load
from picture_sets import encoded, picture, png_header


def flat(mode: str, colour: object, size: tuple[int, int] = (4, 4)) -> Image.Image:
    return Image.new(mode, size, colour)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("image", "kind", "wanted"),
    [
        (flat("RGB", (10, 20, 30)), "PNG", (10, 20, 30)),
        (flat("L", 77), "PNG", (77, 77, 77)),
        (flat("1", 1), "PNG", (255, 255, 255)),
        (flat("RGBA", (10, 20, 30, 0)), "PNG", (255, 255, 255)),
        (flat("RGBA", (0, 0, 0, 128)), "PNG", (127, 127, 127)),
        (flat("LA", (0, 0)), "PNG", (255, 255, 255)),
        (flat("RGB", (200, 10, 30)).convert("P"), "PNG", (204, 0, 51)),
        (flat("I;16", 65535), "PNG", (255, 255, 255)),
        (flat("I;16", 257 * 64), "PNG", (64, 64, 64)),
        (flat("CMYK", (0, 0, 0, 0)), "TIFF", (255, 255, 255)),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else None,
)
def test_every_mode_becomes_rgb(image: Image.Image, kind: str, wanted: tuple[int, ...]) -> None:
    pixels = decode(encoded(image, kind), 4)
    assert pixels.shape == (3, 4, 4) and pixels.dtype == np.uint8
    assert np.abs(pixels[:, 0, 0].astype(int) - wanted).max() <= 1


def test_a_transparent_palette_colour_shows_white() -> None:
    image = flat("P", 0)
    image.putpalette([9, 9, 9] * 256)
    assert decode(encoded(image, "PNG", transparency=0), 4).min() == 255


def test_a_photograph_is_turned_upright() -> None:
    image = Image.new("RGB", (8, 8), "white")
    image.paste("black", (0, 0, 8, 4))  # dark above
    exif = Image.Exif()
    exif[0x0112] = 3  # taken upside down
    pixels = decode(encoded(image, "JPEG", exif=exif, quality=95), 8)
    assert pixels[:, 1].mean() > 200 and pixels[:, 6].mean() < 50


def test_the_middle_square_is_kept() -> None:
    image = Image.new("RGB", (40, 10), "white")
    image.paste("black", (15, 0, 25, 10))
    assert decode(encoded(image), 10).max() == 0
    assert decode(encoded(image.rotate(90, expand=True)), 10).max() == 0


def test_shrinking_does_not_alias() -> None:
    stripes = np.zeros((64, 64, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    pixels = decode(encoded(Image.fromarray(stripes)), 8)
    assert np.abs(pixels.astype(int) - 127).max() < 20  # nearest neighbour would give 0 or 255


def test_a_large_jpeg_is_much_like_one_decoded_in_full() -> None:
    smooth = picture(0, (8, 8)).resize((512, 400), Image.Resampling.BICUBIC)
    jpeg = encoded(smooth, "JPEG", quality=95)
    full = np.asarray(load(jpeg).convert("RGB").crop((56, 0, 456, 400)).resize((32, 32), Image.Resampling.LANCZOS))
    assert np.abs(decode(jpeg, 32).transpose(1, 2, 0).astype(int) - full).mean() < 2


@pytest.mark.parametrize(
    ("content", "kind", "says"),
    [
        (b"", "unreadable", "is empty"),
        (b"just some text", "unreadable", "is not a picture"),
        (encoded(picture(0, (64, 64)), "JPEG")[:700], "unreadable", "is broken"),
        (encoded(picture(0, (64, 64)))[:700], "unreadable", "is broken"),
        (encoded(picture(0, (64, 64)), "WEBP")[:700], "unreadable", "is"),
        (png_header(30_000, 30_000), "too large", "30000 x 30000|more than the 50 megapixels"),
        (png_header(10_000, 5_001), "too large", "10000 x 5001"),
        (png_header(10_000, 5_000), "unreadable", "is broken"),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_bad_pictures(content: bytes, kind: str, says: str) -> None:
    with pytest.raises(BadPicture, match=says) as caught:
        decode(content, 8)
    assert caught.value.kind == kind and "\n" not in str(caught.value)


def test_the_digest_stands_for_the_bytes() -> None:
    assert digest(b"a") == digest(b"a") != digest(b"b")
    assert 0 <= digest(b"a") < 2**64
