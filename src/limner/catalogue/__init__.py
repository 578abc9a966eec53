"""The folder `systems/` is the catalogue: a file or package there is a system, called by its name with hyphens.

There is no registry. `names` and `brief` read the folder and import nothing, not even torch; `load_class` imports the
one system that is asked for, and takes a path (`./mine.py`, or a package: `./mine/`) as well as a name. `summary` asks
that class.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import re
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner import settings
from limner.catalogue import summaries
from limner.catalogue.summaries import Brief, Field, Summary
from limner.errors import UserError

if TYPE_CHECKING:
    from types import ModuleType

    from limner.data.schema import Schema
    from limner.system import System

__all__ = [
    "ENLARGER",
    "FOLDER",
    "JUDGE",
    "Brief",
    "Field",
    "Summary",
    "brief",
    "build",
    "configure",
    "create",
    "is_name",
    "load_class",
    "load_named",
    "name_of",
    "names",
    "own_source",
    "parted",
    "preset_of",
    "summary",
]

FOLDER = Path(__file__).parent.parent / "systems"
JUDGE, ENLARGER = "judge", "enlarger"
_ASIDE = {JUDGE: "limner.evaluation.judge", ENLARGER: "limner.enlarging.enlarger"}
"""Trained and kept like systems, but they draw nothing, and so stand in no list of them."""
_SHIPPED = "limner.systems."
MOVED = " (names of Limner have moved: see CHANGELOG.md)"
_OWN = "limner_own_"  # modules made from a path; a checkpoint of one can be opened while it is loaded


def names() -> list[str]:
    """Return the names of all systems, sorted; nothing is imported."""
    found = (module.name for module in pkgutil.iter_modules([str(FOLDER)]))
    return sorted(_called(name) for name in found if not name.startswith("_"))


def name_of(cls: type[System]) -> str:
    """Return the name a class is called by: that of its file or package, with hyphens."""
    module = cls.__module__
    if module.startswith((_SHIPPED, _OWN)):
        module = module.removeprefix(_SHIPPED).removeprefix(_OWN).partition(".")[0]
    return _called(module.rpartition(".")[2])


def _called(stem: str) -> str:
    """Return the name of a system from that of its module."""
    return stem.replace("_", "-")


def is_name(name: str) -> bool:
    """Tell whether `name` can be that of a system: letters, digits, - and _, so never a path."""
    return re.fullmatch(r"[\w-]{1,64}", name) is not None


def own_source(name: str) -> Path | None:
    """Return the file that a path to a system of one's own means; None where `name` is no path.

    A path ends in `.py`, or has a separator and is a package: `./mine/` is `./mine/__init__.py`.
    """
    if name.endswith(".py"):
        return Path(name)
    return Path(name) / "__init__.py" if os.sep in name or "/" in name else None


def parted(spec: str) -> tuple[str, str, dict[str, str]]:
    """Split SYSTEM, SYSTEM:PRESET or SYSTEM:PRESET:name=value,name=value into name, preset ("" if none) and changes.

    Raises:
        UserError: where it is not written so.
    """
    drive = spec[:2] if re.match(r"[A-Za-z]:[\\/]", spec) else ""  # of a path on Windows
    name, _, rest = spec[len(drive) :].partition(":")
    preset, _, changes = rest.partition(":")
    if not name or "=" in preset:
        raise UserError(f"{spec!r}: write SYSTEM, SYSTEM:PRESET or SYSTEM:PRESET:name=value,name=value")
    pieces = re.split(r",(?=\w+=)", changes) if changes else []  # values may contain commas
    return drive + name, preset, settings.pairs(pieces)


def load_class(name: str) -> type[System]:
    """Import one system by its name, or by its path, which is run: never give it what a stranger wrote.

    Raises:
        UserError: where there is no such system (with the nearest name), or the file holds none or several.
    """
    path = own_source(name)
    return load_named(name) if path is None else _only_system(_from_path(path), name)


def load_named(name: str) -> type[System]:
    """Import one system by its name alone, as checkpoints give it; a path is no name.

    Raises:
        UserError: where there is no such system (with the nearest name).
    """
    if name in _ASIDE:
        return _only_system(importlib.import_module(_ASIDE[name]), name)
    module = name.replace("-", "_")
    if name.replace("_", "-") in names():
        return _only_system(importlib.import_module(_SHIPPED + module), name)
    if _OWN + module in sys.modules:
        return _only_system(sys.modules[_OWN + module], name)
    raise UserError(
        f"unknown system {name!r}: {settings.hint(name, names())}; your own are called by file, ./{module}.py"
    )


def preset_of(cls: type[System], preset: str | None) -> str:
    """Return the preset that is asked for, or the one that a system takes where none is.

    Raises:
        UserError: where none is asked for, there are several, and the system names none of them.
    """
    chosen = preset or summaries.default_preset(cls.default_preset, cls.presets)
    if not chosen:
        raise UserError(f"{name_of(cls)} names no default preset: choose one with --preset: {', '.join(cls.presets)}")
    return chosen


def configure(cls: type[System], preset: str, changes: Mapping[str, Any] | None = None) -> Any:
    """Return a preset's Config with `changes` made; strings are read as the fields' types.

    Raises:
        UserError: for an unknown preset or option (with the nearest one), a value that does not fit, a number below 0,
            or a width of 0.
    """
    if preset not in cls.presets:
        raise UserError(f"unknown preset {preset!r} of {name_of(cls)}: {settings.hint(preset, cls.presets)}")
    config = settings.change(cls.presets[preset], changes or {}, f"option of {name_of(cls)}:")
    for name in changes or {}:
        value, least = getattr(config, name), 1 if "width" in name else 0
        numbers = [one for one in (value if isinstance(value, tuple) else (value,)) if isinstance(one, int | float)]
        if min(numbers, default=least) < least:
            raise UserError(f"option of {name_of(cls)}: {name} is {least} or more, not {settings.written(value):.60}")
    return config


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
        UserError: where the system refuses the configuration, or it is too large for any memory.
    """
    try:
        return cls(config, schema)
    except ValueError as error:
        raise UserError(f"{name_of(cls)}: {error}") from error
    except (RuntimeError, ArithmeticError, MemoryError) as error:  # torch's, of sizes that no tensor can have
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"{name_of(cls)} cannot be built so ({why:.120}): look at its widths and sizes") from error


