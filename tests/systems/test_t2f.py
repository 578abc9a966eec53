"""T2F: its text encoder, its codes, its matching term, and each ingredient left out."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from limner.blocks.growing import Stage, doubled
from limner.blocks.latent.knobs import TwoSpreads
from limner.blocks.layers.conditioning_augmentation import EqualAugmentation, kl_to_standard_normal
from limner.blocks.losses import hard_negatives
from limner.blocks.text.encoders import LstmEncoder
from limner.data.dataset import Dataset
from limner.data.schema import Lexicon
from limner.data.views import Pairs
from limner.errors import UserError
from limner.noise import RowNoise
from limner.requests import Caption
from limner.system import Clock, Update
from limner.systems import progan, t2f
from limner.systems.t2f import DRIFT, KIT, LAZY, T2F, Discriminator, Generator, critic_loss, pairing_loss
from toy import shapes

FADING = Clock(seen=100, total=1_600, step=0)
LEXICON = Lexicon.of(["a woman with curly red hair", "a man"])


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("t2f") / "shapes", 16)


def made(data: Dataset, **changes: object) -> T2F:
    torch.manual_seed(0)
    system = T2F(dataclasses.replace(T2F.presets["tiny"], **changes), data.schema)
    for part in system.modules():
        if isinstance(part, LstmEncoder):
            part.dropout = 0.0  # so that a text is encoded alike each time
    return system


def batch(data: Dataset) -> Pairs:
    return Pairs.gather(data, range(8), np.random.default_rng(0)).to("cpu")


def moves(system: T2F, data: Dataset, clock: Clock = FADING) -> tuple[Update, Update]:
    """Return the two updates of a step at 8 pixels; no player moves between them."""
    torch.manual_seed(1)
    critic, generator = system.phases()[1].step(batch(data), clock)  # type: ignore[misc]
    return critic, generator


def mean(value: Tensor) -> float:
    return value.detach().float().mean().item()


def test_the_published_sizes(data: Dataset) -> None:
    with torch.device("meta"):
        system = T2F(T2F.presets["face2text"], data.schema)
        pictures = system.generator(torch.empty(1, 256), 4)
    assert pictures.shape == (1, 3, 64, 64)
    assert (system.text.embed.embedding_dim, system.text.recur.hidden_size, system.text.recur.num_layers) == (
        128,
        256,
        3,
    )
    assert system.augment.map.weight.shape == (2 * 178, 256)
    assert system.generator.seed.weight.shape == (256 * 4 * 4, 178 + 78)
    assert [colour.in_channels for colour in system.generator.colours] == [256, 256, 256, 256, 128]
    assert [colour.out_channels for colour in system.critic.colours] == [256, 256, 256, 256, 128]
    assert system.critic.last.weight.shape == (256, 257, 3, 3)
    assert system.critic.gather.weight.shape == (256, 256, 4, 4)
    stages = [(stage.share, stage.batch, stage.fade) for stage in system.config.stages]
    assert stages == [(epochs, 16, 0.85) for epochs in (160, 80, 40, 20, 10)]


def test_the_text_encoder_stops_at_the_last_word() -> None:
    torch.manual_seed(0)
    encoder = LstmEncoder(LEXICON, width=6, embedding=5, layers=2).eval()
    short, long = "a man", "a woman with curly red hair"
    alone, (among, _) = encoder.sentence([short]), encoder.sentence([short, long])
    assert torch.allclose(alone[0], among, atol=1e-6)
    by_hand, _ = encoder.recur(encoder.embed(encoder.tokens([short])[0]))
    assert torch.allclose(by_hand[0, -1], among, atol=1e-6)
    assert encoder.sentence(["", "man woman", "woman man"]).isfinite().all()


def test_kl_is_the_closed_form() -> None:
    torch.manual_seed(0)
    middle, logvar = torch.randn(4, 3), torch.randn(4, 3)
    expected = kl_divergence(Normal(middle, (logvar / 2).exp()), Normal(0.0, 1.0)).sum(dim=1).mean()
    assert kl_to_standard_normal(middle, logvar).item() == pytest.approx(expected.item(), rel=1e-5)
    assert kl_to_standard_normal(torch.zeros(2, 3), torch.zeros(2, 3)).item() == 0


def test_codes_begin_with_less_spread_than_their_means() -> None:
    torch.manual_seed(0)
    middle, logvar = EqualAugmentation(32, 64)(torch.randn(500, 32))
    assert logvar.mean().item() == pytest.approx(-2.0, abs=0.2)
    assert middle.std().item() == pytest.approx(1.0, abs=0.2)


def test_the_critics_loss_weighs_each_negative_half(data: Dataset) -> None:
    for weight in (0.5, 1.0):
        update, _ = moves(made(data, negatives=weight), data)
        log = {key: value.detach() for key, value in update.log.items()}
        below = weight * (mean(log["drawn"]) + mean(log["wrong"]))
        drift = DRIFT * mean(log["right"].square())
        expected = below - mean(log["right"]) + drift + mean(log["penalty"])
        assert update.loss.item() == pytest.approx(expected, rel=1e-4)


def test_a_mismatch_is_another_picture_with_the_same_text_and_never_its_own(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, calls = made(data), []
    match = system.critic.match
    monkeypatch.setattr(system.critic, "match", lambda *pair: calls.append(pair) or match(*pair))
    moves(system, data)
    (right, text), _, (wrong, text_again), *_ = calls
    wrongs = batch(data).wrong
    assert torch.equal(wrong, right[wrongs]) and text_again is text
    assert not (wrongs == torch.arange(8)).any()


def gradients(loss: Tensor, module: nn.Module) -> float:
    """Return the largest gradient of `loss` in a module, 0 where none arrives."""
    found = torch.autograd.grad(loss, list(module.parameters()), allow_unused=True, retain_graph=True)
    return max((float(one.abs().max()) for one in found if one is not None), default=0.0)


@pytest.mark.parametrize("reads", ["own", "shared"])
def test_the_text_encoder_learns_through_the_generator_and_never_for_the_critic(data: Dataset, reads: str) -> None:
    system = made(data, critic_reads=reads)
    critic, generator = moves(system, data)
    for module in (system.text, system.augment, system.generator):
        assert gradients(critic.loss, module) == 0
        assert gradients(generator.loss, module) > 0
    assert gradients(critic.loss, system.critic.ask) > 0
    if reads == "own":
        assert system.critic.reader is not None
        assert gradients(critic.loss, system.critic.reader) > 0
        assert gradients(generator.loss, system.critic.reader) == 0
    else:
        assert system.critic.reader is None


def test_each_ingredient_left_out_changes_its_own_term_only(data: Dataset) -> None:
    whole_critic, whole_generator = moves(made(data), data)
    critic, generator = moves(made(data, without=("matching",)), data)
    assert "wrong" not in critic.log and torch.equal(critic.log["right"], whole_critic.log["right"])
    below, right = mean(critic.log["drawn"]), critic.log["right"].detach()
    expected = below - mean(right) + DRIFT * mean(right.square()) + mean(critic.log["penalty"])
    assert critic.loss.item() == pytest.approx(expected, rel=1e-4)
    assert torch.equal(generator.loss, whole_generator.loss)

    critic, generator = moves(made(data, without=("kl",)), data)
    assert torch.equal(critic.loss, whole_critic.loss)
    gap = whole_generator.loss - generator.loss
    assert gap.item() == pytest.approx(T2F.presets["tiny"].kl * mean(whole_generator.log["kl"]), rel=1e-3)


def test_without_the_fade_a_resolution_is_there_at_once(data: Dataset) -> None:
    faded, whole = made(data), made(data, without=("fade",))
    for system in (faded, whole):
        moves(system, data)
    assert (float(faded.alpha), float(whole.alpha)) == (0.125, 1.0)
    whole.grow(1)
    faded.grow(1)
    assert (float(faded.alpha), float(whole.alpha)) == (0.0, 1.0)


def test_what_cannot_be_left_out_is_refused(data: Dataset) -> None:
    with pytest.raises(UserError, match="without=words: what can be left out is fade, kl, matching"):
        made(data, without=("words",))


def test_two_knobs_scale_the_noise_and_the_spread_of_codes(data: Dataset) -> None:
    system = made(data).eval()

    def draw(seed: int, knobs: TwoSpreads) -> Tensor:
        *_, final = system.sample([Caption("a red circle")], knobs, RowNoise([seed]))
        assert final.images is not None
        return final.images

    still = TwoSpreads(spread=0.0, reading=0.0)
    assert torch.equal(draw(1, still), draw(2, still))
    for knobs in (TwoSpreads(spread=0.0), TwoSpreads(reading=0.0)):
        assert not torch.allclose(draw(1, knobs), draw(2, knobs), atol=1e-3)


def test_unknown_words_come_with_the_nearest_known_ones(data: Dataset) -> None:
    assert made(data).unknown_words([Caption("a yelow circle")]) == {"yelow": "yellow"}


def test_the_shipped_sizes_stay_small(data: Dataset) -> None:
    system = T2F(T2F.presets["avatars"], data.schema)
    drawing = sum(p.numel() for part in (system.text, system.augment, system.generator) for p in part.parameters())
    assert 2 * drawing < 10_000_000  # bytes, at two a number


def test_its_nets_grow_as_those_of_progan() -> None:
    torch.manual_seed(0)
    widths, z, text = (8, 6, 4), torch.randn(4, 5), torch.zeros(4, 7)
    theirs, ours = progan.Generator(5, widths), Generator(5, widths)
    ours.load_state_dict(theirs.state_dict())
    judge, ours_judge = progan.Discriminator(widths), Discriminator(widths, 7, None)
    ours_judge.load_state_dict(judge.state_dict(), strict=False)
    for depth, alpha in ((0, 1.0), (1, 0.0), (1, 0.3), (2, 1.0)):
        images = theirs(z, depth, alpha)
        assert torch.equal(ours(z, depth, alpha), images)
        assert torch.allclose(ours_judge(images, text, depth, alpha), judge(images, depth, alpha), atol=1e-6)


def test_the_loss_by_hand() -> None:
    right, fake, wrong = torch.tensor([2.0, 4.0]), torch.tensor([1.0, 1.0]), torch.tensor([0.0, -1.0])
    drift = 0.001 * (4 + 16) / 2
    assert critic_loss(right, fake).item() == pytest.approx(1 - 3 + drift)
    assert critic_loss(right, fake, wrong, weight=0.5).item() == pytest.approx(0.5 * (1 - 0.5) - 3 + drift)


def test_the_generators_loss_by_hand(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """-E D(G, t), a score of 1.5, and 0.01 times a KL of 8 numbers, 0.5^2 / 2 each; with pairing, f(2 - 1.5)."""
    for kit, adversarial in ((), -1.5), (("pairing",), math.log1p(math.exp(0.5))):
        system = made(data, kit=kit)
        gaussian = torch.full((8, 8), 0.5), torch.zeros(8, 8)
        monkeypatch.setattr(system.augment, "forward", lambda text, gaussian=gaussian: gaussian)
        monkeypatch.setattr(system.critic, "forward", lambda images, *_: torch.full((len(images),), 1.5))
        monkeypatch.setattr(system.critic, "match", lambda features, text: torch.full((len(features),), 2.0))
        monkeypatch.setattr(system, "penalty", lambda *_: torch.zeros(()))
        _, generator = moves(system, data)
        assert generator.loss.item() == pytest.approx(adversarial + 0.01 * 8 * 0.125, rel=1e-5)


def test_picture_and_text_meet_in_an_inner_product() -> None:
    """Features (1, 2) score 1 * 3 + 2 * 4 alone; with a text of mean square 1, (1, -1), they agree by 1 - 2."""
    critic = Discriminator((2,), 2, None)
    with torch.no_grad():
        critic.score.weight.copy_(torch.tensor([[3.0, 4.0]]) / critic.score.scale)
        critic.ask.weight.copy_(torch.eye(2) / critic.ask.scale)
    for length in (1.0, 5.0):
        score = critic.match(torch.tensor([[1.0, 2.0]]), length * torch.tensor([[1.0, -1.0]]))
        assert score.item() == pytest.approx(11 + (1 - 2) / math.sqrt(2), rel=1e-4)


def test_a_drawing_is_of_a_code_and_of_noise(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes of the text's Gaussian, here N(5, 3^2), beside noise of N(0, 1)."""
    system, told = made(data), list[Tensor]()
    gaussian = torch.full((8, 8), 5.0), torch.full((8, 8), 2 * math.log(3))
    monkeypatch.setattr(system.augment, "forward", lambda text: gaussian)
    system.generator.register_forward_hook(lambda net, given, gives: told.append(given[0]))
    moves(system, data)
    code, noise = told[0].split([8, 8], dim=1)
    assert code.mean().item() == pytest.approx(5, abs=1.2) and code.std().item() == pytest.approx(3, rel=0.3)
    assert noise.mean().item() == pytest.approx(0, abs=0.4) and noise.std().item() == pytest.approx(1, rel=0.3)


