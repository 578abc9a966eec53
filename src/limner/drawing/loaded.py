"""A checkpoint in memory: what it is, where it computes, in which sizes it draws, and how it gets to the Hub and back.

What it draws is said by `limner.drawing.artist.Artist`, which is one.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch

from limner import checkpoint
from limner.devices import device_of
from limner.drawing import asking, notebook
from limner.drawing.resolve import find
from limner.enlarging.attached import AttachedEnlarger
from limner.errors import UserError
from limner.imaging import answers
from limner.system import System


class Loaded:
    """A system with its weights, and what its checkpoint says of it.

    Args:
        system: in evaluation mode; its device is where it draws.
        record: what `system.json` says of it.
        name: what it was loaded by; it goes into recipes.
        folder: where it lies.
        enlarger: what its checkpoint carries to enlarge pictures with, if anything.
    """

    def __init__(
        self,
        system: System,
        record: Mapping[str, Any],
        name: str,
        folder: Path,
        enlarger: AttachedEnlarger | None = None,
    ) -> None:
        self.system, self.record, self.name, self.folder, self.enlarger = system, record, name, folder, enlarger
        self.by: dict[str, Any] = {}  # what recipes say of a condition that was plugged in (see `drawing.condition`)
        self.size = self.side = answers.side_of(system)
        """Sides, in pixels: of the pictures one gets (see `at`), and of those its system draws."""

    @classmethod
    def from_pretrained(
        cls, name: str | Path, *, device: str | torch.device = "auto", dtype: torch.dtype | None = None
    ) -> Self:
        """Load a checkpoint by a bundled name, a folder, a run folder (its newest one) or a Hub id `owner/name`.

        Args:
            name: which one.
            device: "cpu", "cuda", ...; "auto" takes the environment's LIMNER_DEVICE, or the GPU where there is one.
            dtype: torch.float32, or None for the same; see `to`.

        Raises:
            UserError: where there is none, or it cannot be opened (see `limner.checkpoint.open`).
        """
        return cls.opened(find(name), str(name)).to(device, dtype)

    @classmethod
    def opened(cls, folder: Path, name: str) -> Self:
        """Open the checkpoint in a folder, on the CPU, by the name that recipes are to say.

        Raises:
            UserError: it cannot be opened (see `limner.checkpoint.open`).
        """
        system = checkpoint.open(folder)
        return cls(system, checkpoint.read(folder), name, folder, AttachedEnlarger.open(folder))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, a {self.record['system']})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return notebook.of_artist(self.name, self.record, self.folder, self.system.schema, self.device)

    @property
    def device(self) -> torch.device:
        """The device that it draws on."""
        return self.system.device

    @property
    def dtype(self) -> torch.dtype:
        """What its weights are, and what it computes in: `torch.float32`."""
        return torch.float32

    def to(self, *where: str | torch.device | torch.dtype | None) -> Self:
        """Move it to a device, in place, and return it, as modules of torch do.

        Args:
            where: a device ("auto", "cpu", "cuda", ..., or torch's), and `torch.float32`, in any order. Other dtypes
                are refused: the same recipe would draw another picture, and these nets are small.

        Raises:
            UserError: a device that cannot be used, or another dtype.
        """
        for one in where:
            if isinstance(one, torch.dtype) and one is not self.dtype:
                raise UserError(
                    f"{self.name} draws in torch.float32, so that a recipe draws one picture everywhere, not in {one}: "
                    "leave the dtype out (weights are published in half precision by `limner push`)"
                )
            if one is not None and not isinstance(one, torch.dtype):
                self._move(one)
        return self

    def _move(self, device: str | torch.device) -> None:
        place = device if isinstance(device, torch.device) else device_of(device)
        try:
            self.system.to(place)
            if self.enlarger is not None:
                self.enlarger.net.to(place)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise UserError(f"cannot use the device {str(device)!r}: {str(error).splitlines()[0]}") from None

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the weights, which says for good which checkpoint drew a picture."""
        return str(self.record["sha256"][checkpoint.WEIGHTS])

    @property
    def sizes(self) -> tuple[int, ...]:
        """Return the sides, in pixels, of the pictures one can have, that of its system first."""
        return (self.side,) if self.enlarger is None else (self.side, self.enlarger.size)

    def at(self, size: int | None) -> Self:
        """Return the same artist for pictures of `size` pixels a side; itself for None.

        What is drawn stays the same: an enlarger makes it larger. Nothing that measures looks at that.

        Raises:
            UserError: it is none of `sizes`.
        """
        if size is None:
            return self
        if type(size) is not int or size not in self.sizes:
            some = " or ".join(map(str, self.sizes))
            teaches = self.enlarger is None and "images" in self.system.gives
            more = "; `limner enlarge` teaches it to draw larger ones" if teaches else ""
            raise UserError(f"{self.name} draws pictures of {some} pixels, not of {size!r:.60}{more}")
        other = copy.copy(self)
        other.size = size
        return other

    @property
    def examples(self) -> tuple[str, ...]:
        """Return a few things one can ask."""
        return self.system.schema.examples

    @property
    def morphs(self) -> bool:
        """Tell whether something lies between two requests: not where there is no prompt, nor between stories."""
        return any(kind.mixes for kind in self.system.kinds)

    @property
    def takes(self) -> str:
        """Return the names of the kinds of request it draws from, for messages."""
        return asking.names_of(self.system.kinds)
