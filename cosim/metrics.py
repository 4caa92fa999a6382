"""From records to numbers: pure functions, one per metric, each giving one value per episode.

docs/reference/metrics.md has the formulas in prose. A value that an episode does not have (a restoration ratio
where nothing would have been shed) is NaN here, left out of means, and null in JSON.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cosim.interface import Floats
from cosim.records.table import Records
from cosim.reward import COUNTED_KWH, jain_fairness
from cosim.seeding import EVERY_EPISODE, stream
from cosim.units import hours

#: Resamples of the bootstrap, and the share of them that an interval holds.
RESAMPLES = 2000
COVERAGE = 0.95
RESAMPLED_AT_ONCE = 2**18

#: What became of customers, see the table `customers`.
_SERVED, _TURNED_AWAY = 1, (2, 3)

UNSERVED_REASONS = ("dark", "power", "energy", "voltage", "line")
COST_PARTS = ("dg", "shedding", "ess", "curtailment", "supply")


@dataclass(frozen=True)
class MetricContext:
    """What metrics need beside the records.

    Attributes:
        slot_h: Length of a slot [h].
        slots: Slots of an episode.
        chargers: Chargers of each station.
        consumption_kwh_per_km: Energy for driving [kWh/km].
        customers: Whether anybody but the fleet comes to the stations.
        critical: Whether any load is critical.
        energy_needed_kwh: Energy that EVs that commute should leave with [kWh]; None if they do not.
        tariff: Whether energy has a price.
    """

    slot_h: float
    slots: int
    chargers: Sequence[int]
    consumption_kwh_per_km: float
    customers: bool = False
    critical: bool = False
    energy_needed_kwh: float | None = None
    tariff: bool = False

    @property
    def metrics(self) -> Mapping[str, tuple[Callable[[Records, MetricContext], Floats], str]]:
        """The metrics that a scenario has."""
        of_customers = CUSTOMER_METRICS if self.customers else {}
        of_day = {} if self.energy_needed_kwh is None else DAY_METRICS
        of_tariff = TARIFF_METRICS if self.tariff else {}
        return {**METRICS, **(CRITICAL_METRICS if self.critical else {}), **of_customers, **of_day, **of_tariff}


def shed_kwh(records: Records, context: MetricContext, table: str) -> Floats:
    """Load not served per episode and microgrid [kWh], shape [episodes, M]; table with or without EVs."""
    return _energy_kwh(records, context, table, "shed_kw")


def curtailed_kwh(records: Records, context: MetricContext, table: str) -> Floats:
    """Renewable energy not used per episode and microgrid [kWh], shape [episodes, M]."""
    return _energy_kwh(records, context, table, "curtailed_kw")


def costs_cny(records: Records, table: str) -> dict[str, Floats]:
    """Cost of the microgrids by part [CNY], each of shape [episodes]."""
    return {part: records[table].total(f"{part}_cny") for part in COST_PARTS}


def ev_cost_cny(records: Records) -> Floats:
    """Dispatch cost of all EVs [CNY], shape [episodes]."""
    evs = records["ev_slots"]
    return evs.total("battery_cny") + evs.total("distance_cny") + evs.total("time_cny")


def load_restoration_ratio(records: Records, context: MetricContext) -> Floats:
    """Load restored over load shed without EVs; undefined where nothing would be shed."""
    reference_kwh = shed_kwh(records, context, "reference_slots").sum(axis=1)
    restored_kwh = reference_kwh - shed_kwh(records, context, "microgrid_slots").sum(axis=1)
    return _ratio(restored_kwh, reference_kwh)


def restoration_fairness(records: Records, context: MetricContext) -> Floats:
    """Jain's index over the restored shares; undefined where no microgrid would shed more than 1 kWh."""
    reference_kwh = shed_kwh(records, context, "reference_slots")
    restored_kwh = reference_kwh - shed_kwh(records, context, "microgrid_slots")
    counted = (reference_kwh > COUNTED_KWH).any(axis=1)
    return np.where(counted, jain_fairness(restored_kwh, reference_kwh), np.nan)


