"""Tells whether a text is one that `captions` may write of somebody, so that written sentences can be judged.

Only words count, without case and punctuation. No attribute may be spoken of twice; whether a person with all that is
said exists (a bald head with a braid) is not asked.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Mapping

from limner.worlds.avatars import captions as words
from limner.worlds.avatars.sampler import ATTRIBUTES

Words = tuple[str, ...]
Said = tuple[int, frozenset[str]]
"""How many words were read, and which attributes they speak of."""
Table = Mapping[Words, frozenset[str]]
"""What may be said in one place, and the attributes that it may be of."""
_PRONOUNS = {"woman": {"she"}, "lady": {"she"}, "man": {"he"}, "guy": {"he"}, "person": {"she", "he", "they"}}
_SHAVEN = "clean shaven"


def accepts(text: str) -> bool:
    """Tell whether a text is a caption of this world: a sentence, two of them, or a list."""
    found = _split(text)
    forms = (_sentence, _two_sentences, _list)
    return any(at == len(found) and bool(spoken) for form in forms for at, spoken in form(found))


def _sentence(text: Words) -> Iterator[Said]:
    """An opening, a person, what they have, what they wear, the ground."""
    for start in _one_of(text, 0, {_split(opening) for opening in words._OPENINGS}):
        for said, _ in _person(text, start):
            for with_had in (said, *_clause(text, said, "with", _phrases())):
                for with_worn in (with_had, *_clause(text, with_had, "wearing", _phrases(worn=True))):
                    yield with_worn
                    yield from _said(text, with_worn, _grounds(0))


def _two_sentences(text: Words) -> Iterator[Said]:
    """A person with something, and what else they have."""
    for said, noun in _person(text, 0):
        for at, first in _clause(text, said, "with", _phrases()):
            if said[1] or at == len(text) or text[at] not in _PRONOUNS.get(noun, {"they"}):
                continue  # this form has no adjectives
            has = "have" if text[at] == "they" else "has"
            yield from _clause(text, (at + 1, first), has, _phrases())


def _list(text: Words) -> Iterator[Said]:
    """A person or not, then one thing after another without articles."""
    people: set[Words] = {(one,) for some in words._PEOPLE.values() for one in some}
    items = {**_phrases(bare=True), **_grounds(1), **_adjectives("mouth")}
    for start in {0, *_one_of(text, 0, people)}:
        yield from _some(text, (start, frozenset()), items)


def _person(text: Words, at: int) -> Iterator[tuple[Said, str]]:
    """A smiling clean-shaven woman; yields the noun, too."""
    people = {one for some in words._PEOPLE.values() for one in some}
    if text[at : at + 1] not in (("a",), ("an",)) or text[at] != _article(text, at):
        return
    begun: list[Said] = [(at + 1, frozenset())]
    for table in (_adjectives("mouth"), _adjectives("hair_style"), {_split(_SHAVEN): frozenset({"facial_hair"})}):
        begun += [more for said in begun for more in _said(text, said, table)]
    for end, spoken in begun:
        if text[end : end + 1] and text[end] in people:
            yield (end + 1, spoken), text[end]


def _clause(text: Words, said: Said, verb: str, table: Table) -> Iterator[Said]:
    """A verb, then a phrase, or several with "and" before the last."""
    at, spoken = said
    if text[at : at + 1] != (verb,):
        return
    begun = (at + 1, spoken)
    yield from _said(text, begun, table)
    for end, more in _some(text, begun, table):
        if text[end : end + 1] == ("and",):
            yield from _said(text, (end + 1, more), table)


def _some(text: Words, said: Said, table: Table) -> Iterator[Said]:
    """One phrase or more."""
    for more in _said(text, said, table):
        yield more
        yield from _some(text, more, table)


def _said(text: Words, said: Said, table: Table) -> Iterator[Said]:
    """One phrase, of an attribute that was not spoken of."""
    at, spoken = said
    for end in range(at + 1, min(at + _longest(), len(text)) + 1):
        for name in table.get(text[at:end], frozenset()) - spoken:
            yield end, spoken | {name}


def _one_of(text: Words, at: int, choices: set[Words]) -> set[int]:
    return {at + len(choice) for choice in choices if text[at : at + len(choice)] == choice}


def _article(text: Words, at: int) -> str:
    return words._with_article(" ".join(["a", *text[at + 1 : at + 2]])).split(" ")[0]


@functools.cache
def _phrases(bare: bool = False, worn: bool = False) -> Table:
    """What `captions` says of each attribute, in all colours; `bare` without articles."""
    found: dict[Words, frozenset[str]] = {}
    for name, phrases in words._PHRASES.items():
        if worn and name not in words._WORN:
            continue
        colours = _colours(words._COLOUR_OF.get(name))
        for template, colour in itertools.product(itertools.chain.from_iterable(phrases.values()), ("", *colours)):
            phrase = words._with_article(template.replace("{c}", colour and colour + " "))
            if bare:
                phrase = phrase.removeprefix("a ").removeprefix("an ")
            found[_split(phrase)] = found.get(_split(phrase), frozenset()) | {name}
    return found


@functools.cache
def _grounds(form: int) -> Table:
    phrases = (words._with_article(forms[form].replace("{c}", colour)) for forms in words._BACKGROUNDS
               for colour in _colours("background"))  # fmt: skip
    return {_split(phrase): frozenset({"background"}) for phrase in phrases}


@functools.cache
def _adjectives(name: str) -> Table:
    spoken = itertools.chain.from_iterable(words._MOUTH_ADJECTIVES.values()) if name == "mouth" else ["bald"]
    return {_split(one): frozenset({name}) for one in spoken}


def _colours(name: str | None) -> list[str]:
    values = ATTRIBUTES[name] if name else ()
    return [word for value in values for word in words._COLOURS.get(value, (value,))]


def _split(text: str) -> Words:
    return tuple(re.findall(r"[^\W_]+", text.lower()))


@functools.cache
def _longest() -> int:
    return max(len(phrase) for table in (_phrases(), _grounds(0)) for phrase in table)
