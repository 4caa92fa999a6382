"""Model predictive control: the fleet's linear program to the episode's end, solved anew in each slot."""

from __future__ import annotations

import numpy as np

from agents.baselines.planned import go_and_trade, room_foretold, starts_now, trips_between
from cosim.interface import Action, FleetSpec, Floats, Observation
from cosim.planning.program import FleetProgram, Groups, Prices, Storage, Supply
from cosim.planning.response import Room
from cosim.planning.rounding import FirstMoves, decide_first_moves
from cosim.planning.walks import Levels, Starts

#: What makes the program prefer short ways, and to serve early.
PRICES = Prices(drive=0.05, late=0.002)


class MpcController:
    """Solves the program of the whole fleet, decides where each EV goes first, and leaves the rest for later slots.

    The program lets EVs split; only what they do in the slot that begins must be whole. Where they go is decided a
    third of them at a time, the surest first, with the program solved again in between. It knows the forecast, but not
    the microgrids' storage.

    Args:
        spec: The fleet.
        levels: Energy levels of a battery.
        tolerance: How exactly the program is solved, as a share of the deficit to come.
    """

    def __init__(self, spec: FleetSpec, levels: int = 103, tolerance: float = 0.003) -> None:
        self._spec = spec
        self._tolerance = tolerance
        self._levels = Levels(spec, levels, favourable=False)
        self._between = trips_between(spec)

    def act(self, observation: Observation) -> Action:
        """Solve the program of each replica."""
        spec = self._spec
        if spec.fleet_size == 0:
            return Action.stay(observation.replicas, 0)
        starts, room = starts_now(self._levels, observation), room_foretold(spec, observation)
        moves = [self._first_moves(starts, room, replica) for replica in range(observation.replicas)]
        station, power_kwh = np.stack([m.station for m in moves]), np.stack([m.power_kwh for m in moves])
        return go_and_trade(spec, observation, starts.trips, station, power_kwh)

    def _first_moves(self, starts: Starts, room: Room, replica: int) -> FirstMoves:
        one = slice(replica, replica + 1)
        groups = Groups(np.ones(self._spec.fleet_size), Starts(starts.trips.from_some(one), starts.level[one]))
        draw_kwh, feed_kwh = room.draw_kwh[replica], room.feed_kwh[replica]
        deficit_kwh = self._of_microgrids(feed_kwh)
        supply = Supply(deficit_kwh, draw_kwh, feed_kwh, Storage.none(*deficit_kwh.shape))
        program = FleetProgram(self._levels, self._between, supply, groups, PRICES)
        return decide_first_moves(program, self._tolerance * max(float(deficit_kwh.sum()), 1.0))

    def _of_microgrids(self, of_stations: Floats) -> Floats:
        """Sum what stations take over their microgrids, shape [M, T] of [H, T]."""
        total = np.zeros((len(self._spec.microgrid_name), of_stations.shape[1]))
        np.add.at(total, self._spec.station_microgrid, of_stations)
        return total
