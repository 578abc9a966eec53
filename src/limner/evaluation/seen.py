"""What is seen in a drawn picture: the values that a judge which ships with Limner names, in words of the artist's.

Letters: B pictures, S the judge's side, A attributes.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from limner import checkpoint
from limner.blocks.export import B, Runs
from limner.data.schema import Schema
from limner.evaluation.judge import values_of
from limner.evaluation.protocol import NamedJudge, floats
from limner.system import ExportPart

JUDGES = Path(__file__).parent / "judges"
PART, PICTURE, NAMED, CERTAINTY = "judge", "picture", "named", "certainty"


def judge_of(schema: Schema) -> str | None:
    """Return the judge that ships and knows all values of an artist's attributes; None where there is none.

    Of several the one whose pictures are as large as the artist's, or nearly so, and then the first by name.
    """
    wanted = schema.attributes
    if not wanted:
        return None
    fitting = [
        (abs(known.size - schema.size), name)
        for name, known in _shipped().items()
        if all(set(values) <= set(known.attributes.get(attribute, ())) for attribute, values in wanted.items())
    ]
    return min(fitting)[1] if fitting else None


def see(name: str, images: Sequence[Image.Image], schema: Schema) -> list[dict[str, str]]:
    """Return the value of each of an artist's attributes that a judge names in RGB pictures of any size."""
    return [values for values, _ in see_with_certainty(name, images, schema)]


def see_with_certainty(
    name: str, images: Sequence[Image.Image], schema: Schema
) -> list[tuple[dict[str, str], dict[str, float]]]:
    """Name values as `see` does, each with its probability by the judge: two of {attribute: ...} for each picture."""
    judge = _loaded(name)
    pixels = torch.stack([torch.from_numpy(np.array(image)).permute(2, 0, 1) for image in images])
    with torch.no_grad():
        logits = judge.network.attribute_logits(judge.features(floats(pixels)))
    sure = [one.softmax(dim=1).max(dim=1) for one in logits]
    found = []
    for row in range(len(images)):
        rows = zip(judge.network.values.items(), sure, strict=True)
        wanted = [(attribute, known, one) for (attribute, known), one in rows if attribute in schema.attributes]
        values = {attribute: known[int(one.indices[row])] for attribute, known, one in wanted}
        found.append((values, {attribute: float(one.values[row]) for attribute, _, one in wanted}))
    return found


def part_of(name: str) -> tuple[ExportPart, Mapping[str, Sequence[str]]]:
    """Return a judge as a net, and the values that it knows.

    The net maps pictures (B, 3, S, S) in [-1, 1] to numbers of values and their probabilities, two of (B, A).
    """
    network = _loaded(name).network

    def named(images: Tensor) -> tuple[Tensor, Tensor]:
        logits = network.attribute_logits(network.encode(images).relu())
        shares = [one.softmax(dim=1).amax(dim=1) for one in logits]
        return torch.stack([one.argmax(dim=1) for one in logits], dim=1), torch.stack(shares, dim=1)

    side = network.config.size
    given = {PICTURE: torch.zeros(B, 3, side, side)}
    return ExportPart(Runs(named, [network]), given, (NAMED, CERTAINTY)), network.values


def side_of(name: str) -> int:
    """Return the side of the pictures that a judge sees, in pixels."""
    return _loaded(name).network.config.size


@functools.cache
def _shipped() -> Mapping[str, Schema]:
    """Return the schemas of the judges that ship, by their names."""
    folders = [folder for folder in sorted(JUDGES.iterdir()) if (folder / checkpoint.RECORD).is_file()]
    found = {folder.name: Schema.from_json(json.loads((folder / "schema.json").read_text())) for folder in folders}
    return {name: schema for name, schema in found.items() if values_of(schema)}


@functools.cache
def _loaded(name: str) -> NamedJudge:
    judge = NamedJudge.load(name)
    judge.network.eval()
    return judge
