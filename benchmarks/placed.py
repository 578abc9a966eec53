"""GAWWN: told no place, told a box, told key points; and told the eyes alone.

    limner data build placed --images 21000 --size 64 --seed 3 -o data/placed64
    limner judge data/placed64 --size 32 --set widths=48,96,160 -o judges/placed32
    python benchmarks/placed.py --data data/placed64 --judge judges/placed32

One text encoder learns first; each row begins with it, frozen, and is shown the same number of pictures in the same
order. `limner bench` trains and measures the rows: `none` is GAN-INT-CLS, which has no place to be told. Where a figure
is of a place it is that of the real picture of the request, so `none` shows what is got by chance. A run that was
stopped goes on with the same command. Each row is appended to results/placed.jsonl, unless it is there already.

Then the row of points draws with the eyes alone given. How near to them the judge finds the eyes, and how near to the
points that were drawn it finds the others, is appended to results/placed_points.jsonl.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from independent import run

from limner.data.dataset import Dataset
from limner.drawing.artist import load
from limner.evaluation.protocol import NamedJudge
from limner.metrics import correct_key_points
from limner.requests import Layout
from limner.system import sample_drafts
from limner.training.run_folder import commit, typed, versions

RESULTS = Path(__file__).parent.parent / "results"
ROWS = {
    "none": "gan-int-cls:avatars:text=word,text_loss=contrastive,style_images=0,generator_width={n},"
    "discriminator_width={n},captions=1",
    "box": "gawwn:avatars:generator_width={n},discriminator_width={n}",
    "points": "gawwn:avatars-points:generator_width={n},discriminator_width={n},point_images={images}",
}
CELL = 1 / 16
"""Side of a cell of the grid, in shares of the picture."""
EYES = ("left eye", "right eye")


def reader(folder: Path, options: argparse.Namespace) -> Path:
    """Train the text encoder, or go on with its training; return its run."""
    place = folder / "reader"
    if (place / "run.json").exists():
        run("resume", place)
        return place
    changes = {"text_images": options.text_images, "images": 32, "size": options.size}
    changes |= {"generator_width": 8, "discriminator_width": 8}
    settings = [word for name, value in changes.items() for word in ("--set", f"{name}={value}")]
    run("train", "gawwn", "--data", options.data, "--preset", "avatars", *settings, "--run", place, "--grid-every", 0)
    return place


def keep(folder: Path) -> None:
    """Append the reports of a bench that are not there yet."""

    def which(line: str) -> tuple[str, int, str]:
        report = json.loads(line)
        return report["row"], report["seed"], report["commit"]

    path = RESULTS / "placed.jsonl"
    before = path.read_text() if path.exists() else ""
    known = set(map(which, before.splitlines()))
    lines = (folder / "results.jsonl").read_text().splitlines(keepends=True)
    path.write_text(before + "".join(line for line in lines if which(line) not in known))


def eyes_alone(folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Draw held-out requests with the eyes alone given; return how near the judge finds them, and the drawn points."""
    artist, judge = load(folder), NamedJudge.load(options.judge)
    data = Dataset.open(options.data, size=options.size)
    known, drawn, laid, asked = data.schema.points, [], [], []
    eyes = torch.tensor([name in EYES for name in known])
    requests = []
    for row in range(data.length("test")):
        there = tuple(point for point in data.named_points(row, "test") if point[0] in EYES)
        if len(there) == len(EYES) and len(requests) < options.pictures:
            requests.append(Layout((), data.captions(row, "test")[0], there))
            asked.append(data.points([row], "test"))
    for start in range(0, len(requests), 50):
        part = requests[start : start + 50]
        *_, last = sample_drafts(artist.system, part, range(start, start + len(part)))
        assert last.images is not None and last.layout is not None
        drawn.append(last.images)
        laid.append(last.layout["points"])
    places, found, real = torch.cat(laid), judge.locate(torch.cat(drawn)), torch.cat(asked)
    seen = places.clone()
    seen[..., 2] = (places[..., 2] > 0.5) & ~eyes
    given = real.clone()
    given[..., 2] *= eyes
    moved = ((places - real)[:, eyes, :2]).abs().max()
    return {
        "requests": len(requests),
        "eyes moved by the completer": float(moved),
        "eyes within a cell": correct_key_points(found, given, reach=CELL),
        "drawn points within a cell": correct_key_points(found, seen, reach=CELL),
    }


def main() -> None:
    """Train the reader, then the rows; then draw with the eyes alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", default=list(ROWS), help=f"of {', '.join(ROWS)}; all by default")
    parser.add_argument("--data", required=True)
    parser.add_argument("-o", "--out", type=Path, default=Path("bench/placed"))
    parser.add_argument("--judge", required=True, help="one that was trained on such data, with key points")
    parser.add_argument("--text-images", type=int, default=60_000)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--width", type=int, default=32, help="of all nets")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--recipe", choices=("paper", "modern"), default="modern")
    parser.add_argument("--pictures", type=int, default=1_000, help="held-out requests")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--scratch", action="store_true", help="leave results/ alone")
    options = parser.parse_args()
    if wrong := set(options.rows) - set(ROWS):
        parser.error(f"no row {min(wrong)}: there are {', '.join(ROWS)}")
    start = reader(options.out, options)
    common = f",recipe={options.recipe},size={options.size},batch={options.batch}"
    specs = [ROWS[row].format(n=options.width, images=options.images) + common for row in options.rows]
    folder = options.out / "rows"
    run("bench", *specs, "--data", options.data, "--judge", options.judge, "--from", start, "--part", "text",
        "--part", "vision", "--text-images", 0, "--images", options.images, "--seeds", options.seeds,
        "--pictures", options.pictures, "--out", folder)  # fmt: skip
    if not options.scratch:
        keep(folder)
    for place in sorted((folder / "runs").glob("gawwn-avatars-points*")):
        numbers = eyes_alone(place, options)
        line = {"run": place.name, **numbers, "command": typed(sys.argv), "commit": commit(), "versions": versions()}
        print(json.dumps(numbers))
        path = RESULTS / "placed_points.jsonl"
        before = path.read_text() if path.exists() else ""
        known = {(one["run"], one["commit"]) for one in map(json.loads, before.splitlines())}
        if not options.scratch and (line["run"], line["commit"]) not in known:
            path.write_text(before + json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
