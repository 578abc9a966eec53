"""PPGN: the whole sentence's gradient, the prior, a condition that takes another's place, in-painting, styles."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

from limner.blocks.given import given_pictures
from limner.blocks.plug_and_play import parts_of, weighed
from limner.data.dataset import Dataset
from limner.drawing.artist import Artist
from limner.errors import UserError
from limner.evaluation.judge import Judge
from limner.noise import RowNoise, Style
from limner.requests import Attributes, Blend, Caption, Nothing, Picture, Request
from limner.settings import change
from limner.studio.drawing.batching import ArtistQueue
from limner.studio.info.metrics import Metrics
from limner.system import Clock, Draft, System
from limner.systems.dcgan import DCGAN
from limner.systems.mirrorgan import MirrorGan
from limner.systems.ppgn import Ppgn
from toy import pairs, shapes

START = Clock(seen=0, total=1, step=0)
RED, BLUE = Caption("a red circle on black"), Caption("a blue bar on white, lower left")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("ppgn") / "shapes", 16)


def make(data: Dataset, **changes: Any) -> Ppgn:
    torch.manual_seed(0)
    system = Ppgn(change(Ppgn.presets["tiny"], changes), data.schema)
    system.nets.inversion.measure(data)
    return system.eval()


def drawn(system: System, requests: list[Request], seeds: list[Any], **knobs: Any) -> list[Draft]:
    values = {"steps": 6, "every": 2} | knobs
    drafts = system.sample(requests, change(system.Knobs(), values), RowNoise(seeds))
    return [draft for draft in drafts if draft.images is not None]


def images(drafts: list[Draft]) -> Tensor:
    assert drafts[-1].images is not None
    return drafts[-1].images


# The condition


def test_the_gradient_goes_through_the_whole_sentence(data: Dataset) -> None:
    """It is that of the unrolled sentence; a state carried one word a call, as in the authors' code, gives another."""
    system = make(data)
    torch.manual_seed(1)
    x = torch.randn(1, 3, 16, 16, requires_grad=True)
    (gradient,) = torch.autograd.grad(system.request_log_likelihood(x, [RED]).sum(), x)
    assert_close(unrolled(system, x, RED.text, cut=False), gradient, rtol=1e-3, atol=1e-6)
    assert (unrolled(system, x, RED.text, cut=True) - gradient).norm() > 0.05 * gradient.norm()


def unrolled(system: Ppgn, x: Tensor, text: str, cut: bool) -> Tensor:
    """Return the gradient of log p word by word; where it is cut, each word's through its own step alone."""
    captioner = system.captioner
    ids = [*system.schema.lexicon.ids(text), 0]
    picture = captioner.see(system.nets.features(x))[:, None]
    state, before, total = None, torch.zeros_like(picture), torch.zeros(())
    for word in ids:
        states, state = captioner.recur(picture + before, state)
        total = total + captioner.say(states[:, 0]).log_softmax(dim=1)[0, word]
        state = tuple(one.detach() for one in state) if cut else state
        before = captioner.embed(torch.tensor([[word]]))
    return torch.autograd.grad(total, x)[0]


def test_a_sentence_counts_all_its_words_and_its_end(data: Dataset) -> None:
    system, x = make(data), torch.randn(2, 3, 16, 16)
    whole = system.request_log_likelihood(x, [RED, BLUE])
    each = system.caption_log_likelihood(x, [RED, BLUE])
    words = torch.tensor([len(system.schema.lexicon.ids(one.text)) + 1.0 for one in (RED, BLUE)])
    assert_close(whole, each * words)


def test_the_captioner_sees_with_an_eye_of_its_own(data: Dataset) -> None:
    """The prior's net and the condition's share nothing: that is what makes the condition replaceable."""
    system = make(data)
    own = {id(p) for p in system.eye.parameters()} | {id(p) for p in system.captioner.parameters()}
    assert not own & {id(p) for net in (system.encoder, system.generator) for p in net.parameters()}
    before = system.request_log_likelihood(torch.ones(1, 3, 16, 16), [RED])
    for parameter in system.encoder.parameters():
        nn.init.normal_(parameter)
    assert torch.equal(before, system.request_log_likelihood(torch.ones(1, 3, 16, 16), [RED]))


