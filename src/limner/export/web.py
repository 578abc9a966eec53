"""A folder that draws in any browser without a server: the page, ONNX of each artist, and what runs it.

index.html, ...         the studio's page, as the server sends it
studio.json             who draws, and of which systems
artists/NAME/           artist.json (how its parts are run, its words), faces.webp with faces.json, the parts as ONNX
judges/NAME/            judge.json (the values it names) and judge.onnx: says what is in a picture that was drawn
runtime/                onnxruntime-web
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

import limner
from limner.drawing.artist import Artist
from limner.errors import UserError
from limner.evaluation import seen
from limner.export import enlarger, onnx, runtime
from limner.files import cannot_write, make_folder, write_file
from limner.noise import Seed
from limner.requests import Request, to_json
from limner.studio import page_files
from limner.studio.info.describe import describe_artist, describe_kinds, describe_systems, unique_names
from limner.system import ExportPart

FACES, FACES_ACROSS, FACE = 48, 8, 64
"""Pictures of the sheet that is shown first, how many are beside each other, the largest side of each in pixels."""
ABOUT = "studio.json"
POLICY = f"{page_files.POLICY}; script-src 'self' 'wasm-unsafe-eval'"
"""The server's, for hosts that send no headers; WebAssembly may be compiled."""
_HEAD = '<meta charset="utf-8" />\n'

Progress = Callable[[int, int], None]


def write(
    artists: Sequence[Artist],
    folder: str | Path,
    *,
    given: str | Path | None = None,
    force: bool = False,
    progress: Progress = lambda done, total: None,
) -> dict[str, int]:
    """Write the folder, whole or not at all; return the largest difference of each artist's pictures, of 255.

    Args:
        artists: who draws there; the first is shown first.
        folder: where; it must be empty or not there.
        given: where onnxruntime-web lies already; see `runtime.files`.
        force: write in the place of an earlier export.
        progress: called with how many steps are done, and how many there are.

    Raises:
        UserError: where an artist cannot be exported or draws otherwise, the place is taken or cannot be written, or
            the runtime cannot be had.
    """
    folder = Path(folder).absolute()
    _check_place(folder, force)
    names = _names([artist.name for artist in artists])
    total = 1 + len(artists)
    progress(0, total)
    files = {f"runtime/{name}": content for name, content in runtime.files(given).items()} | _page()
    worst: dict[str, int] = {}
    descriptions = []
    for done, (name, artist) in enumerate(zip(names, artists, strict=True), start=1):
        progress(done, total)
        written, worst[artist.name] = _artist(artist, name)
        files |= {f"artists/{name}/{file}": content for file, content in written.items()}
        known = describe_artist(name, artist)
        known["can"] |= {"caption": False, "attributes": False, "style": False}  # their nets are not here
        known["can"]["seen"] = _judge_of(artist) is not None
        fixed = json.loads(written["artist.json"]).get("fixed", ())
        known["knobs"] = [knob for knob in known["knobs"] if knob["name"] not in fixed]
        known["requests"] = [kind.describe(artist.system.schema) for kind in artist.system.kinds if not kind.holds]
        descriptions.append(known)
    files |= _judges(artists)
    systems = describe_systems(dict(zip(names, artists, strict=True)))
    manifest = {
        "kind": "browser",
        "version": limner.__version__,
        "kinds": describe_kinds(),
        "languages": page_files.languages(),
        "runtime_bytes": sum(len(content) for name, content in files.items() if name.endswith(".wasm")),
        "artists": descriptions,
        "systems": systems,
    }
    files[ABOUT] = _json(manifest | {"build": _build(files), "files": sorted(files)})
    _appear(folder, files)
    progress(total, total)
    return worst


def _artist(artist: Artist, name: str) -> tuple[dict[str, bytes], int]:
    """Return the files of an artist, who signs as `name`, and how far its pictures are from its own."""
    parts = {**onnx.parts_of(artist.system, artist.name), **enlarger.part(artist)}
    models = {key: onnx.convert(part) for key, part in parts.items()}
    run = onnx.sessions(models)
    worst = max(onnx.check(artist, parts, run), enlarger.check(artist, enlarger.by_floats(run)))
    large = artist.enlarger
    manifest = {
        **onnx.manifest(parts),
        "enlarger": {"size": large.size, "sha256": large.sha256} if large else None,
        "judge": _judge_of(artist),
        "bytes": sum(map(len, models.values())),
        "takes": artist.system.kinds[0].kind(),
        "request": artist.system.kinds[0].describe(),
        "size": artist.side,
        "words": list(artist.system.schema.lexicon.words),
        "knobs": dict(vars(artist.knobs())),
        "fixed": _fixed(artist, parts),
        "recipe": {
            "artist": name,
            "checkpoint": artist.sha256,
            "system": artist.record["system"],
            "limner": artist.record.get("limner", ""),
        },
    }
    return {
        "artist.json": _json(manifest),
        **_faces(artist),
        **{f"{part}.onnx": model for part, model in models.items()},
    }, worst


