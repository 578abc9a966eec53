"""`limner layout` and `limner draw --layout`: layouts are drawn, edited, shown, piped on and painted with one seed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from artists import published, scenes
from bad_requests import square
from limner import catalogue, checkpoint
from limner.data.importers import coco_masks
from limner.data.schema import Schema
from limner.drawing import recipe
from limner.drawing.layouts import layout_of
from limner.errors import UserError
from limner.requests import Layout, shapes

Run = Callable[..., tuple[int, str, str]]
PAINT = ("--artist", "painter", "-o", "out", "--no-show")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    found = tmp_path_factory.mktemp("layouts")
    scenes(found / "painter")
    published(found / "hats")
    torch.manual_seed(0)
    system = catalogue.create("layout-vae", "tiny", Schema(size=16, things=("cup", "table")))
    checkpoint.save(system.eval(), found / "places", trained={"data": "tests", "images": 16})
    return found


@pytest.fixture
def run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Run) -> Run:
    """Run a command beside a painter, a LayoutVAE and an artist that places nothing; `typed` comes by a pipe."""
    monkeypatch.chdir(tmp_path)
    for name in ("painter", "places", "hats"):
        (tmp_path / name).symlink_to(folder / name)

    def call(*arguments: str, typed: str | bytes = "") -> tuple[int, str, str]:
        data = typed if isinstance(typed, bytes) else typed.encode()
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        return command(*arguments)

    return call


def good(answer: tuple[int, str, str]) -> str:
    code, out, err = answer
    assert code == 0, err
    return out


def painted(out: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the pixels and the answer of a picture whose line of JSON was printed."""
    line = json.loads(out)
    with Image.open(line["file"]) as image:
        return np.asarray(image.convert("RGB")).astype(int), line


def test_from_labels_to_a_picture_by_pipes(run: Run) -> None:
    drawn = good(run("layout", "draw", "cup, cup, table", "--artist", "places", "--seed", "7"))
    body = json.loads(drawn)
    assert body["kind"] == "layout" and body["seed"] == 7 and body["caption"] == ""
    assert [label for label, *_ in body["boxes"]] == ["cup", "cup", "table"]
    assert drawn == good(run("layout", "draw", "cup, cup, table", "--artist", "places", "--seed", "7"))
    edited = good(
        run("layout", "edit", "-", "--delete", "1", "--relabel", "2 table", "--caption", "a table", typed=drawn)
    )
    after = json.loads(edited)
    assert after["boxes"] == [["table", *body["boxes"][1][1:]], body["boxes"][2]] and after["seed"] == 7
    _, line = painted(good(run("draw", "--layout", "-", *PAINT, "--json", typed=edited)))
    assert line["seed"] == 7 and line["boxes"] == after["boxes"] and len(line["masks"]) == 2
    again = good(
        run(
            "layout",
            "draw",
            "--layout",
            "-",
            "--artist",
            "places",
            "--seed",
            "1",
            typed=edited.replace("a table", "cup"),
        )
    )
    more = json.loads(again)["boxes"]
    assert len(more) > 2 and [box for box in more if box[0] == "table"] == sorted(
        after["boxes"], key=lambda box: box[1]
    )


def test_a_drawn_picture_is_edited_and_what_was_not_touched_stays(run: Run) -> None:
    boxes = "cups; cup .0 .0 .25 .5; table .5 .5 .5 .5"
    before, line = painted(good(run("draw", "--layout", boxes, "--seed", "3", *PAINT, "--json")))
    file = line["file"]
    assert painted(good(run("draw", "--layout", file, *PAINT, "--json")))[0].tolist() == before.tolist(), "its own seed"
    moved = good(run("layout", "edit", file, "--move", "1 .25 0"))
    assert json.loads(moved)["boxes"] == [["cup", 0.25, 0.0, 0.25, 0.5], ["table", 0.5, 0.5, 0.5, 0.5]]
    after, _ = painted(good(run("draw", "--layout", "-", *PAINT, "--json", typed=moved)))
    assert (after[:, 16:] == before[:, 16:]).all(), "the table and the ground stay"
    assert (after[:8, 8:16] == before[:8, :8]).all() and (after[:8, :8] == before[-1, 0]).all(), "the cup goes along"
    gone = good(run("layout", "edit", file, "--delete", "1"))
    without, _ = painted(good(run("draw", "--layout", "-", *PAINT, "--json", typed=gone)))
    assert (without[:, 8:] == before[:, 8:]).all() and (without[:8, :8] == before[-1, 0]).all()
    piped = good(run("layout", "edit", "-", "--move", "1 .25 0", typed=Path(file).read_bytes()))
    assert piped == moved, "a picture goes through a pipe, too"


