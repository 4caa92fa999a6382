"""Independent learners: each EV learns a network of its own, and treats all others as part of the world.

Sections as in every algorithm: settings, networks, decision, update. Each is a double deep Q-network over the choices
of `agents.options`, as in `maddqn`, but nobody reads the board and nobody shares weights. The networks lie in one
tensor per layer, the EV first, so that thirty cost about as much as one.

Source:
    Tan 1993 (independent learners); Van Hasselt, Guez, Silver 2016 (double Q-learning).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from agents.algorithm import FleetAlgorithm
from agents.episode_replay import Arrays, EpisodeReplay, Shapes, bootstrap_slots, n_step_rows
from agents.exploration import Exploration, linear
from agents.gradient_step import follow
from agents.learner_state import Parts
from agents.options import OWN_FEATURES, STATION_FEATURES
from agents.own_layers import Layers
from agents.reach import MODES
from agents.turns import Turn
from cosim.interface import FleetSpec, Floats, Ints, Observation

# ------------------------------------------------------------------------------------------------------- settings


@dataclass(frozen=True)
class Settings:
    """What can be set with `--set algorithm.K=V`.

    Attributes:
        credit: What EVs are rewarded by: `individual` or `team`.
        hidden: Width of the two hidden layers of each network.
        steps: N of the N-step returns.
        gamma: Discount.
        rows: Decisions of each EV in an update.
        updates: Updates per round of episodes side by side.
        learning_rate: Adam's at the beginning.
        learning_rate_end: At the end; linear between.
        target_rate: Share of the networks that goes into the targets per update.
        epsilon: Share of random choices at the beginning.
        epsilon_end: At `epsilon_until` of the episodes, and after.
        epsilon_until: Share of the episodes over which it falls.
        gradient_norm: Each network's gradient is clipped to it.
        replay_episodes: Episodes kept.
    """

    credit: Literal["individual", "team"] = "individual"
    hidden: int = 64
    steps: int = 4
    gamma: float = 1.0
    rows: int = 64
    updates: int = 60
    learning_rate: float = 1e-3
    learning_rate_end: float = 1e-4
    target_rate: float = 0.01
    epsilon: float = 0.3
    epsilon_end: float = 0.02
    epsilon_until: float = 0.7
    gradient_norm: float = 5.0
    replay_episodes: int = 1500


# ------------------------------------------------------------------------------------------------------- networks


def q_networks(evs: int, stations: int, hidden: int) -> nn.Sequential:
    """From what each EV sees, shape [I, B, inputs], to a value per choice by its own network."""
    inputs = stations * STATION_FEATURES + OWN_FEATURES
    last = Layers(evs, hidden, stations * MODES, scale=0.1)
    return nn.Sequential(Layers(evs, inputs, hidden), nn.ReLU(), Layers(evs, hidden, hidden), nn.ReLU(), last)


class Independent(FleetAlgorithm):
    """The algorithm.

    Args:
        spec: The fleet.
        settings: Its settings.
        seed: Seed of the networks' first weights.
    """

    def __init__(self, spec: FleetSpec, settings: Settings, seed: int) -> None:
        torch.manual_seed(seed)
        self.settings, self.credit = settings, settings.credit
        self._stations, self._evs = len(spec.station_name), spec.fleet_size
        self.networks, self.targets = (q_networks(self._evs, self._stations, settings.hidden) for _ in range(2))
        self.targets.load_state_dict(self.networks.state_dict())
        self.decides = self.networks
        self._optimiser = torch.optim.Adam(self.networks.parameters(), lr=settings.learning_rate)

    def shapes(self, slots: int, evs: int) -> Shapes:
        """What is kept of an episode."""
        inputs = self._stations * STATION_FEATURES + OWN_FEATURES
        return {
            "features": ((slots, evs, inputs), np.float32),
            "possible": ((slots, evs, self._stations * MODES), np.bool_),
        }

    def parts(self) -> Parts:
        """All that the next update depends on."""
        return {
            "networks": self.networks,
            "targets": self.targets,
            "optimiser": self._optimiser,
        }

    # --------------------------------------------------------------------------------------------------- decision

    def begin_slot(self, observation: Observation) -> Arrays:
        """Nothing is kept of a slot beside the EVs' decisions."""
        self._replicas = observation.replicas
        return {}

    def inputs(self, turn: Turn, learns: bool) -> Arrays:
        """What each network sees: nothing of the others, shape [N, ...]."""
        turn.look_alone()
        choices, count = turn.choices, len(turn.ev)
        return {
            "features": np.concatenate([choices.station.reshape(count, -1), choices.own], axis=1),
            "possible": choices.possible.reshape(count, -1),
        }

    def choose(self, turn: Turn, seen: Arrays, exploration: Exploration | None) -> Ints:
        """The choice of highest value by each EV's own network, or a random one."""
        features = np.zeros((self._evs, self._replicas, seen["features"].shape[1]), dtype=np.float32)
        features[turn.ev, turn.replica] = seen["features"]
        with torch.no_grad():
            value: Floats = self.networks(torch.from_numpy(features)).numpy()[turn.ev, turn.replica]
        possible = seen["possible"]
        choice: Ints = np.where(possible, value, -np.inf).argmax(axis=1)
        return choice if exploration is None else exploration.mixed(choice, possible, turn.replica)

    # ----------------------------------------------------------------------------------------------------- update

    def update(self, replay: EpisodeReplay, progress: float, generator: np.random.Generator) -> dict[str, float]:
        """One update of every network on its own EV's rows: y = sum of N rewards + gamma^N Q'(o, argmax Q(o))."""
        settings = self.settings
        _, slots, evs = replay.arrays["reward"].shape
        # Each EV's own slots, shape [I, B].
        ev = np.repeat(np.arange(evs)[:, None], settings.rows, axis=1)
        episode, slot = (generator.integers(0, end, ev.shape) for end in (len(replay), slots))
        later, goes_on = bootstrap_slots(slot, settings.steps, slots)
        rows = (values.ravel() for values in (episode, slot, ev))
        reward = n_step_rows(replay.arrays["reward"], settings.steps, settings.gamma, *rows).reshape(ev.shape)
        features, choice = (self.tensor(replay.rows(name, episode, slot, ev)) for name in ("features", "choice"))
        features_later = self.tensor(replay.rows("features", episode, later, ev))
        possible_later = self.tensor(replay.rows("possible", episode, later, ev))
        decided = choice >= 0
        decided &= self.tensor(replay.rows("choice", episode, later, ev) >= 0)
        with torch.no_grad():
            best = self.networks(features_later).masked_fill(~possible_later, -torch.inf).argmax(dim=-1, keepdim=True)
            value_later = self.targets(features_later).gather(-1, best)[..., 0]
            value_later[~possible_later.any(dim=-1) | ~self.tensor(goes_on)] = 0.0
            wanted: Tensor = self.tensor(reward) + settings.gamma**settings.steps * value_later
        value = self.networks(features).gather(-1, choice.long().clamp(min=0)[..., None])[..., 0]
        error = nn.functional.smooth_l1_loss(value, wanted, reduction="none") * decided
        # The sum of the networks' losses: each has its own weights, so none feels another's.
        loss = (error.sum(dim=1) / decided.sum(dim=1).clamp(1)).sum()
        rate = linear(settings.learning_rate, settings.learning_rate_end, progress)
        self._descend(loss, rate)
        follow(self.targets, self.networks, settings.target_rate)
        return {"loss": float(loss.detach()) / evs, "value": float(value.detach().mean())}

    def _descend(self, loss: Tensor, rate: float) -> None:
        """Step down the losses; each network's gradient is clipped on its own."""
        self._optimiser.param_groups[0]["lr"] = rate
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad for p in self.networks.parameters() if p.grad is not None]
        norm = torch.stack([g.square().sum(dim=(1, 2)) for g in gradients]).sum(dim=0).sqrt()
        share = (self.settings.gradient_norm / (norm + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(share[:, None, None])
        self._optimiser.step()
