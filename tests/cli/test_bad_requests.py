"""A request that nobody can draw is one line that says what to do, and exit code 2; nothing is left behind.

From Python the same line is a `UserError`, whether the request came as JSON or was made by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bad_requests import BAD, ask
from limner.drawing.artist import Artist
from limner.errors import UserError
from limner.requests import Blend, Caption, Dialogue, Layout, from_json, kinds
from toy import shapes

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def artists(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artist]:
    folder = tmp_path_factory.mktemp("bad")
    return ask(folder, shapes(folder / "shapes"))


@pytest.mark.parametrize("name", [name for name, bad in BAD.items() if bad.text is not None])
def test_what_is_typed(name: str, artists: dict[str, Artist], command: Command, in_here: Path) -> None:
    bad = BAD[name]
    code, out, err = command("draw", bad.text, "--artist", str(artists[bad.artist].folder), "--no-show")
    assert code == 2 and not out and err.startswith("limner: error: ") and bad.says in err, err
    assert err.count("\n") == 1 and len(err) < 400 and not list(in_here.iterdir())


@pytest.mark.parametrize("name", [name for name, bad in BAD.items() if bad.body is not None])
def test_what_a_file_of_prompts_asks_for(
    name: str, artists: dict[str, Artist], command: Command, in_here: Path
) -> None:
    bad, file = BAD[name], in_here / "p.jsonl"
    good = {"text": {"sketcher": "a cat", "layouts": "cup", "writer": "colour: red", "painter": "red"}[bad.artist]}
    file.write_text("\n".join(json.dumps(line) for line in (good, {"request": bad.body})))
    code, out, err = command(
        "draw", "--prompts", str(file), "--artist", str(artists[bad.artist].folder), "-o", "drawn", "--no-show"
    )
    assert code == 2 and not out and err.count("\n") == 1 and len(err) < 400, err
    assert bad.says in err and f"{file}:2: " in err and err.endswith("(nothing was drawn)\n"), err
    assert [path.name for path in in_here.iterdir()] == ["p.jsonl"]


@pytest.mark.parametrize("name", [name for name, bad in BAD.items() if bad.body is not None])
def test_what_python_is_given(name: str, artists: dict[str, Artist]) -> None:
    bad = BAD[name]
    fields = dict(bad.body or {})
    kind = kinds()[fields.pop("kind")]
    tries: list[Callable[[], Any]] = [
        lambda: artists[bad.artist].draw(from_json(bad.body or {})),
        lambda: artists[bad.artist].draw(kind(**fields)),
    ]
    for attempt in tries:
        with pytest.raises(UserError) as caught:
            attempt()
        assert bad.says in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"layout": 5}, "the column layout holds"),
        ({"layout": [5]}, "the column layout holds"),
        ({"layout": [["cup", 0, 1, 1]]}, "the column layout holds"),
        ({"layout": [["cup", "x", 0, 1, 1]]}, "the column layout holds"),
        ({"layout": [[["cup"], 0, 0, 1, 1]]}, "the column layout holds"),
        ({"layout": {"cup": 1}}, "the column layout holds"),
        ({"layout": "a red cup"}, "'a red cup' is no box"),
        ({"layout": []}, "no boxes: place some"),
        ({"dialogue": 5, "text": "a cat"}, "the column dialogue holds turns such as"),
        ({"dialogue": [["how many?"]], "text": "a cat"}, "the column dialogue holds turns such as"),
        ({"dialogue": [["how many?", None]], "text": "a cat"}, "the column dialogue holds turns such as"),
        ({"dialogue": [{"question": "how many?"}], "text": "a cat"}, "the column dialogue holds turns such as"),
        ({"dialogue": "Q: how many?", "text": "a cat"}, "'how many?' has no answer"),
        ({"dialogue": [["how many?", "two"]]}, "the dialogue has no caption"),
    ],
)
def test_cells_of_a_file_of_prompts(
    cells: dict[str, Any], says: str, artists: dict[str, Artist], command: Command, in_here: Path
) -> None:
    (in_here / "p.jsonl").write_text(json.dumps(cells))
    code, out, err = command("draw", "--prompts", "p.jsonl", "--artist", str(artists["sketcher"].folder))
    assert code == 2 and not out and err.count("\n") == 1 and says in err and "p.jsonl:1: " in err, err
    assert [path.name for path in in_here.iterdir()] == ["p.jsonl"]


def test_a_turn_is_read_by_its_names(artists: dict[str, Artist]) -> None:
    turn = {"answer": "two", "question": "how many?"}  # as a table may have them
    schema = artists["sketcher"].system.schema
    assert Dialogue.from_cell([turn], schema, "a cat") == Dialogue("a cat", (("how many?", "two"),))


def test_a_blend_lies_between_two_requests(artists: dict[str, Artist]) -> None:
    one, other = (Layout((("cup", x, 0.1, 0.2, 0.2),)) for x in (0.1, 0.5))
    for bad, says in (
        (Blend(one, other, float("nan")), "from 0 to 1, not nan"),
        (Blend(one, other, 2), "from 0 to 1, not 2"),
        (Blend(one, "a cat", 0.5), "two requests, not 'a cat'"),  # type: ignore[arg-type]
        (Blend(one, Caption("a cat"), 0.5), "not from Caption"),
    ):
        with pytest.raises(UserError, match=says):
            artists["layouts"].draw(bad)


@pytest.fixture
def in_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path
