"""This checkout has the recorded fingerprint (see fingerprints.py): bit for bit where the record was made, else nearly.

Another processor or another torch adds in another order. There, keys, shapes, recipes and what commands print must be
equal all the same, and nearly equal what no training has magnified: pictures, features, the first losses of a system.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import fingerprint_facts as facts
import fingerprints
from fingerprints import RECORD, SECTIONS, differences

KNOWN = json.loads(RECORD.read_text(encoding="utf-8"))
BITWISE = KNOWN["machine"] == facts.machine()
NO_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="the record was made by a processor")

LOSSES, LOSS = 3, 5e-3
"""First losses of a system that are compared elsewhere, and how far they may be from the record's, relatively.

With AVX-512 the second loss of a char-CNN-RNN is .0014 from what it is with AVX2: one step of RMSprop magnifies.
"""
HALF = 0.05
"""The same in bf16, which has three digits."""
LEVELS = 3
"""Levels of 255 by which a part of a thumbnail may differ elsewhere."""
CLIMBED = 48
"""The same of systems that draw by climbing: each of their steps magnifies what the one before it rounded."""
CLIMBERS = ("ppgn", "mmvr")
FEATURE = 0.02
"""By how much a feature may differ elsewhere: a thousandth of the largest."""
MAGNIFIED = {"weights made", "weights trained", "checks", "drawn", "said", "drafts", "all features", "named"}
"""What is not compared elsewhere: hashes, and what follows from a training."""


def nearly(known: Any, found: Any, where: str) -> Iterator[str]:
    """Yield where facts differ by more than another machine may make them."""
    key = where.rpartition(" / ")[2]
    if key in MAGNIFIED:
        return
    if key == "losses":
        yield from first_losses(known, found, where)
    elif isinstance(known, dict) and isinstance(found, dict):
        yield from (f"{where} / {key}: only one has it" for key in known.keys() ^ found.keys())
        for key in known.keys() & found.keys():
            yield from nearly(known[key], found[key], f"{where} / {key}")
    elif key in {"features", "placed", "read"}:
        gap = np.abs(floats(known) - floats(found)).max()
        yield from [f"{where}: differs by {gap:.4f}"] if gap > FEATURE else []
    elif isinstance(known, list) and all(isinstance(line, str) and PICTURE.fullmatch(line) for line in known):
        yield from pictures(known, found, where)
    else:
        yield from differences(known, found, where)


PICTURE = re.compile(r"\d+x\d+ [0-9a-f]{16} [0-9a-f]+ ([0-9a-f]{16}|-)")


def pictures(known: list[str], found: list[str], where: str) -> Iterator[str]:
    """Compare size and recipe of each picture exactly, its thumbnail nearly, its bytes not at all."""
    if len(known) != len(found):
        yield f"{where}: {len(known)} pictures -> {len(found)}"
    for place, (one, other) in enumerate(zip(known, found, strict=False)):
        size, _, small, recipe = one.split()
        size_found, _, small_found, recipe_found = other.split()
        yield from differences([size, recipe], [size_found, recipe_found], f"{where} / {place}")
        gap = np.abs(np.subtract(*(list(bytes.fromhex(text)) for text in (small, small_found)))).max()
        allowed = CLIMBED if set(CLIMBERS) & set(where.split(" / ")) else LEVELS
        yield from [f"{where} / {place}: differs by {gap} levels"] if gap > allowed else []


def first_losses(known: dict[str, list[str]], found: dict[str, list[str]], where: str) -> Iterator[str]:
    """Compare who plays in every step of every phase exactly, and the first losses of the first phase nearly."""
    players = [{p: [LOSS_OF.sub("", line) for line in lines] for p, lines in one.items()} for one in (known, found)]
    yield from differences(*players, where)
    first = next(iter(known))
    losses = [floats([LOSS_OF.search(part).group() for part in one[first][:LOSSES]]) for one in (known, found)]  # type: ignore[union-attr]
    allowed = HALF if " bf16 " in where else LOSS
    far = ~np.isclose(*losses, rtol=allowed, atol=allowed)
    yield from (f"{where} / {first} / {step}: {losses[0][step]} -> {losses[1][step]}" for step in np.flatnonzero(far))


LOSS_OF = re.compile(r"(?<= )-?[0-9][0-9.e-]*(?=,|$)")


def floats(lines: list[str]) -> np.ndarray:
    """Return the numbers in lines, one after another."""
    return np.array([float(text) for line in lines for text in line.split()])


def check(section: str, name: str, make: Callable[[], Any]) -> None:
    if name not in KNOWN[section]:  # a system is added in two files, and the record is none of them
        pytest.skip(f"{name} is not in the record yet")
    known, found = KNOWN[section][name], json.loads(json.dumps(make()))
    if isinstance(found.get("out"), dict):
        found["out"] = {key: value for key, value in found["out"].items() if key in known["out"]}
    where = f"{section} / {name}"
    lines = list(differences(known, found, where) if BITWISE else nearly(known, found, where))
    script = "tests/helpers/fingerprints.py"
    advice = f"python {script} write {RECORD} makes the record anew, where this is meant"
    assert not lines, "\n".join([*lines[:40], f"{len(lines)} differences; {advice}"])


@NO_GPU
@pytest.mark.parametrize("name", facts.systems())
def test_a_system_is_trained_as_recorded(name: str, tmp_path: Path) -> None:
    check("systems", name, lambda: facts.of_system(name, tmp_path))


@pytest.mark.parametrize("name", facts.bundled())
def test_an_artist_draws_as_recorded(name: str) -> None:
    check("artists", name, lambda: facts.of_artist(name))


@pytest.mark.parametrize("name", facts.judges())
def test_a_judge_sees_as_recorded(name: str) -> None:
    check("judges", name, lambda: facts.of_judge(name))


@pytest.mark.parametrize("name", facts.commands())
def test_a_command_says_what_is_recorded(name: str) -> None:
    check("commands", name, lambda: facts.of_command(name))


def test_what_is_recorded_is_still_there_and_did_not_fail() -> None:
    gone = {section: set(KNOWN[section]) - set(fingerprints.parts(section)[0]) for section in SECTIONS}
    assert not any(gone.values()), gone
    assert not fingerprints.failures(KNOWN)


A = {"machine": {}, "systems": {"a": {"state": ["x 1", "y 2"], "made": "1f"}, "a b": {}}, "artists": {"c": {"n": 1}}}
B = {"machine": {}, "systems": {"a": {"state": ["y 2", "x 1"], "made": "1f"}, "a b": {}}, "artists": {"c": {"n": 2}}}


def test_differences_are_told_line_by_line() -> None:
    assert list(differences(A, A)) == []
    found = list(differences(A, B))
    assert "systems / a / state: -y 2" in found
    assert "systems / a / state: +y 2" in found
    assert "artists / c / n: 1 -> 2" in found
    assert list(differences({"a": [1, [2]]}, {"a": [1, [3]]})) == ["a / 1 / 0: 2 -> 3"]
    assert list(differences({"a": "x"}, {})) == ["a: x -> nothing"]


def test_files_are_compared_in_the_sections_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for file, facts_of in zip(files, (A, B), strict=True):
        file.write_text(json.dumps(facts_of))
    for options, code in (([], 1), (["--only", "artists"], 1), (["--only", "judges"], 0), (["--system", "b"], 0)):
        monkeypatch.setattr(sys, "argv", ["fingerprints.py", "compare", *map(str, files), *options])
        assert fingerprints.main() == code
        assert ("no difference" in capsys.readouterr().out) == (code == 0)


def test_what_another_machine_may_change_is_little() -> None:
    picture = "8x8 0123456789abcdef 10203040 -"
    for changed, alike in {"10203042": True, "10203050": False}.items():
        assert (not list(nearly([picture], [picture.replace("10203040", changed)], "p"))) == alike
    losses = {"gan": ["critic 16 1.5, tree 2.0", "critic 16 1.25, tree -3e-05"]}
    for old, new, alike in (("1.5", "1.5001", True), ("1.5", "1.6", False), ("tree", "bush", False)):
        changed = {"gan": [line.replace(old, new) for line in losses["gan"]]}
        assert (not list(nearly(losses, changed, "s / losses"))) == alike
