"""An artist is a loaded checkpoint that draws. The command line, the studio and the API all go through it.

The same request, knobs, seed and checkpoint give the same picture, alone or in a batch, and each picture carries the
recipe that says which (`picture.info["limner"]`, see `limner.drawing.recipe`).
"""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from limner import checkpoint, settings
from limner.devices import device_of
from limner.drawing import asking, condition, hub, notices, recipe, stopping
from limner.drawing import story as stories
from limner.drawing.drafts import WORDS, PictureWithDrafts, draft_row
from limner.drawing.interpolation import batches, morph_rows, walk_rows
from limner.drawing.resolve import bundled, find
from limner.drawing.seeds import StyleSource, check_count, first_seed, seed_from_json, seeds_of, style_of
from limner.drawing.stopping import TO_THE_END, Stop
from limner.drawing.story import Strip
from limner.enlarging.attached import AttachedEnlarger
from limner.errors import UnknownWords, UserError
from limner.imaging import answers
from limner.imaging.sheets import sheet, to_pil
from limner.noise import Seed, Style
from limner.requests import Request, from_json, to_json
from limner.system import Draft, System, sample_drafts

__all__ = ["Artist", "UnknownWords", "bundled", "find", "load", "sheet", "to_pil"]


def load(name: str | Path, *, device: str = "auto", hub_ids: bool = True) -> Artist:
    """Load an artist by a bundled name, a folder, a run folder (its newest checkpoint) or a Hub id `owner/name`.

    Args:
        name: which one.
        device: "cpu", "cuda", ...; "auto" takes the environment's LIMNER_DEVICE, or the GPU where there is one.
        hub_ids: whether a Hub id is looked up; False where the name comes out of a file and not from a person.

    Raises:
        UserError: where there is none, or it cannot be opened (see `limner.checkpoint.open`).
    """
    folder = find(name, hub_ids=hub_ids)
    system = checkpoint.open(folder)
    try:
        system.to(device_of(device))
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"cannot use the device {device!r}: {str(error).splitlines()[0]}") from None
    enlarger = AttachedEnlarger.open(folder)
    if enlarger is not None:
        enlarger.net.to(system.device)
    return Artist(system, checkpoint.read(folder), name=str(name), folder=folder, enlarger=enlarger)


