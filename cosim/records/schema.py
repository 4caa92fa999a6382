"""Every column of every table, defined once: its unit and its meaning stand beside it.

Simulators fill these classes with arrays, the recorder stacks them, the store writes them, metrics read
them, and `docs/reference/records.md` lists them. Times are seconds since the episode's start. Money is CNY.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, NamedTuple

from cosim.interface import Floats, Ints


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        name: Name, with the unit as its suffix where it has one.
        kind: `float`, `int`, `bool`, `str`, or a list of one of them.
        unit: Unit, empty for counts and names.
        about: What it means, with its sign.
    """

    name: str
    kind: str
    unit: str
    about: str


def _column(unit: str, about: str, kind: str = "float") -> Any:
    return field(metadata={"unit": unit, "about": about, "kind": kind})


def _flag(about: str) -> Any:
    return _column("", about, "bool")


def _count(about: str) -> Any:
    return _column("", about, "int")


@dataclass(frozen=True)
class MicrogridSlots:
    """Powers, costs and flags of each microgrid in a slot, shape [R, M]."""

    load_kw: Floats = _column("kW", "Active load to serve.")
    load_kvar: Floats = _column("kvar", "Reactive load to serve.")
    served_kw: Floats = _column("kW", "Active load served.")
    shed_kw: Floats = _column("kW", "Active load not served.")
    critical_kw: Floats = _column("kW", "Critical load to serve, part of the load.")
    critical_shed_kw: Floats = _column("kW", "Critical load not served, part of what is shed.")
    unserved_dark_kw: Floats = _column("kW", "Load not served because nothing forms a grid.")
    unserved_power_kw: Floats = _column("kW", "Load not served because all that supplies is at its highest power.")
    unserved_energy_kw: Floats = _column("kW", "Load not served because storage is empty, or kept for later.")
    unserved_voltage_kw: Floats = _column("kW", "Load not served to keep voltages in their band.")
    unserved_line_kw: Floats = _column("kW", "Load not served to keep lines below their limits.")
    ev_kw: Floats = _column("kW", "Power of all vehicles at its stations, > 0 drawn.")
    pv_available_kw: Floats = _column("kW", "Photovoltaic power to be had.")
    wt_available_kw: Floats = _column("kW", "Wind power to be had.")
    pv_kw: Floats = _column("kW", "Photovoltaic power used.")
    wt_kw: Floats = _column("kW", "Wind power used.")
    curtailed_kw: Floats = _column("kW", "Renewable power not used.")
    dg_kw: Floats = _column("kW", "Diesel power dispatched; losses come on top, see `slack_kw`.")
    supply_kw: Floats = _column("kW", "Power from the utility; losses come on top where it holds the voltage.")
    exchange_kw: Floats = _column("kW", "Power from the other microgrids of its island, < 0 to them; 0 alone.")
    dg_kvar: Floats = _column("kvar", "Reactive power of diesel and the utility, within their limit.")
    short_kvar: Floats = _column("kvar", "Reactive load beyond that limit, at the microgrid that leads the island.")
    ess_charge_kw: Floats = _column("kW", "Power into storage, at the bus.")
    ess_discharge_kw: Floats = _column("kW", "Power out of storage, at the bus.")
    ess_start_kwh: Floats = _column("kWh", "Energy in storage at the slot's start.")
    ess_end_kwh: Floats = _column("kWh", "Energy in storage at the slot's end.")
    slack_kw: Floats = _column("kW", "Active power of diesel and the utility; the leading microgrid has the losses.")
    slack_kvar: Floats = _column("kvar", "Reactive power that the power flow asks of them.")
    slack_over_kw: Floats = _column("kW", "Active power of them beyond their limit.")
    losses_kwh: Floats = _column("kWh", "Energy lost in the lines of the island that it leads.")
    surplus_kw: Floats = _column("kW", "Power that EVs could have drawn: the charging limit.")
    deficit_kw: Floats = _column("kW", "Load beyond renewables, diesel and the utility, as far as EVs could serve it.")
    discharge_limit_kw: Floats = _column("kW", "Power that EVs could have fed in: the discharging limit.")
    dg_cny: Floats = _column("CNY", "Cost of diesel.")
    shedding_cny: Floats = _column("CNY", "Cost of load not served.")
    ess_cny: Floats = _column("CNY", "Cost of energy discharged by storage.")
    curtailment_cny: Floats = _column("CNY", "Cost of renewable energy not used.")
    supply_cny: Floats = _column("CNY", "Cost of energy from the utility.")
    losses_cny: Floats = _column("CNY", "Cost of the losses as diesel; stands apart from all totals.")
    redispatched: Ints = _flag("A voltage or a line was beyond its limit, and a linear program dispatched instead.")
    voltage_violated: Ints = _flag("A voltage is out of its band all the same.")
    line_overloaded: Ints = _flag("A line is beyond its limit all the same; 0 without `branch_limits`.")
    slack_beyond_limit: Ints = _flag("Diesel or the utility, with losses, is beyond its active or reactive limit.")
    island: Ints = _count("Microgrid that leads the island that it is in; its own number if alone, -1 in the dark.")


