"""Pictures of every prompt in a file: an image folder that opens again as a data set.

    000000.png, 000001.png, ...   picture k has seed `seed` + k and holds its recipe
    drawing.json                  what was asked for: the folder goes on with that and nothing else
    metadata.jsonl                a line for each picture; it is written last, so it stands for the whole

What answers in text or in boxes is drawn on cards, and metadata.jsonl has the columns `text` or `boxes` of them.

The pictures are cut into batches once for all, and a batch is drawn whole or again. So each picture is the same bit
for bit, whoever draws it, in one go or after a kill. Several processes (see `limner.processes`) take turns at batches.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limner.data.problems import TEXT_NAMES, BadRow, attributes_of, captions_of
from limner.data.table_files import table_lines
from limner.drawing import recipe
from limner.drawing.artist import Artist
from limner.drawing.seeds import LARGEST_SEED, check_count, check_seed
from limner.errors import UserError
from limner.files import cannot_write, make_folder, write_file
from limner.imaging.answers import SIDE
from limner.noise import Seed
from limner.processes import Processes
from limner.requests import Request, from_json, to_json

JOB, METADATA = "drawing.json", "metadata.jsonl"
LOOKED_AT = 10_000
"""Prompts that are looked at for what the artist does not know."""
KINDS = (".jsonl", ".csv", ".parquet", ".txt")
OWN = frozenset({"image", "file_name", "seed", "boxes", "masks", "keypoints", *TEXT_NAMES})
"""Columns of a file of prompts that do not go along: what is said of other pictures than those drawn here."""


@dataclass(frozen=True)
class Prompt:
    """One line of a file of prompts."""

    request: Request
    columns: Mapping[str, Any]
    """What metadata.jsonl says of its pictures, beside name and seed."""


@dataclass(frozen=True)
class Prompts:
    """The prompts of a file that was read once and found sound: they are read again when drawn, and not kept."""

    file: Path
    artist: Artist
    count: int
    digest: str
    """SHA-256 of all of them."""
    first: Sequence[Prompt]
    """The first `LOOKED_AT` of them."""
    stamp: tuple[int, int]
    """Size and time of change of the file."""

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Prompt]:
        return each_prompt(self.file, self.artist)

    def check_unchanged(self) -> None:
        """Make sure that the file is what was read at the start; UserError where it is not."""
        if _stamp(self.file) != self.stamp:
            raise UserError(f"{self.file} was changed while it was drawn: draw it into another folder")


@dataclass(frozen=True)
class Job:
    """A folder of pictures to draw: the prompts, `n` pictures of each, and how."""

    out: Path
    prompts: Prompts
    n: int
    seed: int
    batch: int

    def __len__(self) -> int:
        return len(self.prompts) * self.n

    def file(self, picture: int) -> Path:
        """Return where picture number `picture` lies."""
        return self.out / f"{picture:06d}.png"

    def batches(self, ranks: Processes) -> Iterator[tuple[range, list[tuple[Request, Seed]]]]:
        """Yield the batches of this process, each with its rows, which are empty where all are drawn already."""
        prompts = enumerate(self.prompts)
        at, prompt = -1, None
        for number in ranks.mine(-(-len(self) // self.batch)):
            pictures = range(number * self.batch, min((number + 1) * self.batch, len(self)))
            rows: list[tuple[Request, Seed]] = []
            if not all(self.file(picture).exists() for picture in pictures):
                for picture in pictures:
                    while at < picture // self.n:
                        at, prompt = next(prompts)
                    assert prompt is not None
                    rows.append((prompt.request, self.seed + picture))
            yield pictures, rows


def draw_all(
    artist: Artist,
    file: Path,
    out: Path,
    *,
    n: int = 1,
    seed: int | None = None,
    batch: int = 16,
    knobs: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Job:
    """Draw `n` pictures of each prompt in `file` into the folder `out`, going on where an earlier call was stopped.

    Args:
        artist: who draws; `Artist.at` says how large.
        file: a .jsonl, .csv or .parquet with a column that says what to draw (see `read_prompts`), or a .txt with a
            prompt on each line.
        out: a new folder, or that of the same job.
        n: pictures of each prompt, one after the other.
        seed: picture k has seed `seed` + k; by chance where None, or as the folder has it.
        batch: pictures drawn at once.
        knobs: settings of drawing, by name.
        progress: called with (done, all) for the pictures of this process.

    Raises:
        UserError: where a line cannot be drawn (then nothing is), the folder holds something else, or the disk is full.
    """
    ranks = Processes()
    for count, what in ((n, "n, the number of pictures,"), (batch, "batch")):
        if count < 1:
            raise UserError(f"{what} must be 1 or more, not {count}")
    prompts = ranks.in_turn(lambda: read_prompts(file, artist))
    check_count(len(prompts) * n, "the number of pictures", most=LARGEST_SEED)
    asked = {"artist": artist.sha256, "knobs": json.loads(_json(dataclasses.asdict(artist.knobs(knobs))))}
    asked |= {"prompts": prompts.digest, "n": n, "batch": batch}
    asked |= {"size": artist.size} if artist.size != artist.side else {}
    job = Job(out, prompts, n, ranks.lead(lambda: _claim(out, asked, seed, len(prompts) * n)), batch)
    if ranks.leads:
        artist.warn([prompt.request for prompt in prompts.first])
    ranks.together(lambda: _draw(artist, job, ranks, knobs, progress))
    ranks.lead(lambda: write_file(out / METADATA, _lines(job, "images" not in artist.system.gives)))
    return job


def _draw(artist: Artist, job: Job, ranks: Processes, knobs: Any, progress: Callable[[int, int], None] | None) -> None:
    own = ranks.mine(-(-len(job) // job.batch))
    total = len(own) * job.batch - (-len(job) % job.batch if own and (own[-1] + 1) * job.batch > len(job) else 0)
    done = 0
    for pictures, rows in job.batches(ranks):
        for picture, image in zip(pictures, artist.rows(rows, batch=job.batch, knobs=knobs), strict=False):
            recipe.write(image, job.file(picture))
        done += len(pictures)
        if progress is not None:
            progress(done, total)
    job.prompts.check_unchanged()


def read_prompts(file: Path, artist: Artist) -> Prompts:
    """Read what is to be drawn; every line is looked at before anything is drawn, and none but the first are kept.

    A column `request` says it as JSON, for any kind of request ({"kind": "caption", "text": "a red hat"}); otherwise
    `text` does (the first one, where it is a list), or `attributes` for an artist that draws from attributes.

    Raises:
        UserError: naming file and line, where one cannot be drawn by `artist`.
    """
    if file.suffix not in KINDS:
        raise UserError(f"{file}: prompts are read from a file ending in {', '.join(KINDS)}")
    count, first, hashed = 0, list[Prompt](), hashlib.sha256()
    stamp = _stamp(file)
    for count, prompt in enumerate(each_prompt(file, artist), start=1):
        hashed.update(_json([to_json(prompt.request), prompt.columns]))
        if count <= LOOKED_AT:
            first.append(prompt)
    if not count:
        raise UserError(f"{file} holds no prompts")
    return Prompts(file, artist, count, hashed.hexdigest(), first, stamp)


def each_prompt(file: Path, artist: Artist) -> Iterator[Prompt]:
    """Yield the prompts of a file, one at a time in memory; raise as `read_prompts`."""
    try:
        for number, columns in _texts(file) if file.suffix == ".txt" else table_lines(file):
            try:
                if isinstance(columns, str):
                    raise UserError(columns)
                prompt = _prompt(columns, artist)
            except (UserError, BadRow) as error:
                raise UserError(f"{file}:{number}: {error} (nothing was drawn)") from None
            yield prompt
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _stamp(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from None
    return found.st_size, found.st_mtime_ns


def _texts(file: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    with file.open(encoding="utf-8-sig") as opened:
        lines = itertools.chain.from_iterable(map(str.splitlines, opened))
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, {"text": line.strip()}


def _prompt(columns: Mapping[str, Any], artist: Artist) -> Prompt:
    asked = _plain(columns.get("request"), "request")
    (request,) = artist.requests(_request(asked) if asked else _asked(columns, artist))
    others = {name: value for name, value in columns.items() if name not in OWN and value is not None}
    if asked:
        others["request"] = json.dumps(to_json(request), ensure_ascii=False)
    if "attributes" in others:
        others["attributes"] = attributes_of(_plain(others["attributes"], "attributes"))
    text = request.sentence() or _text(columns)
    return Prompt(request, ({"text": text} if text else {}) | others)


def _request(asked: Any) -> Request:
    """Read a cell of the column `request`."""
    try:
        return from_json(asked)
    except UserError:
        raise
    except (TypeError, AttributeError, ValueError):
        example = '{"kind": "caption", "text": "a red hat"}'
        raise UserError(f"the column request holds no request such as {example}") from None


def _asked(columns: Mapping[str, Any], artist: Artist) -> str | Request | None:
    """Return what a line without a column `request` asks of this artist: its kind's own column, or a text."""
    kinds = [kind for kind in artist.system.kinds if kind.asks]
    if not kinds:
        return None
    for kind in kinds:
        if kind.column not in TEXT_NAMES and columns.get(kind.column) is not None:
            cell = _cell(columns[kind.column], kind.column)
            return kind.from_cell(cell, artist.system.schema, _text(columns) or "")
    text = _text(columns)
    if text is None:
        needed = dict.fromkeys(kind.column or "request" for kind in kinds)
        lacks = f"there is no column {' or '.join(needed)}; there are: {', '.join(map(str, columns)) or 'none'}"
        raise UserError(lacks if "text" in needed else f"{artist.name} draws from {kinds[0].noun}, and {lacks}")
    return text