def critical_restoration_ratio(records: Records, context: MetricContext) -> Floats:
    """Critical load restored over critical load shed without EVs; undefined where none would be shed."""
    reference, shed = (
        _energy_kwh(records, context, table, "critical_shed_kw").sum(axis=1)
        for table in ("reference_slots", "microgrid_slots")
    )
    return _ratio(reference - shed, reference)


def unserved_kwh(records: Records, context: MetricContext, table: str) -> dict[str, Floats]:
    """Load not served, by reason [kWh], each of shape [episodes]."""
    return {
        reason: _energy_kwh(records, context, table, f"unserved_{reason}_kw").sum(axis=1) for reason in UNSERVED_REASONS
    }


def energy_consumption_ratio(records: Records, context: MetricContext) -> Floats:
    """Energy that EVs drove away over the energy that they began with."""
    evs = records["ev_slots"]
    driven_kwh = evs.total("driven_km") * context.consumption_kwh_per_km
    return _ratio(driven_kwh, evs.cube("energy_start_kwh")[:, 0].sum(axis=1))


def saving_ratio(records: Records, context: MetricContext) -> Floats:
    """Share of the microgrids' cost without EVs that EVs save."""
    without_cny = sum(costs_cny(records, "reference_slots").values())
    with_cny = sum(costs_cny(records, "microgrid_slots").values())
    return 1.0 - _ratio(np.asarray(with_cny), np.asarray(without_cny))


def saving_ratio_with_ev_cost(records: Records, context: MetricContext) -> Floats:
    """The same, with the EVs' dispatch cost counted."""
    without_cny = sum(costs_cny(records, "reference_slots").values())
    with_cny = sum(costs_cny(records, "microgrid_slots").values()) + ev_cost_cny(records)
    return 1.0 - _ratio(np.asarray(with_cny), np.asarray(without_cny))


def waiting_time_mean_h(records: Records, context: MetricContext) -> Floats:
    """Mean time from asking for a charger to getting it [h]; undefined where nobody asked."""
    return np.array([waits_h.mean() if len(waits_h) else np.nan for waits_h in request_waits_h(records, context)])


def waiting_time_p95_h(records: Records, context: MetricContext) -> Floats:
    """95th percentile of that time over an episode's requests [h]; undefined where nobody asked."""
    return np.array(
        [_quantile(waits_h, 0.95) if len(waits_h) else np.nan for waits_h in request_waits_h(records, context)]
    )


def customers_served(records: Records, context: MetricContext) -> Floats:
    """Customers who left with what they wanted."""
    return np.array([np.count_nonzero(outcome == _SERVED) for outcome in _of_customers(records, "outcome")], float)


def customers_lost_share(records: Records, context: MetricContext) -> Floats:
    """Share of customers who went on, found no place to wait, or lost their patience; undefined where nobody came."""
    return np.array(
        [(outcome > _SERVED).mean() if len(outcome) else np.nan for outcome in _of_customers(records, "outcome")]
    )


def customer_waiting_time_mean_h(records: Records, context: MetricContext) -> Floats:
    """Mean time in the queue of customers who were not turned away [h]; undefined where there are none."""
    return np.array([waits_h.mean() if len(waits_h) else np.nan for waits_h in customer_waits_h(records)])


def customer_waiting_time_p90_h(records: Records, context: MetricContext) -> Floats:
    """90th percentile of that time [h]; undefined where there are none."""
    return np.array([_quantile(waits_h, 0.9) if len(waits_h) else np.nan for waits_h in customer_waits_h(records)])


def customer_energy_kwh(records: Records, context: MetricContext) -> Floats:
    """Energy that customers drew [kWh]."""
    return records["station_slots"].total("customers_kwh")


