"""ChatPainter: what is said changes what is drawn, in the order it is said where the encoder is recurrent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.testing import assert_close

from limner.blocks.losses.matching_aware import DiscriminatorScores
from limner.blocks.two_stages import CODE
from limner.data.dataset import Dataset
from limner.data.schema import Lexicon, Schema
from limner.data.views import Dialogues
from limner.errors import UserError
from limner.noise import RowNoise
from limner.requests import Blend, Caption, Dialogue, Request
from limner.settings import change
from limner.system import Clock, Draft, Phase
from limner.systems.chatpainter import ChatPainter, JoinedDialogue, RecurrentDialogue, TurnTable, said
from scored import Scored, colours, softplus
from toy import shapes

START = Clock(seen=0, total=1, step=1)
COLOUR, SHAPE, GROUND = ("what colour is it", "red"), ("what shape", "bar"), ("is the ground black", "yes")
ASKED = Dialogue("a red bar", (COLOUR, SHAPE, GROUND))
every = pytest.mark.parametrize("kind", ["none", "joined", "recurrent"])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("chatpainter") / "shapes", 32)


def make(data: Dataset, **changes: Any) -> ChatPainter:
    torch.manual_seed(0)
    system = ChatPainter(change(ChatPainter.presets["tiny"], changes), data.schema)
    system.eval().requires_grad_(False)
    system.fill_tables(data)
    return system


def batch_of(data: Dataset, count: int = 8) -> Dialogues:
    return Dialogues.gather(data, range(count), np.random.default_rng(0)).to("cpu")


def drafts(system: ChatPainter, *requests: Request, **knobs: Any) -> list[Draft]:
    return list(system.sample(requests, system.Knobs(**knobs), RowNoise(range(len(requests)))))


def drawn(system: ChatPainter, request: Request) -> Tensor:
    found = drafts(system, request)[-1].images
    assert found is not None
    return found


def stages(system: ChatPainter) -> list[Phase]:
    return system.phases()[2:]


@pytest.mark.parametrize("kind", ["joined", "recurrent"])
def test_what_is_said_changes_what_is_drawn(data: Dataset, kind: str) -> None:
    system = make(data, dialogue=kind)
    whole, fewer = drawn(system, ASKED), drawn(system, Dialogue("a red bar", (COLOUR,)))
    other = drawn(system, Dialogue("a red bar", (("what colour is it", "blue"), SHAPE, GROUND)))
    none = drawn(system, Dialogue("a red bar"))
    pictures = [whole, fewer, other, none]
    assert all(not torch.equal(a, b) for i, a in enumerate(pictures) for b in pictures[:i])
    assert torch.equal(none, drawn(system, Caption("a red bar")))


def test_without_a_reader_of_dialogues_they_change_nothing_and_that_is_said(data: Dataset) -> None:
    system = make(data, dialogue="none")
    assert torch.equal(drawn(system, ASKED), drawn(system, Caption("a red bar")))
    assert system.remarks([ASKED]) == ["this artist reads captions alone: questions and answers change nothing"]
    assert not system.remarks([Caption("a red bar")]) and not make(data).remarks([ASKED])


def test_the_order_of_turns_matters_to_the_recurrent_encoder(data: Dataset) -> None:
    system = make(data)
    one, other = (system.encode([Dialogue("a", turns)])[0, 0] for turns in ((COLOUR, SHAPE), (SHAPE, COLOUR)))
    assert torch.equal(one[:32], other[:32]) and not torch.allclose(one[32:], other[32:], atol=1e-4)


def test_a_joined_dialogue_is_the_vector_of_one_text(data: Dataset) -> None:
    system = make(data, dialogue="joined")
    (code,) = system.turn_standard(system.text.sentence(["what colour is it? red what shape? bar"]))
    assert_close(system.encode([Dialogue("a", (COLOUR, SHAPE))])[0, 1, 32:], functional.layer_norm(code, (32,)))
    far = JoinedDialogue()(1000 * code[None, None], torch.tensor([1]))  # a short dialogue far from whole ones
    assert far.norm().item() == pytest.approx(32**0.5, rel=1e-3)


def test_both_directions_end_where_the_turns_end() -> None:
    """The last state of either direction, by hand: forwards after the last turn, backwards after the first."""
    torch.manual_seed(0)
    reader, turns = RecurrentDialogue(6), torch.randn(2, 4, 6)
    found = reader(turns, torch.tensor([3, 0]))
    states, _ = reader.recur(turns[:1, :3])  # (1, 3, 6)
    assert_close(found[0], torch.cat([states[0, 2, :3], states[0, 0, 3:]]))
    assert not found[1].any()  # nothing was said


@pytest.mark.parametrize("kind", ["joined", "recurrent"])
def test_what_pads_a_dialogue_never_matters(data: Dataset, kind: str) -> None:
    system = make(data, dialogue=kind)
    short = Dialogue("a red bar", (COLOUR,))
    alone, beside = system.encode([short]), system.encode([short, ASKED, Caption("a red bar")])
    assert_close(beside[0], alone[0])
    assert not beside[2, :, 32:].any()
    reader, turns = system.readers[0], torch.randn(1, 5, 32)
    other = turns.clone()
    other[:, 1:] += 1
    assert_close(reader(turns, torch.tensor([1])), reader(other, torch.tensor([1])))


def test_a_fifth_of_the_rows_lose_a_random_tail(data: Dataset) -> None:
    rows = torch.arange(data.length()).repeat(400)
    lengths = torch.tensor([len(turns) for turns in data.dialogues(range(data.length()))]).repeat(400)
    torch.manual_seed(0)
    _, counts = make(data).draw_turns(rows)
    assert 0.18 < (counts < lengths).float().mean() < 0.22
    assert set(counts[(lengths == 3) & (counts < 3)].tolist()) == {0, 1, 2}
    joined = make(data, dialogue="joined")
    turns, counts = joined.draw_turns(rows)
    whole = joined.turn_standard(joined.table.vectors[joined.table.places[rows, 0]])
    shortened = (turns[:, 0] - whole).abs().amax(dim=1) > 1e-6
    assert 0.18 < shortened.float().mean() < 0.22 and set(counts.tolist()) == {0, 1}


def test_drawn_turns_are_those_of_their_rows(data: Dataset) -> None:
    system = make(data)
    torch.manual_seed(0)
    turns, counts = system.draw_turns(torch.arange(4))
    for row, dialogue in enumerate(data.dialogues(range(4))):
        own = system.turn_standard(system.text.sentence(said(dialogue)))
        assert_close(turns[row, : counts[row]], own[: counts[row]], atol=1e-4, rtol=1e-4)
        assert not turns[row, counts[row] :].any()


def test_each_text_is_encoded_once() -> None:
    class Lengths(nn.Module):
        width = 1

        def __init__(self) -> None:
            super().__init__()
            self.calls: list[list[str]] = []
            self.weight = nn.Parameter(torch.zeros(()))

        def sentence(self, texts: list[str]) -> Tensor:
            self.calls.append(list(texts))
            return torch.tensor([[float(len(text))] for text in texts])

    encoder, table = Lengths(), TurnTable()
    table.fill(encoder, [["a", "bb"], ["bb"], [], ["", "ccc"]])  # type: ignore[arg-type]
    assert encoder.calls == [["a", "bb", "ccc"]]
    assert table.vectors[table.places].squeeze(2).tolist() == [[1, 2], [2, 0], [0, 0], [0, 3]]
    assert table.counts.tolist() == [2, 1, 0, 1]
    table.fill(encoder, [[""], []])  # type: ignore[arg-type]
    assert table.vectors[table.places].tolist() == [[[0]], [[0]]]


def test_critics_see_the_lstm_detached_and_the_generator_teaches_it(data: Dataset) -> None:
    system = make(data)
    seen: list[Tensor] = []
    for stage, (reader, critic, step) in enumerate(
        ((system.readers[0], system.critic_i, system.step_i), (system.readers[1], system.critic_ii, system.step_ii))
    ):
        system.requires_grad_(False)
        for module in (reader, critic, system.generator):
            module.requires_grad_(True)
        judge = critic.judge
        critic.judge = lambda features, text, judge=judge: (seen.append(text), judge(features, text))[1]  # type: ignore
        moves = step(batch_of(data), START)
        next(moves).loss.backward()
        assert all(p.grad is None for p in reader.parameters())
        assert all(p.grad is None for p in system.readers[1 - stage].parameters())
        next(moves).loss.backward()
        assert all(p.grad is not None and p.grad.any() for p in reader.parameters())
        assert (stage == 1) == all(p.grad is not None for p in system.generator.refiner.parameters())
        system.zero_grad(set_to_none=True)
    assert len(seen) == 2 * 4 and not any(text.requires_grad for text in seen)


def test_the_first_stage_and_its_reader_rest_while_the_second_learns(data: Dataset) -> None:
    system = make(data)
    first, second = stages(system)
    assert list(first.players["generator"].modules) == [system.generator.sketcher, system.readers[0]]
    assert list(second.players["generator"].modules) == [system.generator.refiner, system.readers[1]]
    system.requires_grad_(True)
    *_, last = system.step_ii(batch_of(data), START)
    last.loss.backward()
    assert all(p.grad is None for module in (system.generator.sketcher, system.readers[0]) for p in module.parameters())


def test_mismatched_pictures_are_those_of_the_view(data: Dataset) -> None:
    system, batch = make(data, kit=()), batch_of(data)
    asked: list[Tensor] = []
    system.critic_i.features = lambda images: images.mean(dim=(1, 2, 3))  # type: ignore[method-assign]
    system.critic_i.judge = lambda features, text: (asked.append(features), features)[1]  # type: ignore
    next(iter(system.step_i(batch, START)))
    right, _, mismatched = asked
    assert torch.equal(mismatched, right[batch.wrong]) and not torch.equal(mismatched, right)


def test_the_discriminators_loss_by_hand(data: Dataset) -> None:
    """A right pair weighs 1, a generated and a mismatched one 1/2; a logit is colour plus text."""
    phi, wrong = torch.tensor([[1.0], [-2.0]]), torch.tensor([1, 0])
    found = make(data).discriminator_loss(Scored(), colours(2, 3), colours(-1, 0.5), phi, wrong, step=1)
    right, mismatched, generated = (3.0, 1.0), (4.0, 0.0), (0.0, -1.5)
    fakes = sum(softplus(s) for s in (*mismatched, *generated)) / 2
    assert found.loss.item() == pytest.approx((sum(softplus(-s) for s in right) + fakes) / 2)


def test_the_generators_loss_by_hand(data: Dataset) -> None:
    """-log D plus 2 times the mean KL of a code's numbers, 0.5^2 / 2 each."""
    phi, gaussian = torch.tensor([[1.0], [-2.0]]), (torch.full((2, CODE), 0.5), torch.zeros(2, CODE))
    scores = DiscriminatorScores(torch.zeros(()), {}, None, None)
    loss, log = make(data).generator_loss(Scored(), colours(-1, 0.5), gaussian, phi, scores)
    assert loss.item() == pytest.approx((softplus(0.0) + softplus(1.5)) / 2 + 2 * 0.125)
    assert log["divergence"].item() == pytest.approx(0.125)


