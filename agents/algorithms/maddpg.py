"""MADDPG: a central critic that sees everybody, actors that see what an EV sees.

Sections as in every algorithm: settings, networks, decision, update. It is the baseline of the paper: no map, no
memory, no attention, one-step returns, a replay without priorities. Its head is the paper's, heading, distance and
power by sigmoid; or a softmax over stations and modes, which shows what the head alone makes of it. Its critic may also
know the others by the sums of their messages only: MADDPG on messages, of which DT-MADDPG is made.

Source:
    Lowe et al. 2017; Wu, Cai, Li 2025, eq. (26)-(28) and (30)-(33).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from agents.acting import Acting
from agents.algorithm import FleetAlgorithm
from agents.episode_replay import Arrays, EpisodeReplay, Shapes, bootstrap_slots
from agents.ev_vector import EvVector
from agents.exploration import Exploration, linear
from agents.gradient_step import descend, follow
from agents.heads import ChoiceHead, Head, LiteralHead
from agents.joint_critic import JointCritic
from agents.learner_state import Parts
from agents.masked import mean_of
from agents.moves import Moves
from agents.others import totals_features, totals_of_others
from agents.turns import Turn
from cosim.interface import FleetSpec, Ints, Observation

# ------------------------------------------------------------------------------------------------------- settings


@dataclass(frozen=True)
class Settings:
    """What can be set with `--set algorithm.K=V`.

    Attributes:
        head: `literal`: heading, distance, power by sigmoid; `pointer`: softmax over stations and modes.
        critic: `concatenate`: all others side by side, for a fleet of one size; `set`: their mean, for any; `messages`:
            what they mean to do in sum, for any.
        others: What the others do in the actor's loss: what they did in the `replay`, or by their `current` actors.
        nearness: Whether the critic is told how near a literal action's target is to each station.
        credit: What EVs are rewarded by: `individual` or `team`.
        width: Width of the two hidden layers.
        gamma: Discount.
        steps: Rewards of a return, N.
        slots: Slots of an update; all EVs of each are its rows.
        updates: Updates per round of episodes side by side.
        actor_rate: Adam's learning rate of the actor at the beginning.
        critic_rate: Of the critic.
        rate_end: Share of both that is left at the end; linear between.
        target_rate: Share of the networks that goes into the targets per update.
        last_layer: Factor on the first weights of the actor's last layer; small ones begin in the sigmoids' middle.
        logit_penalty: Price on the square of a literal head's logits, which keeps its sigmoids from saturating.
        entropy: Reward for undecided probabilities of a pointer at the beginning.
        entropy_end: At the end.
        epsilon: Width of the noise on a literal head's outputs, or share of random choices, at the beginning.
        epsilon_end: At `epsilon_until` of the episodes, and after.
        epsilon_until: Share of the episodes over which it falls.
        gradient_norm: Gradients are clipped to it.
        replay_episodes: Episodes kept.
    """

    head: Literal["literal", "pointer"] = "literal"
    critic: Literal["concatenate", "set", "messages"] = "concatenate"
    others: Literal["replay", "current"] = "replay"
    nearness: bool = False
    credit: Literal["individual", "team"] = "individual"
    width: int = 64
    gamma: float = 1.0
    steps: int = 1
    slots: int = 32
    updates: int = 192
    actor_rate: float = 5e-4
    critic_rate: float = 1e-3
    rate_end: float = 0.1
    target_rate: float = 0.01
    last_layer: float = 0.1
    logit_penalty: float = 1e-3
    entropy: float = 0.05
    entropy_end: float = 0.005
    epsilon: float = 0.3
    epsilon_end: float = 0.02
    epsilon_until: float = 0.7
    gradient_norm: float = 1.0
    replay_episodes: int = 1500


# ------------------------------------------------------------------------------------------------------- networks


def actor_network(inputs: int, width: int, outputs: int, last_layer: float) -> nn.Sequential:
    """From what an EV sees to the head's logits."""
    last = nn.Linear(width, outputs)
    with torch.no_grad():
        last.weight.mul_(last_layer)
        last.bias.zero_()
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), last)


