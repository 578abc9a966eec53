"""Drawing what is measured: many requests, each with its seed, shared among processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from limner.data.cache import Progress
from limner.errors import UserError
from limner.processes import Processes
from limner.requests import Request
from limner.system import System, sample_drafts

BATCH = 50
"""Pictures, or stories, that are drawn at once."""


def draw(
    system: System,
    requests: Sequence[Request],
    seeds: Sequence[int],
    processes: Processes,
    progress: Progress | None = None,
) -> Tensor:
    """Draw each request with its own seed, shared among processes; every process gets all of them.

    `progress` is called with (done, all) of this process after each batch.

    Returns:
        (N, 3, H, W), or (N, T, 3, H, W) of stories, in [-1, 1], on the CPU.

    Raises:
        UserError: where the system draws no pictures.
    """
    parts = []
    for places in _batches(processes.mine(len(requests))):
        *_, final = sample_drafts(system, [requests[i] for i in places], [seeds[i] for i in places])
        if final.images is None:
            raise UserError("this artist draws no pictures, so there is nothing to measure")
        parts.append(final.images.float().clamp(-1, 1).cpu())
        if progress:
            progress(sum(map(len, parts)), len(processes.mine(len(requests))))
    side = system.config.size
    frames = [request.pictures() for request in requests[:1] if request.several]
    return processes.gather(torch.cat(parts) if parts else torch.empty(0, *frames, 3, side, side))


def _batches(places: range) -> Iterator[range]:
    for start in range(0, len(places), BATCH):
        yield places[start : start + BATCH]
