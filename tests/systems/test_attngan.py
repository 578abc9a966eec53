"""AttnGAN: its sizes, encoders at rest that pass gradients on, and attention that comes with the drawing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from limner.blocks.attentive import AttentiveTree
from limner.blocks.text.encoders import BiLstmEncoder
from limner.data.dataset import Dataset
from limner.data.schema import Lexicon, words_of
from limner.errors import UserError
from limner.noise import RowNoise
from limner.requests import Blend, Caption
from limner.settings import change
from limner.system import Clock
from limner.systems.attngan import AttnGan, Branch, Config
from toy import pairs, shapes

START = Clock(seen=0, total=1, step=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("attngan") / "shapes", 32)


def make(data: Dataset, **changes: Any) -> AttnGan:
    torch.manual_seed(0)
    return AttnGan(change(AttnGan.presets["tiny"], changes), data.schema)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_has_the_published_size() -> None:
    for width, residuals, published in ((32, 2, 7_084_592), (48, 3, 13_811_456)):
        config = Config(generator_width=width, residuals=residuals)
        assert count(AttentiveTree(config, lambda: Branch(width, 256, residuals))) == published  # noqa: B023
    assert count(BiLstmEncoder(Lexicon(tuple(map(str, range(5_448)))))) == 2_075_320


def test_players_move_in_the_papers_order(data: Dataset) -> None:
    system = make(data)
    updates = list(system.step(pairs(data), START))
    assert [update.player for update in updates] == ["critic 16", "critic 32", "tree"]
    assert set(updates[-1].log) == {"divergence", "words", "sentences"}


def test_the_encoders_score_what_is_drawn(data: Dataset) -> None:
    """They rest, but the gradient passes through them to the tree (erratum 9: never without it)."""
    grads = {}
    for match in (0.0, 5.0):
        system = make(data, match=match)
        system.vision.requires_grad_(False), system.text.requires_grad_(False), system.critics.requires_grad_(False)
        torch.manual_seed(1)
        *_, last = system.step(pairs(data), START)
        last.loss.backward()
        assert all(p.grad is None for p in (*system.vision.parameters(), *system.text.parameters()))
        grads[match] = system.generator.heads[-1][0].weight.grad  # type: ignore[index,union-attr]
        expected = 0.0 if match == 0 else match * (last.log["words"] + last.log["sentences"]).item()
        assert last.loss.item() > expected
    assert not torch.allclose(grads[0.0], grads[5.0])


def test_attention_has_a_map_for_each_word(data: Dataset) -> None:
    system = make(data).eval()
    texts = ["a red circle on black", "red bar"]
    first, last = system.sample([Caption(text) for text in texts], system.Knobs(), RowNoise([1, 2]))
    assert first.attention is None and last.attention is not None
    assert last.attention.shape == (2, 5, 16, 16)
    assert_close(last.attention.sum(dim=1), torch.ones(2, 16, 16))
    for row, text in enumerate(texts):
        assert (last.attention[row, len(words_of(text)) :] == 0).all()


def test_a_morph_begins_and_ends_with_its_texts(data: Dataset) -> None:
    system = make(data).eval()
    ends = Caption("a red circle on black"), Caption("blue square")

    def draw(request: Any) -> torch.Tensor:
        *_, final = system.sample([request], system.Knobs(), RowNoise([3]))
        assert final.images is not None
        return final.images

    for t, end in enumerate(ends):
        assert_close(draw(Blend(*ends, float(t))), draw(end))
    assert not torch.allclose(draw(Blend(*ends, 0.5)), draw(ends[0]))


def test_only_some_words_of_a_long_caption_are_learnt_from(data: Dataset) -> None:
    text = make(data, words=2).heard(pairs(data))
    assert text.words.shape[1] == 2 and not text.words.requires_grad


def test_there_is_nothing_to_look_at_in_one_stage() -> None:
    with pytest.raises(UserError, match="stages=1: words are looked at from the second stage on"):
        change(Config(), {"stages": 1})