def test_what_is_learnt_to_read_is_captions_turns_and_with_a_switch_whole_dialogues(data: Dataset) -> None:
    batch = batch_of(data)
    for long in (False, True):
        system, kinds = make(data, long=long), set()
        torch.manual_seed(0)
        for _ in range(12):
            read = system.read_anything(batch)
            for text, captions, turns, own in zip(read.texts, batch.captions, batch.turns, read.captions, strict=True):
                whole = " ".join(said(turns))
                kinds.add("caption" if text in captions else "turn" if text in said(turns) else "whole")
                assert text in (*captions, *said(turns), whole) and set(own) == {*captions, *said(turns), whole}
        assert kinds == ({"caption", "turn", "whole"} if long else {"caption", "turn"})


def test_turn_by_turn_draws_after_each_turn_and_ends_the_same(data: Dataset) -> None:
    system = make(data)
    short = Dialogue("a red bar", (COLOUR,))
    found = drafts(system, ASKED, short, turn_by_turn=True)
    assert [one.note for one in found] == [f"after {count} turns" for count in range(4)]
    assert [one.progress for one in found] == [0.25, 0.5, 0.75, 1]
    pictures = [one.images for one in found]
    for count, picture in enumerate(pictures):
        assert_close(picture[:1], drawn(system, Dialogue("a red bar", ASKED.turns[:count])), atol=1e-4, rtol=1e-4)
        said_by_then = short.turns[:count]  # of one turn, so nothing changes after the first
        assert_close(
            picture[1:], drafts(system, ASKED, Dialogue("a red bar", said_by_then))[-1].images[1:], atol=1e-3, rtol=0
        )
    assert_close(pictures[-1], drafts(system, ASKED, short)[-1].images, atol=1e-4, rtol=1e-4)
    assert len(drafts(make(data, dialogue="none"), ASKED, turn_by_turn=True)) == 1


