"""Parts as ONNX, and the check that what is drawn with them is what the artist draws.

Letters: B pictures, T words of a text.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from limner.drawing.artist import Artist
from limner.errors import UserError
from limner.export import runner
from limner.imaging.sheets import to_pil
from limner.noise import Seed
from limner.requests import Blend, Request
from limner.system import ExportPart, System

if TYPE_CHECKING:
    from torch import Tensor

OPSET = 20
WORDY = ("numbers", "words", "weight", "line", "scene")
"""Inputs of any number of words, or of lines, by their names up to a number."""
SHADES = 1
"""The most, of 255, by which a picture may differ from the artist's own."""


def parts_of(system: System, name: str) -> Mapping[str, ExportPart]:
    """Return the parts of a system.

    Raises:
        UserError: where it cannot draw without Limner; `name` is what it is called.
    """
    parts = system.exports()
    if not parts:
        raise UserError(f"{name} draws by no chain of forward passes, so it cannot draw without Limner")
    return parts


def convert(part: ExportPart, metadata: Mapping[str, str] | None = None) -> bytes:
    """Return a part as an ONNX model of float32 numbers, `metadata` in its metadata; nothing tells where it was made.

    Weights that float16 can hold exactly are kept in it and widened when the model is loaded: the same numbers in half
    the bytes.

    Raises:
        UserError: where ONNX has no way to say what the part does.
    """
    import onnxscript  # noqa: F401 (the exporter needs it, and tells of its lack in a page of text)
    from onnx import helper

    free = {"given": tuple(_free(part, name) for name in part.given)}
    for recurrent in (torch.ops.aten.gru.input, torch.ops.aten.lstm.input):
        recurrent._dispatch_cache.clear()  # else a second export unrolls it, for the words of the example
    with _quiet():
        try:
            program = torch.onnx.export(
                part.net,
                tuple(part.given.values()),
                dynamo=True,
                optimize=False,
                opset_version=OPSET,
                input_names=list(part.given),
                output_names=list(part.gives),
                dynamic_shapes=free,
                verbose=False,
            )
        except Exception as error:  # of many kinds, each a page long; the cause says it in a line
            why = str(error.__cause__ or error).strip().splitlines()[0]
            raise UserError(f"this cannot be said in ONNX: {why:.300}") from error
    assert program is not None
    model = program.model_proto
    _forget_origin(model.graph)
    _narrow(model.graph)
    helper.set_model_props(model, dict(metadata or {}))
    return bytes(model.SerializeToString(deterministic=True))


def sessions(models: Mapping[str, bytes]) -> runner.Run:
    """Return what runs parts by onnxruntime, on one thread.

    Raises:
        UserError: where onnxruntime cannot load one.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    try:
        opened = {
            name: onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
            for name, model in models.items()
        }
    except Exception as error:
        raise UserError(f"onnxruntime cannot load what was exported: {str(error).splitlines()[0]:.200}") from None

    def run(name: str, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        session = opened[name]
        answers = session.run(None, {key: value.numpy() for key, value in given.items()})
        names = [one.name for one in session.get_outputs()]
        return {name: torch.from_numpy(answer) for name, answer in zip(names, answers, strict=True)}

    return run


def check(artist: Artist, parts: Mapping[str, ExportPart], run: runner.Run) -> int:
    """Draw a few pictures both ways; return the largest difference of a colour, of 255.

    Raises:
        UserError: where it is more than `SHADES`.
    """
    knobs, found = dict(vars(artist.knobs())), []
    for request, seed in trials(artist):
        drafts = list(runner.draw(parts, run, artist.system.schema.lexicon, request, seed, knobs))
        (other,) = to_pil(torch.cat([_last(draft) for draft in drafts], dim=-1))
        found.append(((request, seed), np.asarray(other)))
    return compared(artist, found)


def compared(artist: Artist, found: Iterable[tuple[tuple[Request, Seed], np.ndarray]]) -> int:
    """Return how far pictures (H, W, 3) at most are from the artist's own, of 255; raise as `check`."""
    worst = 0
    for row, other in found:
        (own,) = artist.rows([row])
        worst = max(worst, int(np.abs(np.asarray(own).astype(int) - other.astype(int)).max()))
    if worst > SHADES:
        raise UserError(
            f"what {artist.name} draws as ONNX differs from its own pictures by up to {worst} of 255 (at most {SHADES} "
            "is allowed): nothing was written"
        )
    return worst


