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
from cosim.grid.conditions import Conditions
from cosim.grid.dispatch import Dispatch, ess_after
from cosim.grid.dispatcher import Dispatcher, HorizonDispatcher, RuleDispatcher
from cosim.grid.horizon import HorizonProgram
from cosim.grid.microgrid import Availability, Microgrids, draw_availability, expected_availability
from cosim.grid.network import Network
from cosim.grid.outlook import EvLimits, Forecaster
from cosim.grid.power_flow import NotConvergedError, PowerFlowResult
from cosim.grid.stage import Stage
from cosim.grid.staged_flow import StagedFlow, drawn_in_islands
from cosim.grid.voltage import BusPower, VoltageKeeper
from cosim.interface import Floats, Ints
from cosim.scenario.schema import DispatchSection, ForecastSection, Scenario
from cosim.sums import ColumnSums, sum_by_column
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
        self._any_critical = bool(network.critical_share.any())
        self._at_microgrids = ColumnSums(supply.microgrid, len(microgrids))
        self._at_buses = ColumnSums(supply.bus, network.buses)
        self._conditions = Conditions.of(network, microgrids)
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
        self._accounts = GridAccounts(scenario.network.costs, clock.slot_h)
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
        supply = self._supply
        limits_kw = self._limits_kw[self._slot, :2, : len(self._episodes)]
        station_limit_kw = np.ascontiguousarray((limits_kw[..., supply.microgrid] * supply.share).transpose(1, 2, 0))
        forecast = self._forecaster.forecast(self._slot)
        return Outlook(*self._last_slot_kw, station_limit_kw, *forecast, *self._market())

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
        power = self._bus_power(available, dispatch, station_kw)
        flow = self._solve(power)
        stage, units = self._conditions.stage(self._slot), self._conditions.units(self._slot)
        kept = self._keepers[self._conditions.number(self._slot)].keep(
            available, dispatch, power, flow, self._ess_kwh, self._solve, everywhere=self._by_program
        )
        ess_start_kwh, self._ess_kwh = self._ess_kwh, ess_after(self._microgrids, kept.dispatch, self._ess_kwh, slot_h)
        limits_kw = self._limits_kw[self._slot]
        if stage.dg_follows.any():
            follower_kw, follower_kvar = kept.dispatch.dg_kw * stage.dg_follows, self._fed_kvar(kept.power)
        else:
            follower_kw = follower_kvar = np.zeros_like(ev_kw)
        state = GridState(
            p_kw=kept.power.p_kw,
            q_kvar=kept.power.q_kvar,
            ess_start_kwh=ess_start_kwh,
            ess_end_kwh=self._ess_kwh,
            redispatched=kept.redispatched,
            violated=kept.violated,
            for_lines=kept.for_lines,
            overloaded=kept.overloaded,
            drawn_kw=drawn_in_islands(stage, kept.power.p_kw),
            drawn_kvar=drawn_in_islands(stage, kept.power.q_kvar),
            follower_kw=follower_kw,
            follower_kvar=follower_kvar,
            forming_max_kw=units.forming_max_kw,
            forming_max_kvar=units.forming_max_kvar,
            island=self._island_of(stage),
            bus_load_kw=kept.power.load_kw,
            bus_shed_kw=kept.power.shed_kw,
            bus_critical_shed_kw=kept.power.critical_shed_kw,
            critical_kw=available.load_kw * units.critical_share,
            wanted_shed_kw=dispatch.shed_kw,
            idle_storage_kw=stage.islands.total(np.maximum(units.ess_power_kw - kept.dispatch.ess_discharge_kw, 0.0)),
            island_shed_kw=stage.islands.total(kept.dispatch.shed_kw),
            limits_kw=limits_kw,
        )
        self._last_slot_kw = (
            kept.dispatch.shed_kw[: len(self._episodes)],
            self._limits_kw[self._slot, 0, : len(self._episodes)],
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

    def _fed_kvar(self, power: BusPower) -> Floats:
        """Reactive power of diesel that does not hold its island's voltage [kvar], shape [N, M]."""
        stage = self._conditions.stage(self._slot)
        fed_kvar: Floats = power.fed_kvar[:, self._microgrids.dg_bus] * stage.dg_follows
        return fed_kvar

    @staticmethod
    def _island_of(stage: Stage) -> Ints:
        """The microgrid that leads the island of each microgrid; -1 in the dark; shape [M]."""
        island = stage.islands.island
        return island if stage.whole else np.where(island >= 0, np.append(stage.leader, -1)[island], -1)

    def _dispatcher_of(self, section: DispatchSection) -> Dispatcher:
        """Who dispatches; the program of a slot comes after the rule, where voltages are looked at."""
        if section.kind != "horizon":
            return RuleDispatcher(self._conditions, self._clock.slot_h)
        known = ForecastSection(kind=section.forecast, error=section.error)
        foresight = Forecaster(known, self._limits, self._expected, self._scenario.seed, "dispatch.forecast")
        costs = self._scenario.network.costs
        return HorizonDispatcher(HorizonProgram(self._conditions, costs, self._clock.slot_h), foresight)

    def _bus_power(self, available: Availability, dispatch: Dispatch, station_kw: Floats) -> BusPower:
        """Spread the dispatch over the buses; load is shed in the same proportion at all buses of a microgrid."""
        network, units, stage = self._network, self._microgrids, self._conditions.stage(self._slot)
        island = network.microgrid
        load_kw = network.load_kw * available.p_factor[:, island]
        load_kvar = network.load_kvar * available.q_factor[:, island]
        ev_kw = self._at_buses(station_kw)
        critical_kw, shed_kw, critical_shed_kw = self._shed_at_buses(available, dispatch, load_kw)
        served = 1.0 - shed_kw / np.where(load_kw > 0.0, load_kw, 1.0)
        p_kw = load_kw - shed_kw + ev_kw
        # Microgrids have buses of their own, so that no index below stands twice.
        p_kw[:, units.pv_bus] -= dispatch.pv_kw
        p_kw[:, units.wt_bus] -= dispatch.wt_kw
        p_kw[:, units.ess_bus] += dispatch.ess_charge_kw - dispatch.ess_discharge_kw
        q_kvar, fed_kvar = load_kvar * served, np.zeros_like(load_kvar)
        if stage.dg_follows.any():
            p_kw[:, units.dg_bus] -= dispatch.dg_kw * stage.dg_follows
            fed_kvar[:, units.dg_bus] = self._followers_kvar(stage, q_kvar)
            q_kvar = q_kvar - fed_kvar
        return BusPower(load_kw, load_kvar, critical_kw, shed_kw, critical_shed_kw, ev_kw, fed_kvar, p_kw, q_kvar)

    def _shed_at_buses(self, available: Availability, dispatch: Dispatch, load_kw: Floats) -> tuple[Floats, ...]:
        """Critical load, all load shed and critical load shed at each bus [kW], each of shape [N, B]."""
        network, share = self._network, self._network.critical_share
        island = network.microgrid
        if not self._any_critical:
            of_load = dispatch.shed_kw / np.where(available.load_kw > 0.0, available.load_kw, 1.0)
            nothing = np.zeros_like(load_kw)
            return nothing, load_kw * of_load[:, island], nothing
        critical_kw = load_kw * share
        own_kw = available.load_kw * self._microgrids.critical_share
        normal_kw = available.load_kw - own_kw
        of_critical = dispatch.critical_shed_kw / np.where(own_kw > 0.0, own_kw, 1.0)
        of_normal = (dispatch.shed_kw - dispatch.critical_shed_kw) / np.where(normal_kw > 0.0, normal_kw, 1.0)
        critical_shed_kw = critical_kw * of_critical[:, island]
        return critical_kw, (load_kw - critical_kw) * of_normal[:, island] + critical_shed_kw, critical_shed_kw

    def _followers_kvar(self, stage: Stage, q_kvar: Floats) -> Floats:
        """What diesel that does not hold its island's voltage gives of the reactive power there [kvar], shape [N, M].

        Beside other diesel it is in proportion to what each could give; beside the utility it gives none.
        """
        units = self._conditions.units(self._slot)
        follows = stage.dg_follows & (stage.islands.total(units.supply_max_kw) == 0.0)
        drawn_kvar = stage.islands.total(sum_by_column(q_kvar, self._network.microgrid, len(self._microgrids)))
        limit_kvar = units.dg_q_max_kvar
        own_kvar: Floats = np.clip(stage.islands.part(drawn_kvar, limit_kvar), -limit_kvar, limit_kvar) * follows
        return own_kvar

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
