"""AD-MADDPG: attention, convolution and memory over what an EV sees; one actor and one critic learn for all EVs.

Sections as in every algorithm: settings, networks, decision, update. The actor points at stations: it gives every
choice of `agents.options` a probability. The critic values every choice, knowing what all others intend. So the
deterministic policy gradient of eq. (28) is taken over the probabilities, where the critic is linear and its gradient
exact, instead of over heading, distance and power, where it is flat but for small islands around stations. It has two
sides: what the EV itself earns, and what each microgrid gets back from all (`agents.fleet_critic`).

Source:
    Wu, Cai, Li 2025, eq. (25)-(29) and algorithms 1 and 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.algorithm import FleetAlgorithm
from agents.credit import CreditWeights
from agents.device import array
from agents.encoder import Encoder
from agents.episode_replay import Arrays, EpisodeReplay, Shapes, bootstrap_slots, n_step_rows
from agents.exploration import Exploration, drawn_by_chance, linear
from agents.fleet_critic import FleetCritic, joined_in_each_mode
from agents.gradient_step import descend, follow
from agents.learner_state import Parts
from agents.options import OWN_FEATURES, SLOT_KWH, STATION_FEATURES
from agents.others import others_at_stations, others_features, own_offers
from agents.reach import MODES
from agents.slot_priority import SlotPriority
from agents.turns import Turn
from agents.window_memory import WindowMemory
from cosim.errors import ControllerError
from cosim.interface import FleetSpec, Ints, Observation
from cosim.state_image import CHANNELS, OWN, SIDE, StateImage

# ------------------------------------------------------------------------------------------------------- settings


@dataclass(frozen=True)
class Settings:
    """What can be set with `--set algorithm.K=V`.

    Attributes:
        width: Width of all layers between.
        memory: Slots that the LSTM looks back on, the present one included; 1 is no memory.
        steps: N of the N-step returns.
        literal_index: Whether the value after N rewards is that of slot t + N - 1, as published; else of t + N.
        gamma: Discount.
        slots: Slots of an update; all EVs of each are its rows.
        updates: Updates per round of episodes side by side.
        actor_every: Updates of the critic per step of the actor and its target (Fujimoto et al. 2018).
        actor_rate: Adam's learning rate of the actor at the beginning.
        critic_rate: Of the critic.
        rate_end: Share of both that is left at the end; linear between.
        target_rate: Share of the networks that goes into the targets per update.
        entropy: Reward for undecided probabilities at the beginning.
        entropy_end: At the end.
        epsilon: Share of choices at random at the beginning; the others are drawn by the actor's probabilities.
        epsilon_end: At `epsilon_until` of the episodes, and after.
        epsilon_until: Share of the episodes over which it falls.
        priority: Exponent of the priorities.
        correction: Exponent of the weights that correct for them at the beginning; 1 at the end.
        fleet_from: Share of the episodes from which on the actor follows the fleet's value too.
        fleet_full: Share of the episodes from which on it does so in full; linear between.
        fleet_weight: How much a kWh that the fleet restores counts then, against one of the EV's own credit.
        own_weight: How much the EV's own credit counts then; 1 before.
        near: Price of departing from the target actor then, per nat.
        others: What the critic knows of the others: `turn`, what they intended when the EV decided; or `slot`, what all
            have chosen when the last one has. Where all decide at once it is `slot` in any case.
        gradient_norm: Gradients are clipped to it.
        replay_episodes: Episodes kept.
    """

    width: int = 64
    memory: int = 3
    steps: int = 4
    literal_index: bool = False
    gamma: float = 1.0
    slots: int = 8
    updates: int = 384
    actor_every: int = 1
    actor_rate: float = 5e-4
    critic_rate: float = 1e-3
    rate_end: float = 0.1
    target_rate: float = 0.01
    entropy: float = 0.05
    entropy_end: float = 0.005
    epsilon: float = 0.05
    epsilon_end: float = 0.0
    epsilon_until: float = 0.4
    priority: float = 0.5
    correction: float = 0.4
    fleet_from: float = 0.15
    fleet_full: float = 0.35
    fleet_weight: float = 1.0
    own_weight: float = 0.5
    near: float = 1.0
    others: Literal["turn", "slot"] = "slot"
    gradient_norm: float = 1.0
    replay_episodes: int = 768

    def __post_init__(self) -> None:
        if self.updates % self.actor_every:
            raise ControllerError(
                f"algorithm.actor_every: {self.updates} updates per round are no multiple of {self.actor_every}; set "
                f"updates to {self.updates // self.actor_every * self.actor_every or self.actor_every}"
            )
        if self.literal_index and self.steps < 2:
            raise ControllerError(
                "algorithm.literal_index: with steps=1 the value of a slot would be its own; set steps to 2 or more"
            )


#: No probability counts as less in a logarithm.
SMALLEST_CHANCE = 1e-8


# ------------------------------------------------------------------------------------------------------- networks


class Pointer(nn.Module):
    """From what an EV remembers, and how it sees each station, to a number per choice; for any number of stations.

    Args:
        vector: Length of an EV's vector.
        station: Features of a station.
        width: Width of its layers.
    """

    def __init__(self, vector: int, station: int, width: int) -> None:
        super().__init__()
        self.encoder = Encoder(vector, width)
        self.station = nn.Sequential(nn.Linear(station + OWN_FEATURES, width), nn.ReLU(), nn.Linear(width, width))
        self.query = nn.Linear(width, width)
        last = nn.Linear(width, MODES)
        with torch.no_grad():
            last.weight.mul_(0.1)
            last.bias.zero_()
        self.score = nn.Sequential(nn.ReLU(), nn.Linear(width, width), nn.ReLU(), last)

    def forward(self, maps: Tensor, vectors: Tensor, stations: Tensor, own: Tensor) -> Tensor:
        """A number for each choice.

        Args:
            maps: Encoded maps of the window, shape [N, L, width].
            vectors: Vectors of the window, shape [N, L, V].
            stations: Features of the stations now, shape [N, H, F].
            own: The EV's own features now, shape [N, OWN_FEATURES].

        Returns:
            Shape [N, H * 3].
        """
        return self.numbers(self.encoder(maps, vectors), stations, own)

    def numbers(self, remembered: Tensor, stations: Tensor, own: Tensor) -> Tensor:
        """A number for each choice, from what the encoder remembers, shape [N, width]."""
        query = self.query(remembered)
        seen = torch.cat([stations, own[:, None].expand(-1, stations.shape[1], -1)], dim=-1)
        numbers: Tensor = self.score(self.station(seen) + query[:, None])
        return numbers.flatten(1)


class Critic(nn.Module):
    """What an EV earns itself by each choice, and what the fleet's microgrids get back; one encoder for both.

    Args:
        spec: The fleet.
        vector: Length of an EV's vector.
        width: Width of its layers.
    """

    def __init__(self, spec: FleetSpec, vector: int, width: int) -> None:
        super().__init__()
        others = others_features(spec.slots)
        self.own = Pointer(vector, STATION_FEATURES + others, width)
        self.fleet = FleetCritic(spec, others, width)

    @property
    def encoder(self) -> Encoder:
        """The encoder."""
        return self.own.encoder


class Admaddpg(FleetAlgorithm):
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
        self.looks_back = settings.others == "slot"
        self._spec = spec
        self._image = StateImage(spec)
        self._stations = len(spec.station_name)
        self._vector = self._stations * STATION_FEATURES + OWN_FEATURES + len(OWN)
        self._memory = WindowMemory(settings.memory, spec.fleet_size, self._vector)
        self.actor, self.actor_target = (Pointer(self._vector, STATION_FEATURES, settings.width) for _ in range(2))
        self.critic, self.critic_target = (Critic(spec, self._vector, settings.width) for _ in range(2))
        self.actor_target.load_state_dict(self.actor.state_dict())
        self.critic_target.load_state_dict(self.critic.state_dict())
        self.decides = self.actor
        self._actor_optimiser = torch.optim.Adam(self.actor.parameters(), lr=settings.actor_rate, fused=True)
        self._critic_optimiser = torch.optim.Adam(self.critic.parameters(), lr=settings.critic_rate, fused=True)
        self._priority = SlotPriority(settings.replay_episodes, spec.slots, settings.priority)
        self._updates: Ints = np.zeros(1, dtype=np.int64)
        # What SLOT_KWH of the fleet's count in the units of the credit.
        self._per_slot = CreditWeights().scale * SLOT_KWH

    def shapes(self, slots: int, evs: int) -> Shapes:
        """What is kept of an episode."""
        return {
            "map": ((slots, len(CHANNELS), SIDE, SIDE), np.float16),
            "vector": ((slots, evs, self._vector), np.float32),
            "possible": ((slots, evs, self._stations * MODES), np.bool_),
            "others": ((slots, evs, self._stations, others_features(slots)), np.float16),
            "offer": ((slots, evs, self._stations, 2, slots), np.float16),
        }

    def parts(self) -> Parts:
        """All that the next update depends on."""
        return {
            "actor": self.actor,
            "actor_target": self.actor_target,
            "actor_optimiser": self._actor_optimiser,
            "critic": self.critic,
            "critic_target": self.critic_target,
            "critic_optimiser": self._critic_optimiser,
            "updates": self._updates,
            **self._priority.parts(),
        }

    # --------------------------------------------------------------------------------------------------- decision

    def begin_slot(self, observation: Observation) -> Arrays:
        """Encode the map, once for all EVs."""
        image = self._image.image(observation)
        self._own = self._image.own(observation)
        with torch.no_grad():
            seen: Tensor = self.actor.encoder.map(torch.from_numpy(image))
        self._memory.begin_slot(observation.slot, seen)
        return {"map": image}

    def inputs(self, turn: Turn, learns: bool) -> Arrays:
        """What the actor sees; the critic too if it learns from it."""
        choices, count = turn.choices, len(turn.ev)
        own = self._own[turn.replica, turn.ev]
        vector = np.concatenate([choices.station.reshape(count, -1), choices.own, own], axis=1)
        self._memory.see(turn, vector)
        central = {"others": others_at_stations(turn), "offer": own_offers(turn)} if learns else {}
        return {"vector": vector, "possible": choices.possible.reshape(count, -1), **central}

    def afterwards(self, turn: Turn) -> Arrays:
        """What the others have chosen, for the critic."""
        return {"others": others_at_stations(turn)}

    def choose(self, turn: Turn, seen: Arrays, exploration: Exploration | None) -> Ints:
        """The choice of highest probability; while it explores, one drawn by probability, or any."""
        with torch.no_grad():
            maps, vectors = self._memory.of_turn(turn)
            numbers = self.actor(maps, vectors, *self.split(vectors[:, -1])).numpy()
        possible = seen["possible"]
        if exploration is not None:
            numbers = drawn_by_chance(numbers, exploration.generator)
        choice: Ints = np.where(possible, numbers, -np.inf).argmax(axis=1)
        return choice if exploration is None else exploration.mixed(choice, possible, turn.replica)

    def split(self, vector: Tensor) -> tuple[Tensor, Tensor]:
        """Features of the stations [N, H, F] and the EV's own [N, OWN_FEATURES], within its vector [N, V]."""
        stations = vector[:, : self._stations * STATION_FEATURES]
        own = vector[:, stations.shape[1] : stations.shape[1] + OWN_FEATURES]
        return stations.reshape(len(vector), self._stations, STATION_FEATURES), own

    # ----------------------------------------------------------------------------------------------------- update

    def update(self, replay: EpisodeReplay, progress: float, generator: np.random.Generator) -> dict[str, float]:
        """One update of critic and actor on all EVs that decide in some slots: eq. (26) to (29)."""
        settings = self.settings
        slots = replay.arrays["reward"].shape[1]
        self._priority.meet(replay.stored)
        correction = linear(settings.correction, 1.0, progress)
        episode, slot, weight = self._priority.draw(settings.slots, correction, generator)
        later, goes_on = bootstrap_slots(slot, settings.steps, slots, literal_index=settings.literal_index)
        now = Window(self, replay, episode, slot)
        then = Window(self, replay, episode, later, counted=goes_on)
        reward = self.tensor(n_step_rows(replay.arrays["reward"], settings.steps, settings.gamma, *now.rows))
        restored = now.restored(settings.steps, settings.gamma)
        ends = self.tensor(~goes_on)[now.of_slot]
        bootstrap = settings.gamma**settings.steps

        # Eq. (27) and (29): N rewards, and the value of what is done after them: for the EV by what the target actor
        # would do, for the fleet by what all did, a mean over those who decided.
        with torch.no_grad():
            remembered = then.remembered(self.critic_target)
            own_later = (then.chances(self.actor_target) * then.own_values(self.critic_target, remembered)).sum(dim=1)
            wanted = reward + bootstrap * then.of_ev(own_later, now)
            fleet_later = then.by_slot(then.fleet_values(self.critic_target, remembered))
            fleet_wanted = restored + bootstrap * fleet_later[now.of_slot]
        known = ends | then.of_ev(torch.ones_like(own_later, dtype=torch.bool), now)
        fleet_known = ends | then.anybody[now.of_slot]

        # Eq. (26): the critic.
        remembered = now.remembered(self.critic)
        values = now.own_values(self.critic, remembered)
        value = values.gather(1, now.choice[:, None])[:, 0]
        fleet_value = now.fleet_values(self.critic, remembered)
        own_error = nn.functional.smooth_l1_loss(value, wanted, reduction="none")
        fleet_error = (fleet_value - fleet_wanted).square().sum(dim=1)
        of_slot = now.by_slot(own_error, known) + now.by_slot(fleet_error, fleet_known)
        critic_loss = (of_slot * self.tensor(weight)).mean()
        rate = linear(1.0, settings.rate_end, progress)
        descend(self._critic_optimiser, self.critic, critic_loss, settings.critic_rate * rate, settings.gradient_norm)
        wrong = (fleet_value.detach() - fleet_wanted).abs().sum(dim=1)
        self._priority.set(episode, slot, array(now.by_slot(wrong, fleet_known)))
        follow(self.critic_target, self.critic, settings.target_rate)
        logged = {
            "critic_loss": float(critic_loss.detach()),
            "value": float(value.detach().mean()),
            "fleet_value": float(fleet_value.detach().sum(dim=1).mean()),
        }
        self._updates += 1
        if self._updates[0] % settings.actor_every:
            return logged

        # Eq. (28): the actor, by the critic's value of each choice; near the target actor, once the fleet's counts.
        share = linear(0.0, 1.0, (progress - settings.fleet_from) / (settings.fleet_full - settings.fleet_from))
        worth = linear(1.0, settings.own_weight, share) * values.detach()
        if share > 0.0:
            worth += share * settings.fleet_weight * self._per_slot * now.fleet_values_of_all(self.critic, remembered)
        chances = now.chances(self.actor)
        log_chances = chances.clamp(min=SMALLEST_CHANCE).log()
        undecided = -(chances * log_chances).sum(dim=1)
        gain = (chances * worth).sum(dim=1)
        gain = gain + linear(settings.entropy, settings.entropy_end, progress) * undecided
        if share > 0.0:
            with torch.no_grad():
                log_before = now.chances(self.actor_target).clamp(min=SMALLEST_CHANCE).log()
            gain = gain - share * settings.near * (chances * (log_chances - log_before)).sum(dim=1)
        actor_loss = -gain.sum() / max(len(gain), 1)
        descend(self._actor_optimiser, self.actor, actor_loss, settings.actor_rate * rate, settings.gradient_norm)

        follow(self.actor_target, self.actor, settings.target_rate)
        return {**logged, "entropy": float(undecided.detach().mean())}


