"""The code keeps the house rules, and each rule catches what it is there for."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import house_rules
from house_rules import KIND_BRANCHES, PACKAGE, ROOT, RULES, Source, asks_for_a_kind

EVERYWHERE = {
    house_rules.no_long_file,
    house_rules.no_long_function,
    house_rules.no_path_of_one_machine,
}


def sources() -> Iterator[tuple[Path, Source]]:
    """Every file of the package, then tests, docs and benchmarks, to which fewer rules apply."""
    for folder in (PACKAGE, ROOT / "tests", ROOT / "docs", ROOT / "benchmarks"):
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(PACKAGE.parent if folder == PACKAGE else ROOT).with_suffix("").parts
            module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            yield path, Source(module, path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", RULES)
def test_the_code_keeps(name: str) -> None:
    check, _ = RULES[name]
    offenders = [
        f"{path.relative_to(ROOT)}:{found}"
        for path, source in sources()
        if path.is_relative_to(PACKAGE) or check in EVERYWHERE
        for found in check(source)
    ]
    assert not offenders, f"{name}:\n  " + "\n  ".join(offenders)


@pytest.mark.parametrize("name", RULES)
def test_the_rule_catches_its_example(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house_rules, "system_names", lambda: {"dcgan"})
    check, bad = RULES[name]
    assert check(bad), f"{name} finds nothing wrong with {bad.text!r}"


GOOD = '''"""A module that keeps every rule."""

import math

from torch import nn

from limner.blocks.layers.convolutions import Up
from limner.system import System


class GoodConfig:
    """What people change."""

    width: int = 64
    """Channels."""


class Good(System):
    """A system; it draws."""

    def phases(self):
        return []
'''


@pytest.mark.parametrize("name", RULES)
def test_the_rule_lets_good_code_pass(name: str) -> None:
    assert RULES[name][0](Source("limner.systems.good", GOOD)) == []


def test_relative_imports_are_resolved() -> None:
    found = [
        name for _, name in Source("limner.cli.draw", "from ..data.schema import Schema\nfrom . import shell").imports()
    ]
    assert found == ["limner.data.schema.Schema", "limner.cli.shell"]


def test_command_line_starts_without_torch() -> None:
    heavy = ("torch", "numpy", "datasets", "accelerate", "huggingface_hub")
    code = f"import sys, limner, limner.cli; print(*[m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "", f"imported at start: {run.stdout.strip()}; import it where it is used"


def test_few_places_ask_which_kind_a_request_is():
    """A request answers for itself: there were 55 such places in 19 files before it did."""
    found = [
        f"{path.relative_to(PACKAGE)}:{place}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for place in asks_for_a_kind(path.read_text(encoding="utf-8"))
    ]
    assert (
        len(asks_for_a_kind("a = isinstance(x, Caption | Story)\nb = takes is not Nothing\nc = takes in (Layout,)"))
        == 3
    )
    assert len(found) <= KIND_BRANCHES, f"{len(found)} places ask which kind a request is: {found}"
