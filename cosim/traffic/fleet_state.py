"""What an observation tells of EVs, stations and roads."""

from __future__ import annotations

from dataclasses import dataclass

from cosim.interface import Floats, Ints


@dataclass(frozen=True)
class FleetState:
    """Where every EV is when a slot begins, and what goes on at stations and on roads.

    Attributes:
        position_km: Position on the map [km], shape [R, I, 2].
        edge: Directed road that the EV is on, -1 at a node, shape [R, I].
        node: Node, or the end of the road, shape [R, I].
        offset_km: Driven on that road [km], shape [R, I].
        energy_kwh: Energy in the battery [kWh], shape [R, I].
        station: Station that the EV is at, -1 elsewhere, shape [R, I].
        destination: Station that a driving EV goes to, -1 for none, shape [R, I].
        state: What the EV is doing, shape [R, I].
        queue_length: EVs waiting, shape [R, H].
        chargers_busy: Chargers in use, shape [R, H].
        road_flow_vph: Flow on each directed road [vehicles/h], shape [R, E].
        departure_h: Time until an EV leaves for the day [h], 0 once it has, shape [R, I]; None if EVs do not commute.
    """

    position_km: Floats
    edge: Ints
    node: Ints
    offset_km: Floats
    energy_kwh: Floats
    station: Ints
    destination: Ints
    state: Ints
    queue_length: Ints
    chargers_busy: Ints
    road_flow_vph: Floats
    departure_h: Floats | None = None
