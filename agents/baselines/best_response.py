"""Each EV's best plan to the episode's end on what the others' plans leave, in turns, made anew in each slot."""

from __future__ import annotations

import numpy as np

from agents.baselines.planned import go_and_trade, room_foretold, starts_now, trips_between
from cosim.interface import Action, FleetSpec, Observation
from cosim.planning.response import FleetPlan
from cosim.planning.walks import Levels, Walks


class BestResponseController:
    """EVs respond to each other's plans, the nearest to a station first, each with the walk that adds most.

    A walk is a way through stations, slots and energy levels up to the end; what it adds is the energy that it serves
    of the deficits foretold, where the other walks leave some and a charger is free. The plans of the last slot are
    those that the first responses answer. The result is an equilibrium, not the best plan of the fleet.

    Args:
        spec: The fleet.
        rounds: Turns of each EV in a slot.
        levels: Energy levels of a battery.
    """

    def __init__(self, spec: FleetSpec, rounds: int = 3, levels: int = 103) -> None:
        self._spec = spec
        self._rounds = rounds
        self._levels = Levels(spec, levels, favourable=False)
        self._between = trips_between(spec)
        self._walks = Walks.none(0, spec.fleet_size, spec.slots)

    def act(self, observation: Observation) -> Action:
        """Let the EVs of each replica respond in turn; the replicas' turns run side by side."""
        spec = self._spec
        starts, room = starts_now(self._levels, observation), room_foretold(spec, observation)
        programs, slots = observation.replicas, spec.slots - observation.slot
        walks = self._walks.later()
        if observation.slot == 0 or walks.station.shape != (programs, spec.fleet_size, slots):
            walks = Walks.none(programs, spec.fleet_size, slots)
        plan = FleetPlan(self._levels, self._between, starts, room, walks)
        order = np.argsort(starts.trips.energy_kwh.min(axis=-1), axis=1, kind="stable")
        for _ in range(self._rounds):
            plan.respond(order)
        self._walks = plan.walks
        station, power_kwh = self._walks.station[..., 0], (self._walks.drawn_kwh - self._walks.fed_kwh)[..., 0]
        return go_and_trade(spec, observation, starts.trips, station, power_kwh)