def brief(name: str) -> Brief:
    """Say what a list says of a system, from its file; where that is not stated plainly there, its class is asked.

    Raises:
        UserError: as `load_class` does.
    """
    path = own_source(name) or _shipped(name)
    return summaries.read(_called(_stem(path)), path) or summary(name).brief


def summary(name: str) -> Summary:
    """Say what a system is: its class is imported and asked, so that what it inherits is said, too.

    Raises:
        UserError: as `load_class` does.
    """
    cls = load_class(name)
    called = name_of(cls)
    module = cls.__module__
    for prefix in (_SHIPPED, _OWN):
        if module.startswith(prefix):  # of a package, the docstring of its `__init__.py`
            module = prefix + called.replace("-", "_")
    return summaries.of_class(cls, called, sys.modules[module].__doc__)


def _shipped(name: str) -> Path:
    """Return the file of a system in the folder, were there one of this name."""
    stem = name.replace("-", "_")
    package = FOLDER / stem / "__init__.py"
    return package if package.is_file() else FOLDER / f"{stem}.py"


def _stem(path: Path) -> str:
    """Return the name, with underscores, of the system that a file, or the `__init__.py` of a package, holds."""
    named = path.resolve().parent.name if path.name == "__init__.py" else path.stem
    return named.replace("-", "_")


def _from_path(path: Path) -> ModuleType:
    stem, package = _stem(path), path.name == "__init__.py"
    if not path.is_file():
        raise UserError(f"no system file {path}: write one with `limner new {stem.replace('_', '-')}`")
    if not is_name(_called(stem)):
        raise UserError(f"{path} names its system by letters that checkpoints cannot: use letters, digits, - and _")
    name, file = _OWN + stem, path.resolve()
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(file):
        return known
    spec = importlib.util.spec_from_file_location(
        name, file, submodule_search_locations=[str(file.parent)] if package else None
    )
    assert spec is not None and spec.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(spec)
    _forget(name)
    sys.modules[name] = module  # before it runs: dataclasses and type hints look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        _forget(name)
        raise UserError(_fault(error, path)) from error
    return module


def _forget(name: str) -> None:
    """Drop a module and what is below it."""
    for known in [known for known in sys.modules if known == name or known.startswith(f"{name}.")]:
        del sys.modules[known]


def _fault(error: Exception, path: Path) -> str:
    """Return the line that says where in a system of one's own an error arose, and what to do about moved names."""
    inside = path.resolve().parent if path.name == "__init__.py" else path.resolve()
    own = [
        (path.parent / Path(frame.filename).relative_to(path.resolve().parent), frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(inside)
    ]
    place, line = own[-1] if own else (path, getattr(error, "lineno", None))
    where = f"{place}, line {line}" if line else str(place)
    moved = isinstance(error, ImportError) and str(error.name).partition(".")[0] == "limner"
    return f"{where}: {type(error).__name__}: {error}{MOVED if moved else ''}"


def _only_system(module: ModuleType, name: str) -> type[System]:
    from limner.system import System

    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, System)
        and f"{value.__module__}.".startswith(f"{module.__name__}.")
        and not value.__name__.startswith("_")
    ]
    own = [one for one in dict.fromkeys(own) if not any(issubclass(other, one) for other in own if other is not one)]
    if len(own) != 1:
        found = ", ".join(cls.__name__ for cls in own) or "none"
        raise UserError(f"{name}: a system file holds one public subclass of limner.system.System, found {found}")
    return own[0]
