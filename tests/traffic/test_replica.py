"""One episode on the roads and at the stations: traces worked by hand, every time and every kilowatt-hour."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from small_fleet import ActionFinder
from small_roads import both_ways, roads_of

from cosim.charging.battery import Battery, BatteryKind
from cosim.charging.tally import StationTally
from cosim.interface import EvState
from cosim.scenario.schema import FleetSection, StationSection
from cosim.traffic.fleet import Fleet, FleetColumns, wanted_kw
from cosim.traffic.move import MoveFinder
from cosim.traffic.replica import Surroundings, TrafficReplica
from cosim.traffic.road_network import RoadNetwork
from cosim.traffic.route_table import RouteTable, TimeRange
from cosim.traffic.routing import Place
from cosim.traffic.station_set import StationSet
from cosim.traffic.target import ActionOutcome
from cosim.traffic.travel_time import TravelTime

KIND = BatteryKind(energy_min_kwh=10.0, energy_max_kwh=40.0, charge_efficiency=0.8, discharge_efficiency=0.5)
SLOT_S = 1800
EAST, WEST = 0.0, math.pi
STAY = (0.0, 0.0, 0.0)

# A (node 0) -- 6 km -- B (node 1) -- 3 km -- S (node 2, the station). Roads: AB 0, BA 1, BS 2, SB 3.
# A-B: 600 s free; B-S: 300 s free; capacity 200 vehicles/h, b = 1, exponent 4. An EV counts 100 vehicles/h.
# Alone on a road: load 1/2, time x (1 + 1/16). Two on a road: load 1, time x 2. Three: load 3/2, time x 6.0625.
LINE = roads_of([(0, 0), (6, 0), (9, 0)], both_ways((0, 1, 6, 600), (1, 2, 3, 300)), capacity_vph=200.0, bpr_b=1.0)
AB, BA, BS, SB = range(4)
ALONE_AB_S, SECOND_AB_S, ALONE_BS_S, SECOND_BS_S = 637.5, 1200.0, 318.75, 600.0


class Scene:
    """A replica on the line, told what to do slot by slot."""

    def __init__(
        self,
        *starts: tuple[int, float],
        roads: RoadNetwork = LINE,
        stations: Sequence[int] = (2,),
        chargers: int = 1,
        budget_km: float = 10.0,
    ) -> None:
        self.targets = ActionFinder(roads, stations, budget_km, consumption_kwh_per_km=0.5)
        router, self.free_time_s = self.targets.router, roads.free_time_s.tolist()
        table = RouteTable(router, TimeRange(self.free_time_s, self.free_time_s))
        self.columns = FleetColumns(1, len(starts))
        self.replica = TrafficReplica(
            Surroundings(
                router=router,
                finder=MoveFinder(router, table, budget_km, consumption_kwh_per_km=0.5),
                travel_time=TravelTime(roads),
                ev_flow_vph=100.0,
                station_of={node: station for station, node in enumerate(stations)},
                stations=StationSet(
                    [StationSection(name=f"S{k}", chargers=chargers, bus=0) for k in range(len(stations))],
                    FleetSection(),
                ),
                consumption_kwh_per_km=0.5,
                slot_s=SLOT_S,
            ),
            Fleet(
                [Battery(KIND, energy) for _, energy in starts], [Place(node) for node, _ in starts], self.columns, 0
            ),
            episode=0,
        )

    def slot(
        self, *actions: tuple[float, float, float], limit_kw: tuple[float, float] = (1e3, 1e3)
    ) -> tuple[list[ActionOutcome], list[StationTally]]:
        """Give an action to each EV; what becomes of a target depends on nothing that happens in the slot."""
        places = zip(self.replica.fleet.place, actions, strict=True)
        targets = [self.targets.target(place, heading_rad, km) for place, (heading_rad, km, _) in places]
        drives = [trip is not None for trip in self.replica.fleet.trip]
        power_share = np.array([[share for *_, share in actions]])
        self.columns.begin_slot(wanted_kw(power_share, charge_kw=60.0, discharge_kw=40.0))
        given = [
            (ev, target)
            for ev, (driving, target) in enumerate(zip(drives, targets, strict=True))
            if isinstance(target, Place) and not driving
        ]
        limits = [limit_kw] * len(self.replica.stations)
        refused, tallies = self.replica.run_slot(
            given, limits, [0.0] * len(self.free_time_s), np.array(self.free_time_s)
        )
        outcomes = []
        for ev, (driving, target) in enumerate(zip(drives, targets, strict=True)):
            of_target = refused.get(ev, ActionOutcome.DEPARTED) if isinstance(target, Place) else target
            outcomes.append(ActionOutcome.IGNORED if driving else of_target)
        return outcomes, tallies

    def trips(self) -> list[tuple[int, list[int], list[float], float | None]]:
        """EV, roads, times of entry and time of arrival of each trip."""
        return [(t.ev, [leg.road for leg in t.legs], t.enter_s, t.arrive_s) for t in self.replica.trips]

    def energies(self) -> list[float]:
        return [battery.energy_kwh for battery in self.replica.fleet.battery]


def states(scene: Scene) -> list[EvState]:
    served = dict(scene.replica.states())
    return [served.get(ev, EvState(state)) for ev, state in enumerate(scene.columns.state[0].tolist())]


# ------------------------------------------------------------------------------------- the long trace


def test_two_evs_and_one_charger_worked_by_hand() -> None:
    scene = Scene((0, 20.0), (0, 24.5))

    # Slot 0, from 0 to 1800 s; the station draws at most 48 kW and takes at most 30 kW.
    # EV 0 departs first: AB alone, 600 x 17/16 = 637.5 s; BS alone, 300 x 17/16 = 318.75 s; there at 956.25.
    # EV 1 departs behind it: AB as the second, 600 x 2 = 1200 s; EV 0 has left BS by then: 318.75 s; 1518.75.
    # Both drive 9 km: 4.5 kWh. EV 0 arrives with 15.5 kWh, EV 1 with 20.
    # EV 0 charges from 956.25 to 1800: 843.75 s at 48 of its 60 kW: 11.25 kWh drawn, 9 stored: 24.5 kWh.
    # EV 1 waits from 1518.75: 281.25 s.
    outcomes, (tally,) = scene.slot((EAST, 9.0, 1.0), (EAST, 9.0, -0.5), limit_kw=(48.0, 30.0))
    assert outcomes == [ActionOutcome.DEPARTED, ActionOutcome.DEPARTED]
    assert scene.trips() == [
        (0, [AB, BS], [0.0, 637.5], 956.25),
        (1, [AB, BS], [0.0, 1200.0], 1518.75),
    ]
    assert scene.columns.driven_km.tolist() == [[9.0, 9.0]]
    assert scene.columns.driven_s.tolist() == [[956.25, 1518.75]]
    assert states(scene) == [EvState.CHARGING, EvState.QUEUEING]
    assert scene.energies() == [pytest.approx(24.5, abs=1e-12), 20.0]
    assert (tally.charged_kwh, tally.discharged_kwh) == (11.25, 0.0)
    assert (tally.queue_s, tally.queue_max) == (281.25, 1)
    assert (tally.busy_s, tally.busy_max) == (843.75, 1)
    # Means of the slot: 22.5 kW drawn, 0.15625 waiting, 0.46875 chargers in use.
    assert (tally.charged_kwh / 0.5, tally.queue_s / SLOT_S, tally.busy_s / SLOT_S) == (22.5, 0.15625, 0.46875)

    # Slot 1, from 1800 to 3600 s; at most 60 kW drawn, at most 15 kW fed in. Both keep what they asked for.
    # EV 0 lacks 15.5 kWh: 19.375 drawn at 60 kW: 1162.5 s; full at 2962.5.
    # EV 1 plugs in at 2962.5, after 1443.75 s of waiting, 1162.5 of them in this slot. It wants to feed in
    # 0.5 x 40 = 20 kW, may 15: until 3600 that is 637.5 s: 2.65625 kWh fed in, 5.3125 taken out: 14.6875 kWh.
    outcomes, (tally,) = scene.slot((0.0, 0.0, 1.0), (0.0, 0.0, -0.5), limit_kw=(60.0, 15.0))
    assert outcomes == [ActionOutcome.STAYED, ActionOutcome.STAYED]
    assert states(scene) == [EvState.PARKED, EvState.DISCHARGING]
    assert scene.energies() == [40.0, pytest.approx(14.6875, abs=1e-12)]
    assert tally.charged_kwh == pytest.approx(19.375, abs=1e-12)
    assert tally.discharged_kwh == pytest.approx(2.65625, abs=1e-12)
    assert (tally.queue_s, tally.queue_max) == (pytest.approx(1162.5, abs=1e-9), 1)
    assert (tally.busy_s, tally.busy_max) == (pytest.approx(1800.0, abs=1e-9), 1)
    # Means of the slot: 38.75 kW drawn less 5.3125 kW fed in, 0.6458333 waiting, 1 charger in use.
    assert (tally.charged_kwh - tally.discharged_kwh) / 0.5 == pytest.approx(33.4375, abs=1e-12)
    assert tally.queue_s / SLOT_S == pytest.approx(0.6458333333333333, abs=1e-12)

    # Slot 2, from 3600 s; EV 0 goes home, alone again; EV 1 goes on, at 20 kW now: 4.6875 kWh above its
    # minimum deliver 2.34375: 421.875 s; empty at 4021.875.
    outcomes, (tally,) = scene.slot((WEST, 9.0, 0.0), (0.0, 0.0, -0.5), limit_kw=(60.0, 30.0))
    assert outcomes == [ActionOutcome.DEPARTED, ActionOutcome.STAYED]
    assert scene.trips()[2:] == [(0, [SB, BA], [3600.0, 3918.75], 4556.25)]
    assert scene.energies() == [35.5, 10.0]
    assert (tally.charged_kwh, tally.discharged_kwh) == (0.0, pytest.approx(2.34375, abs=1e-12))
    assert (tally.queue_s, tally.queue_max, tally.busy_max) == (0.0, 0, 1)
    assert tally.busy_s / SLOT_S == pytest.approx(0.234375, abs=1e-12)

    visits = [(v.ev, v.station, v.arrive_s, v.depart_s) for v in scene.replica.visits]
    assert visits == [(0, 0, 956.25, 3600.0), (1, 0, 1518.75, None)]
    (ours,), (theirs,) = (visit.requests for visit in scene.replica.visits)
    assert (ours.request_s, ours.plug_in_s, ours.queue_met) == (956.25, 956.25, 0)
    assert (theirs.request_s, theirs.queue_met) == (1518.75, 0)
    assert ours.plug_out_s == theirs.plug_in_s == pytest.approx(2962.5, abs=1e-9)
    assert theirs.plug_out_s == pytest.approx(4021.875, abs=1e-9)
    assert (ours.charged_kwh, ours.discharged_kwh) == (pytest.approx(30.625, abs=1e-12), 0.0)
    assert (theirs.charged_kwh, theirs.discharged_kwh) == (0.0, pytest.approx(5.0, abs=1e-12))


# ---------------------------------------------------------------------------------------------- driving


def test_evs_depart_in_order_of_their_numbers_at_the_travel_times_of_the_instant() -> None:
    scene = Scene((0, 30.0), (0, 30.0), (0, 30.0))
    scene.slot(*[(EAST, 6.0, 0.0)] * 3)
    assert scene.trips() == [(0, [AB], [0.0], 637.5), (1, [AB], [0.0], 1200.0), (2, [AB], [0.0], None)]
    # Expected were 600 s, for all three: the road was empty when they were told to go.
    assert [trip.planned_s for trip in scene.replica.trips] == [600.0, 600.0, 600.0]


def test_an_ev_counts_on_a_road_from_its_entry_until_it_leaves() -> None:
    # EV 1 starts at B and is on BS until 318.75; EV 0 enters BS at 637.5 and finds it empty.
    scene = Scene((0, 30.0), (1, 30.0))
    scene.slot((EAST, 9.0, 0.0), (EAST, 3.0, 0.0))
    assert scene.trips() == [(0, [AB, BS], [0.0, 637.5], 956.25), (1, [BS], [0.0], 318.75)]
    assert scene.replica.traffic.on_road == [0, 0, 0, 0]


def test_traffic_that_comes_later_does_not_slow_who_is_on_the_road() -> None:
    scene = Scene((0, 30.0), (0, 30.0))
    scene.slot((EAST, 6.0, 0.0), (EAST, 6.0, 0.0))
    assert scene.trips()[0][3] == ALONE_AB_S


def test_opposite_directions_do_not_slow_each_other() -> None:
    scene = Scene((0, 30.0), (1, 30.0))
    scene.slot((EAST, 6.0, 0.0), (WEST, 6.0, 0.0))
    assert [trip[3] for trip in scene.trips()] == [ALONE_AB_S, ALONE_AB_S]


def test_part_of_a_road_takes_its_share_of_time_and_energy() -> None:
    scene = Scene((0, 30.0))
    scene.slot((EAST, 1.5, 0.0))
    assert scene.trips() == [(0, [AB], [0.0], 159.375)]  # a quarter of 637.5 s
    assert scene.energies() == [29.25]
    assert scene.replica.fleet.place[0] == Place(1, AB, 1.5)


@pytest.mark.parametrize(("heading_rad", "road", "km"), [(EAST, AB, 4.5), (WEST, BA, 1.5)])
def test_parked_in_the_middle_of_a_road_it_goes_on_or_turns_back(heading_rad: float, road: int, km: float) -> None:
    scene = Scene((0, 30.0))
    scene.slot((EAST, 1.5, 0.0))
    outcomes, _ = scene.slot((heading_rad, km, 0.0))
    assert outcomes == [ActionOutcome.DEPARTED]
    assert scene.trips()[1] == (0, [road], [1800.0], 1800.0 + 637.5 * km / 6.0)
    assert scene.replica.fleet.place[0] == Place(1 if road == AB else 0)
    assert scene.energies() == [30.0 - 0.5 * (1.5 + km)]


def test_a_trip_that_outlasts_its_slot_goes_on_and_the_action_meanwhile_is_ignored() -> None:
    scene = Scene((0, 30.0), (0, 30.0), (0, 30.0), stations=(1,))
    scene.slot(*[(EAST, 6.0, 1.0)] * 3)
    # EV 2 needs 600 x 6.0625 = 3637.5 s: at 1800 s it has driven 6 x 1800 / 3637.5 km.
    driven_km = 6.0 * 1800.0 / 3637.5
    fleet = scene.replica.fleet
    assert states(scene)[2] is EvState.DRIVING
    assert fleet.place[2] == Place(1, AB, pytest.approx(driven_km))
    assert (fleet.driven_km[2], fleet.driven_s[2]) == (pytest.approx(driven_km), 1800.0)
    assert scene.energies()[2] == pytest.approx(30.0 - 0.5 * driven_km)
    assert scene.replica.traffic.on_road == [1, 0, 0, 0]

    outcomes, _ = scene.slot(STAY, STAY, (WEST, 3.0, -0.7))
    assert outcomes[2] is ActionOutcome.IGNORED
    assert (fleet.driven_km[2], fleet.driven_s[2]) == (pytest.approx(driven_km), 1800.0)

    outcomes, (tally,) = scene.slot(STAY, STAY, (WEST, 3.0, -0.7), limit_kw=(48.0, 48.0))
    assert outcomes[2] is ActionOutcome.IGNORED
    assert scene.trips()[2] == (2, [AB], [0.0], 3637.5)
    assert fleet.driven_s[2] == 37.5
    # On arrival it does what it was told when it left: it charges. 1762.5 s at 48 kW would be 23.5 kWh, but it
    # holds 27 of 40: 16.25 drawn.
    assert tally.charged_kwh == pytest.approx(16.25, abs=1e-12)
    assert tally.busy_s == pytest.approx(16.25 / 48.0 * 3600.0)


def test_arriving_at_exactly_the_slots_end_belongs_to_the_next_slot() -> None:
    # 10 km in exactly one slot; congestion is off.
    roads = roads_of([(0, 0), (10, 0)], both_ways((0, 1, 10, 1800)), area_km=(10, 1))
    scene = Scene((0, 30.0), roads=roads, stations=(1,))
    _, (tally,) = scene.slot((EAST, 10.0, 1.0))
    fleet = scene.replica.fleet
    assert (states(scene), scene.trips()[0][3]) == ([EvState.DRIVING], None)
    assert (fleet.driven_km.tolist(), fleet.driven_s.tolist()) == ([10.0], [1800.0])
    assert scene.energies() == [25.0]
    assert scene.replica.visits == []
    assert tally == StationTally()
    # It still drives when the next slot begins, so its action is ignored; then it arrives, at the new limits.
    outcomes, (tally,) = scene.slot(STAY, limit_kw=(7.2, 0.0))
    assert outcomes == [ActionOutcome.IGNORED]
    assert scene.trips()[0][3] == 1800.0
    assert (fleet.driven_km.tolist(), fleet.driven_s.tolist()) == ([0.0], [0.0])
    assert (tally.charged_kwh, tally.busy_s) == (pytest.approx(3.6), 1800.0)


def test_energy_below_the_minimum_keeps_an_ev_where_it_is() -> None:
    # 9 km need 4.5 kWh.
    scene = Scene((0, 14.5), (0, 14.4))
    outcomes, _ = scene.slot((EAST, 9.0, 0.0), (EAST, 9.0, 0.0))
    assert outcomes == [ActionOutcome.DEPARTED, ActionOutcome.LOW_ENERGY]
    assert scene.energies() == [10.0, 14.4]
    assert scene.replica.fleet.place[1] == Place(0)


def test_an_ev_that_cannot_go_still_charges_where_it_is() -> None:
    scene = Scene((2, 20.0))
    outcomes, (tally,) = scene.slot((math.pi / 2, 9.0, 0.1))  # off road
    assert outcomes == [ActionOutcome.OFF_ROAD]
    assert tally.charged_kwh == pytest.approx(3.0)  # 6 kW for half an hour


# --------------------------------------------------------------------------------------------- stations


def test_arriving_just_as_another_is_told_to_ask_is_served_by_number() -> None:
    # EV 0 arrives at exactly 1800 s; EV 1, parked at the station, is told to charge at 1800 s.
    roads = roads_of([(0, 0), (10, 0)], both_ways((0, 1, 10, 1800)), area_km=(10, 1))
    scene = Scene((0, 30.0), (1, 30.0), roads=roads, stations=(1,))
    scene.slot((EAST, 10.0, 1.0), STAY)
    scene.slot(STAY, (0.0, 0.0, 1.0))
    plugged = {visit.ev: [r.plug_in_s for r in visit.requests] for visit in scene.replica.visits}
    # EV 0 needs (40 - 25) / 0.8 = 18.75 kWh: 1125 s at 60 kW.
    assert plugged == {1: [2925.0], 0: [1800.0]}


def test_a_departure_and_an_arrival_hand_the_charger_over() -> None:
    scene = Scene((2, 20.0), (2, 20.0))
    scene.slot((0.0, 0.0, 0.1), (0.0, 0.0, 0.1), limit_kw=(60.0, 0.0))
    assert states(scene) == [EvState.CHARGING, EvState.QUEUEING]
    _, (tally,) = scene.slot((WEST, 3.0, 0.1), (0.0, 0.0, 0.1), limit_kw=(60.0, 0.0))
    assert states(scene) == [EvState.PARKED, EvState.CHARGING]
    (ours, theirs) = (visit.requests for visit in scene.replica.visits)
    assert [(r.plug_in_s, r.plug_out_s) for r in (*ours, *theirs)] == [(0.0, 1800.0), (1800.0, None)]
    assert (tally.queue_s, tally.queue_max, tally.busy_s) == (0.0, 0, 1800.0)


@pytest.mark.parametrize(("share", "limit_kw"), [(0.1, (0.0, 9.0)), (-0.1, (9.0, 0.0)), (1e-3, (9.0, 9.0))])
def test_a_limit_of_zero_or_too_small_a_share_frees_the_charger_at_the_slots_start(
    share: float, limit_kw: tuple[float, float]
) -> None:
    scene = Scene((2, 20.0), (2, 20.0))
    before = math.copysign(0.1, share)
    scene.slot((0.0, 0.0, before), (0.0, 0.0, before), limit_kw=(9.0, 9.0))
    _, (tally,) = scene.slot((0.0, 0.0, share), (0.0, 0.0, share), limit_kw=limit_kw)
    ((ours,), (theirs,)) = (visit.requests for visit in scene.replica.visits)
    assert (ours.plug_in_s, ours.plug_out_s) == (0.0, 1800.0)
    assert (theirs.plug_in_s, theirs.plug_out_s) == (None, 1800.0)
    assert tally == StationTally()


def test_a_change_of_direction_keeps_the_charger() -> None:
    scene = Scene((2, 20.0))
    scene.slot((0.0, 0.0, 0.1))  # 6 kW: 3 kWh drawn, 2.4 stored
    scene.slot((0.0, 0.0, -0.1))  # 4 kW: 2 kWh fed in, 4 taken out
    ((request,),) = (visit.requests for visit in scene.replica.visits)
    assert (request.plug_in_s, request.plug_out_s) == (0.0, None)
    assert (request.charged_kwh, request.discharged_kwh) == (3.0, 2.0)
    assert scene.energies() == [pytest.approx(18.4)]


def test_a_battery_full_at_exactly_the_slots_end_frees_its_charger_as_the_next_slot_begins() -> None:
    # 12 kWh stored need 15 drawn: 30 kW for half an hour.
    scene = Scene((2, 28.0), (2, 20.0))
    _, (tally,) = scene.slot((0.0, 0.0, 0.5), (0.0, 0.0, 0.5))
    assert (tally.charged_kwh, tally.queue_s) == (15.0, 1800.0)
    assert states(scene) == [EvState.CHARGING, EvState.QUEUEING]
    scene.slot((0.0, 0.0, 0.5), (0.0, 0.0, 0.5))
    ((ours,), (theirs,)) = (visit.requests for visit in scene.replica.visits)
    assert (ours.plug_out_s, theirs.plug_in_s) == (1800.0, 1800.0)


def test_an_ev_that_passes_a_station_does_not_stop_there() -> None:
    scene = Scene((0, 30.0), stations=(1, 2))
    scene.slot((EAST, 9.0, 1.0))
    assert [(visit.station, visit.arrive_s) for visit in scene.replica.visits] == [(1, 956.25)]


def test_chargers_are_freed_before_they_are_asked_for() -> None:
    # EV 1 holds the only charger and frees it as EV 0 asks: EV 0 waits for no time.
    scene = Scene((2, 20.0), (2, 20.0))
    scene.slot(STAY, (0.0, 0.0, 0.1))
    _, (tally,) = scene.slot((0.0, 0.0, 0.1), STAY)
    assert (tally.queue_max, tally.queue_s, tally.busy_max, tally.busy_s) == (0, 0.0, 1, 1800.0)
    assert [r.queue_met for visit in scene.replica.visits for r in visit.requests] == [0, 0]


def test_a_battery_that_lasts_beyond_the_slot_leaves_nothing_to_happen_later() -> None:
    # 16 kWh stored need 20 drawn, 40 minutes at 30 kW: the rest is for the next slot, whatever it brings.
    scene = Scene((2, 24.0))
    scene.slot((0.0, 0.0, 0.5))
    assert states(scene) == [EvState.CHARGING]
    assert [time_s for time_s, *_ in scene.replica._env._queue if time_s > SLOT_S] == []
