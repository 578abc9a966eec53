"""VisDial (Das et al. 2017): a caption and ten questions with their answers about each of COCO's pictures of 2014.

Read from the published layout of version 0.9, of which one part may be missing, beside COCO's pictures:

    visdial_0.9_train.json    {"split": "train", "version": "0.9", "data": {
    visdial_0.9_val.json          "questions": ["is it sunny", ...], "answers": ["yes", ...],
                                  "dialogs": [{"image_id": 378466, "caption": "...", "dialog": [
                                      {"question": 12, "answer": 34, "answer_options": [...], "gt_index": 5}, ...]}]}}
    train2014/COCO_train2014_000000378466.jpg
    val2014/COCO_val2014_000000000042.jpg

train becomes training, val test. Questions have no question mark in the file and get one. A turn without an answer is
left out, and a dialogue may be shorter than ten turns. Version 1.0 puts COCO's val among its training pictures: its
pictures are found in either folder, and its test part, whose answers are not published, is not read.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from limner.data.importers.reading import look
from limner.data.importers.writing import Entry, Plan
from limner.errors import UserError

VERSIONS = ("0.9", "1.0")
TURNS = 10
_SPLITS = {"train": "train", "val": "test"}
_FOLDERS = ("train2014", "val2014", "VisualDialog_val2018")
_DOWNLOAD = "train2014.zip and val2014.zip"
_MUTE, _CUT = "turns without an answer are left out", "dialogues have fewer than ten turns"


def plan(folder: Path, *, version: str | None = None) -> Plan:
    """Return what an import of VisDial in `folder` will write.

    Args:
        folder: holds the files of dialogues and the folders of COCO's pictures.
        version: "0.9" or "1.0"; None takes the first that is there.

    Raises:
        UserError: a file or picture is missing, or a file is not what its name says.
    """
    version, files = _files(folder, version)
    pictures = _pictures(folder)
    alone, left_out = len(files) == 1, Counter[str]()
    entries: list[Entry] = []
    for part, path in files.items():
        entries += _entries(path, pictures, "train" if alone else _SPLITS[part], left_out)
    names = Counter(entry.name for entry in entries)
    if twice := [name for name, count in names.items() if count > 1]:
        raise UserError(f"{folder} has two dialogues about {twice[0]}: its files are not of one version")
    notes = [f"{count} {what}" for what, count in left_out.items() if count]
    if alone:
        notes.append(f"there are dialogues of {next(iter(files))} alone: all of it is for training")
    return Plan(f"VisDial {version}", _DOWNLOAD, entries, "none" if alone else "dialogues", notes=notes)


def _files(folder: Path, version: str | None) -> tuple[str, dict[str, Path]]:
    """Return the version, and the file of each part that is there."""
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    if version is not None and version not in VERSIONS:
        raise UserError(f"there is no VisDial {version!r:.20}: choose {' or '.join(VERSIONS)}")
    for one in VERSIONS if version is None else [version]:
        found = {part: look(folder, f"visdial_{one}_{part}.json") for part in _SPLITS}
        if files := {part: path for part, path in found.items() if path}:
            return one, files
    wanted = version or VERSIONS[0]
    raise UserError(
        f"{folder} has no visdial_{wanted}_train.json, nor has a folder in it: it is part of"
        f" visdial_{wanted}_train.zip, unpack that there"
    )


def _pictures(folder: Path) -> dict[int, Path]:
    """Return the pictures of all folders by their COCO numbers, which end their names."""
    found: dict[int, Path] = {}
    for name in _FOLDERS:
        if place := look(folder, name):
            found |= {
                number: path for path in sorted(place.glob("*.jpg")) if (number := _number(path.stem)) is not None
            }
    if not found:
        raise UserError(
            f"{folder} has no pictures in train2014 or val2014: they are part of {_DOWNLOAD}, unpack these there"
        )
    return found


def _number(name: str) -> int | None:
    digits = name.rpartition("_")[2]
    return int(digits) if digits.isdecimal() and len(digits) == 12 else None


def _entries(path: Path, pictures: dict[int, Path], split: str, left_out: Counter[str]) -> list[Entry]:
    """Return the pictures of one part; count in `left_out` what is left out."""
    data = _data(path)
    questions, answers = (_texts(path, data, name) for name in ("questions", "answers"))
    entries = []
    for place, item in enumerate(data["dialogs"], start=1):
        match item:
            case {"image_id": int(number), "caption": str(caption), "dialog": [*rounds]} if caption.strip():
                pass
            case _:
                raise _odd(path, place)
        if number not in pictures:
            raise UserError(
                f"{path} has a dialogue about COCO's picture {number}, which is in none of {', '.join(_FOLDERS[:2])}:"
                f" it is part of {_DOWNLOAD}, unpack these there"
            )
        turns = [_turn(path, place, one, questions, answers) for one in rounds]
        spoken = [turn for turn in turns if turn is not None]
        left_out[_MUTE] += len(turns) - len(spoken)
        left_out[_CUT] += len(spoken) < TURNS
        picture = pictures[number]
        name = f"{picture.parent.name}/{picture.stem}"
        entries.append(Entry(split, name, picture, (" ".join(caption.split()),), dialogue=spoken))
    if not entries:
        raise UserError(f"{path} has no dialogue: fetch it again")
    return entries


def _turn(
    path: Path, place: int, turn: Any, questions: Sequence[str], answers: Sequence[str]
) -> tuple[str, str] | None:
    """Return question and answer of a turn, None where it has no answer."""
    match turn:
        case {"question": int(question)} if 0 <= question < len(questions):
            answer = turn.get("answer")
            if answer in (None, -1) or (type(answer) is int and answer < len(answers) and not answers[answer].strip()):
                return None
            if type(answer) is int and 0 <= answer < len(answers) and questions[question].strip():
                return f"{' '.join(questions[question].split()).rstrip('? ')}?", " ".join(answers[answer].split())
    raise _odd(path, place)


def _data(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise UserError(f"{path} is damaged or no JSON: unpack {path.stem}.zip again") from None
    match content:
        case {"data": {"questions": [*_], "answers": [*_], "dialogs": [*_]} as data}:
            return data
    raise UserError(f'{path} has no "data" with questions, answers and dialogs: is it a file of VisDial?')


def _texts(path: Path, data: dict[str, Any], name: str) -> list[str]:
    texts = data[name]
    if not all(isinstance(text, str) for text in texts):
        raise UserError(f"{path}: its {name} are not all texts: fetch it again")
    return texts


def _odd(path: Path, place: int) -> UserError:
    return UserError(
        f"{path}: dialogue {place} has no image_id, caption and dialog with numbers of its questions and answers:"
        " fetch the file again"
    )
