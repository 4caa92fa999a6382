"""What a scenario file may say: one model per section, the unit in each field's name or description.

This file is the single source of the JSON Schema, of `docs/reference/scenario.md`, and of the types that
the rest of the project reads. Checks that need more than one field at a time are in
`cosim.scenario.checks`; those that need another file are in `cosim.scenario.profiles`, `cosim.grid.network` and
`cosim.traffic.road_network`, where that knowledge is.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from cosim.scenario.section import (
    Bus,
    Coordinate,
    Day,
    FilePath,
    HourMinute,
    Name,
    NonNegative,
    Positive,
    PositiveShare,
    Section,
    Share,
    TimeOfDay,
)
from cosim.scenario.station_schema import CustomerSection, StationFeatures


class ClockSection(Section):
    """The outage window: the simulation covers it and nothing else."""

    start: TimeOfDay = Field("10:00", description="Time of day at which the outage begins, HH:MM.")
    slots: int = Field(12, ge=1, le=10_000, description="Number of slots in the outage.")
    slot_s: int = Field(1800, ge=60, le=86_400, description="Length of a slot [s].")


# ---------------------------------------------------------------------------------------------- profiles


class HourlyProfile(Section):
    """Values at hours of the day, linear between them, read in the middle of each slot."""

    kind: Literal["hourly"] = Field(description="Values at hours of the day.")
    hours: list[Annotated[float, Field(ge=0, le=8784)]] = Field(
        min_length=1, description="Hours since midnight, increasing; past 24 for the next day [h]."
    )
    values: list[Annotated[float, Field(ge=0, le=1e6)]] = Field(
        min_length=1, description="Value at each hour, per unit of what the profile scales."
    )


class StepProfile(Section):
    """Values that hold from an hour of the day until the next one that is given, read in the middle of each slot."""

    kind: Literal["steps"] = Field(description="Values from hours of the day on.")
    hours: list[Annotated[float, Field(ge=0, le=8784)]] = Field(
        min_length=1, description="Hours since midnight from which each value holds, increasing [h]."
    )
    values: list[Annotated[float, Field(ge=0, le=1e6)]] = Field(
        min_length=1, description="Value from each hour on, per unit of what the profile scales."
    )


class CsvProfile(Section):
    """A column of a CSV file with one row per slot of time."""

    kind: Literal["csv"] = Field(description="A column of a CSV file.")
    file: FilePath = Field(description="CSV file, relative to the scenario file.")
    column: str = Field(description="Column with the values, per unit of what the profile scales.")
    time_column: str = Field("time", description="Column with the start of each row's period, ISO 8601.")
    date: Day = Field(description="The day on which the outage begins, YYYY-MM-DD.")
    scale: Positive = Field(1.0, description="Factor on the values.")


Profile = Annotated[HourlyProfile | StepProfile | CsvProfile, Field(discriminator="kind")]


# ----------------------------------------------------------------------------------------------- network


class DgSection(Section):
    """A diesel generator: the grid-forming unit of its island."""

    bus: Bus = Field(description="Bus of the generator; the island's slack bus in AC power flow.")
    p_max_kw: NonNegative = Field(description="Highest active power [kW]; the lowest is 0.")
    q_max_kvar: NonNegative = Field(description="Highest reactive power, in both directions [kvar].")
    vm_pu: Annotated[float, Field(ge=0.9, le=1.1)] = Field(1.0, description="Voltage that it holds [p.u.].")


class EssSection(Section):
    """A battery of the microgrid."""

    bus: Bus = Field(description="Bus of the storage.")
    energy_kwh: Positive = Field(description="Capacity [kWh].")
    power_kw: Positive = Field(description="Highest charging and discharging power, at the bus [kW].")
    charge_efficiency: PositiveShare = Field(0.95, description="Energy stored per energy drawn.")
    discharge_efficiency: PositiveShare = Field(0.95, description="Energy delivered per energy taken out.")
    soc_min: Share = Field(0.1, description="Lowest state of charge, share of the capacity.")
    soc_max: Share = Field(0.9, description="Highest state of charge, share of the capacity.")
    soc_start: Share = Field(0.5, description="State of charge when the outage begins.")


class RenewableSection(Section):
    """A photovoltaic or wind unit; what nobody can use is curtailed."""

    bus: Bus = Field(description="Bus of the unit.")
    p_max_kw: NonNegative = Field(description="Rated power [kW]; the profile is per unit of it.")
    profile: Name = Field(description="Name of a profile.")


class LoadSection(Section):
    """How the loads at a microgrid's buses follow profiles; their rated values come from the network."""

    profile: Name = Field("load", description="Profile of active power, per unit of the rated value.")
    q_profile: Name | None = Field(None, description="Profile of reactive power; default: that of active power.")
    scale: NonNegative = Field(1.0, description="Factor on the rated active and reactive power.")


