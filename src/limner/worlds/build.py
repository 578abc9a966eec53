"""Building a world: sharded Parquet, on every core, resumable, the same bytes whatever the number of workers.

A world is a module of this package with ``features()``, ``row(seed, index, size)`` and ``CARD``, and where they differ
from the usual ``HELD_OUT``, the share and largest number of test pictures, ``GROUP``, how many pictures belong
together, ``PART_MASKS``, whether ``row`` takes ``part_masks``, and ``LANGUAGES``, of which ``row`` takes some; nothing
else is known of it here. (Who measures may
ask a world more, such as ``accepts(text)``, whether a text is one of its sentences.) A shard appears under its name
only when it is complete and on disk.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import itertools
import json
import multiprocessing
import os
import threading
from collections.abc import Callable, Container, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from limner.addresses import TEMPORARY, Place, is_address
from limner.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_SHARD = 500
HELD_OUT = (0.05, 1000)
_LARGEST_SIDE = 2048
_MOST_IMAGES = 10**9
RECORD = "world.json"
"""Name of the file that says what a folder was built from."""


@dataclass(frozen=True)
class Job:
    """What decides every byte of a build: world, its version, number of pictures, side in pixels, seed."""

    name: str
    version: int
    images: int
    size: int
    seed: int
    part_masks: bool = False
    """Whether rows have a mask of each part; only of worlds whose `PART_MASKS` says that they can."""
    languages: tuple[str, ...] = ()
    """Languages of captions, of those in the world's `LANGUAGES`; none: the world's own choice."""

    def __post_init__(self) -> None:
        """Refuse numbers that no build can have."""
        if not 1 <= self.images <= _MOST_IMAGES:
            raise UserError(f"a world has at least one picture and {_MOST_IMAGES:,} at most, not {self.images}")
        if not 8 <= self.size <= _LARGEST_SIDE:
            raise UserError(f"pictures of side {self.size} cannot be built: choose a size from 8 to {_LARGEST_SIDE}")
        if self.seed < 0:
            raise UserError(f"the seed {self.seed} is negative: choose 0 or more")
        if self.part_masks and not getattr(world(self.name), "PART_MASKS", False):
            raise UserError(f"the world {self.name} has no masks of parts to leave out or put in: drop --part-masks")
        self._check_languages()
        if self.images % self.group:
            near = self.images // self.group * self.group or self.group
            raise UserError(
                f"{self.name} makes pictures in groups of {self.group}, and {self.images} is not a whole number of "
                f"groups: ask for {near}"
            )

    def _check_languages(self) -> None:
        known = getattr(world(self.name), "LANGUAGES", ())
        if self.languages and not known:
            raise UserError(f"the captions of the world {self.name} are English: drop --languages")
        for number, language in enumerate(self.languages):
            if language not in known:
                raise UserError(f"no captions in {language!r:.20} can be written: choose from {', '.join(known)}")
            if language in self.languages[:number]:
                raise UserError(f"the language {language} is named twice: name each once")

    @property
    def group(self) -> int:
        """The number of pictures that belong together, and in one split."""
        return getattr(world(self.name), "GROUP", 1)

    @property
    def options(self) -> dict[str, Any]:
        """What `row` of the world is given beside seed, index and size."""
        chosen = {"part_masks": self.part_masks, "languages": self.languages}
        return {name: value for name, value in chosen.items() if value}

    @property
    def record(self) -> dict[str, Any]:
        """The job as plain values; options only where they are chosen, so that older builds are known again."""
        plain = asdict(self) | {"languages": list(self.languages)}
        return {name: value for name, value in plain.items() if name not in ("part_masks", "languages") or value}

    @property
    def on_card(self) -> dict[str, Any]:
        """What a card is formatted with: the fields, and `options` and `masks` in words."""
        options = (" --part-masks" if self.part_masks else "") + (
            f" --languages {','.join(self.languages)}" if self.languages else ""
        )
        masks = "; then what each part with a box covers, drawn alone" if self.part_masks else ""
        return asdict(self) | {"options": options, "masks": masks}

    @property
    def held_out(self) -> int:
        """The number of test pictures: the first indices, so that larger builds hold them out too."""
        share, most = getattr(world(self.name), "HELD_OUT", HELD_OUT)
        groups = self.images // self.group
        return min(most // self.group, max(1, int(groups * share))) * self.group if groups > 1 else 0


@dataclass(frozen=True)
class Shard:
    """One Parquet file: its name and the indices of its rows."""

    file: str
    start: int
    stop: int


def shards(job: Job, start: int = 0, step: int = 1) -> Iterator[Shard]:
    """Yield the files of a build, or every `step`-th: the test split first, then the train split."""
    held_out = job.held_out
    splits = ("test", 0, held_out), ("train", held_out, job.images)
    counts = [-(-(last - first) // ROWS_PER_SHARD) for _, first, last in splits]
    for number in range(start, sum(counts), step):
        split, first, last = splits[number >= counts[0]]
        within, count = (number - counts[0], counts[1]) if number >= counts[0] else (number, counts[0])
        begins = first + within * ROWS_PER_SHARD
        file = f"{split}-{within:05d}-of-{count:05d}.parquet"
        yield Shard(file, begins, min(begins + ROWS_PER_SHARD, last))


@dataclass(frozen=True)
class Part:
    """Which of the files of a build one machine writes: part `number` of `count`, from 1."""

    number: int
    count: int

    def __post_init__(self) -> None:
        """Refuse a part that is none."""
        if not 1 <= self.number <= self.count:
            raise UserError(
                f"there is no shard {self.number}/{self.count}: write 1/{self.count} to {self.count}/{self.count}"
            )

    @classmethod
    def parse(cls, text: str) -> Part:
        """Return the part that text such as `3/16` names.

        Raises:
            UserError: it names none.
        """
        number, _, count = text.partition("/")
        if not (number.isascii() and number.isdecimal() and count.isascii() and count.isdecimal()) or len(text) > 20:
            raise UserError(f"--shard {text!r:.40}: write it as NUMBER/COUNT, from 1, such as 3/16")
        return cls(int(number), int(count))

    def of(self, job: Job) -> Iterator[Shard]:
        """Yield the files of this part: every `count`-th."""
        return shards(job, self.number - 1, self.count)


WHOLE = Part(1, 1)


def build_world(
    out: str | Path,
    job: Job,
    *,
    workers: int | None = None,
    part: Part = WHOLE,
    progress: Callable[[int, int], None] | None = None,
) -> Path | str:
    """Write the shards of ``job`` that are not there yet, then the data set card; return ``out``.

    ``out`` is a folder, here or at an address. ``workers`` processes (every core by default) of this machine, which
    writes the shards of its ``part`` alone; ``progress`` is called with (pictures done, in all) of that part.
    """
    if workers is not None and workers < 1:
        raise UserError(f"{workers} workers cannot build anything: pass 1 or more")
    if importlib.util.find_spec("pyarrow") is None:
        raise UserError('building a world writes Parquet and needs pyarrow: pip install "limner[worlds]"')
    place = Place(out)
    try:
        there = _claim(place, job, part)
        finished = {shard.file for shard in part.of(job) if _finished(place, shard, there)}
        total = sum(shard.stop - shard.start for shard in part.of(job))
        done = sum(shard.stop - shard.start for shard in part.of(job) if shard.file in finished)
        if progress:
            progress(done, total)
        missing = (shard for shard in part.of(job) if shard.file not in finished)
        for shard in _write_all(place, job, missing, workers or os.cpu_count() or 1):
            done += shard.stop - shard.start
            if progress:
                progress(done, total)
        made = world(job.name)
        place.write("README.md", (_front_matter(job) + made.CARD.format(**job.on_card)).encode())
    except BrokenProcessPool:
        raise UserError("a worker process died (out of memory?): run the same command again to go on") from None
    except OSError as error:
        raise UserError(
            f"cannot write to {place}: {error.strerror or error}; free it and run again to go on"
        ) from error
    return out if is_address(out) else Path(out)


def world(name: str) -> ModuleType:
    """Return the module of a world; ImportError where there is none."""
    return importlib.import_module(f"limner.worlds.{name}")


def world_of(folder: str | Path) -> ModuleType | None:
    """Return the module of the world that a data set was built from; None where it is none, or not known."""
    try:
        return world(json.loads(Place(folder).read(RECORD) or b"")["name"])
    except (OSError, ValueError, KeyError, ImportError, UserError):
        return None


def _claim(place: Place, job: Job, part: Part) -> set[str]:
    """Make the place that of this job, clear what a kill left, return what is there; refuse what holds something else.

    Machines that build other parts in the same place may be at work: only unfinished files of this part are cleared.
    """
    if place.is_file():
        raise UserError(f"{place} is a file: choose a folder to build in")
    there = place.names()
    half = {name for name in there if name.endswith(TEMPORARY)}
    if RECORD in there:
        try:
            found = json.loads(place.read(RECORD) or b"")
        except ValueError:
            found = None
        if found != job.record:
            raise UserError(f"{place} holds another build ({found}): choose another folder, or remove it first")
    elif there - half:
        raise UserError(f"{place} is not empty and holds no build of a world: choose another folder")
    own = None if part == WHOLE else {shard.file for shard in part.of(job)}
    for stale in half:
        if own is None or stale.partition(".parquet")[0] + ".parquet" in own:
            place.remove(stale)
    if RECORD not in there:
        place.write(RECORD, (json.dumps(job.record, indent=2) + "\n").encode())
    return there - half


def _finished(place: Place, shard: Shard, there: Container[str]) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if shard.file not in there:
        return False
    try:
        with place.open(shard.file) as file:
            return pq.ParquetFile(file).metadata.num_rows == shard.stop - shard.start
    except (pa.ArrowInvalid, OSError):
        return False


def _write_all(place: Place, job: Job, missing: Iterator[Shard], workers: int) -> Iterator[Shard]:
    """Yield each shard when it is written. One worker stays in this process; several are spawned."""
    first = list(itertools.islice(missing, workers))
    if len(first) <= 1 or place.of_this_process:
        for shard in itertools.chain(first, missing):
            yield _write_shard(place.where, job, shard)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(len(first), mp_context=context, initializer=end_with_parent)
    try:
        waiting = {pool.submit(_write_shard, place.where, job, shard) for shard in first}
        while waiting:  # a few shards wait for workers at a time, however many there are
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            more = itertools.islice(missing, 2 * workers - len(waiting))
            waiting |= {pool.submit(_write_shard, place.where, job, shard) for shard in more}
            for future in done:
                yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def end_with_parent() -> None:
    """Have this worker process end when the process that started it does, even where that one was killed."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _write_shard(where: str, job: Job, shard: Shard) -> Shard:
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = world(job.name)
    rows = [made.row(job.seed, index, job.size, **job.options) for index in range(shard.start, shard.stop)]
    buffer = pa.BufferOutputStream()
    # Small row groups keep random access to single pictures cheap.
    pq.write_table(pa.Table.from_pylist(rows, schema=arrow_schema(made.features())), buffer, row_group_size=100)
    Place(where).write(shard.file, buffer.getvalue().to_pybytes())
    return shard


