"""AD-MADDPG with the head of the paper: heading, distance and power by sigmoid.

Sections as in every algorithm: settings, networks, decision, update. Encoder (attention, CNN, LSTM), N-step returns and
priorities are those of `admaddpg`; what differs is what the actor says and how the critic judges it. The critic knows
the others by the mean of what it makes of each, so that the fleet's size may change.

Source:
    Wu, Cai, Li 2025, eq. (25)-(33) and algorithms 1 and 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from agents.acting import Acting
from agents.algorithm import FleetAlgorithm
from agents.algorithms.maddpg import actor_network
from agents.device import array
from agents.encoder import Encoder
from agents.episode_replay import Arrays, EpisodeReplay, Shapes, bootstrap_slots, n_step_rows
from agents.ev_vector import EvVector
from agents.exploration import Exploration, linear
from agents.gradient_step import descend, follow
from agents.heads import LiteralHead
from agents.joint_critic import JointCritic
from agents.learner_state import Parts
from agents.moves import Moves
from agents.slot_priority import SlotPriority
from agents.turns import Turn
from agents.window_memory import WindowMemory
from cosim.errors import ControllerError
from cosim.interface import FleetSpec, Ints, Observation
from cosim.state_image import CHANNELS, SIDE, StateImage

# ------------------------------------------------------------------------------------------------------- settings


@dataclass(frozen=True)
class Settings:
    """What can be set with `--set algorithm.K=V`.

    Attributes:
        others: What the others do in the actor's loss: what they did in the `replay`, or by their `current` actors.
        nearness: Whether the critic is told how near an action's target is to each station.
        credit: What EVs are rewarded by: `individual` or `team`.
        width: Width of all layers between.
        memory: Slots that the LSTM looks back on, the present one included; 1 is no memory.
        steps: N of the N-step returns.
        literal_index: Whether the value after N rewards is that of slot t + N - 1, as published; else of t + N.
        gamma: Discount.
        slots: Slots of an update; all EVs of each are its rows.
        updates: Updates per round of episodes side by side.
        actor_rate: Adam's learning rate of the actor at the beginning.
        critic_rate: Of the critic.
        rate_end: Share of both that is left at the end; linear between.
        target_rate: Share of the networks that goes into the targets per update.
        last_layer: Factor on the first weights of the actor's last layer; small ones begin in the sigmoids' middle.
        logit_penalty: Price on the square of the logits, which keeps the sigmoids from saturating.
        epsilon: Width of the noise on the outputs at the beginning.
        epsilon_end: At `epsilon_until` of the episodes, and after.
        epsilon_until: Share of the episodes over which it falls.
        priority: Exponent of the priorities.
        correction: Exponent of the weights that correct for them at the beginning; 1 at the end.
        gradient_norm: Gradients are clipped to it.
        replay_episodes: Episodes kept.
    """

    others: Literal["replay", "current"] = "replay"
    nearness: bool = False
    credit: Literal["individual", "team"] = "individual"
    width: int = 64
    memory: int = 3
    steps: int = 3
    literal_index: bool = False
    gamma: float = 1.0
    slots: int = 8
    updates: int = 384
    actor_rate: float = 5e-4
    critic_rate: float = 1e-3
    rate_end: float = 0.1
    target_rate: float = 0.01
    last_layer: float = 0.1
    logit_penalty: float = 1e-3
    epsilon: float = 0.3
    epsilon_end: float = 0.02
    epsilon_until: float = 0.7
    priority: float = 0.5
    correction: float = 0.4
    gradient_norm: float = 1.0
    replay_episodes: int = 1500

    def __post_init__(self) -> None:
        if self.literal_index and self.steps < 2:
            raise ControllerError(
                "algorithm.literal_index: with steps=1 the value of a slot would be its own; set steps to 2 or more"
            )


# ------------------------------------------------------------------------------------------------------- networks


class Actor(nn.Module):
    """From a window of maps and vectors to the head's logits.

    Args:
        vector: Length of an EV's vector.
        settings: Width, and the last layer's first weights.
    """

    def __init__(self, vector: int, settings: Settings) -> None:
        super().__init__()
        self.encoder = Encoder(vector, settings.width)
        self.head = actor_network(settings.width, settings.width, LiteralHead.outputs, settings.last_layer)

    def forward(self, maps: Tensor, vectors: Tensor) -> Tensor:
        """Logits, shape [N, 3] of encoded maps [N, L, width] and vectors [N, L, V]."""
        logits: Tensor = self.head(self.encoder(maps, vectors))
        return logits


class Critic(nn.Module):
    """From everybody's windows and actions to values; others are a set.

    Args:
        vector: Length of an EV's vector.
        features: Numbers of an action.
        width: Width of its layers.
    """

    def __init__(self, vector: int, features: int, width: int) -> None:
        super().__init__()
        self.encoder = Encoder(vector, width)
        self.joint = JointCritic(width, width + features, features, width, by_choice=False)

    def forward(self, remembered: Tensor, action: Tensor, of_others: Tensor, there: Tensor) -> Tensor:
        """Values, shape [S, I].

        Args:
            remembered: What the encoder remembers of each EV's window, shape [S, I, width].
            action: Own actions, shape [S, I, features].
            of_others: The actions by which the others know each EV, shape [S, I, features].
            there: Whether each decided, shape [S, I].
        """
        values: Tensor = self.joint(remembered, action, torch.cat([remembered, of_others], dim=-1), there)
        return values


class AdmaddpgLiteral(FleetAlgorithm):
    """The algorithm.

    Args:
        spec: The fleet.
        settings: Its settings.
        seed: Seed of the networks' first weights.
    """

    def __init__(self, spec: FleetSpec, settings: Settings, seed: int) -> None:
        torch.manual_seed(seed)
        self.settings, self.credit = settings, settings.credit
        self._image = StateImage(spec)
        self._vector = EvVector(spec)
        self._head = LiteralHead(spec, self._vector, nearness=settings.nearness)
        self._memory = WindowMemory(settings.memory, spec.fleet_size, self._vector.length)
        self.actor, self.actor_target = (Actor(self._vector.length, settings) for _ in range(2))
        self.critic, self.critic_target = (
            Critic(self._vector.length, self._head.features, settings.width) for _ in range(2)
        )
        self.actor_target.load_state_dict(self.actor.state_dict())
        self.critic_target.load_state_dict(self.critic.state_dict())
        self._acting = Acting(self.actor)
        self.decides = self.actor
        self._actor_optimiser = torch.optim.Adam(self.actor.parameters(), lr=settings.actor_rate)
        self._critic_optimiser = torch.optim.Adam(self.critic.parameters(), lr=settings.critic_rate)
        self._priority = SlotPriority(settings.replay_episodes, spec.slots, settings.priority)

    def shapes(self, slots: int, evs: int) -> Shapes:
        """What is kept of an episode."""
        return {
            "map": ((slots, len(CHANNELS), SIDE, SIDE), np.float16),
            "vector": ((slots, evs, self._vector.length), np.float32),
            **self._head.shapes(slots, evs),
        }

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
            **self._priority.parts(),
        }

    # --------------------------------------------------------------------------------------------------- decision

    def begin_slot(self, observation: Observation) -> Arrays:
        """Encode the map, once for all EVs."""
        self._vector.begin_slot(observation)
        image = self._image.image(observation)
        with torch.no_grad():
            seen: Tensor = self._acting.network.encoder.map(torch.from_numpy(image).double())
        self._memory.begin_slot(observation.slot, seen)
        return {"map": image}

    def inputs(self, turn: Turn, learns: bool) -> Arrays:
        """What the actor sees."""
        vector = self._vector.of_turn(turn)
        self._memory.see(turn, vector)
        return {"vector": vector, **self._head.inputs(turn)}

    def choose(self, turn: Turn, seen: Arrays, exploration: Exploration | None) -> Moves:
        """What the actor says; with noise while it explores."""
        with torch.no_grad():
            maps, vectors = self._memory.of_turn(turn)
            logits = self._acting.network(maps, vectors.double())
        return self._head.choose(logits, seen, turn, exploration)

    # ----------------------------------------------------------------------------------------------------- update

    def update(self, replay: EpisodeReplay, progress: float, generator: np.random.Generator) -> dict[str, float]:
        """One update of critic and actor on all EVs of some slots: eq. (26) to (29)."""
        settings, head = self.settings, self._head
        slots = replay.arrays["reward"].shape[1]
        self._priority.meet(replay.stored)
        correction = linear(settings.correction, 1.0, progress)
        episode, slot, weight = self._priority.draw(settings.slots, correction, generator)
        later, goes_on = bootstrap_slots(slot, settings.steps, slots, literal_index=settings.literal_index)
        now, then = Window(self, replay, episode, slot), Window(self, replay, episode, later)
        ends = self.tensor(~goes_on)[:, None]

        # Eq. (27) and (29): N rewards, and the value of what everybody's target actor would do after them.
        with torch.no_grad():
            action = head.policy(then.logits(self.actor_target), then.seen)
            remembered = then.remembered(self.critic_target)
            value_later = self.critic_target(remembered, action, action, then.decided).masked_fill(ends, 0.0)
            wanted = now.returns(settings.steps, settings.gamma) + settings.gamma**settings.steps * value_later
        decided = now.decided & (then.decided | ends)

        # Eq. (26): the critic.
        done, remembered = head.done(now.seen), now.remembered(self.critic)
        value = self.critic(remembered, done, done, now.decided)
        error = nn.functional.smooth_l1_loss(value, wanted, reduction="none") * decided
        of_slot = error.sum(dim=1) / decided.sum(dim=1).clamp(1)
        critic_loss = (of_slot * self.tensor(weight)).mean()
        rate = linear(1.0, settings.rate_end, progress)
        descend(self._critic_optimiser, self.critic, critic_loss, settings.critic_rate * rate, settings.gradient_norm)
        wrong = ((value.detach() - wanted).abs() * decided).mean(dim=1)
        self._priority.set(episode, slot, array(wrong))

        # Eq. (28): the actor, along the critic's gradient in the EV's own action.
        logits = now.logits(self.actor)
        action = head.policy(logits, now.seen)
        of_others = action.detach() if settings.others == "current" else done
        gain = self.critic(remembered.detach(), action, of_others, now.decided)
        loss = (head.restraint(logits, now.seen, settings.logit_penalty) - gain) * now.decided
        actor_loss = loss.sum() / now.decided.sum().clamp(1)
        descend(self._actor_optimiser, self.actor, actor_loss, settings.actor_rate * rate, settings.gradient_norm)

        self._acting.renew()
        follow(self.actor_target, self.actor, settings.target_rate)
        follow(self.critic_target, self.critic, settings.target_rate)
        logged = {"critic_loss": float(critic_loss.detach()), "value": float(value.detach().mean())}
        return {**logged, **head.logged(logits, now.seen)}


class Window:
    """All EVs in some slots, with the slots before that they remember.

    Args:
        algorithm: What is trained.
        replay: Where they are.
        episode: Episode of each slot, shape [S].
        slot: Number of each, shape [S].
    """

    def __init__(self, algorithm: AdmaddpgLiteral, replay: EpisodeReplay, episode: Ints, slot: Ints) -> None:
        self._tensor = tensor = algorithm.tensor
        self._reward, self._at = replay.arrays["reward"], (episode, slot)
        # Before its first slot an EV remembers that slot.
        back = np.maximum(slot[:, None] + np.arange(1 - algorithm.settings.memory, 1), 0)
        window = (episode[:, None], back)
        self._map = tensor(replay.arrays["map"][window].astype(np.float32))
        vectors = tensor(replay.arrays["vector"][window]).transpose(1, 2)
        self._shape = vectors.shape[:2]
        self._vectors = vectors.flatten(0, 1)
        self.seen = {"vector": vectors[:, :, -1]}
        """What was kept of all EVs in the slots, by name, shape [S, I, ...]."""
        self.seen |= {name: tensor(replay.arrays[name][episode, slot]) for name in ("action", "decided")}
        self.decided = self.seen["decided"]

    def logits(self, actor: Actor) -> Tensor:
        """What an actor says, shape [S, I, 3]."""
        logits: Tensor = actor(self._maps(actor.encoder), self._vectors)
        return logits.view(*self._shape, -1)

    def remembered(self, critic: Critic) -> Tensor:
        """What a critic's encoder remembers, shape [S, I, width]."""
        remembered: Tensor = critic.encoder(self._maps(critic.encoder), self._vectors)
        return remembered.view(*self._shape, -1)

    def returns(self, steps: int, gamma: float) -> Tensor:
        """N-step returns, shape [S, I]."""
        slots, evs = self._shape
        episode, slot = (np.repeat(values, evs) for values in self._at)
        rows = n_step_rows(self._reward, steps, gamma, episode, slot, np.tile(np.arange(evs), slots))
        return self._tensor(rows).view(slots, evs)

    def _maps(self, encoder: Encoder) -> Tensor:
        """The maps of the window, each encoded once and shared by all EVs, shape [S * I, L, width]."""
        slots, memory = self._map.shape[:2]
        encoded: Tensor = encoder.map(self._map.flatten(0, 1))
        return encoded.view(slots, memory, -1).repeat_interleave(self._shape[1], dim=0)