class Window:
    """The EVs that decide in some slots, with the slots before that they remember.

    Args:
        algorithm: What is trained.
        replay: Where they are.
        episode: Episode of each slot, shape [S].
        slot: Number of each, shape [S].
        counted: Whether a slot's EVs count, shape [S]; default: all do.
    """

    def __init__(
        self,
        algorithm: Admaddpg,
        replay: EpisodeReplay,
        episode: Ints,
        slot: Ints,
        counted: NDArray[np.bool_] | None = None,
    ) -> None:
        self._algorithm = algorithm
        memory, tensor = algorithm.settings.memory, algorithm.tensor
        arrays = replay.arrays
        choice = arrays["choice"][episode, slot]
        there = choice >= 0 if counted is None else (choice >= 0) & counted[:, None]
        of_slot, ev = np.nonzero(there)
        # Before its first slot an EV remembers that slot.
        back = np.maximum(slot[:, None] + np.arange(1 - memory, 1), 0)
        self._map = tensor(arrays["map"][episode[:, None], back].astype(np.float32))
        row = self.rows = (episode[of_slot], slot[of_slot], ev)
        """Episode, slot and EV of each row, shape [N]."""
        self._vectors = tensor(arrays["vector"][row[0][:, None], back[of_slot], ev[:, None]])
        self._possible = tensor(arrays["possible"][row])
        self._others = tensor(arrays["others"][row].astype(np.float32))
        self._offer = tensor(arrays["offer"][row].astype(np.float32))
        self._stations, self._own = algorithm.split(self._vectors[:, -1])
        self._restored_kwh, self._at = arrays["restored_kwh"], (episode, slot)
        self._there = there.shape
        self._ev = tensor(ev)
        self.of_slot = tensor(of_slot)
        """Which of the slots a row is in, shape [N]."""
        self.anybody = tensor(np.any(there, axis=1))
        """Whether anybody decides in a slot, shape [S]."""
        self.choice = tensor(choice[there].astype(np.int64))
        """What was chosen, shape [N]."""

    def chances(self, actor: Pointer) -> Tensor:
        """The actor's probability of each choice, shape [N, H * 3]."""
        numbers = actor(self._maps(actor), self._vectors, self._stations, self._own)
        return torch.softmax(numbers.masked_fill(~self._possible, -1e9), dim=1)

    def remembered(self, critic: Critic) -> Tensor:
        """What a critic's encoder remembers, shape [N, width]."""
        remembered: Tensor = critic.encoder(self._maps(critic), self._vectors)
        return remembered

    def own_values(self, critic: Critic, remembered: Tensor) -> Tensor:
        """What each EV itself earns by each choice, shape [N, H * 3]."""
        stations = torch.cat([self._stations, self._others], dim=-1)
        return critic.own.numbers(remembered, stations, self._own)

    def fleet_values(self, critic: Critic, remembered: Tensor) -> Tensor:
        """What each station's microgrid gets back by what was chosen, shape [N, H]."""
        station, mode = self.choice // MODES, self.choice % MODES
        joined = self._joined[torch.arange(len(station), device=station.device), station, mode]
        return critic.fleet.of_one(remembered, self._own, self._others, joined, station)

    def fleet_values_of_all(self, critic: Critic, remembered: Tensor) -> Tensor:
        """What all microgrids get back by each choice, shape [N, H * 3]; no gradient."""
        with torch.no_grad():
            return critic.fleet.of_all(remembered, self._own, self._others, self._joined)

    def restored(self, steps: int, gamma: float) -> Tensor:
        """What stations' microgrids get back in N slots, over SLOT_KWH, the same for all EVs, shape [N, H]."""
        episode, slot = (values[:, None] for values in self._at)
        station = np.arange(self._restored_kwh.shape[2])[None]
        rows = (np.broadcast_to(values, (len(slot), station.shape[1])).ravel() for values in (episode, slot, station))
        total = n_step_rows(self._restored_kwh, steps, gamma, *rows).reshape(len(slot), -1) / SLOT_KWH
        return self._algorithm.tensor(total)[self.of_slot]

    def by_slot(self, rows: Tensor, counted: Tensor | None = None) -> Tensor:
        """Means of those rows [N, ...] that count, shape [S, ...]; 0 where none does."""
        counts = rows.new_ones(len(rows)) if counted is None else counted.to(rows.dtype)
        total, count = rows.new_zeros(self._there[0], *rows.shape[1:]), rows.new_zeros(self._there[0])
        weighed = rows * counts.view(-1, *(1 for _ in rows.shape[1:]))
        of_slot = total.index_add(0, self.of_slot, weighed)
        number = count.index_add(0, self.of_slot, counts).clamp(min=1.0)
        return of_slot / number.view(-1, *(1 for _ in rows.shape[1:]))

    def of_ev(self, rows: Tensor, others: Window) -> Tensor:
        """What rows [N] say of the EVs of another window in the same places; 0 of those that are not among them."""
        of_all = rows.new_zeros(self._there)
        of_all[self.of_slot, self._ev] = rows
        return of_all[others.of_slot, others._ev]

    @cached_property
    def _joined(self) -> Tensor:
        """What is intended at each station with the EV in each mode, shape [N, H, 3, F]."""
        return joined_in_each_mode(self._others, self._offer, self._own)

    def _maps(self, network: Pointer | Critic) -> Tensor:
        """The maps of the window, each encoded once and shared by all EVs, shape [N, L, width]."""
        slots, memory = self._map.shape[:2]
        encoded: Tensor = network.encoder.map(self._map.flatten(0, 1))
        return encoded.view(slots, memory, -1)[self.of_slot]
