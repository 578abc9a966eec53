"""Artists and systems as JSON values, for the page: served by a studio, or written into an exported page."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from limner import catalogue, settings
from limner.catalogue import summaries
from limner.drawing.artist import Artist
from limner.drawing.describe import lacks_captioner
from limner.errors import UserError
from limner.evaluation.seen import judge_of
from limner.requests import Blend, kinds, kinds_of
from limner.system import System

CLIMBS = frozenset({"steps", "every"})
"""Knobs of an artist that climbs: how many steps there are, and after how many it shows a draft."""


def unique_names(names: Iterable[str]) -> list[str]:
    """Return the names without duplicates: a second "a" becomes "a-2", or the next number that is free."""
    unique: list[str] = []
    for name in names:
        candidates = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        unique.append(next(candidate for candidate in candidates if candidate not in unique))
    return unique


def describe_artist(name: str, artist: Artist) -> dict[str, Any]:
    """Return what a form needs to know of an artist; nothing in it reveals the artist's folder."""
    system, schema, record = artist.system, artist.system.schema, artist.record
    return {
        "id": name,
        "system": record["system"],
        "checkpoint": artist.sha256,
        "paper": dataclasses.asdict(type(system).paper),
        "takes": system.kinds[0].kind(),
        "requests": [kind.describe(schema) for kind in system.kinds],
        "gives": sorted(system.gives),
        "size": artist.side,
        "sizes": artist.sizes,
        "attributes": schema.attributes,
        "labels": schema.labels,
        "examples": schema.examples,
        "story": schema.story,
        "longest": schema.longest,
        "beyond": " ".join(
            remark
            for kind in system.kinds
            if kind.several
            for remark in system.remarks([kind.parse("-\n" * (schema.story + 1), schema)])
        ),
        "knobs": _knobs(artist),
        "rightly": _rightly(record),
        "can": {
            "morph": artist.morphs,
            "story": any(kind.several for kind in system.kinds),
            "attention": "attention" in system.gives,
            "caption": type(system).describe is not System.describe and not lacks_captioner(artist),
            "attributes": type(system).attributes_of is not System.attributes_of,
            "style": type(system).style is not System.style,
            "seen": judge_of(schema) is not None,
            "climb": {knob.name for knob in dataclasses.fields(artist.knobs())} >= CLIMBS,
        },
    }


def describe_kinds() -> list[dict[str, Any]]:
    """Return what the page needs to know of every kind of request, whoever takes it: of old pictures, too."""
    return [kind.describe() for name, kind in kinds().items() if name != Blend.kind()]


def _rightly(record: Mapping[str, Any]) -> float | None:
    """Return the share of what it is told that an artist draws, where its checkpoint says that it was measured."""
    measured = record.get("trained", {}).get("measured", {}).get("eval", {}).get("attributes")
    return measured if isinstance(measured, float) and 0 <= measured <= 1 else None


def _knobs(artist: Artist) -> list[dict[str, Any]]:
    """Return each knob with its type, default, bounds (`span`, where it has some) and meaning.

    The meaning is empty where the class cannot be imported.
    """
    try:
        meanings = {field.name: field.about for field in catalogue.summary(str(artist.record["system"])).knobs}
    except UserError:
        meanings = {}
    values, bounds = artist.knobs(), settings.bounds(type(artist.knobs()))

    def described(knob: dataclasses.Field[Any]) -> dict[str, Any]:
        span = {"span": [bounds[knob.name].least, bounds[knob.name].most]} if knob.name in bounds else {}
        about = {"default": getattr(values, knob.name), "about": meanings.get(knob.name, "")}
        return {"name": knob.name, "kind": summaries.bare(str(knob.type))} | about | span

    return [described(knob) for knob in dataclasses.fields(values)]


def describe_systems(artists: Mapping[str, Artist]) -> list[dict[str, Any]]:
    """Return of every system its paper, settings with their meaning, presets, and which of the artists are of it."""

    def asked(name: str) -> dict[str, Any]:
        takes = kinds_of(catalogue.load_class(name).takes)
        return {"draws_from": " or ".join(kind.noun for kind in takes), "story": any(kind.several for kind in takes)}

    return [
        dataclasses.asdict(catalogue.summary(name))
        | asked(name)
        | {"artists": [artist_name for artist_name, artist in artists.items() if artist.record["system"] == name]}
        for name in catalogue.names()
    ]
