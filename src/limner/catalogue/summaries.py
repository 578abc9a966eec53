"""What is said of a system: briefly from its source, which needs no import, and in full from its class."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import inspect
import math
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner import settings
from limner.requests import kinds_of

if TYPE_CHECKING:
    from limner.system import System


@dataclass(frozen=True)
class Field:
    """One setting as its class declares it."""

    name: str
    kind: str
    """Its type as written, and between which bounds it lies, where it has some."""
    default: Any
    """As a JSON value; None where it is required."""
    about: str
    """The docstring under it."""
    required: bool = False


@dataclass(frozen=True)
class Brief:
    """What a list of systems says of each."""

    name: str
    title: str
    year: int
    presets: tuple[str, ...]
    """Their names."""
    default_preset: str


@dataclass(frozen=True)
class Summary:
    """What a system's class says of it, as JSON values."""

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
    presets: Mapping[str, Mapping[str, Any]]
    """What each preset changes of the defaults."""
    default_preset: str
    """The one that training takes where none is chosen; empty where one has to be."""
    config: tuple[Field, ...]
    knobs: tuple[Field, ...]

    @property
    def brief(self) -> Brief:
        """The part of it that a list says."""
        return Brief(self.name, self.title, self.year, tuple(self.presets), self.default_preset)


def default_preset(named: str, presets: Iterable[str]) -> str:
    """Return the preset a system names, or the only one there is."""
    presets = list(presets)
    return named or (presets[0] if len(presets) == 1 else "")


def read(name: str, path: Path) -> Brief | None:
    """Read the brief from a system's file; None where the file does not state it plainly.

    Plain is one public class that binds `paper` to `Paper(...)`, `presets` to `{"name": ...}` and `default_preset` to
    a string, once each, and that the rest of the file leaves alone. Anything else (inherited, computed, changed
    later) is left to the class itself.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and "paper" in _stated(node)]
        (system,) = classes
        stated = _stated(system)
        paper, presets, named = stated["paper"], stated["presets"], ast.literal_eval(stated["default_preset"])
        if not (isinstance(paper, ast.Call) and ast.unparse(paper.func) == "Paper" and isinstance(presets, ast.Dict)):
            return None
        about = dict(zip(("title", "authors", "year"), paper.args, strict=False))
        about |= {word.arg: word.value for word in paper.keywords if word.arg}
        title, year = ast.literal_eval(about["title"]), ast.literal_eval(about["year"])
        keys = tuple(ast.literal_eval(key) for key in presets.keys if key is not None)
    except (OSError, SyntaxError, ValueError, KeyError):
        return None
    whole = len(keys) == len(presets.keys)  # `{**others}` has a key that is None
    if system.name.startswith("_") or not whole or _touched(tree, system):
        return None
    return Brief(name, title, year, keys, default_preset(named, keys))


def _stated(node: ast.ClassDef) -> dict[str, ast.expr]:
    """Return the names that a class binds in its body, each once and nowhere else in it, with the expressions."""
    found: dict[str, ast.expr] = {}
    for line in node.body:
        match line:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                found[name] = value
    used = [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]
    return {name: value for name, value in found.items() if used.count(name) == 1}


def _touched(tree: ast.Module, system: ast.ClassDef) -> bool:
    """Tell whether any other statement of a file mentions a class: it may be a subclass, or a change to it."""
    others = [node for node in tree.body if node is not system]
    return any(isinstance(part, ast.Name) and part.id == system.name for node in others for part in ast.walk(node))


def of_class(cls: type[System], name: str, docstring: str | None) -> Summary:
    """Ask a class for all that a summary holds, whatever of it is inherited."""
    paper = plain(getattr(cls, "paper", None)) or {}
    config, knobs = fields(getattr(cls, "Config", None)), fields(cls.Knobs)
    defaults = {field.name: field.default for field in config if not field.required}
    presets = {preset: plain(values) for preset, values in getattr(cls, "presets", {}).items()}
    return Summary(
        name=name,
        title=paper.get("title", ""),
        authors=paper.get("authors", ""),
        year=paper.get("year", 0),
        venue=paper.get("venue", ""),
        arxiv=paper.get("arxiv", ""),
        about=" ".join((docstring or "").split("\n\n")[0].split()),
        takes=", ".join(kind.__name__ for kind in kinds_of(cls.takes)),
        gives=tuple(sorted(cls.gives)),
        presets={
            preset: {key: value for key, value in values.items() if key not in defaults or value != defaults[key]}
            for preset, values in presets.items()
        },
        default_preset=default_preset(cls.default_preset, presets),
        config=config,
        knobs=knobs,
    )


def plain(value: Any) -> Any:
    """Return a value as JSON has it: tuples as lists, dataclasses as objects."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(plain, value))
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    known = value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))
    return value if known else str(value)


def fields(cls: type | None) -> tuple[Field, ...]:
    """Return the fields of a dataclass; types and docstrings are as written in its source, and that of its bases."""
    if cls is None:
        return ()
    written: dict[str, tuple[str, str]] = {}
    for base in reversed(cls.__mro__):
        if "__dataclass_fields__" in vars(base):
            with contextlib.suppress(OSError, TypeError):  # made without a class statement
                (node,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
                written |= {name: (kind, about) for name, kind, about in _annotated(node)}
    bounds = settings.bounds(cls)

    def spoken(name: str, kind: str, about: str) -> tuple[str, str]:
        return (f"{bare(kind)} {bounds[name]}" if name in bounds else kind), about

    known = [(one, *written.get(one.name, (str(one.type), ""))) for one in dataclasses.fields(cls)]
    return tuple(_field(one, *spoken(one.name, kind, about)) for one, kind, about in known)


def bare(kind: str) -> str:
    """Return a type as written, without what is annotated beside it."""
    found = re.fullmatch(r"(?:\w+\.)?Annotated\[(.+?), .+\]", kind)
    return found[1] if found else kind


def _field(one: dataclasses.Field[Any], kind: str, about: str) -> Field:
    default = one.default if one.default_factory is dataclasses.MISSING else one.default_factory()
    required = default is dataclasses.MISSING
    return Field(one.name, kind, None if required else plain(default), about, required)


def _annotated(node: ast.stmt) -> Iterator[tuple[str, str, str]]:
    """Yield the annotated names of a class with their types, and the docstrings under them in one line."""
    if not isinstance(node, ast.ClassDef):
        return
    for line, below in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(line, ast.AnnAssign):
            quoted = isinstance(line.annotation, ast.Constant)
            kind = str(ast.literal_eval(line.annotation)) if quoted else ast.unparse(line.annotation)
            about = ""
            if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                about = " ".join(str(below.value.value).split())
            yield ast.unparse(line.target), kind, about
