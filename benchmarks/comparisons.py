"""Tables of comparisons: benches, and the systems that are measured by figures of their own; and what all tables share.

Each function makes one table of results/*.jsonl, for `benchmarks/tables.py`.
"""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from limner.evaluation.bench import columns
from limner.evaluation.report import Report, side_by_side

ROOT = Path(__file__).parent.parent


def lines(name: str) -> list[dict[str, Any]]:
    """Read results/NAME.jsonl; empty where there is none."""
    path = ROOT / "results" / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(head: list[str], rows: list[list[Any]]) -> str:
    """Return a Markdown table."""
    body = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *body]) + "\n"


def made_by(line: dict[str, Any]) -> str:
    """Say by which command."""
    return f"\n`{line['command']}` (commit {line['commit'][:7]}, torch {line['versions']['torch']}, on the CPU).\n"


def made(found: list[dict[str, Any]]) -> str:
    """Say by which command and on what."""
    if not found:
        return "\nNot measured yet.\n"
    last = found[-1]
    return f"\n`{last['command']}` (commit {last['commit'][:7]}, {last['threads']} CPU cores, torch {last['torch']}).\n"


def bench(*names: str) -> str:
    """Show a bench: mean and deviation over seeds, rows named by what sets them apart.

    Of several benches the rows of all stand in one table: those that were measured by the first one's protocol, each
    row once.
    """
    return side_by_side_of([line for name in names for line in lines(name)])


def side_by_side_of(every: list[dict[str, Any]], figures: Sequence[str] = ()) -> str:
    """Show lines of benches in one table; see `bench`. `figures` are those shown, all that most have where none is."""
    once: dict[tuple[str, int], dict[str, Any]] = {}
    for line in every:
        if line["protocol"] == every[0]["protocol"]:
            once.setdefault((line["row"], line["seed"]), line)
    found = list(once.values())
    if not found:
        return made(found)
    rows: dict[str, list[Report]] = {}
    for line in found:
        rows.setdefault(line["row"], []).append(Report.from_json(line))
    parts = {row: re.split(r"[:,](?=\w+)", row) for row in rows}
    common = set.intersection(*(set(split) for split in parts.values()))
    called = {
        row: " ".join(part for part in split if part not in common) or "the preset" for row, split in parts.items()
    }
    images, size = found[0]["config"]["images"], found[0]["protocol"]["size"]
    shown = list(figures) or columns([reports[0] for reports in rows.values()])
    text = side_by_side({called[row]: reports for row, reports in rows.items()}, shown)
    return (
        text
        + f"\n\n{images:,} {shown_to(found[0]['protocol'], size)}; mean and deviation over seeds.\n"
        + "\n".join(map(made_by, {line["command"]: line for line in found}.values()))
    )


BESIDE = {
    "controlgan": ("attngan:avatars:size=32", "controlgan:avatars:size=32"),
    "leicagan": ("leicagan:avatars:size=32",),
}
"""Rows of other benches, of the same protocol, that stand in the table of all."""
OF_ALL = (
    "attributes", "all asked", "R-precision", "R-precision, own", "fid[judge:avatars32]", "recall[judge:avatars32]",
    "diversity, judge", "memorised", "million parameters",
)  # fmt: skip


def beside() -> str:
    """Show all systems that draw avatars from captions, on the same data, by the judge that ships."""
    others = [line for name, rows in BESIDE.items() for line in lines(name) if line["row"] in rows]
    every = [line for line in [*lines("beside"), *others] if line["seed"] == 0 or line["system"] == "stackgan"]
    captioned_first = sorted(
        every, key=lambda line: ("R-precision" not in line["figures"], -line["figures"]["attributes"]["value"])
    )
    return side_by_side_of(captioned_first, OF_ALL)


def shown_to(p: dict[str, Any], size: int) -> str:
    """Say what a bench's rows were shown and measured on, by their protocol."""
    if p.get("kind") == "sentences":
        return (
            f"sentences shown to each, {p['pictures']:,} written and as many real ones beside them, compared with "
            f"{p['reference']:,} other held-out ones"
        )
    if p.get("kind") == "layouts":
        return f"layouts shown to each, {p['pictures']:,} held-out ones"
    asked = f"{p['stories']:,} held-out stories" if p.get("stories") else f"{p['pictures']:,} held-out captions"
    return f"pictures seen by each, {size} pixels, {asked}, judge {p['judge']}"


