"""The trainer: exact resume, averages, schedules, lost numbers, kills, and the whole of a run folder."""

from __future__ import annotations

import json
import multiprocessing
import random
import resource
import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from limner import catalogue, checkpoint
from limner.data.dataset import Dataset
from limner.data.views import Pictures
from limner.errors import UserError
from limner.noise import RowNoise, slerp
from limner.system import Update
from limner.training.ema import EMA
from limner.training.engine import Engine
from limner.training.run_folder import RunFolder, save_state
from toy import shapes
from toy_training import LONG, STEPS, Toy, ToyConfig, go_on, trainer, weights


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("toy") / "data")


@pytest.fixture(autouse=True)
def nameable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "name_of", lambda cls: cls.__name__.lower())


def assert_same(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    for name, value in a.items():
        assert torch.equal(value, b[name]), name


@pytest.mark.parametrize("cut", [4, 8, 36, 40, 44, 76])
def test_resume_is_bitwise_equal_wherever_it_was_cut(data, tmp_path, cut):
    whole = trainer(data, tmp_path / "whole")
    whole.fit()
    trainer(data, tmp_path / "cut").fit(stop_after=cut)
    second = trainer(data, tmp_path / "cut")
    second.resume()
    assert_same(weights(whole), weights(second))


def test_what_a_phase_measures_is_kept_in_both_records(data, tmp_path, monkeypatch):
    monkeypatch.setattr(Toy, "count", lambda self, data: {"share": 0.98765})
    whole = trainer(data, tmp_path / "whole")
    whole.fit()
    trainer(data, tmp_path / "cut").fit(stop_after=44)  # after the phase that measures
    second = trainer(data, tmp_path / "cut")
    second.resume()
    for run in (whole.run, second.run):
        kept = json.loads((run.path / "run.json").read_text())["measured"]
        published = checkpoint.read(run.newest())["trained"]["measured"]
        assert kept == published == {"table": {"share": 0.9877}}
        logged = [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]
        assert [line["check.share"] for line in logged if "check.share" in line] == [0.98765]


def test_another_seed_gives_other_weights(data, tmp_path):
    one, other = trainer(data, tmp_path / "1"), trainer(data, tmp_path / "2", seed=1)
    one.fit()
    other.fit()
    assert not torch.equal(one.system.mean[0].weight, other.system.mean[0].weight)


def test_the_log_of_a_resumed_run_has_every_line_once(data, tmp_path):
    trainer(data, tmp_path / "run").fit(stop_after=20)
    (tmp_path / "run" / "log.jsonl").open("a").write(json.dumps({"phase": "mean", "total": 900}) + "\n{half a li")
    trainer(data, tmp_path / "run").resume()
    totals = [json.loads(line)["total"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert totals == sorted(totals)
    assert totals[-1] == 2 * STEPS * 4


def test_published_weights_are_the_average_and_training_goes_on_from_its_own(data, tmp_path):
    run = trainer(data, tmp_path / "run")
    run.fit(stop_after=20)
    raw = run.system.mean[0].weight.clone()
    with run.published():
        assert not torch.equal(raw, run.system.mean[0].weight)
        assert not run.system.mean.training
    assert torch.equal(raw, run.system.mean[0].weight)
    assert run.system.mean.training


def test_a_average_keeps_half_after_its_half_life():
    layer = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(layer.weight)
    average = EMA({"layer": layer}, half_life=100)
    average.updates = 10**6  # long past its warm-up
    nn.init.ones_(layer.weight)
    for _ in range(10):
        average.update(10)
    with average.applied():
        assert layer.weight.item() == pytest.approx(0.5, abs=1e-5)


def test_averaged_weights_have_the_batch_statistics_of_the_living_net(data, tmp_path):
    run = trainer(data, tmp_path / "run")
    run.fit(stop_after=STEPS * 2)
    norm = run.system.mean[1]
    weight, statistics = norm.weight.detach().clone(), [value.clone() for value in norm.buffers()]
    assert norm.num_batches_tracked > 1
    with run.published():
        assert not torch.equal(norm.weight, weight)
        assert all(torch.equal(a, b) for a, b in zip(norm.buffers(), statistics, strict=True))


def test_a_finished_player_becomes_its_average(data, tmp_path):
    run = trainer(data, tmp_path / "run", save_every=4)
    run.fit(stop_after=STEPS * 4 - 4)
    average = run._averages["mean"]
    run.step(run.phases[0])
    expected = average._average["mean.0.weight"].clone()
    run.at.phase, run.at.seen, run.at.step = 1, 0, 0
    run.enter(fresh=True)
    assert torch.equal(run.system.mean[0].weight, expected)
    assert not run._averages


def test_the_schedule_and_the_clip_are_obeyed(data, tmp_path):
    run = trainer(data, tmp_path / "run")
    run.fit(stop_after=STEPS * 4 // 2 + 4)  # 6 of 10 steps done, the last one at progress 0.5
    assert run._players["mean"].optimiser.param_groups[0]["lr"] == pytest.approx(1e-2 * 0.5)
    run = trainer(data, tmp_path / "run")
    run.resume(stop_after=STEPS * 4 + 4)
    gradients = [p.grad for p in run._players["scale"].parameters]
    assert torch.linalg.vector_norm(torch.cat([g.flatten() for g in gradients])) <= 0.5 + 1e-4


def test_lost_numbers_take_the_run_back_and_it_says_so(data, tmp_path, capsys):
    run = trainer(data, tmp_path / "run", ToyConfig(poison=5), quiet=False)
    run.fit()
    assert run.at.attempt == 1
    assert run.at.total == 2 * STEPS * 4
    assert all(torch.isfinite(value).all() for value in weights(run).values() if value.is_floating_point())
    told = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line for line in told if "went_back_from" in line]
    assert "went back" in capsys.readouterr().err


def test_numbers_lost_again_and_again_end_the_run(data, tmp_path):
    run = trainer(data, tmp_path / "run", ToyConfig(poison=2))
    step = run.system.fit_mean

    def always(batch: Pictures, clock: Any) -> Iterator[Update]:
        run.system.poisoned = 0
        yield from step(batch, clock)

    object.__setattr__(run.phases[0], "step", always)
    with pytest.raises(UserError, match="lost its numbers"):
        run.fit()


def test_too_few_pictures_is_one_clear_line(data, tmp_path):
    few = shapes(tmp_path / "few", count=3, held_out=0)
    with pytest.raises(UserError, match="at least one batch of 4 pictures and the data set has 3"):
        trainer(few, tmp_path / "run")


def test_a_run_folder_is_not_overwritten(data, tmp_path):
    RunFolder.create(tmp_path / "run")
    with pytest.raises(UserError, match="limner resume"):
        RunFolder.create(tmp_path / "run")


def test_resuming_nothing_says_what_to_do(data, tmp_path):
    with pytest.raises(UserError, match="limner train"):
        RunFolder.open(tmp_path)
    with pytest.raises(UserError, match="no checkpoint"):
        trainer(data, tmp_path / "run").resume()


def test_a_damaged_state_is_one_clear_line(data, tmp_path):
    trainer(data, tmp_path / "run").fit(stop_after=8)
    newest = RunFolder.open(tmp_path / "run").checkpoints()[-1] / "state.pt"
    newest.write_bytes(newest.read_bytes()[:-2000])
    with pytest.raises(UserError, match="remove that folder"):
        trainer(data, tmp_path / "run").resume()


def test_a_full_disk_leaves_the_last_checkpoint(data, tmp_path, monkeypatch):
    run = trainer(data, tmp_path / "run", save_every=10**9)
    run.fit(stop_after=8)
    before = run.run.checkpoints()

    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(UserError, match="No space left"):
        trainer(data, tmp_path / "run", save_every=4).resume()
    assert run.run.checkpoints() == before
    assert not list((tmp_path / "run" / "checkpoints").glob(".*"))
    monkeypatch.undo()
    monkeypatch.setattr(catalogue, "name_of", lambda cls: "toy")
    trainer(data, tmp_path / "run").resume()


def test_two_trainings_do_not_work_in_one_folder(data, tmp_path):
    trainer(data, tmp_path / "run").fit(stop_after=8)
    first, second = (trainer(data, tmp_path / "run") for _ in range(2))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*") if path.is_file()}
    first.run.hold()
    with pytest.raises(UserError, match="another training is at work"):
        second.resume()
    with pytest.raises(UserError, match="another training is at work"):
        second.fit()
    assert all(path.stat().st_mtime_ns == time for path, time in before.items() if path.name != ".lock")
    first.run.release()
    second.resume()
    assert second.finished


@pytest.mark.parametrize("room", [100, 40_000, 130_000, 260_000])
def test_a_disk_that_fills_in_the_middle_of_the_state_leaves_nothing(tmp_path, room):
    """No file can have more than `room` bytes: what torch says of that is no OSError."""
    run = RunFolder.create(tmp_path / "run")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(UserError, match=r"cannot save to .*File too large.*free some space"):
            run.save(8, lambda folder: (folder.mkdir(), save_state({"a": torch.ones(100_000)}, folder / "state.pt")))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list((tmp_path / "run" / "checkpoints").iterdir())


def test_grids_and_the_film(data, tmp_path):
    run = trainer(data, tmp_path / "run", grid_every=8)
    run.fit()
    grids = run.run.grids()
    assert len(grids) == 2 * STEPS // 2
    assert (tmp_path / "run" / "timelapse.gif").stat().st_size > 0


def test_engines_of_different_precision_live_side_by_side():
    for precision, dtype in (("fp32", torch.float32), ("auto", None), ("fp32", torch.float32)):
        with Engine(precision, quiet=True).precision():
            made = torch.ones(2, 2) @ torch.ones(2, 2)
        assert dtype is None or made.dtype is dtype
    with pytest.raises(UserError, match="auto, fp32 or bf16"):
        Engine("fp8")


def test_dice_rows_are_independent_and_walks_meet_their_ends():
    together = RowNoise([3, 9]).normal(5)
    assert torch.equal(together[1], RowNoise([9]).normal(5)[0])
    ends = RowNoise([3, 9]).normal(5)
    walk = RowNoise([(3, 9, 0.0), (3, 9, 1.0)]).normal(5)
    assert torch.allclose(walk, ends, atol=1e-6)
    assert torch.allclose(slerp(torch.ones(2), torch.ones(2), 0.3), torch.ones(2))


SLOW_TO_IMPORT = ["datasets", "torch._dynamo", "limner.data.dataset", "limner.training.trainer"]
"""What every child would spend seconds on; a process that has it imported is forked instead."""


@pytest.mark.slow
def test_kill_minus_nine_at_ten_random_moments(tmp_path):
    """Kill without warning, again and again: no checkpoint is ever unreadable and the end is the same to the bit."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(SLOW_TO_IMPORT)
    rng, kills = random.Random(0), 0
    for attempt in range(40):
        ready, begun = processes.Pipe(duplex=False)
        child = processes.Process(target=go_on, args=(tmp_path, begun))
        child.start()
        begun.close()
        assert ready.recv() == "ready"
        if kills < 10:
            child.join(rng.uniform(0.0, 0.15))
            kills += child.is_alive()
            child.kill()
        child.join()
        ready.close()
        if child.exitcode == 0:
            break
        assert child.exitcode == -signal.SIGKILL, f"attempt {attempt} ended with {child.exitcode}"
    assert kills == 10, f"the run ended after {kills} kills: make it longer"
    whole = trainer(shapes(tmp_path / "data"), tmp_path / "whole", LONG, save_every=40)
    whole.fit()
    assert_same(weights(whole), torch.load(tmp_path / "final.pt", weights_only=True))


def test_rows_do_not_depend_on_numpys_global_state(data, tmp_path):
    np.random.seed(1)
    one = trainer(data, tmp_path / "1")
    one.fit()
    np.random.seed(2)
    two = trainer(data, tmp_path / "2")
    two.fit()
    assert_same(weights(one), weights(two))
