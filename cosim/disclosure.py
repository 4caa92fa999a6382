"""What a fleet discloses and sends, per EV and slot: what is told of it beside what it restores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from statistics import fmean
from typing import Any


@dataclass(frozen=True)
class PhaseDisclosure:
    """What goes over the bus in use or in training, weights of networks apart; None where there are no EVs.

    Attributes:
        raw_bytes_left_per_ev_and_slot: Raw private bytes that reach somebody who is not their owner [B].
        data_decentralisation: Share of the raw private bytes that stay with their owner [1].
        sent_messages_per_ev_and_slot: Messages that a vehicle and its twin send.
        sent_bytes_per_ev_and_slot: Their size [B].
        jain_index: Jain's index of the bytes that each node sends and receives [1].
        busiest_over_mean: Bytes of the busiest node over the mean of all nodes [1].
    """

    raw_bytes_left_per_ev_and_slot: float | None
    data_decentralisation: float | None
    sent_messages_per_ev_and_slot: float | None
    sent_bytes_per_ev_and_slot: float | None
    jain_index: float | None
    busiest_over_mean: float | None


@dataclass(frozen=True)
class Disclosure:
    """What a fleet discloses and sends.

    Attributes:
        execution: In use.
        training: In training; None for a fleet that is not trained.
    """

    execution: PhaseDisclosure
    training: PhaseDisclosure | None


def disclosure_of(report: Mapping[str, Any], *, trained: bool) -> Disclosure:
    """Pick what a fleet discloses out of a report of all that was counted.

    Args:
        report: What `agents.twins.bus.MessageBus.report` gives.
        trained: Whether the fleet is trained; if not, what the report says of training is left out.
    """
    return Disclosure(_phase(report, "execution"), _phase(report, "training") if trained else None)


def mean_disclosure(of_seeds: Sequence[Disclosure]) -> Disclosure | None:
    """The mean of each number over training seeds; None without any.

    Args:
        of_seeds: What the fleet discloses with each training seed.
    """
    if not of_seeds:
        return None
    trained = [each.training for each in of_seeds if each.training is not None]
    return Disclosure(_mean([each.execution for each in of_seeds]), _mean(trained) if trained else None)


def _phase(report: Mapping[str, Any], phase: str) -> PhaseDisclosure:
    found = report[phase]
    of_ev, balance = found["without_weights"]["per_ev_and_slot"], found["without_weights"]["balance"]
    ev_slots = report["evs"] * report["slots"]
    return PhaseDisclosure(
        raw_bytes_left_per_ev_and_slot=found["raw_bytes_left"] / ev_slots if ev_slots else None,
        data_decentralisation=found.get("data_decentralisation"),
        sent_messages_per_ev_and_slot=of_ev["sent_messages"],
        sent_bytes_per_ev_and_slot=of_ev["sent_bytes"],
        jain_index=balance["jain"],
        busiest_over_mean=balance["busiest_over_mean"],
    )


def _mean(phases: Sequence[PhaseDisclosure]) -> PhaseDisclosure:
    def mean(name: str) -> float | None:
        values = [getattr(phase, name) for phase in phases]
        return None if None in values else fmean(values)

    return PhaseDisclosure(**{field.name: mean(field.name) for field in fields(PhaseDisclosure)})
