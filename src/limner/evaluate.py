"""Measure an artist on held-out requests by one protocol, the same for every system.

The artist draws one picture for each of the first held-out requests, and some of them several times. A judge, which
has seen real pictures alone, says what it sees. Beside each figure stands what real held-out pictures get and, where
that has a meaning, what one gets by not listening. Among several processes the drawing is shared.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from limner import catalogue, checkpoint, metrics
from limner.data.cache import Progress
from limner.data.dataset import Dataset
from limner.errors import UserError
from limner.judge import Judge, truth, values_of, with_label
from limner.metrics import Extractor
from limner.places import find
from limner.ranks import Ranks
from limner.report import Figure, Protocol, Report
from limner.requests import Caption, Nothing, Request
from limner.runs import RunFolder
from limner.system import Dice, System
from limner.train import Trainer

if TYPE_CHECKING:
    from limner.artist import Artist

CANDIDATES = 100
"""Texts among which a picture's own is looked for (AttnGAN's R-precision)."""
SMALL = 10_000
"""Fewer pictures than this, and a Frechet distance is biased upwards by a noticeable part."""
BATCH = 50
GOOD = 0.97
"""A judge less right than this on real pictures is pointed out."""


@dataclass(frozen=True)
class Referee:
    """A judge with its name, for figures that are named after it."""

    name: str
    network: Judge
    sha256: str

    @classmethod
    def load(cls, name: str | Path) -> Referee:
        """Load a judge that ships with Limner by its name, or from a folder or run.

        Raises:
            UserError: where there is none, or it is no judge.
        """
        shipped = Path(__file__).parent / "judges" / str(name)
        folder = shipped if (shipped / checkpoint.ABOUT).is_file() else find(name)
        about = checkpoint.read(folder)
        if about["system"] != "judge":
            raise UserError(f"{name} is a {about['system']}, not a judge: make one with `limner judge DATA -o FOLDER`")
        network = checkpoint.open(folder)
        assert isinstance(network, Judge)
        return cls(Path(name).name, network, str(about["sha256"][checkpoint.WEIGHTS]))

    def features(self, images: Tensor) -> Tensor:
        """See pictures of any size: (N, 3, H, W) to (N, F)."""
        return self.network.features(resized(images, self.network.config.size))

    def fits(self, data: Dataset) -> None:
        """Make sure that it knows the attributes of this data.

        Raises:
            UserError: where it was made for other data.
        """
        mine, theirs = values_of(self.network.schema), values_of(data.schema)
        if mine != theirs:
            raise UserError(
                f"the judge {self.name} knows the attributes {', '.join(mine) or 'none'}, with other values than "
                "this data has or other names: make a judge for it with `limner judge DATA -o FOLDER`"
            )


@dataclass
class Exam:
    """What is put to an artist: requests, the real pictures that answer them, and the judge.

    The same for every artist measured by it, so what is known of the real pictures is worked out once.
    """

    name: str
    data: Dataset
    referee: Referee
    pictures: int = 1000
    reference: int = 5000
    prompts: int = 25
    seeds: int = 8
    seed: int = 0
    inception: Extractor | None = None
    """For the figures of the papers; without it only the judge's are made."""
    ranks: Ranks = field(default_factory=Ranks)

    def __post_init__(self) -> None:
        self.referee.fits(self.data)
        held_out = self.data.length("test")
        if held_out < 2:
            raise UserError(f"{self.name} holds out {held_out} pictures: nothing to measure on")
        if self.pictures < 2 or self.prompts < 1 or self.seeds < 2:
            raise UserError("to measure takes 2 pictures or more, 1 prompt or more and 2 seeds or more")
        self.pictures = min(self.pictures, held_out)
        self.prompts = min(self.prompts, self.pictures)
        self.reference = min(self.reference, self.data.length())
        self.rows = range(self.pictures)
        self.real = floats(self.data.pictures(self.rows, "test"))  # (N, 3, S, S)
        self.real_features = self.referee.features(self.real)
        known = floats(self.data.pictures(self.known, "train"))
        self.known_features = self.referee.features(known)
        self.scale = float(self.known_features.square().mean().sqrt())
        """Features are divided by it where their distances are told, so that figures of different judges are alike."""

    @property
    def known(self) -> np.ndarray:
        """Rows of the training pictures that distributions are compared with."""
        return np.linspace(0, self.data.length() - 1, self.reference).astype(int)

    @property
    def protocol(self) -> Protocol:
        """How it is measured."""
        return Protocol(
            data=self.name, fingerprint=self.data.fingerprint, size=self.data.schema.size, pictures=self.pictures,
            reference=self.reference, prompts=self.prompts, seeds=self.seeds, seed=self.seed,
            judge=self.referee.sha256[:12],
        )  # fmt: skip

    def wanted(self) -> Tensor:
        """Return what each request asks for: (N, A) numbers of values, -1 where it leaves them open."""
        every = truth(self.data, self.rows)
        said = self.data.said(self.rows, 0, "test")
        said = with_label(said, torch.ones(len(said), dtype=torch.bool), self.data.schema)
        return torch.where(said, every, -1)


