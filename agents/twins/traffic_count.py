"""How many messages and bytes went from whom to whom: by class, role, node, and training or execution."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.twins.message import Message, Weights
from agents.twins.node import OWNED, Node, Population, Role
from cosim.interface import Floats, Ints


class Phase(StrEnum):
    """What a message is sent for."""

    TRAINING = "training"
    EXECUTION = "execution"


#: Columns of the counts: messages, bytes, and raw private bytes that somebody got who is not their owner.
MESSAGES, BYTES, RAW_LEFT = range(3)

SentKey = tuple[str, Phase, Role]
ReceivedKey = tuple[str, Phase, Role, Role]


class TrafficCount:
    """Counts of messages; a broadcast is sent once, and received once by each receiver.

    Args:
        population: How many nodes there are.
    """

    def __init__(self, population: Population) -> None:
        self._population = population
        self.sent: dict[SentKey, Ints] = {}
        """By class, phase and sender's role: messages and bytes of each sender, shape [nodes, 3]."""
        self.received: dict[ReceivedKey, Ints] = {}
        """By class, phase, sender's and receiver's role: of each receiver, shape [nodes, 3]."""

    def add_sent(self, kind: type[Message], phase: Phase, role: Role, sender: Any, size_bytes: Any) -> None:
        """Count messages that were sent.

        Args:
            kind: Their class.
            phase: What for.
            role: Role of the senders.
            sender: Number of each sender, shape [N] or one.
            size_bytes: Size of each, shape [N] or one.
        """
        key = (kind.__name__, phase, role)
        table = self.sent.get(key)
        if table is None:
            table = self.sent[key] = np.zeros((self._population.count(role), 3), dtype=np.int64)
        _add(table, sender, size_bytes, 0)

    def add_received(
        self,
        kind: type[Message],
        phase: Phase,
        sender: Role,
        role: Role,
        receiver: Any,
        size_bytes: Any,
        raw_left_bytes: Any,
    ) -> None:
        """Count messages that were received.

        Args:
            kind: Their class.
            phase: What for.
            sender: Role of the senders.
            role: Role of the receivers.
            receiver: Number of each receiver, shape [N] or one.
            size_bytes: Size of each, shape [N] or one.
            raw_left_bytes: Raw private bytes in each whose owner the receiver is not, shape [N] or one.
        """
        key = (kind.__name__, phase, sender, role)
        table = self.received.get(key)
        if table is None:
            table = self.received[key] = np.zeros((self._population.count(role), 3), dtype=np.int64)
        _add(table, receiver, size_bytes, raw_left_bytes)

    def flows(self) -> list[dict[str, Any]]:
        """Every kind of message that was sent or received: from whom, to whom, what for, how much."""
        rows: list[dict[str, Any]] = []
        for (kind, phase, role), table in sorted(self.sent.items()):
            rows.append(_row(kind, phase, role, None, table))
        for (kind, phase, sender, role), table in sorted(self.received.items()):
            rows.append({**_row(kind, phase, sender, role, table), "raw_bytes_left": int(table[:, RAW_LEFT].sum())})
        return rows

    def of_nodes(self) -> dict[str, dict[str, dict[str, int]]]:
        """Messages and bytes that each node sent and received, by class."""
        found: dict[str, dict[str, dict[str, int]]] = {str(node): {} for node in self._population.nodes()}
        for (kind, _, role), table in self.sent.items():
            _add_rows(found, kind, role, "sent", table)
        for (kind, _, _, role), table in self.received.items():
            _add_rows(found, kind, role, "received", table)
        return found

    def raw_left_bytes(self, phase: Phase) -> int:
        """Raw private bytes that somebody got who is not their owner."""
        return sum(int(table[:, RAW_LEFT].sum()) for key, table in self.received.items() if key[1] == phase)

    def raw_entropy_bits(self, phase: Phase, raw_bytes_produced: float) -> float:
        """How decentral raw private bytes rest: the entropy of the node with which a byte is found [bits].

        A byte that somebody else got is found there, every other one with its owner: log2 of the number of vehicles if
        none has left, 0 if the core has all.

        Args:
            phase: What for.
            raw_bytes_produced: Raw bytes of all vehicles together, each as many; > 0.

        Source:
            Shannon 1948, A mathematical theory of communication.
        """
        left: dict[Role, Floats] = {}
        for (_, of_phase, _, role), table in self.received.items():
            if of_phase == phase:
                left[role] = left.get(role, 0.0) + table[:, RAW_LEFT].astype(np.float64)
        kept_bytes = max(raw_bytes_produced - self.raw_left_bytes(phase), 0.0)
        evs = max(self._population.evs, 1)
        found = np.concatenate([np.full(evs, kept_bytes / evs), *left.values()])
        share = found[found > 0.0] / found.sum()
        return float(-(share * np.log2(share)).sum())

    def of_evs(self, phase: Phase, *, weights: bool) -> dict[str, int]:
        """What vehicles and twins sent and received, with or without the weights of networks."""
        up = _total(self.sent, lambda key: key[2] in OWNED and _counts(key, phase, weights))
        down = _total(self.received, lambda key: key[3] in OWNED and _counts(key, phase, weights))
        return {
            "sent_messages": int(up[MESSAGES]),
            "sent_bytes": int(up[BYTES]),
            "received_messages": int(down[MESSAGES]),
            "received_bytes": int(down[BYTES]),
        }

    def balance(self, phase: Phase, *, weights: bool, on_board: bool = False) -> dict[str, Any]:
        """How evenly the load lies on the nodes: a node's load is the bytes that it sent and received.

        Args:
            phase: What for.
            weights: Whether weights of networks count.
            on_board: Whether each twin runs in its vehicle: then both are one node, and what they tell each other goes
                over no network.

        Returns:
            Jain's index of all nodes and of each role's (1 if all are loaded alike, 1/n if one of n has all; None
            without any load), the busiest node, its share of the load, and its load over the mean.

        Source:
            Jain, Chiu and Hawe 1984, DEC-TR-301.
        """
        load_bytes = {role: np.zeros(self._population.count(role)) for role in Role}
        for sent, table in self.sent.items():
            if _counts(sent, phase, weights):
                load_bytes[sent[2]] += table[:, BYTES]
        for received, table in self.received.items():
            if _counts(received, phase, weights):
                load_bytes[received[3]] += table[:, BYTES]
        if on_board:
            vehicles_bytes = load_bytes[Role.VEHICLE] + load_bytes.pop(Role.TWIN)
            load_bytes[Role.VEHICLE] = vehicles_bytes - 2.0 * self._between_owned(phase, weights)
        every = np.concatenate(list(load_bytes.values()))
        total = float(every.sum())
        names = [str(node) for node in self._population.nodes(*load_bytes)]
        busiest = int(every.argmax())
        return {
            "bytes": int(total),
            "jain": jain(every),
            "jain_by_role": {str(role): jain(load) for role, load in load_bytes.items()},
            "busiest": names[busiest] if total else None,
            "busiest_share": float(every[busiest]) / total if total else None,
            "busiest_over_mean": float(every[busiest]) / float(every.mean()) if total else None,
        }

    def _between_owned(self, phase: Phase, weights: bool) -> Floats:
        """Bytes between each vehicle and its twin, shape [I]."""
        between_bytes = np.zeros(self._population.evs)
        for received, table in self.received.items():
            if received[2] in OWNED and received[3] in OWNED and received[2] != received[3]:
                between_bytes += table[:, BYTES] * _counts(received, phase, weights)
        return between_bytes


