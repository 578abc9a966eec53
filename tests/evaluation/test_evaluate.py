"""Each figure on artists whose faults are known; the judge on pictures it must and cannot tell apart."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

import limner
from artists import published
from artists_that import artist
from fake_climber import Climber
from fake_climber import Config as ClimberConfig
from limner import catalogue, checkpoint, cli
from limner.data.dataset import Dataset
from limner.drawing.artist import Artist
from limner.errors import UserError
from limner.evaluation import of_papers, protocol
from limner.evaluation.bench import columns
from limner.evaluation.evaluate import certify, evaluate, publish_judge
from limner.evaluation.judge import Config, Judge
from limner.evaluation.others import evaluate_pictures, is_folder_of_pictures, write_requests
from limner.evaluation.protocol import HeldOut, NamedJudge
from limner.evaluation.report import Report, read, side_by_side, together
from toy import shapes, shapes_folder, tales

SMALL = Config(size=16, widths=(16, 24), features=32, code=24, images=2400, batch=8, rate=4e-3)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("toy") / "shapes", held_out=0.5)


@pytest.fixture(scope="module")
def judges(tmp_path_factory: pytest.TempPathFactory, data: Dataset) -> Path:
    """A judge of the toy data, made as `limner judge` makes it, on all pictures (so few teach no rule)."""
    folder = tmp_path_factory.mktemp("judges")
    whole = folder / "shapes"
    shapes_folder(whole)
    publish_judge(str(whole), folder / "judge", SMALL)
    return folder / "judge"


@pytest.fixture(scope="module")
def held_out(data: Dataset, judges: Path) -> HeldOut:
    return HeldOut("shapes", data, NamedJudge.load(judges), requests=100, prompts=4, seeds=3)


def value(report: Report, name: str) -> float:
    return next(figure.value for key, figure in report.figures.items() if key.split("[")[0] == name)


def test_a_published_judge_knows_its_pictures(judges: Path, data: Dataset) -> None:
    network = checkpoint.open(judges)
    assert isinstance(network, Judge)
    found = certify(network, data)
    assert found["mean"] > 0.9 and found["colour"] > 0.9
    assert checkpoint.read(judges)["trained"]["held out"].keys() >= {"mean", "colour", "shape", "ground", "label"}
    assert not judges.with_name(".judge.training").exists()


def test_who_draws_the_truth_gets_what_real_pictures_get(held_out: HeldOut) -> None:
    report = evaluate(artist(held_out.data), held_out)
    for name, figure in report.figures.items():
        if figure.real is not None and not name.startswith(("diversity", "memorised", "ms")):
            assert figure.value == pytest.approx(figure.real, abs=1e-6), name
    assert value(report, "SSIM") == pytest.approx(1, abs=1e-4)
    assert report.flags and "few for a Frechet distance" in report.flags[0]


def test_who_ignores_the_request_gets_the_floor(held_out: HeldOut) -> None:
    truth, shuffled = (evaluate(artist(held_out.data, fault), held_out) for fault in ("", "shuffled"))
    assert value(truth, "attributes") > 0.9
    assert value(shuffled, "attributes") < 0.7
    assert value(shuffled, "all asked") < value(truth, "all asked") - 0.5
    assert value(shuffled, "R-precision") < value(truth, "R-precision") - 0.5
    assert value(shuffled, "fid") == pytest.approx(value(truth, "fid"), rel=0.05)  # the same pictures, other order


def test_grey_pictures_are_far_from_real_ones(held_out: HeldOut) -> None:
    truth, grey = (evaluate(artist(held_out.data, fault), held_out) for fault in ("", "grey"))
    assert value(grey, "fid") > 2 * value(truth, "fid")
    assert value(grey, "kid") > value(truth, "kid")
    assert value(grey, "recall") == 0


def test_one_picture_repeated_has_no_diversity(held_out: HeldOut) -> None:
    lively, repeats = (evaluate(artist(held_out.data, fault), held_out) for fault in ("lively", "repeats"))
    assert value(repeats, "diversity, pixels") == 0
    assert value(lively, "diversity, pixels") > 0.1
    assert value(lively, "diversity, judge") > value(repeats, "diversity, judge")


def test_copies_of_training_pictures_are_found(held_out: HeldOut) -> None:
    truth, copies = (evaluate(artist(held_out.data, fault), held_out) for fault in ("", "copies"))
    assert value(copies, "memorised") == 1
    assert value(truth, "memorised") < 0.3


def test_a_report_survives_json_and_shows_a_table(held_out: HeldOut) -> None:
    report = evaluate(artist(held_out.data), held_out)
    again = Report.from_json(report.to_json())
    assert again.figures == report.figures and again.protocol == report.protocol
    assert "| attributes ↑ |" in report.markdown()


def test_different_protocols_share_no_table(held_out: HeldOut) -> None:
    report = evaluate(artist(held_out.data), held_out)
    other = dataclasses.replace(report, artist="other", protocol=dataclasses.replace(report.protocol, seed=1))
    with pytest.raises(UserError, match=r"different protocols \(seed: 0 and 1\)"):
        together([report, other])
    with pytest.raises(UserError, match="cannot stand in one table"):
        side_by_side({"a": [report], "b": [other]})
    table = side_by_side({"a": [report, report], "b": [report]}, ["attributes"])
    assert "| a | 2 |" in table and "± 0.000" in table and "*real pictures*" in table


def test_only_what_is_mentioned_counts(held_out: HeldOut, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (held_out.wanted() >= 0).all()
    nothing = torch.zeros(held_out.requests, 3, dtype=torch.bool)
    nothing[:, 0] = True
    monkeypatch.setattr(Dataset, "mentioned", lambda *_: nothing)
    wanted = held_out.wanted()
    assert (wanted[:, 0] >= 0).all() and (wanted[:, 1:3] == -1).all() and (wanted[:, 3] >= 0).all()


def test_a_second_judge_scores_beside_the_first(held_out: HeldOut, judges: Path) -> None:
    other = dataclasses.replace(NamedJudge.load(judges), name="other", sha256="ab" * 32)
    untaught = dataclasses.replace(held_out, second=other)
    torch.manual_seed(0)
    for head in other.network.heads:
        torch.nn.init.normal_(head.weight)
    report = evaluate(artist(held_out.data), untaught)
    assert report.protocol.second == "ab" * 6 and held_out.protocol.second == ""
    first, second = (report.figures[f"attributes{name}"] for name in ("", "[judge:other]"))
    assert first.value > 0.9 and second.value < 0.7 and second.value == second.real
    assert {"all asked[judge:other]", "R-precision[judge:other]"} <= report.figures.keys()
    assert "attributes[judge:other] of real pictures" in report.details
    assert "attributes[judge:other]" in columns([report])
    with pytest.raises(UserError, match="second"):
        together([report, evaluate(artist(held_out.data), held_out)])


def test_a_judge_of_other_data_is_refused(judges: Path, tmp_path: Path) -> None:
    other = tales(tmp_path / "tales", held_out=0.5)
    with pytest.raises(UserError, match="make a judge for it with `limner judge"):
        HeldOut("tales", other, NamedJudge.load(judges))
    with pytest.raises(UserError, match="not a judge"):
        NamedJudge.load(published(tmp_path / "artist"))


def test_more_pictures_than_a_memory_holds_are_refused_before_any_is_drawn(
    held_out: HeldOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert dataclasses.replace(held_out, requests=10**9).requests <= held_out.data.length("test")
    monkeypatch.setattr(protocol, "MOST_PIXELS", 10 * held_out.data.schema.size**2)
    with pytest.raises(UserError, match=r"too many to measure in memory, 10 are the limit: ask for fewer \(-n\)"):
        dataclasses.replace(held_out, requests=11)
    assert dataclasses.replace(held_out, requests=5, prompts=2, seeds=5).requests == 5


def test_a_judge_needs_something_to_judge_by() -> None:
    from limner.data.schema import Schema

    with pytest.raises(UserError, match="nothing to judge by"):
        catalogue.build(Judge, SMALL, Schema(size=16))


def test_a_judge_does_not_draw(held_out: HeldOut) -> None:
    with pytest.raises(UserError, match="does not draw"):
        held_out.judge.network.sample([], None, None)  # type: ignore[arg-type]


def test_who_completes_pictures_is_measured_on_held_out_ones(held_out: HeldOut) -> None:
    """Its first kind of request is a picture with a hole: what it leaves as it was counts as what it draws."""
    torch.manual_seed(0)
    system = Climber(ClimberConfig(size=16, first="picture"), held_out.data.schema).eval()
    record = {"system": "climber", "sha256": {"weights.safetensors": "0" * 64}, "trained": {}}
    report = evaluate(Artist(system, record, "completes", Path("nowhere")), held_out)
    grey = evaluate(artist(held_out.data, "grey"), held_out)
    assert value(report, "SSIM") > value(grey, "SSIM") and value(report, "fid") < value(grey, "fid")


def test_a_judge_serves_a_set_that_lacks_values_which_it_knows(judges: Path, data: Dataset, tmp_path: Path) -> None:
    lines = (shapes_folder(tmp_path / "few") / "metadata.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "few" / "metadata.jsonl").write_text("".join(line for line in lines if "red" not in line))
    few, judge = Dataset.open(tmp_path / "few", size=16, held_out=0.5), NamedJudge.load(judges)
    assert "red" not in few.schema.attributes["colour"]
    opened = HeldOut("few", few, judge, requests=4, prompts=2, seeds=2).data
    assert opened.schema.attributes == judge.network.schema.attributes and opened.schema.labels == few.schema.labels
    for row in range(opened.length()):
        assert opened.named_attributes(row) == few.named_attributes(row)
        assert opened.named_label(row) == few.named_label(row)
    (tmp_path / "few" / "metadata.jsonl").write_text("".join(line.replace("blue", "pink") for line in lines))
    with pytest.raises(UserError, match=r"other values than this data has \(colour: pink\)"):
        HeldOut("few", Dataset.open(tmp_path / "few", size=16, held_out=0.5), judge)


# Pictures that other programs drew


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the figure that takes nearly all of the time."""
    monkeypatch.setattr(of_papers, "scales", lambda side: 0)


