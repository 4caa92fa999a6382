"""Deep deterministic policy gradients for EVs that commute: independent learners, or MADDPG with a central critic.

Sections as in every algorithm: settings, networks, decision, update. An action is the share of an EV's power in a slot,
from -1 to 1. What makes the lines is what a critic knows of the others: nothing, all that they saw and did, or the sums
of their twins' messages.

Source:
    Lillicrap et al. 2016 (DDPG); Lowe et al. 2017 (MADDPG); Fujimoto et al. 2018 (TD3: two critics, smoothed targets);
    Hua et al. 2025, the baselines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.acting import Acting
from agents.commuters.algorithm import CommuterAlgorithm
from agents.commuters.networks import EvNetwork
from agents.commuters.view import HERE, VIEW, View
from agents.episode_replay import Arrays, EpisodeReplay, Shapes
from agents.exploration import linear
from agents.gradient_step import descend, follow
from agents.joint_critic import JointCritic
from agents.learner_state import Parts
from agents.masked import mean_of
from cosim.interface import FleetSpec, Ints

# ------------------------------------------------------------------------------------------------------- settings


@dataclass(frozen=True)
class Settings:
    """What can be set with `--set algorithm.K=V`.

    Attributes:
        critic: What a critic knows of the others: nothing (`own`), all that they see and do (`raw`), or the sums of
            their `messages`, which is another file's.
        networks: Whether EVs have networks of their `own`, or one that is `shared`.
        encoding: How a `raw` critic sees the others: `concatenate`d side by side, or as the mean of a `set`.
        others: What the others do in the actor's loss, and in the value of what comes after: what they did in the
            `replay`, or what their `current` actors, or targets, would do.
        critics: Critics that learn side by side; the least of their targets' values is believed.
        smoothing: Width of the noise on the target actors' shares, cut off at twice of it.
        width: Width of the two hidden layers.
        gamma: Discount.
        steps: Rewards of a return, N.
        slots: Slots of an update; all EVs at home in each are its rows.
        updates: Updates per round of episodes side by side.
        actor_rate: Adam's learning rate of the actor at the beginning.
        critic_rate: Of the critic.
        rate_end: Share of both that is left at the end; linear between.
        target_rate: Share of the networks that goes into the targets per update.
        output_penalty: Price on the square of the actor's output before tanh, which keeps it from saturating.
        epsilon: Width of the noise on shares at the beginning.
        epsilon_end: At `epsilon_until` of the episodes, and after.
        epsilon_until: Share of the episodes over which it falls.
        gradient_norm: Gradients are clipped to it.
        replay_episodes: Episodes kept; of few, critics forget what a share that is no longer tried is worth.
    """

    critic: Literal["own", "raw", "messages"] = "raw"
    networks: Literal["own", "shared"] = "shared"
    encoding: Literal["concatenate", "set"] = "set"
    others: Literal["replay", "current"] = "current"
    critics: int = 2
    smoothing: float = 0.1
    width: int = 64
    gamma: float = 0.98
    steps: int = 4
    slots: int = 48
    updates: int = 64
    actor_rate: float = 2e-4
    critic_rate: float = 1e-3
    rate_end: float = 0.1
    target_rate: float = 0.01
    output_penalty: float = 1e-3
    epsilon: float = 0.5
    epsilon_end: float = 0.2
    epsilon_until: float = 0.7
    gradient_norm: float = 1.0
    replay_episodes: int = 4000


# ------------------------------------------------------------------------------------------------------- networks


class AloneCritic(nn.Module):
    """A critic that knows one EV only.

    Args:
        width: Width of its layers.
        evs: Number of EVs if each has its own; 0 if they share one.
    """

    def __init__(self, width: int, evs: int) -> None:
        super().__init__()
        self.value = EvNetwork(VIEW + 1, width, evs)

    def forward(self, own: Tensor, action: Tensor, seen: Tensor, there: Tensor) -> Tensor:
        """The value of each EV's action, shape [S, I]; arguments as in `JointCritic.forward`, others not looked at."""
        values: Tensor = self.value(torch.cat([own, action], dim=-1))
        return values


class SideBySide(nn.Module):
    """Critics that learn from the same, and differ by their first weights.

    Args:
        critics: The critics.
    """

    def __init__(self, critics: Iterable[nn.Module]) -> None:
        super().__init__()
        self.critics = nn.ModuleList(critics)

    def forward(self, *seen: Tensor) -> Tensor:
        """Their values, shape [critics, S, I]."""
        return torch.stack([critic(*seen) for critic in self.critics])


