"""LeicaGAN: two priors that are both used, the game over modalities, and its losses by hand."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from limner.blocks.layers.tree import Drawn
from limner.blocks.losses.damsm import matching_losses
from limner.blocks.losses.joint_embedding import same_meaning
from limner.blocks.losses.matching_aware import DiscriminatorScores
from limner.blocks.text.encoders import Text
from limner.data.dataset import Dataset
from limner.data.masked_views import Masked
from limner.errors import UserError
from limner.noise import RowNoise
from limner.requests import Blend, Caption
from limner.settings import change
from limner.system import Clock, Draft
from limner.systems.leicagan import BETA, DomainCritic, Generator, LeicaGan, LeicaGanConfig, triplet_loss
from limner.training.engine import Engine
from limner.training.run_folder import RunFolder
from limner.training.trainer import Trainer
from scored import Scored, colours, softplus
from toy import pairs, shapes

START = Clock(seen=0, total=1, step=1)
TEXTS = ["a red circle on black", "a blue bar"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("leicagan") / "shapes", 32)


def make(data: Dataset, **changes: Any) -> LeicaGan:
    torch.manual_seed(0)
    return LeicaGan(change(LeicaGan.presets["tiny"], changes), data.schema)


def masked(data: Dataset, count: int = 8) -> Masked:
    return Masked.gather(data, range(count), np.random.default_rng(0)).to("cpu")


def drawn(system: LeicaGan, texts: list[Any], **knobs: float) -> list[Draft]:
    requests = [Caption(text) if isinstance(text, str) else text for text in texts]
    return list(system.eval().sample(requests, system.Knobs(**knobs), RowNoise(list(range(len(texts))))))


def shake(net: nn.Module) -> None:
    for parameter in net.parameters():
        parameter.data.add_(torch.randn_like(parameter))


# Both priors


@pytest.mark.parametrize(
    ("prior", "heeds_image", "heeds_mask"),
    [("both", True, True), ("image", True, False), ("mask", False, True), ("legacy", True, False)],
)
def test_which_prior_is_drawn_from(prior: str, heeds_image: bool, heeds_mask: bool, data: Dataset) -> None:
    """The released code never calls the encoder of masks: that is `legacy`."""
    for part, heeded in (("image", heeds_image), ("mask", heeds_mask)):
        system = make(data, prior=prior)
        before = drawn(system, TEXTS)[-1].images
        shake(getattr(system.text, part))
        after = drawn(system, TEXTS)[-1].images
        assert torch.allclose(before, after) != heeded  # type: ignore[arg-type]


def test_beta_weighs_the_words_of_both_priors(data: Dataset) -> None:
    system = make(data)
    attend = system.generator.branches[0].attend  # type: ignore[union-attr]
    whole = [drawn(system, TEXTS, beta=beta)[-1].images for beta in (0.0, BETA, 1.0)]
    assert not torch.allclose(whole[0], whole[2])  # type: ignore[arg-type]
    assert_close(whole[1], drawn(system, TEXTS)[-1].images)
    nn.init.zeros_(attend[0].project.weight)  # of the words that saw pictures nothing is left
    assert_close(drawn(system, TEXTS, beta=1.0)[-1].images, whole[2])
    assert not torch.allclose(drawn(system, TEXTS, beta=0.0)[-1].images, whole[0])  # type: ignore[arg-type]


def test_the_context_is_a_mean_weighed_by_beta(data: Dataset) -> None:
    system = make(data).eval()
    seen: list[Tensor] = []
    branch: Any = system.generator.branches[0]
    branch.join.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    for beta in (0.0, 0.3, 1.0):
        drawn(system, TEXTS, beta=beta)
    width = system.config.generator_width
    none, some, all_of_it = (joined[:, width : 2 * width] for joined in seen)
    assert_close(some, 0.7 * none + 0.3 * all_of_it)


def test_one_prior_has_nothing_to_weigh(data: Dataset) -> None:
    for prior in ("image", "mask"):
        system = make(data, prior=prior)
        assert_close(drawn(system, TEXTS, beta=0.0)[-1].images, drawn(system, TEXTS, beta=1.0)[-1].images)
        assert len(drawn(system, TEXTS)) == 2  # no second attention


def test_drafts_show_the_attention_of_both_priors(data: Dataset) -> None:
    first, shaped, seen = drawn(make(data), TEXTS)
    assert first.attention is None and shaped.note == "32 x 32, words of the mask prior"
    assert_close(shaped.images, seen.images)
    for draft in (shaped, seen):
        assert draft.attention is not None and draft.attention.shape == (2, 5, 16, 16)
        assert_close(draft.attention.sum(dim=1), torch.ones(2, 16, 16))
        assert (draft.attention[1, 3:] == 0).all()  # of padding
    assert not torch.allclose(shaped.attention, seen.attention)  # type: ignore[arg-type]


def test_a_morph_begins_and_ends_with_its_texts(data: Dataset) -> None:
    system, ends = make(data), [Caption(text) for text in TEXTS]
    for t, end in enumerate(ends):
        assert_close(drawn(system, [Blend(*ends, float(t))])[-1].images, drawn(system, [end])[-1].images)


# The priors' training


def test_the_prior_of_pictures_by_hand(data: Dataset) -> None:
    system, batch = make(data, triplet=0.5), pairs(data)
    (update,) = system.learn_pictures(batch, START)
    parts = update.log["words"] + update.log["sentences"] + 0.5 * update.log["triplets"]
    assert update.loss.item() == pytest.approx(parts.item())
    assert update.log["triplets"].item() > 0
    update.loss.backward()
    assert all(p.grad is None for p in (*system.text.mask.parameters(), *system.mask_vision.parameters()))
    assert system.text.image.embed.weight.grad is not None


def test_triplets_by_hand() -> None:
    """Classes 0, 0, 1, and one unknown: rows 0 and 1 have a positive, and both the third as the negative."""
    codes, labels = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 3.5], [9.0, 9.0]]), torch.tensor([0, 0, 1, -1])
    first = 1 + 3 - 3.5
    second = max(1 + 3 - math.hypot(3, 3.5), 0)
    assert triplet_loss(codes, labels).item() == pytest.approx((first + second) / 2, abs=1e-4)
    assert triplet_loss(codes, torch.full((4,), -1)).item() == 0
    assert triplet_loss(codes, torch.zeros(4, dtype=torch.long)).item() == 0  # nobody of another class
    grad = codes.clone().requires_grad_()
    triplet_loss(grad, labels).backward()
    assert grad.grad is not None and (grad.grad[3] == 0).all() and (grad.grad[0] != 0).any()


def test_the_critic_of_modalities_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    critic = DomainCritic(8)
    monkeypatch.setattr(critic, "forward", lambda codes: codes[:, 0])
    masks, texts = torch.tensor([[1.0], [2.0]]), torch.tensor([[-1.0], [3.0]])
    expected = (softplus(-1.0) + softplus(-2.0)) / 2 + (softplus(-1.0) + softplus(3.0)) / 2
    assert critic.loss(masks, texts).item() == pytest.approx(expected / 2)
    assert critic.loss(0 * masks, 0 * texts).item() == pytest.approx(math.log(2))


def test_the_prior_of_masks_by_hand(data: Dataset) -> None:
    """L_w + L_s - lambda_2 L_domain + lambda_3 L_class; classes are asked of the mask's code and of the sentence."""
    system, batch = make(data, domain=0.7, classes=0.3), masked(data)
    assert system.domain_critic is not None and system.classify is not None
    system.text.eval()
    critic, encoders = system.learn_masks(batch, START)
    assert [critic.player, encoders.player] == ["domain critic", "encoders"]
    features, text = system.mask_vision(system.shapes(batch)), system.text.mask(batch.texts)
    words, sentences = matching_losses(features, text, same_meaning(batch))
    domain = system.domain_critic.loss(features[1], text.sentence)
    classes = sum(
        nn.functional.cross_entropy(system.classify(code), batch.labels) for code in (features[1], text.sentence)
    )
    expected = words + sentences - 0.7 * domain + 0.3 * classes
    assert encoders.loss.item() == pytest.approx(expected.item(), rel=1e-4)
    assert critic.loss.item() == pytest.approx(domain.item(), rel=1e-4)


