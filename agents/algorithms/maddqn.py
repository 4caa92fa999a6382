"""MADDQN: one double deep Q-network for all EVs, over the choices of `agents.options`.

Sections as in every algorithm: settings, networks, decision, update.

Source:
    Van Hasselt, Guez, Silver 2016 (double Q-learning); Wang, Qiu, Strbac 2022 (fleets).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from agents.algorithm import FleetAlgorithm
from agents.episode_replay import Arrays, EpisodeReplay, Shapes, n_step_rows
from agents.exploration import Exploration, linear
from agents.learner_state import Parts
from agents.options import OWN_FEATURES, STATION_FEATURES
from agents.reach import MODES
from agents.turns import Turn
from cosim.interface import FleetSpec, Floats, Ints, Observation

# ------------------------------------------------------------------------------------------------------- settings


@dataclass(frozen=True)
class Settings:
    """What can be set with `--set algorithm.K=V`.

    Attributes:
        hidden: Width of the two hidden layers.
        steps: N of the N-step returns.
        gamma: Discount.
        rows: Rows of an update, each one decision.
        updates: Updates per round of episodes side by side.
        learning_rate: Adam's at the beginning.
        learning_rate_end: At the end; linear between.
        target_rate: Share of the network that goes into the target per update.
        epsilon: Share of random choices at the beginning.
        epsilon_end: At `epsilon_until` of the episodes, and after.
        epsilon_until: Share of the episodes over which it falls.
        gradient_norm: Gradients are clipped to it.
        replay_episodes: Episodes kept.
    """

    hidden: int = 128
    steps: int = 4
    gamma: float = 1.0
    rows: int = 1024
    updates: int = 60
    learning_rate: float = 5e-4
    learning_rate_end: float = 5e-5
    target_rate: float = 0.01
    epsilon: float = 0.3
    epsilon_end: float = 0.02
    epsilon_until: float = 0.7
    gradient_norm: float = 5.0
    replay_episodes: int = 1500


# ------------------------------------------------------------------------------------------------------- networks


def q_network(stations: int, hidden: int) -> nn.Sequential:
    """From the features of all stations and the EV's own to a value per choice."""
    last = nn.Linear(hidden, stations * MODES)
    with torch.no_grad():
        last.weight.mul_(0.1)
        last.bias.zero_()
    inputs = stations * STATION_FEATURES + OWN_FEATURES
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), last)


class Maddqn(FleetAlgorithm):
    """The algorithm.

    Args:
        spec: The fleet.
        settings: Its settings.
        seed: Seed of the networks' first weights.
    """

    credit = "individual"

    def __init__(self, spec: FleetSpec, settings: Settings, seed: int) -> None:
        torch.manual_seed(seed)
        self.settings = settings
        self._stations = len(spec.station_name)
        self.network = q_network(self._stations, settings.hidden)
        self.target = q_network(self._stations, settings.hidden)
        self.target.load_state_dict(self.network.state_dict())
        self.decides = self.network
        self._optimiser = torch.optim.Adam(self.network.parameters(), lr=settings.learning_rate)

    def shapes(self, slots: int, evs: int) -> Shapes:
        """What is kept of an episode."""
        inputs = self._stations * STATION_FEATURES + OWN_FEATURES
        return {
            "features": ((slots, evs, inputs), np.float32),
            "possible": ((slots, evs, self._stations * MODES), np.bool_),
        }

    def parts(self) -> Parts:
        """All that the next update depends on."""
        return {"network": self.network, "target": self.target, "optimiser": self._optimiser}

    # --------------------------------------------------------------------------------------------------- decision

    def begin_slot(self, observation: Observation) -> Arrays:
        """Nothing is kept of a slot beside the EVs' decisions."""
        return {}

    def inputs(self, turn: Turn, learns: bool) -> Arrays:
        """What the network sees, shape [N, ...]."""
        choices, count = turn.choices, len(turn.ev)
        return {
            "features": np.concatenate([choices.station.reshape(count, -1), choices.own], axis=1),
            "possible": choices.possible.reshape(count, -1),
        }

    def choose(self, turn: Turn, seen: Arrays, exploration: Exploration | None) -> Ints:
        """The choice of highest value, or a random one."""
        with torch.no_grad():
            value: Floats = self.network(torch.from_numpy(seen["features"])).numpy()
        possible = seen["possible"]
        choice: Ints = np.where(possible, value, -np.inf).argmax(axis=1)
        return choice if exploration is None else exploration.mixed(choice, possible, turn.replica)

    # ----------------------------------------------------------------------------------------------------- update

    def update(self, replay: EpisodeReplay, progress: float, generator: np.random.Generator) -> dict[str, float]:
        """One update on rows of the replay: y = sum of N rewards + gamma^N Q'(o, argmax Q(o)), o N slots later."""
        settings = self.settings
        episode, slot, ev = self._rows(replay, generator)
        reward = n_step_rows(replay.arrays["reward"], settings.steps, settings.gamma, episode, slot, ev)
        later = slot + settings.steps
        goes_on = later < replay.arrays["reward"].shape[1]
        later = np.where(goes_on, later, slot)
        features = self.tensor(replay.rows("features", episode, slot, ev))
        features_later = self.tensor(replay.rows("features", episode, later, ev))
        possible_later = self.tensor(replay.rows("possible", episode, later, ev))
        choice = self.tensor(replay.rows("choice", episode, slot, ev).astype(np.int64))
        with torch.no_grad():
            best = self.network(features_later).masked_fill(~possible_later, -torch.inf).argmax(dim=1, keepdim=True)
            value_later = self.target(features_later).gather(1, best)[:, 0]
            value_later[~possible_later.any(dim=1) | ~self.tensor(goes_on)] = 0.0
            wanted: Tensor = self.tensor(reward) + settings.gamma**settings.steps * value_later
        value = self.network(features).gather(1, choice[:, None])[:, 0]
        loss = nn.functional.smooth_l1_loss(value, wanted)
        self._optimiser.param_groups[0]["lr"] = linear(settings.learning_rate, settings.learning_rate_end, progress)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), settings.gradient_norm)
        self._optimiser.step()
        with torch.no_grad():
            for kept, new in zip(self.target.parameters(), self.network.parameters(), strict=True):
                kept.lerp_(new, settings.target_rate)
        return {"loss": float(loss.detach()), "value": float(value.detach().mean())}

    def _rows(self, replay: EpisodeReplay, generator: np.random.Generator) -> tuple[Ints, Ints, Ints]:
        """Rows at random among those in which an EV decided, and does so N slots later if the episode goes on."""
        _, slots, evs = replay.arrays["choice"].shape
        wanted = self.settings.rows + self.settings.rows // 8
        episode = generator.integers(0, len(replay), wanted)
        slot, ev = generator.integers(0, slots, wanted), generator.integers(0, evs, wanted)
        later = np.where(slot + self.settings.steps < slots, slot + self.settings.steps, slot)
        decided = (replay.rows("choice", episode, slot, ev) >= 0) & (replay.rows("choice", episode, later, ev) >= 0)
        kept = np.flatnonzero(decided)[: self.settings.rows]
        return episode[kept], slot[kept], ev[kept]
