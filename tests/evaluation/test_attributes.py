"""What is asked for by name is what counts; the cosine by hand; and the error of what is drawn again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from limner import metrics
from limner.evaluation.attributes import named_values
from limner.evaluation.posterior import posterior_figures
from limner.requests import Attributes, Caption
from limner.system import System


def held_out(**known: Any) -> Any:
    values = {"colour": ("blue", "red"), "hat": ("cap", "none")}
    network = SimpleNamespace(values=values)
    return SimpleNamespace(judge=SimpleNamespace(network=network), stories=False, **known)


def test_named_values_are_what_a_request_names_and_no_more() -> None:
    requests = [Attributes({"hat": "none"}), Attributes({"colour": "red", "hat": "cap", "wings": "two"}), Attributes()]
    assert named_values(held_out(), requests).tolist() == [[-1, 1], [1, 0], [-1, -1]]
    assert Caption("a red hat").named() == {}


def test_the_cosine_by_hand() -> None:
    """Of what is asked: (.6, .4) against (0, 1); then (.6, .4, .2, .8) against (1, 0, 0, 1)."""
    seen = [torch.tensor([[0.6, 0.4], [0.6, 0.4]]), torch.tensor([[0.5, 0.5], [0.2, 0.8]])]
    wanted = torch.tensor([[1, -1], [0, 1]])
    one = 0.4 / (0.36 + 0.16) ** 0.5
    two = 1.4 / ((0.36 + 0.16 + 0.04 + 0.64) ** 0.5 * 2**0.5)
    assert metrics.attribute_cosine(seen, wanted) == pytest.approx((one + two) / 2)
    assert metrics.attribute_cosine(seen, torch.full((2, 2), -1)) == 0.0


def test_the_error_of_what_is_drawn_again_is_reported_by_step() -> None:
    real = torch.stack([torch.full((3, 4, 4), -0.5), torch.full((3, 4, 4), 0.5)])

    def nearer(images: Tensor, steps: int) -> Any:
        return iter([images + 1.0, *[images + 0.1] * steps])

    system: Any = SimpleNamespace(
        device="cpu", config=SimpleNamespace(size=4), data_size=lambda config: 4, reconstructions=nearer
    )
    details: dict[str, Any] = {}
    figure = posterior_figures(held_out(real=real), system, details)["posterior error"]
    assert figure.value == pytest.approx(0.01) and figure.floor == pytest.approx(0.25) and figure.better == -1
    assert list(details["posterior error by step"].values()) == pytest.approx([1.0] + [0.01] * 7)


def test_systems_that_find_nothing_step_by_step_have_no_such_figure() -> None:
    real = torch.zeros(2, 3, 4, 4)
    system: Any = SimpleNamespace(
        device="cpu", config=SimpleNamespace(size=4), data_size=lambda config: 4,
        reconstructions=lambda images, steps: System.reconstructions(None, images, steps),  # type: ignore[arg-type]
    )  # fmt: skip
    assert posterior_figures(held_out(real=real), system, {}) == {}
