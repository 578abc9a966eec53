"""One ONNX file that draws from beginning to end, for programs: numbers of words and noise in, pictures out.

Letters: B pictures, S their side, T words of a text, L numbers of noise, N lines of a story.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from limner import __version__
from limner.blocks.export import B
from limner.blocks.vision.enlarger import Enlarger
from limner.drawing.artist import Artist
from limner.errors import UserError
from limner.export import enlarger, onnx, runner
from limner.files import make_folder, write_file
from limner.noise import RowNoise
from limner.requests import Request
from limner.system import ExportPart

KEY = "limner"
"""Under which the file's metadata says how it is used, as JSON."""
WORDS = "numbers of the words of one text: 2 + its place in `words`, or 1 where it is not among them"
LETTERS = "places of the text's letters in `rule.alphabet`, in lower case; elsewhere the length of that alphabet"
VALUES = "of each attribute of `rule.values`, in that order, 1 + the place of its value, 0 where it is left open"
GIVEN = {"word": WORDS, "letter": LETTERS, "attribute": VALUES}
NOISE = "from N(0, 1), a row a picture"


class PictureModel(nn.Module):
    """Encoder and generator in one: numbers (1, T) and noise (B, L) to pictures (B, S, S, 3), bytes."""

    def __init__(self, parts: Mapping[str, ExportPart]) -> None:
        super().__init__()
        self.nets = nn.ModuleDict({name: part.net for name, part in parts.items()})
        self.conditions = [name for name in parts["painter"].given if name != "noise"]
        self.last = max(place for place, name in enumerate(parts["painter"].gives) if name.startswith("image"))

    def forward(self, *given: Tensor) -> Tensor:
        noise, condition = given[-1], list[Tensor]()
        if self.conditions:
            codes = self.nets["reader"](given[0])
            some = codes if isinstance(codes, tuple) else (codes,)
            condition = [one.expand(noise.shape[0], *one.shape[1:]) for one in some]
        if "weight" in self.conditions:
            condition.append(torch.zeros_like(condition[-1][:, :, 0]))
        return in_bytes(self.nets["painter"](noise, *condition)[self.last])


class StoryModel(nn.Module):
    """A story of at most N lines: numbers of N lines, each (1, T), and noise (1, L) to pictures (N, S, S, 3), bytes."""

    def __init__(self, parts: Mapping[str, ExportPart]) -> None:
        super().__init__()
        self.nets = nn.ModuleDict({name: part.net for name, part in parts.items()})
        self.sizes, self.keeps = pieces(parts), "scene" in parts["painter"].given

    def forward(self, *given: Tensor) -> Tensor:
        *numbers, noise = given
        lines = torch.stack([self.nets["reader"](line) * (line > 0).any() for line in numbers], dim=1)
        chance, before, *each = noise.split(self.sizes, dim=1)
        mu, *states = self.nets["setting"](lines, chance, before)
        drawn = []
        for place, e in enumerate(each):
            scene = [lines[:, : place + 1]] if self.keeps else []
            image, *states = self.nets["painter"](e, lines, torch.tensor([place]), mu, *states, *scene)
            drawn.append(image)
        return in_bytes(torch.cat(drawn))


class EnlargerModel(nn.Module):
    """Pictures as the others give them, (B, S, S, 3), to r times as large ones, (B, r S, r S, 3), bytes."""

    def __init__(self, net: Enlarger) -> None:
        super().__init__()
        self.net = net

    def forward(self, *given: Tensor) -> Tensor:
        (small,) = given
        return in_bytes(self.net(small.permute(0, 3, 1, 2).float() / 127.5 - 1))


