"""Write the tables of README and docs from results/*.jsonl: no published number is typed.

    python benchmarks/tables.py            # rewrite the blocks
    python benchmarks/tables.py --check    # exit 1 where one is out of date

A block begins with `<!-- table: NAME -->` and ends with `<!-- /table -->`.
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Callable
from typing import Any

from climbing_tables import climbing_mmvr, climbing_ppgn, climbing_speed
from comparisons import (
    ROOT,
    bench,
    beside,
    chatpainter,
    layers,
    layout_vae,
    leicagan,
    lines,
    made,
    made_by,
    object_driven,
    on_a_core,
    placed,
    stacking,
    table,
    textkd,
)
from hierarchy_tables import hierarchy

from limner.cli.judge import pictures_of
from limner.evaluation.report import Report

BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- /table -->)", re.DOTALL)


SHORT = {
    "attributes": "attributes drawn, of those the caption speaks of (mean over attributes)",
    "all asked": "drawings that show all their caption speaks of",
    "R-precision": "own caption first of 100, by the judge",
    "memorised": "nearer to a training picture than 99 % of real ones are",
}
"""Figures of the README, in words."""


def shipped() -> str:
    """Show in four lines what the judge says of the shipped checkpoint."""
    found = lines("shipped")[-1:]
    if not found:
        return made(found)
    report = Report.from_json(found[0])
    rows = []
    for name, told in SHORT.items():
        figure = report.figures[name]
        real = f"{figure.real:.1%}" if figure.real is not None else ""
        rows.append([told, f"**{figure.value:.1%}**", real, "" if figure.floor is None else f"{figure.floor:.1%}"])
    head = [f"over {report.protocol.pictures:,} held-out captions", "drawn", "real pictures", "not listening"]
    trained = report.trained
    seen = f"\nThe last of its trainings, {trained['images']:,} pictures: `{trained['command']}`.\n"
    return table(head, rows) + seen + made_by(found[0])


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


def rendering() -> str:
    """How fast the clevr world is rendered."""
    found = lines("clevr")[-1:]
    head = ["size", "pictures a second a core", "52,000 pictures on two cores"]
    rows = [
        [r["size"], r["pictures_per_second_a_core"], f"{r['projected_minutes_for_52000']:.0f} minutes (projected)"]
        for r in found
    ]
    return table(head, rows) + made(found)


def judge(name: str) -> str:
    """What a shipped judge gets right on real held-out pictures."""
    folder = ROOT / "src" / "limner" / "evaluation" / "judges" / name
    about = json.loads((folder / "system.json").read_text())
    shares = about["trained"]["held out"]
    rows = [[told, f"{share:.4f}"] for told, share in by_kind(shares).items()]
    size = (folder / "weights.safetensors").stat().st_size / 1e6
    told = f"\nThe shipped judge of {name}: {size:.1f} MB, trained on {about['trained']['images']:,} pictures (seed "
    return table(["on real held-out pictures", "right"], rows) + told + f"{about['trained']['seed']}).\n"


def judges(*names: str) -> str:
    """Show shipped judges side by side: what each gets right on real held-out pictures."""
    folder = ROOT / "src" / "limner" / "evaluation" / "judges"
    found = {name: json.loads((folder / name / "system.json").read_text()) for name in names}
    kinds = [f"{about['config'].get('arch', 'residual')}, {about['config']['size']} pixels" for about in found.values()]
    shares = [about["trained"]["held out"] for about in found.values()]
    rows = [[share, *(f"{one[share]:.4f}" for one in shares)] for share in shares[0]]
    rows.append(["pictures it was trained on", *(f"{about['trained']['images']:,}" for about in found.values())])
    head = ["right on real held-out pictures", *(f"`{name}` ({kind})" for name, kind in zip(names, kinds, strict=True))]
    return table(head, rows)


def by_kind(shares: dict[str, float]) -> dict[str, float]:
    """Return shares as they are or, where things at many places have the same kinds of attributes, their means."""
    if len(shares) < 40:
        return shares
    kinds: dict[str, list[float]] = {}
    for name, share in shares.items():
        kinds.setdefault(f"{name.rpartition(' ')[2]}, mean over places" if " " in name else name, []).append(share)
    return {kind: sum(found) / len(found) for kind, found in kinds.items()}


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


OBEYING = (
    "attributes",
    "all asked",
    "edits obeyed",
    "identity",
    "rewording",
    "diversity within captions, pixels",
    "diversity within captions, judge",
    "high-frequency power",
)
"""Figures of how an artist obeys: what is said is there, nothing else moves, and what is left open differs."""


def obeying(name: str) -> str:
    """Show how the artist of the last report of results/NAME.jsonl obeys; how fast it draws is measured elsewhere."""
    found = lines(name)[-1:]
    if not found:
        return made(found)
    report = Report.from_json(found[0])
    chosen = {figure: report.figures[figure] for figure in OBEYING if figure in report.figures}
    text = dataclasses.replace(report, figures=chosen, flags=report.flags[-1:]).markdown()
    return f"`{report.artist}`, {pictures_of(report)}.\n\n{text}\n" + made_by(found[0])


def training(name: str = "training") -> str:
    """Show how training speed grows, switch by switch."""
    found = list({r["system"]: r for r in lines(name)}.values())
    if not found:
        return made(found)
    text = ""
    for r in found:
        rows = [[name, rate, f"{r['ratio'][name]:.2f}"] for name, rate in r["images_per_second"].items()]
        base, ours = r["peak_mb"].values()
        on = f" on {r['processor']}" if "processor" in r else ""
        text += f"`{r['system']}`, batch {r['batch']}{on}\n\n" + table(["", "images a second", "ratio"], rows) + "\n"
        if "lazy_penalty_ratio" in r:
            text += f"A lazy penalty in the place of one at every step: {r['lazy_penalty_ratio']:.2f} times as fast. "
        text += f"Peak memory: {base:,} MB in the first row, {ours:,} MB Limner.\n"
        if "page_faults" in r:
            base, ours = r["page_faults"].values()
            text += f"Page faults of a step: {base:,} in the first row, {ours:,} Limner.\n"
        text += "\n"
    return text.rstrip("\n") + "\n" + made(found)


def processes() -> str:
    """Show what a step costs with two processes."""
    found = list({r["system"]: r for r in lines("processes")}.values())
    head = ["system", "step, 1 process", "step, 2 processes", "speed-up", "share of averaging gradients"]
    rows = [
        [f"`{r['system']}`", f"{r['one_process_ms']} ms", f"{r['two_processes_ms']} ms", r["speed_up"],
         f"{r['averaging_share']:.1%}"]
        for r in found
    ]  # fmt: skip
    return (table(head, rows) if found else "") + made(found)


def attention() -> str:
    """Show where attention of the last checkpoint that was measured falls."""
    found = lines("attention")[-1:]
    return (attention_table(found[0]) if found else "") + made(found)


def attention_table(figures: dict[str, Any]) -> str:
    """Show for each word how much of its attention lies inside the box of its part."""
    rows = [
        [word, f["part"], f["captions"], f"{f['inside']:.1%}", f"{f['even']:.1%}", f"{f['others']:.1%}",
         f"{f['ratio']:.2f} ({f['interval'][0]:.2f} to {f['interval'][1]:.2f})"]
        for word, f in figures["words"].items()
    ]  # fmt: skip
    head = ["word", "part", "captions", "inside its box", "spread evenly", "other words", "inside / evenly (95 %)"]
    said = f"\n`{figures['artist']}`, {figures['captions']:,} held-out captions.\n"
    return table(head, rows) + said


def cascade_step() -> str:
    """Show what a training step of AttnGAN at paper scale costs."""
    found = list({(r["batch"], r["threads"]): r for r in lines("attngan")}.values())
    head = ["batch", "", "seconds a step", "times as fast", "peak memory", "of eager's"]
    rows = []
    for r in found:
        seconds, memory = r["seconds"], r["peak_mb"]
        for name, one in seconds.items():
            faster, leaner = seconds["eager"] / one, memory[name] / memory["eager"]
            rows.append([r["batch"], name, one, f"{faster:.2f}", f"{memory[name]:,} MB", f"{leaner:.2f}"])
    return (table(head, rows) if found else "") + made(found)


def cascade_speed() -> str:
    """Show how fast systems train and draw side by side, of the last run."""
    found = lines("cascade_speed")
    run = [r for r in found if (r["command"], r["commit"]) == (found[-1]["command"], found[-1]["commit"])]
    rows = [
        [f"`{r['system']}`", r["size"], r["batch"] or "by stage", r["train_images_per_s"], f"{r['relative_train']:.2f}",
         f"{r['draw_ms']} ms", f"{r['relative_draw']:.2f}"]
        for r in {r["system"]: r for r in run}.values()
    ]  # fmt: skip
    head = ["system", "size", "batch", "trained with, pictures a second", "ratio", "a drawing", "ratio"]
    return (table(head, rows) if rows else "") + made(run)


def chips() -> str:
    """Show how well drawings keep to what chips say."""
    found = lines("chips")[-1:]
    rows = [[name, f"{share:.1%}"] for r in found for name, share in r["means"].items()]
    head = [f"attributes drawn as told, of {found[0]['n']:,} drawings" if found else "", f"{found[0]['artist']}"]
    return (table(head, rows) if found else "") + made(found)


def tiles() -> str:
    """Show what stays of a picture when a tile is pressed."""
    found = lines("tiles")[-1:]
    if not found:
        return made(found)
    head = [f"{found[0]['artist']}, {found[0]['tiles']} tiles pressed", "all else stays", "what was pressed is there"]
    rows = [[way, f"{r['stays']:.1%}", f"{r['pressed']:.1%}"] for way, r in found[0]["ways"].items()]
    return table(head, rows) + made(found)


def keys() -> str:
    """Show what a key costs, by the server's clock, by a program that asks and in a browser."""
    asked = [r for r in lines("studio") if r["part"] == "keystrokes"][-1]
    pages = {r["page"]: r for r in lines("keystrokes")}
    names = {"studio": "in Chromium, the studio's page", "export": "in Chromium, an exported page without a server"}
    timed = [("the server's part", asked, "server_"), ("a program that asks over HTTP", asked, "")]
    timed += [(names[page], r, "") for page, r in sorted(pages.items(), reverse=True)]
    rows = [[name, *(r[f"{part}p{share}_milliseconds"] for share in (50, 95))] for name, r, part in timed]
    head = ["from a key to the picture of 64 pixels, ms", "median", "p95"]
    return table(head, rows) + on_a_core([asked, *pages.values()])


