"""A checkpoint made ready to be published: half the bytes, nothing that only training needs, a card and samples."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor, nn

from limner import card, catalogue, checkpoint
from limner.errors import UserError
from limner.imaging.sheets import sheet
from limner.requests import Request
from limner.system import System, sample_drafts

if TYPE_CHECKING:
    from limner.drawing.artist import Artist

SAMPLES = 9
"""Pictures on the sheet of samples."""
ENLARGER = catalogue.ENLARGER
_UNFIT = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What a system raises that is asked for what it cannot do, `UserError` among it."""


@dataclass(frozen=True)
class Terms:
    """How a checkpoint is published."""

    half: bool = True
    """Store matrices in half precision; they are opened as float32."""
    whole: bool = False
    """Keep also what drawing does not need, such as discriminators: others may go on training with it."""
    licence: str = ""
    """Of the weights, as the Hub spells it."""
    figures: Mapping[str, Any] | None = None
    """A report of `limner eval`, as JSON values."""


def stage(artist: Artist, folder: Path, hub_id: str, terms: Terms) -> Path:
    """Write a checkpoint, as it is to be published, into a new folder; return the folder.

    Raises:
        UserError: it cannot be written, or the figures are no report.
    """
    system, record = checkpoint.open(artist.folder), checkpoint.read(artist.folder)
    omit = list(dict.fromkeys([*record["omitted"], *([] if terms.whole else unneeded(artist))]))
    grid = samples(artist)
    kept = {name for name in system.state_dict() if not any(f"{name}.".startswith(f"{part}.") for part in omit)}
    count = sum(value.numel() for name, value in system.state_dict().items() if name in kept)
    text = card.write(
        record | {"omitted": omit, "parameters": count}, system, name=hub_id, licence=terms.licence,
        samples=grid is not None, figures=terms.figures,
    )  # fmt: skip
    checkpoint.save(system, folder, trained=record["trained"], half=terms.half, omit=omit, card=text, grid=grid)
    if ENLARGER in record:
        about = {name: value for name, value in record[ENLARGER].items() if name not in ("parameters", "bytes")}
        checkpoint.attach(folder, folder, ENLARGER, checkpoint.attached(artist.folder, ENLARGER), about)
    return folder


def unneeded(artist: Artist) -> list[str]:
    """Return the modules of a system that nothing but training calls, such as discriminators.

    The system draws, takes a style, describes and encodes while it is watched. What was not called is left out where
    the same picture is drawn with NaN in its place; where nothing can be asked of it, nothing is.
    """
    system, request = artist.system, _request(artist)
    if request is None:
        return []
    called: set[nn.Module] = set()
    hooks = [module.register_forward_pre_hook(lambda one, given: called.add(one)) for module in system.modules()]
    try:
        drawn = _last(system, request)
        for use in _uses(system, request):
            try:
                use()
            except _UNFIT:  # it cannot do that, so it needs nothing for it
                continue
    finally:
        for hook in hooks:
            hook.remove()
    idle = [
        name
        for name, child in system.named_children()
        if any(True for _ in child.parameters()) and called.isdisjoint(child.modules())
    ]
    without = copy.deepcopy(system)
    with torch.no_grad():
        for name in idle:
            for weights in without.get_submodule(name).parameters():
                weights.fill_(torch.nan)
    return idle if drawn is not None and _same(drawn, _last(without, request)) else []


def samples(artist: Artist) -> Image.Image | None:
    """Return a sheet of what the artist draws of its own examples, each with its words; None where it draws nothing."""
    system, asked = artist.system, artist.examples
    if not system.gives:
        return None
    try:
        if any(kind.several for kind in system.kinds):
            length = system.schema.story or len(asked)
            stories = ["\n".join(asked[at : at + length]) for at in range(0, len(asked), length)]
            return sheet(artist.draw(stories[: SAMPLES // 3], seed=0), 1)
        if any(kind.asks for kind in system.kinds) and asked:
            return sheet(artist.draw(asked[:SAMPLES], seed=0), 3, asked[:SAMPLES])
        return sheet(artist.draw(None, n=SAMPLES, seed=0), 3)
    except UserError:  # what it draws from cannot be made of its examples
        return None


def report_in(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """Return the last report in a results file of `limner eval` that is of an artist of one of these names.

    Raises:
        UserError: it cannot be read, or has none.
    """
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        found = [line for line in lines if line["artist"] in names]
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, TypeError, KeyError):
        raise UserError(f"{path} is no results file of `limner eval`: it holds a report in each line") from None
    if not found:
        there = ", ".join(sorted({str(line["artist"]) for line in lines})) or "nobody"
        more = f"limner eval {names[0]} --results {path}"
        raise UserError(f"{path} holds figures of {there}, and not of {names[0]}: {more}")
    return dict(found[-1])


def _request(artist: Artist) -> Request | None:
    system = artist.system
    if not system.gives:
        return None
    try:
        if any(kind.several for kind in system.kinds):
            return artist.requests("\n".join(artist.examples[: system.schema.story or 1]))[0]
        return artist.requests(artist.examples[0] if artist.examples else None)[0]
    except UserError:
        return None


def _last(system: System, request: Request) -> Tensor | None:
    """Return the picture of a request, None where its answer is none."""
    *_, final = sample_drafts(system, [request], [0])
    return None if final.images is None else final.images.detach()


def _same(one: Tensor, other: Tensor | None) -> bool:
    return other is not None and one.shape == other.shape and torch.allclose(one, other, atol=1e-5)


def _uses(system: System, request: Request) -> Iterator[Callable[[], object]]:
    """Yield what can be asked of a system beside drawing; gradients are not needed."""
    sides = type(system).data_size(system.config), int(system.config.size)
    read, own = (torch.zeros(1, 3, side, side, device=system.device) for side in sides)

    def without_gradients(use: Callable[[], object]) -> Callable[[], object]:
        def run() -> object:
            with torch.no_grad():
                return use()

        return run

    yield without_gradients(lambda: system.style(read))
    yield without_gradients(lambda: system.describe(read))
    yield without_gradients(lambda: system.attributes_of(read))
    yield without_gradients(lambda: list(system.reconstructions(read, 1) or ()))
    yield without_gradients(lambda: system.embed_pairs(own, [request]))
    yield without_gradients(lambda: system.caption_log_likelihood(own, [request]))
    yield without_gradients(lambda: system.request_log_likelihood(own, [request]))