class MicrogridSection(Section):
    """One islanded microgrid: its units and, through its generator's bus, its island."""

    name: Name = Field(description="Name of the microgrid.")
    dg: DgSection | None = Field(
        None, description="Diesel generator, the unit that forms the grid; without one it is dark while it is alone."
    )
    ess: EssSection | None = Field(None, description="Storage, if any.")
    pv: RenewableSection | None = Field(None, description="Photovoltaic unit, if any.")
    wt: RenewableSection | None = Field(None, description="Wind turbine, if any.")
    load: LoadSection = Field(default_factory=lambda: LoadSection(), description="Profiles of the loads.")
    buses: list[Bus] | None = Field(None, description="Buses that it must have; checked if given, else found.")


class SupplySection(Section):
    """The utility's supply: forms the grid of its island wherever it is not out."""

    bus: Bus = Field(description="Bus of the connection.")
    p_max_kw: NonNegative = Field(description="Highest active power drawn from the utility [kW]; nothing is fed in.")
    q_max_kvar: NonNegative = Field(description="Highest reactive power, in both directions [kvar].")
    vm_pu: Annotated[float, Field(ge=0.9, le=1.1)] = Field(1.0, description="Voltage that it holds [p.u.].")


class OutageSection(Section):
    """A line that is open, or a unit that has failed, from one time to another."""

    line: Annotated[list[Bus], Field(min_length=2, max_length=2)] | None = Field(
        None, description="The line, as its two buses; a tie line that is open as a rule has only `back`."
    )
    unit: Name | None = Field(
        None, description="The unit: `MG1.dg`, `.ess`, `.pv` or `.wt` of a microgrid, or `supply`, the utility's."
    )
    out: HourMinute | None = Field(
        None, description="Time at which it goes out, the start of a slot, HH:MM; default: out from the beginning."
    )
    back: HourMinute | None = Field(
        None, description="Time at which it is back; 25:00 is 01:00 of the next day; default: out to the end."
    )


class CriticalSection(Section):
    """Load that is shed last: hospitals, water, shelters. All other load is normal."""

    share: Share = Field(0.0, description="Share of the load at every bus that is critical.")
    buses: list[Bus] = Field(default_factory=list, description="Buses whose whole load is critical.")


class GridCosts(Section):
    """Prices of the microgrids' operation."""

    supply_cny_per_kwh: NonNegative = Field(0.6, description="Energy from the utility [CNY/kWh].")
    dg_cny_per_kwh: NonNegative = Field(3.6, description="Diesel generation [CNY/kWh].")
    shedding_cny_per_kwh: NonNegative = Field(20.0, description="Normal load not served [CNY/kWh].")
    critical_cny_per_kwh: NonNegative = Field(100.0, description="Critical load not served [CNY/kWh].")
    ess_cny_per_kwh: NonNegative = Field(0.3, description="Energy discharged by storage [CNY/kWh].")
    curtailment_cny_per_kwh: NonNegative = Field(1.0, description="Renewable energy not used [CNY/kWh].")


class DispatchSection(Section):
    """How diesel, storage and shedding are decided in a slot; what EVs do has been decided by then."""

    kind: Literal["rule", "slot", "horizon"] = Field(
        "rule",
        description="By a fixed order of priority (EVs, diesel, storage, shedding), with a linear program only where a "
        "voltage would leave its band; by that program in every slot; or at the least cost over all slots to come.",
    )
    forecast: Literal["perfect", "persistence", "noisy"] = Field(
        "perfect",
        description="What `horizon` knows of load and renewables to come: the truth; that all stays as it is now; or "
        "the truth with an error. Of EVs it knows the present slot only.",
    )
    error: Annotated[float, Field(ge=0, le=1)] = Field(
        0.1, description="Standard deviation of the relative error of `noisy`, drawn anew in each slot."
    )


