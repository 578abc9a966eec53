"""Stories in a data set: which rows belong together, in which order."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np


def whole(stories: Sequence[Hashable], frames: Sequence[int | None], length: int) -> np.ndarray:
    """Return the places of whole stories, each in the order of its frames: int64 (N, T).

    Args:
        stories: of each place, the story it belongs to, None for none.
        frames: of each place, the number of its frame.
        length: T; a story that has not just the frames 1 to T, each once, is left out.
    """
    told: dict[Hashable, list[tuple[int, int]]] = {}
    for place, (story, frame) in enumerate(zip(stories, frames, strict=True)):
        if story is not None and frame is not None:
            told.setdefault(story, []).append((int(frame), place))
    wanted = list(range(1, length + 1))
    ordered = (sorted(tale) for tale in told.values())
    kept = [[place for _, place in tale] for tale in ordered if [frame for frame, _ in tale] == wanted]
    return np.array(kept, dtype=np.int64).reshape(-1, length)
