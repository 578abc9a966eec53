"""Commands in README and docs are those that there are: each is parsed by the command line's own parser."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import documented
from documented import ROOT, Command, commands, fault, pages

SHOWN = {page: list(commands(page)) for page in pages()}


@pytest.mark.parametrize("page", [page for page, shown in SHOWN.items() if shown], ids=lambda page: str(page.name))
def test_each_command_of_a_page_is_understood(page: Path) -> None:
    wrong = {command.place: (command.text, why) for command in SHOWN[page] if (why := fault(command))}
    assert not wrong


def test_commands_are_found_in_blocks_pipes_and_text() -> None:
    assert sum(map(len, SHOWN.values())) > 250
    readme = [command.limner for command in SHOWN[ROOT / "README.md"]]
    assert ("list",) in readme and ("data", "check", "my-pictures") in readme
    assert any(words and words[:2] == ("layout", "edit") for words in readme), "what stands before a pipe"
    assert any(words and words[:3] == ("draw", "--layout", "-") for words in readme), "and behind it"


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("limner drow 'a hat'", "no command 'drow'"),
        ("limner draw 'a hat' --colour red", "--colour"),
        ("limner draw 'a hat' --artist avatras", "did you mean 'avatars'"),
        ("limner train miniture --data x", "did you mean 'miniature'"),
        ("limner train miniature --data x --preset avatar", "did you mean 'avatars'"),
        ("limner train miniature:tiny --data x --set batches=3", "did you mean 'batch'"),
        ("limner bench dcgan:tiny:size=x --data x -o y", "a whole number"),
        ("limner data build avatar -o x", "no world"),
        ("OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 -m -- limner resume runs/mine --fast", "--fast"),
        ("make coffee", "no target 'coffee'"),
        ("python benchmarks/nothing.py", "no script"),
        ("python benchmarks/drawing.py avatars --sideways", "knows no --sideways"),
        ("pip install 'limner[paint]'", "no extra 'paint'"),
    ],
)
def test_what_is_not_there_is_noticed(typed: str, says: str) -> None:
    (command,) = documented._split("here:1", typed)
    assert says in fault(command)
    assert fault(Command("here:1", "limner draw 'a hat' -q", ("limner", "draw", "a hat", "-q"))) == ""


def test_a_registry_shows_the_pictures_and_follows_the_links_of_the_readme() -> None:
    """It shows README alone, so nothing there may lie beside it; what is replaced is there."""
    hook = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["metadata"]["hooks"][
        "fancy-pypi-readme"
    ]
    text = before = (ROOT / "README.md").read_text(encoding="utf-8")
    for one in hook["substitutions"]:
        text = re.sub(one["pattern"], one["replacement"], text)
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) > 20 and all(link.startswith(("https://", "#")) for link in links)
    assert "![A morph](https://raw.githubusercontent.com/limner/limner/main/docs/images/morph.png)" in text
    beside = [link for link in re.findall(r"\]\(([^)]+)\)", before) if not link.startswith(("http", "#"))]
    assert beside and all((ROOT / link.partition("#")[0]).exists() for link in beside)


def test_each_pain_has_its_command_and_a_test_that_is_there() -> None:
    page = (ROOT / "docs" / "pains.md").read_text(encoding="utf-8").partition("## A newcomer's clock")[0]
    rows = [line for line in page.splitlines() if line[:2] == "| "]
    tested = [row for row in rows if "`tests/" in row]
    assert len(tested) == 27 and len(rows) == 2 + 30, "thirty pains, three of which are not ended, and two heads"
    for row in tested:
        file, *names = re.findall(r"`(tests/[\w/.:]+)`", row)[0].split("::")
        source = (ROOT / file).read_text(encoding="utf-8")
        assert all(re.search(rf"^ *(def|class) {name}\b", source, re.M) for name in names), row
        assert re.search(r"\| `(limner|make) [^`]+` \|", row), row