class NetworkSection(Section):
    """The distribution network, cut into islands by opened lines; without `supply` the utility is out all the time."""

    case: Name | None = Field(None, description="A network of `pandapower.networks` by name, e.g. case33bw.")
    file: FilePath | None = Field(
        None, description="A pandapower JSON file, or a MATPOWER case (.m, .mat), relative to the scenario file."
    )
    without: list[Name] = Field(
        default_factory=list,
        description="Tables of the network that are left out, e.g. sgen, gen, shunt: units are those of the scenario.",
    )
    opened_lines: list[Annotated[list[Bus], Field(min_length=2, max_length=2)]] = Field(
        default_factory=list, description="Lines out of service, each as its two buses (numbered as in the network)."
    )
    timetable: list[OutageSection] = Field(
        default_factory=list, description="What goes out and comes back during the episode."
    )
    supply: SupplySection | None = Field(None, description="The utility's supply, if it is there at any time.")
    load: LoadSection = Field(
        default_factory=lambda: LoadSection(),
        description="Profiles of the loads at buses that no microgrid of the scenario has.",
    )
    critical: CriticalSection = Field(
        default_factory=lambda: CriticalSection(), description="Which load is critical; none if left out."
    )
    engine: Name = Field("lindistflow", description="Power flow engine; `cosim engines` lists them.")
    vm_min_pu: Annotated[float, Field(ge=0.5, lt=1)] = Field(0.95, description="Lowest voltage allowed [p.u.].")
    vm_max_pu: Annotated[float, Field(gt=1, le=1.5)] = Field(1.05, description="Highest voltage allowed [p.u.].")
    branch_limits: bool = Field(
        False,
        description="Whether load is shed so that lines stay below the currents that the network gives for them "
        "(`max_i_ka`, `df`, `max_loading_percent`).",
    )
    charging_limit: Literal["surplus_and_dg", "surplus"] = Field(
        "surplus_and_dg", description="What EVs may draw: spare renewables and spare diesel, or renewables only."
    )
    discharging_limit: Literal["deficit", "net_load"] = Field(
        "deficit", description="What EVs may feed in: the load beyond renewables and diesel, or beyond renewables."
    )
    dispatch: DispatchSection = Field(
        default_factory=lambda: DispatchSection(), description="How units are dispatched."
    )
    costs: GridCosts = Field(default_factory=lambda: GridCosts(), description="Prices.")
    microgrids: list[MicrogridSection] = Field(min_length=1, description="The microgrids.")


# ----------------------------------------------------------------------------------------------- traffic


class LatticeRoads(Section):
    """A rectangular lattice of two-way roads; nodes are numbered row by row from the origin."""

    kind: Literal["lattice"] = Field(description="A rectangular lattice.")
    columns: int = Field(9, ge=1, le=1000, description="Nodes along x.")
    rows: int = Field(9, ge=1, le=1000, description="Nodes along y.")
    spacing_km: Positive = Field(4.0, description="Length of each road [km].")
    speed_kmh: Positive = Field(40.0, description="Free-flow speed [km/h].")
    capacity_vph: Positive = Field(400.0, description="Capacity of each direction [vehicles/h].")
    bpr_b: NonNegative = Field(0.15, description="Congestion factor of the BPR function.")
    bpr_power: Annotated[float, Field(ge=1, le=20)] = Field(4.0, description="Exponent of the BPR function.")


class TntpRoads(Section):
    """A road network in TNTP files, with its own capacities and BPR parameters.

    Distances are link lengths. Coordinates are stretched linearly onto the area and used for headings and
    maps, never for distances.
    """

    kind: Literal["tntp"] = Field(description="TNTP files.")
    network: FilePath = Field(description="File of links (`*_net.tntp`), relative to the scenario file.")
    nodes: FilePath = Field(
        description="File of node coordinates, relative to the scenario file: `*_node.tntp`, `*.csv` with columns "
        "`node`, `x`, `y`, or `*.geojson` with a point per node, its number as property `node` or as `id`."
    )
    km_per_length: Positive = Field(1.0, description="What one unit of length means [km].")
    minutes_per_time: Positive = Field(1.0, description="What one unit of free-flow time means [min].")
    area_km: Annotated[list[Positive], Field(min_length=2, max_length=2)] = Field(
        default_factory=lambda: [32.0, 32.0], description="Width and height that the map is stretched onto [km]."
    )


