"""English captions of characters."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limner.worlds.characters.captions import Thing

_COLOURS = {
    "blonde": ("blonde", "blond", "golden"),
    "ginger": ("ginger", "orange"),
    "grey": ("grey", "gray", "silver"),
    "purple": ("purple", "violet"),
    "turquoise": ("turquoise", "teal"),
    "gold": ("gold", "golden", "amber"),
}
_OF_CLOTH = {"grey": ("grey", "gray"), "purple": ("purple", "violet")}
_PEOPLE = {
    "girl": ("girl", "girl", "young lady"),
    "boy": ("boy", "boy", "young man"),
    "": ("character", "person", "somebody"),
}
_PRONOUNS = {"girl": "she has", "boy": "he has", "": "they have"}
_OPENINGS = ("", "", "", "", "portrait of ", "a portrait of ", "a drawing of ", "an anime character: ")
_HAIR = {  # {c} is the colour and a space, or nothing
    "long straight": ("long straight {c}hair", "long {c}straight hair", "straight long {c}hair"),
    "long wavy": ("long wavy {c}hair", "wavy long {c}hair", "long {c}waves"),
    "long curly": ("long curly {c}hair", "long {c}curls"),
    "hime cut": ("a {c}hime cut", "{c}hair in a hime cut"),
    "bob": ("a {c}bob", "{c}hair in a bob", "a {c}bob cut"),
    "flipped bob": ("a flipped {c}bob", "{c}hair with flipped ends"),
    "short": ("short {c}hair", "{c}short hair"),
    "messy": ("messy {c}hair", "tousled {c}hair"),
    "spiky": ("spiky {c}hair", "{c}spikes of hair"),
    "bowl cut": ("a {c}bowl cut", "{c}hair in a bowl cut"),
    "twin tails": ("{c}twin tails", "{c}hair in twin tails"),
    "drill curls": ("{c}drill curls", "{c}ringlets"),
    "low pigtails": ("low {c}pigtails", "{c}hair in low pigtails"),
    "ponytail": ("a {c}ponytail", "a high {c}ponytail", "{c}hair in a ponytail"),
    "side ponytail": ("a {c}side ponytail", "{c}hair in a side ponytail"),
    "bun": ("a {c}bun", "{c}hair in a bun", "a {c}top knot"),
    "twin buns": ("{c}twin buns", "two {c}buns", "{c}hair in two buns"),
    "twin braids": ("{c}twin braids", "two {c}braids", "{c}hair in two braids"),
    "side braid": ("a {c}side braid", "{c}hair in a side braid"),
    "afro": ("a {c}afro", "{c}afro hair"),
    "afro puffs": ("{c}afro puffs", "{c}hair in two puffs"),
    "curly": ("short curly {c}hair", "short {c}curls"),
    "dreadlocks": ("{c}dreadlocks", "{c}dreads"),
    "mohawk": ("a {c}mohawk", "{c}hair in a mohawk"),
    "quiff": ("a {c}quiff", "{c}hair in a quiff", "a {c}pompadour"),
    "buzz cut": ("a {c}buzz cut", "buzzed {c}hair"),
    "bald": ("a bald head", "no hair"),
}
_FRINGES = {
    "straight": ("straight bangs", "a straight fringe", "blunt bangs"),
    "side-swept": ("side-swept bangs", "a side-swept fringe"),
    "parted": ("a middle part", "parted bangs", "a parted fringe"),
    "choppy": ("choppy bangs", "a choppy fringe"),
    "swept back": ("a bare forehead", "the front swept back"),
}
_STATES = {
    "open": ("open {c}eyes",),
    "happy": ("happy closed eyes", "eyes shut with joy"),
    "closed": ("closed eyes", "shut eyes"),
    "winking": ("a winking {c}eye", "{c}eyes with a wink"),
    "sleepy": ("sleepy {c}eyes", "half-closed {c}eyes"),
    "wide": ("wide {c}eyes", "wide-open {c}eyes"),
    "starry": ("starry {c}eyes", "{c}eyes with stars in them"),
    "tearful": ("tearful {c}eyes", "teary {c}eyes", "crying {c}eyes"),
}
_EYE_SHAPES = {"round": ("round", "big round"), "sharp": ("sharp", "slanted"), "droopy": ("droopy", "gentle droopy")}
_MOUTHS = {
    "smiling": ("a smile", "a friendly smile", "a smiling mouth"),
    "laughing": ("a big laugh", "a laughing mouth", "an open grin"),
    "cat-like": ("a cat-like mouth", "a cat smile"),
    "serious": ("a serious mouth", "a straight mouth"),
    "sad": ("a sad mouth", "a frown"),
    "surprised": ("a surprised mouth", "a mouth open in surprise"),
    "tongue out": ("the tongue out", "the tongue sticking out"),
}
_MOODS = {
    "smiling": ("smiling", "friendly"),
    "laughing": ("laughing", "grinning"),
    "serious": ("serious",),
    "sad": ("sad", "frowning"),
    "surprised": ("surprised", "astonished"),
}
_TABLES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "eyebrows": {
        "relaxed": ("relaxed eyebrows",),
        "raised": ("raised eyebrows", "lifted brows"),
        "angry": ("angry eyebrows", "angry brows"),
        "worried": ("worried eyebrows", "worried brows"),
    },
    "mouth": _MOUTHS,
    "cheeks": {
        "blush": ("a blush", "blushing cheeks", "rosy cheeks"),
        "freckles": ("freckles", "a freckled face"),
        "plaster": ("a plaster on one cheek", "a band-aid on the cheek"),
        "star": ("a star on one cheek", "a star painted on the cheek"),
    },
    "glasses": {
        "round": ("round glasses", "round spectacles"),
        "square": ("square red glasses", "square glasses", "rectangular glasses"),
        "sunglasses": ("sunglasses", "dark sunglasses", "shades"),
        "eyepatch": ("an eyepatch", "an eye patch"),
    },
    "earrings": {"hoops": ("hoop earrings", "golden hoops"), "gems": ("gem earrings", "earrings with gems")},
    "face": {
        "round": ("a round face",),
        "pointed": ("a pointed chin", "a pointed face"),
        "square": ("a square jaw", "a square face"),
    },
    "skin": {
        "pale": ("pale skin",),
        "light": ("light skin", "fair skin"),
        "tan": ("tan skin", "tanned skin"),
        "brown": ("brown skin",),
        "dark": ("dark skin",),
    },
}
_CLOTHES = {
    "sailor uniform": ("a {c}sailor uniform", "a {c}sailor-collar school uniform"),
    "blazer": ("a {c}blazer and a tie", "a {c}blazer"),
    "hoodie": ("a {c}hoodie", "a {c}hooded sweatshirt"),
    "t-shirt": ("a {c}t-shirt", "a {c}tee with a star"),
    "sweater": ("a {c}sweater", "a {c}turtleneck sweater"),
    "dress": ("a {c}dress", "a {c}dress with puffed sleeves"),
    "kimono": ("a {c}kimono",),
    "jacket": ("a {c}jacket", "an open {c}jacket"),
    "armour": ("{c}armour", "a suit of {c}armour", "{c}armor"),
    "overalls": ("{c}overalls", "{c}dungarees"),
    "cloak": ("a {c}cloak", "a {c}cape"),
    "winter coat": ("a {c}winter coat", "a {c}coat with a fur collar"),
    "waistcoat": ("a {c}waistcoat", "a {c}vest and bow tie"),
}
_HEADWEAR = {
    "bow": ("a {c}bow", "a {c}ribbon in the hair", "a big {c}ribbon"),
    "hair pins": ("{c}hair pins", "{c}hair clips"),
    "flower": ("a {c}flower in the hair", "a {c}flower"),
    "headphones": ("{c}headphones",),
    "crown": ("a crown", "a golden crown"),
    "halo": ("a halo", "an angel's halo"),
    "headband": ("a {c}headband", "a {c}hair band"),
    "cat ears": ("{c}cat ears",),
    "rabbit ears": ("{c}rabbit ears", "{c}bunny ears"),
    "horns": ("horns", "curved horns"),
    "beanie": ("a {c}beanie", "a {c}woolly hat"),
    "cap": ("a {c}cap", "a {c}baseball cap"),
    "witch hat": ("a {c}witch hat", "a pointed {c}hat"),
    "straw hat": ("a straw hat with a {c}ribbon", "a straw hat with a {c}band"),
    "beret": ("a {c}beret",),
}
_NECKWEAR = {"scarf": ("a {c}scarf",), "necklace": ("a necklace of gold beads", "a bead necklace")}
_PATTERNS = {
    "plain": ("plain",), "stripes": ("striped",), "dots": ("dotted", "polka-dot"), "checks": ("checked", "chequered"),
    "stars": ("starry",), "hearts": ("heart-patterned",), "rays": ("sunburst",), "clouds": ("cloudy",),
}  # fmt: skip
_GROUNDS = (("on a {c} background", "{c} background"), ("against a {c} background", "{c} background"),
            ("in front of a {c} wall", "{c} backdrop"))  # fmt: skip
_WORN = ("clothing", "headwear", "neckwear", "glasses", "earrings")


def write(style: str, person: Mapping[str, str], things: Sequence[Thing], rng: random.Random) -> str:
    """Return a caption that says all of `person` and `things`, and nothing else."""
    if style == "list" or (style == "short" and rng.random() < 0.3):
        return _list(person, things, rng)
    if style == "two sentences" and len(things) > 1:
        return _two(person, things, rng)
    return _sentence(person, things, rng)


def _word(colour: str, rng: random.Random, cloth: bool = False) -> str:
    return rng.choice((_OF_CLOTH if cloth else _COLOURS).get(colour, (colour,)))


def _coloured(
    phrases: Mapping[str, tuple[str, ...]], value: str, colour: str | None, rng: random.Random, cloth: bool
) -> str:
    options = phrases[value] if colour is None else [one for one in phrases[value] if "{c}" in one] or phrases[value]
    word = _word(colour, rng, cloth) + " " if colour else ""
    return rng.choice(options).replace("{c}", word)


def _hair(values: Mapping[str, str], rng: random.Random) -> str:
    colour, second, dye = values.get("hair_colour"), values.get("second_hair_colour"), values.get("hair_dye")
    named = _word(colour, rng) if colour else ""
    more = []
    if second and dye == "halves":
        named = rng.choice(("half {} and half {}", "half-{}, half-{}")).format(named, _word(second, rng))
    elif second:
        more.append(rng.choice(("{} tips", "{} ends")).format(_word(second, rng)))
    if "fringe" in values:
        more.append(rng.choice(_FRINGES[values["fringe"]]))
    templates = _HAIR.get(values.get("hair_style", ""), ("{c}hair",))
    text = rng.choice(templates).replace("{c}", named + " " if named else "")
    return text + (" with " + " and ".join(more) if more else "")


def _eyes(values: Mapping[str, str], rng: random.Random) -> str:
    colour = _word(values["eye_colour"], rng) + " " if "eye_colour" in values else ""
    shape = rng.choice(_EYE_SHAPES[values["eye_shape"]]) + " " if "eye_shape" in values else ""
    if "eyes" in values:
        options = [one for one in _STATES[values["eyes"]] if not colour or "{c}" in one]
        return shape + rng.choice(options).replace("{c}", colour)
    return f"{shape}{colour}eyes"


def _ground(values: Mapping[str, str], rng: random.Random, form: int) -> str:
    words = [rng.choice(_PATTERNS[values["pattern"]])] if "pattern" in values else []
    words += [_word(values["background"], rng, cloth=True)] if "background" in values else []
    return rng.choice(_GROUNDS)[form].replace("{c}", " ".join(words))


def _phrase(thing: Thing, rng: random.Random, form: int = 0) -> str:
    values = thing.values
    if thing.name == "hair":
        text = _hair(values, rng)
    elif thing.name == "eyes":
        text = _eyes(values, rng)
    elif thing.name == "background":
        text = _ground(values, rng, form)
    elif thing.name == "clothing":
        text = _coloured(_CLOTHES, values["clothing"], values.get("clothing_colour"), rng, True)
    elif thing.name == "headwear":
        text = _coloured(_HEADWEAR, values["headwear"], values.get("headwear_colour"), rng, True)
    elif thing.name == "neckwear":
        text = _coloured(_NECKWEAR, values["neckwear"], values.get("scarf_colour"), rng, True)
    else:
        text = rng.choice(_TABLES[thing.name][next(iter(values.values()))])
    return _with_article(text)


def _with_article(phrase: str) -> str:
    words = phrase.split(" ")
    pairs = zip(words, [*words[1:], ""], strict=True)
    return " ".join(("an" if after[:1] in "aeio" else "a") if word in ("a", "an") else word for word, after in pairs)


def _join(phrases: Sequence[str]) -> str:
    return phrases[0] if len(phrases) == 1 else ", ".join(phrases[:-1]) + " and " + phrases[-1]


def _subject(person: Mapping[str, str], mood: str, rng: random.Random) -> str:
    noun = rng.choice(_PEOPLE[person.get("presentation", "")])
    if noun == "somebody":
        return f"{noun} {mood}".strip()
    return _with_article(" ".join(["a", *([mood] if mood else []), noun]))


def _mood(things: list[Thing], rng: random.Random) -> str:
    """Take the mouth out of the things where an adjective says it."""
    for thing in things:
        if thing.name == "mouth" and thing.values["mouth"] in _MOODS and len(things) > 1 and rng.random() < 0.7:
            things.remove(thing)
            return rng.choice(_MOODS[thing.values["mouth"]])
    return ""


def _sentence(person: Mapping[str, str], things: Sequence[Thing], rng: random.Random) -> str:
    left = list(things)
    text = rng.choice(_OPENINGS) + _subject(person, _mood(left, rng), rng)
    place = "".join(" " + _phrase(thing, rng) for thing in left if thing.name == "background")
    apart = rng.random() < 0.6
    worn = [_phrase(thing, rng) for thing in left if thing.name in _WORN and apart]
    had = [_phrase(thing, rng) for thing in left if thing.name != "background" and not (thing.name in _WORN and apart)]
    clauses = ["with " + _join(had)] if had else []
    clauses += ["wearing " + _join(worn)] if worn else []
    text += (" " + (", " if len(had) > 1 else " ").join(clauses) if clauses else "") + place
    return text[0].upper() + text[1:] + "." if rng.random() < 0.2 else text


def _two(person: Mapping[str, str], things: Sequence[Thing], rng: random.Random) -> str:
    left = [thing for thing in things if thing.name != "background"]
    place = "".join(" " + _phrase(thing, rng) for thing in things if thing.name == "background")
    if len(left) < 2:
        return _sentence(person, things, rng)
    cut = rng.randint(1, len(left) - 1)
    first = _subject(person, "", rng) + " with " + _join([_phrase(thing, rng) for thing in left[:cut]]) + place
    second = _PRONOUNS[person.get("presentation", "")] + " " + _join([_phrase(thing, rng) for thing in left[cut:]])
    return f"{first[0].upper()}{first[1:]}. {second.capitalize()}."


def _list(person: Mapping[str, str], things: Sequence[Thing], rng: random.Random) -> str:
    left = list(things)
    mood = _mood(left, rng)
    items = [rng.choice(_PEOPLE[person.get("presentation", "")])] if person or rng.random() < 0.2 else []
    items += [_phrase(thing, rng, 1).removeprefix("a ").removeprefix("an ") for thing in left]
    items += [mood] if mood else []
    return ", ".join(items)