def drawn_by(artist: Artist, held_out: HeldOut, folder: Path) -> Path:
    """Draw what is asked for as another program would: by the file of requests alone."""
    count = write_requests(held_out, folder / "metadata.jsonl")
    lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    assert len(lines) == count == held_out.requests + held_out.prompts * held_out.seeds
    for line in lines:
        artist.draw(line["text"], seed=line["seed"])[0].save(folder / line["file_name"])
    return folder


@pytest.mark.parametrize("fault", ["shuffled", "lively"])
@pytest.mark.usefixtures("quick")
def test_an_artists_pictures_in_a_folder_get_the_figures_of_the_artist(
    held_out: HeldOut, tmp_path: Path, fault: str
) -> None:
    one = artist(held_out.data, fault)
    one.record = {**one.record, "sha256": {"weights.safetensors": ""}}  # it draws pictures with recipes
    asked, found = evaluate(one, held_out), evaluate_pictures(drawn_by(one, held_out, tmp_path / "theirs"), held_out)
    exact = fault != "lively"  # its pictures are no whole bytes, as files are
    for name, figure in found.figures.items():
        assert figure.value == pytest.approx(asked.figures[name].value, rel=1e-6 if exact else 0.1, abs=0.02), name
    assert asked.figures.keys() - found.figures.keys() <= {
        "million parameters", "ms a picture", "diversity within captions, pixels", "diversity within captions, judge",
        "rewording", "identity", "identity, own",
    }  # fmt: skip
    assert {"attributes", "all asked", "R-precision", "SSIM", "diversity, pixels", "memorised"} <= found.figures.keys()
    assert side_by_side({"artist": [asked], "theirs": [found]}).count("\n") >= 3, "they stand in one table"
    assert found.system == "pictures" and "not measured" in found.flags[-1]


