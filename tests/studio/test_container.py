"""The Containerfile, read as text: nothing here can build it, but what it says can be held to what there is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import limner
from artists import published
from house_rules import ROOT
from limner import cli
from limner.studio import server
from limner.studio.limits import PUBLIC_PREFIXES
from studio_live import live

TEXT = (ROOT / "Containerfile").read_text(encoding="utf-8")
JOINED = re.sub(r"\\\n\s*", "", "\n".join(line for line in TEXT.splitlines() if not line.startswith("#")))
STEPS = [tuple(line.split(maxsplit=1)) for line in JOINED.splitlines() if line.strip()]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def all_of(instruction: str) -> list[str]:
    return [rest for name, rest in STEPS if name == instruction]


def health() -> list[str]:
    (check,) = all_of("HEALTHCHECK")
    return list(json.loads(check[check.index("CMD ") + 4 :]))


def test_it_is_of_known_instructions_and_of_a_python_that_is_supported() -> None:
    known = {"FROM", "RUN", "ENV", "ARG", "WORKDIR", "COPY", "VOLUME", "USER", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL"}
    assert {name for name, _ in STEPS} == known | {"ENTRYPOINT", "CMD"}
    images = {rest.split()[0] for rest in all_of("FROM")}
    (version,) = {re.fullmatch(r"python:(3\.\d+)-slim", image)[1] for image in images}  # type: ignore[index]
    assert f"Programming Language :: Python :: {version}" in PROJECT["classifiers"]


def test_it_installs_what_the_studio_needs_and_no_more() -> None:
    (extras,) = re.findall(r'pip install "\.\[([\w,]+)\]"', TEXT)
    assert set(extras.split(",")) == {"studio", "postgres"} <= PROJECT["optional-dependencies"].keys()
    (torch,) = [one for one in PROJECT["dependencies"] if one.startswith("torch")]
    assert f'"{torch}"' in TEXT, "the same versions as the package's"


def test_what_is_copied_is_sent_and_little_else() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    copied = [one for rest in all_of("COPY") if "--from" not in rest for one in rest.split()[:-1]]
    assert copied and {f"!{one}" for one in copied} == {line for line in ignored if line.startswith("!")}
    assert all((ROOT / one).exists() for one in copied)
    assert "readme" in PROJECT["dynamic"] and "README.md" in copied, "without it the package cannot be built"


def test_it_runs_as_nobody_of_importance_and_keeps_its_data_in_a_volume() -> None:
    names = [name for name, _ in STEPS]
    assert all_of("USER") == ["limner"] and names.index("USER") < names.index("ENTRYPOINT")
    assert "useradd --system --uid 10001" in JOINED
    (volume,) = all_of("VOLUME")
    kept = re.findall(r"(LIMNER_GALLERY|LIMNER_CACHE|HF_HOME)=(\S+)", JOINED)
    assert len(kept) == 3 and all(place.startswith(f"{volume}/") for _, place in kept)


def test_its_command_asks_for_a_token(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIMNER_TOKEN", raising=False)
    (command,), (entry,) = (list(map(json.loads, all_of(name))) for name in ("CMD", "ENTRYPOINT"))
    assert entry == ["limner"] and cli.main(command) == 2
    assert "LIMNER_TOKEN" in capsys.readouterr().err
    assert all_of("EXPOSE") == [command[command.index("--port") + 1]]


def test_the_health_check_tells_a_studio_that_answers_from_one_that_does_not(tmp_path: Path) -> None:
    command = health()
    assert any(path in command[2] for path in PUBLIC_PREFIXES), "it bears no token"
    artist, settings = limner.load(published(tmp_path / "hats")), server.Settings(token="t" * 20)
    with live([artist], settings) as address:
        program = command[2].replace("http://127.0.0.1:8000", address)
        assert program != command[2]
        subprocess.run([sys.executable, *command[1:2], program], check=True, timeout=60)
    gone = subprocess.run([sys.executable, *command[1:2], program], capture_output=True, timeout=60, check=False)
    assert gone.returncode != 0
