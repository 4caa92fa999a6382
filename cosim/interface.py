"""The border between the co-simulation and who decides: agents see this file and, to plan, `cosim.planning`.

Every array has the replica as its first axis. R = replicas, I = EVs, H = stations, M = microgrids,
B = buses, E = directed roads, T = slots of an episode.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: A power share at most this large (absolute) means: no charger wanted.
SMALLEST_POWER_SHARE = 1e-3
#: Moves shorter than this mean: stay [km].
SMALLEST_MOVE_KM = 1e-6


class EvState(IntEnum):
    """What an EV is doing; one that holds a charger while others use up the limit still counts as (dis)charging."""

    PARKED = 0
    DRIVING = 1
    QUEUEING = 2
    CHARGING = 3
    DISCHARGING = 4
    AWAY = 5
    """It commutes, and is not at home."""


def can_decide(state: Ints) -> NDArray[np.bool_]:
    """Which EVs can be told where to go and what to do: those that neither drive nor are away.

    Args:
        state: What each is doing, numbers of `EvState`, any shape.
    """
    told: NDArray[np.bool_] = (state != int(EvState.DRIVING)) & (state != int(EvState.AWAY))
    return told


class Visibility:
    """Who may see a field: declared where the field is, so that sharing can be counted and checked."""

    RAW = "raw"
    """Private to one vehicle: its position, its energy, its plans."""
    DERIVED = "derived"
    """Computed from raw fields, meant to be shared."""
    PUBLIC = "public"
    """Published by stations, microgrids and roads."""


def _seen(visibility: str, about: str) -> Any:
    return field(metadata={"visibility": visibility, "about": about})


def _seen_at_times(visibility: str, about: str) -> Any:
    return field(default=None, metadata={"visibility": visibility, "about": about})


class Navigator(Protocol):
    """Distances and headings along the roads, with the traffic that is usual in the outage window.

    Places are given as in `Observation`: `edge` (directed road, -1 at a node), `node` (the node, or the end
    of the road), `offset_km` (driven on that road, 0 at a node). All three have the same shape S.
    """

    @property
    def station_distance_km(self) -> Floats:
        """Road distance from each station to each other one [km], shape [H, H]; inf where there is no way."""
        ...

    @property
    def station_travel_time_h(self) -> Floats:
        """Usual driving time from each station to each other one [h], shape [H, H]; inf where there is no way."""
        ...

    def distance_km(self, edge: Ints, node: Ints, offset_km: Floats) -> Floats:
        """Road distance from places to every station [km], shape S + [H]; inf where there is no way."""
        ...

    def travel_time_h(self, edge: Ints, node: Ints, offset_km: Floats) -> Floats:
        """Usual driving time from places to every station [h], shape S + [H]; inf where there is no way."""
        ...

    def aim(self, edge: Ints, node: Ints, offset_km: Floats, station: Ints) -> tuple[Floats, Floats]:
        """The move that brings EVs as near to their stations as one slot's kilometres allow.

        Args:
            edge: Directed road, -1 at a node, shape S.
            node: Node, or end of the road, shape S.
            offset_km: Driven on that road [km], shape S.
            station: Station to go to, shape S.

        Returns:
            Heading [rad] in [0, 2 pi) and straight distance [km], each of shape S; distance 0 at the station.
        """
        ...


@dataclass(frozen=True)
class DayRule:
    """What a day of EVs that commute is judged by; all of it is public.

    With net load x = load - renewable power to be had + power of the EVs, each EV earns in a slot

        - stability ((x - m) / s)^2 - fossil f / n + renewable u + satisfaction dq + revenue c / k,

    where f is power that is not renewable, u the share of renewable energy that is used, dq the gain in
    min(1, energy / `energy_needed_kwh`), and c what the EV is paid for energy, less what it pays.

    Attributes:
        stability: Weight of the squared distance of the net load from its mean.
        fossil: Weight of power that is not renewable.
        renewable: Weight of the share of renewable energy that is used.
        satisfaction: Weight of the gain in charge, up to what is needed.
        revenue: Weight of what an EV is paid, less what it pays.
        net_mean_kw: Mean net load of the expected day without EVs [kW], m.
        net_spread_kw: Its standard deviation [kW], s.
        fossil_mean_kw: Mean power that is not renewable of that day [kW], n.
        trade_most_cny: What the most that an EV can draw in a slot costs at the highest price [CNY], k.
        energy_needed_kwh: Energy that an EV should leave with [kWh].
        feed_in_share: What EVs are paid for energy that they feed in, share of the price.
    """

    stability: float
    fossil: float
    renewable: float
    satisfaction: float
    revenue: float
    net_mean_kw: float
    net_spread_kw: float
    fossil_mean_kw: float
    trade_most_cny: float
    energy_needed_kwh: float
    feed_in_share: float


@dataclass(frozen=True)
class FleetSpec:
    """What a controller knows before the first slot: the fleet, the stations, the map; no state.

    Attributes:
        slots: Slots of an episode, T.
        slot_h: Length of a slot [h].
        fleet_size: Number of EVs, I.
        battery_kwh: Capacity of each battery [kWh].
        energy_min_kwh: Energy that is never undershot [kWh].
        energy_max_kwh: Energy that is never exceeded [kWh].
        charge_kw: Charging power at share 1 [kW].
        discharge_kw: Discharging power at share -1 [kW].
        charge_efficiency: Energy stored per energy drawn.
        discharge_efficiency: Energy delivered per energy taken out.
        consumption_kwh_per_km: Energy for driving [kWh/km].
        max_move_km: Farthest straight distance of an action, and kilometres driven per slot [km].
        max_discharge_share: The lowest power share is minus this.
        area_km: Width and height of the map [km].
        station_name: Names of the stations.
        station_position_km: Positions of the stations [km], shape [H, 2].
        station_chargers: Chargers of each station, shape [H].
        station_microgrid: Microgrid that feeds each station, shape [H].
        station_share: Share of its microgrid's power that each station may use, shape [H].
        microgrid_name: Names of the microgrids.
        road_position_km: Middle of each directed road on the map [km], shape [E, 2].
        road_capacity_vph: Capacity of each directed road [vehicles/h], shape [E].
        navigator: Distances and headings along the roads.
        day: What a day of EVs that commute is judged by; None if they do not.
    """

    slots: int
    slot_h: float
    fleet_size: int
    battery_kwh: float
    energy_min_kwh: float
    energy_max_kwh: float
    charge_kw: float
    discharge_kw: float
    charge_efficiency: float
    discharge_efficiency: float
    consumption_kwh_per_km: float
    max_move_km: float
    max_discharge_share: float
    area_km: tuple[float, float]
    station_name: tuple[str, ...]
    station_position_km: Floats
    station_chargers: Ints
    station_microgrid: Ints
    station_share: Floats
    microgrid_name: tuple[str, ...]
    road_position_km: Floats
    road_capacity_vph: Floats
    navigator: Navigator
    day: DayRule | None = None


class RandomSource(Protocol):
    """Opens the controller's own random streams; the same for an episode whatever runs beside it."""

    def __call__(self, replica: int) -> np.random.Generator:
        """The controller's generator of a replica's episode; successive slots continue its stream."""
        ...


