"""Examples that artists open with: right by most seeds, unlike one another, and honest where few are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from limner.data.dataset import Dataset
from limner.data.schema import words_of
from limner.errors import UserError
from limner.evaluation.examples import MOST, RIGHT, SEEDS, Examples, choose
from limner.evaluation.protocol import HeldOut, NamedJudge
from limner.noise import RowNoise
from limner.requests import Attributes, Caption, Nothing, Request
from limner.system import Draft
from painters import EYES, HATS, Eye, Painter, faces


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> HeldOut:
    data = Dataset.open(faces(tmp_path_factory.mktemp("faces") / "faces"), size=16, held_out=0.2)
    return HeldOut("faces", data, NamedJudge("eye", Eye(data), "0" * 64), requests=40)  # type: ignore[arg-type]


def test_what_comes_out_right_is_chosen_and_all_that_can_be_said_is_said(held_out: HeldOut) -> None:
    chosen = choose(Painter(held_out.data, "seed"), held_out)
    assert len(chosen.texts) == MOST and chosen.qualified == chosen.candidates == 40
    assert set(chosen.right) == {SEEDS}
    first = {word for text in chosen.texts[:3] for word in words_of(text)}
    assert first >= {*HATS} and first & {*EYES} == {*EYES}  # the first three say all three hats and both eyes
    assert str(chosen) == "40 of 40 held-out requests were drawn rightly by 8 of 10 seeds or more; 12 are examples"


def test_what_comes_out_wrong_is_not_chosen(held_out: HeldOut) -> None:
    chosen = choose(Painter(held_out.data, "no green"), held_out)
    green = [text for text in chosen.texts if "green" in text]
    assert not green and 0 < chosen.qualified < 40 and min(chosen.right) >= RIGHT


def test_where_few_qualify_the_best_of_the_rest_follow_and_it_says_so(held_out: HeldOut) -> None:
    chosen = choose(Painter(held_out.data, "half"), held_out)  # by half the seeds the hat is another
    assert chosen.qualified == 0 and len(chosen.texts) == MOST
    assert all(0 < right < RIGHT for right in chosen.right)
    assert list(chosen.right) == sorted(chosen.right, reverse=True)
    assert f"12 of them only the best of the rest ({min(chosen.right)} of 10 or more)" in str(chosen)


def test_examples_say_what_falls_short() -> None:
    assert "2 are examples, 1 of them only the best of the rest (3 of 10 or more)" in str(
        Examples(("a", "b"), (9, 3), 1, 7)
    )


def test_who_is_asked_for_nothing_has_no_examples(held_out: HeldOut, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Painter, "takes", Nothing)
    with pytest.raises(UserError, match="captions, stories or attributes"):
        choose(Painter(held_out.data, "seed"), held_out)


class Told(Painter):
    """Is told named values; the eyes it leaves to chance, and says so."""

    takes = Attributes

    def sample(self, requests: Sequence[Request], knobs: Any, rng: RowNoise) -> Iterator[Draft]:
        asked = [Caption(f"a {request.named().get('hat', '')} hat") for request in requests]
        yield from super().sample(asked, knobs, rng)

    def remarks(self, requests: Sequence[Request]) -> Sequence[str]:
        return ["eyes are drawn by chance" for request in requests if "eyes" in request.named()]


def test_who_is_told_attributes_opens_with_names_and_values(held_out: HeldOut) -> None:
    """Those that a held-out caption speaks of, without what the artist is not told."""
    chosen = choose(Told(held_out.data, "seed"), held_out)
    assert sorted(chosen.texts) == [f"hat: {hat}" for hat in HATS]
    assert chosen.right == (SEEDS,) * 3 and chosen.candidates == 3
    assert all(Attributes.parse(text, held_out.data.schema).values for text in chosen.texts)
    few = choose(Told(held_out.data, "no green"), held_out)
    assert few.qualified == 2 and few.texts[-1] == "hat: green" and few.right[-1] == 0
