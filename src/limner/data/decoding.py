"""The decoded pictures of an opened source; what cannot be decoded is refused as a person can mend it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from limner.data.annotations import Annotations, picture_problem
from limner.data.cache import Decoded, Progress, decoded
from limner.data.held_out import content_of
from limner.data.refusals import refuse
from limner.data.source import Source
from limner.pictures import BadPicture


def pictures_of(
    source: Source, annotations: Annotations, size: int, root: Path, skip_bad: bool, progress: Progress | None
) -> Decoded:
    """Open the pictures; of a set of sentences alone there are none, and its rows are told apart by what they say.

    Raises:
        UserError: one cannot be decoded, and `skip_bad` is not said.
    """
    count = len(source.table)
    if not source.pictured:
        texts = annotations.texts
        assert texts is not None, "a set without pictures and captions is not opened"
        digests = np.array([content_of("\0".join(texts.row(row))) for row in range(count)], dtype=np.uint64)
        return Decoded(np.zeros((0, 3, size, size), dtype=np.uint8), digests, ())
    try:
        return decoded(source.key, count, size, source.encoded, root=root, keep_bad=skip_bad, progress=progress)
    except BadPicture as error:
        refuse([picture_problem(source, error.row, error.kind, str(error))], source, skip_bad)
        raise