def test_each_side_of_the_game_moves_its_own(data: Dataset) -> None:
    """The critic's move does not reach the encoders; the encoders' move is away from what the critic wants."""
    system = make(data)
    assert system.domain_critic is not None
    critic, encoders = system.learn_masks(masked(data), START)
    critic.loss.backward()
    assert all(p.grad is None for p in (*system.text.parameters(), *system.mask_vision.parameters()))
    system.zero_grad()
    (gradient,) = torch.autograd.grad(
        encoders.loss, encoders.log["domain"].grad_fn.next_functions and encoders.log["domain"], allow_unused=True
    )
    assert gradient is not None and gradient.item() == -1.0


def test_the_game_mixes_modalities(data: Dataset) -> None:
    """Played for a while, the critic tells masks from texts worse than one that learns without an opponent."""
    told = {}
    for domain in (1.0, 0.0):
        torch.manual_seed(0)
        system = make(data, domain=1.0, match=0.0, classes=0.0)
        object.__setattr__(system.config, "domain", domain)
        assert system.domain_critic is not None
        modules = {
            "domain critic": system.domain_critic,
            "encoders": nn.ModuleList([system.text.mask, system.mask_vision]),
        }
        optimisers = {name: torch.optim.Adam(module.parameters(), lr=2e-3) for name, module in modules.items()}
        batch, losses = masked(data), []
        for step in range(40):
            for update in system.learn_masks(batch, START):
                optimisers[update.player].zero_grad()
                update.loss.backward()
                optimisers[update.player].step()
                if update.player == "domain critic" and step >= 30:
                    losses.append(update.loss.item())
        told[domain] = sum(losses) / len(losses)
    assert told[1.0] > told[0.0]


def test_without_a_game_or_classes_these_are_not_there(data: Dataset) -> None:
    system = make(data, domain=0.0, classes=0.0)
    assert system.domain_critic is None and system.classify is None
    assert [update.player for update in system.learn_masks(masked(data), START)] == ["encoders"]