def jain(load: Floats) -> float | None:
    """Jain's index of loads, (sum x)^2 / (n sum x^2); None where there is no load."""
    squares = float(np.square(load).sum())
    return float(load.sum()) ** 2 / (len(load) * squares) if squares else None


def _add(table: Ints, node: Any, size_bytes: Any, raw_left_bytes: Any) -> None:
    if type(node) is int:
        table[node] += (1, size_bytes, raw_left_bytes)
        return
    np.add.at(table[:, MESSAGES], node, 1)
    np.add.at(table[:, BYTES], node, size_bytes)
    np.add.at(table[:, RAW_LEFT], node, raw_left_bytes)


def _row(kind: str, phase: Phase, sender: Role, receiver: Role | None, table: NDArray[Any]) -> dict[str, Any]:
    return {
        "class": kind,
        "phase": str(phase),
        "sender": str(sender),
        "receiver": None if receiver is None else str(receiver),
        "messages": int(table[:, MESSAGES].sum()),
        "bytes": int(table[:, BYTES].sum()),
    }


def _add_rows(
    found: dict[str, dict[str, dict[str, int]]], kind: str, role: Role, way: str, table: NDArray[Any]
) -> None:
    for number in np.flatnonzero(table[:, MESSAGES]).tolist():
        of_kind = found[str(Node(role, number))].setdefault(kind, {})
        for name, column in (("messages", MESSAGES), ("bytes", BYTES)):
            of_kind[f"{way}_{name}"] = of_kind.get(f"{way}_{name}", 0) + int(table[number, column])


def _counts(key: SentKey | ReceivedKey, phase: Phase, weights: bool) -> bool:
    return key[1] == phase and (weights or key[0] != Weights.__name__)


def _total(tables: dict[Any, Ints], counts: Callable[[Any], bool]) -> Ints:
    found = np.zeros(3, dtype=np.int64)
    for key, table in tables.items():
        if counts(key):
            found += table.sum(axis=0)
    return found
