"""The languages of the page: a file each, with every text of the page and no other."""

from __future__ import annotations

from typing import Any

import pytest

from limner.studio.page_files import FOLDER, languages
from nodes import node
from page_texts import texts

HOLE = "{}"


@pytest.fixture(scope="module")
def known() -> dict[str, dict[str, str]]:
    program = """
        const found = {};
        for (const code of given) found[code] = (await import(`${page}/lang/${code}.js`)).default;
        return found;
    """
    found: dict[str, dict[str, str]] = node(program, languages())
    return found


def test_there_are_two_beside_english() -> None:
    assert languages() == ["ru", "zh"]


@pytest.mark.parametrize("code", languages())
def test_each_has_every_text_with_its_holes(known: dict[str, dict[str, str]], code: str) -> None:
    assert sorted(texts() ^ set(known[code])) == []
    assert [text for text, other in known[code].items() if text.count(HOLE) != other.count(HOLE)] == []


def test_texts_and_labels_are_put_otherwise_and_what_is_put_in_is_not() -> None:
    program = """
        globalThis.navigator ??= {};
        Object.defineProperty(globalThis, "navigator", { value: { languages: ["xx-YY", "en"] }, configurable: true });
        globalThis.fetch = async () => ({ json: async () => ({ languages: ["ru"] }) });
        const lang = await import(`${page}/lang.js`);
        globalThis.document = { documentElement: {} };
        Object.defineProperty(globalThis, "navigator", { value: { languages: ["ru-RU"] }, configurable: true });
        await lang.speak();
        const element = lang.html`<p title="Undo" class="Undo">${"Undo"} <b>${3} chosen</b></p>`;
        const { props: { title, class: of, children } } = element;
        const bold = children[2].props.children.join("");
        return [title, of, children[0], bold, lang.say`${4} deleted`, document.documentElement.lang];
    """
    found: Any = node(program, None)
    assert found[1:3] == ["Undo", "Undo"] and found[5] == "ru"
    assert (found[0], found[3], found[4]) == ("Вернуть назад", "выбрано: 3", "удалено: 4")


def test_each_file_is_one_language() -> None:
    assert sorted(path.stem for path in (FOLDER / "lang").iterdir()) == languages()