@dataclass(frozen=True)
class BusSlots:
    """State of each bus in a slot, shape [R, B]."""

    vm_pu: Floats = _column("p.u.", "Voltage magnitude.")
    p_kw: Floats = _column("kW", "Active power drawn, without the slack unit's.")
    q_kvar: Floats = _column("kvar", "Reactive power drawn, without the slack unit's.")
    reference_vm_pu: Floats = _column("p.u.", "Voltage magnitude had no EV taken part.")
    load_kw: Floats = _column("kW", "Active load to serve.")
    shed_kw: Floats = _column("kW", "Active load not served.")
    critical_shed_kw: Floats = _column("kW", "Critical load not served, part of it.")
    reference_shed_kw: Floats = _column("kW", "Active load not served had no EV taken part.")
    reference_critical_shed_kw: Floats = _column("kW", "Critical load not served had no EV taken part.")


@dataclass(frozen=True)
class EvSlots:
    """What each EV was told and did in a slot, shape [R, I]."""

    heading_rad: Floats = _column("rad", "Action: direction, counter-clockwise from east.")
    distance_km: Floats = _column("km", "Action: straight distance.")
    power_share: Floats = _column("", "Action: share of the power, > 0 charges.")
    outcome: Ints = _column("", "What became of the action, see `ActionOutcome`.", "int")
    x_km: Floats = _column("km", "Position at the slot's end, eastwards.")
    y_km: Floats = _column("km", "Position at the slot's end, northwards.")
    station: Ints = _count("Station at the slot's end, or the one left for the day within it; -1 elsewhere.")
    state: Ints = _count("State at the slot's end, see `EvState`.")
    energy_start_kwh: Floats = _column("kWh", "Energy in the battery at the slot's start.")
    energy_end_kwh: Floats = _column("kWh", "Energy in the battery at the slot's end.")
    charged_kwh: Floats = _column("kWh", "Energy drawn at chargers.")
    discharged_kwh: Floats = _column("kWh", "Energy fed in at chargers.")
    driven_km: Floats = _column("km", "Distance driven.")
    driven_s: Floats = _column("s", "Time spent driving.")
    battery_cny: Floats = _column("CNY", "Cost of battery wear.")
    distance_cny: Floats = _column("CNY", "Cost of driving by distance.")
    time_cny: Floats = _column("CNY", "Cost of driving by time.")
    energy_cny: Floats = _column("CNY", "Cost of energy by the tariff, < 0 where the EV is paid; 0 without a tariff.")


@dataclass(frozen=True)
class StationSlots:
    """Power and occupancy of each station in a slot, shape [R, H]."""

    power_kw: Floats = _column("kW", "Mean power over the slot, > 0 drawn.")
    charged_kwh: Floats = _column("kWh", "Energy drawn by EVs of the fleet.")
    discharged_kwh: Floats = _column("kWh", "Energy fed in by EVs of the fleet.")
    customers_kwh: Floats = _column("kWh", "Energy drawn by customers.")
    charge_limit_kw: Floats = _column("kW", "Limit on power drawn.")
    discharge_limit_kw: Floats = _column("kW", "Limit on power fed in.")
    queue_mean: Floats = _column("", "Vehicles waiting, mean over time.")
    queue_max: Ints = _count("Vehicles waiting, at most; those that wait for no time do not count.")
    busy_mean: Floats = _column("", "Chargers in use, mean over time.")
    busy_max: Ints = _count("Chargers in use, at most.")


@dataclass(frozen=True)
class RoadSlots:
    """Traffic on each directed road in a slot, shape [R, E]."""

    flow_vph: Floats = _column("vehicles/h", "Flow, mean over time: other vehicles, and EVs at their weight.")
    travel_time_s: Floats = _column("s", "Travel time at that flow.")


