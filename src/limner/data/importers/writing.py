"""What the importers share in writing: pictures, captions and the rest become sharded Parquet, whole or not at all.

The shards are written into a hidden folder beside the place (`.NAME.part`), which takes its name when all is there.
So an import that was killed leaves nothing under that name, and the same command goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from limner.data.importers.reading import WAYS
from limner.data.importers.turning import first_known, is_for_stored, turned_box, turned_mask
from limner.data.inside import nearest
from limner.errors import UserError
from limner.pictures import BadPicture, load, read, rgb, stored_size

Box = tuple[float, float, float, float]
"""left, top, width, height in pixels"""
VERSION = 1
"""Of what is written: an import of another version does not go on with this one."""
_ROWS_PER_SHARD = 500
_QUALITY = 95
_RECORD = "import.json"
_TEXT, _FLOAT, _WHOLE = ({"dtype": kind, "_type": "Value"} for kind in ("string", "float32", "int32"))


class Point(NamedTuple):
    """A key point: what it is, where in pixels, and whether it can be seen."""

    label: str
    x: float
    y: float
    visible: bool


@dataclass(frozen=True, eq=False)
class Mark:
    """One of several things in a picture: what it is, and where."""

    label: str
    box: Box
    mask: Callable[[tuple[int, int]], Image.Image] | None = None
    """Draws the coverage of each pixel, mode L, for the picture's width and height."""


@dataclass(frozen=True, eq=False)
class Entry:
    """One picture and its annotations."""

    split: str
    name: str
    """Its name in the source, without extension."""
    picture: Path
    texts: tuple[str, ...]
    label: str | None = None
    box: Box | None = None
    """What the picture shows, in its pixels."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    embedding: np.ndarray | None = None
    """float32 (captions, D)."""
    story: str | None = None
    frame: int | None = None
    """Its place in the story, from 1."""
    square: int | None = None
    """Its file is a strip of n squares; this one, modulo n, is the picture."""
    dialogue: Sequence[tuple[str, str]] = ()
    """Questions about it, and their answers."""
    marks: Sequence[Mark] = ()
    """The things in it, where it has more than the one of `box`; they are not cut."""
    size: tuple[int, int] | None = None
    """Width and height that the marks were made for."""
    points: Sequence[Point] = ()
    """Its key points."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that an import will write."""

    what: str
    """The name of the data set."""
    download: str
    """What to fetch again where a picture is broken."""
    entries: Sequence[Entry]
    way: str
    """How it was split: one of `WAYS`."""
    crop: bool = False
    """Cut each picture to 1.5 times its box."""
    thing: str = "object"
    """What a box is around."""
    notes: Sequence[str] = ()
    """What a person should know: things left out, and why."""

    def counts(self) -> dict[str, int]:
        """Return the number of pictures of each split that has any."""
        counts = Counter(entry.split for entry in self.entries)
        return {split: counts[split] for split in ("train", "validation", "test") if counts[split]}


