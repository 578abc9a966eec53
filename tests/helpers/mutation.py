"""Mutants: edits of the code that take an idea out, and the tests that have to notice.

The lists lie in `tests/mutants/`, a file for each system:

    tests = ["tests/systems/test_dcgan.py"]

    [[mutant]]
    idea = "the generator wants its pictures taken for real"
    at = "limner.systems.dcgan:DCGAN.step"
    old = 'yield Update("generator", bce_real('
    new = 'yield Update("generator", bce_fake('
    by = "test_losses_by_hand"

`at` names a module and, in it, a class, a function or a constant; in its text `old` occurs exactly once and becomes
`new`. Nothing is known by its line, so a list outlives every edit that leaves an idea as it was. `by` is the test that
is to notice.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import io
import json
import os
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LISTS = ROOT / "tests" / "mutants"
TIMEOUT = 300  # seconds of a test on a busy machine: a mutant may never end


class NoLongerApplies(Exception):
    """A mutant's edit does not fit the code any more."""


@dataclass(frozen=True)
class Mutant:
    """One edit."""

    system: str
    """In whose list it stands."""
    tests: tuple[str, ...]
    """Files of tests that have to notice, by their paths from the root."""
    idea: str
    """What is true of the code as it is."""
    at: str
    """`module:name`, the name with dots, or the module alone."""
    old: str
    """What is replaced."""
    new: str
    """What stands there instead."""
    by: str
    """The name of the test that notices."""

    @property
    def module(self) -> str:
        return self.at.partition(":")[0]

    @property
    def path(self) -> Path:
        """The file that is edited."""
        stem = ROOT / "src" / Path(*self.module.split("."))
        return stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")

    def applied(self, source: str | None = None) -> str:
        """Return the text of the module with the edit.

        Raises:
            NoLongerApplies: where the name is gone, or its text does not hold `old` exactly once.
        """
        source = self.path.read_text(encoding="utf-8") if source is None else source
        name = self.at.partition(":")[2]
        start, stop = span(source, name) if name else (0, len(source))
        found = source.count(self.old, start, stop)
        if found != 1:
            raise NoLongerApplies(f"{self.at} holds {self.old!r} {found} times, not once")
        place = source.index(self.old, start, stop)
        return source[:place] + self.new + source[place + len(self.old) :]


def span(source: str, name: str) -> tuple[int, int]:
    """Return where the text of a dotted name begins and ends: a class, a function, or what is assigned to."""
    body, node = ast.parse(source).body, None
    for part in name.split("."):
        nodes = [one for one in body if part in _names(one)]
        if len(nodes) != 1:
            raise NoLongerApplies(f"{name}: {part} is there {len(nodes)} times")
        (node,) = nodes
        body = getattr(node, "body", [])
    assert node is not None and node.end_lineno is not None
    lines = source.splitlines(keepends=True)
    first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
    return sum(map(len, lines[: first - 1])), sum(map(len, lines[: node.end_lineno]))


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]


def load(systems: Sequence[str] = (), lists: Path = LISTS) -> Iterator[Mutant]:
    """Read the lists, of all systems or of these."""
    for path in sorted(lists.glob("*.toml")):
        if systems and path.stem not in systems:
            continue
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        for fields in table["mutant"]:
            yield Mutant(system=path.stem, tests=tuple(table["tests"]), **fields)


def install(mutant: Mutant) -> None:
    """Put the edit into the running program: new code for the functions at the name, or a new value of the constant.

    Quicker than to import everything anew for each of hundreds. What is made with a class, such as the fields of a
    dataclass, is out of reach; and a module that took a constant over by `from ... import` does not see the new value.
    """
    module, name = importlib.import_module(mutant.module), mutant.at.partition(":")[2]
    text = mutant.applied()
    found = named(module, name)
    if not isinstance(found, type) and not callable(found):
        (assigned,) = (node for node in ast.parse(text).body if name in _names(node))
        exec(compile(ast.Module([assigned], []), mutant.path, "exec"), vars(module))
        return
    new = {code.co_qualname: code for code in _codes(compile(text, mutant.path, "exec", dont_inherit=True))}
    changed = False
    for function in functions(found):
        code = new[function.__qualname__]
        changed |= _text(code) != _text(function.__code__)
        function.__code__ = code
    if not changed:
        raise NoLongerApplies(f"{mutant.at}: {mutant.new!r} changes no function")


def named(module: ModuleType, name: str) -> Any:
    """Return what a dotted name stands for, without what decorators put around it."""
    found: Any = module
    for part in name.split("."):
        found = inspect.getattr_static(found, part)
    return found


def functions(found: Any) -> Iterator[FunctionType]:
    """Yield the functions written at a name: one, or all of a class."""
    if isinstance(found, type):
        for one in vars(found).values():
            if isinstance(one, FunctionType | staticmethod | classmethod | property):
                yield from functions(one)
        return
    found = getattr(found, "__func__", getattr(found, "fget", found))
    found = inspect.unwrap(found)
    assert isinstance(found, FunctionType), f"{found} is no function"
    if found.__code__.co_filename.startswith(str(ROOT)):  # else made by dataclass
        yield found


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _codes(one)


