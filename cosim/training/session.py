"""A training that goes on: after each round its row of the curve, the best weights, a checkpoint where one is due."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.episodes import VALIDATION
from cosim.errors import RecordError
from cosim.interface import Episodes, TrainingRound
from cosim.records.stored_training import CURVE
from cosim.training.actor import Job, Weights
from cosim.training.curve import Curve
from cosim.training.folder import POSITION, TrainingFolder
from cosim.training.interrupts import Interrupts
from cosim.training.rounds import Plan, Round
from cosim.training.spent import Spent

if TYPE_CHECKING:
    from cosim.loading import Student, Trainer

#: Share of the time that checkpoints may take.
CHECKPOINT_SHARE = 0.02
#: Least time between two checkpoints, if it is not given in episodes [s].
CHECKPOINT_S = 30.0
#: Name of the mean over all variants.
ALL = "all"

#: Called after each round with the round and the best validation so far; of several variants each, and then their mean.
OnRound = Callable[[TrainingRound, float | None], None]


class Session:
    """What one process does for a training, from its beginning or from a checkpoint on.

    Args:
        trainer: Who learns, and keeps weights.
        folder: Where everything goes.
        plan: All rounds.
        every: Episodes between two checkpoints; None for as often as costs little.
        interrupts: Whether somebody wants it to end.
        names: Names of the variants of the scenario; one that is alone has an empty one.

    Attributes:
        on_round: Who is called after each round.
        done: Rounds of training that are done.
        validated: Whether the validation after them is done.
        resumed_from: Episodes of training that were there already.
        under_way: Gives the number of actors, and the jobs that they have not brought back yet.

    Raises:
        CosimError: If there is a checkpoint that cannot be read.
    """

    def __init__(
        self,
        trainer: Trainer,
        folder: TrainingFolder,
        plan: Plan,
        *,
        every: int | None,
        interrupts: Interrupts,
        names: Sequence[str],
    ) -> None:
        self.trainer, self.plan = trainer, plan
        self.done, self.validated = 0, False
        self.on_round: list[OnRound] = []
        self._folder, self._every, self._interrupts = folder, every, interrupts
        self._spent, self._checkpoints_s = Spent(), 0.0
        self._begun_s, self._begun_cpu_s = time.monotonic(), time.process_time()
        self._under_way_before: list[tuple[Round, Weights]] = []
        self._actors_before = 0
        self.under_way: Callable[[], tuple[int, Sequence[Job]]] = lambda: (0, ())
        self._names, self._variant = names, 0
        self._fleets: list[Student] = []
        self._validation: list[TrainingRound] = []
        self._kept_s, self._took_s = time.monotonic(), 0.0
        self._kept: tuple[int, int, bool] | None = None
        if folder.checkpoint is not None:
            self._load(folder.checkpoint)
        self.resumed_from = self._kept_episodes = trainer.learner.episodes
        self._curve = Curve(folder.path / CURVE)
        trainer.learner.on_update = self.stop_if_asked

    def fleet(self, variant: int, on_episodes: Callable[[Episodes], None]) -> Student:
        """A fleet that explores and decides in this process.

        Args:
            variant: Number of the variant of the scenario.
            on_episodes: Called when a round of episodes has ended.
        """
        fleet = self.trainer.fleet(variant, VALIDATION.start, on_episodes)
        self._fleets.append(fleet)
        return fleet

    def learn(self, of_round: Round, episodes: Episodes) -> None:
        """Learn from a round of training."""
        self._variant = of_round.variant
        self._trained(self.trainer.learner.learn(episodes))

    def finish_round(self) -> None:
        """Do the updates that are left of a round in which the training was stopped."""
        if self.trainer.learner.unfinished:
            self._variant = self.plan.training(self.done).variant
            self._trained(self.trainer.learner.finish())

    def validate(self, of_round: Round, episodes: Episodes, weights: Weights | None = None) -> None:
        """Note a round of validation; after that of the last variant the weights are kept if none were better.

        Args:
            of_round: The round.
            episodes: What it brought.
            weights: What decided in it; default: the weights of now.
        """
        seen = of_round.number * self.plan.replicas
        found = TrainingRound(
            seen,
            True,
            episodes.restoration,
            episodes.reward,
            variant=self._names[of_round.variant],
        )
        self._validation.append(found)
        if len(self._validation) < self.plan.variants:
            self.stop_if_asked()
            return
        rounds, self._validation = self._validation, []
        if self.plan.variants > 1:
            rounds.append(_mean(rounds))
        self.trainer.keep_best(self._folder.path, rounds[-1].score, seen, weights)
        self.validated = self.validated or of_round.number == self.done
        self._note(rounds)

    def _trained(self, of_round: TrainingRound) -> None:
        self.done, self.validated = self.done + 1, False
        self._note([replace(of_round, variant=self._names[self._variant])])

    def end(self) -> None:
        """Keep everything of a training that has ended."""
        if self._kept != self._position():
            self._checkpoint()
        self._folder.end()

    @property
    def left(self) -> bool:
        """Whether anything is left to do."""
        return self.trainer.learner.unfinished or any(True for _ in self.plan.rest(self.done, self.validated))

    def spent(self) -> Spent:
        """Where the time went so far."""
        here = Spent(
            cpu_s=time.process_time() - self._begun_cpu_s,
            decisions_s=sum(fleet.cpu_s for fleet in self._fleets),
            updates_s=self.trainer.learner.cpu_s,
            checkpoints_s=self._checkpoints_s,
            wall_s=time.monotonic() - self._begun_s,
        )
        return self._spent.plus(here)

    def add_spent(self, spent: Spent) -> None:
        """Add time of other processes, or for them."""
        self._spent = self._spent.plus(spent)

    def under_way_before(self, actors: int) -> list[tuple[Round, Weights]]:
        """Rounds that as many actors ran at the last checkpoint, and the weights that they had; none for others."""
        return self._under_way_before if actors == self._actors_before else []

    def _note(self, rounds: Sequence[TrainingRound]) -> None:
        for of_round in rounds:
            self._curve.add(of_round, self.spent().cpu_s)
            for tell in self.on_round:
                tell(of_round, self.trainer.best)
        self.stop_if_asked()
        if self._due():
            self._checkpoint()

    def _due(self) -> bool:
        """Whether it is time for a checkpoint."""
        if self._every is not None:
            return self.trainer.learner.episodes - self._kept_episodes >= self._every
        return time.monotonic() - self._kept_s >= max(self._took_s / CHECKPOINT_SHARE, CHECKPOINT_S)

    def stop_if_asked(self) -> None:
        """End here if somebody wants it; called where a checkpoint can be made."""
        if self._interrupts.asked:
            self._checkpoint()
            raise KeyboardInterrupt

    def _checkpoint(self) -> None:
        begun_s, cpu_s = time.monotonic(), time.process_time()
        self.trainer.keep_last(self._folder.path)
        episodes, done, validated = self._position()
        actors, jobs = self.under_way()
        position = {
            "episodes": episodes,
            "done": done,
            "validated": validated,
            "spent": asdict(self.spent()),
            "actors": actors,
            "under_way": [_plain(job.of_round) for job in jobs],
        }
        self._folder.keep(position, lambda folder: self.trainer.save(folder, [job.weights for job in jobs]))
        self._kept, self._kept_episodes = self._position(), episodes
        self._checkpoints_s += time.process_time() - cpu_s
        self._kept_s = time.monotonic()
        self._took_s = self._kept_s - begun_s

    def _position(self) -> tuple[int, int, bool]:
        return self.trainer.learner.episodes, self.done, self.validated

    def _load(self, checkpoint: Path) -> None:
        position = self._folder.restore()
        handed_out = self.trainer.load(checkpoint)
        try:
            self._spent = Spent(**position["spent"])
            self.done, self.validated = position["done"], position["validated"]
            self._actors_before = position["actors"]
            rounds = [self._round(**plain) for plain in position["under_way"]]
            self._under_way_before = list(zip(rounds, handed_out, strict=True))
        except (TypeError, KeyError) as error:
            raise RecordError(f"{checkpoint} is damaged: {POSITION} lacks {error}") from error
        self._kept = self._position()

    def _round(self, number: int, variant: int, validates: bool) -> Round:
        return self.plan.validation_of(variant, number) if validates else self.plan.training(number)


def _plain(of_round: Round) -> dict[str, Any]:
    return {"number": of_round.number, "variant": of_round.variant, "validates": of_round.validates}


def _mean(rounds: Sequence[TrainingRound]) -> TrainingRound:
    """The mean over all variants."""
    restored = [of_round.restoration for of_round in rounds if of_round.restoration is not None]
    restoration = sum(restored) / len(rounds) if restored else None
    reward = sum(of_round.reward for of_round in rounds) / len(rounds)
    return TrainingRound(rounds[0].episodes, True, restoration, reward, variant=ALL)