class Maddpg(FleetAlgorithm):
    """The algorithm.

    Args:
        spec: The fleet.
        settings: Its settings.
        seed: Seed of the networks' first weights.
    """

    def __init__(self, spec: FleetSpec, settings: Settings, seed: int) -> None:
        torch.manual_seed(seed)
        self.settings, self.credit = settings, settings.credit
        self._spec = spec
        self._on_messages = settings.critic == "messages"
        self.looks_back = self._on_messages
        self._vector = EvVector(spec, fleet_energy=not self._on_messages)
        literal = settings.head == "literal"
        self._head: Head = (
            LiteralHead(spec, self._vector, nearness=settings.nearness) if literal else ChoiceHead(spec, self._vector)
        )
        vector, width = self._vector.length, settings.width
        self.actor, self.actor_target = (
            actor_network(vector, width, self._head.outputs, settings.last_layer) for _ in range(2)
        )
        self.critic, self.critic_target = (self._critic(vector, width, spec.fleet_size) for _ in range(2))
        self.actor_target.load_state_dict(self.actor.state_dict())
        self.critic_target.load_state_dict(self.critic.state_dict())
        self._acting = Acting(self.actor)
        self.decides = self.actor
        self._actor_optimiser = torch.optim.Adam(self.actor.parameters(), lr=settings.actor_rate)
        self._critic_optimiser = torch.optim.Adam(self.critic.parameters(), lr=settings.critic_rate)

    def _critic(self, vector: int, width: int, evs: int) -> JointCritic:
        features, by_choice = self._head.features, self._head.by_choice
        if self._on_messages:
            totals = totals_features(len(self._spec.station_name), self._spec.slots)
            return JointCritic(vector, totals, features, width, by_choice=by_choice, totals=True)
        places = evs if self.settings.critic == "concatenate" else 0
        return JointCritic(vector, vector + features, features, width, by_choice=by_choice, evs=places)

    def shapes(self, slots: int, evs: int) -> Shapes:
        """What is kept of an episode."""
        shapes = {"vector": ((slots, evs, self._vector.length), np.float32), **self._head.shapes(slots, evs)}
        if self._on_messages:
            shapes["totals"] = ((slots, evs, totals_features(len(self._spec.station_name), slots)), np.float16)
        return shapes

    def renew(self) -> None:
        """The copy that acts is of the network before."""
        self._acting.renew()

    def parts(self) -> Parts:
        """All that the next update depends on."""
        return {
            "actor": self.actor,
            "actor_target": self.actor_target,
            "actor_optimiser": self._actor_optimiser,
            "critic": self.critic,
            "critic_target": self.critic_target,
            "critic_optimiser": self._critic_optimiser,
        }

    # --------------------------------------------------------------------------------------------------- decision

    def begin_slot(self, observation: Observation) -> Arrays:
        """Where everybody is; nothing is kept of it beside the EVs' decisions."""
        self._vector.begin_slot(observation)
        return {}

    def inputs(self, turn: Turn, learns: bool) -> Arrays:
        """What the actor sees."""
        central = {"totals": totals_of_others(turn)} if learns and self._on_messages else {}
        return {"vector": self._vector.of_turn(turn), **self._head.inputs(turn), **central}

    def afterwards(self, turn: Turn) -> Arrays:
        """What the others' messages tell when all have chosen."""
        return {"totals": totals_of_others(turn)} if self._on_messages else {}

    def choose(self, turn: Turn, seen: Arrays, exploration: Exploration | None) -> Ints | Moves:
        """What the actor says; with noise, or at random, while it explores."""
        with torch.no_grad():
            logits = self.logits(self._acting.network, {"vector": torch.from_numpy(seen["vector"]).double()})
        return self._head.choose(logits, seen, turn, exploration)

    # ----------------------------------------------------------------------------------------------------- update

    def update(self, replay: EpisodeReplay, progress: float, generator: np.random.Generator) -> dict[str, float]:
        """One update of critic and actor on all EVs of some slots: eq. (26) to (28)."""
        settings, head = self.settings, self._head
        slots = replay.arrays["reward"].shape[1]
        episode, slot = (generator.integers(0, end, settings.slots) for end in (len(replay), slots))
        later, goes_on = bootstrap_slots(slot, settings.steps, slots)
        now, then = self._seen(replay, episode, slot), self._seen(replay, episode, later)
        ends = self.tensor(~goes_on)[:, None]

        # Eq. (27): the value of what everybody's target actor would do after N rewards.
        with torch.no_grad():
            action = head.policy(self.logits(self.actor_target, then), then)
            value_later = self._values(self.critic_target, then, action, action).masked_fill(ends, 0.0)
            wanted = self._returns(replay, episode, slot) + settings.gamma**settings.steps * value_later
        decided = head.decided(now) & (head.decided(then) | ends)

        # Eq. (26): the critic.
        done = head.done(now)
        value = self._values(self.critic, now, done, done)
        critic_loss = mean_of(nn.functional.smooth_l1_loss(value, wanted, reduction="none"), decided)
        rate = linear(1.0, settings.rate_end, progress)
        descend(self._critic_optimiser, self.critic, critic_loss, settings.critic_rate * rate, settings.gradient_norm)

        # Eq. (28): the actor, along the critic's gradient in the EV's own action.
        logits = self.logits(self.actor, now)
        action = head.policy(logits, now)
        of_others = action.detach() if settings.others == "current" else done
        gain = self.gain(now, action, of_others)
        actor_loss = mean_of(head.restraint(logits, now, self._restraint(progress)) - gain, head.decided(now))
        descend(self._actor_optimiser, self.actor, actor_loss, settings.actor_rate * rate, settings.gradient_norm)

        self._acting.renew()
        follow(self.actor_target, self.actor, settings.target_rate)
        follow(self.critic_target, self.critic, settings.target_rate)
        logged = {"critic_loss": float(critic_loss.detach()), "value": float(mean_of(value.detach(), decided))}
        return {**logged, **head.logged(logits, now)}

    def logits(self, actor: nn.Module, seen: Mapping[str, Tensor]) -> Tensor:
        """What an actor says, before its head, shape [..., outputs]."""
        logits: Tensor = actor(seen["vector"])
        return logits

    def gain(self, seen: Mapping[str, Tensor], action: Tensor, of_others: Tensor) -> Tensor:
        """What the actor climbs: the value of its actions, shape [S, I]."""
        return self._values(self.critic, seen, action, of_others)

    def _returns(self, replay: EpisodeReplay, episode: Ints, slot: Ints) -> Tensor:
        """The next N rewards of all EVs, discounted; none after the last slot; shape [S, I]."""
        reward = replay.arrays["reward"]
        slots, total = reward.shape[1], reward[episode, slot]
        for k in range(1, self.settings.steps):
            inside = (slot + k < slots)[:, None]
            total = total + inside * self.settings.gamma**k * reward[episode, np.minimum(slot + k, slots - 1)]
        return self.tensor(total.astype(np.float32))

    def _seen(self, replay: EpisodeReplay, episode: Ints, slot: Ints) -> dict[str, Tensor]:
        """What was kept of all EVs in some slots, by name, shape [S, I, ...]."""
        return {name: self.tensor(values[episode, slot]) for name, values in replay.arrays.items()}

    def _values(self, critic: JointCritic, seen: Mapping[str, Tensor], action: Tensor, of_others: Tensor) -> Tensor:
        """Values of actions, given what the others do, shape [S, I]."""
        vector = seen["vector"]
        others = seen["totals"].to(vector.dtype) if self._on_messages else torch.cat([vector, of_others], dim=-1)
        values: Tensor = critic(vector, action, others, self._head.decided(seen))
        return values

    def _restraint(self, progress: float) -> float:
        settings = self.settings
        literal = settings.head == "literal"
        return settings.logit_penalty if literal else linear(settings.entropy, settings.entropy_end, progress)
