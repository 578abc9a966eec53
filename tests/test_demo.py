"""The demo, with an artist that draws in no time."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from artists import published
from limner import demo
from limner.drawing import recipe


@pytest.mark.filterwarnings("ignore::limner.errors.UnknownWords")
def test_the_demo_draws_what_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "demo"
    demo.main(out, str(published(tmp_path / "hats")))
    told = capsys.readouterr().out
    assert str(out) in told and " ms" in told
    assert told.splitlines()[-1].endswith(f'limner draw "a bald man with a grey beard" -o {out}')
    assert len(demo.SENTENCES) == 12
    for i, sentence in enumerate(demo.SENTENCES):
        assert recipe.read(out / f"{i + 1:02d}.png")["request"]["text"] == sentence
    assert Image.open(out / "seeds.png").size == (8 * 10 + 2, 8 * 10 + 2)
    assert Image.open(out / "morph.png").width == 10 * 10 + 2
    assert Image.open(out / "sentences.png").width == 4 * 18 + 2
    assert sorted(path.name for path in out.glob("*.gif")) == ["morph.gif"]


def test_the_next_command_can_be_typed_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a clone, whose environment no shell has activated, by its path from here."""
    program = tmp_path / ".venv" / "bin" / "limner"
    program.parent.mkdir(parents=True)
    program.touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.executable", str(program.with_name("python")))
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert demo._program() == str(Path(".venv/bin/limner"))
    monkeypatch.setattr("shutil.which", lambda name: str(program))
    assert demo._program() == "limner"
