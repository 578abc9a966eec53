"""The house rules of docs/design.md: ceilings that serve reading, who may import whom, and words for one thing each.

Each rule is a function from one source file to the offenders in it, and comes with an example it must catch.
`test_house_rules.py` holds the code to them.
"""

import ast
import functools
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "limner"

FILE_LINES, TRAINER_LINES, FUNCTION_LINES = 450, 300, 60
CONFIG_FIELDS = 21  # inherited ones counted; T2F, both versions of a program and a kit with a teacher, has 21
ENGINE = {"limner.training.engine", "limner.processes"}  # the only modules that know there may be many processes
INHERITED = {
    "forward",
    "phases",
    "sample",
    "extra_repr",
    "reset_parameters",
}  # documented once, where they are declared


@dataclass(frozen=True)
class Source:
    """One Python file: its dotted module name (as if below src/) and its text."""

    module: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def package(self) -> str:
        """First part of the name below `limner`: systems, blocks, cli, ..."""
        return [*self.module.split("."), ""][1]

    def imports(self) -> Iterator[tuple[int, str]]:
        """Line and absolute dotted name of everything imported; `from a import b` counts as `a.b`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                parent = node.module or ""
                if node.level:
                    parent = ".".join([*self.module.split(".")[: -node.level], *([parent] if parent else [])])
                yield from ((node.lineno, f"{parent}.{alias.name}") for alias in node.names)


Rule = Callable[[Source], list[str]]
RULES: dict[str, tuple[Rule, Source]] = {}


def rule(bad_module: str, bad_text: str) -> Callable[[Rule], Rule]:
    """Register a rule with a module name and a text in which it must find an offender."""

    def register(function: Rule) -> Rule:
        RULES[function.__name__] = (function, Source(bad_module, bad_text))
        return function

    return register


def within(name: str, *allowed: str) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in allowed)


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return (first.end_lineno or first.lineno) - first.lineno + 1
    return 0


# Ceilings


@rule("limner.long", "x = 1\n" * (FILE_LINES + 1))
def no_long_file(source: Source) -> list[str]:
    ceiling = TRAINER_LINES if source.module == "limner.training.trainer" else FILE_LINES
    lines = len(source.text.splitlines())
    return [f"1: {lines} lines, at most {ceiling}"] if lines > ceiling else []


@rule("limner.long", "def f():\n" + "    x = 1\n" * FUNCTION_LINES)
def no_long_function(source: Source) -> list[str]:
    """The docstring is not counted: it may say all that it has to."""
    found = []
    for node in functions(source.tree):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1 - docstring_lines(node)
        if lines > FUNCTION_LINES:
            found.append(f"{node.lineno}: {node.name} has {lines} lines, at most {FUNCTION_LINES}")
    return found


def settings(tree: ast.Module) -> Iterator[ast.ClassDef]:
    """The classes whose fields a person sets: Config and Knobs of a system, of a world, of a trainer."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name.endswith(("Config", "Knobs")):
            yield node


def fields(node: ast.ClassDef) -> list[tuple[int, str, bool]]:
    """Line, name and "has a docstring under it" of each field."""
    found = []
    for place, statement in enumerate(node.body):
        if not isinstance(statement, ast.AnnAssign) or "ClassVar" in ast.unparse(statement.annotation):
            continue
        below = node.body[place + 1] if place + 1 < len(node.body) else None
        documented = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        found.append((statement.lineno, ast.unparse(statement.target), documented))
    return found