class RoadNodeSection(Section):
    """A place that roads lead to."""

    node: int = Field(ge=0, description="Its number.")
    position_km: Annotated[list[NonNegative], Field(min_length=2, max_length=2)] = Field(
        description="Where it is on the map, east and north of its corner [km, km]."
    )


class RoadSection(Section):
    """A road from one node to another."""

    from_node: int = Field(ge=0, description="Number of the node that it leaves.")
    to_node: int = Field(ge=0, description="Number of the node that it leads to.")
    length_km: Positive | None = Field(None, description="Its length [km]; the straight distance if left out.")
    speed_kmh: Positive = Field(40.0, description="Free-flow speed [km/h].")
    capacity_vph: Positive = Field(400.0, description="Capacity of each direction [vehicles/h].")
    both_ways: bool = Field(True, description="Whether it leads back too.")


class ListedRoads(Section):
    """Nodes and roads one by one."""

    kind: Literal["list"] = Field(description="Nodes and roads one by one.")
    nodes: list[RoadNodeSection] = Field(min_length=2, description="The nodes.")
    roads: list[RoadSection] = Field(min_length=1, description="The roads.")
    bpr_b: NonNegative = Field(0.15, description="Congestion factor of the BPR function.")
    bpr_power: Annotated[float, Field(ge=1, le=20)] = Field(4.0, description="Exponent of the BPR function.")


Roads = Annotated[LatticeRoads | TntpRoads | ListedRoads, Field(discriminator="kind")]


class RoadFactor(Section):
    """A fixed factor per road on its base flow, so that not all roads are alike."""

    low: NonNegative = Field(0.8, description="Lowest factor.")
    high: NonNegative = Field(1.2, description="Highest factor; uniform between.")
    seed: int = Field(1, ge=0, description="Seed of the factors; they stay the same in every episode and run.")


class CapacityShareFlow(Section):
    """Base flow as a share of each road's capacity."""

    kind: Literal["capacity_share"] = Field(description="A share of each road's capacity.")
    profile: Name = Field("traffic", description="Profile with the share by hour.")
    road_factor: RoadFactor | None = Field(None, description="Factor per road, if any.")


class TntpFlow(Section):
    """Base flow from a TNTP flow file: the assignment of a trip table to the network."""

    kind: Literal["tntp"] = Field(description="A TNTP flow file.")
    file: FilePath = Field(
        description="File with the volume of each link (`*_flow.tntp`), relative to the scenario file."
    )
    profile: Name | None = Field(None, description="Profile with the share of that volume by hour; default: 1.")


class EquilibriumFlow(Section):
    """Base flow from a TNTP trip table: drivers choose ways so that nobody gets there sooner by another one."""

    kind: Literal["equilibrium"] = Field(description="User equilibrium of a trip table.")
    trips: FilePath = Field(
        description="File with the trips between zones [vehicles/h] (`*_trips.tntp`), relative to the scenario file."
    )
    profile: Name | None = Field(None, description="Profile with the share of these trips by hour; default: 1.")
    gap: Annotated[float, Field(ge=1e-8, le=0.1)] = Field(
        1e-4, description="Share of all travel time that better ways would save, at most."
    )