def page() -> str:
    """Show what the page promises, as a browser finds it."""
    kinds = ("visits", "presses", "pictures a second of a drag")
    visits, presses, drag = ([r for r in lines("page") if kind in r][-1] for kind in kinds)
    rows = [
        ["first pictures that show all their words", visits["first pictures with all words"], visits["visits"]],
        ["presses at random whose words and pixels Back restores", presses["restored"], presses["presses"]],
        ["pictures a second while a slider of Morph is dragged", drag[kinds[2]], ""],
    ]
    return table(["in Chromium, the studio's page", "", "of"], rows) + on_a_core([visits, presses, drag])


def crowd() -> str:
    """Show many clients at once."""
    parts = {r["part"]: r for r in lines("studio")}
    load, queue = parts["load"], parts["queue"]
    rows = [
        [name, r["pictures_a_second"], f"{r['p50_milliseconds']} ms", f"{r['p95_milliseconds']} ms",
         ", ".join(f"{status}: {count:,}" for status, count in r["statuses"].items()), r["lost"]]
        for name, r in (("batched", load["batched"]), ("one by one", load["one_by_one"]), ("queue too short", queue))
    ]  # fmt: skip
    head = [
        f"{load['clients']} clients, {load['seconds']:g} s",
        "pictures a second",
        "median",
        "p95",
        "answers",
        "lost",
    ]
    told = (
        f"\nBatched against one by one: {load['throughput_ratio']:.2f} times the pictures. Memory of the server at the "
    )
    memory = ", ".join(f"{size} MB" for size in load["batched"]["memory_megabytes"])
    return table(head, rows) + told + f"start, in the middle and at the end: {memory}.\n" + on_a_core([load])