@dataclass(frozen=True)
class Observation:
    """What is known when a slot begins.

    Fields are arrays whose meaning, unit and shape stand in each field's `about`; `visibility` says who may
    see them. Forecasts count from the slot that begins (index 0) and are zero beyond the episode's end.
    """

    slot: int = _seen(Visibility.PUBLIC, "Number of the slot that begins, from 0.")
    episode: Ints = _seen(Visibility.PUBLIC, "[R] Number of the episode.")
    position_km: Floats = _seen(Visibility.RAW, "[R, I, 2] Position on the map [km].")
    edge: Ints = _seen(Visibility.RAW, "[R, I] Directed road that the EV is on, -1 at a node.")
    node: Ints = _seen(Visibility.RAW, "[R, I] Node, or the end of the road.")
    offset_km: Floats = _seen(Visibility.RAW, "[R, I] Driven on that road [km].")
    energy_kwh: Floats = _seen(Visibility.RAW, "[R, I] Energy in the battery [kWh].")
    station: Ints = _seen(Visibility.RAW, "[R, I] Station that the EV is at, -1 elsewhere.")
    destination: Ints = _seen(Visibility.RAW, "[R, I] Station that a driving EV goes to, -1 for none.")
    state: Ints = _seen(Visibility.RAW, "[R, I] What the EV is doing, see `EvState`.")
    queue_length: Ints = _seen(Visibility.PUBLIC, "[R, H] EVs waiting for a charger.")
    chargers_busy: Ints = _seen(Visibility.PUBLIC, "[R, H] Chargers in use.")
    road_flow_vph: Floats = _seen(Visibility.PUBLIC, "[R, E] Flow on each directed road [vehicles/h].")
    shed_kw: Floats = _seen(Visibility.PUBLIC, "[R, M] Load shed in the last slot [kW]; 0 in the first.")
    surplus_kw: Floats = _seen(Visibility.PUBLIC, "[R, M] Surplus in the last slot [kW]; 0 in the first.")
    station_limit_kw: Floats = _seen(
        Visibility.PUBLIC, "[R, H, 2] Charging and discharging limit of the coming slot [kW], both >= 0."
    )
    deficit_forecast_kw: Floats = _seen(
        Visibility.PUBLIC, "[R, M, T] Deficit beyond renewables and diesel, k slots from now [kW]."
    )
    surplus_forecast_kw: Floats = _seen(
        Visibility.PUBLIC, "[R, M, T] Power that EVs could draw, k slots from now [kW]."
    )
    random: RandomSource = _seen(Visibility.PUBLIC, "Random generator of a replica's episode.")
    departure_h: Floats | None = _seen_at_times(
        Visibility.RAW, "[R, I] Time until the EV leaves for the day [h], 0 once it has; None if EVs do not commute."
    )
    load_forecast_kw: Floats | None = _seen_at_times(
        Visibility.PUBLIC, "[R, T] Load of all microgrids, k slots from now [kW]; None without a tariff."
    )
    renewable_forecast_kw: Floats | None = _seen_at_times(
        Visibility.PUBLIC, "[R, T] Renewable power to be had in all of them [kW]; None without a tariff."
    )
    price_cny_per_kwh: Floats | None = _seen_at_times(
        Visibility.PUBLIC, "[R, T] Price of energy, k slots from now [CNY/kWh]; None without a tariff."
    )

    @property
    def replicas(self) -> int:
        """Number of replicas, R."""
        return int(self.episode.shape[0])


