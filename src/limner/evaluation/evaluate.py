"""Measure an artist on held-out requests by one protocol, the same for every system.

The artist draws one picture, or one story, for each of the first held-out requests, and some of them several times. A
judge, which was trained on real pictures alone, recognises what is drawn. Beside each figure stands the figure of real
held-out pictures and, where it has a meaning, that of real pictures shuffled among the requests. Several processes
share the drawing.

Letters: N held-out requests, T frames of a story (1 of a picture), S side of a picture, F features, A attributes,
P prompts that are drawn K times each.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from limner import catalogue, checkpoint, metrics
from limner.data.cache import Progress
from limner.data.dataset import Dataset
from limner.errors import UserError
from limner.evaluation.attributes import attribute_figures
from limner.evaluation.dialogues import dialogue_figures
from limner.evaluation.draw import BATCH, draw
from limner.evaluation.identity import identity, twins
from limner.evaluation.judge import Judge, truth
from limner.evaluation.of_papers import progan_figures, rank_details, style_figures
from limner.evaluation.places import place_figures
from limner.evaluation.posterior import posterior_figures
from limner.evaluation.protocol import HeldOut, floats, resized
from limner.evaluation.redescription import redescribed
from limner.evaluation.report import OF_REAL, Figure, Report
from limner.evaluation.stories import story_figures, strips
from limner.evaluation.variety import rewording, variety, within_captions
from limner.metrics import Extractor
from limner.requests import Caption, Request
from limner.system import System, sample_drafts
from limner.training.run_folder import RunFolder
from limner.training.trainer import Trainer

if TYPE_CHECKING:
    from limner.drawing.artist import Artist

CANDIDATES = 100
"""Texts among which a picture's own has to rank first (AttnGAN's R-precision)."""
SMALL = 10_000
"""With fewer pictures than this a Frechet distance is noticeably biased upwards."""
SMALLEST = 16
"""Side of the pictures whose highest frequencies are measured."""
GOOD = 0.97
"""The report points out a judge that is less accurate than this on real pictures."""


def publish_judge(
    data: str, out: Path, config: Any, seed: int = 12_345, progress: Progress | None = None
) -> tuple[dict[str, float], Path]:
    """Train a judge on the real training pictures and publish it; return its accuracy on held-out ones, and `out`.

    A training that was stopped is resumed from a folder beside `out`.

    Raises:
        UserError: where the data has no attributes, labels or captions, or `out` exists.
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
    """Return the accuracy of a judge on real held-out pictures: mean over attributes, each property, R-precision."""
    rows = range(min(data.length("test"), 5000))
    features = network.features(floats(data.pictures(rows, "test")))
    found: dict[str, float] = {}
    if network.values:
        named, true, things = network.predict(features), truth(data, rows), metrics.Things.of(network.values)
        accuracy = metrics.attribute_accuracy(named, true, list(network.values))
        found = {"mean": accuracy.mean} | metrics.by_property(named, true, list(network.values), things)
    if network.schema.points:
        places = network.locate(floats(data.pictures(rows, "test")))
        found["key points"] = metrics.correct_key_points(places, data.points(rows, "test"))
    if network.schema.captions:
        captions = [data.captions(row, "test")[0] for row in rows]
        codes = network.embed_images(features), network.embed_captions(captions)
        found["R-precision"] = metrics.r_precision(*codes, captions, CANDIDATES)
    return {name: round(share, 4) for name, share in found.items()}


@dataclass(frozen=True)
class Answers:
    """What is measured: a picture, or a story, for each held-out request, by an artist or by who knows whom."""

    requests: Sequence[Request]
    """N of them."""
    drawn: Tensor
    """(N T, 3, S, S) in [-1, 1], at the side of the data."""
    repeats: Tensor | None
    """K drawings of each of the first P requests, (P K T, 3, S, S); None where there are none."""
    artist: Artist | None = None
    """Who drew them, where it can be asked to draw more."""


def evaluate(artist: Artist, held_out: HeldOut, progress: Progress | None = None) -> Report:
    """Draw the held-out requests, measure the drawings and report; `progress` is called with (drawn, all).

    Raises:
        UserError: where the data has no requests of the kind the artist takes, or it draws no pictures.
    """
    check_gives(artist.name, artist.system.gives)
    system, held_out = artist.system, held_out.of(artist.system.takes)
    requests = held_out.data.requests(system.takes, held_out.requests, "test", most_things=system.most_things)
    began = time.perf_counter()
    drawn = draw(system, requests, range(held_out.seed, held_out.seed + len(requests)), held_out.processes, progress)
    seconds = time.perf_counter() - began
    prompts = [request for request in requests[: held_out.prompts] for _ in range(held_out.seeds)]
    repeats = draw(
        system, prompts, [*range(held_out.seed, held_out.seed + held_out.seeds)] * held_out.prompts, held_out.processes
    )
    drawn, repeats = (resized(images.flatten(0, -4), held_out.data.schema.size) for images in (drawn, repeats))
    figures, details, flags = measured(held_out, Answers(requests, drawn, repeats, artist))
    figures["million parameters"] = Figure(drawing_parameters(system, requests[0]) / 1e6, better=0, note="that draw")
    figures["ms a picture"] = Figure(1000 * seconds * held_out.processes.world / len(drawn), better=0)
    trained = artist.record.get("trained", {})
    return Report(artist.name, artist.record["system"], held_out.protocol, figures, details, trained, flags)


