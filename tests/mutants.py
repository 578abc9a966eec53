"""Take the ideas of the systems out of the code, one at a time, and show that a test notices each time.

    python tests/mutants.py                     every mutant, its own test
    python tests/mutants.py stackgan attngan    those of two systems
    python tests/mutants.py --whole             against all tests of a system: is there any that would notice?

What a mutant is stands in `tests/helpers/mutation.py`, the lists in `tests/mutants/`. Exits with 1 where a mutant
survives, or where its edit no longer fits the code.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "helpers"))

import mutation
from mutation import ROOT, Mutant, Outcome

PRELOADED = ["conftest", "torch", "pytest", "toy", "limner.training.trainer", "limner.checkpoint", "datasets"]
"""What costs seconds to import: imported once, together with all systems, and shared by all processes."""


def outcomes(mutants: Sequence[Mutant], jobs: int, whole: bool) -> Iterator[tuple[Mutant, Outcome]]:
    """Run mutants, file of tests by file of tests, each file in a process of its own; yield what came of them."""
    paths = [ROOT / "src", ROOT / "tests", ROOT / "tests" / "helpers"]
    os.environ["PYTHONPATH"] = os.pathsep.join([*map(str, paths), os.environ.get("PYTHONPATH", "")])
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED + sorted({mutant.module for mutant in mutants}))
    files = mutation.by_file(mutants, whole)
    found: dict[Mutant, list[Outcome]] = {mutant: [] for mutant in mutants}
    expected = Counter(mutant for some in files.values() for mutant in some)
    with ProcessPoolExecutor(jobs, mp_context=context, max_tasks_per_child=1) as pool:
        running = {pool.submit(mutation.run, file, some, whole): some for file, some in files.items()}
        for done in as_completed(running):
            for mutant, outcome in zip(running[done], done.result(), strict=True):
                found[mutant].append(outcome)
                if len(found[mutant]) == expected[mutant]:  # in one file of several it is enough
                    yield (
                        mutant,
                        min(found[mutant], key=lambda one: ("killed", "broken", "survived").index(one.verdict)),
                    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; return 0 where every mutant was noticed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("systems", nargs="*", help="systems whose mutants are run; all without any")
    parser.add_argument("--whole", action="store_true", help="run all tests of a system, not only the named one")
    parser.add_argument("--lists", type=Path, default=mutation.LISTS, help="folder of the lists")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    asked = parser.parse_args(arguments)
    mutants, began, counts = list(mutation.load(asked.systems, asked.lists)), time.monotonic(), Counter[str]()
    if not mutants:
        parser.error(f"no list in {asked.lists} is called {' or '.join(asked.systems)}")
    for mutant, outcome in outcomes(mutants, asked.jobs, asked.whole):
        counts[outcome.verdict] += 1
        print(f"{outcome.verdict:8}  {mutant.system:16}  {mutant.idea}  ({outcome.by or mutant.at})", flush=True)
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in ("killed", "survived", "broken"))
    print(f"{len(mutants)} mutants: {told}; {time.monotonic() - began:.0f} s")
    return int(counts["killed"] < len(mutants))


if __name__ == "__main__":
    raise SystemExit(main())
