"""One EV after the other, each on what the intentions of those before it leave."""

from __future__ import annotations

import numpy as np

from agents.baselines.plan import SMALLEST_KWH, Bools, discharge_share, go_and_serve, kept_kwh, trip_slots
from agents.board import IntentionBoard, Intentions
from agents.telling import Telling
from agents.trips import Trips, station_outlook
from cosim.interface import Action, FleetSpec, Floats, Ints, Observation, can_decide


class CoordinatedController:
    """EVs choose in turn: the nearest to a station first, ties by number.

    Each takes its own old intention off the board, reads what the others' leave of every deficit, surplus and
    charger, slot by slot, chooses a station and whether to sell or to buy there, and publishes its intention.
    It chooses by the useful energy per slot from now on, trip included, up to the slot where that is highest:
    energy sold counts as delivered; energy bought as what it will deliver, as far as a deficit is left later.
    An EV that drives keeps its intention; those yet to choose count with the last slot's. It plans on the
    forecast: with `forecast.kind: none` it sees nothing to drive for.

    Args:
        spec: The fleet.
        return_reserve: Whether the energy to reach the nearest surplus is not sold while a round trip fits.
        offer_unit_kwh: Unit in which EVs tell what they offer [kWh]; 0 for all digits.
        offer_noise_kwh: Standard deviation of the noise on it [kWh], see `OfferNoise`; 0 for none.
    """

    def __init__(
        self,
        spec: FleetSpec,
        return_reserve: bool = True,
        offer_unit_kwh: float = 0.0,
        offer_noise_kwh: float = 0.0,
    ) -> None:
        telling = Telling(offer_unit_kwh, offer_noise_kwh)
        self._spec = spec
        self._return_reserve = return_reserve
        self.board = IntentionBoard.of_fleet(spec, telling)
        """Intentions of the episodes that run."""

    def act(self, observation: Observation) -> Action:
        """Let the EVs of each replica choose in turn; the replicas' turns run side by side."""
        self.board.begin_slot(observation)
        trips = Trips.of(self._spec, observation)
        deficit_kwh, surplus_kwh = station_outlook(self._spec, observation)
        station = np.full(observation.station.shape, -1, dtype=np.int64)
        power_share = np.zeros(observation.station.shape)

        choosing = can_decide(observation.state)
        nearest_km = np.where(choosing, np.min(trips.distance_km, axis=-1), np.inf)
        order = np.argsort(nearest_km, axis=1, kind="stable")
        turns = choosing.sum(axis=1)
        for turn in range(int(turns.max(initial=0))):
            replica = np.flatnonzero(turns > turn)
            ev = order[replica, turn]
            self.board.withdraw(replica, ev)
            intentions, share = self._choose(observation.slot, trips, replica, ev, deficit_kwh, surplus_kwh)
            self.board.publish(replica, ev, intentions)
            station[replica, ev] = intentions.station
            power_share[replica, ev] = share
        return go_and_serve(self._spec, observation, station, power_share)

    def _choose(
        self, slot: int, trips: Trips, replica: Ints, ev: Ints, deficit_kwh: Floats, surplus_kwh: Floats
    ) -> tuple[Intentions, Floats]:
        """The choice of one EV in each of N replicas, on what the board leaves.

        Returns:
            Their intentions, and their power shares of the slot that begins, shape [N].
        """
        spec, board = self._spec, self.board
        arrival, spare_kwh = trips.arrival[replica, ev], trips.spare_kwh[replica, ev]
        efficiency = spec.charge_efficiency * spec.discharge_efficiency

        # 1 What is left at each station in each slot, where a charger is free; shape [N, H, T].
        free = board.chargers[replica] < spec.station_chargers[:, None]
        deficit_left_kwh = _worth_a_charger(deficit_kwh[replica] - board.fed_kwh[replica], free)
        surplus_left_kwh = _worth_a_charger(surplus_kwh[replica] - board.drawn_kwh[replica], free)

        # 2 What the EV could sell and buy there up to each slot, from its arrival until empty or full.
        slots = np.arange(spec.slots)
        rest_h = np.where(slots == arrival[..., None], trips.rest_h[replica, ev][..., None], spec.slot_h)
        there_h = np.where(slots >= arrival[..., None], rest_h, 0.0)
        sale_kwh = spare_kwh - self._kept_kwh(slot, trips.distance_km[replica, ev], surplus_left_kwh)
        room_kwh = spec.energy_max_kwh - spec.energy_min_kwh - spare_kwh
        power_kw = spec.discharge_kw * spec.max_discharge_share
        sold_kwh = _up_to(np.minimum(deficit_left_kwh, power_kw * there_h), sale_kwh * spec.discharge_efficiency)
        bought_kwh = _up_to(np.minimum(surplus_left_kwh, spec.charge_kw * there_h), room_kwh / spec.charge_efficiency)

        # 3 What is useful of it: what is bought must be sold later, at the best of the stations.
        later_kwh = _later(np.minimum(deficit_left_kwh, power_kw * spec.slot_h))[:, None, :]
        useful_kwh = np.stack([sold_kwh, np.minimum(bought_kwh * efficiency, later_kwh)], axis=-2)
        per_slot_kwh = np.max(useful_kwh[..., slot:] / np.arange(1, spec.slots - slot + 1), axis=-1)
        worth = trips.possible[replica, ev][..., None] & (np.max(useful_kwh, axis=-1) >= SMALLEST_KWH)

        # 4 The best station and whether to buy there, if anything is worth it.
        rank = np.where(worth, per_slot_kwh, -np.inf).reshape(len(ev), -1)
        best = np.argmax(rank, axis=1)
        station, buys = best // 2, best % 2 == 1
        n = np.arange(len(ev))
        offer_kwh = np.diff(np.where(buys[:, None], bought_kwh[n, station], -sold_kwh[n, station]), prepend=0.0)
        goes = worth.any(axis=(1, 2))
        intentions = Intentions(
            station=np.where(goes, station, -1),
            arrival=np.where(goes, arrival[n, station], slot),
            offer_kwh=np.where(goes[:, None], offer_kwh, 0.0),
        )

        # 5 Power only in a slot that it has an offer for: else it would hold a charger for nothing.
        share = np.where(buys, 1.0, discharge_share(spec, sale_kwh[n, station], rest_h[n, station, slot]))
        return intentions, np.where(intentions.offer_kwh[:, slot] != 0.0, share, 0.0)

    def _kept_kwh(self, slot: int, distance_km: Floats, surplus_left_kwh: Floats) -> Floats:
        """Energy that an EV keeps at each station for the way to the nearest surplus left when it gets there.

        Args:
            slot: The slot that begins.
            distance_km: Road distance from each EV to each station [km], shape [N, H].
            surplus_left_kwh: Surplus left in each slot [kWh], shape [N, H, T].
        """
        if not self._return_reserve:
            return np.zeros_like(distance_km)
        spec = self._spec
        there = np.minimum(slot + trip_slots(spec, distance_km), spec.slots - 1)
        left_kwh = np.take_along_axis(surplus_left_kwh, there[..., None], axis=-1)[..., 0]
        return kept_kwh(spec, slot, left_kwh > 0.0)


def _worth_a_charger(left_kwh: Floats, free: Bools) -> Floats:
    """What is left where a charger is free and it is not too little [kWh]."""
    return np.where(free & (left_kwh >= SMALLEST_KWH), left_kwh, 0.0)


def _up_to(slot_kwh: Floats, most_kwh: Floats) -> Floats:
    """Energy from the first slot to each, at most a whole [kWh], shape [N, H, T] of [N, H, T] and [N, H]."""
    total: Floats = np.minimum(np.cumsum(slot_kwh, axis=-1), np.maximum(most_kwh, 0.0)[..., None])
    return total


def _later(slot_kwh: Floats) -> Floats:
    """What the best station takes from an EV that leaves after each slot and drives for one [kWh].

    Args:
        slot_kwh: What each station takes in each slot [kWh], shape [N, H, T].

    Returns:
        Shape [N, T].
    """
    later_kwh = np.zeros(slot_kwh.shape)
    later_kwh[..., :-2] = np.cumsum(slot_kwh[..., ::-1], axis=-1)[..., ::-1][..., 2:]
    best: Floats = np.max(later_kwh, axis=1)
    return best