@dataclass(frozen=True)
class Trips:
    """One row per trip."""

    ev: Ints = _count("EV.")
    depart_s: Floats = _column("s", "Time of departure.")
    arrive_s: Floats = _column("s", "Time of arrival; empty if the episode ended before.")
    from_station: Ints = _count("Station of departure, -1 elsewhere.")
    to_station: Ints = _count("Station of arrival, -1 elsewhere.")
    length_km: Floats = _column("km", "Length of the way.")
    planned_s: Floats = _column("s", "Travel time expected at departure.")
    road: list[list[int]] = _column("", "Directed roads, in order.", "list of int")
    enter_s: list[list[float]] = _column("s", "Time of entry into each of them, as far as entered.", "list of float")
    leave_s: list[list[float]] = _column(
        "s", "Time of leaving each of them; the last may be after the episode's end.", "list of float"
    )
    from_km: list[list[float]] = _column("km", "Where on each of them the drive begins.", "list of float")
    to_km: list[list[float]] = _column("km", "Where on each of them the drive ends.", "list of float")


@dataclass(frozen=True)
class Visits:
    """One row per request for a charger during a stay at a station; one row for a stay without any request."""

    ev: Ints = _count("EV.")
    station: Ints = _count("Station.")
    arrive_s: Floats = _column("s", "Time of arrival at the station; 0 for EVs that begin there.")
    request_s: Floats = _column("s", "Time at which it asked for a charger; empty if it never did.")
    plug_in_s: Floats = _column("s", "Time of plugging in; empty if it never got a charger.")
    plug_out_s: Floats = _column("s", "Time of freeing the charger, or of leaving the queue.")
    depart_s: Floats = _column("s", "Time of departure from the station; empty if it was there at the end.")
    queue_met: Ints = _count("Vehicles waiting before it when it asked; -1 if it never asked.")
    charged_kwh: Floats = _column("kWh", "Energy drawn.")
    discharged_kwh: Floats = _column("kWh", "Energy fed in.")


@dataclass(frozen=True)
class Customers:
    """One row per customer who came on its own account."""

    customer: Ints = _count("Number of the customer, in the order of stations, then of arrivals.")
    group: Ints = _count("Its group: place in the scenario's `customers`, from 0.")
    station: Ints = _count("Station.")
    arrive_s: Floats = _column("s", "Time of arrival.")
    plug_in_s: Floats = _column("s", "Time of plugging in, for the first time; empty if it never got a charger.")
    leave_s: Floats = _column("s", "Time of leaving; empty if it was there at the end.")
    outcome: Ints = _count("What became of it: 0 still there, 1 served, 2 balked, 3 no place to wait, 4 reneged.")
    queue_met: Ints = _count("Vehicles waiting when it came.")
    waited_s: Floats = _column("s", "Time in the queue, up to the last time that it was plugged in, or left.")
    interrupted: Ints = _count("Times that it lost its charger: to a fault, to somebody else, for lack of power.")
    charged_kwh: Floats = _column("kWh", "Energy drawn.")


@dataclass(frozen=True)
class Rewards:
    """Terms of the reward of each EV in a slot, shape [R, I]."""

    shedding: Floats = _column("", "Share in the shedding term, whatever its form.")
    cost: Floats = _column("", "Own dispatch cost, <= 0.")
    penalty: Floats = _column("", "Penalty for a move that cannot be made, <= 0.")
    stability: Floats = _column("", "With `v2g`: for the net load's distance from its mean, <= 0; the same for all.")
    fossil: Floats = _column("", "With `v2g`: for power that is not renewable, <= 0; the same for all.")
    renewable: Floats = _column("", "With `v2g`: for the share of renewable energy that is used; the same for all.")
    satisfaction: Floats = _column("", "With `v2g`: for the gain in charge, up to what is needed.")
    revenue: Floats = _column("", "With `v2g`: for what it is paid for energy, less what it pays.")
    total: Floats = _column("", "Sum of the terms.")


@dataclass(frozen=True)
class Buses:
    """Topology of the feeder: its buses."""

    bus: Ints = _count("Bus number in the network.")
    microgrid: Ints = _count("Microgrid.")
    vn_kv: Floats = _column("kV", "Rated voltage.")
    load_kw: Floats = _column("kW", "Rated active load.")
    load_kvar: Floats = _column("kvar", "Rated reactive load.")
    x: Floats = _column("", "Position in the network's drawing; empty if it has none.")
    y: Floats = _column("", "Position in the network's drawing.")


@dataclass(frozen=True)
class Lines:
    """Topology of the feeder: all its lines."""

    from_bus: Ints = _count("First bus, by number in the network.")
    to_bus: Ints = _count("Second bus.")
    r_ohm: Floats = _column("ohm", "Resistance.")
    x_ohm: Floats = _column("ohm", "Reactance.")
    in_service: Ints = _flag("Whether it is closed; opened lines and open ties are not.")


