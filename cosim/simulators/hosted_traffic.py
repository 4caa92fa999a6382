"""Our stations, EVs and roads as a simulator of mosaik that somebody else's scenario starts."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import Any

import mosaik_api_v3
import numpy as np

from cosim.errors import ControllerError, CosimError, CouplingError
from cosim.interface import Action, Floats
from cosim.loading import choices, load_as_typed, load_controller, permit
from cosim.records.schema import RoadSlots
from cosim.scenario.wording import shown, suggestion
from cosim.schedule import Schedule
from cosim.simulators.base import Child, Inputs, Ports
from cosim.simulators.controller import ControllerSimulator, check_action
from cosim.simulators.entities import READERS, entities
from cosim.simulators.grid import GridSimulator
from cosim.simulators.traffic import TrafficSimulator
from cosim.system import System
from cosim.traffic.accounts import TrafficSlot
from cosim.traffic.road_flow import RoadFlow
from cosim.traffic.travel_time import TravelTime
from cosim.units import KW_PER_MW

#: What may be fed from outside, in the order of a station's limits and of an action.
INPUTS = {
    "Station": ("charge_limit_mw", "discharge_limit_mw"),
    "EV": ("heading_rad", "distance_km", "power_share"),
}
#: Parameters that `world.start` takes.
PARAMETERS = ("scenario", "overrides", "controller", "episode", "episodes", "allow_code", "allow_remote")
#: A slot may miss a whole number of ticks by this share of it, for rounding.
TICK_ROUNDING = 1e-9
#: What `world.start` may permit, and the option of the command line that does so for a process of its own.
PERMISSIONS = {"allow_code": "--allow-code", "allow_remote": "--allow-remote"}

META = {
    "api_version": "3.0",
    "type": "time-based",
    "models": {
        "Traffic": {"public": True, "params": [], "attrs": ["p_mw", "episode", "slot"]},
        **{kind: {"public": False, "params": [], "attrs": list(names)} for kind, names in READERS.items()},
    },
}


class HostedTraffic(mosaik_api_v3.Simulator):
    """Stations, EVs and roads of a scenario, a slot per step; what is not fed from outside is as in `cosim run`.

    The scenario's controller decides for all EVs, and the scenario's microgrids run along: they say what stations may
    draw and feed in, and what a controller sees. Both can be overruled from outside, station by station and EV by EV.
    """

    def __init__(self) -> None:
        super().__init__(META)  # type: ignore[no-untyped-call]
        self._served: Mapping[str, Any] | None = None
        self._run: _Run | None = None

    def configure(self, args: Mapping[str, Any]) -> None:
        """Take the options of the command line of a process of its own."""
        self._served = args

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        scenario: str | Path = "",
        overrides: list[str] | tuple[str, ...] = (),
        controller: str | None = None,
        episode: int = 0,
        episodes: int = 1,
        allow_code: bool = False,
        allow_remote: bool = False,
        **unknown: Any,
    ) -> Any:
        """Load the scenario, and begin its first episode.

        Args:
            sid: Name of the simulator in mosaik's scenario.
            time_resolution: Length of a tick [s]; a slot must be a whole number of them.
            scenario: The scenario file.
            overrides: Assignments such as `fleet.size=40`.
            controller: Who decides for EVs; default: the scenario's.
            episode: Number of the first episode.
            episodes: Number of episodes, one after the other.
            allow_code: Whether a controller or an engine from outside may be loaded. In a process of its own, the
                option `--allow-code` says so instead.
            allow_remote: Whether a power flow on another machine may be connected to; likewise.
            unknown: Other parameters, which are mistakes.

        Raises:
            CosimError: If the scenario or a parameter is wrong.
        """
        for name in unknown:
            raise CouplingError(f"there is no parameter {shown(name)}; {suggestion(name, PARAMETERS)}")
        _check_text("scenario", scenario)
        if controller is not None:
            _check_text("controller", controller)
        if not isinstance(overrides, list | tuple) or not all(isinstance(one, str) for one in overrides):
            raise CouplingError(f"overrides must be a list of texts such as 'fleet.size=40', got {shown(overrides)}")
        first, count = _whole("episode", episode, 0), _whole("episodes", episodes, 1)
        permitted = self._permissions({"allow_code": allow_code, "allow_remote": allow_remote})
        typed = [(choice, f"controller={controller}") for choice in choices(controller=controller)]
        typed += [(override, f"overrides: {override}") for override in overrides]
        system = permit(load_as_typed(scenario, typed), **permitted)
        ticks = _ticks(system.clock.slot_s, time_resolution)
        schedule = Schedule(tuple(range(first, first + count)), 1, system.clock.slots)
        self._run = _Run(system, schedule, ticks, allow_code=permitted["allow_code"])
        return self.meta

    def create(self, num: int, model: str, **model_params: Any) -> list[Any]:
        """Make the one entity `Traffic`, and its children."""
        if num != 1 or self._begun.created:
            raise CouplingError("there is one Traffic in each simulator; start another simulator for another one")
        self._begun.created = True
        return [{"eid": "Traffic", "type": "Traffic", "children": self._begun.described()}]

    def step(self, time: int, inputs: Inputs, max_advance: int) -> int:
        """Go through the slot that begins at a time."""
        self._begun.step(time, inputs)
        return time + self._begun.ticks

    def get_data(self, outputs: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
        """Hand out numbers of the slot that was stepped."""
        return {eid: {name: self._begun.read(eid, name) for name in names} for eid, names in outputs.items()}

    def finalize(self) -> None:
        """Let go of a power flow that the scenario has from elsewhere."""
        if self._run is not None:
            self._run.close()

    @property
    def _begun(self) -> _Run:
        if self._run is None:
            raise CouplingError("init must be called first")
        return self._run

    def _permissions(self, asked: Mapping[str, Any]) -> dict[str, bool]:
        """What is allowed: by who starts this in his own process, or by the command line of a process of its own."""
        for name, value in asked.items():
            if not isinstance(value, bool):
                raise CouplingError(f"{name} must be true or false, got {shown(value)}")
            # Whoever reaches a port may not run code on the machine behind it.
            if value and self._served is not None and not self._served[PERMISSIONS[name]]:
                raise CouplingError(f"{name} is for the process's command line: add {PERMISSIONS[name]} there")
        if self._served is None:
            return dict(asked)
        return {name: bool(self._served[option]) for name, option in PERMISSIONS.items()}


class _Run:
    """The simulators of a World, stepped in its order, where values from outside may take the place of theirs.

    Args:
        system: The scenario, built.
        schedule: Which episodes run when.
        ticks: Ticks of a slot.
        allow_code: Whether a controller from outside may be loaded.

    Attributes:
        ticks: Ticks of a slot.
        created: Whether its entities are made.
    """

    def __init__(self, system: System, schedule: Schedule, ticks: int, *, allow_code: bool) -> None:
        self.ticks = ticks
        self.created = False
        self._system = system
        self._schedule = schedule
        who = load_controller(system, allow_code=allow_code)
        self._controller = ControllerSimulator(who, system.spec, system.scenario.seed, schedule, system.reward_model())
        self._traffic = TrafficSimulator(system, schedule, keep_trips=True)
        self._grid = GridSimulator(system, schedule, lambda _: None)
        self._road_flow = RoadFlow(TravelTime(system.roads), system.scenario.congestion.ev_flow_vph)
        self._children: dict[str, Child] = {
            **entities(system, "Station", len(system.spec.station_name)),
            **entities(system, "EV", system.spec.fleet_size),
            **entities(system, "Road", system.roads.roads),
        }
        self._state, self._outlook = self._traffic.first_ports()["state"], self._grid.first_ports()["outlook"]
        self._ports: dict[str, Any] = {}

    def close(self) -> None:
        """Let go of a power flow from elsewhere."""
        self._grid.close()

    def described(self) -> list[dict[str, Any]]:
        """The children as mosaik wants to know them, each with what does not change about it."""
        spec, roads = self._system.spec, self._system.roads
        about = {
            "Station": [
                {"name": section.name, "bus": section.bus, "chargers": chargers}
                for section, chargers in zip(
                    self._system.scenario.stations, spec.station_chargers.tolist(), strict=True
                )
            ],
            "EV": [{"battery_kwh": spec.battery_kwh}] * spec.fleet_size,
            "Road": [
                {"from_node": tail, "to_node": head, "length_km": length_km, "capacity_vph": capacity_vph}
                for tail, head, length_km, capacity_vph in zip(
                    roads.node_number[roads.tail].tolist(),
                    roads.node_number[roads.head].tolist(),
                    roads.length_km.tolist(),
                    roads.capacity_vph.tolist(),
                    strict=True,
                )
            ],
        }
        names = ((eid, *eid.split("-")) for eid in self._children)
        return [{"eid": eid, "type": kind, "extra_info": about[kind][int(number)]} for eid, kind, number in names]

    def step(self, time: int, inputs: Inputs) -> None:
        """Go through one slot.

        Args:
            time: Tick at which it begins.
            inputs: What is fed from outside, by entity, attribute and sender.
        """
        tick = time // self.ticks
        if tick == self._schedule.ticks:
            last = self._schedule.episodes[-1]
            raise CouplingError(
                f"episode {last}, the last one, ends at tick {time}; run until then, or start with more episodes"
            )
        _check_inputs(inputs)
        # 1. Limits, and what is seen with them.
        limit_kw = self._limits(inputs)
        outlook = replace(self._outlook, station_limit_kw=limit_kw)
        # 2. Who decides.
        self._controller.advance(tick, {**self._seen_last(), "state": self._state, "outlook": outlook})
        action = self._overruled(tick, self._controller.ports["action"], inputs)
        # 3. What happens on the roads and at the stations.
        self._traffic.advance(tick, {"action": action, "station_limit_kw": limit_kw})
        # 4. What the scenario's microgrids make of it, as far as they allow it.
        self._grid.advance(tick, {"station_power_kw": self._allowed(self._traffic.ports["station_power_kw"], limit_kw)})
        self._state, self._outlook = self._traffic.ports["state"], self._grid.ports["outlook"]
        self._ports = {
            **self._traffic.ports,
            "roads": _Roads(self._road_flow, self._traffic.ports["record"]),
            "p_mw": float(self._traffic.ports["station_power_kw"].sum()) / KW_PER_MW,
            "episode": self._schedule.batch_at(tick)[0],
            "slot": self._schedule.slot(tick),
        }
        if self._controller.learns and tick + 1 == self._schedule.ticks:
            self._controller.learn(tick, self._traffic.ports["record"][-1], self._grid.ports["record"][-1])

    def read(self, eid: str, name: str) -> Any:
        """The value of an attribute."""
        return self._ports[name] if eid == "Traffic" else self._children[eid][name](self._ports)

    def _seen_last(self) -> Ports:
        """What happened in the last slot, for a controller that learns; nothing before the first."""
        if not self._ports or not self._controller.learns:
            return {}
        return {"traffic": self._traffic.ports["record"], "grid": self._grid.ports["record"]}

    def _limits(self, inputs: Inputs) -> Floats:
        """Limits of the slot [kW], shape [1, H, 2]: those of the microgrids where none are fed."""
        limit_kw: Floats = self._outlook.station_limit_kw.copy()
        for eid, name, numbers in _fed(inputs, "Station"):
            for sender, value in numbers.items():
                if value < 0.0:
                    raise CouplingError(f"{eid}.{name} from {sender} must be at least 0, got {value:g}")
            limit_kw[0, _number(eid), INPUTS["Station"].index(name)] = min(numbers.values()) * KW_PER_MW
        return limit_kw

    def _allowed(self, power_kw: Floats, limit_kw: Floats) -> Floats:
        """Of the stations' power [kW] what the microgrids allow, shape [1, H]; what is beyond is of another grid.

        Microgrids that nobody asked would otherwise end the run, where they find no way to carry it.
        """
        own_kw = self._outlook.station_limit_kw
        overruled = (limit_kw != own_kw).any(axis=-1)
        allowed: Floats = np.where(overruled, np.clip(power_kw, -own_kw[..., 1], own_kw[..., 0]), power_kw)
        return allowed

    def _overruled(self, tick: int, action: Floats, inputs: Inputs) -> Floats:
        """The actions of the slot, shape [1, I, 3]: those of the controller where none are fed."""
        given = action.copy()
        for eid, name, numbers in _fed(inputs, "EV"):
            if len(numbers) > 1:
                raise ControllerError(f"{eid}.{name} is fed by {' and '.join(sorted(numbers))}; one must decide")
            (given[0, _number(eid), INPUTS["EV"].index(name)],) = numbers.values()
        episodes, slot = self._schedule.batch_at(tick), self._schedule.slot(tick)
        return check_action(Action(*np.moveaxis(given, -1, 0)), self._system.spec, episodes, slot)


class _Roads:
    """Flow on the roads in the slots so far, worked out where somebody asks for it."""

    def __init__(self, flow: RoadFlow, record: list[TrafficSlot]) -> None:
        self._flow = flow
        self._record = record

    @cached_property
    def slots(self) -> RoadSlots:
        """Flow and travel time, shape [T, 1, E]."""
        return self._flow.of(TrafficSlot.together(self._record))


def _check_inputs(inputs: Inputs) -> None:
    """Make sure that nothing is fed where nobody reads it."""
    for eid, by_name in inputs.items():
        known = INPUTS.get(eid.partition("-")[0], ())
        for name in by_name:
            if name not in known:
                takes = f"takes {', '.join(known)}" if known else "takes nothing"
                raise CouplingError(f"{eid}.{name} is no input; {eid} {takes}")


def _fed(inputs: Inputs, kind: str) -> list[tuple[str, str, dict[str, float]]]:
    """Entity, attribute and numbers by sender of what is fed to a kind; null is as if nobody fed it."""
    found = []
    for eid, by_name in inputs.items():
        if eid.startswith(f"{kind}-"):
            for name, by_sender in by_name.items():
                numbers = {
                    sender: _finite(f"{eid}.{name} from {sender}", value)
                    for sender, value in by_sender.items()
                    if value is not None
                }
                if numbers:
                    found.append((eid, name, numbers))
    return found


def _finite(what: str, value: Any) -> float:
    try:
        number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise CouplingError(f"{what} must be a finite number, got {shown(value)}")
    return number


def _number(eid: str) -> int:
    return int(eid.partition("-")[2])


def _ticks(slot_s: int, time_resolution: Any) -> int:
    """Ticks of a slot."""
    resolution_s = _finite("time_resolution", time_resolution)
    ticks = round(slot_s / resolution_s) if resolution_s > 0.0 else 0
    if ticks < 1 or abs(ticks * resolution_s - slot_s) > slot_s * TICK_ROUNDING:
        raise CouplingError(
            f"a slot of {slot_s} s must be a whole number of mosaik's ticks; time_resolution is {resolution_s:g} s"
        )
    return ticks


def _check_text(name: str, value: Any) -> None:
    if not isinstance(value, str | Path) or not str(value):
        raise CouplingError(f"{name} must be given as text, got {shown(value)}")


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise CouplingError(f"{name} must be a whole number, at least {least}, got {shown(value)}")
    return value


def main() -> None:
    """Serve a World of somebody else until it ends."""
    options = [
        "--allow-code    Let a controller or an engine from outside be loaded",
        "--allow-remote  Let a power flow on another machine be connected to",
    ]
    try:
        code = mosaik_api_v3.start_simulation(HostedTraffic(), "EVs, roads and stations.", options)
    except CosimError as error:
        sys.exit(f"cosim.simulators.traffic: {error}")
    sys.exit(code)
