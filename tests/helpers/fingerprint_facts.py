"""What a fingerprint holds (see fingerprints.py): facts of one system, artist, judge or command, as plain JSON values.

All that is imported from Limner is imported here, so that this is the one file to mend when modules move.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import hashlib
import io
import json
import platform
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import limner
import toy
from limner import catalogue
from limner.cli import main
from limner.data.dataset import Dataset
from limner.drawing.resolve import bundled
from limner.errors import UserError
from limner.evaluation.protocol import NamedJudge
from limner.imaging.sheets import to_pil
from limner.noise import RowNoise, Seed
from limner.requests import Attributes, Blend, Caption, Nothing, Request, Story
from limner.system import Clock, Draft, Phase, System, Update
from limner.training.engine import Engine
from limner.training.run_folder import RunFolder
from limner.training.trainer import Trainer

ROOT = Path(__file__).resolve().parents[2]
Facts = dict[str, Any]

STEPS, FEW = 20, 6
"""Steps of each phase, of a preset as it is and of a variant of it."""
THUMBNAIL = 4
RULE = re.compile("─+")
"""Below a table's head; its length follows from the columns."""
TYPO = "a rde squaer on zzz"
VARIANTS: dict[str, Facts] = {
    "attngan relativistic": {"kit": ("relativistic", "r1", "haze")},
    "attngan hinge": {"kit": ("hinge", "magp", "augment", "spectral"), "crop": True},
    "attngan bf16": {},
    "dcgan mlp": {"architecture": "mlp"},
    "dcgan crop": {"crop": True},
    "gan-int-cls paper": {"recipe": "paper", "text": "char-gru", "text_loss": "structured", "captions": 2},
    "gan-int-cls gan": {"variant": "gan", "text": "char", "crop": True, "style_images": 0},
    "gan-int-cls gan-int": {"variant": "gan-int", "recipe": "paper"},
    "gan-int-cls bf16": {},
    "miniature without some": {"without": ("r2", "pairing", "shuffle")},
    "miniature without others": {"without": ("mismatch", "projection")},
    "mirrorgan places": {"sentence_over": "places", "crop": True, "kit": ("haze",)},
    "stackgan paper": {"kit": (), "text": "char-gru", "text_loss": "structured", "crop": True},
    "stackgan relativistic": {"kit": ("relativistic", "r1", "magp", "augment")},
    "stackgan-v2 untold": {"text": "none", "colour": 50.0},
    "stackgan-v2 alone": {"joint": False, "kit": ("hinge", "spectral")},
    "storygan svfn": {"variant": "svfn", "filter_from": "context", "recipe": "paper"},
    "storygan svc": {"variant": "svc", "repeats": False, "moves": 1},
    "storygan imagegan": {"variant": "imagegan"},
    "storygan read": {"text": "read", "text_images": 160, "text_width": 32},
    "t2f without": {"without": ("matching", "kl", "fade")},
    "t2f shared": {"critic_reads": "shared", "layers": 2},
    "t2f bf16": {},
}
"""Switches that lead to code of their own: a system's name and a word, and what is changed of the preset `tiny`."""


MODEL = {"cpu family", "model", "stepping"}
"""Lines that tell processors of one name apart: their products sum in other orders."""


def machine() -> dict[str, str]:
    """Return what the last digits of a sum depend on."""
    able = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except OSError:
        told = []
    parts = dict(line.split(":", 1) for line in told if ":" in line)
    model = " ".join(value.strip() for name, value in parts.items() if name.strip() in MODEL)
    sums = sorted(name for name, has in able.items() if has is True and name.startswith(("avx", "amx", "fma")))
    return {
        "torch": torch.__version__,
        "processor": str(able.get("cpu_name", platform.processor())),
        "model": model,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "bf16": str(bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())),
        "instructions": " ".join(sums),
        "caches": f"{able.get('l1d_cache_size')} {able.get('l2_cache_size')}",
        "threads": str(torch.get_num_threads()),
    }


# Numbers as text


