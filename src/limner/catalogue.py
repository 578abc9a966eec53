"""The folder `systems/` is the catalogue: a file there is a system, called by its file name with hyphens.

There is no registry. Names and summaries are read without importing anything; `load_class` imports the one
file that is asked for, and takes a path (`./mine.py`) as well as a name.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
import re
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner import settings
from limner.errors import UserError

if TYPE_CHECKING:
    from types import ModuleType

    from limner.data.schema import Schema
    from limner.system import System

FOLDER = Path(__file__).parent / "systems"
JUDGE = "judge"
"""Trained and kept like a system, but it draws nothing, and so stands in no list of them."""
_OWN = "limner_own_"  # modules made from a path; a checkpoint of one can be opened while it is loaded


def names() -> list[str]:
    """Return the names of all systems, sorted; nothing is imported."""
    found = (module.name for module in pkgutil.iter_modules([str(FOLDER)]))
    return sorted(name.replace("_", "-") for name in found if not name.startswith("_"))


def name_of(cls: type[System]) -> str:
    """Return the name a class is called by: that of its file, with hyphens."""
    return cls.__module__.rpartition(".")[2].removeprefix(_OWN).replace("_", "-")


def load_class(name: str) -> type[System]:
    """Import one system by its name, or by the path of its file, which is run: never give it what a stranger wrote.

    Raises:
        UserError: where there is no such system (with the nearest name), or the file holds none or several.
    """
    return _only_system(_from_path(Path(name)), name) if name.endswith(".py") else load_named(name)


def load_named(name: str) -> type[System]:
    """Import one system by its name alone, as checkpoints give it; a path is no name.

    Raises:
        UserError: where there is no such system (with the nearest name).
    """
    if name == JUDGE:
        return _only_system(importlib.import_module("limner.evaluation.judge"), name)
    module = name.replace("-", "_")
    if name.replace("_", "-") in names():
        return _only_system(importlib.import_module(f"limner.systems.{module}"), name)
    if _OWN + module in sys.modules:
        return _only_system(sys.modules[_OWN + module], name)
    raise UserError(
        f"unknown system {name!r}: {settings.hint(name, names())}; your own are called by file, ./{module}.py"
    )


def configure(cls: type[System], preset: str, changes: Mapping[str, Any] | None = None) -> Any:
    """Return a preset's Config with `changes` made; strings are read as the fields' types.

    Raises:
        UserError: for an unknown preset or option (with the nearest one), or a value that does not fit.
    """
    if preset not in cls.presets:
        raise UserError(f"unknown preset {preset!r} of {name_of(cls)}: {settings.hint(preset, cls.presets)}")
    return settings.change(cls.presets[preset], changes or {}, f"option of {name_of(cls)}:")


def create(name: str, preset: str, schema: Schema, changes: Mapping[str, Any] | None = None) -> System:
    """Build an untrained system for data of this schema.

    Raises:
        UserError: as `load_class` and `configure` do.
    """
    cls = load_class(name)
    return build(cls, configure(cls, preset, changes), schema)


def build(cls: type[System], config: Any, schema: Schema) -> System:
    """Build a system whose own checks of its configuration are the user's business.

    Raises:
        UserError: where the system refuses the configuration.
    """
    try:
        return cls(config, schema)
    except ValueError as error:
        raise UserError(f"{name_of(cls)}: {error}") from error


def _from_path(path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError(f"no system file {path}: write one with `limner new {path.stem.replace('_', '-')}`")
    if not re.fullmatch(r"[\w-]+", path.stem):
        raise UserError(f"{path} names its system by letters that checkpoints cannot: use letters, digits, - and _")
    name = _OWN + path.stem.replace("-", "_")
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(path.resolve()):
        return known
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    assert spec is not None and spec.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: dataclasses and type hints look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        own = [
            frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path.resolve())
        ]
        line = own[-1] if own else getattr(error, "lineno", None)
        where = f"{path}, line {line}" if line else str(path)
        raise UserError(f"{where}: {type(error).__name__}: {error}") from error
    return module


def _only_system(module: ModuleType, name: str) -> type[System]:
    from limner.system import System

    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, System)
        and value.__module__ == module.__name__
        and not value.__name__.startswith("_")
    ]
    if len(own) != 1:
        found = ", ".join(cls.__name__ for cls in own) or "none"
        raise UserError(f"{name}: a system file holds one public subclass of limner.system.System, found {found}")
    return own[0]


@dataclass(frozen=True)
class Field:
    """One setting as its file tells it."""

    name: str
    kind: str
    default: str
    about: str


@dataclass(frozen=True)
class Summary:
    """What a system's file says of it, read without running it."""

    name: str
    title: str
    authors: str
    year: int
    venue: str
    arxiv: str
    about: str
    """First paragraph of the file's docstring."""
    takes: str
    gives: tuple[str, ...]
    presets: Mapping[str, str]
    """Each preset and what it sets, as written."""
    config: tuple[Field, ...]
    knobs: tuple[Field, ...]


