"""The folder is the catalogue, and it tells of each system what its class says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import limner.systems
from artists import FAKE, fake
from limner import catalogue
from limner.catalogue import summaries
from limner.errors import UserError
from limner.system import System

CHANGES = Path(__file__).parent.parent / "CHANGELOG.md"


def test_the_files_are_the_names() -> None:
    packages = [path.parent for path in catalogue.FOLDER.glob("*/__init__.py")]
    stems = [path.stem for path in [*catalogue.FOLDER.glob("*.py"), *packages] if not path.stem.startswith("_")]
    assert catalogue.names() == sorted(stem.replace("_", "-") for stem in stems)
    assert catalogue.names()


@pytest.mark.parametrize("name", catalogue.names())
def test_a_name_brings_its_class(name: str) -> None:
    cls = catalogue.load_class(name)
    assert issubclass(cls, System) and catalogue.name_of(cls) == name


def test_names_and_briefs_import_no_torch() -> None:
    code = "import sys; from limner import catalogue; [catalogue.brief(n) for n in catalogue.names()]; "
    code += "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)


def test_a_file_of_ones_own_is_a_system() -> None:
    cls = catalogue.load_class(str(FAKE))
    assert catalogue.name_of(cls) == "fake-system"
    assert catalogue.load_class("fake-system") is cls is catalogue.load_class(str(FAKE))


def test_an_unknown_system_brings_the_nearest() -> None:
    known = catalogue.names()[0]
    with pytest.raises(UserError, match=f"did you mean '{known}'"):
        catalogue.load_class(known + "x")
    with pytest.raises(UserError, match="no system file"):
        catalogue.load_class("./nowhere.py")
    for ask in (catalogue.brief, catalogue.summary):
        with pytest.raises(UserError, match="unknown system"):
            ask("nowhere")


BASE = """
from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from limner import requests as asks
from limner.blocks.latent.knobs import TwoSpreads as Turned
from limner.system import Paper, System

C = TypeVar("C")
WIDTHS, STEPS = (8, 16), 2 * 1_000


@dataclass(frozen=True)
class Step:
    side: int
    share: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Shared:
    size: int = 16
    '''Side.'''
    widths: tuple[int, ...] = WIDTHS
    '''Channels.'''
    known: ClassVar[int] = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(Shared):
    rate: float | None = None
    '''Rate.'''
    size: int = 4 * 8
    '''Side, larger.'''
    steps: tuple[Step, ...] = (Step(4),)
    '''Steps.'''
    bare: bool = False
    '''Whether.'''


SMALL = Settings(size=8)


class Base(System, Generic[C]):
    paper = Paper("A made-up system", "Nobody", year=2015, venue="tests")
    takes = asks.Caption
    gives = System.gives | {"attention"}
    Config = Settings
    Knobs = Turned
    presets = {
        "tiny": SMALL,
        "wide": dataclasses.replace(SMALL, widths=(64,), rate=STEPS * 1e-6, steps=(Step(4, share=1), Step(8))),
    }
    default_preset = "wide"


class Middle(Base[C]): ...
"""
INIT = '''"""Made up, in two files.

A second paragraph.
"""

from .base import Middle as Parent

Root = Parent


class MadeUp(Root[int]):
    """Declares nothing itself."""
'''
TOLD = {
    "tiny": {"size": 8},
    "wide": {
        "size": 8,
        "widths": [64],
        "rate": 0.002,
        "steps": [{"side": 4, "share": 1}, {"side": 8, "share": 0.5}],
    },
}


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put a system that inherits all it declares, a package of two files, in a folder that is the catalogue."""
    package = tmp_path / "made_up"
    package.mkdir()
    (package / "base.py").write_text(BASE)
    (package / "__init__.py").write_text(INIT)
    (tmp_path / "_apart.py").write_text("")
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path)
    monkeypatch.setattr(limner.systems, "__path__", [str(tmp_path)])
    yield package
    for name in [name for name in sys.modules if "made_up" in name]:
        del sys.modules[name]


def test_a_package_is_a_system_and_what_it_inherits_is_told(made_up: Path) -> None:
    cls = catalogue.load_class("made-up")
    assert catalogue.names() == ["made-up"] == [catalogue.name_of(cls)]
    assert catalogue.name_of(cls.__mro__[1]) == "made-up", "a class of a module within the package"
    told = catalogue.summary("made-up")
    for name in ("made-up", "made_up", f"{made_up}/", str(made_up), str(made_up / "__init__.py")):
        assert catalogue.summary(name) == told
        assert catalogue.brief(name) == told.brief, "its file states nothing, so its class is asked"
    assert (told.title, told.authors, told.year, told.venue) == ("A made-up system", "Nobody", 2015, "tests")
    assert (told.name, told.about, told.takes) == ("made-up", "Made up, in two files.", "Caption")
    assert (told.gives, told.default_preset, told.presets) == (("attention", "images"), "wide", TOLD)
    assert [(one.name, one.kind, one.default, one.about) for one in told.config] == [
        ("size", "int", 32, "Side, larger."),
        ("widths", "tuple[int, ...]", [8, 16], "Channels."),
        ("rate", "float | None", None, "Rate."),
        ("steps", "tuple[Step, ...]", [{"side": 4, "share": 0.5}], "Steps."),
        ("bare", "bool", False, "Whether."),
    ]
    assert [one.name for one in told.knobs] == ["spread", "reading"]


