"""`limner export ARTIST... --web DIR`: a folder of files draws in a real browser what Python draws."""

from __future__ import annotations

import base64
import contextlib
import functools
import http.server
import io
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

import limner
import runtimes
from limner import catalogue, checkpoint, cli
from limner.data.schema import Lexicon, Schema
from limner.evaluation import seen
from limner.noise import Seed
from limner.requests import Attributes, Blend, Caption, Request, Story, to_json
from limner.studio.gallery.recipe import identity
from shared import once

ARTISTS = ("avatars", "clevr-stories")
PATH = "/some/where"
OPEN = "async () => { window.studio = await (await import('./studio.js')).openStudio(); }"
DRAW = """
async ([artist, rows, options]) => {
  const drawn = await studio.draw(artist, rows, options);
  return Promise.all(drawn.map(async ({ png, recipe, unknown }) => {
    const bytes = new Uint8Array(await png.arrayBuffer());
    return { png: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")), recipe, unknown };
  }));
}
"""
USE = """
async ([first, second]) => {
  const { gallery } = studio;
  const total = async (asked) => (await gallery.page(asked)).total;
  const counts = () => Promise.all(["kept", "drawn", "deleted"].map((shelf) => total({ shelf })));
  const before = await counts();
  const search = await Promise.all(["fir gre", "FIRST", "blue"].map((q) => total({ q })));
  const { data, next } = await gallery.page({ shelf: "drawn", limit: 2 });
  const rest = (await gallery.page({ shelf: "drawn", limit: 2, after: next })).data;
  const shown = Object.assign(new Image(), { src: URL.createObjectURL(await gallery.png(data[0].id)) });
  await shown.decode();
  const { undo, deleted } = await gallery.remove([first, second]);
  const without = await counts();
  await gallery.undo(undo);
  const { difference } = await gallery.again(first);
  const again = await gallery.import(await gallery.export("drawn"));
  const pages = [...data, ...rest].map(({ id }) => id);
  const counted = { before, without, after: await counts(), deleted };
  return { ...counted, search, pages, width: shown.naturalWidth, difference, again };
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return once(tmp_path_factory, "exported", export) / "public"


def export(place: Path) -> None:
    """Export two artists, and one whose weights mean nothing and that looks at words, with the real runtime."""
    schema = Schema(size=32, lexicon=Lexicon.of(("a red ball on sand", "a green ball")), examples=("a ball", "sand"))
    torch.manual_seed(0)
    looks = checkpoint.save(catalogue.create("attngan", "tiny", schema).eval(), place / "looks")
    told = Schema(size=16, attributes={"colour": ("blue", "green", "red"), "shape": ("bar", "circle")})
    draws = catalogue.create("attribute2image", "tiny", told).eval()
    for parameter in draws.parameters():
        parameter.data.mul_(2)  # else what was never trained draws grey, whatever it is told
    sliders = checkpoint.save(draws, place / "sliders")
    with pytest.MonkeyPatch.context() as patch:
        given = runtimes.real(patch)
        lies = ["--runtime", str(given)] if given else []
        assert cli.main(["export", *ARTISTS, str(looks), str(sliders), "--web", str(place / "public"), *lies]) == 0


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve files below a path, as any host does, and nothing else; yield the address."""

    class Files(http.server.SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            return super().translate_path(path.removeprefix(PATH)) if path.startswith(PATH) else "/nowhere"

        def log_message(self, *_: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}{PATH}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def opened(folder: Path, page: Page) -> Iterator[Page]:
    """Open the exported page, its studio in `window.studio`."""
    with served(folder) as address:
        page.goto(address)
        page.evaluate(OPEN)
        yield page


def draw(page: Page, artist: str, rows: list[tuple[Request, Seed]], size: int | None = None) -> list[dict[str, Any]]:
    asked = [{"request": to_json(request), "seed": seed} for request, seed in rows]
    return list(page.evaluate(DRAW, [artist, json.loads(json.dumps(asked)), {"size": size}]))


def image(drawn: dict[str, Any]) -> Image.Image:
    found = Image.open(io.BytesIO(base64.b64decode(drawn["png"])))
    assert json.loads(found.info["limner"]) == drawn["recipe"]
    return found


def gap(one: Image.Image, other: Image.Image) -> int:
    return int(np.abs(np.asarray(one).astype(int) - np.asarray(other).astype(int)).max())


def test_it_draws_what_python_draws(opened: Page) -> None:
    a, b = Caption("a smiling woman with curly red hair"), Caption("a mna wiht rounde glasess and a beard")
    child = Blend(Blend(a, b, 0.3), a, 0.6)
    rows: list[tuple[Request, Seed]] = [(a, 7), (b, 2**40), (Blend(a, b, 0.5), (1, 2, 0.25))]
    rows += [(child, ((1, 2, 0.5), (3, 2, 0.1), 0.75)), (Caption("..."), 0)]
    artist = limner.load("avatars", device="cpu")
    drawn = draw(opened, "avatars", rows)
    for one, row, own in zip(drawn, rows, artist.rows(rows), strict=True):
        assert gap(image(one), own) <= 1, row
        assert identity(one["recipe"]) == identity(json.loads(own.info["limner"])), "a picture has one name"
    assert drawn[1]["unknown"] == dict(artist.system.unknown_words([b]))
    assert gap(image(drawn[0]), image(drawn[1])) > 50


def test_it_draws_from_attributes_what_python_draws(opened: Page, folder: Path) -> None:
    artist = limner.load(folder.parent / "sliders", device="cpu")
    red, bar = Attributes({"colour": "red", "shape": "circle"}), Attributes({"shape": "bar"})
    rows: list[tuple[Request, Seed]] = [(red, 7), (bar, 7), (Attributes(), 3), (Blend(red, bar, 0.3), (1, 2, 0.25))]
    drawn = draw(opened, "sliders", rows)
    for one, row, own in zip(drawn, rows, artist.rows(rows), strict=True):
        assert gap(image(one), own) <= 1, row
        assert identity(one["recipe"]) == identity(json.loads(own.info["limner"])), "a picture has one name"
    assert gap(image(drawn[0]), image(drawn[1])) > 20, "what is asked is seen"
    ask = "(given) => studio.draw('sliders', [given[0]], given[1]).catch((error) => error.message)"
    pink = {"request": {"kind": "attributes", "values": {"colour": "pink"}}, "seed": 1}
    assert opened.evaluate(ask, [pink, {}]) == "pink is no colour; it may be blue, green, red"
    other = [{"request": to_json(red), "seed": 1}, {"knobs": {"ground": 2}}]
    assert opened.evaluate(ask, other) == "outside Limner sliders draws with ground 0 alone"


def test_attributes_are_chosen_on_the_exported_page(folder: Path, page: Page) -> None:
    with served(folder) as address:
        page.goto(address)
        page.select_option("#artist", "sliders")
        page.locator("[data-tile='colour=red']").click()
        page.locator("#picture[data-drawn*='colour: red']").wait_for()
        assert page.locator("[data-knob='ground']").count() == 0


def test_it_enlarges_as_python_does(opened: Page) -> None:
    artist = limner.load("avatars", device="cpu")
    assert artist.enlarger is not None
    rows: list[tuple[Request, Seed]] = [(Caption("a smiling woman with curly red hair"), 7), (Caption("a bald man"), 3)]
    small, large = (draw(opened, "avatars", rows, size) for size in (None, artist.sizes[1]))
    for one, other, row in zip(small, large, rows, strict=True):
        assert image(other).size == (256, 256)
        assert gap(image(other), artist.enlarger.enlarge(image(one))) <= 1
        (own,) = artist.at(256).rows([row])
        assert other["recipe"] == json.loads(own.info["limner"])


def test_it_tells_stories_chapter_after_chapter(opened: Page) -> None:
    lines = ("a large red metal cube", "a small blue sphere on the left", "a cyan cylinder", "a red sphere", "a cube")
    stories = [Story(lines), Story(lines[:2], setting=lines[2:4])]
    rows: list[tuple[Request, Seed]] = [(stories[0], 3), (stories[1], (1, 2, 0.5))]
    own = limner.load("clevr-stories", device="cpu").rows(rows)
    for one, other in zip(draw(opened, "clevr-stories", rows), own, strict=True):
        assert image(one).size == other.size and gap(image(one), other) <= 1


def test_drafts_come_and_what_is_given_up_ends(opened: Page) -> None:
    notes = opened.evaluate("""async () => {
      const row = { request: { kind: "story", lines: ["a red cube", "a blue cube"] }, seed: 1 };
      const notes = [];
      for await (const { note, recipe } of studio.watch("clevr-stories", row)) notes.push(recipe ? recipe.seed : note);
      return notes;
    }""")
    assert notes == ["frame 1", 1]
    ended = opened.evaluate("""async () => {
      const name = (error) => error.name;
      const given = new AbortController();
      const row = { request: { kind: "caption", text: "a man" }, seed: 1 };
      const dropped = studio.draw("avatars", [row, row, row], { signal: given.signal }).catch(name);
      given.abort();
      const late = studio.draw("avatars", [row], { signal: given.signal }).catch(name);
      const [picture] = await studio.draw("avatars", [row]);
      return [await dropped, await late, picture.recipe.seed];
    }""")
    assert ended == ["AbortError", "AbortError", 1]


def test_words_are_looked_at_as_in_python(opened: Page, folder: Path) -> None:
    row: tuple[Request, Seed] = (Caption("a red ball, sand"), 4)
    (own,) = limner.load(folder.parent / "looks", device="cpu").watch([row])
    ask = """async (row) => {
      const { picture, words, looks } = await studio.attention("looks", row);
      const notes = [];
      for await (const { note } of studio.watch("looks", row)) notes.push(note ?? "done");
      return { recipe: picture.recipe, words, notes, looks: looks.map((one) => ({ ...one, maps: [...one.maps] })) };
    }"""
    found = opened.evaluate(ask, {"request": to_json(row[0]), "seed": row[1]})
    assert found["words"] == ["a", "red", "ball", "sand"] and found["notes"] == ["16 x 16", "done"]
    (look,), (draft,) = found["looks"], [draft for draft in own.drafts if draft.attention is not None]
    assert draft.attention is not None and (look["note"], look["words"]) == (draft.note, 4)
    maps = np.array(look["maps"]).reshape(look["words"], look["height"], look["width"]) / 255 * look["peak"]
    assert np.allclose(maps, draft.attention[0].numpy(), atol=look["peak"] / 200)
    assert opened.evaluate("() => studio.attention('avatars', {}).catch((error) => error.name)") == "StudioError"


def test_a_judge_sees_in_the_tab_what_it_sees_in_python(opened: Page) -> None:
    row: tuple[Request, Seed] = (Caption("a woman with round glasses and a blue hoodie"), 7)
    artist = limner.load("avatars", device="cpu")
    (picture,) = artist.rows([row])
    (named,) = seen.see("avatars", [picture], artist.system.schema)
    ask = """async ({ request, seed }) => {
      const [{ png }] = await studio.draw("avatars", [{ request, seed }]);
      return studio.seen("avatars", png);
    }"""
    assert opened.evaluate(ask, {"request": to_json(row[0]), "seed": row[1]}) == named


def test_a_photo_is_read_in_the_tab_and_stays_there(opened: Page, tmp_path: Path) -> None:
    (drawn,) = limner.load("avatars", device="cpu").rows([(Caption("a smiling woman with curly red hair"), 7)])
    drawn.save(tmp_path / "photo.png")
    ((named, sure),) = seen.see_with_certainty("avatars", [drawn], limner.load("avatars").system.schema)
    asked: list[str] = []
    opened.on("request", lambda one: asked.append(one.method))
    opened.goto(opened.url.split("#")[0] + "#/photo")
    opened.locator("#photo-file").set_input_files(tmp_path / "photo.png")
    opened.locator("#photo-picture[data-drawn]").wait_for()
    expect(opened.locator("#photo-where")).to_contain_text("stays in this tab")
    expect(opened.locator("#no-likeness")).to_be_visible()
    for name in ("hair_colour", "presentation"):
        row = opened.locator(f"[data-read={name}]")
        expect(row.locator("select")).to_have_value(named[name])
        expect(row).to_contain_text(f"{round(100 * sure[name])} % sure")
    assert set(asked) <= {"GET"}, "nothing is sent"
    opened.goto(opened.url.split("#")[0] + "#/class")
    expect(opened.locator("#main")).to_contain_text("Classes need a studio on a server")


def test_faces_are_there_before_the_nets_which_are_counted_as_they_come(folder: Path, context: BrowserContext) -> None:
    page = context.new_page()  # that nobody answers the service worker is no fault here
    line = context.new_cdp_session(page)
    line.send("Network.enable")
    fast = {"offline": False, "latency": 20, "downloadThroughput": 1_250_000, "uploadThroughput": 1_250_000}
    line.send("Network.emulateNetworkConditions", fast)  # 10 Mbit/s
    with served(folder) as address:
        page.goto(address, wait_until="commit")
        page.locator("#faces").wait_for()
        page.wait_for_function("() => document.querySelector('#faces').naturalWidth > 0")
        took = page.evaluate("performance.getEntriesByName(document.querySelector('#faces').src)[0].responseEnd")
        expect(page.locator(".loading")).to_contain_text(re.compile(r"[1-9][.0-9]* of [0-9.]+ MB"))
        assert (folder / "artists" / ARTISTS[0] / "faces.webp").stat().st_size < 300_000
        expect(page.locator("#first-faces button")).to_have_count(48)
        line.send("Network.emulateNetworkConditions", fast | {"downloadThroughput": -1})
        page.locator("#picture[data-drawn]").wait_for()
        expect(page.locator("#faces")).to_have_count(0)
    page.close()
    assert took < 4000, "measured alone it is under a second"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"request": {"kind": "caption", "text": " "}, "seed": 1}, "the prompt is empty: say what to draw"),
        ({"request": {"kind": "caption", "text": "a"}, "seed": -1}, "the seed is a whole number from 0, not -1"),
        ({"request": {"kind": "nothing"}, "seed": 1}, "avatars draws from a caption, not from a nothing"),
    ],
    ids=["empty", "seed", "kind"],
)
def test_what_a_person_can_put_right_is_said_in_a_line(opened: Page, row: dict[str, Any], said: str) -> None:
    ask = "(row) => studio.draw('avatars', [row]).catch((error) => [error.name, error.message])"
    assert opened.evaluate(ask, row) == ["StudioError", said]


