"""The grid of R replicas, slot by slot: availability, dispatch, power flow, costs, and the run without EVs.

The reference without EVs is not a second model: it is R more cases of the same one, with no station power and
their own storage. Every array below has N = 2 R cases, the R replicas first, their references after them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cosim.clock import Clock
from cosim.errors import CouplingError, PowerFlowError
from cosim.grid.accounts import GridAccounts, GridSlot, GridState
from cosim.grid.bus_power import BusPower, BusPowers
from cosim.grid.conditions import Conditions
from cosim.grid.dispatch import ess_after
from cosim.grid.dispatcher import Dispatcher, HorizonDispatcher, RuleDispatcher
from cosim.grid.horizon import HorizonProgram
from cosim.grid.microgrid import Availability, Microgrids, draw_availability, expected_availability
from cosim.grid.network import Network
from cosim.grid.outlook import EvLimits, Forecaster
from cosim.grid.power_flow import NotConvergedError, PowerFlowResult
from cosim.grid.staged_flow import StagedFlow
from cosim.grid.voltage import VoltageKeeper
from cosim.interface import Floats, Ints
from cosim.scenario.schema import DispatchSection, ForecastSection, Scenario
from cosim.sums import ColumnSums
from cosim.units import KW_PER_MW


@dataclass(frozen=True)
class StationSupply:
    """How stations hang on the grid.

    Attributes:
        bus: Position of each station's bus, shape [H].
        microgrid: Microgrid of each station, shape [H].
        share: Share of its microgrid's limits that each station gets, by chargers, shape [H].
        chargers: Chargers in each microgrid, shape [M].
    """

    bus: Ints
    microgrid: Ints
    share: Floats
    chargers: Floats


@dataclass(frozen=True)
class Outlook:
    """What the microgrids publish before a slot.

    Attributes:
        shed_kw: Load shed in the last slot [kW], 0 in an episode's first, shape [R, M].
        surplus_kw: Surplus in the last slot [kW], 0 in an episode's first, shape [R, M].
        station_limit_kw: Charging and discharging limit of each station [kW], >= 0, shape [R, H, 2].
        deficit_forecast_kw: Deficit k slots from now [kW], shape [R, M, T].
        surplus_forecast_kw: Surplus k slots from now [kW], shape [R, M, T].
        load_forecast_kw: Load of all microgrids, k slots from now [kW], shape [R, T]; None without a tariff.
        renewable_forecast_kw: Renewable power to be had in all of them [kW], shape [R, T]; None without a tariff.
        price_cny_per_kwh: Price of energy, k slots from now [CNY/kWh], shape [R, T]; None without a tariff.
    """

    shed_kw: Floats
    surplus_kw: Floats
    station_limit_kw: Floats
    deficit_forecast_kw: Floats
    surplus_forecast_kw: Floats
    load_forecast_kw: Floats | None = None
    renewable_forecast_kw: Floats | None = None
    price_cny_per_kwh: Floats | None = None


class GridModel:
    """Microgrids on a feeder for R replicas at once.

    Args:
        scenario: The scenario.
        clock: Its clock.
        network: Its network.
        microgrids: Its microgrids.
        supply: How its stations hang on the grid.
        profiles: Values per slot by name, each of shape [T].
        flow: Solves the power flow of its network.
    """

    def __init__(
        self,
        scenario: Scenario,
        clock: Clock,
        network: Network,
        microgrids: Microgrids,
        supply: StationSupply,
        profiles: Mapping[str, Floats],
        flow: StagedFlow,
    ) -> None:
        self._scenario = scenario
        self._clock = clock
        self._network = network
        self._microgrids = microgrids
        self._supply = supply
        self._at_microgrids = ColumnSums(supply.microgrid, len(microgrids))
        self._conditions = Conditions.of(network, microgrids)
        self._bus_powers = BusPowers(network, microgrids, self._conditions, supply.bus)
        self._limits = EvLimits.of(scenario.network, self._conditions, supply.chargers)
        expected = expected_availability(network.sections, microgrids, profiles)
        self._expected = replace(
            expected,
            pv_kw=expected.pv_kw * self._conditions.pv_works,
            wt_kw=expected.wt_kw * self._conditions.wt_works,
        )
        self._forecaster = Forecaster(scenario.forecast, self._limits, self._expected, scenario.seed)
        tariff = scenario.tariff
        self._price_cny_per_kwh = None if tariff is None else profiles[tariff.profile]
        self._accounts = GridAccounts(scenario.network.costs, clock.slot_h, microgrids, self._conditions)
        self._dispatcher = self._dispatcher_of(scenario.network.dispatch)
        self._by_program = scenario.network.dispatch.kind == "slot"
        self._flow = flow
        kept = scenario.network
        self._keepers = [
            VoltageKeeper(
                stage,
                self._conditions.units(stage.first),
                network.microgrid,
                network.per_unit,
                kept.vm_min_pu,
                kept.vm_max_pu,
                clock.slot_h,
                lines=kept.branch_limits,
            )
            for stage in network.stages
        ]

    def close(self) -> None:
        """Let go of a power flow that holds a process or a connection."""
        self._flow.close()

    def begin(self, episodes: Sequence[int]) -> None:
        """Start new episodes.

        Args:
            episodes: Number of each replica's episode, R of them.
        """
        self._episodes = list(episodes)
        self._slot = 0
        actual = draw_availability(self._expected, self._scenario.uncertainty, self._scenario.seed, self._episodes)
        # The same for the replicas and for their references.
        self._both = Availability(*(np.concatenate([kw, kw]) for kw in vars(actual).values()))
        self._ess_kwh = np.tile(self._microgrids.ess_start_kwh, (2 * len(self._episodes), 1))
        limits = self._limits
        of_episodes = [limits.surplus_kw(actual), limits.feed_in_kw(actual), limits.deficit_kw(actual)]
        # Of replicas, then of their references; the slot comes first.
        self._limits_kw = np.array([np.concatenate([kw, kw]) for kw in of_episodes]).transpose(2, 0, 1, 3).copy()
        supply = self._supply
        of_stations_kw = self._limits_kw[:, :2, : len(self._episodes), supply.microgrid] * supply.share
        self._station_limit_kw = of_stations_kw.transpose(0, 2, 3, 1).copy()
        self._bus_powers.begin(self._both)
        self._forecaster.begin(self._episodes, actual)
        self._dispatcher.begin(self._episodes, actual)
        nothing_kw = np.zeros_like(actual.load_kw[:, 0])
        self._last_slot_kw = (nothing_kw, nothing_kw)
        self._outlook: Outlook | None = None

    def outlook(self) -> Outlook:
        """What the microgrids publish before the slot that begins."""
        # Made once per slot: a noisy forecast draws.
        if self._outlook is None:
            self._outlook = self._look_out()
        return self._outlook

    def _look_out(self) -> Outlook:
        forecast = self._forecaster.forecast(self._slot)
        return Outlook(*self._last_slot_kw, self._station_limit_kw[self._slot], *forecast, *self._market())

    def _market(self) -> tuple[Floats, ...]:
        """Load, renewable power and price of the slots to come, if there is a tariff."""
        if self._price_cny_per_kwh is None:
            return ()
        price = np.zeros((len(self._episodes), self._clock.slots))
        price[:, : self._clock.slots - self._slot] = self._price_cny_per_kwh[self._slot :]
        return *self._forecaster.totals(self._slot), price

    def step(self, station_power_kw: Floats) -> GridSlot:
        """Go through one slot.

        Args:
            station_power_kw: Mean power of each station [kW], > 0 drawn, shape [R, H].

        Returns:
            What happened.

        Raises:
            PowerFlowError: If the engine finds no solution.
        """
        available = self._both.slot(self._slot)
        station_kw = np.concatenate([station_power_kw, np.zeros_like(station_power_kw)])
        ev_kw = self._at_microgrids(station_kw)
        slot_h = self._clock.slot_h
        dispatch = self._dispatcher.dispatch(self._slot, available, ev_kw, self._ess_kwh)
        power = self._bus_powers.of_slot(self._slot, available, dispatch, station_kw)
        flow = self._solve(power)
        kept = self._keepers[self._conditions.number(self._slot)].keep(
            available, dispatch, power, flow, self._ess_kwh, self._solve, everywhere=self._by_program
        )
        ess_start_kwh, self._ess_kwh = self._ess_kwh, ess_after(self._microgrids, kept.dispatch, self._ess_kwh, slot_h)
        limits_kw = self._limits_kw[self._slot]
        state = GridState(
            slot=self._slot,
            p_kw=kept.power.p_kw,
            q_kvar=kept.power.q_kvar,
            ess_start_kwh=ess_start_kwh,
            ess_end_kwh=self._ess_kwh,
            redispatched=kept.redispatched,
            violated=kept.violated,
            for_lines=kept.for_lines,
            overloaded=kept.overloaded,
            bus_fed_kvar=kept.power.fed_kvar,
            bus_load_kw=kept.power.load_kw,
            bus_shed_kw=kept.power.shed_kw,
            bus_critical_shed_kw=kept.power.critical_shed_kw,
            wanted_shed_kw=dispatch.shed_kw,
            limits_kw=limits_kw,
        )
        self._last_slot_kw = (
            kept.dispatch.shed_kw[: len(self._episodes)],
            limits_kw[0, : len(self._episodes)],
        )
        self._slot += 1
        self._outlook = None
        return GridSlot(
            self._accounts,
            len(self._episodes),
            available,
            kept.dispatch,
            kept.flow,
            state,
        )

    def _dispatcher_of(self, section: DispatchSection) -> Dispatcher:
        """Who dispatches; the program of a slot comes after the rule, where voltages are looked at."""
        if section.kind != "horizon":
            return RuleDispatcher(self._conditions, self._clock.slot_h)
        known = ForecastSection(kind=section.forecast, error=section.error)
        foresight = Forecaster(known, self._limits, self._expected, self._scenario.seed, "dispatch.forecast")
        costs = self._scenario.network.costs
        return HorizonDispatcher(HorizonProgram(self._conditions, costs, self._clock.slot_h), foresight)

    def _solve(self, power: BusPower) -> PowerFlowResult:
        try:
            return self._ask(power.p_kw / KW_PER_MW, power.q_kvar / KW_PER_MW)
        except NotConvergedError as error:
            raise self._no_solution(power, error.case) from error

    def _ask(self, p_mw: Floats, q_mvar: Floats) -> PowerFlowResult:
        """Solve with the engine; what one from elsewhere does wrong is told with the slot."""
        try:
            return self._flow.solve(self._conditions.number(self._slot), p_mw, q_mvar)
        except CouplingError as error:
            when = f"slot {self._slot} ({self._clock.label(self._slot)})"
            raise CouplingError(f"episode {self._episodes[0]}, {when}: {error}") from error

    def _no_solution(self, power: BusPower, case: int) -> PowerFlowError:
        """Find the island that has no solution by solving each one alone."""
        network, stage = self._network, self._conditions.stage(self._slot)
        replicas = len(self._episodes)
        who = f"episode {self._episodes[case % replicas]}" + (" (reference without EVs)" if case >= replicas else "")
        when = f"slot {self._slot} ({self._clock.label(self._slot)})"
        for island, leader in enumerate(stage.leader):
            name = self._microgrids.name[leader]
            inside = stage.islands.island[network.microgrid] == island
            alone = [np.where(inside, kw[case : case + 1], 0.0) / KW_PER_MW for kw in (power.p_kw, power.q_kvar)]
            try:
                self._ask(*alone)
            except NotConvergedError:
                drawn = ", ".join(
                    f"{network.bus[k]}: {power.p_kw[case, k]:.1f} kW {power.q_kvar[case, k]:.1f} kvar"
                    for k in np.flatnonzero(inside)
                )
                return PowerFlowError(
                    f"{who}, {when}: no power flow solution in the island of microgrid {name!r}; drawn by bus: {drawn}"
                )
        return PowerFlowError(f"{who}, {when}: no power flow solution, though each island alone has one")
