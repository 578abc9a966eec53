"""Captions of an avatar: several styles, synonyms, omissions, varying order; true always.

A caption is put together from clauses, one per visible attribute. An attribute that is None gives no clause,
so what is hidden cannot be mentioned.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

Attributes = Mapping[str, str | None]
Phrases = dict[str, tuple[str, ...]]

CAPTIONS = 5
"""Captions for each picture."""

_PEOPLE = {
    "woman": ("woman", "woman", "woman", "lady", "person"),
    "man": ("man", "man", "man", "guy", "person"),
    None: ("person", "person", "character", "human"),
}
_PRONOUNS = {"woman": "she", "man": "he", None: "they"}
_OPENINGS = (
    "",
    "",
    "",
    "",
    "portrait of ",
    "a portrait of ",
    "an avatar of ",
    "a picture of ",
    "a drawing of ",
)
_COLOURS = {
    "grey": ("grey", "gray"),
    "ginger": ("ginger", "orange"),
    "blonde": ("blonde", "blond", "golden"),
    "purple": ("purple", "violet"),
}
_HAIR: Phrases = {  # {c} is the colour and a space, or nothing
    "long straight": ("long straight {c}hair", "long {c}straight hair", "{c}long straight hair"),
    "long wavy": ("long wavy {c}hair", "wavy {c}hair", "long {c}waves"),
    "curly": ("curly {c}hair", "curly {c}hair", "{c}curly hair", "{c}curls"),
    "afro": ("a {c}afro", "{c}afro hair"),
    "bob": ("a {c}bob", "a {c}bob cut", "{c}hair in a bob"),
    "bun": ("{c}hair in a bun", "a {c}bun", "{c}hair tied in a bun"),
    "pixie": ("a {c}pixie cut", "{c}pixie hair"),
    "dreadlocks": ("{c}dreadlocks", "{c}dreads"),
    "braids": ("{c}braids", "braided {c}hair"),
    "messy": ("messy {c}hair", "{c}messy hair", "tousled {c}hair"),
    "short": ("short {c}hair", "{c}short hair"),
    "buzz cut": ("a {c}buzz cut", "buzzed {c}hair"),
    "quiff": ("a {c}quiff", "{c}hair in a quiff"),
    "mohawk": ("a {c}mohawk", "{c}hair in a mohawk"),
    "balding": ("thinning {c}hair", "balding {c}hair"),
    "bald": ("a bald head", "no hair"),
}
_FACIAL_HAIR: Phrases = {
    "moustache": ("a {c}moustache", "a {c}mustache"),
    "handlebar moustache": ("a {c}handlebar moustache", "a curled {c}moustache"),
    "light beard": ("a light {c}beard", "a trimmed {c}beard"),
    "full beard": ("a full {c}beard", "a thick {c}beard"),
    "long beard": ("a long {c}beard", "a big {c}beard"),
}
_GLASSES: Phrases = {
    "round": ("round glasses", "round glasses", "round spectacles"),
    "square": ("square glasses", "square spectacles", "rectangular glasses"),
    "sunglasses": ("sunglasses", "dark sunglasses", "shades"),
    "white sunglasses": ("white sunglasses", "white-framed sunglasses"),
    "eyepatch": ("an eyepatch", "an eye patch"),
}
_EYES: Phrases = {
    "open": ("open eyes",),
    "closed": ("closed eyes", "shut eyes"),
    "happy": ("happy eyes", "cheerful eyes"),
    "wide": ("wide eyes", "wide open eyes"),
    "squinting": ("squinting eyes", "narrowed eyes"),
    "winking": ("a winking eye", "a wink"),
    "sideways": ("a sideways glance", "eyes looking sideways"),
    "hearts": ("heart eyes", "heart-shaped eyes"),
}
_EYEBROWS: Phrases = {
    "relaxed": ("relaxed eyebrows",),
    "raised": ("raised eyebrows", "lifted eyebrows"),
    "angry": ("angry eyebrows", "angry brows"),
    "worried": ("worried eyebrows", "worried brows"),
    "flat": ("flat eyebrows", "straight eyebrows"),
    "one raised": ("one raised eyebrow", "one eyebrow raised"),
}
_MOUTH_ADJECTIVES = {
    "smiling": ("smiling", "smiling", "happy"),
    "grinning": ("grinning", "laughing"),
    "serious": ("serious", "serious-looking"),
    "sad": ("sad", "sad-looking"),
    "shocked": ("shocked", "astonished"),
    "grimacing": ("grimacing",),
}
_MOUTHS: Phrases = {
    "smiling": ("a smile", "a friendly smile", "a smiling mouth"),
    "grinning": ("a big grin", "a wide grin", "a broad grin"),
    "serious": ("a serious mouth", "a straight face"),
    "sad": ("a sad mouth", "a frowning mouth"),
    "shocked": ("a shocked mouth", "a gaping mouth"),
    "tongue out": ("the tongue out", "the tongue sticking out"),
    "grimacing": ("gritted teeth", "a grimace"),
}
_SKIN: Phrases = {
    "pale": ("pale skin",),
    "light": ("light skin", "fair skin"),
    "tan": ("tan skin", "tanned skin"),
    "brown": ("brown skin",),
    "dark": ("dark skin",),
}
_CLOTHES: Phrases = {
    "hoodie": ("a {c}hoodie", "a {c}hoodie", "a {c}hooded sweatshirt"),
    "t-shirt": ("a {c}t-shirt", "a {c}tee", "a {c}crew neck shirt"),
    "v-neck shirt": ("a {c}v-neck shirt", "a {c}v-neck"),
    "scoop neck top": ("a {c}scoop neck top", "a {c}scoop neck shirt"),
    "sweater": ("a {c}sweater", "a {c}jumper", "a {c}sweater with a collar"),
    "blazer": ("a blazer over a {c}shirt", "a jacket and a {c}shirt"),
    "suit": ("a suit with a {c}tie", "a suit and a {c}tie"),
}
_HATS: Phrases = {
    "hat": ("a {c}hat", "a {c}wide-brimmed hat", "a {c}brimmed hat"),
    "beanie": ("a {c}beanie", "a {c}beanie", "a {c}woolly hat"),
    "cat-ear beanie": ("a {c}cat-ear beanie", "a {c}beanie with cat ears"),
    "earflap hat": ("a {c}earflap hat", "a {c}winter hat with earflaps"),
    "turban": ("a {c}turban",),
    "hijab": ("a {c}hijab", "a {c}headscarf"),
}
_BACKGROUNDS = (
    ("on a {c} background", "{c} background"),
    ("against a {c} background", "{c} background"),
    ("in front of a {c} wall", "{c} backdrop"),
)
_COLOUR_OF = {
    "hair_style": "hair_colour",
    "facial_hair": "facial_hair_colour",
    "clothing": "clothing_colour",
    "hat": "hat_colour",
}
_PHRASES: dict[str, Phrases] = {
    "hair_style": _HAIR,
    "facial_hair": _FACIAL_HAIR,
    "glasses": _GLASSES,
    "eyes": _EYES,
    "eyebrows": _EYEBROWS,
    "mouth": _MOUTHS,
    "skin_tone": _SKIN,
    "clothing": _CLOTHES,
    "hat": _HATS,
}
_WORN = ("glasses", "clothing", "hat")
# How often an attribute is spoken of, relative to the caption's own rate: people name hair before eyebrows.
_WEIGHT = {"eyes": 0.7, "eyebrows": 0.6, "skin_tone": 0.7, "background": 0.8}
_PLAIN = {"open", "relaxed"}


def describe(attributes: Attributes, rng: random.Random) -> tuple[str, ...]:
    """Return `CAPTIONS` true captions of an avatar with these attributes, in different styles."""
    styles: list[Callable[[Attributes, random.Random], str]] = [
        lambda a, r: _sentence(a, r, _choose(a, r, 0.9)),
        lambda a, r: _sentence(a, r, _choose(a, r, 0.55)),
        lambda a, r: _comma_list(a, r, _choose(a, r, 0.75)),
        _short,
    ]
    last = rng.choice([*styles, _two_sentences, _two_sentences])
    return tuple(write(attributes, rng) for write in (*styles, last))


def _visible(attributes: Attributes) -> list[str]:
    """Return the attributes a caption may speak of."""
    names = [name for name in (*_PHRASES, "background") if attributes[name] not in (None, "none")]
    assert len(names) > 3, "mouth, skin, background and clothes or a hat can always be seen"
    return names


def _choose(attributes: Attributes, rng: random.Random, rate: float) -> list[str]:
    """Return at least two attributes to speak of, each kept at about ``rate``."""
    names = _visible(attributes)
    kept = []
    for name in names:
        plain = 0.25 if attributes[name] in _PLAIN else 1.0
        if rng.random() < rate * _WEIGHT.get(name, 1.0) * plain:
            kept.append(name)
    return kept if len(kept) >= 2 else rng.sample(names, 2)


def _phrase(attributes: Attributes, name: str, rng: random.Random) -> str:
    value = attributes[name]
    assert value is not None, f"{name} cannot be seen and must not be mentioned"
    phrase = rng.choice(_PHRASES[name][value])
    colour = attributes[_COLOUR_OF[name]] if name in _COLOUR_OF else None
    spoken = colour is not None and rng.random() < 0.92
    word = rng.choice(_COLOURS.get(str(colour), (str(colour),))) + " " if spoken else ""
    return _with_article(phrase.replace("{c}", word))


def _with_article(phrase: str) -> str:
    words = phrase.split(" ")
    pairs = zip(words, [*words[1:], ""], strict=True)
    return " ".join("an" if word == "a" and after[:1] in "aeio" and after else word for word, after in pairs)


def _background(attributes: Attributes, rng: random.Random, form: int) -> str:
    phrase = rng.choice(_BACKGROUNDS)[form]
    colour = str(attributes["background"])
    return _with_article(phrase.replace("{c}", rng.choice(_COLOURS.get(colour, (colour,)))))


def _join(phrases: Sequence[str]) -> str:
    """Join as English does: ``a, b and c``."""
    return phrases[0] if len(phrases) == 1 else ", ".join(phrases[:-1]) + " and " + phrases[-1]


def _subject(attributes: Attributes, rng: random.Random, names: list[str]) -> str:
    """Return "a smiling woman"; removes the attributes that its adjective states from ``names``."""
    person = rng.choice(_PEOPLE[attributes["presentation"]])
    adjectives = []
    if "mouth" in names and attributes["mouth"] in _MOUTH_ADJECTIVES and rng.random() < 0.75:
        adjectives.append(rng.choice(_MOUTH_ADJECTIVES[str(attributes["mouth"])]))
        names.remove("mouth")
    if "hair_style" in names and attributes["hair_style"] == "bald" and rng.random() < 0.7:
        adjectives.append("bald")
        names.remove("hair_style")
    if attributes["presentation"] == "man" and attributes["facial_hair"] == "none" and rng.random() < 0.12:
        adjectives.append("clean-shaven")
    return _with_article(" ".join(["a", *adjectives, person]))


def _sentence(attributes: Attributes, rng: random.Random, names: list[str]) -> str:
    """Return "a smiling woman with curly red hair, round glasses and a blue hoodie on a grey background"."""
    names = list(names)
    text = rng.choice(_OPENINGS) + _subject(attributes, rng, names)
    place = _background(attributes, rng, 0) if "background" in names else ""
    names = [name for name in names if name != "background"]
    if rng.random() < 0.6:
        rng.shuffle(names)
    worn = [name for name in names if name in _WORN] if rng.random() < 0.55 else []
    had = [name for name in names if name not in worn]
    clauses = []
    if had:
        clauses.append("with " + _join([_phrase(attributes, name, rng) for name in had]))
    if worn:
        clauses.append("wearing " + _join([_phrase(attributes, name, rng) for name in worn]))
    # Two lists in a row need a comma between them where the first holds an "and".
    text += " " + (", " if len(had) > 1 else " ").join(clauses) if clauses else ""
    return _finish(text + (" " + place if place else ""), rng)


def _two_sentences(attributes: Attributes, rng: random.Random) -> str:
    """Return "A woman with curly red hair. She has round glasses and a smile."."""
    names = [name for name in _choose(attributes, rng, 0.7) if name != "background"]
    rest = [name for name in _visible(attributes) if name not in names and name != "background"]
    while len(names) < 2:
        names.append(rest.pop())
    rng.shuffle(names)
    cut = rng.randint(1, len(names) - 1)
    person = _with_article("a " + rng.choice(_PEOPLE[attributes["presentation"]]))
    pronoun = _PRONOUNS[attributes["presentation"]]
    has = "have" if pronoun == "they" else "has"
    first = f"{person} with " + _join([_phrase(attributes, name, rng) for name in names[:cut]])
    second = f"{pronoun} {has} " + _join([_phrase(attributes, name, rng) for name in names[cut:]])
    return f"{first[0].upper()}{first[1:]}. {second.capitalize()}."


def _comma_list(attributes: Attributes, rng: random.Random, names: list[str]) -> str:
    """Return "woman, curly red hair, round glasses, blue hoodie, smiling"."""
    names = list(names)
    if rng.random() < 0.6:
        rng.shuffle(names)
    items = [] if rng.random() < 0.2 else [rng.choice(_PEOPLE[attributes["presentation"]])]
    for name in names:
        if name == "background":
            items.append(_background(attributes, rng, 1))
        elif name == "mouth" and attributes["mouth"] in _MOUTH_ADJECTIVES and rng.random() < 0.6:
            items.append(rng.choice(_MOUTH_ADJECTIVES[str(attributes["mouth"])]))
        else:
            items.append(_phrase(attributes, name, rng).removeprefix("a ").removeprefix("an "))
    return ", ".join(items)


def _short(attributes: Attributes, rng: random.Random) -> str:
    """Return two or three attributes only: "woman with curly red hair and a blue hoodie"."""
    names = [name for name in _visible(attributes) if attributes[name] not in _PLAIN]
    rng.shuffle(names)
    names = names[: rng.choice((2, 3))]
    if rng.random() < 0.25:
        return _comma_list(attributes, rng, names)
    return _sentence(attributes, rng, names)


def _finish(text: str, rng: random.Random) -> str:
    """Write one sentence in five with a capital and a full stop."""
    return text[0].upper() + text[1:] + "." if rng.random() < 0.2 else text
