"""Another condition for an artist that climbs: what a captioner or a judge recognises, plugged in untrained."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner import checkpoint
from limner.drawing.resolve import find

if TYPE_CHECKING:
    from limner.drawing.artist import Artist

KEY = "condition"
"""In a recipe: whose condition it was drawn by."""
JUDGE = "judge:"
"""Begins the name of a judge, since an artist may have the same name."""
JUDGES = Path(__file__).parents[1] / "evaluation" / "judges"


def conditioned(artist: Artist, name: str, *, hub_ids: bool = True) -> Artist:
    """Return an artist that climbs by what another checkpoint recognises; the artist itself stays as it is.

    Args:
        artist: of a system that climbs (PPGN).
        name: an artist whose captioner it is (a bundled name, a folder, a run, a Hub id), or `judge:NAME` for the
            classes of a judge, one that ships or a folder.
        hub_ids: whether a Hub id is looked up; False where the name comes out of a file and not from a person.

    Raises:
        UserError: where there is no such checkpoint, it recognises nothing, or the artist does not climb.
    """
    judge = name.removeprefix(JUDGE)
    shipped = JUDGES / judge
    is_shipped = judge != name and (shipped / checkpoint.RECORD).is_file()
    folder = shipped if is_shipped else find(judge, hub_ids=hub_ids)
    condition = checkpoint.open(folder).to(artist.system.device)
    other = copy.copy(artist)
    other.system = copy.copy(artist.system)
    other.system.climb_by(condition)
    other.by = {KEY: {"name": name, "checkpoint": checkpoint.read(folder)["sha256"][checkpoint.WEIGHTS]}}
    return other


def as_in(artist: Artist, recipe: Mapping[str, Any]) -> Artist:
    """Return the artist with the condition that a recipe names, itself where it names none; raise as `conditioned`."""
    by = recipe.get(KEY)
    return artist if by is None or artist.by else conditioned(artist, str(by["name"]), hub_ids=False)
