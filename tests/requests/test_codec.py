"""A request that came as JSON has the types its kind names, or is refused in a line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from limner.errors import UserError
from limner.requests import Attributes, Blend, Caption, Dialogue, LabelSet, Layout, Nothing, Story, from_json, to_json

SOUND = [
    Nothing(), Caption("a hat"), Story(("a", "b"), ("c",)), Dialogue("a", (("q", "r"),)), LabelSet(("a", "a")),
    Attributes({"hair": "red"}), Layout((("a", 0.0, 0.5, 1, 0.25),), "b"), Blend(Caption("a"), Caption("b"), 0.5),
]  # fmt: skip


@pytest.mark.parametrize("request_", SOUND)
def test_there_and_back(request_: Any) -> None:
    assert from_json(to_json(request_)) == request_


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "caption", "text": 5},
        {"kind": "caption"},
        {"kind": "story", "lines": "abc"},
        {"kind": "story", "lines": [1]},
        {"kind": "attributes", "values": [["a", "b"]]},
        {"kind": "attributes", "values": {"a": 1}},
        {"kind": "layout", "boxes": [["a", 0, 0, 1]]},
        {"kind": "layout", "boxes": [["a", 0, 0, 1, "1"]]},
        {"kind": "blend", "first": {"kind": "nothing"}, "second": {"kind": "nothing"}},
        {"kind": "blend", "first": {"kind": "nothing"}, "second": 1, "t": 0.5},
        {"kind": "blend", "first": {"kind": "nothing"}, "second": {"kind": "nothing"}, "t": 2},
        {"kind": "blend", "first": {"kind": "nothing"}, "second": {"kind": "nothing"}, "t": "0.5"},
    ],
)
def test_fields_of_another_type_are_refused(body: dict[str, Any]) -> None:
    with pytest.raises(UserError) as caught:
        from_json(body)
    assert "\n" not in str(caught.value)


WRITTEN = [
    '{"kind": "layout", "boxes": [["cup", 0.25, 0.5, 0.125, 0.125]], "caption": "2 cups"}',
    '{"kind": "dialogue", "caption": "a cat", "turns": [["how many?", "one"]]}',
    '{"kind": "labelset", "labels": ["cup", "cup", "table"]}',
    '{"kind": "attributes", "values": {"hair": "red"}}',
    '{"kind": "story", "lines": ["a", "b"], "setting": []}',
    '{"kind": "caption", "text": "a hat"}',
    '{"kind": "nothing"}',
]
"""Requests as recipes of 0.1.0 have them: pictures and galleries that hold them can be drawn again for good."""


@pytest.mark.parametrize("text", WRITTEN)
def test_requests_of_old_recipes_are_read_as_they_were_written(text: str) -> None:
    assert json.dumps(to_json(from_json(json.loads(text)))) == text
