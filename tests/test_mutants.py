"""The list of mutants fits the code as it is, and the runner tells what tests notice from what they do not."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import mutation
from limner import catalogue
from mutation import LISTS, ROOT, NoLongerApplies, Outcome

MUTANTS = list(mutation.load())
SIGN = next(one for one in MUTANTS if one.system == "dcgan" and one.new.endswith("bce_fake("))


def test_every_system_has_a_list() -> None:
    """A system's list is called as the system is."""
    assert {path.stem for path in LISTS.glob("*.toml")} <= set(catalogue.names())


@pytest.mark.parametrize("system", sorted({mutant.system for mutant in MUTANTS}))
def test_every_edit_applies_and_names_a_test_that_exists(system: str) -> None:
    mutants = [mutant for mutant in MUTANTS if mutant.system == system]
    assert len({mutant.idea for mutant in mutants}) == len(mutants)
    tests = set()
    for path in mutants[0].tests:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        tests |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for mutant in mutants:
        compile(mutant.applied(), mutant.module, "exec")
        assert mutant.by in tests, f"{mutant.idea}: there is no test {mutant.by}"


def test_an_edit_that_no_longer_applies_says_so() -> None:
    with pytest.raises(NoLongerApplies, match="holds 'bce_real' 0 times, not once"):
        replace(SIGN, old="bce_real").applied("class DCGAN:\n    def step(self):\n        return 1\n")
    with pytest.raises(NoLongerApplies, match="step is there 0 times"):
        SIGN.applied("class DCGAN:\n    pass\n")
    twice = "class DCGAN:\n    def step(self):\n        return a + a\n"
    with pytest.raises(NoLongerApplies, match="2 times"):
        replace(SIGN, old="a + ", new="b").applied(twice.replace("a + a", "a + a + a"))


def test_an_edit_is_of_the_name_alone() -> None:
    text = "def f():\n    return a\n\n\n@once\ndef g(x=a):\n    return x\n\n\nA = a\n"
    edit = replace(SIGN, old="a", new="b")
    assert replace(edit, at="m:f", old="return a", new="return b").applied(text) == text.replace("return a", "return b")
    assert replace(edit, at="m:g").applied(text) == text.replace("x=a", "x=b")
    assert replace(edit, at="m:A").applied(text) == text.replace("A = a", "A = b")


UNSEEN = "test_no_spread_draws_one_picture"
EDITS = {
    "killed": {},
    "survives": {"by": UNSEEN},
    "no longer applies": {"old": "no such text"},
    "crashes": {"new": SIGN.new.replace("bce_fake", "bce_none")},
    "has no test": {"by": "test_of_old"},
}
"""What each of five mutants is, and in what it differs from the first."""


def test_the_runner_tells_what_is_noticed_from_what_is_not(tmp_path: Path) -> None:
    """Five mutants are really run. What does not even run shows nothing, so it is no kill."""
    text = f"tests = {list(SIGN.tests)}\n"
    for idea, changes in EDITS.items():
        fields = {name: getattr(SIGN, name) for name in ("at", "old", "new", "by")} | {"idea": idea} | changes
        text += "\n[[mutant]]\n" + "".join(f"{name} = '''{value}'''\n" for name, value in fields.items())
    (tmp_path / "dcgan.toml").write_text(text)
    run = [sys.executable, str(ROOT / "tests" / "mutants.py"), "--lists", str(tmp_path), "--jobs", "1"]
    done = subprocess.run(run, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    *lines, last = done.stdout.splitlines()
    told = {idea: line for line in lines for idea in EDITS if f"  {idea}  (" in line}
    assert [told[idea].split()[0] for idea in EDITS] == ["killed", "survived", "broken", "broken", "broken"]
    for idea, says in (
        ("killed", "(test_losses_by_hand)"),
        ("no longer applies", "'no such text' 0 times"),
        ("crashes", "NameError in test_losses_by_hand"),
        ("has no test", "there is no test test_of_old"),
    ):
        assert says in told[idea]
    assert last.startswith("5 mutants: 1 killed, 1 survived, 3 broken")


def test_the_runner_is_content_where_all_are_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("runner", ROOT / "tests" / "mutants.py")
    assert spec is not None and spec.loader is not None
    runner = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(runner)
    for verdict, status in (("killed", 0), ("survived", 1), ("broken", 1)):
        monkeypatch.setattr(
            runner, "outcomes", lambda mutants, *_, it=verdict: [(one, Outcome(it, "")) for one in mutants]
        )
        assert runner.main(["dcgan"]) == status
    with pytest.raises(SystemExit):
        runner.main(["nothing-of-that-name"])