def newcomer() -> str:
    """Show a newcomer's clock: what was typed, and when it was done."""
    found = lines("newcomer")[-1:]
    if not found:
        return made(found)
    last = found[0]
    rows = [[f"`{step['typed']}`", f"{step['seconds']:.0f} s", f"{step['since']:.0f} s"] for step in last["steps"]]
    load = f"\nBefore it began {last['load_before']} processes wanted the {last['cores']} cores.\n"
    return table(["typed", "took", "done after"], rows) + load + made(found)


TABLES: dict[str, Callable[[], str]] = {
    "shipped": shipped,
    "drawing": drawing,
    "world": world,
    "newcomer": newcomer,
    "training": training,
    "training_since": lambda: training("training_since"),
    "processes": processes,
    "attention": attention,
    "attngan_step": cascade_step,
    "rendering": rendering,
    "chips": chips,
    "tiles": tiles,
    "keys": keys,
    "page": page,
    "crowd": crowd,
    "judge": lambda: judge("avatars"),
    "judges": lambda: judges("avatars", "avatars32", "avatars-mixer"),
    "judge_clevr": lambda: judge("clevr"),
    "judge_layouts": lambda: judge("layouts"),
    "stories_report": lambda: reported("stories_shipped"),
    "attngan_report": lambda: reported("attngan_shipped"),
    "controlgan_report": lambda: reported("controlgan_shipped"),
    "attribute2image_report": lambda: reported("attribute2image_shipped"),
    "ppgn_report": lambda: reported("ppgn_shipped"),
    "faces_report": lambda: reported("faces_shipped"),
    "stories": lambda: bench("stories"),
    "t2f": lambda: bench("t2f"),
    "cascades": lambda: bench("cascades"),
    "chatpainter": chatpainter,
    "layers": layers,
    "stacking": stacking,
    "layout_vae": layout_vae,
    "hierarchy": hierarchy,
    "kit": lambda: bench("kit"),
    "retell": lambda: bench("retell"),
    "cascade_speed": cascade_speed,
    "shipped_report": lambda: reported("shipped"),
    "first_recipe": lambda: obeying("first_recipe"),
    "anime_report": lambda: reported("anime_eval"),
    "variants": lambda: bench("variants"),
    "ingredients": lambda: bench("ingredients"),
    "fusedgan": lambda: bench("fusedgan"),
    "controlgan": lambda: bench("controlgan"),
    "beside": beside,
    "leicagan": leicagan,
    "textkd": textkd,
    "placed": placed,
    "object_driven": object_driven,
    "climbing": climbing_ppgn,
    "climbing_mmvr": climbing_mmvr,
    "climbing_speed": climbing_speed,
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
