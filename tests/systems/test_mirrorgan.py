"""MirrorGAN: its sizes, its losses by hand, both attentions, and a frozen captioner of what was drawn."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from limner.blocks.layers.tree import Drawn, shrunk
from limner.blocks.losses.matching_aware import DiscriminatorScores
from limner.blocks.text.encoders import BiLstmEncoder, TextCodes
from limner.blocks.vision.captioner import Captioner
from limner.data.dataset import Dataset
from limner.data.schema import Lexicon
from limner.drawing.drafts import draft_row
from limner.requests import Caption
from limner.settings import change
from limner.system import Clock, sample_drafts
from limner.systems.mirrorgan import (
    CODE,
    Generator,
    MirrorGan,
    MirrorGanConfig,
    SentenceAttention,
    WordAttention,
)
from scored import Scored, colours, softplus
from toy import pairs, shapes

START = Clock(seen=0, total=1, step=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("mirrorgan") / "shapes", 32)


def make(data: Dataset, **changes: Any) -> MirrorGan:
    torch.manual_seed(0)
    return MirrorGan(change(MirrorGan.presets["tiny"], changes), data.schema)


def test_has_the_published_size() -> None:
    assert sum(p.numel() for p in Generator(MirrorGanConfig()).parameters()) == 7_105_392


@pytest.mark.parametrize(("over", "dims"), [("channels", (1,)), ("places", (2, 3))])
def test_attention_to_the_sentence_adds_up_to_one(over: str, dims: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    attend, h, code = SentenceAttention(100, 6, over), torch.randn(2, 6, 4, 4), torch.randn(2, CODE)
    weights = attend(h, code) / attend.project(code)[:, :, None, None]
    sums = weights.sum(dim=dims)
    assert_close(sums, torch.ones_like(sums))


def test_attention_to_the_sentence_by_hand() -> None:
    torch.manual_seed(0)
    attend, h, code = SentenceAttention(100, 6, "channels"), torch.randn(1, 6, 4, 4), torch.randn(1, CODE)
    u = attend.project(code)[0]
    weights = (attend.agree.weight[:, :, 0, 0] @ (h[0, :, 2, 1] * u)).softmax(dim=0)
    assert_close(attend(h, code)[0, :, 2, 1], u * weights)


def test_attention_to_words_is_the_softmax_of_inner_products_and_leaves_padding_out() -> None:
    torch.manual_seed(0)
    encoder = BiLstmEncoder(Lexicon.of(["a red bird", "blue"]), 8, 6).eval()
    attend, h, text = WordAttention(8, 5), torch.randn(2, 5, 2, 2), encoder(["a red bird", "blue"])
    context, attention = attend(h, TextCodes.of(text))
    for row, length in enumerate((3, 1)):
        words = text.words[row, :length] @ attend.project.weight.T
        weights = (words @ h[row, :, 1, 0]).softmax(dim=0)
        assert_close(attention[row, :length, 1, 0], weights)
        assert_close(context[row, :, 1, 0], weights @ words)
        assert (attention[row, length:] == 0).all()


def test_the_captioner_is_frozen_and_passes_its_gradient_to_the_generator(data: Dataset) -> None:
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


def test_encoders_and_captioner_are_frozen_while_the_generator_learns(data: Dataset) -> None:
    system = make(data)
    names = [phase.name for phase in system.phases()]
    assert names == ["damsm", "captioner", "gan"]
    tree = [m for player in system.phases()[2].players.values() for m in player.modules]
    assert system.phases()[1].images == system.config.caption_images
    assert [*system.phases()[1].players["captioner"].modules] == [system.captioner]
    assert system.captioner not in tree and system.text not in tree and system.vision not in tree


def test_it_describes_pictures_and_scores_captions(data: Dataset) -> None:
    system = make(data).eval()
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    captions = system.describe(images)
    assert len(captions) == 2 and all(isinstance(text, str) for text in captions)
    logs = system.caption_log_likelihood(images, [Caption("red circle"), Caption("a blue bar on white")])
    assert logs.shape == (2,) and (logs < 0).all()


def test_of_larger_pictures_the_middle_is_described(data: Dataset) -> None:
    system = make(data, crop=True).eval()
    assert MirrorGan.data_size(system.config) == 38
    middle = torch.rand(1, 3, 32, 32)
    assert system.describe(nn.functional.pad(middle, (3, 3, 3, 3))) == system.describe(middle)


def coded(words: torch.Tensor) -> TextCodes:
    """Make codes of texts of three words (B, 3, E)."""
    return TextCodes(torch.ones(len(words), words.shape[2]), words, torch.zeros(len(words), 3))


def test_a_branch_is_conditioned_on_words_and_sentence(data: Dataset) -> None:
    branch, h = make(data).eval().generator.branches[0], torch.randn(1, 12, 16, 16).expand(2, -1, -1, -1)
    words, codes = torch.randn(2, 3, 32), torch.randn(2, CODE)
    by_words, *_ = branch(h, codes[:1].expand(2, -1), coded(words))
    by_sentence, *_ = branch(h, codes, coded(words[:1].expand(2, -1, -1)))
    assert not torch.equal(*by_words) and not torch.equal(*by_sentence)


def test_a_branch_goes_on_from_the_map_before_it(data: Dataset) -> None:
    """Words of zeros, and a sentence projected to zeros, have contexts of zeros: what differs is the map alone."""
    branch = make(data).eval().generator.branches[0]
    nn.init.zeros_(branch.sentence.project.weight), nn.init.zeros_(branch.sentence.project.bias)  # type: ignore
    grown, *_ = branch(torch.randn(2, 12, 16, 16), torch.ones(2, CODE), coded(torch.zeros(2, 3, 32)))
    assert not torch.equal(*grown)


def test_each_picture_is_retold_by_its_own_text(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    system, batch, told = make(data).eval(), pairs(data), list[Any]()
    last: list[torch.Tensor] = []
    system.generator.register_forward_hook(lambda net, given, gives: last.append(gives.images[-1]))
    retell = system.captioner.cross_entropy
    monkeypatch.setattr(system.captioner, "cross_entropy", lambda *given: told.append(given) or retell(*given))
    list(system.step(batch, START))
    ((features, texts),) = told
    assert tuple(texts) == batch.texts and torch.equal(features, system.features(last[0]))


def test_the_captioners_loss_by_hand(data: Dataset) -> None:
    """In STREAM's own phase, where all words are as likely: the logarithm of their number."""
    system = make(data)
    nn.init.zeros_(system.captioner.say.weight), nn.init.zeros_(system.captioner.say.bias)
    phase = system.phases()[1]
    assert phase.step is not None
    (update,) = phase.step(pairs(data), START)
    assert update.loss.item() == pytest.approx(math.log(len(data.schema.lexicon)), rel=1e-5)


