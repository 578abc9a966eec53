"""Write the tables of README and docs from results/*.jsonl: no published number is typed.

    python benchmarks/tables.py            # rewrite the blocks
    python benchmarks/tables.py --check    # exit 1 where one is out of date

A block begins with `<!-- table: NAME -->` and ends with `<!-- /table -->`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from limner.bench import columns
from limner.cli.judge import pictures_of
from limner.report import Report, side_by_side

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- /table -->)", re.DOTALL)


def lines(name: str) -> list[dict[str, Any]]:
    """Read results/NAME.jsonl; empty where there is none."""
    path = ROOT / "results" / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(head: list[str], rows: list[list[Any]]) -> str:
    """Return a Markdown table."""
    body = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *body]) + "\n"


def compare() -> str:
    """Systems side by side at equal minutes."""
    head = ["system", "preset", "minutes", "pictures seen", "pictures a second", "R-precision, independent"]
    found = lines("compare")
    rows = [
        [
            f"`{r['system']}`",
            r["preset"],
            r["minutes"],
            f"{r['images']:,}",
            r["images_per_second"],
            f"{r['r_precision']:.3f}",
        ]
        for r in found
    ]
    if found:
        rows.append(["real pictures", "", "", "", "", f"{found[-1]['real_pictures']:.3f}"])
    return table(head, rows) + made(found)


def judged(name: str) -> str:
    """Show what the independent judge says of the last artist in results/NAME.jsonl."""
    found = lines(name)[-1:]
    if not found:
        return made(found)
    r = found[0]
    rows = [
        ["trained by", f"`{r['trained']['command']}`"],
        ["pictures seen, reading and drawing", f"{r['trained']['images']:,}"],
        [
            "R-precision, 1 of 100, independent judge",
            f"**{r['r_precision']:.3f}** (real pictures {r['real_pictures']:.3f})",
        ],
        ["a pixel's deviation over seeds of one caption", f"{r['deviation_over_seeds']:.2f}"],
        ["the same over all real pictures", f"{r['deviation_of_real_pictures']:.2f}"],
    ]
    return table([f"`{r['system']}`", f"over {r['captions']:,} held-out captions"], rows) + made(found)


def drawing() -> str:
    """How soon a picture is there."""
    found = lines("drawing")[-1:]
    head = ["bare `import torch`", "`limner draw` from cold", "ratio", "a further picture", "in batches of 16", "cores"]
    rows = [
        [f"{r['import_torch_seconds']} s", f"{r['cold_draw_seconds']} s", r["ratio"], f"{r['milliseconds_alone']} ms",
         f"{r['milliseconds_in_batches_of_16']} ms", r["cores"]]
        for r in found
    ]  # fmt: skip
    return table(head, rows) + made(found)


def world() -> str:
    """How fast the avatars world is built."""
    found = lines("avatars")[-1:]
    head = ["pictures", "size", "workers", "pictures a second"]
    rows = [[f"{r['images']:,}", r["size"], r["workers"], r["pictures_per_second"]] for r in found]
    return table(head, rows) + made(found)


def judge() -> str:
    """What the shipped judge gets right on real held-out pictures."""
    folder = ROOT / "src" / "limner" / "judges" / "avatars"
    about = json.loads((folder / "system.json").read_text())
    shares = about["trained"]["held out"]
    rows = [[name, f"{share:.4f}"] for name, share in shares.items()]
    size = (folder / "weights.safetensors").stat().st_size / 1e6
    told = f"\nThe shipped judge of avatars: {size:.1f} MB, trained on {about['trained']['images']:,} pictures (seed "
    return table(["on real held-out pictures", "right"], rows) + told + f"{about['trained']['seed']}).\n"


def reported(name: str) -> str:
    """Show the last report of results/NAME.jsonl, with the accuracy of each attribute."""
    found = lines(name)[-1:]
    if not found:
        return made(found)
    report = Report.from_json(found[0])
    text = f"`{report.artist}`, {pictures_of(report)}.\n\n{report.markdown()}\n"
    if "attributes" in report.details:
        drawn, real = report.details["attributes"], report.details["attributes of real pictures"]
        rows = [[key, f"{share:.3f}", f"{real[key]:.3f}"] for key, share in drawn.items()]
        text += "\n" + table(["attribute", "drawn", "real pictures"], rows)
    return text + made_by(found[0])


def bench(name: str) -> str:
    """Show a bench: mean and deviation over seeds, rows named by what sets them apart."""
    found = lines(name)
    if not found:
        return made(found)
    rows: dict[str, list[Report]] = {}
    for line in found:
        rows.setdefault(line["row"], []).append(Report.from_json(line))
    parts = {row: re.split(r"[:,](?=\w+)", row) for row in rows}
    common = set.intersection(*(set(split) for split in parts.values()))
    called = {row: " ".join(part for part in split if part not in common) or "all in" for row, split in parts.items()}
    images, size = found[0]["config"]["images"], found[0]["protocol"]["size"]
    text = side_by_side({called[row]: reports for row, reports in rows.items()}, columns(next(iter(rows.values()))[0]))
    said = (
        f"\n{images:,} pictures seen by each, {size} pixels, {found[0]['protocol']['pictures']:,} held-out captions, "
    )
    return (
        text
        + "\n"
        + said
        + f"judge {found[0]['protocol']['judge']}; mean and deviation over seeds.\n"
        + made_by(found[-1])
    )


def made_by(line: dict[str, Any]) -> str:
    """Say by which command."""
    return f"\n`{line['command']}` (commit {line['commit'][:7]}, torch {line['versions']['torch']}, on the CPU).\n"


def made(found: list[dict[str, Any]]) -> str:
    """Say by which command and on what."""
    if not found:
        return "\nNot measured yet.\n"
    last = found[-1]
    return f"\n`{last['command']}` (commit {last['commit'][:7]}, {last['threads']} CPU cores, torch {last['torch']}).\n"


TABLES: dict[str, Callable[[], str]] = {
    "compare": compare,
    "shipped": lambda: judged("independent"),
    "drawing": drawing,
    "world": world,
    "anime": lambda: judged("anime"),
    "judge": judge,
    "shipped_report": lambda: reported("shipped"),
    "anime_report": lambda: reported("anime_eval"),
    "variants": lambda: bench("variants"),
    "ingredients": lambda: bench("ingredients"),
}


def filled(text: str) -> str:
    """Return `text` with every block as results/ say."""
    return BLOCK.sub(lambda match: match[1] + TABLES[match[2]]() + match[3], text)


def main() -> int:
    """Rewrite, or check."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    stale = [page for page in pages if filled(page.read_text()) != page.read_text()]
    if "--check" not in sys.argv:
        for page in stale:
            page.write_text(filled(page.read_text()))
        return 0
    for page in stale:
        print(f"{page.relative_to(ROOT)} is out of date: python benchmarks/tables.py", file=sys.stderr)
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
