"""DT-MADDPG for EVs that commute: what twins' messages predict of the next slots, by a model; only the rest is learned.

Sections as in every algorithm: settings, networks, decision, update. A twin rolls its battery out over the next slots
with its EV's policy and tells the power that follows, and how much more or less it could be; sums of these over all
twins are all that a critic knows of the others. Q = R_sim + Q_res: R_sim pays the model's rewards of H slots, with the
EV's own power as its twin predicts it and the others' as they were told. With a horizon of 0 it is MADDPG on messages.

Source:
    After Hua et al. 2025; our specification, (B1) to (B9).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.algorithms import v2g_ddpg
from agents.catalogue import LEAST
from agents.commuters.battery_twin import BatteryTwin
from agents.commuters.day_model import DayModel, without_evs
from agents.commuters.forecast_correction import ForecastCorrection
from agents.commuters.view import DEPARTURE, ENERGY, HERE, KEPT, LOAD, RENEWABLE, SEEN, VIEW, rule_of
from agents.episode_replay import Arrays, EpisodeReplay, Shapes
from agents.joint_critic import JointCritic
from agents.learner_state import Parts
from agents.masked import variance_of
from cosim.errors import ControllerError
from cosim.interface import FleetSpec, Ints

# ------------------------------------------------------------------------------------------------------- settings

#: Kinds of numbers in a message, slot by slot: power, and how much more and less it could be.
POWER, UP, DOWN = range(3)


@dataclass(frozen=True)
class Settings(v2g_ddpg.Settings):
    """What can be set with `--set algorithm.K=V`, beside what MADDPG has.

    Attributes:
        told: Slots that a message tells of.
        horizon: Slots H of R_sim, at most `steps`, so that real rewards check them, and at most `told`; 0 for none.
        model_gradient: Whether the actor climbs R_sim too, or Q_res alone.
        correction: Whether the error of forecast net load is learned, (B9).
        correction_rate: Adam's learning rate of it.
    """

    critic: Literal["own", "raw", "messages"] = "messages"
    told: int = 4
    horizon: int = field(default=4, metadata={LEAST: 0})
    model_gradient: bool = True
    correction: bool = False
    correction_rate: float = 1e-3

    def __post_init__(self) -> None:
        most = min(self.steps, self.told)
        if self.horizon > most:
            raise ControllerError(
                f"algorithm.horizon: must be at most steps ({self.steps}) and told ({self.told}), got {self.horizon}: "
                "real rewards check what the twins tell"
            )
        if self.told > KEPT - SEEN:
            raise ControllerError(f"algorithm.told: must be at most {KEPT - SEEN}, got {self.told}")


# ------------------------------------------------------------------------------------------------------- networks


@dataclass(frozen=True)
class RollOut:
    """What twins predict of the next slots.

    Attributes:
        told: Power, and how much more and less it could be [kW], shape [..., I, 3, horizon].
        energies_kwh: Energy before each slot and after the last [kWh], shape [..., I, horizon + 1].
        end: What is known of each EV after the last slot, as in `agents.commuters.view`, shape [..., I, 3].
    """

    told: Tensor
    energies_kwh: Tensor
    end: Tensor


#: Numbers by which the residual knows how a twin expects its EV to be when the horizon ends.
END = 3


class V2gDtMaddpg(v2g_ddpg.V2gDdpg):
    """The algorithm.

    Args:
        spec: The fleet.
        settings: Its settings.
        seed: Seed of the networks' first weights.
    """

    settings: Settings

    def __init__(self, spec: FleetSpec, settings: Settings, seed: int) -> None:
        super().__init__(spec, settings, seed)
        self._twin, self._model = BatteryTwin(spec), DayModel(spec)
        self._needed_kwh = rule_of(spec).energy_needed_kwh
        self._fleet_kw = max(spec.fleet_size, 1) * spec.charge_kw
        self._correction = ForecastCorrection(spec, settings.told) if settings.correction else None
        if self._correction is not None:
            rate = settings.correction_rate
            self._correction_optimiser = torch.optim.Adam(self._correction.parameters(), lr=rate)

    def _critic(self, evs: int) -> nn.Module:
        told = 3 * self.settings.told
        return JointCritic(VIEW + END, told, 1, self.settings.width, by_choice=False, totals=True)

    def shapes(self, slots: int, evs: int) -> Shapes:
        """What every twin tells in each slot [kW]."""
        return {"message": ((slots, evs, 3, self.settings.told), np.float32)}

    def parts(self) -> Parts:
        """All that the next update depends on."""
        parts = dict(super().parts())
        if self._correction is not None:
            parts |= {"correction": self._correction, "correction_optimiser": self._correction_optimiser}
        return parts

    # --------------------------------------------------------------------------------------------------- decision

    def messages(self, seen: Arrays, slot: int, share: NDArray[np.float32]) -> Arrays:
        """What every twin tells, (B2): power, and how much more and less it could be, slot by slot [kW]."""
        own, market = (torch.from_numpy(seen[name]).double() for name in ("own", "market"))
        slots = torch.full((len(own),), slot)
        with torch.no_grad():
            chosen = torch.from_numpy(share).double()
            rolled = self._rolled_out(self._acting.network, own, market, slots, chosen, self.settings.told)
        return {"message": rolled.told.numpy().astype(np.float32)}

    def _rolled_out(
        self, actor: nn.Module, own: Tensor, market: Tensor, slot: Tensor, share: Tensor, horizon: int
    ) -> RollOut:
        """What each twin predicts of its own vehicle, (B1): the share that is chosen now, then its policy's."""
        told, energies_kwh = [], [own[..., ENERGY]]
        for k in range(horizon):
            ahead = market[..., k : k + SEEN]
            if k:
                share = self.share(actor, own, ahead, slot + k)
            step = self._twin.step(own, share, self._model.feed_in_kw(market[..., k]))
            told.append(torch.stack([step.power_kw, step.up_kw, step.down_kw], dim=-1))
            own = step.own
            energies_kwh.append(own[..., ENERGY])
        numbers = torch.stack(told, dim=-1) if told else own.new_zeros((*own.shape, 0))
        return RollOut(numbers, torch.stack(energies_kwh, dim=-1), own)

    # ----------------------------------------------------------------------------------------------------- update

    def update(self, replay: EpisodeReplay, progress: float, generator: np.random.Generator) -> dict[str, float]:
        """One update as MADDPG's, (B6) to (B8), and one of the correction, (B9); and how good the model is."""
        logged = super().update(replay, progress, generator)
        episode, slot = self._drawn(replay, generator)
        if self._correction is not None:
            logged["correction_loss"] = self._correct(replay, episode, slot)
        return {**logged, **self._errors_kw(replay, episode, slot), **self._shares(replay, episode, slot)}

    def values(self, critic: nn.Module, seen: Mapping[str, Tensor], share: Tensor) -> Tensor:
        """Q_i = R_sim + Q_res,i, (B5), shape [S, I]; of critics side by side by each."""
        rolled = self._ahead(seen, share)
        return self._residual(critic, seen, share, rolled) + self.simulated(seen, rolled)

    def had_all(self, seen: Mapping[str, Tensor], share: Tensor) -> dict[str, Tensor]:
        """What twins would tell if all EVs had chosen some shares, with the target actors after that."""
        parts = (seen["own"], seen["market"], seen["slot"])
        with torch.no_grad():
            told = self._rolled_out(self.actor_target, *parts, share, self.settings.told).told
        return {**super().had_all(seen, share), "message": told}

    def gain(self, seen: Mapping[str, Tensor], share: Tensor) -> Tensor:
        """What the actor climbs, (B8): R_sim + Q_res, or Q_res alone."""
        if self.settings.model_gradient:
            return super().gain(seen, share)
        return self._residual(self.first_critic, seen, share, self._ahead(seen, share))

    def _ahead(self, seen: Mapping[str, Tensor], share: Tensor) -> RollOut:
        """What twins predict of the horizon, with the target actors after the first slot."""
        parts = (seen["own"], seen["market"], seen["slot"])
        return self._rolled_out(self.actor_target, *parts, share, self.settings.horizon)

    def _residual(self, critic: nn.Module, seen: Mapping[str, Tensor], share: Tensor, rolled: RollOut) -> Tensor:
        """Q_res,i, of what an EV sees, how its twin expects it to be in the end, and of the sums, shape [S, I]."""
        left_kwh = rolled.energies_kwh[..., -1]
        lacks_kwh = (self._needed_kwh - left_kwh).clamp(min=0.0)
        end = torch.stack(
            [rolled.end[..., HERE], left_kwh / self._spec.battery_kwh, lacks_kwh / self._spec.battery_kwh], -1
        )
        view = torch.cat([self._view(seen["own"], seen["market"], seen["slot"]), end], dim=-1)
        sums = (self._of_others(seen["message"]) / self._fleet_kw).flatten(-2)
        values: Tensor = critic(view, share[..., None], sums, seen["own"][..., HERE])
        return values

    @staticmethod
    def _of_others(message: Tensor) -> Tensor:
        """Sums of the others' messages, shape [S, I, 3, told]."""
        return message.sum(dim=-3, keepdim=True) - message

    def simulated(self, seen: Mapping[str, Tensor], rolled: RollOut) -> Tensor:
        """R_sim, (B4): the model's rewards of the horizon, less what would be paid without EVs, shape [S, I]."""
        model, energies_kwh = self._model, rolled.energies_kwh
        market = self._corrected(seen["market"], seen["slot"])
        power_kw, others_kw = rolled.told[..., POWER, :], self._of_others(seen["message"])[..., POWER, :]
        # Who has left earns nothing more, and a slot in which it leaves is its last.
        here, left_h = seen["own"][..., HERE], seen["own"][..., DEPARTURE]
        worth = torch.zeros_like(here)
        for k in range(self.settings.horizon):
            now = market[..., k]
            all_kw = others_kw[..., k] + power_kw[..., k]
            paid = model.of_all(now[..., None, :], all_kw) - without_evs(model, now)[..., None]
            own = model.of_each(now, power_kw[..., k], energies_kwh[..., k], energies_kwh[..., k + 1])
            there = here * (left_h > k * self._spec.slot_h)
            worth = worth + self.settings.gamma**k * there * (paid + own)
        return worth

    # ------------------------------------------------------------------------------------------- how good a model

    def _corrected(self, market: Tensor, slot: Tensor) -> Tensor:
        """The market with what is known of the forecast's error added to the load, (B3)."""
        if self._correction is None:
            return market
        with torch.no_grad():
            error_kw = self._correction(market, slot)
        return _with_load(market, error_kw)

    def _correct(self, replay: EpisodeReplay, episode: Ints, slot: Ints) -> float:
        """One step down (B9); returns the mean square, in squared standard deviations of the net load."""
        if self._correction is None:
            return 0.0
        market, actual_kw, known = self._net_load(replay, episode, slot)
        error_kw = self._correction(market, self.tensor(slot))
        loss = self._correction.loss(_net_kw(market)[..., : self.settings.told] + error_kw, actual_kw, known)
        self._correction_optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._correction_optimiser.step()
        return float(loss.detach())

    def _net_load(self, replay: EpisodeReplay, episode: Ints, slot: Ints) -> tuple[Tensor, Tensor, Tensor]:
        """What was foretold in some slots, what then came without EVs [kW], and whether it did before the end."""
        kept = replay.arrays["market"]
        ahead = slot[:, None] + np.arange(self.settings.told)
        known = ahead < kept.shape[1]
        came = kept[episode[:, None], np.minimum(ahead, kept.shape[1] - 1), :, 0]
        actual_kw = came[..., LOAD] - came[..., RENEWABLE]
        return self.tensor(kept[episode, slot]), self.tensor(actual_kw), self.tensor(known)

    def _errors_kw(self, replay: EpisodeReplay, episode: Ints, slot: Ints) -> dict[str, float]:
        """Mean error of net load with all EVs, as model and messages foretold it k slots before [kW]."""
        market, actual_kw, known = self._net_load(replay, episode, slot)
        foretold_kw = _net_kw(self._corrected(market, self.tensor(slot)))[..., : self.settings.told]
        message = replay.arrays["message"]
        # What each EV did in a slot is the first power that its twin told in it.
        ahead = np.minimum(slot[:, None] + np.arange(self.settings.told), message.shape[1] - 1)
        did_kw = self.tensor(message[episode[:, None], ahead, :, POWER, 0].sum(axis=-1))
        told_kw = self.tensor(message[episode, slot, :, POWER].sum(axis=-2))
        errors_kw = (foretold_kw + told_kw - actual_kw - did_kw).abs()
        means = (errors_kw * known).sum(dim=0) / known.sum(dim=0).clamp(1)
        return {f"model_error_{k}_kw": float(means[k]) for k in range(self.settings.horizon)}

    def _shares(self, replay: EpisodeReplay, episode: Ints, slot: Ints) -> dict[str, float]:
        """The variance of Q_res over that of Q, for what was done in some slots; and of R_sim likewise."""
        seen = self._seen(replay, episode, slot)
        here = seen["own"][..., HERE]
        with torch.no_grad():
            rolled = self._ahead(seen, seen["action"])
            residual = self._residual(self.first_critic, seen, seen["action"], rolled)
            model = self.simulated(seen, rolled)
        of_residual, of_model, of_both = (variance_of(part, here) for part in (residual, model, residual + model))
        some = of_both.clamp(min=1e-12)
        return {"residual_share": float(of_residual / some), "model_share": float(of_model / some)}


def _net_kw(market: Tensor) -> Tensor:
    """Net load without EVs [kW], shape [..., KEPT]."""
    return market[..., LOAD, :] - market[..., RENEWABLE, :]


def _with_load(market: Tensor, more_kw: Tensor) -> Tensor:
    """A market with more load in its first slots."""
    load_kw = torch.cat([market[..., LOAD, : more_kw.shape[-1]] + more_kw, market[..., LOAD, more_kw.shape[-1] :]], -1)
    return torch.stack([load_kw, market[..., RENEWABLE, :], market[..., 2, :]], dim=-2)