class Artist:
    """A system with its weights, ready to draw.

    Args:
        system: in evaluation mode; its device is where it draws.
        record: what `system.json` says of it.
        name: what it was loaded by; it goes into recipes.
        folder: where it lies.
        enlarger: what its checkpoint carries to enlarge pictures with, if anything.
    """

    def __init__(
        self,
        system: System,
        record: Mapping[str, Any],
        name: str,
        folder: Path,
        enlarger: AttachedEnlarger | None = None,
    ) -> None:
        self.system, self.record, self.name, self.folder, self.enlarger = system, record, name, folder, enlarger
        self.by: dict[str, Any] = {}  # what recipes say of a condition that was plugged in (see `drawing.condition`)
        self.size = self.side = answers.side_of(system)
        """Sides, in pixels: of the pictures one gets (see `at`), and of those its system draws."""

    def __repr__(self) -> str:
        return f"Artist({self.name!r}, a {self.record['system']})"

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the weights, which says for good which checkpoint drew a picture."""
        return str(self.record["sha256"][checkpoint.WEIGHTS])

    @property
    def sizes(self) -> tuple[int, ...]:
        """Return the sides, in pixels, of the pictures one can have, that of its system first."""
        return (self.side,) if self.enlarger is None else (self.side, self.enlarger.size)

    def at(self, size: int | None) -> Artist:
        """Return the same artist for pictures of `size` pixels a side; itself for None.

        What is drawn stays the same: an enlarger makes it larger. Nothing that measures looks at that.

        Raises:
            UserError: it is none of `sizes`.
        """
        if size is None:
            return self
        if type(size) is not int or size not in self.sizes:
            some = " or ".join(map(str, self.sizes))
            teaches = self.enlarger is None and "images" in self.system.gives
            more = "; `limner enlarge` teaches it to draw larger ones" if teaches else ""
            raise UserError(f"{self.name} draws pictures of {some} pixels, not of {size!r:.60}{more}")
        other = copy.copy(self)
        other.size = size
        return other

    @property
    def examples(self) -> tuple[str, ...]:
        """Return a few things one can ask."""
        return self.system.schema.examples

    @property
    def morphs(self) -> bool:
        """Tell whether something lies between two requests: not where there is no prompt, nor between stories."""
        return any(kind.mixes for kind in self.system.kinds)

    @property
    def takes(self) -> str:
        """Return the names of the kinds of request it draws from, for messages."""
        return asking.names_of(self.system.kinds)

    def check_morphs(self) -> None:
        """Make sure that requests can be mixed.

        Raises:
            UserError: nothing lies between two requests of this artist.
        """
        if not self.morphs:
            raise UserError(f"{self.name} draws nothing between two requests, so there is nothing to morph: use walk")

    def draw(
        self,
        prompt: str | Request | Sequence[str | Request] | None = None,
        n: int = 1,
        seed: int | None = None,
        *,
        batch: int = 16,
        knobs: Mapping[str, Any] | None = None,
        style: StyleSource | Sequence[StyleSource] | None = None,
        size: int | None = None,
    ) -> list[Image.Image]:
        """Draw `n` pictures of each prompt; picture i of a prompt has seed `seed + i`.

        Args:
            prompt: a sentence, a request, or several; None for a system without a prompt.
            n: pictures of each prompt.
            seed: where to begin; by chance where None (it is in the recipe).
            batch: pictures drawn at once: more are quicker and take more memory, and change no picture.
            knobs: settings of drawing, by name (`limner show ARTIST` lists them).
            style: a picture, or several, whose style (pose, ground, all that words leave open) each prompt is drawn in,
                a picture for each style; it takes the place of chance, so of `n` and `seed`.
            size: side of the pictures in pixels, one of `sizes`.

        Returns:
            All pictures of the first prompt, then of the next; `info` of each holds its recipe ("limner") and the
            share of its batch's time ("milliseconds"). A text comes on a card, a layout as labelled boxes; what they
            say is in `info["answer"]`: {"text": ...} or {"boxes": [[label, x, y, width, height], ...]}.

        Raises:
            UserError: for an empty or too long prompt, n < 1, a seed below 0, an unknown knob, a style as `style` says,
                a size as `at` says.
        """
        return list(self.at(size).each(prompt, n, seed, batch=batch, knobs=knobs, style=style))

    def each(
        self,
        prompt: str | Request | Sequence[str | Request] | None = None,
        n: int = 1,
        seed: int | None = None,
        *,
        batch: int = 16,
        knobs: Mapping[str, Any] | None = None,
        style: StyleSource | Sequence[StyleSource] | None = None,
    ) -> Iterator[Image.Image]:
        """Draw as `draw` does, handing out each picture when its batch is done."""
        return self.rows(self.plan(prompt, n, seed, style=style), batch=batch, knobs=knobs)

    def plan(
        self,
        prompt: str | Request | Sequence[str | Request] | None = None,
        n: int = 1,
        seed: int | None = None,
        *,
        style: StyleSource | Sequence[StyleSource] | None = None,
    ) -> list[tuple[Request, Seed]]:
        """Return what `draw` would draw, a request and a seed a picture, for `rows` and `watch`; raise as it does."""
        requests, seeds = self.requests(prompt), seeds_of(self.system, n, seed, style)
        self.warn(requests)
        return [(request, one) for request in requests for one in seeds]

    def style(self, picture: str | Path | Image.Image) -> Style:
        """Find the style of a picture: the noise that would draw one like it.

        It can stand wherever a seed can: `morph` keeps it, `walk` leads from one to another.

        Args:
            picture: a file or an image, of any size; its middle square is looked at.

        Raises:
            UserError: where it is no picture, or the system has not learnt to find styles.
        """
        return style_of(picture, self.system)

    def start(
        self,
        picture: str | Path | Image.Image,
        prompt: str | Request | None = None,
        *,
        keep: str | Path | Image.Image | None = None,
    ) -> Request:
        """Return the request to begin from a picture, to `draw`, `morph` or `walk`.

        Args:
            picture: a file or an image, of any size; its middle square is read.
            prompt: what is asked beside it, if anything.
            keep: a mask of the same size: white stays as it is, black is drawn. Without it nothing has to stay.

        Raises:
            UserError: where one is no picture, the mask is of another size or keeps nothing or everything, or the
                system begins from no pictures.
        """
        return asking.started(self.name, self.system, prompt, picture, keep)

    def drafts(
        self,
        prompt: str | Request | Sequence[str | Request] | None = None,
        n: int = 1,
        seed: int = 0,
        *,
        knobs: Mapping[str, Any] | None = None,
    ) -> Iterator[Draft]:
        """Yield the system's drafts, all rows at once, prompt by prompt."""
        return self.sample(self.plan(prompt, n, seed), self.knobs(knobs))

    def morph(
        self,
        first: str | Request,
        second: str | Request,
        frames: int = 8,
        seed: int | Style = 0,
        *,
        batch: int = 16,
        knobs: Mapping[str, Any] | None = None,
        size: int | None = None,
    ) -> list[Image.Image]:
        """Draw the way from one prompt to another with one seed; the ends are the prompts themselves.

        Raises:
            UserError: as `draw`; for fewer than two frames; where the system cannot draw between requests.
        """
        self.check_morphs()
        a, b = (self.requests(end)[0] for end in (first, second))
        rows = morph_rows(a, b, frames, seed)
        self.warn((a, b))
        return list(self.at(size).rows(rows, batch=batch, knobs=knobs))

    def walk(
        self,
        prompt: str | Request | None = None,
        seeds: Sequence[int | Style] = (0, 1),
        frames: int = 8,
        *,
        batch: int = 16,
        knobs: Mapping[str, Any] | None = None,
        size: int | None = None,
    ) -> list[Image.Image]:
        """Draw one prompt while its noise moves from seed to seed, `frames` pictures from each to the next.

        Returns:
            `frames * (len(seeds) - 1) + 1` pictures; those at the seeds are what `draw` draws.

        Raises:
            UserError: as `draw`; for fewer than two seeds.
        """
        (request,) = self.requests(prompt)
        rows = walk_rows(request, seeds, frames)
        self.warn((request,))
        return list(self.at(size).rows(rows, batch=batch, knobs=knobs))

    def rows(
        self,
        rows: Sequence[tuple[Request, Seed]],
        *,
        batch: int = 16,
        knobs: Mapping[str, Any] | None = None,
        stop: Stop = TO_THE_END,
    ) -> Iterator[Image.Image]:
        """Draw a picture of each (request, seed), many prompts at once; the requests are as `requests` gives them.

        Args:
            rows: what to draw.
            batch: pictures drawn at once.
            knobs: settings of drawing, by name.
            stop: where drawings end before they are done. Where it keeps what Ctrl-C leaves, the pictures so far of
                the batch come, whose recipes say after how many drafts they were stopped, and then KeyboardInterrupt.
        """
        return (image for image, *_ in self._drawn(rows, batch, self.knobs(knobs), 1, stop))

    def watch(
        self,
        rows: Sequence[tuple[Request, Seed]],
        *,
        batch: int = 16,
        knobs: Mapping[str, Any] | None = None,
        stop: Stop = TO_THE_END,
    ) -> Iterator[PictureWithDrafts]:
        """Draw as `rows` does, and keep all drafts of each picture."""
        drawn = self._drawn(rows, batch, self.knobs(knobs), None, stop)
        return (PictureWithDrafts(*one, self.system.schema) for one in drawn)

    def attention(
        self, prompt: str, seed: int | None = None, *, words: int = WORDS, knobs: Mapping[str, Any] | None = None
    ) -> Image.Image:
        """Draw a picture and return the sheet of its attention to words (see `PictureWithDrafts.attention`).

        Raises:
            UserError: as `draw`, and where the system looks at no single words.
        """
        return next(self.watch(self.plan(prompt, 1, seed), knobs=knobs)).attention(words)

    def story(
        self,
        lines: str | Sequence[str],
        seed: int | None = None,
        *,
        knobs: Mapping[str, Any] | None = None,
        size: int | None = None,
    ) -> Strip:
        """Draw a story, a picture for each line; see `limner.drawing.story.Strip` for what can be made of it.

        Raises:
            UserError: for a story without lines or with more than 500, an artist that tells none, and as `draw`.
        """
        return stories.tell(self.at(size), lines, first_seed(seed), knobs)

    def retell(self, strip: Strip, lines: str | Sequence[str]) -> Strip:
        """Draw a story again with other lines; the pictures before the first changed line stay as they are."""
        return stories.retell(self, strip, lines)

    def redraw(self, recipe: Mapping[str, Any]) -> Image.Image:
        """Draw the picture of a recipe again (`limner.read` takes one from a PNG).

        One that was stopped is drawn as far as it had come; without its field "stopped", to its end.

        Raises:
            UserError: where the recipe is for another kind of system, or of a size that it does not draw.
        """
        rows, stop = [self.row_of(recipe)], stopping.stop_of(recipe)
        return next(self.as_in(recipe).rows(rows, knobs=recipe.get("knobs"), stop=stop))

    def as_in(self, recipe: Mapping[str, Any]) -> Artist:
        """Return the artist at the size, and with the condition, of a recipe; raise as `at` and `conditioned`."""
        return condition.as_in(self.at(recipe.get("size", self.side)), recipe)

    def row_of(self, recipe: Mapping[str, Any]) -> tuple[Request, Seed]:
        """Return the request and the seed of a recipe; raise as `redraw`."""
        (request,) = self.requests(from_json(recipe["request"]))
        return request, seed_from_json(recipe["seed"])

    def push(self, hub_id: str, *, private: bool = False) -> str:
        """Publish the checkpoint on the Hugging Face Hub and return its address.

        Raises:
            UserError: where the Hub refuses or cannot be reached.
        """
        return hub.publish(self.folder, hub_id, private=private)

    def requests(self, prompt: str | Request | Sequence[str | Request] | None) -> list[Request]:
        """Return prompts as requests of the kind that this system takes, each checked."""
        return asking.requests_of(self.name, self.system, prompt)

    def knobs(self, values: Mapping[str, Any] | None = None) -> Any:
        """Return the system's knobs with `values` set; strings are read as their types."""
        return settings.change(self.system.Knobs(), values or {}, f"knob of {self.record['system']}:")

    def warn(self, requests: Sequence[Request]) -> None:
        """Warn of what it will not draw as asked, see `limner.drawing.notices.warn`."""
        notices.warn(self.name, self.system, requests)

    def sample(self, rows: Sequence[tuple[Request, Seed]], knobs: Any) -> Iterator[Draft]:
        """Draw rows in one batch and yield each draft when it is done; `knobs` are as `self.knobs` gives them."""
        requests, seeds = [request for request, _ in rows], [seed for _, seed in rows]
        try:
            yield from sample_drafts(self.system, requests, seeds, knobs)
        except (AssertionError, AttributeError, TypeError) as error:
            if any(len(request.ends()) > 1 for request in requests):
                raise UserError(f"{self.record['system']} cannot draw what lies between two requests") from error
            raise

    def _drawn(
        self, rows: Sequence[tuple[Request, Seed]], batch: int, knobs: Any, last: int | None, stop: Stop
    ) -> Iterator[tuple[Image.Image, Request, list[Draft]]]:
        """Draw; give each picture with what was asked and its `last` drafts, or all of them."""
        check_count(batch, "batch")
        for some in batches(rows, batch):
            began = time.perf_counter()
            drawn, schema = stopping.drawn(self.sample(some, knobs), last, stop), self.system.schema
            final = drawn.drafts[-1]
            by = self if drawn.stopped is None else self.at(self.side)  # an early draft may be too small to enlarge
            images = [by.enlarged(image) for image in answers.pictures(final, schema)]
            said = answers.said(final, schema, [request for request, _ in some])
            each = 1000 * (time.perf_counter() - began) / len(images)
            for place, (row, image) in enumerate(zip(some, images, strict=True)):
                by.sign(image, *row, knobs, drawn.stopped)
                image.info["milliseconds"] = each
                if said[place]:
                    image.info[recipe.ANSWER] = said[place]
                yield image, row[0], [draft_row(draft, place) for draft in drawn.drafts]
            if drawn.interrupted:
                raise KeyboardInterrupt(drawn.where if drawn.stopped else "")

    def enlarged(self, image: Image.Image) -> Image.Image:
        """Return a picture, or strip, as its system drew it, at `size`."""
        return image if self.enlarger is None or self.size == self.side else self.enlarger.enlarge(image)

    def sign(
        self, image: Image.Image, request: Request, seed: Seed, knobs: Any, stopped: int | None = None
    ) -> dict[str, Any]:
        """Write into a picture's `info` how it was drawn, and return that recipe as plain JSON values."""
        return recipe.sign(image, self.recipe(request, seed, knobs, stopped))

    def recipe(self, request: Request, seed: Seed, knobs: Any, stopped: int | None = None) -> dict[str, Any]:
        """Return all that it takes to draw a request again; size and enlarger are said where a picture is enlarged.

        `stopped` is said, too, where the drawing was stopped after so many drafts.
        """
        by = None if self.size == self.side else self.enlarger
        return {
            "artist": self.name,
            "checkpoint": self.sha256,
            "system": self.record["system"],
            "request": to_json(request),
            "knobs": dataclasses.asdict(knobs),
            "seed": seed,
            "limner": self.record.get("limner", ""),
            **self.by,
            **({"size": self.size, "enlarger": by.sha256} if by else {}),
            **({stopping.KEY: stopped} if stopped else {}),
        }
