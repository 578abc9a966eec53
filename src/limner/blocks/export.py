"""The nets of a system made ready to draw elsewhere, each an `ExportPart`: a text encoder, a generator.

Letters: B pictures, T words of a text, E width of a sentence vector, L numbers of noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from limner.data.schema import UNKNOWN
from limner.system import Draft, ExportPart

B, T = 2, 3
"""Of examples: neither is one, which an exporter would take to be fixed."""
CONDITION = ("sentence", "words", "weight")
"""Names of the tensors that a text encoder gives and a generator takes, in order; many systems use the first alone."""


class Runs(nn.Module):
    """A function of tensors as a module, with the modules whose weights it uses."""

    def __init__(self, run: Callable[..., Any], uses: Sequence[nn.Module]) -> None:
        super().__init__()
        self.run, self.uses = run, nn.ModuleList(uses)

    def forward(self, *given: Tensor) -> Any:
        return self.run(*given)


def export_encoder(
    encode: Callable[[Tensor], Any],
    uses: Sequence[nn.Module],
    rule: Mapping[str, Any],
    gives: Sequence[str] = CONDITION[:1],
) -> ExportPart:
    """Return the part `reader`: a text encoder.

    Args:
        encode: numbers of one text, (1, T), to the condition: a sentence (1, E), for some its words (1, T, E).
        uses: modules whose weights it uses.
        rule: how a text becomes numbers, see `limner.blocks.text.encoders.TextEncoder.rule`.
        gives: what it gives, by name.
    """
    length = T if rule["by"] == "word" else rule["longest"]
    return ExportPart(Runs(encode, uses), {"numbers": torch.full((1, length), UNKNOWN)}, tuple(gives), rule=rule)


class ByAttribute(nn.Module):
    """Numbers of the values of A attributes, (1, A), 0 where one is left open, to their one-hots joined: (1, Y).

    Args:
        sizes: how many values each attribute has.
    """

    columns: Tensor
    values: Tensor

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        pairs = [(place, value) for place, size in enumerate(sizes) for value in range(1, size + 1)]
        columns, values = torch.tensor(pairs).unbind(1)
        self.register_buffer("columns", columns)
        self.register_buffer("values", values)

    def forward(self, *given: Tensor) -> Tensor:
        (numbers,) = given
        return (numbers[:, self.columns] == self.values).float()


def export_attributes(values: Mapping[str, Sequence[str]]) -> ExportPart:
    """Return the part `reader` of a system that is told attributes: it gives (1, Y), in the place of a sentence.

    Args:
        values: the attributes, in order, with their values, in order.
    """
    rule = {"by": "attribute", "values": {name: list(known) for name, known in values.items()}}
    numbers = torch.zeros(1, len(values), dtype=torch.long)
    net = ByAttribute([len(known) for known in values.values()])
    return ExportPart(net, {"numbers": numbers}, CONDITION[:1], rule=rule)


def export_generator(
    paint: Callable[..., Iterable[Draft]],
    uses: Sequence[nn.Module],
    noise: Mapping[str, int],
    *condition: Tensor,
) -> ExportPart:
    """Return the part `painter`: a generator.

    Args:
        paint: noise (B, L), scaled by its knobs, and the condition, to the drafts.
        uses: modules whose weights it uses.
        noise: how many of the L numbers each knob scales, in order; "" for no knob.
        condition: examples of its condition, B rows each: sentence, for some the words and the log of their weights.
    """
    given = dict(zip(("noise", *CONDITION), (torch.zeros(B, sum(noise.values())), *condition), strict=False))
    with torch.no_grad():
        drafts = list(paint(*given.values()))

    def run(*given: Tensor) -> tuple[Tensor, ...]:
        return tuple(tensor for _, tensor in _tensors(paint(*given)))

    names = tuple(name for name, _ in _tensors(drafts))
    return ExportPart(Runs(run, uses), given, names, {"noise": noise}, notes=tuple(draft.note for draft in drafts))


def example_condition(width: int) -> Tensor:
    """Return an example of sentence vectors: (B, E)."""
    return torch.zeros(B, width)


def example_words(width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return an example of sentence vectors (B, E), their words (B, T, E) and the words' weights (B, T)."""
    return torch.zeros(B, width), torch.zeros(B, T, width), torch.zeros(B, T)


def _tensors(drafts: Iterable[Draft]) -> Iterable[tuple[str, Tensor]]:
    for number, draft in enumerate(drafts):
        for name, tensor in (("image", draft.images), ("attention", draft.attention)):
            if tensor is not None:
                yield f"{name}_{number}", tensor
