"""The commands that README and docs show: taken from the pages, parsed by the command line's own parser, and run.

`python tests/helpers/documented.py` runs what runs within a minute, in a folder of its own with a small data set and a
small run in it; it names what it leaves out, and ends with 1 where a command fails.
"""

from __future__ import annotations

import functools
import os
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from limner import catalogue, cli, settings
from limner.cli.data import worlds
from limner.drawing.resolve import bundled
from limner.errors import UserError

ROOT = Path(__file__).parents[2]
SHELLS = ("console", "sh", "bash", "shell")
OURS = (["limner"], ["python", "-m", "limner"], ["python", "-m", "limner.cli"], [".venv/bin/limner"])


@dataclass(frozen=True)
class Command:
    """One command of a page, as a shell would split it."""

    place: str
    """File and line."""
    text: str
    words: tuple[str, ...]
    in_text: bool = False
    """Whether it stands within a sentence, where it may be only the name of a command."""

    @property
    def limner(self) -> tuple[str, ...] | None:
        """What is given to Limner, None where another program is called."""
        words = list(self.words)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words.pop(0)
        if words[:1] in (["torchrun"], ["accelerate"]) and "-m" in words:
            words = words[words.index("-m") + 1 :]
            words = words[1:] if words[0] == "--" else words
        for program in OURS:
            if words[: len(program)] == program:
                return tuple(words[len(program) :])
        return None


