"""`limner list`, `show`, `new`, and help: quick, and true to the files."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from artists import FAKE, published
from limner import catalogue, checkpoint, cli
from limner.drawing import resolve
from toy import shapes_folder

PYPROJECT = Path(__file__).parent.parent.parent / "pyproject.toml"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(list(arguments))
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.mark.parametrize("command", [["--help"], ["list"], ["draw", "--help"]])
def test_what_only_tells_imports_no_torch(command: list[str]) -> None:
    code = (
        "import sys; from limner.cli import main; assert main(sys.argv[1:]) == 0;"
        "assert not {'torch', 'datasets', 'pyarrow'} & set(sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, *command], capture_output=True, text=True, timeout=600, check=True
    )
    assert len(told.stdout.splitlines()) > 5


@pytest.mark.parametrize("command", ["draw", "morph", "walk", "list", "show", "new", "train", "resume", "data"])
def test_help_teaches(capsys: pytest.CaptureFixture[str], command: str) -> None:
    code, out, err = run(capsys, command, "--help")
    assert (code, err) == (0, "")
    assert f"limner {command}" in out.split("Usage:")[1].split("\n", 1)[1] or command == "data", "no example"


def test_list_names_every_system_and_artist(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(tmp_path / "hats")
    monkeypatch.setattr(resolve, "BUNDLED", tmp_path)
    _, out, _ = run(capsys, "list")
    assert all(name in out for name in [*catalogue.names(), "hats"])
    _, out, _ = run(capsys, "list", "--json")
    told = [json.loads(line) for line in out.splitlines()]
    assert [one["name"] for one in told] == [*catalogue.names(), "hats"]
    assert {one["kind"] for one in told} == {"system", "artist"}


def test_show_tells_a_system(capsys: pytest.CaptureFixture[str]) -> None:
    name = catalogue.names()[0]
    _, out, _ = run(capsys, "show", name)
    summary = catalogue.summary(name)
    assert summary.title in out
    assert all(word in out for word in [*summary.presets, *(field.name for field in summary.config)])
    _, out, _ = run(capsys, "show", name, "--json")
    assert json.loads(out) == json.loads(json.dumps(dataclasses.asdict(summary)))


def test_show_tells_what_is_inherited_and_writes_values_as_set_has_them(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "show", "attngan")
    assert "spread" in out and "reading" in out and "avatars (default)" in out
    _, out, _ = run(capsys, "show", "attngan", "--json")
    assert json.loads(out)["presets"]["birds"] == {"vision": "inception", "crop": True}
    _, out, _ = run(capsys, "show", "progan")
    assert "4:1:8:0.5,8:1:8:0.5,16:3:8:0.5" in "".join(out.split()), "as --set stages= takes it"


def test_show_tells_a_package_of_ones_own(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text(FAKE.read_text())
    code, out, _ = run(capsys, "show", f"{tmp_path / 'mine'}/", "--json")
    told = json.loads(out)
    assert (code, told["name"], told["default_preset"]) == (0, "mine", "")
    assert told["presets"] == {"tiny": {}, "large": {"size": 16}}


def test_show_tells_an_artist(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = published(tmp_path / "hats")
    _, out, _ = run(capsys, "show", str(folder))
    assert "fake-system" in out and checkpoint.read(folder)["sha256"]["weights.safetensors"] in out
    _, out, _ = run(capsys, "show", str(folder), "--json")
    assert json.loads(out)["trained"] == {"data": "tests", "images": 16}


def test_show_of_nothing_brings_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    name = catalogue.names()[0]
    code, _, err = run(capsys, "show", name + "x")
    assert code == 2 and f"did you mean '{name}'" in err and len(err.splitlines()) == 1


def test_new_writes_a_system_that_trains_and_a_test_that_passes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capsys, "new", "my-gan")
    assert code == 0 and out.split() == ["my_gan.py", "test_my_gan.py"]
    assert "@" not in Path("my_gan.py").read_text().replace("@no_grad", "").replace("@dataclass", "")
    system = catalogue.load_class("./my_gan.py")
    assert system.__name__ == "MyGan" and catalogue.summary("./my_gan.py").takes == "Caption"
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_gan.py"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert told.returncode == 0 and "4 passed" in told.stdout, told.stdout
    command = [sys.executable, "-m", "ruff", "check", "--config", str(PYPROJECT), "--extend-ignore", "D", "."]
    ruff = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ruff.returncode == 0, ruff.stdout
    code, _, err = run(capsys, "new", "my-gan")
    assert code == 2 and "exists" in err
    shapes_folder(Path("shapes"))
    assert catalogue.summary("./my_gan.py").default_preset == "default"
    options = ("--data", "shapes", "--preset", "tiny", "--images", "16", "--run", "run", "--no-tensorboard")
    assert run(capsys, "train", "./my_gan.py", *options)[0] == 0
    assert run(capsys, "draw", "a red circle", "--artist", "run", "--seed", "1")[0] == 0


@pytest.mark.parametrize("name", ["2gan", "my gan", "../gan", "gan.py", ""])
def test_new_refuses_what_is_no_name(capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
    code, _, err = run(capsys, "new", name, "-o", str(tmp_path))
    assert code == 2 and "cannot be a system's name" in err and list(tmp_path.iterdir()) == []