@functools.cache
def classes() -> dict[str, tuple[Source, ast.ClassDef]]:
    """The classes of the package by dotted name."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        source = Source(".".join(parts[:-1] if parts[-1] == "__init__" else parts), path.read_text(encoding="utf-8"))
        found |= {
            f"{source.module}.{n.name}": (source, n) for n in ast.walk(source.tree) if isinstance(n, ast.ClassDef)
        }
    return found


def all_fields(source: Source, node: ast.ClassDef) -> set[str]:
    """Names of the fields of a class and of its bases, as far as they are ours."""
    here = {f"{source.module}.{n.name}": (source, n) for n in source.tree.body if isinstance(n, ast.ClassDef)}
    imported = {name.rpartition(".")[2]: name for _, name in source.imports()}
    names = {name for _, name, _ in fields(node)}
    for base in map(ast.unparse, node.bases):
        first, dot, rest = base.partition(".")
        dotted = imported.get(first, f"{source.module}.{first}") + dot + rest
        if found := here.get(dotted) or classes().get(dotted):
            names |= all_fields(*found)
    return names


@rule(
    "limner.systems.wide",
    "class Shared:\n    a: int = 0\n\nclass Config(Shared):\n"
    + "".join(f"    b{i}: int = 0\n" for i in range(CONFIG_FIELDS)),
)
def no_wide_config(source: Source) -> list[str]:
    counts = [(node, len(all_fields(source, node))) for node in settings(source.tree)]
    return [
        f"{node.lineno}: {node.name} has {count} fields, at most {CONFIG_FIELDS}"
        for node, count in counts
        if count > CONFIG_FIELDS
    ]


@rule(
    "limner.systems.mute",
    "class Knobs:\n    temperature: float = 1.0\n    steps: int = 3\n    '''How many.'''",
)
def every_setting_is_documented(source: Source) -> list[str]:
    return [
        f"{line}: {node.name}.{name} has no docstring under it"
        for node in settings(source.tree)
        for line, name, documented in fields(node)
        if not documented
    ]


# Who imports whom

FOREIGN = {"systems": {"torch"}, "blocks": {"torch", "torchvision"}}
"""What else of the world a room may import: torchvision late, for networks with weights of ImageNet."""


@rule("limner.systems.one", "import numpy")
def systems_and_blocks_stand_on_torch(source: Source) -> list[str]:
    """Beside the standard library and Limner itself (whose layers import-linter holds)."""
    allowed = {"limner", *FOREIGN.get(source.package, ()), *sys.stdlib_module_names}
    return [
        f"{line}: {source.package} must not import {name}"
        for line, name in source.imports()
        if source.package in FOREIGN and name.split(".")[0] not in allowed
    ]


# Slow to import, or part of an extra: only where they are used, so that `import limner.metrics` stays quick.
LATE = ("torchmetrics", "torch_fidelity", "torchvision", "transformers")


@rule("limner.metrics.one", "from torchmetrics.image import fid\n\ndef f():\n    import transformers")
def heavy_packages_are_imported_late(source: Source) -> list[str]:
    inside = {line for node in functions(source.tree) for line in range(node.lineno, (node.end_lineno or 0) + 1)}
    return [
        f"{line}: imports {name} outside a function"
        for line, name in source.imports()
        if within(name, *LATE) and line not in inside
    ]


@rule("limner.training.trainer", "def f():\n    from limner import systems")
def only_the_catalogue_imports_systems(source: Source) -> list[str]:
    if source.module == "limner.catalogue" or source.package == "systems":
        return []
    found = [f"{line}: imports {name}" for line, name in source.imports() if within(name, "limner.systems")]
    for node in ast.walk(source.tree):  # importlib.import_module("limner.systems.x")
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and within(node.value, "limner.systems"):
            found.append(f"{node.lineno}: names the module {node.value}")
    return found


@rule("limner.drawing.artist", "import accelerate")
def only_the_engine_knows_the_engine(source: Source) -> list[str]:
    return [
        f"{line}: imports {name}; processes are the business of {', '.join(sorted(ENGINE))}"
        for line, name in source.imports()
        if within(name, "accelerate", "torch.distributed") and source.module not in ENGINE
    ]


# What a system must not know, and who must not know a system

MACHINERY = re.compile(r"torch\.device\(|\.cuda\(|torch\.optim\b|torch\.distributed\b")


@rule("limner.systems.one", "noise = torch.randn(4).cuda()")
def systems_leave_machinery_to_the_engine(source: Source) -> list[str]:
    """Where tensors lie, how many processes there are and which optimiser steps is the trainer's business."""
    if source.package != "systems":
        return []
    lines = enumerate(source.text.splitlines(), start=1)
    return [f"{n}: {found[0]!r}" for n, line in lines for found in MACHINERY.finditer(line)]


def system_names() -> set[str]:
    found = (module.name for module in pkgutil.iter_modules([str(PACKAGE / "systems")]))  # files and packages
    names = {name for name in found if not name.startswith("_")}
    return {spelling for name in names for spelling in (name, name.replace("_", "-"))}


@rule("limner.training.trainer", "if name == 'dcgan':\n    batch = 64")
def nobody_names_a_system(source: Source) -> list[str]:
    """No string in the code equals a system's name, so nothing can branch on one. Prose may give examples."""
    if source.package == "systems":
        return []
    return [
        f"{node.lineno}: names the system {node.value!r}"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant) and node.value in system_names()
    ]


# Manners


@functools.cache
def documented() -> dict[str, set[str]]:
    """The methods with docstrings of every class in the package."""
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                told = {method.name for method in functions(node) if ast.get_docstring(method)}
                found.setdefault(node.name, set()).update(told)
    return found


def inherited(scope: ast.Module | ast.ClassDef, method: str) -> bool:
    """Tell whether a base class says already what `method` does."""
    bases = [ast.unparse(base).split(".")[-1] for base in scope.bases] if isinstance(scope, ast.ClassDef) else []
    return bool(bases) and (method in INHERITED or any(method in documented().get(base, ()) for base in bases))


