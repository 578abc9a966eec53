"""One trainer for every system: it uses phases, players and updates, and no system by name.

Steps are seeded by (seed, phase, step, rank, attempt) and rows of the data are chosen by the step's number. So a run
that was killed and resumed is bitwise equal to one that was not, and no state of a random generator is saved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch

from limner import checkpoint
from limner.data.dataset import Dataset
from limner.data.shuffle import rows_at
from limner.errors import UserError
from limner.requests import Request
from limner.system import Clock, Phase, System, Update
from limner.training.callbacks import Callback, Callbacks
from limner.training.ema import EMA
from limner.training.engine import Engine, statistics, stoppable
from limner.training.monitor import Monitor
from limner.training.pace import warmed_up
from limner.training.player_state import PlayerState
from limner.training.position import Position
from limner.training.run_folder import RunFolder, alone, resumable, save_state, state_of
from limner.training.samples import draw_samples

ATTEMPTS = 3
"""How often a run goes back to a checkpoint because of NaN or infinity before it gives up."""
STATE = "state.pt"
AGREE_EVERY = 10
"""Steps after which several processes ask each other whether one of them was told to stop."""


class Trainer:
    """Train a system on a data set into a run folder.

    Args:
        system: newly built; the trainer moves it to the engine's device.
        data: the data set whose schema the system was built with.
        run: the folder of checkpoints, log and grids.
        seed: of all randomness.
        engine: processes and precision.
        save_every: images between checkpoints (default: a twentieth of the whole budget).
        grid_every: images between sample grids (default: a fortieth of it); 0 for none.
        prompts: requests of the grids; by default the first held-out ones.
        callbacks: what is called while it trains.

    Raises:
        UserError: where the data lacks a column that a phase needs, or is smaller than one batch.
    """

    def __init__(
        self,
        system: System,
        data: Dataset,
        run: RunFolder,
        *,
        seed: int = 0,
        engine: Engine | None = None,
        save_every: int | None = None,
        grid_every: int | None = None,
        prompts: Sequence[Request] | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self.engine = engine or Engine()
        self.system, self.data, self.run, self.seed = system.to(self.engine.device), data, run, seed
        self.phases = system.phases()
        self.budget = sum(phase.images for phase in self.phases)
        self.save_every = save_every or max(self.budget // 20, 1)
        self.grid_every = max(self.budget // 40, 1) if grid_every is None else grid_every
        self.prompts = prompts or data.requests(
            system.takes, 16, "test" if data.length("test") else "train", most_things=system.most_things
        )
        self.monitor = Monitor(self.engine, run, Callbacks(callbacks, self, leads=self.engine.leads))
        self.at = Position()
        self._players: dict[str, PlayerState] = {}
        self._statistics: list[torch.Tensor] = []
        self._averages: dict[str, EMA] = {}
        self._stop_requested = self._stop = False
        for phase in self.phases:
            self._check(phase)

    def _check(self, phase: Phase) -> None:
        self.data.require(phase.view)
        rows = phase.view.available(self.data)
        if phase.step and rows < phase.batch:
            raise UserError(
                f"phase {phase.name!r} needs at least one batch of {phase.batch} pictures and the data set has {rows} "
                f"for it: add pictures, or make batches smaller (see the batch options of `limner show`)"
            )
        if phase.batch % self.engine.world:
            raise UserError(f"a batch of {phase.batch} cannot be shared by {self.engine.world} processes")

    @alone
    def fit(self, *, stop_after: int | None = None) -> None:
        """Train to the end, or until `stop_after` images in all, or until Ctrl-C, and save a checkpoint.

        Raises:
            UserError: where another training is at work in the run folder.
        """
        if self.engine.lead(self.run.newest) is None:
            self.enter(fresh=True)
            self.save()
        if not self.engine.lead(lambda: self.engine.quiet):
            self.monitor.plan(warmed_up(self))
        with stoppable(self.stop), self.monitor.open(self.budget, self.at.total):
            while not self.finished and not self._done(stop_after):
                self._play(self.phases[self.at.phase], stop_after)
        self.engine.lead(self.run.timelapse)
        self.engine.tracked()

    @alone
    def resume(self, *, stop_after: int | None = None) -> None:
        """Train on from the newest checkpoint, bitwise as if never stopped.

        Raises:
            UserError: where there is none, it cannot be read, or another training is at work in the run folder.
        """
        if (newest := self.engine.lead(self.run.newest)) is None:
            raise UserError(f"{self.run.path} holds no checkpoint yet: start again with `limner train`")
        self.restore(newest)
        self.engine.lead(lambda: self.run.rewind(self.at.total))
        self.fit(stop_after=stop_after)

    @property
    def finished(self) -> bool:
        """Whether every phase is over; after Ctrl-C or SIGTERM `fit` returns before that."""
        return self.at.phase == len(self.phases)

    def stop(self) -> None:
        """Stop after this step, with a checkpoint to go on from."""
        self._stop_requested = True
        self.monitor.say(f"stopping after this step; go on with `limner resume {self.run.path}`")

    def _done(self, stop_after: int | None) -> bool:
        if self.engine.world == 1 or self.at.step % AGREE_EVERY == 0:
            self._stop = self.engine.anywhere(self._stop_requested)
        return self._stop or (stop_after is not None and self.at.total >= stop_after)

    def _play(self, phase: Phase, stop_after: int | None) -> None:
        end, later = self.at.total + phase.images - self.at.seen, len(self.phases) - self.at.phase - 1
        self.monitor.phase(phase.name, self.at.total, end, later)
        if phase.once is not None:
            if numbers := phase.once(self.data):
                self.monitor.check(phase.name, self.at.total, numbers)
                self.engine.lead(lambda: self.run.measured(phase.name, numbers))
            self.at.total += phase.images
        while phase.step is not None and self.at.seen < phase.images:
            self.step(phase)
            self._report(phase)
            if self._done(stop_after) and self.at.seen < phase.images:
                self.save()
                return
            if self._due(self.save_every, phase):
                self.save()
        self.at.phase, self.at.seen, self.at.step = self.at.phase + 1, 0, 0
        self.enter(fresh=True)
        self.save()

    def step(self, phase: Phase) -> None:
        """Take one step of a phase that was entered."""
        at, share = self.at, phase.batch // self.engine.world
        entropy = [self.seed, at.phase, at.step, self.engine.rank, at.attempt]
        torch.manual_seed(_number(entropy))
        first = at.step * phase.batch + self.engine.rank * share
        rows = rows_at(self.data.length("train"), _number([self.seed, at.phase]), first, share)
        batch = phase.view.gather(self.data, rows, np.random.default_rng(entropy)).to(self.engine.device)
        clock = Clock(seen=at.seen, total=phase.images, step=at.step)
        assert phase.step is not None
        updates = phase.step(batch, clock)
        average = partial(self.engine.average, statistics=self._statistics)
        while (update := self._next(updates)) is not None:
            state = self._players[update.player]
            rate = state.player.schedule(clock.progress) * 0.5**at.attempt
            norm = state.move(update.loss, average, rate, phase.batch)
            self.monitor.add(update, norm)
        at.seen, at.step, at.total = at.seen + phase.batch, at.step + 1, at.total + phase.batch

    def _next(self, updates: Iterator[Update]) -> Update | None:
        with self.engine.precision():
            return next(updates, None)

    def enter(self, *, fresh: bool) -> None:
        """Enter the phase at `self.at`: its players are in training mode and learn, all other modules are frozen."""
        phase = None if self.finished else self.phases[self.at.phase]
        players = phase.players if phase else {}
        names = {id(module): name for name, module in self.system.named_modules()}
        modules_of = {who: {names[id(m)]: m for m in player.modules} for who, player in players.items()}
        for who in [key for key in self._averages if key not in modules_of]:
            self._averages.pop(who).swap()  # it has no more phases: its average becomes its weights
        if fresh and phase and phase.on_start is not None:
            phase.on_start()
        self.engine.agree(self.system.state_dict().values())
        self.system.eval().requires_grad_(False)
        self._players = {}
        for who, player in players.items():
            own = modules_of[who]
            for module in own.values():
                module.train().requires_grad_(True)
            if player.ema is not None and (who not in self._averages or not self._averages[who].follows(own)):
                self._averages[who] = EMA(own, player.ema)
            self._players[who] = PlayerState(player, own, self._averages.get(who))
        self._statistics = statistics(module for modules in modules_of.values() for module in modules.values())
        if phase and phase.on_enter is not None:
            phase.on_enter(self.data)

    @contextmanager
    def published(self) -> Iterator[None]:
        """Put the system into the state that is published inside a `with` block: averaged weights, evaluation mode."""
        modes = {module: module.training for module in self.system.modules()}
        with ExitStack() as stack:
            for average in self._averages.values():
                stack.enter_context(average.applied())
            self.system.eval()
            yield
        for module, mode in modes.items():
            module.training = mode

    def _due(self, every: int, phase: Phase) -> bool:
        return every > 0 and self.at.total // every != (self.at.total - phase.batch) // every

    def _report(self, phase: Phase) -> None:
        last = self.at.seen >= phase.images
        sample = last or self._due(self.grid_every, phase)
        if not (sample or self.monitor.due()):
            self.monitor.tick(self.at.total)
        elif not self.monitor.healthy():
            self._go_back()
        else:
            self.monitor.line(phase.name, self.at.total, self.at.seen)
            if sample and self.engine.leads:
                with self.published():
                    draw_samples(self, phase)

    def save(self) -> None:
        """Write a checkpoint; where a loss was not finite go back to the last one instead."""
        if not self.monitor.healthy():
            self._go_back()
            return
        self.engine.lead(lambda: self.monitor.call("on_save", self.run.save(self.at.total, self._fill)))

    def _fill(self, folder: Path) -> None:
        """Write the published checkpoint and the state to resume from; its keys stay as older runs have them."""
        with self.published():
            self.publish(folder)
        state = {
            "at": vars(self.at).copy(),
            "weights": self.system.state_dict(),
            "seats": {who: player.state() for who, player in self._players.items()},
            "shadows": {who: average.state() for who, average in self._averages.items()},
        }
        save_state(state, folder / STATE)

    def publish(self, folder: Path, about: Mapping[str, object] | None = None) -> None:
        """Write the checkpoint that is published, with what is known of its training, and `about` it."""
        now = {"images": self.at.total, "seed": self.seed}
        checkpoint.save(self.system, folder, trained=self.run.about() | now | dict(about or {}))

    def restore(self, folder: Path) -> None:
        """Restore the whole state of a checkpoint of this run.

        Raises:
            UserError: where it is not a checkpoint of this system, or is damaged.
        """
        attempt = self.at.attempt
        state = self.engine.in_turn(lambda: state_of(folder / STATE, self.engine.device))
        with resumable(folder / STATE):
            self.at = Position(**state["at"])
            self._averages = {}
            self.system.load_state_dict(state["weights"])
            self.enter(fresh=False)
            for who, player in self._players.items():
                player.load(state["seats"][who])
            for who, average in self._averages.items():
                average.load(state["shadows"][who])
        self.at.attempt = max(attempt, self.at.attempt)

    def _go_back(self) -> None:
        """Go back to the last checkpoint, with half the learning rate and other random numbers."""
        last, lost = self.engine.lead(lambda: self.run.checkpoints()[-1]), self.at.total
        if self.at.attempt >= ATTEMPTS:
            raise UserError(
                f"{self.monitor.who_lost} lost its numbers (NaN or infinity), {ATTEMPTS + 1} times in all: {last} is "
                "the last good checkpoint; try a smaller learning rate, or --precision fp32"
            )
        self.at.attempt += 1
        self.restore(last)
        self.monitor.went_back(lost, self.at.total, self.at.attempt)


def _number(entropy: Sequence[int]) -> int:
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])