@pytest.mark.usefixtures("quick")
def test_order_and_names_of_files_do_not_matter_but_captions_do(held_out: HeldOut, tmp_path: Path) -> None:
    one = artist(held_out.data)
    one.record = {**one.record, "sha256": {"weights.safetensors": ""}}
    folder = drawn_by(one, held_out, tmp_path / "theirs")
    before = evaluate_pictures(folder, held_out)
    lines = (folder / "metadata.jsonl").read_text().splitlines()
    (folder / "metadata.jsonl").write_text("\n".join(reversed(lines)) + "\n")
    assert evaluate_pictures(folder, held_out).figures == before.figures
    without = [line for line in lines if f"{held_out.requests - 1:06d}.png" not in line]
    (folder / "metadata.jsonl").write_text("\n".join(without) + "\n")
    with pytest.raises(UserError, match="no picture for 1 of the"):
        evaluate_pictures(folder, held_out)


@pytest.mark.usefixtures("quick")
def test_a_folder_without_captions_is_measured_as_far_as_that_goes(held_out: HeldOut, tmp_path: Path) -> None:
    for row in range(held_out.requests):
        pixels = held_out.data.pictures([row], "test")[0].permute(1, 2, 0).numpy()
        Image.fromarray(pixels).resize((32, 32), Image.Resampling.NEAREST).save(tmp_path / f"{row:03d}.png")
    assert is_folder_of_pictures(tmp_path) and not is_folder_of_pictures(tmp_path / "000.png")
    report = evaluate_pictures(tmp_path, held_out)
    assert "attributes" not in report.figures and "R-precision" not in report.figures
    assert "diversity, pixels" not in report.figures and "pictures have none" in report.flags[-1]
    assert value(report, "fid") == pytest.approx(report.figures["fid[judge:judge]"].real, rel=0.2)
    (tmp_path / "000.png").unlink()
    with pytest.raises(UserError, match=f"holds {held_out.requests - 1} pictures.*-n {held_out.requests - 1}"):
        evaluate_pictures(tmp_path, held_out)


