"""The model card of a checkpoint, by huggingface_hub's own classes, so that the Hub reads it as it is meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from limner.errors import UserError

if TYPE_CHECKING:
    from limner.system import System

SAMPLES = "grid.png"
"""File beside the card that it shows."""
_HUB_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")
_ARROWS = {1: " ↑", -1: " ↓"}


def write(
    record: Mapping[str, Any],
    system: System,
    *,
    name: str = "",
    licence: str = "",
    samples: bool = False,
    figures: Mapping[str, Any] | None = None,
) -> str:
    """Return the text of README.md.

    Args:
        record: what `system.json` is to say.
        system: that is published.
        name: how it is loaded, a Hub id; in words where nobody knows yet.
        licence: of the weights, as the Hub spells it ("mit", "cc-by-4.0"); nothing is said where it is empty.
        samples: whether there is a sheet of samples.
        figures: a report of `limner eval` as JSON values (`Report.to_json`); they are the card's evaluation results.

    Raises:
        UserError: the figures are no report.
    """
    from huggingface_hub import ModelCard, ModelCardData

    data = str(record["trained"].get("data", ""))
    task = task_of(system)
    try:
        results = _results(figures, task) if figures else None
        measured = _measured(figures) if figures else []
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"the figures are no report of `limner eval` ({error!r:.60})") from None
    about = ModelCardData(
        license=licence or None,
        library_name="limner",
        pipeline_tag=task,
        tags=["gan", str(record["system"])],
        datasets=[data] if _HUB_ID.fullmatch(data) else None,
        model_name=(name.rpartition("/")[2] or str(record["system"])) if results else None,
        eval_results=results,
    )
    parts = [_head(record, system), ["![samples](grid.png)"] if samples else [], _trained(record), measured]
    parts += [_asked(system), _use(system, name or "THIS FOLDER OR HUB ID"), _terms(licence)]
    body = "\n\n".join("\n".join(lines) for lines in parts if lines)
    return str(ModelCard(f"---\n{about.to_yaml()}\n---\n{body}\n"))


def task_of(system: System) -> str | None:
    """Return what the Hub calls what a system does; None where it has no name for it, as for a judge."""
    if "images" in system.gives:
        return "text-to-image" if any(kind.asks for kind in system.kinds) else "unconditional-image-generation"
    return "text-generation" if "text" in system.gives else None


def _head(record: Mapping[str, Any], system: System) -> list[str]:
    paper, side = record["paper"], record["config"].get("size", system.schema.size)
    where = f", https://arxiv.org/abs/{paper['arxiv']}" if paper.get("arxiv") else ""
    return [
        f"# A {record['system']} trained with Limner",
        "",
        f"{paper['title']} ({paper['authors']}, {paper['year']}{where}).",
        f"{record['parameters']:,} numbers, pictures of {side} pixels.",
    ]


def _trained(record: Mapping[str, Any]) -> list[str]:
    rows = [f"- {name}: {_short(value)}" for name, value in record["trained"].items()]
    omitted = [f"- left out, since nothing but training needs it: {', '.join(record['omitted'])}"]
    return ["## Trained", "", *(rows or ["- not recorded"]), *(omitted if record["omitted"] else [])]


def _short(value: Any) -> str:
    """Return a value as text; of numbers by name, which may be hundreds, how many there are."""
    if isinstance(value, Mapping) and len(value) > 8:
        return f"{len(value)} figures, see system.json"
    return ", ".join(f"{key} {_short(one)}" for key, one in value.items()) if isinstance(value, Mapping) else str(value)


def _measured(report: Mapping[str, Any]) -> list[str]:
    protocol = report["protocol"]
    on = f"{protocol['pictures']:,} held-out requests of {protocol['data']} at {protocol['size']} pixels"
    lines = ["## Measured", "", f"By `limner eval`: {on}, seed {protocol['seed']}, judge {protocol['judge']}.", ""]
    lines += ["| figure | value | real pictures |", "|---|---:|---:|"]
    for name, figure in report["figures"].items():
        real = "" if figure.get("real") is None else f"{figure['real']:.4g}"
        lines.append(f"| {name}{_ARROWS.get(figure.get('better', 1), '')} | {figure['value']:.4g} | {real} |")
    return lines


def _results(report: Mapping[str, Any], task: str | None) -> list[Any]:
    from huggingface_hub import EvalResult

    data = str(report["protocol"]["data"])
    return [
        EvalResult(
            task_type=task or "other",
            dataset_type=data,
            dataset_name=data,
            dataset_split=str(report["protocol"].get("split", "test")),
            metric_type=re.sub(r"[^a-z0-9]+", "-", name.partition("[")[0].lower()).strip("-"),
            metric_name=name,
            metric_value=float(f"{figure['value']:.6g}"),
        )
        for name, figure in report["figures"].items()
    ]


def _asked(system: System) -> list[str]:
    examples = [f"- {text}" for text in system.schema.examples[:3]]
    return ["## What one can ask", "", *examples] if examples and system.gives else []


def _use(system: System, name: str) -> list[str]:
    if not system.gives:
        return ["## Use", "", "It draws nothing: it measures what others draw.", "", "```",
                f"limner eval ARTIST --data DATA --judge {name}", "```"]  # fmt: skip
    prompt = "'...', " if any(kind.asks for kind in system.kinds) else ""
    return ["## Draw", "", "```python", "import limner", "", f"artist = limner.load({name!r})",
            f"artist.draw({prompt}n=4, seed=7)", "```"]  # fmt: skip


def _terms(licence: str) -> list[str]:
    return ["## Licence", "", f"The weights: {licence}."] if licence else []