def textkd() -> str:
    """Show IWGAN and TextKD-GAN side by side, and how sure each autoencoder was of what it wrote."""
    sure: dict[str, list[dict[str, float]]] = {}
    for line in lines("textkd"):
        if line["sureness"]:
            sure.setdefault(line["config"]["teacher"], []).append(line["sureness"])
    rows = [
        [teacher, *(f"{sum(one[when] for one in some) / len(some):.3f}" for when in ("first", "last"))]
        for teacher, some in sure.items()
    ]
    head = ["teacher", "mean of its largest probability, at first", "at the end"]
    return bench("textkd") + ("\n" + table(head, rows) if rows else "")


COLOURED = ("skin_tone", "background")
"""Attributes that are colours though their names do not say so."""


def leicagan() -> str:
    """Show LeicaGAN by its priors, and what each draws rightly of colours and of shapes."""
    found = lines("leicagan")
    if not found:
        return made(found)
    rows: dict[str, list[dict[str, float]]] = {}
    for line in found:
        rows.setdefault(line["config"]["prior"], []).append(line["details"]["attributes"])

    def share(some: list[dict[str, float]], coloured: bool) -> str:
        return mean([v for one in some for key, v in one.items() if is_colour(key) == coloured])

    def is_colour(key: str) -> bool:
        return key.endswith("_colour") or key in COLOURED

    cells = [[f"prior={prior}", share(some, True), share(some, False)] for prior, some in rows.items()]
    names = sorted(next(iter(rows.values()))[0])
    told = f"\nColours: {', '.join(filter(is_colour, names))}; means over attributes.\n"
    return bench("leicagan") + "\n" + table(["attributes right", "colours", "shapes and kinds"], cells) + told


CHATTING = ("attributes", "answered", "objects", "nothing added", "R-precision", "fid", "recall", "million parameters")
"""Figures of rows that draw from dialogues, as their names begin."""


BY_TURNS = (
    "answered by turns said",
    "answered of what is said",
    "answered of what is withheld",
    "the same by the caption alone",
)
"""Details of such rows."""


def chatpainter() -> str:
    """Show what a dialogue is worth: the figures of each row, and `answered` by how many turns were said."""
    found = lines("chatpainter")
    if not found:
        return made(found)
    rows: dict[str, list[Report]] = {}
    for line in found:
        long = ", reads long texts" if line["config"]["long"] else ""
        rows.setdefault(f"dialogue={line['config']['dialogue']}{long}", []).append(Report.from_json(line))
    known = dict.fromkeys(name for reports in rows.values() for report in reports for name in report.figures)
    shown = [name for begin in CHATTING for name in known if name == begin or name.startswith(begin + "[")]
    text = side_by_side(rows, shown) + "\n"
    for part in BY_TURNS:
        levels = list(dict.fromkeys(n for reports in rows.values() for r in reports for n in r.details.get(part, {})))
        cells = [
            [name, *(mean([r.details[part][n] for r in reports if n in r.details.get(part, {})]) for n in levels)]
            for name, reports in rows.items()
        ]
        text += "\n" + table([f"{part}:", *(f"{level} turns" for level in levels)], cells)
    c, p = found[0]["config"], found[0]["protocol"]
    seen = f"{c['images']:,} pictures in stage I and {c['second_images']:,} in stage II"
    told = f"\n{seen}, {c['size']} pixels, {p['pictures']:,} held-out dialogues, judge {p['judge']}.\n"
    return text + told + "\n".join(map(made_by, {line["command"]: line for line in found}.values()))


PLACES = ("place IoU", "key points", "attributes", "all asked", "R-precision", "fid", "recall", "million parameters")
"""Figures of rows that are told a place, as their names begin."""


def placed() -> str:
    """Show what a place is worth: rows told none, a box, key points; and drawings with the eyes alone given."""
    found = lines("placed")
    if not found:
        return made(found)
    rows: dict[str, list[Report]] = {}
    for line in found:
        by = line["config"].get("by", "none")
        rows.setdefault(
            {"box": "GAWWN, told a box", "points": "GAWWN, told key points"}.get(by, "GAN-INT-CLS, no place"), []
        ).append(Report.from_json(line))
    known = dict.fromkeys(name for reports in rows.values() for report in reports for name in report.figures)
    shown = [name for begin in PLACES for name in known if name == begin or name.startswith(begin + "[")]
    text = side_by_side(rows, shown) + "\n"
    first = next(iter(rows.values()))[0].figures
    floors = [
        f"{name} {first[name].floor:.3f}" for name in PLACES[:2] if name in first and first[name].floor is not None
    ]
    text += f"\nReal pictures shuffled among the requests get: {', '.join(floors)}.\n"
    names = ("eyes within a cell", "drawn points within a cell", "eyes moved by the completer")
    eyes = [[line["requests"], *(f"{line[name]:.3f}" for name in names)] for line in lines("placed_points")]
    text += "\n" + table(["requests with the eyes alone", *names], eyes) if eyes else ""
    c, p = found[0]["config"], found[0]["protocol"]
    seen = f"{c['images']:,} pictures seen by each, {c['size']} pixels"
    told = f"\n{seen}, {p['pictures']:,} held-out requests, judge {p['judge']}.\n"
    return text + told + "\n".join(map(made_by, {line["command"]: line for line in found}.values()))


