"""Measure an artist on held-out requests by one protocol, the same for every system.

The artist draws one picture, or one story, for each of the first held-out requests, and some of them several times. A
judge, which has seen real pictures alone, says what it sees. Beside each figure stands what real held-out pictures get
and, where that has a meaning, what one gets by not listening. Among several processes the drawing is shared.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from limner import catalogue, checkpoint, metrics
from limner.data.cache import Progress
from limner.data.dataset import Dataset
from limner.errors import UserError
from limner.evaluation.judge import Judge, truth
from limner.evaluation.protocol import Exam, floats, resized
from limner.evaluation.redescription import redescribed
from limner.evaluation.report import OF_REAL, Figure, Report
from limner.evaluation.stories import story_figures, strips
from limner.metrics import Extractor
from limner.processes import Processes
from limner.requests import Caption, Nothing, Request, Story
from limner.system import System, sample_drafts
from limner.training.run_folder import RunFolder
from limner.training.trainer import Trainer

if TYPE_CHECKING:
    from limner.drawing.artist import Artist

CANDIDATES = 100
"""Texts among which a picture's own is looked for (AttnGAN's R-precision)."""
SMALL = 10_000
"""Fewer pictures than this, and a Frechet distance is biased upwards by a noticeable part."""
BATCH = 50
GOOD = 0.97
"""A judge less right than this on real pictures is pointed out."""


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
    """Return how right a judge is on real held-out pictures: mean over attributes, each property, finding captions."""
    rows = range(min(data.length("test"), 5000))
    features = network.features(floats(data.pictures(rows, "test")))
    found: dict[str, float] = {}
    if network.values:
        named, true, things = network.named(features), truth(data, rows), metrics.Things.of(network.values)
        right = metrics.attribute_accuracy(named, true, list(network.values))
        found = {"mean": right.mean} | metrics.by_property(named, true, list(network.values), things)
    if network.schema.captions:
        captions = [data.captions(row, "test")[0] for row in rows]
        codes = network.placed(features), network.read(captions)
        found["R-precision"] = metrics.r_precision(*codes, captions, CANDIDATES)
    return {name: round(share, 4) for name, share in found.items()}


def evaluate(artist: Artist, exam: Exam) -> Report:
    """Draw, judge and report.

    Raises:
        UserError: where the artist takes requests that the data cannot make, or draws no pictures.
    """
    system, exam = artist.system, exam.of(artist.system.takes)
    requests = exam.data.requests(system.takes, exam.requests, "test")
    began = time.perf_counter()
    drawn = draw(system, requests, range(exam.seed, exam.seed + len(requests)), exam.ranks)
    seconds = time.perf_counter() - began
    often = [request for request in requests[: exam.prompts] for _ in range(exam.seeds)]
    again = draw(system, often, [*range(exam.seed, exam.seed + exam.seeds)] * exam.prompts, exam.ranks)
    drawn, again = (resized(images.flatten(0, -4), exam.data.schema.size) for images in (drawn, again))
    features = exam.referee.features(drawn)

    figures, details = dict[str, Figure](), dict[str, dict[str, float]]()
    told = not issubclass(system.takes, Nothing)
    if told and exam.referee.network.values:
        figures |= (story_figures if exam.stories else _attributes)(exam, features, details)
    if issubclass(system.takes, Caption | Story):
        lines = [line for request in requests for line in _lines(request)]
        # Encoders that were not kept measure nothing; those of a story have no word for a single frame.
        left_out = exam.stories or "vision" in artist.record.get("omitted", ())
        figures |= _r_precision(exam, None if left_out else system, drawn, features, lines)
    if issubclass(system.takes, Caption):
        figures |= redescribed(exam, artist, drawn)
    figures |= _distances(exam, features, f"judge:{exam.referee.name}")
    if exam.inception is not None:
        figures |= _inception(exam, exam.inception, drawn)
    figures |= _likeness(exam, drawn, details)
    figures |= _variety(exam, drawn, again)
    figures["million parameters"] = Figure(drawing_parameters(system, requests[0]) / 1e6, better=0, note="that draw")
    figures["ms a picture"] = Figure(1000 * seconds * exam.ranks.world / len(drawn), better=0)
    flags = _flags(exam, figures)
    trained = artist.record.get("trained", {})
    return Report(artist.name, artist.record["system"], exam.protocol, figures, details, trained, flags)


def _lines(request: Request) -> tuple[str, ...]:
    return request.lines if isinstance(request, Story) else (request.text,) if isinstance(request, Caption) else ()


def draw(system: System, requests: Sequence[Request], seeds: Sequence[int], ranks: Processes) -> Tensor:
    """Draw each request with its seed, shared among processes: (N, 3, H, W), or (N, T, 3, H, W), on the CPU."""
    mine = ranks.mine(len(requests))
    parts = []
    for places in _batches(mine):
        *_, final = sample_drafts(system, [requests[i] for i in places], [seeds[i] for i in places])
        if final.images is None:
            raise UserError("this artist draws no pictures, so there is nothing to measure")
        parts.append(final.images.float().clamp(-1, 1).cpu())
    side = system.config.size
    many = [len(request.lines) for request in requests[:1] if isinstance(request, Story)]
    return ranks.gather(torch.cat(parts) if parts else torch.empty(0, *many, 3, side, side))


def drawing_parameters(system: System, request: Request) -> int:
    """Count the parameters of the modules that are called when a request is drawn; critics and the like are not."""
    called: set[nn.Parameter] = set()

    def note(module: nn.Module, given: Any) -> None:
        called.update(module.parameters(recurse=False))

    hooks = [module.register_forward_pre_hook(note) for module in system.modules()]
    try:
        for _ in sample_drafts(system, [request], [0]):
            pass
    finally:
        for hook in hooks:
            hook.remove()
    return sum(parameter.numel() for parameter in called)


def _batches(places: range) -> Iterator[range]:
    for start in range(0, len(places), BATCH):
        yield places[start : start + BATCH]


def _attributes(exam: Exam, features: Tensor, details: dict[str, Any]) -> dict[str, Figure]:
    names = list(exam.referee.network.values)
    wanted, network = exam.wanted(), exam.referee.network
    got = metrics.attribute_accuracy(network.named(features), wanted, names)
    real = metrics.attribute_accuracy(network.named(exam.real_features), wanted, names)
    floor = metrics.attribute_accuracy(network.named(exam.real_features).roll(1, 0), wanted, names)
    details["attributes"], details["attributes" + OF_REAL] = dict(got.each), dict(real.each)
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
    own, ideal = (
        system.embed_pairs(resized(images, system.config.size), requests) if system else None
        for images in (drawn, exam.real)
    )
    if own is not None and ideal is not None:
        codes["R-precision, own"] = own, ideal
    found = {}
    for name, (got, real) in codes.items():
        value, best = (metrics.r_precision(*pair, captions, CANDIDATES) for pair in (got, real))
        low, high = metrics.interval(value, exam.requests)
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


def _likeness(exam: Exam, drawn: Tensor, details: dict[str, Any]) -> dict[str, Figure]:
    if exam.stories:
        places = zip(strips(drawn, exam).unbind(1), strips(exam.real, exam).unbind(1), strict=True)
        details["SSIM by frame"] = {f"frame {t}": metrics.ssim(*pair) for t, pair in enumerate(places, start=1)}
    others = exam.real.roll(exam.frames, 0)
    same = "frame of the same story" if exam.stories else "picture of the same request"
    return {"SSIM": Figure(metrics.ssim(drawn, exam.real), floor=metrics.ssim(others, exam.real), note=f"real {same}")}


def _variety(exam: Exam, drawn: Tensor, again: Tensor) -> dict[str, Figure]:
    grouped = strips(again, exam).unflatten(0, (exam.prompts, exam.seeds))  # (P, K, T, 3, S, S)
    seen = strips(exam.referee.features(again), exam).flatten(1).unflatten(0, (exam.prompts, exam.seeds))
    unit = exam.scale * exam.frames**0.5  # so that stories are no farther apart for having many frames
    spread = metrics.diversity(grouped.flatten(2, 3), seen / unit)
    near = metrics.nearest(drawn, exam.data.pictures(range(exam.data.length())), exam.real)
    apart = _apart(strips(exam.real_features, exam).flatten(1) / unit)
    return {
        "diversity, pixels": Figure(
            spread["pixels"], float(strips(exam.real, exam).std(dim=0).mean()), note="real: all requests"
        ),
        "diversity, judge": Figure(spread["features"], apart, note="real: all requests"),
        "memorised": Figure(near.share, 0.01, better=-1, note="share nearer a training picture than 99 % of real ones"),
    }


def _apart(features: Tensor) -> float:
    """Mean distance of pairs of different rows."""
    return float(torch.pdist(features[:500]).mean())


def _flags(exam: Exam, figures: dict[str, Figure]) -> list[str]:
    flags = []
    if len(exam.rows) < SMALL:
        flags.append(
            f"{len(exam.rows):,} pictures are few for a Frechet distance: it is too high by a part that depends on "
            "their number; compare it within this protocol only."
        )
    ceiling = figures["attributes"].real if "attributes" in figures else None
    if ceiling is not None and ceiling < GOOD:
        flags.append(
            f"The judge names {ceiling:.1%} of attributes rightly on real pictures: read figures against that."
        )
    return flags
