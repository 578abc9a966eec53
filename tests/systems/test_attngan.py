"""AttnGAN: its sizes, its losses by hand, attention over words, and frozen encoders that pass gradients on."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from limner.blocks.layers.tree import Drawn, shrunk
from limner.blocks.losses.damsm import matching_losses
from limner.blocks.losses.joint_embedding import same_meaning
from limner.blocks.losses.matching_aware import DiscriminatorScores
from limner.blocks.text.attention import WordAttention
from limner.blocks.text.encoders import BiLstmEncoder, Text, TextCodes, blended
from limner.data.dataset import Dataset
from limner.data.schema import Lexicon, words_of
from limner.errors import UserError
from limner.noise import RowNoise
from limner.requests import Blend, Caption
from limner.settings import change
from limner.system import Clock
from limner.systems.attngan import CODE, AttnGan, AttnGanConfig, Generator, Z
from scored import Scored, colours, softplus
from toy import pairs, shapes

START = Clock(seen=0, total=1, step=1)
WORDS = Lexicon.of(["a red bird with a long tail", "blue", "two birds"])


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
        assert count(Generator(AttnGanConfig(generator_width=width, residuals=residuals))) == published
    assert count(BiLstmEncoder(Lexicon(tuple(map(str, range(5_448)))))) == 2_075_320


def test_players_are_updated_in_the_papers_order(data: Dataset) -> None:
    system = make(data)
    updates = list(system.step(pairs(data), START))
    assert [update.player for update in updates] == ["critic 16", "critic 32", "tree"]
    assert set(updates[-1].log) == {"divergence", "words", "sentences"}


def test_the_encoders_score_what_is_drawn(data: Dataset) -> None:
    """They are frozen, but the gradient passes through them to the generator (erratum 9: never without it)."""
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
    text = make(data, words=2).encode(pairs(data).texts)
    assert text.words.shape[1] == 2 and not text.words.requires_grad


def test_one_stage_has_no_attention() -> None:
    with pytest.raises(UserError, match="stages=1: words are attended to from the second stage on"):
        change(AttnGanConfig(), {"stages": 1})


def encode(texts: list[str]) -> Text:
    torch.manual_seed(0)
    return BiLstmEncoder(WORDS, 8, 6).eval()(texts)


def test_attention_adds_up_to_one_and_padding_gets_none_in_any_row() -> None:
    """In the authors' code a row may be given the mask of another (erratum 1 of AttnGAN)."""
    torch.manual_seed(0)
    attend, h = WordAttention(8, 5), torch.randn(3, 5, 4, 4)
    _, attention = attend(h, TextCodes.of(encode(["a red bird with a long tail", "blue", "two birds"])))
    assert attention.shape == (3, 7, 4, 4)
    assert_close(attention.sum(dim=1), torch.ones(3, 4, 4))
    for row, length in enumerate((7, 1, 2)):
        assert (attention[row, length:] == 0).all() and (attention[row, :length] > 0).all()


def test_attention_is_the_softmax_of_inner_products() -> None:
    torch.manual_seed(0)
    attend, h, text = WordAttention(8, 5), torch.randn(1, 5, 2, 2), encode(["a red bird"])
    context, attention = attend(h, TextCodes.of(text))
    words = text.words[0] @ attend.project.weight.T  # (3, 5)
    place = h[0, :, 1, 0]
    weights = (words @ place).softmax(dim=0)
    assert_close(attention[0, :, 1, 0], weights)
    assert_close(context[0, :, 1, 0], weights @ words)


def test_between_two_texts_the_words_of_both_count_as_much_as_they_are_near() -> None:
    torch.manual_seed(0)
    encoder, attend, h = BiLstmEncoder(WORDS, 8, 6).eval(), WordAttention(8, 5), torch.randn(1, 5, 4, 4)
    first, second = Caption("a red bird"), Caption("blue")
    ends = [attend(h, blended(encoder, [end]))[0] for end in (first, second)]
    for t, end in enumerate(ends):
        assert_close(attend(h, blended(encoder, [Blend(first, second, float(t))]))[0], end)
    codes = blended(encoder, [Blend(first, second, 0.25), first])
    assert_close(codes.weight.exp(), torch.tensor([[0.75] * 3 + [0.25, 0.0, 0.0], [1.0] * 3 + [0.0] * 3]))
    assert_close(codes.sentence[0], encoder.sentence(["a red bird"])[0].lerp(encoder.sentence(["blue"])[0], 0.25))


def coded(words: torch.Tensor) -> TextCodes:
    """Make codes of texts of three words (B, 3, E), and of a sentence that is the same for all."""
    return TextCodes(torch.ones(len(words), words.shape[2]), words, torch.zeros(len(words), 3))