def mean(values: list[float]) -> str:
    """Return the mean of the values of several seeds."""
    return f"{sum(values) / len(values):.3f}" if values else ""


LAYOUT_FIGURES = {
    "count nats": (".3f", "counts, nats"),
    "box nats": (".2f", "boxes, nats"),
    "counts within 1": (".1%", "counts within 1"),
    "IoU": (".3f", "IoU"),
    "rule violations": (".1%", "boxes that break a rule"),
    "odd layouts, AUC": (".3f", "odd layouts, AUC"),
}
"""Figures of layouts: how they are written, and in words."""


def layout_vae() -> str:
    """Show LayoutVAE and what it is compared with, beside the rules: mean over seeds, and deviation where several."""
    found = lines("layout_vae")
    if not found:
        return made(found)
    last = found[-1]
    same = [line for line in found if all(line[one] == last[one] for one in ("layouts", "images", "held_out"))]
    names = [name for name in LAYOUT_FIGURES if name in last["figures"]]

    def cell(row: str, name: str, place: int) -> str:
        values = [line["figures"][name][place] for line in same if row in ("", line["row"])]
        form, numbers = LAYOUT_FIGURES[name][0], [value for value in values if value is not None]
        spread = f" ± {format(statistics.stdev(numbers), form)}" if row and len(numbers) > 1 else ""
        return format(statistics.fmean(numbers), form) + spread if numbers else ""

    rows = [[row, *(cell(row, name, 0) for name in names)] for row in dict.fromkeys(line["row"] for line in same)]
    rows.append(["the rules", *(cell("", name, 1) for name in names)])
    seeds = len({line["seed"] for line in same})
    about = f"{last['layouts']:,} layouts, {last['images']:,} shown in each phase, {last['held_out']:,} held out; "
    about += (
        f"mean{' and deviation' if seeds > 1 else ''} over {seeds} seed{'s' if seeds > 1 else ''}; nats a layout.\n"
    )
    return table(["", *(LAYOUT_FIGURES[name][1] for name in names)], rows) + "\n" + about + made(same)


LAYER_FIGURES = {
    "attributes": (".1%", "attributes right"),
    "all asked": (".1%", "all right"),
    "attribute cosine": (".4f", "cosine"),
    "pixel error": (".4f", "pixel error"),
    "fid": (".2f", "fid"),
    "recall": (".3f", "recall"),
    "ground follows z_B": (".1%", "ground follows z_B"),
    "figure stays": (".1%", "figure stays"),
    "completion, found": (".4f", "error in the hole, found"),
    "completion, by the encoders alone": (".4f", "by the encoders alone"),
    "completion, drawn of the attributes alone": (".4f", "of attributes alone"),
    "ms a picture": (".1f", "ms a picture"),
    "ms a step of the descent": (".1f", "ms a step"),
}
"""Figures of systems in layers: how they are written, and in words."""


def layers() -> str:
    """Show Attribute2Image in one layer and in two beside the nearest training picture: means over seeds."""
    found = lines("layers")
    if not found:
        return made(found)
    last = found[-1]
    same = [line for line in found if all(line[one] == last[one] for one in ("images", "size", "width", "pictures"))]
    rows = list(dict.fromkeys(line["row"] for line in same))

    def cell(row: str, name: str) -> str:
        values = [line["figures"][name] for line in same if line["row"] == row and name in line["figures"]]
        return format(statistics.fmean(values), LAYER_FIGURES[name][0]) if values else ""

    names = [name for name in LAYER_FIGURES if any(name in line["figures"] for line in same)]
    text = table(["", *rows], [[LAYER_FIGURES[name][1], *(cell(row, name) for row in rows)] for name in names])
    errors = {line["row"]: line["posterior"] for line in same if "posterior" in line}
    if errors:
        steps = list(next(iter(errors.values())))
        cells = [[row, *(f"{error[step]:.4f}" for step in steps)] for row, error in errors.items()]
        text += "\n" + table(["posterior error after", *steps], cells)
    seeds = len({line["seed"] for line in same})
    about = f"{last['images']:,} pictures shown to each, {last['size']} pixels, {last['pictures']:,} held out; "
    about += f"mean over {seeds} seed{'s' if seeds > 1 else ''}; judge {last['judge']}; the ground is not asked for.\n"
    return text + "\n" + about + made(same)


