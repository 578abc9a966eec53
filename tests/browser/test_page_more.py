"""The page's views that make more of a picture: morph, mix, walk, story; what is told of systems; blind ratings."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect

from browsers import inaccessible
from draw_view import until

TEXTS = ("a smiling woman with red hair and round glasses", "a bald man with a long beard and a blue hoodie")
LINES = ["a large red metal cube, left in front", "a small blue rubber sphere", "a large green metal cylinder"]
PIXELS = """node => {
    const canvas = document.createElement("canvas");
    canvas.width = node.naturalWidth ?? node.width;
    canvas.height = node.naturalHeight ?? node.height;
    canvas.getContext("2d").drawImage(node, 0, 0);
    return canvas.toDataURL();
}"""


ASK = httpx.Client(timeout=300)


def pixels(shown: Locator) -> bytes:
    """Return the pixels of a picture that is shown, an image or a canvas."""
    url = str(shown.evaluate(PIXELS))
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB").tobytes()


def put(studio: str, text: str, seed: int, model: str = "avatars") -> str:
    """Draw a picture, make it a favourite, and return its id."""
    asked = {"model": model, "prompt": text, "seed": seed, "response_format": "b64_json"}
    (drawn,) = ASK.post(f"{studio}/v1/images/generations", json=asked).json()["data"]
    return str(added(studio, drawn["b64_json"])["id"])


def added(studio: str, png: str) -> dict[str, Any]:
    answer = ASK.post(f"{studio}/v1/gallery/pictures", json={"png": png, "keep": True})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def favourites(studio: str) -> list[dict[str, Any]]:
    return list(ASK.get(f"{studio}/v1/gallery/pictures?shelf=kept").json()["data"])


def drawn_anew(studio: str, picture: str) -> str:
    """Draw a picture of the gallery again; return by how much it differs."""
    return ASK.post(f"{studio}/v1/gallery/pictures/{picture}/again").headers["Limner-Difference"]


def test_a_slider_changes_the_picture_and_reset_brings_it_back(page: Page, studio: str) -> None:
    first = put(studio, TEXTS[0], 7)
    page.goto(f"{studio}/#/morph?picture={first}")
    picture = page.locator("#morphed[data-drawn='{}']")
    picture.wait_for()
    before = pixels(picture)
    page.get_by_role("tab", name="hair", exact=True).click()
    slider = page.locator("[data-attribute=hair_colour]")
    expect(slider).to_have_attribute("aria-valuetext", "red")
    slider.press("ArrowLeft")
    page.locator("#morphed[data-drawn*=hair_colour]").wait_for()
    expect(slider).to_have_attribute("aria-valuetext", "10 % purple, 90 % red")
    slider.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "not told")
    for _ in range(15):
        slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "50 % black, 50 % blonde")
    page.locator("""#morphed[data-drawn='{"hair_colour":1.5}']""").wait_for()
    assert pixels(page.locator("#morphed")) != before
    page.click("#keep")
    expect(page.locator("#keep")).to_have_attribute("aria-pressed", "true")
    child, parent = favourites(studio)
    assert parent["id"] == first and child["parents"] == [first]
    blend = child["recipe"]["request"]
    assert (blend["kind"], blend["t"]) == ("blend", 0.5)
    assert [("black" in blend["first"]["text"]), ("blonde" in blend["second"]["text"])] == [True, True]
    assert "background" in blend["first"]["text"], "what is seen is written down, so that it stays"
    page.locator("[data-stop='4']", has_text="brown").click()
    expect(slider).to_have_attribute("aria-valuetext", "brown")
    page.click("#reset")
    picture.wait_for()
    assert pixels(picture) == before


