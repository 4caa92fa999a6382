"""A fleet that learns while it drives: decides, is told what each slot brought, and keeps it for its learner.

It is a controller like any other. In the episodes of training it explores and keeps what it saw, from which
`agents.learner` updates the networks; in those of validation it only decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from agents.baselines.plan import go_and_serve
from agents.board import IntentionBoard
from agents.credit import Credit, TeamCredit
from agents.episode_replay import EpisodeReplay
from agents.moves import Moves
from agents.options import Outlook
from agents.turns import Order, Turn, turns
from cosim.interface import Action, Episodes, FleetSpec, Floats, Ints, Observation, Outcome

Arrays = dict[str, NDArray[Any]]
Shapes = Mapping[str, tuple[tuple[int, ...], Any]]


def linear(first: float, last: float, progress: float) -> float:
    """A value between two, by progress from 0 to 1."""
    return first + (last - first) * min(max(progress, 0.0), 1.0)


def drawn_by_chance(logits: NDArray[Any], generator: np.random.Generator) -> NDArray[Any]:
    """Logits with noise such that the largest of those that are possible is drawn from their softmax."""
    noisy: NDArray[Any] = logits + generator.gumbel(size=logits.shape)
    return noisy


class Exploration:
    """Random choices among those that make sense, or noise, at a rate that rises over the replicas.

    Args:
        rate: Mean share of random choices; mean width of the noise.
        replicas: Number of replicas.
        generator: Draws them.
    """

    def __init__(self, rate: float, replicas: int, generator: np.random.Generator) -> None:
        self._rate: Floats = np.minimum(rate * np.linspace(0.05, 1.95, replicas), 1.0)
        self.generator = generator

    def mixed(self, choice: Ints, possible: NDArray[np.bool_], replica: Ints) -> Ints:
        """Choices with some replaced by random ones, shape [N]."""
        drawn = self.generator.random((2, len(choice)))
        count = possible.sum(axis=1)
        # The k-th of those that are possible.
        nth = np.minimum((drawn[1] * count).astype(np.int64), np.maximum(count - 1, 0))
        at_random = (np.cumsum(possible, axis=1) > nth[:, None]).argmax(axis=1)
        return np.where(drawn[0] < self._rate[replica], at_random, choice)

    def noisy(self, outputs: NDArray[Any], replica: Ints) -> NDArray[np.float32]:
        """Outputs of a literal head with Gaussian noise, shape [N, 3]; heading goes round, the rest stays in 0 to 1."""
        noise = self.generator.normal(size=outputs.shape) * self._rate[replica][:, None]
        moved = (outputs + noise).astype(np.float32)
        return np.concatenate([moved[:, :1] % 1.0, np.clip(moved[:, 1:], 0.0, 1.0)], axis=1)


def exploring(settings: Any, progress: float, replicas: int, generator: np.random.Generator) -> Exploration:
    """The random choices of episodes side by side.

    Args:
        settings: An algorithm's.
        progress: Share of the training that is done before them.
        replicas: Number of episodes.
        generator: Draws them.
    """
    rate = linear(settings.epsilon, settings.epsilon_end, progress / settings.epsilon_until)
    return Exploration(rate, replicas, generator)


class Algorithm(Protocol):
    """What an algorithm must do to train a fleet."""

    settings: Any
    credit: str
    """`individual` or `team`: what EVs are rewarded by in training."""
    on_policy: bool
    """Whether it learns from the last round's episodes only, not from all that a replay holds."""

    def shapes(self, slots: int, evs: int) -> Shapes:
        """What is kept of an episode beside choices and rewards: shape and type by name."""
        ...

    def begin_slot(self, observation: Observation) -> Arrays:
        """Look at a slot before anybody decides; what is kept of it, shape [R, ...]. Slot 0 begins new episodes."""
        ...

    def inputs(self, turn: Turn, learns: bool) -> Arrays:
        """What the networks see as the EVs of a turn decide, shape [N, ...]; what only updates need, if it learns."""
        ...

    def choose(self, turn: Turn, seen: Arrays, exploration: Exploration | None) -> Ints | Moves:
        """The choice of each EV by the networks, shape [N], or its literal action; the best one without exploration."""
        ...

    def end_slot(self, board: IntentionBoard, outlook: Outlook) -> Arrays:
        """What is kept of a slot when all have decided, shape [R, I, ...]."""
        ...

    def update(self, replay: EpisodeReplay, progress: float, generator: np.random.Generator) -> dict[str, float]:
        """One update; returns what is logged."""
        ...

    def weights(self) -> dict[str, Tensor]:
        """The weights that decide, by name."""
        ...

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take over weights that decide."""
        ...

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Begin with weights of the line that `agents.catalogue.Line.starts_from` names."""
        ...

    def state(self) -> dict[str, Tensor]:
        """All that the next update depends on, by name: networks, targets, optimisers, priorities, counters."""
        ...

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from a state."""
        ...


class FleetDecider:
    """Decides for all EVs with an algorithm's networks, in turn or at once.

    Args:
        spec: The fleet.
        algorithm: Its networks.
        order: Whether EVs decide one after another.
    """

    def __init__(self, spec: FleetSpec, algorithm: Algorithm, order: Order) -> None:
        self._spec = spec
        self._algorithm = algorithm
        self._order: Order = order
        self.board = IntentionBoard(spec.fleet_size, len(spec.station_name), spec.slots)
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
        if observation.slot == 0 or self.board.replicas != observation.replicas:
            self.board.begin(observation.replicas)
        outlook, slot = Outlook(self._spec, observation), observation.slot
        of_slot = self._algorithm.begin_slot(observation)
        station = np.full(observation.station.shape, -1, dtype=np.int64)
        power_share = np.zeros(observation.station.shape)
        moved: list[tuple[Turn, Moves]] = []
        for turn in turns(self._order, self.board, outlook):
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
                for name, values in {**seen, **taken}.items():
                    kept[name][turn.replica, slot, turn.ev] = values
        if kept is not None:
            for name, values in {**of_slot, **self._algorithm.end_slot(self.board, outlook)}.items():
                kept[name][:, slot] = values
        action = go_and_serve(self._spec, observation, station, power_share)
        for turn, moves in moved:
            moves.write(action, turn.replica, turn.ev)
        return action, outlook


def kept_shapes(spec: FleetSpec, algorithm: Algorithm) -> Shapes:
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
        algorithm: Algorithm,
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
