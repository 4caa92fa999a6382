"""What a fleet sends, message by message, as the bus counts it: in use, and where it is trained."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.catalogue import Shares
from agents.ev_vector import EvVector
from agents.twins.bus import MessageBus
from agents.twins.eavesdropper import Overheard
from agents.twins.message import (
    BoardTotals,
    Forecast,
    Intention,
    Message,
    RawUpload,
    StationLimit,
    TwinState,
    Weights,
)
from agents.twins.node import Population, Role
from agents.twins.traffic_count import Phase
from cosim.interface import FleetSpec, Ints

#: Numbers of an action in an upload: heading, distance and power.
ACTION = 3
#: Episodes of training between two sets of weights, as `cosim train` has it unless asked otherwise.
EPISODES_OF_ROUND = 64


def flows_of(
    spec: FleetSpec,
    heard: Overheard,
    shares: Shares,
    *,
    weights: int = 0,
    used: MessageBus | None = None,
    alone: bool = False,
) -> dict[str, Any]:
    """Count what went, and in training would go, over the bus.

    In use each EV that decides sends its intention to its station, and takes back the one at another station that still
    holds. After each turn a station to which something was sent tells everybody its new totals from that slot on.
    Microgrids tell their forecasts and stations their limits once a slot, and each vehicle its state to its own twin.
    In training the same goes on, and raw observations go to the core if it learns from them; which hands its newest
    weights to all twins before each round of episodes.

    Args:
        spec: The fleet.
        heard: What the fleet said.
        shares: What whoever trains is told.
        weights: Numbers in the network that the core hands on; 0 if it hands on none.
        alone: Whether each EV decides by itself, so that it tells nobody what it intends.
        used: The bus that carried all that was heard, if one did: then what it counted is what went in use.

    Returns:
        What `MessageBus.report` gives.
    """
    population = Population(spec.fleet_size, len(spec.station_name), len(spec.microgrid_name))
    bus = MessageBus(population, raw_uploads=shares == "raw")
    if used is not None:
        bus.count_of, bus.refused = copy.deepcopy(used.count_of), used.refused.copy()
        bus.declared_before = used.declared_before
    episodes, slots, evs = heard.decided.shape
    raw_bytes = 0
    for slot in range(slots):
        bus.begin_slot(slot, replicas=episodes)
        for phase in Phase:
            if used is None or phase != Phase.EXECUTION:
                _count_known(bus, spec, episodes, slot, phase)
                if not alone:
                    _count_told(bus, heard, slot, phase)
        if shares == "raw":
            _count_uploads(bus, spec, episodes, evs)
        raw_bytes += episodes * evs * _upload_bytes(spec)
    if shares != "nothing":
        count_weights(bus, weights, episodes)
    return bus.report(raw_bytes_produced=raw_bytes)


def count_weights(bus: MessageBus, weights: int, episodes: int) -> None:
    """Count what the core hands on in so many episodes of training: all weights, to all twins, before each round.

    Args:
        bus: What counts.
        weights: Numbers in the network; 0 counts nothing.
        episodes: Episodes of training; a round that has begun counts.
    """
    if weights:
        core = np.zeros(math.ceil(episodes / EPISODES_OF_ROUND), dtype=np.int64)
        twins = np.arange(bus.population.evs)
        lengths = {"values": weights}
        bus.count(Weights, Role.CORE, Role.TWIN, Phase.TRAINING, lengths, senders=core, receivers=twins, broadcast=True)


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


def _count_known(bus: MessageBus, spec: FleetSpec, episodes: int, slot: int, phase: Phase) -> None:
    """What twins hear of their vehicles and of the grid as a slot begins."""
    everybody = np.tile(np.arange(spec.fleet_size), episodes)
    state: dict[str, Any] = {"position_km": 2}
    bus.count(TwinState, Role.VEHICLE, Role.TWIN, phase, state, senders=everybody, receivers=everybody)
    stations, microgrids = (np.tile(np.arange(n), episodes) for n in (len(spec.station_name), len(spec.microgrid_name)))
    _count_told_to_all(bus, StationLimit, Role.STATION, phase, {}, stations)
    ahead = dict.fromkeys(("deficit_kw", "surplus_kw"), spec.slots - slot)
    _count_told_to_all(bus, Forecast, Role.MICROGRID, phase, ahead, microgrids)


def _count_told(bus: MessageBus, heard: Overheard, slot: int, phase: Phase) -> None:
    """What EVs that decide tell their stations, and these everybody."""
    sent = sent_intentions(heard, slot)
    told: dict[str, Any] = {"offers": sent.offers}
    bus.count(Intention, Role.TWIN, Role.STATION, phase, told, senders=sent.ev, receivers=sent.station)
    # One message of each station for each turn that changed anything there.
    tells = np.unique(np.stack([sent.episode, sent.turn, sent.station]), axis=1)[2]
    totals = dict.fromkeys(("drawn", "fed", "chargers"), heard.decided.shape[1] - slot)
    _count_told_to_all(bus, BoardTotals, Role.STATION, phase, totals, tells)


def _count_told_to_all(
    bus: MessageBus, kind: type[Message], sender: Role, phase: Phase, lengths: dict[str, Any], senders: Ints
) -> None:
    """Count broadcasts to all twins and to the core."""
    for role, again in ((Role.TWIN, False), (Role.CORE, True)):
        receivers = np.arange(bus.population.count(role))
        bus.count(
            kind, sender, role, phase, lengths,
            senders=senders, receivers=receivers, broadcast=True, sent_already=again,
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