def measured(held_out: HeldOut, answers: Answers) -> tuple[dict[str, Figure], dict[str, dict[str, float]], list[str]]:
    """Return the figures of answers, those in parts, and warnings to the reader; some take an artist to draw more."""
    requests, drawn, artist = answers.requests, answers.drawn, answers.artist
    system = artist.system if artist else None
    features = held_out.judge.features(drawn)
    figures, details = dict[str, Figure](), dict[str, dict[str, float]]()
    lines = [line for request in requests for line in request.captions()]
    if (system.kinds if system else requests)[0].asks and held_out.judge.network.values:
        figures |= _obeyed(held_out, requests, features, details)
        figures |= dialogue_figures(held_out, system, requests, features, details) if system else {}
    figures |= place_figures(held_out, drawn)
    if lines:
        figures |= _r_precision(held_out, _encoding(held_out, artist), drawn, features, lines, details)
    by_caption = bool(lines) and not held_out.stories
    if by_caption and artist:
        figures |= redescribed(held_out, artist, drawn)
    figures |= _distances(held_out, features, f"judge:{held_out.judge.name}")
    if held_out.inception is not None:
        figures |= _inception(held_out, held_out.inception, drawn)
    figures |= _ssim(held_out, drawn, details)
    figures |= progan_figures(held_out, drawn, details)
    figures |= style_figures(held_out, system) if system else {}
    figures |= _spectrum(held_out, drawn)
    figures |= variety(held_out, drawn, answers.repeats)
    figures |= posterior_figures(held_out, system, details) if system else {}
    if by_caption and system:
        figures |= within_captions(held_out, system) | rewording(held_out, system)
        figures |= identity(held_out, system, details) | twins(held_out, system)
    if held_out.second is not None:
        figures |= _by_another(held_out.by_second, drawn, requests, details)
    return figures, details, _flags(held_out, figures, by_caption and system is not None)


def _encoding(held_out: HeldOut, artist: Artist | None) -> System | None:
    """Return whose own encoders can measure: not those that were not published, nor of a story's single lines."""
    if artist is None or held_out.stories or {"vision", "text"} & {*artist.record.get("omitted", ())}:
        return None
    return artist.system


def check_gives(name: str, gives: Collection[str]) -> None:
    """Make sure that what an artist or a system gives can be measured.

    Raises:
        UserError: it gives no pictures.
    """
    if "images" not in gives:
        raise UserError(
            f"{name} gives {' and '.join(sorted(gives))}: only pictures and stories are measured by a judge"
        )


def drawing_parameters(system: System, request: Request) -> int:
    """Count the parameters of the modules that are called to draw a request, so without discriminators and the like."""
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


def _r_precision(
    held_out: HeldOut,
    system: System | None,
    drawn: Tensor,
    features: Tensor,
    captions: list[str],
    details: dict[str, dict[str, float]],
) -> dict[str, Figure]:
    network, requests = held_out.judge.network, [Caption(text) for text in captions]
    codes = {}
    if network.schema.captions:
        texts = network.embed_captions(captions)
        codes["R-precision"] = (
            (network.embed_images(features), texts),
            (network.embed_images(held_out.real_features), texts),
        )
    own, ideal = (
        system.embed_pairs(resized(images, system.config.size), requests) if system else None
        for images in (drawn, held_out.real)
    )
    if own is not None and ideal is not None:
        codes["R-precision, own"] = own, ideal
    found = {}
    for name, (got, real) in codes.items():
        ranks, ideal_ranks = (metrics.text_ranks(*pair, captions, CANDIDATES) for pair in (got, real))
        rank_details(name, ranks, ideal_ranks, details)
        value, best = (float((some == 1).mean()) for some in (ranks, ideal_ranks))
        low, high = metrics.interval(value, held_out.requests)
        found[name] = Figure(value, best, 1 / min(CANDIDATES, len(captions)), low, high)
    return found


def _obeyed(
    held_out: HeldOut, requests: Sequence[Request], features: Tensor, details: dict[str, Any]
) -> dict[str, Figure]:
    """Return how far drawings show what was asked for."""
    if held_out.stories:
        return story_figures(held_out, features, details)
    return attribute_figures(held_out, requests, features, details)