def publish_judge(
    data: str, out: Path, config: Any, seed: int = 12_345, progress: Progress | None = None
) -> tuple[dict[str, float], Path]:
    """Train a judge on the real training pictures and publish it; return its accuracy on held-out ones, and `out`.

    A training that was stopped goes on from where it was, in a folder beside `out`.

    Raises:
        UserError: where the data holds nothing to judge by, or `out` is taken.
        KeyboardInterrupt: where a person stopped it.
    """
    opened = Dataset.open(data, size=config.size, progress=progress)
    torch.manual_seed(seed)
    network = catalogue.build(Judge, config, opened.schema)
    assert isinstance(network, Judge)
    place = out.with_name(f".{out.name}.training")
    run = RunFolder.open(place) if (place / "run.json").exists() else RunFolder.create(place)
    trainer = Trainer(network, opened, run, seed=seed)
    trainer.resume() if run.checkpoints() else trainer.fit()
    if not trainer.finished:
        raise KeyboardInterrupt
    accuracy = certify(network.eval(), opened)
    trained = {"data": Path(data).name, "images": trainer.at.total, "seed": seed, "held out": accuracy}
    checkpoint.save(network, out, trained=trained, half=True)
    shutil.rmtree(place)
    return accuracy, out


def certify(network: Judge, data: Dataset) -> dict[str, float]:
    """Return how right a judge is on real held-out pictures: each attribute, their mean, and finding captions."""
    rows = range(min(data.length("test"), 5000))
    features = network.features(floats(data.pictures(rows, "test")))
    found: dict[str, float] = {}
    if network.values:
        right = metrics.attribute_accuracy(network.named(features), truth(data, rows), list(network.values))
        found = {"mean": right.mean} | dict(right.each)
    if network.schema.captions:
        captions = [data.captions(row, "test")[0] for row in rows]
        codes = network.placed(features), network.read(captions)
        found["R-precision"] = metrics.r_precision(*codes, captions, CANDIDATES)
    return {name: round(share, 4) for name, share in found.items()}


def floats(pixels: Tensor) -> Tensor:
    """Turn bytes into floats in [-1, 1]."""
    return pixels.float().div_(127.5).sub_(1)


def resized(images: Tensor, size: int) -> Tensor:
    """Return pictures (N, 3, H, W) of `size` pixels, smoothed where they shrink."""
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, size=(size, size), mode="bilinear", antialias=True, align_corners=False)


def evaluate(artist: Artist, exam: Exam) -> Report:
    """Draw, judge and report.

    Raises:
        UserError: where the artist takes requests that the data cannot make, or draws no pictures.
    """
    system = artist.system
    requests = exam.data.requests(system.takes, exam.pictures, "test")
    began = time.perf_counter()
    drawn = draw(system, requests, range(exam.seed, exam.seed + len(requests)), exam.ranks)
    seconds = time.perf_counter() - began
    often = [request for request in requests[: exam.prompts] for _ in range(exam.seeds)]
    again = draw(system, often, [*range(exam.seed, exam.seed + exam.seeds)] * exam.prompts, exam.ranks)
    drawn, again = (resized(images, exam.data.schema.size) for images in (drawn, again))
    features = exam.referee.features(drawn)

    figures, details = dict[str, Figure](), dict[str, dict[str, float]]()
    told = not issubclass(system.takes, Nothing)
    if told and exam.referee.network.values:
        figures |= _attributes(exam, features, details)
    if issubclass(system.takes, Caption):
        left_out = "vision" in artist.record.get("omitted", ())  # encoders that were not kept measure nothing
        own = None if left_out else system
        figures |= _r_precision(exam, own, drawn, features, [r.text for r in requests if isinstance(r, Caption)])
    figures |= _distances(exam, features, f"judge:{exam.referee.name}")
    if exam.inception is not None:
        figures |= _inception(exam, exam.inception, drawn)
    figures |= _variety(exam, drawn, again)
    figures["ms a picture"] = Figure(1000 * seconds * exam.ranks.world / len(requests), better=0)
    flags = _flags(exam, figures)
    trained = artist.record.get("trained", {})
    return Report(artist.name, artist.record["system"], exam.protocol, figures, details, trained, flags)


def draw(system: System, requests: Sequence[Request], seeds: Sequence[int], ranks: Ranks) -> Tensor:
    """Draw each request with its seed, shared among processes: (N, 3, H, W) on the CPU."""
    mine = ranks.mine(len(requests))
    parts = []
    where = next((p.device for p in system.parameters()), torch.device("cpu"))
    for places in _batches(mine):
        *_, final = system.sample(
            [requests[i] for i in places], system.Knobs(), Dice([seeds[i] for i in places], where)
        )
        if final.images is None:
            raise UserError("this artist draws no pictures, so there is nothing to measure")
        parts.append(final.images.float().clamp(-1, 1).cpu().flatten(0, -4))
    blank = torch.empty(0, 3, system.config.size, system.config.size)
    return ranks.gather(torch.cat(parts) if parts else blank)


def _batches(places: range) -> Iterator[range]:
    for start in range(0, len(places), BATCH):
        yield places[start : start + BATCH]


