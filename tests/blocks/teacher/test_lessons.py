"""What a frozen teacher asks of drawings, with a teacher that knows the answers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from limner.blocks.losses import hard_negatives
from limner.blocks.losses.differentiable_augmentation import coarsened, enlarged
from limner.blocks.teacher import lessons as module
from limner.blocks.teacher.lessons import Lessons
from limner.blocks.teacher.teacher import Teacher
from limner.data.dataset import Dataset
from toy import shapes


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(Path(tmp_path_factory.mktemp("lessons")) / "shapes", 16)


def entered(data: Dataset, edits: bool = True) -> Lessons:
    torch.manual_seed(0)
    teacher = Teacher(data.schema, 16, code=16, width=0.25, coarsest=8).eval()
    made = Lessons(teacher, edits)
    made.enter(data)
    return made


def pictures(data: Dataset, side: int = 16) -> torch.Tensor:
    images = data.pictures(range(6)).float().div(127.5).sub(1)
    return torch.nn.functional.avg_pool2d(images, 16 // side)


def test_a_drawing_is_asked_for_what_its_text_says_and_the_real_picture_of_its_side_shows(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    lessons = entered(data)
    properties = lessons.teacher.properties
    things = len(properties.unsaid)
    sure = torch.full((6, things, properties.places.shape[1]), -20.0)
    sure[..., 0] = 0.0  # every text says the first value of everything
    shown = sure.clone()
    shown[3:] = shown[3:].roll(1, dims=2)  # and the first three pictures show it
    monkeypatch.setattr(lessons.teacher, "read", lambda pooled: sure)
    monkeypatch.setattr(lessons.teacher, "named", lambda features: shown)
    lesson = lessons.prepare(pictures(data, 8), torch.arange(6))
    assert torch.equal(lesson.value, torch.zeros(6, things, dtype=torch.long))
    assert lesson.asked[:3].all() and not lesson.asked[3:].any()
    drawn = lessons.features(pictures(data), lesson.haze)
    assert torch.equal(lessons.naming(drawn, lesson), torch.zeros(6))  # all that is asked is shown


def test_half_of_the_wrong_texts_are_edits_of_the_own(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    lessons = entered(data)
    monkeypatch.setattr(module, "changed", lambda teacher, texts, pooled: (pooled + 1, torch.ones(6, dtype=torch.bool)))
    kept = []
    for seed in range(20):
        torch.manual_seed(seed)
        lesson = lessons.prepare(pictures(data), torch.arange(6))
        kept.append(torch.isclose(lesson.wrong, lesson.pooled + 1).all(dim=1))
        assert lesson.is_wrong[kept[-1]].all()
        assert torch.allclose(lesson.rivals.norm(dim=1), torch.ones(6), atol=1e-5)
    assert 0.3 < torch.cat(kept).float().mean() < 0.7
    assert not entered(data, edits=False).prepare(pictures(data), torch.arange(6)).rivals.any()


def test_two_drawings_of_a_text_are_asked_alike_and_nothing_where_it_was_dropped(data: Dataset) -> None:
    lesson = entered(data).prepare(pictures(data), torch.arange(6))
    lesson = lesson._replace(asked=torch.ones_like(lesson.asked))
    dropped = torch.tensor([True, False, False, False, False, False])
    twice = lesson.without(dropped).twice()
    for name in ("rivals", "value", "asked", "haze"):
        first, second = getattr(twice, name).chunk(2)
        assert torch.equal(first, second), name
    assert not twice.asked[[0, 6]].any() and twice.asked[[1, 7]].all()
    assert torch.equal(twice.candidates.own, lesson.candidates.own.repeat(2))
    assert len(twice.pooled) == len(twice.is_wrong) == 6


def test_matching_pulls_a_drawing_to_its_own_text(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hard_negatives, "MARGIN", -2.0)  # one that has learnt nothing tells no text from another
    lessons = entered(data)
    lesson = lessons.prepare(pictures(data), torch.arange(6))
    drawn = pictures(data, 8).requires_grad_()
    loss = lessons.match(lessons.features(drawn, lesson.haze), lesson)
    assert loss.shape == (6,) and loss.isfinite().all()
    (gradient,) = torch.autograd.grad(loss.sum(), drawn)
    assert gradient.flatten(1).norm(dim=1).min() > 0


def test_pictures_are_reduced_and_brought_back() -> None:
    torch.manual_seed(0)
    images = torch.rand(64, 3, 16, 16)
    seen = coarsened(images, 4)
    versions = [enlarged(torch.nn.functional.avg_pool2d(images, by), 16) for by in (1, 2, 4)]
    counts = [sum(torch.equal(a, b) for a, b in zip(seen, version, strict=True)) for version in versions]
    assert sum(counts) == 64 and min(counts) > 8
    assert torch.equal(coarsened(images, 16), images)
    assert enlarged(images, 16) is images
