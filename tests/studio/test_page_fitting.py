"""What of a text goes so that a value is seen: the page's words/fitting.js before a judge that is made up here."""

import pytest

import limner
from nodes import node

RUN = """
const { Phrases } = await import(`${page}/words/phrases.js`);
const { fitting } = await import(`${page}/words/fitting.js`);
const phrases = new Phrases(given.attributes, given.words, given.examples);
const looked = [];
const see = (text) => {
  looked.push(text);
  const said = phrases.valuesIn(text);
  const isHidden = given.hiding.some((some) => some.every((name) => name in said));
  const changed = given.without.filter((name) => !(name in said));
  const all = { background: "blue", ...said, ...Object.fromEntries(changed.map((name) => [name, "another"])) };
  return isHidden ? { ...all, glasses: "none" } : all;
};
const steps = fitting(phrases, given.text, { name: "glasses", value: "sunglasses" });
let step = steps.next();
while (!step.done) step = steps.next(step.value.map(see));
return [step.value, looked.length];
"""
TEXT = "a woman with wide eyes, raised eyebrows and curly red hair, sunglasses"


@pytest.fixture(scope="module")
def avatars():
    return limner.load("avatars").system.schema


@pytest.mark.parametrize(
    ("hiding", "without", "written"),
    [
        ([], [], TEXT),
        ([["eyes"]], [], "a woman, raised eyebrows and curly red hair, sunglasses"),
        # of two that would do, the hair stays: without it another picture would come
        ([["eyes", "hair_style"]], ["hair_colour"], "a woman, raised eyebrows and curly red hair, sunglasses"),
        ([["eyes"], ["eyebrows"]], [], "a woman, and curly red hair, sunglasses"),
    ],
)
def test_what_hides_a_value_goes_and_nothing_else(avatars, hiding, without, written):
    given = {"attributes": dict(avatars.attributes), "words": avatars.lexicon.words, "examples": avatars.examples}
    said, looks = node(RUN, given | {"text": TEXT, "hiding": hiding, "without": without})
    assert said == written
    assert looks == 1 if not hiding else looks <= 12, "nobody looks for what is there"


def test_a_value_that_nothing_makes_seen_leaves_the_words_as_they_are(avatars):
    given = {"attributes": dict(avatars.attributes), "words": avatars.lexicon.words, "examples": avatars.examples}
    assert node(RUN, given | {"text": TEXT, "hiding": [["glasses"]], "without": []})[0] == TEXT
