"""Stations of a scenario: those that the fleet shares do for the fleet alone what its own do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from small_world import Case, arrays_of, cases

from cosim.traffic.accounts import TrafficSlot


def nearly_equal(one: object, other: object) -> None:
    expected = arrays_of(other)
    for name, values in arrays_of(one).items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-9, atol=1e-9, err_msg=name)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_a_shared_station_with_nobody_else_is_a_station(case: Case) -> None:
    own, shared = case.run((0, 3)), replace(case, shared=True).run((0, 3))
    for one, other in zip(own.slots, shared.slots, strict=True):
        nearly_equal(one.ev_book, other.ev_book)
        nearly_equal(one.station_book, other.station_book)
        assert visits(one) == visits(other)
    for before, after in zip(own.states, shared.states, strict=True):
        nearly_equal(before, after)


def visits(slot: TrafficSlot) -> list[tuple[object, ...]]:
    return [
        (
            visit.ev,
            visit.station,
            *(
                value if value is None else round(value, 6)
                for request in visit.requests
                for value in (request.request_s, request.plug_in_s, request.plug_out_s, request.queue_met)
            ),
        )
        for of_replica in slot.visits
        for visit in of_replica
    ]