class V2gDdpg(CommuterAlgorithm):
    """The algorithm.

    Args:
        spec: The fleet.
        settings: Its settings.
        seed: Seed of the networks' first weights.
    """

    def __init__(self, spec: FleetSpec, settings: Settings, seed: int) -> None:
        torch.manual_seed(seed)
        self.settings: Settings = settings
        self._spec, self._view = spec, View(spec)
        evs = spec.fleet_size if settings.networks == "own" else 0
        self.actor, self.actor_target = (EvNetwork(VIEW, settings.width, evs) for _ in range(2))
        self.critic, self.critic_target = (
            SideBySide(self._critic(evs) for _ in range(settings.critics)) for _ in range(2)
        )
        self.actor_target.load_state_dict(self.actor.state_dict())
        self.critic_target.load_state_dict(self.critic.state_dict())
        for target in (self.actor_target, self.critic_target):
            target.requires_grad_(False)
        self.decides = self.actor
        self._acting = Acting(self.actor)
        self._actor_optimiser = torch.optim.Adam(self.actor.parameters(), lr=settings.actor_rate)
        self._critic_optimiser = torch.optim.Adam(self.critic.parameters(), lr=settings.critic_rate)

    def _critic(self, evs: int) -> nn.Module:
        width = self.settings.width
        if self.settings.critic == "own":
            return AloneCritic(width, evs)
        places = self._spec.fleet_size if self.settings.encoding == "concatenate" else 0
        return JointCritic(VIEW, VIEW + 1, 1, width, by_choice=False, evs=places)

    @property
    def first_critic(self) -> nn.Module:
        """The critic that the actor follows."""
        return self.critic.critics[0]

    def shapes(self, slots: int, evs: int) -> Shapes:
        """Nothing beside what EVs see, choose and earn."""
        return {}

    def parts(self) -> Parts:
        """All that the next update depends on."""
        return {
            "actor": self.actor,
            "actor_target": self.actor_target,
            "critic": self.critic,
            "critic_target": self.critic_target,
            "actor_optimiser": self._actor_optimiser,
            "critic_optimiser": self._critic_optimiser,
        }

    def renew(self) -> None:
        """The actor has changed."""
        self._acting.renew()

    # --------------------------------------------------------------------------------------------------- decision

    def choose(self, seen: Arrays, slot: int) -> NDArray[np.float32]:
        """What the actor says."""
        own, market = (torch.from_numpy(seen[name]).double() for name in ("own", "market"))
        with torch.no_grad():
            share = self.share(self._acting.network, own, market, torch.full((len(own),), slot))
        chosen: NDArray[np.float32] = share.numpy().astype(np.float32)
        return chosen

    def share(self, actor: nn.Module, own: Tensor, market: Tensor, slot: Tensor) -> Tensor:
        """What an actor says, shape [..., I]."""
        return self._within(actor(self._view(own, market, slot)))

    def _smoothed(self, share: Tensor, generator: np.random.Generator) -> Tensor:
        """Shares of target actors with noise, so that a critic's narrow peak is not believed."""
        width = self.settings.smoothing
        if not width:
            return share
        noise = np.clip(generator.normal(0.0, width, share.shape), -2.0 * width, 2.0 * width)
        return (share + self.tensor(noise.astype(np.float32))).clamp(-self._spec.max_discharge_share, 1.0)

    def _within(self, output: Tensor) -> Tensor:
        """Outputs as shares that may be ordered."""
        return torch.tanh(output).clamp(min=-self._spec.max_discharge_share)

    # ----------------------------------------------------------------------------------------------------- update

    def update(self, replay: EpisodeReplay, progress: float, generator: np.random.Generator) -> dict[str, float]:
        """One update of critic and actor on all EVs that are at home in some slots."""
        settings = self.settings
        episode, slot = self._drawn(replay, generator)
        last = replay.arrays["reward"].shape[1] - 1
        now = self._seen(replay, episode, slot)
        then = self._seen(replay, episode, np.minimum(slot + settings.steps, last))
        here, goes_on = now["own"][..., HERE], self._goes_on(replay, episode, slot)

        # The value of what everybody's target actor would do after N rewards, by the critic that thinks less of it; who
        # has left earns nothing more.
        with torch.no_grad():
            later = self._smoothed(self.share(self.actor_target, then["own"], then["market"], then["slot"]), generator)
            value_later = self.values(self.critic_target, self._others(then, later), later).amin(dim=0) * goes_on
            wanted = self._returns(replay, episode, slot) + settings.gamma**settings.steps * value_later

        value = self.values(self.critic, now, now["action"])
        losses = nn.functional.smooth_l1_loss(value, wanted.expand_as(value), reduction="none").sum(dim=0)
        critic_loss = mean_of(losses, here)
        rate = linear(1.0, settings.rate_end, progress)
        norm = settings.gradient_norm
        descend(self._critic_optimiser, self.critic, critic_loss, settings.critic_rate * rate, norm)

        # The actor, along the critic's gradient in each EV's own action. Where one network is shared, all move at once:
        # unless the others are taken as they would move, everybody goes where there was room for one.
        output = self.actor(self._view(now["own"], now["market"], now["slot"]))
        share = self._within(output)
        gain = self.gain(self._others(now, share.detach()), share)
        actor_loss = mean_of(settings.output_penalty * output.square() - gain, here)
        descend(self._actor_optimiser, self.actor, actor_loss, settings.actor_rate * rate, norm)

        self._acting.renew()
        follow(self.actor_target, self.actor, settings.target_rate)
        follow(self.critic_target, self.critic, settings.target_rate)
        return {"critic_loss": float(critic_loss.detach()), "value": float(mean_of(value[0].detach(), here))}

    def _others(self, seen: Mapping[str, Tensor], share: Tensor) -> Mapping[str, Tensor]:
        """What is known of the others: what they did, or what these shares of all EVs mean."""
        return self.had_all(seen, share) if self.settings.others == "current" else seen

    def had_all(self, seen: Mapping[str, Tensor], share: Tensor) -> dict[str, Tensor]:
        """What would be known of the others if all EVs had chosen some shares, shape [S, I]."""
        return {**seen, "action": share}

    def values(self, critic: nn.Module, seen: Mapping[str, Tensor], share: Tensor) -> Tensor:
        """Values of shares of power, given what the others did, shape [S, I]; of critics side by side by each."""
        view = self._view(seen["own"], seen["market"], seen["slot"])
        done = torch.cat([view, seen["action"][..., None]], dim=-1)
        values: Tensor = critic(view, share[..., None], done, seen["own"][..., HERE])
        return values

    def gain(self, seen: Mapping[str, Tensor], share: Tensor) -> Tensor:
        """What the actor climbs: the value of its shares by the first critic, shape [S, I]."""
        return self.values(self.first_critic, seen, share)

    def _drawn(self, replay: EpisodeReplay, generator: np.random.Generator) -> tuple[Ints, Ints]:
        """Episode and slot of each that an update looks at, among those in which anybody was at home."""
        episode = generator.integers(0, len(replay), self.settings.slots)
        anybody = (replay.arrays["own"][episode, :, :, HERE] > 0.0).any(axis=2)
        # The n-th of them, n drawn evenly.
        nth = np.floor(generator.random(len(episode)) * anybody.sum(axis=1)).astype(np.int64)
        slot: Ints = (np.cumsum(anybody, axis=1) > nth[:, None]).argmax(axis=1)
        return episode, slot

    def _seen(self, replay: EpisodeReplay, episode: Ints, slot: Ints) -> dict[str, Tensor]:
        """What was kept of some slots, by name, shape [S, ...]; and their numbers."""
        kept = {name: self.tensor(values[episode, slot]) for name, values in replay.arrays.items()}
        return {**kept, "slot": self.tensor(slot)}

    def _at_home(self, replay: EpisodeReplay, episode: Ints, slot: Ints, k: int) -> NDArray[np.float32]:
        """Whether each EV that is at home in a slot still is k slots later, shape [S, I]."""
        own = replay.arrays["own"]
        inside = (slot + k < own.shape[1])[:, None]
        at_home: NDArray[np.float32] = inside * own[episode, np.minimum(slot + k, own.shape[1] - 1), :, HERE]
        return at_home

    def _goes_on(self, replay: EpisodeReplay, episode: Ints, slot: Ints) -> Tensor:
        return self.tensor(self._at_home(replay, episode, slot, self.settings.steps).astype(np.float32))

    def _returns(self, replay: EpisodeReplay, episode: Ints, slot: Ints) -> Tensor:
        """The next N rewards of all EVs, discounted, as long as they are at home, shape [S, I]."""
        reward = replay.arrays["reward"]
        total = np.zeros(reward[episode, slot].shape, dtype=np.float32)
        for k in range(self.settings.steps):
            paid = reward[episode, np.minimum(slot + k, reward.shape[1] - 1)]
            total += self.settings.gamma**k * paid * self._at_home(replay, episode, slot, k)
        return self.tensor(total)