def test_its_eye_learns_with_it_and_the_encoder_does_not(data: Dataset) -> None:
    system = make(data)
    learning = {phase.name: phase for phase in system.phases()}
    players = {name: {id(m) for p in phase.players.values() for m in p.modules} for name, phase in learning.items()}
    assert list(learning) == ["text", "captioner", "codes", "generator"]
    assert players["captioner"] == {id(system.captioner), id(system.eye)}
    assert players["generator"] == {id(system.generator), id(system.critic)}
    step = learning["captioner"].step
    assert step is not None
    system.train().zero_grad()
    (update,) = step(pairs(data, 8), START)
    update.loss.backward()
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in system.eye.parameters())
    assert all(p.grad is None for p in system.encoder.parameters())


def test_parts_of_a_blend_are_weighed_by_their_shares(data: Dataset) -> None:
    system, x = make(data), torch.randn(4, 3, 16, 16)
    requests = [Blend(RED, BLUE, 0.25), RED, Nothing(), Blend(Blend(RED, BLUE, 0.5), BLUE, 0.5)]
    red, blue = (system.request_log_likelihood(x, [one] * 4) for one in (RED, BLUE))
    found = weighed([parts_of(one) for one in requests], system.condition)(x)
    assert_close(found, torch.stack([
        0.75 * red[0] + 0.25 * blue[0], red[1], torch.tensor(0.0), 0.25 * red[3] + 0.75 * blue[3],
    ]))  # fmt: skip
    assert parts_of(Blend(Blend(RED, BLUE, 0.5), BLUE, 0.5)) == [(RED, 0.25), (BLUE, 0.75)]


# The climb


def learnt(data: Dataset, steps: int = 60) -> Ppgn:
    """A PPGN that has learnt a little, so that it has something to climb."""
    system = make(data)
    for phase in system.phases():
        if phase.once is not None:
            phase.once(data)
            continue
        system.eval().requires_grad_(False)
        optimisers = {}
        for name, player in phase.players.items():
            for module in player.modules:
                module.train().requires_grad_(True)
            optimisers[name] = player.optimiser([p for m in player.modules for p in m.parameters()])
        assert phase.step is not None
        for step in range(steps):
            torch.manual_seed(step)
            view = phase.view.gather(data, range(step % 8, step % 8 + 8), np.random.default_rng(step)).to("cpu")
            for update in phase.step(view, START):
                optimisers[update.player].zero_grad()
                update.loss.backward()
                optimisers[update.player].step()
    return system.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def trained(data: Dataset) -> Ppgn:
    return learnt(data)


def test_the_sentence_becomes_likelier_on_the_way(trained: Ppgn) -> None:
    """And without the condition, or by the prior alone, hardly so."""
    requests: list[Request] = [RED, BLUE]

    def gain(**knobs: Any) -> Tensor:
        drafts = drawn(trained, requests, [1, 2], steps=40, every=1, **knobs)
        first, last = (trained.caption_log_likelihood(draft.images, requests) for draft in (drafts[0], drafts[-1]))
        return last - first

    climbed, unasked = gain(), gain(condition=0.0)
    assert (climbed > 0).all()
    assert (climbed > unasked + 0.05).all()


def test_the_prior_draws_codes_to_those_of_pictures(trained: Ppgn) -> None:
    """E(G(h)) - h shrinks by it, and with the condition alone it does not shrink so far."""
    ends: dict[str, Tensor] = {}

    def noted(name: str) -> Callable[..., None]:
        def note(net: nn.Module, given: tuple[Tensor, ...]) -> None:
            ends[name] = given[0] * trained.scale.deviation

        return note

    gaps = {}
    for name, knobs in {"prior": {"condition": 0.0}, "condition": {"prior": 0.0}}.items():
        hook = trained.generator.register_forward_pre_hook(noted(name))
        drawn(trained, [RED], [3], steps=40, every=40, **knobs)
        hook.remove()
        nets = trained.nets.inversion
        with torch.no_grad():
            gaps[name] = float((nets.encode(nets.generate(ends[name])) - ends[name]).abs().mean())
    assert gaps["prior"] < 0.7 * gaps["condition"]


def test_a_row_is_bitwise_the_same_alone_as_among_others(trained: Ppgn) -> None:
    """Whatever the others ask and however long their sentences are: a climb makes much of the last bit."""
    hole = Picture.of(photo(), mask(), BLUE)
    rows: list[tuple[Request, Any]] = [
        (RED, 1), (Blend(RED, BLUE, 0.5), 2), (hole, 3), (Caption("red"), 4), (BLUE, 5), (RED, (1, 2, 0.5)),
    ]  # fmt: skip
    among = images(drawn(trained, [request for request, _ in rows], [seed for _, seed in rows], steps=20))
    for row, (request, seed) in enumerate(rows):
        assert torch.equal(among[row], images(drawn(trained, [request], [seed], steps=20))[0])


