import math
from collections.abc import Sequence

import pytest
import torch
from torch.testing import assert_close

from limner.blocks.losses.joint_embedding import (
    contrast,
    contrastive,
    retrieval_accuracy,
    same_meaning,
    structured_hinge,
    structured_joint_embedding,
)
from limner.blocks.text.char_cnn_rnn import CharCnnRnn
from limner.blocks.text.encoders import WordEncoder
from limner.blocks.vision.encoders import ImageEncoder
from limner.data.schema import Lexicon
from limner.data.views import Pairs, partners
from limner.system import Clock, Phase

COLOURS = {"red": (1.0, -1.0, -1.0), "green": (-1.0, 1.0, -1.0), "blue": (-1.0, -1.0, 1.0), "white": (1.0, 1.0, 1.0)}
APART = torch.eye(4, dtype=torch.bool)


def pairs(captions: Sequence[tuple[str, ...]], labels: Sequence[int] | None = None) -> Pairs:
    """Pictures filled with the colour that the first caption ends with."""
    labels = labels or [-1] * len(captions)
    fills = torch.tensor([COLOURS[many[0].split()[-1]] for many in captions])
    return Pairs(
        images=fills[:, :, None, None].expand(-1, -1, 16, 16) + 0.1 * torch.randn(len(captions), 3, 16, 16),
        captions=tuple(captions),
        texts=tuple(many[0] for many in captions),
        rows=torch.arange(len(captions)),
        wrong=torch.tensor(partners(captions, labels)),
        labels=torch.tensor(labels),
        attributes=torch.empty(len(captions), 0, dtype=torch.long),
    )


def test_hinge_with_all_codes_zero() -> None:
    for count in (2, 4, 7):
        zero = torch.zeros(count, 3)
        same = torch.eye(count, dtype=torch.bool)
        assert_close(structured_hinge(zero, zero, same), torch.tensor(2 * (count - 1) / count))


def test_hinge_by_hand() -> None:
    v, t = torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0], [0.5]])
    # s = [[1, .5], [2, 1]]: (1 + .5 - 1) + (1 + 2 - 1) for row 0, (1 + 2 - 1) + (1 + .5 - 1) for row 1; over 4
    assert_close(structured_hinge(v, t, torch.eye(2, dtype=torch.bool)), torch.tensor((0.5 + 2 + 2 + 0.5) / 4))


def test_hinge_is_zero_when_the_margin_holds() -> None:
    v = 2 * torch.eye(4)
    assert structured_hinge(v, v, APART) == 0


def test_contrast_by_hand() -> None:
    equal, sharp = torch.ones(4, 3), torch.tensor(0.0)
    assert_close(contrast(equal, equal, APART, sharp), torch.tensor(math.log(4)))
    v, ten = torch.eye(4), torch.tensor(math.log(10.0))
    assert_close(contrast(v, v, APART, ten), torch.tensor(math.log(1 + 3 * math.exp(-10))), atol=1e-6, rtol=1e-4)


def test_equal_rows_are_no_negatives() -> None:
    codes = torch.ones(4, 3)
    all_same = torch.ones(4, 4, dtype=torch.bool)
    assert structured_hinge(codes, codes, all_same) == 0
    assert_close(contrast(codes, codes, all_same, torch.tensor(2.0)), torch.tensor(0.0))


def test_who_is_alike() -> None:
    batch = pairs([("a red",), ("red", "a red"), ("white",), ("blue",)])
    expected = APART.clone()
    expected[0, 1] = expected[1, 0] = True  # the text of 0 is said of 1, too
    assert torch.equal(same_meaning(batch), expected)
    batch = pairs([("red",), ("green",), ("white",), ("blue",)], labels=[3, 3, 1, -1])
    expected = APART.clone()
    expected[0, 1] = expected[1, 0] = True
    assert torch.equal(same_meaning(batch), expected)


def test_matched_counts_right_answers() -> None:
    v = torch.eye(4)
    assert retrieval_accuracy(v, v, APART) == 1
    assert retrieval_accuracy(v, v.roll(1, 0), APART) == 0
    assert retrieval_accuracy(v, v[[0, 1, 3, 2]], APART) == 0.5


def play(phase: Phase, batches: Sequence[Pairs]) -> list[float]:
    (name, player), losses = next(iter(phase.players.items())), []
    assert phase.step is not None
    optimiser = player.optimiser([p for module in player.modules for p in module.parameters()])
    for number, batch in enumerate(batches):
        for update in phase.step(batch, Clock(seen=0, total=1, step=number)):
            assert update.player == name
            optimiser.zero_grad()
            update.loss.backward()
            optimiser.step()
            losses.append(update.loss.item())
    return losses


@pytest.mark.parametrize("loss", ["structured", "contrastive"])
@pytest.mark.parametrize("reads", ["letters", "words"])
def test_reading_is_learnt(loss: str, reads: str) -> None:
    torch.manual_seed(0)
    captions = [(f"{much} {colour}",) for colour in COLOURS for much in ("very", "a bit of")]
    lexicon = Lexicon.of([text for many in captions for text in many])
    text = CharCnnRnn.cvpr(64) if reads == "letters" else WordEncoder(lexicon, 16, embedding=16, hidden=16)
    vision = ImageEncoder(16, text.width, base=8)
    learn = structured_joint_embedding if loss == "structured" else contrastive
    phase = learn(text, vision, images=400, batch=4)
    batches = [pairs(captions[::2] if k % 2 else captions[1::2]) for k in range(80)]
    losses = play(phase, batches)
    assert losses[-1] < 0.5 * losses[0]
    assert phase.check is not None
    modes = [module.training for module in (text, vision)]
    assert phase.check(batches[0])["matched"] == 1
    assert modes == [module.training for module in (text, vision)]


def test_rate_of_the_paper_falls_by_two_per_cent_a_round() -> None:
    text = WordEncoder(Lexicon(()), 8)
    schedule = structured_joint_embedding(text, ImageEncoder(16, 8), images=10).players["embedding"].schedule
    assert schedule(0.0) == 1
    assert schedule(1 / 200 + 1e-9) == pytest.approx(0.98)
    assert schedule(1.0) == pytest.approx(0.98**200)


@pytest.mark.parametrize("size", [16, 32, 48, 64, 76])
def test_pictures_of_any_side_are_seen(size: int) -> None:
    assert ImageEncoder(size, 8, base=4)(torch.zeros(2, 3, size, size)).shape == (2, 8)