def _by_another(
    held_out: HeldOut, drawn: Tensor, requests: Sequence[Request], details: dict[str, dict[str, float]]
) -> dict[str, Figure]:
    """Return what another judge sees, with its name; `held_out` is its own."""
    features, found, parts = held_out.judge.features(drawn), dict[str, Figure](), dict[str, dict[str, float]]()
    lines = [line for request in requests for line in request.captions()]
    if (lines or any(request.named() for request in requests)) and held_out.judge.network.values:
        found |= _obeyed(held_out, requests, features, parts)
    if lines:
        found |= _r_precision(held_out, None, drawn, features, lines, parts)
    name = f"[judge:{held_out.judge.name}]"
    for part, shares in parts.items():
        details[f"{part.removesuffix(OF_REAL)}{name}{OF_REAL if part.endswith(OF_REAL) else ''}"] = shares
    return {f"{figure}{name}": measured for figure, measured in found.items()}


def _spectrum(held_out: HeldOut, drawn: Tensor) -> dict[str, Figure]:
    """Return the power of the highest frequencies beside that of real pictures; nothing of very small ones."""
    real = metrics.high_frequency_power(held_out.real)
    if min(drawn.shape[-2:]) < SMALLEST or not real:
        return {}
    note = "of real pictures' at the highest spatial frequencies: more is a grid or grain, less is blur"
    return {"high-frequency power": Figure(metrics.high_frequency_power(drawn) / real, 1.0, better=0, note=note)}


def _distances(held_out: HeldOut, features: Tensor, name: str) -> dict[str, Figure]:
    known, real, features = (
        rows / held_out.scale for rows in (held_out.known_features, held_out.real_features, features)
    )
    kernel, ideal = (metrics.kernel_distance(known, one, seed=held_out.seed)[0] for one in (features, real))
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


def _inception(held_out: HeldOut, extractor: Extractor, drawn: Tensor) -> dict[str, Figure]:
    known = metrics.collect(extractor, floats(held_out.data.pictures(held_out.known)))
    real, features = metrics.collect(extractor, held_out.real), metrics.collect(extractor, drawn)
    probable = torch.cat([extractor.probabilities(part) for part in drawn.split(BATCH)])
    ideal = torch.cat([extractor.probabilities(part) for part in held_out.real.split(BATCH)])
    return {
        f"FID[{extractor.name}]": Figure(
            metrics.frechet_distance(known, features), metrics.frechet_distance(known, real), better=-1
        ),
        f"KID[{extractor.name}]": Figure(
            metrics.kernel_distance(known, features)[0], metrics.kernel_distance(known, real)[0], better=-1
        ),
        f"IS[{extractor.name}]": Figure(metrics.inception_score(probable)[0], metrics.inception_score(ideal)[0]),
    }


def _ssim(held_out: HeldOut, drawn: Tensor, details: dict[str, Any]) -> dict[str, Figure]:
    if held_out.stories:
        places = zip(strips(drawn, held_out).unbind(1), strips(held_out.real, held_out).unbind(1), strict=True)
        details["SSIM by frame"] = {f"frame {t}": metrics.ssim(*pair) for t, pair in enumerate(places, start=1)}
    others = held_out.real.roll(held_out.frames, 0)
    same = "frame of the same story" if held_out.stories else "picture of the same request"
    return {
        "SSIM": Figure(
            metrics.ssim(drawn, held_out.real), floor=metrics.ssim(others, held_out.real), note=f"real {same}"
        )
    }


def _flags(held_out: HeldOut, figures: dict[str, Figure], captions: bool) -> list[str]:
    flags = []
    if len(held_out.rows) < SMALL:
        flags.append(
            f"{len(held_out.rows):,} pictures are few for a Frechet distance: it is too high by a part that depends on "
            "their number; compare it within this protocol only."
        )
    ceiling = figures["attributes"].real if "attributes" in figures else None
    if ceiling is not None and ceiling < GOOD:
        flags.append(
            f"The judge names {ceiling:.1%} of attributes rightly on real pictures: read figures against that."
        )
    if captions:
        flags.append(_remains(held_out))
    return flags


def _remains(held_out: HeldOut) -> str:
    """Say what could be compared with real pictures of which a caption is true."""
    if not held_out.open_captions:
        return (
            f"No held-out caption is known to be true of {held_out.seeds} real pictures: diversity is compared with "
            "that of all real pictures alone."
        )
    return (
        f"Diversity within captions is of {len(held_out.open_captions)} held-out captions that are true of "
        f"{held_out.seeds} real pictures or more; longer ones are not, so they are left out."
    )
