"""Nothing that a person asks for grows in memory: requests, seeds and pictures are made when it is their turn.

Measured is what Python allocates at most (tracemalloc), with numbers of which a list alone would take gigabytes.
"""

from __future__ import annotations

import itertools
import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from artists import TEXTS, published
from limner.data.table_files import table_lines
from limner.drawing import bulk, held, recipe
from limner.drawing.artist import Artist, load
from limner.drawing.interpolation import Rows, morph_rows, walk_rows
from limner.errors import UserError
from limner.files import write_file
from limner.requests import Caption, between
from limner.system import Draft

MANY = 10**9
LITTLE = 2 * 2**20
"""Bytes: less than a list of a hundred thousand rows."""


@pytest.fixture(scope="module")
def artist(tmp_path_factory: pytest.TempPathFactory) -> Artist:
    return load(published(tmp_path_factory.mktemp("artist") / "hats"), device="cpu")


def peak(work: Callable[[], Any]) -> int:
    """Return the bytes that Python allocates at most, beyond what it has, while it does some work."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_thousand_million_pictures_take_the_memory_of_a_few(artist: Artist) -> None:
    drawn: list[bytes] = []

    def first(n: int) -> None:
        drawn[:] = [image.tobytes() for image in itertools.islice(artist.each(TEXTS, n, 5, batch=4), 6)]

    first(3)  # what torch and Pillow keep for good is not counted
    assert peak(lambda: first(MANY)) < peak(lambda: first(8)) + LITTLE // 8
    assert drawn[:3] == [image.tobytes() for image in artist.draw(TEXTS[0], 3, 5)]


def test_rows_are_reached_by_their_numbers_without_those_before() -> None:
    a, b = Caption("a red hat"), Caption("a blue hat")

    def far() -> None:
        morph, walk = morph_rows(a, b, MANY + 1, 7), walk_rows(a, [3, 9, 4], MANY)
        assert morph[MANY // 4] == (between(a, b, 0.25), 7) and morph[-1] == (b, 7)
        assert walk[MANY] == (a, 9) and walk[MANY * 3 // 2] == (a, (9, 4, 0.5)) and len(walk) == 2 * MANY + 1
        joined = Rows.joined([morph[:2], walk, Rows.of([b], range(5, 5 + MANY))])
        assert joined[1] == morph[1] and joined[2] == walk[0] and joined[-1] == (b, 4 + MANY)
        with pytest.raises(IndexError):
            joined[len(joined)]

    assert peak(far) < LITTLE // 8


def test_what_would_be_kept_together_is_refused_before_anything_is_drawn(
    artist: Artist, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> Iterator[Draft]:
        raise AssertionError("it was drawn")

    monkeypatch.setattr(artist.system, "sample", never)
    for ask in (
        lambda: artist.draw(TEXTS[0], MANY),
        lambda: artist.draw(TEXTS, held.MOST_PIXELS // 64 // 2 + 1),  # 8 x 8 pixels; both together are too many
        lambda: artist.morph(*TEXTS[:2], MANY),
        lambda: artist.walk(TEXTS[0], (0, 1), MANY),
        lambda: next(artist.drafts(TEXTS[0], MANY)),
    ):
        with pytest.raises(UserError, match="too many to keep in memory, 8,388,608 are the limit"):
            ask()
    with pytest.raises(UserError, match="more than there are seeds"):
        artist.plan(TEXTS, 2**53 - 10, 0)


@pytest.mark.parametrize("kind", [".csv", ".jsonl", ".txt"])
def test_a_file_of_prompts_is_read_line_by_line(
    artist: Artist, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "LOOKED_AT", 10)

    def file(count: int) -> Path:
        path = tmp_path / f"{count}{kind}"
        line = {".csv": '"{}",glad\n', ".jsonl": '{{"text": "{}", "mood": "glad"}}\n', ".txt": "{}\n"}[kind]
        path.write_text(("text,mood\n" if kind == ".csv" else "") + line.format(TEXTS[0] + " " * 300) * count)
        return path

    few, many = file(20), file(700)
    bulk.read_prompts(few, artist)
    assert len(bulk.read_prompts(many, artist)) == 700
    assert peak(lambda: bulk.read_prompts(many, artist)) < peak(lambda: bulk.read_prompts(few, artist)) + 2**17


def test_a_csv_of_any_length_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_bytes(b"text,mood\r\n" + b'"two\nlines",glad\r\n' * 200_000)
    found: list[Any] = []
    assert peak(lambda: found.extend(itertools.islice(table_lines(path), 3))) < LITTLE // 8
    assert found == [(number, {"text": "two\nlines", "mood": "glad"}) for number in (2, 4, 6)]


def test_a_file_of_prompts_is_drawn_as_it_is_read(
    artist: Artist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "p.txt"
    file.write_text("\n".join(TEXTS[:2]))
    write, written = recipe.write, list[Path]()

    def stops(image: Any, path: Path) -> Path:
        written.append(write(image, path))
        if len(written) == 3:
            raise KeyboardInterrupt
        return path

    def draw(n: int) -> None:
        written.clear()
        with pytest.raises(KeyboardInterrupt):
            bulk.draw_all(artist, file, tmp_path / str(n), n=n, seed=1, batch=2)

    monkeypatch.setattr(recipe, "write", stops)
    draw(10)
    assert peak(lambda: draw(MANY)) < LITTLE // 8
    assert json.loads((tmp_path / str(MANY) / bulk.JOB).read_bytes())["n"] == MANY


def test_a_file_of_prompts_that_changes_meanwhile_is_told(
    artist: Artist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, write = tmp_path / "p.txt", recipe.write
    file.write_text("\n".join(TEXTS[:2]))

    def edits(image: Any, path: Path) -> Path:
        file.write_text("\n".join(TEXTS[:2]) + "\n\n")
        return write(image, path)

    monkeypatch.setattr(recipe, "write", edits)
    with pytest.raises(UserError, match="was changed while it was drawn"):
        bulk.draw_all(artist, file, tmp_path / "out", seed=1)
    assert not (tmp_path / "out" / bulk.METADATA).exists()


def test_a_file_is_written_in_parts(tmp_path: Path) -> None:
    assert peak(lambda: write_file(tmp_path / "long", (b"x" * 2**16 for _ in range(200)))) < 2**19
    assert (tmp_path / "long").stat().st_size == 200 * 2**16
