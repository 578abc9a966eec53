"""From prompts to the requests that a system takes, each checked and its picture read at the side it reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from limner.errors import UserError
from limner.requests import Request
from limner.system import System

Prompt = str | Request | None
"""A text, a request, or None for a system without a prompt."""


def requests_of(name: str, system: System, prompt: Prompt | Sequence[Prompt]) -> list[Request]:
    """Return prompts as requests of the kinds that a system takes, each checked.

    Args:
        name: of the artist, for messages.
        system: that draws.
        prompt: one or several.

    Raises:
        UserError: in one line that says which cannot be drawn, and what to do.
    """
    prompts = list(prompt) if isinstance(prompt, Sequence) and not isinstance(prompt, str | bytes) else [prompt]
    if not prompts:
        raise UserError("there is no prompt: say what to draw")
    return [_checked(system, _request(name, system, one)) for one in prompts]


def started(
    name: str,
    system: System,
    prompt: Prompt,
    picture: str | Path | Image.Image,
    keep: str | Path | Image.Image | None = None,
) -> Request:
    """Return the request to begin from a picture, checked; see `limner.drawing.artist.Artist.start`."""
    kind = next((kind for kind in system.kinds if kind.holds), None)
    if kind is None:
        raise UserError(f"{name} begins from no picture: it draws from a {names_of(system.kinds)}")
    asked = None if prompt is None else _request(name, system, prompt)
    (request,) = requests_of(name, system, kind.of(picture, keep, asked))
    return request


def names_of(kinds: Sequence[type[Request]]) -> str:
    """Return the names of kinds of request, for messages."""
    return " or ".join(kind.__name__ for kind in kinds)


def _checked(system: System, request: Request) -> Request:
    """Return a request whose pictures are as small as the system reads them, so that recipes are small, too."""
    request.check(system.schema)
    read = request.read_at(system.data_size(system.config))
    system.check_request(read)
    return read


def _request(name: str, system: System, prompt: Prompt) -> Request:
    kinds = system.kinds
    if isinstance(prompt, kinds):
        for inner in prompt.inside():
            _request(name, system, inner)
        return prompt
    if isinstance(prompt, Request) and len(prompt.ends()) > 1 and any(kind.mixes for kind in kinds):
        for end in prompt.ends():
            _request(name, system, end)
        return prompt
    if prompt is None:
        silent = next((kind for kind in kinds if not kind.asks), None)
        if silent is None:
            raise UserError(f"{name} needs a prompt: say what to draw")
        return silent()
    if not any(kind.asks for kind in kinds):
        raise UserError(f"{name} draws without a prompt: leave the prompt out")
    if isinstance(prompt, str):
        return _parsed(name, system, prompt)
    raise UserError(f"{name} draws from a {names_of(kinds)}, not from {type(prompt).__name__} {prompt!r:.60}")


def _parsed(name: str, system: System, text: str) -> Request:
    """Return what a text means for the kind whose marks it bears, or else for the first that can read it."""
    asks = [kind for kind in system.kinds if kind.asks]
    marked = [kind for kind in asks if kind.recognises(text)]
    errors = []
    for kind in marked[:1] or asks:
        try:
            return kind.parse(text, system.schema)
        except UserError as error:
            errors.append(f"{name} draws from {kind.noun or kind.kind()}: {error}")
    raise UserError(errors[0])