class SimulatedFlow(Section):
    """Other vehicles that really drive: trips of a TNTP trip table, on roads that they fill."""

    kind: Literal["simulated"] = Field(description="Vehicles that really drive.")
    trips: FilePath = Field(
        description="File with the trips between zones [vehicles/h] (`*_trips.tntp`), relative to the scenario file."
    )
    profile: Name | None = Field(None, description="Profile with the share of these trips by hour; default: 1.")
    weight: Annotated[float, Field(ge=1e-3, le=1e4)] = Field(
        10.0, description="Vehicles that one simulated vehicle stands for; more is quicker and coarser."
    )
    routing: Literal["departure", "nodes", "fixed"] = Field(
        "departure",
        description="When they choose their way: at departure; anew at every node; or for good, by empty roads.",
    )
    update_s: Annotated[float, Field(ge=1, le=86_400)] = Field(
        300.0, description="Time after which they know new travel times [s]."
    )
    warm_up_s: Annotated[float, Field(ge=0, le=86_400)] = Field(
        2700.0, description="Time before an episode in which they drive already, so that roads are not empty then [s]."
    )
    gap: Annotated[float, Field(ge=1e-8, le=0.1)] = Field(
        1e-4, description="Accuracy of the usual traffic that controllers know: the equilibrium of these trips."
    )


BaseFlow = Annotated[CapacityShareFlow | TntpFlow | EquilibriumFlow | SimulatedFlow, Field(discriminator="kind")]


class CongestionSection(Section):
    """What else is on the roads, and what an EV adds to it."""

    ev_flow_vph: NonNegative = Field(10.0, description="Flow that one EV on a road counts as [vehicles/h].")
    base_flow: BaseFlow | None = Field(None, description="Flow of other vehicles; none if left out.")


#: Chargers of a station that says nothing of them.
DEFAULT_CHARGERS = 10


class StationSection(StationFeatures):
    """A charging and discharging station."""

    chargers: int | None = Field(
        None, ge=1, le=100_000, description="Number of chargers, all alike; or `kinds`; 10 if both are left out."
    )
    power_kw: Positive | None = Field(
        None,
        description="Highest power of each of these chargers [kW]; as much as the fleet's vehicles take if left out.",
    )
    sharing: Literal["max_min", "priority"] = Field(
        "priority",
        description="How power is shared that is not enough: in order of class, then of plugging in; or the same for "
        "all as far as they can take it.",
    )
    node: int | None = Field(None, description="Road node, numbered as in the road network; or `position_km`.")
    position_km: Annotated[list[Coordinate], Field(min_length=2, max_length=2)] | None = Field(
        None, description="Position of a road node [km, km]; or `node`."
    )
    bus: Bus = Field(description="Bus that feeds the station.")

    @property
    def charger_count(self) -> int:
        """Number of its chargers, of all kinds."""
        return sum(kind.count for kind in self.kinds) if self.kinds else self.chargers or DEFAULT_CHARGERS

    @property
    def plain(self) -> bool:
        """Whether it has nothing that the fleet alone, served as it comes, would notice."""
        return (
            self.power_kw is None
            and self.kinds is None
            and self.site_limit_kw is None
            and self.sharing == "priority"
            and self.waiting_places is None
            and self.discipline == "first_come"
            and self.faults is None
        )


class FleetCosts(Section):
    """Prices of moving and cycling EVs."""

    battery_cny_per_kwh: NonNegative = Field(0.3, description="Wear per energy charged or discharged [CNY/kWh].")
    distance_cny_per_km: NonNegative = Field(0.1, description="Driving, by distance [CNY/km].")
    time_cny_per_h: NonNegative = Field(5.0, description="Driving, by time [CNY/h].")


class FleetStart(Section):
    """Where EVs are, and how full, when the outage begins."""

    place: Literal["random_station", "round_robin", "random_node"] = Field(
        "random_station", description="A random station, station i mod H for EV i, or a random road node."
    )
    soc: Share = Field(0.6, description="State of charge, share of the battery.")
    soc_spread: Share = Field(0.1, description="Uniform within this much on either side of `soc`.")


class CommuteTime(Section):
    """A time of day, drawn anew for each EV and episode from a normal distribution."""

    mean: HourMinute = Field(description="Mean, HH:MM; 32:00 is 08:00 of the next day.")
    std_h: NonNegative = Field(1.0, description="Standard deviation [h]; drawn values lie within three of them.")


class CommuteSection(Section):
    """EVs that are away but for one stay: each comes home to its station and leaves it again, and never drives else."""

    arrival: CommuteTime = Field(description="When an EV comes home.")
    departure: CommuteTime = Field(description="When it leaves.")
    soc_needed: PositiveShare = Field(0.8, description="State of charge that it should leave with.")