@dataclass(frozen=True)
class Action:
    """What every EV shall do in the slot that begins.

    A target is the point at (heading, straight distance) from the EV's position, snapped to the nearest road;
    a target within 1.1 km of a station (or half of `max_move_km`, if that is less) means that station; a
    distance of 0 means: stay.

    Args:
        heading_rad: Direction, counter-clockwise from east [rad], shape [R, I], in [0, 2 pi).
        distance_km: Straight distance [km], shape [R, I], in [0, max_move_km].
        power_share: Power at a station, shape [R, I], in [-max_discharge_share, 1]; > 0 charges.
    """

    heading_rad: Floats
    distance_km: Floats
    power_share: Floats

    @classmethod
    def stay(cls, replicas: int, fleet_size: int) -> Action:
        """Every EV stays where it is and wants no charger."""
        return cls(*(np.zeros((replicas, fleet_size)) for _ in range(3)))


class Controller(Protocol):
    """Decides for all EVs of all replicas.

    A class named in a scenario as `module:Class` is made as `Class(spec, **options)`, and `act` is called
    once per slot. Slot 0 begins new episodes: forget what belongs to the old ones.
    """

    def act(self, observation: Observation) -> Action:
        """Choose the actions of the slot that begins."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What a slot brought, for controllers that learn; fields' meanings stand in their `about`, as in `Observation`."""

    slot: int = _seen(Visibility.PUBLIC, "Number of the slot that has ended.")
    episode: Ints = _seen(Visibility.PUBLIC, "[R] Number of the episode.")
    shedding_reward: Floats = _seen(Visibility.DERIVED, "[R, I] Reward for load that is served.")
    cost_reward: Floats = _seen(Visibility.RAW, "[R, I] Reward for what the EV cost, <= 0.")
    penalty_reward: Floats = _seen(Visibility.RAW, "[R, I] Reward for a move that cannot be made, <= 0.")
    charged_kwh: Floats = _seen(Visibility.RAW, "[R, I] Energy drawn at chargers [kWh].")
    discharged_kwh: Floats = _seen(Visibility.RAW, "[R, I] Energy fed in at chargers [kWh].")
    driven_km: Floats = _seen(Visibility.RAW, "[R, I] Distance driven [km].")
    station: Ints = _seen(Visibility.RAW, "[R, I] Station at the slot's end, -1 elsewhere.")
    shed_kw: Floats = _seen(Visibility.PUBLIC, "[R, M] Load shed [kW].")
    reference_shed_kw: Floats = _seen(Visibility.PUBLIC, "[R, M] Load that would be shed without EVs [kW].")
    day_reward: Floats | None = _seen_at_times(
        Visibility.RAW, "[R, I] Reward of a day of EVs that commute, all terms; None without `form: v2g`."
    )
    net_load_kw: Floats | None = _seen_at_times(
        Visibility.PUBLIC, "[R] Load less renewable power to be had, with EVs [kW]; None without `form: v2g`."
    )

    @property
    def reward(self) -> Floats:
        """All terms together, shape [R, I]."""
        if self.day_reward is not None:
            return self.day_reward
        return self.shedding_reward + self.cost_reward + self.penalty_reward


