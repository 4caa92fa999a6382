"""A training that goes on: after each round its row of the curve, the best weights, a checkpoint where one is due."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cosim.episodes import VALIDATION
from cosim.errors import RecordError
from cosim.interface import Episodes, TrainingRound
from cosim.training.curve import CURVE, Curve
from cosim.training.folder import POSITION, TrainingFolder
from cosim.training.interrupts import Interrupts
from cosim.training.rounds import Plan, Round
from cosim.training.spent import Spent

if TYPE_CHECKING:
    from cosim.loading import FleetInTraining, Trainer

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
        self._before, self._begun_s, self._checkpoints_s = Spent(), time.process_time(), 0.0
        self._names, self._variant = names, 0
        self._fleets: list[FleetInTraining] = []
        self._validation: list[TrainingRound] = []
        self._kept_s, self._took_s = time.monotonic(), 0.0
        self._kept: tuple[int, int, bool] | None = None
        if folder.checkpoint is not None:
            self._load(folder.checkpoint)
        self.resumed_from = self._kept_episodes = trainer.learner.episodes
        self._curve = Curve(folder.path / CURVE)
        trainer.learner.on_update = self.stop_if_asked

    def fleet(self, variant: int, on_episodes: Callable[[Episodes], None]) -> FleetInTraining:
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

    def validate(self, of_round: Round, episodes: Episodes) -> None:
        """Note a round of validation; after that of the last variant the weights are kept if none were better."""
        found = TrainingRound(
            self.trainer.learner.episodes,
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
        self.trainer.keep_best(self._folder.path, rounds[-1].restoration)
        self.validated = True
        self._note(rounds)

    def _trained(self, of_round: TrainingRound) -> None:
        self.done, self.validated = self.done + 1, False
        self._note([replace(of_round, variant=self._names[self._variant])])

    def end(self) -> None:
        """Keep everything of a training that has ended."""
        if self._kept != self._position():
            self._checkpoint()
        self._folder.end()

    def spent(self) -> Spent:
        """Where the time went so far."""
        here = Spent(
            cpu_s=time.process_time() - self._begun_s,
            decisions_s=sum(fleet.cpu_s for fleet in self._fleets),
            updates_s=self.trainer.learner.cpu_s,
            checkpoints_s=self._checkpoints_s,
        )
        return self._before.plus(here)

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
        position = {"episodes": episodes, "done": done, "validated": validated, "spent": asdict(self.spent())}
        self._folder.keep(position, self.trainer.save)
        self._kept, self._kept_episodes = self._position(), episodes
        self._checkpoints_s += time.process_time() - cpu_s
        self._kept_s = time.monotonic()
        self._took_s = self._kept_s - begun_s

    def _position(self) -> tuple[int, int, bool]:
        return self.trainer.learner.episodes, self.done, self.validated

    def _load(self, checkpoint: Path) -> None:
        position = self._folder.restore()
        self.trainer.load(checkpoint)
        try:
            self._before = Spent(**position["spent"])
            self.done, self.validated = position["done"], position["validated"]
        except (TypeError, KeyError) as error:
            raise RecordError(f"{checkpoint} is damaged: {POSITION} lacks {error}") from error
        self._kept = self._position()


def _mean(rounds: Sequence[TrainingRound]) -> TrainingRound:
    """The mean over all variants."""
    restoration = sum(of_round.restoration for of_round in rounds) / len(rounds)
    reward = sum(of_round.reward for of_round in rounds) / len(rounds)
    return TrainingRound(rounds[0].episodes, True, restoration, reward, variant=ALL)
