"""Tables of results/climbing.jsonl, for `benchmarks/tables.py`."""

from __future__ import annotations

from typing import Any

from comparisons import lines, made, table


def of(part: str) -> list[dict[str, Any]]:
    """Return the lines of a part, the last one of each row."""
    return list({line["row"]: line for line in lines("climbing") if line["part"] == part}.values())


def climbing_ppgn() -> str:
    """Show what each epsilon gives, other conditions, and in-painting."""
    found = of("ppgn")
    if not found:
        return made(found)
    rows = []
    for line in found:
        figures, own = line["figures"], line["own"]
        rows.append([
            line["row"], f"{figures['attributes']:.3f}", f"{figures['all asked']:.3f}", f"{figures['fid']:.1f}",
            f"{own[0][1]:.3f}" if len(own) > 1 else "", f"{own[-1][1]:.3f}",
        ])  # fmt: skip
    head = [
        "",
        "attributes",
        "all asked",
        "fid",
        f"own captioner, step {max(one['own'][0][0] for one in found)}",
        "at the end",
    ]
    text = table(head, rows)
    for line in found:
        if "shuffled" in line["figures"]:
            text += f"\nReal pictures of other captions: attributes {line['figures']['shuffled']:.3f}.\n"
        if "outside" in line:
            text += (
                f"\nIn-painting: {line['known']:.0%} of the pixels are known, of which none differs by more than "
                f"{line['outside']:g}; in the hole the mean difference is {line['hole']:.3f} of 2.\n"
            )
    last = found[-1]
    text += (
        f"\n{last['requests']} held-out captions, {last['size']} pixels, {last['steps']} steps; nats a word of the "
        f"caption by the own captioner; judge `{last['judge']}`. Pictures seen: E {last['text_images']:,}, captioner "
        f"{last['caption_images']:,}, G {last['images']:,}.\n"
    )
    return text + made(found)


def climbing_mmvr() -> str:
    """Show what the metric and several captions give."""
    found = of("mmvr")
    if not found:
        return made(found)
    names = ("attributes", "all asked", "fid", "re-described, BLEU-1", "re-described, BLEU-4")
    rows = [
        [line["row"], *(f"{line['figures'][name]:.3f}" if name in line["figures"] else "" for name in names)]
        for line in found
    ]
    return table(["", *names], rows) + made(found)


def climbing_speed() -> str:
    """Show how long a step and a picture take on one core."""
    found = of("speed")
    head = ["pictures", "size", "ms of processor time a step", "steps", "seconds a picture"]
    rows = [
        [line["row"], line["size"], line["milliseconds_a_step"], line["steps_of_a_picture"], line["seconds_a_picture"]]
        for line in found
    ]
    return (table(head, rows) if rows else "") + made(found)
