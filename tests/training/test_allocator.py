"""Freed memory is kept for the next step of a training, in the program `limner` and nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from limner import cli
from limner.training import allocator

STEPS = """
import json, mmap, resource
from limner.training.allocator import keep_freed_memory, usual

def fresh():
    block = b"0" * (40 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        mmap.mmap(-1, len(block), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)[:] = block
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        b"0" * (40 << 20)  # 10,240 pages
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

new, plain = fresh(), faults()
kept = keep_freed_memory()
faults()
found = [kept, new, plain, faults()]
usual()
faults()
print(json.dumps([*found, faults()]))
"""


def measured(**environment: str) -> tuple[bool, float, float, float]:
    """Return whether memory is kept, and the page faults of 5 steps before, with it, and after it was undone.

    They are in shares of what pages cost that nobody ever had: some kernels bring several with each fault.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", STEPS]
    answer = subprocess.run(command, env=clean | environment, capture_output=True, text=True, check=True)
    kept, fresh, *faults = json.loads(answer.stdout)
    before, during, after = (found / fresh for found in faults)
    return kept, before, during, after


linux = pytest.mark.skipif(not allocator._is_glibc(), reason="there is no glibc here")


@linux
def test_freed_memory_is_kept() -> None:
    kept, before, during, after = measured()
    assert kept
    assert before > 0.4
    assert during < before / 20
    assert after > 0.4


@linux
@pytest.mark.parametrize(
    "environment", [{"LIMNER_MALLOC": "0"}, {"MALLOC_TRIM_THRESHOLD_": "131072"}, {"GLIBC_TUNABLES": ""}]
)
def test_the_way_out_and_settings_of_ones_own(environment: dict[str, str]) -> None:
    kept, _, during, _ = measured(**environment)
    assert not kept
    assert during > 0.4


def test_an_allocator_that_refuses_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[dict[int, int]] = []

    def refuse(settings: dict[int, int]) -> list[bool]:
        said.append(settings)
        return [True, False, True]

    monkeypatch.setattr(allocator, "_is_glibc", lambda: True)
    monkeypatch.setattr(allocator, "_set", refuse)
    for name in [name for name in os.environ if name.startswith("MALLOC_")]:
        monkeypatch.delenv(name)
    assert not allocator.keep_freed_memory()
    assert said == [allocator.SETTINGS, allocator.USUAL]


@pytest.mark.parametrize(("command", "kept"), [("train", True), ("resume", True), ("draw", False), ("studio", False)])
def test_only_the_program_and_only_to_train(monkeypatch: pytest.MonkeyPatch, command: str, kept: bool) -> None:
    calls: list[str] = []
    monkeypatch.setattr(allocator, "keep_freed_memory", lambda: calls.append("kept"))
    monkeypatch.setattr(sys, "argv", ["limner", command, "--help"])
    with pytest.raises(SystemExit):
        cli.program()
    assert bool(calls) is kept
    calls.clear()
    cli.main([command, "--help"])  # as tests and other programs call it
    assert not calls