def charger_utilisation(records: Records, context: MetricContext) -> Floats:
    """Share of charger-hours in use."""
    busy = records["station_slots"].total("busy_mean")
    utilisation: Floats = busy / (sum(context.chargers) * context.slots)
    return utilisation


def voltage_min_pu(records: Records, context: MetricContext) -> Floats:
    """Lowest voltage of an episode, of buses that are not dark [p.u.]; undefined where all are."""
    vm_pu = records["bus_slots"].cube("vm_pu")
    lowest = np.min(vm_pu, axis=(1, 2), where=vm_pu > 0.0, initial=np.inf)
    return np.where(np.isfinite(lowest), lowest, np.nan)


def voltage_max_pu(records: Records, context: MetricContext) -> Floats:
    """Highest voltage of an episode [p.u.]."""
    highest: Floats = records["bus_slots"].cube("vm_pu").max(axis=(1, 2))
    return highest


def net_load_std_kw(records: Records, context: MetricContext) -> Floats:
    """Standard deviation of the net load, load and EVs less renewable power to be had, over an episode [kW]."""
    spread_kw: Floats = net_load_kw(records).std(axis=1)
    return spread_kw


def net_load_peak_ratio(records: Records, context: MetricContext) -> Floats:
    """Highest net load over its mean; undefined where the mean is not above zero."""
    net_kw = net_load_kw(records)
    return _ratio(net_kw.max(axis=1), net_kw.mean(axis=1))


def net_load_ramp_kw(records: Records, context: MetricContext) -> Floats:
    """Mean change of the net load from slot to slot, without its sign [kW]."""
    ramp_kw: Floats = np.abs(np.diff(net_load_kw(records), axis=1)).mean(axis=1)
    return ramp_kw


def renewable_utilisation(records: Records, context: MetricContext) -> Floats:
    """Renewable energy used over that which was to be had; undefined where there was none."""
    slots = records["microgrid_slots"]
    used, available = slots.total("pv_kw") + slots.total("wt_kw"), _renewable_kw(records).sum(axis=1)
    return _ratio(used, available)


def fossil_kwh(records: Records, context: MetricContext) -> Floats:
    """Energy from the utility and from diesel [kWh]."""
    slots = records["microgrid_slots"]
    return (slots.total("supply_kw") + slots.total("dg_kw")) * context.slot_h


def satisfaction(records: Records, context: MetricContext) -> Floats:
    """Mean over EVs of min(1, energy at departure over energy needed); who is there at the end leaves then."""
    if context.energy_needed_kwh is None:
        raise ValueError("EVs that do not commute need no energy to leave with")
    left_kwh = records["ev_slots"].cube("energy_end_kwh")[:, -1]
    satisfied: Floats = np.minimum(left_kwh / context.energy_needed_kwh, 1.0)
    return _ratio(satisfied.sum(axis=1), np.full(len(satisfied), float(satisfied.shape[1])))


def energy_cost_cny(records: Records, context: MetricContext) -> Floats:
    """What all EVs pay for energy by the tariff, less what they are paid [CNY]."""
    return records["ev_slots"].total("energy_cny")


def net_load_kw(records: Records) -> Floats:
    """Load and EVs less renewable power to be had, of all microgrids [kW], shape [episodes, T]."""
    slots = records["microgrid_slots"]
    net_kw: Floats = (slots.cube("load_kw") + slots.cube("ev_kw")).sum(axis=2) - _renewable_kw(records)
    return net_kw


def _renewable_kw(records: Records) -> Floats:
    """Renewable power to be had in all microgrids [kW], shape [episodes, T]."""
    slots = records["microgrid_slots"]
    renewable_kw: Floats = (slots.cube("pv_available_kw") + slots.cube("wt_available_kw")).sum(axis=2)
    return renewable_kw


