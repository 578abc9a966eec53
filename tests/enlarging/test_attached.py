"""An artist with an enlarger: it draws as before, and larger where that is asked for; nothing that measures knows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import limner
from artists import TEXTS, published, storyteller
from enlargers import with_enlarger
from limner import checkpoint
from limner.drawing import recipe
from limner.drawing.artist import Artist
from limner.errors import UserError
from limner.evaluation import evaluate
from limner.imaging.sheets import to_pil
from limner.processes import Processes
from limner.requests import Caption, Story


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    place = tmp_path_factory.mktemp("artists")
    plain = published(place / "hats")
    return plain, with_enlarger(plain, place / "large" / "hats")


@pytest.fixture(scope="module")
def large(folders: tuple[Path, Path]) -> Artist:
    return limner.load(folders[1])


def png(image: Image.Image) -> bytes:
    return recipe.encode(image, image.info["limner"])


def test_what_is_drawn_without_a_size_stays_the_same_to_the_last_byte(folders: tuple[Path, Path]) -> None:
    plain, upgraded = (Artist(limner.open(folder), checkpoint.read(folder), "hats", folder) for folder in folders)
    for a, b in zip(plain.draw(TEXTS, n=3, seed=5), upgraded.draw(TEXTS, n=3, seed=5), strict=True):
        assert png(a) == png(b)
    assert (folders[0] / checkpoint.WEIGHTS).read_bytes() == (folders[1] / checkpoint.WEIGHTS).read_bytes()


def test_a_size_enlarges_the_picture_that_is_drawn_and_the_recipe_says_so(large: Artist) -> None:
    assert large.sizes == (8, 32) and large.enlarger is not None
    (small,), (picture,) = (large.draw(TEXTS[0], seed=5, size=size) for size in (8, 32))
    assert small.size == (8, 8) and picture.size == (32, 32)
    pixels = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.no_grad():
        (by_hand,) = to_pil(large.enlarger.net(pixels))
    assert picture.tobytes() == by_hand.tobytes()
    told = json.loads(picture.info["limner"])
    assert told == json.loads(small.info["limner"]) | {"size": 32, "enlarger": large.enlarger.sha256}
    assert png(large.redraw(told)) == png(picture)


def test_a_picture_is_enlarged_alike_whatever_is_drawn_beside_it(large: Artist) -> None:
    small, many = (large.draw(TEXTS, n=4, seed=1, batch=8, size=size) for size in (None, 32))
    assert large.enlarger is not None
    for one, picture in zip(small, many, strict=True):
        assert large.enlarger.enlarge(one).tobytes() == picture.tobytes()


def test_other_sizes_are_refused_in_one_line(folders: tuple[Path, Path], large: Artist) -> None:
    for size in (16, 256, True, 32.0, "32"):
        with pytest.raises(UserError, match="draws pictures of 8 or 32 pixels, not of"):
            large.draw(TEXTS[0], size=size)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="of 8 pixels, not of 32; `limner enlarge` teaches it"):
        limner.load(folders[0]).draw(TEXTS[0], size=32)


def test_pictures_of_another_size_are_not_taken(large: Artist) -> None:
    assert large.enlarger is not None
    with pytest.raises(UserError, match="takes pictures of 8 x 8 pixels, and this has 8 x 4"):
        large.enlarger.enlarge(Image.new("RGB", (8, 4)))


def test_morphs_walks_and_drafts_are_enlarged(large: Artist) -> None:
    frames = [*large.morph(*TEXTS, frames=3, size=32), *large.walk(TEXTS[0], frames=2, size=32)]
    assert {image.size for image in frames} == {(32, 32)}
    (drawn,) = large.at(32).watch(large.plan(TEXTS[0], 1, 3))
    assert drawn.image.size == (32, 32) and drawn.drafts[-1].images is not None
    assert drawn.drafts[-1].images.shape[-1] == 8, "drafts are as the system draws them"


def test_nothing_that_measures_looks_at_the_size(large: Artist) -> None:
    requests = [Caption(text) for text in TEXTS]
    by_size = [evaluate.draw(large.at(size).system, requests, [1, 2], Processes()) for size in (8, 32)]
    assert by_size[0].shape == (2, 3, 8, 8) and torch.equal(*by_size)


def test_stories_are_enlarged_frame_by_frame_and_keep_those_before_a_change(tmp_path: Path) -> None:
    teller = limner.load(with_enlarger(storyteller(tmp_path / "plain"), tmp_path / "teller", factor=2))
    assert teller.enlarger is not None
    lines = ["a red cube", "a blue ball", "a green cube"]
    small, strip = (teller.story(lines, 3, size=size) for size in (None, 32))
    for frame, own in zip(strip.frames, small.frames, strict=True):
        assert frame.size == (32, 32) and frame.tobytes() == teller.enlarger.enlarge(own).tobytes()
    (whole,) = teller.draw(Story(tuple(lines)), seed=3, size=32)
    assert whole.size == (96, 32)
    for place, frame in enumerate(strip.frames):
        assert whole.crop((32 * place, 0, 32 * place + 32, 32)).tobytes() == frame.tobytes()
    other = teller.retell(strip, [*lines[:2], "a red ball"])
    assert other.recipe["size"] == 32 and {frame.size for frame in other.frames} == {(32, 32)}
    assert [a.tobytes() == b.tobytes() for a, b in zip(strip.frames, other.frames, strict=True)] == [True, True, False]


def test_a_damaged_enlarger_is_named_in_one_line(folders: tuple[Path, Path], tmp_path: Path) -> None:
    def copy(name: str) -> Path:
        return Path(shutil.copytree(folders[1], tmp_path / name))

    cut = copy("cut")
    (cut / "enlarger.safetensors").write_bytes((cut / "enlarger.safetensors").read_bytes()[:-9])
    with pytest.raises(UserError, match=r"enlarger\.safetensors is truncated"):
        limner.load(cut)
    gone = copy("gone")
    (gone / "enlarger.safetensors").unlink()
    with pytest.raises(UserError, match=r"has no enlarger\.safetensors"):
        limner.load(gone)
    for name, change, line in (
        ("other", {"width": 5}, "is not as system.json says"),
        ("three", {"factor": 3}, "power of two"),
        ("strange", {"beauty": 1}, "unknown field 'beauty'"),
    ):
        bent = copy(name)
        record = json.loads((bent / checkpoint.RECORD).read_bytes())
        record["enlarger"]["config"] |= change
        (bent / checkpoint.RECORD).write_text(json.dumps(record))
        with pytest.raises(UserError, match=line):
            limner.load(bent)