def test_between_two_dialogues_lie_their_codes(data: Dataset) -> None:
    system = make(data)
    other = Dialogue("a blue circle", (("what colour is it", "blue"),))
    noise = RowNoise([1]).normal(100 + 2 * CODE)
    *_, final = system.draw(noise, system.encode([ASKED]).lerp(system.encode([other]), 0.25))
    *_, found = system.sample([Blend(ASKED, other, 0.25)], system.Knobs(), RowNoise([1]))
    assert_close(found.images, final.images, atol=1e-4, rtol=1e-4)


def test_words_of_turns_are_known_and_unknown_ones_named(data: Dataset) -> None:
    system = make(data)
    assert "what" not in data.schema.lexicon.words and not system.unknown_words([ASKED])
    asked = Dialogue("a balck bar", (("what zzzz is it", "grean"),))
    assert system.unknown_words([asked]) == {"balck": "black", "zzzz": None, "grean": "green"}


def test_a_dialogue_longer_than_is_read_is_remarked_on(data: Dataset) -> None:
    many = Dialogue("a red bar", (COLOUR,) * 40)
    (line,) = make(data, dialogue="joined").remarks([many])
    assert line == "of a dialogue its first 128 words are read, and this one has 200"
    assert drawn(make(data), many).shape == (1, 3, 32, 32)  # turn by turn, all are read


