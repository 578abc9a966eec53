"""Do the pictures say what the captions say? R-precision by an encoder that no system has seen.

    python benchmarks/independent.py avatars --data data/avatars

A pair of text and image encoders is trained by contrast on the real training pictures, apart from any system (other
seed, other weights). Then, for each of 1,000 held-out captions, the drawn picture is shown beside that caption and 99
others of the held-out set: R-precision is how often its own comes first (AttnGAN's protocol, another judge). The same
for the real pictures is the ceiling; the floor is 0.01. Beside it stands how much a pixel varies over the seeds of one
caption (and over all real pictures, whatever their captions). One line is appended to results/independent.jsonl.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import limner
from limner import cli
from limner.blocks.losses.joint_embedding import contrastive
from limner.blocks.text.encoders import WordEncoder
from limner.blocks.vision.encoders import ImageEncoder
from limner.data.dataset import Dataset
from limner.noise import RowNoise
from limner.requests import Caption
from limner.system import Paper, Phase, System
from limner.training.engine import Engine
from limner.training.run_folder import RunFolder, commit
from limner.training.trainer import Trainer

CANDIDATES = 100
RESULTS = Path(__file__).parent.parent / "results"


@dataclass(frozen=True)
class Config:
    """What the judge is."""

    size: int
    """Side of the pictures."""
    images: int = 100_000
    """Pictures it is trained on."""


class Judge(System):
    """A text encoder and an image encoder, trained by contrast."""

    paper = Paper("An independent judge of text and picture", "The Limner authors", 2026, "this project")
    Config = Config

    def __init__(self, config: Any, schema: Any) -> None:
        super().__init__(config, schema)
        self.text = WordEncoder(schema.lexicon, width=192, embedding=128, hidden=160)
        self.vision = ImageEncoder(config.size, 192, base=40)

    def phases(self) -> list[Phase]:
        """One."""
        return [contrastive(self.text, self.vision, images=self.config.images, batch=128)]

    def sample(self, requests: Any, knobs: Any, rng: RowNoise) -> Iterator[Any]:
        """A judge does not draw."""
        raise NotImplementedError

    @torch.no_grad()
    def r_precision(self, images: Tensor, captions: Sequence[str], seed: int = 0) -> float:
        """Share of pictures (N, 3, S, S) in [-1, 1] whose own caption is nearest among 100."""
        self.eval()
        v = F.normalize(torch.cat([self.vision(part) for part in images.split(100)]), dim=1)
        t = torch.cat([self.text.sentence(captions[i : i + 100]) for i in range(0, len(captions), 100)])
        scores = v @ F.normalize(t, dim=1).T  # (N pictures, N captions)
        rng, hits = np.random.default_rng(seed), 0
        for row, own in enumerate(captions):
            others = [j for j in rng.permutation(len(captions)) if captions[j] != own][: CANDIDATES - 1]
            hits += bool(scores[row, row] > scores[row, others].max())
        return hits / len(captions)


def train(system: System, data: Dataset, seed: int) -> None:
    """Train to the end of the system's budget, leaving no files; a training that was stopped makes no figure."""
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder.create(Path(folder) / "run")
        engine = Engine("auto", quiet=True)
        trainer = Trainer(system, data, run, seed=seed, engine=engine, grid_every=0, save_every=10**9)
        trainer.fit()
    if not trainer.finished:
        raise KeyboardInterrupt


def judge(data: Dataset, seed: int = 12_345) -> Judge:
    """Train a judge on the real training pictures."""
    torch.manual_seed(seed)
    system = Judge(Config(size=data.schema.size), data.schema)
    train(system, data, seed)
    return system.eval()


def held_out(data: Dataset, count: int = 1000) -> tuple[list[str], Tensor]:
    """Return the first held-out captions and their real pictures, (N, 3, S, S) in [-1, 1]."""
    rows = range(min(count, data.length("test")))
    return [data.captions(row, "test")[0] for row in rows], data.pictures(rows, "test").float() / 127.5 - 1


def drawn(system: System, captions: Sequence[str], batch: int = 50) -> Tensor:
    """Draw each caption once, picture i with seed i: (N, 3, S, S)."""
    parts = []
    for start in range(0, len(captions), batch):
        requests = [Caption(text) for text in captions[start : start + batch]]
        *_, final = system.sample(requests, system.Knobs(), RowNoise(range(start, start + len(requests))))
        parts.append(final.images)
    return torch.cat(parts)


def deviation(system: System, captions: Sequence[str], prompts: int = 50, seeds: int = 16) -> float:
    """Return the standard deviation of a pixel over seeds of one caption, averaged over pixels and captions."""
    found = []
    for text in captions[:prompts]:
        *_, final = system.sample([Caption(text)] * seeds, system.Knobs(), RowNoise(range(seeds)))
        found.append(final.images.std(dim=0).mean())
    return float(torch.stack(found).mean())


def record(name: str, **numbers: Any) -> None:
    """Append a line to results/NAME.jsonl with the command that made it."""
    RESULTS.mkdir(exist_ok=True)
    about = {"command": " ".join(["python", *sys.argv]), "commit": commit(), "machine": platform.processor() or "CPU"}
    with (RESULTS / f"{name}.jsonl").open("a") as file:
        file.write(
            json.dumps(numbers | about | {"threads": torch.get_num_threads(), "torch": torch.__version__}) + "\n"
        )


def is_recorded(name: str, about: Mapping[str, Any]) -> bool:
    """Tell whether results/NAME.jsonl has a line that says all of this: of the same row, seed and budget."""
    path = RESULTS / f"{name}.jsonl"
    found = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
    return any(all(line.get(key) == value for key, value in about.items()) for line in found)


def run(*words: object) -> None:
    """Run a command of `limner`; stop where it fails."""
    if code := cli.main([str(word) for word in words]):
        raise SystemExit(code)


def main() -> None:
    """Judge one artist."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artist", help="a bundled name, a folder or a run")
    parser.add_argument("--data", required=True, help="the data set whose held-out captions are drawn")
    parser.add_argument("--results", default="independent", help="file in results/ that gets the line")
    options = parser.parse_args()
    artist = limner.load(options.artist, device="cpu")
    data = Dataset.open(options.data, size=artist.system.config.size)
    captions, real = held_out(data)
    referee = judge(data)
    numbers = {
        "r_precision": round(referee.r_precision(drawn(artist.system, captions), captions), 4),
        "real_pictures": round(referee.r_precision(real, captions), 4),
    }
    numbers["deviation_over_seeds"] = round(deviation(artist.system, captions), 4)
    numbers["deviation_of_real_pictures"] = round(float(real.std(dim=0).mean()), 4)
    about = {"system": artist.record["system"], "artist": options.artist}
    record(options.results, **about, trained=artist.record["trained"], captions=len(captions), **numbers)
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