def test_drafts_come_every_so_many_steps_and_at_the_end(trained: Ppgn) -> None:
    drafts = drawn(trained, [RED], [1], steps=7, every=3)
    assert [draft.note for draft in drafts] == ["step 3", "step 6", "step 7"]
    assert [draft.progress for draft in drafts] == [3 / 7, 6 / 7, 1]
    every = list(trained.sample([RED], change(trained.Knobs(), {"steps": 7, "every": 3}), RowNoise([1])))
    assert len(every) == 7, "between them it can be stopped after any step"


def test_a_restart_ends_no_less_likely(trained: Ppgn) -> None:
    (one,), (more,) = (
        trained.request_log_likelihood(images(drawn(trained, [RED], [1], steps=steps, restart=restart)), [RED])
        for steps, restart in ((10, 0), (30, 10))
    )
    assert more >= one


def test_the_studio_draws_the_same_bits_as_everyone_else(trained: Ppgn, tmp_path: Path) -> None:
    """And no copies of it to fill up a batch."""
    artist = Artist(trained, {"system": "ppgn", "sha256": {"weights.safetensors": "0"}}, "ppgn", tmp_path)
    knobs, seen = artist.knobs({"steps": 20}), []
    (own,) = artist.draw(RED, seed=7, knobs={"steps": 20})

    async def queued() -> list[Any]:
        queue = ArtistQueue(artist, 16, 64, None, Metrics())
        queue.open()
        hook = trained.encoder.trunk.register_forward_pre_hook(lambda net, given: seen.append(len(given[0])))
        try:
            return await asyncio.gather(queue.draw([(RED, 7)], knobs), queue.draw([(BLUE, 8)], knobs))
        finally:
            await queue.close()
            hook.remove()

    (drawn,), _ = asyncio.run(queued())
    assert drawn.image.tobytes() == own.tobytes()
    assert set(seen) == {4}
    assert len(seen) <= 2 * 20


# Another condition


def test_another_condition_takes_the_captioners_place_untrained(trained: Ppgn, data: Dataset) -> None:
    other = learnt(data, 20)
    torch.manual_seed(5)
    for parameter in other.captioner.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    system = learnt(data, 20)
    own = images(drawn(system, [RED], [1], steps=20))
    state = {name: value.clone() for name, value in system.state_dict().items()}
    before = other.caption_log_likelihood(own, [RED])
    system.climb_by(other)
    swapped = images(drawn(system, [RED], [1], steps=20))
    assert not torch.equal(own, swapped)
    assert other.caption_log_likelihood(swapped, [RED]) > before
    assert system.state_dict().keys() == state.keys()  # it is no part of what a checkpoint holds
    assert all(torch.equal(value, state[name]) for name, value in system.state_dict().items())


def test_classes_of_a_judge_are_climbed_by_attributes(trained: Ppgn, data: Dataset) -> None:
    torch.manual_seed(0)
    judge = Judge(change(Judge.presets["small"], {"size": 32, "widths": (8, 8), "features": 16}), data.schema).eval()
    system = learnt(data, 20)
    system.climb_by(judge)
    name, values = next(iter(data.schema.attributes.items()))
    asked: list[Request] = [Attributes({name: values[0]})]
    drafts = drawn(system, asked, [1], steps=60, every=1, prior=0.0)
    first, last = (
        judge.request_log_likelihood(F.interpolate(draft.images, 32, mode="bilinear", antialias=True), asked)
        for draft in (drafts[0], drafts[-1])
        if draft.images is not None
    )
    assert last > first
    assert system.kinds[0] is Attributes
    with pytest.raises(UserError, match=r"the judge knows no nose: 'long'"):
        drawn(system, [Attributes({"nose": "long"})], [1])