STACKED = ("attributes", "all asked", "R-precision", "fid", "recall", "diversity, judge", "high-frequency power")
"""Figures of rows that draw from sentences in layers, as their names begin."""
SWAPPED = ("ground follows z_B", "figure stays")


def stacking() -> str:
    """Show StackGAN, Stacking VAE and GAN, and parts of it: means and deviations over seeds."""
    found = lines("stacking")
    if not found:
        return made(found)
    last = found[-1]
    same = [line for line in found if all(line[one] == last[one] for one in ("images", "size", "width", "pictures"))]
    rows: dict[str, list[Report]] = {}
    for line in same:
        rows.setdefault(line["row"], []).append(Report.from_json(line["report"]))
    known = dict.fromkeys(name for reports in rows.values() for report in reports for name in report.figures)
    shown = [name for begin in STACKED for name in known if name == begin or name.startswith(begin + "[")]
    text = side_by_side(rows, shown) + "\n\n"
    swaps = {row: [line["figures"] for line in same if line["row"] == row] for row in rows}
    cells = [
        [row, *(f"{statistics.fmean(one[name] for one in some):.1%}" for name in SWAPPED)]
        for row, some in swaps.items()
        if SWAPPED[0] in some[0]
    ]
    text += table(["z_B of another seed", *SWAPPED], cells) if cells else ""
    about = (
        f"{last['images']:,} pictures in each stage, {last['size']} pixels, {last['pictures']:,} held-out captions; "
    )
    return text + "\n" + about + f"judge {last['judge']}.\n" + made(same)


DRIVEN = {
    "attributes": (".1%", "attributes right"),
    "all asked": (".1%", "all right"),
    "things": (".1%", "things right in all"),
    "R-precision": (".1%", "R-precision"),
    "fid": (".2f", "fid"),
    "recall": (".3f", "recall"),
    "own phrase": (".1%", "attention on the own phrase"),
    "own phrase, even": (".1%", "the same, even"),
}
"""Figures of rows that draw layouts first, as their names begin: how they are written, and in words."""
DRIVEN_ROWS = {"attngan": "AttnGAN", "no-attention": "without object attention", "no-critic": "without object critic",
               "full": "Obj-GAN"}  # fmt: skip


def object_driven() -> str:
    """Show Obj-GAN beside AttnGAN and parts of itself, with layouts of its own and true ones: means over seeds."""
    found, text = lines("object_driven"), ""
    if not found:
        return made(found)
    for data in dict.fromkeys(line["data"] for line in found):
        own = [line for line in found if line["data"] == data]
        last = own[-1]
        same = [line for line in own if all(line[one] == last[one] for one in ("images", "size", "width", "pictures"))]
        parts: dict[tuple[str, str], list[dict[str, float]]] = {}
        for line in same:
            parts.setdefault((line["row"], line["layout"]), []).append(line["figures"])
        known = {name for some in parts.values() for one in some for name in one}
        names = [(name, key) for name in DRIVEN for key in sorted(known) if key.split("[")[0] == name]
        rows = []
        for (row, layout), some in parts.items():
            cells = [
                format(statistics.fmean(one[key] for one in some), DRIVEN[name][0]) if key in some[0] else ""
                for name, key in names
            ]
            rows.append([DRIVEN_ROWS[row], layout or "none", *cells])
        seeds = len({line["seed"] for line in same})
        about = f"{data}: {last['images']:,} pictures shown to each, {last['size']} pixels, {last['pictures']:,} held "
        about += f"out; mean over {seeds} seed{'s' if seeds > 1 else ''}; judge {last['judge']}.\n"
        text += table(["", "layout", *(DRIVEN[name][1] for name, _ in names)], rows) + "\n" + about + made(same) + "\n"
    return text


def on_a_core(found: list[dict[str, Any]]) -> str:
    """Say by which commands, where the artist has a core and all else what is left."""
    r, commands = found[-1], ",\n".join(f"`{one['command']}`" for one in found)
    cores = f"an artist on one of {r['cores']} CPU cores, its clients on the rest"
    return f"\n{commands} (commit {r['commit'][:7]}, {cores}, torch {r['torch']}).\n"