def digest(*parts: Any) -> str:
    """Return a hash of tensors, arrays and texts, bit for bit."""
    hashed = hashlib.sha256()
    for part in parts:
        if isinstance(part, Tensor):
            part = part.detach().cpu().contiguous()
            hashed.update(f"{part.dtype} {tuple(part.shape)}".encode())
            hashed.update(part.flatten().view(torch.uint8).numpy().tobytes() if part.numel() else b"")
        else:
            hashed.update(repr(part).encode())
    return hashed.hexdigest()[:16]


def number(value: Tensor) -> str:
    """Return a float32 in as few digits as tell it from all others."""
    return str(np.float32(value.item()))


def picture(image: Image.Image) -> str:
    """Return a picture in a line: size, hash of its pixels, a small copy for eyes that forgive (hex, RGB), its recipe.

    The recipe is a hash, too, "-" where there is none.
    """
    pixels = np.asarray(image.convert("RGB"))
    rows = [np.array_split(row, THUMBNAIL, axis=1) for row in np.array_split(pixels, THUMBNAIL)]
    small = np.array([[part.mean((0, 1)) for part in row] for row in rows]).round().astype(np.uint8)
    recipe = digest(image.info["limner"]) if "limner" in image.info else "-"
    return f"{image.width}x{image.height} {digest(pixels.tobytes())} {small.tobytes().hex()} {recipe}"


def drawn(drafts: Sequence[Draft]) -> Facts:
    """Return the last draft's first picture, and a hash of all that every draft holds."""
    parts = []
    for one in drafts:
        layout = sorted((one.layout or {}).items())
        parts += [one.images, one.attention, layout, list(one.text or ()), one.note, round(one.progress, 6)]
    last = drafts[-1].images
    return {
        "drafts": f"{len(drafts)} {digest(*parts)}",
        "pictures": [] if last is None else list(map(picture, to_pil(last))),
    }


def said(ask: Callable[..., Any], *given: Any) -> str:
    """Return a hash of the tensors or texts that are answered, or the refusal."""
    try:
        with torch.no_grad():
            found = ask(*given)
    except UserError as error:
        return str(error)
    except AttributeError:
        return "AttributeError"  # the text is Python's
    if found is None:
        return "nothing"
    return digest(*found) if isinstance(found, tuple | list) else digest(found)


# Systems


def systems() -> list[str]:
    """Return the names of all systems, then of the variants."""
    return [*catalogue.names(), *VARIANTS]


def of_system(label: str, folder: Path) -> Facts:
    """Train a tiny system for a few steps and return what came of it; `folder` is an empty one to work in."""
    cls = catalogue.load_class(label.split()[0])
    config = dataclasses.replace(cls.presets["tiny"], **VARIANTS.get(label, {}))
    data = _data(folder / "toy", cls.data_size(config), cls.takes is Story)
    system = _made(cls, config, data)
    state = _state(system)
    if label in VARIANTS:  # what the variant has more and less than the preset
        state = [
            line for line in difflib.ndiff(_state(_made(cls, cls.presets["tiny"], data)), state) if line[0] in "+-"
        ]
    facts: Facts = {"state": state}
    facts["weights made"] = digest(*system.state_dict().values())
    asked = data.requests(system.takes, 2, "test")
    facts["drawn untrained"] = _draw(system.eval(), asked, [1, 2])
    losses, checks = _train(system, data, folder, STEPS if label not in VARIANTS else FEW, label.endswith(" bf16"))
    facts |= {"losses": losses, "checks": checks}
    facts["weights trained"] = digest(*system.state_dict().values())
    facts["drawn"] = _draw(system.eval(), asked, [1, (2, 3, 0.25)])
    pictures = data.pictures(range(2), "test").float().div(127.5).sub(1)
    small = torch.nn.functional.interpolate(pictures, system.config.size)
    facts["said"] = _answers(system, small, pictures, asked)
    facts["unknown"] = dict(
        system.unknown_words({Nothing: [Nothing()], Story: [Story((TYPO,))]}.get(system.takes, [Caption(TYPO)]))
    )
    facts["exports"] = [
        f"{name}: {', '.join(f'{k} {_kind(v)}' for k, v in part.given.items())} -> {', '.join(part.gives)}; "
        f"{part.noise} {digest(part.rule)} {part.notes}"
        for name, part in system.exports().items()
    ]
    return facts


