"""Figures of stories on artists whose faults are known, and a bench of storytellers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from PIL import Image

from limner import cli
from limner.data.dataset import Dataset
from limner.drawing.artist import Artist
from limner.errors import UserError
from limner.evaluation.bench import OF_STORIES, Bench, Entry, columns
from limner.evaluation.draw import draw
from limner.evaluation.evaluate import evaluate, publish_judge
from limner.evaluation.judge import Config as JudgeConfig
from limner.evaluation.protocol import HeldOut, NamedJudge
from limner.evaluation.report import Report, side_by_side
from limner.noise import RowNoise
from limner.processes import Processes
from limner.requests import Caption, Request, Story
from limner.system import Draft, Paper, System, no_grad
from toy import shapes, tales_folder

SMALL = JudgeConfig(size=16, widths=(16, 24), features=48, code=24, images=3200, batch=8, rate=4e-3)


@dataclass(frozen=True)
class Config:
    """What people change."""

    size: int = 16
    """Side of the picture."""


class Teller(System):
    """Draws, for each story of the test split, what its fault lets it draw."""

    paper = Paper("A storyteller of known faults", "Nobody", 2026, "tests")
    takes = Story
    Config = Config
    presets: ClassVar = {"tiny": Config()}

    def __init__(self, data: Dataset, fault: str) -> None:
        super().__init__(Config(data.schema.size), data.schema)
        self.fault, self.data = fault, data
        stories = data.stories("test")
        self.places = {tuple(data.captions(row, "test")[0] for row in story): k for k, story in enumerate(stories)}

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: Any, rng: RowNoise) -> Iterator[Draft]:
        stories = self.data.stories("test")
        own = [self.places[request.lines] for request in requests if isinstance(request, Story)]
        other = [(place + 1) % len(stories) for place in own]
        rows = stories[other if self.fault == "another" else own]
        if self.fault == "torn":
            rows[:, -1] = stories[other][:, -1]
        if self.fault == "forgets":  # every frame shows the first alone
            rows[:, 1:] = rows[:, :1]
        images = (self.data.pictures(rows.flatten(), "test").float() / 127.5 - 1).unflatten(0, rows.shape)
        if self.fault == "crowded":  # what the last frame shows is there from the start
            images = images[:, -1:].expand_as(images)
        if self.fault == "lively":
            images = images + 0.1 * rng.normal(1, 3, 1, 1)
        yield Draft(images=images.clamp(-1, 1))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of toy stories, and a judge of them."""
    folder = tmp_path_factory.mktemp("stories")
    tales_folder(folder / "tales", count=24)
    publish_judge(str(folder / "tales"), folder / "judge", SMALL)
    return folder


@pytest.fixture(scope="module")
def data(place: Path) -> Dataset:
    return Dataset.open(place / "tales", size=16, held_out=0.5)


@pytest.fixture(scope="module")
def held_out(place: Path, data: Dataset) -> HeldOut:
    return HeldOut("tales", data, NamedJudge.load(place / "judge"), requests=100, prompts=4, seeds=3)


@pytest.fixture(scope="module")
def reports(held_out: HeldOut) -> dict[str, Report]:
    faults = ("", "another", "torn", "forgets", "crowded", "lively")
    return {fault: evaluate(storyteller(held_out.data, fault), held_out) for fault in faults}


def storyteller(data: Dataset, fault: str = "") -> Artist:
    """Make one."""
    return Artist(Teller(data, fault).eval(), {"system": "teller", "trained": {}}, fault or "truth", Path("nowhere"))


def values(report: Report) -> dict[str, float]:
    return {name.split("[")[0]: figure.value for name, figure in report.figures.items()}


def test_the_judge_of_stories_is_certified_by_property(place: Path) -> None:
    about = json.loads((place / "judge" / "system.json").read_text())["trained"]["held out"]
    assert set(about) == {"mean", "colour", "empty", "R-precision"}
    assert about["mean"] > 0.85


def test_who_tells_the_truth_gets_what_real_stories_get(reports: dict[str, Report]) -> None:
    for name, figure in reports[""].figures.items():
        if figure.real is not None and not name.startswith(("diversity", "memorised", "ms")):
            assert figure.value == pytest.approx(figure.real, abs=1e-6), name
    found = values(reports[""])
    assert found["SSIM"] == pytest.approx(1, abs=1e-4)
    assert min(found[name] for name in ("attributes", "objects", "nothing added", "keep colour")) > 0.85


def test_another_story_is_worse_in_all_that_is_required(reports: dict[str, Report]) -> None:
    truth, other = values(reports[""]), values(reports["another"])
    for name in ("attributes", "objects", "whole frames", "SSIM", "R-precision"):
        assert other[name] < truth[name] - 0.3, name
    assert other["attributes"] < 0.6
    assert reports["another"].figures["whole frames"].value == pytest.approx(
        reports["another"].figures["whole frames"].floor or 0, abs=0.2
    )


def test_what_earlier_lines_mention_must_still_be_there(reports: dict[str, Report]) -> None:
    by_frame = reports["forgets"].details["attributes by frame"]
    assert by_frame["frame 1"] > by_frame["frame 2"] > by_frame["frame 3"]
    assert by_frame["frame 3"] == pytest.approx(1 / 3, abs=0.15)
    assert reports["forgets"].details["SSIM by frame"]["frame 1"] == pytest.approx(1, abs=1e-4)
    assert values(reports["forgets"])["whole stories"] == 0