def test_real_pictures_fade_in_as_drawn_ones_do(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    system, seen = made(data), list[Tensor]()
    maps = system.critic.maps
    monkeypatch.setattr(system.critic, "maps", lambda x, *more: seen.append(x) or maps(x, *more))
    moves(system, data)
    whole = F.avg_pool2d(batch(data).images, 2)  # an eighth of its weight at 100 of 1,600 pictures
    expected = 0.125 * whole + 0.875 * doubled(F.avg_pool2d(whole, 2))
    assert torch.allclose(seen[0][:8], expected, atol=1e-6)


# The kit


def kitted(data: Dataset, *kit: str, **changes: object) -> T2F:
    """Return the tiny system with a kit, at its only stage of 16 pixels, its teacher as it was built."""
    stages = (Stage(16, 1, 8, 0.5),)
    options = {"teacher_images": 320, "teacher_width": 0.25, "gate": 0.0, "stages": stages} | changes
    system = made(data, kit=kit, **options)
    if system.teacher:
        system.teacher.eval().requires_grad_(False)
        system.lessons.enter(data)
    return system


def played(system: T2F, data: Dataset, step: int = 0) -> tuple[Update, Update]:
    """Return the two updates of a step at 16 pixels."""
    torch.manual_seed(1)
    critic, generator = system.phases()[-1].step(batch(data), Clock(seen=8 * step, total=1_600, step=step))  # type: ignore[misc]
    return critic, generator


def test_the_pairing_loss_by_hand() -> None:
    # f(1 - 2) and f(1 - 4) of the drawn pictures, f(0 - 2) and f(-1 - 4) of the wrong texts; f(x) = log(1 + e^x)
    right, fake, wrong = torch.tensor([2.0, 4.0]), torch.tensor([1.0, 1.0]), torch.tensor([0.0, -1.0])
    drawn = (0.31326 + 0.04859) / 2
    assert pairing_loss(right, fake).item() == pytest.approx(drawn, abs=1e-4)
    assert pairing_loss(right, fake, wrong, weight=0.5).item() == pytest.approx(
        drawn + 0.5 * (0.12693 + 0.00672) / 2, abs=1e-4
    )


def test_with_pairing_scores_are_compared_and_penalties_are_lazy_and_in_bf16(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[tuple[int, bool]] = []

    def penalty(critic: object, images: Tensor, text: Tensor, autocast: bool = False) -> Tensor:
        taken.append((len(images), autocast))
        return torch.tensor(3.0)

    monkeypatch.setattr(t2f, "gradient_penalty", penalty)
    system = kitted(data, "pairing", gamma=0.5)
    for step in range(LAZY + 1):
        critic, generator = played(system, data, step)
        log = critic.log
        expected = 3.0 * 2 * LAZY * 0.5 * 0.5 if step % LAZY == 0 else 0.0  # R1 + R2, gamma / 2
        assert mean(log["penalty"]) == expected
        paired = pairing_loss(log["right"], log["drawn"], log["wrong"], 0.5).item()
        assert critic.loss.item() == pytest.approx(paired + expected, rel=1e-4)
    assert taken == [(16, True)] * 2  # real and drawn pictures together
    kl = T2F.presets["tiny"].kl * mean(generator.log["kl"])
    assert generator.loss.item() > kl  # softplus is positive; WGAN's would be the score itself


def test_a_teacher_reads_first_and_is_frozen(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hard_negatives, "MARGIN", -2.0)  # one that has learnt nothing tells no text from another
    system = kitted(data, "teacher", "match", "naming")
    names = [phase.name for phase in system.phases()]
    assert names == ["words", "teacher", "gate", "16px"]
    assert system.teacher is not None
    assert not any(
        module is system.teacher for player in system.phases()[-1].players.values() for module in player.modules
    )
    text = system.teacher.condition(system.lessons.prepare(batch(data).images, batch(data).rows).pooled)
    assert torch.allclose(
        system.sentences(["a red circle"]).sum(), torch.tensor(3.0 * len(system.teacher.properties.unsaid))
    )
    assert text.shape == (8, system.teacher.properties.total)
    critic, generator = played(system, data)
    assert {"match", "naming"} < generator.log.keys()
    for part in (system.augment, system.generator):
        assert gradients(generator.log["match"], part) > 0
        assert gradients(critic.loss, part) == 0


def test_each_loss_of_the_kit_is_added_once(data: Dataset) -> None:
    _, plain = played(kitted(data, "teacher"), data)
    for names in (("match",), ("naming",), ("match", "naming")):
        _, asked = played(kitted(data, "teacher", *names), data)
        assert asked.log.keys() - plain.log.keys() == set(names)
        total = sum(asked.log[name] for name in names)
        assert torch.allclose(asked.loss, plain.loss + total, rtol=1e-5)


def test_what_the_teacher_asks_is_added_by_hand(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once naming has its full weight: match 2, naming 3, and twice an energy score of 0.5."""
    for kit, more in ((("match",), 2.0), (("naming",), 3.0), (("energy",), 1.0), (("match", "naming"), 5.0)):
        found = []
        for factor in (0.0, 1.0):
            system = kitted(data, "teacher", *kit)
            for name, value in (("match", 2.0), ("naming", 3.0), ("energy", 0.5)):
                asked = torch.full((8,), factor * value)
                monkeypatch.setattr(system.lessons, name, lambda *_, asked=asked: asked)
            torch.manual_seed(1)
            *_, generator = system.phases()[-1].step(batch(data), Clock(seen=800, total=1_600, step=1))  # type: ignore[misc]
            found.append(generator.loss.item())
        assert found[1] - found[0] == pytest.approx(more, rel=1e-4)


def test_the_energy_score_is_of_two_drawings_of_each_text(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    system, seen = kitted(data, "teacher", "energy"), []
    energy = system.lessons.energy
    monkeypatch.setattr(system.lessons, "energy", lambda *given: seen.append(given) or energy(*given))
    _, generator = played(system, data)
    _, plain = played(kitted(data, "teacher"), data)
    (fake, drawn, real, lesson), *_ = seen
    assert len(fake) == 2 * len(real) and len(drawn.whole) == len(fake)
    assert not torch.equal(*fake.chunk(2))
    assert generator.log["energy"].item() == pytest.approx(2 * energy(fake, drawn, real, lesson).mean().item())
    assert generator.log.keys() - plain.log.keys() == {"energy"}
    assert gradients(generator.log["energy"], system.generator) > 0


def test_naming_is_raised_in_the_first_stage(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = []
    for seen, weight in ((0, 0.0), (400, 0.5), (800, 1.0), (1_600, 1.0)):
        system = kitted(data, "teacher", "naming")
        monkeypatch.setattr(system.lessons, "naming", lambda drawn, lesson: 10 * torch.ones(8))
        torch.manual_seed(1)
        _, generator = system.phases()[-1].step(batch(data), Clock(seen=seen, total=1_600, step=1))  # type: ignore[misc]
        losses.append(generator.loss.item() - 10 * weight)
    assert losses == pytest.approx([losses[0]] * 4, rel=1e-4)


def test_below_16_pixels_the_teacher_does_not_look(data: Dataset) -> None:
    system = kitted(data, *KIT, stages=(Stage(8, 1, 8, 0.5), Stage(16, 1, 8, 0.5)))
    torch.manual_seed(1)
    _, generator = system.phases()[-2].step(batch(data), Clock(seen=0, total=1_600, step=1))  # type: ignore[misc]
    assert generator.log.keys() == {"kl"}


def test_the_right_picture_stands_with_a_wrong_text(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    system, calls = kitted(data, *KIT), []
    match = system.critic.match
    monkeypatch.setattr(system.critic, "match", lambda *pair: calls.append(pair) or match(*pair))
    played(system, data, 1)
    (right, text), _, (same, wrong), *_ = calls
    assert torch.equal(right, same)
    assert not torch.equal(wrong, text)


@pytest.mark.parametrize(
    ("kit", "says"),
    [
        (("match",), "kit=match needs a teacher: kit=teacher,match"),
        (("hinge",), "kit=hinge: what there is are teacher"),
    ],
)
def test_a_kit_that_makes_no_sense_is_refused(data: Dataset, kit: tuple[str, ...], says: str) -> None:
    with pytest.raises(UserError, match=says):
        made(data, kit=kit)


def test_it_draws_from_what_the_teacher_reads(data: Dataset) -> None:
    system = kitted(data, *KIT).eval()
    still = TwoSpreads(spread=0.0, reading=0.0)
    drafts = [*system.sample([Caption("a red circle"), Caption("a blue square")], still, RowNoise([1, 1]))]
    assert [draft.note for draft in drafts] == ["16 x 16"]  # its first stage
    assert drafts[-1].images is not None and not torch.equal(*drafts[-1].images)


def test_the_preset_of_the_kit_begins_at_16_pixels(data: Dataset) -> None:
    config = T2F.presets["faces-kit"]
    system = T2F(config, dataclasses.replace(data.schema, size=64))
    assert [phase.name for phase in system.phases()] == ["words", "teacher", "gate", "16px", "32px", "64px"]
    assert config.kit == KIT and all(stage.fade == 0.3 for stage in config.stages)