def _data(folder: Path, side: int, told: bool) -> Dataset:
    toy.tales_folder(folder, side, 60) if told else toy.shapes_folder(folder, side)
    for path in folder.glob("*.png"):  # splits follow from the files' bytes: those of a compressed one are zlib's
        Image.open(path).copy().save(path, compress_level=0)
    return Dataset.open(folder, size=side, held_out=0.3)


def _made(cls: type[System], config: Any, data: Dataset) -> System:
    torch.manual_seed(0)
    return cls(config, data.schema)


def _state(system: System) -> list[str]:
    return [f"{key} {_kind(value)}" for key, value in system.state_dict().items()]


def _kind(value: Tensor) -> str:
    return f"{str(value.dtype).removeprefix('torch.')} {'x'.join(map(str, value.shape)) or 'scalar'}"


def _draw(system: System, requests: list[Request], seeds: list[Seed]) -> Facts:
    return drawn(list(system.sample(requests, system.Knobs(), RowNoise(seeds))))


def _train(system: System, data: Dataset, folder: Path, steps: int, half: bool) -> tuple[Facts, Facts]:
    """Train every phase for so many steps; return the losses of each step, and what was measured after it."""
    losses: Facts = {}
    checks: Facts = {}
    phases = []
    for phase in system.phases():
        if phase.step is not None:
            losses[phase.name] = []
            step = _noting(phase, losses[phase.name], half)
            phase = dataclasses.replace(phase, images=steps * phase.batch, step=step)
        if phase.check is not None:
            phase = dataclasses.replace(phase, check=_checking(phase, checks))
        phases.append(phase)
    system.phases = lambda: phases  # type: ignore[method-assign]
    options: Facts = {"engine": Engine("fp32", quiet=True), "grid_every": 0, "save_every": 10**9}
    Trainer(system, data, RunFolder.create(folder / "run"), **options).fit()
    return losses, checks


def _noting(phase: Phase, lines: list[str], half: bool) -> Callable[[Any, Clock], Iterator[Update]]:
    def step(batch: Any, clock: Clock) -> Iterator[Update]:
        assert phase.step is not None
        moves, told = phase.step(batch, clock), []
        while True:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
                update = next(moves, None)
            if update is None:
                break
            told.append(f"{update.player} {number(update.loss)}")
            yield update
        lines.append(", ".join(told))

    return step


def _checking(phase: Phase, found: Facts) -> Callable[[Any], Any]:
    def check(view: Any) -> Any:
        assert phase.check is not None
        numbers = phase.check(view)
        found[phase.name] = {name: str(np.float32(value)) for name, value in numbers.items()}
        return numbers

    return check


# Artists


def of_artist(name: str) -> Facts:
    """Draw what an artist can be asked for, each picture with its recipe."""
    artist = limner.load(name, device="cpu")
    facts: Facts = {"examples": list(artist.examples)}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        facts["pictures"] = _stories(artist) if artist.system.takes is Story else _pictures(artist)
    facts["warnings"] = sorted({str(one.message) for one in warned})
    return facts


def _pictures(artist: limner.Artist) -> Facts:
    a, b, c = artist.requests(list(artist.examples[:3])) if artist.system.takes is not Nothing else [Nothing()] * 3
    between = Blend(a, b, 0.3)
    knobs = [field.name for field in dataclasses.fields(artist.system.Knobs) if field.type in (float, "float")]
    begun = {
        "captions": artist.draw([a, b, c], 1, 7),
        "batch of one": artist.draw([a, b], 2, 3, batch=1),
        "blend": artist.draw(between, 1, 5),
        "nested blend": artist.draw(Blend(between, c, 0.6), 1, 5),
        "nested seed": list(artist.rows([(a, ((1, 2, 0.25), 3, 0.5)), (between, (1, (2, 3, 0.5), 0.75))])),
        "morph": artist.morph(a, b, 4, 2),
        "walk": artist.walk(a, [0, 1, 2], 2),
        "knobs": artist.draw(a, 1, 7, knobs=dict.fromkeys(knobs, 0.5)),
    }
    if Attributes not in artist.system.kinds:
        begun["misspelt"] = artist.draw("a smilling wommen with a zzzz", 1, 1)
    facts: Facts = {"recipe": json.loads(begun["captions"][0].info["limner"])}
    facts |= {title: list(map(picture, images)) for title, images in begun.items()}
    facts["watched"] = drawn(list(artist.drafts(a, 2, 4)))
    pixels = torch.rand(2, 3, *[artist.system.data_size(artist.system.config)] * 2, generator=_generator()) * 2 - 1
    facts["said"] = _answers(artist.system, pixels, pixels, [a, b])
    return facts


