"""What a fleet sends is counted as the messages themselves would be."""

from __future__ import annotations

import numpy as np
from line_fleet import fleet

from agents.ev_vector import EvVector
from agents.twins.bus import MessageBus
from agents.twins.eavesdropper import Overheard
from agents.twins.flows import flows_of
from agents.twins.message import Intention
from agents.twins.node import Node, Population, Role
from agents.twins.taint import derived
from agents.twins.traffic_count import Phase

SPEC = fleet(4)


def overheard(episodes: int = 2) -> Overheard:
    generator, slots, evs = np.random.default_rng(0), SPEC.slots, SPEC.fleet_size
    shape = (episodes, slots, evs)
    offers = generator.uniform(-20.0, 20.0, (*shape, slots)) * (generator.random((*shape, slots)) < 0.3)
    sums = np.zeros((episodes, slots, 3, slots))
    return Overheard(
        decided=(generator.random(shape) < 0.8).astype(np.int64),
        station=generator.integers(-1, 3, shape),
        arrival=np.zeros(shape, dtype=np.int64),
        offer_kwh=offers,
        fed_kwh=sums,
        drawn_kwh=sums,
        position_km=np.zeros((*shape, 2)),
        energy_kwh=np.full(shape, 30.0),
    )


def test_intentions_are_counted_as_they_would_be_sent() -> None:
    heard = overheard()
    counted = flows_of(SPEC, heard, "messages")
    bus = MessageBus(Population(SPEC.fleet_size, 3, 3))
    for episode, slot, ev in np.argwhere(heard.decided > 0):
        station = int(heard.station[episode, slot, ev])
        if station < 0:
            continue
        offers = np.trim_zeros(np.round(heard.offer_kwh[episode, slot, ev][slot:] * 6.0), "b").astype(np.int64)
        message = Intention(
            pseudonym=int(ev),
            slot=int(slot),
            arrival=derived(np.array(0), because="a test"),
            offers=derived(offers, because="a test"),
        )
        bus.send(Node(Role.TWIN, int(ev)), Node(Role.STATION, station), message, Phase.EXECUTION)
    flows = [flow for flow in bus.report()["flows"] if flow["receiver"] is None]
    also = [
        f for f in counted["flows"] if f["class"] == "Intention" and f["phase"] == "execution" and not f["receiver"]
    ]
    assert also == flows


def test_raw_bytes_leave_only_where_the_core_learns_from_them() -> None:
    heard = overheard()
    raw, messages = (flows_of(SPEC, heard, shares)["training"] for shares in ("raw", "messages"))
    assert messages["raw_bytes_left"] == 0
    assert messages["data_decentralisation"] == 1.0
    per_ev_slot = 4 * (2 * EvVector(SPEC).length + 4)
    assert raw["raw_bytes_left"] == 2 * SPEC.slots * SPEC.fleet_size * per_ev_slot
    assert raw["data_decentralisation"] == 0.0