def _attributes(exam: Exam, features: Tensor, details: dict[str, Any]) -> dict[str, Figure]:
    names = list(exam.referee.network.values)
    wanted, network = exam.wanted(), exam.referee.network
    got = metrics.attribute_accuracy(network.named(features), wanted, names)
    real = metrics.attribute_accuracy(network.named(exam.real_features), wanted, names)
    floor = metrics.attribute_accuracy(network.named(exam.real_features).roll(1, 0), wanted, names)
    details["attributes"], details["attributes of real pictures"] = dict(got.each), dict(real.each)
    asked = int((wanted >= 0).any(dim=1).sum())
    low, high = metrics.interval(got.all_at_once, asked)
    return {
        "attributes": Figure(got.mean, real.mean, floor.mean, note="mean over attributes that were asked for"),
        "all asked": Figure(got.all_at_once, real.all_at_once, floor.all_at_once, low, high),
    }


def _r_precision(
    exam: Exam, system: System | None, drawn: Tensor, features: Tensor, captions: list[str]
) -> dict[str, Figure]:
    network, requests = exam.referee.network, [Caption(text) for text in captions]
    codes = {}
    if network.schema.captions:
        read = network.read(captions)
        codes["R-precision"] = (network.placed(features), read), (network.placed(exam.real_features), read)
    own, ideal = (system.matched(images, requests) if system else None for images in (drawn, exam.real))
    if own is not None and ideal is not None:
        codes["R-precision, own"] = own, ideal
    found = {}
    for name, (got, real) in codes.items():
        value, best = (metrics.r_precision(*pair, captions, CANDIDATES) for pair in (got, real))
        low, high = metrics.interval(value, len(captions))
        found[name] = Figure(value, best, 1 / min(CANDIDATES, len(captions)), low, high)
    return found


def _distances(exam: Exam, features: Tensor, name: str) -> dict[str, Figure]:
    known, real, features = (seen / exam.scale for seen in (exam.known_features, exam.real_features, features))
    kernel, ideal = (metrics.kernel_distance(known, one, seed=exam.seed)[0] for one in (features, real))
    precision, recall = metrics.precision_recall(known, features)
    best = metrics.precision_recall(known, real)
    return {
        f"fid[{name}]": Figure(
            metrics.frechet_distance(known, features), metrics.frechet_distance(known, real), better=-1
        ),
        f"kid[{name}]": Figure(kernel, ideal, better=-1),
        f"precision[{name}]": Figure(precision, best[0]),
        f"recall[{name}]": Figure(recall, best[1]),
    }


def _inception(exam: Exam, extractor: Extractor, drawn: Tensor) -> dict[str, Figure]:
    known = metrics.collect(extractor, floats(exam.data.pictures(exam.known)))
    real, features = metrics.collect(extractor, exam.real), metrics.collect(extractor, drawn)
    probable = torch.cat([extractor.probabilities(part) for part in drawn.split(BATCH)])
    ideal = torch.cat([extractor.probabilities(part) for part in exam.real.split(BATCH)])
    return {
        f"FID[{extractor.name}]": Figure(
            metrics.frechet_distance(known, features), metrics.frechet_distance(known, real), better=-1
        ),
        f"KID[{extractor.name}]": Figure(
            metrics.kernel_distance(known, features)[0], metrics.kernel_distance(known, real)[0], better=-1
        ),
        f"IS[{extractor.name}]": Figure(metrics.inception_score(probable)[0], metrics.inception_score(ideal)[0]),
    }


def _variety(exam: Exam, drawn: Tensor, again: Tensor) -> dict[str, Figure]:
    grouped = again.unflatten(0, (exam.prompts, exam.seeds))
    seen = (exam.referee.features(again) / exam.scale).unflatten(0, (exam.prompts, exam.seeds))
    spread = metrics.diversity(grouped, seen)
    train = exam.data.pictures(range(exam.data.length()))
    near = metrics.nearest(drawn, train, exam.real)
    return {
        "SSIM": Figure(metrics.ssim(drawn, exam.real), note="with the real picture of the same request"),
        "diversity, pixels": Figure(spread["pixels"], float(exam.real.std(dim=0).mean()), note="real: all requests"),
        "diversity, judge": Figure(
            spread["features"], _apart(exam.real_features / exam.scale), note="real: all requests"
        ),
        "memorised": Figure(near.share, 0.01, better=-1, note="share nearer a training picture than 99 % of real ones"),
    }


def _apart(features: Tensor) -> float:
    """Mean distance of pairs of different rows."""
    return float(torch.pdist(features[:500]).mean())


def _flags(exam: Exam, figures: dict[str, Figure]) -> list[str]:
    flags = []
    if exam.pictures < SMALL:
        flags.append(
            f"{exam.pictures:,} pictures are few for a Frechet distance: it is too high by a part that depends on "
            "their number; compare it within this protocol only."
        )
    ceiling = figures["attributes"].real if "attributes" in figures else None
    if ceiling is not None and ceiling < GOOD:
        flags.append(
            f"The judge names {ceiling:.1%} of attributes rightly on real pictures: read figures against that."
        )
    return flags
