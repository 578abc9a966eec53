"""Text and layouts are answers like any other: by Python, command line, bulk, grids, API; a judge looks at neither."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from PIL import Image

from artists import arranger, painter, writer
from fake_arranger import Arranger
from fake_writer import Writer
from limner.cli import main
from limner.data.dataset import Dataset
from limner.drawing import bulk, recipe
from limner.drawing.artist import Artist, load
from limner.errors import UserError
from limner.evaluation.bench import Bench, Entry
from limner.evaluation.evaluate import check_gives, evaluate
from limner.imaging.answers import SIDE
from limner.requests import Attributes, LabelSet, Nothing, between, from_json, to_json
from limner.training.engine import Engine
from limner.training.run_folder import RunFolder
from limner.training.trainer import Trainer
from studio_live import decoded, live
from toy import shapes


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("toy") / "shapes")


@pytest.fixture(scope="module")
def writes(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Artist:
    return load(writer(tmp_path_factory.mktemp("writer") / "writer", data))


@pytest.fixture(scope="module")
def arranges(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Artist:
    return load(arranger(tmp_path_factory.mktemp("arranger") / "arranger", data))


def test_the_kind_is_chosen_by_what_is_given(writes: Artist) -> None:
    assert writes.requests(None) == [Nothing()]
    assert writes.requests("colour: red, shape: bar") == [Attributes({"colour": "red", "shape": "bar"})]
    assert writes.requests(Nothing()) == [Nothing()]
    with pytest.raises(UserError, match="unknown value of colour: 'rde': did you mean 'red'"):
        writes.requests("colour: rde")
    with pytest.raises(UserError, match="draws from a Attributes or Nothing, not from LabelSet"):
        writes.requests(LabelSet(("red",)))
    mixed = list(writes.rows([(Nothing(), 1), (Attributes({"colour": "red"}), 2), (Nothing(), 3)]))
    assert [recipe.from_text(one.info["limner"])["request"]["kind"] for one in mixed] == [
        "nothing", "attributes", "nothing"
    ]  # fmt: skip


def test_no_enlarger_is_advised_where_no_picture_is_drawn(writes: Artist, arranges: Artist) -> None:
    for artist in (writes, arranges):
        with pytest.raises(UserError, match=r"not of 512$"):
            artist.at(512)


def test_python_hands_out_cards_and_boxes_that_say_what_they_are(writes: Artist, arranges: Artist) -> None:
    (one,), (same,) = writes.draw("colour: red", seed=3), writes.draw("colour: red", seed=3)
    assert one.size == (SIDE, SIDE) and one.tobytes() == same.tobytes()
    assert one.info["answer"]["text"].split() and one.info["answer"] == same.info["answer"]
    again = writes.redraw(json.loads(one.info["limner"]))
    assert again.info["answer"] == one.info["answer"]
    (placed,) = arranges.draw("2 black", seed=1)
    assert [box[0] for box in placed.info["answer"]["boxes"]] == ["black", "black"]
    (watched,) = arranges.watch(arranges.plan("white, red bar", 1, 5))
    assert watched.stages().width > 2 * SIDE  # both drafts, side by side
    with pytest.raises(UserError, match="does not look at single words"):
        watched.attention()


def test_the_command_line_prints_text_and_writes_a_card_on_request(
    writes: Artist,
    arranges: Artist,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    text = writes.draw("colour: red", seed=3)[0].info["answer"]["text"]
    asked = ["draw", "colour: red", "--artist", str(writes.folder), "--seed", "3", "--no-show"]
    assert main(asked) == 0
    assert capsys.readouterr().out == f"{text}\n" and not (tmp_path / "drawings").exists()
    assert main([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["text"] == text
    assert main([*asked, "--card"]) == 0
    said, file = capsys.readouterr().out.splitlines()
    assert said == text and recipe.answer_in(Path(file)) == {"text": text}
    assert main(["draw", "black", "--artist", str(arranges.folder), "--seed", "1", "--json"]) == 0
    placed = json.loads(capsys.readouterr().out)
    assert Path(placed["file"]).exists() and placed["boxes"][0][0] == "black"
    assert main(["draw", "--again", placed["file"], "--artist", str(arranges.folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["boxes"] == placed["boxes"]
    assert main(["draw", "blcak", "--artist", str(arranges.folder)]) == 2
    assert "unknown label 'blcak': did you mean 'black'?" in capsys.readouterr().err


def test_bulk_drawing_gives_a_column_that_opens_as_a_data_set(writes: Artist, arranges: Artist, tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"attributes": {"colour": "red"}}\n{"attributes": {"colour": "blue"}}\n')
    bulk.draw_all(writes, tmp_path / "p.jsonl", tmp_path / "texts", seed=1)
    lines = [json.loads(line) for line in (tmp_path / "texts" / "metadata.jsonl").read_text().splitlines()]
    rows = [(Attributes({"colour": "red"}), 1), (Attributes({"colour": "blue"}), 2)]
    assert [line["text"] for line in lines] == [one.info["answer"]["text"] for one in writes.rows(rows)]
    (tmp_path / "p.txt").write_text("black, red bar\nwhite\n")
    bulk.draw_all(arranges, tmp_path / "p.txt", tmp_path / "boxes", seed=1)
    opened = Dataset.open(tmp_path / "boxes", size=16, held_out=0)
    assert [label for label, *_ in opened.boxes(0)] == ["black", "red bar"]
    drawn = arranges.draw(LabelSet(("black", "red bar")), seed=1)[0].info["answer"]["boxes"]
    for (_, *one), (_, *other) in zip(opened.boxes(0), drawn, strict=True):
        assert one == pytest.approx(other, abs=1e-4)


@pytest.mark.parametrize("cls", [Writer, Arranger])
def test_grids_while_training_show_what_is_given(cls: type, data: Dataset, tmp_path: Path) -> None:
    system = cls(cls.Config(images=16), data.schema)
    Trainer(system, data, RunFolder.create(tmp_path / "run"), engine=Engine("fp32", quiet=True), grid_every=8).fit()
    grids = sorted((tmp_path / "run" / "grids").iterdir())
    assert len(grids) == 2 and Image.open(grids[0]).width > SIDE


def test_measuring_says_in_a_line_what_it_cannot_measure(writes: Artist, data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gives text: only pictures and stories are measured by a judge$"):
        evaluate(writes, None)  # type: ignore[arg-type]
    rows = [Entry("a:tiny", Arranger, Arranger.Config()), Entry("w:tiny", Writer, Writer.Config())]
    with pytest.raises(UserError, match=r"layouts \(a:tiny\) and sentences \(w:tiny\) .* share no table"):
        Bench(tmp_path / "bench", rows, None, "toy").run()  # type: ignore[arg-type]
    check_gives("dcgan", {"images"})


def test_the_api_answers_in_text_and_boxes(writes: Artist, arranges: Artist) -> None:
    with live([writes, arranges]) as address, httpx.Client(base_url=address, timeout=120) as http:
        first, second = http.get("/v1/artists").json()["data"]
        assert first["takes"] == "attributes" and [one["kind"] for one in first["requests"]] == [
            "attributes",
            "nothing",
        ]
        assert (first["gives"], second["gives"], second["size"]) == (["text"], ["layout"], SIDE)
        asked = {
            "request": {"kind": "attributes", "values": {"colour": "red"}},
            "seed": 3,
            "response_format": "b64_json",
        }
        (one,) = http.post("/v1/images/generations", json=asked | {"model": first["id"]}).json()["data"]
        assert one["text"] == writes.draw(Attributes({"colour": "red"}), seed=3)[0].info["answer"]["text"]
        assert decoded(one["b64_json"]).size == (SIDE, SIDE)
        kept = http.post("/v1/gallery/pictures", json={"png": one["b64_json"], "keep": True})
        assert kept.status_code in (200, 201, 404), kept.text
        body = {"model": second["id"], "prompt": "black, red bar", "seed": 1}
        (placed,) = http.post("/v1/images/generations", json=body).json()["data"]
        assert [box[0] for box in placed["boxes"]] == ["black", "red bar"]
        streamed = http.post("/v1/images/generations", json=body | {"stream": True}).text
        assert streamed.count("event: ") == 2 and '"boxes"' in streamed
        for bad in ({"kind": "labelset", "labels": ["blcak"]}, {"kind": "layout", "boxes": [["a", 0, 0, 1]]}):
            refused = http.post("/v1/images/generations", json={"model": second["id"], "request": bad})
            assert refused.status_code == 400 and "\n" not in refused.json()["error"]["message"]


def test_a_new_kind_of_request_is_one_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`fake_kind.py` is all there is of it: Python, the command line, files of prompts and the API draw from it."""
    monkeypatch.chdir(tmp_path)
    paints = load(painter(tmp_path / "painter"))
    kind = paints.system.kinds[0]
    assert paints.draw("red .5")[0].getpixel((0, 0)) == (191, 64, 64)
    assert from_json(json.loads(json.dumps(to_json(kind("blue", 0.5))))) == kind("blue", 0.5)
    with pytest.raises(UserError, match="nothing lies between these two"):  # unless the kind says that it mixes
        between(kind("blue"), kind("red"), 0.5)
    with pytest.raises(UserError, match="unknown colour 'rad': did you mean 'red'"):
        paints.draw("rad")
    with pytest.raises(UserError, match="light must be a number from 0 to 1, not 2"):
        paints.draw("red 2")
    assert main(["draw", "green 1", "--artist", "painter", "--json"]) == 0
    file = json.loads(capsys.readouterr().out)["file"]
    assert recipe.read(file)["request"] == {"kind": "paint", "colour": "green", "light": 1.0, "brand": ""}
    (tmp_path / "p.jsonl").write_text('{"request": {"kind": "paint", "colour": "blue"}}\n{"text": "red"}\n')
    bulk.draw_all(paints, tmp_path / "p.jsonl", tmp_path / "out", seed=1)
    assert Image.open(tmp_path / "out" / "000000.png").getpixel((0, 0)) == (0, 0, 255)
    with live([paints]) as address, httpx.Client(base_url=address, timeout=120) as http:
        (known,) = http.get("/v1/artists").json()["data"]
        (about,) = known["requests"]
        assert [field["type"] for field in about["fields"]] == ["choice", "number", "text"]
        schemas = http.get("/openapi.json").json()["components"]["schemas"]
        described = {one["properties"]["kind"]["const"]: one for one in schemas["OwnRequest"]["anyOf"]}["paint"]
        assert described["required"] == ["kind", "colour"] and not described["additionalProperties"]
        light = described["properties"]["light"]
        assert (light["type"], light["minimum"], light["maximum"], light["default"]) == ("number", 0, 1, 1)
        assert about["fields"][0]["choices"] == ["red", "green", "blue"]
        asked = {"request": {"kind": "paint", "colour": "blue", "light": 1}, "response_format": "b64_json"}
        (drawn,) = http.post("/v1/images/generations", json=asked).json()["data"]
        assert decoded(drawn["b64_json"]).getpixel((0, 0)) == (0, 0, 255)
        for bad in ({"colour": "rad"}, {"colour": "red", "light": 7}, {"colour": 7}, {"hue": "red"}):
            refused = http.post("/v1/images/generations", json={"request": {"kind": "paint", **bad}})
            assert refused.status_code == 400 and refused.json()["error"]["message"], refused.text
