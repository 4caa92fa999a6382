"""What a fleet sends, message by message, as the bus counts it: in use, and where it is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.catalogue import Shares
from agents.ev_vector import EvVector
from agents.twins.bus import MessageBus
from agents.twins.eavesdropper import Overheard
from agents.twins.message import BoardTotals, Forecast, Intention, RawUpload, StationLimit, TwinState
from agents.twins.node import Population, Role
from agents.twins.traffic_count import Phase
from cosim.interface import FleetSpec, Ints

#: Numbers of an action in an upload: heading, distance and power.
ACTION = 3


def flows_of(spec: FleetSpec, heard: Overheard, shares: Shares) -> dict[str, Any]:
    """Count what went, and in training would go, over the bus.

    In use each EV that decides sends its intention to its station, and takes back the one at another station that still
    holds. After each turn a station to which something was sent tells everybody its new totals from that slot on.
    Microgrids tell their forecasts and stations their limits once a slot, and each vehicle its state to its own twin.
    In training the same goes on, and raw observations go to the core if it learns from them. Weights are not counted:
    they are the same for all fleets with the same networks.

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


@dataclass(frozen=True)
class SentIntentions:
    """N intentions of a slot, those that only take back an earlier one among them; each field of shape [N].

    Attributes:
        episode: Episode, from 0.
        turn: Turn of the slot.
        ev: Who sends it.
        station: To which station.
        offers: Slots from the one that begins to the last that it tells of.
    """

    episode: Ints
    turn: Ints
    ev: Ints
    station: Ints
    offers: Ints


def sent_intentions(heard: Overheard, slot: int) -> SentIntentions:
    """Who sent an intention to which station in a slot.

    Args:
        heard: What the fleet said.
        slot: Which slot.
    """
    decided = heard.decided[:, slot] > 0
    episode, ev = np.nonzero(decided)
    station, offer_kwh = heard.station[:, slot][decided], heard.offer_kwh[:, slot][decided][:, slot:]
    # Offers beyond the last that is not 0 are not told.
    offers = np.where(offer_kwh.any(axis=1), offer_kwh.shape[1] - np.argmax(offer_kwh[:, ::-1] != 0.0, axis=1), 0)
    goes, leaves = station >= 0, np.zeros(len(ev), dtype=np.bool_)
    before = np.full(len(ev), -1)
    if slot:
        before = heard.station[:, slot - 1][decided]
        holds = heard.offer_kwh[:, slot - 1][decided][:, slot:].any(axis=1)
        leaves = (before >= 0) & (before != station) & holds
    who = np.concatenate([np.flatnonzero(goes), np.flatnonzero(leaves)])
    return SentIntentions(
        episode=episode[who],
        turn=heard.turn[:, slot][decided][who],
        ev=ev[who],
        station=np.concatenate([station[goes], before[leaves]]),
        offers=np.concatenate([offers[goes], np.zeros(int(leaves.sum()), dtype=np.int64)]),
    )


def _count_slot(bus: MessageBus, spec: FleetSpec, heard: Overheard, slot: int, phase: Phase) -> None:
    episodes, slots, evs = heard.decided.shape
    left = slots - slot
    everybody = np.tile(np.arange(evs), episodes)
    lengths: dict[str, Any] = {"position_km": 2}
    bus.count(TwinState, Role.VEHICLE, Role.TWIN, phase, lengths, senders=everybody, receivers=everybody)
    sent = sent_intentions(heard, slot)
    bus.count(
        Intention, Role.TWIN, Role.STATION, phase, {"offers": sent.offers}, senders=sent.ev, receivers=sent.station
    )
    tells = np.unique(np.stack([sent.episode, sent.turn, sent.station]), axis=1)[2]
    totals = {"drawn": left, "fed": left, "chargers": left}
    twins, microgrids = np.arange(evs), np.arange(len(spec.microgrid_name))
    for receiver, numbers, again in ((Role.TWIN, twins, False), (Role.CORE, np.zeros(1, dtype=np.int64), True)):
        bus.count(
            BoardTotals, Role.STATION, receiver, phase, totals,
            senders=tells, receivers=numbers, broadcast=True, sent_already=again,
        )  # fmt: skip
    bus.count(
        StationLimit, Role.STATION, Role.TWIN, phase, {},
        senders=np.tile(np.arange(len(spec.station_name)), episodes), receivers=twins, broadcast=True,
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
