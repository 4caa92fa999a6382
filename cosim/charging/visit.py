"""A vehicle's stay at a station, and its requests for a charger while it is there."""

from __future__ import annotations

from dataclasses import dataclass, field

from simpy import Event

from cosim.charging.battery import Battery
from cosim.charging.shared_station import FleetCustomer
from cosim.interface import EvState


class Request:
    """A vehicle asks for a charger, waits, is plugged in, and frees it.

    Args:
        ev: Number of the EV.
        battery: Its battery.
        wanted_kw: Power that it asks for, at the charger [kW], > 0 charges, not zero.
        request_s: Time of asking [s].
    """

    __slots__ = (
        "at_bound",
        "battery",
        "charged_kwh",
        "discharged_kwh",
        "ev",
        "plug_in_s",
        "plug_out_s",
        "power_kw",
        "queue_met",
        "request_s",
        "set_until_s",
        "since_s",
        "wanted_kw",
    )

    def __init__(self, ev: int, battery: Battery, wanted_kw: float, request_s: float) -> None:
        self.ev = ev
        self.battery = battery
        self.wanted_kw = wanted_kw
        self.request_s = request_s
        self.queue_met = 0
        self.plug_in_s: float | None = None
        self.plug_out_s: float | None = None
        self.power_kw = 0.0
        self.since_s = request_s
        self.set_until_s = -1.0
        self.charged_kwh = 0.0
        self.discharged_kwh = 0.0
        self.at_bound: Event | None = None
        """What happens when this power has brought the battery to its bound, if it does in this slot."""

    @property
    def ended(self) -> bool:
        """Whether the charger, or the place in the queue, is free again."""
        return self.plug_out_s is not None

    @property
    def state(self) -> EvState:
        """What the vehicle is doing."""
        if self.plug_out_s is not None:
            return EvState.PARKED
        if self.plug_in_s is None:
            return EvState.QUEUEING
        return EvState.CHARGING if self.wanted_kw > 0.0 else EvState.DISCHARGING


#: Of a station for the fleet alone, or of one that it shares.
ChargerRequest = Request | FleetCustomer


@dataclass(slots=True)
class Visit:
    """A stay at a station.

    Attributes:
        ev: Number of the EV.
        station: Number of the station.
        arrive_s: Time of arrival [s].
        depart_s: Time of departure [s]; None while it is there.
        requests: Its requests for a charger, in order.
    """

    ev: int
    station: int
    arrive_s: float
    depart_s: float | None = None
    requests: list[ChargerRequest] = field(default_factory=list)

    @property
    def open_request(self) -> ChargerRequest | None:
        """The request that holds a charger or a place in the queue, if any."""
        if self.requests:
            request = self.requests[-1]
            if request.plug_out_s is None:
                return request
        return None
