"""MirrorGAN: its sizes, attention to the sentence, and a captioner at rest that tells what was drawn."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from limner.blocks.attentive import CODE, AttentiveTree
from limner.data.dataset import Dataset
from limner.requests import Caption
from limner.settings import change
from limner.system import Clock
from limner.systems.mirrorgan import Branch, Config, MirrorGan, SentenceAttention
from toy import pairs, shapes

START = Clock(seen=0, total=1, step=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("mirrorgan") / "shapes", 32)


def make(data: Dataset, **changes: Any) -> MirrorGan:
    torch.manual_seed(0)
    return MirrorGan(change(MirrorGan.presets["tiny"], changes), data.schema)


def test_has_the_published_size() -> None:
    config = Config()
    assert sum(p.numel() for p in AttentiveTree(config, lambda: Branch(config)).parameters()) == 7_105_392


@pytest.mark.parametrize(("over", "dims"), [("channels", (1,)), ("places", (2, 3))])
def test_attention_to_the_sentence_adds_up_to_one(over: str, dims: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    attend, h, code = SentenceAttention(6, over), torch.randn(2, 6, 4, 4), torch.randn(2, CODE)
    weights = attend(h, code) / attend.project(code)[:, :, None, None]
    sums = weights.sum(dim=dims)
    assert_close(sums, torch.ones_like(sums))


def test_attention_to_the_sentence_by_hand() -> None:
    torch.manual_seed(0)
    attend, h, code = SentenceAttention(6, "channels"), torch.randn(1, 6, 4, 4), torch.randn(1, CODE)
    told = attend.project(code)[0]
    weights = (attend.agree.weight[:, :, 0, 0] @ (h[0, :, 2, 1] * told)).softmax(dim=0)
    assert_close(attend(h, code)[0, :, 2, 1], told * weights)


def test_the_captioner_rests_and_tells_the_tree_what_is_missing(data: Dataset) -> None:
    gradients = {}
    for retell in (0.0, 20.0):
        system = make(data, retell=retell)
        system.captioner.eval().requires_grad_(False), system.critics.requires_grad_(False)
        torch.manual_seed(1)
        *_, last = system.step(pairs(data), START)
        last.loss.backward()
        assert last.player == "tree" and set(last.log) == {"divergence", "retold"}
        assert all(p.grad is None for p in system.captioner.parameters())
        gradients[retell] = system.generator.heads[-1][0].weight.grad  # type: ignore[index,union-attr]
    assert not torch.allclose(gradients[0.0], gradients[20.0])


def test_only_the_captioners_own_learn_before_the_tree(data: Dataset) -> None:
    system = make(data)
    names = [phase.name for phase in system.phases()]
    assert names == ["damsm", "captioner", "gan"]
    tree = [m for player in system.phases()[2].players.values() for m in player.modules]
    assert system.captioner not in tree and system.text not in tree and system.vision not in tree


def test_it_describes_and_tells(data: Dataset) -> None:
    system = make(data).eval()
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    said = system.describe(images)
    assert len(said) == 2 and all(isinstance(text, str) for text in said)
    told = system.caption_log_likelihood(images, [Caption("red circle"), Caption("a blue bar on white")])
    assert told.shape == (2,) and (told < 0).all()


def test_of_larger_pictures_the_middle_is_described(data: Dataset) -> None:
    system = make(data, crop=True).eval()
    assert MirrorGan.data_size(system.config) == 38
    middle = torch.rand(1, 3, 32, 32)
    assert system.describe(nn.functional.pad(middle, (3, 3, 3, 3))) == system.describe(middle)
