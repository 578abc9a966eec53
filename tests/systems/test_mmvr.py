"""MMVR: the weight by n-grams by hand, several sentences, both together, pictures that say what they show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from limner import checkpoint
from limner.data.dataset import Dataset
from limner.errors import UserError
from limner.imaging import answers
from limner.noise import RowNoise
from limner.requests import Blend, Caption, Picture, Request
from limner.settings import change
from limner.system import Draft
from limner.systems.mmvr import Mmvr, lines_of
from limner.systems.ppgn import Ppgn
from toy import shapes

RED, BLUE = Caption("a red circle on black"), Caption("a blue bar on white")
NETS = ("text", "encoder", "scale", "eye", "captioner", "generator", "critic")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("mmvr") / "shapes", 16)


@pytest.fixture(scope="module")
def system(data: Dataset) -> Mmvr:
    torch.manual_seed(0)
    made = Mmvr(Mmvr.presets["tiny"], data.schema)
    made.nets.inversion.measure(data)
    return made.eval().requires_grad_(False)


def drawn(system: Any, requests: list[Request], seeds: list[Any], **knobs: Any) -> list[Draft]:
    drafts = system.sample(requests, change(system.Knobs(), {"steps": 6, "every": 3} | knobs), RowNoise(seeds))
    return [draft for draft in drafts if draft.images is not None or draft.text is not None]


def images(drafts: list[Draft]) -> Tensor:
    assert drafts[-1].images is not None
    return drafts[-1].images


def saying(system: Mmvr, monkeypatch: pytest.MonkeyPatch, guesses: dict[str, str]) -> None:
    """Let the captioner guess this of each sentence, whatever the picture, with log p = the sum of pixels."""

    def scored(pictures: Tensor, texts: list[str]) -> tuple[Tensor, list[str], list[str]]:
        return pictures.flatten(1).sum(dim=1), [guesses[text] for text in texts], list(texts)

    monkeypatch.setattr(type(system.nets), "scored", lambda _, pictures, texts: scored(pictures, texts))


@pytest.mark.parametrize(
    ("ngram", "weight"),
    [
        (0, 1.0),
        (1, 2 / 3 + 0.1),  # of "a red cat" two words of three are in "a red hat"
        (2, ((2 / 3) * (2 / 3)) ** (1 / 2) + 0.1),  # of its two pairs one is, each side one more
        (3, ((2 / 3) * (2 / 3) * (1 / 2)) ** (1 / 3) + 0.1),
        (4, ((2 / 3) * (2 / 3) * (1 / 2) * 1) ** (1 / 4) + 0.1),
    ],
)
def test_the_gradient_is_multiplied_by_bleu_n(
    ngram: int, weight: float, system: Mmvr, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand; BLEU-2 to 4 are not BLEU-1, as in the authors' code."""
    saying(system, monkeypatch, {"a red hat": "a red cat"})
    x = torch.zeros(1, 3, 2, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(system.condition(x, [Caption("a red hat")], ngram).sum(), x)
    assert_close(gradient, torch.full((1, 3, 2, 2), weight))


def test_a_sentence_of_which_nothing_is_said_still_pulls(system: Mmvr, monkeypatch: pytest.MonkeyPatch) -> None:
    saying(system, monkeypatch, {"a red hat": "dog", "dog": "dog"})
    x = torch.zeros(2, 3, 2, 2, requires_grad=True)
    asked = [Caption("a red hat"), Caption("dog")]
    (gradient,) = torch.autograd.grad(system.condition(x, asked, 1).sum(), x)
    assert_close(gradient[:, 0, 0, 0], torch.tensor([0.1, 1.1]))


def test_what_agrees_more_is_pulled_more_beside_the_prior(system: Mmvr, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step is normalised afterwards, so the weight is one of the condition against the prior."""
    from limner.blocks.latent.climb import delta

    knobs = change(system.Knobs(), {"prior": 0.5})
    directions = []
    for said in ("dog", "a red hat"):
        saying(system, monkeypatch, {"a red hat": said})
        (hill,) = system.hills([Caption("a red hat")], knobs)
        h = torch.rand(4, 64, generator=torch.Generator().manual_seed(0))
        unasked = delta(hill, h, change(knobs, {"condition": 0.0}))
        directions.append(delta(hill, h, knobs) - unasked)
    assert_close(directions[1], directions[0] * 11, rtol=1e-3, atol=1e-6)  # 1.1 to 0.1


def test_the_captioner_guesses_each_word_after_the_true_ones(system: Mmvr, data: Dataset) -> None:
    x = torch.randn(2, 3, 16, 16)
    texts = [RED.text, "a blue"]
    logs, guesses, read = system.nets.scored(x, texts)
    assert_close(logs, system.request_log_likelihood(x, [Caption(text) for text in texts]))
    assert read == texts
    captioner, features = system.captioner, system.nets.features(x)
    for row, text in enumerate(texts):
        logits, ids, mask = captioner._logits(features[row : row + 1], [text], 1)
        expected = captioner._words(logits.argmax(dim=2)[0, : int(mask.sum())].tolist())
        assert guesses[row] == expected
        assert len(guesses[row].split()) <= len(ids[0])


def test_lines_are_sentences_of_one_meaning_and_shares_weigh_blends() -> None:
    two = Caption("a red circle\n\n on black ")
    assert lines_of([(two, 1.0)]) == [(Caption("a red circle"), 0.5), (Caption(" on black "), 0.5)]
    assert lines_of([(two, 0.5), (BLUE, 0.5)])[-1] == (BLUE, 0.5)


def test_gradients_of_several_sentences_are_averaged(system: Mmvr) -> None:
    knobs = change(system.Knobs(), {"ngram": 0})
    x = torch.randn(4, 3, 16, 16)
    (both,) = system.hills([Caption(f"{RED.text}\n{BLUE.text}")], knobs)
    red, blue = (system.request_log_likelihood(x, [one] * 4) for one in (RED, BLUE))
    assert_close(both.likelihood(x), (red + blue) / 2)
    (blended,) = system.hills([Blend(RED, BLUE, 0.5)], knobs)
    assert_close(blended.likelihood(x), (red + blue) / 2)


def test_both_ideas_together(system: Mmvr, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sentence has a weight of its own: its share of its own agreement."""
    saying(system, monkeypatch, {"a red hat": "a red cat", "dog": "dog"})
    (hill,) = system.hills([Caption("a red hat\ndog")], change(system.Knobs(), {"ngram": 1}))
    x = torch.zeros(4, 3, 16, 16, requires_grad=True)
    (gradient,) = torch.autograd.grad(hill.likelihood(x).sum(), x)
    assert_close(gradient, torch.full_like(x, 0.5 * (2 / 3 + 0.1) + 0.5 * 1.1))


def test_drafts_say_what_the_captioner_sees_now(system: Mmvr) -> None:
    drafts = drawn(system, [RED, Picture.of(*photo_and_mask(), BLUE)], [1, 2])
    for draft in drafts:
        assert draft.images is not None and draft.text is not None
        said = [system.describe(draft.images[[row] * 4])[0] for row in range(2)]
        assert list(draft.text) == said
    assert answers.said(drafts[-1], system.schema)[0] == {"says": drafts[-1].text[0]}  # type: ignore[index]


def photo_and_mask() -> Any:
    from PIL import Image

    mask = Image.new("L", (16, 16), 255)
    mask.paste(0, (4, 4, 12, 12))
    return Image.new("RGB", (16, 16), "orange"), mask


def test_without_its_ideas_it_is_ppgn(system: Mmvr, data: Dataset) -> None:
    """One sentence and no metric: the same nets climb to the same bits."""
    ppgn = Ppgn(Ppgn.presets["tiny"], data.schema).eval().requires_grad_(False)
    ppgn.load_state_dict(system.state_dict())
    own = images(drawn(system, [RED], [1], ngram=0))
    assert torch.equal(own, images(drawn(ppgn, [RED], [1])))
    assert not torch.equal(own, images(drawn(system, [RED], [1], ngram=2)))


def test_it_begins_with_the_nets_of_a_ppgn(data: Dataset, tmp_path: Path) -> None:
    torch.manual_seed(3)
    ppgn = Ppgn(Ppgn.presets["tiny"], data.schema)
    ppgn.nets.inversion.measure(data)
    checkpoint.save(ppgn, tmp_path / "ppgn")
    system = Mmvr(Mmvr.presets["tiny"], data.schema)
    checkpoint.adopt(system, tmp_path / "ppgn", NETS)
    assert all(torch.equal(value, ppgn.state_dict()[name]) for name, value in system.state_dict().items())
    assert system.state_dict().keys() == ppgn.state_dict().keys()


def test_no_other_condition_is_put_into_it(system: Mmvr) -> None:
    with pytest.raises(UserError, match="MMVR weighs by what its own captioner says"):
        system.climb_by(system)


def test_too_many_sentences_are_refused(system: Mmvr) -> None:
    with pytest.raises(UserError, match="17 sentences of one meaning are more than the 16 that are read"):
        system.check_request(Caption("a hat\n" * 17))
    with pytest.raises(UserError, match="no sentence"):
        system.check_request(Caption(" \n \n"))
