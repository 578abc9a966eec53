"""What an artist promises: the same picture for the same words, clear refusals, and a way between two prompts."""

from __future__ import annotations

import itertools
import json
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import limner
from artists import TEXTS, fake, published
from limner import checkpoint
from limner.drawing import artist as artists
from limner.drawing import recipe, resolve
from limner.drawing.artist import Artist
from limner.errors import UnknownWords, UserError
from limner.imaging.sheets import enlarged, film, sheet, to_pil
from limner.noise import RowNoise
from limner.requests import Blend, Caption, Nothing, Story


@pytest.fixture(scope="module")
def artist(tmp_path_factory: pytest.TempPathFactory) -> Artist:
    return artists.load(published(tmp_path_factory.mktemp("artist") / "a"))


def bytes_of(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def recipe_of(image: Image.Image) -> dict[str, object]:
    return json.loads(image.info["limner"])


def test_pictures_come_prompt_by_prompt_with_rising_seeds(artist: Artist) -> None:
    images = artist.draw(TEXTS, n=3, seed=7)
    told = [(recipe_of(image)["request"]["text"], recipe_of(image)["seed"]) for image in images]  # type: ignore[index]
    assert told == [(text, seed) for text in TEXTS for seed in (7, 8, 9)]
    assert all(image.size == (8, 8) and image.mode == "RGB" for image in images)


def test_a_picture_is_what_the_system_draws(artist: Artist) -> None:
    *_, last = artist.system.sample([Caption(TEXTS[0])], artist.knobs(), RowNoise([5]))
    expected = ((last.images[0].permute(1, 2, 0) + 1) * 127.5).round().byte().numpy()
    assert (np.asarray(artist.draw(TEXTS[0], seed=5)[0]) == expected).all()


def test_the_same_call_draws_the_same_bytes_and_a_batch_the_same_picture(artist: Artist) -> None:
    many = artist.draw(TEXTS, n=5, seed=1, batch=4)
    for again, image in zip(artist.draw(TEXTS, n=5, seed=1, batch=4), many, strict=True):
        assert (bytes_of(again) == bytes_of(image)).all()
    alone = [artist.draw(text, seed=seed)[0] for text in TEXTS for seed in range(1, 6)]
    for one, image in zip(alone, many, strict=True):
        assert np.abs(bytes_of(one) - bytes_of(image)).max() <= 1
    assert len({image.tobytes() for image in many}) == 10, "seeds and prompts that differ draw alike"


def test_without_a_seed_chance_chooses_and_says_what(artist: Artist) -> None:
    first, second = artist.draw(TEXTS[0])[0], artist.draw(TEXTS[0])[0]
    assert recipe_of(first)["seed"] != recipe_of(second)["seed"]
    assert (bytes_of(artist.draw(TEXTS[0], seed=recipe_of(first)["seed"])[0]) == bytes_of(first)).all()  # type: ignore[arg-type]


def test_knobs_turn_and_are_checked(artist: Artist) -> None:
    still = artist.draw(TEXTS[0], n=2, seed=1, knobs={"strength": 0.0})
    assert (bytes_of(still[0]) == bytes_of(still[1])).all()
    assert recipe_of(still[0])["knobs"] == {"strength": 0.0}
    with pytest.raises(UserError, match="did you mean 'strength'"):
        artist.draw(TEXTS[0], knobs={"strenght": 1})


def test_drafts_come_in_order(artist: Artist) -> None:
    assert [draft.progress for draft in artist.drafts(TEXTS[0], n=2)] == [0.5, 1.0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"prompt": ""}, "prompt is empty"),
        ({"prompt": " \n\t"}, "prompt is empty"),
        ({"prompt": [TEXTS[0], ""]}, "prompt is empty"),
        ({"prompt": []}, "no prompt"),
        ({"prompt": None}, "needs a prompt"),
        ({"prompt": Nothing()}, "draws from a Caption"),
        ({"prompt": Story(("a", "b"))}, "draws from a Caption"),
        ({"prompt": 7}, "draws from a Caption"),
        ({"prompt": "x" * 2_001}, "2,001 characters, and 2,000 is the limit"),
        ({"prompt": TEXTS[0], "n": 0}, "must be 1 or more, not 0"),
        ({"prompt": TEXTS[0], "n": -2}, "must be 1 or more"),
        ({"prompt": TEXTS[0], "n": 1.5}, "must be 1 or more"),
        ({"prompt": TEXTS[0], "seed": -1}, "from 0 to"),
        ({"prompt": TEXTS[0], "seed": 2**60}, "from 0 to"),
        ({"prompt": TEXTS[0], "seed": 0.5}, "from 0 to"),
        ({"prompt": TEXTS[0], "batch": 0}, "batch must be 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(artist: Artist, arguments: dict, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        artist.draw(**arguments)
    assert "\n" not in str(caught.value)


def test_a_whole_novel_is_refused_at_once(artist: Artist) -> None:
    began = time.process_time()
    for novel in ("word " * 20_000, "x" * 100_000):
        with pytest.raises(UserError, match="100,000 characters"):
            artist.draw(novel)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    "prompt", ["a red hat 🎩", "🙂🙃", "قبعة حمراء", "כובע אדום", "a\u202ered\u202c hat", "e\u0301t\u0000e"]
)
def test_any_writing_can_be_drawn_and_kept(artist: Artist, prompt: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnknownWords)
        (image,) = artist.draw(prompt, seed=3)
    path = recipe.write(image, tmp_path / "a.png")
    made = recipe.read(path)
    assert made["request"]["text"] == prompt
    assert (bytes_of(artist.redraw(made)) == bytes_of(Image.open(path))).all()


