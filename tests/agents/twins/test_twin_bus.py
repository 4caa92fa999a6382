"""The bus: who gets what, what is counted, what is refused, late, lost."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from agents.twins.bus import MessageBus
from agents.twins.channel import Channel
from agents.twins.message import (
    LAYOUTS,
    BoardTotals,
    Forecast,
    Intention,
    Message,
    RawUpload,
    StationPrice,
    TwinState,
    Weights,
    encode,
    lengths_of,
    private_bytes,
    size_bytes,
)
from agents.twins.node import Node, Population, Role
from agents.twins.taint import derived, mark_of, marked
from agents.twins.traffic_count import Phase, jain
from cosim.errors import MessageError
from cosim.interface import Visibility

POPULATION = Population(evs=3, stations=2, microgrids=1)
CORE, STATION, TWIN, VEHICLE = Node(Role.CORE), Node(Role.STATION, 1), Node(Role.TWIN, 2), Node(Role.VEHICLE, 2)
EXECUTION, TRAINING = Phase.EXECUTION, Phase.TRAINING


def intention(arrival: int = 1, slot: int = 0) -> Intention:
    because = "a test's"
    return Intention(9, slot, derived(arrival, because=because), derived(np.array([1, -2]), because=because))


def price(value: int = 254) -> StationPrice:
    return StationPrice(1, 0, *np.full((2, 2), value), np.ones(2, dtype=int))


def state(energy_kwh: float = 30.0) -> TwinState:
    raw: dict[str, Any] = {"offset_km": 0.0, "station": -1, "destination": 1, "state": 1, "edge": 3, "node": 4}
    return TwinState(0, np.array([1.0, 2.0]), energy_kwh=energy_kwh, **raw)


def upload() -> RawUpload:
    return RawUpload(9, 0, np.ones(5), np.ones(3), -1.0, np.ones(5))


def test_the_receiver_gets_what_was_on_the_wire() -> None:
    bus = MessageBus(POPULATION)
    arrived = bus.send(CORE, STATION, price(), EXECUTION)
    assert arrived[STATION].feed.tolist() == [254, 254]
    latest = bus.latest(STATION, CORE, StationPrice)
    assert latest is not None
    assert latest.message is arrived[STATION]
    assert bus.latest(STATION, Node(Role.STATION, 0), StationPrice) is None
    assert bus.latest(CORE, CORE, StationPrice) is None


def test_the_last_of_each_sender_is_kept() -> None:
    bus = MessageBus(POPULATION)
    for ev in (2, 0, 2):
        bus.send(Node(Role.TWIN, ev), STATION, intention(arrival=ev + bus.slot), EXECUTION)
        bus.begin_slot(bus.slot + 1)
    found = bus.all_latest(STATION, Intention)
    assert [(each.sender.number, each.sent_slot, each.age_slots) for each in found] == [(0, 1, 2), (2, 2, 1)]
    bus.begin_slot(0)
    assert bus.all_latest(STATION, Intention) == []


def test_a_broadcast_is_sent_once_and_received_by_each() -> None:
    bus = MessageBus(POPULATION)
    size = len(encode(price()))
    bus.send(STATION, POPULATION.nodes(), price(), EXECUTION)
    report = bus.report()
    sent = [row for row in report["flows"] if row["receiver"] is None]
    assert [(row["messages"], row["bytes"]) for row in sent] == [(1, size)]
    received = {row["receiver"]: row["messages"] for row in report["flows"] if row["receiver"]}
    assert received == {"vehicle": 3, "twin": 3, "station": 1, "microgrid": 1, "core": 1}
    assert report["nodes"]["station 0"]["StationPrice"] == {"received_messages": 1, "received_bytes": size}
    assert report["nodes"]["station 1"]["StationPrice"] == {"sent_messages": 1, "sent_bytes": size}
    assert json.loads(json.dumps(report)) == report


def test_raw_state_stays_with_its_owner() -> None:
    bus = MessageBus(POPULATION)
    arrived = bus.send(VEHICLE, TWIN, state(), EXECUTION)
    for other in (Node(Role.TWIN, 1), Node(Role.TWIN, 0)):
        with pytest.raises(MessageError, match=r"TwinState from vehicle 2 to twin .: raw values stay with their"):
            bus.send(VEHICLE, other, state(), EXECUTION)
    with pytest.raises(MessageError, match="RawUpload from vehicle 2 to core 0: raw values"):
        bus.send(VEHICLE, CORE, upload(), TRAINING)
    report = bus.report(raw_bytes_produced=100)
    assert report["execution"]["raw_bytes_left"] == 0
    assert report["execution"]["data_decentralisation"] == 1.0
    assert report["refused"] == {"raw leaves owner": 3}
    # What the twin was given is raw in its hands.
    assert mark_of(arrived[TWIN].energy_kwh * 2).sources == {"TwinState.energy_kwh"}
    assert mark_of(arrived[TWIN].slot).visibility == "unmarked"


def test_uploads_of_raw_values_are_counted_where_they_are_allowed() -> None:
    bus = MessageBus(POPULATION, raw_uploads=True)
    bus.send(VEHICLE, TWIN, state(), EXECUTION)
    arrived = bus.send(VEHICLE, CORE, upload(), TRAINING)
    raw_bytes = 4 * (5 + 3 + 1 + 5)
    report = bus.report(raw_bytes_produced=2 * raw_bytes)
    assert report["training"]["raw_bytes_left"] == raw_bytes
    assert report["training"]["data_decentralisation"] == 0.5
    # Half of the bytes are with the core, the other half evenly with three vehicles.
    assert report["training"]["data_entropy_bits"] == pytest.approx(1.0 + 0.5 * np.log2(3))
    assert report["execution"]["data_entropy_bits"] == pytest.approx(np.log2(3))
    assert report["execution"]["raw_bytes_left"] == 0
    with pytest.raises(MessageError, match=r"Weights.values is public, and core 0 gives a raw value"):
        bus.send(CORE, TWIN, Weights(0, arrived[CORE].observation), TRAINING)


@pytest.mark.parametrize(
    ("sender", "receiver", "message"),
    [
        (TWIN, CORE, intention()),
        (TWIN, Node(Role.TWIN, 1), intention()),
        (CORE, STATION, intention()),
        (TWIN, STATION, price()),
        (CORE, STATION, Weights(0, np.ones(2))),
        (TWIN, STATION, state()),
    ],
)
def test_a_class_goes_only_the_ways_that_it_is_declared_for(sender: Node, receiver: Node, message: Message) -> None:
    bus = MessageBus(POPULATION, raw_uploads=True)
    with pytest.raises(MessageError, match="is not sent from a"):
        bus.send(sender, receiver, message, EXECUTION)
    assert bus.refused == {"way not declared": 1}


def test_no_class_brings_what_one_ev_means_to_do_to_the_core() -> None:
    to_core = {layout.name for layout in LAYOUTS.values() if Role.CORE in layout.receivers}
    from_evs = {layout.name for layout in LAYOUTS.values() if layout.senders & {Role.TWIN, Role.VEHICLE}}
    assert to_core & from_evs == {"RawUpload", "ShareHolding", "ShareSum"}


def test_unknown_nodes_are_refused() -> None:
    bus = MessageBus(POPULATION)
    for sender, receiver in (
        (Node(Role.TWIN, 3), STATION),
        (TWIN, Node(Role.STATION, 2)),
        (TWIN, Node(Role.STATION, -1)),
    ):
        with pytest.raises(MessageError, match="there is no"):
            bus.send(sender, receiver, intention(), EXECUTION)


def test_a_raw_value_in_a_public_field_is_refused() -> None:
    bus = MessageBus(POPULATION)
    slot = marked(3, Visibility.RAW, "Observation.station")
    message = Intention(9, slot, derived(1, because="a test's"), derived([1], because="a test's"))  # type: ignore[arg-type]
    with pytest.raises(
        MessageError, match=r"Intention.slot is public, and twin 2 gives a raw value.*Observation.station"
    ):
        bus.send(TWIN, STATION, message, EXECUTION)
    assert bus.refused == {"raw value": 1}


def test_a_twin_that_predicts_nan_is_refused_at_the_sender() -> None:
    bus = MessageBus(POPULATION)
    bad = Intention(9, 0, derived(1, because="a test's"), derived(np.array([np.nan]), because="a test's"))
    with pytest.raises(MessageError, match="NaN"):
        bus.send(TWIN, STATION, bad, EXECUTION)
    with pytest.raises(MessageError, match="NaN"):
        bus.send(CORE, STATION, price(float("nan")), EXECUTION)
    assert bus.refused == {"invalid value": 2}
    assert bus.report()["flows"] == []
    assert bus.all_latest(STATION, Intention) == []


def test_a_replayed_or_reordered_message_is_refused_and_counted() -> None:
    bus = MessageBus(POPULATION)
    bus.send(TWIN, STATION, intention(arrival=1), EXECUTION)
    bus.send(TWIN, STATION, intention(arrival=2), EXECUTION)
    for sequence in (0, 1):
        with pytest.raises(MessageError, match=f"replayed or out of order, number {sequence} came after 1"):
            bus.receive(TWIN, STATION, encode(intention(arrival=9), sequence), EXECUTION)
    (latest,) = bus.all_latest(STATION, Intention)
    assert isinstance(latest.message, Intention)
    assert latest.message.arrival == 2
    assert bus.refused == {"replayed or out of order": 2}
    # Each sender and class has its own numbers.
    bus.send(Node(Role.TWIN, 1), STATION, intention(), EXECUTION)
    bus.begin_slot(0)
    with pytest.raises(MessageError, match="replayed"):
        bus.receive(TWIN, STATION, encode(intention(), 1), EXECUTION)
    with pytest.raises(MessageError, match="no message"):
        bus.receive(TWIN, STATION, b"junk", EXECUTION)


def test_a_late_message_arrives_slots_later_with_its_age() -> None:
    bus = MessageBus(POPULATION, apart={Forecast: Channel(latency_slots=2)})
    sender, receiver = Node(Role.MICROGRID), CORE
    ages: list[tuple[float, int] | None] = []
    for slot in range(5):
        bus.begin_slot(slot)
        if slot != 1:
            sent = bus.send(sender, receiver, Forecast(0, slot, np.array([float(slot)]), np.ones(1)), EXECUTION)
            assert sent == {}
        found = bus.latest(receiver, sender, Forecast)
        ages.append(None if found is None else (float(found.message.deficit_kw[0]), found.age_slots))  # type: ignore[attr-defined]
    assert ages == [None, None, (0.0, 2), (0.0, 3), (2.0, 2)]
    assert bus.send(CORE, STATION, price(), EXECUTION)
    bus.begin_slot(0)
    assert bus.undelivered == 2
    bus.begin_slot(9)
    assert bus.latest(receiver, sender, Forecast) is None


def test_loss_is_each_receivers_own_and_the_same_for_the_same_seed() -> None:
    def arrivals(seed: int) -> list[list[int]]:
        bus = MessageBus(POPULATION, channel=Channel(loss=0.4, seed=seed))
        twins = POPULATION.nodes(Role.TWIN)
        found = [[node.number for node in bus.send(CORE, twins, price(), EXECUTION)] for _ in range(200)]
        assert bus.lost + sum(map(len, found)) == 600
        return found

    assert arrivals(1) == arrivals(1) != arrivals(2)
    assert 300 < sum(map(len, arrivals(1))) < 420
    assert {1, 2} <= {len(each) for each in arrivals(1)}


@pytest.mark.parametrize("options", [{"latency_slots": -1}, {"loss": 1.1}, {"loss": float("nan")}])
def test_a_channel_that_cannot_be_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(MessageError, match="a channel needs"):
        Channel(**options)


def test_counting_without_writing_counts_what_sending_counts() -> None:
    generator = np.random.default_rng(3)
    sent, counted = (MessageBus(POPULATION, raw_uploads=True) for _ in range(2))
    length = generator.integers(0, 255, 300)
    ev, station = generator.integers(0, 3, 300), generator.integers(0, 2, 300)
    for n in range(300):
        offers = derived(np.zeros(length[n], dtype=int), because="a test's")
        message = Intention(1, 0, derived(1, because="a test's"), offers)
        sent.send(Node(Role.TWIN, int(ev[n])), Node(Role.STATION, int(station[n])), message, EXECUTION)
        raw = RawUpload(1, 0, np.zeros(length[n]), np.zeros(3), 0.0, np.zeros(length[n]))
        sent.send(Node(Role.VEHICLE, int(ev[n])), CORE, raw, TRAINING)
        totals = BoardTotals(0, 0, *np.zeros((3, 12), dtype=int))
        to = POPULATION.nodes(Role.TWIN, Role.STATION)
        sent.send(Node(Role.STATION, int(station[n])), to, totals, EXECUTION)
    counted.count(Intention, Role.TWIN, Role.STATION, EXECUTION, {"offers": length}, senders=ev, receivers=station)
    lengths = {"observation": length, "action": 3, "following": length}
    zeros = np.zeros(300, dtype=np.int64)
    counted.count(RawUpload, Role.VEHICLE, Role.CORE, TRAINING, lengths, senders=ev, receivers=zeros)
    lengths = {"drawn": 12, "fed": 12, "chargers": 12}
    for role, receivers in ((Role.TWIN, np.arange(3)), (Role.STATION, np.arange(2))):
        counted.count(
            BoardTotals,
            Role.STATION,
            role,
            EXECUTION,
            lengths,
            senders=station,
            receivers=receivers,
            broadcast=True,
            sent_already=role == Role.STATION,
        )
    # Counting knows no reasons.
    assert {**sent.report(), "declared": []} == {**counted.report(), "declared": []}


def test_counting_refuses_what_sending_refuses() -> None:
    bus = MessageBus(POPULATION)
    one = np.array([1])
    lengths = {"observation": 5, "action": 3, "following": 5}
    with pytest.raises(MessageError, match="raw values stay"):
        bus.count(RawUpload, Role.VEHICLE, Role.CORE, TRAINING, lengths, senders=one, receivers=one - 1)
    with pytest.raises(MessageError, match="is not sent"):
        bus.count(Intention, Role.TWIN, Role.CORE, TRAINING, {"offers": 3}, senders=one, receivers=one - 1)
    bus.count(TwinState, Role.VEHICLE, Role.TWIN, EXECUTION, {"position_km": 2}, senders=one, receivers=one)
    with pytest.raises(MessageError, match="raw values stay"):
        bus.count(TwinState, Role.VEHICLE, Role.TWIN, EXECUTION, {"position_km": 2}, senders=one, receivers=one + 1)
    assert bus.report()["execution"]["raw_bytes_left"] == 0
    assert [row["messages"] for row in bus.report()["flows"]] == [1, 1]


def test_sizes_of_thousands_of_random_messages_are_those_of_the_bytes() -> None:
    generator = np.random.default_rng(5)
    for layout in LAYOUTS.values():
        for _ in range(300):
            values = {
                each.name: np.zeros(
                    generator.integers(each.least, min(each.most, max(each.least, 400)) + 1), each.wire.dtype
                )
                if each.is_list
                else 0
                for each in layout.fields
            }
            message = layout.kind(**values)
            lengths = lengths_of(message)
            assert len(encode(message, int(generator.integers(2**32)))) == size_bytes(layout.kind, lengths)
            raw = sum(each.wire.width * lengths.get(each.name, 1) for each in layout.fields if each.visibility == "raw")
            assert private_bytes(layout.kind, lengths) == raw


def test_the_report_says_how_even_the_load_is_with_and_without_weights() -> None:
    bus = MessageBus(POPULATION)
    bus.begin_slot(0, replicas=4)
    for ev in range(3):
        bus.send(Node(Role.TWIN, ev), STATION, intention(), EXECUTION)
    bus.send(CORE, POPULATION.nodes(Role.TWIN), Weights(0, np.zeros(1000)), EXECUTION)
    report = bus.report()["execution"]
    plain, together = report["without_weights"], report["together"]
    size = len(encode(intention()))
    assert plain["balance"]["busiest"] == "station 1"
    assert plain["balance"]["busiest_share"] == 0.5
    assert plain["balance"]["busiest_over_mean"] == 0.5 * 10
    assert plain["balance"]["jain"] == pytest.approx(6**2 / (10 * (3 + 9)))
    assert plain["balance"]["jain_by_role"]["twin"] == 1.0
    assert plain["balance"]["jain_by_role"]["core"] is None
    assert plain["per_ev_and_slot"] == {
        "sent_messages": 3 / 12,
        "sent_bytes": 3 * size / 12,
        "received_messages": 0.0,
        "received_bytes": 0.0,
    }
    assert together["balance"]["bytes"] > 12_000
    assert together["per_ev_and_slot"]["received_messages"] == 3 / 12
    assert bus.report()["training"]["together"]["balance"]["busiest"] is None


def test_a_twin_in_its_vehicle_is_one_node_with_it() -> None:
    bus = MessageBus(POPULATION)
    bus.send(VEHICLE, TWIN, state(), EXECUTION)
    bus.send(TWIN, STATION, intention(), EXECUTION)
    size = len(encode(intention()))
    found = bus.report()["execution"]["together"]
    assert found["balance"]["bytes"] == 2 * (size + len(encode(state())))
    assert found["balance_on_board"]["bytes"] == 2 * size
    assert found["balance_on_board"]["busiest"] == "vehicle 2"
    # Three vehicles with their twins, two stations, a microgrid and the core; two of them have all.
    assert found["balance_on_board"]["busiest_over_mean"] == 0.5 * 7
    assert "twin" not in found["balance_on_board"]["jain_by_role"]


def test_jain() -> None:
    assert jain(np.array([2.0, 2.0])) == 1.0
    assert jain(np.array([1.0, 0.0, 0.0, 0.0])) == 0.25
    assert jain(np.zeros(3)) is None
