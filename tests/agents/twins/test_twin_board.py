"""A fleet on the bus decides as the same fleet on arrays, and knows nothing that was not sent."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from line_fleet import fleet, observe

import cosim
from agents.board import IntentionBoard, Intentions
from agents.telling import Telling
from agents.trained import AdmaddpgFleet, DtMaddpgFleet
from agents.twins.eavesdropper import Eavesdropper
from agents.twins.flows import flows_of
from agents.twins.twin_board import TwinBoard
from cosim.errors import ControllerError, MessageError
from cosim.experiment import run_episodes
from cosim.interface import Action, FleetSpec, Observation
from cosim.schedule import Schedule

SCENARIO = Path(__file__).parents[3] / "scenarios" / "outage_33bus.yaml"
UNIT_KWH = 0.25
EPISODES = 2
IN_UNITS = Telling(offer_unit_kwh=UNIT_KWH)


class Kept:
    """Lets a fleet decide, listens, and keeps what it did."""

    def __init__(self, spec: FleetSpec, **options: Any) -> None:
        self.spec, self.fleet = spec, DtMaddpgFleet(spec, offer_unit_kwh=UNIT_KWH, **options)
        self.listener = Eavesdropper(spec, self.fleet, "dt-maddpg")
        self.actions: list[Action] = []

    def act(self, observation: Observation) -> Action:
        self.actions.append(self.listener.act(observation))
        return self.actions[-1]


@cache
def ran(rounds: int, bus: str) -> Kept:
    """The fleet that ships, twelve EVs of it, in two episodes side by side."""
    system = cosim.load(SCENARIO, ["network.engine=lindistflow", "fleet.size=12"])
    kept = Kept(system.spec, rounds=rounds, bus=bus)
    run_episodes(
        system,
        kept,
        Schedule(tuple(range(EPISODES)), EPISODES, system.clock.slots),
    )
    return kept


@pytest.mark.parametrize(("rounds", "way"), [(0, "totals"), (3, "totals"), (3, "shares")])
def test_decisions_are_the_same_to_the_last_bit(rounds: int, way: str) -> None:
    on_arrays, on_bus = ran(rounds, ""), ran(rounds, way)
    assert len(on_bus.actions) == on_bus.spec.slots
    for one, other in zip(on_arrays.actions, on_bus.actions, strict=True):
        for name in ("heading_rad", "distance_km", "power_share"):
            assert getattr(one, name).tolist() == getattr(other, name).tolist()
    assert any(action.distance_km.any() for action in on_bus.actions)


@pytest.mark.parametrize("rounds", [0, 3])
def test_what_is_counted_afterwards_is_what_was_sent(rounds: int) -> None:
    """By class, sender and receiver: messages, bytes, and raw bytes that left."""
    on_bus = ran(rounds, "totals")
    assert isinstance(on_bus.fleet.board, TwinBoard)
    sent = on_bus.fleet.board.bus.report()
    counted = flows_of(on_bus.spec, on_bus.listener.overheard(), "messages")
    of_use = [flow for flow in counted["flows"] if flow["phase"] == "execution"]
    assert sent["flows"] == of_use
    assert (sent["slots"], sent["execution"]["raw_bytes_left"]) == (EPISODES * on_bus.spec.slots, 0)
    assert sent["execution"]["together"] == counted["execution"]["together"]
    assert not sent["refused"]


def test_fewer_rounds_are_fewer_totals() -> None:
    totals = {
        rounds: sum(
            flow["messages"]
            for flow in flows_of(ran(rounds, "").spec, ran(rounds, "").listener.overheard(), "messages")["flows"]
            if (flow["class"], flow["receiver"], flow["phase"]) == ("BoardTotals", None, "execution")
        )
        for rounds in (0, 3)
    }
    assert totals[3] < 0.8 * totals[0]


def board_of(evs: int = 2, telling: Telling = IN_UNITS) -> TwinBoard:
    board = TwinBoard(fleet(evs), telling)
    observation = observe([[0, 12][:evs]], 57.0)
    board.hear(observation)
    board.begin_slot(observation)
    return board


def intentions(*kwh: float, station: int = 0) -> Intentions:
    offer_kwh = np.zeros((1, 12))
    offer_kwh[0, : len(kwh)] = kwh
    return Intentions(np.array([station]), np.array([0]), offer_kwh)


def test_readers_see_what_stations_add_up() -> None:
    board, first, second = board_of(), np.array([0]), np.array([1])
    board.publish(first, first, intentions(-10.0, 5.0))
    board.publish(first, second, intentions(-2.6))
    assert board.fed_kwh[0, 0, :2].tolist() == [12.5, 0.0]
    assert board.drawn_kwh[0, 0, :2].tolist() == [0.0, 5.0]
    assert board.chargers[0, 0, :2].tolist() == [2, 1]
    # Who goes elsewhere takes back what it said, by a message to the station that it leaves.
    board.publish(first, first, intentions(-1.0, station=1))
    assert (board.fed_kwh[0, 0, 0], board.fed_kwh[0, 1, 0], board.drawn_kwh[0, 0, 1]) == (2.5, 1.0, 0.0)
    sent = {flow["class"]: flow["messages"] for flow in board.bus.report()["flows"] if flow["receiver"] is None}
    assert sent["Intention"] == 4


def test_who_hears_prices_knows_about_what_is_left() -> None:
    board, first = TwinBoard(fleet(2), IN_UNITS, "prices"), np.array([0])
    observation = observe([[0, 12]], 57.0, deficit_kw=(40.0, 0.0, 0.0))
    board.hear(observation)
    board.begin_slot(observation)
    board.publish(first, first, intentions(-10.0, station=0))
    assert board.fed_kwh[0, 0, :2] == pytest.approx([10.0, 0.0], abs=0.5)
    assert board.chargers[0, 0, :2].tolist() == [1, 0]
    flows = {(f["class"], f["sender"], f["receiver"]) for f in board.bus.report()["flows"] if f["receiver"]}
    assert ("BoardTotals", "station", "core") in flows
    assert ("StationPrice", "core", "twin") in flows
    assert ("BoardTotals", "station", "twin") not in flows


def test_what_the_bus_counted_stands_for_use() -> None:
    on_bus = ran(3, "shares")
    used = on_bus.listener.bus
    assert used is not None
    found = flows_of(on_bus.spec, on_bus.listener.overheard(), "messages", used=used)
    assert found["execution"] == used.report(raw_bytes_produced=1)["execution"]
    assert {flow["class"] for flow in found["flows"] if flow["phase"] == "training"} >= {"Intention", "Forecast"}
    assert "Intention" not in {flow["class"] for flow in found["flows"] if flow["phase"] == "execution"}


def test_by_shares_nobody_hears_an_intention() -> None:
    flows = {(f["class"], f["sender"], f["receiver"]) for f in used_flows(ran(3, "shares")) if f["receiver"]}
    assert ("IntentionShare", "twin", "twin") in flows
    assert ("BoardTotals", "core", "twin") in flows
    assert not any(receiver == "station" for _, _, receiver in flows)


def test_what_was_declared_says_what_it_comes_from() -> None:
    bus = ran(3, "shares").listener.bus
    assert bus is not None
    declared = [each for each in bus.report()["declared"] if "what a vehicle means to do" in each["because"]]
    assert all("TwinState.energy_kwh" in each["sources"] and each["was"] == "raw" for each in declared)
    assert declared


def used_flows(kept: Kept) -> list[dict[str, Any]]:
    assert kept.listener.bus is not None
    flows: list[dict[str, Any]] = kept.listener.bus.report()["flows"]
    return flows


def shipped(**options: Any) -> DtMaddpgFleet:
    return DtMaddpgFleet(cosim.load(SCENARIO).spec, **options)


def test_too_few_to_hide_among_is_refused_with_the_number() -> None:
    with pytest.raises(ControllerError, match="bus: shares need a committee of 5 EVs, got 2"):
        TwinBoard(fleet(2), IN_UNITS, "shares")
    with pytest.raises(ControllerError, match="shares hide an EV among those that decide with it"):
        shipped(bus="shares")
    assert isinstance(shipped(bus="shares", rounds=6).board, TwinBoard)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"fleet_size": 256}, "messages can tell of 255 EVs at most, got 256"),
        ({"slots": 288}, "messages can tell of 255 slots at most, got 288"),
    ],
)
def test_what_does_not_fit_into_messages_is_refused_at_once(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ControllerError, match=problem):
        TwinBoard(replace(fleet(2), **changes), IN_UNITS)


@pytest.mark.parametrize("options", [{"rounds": True}, {"rounds": -1}, {"rounds": 1.0}, {"bus": False}, {"bus": 0}])
def test_options_that_are_neither_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ControllerError, match=r"controller.options.(rounds|bus): must be"):
        shipped(**options)
    assert isinstance(shipped(bus=None).board, IntentionBoard)


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(
        ControllerError, match=r"controller.options.bus: must be one of totals, prices, shares, got 'true'"
    ):
        DtMaddpgFleet(cosim.load(SCENARIO).spec, bus="true")


def test_a_raw_value_in_an_intention_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for planted, problem in (
        (lambda values, because: values, r"Intention.arrival is derived, and twin 0 gives a raw value from TwinState"),
        (lambda values, because: np.asarray(values), r"Intention.arrival: twin 0 gives a value without a mark"),
    ):
        monkeypatch.setattr("agents.twins.collecting.derived", planted)
        with pytest.raises(MessageError, match=problem):
            board_of().publish(np.array([0]), np.array([0]), intentions(-10.0))


def test_what_no_message_tells_of_has_no_values() -> None:
    known = TwinBoard(fleet(2), IN_UNITS).hear(observe([[0, 12]], [[57.0, 20.0]], slot=3))
    assert known.energy_kwh.tolist() == [[57.0, 20.0]]
    assert known.deficit_forecast_kw.tolist() == observe([[0, 12]], 57.0, slot=3).deficit_forecast_kw.tolist()
    assert known.road_flow_vph.size == known.queue_length.size == known.shed_kw.size == 0


def test_who_sees_more_than_messages_tell_cannot_run_on_the_bus() -> None:
    problem = (
        r"controller.options.bus: admaddpg sees more than messages tell; on the bus run maddpg-messages, dt-maddpg"
    )
    with pytest.raises(ControllerError, match=problem):
        AdmaddpgFleet(cosim.load(SCENARIO).spec, bus="totals")


@pytest.mark.parametrize("telling", [Telling(latency_slots=1), Telling(loss=0.1)])
def test_messages_that_are_late_or_lost_are_refused(telling: Telling) -> None:
    with pytest.raises(ControllerError, match="leave message_latency_h and message_loss out"):
        TwinBoard(fleet(), telling)


def test_the_unit_is_one_in_which_all_offers_fit() -> None:
    strong = replace(fleet(), charge_kw=200.0)
    board = TwinBoard(strong, Telling())
    board.begin(1)
    board.publish(np.array([0]), np.array([0]), intentions(100.0))
    assert board.drawn_kwh[0, 0, 0] == pytest.approx(100.0)
    with pytest.raises(ControllerError, match=r"count to 127 units, and an EV can offer 100 kWh .* at least 0.787"):
        TwinBoard(strong, IN_UNITS)