class FleetSection(Section):
    """Identical electric vehicles."""

    size: int = Field(30, ge=0, le=1_000_000, description="Number of EVs.")
    battery_kwh: Positive = Field(60.0, description="Battery capacity [kWh].")
    soc_min: Share = Field(0.1, description="Lowest state of charge, also on the road.")
    soc_max: Share = Field(0.95, description="Highest state of charge.")
    charge_kw: Positive = Field(60.0, description="Highest charging power, at the charger [kW].")
    discharge_kw: Positive = Field(60.0, description="Highest discharging power, at the charger [kW].")
    charge_efficiency: PositiveShare = Field(0.95, description="Energy stored per energy drawn.")
    discharge_efficiency: PositiveShare = Field(0.95, description="Energy delivered per energy taken out.")
    consumption_kwh_per_km: NonNegative = Field(0.2, description="Energy for driving [kWh/km].")
    l_max: Positive = Field(1.0, description="Farthest move per slot, in units of `move_scale_km`.")
    move_scale_km: Positive = Field(10.0, description="What l_max = 1 means [km per slot]; 1 is the literal reading.")
    routing: Literal["departure", "nodes", "fixed"] = Field(
        "departure",
        description="When an EV chooses its way: at departure; anew at every node, as far as kilometres and battery "
        "suffice; or always the one that is the quickest in usual traffic.",
    )
    priority: int = Field(
        0, ge=0, le=100, description="Its class at stations that serve by class; lower ones are served first."
    )
    p_sch_max: Share = Field(0.7, description="Highest share of the discharging power that may be scheduled.")
    costs: FleetCosts = Field(default_factory=lambda: FleetCosts(), description="Prices.")
    start: FleetStart = Field(default_factory=lambda: FleetStart(), description="Start of an episode.")
    commute: CommuteSection | None = Field(
        None,
        description="When EVs come and leave, if they commute; `start` then says where each is at home, and how full "
        "it comes.",
    )

    @property
    def energy_min_kwh(self) -> float:
        """Energy that is never undershot [kWh]."""
        return self.soc_min * self.battery_kwh

    @property
    def energy_max_kwh(self) -> float:
        """Energy that is never exceeded [kWh]."""
        return self.soc_max * self.battery_kwh

    @property
    def max_move_km(self) -> float:
        """Farthest straight distance of an action, and kilometres driven per slot [km]."""
        return self.l_max * self.move_scale_km


# ------------------------------------------------------------------------- uncertainty, control, reward


class Noise(Section):
    """A factor drawn from a normal distribution around 1, once per episode."""

    std: Annotated[float, Field(ge=0, le=1)] = Field(0.0, description="Standard deviation of the factor.")
    clip_sigma: Positive = Field(3.0, description="The factor is clipped this many standard deviations from 1.")


class UncertaintySection(Section):
    """Noise per profile: one factor per episode and microgrid (traffic: per episode)."""

    load: Noise = Field(default_factory=lambda: Noise(), description="Factor on active and reactive load.")
    pv: Noise = Field(default_factory=lambda: Noise(), description="Factor on photovoltaic power.")
    wt: Noise = Field(default_factory=lambda: Noise(), description="Factor on wind power.")
    traffic: Noise = Field(default_factory=lambda: Noise(), description="Factor on the base flow of all roads.")


class ForecastSection(Section):
    """What controllers are told about the rest of the episode."""

    kind: Literal["shape", "persistence", "perfect", "noisy", "none"] = Field(
        "shape",
        description="Known daily shapes scaled by what is measured now; that all stays as it is now; the truth; the "
        "truth with an error; or nothing but the last slot's values.",
    )
    error: Annotated[float, Field(ge=0, le=1)] = Field(
        0.1, description="Standard deviation of the relative error of `noisy`, drawn anew in each slot."
    )


class TariffSection(Section):
    """What EVs pay for energy, and are paid; controllers know it for the whole episode."""

    profile: Name = Field(description="Profile of the price [CNY/kWh].")
    feed_in_share: Share = Field(1.0, description="What EVs are paid for energy that they feed in, share of the price.")


