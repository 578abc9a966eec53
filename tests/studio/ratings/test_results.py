"""Bradley-Terry finds strengths that are known, and means and spreads are those worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from limner.studio.ratings.results import bradley_terry, standings


def test_bradley_terry_finds_strengths_exactly_from_expected_wins() -> None:
    known = np.array([1.2, 0.4, -0.1, -1.5])
    wins = 1000 / (1 + np.exp(known[None] - known[:, None]))
    assert bradley_terry(wins, prior=0.0) == pytest.approx(known, abs=1e-8)


def test_bradley_terry_of_two_is_the_logarithm_of_the_odds() -> None:
    found = bradley_terry(np.array([[0.0, 30.0], [10.0, 0.0]]), prior=0.0)
    assert found[0] - found[1] == pytest.approx(math.log(3))


def test_bradley_terry_satisfies_the_likelihood_equation_where_pairs_are_missing() -> None:
    wins = np.array([[0, 7, 0, 2], [3, 0, 5, 0], [0, 6, 0, 1], [4, 0, 9, 0]], float)
    found = bradley_terry(wins, prior=0.0)
    expected = (wins + wins.T) / (1 + np.exp(found[None] - found[:, None]))
    assert expected.sum(1) - np.diag(expected) == pytest.approx(wins.sum(1), abs=1e-6)


def test_many_tables_are_fitted_as_each_alone() -> None:
    wins = np.random.default_rng(0).integers(0, 20, (5, 3, 3)).astype(float)
    together = bradley_terry(wins)
    assert together == pytest.approx(np.stack([bradley_terry(one) for one in wins]), abs=1e-8)


def test_one_who_always_wins_stays_finite_and_first() -> None:
    found = standings([[["a"], ["b"]]] * 20, ["a", "b"])
    assert [one.system for one in found] == ["a", "b"]
    assert all(math.isfinite(x) for one in found for x in (one.strength, one.low, one.high))


def test_simulated_answers_give_known_strengths_within_their_intervals() -> None:
    known = {"a": 1.0, "b": 0.2, "c": -0.3, "d": -0.9}
    names, dice, answers = list(known), np.random.default_rng(1), []
    for _ in range(1500):
        one, other = dice.permutation(4)[:2]
        first, second = names[one], names[other]
        wins = dice.random() < 1 / (1 + math.exp(known[second] - known[first]))
        answers.append([[first], [second]] if wins else [[second], [first]])
    found = {one.system: one for one in standings(answers, names)}
    assert list(found) == ["a", "b", "c", "d"]
    for name, strength in known.items():
        assert found[name].low < strength < found[name].high
        assert found[name].strength == pytest.approx(strength, abs=0.15)
        assert found[name].high - found[name].low < 0.5


def test_ranks_spreads_and_shares_by_hand() -> None:
    answers = [[["a"], ["b"], ["c"]], [["b", "a"], ["c"]], [["c"], ["a", "b"]], [["a", "b", "c"]]]
    found = {one.system: one for one in standings(answers, ["c", "b", "a"])}
    ranks = {"a": [1, 1.5, 2.5, 2], "b": [2, 1.5, 2.5, 2], "c": [3, 3, 1, 2]}
    for name, own in ranks.items():
        assert found[name].answers == 4
        assert found[name].mean_rank == pytest.approx(np.mean(own))
        assert found[name].spread == pytest.approx(np.std(own, ddof=1))
    # a beats b once and ties three times; beats c twice, loses once, ties once.
    assert found["a"].wins == pytest.approx((1 + 1.5 + 2 + 0.5) / 8)
    assert sum(one.wins for one in found.values()) == pytest.approx(1.5)


def test_without_answers_nobody_is_ahead_and_nothing_is_known() -> None:
    for one in standings([], ["a", "b"]):
        assert (one.answers, one.strength, one.wins, one.mean_rank) == (0, 0.0, 0.5, 1.5)
        assert (one.low, one.high) == (None, None)
    (alone,) = [one for one in standings([[["a"], ["b"]]], ["a", "b", "c"]) if one.system == "c"]
    assert alone.answers == 0


def test_results_are_the_same_every_time() -> None:
    answers = [[["a"], ["b"]], [["b"], ["a"]], [["a", "b"]]] * 5
    assert standings(answers, ["a", "b"]) == standings(answers, ["a", "b"])