def test_unknown_words_are_named_with_the_nearest_and_where_it_was_asked(artist: Artist) -> None:
    with pytest.warns(UnknownWords, match=r"'hhat' \(read as 'hat'\), 'zebra'") as caught:
        artist.draw("a red hhat zebra", seed=1)
    assert caught[0].filename == __file__
    with pytest.warns(UnknownWords, match="no word in it"):
        artist.draw("!?", seed=1)
    with pytest.warns(UnknownWords, match="and 4 more"):
        artist.draw(" ".join(f"qq{letter}qq" for letter in "abcdefghijkl"), seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        artist.draw(TEXTS[0], seed=1)


def test_a_morph_leads_from_one_prompt_to_the_other(artist: Artist) -> None:
    frames = artist.morph(*TEXTS, frames=5, seed=4)
    ends = artist.draw(TEXTS, seed=4)
    assert len(frames) == 5
    assert (bytes_of(frames[0]) == bytes_of(ends[0])).all() and (bytes_of(frames[-1]) == bytes_of(ends[1])).all()
    (middle,) = artist.draw(Blend(Caption(TEXTS[0]), Caption(TEXTS[1]), 0.5), seed=4)
    assert np.abs(bytes_of(frames[2]) - bytes_of(middle)).max() <= 1
    way = [np.abs(bytes_of(a) - bytes_of(b)).mean() for a, b in itertools.pairwise(frames)]
    assert max(way) < np.abs(bytes_of(ends[0]) - bytes_of(ends[1])).mean(), "a step is as long as the whole way"
    with pytest.raises(UserError, match="frames must be 2"):
        artist.morph(*TEXTS, frames=1)
    with pytest.raises(UserError, match="prompt is empty"):
        artist.morph(TEXTS[0], "")


def test_a_walk_passes_through_its_seeds(artist: Artist) -> None:
    frames = artist.walk(TEXTS[0], [3, 9, 4], frames=4)
    assert len(frames) == 9
    for place, seed in ((0, 3), (4, 9), (8, 4)):
        assert np.abs(bytes_of(frames[place]) - bytes_of(artist.draw(TEXTS[0], seed=seed)[0])).max() <= 1
    made = recipe_of(frames[1])
    assert made["seed"] == [3, 9, 0.25]
    assert np.abs(bytes_of(artist.redraw(made)) - bytes_of(frames[1])).max() <= 1
    with pytest.raises(UserError, match="two seeds"):
        artist.walk(TEXTS[0], [3])
    with pytest.raises(UserError, match="from 0 to"):
        artist.walk(TEXTS[0], [3, -1])


def test_a_system_that_knows_no_blends_says_so(artist: Artist, monkeypatch: pytest.MonkeyPatch) -> None:
    def plain(requests: list[Caption], knobs: object, rng: RowNoise) -> object:
        text = artist.system.encode(requests)
        yield limner.system.Draft(images=torch.zeros(len(text), 3, 8, 8))

    monkeypatch.setattr(artist.system, "sample", plain)
    assert len(artist.draw(TEXTS[0])) == 1
    with pytest.raises(UserError, match="cannot draw what lies between"):
        artist.morph(*TEXTS)


def test_a_system_that_is_told_nothing(artist: Artist, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artist.system, "takes", Nothing)
    assert artist.requests(None) == [Nothing()]
    with pytest.raises(UserError, match="leave the prompt out"):
        artist.draw("a hat")
    with pytest.raises(UserError, match="nothing to morph"):
        artist.morph("a", "b")


def test_loading_by_every_kind_of_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = published(tmp_path / "bundle" / "hats")
    monkeypatch.setattr(resolve, "BUNDLED", tmp_path / "bundle")
    assert resolve.bundled() == ["hats"]
    assert limner.load("hats").folder == folder
    assert limner.load(folder).sha256 == checkpoint.read(folder)["sha256"]["weights.safetensors"]
    with pytest.raises(UserError, match="did you mean 'hats'"):
        limner.load("hat")
    with pytest.raises(UserError, match="no such folder"):
        limner.load(tmp_path / "nowhere" / "deep")
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text("{}")
    with pytest.raises(UserError, match="no checkpoint yet"):
        limner.load(run)
    published(run / "checkpoints" / "0000000010", seed=1)
    newest = published(run / "checkpoints" / "0000000200", seed=2)
    assert limner.load(run).folder == newest


def test_the_device_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = published(tmp_path / "a")
    monkeypatch.setenv("LIMNER_DEVICE", "meta")
    assert next(limner.load(folder).system.parameters()).device.type == "meta"
    assert next(limner.load(folder, device="cpu").system.parameters()).device.type == "cpu"
    with pytest.raises(UserError, match="unknown device 'gpu'"):
        limner.load(folder, device="gpu")
    with pytest.raises(UserError, match="no GPU 'cuda:99' here"):
        limner.load(folder, device="cuda:99")


def test_recipes_that_are_none(tmp_path: Path, artist: Artist) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "plain.png")
    (tmp_path / "text.png").write_text("no picture")
    broken = Image.new("RGB", (4, 4))
    for name, content in (("json", "{"), ("list", "[]"), ("short", "{}")):
        broken.info["limner"] = content
        recipe.write(broken, tmp_path / f"{name}.png")
    for name, says in {
        "nowhere": "no picture at",
        "plain": "holds no recipe",
        "text": "is not a PNG",
        "json": "damaged",
        "list": "damaged",
        "short": "damaged",
    }.items():
        with pytest.raises(UserError, match=says):
            recipe.read(tmp_path / f"{name}.png")
    with pytest.raises(UserError, match="kept as PNG"):
        recipe.write(artist.draw(TEXTS[0])[0], tmp_path / "a.jpg")
    with pytest.raises(UserError, match="cannot write"):
        recipe.write(artist.draw(TEXTS[0])[0], tmp_path / "text.png" / "a.png")


