"""Building a world: same bytes on any number of workers, resumable after any kill, refusals in one line."""

from __future__ import annotations

import importlib.util
import io
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

pytest.importorskip("python_avatars")
pytest.importorskip("resvg_py")
pytest.importorskip("pyarrow")

import pyarrow.parquet as pq

import limner.worlds.build as build_module
from limner.errors import UserError
from limner.worlds import avatars
from limner.worlds.build import Job, Part, shards


@pytest.fixture
def small_shards(monkeypatch):
    """Shards of 12 rows, so that a handful of pictures makes several."""
    monkeypatch.setattr(build_module, "ROWS_PER_SHARD", 12)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of a build."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_same_bytes_whatever_the_number_of_workers(tmp_path):
    for workers in (1, 2):
        avatars.build(tmp_path / str(workers), images=40, size=16, seed=5, workers=workers)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    avatars.build(tmp_path / "other", images=40, size=16, seed=6, workers=1)
    assert contents(tmp_path / "1") != contents(tmp_path / "other")


def test_split_is_by_index_and_holds_every_index_once():
    for images in (1, 2, 39, 40, 1000, 20000, 50000):
        job = Job("avatars", 1, images, 64, 0)
        parts = list(shards(job))
        assert sorted(index for part in parts for index in range(part.start, part.stop)) == list(range(images))
        test = sum(part.stop - part.start for part in parts if part.file.startswith("test"))
        assert test == (0 if images == 1 else max(1, min(1000, images // 20)))
        assert all(part.stop - part.start <= 500 for part in parts)


def test_goes_on_where_it_was(tmp_path, small_shards, monkeypatch):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    avatars.build(whole, images=40, size=16, workers=1)
    avatars.build(broken, images=40, size=16, workers=1)
    files = sorted(broken.glob("train-*.parquet"))
    assert len(files) == 4
    files[1].unlink()
    files[2].write_bytes(files[2].read_bytes()[:100])  # truncated by something else than us
    (broken / "train-00001-of-00004.parquet.77.tmp").write_bytes(b"half a shard")
    kept = files[0].stat().st_mtime_ns
    seen = []
    avatars.build(broken, images=40, size=16, workers=1, progress=lambda done, total: seen.append((done, total)))
    assert contents(whole) == contents(broken)
    assert files[0].stat().st_mtime_ns == kept
    assert seen == [(16, 40), (28, 40), (40, 40)]


def test_survives_kill_9(tmp_path):
    out, whole = tmp_path / "killed", tmp_path / "whole"
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, limner.worlds.build as build\n"
        "build.ROWS_PER_SHARD = 10\n"
        "from limner.worlds import avatars\n"
        "avatars.build(sys.argv[1], images=300, size=16, workers=1)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, str(script), str(out)], env=environment)
    until = time.monotonic() + 600
    while len(list(out.glob("*.parquet"))) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    survivors = sorted(out.glob("*.parquet"))
    assert survivors and not (out / "README.md").exists(), "the kill came too late to show anything"
    assert all(pq.ParquetFile(path).metadata.num_rows for path in survivors)
    for folder in (out, whole):
        subprocess.run([sys.executable, str(script), str(folder)], env=environment, check=True)
    assert contents(out) == contents(whole)


def test_workers_end_with_the_process_that_started_them(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, limner.worlds.build as build\n"
        "build.ROWS_PER_SHARD = 10\n"
        "from limner.worlds import avatars\n"
        "if __name__ == '__main__':\n"
        "    avatars.build(sys.argv[1], images=100_000, size=16, workers=2)\n"
    )
    out, environment = tmp_path / "out", {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, str(script), str(out)], env=environment)
    until = time.monotonic() + 600
    while len(list(out.glob("*.parquet"))) < 3 and time.monotonic() < until:
        time.sleep(0.05)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert len(workers) >= 2
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=60)
    for one in alive:
        one.kill()
    assert not alive, "left behind by a build that was killed"


def test_rows_hold_what_was_drawn(tmp_path):
    avatars.build(tmp_path / "world", images=3, size=32, seed=2, workers=1)
    rows = pq.read_table(tmp_path / "world" / "train-00000-of-00001.parquet").to_pylist()
    assert [row["index"] for row in rows] == [1, 2]
    picture = avatars.render(avatars.sample(2, 1), 32)
    with Image.open(io.BytesIO(rows[0]["image"]["bytes"])) as image:
        assert (np.asarray(image) == picture.rgb).all()
    with Image.open(io.BytesIO(rows[0]["masks"][0]["mask"]["bytes"])) as image:
        assert (np.asarray(image) == picture.mask).all()
    assert rows[0]["attributes"] == dict(avatars.sample(2, 1).attributes)
    assert {box["label"] for box in rows[0]["boxes"]} == set(picture.boxes)


def test_datasets_reads_the_folder(tmp_path):
    datasets = pytest.importorskip("datasets")
    avatars.build(tmp_path / "world", images=6, size=16, workers=1)
    loaded = datasets.load_dataset(str(tmp_path / "world"), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 5, "test": 1}
    row = loaded["train"][0]
    assert row["image"].size == (16, 16) and row["image"].mode == "RGB"
    assert row["masks"][0]["label"] == "foreground" and row["masks"][0]["mask"].size == (16, 16)
    assert len(row["text"]) == 5 and all(isinstance(caption, str) for caption in row["text"])
    assert set(row["attributes"]) == set(avatars.ATTRIBUTES)
    assert len(row["boxes"][0]["box"]) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": 0}, "at least one picture"),
        ({"images": 3, "size": 4}, "choose a size"),
        ({"images": 3, "size": 30000}, "choose a size"),
        ({"images": 3, "seed": -1}, "negative"),
        ({"images": 3, "workers": 0}, "workers"),
    ],
)
def test_numbers_that_make_no_sense_are_refused_and_nothing_is_written(tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        avatars.build(tmp_path / "world", **options)
    assert not (tmp_path / "world").exists()


def test_folders_that_hold_something_else_are_refused(tmp_path):
    avatars.build(tmp_path / "world", images=2, size=16, workers=1)
    before = contents(tmp_path / "world")
    with pytest.raises(UserError, match="another build"):
        avatars.build(tmp_path / "world", images=2, size=16, seed=1, workers=1)
    assert contents(tmp_path / "world") == before
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letters.txt").write_text("dear")
    with pytest.raises(UserError, match="not empty"):
        avatars.build(mine, images=2, workers=1)
    with pytest.raises(UserError, match="is a file"):
        avatars.build(mine / "letters.txt", images=2, workers=1)
    assert [path.name for path in mine.iterdir()] == ["letters.txt"]


def test_missing_packages_are_named(tmp_path, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "resvg_py" else real(name))
    with pytest.raises(UserError, match=r'pip install "limner\[worlds\]"'):
        avatars.build(tmp_path / "world", images=2, workers=1)


def test_importing_needs_no_torch():
    code = "import sys, limner.worlds.avatars; assert not {'torch', 'datasets', 'python_avatars'} & set(sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_many_machines_make_together_what_one_makes(tmp_path, small_shards):
    how = {"images": 60, "size": 16, "seed": 5, "workers": 1}
    avatars.build(tmp_path / "one", **how)
    seen = []
    for number in (2, 3, 1):  # into one folder, and each into its own
        part = Part(number, 3)
        avatars.build(tmp_path / "shared", **how, part=part, progress=lambda *counts: seen.append(counts))
        avatars.build(tmp_path / f"own-{number}", **how, part=Part.parse(f"{number}/3"))
        own = sum(shard.stop - shard.start for shard in part.of(Job("avatars", 1, 60, 16, 5)))
        assert seen[-1] == (own, own)
    assert contents(tmp_path / "shared") == contents(tmp_path / "one")
    parts = [contents(tmp_path / f"own-{number}") for number in (1, 2, 3)]
    shards_of = [{name for name in part if name.endswith(".parquet")} for part in parts]
    assert sum(map(len, shards_of)) == len(set().union(*shards_of)) == 6, "a shard was made twice, or not at all"
    assert parts[0] | parts[1] | parts[2] == contents(tmp_path / "one")


def test_a_machine_leaves_what_others_are_writing(tmp_path, small_shards):
    out, how = tmp_path / "out", {"images": 60, "size": 16, "workers": 1}
    avatars.build(out, **how, part=Part(1, 3))
    own, others = (next(Part(number, 3).of(Job("avatars", 1, 60, 16, 0))).file for number in (1, 2))
    for name in (own, others):
        (out / f"{name}.host.7.tmp").write_bytes(b"half a shard")
    avatars.build(out, **how, part=Part(1, 3))
    assert [path.name for path in out.glob("*.tmp")] == [f"{others}.host.7.tmp"]


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0", "/", "-1/3", "²/3"])
def test_a_shard_that_is_none_is_refused(text):
    with pytest.raises(UserError, match="shard"):
        Part.parse(text)


def test_a_world_is_built_at_an_address(tmp_path, small_shards):
    fsspec = pytest.importorskip("fsspec")
    address = "memory://worlds/avatars"
    for number in (1, 2):
        avatars.build(address, images=40, size=16, workers=2, part=Part(number, 2))
    avatars.build(tmp_path / "here", images=40, size=16, workers=1)
    there = fsspec.filesystem("memory")
    found = {Path(name).name: there.cat_file(name) for name in there.find("/worlds/avatars")}
    assert found == contents(tmp_path / "here")
    there.rm(next(name for name in there.find("/worlds/avatars") if "train-00001" in name))
    seen = []
    avatars.build(address, images=40, size=16, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(28, 40), (40, 40)], "it did not go on where it was"
    with pytest.raises(UserError, match="another build"):
        avatars.build(address, images=41, size=16)
    assert build_module.world_of(address) is avatars


def test_a_world_of_any_size_takes_no_more_memory(tmp_path, monkeypatch):
    """A list of the shards alone would take ten times as much."""
    tried = []

    def stops(where, job, shard):
        tried.append(shard)
        raise KeyboardInterrupt

    monkeypatch.setattr(build_module, "_write_shard", stops)
    tracemalloc.start()
    with pytest.raises(KeyboardInterrupt):
        avatars.build(tmp_path / "huge", images=2 * 10**7, size=16, workers=1, part=Part(3, 16))
    assert tracemalloc.get_traced_memory()[1] < 2**21
    tracemalloc.stop()
    assert len(tried) == 1
    with pytest.raises(UserError, match="1,000,000,000 at most"):
        avatars.build(tmp_path / "more", images=10**12)
