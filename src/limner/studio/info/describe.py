"""What the page is told of artists and systems, whoever draws: a server, or a browser alone."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from limner import catalogue
from limner.drawing.artist import Artist
from limner.drawing.describe import lacks_captioner
from limner.errors import UserError
from limner.requests import Story
from limner.system import System


def apart(names: Iterable[str]) -> list[str]:
    """Return names, no two alike: the second of two gets "-2", or the next number that is free."""
    found: list[str] = []
    for name in names:
        numbered = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        found.append(next(one for one in numbered if one not in found))
    return found


def side(artist: Artist) -> int:
    """Return the side, in pixels, of what an artist draws."""
    return int(getattr(artist.system.config, "size", artist.system.schema.size))


def about(name: str, artist: Artist) -> dict[str, Any]:
    """Return what a form needs to know of an artist; nothing tells where it lies."""
    system, schema, record = artist.system, artist.system.schema, artist.record
    return {
        "id": name,
        "system": record["system"],
        "checkpoint": artist.sha256,
        "paper": dataclasses.asdict(type(system).paper),
        "takes": system.takes.__name__.lower(),
        "gives": sorted(system.gives),
        "size": side(artist),
        "attributes": schema.attributes,
        "labels": schema.labels,
        "examples": schema.examples,
        "story": schema.story,
        "longest": schema.longest,
        "knobs": _knobs(artist),
        "can": {
            "morph": artist.morphs,
            "story": system.takes is Story,
            "attention": "attention" in system.gives,
            "caption": type(system).describe is not System.describe and not lacks_captioner(artist),
            "style": type(system).style is not System.style,
        },
    }


def _knobs(artist: Artist) -> list[dict[str, Any]]:
    """Return each knob with its type, default and meaning, which is empty where its class is not at hand."""
    try:
        told = {field.name: field.about for field in catalogue.summary(str(artist.record["system"])).knobs}
    except UserError:
        told = {}
    return [
        {"name": knob.name, "kind": str(knob.type), "default": value, "about": told.get(knob.name, "")}
        for knob in dataclasses.fields(artist.knobs())
        for value in [getattr(artist.knobs(), knob.name)]
    ]


def about_systems(artists: Mapping[str, Artist]) -> list[dict[str, Any]]:
    """Return of every system its paper, settings with their meaning, presets, and who of it draws here."""
    return [
        dataclasses.asdict(catalogue.summary(name))
        | {"artists": [one for one, artist in artists.items() if artist.record["system"] == name]}
        for name in catalogue.names()
    ]
