"""The table of results/hierarchy.jsonl, for `benchmarks/tables.py`."""

from __future__ import annotations

import statistics
from typing import Any

from comparisons import lines, made, table

OBEYED = {
    "attributes": ".3f",
    "all asked": ".3f",
    "R-precision": ".3f",
    "re-described, BLEU-4": ".3f",
    "fid": ".2f",
    "recall": ".3f",
}
"""Figures of pictures, in the order of their columns."""
LAYOUTS = {
    "counts right": (".3f", "the rules, same counts", "other pictures"),
    "layout IoU": (".3f", "the rules, same counts", "other pictures"),
    "boxes that break a rule": (".3f", "the rules, same counts"),
    "nats a box": (".2f", "the rules"),
}
"""Figures of predicted layouts, and what stands beside each."""
EDITED = ("removed: counted one fewer", "removed: under a tenth outside", "removed: pixels changed outside the box",
          "removed: pixels changed in the box", "moved: IoU with its new box")  # fmt: skip


def hierarchy() -> str:
    """Show the ladder, the layouts, and what becomes of an edit: means over seeds."""
    found = lines("hierarchy")
    if not found:
        return made(found)
    last = found[-1]
    alike = ("data", "size", "width", "text_images", "box_images", "shape_images", "images", "pictures", "judge")
    same = [line for line in found if all(line[one] == last[one] for one in alike)]
    rows = {
        row: [line["figures"] for line in same if line["row"] == row] for row in ("text", "predicted", "boxes", "both")
    }
    rows = {row: some for row, some in rows.items() if some}

    def mean(some: list[dict[str, Any]], name: str, place: int = 0) -> float | None:
        values = [one[name][place] for one in some if name in one and len(one[name]) > place]
        return statistics.fmean(values) if values else None

    def cell(value: float | None, form: str) -> str:
        return "" if value is None else format(value, form)

    names = [name for name in OBEYED if any(name in one for some in rows.values() for one in some)]
    cells = [[row, *(cell(mean(some, name), OBEYED[name]) for name in names)] for row, some in rows.items()]
    every = [one for some in rows.values() for one in some]
    for called, place in (("real pictures", 1), ("real ones of other captions", 2)):
        cells.append([called, *(cell(mean(every, name, place), OBEYED[name]) for name in names)])
    text = table(["", *names], cells)
    if "predicted" in rows:
        some = rows["predicted"]
        laid = [
            [name, cell(mean(some, name), form), *(
                f"{cell(mean(some, name, place), form)} ({beside[place - 1]})" if mean(some, name, place) is not None
                else "" for place in (1, 2)
            )]
            for name, (form, *beside) in LAYOUTS.items() if mean(some, name) is not None
        ]  # fmt: skip
        text += "\n" + table(["predicted layouts", "drawn", "beside it", ""], laid)
    if "boxes" in rows:
        some = rows["boxes"]
        edits = [[name, cell(mean(some, name), ".3f")] for name in EDITED if mean(some, name) is not None]
        stay = cell(mean(some, EDITED[-1], 1), ".3f")
        text += "\n" + table(["one box, the rest as it was", ""], edits)
        text += f"\nA thing that was moved overlaps the place where it was by {stay}.\n" if stay else ""
    seeds = len({line["seed"] for line in same})
    about = f"\nPictures seen: text {last['text_images']:,}, boxes {last['box_images']:,}, "
    about += f"shapes {last['shape_images']:,}, pictures {last['images']:,}; {last['size']} pixels, "
    about += f"{last['pictures']:,} held-out captions, judge `{last['judge']}`; "
    about += f"mean over {seeds} seed{'s' if seeds > 1 else ''}.\n"
    return text + about + made(same)