PLAIN = """
from dataclasses import dataclass
from limner.system import Paper, System

OTHERS = {}


@dataclass(frozen=True)
class Config:
    size: int = 8


class Plain(System):
    paper = Paper("Plainly stated", "Nobody", year=2015, venue="tests")
    Config = Config
    presets = {"tiny": Config(), "wide": Config(16)}
    default_preset = "wide"
"""
UNPLAIN = {
    "a preset of other source": ('presets = {', 'presets = {**{"more": Config(4)}, '),
    "presets put together": ('"wide": Config(16)}', '"wide": Config(16)} | OTHERS'),
    "a preset added in the class": ('default_preset =', 'presets["huge"] = Config(64)\n    default_preset ='),
    "a preset added below": ('= "wide"\n', '= "wide"\n\n\nPlain.presets["huge"] = Config(64)\n'),
    "stated in an if": ('    default_preset = "wide"', '    if OTHERS:\n        default_preset = "wide"'),
    "not stated": ('    default_preset = "wide"', ''),
    "a computed title": ('"Plainly stated"', '"Plainly ".upper()'),
    "a class below it": ('= "wide"\n', '= "wide"\n\n\nclass Below(Plain):\n    default_preset = "tiny"\n'),
}  # fmt: skip


def test_a_brief_is_read_where_the_file_states_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "plain_one.py"
    path.write_text(PLAIN)
    summary = catalogue.summary(str(path))
    monkeypatch.setattr(catalogue, "load_class", None)
    assert catalogue.brief(str(path)) == summary.brief
    assert summary.brief == catalogue.Brief("plain-one", "Plainly stated", 2015, ("tiny", "wide"), "wide")


@pytest.mark.parametrize("how", UNPLAIN)
def test_where_the_file_does_not_state_it_the_class_is_asked(tmp_path: Path, how: str) -> None:
    before, after = UNPLAIN[how]
    assert PLAIN.count(before) == 1
    path = tmp_path / f"unplain_{list(UNPLAIN).index(how)}.py"
    path.write_text(PLAIN.replace(before, after))
    assert summaries.read("unplain", path) is None
    assert catalogue.brief(str(path)) == catalogue.summary(str(path)).brief


def test_a_package_of_ones_own_is_a_system(made_up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "FOLDER", made_up.parent / "nowhere")
    cls = catalogue.load_class(f"{made_up}/")
    assert catalogue.load_class(str(made_up / "__init__.py")) is cls is catalogue.load_class("made-up")
    assert catalogue.name_of(cls) == "made-up"
    (made_up.parent / "other").mkdir()
    (made_up.parent / "other" / "__init__.py").write_text("from . import base\n")
    (made_up.parent / "other" / "base.py").write_text("x = 1\ny = unheard\n")
    with pytest.raises(UserError, match=r"other/base.py, line 2: NameError"):
        catalogue.load_class(f"{made_up.parent / 'other'}/")
    with pytest.raises(UserError, match=r"no system file .*nowhere/__init__.py"):
        catalogue.load_class("./nowhere/")


@pytest.mark.parametrize(
    "line", ["from limner.system import adam", "from limner.artist import load", "import limner.sheet"]
)
def test_a_file_of_an_older_limner_is_sent_to_what_moved(tmp_path: Path, line: str) -> None:
    path = tmp_path / "old.py"
    path.write_text(f"import math\n{line}\n")
    with pytest.raises(UserError, match=r"old.py, line 2: \w+Error: .*see CHANGELOG.md") as told:
        catalogue.load_class(str(path))
    assert len(str(told.value).splitlines()) == 1
    assert "adam" in CHANGES.read_text() and "`artist`" in CHANGES.read_text() and "`sheet`" in CHANGES.read_text()
    path.write_text("import no_such_package\n")
    with pytest.raises(UserError) as other:
        catalogue.load_class(str(path))
    assert "CHANGELOG" not in str(other.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def (:\n", "line 1: SyntaxError"),
        ("x = 1\ny = unheard\n", "line 2: NameError"),
        ("import no_such_package\n", "no_such_package"),
        ("x = 1\n", "found none"),
        ("from limner.system import System\nclass A(System): ...\nclass B(System): ...\n", "found A, B"),
    ],
)
def test_a_file_that_is_no_system_is_one_clear_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / f"bad_{abs(hash(text))}.py"
    path.write_text(text)
    with pytest.raises(UserError, match=says):
        catalogue.load_class(str(path))


def test_presets_and_options() -> None:
    cls = catalogue.load_class(str(FAKE))
    config = catalogue.configure(cls, "tiny", {"kind": "hard", "widths": "8,16", "images": "1e3"})
    assert (config.kind, config.widths, config.images, config.batch) == ("hard", (8, 16), 1000, 4)
    assert cls.presets["tiny"].kind == "soft"
    with pytest.raises(UserError, match="did you mean 'tiny'"):
        catalogue.configure(cls, "tyni")
    with pytest.raises(UserError, match="did you mean 'batch'"):
        catalogue.configure(cls, "tiny", {"batchs": "3"})
    with pytest.raises(UserError, match="size must be 4 or more"):
        catalogue.configure(cls, "tiny", {"size": "2"})


def test_create_builds_with_the_changes() -> None:
    assert fake(changes={"size": "4"}).body.out_features == 48
