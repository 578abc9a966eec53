"""What the page does around the nets, held against Python: chance, words, PNG, recipes and the gallery's zip."""

from __future__ import annotations

import base64
import io
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import limner
from artists import published
from limner.blocks.text.char_cnn_rnn import CharCnnRnn
from limner.blocks.text.encoders import ByWord, mend
from limner.data.schema import Lexicon, words_of
from limner.drawing import recipe
from limner.errors import UserError
from limner.export import onnx, runner
from limner.imaging.sheets import to_pil
from limner.noise import RowNoise, Style
from limner.requests import Story, to_json
from limner.studio.gallery import files
from limner.studio.gallery.gallery import Gallery
from limner.studio.gallery.recipe import checked, identity, recipe_in
from limner.studio.info.describe import describe_kinds
from limner.system import ExportPart
from nodes import node
from png_recipes import CASES

ODD = [
    "a woman's RED hair, and it's  O'Brien's--test_under_score 3½ x² Ⅷ ٣",
    "İstanbul ΣΊΣΥΦΟΣ straße naïve e\u0301t",
    "日本語 テスト 한국어 👩\u200d🦰 emoji🙂inside",
    "a mna wiht glasess, Glasess and glasess's don't 'quoted' rock'n'roll",
    "नीला गेंद हरी चिड़िया l’homme e\u0301te\u0301 ที่นี่ צה״ל می\u200cتو col·lecció",
    "",
    "...",
    "a_b_c __proto__ constructor toString",
    "word " * 500,
]


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return limner.load("avatars", device="cpu").system.schema.lexicon


@pytest.mark.parametrize("seed", [0, 7, 2**31, 2**32 + 5, 2**53 - 1])
def test_noise_is_what_torch_draws(seed: int) -> None:
    sizes = [1, 3, 15, 16, 17, 31, 32, 64, 100, 5, 656, 7, 2000]
    program = """
    const { RowNoise } = await import(`${page}/browser/noise.js`);
    const rng = new RowNoise(given.seed);
    return given.sizes.map((size) => [...rng.normal(size)]);
    """
    dice = RowNoise([seed])
    for size, drawn in zip(sizes, node(program, {"seed": seed, "sizes": sizes}), strict=True):
        assert torch.allclose(dice.normal(size)[0], torch.tensor(drawn), atol=1e-5), f"{size} numbers"


def test_what_lies_between_seeds_and_styles_is_what_python_draws() -> None:
    style = Style(tuple(round(0.1 * place - 1.6, 4) for place in range(32)), "photo.png")
    seeds: list[Any] = [(1, 2, 0.25), ((1, 2, 0.5), 3, 0.75), (1, 1, 0.5), (((4, 1, 0.1), 1, 0.9), (2, 1, 0.3), 0.5)]
    seeds += [style, (style, 5, 0.5)]
    program = """
    const { RowNoise } = await import(`${page}/browser/noise.js`);
    return given.map((seed) => [...new RowNoise(seed).normal(32)]);
    """
    told = json.loads(json.dumps(seeds, default=vars))
    for seed, drawn in zip(seeds, node(program, told), strict=True):
        assert torch.allclose(RowNoise([seed]).normal(32)[0], torch.tensor(drawn), atol=1e-5), seed


def test_a_style_of_another_size_is_refused() -> None:
    program = """
    const { RowNoise } = await import(`${page}/browser/noise.js`);
    try { new RowNoise(given).normal(4); } catch (error) { return `${error.name}: ${error.message}`; }
    """
    told = node(program, {"noise": [1.0, 2.0], "of": ""})
    assert told == "StudioError: a style of 2 numbers does not fit: this system draws 4 numbers of noise"


def misspelt(words: tuple[str, ...], count: int = 600) -> list[str]:
    """Return words with letters lost, swapped, doubled and changed, the same in every process."""
    dice, found = random.Random(3), []
    for _ in range(count):
        letters = list(dice.choice(words))
        for _ in range(dice.randint(1, 3)):
            place = dice.randrange(len(letters))
            letters[place : place + 1] = dice.choice([[], [letters[place]] * 2, [dice.choice("aeinorst")]])
            if not letters:
                letters = ["x"]
        found.append("".join(letters))
    return [*found, "x" * 65, "\U0001d41a" * 5]


