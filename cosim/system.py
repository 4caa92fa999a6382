"""Everything that a scenario describes, built and checked: what the World starts its simulators with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from cosim.clock import Clock, parse_time_of_day
from cosim.couplings.simulator import check_simulator, open_simulator
from cosim.day_reward import day_rule
from cosim.errors import CouplingError, ScenarioError, ScenarioIssue
from cosim.foreign_code import is_foreign
from cosim.grid.case import load_net
from cosim.grid.feeder import Feeder
from cosim.grid.microgrid import Microgrids, build_microgrids, expected_availability
from cosim.grid.model import GridModel, StationSupply
from cosim.grid.network import Network, build_network, check_station_buses
from cosim.grid.power_flow import PowerFlow, find_engine, open_engine
from cosim.grid.staged_flow import StagedFlow
from cosim.inputs import InputFile, InputFiles, sha256_of
from cosim.interface import DayRule, FleetSpec, Floats, Ints
from cosim.reward import RewardModel
from cosim.sampling.group import Group, Span, make_group
from cosim.scenario.loader import ParsedScenario, ScenarioFile, parse_scenario
from cosim.scenario.profiles import read_profiles
from cosim.scenario.schema import (
    ClockSection,
    ControllerSection,
    GridSection,
    Scenario,
    StationSection,
    on_this_machine,
)
from cosim.scenario.station_schema import CustomerSection
from cosim.traffic.congestion import expected_base_flow
from cosim.traffic.demand import Demand, demand_of
from cosim.traffic.model import TrafficModel
from cosim.traffic.navigation import RoadNavigator
from cosim.traffic.road_network import RoadNetwork, build_roads, station_nodes
from cosim.traffic.routing import Router
from cosim.traffic.station_set import span_of
from cosim.traffic.target import PENALISED
from cosim.traffic.travel_time import TravelTime

T = TypeVar("T")


@dataclass(frozen=True)
class System:
    """A scenario with its network, roads and profiles loaded.

    Attributes:
        file: The scenario and where it comes from.
        clock: Its clock.
        profiles: Values per slot by name, each of shape [T].
        network: Its distribution network.
        microgrids: Its microgrids.
        supply: How its stations hang on the grid.
        roads: Its road network.
        router: Finds ways on it.
        station_node: Road node of each station, shape [H].
        base_flow_vph: Flow of other vehicles without noise [vehicles/h], shape [T, E].
        spec: What controllers know before the first slot.
        inputs: Fingerprints of the files that the scenario names.
        customers: Who else comes to the stations.
        demand: Trips of other vehicles, if they are simulated.
        scenario_sha256: SHA-256 of the scenario file; empty if the scenario comes from a run folder.
        allow_code: Whether engines from outside may be loaded, and simulators be started.
        allow_remote: Whether simulators on other machines may be connected to.
    """

    file: ScenarioFile
    clock: Clock
    profiles: Mapping[str, Floats]
    network: Network
    microgrids: Microgrids
    supply: StationSupply
    roads: RoadNetwork
    router: Router
    station_node: Ints
    base_flow_vph: Floats
    spec: FleetSpec
    inputs: tuple[InputFile, ...] = ()
    customers: tuple[Group, ...] = ()
    demand: Demand | None = None
    scenario_sha256: str = ""
    allow_code: bool = False
    allow_remote: bool = False

    @property
    def scenario(self) -> Scenario:
        """The scenario."""
        return self.file.scenario

    def with_seed(self, seed: int) -> System:
        """The same with other random streams.

        Args:
            seed: Seed of all random streams, >= 0.
        """
        return replace(self, file=replace(self.file, scenario=self.scenario.model_copy(update={"seed": seed})))

    def grid_model(self) -> GridModel:
        """A grid that no episode has begun in yet."""
        parts = (self.scenario, self.clock, self.network, self.microgrids, self.supply, self.profiles)
        return GridModel(*parts, self._power_flow())

    def _power_flow(self) -> StagedFlow:
        """What solves the power flow."""
        self.check_outside()
        simulated = self.scenario.grid.simulator is not None
        return StagedFlow(self.network, self._open_flow, one_at_a_time=simulated)

    def _open_flow(self, feeder: Feeder) -> PowerFlow:
        grid, folder = self.scenario.grid, self.file.folder
        if grid.simulator is None:
            return open_engine(self.scenario.network.engine, feeder, folder)
        return open_simulator(grid.simulator, feeder, folder, grid.timeout_s)

    def check_outside(self) -> None:
        """Make sure that the power flow may come from where the scenario says.

        Raises:
            CouplingError: If it may not.
        """
        engine, simulator = self.scenario.network.engine, self.scenario.grid.simulator
        allow = "allow it with --allow-code (allow_code=True)"
        if simulator is None:
            if is_foreign(engine) and not self.allow_code:
                raise CouplingError(f"engine {engine!r} is code from outside ev-cosim; {allow}")
            return
        if simulator.code is not None and not self.allow_code:
            field, what = simulator.code
            raise CouplingError(f"{field} starts {what!r}; {allow}")
        if simulator.address is not None and not on_this_machine(simulator.address[1]) and not self.allow_remote:
            field, address = simulator.address
            raise CouplingError(
                f"{field} leads to {address.rpartition(':')[0]!r}, beyond this machine; allow it with --allow-remote "
                "(allow_remote=True)"
            )

    def traffic_model(self, *, keep_trips: bool = True) -> TrafficModel:
        """Traffic that no episode has begun in yet.

        Args:
            keep_trips: Whether trips are kept until their episode ends, for the records.
        """
        parts = (self.scenario, self.clock, self.roads, self.router, self.station_node, self.base_flow_vph)
        return TrafficModel(
            *parts,
            customers=self.customers,
            demand=self.demand,
            price_cny_per_kwh=_price(self.scenario, self.profiles),
            keep_trips=keep_trips,
        )

    def reward_model(self) -> RewardModel:
        """What turns slots into rewards."""
        return RewardModel(self.scenario.reward, self.clock.slot_h, self.supply.microgrid, PENALISED, self.spec.day)


#: Says what is wrong with a controller's name and options: the field and the problem, or None.
ControllerCheck = Callable[[str, Mapping[str, Any]], tuple[str, str] | None]


def load_system(
    path: str | Path, overrides: Sequence[str] = (), controller_check: ControllerCheck | None = None
) -> System:
    """Read a scenario file, and everything that it refers to.

    Args:
        path: The scenario file.
        overrides: Assignments such as `fleet.size=40`.
        controller_check: Checks the controller, which this layer knows nothing of.

    Returns:
        The system, ready to run.

    Raises:
        ScenarioError: If anything is wrong; holds every mistake that can be found.
    """
    system = build_system(parse_scenario(path, overrides), controller_check)
    try:
        return replace(system, scenario_sha256=sha256_of(Path(path)))
    except OSError as error:
        raise ScenarioError([ScenarioIssue("", f"cannot be read: {error.strerror}", str(path))]) from error


def build_system(parsed: ParsedScenario, controller_check: ControllerCheck | None = None) -> System:
    """Build what a scenario describes.

    Args:
        parsed: The scenario, as far as it is right.
        controller_check: Checks the controller, which this layer knows nothing of.

    Returns:
        The system, ready to run.

    Raises:
        ScenarioError: If anything is wrong; holds every mistake that can be found.
    """
    builder = _Builder(parsed, controller_check)
    system = builder.build()
    if system is None:
        raise ScenarioError(parsed.document.locate([*parsed.issues, *builder.issues]))
    return system


class _Builder:
    """Builds each part whose sections are right, and collects what is wrong with the others."""

    def __init__(self, parsed: ParsedScenario, controller_check: ControllerCheck | None) -> None:
        self._parsed = parsed
        self._controller_check = controller_check
        self._inputs = InputFiles(parsed.document.resolve)
        self._resolve = self._inputs.resolve
        self.issues: list[ScenarioIssue] = []

    def build(self) -> System | None:
        """The system; None if there is any mistake."""
        clock = self._part(self._clock, "clock")
        net = self._part(lambda section: load_net(section, self._resolve), "network")
        network = None
        if net is not None:
            self._part(lambda section: check_station_buses(section, net), "stations")
            network = self._part(lambda section: build_network(section, net, clock), "network")
        self._part(lambda section: find_engine(section.engine), "network")
        if network is not None:
            feeders = [stage.feeder for stage in network.stages]
            self._part(lambda section: self._check_simulator(section, feeders), "grid")
        roads = self._part(lambda section: build_roads(section, self._resolve), "roads")
        profiles = None
        if clock is not None:
            profiles = self._part(lambda section: read_profiles(section, clock, self._resolve), "profiles")
        station_node = None
        if roads is not None:
            station_node = self._part(lambda section: station_nodes(section, roads), "stations")
        base_flow_vph = None
        if clock is not None and roads is not None and profiles is not None:
            base_flow_vph = self._part(
                lambda section: expected_base_flow(section, roads, profiles, clock.slots, self._resolve), "congestion"
            )
        demand = None
        if clock is not None and roads is not None and profiles is not None and base_flow_vph is not None:
            demand = self._part(lambda section: demand_of(section, roads, profiles, clock, self._resolve), "congestion")
        customers: list[Group] = []
        if clock is not None and "stations" in self._parsed.sections:
            names = [station.name for station in self._parsed.sections["stations"]]
            customers = self._part(lambda sections: self._groups(sections, names, span_of(clock)), "customers") or []
        self._part(self._check_controller, "controller")
        file = self._parsed.file
        if file is None or self.issues:
            return None
        # A part is missing only where there is an issue.
        system = _assemble(file, *map(_present, (clock, profiles, network, roads, station_node, base_flow_vph)))
        return replace(system, inputs=self._inputs.fingerprints(), customers=tuple(customers), demand=demand)

    def _check_simulator(self, section: GridSection, feeders: Sequence[Feeder]) -> None:
        for feeder in feeders:
            check_simulator(section.simulator, feeder, self._resolve)

    def _groups(self, sections: Sequence[CustomerSection], stations: Sequence[str], span: Span) -> list[Group]:
        return [
            make_group(section, k, stations.index(section.station), span, self._resolve)
            for k, section in enumerate(sections)
        ]

    def _check_controller(self, section: ControllerSection) -> None:
        problem = self._controller_check(section.name, section.options) if self._controller_check else None
        if problem is not None:
            raise ScenarioError([ScenarioIssue(f"controller.{problem[0]}", problem[1])])

    @staticmethod
    def _clock(section: ClockSection) -> Clock:
        return Clock(parse_time_of_day(section.start), section.slot_s, section.slots)

    def _part(self, make: Callable[[Any], T], section: str) -> T | None:
        if section not in self._parsed.sections:
            return None
        if any(issue.path.split(".")[0] == section for issue in self._parsed.issues):
            return None
        try:
            return make(self._parsed.sections[section])
        except ScenarioError as error:
            self.issues.extend(error.issues)
            return None


def _present(part: Any) -> Any:
    if part is None:
        raise ValueError("a part of the system is missing though no mistake was found")
    return part


def _assemble(
    file: ScenarioFile,
    clock: Clock,
    profiles: Mapping[str, Floats],
    network: Network,
    roads: RoadNetwork,
    station_node: Ints,
    base_flow_vph: Floats,
) -> System:
    scenario = file.scenario
    microgrids = build_microgrids(network, scenario.network.supply)
    router = Router(roads)
    supply = _supply(scenario.stations, network)
    usual_time_s = TravelTime(roads).of_all_s(base_flow_vph.mean(axis=0))
    navigator = RoadNavigator(roads, router, station_node, usual_time_s, scenario.fleet.max_move_km)
    expected = expected_availability(network.sections, microgrids, profiles)
    renewable_kw = (expected.pv_kw + expected.wt_kw).sum(axis=1)
    day = day_rule(scenario, clock, expected.load_kw.sum(axis=1), renewable_kw, _price(scenario, profiles))
    return System(
        file=file,
        clock=clock,
        profiles=profiles,
        network=network,
        microgrids=microgrids,
        supply=supply,
        roads=roads,
        router=router,
        station_node=station_node,
        base_flow_vph=base_flow_vph,
        spec=_spec(scenario, clock, microgrids, supply, roads, station_node, navigator, day),
    )


def _price(scenario: Scenario, profiles: Mapping[str, Floats]) -> Floats | None:
    """Price of energy [CNY/kWh], shape [T]; None without a tariff."""
    return None if scenario.tariff is None else profiles[scenario.tariff.profile]


def _supply(stations: Sequence[StationSection], network: Network) -> StationSupply:
    bus = np.array([network.position(station.bus) for station in stations], dtype=np.int64)
    microgrid: Ints = network.microgrid[bus]
    chargers = np.array([station.charger_count for station in stations], dtype=np.float64)
    in_microgrid = np.bincount(microgrid, weights=chargers, minlength=len(network.sections)).astype(np.float64)
    return StationSupply(bus, microgrid, chargers / in_microgrid[microgrid], in_microgrid)


def _spec(
    scenario: Scenario,
    clock: Clock,
    microgrids: Microgrids,
    supply: StationSupply,
    roads: RoadNetwork,
    station_node: Ints,
    navigator: RoadNavigator,
    day: DayRule | None,
) -> FleetSpec:
    fleet = scenario.fleet
    return FleetSpec(
        slots=clock.slots,
        slot_h=clock.slot_h,
        fleet_size=fleet.size,
        battery_kwh=fleet.battery_kwh,
        energy_min_kwh=fleet.energy_min_kwh,
        energy_max_kwh=fleet.energy_max_kwh,
        charge_kw=fleet.charge_kw,
        discharge_kw=fleet.discharge_kw,
        charge_efficiency=fleet.charge_efficiency,
        discharge_efficiency=fleet.discharge_efficiency,
        consumption_kwh_per_km=fleet.consumption_kwh_per_km,
        max_move_km=fleet.max_move_km,
        max_discharge_share=fleet.p_sch_max,
        area_km=roads.area_km,
        station_name=tuple(station.name for station in scenario.stations),
        station_position_km=roads.node_km[station_node],
        station_chargers=np.array([station.charger_count for station in scenario.stations], dtype=np.int64),
        station_microgrid=supply.microgrid,
        station_share=supply.share,
        microgrid_name=microgrids.name,
        road_position_km=roads.middle_km,
        road_capacity_vph=roads.capacity_vph,
        navigator=navigator,
        day=day,
    )