def test_a_last_frame_of_another_story_is_inconsistent(reports: dict[str, Report]) -> None:
    truth, torn = reports[""].figures["keep all"], reports["torn"].figures["keep all"]
    assert torn.value < truth.value - 0.3
    assert truth.real == truth.value and truth.floor is not None and truth.floor < truth.value - 0.3


def test_drawing_what_is_not_mentioned_yet_shows(reports: dict[str, Report]) -> None:
    assert values(reports["crowded"])["attributes"] > 0.85
    assert values(reports["crowded"])["nothing added"] < values(reports[""])["nothing added"] - 0.3


def test_diversity_is_of_whole_stories(reports: dict[str, Report]) -> None:
    assert values(reports[""])["diversity, pixels"] == 0
    assert values(reports["lively"])["diversity, pixels"] > 0.02
    assert values(reports["lively"])["diversity, judge"] > 0


def test_the_protocol_counts_stories_and_their_frames(held_out: HeldOut, reports: dict[str, Report]) -> None:
    protocol = reports[""].protocol
    count = len(held_out.data.stories("test"))
    assert (protocol.stories, protocol.pictures) == (count, 3 * count)
    assert held_out.of(Caption) is held_out and held_out.of(Story) is held_out.of(Story)
    single = Report("single", "x", held_out.protocol, {})
    assert single.protocol.stories == 0
    with pytest.raises(UserError, match="cannot stand in one table"):
        side_by_side({"stories": [reports[""]], "single": [single]})
    again = Report.from_json(json.loads(json.dumps(reports[""].to_json())))
    assert again.protocol == protocol
    assert "| attributes by frame | value | real pictures |" in again.breakdown()


def test_a_process_without_stories_gathers_none(held_out: HeldOut, monkeypatch: pytest.MonkeyPatch) -> None:
    processes = Processes()
    monkeypatch.setattr(processes, "mine", lambda count: range(0))
    requests = held_out.data.requests(Story, 2, "test")
    assert draw(storyteller(held_out.data).system, requests, [0, 1], processes).shape == (0, 3, 3, 16, 16)


def test_data_without_stories_is_refused(tmp_path: Path) -> None:
    plain = shapes(tmp_path / "plain", held_out=0.5)
    place = tmp_path / "judge"
    publish_judge(
        str(tmp_path / "plain"), place, JudgeConfig(size=16, widths=(8,), features=8, code=8, images=8, batch=8)
    )
    with pytest.raises(UserError, match="no column story"):
        HeldOut("plain", plain, NamedJudge.load(place)).of(Story)


def test_characters_that_are_or_are_not_there(tmp_path: Path) -> None:
    """Without `said`, all attributes of a frame count, and nothing is carried on to the next."""
    folder = tales_folder(tmp_path / "cast", count=24)
    lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    for line in lines:
        del line["said"]
        line["attributes"] = {
            colour: "yes" if colour in line["attributes"].values() else "no" for colour in ("red", "blue")
        }
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    publish_judge(str(folder), tmp_path / "judge", SMALL)
    cast = Dataset.open(folder, size=16, held_out=0.5)
    held_out = HeldOut("cast", cast, NamedJudge.load(tmp_path / "judge"), requests=100, prompts=2, seeds=2)
    truth, other = (evaluate(storyteller(cast, fault), held_out) for fault in ("", "another"))
    assert not {"objects", "nothing added", "keep all"} & set(truth.figures)
    assert values(truth)["F1 of yes"] > 0.9 and values(truth)["whole frames"] > 0.8
    assert values(other)["F1 of yes"] < values(truth)["F1 of yes"] - 0.2
    assert values(other)["whole frames"] == pytest.approx(other.figures["whole frames"].floor or 0, abs=0.25)
    assert set(truth.details["attributes"]) == {"red", "blue"}


def test_stories_and_pictures_share_no_bench(held_out: HeldOut, tmp_path: Path) -> None:
    rows = [Entry.read("storygan:tiny", {}), Entry.read("dcgan:tiny", {})]
    with pytest.raises(UserError, match="give each its own bench"):
        Bench(tmp_path / "bench", rows, held_out, "nowhere").run()
    assert not (tmp_path / "bench").exists()


def test_a_bench_of_storytellers(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = place / "bench"
    rows = ["storygan:tiny", "storygan:tiny:variant=imagegan"]
    data = ["--data", str(place / "tales"), "--judge", str(place / "judge"), "-o", str(out)]
    assert cli.main(["bench", *rows, *data, "--images", "64", "-n", "10"]) == 0
    table = capsys.readouterr().out
    reports = [Report.from_json(json.loads(line)) for line in (out / "results.jsonl").read_text().splitlines()]
    assert [report.protocol.stories > 0 for report in reports] == [True, True]
    shown = columns(reports)
    assert {"attributes", "objects", "keep colour", "SSIM"} <= set(shown) and "R-precision" not in shown
    assert all(name in table for name in shown) and len(shown) >= len(OF_STORIES) - 1
    stories = reports[0].protocol.stories
    wide, high = Image.open(out / "sheet.png").size
    assert wide == 3 * (3 * 16 + 2) + 2, "real stories and a column a row, each strip of three frames"
    assert high > stories * 16
    assert torch.isfinite(torch.tensor([f.value for report in reports for f in report.figures.values()])).all()
    assert cli.main(["bench", *rows, *data, "--images", "64", "-n", "10"]) == 0