@runtime_checkable
class LearningController(Controller, Protocol):
    """A controller that is told, after each slot, what the slot brought."""

    def learn(self, outcome: Outcome) -> None:
        """Take in what a slot brought; called before `act` of the next slot, and once more after the last one."""
        ...


@dataclass(frozen=True)
class TrainingRound:
    """What a round of training brought: episodes side by side, and the updates after them.

    Attributes:
        episodes: Episodes of training so far.
        validates: Whether it was one of validation.
        restoration: Mean load restoration ratio; None where EVs commute and nothing is restored.
        reward: Mean over EVs and episodes of the sum of an episode's credits.
        logged: Means of what the updates logged.
        variant: Variant of the scenario that it ran; empty if there is one only, `all` for a mean over all.
    """

    episodes: int
    validates: bool
    restoration: float | None
    reward: float
    logged: dict[str, float] = field(default_factory=dict)
    variant: str = ""

    @property
    def score(self) -> float:
        """What weights are selected by: what is restored, or else what is earned."""
        return self.reward if self.restoration is None else self.restoration

    @property
    def numbers(self) -> dict[str, float]:
        """All that it brought, by name."""
        restoration = {} if self.restoration is None else {"restoration": self.restoration}
        return {"reward": self.reward, **restoration, **self.logged}


@dataclass(frozen=True)
class Episodes:
    """What episodes side by side brought to a fleet that learns.

    Attributes:
        validates: Whether they were of validation.
        restoration: Mean load restoration ratio; None where EVs commute and nothing is restored.
        reward: Mean over EVs and episodes of the sum of an episode's credits.
        kept: What was seen, chosen and earned, by name, shape [R, T, ...]; of validation only what was earned.
    """

    validates: bool
    restoration: float | None
    reward: float
    kept: dict[str, NDArray[Any]] = field(repr=False)


ControllerFactory = Callable[..., Controller]


def fields_seen(kind: type[Observation | Outcome]) -> Sequence[tuple[str, str, str]]:
    """Name, visibility and meaning of each field of an observation or an outcome, in order."""
    return [(f.name, f.metadata["visibility"], f.metadata["about"]) for f in fields(kind)]