def crop_window(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of the square of 1.5 times the longer side of `box`, cut off at the border.

    As StackGAN (`custom_crop` of hanzhanggit/StackGAN, misc/utils.py) and all that took it over: the four numbers
    are cut to whole ones first, and so are the centre and half the side.
    """
    x, y, wide, high = (int(value) for value in box)
    centre_x, centre_y, half = int((2 * x + wide) / 2), int((2 * y + high) / 2), int(max(wide, high) * 0.75)
    return max(0, centre_x - half), max(0, centre_y - half), min(width, centre_x + half), min(height, centre_y + half)


def strip_window(number: int, width: int, height: int) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of square `number`, modulo how many there are, of a strip of whole squares."""
    side = min(width, height)
    start = number % (max(width, height) // side) * side
    return (0, start, side, start + side) if height >= width else (start, 0, start + side, side)


Shard = tuple[str, int, Callable[[Callable[[int], None]], bytes]]
"""A file, its rows, and what makes its content and tells meanwhile how many rows are done."""


def write(
    plan: Plan,
    out: Path,
    *,
    lost: list[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write `train-*.parquet`, `test-*.parquet` and a card to the folder `out`; return it.

    `progress` is called with (pictures done, in all). What was imported already is left as it is. With a list `lost`
    pictures that cannot be used are left out, and what is wrong with each is added to the list.

    Raises:
        UserError: `out` holds something else or cannot be written, or (without `lost`) a picture is missing or broken.
    """
    if lost is not None:
        lost += (f"{entry.picture} is missing" for entry in plan.entries if not entry.picture.is_file())
        plan = replace(plan, entries=[entry for entry in plan.entries if entry.picture.is_file()])
    record, features = _record(plan) | ({} if lost is None else {"skip_bad": True}), _features(plan)
    shards = [(file, len(entries), partial(_shard, plan, entries, features, lost)) for file, entries in _shards(plan)]
    return put(out, record, shards, _card(plan), progress)


def put(
    out: Path,
    record: dict[str, Any],
    shards: Sequence[Shard],
    card: str,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write shards and a card to the folder `out`, whole or not at all; return it.

    `record` is what decides every byte: a folder that holds it is left as it is, and a half-made one goes on.

    Raises:
        UserError: `out` holds something else or cannot be written, or what a shard raises.
    """
    from limner.files import cannot_write, write_file

    out = out.absolute()
    part = out.with_name(f".{out.name}.part")
    done, total = 0, sum(rows for _, rows, _ in shards)

    def tell(more: int = 0) -> None:
        if progress:
            progress(done + more, total)

    try:
        if out.is_file() or (out.exists() and any(out.iterdir())):
            if _recorded(out) != record:
                raise UserError(f"{out} holds something else than this import: choose another folder, or remove it")
            return out
        _claim(part, record)
        for file, rows, content in shards:
            if not (part / file).exists():
                write_file(part / file, content(tell))
            done += rows
            tell()
        write_file(part / "README.md", card.encode())
        if out.exists():
            out.rmdir()
        part.rename(out)
    except OSError as error:
        raise cannot_write(out, error) from error
    return out


def counted(folder: Path) -> dict[str, int]:
    """Return the number of pictures of each split that was written."""
    import pyarrow.parquet as pq

    counts: Counter[str] = Counter()
    for file in sorted(folder.glob("*.parquet")):
        counts[file.name.partition("-")[0]] += pq.read_metadata(file).num_rows
    return {split: counts[split] for split in ("train", "validation", "test") if counts[split]}


def _record(plan: Plan) -> dict[str, Any]:
    """Return what decides every byte, the pictures standing in by their sizes."""
    hashed = hashlib.blake2b(digest_size=16)
    for entry in plan.entries:
        try:
            size = entry.picture.stat().st_size
        except OSError:
            near = nearest(entry.picture) or f": it is part of {plan.download}, unpack that anew"
            raise UserError(f"{entry.picture} is missing{near} (--skip-bad leaves such pictures out)") from None
        content = [entry.split, entry.name, size, entry.texts, entry.label, entry.box, sorted(entry.attributes.items())]
        if entry.story is not None:
            content += [entry.story, entry.frame, entry.square]
        if entry.dialogue:
            content.append(list(entry.dialogue))
        if entry.points:
            content.append(list(entry.points))
        if entry.marks:
            content.append([(mark.label, mark.box, mark.mask is not None) for mark in entry.marks])
        hashed.update(repr(tuple(content)).encode("utf-8", "surrogatepass"))
        if entry.embedding is not None:
            hashed.update(np.ascontiguousarray(entry.embedding).data)
    record = {"what": plan.what, "version": VERSION, "split": plan.way, "crop": plan.crop, "pictures": plan.counts()}
    return record | {"content": hashed.hexdigest()}


def _recorded(folder: Path) -> Any:
    try:
        return json.loads((folder / _RECORD).read_bytes())
    except (OSError, ValueError):
        return None


def _claim(part: Path, record: dict[str, Any]) -> None:
    """Make the hidden folder that of this import; what another one or a kill left there goes."""
    from limner.files import make_folder, write_file

    if part.exists() and (found := _recorded(part)) != record:
        if found is None and any(not path.name.endswith(".part") for path in part.iterdir()):
            raise UserError(f"{part} is in the way, and no import made it: remove it first")
        shutil.rmtree(part)
    make_folder(part)
    for stale in part.glob(".*.part"):
        stale.unlink()
    write_file(part / _RECORD, (json.dumps(record, indent=1) + "\n").encode())


def _shards(plan: Plan) -> Iterator[tuple[str, list[Entry]]]:
    for split in plan.counts():
        entries = [entry for entry in plan.entries if entry.split == split]
        count = -(-len(entries) // _ROWS_PER_SHARD)
        for number in range(count):
            rows = entries[number * _ROWS_PER_SHARD : (number + 1) * _ROWS_PER_SHARD]
            yield f"{split}-{number:05d}-of-{count:05d}.parquet", rows


def _shard(
    plan: Plan,
    entries: list[Entry],
    features: dict[str, Any],
    lost: list[str] | None,
    tell: Callable[[int], None],
) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from limner.worlds.build import arrow_schema

    rows = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow decodes and encodes outside the interpreter's lock
        for done, row in enumerate(pool.map(partial(_row_or_fault, plan), entries), start=1):
            if not isinstance(row, UserError):
                rows.append(row)
            elif lost is None:
                raise UserError(f"{row} (--skip-bad leaves such pictures out)")
            else:
                lost.append(str(row))
            tell(done)
    buffer = pa.BufferOutputStream()
    # Small row groups keep random access to single pictures cheap.
    pq.write_table(pa.Table.from_pylist(rows, schema=arrow_schema(features)), buffer, row_group_size=100)
    return buffer.getvalue().to_pybytes()


def _features(plan: Plan) -> dict[str, Any]:
    """Return the columns in the notation of `datasets`: those of which any picture has something."""
    attributes = sorted({name for entry in plan.entries for name in entry.attributes})
    stories = any(entry.story is not None for entry in plan.entries)
    turns = [{"question": _TEXT, "answer": _TEXT}]
    optional = {
        "label": (any(entry.label is not None for entry in plan.entries), _TEXT),
        "boxes": (
            any(entry.box is not None or entry.marks for entry in plan.entries),
            [{"label": _TEXT, "box": [_FLOAT]}],
        ),
        "keypoints": (
            any(entry.points for entry in plan.entries),
            [{"label": _TEXT, "x": _FLOAT, "y": _FLOAT, "visible": {"dtype": "bool", "_type": "Value"}}],
        ),
        "masks": (
            any(mark.mask for entry in plan.entries for mark in entry.marks),
            [{"label": _TEXT, "mask": {"_type": "Image"}}],
        ),
        "attributes": (bool(attributes), dict.fromkeys(attributes, _TEXT)),
        "embedding": (any(entry.embedding is not None for entry in plan.entries), [[_FLOAT]]),
        "story": (stories, _TEXT),
        "frame": (stories, _WHOLE),
        "dialogue": (any(entry.dialogue for entry in plan.entries), turns),
    }
    known = {name: feature for name, (present, feature) in optional.items() if present}
    return {"image": {"_type": "Image"}, "file_name": _TEXT, "text": [_TEXT], **known}


def _row_or_fault(plan: Plan, entry: Entry) -> dict[str, Any] | UserError:
    try:
        return _row(plan, entry)
    except UserError as error:
        return error


def _row(plan: Plan, entry: Entry) -> dict[str, Any]:
    try:
        encoded = read(entry.picture)
        image = load(encoded)
    except BadPicture as error:
        raise UserError(f"{entry.picture} {error}: it is part of {plan.download}, unpack that anew") from None
    orientation = _turn(plan, entry, encoded)
    window = (0, 0, *image.size)
    if plan.crop and entry.box is not None:
        window = crop_window(entry.box, *image.size)
    elif entry.square is not None:
        window = strip_window(entry.square, *image.size)
    box = None if entry.box is None else _within(entry.box, window)
    if box is not None and min(box[2:]) <= 0:
        raise UserError(f"the box of {entry.name} lies outside its picture: the files are not of one download")
    if window != (0, 0, *image.size):
        buffer = BytesIO()
        rgb(image.crop(window)).save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
        encoded = buffer.getvalue()
    return {
        "image": {"bytes": encoded, "path": None},
        "file_name": entry.name,
        "text": list(entry.texts),
        "label": entry.label,
        "boxes": [
            *([] if box is None else [{"label": plan.thing, "box": list(box)}]),
            *(
                {
                    "label": mark.label,
                    "box": list(_within(turned_box(mark.box, orientation, entry.size or image.size), window)),
                }
                for mark in entry.marks
            ),
        ],
        "keypoints": [_seen(point, window) for point in entry.points],
        "masks": [_mask(mark, entry.size or image.size, orientation) for mark in entry.marks if mark.mask],
        "attributes": dict(entry.attributes),
        "embedding": None if entry.embedding is None else list(entry.embedding),
        "story": entry.story,
        "frame": entry.frame,
        "dialogue": [{"question": question, "answer": answer} for question, answer in entry.dialogue],
    }


def _turn(plan: Plan, entry: Entry, encoded: bytes) -> int:
    """Return the orientation by which the marks of a picture must be turned, 1 where they are for the upright one."""
    *stored, orientation = stored_size(encoded)
    if entry.size is None:
        return 1
    try:
        as_stored = is_for_stored(entry.size, (stored[0], stored[1]), orientation)
    except ValueError:
        raise UserError(
            f"{entry.picture} is of {stored[0]} x {stored[1]} pixels, and its boxes are for {entry.size[0]} x"
            f" {entry.size[1]}: the pictures are not those of {plan.download}"
        ) from None
    return orientation if (_for_stored(plan) if as_stored is None else as_stored) else 1


@lru_cache(maxsize=1)
def _for_stored(plan: Plan) -> bool:
    """Tell whether marks are for the pictures as they are stored, by the first picture that tells."""

    def answers() -> Iterator[bool | None]:
        for entry in plan.entries:
            with suppress(BadPicture, ValueError):
                *stored, orientation = stored_size(read(entry.picture))
                if entry.size is not None and orientation != 1:
                    yield is_for_stored(entry.size, (stored[0], stored[1]), orientation)

    return first_known(answers())


def _mask(mark: Mark, size: tuple[int, int], orientation: int) -> dict[str, Any]:
    assert mark.mask is not None
    buffer = BytesIO()
    turned_mask(mark.mask(size), orientation).save(buffer, "PNG")
    return {"label": mark.label, "mask": {"bytes": buffer.getvalue(), "path": None}}


def _seen(point: Point, window: tuple[int, int, int, int]) -> dict[str, Any]:
    """Return a key point in the pixels of a window; outside of it, it cannot be seen."""
    left, top, right, bottom = window
    seen = point.visible and left <= point.x <= right and top <= point.y <= bottom
    return {"label": point.label, "x": point.x - left, "y": point.y - top, "visible": seen}


def _within(box: Box, window: tuple[int, int, int, int]) -> Box:
    """Return a box in the pixels of a window, what sticks out cut off."""
    left, top, right, bottom = window
    x, y = max(box[0], left), max(box[1], top)
    return x - left, y - top, min(box[0] + box[2], right) - x, min(box[1] + box[3], bottom) - y


def _card(plan: Plan) -> str:
    """Return the card; from its head `datasets.load_dataset(folder)` learns the splits."""
    counts = plan.counts()
    files = [f"  - split: {split}\n    path: {split}-*.parquet" for split in counts]
    head = ["---", f"pretty_name: {plan.what}", "task_categories:", "- text-to-image", "configs:"]
    numbers = ", ".join(f"{count} for {split}" for split, count in counts.items())
    cut = f"cut to 1.5 times the box, as JPEG of quality {_QUALITY}" if plan.crop else "as they came"
    if any(entry.square is not None for entry in plan.entries):
        cut = f"one square of each strip, as JPEG of quality {_QUALITY}"
    body = [f"# {plan.what}", "", f"Imported by Limner from {plan.download}: pictures {cut}; {numbers}."]
    body += [f"Split: {WAYS[plan.way]}.", *(f"{note[0].upper()}{note[1:]}." for note in plan.notes)]
    body += ["", "The rights are those of the download."]
    return "\n".join([*head, "- config_name: default", "  data_files:", *files, "---", "", *body, ""])