def test_a_hand_that_moves_on_sees_what_is_drawn_on_its_way(page: Page, studio: str) -> None:
    """The picture of where a slider was is shown, though it is somewhere else by now."""
    page.goto(f"{studio}/#/morph?picture={put(studio, TEXTS[0], 7)}")
    picture = page.locator("#morphed")
    page.locator("#morphed[data-drawn='{}']").wait_for()
    page.get_by_role("tab", name="hair", exact=True).click()
    slider = page.locator("[data-attribute=hair_colour]")
    expect(slider).to_have_attribute("aria-valuetext", "red")
    page.wait_for_load_state("networkidle")
    before, held = picture.get_attribute("src"), list[Route]()

    def hold(route: Route) -> None:
        if "size" in route.request.post_data_json:  # the larger picture of one that rests
            route.continue_()
        else:
            held.append(route)

    page.route("**/v1/images/batch", hold)
    slider.press("ArrowLeft")
    slider.press("ArrowLeft")
    until(page, lambda: bool(held))
    held.pop().continue_()
    page.wait_for_function("before => document.querySelector('#morphed').src !== before", arg=before)
    assert slider.get_attribute("aria-valuetext") == "20 % purple, 80 % red"
    until(page, lambda: bool(held))
    held.pop().continue_()
    page.locator("""#morphed[data-drawn='{"hair_colour":9.8}']""").wait_for()


def test_no_more_sliders_stand_between_stops_than_can_be_drawn(page: Page, studio: str) -> None:
    page.goto(f"{studio}/#/systems")
    found = page.evaluate(
        """async () => {
            const { moved, morphed, openSliders, stopsOf } = await import("./sliders.js");
            const { parts } = await import("./requests.js");
            const { Phrases } = await import("./words/phrases.js");
            const names = [..."abcdefgh"];
            const attributes = Object.fromEntries(names.map((name) => [name, ["one", "two"]]));
            const phrases = new Phrases(attributes, ["one", "two"]);
            const request = { kind: "attributes", values: {} };
            const stops = stopsOf({ attributes }, phrases, request);
            let at = {};
            for (const name of names) at = moved(at, stops, name, 1.5, openSliders(request));
            return { at, parts: parts(morphed(request, stops, at, phrases)) };
        }"""
    )
    assert found["parts"] == 64
    assert found["at"] == {"a": 2, "b": 2, **dict.fromkeys("cdefgh", 1.5)}


def test_the_way_to_another_text_is_filmed(page: Page, studio: str) -> None:
    page.goto(f"{studio}/#/morph?picture={put(studio, TEXTS[0], 7)}")
    page.locator("#morphed[data-drawn='{}']").wait_for()
    page.fill("#onward", TEXTS[1])
    page.fill("#frames", "5")
    page.click("#go-onward")
    page.uncheck("#back")
    frames = saved_frames(page)
    assert len(frames) == 5 and len(set(frames)) == 5


def test_children_are_mixed_again(page: Page, studio: str) -> None:
    first, second = (put(studio, text, seed) for seed, text in enumerate(TEXTS))
    page.goto(f"{studio}/#/mix?picture={first}&with={second}")
    tiles = page.locator(".grid img[src]")
    expect(tiles).to_have_count(25)
    expect(page.locator("[aria-label=Children]")).to_have_attribute("aria-busy", "false")
    parents = [pixels(page.locator(".parent img").nth(i)) for i in range(2)]
    assert [pixels(tiles.first), pixels(tiles.last)] == parents
    page.locator("#words-share").fill("0.3")
    page.locator("""#child[data-drawn='{"words":0.3,"noise":0.5}']""").wait_for()
    page.click("#keep-child")
    expect(page.locator("#keep-child")).to_have_attribute("aria-pressed", "true")
    child = favourites(studio)[0]
    assert child["parents"] == [first, second] and child["recipe"]["request"]["t"] == 0.3
    page.click("#as-first")
    page.wait_for_url(f"**/#/mix?picture={child['id']}&with={second}")
    page.locator("""#child[data-drawn='{"words":0.5,"noise":0.5}']""").wait_for()
    page.click("#keep-child")
    expect(page.locator("#keep-child")).to_have_attribute("aria-pressed", "true")
    grandchild = favourites(studio)[0]
    assert grandchild["parents"] == [child["id"], second]
    assert grandchild["recipe"]["request"]["first"] == child["recipe"]["request"]
    assert grandchild["recipe"]["seed"] == [[0, 1, 0.5], 1, 0.5]
    assert drawn_anew(studio, grandchild["id"]) == "0"


