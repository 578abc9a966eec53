"""A request that came as JSON has the types its kind names, or is refused in a line."""

from __future__ import annotations

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