class ControllerSection(Section):
    """Who decides for the EVs."""

    name: Name = Field("greedy", description="Name of a controller (`cosim controllers`), or `module:Class`.")
    options: dict[str, Any] = Field(default_factory=dict, description="Options of the controller.")


class DayWeights(Section):
    """What the terms of a day's reward weigh; see `form: v2g`."""

    stability: NonNegative = Field(1.0, description="On the squared distance of the net load from its daily mean.")
    fossil: NonNegative = Field(1.0, description="On energy that is not renewable.")
    renewable: NonNegative = Field(1.0, description="On the share of renewable energy that is used.")
    satisfaction: NonNegative = Field(10.0, description="On the gain in charge up to what an EV needs.")
    revenue: NonNegative = Field(0.5, description="On what an EV is paid for energy, less what it pays.")


class RewardSection(Section):
    """The reward that is recorded for each EV and slot."""

    form: Literal["avoided", "literal", "ratio", "v2g"] = Field(
        "avoided",
        description="Fairness times avoided shedding cost; fairness times shedding cost, as printed in the paper; "
        "shedding cost divided by fairness; or, for a day of EVs that commute, grid stability, renewable and fossil "
        "energy, satisfaction and revenue.",
    )
    credit: Literal["team", "individual"] = Field(
        "team",
        description="Who earns the shedding term: all EVs in equal parts; or, of each microgrid's part, those that fed "
        "it, by their energies, which needs `form: avoided`.",
    )
    scale: Positive = Field(1e-3, description="Factor on the money terms [1/CNY].")
    move_penalty: NonNegative = Field(0.1, description="Taken off for a move that leaves the area or finds no road.")
    weights: DayWeights = Field(default_factory=lambda: DayWeights(), description="Weights of the terms of `v2g`.")


Command = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
Address = Annotated[str, Field(pattern=r"^[^:\s]+:[0-9]{1,5}$")]
#: This machine.
LOOPBACK = ("localhost", "127.0.0.1")


def on_this_machine(address: str) -> bool:
    """Whether an address HOST:PORT is of this machine."""
    return address.rpartition(":")[0] in LOOPBACK


class HelicsSection(Section):
    """A HELICS federate that solves the power flow; needs `ev-cosim[helics]`."""

    federate: Name = Field("grid", description="Name of the federate, and of what it publishes: grid/vm_pu.")
    command: Command | None = Field(
        None,
        description="Program and arguments that start it; `%(addr)s` becomes the address of a broker that is run for "
        "it on this machine. Needs --allow-code.",
    )
    broker: Address | None = Field(
        None,
        description="Address of a broker that runs already, for a federate that somebody else starts, HOST:PORT; "
        "beyond this machine it needs --allow-remote.",
    )
    core: Literal["zmq", "zmq_ss", "tcp", "tcp_ss"] = Field("zmq", description="Core type of HELICS; the same for all.")
    period_s: Annotated[float, Field(ge=1e-6, le=1e6)] = Field(
        1.0, description="HELICS time from case to case [s]: case k is published at k periods and read a period later."
    )


class FmuSection(Section):
    """A co-simulation FMU (FMI 2.0) that solves the power flow; needs `ev-cosim[fmu]` and --allow-code.

    In names of variables `{bus}` becomes the number of a bus, and `{n}` its place among them, counted from 1.
    """

    file: FilePath = Field(description="The FMU, relative to the scenario file.")
    p_mw: Name = Field("p_mw[{bus}]", description="Inputs: active power drawn at each bus.")
    q_mvar: Name = Field("q_mvar[{bus}]", description="Inputs: reactive power drawn at each bus.")
    vm_pu: Name = Field("vm_pu[{bus}]", description="Outputs: voltage magnitude at each bus.")
    slack_p_mw: Name = Field(
        "slack_p_mw[{bus}]", description="Outputs: active power that the source at each slack bus delivers."
    )
    slack_q_mvar: Name = Field("slack_q_mvar[{bus}]", description="Outputs: reactive power that it delivers.")
    converged: Name | None = Field(
        None, description="Boolean output that is false where there is no solution; without it there always is one."
    )
    step_s: Annotated[float, Field(ge=1e-9, le=1e9)] = Field(1.0, description="Step of the FMU per case [s].")
    start: dict[Name, bool | int | float | str] = Field(
        default_factory=dict, description="Values of parameters and inputs by name, given before it is initialised."
    )


