"""Metrics of layouts, on numbers worked by hand."""

from __future__ import annotations

import pytest

from limner.metrics import area_under_curve, counts_within, iou, matched_iou

CUP, RIGHT, LAMP = ("cup", 0.0, 0.0, 0.2, 0.2), ("cup", 0.5, 0.0, 0.2, 0.2), ("lamp", 0.0, 0.0, 0.2, 0.2)


def test_overlap_is_matched_by_label() -> None:
    assert iou((0, 0, 0.2, 0.2), (0.1, 0, 0.2, 0.2)) == pytest.approx(1 / 3)
    assert iou((0, 0, 0.2, 0.2), (0.3, 0, 0.2, 0.2)) == 0
    assert matched_iou([RIGHT, CUP], [CUP, RIGHT]) == pytest.approx(1)
    assert matched_iou([CUP], [LAMP]) == 0  # one place, two labels
    assert matched_iou([CUP], [CUP, RIGHT]) == pytest.approx(1 / 2)
    half = ("cup", 0.1, 0.0, 0.2, 0.2)
    assert matched_iou([half, CUP], [CUP, RIGHT]) == pytest.approx(1 / 2)  # CUP takes its own, `half` gets nothing
    assert matched_iou([], []) == 1


def test_counts_may_differ_by_one() -> None:
    assert counts_within([CUP] * 3 + [LAMP], [CUP]) == pytest.approx(1 / 2)  # two cups too many, one lamp too many
    assert counts_within([CUP] * 3, [CUP], reach=2) == 1


def test_area_under_the_curve() -> None:
    assert area_under_curve([3.0, 4.0], [1.0, 2.0]) == 1
    assert area_under_curve([1.0, 3.0], [2.0]) == pytest.approx(0.5)
    assert area_under_curve([1.0], [1.0]) == pytest.approx(0.5)
