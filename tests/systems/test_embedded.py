"""Systems that learn from sentence vectors that came with the data: the inputs that the papers used.

The data is a legacy one: the pickled layout of StackGAN, captions in Chinese split by blanks, vectors of them beside.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import limner
from downloads import EMBEDDED, chinese_birds, sum_of_words
from limner import catalogue, checkpoint, cli
from limner.blocks.losses.joint_embedding import unlike
from limner.data.check import check
from limner.data.dataset import Dataset
from limner.data.embedded_views import embedded_pairs
from limner.errors import UserError
from limner.noise import RowNoise
from limner.requests import Blend, Caption, Embedded, EmbeddedStory, from_json, to_json
from limner.settings import change
from limner.system import Clock
from limner.training.engine import Engine
from limner.training.run_folder import RunFolder
from limner.training.trainer import Trainer
from toy import tales_folder

START = Clock(seen=0, total=1, step=1)
RED, BLUE = "一只 红色 的 鸟 在 左边", "一只 蓝色 的 鸟 在 右边"


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("legacy")
    chinese_birds(folder / "birds")
    assert cli.main(["data", "import", "legacy", str(folder / "birds"), "-o", str(folder / "out")]) == 0
    assert check(folder / "out") == []
    return folder / "out"


def opened(imported: Path, size: int = 32) -> Dataset:
    return Dataset.open(imported, size=size)


def made(name: str, data: Dataset, **changes: Any) -> Any:
    torch.manual_seed(0)
    cls = catalogue.load_class(name)
    return cls(change(cls.presets["tiny"], {"text": "embedding", **changes}), data.schema)


def test_vectors_reach_training_as_they_were_written(imported: Path) -> None:
    data = opened(imported)
    assert (data.schema.embedding, data.length("train"), data.length("test")) == (EMBEDDED, 9, 3)
    for row in range(9):
        (found,) = data.embeddings([row])
        assert np.array_equal(found, np.stack([sum_of_words(text) for text in data.captions(row)]))
    view = embedded_pairs(1.0).gather(data, [3, 0, 8], np.random.default_rng(1))
    assert [list(v) for v in view.vectors.numpy()] == [list(sum_of_words(text)) for text in view.texts]


@pytest.mark.parametrize("name", ["gan-int-cls", "stackgan", "stackgan-v2"])
def test_the_condition_is_the_vector_itself(imported: Path, name: str) -> None:
    """Not standardised, not encoded, whatever the sentence beside it says; without an encoder it is all there is."""
    data = opened(imported, 16 if name == "gan-int-cls" else 32)
    system = made(name, data, text_images=0).eval().requires_grad_(False)
    assert system.text is None and system.takes is Embedded
    assert not any(key.startswith(("text.", "vision.")) for key in system.state_dict())
    system.captions.restore_table(data)
    torch.manual_seed(3)
    drawn = system.captions.draw(torch.tensor([5] * 200))
    either = torch.from_numpy(data.embeddings([5])[0])
    assert {tuple(row) for row in drawn.tolist()} == {tuple(row) for row in either.tolist()}
    red, blue = (tuple(map(float, sum_of_words(text))) for text in (RED, BLUE))
    requests = [Embedded(RED, (red,)), Embedded("anything", (red,)), Embedded(RED, (blue,))]
    one, same, other = system.captions.encode(requests)
    assert one.tolist() == list(red) and torch.equal(one, same) and other.tolist() == list(blue)
    first, again, third = (
        list(system.sample([request], system.Knobs(), RowNoise([1])))[-1].images for request in requests
    )
    assert torch.equal(first, again) and not torch.equal(first, third)


def test_what_has_no_vector_and_no_encoder_is_refused_in_one_line(imported: Path) -> None:
    system = made("stackgan", opened(imported), text_images=0)
    red = tuple(map(float, sum_of_words(RED)))
    for request, says in [
        (Embedded(RED), "has no encoder of its own"),
        (Blend(Embedded(RED, (red,)), Embedded(BLUE), 0.5), "has no encoder of its own"),
        (Embedded(RED, (red, red)), "2 vectors for 1 sentences"),
        (Embedded(RED, (red[:5],)), "a vector has 5 numbers, and this artist learnt from vectors of 24"),
    ]:
        with pytest.raises(UserError, match=says) as caught:
            system.check_request(request)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="no encoder of sentences"):
        system.exports()
    reading = made("stackgan", opened(imported))
    reading.check_request(Embedded(RED))
    assert set(reading.exports()) == {"reader", "painter"}


def test_data_without_vectors_is_refused(tmp_path: Path) -> None:
    data = Dataset.open(tales_folder(tmp_path / "tales"), size=16)
    for name in ("stackgan", "storygan"):
        with pytest.raises(UserError, match="has no column embedding: import it"):
            made(name, data, recipe="paper") if name == "storygan" else made(name, data)


def test_held_out_requests_bring_their_vectors_and_recipes_keep_them(imported: Path) -> None:
    data = opened(imported)
    (request, *_) = data.requests(Embedded, 3, "test")
    assert request == Embedded(data.captions(0, "test")[0], (tuple(map(float, data.embeddings([0], "test")[0][0])),))
    assert from_json(to_json(request)) == request
    assert to_json(Embedded(RED)) == {"kind": "embedded", "text": RED}
    with pytest.raises(UserError, match="finite numbers"):
        Embedded(RED, ((float("nan"),),)).check(data.schema)


def test_wrong_vectors_are_found_with_their_row(tmp_path: Path) -> None:
    import json

    folder = tales_folder(tmp_path / "tales")
    lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    for k, line in enumerate(lines):
        line["embedding"] = [[0.5, k]] * (1 if k == 4 else len(line["text"]))
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (problem,) = [one for one in check(folder) if one.is_error]
    assert problem.line == 5 and "one of 2 finite numbers for each caption" in problem.message
    data = Dataset.open(folder, size=16, held_out=0)
    assert len(data.embeddings(range(4))) == 4
    with pytest.raises(UserError, match=r"metadata.jsonl:5: the embedding must be"):
        data.embeddings([4])


def test_an_encoder_that_knows_the_vectors_explains_them_all() -> None:
    vectors = torch.tensor([[1.0, 0.0], [3.0, 2.0]])  # variance about the mean (2, 1): 4
    assert unlike(vectors, vectors).item() == 0
    assert unlike(vectors.mean(dim=0).expand(2, 2), vectors).item() == pytest.approx(1)
    assert unlike(vectors + torch.tensor([1.0, 0.0]), vectors).item() == pytest.approx(2 / 4)


@pytest.mark.slow
def test_stackgan_learns_from_a_legacy_data_set_and_draws_its_sentences(imported: Path, tmp_path: Path) -> None:
    """Drawings are nearer to their own pictures than to others, from vectors and from sentences that it reads."""
    data = opened(imported)
    system = made("stackgan", data, text_images=1_600, images=6_400, second_images=3_200)
    trainer = Trainer(system, data, RunFolder.create(tmp_path / "run"), engine=Engine("fp32", quiet=True), grid_every=0)
    trainer.fit()
    newest = trainer.run.newest()
    assert newest is not None
    artist = limner.load(newest)
    real = data.pictures(range(9)).float()
    sentences = [data.captions(row)[0] for row in range(9)]
    vectors = [tuple(map(float, data.embeddings([row])[0][0])) for row in range(9)]

    def own_and_others(prompts: list[Any]) -> tuple[float, float]:
        drawn = [artist.draw(prompt, seed=1) for prompt in prompts]
        pixels = torch.stack([torch.from_numpy(np.array(image)).permute(2, 0, 1).float() for (image,) in drawn])
        gaps = (pixels[:, None] - real[None]).abs().flatten(2).mean(-1)
        own = gaps.diagonal().mean()
        return float(own), float((gaps.sum() - gaps.diagonal().sum()) / 72)

    for prompts in ([Embedded(text, (one,)) for text, one in zip(sentences, vectors, strict=True)], sentences):
        own, others = own_and_others(prompts)
        assert own < 0.85 * others


def test_the_command_line_trains_and_draws(imported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(tmp_path / "run")
    small = [
        "--set", "text=embedding", "--set", "text_images=0", "--set", "images=16", "--set", "second_images=16",
        "--preset", "tiny", "--no-tensorboard", "--run", run,
    ]  # fmt: skip
    assert cli.main(["train", "stackgan", "--data", str(imported), *small]) == 0
    capsys.readouterr()
    assert cli.main(["draw", RED, "--artist", run, "-o", str(tmp_path), "--no-show"]) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1 and "has no encoder of its own" in told[0]


def numbered_tales(folder: Path) -> Path:
    """Stories whose frames each have a vector that holds all lines so far, in blocks, as those of CLEVR-SV."""
    import json

    tales_folder(folder)
    lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    so_far: dict[str, np.ndarray] = {}
    for line in lines:
        vector = so_far.setdefault(line["story"], np.zeros((3, 8), np.float32))
        vector[line["frame"] - 1] = sum_of_words(line["text"][0])[:8]
        line["embedding"] = [vector.flatten().tolist()] * len(line["text"])
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_storygan_learns_from_vectors_of_lines(tmp_path: Path) -> None:
    data = Dataset.open(numbered_tales(tmp_path / "tales"), size=16, held_out=0.3)
    system = made("storygan", data, recipe="paper", repeats=False)
    (phase,) = system.phases()
    batch = phase.view.gather(data, range(14), np.random.default_rng(0)).to("cpu")
    stories, texts = data.stories(), data.captions
    for lines, vectors in zip(batch.lines, batch.vectors, strict=True):
        story = next(s for s in stories if all(line in texts(int(row)) for line, row in zip(lines, s, strict=True)))
        assert np.allclose(vectors, np.stack([some[0] for some in data.embeddings(story)]))
    assert torch.equal(system.lines(batch), batch.vectors)
    assert {update.player for update in system.step(batch, START)} == {"frame critic", "story critic", "teller"}
    system.eval()
    (request,) = data.requests(system.takes, 1, "test")
    assert isinstance(request, EmbeddedStory) and len(request.vectors) == len(request.lines) == 3
    system.check_request(request)
    other = EmbeddedStory(request.lines, vectors=(*request.vectors[:2], request.vectors[0]))
    (*_, drawn), (*_, changed) = (system.sample([r], system.Knobs(), RowNoise([1])) for r in (request, other))
    assert drawn.images.shape == (1, 3, 3, 16, 16)
    assert not torch.equal(drawn.images[:, 2], changed.images[:, 2])  # the vector, not the words
    for wrong, says in [(EmbeddedStory(request.lines), "no encoder of its own"), (Caption("a"), "")]:
        if says:
            with pytest.raises(UserError, match=says):
                system.check_request(wrong)
    with pytest.raises(UserError, match="edits words"):
        made("storygan", data, recipe="modern")
    modern = made("storygan", data, recipe="modern", without=("edits",))
    assert {update.player for update in modern.step(batch, START)} >= {"frame critic", "teller"}


def test_checkpoints_say_how_wide_vectors_are(imported: Path, tmp_path: Path) -> None:
    system = made("gan-int-cls", opened(imported, 16))
    checkpoint.save(system, tmp_path / "saved")
    again = checkpoint.open(tmp_path / "saved")
    assert again.schema.embedding == EMBEDDED and again.takes is Embedded