def test_a_judges_likelihood_by_hand(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    judge = Judge(change(Judge.presets["small"], {"size": 16, "widths": (8, 8), "features": 16}), data.schema).eval()
    (one, first), (two, second), *_ = data.schema.attributes.items()
    logits = [torch.zeros(2, len(values)) for values in judge.values.values()]
    logits[list(judge.values).index(two)][1, 0] = 1.0
    monkeypatch.setattr(judge, "attribute_logits", lambda features: logits)
    asked = [Attributes({one: first[0]}), Attributes({one: first[1], two: second[0]})]
    found = judge.request_log_likelihood(torch.zeros(2, 3, 16, 16), asked)
    e = np.e
    by_hand = [-np.log(len(first)), -np.log(len(first)) + np.log(e / (e + len(second) - 1))]
    assert_close(found, torch.tensor(by_hand, dtype=found.dtype))


def test_mirrorgans_captioner_can_be_climbed_by(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> None:
    mirror = MirrorGan(MirrorGan.presets["tiny"], data.schema).eval()
    x = torch.randn(1, 3, 32, 32, requires_grad=True)
    found = mirror.request_log_likelihood(x, [RED])
    words = len(data.schema.lexicon.ids(RED.text)) + 1
    assert_close(found, mirror.caption_log_likelihood(x, [RED]) * words)
    assert torch.autograd.grad(found.sum(), x)[0].abs().max() > 0


def test_what_recognises_nothing_is_no_condition(data: Dataset) -> None:
    other = DCGAN(DCGAN.presets["tiny"], data.schema)
    with pytest.raises(UserError, match="DCGAN recognises nothing, so nothing climbs by it: plug in a captioner"):
        make(data).climb_by(other)
    with pytest.raises(UserError, match="DCGAN does not climb, so no other condition can be put into it"):
        other.climb_by(make(data))


# Pictures and styles


def photo(seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8))


def mask() -> Image.Image:
    half = Image.new("L", (16, 16), 255)
    half.paste(0, (4, 4, 12, 12))
    return half


def test_known_pixels_stay_in_every_draft_and_the_hole_changes(trained: Ppgn) -> None:
    request = Picture.of(photo(), mask(), RED)
    given = given_pictures([request], 16, "cpu")
    known = given.known.bool().expand(1, 3, 16, 16)
    drafts = drawn(trained, [request], [1], steps=12, every=4)
    for draft in drafts:
        assert draft.images is not None
        assert torch.equal(draft.images[known], given.pixels[known])
    assert not torch.equal(images(drafts)[~known], images(drafts[:1])[~known])
    other = images(drawn(trained, [Picture.of(photo(), mask(), BLUE)], [1], steps=12))
    assert not torch.equal(other[~known], images(drafts)[~known])


def test_the_context_pulls_the_hidden_picture_to_what_is_known(trained: Ppgn) -> None:
    """What the generator draws under the known pixels is nearer to them with epsilon 4 than without."""
    request, gaps = Picture.of(photo(), mask(), None), []
    given = given_pictures([request], 16, "cpu")
    for context in (0.0, 1.0):
        seen: list[Tensor] = []
        hook = trained.generator.register_forward_hook(lambda *parts, seen=seen: seen.append(parts[-1].detach()))
        drawn(trained, [request], [1], steps=60, every=60, context=context, prior=0.0)
        hook.remove()
        gaps.append(float(((seen[-1][:1] - given.pixels) * given.known).square().sum()))
    assert gaps[1] < 0.8 * gaps[0]


def test_a_climb_starts_from_a_picture(trained: Ppgn, data: Dataset) -> None:
    """With steps of no size it is what G makes of the picture's code; of noise it is something else."""
    pixels = data.pictures([0])[0].permute(1, 2, 0).numpy()
    request = Picture.of(Image.fromarray(pixels), None, RED)
    still = images(drawn(trained, [request], [1], rate=0.0))
    nets = trained.nets.inversion
    real = torch.from_numpy(pixels).permute(2, 0, 1)[None].float().div(127.5).sub(1)
    with torch.no_grad():
        back = nets.generate(nets.encode(real))
    assert_close(still, back, atol=0.02, rtol=0)
    assert (still - images(drawn(trained, [RED], [1], rate=0.0))).abs().max() > 0.02


def test_the_style_of_a_picture_is_its_code(trained: Ppgn, data: Dataset) -> None:
    real = data.pictures([3]).float().div(127.5).sub(1)
    style = trained.style(real)
    assert_close(style, trained.nets.inversion.encode(real))
    begun = images(drawn(trained, [RED], [Style(tuple(style[0].tolist()))], rate=0.0))
    with torch.no_grad():
        assert_close(begun, trained.nets.inversion.generate(style), atol=0.02, rtol=0)


def test_it_describes_pictures(trained: Ppgn, data: Dataset) -> None:
    said = trained.describe(data.pictures(range(3)).float().div(127.5).sub(1))
    assert len(said) == 3 and set(" ".join(said).split()) <= set(data.schema.lexicon.words)


def test_it_is_not_exported_since_a_climb_is_a_loop(trained: Ppgn) -> None:
    assert trained.exports() == {}
