"""What a fleet discloses is picked out of the bus's report, and averaged over training seeds."""

from __future__ import annotations

import numpy as np
import pytest

from agents.twins.bus import MessageBus
from agents.twins.message import RawUpload
from agents.twins.node import Population, Role
from agents.twins.traffic_count import Phase
from cosim.disclosure import Disclosure, PhaseDisclosure, disclosure_of, mean_disclosure

EVS, SLOTS = 4, 2


def report_of_uploads() -> dict[str, object]:
    """Each EV uploads one observation in one of two slots of a training."""
    bus = MessageBus(Population(EVS, 3, 3), raw_uploads=True)
    bus.begin_slot(0, replicas=1)
    bus.begin_slot(1, replicas=1)
    lengths = {"observation": 5, "action": 3, "following": 5}
    senders, core = np.arange(EVS), np.zeros(EVS, dtype=np.int64)
    bus.count(RawUpload, Role.VEHICLE, Role.CORE, Phase.TRAINING, lengths, senders=senders, receivers=core)
    return bus.report(raw_bytes_produced=2 * EVS * 4 * (5 + 3 + 5 + 1))


def test_numbers_are_those_of_the_bus() -> None:
    found = disclosure_of(report_of_uploads(), trained=True)
    assert found.execution == PhaseDisclosure(0.0, 1.0, 0.0, 0.0, None, None)
    training = found.training
    assert training is not None
    # Half of the slots had an upload of 14 numbers with 4 bytes each.
    assert training.raw_bytes_left_per_ev_and_slot == 4 * 14 / 2
    assert training.data_decentralisation == 0.5
    assert training.sent_messages_per_ev_and_slot == 0.5
    # 15 nodes: 4 vehicles with a byte each, as it were, and the core with all 4 of them.
    assert training.jain_index == pytest.approx(8**2 / (15 * (4 + 4**2)))
    assert training.busiest_over_mean == pytest.approx(4 / (8 / 15))


def test_who_is_not_trained_discloses_nothing_in_training() -> None:
    assert disclosure_of(report_of_uploads(), trained=False).training is None


def test_nobody_has_no_rates() -> None:
    found = disclosure_of(MessageBus(Population(0, 3, 3)).report(), trained=True)
    assert found.training == PhaseDisclosure(None, None, None, None, None, None)


def test_training_seeds_are_averaged_number_by_number() -> None:
    one = PhaseDisclosure(0.0, 1.0, 2.0, 60.0, 0.5, None)
    other = PhaseDisclosure(100.0, 0.5, 3.0, 80.0, 0.25, 4.0)
    both = PhaseDisclosure(50.0, 0.75, 2.5, 70.0, 0.375, None)
    assert mean_disclosure([Disclosure(one, one), Disclosure(other, other)]) == Disclosure(both, both)
    assert mean_disclosure([Disclosure(one, None), Disclosure(other, None)]) == Disclosure(both, None)
    assert mean_disclosure([]) is None
