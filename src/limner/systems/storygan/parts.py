"""The nets of StoryGAN to draw elsewhere: what encodes a line, what begins a story, what draws its next frame."""

from __future__ import annotations

import torch
from torch import Tensor

from limner.blocks.export import Runs, export_encoder
from limner.blocks.text.lines import LineEncoder
from limner.system import ExportPart
from limner.systems.storygan.generator import LINE, StoryGenerator, Z


def export_story_parts(encoder: LineEncoder, generator: StoryGenerator, length: int) -> dict[str, ExportPart]:
    """Make the parts that draw a story, one frame at a time, with its last `length` lines as the painter's `lines`.

    A generator that attends to lines is also given all lines so far, as `scene`: such a story is one, however long.
    Without `scene` it is drawn in chapters of `length` lines.
    """

    def encode(numbers: Tensor) -> Tensor:
        return generator.join(encoder.numbered(numbers))

    def begin(lines: Tensor, epsilon: Tensor, before: Tensor) -> tuple[Tensor, ...]:
        mu, log_var = generator.encode(lines)
        return mu, before.clone(), mu + (log_var / 2).exp() * epsilon

    def draw(noise: Tensor, lines: Tensor, place: Tensor, mu: Tensor, *more: Tensor) -> tuple[Tensor, ...]:
        sentence = generator.sentences(lines).index_select(1, place).squeeze(1)
        i, h, *scene = more
        code, (i, h) = generator.context(sentence, noise, (i, h), mu)
        image = generator.frame(code, scene[0] if scene else lines)
        return image, i.clone(), h.clone()  # an output that is an input as it came would lose its name

    spread, story = {"spread": generator.code}, torch.zeros(1, length, LINE)
    some = torch.zeros(5, 1, generator.code)  # an exporter takes one tensor given twice to be one input
    first = {"lines": story, "chance": some[0], "before": some[1]}
    frame = {"noise": torch.zeros(1, Z), "lines": story, "place": torch.zeros(1).long()}
    states = {"mu": some[2], "i": some[3], "h": some[4]}
    scene = {"scene": torch.zeros(1, length, LINE)} if generator.attends else {}
    noise = {"noise": {"spread": Z}}
    return {
        "reader": export_encoder(encode, [generator.join, encoder], encoder.rule),
        "setting": ExportPart(
            Runs(begin, [generator.encode]), first, tuple(states), {"chance": spread, "before": spread}
        ),
        "painter": ExportPart(Runs(draw, [generator]), frame | states | scene, ("image_0", "next_i", "next_h"), noise),
    }