@rule("limner.mute", "class A:\n    '''A.'''\n    def shout(self): ...")
def everything_public_is_documented(source: Source) -> list[str]:
    found = [] if ast.get_docstring(source.tree) else ["1: the module has no docstring"]
    classes = [node for node in source.tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_"]
    for scope in (source.tree, *classes):
        for node in scope.body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name[0] == "_":
                continue
            if not ast.get_docstring(node) and not inherited(scope, node.name):
                found.append(f"{node.lineno}: {node.name} has no docstring")
    return found


@rule("limner.bag", "def draw(text, **options):\n    return paint(text, **options)")
def no_bag_passed_on(source: Source) -> list[str]:
    found = []
    for node in functions(source.tree):
        bag = node.args.kwarg.arg if node.args.kwarg else None
        calls = (call for call in ast.walk(node) if isinstance(call, ast.Call))
        passed = {ast.unparse(word.value) for call in calls for word in call.keywords if word.arg is None}
        if bag in passed:
            found.append(f"{node.lineno}: {node.name} passes **{bag} on: name what it takes")
    return found


RETIRED = {
    "contest": "matching_aware_loss",
    "cooling": "linear_decay_after_half",
    "divergence": "kl_to_standard_normal",
    "drawn_from": "reparameterise",
    "errand": "task",
    "facts": "annotations, record, columns, or what they are",
    "halving": "step_halving",
    "heard": "text or codes",
    "looked": "attention",
    "misnamed": "attribute_loss",
    "mistaken": "retrieval_loss",
    "nearly_right": "sample_hard",
    "says_fake": "bce_fake",
    "says_real": "bce_real",
    "stray": "epsilon",
    "tale": "story",
    "tales": "stories or story_index",
    "teller": "StoryGenerator",
    "things_among": "placed_attributes",
    "told": "condition, text, lines, or what it is",
    "told_apart": "matching_cross_entropy",
    "Cloud": "GaussianCode",
    "Desk": "ArtistQueue",
    "Dice": "RowNoise",
    "Facts": "Annotations",
    "Offer": "Candidates",
    "Ranks": "Processes",
    "Reading": "TextCodes",
    "Regard": "PlacedHeads",
    "Rivals": "HardNegatives",
    "Seat": "PlayerState",
    "SentenceTable": "CaptionTable",
    "Shadow": "EMA",
    "Tales": "StoryIndex",
    "Teller": "StoryGenerator",
}
"""Names that once stood for what the field calls otherwise, and what to say."""
RETIRED_PARTS = ("told", "heard", "tale", "tales", "errand")
"""Those that are refused as a part of a name, too: `told_size`, `_tales`."""


WEIGHT_KEYS = {"limner.systems.storygan": {"teller"}}
"""Attributes that are keys of published weights, and so stay."""


def identifiers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of every function, class, argument, attribute and variable that a file defines or sets."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr


def retired(name: str) -> str | None:
    """Return the retired word that a name is or holds."""
    bare = name.strip("_")
    return bare if bare in RETIRED else next((part for part in bare.split("_") if part in RETIRED_PARTS), None)


@rule("limner.systems.one", "class Teller:\n    pass\n\ndef draw(told_width):\n    return told_width")
def one_term_for_one_thing(source: Source) -> list[str]:
    return [
        f"{line}: {name!r} is a retired name; say {RETIRED[word]}"
        for line, name in identifiers(source.tree)
        if (word := retired(name)) is not None and name not in WEIGHT_KEYS.get(source.module, ())
    ]


# Split so that this file does not offend itself.
MACHINE = re.compile("|".join(["/wor" + "k/", "/ro" + "ot/", "/ho" + r"me/\w", r"\.\./sha" + "red", "/op" + "t/"]))


@rule("limner.homesick", "DATA = '/wor" + "k/faces'")
def no_path_of_one_machine(source: Source) -> list[str]:
    lines = enumerate(source.text.splitlines(), start=1)
    return [
        f"{n}: the path {found[0]!r} exists on one machine only"
        for n, line in lines
        for found in MACHINE.finditer(line)
    ]


KINDS = {"Nothing", "Caption", "Story", "Dialogue", "Attributes", "LabelSet", "Layout", "Picture", "Blend"}
KIND_BRANCHES = 8
"""Places that may ask which kind a request is; a new one is better said by the kinds in `limner.requests`."""


def asks_for_a_kind(text: str) -> list[int]:
    """Return the lines that ask which kind of request something is."""
    found = []
    for node in ast.walk(ast.parse(text)):
        asked: list[ast.AST] = []
        match node:
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, kind]):
                asked = [kind]
            case ast.Compare(comparators=comparators):
                asked = list(comparators)
        names = {getattr(name, "id", getattr(name, "attr", "")) for one in asked for name in ast.walk(one)}
        found += [node.lineno] if names & KINDS and isinstance(node, ast.expr) else []
    return found
