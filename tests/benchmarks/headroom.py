"""How much better an episode could have gone: `python tests/benchmarks/headroom.py --episodes 4`.

Takes a fleet's decisions in an episode, changes one to three of a slot, lets the fleet go on from there, and keeps what
restores more; again and again. So it finds plans that are really possible in the simulation, with hindsight: a lower
bound on what could be reached, as `cosim bound` is an upper one. By default the episodes of validation.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np
import torch

import cosim
from agents.algorithms.team_ppo import TeamPpo
from agents.exploration import Exploration
from agents.learning import FleetDecider
from agents.trained import FOLDER
from agents.turns import Turn
from agents.weights import load_weights
from cosim.episodes import VALIDATION
from cosim.interface import Action, Floats, Ints, Observation, Outcome
from cosim.plain_loop import PlainLoop
from cosim.schedule import Schedule
from cosim.world import Simulators, make_simulators

SCENARIO = Path(__file__).parents[2] / "scenarios" / "outage_33bus.yaml"
#: Variants of an episode that are tried side by side.
VARIANTS = 64
#: How strongly a changed decision departs from the fleet's probabilities.
TEMPERATURES = (2.0, 5.0, 20.0)


class Searched:
    """A fleet that does as it is told where it is told, and as it has learned elsewhere.

    Args:
        algorithm: The fleet's.
        decider: Who decides with it.
        slots: Slots of an episode.
        evs: Number of EVs.
    """

    def __init__(self, algorithm: TeamPpo, decider: FleetDecider, slots: int, evs: int) -> None:
        self.told: Ints = np.full((VARIANTS, slots, evs), -1)
        self.done = self.told.copy()
        self.temperature: Floats = np.zeros((VARIANTS, slots, evs))
        self._decider = decider
        self._network = algorithm.network
        self._random = np.random.default_rng(0)
        algorithm.choose = self._choose  # type: ignore[method-assign]

    def act(self, observation: Observation) -> Action:
        self._slot = observation.slot
        if observation.slot == 0:
            self.restored_kwh, self.reference_kwh = np.zeros((2, VARIANTS))
            self.done[:] = -1
        return self._decider.decide(observation)[0]

    def learn(self, outcome: Outcome) -> None:
        self.restored_kwh += (outcome.reference_shed_kw - outcome.shed_kw).sum(axis=1)
        self.reference_kwh += outcome.reference_shed_kw.sum(axis=1)

    def _choose(self, turn: Turn, seen: dict[str, np.ndarray], exploration: Exploration | None) -> Ints:
        with torch.no_grad():
            logits = self._network(torch.from_numpy(seen["features"])).numpy()
        logits = np.where(seen["possible"], logits, -np.inf)
        at = (turn.replica, self._slot, turn.ev)
        choice = (logits + self.temperature[at][:, None] * self._random.gumbel(size=logits.shape)).argmax(axis=1)
        told = self.told[at]
        can = (told >= 0) & seen["possible"][np.arange(len(told)), np.maximum(told, 0)]
        self.done[at] = np.where(can, told, choice)
        return self.done[at]


class Search:
    """Looks for better plans of an episode.

    Args:
        weights: The fleet's.
    """

    def __init__(self, weights: Path) -> None:
        self._system = cosim.load(SCENARIO, ["network.engine=lindistflow"])
        spec = self._system.spec
        algorithm, card = load_weights(weights, spec, "team-ppo")
        assert isinstance(algorithm, TeamPpo)
        self._spec, self._random = spec, np.random.default_rng(1)
        self._fleet = Searched(algorithm, FleetDecider(spec, algorithm, card.order), spec.slots, spec.fleet_size)
        self._simulators: Simulators | None = None

    def of_episode(self, episode: int, batches: int) -> tuple[float, float, list[float]]:
        """What the fleet restores, the best of its sampled runs, and the best plan after each tenth of the batches."""
        fleet = self._fleet
        fleet.told[:], fleet.temperature[:] = -1, 0.0
        first = best = float(self._ratios(episode)[0])
        plan = fleet.done[0].copy()
        fleet.temperature[:] = 1.0
        sampled = float(self._ratios(episode).max())
        found = []
        for batch in range(batches):
            fleet.told[:], fleet.temperature[:] = plan, 0.0
            for variant in range(1, VARIANTS):
                self._change(variant)
            reached = self._ratios(episode)
            winner = int(reached.argmax())
            if reached[winner] > best:
                best, plan = float(reached[winner]), fleet.done[winner].copy()
            if (batch + 1) % max(batches // 10, 1) == 0:
                found.append(best)
        return first, sampled, found

    def _change(self, variant: int) -> None:
        """Decide anew for some EVs in a slot; what follows is decided anew for all, for them, or stays."""
        fleet, random = self._fleet, self._random
        slot = int(random.integers(self._spec.slots))
        evs = random.choice(self._spec.fleet_size, int(random.integers(1, 4)), replace=False)
        fleet.told[variant, slot, evs] = -1
        fleet.temperature[variant, slot, evs] = random.choice(TEMPERATURES)
        what_follows = random.random()
        if what_follows < 0.5:
            fleet.told[variant, slot + 1 :] = -1
        elif what_follows < 0.75:
            fleet.told[variant, slot + 1 :, evs] = -1

    def _ratios(self, episode: int) -> Floats:
        """What each variant restores of an episode."""
        schedule = Schedule((episode,) * VARIANTS, VARIANTS, self._spec.slots)
        if self._simulators is None:
            self._simulators = make_simulators(
                self._system, self._fleet, schedule, complete=False, on_slot=_ignore, on_batch=_ignore
            )
        else:
            self._simulators.begin(schedule)
        loop = PlainLoop(self._simulators)
        for _ in range(self._spec.slots):
            loop.step()
        self._simulators.end(schedule)
        found: Floats = self._fleet.restored_kwh / self._fleet.reference_kwh
        return found


def _ignore(*_: object) -> None:
    """Nobody wants to know."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, default=FOLDER / "team-ppo.safetensors")
    parser.add_argument("--episodes", type=int, default=4)
    parser.add_argument("--batches", type=int, default=300)
    options = parser.parse_args()
    search = Search(options.weights)
    print("episode  policy  best of 64 sampled  searched: after each tenth")
    for episode in VALIDATION[: options.episodes]:
        first, sampled, found = search.of_episode(episode, options.batches)
        print(f"{episode}  {first:.4f}  {sampled:.4f}  " + " ".join(f"{value:.4f}" for value in found), flush=True)


if __name__ == "__main__":
    main()