def test_sheets_and_films(tmp_path: Path, artist: Artist) -> None:
    images = [Image.new("RGB", (64, 64), (i * 20, 0, 0)) for i in range(6)]
    page = sheet(images, 4, gap=2)
    assert page.size == (4 * 66 + 2, 2 * 66 + 2)
    assert page.getpixel((2 + 66 + 5, 10)) == (20, 0, 0) and page.getpixel((2 + 66 + 5, 66 + 10)) == (100, 0, 0)
    told = sheet(images, 3, ["a long caption that must be wrapped 🙂 שלום"] * 6)
    assert told.height > sheet(images, 3).height
    assert sheet(images).width == 3 * 66 + 2
    for bad in ((lambda: sheet([])), (lambda: sheet(images, 0)), (lambda: sheet(images, 2, ["one"]))):
        with pytest.raises(UserError):
            bad()
    with Image.open(film(images, tmp_path / "sub" / "a.gif")) as gif:
        assert gif.n_frames == 10
    (drawn,) = artist.draw(TEXTS[0], seed=1)
    assert enlarged(drawn, 3).size == (24, 24) and enlarged(drawn, 3).info == drawn.info


def test_tensors_become_pictures() -> None:
    images = torch.tensor([-1.0, 0.0, 1.0, 2.0]).view(1, 1, 2, 2).expand(1, 3, 2, 2)
    assert np.asarray(to_pil(images)[0])[..., 0].tolist() == [[0, 128], [255, 255]]
    assert to_pil(torch.zeros(2, 4, 3, 8, 8))[0].size == (32, 8)


def test_the_public_names_resolve_and_import_limner_is_light() -> None:
    import subprocess
    import sys

    for name in [*limner.__all__, "__version__"]:
        assert getattr(limner, name) is not None
    with pytest.raises(AttributeError):
        limner.no_such_name  # noqa: B018
    code = "import sys, limner, limner.cli; assert not {'torch', 'numpy', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)


def test_an_artist_tells_what_it_is(artist: Artist) -> None:
    assert artist.examples == TEXTS and "fake-system" in repr(artist)
    assert artist.record["parameters"] == sum(p.numel() for p in fake().state_dict().values())