class SimulatorSection(Section):
    """Who solves the power flow: a mosaik simulator with the model `Grid`, a HELICS federate, or an FMU."""

    command: Command | None = Field(
        None,
        description="Program and arguments of a mosaik simulator; `%(addr)s` becomes the address that it connects to. "
        "Needs --allow-code.",
    )
    connect: Address | None = Field(
        None,
        description="Address at which a mosaik simulator waits, HOST:PORT; beyond this machine: --allow-remote.",
    )
    helics: HelicsSection | None = Field(None, description="A HELICS federate.")
    fmu: FmuSection | None = Field(None, description="A co-simulation FMU.")

    @property
    def code(self) -> tuple[str, str] | None:
        """The field that has code run which is not ours, and what it runs; None if there is none."""
        if self.fmu is not None:
            return "grid.simulator.fmu.file", self.fmu.file
        if self.helics is not None:
            return None if self.helics.command is None else ("grid.simulator.helics.command", self.helics.command[0])
        return None if self.command is None else ("grid.simulator.command", self.command[0])

    @property
    def address(self) -> tuple[str, str] | None:
        """The field that says where it waits, and the address; None if it is started here."""
        if self.helics is not None:
            return None if self.helics.broker is None else ("grid.simulator.helics.broker", self.helics.broker)
        return None if self.connect is None else ("grid.simulator.connect", self.connect)

    @property
    def about(self) -> str:
        """What it is called in summaries."""
        if self.fmu is not None:
            return f"FMU {self.fmu.file}"
        if self.helics is not None:
            by = f"at {self.helics.broker}" if self.helics.command is None else f"by {' '.join(self.helics.command)}"
            return f"HELICS federate {self.helics.federate} {by}"
        return f"simulator at {self.connect}" if self.command is None else " ".join(self.command)


class GridSection(Section):
    """Who solves the power flow, if not an engine of `network.engine`."""

    simulator: SimulatorSection | None = Field(None, description="A simulator from elsewhere.")
    timeout_s: Annotated[float, Field(ge=0.1, le=86_400)] = Field(
        60.0, description="Time that a simulator from elsewhere may take to start, and for each answer [s]."
    )


class Scenario(Section):
    """One outage, completely described."""

    version: int = Field(ge=1, le=1, description="Version of this format.")
    name: Name = Field(description="Name of the scenario.")
    description: str = Field("", description="What the scenario is about.")
    seed: int = Field(0, ge=0, lt=2**63, description="Seed of all random streams.")
    clock: ClockSection = Field(default_factory=lambda: ClockSection(), description="The outage window.")
    profiles: dict[Name, Profile] = Field(description="Profiles by name.")
    network: NetworkSection = Field(description="The distribution network and its microgrids.")
    grid: GridSection = Field(default_factory=lambda: GridSection(), description="The power flow from elsewhere.")
    roads: Roads = Field(description="The road network.")
    congestion: CongestionSection = Field(
        default_factory=lambda: CongestionSection(), description="Traffic on the roads."
    )
    stations: list[StationSection] = Field(min_length=1, description="The charging stations.")
    customers: list[CustomerSection] = Field(
        default_factory=list,
        description="Who else comes to them, and uses the same chargers as the fleet; drawn anew in each episode.",
    )
    fleet: FleetSection = Field(default_factory=lambda: FleetSection(), description="The electric vehicles.")
    tariff: TariffSection | None = Field(None, description="The price at which EVs buy and sell energy, if any.")
    forecast: ForecastSection = Field(default_factory=lambda: ForecastSection(), description="The forecast.")
    uncertainty: UncertaintySection = Field(
        default_factory=lambda: UncertaintySection(), description="Noise on the profiles."
    )
    controller: ControllerSection = Field(default_factory=lambda: ControllerSection(), description="The controller.")
    reward: RewardSection = Field(default_factory=lambda: RewardSection(), description="The reward.")

    @property
    def power_flow(self) -> str:
        """Who solves the power flow: the engine, or the simulator from elsewhere."""
        simulator = self.grid.simulator
        return self.network.engine if simulator is None else simulator.about
