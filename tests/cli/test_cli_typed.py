"""What is typed by mistake is noticed, and files are called as one asks."""

from __future__ import annotations

from pathlib import Path

import pytest

import limner
from limner.cli import main


def test_forgotten_quotes_are_noticed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["draw", "a", "woman", "with", "red", "hair", "-o", str(tmp_path / "out")]) == 2
    assert 'these are 5 prompts of one word: put quotes around a sentence (limner draw "a woman with red hair")' in (
        capsys.readouterr().err
    )
    assert not (tmp_path / "out").exists()


def test_a_name_of_a_file_is_that_file_and_nothing_is_overwritten(tmp_path: Path) -> None:
    asked = ["draw", "a bald man", "--no-show", "--seed", "3", "-o", str(tmp_path / "one.png")]
    assert main([*asked, "-n", "2"]) == 0 and main(asked) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one-2.png", "one-3.png", "one.png"]
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "one-3.png").read_bytes()


@pytest.mark.parametrize("name", ["one.jpg", "one.WEBP", "one.pdf"])
def test_a_file_of_another_kind_is_refused_before_anything_is_drawn(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["draw", "a bald man", "-o", str(tmp_path / name)]) == 2
    assert "pictures are kept as PNG, which holds their recipe; name it one.png" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0 and capsys.readouterr().out == f"limner {limner.__version__}\n"
