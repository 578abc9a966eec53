"""Texts are measured without a judge, beside real sentences; kinds share no table, and a bench takes each of them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from artists import arranger, writer
from limner import catalogue, checkpoint, metrics
from limner.cli import main
from limner.data.dataset import Dataset
from limner.errors import UserError
from limner.evaluation.exam import common_kind, kind_of
from limner.evaluation.report import Figure, Protocol, Report, read, side_by_side
from limner.evaluation.sentences import HeldOutSentences, plain, sentence_figures
from limner.worlds import layouts
from toy import shapes, shapes_folder

REFERENCE = ["a red hat on a cat", "a blue hat on a dog", "a red cat"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMNER_CACHE", str(tmp_path / "cache"))


def poet(folder: Path, data: Dataset, **changes: object) -> Path:
    """Save an untrained artist that writes."""
    cls = catalogue.load_class("textkd-gan")
    torch.manual_seed(0)
    return checkpoint.save(cls(dataclasses.replace(cls.presets["tiny"], **changes), data.schema).eval(), folder)


def test_figures_stand_between_real_sentences_and_their_words_jumbled() -> None:
    real = ["a red hat on a dog", "a blue hat on a cat"]
    drawn = ["a red hat on a dog", "hat hat hat"]
    found = sentence_figures(drawn, real, REFERENCE, {"hat hat hat"}, accepts=lambda text: text.startswith("a "))
    split = [text.split() for text in drawn], [text.split() for text in REFERENCE]
    assert found["JSD-2[words]"].value == metrics.jensen_shannon(*split, 2)
    assert found["JSD-2[letters]"].value == metrics.jensen_shannon(drawn, REFERENCE, 2)
    assert found["BLEU-3"].value == metrics.bleu_against(drawn, REFERENCE, 3)
    assert found["self-BLEU-4"].real == metrics.self_bleu(real)
    assert (found["novel"].value, found["novel"].real) == (0.5, 1.0)
    assert (found["grammatical"].value, found["grammatical"].real) == (0.5, 1.0)
    for name in ("JSD-1[words]", "JSD-4[words]"):
        assert found[name].real <= found[name].value
    assert found["JSD-1[words]"].floor == pytest.approx(found["JSD-1[words]"].real)  # the same words
    assert found["JSD-4[words]"].floor > found["JSD-4[words]"].real and found["BLEU-4"].floor < found["BLEU-4"].real
    assert "grammatical" not in sentence_figures(drawn, real, REFERENCE, set())


def test_real_sentences_are_cut_as_the_artist_cuts_and_kept_apart_from_the_reference(tmp_path: Path) -> None:
    data = shapes(tmp_path / "shapes", count=24)
    exam = HeldOutSentences("shapes", data, requests=100)
    own = [text for row in range(data.length("test")) for text in data.captions(row, "test")]
    assert sorted(exam.reference + exam.real) == sorted(own)  # each in one of the two
    short, long = (checkpoint.open(poet(tmp_path / f"{n}", data, length=n)) for n in (2, 8))
    assert max(len(text.split()) for text in plain(short, exam.reference)) == 2
    assert plain(long, ["A red, bar!"]) == ["a red bar"]
    assert exam.protocol_of(short).sentences != exam.protocol_of(long).sentences
    with pytest.raises(UserError, match="seed"):
        HeldOutSentences("shapes", data, seed=-1)


def test_eval_measures_an_artist_that_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = shapes(tmp_path / "shapes", count=24)
    short, long = (str(poet(tmp_path / f"poet{n}", data, length=n)) for n in (2, 8))
    asked = ["--data", str(tmp_path / "shapes"), "--results", str(tmp_path / "r.jsonl"), "-n", "3"]
    assert main(["eval", long, writer(tmp_path / "writer", data).as_posix(), *asked]) == 0  # no judge is asked for
    out = capsys.readouterr().out
    assert "3 held-out sentences of shapes" in out and "| real sentences |" in out and "| *real sentences* |" in out
    one, other = read(tmp_path / "r.jsonl")
    assert one.protocol == other.protocol and one.protocol.kind == "sentences" and one.protocol.judge == ""
    assert {"JSD-4[words]", "BLEU-2", "self-BLEU-4", "novel", "ms a sentence"} <= one.figures.keys()
    assert "grammatical" not in one.figures  # these data are no world's
    assert one.figures["BLEU-2"].real > one.figures["BLEU-2"].value  # it was never trained
    assert not one.flags
    assert main(["eval", short, long, *asked]) == 2
    said = capsys.readouterr()
    assert "are longer than this artist writes, and were cut" in said.out
    assert "measured by different protocols (sentences: " in said.err


def test_kinds_share_no_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = shapes(tmp_path / "shapes")
    both = [str(writer(tmp_path / "writer", data)), str(arranger(tmp_path / "arranger", data))]
    assert main(["eval", *both, "--data", str(tmp_path / "shapes")]) == 2
    assert "sentences (" in (said := capsys.readouterr().err) and "share no table" in said and said.count("\n") == 1
    rows = ["textkd-gan:tiny", "layout-vae:tiny", "dcgan:tiny"]
    assert main(["bench", *rows[:2], "--data", str(tmp_path / "shapes"), "-o", str(tmp_path / "bench")]) == 2
    assert "share no table: give each kind its own" in capsys.readouterr().err and not (tmp_path / "bench").exists()
    protocol = Protocol("d", "f", 16, 2, 2, 0, 0, 0, "")
    reports = [
        Report(kind, "s", dataclasses.replace(protocol, kind=kind), {"x": Figure(1.0)})
        for kind in ("layouts", "sentences")
    ]
    with pytest.raises(UserError, match=r"layouts \(layouts\) and sentences \(sentences\) .* share no table"):
        side_by_side({"a": reports[:1], "b": reports[1:]})
    assert kind_of("x", {"images", "text"}) == "pictures" and common_kind({"x": {"layout"}}) == "layouts"
    with pytest.raises(UserError, match="x gives attention: pictures, layouts, sentences can be measured"):
        kind_of("x", {"attention"})


def test_a_bench_of_sentences_goes_on_where_it_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shapes_folder(tmp_path / "shapes")
    rows = ["textkd-gan:tiny:teacher=none", "textkd-gan:tiny:teacher=frozen,teacher_images=8"]
    asked = ["bench", *rows, "--data", str(tmp_path / "shapes"), "--images", "16", "-n", "6", "--seeds", "2"]
    assert main([*asked, "-o", str(tmp_path / "bench")]) == 0
    table = capsys.readouterr().out
    heads = table.splitlines()[0]
    assert "JSD-4[words] ↓" in heads and "BLEU-4 ↑" in heads and "million parameters" not in heads
    assert [line.split(" |")[0] for line in table.splitlines()[2:5]] == [
        f"| {rows[0]}", f"| {rows[1]}", "| *real sentences*",
    ]  # fmt: skip
    results = tmp_path / "bench" / "results.jsonl"
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert [(line["row"], line["seed"]) for line in lines] == [(row, seed) for seed in (0, 1) for row in rows]
    assert (tmp_path / "bench" / "sheet.png").exists()
    results.write_text("".join(line + "\n" for line in results.read_text().splitlines()[:3]))
    assert main([*asked, "-o", str(tmp_path / "bench")]) == 0
    assert capsys.readouterr().out == table


def test_a_bench_of_layouts_stands_beside_the_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = layouts.build(tmp_path / "world", images=80, size=16, workers=1)
    rows = ["layout-vae:tiny:most=16", "layout-vae:tiny:most=16,latent=false"]
    budget = ["--images", "16", "-n", "4", "--data", str(world)]
    rows = [f"{row},count_images=16" for row in rows]
    assert main(["bench", *rows, *budget, "-o", str(tmp_path / "bench")]) == 0
    lines = capsys.readouterr().out.splitlines()
    heads = [head.strip() for head in lines[0].split("|")[3:-1]]
    rules = dict(zip(heads, (cell.strip() for cell in lines[-1].split("|")[3:-1]), strict=True))
    assert lines[-1].startswith("| *the rules* |") and heads[:2] == ["count nats ↓", "box nats ↓"]
    data = Dataset.open(world, size=16)
    exact = [layouts.log_likelihood(data.boxes(row, "test")) for row in range(4)]
    assert float(rules["box nats ↓"]) == pytest.approx(-sum(one[1] for one in exact) / 4, abs=0.06)
    assert rules["rule violations ↓"] == "0.000"
