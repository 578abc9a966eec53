"""The published form of a trained system: a folder that is opened without running its author's code.

    system.json          format, system, config, what trained it, sha256 of the other two
    schema.json          words, attributes, sizes
    weights.safetensors  every parameter and buffer
    NAME.safetensors     of a net that was attached later, NAME in system.json says which; the rest stays as it was
    README.md, grid.png  a model card and, where given, a sheet of samples

The folder appears whole or not at all: it is written beside its place, synced, then renamed. Opening reads
JSON and safetensors only; nothing is ever unpickled.
"""

from __future__ import annotations

import importlib.metadata
import io
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from limner import catalogue, settings
from limner.card import write as written
from limner.data.schema import Schema
from limner.errors import UserError
from limner.files import cannot_write, sha256, sync_folder, write_synced

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from limner.system import System

Net = TypeVar("Net")

FORMAT = 1
RECORD, SCHEMA, WEIGHTS, CARD, GRID = (
    "system.json",
    "schema.json",
    "weights.safetensors",
    "README.md",
    "grid.png",
)
_PICKLES = {".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".t7"}


def save(
    system: System,
    folder: str | Path,
    *,
    trained: Mapping[str, Any] | None = None,
    half: bool = False,
    omit: Sequence[str] = (),
    card: str = "",
    grid: Image.Image | None = None,
) -> Path:
    """Publish `system` as `folder`, in the place of a checkpoint that was there; return the folder.

    Args:
        system: with the weights to save (averaged ones, where it has them).
        folder: the checkpoint; missing folders above it are created.
        trained: how it was trained, as JSON values (data, seed, images, command, figures).
        half: store float tensors of two or more dimensions as float16, the rest exactly; opened as float32.
        omit: names of modules that drawing does not need (a discriminator); opening leaves them as they are built.
        card: text of the model card; without one a short card is written.
        grid: a sheet of samples.

    Raises:
        UserError: where `folder` is something else than a checkpoint or cannot be written; nothing is half-written.
    """
    folder = _place(folder)
    weights = {name: value for name, value in system.state_dict().items() if not _within(name, omit)}
    files = {WEIGHTS: _pack(weights, half), SCHEMA: _json(system.schema.to_json())}
    record = {
        "format": FORMAT,
        "limner": importlib.metadata.version("limner"),
        "system": catalogue.name_of(type(system)),
        "config": settings.to_json(system.config),
        "paper": settings.to_json(system.paper),
        "trained": dict(trained or {}),
        "omitted": list(omit),
        "parameters": sum(value.numel() for value in weights.values()),
        "bytes": len(files[WEIGHTS]),
        "sha256": {name: sha256(content) for name, content in files.items()},
    }
    files |= {CARD: (card or written(record, system, samples=grid is not None)).encode(), RECORD: _json(record)}
    if grid is not None:
        buffer = io.BytesIO()
        grid.save(buffer, "PNG")
        files[GRID] = buffer.getvalue()
    _appear(folder, files)
    return folder


def attach(
    source: str | Path, folder: str | Path, name: str, values: Mapping[str, Tensor], about: Mapping[str, Any]
) -> Path:
    """Publish the checkpoint `source` as `folder`, with one more net; return the folder.

    What was there stays as it was, byte for byte, but for the entry `name` in system.json.

    Args:
        source: a checkpoint; it may be `folder`.
        folder: where to.
        name: of the net; one that is attached under this name already is replaced.
        values: its weights; float tensors of two or more dimensions are stored as float16.
        about: JSON values, all that it takes to build the net again.

    Raises:
        UserError: where `source` is no checkpoint, or `folder` cannot be written or is something else.
    """
    source, folder, file = Path(source), _place(folder), f"{name}.safetensors"
    record, content = read(source), _pack(values, half=True)
    sizes = {"parameters": sum(value.numel() for value in values.values()), "bytes": len(content)}
    record |= {name: dict(about) | sizes, "sha256": record["sha256"] | {file: sha256(content)}}
    kept = [path for path in source.iterdir() if path.name in (SCHEMA, CARD, GRID) or path.suffix == ".safetensors"]
    files = {path.name: path.read_bytes() for path in kept}
    _appear(folder, files | {file: content, RECORD: _json(record)})
    return folder


def attached(folder: str | Path, name: str) -> dict[str, Tensor]:
    """Return the weights that `attach` stored under `name`, as float32.

    Raises:
        UserError: where they are missing or damaged.
    """
    record, file = read(folder), f"{name}.safetensors"
    return _unpack(Path(folder), record, file, int(record[name].get("bytes", 0)))


def open(folder: str | Path) -> System:
    """Build the system that `save` wrote and load its weights; it is in evaluation mode, on the CPU.

    Raises:
        UserError: where the folder is not a checkpoint, is damaged, or is of an unknown system or a newer format.
    """
    folder = Path(folder)
    record = read(folder)
    cls = catalogue.load_named(record["system"])
    config: Any = settings.from_json(cls.Config, record["config"], f"{folder / RECORD}, config of {record['system']}")
    schema, weights = _schema(folder, record), _unpack(folder, record)
    system = built(folder, lambda: catalogue.build(cls, config, schema), (folder / WEIGHTS).stat().st_size)
    _fill(system, weights, folder, record["omitted"])
    return system.eval()


def built(folder: Path, build: Callable[[], Net], size: int) -> Net:
    """Build a net for weights of a checkpoint, its own still blank, and leave the caller's random state alone.

    Args:
        folder: the checkpoint.
        build: makes the net as the checkpoint's record says.
        size: bytes of its weights: a net takes no more memory than they account for.

    Raises:
        UserError: where the record asks for more than that, or for what cannot be built.
    """
    import torch

    from limner.catalogue.allowance import Allowance
    from limner.catalogue.blank import Blank

    try:
        with torch.random.fork_rng(devices=[]), Allowance.of(size), Blank():
            return build()
    except UserError as error:
        raise UserError(f"{folder}: {error}") from None
    except (RuntimeError, TypeError, ValueError, ArithmeticError, LookupError, AssertionError, MemoryError) as error:
        why = f"{type(error).__name__}: {error}".splitlines()[0][:120]
        raise UserError(
            f"{folder / RECORD} asks for what cannot be built ({why}); fetch the checkpoint again"
        ) from None


def adopt(system: System, folder: str | Path, parts: Sequence[str] = ()) -> None:
    """Initialise `system` with the weights of a checkpoint: to train it further, or on other data.

    Args:
        system: to be trained.
        folder: a checkpoint of the same system; its configuration may differ where shapes do not. Parts that are named
            may be another system's.
        parts: names of modules to take (such as a text encoder); all in the checkpoint where none is named.

    Raises:
        UserError: where it cannot be read, is of another system, lacks a part, or shapes or words differ.
    """
    record, folder = read(folder), Path(folder)
    own = catalogue.name_of(type(system))
    if record["system"] != own and not parts:
        raise UserError(
            f"{folder} is a {record['system']}, and a {own} cannot begin with all its weights: name some with --part"
        )
    values, current = _unpack(folder, record), system.state_dict()
    for part in parts:
        if not any(_within(name, [part]) for name in current):
            modules = sorted({name.partition(".")[0] for name in current})
            raise UserError(f"{own} has no part {part!r}: it has {', '.join(modules)}")
        if not any(_within(name, [part]) for name in values):
            raise UserError(f"{folder} does not hold the part {part!r}")
    chosen = {name: value for name, value in values.items() if not parts or _within(name, parts)}
    for name, value in chosen.items():
        if name not in current or current[name].shape != value.shape:
            there = tuple(current[name].shape) if name in current else "nothing"
            raise UserError(f"{folder} does not fit: its {name} is {tuple(value.shape)}, here it is {there}")
    if _by_words(system, chosen, parts) and _schema(folder, record).lexicon.words != system.schema.lexicon.words:
        raise UserError(f"{folder} was trained on captions of other words than this data has: train without --from")
    system.load_state_dict(chosen, strict=False)


def read(folder: str | Path) -> dict[str, Any]:
    """Return the content of `system.json`; torch is not imported.

    Raises:
        UserError: where the folder is not a checkpoint that this version can read.
    """
    folder = Path(folder)
    _recover(folder)
    if not folder.is_dir():
        raise UserError(f"no checkpoint at {folder}: no such folder")
    if not (folder / RECORD).is_file():
        pickle = next((path.name for path in sorted(folder.iterdir()) if path.suffix in _PICKLES), None)
        why = f"{pickle} may be a pickle, which can run code and is never opened" if pickle else f"it has no {RECORD}"
        raise UserError(f"{folder} is no checkpoint: {why}")
    try:
        record = json.loads((folder / RECORD).read_bytes())
        newer = int(record["format"]) > FORMAT
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        raise UserError(f"{folder / RECORD} is damaged: it is not the JSON that Limner wrote; fetch it again") from None
    if newer:
        raise UserError(f"{folder} was written by a newer Limner (format {record['format']}): pip install -U limner")
    record = {"omitted": [], "bytes": 0, "parameters": 0, "trained": {}} | record
    shapes: dict[str, type] = {"system": str, "config": dict, "sha256": dict, "trained": dict}
    shapes |= {"omitted": list, "bytes": int, "parameters": int}
    missing = [name for name, kind in shapes.items() if not isinstance(record.get(name), kind)]
    if missing or not all(isinstance(name, str) for name in record["omitted"]):
        what = (missing or ["omitted"])[0]
        raise UserError(f"{folder / RECORD} is damaged: no {what!r} in it as it should be; fetch the checkpoint again")
    if not catalogue.is_name(record["system"]):  # a path would be imported, and so run
        raise UserError(f"{folder / RECORD} is not to be trusted: {record['system']!r:.60} is not the name of a system")
    return record


def _json(body: Mapping[str, Any]) -> bytes:
    return (json.dumps(body, indent=1, ensure_ascii=False) + "\n").encode("utf-8", errors="surrogatepass")


def _by_words(system: System, chosen: Mapping[str, Tensor], parts: Sequence[str]) -> bool:
    """Tell whether what is taken depends on the numbers of words: an encoder of words, or a layer as wide as these."""
    lexicon = system.schema.lexicon
    encoders = [name for name, module in system.named_modules() if name and hasattr(module, "lexicon")]
    return not parts or any(_within(name, encoders) or len(lexicon) in value.shape for name, value in chosen.items())


def _place(folder: str | Path) -> Path:
    """Return where a checkpoint is to lie; only another one may be there already."""
    folder = Path(folder).absolute()
    _recover(folder)
    if folder.exists() and not (folder.is_dir() and ((folder / RECORD).exists() or not any(folder.iterdir()))):
        raise UserError(f"{folder} exists and is no checkpoint: choose another place")
    return folder


def _within(name: str, modules: Sequence[str]) -> bool:
    return any(name == module or name.startswith(module + ".") for module in modules)


def _pack(values: Mapping[str, Tensor], half: bool) -> bytes:
    import safetensors.torch
    import torch

    def plain(value: Tensor) -> Tensor:
        # A copy: safetensors takes neither tensors that share memory nor channels-last strides.
        value = value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        return value.half() if half and value.dtype is torch.float32 and value.dim() > 1 else value

    return safetensors.torch.save({name: plain(value) for name, value in values.items()})


def _unpack(folder: Path, record: Mapping[str, Any], file: str = WEIGHTS, size: int | None = None) -> dict[str, Tensor]:
    """Return the tensors of a file whose SHA-256 is in the record; `size` is how many bytes it should have."""
    import safetensors.torch
    import torch
    from safetensors import SafetensorError

    path, size = folder / file, record["bytes"] if size is None else size
    if not path.is_file():
        pickle = next((path.name for path in sorted(folder.iterdir()) if path.suffix in _PICKLES), None)
        more = f", and {pickle} may be a pickle, which can run code and is never opened" if pickle else ""
        raise UserError(f"{folder} has no {file}{more}")
    content = path.read_bytes()
    if content[8:9] != b"{" and (content[:4] == b"PK\x03\x04" or content[:1] == b"\x80"):  # a length may begin with 80
        raise UserError(f"{path} is a pickle, not safetensors: pickles can run code and are never opened")
    if content.startswith(b"version https://git-lfs"):
        raise UserError(f"{path} is a Git LFS pointer, not the weights: run `git lfs pull`")
    if len(content) < size:
        raise UserError(f"{path} is truncated: {len(content):,} of {size:,} bytes; fetch it again")
    if sha256(content) != record["sha256"].get(file):
        raise UserError(f"{path} was damaged or changed: its SHA-256 is not the one in {RECORD}; fetch it again")
    try:
        values = safetensors.torch.load(content)
    except SafetensorError as error:
        raise UserError(f"{path} is no safetensors file: {error}") from None
    return {k: v.float() if v.dtype is torch.float16 else v for k, v in values.items()}


def _schema(folder: Path, record: Mapping[str, Any]) -> Schema:
    path = folder / SCHEMA
    content = path.read_bytes() if path.is_file() else b""
    if sha256(content) != record["sha256"].get(SCHEMA):
        raise UserError(
            f"{path} is missing, damaged or changed: its SHA-256 is not the one in {RECORD}; fetch it again"
        )
    try:
        return Schema.from_json(json.loads(content))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UserError(f"{path} is no schema that this Limner reads: {error}") from None


def _fill(system: System, values: Mapping[str, Tensor], folder: Path, omitted: Sequence[str]) -> None:
    own = {name: value for name, value in system.state_dict().items() if not _within(name, omitted)}
    faults = [f"it lacks {name}" for name in own if name not in values]
    faults += [f"it has {name}, which the system has not" for name in values if name not in own]
    faults += [
        f"{name} is {tuple(values[name].shape)}, not {tuple(value.shape)}"
        for name, value in own.items()
        if name in values and values[name].shape != value.shape
    ]
    faults += [
        f"{name} is of {str(values[name].dtype).removeprefix('torch.')}"
        for name, value in own.items()
        if name in values and values[name].dtype.is_floating_point != value.dtype.is_floating_point
    ]
    faults = faults[:1] or [f"{name} has numbers that are none" for name, one in values.items() if not _finite(one)]
    if faults:
        name = catalogue.name_of(type(system))
        raise UserError(f"{folder} holds the weights of another system or configuration than {name}: {faults[0]}")
    system.load_state_dict(dict(values), strict=False)


def _finite(value: Tensor) -> bool:
    return not value.dtype.is_floating_point or bool(value.isfinite().all())


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def _recover(folder: Path) -> None:
    """Restore the old checkpoint where its replacement was interrupted between the two renames."""
    if not folder.exists() and _aside(folder).is_dir():
        os.rename(_aside(folder), folder)


def _appear(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write `files` as `folder`, in place of one that was there, so that it is always whole."""
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        for name, content in files.items():
            write_synced(temporary / name, content)
        sync_folder(temporary)
        if folder.exists():
            shutil.rmtree(_aside(folder), ignore_errors=True)  # of a process that was killed before it could
            os.rename(folder, _aside(folder))
        os.rename(temporary, folder)
        sync_folder(folder.parent)
        shutil.rmtree(_aside(folder), ignore_errors=True)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        _recover(folder)
        shutil.rmtree(_aside(folder), ignore_errors=True)
        raise cannot_write(folder, error) from error
