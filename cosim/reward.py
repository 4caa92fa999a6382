"""The reward of each EV in a slot, term by term."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from cosim.day_reward import DayTerms, day_terms
from cosim.interface import DayRule, Floats, Ints
from cosim.records.schema import EvSlots, MicrogridSlots, Rewards
from cosim.scenario.schema import RewardSection
from cosim.sums import sum_by_column

#: Microgrids that shed less than this in an episode do not count in fairness [kWh].
COUNTED_KWH = 1.0
#: Restored shares up to this are none.
SMALLEST_SHARE = 1e-9


class RewardModel:
    """Turns what happened in an episode's slots into rewards.

    Args:
        section: The scenario's `reward`.
        slot_h: Length of a slot [h].
        station_microgrid: Microgrid that feeds each station, shape [H].
        penalised: Outcomes of an action that cost `move_penalty`.
        day: What a day of EVs that commute is judged by, for `form: v2g`.
    """

    def __init__(
        self,
        section: RewardSection,
        slot_h: float,
        station_microgrid: Ints,
        penalised: tuple[int, ...],
        day: DayRule | None = None,
    ) -> None:
        self._section = section
        self._slot_h = slot_h
        # The last entry is that of no station, -1.
        self._microgrid_at = np.append(station_microgrid, -1)
        self._penalised = penalised
        self._day = day if section.form == "v2g" else None

    @property
    def of_days(self) -> bool:
        """Whether it pays for a day of EVs that commute."""
        return self._day is not None

    def of_slots(
        self,
        evs: EvSlots,
        microgrids: MicrogridSlots,
        reference: MicrogridSlots,
        restored_kwh: Floats | float = 0.0,
        reference_kwh: Floats | float = 0.0,
    ) -> Rewards:
        """Reward each EV in each slot of its episode, from its first slot on or after some others.

        With `credit: team` the shedding term is shared equally. With `individual` each microgrid's share of it goes
        to the EVs that fed it, by their energies; what no EV fed (storage that was spared before, or its use) goes
        to all.

        Args:
            evs: Per EV, shape [T, R, I].
            microgrids: With EVs, shape [T, R, M].
            reference: Without EVs, shape [T, R, M].
            restored_kwh: Restored in the slots before [kWh], shape [R, M].
            reference_kwh: Shed without EVs in the slots before [kWh], shape [R, M].

        Returns:
            The rewards, shape [T, R, I].

        Source:
            Wu, Cai, Li 2025, eq. (21); `literal` as printed, `avoided` and `ratio` with the sign that rewards
            fairness, see docs/model.md.
        """
        if self._day is not None:
            return _of_day(day_terms(self._day, evs, microgrids))
        # Fairness is that of all that was restored so far.
        fairness = jain_fairness(*self.so_far(microgrids, reference, restored_kwh, reference_kwh))
        avoided_cny = reference.shedding_cny - microgrids.shedding_cny
        shedding_cny = microgrids.shedding_cny.sum(axis=-1)
        term_cny = {
            "avoided": fairness * avoided_cny.sum(axis=-1),
            "literal": -fairness * shedding_cny,
            "ratio": -shedding_cny / fairness,
        }[self._section.form]
        cost_cny = evs.battery_cny + evs.distance_cny + evs.time_cny
        if self._section.credit == "individual":
            shedding = self._section.scale * self._by_energy(fairness[..., None] * avoided_cny, evs)
        else:
            fleet = max(evs.outcome.shape[-1], 1)
            shedding = np.broadcast_to(self._section.scale * term_cny[..., None] / fleet, cost_cny.shape).copy()
        cost = -self._section.scale * cost_cny
        penalty = np.where(np.isin(evs.outcome, self._penalised), -self._section.move_penalty, 0.0)
        terms = {"shedding": shedding, "cost": cost, "penalty": penalty}
        return Rewards(**terms, **_nothing(DayTerms, cost), total=shedding + cost + penalty)

    def so_far(
        self,
        microgrids: MicrogridSlots,
        reference: MicrogridSlots,
        restored_kwh: Floats | float,
        reference_kwh: Floats | float,
    ) -> tuple[Floats, Floats]:
        """Restored, and shed without EVs, up to the end of each of some slots [kWh], each of shape [T, R, M].

        Args:
            microgrids: With EVs, shape [T, R, M].
            reference: Without EVs, shape [T, R, M].
            restored_kwh: Restored in the slots before [kWh].
            reference_kwh: Shed without EVs in the slots before [kWh].
        """
        gained_kwh = np.cumsum((reference.shed_kw - microgrids.shed_kw) * self._slot_h, axis=0)
        lost_kwh = np.cumsum(reference.shed_kw * self._slot_h, axis=0)
        return restored_kwh + gained_kwh, reference_kwh + lost_kwh

    def _by_energy(self, value_cny: Floats, evs: EvSlots) -> Floats:
        """Share the value of each microgrid [T, R, M] among the EVs that fed it, by their energies; [T, R, I]."""
        at = self._microgrid_at[evs.station]
        fed_kwh = sum_by_column(evs.discharged_kwh, at, value_cny.shape[-1])
        fed = fed_kwh > 0.0
        per_kwh_cny = np.where(fed, value_cny / np.where(fed, fed_kwh, 1.0), 0.0)
        own_cny = np.take_along_axis(per_kwh_cny, np.maximum(at, 0), axis=-1) * evs.discharged_kwh * (at >= 0)
        left_cny = np.where(fed, 0.0, value_cny).sum(axis=-1)
        of_each: Floats = own_cny + left_cny[..., None] / max(evs.outcome.shape[-1], 1)
        return of_each


def _of_day(terms: DayTerms) -> Rewards:
    """The reward of a day, in which nothing is paid for load that is served."""
    nothing = np.zeros_like(terms.stability)
    return Rewards(shedding=nothing, cost=nothing, penalty=nothing, **vars(terms), total=terms.total)


def _nothing(terms: type, like: Floats) -> dict[str, Floats]:
    """Zeros for all terms of a kind."""
    nothing = np.zeros_like(like)
    return {term.name: nothing for term in fields(terms)}


def jain_fairness(restored_kwh: Floats, reference_kwh: Floats) -> Floats:
    """Jain's index over the restored shares of the microgrids that shed load without EVs.

    Args:
        restored_kwh: Load restored in each microgrid [kWh], shape [..., M].
        reference_kwh: Load shed without EVs [kWh], shape [..., M].

    Returns:
        From 1/M' (one microgrid has it all, or nothing was restored) to 1 (equal shares), with M' the
        microgrids that count; 1 where none counts. Shape [...].

    Source:
        Wu, Cai, Li 2025, eq. (22), on shares and on the microgrids that can be restored at all.
    """
    counted = reference_kwh > COUNTED_KWH
    # A microgrid that EVs made worse has no share; what is left of rounding is none either.
    share = np.where(counted, restored_kwh / np.where(counted, reference_kwh, 1.0), 0.0)
    share = np.where(share > SMALLEST_SHARE, share, 0.0)
    number = counted.sum(axis=-1)
    total, squares = share.sum(axis=-1), (share * share).sum(axis=-1)
    fairness: Floats = np.where(
        squares > 0.0, total * total / np.where(squares > 0.0, number * squares, 1.0), 1.0 / np.maximum(number, 1)
    )
    return fairness
