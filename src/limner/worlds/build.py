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
import json
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from limner.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_SHARD = 500
HELD_OUT = (0.05, 1000)
_LARGEST_SIDE = 2048
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
        if self.images < 1:
            raise UserError(f"a world needs at least one picture, not {self.images}: pass a positive number of images")
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


def shards(job: Job) -> Iterator[Shard]:
    """Yield the files of a build: the test split first, then the train split."""
    for split, first, last in (("test", 0, job.held_out), ("train", job.held_out, job.images)):
        count = -(-(last - first) // ROWS_PER_SHARD)
        for number in range(count):
            start = first + number * ROWS_PER_SHARD
            file = f"{split}-{number:05d}-of-{count:05d}.parquet"
            yield Shard(file, start, min(start + ROWS_PER_SHARD, last))


def build_world(
    out: Path,
    job: Job,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write the shards of ``job`` that are not there yet, then the data set card; return ``out``.

    ``workers`` processes (every core by default); ``progress`` is called with (pictures done, in all).
    """
    if workers is not None and workers < 1:
        raise UserError(f"{workers} workers cannot build anything: pass 1 or more")
    if importlib.util.find_spec("pyarrow") is None:
        raise UserError('building a world writes Parquet and needs pyarrow: pip install "limner[worlds]"')
    try:
        _claim(out, job)
        missing = [shard for shard in shards(job) if not _finished(out / shard.file, shard)]
        done = job.images - sum(shard.stop - shard.start for shard in missing)
        if progress:
            progress(done, job.images)
        for shard in _write_all(out, job, missing, workers or os.cpu_count() or 1):
            done += shard.stop - shard.start
            if progress:
                progress(done, job.images)
        made = world(job.name)
        _write_atomically(out / "README.md", (_front_matter(job) + made.CARD.format(**job.on_card)).encode())
    except BrokenProcessPool:
        raise UserError("a worker process died (out of memory?): run the same command again to go on") from None
    except OSError as error:
        raise UserError(f"cannot write to {out}: {error.strerror or error}; free it and run again to go on") from error
    return out


def world(name: str) -> ModuleType:
    """Return the module of a world; ImportError where there is none."""
    return importlib.import_module(f"limner.worlds.{name}")


def world_of(folder: str | Path) -> ModuleType | None:
    """Return the module of the world that a data set was built from; None where it is none, or not known."""
    try:
        return world(json.loads((Path(folder) / RECORD).read_text(encoding="utf-8"))["name"])
    except (OSError, ValueError, KeyError, ImportError):
        return None


def _claim(out: Path, job: Job) -> None:
    """Make ``out`` the folder of this job, clear what a kill left; refuse what holds something else."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file: choose a folder to build in")
    record = out / RECORD
    if record.exists():
        try:
            found = json.loads(record.read_text(encoding="utf-8"))
        except ValueError:
            found = None
        if found != job.record:
            raise UserError(f"{out} holds another build ({found}): choose another folder, or remove it first")
    elif out.exists() and any(not path.name.endswith(".tmp") for path in out.iterdir()):
        raise UserError(f"{out} is not empty and holds no build of a world: choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    for stale in out.glob("*.tmp"):
        stale.unlink()
    if not record.exists():
        _write_atomically(record, (json.dumps(job.record, indent=2) + "\n").encode())


def _finished(path: Path, shard: Shard) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.exists():
        return False
    try:
        return pq.ParquetFile(path).metadata.num_rows == shard.stop - shard.start
    except (pa.ArrowInvalid, OSError):
        return False


def _write_all(out: Path, job: Job, missing: list[Shard], workers: int) -> Iterator[Shard]:
    """Yield each shard when it is on disk. One worker stays in this process; several are spawned."""
    if min(workers, len(missing)) <= 1:
        for shard in missing:
            yield _write_shard(out, job, shard)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(missing)), mp_context=context, initializer=end_with_parent)
    try:
        for future in as_completed([pool.submit(_write_shard, out, job, shard) for shard in missing]):
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


def _write_shard(out: Path, job: Job, shard: Shard) -> Shard:
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = world(job.name)
    rows = [made.row(job.seed, index, job.size, **job.options) for index in range(shard.start, shard.stop)]
    buffer = pa.BufferOutputStream()
    # Small row groups keep random access to single pictures cheap.
    pq.write_table(pa.Table.from_pylist(rows, schema=arrow_schema(made.features())), buffer, row_group_size=100)
    _write_atomically(out / shard.file, buffer.getvalue())
    return shard


def _write_atomically(path: Path, content: Any) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


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