def test_every_edit(run: Run) -> None:
    given = "a cup; cup .1 .2 .3 .4; table .0 .5 1 .5; nose .5 .25"
    edits = [
        "--move", "nose .1 .1", "--resize", "1 .1 .2", "--place", "2 .25 .25 .5 .5",
        "--add", "vase .0 .0 .5 .5; chin .5 .75", "--caption", "two things", "--seed", "9",
    ]  # fmt: skip
    assert json.loads(good(run("layout", "edit", given, *edits))) == {
        "kind": "layout", "caption": "two things", "seed": 9,
        "boxes": [["cup", 0.2, 0.3, 0.1, 0.2], ["table", 0.25, 0.25, 0.5, 0.5], ["vase", 0.0, 0.0, 0.5, 0.5]],
        "points": [["nose", 0.6, 0.35], ["chin", 0.5, 0.75]],
    }  # fmt: skip
    text = good(run("layout", "edit", given, "--delete", "1", "--delete", "nose", "--move", "2 0 -.25", "--text"))
    assert text == "a cup; table 0.0 0.25 1.0 0.5\n", "numbers mean the layout as it was read"
    assert good(run("layout", "edit", text.strip(), "--text")) == text
    shown = good(run("layout", "show", given, "-o", "layout.png"))
    assert shown.splitlines()[:2] == ["a cup", "  1  cup    0.100 0.200 0.300 0.400"] and "nose" in shown
    with Image.open("layout.png") as page:
        assert page.size == (256, 256) and len(page.getcolors(256 * 256) or ()) > 3


def test_several_layouts_go_through_line_by_line(run: Run) -> None:
    drawn = good(
        run("layout", "draw", "cup, table", "--artist", "places", "--seed", "1", "-n", "3", "--knob", "exact=true")
    )
    edited = good(run("layout", "edit", "--caption", "things", typed=drawn))
    assert [json.loads(line)["seed"] for line in edited.splitlines()] == [1, 2, 3]
    out = good(run("draw", "--layout", "-", *PAINT, "--json", typed=edited))
    assert [json.loads(line)["seed"] for line in out.splitlines()] == [1, 2, 3]


def test_the_annotation_of_drawn_pictures_as_coco_has_it(run: Run) -> None:
    _, line = painted(good(run("draw", "cups", "--layout", "cup .0 .0 .25 .5; table .5 .5 .5 .5", *PAINT, "--json")))
    good(run("layout", "coco", line["file"], "-o", "all.json"))
    found = json.loads(Path("all.json").read_text())
    (image,) = found["images"]
    assert (image["file_name"], image["width"], image["height"]) == (Path(line["file"]).name, 32, 32)
    assert [one["name"] for one in found["categories"]] == ["cup", "table"]
    cup, table = found["annotations"]
    assert cup["bbox"] == [0, 0, 8, 16] and table["bbox"] == [16, 16, 16, 16] and table["category_id"] == 2
    mask = np.asarray(coco_masks.draw(cup["segmentation"], (32, 32)))
    assert cup["area"] == 64 and (mask[:8, :8] == 255).all() and mask.astype(bool).sum() == 64, "its upper half"
    code, _, err = run("layout", "coco", line["file"], "-o", "all.json")
    assert code == 2 and "nothing is overwritten" in err


def test_python_reads_the_layout_of_a_picture(folder: Path) -> None:
    import limner

    artist = limner.load(folder / "painter")
    whole = Layout((("cup", 0.0, 0.0, 0.5, 0.5),), "a cup", masks=(shapes.encode(np.eye(8)),))
    (image,) = artist.draw(whole, seed=3)
    assert layout_of(image) == whole, "a given shape is what is painted, and comes back"
    (other,) = artist.draw(layout_of(image).moved(0, 0.25, 0.25), seed=3)
    assert np.array_equal(np.asarray(image)[:16, :16], np.asarray(other)[8:24, 8:24])
    with pytest.raises(UserError, match="holds no layout"):
        layout_of(limner.load(folder / "hats").draw("a red hat", seed=1)[0])


def test_a_picture_with_a_damaged_annotation_is_one_line(folder: Path, run: Run) -> None:
    import limner

    (image,) = limner.load(folder / "painter").draw(Layout((("cup", 0.0, 0.0, 0.5, 0.5),)), seed=3)
    for said in ({"boxes": 5}, {"boxes": "cup"}, {"boxes": [["cup", 0, 0, 1]]}, {"boxes": [["cup", 0, 0, 9, 9]]},
                 {"boxes": [["cup", 0, 0, 1, 1]], "masks": 5}, {"points": {"a": 1}}):  # fmt: skip
        image.info[recipe.ANSWER] = said
        code, out, err = run("layout", "edit", typed=recipe.encode(image, image.info[recipe.KEY]))
        assert code == 2 and not out and err.count("\n") == 1, err


