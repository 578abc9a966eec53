"""Which attributes a caption mentions: only they count when a picture is compared with its caption."""

from __future__ import annotations

import functools
import re

from limner.worlds.avatars import captions as words
from limner.worlds.avatars.captions import Attributes

_NAMED = {
    "woman": r"woman|lady|she",
    "man": r"man|guy|he",
}


def mentioned(caption: str, attributes: Attributes) -> list[str]:
    """Return the attributes that a true caption of an avatar with these attributes speaks of, in their order."""
    found: set[str] = set()
    text = caption.lower()
    for name, value in attributes.items():
        if value is None:
            continue
        colour = words._COLOUR_OF.get(name)
        for pattern in _patterns(name, value, attributes.get(colour) if colour else None):
            match = pattern.search(text)
            if match:
                found.add(name)
                if colour and match.groupdict().get("colour"):
                    found.add(colour)
    return [name for name in attributes if name in found]


@functools.cache
def _patterns(name: str, value: str, colour: str | None) -> tuple[re.Pattern[str], ...]:
    """Return what is searched for; a group `colour` holds the colour where it is spoken."""
    if name == "presentation":
        phrases: tuple[str, ...] = (_NAMED[value],)
    elif name == "background":
        spoken = _spoken(value)
        phrases = tuple(rf"(?:{spoken}) {place}" for place in ("background", "wall", "backdrop"))
    else:
        templates = words._PHRASES.get(name, {}).get(value, ())
        spoken = rf"(?:(?P<colour>{_spoken(colour)}) )?" if colour else ""
        escaped = (re.escape(_bare(template)).replace(r"\ a\ ", r"\ an?\ ") for template in templates)
        phrases = tuple(phrase.replace(r"\{c\}", spoken) for phrase in escaped)
    if name == "mouth":  # "happy" of eyes says nothing of the mouth
        phrases += tuple(rf"{re.escape(adjective)}(?! eyes)" for adjective in words._MOUTH_ADJECTIVES.get(value, ()))
    if (name, value) == ("hair_style", "bald"):
        phrases += ("bald",)
    if (name, value) == ("facial_hair", "none"):
        phrases += ("clean-shaven",)
    return tuple(re.compile(rf"(?<![\w-])(?:{phrase})(?![\w-])") for phrase in phrases)


def _bare(template: str) -> str:
    return template.removeprefix("a ").removeprefix("an ")


def _spoken(colour: str | None) -> str:
    return "|".join(re.escape(word) for word in words._COLOURS.get(str(colour), (str(colour),)))
