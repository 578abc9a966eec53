"""The nets of a system made ready to draw elsewhere, each an `ExportPart`: a text encoder, a generator.

Letters: B pictures, T words of a text, E width of a sentence vector, L numbers of noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from limner.blocks.text.lines import LineReader
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


def telling(read: LineReader, teller: Any, story: Tensor, code: int, noise: int) -> dict[str, ExportPart]:
    """Return the parts that tell a story chapter by chapter: a reader of lines, what begins a chapter, a painter.

    Args:
        read: reads lines.
        teller: joins, encodes and follows them, and paints (see StoryGAN's).
        story: an example of the lines of a chapter as `teller` joins them, zero where there is none.
        code: width of the states.
        noise: numbers of noise of a picture.
    """

    def join(numbers: Tensor) -> Tensor:
        return teller.join(read.numbered(numbers))

    def begin(lines: Tensor, chance: Tensor, before: Tensor) -> tuple[Tensor, ...]:
        mu, log_var = teller.encode(lines)
        return mu, before.clone(), mu + (log_var / 2).exp() * chance

    def paint(noise: Tensor, lines: Tensor, place: Tensor, mu: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        line = teller.sentences(lines).index_select(1, place).squeeze(1)
        seen, (i, h) = teller.context(line, noise, states, mu)
        return teller.paint(seen), i.clone(), h.clone()  # what goes through as it came would lose its name

    alike, some = {"spread": code}, torch.zeros(5, 1, code)  # an exporter takes one tensor to be one input
    begun = {"lines": story, "chance": some[0], "before": some[1]}
    given = {"noise": torch.zeros(1, noise), "lines": story, "place": torch.zeros(1).long()}
    states = {"mu": some[2], "i": some[3], "h": some[4]}
    return {
        "reader": export_encoder(join, [teller.join, read], read.rule),
        "setting": ExportPart(Runs(begin, [teller.encode]), begun, tuple(states), {"chance": alike, "before": alike}),
        "painter": ExportPart(
            Runs(paint, [teller]), given | states, ("image_0", "next_i", "next_h"), {"noise": {"spread": noise}}
        ),
    }


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