CUP = {"boxes": [["cup", 0.1, 0.1, 0.2, 0.2]]}
BAD = {
    "nothing": ("", "there is no layout in standard input: it is empty"),
    "an empty list": ("[]", "there is no layout in standard input"),
    "no JSON": ("{boxes", "is not JSON"),
    "a line that is no JSON": (f"{json.dumps(CUP)}\n{{", "standard input:2 is not JSON"),
    "a number": ("[5]", "the column layout holds"),
    "another kind": ('{"kind": "caption", "text": "a cup"}', "it is a request of kind 'caption'"),
    "another field": ('{"boxs": []}', "has no field 'boxs'"),
    "no boxes": ('{"boxes": []}', "the request has no boxes"),
    "a box outside": ('{"boxes": [["cup", 0.9, 0, 0.2, 0.2]]}', "lies outside the picture"),
    "a negative box": ('{"boxes": [["cup", 0.9, 0, -0.2, 0.2]]}', "has no size"),
    "a huge box": ('{"boxes": [["cup", 0, 0, 1e300, 1]]}', "lies outside the picture"),
    "NaN": ('{"boxes": [["cup", NaN, 0, 0.2, 0.2]]}', "has what is no number"),
    "200 boxes": (json.dumps({"boxes": CUP["boxes"] * 200}), "200 boxes, and 100 is the limit"),
    "a point outside": ('{"points": [["nose", 0.5, 1.5]]}', "lies outside the picture"),
    "a mask without its box": (json.dumps(CUP | {"masks": ["", square(4)]}), "mask 2 has no box"),
    "a black mask": (json.dumps(CUP | {"masks": [square(4, 0)]}), "black all over"),
    "a seed of text": (json.dumps(CUP | {"seed": "x"}), "the seed is a whole number"),
    "text": ("a red cup", "is no box"),
    "deep": ("[" * 100_000, "is not JSON"),
    "bytes": (b"\xff\xfe\x00", "holds no layout"),
    "a JPEG": (b"\xff\xd8\xff\xe0", "is a picture that holds no layout"),
    "half a PNG": (b"\x89PNG\r\n\x1a\n", "is broken"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_comes_by_a_pipe_and_is_no_layout(name: str, run: Run, tmp_path: Path) -> None:
    typed, says = BAD[name]
    for command in (("layout", "edit"), ("draw", "--layout", "-", *PAINT)):
        code, out, err = run(*command, typed=typed)
        assert code == 2 and not out and err.count("\n") == 1 and says in err and len(err) < 400, err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["edit", "cup .1 .1 .2 .2", "--move", "2 .1 0"], "--move '2 .1 0': there is no box 2"),
        (["edit", "cup .1 .1 .2 .2", "--move", "1"], "in one quote, like '2 .1 .1'"),
        (["edit", "cup .1 .1 .2 .2", "--move", "1 .9 0"], "lies outside the picture"),
        (["edit", "cup .1 .1 .2 .2", "--resize", "1 0 .1"], "has no size"),
        (["edit", "cup .1 .1 .2 .2", "--relabel", "house"], "the number of the box and its new label"),
        (["edit", "cup .1 .1 .2 .2", "--add", "a tree"], "is no box"),
        (["edit", "cup .1 .1 .2 .2", "--delete", "7"], "there is no such box"),
        (["edit", "cup .1 .1 .2 .2", "--delete", "nose"], "there is no point 'nose'"),
        (["edit", "cup .1 .1 .2 .2", "--delete", "1"], "the request has no boxes"),
        (["edit", "cup .1 .1 .2 .2", "--seed", "-1", "--text"], "the seed is a whole number"),
        (["edit", "nowhere.jsonl"], "no file 'nowhere.jsonl'; a layout is JSON such as"),
        (["show", "hats/system.json"], "has no field"),
        (["show", "cup .1 .1 .2 .2", "-o", "x.jpg"], "pictures are kept as PNG"),
        (["draw", "cup", "--artist", "hats"], "places nothing: it gives images"),
        (["draw", "tabel", "--artist", "places"], "did you mean 'table'?"),
        (["draw", "cup", "--layout", "cup .1 .1 .2 .2", "--artist", "places"], "leave the prompt out"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments: list[str], says: str, run: Run) -> None:
    code, out, err = run("layout", *arguments)
    assert code == 2 and not out and err.count("\n") == 1 and says in err and len(err) < 500, err


def test_layouts_that_the_painter_refuses(run: Run) -> None:
    for layout, says in (
        ("vase .1 .1 .2 .2", "unknown label 'vase'"),
        (";".join(["cup .1 .1 .2 .2"] * 5), "4 at most"),
    ):
        code, out, err = run("draw", "--layout", layout, *PAINT)
        assert code == 2 and not out and says in err, err
    code, _, err = run("draw", "a", "b", "--layout", "cup .1 .1 .2 .2", *PAINT)
    assert code == 2 and "--layout goes with one prompt" in err


def test_a_terminal_is_not_waited_for(run: Run, command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    for arguments in (("layout", "edit"), ("draw", "--layout", "-", *PAINT)):
        code, _, err = command(*arguments)
        assert code == 2 and "standard input is a terminal: pipe a layout into it, or name a file" in err


def test_a_mixture_of_seeds_is_drawn_again(run: Run) -> None:
    body = json.dumps(CUP | {"seed": [1, 2, 0.5]})
    _, line = painted(good(run("draw", "a cup", "--layout", "-", *PAINT, "--json", typed=body)))
    assert recipe.read(line["file"])["seed"] == [1, 2, 0.5]
    code, _, err = run("draw", "a cup", "--layout", "-", "-n", "2", *PAINT, typed=body)
    assert code == 2 and "leave -n out" in err
