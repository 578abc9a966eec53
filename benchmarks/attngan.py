"""What one training step of AttnGAN at paper scale costs, beside an eager one of the same nets and losses.

    OMP_NUM_THREADS=2 python benchmarks/attngan.py --batch 4 --steps 5
    python benchmarks/attngan.py --check

Birds' nets at 256 pixels (preset `birds`), the small image encoder at rest in both, pictures of noise with captions of
10 to 18 words. Eager is benchmarks/attngan_eager.py; ours is Limner's trainer, once in fp32 and once in the precision
that it chooses by itself. All take turns in one process, a step at a time, and figures are medians; on one thread the
clock is the processor's. Peak memory is that of processes of their own, which do nothing else. One line goes to
results/attngan.jsonl.

`--check` compares instead: both get the same weights, batch and noise, and the losses of all players and the gradient
of the generator must agree.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attngan_eager import SIDES, Settings, Training, as_published
from independent import record
from PIL import Image
from torch import Tensor, nn
from training import peak_mb, prepared, trainer, turns

from limner.blocks.layers import doubling
from limner.blocks.losses.differentiable_augmentation import window
from limner.data.dataset import Dataset
from limner.data.views import Pairs
from limner.evaluation.bench import Entry
from limner.system import Clock
from limner.training.engine import Engine

SPEC = "attngan:birds:vision=small,text_batch=8"
EAGER, FULL, LIMNER = "eager", "Limner, fp32", "Limner"
VOCABULARY, LABELS, CAPTIONS, WORDS = 500, 8, 10, (10, 18)
TOLERANCE, FUSED_TOLERANCE = 1e-5, 1e-2
"""Largest relative difference of two losses, or of two gradients, in fp32.

Limner takes doubling and the convolution after it as one, which adds in another order. A few units near the kink of a
leaky ReLU then fall on its other side: losses are 1e-7 apart, the gradient 2e-3.
"""


def fake(folder: Path, side: int, count: int) -> Path:
    """Write pictures of coarse noise with captions of words that mean nothing."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines = []
    for number in range(count):
        noise = Image.fromarray(rng.integers(256, size=(16, 16, 3), dtype=np.uint8))
        noise.resize((side, side), Image.Resampling.BICUBIC).save(folder / f"{number:03d}.png")
        texts = [
            " ".join(f"w{word}" for word in rng.integers(VOCABULARY, size=rng.integers(WORDS[0], WORDS[1] + 1)))
            for _ in range(CAPTIONS)
        ]
        lines.append({"file_name": f"{number:03d}.png", "text": texts, "label": f"bird {number % LABELS}"})
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


