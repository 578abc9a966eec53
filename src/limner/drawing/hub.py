"""Checkpoints on the Hugging Face Hub: fetch one by `owner/name`, publish a folder. Only what cannot run is fetched."""

from __future__ import annotations

import re
from pathlib import Path

from limner.errors import UserError

HARMLESS = ["*.json", "*.safetensors", "*.md", "*.png"]
"""What a checkpoint consists of; anything else in a repository stays there."""

_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def is_id(name: str) -> bool:
    """Tell whether `name` has the form of a Hub id, `owner/name`."""
    return _ID.fullmatch(name) is not None


def fetch(hub_id: str) -> Path:
    """Return a local folder with the checkpoint; what was fetched before is found again offline.

    Raises:
        UserError: where there is no such repository, or it was never fetched and the Hub cannot be reached.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub_id, allow_patterns=HARMLESS))
    except HFValidationError as error:
        raise UserError(f"no artist {hub_id!r:.120}: it is no folder, and no Hub id ({_line(error)})") from None
    except LocalEntryNotFoundError:
        raise UserError(f"cannot reach the Hub, and {hub_id} was never fetched: connect, or name a folder") from None
    except _trouble() as error:
        if _status(error) in (401, 403, 404):
            why = "there is none, or it is private and `hf auth login` was not done"
            raise UserError(f"cannot fetch {hub_id} from the Hub: {why}") from None
        reason = error
    try:
        return Path(snapshot_download(hub_id, allow_patterns=HARMLESS, local_files_only=True))
    except LocalEntryNotFoundError:
        raise UserError(f"cannot fetch {hub_id} from the Hub: {_line(reason)}") from None


def publish(folder: Path, hub_id: str, *, private: bool = False) -> str:
    """Upload a checkpoint and return its address; the repository is made where there is none.

    Raises:
        UserError: where the Hub refuses or cannot be reached.
    """
    import huggingface_hub

    if not is_id(hub_id):
        raise UserError(f"{hub_id!r} is no Hub id: write it as owner/name")
    api = huggingface_hub.HfApi()
    try:
        address = api.create_repo(hub_id, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=hub_id, folder_path=folder, allow_patterns=HARMLESS, commit_message="Publish with Limner"
        )
    except _trouble() as error:
        login = "; log in with `hf auth login`" if _status(error) in (401, 403) else ""
        raise UserError(f"cannot publish {hub_id} on the Hub{login}: {_line(error)}") from None
    return str(address)


def _trouble() -> tuple[type[Exception], ...]:
    """Return what the Hub's client raises: its own errors and those of whichever HTTP library is below it."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    return (HfHubHTTPError, HFValidationError, OSError, *HfHubHTTPError.__bases__)


def _status(error: Exception) -> int | None:
    return getattr(getattr(error, "response", None), "status_code", None)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
