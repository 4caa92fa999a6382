"""Visits and their requests."""

from cosim.charging.battery import Battery, BatteryKind
from cosim.charging.visit import Request, Visit

BATTERY = Battery(BatteryKind(0.0, 60.0, 1.0, 1.0), 30.0)


def test_a_visit_without_requests_has_none_open() -> None:
    assert Visit(ev=0, station=0, arrive_s=5.0).open_request is None


def test_the_last_request_is_open_until_it_ends() -> None:
    visit = Visit(ev=0, station=0, arrive_s=5.0)
    first, second = Request(0, BATTERY, 10.0, 5.0), Request(0, BATTERY, -10.0, 9.0)
    visit.requests.append(first)
    assert visit.open_request is first
    first.plug_out_s = 7.0
    assert first.ended
    assert visit.open_request is None
    visit.requests.append(second)
    assert visit.open_request is second


def test_a_request_that_ends_at_time_zero_has_ended() -> None:
    request = Request(0, BATTERY, 10.0, 0.0)
    request.plug_out_s = 0.0
    assert request.ended