def test_words_and_their_numbers_are_pythons(lexicon: Lexicon) -> None:
    typos = misspelt(lexicon.words)
    program = """
    const { Lexicon, numbersOf } = await import(`${page}/browser/lexicon.js`);
    const { wordsOf } = await import(`${page}/words/words.js`);
    const lexicon = new Lexicon(given.words);
    return {
      words: given.texts.map(wordsOf),
      near: given.typos.map((word) => lexicon.nearest(word)),
      mended: given.texts.map((text) => lexicon.mend(text)),
      unknown: given.texts.map((text) => lexicon.unknown(text)),
      numbers: given.texts.map((text) => given.rules.map((rule) => numbersOf(rule, lexicon, text))),
    };
    """
    rules = [ByWord.rule, {"by": "word", "longest": None}, {**ByWord.rule, "mended": True}, CharCnnRnn.rule]
    told = node(program, {"words": lexicon.words, "texts": ODD, "typos": typos, "rules": rules})
    assert told["words"] == [words_of(text) for text in ODD]
    assert told["near"] == [lexicon.nearest(word) for word in typos]
    assert sum(near is not None for near in told["near"]) > 300
    assert told["mended"] == [mend(lexicon, text) for text in ODD]
    assert told["unknown"] == [lexicon.unknown(text[:2048]) for text in ODD]
    assert told["numbers"] == [[runner.numbers(rule, lexicon, text)[0].tolist() for rule in rules] for text in ODD]