def png(array: np.ndarray, level: int = 6) -> bytes:
    """Encode a picture, uint8 (S, S, 3), or a mask, uint8 (S, S), always alike; flat ones are as small at level 1."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG", compress_level=level)
    return buffer.getvalue()


def arrow_schema(features: dict[str, Any]) -> pa.Schema:
    """Return the Arrow schema of columns in the notation of ``datasets``, carrying that notation as metadata.

    ``datasets`` itself is not imported: it takes seconds, in every worker, and building needs none of it.
    """
    import pyarrow as pa

    fields = [pa.field(name, _arrow_type(feature)) for name, feature in features.items()]
    return pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": features}})})


def _arrow_type(feature: Any) -> pa.DataType:
    import pyarrow as pa

    if isinstance(feature, list):
        return pa.list_(_arrow_type(feature[0]))
    if feature.get("_type") == "Image":
        return pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    if feature.get("_type") == "Value":
        return pa.type_for_alias(feature["dtype"].replace("float32", "float"))
    return pa.struct([(name, _arrow_type(inner)) for name, inner in feature.items()])


def _front_matter(job: Job) -> str:
    """Return the head of the card, from which ``datasets.load_dataset(folder)`` learns the splits."""
    splits = {"train": "train-*.parquet"} | ({"test": "test-*.parquet"} if job.held_out else {})
    lines = [f"  - split: {split}\n    path: {pattern}" for split, pattern in splits.items()]
    head = ["---", "license: mit", f"pretty_name: Limner {job.name}", "task_categories:", "- text-to-image"]
    return "\n".join([*head, "configs:", "- config_name: default", "  data_files:", *lines, "---", "", ""])