def test_pictures_of_two_artists_do_not_mix(page: Page, studio: str) -> None:
    first, second = put(studio, TEXTS[0], 1), put(studio, "a large red metal cube", 1, "clevr-stories")
    page.goto(f"{studio}/#/mix?picture={first}&with={second}")
    expect(page.get_by_role("alert")).to_contain_text("only pictures of one artist mix")


def test_stories_share_chance_but_not_lines(page: Page, studio: str) -> None:
    first, second = (put(studio, "\n".join(LINES[i : i + 2]), i, "clevr-stories") for i in (0, 1))
    page.goto(f"{studio}/#/mix?picture={first}&with={second}")
    tiles = page.locator(".grid img[src]")
    expect(tiles).to_have_count(6)
    page.locator("#words-share").press("End")
    page.locator("""#child[data-drawn='{"words":1,"noise":0.5}']""").wait_for()
    page.click("#keep-child")
    expect(page.locator("#keep-child")).to_have_attribute("aria-pressed", "true")
    recipe = favourites(studio)[0]["recipe"]
    assert (recipe["request"]["lines"], recipe["seed"]) == (LINES[1:], [0, 1, 0.5])
    page.goto(f"{studio}/#/morph?picture={first}")
    page.get_by_role("link", name="Change its lines instead").click()
    expect(page.get_by_label("Line 1", exact=True)).to_have_value(LINES[0])


def saved_frames(page: Page) -> list[bytes]:
    """Save the film as a GIF and return its frames."""
    expect(page.locator("#save-gif")).to_be_enabled()
    with page.expect_download() as saving:
        page.click("#save-gif")
    with Image.open(Path(saving.value.path())) as film:
        found = []
        for number in range(film.n_frames):  # type: ignore[attr-defined]
            film.seek(number)
            found.append(film.convert("RGB").tobytes())
    return found


def test_a_walk_is_filmed(page: Page, studio: str) -> None:
    picture = put(studio, TEXTS[0], 7)
    page.goto(f"{studio}/#/walk?picture={picture}")
    page.get_by_label("Take chance 3 out").click()
    page.locator("#each").fill("4")
    page.uncheck("#back")
    expect(page.locator("#scrub")).to_have_attribute("aria-valuetext", "1 of 5")
    there = saved_frames(page)
    assert len(there) == 5 and len(set(there)) > 1
    page.check("#back")
    assert saved_frames(page) == [*there, *there[3:0:-1]]
    expect(page.locator("#screen")).to_have_attribute("data-at", "0")
    page.locator(".player").press("ArrowRight")
    expect(page.locator("#screen")).to_have_attribute("data-at", "1")
    page.locator(".player").press(" ")
    expect(page.locator("#screen")).to_have_attribute("data-at", "3")
    with page.expect_download() as saving:
        page.click("#save-video")
    video = Path(saving.value.path()).read_bytes()
    ending = saving.value.suggested_filename.rpartition(".")[2]
    assert {"mp4": video[4:8] == b"ftyp", "webm": video.startswith(b"\x1a\x45\xdf\xa3")}[ending]
    assert ending in page.locator("#save-video").inner_text().lower()


def test_seeds_of_a_walk_are_changed(page: Page, studio: str) -> None:
    first, second = put(studio, TEXTS[0], 7), put(studio, TEXTS[1], 8)
    page.goto(f"{studio}/#/walk?picture={first}")
    page.get_by_label("Chance 2", exact=True).fill("5")
    page.get_by_label("Chance 2", exact=True).press("Enter")
    page.get_by_label("Chance 2 earlier").click()
    page.get_by_label("Take chance 3 out").click()
    page.get_by_role("button", name="Chance of a picture").click()
    page.get_by_role("dialog").get_by_role("button", name="bald").click()
    page.get_by_role("button", name="Back to the first").click()
    seeds = page.locator("input.seed")
    expect(seeds).to_have_count(4)
    assert [seeds.nth(i).input_value() for i in range(4)] == ["5", "7", "8", "5"]
    assert second != first


