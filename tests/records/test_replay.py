"""Records are enough to replay an episode: positions from trips and maps, energies and queues from visits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pytest

import cosim
from cosim.records.schema import TABLES

SCENARIOS = Path(__file__).parents[2] / "scenarios"
SLOT_S = 1800.0
SLOTS = 12
#: Slow roads, so that drives go on over slots' ends and beyond the last one; few chargers, so that EVs queue.
CASES = {
    "outage_33bus": ("roads.speed_kmh=12", *(f"stations.{h}.chargers=1" for h in range(5))),
    "outage_33bus_customers": ("roads.speed_kmh=12", *(f"stations.{h}.chargers=2" for h in range(5))),
    "outage_siouxfalls": ("roads.minutes_per_time=4", "stations.3.chargers=1"),
}


@pytest.fixture(scope="module", params=CASES)
def results(request: pytest.FixtureRequest) -> cosim.Results:
    overrides = ["controller.name=random", "network.engine=lindistflow", *CASES[request.param]]
    return cosim.run(SCENARIOS / f"{request.param}.yaml", episodes=3, replicas=2, overrides=overrides)


class Map:
    """Positions from the tables `nodes`, `roads` and `stations`."""

    def __init__(self, results: cosim.Results) -> None:
        self.node_km = results.nodes[["x_km", "y_km"]].to_numpy()
        self.roads = results.roads
        self.station_km = results.stations[["x_km", "y_km"]].to_numpy()

    def on_road(self, road: int, offset_km: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        tail_km, head_km = self.node_km[self.roads["tail"][road]], self.node_km[self.roads["head"][road]]
        position: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = (
            tail_km + (head_km - tail_km) * offset_km / self.roads.length_km[road]
        )
        return position

    def after(self, trip: pandas.Series, now_s: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        leg = max(k for k, enter_s in enumerate(trip.enter_s) if enter_s < now_s)
        enter_s, leave_s = trip.enter_s[leg], trip.leave_s[leg]
        share = min((now_s - enter_s) / (leave_s - enter_s), 1.0)
        return self.on_road(trip.road[leg], trip.from_km[leg] + share * (trip.to_km[leg] - trip.from_km[leg]))


def test_every_table_is_there(results: cosim.Results) -> None:
    assert results.records is not None
    assert list(results.records) == [kind.name for kind in TABLES]
    empty = [kind.name for kind in TABLES if not len(getattr(results, kind.name))]
    assert empty == ([] if results.summary["scenario"] == "outage_33bus_customers" else ["customers"])


def test_positions_follow_from_trips_and_the_map(results: cosim.Results) -> None:
    roads = Map(results)
    expected = results.ev_slots.set_index(["episode", "ev"])[["slot", "x_km", "y_km"]]
    trips = {key: list(rows.itertuples()) for key, rows in results.trips.groupby(["episode", "ev"])}
    first = results.visits[results.visits.arrive_s == 0.0].drop_duplicates(["episode", "ev"])
    start = first.set_index(["episode", "ev"]).station
    on_the_way = 0
    for key, rows in expected.groupby(level=[0, 1]):
        for slot, x_km, y_km in rows.itertuples(index=False):
            now_s = (slot + 1) * SLOT_S
            begun = [trip for trip in trips.get(key, []) if trip.depart_s < now_s]
            position = roads.after(begun[-1], now_s) if begun else roads.station_km[start[key]]
            assert position == pytest.approx([x_km, y_km], abs=1e-6), (key, slot)
            on_the_way += bool(begun) and begun[-1].leave_s[-1] > now_s
    assert on_the_way > 50, "too easy: hardly an EV was on the road at a slot's end"


def test_some_trips_are_cut_by_the_end(results: cosim.Results) -> None:
    cut = results.trips[results.trips.arrive_s.isna()]
    assert len(cut)
    assert (cut.leave_s.str[-1] > SLOTS * SLOT_S).all() or (cut.enter_s.str.len() < cut.road.str.len()).any()
    assert (cut.to_station == -1).all()
    assert (cut.enter_s.str.len() == cut.leave_s.str.len()).all()


def test_kilometres_of_trips_are_those_of_slots(results: cosim.Results) -> None:
    done = results.trips[results.trips.arrive_s.notna()].groupby(["episode", "ev"]).length_km.sum()
    cut = results.trips[results.trips.arrive_s.isna()].groupby(["episode", "ev"]).length_km.sum()
    driven = results.ev_slots.groupby(["episode", "ev"]).driven_km.sum()
    done, cut = (km.reindex(driven.index, fill_value=0.0) for km in (done, cut))
    assert (driven >= done - 1e-9).all()
    assert (driven <= done + cut + 1e-9).all()


def test_energies_of_visits_are_those_of_stations_and_evs(results: cosim.Results) -> None:
    for column in ("charged_kwh", "discharged_kwh"):
        for table, unit in (("station_slots", "station"), ("ev_slots", "ev")):
            slots = getattr(results, table).groupby(["episode", unit])[column].sum()
            visits = results.visits.groupby(["episode", unit])[column].sum().reindex(slots.index, fill_value=0.0)
            assert visits.to_numpy() == pytest.approx(slots.to_numpy(), abs=1e-9), (table, column)
        assert results.visits[column].sum() > 1.0


def test_energies_of_customers_are_those_of_stations(results: cosim.Results) -> None:
    slots = results.station_slots.groupby(["episode", "station"]).customers_kwh.sum()
    sold = results.customers.groupby(["episode", "station"]).charged_kwh.sum().reindex(slots.index, fill_value=0.0)
    assert sold.to_numpy() == pytest.approx(slots.to_numpy(), abs=1e-9)


def overlap_s(begin_s: pandas.Series, end_s: pandas.Series, slot: int) -> pandas.Series:
    """Time of each row within a slot [s]; nothing for what never began, until the end for what never ended."""
    low, high = slot * SLOT_S, (slot + 1) * SLOT_S
    inside = end_s.fillna(np.inf).clip(upper=high) - begin_s.clip(lower=low)
    return inside.clip(lower=0.0).fillna(0.0)


def test_chargers_and_queues_follow_from_visits(results: cosim.Results) -> None:
    # A customer asks when it arrives. Where one lost its charger, the table does not tell when.
    interrupted = results.customers.groupby(["episode", "station"]).interrupted.any()
    excluded = interrupted[interrupted].index
    names = {"arrive_s": "request_s", "leave_s": "plug_out_s"}
    visits = pandas.concat([results.visits, results.customers.rename(columns=names)], ignore_index=True)
    waited_until_s = visits.plug_in_s.fillna(visits.plug_out_s)
    slots = results.station_slots.set_index(["episode", "slot", "station"])
    for slot in range(SLOTS):
        of_slot = slots.xs(slot, level="slot")
        spans = {"busy_mean": (visits.plug_in_s, visits.plug_out_s), "queue_mean": (visits.request_s, waited_until_s)}
        for column, (begin_s, end_s) in spans.items():
            mean = (overlap_s(begin_s, end_s, slot) / SLOT_S).groupby([visits.episode, visits.station]).sum()
            known = of_slot[column].drop(excluded)
            recomputed = mean.reindex(known.index, fill_value=0.0)
            assert recomputed.to_numpy() == pytest.approx(known.to_numpy(), abs=1e-9), (slot, column)
    assert len(known) >= 10
    assert results.station_slots.queue_max.max() >= 1, "too easy: nobody queued"


@pytest.mark.parametrize(
    ("table", "unit", "start", "end"),
    [
        ("ev_slots", "ev", "energy_start_kwh", "energy_end_kwh"),
        ("microgrid_slots", "microgrid", "ess_start_kwh", "ess_end_kwh"),
        ("reference_slots", "microgrid", "ess_start_kwh", "ess_end_kwh"),
    ],
)
def test_no_energy_comes_or_goes_between_slots(
    results: cosim.Results, table: str, unit: str, start: str, end: str
) -> None:
    assert results.records is not None
    cubes = results.records[table]
    assert np.array_equal(cubes.cube(end)[:, :-1], cubes.cube(start)[:, 1:])


def test_stations_feed_their_microgrids(results: cosim.Results) -> None:
    assert results.records is not None
    power_kw = results.records["station_slots"].cube("power_kw")
    ev_kw = results.records["microgrid_slots"].cube("ev_kw")
    for microgrid in range(5):
        own = power_kw[..., (results.stations.microgrid == microgrid).to_numpy()].sum(axis=-1)
        assert own == pytest.approx(ev_kw[..., microgrid], abs=1e-9)


def test_flow_of_roads_is_never_below_that_of_other_vehicles(results: cosim.Results) -> None:
    assert (results.road_slots.flow_vph >= 0.0).all()
    free_s = results.roads.free_time_s.to_numpy()[results.road_slots.road]
    assert (results.road_slots.travel_time_s.to_numpy() >= free_s * (1 - 1e-12)).all()
