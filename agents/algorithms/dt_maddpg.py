"""DT-MADDPG: the part of a critic's value that the twins' messages predict, by a model; only the rest is learned.

Sections as in every algorithm: settings, networks, decision, update. Networks, update and exploration are those of
MADDPG on messages (`agents/algorithms/maddpg.py`, `critic=messages`): Q = R_sim + Q_res, where R_sim is rolled out by
`agents/twins/global_model.py`. With a horizon of 0 it is MADDPG on messages, to the last bit.

Source:
    After Hua et al. 2025; our specification, (B1) to (B9).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from agents.algorithms import maddpg
from agents.catalogue import LEAST
from agents.episode_replay import Arrays, EpisodeReplay, Shapes
from agents.exploration import Exploration
from agents.joint_critic import JointCritic
from agents.masked import variance_of
from agents.moves import Moves
from agents.options import Features
from agents.reach import MODES
from agents.turns import Turn
from agents.twins.global_model import Balances, GlobalModel
from cosim.errors import ControllerError
from cosim.interface import FleetSpec, Ints

# ------------------------------------------------------------------------------------------------------- settings


@dataclass(frozen=True)
class Settings(maddpg.Settings):
    """What can be set with `--set algorithm.K=V`, beside what MADDPG has.

    Attributes:
        horizon: Slots H that the twins predict, at most `steps`, so that real rewards check them; 0 for none.
        model_gradient: Whether the actor climbs R_sim too, or Q_res alone.
        guide: How much R_sim counts in the actor's logits, so that an untrained actor follows the model.
    """

    steps: int = 4
    width: int = 128
    slots: int = 48
    horizon: int = field(default=4, metadata={LEAST: 0})
    model_gradient: bool = True
    guide: float = 4.0

    def __post_init__(self) -> None:
        if self.horizon > self.steps:
            raise ControllerError(
                f"algorithm.horizon: must be at most steps ({self.steps}), got {self.horizon}: real rewards check what "
                "the twins predict"
            )


# ------------------------------------------------------------------------------------------------------- networks


class DtMaddpg(maddpg.Maddpg):
    """The algorithm.

    Args:
        spec: The fleet.
        settings: Its settings.
        seed: Seed of the networks' first weights.
    """

    settings: Settings

    def __init__(self, spec: FleetSpec, settings: Settings, seed: int) -> None:
        super().__init__(spec, settings, seed)
        self._model = GlobalModel(settings.horizon, settings.gamma)

    def shapes(self, slots: int, evs: int) -> Shapes:
        """What is kept of an episode."""
        choices = len(self._spec.station_name) * MODES
        return {
            **super().shapes(slots, evs),
            "model": ((slots, evs, choices), np.float32),
            "expected_kwh": ((slots, evs, self.settings.horizon), np.float32),
        }

    # --------------------------------------------------------------------------------------------------- decision

    def inputs(self, turn: Turn, learns: bool) -> Arrays:
        """What the actor sees, and what the model says of each choice; what messages predict too if it learns."""
        seen = super().inputs(turn, learns)
        seen["model"] = self._worth(turn)
        if learns:
            seen["expected_kwh"] = self._expected_kwh(turn)
        return seen

    def afterwards(self, turn: Turn) -> Arrays:
        """The same when all have chosen."""
        return {
            **super().afterwards(turn),
            "model": self._worth(turn),
            "expected_kwh": self._expected_kwh(turn),
        }

    def choose(self, turn: Turn, seen: Arrays, exploration: Exploration | None) -> Ints | Moves:
        """What the actor says; at random while it explores."""
        with torch.no_grad():
            as_seen = {name: torch.from_numpy(seen[name]).double() for name in ("vector", "model")}
            logits = self.logits(self._acting.network, as_seen)
        return self._head.choose(logits, seen, turn, exploration)

    def _worth(self, turn: Turn) -> Features:
        """R_sim of each choice of the EVs that decide, shape [N, H * 3]."""
        outlook, choices = turn.outlook, turn.choices
        slot, horizon = outlook.slot, self.settings.horizon
        deficit_kwh, surplus_kwh = (
            of_all[turn.replica][..., slot : slot + horizon] for of_all in (outlook.deficit_kwh, outlook.surplus_kwh)
        )
        balances = Balances(
            deficit_kwh=torch.from_numpy(deficit_kwh),
            surplus_kwh=torch.from_numpy(surplus_kwh),
            fed_kwh=torch.from_numpy(deficit_kwh - choices.deficit_left_kwh[..., :horizon]).clamp(min=0.0),
            drawn_kwh=torch.from_numpy(surplus_kwh - choices.surplus_left_kwh[..., :horizon]).clamp(min=0.0),
        )
        distance_km = outlook.trips.distance_km[turn.replica, turn.ev]
        travel_kwh = np.where(np.isfinite(distance_km), distance_km, 0.0) * self._spec.consumption_kwh_per_km
        offers = torch.from_numpy(choices.offer_kwh[..., slot : slot + horizon])
        worth = self._model.worth(balances, offers, torch.from_numpy(travel_kwh))
        flat: Features = worth.reshape(len(turn.ev), -1).numpy().astype(np.float32)
        return flat

    def _expected_kwh(self, turn: Turn) -> Features:
        """Load that all messages together predict to be served in the slots of the horizon [kWh], shape [N, H]."""
        outlook, board = turn.outlook, turn.board
        ahead = slice(outlook.slot, outlook.slot + self.settings.horizon)
        served_kwh = self._model.served(
            torch.from_numpy(outlook.deficit_kwh[..., ahead]), torch.from_numpy(board.fed_kwh[..., ahead])
        )
        expected_kwh = np.zeros((len(turn.ev), self.settings.horizon), dtype=np.float32)
        expected_kwh[:, : served_kwh.shape[-1]] = served_kwh.numpy()[turn.replica]
        return expected_kwh

    # ----------------------------------------------------------------------------------------------------- update

    def update(self, replay: EpisodeReplay, progress: float, generator: np.random.Generator) -> dict[str, float]:
        """One update as MADDPG's, (B6) to (B8); and how good the model is."""
        some = _some_of_the_last(replay)
        diagnosis = {**self._errors_kwh(replay, some), **self._shares(replay, some)}
        return {**super().update(replay, progress, generator), **diagnosis}

    def logits(self, actor: nn.Module, seen: Mapping[str, Tensor]) -> Tensor:
        """What an actor says, and what the model says."""
        return super().logits(actor, seen) + self.settings.guide * seen["model"]

    def gain(self, seen: Mapping[str, Tensor], action: Tensor, of_others: Tensor) -> Tensor:
        """What the actor climbs, (B8): R_sim + Q_res, or Q_res alone."""
        if self.settings.model_gradient:
            return super().gain(seen, action, of_others)
        return super()._values(self.critic, seen, action, of_others)

    def _values(self, critic: JointCritic, seen: Mapping[str, Tensor], action: Tensor, of_others: Tensor) -> Tensor:
        """Q_i = R_sim + Q_res,i, (B5), shape [S, I]."""
        residual = super()._values(critic, seen, action, of_others)
        return residual + (seen["model"] * action).sum(dim=-1)

    def _shares(self, replay: EpisodeReplay, episodes: Ints) -> dict[str, float]:
        """The variance of Q_res over that of Q, for what was done in some episodes; and of R_sim likewise."""
        slots = replay.arrays["reward"].shape[1]
        episode, slot = (grid.ravel() for grid in np.meshgrid(episodes, np.arange(slots), indexing="ij"))
        seen = self._seen(replay, episode, slot)
        done, decided = self._head.done(seen), self._head.decided(seen)
        with torch.no_grad():
            residual = super()._values(self.critic, seen, done, done)
            model = (seen["model"] * done).sum(dim=-1)
        of_residual, of_model, of_both = (
            float(variance_of(part, decided)) for part in (residual, model, residual + model)
        )
        if not of_both > 0.0:
            return {"residual_share": 0.0, "model_share": 0.0}
        return {"residual_share": of_residual / of_both, "model_share": of_model / of_both}

    def _errors_kwh(self, replay: EpisodeReplay, episodes: Ints) -> dict[str, float]:
        """Mean error of what messages predicted to be served, k slots before [kWh], over some episodes."""
        decided = replay.arrays["choice"][episodes] >= 0
        # All EVs of a slot know the same sums; the first that decided stands for them.
        first = np.argmax(decided, axis=2)[..., None, None]
        expected_kwh = np.take_along_axis(replay.arrays["expected_kwh"][episodes], first, axis=2)[:, :, 0]
        restored_kwh = replay.arrays["restored_kwh"][episodes].sum(axis=-1)
        anybody, slots = np.any(decided, axis=2), restored_kwh.shape[1]
        errors = {}
        for k in range(self.settings.horizon):
            off_kwh = np.abs(expected_kwh[:, : slots - k, k] - restored_kwh[:, k:])
            counts = np.asarray(anybody)[:, : slots - k]
            errors[f"model_error_{k}_kwh"] = float(off_kwh[counts].mean()) if counts.any() else 0.0
        return errors


def _some_of_the_last(replay: EpisodeReplay) -> Ints:
    """A few of the last episodes, the same for all updates of a round, also for one that goes on from a checkpoint."""
    last = (replay.stored - 1 - np.arange(min(len(replay), LAST))) % replay.capacity
    return np.random.default_rng(replay.stored).permutation(last)[:DIAGNOSED]


#: Out of how many of the last episodes how many are taken to tell how good the model is.
LAST, DIAGNOSED = 64, 4
