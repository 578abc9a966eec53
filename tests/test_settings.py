"""Settings as people write them and as files hold them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner import settings
from limner.errors import UserError


@dataclass(frozen=True)
class Inner:
    side: int = 1


@dataclass(frozen=True)
class Pair:
    side: int
    share: float


@dataclass(frozen=True)
class Some:
    count: int = 1
    rate: float = 0.5
    on: bool = False
    name: str = ""
    mode: Literal["a", "b", 0] = "a"
    widths: tuple[int, ...] = (1, 2)
    betas: tuple[float, float] = (0.5, 0.9)
    limit: float | None = None
    inner: Inner = Inner()
    pairs: tuple[Pair, ...] = ()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("count", "7", 7),
        ("pairs", "4:0.5, 8:2", (Pair(4, 0.5), Pair(8, 2.0))),
        ("count", "1e6", 1_000_000),
        ("count", "200_000", 200_000),
        ("rate", "2e-4", 2e-4),
        ("on", "Yes", True),
        ("on", "off", False),
        ("name", "7", "7"),
        ("mode", "b", "b"),
        ("mode", "0", 0),
        ("widths", "3,4,5", (3, 4, 5)),
        ("widths", "(3, 4)", (3, 4)),
        ("betas", "0,0.99", (0.0, 0.99)),
        ("limit", "none", None),
        ("limit", "3", 3.0),
    ],
)
def test_text_becomes_the_fields_type(name: str, text: str, value: object) -> None:
    changed = getattr(settings.change(Some(), {name: text}), name)
    assert changed == value and type(changed) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("count", "many", "a whole number"),
        ("count", "1.5", "a whole number"),
        ("rate", "nan", "a number"),
        ("rate", "inf", "a number"),
        ("on", "perhaps", "yes or no"),
        ("mode", "c", "one of a, b, 0"),
        ("betas", "0.5", "2 values"),
        ("widths", "1,x", "whole number"),
        ("limit", "x", "a number or none"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(name: str, text: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        settings.change(Some(), {name: text})
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_an_unknown_name_brings_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'widths'"):
        settings.change(Some(), {"width": "3"})


WHOLE = st.integers(-(2**63), 2**63 - 1)


@given(
    st.builds(
        Some,
        count=WHOLE,
        rate=st.floats(allow_nan=False, allow_infinity=False),
        on=st.booleans(),
        name=st.text(),
        mode=st.sampled_from(["a", "b", 0]),
        widths=st.lists(WHOLE).map(tuple),
        limit=st.none() | st.floats(allow_nan=False, allow_infinity=False),
        inner=st.builds(Inner, side=WHOLE),
    )
)
def test_json_and_back_is_the_same(some: Some) -> None:
    import json

    assert settings.from_json(Some, json.loads(json.dumps(settings.to_json(some))), "here") == some


@pytest.mark.parametrize(
    "some",
    [
        Some(),
        Some(count=1_000_000, rate=2e-5, on=True, mode="b", widths=(3,), limit=0.1, inner=Inner(7)),
        Some(mode=0, widths=(), pairs=(Pair(4, 0.5), Pair(8, 2.0))),
    ],
)
def test_what_is_written_is_read_again(some: Some) -> None:
    values = json.loads(json.dumps(settings.to_json(some)))
    assert settings.change(Some(), {name: settings.written(value) for name, value in values.items()}) == some


@pytest.mark.parametrize(
    "body", [{"count": "1"}, {"count": True}, {"widths": 3}, {"inner": {"sides": 1}}, {"colour": 1}]
)
def test_json_of_another_shape_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(UserError):
        settings.from_json(Some, body, "here")


@pytest.mark.parametrize("text", ["batch", "=3", " = "])
def test_pairs_need_a_name_and_an_equals_sign(text: str) -> None:
    with pytest.raises(UserError, match="name=value"):
        settings.pairs([text])


@pytest.mark.parametrize("name", ["rate", "limit", "count"])
@pytest.mark.parametrize(
    "value", [10**400, -(10**400), 2**1024, float("inf"), float("nan")], ids=lambda value: f"{value}"[:9]
)
def test_a_number_beyond_all_is_refused_in_one_line(name: str, value: float) -> None:
    for make in (
        lambda: settings.change(Some(), {name: value}),
        lambda: settings.from_json(Some, {name: value}, "here"),
    ):
        with pytest.raises(UserError, match="expects") as caught:
            make()
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
def test_a_whole_number_is_one_that_a_machine_has(value: int) -> None:
    with pytest.raises(UserError, match="count expects"):
        settings.change(Some(), {"count": value})
    with pytest.raises(UserError, match="count expects"):
        settings.change(Some(), {"count": "1e19"})
    assert settings.change(Some(), {"count": 2**63 - 1}).count == 2**63 - 1


def test_an_error_quotes_little_of_what_it_was_given() -> None:
    deep: list[object] = []
    for _ in range(10_000):
        deep = [deep]
    with pytest.raises(UserError, match="count expects") as caught:
        settings.change(Some(), {"count": deep})
    assert len(str(caught.value)) < 200