def trials(artist: Artist, *, blends: bool = True) -> list[tuple[Request, Seed]]:
    """Return requests and seeds to compare pictures by: plain ones, odd texts, with `blends` children of children."""
    seeds: list[Seed] = [0, 7, (0, 7, 0.25), ((1, 2, 0.5), 2**31, 0.75)]
    kind, schema, examples = artist.system.kinds[0], artist.system.schema, [*artist.examples, "red", "a blue one"]
    if not kind.asks:
        return [(kind(), seed) for seed in seeds]
    if kind.several:
        lines = tuple(line for text in examples for line in text.splitlines() if line.strip())
        length = schema.story
        stories = [lines[:1], (lines * length)[:length], (lines * 3 * length)[: 2 * length + 1]]
        return [(kind.parse("\n".join(some), schema), seed) for some, seed in zip(stories, seeds, strict=False)]
    first, second, third = kind.trials(schema, examples)
    if not blends:
        return list(zip((first, second, third), seeds, strict=False))
    child = Blend(first, second, 0.25)
    return list(zip((first, third, child, Blend(child, third, 0.5)), seeds, strict=True))


def manifest(parts: Mapping[str, ExportPart]) -> dict[str, Any]:
    """Return what whoever runs parts has to know of them, as JSON values."""
    described = {
        name: {
            "given": {key: _size(part, key) for key in part.given},
            "gives": list(part.gives),
            "noise": {key: dict(pieces) for key, pieces in part.noise.items()},
        }
        for name, part in parts.items()
    }
    reader = parts.get("reader")
    return {"parts": described, "rule": dict(reader.rule) if reader else None, "notes": list(parts["painter"].notes)}


def _last(draft: Mapping[str, Tensor]) -> Tensor:
    return [tensor for name, tensor in draft.items() if name.startswith("image")][-1]


def _free(part: ExportPart, name: str) -> dict[int, Any]:
    """Return which sizes of an input are free: T, and B where the example has several rows."""
    free = torch.export.Dim.DYNAMIC
    words = name.partition("_")[0] in WORDY and part.rule.get("by") not in ("letter", "attribute")
    return ({0: free} if part.given[name].shape[0] > 1 else {}) | ({1: free} if words else {})


def _size(part: ExportPart, name: str) -> list[str | int]:
    free = _free(part, name)
    return ["BT"[place] if place in free else size for place, size in enumerate(part.given[name].shape)]


def _forget_origin(graph: Any) -> None:
    """Leave out where in which file each node was made; give the free sizes names that say something."""
    del graph.metadata_props[:], graph.value_info[:]
    graph.doc_string = ""
    for thing in [*graph.node, *graph.input, *graph.output, *graph.initializer]:
        del thing.metadata_props[:]
        thing.doc_string = ""
    for value in [*graph.input, *graph.output]:
        for place, size in enumerate(value.type.tensor_type.shape.dim):
            if size.dim_param or (place == 1 and value.name in WORDY):  # recurrent nets come out with the example's T
                size.dim_param = ("B", f"T{value.name.partition('_')[2]}")[place] if place < 2 else "S"


def _narrow(graph: Any) -> None:
    """Keep float32 weights as float16 where nothing is lost by it, and widen them before they are used."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for stored in graph.initializer:
        value, name = numpy_helper.to_array(stored), stored.name
        if value.dtype != np.float32 or value.ndim < 2:
            continue
        with np.errstate(over="ignore"):
            half = value.astype(np.float16)
        if np.array_equal(half.astype(np.float32), value):
            stored.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
            casts.append(helper.make_node("Cast", [stored.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's talk about itself from the person."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            log.setLevel(level)
