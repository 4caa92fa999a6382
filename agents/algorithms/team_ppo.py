"""Team policy gradient: the fleet's decisions of an episode, one EV after another, as those of one agent.

Sections as in every algorithm: settings, networks, decision, update. It begins with the network of `maddqn`, whose
values become logits, and goes on with the team's reward, which no EV can earn alone: so it fills what an individual
credit leaves. A critic that knows everybody's intentions values the moment before each decision.

Source:
    Schulman et al. 2017 (proximal policy optimisation), over the decisions within slots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.algorithm import FleetAlgorithm
from agents.algorithms.maddqn import q_network
from agents.device import array
from agents.episode_replay import Arrays, EpisodeReplay, Shapes
from agents.exploration import Exploration, drawn_by_chance, linear
from agents.gradient_step import descend
from agents.learner_state import Parts
from agents.options import CHARGERS, EPISODE_KWH, FLEET, LARGEST, OWN_FEATURES, SLOT_KWH, STATION_FEATURES
from agents.reach import MODES
from agents.turns import Turn
from cosim.interface import FleetSpec, Ints, Observation

Values = NDArray[np.float32]

# ------------------------------------------------------------------------------------------------------- settings


@dataclass(frozen=True)
class Settings:
    """What can be set with `--set algorithm.K=V`.

    Attributes:
        hidden: Width of the two hidden layers.
        sharpness: Logits per value of the network that it begins with.
        gamma: Discount per decision.
        trace: Lambda of the advantages, per decision.
        clip: How far a probability may move per round, as a ratio.
        epochs: Times that the decisions of a round are gone through.
        rows: Decisions of an update.
        warm_up: Rounds in which only the critic learns.
        actor_rate: Adam's learning rate of the actor at the beginning.
        critic_rate: Of the critic.
        rate_end: Share of both that is left at the end; linear between.
        entropy: Reward for undecided probabilities.
        gradient_norm: Gradients are clipped to it.
        updates: Updates per round; one goes through all epochs.
        epsilon: Share of random choices; it draws from its probabilities instead.
        epsilon_end: Likewise.
        epsilon_until: Likewise.
    """

    hidden: int = 128
    sharpness: float = 30.0
    gamma: float = 1.0
    trace: float = 0.99
    clip: float = 0.15
    epochs: int = 3
    rows: int = 4096
    warm_up: int = 6
    actor_rate: float = 6e-4
    critic_rate: float = 1e-3
    rate_end: float = 0.1
    entropy: float = 0.001
    gradient_norm: float = 1.0
    updates: int = 1
    epsilon: float = 0.0
    epsilon_end: float = 0.0
    epsilon_until: float = 1.0


# ------------------------------------------------------------------------------------------------------- networks


def critic_network(inputs: int, hidden: int) -> nn.Sequential:
    """From the features of a moment to the team's reward to come."""
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1)
    )


