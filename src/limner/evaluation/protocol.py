"""What artists are measured on: held-out requests, the real pictures that answer them, and a judge.

Letters: N requests, T frames of a story (1 of a picture), S side of a picture, F features, A attributes.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from limner import checkpoint, metrics
from limner.data.dataset import Dataset
from limner.drawing.resolve import find
from limner.errors import UserError
from limner.evaluation import descriptions
from limner.evaluation.judge import Judge, truth, values_of, with_label
from limner.evaluation.report import Protocol
from limner.metrics import Extractor
from limner.processes import Processes
from limner.requests import Takes, kinds_of

MOST_PIXELS = 2**29
"""Of the pictures that are drawn to be measured; each takes twelve bytes, and so do the real ones beside them."""
EDITS = 200
"""Captions of which one word is changed."""


@dataclass(frozen=True)
class NamedJudge:
    """A judge with the name that figures of its features carry."""

    name: str
    network: Judge
    sha256: str

    @classmethod
    def load(cls, name: str | Path) -> NamedJudge:
        """Load a judge that ships with Limner by its name, or from a folder or run.

        Raises:
            UserError: where there is none, or it is not a judge.
        """
        shipped = Path(__file__).parent / "judges" / str(name)
        folder = shipped if (shipped / checkpoint.RECORD).is_file() else find(name)
        record = checkpoint.read(folder)
        if record["system"] != "judge":
            raise UserError(f"{name} is a {record['system']}, not a judge: make one with `limner judge DATA -o FOLDER`")
        network = checkpoint.open(folder)
        assert isinstance(network, Judge)
        return cls(Path(name).name, network, str(record["sha256"][checkpoint.WEIGHTS]))

    def features(self, images: Tensor) -> Tensor:
        """Return the features of pictures of any size, (N, 3, H, W) in [-1, 1]: (N, F)."""
        return self.network.features(resized(images, self.network.config.size))

    def locate(self, images: Tensor) -> Tensor:
        """Return where the key points of pictures of any size are, (N, 3, H, W) in [-1, 1]: (N, P, 2)."""
        return self.network.locate(resized(images, self.network.config.size))

    def fitted(self, data: Dataset) -> Dataset:
        """Return the data with its values numbered as the judge numbers them.

        A set may lack values that the judge knows, as a small one does.

        Raises:
            UserError: where it has other attributes, or values that the judge does not know.
        """
        mine, theirs = values_of(self.network.schema), values_of(data.schema)
        if mine == theirs:
            return data
        new = {name: sorted(set(values) - set(mine.get(name, ()))) for name, values in theirs.items()}
        if mine.keys() != theirs.keys() or any(new.values()):
            strange = next((f" ({name}: {values[0]})" for name, values in new.items() if values), "")
            raise UserError(
                f"the judge {self.name} knows the attributes {', '.join(mine) or 'none'}, with other values than "
                f"this data has{strange} or other names: make a judge for it with `limner judge DATA -o FOLDER`"
            )
        return data.numbered_as(self.network.schema.attributes, self.network.schema.labels)


@dataclass
class HeldOut:
    """Held-out requests, the real pictures that answer them, and the judge that measures drawings.

    It is the same for every artist, so what concerns the real pictures is computed once. A picture is treated as a
    story of one frame.
    """

    name: str
    data: Dataset
    judge: NamedJudge
    requests: int = 1000
    """Held-out requests: captions with a picture each, or stories with T frames each."""
    reference: int = 5000
    """Real training pictures that distributions are compared with."""
    prompts: int = 25
    """Requests that are drawn several times, to measure variety."""
    seeds: int = 8
    """How often each of these is drawn."""
    seed: int = 0
    """Request i is drawn with seed + i."""
    inception: Extractor | None = None
    """The network of the papers' FID, KID and IS; without it there are only the judge's figures."""
    processes: Processes = field(default_factory=Processes)
    second: NamedJudge | None = None
    """Another judge, whose figures stand beside those of the first."""
    stories: bool = False
    """Whether requests are whole stories; `of` sets it."""

    def __post_init__(self) -> None:
        self.data = self.judge.fitted(self.data)
        if self.second is not None:
            self.second.fitted(self.data)  # of the same values: the figures of the two stand side by side
            if values_of(self.second.network.schema) != values_of(self.judge.network.schema):
                raise UserError(
                    f"the judges {self.judge.name} and {self.second.name} know other values: take another second"
                )
        held_out = self.data.length("test")
        if held_out < 2:
            raise UserError(f"{self.name} holds out {held_out} pictures: nothing to measure on")
        if self.requests < 2 or self.prompts < 1 or self.seeds < 2:
            raise UserError("to measure takes 2 pictures or more, 1 prompt or more and 2 seeds or more")
        rows = self.data.stories("test") if self.stories else np.arange(held_out)[:, None]
        if len(rows) < 2:
            raise UserError(f"{self.name} holds out {len(rows)} story: nothing to measure on")
        self.rows = rows[: self.requests].flatten()
        """Of the real pictures, story by story: (N T,)."""
        self.frames = rows.shape[1]
        """T, 1 for single pictures."""
        self.requests = min(self.requests, len(rows))
        self.prompts = min(self.prompts, self.requests)
        self.reference = min(self.reference, self.data.length())
        pictures, side = self.frames * max(self.requests, self.prompts * self.seeds), self.data.schema.size
        if pictures * side**2 > MOST_PIXELS:
            raise UserError(
                f"{pictures:,} pictures of {side} x {side} pixels are too many to measure in memory, "
                f"{MOST_PIXELS // side**2:,} are the limit: ask for fewer (-n)"
            )

    def of(self, takes: Takes) -> HeldOut:
        """Return what systems of this kind of request are measured on: whole stories where they take stories.

        Raises:
            UserError: where there are no stories held out.
        """
        return self._of_stories if kinds_of(takes)[0].several and not self.stories else self

    @functools.cached_property
    def _of_stories(self) -> HeldOut:
        return dataclasses.replace(self, stories=True)

    @functools.cached_property
    def by_second(self) -> HeldOut:
        """The same, measured by the second judge."""
        assert self.second is not None
        return dataclasses.replace(self, judge=self.second, second=None)

    @functools.cached_property
    def open_captions(self) -> list[descriptions.Open]:
        """Held-out captions that are true of K real pictures or more, at most P of them, and K such pictures."""
        return descriptions.open_captions(self.data, self.rows.tolist(), self.prompts, self.seeds)

    @functools.cached_property
    def wordings(self) -> list[tuple[str, ...]]:
        """At most P descriptions in K wordings each."""
        return descriptions.wordings(self.data, self.rows.tolist(), self.prompts, self.seeds)

    @functools.cached_property
    def edits(self) -> list[descriptions.Edit]:
        """One-word edits of held-out captions, at most `EDITS` of them."""
        return descriptions.edits(self.data, self.rows.tolist(), EDITS)

    @functools.cached_property
    def real(self) -> Tensor:
        """The real pictures that answer the requests, in [-1, 1]: (N T, 3, S, S)."""
        return floats(self.data.pictures(self.rows, "test"))

    @functools.cached_property
    def real_pairs(self) -> float:
        """The MS-SSIM of pairs of the real pictures."""
        return metrics.ms_ssim_of_pairs(self.real, seed=self.seed)

    @functools.cached_property
    def real_features(self) -> Tensor:
        """The judge's features of these: (N T, F)."""
        return self.judge.features(self.real)

    @functools.cached_property
    def known_features(self) -> Tensor:
        """The judge's features of training pictures: (reference, F)."""
        return self.judge.features(floats(self.data.pictures(self.known, "train")))

    @functools.cached_property
    def scale(self) -> float:
        """Divisor of features before distances, so that figures of different judges are of one magnitude."""
        return float(self.known_features.square().mean().sqrt())

    @property
    def known(self) -> np.ndarray:
        """Rows of the training pictures that distributions are compared with."""
        return np.linspace(0, self.data.length() - 1, self.reference).astype(int)

    @property
    def protocol(self) -> Protocol:
        """The protocol of reports measured on this."""
        return Protocol(
            data=self.name, fingerprint=self.data.fingerprint, size=self.data.schema.size, pictures=len(self.rows),
            reference=self.reference, prompts=self.prompts, seeds=self.seeds, seed=self.seed,
            judge=self.judge.sha256[:12], stories=self.requests if self.stories else 0,
            second=self.second.sha256[:12] if self.second else "",
        )  # fmt: skip

    def truth(self) -> Tensor:
        """Return what is true of the real pictures: (N T, A) numbers of values, -1 where not known."""
        return truth(self.data, self.rows.tolist())

    def mentioned(self) -> Tensor:
        """Return which attributes the caption, or line, of each real picture mentions: bool (N T, A)."""
        attributes = self.data.mentioned(self.rows, 0, "test")
        return with_label(attributes, torch.ones(len(attributes), dtype=torch.bool), self.data.schema)

    def wanted(self) -> Tensor:
        """Return what each caption or line asks for: (N T, A) numbers of values, -1 where it leaves them open."""
        return torch.where(self.mentioned(), self.truth(), -1)


def floats(pixels: Tensor) -> Tensor:
    """Turn bytes of pixels, of any shape, into floats in [-1, 1]."""
    return pixels.float().div_(127.5).sub_(1)


def resized(images: Tensor, size: int) -> Tensor:
    """Resize pictures (N, 3, H, W) to `size` pixels, smoothed where they shrink: (N, 3, size, size)."""
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