def pages() -> list[Path]:
    """Return README, CONTRIBUTING and all pages of the documentation."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands(page: Path) -> Iterator[Command]:
    """Yield the commands of a page: those of its shell blocks, pipe by pipe, and `limner ...` within its text."""
    text, name = page.read_text(encoding="utf-8"), str(page.relative_to(ROOT))
    known: dict[str, str] = {}
    for block in re.finditer(r"^```(\w+)[^\n]*\n(.*?)^```", text, re.M | re.S):
        if block[1] not in SHELLS:
            continue
        first, prompt = text[: block.start(2)].count("\n") + 1, "$ " if block[1] == "console" else ""
        lines = block[2].splitlines()
        for at, line in enumerate(lines):
            if line.startswith(prompt) and line.strip() and not (at and not prompt and _goes_on(lines[at - 1])):
                typed, more = line[len(prompt) :], iter(lines[at + 1 :])
                while _goes_on(typed) and (after := next(more, None)) is not None:
                    typed += f"\n{after}"
                for variable, value in known.items():
                    typed = re.sub(rf"\${variable}\b", lambda _, value=value: value, typed)
                if assigned := re.fullmatch(r"([A-Z]\w*)=(\S+)", typed.strip()):
                    known[assigned[1]] = assigned[2]
                    continue
                yield from _split(f"{name}:{first + at}", typed)
    plain = re.sub(r"^```.*?^```", lambda block: "\n" * block[0].count("\n"), text, flags=re.M | re.S)
    for found in re.finditer(r"`(limner [^`]+)`", plain):
        if not re.search(r"\.\.\.|…|[<>]", found[1]) and len(found[1].split()) > 1:
            line = plain[: found.start()].count("\n") + 1
            for command in _split(f"{name}:{line}", found[1].replace("\n", " ")):
                yield replace(command, in_text=True)


def _goes_on(typed: str) -> bool:
    """Tell whether a shell waits for more: after a backslash, a pipe, within quotes."""
    if typed.rstrip().endswith(("\\", "|")):
        return True
    try:
        shlex.split(typed, comments=True)
    except ValueError:
        return True
    return False


def _split(place: str, typed: str) -> Iterator[Command]:
    lexer = shlex.shlex(typed.replace("\\\n", " "), posix=True, punctuation_chars="|<>&;()")
    lexer.whitespace_split, lexer.commenters = True, "#"
    words: list[str] = []
    tokens = list(lexer)
    for at, word in enumerate([*tokens, "|"]):
        if word in ("|", "&&", ";"):
            if words:
                yield Command(place, typed, tuple(words))
            words = []
        elif word not in ("<", ">") and (at == 0 or tokens[at - 1] not in ("<", ">")):
            words.append(word)


def fault(command: Command) -> str:
    """Return what is wrong with a command, "" where nothing is: an unknown command, option, system, preset, name."""
    words = command.limner
    try:
        if words is not None:
            return _parse(words)
        return _foreign(command.words)
    except UserError as error:
        return str(error)


def _parse(words: Sequence[str]) -> str:
    node: Any = _program()
    path, rest = [], list(words)
    while hasattr(node, "commands") and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        if name not in node.commands:
            return "" if _is_word(name) else f"no command {' '.join([*path, name])!r}"
        path.append(name)
        node = node.commands[name]
    if "--help" in rest or hasattr(node, "commands"):
        return ""
    try:
        context = node.make_context(" ".join(path), rest)
    except Exception as error:  # Typer's own, of a command that it does not understand
        if not hasattr(error, "format_message"):
            raise
        lacks = "Missing" in error.format_message() and not rest  # `limner draw`, of the command itself
        return "" if lacks else error.format_message()
    return _named(path, context.params)


@functools.cache
def _program() -> Any:
    return typer.main.get_command(cli.app)


@functools.cache
def _worlds() -> list[str]:
    return worlds()


def _is_word(name: str) -> bool:
    """Tell whether a name stands for one, as COMMAND and NAME do."""
    return name.isupper() or "NAME" in name


def _named(path: list[str], given: dict[str, Any]) -> str:
    """Return which name of those given is not known: of a system, its preset or options, an artist, a world."""
    if path in (["train"], ["show"]):
        name = str(given.get("system") or given.get("name"))
        if path == ["show"] and (name in bundled() or "/" in name):
            return ""
        if not _is_word(name) and catalogue.own_source(name) is None:
            _configure(name, given.get("preset"), given.get("set_") or [], given.get("images"))
    if path == ["bench"]:
        for row in given["rows"]:
            if not _is_word(row):
                name, preset, changes = catalogue.parted(row)
                _configure(name, preset or None, [f"{key}={value}" for key, value in changes.items()], None)
    if path == ["data", "build"] and not _is_word(given["world"]) and given["world"] not in _worlds():
        return f"no world {given['world']!r}"
    artists = [given.get("artist"), *(given.get("artists") or ())]
    for one in artists if path != ["studio"] else ():
        if one and "/" not in one and not _is_word(one) and one not in bundled():
            return f"no artist {one!r}: {settings.hint(one, bundled())}"
    return ""


def _configure(name: str, preset: str | None, changes: list[str], images: int | None) -> None:
    name, named, more = catalogue.parted(name)
    cls = catalogue.load_class(name)
    values = more | settings.pairs(changes) | ({} if images is None else {"images": str(images)})
    if not any(_is_word(part) for part in (*values, *values.values(), preset or "")):
        catalogue.configure(cls, catalogue.preset_of(cls, preset or named or None), values)


def _foreign(words: Sequence[str]) -> str:
    """Look at what calls another program of ours: a script and its options, a target of make, an extra of pip."""
    if words[:1] == ("make",) and len(words) > 1:
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
        unknown = [word for word in words[1:] if "=" not in word and word not in targets]
        return f"no target {unknown[0]!r}" if unknown else ""
    scripts = [word for word in words if re.fullmatch(r"(benchmarks|docs|tests)/[\w/]+\.(py|sh)", word)]
    if scripts:
        if not (ROOT / scripts[0]).is_file():
            return f"no script {scripts[0]}"
        source = (ROOT / scripts[0]).read_text()
        after = words[list(words).index(scripts[0]) + 1 :] if scripts[0].endswith(".py") else ()
        unknown = [word for word in after if word.startswith("--") and f'"{word.partition("=")[0]}"' not in source]
        return f"{scripts[0]} knows no {unknown[0]}" if unknown else ""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = [name for word in words for found in re.findall(r"^limner\[([\w,]+)\]$", word) for name in found.split(",")]
    unknown = [name for name in asked if name not in extras]
    return f"no extra {unknown[0]!r}" if unknown else ""


# What runs: in a folder of its own, at a tiny scale.

SLOW = {
    "bench": "trains for minutes", "judge": "trains for minutes", "enlarge": "trains for minutes", "eval": "minutes",
    "studio": "serves until it is stopped", "resume": "needs a run that was stopped", "export": "minutes, and npm",
}  # fmt: skip
BROUGHT = ("runs/mine", "my-pictures", "data/avatars")
"""What lies in the folder: a run, its data, a world."""


def main() -> int:
    """Run what can be run of all pages; return 1 where something failed."""
    failed = ran = 0
    with tempfile.TemporaryDirectory() as folder:
        _bring(Path(folder))
        for page in pages():
            for command in commands(page):
                why = _left_out(command)
                if why:
                    print(f"left out  {command.place}: {why}: {command.text.splitlines()[0][:90]}")
                    continue
                ran += 1
                words = _small(list(command.limner or ()))
                done = _limner(words, Path(folder))
                told = "ran " if done.returncode == 0 else "FAILED"
                print(f"{told}      {command.place}: limner {shlex.join(words)[:110]}", flush=True)
                if done.returncode:
                    failed += 1
                    print(done.stderr.strip().splitlines()[-1:])
    print(f"{ran} commands ran, {failed} of them failed")
    return int(failed > 0)


def _limner(words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "limner.cli", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False
    )


def _bring(folder: Path) -> None:
    for words in (
        ["data", "build", "avatars", "--images", "60", "--size", "32", "-o", "data/avatars"],
        ["data", "build", "avatars", "--images", "60", "--size", "32", "--seed", "1", "-o", "my-pictures"],
        ["train", "miniature:tiny:text_images=64", "--images", "64", "--data", "my-pictures", "--run", "runs/mine"],
    ):
        done = _limner(words, folder)
        if done.returncode:
            raise SystemExit(f"limner {shlex.join(words)}: {done.stderr}")


def _left_out(command: Command) -> str:
    """Return why a command is not run, "" where it is."""
    words = command.limner
    if words is None:
        return "another program"
    if command.in_text:
        return "stands within a sentence"
    path = list(words[:2]) if words[0] in ("data", "layout") else [words[0]]
    if path[0] in SLOW:
        return SLOW[path[0]]
    if path == ["data", "import"]:
        return "needs what was downloaded"
    if re.search(r"[|]|\$\(", command.text) or "-" in words:
        return "a pipe"
    needs = [word for word in words if "/" in word or re.search(r"\.(png|jpg|txt|jsonl|csv|parquet|py)$", word)]
    written = {words[at + 1] for at, word in enumerate(words[:-1]) if word in ("-o", "--out", "--run", "--results")}
    lacks = [word for word in needs if word not in written and not word.startswith(BROUGHT) and " " not in word]
    options = [words[at + 1] for at, word in enumerate(words[:-1]) if word in ("--data", "--artist", "-a", "--from")]
    options += words[2:] if path == ["data", "check"] else []
    lacks += [one for one in options if one not in (*BROUGHT, *bundled())]
    return f"needs {lacks[0]}" if lacks else ""


def _small(words: list[str]) -> list[str]:
    """Return a command that trains or builds in seconds, and is asked otherwise as it is."""
    if words[0] == "train":
        drop = {"--preset", "--images", "--set", "--run"}
        kept = [w for at, w in enumerate(words) if w not in drop and (at == 0 or words[at - 1] not in drop)]
        return [*kept, "--preset", "tiny", "--images", "64", "--no-tensorboard"]
    if words[:2] == ["data", "build"]:
        drop = {"--images", "-o"}
        kept = [w for at, w in enumerate(words) if w not in drop and words[at - 1] not in drop]
        return [*kept, "--images", "4", "-o", f"built-{len(words)}-{words[2]}-{abs(hash(tuple(words))) % 9999}"]
    return words


if __name__ == "__main__":
    sys.exit(main())