def test_favourites_outlive_the_page(opened: Page) -> None:
    kept = opened.evaluate("""async () => {
      const rows = [1, 2, 3].map((seed) => ({ request: { kind: "caption", text: "a woman in green" }, seed }));
      const drawn = await studio.draw("avatars", rows);
      const { gallery } = studio;
      const ids = [];
      for (const { png, recipe } of drawn) ids.push((await gallery.add(png, { keep: recipe.seed < 3 })).id);
      await gallery.add(drawn[0].png, { parents: [ids[1]], note: "the First" });
      return ids;
    }""")
    opened.reload()
    opened.evaluate(OPEN)
    found = opened.evaluate(USE, kept)
    assert found["before"] == [2, 3, 0] and found["without"] == [0, 1, 2] and found["after"] == [2, 3, 0]
    assert found["search"] == [1, 1, 0] and found["width"] == 64
    assert sorted(found["pages"]) == sorted(kept), "each picture once, whatever the page"
    assert (found["deleted"], found["difference"], found["again"]) == (2, 0, {"pictures": 3, "added": 0})


def test_once_there_it_needs_no_network(folder: Path, context: BrowserContext) -> None:
    page = context.new_page()  # that nobody answers the service worker is no fault here
    with served(folder) as address:
        page.goto(address)
        page.evaluate("async () => { await navigator.serviceWorker.ready; }")
        page.wait_for_load_state("networkidle")
    row: tuple[Request, Seed] = (Caption("an old man with a white beard"), 5)
    page.reload()
    page.evaluate(OPEN)
    (drawn,) = draw(page, "avatars", [row])
    (own,) = limner.load("avatars", device="cpu").rows([row])
    assert gap(image(drawn), own) <= 1