#: Metrics by name, with their units; the order is that of reports.
METRICS: Mapping[str, tuple[Callable[[Records, MetricContext], Floats], str]] = {
    "load_restoration_ratio": (load_restoration_ratio, "1"),
    "restoration_fairness": (restoration_fairness, "1"),
    "energy_consumption_ratio": (energy_consumption_ratio, "1"),
    "saving_ratio": (saving_ratio, "1"),
    "saving_ratio_with_ev_cost": (saving_ratio_with_ev_cost, "1"),
    "waiting_time_mean_h": (waiting_time_mean_h, "h"),
    "waiting_time_p95_h": (waiting_time_p95_h, "h"),
    "charger_utilisation": (charger_utilisation, "1"),
    "voltage_min_pu": (voltage_min_pu, "p.u."),
    "voltage_max_pu": (voltage_max_pu, "p.u."),
}


#: Metrics of scenarios with customers, likewise.
CUSTOMER_METRICS: Mapping[str, tuple[Callable[[Records, MetricContext], Floats], str]] = {
    "customers_served": (customers_served, "1"),
    "customers_lost_share": (customers_lost_share, "1"),
    "customer_waiting_time_mean_h": (customer_waiting_time_mean_h, "h"),
    "customer_waiting_time_p90_h": (customer_waiting_time_p90_h, "h"),
    "customer_energy_kwh": (customer_energy_kwh, "kWh"),
}
#: Metrics of scenarios with critical load, likewise.
CRITICAL_METRICS: Mapping[str, tuple[Callable[[Records, MetricContext], Floats], str]] = {
    "critical_restoration_ratio": (critical_restoration_ratio, "1"),
}
#: Metrics of scenarios whose EVs commute, likewise.
DAY_METRICS: Mapping[str, tuple[Callable[[Records, MetricContext], Floats], str]] = {
    "net_load_std_kw": (net_load_std_kw, "kW"),
    "net_load_peak_ratio": (net_load_peak_ratio, "1"),
    "net_load_ramp_kw": (net_load_ramp_kw, "kW"),
    "renewable_utilisation": (renewable_utilisation, "1"),
    "fossil_kwh": (fossil_kwh, "kWh"),
    "satisfaction": (satisfaction, "1"),
}
#: Metrics of scenarios in which energy has a price, likewise.
TARIFF_METRICS: Mapping[str, tuple[Callable[[Records, MetricContext], Floats], str]] = {
    "energy_cost_cny": (energy_cost_cny, "CNY"),
}
ALL_METRICS = {**METRICS, **CRITICAL_METRICS, **CUSTOMER_METRICS, **DAY_METRICS, **TARIFF_METRICS}


@dataclass(frozen=True)
class Estimate:
    """A mean over episodes with its interval.

    Attributes:
        mean: The mean; None if no episode has a value.
        low: Lower end of the 95 % interval; None for fewer than two values.
        high: Upper end.
        unit: Unit.
    """

    mean: float | None
    low: float | None
    high: float | None
    unit: str


