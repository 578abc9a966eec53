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
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "helpers"))

import mutation
from mutation import ROOT, Mutant, Outcome

PRELOADED = ["conftest", "torch", "pytest", "toy", "limner.training.trainer", "limner.checkpoint", "datasets"]
"""What costs seconds to import: imported once, together with all systems, and shared by all processes."""


def outcomes(mutants: Sequence[Mutant], jobs: int, whole: bool) -> Iterator[tuple[str, str, Outcome]]:
    """Run the tests of each system without any edit, then its mutants, each in a process of its own.

    Yields the system, the idea, empty where nothing is edited, and what came of it, in their order.
    """
    paths = [ROOT / "src", ROOT / "tests", ROOT / "tests" / "helpers"]
    os.environ["PYTHONPATH"] = os.pathsep.join([*map(str, paths), os.environ.get("PYTHONPATH", "")])
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(PRELOADED + sorted({mutant.module for mutant in mutants}))
    with ProcessPoolExecutor(jobs, mp_context=context, max_tasks_per_child=1) as pool:
        for system, some in groupby(mutants, key=lambda mutant: mutant.system):
            first = pool.submit(mutation.unedited, its := list(some))
            after = pool.map(partial(mutation.run, whole=whole), its)
            yield system, "", first.result()
            yield from ((system, mutant.idea, outcome) for mutant, outcome in zip(its, after, strict=True))


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
    for system, idea, outcome in outcomes(mutants, asked.jobs, asked.whole):
        counts[outcome.verdict] += 1
        print(f"{outcome.verdict:8}  {system:16}  {idea or 'nothing is edited'}  {outcome.by and f'({outcome.by})'}".rstrip(), flush=True)
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in ("killed", "survived", "broken"))
    print(f"{len(mutants)} mutants: {told}; {time.monotonic() - began:.0f} s")
    return int(counts["killed"] < len(mutants) or counts["broken"] > 0)


if __name__ == "__main__":
    raise SystemExit(main())
