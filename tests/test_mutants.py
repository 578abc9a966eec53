"""The list of mutants fits the code as it is, and the runner tells what tests notice from what they do not."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import mutation
from limner import catalogue
from mutation import LISTS, ROOT, Mutant, NoLongerApplies, Outcome

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


def ran(*mutants: Mutant) -> list[Outcome]:
    """Run mutants of one file in a process of its own, as the runner does."""
    code = "import sys, json, mutation; made = [mutation.Mutant(*one) for one in json.loads(sys.argv[1])]; "
    code += "print(json.dumps([vars(one) for one in mutation.run(made[0].tests[0], made)]))"
    path = os.pathsep.join(str(ROOT / part) for part in ("src", "tests/helpers"))
    fields = json.dumps([tuple(vars(mutant).values()) for mutant in mutants])
    done = subprocess.run(
        [sys.executable, "-c", code, fields], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path}
    )
    assert done.returncode == 0, done.stderr
    return [Outcome(**one) for one in json.loads(done.stdout)]


def test_a_mutant_is_killed_by_a_test_that_notices_and_survives_one_that_does_not() -> None:
    killed, survived = ran(SIGN, replace(SIGN, by="test_no_spread_draws_one_picture"))
    assert killed == Outcome("killed", SIGN.by)
    assert survived == Outcome("survived", "")


def test_what_does_not_even_run_shows_nothing() -> None:
    unknown, gone = ran(replace(SIGN, new=SIGN.new.replace("bce_fake", "bce_none")), replace(SIGN, by="test_of_old"))
    assert unknown.verdict == "broken" and "NameError" in unknown.by
    assert gone == Outcome("broken", "there is no test test_of_old")


@pytest.mark.parametrize(
    ("made", "status", "says"),
    [
        (lambda one: one, 0, "1 mutants: 1 killed, 0 survived, 0 broken"),
        (lambda one: replace(one, by="test_no_spread_draws_one_picture"), 1, "0 killed, 1 survived"),
        (lambda one: replace(one, old="no such text"), 1, "0 killed, 0 survived, 1 broken"),
    ],
    ids=["killed", "survived", "no longer applies"],
)
def test_the_runner_fails_where_a_mutant_survives_or_no_longer_applies(
    made: Callable[[Mutant], Mutant], status: int, says: str, tmp_path: Path
) -> None:
    mutant = made(SIGN)
    fields = {name: getattr(mutant, name) for name in ("idea", "at", "old", "new", "by")}
    text = "".join(f"{name} = '''{value}'''\n" for name, value in fields.items())
    (tmp_path / "dcgan.toml").write_text(f"tests = {list(mutant.tests)}\n\n[[mutant]]\n{text}")
    run = [sys.executable, str(ROOT / "tests" / "mutants.py"), "--lists", str(tmp_path), "--jobs", "1"]
    done = subprocess.run(run, capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    assert says in done.stdout
