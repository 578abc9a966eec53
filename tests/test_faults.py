"""Whatever the machine does in the midst of a write: nothing is left half-written, one line tells, and work goes on.

Each kind of thing that Limner writes is written again and again, and every time another operation fails or kills.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sqlite3
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

import faults
from artists import fake, published
from faults import CODES, address_space, clock, few_files, file_size, in_child, killed_at, leftovers, read_only, sweep
from galleries import picture
from limner import catalogue, checkpoint, cli
from limner.data.dataset import Dataset
from limner.data.importers import writing
from limner.data.importers.writing import Entry, Plan
from limner.errors import UserError
from limner.export import web
from limner.studio.gallery import files
from limner.studio.gallery.database import Unavailable
from limner.studio.gallery.gallery import Gallery
from picture_sets import encoded
from picture_sets import picture as photo
from toy import shapes
from toy_training import Toy, trainer, weights

TIMES = int(os.environ.get("LIMNER_FUZZ", "1"))
"""As in test_foreign.py: `LIMNER_FUZZ=10 pytest tests/test_faults.py` breaks a training at ten times as many places."""
DAY = 86_400
BROKEN = pytest.mark.parametrize("code", CODES.values(), ids=CODES)


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[int], Path]:
    def make(number: int) -> Path:
        folder = tmp_path / f"try-{number}"
        folder.mkdir()
        return folder

    return make


# The harness itself


def test_what_is_broken_is_one_operation_after_the_other(fresh: Callable[[int], Path]) -> None:
    def act(folder: Path) -> None:
        (folder / "a").write_text("one")
        (folder / "a").rename(folder / "b")
        (folder / "b").read_text()

    with faults.fails(fresh(1), 2, errno.EIO) as operations, pytest.raises(OSError, match="Input/output"):
        act(Path(operations.folder))
    assert [path.name for path in Path(operations.folder).iterdir()] == ["a"]
    assert killed_at(act, fresh(2), 2) and not killed_at(act, fresh(3), 3)
    assert not (fresh(4).parent / "try-2" / "b").exists() and (fresh(5).parent / "try-3" / "b").exists()


def test_limits_are_the_kernels(tmp_path: Path) -> None:
    (tmp_path / "some").write_text("")
    with file_size(10), pytest.raises(OSError) as full:
        (tmp_path / "some").write_text("eleven bytes")
    with few_files(1), (tmp_path / "some").open(), pytest.raises(OSError) as many:
        (tmp_path / "some").open()
    with read_only(tmp_path), pytest.raises(PermissionError):
        (tmp_path / "another").write_text("")
    assert (full.value.errno, many.value.errno) == (errno.EFBIG, errno.EMFILE)
    (tmp_path / "another").write_text("and all of it is over again")


# Checkpoints


def value(folder: Path) -> torch.Tensor:
    return checkpoint.open(folder).body.weight  # type: ignore[no-any-return]


@BROKEN
def test_a_checkpoint_is_the_old_one_or_the_new(fresh: Callable[[int], Path], code: int) -> None:
    old, new = fake(seed=1).body.weight, fake(seed=2).body.weight

    def prepared(number: int) -> Path:
        return published(fresh(number) / "artist", seed=1).parent

    told = []
    for folder, error in sweep(lambda folder: published(folder / "artist", seed=2), prepared, code):
        found = value(folder / "artist")
        assert torch.equal(found, new) or (error and torch.equal(found, old))
        assert not leftovers(folder)
        told.append(error)
    assert len(told) > 5 and sum(error is not None for error in told) > 4


def test_a_checkpoint_outlives_a_kill_before_each_operation(fresh: Callable[[int], Path]) -> None:
    old, new, at = fake(seed=1).body.weight, fake(seed=2).body.weight, 0
    found = set()
    while True:
        at += 1
        folder = published(fresh(at) / "artist", seed=1).parent
        if not killed_at(lambda folder: published(folder / "artist", seed=2), folder, at):
            break
        is_new = torch.equal(value(folder / "artist"), new)
        assert is_new or torch.equal(value(folder / "artist"), old)
        found.add(is_new)
        published(folder / "artist", seed=2)
        assert torch.equal(value(folder / "artist"), new)
    assert at > 5 and found == {False, True}


# Training


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("toy") / "data")


@pytest.fixture(scope="module", autouse=True)
def named() -> Iterator[None]:
    """The toy lies in no catalogue."""
    found = catalogue.name_of
    catalogue.name_of = lambda cls: "toy" if cls is Toy else found(cls)
    yield
    catalogue.name_of = found


@pytest.fixture(scope="module")
def unbroken(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    whole = trainer(data, tmp_path_factory.mktemp("whole") / "run")
    whole.fit()
    return weights(whole)


def trained(data: Dataset, folder: Path) -> dict[str, torch.Tensor]:
    """Train, or go on where there is a checkpoint, to the end."""
    one = trainer(data, folder / "run", grid_every=16)
    (one.resume if one.run.checkpoints() else one.fit)()
    return weights(one)


def is_whole(data: Dataset, folder: Path, unbroken: dict[str, torch.Tensor]) -> None:
    found = trained(data, folder)
    assert found.keys() == unbroken.keys() and all(torch.equal(found[name], unbroken[name]) for name in unbroken)
    assert not leftovers(folder)


def test_a_training_goes_on_bit_for_bit(
    data: Dataset, unbroken: dict[str, torch.Tensor], fresh: Callable[[int], Path]
) -> None:
    """A disk that stays full, a file too many, a disk that cannot be written: each at other places."""
    step, told = max(33 // TIMES, 1), 0
    for place, (code, lasts) in enumerate([(errno.ENOSPC, True), (errno.EMFILE, False), (errno.EROFS, True)]):
        tries = sweep(
            lambda folder: trained(data, folder),
            lambda at, place=place: fresh(1_000 * place + at),  # type: ignore[misc]
            code,
            first=1 + 11 * place // TIMES,
            step=step,
            lasts=lasts,
        )
        for folder, error in tries:
            is_whole(data, folder, unbroken)
            told += error is not None
    assert told >= 4


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_training_that_is_killed_goes_on_bit_for_bit(
    data: Dataset, unbroken: dict[str, torch.Tensor], fresh: Callable[[int], Path], number: int
) -> None:
    for at in range(5, 60, max(22 // TIMES, 1)):
        folder = fresh(at)
        assert killed_at(lambda folder: trained(data, folder), folder, at, number)
        is_whole(data, folder, unbroken)


def test_a_clock_that_jumps_changes_no_training(
    data: Dataset, unbroken: dict[str, torch.Tensor], fresh: Callable[[int], Path]
) -> None:
    with clock(lambda looks: (-365 if looks % 2 else 40) * DAY):
        trainer(data, fresh(0) / "run", grid_every=16).fit(stop_after=12)
        is_whole(data, fresh(1).parent / "try-0", unbroken)


def test_a_read_only_run_is_told_in_a_line(data: Dataset, fresh: Callable[[int], Path]) -> None:
    folder = fresh(0)
    trainer(data, folder / "run").fit(stop_after=8)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with read_only(folder / "run"), pytest.raises(UserError, match=r"[Pp]ermission denied"):
        trained(data, folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


# Imports of data


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setattr(writing, "_ROWS_PER_SHARD", 3)
    (tmp_path / "source").mkdir()
    entries = []
    for number in range(7):
        path = tmp_path / "source" / f"{number}.jpg"
        path.write_bytes(encoded(photo(number, (20, 15)), "JPEG"))
        entries.append(Entry("train" if number < 5 else "test", f"a/{number}", path, (f"picture {number}",)))
    return Plan("Things", "things.tgz", entries, "official")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@BROKEN
def test_an_import_is_whole_or_not_there(plan: Plan, fresh: Callable[[int], Path], code: int) -> None:
    whole = contents(writing.write(plan, fresh(10**6) / "out"))
    for folder, error in sweep(lambda folder: writing.write(plan, folder / "out"), fresh, code):
        assert (folder / "out").exists() == (error is None)
        assert contents(writing.write(plan, folder / "out")) == whole if error else contents(folder / "out") == whole
        assert not leftovers(folder)


def test_an_import_that_is_killed_goes_on(plan: Plan, fresh: Callable[[int], Path]) -> None:
    whole, at = contents(writing.write(plan, fresh(10**6) / "out")), 1
    while killed_at(lambda folder: writing.write(plan, folder / "out"), folder := fresh(at), at):
        if not (folder / "out").exists():
            writing.write(plan, folder / "out")
        assert contents(folder / "out") == whole and not leftovers(folder)
        at += 1
    assert at > 4


@pytest.mark.parametrize("most", [100, 1_500])
def test_an_import_for_which_no_file_may_be_large_enough(plan: Plan, fresh: Callable[[int], Path], most: int) -> None:
    folder = fresh(0)
    with file_size(most), pytest.raises(UserError) as told:
        writing.write(plan, folder / "out")
    assert "\n" not in str(told.value) and not (folder / "out").exists()


# Exports


def exported(folder: Path) -> None:
    web._appear(folder / "public", {"studio.json": b'{"kind": "browser"}', "artists/a/painter.onnx": b"new" * 999})


@BROKEN
def test_an_export_is_the_old_one_or_the_new(fresh: Callable[[int], Path], code: int) -> None:
    def prepared(number: int) -> Path:
        folder = fresh(number)
        (folder / "public").mkdir()
        (folder / "public" / "studio.json").write_text("old")
        return folder

    told = []
    for folder, error in sweep(exported, prepared, code):
        names = {path.relative_to(folder / "public").as_posix() for path in (folder / "public").rglob("*")}
        if error:
            assert (folder / "public" / "studio.json").read_text() == "old" and names == {"studio.json"}
        else:
            assert (folder / "public" / "artists" / "a" / "painter.onnx").stat().st_size == 2997
        assert not leftovers(folder)
        told.append(error)
    assert sum(error is not None for error in told) > 5


# The gallery, whose files SQLite writes: limits of the kernel instead of operations that are counted


def filled(folder: Path, count: int = 3) -> Gallery:
    gallery = Gallery(folder / "gallery.sqlite")
    for seed in range(count):
        gallery.add(picture(seed=seed, side=64), keep=True)
    return gallery


def is_sound(folder: Path) -> set[int]:
    """Return the seeds of the pictures in a gallery that was opened anew, each of them whole."""
    gallery = Gallery(folder / "gallery.sqlite")
    seeds = {one.recipe["seed"] for one in gallery.page("kept", limit=200).pictures}
    assert len(list(gallery.each("kept"))) == len(seeds)
    gallery.close()
    with sqlite3.connect(folder / "gallery.sqlite") as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return seeds


def test_a_gallery_without_room_keeps_what_it_has(fresh: Callable[[int], Path]) -> None:
    refused = 0
    for number, more in enumerate(range(0, 60_000, 12_000)):
        gallery = filled(fresh(number))
        folder = fresh(number + 100).parent / f"try-{number}"
        kept = {0, 1, 2}
        largest = max(path.stat().st_size for path in folder.iterdir())
        with file_size(largest + more):
            for seed in range(3, 30):
                try:
                    gallery.add(picture(seed=seed, side=64), keep=True)
                    kept.add(seed)
                except Unavailable as error:
                    assert "\n" not in str(error)
                    refused += 1
                    break
        again = gallery.add(picture(seed=99, side=64), keep=True)
        assert again.kept_at
        gallery.close()
        assert is_sound(folder) == kept | {99}
    assert refused > 2


def test_a_gallery_without_files_or_rights_is_told(fresh: Callable[[int], Path]) -> None:
    folder = fresh(0)
    filled(folder).close()
    for trouble in (few_files(0), few_files(1), read_only(folder)):
        with trouble, pytest.raises((UserError, Unavailable)) as told:
            Gallery(folder / "gallery.sqlite").add(picture(seed=50), keep=True)
        assert "\n" not in str(told.value)
        assert is_sound(folder) == {0, 1, 2}


def test_a_zip_for_which_there_is_no_room_is_taken_in_whole_pictures(fresh: Callable[[int], Path]) -> None:
    source = filled(fresh(0), count=30)
    packed = b"".join(files.stream(source))
    source.close()
    assert zipfile.ZipFile(io.BytesIO(packed)).testzip() is None
    for number, most in enumerate((250_000, 400_000, 100_000_000), start=1):
        folder = fresh(number)
        gallery = Gallery(folder / "gallery.sqlite")
        with file_size(most):
            try:
                files.read(gallery, io.BytesIO(packed))
            except (Unavailable, ValueError) as error:
                assert "\n" not in str(error)
        gallery.close()
        assert is_sound(folder) <= set(range(30))
        gallery = Gallery(folder / "gallery.sqlite")
        files.read(gallery, io.BytesIO(packed))
        gallery.close()
        assert is_sound(folder) == set(range(30))


# Memory


def test_too_little_memory_is_one_line_of_the_command(fresh: Callable[[int], Path]) -> None:
    """The kernel gives 300 MB more; a batch of 4,096 avatars asks for gigabytes."""
    folder = fresh(0)

    def draw() -> None:
        with (folder / "told").open("w") as told, address_space(300 * 2**20):
            sys.stderr = told
            code = cli.main(["draw", "a man", "-n", "4096", "--batch", "4096", "-o", str(folder / "out")])
        os._exit(code)

    assert in_child(draw) == 2
    told = (folder / "told").read_text().splitlines()
    assert told[-1].startswith("limner: error: there is not enough memory") and "Traceback" not in "".join(told)
    assert not list(folder.rglob("*.png")) and not leftovers(folder)
