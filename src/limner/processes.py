"""The processes of one job, as `torchrun` and `accelerate launch` start them: how they share work and results.

The environment identifies each of them (RANK, WORLD_SIZE, LOCAL_RANK). A program that was started alone is the only
process of its job: then nothing here waits, sends or initialises anything, so callers need no special case.
"""

from __future__ import annotations

import atexit
import datetime
import gc
import math
import os
import time
import uuid
from collections.abc import Callable
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from limner.errors import UserError, one_line

T = TypeVar("T")
LONGEST = datetime.timedelta(hours=12)
"""How long one process waits for another: decoding a large data set, which one does for all, takes hours."""
MEETING = datetime.timedelta(minutes=10)
"""How long the processes of a job wait for each other at the start."""


class Processes:
    """This process among those of its job. Every process creates one and calls its methods in the same order.

    Raises:
        UserError: where the environment names a job whose other processes cannot be reached.
    """

    def __init__(self) -> None:
        self.world = int(os.environ.get("WORLD_SIZE") or 1)
        self.rank = int(os.environ.get("RANK") or 0) if self.world > 1 else 0
        self.leads = self.rank == 0
        """Whether this is rank 0, the process that writes for all."""
        self._group: dist.ProcessGroup | None = None
        if self.world > 1:
            self._join()

    def _join(self) -> None:
        if torch.cuda.is_available():  # from here on "cuda" is this process's own GPU
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK") or 0) % torch.cuda.device_count())
        if not dist.is_initialized():
            try:
                store, rank, world = next(dist.rendezvous("env://", timeout=MEETING))
                store = dist.PrefixStore(_agreed_prefix(store, rank, world), store)
                # Without a named backend PyTorch takes gloo for the CPU, and also that of the GPU where there is one.
                dist.init_process_group(store=store, rank=rank, world_size=world, timeout=LONGEST)
            except (ValueError, RuntimeError) as error:
                why = one_line(error)
                raise UserError(f"cannot reach the other processes, start all with torchrun: {why}") from None
            atexit.register(_leave)
        if "gloo" not in str(dist.get_backend_config()):  # somebody else's group, for GPUs alone
            self._group = dist.new_group(backend="gloo", timeout=LONGEST)

    def mine(self, count: int) -> range:
        """Return which of `count` rows this process works on: every `world`-th one."""
        return range(self.rank, count, self.world)

    def gather(self, rows: Tensor) -> Tensor:
        """Return the rows of all processes in order, in every process.

        Args:
            rows: the results of this process for its rows `mine(count)`: (len(mine(count)), ...). A process without
                rows passes (0, ...), with the same shape after that.

        Returns:
            (count, ...), on the device of `rows`.
        """
        if self.world == 1:
            return rows
        counts = self._all_numbers(len(rows))
        count, most = sum(counts), max(counts)
        width = math.prod(rows.shape[1:])
        as_bytes = rows.detach().cpu().contiguous().reshape(len(rows), width).view(torch.uint8)  # gloo knows few types
        padded = as_bytes.new_zeros(most, as_bytes.shape[1])
        padded[: len(rows)] = as_bytes
        parts = [torch.empty_like(padded) for _ in range(self.world)]
        dist.all_gather(parts, padded, group=self._group)
        ordered = torch.stack(parts, dim=1).flatten(0, 1)[:count].contiguous()  # row i came from rank i % world
        return ordered.view(rows.dtype).reshape(count, *rows.shape[1:]).to(rows.device)

    def anywhere(self, flag: bool) -> bool:
        """Return whether `flag` is true in some process."""
        return any(self._all_numbers(int(flag))) if self.world > 1 else flag

    def lead(self, task: Callable[[], T]) -> T:
        """Run `task` in the leading process while the others wait, and return its result in all of them.

        Raises:
            UserError: what `task` raised, in every process.
        """
        if self.world == 1:
            return task()
        outcome = list(_tried(task)) if self.leads else [None, ""]
        dist.broadcast_object_list(outcome, src=0, group=self._group, device=torch.device("cpu"))
        result, fault = outcome
        if fault:
            raise UserError(fault)
        return result  # type: ignore[return-value]

    def in_turn(self, task: Callable[[], T]) -> T:
        """Run `task` in every process: in the leading one, then in the first of each machine, then in all others.

        What the first one writes to disk (a cache) is there for those that follow.

        Raises:
            UserError: what `task` raised first, in every process.
        """
        if self.world == 1:
            return task()
        turn = 0 if self.leads else 1 if os.environ.get("LOCAL_RANK") == "0" else 2
        results = [self._shared(task if now == turn else None) for now in range(3)]
        return results[turn]  # type: ignore[return-value]

    def together(self, task: Callable[[], T]) -> T:
        """Run `task` in all processes at once, and wait until all are done.

        Raises:
            UserError: what `task` raised in one process, in every process.
        """
        return self._shared(task) if self.world > 1 else task()  # type: ignore[return-value]

    def wait(self) -> None:
        """Wait until every process has come here."""
        self.anywhere(False)

    def close(self) -> None:
        """Leave the job; no other method may be called afterwards."""
        if self.world > 1:
            _leave()

    def _shared(self, task: Callable[[], T] | None) -> T | None:
        """Run `task`, where this process has one; an error in one process is raised in all."""
        result, fault = _tried(task) if task is not None else (None, "")
        faults: list[str] = [""] * self.world
        dist.all_gather_object(faults, fault, group=self._group)
        if any(faults):
            raise UserError(next(filter(None, faults)))
        return result

    def _all_numbers(self, number: int) -> list[int]:
        """Return the numbers that all processes passed, by rank."""
        parts = [torch.zeros(1, dtype=torch.int64) for _ in range(self.world)]
        dist.all_gather(parts, torch.tensor([number]), group=self._group)
        return [int(part) for part in parts]


def _agreed_prefix(store: dist.Store, rank: int, world: int) -> str:
    """Return a key prefix that the processes of this very start have agreed on.

    When a worker dies, torchrun starts all of them again with the same store, which still holds the addresses of the
    dead ones (PyTorch issue 135712; the count of restarts would not do as a prefix, as each machine counts its own). So
    the first process publishes a new random word, the others answer with one of theirs, and the first confirms the list
    of answers: a process that finds its own word confirmed uses that prefix.
    """
    own = uuid.uuid4().hex
    if rank == 0:
        store.set("first", own)
        answers = [store.get(f"{own}/{other}").decode() for other in range(1, world)]
        store.set(f"{own}/met", " ".join(answers))
        return own
    until = time.monotonic() + MEETING.total_seconds()
    while time.monotonic() < until:
        word = store.get("first").decode()
        store.set(f"{word}/{rank}", own)
        if store.check([f"{word}/met"]) and own in store.get(f"{word}/met").decode():
            return word
        time.sleep(0.05)
    raise RuntimeError("the first process does not answer")


def _tried(task: Callable[[], T]) -> tuple[T | None, str]:
    """Return what `task` returns, or the line of the `UserError` that it raises."""
    try:
        return task(), ""
    except UserError as error:
        return None, str(error)


def _leave() -> None:
    """Destroy the process group now: doing so while the interpreter shuts down may abort it."""
    if dist.is_initialized():
        dist.destroy_process_group()
        gc.collect()  # ends its threads now, not while the interpreter shuts down
