from __future__ import annotations

from limner.metrics import answered


def test_each_question_counts_alike_and_no_answer_is_a_wrong_one() -> None:
    assert answered([["red", None, "two"], ["no"]], [["red", "cube", "one"], ["no"]]) == 0.5
    assert answered([[], ["yes"]], [[], ["yes"]]) == 1 and answered([[]], [[]]) == 0
