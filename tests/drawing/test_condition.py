"""Another condition for an artist that climbs, by name; its recipes; films of drafts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from limner import checkpoint, cli, load, read
from limner.data.dataset import Dataset
from limner.drawing.artist import Artist
from limner.drawing.condition import conditioned
from limner.errors import UserError
from limner.evaluation.judge import Judge
from limner.requests import Attributes
from limner.settings import change
from limner.system import System
from limner.systems.mmvr import Mmvr
from limner.systems.ppgn import Ppgn
from toy import shapes

FEW = {"steps": 4, "every": 1}
PROMPT = "a red circle on black"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PPGN, another one, an MMVR and a judge, none of them trained."""
    place = tmp_path_factory.mktemp("conditions")
    data = shapes(place / "shapes", 16)
    judge = change(Judge.presets["small"], {"size": 16, "widths": (8, 8), "features": 16})
    made = {"ppgn": Ppgn, "other": Ppgn, "mmvr": Mmvr}
    for number, (name, cls) in enumerate(made.items()):
        torch.manual_seed(number)
        keep(cls(cls.presets["tiny"], data.schema), data, place / name)
    torch.manual_seed(9)
    checkpoint.save(Judge(judge, data.schema), place / "judge")
    return place


def keep(system: System, data: Dataset, place: Path) -> None:
    assert isinstance(system, Ppgn | Mmvr)
    system.nets.inversion.measure(data)
    checkpoint.save(system.eval(), place)


@pytest.fixture
def artist(folder: Path) -> Artist:
    return load(folder / "ppgn")


def test_a_captioner_takes_the_place_and_the_recipe_says_so(artist: Artist, folder: Path, tmp_path: Path) -> None:
    other = conditioned(artist, str(folder / "other"))
    own, swapped, again = (one.draw(PROMPT, seed=1, knobs=FEW)[0] for one in (artist, other, artist))
    assert own.tobytes() == again.tobytes()  # the artist itself stays as it is
    assert own.tobytes() != swapped.tobytes()
    said = json.loads(swapped.info["limner"])["condition"]
    assert said["name"] == str(folder / "other")
    assert said["checkpoint"] == load(folder / "other").sha256
    assert "condition" not in json.loads(own.info["limner"])
    swapped.save(tmp_path / "a.png")
    assert artist.redraw(json.loads(swapped.info["limner"])).tobytes() == swapped.tobytes()


def test_a_judge_is_asked_by_attributes(artist: Artist, folder: Path) -> None:
    by_classes = conditioned(artist, f"judge:{folder / 'judge'}")
    name, values = next(iter(artist.system.schema.attributes.items()))
    (one,) = by_classes.draw(f"{name}: {values[0]}", seed=1, knobs=FEW)
    (other,) = by_classes.draw(Attributes({name: values[1]}), seed=1, knobs=FEW)
    assert one.tobytes() != other.tobytes()
    with pytest.raises(UserError, match="draws from attributes"):
        by_classes.draw(PROMPT, knobs=FEW)


def test_shipped_judges_have_names(artist: Artist) -> None:
    assert conditioned(artist, "judge:avatars32").system.kinds[0] is Attributes


@pytest.mark.parametrize(
    ("name", "says"),
    [("avatars", "Miniature.* recognises nothing"), ("judge:nobody", "no artist 'nobody'"), ("nobody", "no artist")],
)
def test_what_is_no_condition(name: str, says: str, artist: Artist) -> None:
    with pytest.raises(UserError, match=says) as caught:
        conditioned(artist, name)
    assert "\n" not in str(caught.value)


def test_an_artist_that_does_not_climb_takes_none(folder: Path) -> None:
    with pytest.raises(UserError, match="does not climb, so no other condition can be put into it"):
        conditioned(load("avatars"), str(folder / "other"))


def test_a_film_and_a_condition_by_command(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["draw", PROMPT, "--artist", folder / "ppgn", "--condition", folder / "other", "--film", "--drafts",
             "--seed", "1", "--knob", "steps=4", "--knob", "every=1", "-o", tmp_path, "--json"]  # fmt: skip
    assert cli.main([str(word) for word in words]) == 0
    said = json.loads(capsys.readouterr().out)
    with Image.open(said["film"]) as film:
        assert film.format == "GIF" and film.n_frames == 4  # the last one, which stays, is one frame
    assert read(said["file"])["condition"]["name"] == str(folder / "other")
    assert cli.main(["draw", "--again", said["file"], "-o", str(tmp_path / "again"), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)["file"]
    assert Path(again).read_bytes() == Path(said["file"]).read_bytes()


def test_a_picture_that_says_something_is_kept_as_a_picture(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """MMVR gives pictures and what they say; an artist that answers in text alone has its text printed."""
    words = ["draw", f"{PROMPT}\na red thing", "--artist", folder / "mmvr", "--knob", "steps=3", "-o", tmp_path]
    assert cli.main([str(word) for word in (*words, "--json")]) == 0
    said = json.loads(capsys.readouterr().out)
    assert Path(said["file"]).exists() and isinstance(said["says"], str) and "text" not in said
