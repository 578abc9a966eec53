"""The published form: round trips, and every way in which a folder can be bad."""

from __future__ import annotations

import errno
import json
import os
import pickle
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from artists import FAKE, fake, published
from limner import catalogue, checkpoint
from limner.data.schema import Lexicon, Schema
from limner.errors import UserError
from limner.files import sha256
from limner.settings import change


def edit(folder: Path, **changes: object) -> None:
    path = folder / checkpoint.RECORD
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def reweigh(folder: Path, content: bytes) -> None:
    """Put other weights in, with the record telling of them: only what is inside is wrong then."""
    (folder / checkpoint.WEIGHTS).write_bytes(content)
    about = json.loads((folder / checkpoint.RECORD).read_text())
    hashes = about["sha256"] | {checkpoint.WEIGHTS: sha256(content)}
    edit(folder, sha256=hashes, bytes=len(content))


def test_what_is_opened_equals_what_was_saved(tmp_path: Path) -> None:
    system = fake(changes={"widths": "3,5", "rate": "0.01"}).train()
    system.calls += 3
    about = checkpoint.read(checkpoint.save(system, tmp_path / "a" / "b", trained={"seed": 3}))
    state = torch.get_rng_state()
    again = checkpoint.open(tmp_path / "a" / "b")
    assert torch.equal(state, torch.get_rng_state()), "opening a file moved the global dice"
    assert not again.training
    assert again.config == system.config and again.schema == system.schema
    assert about["trained"] == {"seed": 3} and about["paper"]["year"] == 2014
    assert set(again.state_dict()) == set(system.state_dict())
    for name, value in system.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name


def test_half_keeps_matrices_nearly_and_the_rest_exactly(tmp_path: Path) -> None:
    system = fake()
    whole = checkpoint.save(system, tmp_path / "whole")
    half = checkpoint.save(system, tmp_path / "half", half=True)
    size = [(folder / checkpoint.WEIGHTS).stat().st_size for folder in (whole, half)]
    assert size[1] < 0.6 * size[0]
    again = checkpoint.open(half)
    assert torch.equal(again.body.bias, system.body.bias) and again.body.weight.dtype is torch.float32
    assert torch.equal(again.body.weight, system.body.weight.half().float())
    assert not torch.equal(again.body.weight, system.body.weight)


def test_tied_and_strided_weights_are_saved(tmp_path: Path) -> None:
    system = fake()
    system.critic.weight = torch.nn.Parameter(system.body.weight[:1, :1].expand(1, 192))
    expected = system.critic.weight.detach().clone()
    assert torch.equal(checkpoint.open(checkpoint.save(system, tmp_path / "a")).critic.weight, expected)


def test_what_drawing_needs_not_can_be_left_out(tmp_path: Path) -> None:
    system = fake()
    folder = checkpoint.save(system, tmp_path / "a", omit=["critic"])
    assert not any(name.startswith("critic") for name in safetensors.torch.load_file(folder / checkpoint.WEIGHTS))
    assert torch.equal(checkpoint.open(folder).body.weight, system.body.weight)
    edit(folder, omitted=[])
    with pytest.raises(UserError, match="lacks critic"):
        checkpoint.open(folder)


def test_saving_over_a_checkpoint_replaces_it_and_over_anything_else_is_refused(tmp_path: Path) -> None:
    folder = published(tmp_path / "a", seed=1)
    published(folder, seed=2)
    assert torch.equal(checkpoint.open(folder).body.weight, fake(seed=2).body.weight)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    (tmp_path / "diary").mkdir()
    (tmp_path / "diary" / "monday.txt").write_text("rain")
    with pytest.raises(UserError, match="choose another place"):
        published(tmp_path / "diary")
    assert (tmp_path / "diary" / "monday.txt").read_text() == "rain"


