"""Model cards, read back by the Hub's own classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from PIL import Image

from artists import TEXTS, fake, published, storyteller, writer
from limner import card, catalogue, checkpoint
from limner.data.schema import Schema
from limner.errors import UserError
from toy import shapes

REPORT: dict[str, Any] = {
    "protocol": {"data": "hats", "size": 8, "pictures": 1000, "seed": 0, "judge": "0123456789ab", "split": "test"},
    "figures": {
        "fid[judge:hats]": {"value": 3.25, "real": 1.5, "better": -1},
        "R-precision, own": {"value": 0.5, "real": None, "better": 1},
    },
}


def card_in(folder: Path) -> ModelCard:
    return ModelCard.load(folder / "README.md")


def record(**trained: Any) -> dict[str, Any]:
    paper = {"title": "A Fake System", "authors": "Nobody", "year": 2014, "arxiv": "1406.2661"}
    about = {"system": "fake-system", "paper": paper, "parameters": 12_345, "config": {"size": 8}, "omitted": []}
    return about | {"trained": trained}


def test_every_checkpoint_has_a_card_that_the_hub_reads(tmp_path: Path) -> None:
    checkpoint.save(fake(), tmp_path / "mine", trained={"data": "me/hats", "images": 16}, grid=Image.new("RGB", (8, 8)))
    found = card_in(tmp_path / "mine")
    assert (found.data.library_name, found.data.pipeline_tag) == ("limner", "text-to-image")
    assert found.data.datasets == ["me/hats"] and set(found.data.tags) == {"gan", "fake-system"}
    assert found.data.license is None, "nobody has said one"
    assert "![samples](grid.png)" in found.text and TEXTS[0] in found.text and "- images: 16" in found.text


def test_data_that_is_not_on_the_hub_is_named_in_words_alone(tmp_path: Path) -> None:
    found = card_in(published(tmp_path / "mine"))
    assert found.data.datasets is None and "- data: tests" in found.text and "grid.png" not in found.text


def test_figures_are_results_and_a_table() -> None:
    found = ModelCard(card.write(record(), fake(), name="me/hats", licence="mit", figures=REPORT))
    results = {one.metric_name: one for one in found.data.eval_results}
    assert results["fid[judge:hats]"].metric_value == 3.25 and results["fid[judge:hats]"].metric_type == "fid"
    assert results["R-precision, own"].metric_type == "r-precision-own"
    assert {one.dataset_name for one in results.values()} == {"hats"} and found.data.model_name == "hats"
    assert "| fid[judge:hats] ↓ | 3.25 | 1.5 |" in found.text and "| R-precision, own ↑ | 0.5 |  |" in found.text
    assert found.data.license == "mit" and "The weights: mit." in found.text
    assert "https://arxiv.org/abs/1406.2661" in found.text
    with pytest.raises(UserError, match="no report"):
        card.write(record(), fake(), figures={"figures": {"fid": 3}})


def test_what_is_no_text_to_image_is_not_called_so(tmp_path: Path) -> None:
    schema = Schema(size=16, attributes={"colour": ("blue", "red")})
    small = {"size": 16, "widths": (4, 8), "features": 8, "code": 8}
    checkpoint.save(catalogue.create(catalogue.JUDGE, "small", schema, small), tmp_path / "judge")
    found = card_in(tmp_path / "judge")
    assert found.data.pipeline_tag is None and "text-to-image" not in found.content
    assert "limner eval ARTIST --data DATA --judge" in found.text and "artist.draw" not in found.text
    tasks = {"stories": storyteller(tmp_path / "stories"), "texts": writer(tmp_path / "texts", shapes(tmp_path / "d"))}
    assert {name: card_in(folder).data.pipeline_tag for name, folder in tasks.items()} == {
        "stories": "text-to-image",
        "texts": "text-generation",
    }
    unasked = catalogue.create("dcgan", "tiny", Schema(size=16))
    assert card.task_of(unasked) == "unconditional-image-generation"


def test_many_numbers_are_counted_and_words_are_no_yaml() -> None:
    found = ModelCard(card.write(record(gate={f"reads {k}": 0.9 for k in range(20)}, data="a: [b"), fake()))
    assert "- gate: 20 figures, see system.json" in found.text and "- data: a: [b" in found.text


def test_what_ships_has_such_cards() -> None:
    package = Path(card.__file__).parent
    shipped = [*(package / "checkpoints").glob("*/README.md"), *(package / "evaluation/judges").glob("*/README.md")]
    assert len(shipped) >= 9
    for path in shipped:
        about = ModelCard.load(path).data
        assert (about.library_name, about.license) == ("limner", "mit"), path
        assert about.pipeline_tag == (None if path.parent.parent.name == "judges" else "text-to-image"), path