def _text(code: CodeType) -> tuple[object, ...]:
    """Return what tells two versions of a function apart, whatever their lines."""
    constants = [_text(one) if isinstance(one, CodeType) else repr(one) for one in code.co_consts]
    return (code.co_code, tuple(constants), code.co_names, code.co_varnames, code.co_freevars)


@dataclass(frozen=True)
class Outcome:
    """What tests said of a mutant."""

    verdict: str
    """killed, survived, or broken: the edit no longer applies, or what it makes does not even run."""
    by: str
    """The test that noticed, or what is broken."""


class Witness:
    """A plugin that runs the tests on the code as it is, and then those of each mutant in a process forked for it.

    Everything is imported and collected once, and what tests share is made once, of the code as it is.

    Args:
        mutants: whose tests are collected.
        whole: every test is run for each, and not only the one that is to notice.
    """

    def __init__(self, mutants: Sequence[Mutant], whole: bool) -> None:
        self.mutants, self.whole = mutants, whole
        self.unedited, self.outcomes = Outcome("broken", "no test was collected"), list[Outcome]()
        self.failure: tuple[str, str, str] | None = None

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Leave out what notices none of the mutants."""
        names = {mutant.by for mutant in self.mutants}
        items[:] = [item for item in items if self.whole or item.originalname in names]

    def pytest_exception_interact(self, node: Any, call: Any, report: Any) -> None:
        """Note the first test that fails, by which exception, and what that says."""
        said = str(call.excinfo.value).partition("\n")[0]
        self.failure = self.failure or (node.nodeid.rpartition("::")[2] or node.nodeid, call.excinfo.typename, said)

    def pytest_runtestloop(self, session: Any) -> bool:
        """Run all that was collected, and then each mutant."""
        self.unedited = self.passed(session.items)
        if self.unedited.verdict == "survived":
            self.outcomes = [self.forked(mutant, session.items) for mutant in self.mutants]
        return True

    def passed(self, items: Sequence[Any]) -> Outcome:
        """Run tests until one fails."""
        for item in items:
            module = item.getparent(pytest.Module)  # what its tests share is kept, for those that come next
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=module)
            if self.failure is not None:
                test, error, said = self.failure
                killed = error in ("AssertionError", "Failed")
                return Outcome("killed", test) if killed else Outcome("broken", f"{error} in {test}: {said}")
        return Outcome("survived", "")

    def forked(self, mutant: Mutant, items: Sequence[Any]) -> Outcome:
        """Edit, run and report in a process of its own."""
        reading, writing = os.pipe()
        if (child := os.fork()) == 0:
            try:
                os.write(writing, json.dumps(vars(self.edited(mutant, items))).encode())
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            told = pipe.read()
        os.waitpid(child, 0)
        return Outcome(**json.loads(told)) if told else Outcome("broken", "the process died")

    def edited(self, mutant: Mutant, items: Sequence[Any]) -> Outcome:
        """Run the tests of a mutant on the edited code."""
        own = [item for item in items if self.whole or item.originalname == mutant.by]
        if not own:
            return Outcome("broken", f"there is no test {mutant.by}")
        try:
            install(mutant)
        except (NoLongerApplies, SyntaxError, ValueError) as error:
            return Outcome("broken", str(error))
        return self.passed(own)


def run(file: str, mutants: Sequence[Mutant], whole: bool = False) -> list[Outcome]:
    """Run the tests in a file that are to notice some mutants: on the code as it is, where all pass, then on each.

    A failed assertion kills. Any other exception means that an edit makes no program of the same shape: it shows
    nothing about tests, and has to be written anew.

    Args:
        file: path from the root.
        mutants: edits.
        whole: run all tests of the file for each, and not only the one that is to notice.
    """
    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # importing all of them takes longer than most tests
    witness = Witness(mutants, whole)
    options = ["-q", "-s", "-p", "no:cacheprovider", "-p", "pytest_timeout", f"--timeout={TIMEOUT}"]
    with redirect_stdout(io.StringIO()) as said, redirect_stderr(said):
        pytest.main([file, *options], plugins=[witness])
    if witness.outcomes:
        return witness.outcomes
    unedited = witness.unedited
    return [Outcome("broken", f"without any edit: {unedited.by or said.getvalue()[-200:]}")] * len(mutants)


def by_file(mutants: Sequence[Mutant], whole: bool = False) -> dict[str, list[Mutant]]:
    """Return the files of tests, each with the mutants whose test it holds, or of which it holds any test."""
    found: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        holding = [file for file in mutant.tests if whole or mutant.by in tests_in(file)]
        for file in holding or mutant.tests[:1]:
            found.setdefault(file, []).append(mutant)
    return found


@cache
def tests_in(file: str) -> frozenset[str]:
    """Return the names of the functions of a file."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
