"""What a fleet sends is counted; that it is counted as the messages would be is in test_twin_board.py."""

from __future__ import annotations

import numpy as np
import pytest
from line_fleet import fleet

from agents.ev_vector import EvVector
from agents.twins.eavesdropper import Overheard
from agents.twins.flows import flows_of
from agents.twins.message import Weights, size_bytes

SPEC = fleet(4)


def overheard(episodes: int = 2) -> Overheard:
    generator, slots, evs = np.random.default_rng(0), SPEC.slots, SPEC.fleet_size
    shape = (episodes, slots, evs)
    offers = generator.uniform(-20.0, 20.0, (*shape, slots)) * (generator.random((*shape, slots)) < 0.3)
    sums = np.zeros((episodes, slots, 3, slots))
    return Overheard(
        decided=(generator.random(shape) < 0.8).astype(np.int64),
        turn=np.broadcast_to(np.arange(evs), shape),
        station=generator.integers(-1, 3, shape),
        arrival=np.zeros(shape, dtype=np.int64),
        offer_kwh=offers,
        fed_kwh=sums,
        drawn_kwh=sums,
        position_km=np.zeros((*shape, 2)),
        energy_kwh=np.full(shape, 30.0),
    )


def test_weights_are_handed_on_once_a_round_unless_each_learns_alone() -> None:
    heard, size = overheard(), size_bytes(Weights, {"values": 1000})
    for shares, rounds in (("messages", 1), ("raw", 1), ("nothing", 0)):
        found = flows_of(SPEC, heard, shares, weights=1000)["training"]
        with_weights, without = (
            found[name]["per_ev_and_slot"]["received_bytes"] for name in ("together", "without_weights")
        )
        assert (with_weights - without) * 2 * SPEC.slots == pytest.approx(rounds * size)


def test_who_decides_alone_tells_nobody_what_it_intends() -> None:
    found = flows_of(SPEC, overheard(), "nothing", alone=True)
    assert {flow["class"] for flow in found["flows"]} == {"TwinState", "StationLimit", "Forecast"}


def test_raw_bytes_leave_only_where_the_core_learns_from_them() -> None:
    heard = overheard()
    raw, messages = (flows_of(SPEC, heard, shares)["training"] for shares in ("raw", "messages"))
    assert messages["raw_bytes_left"] == 0
    assert messages["data_decentralisation"] == 1.0
    per_ev_slot = 4 * (2 * EvVector(SPEC).length + 4)
    assert raw["raw_bytes_left"] == 2 * SPEC.slots * SPEC.fleet_size * per_ev_slot
    assert raw["data_decentralisation"] == 0.0
    assert (messages["data_entropy_bits"], raw["data_entropy_bits"]) == (2.0, 0.0)
