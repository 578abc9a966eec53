"""How chips become words and words chips: the page's phrases.js, run by node."""

import random

import pytest

import limner
from limner.data.schema import Lexicon, Schema
from nodes import node

RUN = """
const { Phrases } = await import(`${page}/words/phrases.js`);
const phrases = new Phrases(given.attributes, given.words, given.examples);
return given.asked.map(([what, ...some]) => phrases[what](...some));
"""


def asked(schema, calls):
    """Return what methods of the page's Phrases answer, each call a list of its name and what it is given."""
    given = {"attributes": dict(schema.attributes), "words": schema.lexicon.words, "examples": schema.examples}
    return node(RUN, given | {"asked": calls})


@pytest.fixture(scope="module")
def avatars():
    return limner.load("avatars").system.schema


def test_what_is_chosen_is_said_in_known_words_and_found_again(avatars):
    dice = random.Random(7)
    real = {name: [value for value in values if value != "none"] for name, values in avatars.attributes.items()}
    chosen = [{name: dice.choice(real[name]) for name in real if dice.random() < 0.4} for _ in range(300)]
    said = asked(avatars, [["say", one] for one in chosen])
    assert [text for text in said if avatars.lexicon.unknown(text)] == []
    for one, found in zip(chosen, asked(avatars, [["valuesIn", text] for text in said]), strict=True):
        # A colour alone is said of "a beard" or "a hat", which are values too.
        known = {name: one.get(name, found.get(name)) for name in found}
        assert found == known and one.items() <= found.items()


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"hair_style": "curly", "hair_colour": "red"}, "curly red hair"),
        ({"hair_style": "afro", "hair_colour": "red"}, "red afro"),
        ({"hat": "cat-ear beanie", "hat_colour": "blue"}, "blue cat-ear beanie"),
        ({"facial_hair": "long beard", "facial_hair_colour": "grey"}, "long grey beard"),
        ({"clothing": "suit", "clothing_colour": "red"}, "suit with a red tie"),
        ({"clothing_colour": "red"}, "red shirt"),
        ({"eyes": "hearts", "eyebrows": "one raised"}, "heart eyes, one raised eyebrow"),
        ({"hat": "none", "glasses": "none"}, ""),
    ],
)
def test_a_colour_stands_with_what_it_colours(avatars, chosen, said):
    assert asked(avatars, [["say", chosen]]) == [said]


@pytest.mark.parametrize(
    ("text", "name", "value", "written"),
    [
        ("", "hat", "beanie", "beanie"),
        ("a man with a mohawk.", "hat", "beanie", "a man with a mohawk, beanie."),
        ("a man with a mohawk on grey", "hair_style", "curly", "a man with curly hair on grey"),
        ("a man with curly hair", "hair_style", "afro", "a man with an afro"),
        ("a woman, curly red hair", "hair_colour", "blue", "a woman, curly blue hair"),
        ("a woman, curly red hair", "hair_style", None, "a woman, red hair"),
        ("a woman with a red beanie and a smile", "hat", None, "a woman with a smile"),
        ("a smiling woman", "mouth", "sad", "a woman, sad mouth"),
        ("a man wearing a blazer over a green shirt", "clothing", "hoodie", "a man wearing a green hoodie"),
        ("a man on a blue background", "background", None, "a man"),
        ("a man, sunglasses, smiling", "glasses", "none", "a man, smiling"),
        ("A sad man. He has a red beanie.", "hat", None, "A sad man."),
        ("A sad man. He is wearing a red beanie. A blue wall.", "hat", None, "A sad man. A blue wall."),
        ("a man who has sunglasses", "glasses", None, "a man"),
        ("The man is wearing sunglasses, smiling", "glasses", None, "The man, smiling"),
    ],
)
def test_a_chip_is_written_into_what_is_there(avatars, text, name, value, written):
    assert asked(avatars, [["choose", text, name, value]]) == [written]


