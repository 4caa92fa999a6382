"""From what happened in a slot to what a controller that learns is told of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosim.day_reward import net_load_kw
from cosim.grid.accounts import GridSlot
from cosim.interface import Floats, Outcome
from cosim.reward import RewardModel
from cosim.traffic.accounts import TrafficSlot


class Outcomes:
    """Outcomes of the slots of an episode, one after the other.

    Args:
        reward: Turns slots into rewards.
    """

    def __init__(self, reward: RewardModel) -> None:
        self._reward = reward
        self._restored_kwh: Floats | float = 0.0
        self._reference_kwh: Floats | float = 0.0

    def of_slot(self, episodes: Sequence[int], slot: int, traffic: TrafficSlot, grid: GridSlot) -> Outcome:
        """The outcome of the slot that follows the one asked for last, or of an episode's first.

        Args:
            episodes: Episode of each replica.
            slot: Number of the slot.
            traffic: What happened on the roads and at the stations.
            grid: What happened in the grid.
        """
        if slot == 0:
            self._restored_kwh = self._reference_kwh = 0.0
        slots = TrafficSlot.together([traffic]), GridSlot.together([grid])
        evs, microgrids, reference = slots[0].evs, slots[1].microgrids, slots[1].reference
        rewards = self._reward.of_slots(evs, microgrids, reference, self._restored_kwh, self._reference_kwh)
        so_far = self._reward.so_far(microgrids, reference, self._restored_kwh, self._reference_kwh)
        self._restored_kwh, self._reference_kwh = (kwh[-1] for kwh in so_far)
        paid_by_day = self._reward.of_days
        return Outcome(
            slot=slot,
            episode=np.array(episodes, dtype=np.int64),
            shedding_reward=rewards.shedding[0],
            cost_reward=rewards.cost[0],
            penalty_reward=rewards.penalty[0],
            charged_kwh=evs.charged_kwh[0],
            discharged_kwh=evs.discharged_kwh[0],
            driven_km=evs.driven_km[0],
            station=evs.station[0],
            shed_kw=microgrids.shed_kw[0],
            reference_shed_kw=reference.shed_kw[0],
            day_reward=rewards.total[0] if paid_by_day else None,
            net_load_kw=net_load_kw(microgrids)[0] if paid_by_day else None,
        )
