"""The judges that ship: found by name, accurate on real pictures, and of two kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from limner import checkpoint
from limner.evaluation.evaluate import GOOD
from limner.evaluation.protocol import NamedJudge

JUDGES = {"avatars": ("residual", 64), "avatars32": ("residual", 32), "avatars-mixer": ("mixer", 64)}


@pytest.mark.parametrize("name", JUDGES)
def test_a_shipped_judge_is_found_by_its_name(name: str) -> None:
    judge = NamedJudge.load(name)
    assert (judge.network.config.arch, judge.network.config.size) == JUDGES[name] and judge.name == name
    assert "background" in judge.network.values and not judge.network.training


def test_the_judge_of_layouts_counts() -> None:
    judge = NamedJudge.load("layouts")
    assert judge.network.config.size == 64 and all(name.startswith("count of ") for name in judge.network.values)
    folder = Path(checkpoint.__file__).parent / "evaluation" / "judges" / "layouts"
    assert checkpoint.read(folder)["trained"]["held out"]["mean"] >= GOOD


def test_each_names_real_pictures_rightly_and_all_know_the_same_attributes() -> None:
    judges = [NamedJudge.load(name) for name in JUDGES]
    assert all(judge.network.values == judges[0].network.values for judge in judges)
    folder = Path(checkpoint.__file__).parent / "evaluation" / "judges"
    for name in JUDGES:
        shares = checkpoint.read(folder / name)["trained"]["held out"]
        assert shares["mean"] >= GOOD and "empty" not in shares, name
