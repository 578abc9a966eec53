"""CLEVR (Johnson et al. 2017): pictures of things on a plane, with all that is in them.

Read from the published layout, of which one part or several may be there:

    scenes/CLEVR_<part>_scenes.json           scenes: image_filename, objects (shape, color, material, size,
                                              3d_coords, pixel_coords, rotation), relationships, directions
    images/<part>/CLEVR_<part>_000000.png
    questions/CLEVR_<part>_questions.json     optional: questions with image_filename, question, answer

CLEVR has no captions: those written here name the things of a scene from left to right. CLEVR-SV,
stories in StoryGAN's layout, is read by `clevr_sv`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from limner.data.importers.reading import stay_inside
from limner.data.importers.writing import Entry, Plan
from limner.errors import UserError
from limner.worlds.clevr.scenes import COLOURS, MATERIALS, SHAPES, SIZES, listed

_DOWNLOAD = "CLEVR_v1.0.zip"
_SPLITS = {"train": "train", "val": "validation", "test": "test", "new": "train"}
"""What CLEVR calls its parts, and its generator what it makes: new."""
_KNOWN = {"shape": SHAPES, "color": tuple(COLOURS), "material": MATERIALS, "size": tuple(SIZES)}
"""What CLEVR says of a thing, and the words it has for it."""


@dataclass(frozen=True)
class _Thing:
    """One object: the four words for it, and its middle across the picture, in pixels."""

    size: str
    color: str
    material: str
    shape: str
    x: float

    @property
    def name(self) -> str:
        return f"{self.size} {self.color} {self.material} {self.shape}"


def plan(scenes: Path, images: Path, *, questions: Path | None = None) -> Plan:
    """Return what an import of CLEVR will write.

    Args:
        scenes: a file of scenes, or the folder of such files.
        images: the folder of their pictures, or of a folder of pictures for each part.
        questions: a file of questions, or the folder of such files; they become the column `dialogue`.

    Raises:
        UserError: a file is missing, or is not what its name says.
    """
    if not images.is_dir():
        raise UserError(f"there is no folder {images}: give the folder of pictures of {_DOWNLOAD}")
    asked, unanswered = ({}, 0) if questions is None else _asked(_files(questions, "questions"))
    entries: dict[str, Entry] = {}
    for path in _files(scenes, "scenes"):
        for number, scene in enumerate(_list(path, "scenes")):
            entry = _entry(path, number, scene, images, asked)
            if entry.name in entries:
                raise UserError(f"{path} has scene {number}, {entry.picture.name}, a second time")
            entries[entry.name] = entry
    if not entries:
        raise UserError(f"{scenes} holds no scene: take the scenes of {_DOWNLOAD}")
    notes = [f"{unanswered} questions without answers are passed over, as those of test are"] if unanswered else []
    if lost := asked.keys() - {entry.picture.name for entry in entries.values()}:
        notes.append(f"the questions about {len(lost)} pictures that no scene tells of are left out")
    way = "scenes" if len({entry.split for entry in entries.values()}) > 1 else "none"
    found = [entry if way == "scenes" else _train(entry) for entry in entries.values()]
    return Plan("CLEVR", _DOWNLOAD, found, way, notes=notes)


def _train(entry: Entry) -> Entry:
    """Return the entry of a part that is there alone: what is held out of it is chosen when the set is opened."""
    return replace(entry, split="train")


def _entry(path: Path, number: int, scene: Any, images: Path, asked: Mapping[str, Sequence[tuple[str, str]]]) -> Entry:
    where = f"{path}, scene {number}"
    if not isinstance(scene, dict) or not isinstance(file := scene.get("image_filename"), str):
        raise UserError(f"{where}: it has no image_filename: the file is not of {_DOWNLOAD}")
    stay_inside(path, [file])
    part = scene.get("split", "train")
    if not isinstance(part, str) or part not in _SPLITS:
        raise UserError(f"{where}: its split is {part!r:.40}, not {', '.join(_SPLITS)}")
    picture = next((one for one in (images / file, images / part / file) if one.is_file()), None)
    if picture is None:
        raise UserError(f"{images} has no {file}, nor has its folder {part}: scenes and pictures are not of one part")
    objects = scene.get("objects")
    if not isinstance(objects, list) or not objects:
        raise UserError(f"{where}: it has no objects: take the scenes of {_DOWNLOAD}")
    things = sorted((_thing(where, one) for one in objects), key=lambda thing: thing.x)
    return Entry(
        _SPLITS[part],
        file.rpartition(".")[0] or file,
        picture,
        (f"from left to right, {listed([f'a {thing.name}' for thing in things])}",),
        attributes=_counts(things),
        dialogue=asked.get(file, ()),
    )


def _thing(where: str, found: Any) -> _Thing:
    if not isinstance(found, dict):
        raise UserError(f"{where}: an object is not a table of its properties")
    for kind, known in _KNOWN.items():
        if found.get(kind) not in known:
            raise UserError(f"{where}: the {kind} of an object is {found.get(kind)!r:.40}, not {', '.join(known)}")
    place = found.get("pixel_coords")
    if not isinstance(place, list) or len(place) < 2 or not all(type(one) in (int, float) for one in place):
        raise UserError(f"{where}: the pixel_coords of an object are not its place in pixels")
    return _Thing(**{kind: found[kind] for kind in _KNOWN}, x=place[0])


def _counts(things: Sequence[_Thing]) -> dict[str, str]:
    """Return how many things there are of each shape, colour, material and size: "number of red": "2"."""
    words = [(kind, word) for kind, known in _KNOWN.items() for word in known]
    return {f"number of {word}": str(sum(getattr(thing, kind) == word for thing in things)) for kind, word in words}


def _asked(paths: Sequence[Path]) -> tuple[dict[str, list[tuple[str, str]]], int]:
    """Return questions and answers by the picture's file name, and how many questions have no answer."""
    unanswered = 0
    turns: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path in paths:
        for number, one in enumerate(_list(path, "questions")):
            match one:
                case {"image_filename": str(picture), "question": str(question), "answer": str(answer)}:
                    turns[picture].append((question, answer))
                case {"image_filename": str(), "question": str()} if one.get("answer") is None:
                    unanswered += 1
                case _:
                    raise UserError(f"{path}, question {number}: it has no image_filename, question and answer")
    return dict(turns), unanswered


def _files(path: Path, what: str) -> list[Path]:
    """Return the file itself, or the files of a folder that its name says hold `what`."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UserError(f"there is no {path}: give a file of {what} or the folder of such files, of {_DOWNLOAD}")
    if not (found := sorted(path.glob(f"*_{what}.json"))):
        raise UserError(f"{path} has no file *_{what}.json: it is part of {_DOWNLOAD}")
    return found


def _list(path: Path, what: str) -> list[Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise UserError(f"{path} is damaged or no JSON: unpack {_DOWNLOAD} again") from None
    found = content.get(what) if isinstance(content, dict) else None
    if not isinstance(found, list):
        raise UserError(f"{path} has no list of {what}: it is not a file of {what} of {_DOWNLOAD}")
    return found