def _cell(value: Any, column: str) -> Any:
    """Return a cell as plain values: text stays text where it is no JSON."""
    try:
        value = _plain(value, column)
    except UserError:
        return value
    return attributes_of(value) if column == "attributes" else value


def _text(columns: Mapping[str, Any]) -> str | None:
    name = next((name for name in TEXT_NAMES if columns.get(name) is not None), None)
    return None if name is None else captions_of(columns[name])[0]


def _plain(value: Any, name: str) -> Any:
    """Return a cell that holds JSON, as it must in a table of texts, or the value itself."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else None
    except ValueError:
        raise UserError(f"the column {name} holds no JSON: {value[:60]!r}") from None


def _claim(out: Path, asked: dict[str, Any], seed: int | None, pictures: int) -> int:
    """Make `out` the folder of this job, or find that it is; return the seed."""
    record = out / JOB
    if record.is_file():
        try:
            found = json.loads(record.read_bytes())
        except ValueError:
            found = {}
        seed = found.get("seed") if seed is None else seed
        wanted = {"size": None} | asked | {"seed": seed}
        differs = next((name for name, value in wanted.items() if found.get(name) != value), None)
        if differs is not None:
            raise UserError(f"{out} holds other drawings (other {differs}): choose another folder with -o")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} exists and holds something else: choose another folder with -o")
    seed = random.SystemRandom().randrange(2**31) if seed is None else seed
    check_seed(check_seed(seed) + pictures)
    make_folder(out)
    write_file(record, _json(asked | {"seed": seed}))
    try:
        for stale in out.glob(".*.part"):  # what a kill left half-written
            stale.unlink()
    except OSError as error:
        raise cannot_write(out, error) from error
    return seed


def _lines(job: Job, answered: bool) -> Iterator[bytes]:
    """Yield the lines of metadata.jsonl; what was `answered` in words or boxes becomes a column."""
    prompts = (prompt for prompt in job.prompts for _ in range(job.n))
    for picture, prompt in enumerate(prompts):
        own = {"file_name": job.file(picture).name, "seed": job.seed + picture}
        answer = recipe.answer_in(job.file(picture)) if answered else {}
        if "boxes" in answer:  # in pixels, as data sets have them
            places = [(label, [round(SIDE * number, 3) for number in box]) for label, *box in answer["boxes"]]
            answer["boxes"] = [{"label": label, "box": box} for label, box in places]
        yield _json(own | dict(prompt.columns) | answer)


def _json(value: Any) -> bytes:
    """Return a line of JSON; what JSON has not (a date in a table) is written as text."""
    return (json.dumps(value, ensure_ascii=False, default=str) + "\n").encode("utf-8", errors="surrogatepass")
