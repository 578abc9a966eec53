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
`new`. Nothing is known by its line, so a list outlives every edit that leaves an idea as it was. `by` is the test that is
to notice.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import io
import os
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LISTS = ROOT / "tests" / "mutants"
TIMEOUT = 300  # seconds of a test on a busy machine: a mutant may never end
NOTHING_RAN = 5  # what pytest returns where no test was chosen


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

    Quicker than to import everything anew for each of hundreds. What a class makes when it is made, such as the fields of
    a dataclass, is out of reach; nor does another module see it that took a constant over by `from ... import`.
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
    """Notes the first test that fails, by which exception, and what that says."""

    def __init__(self) -> None:
        self.test, self.error, self.said = "", "", ""

    def pytest_exception_interact(self, node: Any, call: Any, report: Any) -> None:
        if not self.test:
            self.test, self.error = node.nodeid.rpartition("::")[2] or node.nodeid, call.excinfo.typename
            self.said = str(call.excinfo.value).partition("\n")[0]


def run(mutant: Mutant, whole: bool = False) -> Outcome:
    """Run the tests of a mutant, in a process that runs nothing after it.

    Args:
        mutant: what is edited.
        whole: all tests of its files, and not only the one that is to notice.

    A failed assertion kills. Any other exception means that the edit makes no program of the same shape: it shows
    nothing about tests, and has to be written anew.
    """
    try:
        install(mutant)
    except (NoLongerApplies, SyntaxError, ValueError) as error:
        return Outcome("broken", str(error))
    status, witness = _pytest(mutant.tests, "" if whole else mutant.by)
    if status == 0:
        return Outcome("survived", "")
    if status == NOTHING_RAN:
        return Outcome("broken", f"there is no test {mutant.by}")
    if witness.error in ("AssertionError", "Failed"):
        return Outcome("killed", witness.test)
    return Outcome("broken", f"{witness.error} in {witness.test}: {witness.said}")


def unedited(mutants: Sequence[Mutant]) -> Outcome:
    """Run the tests that are to notice the mutants of one system on the code as it is: all have to pass."""
    status, witness = _pytest(mutants[0].tests, " or ".join(sorted({mutant.by for mutant in mutants})))
    if status == 0:
        return Outcome("passed", "")
    return Outcome("broken", f"without any edit {witness.error} in {witness.test}: {witness.said}")


def _pytest(tests: Sequence[str], names: str) -> tuple[int, Witness]:
    import pytest

    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # importing all of them takes longer than most tests
    witness, said = Witness(), io.StringIO()
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "pytest_timeout", f"--timeout={TIMEOUT}"]
    with redirect_stdout(said), redirect_stderr(said):
        status = int(pytest.main([*tests, "-k", names, *options], plugins=[witness]))
    return status, witness
