"""What a fleet sends, message by message, as the bus counts it: in use, and where it is trained."""

from __future__ import annotations

from typing import Any

import numpy as np

from agents.catalogue import Shares
from agents.ev_vector import EvVector
from agents.twins.bus import MessageBus
from agents.twins.eavesdropper import Overheard
from agents.twins.message import BoardTotals, Forecast, Intention, RawUpload, TwinState
from agents.twins.node import Population, Role
from agents.twins.traffic_count import Phase
from cosim.interface import FleetSpec

#: Numbers of an action in an upload: heading, distance and power.
ACTION = 3


def flows_of(spec: FleetSpec, heard: Overheard, shares: Shares) -> dict[str, Any]:
    """Count what went, and in training would go, over the bus.

    In use each EV that decides sends its intention to its station, which tells everybody its new totals from that
    slot on; microgrids tell their forecasts once a slot, and each vehicle its state to its own twin. In training the
    same goes on, and raw observations go to the core if it learns from them. Weights are not counted: they are the
    same for all fleets with the same networks.

    Args:
        spec: The fleet.
        heard: What the fleet said.
        shares: What whoever trains is told.

    Returns:
        What `MessageBus.report` gives.
    """
    population = Population(spec.fleet_size, len(spec.station_name), len(spec.microgrid_name))
    bus = MessageBus(population, raw_uploads=shares == "raw")
    episodes, slots, evs = heard.decided.shape
    raw_bytes = 0
    for slot in range(slots):
        bus.begin_slot(slot, replicas=episodes)
        for phase in Phase:
            _count_slot(bus, spec, heard, slot, phase)
        if shares == "raw":
            _count_uploads(bus, spec, episodes, evs)
        raw_bytes += episodes * evs * _upload_bytes(spec)
    return bus.report(raw_bytes_produced=raw_bytes)


def _count_slot(bus: MessageBus, spec: FleetSpec, heard: Overheard, slot: int, phase: Phase) -> None:
    episodes, slots, evs = heard.decided.shape
    left = slots - slot
    everybody = np.tile(np.arange(evs), episodes)
    lengths: dict[str, Any] = {"position_km": 2}
    bus.count(TwinState, Role.VEHICLE, Role.TWIN, phase, lengths, senders=everybody, receivers=everybody)
    _, ev = np.nonzero(heard.decided[:, slot])
    station = heard.station[:, slot][heard.decided[:, slot] > 0]
    offers = heard.offer_kwh[:, slot][heard.decided[:, slot] > 0][:, slot:] != 0.0
    going = station >= 0
    # Offers beyond the last that is not 0 are not told.
    told = np.where(offers.any(axis=1), left - np.argmax(offers[:, ::-1], axis=1), 0)[going]
    bus.count(Intention, Role.TWIN, Role.STATION, phase, {"offers": told}, senders=ev[going], receivers=station[going])
    totals = {"drawn": left, "fed": left, "chargers": left}
    twins, microgrids = np.arange(evs), np.arange(len(spec.microgrid_name))
    for receiver, numbers, sent in ((Role.TWIN, twins, False), (Role.CORE, np.zeros(1, dtype=np.int64), True)):
        bus.count(
            BoardTotals, Role.STATION, receiver, phase, totals,
            senders=station[going], receivers=numbers, broadcast=True, sent_already=sent,
        )  # fmt: skip
    bus.count(
        Forecast, Role.MICROGRID, Role.TWIN, phase, {"deficit_kw": left, "surplus_kw": left},
        senders=np.tile(microgrids, episodes), receivers=twins, broadcast=True,
    )  # fmt: skip


def _count_uploads(bus: MessageBus, spec: FleetSpec, episodes: int, evs: int) -> None:
    """What MADDPG's core is told of each vehicle: what it saw, did and got, and what it saw next."""
    length = EvVector(spec).length
    lengths = {"observation": length, "action": ACTION, "following": length}
    senders = np.tile(np.arange(evs), episodes)
    core = np.zeros(len(senders), dtype=np.int64)
    bus.count(RawUpload, Role.VEHICLE, Role.CORE, Phase.TRAINING, lengths, senders=senders, receivers=core)


def _upload_bytes(spec: FleetSpec) -> int:
    """Raw private bytes of a vehicle in a slot: what it sees, does and gets."""
    return 4 * (2 * EvVector(spec).length + ACTION + 1)
