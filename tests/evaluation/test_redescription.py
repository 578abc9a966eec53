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
from limner.evaluation.protocol import Exam, Referee, floats
from limner.evaluation.redescription import redescribed
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


def teller(data: Dataset, fault: str = "") -> Artist:
    return Artist(Tells(data, fault).eval(), {"system": "tells", "trained": {}}, fault or "truth", Path("nowhere"))


@pytest.fixture(scope="module")
def exam(tmp_path_factory: pytest.TempPathFactory) -> Exam:
    folder = tmp_path_factory.mktemp("told")
    data = shapes(folder / "shapes", held_out=0.5)
    shapes_folder(folder / "whole")
    small = Config(size=16, widths=(8, 8), features=8, code=8, images=16, batch=8)
    publish_judge(str(folder / "whole"), folder / "judge", small)
    return Exam("shapes", data, Referee.load(folder / "judge"), requests=100, prompts=4, seeds=3)


def figures(exam: Exam, fault: str = "") -> dict[str, Figure]:
    drawer = teller(exam.data, fault)
    *_, last = drawer.system.sample(exam.data.requests(Caption, exam.requests, "test"), None, None)  # type: ignore[arg-type]
    return redescribed(exam, drawer, last.images)


def test_who_draws_the_truth_is_told_as_real_pictures_are(exam: Exam) -> None:
    found = figures(exam)
    assert found[NATS].value == pytest.approx(found[NATS].real) == pytest.approx(1, abs=1e-3)
    assert found[BLEU].value == found[BLEU].real == pytest.approx(1), "case and signs do not count"
    assert found[NATS].floor > 2 and found[BLEU].floor < 0.9
    assert (found[NATS].better, found[BLEU].better) == (-1, 1)


def test_who_does_not_listen_is_told_worse(exam: Exam) -> None:
    truth, shuffled = figures(exam), figures(exam, "shuffled")
    assert shuffled[NATS].value > truth[NATS].value + 1 and shuffled[NATS].floor == pytest.approx(1, abs=1e-3)
    assert shuffled[BLEU].value < truth[BLEU].value and shuffled[BLEU].floor == pytest.approx(1)


def test_the_report_has_it_only_where_there_is_a_captioner(exam: Exam) -> None:
    told, mute = evaluate(teller(exam.data), exam), evaluate(artist(exam.data), exam)
    assert {NATS, BLEU} <= set(told.figures) and not {NATS, BLEU} & set(mute.figures)
    assert "| re-described ↓ | 1.000 |" in told.markdown()
    left_out = teller(exam.data)
    left_out.record = {**left_out.record, "omitted": ["captioner"]}
    assert redescribed(exam, left_out, exam.real) == {}


def test_a_table_shows_it_where_any_row_has_it_and_reads_old_results(exam: Exam) -> None:
    told = evaluate(teller(exam.data), exam)
    kept = {name: figure for name, figure in told.figures.items() if not name.startswith(NATS)}
    old = Report.from_json(dataclasses.replace(told, figures=kept).to_json())
    assert NATS not in columns([old])
    shown = columns([old, told])
    assert shown.index(NATS) + 1 == shown.index(BLEU)
    table = side_by_side({"old": [old], "new": [told]}, shown)
    row = next(line for line in table.splitlines() if line.startswith("| old"))
    assert row.split("|")[3 + shown.index(NATS)].strip() == ""
