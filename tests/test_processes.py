"""Two processes on one machine: what they learn is the same in both, and averaged."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch

SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
import torch
import test_train as t
from limner import catalogue
from limner.engine import Engine
from limner.runs import RunFolder
from limner.train import Trainer

catalogue.name_of = lambda cls: cls.__name__.lower()
folder = Path({folder!r})
engine = Engine("fp32", quiet=True)
assert engine.world == 2
torch.manual_seed(engine.rank)  # each begins with other weights: the first one's must win
data = t.shapes(folder / "data")
system = t.Toy(t.ToyConfig(), data.schema)
run = RunFolder.create(folder / f"run{{engine.rank}}")
trainer = Trainer(system, data, run, engine=engine, grid_every=0, save_every=10**6)
trainer.fit()
torch.save(t.weights(trainer), folder / f"weights{{engine.rank}}.pt")
"""


@pytest.mark.slow
def test_two_processes_stay_the_same(tmp_path: Path) -> None:
    from toy import shapes

    shapes(tmp_path / "data")
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT).format(tests=str(Path(__file__).parent), folder=str(tmp_path)))
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    done = subprocess.run(launch, capture_output=True, text=True, timeout=240, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    one, other = (torch.load(tmp_path / f"weights{rank}.pt", weights_only=True) for rank in (0, 1))
    for name, value in one.items():
        if "running" in name or "num_batches" in name:  # each process sees its own half of a batch
            continue
        assert torch.equal(value, other[name]), f"{name} differs between the processes"