class TeamPpo(FleetAlgorithm):
    """The algorithm.

    Args:
        spec: The fleet.
        settings: Its settings.
        seed: Seed of the networks' first weights.
    """

    credit = "team"
    on_policy = True

    def __init__(self, spec: FleetSpec, settings: Settings, seed: int) -> None:
        torch.manual_seed(seed)
        self.settings = settings
        self._spec = spec
        self._stations = len(spec.station_name)
        self._moment = self._stations * (2 * spec.slots + 4) + 4
        self.network = q_network(self._stations, settings.hidden)
        self.critic = critic_network(self._moment, settings.hidden)
        self.decides = self.network
        self._actor_optimiser = torch.optim.Adam(self.network.parameters(), lr=settings.actor_rate)
        self._critic_optimiser = torch.optim.Adam(self.critic.parameters(), lr=settings.critic_rate)
        self._rounds = np.zeros(1, dtype=np.int64)

    def shapes(self, slots: int, evs: int) -> Shapes:
        """What is kept of an episode."""
        inputs = self._stations * STATION_FEATURES + OWN_FEATURES
        return {
            "features": ((slots, evs, inputs), np.float32),
            "possible": ((slots, evs, self._stations * MODES), np.bool_),
            "moment": ((slots, evs, self._moment), np.float32),
            "turn": ((slots, evs), np.int16),
        }

    def start_from(self, line: str, weights: Mapping[str, Tensor]) -> None:
        """Begin with the network of `maddqn`, whose values become logits, or with one of `team-ppo` as it is."""
        self.network.load_state_dict(weights)
        if line == "team-ppo":
            return
        with torch.no_grad():
            for parameter in self.network[-1].parameters():
                parameter.mul_(self.settings.sharpness)

    def parts(self) -> Parts:
        """All that the next update depends on."""
        return {
            "network": self.network,
            "actor_optimiser": self._actor_optimiser,
            "critic": self.critic,
            "critic_optimiser": self._critic_optimiser,
            "rounds": self._rounds,
        }

    # --------------------------------------------------------------------------------------------------- decision

    def begin_slot(self, observation: Observation) -> Arrays:
        """Turns are counted anew."""
        self._turn = 0
        return {}

    def inputs(self, turn: Turn, learns: bool) -> Arrays:
        """What the actor sees; the critic too if it learns from it; shape [N, ...]."""
        choices, count = turn.choices, len(turn.ev)
        seen: Arrays = {
            "features": np.concatenate([choices.station.reshape(count, -1), choices.own], axis=1),
            "possible": choices.possible.reshape(count, -1),
        }
        if learns:
            seen |= {"moment": self._of_moment(turn), "turn": np.full(count, self._turn, dtype=np.int16)}
        self._turn += 1
        return seen

    def choose(self, turn: Turn, seen: Arrays, exploration: Exploration | None) -> Ints:
        """The most probable choice; while it explores, one drawn by probability."""
        with torch.no_grad():
            logits = self.network(torch.from_numpy(seen["features"])).numpy()
        if exploration is not None:
            logits = drawn_by_chance(logits, exploration.generator)
        choice: Ints = np.where(seen["possible"], logits, -np.inf).argmax(axis=1)
        return choice

    def _of_moment(self, turn: Turn) -> Values:
        """What the critic sees before each decision, in this order.

        What all intentions leave of deficit and surplus at each station in each slot to come; at each station the EVs
        that mean to be there, their energy, what they mean to feed in and to draw; the time, the share of the fleet
        that has decided, the fleet's energy and size.
        """
        spec, board, outlook, replica = self._spec, turn.board, turn.outlook, turn.replica
        slots, slot, count = spec.slots, outlook.slot, len(turn.ev)
        left = np.zeros((count, 2, self._stations, slots), dtype=np.float32)
        fed_kwh, drawn_kwh = board.fed_kwh[replica][..., slot:], board.drawn_kwh[replica][..., slot:]
        left[:, 0, :, : slots - slot] = (outlook.deficit_kwh[replica][..., slot:] - fed_kwh) / SLOT_KWH
        left[:, 1, :, : slots - slot] = (outlook.surplus_kwh[replica][..., slot:] - drawn_kwh) / SLOT_KWH
        at = board.station[replica][..., None] == np.arange(self._stations)
        energy = outlook.observation.energy_kwh[replica] / spec.battery_kwh
        of_station = np.stack(
            [
                at.sum(axis=1) / CHARGERS,
                (at * energy[..., None]).sum(axis=1) / CHARGERS,
                fed_kwh.sum(axis=-1) / EPISODE_KWH,
                drawn_kwh.sum(axis=-1) / EPISODE_KWH,
            ],
            axis=1,
        )
        size = spec.fleet_size
        rest = np.stack(
            [
                np.full(count, slot / slots),
                np.full(count, self._turn / size),
                energy.mean(axis=1),
                np.full(count, size / FLEET),
            ],
            axis=1,
        )
        whole = np.concatenate([left.reshape(count, -1), of_station.reshape(count, -1), rest], axis=1)
        seen: Values = np.clip(whole, -LARGEST, LARGEST).astype(np.float32)
        return seen

    # ----------------------------------------------------------------------------------------------------- update

    def update(self, replay: EpisodeReplay, progress: float, generator: np.random.Generator) -> dict[str, float]:
        """Go through the decisions of the last round some times."""
        settings = self.settings
        self._rounds += 1
        decisions = Decisions.of(replay)
        features, possible, moment, choice = (
            self.tensor(decisions.rows(name)) for name in ("features", "possible", "moment", "choice")
        )
        choice = choice.long()
        with torch.no_grad():
            before = self._log_chances(features, possible).gather(1, choice[:, None])[:, 0]
            value = array(self.critic(moment)[:, 0])
        advantage, wanted = decisions.advantages(value, settings.gamma, settings.trace)
        explained = 1.0 - float(np.var(wanted - value) / max(float(np.var(wanted)), 1e-9))
        gain = self.tensor((advantage - advantage.mean()) / (advantage.std() + 1e-8))
        goal = self.tensor(wanted)
        rate, norm = linear(1.0, settings.rate_end, progress), settings.gradient_norm
        logged = []
        for _ in range(settings.epochs):
            order = generator.permutation(len(choice))
            for first in range(0, len(order), settings.rows):
                at = self.tensor(order[first : first + settings.rows])
                critic_loss = nn.functional.mse_loss(self.critic(moment[at])[:, 0], goal[at])
                descend(self._critic_optimiser, self.critic, critic_loss, settings.critic_rate * rate, norm)
                if self._rounds[0] <= settings.warm_up:
                    continue
                chances = self._log_chances(features[at], possible[at])
                ratio = (chances.gather(1, choice[at, None])[:, 0] - before[at]).exp()
                clipped = ratio.clamp(1.0 - settings.clip, 1.0 + settings.clip)
                undecided = -(chances.exp() * chances).sum(dim=1).mean()
                loss = -torch.minimum(ratio * gain[at], clipped * gain[at]).mean() - settings.entropy * undecided
                descend(self._actor_optimiser, self.network, loss, settings.actor_rate * rate, norm)
                logged.append((float(loss.detach()), float(undecided.detach())))
        loss_mean, entropy = np.mean(logged, axis=0) if logged else (0.0, 0.0)
        return {"loss": float(loss_mean), "entropy": float(entropy), "explained": explained}

    def _log_chances(self, features: Tensor, possible: Tensor) -> Tensor:
        logits: Tensor = self.network(features)
        return torch.log_softmax(logits.masked_fill(~possible, -1e9), dim=1)


