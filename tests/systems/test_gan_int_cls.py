import dataclasses
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from limner import checkpoint
from limner.blocks.text.char_cnn_rnn import CharCnnRnn
from limner.blocks.text.encoders import WordEncoder
from limner.data.schema import Lexicon, Schema
from limner.data.views import Pairs, partners
from limner.errors import UserError
from limner.noise import RowNoise, Style
from limner.requests import Blend, Caption
from limner.system import Clock, Update
from limner.systems.gan_int_cls import LAZY, Discriminator, GanIntCls, GanIntClsConfig, Generator, N, Z

CAPTIONS = [
    ("red", "a red one"),
    ("green",),
    ("blue",),
    ("white", "pale"),
    ("black",),
    ("dark red",),
    ("grey",),
    ("pink",),
]
LEXICON = Lexicon.of(text for many in CAPTIONS for text in many)
DATA: Any = SimpleNamespace(length=lambda split: len(CAPTIONS), captions=lambda row, split: CAPTIONS[row])
START = Clock(seen=0, total=1, step=1)


def make(**changes: Any) -> GanIntCls:
    torch.manual_seed(0)
    fields: dict[str, Any] = {
        "text": "word", "text_width": 16, "size": 16, "batch": 8, "generator_width": 4, "discriminator_width": 4,
    }  # fmt: skip
    system = GanIntCls(GanIntClsConfig(**fields | changes), Schema(size=16, lexicon=LEXICON))
    system.text.eval().requires_grad_(False)
    system.captions.fill_table(DATA)
    return system


def pairs(size: int = 16) -> Pairs:
    """Picture k is filled with k / 8."""
    labels = [-1] * len(CAPTIONS)
    return Pairs(
        images=(torch.arange(8.0) / 8)[:, None, None, None].expand(8, 3, size, size),
        captions=tuple(CAPTIONS),
        texts=tuple(many[0] for many in CAPTIONS),
        rows=torch.arange(8),
        wrong=torch.tensor(partners(CAPTIONS, labels)),
        labels=torch.tensor(labels),
        attributes=torch.empty(8, 0),
    )


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_has_the_published_size() -> None:
    assert count(Generator(128, 64, 1024)) == 18_905_472
    assert count(Discriminator(64, 64, 1024, modern=False)) == 4_030_080


def test_convolutions_have_no_bias_and_text_layers_have() -> None:
    system = make()
    for part in (*system.generator.modules(), *system.discriminator.modules()):
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            assert part.bias is None
        elif isinstance(part, nn.Linear):
            assert part.bias is not None


@pytest.mark.parametrize("size", [16, 32, 64])
@pytest.mark.parametrize("modern", [False, True])
def test_shapes(size: int, modern: bool) -> None:
    pictures = Generator(4, size, 10)(torch.randn(3, Z), torch.randn(3, 10))
    assert pictures.shape == (3, 3, size, size)
    critic = Discriminator(4, size, 10, modern)
    assert critic.features(pictures).shape == (3, 32, 4, 4)
    assert critic(pictures, torch.randn(3, 10)).shape == (3,)


def test_the_branch_of_the_discriminator_counts() -> None:
    """At the published commit it is added under a name that is not defined."""
    critic = Discriminator(4, 16, 10, modern=True)
    x = torch.randn(2, 3, 16, 16)
    before = critic.features(x)
    nn.init.zeros_(critic.trunk[-1].branch[-1].weight)  # type: ignore[index,union-attr]
    assert not torch.allclose(before, critic.features(x))


