"""Which checkpoint is meant by a name: one that ships with Limner, a folder, a run, or one on the Hub."""

from __future__ import annotations

from pathlib import Path

from limner import checkpoint, settings
from limner.drawing import hub
from limner.errors import UserError
from limner.training.run_folder import RunFolder

LONGEST = 250
"""Letters of a name of a file or folder; more, no file system takes."""
BUNDLED = Path(__file__).parents[1] / "checkpoints"


def bundled() -> list[str]:
    """Return the names of the checkpoints that ship with Limner."""
    folders = BUNDLED.iterdir() if BUNDLED.is_dir() else iter(())
    return sorted(folder.name for folder in folders if (folder / checkpoint.RECORD).is_file())


def find(name: str | Path, *, hub_ids: bool = True) -> Path:
    """Return the checkpoint folder that is meant by a bundled name, a folder, a run folder or a Hub id.

    Args:
        name: which one.
        hub_ids: whether a Hub id is looked up; not where a stranger, and no person who asks, has named it.

    Raises:
        UserError: where nothing is found (with the nearest bundled name), or a Hub id is not to be looked up.
    """
    path = Path(name)
    if str(name) in bundled():
        return BUNDLED / str(name)
    if max(map(len, path.parts), default=0) > LONGEST:
        raise UserError(f"no artist {str(name)!r:.60}...: a name has at most {LONGEST} letters")
    if (path / "run.json").is_file():
        saved = RunFolder.open(path).checkpoints()
        if not saved:
            raise UserError(f"the run {path} has saved no checkpoint yet")
        return saved[-1]
    if not path.exists() and hub.is_id(str(name)):
        if not hub_ids:
            raise UserError(f"the recipe names {name} on the Hub: to fetch and open it, say --artist {name}")
        return hub.fetch(str(name))
    if not path.exists() and path.name == str(name):
        raise UserError(f"no artist {str(name)!r}: {settings.hint(str(name), bundled())}, or name a folder or Hub id")
    return path
