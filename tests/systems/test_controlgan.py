"""ControlGAN: channels that attend to words, a discriminator of words that learns, and its losses by hand."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from limner.blocks.layers.tree import Drawn
from limner.blocks.losses.damsm import GAMMA_2, matching_losses
from limner.blocks.losses.matching_aware import DiscriminatorScores
from limner.blocks.losses.perceptual import perceptual_loss
from limner.blocks.text.encoders import BiLstmEncoder, Text, TextCodes
from limner.data.dataset import Dataset
from limner.data.schema import Lexicon
from limner.errors import UserError
from limner.noise import RowNoise
from limner.requests import Caption
from limner.settings import change
from limner.system import Clock
from limner.systems.controlgan import ChannelAttention, ControlGan, ControlGanConfig, Generator, WordCritic, correlation
from scored import Scored, colours, softplus
from toy import pairs, shapes

START = Clock(seen=0, total=1, step=1)
WORDS = Lexicon.of(["a red bird with a long tail", "blue", "two birds"])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("controlgan") / "shapes", 32)


def make(data: Dataset, **changes: Any) -> ControlGan:
    torch.manual_seed(0)
    return ControlGan(change(ControlGan.presets["tiny"], changes), data.schema)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def encode(texts: list[str]) -> Text:
    torch.manual_seed(0)
    return BiLstmEncoder(WORDS, 8, 6).eval()(texts)


def codes(texts: list[str]) -> TextCodes:
    return TextCodes.of(encode(texts))


# Sizes


def test_without_channel_attention_it_is_attngans_generator() -> None:
    assert count(Generator(ControlGanConfig(without=("channel",)))) == 7_084_592


def test_the_published_channel_attention_is_tied_to_two_sides() -> None:
    """Words are mapped to 64 x 64 and 128 x 128 places; three maps in place of two are joined."""
    published = Generator(ControlGanConfig(channel="places"))
    assert [branch.channels.project.out_features for branch in published.branches] == [4096, 16384]  # type: ignore[union-attr]
    grids = count(Generator(ControlGanConfig()))
    assert count(published) - grids == 256 * (4096 + 16384 - 2 * 256)
    assert 12.85e6 < count(published) < 12.95e6  # the authors' code without its unused copies: 12.9 million


# Channel attention


def test_channels_attend_to_words_and_never_to_padding() -> None:
    torch.manual_seed(0)
    attend, h = ChannelAttention(8, 4), torch.randn(3, 5, 4, 4)
    context, alpha = attend(h, codes(["a red bird with a long tail", "blue", "two birds"]))
    assert context.shape == (3, 5, 4, 4) and alpha.shape == (3, 5, 7)
    assert_close(alpha.sum(dim=2), torch.ones(3, 5))
    for row, length in enumerate((7, 1, 2)):
        assert (alpha[row, :, length:] == 0).all() and (alpha[row, :, :length] > 0).all()


def test_channel_attention_by_hand() -> None:
    torch.manual_seed(0)
    attend, h, text = ChannelAttention(8, 2), torch.randn(1, 5, 2, 2), encode(["a red bird"])
    context, alpha = attend(h, TextCodes.of(text))
    words = text.words[0] @ attend.project.weight.T  # (3, 4)
    weights = (words @ h[0, 3].flatten()).softmax(dim=0)
    assert_close(alpha[0, 3], weights)
    assert_close(context[0, 3].flatten(), weights @ words)


def test_on_a_grid_a_map_of_any_side_is_averaged_and_given_back() -> None:
    torch.manual_seed(0)
    attend, text = ChannelAttention(8, 2), codes(["a red bird"])
    small = torch.randn(1, 5, 2, 2)
    large = nn.functional.interpolate(small, scale_factor=4, mode="nearest")
    context, alpha = attend(small, text)
    wide, same = attend(large, text)
    assert_close(same, alpha)
    assert_close(wide, nn.functional.interpolate(context, scale_factor=4, mode="nearest"))


def test_what_channels_attend_to_reaches_the_picture(data: Dataset) -> None:
    system = make(data).eval()

    def draw() -> Tensor:
        *_, last = system.sample([Caption("a red circle")], system.Knobs(), RowNoise([1]))
        assert last.images is not None and last.attention is not None
        return last.images

    before = draw()
    nn.init.zeros_(system.generator.branches[0].channels.project.weight)  # type: ignore[union-attr]
    assert not torch.allclose(before, draw())


# The word-level discriminator


def test_the_correlation_by_hand() -> None:
    """Two words and two regions; the text's second row has one word, whose weight is then 1."""
    regions = torch.tensor([[[2.0, 0.0], [0.0, 1.0]]] * 2).unsqueeze(3)  # of E = 2 numbers, R = 2 places: (B, 2, 2, 1)
    words = torch.tensor([[[1.0, 0.0], [0.0, 2.0]], [[1.0, 1.0], [9.0, 9.0]]])
    mask = torch.tensor([[True, True], [True, False]])
    v = [(2.0, 0.0), (0.0, 1.0)]  # regions

    def softmax(*logits: float) -> list[float]:
        total = sum(map(math.exp, logits))
        return [math.exp(one) / total for one in logits]

    def cosine(a: tuple[float, float], b: tuple[float, float]) -> float:
        return (a[0] * b[0] + a[1] * b[1]) / (math.hypot(*a) * math.hypot(*b))

    e = [(1.0, 0.0), (0.0, 2.0)]
    over_words = [softmax(*(a * r[0] + b * r[1] for a, b in e)) for r in v]  # at each region
    cosines = []
    for t in range(2):
        weights = softmax(*(5 * over_words[r][t] for r in range(2)))
        c = tuple(sum(weights[r] * v[r][axis] for r in range(2)) for axis in range(2))
        cosines.append(cosine(e[t], c))  # type: ignore[arg-type]
    importance = softmax(0.5 * 1 + 1.0 * 0, 0.5 * 0 + 1.0 * 2)  # mean of the words: (.5, 1)
    expected = math.log(sum(w * math.exp(GAMMA_2 * cos) for w, cos in zip(importance, cosines, strict=True)))
    found = correlation(regions, words, mask)
    assert found[0].item() == pytest.approx(expected, rel=1e-5)
    half = softmax(5.0, 5.0)  # its one word has all of each region
    alone = cosine((1.0, 1.0), (half[0] * 2, half[1] * 1))
    assert found[1].item() == pytest.approx(GAMMA_2 * alone, rel=1e-5)