@pytest.mark.parametrize(
    ("variant", "mismatched", "halfway"),
    [("gan", False, False), ("gan-cls", True, False), ("gan-int", False, True), ("gan-int-cls", True, True)],
)
def test_the_four_variants(variant: str, mismatched: bool, halfway: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each loss by hand, with logits that tell which pair was judged: right 1, wrong 2, drawn 3, drawn anew 4."""
    system, batch, shades = make(variant=variant), pairs(), iter((-1.0, -2.0))
    texts = system.standard(system.sentences.vectors)
    judged: list[tuple[str, int]] = []

    def judge(features: Tensor, sentence: Tensor) -> Tensor:
        shown = features[:, 0, 0, 0]
        if len(shown) != 8 or shown[0] < 0:
            kind, logit = "drawn", 2 - float(shown[0])
        elif torch.equal(shown, batch.images[:, 0, 0, 0]):
            kind, logit = "right", 1.0
        else:
            kind, logit = "wrong", 2.0
            assert torch.equal(shown, batch.images[batch.wrong, 0, 0, 0])  # another real picture ...
        if kind != "drawn":  # ... beside the right text
            assert (sentence[:, None] - texts).norm(dim=2).amin(dim=1)[1] < 1e-5
            assert_close(sentence[1], system.captions.encode([Caption("green")])[0])
        judged.append((kind, len(shown)))
        return torch.full((len(shown),), logit)

    monkeypatch.setattr(system.discriminator, "features", lambda x: x)
    monkeypatch.setattr(system.discriminator, "judge", judge)
    monkeypatch.setattr(system.generator, "forward", lambda z, t: torch.full((len(t), 3, 16, 16), next(shades)))
    first, second = system.step(batch, START)

    real = math.log(1 + math.exp(-1))
    wrong, drawn = math.log(1 + math.exp(2)), math.log(1 + math.exp(3))
    expected = real + (0.5 * wrong + 0.5 * drawn if mismatched else drawn)
    assert first.loss.item() == pytest.approx(expected)
    assert second.loss.item() == pytest.approx(math.log(1 + math.exp(-4)))
    assert judged[:2] == [("right", 8), ("drawn", 8)]
    assert judged[2:-1] == [("wrong", 8)] * mismatched
    assert judged[-1] == ("drawn", 12 if halfway else 8)  # one batch and a half


@pytest.mark.parametrize("variant", ["gan", "gan-cls", "gan-int", "gan-int-cls"])
def test_losses_at_one_half(variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    system = make(variant=variant)
    monkeypatch.setattr(system.discriminator, "judge", lambda features, sentence: torch.zeros(len(sentence)))
    first, second = system.step(pairs(), START)
    assert first.loss.item() == pytest.approx(1.3863, abs=1e-4)
    assert second.loss.item() == pytest.approx(0.6931, abs=1e-4)


def test_halfway_texts_join_the_two_halves_of_a_batch() -> None:
    t = torch.tensor([[0.0], [1.0], [10.0], [21.0], [100.0]])
    assert_close(GanIntCls.interpolate(t), torch.tensor([[5.0], [11.0]]))
    assert GanIntCls.interpolate(t[:1]).shape == (0, 1)


def test_the_generator_learns_from_texts_halfway(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equation 5: half as many more, each the middle of two of the batch's, drawn and judged with that very text."""
    system, drawn, judged = make(), list[Tensor](), list[Tensor]()
    draw, judge = system.generator.forward, system.discriminator.judge
    monkeypatch.setattr(system.generator, "forward", lambda z, h: drawn.append(h) or draw(z, h))
    monkeypatch.setattr(system.discriminator, "judge", lambda x, h: judged.append(h) or judge(x, h))
    list(system.step(pairs(), START))
    h, more = drawn
    assert_close(h[1], system.captions.encode([Caption("green")])[0])
    assert_close(more, torch.cat([h, (h[:4] + h[4:]) / 2]))
    assert torch.equal(judged[-1], more)


def test_the_vectors_of_several_captions_are_averaged(monkeypatch: pytest.MonkeyPatch) -> None:
    system, drawn = make(captions=100), list[Tensor]()
    draw = system.generator.forward
    monkeypatch.setattr(system.generator, "forward", lambda z, h: drawn.append(h) or draw(z, h))
    list(system.step(pairs(), START))
    ends = system.captions.encode([Caption(text) for text in CAPTIONS[0]])
    line = ends[1] - ends[0]
    share = ((drawn[0][0] - ends[0]) @ line / (line @ line)).item()
    assert 0.2 < share < 0.8
    assert_close(drawn[0][0], ends[0] + share * line, atol=1e-4, rtol=0)


def test_the_modern_loss_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """At logits of 0, with a squared gradient of 3: 2 log 2 + 16 * 0.2 / 2 * 3 for the discriminator."""
    system = make(recipe="modern")
    monkeypatch.setattr(system.discriminator, "judge", lambda features, sentence: torch.zeros(len(sentence)))
    monkeypatch.setattr("limner.systems.gan_int_cls.gradient_penalty", lambda *_: torch.tensor(3.0))
    first, second = system.step(pairs(), Clock(seen=0, total=1, step=LAZY))
    assert first.loss.item() == pytest.approx(2 * math.log(2) + 4.8)
    assert second.loss.item() == pytest.approx(math.log(2))


@pytest.mark.parametrize(("recipe", "expected"), [("paper", []), ("modern", [(8, False), (8, False), (12, False)])])
def test_by_the_modern_recipe_the_discriminator_sees_all_pictures_augmented(
    recipe: str, expected: list[tuple[int, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    system, changed = make(recipe=recipe), list[tuple[int, bool]]()

    def augment(images: Tensor, colour: bool = True) -> Tensor:
        changed.append((len(images), colour))
        return images

    monkeypatch.setattr("limner.systems.gan_int_cls.diff_augment", augment)
    list(system.step(pairs(), START))
    assert changed == expected


def test_the_style_encoders_loss_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equation 6: where a picture was drawn from noise of 1 and 3 is found, (3 - 1)^2."""
    system, noises = make(style_images=8), iter((1.0, 6.0))
    assert system.style_encoder is not None
    monkeypatch.setattr(system, "noise", lambda like: torch.full((len(like), Z), next(noises)))
    monkeypatch.setattr(system.style_encoder, "forward", lambda x: torch.full((len(x), Z), 3.0))
    (update,) = system.invert(pairs(), START)
    assert (update.player, update.loss.item()) == ("style", pytest.approx(4.0))


def test_the_generator_draws_with_fresh_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    system = make()
    noises: list[Tensor] = []
    draw = system.generator.forward
    monkeypatch.setattr(system.generator, "forward", lambda z, t: noises.append(z) or draw(z, t))
    first, _ = system.step(pairs(), START)
    assert [len(z) for z in noises] == [8, 12]
    assert not torch.equal(noises[0], noises[1][:8])
    first.loss.backward()
    assert all(p.grad is None for p in system.generator.parameters())


@pytest.mark.parametrize("recipe", ["paper", "modern"])
@pytest.mark.parametrize("text", ["char", "char-gru", "word"])
def test_reading_rests_while_drawing_is_learnt(recipe: str, text: str) -> None:
    system = make(recipe=recipe, text=text, text_width=64)
    phase = system.phases()[-1]
    assert set(phase.players) == {"discriminator", "generator"}
    assert phase.step is not None
    before = {name: value.clone() for name, value in system.named_parameters()}
    optimisers = {who: p.optimiser([q for m in p.modules for q in m.parameters()]) for who, p in phase.players.items()}
    for number in range(2):
        for update in phase.step(pairs(), Clock(seen=0, total=1, step=number)):
            assert isinstance(update, Update) and update.loss.isfinite()
            optimisers[update.player].zero_grad()
            update.loss.backward()
            optimisers[update.player].step()
    moved = {name.partition(".")[0] for name, value in system.named_parameters() if not value.equal(before[name])}
    assert moved == {"generator", "discriminator"}


def test_what_the_modern_recipe_changes() -> None:
    published, modern = make(), make(recipe="modern")
    names = [name for name, _ in modern.discriminator.named_parameters()]
    weights = [n for n in names if "weight" in n]
    assert weights and all(n.endswith("parametrizations.weight.original") for n in weights)
    assert not any(isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d) for part in modern.discriminator.modules())
    assert any(isinstance(part, nn.BatchNorm2d) for part in published.discriminator.modules())
    assert {n: p.shape for n, p in modern.generator.named_parameters()} == {
        n: p.shape for n, p in published.generator.named_parameters()
    }
    assert modern.players()["generator"].ema and not published.players()["generator"].ema

    def rates(system: GanIntCls) -> list[float]:
        players = (system.players()[who] for who in ("generator", "discriminator"))
        return [p.optimiser([nn.Parameter(torch.zeros(1))]).param_groups[0]["lr"] for p in players]

    assert rates(published) == [2e-4, 2e-4]
    assert rates(modern) == [1e-4, 4e-4]


@pytest.mark.parametrize(("recipe", "penalised"), [("paper", []), ("modern", [0, LAZY])])
def test_the_penalty_is_lazy(recipe: str, penalised: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    system, taken = make(recipe=recipe), []
    for number in range(LAZY + 2):
        monkeypatch.setattr(
            "limner.systems.gan_int_cls.gradient_penalty", lambda *_, n=number: taken.append(n) or torch.zeros(())
        )
        next(system.step(pairs(), Clock(seen=0, total=1, step=number)))
    assert taken == penalised


def test_the_rate_halves_five_times() -> None:
    schedule = make().players()["generator"].schedule
    assert [schedule(k / 600 + 1e-6) for k in (0, 99, 100, 599)] == [1, 1, 0.5, 0.5**5]


def test_windows_are_read_larger() -> None:
    assert GanIntCls.data_size(GanIntCls.presets["birds"]) == 76
    system = make(crop=True)
    assert GanIntCls.data_size(system.config) == 19
    list(system.step(pairs(size=19), START))


def test_each_way_of_reading_and_of_learning_to() -> None:
    assert isinstance(make(text="char", text_width=64).text, CharCnnRnn)
    assert isinstance(make().text, WordEncoder)
    structured, contrastive = make().phases()[0], make(text_loss="contrastive").phases()[0]
    assert structured.players["embedding"].schedule(0.5) == pytest.approx(0.98**100)
    assert contrastive.players["embedding"].schedule(0.5) == 0.5


def test_presets() -> None:
    presets = GanIntCls.presets
    assert {"tiny", "avatars", "avatars-modern", "anime", "birds", "paper", "modern"} <= set(presets)
    for one, other in (("paper", "modern"), ("avatars", "avatars-modern")):
        a, b = vars(presets[one]), vars(presets[other])
        assert {name for name in a if a[name] != b[name]} == {"recipe"}
    paper = presets["paper"]
    assert (paper.generator_width, paper.discriminator_width, paper.batch, paper.captions) == (128, 64, 64, 4)
    with pytest.raises(UserError, match="size=48"):
        GanIntClsConfig(size=48)


def test_drawing_reads_typos_and_meets_halfway() -> None:
    system = make(text="char", text_width=64).eval()

    def draw(request: Caption | Blend) -> Tensor:
        *_, draft = system.sample([request], system.Knobs(), RowNoise([7]))
        assert draft.images is not None and not draft.images.requires_grad
        return draft.images[0]

    assert_close(draw(Caption("grreen")), draw(Caption("green")))
    assert system.unknown_words([Caption("grreen zzz")]) == {"grreen": "green", "zzz": None}
    ends = Caption("green"), Caption("dark red")
    assert_close(draw(Blend(*ends, 0.0)), draw(ends[0]))
    assert_close(draw(Blend(*ends, 1.0)), draw(ends[1]))
    halfway = system.captions.encode(ends).mean(dim=0, keepdim=True)
    assert_close(draw(Blend(*ends, 0.5)), system.generator(RowNoise([7]).normal(Z), halfway)[0])


def test_text_reaches_both_players() -> None:
    system = make().eval()
    t = torch.randn(2, 16)
    z, x = torch.randn(1, Z).expand(2, -1), torch.randn(1, 3, 16, 16).expand(2, -1, -1, -1)
    assert system.generator.read(t).shape == (2, N)
    assert not torch.allclose(*system.generator(z, t), atol=1e-7)
    assert not torch.allclose(*system.discriminator(x, t), atol=1e-9)


def test_vectors_are_standard_and_a_run_that_goes_on_reads_again() -> None:
    system = make()
    vectors = system.standard(system.sentences.vectors)
    assert_close(vectors.mean(dim=0), torch.zeros(16), atol=1e-5, rtol=0)
    assert_close(vectors.std(dim=0, correction=0), torch.ones(16))
    resumed = make()
    resumed.load_state_dict(system.state_dict())
    resumed.sentences.vectors = torch.empty(0)
    resumed.captions.restore_table(DATA)
    assert torch.equal(resumed.standard(resumed.sentences.vectors), vectors)


def awake(**changes: Any) -> GanIntCls:
    """Make a system with a style encoder, and a generator whose batch statistics are those of what it draws."""
    system = make(style_images=1_000, generator_width=8, **changes)
    for _ in range(30):
        system.generator.train()(torch.randn(32, Z), torch.randn(32, 16))
    system.generator.eval().requires_grad_(False)
    return system


def test_the_style_encoder_finds_the_noise_of_unseen_drawings() -> None:
    """Equation 6. A blind guess of the noise, which is zero, is 1 away from it."""
    system = awake(discriminator_width=8, rate=2e-3)
    phase = system.phases()[-1]
    assert phase.name == "style" and set(phase.players) == {"style"} and phase.step is not None
    player = phase.players["style"]
    assert list(player.modules) == [system.style_encoder]
    encoder = system.style_encoder.train()  # type: ignore[union-attr]
    optimiser = player.optimiser(encoder.parameters())
    rows = dataclasses.replace(pairs(), rows=torch.arange(64) % 8)
    kept = {name: value.clone() for name, value in system.state_dict().items()}
    for _ in range(100):
        (update,) = phase.step(rows, START)
        assert update.player == "style"
        optimiser.zero_grad()
        update.loss.backward()
        optimiser.step()
    moved = {name.partition(".")[0] for name, value in system.state_dict().items() if not value.equal(kept[name])}
    assert moved == {"style_encoder"}

    system.eval()
    z, t = torch.randn(64, Z), system.captions.encode([Caption("pink"), Caption("dark red")] * 32)
    found = system.style(system.generator(z, t))
    assert nn.functional.mse_loss(found, z) < 0.7
    alike = nn.functional.cosine_similarity(found[:, None], z[None], dim=2)  # (64 found, 64 drawn from)
    assert alike.diagonal().min() > 0.3  # chance is 0, give or take 0.1
    assert (alike.argmax(dim=1) == torch.arange(64)).all()
    with torch.no_grad():
        assert phase.check is not None and phase.check(pairs())["found"] > 0.2


def test_a_style_is_drawn_with_other_words() -> None:
    system = awake().eval()
    assert system.style_encoder is not None
    system.style_encoder.train()(torch.randn(4, 3, 16, 16))
    (noise,) = system.eval().style(torch.rand(1, 3, 16, 16)).tolist()
    *_, draft = system.sample([Caption("green"), Caption("pink")], system.Knobs(), RowNoise([Style(tuple(noise))] * 2))
    expected = system.generator(torch.tensor([noise] * 2), system.captions.encode([Caption("green"), Caption("pink")]))
    assert draft.images is not None
    assert_close(draft.images, expected)
    assert not torch.allclose(*draft.images, atol=1e-7)


def test_where_windows_are_cut_a_style_is_that_of_the_middle() -> None:
    system = awake(crop=True)
    assert system.style_encoder is not None
    system.style_encoder.train()(torch.randn(4, 3, 16, 16))
    x = torch.rand(1, 3, 19, 19)
    found = system.eval().style(x)
    x[..., :1, :], x[..., 17:] = 0, 0
    assert torch.equal(found, system.style(x))


def test_without_a_budget_or_before_its_phase_there_is_no_style() -> None:
    plain, early = make(), make(style_images=8)
    assert [phase.name for phase in plain.phases()] == ["text", "read", "gan"]
    assert not any("style" in name for name in plain.state_dict())
    shared = plain.state_dict()
    assert all(value.equal(shared[name]) for name, value in early.state_dict().items() if name in shared)
    for system in (plain, early):
        with pytest.raises(UserError, match="--set style_images"):
            system.style(torch.zeros(1, 3, 16, 16))


def test_a_checkpoint_of_before_styles_opens(tmp_path: Path) -> None:
    checkpoint.save(make(), tmp_path / "old")
    about = json.loads((tmp_path / "old" / "system.json").read_text())
    del about["config"]["style_images"]
    (tmp_path / "old" / "system.json").write_text(json.dumps(about))
    opened = checkpoint.open(tmp_path / "old")
    assert opened.config == make().config