def test_things_that_are_told_by_their_place():
    schema = limner.load("clevr-stories").system.schema
    line = "a large blue rubber cube, far left at the back"
    found, moved = asked(schema, [["valuesIn", line], ["choose", line, "far left back colour", "red"]])
    assert found == {
        "far left back size": "large", "far left back colour": "blue",
        "far left back material": "rubber", "far left back shape": "cube",
    }  # fmt: skip
    assert moved == "a large red rubber cube, far left back"
    assert asked(schema, [["choose", line, "far left back shape", None]]) == [""]
    (both,) = asked(schema, [["choose", line, "right front shape", "sphere"]])
    assert asked(schema, [["valuesIn", both]]) == [found | {"right front shape": "sphere"}]


def test_any_schema_is_put_into_words():
    schema = Schema(
        size=8,
        lexicon=Lexicon.of(["small bird with red wings and a hooked bill, smiling, eyeglasses, large curved black"]),
        attributes={
            "eyeglasses": ("no", "yes"), "has_bill_shape": ("curved", "hooked"), "size": ("large", "small"),
            "smiling": ("no", "yes"), "tail (upper)": ("forked", "none"), "wing_color": ("black", "red"),
        },
    )  # fmt: skip
    chosen = {"eyeglasses": "yes", "has_bill_shape": "hooked", "size": "small", "smiling": "yes", "wing_color": "red"}
    text = "eyeglasses, hooked bill, small, smiling, red wings"
    assert asked(schema, [["say", chosen], ["say", {"smiling": "no"}], ["valuesIn", text]]) == [text, "", chosen]
    taken = [["choose", text, name, None] for name in chosen]
    assert asked(schema, taken) == [text.replace(f"{part}, ", "") for part in text.split(", ")[:-1]] + [
        "eyeglasses, hooked bill, small, smiling"
    ]


@pytest.mark.parametrize(
    ("text", "left", "denied"),
    [
        ("a man without a beard", "a man", ["beard"]),
        ("a woman with no glasses and a red hat", "a woman and a red hat", ["glasses"]),
        ("not a man, a blue hoodie", "a woman, a blue hoodie", ["man"]),
        ("a man without a long grey beard, with a hat", "a man, with a hat", ["long grey beard"]),
        ("a man with curly hair without an umbrella", "a man with curly hair without an umbrella", []),
        ("a notable man on snow", "a notable man on snow", []),
    ],
)
def test_what_is_said_not_to_be_there_is_taken_out(avatars: Schema, text: str, left: str, denied: list[str]) -> None:
    program = """
        const { Phrases } = await import(`${page}/words/phrases.js`);
        const { affirmed } = await import(`${page}/words/negation.js`);
        const { attributes, words, examples, text } = given;
        return affirmed(new Phrases(attributes, words, examples), text);
    """
    given = {
        "attributes": {name: list(values) for name, values in avatars.attributes.items()},
        "words": list(avatars.lexicon.words), "examples": list(avatars.examples), "text": text,
    }  # fmt: skip
    assert node(program, given) == {"text": left, "denied": denied}


def test_a_line_of_many_generations_goes_on_and_keeps_a_short_name() -> None:
    found = node(
        """
        const requests = await import(`${page}/requests.js`);
        let [child, seed] = [{ kind: "caption", text: "a man" }, 0];
        for (let n = 1; n <= 70; n += 1) {
          child = requests.between(child, { kind: "caption", text: `a hat ${n}` }, 0.4);
          seed = requests.seedBetween(seed, n, 0.4);
        }
        const twins = requests.between(child, { ...child, t: 0.3 }, 0.5);
        return [requests.parts(child), requests.parts(twins), requests.textOf(child), JSON.stringify(seed).length];
        """,
        None,
    )
    assert found[:2] == [64, 64] and found[3] < 2000
    assert found[2] == "40 % a hat 70 / 24 % a hat 69 and 62 more"