@dataclass(frozen=True)
class MicrogridUnits:
    """The microgrids and where their units are."""

    name: list[str] = _column("", "Name.", "str")
    dg_bus: Ints = _count("Bus of the diesel generator, the slack bus.")
    ess_bus: Ints = _count("Bus of the storage; that of the generator if there is none.")
    pv_bus: Ints = _count("Bus of the photovoltaic unit; that of the generator if there is none.")
    wt_bus: Ints = _count("Bus of the wind turbine; that of the generator if there is none.")


@dataclass(frozen=True)
class Nodes:
    """Geometry of the road network: its nodes."""

    node: Ints = _count("Node number in the road network.")
    x_km: Floats = _column("km", "Position, eastwards.")
    y_km: Floats = _column("km", "Position, northwards.")


@dataclass(frozen=True)
class Roads:
    """Geometry of the road network: its directed roads."""

    tail: Ints = _count("Node that it leaves, counted from 0.")
    head: Ints = _count("Node that it leads to, counted from 0.")
    length_km: Floats = _column("km", "Length.")
    free_time_s: Floats = _column("s", "Travel time without traffic.")
    capacity_vph: Floats = _column("vehicles/h", "Capacity.")
    bpr_b: Floats = _column("", "Congestion factor of the BPR function.")
    bpr_power: Floats = _column("", "Exponent of the BPR function.")


@dataclass(frozen=True)
class Stations:
    """The stations."""

    name: list[str] = _column("", "Name.", "str")
    node: Ints = _count("Road node, counted from 0.")
    x_km: Floats = _column("km", "Position, eastwards.")
    y_km: Floats = _column("km", "Position, northwards.")
    chargers: Ints = _count("Chargers.")
    bus: Ints = _count("Bus number in the network.")
    microgrid: Ints = _count("Microgrid.")


class TableKind(NamedTuple):
    """A table: its name, the class of its columns, and what identifies a row.

    Attributes:
        name: Name of the table and of its file.
        columns: The class whose fields are its columns.
        keys: Key columns that the recorder puts before them.
        about: What a row is.
    """

    name: str
    columns: type
    keys: tuple[Column, ...]
    about: str


_EPISODE = Column("episode", "int", "", "Number of the episode, from 0.")
_SLOT = Column("slot", "int", "", "Number of the slot, from 0.")


def _unit(name: str) -> Column:
    return Column(name, "int", "", f"Number of the {'EV' if name == 'ev' else name}, from 0.")


TABLES = (
    TableKind("microgrid_slots", MicrogridSlots, (_EPISODE, _SLOT, _unit("microgrid")), "Per slot and microgrid."),
    TableKind(
        "reference_slots",
        MicrogridSlots,
        (_EPISODE, _SLOT, _unit("microgrid")),
        "The same, had no EV ever taken part: same profiles, own storage.",
    ),
    TableKind("bus_slots", BusSlots, (_EPISODE, _SLOT, _unit("bus")), "Per slot and bus (by position)."),
    TableKind("ev_slots", EvSlots, (_EPISODE, _SLOT, _unit("ev")), "Per slot and EV."),
    TableKind("rewards", Rewards, (_EPISODE, _SLOT, _unit("ev")), "Reward per slot and EV, term by term."),
    TableKind("station_slots", StationSlots, (_EPISODE, _SLOT, _unit("station")), "Per slot and station."),
    TableKind("road_slots", RoadSlots, (_EPISODE, _SLOT, _unit("road")), "Per slot and directed road."),
    TableKind("trips", Trips, (_EPISODE,), "Per trip."),
    TableKind("visits", Visits, (_EPISODE,), "Per request for a charger, or stay without one."),
    TableKind("customers", Customers, (_EPISODE,), "Per customer who is not of the fleet."),
    TableKind("buses", Buses, (), "Per bus, once."),
    TableKind("lines", Lines, (), "Per line, once."),
    TableKind("microgrids", MicrogridUnits, (), "Per microgrid, once."),
    TableKind("nodes", Nodes, (), "Per road node, once."),
    TableKind("roads", Roads, (), "Per directed road, once."),
    TableKind("stations", Stations, (), "Per station, once."),
)


@cache
def columns_of(kind: TableKind) -> tuple[Column, ...]:
    """All columns of a table, its keys first."""
    own = (Column(f.name, f.metadata["kind"], f.metadata["unit"], f.metadata["about"]) for f in fields(kind.columns))
    return (*kind.keys, *own)


def table_kind(name: str) -> TableKind:
    """Look a table up by name."""
    return next(kind for kind in TABLES if kind.name == name)