def test_the_discriminators_read_the_sentence(data: Dataset) -> None:
    sentences = torch.randn(2, 32)
    for d, side in zip(make(data).eval().critics, (16, 32), strict=True):
        one, other = d.judge(d.features(torch.ones(2, 3, side, side)), sentences)  # type: ignore[operator]
        assert one != other


def test_each_discriminator_judges_its_own_stage(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    system, drawn, judged, given = make(data).eval(), list[Drawn](), list[tuple[Any, ...]](), pairs(data)
    system.generator.register_forward_hook(lambda net, given, gives: drawn.append(gives))
    loss = system.discriminator_loss
    monkeypatch.setattr(system, "discriminator_loss", lambda *given: judged.append(given) or loss(*given))
    list(system.step(given, START))
    pyramid, sentence = shrunk(given.images, [16, 32]), system.encode(given.texts).sentence
    for number, (d, real, fake, told, wrong, _) in enumerate(judged):
        assert d is system.critics[number] and torch.equal(real, pyramid[number])
        assert torch.equal(fake, drawn[0].images[number])
        assert torch.equal(told, sentence) and torch.equal(wrong, given.wrong)
    assert len(judged) == 2


def test_the_discriminators_loss_by_hand(data: Dataset) -> None:
    """Real pictures weigh 1/2, each kind of fake 1/3, with the text and alone; a logit is colour plus text."""
    sentence, wrong = torch.tensor([[1.0], [-2.0]]), torch.tensor([1, 0])
    found = make(data).discriminator_loss(Scored(), colours(2, 3), colours(-1, 0.5), sentence, wrong, step=1)
    right, mismatched, drawn = (3.0, 1.0), (4.0, 0.0), (0.0, -1.5)
    expected = (
        (sum(softplus(-s) for s in right) + sum(softplus(-s) for s in (2.0, 3.0))) / 2
        + sum(softplus(s) for s in (*drawn, *mismatched, -1.0, 0.5)) / 3
    ) / 2  # the mean over two rows
    assert found.loss.item() == pytest.approx(expected)
    assert [found.log[name].tolist() for name in ("right", "wrong", "drawn")] == [[3, 1], [4, 0], [0, -1.5]]
    assert found.right is not None and not found.right.requires_grad


def test_the_generators_loss_by_hand(data: Dataset) -> None:
    """Both heads of each discriminator, KL over the 100 numbers of a code, and 20 times STREAM's cross-entropy."""
    system, texts = make(data), ["red circle", "blue bar"]
    system.critics[0], system.critics[1] = Scored(), Scored()
    nn.init.zeros_(system.captioner.say.weight), nn.init.zeros_(system.captioner.say.bias)  # all words are as likely
    gaussian = torch.full((2, CODE), 0.5), torch.zeros(2, CODE)  # KL of a number: 0.5^2 / 2
    fine = colours(2, 0).repeat(1, 1, 2, 2)
    drawn, sentence = Drawn([colours(-1, 0.5), fine], [gaussian], [None, None]), torch.tensor([[1.0], [-2.0]])
    none = DiscriminatorScores(torch.zeros(()), {}, None, None)
    loss, log = system.generator_loss(drawn, sentence, texts, [none, none])
    logits = [(0.0, -1.5), (-1.0, 0.5), (3.0, -2.0), (2.0, 0.0)]  # coarse with the text and alone, fine likewise
    adversarial = sum(softplus(-a) + softplus(-b) for a, b in logits) / 2
    assert loss.item() == pytest.approx(adversarial + 0.125 + 20 * math.log(len(data.schema.lexicon)), rel=1e-5)
    assert log["divergence"].item() == pytest.approx(0.125)


def test_without_its_global_attention_a_branch_reads_words_alone(data: Dataset) -> None:
    torch.manual_seed(0)
    system = MirrorGan(change(MirrorGan.presets["tiny"], {"sentence_over": "none"}), data.schema)
    assert not any("sentence" in key or "join" in key for key in system.generator.state_dict())
    branch, width = system.generator.branches[0], 12
    text = TextCodes.of(system.encode(["a red circle", "a blue bar"]))
    h = torch.randn(2, width, 16, 16)
    grown, _, whole = branch(h, torch.randn(2, 100), text)
    assert whole is None
    assert torch.equal(grown, branch(h, torch.randn(2, 100), text)[0])  # whatever the code of the sentence is
    assert [update.player for update in system.step(pairs(data), Clock(seen=0, total=1, step=1))][-1] == "tree"


def test_the_picture_may_be_given_before_the_first_word_alone(data: Dataset) -> None:
    """With the recurrent net's memory taken away nothing of the picture is left at the second word."""
    texts = ["red circle", "red circle"]
    for first in (True, False):
        torch.manual_seed(0)
        captioner = Captioner(data.schema.lexicon, 8, embedding=16, hidden=16, first=first).eval()
        for name, p in captioner.recur.named_parameters():
            if name.startswith("weight_hh"):
                torch.nn.init.zeros_(p)
        with torch.no_grad():
            for name, p in captioner.recur.named_parameters():
                if name.startswith("bias"):
                    p.zero_()[16:32] = -50.0  # the forget gate: the cell is empty at every step
            logs, _ = captioner(torch.randn(2, 8) * 3, texts)
        assert not torch.allclose(logs[0, 0], logs[1, 0], atol=1e-4)
        assert torch.allclose(logs[0, 1], logs[1, 1], atol=1e-6) == first
        assert len(captioner.describe(torch.randn(2, 8))) == 2
    assert MirrorGan.presets["birds"].picture_at == "first"


@pytest.mark.parametrize("over", ["channels", "places"])
def test_drafts_show_where_the_sentence_is_attended_to(data: Dataset, over: str) -> None:
    """The map is the norm of what the branch gets of the sentence, over places; the sheet has it as its last tile."""
    torch.manual_seed(0)
    system = MirrorGan(change(MirrorGan.presets["tiny"], {"sentence_over": over}), data.schema).eval()
    contexts: list[Tensor] = []
    for branch in system.generator.branches:
        branch.sentence.register_forward_hook(lambda module, given, out: contexts.append(out))
    first, *looks = sample_drafts(system, [Caption("a red circle"), Caption("bar")], [1, 2])
    assert first.sentence_attention is None and len(looks) == len(contexts) > 0
    for draft, context in zip(looks, contexts, strict=True):
        norm = context.square().sum(1).sqrt()
        assert torch.allclose(draft.sentence_attention, norm / norm.sum((1, 2), keepdim=True), atol=1e-6)
        assert draft.sentence_attention.std() > 0
        assert torch.equal(draft_row(draft, 1).sentence_attention, draft.sentence_attention[1:])