def summary(name: str) -> Summary:
    """Read what `name` is by parsing its file: quick, and nothing (not even torch) is imported.

    Raises:
        UserError: where there is no such system.
    """
    path = Path(name) if name.endswith(".py") else FOLDER / f"{name.replace('-', '_')}.py"
    if not path.is_file():
        raise UserError(f"unknown system {name!r}: {settings.hint(name, names())}")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    system = next((node for node in classes.values() if "paper" in _assigned(node)), None)
    values = _assigned(system) if system else {}
    paper = _arguments(values.get("paper"), ("title", "authors", "year", "venue", "arxiv"))
    presets = _assigned(tree).get(ast.unparse(values["presets"]), values["presets"]) if "presets" in values else None
    return Summary(
        name=path.stem.replace("_", "-"),
        title=str(paper.get("title", "")),
        authors=str(paper.get("authors", "")),
        year=int(paper.get("year", 0)),
        venue=str(paper.get("venue", "")),
        arxiv=str(paper.get("arxiv", "")),
        about=" ".join((ast.get_docstring(tree) or "").split("\n\n")[0].split()),
        takes=ast.unparse(values["takes"]) if "takes" in values else "Nothing",
        gives=tuple(sorted(_strings(values["gives"]))) if "gives" in values else ("images",),
        presets=_presets(presets),
        config=_fields(tree, _named(values.get("Config"), "Config")),
        knobs=_fields(tree, _named(values.get("Knobs"), "Knobs")),
    )


def _assigned(scope: ast.Module | ast.ClassDef) -> dict[str, ast.expr]:
    found = {}
    for node in scope.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found[node.target.id] = node.value
    return found


def _arguments(call: ast.expr | None, order: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(call, ast.Call):
        return {}
    given = dict(zip(order, call.args, strict=False)) | {word.arg: word.value for word in call.keywords if word.arg}
    return {name: value.value for name, value in given.items() if isinstance(value, ast.Constant)}


def _strings(node: ast.expr) -> list[str]:
    return [part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)]


def _presets(node: ast.expr | None) -> dict[str, str]:
    if not isinstance(node, ast.Dict):
        return {}
    return {
        key.value: ", ".join(map(ast.unparse, [*value.args, *value.keywords])) if isinstance(value, ast.Call) else ""
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


def _named(node: ast.expr | None, otherwise: str) -> str:
    return node.id if isinstance(node, ast.Name) else otherwise


def _fields(tree: ast.Module, name: str) -> tuple[Field, ...]:
    """Return the fields of a dataclass of this file, or of one that it imports from this package.

    They come in the order that dataclasses give them: inherited ones first, where they were first declared.
    """
    tree, node = _class(tree, name)
    if node is None:
        return ()
    inherited = [
        field for base in reversed(node.bases) if isinstance(base, ast.Name) for field in _fields(tree, base.id)
    ]
    return tuple({field.name: field for field in (*inherited, *_declared(node))}.values())


def _class(tree: ast.Module, name: str) -> tuple[ast.Module, ast.ClassDef | None]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return tree, node
        if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]:
            package, *inside = (node.module or "").split(".")
            path = FOLDER.parent.joinpath(*inside).with_suffix(".py")
            if package == "limner" and path.is_file():
                return _class(ast.parse(path.read_text(encoding="utf-8")), name)
    return tree, None


def _declared(node: ast.ClassDef) -> list[Field]:
    found = []
    for place, line in enumerate(node.body):
        if not isinstance(line, ast.AnnAssign) or not isinstance(line.target, ast.Name):
            continue
        below = node.body[place + 1] if place + 1 < len(node.body) else None
        told = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and str(below.value.value)
        default = ast.unparse(line.value) if line.value else ""
        found.append(Field(line.target.id, ast.unparse(line.annotation), default, " ".join((told or "").split())))
    return found