class Eager:
    """The eager training, fed from a data set as the other is."""

    def __init__(self, system: Any, data: Dataset, settings: Settings | None = None) -> None:
        """Take the image encoder of `system`, and the weights of its nets."""
        self.data, self.rng = data, np.random.default_rng(0)
        self.numbers = {word: number + 2 for number, word in enumerate(data.schema.lexicon.words)}
        self.training = Training(len(data.schema.lexicon), system.vision, settings)
        copy(system.text, self.training.text)
        copy(system.generator, self.training.G)
        for ours, theirs in zip(system.critics, self.training.Ds, strict=True):
            copy(ours, theirs)
        for average, p in zip(self.training.averaged, self.training.G.parameters(), strict=True):
            average.copy_(p.data)

    def tokens(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Look words up: numbers (B, T) padded with 0, and lengths (B,)."""
        rows = [torch.tensor([self.numbers[word] for word in text.split()]) for text in texts]
        return nn.utils.rnn.pad_sequence(rows, batch_first=True), torch.tensor([len(row) for row in rows])

    def step(self, batch: int) -> None:
        """Train on one batch."""
        rows = self.rng.integers(self.data.length(), size=batch)
        pairs = Pairs.gather(self.data, rows, self.rng).to("cpu")
        self.training.step(window(pairs.images, SIDES[-1]), *self.tokens(pairs.texts), pairs.labels)


@torch.no_grad()
def copy(ours: nn.Module, theirs: nn.Module) -> None:
    """Give one net the weights of another of the same build, whatever they are called."""
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert mine.squeeze().shape == other.squeeze().shape, "nets of another build"
        other.copy_(mine.view_as(other))


def contestants(batch: int, folder: Path, names: Sequence[str]) -> dict[str, Callable[[], None]]:
    """Return a step of each contestant that is named."""
    entry = Entry.read(f"{SPEC},batch={batch}", {})
    data = Dataset.open(fake(folder / "data", entry.cls.data_size(entry.config), max(4 * batch, 32)), size=304)
    found: dict[str, Callable[[], None]] = {}
    for name in names:
        if name == EAGER:
            found[name] = partial(Eager(prepared(entry, data), data).step, batch)
        else:
            found[name] = trainer(entry, data, folder / name, "fp32" if name == FULL else "auto")
    return found


def memory(name: str, options: argparse.Namespace) -> int:
    """Return the peak memory, in MB, of a process that trains two steps."""
    command = [sys.executable, __file__, "--alone", name, "--batch", str(options.batch)]
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return round(float(answer.stdout.splitlines()[-1]))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Let all take their turns, then each alone."""
    names = [EAGER, FULL, *([LIMNER] if Engine("auto", quiet=True)._bf16 else [])]
    peaks = {name: memory(name, options) for name in names}
    with tempfile.TemporaryDirectory() as folder:
        seconds = turns(contestants(options.batch, Path(folder), names), options.steps, steps=1)
    return {
        "batch": options.batch,
        "steps": options.steps,
        "clock": "processor" if torch.get_num_threads() == 1 else "wall",
        "seconds": {name: round(one, 2) for name, one in seconds.items()},
        "ratio": {name: round(seconds[EAGER] / one, 3) for name, one in seconds.items()},
        "peak_mb": peaks,
        "peak_ratio": {name: round(one / peaks[EAGER], 3) for name, one in peaks.items()},
    }


def alone(name: str, batch: int) -> None:
    """Train two steps and print the peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        (step,) = contestants(batch, Path(folder), [name]).values()
        step()
        step()
    print(peak_mb())


def agree(batch: int) -> bool:
    """Tell whether losses and gradients agree, once with doubling and convolution apart and once as Limner has it."""
    good = True
    for least, tolerance in ((10**9, TOLERANCE), (doubling.WORTH_IT, FUSED_TOLERANCE)):
        doubling.WORTH_IT = least
        print("doubling and convolution apart" if least == 10**9 else "doubling and convolution as one")
        for name, one in differences(batch).items():
            print(f"    {name}: {one:.1e} apart")
            good = good and one <= tolerance
    return good


def differences(batch: int) -> dict[str, float]:
    """Return how far apart, relatively, losses and the generator's gradient are at the same weights and noise."""
    with tempfile.TemporaryDirectory() as folder:
        entry = Entry.read(f"{SPEC},batch={batch},crop=false", {})
        data = Dataset.open(fake(Path(folder) / "data", SIDES[-1], 32), size=SIDES[-1])
        system = prepared(entry, data)
        eager = Eager(system, data, Settings(rate=0.0))  # who learns nothing stays the same
        pairs = Pairs.gather(data, range(batch), np.random.default_rng(0)).to("cpu")
    phase = next(phase for phase in system.phases() if phase.name == "gan")
    system.eval().requires_grad_(False)
    for player in phase.players.values():
        for module in player.modules:
            module.train().requires_grad_(True)
    torch.manual_seed(0)
    assert phase.step is not None
    ours: list[float] = []
    for update in phase.step(pairs, Clock(seen=0, total=1, step=0)):
        ours.append(update.loss.item())
        last = update.loss
    last.backward(inputs=list(system.generator.parameters()))
    torch.manual_seed(0)
    unfit = pairs.wrong, torch.arange(batch)
    found = eager.training.step(pairs.images, *eager.tokens(pairs.texts), pairs.labels, unfit)
    s = eager.training.settings
    whole = found.adversarial + s.matching * (found.words + found.sentence) + s.kl * found.kl
    theirs = [*found.discriminators, whole]
    names = [*(f"discriminator {side}" for side in SIDES), "generator"]
    apart = {name: abs(a - b) / abs(b) for name, a, b in zip(names, ours, theirs, strict=True)}
    mine, other = (
        torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None])
        for net in (system.generator, eager.training.G)
    )
    return apart | {"gradient of the generator": float((mine - other).norm() / other.norm())}


def main() -> None:
    """Measure, or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=4, help="pictures in a step (the paper's is 20)")
    parser.add_argument("--steps", type=int, default=5, help="steps of each that are timed, after one that is not")
    parser.add_argument("--threads", type=int, help="of torch (default: as OMP_NUM_THREADS says)")
    parser.add_argument("--check", action="store_true", help="compare losses and gradients instead")
    parser.add_argument("--results", default="attngan", help="file in results/ that gets the line")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    as_published()
    if options.alone:
        alone(options.alone, options.batch)
    elif options.check:
        sys.exit(not agree(options.batch))
    else:
        numbers = measure(options)
        print(json.dumps(numbers))
        record(options.results, **numbers)


if __name__ == "__main__":
    main()