@dataclass
class EpisodeTotals:
    """What a run keeps of each episode once its records are gone: few numbers, since there may be many episodes.

    Attributes:
        episode: Numbers of the episodes.
        metric: Values of each metric, one per episode.
        shed_kwh: Load not served by table, an array per batch, shape [episodes, M].
        curtailed_kwh: Renewable energy not used, likewise.
        cost_cny: Cost by table and part, one value per episode.
        unserved_kwh: Load not served by table and reason, one value per episode.
        ev_cny: Dispatch cost of the EVs, one value per episode.
        losses_cny: Cost of the losses, one value per episode.
        flags: Slots times microgrids with each flag.
        slack_over_kw: Most that a slack unit was beyond its active limit.
    """

    episode: array[int] = field(default_factory=lambda: array("q"))
    metric: dict[str, array[float]] = field(default_factory=lambda: {name: _floats() for name in METRICS})
    shed_kwh: dict[str, list[Floats]] = field(default_factory=dict)
    curtailed_kwh: dict[str, list[Floats]] = field(default_factory=dict)
    cost_cny: dict[str, dict[str, array[float]]] = field(default_factory=dict)
    unserved_kwh: dict[str, dict[str, array[float]]] = field(default_factory=dict)
    ev_cny: array[float] = field(default_factory=lambda: _floats())
    losses_cny: array[float] = field(default_factory=lambda: _floats())
    flags: dict[str, int] = field(default_factory=dict)
    slack_over_kw: float = 0.0

    def add(self, episodes: Sequence[int], records: Records, context: MetricContext) -> None:
        """Add a batch of episodes."""
        self.episode.extend(episodes)
        for name, (metric, _) in context.metrics.items():
            self.metric.setdefault(name, _floats()).extend(metric(records, context).tolist())
        for table in ("reference_slots", "microgrid_slots"):
            self.shed_kwh.setdefault(table, []).append(shed_kwh(records, context, table))
            self.curtailed_kwh.setdefault(table, []).append(curtailed_kwh(records, context, table))
            parts = self.cost_cny.setdefault(table, {part: _floats() for part in COST_PARTS})
            for part, cny in costs_cny(records, table).items():
                parts[part].extend(cny.tolist())
            reasons = self.unserved_kwh.setdefault(table, {reason: _floats() for reason in UNSERVED_REASONS})
            for reason, kwh in unserved_kwh(records, context, table).items():
                reasons[reason].extend(kwh.tolist())
        self.ev_cny.extend(ev_cost_cny(records).tolist())
        slots = records["microgrid_slots"]
        self.losses_cny.extend(slots.total("losses_cny").tolist())
        self.slack_over_kw = max(self.slack_over_kw, float(slots.cube("slack_over_kw").max(initial=0.0)))
        for flag in ("redispatched", "voltage_violated", "line_overloaded", "slack_beyond_limit"):
            self.flags[flag] = self.flags.get(flag, 0) + int(slots.cube(flag).sum())

    def estimates(self, seed: int) -> dict[str, Estimate]:
        """Means of all metrics with their intervals.

        Args:
            seed: The scenario's seed, for the bootstrap.
        """
        found: dict[str, Estimate] = {}
        for name, (_, unit) in ALL_METRICS.items():
            if name not in self.metric:
                continue
            values = np.array(self.metric[name])
            found[name] = estimate(values[~np.isnan(values)], unit, seed)
            if name == "load_restoration_ratio":
                found[f"{name}_pooled"] = self._pooled_ratio(seed)
        return found

    @property
    def episodes_without_shedding(self) -> int:
        """Episodes in which nothing would be shed without EVs."""
        return int(np.isnan(self.metric["load_restoration_ratio"]).sum())

    def _pooled_ratio(self, seed: int) -> Estimate:
        """Ratio of the sums over episodes, its interval from resampled episodes."""
        reference = np.concatenate(self.shed_kwh["reference_slots"]).sum(axis=1)
        restored = reference - np.concatenate(self.shed_kwh["microgrid_slots"]).sum(axis=1)
        if reference.sum() <= 0.0:
            return Estimate(None, None, None, "1")
        mean = float(restored.sum() / reference.sum())
        if np.count_nonzero(reference > 0.0) < 2:
            return Estimate(mean, None, None, "1")
        sums = _resampled_sums(np.stack([restored, reference], axis=1), seed)
        # A resample of nothing but episodes without shedding has no ratio.
        ratios = _ratio(sums[:, 0], sums[:, 1])
        return Estimate(mean, *interval(ratios[~np.isnan(ratios)]), "1")


def _floats() -> array[float]:
    return array("d")