def test_a_replacement_killed_between_its_two_renames_leaves_the_old_one(tmp_path: Path) -> None:
    folder = published(tmp_path / "a", seed=1)
    os.rename(folder, tmp_path / ".a.old")
    assert torch.equal(checkpoint.open(folder).body.weight, fake(seed=1).body.weight)


@pytest.mark.parametrize("when", ["write", "rename"])
def test_a_full_disk_leaves_the_old_checkpoint_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    folder = published(tmp_path / "a", seed=1)

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if when == "write":
        monkeypatch.setattr(os, "fsync", full)
    else:
        rename = os.rename
        monkeypatch.setattr(os, "rename", lambda a, b: full() if str(a).endswith(".part") else rename(a, b))
    with pytest.raises(UserError, match="disk is full"):
        published(folder, seed=2)
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert torch.equal(checkpoint.open(folder).body.weight, fake(seed=1).body.weight)


@pytest.mark.slow
def test_a_limit_of_the_system_is_met_like_a_full_disk(tmp_path: Path) -> None:
    """The kernel refuses the write here, no stand-in: a file may not grow beyond 4 KiB."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from artists import fake; from limner import checkpoint, errors\n"
        "try: checkpoint.save(fake(), sys.argv[2])\n"
        "except errors.UserError as error: print(error); sys.exit(2)"
    )

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    command = [sys.executable, "-c", code, str(FAKE.parent), str(tmp_path / "a")]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    told = subprocess.run(
        command, preexec_fn=small_files, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert told.returncode == 2, told.stderr
    assert "disk is full" in told.stdout
    assert list(tmp_path.iterdir()) == []


def no_folder(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def no_about(folder: Path) -> None:
    (folder / checkpoint.RECORD).unlink()


def only_a_pickle(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    torch.save({"a": 1}, folder / "model.pt")


def about_is_no_json(folder: Path) -> None:
    (folder / checkpoint.RECORD).write_text('{"format": 1, "sys')


def about_is_a_list(folder: Path) -> None:
    (folder / checkpoint.RECORD).write_text("[]")


def newer(folder: Path) -> None:
    edit(folder, format=99)


def unknown_system(folder: Path) -> None:
    edit(folder, system="no-such-system")


def unknown_field(folder: Path) -> None:
    about = json.loads((folder / checkpoint.RECORD).read_text())
    edit(folder, config=about["config"] | {"sizes": 8})


def field_of_another_type(folder: Path) -> None:
    about = json.loads((folder / checkpoint.RECORD).read_text())
    edit(folder, config=about["config"] | {"size": "eight"})


def other_configuration(folder: Path) -> None:
    about = json.loads((folder / checkpoint.RECORD).read_text())
    edit(folder, config=about["config"] | {"size": 16})


def other_system(folder: Path) -> None:
    reweigh(folder, safetensors.torch.save({"generator.0.weight": torch.zeros(3, 3)}))


def truncated(folder: Path) -> None:
    path = folder / checkpoint.WEIGHTS
    path.write_bytes(path.read_bytes()[:-100])


def tampered(folder: Path) -> None:
    path = folder / checkpoint.WEIGHTS
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def weights_missing(folder: Path) -> None:
    (folder / checkpoint.WEIGHTS).rename(folder / "weights.pth")


class Evil:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.system, ("echo pickled code ran >&2",)


def pickled(folder: Path) -> None:
    reweigh(folder, pickle.dumps(Evil()))


def torch_saved(folder: Path) -> None:
    torch.save(fake().state_dict(), folder / checkpoint.WEIGHTS)
    reweigh(folder, (folder / checkpoint.WEIGHTS).read_bytes())


def lfs_pointer(folder: Path) -> None:
    (folder / checkpoint.WEIGHTS).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")


def nonsense(folder: Path) -> None:
    reweigh(folder, b"\xff" * 64)


def schema_changed(folder: Path) -> None:
    (folder / checkpoint.SCHEMA).write_text("{}")


def configured(folder: Path, **changes: object) -> None:
    about = json.loads((folder / checkpoint.RECORD).read_text())
    edit(folder, config=about["config"] | changes)


def schemed(folder: Path, **changes: object) -> None:
    content = json.dumps(json.loads((folder / checkpoint.SCHEMA).read_text()) | changes).encode()
    (folder / checkpoint.SCHEMA).write_bytes(content)
    about = json.loads((folder / checkpoint.RECORD).read_text())
    edit(folder, sha256=about["sha256"] | {checkpoint.SCHEMA: sha256(content)})


def revalued(folder: Path, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    values = safetensors.torch.load_file(folder / checkpoint.WEIGHTS)
    reweigh(folder, safetensors.torch.save({name: change(value) for name, value in values.items()}))


def much_memory_for_a_part_left_out(folder: Path) -> None:
    edit(folder, omitted=["critic", "body"])
    configured(folder, size=40_000)


def too_large_a_number(folder: Path) -> None:
    configured(folder, size=2**62)


def fewer_than_none(folder: Path) -> None:
    checkpoint.save(catalogue.create("attngan", "tiny", fake().schema), folder)
    configured(folder, generator_width=-4)


def many_layers(folder: Path) -> None:
    checkpoint.save(catalogue.create("attngan", "tiny", fake().schema), folder)
    configured(folder, residuals=10**9)


def omitted_is_a_number(folder: Path) -> None:
    edit(folder, omitted=5)


def omitted_holds_numbers(folder: Path) -> None:
    edit(folder, omitted=[1])


def bytes_are_a_text(folder: Path) -> None:
    edit(folder, bytes="many")


def deep_json(folder: Path) -> None:
    (folder / checkpoint.RECORD).write_text('{"a":' * 100_000)


def endless_format(folder: Path) -> None:
    (folder / checkpoint.RECORD).write_text('{"format": Infinity}')


def a_long_name(folder: Path) -> None:
    edit(folder, system="a" * 5_000)


def a_lexicon_of_numbers(folder: Path) -> None:
    schemed(folder, lexicon=[1, 2])


def attributes_that_are_a_list(folder: Path) -> None:
    schemed(folder, attributes=["a"])


def a_size_that_is_a_text(folder: Path) -> None:
    schemed(folder, size="8")


def not_a_number(folder: Path) -> None:
    revalued(folder, lambda value: value * float("nan") if value.is_floating_point() else value)


def whole_numbers(folder: Path) -> None:
    revalued(folder, lambda value: value.to(torch.int8))


BAD = {
    much_memory_for_a_part_left_out: "far more memory than its weights account for",
    too_large_a_number: "far more memory than its weights account for",
    fewer_than_none: "cannot be built so",
    many_layers: "far more memory than its weights account for",
    omitted_is_a_number: "no 'omitted' in it as it should be",
    omitted_holds_numbers: "no 'omitted' in it as it should be",
    bytes_are_a_text: "no 'bytes' in it as it should be",
    deep_json: "damaged",
    endless_format: "damaged",
    a_long_name: "not the name of a system",
    a_lexicon_of_numbers: "no schema",
    attributes_that_are_a_list: "no schema",
    a_size_that_is_a_text: "no schema",
    not_a_number: "has numbers that are none",
    whole_numbers: "is of int8",
    no_folder: "no such folder",
    no_about: "it has no system.json",
    only_a_pickle: "model.pt may be a pickle",
    about_is_no_json: "damaged",
    about_is_a_list: "damaged",
    newer: "newer Limner",
    unknown_system: "unknown system",
    unknown_field: "unknown field 'sizes'; did you mean 'size'",
    field_of_another_type: "size expects a whole number",
    other_configuration: "another system or configuration",
    other_system: "another system or configuration",
    truncated: "truncated",
    tampered: "SHA-256",
    weights_missing: "weights.pth may be a pickle",
    pickled: "is a pickle",
    torch_saved: "is a pickle",
    lfs_pointer: "git lfs pull",
    nonsense: "no safetensors file",
    schema_changed: "schema.json",
}


@pytest.mark.parametrize("harm", BAD, ids=lambda harm: harm.__name__)
def test_a_bad_folder_is_one_clear_line(tmp_path: Path, harm: Callable[[Path], None], capfd: object) -> None:
    folder = published(tmp_path / "a")
    harm(folder)
    with pytest.raises(UserError, match=BAD[harm]) as caught:
        checkpoint.open(folder)
    assert "\n" not in str(caught.value)
    assert "pickled code ran" not in capfd.readouterr().err  # type: ignore[attr-defined]


def test_a_card_is_written(tmp_path: Path) -> None:
    from PIL import Image

    folder = checkpoint.save(fake(), tmp_path / "a", grid=Image.new("RGB", (4, 4)))
    card = (folder / checkpoint.CARD).read_text()
    assert card.startswith("---\n") and "library_name: limner" in card and "A Fake System" in card
    assert (folder / checkpoint.GRID).read_bytes().startswith(b"\x89PNG")
    assert (checkpoint.save(fake(), tmp_path / "b", card="# Mine") / checkpoint.CARD).read_text() == "# Mine"


@pytest.mark.parametrize("name", ["{gift}.py", "../gift.py", "gift.py", "systems/dcgan", "", "dcgan\n", ".."])
def test_opening_runs_no_file_that_a_checkpoint_names(tmp_path: Path, name: str, monkeypatch: Any) -> None:
    folder = checkpoint.save(fake(), tmp_path / "gift")
    for place in (tmp_path / "gift.py", folder / "gift.py"):
        place.write_text("raise SystemExit('a stranger's code ran')\n")
    monkeypatch.chdir(folder)
    edit(folder, system=name.format(gift=tmp_path / "gift"))
    for reader in (checkpoint.open, checkpoint.read, lambda place: checkpoint.adopt(fake(), place)):
        with pytest.raises(UserError, match="is not the name of a system"):
            reader(folder)


def test_a_name_that_is_a_path_is_looked_up_as_a_name_only(tmp_path: Path) -> None:
    (tmp_path / "gift.py").write_text("raise SystemExit('a stranger's code ran')\n")
    with pytest.raises(UserError, match="unknown system"):
        catalogue.load_named(str(tmp_path / "gift.py"))


def test_a_system_whose_checkpoints_nobody_could_open_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "my.gan.py"
    path.write_text("")
    with pytest.raises(UserError, match="use letters, digits, - and _"):
        catalogue.load_class(str(path))


@pytest.mark.parametrize("name", ["stackgan", "gan-int-cls", "progan"])
def test_nothing_is_drawn_at_random_before_weights_take_their_place(name: str, tmp_path: Path) -> None:
    """At the papers' widths that took most of the time; what is no weight is there all the same."""
    cls, schema = catalogue.load_class(name), Schema(size=32, lexicon=Lexicon(("red", "hat")))
    changes = {"text": "char", "text_width": 64} if name == "gan-int-cls" else {}
    config = change(cls.presets["tiny"], changes)
    torch.manual_seed(1)
    system = cls(config, schema)
    folder, seen = checkpoint.save(system, tmp_path / "saved"), list[torch.Tensor]()

    def build() -> Any:
        seen.append(torch.get_rng_state())
        net = cls(config, schema)
        seen.append(torch.get_rng_state())
        return net

    blank = checkpoint.built(folder, build, (folder / checkpoint.WEIGHTS).stat().st_size)
    assert torch.equal(*seen)
    assert not any(p.any() for n, p in blank.named_parameters() if n.endswith("weight") and p.dim() > 1)
    again = checkpoint.open(folder)
    for (key, value), (other, found) in zip(system.named_buffers(), again.named_buffers(), strict=True):
        assert key == other and torch.equal(value, found), key  # those that are not saved, too
    for (key, value), (other, found) in zip(system.named_parameters(), again.named_parameters(), strict=True):
        assert key == other and torch.equal(value, found), key
