"""What all EVs together offer at each station and slot, so that the core sees sums and no EV's offers.

I = EVs, H = stations, K = numbers of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from agents.twins.bus import MessageBus
from agents.twins.message import PRIME, IntentionShare, Message, ShareAgreement, ShareHolding, ShareSum
from agents.twins.node import Node, Role
from agents.twins.sharing import restored, shares_of
from agents.twins.taint import derived, mark_of, named
from agents.twins.traffic_count import Phase
from cosim.errors import AggregationError, MessageError
from cosim.interface import Ints, Visibility

Bools = NDArray[np.bool_]
#: Members of a committee, unless others are asked for.
COMMITTEE = 5


class DropOut(IntEnum):
    """How far an EV gets in a slot's aggregation before nothing more is heard of it."""

    BEFORE = 0
    """It sends nothing: it is not in the sum."""
    SENDING = 1
    """It sends to some members of the committee, not to all: it is not in the sum."""
    SENT = 2
    """It sends what it offers, and is in the sum; as a member of the committee it does not answer."""
    HELD = 3
    """As a member of the committee it says whose shares it has, and never adds them up."""


_NOBODY: Mapping[int, DropOut] = MappingProxyType({})


class SecretSharing:
    """EVs cut what they offer into shares for a committee of EVs, which changes from slot to slot.

    Whoever has fewer shares than the threshold, as the station, the core and each member of the committee have, learns
    nothing of what one EV offers, not even at which station: every EV sends shares for all stations and slots. Shares
    with a threshold are used rather than masks that must cancel out, so that a member that is lost after the shares
    were sent takes no part of the sum with it, as long as a threshold of members remains. The threshold is more than
    half of the committee, and a member adds up once: from one round of shares nobody gets two
    sums that differ by one EV.

    It protects against members and a collector that are curious and follow the protocol; a threshold of members
    that put their shares together read every EV's offers.

    Args:
        bus: Carries the messages.
        generator: Draws coefficients. In a simulation they shall be the same for the same seed; in the field they
            must come from the operating system's source of random numbers.
        committee_size: Members of the committee.
        threshold: Members whose shares are needed; without, the smallest number above half of the committee.
        least_evs: Fewer EVs are not added up.
        collector: Who puts the sums' shares together.

    Raises:
        MessageError: If the threshold is not above half of the committee, or messages come late on this bus.
    """

    def __init__(
        self,
        bus: MessageBus,
        generator: np.random.Generator,
        *,
        committee_size: int = COMMITTEE,
        threshold: int | None = None,
        least_evs: int = 3,
        collector: Node | None = None,
    ) -> None:
        _check_in_slot(bus, IntentionShare, ShareHolding, ShareAgreement, ShareSum)
        self._bus = bus
        self._generator = generator
        self._size = committee_size
        self._threshold = committee_size // 2 + 1 if threshold is None else threshold
        if not 2 <= committee_size <= 255 or not committee_size < 2 * self._threshold <= 2 * committee_size:
            raise MessageError(
                f"a committee has 2 to 255 members and a threshold above half of them, got {committee_size} "
                f"and {self._threshold}"
            )
        self._least_evs = least_evs
        self._collector = collector or Node(Role.CORE)
        self.included: Bools = np.zeros(bus.population.evs, dtype=bool)
        """EVs that are in the last sum, shape [I]."""

    def total(
        self,
        offers: Ints,
        *,
        slot: int,
        phase: Phase,
        present: Bools | None = None,
        drop_outs: Mapping[int, DropOut] = _NOBODY,
    ) -> Ints:
        """Add up offers, message by message over the bus.

        Args:
            offers: What each EV offers [offer units], declared derived, shape [I, H, K].
            slot: Slot that begins.
            phase: What for.
            present: EVs that take part, shape [I]; all without. One that has left is no longer in any sum.
            drop_outs: EVs that are lost on the way, and when.

        Returns:
            Sums over the EVs in `included`, shape [H, K].

        Raises:
            AggregationError: If a sum would give an EV away, or too many are lost.
            MessageError: If offers are not declared derived or out of range.
        """
        _check_offers(offers)
        taking_part = np.ones(len(offers), dtype=bool) if present is None else np.asarray(present, dtype=bool)
        committee = self._committee(taking_part, slot)
        members = {ev: CommitteeMember(place, slot, self._least_evs) for place, ev in enumerate(committee, 1)}
        for ev in np.flatnonzero(taking_part).tolist():
            self._send_shares(ev, offers[ev].reshape(-1), members, slot, phase, drop_outs.get(ev))
        heard = self._holdings(members, phase, drop_outs)
        agreed = self._agreed(heard)
        self.included = np.zeros(len(taking_part), dtype=bool)
        self.included[agreed] = True
        agreement = ShareAgreement(slot, np.array(agreed))
        asked = self._bus.send(self._collector, [Node(Role.TWIN, ev) for ev in heard], agreement, phase)
        sums: list[ShareSum] = []
        for node, asks in asked.items():
            if drop_outs.get(node.number) != DropOut.HELD:
                answer = members[node.number].add_up(asks)
                sums += self._bus.send(node, self._collector, answer, phase).values()
        totals: Ints = self._restored(sums).reshape(offers.shape[1:])
        return totals

    def _committee(self, taking_part: Bools, slot: int) -> list[int]:
        """The EVs that are this slot's committee: the next in turn."""
        evs = np.flatnonzero(taking_part)
        _check_enough(len(evs), max(self._least_evs, self._size))
        return [int(ev) for ev in evs[(slot * self._size + np.arange(self._size)) % len(evs)]]

    def _send_shares(
        self,
        ev: int,
        values: Ints,
        members: Mapping[int, CommitteeMember],
        slot: int,
        phase: Phase,
        drop_out: DropOut | None,
    ) -> None:
        """Cut what an EV offers into shares, and send each member its own."""
        if drop_out == DropOut.BEFORE:
            return
        coefficients = self._generator.integers(0, PRIME, size=(self._threshold - 1, len(values)))
        because = f"one of the shares of which {self._threshold} are needed to learn anything of the offers"
        shares = shares_of(np.asarray(values), coefficients, self._size)
        reached = self._size // 2 if drop_out == DropOut.SENDING else self._size
        for member, of_member in list(zip(members, shares, strict=True))[:reached]:
            message = IntentionShare(ev, slot, derived(of_member, because=because))
            if member == ev:
                members[member].take(message)
                continue
            for arrived in self._bus.send(Node(Role.TWIN, ev), Node(Role.TWIN, member), message, phase).values():
                members[member].take(arrived)

    def _holdings(
        self, members: Mapping[int, CommitteeMember], phase: Phase, drop_outs: Mapping[int, DropOut]
    ) -> dict[int, ShareHolding]:
        """Whose shares each member has that the collector hears of, by EV."""
        heard: dict[int, ShareHolding] = {}
        for ev, member in members.items():
            if drop_outs.get(ev, DropOut.HELD) == DropOut.HELD:
                arrived = self._bus.send(Node(Role.TWIN, ev), self._collector, member.holding(), phase)
                if self._collector in arrived:
                    heard[ev] = arrived[self._collector]
        return heard

    def _agreed(self, heard: Mapping[int, ShareHolding]) -> list[int]:
        """EVs whose shares all members have that answered."""
        if len(heard) < self._threshold:
            raise AggregationError(
                f"{len(heard)} of {self._size} members of the committee answer, {self._threshold} are needed"
            )
        every = set.intersection(*(set(message.pseudonyms.tolist()) for message in heard.values()))
        _check_enough(len(every), self._least_evs)
        return sorted(every)

    def _restored(self, sums: Sequence[ShareSum]) -> Ints:
        """The sums, from their shares."""
        if len(sums) < self._threshold:
            raise AggregationError(
                f"{len(sums)} of {self._size} members of the committee added up, {self._threshold} are needed"
            )
        shares, places = np.array([each.shares for each in sums], dtype=np.int64), [each.member for each in sums]
        totals = restored(shares[: self._threshold], places[: self._threshold])
        if not np.array_equal(totals, restored(shares[-self._threshold :], places[-self._threshold :])):
            raise MessageError("the committee's shares do not belong to one sum")
        return totals