@pytest.mark.parametrize("scene", [True, False])
def test_a_story_asks_its_nets_for_what_python_asks(scene: bool) -> None:
    """The same nets in the same order with the same lines: of one scene where the painter is given it, or chapters."""
    lines = [f"{word} ball" for word in ("a", "b", "c", "d", "e", "f", "g")]
    known, asked = Lexicon.of(lines), list[Any]()
    given = {"noise": torch.zeros(1, 2), "lines": torch.zeros(1, 3, 2), "place": torch.zeros(1).long()}
    given |= {"scene": torch.zeros(1, 3, 2)} if scene else {}
    net, rule = torch.nn.Identity(), {"by": "word", "longest": None}
    parts = {
        "reader": ExportPart(net, {"numbers": torch.zeros(1, 3)}, ("sentence",), rule=rule),
        "setting": ExportPart(net, {"lines": given["lines"]}, ("mu", "i", "h"), {"chance": {"spread": 2}}),
        "painter": ExportPart(net, given, ("image_0", "next_i", "next_h"), {"noise": {"spread": 2}}),
    }

    def run(name: str, given: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        if name == "reader":
            return {"sentence": given["numbers"][:, :2].float()}
        asked.append([name, {key: value.flatten().tolist() for key, value in given.items()}])
        (h,) = [given["h"] + 1] if name == "painter" else [torch.zeros(1, 1)]
        states = {"next_i": h, "next_h": h} if name == "painter" else {"mu": h, "i": h, "h": h}
        return states | ({"image_0": torch.zeros(1, 3, 1, 1)} if name == "painter" else {})

    story = Story(tuple(lines), setting=("f ball", "b ball"))
    list(runner.draw(parts, run, known, story, 3, {"spread": 0.5}))
    program = """
    const { learn } = await import(`${page}/fields.js`);
    learn(given.kinds);
    const { Artist } = await import(`${page}/browser/artist.js`);
    const asked = [];
    const run = async (name, some) => {
      if (name === "reader") {
        const data = Float32Array.from(some.numbers.data.slice(0, 2), Number);
        return { sentence: { data, dims: [1, 2] } };
      }
      const entries = Object.entries(some).map(([key, { data }]) => [key, [...data].map(Number)]);
      asked.push([name, Object.fromEntries(entries)]);
      const h = { data: [name === "painter" ? some.h.data[0] + 1 : 0], dims: [1, 1] };
      const image_0 = { data: new Float32Array(3), dims: [1, 3, 1, 1] };
      return name === "painter" ? { next_i: h, next_h: h, image_0 } : { mu: h, i: h, h };
    };
    const artist = new Artist(given.facts, run);
    for await (const _ of artist.drafts({ request: given.request, seed: 3 }, { spread: 0.5 }));
    return asked;
    """
    facts = {"words": list(known.words), "rule": rule, "request": Story.describe(), **onnx.manifest(parts)}
    found = node(program, {"kinds": describe_kinds(), "facts": facts, "request": to_json(story)})
    assert [name for name, _ in found] == [name for name, _ in asked]
    assert len([name for name, _ in asked if name == "setting"]) == (1 if scene else 3)
    for (_, one), (name, other) in zip(found, asked, strict=True):
        assert set(one) == set(other), name
        for key in one:
            assert np.allclose(one[key], other[key], atol=1e-5), (name, key)


def test_a_png_holds_every_byte_and_the_recipe() -> None:
    torch.manual_seed(0)
    painted = torch.cat([torch.randn(3, 20, 17), torch.linspace(-1, 1, 3 * 20 * 511).view(3, 20, 511)], dim=2)
    halves = (torch.arange(511) + 0.5) / 127.5 - 1
    painted[:, 0, 17:] = halves.clamp(-1.2, 1.2)
    made = {"artist": "ä \u2028 🙂", "request": {"kind": "caption", "text": "é\n\"'"}, "seed": 2**53 - 1, "t": 0.1}
    program = """
    const { Picture, readPng, withRecipe } = await import(`${page}/browser/png.js`);
    const picture = Picture.of({ data: Float32Array.from(given.data), dims: given.dims });
    const bytes = new Uint8Array(await (await picture.png(given.made)).arrayBuffer());
    const other = withRecipe(bytes, { ...given.made, parents: ["p"] });
    const b64 = (some) => Buffer.from(some).toString("base64");
    return { png: b64(bytes), other: b64(other), read: readPng(other) };
    """
    told = node(program, {"data": painted.flatten().tolist(), "dims": [1, *painted.shape], "made": made})
    (own,) = to_pil(painted[None])
    for name, expected in (("png", made), ("other", made | {"parents": ["p"]})):
        image = Image.open(io.BytesIO(base64.b64decode(told[name])))
        assert image.mode == "RGB" and np.array_equal(np.asarray(image), np.asarray(own))
        assert json.loads(image.info["limner"]) == expected
    assert told["read"] == {"width": 528, "height": 20, "recipe": made | {"parents": ["p"]}}


def test_a_recipe_is_found_where_python_finds_it() -> None:
    program = """
    const { readPng } = await import(`${page}/browser/png.js`);
    return given.map((png) => {
      try {
        return readPng(new Uint8Array(Buffer.from(png, "base64"))).recipe;
      } catch (error) {
        return error.message;
      }
    });
    """
    answers = node(program, [base64.b64encode(png).decode() for png, _ in CASES.values()])
    for (name, (png, expected)), answer in zip(CASES.items(), answers, strict=True):
        if not isinstance(expected, str):
            assert answer == expected, name
            continue
        with pytest.raises(UserError) as caught:
            recipe.from_text(recipe.find(io.BytesIO(png), 2**20) or "")
        assert expected in answer and answer.replace("1048576", "1,048,576") == str(caught.value), name


def test_a_picture_has_the_same_name_everywhere() -> None:
    recipes: list[dict[str, Any]] = [
        {"request": {"kind": "caption", "text": text}, "knobs": {"spread": spread}, "seed": seed}
        for text, spread, seed in (("a é 🙂", 1.0, 7), ("b", 0.00001234, [1, [2, 3, 0.1], 1e-7]), ("", 1e15 + 0.5, 0))
    ]
    recipes.append({"request": {"kind": "story", "lines": ["a"] * 30}, "seed": {"noise": [0.5, -2.0], "of": "ü"}})
    recipes += [recipes[0] | {"size": 256, "enlarger": "0b" * 32}, recipes[0] | {"size": 128, "enlarger": "0b" * 32}]
    recipes += [recipes[0] | {"stopped": 3}, recipes[0] | {"request": {"kind": "picture", "pixels": "ab+/"}}]
    recipes += [recipes[0] | {"request": {"kind": "picture", "pixels": "ab", "asked": {"kind": "layout", "boxes": []}}}]
    whole: list[dict[str, Any]] = [{"artist": "x", "system": "y", "checkpoint": "0a" * 32} | one for one in recipes]
    program = """
    const { checked, identity } = await import(`${page}/browser/recipe.js`);
    const { learn } = await import(`${page}/fields.js`);
    learn(given.kinds);
    return given.recipes.map((made) => identity(checked(made)));
    """
    names = node(program, {"kinds": describe_kinds(), "recipes": whole})
    assert names == [identity(checked(made)) for made in whole] and len(set(names)) == len(names)


def test_pictures_and_strips_are_enlarged_frame_by_frame() -> None:
    program = """
    const { learn } = await import(`${page}/fields.js`);
    learn(given.kinds);
    const { Artist, check } = await import(`${page}/browser/artist.js`);
    const { Picture } = await import(`${page}/browser/png.js`);
    const sides = { size: given.side, enlarger: { size: 2 * given.side, sha256: "ab" } };
    const request = given.kinds.find(({ kind }) => kind === "nothing");
    const facts = { ...sides, request, words: [], knobs: {}, takes: "nothing", recipe: { artist: "x", system: "x" } };
    const asked = [];
    const twice = async (part, { small }) => {
      asked.push([part, small.dims]);
      const [, , height, width] = small.dims;
      const data = Float32Array.from({ length: 12 * height * width }, (_, at) => {
        const [row, column] = [Math.floor(at / (2 * width)) % (2 * height), at % (2 * width)];
        const colour = Math.floor(at / (4 * height * width));
        return small.data[width * (height * colour + (row >> 1)) + (column >> 1)];
      });
      return { large: { data, dims: [1, 3, 2 * height, 2 * width] } };
    };
    const artist = new Artist(facts, twice);
    const picture = new Picture(given.width, given.side, Uint8Array.from(given.bytes));
    const large = await artist.enlarged(picture, 2 * given.side);
    const row = { request: { kind: "nothing" }, seed: 1 };
    let said = null;
    for (const size of [given.side, null, undefined, 2 * given.side]) check(facts, row, {}, size);
    try { check(facts, row, {}, 3); } catch (error) { said = `${error.name}: ${error.message}`; }
    const same = [await artist.enlarged(picture, given.side), await artist.enlarged(picture, null)];
    const own = same.every((one) => one === picture);
    return { bytes: [...large.bytes], width: large.width, asked, said, own, told: artist.enlarges(2 * given.side) };
    """
    strip = np.random.default_rng(0).integers(0, 256, (4, 12, 3), dtype=np.uint8)  # three frames
    told = node(program, {"kinds": describe_kinds(), "side": 4, "width": 12, "bytes": strip.flatten().tolist()})
    assert told["width"] == 24 and told["asked"] == [["enlarger", [1, 3, 4, 4]]] * 3
    assert np.array_equal(np.reshape(told["bytes"], (8, 24, 3)), strip.repeat(2, axis=0).repeat(2, axis=1))
    assert told["own"] and told["told"] == {"size": 8, "enlarger": "ab"}
    assert told["said"] == "StudioError: x does not draw pictures of 3 pixels"


@pytest.fixture
def kept(tmp_path: Path) -> Gallery:
    gallery = Gallery(tmp_path / "gallery.sqlite")
    hats = limner.load(published(tmp_path / "hats"))
    for number, image in enumerate(hats.draw(["a red hat", "a blue hat on a cat"], n=2, seed=3)):
        gallery.add(image, keep=number != 1, note=f"note {number} é")
    return gallery


def test_a_zip_goes_from_the_server_to_the_browser_and_back(kept: Gallery, tmp_path: Path) -> None:
    file = io.BytesIO()
    assert files.write(kept, file, "drawn") == 4
    program = """
    const { packed, unpacked } = await import(`${page}/browser/gallery_zip.js`);
    const { readPng } = await import(`${page}/browser/png.js`);
    const { checked, identity } = await import(`${page}/browser/recipe.js`);
    const { learn } = await import(`${page}/fields.js`);
    learn(given.kinds);
    const some = await unpacked(new Blob([Buffer.from(given.zip, "base64")]));
    const same = some.map(({ line, png }) => identity(checked(readPng(png).recipe)) === line.id);
    const back = await packed(some.map(({ line, png }) => ({ one: line, png }))).arrayBuffer();
    return { same, back: Buffer.from(back).toString("base64") };
    """
    told = node(program, {"kinds": describe_kinds(), "zip": base64.b64encode(file.getvalue()).decode()})
    assert told["same"] == [True] * 4
    other = Gallery(tmp_path / "other.sqlite")
    assert files.read(other, io.BytesIO(base64.b64decode(told["back"]))) == (4, 4)
    for one in kept.page("drawn").pictures:
        there = other.get(one.id)
        assert (there.note, there.kept_at, there.drawn_at, there.recipe) == (
            one.note, one.kept_at, one.drawn_at, one.recipe
        )  # fmt: skip
        assert recipe_in(Image.open(io.BytesIO(other.png(one.id)))) == one.recipe


def test_a_zip_that_is_no_gallery_is_refused() -> None:
    program = """
    const { unpacked } = await import(`${page}/browser/gallery_zip.js`);
    const { strToU8, zipSync } = await import(`${page}/vendor/fflate.js`);
    const line = JSON.stringify({ id: "0".repeat(64), drawn_at: 1 });
    const zips = [
      strToU8("no zip"), zipSync({ "../evil.png": strToU8("x") }), zipSync({ "gallery.jsonl": strToU8(line) }),
      zipSync({ "gallery.jsonl": strToU8("{}") }), zipSync({}),
    ];
    const said = [];
    for (const zip of zips) {
      said.push(await unpacked(new Blob([zip])).catch((error) => `${error.name}: ${error.message}`));
    }
    return said;
    """
    said = node(program, None)
    assert [one.startswith("StudioError: ") for one in said] == [True] * 5
    assert "it holds ../evil.png" in said[1] and "are not those" in said[2] and "line 1 is damaged" in said[3]
