"""Sentences without pictures, for systems that write: SNLI (Bowman et al. 2015) and its like, or a sentence a line.

Read from one file, or from the files of a folder, whose names tell their split:

    snli_1.0_train.jsonl snli_1.0_dev.jsonl snli_1.0_test.jsonl    snli_1.0.zip
        {"sentence1": "A person on a horse jumps.", "sentence2": "A person is outdoors.", "gold_label": "neutral", ...}
    captions.jsonl                                                 {"text": "a red hat"}
    captions.txt                                                   a red hat

Both sentences of a pair are taken, and each distinct sentence once: a premise of SNLI stands in three pairs. One that
is also trained on is left out of what is held out. Of a folder the .jsonl files are read, or the .txt files where
there is none: SNLI's own .txt files are tables that say the same. The result has the column `text` and no pictures;
it opens like any other set, for systems that read sentences alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from limner.data.importers.reading import WAYS
from limner.data.importers.writing import VERSION, put
from limner.data.splits import split_in
from limner.data.table_files import table_lines
from limner.errors import UserError

_ENDINGS = (".jsonl", ".txt")
_ROWS_PER_SHARD = 100_000


@dataclass(frozen=True, eq=False)
class Sentences:
    """All sentences that an import will write."""

    texts: dict[str, Sequence[str]]
    """By split."""
    way: str
    """How they were split: one of `WAYS`."""
    notes: Sequence[str]
    """What a person should know: sentences left out, and why."""

    def counts(self) -> dict[str, int]:
        """Return the number of sentences of each split that has any."""
        return {split: len(texts) for split, texts in self.texts.items() if texts}


def plan(path: Path) -> Sentences:
    """Return what an import of the sentences in a file, or the files of a folder, will write.

    Raises:
        UserError: there are none, a line is of another form, or the name of one of several files tells no split.
    """
    files = _files(path)
    found: dict[str, dict[str, None]] = {"train": {}, "validation": {}, "test": {}}
    read = 0
    for file, split in files:
        for text in _sentences(file):
            read += 1
            found[split][text] = None
    if not found["train"]:
        raise UserError(f"{path} has no sentence to train on")
    seen: set[str] = set()
    texts: dict[str, Sequence[str]] = {}
    for split, some in found.items():
        texts[split] = [text for text in some if text not in seen]
        seen.update(some)
    both = sum(map(len, found.values())) - sum(map(len, texts.values()))
    again = read - sum(map(len, found.values()))
    notes = [f"{again} sentences that stand there again are left out"] if again else []
    notes += (
        [f"{both} held-out sentences that are also trained on, or held out elsewhere, are left out"] if both else []
    )
    return Sentences(texts, "files" if len({split for _, split in files}) > 1 else "none", notes)


def write(plan: Sentences, out: Path, *, progress: Callable[[int, int], None] | None = None) -> Path:
    """Write `train-*.parquet` and so on, and a card, to the folder `out`; return it.

    `progress` is called with (sentences done, in all). What was imported already is left as it is.

    Raises:
        UserError: `out` holds something else or cannot be written.
    """
    shards = []
    hashed = hashlib.blake2b(digest_size=16)
    for split, count in plan.counts().items():
        pieces = -(-count // _ROWS_PER_SHARD)
        for number in range(pieces):
            some = plan.texts[split][number * _ROWS_PER_SHARD : (number + 1) * _ROWS_PER_SHARD]
            shards.append((f"{split}-{number:05d}-of-{pieces:05d}.parquet", len(some), partial(_shard, some)))
        hashed.update("\n".join([split, *plan.texts[split]]).encode("utf-8", "surrogatepass"))
    record: dict[str, Any] = {"what": "sentences", "version": VERSION, "split": plan.way, "sentences": plan.counts()}
    return put(out, record | {"content": hashed.hexdigest()}, shards, _card(plan), progress)


def _files(path: Path) -> list[tuple[Path, str]]:
    """Return the files to read, each with its split."""
    if path.is_file():
        if path.suffix not in _ENDINGS:
            raise UserError(f"{path} is neither .jsonl nor .txt: give sentences as one of them")
        return [(path, "train")]
    if not path.is_dir():
        raise UserError(f"there is no file or folder {path}")
    files = next((found for ending in _ENDINGS if (found := sorted(path.glob(f"*{ending}")))), [])
    if not files:
        raise UserError(f"{path} has no .jsonl or .txt file: give a file of sentences, or the folder of SNLI's")
    splits = [split_in(file.stem) or ("train" if len(files) == 1 else "") for file in files]
    if "" in splits:
        strange = files[splits.index("")]
        raise UserError(f"the name of {strange} tells no split: call the files train, dev and test, or give one alone")
    return list(zip(files, splits, strict=True))


def _sentences(path: Path) -> Iterator[str]:
    """Yield the sentences of a file in order, blanks reduced to one."""
    try:
        if path.suffix == ".txt":
            with path.open(encoding="utf-8-sig") as file:
                yield from (text for line in file if (text := " ".join(line.split())))
            return
        for number, line in table_lines(path):
            if isinstance(line, str):
                raise UserError(f"{path}:{number}: {line}")
            said = [
                line[key] for key in (("sentence1", "sentence2") if "sentence1" in line else ("text",)) if key in line
            ]
            if not said or ("sentence1" in line and len(said) < 2) or not all(isinstance(one, str) for one in said):
                raise UserError(
                    f'{path}:{number}: a line must be such as {{"sentence1": "...", "sentence2": "..."}} or'
                    ' {"text": "..."}, with text in it'
                )
            yield from (text for one in said if (text := " ".join(one.split())))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text: save it as that") from None


def _shard(texts: Sequence[str], tell: Callable[[int], None]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": pa.array(texts, pa.string())}), buffer)
    tell(len(texts))
    return buffer.getvalue().to_pybytes()


def _card(plan: Sentences) -> str:
    """Return the card; from its head `datasets.load_dataset(folder)` learns the splits."""
    counts = plan.counts()
    files = [f"  - split: {split}\n    path: {split}-*.parquet" for split in counts]
    head = ["---", "pretty_name: sentences", "configs:", "- config_name: default", "  data_files:", *files, "---"]
    numbers = ", ".join(f"{count} for {split}" for split, count in counts.items())
    notes = " ".join(f"{note[0].upper()}{note[1:]}." for note in plan.notes)
    body = ["", "# Sentences", "", f"Imported by Limner: {numbers}. Split: {WAYS[plan.way]}. {notes}".strip()]
    return "\n".join([*head, *body, "", "The rights are those of the download.", ""])
