"""The baseline: the same nets, losses and batches in the loop that one writes in one sitting.

fp32, the layout that tensors come in, plain Adam, every picture decoded from its file in every step, every caption read
by the text encoder in every step, gradients of all nets at every backward, losses brought to Python at every move. Each
of the house's optimisations is a switch, so that one can be put in after the other.
"""

from __future__ import annotations

import copy
import dataclasses
import importlib
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from limner.blocks.layers import doubling
from limner.blocks.losses.penalties import gradient_penalty
from limner.data.dataset import Dataset
from limner.data.views import Pairs
from limner.system import Clock, Phase
from limner.training import allocator

LAZY = 16
"""Steps from one penalty to the next where they are lazier."""


@dataclass(frozen=True)
class Switches:
    """What is put in."""

    cache: bool = False
    """Pictures are decoded once, to a memory map."""
    table: bool = False
    """Captions are read once, to a table."""
    layout: bool = False
    """Channels last, where the system asks for it."""
    fused: bool = False
    """Fused Adam."""
    own: bool = False
    """Backward passes compute the gradients of the player that moves, and losses stay where they are."""
    bf16: bool = False
    """Autocast to bf16."""
    merged: bool = False
    """A convolution is taken as one with the doubling before it, or the halving after it."""
    lazier: bool = False
    """Gradient penalties in bf16, at every 16th step; else in fp32, as often as the system says."""
    allocator: bool = False
    """glibc keeps freed memory."""

    def described(self) -> str:
        """Say what is in."""
        on = [field.name for field in dataclasses.fields(self) if getattr(self, field.name)]
        return " + ".join(on) or "eager"

    @contextmanager
    def applied(self, system: Any) -> Iterator[None]:
        """Have blocks, the system's own module and the allocator do as is said here, inside a `with` block."""
        module = importlib.import_module(type(system).__module__)
        if self.allocator != _kept[-1]:
            (allocator.keep_freed_memory if self.allocator else allocator.usual)()
            _kept.append(self.allocator)

        def penalty(
            discriminator: Callable[..., Tensor], images: Tensor, *given: Tensor, autocast: bool = False
        ) -> Tensor:
            return gradient_penalty(discriminator, images, *given, autocast=self.lazier)

        with ExitStack() as stack:
            stack.enter_context(patch.object(doubling, "WORTH_IT", doubling.WORTH_IT if self.merged else sys.maxsize))
            if hasattr(module, "gradient_penalty"):
                stack.enter_context(patch.object(module, "gradient_penalty", penalty))
                stack.enter_context(patch.object(module, "LAZY", LAZY if self.lazier else module.LAZY))
            yield


_kept = [False]  # what the allocator was told, the last of it now


class Loop:
    """A training of the last phase of a system, whose text encoders are as they were built."""

    def __init__(self, system: Any, data: Dataset, switches: Switches, batch: int, read: Any) -> None:
        self.system, self.data, self.on, self.batch = system, data, switches, batch
        self.phase: Phase = next(phase for phase in system.phases() if phase.name == "gan")
        self.rng = np.random.default_rng(0)
        if not switches.layout:
            system.to(memory_format=torch.contiguous_format)
        system.eval().requires_grad_(False)
        self.nets: dict[str, list[nn.Parameter]] = {}
        self.optimisers: dict[str, torch.optim.Optimizer] = {}
        for name, player in self.phase.players.items():
            for module in player.modules:
                module.train().requires_grad_(True)
            self.nets[name] = [p for module in player.modules for p in module.parameters()]
            rates = player.optimiser(self.nets[name]).param_groups[0]
            how: dict[str, Any] = {"fused": True} if switches.fused else {"foreach": False}
            self.optimisers[name] = torch.optim.Adam(self.nets[name], lr=rates["lr"], betas=rates["betas"], **how)
        ours, theirs = (getattr(one, "lessons", one) for one in (system, read))
        if hasattr(ours, "negatives"):  # what `read`, a system of the same weights, has read already
            ours.negatives = copy.copy(theirs.negatives)
            ours.negatives.table = copy.copy(theirs.negatives.table)
            if hasattr(system, "teacher"):
                system.teacher.edits = read.teacher.edits
        else:
            system.sentences = copy.copy(read.sentences)
        if not switches.table:
            _read_every_time(system, data)
        self.at = 0

    def step(self) -> None:
        """Train on one batch."""
        with self.on.applied(self.system):
            self._step()

    def _step(self) -> None:
        rows = self.rng.integers(0, self.data.length(), self.batch)
        batch = Pairs.gather(self.data, rows, self.rng)
        if not self.on.cache:
            batch = dataclasses.replace(batch, images=decoded(self.data, rows))
        clock = Clock(seen=self.at * self.batch, total=10**9, step=self.at)
        assert self.phase.step is not None
        moves = self.phase.step(batch.to("cpu"), clock)
        while True:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.on.bf16):
                update = next(moves, None)
            if update is None:
                break
            if self.on.own:
                self.optimisers[update.player].zero_grad()
                update.loss.backward(inputs=self.nets[update.player])
            else:
                for optimiser in self.optimisers.values():
                    optimiser.zero_grad()
                update.loss.backward()
                update.loss.item()
            self.optimisers[update.player].step()
        self.at += 1


def decoded(data: Dataset, rows: np.ndarray) -> Tensor:
    """Decode the pictures of rows from their bytes: uint8 (B, 3, S, S)."""
    source, size = data._source, data.schema.size
    pictures = []
    for row in data._rows("train")[rows].tolist():
        (encoded,) = source.encoded(row, row + 1)
        image = Image.open(io.BytesIO(encoded) if isinstance(encoded, bytes) else encoded).convert("RGB")
        pictures.append(np.asarray(image.resize((size, size), Image.Resampling.LANCZOS)))
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()


def _read_every_time(system: Any, data: Dataset) -> None:
    """Let the table of captions look nothing up: each text is read when it is asked for."""
    read: Callable[[list[str]], Tensor]
    if hasattr(system, "lessons"):
        table, read = system.lessons.negatives.table, system.teacher.text.pooled
    elif hasattr(system, "negatives"):
        table, read = system.negatives.table, system.pool
    else:
        table, read = system.sentences, system.text.sentence
    texts: dict[int, str] = {}
    for row in range(data.length()):
        start = int(table.starts[row])
        for number, text in enumerate(data.captions(row)):
            texts[int(table.places[start + number])] = text

    class Reading:
        """Looks like the (texts, E) table of vectors."""

        device = torch.device("cpu")

        def __getitem__(self, places: Tensor) -> Tensor:
            with torch.no_grad():
                found = read([texts[place] for place in places.flatten().tolist()])
            return found.unflatten(0, places.shape)

    table.vectors = Reading()
