"""What a stranger's zip or picture may say is the same in an exported page as in a studio, and bricks neither."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from galleries import png, recipe_json
from limner.errors import UserError
from limner.studio.gallery.recipe import checked, decode, recipe_in
from limner.studio.info.describe import describe_kinds
from nodes import node

HAT = {"kind": "caption", "text": "a hat"}


def nested(depth: int) -> Any:
    seed: Any = 1
    for _ in range(depth):
        seed = [seed, 2, 0.5]
    return seed


def blend(depth: int) -> Any:
    request: Any = HAT
    for _ in range(depth):
        request = {"kind": "blend", "first": request, "second": HAT, "t": 0.5}
    return request


RECIPES: list[Any] = [
    *({"seed": one} for one in (0, 7, 2**53 - 1, [1, 2, 0.5], nested(63), {"noise": [0.5, -1], "of": "x"})),
    *(
        {"seed": one}
        for one in (None, [1], [1, 2], [1, 2, 3], "1", -1, 1.5, 2**53, True, {}, {"noise": "x"}, nested(64))
    ),
    *({"seed": one} for one in ({"noise": [None]}, {"noise": [1], "of": 5}, [[1], 2, 0.5], [1, 2, "0.5"], nested(500))),
    *({"request": one} for one in (HAT, blend(1), blend(63), {"kind": "nothing"})),
    *({"request": one} for one in (5, [], "x", {}, {"kind": "x"}, {"kind": "caption"}, HAT | {"more": 1}, blend(64))),
    *({"request": HAT | {"text": one}} for one in (5, None, [], {}, ["a"], "a\x00", "\ud800")),
    *({"request": {"kind": "story", "lines": one}} for one in (["a", "b"], 5, "x", [1], {"0": "a"}, None)),
    *({"request": {"kind": "attributes", "values": one}} for one in ({"hat": "red"}, 5, [], {"hat": 5}, "x")),
    *({"request": {"kind": "labels", "labels": one}} for one in (["a"], "x", 5, [5], {})),
    *(
        {"request": {"kind": "layout", "boxes": one}}
        for one in ([["a", 0, 0, 1, 0.5]], [["a", 0, 0, 1]], [["a", 0, 0, 1, "1"]], [[0, 0, 0, 1, 1]], "x", [5], 5)
    ),
    *({"request": {"kind": "dialogue", "text": "a", "turns": one}} for one in ([["q", "a"]], [["q"]], ["qa"], 5)),
    *({"request": blend(1) | {"t": one}} for one in (2, -1, "0.5", None, True)),
    *(
        {"knobs": one}
        for one in ({"a": 1, "b": 0.5, "c": None, "d": True, "e": "x"}, {"a": []}, {"a": {}}, [], 5, None)
    ),
    {"knobs": {str(i): 1 for i in range(101)}},
    *({name: one} for name in ("artist", "system", "checkpoint", "limner") for one in (5, None, [], "x" * 201, "\x00")),
    *({"size": one, "enlarger": "ab" * 32} for one in (64, 0, -1, 5000, "64", 1.5, True)),
    {"size": 64, "enlarger": 5},
    *({"parents": one} for one in (["ab" * 32], ["x"], "x", 5, [5], ["ab" * 32] * 17, {})),
]

CHECK = """
const { checked } = await import(`${page}/browser/recipe.js`);
const { learn } = await import(`${page}/fields.js`);
learn(given.kinds);
return given.recipes.map((made) => {
  try { checked(made); return null; } catch (error) { return `${error.name}: ${error.message}`; }
});
"""


def accepted(made: Any) -> bool:
    try:
        checked(made)
    except UserError:
        return False
    return True


def test_a_page_takes_the_recipes_that_a_studio_takes() -> None:
    wholes = [recipe_json() | one for one in RECIPES] + [None, 5, [], "x", {}]
    answers = node(CHECK, {"kinds": describe_kinds(), "recipes": wholes})
    other = [
        (json.dumps(made)[:200], answer)
        for made, answer in zip(wholes, answers, strict=True)
        if accepted(made) != (answer is None) or (answer and not answer.startswith("StudioError"))
    ]
    assert not other and 10 < sum(answer is None for answer in answers) < len(answers) - 50, other


def test_a_line_of_a_zip_says_when_and_what() -> None:
    program = """
    const { unpacked } = await import(`${page}/browser/gallery_zip.js`);
    const { strToU8, zipSync } = await import(`${page}/vendor/fflate.js`);
    const answers = [];
    for (const line of given) {
      const index = strToU8(JSON.stringify(line));
      const files = { [`pictures/${"0".repeat(64)}.png`]: strToU8("x"), "gallery.jsonl": index };
      try {
        await unpacked(new Blob([zipSync(files)]));
        answers.push(null);
      } catch (error) { answers.push(`${error.name}: ${error.message}`); }
    }
    return answers;
    """
    line = {"id": "0" * 64, "recipe": {}, "drawn_at": 5}
    sound = [{}, {"kept_at": None}, {"kept_at": 7}, {"note": "x"}]
    broken: list[dict[str, Any]] = [
        *({"kept_at": one} for one in ("x", 9e300, {}, -9e18, -1, 1.5, [], True, 5 * 10**15)),
        *({"drawn_at": one} for one in ("x", None, -1, 1e300, {}, 5 * 10**15)),
        *({"note": one} for one in (5, None, "x" * 2001, "\x00", {})),
        *({"id": one} for one in (5, "x", None, ["0" * 64])),
    ]
    answers = node(program, [line | one for one in sound + broken])
    assert answers[: len(sound)] == [None] * len(sound)
    assert all(answer and answer.startswith("StudioError: ") for answer in answers[len(sound) :]), answers


def test_an_import_pushes_nothing_out_and_changes_nothing() -> None:
    program = """
    const { beyondRoom, datedTo, united } = await import(`${page}/browser/gallery.js`);
    const { learn } = await import(`${page}/fields.js`);
    learn(given.kinds);
    const row = (id, drawn_at, kept_at = null, deleted_at = null) => ({ id, drawn_at, kept_at, deleted_at });
    const all = [row("a", 1), row("b", 2), row("c", 3, 3), row("d", 4, null, 4)];
    const some = [row("a", 9), row("d", 8), row("e", 7), row("f", 6), row("g", 5, 5)];
    const recipe = given.recipe;
    const [old, one] = ["mine", "theirs"].map((note) => ({ recipe, note, drawn_at: 5, kept_at: null, width: 8 }));
    return {
      left: [2, 3, 4, 9].map((most) => [...beyondRoom(some, all, most)].sort()),
      dated: datedTo(10, { note: "", drawn_at: 99, kept_at: 98 }),
      theirs: united(old, { ...one, drawn_at: 9, width: 4 }, false),
      mine: united(old, { ...one, drawn_at: 9, width: 4 }, true),
    };
    """
    told = node(program, {"kinds": describe_kinds(), "recipe": recipe_json() | {"parents": []}})
    assert told["left"] == [["d", "e", "f"], ["e", "f"], ["f"], []]
    assert told["dated"] == {"note": "", "drawn_at": 10, "kept_at": 10}
    assert [told["theirs"][name] for name in ("note", "drawn_at", "width")] == ["mine", 5, 8]
    assert [told["mine"][name] for name in ("note", "drawn_at", "width")] == ["theirs", 9, 4]


@pytest.mark.parametrize(
    "bad",
    [{"kept_at": "x"}, {"kept_at": 9e300}, {"drawn_at": {}}, {"deleted_at": -9e18}, {"words": 5}, {"id": 5}],
    ids=str,
)
def test_what_cannot_be_shown_is_not_in_the_way(bad: dict[str, Any]) -> None:
    program = """
    const { canBeShown, isDated } = await import(`${page}/browser/gallery.js`);
    const { learn } = await import(`${page}/fields.js`);
    learn(given.kinds);
    return given.rows.map((row) => isDated(row) && canBeShown(row));
    """
    row = {"id": "x", "words": "", "artist": "x", "drawn_at": 1, "kept_at": None, "deleted_at": 5}
    row["recipe"] = recipe_json() | {"parents": []}
    labels = row | {"recipe": recipe_json(request={"kind": "labels", "labels": "x"})}
    rows = [row, row | bad, labels]
    assert node(program, {"kinds": describe_kinds(), "rows": rows}) == [True, False, False]


def test_a_picture_with_another_recipe_is_whole() -> None:
    """It lacked its last chunk, so that a browser did not decode what was kept with parents."""
    program = """
    const { withRecipe } = await import(`${page}/browser/png.js`);
    return Buffer.from(withRecipe(Buffer.from(given.png, "base64"), given.recipe)).toString("base64");
    """
    recipe = recipe_json() | {"parents": ["ab" * 32]}
    made = base64.b64decode(node(program, {"png": base64.b64encode(png(seed=5)).decode(), "recipe": recipe}))
    assert made.endswith(png()[-12:])
    image = decode(made)
    assert recipe_in(image) == checked(recipe) and image.tobytes() == decode(png(seed=5)).tobytes()