def estimate(values: Floats, unit: str, seed: int) -> Estimate:
    """Mean of values with a 95 % bootstrap interval.

    Args:
        values: One value per episode, none of them NaN.
        unit: Unit of the values.
        seed: Seed of the resampling.
    """
    if len(values) == 0:
        return Estimate(None, None, None, unit)
    mean = float(values.mean())
    if len(values) == 1:
        return Estimate(mean, None, None, unit)
    means = _resampled_sums(values[:, None], seed)[:, 0] / len(values)
    return Estimate(mean, *interval(means), unit)


def _resampled_sums(values: Floats, seed: int) -> Floats:
    """Sums over episodes drawn with replacement; values of shape [n, K] give sums of shape [RESAMPLES, K]."""
    generator = stream(seed, EVERY_EPISODE, "metrics.bootstrap")
    # As many resamples at once as fit into a few megabytes.
    at_once = max(1, RESAMPLED_AT_ONCE // len(values))
    sums = []
    for first in range(0, RESAMPLES, at_once):
        drawn = generator.integers(0, len(values), (min(at_once, RESAMPLES - first), len(values)))
        sums.append(values[drawn].sum(axis=1))
    return np.concatenate(sums)


def interval(resampled: Floats) -> tuple[float, float]:
    """The interval that holds 95 % of resampled values, as much of the rest below it as above.

    Args:
        resampled: One value per resample, none of them NaN.
    """
    low, high = np.quantile(resampled, [(1.0 - COVERAGE) / 2.0, (1.0 + COVERAGE) / 2.0])
    return float(low), float(high)


def _energy_kwh(records: Records, context: MetricContext, table: str, column: str) -> Floats:
    energy: Floats = records[table].sum_of_slots(column) * context.slot_h
    return energy


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Part over whole; NaN where the whole is zero."""
    defined = whole > 0.0
    return np.where(defined, part / np.where(defined, whole, 1.0), np.nan)


def _quantile(values: Floats, share: float) -> float:
    """The value below which a share of some values lies, linear between two: `numpy.quantile`, but quick for few."""
    ordered, place = np.sort(values), share * (len(values) - 1)
    below = int(place)
    low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    return float(low + (high - low) * (place - below))


def _of_customers(records: Records, column: str) -> list[Floats]:
    """A column of the table of customers, episode by episode."""
    slots, customers = records["microgrid_slots"], records["customers"]
    if slots.shape is None:
        return []
    episodes = np.asarray(slots.columns["episode"]).reshape(slots.shape)[:, 0, 0]
    of_episode, values = np.asarray(customers.columns["episode"]), np.asarray(customers.columns[column])
    return [values[of_episode == episode] for episode in episodes]


def customer_waits_h(records: Records) -> list[Floats]:
    """Waiting times of each episode's customers who were not turned away [h]."""
    pairs = zip(_of_customers(records, "waited_s"), _of_customers(records, "outcome"), strict=True)
    return [hours(1.0) * waited_s[~np.isin(outcome, _TURNED_AWAY)] for waited_s, outcome in pairs]


def request_waits_h(records: Records, context: MetricContext) -> list[Floats]:
    """Waiting times of each episode's requests [h]."""
    visits, slots = records["visits"], records["microgrid_slots"]
    if slots.shape is None:
        return []
    episodes = np.asarray(slots.columns["episode"]).reshape(slots.shape)[:, 0, 0]
    end_s = context.slots * context.slot_h / hours(1.0)
    request_s = np.asarray(visits.columns["request_s"])
    # Who never got a charger waited until it gave up, or until the episode's end.
    waited_until_s = np.asarray(visits.columns["plug_in_s"])
    for fallback in (np.asarray(visits.columns["plug_out_s"]), end_s):
        waited_until_s = np.where(np.isnan(waited_until_s), fallback, waited_until_s)
    asked = ~np.isnan(request_s)
    wait_h = ((waited_until_s - request_s) * hours(1.0))[asked]
    of_episode = np.asarray(visits.columns["episode"])[asked]
    return [wait_h[of_episode == episode] for episode in episodes]
