"""The fingerprint of a checkout: numbers that a refactoring must leave as they are.

    python tests/helpers/fingerprints.py write FILE      the fingerprint of the checkout this file lies in
    python tests/helpers/fingerprints.py compare A B     every difference of two checkouts (folders), or of two files

Each checkout is asked by its own script, so that modules may move. `--only systems --system NAME` is quick while one
works on a single system. `test_fingerprints.py` compares with the record `fingerprints.json`, which `write
tests/helpers/fingerprints.json` makes anew; the commit that does so says why the numbers changed.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RECORD = HERE / "fingerprints.json"
SECTIONS = ("systems", "artists", "judges", "commands")


def isolate(folder: str) -> None:
    """Do for a script what conftest.py does for the suite: one thread, no network, caches of its own, this source."""
    sys.path[:0] = [str(HERE.parents[1] / "src"), str(HERE)]
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "LIMNER_DEVICE": "cpu"}
    os.environ |= {"HF_HOME": f"{folder}/huggingface", "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    os.environ |= {"LIMNER_CACHE": f"{folder}/limner", "XDG_CACHE_HOME": f"{folder}/cache"}
    os.environ |= {"NO_COLOR": "1", "COLUMNS": "200"}
    os.environ.pop("FORCE_COLOR", None)


def parts(section: str) -> tuple[list[str], Callable[[str, Path], Any]]:
    """Return the names in a section, and what makes the facts of one, given an empty folder to work in."""
    import fingerprint_facts as facts

    return {
        "systems": (facts.systems(), facts.of_system),
        "artists": (facts.bundled(), lambda name, _: facts.of_artist(name)),
        "judges": (facts.judges(), lambda name, _: facts.of_judge(name)),
        "commands": (facts.commands(), lambda name, _: facts.of_command(name)),
    }[section]


def collect(only: list[str], system: str | None) -> dict[str, Any]:
    """Return the fingerprint of this checkout; what fails says so in its place."""
    import torch

    from fingerprint_facts import machine

    torch.set_num_threads(1)
    found: dict[str, Any] = {"machine": machine()}
    for section in only:
        names, make = parts(section)
        found[section] = {}
        for name in [name for name in names if section != "systems" or meant(name, system)]:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    found[section][name] = make(name, Path(folder))
                except Exception as error:
                    traceback.print_exc()
                    found[section][name] = {"failed": f"{type(error).__name__}: {error}"}
    return found


def meant(name: str, system: str | None) -> bool:
    """Tell whether `system` names it, or the system that it is a variant of."""
    return system is None or system in (name, name.split()[0])


def differences(a: Any, b: Any, where: str = "") -> Iterator[str]:
    """Yield a line for each place at which two fingerprints differ; of lists, what left (-) and what came (+)."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in [*a, *(key for key in b if key not in a)]:
            yield from differences(a.get(key, "nothing"), b.get(key, "nothing"), f"{where} / {key}" if where else key)
    elif isinstance(a, list) and isinstance(b, list) and (plain(a) or plain(b) or len(a) != len(b)):
        some = ([one if isinstance(one, str) else json.dumps(one) for one in whole] for whole in (a, b))
        lines = list(difflib.unified_diff(*some, lineterm="", n=0))
        yield from (f"{where}: {line}" for line in lines[2:])
    elif isinstance(a, list) and isinstance(b, list):
        for place, (one, other) in enumerate(zip(a, b, strict=True)):
            yield from differences(one, other, f"{where} / {place}")
    elif a != b:
        yield f"{where}: {shown(a)} -> {shown(b)}"


def plain(values: list[Any]) -> bool:
    """Tell whether a list is one of lines."""
    return any(isinstance(value, str) for value in values)


def shown(value: Any) -> str:
    """Return a value in at most 300 characters."""
    return value[:300] if isinstance(value, str) else json.dumps(value)[:300]


def failures(found: dict[str, Any]) -> list[str]:
    """Return what could not be had."""
    return [
        f"{section} / {name}: {facts['failed']}"
        for section in SECTIONS
        for name, facts in found.get(section, {}).items()
        if "failed" in facts
    ]


def chosen(found: dict[str, Any], only: list[str], system: str | None) -> dict[str, Any]:
    """Return the sections that are asked for."""
    some = {section: found.get(section, {}) for section in only}
    if "systems" in some:
        some["systems"] = {name: facts for name, facts in some["systems"].items() if meant(name, system)}
    return some | {"machine": found["machine"]}


def compare(places: list[Path], only: list[str], system: str | None) -> int:
    """Print every difference of two checkouts or files; return how many there are."""
    options = ["--only", *only, *(["--system", system] if system else [])]
    with tempfile.TemporaryDirectory() as folder:
        files = [place if place.is_file() else Path(folder) / f"{n}.json" for n, place in enumerate(places)]
        asked = []
        for place, file in zip(places, files, strict=True):
            here = [place / "tests" / "helpers" / "fingerprints.py", place / "tests" / "fingerprints.py"]
            script = next((path for path in here if path.is_file()), here[0])
            if place.is_dir() and not script.is_file():
                raise SystemExit(f"{place} is no checkout that can be asked: it has no tests/helpers/fingerprints.py")
            if place.is_dir():
                asked.append(subprocess.Popen([sys.executable, str(script), "write", str(file), *options]))
        for one in asked:
            one.wait()
        if missing := [str(place) for place, file in zip(places, files, strict=True) if not file.is_file()]:
            raise SystemExit(f"no fingerprint of {' and '.join(missing)}: see above")
        a, b = (chosen(json.loads(file.read_text(encoding="utf-8")), only, system) for file in files)
    lines = [*differences(a, b), *failures(a), *failures(b)]
    print("\n".join(lines) if lines else "no difference", flush=True)
    return len(lines)


def main() -> int:
    """Run the script; return 1 where something differs or failed."""
    parser = argparse.ArgumentParser(description="Write the fingerprint of this checkout, or compare two.")
    parser.add_argument("what", choices=("write", "compare"))
    parser.add_argument("places", nargs="+", type=Path, help="write: the file; compare: two folders or files")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--system", help="this one and its variants, and no artists, judges and commands")
    given = parser.parse_args()
    only = ["systems"] if given.system else given.only
    if len(given.places) != (1 if given.what == "write" else 2):
        parser.error("write takes one file, compare takes two folders or files")
    if given.what == "compare":
        return int(compare(given.places, only, given.system) > 0)
    with tempfile.TemporaryDirectory() as folder:
        isolate(folder)
        found = collect(only, given.system)
    given.places[0].write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return int(bool(failures(found)))


if __name__ == "__main__":
    sys.exit(main())