def test_a_changed_line_leaves_the_pictures_before_it(page: Page, studio: str) -> None:
    told = put(studio, "\n".join(LINES), 3, "clevr-stories")
    page.goto(f"{studio}/#/story?picture={told}")
    frames = page.locator("li.line canvas[width='64']")
    story = page.locator("section[aria-label='The story'][aria-busy=false]")
    story.wait_for()
    before = [pixels(frames.nth(i)) for i in range(3)]
    page.get_by_label("Line 2", exact=True).fill("a large yellow metal cube, right zzz")
    expect(page.locator("#told")).to_have_text("The first picture stayed; from number 2 on they were drawn again.")
    after = [pixels(frames.nth(i)) for i in range(3)]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, False]
    expect(page.locator("li.line").nth(1)).to_contain_text("“zzz” is not known")
    expect(page.locator("li.line").nth(0)).not_to_contain_text("not known")
    page.click("#keep-story")
    expect(page.locator("#keep-story")).to_have_attribute("aria-pressed", "true")
    child = favourites(studio)[0]
    assert child["parents"] == [told] and child["recipe"]["request"]["setting"] == LINES
    assert drawn_anew(studio, child["id"]) == "0"
    with page.expect_download() as saving:
        page.click("#save-gif")
    with Image.open(Path(saving.value.path())) as film:
        assert film.n_frames == 3  # type: ignore[attr-defined]
        assert film.height > film.width  # the line stands below
    page.reload()
    expect(page.get_by_label("Line 2", exact=True)).to_have_value("a large yellow metal cube, right zzz")


def test_lines_are_added_moved_and_taken_out_by_keyboard(page: Page, studio: str) -> None:
    page.goto(f"{studio}/#/story?picture={put(studio, chr(10).join(LINES), 3, 'clevr-stories')}")
    page.get_by_label("Line 1", exact=True).press("Enter")
    expect(page.get_by_label("Line 2", exact=True)).to_be_focused()
    page.keyboard.type("a small gray cube")
    page.keyboard.press("Alt+ArrowUp")
    expect(page.get_by_label("Line 1", exact=True)).to_be_focused()
    lines = page.locator("li.line textarea")
    assert [lines.nth(i).input_value() for i in range(4)] == ["a small gray cube", *LINES]
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.keyboard.press("Backspace")
    expect(lines).to_have_count(3)


