"""A fleet that learns while it drives: decides, is told what each slot brought, and keeps it for its learner.

It is a controller like any other. In the episodes of training it explores and keeps what it saw, from which
`agents.learner` updates the networks; in those of validation it only decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from agents.algorithm import FleetAlgorithm
from agents.baselines.plan import go_and_serve
from agents.board import IntentionBoard
from agents.credit import Credit, TeamCredit
from agents.episode_replay import Arrays, Shapes
from agents.exploration import Exploration
from agents.moves import Moves
from agents.options import Outlook
from agents.turns import ROUNDS, Order, Turn, turns
from cosim.interface import Action, Episodes, FleetSpec, Observation, Outcome


class FleetDecider:
    """Decides for all EVs with an algorithm's networks, in turn, in rounds or at once.

    Args:
        spec: The fleet.
        algorithm: Its networks.
        order: Whether EVs decide one after another.
        rounds: Rounds of a slot, if they decide in rounds.
        board: Where they tell each other what they intend; default: a board that is told all, exactly and at once.
    """

    def __init__(
        self,
        spec: FleetSpec,
        algorithm: FleetAlgorithm,
        order: Order,
        rounds: int = ROUNDS,
        board: IntentionBoard | None = None,
    ) -> None:
        self._spec = spec
        self._algorithm = algorithm
        self._order: Order = order
        self._rounds = rounds
        self.board = board or IntentionBoard.of_fleet(spec)
        """Intentions of the episodes that run."""

    def decide(
        self,
        observation: Observation,
        exploration: Exploration | None = None,
        kept: Arrays | None = None,
    ) -> tuple[Action, Outlook]:
        """The action of a slot.

        Args:
            observation: What is known.
            exploration: Random choices; none without.
            kept: Where what was seen and chosen is written, by name, shape [R, T, ...].
        """
        self.board.begin_slot(observation)
        outlook, slot = Outlook(self._spec, observation), observation.slot
        of_slot = self._algorithm.begin_slot(observation)
        station = np.full(observation.station.shape, -1, dtype=np.int64)
        power_share = np.zeros(observation.station.shape)
        moved: list[tuple[Turn, Moves]] = []
        taken_turns: list[Turn] = []
        for turn in turns(self._order, self.board, outlook, self._rounds):
            seen = self._algorithm.inputs(turn, kept is not None)
            chosen = self._algorithm.choose(turn, seen, exploration)
            if isinstance(chosen, Moves):
                turn.move(chosen)
                moved.append((turn, chosen))
                taken: Arrays = {"action": chosen.action}
            else:
                choice = np.where(turn.choices.possible.any(axis=(1, 2)), chosen, -1)
                turn.take(choice)
                station[turn.replica, turn.ev] = turn.station
                power_share[turn.replica, turn.ev] = turn.power_share
                taken = {"choice": choice}
            if kept is not None:
                taken_turns.append(turn)
                for name, values in {**seen, **taken}.items():
                    kept[name][turn.replica, slot, turn.ev] = values
        if kept is not None:
            if self._order != "sequential" or self._algorithm.looks_back:
                # All have chosen by now: what a critic sees of the others is what they do, not what they did.
                for turn in taken_turns:
                    again = self._algorithm.afterwards(Turn(self.board, outlook, turn.replica, turn.ev))
                    for name, values in again.items():
                        kept[name][turn.replica, slot, turn.ev] = values
            for name, values in of_slot.items():
                kept[name][:, slot] = values
        action = go_and_serve(self._spec, observation, station, power_share)
        for turn, moves in moved:
            moves.write(action, turn.replica, turn.ev)
        return action, outlook


def kept_shapes(spec: FleetSpec, algorithm: FleetAlgorithm) -> Shapes:
    """What is kept of an episode of a fleet: shape and type by name."""
    of_evs = (spec.slots, spec.fleet_size)
    shapes = algorithm.shapes(*of_evs)
    of_stations = (spec.slots, len(spec.station_name))
    earned: Shapes = {"reward": (of_evs, np.float32), "restored_kwh": (of_stations, np.float32)}
    return {**shapes, "choice": (of_evs, np.int16), **earned}


class FleetInTraining:
    """A learning controller: explores and keeps; and only decides in episodes of validation.

    Args:
        spec: The fleet.
        algorithm: Whose networks decide.
        order: Whether EVs decide one after another.
        validation_from: Episodes from this number on are of validation.
        exploration: Gives the random choices of so many episodes side by side.
        on_episodes: Called when episodes have ended.
    """

    def __init__(
        self,
        spec: FleetSpec,
        algorithm: FleetAlgorithm,
        *,
        order: Order,
        validation_from: int,
        exploration: Callable[[int], Exploration],
        on_episodes: Callable[[Episodes], None],
    ) -> None:
        self._spec = spec
        self._decider = FleetDecider(spec, algorithm, order)
        self._credit = Credit(spec) if algorithm.credit == "individual" else TeamCredit(spec)
        self._validation_from = validation_from
        self._explore = exploration
        self._on_episodes = on_episodes
        self._shapes = kept_shapes(spec, algorithm)
        self.cpu_s = 0.0
        """CPU time of decisions and of what they earned [s]."""

    def act(self, observation: Observation) -> Action:
        """Decide; keep what was seen."""
        begun_s = time.process_time()
        if observation.slot == 0:
            self._begin(observation)
        if self._validates:
            action, outlook = self._decider.decide(observation)
        else:
            action, outlook = self._decider.decide(observation, self._exploration, self._kept)
        self._credit.expect(self._decider.board, outlook)
        self.cpu_s += time.process_time() - begun_s
        return action

    def learn(self, outcome: Outcome) -> None:
        """Take in a slot; after the last one, hand the episodes on."""
        begun_s = time.process_time()
        self._kept["reward"][:, outcome.slot] = self._credit.of_slot(outcome)
        restored_kwh = (outcome.reference_shed_kw - outcome.shed_kw) * self._spec.slot_h
        # Stations of one microgrid share what it gets back.
        of_stations_kwh = restored_kwh[:, self._spec.station_microgrid] * self._spec.station_share
        self._kept["restored_kwh"][:, outcome.slot] = of_stations_kwh
        self._restored_kwh += restored_kwh.sum(axis=1)
        self._reference_kwh += outcome.reference_shed_kw.sum(axis=1) * self._spec.slot_h
        self.cpu_s += time.process_time() - begun_s
        if outcome.slot == self._spec.slots - 1:
            self._on_episodes(self._ended())

    def _begin(self, observation: Observation) -> None:
        count = observation.replicas
        self._validates = bool(observation.episode[0] >= self._validation_from)
        names = ("reward", "restored_kwh") if self._validates else tuple(self._shapes)
        self._kept: Arrays = {name: np.zeros((count, *self._shapes[name][0]), self._shapes[name][1]) for name in names}
        if not self._validates:
            self._kept["choice"][:] = -1
            self._exploration = self._explore(count)
        self._credit.begin(count)
        self._restored_kwh, self._reference_kwh = np.zeros((2, count))

    def _ended(self) -> Episodes:
        counted = self._reference_kwh > 0.0
        ratio = self._restored_kwh[counted] / self._reference_kwh[counted]
        restoration = float(ratio.mean()) if counted.any() else 0.0
        reward = float(self._kept["reward"].sum(axis=1).mean())
        return Episodes(self._validates, restoration, reward, self._kept)
