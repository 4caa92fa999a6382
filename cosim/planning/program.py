"""The fleet's linear program: the most energy that EVs and storage can serve of the microgrids' deficits.

It is the network-flow program of identical EVs on the network of `cosim.planning.walks`, written by paths: a column is
a walk, and walks are added while one is worth more than it costs at the program's prices (Dantzig-Wolfe), so that the
network may have a hundred thousand arcs. Beside the fleet it holds the stations' limits and chargers and the
microgrids' deficits and storage. HiGHS solves it, through scipy.

M = microgrids, H = stations, T = slots from now to the end, G = groups of EVs that start alike, K = walks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import block_array, csr_array, diags_array, eye_array, hstack, kron, vstack

from cosim.errors import SimulationError
from cosim.interface import FleetSpec, Floats, Ints
from cosim.planning.trips import Trips
from cosim.planning.walks import BestWalks, Levels, Market, Starts, Walks

#: Rounds of adding walks after which the program is given up as it is; some 15 are usual.
MOST_ROUNDS = 200
#: Stands for a first station that is not decided yet.
UNDECIDED = -2


@dataclass(frozen=True)
class Storage:
    """Storage of the microgrids, shape [M].

    Attributes:
        power_kwh: Most energy in or out in a slot, at the bus [kWh].
        start_kwh: Stored energy now [kWh].
        min_kwh: Lowest stored energy [kWh].
        max_kwh: Highest stored energy [kWh].
        charge_efficiency: Energy stored per energy drawn.
        discharge_efficiency: Energy delivered per energy taken out.
        spare_kwh: Energy that there is to be stored in each slot [kWh], shape [M, T].
    """

    power_kwh: Floats
    start_kwh: Floats
    min_kwh: Floats
    max_kwh: Floats
    charge_efficiency: Floats
    discharge_efficiency: Floats
    spare_kwh: Floats

    @classmethod
    def none(cls, microgrids: int, slots: int) -> Storage:
        """No storage, or none that is known."""
        nothing, one = np.zeros(microgrids), np.ones(microgrids)
        return cls(nothing, nothing, nothing, nothing, one, one, np.zeros((microgrids, slots)))


@dataclass(frozen=True)
class Supply:
    """What there is to serve and to draw, slot by slot [kWh].

    Attributes:
        deficit_kwh: Load beyond renewables and diesel, shape [M, T].
        draw_limit_kwh: What EVs may draw at each station, shape [H, T].
        feed_limit_kwh: What they may feed in, shape [H, T].
        storage: Storage of the microgrids.
    """

    deficit_kwh: Floats
    draw_limit_kwh: Floats
    feed_limit_kwh: Floats
    storage: Storage


@dataclass(frozen=True)
class Groups:
    """EVs that start alike.

    Attributes:
        count: EVs of each group, not necessarily whole ones, shape [G].
        starts: Where they start, one program of G EVs.
    """

    count: Floats
    starts: Starts


@dataclass(frozen=True)
class Prices:
    """What is taken off the energy served, to choose among plans that serve the same.

    Attributes:
        drive: Per kWh for driving.
        late: The part that a kWh served loses per slot that it is served later.
    """

    drive: float = 0.0
    late: float = 0.0


class FleetProgram:
    """The program, and the walks that were found for it.

    Args:
        levels: The energy levels.
        between: Trips between stations, shape [H, H].
        supply: What there is to serve and to draw.
        groups: The EVs, at least one group.
        prices: What is taken off the energy served.

    Attributes:
        walks: The walks, one of each group in each of K programs.
        share: EVs of each group that take each walk, shape [K, G].
        served_kwh: Energy that EVs and storage serve by them, less the prices [kWh].
        most_kwh: The same for any walks at all: no more than this can be served [kWh].
    """

    def __init__(
        self, levels: Levels, between: Trips, supply: Supply, groups: Groups, prices: Prices = Prices()
    ) -> None:
        self._levels = levels
        self._between = between
        self._supply = supply
        self._count = groups.count
        self._starts = groups.starts
        self._drive_price = prices.drive
        self._first = np.full(len(groups.count), UNDECIDED)
        self._master = _Master(levels.spec, supply, prices.late)
        self.served_kwh, self.most_kwh = 0.0, float(supply.deficit_kwh.sum())
        # To do nothing is possible in any case: so the program has a solution before any walk is found.
        self.walks = Walks.none(1, len(groups.count), supply.draw_limit_kwh.shape[1])
        self._master.add(self.walks)
        self.share = groups.count[None]

    def solve(self, tolerance_kwh: float) -> None:
        """Find walks until what they serve is near enough to what can be served.

        Args:
            tolerance_kwh: How near [kWh].

        Raises:
            SimulationError: If HiGHS gives no solution, which the program's form excludes.

        Source:
            Dantzig & Wolfe 1960. The bound is what is served, plus what the best walks of all EVs would add at
            the program's prices (Lasdon 1970).
        """
        supply = self._supply
        limits_kwh = supply.draw_limit_kwh[None], supply.feed_limit_kwh[None]
        self.most_kwh = float(supply.deficit_kwh.sum())
        for _ in range(MOST_ROUNDS):
            allowed = (self._first == UNDECIDED) | (self.walks.station[..., 0] == self._first)
            cost = self._drive_price * self.walks.driven_kwh
            self.served_kwh, self.share, prices, earned = self._master.solve(self._count, cost, allowed)
            market = Market(prices[:1], prices[1:], *limits_kwh, self._drive_price)
            found = BestWalks(self._levels, self._between, market).follow(self._starts)
            more_kwh = float(self._count @ np.maximum(found.value[0] - earned, 0.0))
            self.most_kwh = max(min(self.most_kwh, self.served_kwh + more_kwh), self.served_kwh)
            if self.most_kwh - self.served_kwh <= tolerance_kwh:
                break
            self._add(found)

    def go_first_to(self, group: Ints, station: Ints) -> None:
        """Decide where some groups go first; the next `solve` keeps to it.

        Args:
            group: Their numbers, shape [N].
            station: Station that each goes to or stays at; -1 to do nothing, shape [N].
        """
        trips = self._starts.trips
        elsewhere = np.arange(trips.slots.shape[-1]) != station[:, None]
        slots = trips.slots.copy()
        slots[0, group] = np.where(elsewhere, self._levels.spec.slots + 1, slots[0, group])
        self._first[group] = station
        self._starts = Starts(replace(trips, slots=slots), self._starts.level)
        # To go there and do nothing: all walks found so far may draw more than there is.
        idle = Walks.none(1, len(self._count), self.walks.station.shape[-1])
        idle.station[0, group] = station[:, None]
        idle.driven_kwh[0, group] = np.where(elsewhere, 0.0, trips.energy_kwh[0, group]).sum(axis=-1)
        self._add(idle)

    def _add(self, walks: Walks) -> None:
        """Add a walk of each group, which nobody takes yet."""
        self._master.add(walks)
        self.walks = self.walks.and_those(walks)
        self.share = np.concatenate([self.share, np.zeros_like(self.share[:1])])


class _Master:
    """The program with the walks so far.

    Variables: energy drawn and fed in at stations [H, T] and, for each microgrid and slot [M, T], what EVs serve,
    what storage serves, what it takes, and what it then holds; after them the EVs that take each walk [K, G].
    """

    def __init__(self, spec: FleetSpec, supply: Supply, late_price: float) -> None:
        self._shape = supply.draw_limit_kwh.shape
        self._walks: list[csr_array] = []
        stations, slots = self._shape
        microgrids = len(supply.deficit_kwh)
        here, cells = stations * slots, microgrids * slots
        storage = supply.storage

        # At most: what walks draw is drawn; what is fed in walks feed in; chargers; what EVs serve is fed in; deficits.
        one, cell, no_cell = eye_array(here), eye_array(cells), csr_array((cells, cells))
        discharge_kw = spec.discharge_kw * spec.max_discharge_share
        feeds = csr_array((np.ones(stations), (spec.station_microgrid, np.arange(stations))), (microgrids, stations))
        of_microgrid = kron(feeds, eye_array(slots))
        self._at_most = block_array(
            [
                [-one, None, None, None, None, None],
                [None, one, None, None, None, None],
                [one * discharge_kw, one * spec.charge_kw, None, None, None, None],
                [None, -of_microgrid, cell, None, None, None],
                [None, None, cell, cell, no_cell, no_cell],
            ],
            format="csr",
        )
        busy = np.repeat(spec.station_chargers * spec.slot_h * spec.charge_kw * discharge_kw, slots)
        self._at_most_kwh = np.concatenate([np.zeros(2 * here), busy, np.zeros(cells), supply.deficit_kwh.ravel()])

        # Equal: what storage holds after a slot is what it held before it, and what went in and out.
        taken = diags_array(np.repeat(1.0 / storage.discharge_efficiency, slots))
        stored = diags_array(np.repeat(storage.charge_efficiency, slots))
        held = cell - kron(eye_array(microgrids), eye_array(slots, k=-1))
        self._equal = hstack([csr_array((cells, 2 * here + cells)), taken, -stored, held], format="csr")
        start_kwh = np.zeros((microgrids, slots))
        start_kwh[:, :1] = storage.start_kwh[:, None]
        self._equal_kwh = start_kwh.ravel()

        power_kwh = np.repeat(storage.power_kwh, slots)
        spare_kwh = np.minimum(power_kwh, storage.spare_kwh.ravel())
        limits_kwh = supply.draw_limit_kwh.ravel(), supply.feed_limit_kwh.ravel(), supply.deficit_kwh.ravel()
        self._upper = np.concatenate([*limits_kwh, power_kwh, spare_kwh, np.repeat(storage.max_kwh, slots)])
        self._lower = np.zeros_like(self._upper)
        self._lower[-cells:] = np.repeat(storage.min_kwh, slots)
        self._gain = np.zeros_like(self._upper)
        worth = (1.0 - late_price) ** np.arange(slots)
        self._gain[2 * here : 2 * here + 2 * cells] = np.tile(worth, 2 * microgrids)

    def add(self, walks: Walks) -> None:
        """Add a walk of each group."""
        stations, slots = self._shape
        group, slot = np.nonzero(walks.there[0])
        at = walks.station[0, group, slot] * slots + slot, group
        shape = stations * slots, walks.value.shape[1]
        drawn, fed = (csr_array((kwh[0, group, slot], at), shape) for kwh in (walks.drawn_kwh, walks.fed_kwh))
        self._walks.append(vstack([drawn, -fed]))

    def solve(self, count: Floats, cost: Floats, allowed: NDArray[np.bool_]) -> tuple[float, Floats, Floats, Floats]:
        """Solve the program with the walks so far.

        Args:
            count: EVs of each group, shape [G].
            cost: What each walk costs, shape [K, G].
            allowed: Whether a walk may be taken, shape [K, G].

        Returns:
            Energy served less costs, EVs that take each walk [K, G], prices of drawing and of feeding in [2, H, T],
            and what an EV of each group earns [G].
        """
        walks = hstack(self._walks)
        (rows, others), columns, groups = self._at_most.shape, walks.shape[1], len(count)
        used = vstack([walks, csr_array((rows - walks.shape[0], columns))])
        each = csr_array(
            (np.ones(columns), (np.tile(np.arange(groups), len(cost)), np.arange(columns))), (groups, columns)
        )
        most = np.concatenate([self._upper, np.where(allowed, np.inf, 0.0).ravel()])
        result = linprog(
            np.concatenate([-self._gain, cost.ravel()]),
            A_ub=hstack([self._at_most, used]),
            b_ub=self._at_most_kwh,
            A_eq=block_array([[self._equal, None], [None, each]]),
            b_eq=np.concatenate([self._equal_kwh, count]),
            bounds=np.stack([np.concatenate([self._lower, np.zeros(columns)]), most], axis=1),
            method="highs",
        )
        if result.x is None:
            raise SimulationError(f"the fleet's program has no solution: {result.message}")
        prices = np.maximum(-result.ineqlin.marginals[: walks.shape[0]], 0.0)
        return (
            -float(result.fun),
            result.x[others:].reshape(-1, groups),
            prices.reshape(2, *self._shape),
            -result.eqlin.marginals[-groups:],
        )