PASTED = """(field, text) => {
  const clipboardData = new DataTransfer();
  clipboardData.setData("text", text);
  field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""


def test_what_is_pasted_becomes_lines(page: Page, studio: str) -> None:
    page.goto(f"{studio}/#/story?picture={put(studio, chr(10).join(LINES), 3, 'clevr-stories')}")
    page.get_by_label("Line 3", exact=True).wait_for()
    page.get_by_label("Line 3", exact=True).evaluate(PASTED, "A red cube, left. A blue ball? A green cylinder.")
    lines = page.locator("li.line textarea")
    expect(lines).to_have_count(6)
    found = [lines.nth(i).input_value() for i in range(6)]
    assert found == [*LINES, "A red cube, left.", "A blue ball?", "A green cylinder."]
    page.get_by_label("Line 6", exact=True).evaluate(PASTED, "one\n\ntwo, and more. And more\n")
    expect(lines).to_have_count(8)
    assert [lines.nth(i).input_value() for i in (6, 7)] == ["one", "two, and more. And more"]


def test_a_system_has_a_page(page: Page, studio: str) -> None:
    page.goto(f"{studio}/#/systems")
    systems = {one["name"]: one for one in ASK.get(f"{studio}/v1/systems").json()["data"]}
    expect(page.locator(".summary")).to_have_count(len(systems))
    page.get_by_role("link", name="storygan").click()
    shown = systems["storygan"]
    expect(page.locator(".paper")).to_have_text(shown["title"])
    expect(page.locator("#settings tbody tr")).to_have_count(len(shown["config"]))
    expect(page.get_by_role("link", name=f"arXiv {shown['arxiv']}")).to_have_attribute(
        "href", f"https://arxiv.org/abs/{shown['arxiv']}"
    )
    expect(page.get_by_label("clevr-small")).to_be_checked()  # its default preset
    expect(page.locator("label.preset", has_text="clevr-small")).to_contain_text("images=120000, frames=8")
    expect(page.locator("#settings tr", has=page.get_by_text("repeats", exact=True))).to_contain_text("true")
    expect(page.locator("#command")).to_have_text(
        "limner train storygan --data my-pictures --preset clevr-small --run runs/mine"
    )
    page.get_by_role("link", name="Draw with clevr-stories").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Story")


def test_a_study_is_made_and_rated_to_its_results(page: Page, studio: str) -> None:
    page.goto(f"{studio}/#/rate")
    page.click("#new-study")
    page.get_by_role("checkbox", name="clevr-stories").check()
    page.get_by_label("Texts").fill("a red hat\na blue cube")
    page.click("#make-study")
    expect(page.locator("#question")).to_have_text("Which looks better?")
    for asked in ("Which looks better?", "Which fits the text better?", "Which do you like better, all in all?") * 2:
        expect(page.locator("#question")).to_have_text(asked)
        expect(page.locator(".compared button:enabled")).to_have_count(2)
        page.keyboard.press("=" if "fits" in asked else "2")
    page.locator("#all-seen").wait_for()
    page.get_by_role("link", name="Results").click()
    relevance = page.locator("[data-question=relevance] tbody tr")
    expect(relevance).to_have_count(2)
    expect(relevance.first).to_contain_text("50 %")
    with page.expect_download() as saving:
        page.click("#save-answers")
    answers = [json.loads(line) for line in Path(saving.value.path()).read_text().splitlines()]
    assert len(answers) == 2
    for one in answers:
        left, right = one["shown"]
        assert one["answers"]["quality"] == [[right], [left]] and len(one["answers"]["relevance"]) == 1


def test_a_ranking_is_given_by_keys_and_taken_back(page: Page, studio: str) -> None:
    colours = {"first": "#ff0000", "second": "#00ff00", "third": "#0000ff"}
    pictures = {name: coloured(colour) for name, colour in colours.items()}
    study = {"name": "colours", "pairs": False, "tasks": [{"text": "a colour", "pictures": pictures}]}
    made = ASK.post(f"{studio}/v1/ratings/studies", json=study).json()["id"]
    page.goto(f"{studio}/#/rate/{made}")
    page.locator(".compared img[data-drawn]").nth(2).wait_for()
    places = {pixels(page.locator(".compared img").nth(i))[:3]: str(i + 1) for i in range(3)}
    keys = [places[bytes.fromhex(colour[1:])] for colour in colours.values()]
    page.keyboard.press(keys[2])
    page.keyboard.press("Backspace")
    for key in (keys[0], "=", keys[0], keys[1], "+", keys[2], keys[2], keys[1], keys[0]):
        page.keyboard.press(key)
    page.locator("#all-seen").wait_for()
    (line,) = ASK.get(f"{studio}/v1/ratings/studies/{made}/answers.jsonl").text.splitlines()
    given = {question: list(map(sorted, tiers)) for question, tiers in json.loads(line)["answers"].items()}
    assert given == {
        "quality": [["first"], ["second", "third"]],
        "relevance": [["first"], ["second", "third"]],
        "ranking": [["third"], ["second"], ["first"]],
    }


def coloured(colour: str) -> str:
    """Return a picture of one colour as PNG in base64."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


VIEWS = {
    "morph": "#morphed[data-drawn]",
    "mix": "#child[data-drawn]",
    "walk": "#save-gif:enabled",
    "story": "[aria-busy=false] li.line canvas",
    "systems": ".years",
    "systems/storygan": "#settings",
    "rate": "#new-study",
    "rate/new": "#make-study",
}


@pytest.mark.parametrize("view", VIEWS)
def test_everybody_can_use_a_view_on_any_screen(page: Page, studio: str, view: str) -> None:
    pictures = [put(studio, text, 5) for text in TEXTS] if view in ("morph", "mix", "walk") else ["", ""]
    asked = f"?picture={pictures[0]}&with={pictures[1]}" if pictures[0] else ""
    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(color_scheme="dark")
    page.goto(f"{studio}/#/{view}{asked}")
    page.locator(VIEWS[view]).first.wait_for()
    assert inaccessible(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.emulate_media(color_scheme="light")
    assert inaccessible(page) == []