def test_the_correlation_is_bounded_and_can_refuse() -> None:
    """A sigmoid of log sum exp(gamma_2 cos), as in the authors' code, is above 1/2 for any words of any picture."""
    torch.manual_seed(0)
    regions, words, mask = torch.randn(64, 8, 4, 4), torch.randn(64, 6, 8), torch.ones(64, 6, dtype=torch.bool)
    r = correlation(regions, words, mask)
    assert (r.abs() <= GAMMA_2).all()
    opposite = correlation(regions.abs(), -words.abs(), mask)
    assert (opposite < 0).all()
    for cosines in (torch.zeros(6), torch.full((6,), -0.3)):
        assert torch.sigmoid((GAMMA_2 * cosines).exp().sum().log()) > 0.5  # theirs, where nothing fits


def test_its_verdict_has_gradients_and_it_learns_to_tell_right_words_from_wrong(data: Dataset) -> None:
    torch.manual_seed(0)
    system = make(data, rate=1e-3)
    assert system.word_critic is not None
    batch = pairs(data, 16)
    text = system.encode(batch.texts)
    optimiser = torch.optim.Adam(system.word_critic.parameters(), lr=2e-3)
    for step in range(60):
        loss, _ = system.word_loss(batch.images, text, batch.wrong)
        optimiser.zero_grad()
        loss.backward()
        if step == 0:
            assert all(
                p.grad is not None and p.grad.abs().sum() > 0 for p in system.word_critic.regions.trunk.parameters()
            )
            assert all(p.grad is None for p in (*system.text.parameters(), *system.vision.parameters()))
        optimiser.step()
    _, scores = system.word_loss(batch.images, text, batch.wrong)
    assert (scores["right"] > 0).float().mean() > 0.9 and (scores["wrong"] < 0).float().mean() > 0.9


