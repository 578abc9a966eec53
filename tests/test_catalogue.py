"""The folder is the catalogue."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from artists import FAKE, fake
from limner import catalogue
from limner.errors import UserError
from limner.system import System


def test_the_files_are_the_names() -> None:
    stems = [path.stem for path in catalogue.FOLDER.glob("*.py") if not path.stem.startswith("_")]
    assert catalogue.names() == sorted(stem.replace("_", "-") for stem in stems)
    assert catalogue.names()


@pytest.mark.parametrize("name", catalogue.names())
def test_what_is_read_equals_what_is_imported(name: str) -> None:
    cls, summary = catalogue.load_class(name), catalogue.summary(name)
    assert issubclass(cls, System) and catalogue.name_of(cls) == name == summary.name
    assert (summary.title, summary.year) == (cls.paper.title, cls.paper.year)
    assert list(summary.presets) == list(cls.presets)
    assert summary.takes == cls.takes.__name__
    assert summary.about and summary.config and all(field.about for field in summary.config)


def test_names_and_summaries_import_no_torch() -> None:
    code = "import sys; from limner import catalogue; [catalogue.summary(n) for n in catalogue.names()]; "
    code += "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


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
    with pytest.raises(UserError, match="unknown system"):
        catalogue.summary("nowhere")


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