def in_bytes(images: Tensor) -> Tensor:
    """Turn pictures (B, 3, S, S) in [-1, 1] into bytes (B, S, S, 3), rounded as `limner.imaging.sheets.to_pil` does."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)


def pieces(parts: Mapping[str, ExportPart]) -> list[int]:
    """Return how many numbers each draw of noise takes, in the order of drawing; of a story, for N lines."""
    once = [sum(some.values()) for some in parts["painter"].noise.values()]
    if "setting" not in parts:
        return once
    before = [sum(some.values()) for some in parts["setting"].noise.values()]
    return before + once * parts["setting"].given["lines"].shape[1]


def joined(parts: Mapping[str, ExportPart]) -> ExportPart:
    """Return the part that is all of them."""
    length, gives = sum(pieces(parts)), ("pictures",)
    if "reader" not in parts:
        return ExportPart(PictureModel(parts), {"noise": torch.zeros(2, length)}, gives)
    example, rule = parts["reader"].given["numbers"], parts["reader"].rule
    if "setting" not in parts:
        return ExportPart(PictureModel(parts), {"numbers": example, "noise": torch.zeros(2, length)}, gives, rule=rule)
    count = parts["setting"].given["lines"].shape[1]
    lines = {f"line_{number}": example.clone() for number in range(1, count + 1)}
    return ExportPart(StoryModel(parts), {**lines, "noise": torch.zeros(1, length)}, gives, rule=rule)


def describe(artist: Artist, parts: Mapping[str, ExportPart]) -> dict[str, Any]:
    """Return what the file says of itself: what it is given, how a text becomes that, who drew."""
    reader, system = parts.get("reader"), artist.system
    by = GIVEN[reader.rule["by"]] if reader else ""
    given = dict.fromkeys(joined(parts).given, by)
    return {
        "inputs": {**given, "noise": NOISE},
        "outputs": {"pictures": "red, green and blue of each place, 0 to 255"},
        "noise": sum(pieces(parts)),
        "rule": dict(reader.rule) if reader else None,
        "words": list(system.schema.lexicon.words) if reader else [],
        "examples": list(artist.examples),
        "takes": system.kinds[0].kind(),
        "artist": artist.name,
        "system": artist.record["system"],
        "checkpoint": artist.sha256,
        "limner": __version__,
    }


def enlarger_beside(path: Path) -> Path:
    """Return where the enlarger of the artist in `path` lies."""
    return path.with_name(f"{path.stem}-enlarger.onnx")


def write(artist: Artist, path: str | Path) -> int:
    """Write an artist as one ONNX file, checked; return the largest difference from its own pictures, of 255.

    Its enlarger, where it carries one, is written beside it: `enlarger_beside`.

    Raises:
        UserError: where it cannot be exported, draws otherwise, or the file cannot be written: then there is none.
    """
    path = Path(path)
    if path.suffix != ".onnx":
        raise UserError(f"{path}: name the file {path.stem or 'artist'}.onnx")
    parts = onnx.parts_of(artist.system, artist.name)
    model_part = joined(parts)
    model = onnx.convert(model_part, {KEY: json.dumps(describe(artist, parts))})
    worst = check(artist, parts, onnx.sessions({"whole": model}))
    make_folder(path.absolute().parent)
    if artist.enlarger is not None:
        large = _enlarger(artist)
        run = onnx.sessions({enlarger.PART: large})
        worst = max(worst, enlarger.check(artist, lambda frame: _by_bytes(run, frame)))
        write_file(enlarger_beside(path), large)
    write_file(path, model)
    return worst


def _enlarger(artist: Artist) -> bytes:
    """Return the model of the enlarger, which says of itself whose it is."""
    assert artist.enlarger is not None
    side, size = artist.enlarger.small, artist.enlarger.size
    example = torch.zeros(B, side, side, 3, dtype=torch.uint8)
    part = ExportPart(EnlargerModel(artist.enlarger.net), {enlarger.SMALL: example}, (enlarger.LARGE,))
    about = {
        "inputs": {enlarger.SMALL: f"pictures of {side} x {side} as the artist's own file gives them"},
        "outputs": {enlarger.LARGE: f"the same, {size} x {size}"},
        "artist": artist.name,
        "enlarger": artist.enlarger.sha256,
        "limner": __version__,
    }
    return onnx.convert(part, {KEY: json.dumps(about)})


def _by_bytes(run: runner.Run, frame: Tensor) -> np.ndarray:
    return run(enlarger.PART, {enlarger.SMALL: frame[None]})[enlarger.LARGE][0].numpy()


def check(artist: Artist, parts: Mapping[str, ExportPart], run: runner.Run) -> int:
    """Draw a few pictures both ways, without blends; return the largest difference, and raise, as `onnx.check`."""
    found = []
    length = parts["setting"].given["lines"].shape[1] if "setting" in parts else 1
    for request, seed in onnx.trials(artist, blends=False):
        if request.pictures() > length:
            continue
        row_noise = RowNoise([seed])
        noise = torch.cat([row_noise.normal(size) for size in pieces(parts)], dim=1)
        drawn = run("whole", {**_numbers(artist, parts, request), "noise": noise})["pictures"].numpy()
        found.append(((request, seed), np.concatenate(list(drawn[: request.pictures()]), axis=1)))
    return onnx.compared(artist, found)


def _numbers(artist: Artist, parts: Mapping[str, ExportPart], request: Request) -> dict[str, Tensor]:
    if not request.asks:
        return {}
    rule, lexicon = parts["reader"].rule, artist.system.schema.lexicon
    if request.several:
        lines = [runner.numbers(rule, lexicon, line) for line in request.captions()]
        lines += [torch.zeros(1, 1, dtype=torch.long)] * (parts["setting"].given["lines"].shape[1] - len(lines))
        return {f"line_{number}": line for number, line in enumerate(lines, start=1)}
    return {"numbers": runner.asked(rule, lexicon, request)}