def test_unknown_masks_teach_nothing(data: Dataset) -> None:
    system, batch = make(data), masked(data)
    some = dataclasses.replace(batch, known=torch.arange(8) < 5)
    other = dataclasses.replace(some, masks=torch.where(some.known[:, None, None, None], some.masks, 1 - some.masks))
    system.mask_vision.eval(), system.text.eval()
    one, two = (list(system.learn_masks(view, START))[-1].loss.item() for view in (some, other))
    assert one == pytest.approx(two)
    none = dataclasses.replace(batch, known=torch.zeros(8, dtype=torch.bool))
    assert [update.loss.item() for update in system.learn_masks(none, START)] == [0, 0]


def test_masks_are_shown_as_pictures_in_black_and_white(data: Dataset) -> None:
    system, batch = make(data), masked(data)
    shown = system.shapes(batch)
    assert shown.shape == (8, 3, 32, 32) and shown.min() == -1 and shown.max() == 1
    assert_close(shown[:, 0], 2 * batch.masks[:, 0] - 1)


# The cascade


def test_the_generators_loss_by_hand(data: Dataset) -> None:
    """AttnGAN's, scored by the prior of pictures: both heads, KL over 100 numbers, 5 times DAMSM's two losses."""
    system, text = (
        make(data, match=5.0),
        Text(torch.tensor([[1.0], [-2.0]]), torch.zeros(2, 1, 32), torch.ones(2, 1) > 0),
    )
    system.critics[0], system.critics[1] = Scored(), Scored()
    vision = torch.randn(2, 32, 4, 4), torch.randn(2, 1)
    system.vision.forward = lambda images: vision  # type: ignore[method-assign]
    gaussian = torch.full((2, 100), 0.5), torch.zeros(2, 100)  # KL of a number: 0.5^2 / 2
    pictures, same = Drawn([colours(-1, 0.5), colours(2, 0)], [gaussian], [None, None]), torch.eye(2, dtype=torch.bool)
    none = DiscriminatorScores(torch.zeros(()), {}, None, None)
    loss, _ = system.generator_loss(pictures, text, [none, none], same)
    words, sentences = matching_losses(vision, text, same)
    logits = [(0.0, -1.5), (-1.0, 0.5), (3.0, -2.0), (2.0, 0.0)]
    adversarial = sum(softplus(-a) + softplus(-b) for a, b in logits) / 2
    assert loss.item() == pytest.approx(adversarial + 0.125 + 5 * (words + sentences).item(), rel=1e-5)


def test_players_and_phases(data: Dataset) -> None:
    system = make(data)
    assert [phase.name for phase in system.phases()] == ["image prior", "mask prior", "gan"]
    assert [phase.name for phase in make(data, prior="legacy").phases()] == ["image prior", "gan"]
    assert [update.player for update in system.create(pairs(data), START)] == ["critic 16", "critic 32", "tree"]


def test_discriminators_are_told_the_sentence_of_the_prior_of_pictures(data: Dataset, monkeypatch: Any) -> None:
    system, batch = make(data, prior="mask").eval(), pairs(data)
    seen: list[Tensor] = []
    first = system.critics[0]
    judge = first.judge
    monkeypatch.setattr(first, "judge", lambda features, text: (seen.append(text), judge(features, text))[1])
    next(iter(system.create(batch, START)))
    assert_close(seen[0], system.text.image(batch.texts).sentence)


def test_the_generator_is_mirrorgans_with_a_second_prior() -> None:
    """Beside MirrorGAN's 7,105,392: Conditioning Augmentation of 512 numbers, and words projected once more."""
    with torch.device("meta"):
        found = sum(p.numel() for p in Generator(LeicaGanConfig()).parameters())
    assert found == 7_105_392 + 256 * 400 + 2 * 256 * 32


def test_data_without_masks_is_refused_in_one_line(data: Dataset, tmp_path: Path) -> None:
    import json

    folder = tmp_path / "plain"
    folder.mkdir()
    from PIL import Image

    for k in range(16):
        Image.new("RGB", (32, 32), (k, k, k)).save(folder / f"{k}.png")
    lines = [{"file_name": f"{k}.png", "text": f"grey number {k}"} for k in range(16)]
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    plain = Dataset.open(folder, size=32, held_out=0)
    with pytest.raises(UserError, match="has no column masks, which the view Masked needs"):
        Trainer(make(plain), plain, RunFolder.create(tmp_path / "run"), engine=Engine("fp32", quiet=True))


@pytest.mark.slow
def test_the_preset_of_the_paper_is_built_and_stepped_once(data: Dataset) -> None:
    """With the small nets that look: torchvision is not everywhere."""
    torch.manual_seed(0)
    system = LeicaGan(change(LeicaGan.presets["birds"], {"vision": "small", "crop": False}), data.schema)
    batch = pairs(data, 2)
    batch = dataclasses.replace(batch, images=nn.functional.interpolate(batch.images, 256))
    for update in system.create(batch, START):
        assert torch.isfinite(update.loss)
        update.loss.backward()