class CommitteeMember:
    """A member of a round's committee: keeps the shares that it is given, and adds up once.

    Args:
        place: Its place in the committee, from 1.
        slot: The slot.
        least_evs: Fewer EVs it does not add up.
    """

    def __init__(self, place: int, slot: int, least_evs: int) -> None:
        self._place, self._slot, self._least_evs = place, slot, least_evs
        self._shares: dict[int, Ints] = {}
        self._has_added_up = False

    def take(self, message: IntentionShare) -> None:
        """Keep an EV's share.

        Raises:
            MessageError: If it is of another slot, or the EV has sent one already.
        """
        if message.slot != self._slot or message.pseudonym in self._shares:
            raise MessageError(
                f"a share of EV {message.pseudonym} for slot {message.slot} is not awaited in slot {self._slot}"
            )
        self._shares[message.pseudonym] = np.asarray(message.shares).astype(np.int64)

    def holding(self) -> ShareHolding:
        """Whose shares it has."""
        return ShareHolding(self._slot, np.array(sorted(self._shares), dtype=np.int64))

    def add_up(self, agreement: ShareAgreement) -> ShareSum:
        """Its share of the sum over those that were agreed on.

        Raises:
            AggregationError: If they are too few.
            MessageError: If it has added up already, if it has no share of one of them, or if one is named twice.
        """
        evs = agreement.pseudonyms.tolist()
        if self._has_added_up:
            raise MessageError(f"slot {self._slot}: these shares are added up, a second sum could give an EV away")
        if agreement.slot != self._slot or len(set(evs)) != len(evs) or not set(evs) <= self._shares.keys():
            raise MessageError(f"slot {self._slot}: the EVs to add up must be different ones whose shares are here")
        _check_enough(len(evs), self._least_evs)
        self._has_added_up = True
        total = sum(self._shares[ev] for ev in evs) % PRIME
        return ShareSum(self._slot, self._place, derived(total, because=f"share of a sum over {len(evs)} EVs"))


def _check_enough(evs: int, least: int) -> None:
    if evs < least:
        raise AggregationError(f"{evs} EVs are too few for a sum that hides each of them: {least} are needed")


def _check_offers(offers: Ints) -> None:
    """Refuse offers that are not declared derived: their shares are, and would hide what they were made from."""
    mark = mark_of(offers)
    if mark.visibility not in (Visibility.DERIVED, Visibility.PUBLIC):
        raise MessageError(
            f"offers are {mark.visibility} ({named(mark)}): declare them with `derived(offers, because=...)`"
        )
    values = np.asarray(offers)
    if values.ndim != 3 or values.dtype.kind not in "iu":
        raise MessageError(f"offers must be whole numbers of shape [I, H, K], got {values.dtype} of {values.shape}")
    most = PRIME // 2 // max(len(values), 1)
    if values.size and max(int(values.max()), -int(values.min())) > most:
        raise MessageError(f"an offer is beyond {most} offer units, so that the sum may not be told")


def _check_in_slot(bus: MessageBus, *kinds: type[Message]) -> None:
    for kind in kinds:
        if bus.latency_slots(kind):
            raise MessageError(
                f"{kind.__name__} comes {bus.latency_slots(kind)} slots late on this bus; sums are made within a slot"
            )