def test_a_branch_is_conditioned_on_the_words_it_attends_to(data: Dataset) -> None:
    branch, h = make(data).eval().generator.branches[0], torch.randn(1, 12, 16, 16).expand(2, -1, -1, -1)
    grown, _ = branch(h, coded(torch.randn(2, 3, 32)))
    assert grown.shape == (2, 12, 32, 32) and not torch.equal(*grown)


def test_a_branch_goes_on_from_the_map_before_it(data: Dataset) -> None:
    """Words of zeros have a context of zeros: what differs is the map alone."""
    branch = make(data).eval().generator.branches[0]
    grown, _ = branch(torch.randn(2, 12, 16, 16), coded(torch.zeros(2, 3, 32)))
    assert not torch.equal(*grown)


def test_the_first_map_is_of_noise_and_the_sentence(data: Dataset) -> None:
    generator, told = make(data).eval().generator, list[torch.Tensor]()
    generator.root.register_forward_hook(lambda net, given, gives: told.append(given[0]))
    z, epsilon = torch.randn(2, Z), torch.randn(2, CODE)
    mean, logvar = generator(z, epsilon, coded(torch.randn(2, 3, 32))).codes[0]
    assert_close(told[0], torch.cat([mean + (logvar / 2).exp() * epsilon, z], dim=1))


def test_damsm_learns_by_words_and_by_sentences(data: Dataset) -> None:
    system, batch = make(data).eval(), pairs(data)
    phase = system.phases()[0]
    assert phase.step is not None and set(phase.players["encoders"].modules) == {system.text, system.vision}
    (update,) = phase.step(batch, START)
    words, sentences = matching_losses(system.vision(batch.images), system.text(batch.texts), same_meaning(batch))
    assert words != sentences and update.loss == words + sentences


def test_rows_of_one_meaning_are_told_to_the_loss(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    system, batch, told = make(data), pairs(data), list[Any]()
    loss = system.generator_loss
    monkeypatch.setattr(system, "generator_loss", lambda *given: told.append(given) or loss(*given))
    list(system.step(batch, START))
    same = told[0][3]
    assert torch.equal(same, same_meaning(batch)) and same.sum() > len(same)


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
    """Both heads of each discriminator, KL over the 100 numbers of a code, and 5 times DAMSM's two losses."""
    system, text = make(data), Text(torch.tensor([[1.0], [-2.0]]), torch.zeros(2, 1, 32), torch.ones(2, 1) > 0)
    system.critics[0], system.critics[1] = Scored(), Scored()
    vision = torch.randn(2, 32, 4, 4), torch.ones(2, 1)  # which fits one of the two sentences alone
    system.vision.forward = lambda images: vision  # type: ignore[method-assign]
    gaussian = torch.full((2, 100), 0.5), torch.zeros(2, 100)  # KL of a number: 0.5^2 / 2
    drawn, same = Drawn([colours(-1, 0.5), colours(2, 0)], [gaussian], [None, None]), torch.eye(2, dtype=torch.bool)
    none = DiscriminatorScores(torch.zeros(()), {}, None, None)
    loss, log = system.generator_loss(drawn, text, [none, none], same)
    words, sentences = matching_losses(vision, text, same)
    logits = [(0.0, -1.5), (-1.0, 0.5), (3.0, -2.0), (2.0, 0.0)]  # coarse with the text and alone, fine likewise
    adversarial = sum(softplus(-a) + softplus(-b) for a, b in logits) / 2
    assert words > 1 and sentences > 1
    assert loss.item() == pytest.approx(adversarial + 0.125 + 5 * (words + sentences).item(), rel=1e-5)
    assert log["divergence"].item() == pytest.approx(0.125) and log["words"] == words


def test_attndcgan_paints_and_judges_the_last_stage_alone(data: Dataset) -> None:
    torch.manual_seed(0)
    system = AttnGan(change(AttnGan.presets["tiny"], {"variant": "attndcgan", "residuals": 0}), data.schema)
    assert [name for name, _ in system.critics.named()] == ["critic 32"] and len(system.generator.heads) == 1
    assert not any("alone" in key for key in system.critics.state_dict())
    updates = list(system.step(pairs(data), Clock(seen=0, total=1, step=1)))
    assert [update.player for update in updates] == ["critic 32", "tree"]
    system.eval()
    (draft,) = system.sample(data.requests(system.takes, 2, "test"), system.Knobs(), RowNoise([1, 2]))
    assert draft.images.shape == (2, 3, 32, 32) and draft.attention is not None
    for p in system.critics.parameters():
        torch.nn.init.zeros_(p)
    first = next(iter(system.step(pairs(data), Clock(seen=0, total=1, step=1))))
    assert first.loss.item() == pytest.approx(2 * 0.693147, abs=1e-4)  # all logits 0: log 2, and twice half of it