@pytest.mark.usefixtures("quick")
def test_measuring_is_called_and_tells_how_far_it_is(held_out: HeldOut, judges: Path, tmp_path: Path) -> None:
    class Told:
        drawn: list[tuple[int, int]] = []  # noqa: RUF012
        reports: list[Report] = []  # noqa: RUF012

        def on_draw(self, drawn: int, total: int) -> None:
            self.drawn.append((drawn, total))

        def on_report(self, report: Report) -> None:
            self.reports.append(report)

    told, one = Told(), artist(held_out.data)
    found = limner.evaluate(one, held_out.data, judge=judges, pictures=8, callbacks=[told])
    assert told.drawn[-1] == (8, 8) and told.reports == [found]
    assert "| attributes" in found._repr_markdown_()
    with pytest.raises(UserError, match="is measured at 16"):
        limner.evaluate(one, Dataset.open(tmp_path_of(held_out), size=8), judge=judges)
    with pytest.raises(UserError, match="is no callback"):
        limner.evaluate(one, held_out.data, judge=judges, pictures=8, callbacks=[object()])


def tmp_path_of(held_out: HeldOut) -> Path:
    return Path(held_out.data._source.name)


@pytest.mark.usefixtures("quick")
def test_requests_are_written_and_a_folder_is_measured_by_the_command(
    held_out: HeldOut, judges: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, theirs = str(tmp_path_of(held_out)), tmp_path / "theirs"
    with_judge = ("--data", data, "--judge", str(judges))
    assert cli.main(["eval", *with_judge]) == 2 and "name who is measured" in capsys.readouterr().err
    assert cli.main(["eval", *with_judge, "--requests", str(theirs / "metadata.jsonl")]) == 0
    assert "limner eval" in capsys.readouterr().err
    assert cli.main(["eval", *with_judge, "--requests", str(theirs / "metadata.jsonl")]) == 2, "nothing is overwritten"
    for line in map(json.loads, (theirs / "metadata.jsonl").read_text().splitlines()):
        Image.new("RGB", (16, 16), "grey").save(theirs / line["file_name"])
    capsys.readouterr()
    assert cli.main(["eval", str(theirs), *with_judge, "--json", "--results", str(tmp_path / "r.jsonl")]) == 0
    report = Report.from_json(json.loads(capsys.readouterr().out))
    assert report.artist == "theirs" and value(report, "diversity, pixels") == 0
    assert read(tmp_path / "r.jsonl")[0].figures == report.figures