def _stories(artist: limner.Artist) -> Facts:
    lines = artist.examples[:4]
    told = artist.story(lines, 7)
    long = artist.story(artist.examples[:6], 3)
    again = artist.retell(told, [*lines[:2], artist.examples[5], lines[3]])
    story = Story(tuple(lines))
    pictures = {
        "story": told.frames,
        "longer story": long.frames,
        "retold": again.frames,
        "strip": [told.image(captions=False)],
        "nested seed": list(artist.rows([(story, ((1, 2, 0.25), 3, 0.5))])),
        "walk": artist.walk(story, [0, 1], 2),
    }
    facts: Facts = {"recipe": dict(told.recipe) | {"request": digest(told.recipe["request"])}}
    facts |= {title: list(map(picture, images)) for title, images in pictures.items()}
    return facts | {"watched": drawn(list(artist.drafts(story, 1, 4)))}


def _answers(system: System, drawn: Tensor, pictures: Tensor, asked: Sequence[Request]) -> Facts:
    return {
        "matched": said(system.embed_pairs, drawn, asked),  # the record's names are older than the methods'
        "told": said(system.caption_log_likelihood, drawn, asked),
        "describe": said(system.describe, pictures),
        "style": said(system.style, pictures),
    }


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


# Judges and commands


def judges() -> list[str]:
    """Return the names of the judges that ship with Limner."""
    folder = Path(limner.__file__).parent / "evaluation" / "judges"
    return sorted(path.parent.name for path in folder.glob("*/system.json"))


def of_judge(name: str) -> Facts:
    """Show a judge four pictures of noise, smooth in part, and return what it sees and says of them."""
    judge = NamedJudge.load(name)
    network = judge.network
    coarse = torch.rand(4, 3, 4, 4, generator=_generator()) * 2 - 1
    images = torch.nn.functional.interpolate(coarse, network.config.size, mode="bilinear")
    seen = judge.features(images)
    facts: Facts = {"features": [_rounded(row[:12]) for row in seen], "all features": digest(seen)}
    facts["named"] = [" ".join(map(str, row)) for row in network.predict(seen).tolist()]
    facts["values"] = [f"{key}: {', '.join(known)}" for key, known in network.values.items()]
    if network.schema.captions:
        facts["placed"] = [_rounded(row[:12]) for row in network.embed_images(seen)]
        facts["read"] = [_rounded(row[:12]) for row in network.embed_captions(network.schema.examples[:4])]
    return facts


def _rounded(row: Tensor) -> str:
    return " ".join(f"{value:.4f}" for value in row.tolist())


def commands() -> list[str]:
    """Return the commands whose answers are kept."""
    return ["list --json", *(f"show {name}" for name in [*catalogue.names(), *bundled()])]


def of_command(line: str) -> Facts:
    """Run a command and return what it prints, lines of JSON taken apart by kind and name."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main(line.split())
    lines = [RULE.sub("─", text.rstrip().replace(str(ROOT), "ROOT")) for text in out.getvalue().splitlines()]
    if not line.endswith("--json"):
        return {"code": code, "out": lines}
    records = [json.loads(text) for text in lines]
    return {"code": code, "out": {f"{one['kind']} {one['name']}": _apart(one) for one in records}}


def _apart(record: Facts) -> Facts:
    """Put what lies deeper than a field's value, or an item of its list, in one line."""
    return {
        key: [json.dumps(item) for item in value] if isinstance(value, list) else json.dumps(value)
        for key, value in record.items()
    }
