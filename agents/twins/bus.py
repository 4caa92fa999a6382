"""The one way for messages between nodes: checked, encoded, counted, delivered as decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import numpy as np

from agents.twins.channel import Channel, OpenChannel
from agents.twins.message import (
    FieldLayout,
    Layout,
    Message,
    decode_numbered,
    encode,
    lengths_of,
    private_bytes,
    size_bytes,
)
from agents.twins.node import OWNED, Node, Population, Role
from agents.twins.taint import UNMARKED, declarations, declared_so_far, mark_of, marked, named
from agents.twins.traffic_count import Phase, TrafficCount
from cosim.errors import MessageError
from cosim.interface import Ints, Visibility

AnyMessage = TypeVar("AnyMessage", bound=Message)


@dataclass(frozen=True)
class Received:
    """A message that somebody has.

    Attributes:
        message: As it was on the wire.
        sender: Who sent it.
        sent_slot: Slot in which it was sent.
        age_slots: Slots since then.
    """

    message: Message
    sender: Node
    sent_slot: int
    age_slots: int


@dataclass(frozen=True)
class _OnTheWay:
    """A delivery that has not arrived."""

    sender: Node
    receiver: Node
    sequence: int
    message: Message
    size_bytes: int
    phase: Phase
    sent_slot: int


class MessageBus:
    """Carries all messages between nodes.

    Args:
        population: How many nodes there are; messages from or to others are refused.
        channel: Latency and loss of all messages.
        apart: Other channels for some classes.
        raw_uploads: Whether raw messages may go to somebody who is not their owner, as MADDPG's training needs it.
    """

    def __init__(
        self,
        population: Population,
        *,
        channel: Channel | None = None,
        apart: Mapping[type[Message], Channel] | None = None,
        raw_uploads: bool = False,
    ) -> None:
        self.population = population
        self.raw_uploads = raw_uploads
        self.count_of = TrafficCount(population)
        """What was sent and received."""
        self.refused: Counter[str] = Counter()
        """Messages that were refused, by reason."""
        self.lost = 0
        """Deliveries that were lost on their way."""
        self.undelivered = 0
        """Deliveries that an episode ended before."""
        self.declared_before = declared_so_far()
        """What was declared derived before there was this bus."""
        self.slots = 0
        """Slots that have begun, over all episodes and replicas."""
        self.slot = 0
        """Slot that runs."""
        self._channel = OpenChannel(channel or Channel())
        self._apart = {kind: OpenChannel(options) for kind, options in (apart or {}).items()}
        self._next: Counter[tuple[Node, type[Message]]] = Counter()
        self._last: dict[tuple[Node, Node, type[Message]], int] = {}
        self._have: dict[tuple[Node, type[Message]], dict[Node, tuple[Message, int]]] = {}
        self._on_the_way: dict[int, list[_OnTheWay]] = {}

    def begin_slot(self, slot: int, replicas: int = 1) -> None:
        """Begin a slot: what is due arrives.

        Slot 0 begins an episode: nobody has a message any more, and none is on its way. Sequence numbers go on.

        Args:
            slot: Number of the slot.
            replicas: Replicas whose slots are counted, for what `report` gives per slot.
        """
        self.slots += replicas
        if slot == 0:
            self.undelivered += sum(map(len, self._on_the_way.values()))
            self._on_the_way.clear()
            self._have.clear()
        self.slot = slot
        for due in sorted(due for due in self._on_the_way if due <= slot):
            for each in self._on_the_way.pop(due):
                self._arrive(each)

    def latency_slots(self, kind: type[Message]) -> int:
        """Latency of a class of messages [slots]."""
        return self._channel_of(kind).latency_slots

    def send(
        self, sender: Node, receivers: Node | Sequence[Node], message: AnyMessage, phase: Phase
    ) -> dict[Node, AnyMessage]:
        """Send a message.

        Args:
            sender: Who sends it.
            receivers: Who shall get it; nobody sends to itself, so the sender among them is passed over.
            message: What is sent.
            phase: What for.

        Returns:
            What has arrived at once, as it was on the wire, by receiver; the rest is lost or arrives later.

        Raises:
            MessageError: If a value is raw, unmarked (of an EV, in a derived field), not finite or out of range, or
                if the class may not go this way.
        """
        to = [each for each in ([receivers] if isinstance(receivers, Node) else receivers) if each != sender]
        layout, kind = message.layout, type(message)
        self._check_way(layout, sender, to)
        for each in layout.fields:
            self._check_mark(layout, each, sender, getattr(message, each.name))
        if not to:
            return {}
        sequence = self._next[sender, kind]
        try:
            data = encode(message, sequence)
        except MessageError:
            self.refused["invalid value"] += 1
            raise
        _, decoded = decode_numbered(data)
        self._next[sender, kind] += 1
        self.count_of.add_sent(kind, phase, sender.role, sender.number, len(data))
        if layout.is_raw:
            decoded = _marked_raw(decoded)
        channel = self._channel_of(kind)
        arrived: dict[Node, Any] = {}
        for receiver in to:
            if channel.loses():
                self.lost += 1
                continue
            each_way = _OnTheWay(sender, receiver, sequence, decoded, len(data), phase, self.slot)
            if channel.latency_slots:
                self._on_the_way.setdefault(self.slot + channel.latency_slots, []).append(each_way)
            elif self._arrive(each_way):
                arrived[receiver] = decoded
        return arrived

    def receive(self, sender: Node, receiver: Node, data: bytes, phase: Phase) -> Message:
        """Take in bytes that came from outside the bus, as an attacker would send them.

        Args:
            sender: Who it claims to be from.
            receiver: Who gets it.
            data: What came.
            phase: What for.

        Raises:
            MessageError: If it is no message, may not go this way, or is replayed or out of order.
        """
        try:
            sequence, message = decode_numbered(data)
        except MessageError:
            self.refused["no message"] += 1
            raise
        self._check_way(message.layout, sender, [receiver])
        each_way = _OnTheWay(sender, receiver, sequence, message, len(data), phase, self.slot)
        if not self._arrive(each_way):
            last = self._last[receiver, sender, type(message)]
            raise MessageError(
                f"{message.layout.name} from {sender} to {receiver}: replayed or out of order, "
                f"number {sequence} came after {last}"
            )
        return message

    def latest(self, receiver: Node, sender: Node, kind: type[Message]) -> Received | None:
        """The last message of a class that has arrived at somebody from somebody; None if there is none."""
        found = self._have.get((receiver, kind), {}).get(sender)
        return None if found is None else self._received(sender, *found)

    def all_latest(self, receiver: Node, kind: type[Message]) -> list[Received]:
        """The last message of a class from each sender that somebody has, by sender."""
        found = self._have.get((receiver, kind), {})
        return [self._received(sender, *found[sender]) for sender in sorted(found)]

    def count(
        self,
        kind: type[Message],
        sender: Role,
        receiver: Role,
        phase: Phase,
        lengths: Mapping[str, int | Ints],
        *,
        senders: Ints,
        receivers: Ints,
        broadcast: bool = False,
        sent_already: bool = False,
    ) -> None:
        """Count N messages as sent and received, without writing them: what many replicas send in training.

        Nothing is late or lost, and no value is looked at.

        Args:
            kind: Their class.
            sender: Role of the senders.
            receiver: Role of the receivers.
            phase: What for.
            lengths: Numbers in each list of the class, by field; one for all or an array of shape [N].
            senders: Number of each sender, shape [N].
            receivers: Number of each receiver, shape [N]; of a broadcast the receivers of each message, shape [M].
            broadcast: Whether each message goes to all receivers.
            sent_already: Whether they are counted as sent, and these are further receivers, of another role.

        Raises:
            MessageError: If the class may not go this way.
        """
        layout = kind.layout
        self._check_roles(layout, sender, receiver)
        size = np.broadcast_to(size_bytes(kind, lengths), senders.shape)
        raw = np.broadcast_to(private_bytes(kind, lengths), senders.shape)
        source, to, to_size, to_raw = senders, receivers, size, raw
        if broadcast:
            source, to_size, to_raw = (np.repeat(each, len(receivers)) for each in (senders, size, raw))
            to = np.tile(receivers, len(senders))
        if sender == receiver:
            source, to, to_size, to_raw = (each[source != to] for each in (source, to, to_size, to_raw))
        leaves = (source != to) | (sender not in OWNED) | (receiver not in OWNED)
        if layout.is_raw and not self.raw_uploads and leaves.any():
            raise self._refusal("raw leaves owner", f"{layout.name} from a {sender} to a {receiver}: {_NO_UPLOADS}")
        if not sent_already:
            self.count_of.add_sent(kind, phase, sender, senders, size)
        self.count_of.add_received(kind, phase, sender, receiver, to, to_size, np.where(leaves, to_raw, 0))

    def report(self, raw_bytes_produced: int | None = None) -> dict[str, Any]:
        """What went over the bus, as plain data.

        Args:
            raw_bytes_produced: Raw private bytes that the vehicles produced, shared or not, if that is known.

        Returns:
            `flows` (by class, phase, sender's and receiver's role; the receiver is None for what was sent), `nodes`
            (by node and class), and of training and execution each: `per_ev_and_slot`, `balance` and
            `balance_on_board`, of twins that run in their vehicles (all with and without weights), raw private bytes
            that left their owner, and how decentral they rest; what was refused, lost, never delivered; and `declared`:
            what was declared derived since there is this bus, why, how often.
        """
        return {
            "evs": self.population.evs,
            "slots": self.slots,
            "flows": self.count_of.flows(),
            "nodes": self.count_of.of_nodes(),
            **{str(phase): self._report_of(phase, raw_bytes_produced) for phase in Phase},
            "refused": dict(self.refused),
            "lost": self.lost,
            "undelivered": self.undelivered,
            "declared": [
                {**asdict(each), "sources": list(each.sources)} for each in declarations(self.declared_before)
            ],
        }

    def _report_of(self, phase: Phase, raw_bytes_produced: int | None) -> dict[str, Any]:
        ev_slots = self.population.evs * self.slots
        left_bytes = self.count_of.raw_left_bytes(phase)
        found: dict[str, Any] = {"raw_bytes_left": left_bytes}
        if raw_bytes_produced:
            found["data_decentralisation"] = 1.0 - left_bytes / raw_bytes_produced
            found["data_entropy_bits"] = self.count_of.raw_entropy_bits(phase, raw_bytes_produced)
        for name, weights in (("together", True), ("without_weights", False)):
            of_evs = self.count_of.of_evs(phase, weights=weights)
            found[name] = {
                "per_ev_and_slot": {key: value / ev_slots if ev_slots else None for key, value in of_evs.items()},
                "balance": self.count_of.balance(phase, weights=weights),
                "balance_on_board": self.count_of.balance(phase, weights=weights, on_board=True),
            }
        return found

    def _channel_of(self, kind: type[Message]) -> OpenChannel:
        return self._apart.get(kind, self._channel)

    def _received(self, sender: Node, message: Message, sent_slot: int) -> Received:
        return Received(message, sender, sent_slot, self.slot - sent_slot)

    def _arrive(self, each: _OnTheWay) -> bool:
        """Hand a message to its receiver, unless it is replayed or out of order."""
        kind = type(each.message)
        way = (each.receiver, each.sender, kind)
        if each.sequence <= self._last.get(way, -1):
            self.refused["replayed or out of order"] += 1
            return False
        self._last[way] = each.sequence
        self._have.setdefault((each.receiver, kind), {})[each.sender] = (each.message, each.sent_slot)
        is_raw = kind.layout.is_raw and not each.sender.shares_owner(each.receiver)
        raw_left_bytes = int(private_bytes(kind, lengths_of(each.message))) if is_raw else 0
        self.count_of.add_received(
            kind,
            each.phase,
            each.sender.role,
            each.receiver.role,
            each.receiver.number,
            each.size_bytes,
            raw_left_bytes,
        )
        return True

    def _check_way(self, layout: Layout, sender: Node, receivers: Sequence[Node]) -> None:
        """Refuse unknown nodes, ways that the class is not declared for, and raw messages to others."""
        for node in (sender, *receivers):
            if not 0 <= node.number < self.population.count(node.role):
                raise self._refusal("unknown node", f"{layout.name}: there is no {node}")
        for receiver in receivers:
            self._check_roles(layout, sender.role, receiver.role)
            if layout.is_raw and not self.raw_uploads and not sender.shares_owner(receiver):
                raise self._refusal("raw leaves owner", f"{layout.name} from {sender} to {receiver}: {_NO_UPLOADS}")

    def _check_roles(self, layout: Layout, sender: Role, receiver: Role) -> None:
        if sender not in layout.senders or receiver not in layout.receivers:
            raise self._refusal("way not declared", f"{layout.name} is not sent from a {sender} to a {receiver}")

    def _check_mark(self, layout: Layout, each: FieldLayout, sender: Node, value: Any) -> None:
        """Refuse what is raw in a field that is not, and what an EV shares without having declared it derived."""
        if each.visibility == Visibility.RAW:
            return
        mark = mark_of(value)
        if mark.visibility == Visibility.RAW:
            raise self._refusal(
                "raw value",
                f"{layout.name}.{each.name} is {each.visibility}, and {sender} gives a raw value {named(mark)}",
            )
        if each.visibility == Visibility.DERIVED and sender.role in OWNED and mark.visibility == UNMARKED:
            raise self._refusal(
                "unmarked value",
                f"{layout.name}.{each.name}: {sender} gives a value without a mark, so nobody knows what it was "
                f"computed from; `derived(value, because=...)` declares it",
            )

    def _refusal(self, reason: str, text: str) -> MessageError:
        self.refused[reason] += 1
        return MessageError(text)


_NO_UPLOADS = "raw values stay with their owner on a bus without raw uploads"


def _marked_raw(message: Message) -> Message:
    """A message whose raw fields are marked, so that they stay raw in the receiver's hands."""
    values = {
        each.name: marked(getattr(message, each.name), Visibility.RAW, f"{message.layout.name}.{each.name}")
        for each in message.layout.fields
        if each.visibility == Visibility.RAW
    }
    return replace(message, **values)  # type: ignore[type-var]
