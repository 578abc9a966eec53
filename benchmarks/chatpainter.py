"""ChatPainter: a caption alone, a dialogue in one vector, a dialogue turn by turn; and a reader of long texts.

    python benchmarks/last_frames.py data/clevr-last
    python benchmarks/chatpainter.py --data data/clevr-last

Two readers learn first: one from captions and single turns, one from whole dialogues, too (`long`). Each row begins
with one of them, frozen, and is shown the same number of pictures in the same order. `limner bench` trains and measures
the rows of each reader, with the clevr judge; a run that was stopped goes on with the same command. Each row is
appended to results/chatpainter.jsonl when its bench is done, unless it is there already.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from limner import cli

RESULTS = Path(__file__).parent.parent / "results" / "chatpainter.jsonl"
ROWS = {"none": False, "joined": False, "recurrent": False, "joined-long": True, "recurrent-long": True}
"""Rows by how a dialogue is taken in, and whether the reader learnt from long texts."""
USUAL = ["none", "joined", "recurrent", "joined-long"]


def run(*words: object) -> None:
    """Run a command of `limner`; stop where it fails."""
    if code := cli.main([str(word) for word in words]):
        raise SystemExit(code)


def reader(folder: Path, data: str, images: int, long: bool, seed: int) -> Path:
    """Train a reader, or go on with its training; return its run."""
    place = folder / f"reader{'-long' if long else ''}-s{seed}"
    if (place / "run.json").exists():
        run("resume", place)
        return place
    changes = {"dialogue": "none", "long": long, "text_images": images, "images": 16, "second_images": 16}
    options = [word for name, value in changes.items() for word in ("--set", f"{name}={value}")]
    run("train", "chatpainter", "--data", data, "--preset", "clevr", *options, "--seed", seed, "--run", place,
        "--grid-every", 0)  # fmt: skip
    return place


def keep(folder: Path) -> None:
    """Append the reports of a bench that are not there yet."""

    def which(line: str) -> tuple[str, int, str]:
        report = json.loads(line)
        return report["row"], report["seed"], report["commit"]

    before = RESULTS.read_text() if RESULTS.exists() else ""
    known = set(map(which, before.splitlines()))
    lines = (folder / "results.jsonl").read_text().splitlines(keepends=True)
    RESULTS.write_text(before + "".join(line for line in lines if which(line) not in known))


def main() -> None:
    """Train the readers, then the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", default=USUAL, help=f"of {', '.join(ROWS)}; {', '.join(USUAL)} by default")
    parser.add_argument("--data", required=True)
    parser.add_argument("-o", "--out", type=Path, default=Path("bench/chatpainter"))
    parser.add_argument("--judge", default="clevr")
    parser.add_argument("--text-images", type=int, default=60_000)
    parser.add_argument("--images", type=int, default=120_000, help="of stage I")
    parser.add_argument("--second-images", type=int, default=60_000)
    parser.add_argument("--pictures", type=int, default=1_000, help="held-out dialogues")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--scratch", action="store_true", help="leave results/ alone")
    options = parser.parse_args()
    if wrong := set(options.rows) - set(ROWS):
        parser.error(f"no row {min(wrong)}: there are {', '.join(ROWS)}")
    for long in (False, True):
        rows = [row for row in options.rows if ROWS[row] == long]
        if not rows:
            continue
        start = reader(options.out, options.data, options.text_images, long, 0)
        more = f"long={str(long).lower()},second_images={options.second_images}"
        specs = [f"chatpainter:clevr:dialogue={row.removesuffix('-long')},{more}" for row in rows]
        folder = options.out / ("long" if long else "short")
        run("bench", *specs, "--data", options.data, "--judge", options.judge, "--from", start, "--part", "text",
            "--part", "vision", "--text-images", 0, "--images", options.images, "--seeds", options.seeds,
            "--pictures", options.pictures, "--out", folder)  # fmt: skip
        if not options.scratch:
            keep(folder)


if __name__ == "__main__":
    main()
