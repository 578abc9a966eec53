"""The contract, for every system in the catalogue, at preset `tiny`: what a system need not test for itself."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import inspect
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from declared import docstrings, documented
from limner import catalogue, checkpoint, settings
from limner.blocks.given import given_pictures
from limner.catalogue import summaries
from limner.data.dataset import Dataset
from limner.errors import UserError
from limner.export import runner
from limner.noise import RowNoise
from limner.requests import Blend, Caption, Request, kinds_of
from limner.system import Draft, Phase, System
from limner.training.engine import Engine
from limner.training.run_folder import RunFolder
from limner.training.trainer import Trainer
from memorising import OWN, QUICKER, other_distance
from toy import shapes, tales

HELPERS = Path(__file__).parent / "helpers"
FAKES = [str(HELPERS / f"fake_{name}.py") for name in ("writer", "arranger", "climber")]
"""Systems that give text and a layout, and one that climbs: the contract is theirs, too."""
NAMES = [*catalogue.names(), *FAKES]
every = pytest.mark.parametrize("name", NAMES, ids=lambda name: Path(name).stem)
Toys = dict[tuple[int, bool], Dataset]


def wanted(cls: type[System]) -> tuple[int, bool]:
    """Return the side of the pictures it reads, and whether it learns from stories."""
    return cls.data_size(cls.presets["tiny"]), kinds_of(cls.takes)[0].several


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Toys:
    folder = tmp_path_factory.mktemp("toys")
    kinds = {wanted(cls) for cls in map(catalogue.load_class, NAMES)}
    return {(side, told): (tales if told else shapes)(folder / f"{side}-{told}", side) for side, told in kinds}


def make(name: str, toys: Toys, few: Dataset | None = None, **changes: Any) -> tuple[System, Dataset]:
    """Return a freshly seeded tiny system and its data; `few` is what it will be trained on, where that is other."""
    cls = catalogue.load_class(name)
    data = toys[wanted(cls)]
    known: dict[str, Any] = {} if few is None else {"attributes": few.schema.attributes, "labels": few.schema.labels}
    schema = dataclasses.replace(data.schema, **known)
    torch.manual_seed(0)
    return cls(dataclasses.replace(cls.presets["tiny"], **changes), schema), data


def train(system: System, data: Dataset, folder: Path, *, steps: int, **options: Any) -> Trainer:
    """Make a trainer whose every phase lasts `steps` steps."""
    phases = [
        dataclasses.replace(phase, images=steps * phase.batch) if phase.step else phase for phase in system.phases()
    ]
    system.phases = lambda: phases  # type: ignore[method-assign]
    run = RunFolder.open(folder) if (folder / "run.json").exists() else RunFolder.create(folder)
    return Trainer(system, data, run, engine=Engine("fp32", quiet=True), grid_every=0, **options)


def requests_for(system: System, data: Dataset, count: int) -> list[Request]:
    return data.requests(system.takes, count, "test")


def knobs_of(system: System, **changes: Any) -> Any:
    """Return knobs that climb a few steps where a system climbs: the contract is the same for many."""
    few = {"steps": 8} if hasattr(system.Knobs(), "steps") else {}
    return system.Knobs(**few, **changes)


def draw(system: System, requests: list[Request], seeds: list[int]) -> Draft:
    *_, final = system.sample(requests, knobs_of(system), RowNoise(seeds))
    return final


def tensors(draft: Draft) -> list[Tensor]:
    layout = list(draft.layout.values()) if draft.layout else []
    return [value for value in (draft.images, draft.attention, *layout) if value is not None]


def alike(draft: Draft, row: int, other: Draft, other_row: int, atol: float) -> bool:
    """Tell whether two rows answer the same; attention may be to other words."""
    one, two = (dataclasses.replace(some, attention=None) for some in (draft, other))
    texts = one.text is None or two.text is None or one.text[row] == two.text[other_row]
    pairs = zip(tensors(one), tensors(two), strict=True)
    return texts and all(torch.allclose(a[row], b[other_row], atol=atol) for a, b in pairs)


@every
def test_every_phase_runs_and_every_player_moves_and_nothing_else(name, toys, tmp_path, monkeypatch):
    system, data = make(name, toys)
    trainer = train(system, data, tmp_path / "run", steps=2)
    moved: dict[str, set[str]] = {}
    before: dict[str, Tensor] = {}
    own_buffers = dict(system.named_buffers(recurse=False))  # what a step notes of itself, such as how far it has grown
    play = trainer._play

    def watched(phase: Phase, stop_after: int | None) -> None:
        before.update({k: v.detach().clone() for k, v in system.state_dict().items()})
        play(phase, stop_after)
        after = system.state_dict()
        moved[phase.name] = {key for key, value in after.items() if not torch.equal(value, before[key])}
        if phase.step is not None:
            names = {id(m): n for n, m in system.named_modules()}
            for who, player in phase.players.items():
                own = [names[id(m)] for m in player.modules]
                assert any(k.startswith(o) for k in moved[phase.name] for o in own), f"{who} of {phase.name} is still"
            playing = [names[id(m)] for player in phase.players.values() for m in player.modules]
            strays = [
                k for k in moved[phase.name] if not any(k.startswith(f"{p}.") for p in playing) and k not in own_buffers
            ]
            assert not strays, f"{phase.name} moved {strays}, which no player owns"

    monkeypatch.setattr(trainer, "_play", watched)
    trainer.fit()
    assert list(moved) == [phase.name for phase in system.phases()]
    assert all(torch.isfinite(value).all() for value in system.state_dict().values() if value.is_floating_point())


@every
def test_losses_are_finite(name, toys, tmp_path):
    system, data = make(name, toys)
    trainer = train(system, data, tmp_path / "run", steps=2)
    seen = []
    add = trainer.monitor.add
    trainer.monitor.add = lambda update, norm: (seen.append((update.loss.detach(), norm)), add(update, norm))  # type: ignore
    trainer.fit()
    assert seen
    assert all(torch.isfinite(loss) and torch.isfinite(norm) and loss.ndim == 0 for loss, norm in seen)


@every
def test_stop_and_resume_is_bitwise_equal(name, toys, tmp_path):
    system, data = make(name, toys)
    whole = train(system, data, tmp_path / "whole", steps=3)
    whole.fit()
    other, _ = make(name, toys)
    for cut in (1, 4):
        size = next(phase.batch for phase in other.phases() if phase.step)
        if not (tmp_path / "cut" / "run.json").exists():
            train(other, data, tmp_path / "cut", steps=3).fit(stop_after=cut * size)
        else:
            train(other, data, tmp_path / "cut", steps=3).resume(stop_after=cut * size)
        other, _ = make(name, toys)  # nothing but the folder is carried over
    train(other, data, tmp_path / "cut", steps=3).resume()
    for key, value in system.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), f"{key} differs after resuming"


@every
def test_drafts_progress_and_give_what_is_said(name, toys):
    system, data = make(name, toys)
    system.eval()
    requests = requests_for(system, data, 2)
    drafts = list(system.sample(requests, knobs_of(system), RowNoise([1, 2])))
    progress = [draft.progress for draft in drafts]
    assert drafts
    assert not any(tensor.requires_grad for draft in drafts for tensor in tensors(draft)), "a draft keeps its graph"
    assert progress == sorted(progress)
    assert progress[-1] == 1
    final = drafts[-1]
    given = {field for field in ("images", "attention", "layout", "text") if getattr(final, field) is not None}
    assert given == set(system.gives)
    if final.images is not None:
        assert final.images.shape[0] == 2
        assert final.images.shape[-3:] == (3, system.config.size, system.config.size)
        assert final.images.min() >= -1
        assert final.images.max() <= 1


@every
def test_equal_seeds_equal_pictures_and_other_seeds_others(name, toys):
    system, data = make(name, toys)
    system.eval()
    requests = requests_for(system, data, 1)
    one, same, other = (draw(system, requests, [seed]) for seed in (5, 5, 6))
    assert all(torch.equal(a, b) for a, b in zip(tensors(one), tensors(same), strict=True))
    assert (
        any(not torch.equal(a, b) for a, b in zip(tensors(one), tensors(other), strict=True)) or one.text != other.text
    )


@every
def test_a_row_of_a_batch_equals_a_batch_of_one(name, toys):
    system, data = make(name, toys)
    system.eval()
    requests = requests_for(system, data, 2)
    together = draw(system, requests, [3, 4])
    for row, (request, seed) in enumerate(zip(requests, (3, 4), strict=True)):
        alone = draw(system, [request], [seed])
        for a, b in zip(tensors(together), tensors(alone), strict=True):
            assert torch.allclose(a[row], b[0], atol=1e-4)
        assert together.text is None or together.text[row] == alone.text[0]


def as_if_trained(system):
    """Have a system look at pictures that tells by its batch norms that it never learnt to."""
    for name, count in system.named_buffers():
        if name.endswith("num_batches_tracked"):
            count.fill_(1)


@every
def test_every_kind_of_request_it_takes_is_drawn(name, toys):
    """The same alone as among the others, where what it answers with has one shape; known pixels are kept."""
    system, data = make(name, toys)
    as_if_trained(system.eval())
    kinds = [kind for kind in system.kinds if not kind.several]
    if len(kinds) < 2:
        return
    asked = []
    for kind in kinds:
        (request,) = data.requests((kind, *(one for one in kinds if one is not kind)), 1, "test")
        with contextlib.suppress(UserError):  # it takes no captions beside boxes
            system.check_request(request)
            asked.append(request)
    among = draw(system, asked, list(range(len(asked))))
    for row, request in enumerate(asked):
        alone = draw(system, [request], [row])
        assert alike(among, row, alone, 0, atol=1e-3)
        if request.picture() is None:
            continue
        given = given_pictures([request], system.config.size, "cpu")
        known = given.known.bool().expand_as(given.pixels)
        assert known.any() and torch.equal(alone.images[known], given.pixels[known]), "known pixels are not kept"
        left_open = draw(system, [dataclasses.replace(request, known="")], [row])
        assert left_open.images.shape == alone.images.shape


@every
def test_what_lies_between_mixes_again(name, toys):
    system, data = make(name, toys)
    system.eval()
    a, b = requests_for(system, data, 2)
    asked = [Blend(Blend(a, b, 0.5), b, 0.5), Blend(a, b, 0.75), a] if a.mixes_with(b) else [a] * 3
    child, same, alone = (
        draw(system, [one], [seed]) for one, seed in zip(asked, (((1, 2, 0.0), 3, 0.0), 1, 1), strict=True)
    )
    for x, y in zip(tensors(child), tensors(same), strict=True):
        assert x.shape == y.shape or "attention" in system.gives
    assert alike(child, 0, same, 0, atol=1e-3)
    among = draw(system, [asked[0], a], [((1, 2, 0.0), 3, 0.0), 1])
    assert alike(among, 0, child, 0, atol=1e-3)
    assert alike(among, 1, alone, 0, atol=1e-3)


@every
def test_a_text_is_as_the_system_says_it_would_write_it(name, toys):
    """What it is measured against is cut as what it writes: doing it twice changes nothing."""
    system, data = make(name, toys)
    if "text" not in system.gives:
        return
    texts = draw(system.eval(), requests_for(system, data, 2), [1, 2]).text
    assert system.as_written(texts) == list(texts)
    cut = system.as_written([data.captions(row)[0] for row in range(4)])
    assert system.as_written(cut) == cut and any(cut)


@every
def test_checkpoint_round_trip(name, toys, tmp_path):
    system, data = make(name, toys)
    system.eval()
    checkpoint.save(system, tmp_path / "published")
    opened = checkpoint.open(tmp_path / "published")
    requests = requests_for(system, data, 2)
    for a, b in zip(tensors(draw(system, requests, [1, 2])), tensors(draw(opened, requests, [1, 2])), strict=True):
        assert torch.equal(a, b)


@every
def test_exported_parts_draw_what_the_system_draws(name, toys):
    system, data = make(name, toys)
    system.eval()
    parts = system.exports()
    if not parts:
        pytest.skip(f"{name} draws by no chain of forward passes")

    def run(name: str, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        part = parts[name]
        with torch.no_grad():
            gives = part.net(*(given[key] for key in part.given))
        return dict(zip(part.gives, gives if isinstance(gives, tuple) else (gives,), strict=True))

    a, b = requests_for(system, data, 2)
    asked = [(a, 1), (b, (1, 2, 0.3))]
    if isinstance(a, Caption):
        asked += [(Blend(Blend(a, b, 0.2), b, 0.5), 3)]
    knobs = {knob: 0.8 for part in parts.values() for pieces in part.noise.values() for knob in pieces if knob}
    for request, seed in asked:
        drafts = list(system.sample([request], knobs_of(system, **knobs), RowNoise([seed])))
        drawn = [
            pair for one in runner.draw(parts, run, data.schema.lexicon, request, seed, knobs) for pair in one.items()
        ]
        images = [tensor for key, tensor in drawn if key.startswith("image")]
        if request.several:
            drafts, images = drafts[-1:], [torch.stack(images, dim=1)]
        maps = [tensor for key, tensor in drawn if key.startswith("attention")]
        own = [d.images for d in drafts] + [d.attention for d in drafts if d.attention is not None]
        for mine, theirs in zip(own, images + maps, strict=True):
            assert torch.allclose(mine, theirs, atol=1e-4)


@every
def test_the_brief_is_read_from_the_file_and_agrees_with_the_summary(name, monkeypatch):
    summary = catalogue.summary(name)
    monkeypatch.setattr(catalogue, "load_class", None)  # it is read, not imported
    assert catalogue.brief(name) == summary.brief


@every
def test_the_summary_is_what_the_class_says(name):
    cls = catalogue.load_class(name)
    told = json.loads(json.dumps(dataclasses.asdict(catalogue.summary(name))))
    assert {key: told[key] for key in dataclasses.asdict(cls.paper)} == dataclasses.asdict(cls.paper)
    assert told["takes"] == ", ".join(kind.__name__ for kind in kinds_of(cls.takes))
    assert told["gives"] == sorted(cls.gives)
    assert told["default_preset"] == cls.default_preset
    assert cls.default_preset in cls.presets
    for key, kind in (("config", cls.Config), ("knobs", cls.Knobs)):
        defaults, abouts = json.loads(json.dumps(settings.to_json(kind()))), docstrings(kind)
        bounds = settings.bounds(kind)
        types = {
            f.name: f"{summaries.bare(f.type)} {bounds[f.name]}" if f.name in bounds else f.type
            for f in dataclasses.fields(kind)
        }
        assert told[key] == [
            {
                "name": f.name,
                "kind": types[f.name],
                "default": defaults[f.name],
                "about": abouts[f.name],
                "required": False,
            }
            for f in dataclasses.fields(kind)
        ]
    defaults = json.loads(json.dumps(settings.to_json(cls.Config())))
    presets = {preset: json.loads(json.dumps(settings.to_json(config))) for preset, config in cls.presets.items()}
    assert told["presets"] == {
        preset: {key: value for key, value in values.items() if value != defaults[key]}
        for preset, values in presets.items()
    }


@every
def test_every_field_is_documented(name):
    cls = catalogue.load_class(name)
    for kind in (cls.Config, cls.Knobs):
        named: dict[str, None] = {}
        for declared in [part for part in reversed(kind.__mro__) if dataclasses.is_dataclass(part)]:
            (node,) = ast.parse(inspect.getsource(declared)).body
            assert isinstance(node, ast.ClassDef)
            named |= dict.fromkeys(documented(node))
        assert list(named) == [field.name for field in dataclasses.fields(kind)], (
            f"{kind} has a field without a docstring"
        )


@every
def test_says_what_it_is(name):
    cls = catalogue.load_class(name)
    module = inspect.getmodule(cls)
    assert cls.paper.title
    assert cls.paper.year >= 2014
    assert "tiny" in cls.presets
    assert module is not None
    assert "Reading order" in (module.__doc__ or ""), (
        "a system file opens with paper, reading order, letters, deviations"
    )
    assert "Letters" in (module.__doc__ or "")


@every
@pytest.mark.slow
def test_memorises_eight_pairs(name, toys, tmp_path):
    """Train on few pictures and look for them: drawings are nearer to their own than to the mean and to the others.

    Three of four have to be nearer than the mean and, but for those of `OWN`, nearest of all.
    """
    side, told = wanted(catalogue.load_class(name))
    few = (tales if told else partial(shapes, apart=True))(tmp_path / "few", side, count=8, held_out=0)
    system, data = make(name, toys, few, **QUICKER.get(name, {}))
    system.eval()
    requests = few.requests(system.takes, 8, "train")
    rows = few.stories() if told else np.arange(8)
    real = few.pictures(rows.flatten(), "train").unflatten(0, rows.shape).float().div(127.5).sub(1)
    conditioned = bool(data.schema.captions and requests[0].__dict__)
    mean, times = real.mean(dim=0, keepdim=True), 8 if OWN.get(name) else 2

    def looked() -> tuple[float, float, float]:
        """Return how far drawings are from what they should be, and the shares nearer than the mean, and nearest."""
        if "images" not in system.gives:
            asked, seeds = requests[0].asks, list(range(8 if requests[0].asks else 32))
            many = [requests[seed % 8] for seed in seeds]
            return other_distance(draw(system, many, seeds), few, system.schema, asked), 1.0, 1.0
        seeds = [list(range(8 * k, 8 * k + 8)) for k in range(times)]
        drawn = torch.stack([tensors(draw(system, requests, some))[0] for some in seeds])
        gaps = (drawn[:, :, None] - torch.cat([real, mean])).abs().flatten(3).mean(-1)  # (times, 8, 8 real and mean)
        if not conditioned:  # any of the eight, but not what lies between them
            return float(gaps[..., :8].amin(2).mean()), float((gaps.argmin(2) < 8).float().mean()), 1.0
        own, nearest = gaps.diagonal(dim1=1, dim2=2), (gaps.argmin(2) == torch.arange(8)).float().mean()
        return float(own.mean()), float((own < gaps[..., 8]).float().mean()), float(nearest)

    (before, *_), after, own, nearest = looked(), 0.0, 0.0, 0.0
    trainer = Trainer(system, few, RunFolder.create(tmp_path / "run"), engine=Engine("fp32", quiet=True), grid_every=0)
    last = [phase.images for phase in trainer.phases if phase.step][-1]
    for eighths in range(1, 9):  # of the last phase; no longer than it takes
        trainer.fit(stop_after=trainer.budget - last + last * eighths // 8)
        with trainer.published():
            after, own, nearest = looked()
        if after < 0.6 * before and own >= 0.75 and nearest >= OWN.get(name, 0.75):
            return
    shares = f"{own:.0%} are nearer to them than to the mean, {nearest:.0%} nearest to their own"
    pytest.fail(f"{name} was {before:.3f} from its eight pictures and is {after:.3f}; {shares}")