@dataclass(frozen=True)
class Decisions:
    """The decisions of some episodes, each episode's in the order in which they were taken.

    Attributes:
        arrays: What was kept, by name.
        episode: Episode of each, shape [E, L].
        slot: Slot of each.
        ev: EV of each.
        taken: Whether there is such a decision; an episode's come first.
        reward: The team's reward after each, before the next, shape [E, L].
    """

    arrays: Arrays
    episode: Ints
    slot: Ints
    ev: Ints
    taken: NDArray[np.bool_]
    reward: Values

    @classmethod
    def of(cls, replay: EpisodeReplay) -> Decisions:
        """All decisions of the episodes that are kept."""
        arrays = {name: values[: len(replay)] for name, values in replay.arrays.items()}
        count, slots, evs = arrays["choice"].shape
        moment = np.where(arrays["choice"] >= 0, np.arange(slots)[:, None] * evs + arrays["turn"], slots * evs)
        order = np.argsort(moment.reshape(count, -1), axis=1, kind="stable")
        slot, ev = order // evs, order % evs
        episode = np.broadcast_to(np.arange(count)[:, None], order.shape)
        taken = arrays["choice"][episode, slot, ev] >= 0
        # The reward of a slot comes after its last decision, or after the last one before.
        last = np.maximum((np.cumsum((arrays["choice"] >= 0).sum(axis=2), axis=1) - 1), 0)
        reward = np.zeros(order.shape, dtype=np.float32)
        np.add.at(reward, (np.arange(count)[:, None], last), arrays["reward"].sum(axis=2))
        return cls(arrays, episode, slot, ev, taken, reward)

    def rows(self, name: str) -> NDArray[Any]:
        """A quantity of all decisions, one after the other, shape [N, ...]."""
        at = self.taken
        values: NDArray[Any] = self.arrays[name][self.episode[at], self.slot[at], self.ev[at]]
        return values

    def advantages(self, value: Values, gamma: float, trace: float) -> tuple[Values, Values]:
        """Advantages of all decisions, and what their values should have been, shape [N] of values [N]."""
        values = np.zeros((len(self.taken), self.taken.shape[1] + 1), dtype=np.float32)
        values[:, :-1][self.taken] = value
        advantage = np.zeros(self.taken.shape, dtype=np.float32)
        ahead = np.zeros(len(self.taken), dtype=np.float32)
        for k in reversed(range(self.taken.shape[1])):
            surprise = self.reward[:, k] + gamma * values[:, k + 1] - values[:, k]
            ahead = np.where(self.taken[:, k], surprise + gamma * trace * ahead, 0.0)
            advantage[:, k] = ahead
        found = advantage[self.taken]
        return found, found + value
