"""The run folder: run.json, log.jsonl, grids, checkpoints, and a time lapse of the grids.

Files are written to a temporary name, flushed to disk and renamed, so that a killed run leaves no partial file under a
name that is read.
"""

from __future__ import annotations

import datetime
import functools
import io
import json
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from pickle import PickleError
from typing import TYPE_CHECKING, Any, TypeVar, cast

from PIL import Image

from limner.errors import UserError
from limner.files import cannot_write, make_folder, sync_file, sync_folder, write_file

if TYPE_CHECKING:
    import torch
    from filelock import FileLock

F = TypeVar("F", bound=Callable[..., None])

KEEP = 2
"""Number of checkpoints that stay: the newest, and one more to go back to."""


def versions() -> dict[str, str]:
    """Return the versions of Python, the platform and the packages that results depend on."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in ("limner", "torch", "accelerate", "datasets"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def commit() -> str:
    """Return the git commit of the running source, "" outside a checkout."""
    here = Path(__file__).parent
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip()


def typed(arguments: Sequence[str]) -> str:
    """Return the command line of `arguments` (sys.argv) as it is typed in a shell."""
    return shlex.join([_program(arguments[0]), *arguments[1:]])


def _program(path: str) -> str:
    """Return the name of the running program as it is typed in a shell."""
    name = Path(path).name
    return "limner" if name in {"limner", "__main__.py"} else name


class RunFolder:
    """One training on disk."""

    def __init__(self, path: Path, record: dict[str, Any]) -> None:
        self.path, self.record = path, record
        self._lock: FileLock | None = None

    @classmethod
    def create(cls, path: Path | str, **record: Any) -> RunFolder:
        """Create a run in a folder that holds none yet; `record` (config, data, seed, ...) goes to run.json.

        Raises:
            UserError: where the folder holds a run already, or cannot be written.
        """
        path = Path(path)
        if (path / "run.json").exists():
            raise UserError(f"{path} already holds a run: go on with `limner resume {path}`, or choose another --run")
        try:
            for folder in (path / "grids", path / "checkpoints"):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot make the run folder {path}: {error.strerror}") from error
        record |= {
            "command": typed(sys.argv),
            "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "versions": versions(),
            "commit": commit(),
        }
        write_file(path / "run.json", (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode())
        return cls(path, record)

    @classmethod
    def open(cls, path: Path | str) -> RunFolder:
        """Open the run in a folder.

        Raises:
            UserError: where the folder holds no run.
        """
        path = Path(path)
        try:
            record = json.loads((path / "run.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(
                f"{path} holds no run (no run.json): start one with `limner train ... --run {path}`"
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f"{path / 'run.json'} cannot be read: {error}") from None
        wrong = ["all of it"] if not isinstance(record, dict) else [name for name in record if not _sound(name, record)]
        if wrong:
            raise UserError(f"{path / 'run.json'} is damaged ({wrong[0]}): put it back as it was, or train anew")
        return cls(path, record)

    def about(self) -> dict[str, Any]:
        """Return what a checkpoint says of its training; of data on this machine the name alone."""
        known = {key: self.record[key] for key in ("command", "commit", "measured") if key in self.record}
        data = self.record.get("data")
        return ({"data": Path(data).name if Path(data).is_absolute() else data} if data else {}) | known

    def hold(self) -> None:
        """Keep other trainings out of this folder until `release`, which a process that ends does, too.

        What a killed process left half-written is removed.

        Raises:
            UserError: where one is at work in it.
        """
        from filelock import FileLock, Timeout  # here, because drawing never needs it

        self._lock = self._lock or FileLock(self.path / ".lock", timeout=0)
        try:
            self._lock.acquire()
        except Timeout:
            raise UserError(
                f"another training is at work in {self.path}: wait for it, stop it, or choose another run"
            ) from None
        except OSError as error:
            raise UserError(f"cannot train in {self.path}: {error.strerror}") from error
        for stale in [*self.path.glob(".*.part"), *self.path.glob("*/.*.part"), *self.path.glob("*/.*.partial")]:
            shutil.rmtree(stale, ignore_errors=True)
            stale.unlink(missing_ok=True)

    def release(self) -> None:
        """Let other trainings in, once for each `hold`."""
        if self._lock is not None:
            self._lock.release()

    def measured(self, phase: str, numbers: Mapping[str, float]) -> None:
        """Keep what a phase measured in run.json, under `measured` and the phase's name."""
        kept = {name: float(f"{number:.4g}") for name, number in numbers.items()}
        self.record["measured"] = self.record.get("measured", {}) | {phase: kept}
        write_file(self.path / "run.json", (json.dumps(self.record, indent=2, ensure_ascii=False) + "\n").encode())

    def log(self, entry: Mapping[str, Any]) -> None:
        """Append one line to log.jsonl."""
        try:
            with (self.path / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:
            raise cannot_write(self.path / "log.jsonl", error) from error

    def grid(self, total: int, image: Image.Image) -> None:
        """Write the sample grid of `total` images."""
        path, buffer = self.path / "grids" / f"{total:010d}.png", io.BytesIO()
        image.save(buffer, "PNG")
        make_folder(path.parent)
        write_file(path, buffer.getvalue())

    def rewind(self, total: int) -> None:
        """Remove log lines and grids of more than `total` images, which a resumed run writes again."""
        log = self.path / "log.jsonl"
        try:
            lines = [line for line in log.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
            write_file(log, b"".join(line for line in lines if _total(line) <= total))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise cannot_write(log, error) from error
        for grid in self.grids():
            if int(grid.stem) > total:
                grid.unlink()

    def save(self, total: int, fill: Callable[[Path], None]) -> Path:
        """Write the checkpoint of `total` images: `fill` writes its files into a folder that is then renamed.

        Raises:
            UserError: where it cannot be written; earlier checkpoints are untouched.
        """
        target = self.path / "checkpoints" / f"{total:010d}"
        partial = target.with_name(f".{target.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            fill(partial)
            _flush(partial)
            shutil.rmtree(target, ignore_errors=True)
            partial.replace(target)
            sync_folder(target.parent)
        except OSError as error:
            raise UserError(
                f"cannot save to {target}: {error.strerror}. The last good checkpoint is untouched; free some space "
                f"and go on with `limner resume {self.path}`"
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)  # it is there only where the saving was broken off
        for old in self.checkpoints()[:-KEEP]:
            shutil.rmtree(old, ignore_errors=True)
        return target

    def checkpoints(self) -> list[Path]:
        """Return the checkpoints, oldest first."""
        folder = self.path / "checkpoints"
        return sorted(p for p in folder.iterdir() if p.name.isdigit()) if folder.is_dir() else []

    def newest(self) -> Path | None:
        """Return the newest checkpoint, None before the first."""
        return next(reversed(self.checkpoints()), None)

    def grids(self) -> list[Path]:
        """Return the sample grids, oldest first; other pictures that lie there are left alone."""
        return sorted(path for path in (self.path / "grids").glob("*.png") if path.stem.isdecimal())

    def timelapse(self, milliseconds: int = 120) -> Path | None:
        """Write timelapse.gif of all grids, the last one for two seconds; None where there are fewer than two."""
        frames = []
        for path in self.grids():
            with suppress(OSError, SyntaxError):  # of one that is damaged the film lacks a frame
                frames.append(Image.open(path, formats=("PNG",)).convert("RGB"))
        if len(frames) < 2:
            return None
        target, buffer = self.path / "timelapse.gif", io.BytesIO()
        pauses = [milliseconds] * (len(frames) - 1) + [2000]
        frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=pauses, loop=0)
        write_file(target, buffer.getvalue())
        return target


def alone(train: F) -> F:
    """Decorate what a trainer does, so that no other training is at work in its run folder meanwhile."""

    @functools.wraps(train)
    def held(trainer: Any, *, stop_after: int | None = None) -> None:
        trainer.engine.lead(trainer.run.hold)
        try:
            train(trainer, stop_after=stop_after)
        finally:
            if trainer.engine.leads:
                trainer.run.release()

    return cast(F, held)


def save_state(state: Mapping[str, Any], file: Path) -> None:
    """Write the state that a trainer resumes from.

    Raises:
        OSError: where it cannot be written: a full disk is one, too, which torch reports as a `RuntimeError`.
    """
    import torch

    try:
        with file.open("wb") as stream:
            torch.save(state, stream)
    except RuntimeError as error:
        raise (error.__context__ if isinstance(error.__context__, OSError) else error) from None


def state_of(file: Path, device: torch.device) -> dict[str, Any]:
    """Load the state that a trainer resumes from, onto a device.

    Raises:
        UserError: where it cannot be read.
    """
    import torch

    state: dict[str, Any] = {}
    with resumable(file):
        state = torch.load(file, map_location=device, weights_only=True)
    return state


@contextmanager
def resumable(file: Path) -> Iterator[None]:
    """Turn exceptions of a state that is damaged, or of another system, into one line.

    Raises:
        UserError: naming `file`.
    """
    try:
        yield
    except _DAMAGE as error:
        why = f"{file} cannot be resumed from ({type(error).__name__})"
        raise UserError(f"{why}: remove that folder to go on from the checkpoint before it") from error


_DAMAGE = (
    OSError, LookupError, RuntimeError, TypeError, ValueError, EOFError, AssertionError, AttributeError, PickleError
)  # fmt: skip
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "system": str, "preset": str, "data": str, "precision": str, "config": dict, "seed": int, "skip_bad": bool,
    "from": (str, type(None)), "parts": list, "save_every": (int, type(None)), "grid_every": (int, type(None)),
}  # fmt: skip
"""What a trainer is made of, by the kind of each value in run.json."""


def _sound(name: str, record: Mapping[str, Any]) -> bool:
    value, kind = record[name], _KINDS.get(name, object)
    if type(value) is bool:
        return kind in (bool, object)
    if isinstance(value, int) and name in _KINDS:
        return isinstance(value, kind) and 0 <= value < 2**63
    return isinstance(value, kind) and (not isinstance(value, list) or all(isinstance(part, str) for part in value))


def _total(line: bytes) -> int:
    """Return how many images had been seen at a line of the log; 0 of a line that is someone else's."""
    try:
        total = json.loads(line)["total"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return 0
    return total if isinstance(total, int) else 0


def _flush(folder: Path) -> None:
    for path in folder.iterdir():
        sync_file(path)
    sync_folder(folder)