@every
def test_a_resumed_run_finds_the_same_vectors(data: Dataset, kind: str) -> None:
    system = make(data, dialogue=kind)
    before = system.table.vectors, system.turn_standard.centre.clone()
    system.table = TurnTable()
    system.restore_tables(data)
    assert torch.equal(system.table.vectors, before[0]) and torch.equal(system.turn_standard.centre, before[1])


def test_settings_that_make_no_sense_are_refused() -> None:
    config = ChatPainter.presets["tiny"]
    for changes, says in (
        ({"first": 32}, "a sketch is smaller than the picture"),
        ({"text_width": 31}, "an even number"),
    ):
        with pytest.raises(UserError, match=says):
            change(config, changes)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.slow
def test_the_papers_scale_is_built_and_takes_a_step(tmp_path: Path) -> None:
    """The preset `paper`, on two pictures: 256 pixels, ten turns; sizes as they follow from StackGAN's for COCO."""
    torch.manual_seed(0)
    schema = Schema(256, Lexicon(("red", "bar")), spoken=Lexicon(("what", "colour")), turns=10)
    system = ChatPainter(ChatPainter.presets["paper"], schema)
    assert count(system.readers[0]) == 2 * 4 * (1024 * 512 + 512 * 512 + 2 * 512)
    g, code = 192, 2048 * 256 + 256  # Conditioning Augmentation of caption and dialogue, 1,024 numbers each
    first, wide = 8 * g, 4 * g
    start = (100 + 128) * first * 16 + 3 * first * 16  # linear with biases, batch norm
    residuals = sum(w * n + 9 * n * n + 9 * n * w + 2 * (2 * n + w) for w, n in ((first, first // 4), (wide, g)))
    doublings = sum(9 * 2 * w * w + 2 * w for w in (wide, 2 * g, g))
    assert count(system.generator.sketcher) == code + start + residuals + doublings + 9 * g * 3
    look = 3 * g * 9 + g * 2 * g * 16 + 4 * g + 2 * g * wide * 16 + 2 * wide
    join = (wide + 128) * wide * 9 + 2 * wide + 2 * (2 * 9 * wide * wide + 4 * wide)
    doublings = sum(9 * 2 * w * w + 2 * w for w in (2 * g, g, g // 2, g // 4))
    assert count(system.generator.refiner) == code + look + join + doublings + 9 * (g // 4) * 3
    images = torch.rand(2, 3, 256, 256) * 2 - 1
    rows = torch.arange(2)
    turns, captions = ((COLOUR,) * 10, (SHAPE,) * 9), (("red",), ("bar",))
    labels = torch.full((2,), -1)
    batch = Dialogues(images, captions, ("red", "bar"), rows, rows.flip(0), labels, torch.empty(2, 0), turns)
    system.sentences.vectors, system.sentences.places = torch.randn(2, 1024), rows
    system.sentences.counts, system.sentences.starts = torch.ones(2), rows
    system.table.vectors, system.table.places = torch.randn(3, 1024), torch.tensor([[0] * 10, [1] * 9 + [2]])
    system.table.counts = torch.tensor([10, 9])
    for step in (system.step_i, system.step_ii):
        for update in step(batch, START):
            assert torch.isfinite(update.loss)
            update.loss.backward()
            system.zero_grad(set_to_none=True)
