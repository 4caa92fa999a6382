"""What the replayed map is drawn from: one episode's records as plain data, at the exact times of events.

The page reads it and computes nothing but straight lines between what stands here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosim.interface import Floats, Ints
from cosim.records.table import Records, Table
from cosim.report.page.occupancy import occupancy

#: Decimals that are kept, by unit; they keep the page small.
KM_DECIMALS = 4
S_DECIMALS = 2
KWH_DECIMALS = 3
KW_DECIMALS = 2
SHARE_DECIMALS = 3


@dataclass(frozen=True)
class ReplayTerms:
    """What the records do not tell, from the scenario.

    Attributes:
        start_s: Time of day at which slot 0 begins, since midnight [s].
        slot_s: Length of a slot [s].
        slots: Slots of an episode.
        energy_min_kwh: Least energy that a battery may hold [kWh].
        energy_max_kwh: Most energy that it may hold [kWh].
        consumption_kwh_per_km: Energy that driving takes [kWh/km].
        commutes: Whether EVs come and leave.
    """

    start_s: int
    slot_s: int
    slots: int
    energy_min_kwh: float
    energy_max_kwh: float
    consumption_kwh_per_km: float
    commutes: bool = False

    @property
    def end_s(self) -> int:
        """Time at which the episode ends, since its start [s]."""
        return self.slots * self.slot_s


@dataclass(frozen=True)
class _Way:
    """What an EV drove: its position and its kilometres are straight lines between these times.

    Attributes:
        time_s: Times, rising, shape [N].
        x_km: Position eastwards, likewise.
        y_km: Position northwards.
        driven_km: Kilometres since the episode's start.
        drives: Begin and end of each drive [s].
    """

    time_s: list[float]
    x_km: list[float]
    y_km: list[float]
    driven_km: list[float]
    drives: list[tuple[float, float]]


def replay_of(records: Records, terms: ReplayTerms) -> dict[str, Any]:
    """One episode as data for the replayed map, ready for JSON.

    Times are seconds since the episode's start. The keys:

    - `clock`: `start_s`, `slot_s`, `slots`; `energy`: `min_kwh`, `max_kwh`.
    - `nodes`: `x_km`, `y_km`; `roads`: `tail`, `head`, and `share` [slot][road], flow over capacity.
    - `stations`: each has `name`, `x_km`, `y_km`, `chargers`, `microgrid`, `power_kw` by slot (> 0 drawn), and
      `busy` and `queue` as `[times, counts]`: a count holds from its time on.
    - `microgrids`: each has `name`, and `shed_kw`, `surplus_kw` and `dark` by slot.
    - `evs`: each has `motion` as `[times, x_km, y_km]` and `energy` as `[times, kWh]`, both straight lines between
      the times; `stays` as `[begin, end, station, x_km, y_km]` with station -1 elsewhere; `plugged` and `waiting`
      as `[begin, end, station]`; `away` as `[begin, end]`, when one that commutes is nowhere; `events` as
      `[time, what, station]`.

    A battery's energy falls with each kilometre that is driven. What else changes it in a slot is spread evenly over
    the time in which it is plugged in then: that is exact where its power is constant within the slot.

    Args:
        records: The tables of exactly one episode.
        terms: What the scenario says.
    """
    return {
        "clock": {"start_s": terms.start_s, "slot_s": terms.slot_s, "slots": terms.slots},
        "energy": {"min_kwh": terms.energy_min_kwh, "max_kwh": terms.energy_max_kwh},
        "nodes": {axis: _rounded(records["nodes"].columns[axis], KM_DECIMALS) for axis in ("x_km", "y_km")},
        "roads": _roads(records),
        "stations": _stations(records, terms),
        "microgrids": _microgrids(records),
        "evs": _evs(records, terms),
    }


def _roads(records: Records) -> dict[str, Any]:
    roads = records["roads"].columns
    share = records["road_slots"].cube("flow_vph")[0] / np.asarray(roads["capacity_vph"])
    return {
        "tail": _whole(roads["tail"]),
        "head": _whole(roads["head"]),
        "share": [_rounded(of_slot, SHARE_DECIMALS) for of_slot in share],
    }


def _stations(records: Records, terms: ReplayTerms) -> list[dict[str, Any]]:
    stations = records["stations"].columns
    power_kw = records["station_slots"].cube("power_kw")[0]
    found = []
    for number, name in enumerate(stations["name"]):
        steps = occupancy(records, number, terms.end_s)
        found.append(
            {
                "name": str(name),
                "x_km": round(float(stations["x_km"][number]), KM_DECIMALS),
                "y_km": round(float(stations["y_km"][number]), KM_DECIMALS),
                "chargers": int(stations["chargers"][number]),
                "microgrid": int(stations["microgrid"][number]),
                "power_kw": _rounded(power_kw[:, number], KW_DECIMALS),
                "busy": _steps(steps.times_s, steps.busy),
                "queue": _steps(steps.times_s, steps.queue),
            }
        )
    return found


def _steps(times_s: Floats, counts: Ints) -> list[list[float]]:
    """A count over time as `[times, counts]`, with the times at which it changes."""
    changes = np.concatenate([[True], np.diff(counts) != 0])
    return [_rounded(times_s[changes], S_DECIMALS), _whole(counts[changes])]


def _microgrids(records: Records) -> list[dict[str, Any]]:
    slots = records["microgrid_slots"]
    shed_kw, surplus_kw, island = (slots.cube(column)[0] for column in ("shed_kw", "surplus_kw", "island"))
    return [
        {
            "name": str(name),
            "shed_kw": _rounded(shed_kw[:, number], KW_DECIMALS),
            "surplus_kw": _rounded(surplus_kw[:, number], KW_DECIMALS),
            "dark": _whole(island[:, number] < 0),
        }
        for number, name in enumerate(records["microgrids"].columns["name"])
    ]


def _evs(records: Records, terms: ReplayTerms) -> list[dict[str, Any]]:
    count = records["ev_slots"].cube("x_km").shape[2]
    trips, visits = (_rows_by_ev(records[name], count) for name in ("trips", "visits"))
    return [_ev(records, terms, ev, trips[ev], visits[ev]) for ev in range(count)]


def _rows_by_ev(table: Table, count: int) -> list[list[dict[str, Any]]]:
    """The rows of each EV, in the order of the table."""
    rows: list[list[dict[str, Any]]] = [[] for _ in range(count)]
    names = list(table.columns)
    for values in zip(*(table.columns[name] for name in names), strict=True):
        row = dict(zip(names, values, strict=True))
        rows[int(row["ev"])].append(row)
    return rows


def _ev(
    records: Records,
    terms: ReplayTerms,
    ev: int,
    trips: Sequence[Mapping[str, Any]],
    visits: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    way, away = _way(records, ev, trips, visits, terms.end_s), _away(visits, terms)
    plugged = [_span(visit, "plug_in_s", "plug_out_s", terms.end_s) for visit in visits if _is(visit["plug_in_s"])]
    return {
        "motion": [
            _rounded(way.time_s, S_DECIMALS),
            _rounded(way.x_km, KM_DECIMALS),
            _rounded(way.y_km, KM_DECIMALS),
        ],
        "energy": _energy(records["ev_slots"], ev, way, plugged, terms),
        "stays": _stays(way, trips, visits, terms.end_s, commutes=terms.commutes),
        "away": away,
        "plugged": [_rounded_span(span) for span in plugged],
        "waiting": [_rounded_span(span) for span in _waits(visits, terms.end_s)],
        "events": _events(trips, visits, terms.end_s),
    }


def _way(
    records: Records,
    ev: int,
    trips: Sequence[Mapping[str, Any]],
    visits: Sequence[Mapping[str, Any]],
    end_s: float,
) -> _Way:
    """Where an EV is at all times: on a road it moves evenly from where it enters to where it leaves."""
    x_km, y_km = _start_km(records, ev, trips, visits)
    points = [(0.0, x_km, y_km, 0.0)]
    drives = []
    for trip in sorted(trips, key=lambda trip: float(trip["depart_s"])):
        begin_s = float(trip["depart_s"])
        points.append((begin_s, *points[-1][1:]))
        legs = zip(*(trip[name] for name in ("road", "enter_s", "leave_s", "from_km", "to_km")), strict=False)
        for road, enter_s, leave_s, from_km, to_km in legs:
            driven_km = points[-1][3]
            points.append((enter_s, *_on_road(records, road, from_km), driven_km))
            # The last road may be left after the episode's end.
            share = 1.0 if leave_s <= end_s else (end_s - enter_s) / (leave_s - enter_s)
            there_km = from_km + share * (to_km - from_km)
            points.append(
                (min(leave_s, end_s), *_on_road(records, road, there_km), driven_km + abs(there_km - from_km))
            )
        drives.append((begin_s, points[-1][0]))
    points.append((end_s, *points[-1][1:]))
    distinct = [point for point, before in zip(points, [None, *points], strict=False) if point != before]
    time_s, x, y, driven = (list(column) for column in zip(*distinct, strict=True))
    return _Way(time_s, x, y, driven, drives)


def _start_km(
    records: Records, ev: int, trips: Sequence[Mapping[str, Any]], visits: Sequence[Mapping[str, Any]]
) -> tuple[float, float]:
    """Where an EV begins: at a station, or where it first departs, or where it is all the time [km]."""
    first = next((visit for visit in visits if visit["arrive_s"] == 0.0), None)
    if first is not None:
        stations = records["stations"].columns
        return float(stations["x_km"][first["station"]]), float(stations["y_km"][first["station"]])
    trip = min(trips, key=lambda trip: float(trip["depart_s"]), default=None)
    if trip is not None and len(trip["from_km"]):
        return _on_road(records, trip["road"][0], trip["from_km"][0])
    slots = records["ev_slots"]
    return float(slots.cube("x_km")[0, 0, ev]), float(slots.cube("y_km")[0, 0, ev])


def _on_road(records: Records, road: int, offset_km: float) -> tuple[float, float]:
    """A position on a road: roads are drawn straight, whatever their length [km]."""
    nodes, roads = records["nodes"].columns, records["roads"].columns
    tail, head = int(roads["tail"][road]), int(roads["head"][road])
    share = offset_km / float(roads["length_km"][road])
    x_km, y_km = (
        float(nodes[axis][tail]) + share * float(nodes[axis][head] - nodes[axis][tail]) for axis in ("x_km", "y_km")
    )
    return x_km, y_km


def _energy(
    ev_slots: Table, ev: int, way: _Way, plugged: Sequence[tuple[float, float, int]], terms: ReplayTerms
) -> list[list[float]]:
    """Energy in a battery as `[times, kWh]`; see `replay_of` for what is exact."""
    start_kwh, end_kwh = (ev_slots.cube(f"energy_{when}_kwh")[0, :, ev] for when in ("start", "end"))
    plug_times_s, plugged_s = _time_within(plugged)
    cuts_s = np.unique(np.concatenate([way.time_s, plug_times_s]))
    times_s: list[float] = []
    energy_kwh: list[float] = []
    for slot in range(terms.slots):
        begin_s, until_s = slot * terms.slot_s, (slot + 1) * terms.slot_s
        at_s = np.concatenate([[begin_s], cuts_s[(cuts_s > begin_s) & (cuts_s < until_s)], [until_s]])
        driven_km = np.interp(at_s, way.time_s, way.driven_km)
        driving_kwh = terms.consumption_kwh_per_km * (driven_km - driven_km[0])
        since_s = np.interp(at_s, plug_times_s, plugged_s)
        since_s -= since_s[0]
        rest_kwh = end_kwh[slot] - start_kwh[slot] + driving_kwh[-1]
        share = since_s / since_s[-1] if since_s[-1] else np.zeros_like(since_s)
        times_s += at_s.tolist()
        energy_kwh += (start_kwh[slot] - driving_kwh + share * rest_kwh).tolist()
    return _thinned(_rounded(times_s, S_DECIMALS), _rounded(energy_kwh, KWH_DECIMALS))


def _time_within(spans: Sequence[tuple[float, float, int]]) -> tuple[list[float], list[float]]:
    """Time spent within spans as a curve: times, and the seconds within until then."""
    times_s, within_s = [0.0], [0.0]
    for begin_s, end_s, _ in sorted(spans):
        times_s += [begin_s, end_s]
        within_s += [within_s[-1], within_s[-1] + end_s - begin_s]
    return times_s, within_s


def _thinned(times_s: Sequence[float], values: Sequence[float]) -> list[list[float]]:
    """A curve without the points at which nothing changes."""
    kept = [
        k for k, value in enumerate(values) if k in (0, len(values) - 1) or not values[k - 1] == value == values[k + 1]
    ]
    return [[times_s[k] for k in kept], [values[k] for k in kept]]


def _stays(
    way: _Way, trips: Sequence[Mapping[str, Any]], visits: Sequence[Mapping[str, Any]], end_s: float, *, commutes: bool
) -> list[list[float]]:
    """Where an EV stands between its drives, as `[begin, end, station, x_km, y_km]`; one that commutes, at home."""
    arrivals = {float(trip["depart_s"]): int(trip["to_station"]) for trip in trips}
    at_start = next((int(visit["station"]) for visit in visits if commutes or visit["arrive_s"] == 0.0), -1)
    begins = [(0.0, at_start), *((end, arrivals[begin]) for begin, end in way.drives)]
    ends = [*(begin for begin, _ in way.drives), float(end_s)]
    stays = []
    for (begin_s, station), until_s in zip(begins, ends, strict=True):
        # Nobody stands where a drive is cut by the episode's end.
        if begin_s < end_s:
            x_km, y_km = (float(np.interp(begin_s, way.time_s, axis)) for axis in (way.x_km, way.y_km))
            times = (round(begin_s, S_DECIMALS), round(until_s, S_DECIMALS))
            stays.append([*times, station, round(x_km, KM_DECIMALS), round(y_km, KM_DECIMALS)])
    return stays


def _away(visits: Sequence[Mapping[str, Any]], terms: ReplayTerms) -> list[tuple[float, float]]:
    """When an EV that commutes is not at home: before it comes, and after it has left."""
    if not terms.commutes:
        return []
    begins = min((float(visit["arrive_s"]) for visit in visits), default=float(terms.end_s))
    ends = [float(visit["depart_s"]) for visit in visits if _is(visit["depart_s"])]
    spans = [(0.0, begins), *((end, float(terms.end_s)) for end in ends[:1])]
    return [(round(begin, S_DECIMALS), round(end, S_DECIMALS)) for begin, end in spans]


def _waits(visits: Iterable[Mapping[str, Any]], end_s: float) -> list[tuple[float, float, int]]:
    """The times in which an EV waits for a charger."""
    spans = []
    for visit in visits:
        if _is(visit["request_s"]):
            until = "plug_in_s" if _is(visit["plug_in_s"]) else "plug_out_s"
            span = _span(visit, "request_s", until, end_s)
            if span[1] > span[0]:
                spans.append(span)
    return spans


def _span(visit: Mapping[str, Any], begin: str, end: str, end_s: float) -> tuple[float, float, int]:
    until_s = float(visit[end]) if _is(visit[end]) else end_s
    return float(visit[begin]), min(until_s, end_s), int(visit["station"])


def _rounded_span(span: tuple[float, float, int]) -> list[float]:
    begin_s, end_s, station = span
    return [round(begin_s, S_DECIMALS), round(end_s, S_DECIMALS), station]


def _events(
    trips: Iterable[Mapping[str, Any]], visits: Iterable[Mapping[str, Any]], end_s: float
) -> list[list[float | str]]:
    """What happens to an EV as `[time, what, station]`, with station -1 elsewhere."""
    events: list[tuple[float, int, str, int]] = []
    for trip in trips:
        events.append((trip["arrive_s"], 0, "arrives", trip["to_station"]))
        events.append((trip["depart_s"], 4, "departs", trip["from_station"]))
    for visit in visits:
        leaves = "plugs out" if _is(visit["plug_in_s"]) else "leaves the queue"
        # What comes first at one time: an end frees the charger that the next request may get.
        events.append((visit["plug_out_s"], 1, leaves, visit["station"]))
        events.append((visit["request_s"], 2, "asks for a charger", visit["station"]))
        events.append((visit["plug_in_s"], 3, "plugs in", visit["station"]))
    happened = sorted((float(event[0]), *event[1:]) for event in events if _is(event[0]) and event[0] <= end_s)
    return [[round(time_s, S_DECIMALS), what, int(station)] for time_s, _, what, station in happened]


def _is(time_s: float) -> bool:
    """Whether there is such a time."""
    return not np.isnan(time_s)


def _rounded(values: Any, decimals: int) -> list[float]:
    """Numbers as they go into JSON; whole ones without a point."""
    rounded = np.round(np.asarray(values, dtype=np.float64), decimals) + 0.0
    return [int(value) if value.is_integer() else value for value in rounded.tolist()]


def _whole(values: Any) -> list[float]:
    return [int(value) for value in values]
