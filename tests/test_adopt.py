"""Training begins with given weights, whole or in part; what does not fit is refused before anything is written."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from limner import catalogue, checkpoint, cli
from limner.data.dataset import Dataset
from limner.errors import UserError
from limner.system import System
from toy import shapes, shapes_folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("toy") / "shapes")


def made(data: Dataset, seed: int, name: str = "miniature", **changes: str) -> System:
    torch.manual_seed(seed)
    return catalogue.create(name, "tiny", data.schema, changes)


def test_parts_are_taken_and_nothing_else(data: Dataset, tmp_path: Path) -> None:
    first, second = made(data, 0), made(data, 1)
    own = {name: value.clone() for name, value in second.state_dict().items()}
    folder = checkpoint.save(first, tmp_path / "first")
    checkpoint.adopt(second, folder, ["text", "vision"])
    given = first.state_dict()
    for name, value in second.state_dict().items():
        taken = name.startswith(("text.", "vision."))
        assert torch.equal(value, given[name] if taken else own[name]), name
    checkpoint.adopt(second, folder)
    assert all(torch.equal(value, given[name]) for name, value in second.state_dict().items())


@pytest.mark.parametrize(
    ("name", "changes", "parts", "says"),
    [
        ("gan-int-cls", {}, [], "is a miniature, and a gan-int-cls cannot begin with all its weights"),
        ("miniature", {"noise": "4"}, [], "does not fit: its generator"),
        ("miniature", {}, ["txt"], "has no part 'txt': it has critic, generator"),
    ],
)
def test_what_does_not_fit_is_told(
    data: Dataset, tmp_path: Path, name: str, changes: dict[str, str], parts: list[str], says: str
) -> None:
    folder = checkpoint.save(made(data, 0), tmp_path / "first")
    with pytest.raises(UserError, match=says):
        checkpoint.adopt(made(data, 1, name, **changes), folder, parts)


def test_a_part_of_another_system_serves_where_it_fits(data: Dataset, tmp_path: Path) -> None:
    """Both recipes of Miniature have the same blocks, and these know no words."""
    first = made(data, 0, widths="32,16", critic_widths="16,32")
    folder = checkpoint.save(first, tmp_path / "first")
    words = dataclasses.replace(data.schema.lexicon, words=tuple(reversed(data.schema.lexicon.words)))
    torch.manual_seed(1)
    second = catalogue.create(
        "miniature-v2", "tiny", dataclasses.replace(data.schema, lexicon=words), {"widths": "32,16"}
    )
    checkpoint.adopt(second, folder, ["generator.blocks"])
    taken, given = second.generator.state_dict(), first.generator.state_dict()
    assert torch.equal(taken["blocks.0.convolve.0.weight"], given["blocks.0.convolve.0.weight"])
    assert not torch.equal(taken["seed.weight"], given["seed.weight"])


def test_other_words_and_omitted_parts_are_told(data: Dataset, tmp_path: Path) -> None:
    system = made(data, 0)
    folder = checkpoint.save(system, tmp_path / "first", omit=["critic"])
    with pytest.raises(UserError, match="does not hold the part 'critic'"):
        checkpoint.adopt(made(data, 1), folder, ["critic"])
    words = dataclasses.replace(data.schema.lexicon, words=tuple(reversed(data.schema.lexicon.words)))
    torch.manual_seed(0)
    other = catalogue.create("miniature", "tiny", dataclasses.replace(data.schema, lexicon=words))
    with pytest.raises(UserError, match="other words"):
        checkpoint.adopt(other, folder, ["text"])


def test_the_command_line_begins_where_another_run_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shapes_folder(tmp_path / "shapes")
    common = ["train", "miniature", "--data", str(folder), "--preset", "tiny", "--no-tensorboard", "--grid-every", "0"]
    first, second = tmp_path / "first", tmp_path / "second"
    assert cli.main([*common, "--set", "text_images=64", "--images", "0", "--run", str(first)]) == 0
    more = ["--set", "text_images=0", "--images", "32", "--from", str(first), "--part", "text", "--run", str(second)]
    assert cli.main([*common, *more]) == 0
    weights = [checkpoint.open(sorted((run / "checkpoints").iterdir())[-1]).state_dict() for run in (first, second)]
    assert torch.equal(weights[0]["text.embed.weight"], weights[1]["text.embed.weight"])
    capsys.readouterr()
    assert cli.main([*common, "--from", str(tmp_path / "none"), "--run", str(tmp_path / "third")]) == 2
    assert "none" in capsys.readouterr().err and not (tmp_path / "third").exists()
