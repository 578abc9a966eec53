"""Re-description on artists whose faults are known, with a captioner that knows every held-out picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from artists_that import Answers, artist
from limner.data.dataset import Dataset
from limner.drawing.artist import Artist
from limner.evaluation.bench import columns
from limner.evaluation.evaluate import evaluate, publish_judge
from limner.evaluation.judge import Config
from limner.evaluation.protocol import HeldOut, NamedJudge, floats
from limner.evaluation.redescription import redescribed, sentence_mean
from limner.evaluation.report import Figure, Report, side_by_side
from limner.requests import Caption, Request
from toy import shapes, shapes_folder

NATS, BLEU = "re-described", "re-described, BLEU-4"


class Tells(Answers):
    """Says of a picture what the second caption of the nearest held-out picture says, in other letters."""

    def _unlike(self, images: Tensor) -> Tensor:
        held_out = floats(self.data.pictures(range(self.data.length("test")), "test"))
        return torch.cdist(images.flatten(1), held_out.flatten(1))

    def describe(self, images: Tensor) -> list[str]:
        return [self.data.captions(int(row), "test")[1].upper() + "!" for row in self._unlike(images).argmin(dim=1)]

    def caption_log_likelihood(self, images: Tensor, requests: Sequence[Request]) -> Tensor:
        asked = [self.places[r.text] for r in requests if isinstance(r, Caption)]
        return -1 - self._unlike(images)[range(len(asked)), asked]


def with_captioner(data: Dataset, fault: str = "") -> Artist:
    return Artist(Tells(data, fault).eval(), {"system": "tells", "trained": {}}, fault or "truth", Path("nowhere"))


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> HeldOut:
    folder = tmp_path_factory.mktemp("captioned")
    data = shapes(folder / "shapes", held_out=0.5)
    shapes_folder(folder / "whole")
    small = Config(size=16, widths=(8, 8), features=8, code=8, images=16, batch=8)
    publish_judge(str(folder / "whole"), folder / "judge", small)
    return HeldOut("shapes", data, NamedJudge.load(folder / "judge"), requests=100, prompts=4, seeds=3)


def figures(held_out: HeldOut, fault: str = "") -> dict[str, Figure]:
    drawer = with_captioner(held_out.data, fault)
    *_, last = drawer.system.sample(held_out.data.requests(Caption, held_out.requests, "test"), None, None)  # type: ignore[arg-type]
    return redescribed(held_out, drawer, last.images)


def test_who_draws_the_truth_is_described_as_real_pictures_are(held_out: HeldOut) -> None:
    found = figures(held_out)
    assert found[NATS].value == pytest.approx(found[NATS].real) == pytest.approx(1, abs=1e-3)
    assert found[BLEU].value == found[BLEU].real == pytest.approx(1), "case and signs do not count"
    assert found[NATS].floor > 2 and found[BLEU].floor < 0.9
    for n in (1, 2, 3, 4):
        one, mean = found[f"re-described, BLEU-{n}"], found[f"re-described, mean BLEU-{n}"]
        assert one.value == one.real == pytest.approx(1) == mean.value == mean.real
        assert mean.floor < 0.9
    assert found["re-described, BLEU-1"].floor > found[BLEU].floor  # n is n
    assert (found[NATS].better, found[BLEU].better) == (-1, 1)


def test_the_mean_of_sentences_by_hand() -> None:
    """Two words of three are in "a red hat", and of two pairs one; each pair counts one more (Lin and Och)."""
    said, right = ["a red cat", "a red hat"], [["a red hat"], ["a red hat"]]
    assert sentence_mean(said, right, 1) == pytest.approx((2 / 3 + 1) / 2)
    assert sentence_mean(said, right, 2) == pytest.approx(((2 / 3 * 2 / 3) ** 0.5 + 1) / 2)


def test_who_ignores_the_request_is_described_worse(held_out: HeldOut) -> None:
    truth, shuffled = figures(held_out), figures(held_out, "shuffled")
    assert shuffled[NATS].value > truth[NATS].value + 1 and shuffled[NATS].floor == pytest.approx(1, abs=1e-3)
    assert shuffled[BLEU].value < truth[BLEU].value and shuffled[BLEU].floor == pytest.approx(1)


def test_the_report_has_it_only_where_there_is_a_captioner(held_out: HeldOut) -> None:
    report, without = evaluate(with_captioner(held_out.data), held_out), evaluate(artist(held_out.data), held_out)
    assert {NATS, BLEU} <= set(report.figures) and not {NATS, BLEU} & set(without.figures)
    assert "| re-described ↓ | 1.000 |" in report.markdown()
    left_out = with_captioner(held_out.data)
    left_out.record = {**left_out.record, "omitted": ["captioner"]}
    assert redescribed(held_out, left_out, held_out.real) == {}


def test_a_table_shows_it_where_any_row_has_it_and_reads_old_results(held_out: HeldOut) -> None:
    report = evaluate(with_captioner(held_out.data), held_out)
    others = {name: figure for name, figure in report.figures.items() if not name.startswith(NATS)}
    old = Report.from_json(dataclasses.replace(report, figures=others).to_json())
    assert NATS not in columns([old])
    names = columns([old, report])
    assert names.index(NATS) + 1 == names.index(BLEU)
    table = side_by_side({"old": [old], "new": [report]}, names)
    row = next(line for line in table.splitlines() if line.startswith("| old"))
    assert row.split("|")[3 + names.index(NATS)].strip() == ""