def test_the_word_loss_by_hand(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    system, text = make(data), Text(torch.zeros(2, 1), torch.zeros(2, 1, 32), torch.ones(2, 1) > 0)
    assert system.word_critic is not None
    monkeypatch.setattr(system.word_critic, "features", lambda images: images.mean(dim=(1, 2, 3)))
    monkeypatch.setattr(system.word_critic, "judge", lambda colour, text: colour + torch.tensor([1.0, -2.0]))
    loss, log = system.word_loss(colours(2, 3), text, torch.tensor([1, 0]))
    expected = sum(softplus(-s) for s in (3.0, 1.0)) / 2 / 2 + sum(softplus(s) for s in (4.0, 0.0)) / 2 / 2
    assert loss.item() == pytest.approx(expected)
    assert log["right"].tolist() == [3, 1] and log["wrong"].tolist() == [4, 0]


def test_the_scale_and_the_threshold_are_learnt() -> None:
    critic, text = WordCritic(16, 8), encode(["a red bird", "blue"])
    regions = critic.features(torch.randn(2, 3, 16, 16))
    before = critic.judge(regions, text)
    critic.scale.data.fill_(2.0), critic.threshold.data.fill_(-1.0)
    assert_close(critic.judge(regions, text), 2 * before - 1)


# The generator's loss


def test_the_generators_loss_by_hand(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """AttnGAN's, -log D of the words, and the mean over stages of squared differences of features."""
    text = Text(torch.tensor([[1.0], [-2.0]]), torch.zeros(2, 1, 32), torch.ones(2, 1) > 0)
    vision = torch.randn(2, 32, 4, 4), torch.randn(2, 1)
    gaussian = torch.full((2, 100), 0.5), torch.zeros(2, 100)  # KL of a number: 0.5^2 / 2
    drawn, same = Drawn([colours(-1, 0.5), colours(2, 0)], [gaussian], [None, None]), torch.eye(2, dtype=torch.bool)
    real = [colours(0, 0.5), colours(1, 2)]
    none = DiscriminatorScores(torch.zeros(()), {}, None, None)
    logits = [(0.0, -1.5), (-1.0, 0.5), (3.0, -2.0), (2.0, 0.0)]  # coarse with the text and alone, fine likewise
    words, sentences = matching_losses(vision, text, same)
    common = sum(softplus(-a) + softplus(-b) for a, b in logits) / 2 + 0.125 + 5 * (words + sentences).item()
    shown = (softplus(-7.0) + softplus(-5.0)) / 2  # the finest drawing's colour and 5
    perceptual = (((1.0 + 0.0) / 2) + ((1.0 + 4.0) / 2)) / 2
    for without, expected in (
        ((), common + shown + perceptual),
        (("words",), common + perceptual),
        (("perceptual",), common + shown),
    ):
        system = make(data, without=without)
        system.critics[0], system.critics[1] = Scored(), Scored()
        system.vision.forward = lambda images: vision  # type: ignore[method-assign]
        monkeypatch.setattr(system.vision.trunk, "forward", lambda images: images)
        if system.word_critic is not None:
            monkeypatch.setattr(system.word_critic, "features", lambda images: images.mean(dim=(1, 2, 3)))
            monkeypatch.setattr(system.word_critic, "judge", lambda colour, text: colour + 5)
        loss, log = system.generator_loss(drawn, real, text, [none, none], same)
        assert loss.item() == pytest.approx(expected, rel=1e-5)
        assert ("each word" in log) == ("words" not in without) and ("perceptual" in log) == (
            "perceptual" not in without
        )


def test_the_words_verdict_reaches_the_generator(data: Dataset) -> None:
    """In the authors' code it is no part of the generator's loss."""
    system = make(data, match=0.0, without=("perceptual",))
    *_, last = system.step(pairs(data), START)
    system.zero_grad()
    last.log["each word"].backward()
    assert system.generator.heads[-1][0].weight.grad.abs().sum() > 0  # type: ignore[index,union-attr]


def test_perceptual_distance_reaches_the_drawing_alone() -> None:
    net = nn.Conv2d(3, 2, 1).requires_grad_(False)
    real, drawn = torch.randn(2, 3, 4, 4, requires_grad=True), torch.randn(2, 3, 4, 4, requires_grad=True)
    loss = perceptual_loss(net, [real], [drawn])
    assert loss.item() == pytest.approx((net(real) - net(drawn)).square().mean().item(), rel=1e-5)
    loss.backward()
    assert real.grad is None and drawn.grad is not None and drawn.grad.abs().sum() > 0
    assert perceptual_loss(net, [real, drawn], [real, real]).item() == pytest.approx(loss.item() / 2, rel=1e-5)


# Its players, and what is left out


def test_players_are_updated_in_order(data: Dataset) -> None:
    names = [update.player for update in make(data).step(pairs(data), START)]
    assert names == ["critic 16", "critic 32", "word critic", "tree"]
    plain = make(data, without=("channel", "words", "perceptual"))
    assert [update.player for update in plain.step(pairs(data), START)] == ["critic 16", "critic 32", "tree"]
    assert plain.word_critic is None and all(branch.channels is None for branch in plain.generator.branches)  # type: ignore[union-attr]
    assert ControlGan.presets["mca-gan"].without == ("words", "perceptual")


def test_the_check_counts_right_pairs_that_are_preferred(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    system = make(data)
    scores = {"right": torch.tensor([1.0, 0.0, 3.0, 2.0]), "wrong": torch.tensor([0.0, 1.0, 1.0, 1.0])}
    monkeypatch.setattr(system, "word_loss", lambda *given: (torch.zeros(()), scores))
    gan = system.phases()[-1]
    assert gan.check is not None and gan.check(pairs(data)) == {"words found": 0.75}
    assert make(data, without=("words",)).phases()[-1].check is None


@pytest.mark.parametrize(("name", "value"), [("stages", 1), ("without", ("attention",))])
def test_settings_that_make_no_sense(name: str, value: Any) -> None:
    with pytest.raises(UserError, match=r"stages=1: words are attended|left out is channel, perceptual, words"):
        change(ControlGanConfig(), {name: value})


@pytest.mark.slow
def test_the_preset_of_the_paper_is_built_and_stepped_once(data: Dataset) -> None:
    """With the small net that looks: torchvision is not everywhere."""
    torch.manual_seed(0)
    system = ControlGan(change(ControlGan.presets["birds"], {"vision": "small", "crop": False}), data.schema)
    batch = pairs(data, 2)
    batch = dataclasses.replace(batch, images=nn.functional.interpolate(batch.images, 256))
    for update in system.step(batch, START):
        assert torch.isfinite(update.loss)
        update.loss.backward()


def test_the_preset_of_coco_is_wider(data: Dataset) -> None:
    """Without channel attention it has the published size of AttnGAN."""
    with torch.device("meta"):
        config = change(ControlGan.presets["coco"], {"vision": "small"})
        assert count(Generator(change(config, {"without": ("channel",)}))) == 13_811_456
        assert count(Generator(config)) > 13_811_456 + 256 * (4096 + 16384)
