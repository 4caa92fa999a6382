"""Checks across fields of a scenario that need no other file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from cosim.clock import parse_time_of_day
from cosim.errors import ScenarioIssue
from cosim.scenario.commute import commute_span_h
from cosim.scenario.names import Issues, unique_names
from cosim.scenario.schema import (
    CapacityShareFlow,
    ClockSection,
    CongestionSection,
    ControllerSection,
    EquilibriumFlow,
    FleetSection,
    GridSection,
    HourlyProfile,
    NetworkSection,
    Profile,
    RewardSection,
    Roads,
    SimulatedFlow,
    StationSection,
    StepProfile,
    TariffSection,
    TntpFlow,
)
from cosim.scenario.station_checks import check_customers, check_features, check_places
from cosim.scenario.wording import dotted, shown, suggestion
from cosim.units import hours

# Sums such as 0.6 - 0.5 may miss a bound by rounding.
TOLERANCE: Final = 1e-9
LAST_PORT: Final = 65_535
#: What we are called in a HELICS federation.
HELICS_NAME: Final = "ev-cosim"

#: Checks, each with the names of the sections that it needs.
Checks = Sequence[tuple[Callable[..., Issues], tuple[str, ...]]]


def check_sections(sections: Mapping[str, Any], checks: Checks | None = None) -> list[ScenarioIssue]:
    """Find the mistakes that no single field shows.

    Args:
        sections: Top-level sections by name; a check is left out if one that it needs is missing.
        checks: Checks, each with the names of its sections; default: those of a scenario.

    Returns:
        The mistakes, with paths but without lines.
    """
    return [
        issue
        for check, names in (CHECKS if checks is None else checks)
        if all(name in sections for name in names)
        for issue in check(*(sections[name] for name in names))
    ]


def check_hourly(name: str, profile: HourlyProfile | StepProfile) -> Issues:
    """Check that the hours of a profile increase and that each has a value.

    Args:
        name: Name of the profile.
        profile: The profile.

    Yields:
        The mistakes.
    """
    path = dotted("profiles", name)
    for index, (before, hour) in enumerate(zip(profile.hours, profile.hours[1:], strict=False), start=1):
        if hour <= before:
            yield ScenarioIssue(
                dotted(path, "hours", index), f"must be above the hour before, {before:g}, got {hour:g}"
            )
    if len(profile.values) != len(profile.hours):
        yield ScenarioIssue(
            dotted(path, "values"),
            f"must have as many values as there are hours, {len(profile.hours)}, got {len(profile.values)}",
        )


def _hourly_profiles(profiles: Mapping[str, Profile]) -> Issues:
    for name, profile in profiles.items():
        if isinstance(profile, HourlyProfile | StepProfile):
            yield from check_hourly(name, profile)


def _network_origin(network: NetworkSection) -> Issues:
    if network.case is None and network.file is None:
        yield ScenarioIssue("network", "must have either case or file, got neither")
    if network.case is not None and network.file is not None:
        yield ScenarioIssue("network.file", "must be left out when case is given")


def _microgrid_names(network: NetworkSection) -> Issues:
    yield from unique_names("network.microgrids", network.microgrids)


def _storage_bounds(network: NetworkSection) -> Issues:
    for index, microgrid in enumerate(network.microgrids):
        ess = microgrid.ess
        if ess is not None:
            path = dotted("network.microgrids", index, "ess")
            yield from _charge_bounds(path, ess.soc_min, ess.soc_max)
            if not ess.soc_min <= ess.soc_start <= ess.soc_max:
                yield ScenarioIssue(
                    dotted(path, "soc_start"),
                    f"must be from soc_min {ess.soc_min:g} to soc_max {ess.soc_max:g}, got {ess.soc_start:g}",
                )


def _station_places(stations: Sequence[StationSection]) -> Issues:
    for index, station in enumerate(stations):
        if station.node is None and station.position_km is None:
            yield ScenarioIssue(dotted("stations", index), "must have either node or position_km, got neither")
        if station.node is not None and station.position_km is not None:
            yield ScenarioIssue(dotted("stations", index, "position_km"), "must be left out when node is given")


def _station_names(stations: Sequence[StationSection]) -> Issues:
    yield from unique_names("stations", stations)


def _station_features(stations: Sequence[StationSection]) -> Issues:
    for index, station in enumerate(stations):
        path = dotted("stations", index)
        if station.kinds is not None and station.chargers is not None:
            yield ScenarioIssue(dotted(path, "chargers"), "must be left out when kinds are given")
        if station.kinds is not None and station.power_kw is not None:
            yield ScenarioIssue(dotted(path, "power_kw"), "must be left out when kinds are given; each has its own")
        yield from check_features(path, station)


def _simulator(grid: GridSection) -> Issues:
    simulator = grid.simulator
    if simulator is None:
        return
    path = "grid.simulator"
    ways = ("command", "connect", "helics", "fmu")
    if sum(getattr(simulator, way) is not None for way in ways) != 1:
        yield ScenarioIssue(path, "must have one of command, connect, helics, fmu")
    helics = simulator.helics
    if helics is not None and (helics.command is None) == (helics.broker is None):
        yield ScenarioIssue(f"{path}.helics", "must have either command or broker")
    if helics is not None and helics.federate == HELICS_NAME:
        yield ScenarioIssue(f"{path}.helics.federate", f"must be another name than ours, {HELICS_NAME}")
    yield from _command(path, simulator.command, "the simulator connects to")
    yield from _port(f"{path}.connect", simulator.connect)
    if helics is not None:
        yield from _command(f"{path}.helics", helics.command, "the broker has")
        yield from _port(f"{path}.helics.broker", helics.broker)
    if simulator.fmu is not None:
        for name in ("p_mw", "q_mvar", "vm_pu", "slack_p_mw", "slack_q_mvar"):
            pattern = getattr(simulator.fmu, name)
            if "{bus}" not in pattern and "{n}" not in pattern:
                problem = f"must have {{bus}} or {{n}} in it, since there is one for each bus, got {shown(pattern)}"
                yield ScenarioIssue(f"{path}.fmu.{name}", problem)


def _command(path: str, command: Sequence[str] | None, whose: str) -> Issues:
    if command is not None and not any("%(addr)s" in word for word in command):
        yield ScenarioIssue(f"{path}.command", f"must have %(addr)s in one of its words: the address that {whose}")


def _port(path: str, address: str | None) -> Issues:
    if address is not None and int(address.rpartition(":")[2]) > LAST_PORT:
        yield ScenarioIssue(path, f"has a port beyond {LAST_PORT}: {address}")


def _fleet_charge(fleet: FleetSection) -> Issues:
    yield from _charge_bounds("fleet", fleet.soc_min, fleet.soc_max)
    low, high = fleet.start.soc - fleet.start.soc_spread, fleet.start.soc + fleet.start.soc_spread
    if low < fleet.soc_min - TOLERANCE or high > fleet.soc_max + TOLERANCE:
        yield ScenarioIssue(
            "fleet.start.soc",
            f"with soc_spread must be from soc_min {fleet.soc_min:g} to soc_max {fleet.soc_max:g}, "
            f"got {low:g} to {high:g}",
        )


def _road_factor(congestion: CongestionSection) -> Issues:
    flow = congestion.base_flow
    if isinstance(flow, CapacityShareFlow) and flow.road_factor is not None:
        factor = flow.road_factor
        if factor.low > factor.high:
            yield ScenarioIssue(
                "congestion.base_flow.road_factor.low", f"must be at most high, {factor.high:g}, got {factor.low:g}"
            )


def _flow_file(congestion: CongestionSection, roads: Roads) -> Issues:
    flow = congestion.base_flow
    if isinstance(flow, TntpFlow | EquilibriumFlow | SimulatedFlow) and roads.kind == "lattice":
        yield ScenarioIssue(
            "congestion.base_flow.kind", f"{flow.kind!r} needs roads of kind 'tntp' or 'list', got 'lattice'"
        )


def _microgrid_profiles(network: NetworkSection, profiles: Mapping[str, Profile]) -> Issues:
    for index, microgrid in enumerate(network.microgrids):
        load, pv, wt = microgrid.load, microgrid.pv, microgrid.wt
        used = {
            "load.profile": load.profile,
            "load.q_profile": load.q_profile,
            "pv.profile": None if pv is None else pv.profile,
            "wt.profile": None if wt is None else wt.profile,
        }
        for field, name in used.items():
            yield from _profile_exists(dotted("network.microgrids", index, field), name, profiles)


def _flow_profile(congestion: CongestionSection, profiles: Mapping[str, Profile]) -> Issues:
    if congestion.base_flow is not None:
        yield from _profile_exists("congestion.base_flow.profile", congestion.base_flow.profile, profiles)


def _profile_exists(path: str, name: str | None, profiles: Mapping[str, Profile]) -> Issues:
    if name is not None and name not in profiles:
        yield ScenarioIssue(path, f"no profile is named {name!r}; {suggestion(name, profiles)}")


def _slack_voltage(network: NetworkSection) -> Issues:
    """A generator that holds a voltage outside the band would have all load shed in vain."""
    held = {dotted("network.microgrids", k, "dg.vm_pu"): m.dg.vm_pu for k, m in enumerate(network.microgrids) if m.dg}
    if network.supply is not None:
        held["network.supply.vm_pu"] = network.supply.vm_pu
    for path, vm_pu in held.items():
        if not network.vm_min_pu <= vm_pu <= network.vm_max_pu:
            yield ScenarioIssue(
                path, f"must be in the band, {network.vm_min_pu:g} to {network.vm_max_pu:g}, got {vm_pu:g}"
            )


def _critical_price(network: NetworkSection) -> Issues:
    costs, critical = network.costs, network.critical
    if (critical.share > 0.0 or critical.buses) and costs.critical_cny_per_kwh < costs.shedding_cny_per_kwh:
        yield ScenarioIssue(
            "network.costs.critical_cny_per_kwh",
            f"must be at least shedding_cny_per_kwh, {costs.shedding_cny_per_kwh:g}, since critical load is shed last; "
            f"got {costs.critical_cny_per_kwh:g}",
        )


def _outage_kinds(network: NetworkSection) -> Issues:
    for index, outage in enumerate(network.timetable):
        path = dotted("network.timetable", index)
        if (outage.line is None) == (outage.unit is None):
            yield ScenarioIssue(path, "must have either line or unit, got " + ("both" if outage.unit else "neither"))
        if outage.out is None and outage.back is None and outage.line is not None:
            yield ScenarioIssue(path, "must have out or back; a line that is open all the time is in opened_lines")


def _controller_name(controller: ControllerSection) -> Issues:
    """Whether there is such a controller is known elsewhere; what a name looks like is known here."""
    module, colon, cls = controller.name.partition(":")
    if colon and not (all(part.isidentifier() for part in module.split(".")) and cls.isidentifier()):
        yield ScenarioIssue(
            "controller.name", f"must be a controller's name or module:Class, got {shown(controller.name)}"
        )


def _charge_bounds(path: str, soc_min: float, soc_max: float) -> Issues:
    if soc_min >= soc_max:
        yield ScenarioIssue(dotted(path, "soc_min"), f"must be below soc_max, {soc_max:g}, got {soc_min:g}")


def _reward_credit(reward: RewardSection) -> Issues:
    if reward.credit == "individual" and reward.form != "avoided":
        yield ScenarioIssue("reward.credit", f"'individual' needs form 'avoided', got {reward.form!r}")


def _commute(fleet: FleetSection, clock: ClockSection) -> Issues:
    """Every stay must lie within the episode, and last for a slot at least, whatever is drawn."""
    commute = fleet.commute
    if commute is None:
        return
    if fleet.start.place == "random_node":
        yield ScenarioIssue(
            "fleet.start.place", "must be 'round_robin' or 'random_station', where EVs that commute are at home"
        )
    if commute.soc_needed > fleet.soc_max:
        yield ScenarioIssue(
            "fleet.commute.soc_needed", f"must be at most soc_max, {fleet.soc_max:g}, got {commute.soc_needed:g}"
        )
    if clock.slots < 2:
        yield ScenarioIssue("clock.slots", f"must be at least 2 where EVs commute, got {clock.slots}")
    slot_h = hours(clock.slot_s)
    first_h = hours(parse_time_of_day(clock.start))
    last_h = first_h + clock.slots * slot_h
    spans = {"arrival": commute_span_h(commute.arrival), "departure": commute_span_h(commute.departure)}
    for name, (earliest_h, latest_h) in spans.items():
        if earliest_h < first_h - TOLERANCE or latest_h > last_h + TOLERANCE:
            yield ScenarioIssue(
                f"fleet.commute.{name}",
                f"within three standard deviations must be from hour {first_h:g} to {last_h:g}, got {earliest_h:g} to "
                f"{latest_h:g}",
            )
    if spans["departure"][0] < spans["arrival"][1] + slot_h - TOLERANCE:
        yield ScenarioIssue(
            "fleet.commute.departure",
            f"must be a slot after the latest arrival, hour {spans['arrival'][1]:g}, also where it is earliest, got "
            f"{spans['departure'][0]:g}",
        )


def _tariff_profile(tariff: TariffSection | None, profiles: Mapping[str, Profile]) -> Issues:
    if tariff is not None:
        yield from _profile_exists("tariff.profile", tariff.profile, profiles)


def _day_reward(reward: RewardSection, fleet: FleetSection, tariff: TariffSection | None) -> Issues:
    if reward.form == "v2g" and fleet.commute is None:
        yield ScenarioIssue("reward.form", "'v2g' needs EVs that commute; give fleet.commute")
    if reward.form == "v2g" and tariff is None:
        yield ScenarioIssue("reward.form", "'v2g' needs a price of energy; give tariff")


CHECKS: Final[Checks] = (
    (_hourly_profiles, ("profiles",)),
    (_network_origin, ("network",)),
    (_microgrid_names, ("network",)),
    (_storage_bounds, ("network",)),
    (_slack_voltage, ("network",)),
    (_outage_kinds, ("network",)),
    (_critical_price, ("network",)),
    (_station_places, ("stations",)),
    (_station_names, ("stations",)),
    (_station_features, ("stations",)),
    (check_customers, ("customers",)),
    (check_places, ("stations", "customers")),
    (_simulator, ("grid",)),
    (_fleet_charge, ("fleet",)),
    (_road_factor, ("congestion",)),
    (_flow_file, ("congestion", "roads")),
    (_microgrid_profiles, ("network", "profiles")),
    (_flow_profile, ("congestion", "profiles")),
    (_controller_name, ("controller",)),
    (_reward_credit, ("reward",)),
    (_commute, ("fleet", "clock")),
    (_tariff_profile, ("tariff", "profiles")),
    (_day_reward, ("reward", "fleet", "tariff")),
)
