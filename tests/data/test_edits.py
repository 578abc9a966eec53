"""One-word edits: what a caption may be changed into, on captions whose words are known."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from limner.data.edits import OneWordEdits
from limner.data.schema import words_of
from toy import COLOURS, SHAPES, shapes

Captions = list[tuple[str, ...]]
HATS, EYES = ("red", "blue", "orange"), ("wide", "closed")


def people(count: int = 360, seed: int = 0) -> Captions:
    """Write two captions a picture: a hat of one of three colours, eyes, and a hat by one of two names."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        hat, eyes = rng.choice(HATS), rng.choice(EYES)
        article = "An" if hat == "orange" else "A"
        found.append((f"{article} {hat} hat and {eyes} eyes.", f"{eyes} eyes, {article.lower()} {hat} cap"))
    return found


def test_words_that_exclude_one_another_are_found_and_synonyms_are_not() -> None:
    found = OneWordEdits.of(people())
    assert found.replacements["red"] == ("blue", "orange")
    assert found.replacements["wide"] == ("closed",)
    assert "hat" not in found.replacements and "cap" not in found.replacements  # a picture has both names
    assert "eyes" not in found.replacements
    assert found.followed["red", "hat"] == ("blue", "orange") and ("red", "eyes") not in found.followed
    assert len(found) == len(HATS) + len(EYES)


def test_an_edit_changes_one_word_and_keeps_the_rest_as_it_was_written() -> None:
    found = OneWordEdits.of(people())
    assert found.every("A red hat and wide eyes.") == [
        "A blue hat and wide eyes.", "An orange hat and wide eyes.", "A red hat and closed eyes.",
    ]  # fmt: skip
    assert found.every("WIDE eyes, an   orange cap") == [
        "Closed eyes, an   orange cap", "WIDE eyes, a   blue cap", "WIDE eyes, a   red cap",
    ]  # fmt: skip
    assert found.every("wide, red") == []  # nobody wrote these beside a clause's end


def test_a_pair_that_nobody_wrote_is_not_made() -> None:
    captions = [("a red hat",), ("a blue hat",)] * 40 + [("her red coat",), ("his blue tie",)] * 40
    found = OneWordEdits.of(captions, least=10, expected=1)
    assert "a blue hat" in found.every("a red hat")
    assert "blue" in found.replacements["red"] and "her blue" not in " ".join(found.every("her red hat"))


def test_the_other_neighbour_tells_synonyms_that_never_met() -> None:
    # "fair" comes after "and" where "light" does not, by the writers' habit; before "skin" pictures have both.
    light = [("she and light skin", "fair skin")] * 100 + [("she and fair skin", "light skin")] * 100
    found = OneWordEdits.of([*light, *[("she and dark skin", "dark skin")] * 200])
    assert "fair" in found.preceded["and", "light"]
    assert found.every("she and light skin") == ["she and dark skin"]


@pytest.mark.parametrize(("least", "expected"), [(200, 5.0), (30, 90.0)])
def test_rare_words_are_left_alone(least: int, expected: float) -> None:
    assert OneWordEdits.of(people(), least, expected).replacements.keys() <= {*EYES}


def test_pairs_that_chance_would_not_have_brought_together_are_no_proof() -> None:
    # 40 of 1,000 pictures each: 1.6 would have both, so that none has says little.
    captions = [(f"a {word} hat",) for word in ["red"] * 40 + ["felt"] * 40 + ["plain"] * 920]
    assert "red" not in OneWordEdits.of(captions).replacements.get("felt", ())
    assert "plain" in OneWordEdits.of(captions).replacements["felt"]


def test_words_that_exclude_one_another_need_less_proof_beside_another_neighbour() -> None:
    # 40 red and 40 blue coats among 1,000 pictures: 1.6 would be by chance; hats have proved that red is not blue.
    coats = [(f"a {word} coat", f"a {hat} hat") for word, hat in [("red", "blue"), ("blue", "red")] * 40]
    hats = [(f"a {hat} hat",) for hat in ("red", "blue") * 460]
    assert OneWordEdits.of([*coats, *hats]).followed["red", "coat"] == ("blue",)
    plain = [("a grey hat",)] * 920
    assert ("red", "coat") not in OneWordEdits.of([*coats, *plain]).followed


def test_edits_follow_from_the_seed_and_go_everywhere() -> None:
    found, caption = OneWordEdits.of(people()), "a red hat and wide eyes"
    drawn = [found.edit(caption, np.random.default_rng(seed)) for seed in range(40)]
    assert drawn == [found.edit(caption, np.random.default_rng(seed)) for seed in range(40)]
    assert {*drawn} == {*found.every(caption)}
    assert 10 < sum(edit is not None and "closed" in edit for edit in drawn) < 30  # half: places count alike
    assert found.edit("a green dog", np.random.default_rng(0)) is None


def test_the_same_words_in_another_order_of_pictures_give_the_same() -> None:
    captions = people()
    assert OneWordEdits.of(captions) == OneWordEdits.of(captions[::-1])


def test_a_data_set_is_read(tmp_path: Path) -> None:
    data = shapes(tmp_path / "shapes", held_out=0)
    found = OneWordEdits.of(data, least=4, expected=1)
    assert found.replacements["red"] == tuple(sorted({*COLOURS} - {"red"}))
    assert found.replacements["bar"] == tuple(sorted({*SHAPES} - {"bar"}))
    assert "a" not in found.replacements and "on" not in found.replacements
    edit = found.edit("a red bar on black", np.random.default_rng(1))
    assert edit is not None and len({*words_of(edit)} - {*words_of("a red bar on black")}) == 1


def test_no_captions_give_no_edits() -> None:
    for nothing in ([], [("",)], [(), ("...",)]):
        assert not OneWordEdits.of(nothing).replacements


def test_twenty_thousand_pictures_take_a_few_seconds() -> None:
    captions = [tuple(text + " and more of it" for text in texts * 2) for texts in people(20_000)]
    began = time.process_time()
    assert OneWordEdits.of(captions).replacements["red"] == ("blue", "orange")
    assert time.process_time() - began < 15