def _faces(artist: Artist) -> dict[str, bytes]:
    """Draw what is shown until the nets have come: a sheet of pictures, small enough to be there at once, and its rows.

    Of its examples, by one chance after another; of an artist without any what pictures are compared by.
    """
    kind, schema = artist.system.kinds[0], artist.system.schema
    rows: list[tuple[Request, Seed]] = []
    if kind.asks and artist.examples:
        asked: list[Request] = [kind.parse(text, schema) for text in artist.examples]
        rows = [(asked[n % len(asked)], n // len(asked)) for n in range(FACES)]
    else:
        rows += [(request, seed) for seed in range(FACES) for request, _ in onnx.trials(artist, blends=False)]
    rows, side = rows[:FACES], min(artist.side, FACE)
    sheet = Image.new("RGB", (FACES_ACROSS * side, math.ceil(len(rows) / FACES_ACROSS) * side))
    for at, picture in enumerate(artist.rows(rows)):
        first = picture.crop((0, 0, picture.height, picture.height)).resize((side, side))
        sheet.paste(first, (at % FACES_ACROSS * side, at // FACES_ACROSS * side))
    written = io.BytesIO()
    sheet.save(written, "WEBP", quality=70)
    about = {"columns": FACES_ACROSS, "rows": [{"request": to_json(request), "seed": seed} for request, seed in rows]}
    return {"faces.webp": written.getvalue(), "faces.json": _json(about)}


def _judge_of(artist: Artist) -> str | None:
    """Return the judge that sees an artist's pictures as they are drawn; another side would have to be resized."""
    name = seen.judge_of(artist.system.schema)
    return name if name and seen.side_of(name) == artist.side else None


def _judges(artists: Sequence[Artist]) -> dict[str, bytes]:
    """Return the files of the judges of all artists, each once."""
    files: dict[str, bytes] = {}
    for name in sorted({*map(_judge_of, artists)} - {None}, key=str):
        part, values = seen.part_of(str(name))
        files[f"judges/{name}/judge.onnx"] = onnx.convert(part)
        files[f"judges/{name}/judge.json"] = _json({"values": dict(values)})
    return files


def _fixed(artist: Artist, parts: Mapping[str, ExportPart]) -> list[str]:
    """Return the knobs that only Python turns: those that scale no noise; a story's are the page's own."""
    if artist.system.kinds[0].several:
        return []
    scaling = {knob for part in parts.values() for pieces in part.noise.values() for knob in pieces}
    return [name for name in vars(artist.knobs()) if name not in scaling]


def _page() -> dict[str, bytes]:
    """Read the page; its first file gets the policy that the server sends as a header."""
    found = dict(page_files.read())
    index = found["index.html"].decode()
    assert _HEAD in index, "the page's head begins otherwise: the policy has no place"
    policy = f'    <meta http-equiv="Content-Security-Policy" content="{POLICY}" />\n'
    found["index.html"] = index.replace(_HEAD, _HEAD + policy, 1).encode()
    return found


def _names(given: Sequence[str]) -> list[str]:
    """Return a name for each artist that can stand in an address, no two alike."""
    return unique_names(re.sub(r"[^A-Za-z0-9-]+", "-", Path(name).name).strip("-") or "artist" for name in given)


def _build(files: Mapping[str, bytes]) -> str:
    """Return what changes when any file does: by it a browser tells an old export from a new one."""
    hashed = hashlib.sha256()
    for name in sorted(files):
        hashed.update(name.encode() + b"\0" + hashlib.sha256(files[name]).digest())
    return hashed.hexdigest()[:32]


def _check_place(folder: Path, force: bool) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not folder.is_dir():
        raise UserError(f"{folder} is a file: name a folder")
    if not _is_export(folder):
        raise UserError(f"{folder} is not empty, and what is in it is no export of Limner's: choose another folder")
    if not force:
        raise UserError(f"{folder} holds an export already: choose another folder, or replace it with --force")


def _is_export(folder: Path) -> bool:
    try:
        return json.loads((folder / ABOUT).read_bytes())["kind"] == "browser"
    except (OSError, ValueError, TypeError, KeyError):
        return False


def _appear(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all files beside their place, then take it."""
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    try:
        for name, content in files.items():
            make_folder((temporary / name).parent)
            write_file(temporary / name, content)
        if folder.exists():
            os.rename(folder, old)
        try:
            os.rename(temporary, folder)
        except OSError:
            if old.exists():
                os.rename(old, folder)
            raise
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _json(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()
